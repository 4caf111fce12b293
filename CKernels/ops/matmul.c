// Matrix products: c is cut into tiles of ROWS × COLUMNS that one thread computes over all of K, in blocks of
// DEPTH.
//
// Goto & van de Geijn 2008: with AVX2 b's panel (DEPTH × nr: 32 KiB) is read from L1 and a's block (ROWS ×
// DEPTH: 192 KiB) from L2. The panels of AVX-512 are four times as wide and come from L2; what suits it best
// is not measured yet.
#include "matmul.h"

// The largest part of a that is packed at once, in floats: 16 MiB.
#define SLAB (4 << 20)

// What stands before the panels of a packed matrix: the set it is laid out for, whatever is in use later,
// what it holds, and its sizes, so that a mix-up is an error and not a wrong result.
//
//     [header][in int8 scales and starts of the columns][group][block of DEPTH; in int8 all of
//     K][panel][step][nr]
typedef struct packed_header {
    const ck_kernels *kernels;
    ck_precision precision;
    int64_t K, N, groups;
} packed_header;
enum { HEADER = 16 }; // floats: one cache line, which keeps the panels aligned

enum { WIDEST = 64 }; // the widest nr: a packed matrix needs as much room under any set

// The largest K in int8: sums of K products of 127² at most stay below 2³¹.
enum { DEEPEST_INT8 = 1 << 17 };

static packed_header header_of(const float *packed) {
    packed_header header;
    memcpy(&header, packed, sizeof header);
    return header;
}

static int64_t padded(int64_t N, int64_t nr) { return ck_blocks(N, nr) * nr; }

// The steps of so many k, and the bytes of one in each column of b.
static int64_t steps_of(const packed_header *h, int64_t K) {
    const int depth_log2 = h->kernels->depth_log2[h->precision];
    return (K + (INT64_C(1) << depth_log2) - 1) >> depth_log2;
}
static int64_t step_bytes(const packed_header *h) {
    return ck_step_bytes(h->precision, h->kernels->depth_log2[h->precision]);
}

static int64_t packed_count(ck_precision precision, int64_t K, int64_t N, int64_t groups) {
    const int64_t most = precision == CK_INT8 ? DEEPEST_INT8 : INT64_C(1) << 40;
    if (K < 0 || K > most) return -1;
    if (N < 0 || groups < 1 || N > INT64_C(1) << 40 || groups > INT64_C(1) << 40 || N % groups) return -1;
    int64_t columns = ck_product(groups, padded(N / groups, WIDEST));
    int64_t weights = ck_product(ck_blocks(K, INT64_C(1) << precision), columns); // in whole floats
    if (columns < 0 || weights < 0 || weights > INT64_MAX / 8) return -1;
    return HEADER + (precision == CK_INT8 ? 2 * columns : 0) + weights;
}
int64_t ck_packed_count_f32(int64_t K, int64_t N, int64_t groups) {
    return packed_count(CK_FLOAT32, K, N, groups);
}
int64_t ck_packed_count_bf16(int64_t K, int64_t N, int64_t groups) {
    return packed_count(CK_BFLOAT16, K, N, groups);
}
int64_t ck_packed_count_int8(int64_t K, int64_t N, int64_t groups) {
    return packed_count(CK_INT8, K, N, groups);
}

static int64_t padded_width(const packed_header *h) { return padded(h->N / h->groups, h->kernels->nr); }

// The scales of a group's columns, and what their sums start from.
static float *scales_of(const packed_header *h, float *packed, int64_t group) {
    return packed + HEADER + group * padded_width(h);
}
static int32_t *starts_of(const packed_header *h, float *packed, int64_t group) {
    return (int32_t *)scales_of(h, packed, h->groups + group);
}

// The panels of one group of columns, from a block of DEPTH on.
static char *panels_of(const packed_header *h, float *packed, int64_t group, int64_t k) {
    float *panels = h->precision == CK_INT8 ? scales_of(h, packed, 2 * h->groups) : packed + HEADER;
    int64_t step = group * steps_of(h, h->K) + steps_of(h, k);
    return (char *)panels + step * padded_width(h) * step_bytes(h);
}

