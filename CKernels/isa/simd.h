// The vocabulary that every kernel is written in: CK_LANES floats at a time, on clang's vector types.
//
// The types and operators mean the same for every width and target, so one header serves all sets; an isa_*.c
// decides CK_LANES (the width), CK_FUSED (does the target have a fused multiply-add), the register tile, and
// CK_DOTS (are its products in few bits made of pairs of bfloat16 and quads of bytes). The instructions for
// those, which no operator of C stands for, it names in CK_DOT_BFLOAT16 and CK_DOT_BYTES.
#ifndef CK_SIMD_H
#define CK_SIMD_H

#include <stdint.h>
#include <string.h>

#define CK_INLINE static inline __attribute__((always_inline))

typedef float vf __attribute__((ext_vector_type(CK_LANES)));
typedef int32_t vi __attribute__((ext_vector_type(CK_LANES)));
typedef uint32_t vu __attribute__((ext_vector_type(CK_LANES)));
// A pair of short integers in every lane.
typedef int16_t vs __attribute__((ext_vector_type(2 * CK_LANES)));
typedef int8_t vs_bytes __attribute__((ext_vector_type(2 * CK_LANES)));
typedef float vf_pairs __attribute__((ext_vector_type(2 * CK_LANES)));
typedef uint16_t vu_halves __attribute__((ext_vector_type(CK_LANES)));
typedef int32_t vs_products __attribute__((ext_vector_type(2 * CK_LANES)));

CK_INLINE vf vf_set(float x) { return (vf)(x); }
CK_INLINE vi vi_set(int32_t x) { return (vi)(x); }

// Unaligned, whole vectors.
CK_INLINE vf vf_load(const float *p) {
    vf r;
    memcpy(&r, p, sizeof r);
    return r;
}
CK_INLINE void vf_store(float *p, vf x) { memcpy(p, &x, sizeof x); }

// The first n elements, n ≥ 1; missing lanes read as `missing`. n ≥ CK_LANES is a whole vector.
CK_INLINE vf vf_load_first_or(const float *p, int64_t n, float missing) {
    if (n >= CK_LANES) return vf_load(p);
    float lanes[CK_LANES];
    vf_store(lanes, vf_set(missing));
    for (int64_t i = 0; i < n; i++) lanes[i] = p[i];
    return vf_load(lanes);
}
CK_INLINE vf vf_load_first(const float *p, int64_t n) { return vf_load_first_or(p, n, 0); }
CK_INLINE void vf_store_first(float *p, vf x, int64_t n) {
    if (n >= CK_LANES) {
        vf_store(p, x);
        return;
    }
    float lanes[CK_LANES];
    vf_store(lanes, x);
    for (int64_t i = 0; i < n; i++) p[i] = lanes[i];
}

// The first n bytes, one a lane; missing lanes read as zero.
CK_INLINE vi vi_load_first_bytes(const uint8_t *p, int64_t n) {
    uint8_t bytes[CK_LANES] = {0};
    memcpy(bytes, p, (size_t)(n < CK_LANES ? n : CK_LANES));
    vi r;
    for (int i = 0; i < CK_LANES; i++) r[i] = bytes[i];
    return r;
}

// Runs a statement for every vector of `count` elements: `i` is its first element, `n` how many there are of
// it. For all but the last n is a constant, so that whole vectors pay for no test.
#define CK_VECTORS(i, n, count, ...)                                                                         \
    do {                                                                                                     \
        int64_t i = 0;                                                                                       \
        for (; i + CK_LANES <= (count); i += CK_LANES) {                                                     \
            const int64_t n = CK_LANES;                                                                      \
            __VA_ARGS__;                                                                                     \
        }                                                                                                    \
        if (i < (count)) {                                                                                   \
            const int64_t n = (count)-i;                                                                     \
            __VA_ARGS__;                                                                                     \
        }                                                                                                    \
    } while (0)

// The same for a reduction into four sums, which hide the latency of adding up: `k` is the index of the one
// that this vector goes to.
#define CK_SUMS(i, n, k, count, ...)                                                                         \
    do {                                                                                                     \
        int64_t i = 0;                                                                                       \
        while (i + 4 * CK_LANES <= (count))                                                                  \
            for (int k = 0; k < 4; k++, i += CK_LANES) {                                                     \
                const int64_t n = CK_LANES;                                                                  \
                __VA_ARGS__;                                                                                 \
            }                                                                                                \
        for (const int k = 0; i < (count); i += CK_LANES) {                                                  \
            const int64_t n = (count)-i;                                                                     \
            __VA_ARGS__;                                                                                     \
        }                                                                                                    \
    } while (0)

// a b + c. Unfused targets round the product.
CK_INLINE vf vf_fma(vf a, vf b, vf c) {
#if CK_FUSED
    return __builtin_elementwise_fma(a, b, c);
#else
    return a * b + c;
#endif
}

