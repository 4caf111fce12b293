// Rows by index. Gathers are cut by rows; what accumulates is cut by columns, so that every sum has one
// owner.
#include "../runtime/runtime.h"

enum { COLUMNS = 64 };

static ck_status check(const void *out, const void *in, int64_t out_stride, int64_t in_stride, int64_t N,
                       int64_t columns) {
    CK_SIZES(out_stride, in_stride, N, columns);
    CK_REQUIRE(out_stride >= columns && in_stride >= columns, CK_BAD_SIZE);
    CK_ARRAY(out, ck_product(N, columns));
    CK_ARRAY(in, ck_product(N, columns));
    return CK_OK;
}

ck_status ck_gather_rows_f32(float *out, int64_t out_stride, const float *table, int64_t table_stride,
                             const int32_t *index, int64_t N, int64_t table_rows, int64_t columns) {
    CK_TRY(check(out, out, out_stride, table_stride, N, columns));
    CK_ARRAY(index, N);
    CK_SIZES(table_rows);
    CK_ARRAY(table, ck_product(table_rows, columns));
    CK_TRY(ck_check_range(index, N, INT32_MIN, table_rows - 1));
    size_t bytes = (size_t)columns * sizeof(float);
#pragma omp parallel for schedule(static) num_threads(ck_threads_for(N *columns))
    for (int64_t n = 0; n < N; n++) {
        if (index[n] < 0)
            memset(out + n * out_stride, 0, bytes);
        else
            memcpy(out + n * out_stride, table + index[n] * table_stride, bytes);
    }
    return CK_OK;
}

ck_status ck_scatter_add_rows_f32(float *table, int64_t table_stride, const float *rows, int64_t rows_stride,
                                  const int32_t *index, int64_t N, int64_t table_rows, int64_t columns) {
    const ck_kernels *kernels;
    CK_TRY(ck_table(&kernels));
    CK_TRY(check(rows, rows, table_stride, rows_stride, N, columns));
    CK_ARRAY(index, N);
    CK_SIZES(table_rows);
    CK_ARRAY(table, ck_product(table_rows, columns));
    CK_TRY(ck_check_range(index, N, INT32_MIN, table_rows - 1));
#pragma omp parallel for schedule(static) num_threads(ck_threads_for(N *columns))
    for (int64_t j = 0; j < columns; j += COLUMNS)
        for (int64_t n = 0; n < N; n++)
            if (index[n] >= 0)
                kernels->add_range(table + index[n] * table_stride + j, rows + n * rows_stride + j,
                                   ck_min(COLUMNS, columns - j));
    return CK_OK;
}

ck_status ck_sum_rows_f32(float *sums, const float *rows, int64_t rows_stride, int64_t N, int64_t columns) {
    const ck_kernels *kernels;
    CK_TRY(ck_table(&kernels));
    CK_TRY(check(rows, rows, rows_stride, rows_stride, N, columns));
    CK_ARRAY(sums, columns);
#pragma omp parallel for schedule(static) num_threads(ck_threads_for(N *columns))
    for (int64_t j = 0; j < columns; j += COLUMNS)
        for (int64_t n = 0; n < N; n++)
            kernels->add_range(sums + j, rows + n * rows_stride + j, ck_min(COLUMNS, columns - j));
    return CK_OK;
}
