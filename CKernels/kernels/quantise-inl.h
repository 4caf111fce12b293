// Packing for the matrix product in fewer bits: bfloat16, and int8 with a scale for every column of b and
// every row of a.
//
//     scale = max|x| / 127        q = round(x / scale)        x ≈ q · scale
//
// Every set rounds to the same q: a product by 127 / max|x|, rounded, then rounded to nearest even.

enum { CK_SLICE = 64 }; // steps in k of a panel that is laid out as floats first: 16 KiB at most

// The scales of rows or columns whose largest magnitudes these are, as the bits of floats, and what to
// multiply by. A scale below all normal numbers is 0, and so is each element; with a NaN or an infinity among
// them, whose bits are above those of every number, it is NaN.
CK_INLINE vf vf_scale(vi largest, vf *inverse) {
    const vi finite = largest < vi_set(0x7f800000);
    vf magnitude = vf_of(largest), scale = magnitude / vf_set(127);
    const vi normal = finite & (scale >= vf_set(0x1p-126f));
    *inverse = normal ? vf_set(127) / magnitude : vf_set(0);
    return finite ? (normal ? scale : vf_set(0)) : vf_set(NAN);
}

CK_INLINE vi vf_quantise(vf x, vf inverse) {
    vf scaled = x * inverse;
    // A sum of its own, since a fused one would round otherwise.
    vf shifted = scaled + vf_set(CK_ROUND);
    return inverse > 0 ? vi_of(shifted) - vi_of(vf_set(CK_ROUND)) : vi_set(0);
}

CK_INLINE vi vi_largest(vi largest, vf x) { return __builtin_elementwise_max(largest, vi_of(vf_abs(x))); }

// The first n of W elements that lie `stride` apart; zeros in place of the others.
CK_INLINE vf vf_load_apart(const float *p, int64_t stride, int64_t n) {
    if (stride == 1) return vf_load_first(p, n);
    float lanes[CK_LANES] = {0};
    for (int64_t i = 0; i < ck_min(n, CK_LANES); i++) lanes[i] = p[i * stride];
    return vf_load(lanes);
}

// One panel of count ≤ CK_MR rows of length K in int8, as shorts: [step][CK_MR][2].
static void quantise_a_panel(float *out, float *scales, const float *source, int64_t stride, int64_t k_stride,
                             int64_t count, int64_t K) {
    enum { SHORT = sizeof(int16_t) };
    char *quantised = (char *)out;
    for (int64_t i = 0; i < count; i++) {
        const float *row = source + i * stride;
        vi largest = vi_set(0);
        vf inverse;
        CK_VECTORS(k, n, K, largest = vi_largest(largest, vf_load_apart(row + k * k_stride, k_stride, n)));
        scales[i] = vf_scale(vi_set(__builtin_reduce_max(largest)), &inverse)[0];
        if (K % 2) memset(quantised + SHORT * (2 * (K / 2 * CK_MR + i) + 1), 0, SHORT);
        CK_VECTORS(k, n, K, {
            vi q = vf_quantise(vf_load_apart(row + k * k_stride, k_stride, n), inverse);
            for (int64_t l = 0; l < ck_min(n, CK_LANES); l++) {
                int16_t element = (int16_t)q[l];
                memcpy(quantised + SHORT * (2 * ((k + l) / 2 * CK_MR + i) + (k + l) % 2), &element, SHORT);
            }
        });
    }
}

// Columns in bfloat16: [panel][k][CK_NV / 2][W][2].
static void round_b_panels(char *out, const float *source, int64_t stride, int64_t k_stride, int64_t count,
                           int64_t kc) {
    float slice[CK_SLICE * CK_NR];
    for (int64_t first = 0; first < count; first += CK_NR)
        for (int64_t k = 0; k < kc; k += CK_SLICE) {
            const int64_t steps = ck_min(CK_SLICE, kc - k);
            pack_b_panels(slice, source + first * stride + k * k_stride, stride, k_stride,
                          ck_min(CK_NR, count - first), steps);
            for (int64_t i = 0; i < steps * CK_NR; i += 2 * CK_LANES, out += sizeof(vu)) {
                vu two = vu_bfloat16(vf_load(slice + i)) | vu_bfloat16(vf_load(slice + i + CK_LANES)) << 16;
                memcpy(out, &two, sizeof two);
            }
        }
}

// A panel of int8 columns: [step][CK_NR][2].
CK_INLINE void quantise_b_panel(char *out, float *scales, const float *source, int64_t stride,
                                int64_t k_stride, int64_t count, int64_t K) {
    float slice[CK_SLICE * CK_NR];
    vi largest[CK_NV];
    for (int j = 0; j < CK_NV; j++) largest[j] = vi_set(0);
    for (int64_t k = 0; k < K; k += CK_SLICE) {
        const int64_t rows = ck_min(CK_SLICE, K - k);
        pack_b_panels(slice, source + k * k_stride, stride, k_stride, count, rows);
        for (int64_t i = 0; i < rows; i++)
            for (int j = 0; j < CK_NV; j++)
                largest[j] = vi_largest(largest[j], vf_load(slice + i * CK_NR + j * CK_LANES));
    }
    vf inverse[CK_NV];
    for (int j = 0; j < CK_NV; j++) vf_store(scales + j * CK_LANES, vf_scale(largest[j], &inverse[j]));
    for (int64_t k = 0; k < K; k += CK_SLICE) {
        const int64_t rows = ck_min(CK_SLICE, K - k);
        pack_b_panels(slice, source + k * k_stride, stride, k_stride, count, rows);
        if (rows % 2) memset(slice + rows * CK_NR, 0, CK_NR * sizeof(float));
        for (int64_t i = 0; i < rows; i += 2)
            for (int j = 0; j < CK_NV; j++, out += sizeof(vs_bytes)) {
                const float *at = slice + i * CK_NR + j * CK_LANES;
                vi pair = (vf_quantise(vf_load(at), inverse[j]) & 0xffff) |
                          vf_quantise(vf_load(at + CK_NR), inverse[j]) << 16;
                vs_bytes bytes = __builtin_convertvector((vs)pair, vs_bytes);
                memcpy(out, &bytes, sizeof bytes);
            }
    }
}

static void quantise_b_panels(char *out, float *scales, const float *source, int64_t stride, int64_t k_stride,
                              int64_t count, int64_t K) {
    for (int64_t first = 0; first < count; first += CK_NR)
        quantise_b_panel(out + first * (K + K % 2), scales + first, source + first * stride, stride, k_stride,
                         ck_min(CK_NR, count - first), K);
}
