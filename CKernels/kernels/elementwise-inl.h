// Passes over single elements: sums, the backward of tanh, maxout, dropout, the optimisers.

static void tanh_backward_range(float *dx, const float *dy, const float *y, int64_t count) {
    for (int64_t i = 0; i < count; i += CK_LANES) {
        vf out = vf_load_first(y + i, count - i), d = vf_load_first(dy + i, count - i);
        vf_store_first(dx + i, d * vf_fma(-out, out, vf_set(1.0f)), count - i);
    }
}

// Neighbours lie across lanes: these are plain loops, of which clang makes what the set has.

// A NaN of either stays: compared with a second that is none, no first is larger.
static void maxout_range(float *y, const float *x, int64_t count) {
    for (int64_t i = 0; i < count; i++) {
        float first = x[2 * i], second = x[2 * i + 1];
        y[i] = first != first || first > second ? first : second;
    }
}

static void maxout_backward_range(float *dx, const float *dy, const float *x, int64_t count) {
    for (int64_t i = 0; i < count; i++) {
        int first = x[2 * i] >= x[2 * i + 1];
        dx[2 * i] = first ? dy[i] : 0;
        dx[2 * i + 1] = first ? 0 : dy[i];
    }
}

static void add_range(float *y, const float *x, int64_t count) {
    for (int64_t i = 0; i < count; i += CK_LANES)
        vf_store_first(y + i, vf_load_first(y + i, count - i) + vf_load_first(x + i, count - i), count - i);
}

// The finaliser of MurmurHash3: every input bit reaches every output bit.
CK_INLINE vu mix(vu x) {
    x = (x ^ (x >> 16)) * 0x85ebca6bu;
    x = (x ^ (x >> 13)) * 0xc2b2ae35u;
    return x ^ (x >> 16);
}

// Two keyed rounds of the mixer on the element's index; kept where the 32 bits lie at or above rate · 2³².
static void dropout_range(float *y, const float *x, float rate, uint64_t seed, uint64_t offset,
                          int64_t count) {
    const vu low = (vu)((uint32_t)seed), high = (vu)((uint32_t)(seed >> 32));
    const vu threshold = (vu)((uint32_t)((double)rate * 4294967296.0));
    const vf keep = vf_set(1.0f / (1.0f - rate));
    for (int64_t i = 0; i < count; i += CK_LANES) {
        vu index = (vu)((uint32_t)(offset + (uint64_t)i)) + vu_iota();
        vu random = mix(mix(index ^ low) + high);
        vf kept = vf_load_first(x + i, count - i) * keep;
        vf_store_first(y + i, random >= threshold ? kept : vf_set(0.0f), count - i);
    }
}

static double sum_squares_range(const float *x, int64_t count) {
    // A block of 64 vectors is short enough for float lanes; blocks add up in double.
    double total = 0;
    for (int64_t block = 0; block < count; block += 64 * CK_LANES) {
        int64_t end = block + 64 * CK_LANES < count ? block + 64 * CK_LANES : count;
        vf sum = vf_set(0.0f);
        for (int64_t i = block; i < end; i += CK_LANES) {
            vf v = vf_load_first(x + i, end - i);
            sum = vf_fma(v, v, sum);
        }
        total += (double)vf_sum(sum);
    }
    return total;
}

// correction1 and correction2 are 1 / (1 − βᵗ), keep is 1 − rate · λ.
static void adam_range(float *p, float *m, float *v, const float *g, float gradient_scale, float rate,
                       float beta1, float beta2, float epsilon, float correction1, float correction2,
                       float keep, int64_t count) {
    for (int64_t i = 0; i < count; i += CK_LANES) {
        int64_t n = count - i;
        vf gradient = vf_load_first(g + i, n) * gradient_scale;
        vf first = vf_fma(vf_load_first(m + i, n), vf_set(beta1), gradient * (1.0f - beta1));
        vf second = vf_fma(vf_load_first(v + i, n), vf_set(beta2), gradient * gradient * (1.0f - beta2));
        vf step = rate * correction1 * first / (vf_sqrt(second * correction2) + vf_set(epsilon));
        vf_store_first(m + i, first, n);
        vf_store_first(v + i, second, n);
        vf_store_first(p + i, vf_fma(vf_load_first(p + i, n), vf_set(keep), -step), n);
    }
}

// keep is 1 − rate · λ; without momentum there is no velocity.
static void sgd_range(float *p, float *velocity, const float *g, float gradient_scale, float rate,
                      float momentum, float keep, int64_t count) {
    for (int64_t i = 0; i < count; i += CK_LANES) {
        int64_t n = count - i;
        vf step = vf_load_first(g + i, n) * gradient_scale;
        if (velocity) {
            step = vf_fma(vf_load_first(velocity + i, n), vf_set(momentum), step);
            vf_store_first(velocity + i, step, n);
        }
        vf_store_first(p + i, vf_fma(vf_load_first(p + i, n), vf_set(keep), -rate * step), n);
    }
}

// keep is 1 − rate · λ.
static void adadelta_range(float *p, float *squares, float *steps, const float *g, float gradient_scale,
                           float rate, float decay, float epsilon, float keep, int64_t count) {
    for (int64_t i = 0; i < count; i += CK_LANES) {
        int64_t n = count - i;
        vf gradient = vf_load_first(g + i, n) * gradient_scale;
        vf square =
            vf_fma(vf_load_first(squares + i, n), vf_set(decay), gradient * gradient * (1.0f - decay));
        vf old = vf_load_first(steps + i, n);
        vf step = vf_sqrt((old + vf_set(epsilon)) / (square + vf_set(epsilon))) * gradient;
        vf_store_first(squares + i, square, n);
        vf_store_first(steps + i, vf_fma(old, vf_set(decay), step * step * (1.0f - decay)), n);
        vf_store_first(p + i, vf_fma(vf_load_first(p + i, n), vf_set(keep), -rate * step), n);
    }
}

static void lerp_range(float *y, const float *x, float share, int64_t count) {
    for (int64_t i = 0; i < count; i += CK_LANES) {
        vf old = vf_load_first(y + i, count - i), new = vf_load_first(x + i, count - i);
        vf_store_first(y + i, vf_fma(vf_set(share), new - old, old), count - i);
    }
}
