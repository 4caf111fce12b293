// What ops/matmul.c and the kernels of the matrix product tell each other.
#ifndef CK_MATMUL_BLOCK_H
#define CK_MATMUL_BLOCK_H

#include <stdint.h>

// What a packed matrix holds.
typedef enum ck_precision { CK_FLOAT32, CK_BFLOAT16, CK_INT8 } ck_precision;

// A step of the inner loop meets one k in floating point, two in int8. Each row of packed a has 4 bytes for
// it, each column of packed b so many.
static inline int ck_step_bytes(ck_precision precision) { return precision == CK_FLOAT32 ? 4 : 2; }
static inline int64_t ck_steps(ck_precision precision, int64_t K) {
    return precision == CK_INT8 ? K / 2 + K % 2 : K;
}

// c[rows, columns] = tanh?((c +)? a · b + bias), from packed panels over one block of steps.
typedef struct ck_matmul_block {
    ck_precision precision;
    float *c;
    int64_t c_stride;
    const float *a, *a_scales; // scales of rows and columns, in int8 alone
    const char *b;
    const float *b_scales, *bias;
    int flags;
    int64_t rows, columns, steps;
} ck_matmul_block;

#endif
