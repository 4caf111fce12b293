// The likeliest tokens of a projection. A task is some rows × a part of the columns, whose logits live in its
// thread's scratch; parts of a row are merged in their order.
#include "matmul.h"

enum { PART = 2 * COLUMNS };

typedef struct top_k_call {
    const float *packed, *b;
    const float *left; // x as the product reads it
    int64_t M, V, H, k;
    float *statistics, *values; // [part, M, 2] and [part, M, k]
    int32_t *ids;               // [part, M, k]
} top_k_call;

static void top_of_part(const ck_kernels *kernels, const top_k_call *p, float *logits, int64_t row_block,
                        int64_t part) {
    const int64_t i = row_block * ROWS, first = part * PART;
    const int64_t rows = ck_min(ROWS, p->M - i), columns = ck_min(PART, p->V - first);
    ck_multiply_block(logits, PART, p->left, p->M, row_block, p->packed, 0, first, columns, p->b + first, 0);
    const int64_t at = part * p->M + i;
    kernels->top_k_rows(p->statistics + at * 2, p->values + at * p->k, p->ids + at * p->k, logits, PART,
                        first, rows, columns, p->k);
}

ck_status ck_projected_top_k_f32(float *log_probabilities, int32_t *tokens, const float *x,
                                 const float *packed, const float *b, int64_t M, int64_t V, int64_t H,
                                 int64_t k) {
    CK_SIZES(M, V, H, k);
    CK_REQUIRE(V <= INT32_MAX, CK_BAD_SIZE);
    CK_REQUIRE(k >= 1 && k <= V, CK_OUT_OF_RANGE);
    CK_REQUIRE(ck_product(ck_product(M, V), H + 1) >= 0, CK_BAD_SIZE);
    CK_ARRAY(log_probabilities, ck_product(M, k));
    CK_ARRAY(tokens, ck_product(M, k));
    CK_ARRAY(x, ck_product(M, H));
    CK_ARRAY(b, V);
    CK_TRY(ck_check_packed(packed, H, V, 1));
    const ck_kernels *kernels = ck_packed_kernels(packed);
    const int64_t parts = ck_blocks(V, PART), row_blocks = ck_blocks(M, ROWS);
    const int threads = ck_threads_for(M * V * (H + 1));
    CK_REQUIRE(ck_left_count(packed, M) >= 0, CK_BAD_SIZE);
    const int64_t each = ck_min(ROWS, M) * PART, left = ck_whole(ck_left_count(packed, M), 16);
    const int64_t records = ck_product(ck_product(parts, M), 2 + 2 * k);
    CK_REQUIRE(records >= 0, CK_NO_MEMORY);
    float *scratch = ck_scratch_take(left + threads * each + records);
    CK_REQUIRE(scratch, CK_NO_MEMORY);
    float *logits = scratch + left, *statistics = logits + threads * each;
    float *values = statistics + parts * M * 2;
    const top_k_call p = {packed, b, scratch,    M,      V,
                          H,      k, statistics, values, (int32_t *)(values + parts * M * k)};
    ck_counter packing = 0, computing = 0, merging = 0;
#pragma omp parallel num_threads(threads)
    {
        for (int64_t task; (task = ck_next(&packing)) < ck_left_tasks(packed, M);)
            ck_pack_left(scratch, (ck_matrix){x, H, 1}, M, packed, task);
#pragma omp barrier
        float *mine = logits + ck_thread_index() * each;
        for (int64_t task; (task = ck_next(&computing)) < row_blocks * parts;)
            top_of_part(kernels, &p, mine, task % row_blocks, task / row_blocks);
#pragma omp barrier
        for (int64_t i; (i = ck_next(&merging)) < M;)
            kernels->top_k_merge(log_probabilities + i * k, tokens + i * k, p.statistics + i * 2,
                                 p.values + i * k, p.ids + i * k, M, parts, k);
    }
    ck_scratch_return();
    return CK_OK;
}
