// Attention: checks the call, chooses between tiles and single rows, and cuts the work into tasks whose
// bounds never depend on the number of threads.
#include <math.h>
#include "../runtime/runtime.h"

// As few queries as this of a head are run one by one: staging keys for them would not pay.
enum { FEW_QUERIES = 4, FEW_ADDITIVE_QUERIES = 1 };

// Keys of a task where single queries meet a long source, and queries of a task where each has its own
// window.
enum { PART_KEYS = 256, ROWS = 16 };

// What a pair's tanh costs in multiply-adds, for the choice of threads.
enum { TANH_COST = 8 };

static bool runs_by_rows(const ck_attention *a) {
    return a->centres || a->Tq <= (a->v ? FEW_ADDITIVE_QUERIES : FEW_QUERIES);
}

static const int64_t LIMIT = INT64_C(1) << 40;

static int64_t product4(int64_t a, int64_t b, int64_t c, int64_t d) {
    return ck_product(ck_product(a, b), ck_product(c, d));
}

static ck_status check_starts(const int64_t *starts, int64_t B, int64_t most) {
    if (!starts) return CK_OK;
    CK_REQUIRE(starts[0] >= 0, CK_OUT_OF_RANGE);
    for (int64_t b = 0; b < B; b++)
        CK_REQUIRE(starts[b + 1] >= starts[b] && starts[b + 1] - starts[b] <= most && starts[b + 1] <= LIMIT,
                   CK_OUT_OF_RANGE);
    return CK_OK;
}

// Rows [B, heads, count] by strides: no offset may overflow.
static ck_status check_rows(ck_strides s, const int64_t *starts, int64_t B, int64_t heads, int64_t count) {
    CK_SIZES(s.batch, s.head, s.row);
    const int64_t batches = starts ? ck_product(starts[B], s.row) : ck_product(B, s.batch);
    const int64_t within = ck_product(heads, s.head), rows = ck_product(count, s.row);
    const int64_t most = INT64_C(1) << 60;
    CK_REQUIRE(batches >= 0 && within >= 0 && rows >= 0, CK_BAD_SIZE);
    CK_REQUIRE(batches <= most && within <= most && rows <= most, CK_BAD_SIZE);
    return CK_OK;
}

// Rows that are written must not lie over each other; this finds those whose neighbours of one dimension do,
// as under a stride of 0.
static ck_status check_apart(ck_strides s, const int64_t *starts, int64_t B, int64_t heads, int64_t count,
                             int64_t width) {
    if (count == 0) return CK_OK;
    CK_REQUIRE((starts || B < 2 || s.batch >= width) && (heads < 2 || s.head >= width) &&
                   (count < 2 || s.row >= width),
               CK_BAD_SIZE);
    return CK_OK;
}

static ck_status check_masks(const ck_attention *a) {
    if (a->lengths) CK_TRY(ck_check_range(a->lengths, a->B, 0, a->Tk));
    CK_REQUIRE(a->left <= LIMIT && a->right <= LIMIT && a->offset >= -LIMIT && a->offset <= LIMIT,
               CK_OUT_OF_RANGE);
    // What is divided by must have a float for its reciprocal.
    CK_REQUIRE(isfinite(a->scale) && a->softcap >= 0 && isfinite(a->softcap), CK_OUT_OF_RANGE);
    CK_REQUIRE(a->softcap == 0 || isfinite(1 / a->softcap), CK_OUT_OF_RANGE);
    CK_REQUIRE(a->dropout >= 0 && a->dropout < 1, CK_OUT_OF_RANGE);
    if (a->centres)
        CK_REQUIRE(a->deviation > 0 && isfinite(a->deviation) && isfinite(1 / (a->deviation * a->deviation)),
                   CK_OUT_OF_RANGE);
    if (a->mask) CK_TRY(check_rows(a->mask_strides, NULL, a->B, a->heads, a->Tq));
    if (a->bias) CK_TRY(check_rows(a->bias_strides, NULL, a->B, a->heads, a->Tq));
    return CK_OK;
}

