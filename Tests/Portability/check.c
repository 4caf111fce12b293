// Holds every instruction set of this build against the scalar one, through the public functions, on random
// shapes.
//
// Prints a line a family and set; exits with 1 where one differs. It says that a set computes the right thing
// on this target; how exact it is, and what its contracts promise besides, is what the Swift tests measure.
#include <math.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "CKernels.h"

// Of the largest number of an output: the sets differ by the order of sums of up to some hundred terms, by
// fused multiply-adds, and by what exp and tanh make of that: some hundred roundings of 6e-8.
#define TOLERANCE 2e-5

enum { SHAPES = 60, OUTPUTS = 10, MARGIN = 16 };

// MARK: Random data

static uint64_t state;

static uint64_t next(void) { // SplitMix64
    uint64_t z = state += 0x9e3779b97f4a7c15u;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
}

// 0 … limit, the small ones and those around whole vectors more often.
static int64_t size(int64_t limit) {
    int64_t vectors = (int64_t)(1 + next() % 5) * 16 - 1 + (int64_t)(next() % 3);
    int64_t n = next() % 3 == 0 ? (int64_t)(next() % 6) : next() % 2 ? vectors : (int64_t)(next() % 70);
    return n < limit ? n : limit;
}

static void *allocate(int64_t bytes) {
    void *memory = malloc(bytes > 0 ? (size_t)bytes : 1);
    if (!memory) exit(2);
    return memory;
}

static float *floats(int64_t count, float spread) {
    float *x = allocate(count * (int64_t)sizeof(float));
    for (int64_t i = 0; i < count; i++) x[i] = spread * ((float)(next() >> 40) * 0x1p-23f - 1);
    return x;
}

static int32_t *integers(int64_t count, int64_t low, int64_t high) {
    int32_t *x = allocate(count * (int64_t)sizeof(int32_t));
    for (int64_t i = 0; i < count; i++)
        x[i] = (int32_t)(low + (int64_t)(next() % (uint64_t)(high - low + 1)));
    return x;
}

// MARK: A run of a family: outputs, kept for comparison; inputs, freed with them

typedef struct run {
    float *output[OUTPUTS];
    int64_t count[OUTPUTS];
    int outputs;
    void *input[24];
    int inputs;
    bool failed;
} run;

static void *keep(run *r, void *memory) { return r->input[r->inputs++] = memory; }
static float *input(run *r, int64_t count, float spread) { return keep(r, floats(count, spread)); }

// Holds random numbers at first, for what accumulates, and a margin that no kernel may touch.
static float *output(run *r, int64_t count) {
    float *y = floats(count + MARGIN, 1);
    for (int i = 0; i < MARGIN; i++) y[count + i] = 12345;
    r->output[r->outputs] = y;
    r->count[r->outputs++] = count;
    return y;
}

static void require(run *r, ck_status status) {
    if (status == CK_OK) return;
    fprintf(stderr, "%s\n", ck_status_message(status));
    r->failed = true;
}

static const struct packing {
    int64_t (*count)(int64_t K, int64_t N, int64_t groups);
    ck_status (*pack)(float *packed, ck_matrix b, int64_t K, int64_t N, int64_t groups);
} packings[] = {{ck_packed_count_f32, ck_pack_f32},
                {ck_packed_count_bf16, ck_pack_bf16},
                {ck_packed_count_int8, ck_pack_int8}};

static float *packed_as(run *r, struct packing packing, ck_matrix b, int64_t K, int64_t N, int64_t groups) {
    int64_t count = packing.count(K, N, groups);
    float *panels = keep(r, allocate(count * (int64_t)sizeof(float)));
    require(r, packing.pack(panels, b, K, N, groups));
    return panels;
}
static float *packed(run *r, ck_matrix b, int64_t K, int64_t N, int64_t groups) {
    return packed_as(r, packings[0], b, K, N, groups);
}

