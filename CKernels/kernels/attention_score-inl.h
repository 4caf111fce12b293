// The score of a tile of queries × keys, forward and backward: the dot product, from columns of the keys, or
// the additive score, from factors of both sides or, beyond their reach, from the rows themselves.

typedef struct tile_score {
    const ck_attention *a;
    float *keys;    // of a block, staged: columns [panel][H][CK_NR], or factors [key][stride]
    float *queries; // factors of a tile of queries
    int64_t stride; // of factors
    additive_weights v;
    float key_reach, query_reach;
} tile_score;

// Floats for the staged keys, the factors of `queries` queries, and v.
CK_INLINE tile_score make_score(const ck_attention *a, float *scratch) {
    tile_score s = {.a = a, .keys = scratch, .stride = additive_stride(a->H)};
    s.queries = scratch + ck_tile_keys(a) * s.stride;
    if (a->v) {
        float *v = s.queries + CK_BACKWARD_QUERIES * s.stride;
        s.v = additive_weigh(v, a->v, a->H);
    }
    return s;
}

static void stage_keys(tile_score *s, const float *keys, int64_t n) {
    const ck_attention *a = s->a;
    s->key_reach = 0;
    if (a->v) additive_factors(s->keys, &s->key_reach, keys, a->key.row, -1, n, a->H, s->stride);
    if (a->v && s->v.sum - s->v.sum != 0) s->key_reach = __builtin_inff(); // 0 · v is not 0 then
    if (!a->v) stage_columns(s->keys, keys, a->key.row, n, a->H);
}

// What both directions of a tile want of its queries.
static void stage_queries(tile_score *s, const float *queries, int64_t m) {
    const ck_attention *a = s->a;
    s->query_reach = 0;
    if (a->v) additive_factors(s->queries, &s->query_reach, queries, a->query.row, 1, m, a->H, s->stride);
}

// c = factor · x yᵀ from the staged columns of y.
CK_INLINE void transposed_product(float *c, const float *x, int64_t x_row, const float *columns, int64_t m,
                                  int64_t n, int64_t width, float factor) {
    multiply_tile(&(tile_product){.c = c,
                                  .c_row = CK_TILE_ROW,
                                  .a = x,
                                  .a_row = x_row,
                                  .a_k = 1,
                                  .b = columns,
                                  .b_row = CK_NR,
                                  .b_panel = width * CK_NR,
                                  .m = m,
                                  .n = ck_whole(n, CK_LANES),
                                  .k = width,
                                  .factor = factor});
}

// Scores [m, n], rows CK_TILE_ROW apart, of keys from the block's `first` on, a multiple of CK_NR.
static void score_tile(const tile_score *s, float *scores, const float *queries, const float *keys,
                       int64_t first, int64_t m, int64_t n) {
    const ck_attention *a = s->a;
    const float *staged = s->keys + first * (a->v ? s->stride : a->H);
    if (!a->v)
        transposed_product(scores, queries, a->query.row, staged, m, n, a->H, a->scale);
    else if (additive_within_reach(s->query_reach, s->key_reach))
        additive_scores(scores, CK_TILE_ROW, s->queries, s->stride, staged, s->stride, &s->v, m, n, a->H,
                        s->query_reach, s->key_reach);
    else
        additive_scores_direct(scores, CK_TILE_ROW, queries, a->query.row, keys, a->key.row, a->v, m, n,
                               a->H);
}

static void clear_rows(float *rows, int64_t stride, int64_t count, int64_t width) {
    for (int64_t i = 0; i < count; i++) clear_row(rows + i * stride, width);
}

// From the gradient of the raw scores to those of the queries, the keys and v; the modes say whether the
// first two are overwritten.
static void score_tile_backward(const tile_score *s, float *dqueries, product_mode into_queries, float *dkeys,
                                product_mode into_keys, float *dv, const float *dscores, const float *queries,
                                const float *keys, int64_t first, int64_t m, int64_t n, bool finite) {
    const ck_attention *a = s->a;
    const int64_t H = a->H, q_row = a->query.row, k_row = a->key.row;
    if (!a->v) {
        multiply_where(finite, &(tile_product){.c = dkeys,
                                               .c_row = k_row,
                                               .a = dscores,
                                               .a_row = 1,
                                               .a_k = CK_TILE_ROW,
                                               .b = queries,
                                               .b_row = q_row,
                                               .b_panel = CK_NR,
                                               .m = n,
                                               .n = H,
                                               .k = m,
                                               .factor = 1,
                                               .mode = into_keys});
        multiply_where(finite, &(tile_product){.c = dqueries,
                                               .c_row = q_row,
                                               .a = dscores,
                                               .a_row = CK_TILE_ROW,
                                               .a_k = 1,
                                               .b = keys,
                                               .b_row = k_row,
                                               .b_panel = CK_NR,
                                               .m = m,
                                               .n = H,
                                               .k = n,
                                               .factor = 1,
                                               .mode = into_queries});
        return;
    }
    if (into_queries == product_set) clear_rows(dqueries, q_row, m, H);
    if (into_keys == product_set) clear_rows(dkeys, k_row, n, H);
    if (additive_within_reach(s->query_reach, s->key_reach))
        additive_backward(dqueries, q_row, dkeys, k_row, dv, dscores, CK_TILE_ROW, s->queries, s->stride,
                          s->keys + first * s->stride, s->stride, &s->v, m, n, H, s->query_reach,
                          s->key_reach);
    else
        additive_backward_direct(dqueries, q_row, dkeys, k_row, dv, dscores, CK_TILE_ROW, queries, q_row,
                                 keys, k_row, a->v, m, n, H);
}
