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

// The same with a and b rounded to bfloat16 on the fly, as ck_pack_bf16 says: for products of factors that
// change from one to the next, a weight's gradient.
CK_EXTERN ck_status ck_matmul_bf16(float *c, int64_t c_stride, ck_matrix a, ck_matrix b, const float *bias,
                                   int flags, int64_t M, int64_t N, int64_t K);

// A batch of products c_i = act(a_i b_i + bias (+ c_i)) of the same sizes, each as ck_matmul_f32 makes it, to
// the bit: product i takes a, b and c from i times their batch strides on. Those of a and b may be any
// number; with 0 all products share a or b, which is packed once if it is b. All share the bias. Batches
// exist in fp32 alone.
//
// No two products may share an element of c: either the whole of one lies before the next (c_batch_stride ≥
// (M − 1) c_stride + N), or their rows lie side by side (c_stride ≥ (batch − 1) c_batch_stride + N,
// c_batch_stride ≥ N), as those of heads do; else CK_BAD_SIZE.
CK_EXTERN ck_status ck_matmul_batched_f32(float *c, int64_t c_batch_stride, int64_t c_stride, ck_matrix a,
                                          int64_t a_batch_stride, ck_matrix b, int64_t b_batch_stride,
                                          const float *bias, int flags, int64_t batch, int64_t M, int64_t N,
                                          int64_t K);

// The number of floats (of 4 bytes) that ck_pack_… writes for b[K, N] under any set; −1 for sizes that no
// packed matrix can have, in int8 K > 2¹⁷ among them.
CK_EXTERN int64_t ck_packed_count_f32(int64_t K, int64_t N, int64_t groups);
CK_EXTERN int64_t ck_packed_count_bf16(int64_t K, int64_t N, int64_t groups);
CK_EXTERN int64_t ck_packed_count_int8(int64_t K, int64_t N, int64_t groups);

// Lays b[K, N] out as the product's inner loop reads it, for any number of ck_matmul_packed_f32: as floats,
// in bfloat16 (half the memory), or in int8 (a quarter).
//
// The columns may fall into groups of N / groups each, which start at panels of their own: a recurrent
// cell's gates, so that one tile holds the same units of all of them. Products do not care.
CK_EXTERN ck_status ck_pack_f32(float *packed, ck_matrix b, int64_t K, int64_t N, int64_t groups);

// Each element is rounded to the nearest bfloat16 (8 significant bits, the exponents of floats), ties to
// even; beyond the largest it becomes infinite, and NaN stays NaN. So is each element of a in every product,
// which is that of fp32 with the rounded a and b, to the bit.
//
// avx512bf16 takes numbers below 2⁻¹²⁶ for zero, the rounded elements as well as the sums, so that there
//
//     |c − exact| ≤ (K + 2) u (Σ|a||b| + |bias| + |c before|) + 2⁻¹²⁶ (2 K + Σ|a| + Σ|b|)
//
// with the rounded a and b, before the activation.
CK_EXTERN ck_status ck_pack_bf16(float *packed, ck_matrix b, int64_t K, int64_t N, int64_t groups);

// Each column j has a scale t_j = max_k|b_kj| / 127 and integers r_kj = round(b_kj / t_j). For inference: the
// backward of a recurrent layer refuses it.
CK_EXTERN ck_status ck_pack_int8(float *packed, ck_matrix b, int64_t K, int64_t N, int64_t groups);

// As ck_matmul_f32, with b from ck_pack_…; runs the set that packed it.
//
// In int8 each row i of a gets a scale s_i = max_k|a_ik| / 127 and integers q_ik = round(a_ik / s_i) for this
// product, and
//
//     c_ij = act(s_i t_j Σ_k q_ik r_kj + bias_j  (+ c_ij with CK_ACCUMULATE))
//
// The sum is exact, in 32 bits; what follows is fp32. But for tanh, every set gives the same bits. A row or
// column with a NaN or an infinity is NaN; one whose largest magnitude is below 127 · 2⁻¹²⁶ counts as zeros.
// Error, before the activation and with ε = ½ + 2⁻¹⁵ for what rounds to an integer:
//
//     |c − exact| ≤ ε (t_j Σ|a_ik| + s_i Σ|b_kj|) + K ε² s_i t_j + 7 u |s_i t_j Σ q r| + 2 u (|bias| + |c
//     before|)
CK_EXTERN ck_status ck_matmul_packed_f32(float *c, int64_t c_stride, ck_matrix a, const float *packed,
                                         const float *bias, int flags, int64_t M, int64_t N, int64_t K);

#endif
