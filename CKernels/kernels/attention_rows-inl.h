// Attention of single queries: where there are few of them, or where every query has a window of its own
// (local-p). Nothing is staged; keys and values are read where they lie, once a query.

// The scores of query q with keys `from` … from + n − 1.
CK_INLINE void row_scores(float *s, const ck_attention *a, const float *q, const float *keys, int64_t n) {
    if (a->v) {
        additive_scores_direct(s, n, q, 0, keys, a->key.row, a->v, 1, n, a->H);
        return;
    }
    rows_dot(s, q, keys, a->key.row, n, a->H);
    row_scale(s, s, a->scale, n);
}

// One query, and of the keys that it sees those in `part`: the sum of the values with weights not yet divided
// by their sum, and the statistics. The scores go to the alignment, if there is one. scratch is for the
// scores and their factors.
static void attention_forward_row(const ck_attention_call *call, float *sum, float *statistics, int64_t b,
                                  int64_t head, int64_t t, int64_t part_first, int64_t part_end,
                                  float *scratch) {
    const ck_attention *a = call->a;
    const span keys = intersection(keys_within(a, b, head, t), (span){part_first, part_end});
    const int64_t n = keys.end - keys.first;
    statistics[0] = -__builtin_inff(), statistics[1] = 0;
    if (n == 0) {
        memset(sum, 0, (size_t)a->D * sizeof(float));
        return;
    }
    const float *k = call->keys + offset_of(a->key, a->key_starts, b, key_head_of(a, head), keys.first);
    const float *v = call->values + offset_of(a->value, a->key_starts, b, key_head_of(a, head), keys.first);
    float *scores = scratch, *factors = scratch + ck_whole(n, CK_LANES);
    row_scores(scores, a, call->queries + offset_of(a->query, a->query_starts, b, head, t), k, n);
    shape_scores(scores, a, b, head, t, keys.first, n, keys);
    if (call->alignment)
        memcpy(call->alignment + row_of(a, b, head, t) * a->Tk + keys.first, scores,
               (size_t)n * sizeof(float));
    statistics[0] = largest_score(scores, n, -__builtin_inff());
    statistics[1] = exponentials(scores, n, statistics[0]);
    if (has_factors(a)) {
        weight_factors(factors, a, b, head, t, keys.first, n);
        multiply_row(scores, factors, n);
    }
    rows_weighted_sum(sum, scores, v, a->value.row, n, a->D);
    if (rows_are_finite(sum, a->D, 1, a->D)) return;
    memset(sum, 0, (size_t)a->D * sizeof(float));
    rows_add_attended(sum, scores, v, a->value.row, n, a->D);
}

// Joins the parts of one query, `stride` floats apart, each a sum [D] and its statistics, in ascending order.
static void attention_merge_row(float *sum, float *statistics, const float *parts, int64_t stride,
                                int64_t count, int64_t D) {
    float largest = -__builtin_inff();
    for (int64_t i = 0; i < count; i++) largest = fmaxf(largest, parts[i * stride + D]);
    statistics[0] = largest, statistics[1] = 0;
    clear_row(sum, D);
    for (int64_t i = 0; i < count; i++) {
        const float *part = parts + i * stride;
        if (part[D + 1] == 0) continue;
        float weight = part[D] == largest ? 1 : expf(part[D] - largest);
        statistics[1] += weight * part[D + 1];
        row_add(sum, weight, part, D);
    }
}

// As attention_backward_tiles, a query at a time.
static void attention_backward_rows(const ck_attention_call *call, float *dv, int64_t b, int64_t key_head,
                                    float *scratch) {
    const ck_attention *a = call->a;
    const int64_t group = a->heads / a->key_heads, room = ck_whole(a->Tk, CK_LANES);
    float *weights = scratch, *dscores = weights + room, *slopes = dscores + room, *factors = slopes + room;
    const int64_t keys_at = offset_of(a->key, a->key_starts, b, key_head, 0);
    const int64_t values_at = offset_of(a->value, a->key_starts, b, key_head, 0);
    if (!call->accumulate) {
        clear_rows(call->d->keys + keys_at, a->key.row, keys_of(a, b), a->H);
        clear_rows(call->d->values + values_at, a->value.row, keys_of(a, b), a->D);
    }
    for (int64_t head = key_head * group; head < (key_head + 1) * group; head++) {
        if (call->d->bias) clear_rows(call->d->bias + row_of(a, b, head, 0) * a->Tk, a->Tk, a->Tq, a->Tk);
        if (call->d->centres)
            memset(call->d->centres + row_of(a, b, head, 0), 0, (size_t)a->Tq * sizeof(float));
        for (int64_t t = 0; t < ck_queries_of(a, b); t++) {
            const span seen = keys_within(a, b, head, t);
            const int64_t n = seen.end - seen.first;
            const int64_t query_at = offset_of(a->query, a->query_starts, b, head, t);
            const int64_t context_at = offset_of(a->context, a->query_starts, b, head, t);
            const float *q = call->queries + query_at, *dc = call->dcontext + context_at;
            float *dq = call->d->queries + query_at;
            memset(dq, 0, (size_t)a->H * sizeof(float));
            if (n == 0) continue;
            const int64_t key_at = keys_at + seen.first * a->key.row,
                          value_at = values_at + seen.first * a->value.row;
            const float *k = call->keys + key_at;
            if (!call->given_alignment) row_scores(weights, a, q, k, n);
            rows_dot(dscores, dc, call->values + value_at, a->value.row, n, a->D);
            float delta;
            backward_tile tile = {weights, dscores, slopes, factors, &delta, true};
            backward_row(call, &tile, b, head, t, 0, seen.first, n);
            rows_add_outer(call->d->values + value_at, a->value.row, weights, dc, n, a->D);
            if (a->v) {
                additive_backward_direct(dq, 0, call->d->keys + key_at, a->key.row, dv, dscores, n, q, 0, k,
                                         a->key.row, a->v, 1, n, a->H);
            } else {
                rows_add_outer(call->d->keys + key_at, a->key.row, dscores, q, n, a->H);
                rows_add_attended(dq, dscores, k, a->key.row, n, a->H);
            }
        }
    }
}

// The scores of query t with every key of its sentence, at a stage between the product and the softmax; −∞
// behind the sentence's end where masks count, else 0. scratch is for one padded row.
static void attention_score_rows(const ck_attention_call *call, float *scores, int stage, int64_t b,
                                 int64_t head, int64_t t, float *scratch) {
    const ck_attention *a = call->a;
    const int64_t n = keys_of(a, b);
    const float *keys = call->keys + offset_of(a->key, a->key_starts, b, key_head_of(a, head), 0);
    row_scores(scratch, a, call->queries + offset_of(a->query, a->query_starts, b, head, t), keys, n);
    ck_attention shaping = *a;
    if (stage == CK_SCORES_RAW) shaping.softcap = 0;
    if (stage != CK_SCORES_MASKED) shaping.bias = NULL, shaping.mask = NULL;
    shape_scores(scratch, &shaping, b, head, t, 0, n,
                 stage == CK_SCORES_MASKED ? keys_within(a, b, head, t) : (span){0, n});
    memcpy(scores, scratch, (size_t)n * sizeof(float));
    for (int64_t i = n; i < a->Tk; i++) scores[i] = stage == CK_SCORES_MASKED ? -__builtin_inff() : 0;
}
