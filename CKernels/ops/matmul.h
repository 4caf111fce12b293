// The parts of a matrix product, for operations that compute products within a parallel region of their own.
#ifndef CK_MATMUL_INTERNAL_H
#define CK_MATMUL_INTERNAL_H

#include "../runtime/runtime.h"

// c is cut into tiles of so many rows and columns, each computed by one thread over all of K in blocks of
// DEPTH; multiples of every mr and nr.
enum { ROWS = 96, COLUMNS = 256, DEPTH = 512 };

// Whether a packed matrix is there and was made for b[K, N]; with groups = 0 for any number of groups.
ck_status ck_check_packed(const float *packed, int64_t K, int64_t N, int64_t groups);

// The same for the backward of a recurrent layer, which refuses int8: the small gradients of a row would
// round to zero.
ck_status ck_check_packed_backward(const float *packed, int64_t K, int64_t N);

// The set that packed it.
const ck_kernels *ck_packed_kernels(const float *packed);

// b[K, N] packed by the calling thread alone, as by ck_pack_f32 in one group.
void ck_pack_right(const ck_kernels *kernels, float *packed, ck_matrix b, int64_t K, int64_t N);

// The left factor a[M, K] laid out for the inner loop with what is packed: its floats, the tasks of packing
// it, and one of them.
//
//     [block of ROWS][block of DEPTH][panel][step][mr]        in int8: [scale of each row][panel][step][mr]
int64_t ck_left_count(const float *packed, int64_t M);
int64_t ck_left_tasks(const float *packed, int64_t M);
void ck_pack_left(float *left, ck_matrix a, int64_t M, const float *packed, int64_t task);

// One tile: the rows of one block of ROWS of the left factor's M, and `columns` columns of a group from
// `column` on, a multiple of the widest panel's 64. c and bias point at the tile's first element.
void ck_multiply_block(float *c, int64_t c_stride, const float *left, int64_t M, int64_t row_block,
                       const float *packed, int64_t group, int64_t column, int64_t columns, const float *bias,
                       int flags);

// The same of `rows` rows of a left factor in float32 that is not packed, with one group of columns.
void ck_multiply_rows(float *c, int64_t c_stride, ck_matrix a, int64_t rows, const float *packed,
                      int64_t column, int64_t columns, const float *bias, int flags);

#endif
