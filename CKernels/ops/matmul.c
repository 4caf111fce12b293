// Matrix products: c is cut into tiles of ROWS × COLUMNS that one thread computes over all of K, in blocks of
// DEPTH.
//
// Goto & van de Geijn 2008: with AVX2 b's panel (DEPTH × nr: 32 KiB) is read from L1 and a's block (ROWS ×
// DEPTH: 192 KiB) from L2. The panels of AVX-512 are four times as wide and come from L2; what suits it best
// is not measured yet.
#include "../runtime/runtime.h"

enum { ROWS = 96, COLUMNS = 256, DEPTH = 512 }; // multiples of every mr and nr

// The largest part of a that is packed at once, in floats: 16 MiB.
#define SLAB (4 << 20)

// What stands before the panels of a packed matrix: the set it is laid out for, whatever is in use later, and
// its sizes, so that a mix-up is an error and not a wrong result.
typedef struct packed_header {
    const ck_kernels *kernels;
    int64_t K, N;
} packed_header;
enum { HEADER = 16 }; // floats: one cache line, which keeps the panels aligned

enum { WIDEST = 64 }; // the widest nr: a packed matrix needs as much room under any set

static int64_t padded(int64_t N, int64_t nr) { return ck_blocks(N, nr) * nr; }

int64_t ck_packed_count_f32(int64_t K, int64_t N) {
    if (K < 0 || N < 0 || K > INT64_C(1) << 40 || N > INT64_C(1) << 40) return -1;
    int64_t count = ck_product(K, padded(N, WIDEST));
    return count < 0 || count > INT64_MAX / 8 ? -1 : count + HEADER;
}

// What packing a matrix is cut into, and one part of it: [block of DEPTH][panel][k][nr].
static int64_t packing_tasks(int64_t K, int64_t N) { return ck_blocks(N, COLUMNS) * ck_blocks(K, DEPTH); }
static void pack_part(const ck_kernels *kernels, float *packed, ck_matrix b, int64_t K, int64_t N,
                      int64_t task) {
    int64_t k = task / ck_blocks(N, COLUMNS) * DEPTH, j = task % ck_blocks(N, COLUMNS) * COLUMNS;
    int64_t kc = ck_min(DEPTH, K - k);
    float *panels = packed + HEADER + k * padded(N, kernels->nr) + j * kc;
    kernels->pack_b_panels(panels, b.data + k * b.row_stride + j * b.column_stride, b.column_stride,
                           b.row_stride, ck_min(COLUMNS, N - j), kc);
}

static void sign(const ck_kernels *kernels, float *packed, int64_t K, int64_t N) {
    packed_header header = {kernels, K, N};
    memcpy(packed, &header, sizeof header);
}

ck_status ck_pack_f32(float *packed, ck_matrix b, int64_t K, int64_t N) {
    const ck_kernels *kernels;
    CK_TRY(ck_table(&kernels));
    CK_ARRAY(packed, ck_packed_count_f32(K, N));
    CK_ARRAY(b.data, ck_product(K, N));
    sign(kernels, packed, K, N);
#pragma omp parallel for schedule(static) num_threads(ck_threads_for(K *N))
    for (int64_t task = 0; task < packing_tasks(K, N); task++) pack_part(kernels, packed, b, K, N, task);
    return CK_OK;
}

typedef struct product {
    float *c;
    int64_t c_stride;
    ck_matrix a;
    float *a_panels; // scratch for ROWS-padded M × K
    float *packed;
    const ck_matrix *b; // to be packed first; or null
    const float *bias;
    int flags;
    int64_t M, N, K;
} product;

// The tile of the product at (i, j), over all of K, into c. Blocks of K add up in ascending order; bias and
// activation come with the last.
static void multiply_tile(const ck_kernels *kernels, const product *p, float *c, int64_t i, int64_t j) {
    int64_t rows = ck_min(ROWS, p->M - i), columns = ck_min(COLUMNS, p->N - j);
    const float *a = p->a_panels + i * p->K; // [block of ROWS][block of DEPTH][panel][k][mr]
    int64_t k = 0;
    do {
        int64_t kc = ck_min(DEPTH, p->K - k);
        bool last = k + kc == p->K;
        int flags = (k > 0 ? CK_ACCUMULATE : p->flags & CK_ACCUMULATE) | (last ? p->flags & CK_TANH : 0);
        kernels->matmul_block(c, p->c_stride, a + k * ck_whole(rows, kernels->mr),
                              p->packed + HEADER + k * padded(p->N, kernels->nr) + j * kc,
                              last && p->bias ? p->bias + j : NULL, flags, rows, columns, kc);
        k += kc;
    } while (k < p->K);
}

