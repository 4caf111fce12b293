// Vocabulary projection, log-softmax and cross entropy in one pass.
#ifndef CK_LOSS_H
#define CK_LOSS_H

#include "ck_runtime.h"

// loss[n] = −log softmax(W x_n + b)[target[n]], x [N, H], W [V, H], b [V]; 0 for a row whose target is
// negative. Such a row still takes part in the products, with a gradient of zero, so its x must be finite.
// Error: at most twice that of the same formula in plain float loops, plus the rounding of the result;
// gradients three times.
//
// The logits exist for a chunk of rows at a time. With dx not null the gradients of scale · Σ_n loss[n] are
// made on the way: dx [N, H] is overwritten, dW [V, H] and db [V] accumulate.
CK_EXTERN ck_status ck_projected_cross_entropy_f32(float *loss, float *dx, float *dW, float *db,
                                                   const float *x, const float *W, const float *b,
                                                   const int32_t *targets, float scale, int64_t N, int64_t V,
                                                   int64_t H);

#endif
