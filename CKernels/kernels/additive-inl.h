// The additive score and its gradients, without a tanh for each pair (Bahdanau et al. 2015):
//
//     score_ti = Σ_h v_h tanh(q_th + k_ih),  tanh(q + k) = (a − b) / (a + b) = 2 a / (a + b) − 1
//                                            with the factors a = e^{2q} and b = e^{−2k}
//
// m queries and n keys need (m + n) H exponentials, and a pair needs an add and a share of a divide:
// fractions are put over one denominator, p₁/d₁ + p₂/d₂ = (p₁ d₂ + p₂ d₁) / d₁ d₂, four vectors at a time
// while the product of four denominators stays among the floats, two while that of two does, none up to where
// the factors end. Beyond is the direct form. One tile takes one rung, by how far its own queries and keys
// reach.
//
// Error, with u = 2⁻²⁴ and exponentials within 2u. An error ε of a factor moves tanh by at most (1 − tanh²)
// ε/2, both factors together by 2u, and by nothing where tanh is ±1. The fraction r = a / (a + b) ≤ 1 counts
// twice. Over one denominator of four it is rounded 5 times in the numerator (v a, two cross products and two
// sums), once each in its own sum, the denominator of two, that of four, and the quotient; errors of what was
// multiplied into numerator and denominator alike cancel. So |Δ score| ≤ 20 u Σ|v|, and what adding up H / 4
// lanes quotients rounds, as in any dot product. The gradient 4 r (1 − r) has 4 roundings in r: |Δ| ≤ 18 u |g
// v| a pair; that of v 10 u |g| a pair. Measured, with the worst signs and H = 1 … 512: 11 u for scores, 12 u
// for dq and dk, 7 u for dv; for random ones and H = 512 1 u, 5 u and 1.5 u. (1 − tanh² of a tanh rounded in
// float is 3.5 u off.)
//
// Zen 3 at 3.2 GHz, one thread, 64 × (30 queries × 30 keys × H = 512), 29.5 M tanh: factors 1.25 ms;
// scores 1.9, 2.0 or 4.1 ms by the rung, direct 36 ms; backward 4.8 ms, or 4.2 without sharing divides, which
// wider or slower dividers want; direct 42 ms.

// How far |q| and |k| may reach. v is divided by a power of two first, so |v| < 2.
//   4 vectors: numerators are sums of four v a d d d ≤ 64 e^{8 reach}, 2¹²¹ at 10. What underflows there
//     is less than 2⁻¹⁵⁰ / 16 e^{−80} = 2⁻³⁸ of the largest |v|.
//   2 vectors: 8 e^{4 reach}, 2¹¹⁸ at 20; underflow costs less than 2⁻¹⁵⁰ / 4 e^{−80} = 2⁻³⁶.
//   1 vector: e^{−86} is no denormal yet, and e^{86} + e^{86} no overflow.
#define CK_ADDITIVE_REACH_OF_4 10.0f
#define CK_ADDITIVE_REACH_OF_2 20.0f
#define CK_ADDITIVE_REACH 43.0f

// Rows of factors and weights are padded to whole vectors: a = b = 1 and v = 0 there.
CK_INLINE int64_t additive_width(int64_t H) { return (H + CK_LANES - 1) / CK_LANES * CK_LANES; }

// The distance between rows of factors: an odd number of cache lines, so that a column of rows does not fall
// into a few sets of the cache.
CK_INLINE int64_t additive_stride(int64_t H) { return ((H + 15) / 16 | 1) * 16; }

// The weights v = scale · row; sum = Σ row. With NaN or ±Inf in v all scores are NaN.
typedef struct additive_weights {
    const float *row; // additive_width(H) floats
    float scale, sum; // a power of two
} additive_weights;

// The larger of two non-negative floats; NaN is the largest of all, as its bits are.
CK_INLINE vf additive_farther(vf a, vf b) { return vf_of(vi_of(a) > vi_of(b) ? vi_of(a) : vi_of(b)); }

CK_INLINE float additive_farthest(vf x) {
    float lanes[CK_LANES], top = 0;
    vf_store(lanes, x);
    for (int i = 0; i < CK_LANES; i++)
        if (!(lanes[i] <= top)) top = lanes[i] == lanes[i] ? lanes[i] : __builtin_inff();
    return top;
}

// row: room for additive_width(H) floats, which the result keeps.
static inline additive_weights additive_weigh(float *row, const float *v, int64_t H) {
    vf top = vf_set(0), sum = vf_set(0);
    for (int64_t h = 0; h < H; h += CK_LANES)
        top = additive_farther(top, vf_abs(vf_load_first(v + h, H - h)));
    vi exponent = vi_of(vf_set(additive_farthest(top))) & vi_set(0x7f800000);
    float scale = vf_max(vf_of(exponent), vf_set(0x1p-126f))[0];
    for (int64_t h = 0; h < H; h += CK_LANES) {
        vf x = vf_load_first(v + h, H - h) / vf_set(scale);
        vf_store(row + h, x);
        sum += x;
    }
    return (additive_weights){row, scale, vf_sum(sum)};
}

