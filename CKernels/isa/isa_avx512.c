// AVX-512 (F, BW, DQ, VL): Intel Skylake-X, AMD Zen 4, and later.
#if defined(__x86_64__)
#include <math.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include "../runtime/kernels.h"
#include "avx512.h"

#define CK_SET avx512
#define CK_DOTS 0

#pragma clang attribute push(__attribute__((target("avx512f,avx512bw,avx512dq,avx512vl,avx2,fma"))),         \
                             apply_to = function)
#include "instantiate.h"
#pragma clang attribute pop
#endif