static ck_status check(const ck_attention *a) {
    CK_REQUIRE(a, CK_NULL_POINTER);
    CK_SIZES(a->B, a->heads, a->key_heads, a->Tq, a->Tk, a->H, a->D);
    CK_REQUIRE(a->key_heads > 0 ? a->heads % a->key_heads == 0 : a->heads == 0, CK_BAD_SIZE);
    // The amount of work decides on threads and must not overflow; nor must any array.
    CK_REQUIRE(
        ck_product(product4(a->B, a->heads, a->Tq, a->Tk), ck_product(a->H + a->D + 1, 4 * TANH_COST)) >= 0,
        CK_BAD_SIZE);
    CK_REQUIRE(product4(a->B, a->heads, a->Tq, a->H + a->D + 2) >= 0, CK_BAD_SIZE);
    CK_REQUIRE(product4(a->B, a->key_heads, a->Tk, a->H + a->D) >= 0, CK_BAD_SIZE);
    CK_TRY(check_starts(a->query_starts, a->B, a->Tq));
    CK_TRY(check_starts(a->key_starts, a->B, a->Tk));
    CK_TRY(check_rows(a->query, a->query_starts, a->B, a->heads, a->Tq));
    CK_TRY(check_rows(a->context, a->query_starts, a->B, a->heads, a->Tq));
    CK_TRY(check_rows(a->key, a->key_starts, a->B, a->key_heads, a->Tk));
    CK_TRY(check_rows(a->value, a->key_starts, a->B, a->key_heads, a->Tk));
    return check_masks(a);
}

static ck_status check_arrays(const float *context, const float *queries, const float *keys,
                              const float *values, const ck_attention *a) {
    const int64_t query_rows = a->B * a->heads * a->Tq, key_rows = a->B * a->key_heads * a->Tk;
    CK_ARRAY(context, query_rows * a->D);
    CK_ARRAY(queries, query_rows * a->H);
    CK_ARRAY(keys, key_rows * a->H);
    CK_ARRAY(values, key_rows * a->D);
    return CK_OK;
}

// The most keys that a query sees.
static int64_t most_keys(const ck_attention *a) {
    return a->left >= 0 && a->right >= 0 ? ck_min(a->Tk, a->left + a->right + 1) : a->Tk;
}

static int64_t work_of(const ck_attention *a) {
    return a->B * a->heads * a->Tq * most_keys(a) * (a->H * (a->v ? TANH_COST : 1) + a->D);
}

// Scratch of a task, in floats.
static int64_t forward_scratch(const ck_attention *a) {
    return ck_score_scratch(a) + CK_FORWARD_QUERIES * CK_TILE_ROW + 64 + CK_TILE_ROW + 2 * CK_TASK_QUERIES;
}
static int64_t backward_scratch(const ck_attention *a) {
    int64_t queries = a->heads / a->key_heads * a->Tq;
    return ck_score_scratch(a) + ck_tile_keys(a) * a->D + CK_TILE_ROW * (2 * CK_BACKWARD_QUERIES + 2) +
           queries;
}
static int64_t row_scratch(const ck_attention *a, int64_t rows) { return rows * ck_whole(a->Tk, 64); }

static ck_status forward_by_tiles(const ck_kernels *kernels, const ck_attention_call *call) {
    const ck_attention *a = call->a;
    const int64_t chunks = ck_blocks(a->Tq, CK_TASK_QUERIES), room = ck_whole(forward_scratch(a), 16);
    const int threads = ck_threads_for(work_of(a));
    float *scratch = ck_scratch_take(ck_product(threads, room));
    CK_REQUIRE(scratch, CK_NO_MEMORY);
    ck_counter tasks = 0;
#pragma omp parallel num_threads(threads)
    for (int64_t task; (task = ck_next(&tasks)) < a->B * a->heads * chunks;) {
        // Under causality later chunks see more keys: the least work comes last.
        int64_t row = task / chunks, b = row / a->heads;
        int64_t first = (chunks - 1 - task % chunks) * CK_TASK_QUERIES;
        int64_t queries = ck_queries_of(a, b);
        if (first < queries)
            kernels->attention_forward_tiles(call, b, row % a->heads, first,
                                             ck_min(CK_TASK_QUERIES, queries - first),
                                             scratch + ck_thread_index() * room);
    }
    ck_scratch_return();
    return CK_OK;
}

