// Attention: scores, masks, softmax and context in one pass, forward and backward, without ever storing what
// grows as queries × keys × width.
//
//     e_ti = score(q_t, k_i)     α_t = softmax over the keys that t may attend to     c_t = Σ_i α_ti v_i
//
// Shapes: queries [B, heads, Tq, H], keys [B, key_heads, Tk, H], values [B, key_heads, Tk, D], context [B,
// heads, Tq, D], laid out by strides. key_heads divides heads; query head h reads key head h / (heads /
// key_heads).
//
// A score passes, in this order: scale · qᵀk (or vᵀ tanh(q + k)); softcap; bias; masks; softmax; the window's
// Gaussian; dropout. The first four make −∞ of what is masked.
//
// A row with nothing to attend to gives zeros, forward and backward. What stands in keys and values that no
// mask lets through is multiplied by nothing: NaN and ±Inf there reach no result. In a place that is attended
// to they do, but where its weight is below the least float, which may count as masked.
//
// With u = 2⁻²⁴, errors are those of sums of H, Tk and D products in any order, and of the additive score 20
// u Σ|v| besides. An additive score takes a form that reaches as far as its tile's keys do, masked ones among
// them; forms differ within that error.
//
// Outputs may not overlap each other or any input.
//
// Results are the same, bit for bit, for any number of threads.
//
// Luong's dot score over B sentences, one head, everything contiguous; mind left and right, where 0 is a
// bound:
//
//     ck_attention a = {.B = B, .heads = 1, .key_heads = 1, .Tq = Tq, .Tk = Tk, .H = H, .D = D,
//                       .query = {Tq * H, 0, H}, .key = {Tk * H, 0, H}, .value = {Tk * D, 0, D},
//                       .context = {Tq * D, 0, D}, .lengths = lengths, .left = -1, .right = -1, .scale = 1};
//     ck_status status = ck_attention_forward_f32(context, NULL, NULL, queries, keys, values, &a);
#ifndef CK_ATTENTION_H
#define CK_ATTENTION_H

#include "ck_runtime.h"

// Row t of (b, head) starts at data + (b · batch + head · head + t · row); in a packed batch at
// data + (starts[b] + t) · row + head · head. A row's elements are adjacent. A stride of 0 repeats; what is
// written, context and gradients, may not repeat.
typedef struct ck_strides {
    int64_t batch, head, row;
} ck_strides;

typedef struct ck_attention {
    int64_t B, heads, key_heads, Tq, Tk, H, D;
    ck_strides query, key, value, context; // gradients lie as what they are gradients of

    // Packed batches without padding: rows starts[b] … starts[b + 1] − 1 belong to b, at most Tq (Tk) of
    // them; batch strides are not used then. [B + 1] each, or null.
    const int64_t *query_starts, *key_starts;

    // Which keys i a query t of b may attend to; all conditions hold together.
    const int32_t *lengths; // i < lengths[b]; or null
    int64_t left, right;    // p − left ≤ i ≤ p + right, with p = t + offset; negative: no such bound
    int64_t offset;         // causal: right = 0, left < 0. Luong's local-m: left = right = D, offset 0
    const int32_t *offsets; // [B], instead of offset; or null
    const float *centres;   // [B, heads, Tq], p of Luong's local-p, instead of t + offset; or null
    float deviation;        // σ: with centres, weights are multiplied by exp(−(i − p)² / 2σ²)
    const uint8_t *mask;    // [B, heads, Tq, Tk] by mask_strides, 0 masks; or null
    const float *bias;      // the same by bias_strides, added to the scores; −∞ masks; or null
    ck_strides mask_strides, bias_strides;

    float scale;    // of the dot score
    float softcap;  // s becomes softcap · tanh(s / softcap), 1 / softcap a float; 0: not
    const float *v; // [H] makes the score additive, vᵀ tanh(q + k); null: the dot score
    float dropout; // the rate at which weights are dropped, in 0 ≤ rate < 1; the rest grows by 1 / (1 − rate)
    uint64_t seed; // the dropped ones depend on it and on (b, head, t, i) alone
} ck_attention;

// statistics [B, heads, Tq, 2]: the largest score of a row and Σ exp(score − largest), which backward needs;
// the log-sum-exp is largest + log Σ. A row without keys has −∞ and 0. May be null when there is no backward.
// alignment [B, heads, Tq, Tk]: the weights, the Gaussian included, dropout not; null when not wanted. Rows
// of both that a packed batch lacks are left alone.
CK_EXTERN ck_status ck_attention_forward_f32(float *context, float *alignment, float *statistics,
                                             const float *queries, const float *keys, const float *values,
                                             const ck_attention *attention);

typedef struct ck_attention_gradients {
    float *queries, *keys, *values;
    float *v;       // [H], with the additive score
    float *bias;    // [B, heads, Tq, Tk], or null
    float *centres; // [B, heads, Tq], or null
} ck_attention_gradients;

// Overwrites the gradients of queries, bias and centres; those of keys, values and v too, unless flags has
// CK_ACCUMULATE, which adds to them. context and statistics are the forward's. alignment, if not null, is the
// forward's and saves some work on plain scores.
CK_EXTERN ck_status ck_attention_backward_f32(const ck_attention_gradients *gradients, const float *dcontext,
                                              const float *context, const float *statistics,
                                              const float *alignment, const float *queries, const float *keys,
                                              const float *values, int flags, const ck_attention *attention);

// The scores themselves, [B, heads, Tq, Tk]: for looking, and for operators that return them. Raw: scaled;
// capped: after the softcap; masked: as the softmax takes them, with bias and masks, −∞ where masked. In a
// packed batch columns beyond a sentence's keys are 0, or −∞ once masked; rows beyond its queries are left
// alone.
enum { CK_SCORES_RAW = 0, CK_SCORES_CAPPED = 1, CK_SCORES_MASKED = 2 };
CK_EXTERN ck_status ck_attention_scores_f32(float *scores, int stage, const float *queries, const float *keys,
                                            const ck_attention *attention);
#endif
