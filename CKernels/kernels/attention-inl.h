// Attention of some queries over one source of `length` keys: scores, softmax and context in one pass.
// alignment rows are Tk apart; weights is scratch for Tk floats.

// α becomes context; the caller has put the scores into `weights` (which may be the alignment's row itself).
CK_INLINE void attend(float *context, float *weights, const float *values, int64_t length, int64_t D) {
    softmax_row(weights, weights, length);
    rows_weighted_sum(context, weights, values, length, D);
}

static void dot_attention_forward_tile(float *context, float *alignment, float *scratch, const float *queries,
                                       const float *keys, const float *values, float scale, int64_t Tq,
                                       int64_t Tk, int64_t length, int64_t H, int64_t D) {
    for (int64_t t = 0; t < Tq; t++) {
        float *weights = alignment ? alignment + t * Tk : scratch;
        rows_dot(weights, queries + t * H, keys, length, H);
        row_scale(weights, weights, scale, length);
        attend(context + t * D, weights, values, length, D);
        memset(weights + length, 0, (size_t)(Tk - length) * sizeof(float));
    }
}

// From dc_t: dvalues_i += α_ti dc_t, and the gradient of the scores de_ti = α_ti (dc_t · v_i − Σ_j α_tj dc_t
// · v_j).
CK_INLINE void attend_backward(float *dscores, float *dvalues, const float *dcontext, const float *weights,
                               const float *values, int64_t length, int64_t D) {
    rows_dot(dscores, dcontext, values, length, D);
    softmax_backward_row(dscores, dscores, weights, length);
    rows_add_outer(dvalues, weights, dcontext, length, D);
}

// score = scale q·k: dq = scale Σ_i de_i k_i, dk_i += scale de_i q.
static void dot_attention_backward_tile(float *dqueries, float *dkeys, float *dvalues, float *scratch,
                                        const float *dcontext, const float *queries, const float *keys,
                                        const float *values, const float *alignment, float scale, int64_t Tq,
                                        int64_t Tk, int64_t length, int64_t H, int64_t D) {
    for (int64_t t = 0; t < Tq; t++) {
        attend_backward(scratch, dvalues, dcontext + t * D, alignment + t * Tk, values, length, D);
        row_scale(scratch, scratch, scale, length);
        rows_weighted_sum(dqueries + t * H, scratch, keys, length, H);
        rows_add_outer(dkeys, scratch, queries + t * H, length, H);
    }
}

static void additive_attention_forward_tile(float *context, float *alignment, float *scratch,
                                            const float *queries, const float *keys, const float *values,
                                            const float *v, int64_t Tq, int64_t Tk, int64_t length, int64_t H,
                                            int64_t D) {
    for (int64_t t = 0; t < Tq; t++) {
        float *weights = alignment ? alignment + t * Tk : scratch;
        const float *query = queries + t * H;
        for (int64_t i = 0; i < length; i++) {
            vf sum = vf_set(0);
            for (int64_t h = 0; h < H; h += CK_LANES) {
                vf s = vf_load_first(query + h, H - h) + vf_load_first(keys + i * H + h, H - h);
                sum = vf_fma(vf_load_first(v + h, H - h), vf_tanh(s), sum);
            }
            weights[i] = vf_sum(sum);
        }
        attend(context + t * D, weights, values, length, D);
        memset(weights + length, 0, (size_t)(Tk - length) * sizeof(float));
    }
}

// score = Σ_h v_h tanh(q_h + k_ih), u = tanh(…) recomputed: dv_h += Σ_i de_i u_ih, and for
// w_ih = de_i v_h (1 − u_ih²): dq_h = Σ_i w_ih, dk_ih += w_ih. A column of vectors keeps q, v, dq and dv in
// registers.
static void additive_attention_backward_tile(float *dqueries, float *dkeys, float *dvalues, float *dv,
                                             float *scratch, const float *dcontext, const float *queries,
                                             const float *keys, const float *values, const float *v,
                                             const float *alignment, int64_t Tq, int64_t Tk, int64_t length,
                                             int64_t H, int64_t D) {
    for (int64_t t = 0; t < Tq; t++) {
        attend_backward(scratch, dvalues, dcontext + t * D, alignment + t * Tk, values, length, D);
        for (int64_t h = 0; h < H; h += CK_LANES) {
            int64_t n = H - h;
            vf q = vf_load_first(queries + t * H + h, n), weight = vf_load_first(v + h, n);
            vf dq = vf_set(0), dweight = vf_load_first(dv + h, n);
            for (int64_t i = 0; i < length; i++) {
                vf u = vf_tanh(q + vf_load_first(keys + i * H + h, n)), de = vf_set(scratch[i]);
                vf w = de * weight * vf_fma(-u, u, vf_set(1.0f));
                float *dk = dkeys + i * H + h;
                vf_store_first(dk, vf_load_first(dk, n) + w, n);
                dweight = vf_fma(de, u, dweight);
                dq += w;
            }
            vf_store_first(dqueries + t * H + h, dq, n);
            vf_store_first(dv + h, dweight, n);
        }
    }
}
