// Moving rows by an index: embedding look-up, and the ragged layout of sequences.
#ifndef CK_ROWS_H
#define CK_ROWS_H

#include "ck_runtime.h"

// out[n, :] = table[index[n], :]; a negative index gives a row of zeros. Rows are out_stride and table_stride
// apart.
CK_EXTERN ck_status ck_gather_rows_f32(float *out, int64_t out_stride, const float *table,
                                       int64_t table_stride, const int32_t *index, int64_t N,
                                       int64_t table_rows, int64_t columns);

// Backward of ck_gather_rows_f32. Accumulates: table[index[n], :] += rows[n, :], for n in ascending order.
CK_EXTERN ck_status ck_scatter_add_rows_f32(float *table, int64_t table_stride, const float *rows,
                                            int64_t rows_stride, const int32_t *index, int64_t N,
                                            int64_t table_rows, int64_t columns);

// Accumulates: sums[j] += Σ_n rows[n, j]. The gradient of a bias.
CK_EXTERN ck_status ck_sum_rows_f32(float *sums, const float *rows, int64_t rows_stride, int64_t N,
                                    int64_t columns);

#endif
