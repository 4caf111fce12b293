// What ops/matmul.c and the kernels of the matrix product tell each other.
#ifndef CK_MATMUL_BLOCK_H
#define CK_MATMUL_BLOCK_H

#include <stdbool.h>
#include <stdint.h>

// What a packed matrix holds.
typedef enum ck_precision { CK_FLOAT32, CK_BFLOAT16, CK_INT8 } ck_precision;

// The bytes that a step of 2^depth_log2 k takes of each column of packed b; each row of packed a takes 4.
static inline int ck_step_bytes(ck_precision precision, int depth_log2) {
    return 4 << depth_log2 >> precision;
}

// c[rows, columns] = tanh?((c +)? a · b + bias), over one block of steps. b lies in panels; so does a, unless
// it is read as it lies, in float32 alone.
typedef struct ck_matmul_block {
    ck_precision precision;
    float *c;
    int64_t c_stride;
    const float *a;
    bool a_in_panels;
    int64_t a_row_stride, a_step_stride; // of an a that is not in panels
    const char *b;
    const float *bias;
    // In int8 alone: the scales of rows and columns, and what the columns' sums start from.
    const float *a_scales, *b_scales;
    const int32_t *b_starts;
    int flags;
    int64_t rows, columns, steps;
} ck_matmul_block;

#endif
