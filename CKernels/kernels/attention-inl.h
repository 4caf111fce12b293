// What every form of attention shares: which keys a query sees, what becomes of a row of scores, and where
// rows lie.

// Keys first … end − 1.
typedef struct span {
    int64_t first, end;
} span;

CK_INLINE span intersection(span x, span y) {
    span both = {x.first > y.first ? x.first : y.first, x.end < y.end ? x.end : y.end};
    return both.end < both.first ? (span){both.first, both.first} : both;
}
CK_INLINE bool is_empty(span x) { return x.first >= x.end; }

CK_INLINE int64_t offset_of(ck_strides s, const int64_t *starts, int64_t b, int64_t head, int64_t row) {
    return (starts ? starts[b] * s.row : b * s.batch) + head * s.head + row * s.row;
}
CK_INLINE int64_t keys_of(const ck_attention *a, int64_t b) {
    return a->key_starts ? a->key_starts[b + 1] - a->key_starts[b] : a->Tk;
}
CK_INLINE int64_t key_head_of(const ck_attention *a, int64_t head) {
    return head / (a->heads / a->key_heads);
}

// A query's place in arrays [B, heads, Tq].
CK_INLINE int64_t row_of(const ck_attention *a, int64_t b, int64_t head, int64_t t) {
    return (b * a->heads + head) * a->Tq + t;
}

// The keys that lengths and windows leave to query t: for all heads alike, and ascending with t, unless there
// are centres.
static span keys_within(const ck_attention *a, int64_t b, int64_t head, int64_t t) {
    span keys = {0, keys_of(a, b)};
    if (a->lengths) keys.end = ck_min(keys.end, a->lengths[b]);
    if (a->centres) {
        double p = a->centres[row_of(a, b, head, t)];
        if (isnan(p)) return keys; // which shows in the Gaussian
        double end = (double)keys.end;
        double first = p - (double)a->left, last = p + (double)a->right;
        if (a->left >= 0 && first > 0) keys.first = (int64_t)ceil(first < end ? first : end);
        if (a->right >= 0 && last < end - 1) keys.end = last < 0 ? 0 : (int64_t)floor(last) + 1;
    } else {
        int64_t p = t + (a->offsets ? a->offsets[b] : a->offset);
        if (a->left >= 0 && p - a->left > 0) keys.first = p - a->left;
        if (a->right >= 0) keys.end = ck_min(keys.end, p + a->right + 1);
    }
    return is_empty(keys) ? (span){0, 0} : keys;
}

// All that queries first … first + count − 1 see, of a call without centres.
CK_INLINE span keys_of_rows(const ck_attention *a, int64_t b, int64_t first, int64_t count) {
    // Rows before the window reaches the keys, or past it, see nothing.
    span all = {INT64_MAX, 0};
    span low = keys_within(a, b, 0, first), high = keys_within(a, b, 0, first + count - 1);
    if (!is_empty(low) && !is_empty(high)) return (span){low.first, high.end};
    for (int64_t t = first; t < first + count; t++) {
        span keys = keys_within(a, b, 0, t);
        if (is_empty(keys)) continue;
        all.first = ck_min(all.first, keys.first);
        all.end = keys.end > all.end ? keys.end : all.end;
    }
    return all.end == 0 ? (span){0, 0} : all;
}

// A row of scores s of keys first … first + n − 1, scaled: softcap, bias and masks, −∞ where t does not
// attend. What stands behind s up to a whole vector becomes −∞ too.
static void shape_scores(float *s, const ck_attention *a, int64_t b, int64_t head, int64_t t, int64_t first,
                         int64_t n, span keys) {
    const vf nothing = vf_set(-__builtin_inff());
    if (a->softcap > 0) {
        vf cap = vf_set(a->softcap), inverse = vf_set(1 / a->softcap);
        for (int64_t i = 0; i < n; i += CK_LANES) vf_store(s + i, cap * vf_tanh(vf_load(s + i) * inverse));
    }
    if (a->bias) {
        const float *bias = a->bias + offset_of(a->bias_strides, NULL, b, head, t) + first;
        for (int64_t i = 0; i < n; i += CK_LANES) {
            vf added = vf_load_first(bias + i, n - i);
            vf_store(s + i, added == nothing ? nothing : vf_load(s + i) + added);
        }
    }
    if (a->mask) {
        const uint8_t *mask = a->mask + offset_of(a->mask_strides, NULL, b, head, t) + first;
        for (int64_t i = 0; i < n; i += CK_LANES)
            vf_store(s + i, vi_load_first_bytes(mask + i, n - i) != 0 ? vf_load(s + i) : nothing);
    }
    int64_t before = ck_min(keys.first - first, n), after = keys.end - first > 0 ? keys.end - first : 0;
    for (int64_t i = 0; i < before; i++) s[i] = -__builtin_inff();
    for (int64_t i = ck_min(after, n); i < ck_whole(n, CK_LANES); i++) s[i] = -__builtin_inff();
}

