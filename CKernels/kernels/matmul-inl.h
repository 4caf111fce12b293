// The matrix product's inner loops over packed panels.
//
//     packed a: panels of CK_MR rows,    [panel][k][CK_MR]
//     packed b: panels of CK_NR columns, [panel][k][CK_NR], CK_NR = CK_NV vectors
//
// Both are padded with zeros to whole panels. The register tile is CK_MR × CK_NV vectors of accumulators: 6 ×
// 2 fills the 16 registers of AVX2 and SSE2 (12 sums, 2 of b, 1 or 2 of a), 6 × 4 the 32 of AVX-512 and NEON.

#define CK_MR 6
#define CK_NR (CK_NV * CK_LANES)

// One panel of n ≤ width rows whose elements are adjacent: [k][width], transposed a square of lanes at a
// time.
CK_INLINE void pack_rows(const int width, float *out, const float *rows, int64_t stride, int64_t n,
                         int64_t kc) {
    for (int first = 0; first < width; first += CK_LANES)
        for (int64_t k = 0; k < kc; k += CK_LANES) {
            vf x[CK_LANES];
            for (int i = 0; i < CK_LANES; i++)
                x[i] = first + i < n ? vf_load_first(rows + (first + i) * stride + k, kc - k) : vf_set(0);
            vf_transpose(x);
            // In a panel narrower than a vector each row mends what the last one spilled.
            for (int i = 0; i < CK_LANES && k + i < kc; i++)
                vf_store_first(out + (k + i) * width + first, x[i],
                               width < CK_LANES ? (kc - k - i) * width : width - first);
        }
}

// One panel of n ≤ width rows, zeros in place of those that it lacks.
CK_INLINE void pack_panel(const int width, float *out, const float *rows, int64_t stride, int64_t k_stride,
                          int64_t n, int64_t kc) {
    if (k_stride == 1) {
        pack_rows(width, out, rows, stride, n, kc);
        return;
    }
    memset(out, 0, (size_t)(kc * width) * sizeof(float));
    for (int64_t k = 0; k < kc; k++)
        for (int64_t i = 0; i < n; i++) out[k * width + i] = rows[i * stride + k * k_stride];
}

// Lays `count` rows (or columns) of length kc out in panels of `width`. Element (i, k) is source[i * stride +
// k * k_stride].
CK_INLINE void pack_panels(const int width, float *out, const float *source, int64_t stride, int64_t k_stride,
                           int64_t count, int64_t kc) {
    int64_t first = 0;
    if (stride == 1 && k_stride != 1) {
        first = count / width * width;
        // All panels at once, so that memory is read as it lies.
        for (int64_t k = 0; k < kc; k++)
            for (int64_t i = 0; i < first; i += width)
                memcpy(out + i * kc + k * width, source + i + k * k_stride, (size_t)width * sizeof(float));
    }
    for (; first < count; first += width)
        pack_panel(width, out + first * kc, source + first * stride, stride, k_stride,
                   ck_min(width, count - first), kc);
}

static void pack_a_panels(float *out, const float *source, int64_t stride, int64_t k_stride, int64_t count,
                          int64_t kc) {
    pack_panels(CK_MR, out, source, stride, k_stride, count, kc);
}

static void pack_b_panels(float *out, const float *source, int64_t stride, int64_t k_stride, int64_t count,
                          int64_t kc) {
    pack_panels(CK_NR, out, source, stride, k_stride, count, kc);
}

// One register tile of `rows` ≤ CK_MR rows and `panels` panels of b (constants in every copy), of which
// `columns` columns count.
CK_INLINE void matmul_tile(const int rows, const int panels, float *c, int64_t c_stride, const float *a,
                           const float *b, const float *bias, int flags, int64_t columns, int64_t kc) {
    vf sum[rows][panels * CK_NV];
    for (int i = 0; i < rows; i++)
        for (int j = 0; j < panels * CK_NV; j++) sum[i][j] = vf_set(0);
#pragma clang loop unroll_count(4)
    for (int64_t k = 0; k < kc; k++, a += CK_MR, b += CK_NR)
        for (int p = 0; p < panels; p++) {
            vf right[CK_NV];
            for (int j = 0; j < CK_NV; j++) right[j] = vf_load(b + p * kc * CK_NR + j * CK_LANES);
            for (int i = 0; i < rows; i++) {
                vf left = vf_set(a[i]);
                for (int j = 0; j < CK_NV; j++)
                    sum[i][p * CK_NV + j] = vf_fma(left, right[j], sum[i][p * CK_NV + j]);
            }
        }
    for (int i = 0; i < rows; i++)
        for (int j = 0; j < panels * CK_NV; j++) {
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

// All columns of one panel of a; as many panels of b at a time as keep the multipliers busy.
CK_INLINE void matmul_rows(const int rows, const int panels, float *c, int64_t c_stride, const float *a,
                           const float *b, const float *bias, int flags, int64_t columns, int64_t kc) {
    int64_t j = 0;
    for (; panels > 1 && j + panels * CK_NR <= columns; j += panels * CK_NR)
        matmul_tile(rows, panels, c + j, c_stride, a, b + j * kc, bias ? bias + j : NULL, flags, columns - j,
                    kc);
    for (; j < columns; j += CK_NR)
        matmul_tile(rows, 1, c + j, c_stride, a, b + j * kc, bias ? bias + j : NULL, flags, columns - j, kc);
}

// c[rows, columns] (+)= a panels · b panels over one block of kc; b's panel stays in L1 while a's stream past
// it.
static void matmul_block(float *c, int64_t c_stride, const float *a, const float *b, const float *bias,
                         int flags, int64_t rows, int64_t columns, int64_t kc) {
    const int64_t whole = rows / CK_MR * CK_MR;
    for (int64_t j = 0; whole > 0 && j < columns; j += CK_NR)
        for (int64_t i = 0; i < whole; i += CK_MR)
            matmul_tile(CK_MR, 1, c + i * c_stride + j, c_stride, a + i * kc, b + j * kc,
                        bias ? bias + j : NULL, flags, columns - j, kc);
    c += whole * c_stride, a += whole * kc;
#define CK_ROWS(rows, panels)                                                                                \
    case rows:                                                                                               \
        matmul_rows(rows, panels, c, c_stride, a, b, bias, flags, columns, kc);                              \
        break
    switch (rows - whole) {
        CK_ROWS(1, 4);
        CK_ROWS(2, 3);
        CK_ROWS(3, 2);
        CK_ROWS(4, 1);
        CK_ROWS(5, 1);
    }
#undef CK_ROWS
}
