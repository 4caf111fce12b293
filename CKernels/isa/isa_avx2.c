// AVX2 with FMA: Intel Haswell, AMD Zen, and later.
#if defined(__x86_64__)
#include <math.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include "../runtime/kernels.h"

#define CK_SET avx2
#define CK_LANES 8
#define CK_FUSED 1
#define CK_NV 2
#define CK_DOTS 0

#pragma clang attribute push(__attribute__((target("avx2,fma"))), apply_to = function)
#include "instantiate.h"
#pragma clang attribute pop
#endif
