// Products of the small matrices that attention's tiles are made of. The right factor is read where it lies
// when its rows are as wide as the result, and from panels of CK_NR columns, [panel][k][CK_NR], when it had
// to be transposed.

// Whether rows are finite: an attention that leaves out masked places must know where 0 · x is not 0.
static bool rows_are_finite(const float *rows, int64_t stride, int64_t count, int64_t width) {
    vf zero[4] = {vf_set(0), vf_set(0), vf_set(0), vf_set(0)};
    for (int64_t i = 0; i < count; i++, rows += stride) {
        int64_t h = 0;
        for (; h + 4 * CK_LANES <= width; h += 4 * CK_LANES)
            for (int j = 0; j < 4; j++)
                zero[j] = vf_fma(vf_load(rows + h + j * CK_LANES), vf_set(0), zero[j]);
        for (; h < width; h += CK_LANES)
            zero[0] = vf_fma(vf_load_first(rows + h, width - h), vf_set(0), zero[0]);
    }
    return vf_sum(zero[0] + zero[1] + zero[2] + zero[3]) == 0;
}

// b[k][n] = rows[n][k]: `count` rows of `width` become the columns of panels, `width` rows apart. Missing
// columns of the last panel are zero.
static void stage_columns(float *panels, const float *rows, int64_t stride, int64_t count, int64_t width) {
    pack_b_panels(panels, rows, stride, 1, count, width);
}

// What becomes of c.
typedef enum product_mode { product_set, product_add, product_rescale } product_mode;

typedef struct tile_product {
    float *c;
    int64_t c_row;
    const float *a; // a[i · a_row + k · a_k]
    int64_t a_row, a_k;
    const float *b; // b[k · b_row + n] of the first panel; the next ones are b_panel apart
    int64_t b_row, b_panel;
    int64_t m, n, k;
    float factor;         // of the product
    const float *rescale; // [m], of what c holds, in product_rescale
    product_mode mode;
} tile_product;

// What a sum of products makes of at most n floats of c, at row i.
CK_INLINE void store_product(const product_mode mode, const tile_product *p, float *c, int64_t i, int64_t n,
                             vf sum) {
    const vf factor = vf_set(p->factor);
    if (mode == product_set) vf_store_first(c, sum * factor, n);
    if (mode == product_add) vf_store_first(c, vf_fma(sum, factor, vf_load_first(c, n)), n);
    if (mode == product_rescale)
        vf_store_first(c, vf_fma(vf_load_first(c, n), vf_set(p->rescale[i]), sum), n);
}

// Rows i … i + rows − 1 and columns first … of c in registers; rows, vectors and mode are constants in every
// copy. Only a single vector may reach beyond the last column.
CK_INLINE void product_registers(const int rows, const int vectors, const product_mode mode,
                                 const tile_product *p, int64_t i, int64_t first, const float *b) {
    vf sum[CK_MR][CK_NV];
    for (int r = 0; r < rows; r++)
        for (int j = 0; j < vectors; j++) sum[r][j] = vf_set(0);
    const int64_t a_row = p->a_row, a_k = p->a_k, b_row = p->b_row;
    const int64_t n = vectors == 1 ? p->n - first : CK_LANES;
    // What is added to may lie in memory, a row far from the next.
    if (mode == product_add)
        for (int r = 0; r < rows; r++) __builtin_prefetch(p->c + (i + r) * p->c_row + first, 1);
    const float *a = p->a + i * a_row, // two bases, so that no row needs more than 2 a_row
        *upper = rows > 3 ? a + 3 * a_row : a;
#pragma clang loop unroll_count(2)
    for (int64_t k = p->k; k > 0; k--, a += a_k, upper += a_k, b += b_row) {
        vf right[CK_NV];
        for (int j = 0; j < vectors; j++) right[j] = vf_load_first(b + j * CK_LANES, n);
        for (int r = 0; r < rows; r++) {
            vf left = vf_set(r < 3 ? a[r * a_row] : upper[(r - 3) * a_row]);
            for (int j = 0; j < vectors; j++) sum[r][j] = vf_fma(left, right[j], sum[r][j]);
        }
    }
#pragma clang loop unroll(full)
    for (int r = 0; r < rows; r++) {
        float *out = p->c + (i + r) * p->c_row + first;
#pragma clang loop unroll(full)
        for (int j = 0; j < vectors; j++) store_product(mode, p, out + j * CK_LANES, i + r, n, sum[r][j]);
    }
}

CK_INLINE void multiply_panels(const product_mode mode, const tile_product *p) {
    const float *b = p->b;
    for (int64_t first = 0; first < p->n; first += CK_NR, b += p->b_panel) {
        for (int64_t i = 0; i < p->m; i += CK_MR) {
#define CK_ROWS(count)                                                                                       \
    case count:                                                                                              \
        if (p->n - first >= CK_NR)                                                                           \
            product_registers(count, CK_NV, mode, p, i, first, b);                                           \
        else                                                                                                 \
            for (int64_t j = 0; first + j < p->n; j += CK_LANES)                                             \
                product_registers(count, 1, mode, p, i, first + j, b + j);                                   \
        break
            switch (ck_min(CK_MR, p->m - i)) {
                CK_ROWS(1);
                CK_ROWS(2);
                CK_ROWS(3);
                CK_ROWS(4);
                CK_ROWS(5);
                CK_ROWS(6);
            }
#undef CK_ROWS
        }
    }
}

// c = factor · a b, c + factor · a b, or rescale · c + a b.
static void multiply_tile(const tile_product *p) {
    switch (p->mode) {
    case product_set:
        multiply_panels(product_set, p);
        break;
    case product_add:
        multiply_panels(product_add, p);
        break;
    case product_rescale:
        multiply_panels(product_rescale, p);
        break;
    }
}

// As multiply_tile where something is not finite: zeros of a are left out, since 0 · NaN is not 0. Where
// nothing is, the results are the same.
static void multiply_attended(const tile_product *p) {
    for (int64_t i = 0; i < p->m; i++)
        for (int64_t first = 0; first < p->n; first += CK_LANES) {
            const float *a = p->a + i * p->a_row, *b = p->b + first;
            const int64_t n = p->n - first;
            vf sum = vf_set(0);
            for (int64_t k = 0; k < p->k; k++, a += p->a_k, b += p->b_row)
                if (*a != 0) sum = vf_fma(vf_set(*a), vf_load_first(b, n), sum);
            store_product(p->mode, p, p->c + i * p->c_row + first, i, n, sum);
        }
}

// For a product whose b's panels lie side by side.
CK_INLINE void multiply_where(bool finite, const tile_product *p) {
    if (finite)
        multiply_tile(p);
    else
        multiply_attended(p);
}
