// The largest of some logits and what their softmax divides by, a part of a row at a time.

// Puts a number into a list of k that falls, behind its equals; returns how many it holds.
CK_INLINE int64_t top_insert(float *values, int32_t *ids, int64_t held, int64_t k, float value, int32_t id) {
    if (held == k && !(value > values[k - 1])) return held;
    int64_t place = held < k ? held : k - 1;
    for (; place > 0 && values[place - 1] < value; place--)
        values[place] = values[place - 1], ids[place] = ids[place - 1];
    values[place] = value, ids[place] = id;
    return held < k ? held + 1 : k;
}

// Of every row's columns, which are the tokens `first` and so on: statistics[row] = the largest logit and
// Σ exp(logit − largest), and the k largest with their tokens, largest first, of equals the lower token. A
// NaN is only in the sum. Places that are left over hold −∞ and the token −1.
static void top_k_rows(float *statistics, float *values, int32_t *ids, const float *logits, int64_t stride,
                       int64_t first, int64_t rows, int64_t columns, int64_t k) {
    for (int64_t row = 0; row < rows; row++, values += k, ids += k, logits += stride, statistics += 2) {
        int64_t held = 0;
        for (int64_t i = 0; i < columns; i += CK_LANES) {
            const int64_t n = ck_min(CK_LANES, columns - i);
            // Few vectors hold one of the largest.
            if (held == k &&
                !vi_any(vf_load_first_or(logits + i, n, -__builtin_inff()) > vf_set(values[k - 1])))
                continue;
            for (int64_t j = i; j < i + n; j++)
                if (logits[j] == logits[j])
                    held = top_insert(values, ids, held, k, logits[j], (int32_t)(first + j));
        }
        statistics[0] = held > 0 ? values[0] : -__builtin_inff();
        for (; held < k; held++) values[held] = -__builtin_inff(), ids[held] = -1;
        const float anchor = statistics[0] == -__builtin_inff() ? 0 : statistics[0];
        statistics[1] = row_exponentials(NULL, logits, anchor, columns);
    }
}

// One row's parts become its k largest log-probabilities with their tokens; of equals the earlier part's come
// first. Statistics, values and ids of the parts lie `stride` rows apart. NaN and the token −1 where the
// logits had a NaN or +∞.
static void top_k_merge(float *log_probabilities, int32_t *tokens, const float *statistics,
                        const float *values, const int32_t *ids, int64_t stride, int64_t parts, int64_t k) {
    float maximum = -__builtin_inff(), sum = 0;
    for (int64_t part = 0; part < parts; part++)
        if (statistics[part * stride * 2] > maximum) maximum = statistics[part * stride * 2];
    if (maximum == -__builtin_inff()) maximum = 0;
    for (int64_t part = 0; part < parts; part++) {
        const float *s = statistics + part * stride * 2;
        sum += s[1] * expf(s[0] - maximum);
    }
    const bool valid = sum == sum;
    const float log_sum = logf(sum == 0 ? 1 : sum);
    int64_t held = 0;
    for (int64_t part = 0; part < parts; part++)
        for (int64_t i = 0; i < k && ids[part * stride * k + i] >= 0; i++)
            held = top_insert(log_probabilities, tokens, held, k, values[part * stride * k + i],
                              ids[part * stride * k + i]);
    for (int64_t i = 0; i < k; i++) {
        log_probabilities[i] = valid ? log_probabilities[i] - maximum - log_sum : __builtin_nanf("");
        if (!valid) tokens[i] = -1;
    }
}
