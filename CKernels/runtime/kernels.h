// The kernel table: one entry a tile body, one table an instruction set.
//
// kernels/*-inl.h define a static function of each name below; isa/instantiate.h fills a table from this
// list, so a kernel that a set lacks does not compile. ops/ fetch the table once a call.
#ifndef CK_KERNELS_H
#define CK_KERNELS_H

#include <stdbool.h>
#include "CKernels.h"
#include "attention.h"
#include "layer_norm.h"
#include "loss.h"
#include "matmul.h"

static inline int64_t ck_min(int64_t a, int64_t b) { return a < b ? a : b; }
static inline int64_t ck_max(int64_t a, int64_t b) { return a > b ? a : b; }
static inline int64_t ck_blocks(int64_t count, int64_t block) { return count / block + (count % block != 0); }
// The least multiple of `block` that is not below `count`.
static inline int64_t ck_whole(int64_t count, int64_t block) { return ck_blocks(count, block) * block; }

// X(result, name, arguments)
#define CK_KERNEL_LIST(X)                                                                                    \
    X(void, exp_range, (float *y, const float *x, int64_t count))                                            \
    X(void, tanh_range, (float *y, const float *x, int64_t count))                                           \
    X(void, sigmoid_range, (float *y, const float *x, int64_t count))                                        \
    X(void, tanh_backward_range, (float *dx, const float *dy, const float *y, int64_t count))                \
    X(void, maxout_range, (float *y, const float *x, int64_t count))                                         \
    X(void, maxout_backward_range, (float *dx, const float *dy, const float *x, int64_t count))              \
    X(void, add_range, (float *y, const float *x, int64_t count))                                            \
    X(void, dropout_range,                                                                                   \
      (float *y, const float *x, float rate, uint64_t seed, uint64_t offset, int64_t count))                 \
    X(double, sum_squares_range, (const float *x, int64_t count))                                            \
    X(void, adam_range,                                                                                      \
      (float *p, float *m, float *v, const float *g, float gradient_scale, float rate, float beta1,          \
       float beta2, float epsilon, float correction1, float correction2, float keep, int64_t count))         \
    X(void, sgd_range,                                                                                       \
      (float *p, float *velocity, const float *g, float gradient_scale, float rate, float momentum,          \
       float keep, int64_t count))                                                                           \
    X(void, adadelta_range,                                                                                  \
      (float *p, float *squares, float *steps, const float *g, float gradient_scale, float rate,             \
       float decay, float epsilon, float keep, int64_t count))                                               \
    X(void, lerp_range, (float *y, const float *x, float share, int64_t count))                              \
    X(void, softmax_rows, (float *y, const float *x, const int32_t *lengths, int64_t N, int64_t columns))    \
    X(void, log_softmax_rows, (float *y, const float *x, int64_t N, int64_t columns))                        \
    X(void, softmax_backward_rows,                                                                           \
      (float *dx, const float *dy, const float *y, const int32_t *lengths, int64_t N, int64_t columns))      \
    X(void, log_softmax_backward_rows,                                                                       \
      (float *dx, const float *dy, const float *y, int64_t N, int64_t columns))                              \
    X(void, layer_norm_rows, (const ck_layer_norm *call, int64_t first, int64_t count))                      \
    X(void, layer_norm_backward_rows,                                                                        \
      (const ck_layer_norm_gradient *call, float *sums, int64_t first, int64_t count))                       \
    X(void, loss_tile_forward, (const ck_loss_chunk *chunk, float *z, int64_t tile))                         \
    X(void, loss_merge, (const ck_loss_chunk *chunk, int64_t first, int64_t count))                          \
    X(void, loss_tile_backward, (const ck_loss_chunk *chunk, int64_t tile))                                  \
    X(void, top_k_rows,                                                                                      \
      (float *statistics, float *values, int32_t *ids, const float *logits, int64_t stride, int64_t first,   \
       int64_t rows, int64_t columns, int64_t k))                                                            \
    X(void, top_k_merge,                                                                                     \
      (float *log_probabilities, int32_t *tokens, const float *statistics, const float *values,              \
       const int32_t *ids, int64_t stride, int64_t parts, int64_t k))                                        \
    X(void, attention_forward_tiles,                                                                         \
      (const ck_attention_call *call, int64_t b, int64_t head, int64_t first, int64_t count,                 \
       float *scratch))                                                                                      \
    X(void, attention_forward_row,                                                                           \
      (const ck_attention_call *call, float *sum, float *statistics, int64_t b, int64_t head, int64_t t,     \
       int64_t part_first, int64_t part_end, float *scratch))                                                \
    X(void, attention_merge_row,                                                                             \
      (float *sum, float *statistics, const float *parts, int64_t stride, int64_t count, int64_t D))         \
    X(void, attention_finish_rows,                                                                           \
      (const ck_attention_call *call, int64_t b, int64_t head, int64_t t, int64_t count,                     \
       const float *statistics, float *scratch))                                                             \
    X(void, attention_backward_tiles,                                                                        \
      (const ck_attention_call *call, float *dv, int64_t b, int64_t key_head, float *scratch))               \
    X(void, attention_backward_rows,                                                                         \
      (const ck_attention_call *call, float *dv, int64_t b, int64_t key_head, float *scratch))               \
    X(void, attention_score_rows,                                                                            \
      (const ck_attention_call *call, float *scores, int stage, int64_t b, int64_t head, int64_t t,          \
       float *scratch))                                                                                      \
    X(void, rnn_cell_forward, (float *h, const float *gates, int64_t rows, int64_t units, int64_t H))        \
    X(void, rnn_cell_backward,                                                                               \
      (float *dgates, const float *dstate_h, const float *dh, const float *h, int64_t rows, int64_t units,   \
       int64_t H))                                                                                           \
    X(void, lstm_cell_forward,                                                                               \
      (float *h, float *c, float *gates, const float *c_before, int64_t rows, int64_t units, int64_t H))     \
    X(void, lstm_cell_backward,                                                                              \
      (float *dgates, float *dstate_c, const float *dstate_h, const float *dh, const float *gates,           \
       const float *c, const float *c_before, int64_t rows, int64_t units, int64_t H))                       \
    X(void, gru_cell_forward,                                                                                \
      (float *h, float *gates, const float *reset_input, const float *h_before, int64_t rows, int64_t units, \
       int64_t H))                                                                                           \
    X(void, gru_cell_backward,                                                                               \
      (float *dgates, float *drecurrent, float *dstate_h, const float *dh, const float *gates,               \
       const float *reset_input, const float *h_before, int64_t rows, int64_t units, int64_t H))             \
    X(void, reset_cell_forward,                                                                              \
      (float *reset_state, float *gates, const float *h_before, int64_t rows, int64_t units, int64_t H))     \
    X(void, update_cell_forward,                                                                             \
      (float *h, float *gates, const float *h_before, int64_t rows, int64_t units, int64_t H))               \
    X(void, update_cell_backward,                                                                            \
      (float *dgates, float *dstate_h, const float *dh, const float *gates, const float *h_before,           \
       int64_t rows, int64_t units, int64_t H))                                                              \
    X(void, reset_cell_backward,                                                                             \
      (float *dgates, float *dstate_h, const float *dreset_state, const float *gates, const float *h_before, \
       int64_t rows, int64_t units, int64_t H))                                                              \
    X(void, pack_a_panels,                                                                                   \
      (float *out, const float *source, int64_t stride, int64_t k_stride, int64_t count, int64_t kc))        \
    X(void, quantise_a_panel,                                                                                \
      (float *out, float *scales, const float *source, int64_t stride, int64_t k_stride, int64_t count,      \
       int64_t K))                                                                                           \
    X(void, round_a_panels,                                                                                  \
      (float *out, const float *source, int64_t stride, int64_t k_stride, int64_t count, int64_t kc))        \
    X(void, pack_b_panels,                                                                                   \
      (float *out, const float *source, int64_t stride, int64_t k_stride, int64_t count, int64_t kc))        \
    X(void, round_b_panels,                                                                                  \
      (char *out, const float *source, int64_t stride, int64_t k_stride, int64_t count, int64_t kc))         \
    X(void, quantise_b_panels,                                                                               \
      (char *out, float *scales, int32_t *starts, const float *source, int64_t stride, int64_t k_stride,     \
       int64_t count, int64_t K))                                                                            \
    X(void, matmul_block, (const ck_matmul_block *block))

typedef struct ck_kernels {
    const char *name;
    int64_t mr, nr;    // rows and columns of the matrix product's register tile
    int depth_log2[3]; // of how many k a step of its inner loop meets, in each precision
#define X(result, name, arguments) result(*name) arguments;
    CK_KERNEL_LIST(X)
#undef X
} ck_kernels;

// The table in use.
ck_status ck_table(const ck_kernels **table);

// Whether this is the address of one of the tables.
bool ck_is_table(const ck_kernels *table);

#endif
