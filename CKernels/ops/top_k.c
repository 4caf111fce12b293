// The likeliest tokens of a projection. A task is some rows × a part of the columns, whose logits live in its
// thread's scratch; parts of a row are merged in their order.
#include "../runtime/runtime.h"

enum { ROWS = 96, COLUMNS = 512 };

typedef struct top_k_call {
    const float *packed, *b;
    ck_matrix x;
    int64_t M, V, H, k;
    float *statistics, *values; // [part, M, 2] and [part, M, k]
    int32_t *ids;               // [part, M, k]
} top_k_call;

static void top_of_part(const ck_kernels *kernels, const top_k_call *p, float *logits, int64_t i,
                        int64_t part) {
    const int64_t rows = ck_min(ROWS, p->M - i), columns = ck_min(COLUMNS, p->V - part * COLUMNS);
    ck_matrix x = {p->x.data + i * p->H, p->H, 1};
    ck_matmul_columns(logits, COLUMNS, logits + ck_min(ROWS, p->M) * COLUMNS, x, p->packed, p->b,
                      part * COLUMNS, columns, rows, p->V, p->H);
    const int64_t at = part * p->M + i;
    kernels->top_k_rows(p->statistics + at * 2, p->values + at * p->k, p->ids + at * p->k, logits, COLUMNS,
                        part * COLUMNS, rows, columns, p->k);
}

ck_status ck_projected_top_k_f32(float *log_probabilities, int32_t *tokens, const float *x,
                                 const float *packed, const float *b, int64_t M, int64_t V, int64_t H,
                                 int64_t k) {
    const ck_kernels *kernels;
    CK_TRY(ck_table(&kernels));
    CK_SIZES(M, V, H, k);
    CK_REQUIRE(V <= INT32_MAX, CK_BAD_SIZE);
    CK_REQUIRE(k >= 1 && k <= V, CK_OUT_OF_RANGE);
    CK_REQUIRE(ck_product(ck_product(M, V), H + 1) >= 0, CK_BAD_SIZE);
    CK_ARRAY(log_probabilities, ck_product(M, k));
    CK_ARRAY(tokens, ck_product(M, k));
    CK_ARRAY(x, ck_product(M, H));
    CK_ARRAY(b, V);
    CK_TRY(ck_check_packed(packed, H, V));
    const int64_t parts = ck_blocks(V, COLUMNS), row_blocks = ck_blocks(M, ROWS), rows = ck_min(ROWS, M);
    const int threads = ck_threads_for(M * V * (H + 1));
    const int64_t each = ck_whole(rows * COLUMNS + ck_matmul_rows_scratch(packed, rows, H), 16);
    const int64_t records = ck_product(ck_product(parts, M), 2 + 2 * k);
    CK_REQUIRE(records >= 0, CK_NO_MEMORY);
    float *scratch = ck_scratch_take(threads * each + records);
    CK_REQUIRE(scratch, CK_NO_MEMORY);
    float *statistics = scratch + threads * each, *values = statistics + parts * M * 2;
    const top_k_call p = {packed, b, {x, H, 1},  M,      V,
                          H,      k, statistics, values, (int32_t *)(values + parts * M * k)};
    ck_counter next = 0;
#pragma omp parallel num_threads(threads)
    {
        float *mine = scratch + ck_thread_index() * each;
        for (int64_t task; (task = ck_next(&next)) < row_blocks * parts;)
            top_of_part(kernels, &p, mine, task % row_blocks * ROWS, task / row_blocks);
    }
#pragma omp parallel for schedule(static) num_threads(ck_threads_for(parts *M *k * 16))
    for (int64_t i = 0; i < M; i++)
        kernels->top_k_merge(log_probabilities + i * k, tokens + i * k, p.statistics + i * 2,
                             p.values + i * k, p.ids + i * k, M, parts, k);
    ck_scratch_return();
    return CK_OK;
}
