// isa_avx512bf16.c for a processor with dot products of bytes and none of bfloat16, which are plain vector
// code here: it takes the place of that file.
#include <immintrin.h>
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
#define CK_DOT_BYTES(sum, a, b) _mm512_dpbusd_epi32((__m512i)(sum), (__m512i)(a), (__m512i)(b))

#pragma clang attribute push(                                                                                \
    __attribute__((target("avx512vnni,avx512f,avx512bw,avx512dq,avx512vl,avx2,fma"))), apply_to = function)
#include "../../CKernels/isa/instantiate.h"
#pragma clang attribute pop
