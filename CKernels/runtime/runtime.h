// What ops/ share: the table, threads, scratch memory and the checks of arguments.
#ifndef CK_RUNTIME_INTERNAL_H
#define CK_RUNTIME_INTERNAL_H

#include <stdbool.h>
#include <stddef.h>
#include <string.h>
#include "kernels.h"

// Work of fewer operations than this stays on one thread: about 20 µs, what waking the others costs.
#define CK_PARALLEL_THRESHOLD 1000000

// The tasks of a parallel region, handed to whichever thread asks next: 0, 1, 2, … . (OpenMP's dynamic loops
// would do, but clang 21 compiles them to a call that Debian 12's libomp 14 does not have.) What a task
// writes is its own, so that results do not depend on who does it.
typedef _Atomic int64_t ck_counter;
static inline int64_t ck_next(ck_counter *counter) { return (*counter)++; }

// The threads for an amount of work, counted in multiply-adds or something as dear.
int ck_threads_for(int64_t work);

// The index of the calling thread in its parallel region: 0 … threads − 1.
int ck_thread_index(void);

// 64-byte aligned scratch of the calling thread, kept for its next call; null when there is no memory (or
// count < 0). Returned in the opposite order of taking. Usable by every thread of a parallel region that the
// taker opens.
float *ck_scratch_take(int64_t count);
void ck_scratch_return(void);

// a · b, or −1 on overflow or where a or b is negative.
static inline int64_t ck_product(int64_t a, int64_t b) {
    int64_t result;
    return a < 0 || b < 0 || __builtin_mul_overflow(a, b, &result) ? -1 : result;
}

#define CK_TRY(expression)                                                                                   \
    do {                                                                                                     \
        ck_status ck_try_status = (expression);                                                              \
        if (ck_try_status != CK_OK) return ck_try_status;                                                    \
    } while (0)

#define CK_REQUIRE(condition, status)                                                                        \
    do {                                                                                                     \
        if (!(condition)) return status;                                                                     \
    } while (0)

// Every size lies in 0 … 2⁴⁰, so that small multiples and sums of sizes cannot overflow; products of two or
// more are asked of ck_product.
#define CK_SIZES(...)                                                                                        \
    do {                                                                                                     \
        const int64_t ck_sizes[] = {__VA_ARGS__};                                                            \
        for (size_t i = 0; i < sizeof ck_sizes / sizeof ck_sizes[0]; i++)                                    \
            CK_REQUIRE(ck_sizes[i] >= 0 && ck_sizes[i] <= INT64_C(1) << 40, CK_BAD_SIZE);                    \
    } while (0)

// An array of `count` elements must be there unless it is empty; a negative count is what ck_product says of
// overflow.
#define CK_ARRAY(pointer, count)                                                                             \
    do {                                                                                                     \
        CK_REQUIRE((count) >= 0, CK_BAD_SIZE);                                                               \
        CK_REQUIRE((pointer) || (count) == 0, CK_NULL_POINTER);                                              \
    } while (0)

// The same of several arrays of one count.
#define CK_ARRAYS(count, ...)                                                                                \
    do {                                                                                                     \
        const void *const ck_arrays[] = {__VA_ARGS__};                                                       \
        for (size_t i = 0; i < sizeof ck_arrays / sizeof ck_arrays[0]; i++) CK_ARRAY(ck_arrays[i], count);   \
    } while (0)

ck_status ck_check_range(const int32_t *values, int64_t count, int64_t lowest, int64_t highest);

#endif
