// Attention: a tile is one source with a block of its queries (forward) or all of them (backward, where the
// source's keys and values have one owner).
#include "../runtime/runtime.h"

enum { QUERIES = 16, TANH_COST = 16 };

static ck_status check(const float *context, const float *queries, const float *keys, const float *values,
                       const int32_t *lengths, int64_t B, int64_t Tq, int64_t Tk, int64_t H, int64_t D) {
    CK_SIZES(B, Tq, Tk, H, D);
    int64_t query_rows = ck_product(B, Tq), key_rows = ck_product(B, Tk);
    CK_ARRAY(context, ck_product(query_rows, D));
    CK_ARRAY(queries, ck_product(query_rows, H));
    CK_ARRAY(keys, ck_product(key_rows, H));
    CK_ARRAY(values, ck_product(key_rows, D));
    // The products that decide on threads must not overflow either.
    CK_REQUIRE(ck_product(ck_product(query_rows, Tk), ck_product(H + D, TANH_COST)) >= 0, CK_BAD_SIZE);
    CK_REQUIRE(ck_product(B, H) >= 0, CK_BAD_SIZE);
    return lengths ? ck_check_range(lengths, B, 0, Tk) : CK_OK;
}

static ck_status check_backward(const float *dqueries, const float *dkeys, const float *dvalues,
                                const float *alignment, int64_t B, int64_t Tq, int64_t Tk, int64_t H,
                                int64_t D) {
    CK_ARRAY(dqueries, B * Tq * H);
    CK_ARRAY(dkeys, B * Tk * H);
    CK_ARRAY(dvalues, B * Tk * D);
    CK_ARRAY(alignment, B * Tq * Tk);
    return CK_OK;
}

// Where one tile's arrays begin.
typedef struct tile {
    int64_t b, length, queries, query_at, context_at, key_at, value_at, alignment_at;
} tile;

static tile tile_at(int64_t b, int64_t t, int64_t queries, const int32_t *lengths, int64_t Tq, int64_t Tk,
                    int64_t H, int64_t D) {
    int64_t row = b * Tq + t;
    return (tile){b, lengths ? lengths[b] : Tk, queries, row * H, row * D, b * Tk * H, b * Tk * D, row * Tk};
}

// Runs `call` with a `tile t` and `scratch` of Tk floats, for blocks of queries (or whole sources with block
// = Tq).
// (clang-format would break the loop after its pragma.)
// clang-format off
#define FOR_TILES(block, call)                                                                               \
    do {                                                                                                     \
        int64_t blocks = Tq > 0 ? ck_blocks(Tq, block) : 0;                                                  \
        _Pragma("omp parallel for schedule(static, 1) num_threads(threads)")                                 \
        for (int64_t task = 0; task < B * blocks; task++) {                                                  \
            int64_t first = task % blocks * (block);                                                         \
            tile t = tile_at(task / blocks, first, ck_min(block, Tq - first), lengths, Tq, Tk, H, D);        \
            float *scratch = scratches + ck_thread_index() * Tk;                                             \
            call;                                                                                            \
        }                                                                                                    \
    } while (0)
// clang-format on

ck_status ck_dot_attention_forward_f32(float *context, float *alignment, const float *queries,
                                       const float *keys, const float *values, const int32_t *lengths,
                                       float scale, int64_t B, int64_t Tq, int64_t Tk, int64_t H, int64_t D) {
    const ck_kernels *kernels;
    CK_TRY(ck_table(&kernels));
    CK_TRY(check(context, queries, keys, values, lengths, B, Tq, Tk, H, D));
    int threads = ck_threads_for(B * Tq * Tk * (H + D));
    float *scratches = ck_scratch_take(threads * Tk);
    CK_REQUIRE(scratches, CK_NO_MEMORY);
    FOR_TILES(QUERIES, kernels->dot_attention_forward_tile(
                           context + t.context_at, alignment ? alignment + t.alignment_at : NULL, scratch,
                           queries + t.query_at, keys + t.key_at, values + t.value_at, scale, t.queries, Tk,
                           t.length, H, D));
    ck_scratch_return();
    return CK_OK;
}