static void free_run(run *r) {
    for (int i = 0; i < r->outputs; i++) free(r->output[i]);
    for (int i = 0; i < r->inputs; i++) free(r->input[i]);
}

// MARK: The families; each draws its sizes and data, the same for every set

static void elementwise(run *r) {
    int64_t n = size(1000);
    float *x = input(r, n, 12), *y = input(r, n, 1);
    require(r, ck_exp_f32(output(r, n), x, n));
    require(r, ck_tanh_f32(output(r, n), x, n));
    require(r, ck_sigmoid_f32(output(r, n), x, n));
    require(r, ck_tanh_backward_f32(output(r, n), x, y, n));
    require(r, ck_maxout_f32(output(r, n / 2), x, n / 2));
    require(r, ck_maxout_backward_f32(output(r, n), y, x, n / 2));
    require(r, ck_add_f32(output(r, n), x, n));
    require(r, ck_dropout_f32(output(r, n), x, 0.3f, next(), next(), n));
}

static void optimizer(run *r) {
    int64_t n = size(1000);
    float *g = input(r, n, 2), *p = output(r, n), *m = output(r, n), *v = output(r, n);
    for (int64_t i = 0; i < n; i++) v[i] = fabsf(v[i]) + 0.01f;
    require(r, ck_adam_f32(p, m, v, g, 0.5f, 0.01f, 0.9f, 0.999f, 1e-8f, 0.1f, 3, n));
    require(r, ck_sgd_f32(p, m, g, 0.5f, 0.01f, 0.9f, 0.1f, n));
    for (int64_t i = 0; i < n; i++) m[i] = fabsf(m[i]);
    require(r, ck_adadelta_f32(p, v, m, g, 0.5f, 1, 0.95f, 1e-6f, 0.1f, n));
    require(r, ck_lerp_f32(v, p, 0.3f, n));
    double sum = 0;
    require(r, ck_sum_squares_f32(&sum, g, n));
    output(r, 1)[0] = (float)sum;
}

static void softmax(run *r) {
    int64_t N = size(40), columns = size(100);
    float *x = input(r, N * columns, 9), *dy = input(r, N * columns, 1);
    int32_t *lengths = next() % 2 ? keep(r, integers(N, 0, columns)) : NULL;
    float *y = output(r, N * columns), *logs = output(r, N * columns);
    require(r, ck_softmax_f32(y, x, lengths, N, columns));
    require(r, ck_log_softmax_f32(logs, x, N, columns));
    require(r, ck_softmax_backward_f32(output(r, N * columns), dy, y, lengths, N, columns));
    require(r, ck_log_softmax_backward_f32(output(r, N * columns), dy, logs, N, columns));
}

static void layer_norm(run *r) {
    int64_t N = size(70), columns = size(150), stride = columns + 2;
    float *x = input(r, N * stride, 3), *residual = next() % 2 ? input(r, N * stride, 1) : NULL;
    float *gain = input(r, columns, 1), *bias = input(r, columns, 1), *dy = input(r, N * stride, 1);
    float *sum = output(r, N * stride), *mean = output(r, N), *inverse = output(r, N);
    require(r, ck_layer_norm_forward_f32(output(r, N * stride), stride, sum, stride, mean, inverse, x, stride,
                                         residual, stride, gain, bias, 0.1f, N, columns));
    require(r, ck_layer_norm_backward_f32(output(r, N * stride), stride, output(r, columns),
                                          output(r, columns), dy, stride, residual, stride, sum, stride, mean,
                                          inverse, gain, N, columns));
}

