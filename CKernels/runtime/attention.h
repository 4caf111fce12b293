// What one call of attention hands from ops/ to the kernels, and how its work is cut.
#ifndef CK_ATTENTION_INTERNAL_H
#define CK_ATTENTION_INTERNAL_H

#include "CKernels.h"

// Queries of a task in the forward, and of a tile in both directions: a tile's scores and what they meet stay
// in L1 and L2.
enum { CK_TASK_QUERIES = 512, CK_FORWARD_QUERIES = 24, CK_BACKWARD_QUERIES = 60 };

// The most keys of a tile, and the distance between rows of its scores: an odd number of cache lines, so that
// a column of them does not fall into a few sets of the cache.
enum { CK_TILE_KEYS = 512, CK_TILE_ROW = CK_TILE_KEYS + 16 };

// The queries of b.
static inline int64_t ck_queries_of(const ck_attention *a, int64_t b) {
    return a->query_starts ? a->query_starts[b + 1] - a->query_starts[b] : a->Tq;
}

// Keys of a tile: as many as keep their columns and values in L2, a multiple of every register tile's
// columns.
static inline int64_t ck_tile_keys(const ck_attention *a) {
    int64_t widest = a->H > a->D ? a->H : a->D;
    return widest <= 64 ? CK_TILE_KEYS : widest <= 128 ? CK_TILE_KEYS / 2 : CK_TILE_KEYS / 4;
}

// Floats for what a score keeps of a tile, in kernels/attention_score-inl.h: staged keys and queries, rows at
// most 32 floats wider than H, and v.
static inline int64_t ck_score_scratch(const ck_attention *a) {
    return (ck_tile_keys(a) + CK_BACKWARD_QUERIES + 1) * (a->H + 32);
}

typedef struct ck_attention_call {
    const ck_attention *a;
    float *context, *alignment,
        *statistics; // alignment and statistics [B, heads, Tq, …]; alignment may be null
    const float *queries, *keys, *values;
    // Backward only.
    const ck_attention_gradients *d;
    const float *dcontext;
    const float *given_context, *given_statistics, *given_alignment;
    bool accumulate;
} ck_attention_call;

#endif
