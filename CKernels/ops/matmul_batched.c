// Products of the same sizes. Small ones are tasks, each multiplied by one thread in its own caches, which
// packs b alone; large ones come one after the other, each on all threads. Where their rows follow one
// another and b is shared, they are one product.
#include "matmul.h"

// A product is small up to as many floats of factors as a second-level cache holds, and up to so many
// multiply-adds, 256³, that the last task is not waited for long.
enum { SMALL_FACTORS = 1 << 18, SMALL_WORK = 1 << 24 };

typedef struct batched {
    float *c;
    int64_t c_batch_stride, c_stride;
    ck_matrix a, b;
    int64_t a_batch_stride, b_batch_stride;
    const float *bias;
    int flags;
    int64_t batch, M, N, K;
} batched;

static float *c_of(const batched *p, int64_t i) { return p->c + i * p->c_batch_stride; }
static ck_matrix a_of(const batched *p, int64_t i) {
    return (ck_matrix){p->a.data + i * p->a_batch_stride, p->a.row_stride, p->a.column_stride};
}
static ck_matrix b_of(const batched *p, int64_t i) {
    return (ck_matrix){p->b.data + i * p->b_batch_stride, p->b.row_stride, p->b.column_stride};
}

static ck_status check(const batched *p) {
    CK_SIZES(p->batch, p->M, p->N, p->K, p->c_stride, p->c_batch_stride);
    CK_REQUIRE(p->c_stride >= p->N, CK_BAD_SIZE);
    const int64_t elements = ck_product(p->batch, ck_product(p->M, p->N));
    CK_ARRAY(p->c, elements);
    CK_ARRAY(p->a.data, ck_product(p->batch, ck_product(p->M, p->K)));
    CK_ARRAY(p->b.data, ck_product(p->batch, ck_product(p->K, p->N)));
    CK_REQUIRE(ck_product(elements, p->K) >= 0, CK_BAD_SIZE);
    if (p->batch <= 1 || elements == 0) return CK_OK;
    const int64_t whole = ck_product(p->M - 1, p->c_stride);
    const int64_t across = ck_product(p->batch - 1, p->c_batch_stride);
    CK_REQUIRE(whole >= 0 && across >= 0, CK_BAD_SIZE);
    CK_REQUIRE(p->c_batch_stride - p->N >= whole ||
                   (p->c_stride - p->N >= across && p->c_batch_stride >= p->N),
               CK_BAD_SIZE);
    return CK_OK;
}

// Whether what lies a batch stride further on is the row after the last.
static bool rows_go_on(int64_t batch_stride, int64_t rows, int64_t row_stride) {
    int64_t whole;
    return !__builtin_mul_overflow(rows, row_stride, &whole) && batch_stride == whole;
}

// One product by one thread. Its columns are too few for a to be packed.
static void multiply_one(const batched *p, int64_t i, const float *packed) {
    const ck_matrix a = a_of(p, i);
    for (int64_t m = 0; m < p->M; m += ROWS)
        for (int64_t n = 0; n < p->N; n += COLUMNS) {
            const ck_matrix rows = {a.data + m * a.row_stride, a.row_stride, a.column_stride};
            ck_multiply_rows(c_of(p, i) + m * p->c_stride + n, p->c_stride, rows, ck_min(ROWS, p->M - m),
                             packed, n, ck_min(COLUMNS, p->N - n), p->bias ? p->bias + n : NULL, p->flags);
        }
}

// A task each; `shared` is b, packed, if it is that of all, and `right` the floats that one takes else.
static ck_status multiply_small(const batched *p, const ck_kernels *kernels, const float *shared,
                                int64_t right) {
    const int threads = ck_threads_for(p->batch * p->M * p->N * p->K);
    const int64_t room = shared ? 0 : ck_whole(right, 16);
    float *scratch = ck_scratch_take(ck_product(threads, room));
    CK_REQUIRE(scratch, CK_NO_MEMORY);
    ck_counter next = 0;
#pragma omp parallel num_threads(threads)
    {
        float *own = scratch + ck_thread_index() * room;
        for (int64_t i; (i = ck_next(&next)) < p->batch;) {
            if (!shared) ck_pack_right(kernels, own, b_of(p, i), p->K, p->N);
            multiply_one(p, i, shared ? shared : own);
        }
    }
    ck_scratch_return();
    return CK_OK;
}

static ck_status multiply_large(const batched *p, const float *shared) {
    for (int64_t i = 0; i < p->batch; i++)
        CK_TRY(shared ? ck_matmul_packed_f32(c_of(p, i), p->c_stride, a_of(p, i), shared, p->bias, p->flags,
                                             p->M, p->N, p->K)
                      : ck_matmul_f32(c_of(p, i), p->c_stride, a_of(p, i), b_of(p, i), p->bias, p->flags,
                                      p->M, p->N, p->K));
    return CK_OK;
}

static ck_status multiply(const batched *p, const ck_kernels *kernels, const float *shared) {
    const int64_t left = ck_product(p->M, p->K);
    const int64_t right = ck_packed_count_f32(p->K, p->N, 1);
    CK_REQUIRE(left >= 0 && right >= 0, CK_BAD_SIZE);
    const bool small =
        left <= SMALL_FACTORS && right <= SMALL_FACTORS - left && p->M * p->N * p->K <= SMALL_WORK;
    return small ? multiply_small(p, kernels, shared, right) : multiply_large(p, shared);
}

ck_status ck_matmul_batched_f32(float *c, int64_t c_batch_stride, int64_t c_stride, ck_matrix a,
                                int64_t a_batch_stride, ck_matrix b, int64_t b_batch_stride,
                                const float *bias, int flags, int64_t batch, int64_t M, int64_t N,
                                int64_t K) {
    const ck_kernels *kernels;
    CK_TRY(ck_table(&kernels));
    // Factors of no elements are not read and may have any strides, whose multiples could overflow.
    if (K == 0) a_batch_stride = b_batch_stride = 0;
    const batched p = {.c = c,
                       .c_batch_stride = c_batch_stride,
                       .c_stride = c_stride,
                       .a = a,
                       .b = b,
                       .a_batch_stride = a_batch_stride,
                       .b_batch_stride = b_batch_stride,
                       .bias = bias,
                       .flags = flags,
                       .batch = batch,
                       .M = M,
                       .N = N,
                       .K = K};
    CK_TRY(check(&p));
    if (batch == 0 || M == 0 || N == 0) return CK_OK;
    if (b_batch_stride != 0 && batch > 1) return multiply(&p, kernels, NULL);
    if (batch == 1 ||
        (rows_go_on(a_batch_stride, M, a.row_stride) && rows_go_on(c_batch_stride, M, c_stride)))
        return ck_matmul_f32(c, c_stride, a, b, bias, flags, batch * M, N, K);
    float *shared = ck_scratch_take(ck_packed_count_f32(K, N, 1));
    CK_REQUIRE(shared, CK_NO_MEMORY);
    ck_status status = ck_pack_f32(shared, b, K, N, 1);
    if (status == CK_OK) status = multiply(&p, kernels, shared);
    ck_scratch_return();
    return status;
}
