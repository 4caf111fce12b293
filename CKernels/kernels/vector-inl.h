// Small products with a few rows, the pieces of attention: dots, weighted sums, rank-1 updates.

// dots[i] = x · rows[i] for i < count. Four rows at a time share the loads of x and hide the latency of the
// adds.
CK_INLINE void rows_dot(float *dots, const float *x, const float *rows, int64_t count, int64_t width) {
    int64_t i = 0;
    for (; i + 4 <= count; i += 4) {
        const float *r = rows + i * width;
        vf s0 = vf_set(0), s1 = s0, s2 = s0, s3 = s0;
        for (int64_t h = 0; h < width; h += CK_LANES) {
            int64_t n = width - h;
            vf v = vf_load_first(x + h, n);
            s0 = vf_fma(v, vf_load_first(r + h, n), s0);
            s1 = vf_fma(v, vf_load_first(r + width + h, n), s1);
            s2 = vf_fma(v, vf_load_first(r + 2 * width + h, n), s2);
            s3 = vf_fma(v, vf_load_first(r + 3 * width + h, n), s3);
        }
        dots[i] = vf_sum(s0), dots[i + 1] = vf_sum(s1), dots[i + 2] = vf_sum(s2), dots[i + 3] = vf_sum(s3);
    }
    for (; i < count; i++) {
        vf s = vf_set(0);
        for (int64_t h = 0; h < width; h += CK_LANES)
            s = vf_fma(vf_load_first(x + h, width - h), vf_load_first(rows + i * width + h, width - h), s);
        dots[i] = vf_sum(s);
    }
}

// out = Σ_i weights[i] rows[i]; zero for count 0. Four vectors of columns at a time stay in registers.
CK_INLINE void rows_weighted_sum(float *out, const float *weights, const float *rows, int64_t count,
                                 int64_t width) {
    int64_t h = 0;
    for (; h + 4 * CK_LANES <= width; h += 4 * CK_LANES) {
        vf s0 = vf_set(0), s1 = s0, s2 = s0, s3 = s0;
        for (int64_t i = 0; i < count; i++) {
            const float *r = rows + i * width + h;
            vf w = vf_set(weights[i]);
            s0 = vf_fma(w, vf_load(r), s0);
            s1 = vf_fma(w, vf_load(r + CK_LANES), s1);
            s2 = vf_fma(w, vf_load(r + 2 * CK_LANES), s2);
            s3 = vf_fma(w, vf_load(r + 3 * CK_LANES), s3);
        }
        vf_store(out + h, s0), vf_store(out + h + CK_LANES, s1);
        vf_store(out + h + 2 * CK_LANES, s2), vf_store(out + h + 3 * CK_LANES, s3);
    }
    for (; h < width; h += CK_LANES) {
        vf s = vf_set(0);
        for (int64_t i = 0; i < count; i++)
            s = vf_fma(vf_set(weights[i]), vf_load_first(rows + i * width + h, width - h), s);
        vf_store_first(out + h, s, width - h);
    }
}

// rows[i] += weights[i] x.
CK_INLINE void rows_add_outer(float *rows, const float *weights, const float *x, int64_t count,
                              int64_t width) {
    for (int64_t i = 0; i < count; i++) {
        vf w = vf_set(weights[i]);
        for (int64_t h = 0; h < width; h += CK_LANES) {
            float *r = rows + i * width + h;
            vf_store_first(r, vf_fma(w, vf_load_first(x + h, width - h), vf_load_first(r, width - h)),
                           width - h);
        }
    }
}