// Where a comparison with NaN is false these return b: a NaN in b stays.
CK_INLINE vf vf_max(vf a, vf b) { return a > b ? a : b; }
CK_INLINE vf vf_min(vf a, vf b) { return a < b ? a : b; }
CK_INLINE vf vf_sqrt(vf x) { return __builtin_elementwise_sqrt(x); }

CK_INLINE vi vi_of(vf x) { return (vi)x; }
CK_INLINE vf vf_of(vi x) { return (vf)x; }
CK_INLINE vf vf_abs(vf x) { return vf_of(vi_of(x) & vi_set(0x7fffffff)); }

// Whether a comparison holds in any lane.
CK_INLINE int vi_any(vi condition) { return __builtin_reduce_or(condition) != 0; }

// The pairs of whole vectors of bytes, widened.
CK_INLINE vs vs_load_bytes(const void *p) {
    vs_bytes bytes;
    memcpy(&bytes, p, sizeof bytes);
    return __builtin_convertvector(bytes, vs);
}

// Lane by lane the dot product of two pairs, in the form that clang knows best: on x86-64 it becomes
// vpmaddwd, on NEON two smlal.
CK_INLINE vi vi_dot_pairs(vs a, vs b) {
#if CK_LANES == 4
    return __builtin_convertvector(a.even, vi) * __builtin_convertvector(b.even, vi) +
           __builtin_convertvector(a.odd, vi) * __builtin_convertvector(b.odd, vi);
#else
    vs_products products = __builtin_convertvector(a, vs_products) * __builtin_convertvector(b, vs_products);
    return (vi)(products.even + products.odd);
#endif
}

// Lane by lane, sum + the dot product of four bytes of a, without a sign, and four of b, with one; modulo
// 2³².
CK_INLINE vu vu_dot_bytes(vu sum, vu a, vu b) {
#ifdef CK_DOT_BYTES
    return (vu)CK_DOT_BYTES(sum, a, b);
#else
    const vs even = (vs)(a & 0x00ff00ff), odd = (vs)(a >> 8 & 0x00ff00ff);
    return sum + (vu)vi_dot_pairs(even, (vs)b << 8 >> 8) + (vu)vi_dot_pairs(odd, (vs)b >> 8);
#endif
}

// bfloat16 is the upper half of a float: rounded to nearest even, NaN kept one, in the lower half of each
// lane.
CK_INLINE vu vu_bfloat16(vf x) {
    vu bits = (vu)x, rounded = (bits + 0x7fff + (bits >> 16 & 1)) >> 16;
    return (vu)(x == x ? (vi)rounded : (vi)(bits >> 16 | 0x40));
}

// A pair of bfloat16 a lane, the first in the upper half; and each as a float.
CK_INLINE vu vu_pair_bfloat16(vf first, vf second) { return vu_bfloat16(first) << 16 | vu_bfloat16(second); }
CK_INLINE vf vf_first_bfloat16(vu pair) { return (vf)(pair & 0xffff0000); }
CK_INLINE vf vf_second_bfloat16(vu pair) { return (vf)(pair << 16); }

// Lane by lane, sum + the first product + the second of two pairs.
CK_INLINE vf vf_dot_bfloat16(vf sum, vu a, vu b) {
#ifdef CK_DOT_BFLOAT16
    return (vf)CK_DOT_BFLOAT16(sum, a, b);
#else
    sum = vf_fma(vf_first_bfloat16(a), vf_first_bfloat16(b), sum);
    return vf_fma(vf_second_bfloat16(a), vf_second_bfloat16(b), sum);
#endif
}

CK_INLINE vu vu_load(const void *p) {
    vu r;
    memcpy(&r, p, sizeof r);
    return r;
}
CK_INLINE void vu_store(void *p, vu x) { memcpy(p, &x, sizeof x); }
// The lower half of each lane.
CK_INLINE void vu_store_halves(void *p, vu x) {
    vu_halves halves = __builtin_convertvector(x, vu_halves);
    memcpy(p, &halves, sizeof halves);
}

// Across the lanes, in halves: the order depends on CK_LANES alone.
CK_INLINE float vf_sum(vf x) {
    float lanes[CK_LANES];
    vf_store(lanes, x);
    for (int half = CK_LANES / 2; half > 0; half /= 2)
        for (int i = 0; i < half; i++) lanes[i] += lanes[i + half];
    return lanes[0];
}
CK_INLINE float vf_sum_of_four(const vf x[4]) { return vf_sum((x[0] + x[1]) + (x[2] + x[3])); }
CK_INLINE float vf_maximum(vf x) {
    float lanes[CK_LANES];
    vf_store(lanes, x);
    for (int half = CK_LANES / 2; half > 0; half /= 2)
        for (int i = 0; i < half; i++) lanes[i] = lanes[i] > lanes[i + half] ? lanes[i] : lanes[i + half];
    return lanes[0];
}

