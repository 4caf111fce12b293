// Projected cross entropy, a chunk of rows at a time. Its logits become exponentials and then gradients where
// they lie, [token, row]: rows of W and of the gradients are read as they are by the products that make the
// logits and dW, and only what meets them, x, is packed.
#include "../runtime/runtime.h"

enum { WIDEST = 64 };           // columns of a panel, in any set
enum { DX_TOKENS = 1536 };      // of one product for dx
enum { EXPONENTIAL_COST = 16 }; // multiply-adds that an exponential is worth

typedef struct loss_call {
    float *loss, *dx, *dW, *db;
    const float *x, *W, *b;
    const int32_t *targets;
    float scale, smoothing;
    int64_t N, V, H;
} loss_call;

// The scratch of a call, for chunks of up to `rows` rows.
typedef struct workspace {
    int64_t *index; // the rows of the call, [rows]
    int32_t *targets;
    float *x, *dx; // [rows, H]
    float *x_columns, *x_rows;
    int threads; // that make exponentials
    ck_loss_chunk chunk;
} workspace;

// Whole panels, and an odd number of cache lines, so that a column does not fall into a few sets of the
// cache.
static int64_t stride_of(int64_t rows) { return ck_whole(rows, WIDEST) + 16; }

static float *take(float **memory, int64_t count) {
    float *taken = *memory;
    *memory += count;
    return taken;
}

// Scratch for all of it, one number or more for each row of a chunk; null where there is none.
static float *take_workspace(workspace *w, const loss_call *p, int64_t rows) {
    const int64_t stride = stride_of(rows), tiles = ck_loss_tiles(p->V);
    // The gradients need all exponentials; without them a thread keeps those of a tile.
    const int64_t kept = p->dx ? p->V : (int64_t)w->threads * CK_LOSS_TOKENS;
    const int64_t wide = ck_whole(p->H, WIDEST);
    const int64_t rows_of_x = (p->dx ? 4 : 2) * wide;
    float *memory = ck_scratch_take(ck_product(stride, kept + 3 * tiles + rows_of_x + 5));
    if (!memory) return NULL;
    float *at = memory;
    ck_loss_chunk *c = &w->chunk;
    w->index = (int64_t *)take(&at, 2 * stride);
    c->targets = w->targets = (int32_t *)take(&at, stride);
    c->loss = take(&at, stride);
    c->target = take(&at, stride);
    w->x = take(&at, stride * wide);
    c->x_columns = w->x_columns = take(&at, stride * wide);
    if (p->dx) {
        w->dx = take(&at, stride * wide);
        c->x_rows = w->x_rows = take(&at, stride * wide);
    }
    c->maximum = take(&at, stride * tiles);
    c->sum = take(&at, stride * tiles);
    c->below = take(&at, stride * tiles);
    c->exponentials = take(&at, stride * kept);
    return memory;
}

// The next rows with a target, from *next on, go into the workspace.
static void gather(const loss_call *p, workspace *w, int64_t rows, int64_t *next) {
    for (int64_t i = 0; i < rows; (*next)++) {
        if (p->targets[*next] < 0) continue;
        w->index[i] = *next;
        w->targets[i] = p->targets[*next];
        memcpy(w->x + i * p->H, p->x + *next * p->H, (size_t)p->H * sizeof(float));
        i++;
    }
}

static void pack(const ck_kernels *kernels, const loss_call *p, const workspace *w, int64_t rows) {
    const int64_t H = p->H, row_panels = ck_blocks(rows, WIDEST);
    const int64_t column_panels = p->dx ? ck_blocks(H, WIDEST) : 0;
#pragma omp parallel for schedule(static) num_threads(ck_threads_for(rows *H))
    for (int64_t panel = 0; panel < row_panels + column_panels; panel++) {
        const int64_t n = panel * WIDEST, h = n - row_panels * WIDEST;
        if (panel < row_panels)
            kernels->pack_b_panels(w->x_columns + n * H, w->x + n * H, H, 1, ck_min(WIDEST, rows - n), H);
        else
            kernels->pack_b_panels(w->x_rows + h * rows, w->x + h, 1, H, ck_min(WIDEST, H - h), rows);
    }
}

static void forward(const ck_kernels *kernels, const workspace *w, bool gradients) {
    const ck_loss_chunk *c = &w->chunk;
    const int64_t tiles = ck_loss_tiles(c->V);
    ck_counter next = 0;
#pragma omp parallel num_threads(w->threads)
    for (int64_t tile; (tile = ck_next(&next)) < tiles;) {
        int64_t place = gradients ? tile : ck_thread_index();
        kernels->loss_tile_forward(c, c->exponentials + place * CK_LOSS_TOKENS * c->stride, tile);
    }
#pragma omp parallel for schedule(static) num_threads(ck_threads_for(c->N *tiles *EXPONENTIAL_COST))
    for (int64_t n = 0; n < c->N; n += WIDEST) kernels->loss_merge(c, n, ck_min(WIDEST, c->N - n));
}

