// Packing for the matrix product in fewer bits: bfloat16, and int8 with a scale for every column of b and
// every row of a. What a step is made of stands in matmul-inl.h.
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

// Some steps in bfloat16, at most CK_SLICE k, of one panel of n ≤ CK_MR rows whose elements lie apart.
CK_INLINE void round_a_panel(float *out, const float *source, int64_t stride, int64_t k_stride, int64_t n,
                             int64_t kc) {
    enum { DEPTH = CK_DEPTH(CK_BFLOAT16) };
    float slice[(CK_SLICE + 1) * CK_MR + CK_LANES];
    const int64_t floats = ck_blocks(kc, DEPTH) * CK_MR;
    pack_panels(CK_MR, slice, source, stride, k_stride, n, kc);
    memset(slice + kc * CK_MR, 0, CK_MR * sizeof(float));
    for (int64_t step = 0; step < floats; step += CK_MR)
        for (int64_t i = step; i < step + CK_MR; i += CK_LANES) {
            const float *at = slice + (DEPTH - 1) * step + i;
            vf second = DEPTH == 2 ? vf_load(at + CK_MR) : vf_set(0);
            // Where a vector is wider than a panel each step mends what the last one spilled.
            vf_store_first(out + i, (vf)vu_pair_bfloat16(vf_load(at), second), floats - i);
        }
}

static void round_a_panels(float *out, const float *source, int64_t stride, int64_t k_stride, int64_t count,
                           int64_t kc) {
    enum { DEPTH = CK_DEPTH(CK_BFLOAT16) };
    for (int64_t i = 0; i < count; i += CK_MR, out += ck_blocks(kc, DEPTH) * CK_MR) {
        const int64_t n = ck_min(CK_MR, count - i);
        if (k_stride == 1)
            pack_rows(CK_BFLOAT16, CK_MR, out, source + i * stride, stride, n, kc);
        else
            for (int64_t k = 0; k < kc; k += CK_SLICE)
                round_a_panel(out + k / DEPTH * CK_MR, source + i * stride + k * k_stride, stride, k_stride,
                              n, ck_min(CK_SLICE, kc - k));
    }
}

// One panel of count ≤ CK_MR rows of length K in int8, without a sign.
static void quantise_a_panel(float *out, float *scales, const float *source, int64_t stride, int64_t k_stride,
                             int64_t count, int64_t K) {
    enum { DEPTH = CK_DEPTH(CK_INT8) };
    for (int64_t i = 0; i < count; i++) {
        const float *row = source + i * stride;
        vi largest = vi_set(0);
        vf inverse;
        CK_VECTORS(k, n, K, largest = vi_largest(largest, vf_load_apart(row + k * k_stride, k_stride, n)));
        scales[i] = vf_scale(vi_set(__builtin_reduce_max(largest)), &inverse)[0];
        for (int64_t k = 0; k < K; k += CK_SLICE) {
            const int64_t columns = ck_min(CK_SLICE, K - k);
            uint32_t q[CK_SLICE] = {0}; // what follows the last column meets zeros
            CK_VECTORS(c, n, columns, {
                vf x = vf_load_apart(row + (k + c) * k_stride, k_stride, n);
                vu_store(q + c, (vu)vf_quantise(x, inverse) + 128);
            });
            for (int64_t c = 0; c < columns; c += DEPTH) {
                uint32_t step = 0;
                for (int d = 0; d < DEPTH; d++) step |= q[c + d] << 32 / DEPTH * d;
                memcpy(out + (k + c) / DEPTH * CK_MR + i, &step, sizeof step);
            }
        }
    }
}

// Columns in bfloat16: pairs of rows, or of vectors beside one another.
static void round_b_panels(char *out, const float *source, int64_t stride, int64_t k_stride, int64_t count,
                           int64_t kc) {
    enum { DEPTH = CK_DEPTH(CK_BFLOAT16), APART = DEPTH == 2 ? CK_NR : CK_LANES };
    float slice[CK_SLICE * CK_NR];
    for (int64_t first = 0; first < count; first += CK_NR)
        for (int64_t k = 0; k < kc; k += CK_SLICE) {
            const int64_t rows = ck_min(CK_SLICE, kc - k);
            pack_b_panels(slice, source + first * stride + k * k_stride, stride, k_stride,
                          ck_min(CK_NR, count - first), rows);
            if (rows % DEPTH) memset(slice + rows * CK_NR, 0, CK_NR * sizeof(float));
            for (const float *at = slice; at < slice + rows * CK_NR; at += 2 * APART)
                for (int i = 0; i < APART; i += CK_LANES, out += sizeof(vu))
                    vu_store(out, vu_pair_bfloat16(vf_load(at + i), vf_load(at + APART + i)));
        }
}

// A panel of columns in int8. Their sums start from −128 Σ r, because a has 128 added to it.
CK_INLINE void quantise_b_panel(char *out, float *scales, int32_t *starts, const float *source,
                                int64_t stride, int64_t k_stride, int64_t count, int64_t K) {
    enum { DEPTH = CK_DEPTH(CK_INT8) };
    float slice[CK_SLICE * CK_NR];
    vi largest[CK_NV], start[CK_NV];
    for (int j = 0; j < CK_NV; j++) largest[j] = start[j] = vi_set(0);
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
        const int64_t rows = ck_min(CK_SLICE, K - k), whole = ck_whole(rows, DEPTH);
        pack_b_panels(slice, source + k * k_stride, stride, k_stride, count, rows);
        memset(slice + rows * CK_NR, 0, (size_t)((whole - rows) * CK_NR) * sizeof(float));
        for (int64_t i = 0; i < whole; i += DEPTH)
            for (int j = 0; j < CK_NV; j++, out += DEPTH * CK_LANES) {
                vu step = (vu)vi_set(0);
                for (int d = 0; d < DEPTH; d++) {
                    vi q = vf_quantise(vf_load(slice + (i + d) * CK_NR + j * CK_LANES), inverse[j]);
                    start[j] -= q * 128;
                    step |= ((vu)q & 0xff) << 8 * d;
                }
                if (DEPTH == 4)
                    vu_store(out, step);
                else
                    vu_store_halves(out, step);
            }
    }
    for (int j = 0; j < CK_NV; j++) vu_store(starts + j * CK_LANES, (vu)start[j]);
}

static void quantise_b_panels(char *out, float *scales, int32_t *starts, const float *source, int64_t stride,
                              int64_t k_stride, int64_t count, int64_t K) {
    for (int64_t first = 0; first < count; first += CK_NR)
        quantise_b_panel(out + first * ck_whole(K, CK_DEPTH(CK_INT8)), scales + first, starts + first,
                         source + first * stride, stride, k_stride, ck_min(CK_NR, count - first), K);
}
