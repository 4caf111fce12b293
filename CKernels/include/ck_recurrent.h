// Recurrent cells over ragged batches of sequences: LSTM, GRU in both published forms, plain tanh.
//
// Rows stand in packed time-major order: the batch is sorted by falling length, step t holds the counts[t]
// sentences that are still running (counts falls), and step t's rows follow step t − 1's; N = Σ counts[t].
// Padding does not exist. A single step of a decoder is a sequence with T = 1. The input products are made
// beforehand, for all steps in one product: gates = x Wᵀ + b. Gate order: LSTM i, f, g, o; GRU r, z, n.
//
// The packed matrices come from ck_pack_…, for the backward not in int8: "recurrent" is R [G·H, H] transposed
// in G groups (K = H, N = G·H) for the forward and R as it is (K = G·H, N = H, one group) for the backward.
//
// Error of the states: at most twice that of the same formulas in plain float loops, plus the rounding of the
// result; of gradients three times.
#ifndef CK_RECURRENT_H
#define CK_RECURRENT_H

#include "ck_runtime.h"

// LSTM (Hochreiter & Schmidhuber 1997; forget gate Gers et al. 2000), for each row with its predecessor h′,
// c′:
//
//     (i, f, g, o) = (σ, σ, tanh, σ)(gates + h′ Rᵀ)      c = f c′ + i g      h = o tanh(c)
//
// h and c [N, H]; gates [N, 4H] in place: in, the input products; out, the activated gates. h0, c0
// [counts[0], H].
CK_EXTERN ck_status ck_lstm_forward_f32(float *h, float *c, float *gates, const float *h0, const float *c0,
                                        const float *recurrent, const int32_t *counts, int64_t T, int64_t H);

// dgates [N, 4H]: the gradient of the input products. dstate_h and dstate_c [counts[0], H] in place: in, the
// gradients of each sentence's last state; out, those of h0 and c0. dh [N, H] is the gradient of h, null for
// zero.
CK_EXTERN ck_status ck_lstm_backward_f32(float *dgates, float *dstate_h, float *dstate_c, const float *dh,
                                         const float *gates, const float *c, const float *c0,
                                         const float *recurrent, const int32_t *counts, int64_t T, int64_t H);

// GRU, reset after the product (cuDNN, PyTorch), recurrent bias b_h [3H]:
//
//     a = h′ Rᵀ + b_h      (r, z) = σ(gates_rz + a_rz)      n = tanh(gates_n + r a_n)      h = (1 − z) n + z
//     h′
//
// h [N, H]; gates [N, 3H] in place as for the LSTM; reset_input [N, H] receives a_n for the backward.
CK_EXTERN ck_status ck_gru_forward_f32(float *h, float *reset_input, float *gates, const float *h0,
                                       const float *recurrent, const float *recurrent_bias,
                                       const int32_t *counts, int64_t T, int64_t H);

// dgates [N, 3H] as for the LSTM; drecurrent [N, 3H] is the gradient of a; dstate_h in place. h and h0 are
// the forward's.
CK_EXTERN ck_status ck_gru_backward_f32(float *dgates, float *drecurrent, float *dstate_h, const float *dh,
                                        const float *gates, const float *reset_input, const float *h,
                                        const float *h0, const float *recurrent, const int32_t *counts,
                                        int64_t T, int64_t H);

// GRU, reset before the product (Cho et al. 2014, Bahdanau et al. 2015, who write 1 − z for our z):
//
//     (r, z) = σ(gates_rz + h′ Rᵀ)      n = tanh(gates_n + (r h′) Uᵀ)      h = (1 − z) n + z h′
//
// h [N, H]; gates [N, 3H] in place as for the LSTM; reset_state [N, H] receives r h′, whose product with the
// gradient of n is that of U. "recurrent" is R [2H, H] with G = 2, "recurrent_new" U [H, H] likewise, G = 1.
CK_EXTERN ck_status ck_reset_gru_forward_f32(float *h, float *reset_state, float *gates, const float *h0,
                                             const float *recurrent, const float *recurrent_new,
                                             const int32_t *counts, int64_t T, int64_t H);

// dgates [N, 3H] as for the LSTM; dstate_h in place. h and h0 are the forward's.
CK_EXTERN ck_status ck_reset_gru_backward_f32(float *dgates, float *dstate_h, const float *dh,
                                              const float *gates, const float *h, const float *h0,
                                              const float *recurrent, const float *recurrent_new,
                                              const int32_t *counts, int64_t T, int64_t H);

// The plain cell (Elman 1990): h = tanh(gates + h′ Rᵀ). gates [N, H] in: the input products; out: undefined.
CK_EXTERN ck_status ck_rnn_forward_f32(float *h, float *gates, const float *h0, const float *recurrent,
                                       const int32_t *counts, int64_t T, int64_t H);

// dgates [N, H] as for the LSTM; dstate_h in place. h is the forward's.
CK_EXTERN ck_status ck_rnn_backward_f32(float *dgates, float *dstate_h, const float *dh, const float *h,
                                        const float *recurrent, const int32_t *counts, int64_t T, int64_t H);

#endif