// factors_ih = exp(sign · 2 · rows_ih): sign 1 makes a queries' a, −1 a keys' b. *range grows to the largest
// |rows_ih|, and to +Inf by a NaN; start it at 0. factors are `stride` floats apart, a multiple of CK_LANES.
static inline void additive_factors(float *factors, float *range, const float *rows, int64_t row_stride,
                                    float sign, int64_t count, int64_t H, int64_t stride) {
    vf top = vf_set(*range);
    for (int64_t i = 0; i < count; i++)
        for (int64_t h = 0; h < H; h += CK_LANES) {
            vf x = vf_load_first(rows + i * row_stride + h, H - h);
            top = additive_farther(top, vf_abs(x));
            vf_store(factors + i * stride + h, vf_exp(vf_set(2 * sign) * x));
        }
    *range = additive_farthest(top);
}

// Whether a tile's queries and keys are within the factors' reach; the direct form is for those that are not.
CK_INLINE bool additive_within_reach(float range_q, float range_k) {
    return range_q <= CK_ADDITIVE_REACH && range_k <= CK_ADDITIVE_REACH;
}

// Two fractions over one denominator.
typedef struct additive_fraction {
    vf numerator, denominator;
} additive_fraction;

CK_INLINE additive_fraction additive_join(additive_fraction x, additive_fraction y) {
    vf cross = y.numerator * x.denominator;
    return (additive_fraction){vf_fma(x.numerator, y.denominator, cross), x.denominator * y.denominator};
}

CK_INLINE vf additive_quotient(additive_fraction x) { return x.numerator / x.denominator; }

// sums_i += v a / (a + b_i) for `vectors` (1 or 4) vectors of columns of one query; `merged` fractions share
// a divide.
CK_INLINE void additive_add_fractions(vf *sums, const float *a, const float *b, int64_t b_stride,
                                      const float *v, int64_t n, int vectors, int merged) {
    vf x[4], p[4];
    for (int j = 0; j < vectors; j++) {
        x[j] = vf_load(a + j * CK_LANES);
        p[j] = merged == 1 ? vf_load(v + j * CK_LANES) : vf_load(v + j * CK_LANES) * x[j];
    }
    for (int64_t i = 0; i < n; i++, b += b_stride) {
        additive_fraction f[4];
        for (int j = 0; j < vectors; j++) f[j] = (additive_fraction){p[j], x[j] + vf_load(b + j * CK_LANES)};
        vf sum = sums[i];
        if (merged == 4) {
            sum += additive_quotient(additive_join(additive_join(f[0], f[1]), additive_join(f[2], f[3])));
        } else if (merged == 2) {
            sum +=
                additive_quotient(additive_join(f[0], f[1])) + additive_quotient(additive_join(f[2], f[3]));
        } else {
            for (int j = 0; j < vectors; j++) sum = vf_fma(p[j], x[j] / f[j].denominator, sum);
        }
        sums[i] = sum;
    }
}

// Sums of a block of pairs, a vector each, stay in the first cache while columns of four vectors pass; a
// query's columns stay in registers while the keys pass.
CK_INLINE void additive_scores_merged(float *scores, int64_t scores_stride, const float *a, int64_t a_stride,
                                      const float *b, int64_t b_stride, const additive_weights *v, int64_t m,
                                      int64_t n, int64_t H, int merged) {
    enum { SUMS = 4096 / CK_LANES, KEYS = 64 };
    vf sums[SUMS];
    int64_t keys = n < KEYS ? n : KEYS, width = additive_width(H);
    for (int64_t start = 0; start < n; start += keys) {
        int64_t count = n - start < keys ? n - start : keys, queries = SUMS / count;
        for (int64_t first = 0; first < m; first += queries) {
            int64_t rows = m - first < queries ? m - first : queries, h = 0;
            const float *block_a = a + first * a_stride, *block_b = b + start * b_stride;
            memset(sums, 0, (size_t)(rows * count) * sizeof(vf));
            for (; h + 4 * CK_LANES <= width; h += 4 * CK_LANES)
                for (int64_t t = 0; t < rows; t++)
                    additive_add_fractions(sums + t * count, block_a + t * a_stride + h, block_b + h,
                                           b_stride, v->row + h, count, 4, merged);
            for (; h < width; h += CK_LANES)
                for (int64_t t = 0; t < rows; t++)
                    additive_add_fractions(sums + t * count, block_a + t * a_stride + h, block_b + h,
                                           b_stride, v->row + h, count, 1, 1);
            for (int64_t t = 0; t < rows; t++)
                for (int64_t i = 0; i < count; i++)
                    scores[(first + t) * scores_stride + start + i] =
                        v->scale * (2 * vf_sum(sums[t * count + i]) - v->sum);
        }
    }
}

