// AVX-512 (F, BW, DQ, VL) with dot products of bfloat16 (BF16) and of bytes (VNNI): Intel Cooper Lake,
// Sapphire Rapids, AMD Zen 4, and later. It differs from avx512 in the products of bfloat16 and int8 alone.
#if defined(__x86_64__)
#include <immintrin.h>
#include <math.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include "../runtime/kernels.h"
#include "avx512.h"

#define CK_SET avx512bf16
#define CK_DOTS 1
// vdpbf16ps adds the product of the upper halves first, rounds, and adds that of the lower ones; numbers
// below the least normal one count as zero and become zero.
#define CK_DOT_BFLOAT16(sum, a, b) _mm512_dpbf16_ps((__m512)(sum), (__m512bh)(a), (__m512bh)(b))
#define CK_DOT_BYTES(sum, a, b) _mm512_dpbusd_epi32((__m512i)(sum), (__m512i)(a), (__m512i)(b))

#pragma clang attribute push(                                                                                \
    __attribute__((target("avx512bf16,avx512vnni,avx512f,avx512bw,avx512dq,avx512vl,avx2,fma"))),            \
    apply_to = function)
#include "instantiate.h"
#pragma clang attribute pop
#endif
