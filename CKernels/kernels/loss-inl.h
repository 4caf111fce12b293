// Cross entropy of a projection, a tile of tokens × the rows of a chunk at a time. The rows lie in the lanes,
// so that maxima and sums over tokens need no reduction across them:
//
//     z = W x + b      p = exp(z) / Σ exp(z)      loss = −(1 − ε) log p[target] − ε mean(log p)
//     dz = scale · (p − (1 − ε) onehot(target) − ε / V)      dW = dz xᵀ      db = Σ dz

// The part of H that a panel of x keeps in L1.
enum { loss_depth = 512 };

// Tokens of the tile at `first`.
CK_INLINE int64_t loss_tokens(const ck_loss_chunk *c, int64_t first) {
    return ck_min(CK_LOSS_TOKENS, c->V - first);
}

// Softmax subtracts the maximum, or 0 from logits that are all −∞, so that their exponentials are 0.
CK_INLINE vf loss_anchor(vf maximum) { return maximum == vf_set(-__builtin_inff()) ? vf_set(0) : maximum; }

// The logits of a tile without their bias, [token, stride].
CK_INLINE void loss_product(const ck_loss_chunk *c, float *z, int64_t first, int64_t columns) {
    int64_t k = 0;
    do {
        const tile_product p = {.c = z,
                                .c_row = c->stride,
                                .a = c->W + first * c->H + k,
                                .a_row = c->H,
                                .a_k = 1,
                                .b = c->x_columns + k * CK_NR,
                                .b_row = CK_NR,
                                .b_panel = c->H * CK_NR,
                                .m = loss_tokens(c, first),
                                .n = columns,
                                .k = ck_min(loss_depth, c->H - k),
                                .factor = 1,
                                .mode = k == 0 ? product_set : product_add};
        multiply_tile(&p);
        k += loss_depth;
    } while (k < c->H);
}

// The logits of a tile become exponentials in z [token, stride]; their maximum and sums, and the logits of
// the targets among them, go to the chunk.
static void loss_tile_forward(const ck_loss_chunk *c, float *z, int64_t tile) {
    const int64_t first = tile * CK_LOSS_TOKENS, tokens = loss_tokens(c, first);
    const int64_t columns = ck_whole(c->N, CK_NR), stride = c->stride, at = tile * stride;
    const float *b = c->b + first;
    loss_product(c, z, first, columns);
    for (int64_t n = 0; n < c->N; n++) {
        const int64_t token = c->targets[n] - first;
        if (token >= 0 && token < tokens) c->target[n] = z[token * stride + n] + b[token];
    }
    for (int64_t n = 0; n < columns; n += CK_LANES) {
        vf maximum = vf_set(-__builtin_inff()), sum = vf_set(0), below = vf_set(0);
        for (int64_t v = 0; v < tokens; v++)
            maximum = vf_max(vf_load(z + v * stride + n) + vf_set(b[v]), maximum);
        const vf anchor = loss_anchor(maximum);
        for (int64_t v = 0; v < tokens; v++) {
            vf distance = vf_load(z + v * stride + n) + vf_set(b[v]) - anchor;
            vf e = vf_exp_nonpositive(distance);
            vf_store(z + v * stride + n, e);
            sum += e, below += distance;
        }
        vf_store(c->maximum + at + n, maximum);
        vf_store(c->sum + at + n, sum);
        vf_store(c->below + at + n, below);
    }
}

// The losses of up to CK_LANES rows from what the tiles say of them, in the order of the tiles.
CK_INLINE void merge_lanes(const ck_loss_chunk *c, int64_t n) {
    const int64_t tiles = ck_loss_tiles(c->V), stride = c->stride;
    vf maximum = vf_set(-__builtin_inff()), sum = vf_set(0), below = vf_set(0);
    for (int64_t tile = 0; tile < tiles; tile++)
        maximum = vf_max(vf_load(c->maximum + tile * stride + n), maximum);
    const vf anchor = loss_anchor(maximum);
    for (int64_t tile = 0; tile < tiles; tile++) {
        const int64_t at = tile * stride + n;
        const vf top = vf_load(c->maximum + at),
                 tokens = vf_set((float)loss_tokens(c, tile * CK_LOSS_TOKENS));
        sum = vf_fma(vf_load(c->sum + at), vf_exp_nonpositive(top - anchor), sum);
        below += vf_fma(tokens, loss_anchor(top) - anchor, vf_load(c->below + at));
    }
    // 1 for a row of zeros, which has the logarithm 0 and stays as it is when divided.
    sum = sum == vf_set(0) ? vf_set(1) : sum;
    const vf factor = vf_set(c->scale) / sum;
    for (int64_t tile = 0; tile < tiles; tile++) {
        const int64_t at = tile * stride + n;
        vf_store(c->sum + at, vf_exp_nonpositive(vf_load(c->maximum + at) - anchor) * factor);
    }
    for (int64_t i = 0; i < CK_LANES && n + i < c->N; i++) {
        float loss = logf(sum[i]) - (1 - c->smoothing) * (c->target[n + i] - anchor[i]);
        // Without smoothing a logit of −∞ elsewhere is no concern of the loss.
        if (c->smoothing > 0) loss -= c->smoothing * (below[i] / (float)c->V);
        c->loss[n + i] = loss;
    }
}

static void loss_merge(const ck_loss_chunk *c, int64_t first, int64_t count) {
    for (int64_t n = first; n < first + count; n += CK_LANES) merge_lanes(c, n);
}

// The exponentials of a tile become the gradients of its logits, and go into db and dW.
static void loss_tile_backward(const ck_loss_chunk *c, int64_t tile) {
    const int64_t first = tile * CK_LOSS_TOKENS, tokens = loss_tokens(c, first), stride = c->stride;
    const float hot = c->scale * (1 - c->smoothing);
    const vf uniform = vf_set(-c->scale * c->smoothing / (float)c->V);
    const float *factor = c->sum + tile * stride;
    float *dz = c->exponentials + first * stride;
    for (int64_t v = 0; v < tokens; v++)
        CK_VECTORS(n, count, c->N, {
            float *z = dz + v * stride + n;
            vf_store_first(z, vf_fma(vf_load_first(z, count), vf_load_first(factor + n, count), uniform),
                           count);
        });
    for (int64_t n = 0; n < c->N; n++) {
        const int64_t token = c->targets[n] - first;
        if (token >= 0 && token < tokens) dz[token * stride + n] -= hot;
    }
    for (int64_t v = 0; v < tokens; v++) c->db[first + v] += row_sum(dz + v * stride, NULL, c->N);
    const tile_product p = {.c = c->dW + first * c->H,
                            .c_row = c->H,
                            .a = dz,
                            .a_row = stride,
                            .a_k = 1,
                            .b = c->x_rows,
                            .b_row = CK_NR,
                            .b_panel = c->N * CK_NR,
                            .m = tokens,
                            .n = c->H,
                            .k = c->N,
                            .factor = 1,
                            .mode = product_add};
    multiply_tile(&p);
}