// What packing a matrix is cut into, and one part of it. A column's scale is that of all of K.
static int64_t packing_blocks(const packed_header *h) {
    return h->precision == CK_INT8 ? 1 : ck_blocks(h->K, DEPTH);
}
static int64_t packing_tasks(const packed_header *h) {
    return h->groups * ck_blocks(h->N / h->groups, COLUMNS) * packing_blocks(h);
}
static void pack_part(const packed_header *h, float *packed, ck_matrix b, int64_t task) {
    const int64_t width = h->N / h->groups, blocks = ck_blocks(width, COLUMNS);
    int64_t group = task % h->groups, j = task / h->groups % blocks * COLUMNS;
    int64_t k = task / h->groups / blocks * DEPTH, kc = ck_min(DEPTH, h->K - k);
    int64_t columns = ck_min(COLUMNS, width - j);
    const float *from = b.data + k * b.row_stride + (group * width + j) * b.column_stride;
    const int64_t steps = steps_of(h, h->precision == CK_INT8 ? h->K : kc);
    char *panels = panels_of(h, packed, group, k) + j * steps * step_bytes(h);
    switch (h->precision) {
    case CK_FLOAT32:
        h->kernels->pack_b_panels((float *)panels, from, b.column_stride, b.row_stride, columns, kc);
        break;
    case CK_BFLOAT16:
        h->kernels->round_b_panels(panels, from, b.column_stride, b.row_stride, columns, kc);
        break;
    case CK_INT8:
        h->kernels->quantise_b_panels(panels, scales_of(h, packed, group) + j,
                                      starts_of(h, packed, group) + j, from, b.column_stride, b.row_stride,
                                      columns, h->K);
        break;
    }
}

static ck_status pack(ck_precision precision, float *packed, ck_matrix b, int64_t K, int64_t N,
                      int64_t groups) {
    packed_header header = {NULL, precision, K, N, groups};
    CK_TRY(ck_table(&header.kernels));
    CK_ARRAY(packed, packed_count(precision, K, N, groups));
    CK_ARRAY(b.data, ck_product(K, N));
    memcpy(packed, &header, sizeof header);
#pragma omp parallel for schedule(static) num_threads(ck_threads_for(K *N))
    for (int64_t task = 0; task < packing_tasks(&header); task++) pack_part(&header, packed, b, task);
    return CK_OK;
}
ck_status ck_pack_f32(float *packed, ck_matrix b, int64_t K, int64_t N, int64_t groups) {
    return pack(CK_FLOAT32, packed, b, K, N, groups);
}
ck_status ck_pack_bf16(float *packed, ck_matrix b, int64_t K, int64_t N, int64_t groups) {
    return pack(CK_BFLOAT16, packed, b, K, N, groups);
}
ck_status ck_pack_int8(float *packed, ck_matrix b, int64_t K, int64_t N, int64_t groups) {
    return pack(CK_INT8, packed, b, K, N, groups);
}

void ck_pack_right(const ck_kernels *kernels, float *packed, ck_matrix b, int64_t K, int64_t N) {
    const packed_header header = {kernels, CK_FLOAT32, K, N, 1};
    memcpy(packed, &header, sizeof header);
    for (int64_t task = 0; task < packing_tasks(&header); task++) pack_part(&header, packed, b, task);
}

int64_t ck_left_count(const float *packed, int64_t M) {
    const packed_header h = header_of(packed);
    return ck_product(ck_whole(M, h.kernels->mr), steps_of(&h, h.K) + (h.precision == CK_INT8));
}
int64_t ck_left_tasks(const float *packed, int64_t M) {
    const packed_header h = header_of(packed);
    return h.precision == CK_INT8 ? ck_blocks(M, h.kernels->mr) : ck_blocks(M, ROWS) * ck_blocks(h.K, DEPTH);
}
// One panel: a row's scale is that of all of K.
static void quantise_left(const packed_header *h, float *left, ck_matrix a, int64_t M, int64_t task) {
    const int64_t mr = h->kernels->mr, i = task * mr;
    float *panels = left + ck_whole(M, mr);
    h->kernels->quantise_a_panel(panels + i * steps_of(h, h->K), left + i, a.data + i * a.row_stride,
                                 a.row_stride, a.column_stride, ck_min(mr, M - i), h->K);
}
void ck_pack_left(float *left, ck_matrix a, int64_t M, const float *packed, int64_t task) {
    const packed_header h = header_of(packed);
    if (h.precision == CK_INT8) {
        quantise_left(&h, left, a, M, task);
        return;
    }
    int64_t i = task / ck_blocks(h.K, DEPTH) * ROWS, k = task % ck_blocks(h.K, DEPTH) * DEPTH;
    int64_t rows = ck_min(ROWS, M - i);
    (h.precision == CK_FLOAT32 ? h.kernels->pack_a_panels : h.kernels->round_a_panels)(
        left + i * steps_of(&h, h.K) + ck_whole(rows, h.kernels->mr) * steps_of(&h, k),
        a.data + i * a.row_stride + k * a.column_stride, a.row_stride, a.column_stride, rows,
        ck_min(DEPTH, h.K - k));
}

// In int8 all of K is one block, whose sums are integers throughout.
static void multiply_int8(const packed_header *h, ck_matmul_block *block, const float *left, int64_t M,
                          int64_t row_block, float *packed, int64_t group, int64_t column) {
    block->steps = steps_of(h, h->K);
    block->a_scales = left + row_block * ROWS;
    block->b_scales = scales_of(h, packed, group) + column;
    block->b_starts = starts_of(h, packed, group) + column;
    block->a = left + ck_whole(M, h->kernels->mr) + row_block * ROWS * block->steps;
    block->b = panels_of(h, packed, group, 0) + column * block->steps * step_bytes(h);
    h->kernels->matmul_block(block);
}