// scores_ti = Σ_h v_h tanh(q_th + k_ih) from the factors of m queries and n keys, within reach.
static inline void additive_scores(float *scores, int64_t scores_stride, const float *a, int64_t a_stride,
                                   const float *b, int64_t b_stride, const additive_weights *v, int64_t m,
                                   int64_t n, int64_t H, float range_q, float range_k) {
    float range = range_q > range_k ? range_q : range_k;
    if (range <= CK_ADDITIVE_REACH_OF_4)
        additive_scores_merged(scores, scores_stride, a, a_stride, b, b_stride, v, m, n, H, 4);
    else if (range <= CK_ADDITIVE_REACH_OF_2)
        additive_scores_merged(scores, scores_stride, a, a_stride, b, b_stride, v, m, n, H, 2);
    else
        additive_scores_merged(scores, scores_stride, a, a_stride, b, b_stride, v, m, n, H, 1);
}

// The same from the queries and keys themselves, as far as they may reach. A NaN touches its own pairs.
static inline void additive_scores_direct(float *scores, int64_t scores_stride, const float *queries,
                                          int64_t query_stride, const float *keys, int64_t key_stride,
                                          const float *v, int64_t m, int64_t n, int64_t H) {
    for (int64_t t = 0; t < m; t++)
        for (int64_t i = 0; i < n; i++) {
            vf sum = vf_set(0);
            for (int64_t h = 0; h < H; h += CK_LANES) {
                vf q = vf_load_first(queries + t * query_stride + h, H - h);
                vf k = vf_load_first(keys + i * key_stride + h, H - h);
                sum = vf_fma(vf_load_first(v + h, H - h), vf_tanh(q + k), sum);
            }
            scores[t * scores_stride + i] = vf_sum(sum);
        }
}

// One vector of columns of one query against n keys; g are the gradients of the scores. Returns Σ_i w_i, adds
// w_i to sums_i and Σ_i y_i to *y_sum. Two keys share a divide while they are merged: Q = a / d₁ d₂, r₁ = Q
// d₂, r₂ = Q d₁.
CK_INLINE vf additive_backward_columns(vf *sums, vf *y_sum, const float *g, vf a, const float *b,
                                       int64_t b_stride, int64_t n, bool merged) {
    vf w_sum = vf_set(0), y_first = vf_set(0), y_second = vf_set(0);
    int64_t i = 0;
    for (; merged && i + 2 <= n; i += 2, b += 2 * b_stride) {
        vf d1 = a + vf_load(b), d2 = a + vf_load(b + b_stride), quotient = a / (d1 * d2);
        vf r1 = quotient * d2, r2 = quotient * d1, y1 = vf_set(g[i]) * r1, y2 = vf_set(g[i + 1]) * r2;
        vf w1 = vf_fma(-y1, r1, y1), w2 = vf_fma(-y2, r2, y2);
        y_first += y1, y_second += y2;
        w_sum += w1, w_sum += w2;
        sums[i] += w1, sums[i + 1] += w2;
    }
    for (; i < n; i++, b += b_stride) {
        vf r = a / (a + vf_load(b)), y = vf_set(g[i]) * r, w = vf_fma(-y, r, y);
        y_first += y;
        w_sum += w;
        sums[i] += w;
    }
    *y_sum += y_first + y_second;
    return w_sum;
}

// row += factor · x, the first n elements.
CK_INLINE void additive_add(float *row, vf factor, vf x, int64_t n) {
    vf_store_first(row, vf_fma(factor, x, vf_load_first(row, n)), n);
}