static void matmul(run *r) {
    bool deep = next() % 8 == 0; // across the edges of the blocks
    int64_t M = deep ? 100 : size(40), N = deep ? 270 : size(150), K = deep ? 300 : size(70);
    int64_t stride = N + (int64_t)(next() % 3);
    float *a = input(r, M * K, 1), *b = input(r, K * N, 1), *bias = next() % 2 ? input(r, N, 1) : NULL;
    ck_matrix left = next() % 2 ? (ck_matrix){a, K, 1} : (ck_matrix){a, 1, M};
    ck_matrix right = next() % 2 ? (ck_matrix){b, N, 1} : (ck_matrix){b, 1, K};
    int flags = (int)(next() % 4);
    require(r, ck_matmul_f32(output(r, M * stride), stride, left, right, bias, flags, M, N, K));
    for (int i = 0; i < 3; i++)
        require(r, ck_matmul_packed_f32(output(r, M * stride), stride, left,
                                        packed_as(r, packings[i], right, K, N, 1), bias, flags, M, N, K));
}

static void batched_matmul(run *r) {
    int64_t batch = 1 + size(5), M = size(40), N = size(70), K = size(70);
    float *a = input(r, batch * M * K, 1), *b = input(r, batch * K * N, 1), *bias = input(r, N, 1);
    bool side_by_side = next() % 2, shared = next() % 2; // rows of c, and b
    ck_matrix left = next() % 2 ? (ck_matrix){a, K, 1} : (ck_matrix){a, 1, M};
    ck_matrix right = next() % 2 ? (ck_matrix){b, N, 1} : (ck_matrix){b, 1, K};
    require(r, ck_matmul_batched_f32(output(r, batch * M * N), side_by_side ? N : M * N,
                                     side_by_side ? batch * N : N, left, M * K, right, shared ? 0 : K * N,
                                     bias, (int)(next() % 4), batch, M, N, K));
}

static void rows(run *r) {
    int64_t N = size(50), columns = size(150), table_rows = 1 + size(20), stride = columns + 2;
    float *table = input(r, table_rows * stride, 1), *x = input(r, N * stride, 1);
    int32_t *index = keep(r, integers(N, -1, table_rows - 1));
    require(r,
            ck_gather_rows_f32(output(r, N * stride), stride, table, stride, index, N, table_rows, columns));
    require(r, ck_scatter_add_rows_f32(output(r, table_rows * stride), stride, x, stride, index, N,
                                       table_rows, columns));
    require(r, ck_sum_rows_f32(output(r, columns), x, stride, N, columns));
}

static ck_strides strides(int64_t heads, int64_t rows, int64_t width) {
    return (ck_strides){heads * rows * width, rows * width, width};
}

// Sentences of 0 … most rows, without padding between them.
static int64_t *draw_starts(run *r, int64_t B, int64_t most) {
    int64_t *starts = keep(r, allocate((B + 1) * (int64_t)sizeof(int64_t)));
    starts[0] = 0;
    for (int64_t b = 0; b < B; b++) starts[b + 1] = starts[b] + (int64_t)(next() % (uint64_t)(most + 1));
    return starts;
}

