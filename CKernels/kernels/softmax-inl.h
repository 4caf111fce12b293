// Softmax, log-softmax and cross entropy of rows. The maximum is subtracted first, so no finite row
// overflows.

CK_INLINE float row_maximum(const float *x, int64_t count) {
    vf top = vf_set(-__builtin_inff());
    int64_t i = 0;
    for (; i + CK_LANES <= count; i += CK_LANES) top = vf_max(vf_load(x + i), top);
    float best = vf_maximum(top);
    for (; i < count; i++) best = x[i] > best ? x[i] : best;
    return best;
}

// y = exp(x − maximum); returns the sum. y may be null when only the sum is wanted.
CK_INLINE float row_exponentials(float *y, const float *x, float maximum, int64_t count) {
    vf sum = vf_set(0);
    float rest = 0;
    for (int64_t i = 0; i < count; i += CK_LANES) {
        int64_t n = count - i;
        vf e = vf_exp(vf_load_first(x + i, n) - vf_set(maximum));
        if (y) vf_store_first(y + i, e, n);
        if (n >= CK_LANES) {
            sum += e;
        } else {
            float lanes[CK_LANES];
            vf_store(lanes, e);
            for (int64_t lane = 0; lane < n; lane++) rest += lanes[lane];
        }
    }
    return vf_sum(sum) + rest;
}

CK_INLINE void row_scale(float *y, const float *x, float factor, int64_t count) {
    for (int64_t i = 0; i < count; i += CK_LANES)
        vf_store_first(y + i, vf_load_first(x + i, count - i) * factor, count - i);
}

CK_INLINE void softmax_row(float *y, const float *x, int64_t count) {
    if (count == 0) return;
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
    for (int64_t n = 0; n < N && columns > 0; n++) {
        const float *row = x + n * columns;
        float maximum = row_maximum(row, columns);
        vf top = vf_set(maximum), log_sum = vf_set(logf(row_exponentials(NULL, row, maximum, columns)));
        for (int64_t i = 0; i < columns; i += CK_LANES)
            vf_store_first(y + n * columns + i, vf_load_first(row + i, columns - i) - top - log_sum,
                           columns - i);
    }
}

// dx = y (dy − Σ dy y)
CK_INLINE void softmax_backward_row(float *dx, const float *dy, const float *y, int64_t count) {
    vf sum = vf_set(0);
    for (int64_t i = 0; i < count; i += CK_LANES)
        sum = vf_fma(vf_load_first(dy + i, count - i), vf_load_first(y + i, count - i), sum);
    vf total = vf_set(vf_sum(sum));
    for (int64_t i = 0; i < count; i += CK_LANES) {
        vf d = vf_load_first(dy + i, count - i) - total;
        vf_store_first(dx + i, d * vf_load_first(y + i, count - i), count - i);
    }
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
    for (int64_t n = 0; n < N; n++) {
        const float *d = dy + n * columns;
        vf sum = vf_set(0);
        for (int64_t i = 0; i < columns; i += CK_LANES) sum += vf_load_first(d + i, columns - i);
        vf total = vf_set(vf_sum(sum));
        for (int64_t i = 0; i < columns; i += CK_LANES) {
            vf probability = vf_exp(vf_load_first(y + n * columns + i, columns - i));
            vf_store_first(dx + n * columns + i,
                           vf_fma(-probability, total, vf_load_first(d + i, columns - i)), columns - i);
        }
    }
}

// loss[n] = −log softmax(logits[n])[target]; with gradient, logits become scale · (softmax −
// one-hot(target)).
static void cross_entropy_rows(float *loss, float *logits, const int32_t *targets, float scale, int gradient,
                               int64_t N, int64_t V) {
    for (int64_t n = 0; n < N; n++) {
        float *row = logits + n * V;
        if (targets[n] < 0) {
            loss[n] = 0;
            if (gradient) memset(row, 0, (size_t)V * sizeof(float));
            continue;
        }
        float maximum = row_maximum(row, V), target = row[targets[n]];
        float sum = row_exponentials(gradient ? row : NULL, row, maximum, V);
        loss[n] = logf(sum) - (target - maximum);
        if (!gradient) continue;
        row_scale(row, row, scale / sum, V);
        row[targets[n]] -= scale;
    }
}
