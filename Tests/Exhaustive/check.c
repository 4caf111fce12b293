// exp, tanh or sigmoid of every float, on each instruction set that is named, held against double.
//
//     check FUNCTION STRIDE SET…        STRIDE 1: every float; n: every n-th
//
// Prints the worst error of each set in units in the last place (subnormal results have the spacing of the
// least normal one), and where it is; exits with 1 where one lies above the bound of the public header, or
// where NaN, an infinity, a sign, 1 as the largest value, or tanh(−x) = −tanh(x) is not kept.
#include <math.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "CKernels.h"

// MARK: The truth, in double, off by some 1e-15 of itself: plain loops that the compiler turns into vectors

static inline double bits_to_double(int64_t bits) {
    double x;
    memcpy(&x, &bits, sizeof x);
    return x;
}

static inline int64_t double_to_bits(double x) {
    int64_t bits;
    memcpy(&bits, &x, sizeof bits);
    return bits;
}

// x = n ln 2 + r for |x| ≤ 500: returns eʳ − 1, by its series, and 2ⁿ.
static inline double reduced_expm1(double x, double *power) {
    double shifted = x * 0x1.71547652b82fep+0 + 0x1.8p52, n = shifted - 0x1.8p52;
    double r = x - n * 0x1.62e42fee00000p-1; // n times the leading 33 bits of ln 2 is exact
    r -= n * 0x1.a39ef35793c76p-33;
    double q = 1.0 / 6227020800;
    q = q * r + 1.0 / 479001600;
    q = q * r + 1.0 / 39916800;
    q = q * r + 1.0 / 3628800;
    q = q * r + 1.0 / 362880;
    q = q * r + 1.0 / 40320;
    q = q * r + 1.0 / 5040;
    q = q * r + 1.0 / 720;
    q = q * r + 1.0 / 120;
    q = q * r + 1.0 / 24;
    q = q * r + 1.0 / 6;
    q = q * r + 1.0 / 2;
    *power = bits_to_double((double_to_bits(shifted) + 1023) << 52);
    return q * r * r + r;
}

static inline double limit(double x, double low, double high) {
    x = x > high ? high : x;
    return x < low ? low : x;
}

static inline double true_exp(double x) {
    double power, p = reduced_expm1(limit(x, -400, 400), &power);
    return p * power + power;
}

// (e^2|x| − 1) / (e^2|x| + 1)
static inline double true_tanh(double x) {
    double power, p = reduced_expm1(limit(2 * fabs(x), 0, 100), &power);
    double m = p * power + (power - 1);
    return copysign(m / (m + 2), x);
}

static inline double true_sigmoid(double x) {
    double e = true_exp(-fabs(x));
    return (x < 0 ? e : 1) / (1 + e);
}

enum { CHUNK = 8192 };

#define ARRAY(name)                                                                                          \
    static void name##_array(double *truth, const float *x) {                                                \
        for (int i = 0; i < CHUNK; i++) truth[i] = true_##name(x[i]);                                        \
    }
ARRAY(exp)
ARRAY(tanh)
ARRAY(sigmoid)

static double libm_sigmoid(double x) { return 1 / (1 + exp(-x)); }

// MARK: The functions under test

typedef struct function {
    const char *name;
    ck_status (*kernel)(float *y, const float *x, int64_t count);
    void (*truth)(double *truth, const float *x);
    double (*libm)(double x);
    double bound; // what the public header promises, in ulp
    double most;  // no result lies above
    bool odd;
} function;

static const function functions[] = {
    {"exp", ck_exp_f32, exp_array, exp, 2, INFINITY, false},
    {"tanh", ck_tanh_f32, tanh_array, tanh, 3, 1, true},
    {"sigmoid", ck_sigmoid_f32, sigmoid_array, libm_sigmoid, 3, 1, false},
};

typedef struct record {
    double error;
    float x, y;
    int64_t wrong; // broken promises other than the bound
    float example;
} record;

// In units of the last place of the truth; infinity, and a truth that rounds to it, count as 2¹²⁸.
static inline double ulps(float y, double truth) {
    double t = limit(truth, -0x1p128, 0x1p128), size = fabs(t), least = 0x1p-126;
    double per_unit = bits_to_double((INT64_C(2046) << 52) -
                                     (double_to_bits(size > least ? size : least) & INT64_C(0x7ff) << 52));
    return fabs(limit(y, -0x1p128, 0x1p128) - t) * per_unit * 0x1p23;
}

