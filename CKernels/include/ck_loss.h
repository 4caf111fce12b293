// Vocabulary projection with what follows it: log-softmax and cross entropy in training, the likeliest tokens
// in decoding. The logits of all rows never exist at once.
#ifndef CK_LOSS_H
#define CK_LOSS_H

#include "ck_runtime.h"

// The cross entropy of p[n] = softmax(W x_n + b), x [N, H], W [V, H], b [V], against its target, smoothed
// (Szegedy et al. 2016): a share ε of the target's probability, 0 to 1, is spread over the vocabulary.
//
//     loss[n] = −(1 − ε) log p[n, target[n]] − ε / V Σ_v log p[n, v]
//
// A row whose target is negative has a loss of 0 and takes no part: its x is not read, nothing is computed
// for it, and its dx is 0. Error: at most twice that of the same formula in plain float loops, plus the
// rounding of the result; gradients three times. exp(logit − maximum) below the least normal number may count
// as 0. A NaN in a row, or a logit of +∞, shows in its loss and gradients.
//
// With dx not null the gradients of scale · Σ_n loss[n] are made on the way: dx [N, H] is overwritten, dW
// [V, H] and db [V] accumulate. Scratch in floats, for n rows of 384 at most (and 80
// at least): n (V + 3 V / 96 + 4 H) and 1536 (n + H); without gradients n (3 V / 96 + 2 H), and 96 n for each
// thread.
CK_EXTERN ck_status ck_projected_cross_entropy_f32(float *loss, float *dx, float *dW, float *db,
                                                   const float *x, const float *W, const float *b,
                                                   const int32_t *targets, float scale, float smoothing,
                                                   int64_t N, int64_t V, int64_t H);

// The k largest log p[m] = log softmax(W x_m + b) of every row, 1 ≤ k ≤ V, with their tokens: [M, k] both,
// largest first; tokens with equal logits in ascending order. x [M, H], b [V], and packed from ck_pack_… of
// Wᵀ [H, V], in one group.
//
// Error of a log-probability, as of log-softmax: at most twice that of plain float loops, beside what the
// packing's precision rounds of W and x. A row with a NaN or +∞ among its logits has no probabilities: its
// log-probabilities are NaN, its tokens −1. With up to 96 rows every weight is read once.
CK_EXTERN ck_status ck_projected_top_k_f32(float *log_probabilities, int32_t *tokens, const float *x,
                                           const float *packed, const float *b, int64_t M, int64_t V,
                                           int64_t H, int64_t k);

#endif
