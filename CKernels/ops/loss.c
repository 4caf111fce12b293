// Projected cross entropy: the logits of a chunk of rows live in scratch, turn into their own gradient, and
// are gone.
#include "../runtime/runtime.h"

// The logits of one chunk, in floats: 16 MiB. Long chunks also make the product for dW deep.
#define CHUNK (4 << 20)
enum { EXP_COST = 16 };

typedef struct projection {
    float *loss, *dx, *dW, *db;
    const float *x, *W, *b;
    const int32_t *targets;
    float scale;
    int64_t V, H;
    const float *forward, *backward; // W packed for logits = x Wᵀ and for dx = dlogits W
} projection;

static ck_status chunk_loss(const ck_kernels *kernels, const projection *p, float *logits, int64_t first,
                            int64_t rows) {
    int64_t V = p->V, H = p->H;
    ck_matrix x = {p->x + first * H, H, 1}, dlogits = {logits, V, 1}, transposed = {logits, 1, V};
    CK_TRY(ck_matmul_packed_f32(logits, V, x, p->forward, p->b, 0, rows, V, H));
#pragma omp parallel for schedule(static) num_threads(ck_threads_for(rows *V *EXP_COST))
    for (int64_t r = 0; r < rows; r++)
        kernels->cross_entropy_rows(p->loss + first + r, logits + r * V, p->targets + first + r, p->scale,
                                    p->dx != NULL, 1, V);
    if (!p->dx) return CK_OK;
    CK_TRY(ck_matmul_packed_f32(p->dx + first * H, H, dlogits, p->backward, NULL, 0, rows, H, V));
    CK_TRY(ck_matmul_f32(p->dW, H, transposed, x, NULL, CK_ACCUMULATE, V, H, rows));
    return ck_sum_rows_f32(p->db, logits, V, rows, V);
}

static ck_status all_chunks(const ck_kernels *kernels, projection *p, float *packed, float *logits, int64_t N,
                            int64_t chunk) {
    int64_t V = p->V, H = p->H, forward_count = ck_packed_count_f32(H, V, 1);
    ck_matrix forward = {p->W, 1, H}, backward = {p->W, H, 1};
    CK_TRY(ck_pack_f32(packed, forward, H, V, 1));
    p->forward = packed;
    if (p->dx) {
        CK_TRY(ck_pack_f32(packed + ck_blocks(forward_count, 16) * 16, backward, V, H, 1));
        p->backward = packed + ck_blocks(forward_count, 16) * 16;
    }
    for (int64_t first = 0; first < N; first += chunk)
        CK_TRY(chunk_loss(kernels, p, logits, first, ck_min(chunk, N - first)));
    return CK_OK;
}

ck_status ck_projected_cross_entropy_f32(float *loss, float *dx, float *dW, float *db, const float *x,
                                         const float *W, const float *b, const int32_t *targets, float scale,
                                         int64_t N, int64_t V, int64_t H) {
    const ck_kernels *kernels;
    CK_TRY(ck_table(&kernels));
    CK_SIZES(N, H, V);
    CK_REQUIRE(V >= 1, CK_BAD_SIZE);
    CK_REQUIRE(ck_product(ck_product(N, V), ck_product(H, EXP_COST)) >= 0, CK_BAD_SIZE);
    CK_ARRAY(loss, N);
    CK_ARRAY(x, ck_product(N, H));
    CK_ARRAY(W, ck_product(V, H));
    CK_ARRAY(b, V);
    CK_ARRAY(targets, N);
    CK_REQUIRE(!dx || (dW && db), CK_NULL_POINTER);
    CK_TRY(ck_check_range(targets, N, INT32_MIN, V - 1));
    int64_t chunk = ck_min(N, CHUNK / V + 1);
    float *packed = ck_scratch_take(ck_packed_count_f32(H, V, 1) + ck_packed_count_f32(V, H, 1) + 16);
    CK_REQUIRE(packed, CK_NO_MEMORY);
    float *logits = ck_scratch_take(chunk * V);
    ck_status status = CK_NO_MEMORY;
    if (logits) {
        projection p = {loss, dx, dW, db, x, W, b, targets, scale, V, H, NULL, NULL};
        status = all_chunks(kernels, &p, packed, logits, N, chunk);
        ck_scratch_return();
    }
    ck_scratch_return();
    return status;
}
