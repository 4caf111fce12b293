// Recurrent layers over ragged sequences. A sequence is one parallel region: its threads go through the steps
// together, and each step is one or two stages.
//
// A stage is a product with a packed matrix and the cells that follow it, cut into tasks of some units: a
// task multiplies the columns of its units in every gate and runs their cells while the sums are in cache.
// Backward the cells of the step before follow the product that makes their gradient.
#include "matmul.h"

enum { CELL_COST = 64 }; // multiply-adds that one unit's gates are worth

// The units of a task: a multiple of every nr; fewer where there are several groups.
static int64_t task_units(int64_t groups) { return groups == 1 ? 128 : 64; }

typedef struct layer layer;

// Some cells: units of some rows of step t. The first of them lies `in_step` floats into a state [rows of the
// step, H], `at` into an array of all rows [N, H], and `gate` into the gates [N, gates · H].
typedef struct place {
    int64_t t, in_step, at, gate, rows, units;
} place;

typedef void cells(const layer *l, const place *p);

// A product [rows, K] · packed, whose groups of H columns go to places of their own.
typedef struct stage {
    ck_matrix left;
    const float *packed;
    int64_t rows, groups;
    struct {
        float *sum;
        int64_t stride;
        const float *bias;
        int flags;
    } to[4];
    cells *cells; // null for none
    int64_t t, cell_rows;
} stage;

// The arguments of an operation; what it does not have is null.
struct layer {
    const ck_kernels *kernels;
    const int32_t *counts;
    int64_t T, H, gates;
    const int64_t *first; // of every step, its first row
    float *h, *c, *gate, *inner, *dgate, *drecurrent, *dstate_h, *dstate_c;
    const float *h0, *c0, *dh, *recurrent, *recurrent_new, *bias;
    float *dreset; // scratch [counts[0], H]
};

static layer layer_of(const int32_t *counts, int64_t T, int64_t H, int64_t gates, const float *recurrent) {
    return (layer){.counts = counts, .T = T, .H = H, .gates = gates, .recurrent = recurrent};
}

static const float *before(const layer *l, const float *states, const float *initial, int64_t t) {
    return t > 0 ? states + l->first[t - 1] * l->H : initial;
}
static const float *output_gradient(const layer *l, int64_t at) { return l->dh ? l->dh + at : NULL; }

typedef struct team {
    float *left;
    ck_counter packing, computing;
} team;

static void run_task(const layer *l, const stage *s, const team *team, int64_t row_block, int64_t unit) {
    int64_t units = ck_min(task_units(s->groups), l->H - unit), row = row_block * ROWS;
    if (row < s->rows)
        for (int64_t g = 0; g < s->groups; g++)
            ck_multiply_block(s->to[g].sum + row * s->to[g].stride + unit, s->to[g].stride, team->left,
                              s->rows, row_block, s->packed, g, unit, units,
                              s->to[g].bias ? s->to[g].bias + unit : NULL, s->to[g].flags);
    int64_t rows = ck_min(ROWS, s->cell_rows - row);
    if (!s->cells || rows <= 0) return;
    const int64_t in_step = row * l->H + unit, first = l->first[s->t];
    const place p = {s->t, in_step, first * l->H + in_step, (first + row) * l->gates * l->H + unit,
                     rows, units};
    s->cells(l, &p);
}

// Every thread of the region calls this with the same stage. A counter is set back where nobody asks it.
static void run_stage(const layer *l, const stage *s, team *team) {
    for (int64_t task; (task = ck_next(&team->packing)) < ck_left_tasks(s->packed, s->rows);)
        ck_pack_left(team->left, s->left, s->rows, s->packed, task);
#pragma omp barrier
#pragma omp master
    team->packing = 0;
    int64_t rows = s->cells && s->cell_rows > s->rows ? s->cell_rows : s->rows;
    int64_t row_blocks = ck_blocks(rows, ROWS);
    for (int64_t task;
         (task = ck_next(&team->computing)) < row_blocks * ck_blocks(l->H, task_units(s->groups));)
        run_task(l, s, team, task % row_blocks, task / row_blocks * task_units(s->groups));
#pragma omp barrier
#pragma omp master
    team->computing = 0;
}