// Blocks of K add up in ascending order; bias and activation come with the last. `a` are the block's rows,
// packed or as they lie.
static void multiply_floats(const packed_header *h, ck_matmul_block *block, const float *a, float *packed,
                            int64_t group, int64_t column) {
    const float *bias = block->bias;
    const int flags = block->flags;
    const int64_t a_step = block->a_in_panels ? ck_whole(block->rows, h->kernels->mr) : block->a_step_stride;
    int64_t k = 0;
    do {
        const int64_t depth = ck_min(DEPTH, h->K - k);
        const bool last = k + depth == h->K;
        block->steps = steps_of(h, depth);
        block->flags = (k > 0 ? CK_ACCUMULATE : flags & CK_ACCUMULATE) | (last ? flags & CK_TANH : 0);
        block->bias = last ? bias : NULL;
        block->a = a + a_step * steps_of(h, k);
        block->b = panels_of(h, packed, group, k) + column * block->steps * step_bytes(h);
        h->kernels->matmul_block(block);
        k += depth;
    } while (k < h->K);
}

void ck_multiply_block(float *c, int64_t c_stride, const float *left, int64_t M, int64_t row_block,
                       const float *packed, int64_t group, int64_t column, int64_t columns, const float *bias,
                       int flags) {
    const packed_header h = header_of(packed);
    ck_matmul_block block = {.precision = h.precision,
                             .c = c,
                             .c_stride = c_stride,
                             .a_in_panels = true,
                             .bias = bias,
                             .flags = flags,
                             .rows = ck_min(ROWS, M - row_block * ROWS),
                             .columns = columns};
    // What is packed is not written to.
    if (h.precision == CK_INT8)
        multiply_int8(&h, &block, left, M, row_block, (float *)packed, group, column);
    else
        multiply_floats(&h, &block, left + row_block * ROWS * steps_of(&h, h.K), (float *)packed, group,
                        column);
}

void ck_multiply_rows(float *c, int64_t c_stride, ck_matrix a, int64_t rows, const float *packed,
                      int64_t column, int64_t columns, const float *bias, int flags) {
    const packed_header h = header_of(packed);
    ck_matmul_block block = {.precision = CK_FLOAT32,
                             .c = c,
                             .c_stride = c_stride,
                             .a_row_stride = a.row_stride,
                             .a_step_stride = a.column_stride,
                             .bias = bias,
                             .flags = flags,
                             .rows = rows,
                             .columns = columns};
    multiply_floats(&h, &block, a.data, (float *)packed, 0, column);
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
    const int64_t a_tasks = ck_left_tasks(p->packed, p->M), b_tasks = p->b ? packing_tasks(&h) : 0;
    ck_counter packing = 0, computing = 0;
#pragma omp parallel num_threads(ck_threads_for(p->M *h.N *h.K))
    {
        for (int64_t task; (task = ck_next(&packing)) < b_tasks + a_tasks;)
            if (task < b_tasks)
                pack_part(&h, p->packed, *p->b, task);
            else
                ck_pack_left(p->left, p->a, p->M, p->packed, task - b_tasks);
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
    float *left = ck_scratch_take(ck_left_count(packed, slab));
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

ck_status ck_check_packed_backward(const float *packed, int64_t K, int64_t N) {
    CK_TRY(ck_check_packed(packed, K, N, 1));
    CK_REQUIRE(header_of(packed).precision != CK_INT8, CK_WRONG_PACKING);
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

// b is packed in scratch.
static ck_status matmul(ck_precision precision, float *c, int64_t c_stride, ck_matrix a, ck_matrix b,
                        const float *bias, int flags, int64_t M, int64_t N, int64_t K) {
    packed_header header = {NULL, precision, K, N, 1};
    CK_TRY(ck_table(&header.kernels));
    CK_TRY(check(c, c_stride, a, M, N, K));
    CK_ARRAY(b.data, ck_product(K, N));
    float *packed = ck_scratch_take(packed_count(precision, K, N, 1));
    CK_REQUIRE(packed, CK_NO_MEMORY);
    memcpy(packed, &header, sizeof header);
    ck_status status = multiply_slabs(c, c_stride, a, packed, &b, bias, flags, M);
    ck_scratch_return();
    return status;
}
ck_status ck_matmul_f32(float *c, int64_t c_stride, ck_matrix a, ck_matrix b, const float *bias, int flags,
                        int64_t M, int64_t N, int64_t K) {
    return matmul(CK_FLOAT32, c, c_stride, a, b, bias, flags, M, N, K);
}
ck_status ck_matmul_bf16(float *c, int64_t c_stride, ck_matrix a, ck_matrix b, const float *bias, int flags,
                         int64_t M, int64_t N, int64_t K) {
    return matmul(CK_BFLOAT16, c, c_stride, a, b, bias, flags, M, N, K);
}
