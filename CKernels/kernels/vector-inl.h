// Small products of one vector with some rows, `stride` apart: dots, weighted sums, rank-1 updates.

CK_INLINE float row_dot(const float *x, const float *y, int64_t width) {
    vf sum = vf_set(0);
    int64_t h = 0;
    for (; h + CK_LANES <= width; h += CK_LANES) sum = vf_fma(vf_load(x + h), vf_load(y + h), sum);
    if (h < width) sum = vf_fma(vf_load_first(x + h, width - h), vf_load_first(y + h, width - h), sum);
    return vf_sum(sum);
}

// dots[i] = x · rows[i] for i < count. As many rows at a time as there are lanes: they share the loads of x,
// hide the latency of the sums, and are summed across the lanes together.
CK_INLINE void rows_dot(float *dots, const float *x, const float *rows, int64_t stride, int64_t count,
                        int64_t width) {
    for (int64_t i = 0; i < count; i += CK_LANES) {
        const float *r = rows + i * stride;
        if (count - i < CK_LANES) {
            for (; i < count; i++, r += stride) dots[i] = row_dot(x, r, width);
            return;
        }
        vf sum[CK_LANES];
        for (int j = 0; j < CK_LANES; j++) sum[j] = vf_set(0);
        int64_t h = 0;
        for (; h + CK_LANES <= width; h += CK_LANES) {
            vf v = vf_load(x + h);
            for (int j = 0; j < CK_LANES; j++) sum[j] = vf_fma(v, vf_load(r + j * stride + h), sum[j]);
        }
        if (h < width) {
            vf v = vf_load_first(x + h, width - h);
            for (int j = 0; j < CK_LANES; j++)
                sum[j] = vf_fma(v, vf_load_first(r + j * stride + h, width - h), sum[j]);
        }
        vf_store(dots + i, vf_sums(sum));
    }
}

// out = Σ_i weights[i] rows[i]; zero for count 0. Several vectors of columns at a time stay in registers.
CK_INLINE void rows_weighted_sum(float *out, const float *weights, const float *rows, int64_t stride,
                                 int64_t count, int64_t width) {
    enum { columns = 8 };
    int64_t h = 0;
    for (; h + columns * CK_LANES <= width; h += columns * CK_LANES) {
        vf sum[columns];
        for (int j = 0; j < columns; j++) sum[j] = vf_set(0);
        for (int64_t i = 0; i < count; i++) {
            vf w = vf_set(weights[i]);
            for (int j = 0; j < columns; j++)
                sum[j] = vf_fma(w, vf_load(rows + i * stride + h + j * CK_LANES), sum[j]);
        }
        for (int j = 0; j < columns; j++) vf_store(out + h + j * CK_LANES, sum[j]);
    }
    for (; h < width; h += CK_LANES) {
        vf s = vf_set(0);
        for (int64_t i = 0; i < count; i++)
            s = vf_fma(vf_set(weights[i]), vf_load_first(rows + i * stride + h, width - h), s);
        vf_store_first(out + h, s, width - h);
    }
}

// row += weight x.
CK_INLINE void row_add(float *row, float weight, const float *x, int64_t width) {
    vf w = vf_set(weight);
    int64_t h = 0;
    for (; h + CK_LANES <= width; h += CK_LANES)
        vf_store(row + h, vf_fma(w, vf_load(x + h), vf_load(row + h)));
    if (h < width) {
        int64_t n = width - h;
        vf_store_first(row + h, vf_fma(w, vf_load_first(x + h, n), vf_load_first(row + h, n)), n);
    }
}

// rows[i] += weights[i] x, but for weights of 0: what is masked gets nothing, not even 0 · NaN.
CK_INLINE void rows_add_outer(float *rows, int64_t stride, const float *weights, const float *x,
                              int64_t count, int64_t width) {
    for (int64_t i = 0; i < count; i++)
        if (weights[i] != 0) row_add(rows + i * stride, weights[i], x, width);
}

// out += Σ_i weights[i] rows[i] over the weights that are not 0.
CK_INLINE void rows_add_attended(float *out, const float *weights, const float *rows, int64_t stride,
                                 int64_t count, int64_t width) {
    for (int64_t i = 0; i < count; i++)
        if (weights[i] != 0) row_add(out, weights[i], rows + i * stride, width);
}