// Fills in stage `index` of step t; false where the step has no more. Backward, step T is the cells of the
// last one, which no product comes before.
typedef bool stages(const layer *l, int64_t t, int index, stage *s);

static ck_status run(layer *l, stages *stages, bool backward, int64_t N) {
    if (N == 0 || l->H == 0) return CK_OK;
    int64_t left = ck_left_count(l->recurrent, l->counts[0]);
    if (l->recurrent_new) left = ck_max(left, ck_left_count(l->recurrent_new, l->counts[0]));
    int64_t *first = (int64_t *)ck_scratch_take(2 * l->T);
    CK_REQUIRE(first, CK_NO_MEMORY);
    for (int64_t t = 0, row = 0; t < l->T; row += l->counts[t++]) first[t] = row;
    l->first = first;
    team team = {ck_scratch_take(left + l->counts[0] * l->H), 0, 0};
    if (!team.left) ck_scratch_return();
    CK_REQUIRE(team.left, CK_NO_MEMORY);
    l->dreset = team.left + left;
#pragma omp parallel num_threads(ck_threads_for(N * l->H * (l->gates * (l->H + CELL_COST))))
    {
        stage s;
        if (backward && stages(l, l->T, 0, &s)) run_stage(l, &s, &team);
        for (int64_t step = 0; step < l->T; step++) {
            int64_t t = backward ? l->T - 1 - step : step;
            for (int index = 0; stages(l, t, index, &s); index++) run_stage(l, &s, &team);
        }
    }
    ck_scratch_return();
    ck_scratch_return();
    return CK_OK;
}

// The operations' common checks.
static ck_status prepare(layer *l, int64_t *N, int64_t groups_forward, bool backward) {
    CK_SIZES(l->T, l->H);
    CK_ARRAY(l->counts, l->T);
    *N = 0;
    for (int64_t t = 0; t < l->T; t++) {
        CK_REQUIRE(l->counts[t] >= 0 && (t == 0 || l->counts[t] <= l->counts[t - 1]), CK_OUT_OF_RANGE);
        *N += l->counts[t];
    }
    int64_t states = ck_product(*N, l->H), width = groups_forward * l->H;
    CK_REQUIRE(ck_product(states, ck_product(l->gates, l->H + CELL_COST)) >= 0, CK_BAD_SIZE);
    CK_ARRAY(l->h, states);
    CK_ARRAY(l->gate, l->gates * states);
    CK_ARRAY(l->h0, states);
    if (backward) {
        CK_ARRAY(l->dgate, l->gates * states);
        CK_ARRAY(l->dstate_h, states);
    }
    if (l->T == 0) return CK_OK;
    CK_TRY(backward ? ck_check_packed_backward(l->recurrent, width, l->H)
                    : ck_check_packed(l->recurrent, l->H, width, groups_forward));
    l->kernels = ck_packed_kernels(l->recurrent);
    return CK_OK;
}

// The product of h′ with the recurrent matrix, added to the gates.
static void recurrent_product(const layer *l, int64_t t, int64_t groups, stage *s) {
    s->left = (ck_matrix){before(l, l->h, l->h0, t), l->H, 1};
    s->packed = l->recurrent;
    s->rows = s->cell_rows = l->counts[t], s->groups = groups, s->t = t;
    for (int64_t g = 0; g < groups; g++) {
        s->to[g].sum = l->gate + (l->first[t] * l->gates + g) * l->H;
        s->to[g].stride = l->gates * l->H;
        s->to[g].bias = l->bias ? l->bias + g * l->H : NULL;
        s->to[g].flags = CK_ACCUMULATE;
    }
}