// The elements of a and b in turns: of their lower halves, and of their upper ones.
#if CK_LANES == 16
#define CK_ZIP(first)                                                                                        \
    first, first + 16, first + 1, first + 17, first + 2, first + 18, first + 3, first + 19, first + 4,       \
        first + 20, first + 5, first + 21, first + 6, first + 22, first + 7, first + 23
#elif CK_LANES == 8
#define CK_ZIP(first) first, first + 8, first + 1, first + 9, first + 2, first + 10, first + 3, first + 11
#elif CK_LANES == 4
#define CK_ZIP(first) first, first + 4, first + 1, first + 5
#else
#define CK_ZIP(first) 0
#endif
CK_INLINE vf vf_zip_low(vf a, vf b) { return __builtin_shufflevector(a, b, CK_ZIP(0)); }
CK_INLINE vf vf_zip_high(vf a, vf b) { return __builtin_shufflevector(a, b, CK_ZIP(CK_LANES / 2)); }

// Row i of x becomes column i: squares of 4 × 4 first, in parts of four lanes, then the squares change
// places.
#if CK_LANES == 16
#define CK_LANES_OF(a, b, c, d)                                                                              \
    a, b, c, d, (a) + 4, (b) + 4, (c) + 4, (d) + 4, (a) + 8, (b) + 8, (c) + 8, (d) + 8, (a) + 12, (b) + 12,  \
        (c) + 12, (d) + 12
#define CK_EVEN_PARTS 0, 1, 2, 3, 16, 17, 18, 19, 8, 9, 10, 11, 24, 25, 26, 27
#define CK_ODD_PARTS 4, 5, 6, 7, 20, 21, 22, 23, 12, 13, 14, 15, 28, 29, 30, 31
#elif CK_LANES == 8
#define CK_LANES_OF(a, b, c, d) a, b, c, d, (a) + 4, (b) + 4, (c) + 4, (d) + 4
#define CK_EVEN_PARTS 0, 1, 2, 3, 8, 9, 10, 11
#define CK_ODD_PARTS 4, 5, 6, 7, 12, 13, 14, 15
#elif CK_LANES == 4
#define CK_LANES_OF(a, b, c, d) a, b, c, d
#endif
CK_INLINE void vf_transpose(vf *x) {
    enum { L = CK_LANES };
    (void)x; // of a single lane
#if CK_LANES >= 4
    for (int i = 0; i < L; i += 4) {
        vf low = __builtin_shufflevector(x[i], x[i + 1], CK_LANES_OF(0, L, 1, L + 1));
        vf high = __builtin_shufflevector(x[i], x[i + 1], CK_LANES_OF(2, L + 2, 3, L + 3));
        vf low2 = __builtin_shufflevector(x[i + 2], x[i + 3], CK_LANES_OF(0, L, 1, L + 1));
        vf high2 = __builtin_shufflevector(x[i + 2], x[i + 3], CK_LANES_OF(2, L + 2, 3, L + 3));
        x[i] = __builtin_shufflevector(low, low2, CK_LANES_OF(0, 1, L, L + 1));
        x[i + 1] = __builtin_shufflevector(low, low2, CK_LANES_OF(2, 3, L + 2, L + 3));
        x[i + 2] = __builtin_shufflevector(high, high2, CK_LANES_OF(0, 1, L, L + 1));
        x[i + 3] = __builtin_shufflevector(high, high2, CK_LANES_OF(2, 3, L + 2, L + 3));
    }
#endif
#if CK_LANES >= 8
    for (int i = 0; i < L; i += 8)
        for (int j = i; j < i + 4; j++) {
            vf even = __builtin_shufflevector(x[j], x[j + 4], CK_EVEN_PARTS);
            x[j + 4] = __builtin_shufflevector(x[j], x[j + 4], CK_ODD_PARTS);
            x[j] = even;
        }
#endif
#if CK_LANES == 16
    for (int j = 0; j < 8; j++) {
        vf low =
            __builtin_shufflevector(x[j], x[j + 8], 0, 1, 2, 3, 4, 5, 6, 7, 16, 17, 18, 19, 20, 21, 22, 23);
        x[j + 8] = __builtin_shufflevector(x[j], x[j + 8], 8, 9, 10, 11, 12, 13, 14, 15, 24, 25, 26, 27, 28,
                                           29, 30, 31);
        x[j] = low;
    }
#endif
}

// Lane i is the sum of x[i] across its lanes. Overwrites x.
CK_INLINE vf vf_sums(vf x[CK_LANES]) {
    for (int half = CK_LANES / 2; half > 0; half /= 2)
        for (int i = 0; i < half; i++) x[i] = vf_zip_low(x[i], x[i + half]) + vf_zip_high(x[i], x[i + half]);
    return x[0];
}

// 0, 1, 2, … in the lanes.
CK_INLINE vu vu_iota(void) {
    uint32_t lanes[CK_LANES];
    for (int i = 0; i < CK_LANES; i++) lanes[i] = (uint32_t)i;
    vu r;
    memcpy(&r, lanes, sizeof r);
    return r;
}

#endif