// The largest of a row of scores, padded with −∞ to whole vectors, and of `so_far`; NaN is passed over.
CK_INLINE float largest_score(const float *s, int64_t n, float so_far) {
    vf top = vf_set(so_far);
    for (int64_t i = 0; i < n; i += CK_LANES) top = vf_max(vf_load(s + i), top);
    return vf_maximum(top);
}

// s becomes exp(s − largest), whose sum is returned; −∞ is largest where nothing is attended to.
CK_INLINE float exponentials(float *s, int64_t n, float largest) {
    vf sum = vf_set(0), shift = vf_set(largest == -__builtin_inff() ? 0 : largest);
    for (int64_t i = 0; i < n; i += CK_LANES) {
        vf e = vf_exp_nonpositive(vf_load(s + i) - shift);
        vf_store(s + i, e);
        sum += e;
    }
    return vf_sum(sum);
}

// s becomes the weights exp(s − largest) / sum of statistics that are complete: 0 where masked, though the
// sum be NaN.
CK_INLINE void weights_of_scores(float *s, int64_t n, const float *statistics) {
    vf inverse = vf_set(statistics[1] == 0 ? 0 : 1 / statistics[1]);
    vf shift = vf_set(statistics[1] == 0 ? 0 : statistics[0]);
    const vf nothing = vf_set(-__builtin_inff());
    for (int64_t i = 0; i < n; i += CK_LANES) {
        vf score = vf_load_first(s + i, n - i), weight = vf_exp_nonpositive(score - shift) * inverse;
        vf_store_first(s + i, score == nothing ? vf_set(0) : weight, n - i);
    }
}

CK_INLINE bool has_factors(const ck_attention *a) { return a->centres || a->dropout > 0; }

// exp(−(i − p)² / 2σ²) of Luong, Pham, Manning 2015, equation 10, of keys first … first + n − 1.
static void gaussian(float *f, const ck_attention *a, float centre, int64_t first, int64_t n) {
    vf p = vf_set(centre - (float)first), rate = vf_set(-0.5f / (a->deviation * a->deviation));
    for (int64_t i = 0; i < n; i += CK_LANES) {
        vf d = __builtin_convertvector(vu_iota() + (uint32_t)i, vf) - p;
        vf_store(f + i, vf_exp_nonpositive(d * d * rate));
    }
}

// The next number of SplitMix64 (Steele, Lea, Flood 2014), `step` steps from z.
CK_INLINE uint64_t split_mix(uint64_t z, int64_t step) {
    z += 0x9e3779b97f4a7c15u * (uint64_t)(step + 1);
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
}

// Multiplies f with 0 or 1 / (1 − rate), by a hash of the seed and the place (b, head, t, i).
static void drop(float *f, const ck_attention *a, int64_t b, int64_t head, int64_t t, int64_t first,
                 int64_t n) {
    const uint64_t z = split_mix(split_mix(split_mix(a->seed, b), head), t);
    const vu low = (vu)((uint32_t)z), high = (vu)((uint32_t)(z >> 32));
    const vu threshold = (vu)((uint32_t)((double)a->dropout * 4294967296.0));
    const vf keep = vf_set(1.0f / (1.0f - a->dropout));
    for (int64_t i = 0; i < n; i += CK_LANES) {
        vu random = mix(mix(((vu)((uint32_t)(first + i)) + vu_iota()) ^ low) + high);
        vf_store(f + i, random >= threshold ? vf_load(f + i) * keep : vf_set(0.0f));
    }
}

// Rows without width may have no array.
CK_INLINE void clear_row(float *row, int64_t width) {
    if (width > 0) memset(row, 0, (size_t)width * sizeof(float));
}