// The product of step t's gradients with R: the gradient of h′, or with CK_ACCUMULATE what is missing of it.
// The cells of the step before follow. t = T: those of the last step, after no product.
static void gradient_product(const layer *l, const float *gradients, int flags, cells *cells, int64_t t,
                             stage *s) {
    const bool product = t < l->T;
    s->left = (ck_matrix){product ? gradients + l->first[t] * l->gates * l->H : NULL, l->gates * l->H, 1};
    s->packed = l->recurrent;
    s->rows = product ? l->counts[t] : 0, s->groups = 1;
    s->to[0].sum = l->dstate_h, s->to[0].stride = l->H, s->to[0].bias = NULL, s->to[0].flags = flags;
    s->cells = t > 0 ? cells : NULL, s->t = t - 1, s->cell_rows = t > 0 ? l->counts[t - 1] : 0;
}

// MARK: Plain

static void rnn_cells(const layer *l, const place *p) {
    l->kernels->rnn_cell_forward(l->h + p->at, l->gate + p->at, p->rows, p->units, l->H);
}
static bool rnn_stages(const layer *l, int64_t t, int index, stage *s) {
    recurrent_product(l, t, 1, s);
    s->cells = rnn_cells;
    return index == 0;
}
static void rnn_cells_back(const layer *l, const place *p) {
    l->kernels->rnn_cell_backward(l->dgate + p->at, l->dstate_h + p->in_step, output_gradient(l, p->at),
                                  l->h + p->at, p->rows, p->units, l->H);
}
static bool rnn_stages_back(const layer *l, int64_t t, int index, stage *s) {
    gradient_product(l, l->dgate, 0, rnn_cells_back, t, s);
    return index == 0;
}

ck_status ck_rnn_forward_f32(float *h, float *gates, const float *h0, const float *recurrent,
                             const int32_t *counts, int64_t T, int64_t H) {
    int64_t N;
    layer l = layer_of(counts, T, H, 1, recurrent);
    l.h = h, l.gate = gates, l.h0 = h0;
    CK_TRY(prepare(&l, &N, 1, false));
    return run(&l, rnn_stages, false, N);
}

ck_status ck_rnn_backward_f32(float *dgates, float *dstate_h, const float *dh, const float *h,
                              const float *recurrent, const int32_t *counts, int64_t T, int64_t H) {
    int64_t N;
    // Neither gates nor h0 are read.
    layer l = layer_of(counts, T, H, 1, recurrent);
    l.h = (float *)h, l.gate = (float *)h, l.dgate = dgates, l.dstate_h = dstate_h, l.dh = dh, l.h0 = h;
    CK_TRY(prepare(&l, &N, 1, true));
    return run(&l, rnn_stages_back, true, N);
}

// MARK: LSTM

static void lstm_cells(const layer *l, const place *p) {
    l->kernels->lstm_cell_forward(l->h + p->at, l->c + p->at, l->gate + p->gate,
                                  before(l, l->c, l->c0, p->t) + p->in_step, p->rows, p->units, l->H);
}
static bool lstm_stages(const layer *l, int64_t t, int index, stage *s) {
    recurrent_product(l, t, 4, s);
    s->cells = lstm_cells;
    return index == 0;
}
static void lstm_cells_back(const layer *l, const place *p) {
    l->kernels->lstm_cell_backward(l->dgate + p->gate, l->dstate_c + p->in_step, l->dstate_h + p->in_step,
                                   output_gradient(l, p->at), l->gate + p->gate, l->c + p->at,
                                   before(l, l->c, l->c0, p->t) + p->in_step, p->rows, p->units, l->H);
}
static bool lstm_stages_back(const layer *l, int64_t t, int index, stage *s) {
    gradient_product(l, l->dgate, 0, lstm_cells_back, t, s);
    return index == 0;
}