static ck_status backward(const ck_kernels *kernels, const ck_loss_chunk *c, float *dx) {
    const int64_t tiles = ck_loss_tiles(c->V), N = c->N, H = c->H;
    ck_counter next = 0;
#pragma omp parallel num_threads(ck_threads_for(N * c->V * (H + 1)))
    for (int64_t tile; (tile = ck_next(&next)) < tiles;) kernels->loss_tile_backward(c, tile);
    for (int64_t v = 0; v < c->V; v += DX_TOKENS) {
        ck_matrix dlogits = {c->exponentials + v * c->stride, 1, c->stride}, W = {c->W + v * H, H, 1};
        CK_TRY(ck_matmul_f32(dx, H, dlogits, W, NULL, v > 0 ? CK_ACCUMULATE : 0, N, H,
                             ck_min(DX_TOKENS, c->V - v)));
    }
    return CK_OK;
}

static ck_status all_chunks(const ck_kernels *kernels, const loss_call *p, workspace *w, int64_t live,
                            int64_t chunk) {
    int64_t next = 0;
    for (int64_t done = 0; done < live; done += chunk) {
        const int64_t rows = ck_min(chunk, live - done);
        gather(p, w, rows, &next);
        w->chunk.N = rows;
        pack(kernels, p, w, rows);
        forward(kernels, w, p->dx != NULL);
        if (p->dx) CK_TRY(backward(kernels, &w->chunk, w->dx));
        for (int64_t i = 0; i < rows; i++) {
            p->loss[w->index[i]] = w->chunk.loss[i];
            if (p->dx) memcpy(p->dx + w->index[i] * p->H, w->dx + i * p->H, (size_t)p->H * sizeof(float));
        }
    }
    return CK_OK;
}

static void clear_rows_without_target(const loss_call *p) {
    for (int64_t n = 0; n < p->N; n++) {
        if (p->targets[n] >= 0) continue;
        p->loss[n] = 0;
        if (p->dx) memset(p->dx + n * p->H, 0, (size_t)p->H * sizeof(float));
    }
}

// The rows of a chunk: all chunks are of about the same size, and of whole panels.
static int64_t chunk_rows(int64_t live) {
    if (live <= CK_LOSS_ROWS) return live;
    return ck_whole(ck_blocks(live, ck_blocks(live, CK_LOSS_ROWS)), WIDEST);
}

ck_status ck_projected_cross_entropy_f32(float *loss, float *dx, float *dW, float *db, const float *x,
                                         const float *W, const float *b, const int32_t *targets, float scale,
                                         float smoothing, int64_t N, int64_t V, int64_t H) {
    const ck_kernels *kernels;
    CK_TRY(ck_table(&kernels));
    CK_SIZES(N, H, V);
    CK_REQUIRE(V >= 1, CK_BAD_SIZE);
    CK_REQUIRE(ck_product(ck_product(N, V), ck_product(H + 1, EXPONENTIAL_COST)) >= 0, CK_BAD_SIZE);
    CK_ARRAY(loss, N);
    CK_ARRAY(x, ck_product(N, H));
    CK_ARRAY(W, ck_product(V, H));
    CK_ARRAY(b, V);
    CK_ARRAY(targets, N);
    CK_REQUIRE(!dx || (dW && db), CK_NULL_POINTER);
    CK_REQUIRE(smoothing >= 0 && smoothing <= 1, CK_OUT_OF_RANGE);
    CK_TRY(ck_check_range(targets, N, INT32_MIN, V - 1));
    const loss_call p = {loss, dx, dW, db, x, W, b, targets, scale, smoothing, N, V, H};
    int64_t live = 0;
    for (int64_t n = 0; n < N; n++) live += targets[n] >= 0;
    workspace w = {.threads = ck_threads_for(chunk_rows(live) * V * (H + EXPONENTIAL_COST)),
                   .chunk = {.V = V,
                             .H = H,
                             .stride = stride_of(chunk_rows(live)),
                             .W = W,
                             .b = b,
                             .scale = scale,
                             .smoothing = smoothing,
                             .dW = dW,
                             .db = db}};
    CK_REQUIRE(take_workspace(&w, &p, chunk_rows(live)), CK_NO_MEMORY);
    clear_rows_without_target(&p);
    ck_status status = all_chunks(kernels, &p, &w, live, chunk_rows(live));
    ck_scratch_return();
    return status;
}
