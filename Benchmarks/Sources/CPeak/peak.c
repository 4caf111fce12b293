#include "include/CPeak.h"

#include <string.h>

// x86-64 has 16 vector registers below AVX-512: 14 chains and the two constants.
#define CHAINS 14

// Places that memory is read from in turns: a prefetcher that follows one stream alone leaves bandwidth
// unused.
#define STREAMS 8

// Volatile, so that the compiler knows neither the constants nor the result to be unused.
static volatile float scale_source = 0.999f, shift_source = 0.001f, sink;

#define LOOPS(set, attribute, lanes)                                                                         \
    typedef float set##_vector __attribute__((ext_vector_type(lanes)));                                      \
                                                                                                             \
    attribute static double set##_multiply_add(int64_t rounds) {                                             \
        _Pragma("clang fp contract(fast)") set##_vector sum[CHAINS];                                         \
        const set##_vector scale = (set##_vector)(scale_source), shift = (set##_vector)(shift_source);       \
        for (int i = 0; i < CHAINS; i++) sum[i] = shift * (float)i;                                          \
        for (int64_t r = 0; r < rounds; r++)                                                                 \
            for (int i = 0; i < CHAINS; i++) sum[i] = sum[i] * scale + shift;                                \
        for (int i = 1; i < CHAINS; i++) sum[0] += sum[i];                                                   \
        sink = sum[0][0];                                                                                    \
        return 2.0 * CHAINS * (lanes) * (double)rounds;                                                      \
    }                                                                                                        \
                                                                                                             \
    attribute static float set##_read(const float *data, int64_t count) {                                    \
        set##_vector sum[STREAMS] = {0};                                                                     \
        const int64_t part = count / STREAMS;                                                                \
        for (int64_t i = 0; i + (lanes) <= part; i += (lanes))                                               \
            for (int j = 0; j < STREAMS; j++) {                                                              \
                set##_vector x;                                                                              \
                memcpy(&x, data + j * part + i, sizeof x);                                                   \
                sum[j] += x;                                                                                 \
            }                                                                                                \
        for (int j = 1; j < STREAMS; j++) sum[0] += sum[j];                                                  \
        float total = 0;                                                                                     \
        for (int lane = 0; lane < (lanes); lane++) total += sum[0][lane];                                    \
        return total;                                                                                        \
    }                                                                                                        \
                                                                                                             \
    attribute static void set##_negate(float *data, int64_t count) {                                         \
        const int64_t part = count / STREAMS;                                                                \
        for (int64_t i = 0; i + (lanes) <= part; i += (lanes))                                               \
            for (int j = 0; j < STREAMS; j++) {                                                              \
                set##_vector x;                                                                              \
                memcpy(&x, data + j * part + i, sizeof x);                                                   \
                x = -x;                                                                                      \
                memcpy(data + j * part + i, &x, sizeof x);                                                   \
            }                                                                                                \
    }

LOOPS(scalar, , 4)
#if defined(__x86_64__)
LOOPS(avx2, __attribute__((target("avx2,fma"))), 8)
LOOPS(avx512, __attribute__((target("avx512f"))), 16)
#elif defined(__aarch64__)
LOOPS(neon, , 4)
#endif

static const struct {
    const char *name;
    double (*multiply_add)(int64_t);
    float (*read)(const float *, int64_t);
    void (*negate)(float *, int64_t);
} sets[] = {
    {"scalar", scalar_multiply_add, scalar_read, scalar_negate},
#if defined(__x86_64__)
    {"avx2", avx2_multiply_add, avx2_read, avx2_negate},
    {"avx512", avx512_multiply_add, avx512_read, avx512_negate},
    {"avx512bf16", avx512_multiply_add, avx512_read, avx512_negate}, // the peak of fp32
#elif defined(__aarch64__)
    {"neon", neon_multiply_add, neon_read, neon_negate},
#endif
};

double peak_multiply_add(const char *set, int64_t rounds) {
    for (size_t i = 0; i < sizeof sets / sizeof *sets; i++)
        if (!strcmp(sets[i].name, set)) return sets[i].multiply_add(rounds);
    return 0;
}

void peak_read(const char *set, const float *data, int64_t count) {
    for (size_t i = 0; i < sizeof sets / sizeof *sets; i++)
        if (!strcmp(sets[i].name, set)) sink = sets[i].read(data, count);
}

void peak_negate(const char *set, float *data, int64_t count) {
    for (size_t i = 0; i < sizeof sets / sizeof *sets; i++)
        if (!strcmp(sets[i].name, set)) sets[i].negate(data, count);
}

const char *peak_compiler(void) { return __VERSION__; }
