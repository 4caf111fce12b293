// Attention backward in tiles: the weights are made again from the row's statistics, nothing of the size
// queries × keys is kept. With P the weights, F their factors, δ = dC · C of a row (Dao et al. 2022,
// algorithm 4):
//
//     dV = (P ∘ F)ᵀ dC    dP = dC Vᵀ    dS = P ∘ (F ∘ dP − δ)    dQ = scale · dS K    dK = scale · dSᵀ Q
//
// One task owns a head of keys and values, so that every sum has one order.

typedef struct backward_tile {
    float *weights, *dscores; // rows CK_TILE_ROW apart
    float *slopes, *factors;  // of softcap, and of the weights: one row at a time
    float *delta;             // of each row
    bool complete;            // the tile holds all that its rows see: δ comes from it
} backward_tile;

// Σ_i P F dP over the keys that have a weight.
CK_INLINE float weighted_sum(const float *weights, const float *factors, const float *dweights, int64_t n) {
    vf sum = vf_set(0);
    for (int64_t i = 0; i < n; i += CK_LANES) {
        vf weight = vf_load(weights + i), factor = factors ? vf_load(factors + i) : vf_set(1);
        vi none = (weight == 0) | (factor == 0);
        sum += none ? vf_set(0) : weight * factor * vf_load(dweights + i);
    }
    return vf_sum(sum);
}

// dp of Luong's local-p: Σ_i P F dP (i − p) / σ², over the keys that have a weight.
CK_INLINE float centre_gradient(const float *weights, const float *factors, const float *dweights,
                                float centre, float deviation, int64_t first, int64_t n) {
    float sum = 0;
    for (int64_t i = 0; i < n; i++) {
        float weight = weights[i] == 0 ? 0 : weights[i] * factors[i];
        if (weight != 0) sum += weight * dweights[i] * ((float)(first + i) - centre);
    }
    return sum / (deviation * deviation);
}

// The weights and gradients of scores of one row of a tile, keys from … from + k − 1.
static void backward_row(const ck_attention_call *call, const backward_tile *tile, int64_t b, int64_t head,
                         int64_t t, int64_t r, int64_t from, int64_t k) {
    const ck_attention *a = call->a;
    const int64_t at = row_of(a, b, head, t);
    float *weights = tile->weights + r * CK_TILE_ROW, *dscores = tile->dscores + r * CK_TILE_ROW;
    float *slopes = a->softcap > 0 ? tile->slopes : NULL;
    if (call->given_alignment) {
        memcpy(weights, call->given_alignment + at * a->Tk + from, (size_t)k * sizeof(float));
        for (int64_t i = k; i < ck_whole(k, CK_LANES); i++) weights[i] = 0;
    } else {
        if (slopes) softcap_slopes(slopes, weights, a->softcap, k);
        shape_scores(weights, a, b, head, t, from, k, keys_within(a, b, head, t));
        weights_of_scores(weights, ck_whole(k, CK_LANES), call->given_statistics + 2 * at);
    }
    if (has_factors(a)) weight_factors(tile->factors, a, b, head, t, from, k);
    if (call->d->centres)
        call->d->centres[at] =
            centre_gradient(weights, tile->factors, dscores, a->centres[at], a->deviation, from, k);
    const float *row_factors = has_factors(a) ? tile->factors : NULL;
    if (tile->complete) tile->delta[r] = weighted_sum(weights, row_factors, dscores, k);
    weights_backward(dscores, weights, row_factors, tile->delta[r], k);
    scores_backward(dscores, call, slopes, b, head, t, from, k);
}

