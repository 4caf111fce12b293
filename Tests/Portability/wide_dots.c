// The same for isa_avx512bf16.c, with its dot products in plain vector code: it takes the place of that file.
#include <math.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include "../../CKernels/runtime/kernels.h"

#define CK_SET avx512bf16
#define CK_LANES 16
#define CK_FUSED 1
#define CK_NV 4
#define CK_DOTS 1

#pragma clang attribute push(__attribute__((target("avx2,fma"))), apply_to = function)
#include "../../CKernels/isa/instantiate.h"
#pragma clang attribute pop
