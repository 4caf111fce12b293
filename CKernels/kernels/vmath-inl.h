// exp, tanh and sigmoid on vectors, and their array forms.

// Range reduction x = n ln 2 + r, |r| ≤ ln 2 / 2, with ln 2 in two parts (Cody & Waite), the Cephes
// polynomial of degree 6 for eʳ, and 2ⁿ as a product of two powers, so that overflow and denormals come out
// right.
CK_INLINE vf vf_exp(vf x) {
    const vf magic = vf_set(12582912.0f); // 1.5 · 2²³: adding it rounds to an integer in the low bits
    x = vf_max(vf_set(-104.0f), vf_min(vf_set(89.0f), x));
    vf shifted = vf_fma(x, vf_set(1.44269504088896341f), magic);
    vf n = shifted - magic;
    vf r = vf_fma(n, vf_set(-0.693359375f), x);
    r = vf_fma(n, vf_set(2.12194440e-4f), r);
    vf p = vf_set(1.9875691500e-4f);
    p = vf_fma(p, r, vf_set(1.3981999507e-3f));
    p = vf_fma(p, r, vf_set(8.3334519073e-3f));
    p = vf_fma(p, r, vf_set(4.1665795894e-2f));
    p = vf_fma(p, r, vf_set(1.6666665459e-1f));
    p = vf_fma(p, r, vf_set(5.0000001201e-1f));
    p = vf_fma(p, r * r, r) + vf_set(1.0f);
    vi exponent = vi_of(shifted) - vi_of(magic);
    vi half = exponent >> 1;
    vf scale1 = vf_of((half + 127) << 23), scale2 = vf_of((exponent - half + 127) << 23);
    return p * scale1 * scale2;
}

// exp of x ≤ 0, −∞ and NaN, for a softmax: 2ᵗ with t = x log₂ e = n + f, |f| ≤ ½. What lies below the least
// normal number is 0. Its relative error grows with |x|, as that of x itself does.
CK_INLINE vf vf_exp_nonpositive(vf x) {
    const vf magic = vf_set(12582912.0f); // 1.5 · 2²³: adding it rounds to an integer in the low bits
    vf t = x * vf_set(1.44269504088896341f);
    vf shifted = t + magic;
    vf f = t - (shifted - magic);
    vf p = vf_set(1.5353361959569596e-4f);
    p = vf_fma(p, f, vf_set(1.3398875016719103e-3f));
    p = vf_fma(p, f, vf_set(9.61843691766262e-3f));
    p = vf_fma(p, f, vf_set(5.5503323674201965e-2f));
    p = vf_fma(p, f, vf_set(2.4022647738456726e-1f));
    p = vf_fma(p, f, vf_set(6.931471824645996e-1f));
    p = vf_fma(p, f, vf_set(1.0f));
    vf scale = vf_of((vi_of(shifted) << 23) + 0x3f800000);
    return t < vf_set(-126.0f) ? vf_set(0) : p * scale;
}

// Small |x|: the Cephes odd polynomial, exact to the last bits near 0. Else 1 − 2 / (e^{2|x|} + 1).
CK_INLINE vf vf_tanh(vf x) {
    vf a = vf_abs(x), z = x * x;
    vf p = vf_set(-5.70498872745e-3f);
    p = vf_fma(p, z, vf_set(2.06390887954e-2f));
    p = vf_fma(p, z, vf_set(-5.37397155531e-2f));
    p = vf_fma(p, z, vf_set(1.33314422036e-1f));
    p = vf_fma(p, z, vf_set(-3.33332819422e-1f));
    vf small = vf_fma(p * z, x, x);
    vf large = vf_set(1.0f) - vf_set(2.0f) / (vf_exp(a + a) + vf_set(1.0f));
    return a < vf_set(0.625f) ? small : vf_copysign(large, x);
}

CK_INLINE vf vf_sigmoid(vf x) { return vf_set(1.0f) / (vf_set(1.0f) + vf_exp(-x)); }

#define CK_MAP(name, expression)                                                                             \
    static void name(float *y, const float *source, int64_t count) {                                         \
        for (int64_t i = 0; i < count; i += CK_LANES) {                                                      \
            vf x = vf_load_first(source + i, count - i);                                                     \
            vf_store_first(y + i, expression, count - i);                                                    \
        }                                                                                                    \
    }
CK_MAP(exp_range, vf_exp(x))
CK_MAP(tanh_range, vf_tanh(x))
CK_MAP(sigmoid_range, vf_sigmoid(x))
#undef CK_MAP