// score = Σ_h v_h tanh(q_h + k_h) backwards: with r = a / (a + b), tanh = 2r − 1 and 1 − tanh² = 4 r (1 − r),
// so for the score's gradient g, y = g r and w = y (1 − r)
//
//     dv_h += 2 Σ_ti y_tih − Σ_ti g_ti,  dq_th += 4 v_h Σ_i w_tih,  dk_ih += 4 v_h Σ_t w_tih.
//
// A masked pair has g = 0, and what it adds is 0. Columns go by four vectors, whole cache lines of every row;
// a block of keys keeps their sums for dk in the first cache.
CK_INLINE void additive_backward_merged(float *dq, int64_t dq_stride, float *dk, int64_t dk_stride, float *dv,
                                        const float *dscores, int64_t dscores_stride, const float *a,
                                        int64_t a_stride, const float *b, int64_t b_stride,
                                        const additive_weights *v, int64_t m, int64_t n, int64_t H,
                                        bool merged) {
    enum { VECTORS = 4, KEYS = 2048 / VECTORS / CK_LANES };
    vf sums[VECTORS][KEYS];
    vf total = vf_set(0);
    for (int64_t t = 0; t < m; t++)
        for (int64_t i = 0; i < n; i += CK_LANES)
            total += vf_load_first(dscores + t * dscores_stride + i, n - i);
    total = vf_set(vf_sum(total));
    for (int64_t h = 0; h < H; h += CK_LANES) additive_add(dv + h, vf_set(-1), total, H - h);
    for (int64_t first = 0; first < n; first += KEYS)
        for (int64_t start = 0; start < H; start += VECTORS * CK_LANES) {
            int64_t keys = n - first < KEYS ? n - first : KEYS, rest = (H - start + CK_LANES - 1) / CK_LANES;
            int64_t vectors = rest < VECTORS ? rest : VECTORS;
            vf y_sums[VECTORS], weights[VECTORS];
            for (int64_t j = 0; j < vectors; j++) {
                y_sums[j] = vf_set(0),
                weights[j] = vf_set(4 * v->scale) * vf_load(v->row + start + j * CK_LANES);
                memset(sums[j], 0, (size_t)keys * sizeof(vf));
            }
            for (int64_t t = 0; t < m; t++)
                for (int64_t j = 0; j < vectors; j++) {
                    int64_t h = start + j * CK_LANES;
                    vf w_sum = additive_backward_columns(
                        sums[j], &y_sums[j], dscores + t * dscores_stride + first,
                        vf_load(a + t * a_stride + h), b + first * b_stride + h, b_stride, keys, merged);
                    additive_add(dq + t * dq_stride + h, weights[j], w_sum, H - h);
                }
            for (int64_t i = 0; i < keys; i++)
                for (int64_t j = 0; j < vectors; j++) {
                    int64_t h = start + j * CK_LANES;
                    additive_add(dk + (first + i) * dk_stride + h, weights[j], sums[j][i], H - h);
                }
            for (int64_t j = 0; j < vectors; j++)
                additive_add(dv + start + j * CK_LANES, vf_set(2), y_sums[j], H - start - j * CK_LANES);
        }
}

// Adds to the gradients of m queries, n keys and the weights, from the factors, within reach. dq and dk are
// best scratch in the cache with additive_stride: their rows are visited once every four vectors of columns.
static inline void additive_backward(float *dq, int64_t dq_stride, float *dk, int64_t dk_stride, float *dv,
                                     const float *dscores, int64_t dscores_stride, const float *a,
                                     int64_t a_stride, const float *b, int64_t b_stride,
                                     const additive_weights *v, int64_t m, int64_t n, int64_t H,
                                     float range_q, float range_k) {
    if (range_q <= CK_ADDITIVE_REACH_OF_2 && range_k <= CK_ADDITIVE_REACH_OF_2)
        additive_backward_merged(dq, dq_stride, dk, dk_stride, dv, dscores, dscores_stride, a, a_stride, b,
                                 b_stride, v, m, n, H, true);
    else
        additive_backward_merged(dq, dq_stride, dk, dk_stride, dv, dscores, dscores_stride, a, a_stride, b,
                                 b_stride, v, m, n, H, false);
}

// The same from the queries and keys themselves: u = tanh(q + k), dv += g u, dq and dk += g v (1 − u²). Pairs
// whose gradient is 0 are passed over: what they would multiply may be NaN.
static inline void additive_backward_direct(float *dq, int64_t dq_stride, float *dk, int64_t dk_stride,
                                            float *dv, const float *dscores, int64_t dscores_stride,
                                            const float *queries, int64_t query_stride, const float *keys,
                                            int64_t key_stride, const float *v, int64_t m, int64_t n,
                                            int64_t H) {
    for (int64_t t = 0; t < m; t++)
        for (int64_t i = 0; i < n; i++) {
            float g = dscores[t * dscores_stride + i];
            if (g == 0) continue;
            for (int64_t h = 0; h < H; h += CK_LANES) {
                int64_t count = H - h;
                float *to_q = dq + t * dq_stride + h, *to_k = dk + i * dk_stride + h;
                vf q = vf_load_first(queries + t * query_stride + h, count);
                vf u = vf_tanh(q + vf_load_first(keys + i * key_stride + h, count));
                vf w = vf_set(g) * vf_load_first(v + h, count) * vf_fma(-u, u, vf_set(1.0f));
                vf_store_first(to_q, vf_load_first(to_q, count) + w, count);
                vf_store_first(to_k, vf_load_first(to_k, count) + w, count);
                vf_store_first(dv + h, vf_fma(vf_set(g), u, vf_load_first(dv + h, count)), count);
            }
        }
}
