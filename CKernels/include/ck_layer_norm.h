// Layer normalisation over the last axis (Ba, Kiros, Hinton 2016, equations 3 and 4), with the residual that
// stands before it in a Transformer's block.
#ifndef CK_LAYER_NORM_H
#define CK_LAYER_NORM_H

#include "ck_runtime.h"

// With z = x + residual, row by row,
//
//     μ = Σ_j z_j / columns      σ² = Σ_j (z_j − μ)² / columns      y = gain (z − μ) / √(σ² + epsilon) + bias
//
// - gain, bias [columns]; epsilon > 0 and finite. Rows of x, residual, y and sum lie their strides apart.
// - residual may be null: z = x. sum, if given, gets z, rounded.
// - mean and inverse_deviation [N], μ and 1 / √(σ² + epsilon), are what the backward needs; both are 0 for
//   rows of no columns. Either may be null.
// - y or sum may be x or residual.
// - A NaN or an infinity fills its row of y with NaN.
//
// Error, to first order in u = 2⁻²⁴ and where no square overflows: with s = √(σ² + epsilon), n_j = (z_j − μ)
// / s, e_j = u ((columns + 1) Σ_i |z_i| / columns + |z_j| + |z_j − μ|), and E the root of the mean of e²,
//
//     |y_j − exact| ≤ |gain_j| (e_j + |n_j| E) / s + u ((columns + 11) / 2 |gain_j n_j| + |y_j|)
CK_EXTERN ck_status ck_layer_norm_forward_f32(float *y, int64_t y_stride, float *sum, int64_t sum_stride,
                                              float *mean, float *inverse_deviation, const float *x,
                                              int64_t x_stride, const float *residual,
                                              int64_t residual_stride, const float *gain, const float *bias,
                                              float epsilon, int64_t N, int64_t columns);

// Backward of ck_layer_norm_forward_f32: of its z, mean and inverse_deviation, with n = (z − mean)
// inverse_deviation and g = gain dy,
//
//     dx = dsum + inverse_deviation (g − Σ_j g_j / columns − n Σ_j g_j n_j / columns)
//     dgain += Σ_rows dy n         dbias += Σ_rows dy
//
// - dx is the gradient of x and that of the residual. dsum is the gradient of sum, where that is used
//   elsewhere; it may be null.
// - Error of dbias: (N + 4) u (Σ_rows |dy| + |dbias before|); of dgain the same with dy n in dy's place, and
//   Σ_rows |dy| times the error of n; of dx as of sums of columns terms of g and g n, over s.
// - Overwrites dx, which may be dy, dsum or z; dgain and dbias [columns] accumulate.
CK_EXTERN ck_status ck_layer_norm_backward_f32(float *dx, int64_t dx_stride, float *dgain, float *dbias,
                                               const float *dy, int64_t dy_stride, const float *dsum,
                                               int64_t dsum_stride, const float *z, int64_t z_stride,
                                               const float *mean, const float *inverse_deviation,
                                               const float *gain, int64_t N, int64_t columns);

#endif