// Masks, windows, layouts and factors at random, all that fit together.
static ck_attention draw_attention(run *r, bool additive) {
    int64_t group = 1 + (int64_t)(next() % 2), key_heads = 1 + (int64_t)(next() % 2), H = size(70),
            D = size(70);
    int64_t B = size(3), Tq = size(70), Tk = next() % 8 ? size(40) : 600, heads = group * key_heads;
    ck_attention a = {.B = B,
                      .heads = heads,
                      .key_heads = key_heads,
                      .Tq = Tq,
                      .Tk = Tk,
                      .H = H,
                      .D = D,
                      .query = strides(heads, Tq, H),
                      .key = strides(key_heads, Tk, H),
                      .value = strides(key_heads, Tk, D),
                      .context = strides(heads, Tq, D),
                      .left = -1,
                      .right = -1,
                      .scale = 0.5f,
                      .deviation = 2};
    if (additive) a.v = input(r, H, 1);
    if (next() % 2) a.lengths = keep(r, integers(B, 0, Tk));
    if (next() % 3 == 0) a.right = (int64_t)(next() % 5), a.offset = (int64_t)(next() % 7) - 3;
    if (next() % 3 == 0) a.left = (int64_t)(next() % 20);
    if (next() % 4 == 0) {
        float *centres = input(r, B * heads * Tq, (float)Tk / 2);
        for (int64_t i = 0; i < B * heads * Tq; i++) centres[i] += (float)Tk / 2;
        a.centres = centres;
    }
    if (next() % 4 == 0) {
        uint8_t *mask = keep(r, allocate(B * Tq * Tk));
        for (int64_t i = 0; i < B * Tq * Tk; i++) mask[i] = next() % 3 > 0;
        a.mask = mask, a.mask_strides = (ck_strides){Tq * Tk, 0, Tk};
    }
    if (next() % 4 == 0) a.bias = input(r, heads * Tq * Tk, 1), a.bias_strides = (ck_strides){0, Tq * Tk, Tk};
    if (next() % 4 == 0) { // heads side by side
        a.query_starts = draw_starts(r, B, Tq), a.key_starts = draw_starts(r, B, Tk);
        a.query = (ck_strides){0, H, heads * H}, a.context = (ck_strides){0, D, heads * D};
        a.key = (ck_strides){0, H, key_heads * H}, a.value = (ck_strides){0, D, key_heads * D};
    }
    if (next() % 4 == 0) a.softcap = 3;
    if (next() % 4 == 0) a.dropout = 0.2f, a.seed = next();
    return a;
}

// NaN in every row beyond its sentence's length.
static void poison(float *rows, const ck_attention *a, int64_t width) {
    for (int64_t row = 0; row < a->B * a->key_heads * a->Tk; row++)
        if (row % a->Tk >= a->lengths[row / a->Tk / a->key_heads])
            for (int64_t i = 0; i < width; i++) rows[row * width + i] = NAN;
}

static void attention(run *r, bool additive) {
    ck_attention a = draw_attention(r, additive);
    int64_t rows = a.B * a.heads * a.Tq, key_rows = a.B * a.key_heads * a.Tk;
    float *queries = input(r, rows * a.H, 1), *keys = input(r, key_rows * a.H, 1);
    float *values = input(r, key_rows * a.D, 1), *dcontext = input(r, rows * a.D, 1);
    const bool poisoned = a.lengths && !a.key_starts && next() % 2;
    if (poisoned) poison(keys, &a, a.H), poison(values, &a, a.D);
    float *statistics = keep(r, floats(2 * rows, 1));
    float *context = output(r, rows * a.D), *alignment = next() % 2 ? output(r, rows * a.Tk) : NULL;
    require(r, ck_attention_forward_f32(context, alignment, statistics, queries, keys, values, &a));
    ck_attention_gradients d = {.queries = output(r, rows * a.H),
                                .keys = output(r, key_rows * a.H),
                                .values = output(r, key_rows * a.D)};
    if (additive) d.v = output(r, a.H);
    d.bias = a.bias ? output(r, rows * a.Tk) : NULL;
    d.centres = a.centres ? output(r, rows) : NULL;
    require(r, ck_attention_backward_f32(&d, dcontext, context, statistics, alignment, queries, keys, values,
                                         (int)(next() % 2) * CK_ACCUMULATE, &a));
    if (!poisoned)
        require(r, ck_attention_scores_f32(output(r, rows * a.Tk), CK_SCORES_CAPPED, queries, keys, &a));
}

static void dot_attention(run *r) { attention(r, false); }
static void additive_attention(run *r) { attention(r, true); }

// Falling counts, and their sum.
static int32_t *draw_counts(run *r, int64_t *T, int64_t *N) {
    *T = size(6);
    int32_t *counts = keep(r, allocate(*T * (int64_t)sizeof(int32_t)));
    int64_t running = size(12);
    *N = 0;
    for (int64_t t = 0; t < *T; t++) {
        counts[t] = (int32_t)running;
        *N += running;
        running -= (int64_t)(next() % 3);
        if (running < 0) running = 0;
    }
    return counts;
}

