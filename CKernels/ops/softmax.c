// Softmax and its relatives, a few rows a tile.
#include "../runtime/runtime.h"

enum { COST = 16 }; // multiply-adds that an exponential is worth

static int64_t rows_per_tile(int64_t columns) { return columns < 4096 ? 4096 / (columns + 1) + 1 : 1; }

static ck_status check(const float *y, const float *x, const int32_t *lengths, int64_t N, int64_t columns) {
    CK_SIZES(N, columns);
    CK_REQUIRE(ck_product(ck_product(N, columns), COST) >= 0, CK_BAD_SIZE);
    CK_ARRAY(y, ck_product(N, columns));
    CK_ARRAY(x, ck_product(N, columns));
    return lengths ? ck_check_range(lengths, N, 0, columns) : CK_OK;
}

// Runs `call` for every tile of rows: `at` is its first element, `first` its first row and `rows` their
// number.
// (clang-format would break the loop after its pragma.)
// clang-format off
#define FOR_ROWS(call)                                                                                       \
    do {                                                                                                     \
        int64_t tile = rows_per_tile(columns);                                                               \
        _Pragma("omp parallel for schedule(static) num_threads(ck_threads_for(N * columns * COST))")         \
        for (int64_t first = 0; first < N; first += tile) {                                                  \
            int64_t rows = ck_min(tile, N - first), at = first * columns;                                    \
            call;                                                                                            \
        }                                                                                                    \
    } while (0)
// clang-format on

ck_status ck_softmax_f32(float *y, const float *x, const int32_t *lengths, int64_t N, int64_t columns) {
    const ck_kernels *kernels;
    CK_TRY(ck_table(&kernels));
    CK_TRY(check(y, x, lengths, N, columns));
    FOR_ROWS(kernels->softmax_rows(y + at, x + at, lengths ? lengths + first : NULL, rows, columns));
    return CK_OK;
}

ck_status ck_log_softmax_f32(float *y, const float *x, int64_t N, int64_t columns) {
    const ck_kernels *kernels;
    CK_TRY(ck_table(&kernels));
    CK_TRY(check(y, x, NULL, N, columns));
    FOR_ROWS(kernels->log_softmax_rows(y + at, x + at, rows, columns));
    return CK_OK;
}

ck_status ck_softmax_backward_f32(float *dx, const float *dy, const float *y, const int32_t *lengths,
                                  int64_t N, int64_t columns) {
    const ck_kernels *kernels;
    CK_TRY(ck_table(&kernels));
    CK_TRY(check(dx, dy, lengths, N, columns));
    CK_ARRAY(y, N * columns);
    FOR_ROWS(kernels->softmax_backward_rows(dx + at, dy + at, y + at, lengths ? lengths + first : NULL, rows,
                                            columns));
    return CK_OK;
}

ck_status ck_log_softmax_backward_f32(float *dx, const float *dy, const float *y, int64_t N,
                                      int64_t columns) {
    const ck_kernels *kernels;
    CK_TRY(ck_table(&kernels));
    CK_TRY(check(dx, dy, NULL, N, columns));
    CK_ARRAY(y, N * columns);
    FOR_ROWS(kernels->log_softmax_backward_rows(dx + at, dy + at, y + at, rows, columns));
    return CK_OK;
}