// Where a head has few queries, the keys are cut into parts, each summed apart, and merged in ascending
// order. A window no wider than a part is one, wherever it lies: parts that it leaves out would cost more
// than the window itself where the sentence is long.
static ck_status forward_by_rows(const ck_kernels *kernels, const ck_attention_call *call) {
    const ck_attention *a = call->a;
    const bool whole = a->centres || most_keys(a) <= PART_KEYS;
    const int64_t part = whole ? a->Tk : PART_KEYS, parts = a->Tk > 0 ? ck_blocks(a->Tk, part) : 0,
                  chunks = ck_blocks(a->Tq, ROWS);
    const int64_t rows = a->B * a->heads * a->Tq, room = row_scratch(a, 2) + 16, width = a->D + 2;
    const int threads = ck_threads_for(work_of(a));
    const int64_t sums_room = ck_product(rows, ck_product(parts, width));
    CK_REQUIRE(sums_room >= 0, CK_BAD_SIZE);
    float *sums = ck_scratch_take(sums_room + threads * room);
    CK_REQUIRE(sums, CK_NO_MEMORY);
    float *scratch = sums + sums_room;
    ck_counter summing = 0, merging = 0;
#pragma omp parallel num_threads(threads)
    {
        float *own = scratch + ck_thread_index() * room;
        for (int64_t task; (task = ck_next(&summing)) < a->B * a->heads * chunks * parts;) {
            int64_t i = task % parts, chunk = task / parts % chunks, row = task / parts / chunks,
                    b = row / a->heads;
            int64_t queries = ck_queries_of(a, b);
            for (int64_t t = chunk * ROWS; t < ck_min(queries, (chunk + 1) * ROWS); t++) {
                float *sum = sums + ((row * a->Tq + t) * parts + i) * width;
                kernels->attention_forward_row(call, sum, sum + a->D, b, row % a->heads, t, i * part,
                                               (i + 1) * part, own);
            }
        }
#pragma omp barrier
        for (int64_t row; (row = ck_next(&merging)) < rows;) {
            int64_t b = row / a->Tq / a->heads, head = row / a->Tq % a->heads, t = row % a->Tq;
            if (t >= ck_queries_of(a, b)) continue;
            float own_statistics[2],
                *statistics = call->statistics ? call->statistics + 2 * row : own_statistics;
            int64_t start = a->query_starts ? a->query_starts[b] * a->context.row : b * a->context.batch;
            float *context = call->context + start + head * a->context.head + t * a->context.row;
            kernels->attention_merge_row(context, statistics, sums + row * parts * width, width, parts, a->D);
            kernels->attention_finish_rows(call, b, head, t, 1, statistics, own);
        }
    }
    ck_scratch_return();
    return CK_OK;
}

ck_status ck_attention_forward_f32(float *context, float *alignment, float *statistics, const float *queries,
                                   const float *keys, const float *values, const ck_attention *attention) {
    const ck_kernels *kernels;
    CK_TRY(ck_table(&kernels));
    CK_TRY(check(attention));
    CK_TRY(check_arrays(context, queries, keys, values, attention));
    CK_TRY(check_apart(attention->context, attention->query_starts, attention->B, attention->heads,
                       attention->Tq, attention->D));
    if (product4(attention->B, attention->heads, attention->Tq, 1) == 0) return CK_OK;
    if (attention->D == 0 && !alignment && !statistics) return CK_OK;
    ck_attention_call call = {.a = attention,
                              .context = context,
                              .alignment = alignment,
                              .statistics = statistics,
                              .queries = queries,
                              .keys = keys,
                              .values = values};
    return runs_by_rows(attention) ? forward_by_rows(kernels, &call) : forward_by_tiles(kernels, &call);
}

