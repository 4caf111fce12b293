// LSTM and GRU over ragged sequences: for every step one product with the packed recurrent matrix, then the
// cells.
#include "../runtime/runtime.h"

enum { CELL_COST = 64 }; // multiply-adds that one unit's gates are worth

static ck_status count_rows(int64_t *N, const int32_t *counts, int64_t T, int64_t H, int64_t gates) {
    CK_SIZES(T, H);
    CK_ARRAY(counts, T);
    *N = 0;
    for (int64_t t = 0; t < T; t++) {
        CK_REQUIRE(counts[t] >= 0 && (t == 0 || counts[t] <= counts[t - 1]), CK_OUT_OF_RANGE);
        *N += counts[t];
    }
    CK_REQUIRE(ck_product(ck_product(*N, H), gates * CELL_COST) >= 0, CK_BAD_SIZE);
    return CK_OK;
}

// Runs `call` for blocks of a step's rows: `r` is the block's first row within the step, `rows` their number.
// (clang-format would break the loop after its pragma.)
// clang-format off
#define FOR_CELLS(count, call)                                                                               \
    do {                                                                                                     \
        int64_t block = 2048 / (H + 1) + 1, work = (count) * H * CELL_COST;                                  \
        _Pragma("omp parallel for schedule(static) num_threads(ck_threads_for(work))")                       \
        for (int64_t r = 0; r < (count); r += block) {                                                       \
            int64_t rows = ck_min(block, (count) - r);                                                       \
            call;                                                                                            \
        }                                                                                                    \
    } while (0)
// clang-format on

ck_status ck_lstm_forward_f32(float *h, float *c, float *gates, const float *h0, const float *c0,
                              const float *recurrent, const int32_t *counts, int64_t T, int64_t H) {
    const ck_kernels *kernels;
    int64_t N;
    CK_TRY(ck_table(&kernels));
    CK_TRY(count_rows(&N, counts, T, H, 4));
    CK_ARRAY(h, N * H);
    CK_ARRAY(c, N * H);
    CK_ARRAY(gates, 4 * N * H);
    CK_ARRAY(h0, N * H);
    CK_ARRAY(c0, N * H);
    const float *h_before = h0, *c_before = c0;
    for (int64_t t = 0, row = 0; t < T; row += counts[t++]) {
        float *gate = gates + row * 4 * H, *h_t = h + row * H, *c_t = c + row * H;
        ck_matrix before = {h_before, H, 1};
        CK_TRY(
            ck_matmul_packed_f32(gate, 4 * H, before, recurrent, NULL, CK_ACCUMULATE, counts[t], 4 * H, H));
        FOR_CELLS(counts[t], kernels->lstm_cell_forward_rows(h_t + r * H, c_t + r * H, gate + r * 4 * H,
                                                             c_before + r * H, rows, H));
        h_before = h_t, c_before = c_t;
    }
    return CK_OK;
}

ck_status ck_lstm_backward_f32(float *dgates, float *dstate_h, float *dstate_c, const float *dh,
                               const float *gates, const float *c, const float *c0, const float *recurrent,
                               const int32_t *counts, int64_t T, int64_t H) {
    const ck_kernels *kernels;
    int64_t N;
    CK_TRY(ck_table(&kernels));
    CK_TRY(count_rows(&N, counts, T, H, 4));
    CK_ARRAY(dgates, 4 * N * H);
    CK_ARRAY(dstate_h, N * H);
    CK_ARRAY(dstate_c, N * H);
    CK_ARRAY(gates, 4 * N * H);
    CK_ARRAY(c, N * H);
    CK_ARRAY(c0, N * H);
    CK_TRY(T > 0 ? ck_check_packed(recurrent, 4 * H, H) : CK_OK);
    for (int64_t t = T - 1, row = N; t >= 0; t--) {
        row -= counts[t];
        const float *c_before = t > 0 ? c + (row - counts[t - 1]) * H : c0;
        float *dgate = dgates + row * 4 * H;
        FOR_CELLS(counts[t],
                  kernels->lstm_cell_backward_rows(dgate + r * 4 * H, dstate_c + r * H, dstate_h + r * H,
                                                   dh ? dh + (row + r) * H : NULL, gates + (row + r) * 4 * H,
                                                   c + (row + r) * H, c_before + r * H, rows, H));
        ck_matrix gradient = {dgate, 4 * H, 1};
        CK_TRY(ck_matmul_packed_f32(dstate_h, H, gradient, recurrent, NULL, 0, counts[t], H, 4 * H));
    }
    return CK_OK;
}

