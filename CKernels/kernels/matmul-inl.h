// The matrix product's inner loops over packed panels.
//
//     packed a: panels of CK_MR rows,    [panel][k][CK_MR]
//     packed b: panels of CK_NR columns, [panel][k][CK_NR], CK_NR = CK_NV vectors
//
// Both are padded with zeros to whole panels. The register tile is CK_MR × CK_NV vectors of accumulators: 6 ×
// 2 fills the 16 registers of AVX2 and SSE2 (12 sums, 2 of b, 1 or 2 of a), 6 × 4 the 32 of AVX-512 and NEON.

#define CK_MR 6
#define CK_NR (CK_NV * CK_LANES)

// Lays `count` rows (or columns) of length kc out in panels of `width`. Element (i, k) is source[i * stride +
// k * k_stride].
CK_INLINE void pack_panels(float *out, const float *source, int64_t stride, int64_t k_stride, int64_t count,
                           int64_t kc, int64_t width) {
    for (int64_t first = 0; first < count; first += width, out += kc * width) {
        int64_t n = count - first < width ? count - first : width;
        const float *block = source + first * stride;
        if (n < width) memset(out, 0, (size_t)(kc * width) * sizeof(float));
        if (stride == 1 && n == width) {
            for (int64_t k = 0; k < kc; k++)
                for (int64_t i = 0; i < width; i++) out[k * width + i] = block[i + k * k_stride];
        } else if (n == width) {
            for (int64_t k = 0; k < kc; k++)
                for (int64_t i = 0; i < width; i++) out[k * width + i] = block[i * stride + k * k_stride];
        } else {
            for (int64_t k = 0; k < kc; k++)
                for (int64_t i = 0; i < n; i++) out[k * width + i] = block[i * stride + k * k_stride];
        }
    }
}

static void pack_a_panels(float *out, const float *source, int64_t stride, int64_t k_stride, int64_t count,
                          int64_t kc) {
    pack_panels(out, source, stride, k_stride, count, kc, CK_MR);
}

static void pack_b_panels(float *out, const float *source, int64_t stride, int64_t k_stride, int64_t count,
                          int64_t kc) {
    pack_panels(out, source, stride, k_stride, count, kc, CK_NR);
}

// One register tile of `rows` ≤ CK_MR rows (a constant in every copy) and `columns` ≤ CK_NR.
CK_INLINE void matmul_tile(const int rows, float *c, int64_t c_stride, const float *a, const float *b,
                           const float *bias, int flags, int64_t columns, int64_t kc) {
    vf sum[CK_MR][CK_NV];
    for (int i = 0; i < rows; i++)
        for (int j = 0; j < CK_NV; j++) sum[i][j] = vf_set(0);
    for (int64_t k = 0; k < kc; k++, a += CK_MR, b += CK_NR) {
        vf right[CK_NV];
        for (int j = 0; j < CK_NV; j++) right[j] = vf_load(b + j * CK_LANES);
        for (int i = 0; i < rows; i++) {
            vf left = vf_set(a[i]);
            for (int j = 0; j < CK_NV; j++) sum[i][j] = vf_fma(left, right[j], sum[i][j]);
        }
    }
    for (int i = 0; i < rows; i++)
        for (int j = 0; j < CK_NV; j++) {
            int64_t n = columns - j * CK_LANES;
            if (n <= 0) break;
            float *out = c + i * c_stride + j * CK_LANES;
            vf result = sum[i][j];
            if (flags & CK_ACCUMULATE) result += vf_load_first(out, n);
            if (bias) result += vf_load_first(bias + j * CK_LANES, n);
            if (flags & CK_TANH) result = vf_tanh(result);
            vf_store_first(out, result, n);
        }
}

// c[rows, columns] (+)= a panels · b panels over one block of kc; b's panel stays in L1 while a's stream past
// it.
static void matmul_block(float *c, int64_t c_stride, const float *a, const float *b, const float *bias,
                         int flags, int64_t rows, int64_t columns, int64_t kc) {
    for (int64_t j = 0; j < columns; j += CK_NR, b += kc * CK_NR) {
        const float *panel = a, *offset = bias ? bias + j : NULL;
        for (int64_t i = 0; i < rows; i += CK_MR, panel += kc * CK_MR) {
            float *out = c + i * c_stride + j;
#define CK_TILE(count)                                                                                       \
    case count:                                                                                              \
        matmul_tile(count, out, c_stride, panel, b, offset, flags, columns - j, kc);                         \
        break
            switch (rows - i) {
                CK_TILE(1);
                CK_TILE(2);
                CK_TILE(3);
                CK_TILE(4);
                CK_TILE(5);
            default:
                matmul_tile(CK_MR, out, c_stride, panel, b, offset, flags, columns - j, kc);
            }
#undef CK_TILE
        }
    }
}
