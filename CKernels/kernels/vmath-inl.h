// exp, tanh and sigmoid on vectors, and their array forms. Their errors over all floats stand in the public
// header; Tests/Exhaustive measures them.

// 1.5 · 2²³: adding it rounds to an integer, which then stands in the low bits.
#define CK_ROUND 12582912.0f

// x = n ln 2 + r, |r| ≤ ln 2 / 2, with ln 2 in two parts (Cody & Waite 1980), the first of so few bits that
// its product with n is exact. *exponent is n where a float has its exponent. −0 stays −0.
CK_INLINE vf vf_reduce(vf x, vi *exponent) {
    vf shifted = vf_fma(x, vf_set(0x1.715476p+0f), vf_set(CK_ROUND));
    vf n = shifted - vf_set(CK_ROUND);
    *exponent = vi_of(shifted) << 23;
    return vf_fma(n, vf_set(-0x1.7f7d1cp-20f), vf_fma(n, vf_set(-0x1.62e4p-1f), x));
}

// 2ⁿ from n in its place; 0 for n = −127.
CK_INLINE vf vf_power(vi exponent) { return vf_of(exponent + vi_set(0x3f800000)); }

// 2ⁿ eʳ by the polynomial of degree 6 that is off by the least part of eʳ − 1 (0.3 · 2⁻²⁴ of it).
CK_INLINE vf vf_scaled_exp(vf r, vf power) {
    vf p = vf_set(0x1.6bec06p-10f);
    p = vf_fma(p, r, vf_set(0x1.122776p-7f));
    p = vf_fma(p, r, vf_set(0x1.555674p-5f));
    p = vf_fma(p, r, vf_set(0x1.5554b0p-3f));
    p = vf_fma(p, r, vf_set(0x1.fffffep-2f));
    return vf_fma(vf_fma(p, r * r, r), power, power);
}

// eˣ for x ≤ 0, as softmax needs it, −∞ and NaN among them. From −87.68 on, where the result lies below the
// least normal number (which ends at −87.34), it is exactly 0.
CK_INLINE vf vf_exp_nonpositive(vf x) {
    vi exponent;
    vf r = vf_reduce(vf_max(vf_set(-88.0f), x), &exponent);
    return vf_scaled_exp(r, vf_power(exponent));
}

// eˣ for every x: 2ⁿ as a product of two powers, so that overflow and subnormal results come out right.
CK_INLINE vf vf_exp_anywhere(vf x) {
    vi exponent;
    vf r = vf_reduce(vf_max(vf_set(-104.0f), vf_min(vf_set(89.0f), x)), &exponent);
    vi half = (exponent >> 1) & vi_set(-(1 << 23));
    return vf_scaled_exp(r, vf_power(half)) * vf_power(exponent - half);
}

// eˣ. The second power is paid for by vectors that need it.
CK_INLINE vf vf_exp(vf x) {
    if (vi_any(vf_abs(x) > vf_set(87.0f))) return vf_exp_anywhere(x);
    vi exponent;
    vf r = vf_reduce(x, &exponent);
    return vf_scaled_exp(r, vf_power(exponent));
}

// tanh(r / 2) for |r| ≤ ln 2 / 2, the best odd polynomial of degree 5: off by 0.9 · 2⁻²⁴ of the result at
// most.
CK_INLINE vf vf_tanh_of_half(vf r) {
    vf z = r * r;
    return r * vf_fma(vf_fma(vf_set(0x1.0c7f60p-8f), z, vf_set(-0x1.554feap-5f)), z, vf_set(0.5f));
}

// With 2x = n ln 2 + r and t = tanh(r / 2), the addition theorem gives
//
//     tanh x = (2ⁿ − 1 + (2ⁿ + 1) t) / (2ⁿ + 1 + (2ⁿ − 1) t).
//
// It is odd to the last bit, since a power of two scales both terms without rounding; beyond ±9.5 it is ±1.
// What is subtracted is 1 − 2ⁿ, because −0 − (+0) is −0.
CK_INLINE vf vf_tanh(vf x) {
    x = vf_max(vf_set(-9.5f), vf_min(vf_set(9.5f), x));
    vi exponent;
    vf t = vf_tanh_of_half(vf_reduce(x + x, &exponent)), power = vf_power(exponent);
    vf below = vf_set(1.0f) - power, above = vf_set(1.0f) + power;
    return vf_fma(above, t, -below) / vf_fma(-below, t, above);
}

// With x = n ln 2 + r and t = tanh(r / 2), eˣ = 2ⁿ (1 + t) / (1 − t), hence
//
//     σ(x) = 2ⁿ (1 + t) / (2ⁿ (1 + t) + 1 − t),
//
// never more than 1. Below −86 it is eˣ, to the last bit.
CK_INLINE vf vf_sigmoid(vf x) {
    vi exponent;
    vf t = vf_tanh_of_half(vf_reduce(vf_max(vf_set(-86.0f), vf_min(vf_set(86.0f), x)), &exponent));
    vf power = vf_power(exponent), e = vf_fma(power, t, power);
    vf y = e / (e + (vf_set(1.0f) - t));
    vi tiny = x < vf_set(-86.0f);
    return vi_any(tiny) ? (tiny ? vf_exp_anywhere(x) : y) : y;
}

#define CK_MAP(name, function)                                                                               \
    static void name(float *y, const float *source, int64_t count) {                                         \
        CK_VECTORS(i, n, count, vf_store_first(y + i, function(vf_load_first(source + i, n)), n));           \
    }
CK_MAP(exp_range, vf_exp)
CK_MAP(tanh_range, vf_tanh)
CK_MAP(sigmoid_range, vf_sigmoid)
#undef CK_MAP
