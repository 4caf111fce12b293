// Matrix products, with the right-hand side packed on the fly or once for many products.
#ifndef CK_MATMUL_H
#define CK_MATMUL_H

#include "ck_runtime.h"

// A matrix somewhere in memory: element (i, j) is data[i * row_stride + j * column_stride]. Swapping the two
// strides transposes it.
typedef struct ck_matrix {
    const float *data;
    int64_t row_stride, column_stride;
} ck_matrix;

enum {
    CK_ACCUMULATE = 1, // add to c instead of overwriting it
    CK_TANH = 2,       // tanh of the finished sum
};

// c[M, N] = act(a[M, K] b[K, N] + bias[N]  (+ c with CK_ACCUMULATE))
//
// Rows of c are c_stride apart; bias may be null. Without CK_ACCUMULATE c is never read. K = 0 gives
// act(bias). Error: |c − exact| ≤ (K + 2) u (Σ|a||b| + |bias| + |c before|), u = 2⁻²⁴, before the activation.
CK_EXTERN ck_status ck_matmul_f32(float *c, int64_t c_stride, ck_matrix a, ck_matrix b, const float *bias,
                                  int flags, int64_t M, int64_t N, int64_t K);

// The number of floats that ck_pack_f32 writes for b[K, N] under any set; −1 for sizes that no packed
// matrix can have.
CK_EXTERN int64_t ck_packed_count_f32(int64_t K, int64_t N, int64_t groups);

// Lays b[K, N] out as the product's inner loop reads it, for any number of ck_matmul_packed_f32.
//
// The columns may fall into groups of N / groups each, which start at panels of their own: a recurrent
// cell's gates, so that one tile holds the same units of all of them. Products do not care.
CK_EXTERN ck_status ck_pack_f32(float *packed, ck_matrix b, int64_t K, int64_t N, int64_t groups);

// As ck_matmul_f32, with b from ck_pack_f32; runs the set that packed it.
CK_EXTERN ck_status ck_matmul_packed_f32(float *c, int64_t c_stride, ck_matrix a, const float *packed,
                                         const float *bias, int flags, int64_t M, int64_t N, int64_t K);

#endif
