// What a chunk of rows of the projected cross entropy hands from ops/ to the kernels, and how it is cut.
#ifndef CK_LOSS_INTERNAL_H
#define CK_LOSS_INTERNAL_H

#include <stdint.h>

// The most rows of a chunk. More of them add to dW in fewer passes over it; 384 columns of a panel still lie
// in L1.
enum { CK_LOSS_ROWS = 384 };

// Tokens of a tile: their rows of W, and their logits, stay in L2.
enum { CK_LOSS_TOKENS = 96 };

typedef struct ck_loss_chunk {
    int64_t N, V, H;
    int64_t stride;     // of everything that has a number for each row: whole panels of N
    const float *W, *b; // [V, H], [V]
    const float *x_columns,
        *x_rows;            // x as panels, [panel of N][H][nr] for the logits and [panel of H][N][nr] for dW
    const int32_t *targets; // [N]
    float scale, smoothing;
    float *maximum; // [tile, stride]: the largest logit of a tile's tokens
    float *sum;    // [tile, stride]: Σ exp(logit − maximum); then what makes gradients of the exponentials
    float *below;  // [tile, stride]: Σ (logit − maximum)
    float *target; // [stride]: the target's logit
    float *exponentials; // [V, stride]: exp(logit − maximum), then the gradients of the logits
    float *loss;         // [N]
    float *dW, *db;
} ck_loss_chunk;

static inline int64_t ck_loss_tiles(int64_t V) { return (V + CK_LOSS_TOKENS - 1) / CK_LOSS_TOKENS; }

#endif
