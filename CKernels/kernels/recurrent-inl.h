// The cells of the recurrent layers, after the matrix product: gates to states, and back.
//
// Each works on `units` units of `rows` rows; a row of states is H long, one of gates G · H, gate by gate.
// All pointers are to the first of the units (of gates: in the first gate).

// σ′ = y (1 − y), tanh′ = 1 − y², by their results.
CK_INLINE vf through_sigmoid(vf d, vf y) { return d * y * (vf_set(1.0f) - y); }
CK_INLINE vf through_tanh(vf d, vf y) { return d * vf_fma(-y, y, vf_set(1.0f)); }

// The gradient of h: that of the state, and that of the output where there is one.
CK_INLINE vf gradient_of_h(const float *dstate_h, const float *dh, int64_t at, int64_t n) {
    vf d = vf_load_first(dstate_h + at, n);
    return dh ? d + vf_load_first(dh + at, n) : d;
}

// For every vector of units: its place `at` in a row of states, its `gate` in a row of gates, its length n.
#define FOR_UNITS(G, ...)                                                                                    \
    for (int64_t r = 0; r < rows; r++)                                                                       \
    CK_VECTORS(j, n, units, {                                                                                \
        const int64_t at = r * H + j, gate = r * (G)*H + j;                                                  \
        __VA_ARGS__;                                                                                         \
    })

// h = tanh(gates).
static void rnn_cell_forward(float *h, const float *gates, int64_t rows, int64_t units, int64_t H) {
    FOR_UNITS(1, vf_store_first(h + at, vf_tanh(vf_load_first(gates + gate, n)), n));
}

// Inverts rnn_cell_forward.
static void rnn_cell_backward(float *dgates, const float *dstate_h, const float *dh, const float *h,
                              int64_t rows, int64_t units, int64_t H) {
    FOR_UNITS(1,
              vf_store_first(dgates + gate,
                             through_tanh(gradient_of_h(dstate_h, dh, at, n), vf_load_first(h + at, n)), n));
}

// c = f c′ + i g, h = o tanh(c); the gates (order i, f, g, o) are activated in place.
static void lstm_cell_forward(float *h, float *c, float *gates, const float *c_before, int64_t rows,
                              int64_t units, int64_t H) {
    FOR_UNITS(4, {
        float *p = gates + gate;
        vf i = vf_sigmoid(vf_load_first(p, n)), f = vf_sigmoid(vf_load_first(p + H, n));
        vf g = vf_tanh(vf_load_first(p + 2 * H, n)), o = vf_sigmoid(vf_load_first(p + 3 * H, n));
        vf cell = vf_fma(f, vf_load_first(c_before + at, n), i * g);
        vf_store_first(p, i, n), vf_store_first(p + H, f, n);
        vf_store_first(p + 2 * H, g, n), vf_store_first(p + 3 * H, o, n);
        vf_store_first(c + at, cell, n);
        vf_store_first(h + at, o * vf_tanh(cell), n);
    });
}

// Inverts lstm_cell_forward. dstate_c in: the gradient of c, out: of c′.
static void lstm_cell_backward(float *dgates, float *dstate_c, const float *dstate_h, const float *dh,
                               const float *gates, const float *c, const float *c_before, int64_t rows,
                               int64_t units, int64_t H) {
    FOR_UNITS(4, {
        const float *p = gates + gate;
        float *d = dgates + gate;
        vf i = vf_load_first(p, n), f = vf_load_first(p + H, n);
        vf g = vf_load_first(p + 2 * H, n), o = vf_load_first(p + 3 * H, n);
        vf dout = gradient_of_h(dstate_h, dh, at, n), squashed = vf_tanh(vf_load_first(c + at, n));
        vf dc = vf_load_first(dstate_c + at, n) + through_tanh(dout * o, squashed);
        vf_store_first(d, through_sigmoid(dc * g, i), n);
        vf_store_first(d + H, through_sigmoid(dc * vf_load_first(c_before + at, n), f), n);
        vf_store_first(d + 2 * H, through_tanh(dc * i, g), n);
        vf_store_first(d + 3 * H, through_sigmoid(dout * squashed, o), n);
        vf_store_first(dstate_c + at, dc * f, n);
    });
}

