// Matrix products: c is cut into tiles of ROWS × COLUMNS that one thread computes over all of K, in blocks of
// DEPTH.
//
// Goto & van de Geijn 2008: with AVX2 b's panel (DEPTH × nr: 32 KiB) is read from L1 and a's block (ROWS ×
// DEPTH: 192 KiB) from L2. The panels of AVX-512 are four times as wide and come from L2; what suits it best
// is not measured yet.
#include "matmul.h"

// The largest part of a that is packed at once, in floats: 16 MiB.
#define SLAB (4 << 20)

// What stands before the panels of a packed matrix: the set it is laid out for, whatever is in use later, and
// its sizes, so that a mix-up is an error and not a wrong result.
typedef struct packed_header {
    const ck_kernels *kernels;
    int64_t K, N, groups;
} packed_header;
enum { HEADER = 16 }; // floats: one cache line, which keeps the panels aligned

enum { WIDEST = 64 }; // the widest nr: a packed matrix needs as much room under any set

static packed_header header_of(const float *packed) {
    packed_header header;
    memcpy(&header, packed, sizeof header);
    return header;
}

static int64_t padded(int64_t N, int64_t nr) { return ck_blocks(N, nr) * nr; }

int64_t ck_packed_count_f32(int64_t K, int64_t N, int64_t groups) {
    const int64_t most = INT64_C(1) << 40;
    if (K < 0 || N < 0 || groups < 1 || K > most || N > most || groups > most || N % groups) return -1;
    int64_t count = ck_product(K, ck_product(groups, padded(N / groups, WIDEST)));
    return count < 0 || count > INT64_MAX / 8 ? -1 : count + HEADER;
}

// The panels of one group of columns, from a block of DEPTH on.
static int64_t panels_at(const packed_header *h, int64_t group, int64_t k) {
    return HEADER + (group * h->K + k) * padded(h->N / h->groups, h->kernels->nr);
}

// What packing a matrix is cut into, and one part of it: [group][block of DEPTH][panel][k][nr].
static int64_t packing_tasks(const packed_header *h) {
    return h->groups * ck_blocks(h->N / h->groups, COLUMNS) * ck_blocks(h->K, DEPTH);
}
static void pack_part(const packed_header *h, float *packed, ck_matrix b, int64_t task) {
    const int64_t width = h->N / h->groups, blocks = ck_blocks(width, COLUMNS);
    int64_t group = task % h->groups, j = task / h->groups % blocks * COLUMNS;
    int64_t k = task / h->groups / blocks * DEPTH, kc = ck_min(DEPTH, h->K - k);
    h->kernels->pack_b_panels(packed + panels_at(h, group, k) + j * kc,
                              b.data + k * b.row_stride + (group * width + j) * b.column_stride,
                              b.column_stride, b.row_stride, ck_min(COLUMNS, width - j), kc);
}

ck_status ck_pack_f32(float *packed, ck_matrix b, int64_t K, int64_t N, int64_t groups) {
    packed_header header = {NULL, K, N, groups};
    CK_TRY(ck_table(&header.kernels));
    CK_ARRAY(packed, ck_packed_count_f32(K, N, groups));
    CK_ARRAY(b.data, ck_product(K, N));
    memcpy(packed, &header, sizeof header);
#pragma omp parallel for schedule(static) num_threads(ck_threads_for(K *N))
    for (int64_t task = 0; task < packing_tasks(&header); task++) pack_part(&header, packed, b, task);
    return CK_OK;
}

int64_t ck_left_count(const ck_kernels *kernels, int64_t M, int64_t K) {
    return ck_product(ck_whole(M, kernels->mr), K);
}
int64_t ck_left_tasks(int64_t M, int64_t K) { return ck_blocks(M, ROWS) * ck_blocks(K, DEPTH); }
void ck_pack_left(const ck_kernels *kernels, float *panels, ck_matrix a, int64_t M, int64_t K, int64_t task) {
    int64_t i = task / ck_blocks(K, DEPTH) * ROWS, k = task % ck_blocks(K, DEPTH) * DEPTH;
    int64_t rows = ck_min(ROWS, M - i);
    kernels->pack_a_panels(panels + i * K + k * ck_whole(rows, kernels->mr),
                           a.data + i * a.row_stride + k * a.column_stride, a.row_stride, a.column_stride,
                           rows, ck_min(DEPTH, K - k));
}

// Blocks of K add up in ascending order; bias and activation come with the last.
void ck_multiply_block(float *c, int64_t c_stride, const float *left, int64_t M, int64_t row_block,
                       const float *packed, int64_t group, int64_t column, int64_t columns, const float *bias,
                       int flags) {
    const packed_header h = header_of(packed);
    int64_t rows = ck_min(ROWS, M - row_block * ROWS), k = 0;
    left += row_block * ROWS * h.K;
    do {
        int64_t kc = ck_min(DEPTH, h.K - k);
        bool last = k + kc == h.K;
        int now = (k > 0 ? CK_ACCUMULATE : flags & CK_ACCUMULATE) | (last ? flags & CK_TANH : 0);
        h.kernels->matmul_block(c, c_stride, left + k * ck_whole(rows, h.kernels->mr),
                                packed + panels_at(&h, group, k) + column * kc, last ? bias : NULL, now, rows,
                                columns, kc);
        k += kc;
    } while (k < h.K);
}