ck_status ck_lstm_forward_f32(float *h, float *c, float *gates, const float *h0, const float *c0,
                              const float *recurrent, const int32_t *counts, int64_t T, int64_t H) {
    int64_t N;
    layer l = layer_of(counts, T, H, 4, recurrent);
    l.h = h, l.c = c, l.gate = gates, l.h0 = h0, l.c0 = c0;
    CK_TRY(prepare(&l, &N, 4, false));
    CK_ARRAY(c, N * H);
    CK_ARRAY(c0, N * H);
    return run(&l, lstm_stages, false, N);
}

ck_status ck_lstm_backward_f32(float *dgates, float *dstate_h, float *dstate_c, const float *dh,
                               const float *gates, const float *c, const float *c0, const float *recurrent,
                               const int32_t *counts, int64_t T, int64_t H) {
    int64_t N;
    // Neither h nor h0 are read.
    layer l = layer_of(counts, T, H, 4, recurrent);
    l.h = (float *)c, l.h0 = c0, l.c = (float *)c, l.c0 = c0, l.gate = (float *)gates, l.dgate = dgates,
    l.dstate_h = dstate_h, l.dstate_c = dstate_c, l.dh = dh;
    CK_TRY(prepare(&l, &N, 4, true));
    CK_ARRAY(dstate_c, N * H);
    return run(&l, lstm_stages_back, true, N);
}

// MARK: GRU, reset after the product

static void gru_cells(const layer *l, const place *p) {
    l->kernels->gru_cell_forward(l->h + p->at, l->gate + p->gate, l->inner + p->at,
                                 before(l, l->h, l->h0, p->t) + p->in_step, p->rows, p->units, l->H);
}
static bool gru_stages(const layer *l, int64_t t, int index, stage *s) {
    recurrent_product(l, t, 3, s);
    // The new gate's part stays apart until it is reset.
    s->to[2].sum = l->inner + l->first[t] * l->H, s->to[2].stride = l->H, s->to[2].flags = 0;
    s->cells = gru_cells;
    return index == 0;
}
static void gru_cells_back(const layer *l, const place *p) {
    l->kernels->gru_cell_backward(l->dgate + p->gate, l->drecurrent + p->gate, l->dstate_h + p->in_step,
                                  output_gradient(l, p->at), l->gate + p->gate, l->inner + p->at,
                                  before(l, l->h, l->h0, p->t) + p->in_step, p->rows, p->units, l->H);
}
static bool gru_stages_back(const layer *l, int64_t t, int index, stage *s) {
    gradient_product(l, l->drecurrent, CK_ACCUMULATE, gru_cells_back, t, s);
    return index == 0;
}

ck_status ck_gru_forward_f32(float *h, float *reset_input, float *gates, const float *h0,
                             const float *recurrent, const float *recurrent_bias, const int32_t *counts,
                             int64_t T, int64_t H) {
    int64_t N;
    layer l = layer_of(counts, T, H, 3, recurrent);
    l.h = h, l.inner = reset_input, l.gate = gates, l.h0 = h0, l.bias = recurrent_bias;
    CK_TRY(prepare(&l, &N, 3, false));
    CK_ARRAY(reset_input, N * H);
    CK_ARRAY(recurrent_bias, 3 * H);
    return run(&l, gru_stages, false, N);
}

ck_status ck_gru_backward_f32(float *dgates, float *drecurrent, float *dstate_h, const float *dh,
                              const float *gates, const float *reset_input, const float *h, const float *h0,
                              const float *recurrent, const int32_t *counts, int64_t T, int64_t H) {
    int64_t N;
    layer l = layer_of(counts, T, H, 3, recurrent);
    l.h = (float *)h, l.h0 = h0, l.inner = (float *)reset_input, l.gate = (float *)gates, l.dgate = dgates,
    l.drecurrent = drecurrent, l.dstate_h = dstate_h, l.dh = dh;
    CK_TRY(prepare(&l, &N, 3, true));
    CK_ARRAY(drecurrent, 3 * N * H);
    CK_ARRAY(reset_input, N * H);
    return run(&l, gru_stages_back, true, N);
}

