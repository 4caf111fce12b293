// The optimiser's passes over all parameters.
#ifndef CK_OPTIMIZER_H
#define CK_OPTIMIZER_H

#include "ck_runtime.h"

// *sum += Σ x²: squares in float (|x| up to 1.8e19), blocks of them added in double, in an order that the
// count alone decides. Relative error ≤ 70 u.
CK_EXTERN ck_status ck_sum_squares_f32(double *sum, const float *x, int64_t count);

// Adam (Kingma & Ba 2015, algorithm 1), in place on parameters, m and v, with decoupled weight decay λ
// (AdamW: Loshchilov & Hutter 2019, algorithm 2); step counts from 1:
//
//     g′ = gradient_scale · g      m = β₁ m + (1 − β₁) g′      v = β₂ v + (1 − β₂) g′²
//     p = (1 − rate · λ) p − rate · (m / (1 − β₁ᵗ)) / (√(v / (1 − β₂ᵗ)) + ε)
CK_EXTERN ck_status ck_adam_f32(float *parameters, float *m, float *v, const float *gradients,
                                float gradient_scale, float rate, float beta1, float beta2, float epsilon,
                                float weight_decay, int64_t step, int64_t count);

// Gradient descent with momentum μ (Polyak 1964) and decoupled weight decay λ (Loshchilov & Hutter 2019,
// algorithm 1), in place on parameters and velocity, which may be NULL when μ is 0:
//
//     velocity = μ velocity + gradient_scale · g
//     p = (1 − rate · λ) p − rate · velocity
CK_EXTERN ck_status ck_sgd_f32(float *parameters, float *velocity, const float *gradients,
                               float gradient_scale, float rate, float momentum, float weight_decay,
                               int64_t count);

// Adadelta (Zeiler 2012, algorithm 1), in place on parameters, squares (E[g²]) and steps (E[Δ²]), with
// decoupled weight decay λ; the paper's rate is 1:
//
//     g′ = gradient_scale · g      squares = ρ squares + (1 − ρ) g′²
//     Δ = √(steps + ε) / √(squares + ε) · g′      steps = ρ steps + (1 − ρ) Δ²
//     p = (1 − rate · λ) p − rate · Δ
CK_EXTERN ck_status ck_adadelta_f32(float *parameters, float *squares, float *steps, const float *gradients,
                                    float gradient_scale, float rate, float decay, float epsilon,
                                    float weight_decay, int64_t count);

// y += share · (x − y), 0 ≤ share ≤ 1: one more value in a mean, of values or of weights over time.
CK_EXTERN ck_status ck_lerp_f32(float *y, const float *x, float share, int64_t count);

#endif