typedef struct product {
    float *c;
    int64_t c_stride;
    ck_matrix a;
    float *left; // scratch for a's panels
    float *packed;
    const ck_matrix *b; // to be packed first; or null
    const float *bias;
    int flags;
    int64_t M;
} product;

// Both factors are packed, then the tiles are computed.
static void multiply(const product *p) {
    const packed_header h = header_of(p->packed);
    const int64_t width = h.N / h.groups, column_blocks = ck_blocks(width, COLUMNS);
    const int64_t row_blocks = ck_blocks(p->M, ROWS), tiles = row_blocks * h.groups * column_blocks;
    const int64_t a_tasks = ck_left_tasks(p->M, h.K), b_tasks = p->b ? packing_tasks(&h) : 0;
    ck_counter packing = 0, computing = 0;
#pragma omp parallel num_threads(ck_threads_for(p->M *h.N *h.K))
    {
        for (int64_t task; (task = ck_next(&packing)) < b_tasks + a_tasks;)
            if (task < b_tasks)
                pack_part(&h, p->packed, *p->b, task);
            else
                ck_pack_left(h.kernels, p->left, p->a, p->M, h.K, task - b_tasks);
#pragma omp barrier
        for (int64_t tile; (tile = ck_next(&computing)) < tiles;) {
            int64_t i = tile % row_blocks, j = tile / row_blocks % column_blocks * COLUMNS;
            int64_t group = tile / row_blocks / column_blocks, n = group * width + j;
            ck_multiply_block(p->c + i * ROWS * p->c_stride + n, p->c_stride, p->left, p->M, i, p->packed,
                              group, j, ck_min(COLUMNS, width - j), p->bias ? p->bias + n : NULL, p->flags);
        }
    }
}

// `packed` has its header; b is packed into it first, unless it is null.
static ck_status multiply_slabs(float *c, int64_t c_stride, ck_matrix a, float *packed, const ck_matrix *b,
                                const float *bias, int flags, int64_t M) {
    const packed_header h = header_of(packed);
    // Slabs of a bound the scratch; whole blocks of ROWS, so that they change no sum.
    int64_t slab = h.K > 0 && M > SLAB / h.K ? SLAB / h.K / ROWS * ROWS : M;
    if (slab < ROWS) slab = ck_min(M, ROWS);
    float *left = ck_scratch_take(ck_left_count(h.kernels, slab, h.K));
    CK_REQUIRE(left, CK_NO_MEMORY);
    for (int64_t i = 0; i < M; i += slab, b = NULL) {
        ck_matrix rows = {a.data + i * a.row_stride, a.row_stride, a.column_stride};
        product p = {c + i * c_stride, c_stride, rows, left, packed, b, bias, flags, ck_min(slab, M - i)};
        multiply(&p);
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

ck_status ck_check_packed(const float *packed, int64_t K, int64_t N, int64_t groups) {
    CK_REQUIRE(packed, CK_NULL_POINTER);
    packed_header h = header_of(packed);
    CK_REQUIRE(ck_is_table(h.kernels) && h.K == K && h.N == N, CK_WRONG_PACKING);
    CK_REQUIRE(groups == 0 || h.groups == groups, CK_WRONG_PACKING);
    return CK_OK;
}

const ck_kernels *ck_packed_kernels(const float *packed) { return header_of(packed).kernels; }

ck_status ck_matmul_packed_f32(float *c, int64_t c_stride, ck_matrix a, const float *packed,
                               const float *bias, int flags, int64_t M, int64_t N, int64_t K) {
    CK_TRY(check(c, c_stride, a, M, N, K));
    CK_TRY(ck_check_packed(packed, K, N, 0));
    // Without b nothing writes to what is packed.
    return multiply_slabs(c, c_stride, a, (float *)packed, NULL, bias, flags, M);
}

ck_status ck_matmul_f32(float *c, int64_t c_stride, ck_matrix a, ck_matrix b, const float *bias, int flags,
                        int64_t M, int64_t N, int64_t K) {
    packed_header header = {NULL, K, N, 1};
    CK_TRY(ck_table(&header.kernels));
    CK_TRY(check(c, c_stride, a, M, N, K));
    CK_ARRAY(b.data, ck_product(K, N));
    float *packed = ck_scratch_take(ck_packed_count_f32(K, N, 1));
    CK_REQUIRE(packed, CK_NO_MEMORY);
    memcpy(packed, &header, sizeof header);
    ck_status status = multiply_slabs(c, c_stride, a, packed, &b, bias, flags, M);
    ck_scratch_return();
    return status;
}