// The whole of (b, key_head): all its queries, keys and values.
static void attention_backward_tiles(const ck_attention_call *call, float *dv, int64_t b, int64_t key_head,
                                     float *scratch) {
    const ck_attention *a = call->a;
    const int64_t H = a->H, D = a->D, tile_keys = ck_tile_keys(a), group = a->heads / a->key_heads,
                  queries = ck_queries_of(a, b);
    tile_score score = make_score(a, scratch);
    float *value_columns = scratch + ck_score_scratch(a);
    float *weights = value_columns + tile_keys * D, *dscores = weights + CK_BACKWARD_QUERIES * CK_TILE_ROW;
    float *slopes = dscores + CK_BACKWARD_QUERIES * CK_TILE_ROW, *factors = slopes + CK_TILE_ROW;
    float *deltas = factors + CK_TILE_ROW; // [group, queries]

    const float *keys = call->keys + offset_of(a->key, a->key_starts, b, key_head, 0);
    const float *values = call->values + offset_of(a->value, a->key_starts, b, key_head, 0);
    float *dkeys = call->d->keys + offset_of(a->key, a->key_starts, b, key_head, 0);
    float *dvalues = call->d->values + offset_of(a->value, a->key_starts, b, key_head, 0);
    for (int64_t head = key_head * group; head < (key_head + 1) * group; head++) {
        if (call->d->bias) clear_rows(call->d->bias + row_of(a, b, head, 0) * a->Tk, a->Tk, a->Tq, a->Tk);
        // Queries that see nothing meet no tile.
        for (int64_t t = 0; t < queries; t++)
            if (is_empty(keys_within(a, b, head, t)))
                clear_rows(call->d->queries + offset_of(a->query, a->query_starts, b, head, t), 0, 1, H);
    }
    const span all = queries > 0 ? keys_of_rows(a, b, 0, queries) : (span){0, 0};
    if (!call->accumulate) {
        clear_rows(dkeys, a->key.row, all.first, H);
        clear_rows(dvalues, a->value.row, all.first, D);
        clear_rows(dkeys + all.end * a->key.row, a->key.row, keys_of(a, b) - all.end, H);
        clear_rows(dvalues + all.end * a->value.row, a->value.row, keys_of(a, b) - all.end, D);
    }
    for (int64_t key = all.first; key < all.end; key += tile_keys) {
        const span block = {key, ck_min(key + tile_keys, all.end)};
        const int64_t n = block.end - key;
        const float *block_keys = keys + key * a->key.row, *block_values = values + key * a->value.row;
        if (a->v || !call->given_alignment) stage_keys(&score, block_keys, n);
        stage_columns(value_columns, block_values, a->value.row, n, D);
        const bool keys_finite = rows_are_finite(block_keys, a->key.row, n, H);
        bool fresh = !call->accumulate; // nothing of these keys' gradients is written yet
        for (int64_t row = 0, m; row < group * queries; row += m) {
            const int64_t head = key_head * group + row / queries, t = row % queries;
            m = ck_min(CK_BACKWARD_QUERIES, queries - t);
            const span seen = keys_of_rows(a, b, t, m), tile = intersection(seen, block);
            if (is_empty(tile)) continue;
            const int64_t skipped = (tile.first - key) / CK_NR * CK_NR, from = key + skipped,
                          k = tile.end - from;
            const int64_t query_at = offset_of(a->query, a->query_starts, b, head, t);
            const int64_t context_at = offset_of(a->context, a->query_starts, b, head, t);
            const float *q = call->queries + query_at, *dc = call->dcontext + context_at;
            backward_tile shared = {weights, dscores,      slopes,
                                    factors, deltas + row, in_one_block(seen, all, tile_keys)};
            if (!shared.complete && seen.first >= key)
                for (int64_t r = 0; r < m; r++)
                    shared.delta[r] = row_dot(dc + r * a->context.row,
                                              call->given_context + context_at + r * a->context.row, D);
            stage_queries(&score, q, m);
            if (!call->given_alignment)
                score_tile(&score, weights, q, keys + from * a->key.row, skipped, m, k);
            transposed_product(dscores, dc, a->context.row, value_columns + skipped * D, m, k, D, 1);
            for (int64_t r = 0; r < m; r++) backward_row(call, &shared, b, head, t + r, r, from, k);
            const bool finite = keys_finite && rows_are_finite(q, a->query.row, m, H) &&
                                rows_are_finite(dc, a->context.row, m, D);
            const bool whole = from == key && k == n;
            if (fresh && !whole) {
                clear_rows(dkeys + key * a->key.row, a->key.row, n, H);
                clear_rows(dvalues + key * a->value.row, a->value.row, n, D);
            }
            const product_mode into_keys = fresh && whole ? product_set : product_add;
            fresh = false;
            multiply_where(finite, &(tile_product){.c = dvalues + from * a->value.row,
                                                   .c_row = a->value.row,
                                                   .a = weights,
                                                   .a_row = 1,
                                                   .a_k = CK_TILE_ROW,
                                                   .b = dc,
                                                   .b_row = a->context.row,
                                                   .b_panel = CK_NR,
                                                   .m = k,
                                                   .n = D,
                                                   .k = m,
                                                   .factor = 1,
                                                   .mode = into_keys});
            score_tile_backward(&score, call->d->queries + query_at,
                                seen.first >= key ? product_set : product_add, dkeys + from * a->key.row,
                                into_keys, dv, dscores, q, keys + from * a->key.row, skipped, m, k, finite);
        }
        if (fresh) {
            clear_rows(dkeys + key * a->key.row, a->key.row, n, H);
            clear_rows(dvalues + key * a->value.row, a->value.row, n, D);
        }
    }
}