static void lstm(run *r) {
    int64_t T, N, H = size(70), G = 4 * H;
    int32_t *counts = draw_counts(r, &T, &N);
    int64_t first = T > 0 ? counts[0] : 0;
    float *R = input(r, G * H, 0.3f), *h0 = input(r, first * H, 1), *c0 = input(r, first * H, 1);
    float *transposed = packed(r, (ck_matrix){R, 1, H}, H, G, 4),
          *straight = packed(r, (ck_matrix){R, H, 1}, G, H, 1);
    float *h = output(r, N * H), *c = output(r, N * H), *gates = output(r, N * G);
    require(r, ck_lstm_forward_f32(h, c, gates, h0, c0, transposed, counts, T, H));
    float *dh = next() % 2 ? input(r, N * H, 1) : NULL;
    float *dgates = output(r, N * G), *state_h = output(r, first * H), *state_c = output(r, first * H);
    require(r, ck_lstm_backward_f32(dgates, state_h, state_c, dh, gates, c, c0, straight, counts, T, H));
}

static void gru(run *r) {
    int64_t T, N, H = size(70), G = 3 * H;
    int32_t *counts = draw_counts(r, &T, &N);
    int64_t first = T > 0 ? counts[0] : 0;
    float *R = input(r, G * H, 0.3f), *bias = input(r, G, 1), *h0 = input(r, first * H, 1);
    float *transposed = packed(r, (ck_matrix){R, 1, H}, H, G, 3),
          *straight = packed(r, (ck_matrix){R, H, 1}, G, H, 1);
    float *h = output(r, N * H), *reset_input = output(r, N * H), *gates = output(r, N * G);
    require(r, ck_gru_forward_f32(h, reset_input, gates, h0, transposed, bias, counts, T, H));
    float *dh = next() % 2 ? input(r, N * H, 1) : NULL;
    float *dgates = output(r, N * G), *drecurrent = output(r, N * G), *state = output(r, first * H);
    require(r, ck_gru_backward_f32(dgates, drecurrent, state, dh, gates, reset_input, h, h0, straight, counts,
                                   T, H));
}

static void reset_gru(run *r) {
    int64_t T, N, H = size(70), G = 3 * H;
    int32_t *counts = draw_counts(r, &T, &N);
    int64_t first = T > 0 ? counts[0] : 0;
    float *R = input(r, 2 * H * H, 0.3f), *U = input(r, H * H, 0.3f), *h0 = input(r, first * H, 1);
    float *h = output(r, N * H), *reset_state = output(r, N * H), *gates = output(r, N * G);
    require(r,
            ck_reset_gru_forward_f32(h, reset_state, gates, h0, packed(r, (ck_matrix){R, 1, H}, H, 2 * H, 2),
                                     packed(r, (ck_matrix){U, 1, H}, H, H, 1), counts, T, H));
    float *dh = next() % 2 ? input(r, N * H, 1) : NULL;
    float *dgates = output(r, N * G), *state = output(r, first * H);
    require(r, ck_reset_gru_backward_f32(dgates, state, dh, gates, h, h0,
                                         packed(r, (ck_matrix){R, H, 1}, 2 * H, H, 1),
                                         packed(r, (ck_matrix){U, H, 1}, H, H, 1), counts, T, H));
}

static void rnn(run *r) {
    int64_t T, N, H = size(70);
    int32_t *counts = draw_counts(r, &T, &N);
    int64_t first = T > 0 ? counts[0] : 0;
    float *R = input(r, H * H, 0.3f), *h0 = input(r, first * H, 1);
    float *h = output(r, N * H), *gates = input(r, N * H, 1);
    require(r, ck_rnn_forward_f32(h, gates, h0, packed(r, (ck_matrix){R, 1, H}, H, H, 1), counts, T, H));
    float *dh = next() % 2 ? input(r, N * H, 1) : NULL;
    float *dgates = output(r, N * H), *state = output(r, first * H);
    require(
        r, ck_rnn_backward_f32(dgates, state, dh, h, packed(r, (ck_matrix){R, H, 1}, H, H, 1), counts, T, H));
}

