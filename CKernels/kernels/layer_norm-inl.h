// Layer normalisation. A row is read while it is in cache: for its sum, for its squared deviations, and for
// the result. Some rows take each of these steps before any takes the next, because the mean and the
// deviation of a single one would be waited for; and one after the other, because memory is read best as it
// lies.

enum { CK_NORM_ROWS = 4 };

// z = x (+ residual); returns Σ z.
CK_INLINE float row_add_residual(float *z, const float *x, const float *residual, int64_t count) {
    vf sum[4] = {vf_set(0), vf_set(0), vf_set(0), vf_set(0)};
    CK_SUMS(i, n, k, count, {
        vf value = vf_load_first(x + i, n);
        if (residual) value += vf_load_first(residual + i, n);
        vf_store_first(z + i, value, n);
        sum[k] += value;
    });
    return vf_sum_of_four(sum);
}

// Σ (z − mean)²
CK_INLINE float row_squared_deviations(const float *z, float mean, int64_t count) {
    vf sum[4] = {vf_set(0), vf_set(0), vf_set(0), vf_set(0)};
    CK_SUMS(i, n, k, count, {
        vf deviation = vf_load_first_or(z + i, n, mean) - vf_set(mean);
        sum[k] = vf_fma(deviation, deviation, sum[k]);
    });
    return vf_sum_of_four(sum);
}

// Missing lanes are 0, however large the mean: an infinity in one would make the sums of the backward NaN.
CK_INLINE vf norm_vector(const float *z, int64_t n, float mean, float inverse) {
    return (vf_load_first_or(z, n, mean) - vf_set(mean)) * vf_set(inverse);
}

static void layer_norm_rows(const ck_layer_norm *p, int64_t first, int64_t count) {
    const int64_t columns = p->columns;
    const float width = (float)columns;
    for (; count > 0; first += CK_NORM_ROWS, count -= CK_NORM_ROWS) {
        const int rows = (int)ck_min(count, CK_NORM_ROWS);
        const float *z[CK_NORM_ROWS];
        float mean[CK_NORM_ROWS], inverse[CK_NORM_ROWS];
        for (int r = 0; r < rows; r++) {
            const float *x = p->x + (first + r) * p->x_stride;
            const float *residual = p->residual ? p->residual + (first + r) * p->residual_stride : NULL;
            // y holds z until it is known itself.
            float *sum = p->sum ? p->sum + (first + r) * p->sum_stride : p->y + (first + r) * p->y_stride;
            const bool kept = p->sum || residual;
            float total = kept ? row_add_residual(sum, x, residual, columns) : row_sum(x, NULL, columns);
            mean[r] = total / width;
            z[r] = kept ? sum : x;
        }
        for (int r = 0; r < rows; r++) {
            float variance = row_squared_deviations(z[r], mean[r], columns) / width;
            inverse[r] = 1 / __builtin_elementwise_sqrt(variance + p->epsilon);
        }
        for (int r = 0; r < rows; r++) {
            float *y = p->y + (first + r) * p->y_stride;
            CK_VECTORS(i, n, columns, {
                vf gain = vf_load_first(p->gain + i, n), bias = vf_load_first(p->bias + i, n);
                vf_store_first(y + i, vf_fma(norm_vector(z[r] + i, n, mean[r], inverse[r]), gain, bias), n);
            });
            if (p->mean) p->mean[first + r] = mean[r];
            if (p->inverse_deviation) p->inverse_deviation[first + r] = inverse[r];
        }
    }
}

// Adds a row to dgain and dbias; returns Σ g in *plain and Σ g n in *along, where n = (z − mean) inverse and
// g = gain dy.
CK_INLINE void norm_backward_sums(float *plain, float *along, float *dgain, float *dbias, const float *dy,
                                  const float *z, float mean, float inverse, const float *gain,
                                  int64_t count) {
    vf p[4] = {vf_set(0), vf_set(0), vf_set(0), vf_set(0)};
    vf a[4] = {vf_set(0), vf_set(0), vf_set(0), vf_set(0)};
    CK_SUMS(i, n, k, count, {
        vf normal = norm_vector(z + i, n, mean, inverse), d = vf_load_first(dy + i, n);
        vf g = d * vf_load_first(gain + i, n);
        p[k] += g;
        a[k] = vf_fma(g, normal, a[k]);
        vf_store_first(dgain + i, vf_fma(d, normal, vf_load_first(dgain + i, n)), n);
        vf_store_first(dbias + i, d + vf_load_first(dbias + i, n), n);
    });
    *plain = vf_sum_of_four(p), *along = vf_sum_of_four(a);
}

// dx of some rows; overwrites sums [2, columns] with their part of dgain and dbias.
static void layer_norm_backward_rows(const ck_layer_norm_gradient *p, float *sums, int64_t first,
                                     int64_t count) {
    const int64_t columns = p->columns;
    const float width = (float)columns;
    memset(sums, 0, (size_t)(2 * columns) * sizeof(float));
    for (; count > 0; first += CK_NORM_ROWS, count -= CK_NORM_ROWS) {
        const int rows = (int)ck_min(count, CK_NORM_ROWS);
        float plain[CK_NORM_ROWS], along[CK_NORM_ROWS];
        for (int r = 0; r < rows; r++)
            norm_backward_sums(plain + r, along + r, sums, sums + columns, p->dy + (first + r) * p->dy_stride,
                               p->z + (first + r) * p->z_stride, p->mean[first + r],
                               p->inverse_deviation[first + r], p->gain, columns);
        for (int r = 0; r < rows; r++) {
            const int64_t row = first + r;
            const float mean = p->mean[row], inverse = p->inverse_deviation[row];
            const float *z = p->z + row * p->z_stride, *dy = p->dy + row * p->dy_stride;
            const float *dsum = p->dsum ? p->dsum + row * p->dsum_stride : NULL;
            float *dx = p->dx + row * p->dx_stride;
            const vf constant = vf_set(plain[r] / width), slope = vf_set(along[r] / width);
            CK_VECTORS(i, n, columns, {
                vf normal = norm_vector(z + i, n, mean, inverse);
                vf g = vf_load_first(dy + i, n) * vf_load_first(p->gain + i, n);
                vf d = vf_set(inverse) * vf_fma(-normal, slope, g - constant);
                if (dsum) d += vf_load_first(dsum + i, n);
                vf_store_first(dx + i, d, n);
            });
        }
    }
}
