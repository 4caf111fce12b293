// The cells of the recurrent layers, after the matrix product: gates to states, and back.

// c = f c′ + i g, h = o tanh(c); gates [rows, 4H] (order i, f, g, o) are activated in place.
static void lstm_cell_forward_rows(float *h, float *c, float *gates, const float *c_before, int64_t rows,
                                   int64_t H) {
    for (int64_t r = 0; r < rows; r++) {
        float *gate = gates + r * 4 * H;
        for (int64_t j = 0; j < H; j += CK_LANES) {
            int64_t n = H - j;
            vf i = vf_sigmoid(vf_load_first(gate + j, n)), f = vf_sigmoid(vf_load_first(gate + H + j, n));
            vf g = vf_tanh(vf_load_first(gate + 2 * H + j, n)),
               o = vf_sigmoid(vf_load_first(gate + 3 * H + j, n));
            vf cell = vf_fma(f, vf_load_first(c_before + r * H + j, n), i * g);
            vf_store_first(gate + j, i, n), vf_store_first(gate + H + j, f, n);
            vf_store_first(gate + 2 * H + j, g, n), vf_store_first(gate + 3 * H + j, o, n);
            vf_store_first(c + r * H + j, cell, n);
            vf_store_first(h + r * H + j, o * vf_tanh(cell), n);
        }
    }
}

// σ′ = y (1 − y), tanh′ = 1 − y², by their results.
CK_INLINE vf through_sigmoid(vf d, vf y) { return d * y * (vf_set(1.0f) - y); }
CK_INLINE vf through_tanh(vf d, vf y) { return d * vf_fma(-y, y, vf_set(1.0f)); }

// Inverts lstm_cell_forward_rows. The gradient of h is dstate_h + dh (dh may be null); dstate_c in: of c,
// out: of c′.
static void lstm_cell_backward_rows(float *dgates, float *dstate_c, const float *dstate_h, const float *dh,
                                    const float *gates, const float *c, const float *c_before, int64_t rows,
                                    int64_t H) {
    for (int64_t r = 0; r < rows; r++) {
        const float *gate = gates + r * 4 * H;
        float *dgate = dgates + r * 4 * H;
        for (int64_t j = 0; j < H; j += CK_LANES) {
            int64_t n = H - j, at = r * H + j;
            vf i = vf_load_first(gate + j, n), f = vf_load_first(gate + H + j, n);
            vf g = vf_load_first(gate + 2 * H + j, n), o = vf_load_first(gate + 3 * H + j, n);
            vf dout = vf_load_first(dstate_h + at, n), squashed = vf_tanh(vf_load_first(c + at, n));
            if (dh) dout += vf_load_first(dh + at, n);
            vf dc = vf_load_first(dstate_c + at, n) + through_tanh(dout * o, squashed);
            vf_store_first(dgate + j, through_sigmoid(dc * g, i), n);
            vf_store_first(dgate + H + j, through_sigmoid(dc * vf_load_first(c_before + at, n), f), n);
            vf_store_first(dgate + 2 * H + j, through_tanh(dc * i, g), n);
            vf_store_first(dgate + 3 * H + j, through_sigmoid(dout * squashed, o), n);
            vf_store_first(dstate_c + at, dc * f, n);
        }
    }
}

// (r, z) = σ(gates + a), n = tanh(gates_n + r a_n), h = (1 − z) n + z h′; a [rows, 3H] is the recurrent
// product.
static void gru_cell_forward_rows(float *h, float *reset_input, float *gates, const float *a,
                                  const float *h_before, int64_t rows, int64_t H) {
    for (int64_t r = 0; r < rows; r++) {
        float *gate = gates + r * 3 * H;
        const float *product = a + r * 3 * H;
        for (int64_t j = 0; j < H; j += CK_LANES) {
            int64_t n = H - j;
            vf reset = vf_sigmoid(vf_load_first(gate + j, n) + vf_load_first(product + j, n));
            vf update = vf_sigmoid(vf_load_first(gate + H + j, n) + vf_load_first(product + H + j, n));
            vf hidden = vf_load_first(product + 2 * H + j, n);
            vf new = vf_tanh(vf_fma(reset, hidden, vf_load_first(gate + 2 * H + j, n)));
            vf_store_first(gate + j, reset, n), vf_store_first(gate + H + j, update, n);
            vf_store_first(gate + 2 * H + j, new, n);
            vf_store_first(reset_input + r * H + j, hidden, n);
            vf_store_first(h + r * H + j, vf_fma(update, vf_load_first(h_before + r * H + j, n) - new, new),
                           n);
        }
    }
}

// Inverts gru_cell_forward_rows. dstate_h in: the gradient of h (with dh added, which may be null); out: the
// part of the gradient of h′ that does not pass the recurrent product.
static void gru_cell_backward_rows(float *dgates, float *drecurrent, float *dstate_h, const float *dh,
                                   const float *gates, const float *reset_input, const float *h_before,
                                   int64_t rows, int64_t H) {
    for (int64_t r = 0; r < rows; r++) {
        const float *gate = gates + r * 3 * H;
        float *dgate = dgates + r * 3 * H, *da = drecurrent + r * 3 * H;
        for (int64_t j = 0; j < H; j += CK_LANES) {
            int64_t n = H - j, at = r * H + j;
            vf reset = vf_load_first(gate + j, n), update = vf_load_first(gate + H + j, n);
            vf new = vf_load_first(gate + 2 * H + j, n), dout = vf_load_first(dstate_h + at, n);
            if (dh) dout += vf_load_first(dh + at, n);
            vf dnew = through_tanh(dout * (vf_set(1.0f) - update), new);
            vf dupdate = through_sigmoid(dout * (vf_load_first(h_before + at, n) - new), update);
            vf dreset = through_sigmoid(dnew * vf_load_first(reset_input + at, n), reset);
            vf_store_first(dgate + j, dreset, n), vf_store_first(da + j, dreset, n);
            vf_store_first(dgate + H + j, dupdate, n), vf_store_first(da + H + j, dupdate, n);
            vf_store_first(dgate + 2 * H + j, dnew, n), vf_store_first(da + 2 * H + j, dnew * reset, n);
            vf_store_first(dstate_h + at, dout * update, n);
        }
    }
}
