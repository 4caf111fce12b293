// Passes over arrays, in ranges of 16 Ki elements.
#include "../runtime/runtime.h"

enum { RANGE = 16384 };

// Runs `call` for every range: `at` is its first element and `n` its length. `cost` is the work of an
// element.
// (clang-format would break the loop after its pragma.)
// clang-format off
#define FOR_RANGES(count, cost, call)                                                                        \
    do {                                                                                                     \
        int64_t ranges = ck_blocks(count, RANGE), work = (count) * (cost);                                   \
        _Pragma("omp parallel for schedule(static) num_threads(ck_threads_for(work))")                       \
        for (int64_t range = 0; range < ranges; range++) {                                                   \
            int64_t at = range * RANGE, n = ck_min(RANGE, (count) - at);                                     \
            call;                                                                                            \
        }                                                                                                    \
    } while (0)
// clang-format on

// Of dropout's rate, and of what an optimiser's mean keeps in a step.
static bool is_share(float x) { return x >= 0 && x < 1; }

#define MAP(name, kernel)                                                                                    \
    ck_status name(float *y, const float *x, int64_t count) {                                                \
        const ck_kernels *kernels;                                                                           \
        CK_TRY(ck_table(&kernels));                                                                          \
        CK_SIZES(count);                                                                                     \
        CK_ARRAYS(count, y, x);                                                                              \
        FOR_RANGES(count, 16, kernels->kernel(y + at, x + at, n));                                           \
        return CK_OK;                                                                                        \
    }
MAP(ck_exp_f32, exp_range)
MAP(ck_tanh_f32, tanh_range)
MAP(ck_sigmoid_f32, sigmoid_range)
MAP(ck_add_f32, add_range)

ck_status ck_tanh_backward_f32(float *dx, const float *dy, const float *y, int64_t count) {
    const ck_kernels *kernels;
    CK_TRY(ck_table(&kernels));
    CK_SIZES(count);
    CK_ARRAYS(count, dx, dy, y);
    FOR_RANGES(count, 4, kernels->tanh_backward_range(dx + at, dy + at, y + at, n));
    return CK_OK;
}

ck_status ck_maxout_f32(float *y, const float *x, int64_t count) {
    const ck_kernels *kernels;
    CK_TRY(ck_table(&kernels));
    CK_SIZES(count);
    CK_ARRAYS(count, y, x);
    FOR_RANGES(count, 4, kernels->maxout_range(y + at, x + 2 * at, n));
    return CK_OK;
}

ck_status ck_maxout_backward_f32(float *dx, const float *dy, const float *x, int64_t count) {
    const ck_kernels *kernels;
    CK_TRY(ck_table(&kernels));
    CK_SIZES(count);
    CK_ARRAYS(count, dx, dy, x);
    FOR_RANGES(count, 4, kernels->maxout_backward_range(dx + 2 * at, dy + at, x + 2 * at, n));
    return CK_OK;
}

ck_status ck_dropout_f32(float *y, const float *x, float rate, uint64_t seed, uint64_t offset,
                         int64_t count) {
    const ck_kernels *kernels;
    CK_TRY(ck_table(&kernels));
    CK_SIZES(count);
    CK_ARRAYS(count, y, x);
    CK_REQUIRE(is_share(rate), CK_OUT_OF_RANGE);
    FOR_RANGES(count, 8, kernels->dropout_range(y + at, x + at, rate, seed, offset + (uint64_t)at, n));
    return CK_OK;
}

ck_status ck_adam_f32(float *parameters, float *m, float *v, const float *gradients, float gradient_scale,
                      float rate, float beta1, float beta2, float epsilon, float weight_decay, int64_t step,
                      int64_t count) {
    const ck_kernels *kernels;
    CK_TRY(ck_table(&kernels));
    CK_SIZES(count);
    CK_ARRAYS(count, parameters, m, v, gradients);
    CK_REQUIRE(step >= 1 && is_share(beta1) && is_share(beta2), CK_OUT_OF_RANGE);
    float correction1 = (float)(1 / (1 - __builtin_pow((double)beta1, (double)step)));
    float correction2 = (float)(1 / (1 - __builtin_pow((double)beta2, (double)step)));
    FOR_RANGES(count, 8,
               kernels->adam_range(parameters + at, m + at, v + at, gradients + at, gradient_scale, rate,
                                   beta1, beta2, epsilon, correction1, correction2, 1 - rate * weight_decay,
                                   n));
    return CK_OK;
}

ck_status ck_sgd_f32(float *parameters, float *velocity, const float *gradients, float gradient_scale,
                     float rate, float momentum, float weight_decay, int64_t count) {
    const ck_kernels *kernels;
    CK_TRY(ck_table(&kernels));
    CK_SIZES(count);
    CK_ARRAYS(count, parameters, gradients);
    CK_REQUIRE(is_share(momentum), CK_OUT_OF_RANGE);
    if (momentum > 0) CK_ARRAY(velocity, count);
    FOR_RANGES(count, 4,
               kernels->sgd_range(parameters + at, momentum > 0 ? velocity + at : NULL, gradients + at,
                                  gradient_scale, rate, momentum, 1 - rate * weight_decay, n));
    return CK_OK;
}

ck_status ck_adadelta_f32(float *parameters, float *squares, float *steps, const float *gradients,
                          float gradient_scale, float rate, float decay, float epsilon, float weight_decay,
                          int64_t count) {
    const ck_kernels *kernels;
    CK_TRY(ck_table(&kernels));
    CK_SIZES(count);
    CK_ARRAYS(count, parameters, squares, steps, gradients);
    CK_REQUIRE(is_share(decay), CK_OUT_OF_RANGE);
    FOR_RANGES(count, 8,
               kernels->adadelta_range(parameters + at, squares + at, steps + at, gradients + at,
                                       gradient_scale, rate, decay, epsilon, 1 - rate * weight_decay, n));
    return CK_OK;
}

ck_status ck_lerp_f32(float *y, const float *x, float share, int64_t count) {
    const ck_kernels *kernels;
    CK_TRY(ck_table(&kernels));
    CK_SIZES(count);
    CK_ARRAYS(count, y, x);
    CK_REQUIRE(share >= 0 && share <= 1, CK_OUT_OF_RANGE);
    FOR_RANGES(count, 2, kernels->lerp_range(y + at, x + at, share, n));
    return CK_OK;
}

ck_status ck_sum_squares_f32(double *sum, const float *x, int64_t count) {
    const ck_kernels *kernels;
    CK_TRY(ck_table(&kernels));
    CK_SIZES(count);
    CK_REQUIRE(sum, CK_NULL_POINTER);
    CK_ARRAY(x, count);
    enum { PARTS = 64 };
    double parts[PARTS]; // one a range; they add up in order, 64 ranges at a time
    for (int64_t first = 0; first < count; first += (int64_t)PARTS * RANGE) {
        int64_t elements = ck_min((int64_t)PARTS * RANGE, count - first);
        FOR_RANGES(elements, 2, parts[range] = kernels->sum_squares_range(x + first + at, n));
        for (int64_t i = 0; i < ck_blocks(elements, RANGE); i++) *sum += parts[i];
    }
    return CK_OK;
}