ck_status ck_gru_forward_f32(float *h, float *reset_input, float *gates, const float *h0,
                             const float *recurrent, const float *recurrent_bias, const int32_t *counts,
                             int64_t T, int64_t H) {
    const ck_kernels *kernels;
    int64_t N;
    CK_TRY(ck_table(&kernels));
    CK_TRY(count_rows(&N, counts, T, H, 3));
    CK_ARRAY(h, N * H);
    CK_ARRAY(reset_input, N * H);
    CK_ARRAY(gates, 3 * N * H);
    CK_ARRAY(h0, N * H);
    CK_ARRAY(recurrent_bias, 3 * H);
    float *product = ck_scratch_take(T > 0 ? counts[0] * 3 * H : 0);
    CK_REQUIRE(product, CK_NO_MEMORY);
    const float *h_before = h0;
    ck_status status = CK_OK;
    for (int64_t t = 0, row = 0; t < T && status == CK_OK; row += counts[t++]) {
        float *gate = gates + row * 3 * H, *h_t = h + row * H, *input = reset_input + row * H;
        ck_matrix before = {h_before, H, 1};
        status =
            ck_matmul_packed_f32(product, 3 * H, before, recurrent, recurrent_bias, 0, counts[t], 3 * H, H);
        if (status != CK_OK) break;
        FOR_CELLS(counts[t], kernels->gru_cell_forward_rows(h_t + r * H, input + r * H, gate + r * 3 * H,
                                                            product + r * 3 * H, h_before + r * H, rows, H));
        h_before = h_t;
    }
    ck_scratch_return();
    return status;
}

ck_status ck_gru_backward_f32(float *dgates, float *drecurrent, float *dstate_h, const float *dh,
                              const float *gates, const float *reset_input, const float *h, const float *h0,
                              const float *recurrent, const int32_t *counts, int64_t T, int64_t H) {
    const ck_kernels *kernels;
    int64_t N;
    CK_TRY(ck_table(&kernels));
    CK_TRY(count_rows(&N, counts, T, H, 3));
    CK_ARRAY(dgates, 3 * N * H);
    CK_ARRAY(drecurrent, 3 * N * H);
    CK_ARRAY(dstate_h, N * H);
    CK_ARRAY(gates, 3 * N * H);
    CK_ARRAY(reset_input, N * H);
    CK_ARRAY(h, N * H);
    CK_ARRAY(h0, N * H);
    CK_TRY(T > 0 ? ck_check_packed(recurrent, 3 * H, H) : CK_OK);
    for (int64_t t = T - 1, row = N; t >= 0; t--) {
        row -= counts[t];
        const float *h_before = t > 0 ? h + (row - counts[t - 1]) * H : h0;
        float *da = drecurrent + row * 3 * H;
        FOR_CELLS(counts[t], kernels->gru_cell_backward_rows(
                                 dgates + (row + r) * 3 * H, da + r * 3 * H, dstate_h + r * H,
                                 dh ? dh + (row + r) * H : NULL, gates + (row + r) * 3 * H,
                                 reset_input + (row + r) * H, h_before + r * H, rows, H));
        ck_matrix gradient = {da, 3 * H, 1};
        CK_TRY(
            ck_matmul_packed_f32(dstate_h, H, gradient, recurrent, NULL, CK_ACCUMULATE, counts[t], H, 3 * H));
    }
    return CK_OK;
}
