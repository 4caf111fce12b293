// Functions of single elements.
#ifndef CK_ELEMENTWISE_H
#define CK_ELEMENTWISE_H

#include "ck_runtime.h"

// y = exp(x), ≤ 2 ulp; tanh(x), ≤ 3 ulp; 1 / (1 + exp(−x)), ≤ 3 ulp (measured at every float: 1.05, 2.77,
// 2.58; with NEON, under emulation, at every 4099th); a subnormal result has the spacing of the least normal
// one. NaN stays NaN. tanh is odd to the last bit, −0 included; it and the last never exceed 1. In place is
// allowed.
CK_EXTERN ck_status ck_exp_f32(float *y, const float *x, int64_t count);
CK_EXTERN ck_status ck_tanh_f32(float *y, const float *x, int64_t count);
CK_EXTERN ck_status ck_sigmoid_f32(float *y, const float *x, int64_t count);

// Backward of y = tanh(x): dx = dy (1 − y²). In place on dy is allowed.
CK_EXTERN ck_status ck_tanh_backward_f32(float *dx, const float *dy, const float *y, int64_t count);

// Maxout over pairs of neighbours (Goodfellow et al. 2013): y[i] = max(x[2i], x[2i + 1]), where a NaN of
// either stays; y has `count` elements, x twice as many. The backward overwrites: dx[2i] = dy[i] where x[2i]
// ≥ x[2i + 1], else dx[2i + 1] = dy[i], and the other of the pair is 0; dx and x may be the same.
CK_EXTERN ck_status ck_maxout_f32(float *y, const float *x, int64_t count);
CK_EXTERN ck_status ck_maxout_backward_f32(float *dx, const float *dy, const float *x, int64_t count);

// Accumulates: y += x.
CK_EXTERN ck_status ck_add_f32(float *y, const float *x, int64_t count);

// Inverted dropout (Srivastava et al. 2014): y = x / (1 − rate) where the generator keeps element i, else 0.
// Whether it does depends on (seed, offset + i) alone, so that the same call on a gradient is the backward.
// 0 ≤ rate < 1. In place is allowed.
CK_EXTERN ck_status ck_dropout_f32(float *y, const float *x, float rate, uint64_t seed, uint64_t offset,
                                   int64_t count);

#endif
