// Attention over a batch of sources of different lengths: scores, softmax and context in one pass.
//
//     e_ti = score(q_t, k_i)      α_t = softmax(e_t) over i < length[b]      c_t = Σ_i α_ti v_i
//
// queries [B, Tq, H], keys [B, Tk, H], values [B, Tk, D], context [B, Tq, D], alignment [B, Tq, Tk], lengths
// [B] in 0 … Tk, or null for Tk everywhere. Weights beyond a length are exactly 0 and nothing is read there,
// so NaN in masked places never reaches a result. A source of length 0 gives a zero context and zero
// gradients.
//
// Error of context and alignment: at most twice that of the same formula in plain float loops, plus the
// rounding of the result; of gradients three times.
#ifndef CK_ATTENTION_H
#define CK_ATTENTION_H

#include "ck_runtime.h"

// score = scale · qᵀk. Luong, Pham, Manning 2015, "dot" (scale 1); Vaswani et al. 2017 (scale 1/√H).
// "General" is this with keys projected by W_a. alignment may be null.
CK_EXTERN ck_status ck_dot_attention_forward_f32(float *context, float *alignment, const float *queries,
                                                 const float *keys, const float *values,
                                                 const int32_t *lengths, float scale, int64_t B, int64_t Tq,
                                                 int64_t Tk, int64_t H, int64_t D);

// Overwrites dqueries; accumulates dkeys and dvalues (the places beyond a length are left alone), so that the
// steps of a decoder add up. alignment is the forward's.
CK_EXTERN ck_status ck_dot_attention_backward_f32(float *dqueries, float *dkeys, float *dvalues,
                                                  const float *dcontext, const float *queries,
                                                  const float *keys, const float *values,
                                                  const float *alignment, const int32_t *lengths, float scale,
                                                  int64_t B, int64_t Tq, int64_t Tk, int64_t H, int64_t D);

// score = Σ_h v_h tanh(q_h + k_h), with q and k projected beforehand: Bahdanau, Cho, Bengio 2015; Luong's
// "concat". Nothing of the size [B, Tq, Tk, H] is ever stored. alignment may be null.
CK_EXTERN ck_status ck_additive_attention_forward_f32(float *context, float *alignment, const float *queries,
                                                      const float *keys, const float *values, const float *v,
                                                      const int32_t *lengths, int64_t B, int64_t Tq,
                                                      int64_t Tk, int64_t H, int64_t D);

// Overwrites dqueries; accumulates dkeys, dvalues and dv [H]. alignment is the forward's; the tanh is
// recomputed.
CK_EXTERN ck_status ck_additive_attention_backward_f32(float *dqueries, float *dkeys, float *dvalues,
                                                       float *dv, const float *dcontext, const float *queries,
                                                       const float *keys, const float *values, const float *v,
                                                       const float *alignment, const int32_t *lengths,
                                                       int64_t B, int64_t Tq, int64_t Tk, int64_t H,
                                                       int64_t D);

#endif
