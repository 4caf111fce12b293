// The vocabulary that every kernel is written in: CK_LANES floats at a time, on clang's vector types.
//
// The types and operators mean the same for every width and target, so one header serves all sets; an isa_*.c
// decides CK_LANES (the width), CK_FUSED (does the target have a fused multiply-add) and the register tile.
#ifndef CK_SIMD_H
#define CK_SIMD_H

#include <stdint.h>
#include <string.h>

#define CK_INLINE static inline __attribute__((always_inline))

typedef float vf __attribute__((ext_vector_type(CK_LANES)));
typedef int32_t vi __attribute__((ext_vector_type(CK_LANES)));
typedef uint32_t vu __attribute__((ext_vector_type(CK_LANES)));

CK_INLINE vf vf_set(float x) { return (vf)(x); }
CK_INLINE vi vi_set(int32_t x) { return (vi)(x); }

// Unaligned, whole vectors.
CK_INLINE vf vf_load(const float *p) {
    vf r;
    memcpy(&r, p, sizeof r);
    return r;
}
CK_INLINE void vf_store(float *p, vf x) { memcpy(p, &x, sizeof x); }

// The first n elements, n ≥ 1; missing lanes read as zero. n ≥ CK_LANES is a whole vector.
CK_INLINE vf vf_load_first(const float *p, int64_t n) {
    if (n >= CK_LANES) return vf_load(p);
    float lanes[CK_LANES] = {0};
    for (int64_t i = 0; i < n; i++) lanes[i] = p[i];
    return vf_load(lanes);
}
CK_INLINE void vf_store_first(float *p, vf x, int64_t n) {
    if (n >= CK_LANES) {
        vf_store(p, x);
        return;
    }
    float lanes[CK_LANES];
    vf_store(lanes, x);
    for (int64_t i = 0; i < n; i++) p[i] = lanes[i];
}

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
CK_INLINE vf vf_copysign(vf magnitude, vf sign) {
    return vf_of((vi_of(magnitude) & vi_set(0x7fffffff)) | (vi_of(sign) & vi_set(INT32_MIN)));
}

// Across the lanes, in halves: the order depends on CK_LANES alone.
CK_INLINE float vf_sum(vf x) {
    float lanes[CK_LANES];
    vf_store(lanes, x);
    for (int half = CK_LANES / 2; half > 0; half /= 2)
        for (int i = 0; i < half; i++) lanes[i] += lanes[i + half];
    return lanes[0];
}
CK_INLINE float vf_maximum(vf x) {
    float lanes[CK_LANES];
    vf_store(lanes, x);
    for (int half = CK_LANES / 2; half > 0; half /= 2)
        for (int i = 0; i < half; i++) lanes[i] = lanes[i] > lanes[i + half] ? lanes[i] : lanes[i + half];
    return lanes[0];
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