// Both factors are packed, then the tiles are computed.
static void multiply(const ck_kernels *kernels, const product *p) {
    const int64_t row_blocks = ck_blocks(p->M, ROWS), tiles = row_blocks * ck_blocks(p->N, COLUMNS);
    const int64_t depth_blocks = ck_blocks(p->K, DEPTH), a_tasks = row_blocks * depth_blocks;
    const int64_t b_tasks = p->b ? packing_tasks(p->K, p->N) : 0;
    ck_counter packing = 0, computing = 0;
#pragma omp parallel num_threads(ck_threads_for(p->M * p->N * p->K))
    {
        for (int64_t task; (task = ck_next(&packing)) < b_tasks + a_tasks;) {
            if (task < b_tasks) {
                pack_part(kernels, p->packed, *p->b, p->K, p->N, task);
                continue;
            }
            int64_t i = (task - b_tasks) / depth_blocks * ROWS, k = (task - b_tasks) % depth_blocks * DEPTH;
            int64_t rows = ck_min(ROWS, p->M - i);
            kernels->pack_a_panels(p->a_panels + i * p->K + k * ck_whole(rows, kernels->mr),
                                   p->a.data + i * p->a.row_stride + k * p->a.column_stride, p->a.row_stride,
                                   p->a.column_stride, rows, ck_min(DEPTH, p->K - k));
        }
#pragma omp barrier
        for (int64_t tile; (tile = ck_next(&computing)) < tiles;) {
            int64_t i = tile % row_blocks * ROWS, j = tile / row_blocks * COLUMNS;
            multiply_tile(kernels, p, p->c + i * p->c_stride + j, i, j);
        }
    }
}

// `b` is packed into `packed` first, unless it is null.
static ck_status multiply_slabs(const ck_kernels *kernels, float *c, int64_t c_stride, ck_matrix a,
                                float *packed, const ck_matrix *b, const float *bias, int flags, int64_t M,
                                int64_t N, int64_t K) {
    // Slabs of a bound the scratch; whole blocks of ROWS, so that they change no sum.
    int64_t slab = K > 0 && M > SLAB / K ? SLAB / K / ROWS * ROWS : M;
    if (slab < ROWS) slab = ck_min(M, ROWS);
    float *a_panels = ck_scratch_take(ck_product(ck_whole(slab, kernels->mr), K));
    CK_REQUIRE(a_panels, CK_NO_MEMORY);
    for (int64_t i = 0; i < M; i += slab, b = NULL) {
        ck_matrix rows = {a.data + i * a.row_stride, a.row_stride, a.column_stride};
        product p = {c + i * c_stride,    c_stride, rows, a_panels, packed, b, bias, flags,
                     ck_min(slab, M - i), N,        K};
        multiply(kernels, &p);
    }
    ck_scratch_return();
    return CK_OK;
}

static ck_status check(const float *c, int64_t c_stride, ck_matrix a, int64_t M, int64_t N, int64_t K) {
    CK_SIZES(M, N, K, c_stride);
    CK_REQUIRE(c_stride >= N, CK_BAD_SIZE);
    CK_ARRAY(c, ck_product(M, N));
    CK_ARRAY(a.data, ck_product(M, K));
    CK_REQUIRE(ck_product(ck_product(M, N), K) >= 0, CK_BAD_SIZE);
    return CK_OK;
}

static packed_header header_of(const float *packed) {
    packed_header header;
    memcpy(&header, packed, sizeof header);
    return header;
}

ck_status ck_check_packed(const float *packed, int64_t K, int64_t N) {
    CK_REQUIRE(packed, CK_NULL_POINTER);
    packed_header header = header_of(packed);
    CK_REQUIRE(ck_is_table(header.kernels) && header.K == K && header.N == N, CK_WRONG_PACKING);
    return CK_OK;
}

ck_status ck_matmul_packed_f32(float *c, int64_t c_stride, ck_matrix a, const float *packed,
                               const float *bias, int flags, int64_t M, int64_t N, int64_t K) {
    CK_TRY(check(c, c_stride, a, M, N, K));
    CK_TRY(ck_check_packed(packed, K, N));
    // Without b nothing writes to what is packed.
    return multiply_slabs(header_of(packed).kernels, c, c_stride, a, (float *)packed, NULL, bias, flags, M, N,
                          K);
}

int64_t ck_matmul_rows_scratch(const float *packed, int64_t M, int64_t K) {
    return ck_whole(M, header_of(packed).kernels->mr) * K;
}

void ck_matmul_columns(float *c, int64_t c_stride, float *scratch, ck_matrix a, const float *packed,
                       const float *bias, int64_t first, int64_t count, int64_t M, int64_t N, int64_t K) {
    const ck_kernels *kernels = header_of(packed).kernels;
    for (int64_t k = 0; k < K; k += DEPTH)
        kernels->pack_a_panels(scratch + k * ck_whole(M, kernels->mr), a.data + k * a.column_stride,
                               a.row_stride, a.column_stride, M, ck_min(DEPTH, K - k));
    // Without b nothing writes to what is packed.
    const product p = {c, c_stride, a, scratch, (float *)packed, NULL, bias, 0, M, N, K};
    for (int64_t j = 0; j < count; j += COLUMNS) multiply_tile(kernels, &p, c + j, 0, first + j);
}

ck_status ck_matmul_f32(float *c, int64_t c_stride, ck_matrix a, ck_matrix b, const float *bias, int flags,
                        int64_t M, int64_t N, int64_t K) {
    const ck_kernels *kernels;
    CK_TRY(ck_table(&kernels));
    CK_TRY(check(c, c_stride, a, M, N, K));
    CK_ARRAY(b.data, ck_product(K, N));
    float *packed = ck_scratch_take(ck_packed_count_f32(K, N));
    CK_REQUIRE(packed, CK_NO_MEMORY);
    ck_status status = multiply_slabs(kernels, c, c_stride, a, packed, &b, bias, flags, M, N, K);
    ck_scratch_return();
    return status;
}
