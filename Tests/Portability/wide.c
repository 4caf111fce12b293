// The kernels as isa_avx512.c instantiates them, 16 lanes and all, but compiled for AVX2, so that a machine
// without AVX-512 runs them: each vector becomes two registers. It takes the place of isa_avx512.c in this
// build.
#include <math.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include "../../CKernels/runtime/kernels.h"

#define CK_SET avx512
#define CK_LANES 16
#define CK_FUSED 1
#define CK_NV 4
#define CK_DOTS 0

#pragma clang attribute push(__attribute__((target("avx2,fma"))), apply_to = function)
#include "../../CKernels/isa/instantiate.h"
#pragma clang attribute pop