static void judge(record *r, const function *f, const float *x, const float *y, const float *mirrored,
                  const double *truth) {
    double errors[CHUNK], worst = 0;
    int wrong[CHUNK], any = 0;
    for (int i = 0; i < CHUNK; i++) {
        double error = ulps(y[i], truth[i]);
        bool nan = x[i] != x[i];
        errors[i] = nan ? 0 : error;
        int kept = (y[i] <= (float)f->most) & (signbit(y[i]) == signbit(truth[i])) &
                   (isinf(y[i]) == isinf((float)truth[i])) & (!f->odd | (mirrored[i] == -y[i]));
        wrong[i] = nan ? y[i] == y[i] : !kept;
        worst = errors[i] > worst ? errors[i] : worst;
        any |= wrong[i];
    }
    if (worst <= r->error && !any) return;
    for (int i = 0; i < CHUNK; i++) {
        if (errors[i] > r->error) r->error = errors[i], r->x = x[i], r->y = y[i];
        if (wrong[i] && r->wrong++ == 0) r->example = x[i];
    }
}

// MARK: Every float: the non-negative bit patterns from `first` on, and their negatives

static void fill(float *x, float *minus, uint64_t first, uint64_t stride) {
    for (int i = 0; i < CHUNK; i++) {
        uint64_t pattern = first + (uint64_t)i * stride;
        uint32_t bits = (uint32_t)(pattern < 0x7fffffff ? pattern : 0x7fffffff);
        memcpy(x + i, &bits, sizeof bits);
        bits |= 0x80000000u;
        memcpy(minus + i, &bits, sizeof bits);
    }
}

// The truth itself is held against the C library here and there.
static bool trust(const function *f, const float *x, const double *truth) {
    double expected = f->libm(x[0]);
    if (x[0] != x[0] || fabs(truth[0] - expected) <= 1e-13 * fabs(expected)) return true;
    return fabs(x[0]) > 300; // where the truth is cut off, far beyond every float
}

static bool report(const function *f, const char *set, const record *r) {
    double exact = ulps(r->y, f->libm(r->x));
    bool passed = exact <= f->bound && r->error <= f->bound && r->wrong == 0;
    printf("  %-8s %-7s worst %.4f of %g ulp, at %.9g%s\n", f->name, set, exact, f->bound, (double)r->x,
           passed ? "" : "  FAILED");
    if (r->wrong)
        printf("    %lld special results are wrong, at %.9g first\n", (long long)r->wrong,
               (double)r->example);
    return passed;
}

int main(int count, char **arguments) {
    const function *f = NULL;
    for (size_t i = 0; count > 3 && i < sizeof functions / sizeof functions[0]; i++)
        if (strcmp(arguments[1], functions[i].name) == 0) f = &functions[i];
    uint64_t stride = f ? strtoull(arguments[2], NULL, 10) : 0;
    enum { SETS = 4 };
    if (stride < 1 || count - 3 > SETS) {
        fprintf(stderr, "usage: check exp|tanh|sigmoid STRIDE SET…\n");
        return 2;
    }
    int sets = count - 3;
    record records[SETS] = {{0}};
    static float x[2][CHUNK], y[2][CHUNK];
    static double truth[2][CHUNK];
    for (uint64_t first = 0; first <= 0x7fffffff; first += CHUNK * stride) {
        fill(x[0], x[1], first, stride);
        for (int sign = 0; sign < 2; sign++) {
            f->truth(truth[sign], x[sign]);
            if (trust(f, x[sign], truth[sign])) continue;
            printf("  %s: the truth at %.9g is wrong\n", f->name, (double)x[sign][0]);
            return 1;
        }
        for (int set = 0; set < sets; set++) {
            bool ran = ck_select_isa(arguments[3 + set]) == CK_OK;
            for (int sign = 0; sign < 2; sign++) ran = ran && f->kernel(y[sign], x[sign], CHUNK) == CK_OK;
            if (!ran) {
                printf("  %s does not run on %s\n", f->name, arguments[3 + set]);
                return 1;
            }
            for (int sign = 0; sign < 2; sign++)
                judge(&records[set], f, x[sign], y[sign], y[1 - sign], truth[sign]);
        }
    }
    bool passed = true;
    for (int set = 0; set < sets; set++) passed &= report(f, arguments[3 + set], &records[set]);
    return passed ? 0 : 1;
}