// What the weights of keys first … first + n − 1 are multiplied with after the softmax; f is padded to whole
// vectors.
static void weight_factors(float *f, const ck_attention *a, int64_t b, int64_t head, int64_t t, int64_t first,
                           int64_t n) {
    if (a->centres)
        gaussian(f, a, a->centres[row_of(a, b, head, t)], first, n);
    else
        for (int64_t i = 0; i < n; i += CK_LANES) vf_store(f + i, vf_set(1));
    if (a->dropout > 0) drop(f, a, b, head, t, first, n);
}

CK_INLINE void multiply_row(float *y, const float *f, int64_t n) {
    for (int64_t i = 0; i < n; i += CK_LANES) vf_store(y + i, vf_load(y + i) * vf_load(f + i));
}

// Query rows t … t + count − 1 end: context over the sum, and the alignment, whose rows hold shaped scores,
// becomes weights.
static void attention_finish_rows(const ck_attention_call *call, int64_t b, int64_t head, int64_t t,
                                  int64_t count, const float *statistics, float *scratch) {
    const ck_attention *a = call->a;
    for (int64_t end = t + count; t < end; t++, statistics += 2) {
        float *context = call->context + offset_of(a->context, a->query_starts, b, head, t);
        if (statistics[1] == 0)
            clear_row(context, a->D);
        else
            row_scale(context, context, 1 / statistics[1], a->D);
        if (!call->alignment) continue;
        float *alignment = call->alignment + row_of(a, b, head, t) * a->Tk;
        span keys = keys_within(a, b, head, t);
        int64_t n = keys.end - keys.first;
        memset(alignment, 0, (size_t)keys.first * sizeof(float));
        memset(alignment + keys.end, 0, (size_t)(a->Tk - keys.end) * sizeof(float));
        weights_of_scores(alignment + keys.first, n, statistics);
        if (!a->centres) continue;
        gaussian(scratch, a, a->centres[row_of(a, b, head, t)], keys.first, n);
        for (int64_t i = keys.first; i < keys.end; i++)
            if (alignment[i] != 0) alignment[i] *= scratch[i - keys.first];
    }
}

// From weights p, their factors f (or null) and dα in dp, all of n keys padded to whole vectors: dp becomes
// the gradient of the shaped scores p (f dα − δ), p what the values are weighted with. A weight of 0 has
// none, whatever its dα.
CK_INLINE void weights_backward(float *dp, float *p, const float *f, float delta, int64_t n) {
    vf d = vf_set(delta);
    for (int64_t i = 0; i < n; i += CK_LANES) {
        vf weight = vf_load(p + i), dweight = vf_load(dp + i);
        if (f) {
            vf factor = vf_load(f + i);
            dweight = factor == 0 ? factor : factor * dweight;
            vf_store(p + i, weight == 0 ? weight : weight * factor);
        }
        vf_store(dp + i, weight == 0 ? weight : weight * (dweight - d));
    }
}

// Gradient of the shaped scores, in ds, to that of the raw scores: out to the bias's gradient, back through
// softcap, whose derivative is 1 − (capped / softcap)², kept in `slope` (or null), and through the scale. The
// slope of a masked score may be NaN.
CK_INLINE void scores_backward(float *ds, const ck_attention_call *call, const float *slope, int64_t b,
                               int64_t head, int64_t t, int64_t first, int64_t n) {
    const ck_attention *a = call->a;
    if (call->d->bias)
        memcpy(call->d->bias + row_of(a, b, head, t) * a->Tk + first, ds, (size_t)n * sizeof(float));
    vf scale = vf_set(a->v ? 1 : a->scale);
    for (int64_t i = 0; i < n; i += CK_LANES) {
        vf d = vf_load(ds + i) * scale;
        if (slope) d = d == 0 ? d : d * vf_load(slope + i);
        vf_store(ds + i, d);
    }
}

// 1 − tanh²(s / softcap) of scores before the cap.
static void softcap_slopes(float *slope, const float *s, float softcap, int64_t n) {
    for (int64_t i = 0; i < n; i += CK_LANES) {
        vf u = vf_tanh(vf_load(s + i) * vf_set(1 / softcap));
        vf_store(slope + i, vf_fma(-u, u, vf_set(1)));
    }
}
