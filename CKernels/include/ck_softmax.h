// Softmax and log-softmax over rows, stable: the row's maximum is subtracted first.
// Error: at most twice that of the same formula in plain float loops, plus the rounding of the result;
// backward three times. exp(x − maximum) below the least normal number may count as 0. NaN in a place that is
// read, or +∞, shows in its row.
#ifndef CK_SOFTMAX_H
#define CK_SOFTMAX_H

#include "ck_runtime.h"

// y[n, j] = exp(x[n, j]) / Σ_{i < length[n]} exp(x[n, i])  for j < length[n], and exactly 0 beyond.
// lengths may be null (every row whole). A row of length 0 is all zeros, and so is one of nothing but −∞.
// What x holds beyond a length is not read. In place is allowed.
CK_EXTERN ck_status ck_softmax_f32(float *y, const float *x, const int32_t *lengths, int64_t N,
                                   int64_t columns);

// y[n, j] = x[n, j] − log Σ_i exp(x[n, i]); −∞ in a row of nothing but −∞. In place is allowed.
CK_EXTERN ck_status ck_log_softmax_f32(float *y, const float *x, int64_t N, int64_t columns);

// Backward of ck_softmax_f32: dx = y (dy − Σ_i dy_i y_i); masked places have y = 0, hence dx = 0. In place on
// dy is allowed.
CK_EXTERN ck_status ck_softmax_backward_f32(float *dx, const float *dy, const float *y,
                                            const int32_t *lengths, int64_t N, int64_t columns);

// Backward of ck_log_softmax_f32: dx = dy − exp(y) Σ_i dy_i. In place on dy is allowed.
CK_EXTERN ck_status ck_log_softmax_backward_f32(float *dx, const float *dy, const float *y, int64_t N,
                                                int64_t columns);

#endif
