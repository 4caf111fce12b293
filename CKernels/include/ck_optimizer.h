// The optimiser's passes over all parameters.
#ifndef CK_OPTIMIZER_H
#define CK_OPTIMIZER_H

#include "ck_runtime.h"

// *sum += Σ x²: squares in float (|x| up to 1.8e19), blocks of them added in double, in an order that the
// count alone decides. Relative error ≤ 70 u.
CK_EXTERN ck_status ck_sum_squares_f32(double *sum, const float *x, int64_t count);

// Adam (Kingma & Ba 2015, algorithm 1), in place on parameters, m and v; step counts from 1:
//
//     g′ = gradient_scale · g      m = β₁ m + (1 − β₁) g′      v = β₂ v + (1 − β₂) g′²
//     p −= rate · (m / (1 − β₁ᵗ)) / (√(v / (1 − β₂ᵗ)) + ε)
CK_EXTERN ck_status ck_adam_f32(float *parameters, float *m, float *v, const float *gradients,
                                float gradient_scale, float rate, float beta1, float beta2, float epsilon,
                                int64_t step, int64_t count);

#endif