// (r, z) = σ(gates), n = tanh(gates_n + r a_n), h = (1 − z) n + z h′; the gates are activated in place.
static void gru_cell_forward(float *h, float *gates, const float *reset_input, const float *h_before,
                             int64_t rows, int64_t units, int64_t H) {
    FOR_UNITS(3, {
        float *p = gates + gate;
        vf reset = vf_sigmoid(vf_load_first(p, n)), update = vf_sigmoid(vf_load_first(p + H, n));
        vf new = vf_tanh(vf_fma(reset, vf_load_first(reset_input + at, n), vf_load_first(p + 2 * H, n)));
        vf_store_first(p, reset, n), vf_store_first(p + H, update, n), vf_store_first(p + 2 * H, new, n);
        vf_store_first(h + at, vf_fma(update, vf_load_first(h_before + at, n) - new, new), n);
    });
}

// Inverts gru_cell_forward. dstate_h in: the gradient of h; out: the part of the gradient of h′ that does not
// pass the recurrent product.
static void gru_cell_backward(float *dgates, float *drecurrent, float *dstate_h, const float *dh,
                              const float *gates, const float *reset_input, const float *h_before,
                              int64_t rows, int64_t units, int64_t H) {
    FOR_UNITS(3, {
        const float *p = gates + gate;
        float *d = dgates + gate, *da = drecurrent + gate;
        vf reset = vf_load_first(p, n), update = vf_load_first(p + H, n), new = vf_load_first(p + 2 * H, n);
        vf dout = gradient_of_h(dstate_h, dh, at, n);
        vf dnew = through_tanh(dout * (vf_set(1.0f) - update), new);
        vf dupdate = through_sigmoid(dout * (vf_load_first(h_before + at, n) - new), update);
        vf dreset = through_sigmoid(dnew * vf_load_first(reset_input + at, n), reset);
        vf_store_first(d, dreset, n), vf_store_first(da, dreset, n);
        vf_store_first(d + H, dupdate, n), vf_store_first(da + H, dupdate, n);
        vf_store_first(d + 2 * H, dnew, n), vf_store_first(da + 2 * H, dnew * reset, n);
        vf_store_first(dstate_h + at, dout * update, n);
    });
}

// The first half of a GRU that resets before its product: (r, z) = σ(gates) in place, reset_state = r h′.
static void reset_cell_forward(float *reset_state, float *gates, const float *h_before, int64_t rows,
                               int64_t units, int64_t H) {
    FOR_UNITS(3, {
        float *p = gates + gate;
        vf reset = vf_sigmoid(vf_load_first(p, n));
        vf_store_first(p, reset, n);
        vf_store_first(p + H, vf_sigmoid(vf_load_first(p + H, n)), n);
        vf_store_first(reset_state + at, reset * vf_load_first(h_before + at, n), n);
    });
}

// The second half: n = tanh(gates_n) in place, h = (1 − z) n + z h′.
static void update_cell_forward(float *h, float *gates, const float *h_before, int64_t rows, int64_t units,
                                int64_t H) {
    FOR_UNITS(3, {
        float *p = gates + gate;
        vf new = vf_tanh(vf_load_first(p + 2 * H, n)), before = vf_load_first(h_before + at, n);
        vf_store_first(p + 2 * H, new, n);
        vf_store_first(h + at, vf_fma(vf_load_first(p + H, n), before - new, new), n);
    });
}

// Inverts update_cell_forward: the gradients of the update and the new gate; dstate_h in: the gradient of h,
// out: the part of that of h′ that passes neither product.
static void update_cell_backward(float *dgates, float *dstate_h, const float *dh, const float *gates,
                                 const float *h_before, int64_t rows, int64_t units, int64_t H) {
    FOR_UNITS(3, {
        const float *p = gates + gate;
        float *d = dgates + gate;
        vf update = vf_load_first(p + H, n), new = vf_load_first(p + 2 * H, n);
        vf dout = gradient_of_h(dstate_h, dh, at, n);
        vf_store_first(d + H, through_sigmoid(dout * (vf_load_first(h_before + at, n) - new), update), n);
        vf_store_first(d + 2 * H, through_tanh(dout * (vf_set(1.0f) - update), new), n);
        vf_store_first(dstate_h + at, dout * update, n);
    });
}

// Inverts reset_cell_forward, given the gradient of reset_state: adds its part to dstate_h.
static void reset_cell_backward(float *dgates, float *dstate_h, const float *dreset_state, const float *gates,
                                const float *h_before, int64_t rows, int64_t units, int64_t H) {
    FOR_UNITS(3, {
        vf reset = vf_load_first(gates + gate, n), d = vf_load_first(dreset_state + at, n);
        vf_store_first(dgates + gate, through_sigmoid(d * vf_load_first(h_before + at, n), reset), n);
        vf_store_first(dstate_h + at, vf_fma(d, reset, vf_load_first(dstate_h + at, n)), n);
    });
}

#undef FOR_UNITS
