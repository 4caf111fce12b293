// Attention forward in tiles of queries × keys with an online softmax (Milakov & Gimelshein 2018; Dao et al.
// 2022): a tile's scores never leave L1 and L2, whatever the lengths.
//
// For each block of keys, staged once, and each block of queries that sees some of them:
//
//     S = scale · Q Kᵀ    (m, l) ← (max(m, max S), l e^{m − m′} + Σ e^{S − m′})    C ← C e^{m − m′} + e^{S −
//     m′} V

// Whether all that these queries see lies in one block of keys: then their softmax is complete at once.
CK_INLINE bool in_one_block(span seen, span all, int64_t tile_keys) {
    return !is_empty(seen) && (seen.first - all.first) / tile_keys == (seen.end - 1 - all.first) / tile_keys;
}

// A row of weights, keys from … from + n − 1, divided by their sum and written to the alignment. What is 0
// stays 0, though the sum be NaN.
static void complete_row(const ck_attention_call *call, float *weights, const float *statistics, int64_t row,
                         int64_t from, int64_t n) {
    const vf inverse = vf_set(statistics[1] == 0 ? 0 : 1 / statistics[1]);
    for (int64_t i = 0; i < n; i += CK_LANES) {
        vf weight = vf_load(weights + i);
        vf_store(weights + i, weight == 0 ? weight : weight * inverse);
    }
    if (!call->alignment) return;
    float *alignment = call->alignment + row * call->a->Tk;
    memset(alignment, 0, (size_t)from * sizeof(float));
    memcpy(alignment + from, weights, (size_t)n * sizeof(float));
    memset(alignment + from + n, 0, (size_t)(call->a->Tk - from - n) * sizeof(float));
}

// Queries first … first + count − 1 of (b, head).
static void attention_forward_tiles(const ck_attention_call *call, int64_t b, int64_t head, int64_t first,
                                    int64_t count, float *scratch) {
    const ck_attention *a = call->a;
    const int64_t D = a->D, tile_keys = ck_tile_keys(a);
    tile_score score = make_score(a, scratch);
    float *scores = scratch + ck_score_scratch(a), *rescale = scores + CK_FORWARD_QUERIES * CK_TILE_ROW;
    float *factors = rescale + ck_whole(CK_FORWARD_QUERIES, CK_LANES), *statistics = factors + CK_TILE_ROW;
    if (call->statistics) statistics = call->statistics + 2 * row_of(a, b, head, first);
    for (int64_t r = 0; r < count; r++) statistics[2 * r] = -__builtin_inff(), statistics[2 * r + 1] = 0;

    const float *queries = call->queries + offset_of(a->query, a->query_starts, b, head, 0);
    const float *keys = call->keys + offset_of(a->key, a->key_starts, b, key_head_of(a, head), 0);
    const float *values = call->values + offset_of(a->value, a->key_starts, b, key_head_of(a, head), 0);
    float *context = call->context + offset_of(a->context, a->query_starts, b, head, 0);
    const span all = keys_of_rows(a, b, first, count);
    for (int64_t key = all.first; key < all.end; key += tile_keys) {
        const span block = {key, ck_min(key + tile_keys, all.end)};
        const int64_t n = block.end - key;
        stage_keys(&score, keys + key * a->key.row, n);
        const bool finite = rows_are_finite(values + key * a->value.row, a->value.row, n, D);
        for (int64_t t = first; t < first + count; t += CK_FORWARD_QUERIES) {
            const int64_t m = ck_min(CK_FORWARD_QUERIES, first + count - t);
            const span seen = keys_of_rows(a, b, t, m), tile = intersection(seen, block);
            if (is_empty(tile)) continue;
            const int64_t skipped = (tile.first - key) / CK_NR * CK_NR, from = key + skipped,
                          k = tile.end - from;
            stage_queries(&score, queries + t * a->query.row, m);
            score_tile(&score, scores, queries + t * a->query.row, keys + from * a->key.row, skipped, m, k);
            const bool complete = in_one_block(seen, all, tile_keys);
            float *own = statistics + 2 * (t - first);
            for (int64_t r = 0; r < m; r++) {
                float *row = scores + r * CK_TILE_ROW;
                shape_scores(row, a, b, head, t + r, from, k, keys_within(a, b, head, t + r));
                if (call->alignment && !complete)
                    memcpy(call->alignment + row_of(a, b, head, t + r) * a->Tk + from, row,
                           (size_t)k * sizeof(float));
                float largest = largest_score(row, k, own[2 * r]);
                rescale[r] = own[2 * r] == largest ? 0 : own[2 * r] - largest;
                own[2 * r] = largest;
            }
            for (int64_t r = 0; r < m; r += CK_LANES) // rescale has room for whole vectors
                vf_store(rescale + r, vf_exp_nonpositive(vf_load(rescale + r)));
            for (int64_t r = 0; r < m; r++) {
                float *row = scores + r * CK_TILE_ROW;
                own[2 * r + 1] = own[2 * r + 1] * rescale[r] + exponentials(row, k, own[2 * r]);
                if (complete) complete_row(call, row, own + 2 * r, row_of(a, b, head, t + r), from, k);
                if (has_factors(a)) {
                    weight_factors(factors, a, b, head, t + r, from, k);
                    multiply_row(row, factors, k);
                }
            }
            multiply_where(finite,
                           &(tile_product){.c = context + t * a->context.row,
                                           .c_row = a->context.row,
                                           .a = scores,
                                           .a_row = CK_TILE_ROW,
                                           .a_k = 1,
                                           .b = values + from * a->value.row,
                                           .b_row = a->value.row,
                                           .b_panel = CK_NR,
                                           .m = m,
                                           .n = D,
                                           .k = k,
                                           .factor = 1,
                                           .rescale = rescale,
                                           .mode = seen.first >= key ? product_set : product_rescale});
        }
    }
    for (int64_t t = first; t < first + count; t += CK_FORWARD_QUERIES) {
        const int64_t m = ck_min(CK_FORWARD_QUERIES, first + count - t);
        if (!in_one_block(keys_of_rows(a, b, t, m), all, tile_keys))
            attention_finish_rows(call, b, head, t, m, statistics + 2 * (t - first), NULL);
    }
}