// MARK: GRU, reset before the product

static void reset_cells(const layer *l, const place *p) {
    l->kernels->reset_cell_forward(l->inner + p->at, l->gate + p->gate,
                                   before(l, l->h, l->h0, p->t) + p->in_step, p->rows, p->units, l->H);
}
static void update_cells(const layer *l, const place *p) {
    l->kernels->update_cell_forward(l->h + p->at, l->gate + p->gate,
                                    before(l, l->h, l->h0, p->t) + p->in_step, p->rows, p->units, l->H);
}
static bool reset_gru_stages(const layer *l, int64_t t, int index, stage *s) {
    recurrent_product(l, t, 2, s);
    s->cells = reset_cells;
    if (index == 0) return true;
    s->left.data = l->inner + l->first[t] * l->H;
    s->packed = l->recurrent_new;
    s->groups = 1, s->to[0].sum += 2 * l->H;
    s->cells = update_cells;
    return index == 1;
}
static void update_cells_back(const layer *l, const place *p) {
    l->kernels->update_cell_backward(l->dgate + p->gate, l->dstate_h + p->in_step, output_gradient(l, p->at),
                                     l->gate + p->gate, before(l, l->h, l->h0, p->t) + p->in_step, p->rows,
                                     p->units, l->H);
}
static void reset_cells_back(const layer *l, const place *p) {
    l->kernels->reset_cell_backward(l->dgate + p->gate, l->dstate_h + p->in_step, l->dreset + p->in_step,
                                    l->gate + p->gate, before(l, l->h, l->h0, p->t) + p->in_step, p->rows,
                                    p->units, l->H);
}
// First through the new gate's product, which gives the reset gate its gradient, then through the others'.
static bool reset_gru_stages_back(const layer *l, int64_t t, int index, stage *s) {
    gradient_product(l, l->dgate, CK_ACCUMULATE, update_cells_back, t, s);
    if (t == l->T || index > 0) return index < 2;
    s->left.data += 2 * l->H;
    s->packed = l->recurrent_new;
    s->to[0].sum = l->dreset, s->to[0].flags = 0;
    s->cells = reset_cells_back, s->t = t, s->cell_rows = s->rows;
    return index == 0;
}

ck_status ck_reset_gru_forward_f32(float *h, float *reset_state, float *gates, const float *h0,
                                   const float *recurrent, const float *recurrent_new, const int32_t *counts,
                                   int64_t T, int64_t H) {
    int64_t N;
    layer l = layer_of(counts, T, H, 3, recurrent);
    l.h = h, l.inner = reset_state, l.gate = gates, l.h0 = h0, l.recurrent_new = recurrent_new;
    CK_TRY(prepare(&l, &N, 2, false));
    CK_ARRAY(reset_state, N * H);
    CK_TRY(T > 0 ? ck_check_packed(recurrent_new, H, H, 1) : CK_OK);
    return run(&l, reset_gru_stages, false, N);
}

ck_status ck_reset_gru_backward_f32(float *dgates, float *dstate_h, const float *dh, const float *gates,
                                    const float *h, const float *h0, const float *recurrent,
                                    const float *recurrent_new, const int32_t *counts, int64_t T, int64_t H) {
    int64_t N;
    layer l = layer_of(counts, T, H, 3, recurrent);
    l.h = (float *)h, l.h0 = h0, l.gate = (float *)gates, l.dgate = dgates, l.dstate_h = dstate_h, l.dh = dh,
    l.recurrent_new = recurrent_new;
    CK_TRY(prepare(&l, &N, 2, true));
    CK_TRY(T > 0 ? ck_check_packed_backward(recurrent_new, H, H) : CK_OK);
    return run(&l, reset_gru_stages_back, true, N);
}