static void loss(run *r) {
    int64_t N = size(20), V = 1 + size(150), H = size(70);
    float *x = input(r, N * H, 1), *W = input(r, V * H, 1), *b = input(r, V, 1);
    int32_t *targets = keep(r, integers(N, -1, V - 1));
    float *losses = output(r, N), *dx = output(r, N * H), *dW = output(r, V * H), *db = output(r, V);
    require(r, ck_projected_cross_entropy_f32(losses, dx, dW, db, x, W, b, targets, 0.5f,
                                              next() % 2 ? 0.1f : 0, N, V, H));
    // No margin of the logits decides between tokens here, so only the numbers are compared.
    int64_t k = 1 + size(V < 8 ? V - 1 : 7);
    int32_t *tokens = keep(r, integers(N * k, 0, 0));
    float *top = output(r, N * k);
    require(r,
            ck_projected_top_k_f32(top, tokens, x, packed(r, (ck_matrix){W, 1, H}, H, V, 1), b, N, V, H, k));
}

static const struct {
    const char *name;
    void (*draw)(run *r);
} families[] = {
    {"elementwise", elementwise},
    {"optimizer", optimizer},
    {"softmax", softmax},
    {"layer normalisation", layer_norm},
    {"matmul", matmul},
    {"batched matmul", batched_matmul},
    {"rows", rows},
    {"dot attention", dot_attention},
    {"additive attention", additive_attention},
    {"lstm", lstm},
    {"gru", gru},
    {"GRU that resets before", reset_gru},
    {"plain recurrence", rnn},
    {"cross entropy", loss},
};

// MARK: Comparing

static run run_under(const char *set, void (*draw)(run *r), uint64_t seed) {
    run r = {.failed = false};
    state = seed;
    require(&r, ck_select_isa(set));
    draw(&r);
    return r;
}

// The largest difference of an output, as a part of its largest number; infinite where one is NaN or
// infinite.
static double difference(const run *a, const run *b, int i) {
    double largest = 1e-30, worst = 0;
    for (int64_t j = 0; j < a->count[i]; j++) {
        if (!isfinite(a->output[i][j]) || !isfinite(b->output[i][j])) return INFINITY;
        largest = fmax(largest, fabs((double)b->output[i][j]));
        worst = fmax(worst, fabs((double)a->output[i][j] - (double)b->output[i][j]));
    }
    for (int j = 0; j < MARGIN; j++)
        if (a->output[i][a->count[i] + j] != 12345) return INFINITY;
    return worst / largest;
}

static bool check_family(const char *set, const char *name, void (*draw)(run *r)) {
    double worst = 0;
    int64_t numbers = 0;
    bool failed = false;
    for (uint64_t shape = 0; shape < SHAPES; shape++) {
        run result = run_under(set, draw, shape), scalar = run_under("scalar", draw, shape);
        failed |= result.failed || scalar.failed;
        for (int i = 0; i < scalar.outputs; i++) {
            worst = fmax(worst, difference(&result, &scalar, i));
            numbers += scalar.count[i];
        }
        free_run(&result);
        free_run(&scalar);
    }
    failed |= !(worst <= TOLERANCE) || numbers == 0;
    printf("  %-10s %-22s %2d shapes, %8lld numbers, largest difference %.1e of %.0e%s\n", set, name, SHAPES,
           (long long)numbers, worst, TOLERANCE, failed ? "  FAILED" : "");
    return !failed;
}

// Arguments: the sets that this build must have.
int main(int count, char **arguments) {
    bool passed = true;
    for (int i = 1; i < count; i++)
        for (size_t family = 0; family < sizeof families / sizeof families[0]; family++)
            passed &= check_family(arguments[i], families[family].name, families[family].draw);
    return passed && count > 1 ? 0 : 1;
}