ck_status ck_dot_attention_backward_f32(float *dqueries, float *dkeys, float *dvalues, const float *dcontext,
                                        const float *queries, const float *keys, const float *values,
                                        const float *alignment, const int32_t *lengths, float scale,
                                        int64_t B, int64_t Tq, int64_t Tk, int64_t H, int64_t D) {
    const ck_kernels *kernels;
    CK_TRY(ck_table(&kernels));
    CK_TRY(check(dcontext, queries, keys, values, lengths, B, Tq, Tk, H, D));
    CK_TRY(check_backward(dqueries, dkeys, dvalues, alignment, B, Tq, Tk, H, D));
    int threads = ck_threads_for(B * Tq * Tk * 2 * (H + D));
    float *scratches = ck_scratch_take(threads * Tk);
    CK_REQUIRE(scratches, CK_NO_MEMORY);
    FOR_TILES(Tq, kernels->dot_attention_backward_tile(
                      dqueries + t.query_at, dkeys + t.key_at, dvalues + t.value_at, scratch,
                      dcontext + t.context_at, queries + t.query_at, keys + t.key_at, values + t.value_at,
                      alignment + t.alignment_at, scale, t.queries, Tk, t.length, H, D));
    ck_scratch_return();
    return CK_OK;
}

ck_status ck_additive_attention_forward_f32(float *context, float *alignment, const float *queries,
                                            const float *keys, const float *values, const float *v,
                                            const int32_t *lengths, int64_t B, int64_t Tq, int64_t Tk,
                                            int64_t H, int64_t D) {
    const ck_kernels *kernels;
    CK_TRY(ck_table(&kernels));
    CK_TRY(check(context, queries, keys, values, lengths, B, Tq, Tk, H, D));
    CK_ARRAY(v, H);
    int threads = ck_threads_for(B * Tq * Tk * H * TANH_COST);
    float *scratches = ck_scratch_take(threads * Tk);
    CK_REQUIRE(scratches, CK_NO_MEMORY);
    FOR_TILES(QUERIES, kernels->additive_attention_forward_tile(
                           context + t.context_at, alignment ? alignment + t.alignment_at : NULL, scratch,
                           queries + t.query_at, keys + t.key_at, values + t.value_at, v, t.queries, Tk,
                           t.length, H, D));
    ck_scratch_return();
    return CK_OK;
}

ck_status ck_additive_attention_backward_f32(float *dqueries, float *dkeys, float *dvalues, float *dv,
                                             const float *dcontext, const float *queries, const float *keys,
                                             const float *values, const float *v, const float *alignment,
                                             const int32_t *lengths, int64_t B, int64_t Tq, int64_t Tk,
                                             int64_t H, int64_t D) {
    const ck_kernels *kernels;
    CK_TRY(ck_table(&kernels));
    CK_TRY(check(dcontext, queries, keys, values, lengths, B, Tq, Tk, H, D));
    CK_TRY(check_backward(dqueries, dkeys, dvalues, alignment, B, Tq, Tk, H, D));
    CK_ARRAY(v, H);
    CK_ARRAY(dv, H);
    int threads = ck_threads_for(B * Tq * Tk * H * TANH_COST);
    float *scratches = ck_scratch_take(threads * Tk + B * H);
    CK_REQUIRE(scratches, CK_NO_MEMORY);
    // Every source sums its own dv; they are added in the order of the batch, whatever thread made them.
    float *source_dv = scratches + threads * Tk;
    memset(source_dv, 0, (size_t)(B * H) * sizeof(float));
    FOR_TILES(Tq, kernels->additive_attention_backward_tile(
                      dqueries + t.query_at, dkeys + t.key_at, dvalues + t.value_at, source_dv + t.b * H,
                      scratch, dcontext + t.context_at, queries + t.query_at, keys + t.key_at,
                      values + t.value_at, v, alignment + t.alignment_at, t.queries, Tk, t.length, H, D));
    for (int64_t b = 0; b < B; b++) kernels->add_range(dv, source_dv + b * H, H);
    ck_scratch_return();
    return CK_OK;
}
