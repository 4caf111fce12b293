// What a call of layer normalisation hands from ops/ to the kernels.
#ifndef CK_LAYER_NORM_INTERNAL_H
#define CK_LAYER_NORM_INTERNAL_H

#include <stdint.h>

typedef struct ck_layer_norm {
    float *y, *sum, *mean, *inverse_deviation; // the last three may be null
    const float *x, *residual;                 // residual may be null
    int64_t y_stride, sum_stride, x_stride, residual_stride;
    const float *gain, *bias;
    float epsilon;
    int64_t columns;
} ck_layer_norm;

typedef struct ck_layer_norm_gradient {
    float *dx;
    const float *dy, *dsum, *z; // dsum may be null
    int64_t dx_stride, dy_stride, dsum_stride, z_stride;
    const float *mean, *inverse_deviation, *gain;
    int64_t columns;
} ck_layer_norm_gradient;

#endif
