// Softmax and log-softmax of rows. The maximum is subtracted first, so no finite row
// overflows.

// What is subtracted: the maximum, NaN apart; 0 from a row of nothing but −∞, so that its exponentials are 0.
CK_INLINE float row_maximum(const float *x, int64_t count) {
    const float none = -__builtin_inff();
    vf a = vf_set(none), b = a, c = a, d = a;
    int64_t i = 0;
    for (; i + 4 * CK_LANES <= count; i += 4 * CK_LANES) {
        a = vf_max(vf_load(x + i), a), b = vf_max(vf_load(x + i + CK_LANES), b);
        c = vf_max(vf_load(x + i + 2 * CK_LANES), c), d = vf_max(vf_load(x + i + 3 * CK_LANES), d);
    }
    for (; i < count; i += CK_LANES) a = vf_max(vf_load_first_or(x + i, count - i, none), a);
    float best = vf_maximum(vf_max(vf_max(a, b), vf_max(c, d)));
    return best == none ? 0 : best;
}

// y = exp(x − maximum); returns the sum, or 1 for a row of zeros, which then stays as it is when divided by
// it and has the logarithm 0. y may be null when only the sum is wanted.
CK_INLINE float row_exponentials(float *y, const float *x, float maximum, int64_t count) {
    vf sum = vf_set(0);
    CK_VECTORS(i, n, count, {
        vf e = vf_exp_nonpositive(vf_load_first_or(x + i, n, -__builtin_inff()) - vf_set(maximum));
        if (y) vf_store_first(y + i, e, n);
        sum += e;
    });
    float total = vf_sum(sum);
    return total == 0 ? 1 : total;
}

CK_INLINE void row_scale(float *y, const float *x, float factor, int64_t count) {
    CK_VECTORS(i, n, count, vf_store_first(y + i, vf_load_first(x + i, n) * factor, n));
}

// Σ a b; of a alone where b is null.
CK_INLINE float row_sum(const float *a, const float *b, int64_t count) {
    vf s[4] = {vf_set(0), vf_set(0), vf_set(0), vf_set(0)};
    CK_SUMS(i, n, k, count, {
        vf x = vf_load_first(a + i, n);
        s[k] = b ? vf_fma(x, vf_load_first(b + i, n), s[k]) : s[k] + x;
    });
    return vf_sum_of_four(s);
}

CK_INLINE void softmax_row(float *y, const float *x, int64_t count) {
    float sum = row_exponentials(y, x, row_maximum(x, count), count);
    row_scale(y, y, 1.0f / sum, count);
}

static void softmax_rows(float *y, const float *x, const int32_t *lengths, int64_t N, int64_t columns) {
    for (int64_t n = 0; n < N; n++) {
        int64_t length = lengths ? lengths[n] : columns;
        softmax_row(y + n * columns, x + n * columns, length);
        memset(y + n * columns + length, 0, (size_t)(columns - length) * sizeof(float));
    }
}

// (x − maximum) − log Σ: the sum maximum + log Σ would lose the low bits of the logarithm under a large
// maximum.
static void log_softmax_rows(float *y, const float *x, int64_t N, int64_t columns) {
    for (int64_t row = 0; row < N; row++, y += columns, x += columns) {
        float maximum = row_maximum(x, columns);
        vf top = vf_set(maximum), log_sum = vf_set(logf(row_exponentials(NULL, x, maximum, columns)));
        CK_VECTORS(i, n, columns, vf_store_first(y + i, vf_load_first(x + i, n) - top - log_sum, n));
    }
}

// dx = y (dy − Σ dy y)
CK_INLINE void softmax_backward_row(float *dx, const float *dy, const float *y, int64_t count) {
    vf total = vf_set(row_sum(dy, y, count));
    CK_VECTORS(i, n, count,
               vf_store_first(dx + i, (vf_load_first(dy + i, n) - total) * vf_load_first(y + i, n), n));
}

static void softmax_backward_rows(float *dx, const float *dy, const float *y, const int32_t *lengths,
                                  int64_t N, int64_t columns) {
    for (int64_t n = 0; n < N; n++) {
        int64_t length = lengths ? lengths[n] : columns, at = n * columns;
        softmax_backward_row(dx + at, dy + at, y + at, length);
        memset(dx + at + length, 0, (size_t)(columns - length) * sizeof(float));
    }
}

static void log_softmax_backward_rows(float *dx, const float *dy, const float *y, int64_t N,
                                      int64_t columns) {
    for (int64_t row = 0; row < N; row++, dx += columns, dy += columns, y += columns) {
        vf total = vf_set(row_sum(dy, NULL, columns));
        CK_VECTORS(i, n, columns, {
            vf probability = vf_exp_nonpositive(vf_load_first(y + i, n));
            vf_store_first(dx + i, vf_fma(-probability, total, vf_load_first(dy + i, n)), n);
        });
    }
}
