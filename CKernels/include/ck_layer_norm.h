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
// - residual may be null: z = x. sum may be null; else it gets z, each x + residual rounded once.
// - mean and inverse_deviation [N], μ and 1 / √(σ² + epsilon), are what the backward needs; both are 0 for
//   rows of no columns. Either may be null.
// - y or sum may each be x or residual, with the same stride; they must not overlap in any other way, nor y
//   and sum each other.
// - A NaN or an infinity fills its row of y with NaN.
//
// Error, to first order in u = 2⁻²⁴ and where no square overflows, with means over a row: a deviation z − μ
// is off by e, 1 / s, where s = √(σ² + epsilon), by the part ρ, and n = (z − μ) / s by ν,
//
//     e = u ((columns + 1) mean |z| + |z| + |z − μ|)      ρ = √(mean e²) / s + (columns + 7) / 2 u
//     ν = e / s + |n| (ρ + u)                             |y − exact| ≤ |gain| ν + u (|gain n| + |y|)
CK_EXTERN ck_status ck_layer_norm_forward_f32(float *y, int64_t y_stride, float *sum, int64_t sum_stride,
                                              float *mean, float *inverse_deviation, const float *x,
                                              int64_t x_stride, const float *residual,
                                              int64_t residual_stride, const float *gain, const float *bias,
                                              float epsilon, int64_t N, int64_t columns);

// Backward of ck_layer_norm_forward_f32: of its z, mean and inverse_deviation, with n = (z − mean)
// inverse_deviation and g = gain dy,
//
//     dx = dsum + inverse_deviation (g − mean(g) − n mean(g n))
//     dgain += Σ_rows dy n         dbias += Σ_rows dy
//
// - dx is the gradient of x and that of the residual. dsum is the gradient of sum, where that is used
//   elsewhere; it may be null.
// - Overwrites dx, which may be dy, dsum or z, with the same stride; dgain and dbias [columns] accumulate.
//   Nothing else that is written may overlap.
//
// Error, forward and backward together, with what is said of n there and d = g − mean(g) − n mean(g n):
//
//     p = (columns + 1) u mean |g|      q = mean(|g| ν) + (columns + 3) u mean |g n|
//     |dx − exact| ≤ (u (|g| + |g − mean(g)| + |n mean(g n)| + |d|) + p + |n| q + |mean(g n)| ν) / s
//                    + (ρ + u) |d| / s + u |dx|
//     |dgain − exact| ≤ (N + 4) u (Σ_rows |dy n| + |dgain before|) + Σ_rows |dy| ν
//     |dbias − exact| ≤ (N + 4) u (Σ_rows |dy| + |dbias before|)
CK_EXTERN ck_status ck_layer_norm_backward_f32(float *dx, int64_t dx_stride, float *dgain, float *dbias,
                                               const float *dy, int64_t dy_stride, const float *dsum,
                                               int64_t dsum_stride, const float *z, int64_t z_stride,
                                               const float *mean, const float *inverse_deviation,
                                               const float *gain, int64_t N, int64_t columns);

#endif