ck_status ck_attention_backward_f32(const ck_attention_gradients *gradients, const float *dcontext,
                                    const float *context, const float *statistics, const float *alignment,
                                    const float *queries, const float *keys, const float *values, int flags,
                                    const ck_attention *attention) {
    const ck_kernels *kernels;
    CK_TRY(ck_table(&kernels));
    CK_TRY(check(attention));
    CK_TRY(check_arrays(context, queries, keys, values, attention));
    CK_REQUIRE(gradients, CK_NULL_POINTER);
    CK_TRY(check_arrays(dcontext, gradients->queries, gradients->keys, gradients->values, attention));
    const ck_attention *a = attention;
    CK_ARRAY(statistics, a->B * a->heads * a->Tq);
    if (a->v) CK_ARRAY(gradients->v, a->H);
    CK_REQUIRE(a->centres || !gradients->centres, CK_BAD_SIZE);
    CK_TRY(check_apart(a->query, a->query_starts, a->B, a->heads, a->Tq, a->H));
    CK_TRY(check_apart(a->key, a->key_starts, a->B, a->key_heads, a->Tk, a->H));
    CK_TRY(check_apart(a->value, a->key_starts, a->B, a->key_heads, a->Tk, a->D));
    const int64_t tasks = a->B * a->key_heads;
    const bool accumulate = flags & CK_ACCUMULATE;
    if (tasks == 0) {
        if (a->v && !accumulate) memset(gradients->v, 0, (size_t)a->H * sizeof(float));
        return CK_OK;
    }
    if (a->H == 0 && a->D == 0 && !gradients->bias && !gradients->centres) return CK_OK;
    // With a softcap or centres the weights alone do not say what their scores were.
    bool plain = a->softcap == 0 && !a->centres;
    ck_attention_call call = {.a = a,
                              .queries = queries,
                              .keys = keys,
                              .values = values,
                              .d = gradients,
                              .dcontext = dcontext,
                              .given_context = context,
                              .given_statistics = statistics,
                              .given_alignment = plain ? alignment : NULL,
                              .accumulate = accumulate};
    const bool rows = runs_by_rows(a);
    const int64_t room = ck_whole(rows ? row_scratch(a, 4) : backward_scratch(a), 16);
    const int64_t sums = a->v ? ck_product(tasks, a->H) : 0;
    const int threads = ck_threads_for(2 * work_of(a));
    CK_REQUIRE(sums >= 0, CK_BAD_SIZE);
    float *scratch = ck_scratch_take(ck_product(threads, room) + sums);
    CK_REQUIRE(scratch, CK_NO_MEMORY);
    // Every head of keys sums its own dv; they are added in order, whatever thread made them.
    float *dv = scratch + threads * room;
    memset(dv, 0, (size_t)sums * sizeof(float));
    ck_counter next = 0;
#pragma omp parallel num_threads(threads)
    for (int64_t task; (task = ck_next(&next)) < tasks;) {
        float *own = scratch + ck_thread_index() * room;
        int64_t b = task / a->key_heads, key_head = task % a->key_heads;
        (rows ? kernels->attention_backward_rows
              : kernels->attention_backward_tiles)(&call, dv + (a->v ? task * a->H : 0), b, key_head, own);
    }
    if (a->v && !accumulate) memset(gradients->v, 0, (size_t)a->H * sizeof(float));
    for (int64_t task = 0; a->v && task < tasks; task++)
        kernels->add_range(gradients->v, dv + task * a->H, a->H);
    ck_scratch_return();
    return CK_OK;
}

ck_status ck_attention_scores_f32(float *scores, int stage, const float *queries, const float *keys,
                                  const ck_attention *attention) {
    const ck_kernels *kernels;
    CK_TRY(ck_table(&kernels));
    CK_TRY(check(attention));
    const ck_attention *a = attention;
    const int64_t rows = a->B * a->heads * a->Tq, room = row_scratch(a, 1);
    CK_ARRAY(scores, rows * a->Tk);
    CK_ARRAY(queries, rows * a->H);
    CK_ARRAY(keys, a->B * a->key_heads * a->Tk * a->H);
    CK_REQUIRE(stage >= CK_SCORES_RAW && stage <= CK_SCORES_MASKED, CK_OUT_OF_RANGE);
    if (rows == 0) return CK_OK;
    ck_attention_call call = {.a = a, .queries = queries, .keys = keys};
    const int threads = ck_threads_for(work_of(a));
    float *scratch = ck_scratch_take(ck_product(threads, room));
    CK_REQUIRE(scratch, CK_NO_MEMORY);
#pragma omp parallel for schedule(static) num_threads(threads)
    for (int64_t row = 0; row < rows; row++) {
        int64_t b = row / a->Tq / a->heads, head = row / a->Tq % a->heads, t = row % a->Tq;
        if (t < ck_queries_of(a, b))
            kernels->attention_score_rows(&call, scores + row * a->Tk, stage, b, head, t,
                                          scratch + ck_thread_index() * room);
    }
    ck_scratch_return();
    return CK_OK;
}
