// Layer normalisation. Rows are independent; the gradients of gain and bias are summed over chunks of rows
// while these are in cache, and the chunks' sums add up in order.
#include <math.h>
#include "../runtime/runtime.h"

enum { COST = 4 };           // multiply-adds that an element is worth, forward
enum { TILE = 4096 };        // elements, at least, of the rows that a thread takes at once
enum { CHUNK = 32 };         // rows, at least, whose sums are one part of dgain and dbias
enum { MOST_CHUNKS = 1024 }; // bounds the scratch: 2 columns a chunk

static ck_status check(const float *out, int64_t out_stride, const float *in, int64_t in_stride,
                       const float *residual, int64_t residual_stride, const float *gain, int64_t N,
                       int64_t columns) {
    CK_SIZES(N, columns, out_stride, in_stride, residual_stride);
    CK_REQUIRE(out_stride >= columns && in_stride >= columns, CK_BAD_SIZE);
    CK_REQUIRE(!residual || residual_stride >= columns, CK_BAD_SIZE);
    CK_REQUIRE(ck_product(ck_product(N, columns), 2 * COST) >= 0, CK_BAD_SIZE);
    CK_ARRAY(out, N * columns);
    CK_ARRAY(in, N * columns);
    CK_ARRAY(gain, columns);
    return CK_OK;
}

ck_status ck_layer_norm_forward_f32(float *y, int64_t y_stride, float *sum, int64_t sum_stride, float *mean,
                                    float *inverse_deviation, const float *x, int64_t x_stride,
                                    const float *residual, int64_t residual_stride, const float *gain,
                                    const float *bias, float epsilon, int64_t N, int64_t columns) {
    const ck_kernels *kernels;
    CK_TRY(ck_table(&kernels));
    CK_TRY(check(y, y_stride, x, x_stride, residual, residual_stride, gain, N, columns));
    CK_SIZES(sum_stride);
    CK_REQUIRE(!sum || sum_stride >= columns, CK_BAD_SIZE);
    CK_ARRAY(bias, columns);
    CK_REQUIRE(epsilon > 0 && isfinite(epsilon), CK_OUT_OF_RANGE);
    if (columns == 0) {
        if (mean) memset(mean, 0, (size_t)N * sizeof(float));
        if (inverse_deviation) memset(inverse_deviation, 0, (size_t)N * sizeof(float));
        return CK_OK;
    }
    const ck_layer_norm call = {.y = y,
                                .sum = sum,
                                .mean = mean,
                                .inverse_deviation = inverse_deviation,
                                .x = x,
                                .residual = residual,
                                .y_stride = y_stride,
                                .sum_stride = sum_stride,
                                .x_stride = x_stride,
                                .residual_stride = residual_stride,
                                .gain = gain,
                                .bias = bias,
                                .epsilon = epsilon,
                                .columns = columns};
    const int64_t tile = ck_blocks(TILE, columns);
    ck_counter tiles = 0;
#pragma omp parallel num_threads(ck_threads_for(N *columns *COST))
    for (int64_t first; (first = tile * ck_next(&tiles)) < N;)
        kernels->layer_norm_rows(&call, first, ck_min(tile, N - first));
    return CK_OK;
}

ck_status ck_layer_norm_backward_f32(float *dx, int64_t dx_stride, float *dgain, float *dbias,
                                     const float *dy, int64_t dy_stride, const float *dsum,
                                     int64_t dsum_stride, const float *z, int64_t z_stride, const float *mean,
                                     const float *inverse_deviation, const float *gain, int64_t N,
                                     int64_t columns) {
    const ck_kernels *kernels;
    CK_TRY(ck_table(&kernels));
    CK_TRY(check(dx, dx_stride, dy, dy_stride, dsum, dsum_stride, gain, N, columns));
    CK_SIZES(z_stride);
    CK_REQUIRE(z_stride >= columns, CK_BAD_SIZE);
    CK_ARRAY(z, N * columns);
    CK_ARRAY(dgain, columns);
    CK_ARRAY(dbias, columns);
    CK_ARRAY(mean, N);
    CK_ARRAY(inverse_deviation, N);
    if (columns == 0) return CK_OK;
    const int64_t rows = ck_max(CHUNK, ck_blocks(N, MOST_CHUNKS)), chunks = ck_blocks(N, rows);
    float *sums = ck_scratch_take(ck_product(chunks, 2 * columns));
    CK_REQUIRE(sums, CK_NO_MEMORY);
    const ck_layer_norm_gradient call = {.dx = dx,
                                         .dy = dy,
                                         .dsum = dsum,
                                         .z = z,
                                         .dx_stride = dx_stride,
                                         .dy_stride = dy_stride,
                                         .dsum_stride = dsum_stride,
                                         .z_stride = z_stride,
                                         .mean = mean,
                                         .inverse_deviation = inverse_deviation,
                                         .gain = gain,
                                         .columns = columns};
    ck_counter next = 0;
#pragma omp parallel num_threads(ck_threads_for(2 * N * columns * COST))
    for (int64_t chunk; (chunk = ck_next(&next)) < chunks;)
        kernels->layer_norm_backward_rows(&call, sums + chunk * 2 * columns, chunk * rows,
                                          ck_min(rows, N - chunk * rows));
    ck_status status = ck_sum_rows_f32(dgain, sums, 2 * columns, chunks, columns);
    if (status == CK_OK) status = ck_sum_rows_f32(dbias, sums + columns, 2 * columns, chunks, columns);
    ck_scratch_return();
    return status;
}
