// How many threads a call may use. The package's own number; OpenMP's settings are read once and never
// written.
#include <stdatomic.h>
#include "runtime.h"

#if defined(_OPENMP)
// Declared here because omp.h lies in the folder of whichever compiler libomp came with.
extern int omp_get_max_threads(void);
extern int omp_get_num_procs(void);
extern int omp_get_thread_num(void);
#else
static int omp_get_max_threads(void) { return 1; }
static int omp_get_num_procs(void) { return 1; }
static int omp_get_thread_num(void) { return 0; }
#endif

enum { MOST_THREADS = 1024 };
static atomic_int chosen;

int ck_threads(void) {
    int threads = atomic_load_explicit(&chosen, memory_order_relaxed);
    if (threads > 0) return threads;
    // What OMP_NUM_THREADS asks for may be no number of threads at all.
    threads = omp_get_max_threads();
    return threads > 0 && threads <= MOST_THREADS ? threads : omp_get_num_procs();
}

ck_status ck_set_threads(int threads) {
    if (threads < 0 || threads > MOST_THREADS) return CK_OUT_OF_RANGE;
    atomic_store_explicit(&chosen, threads, memory_order_relaxed);
    return CK_OK;
}

int ck_threads_for(int64_t work) { return work < CK_PARALLEL_THRESHOLD ? 1 : ck_threads(); }

int ck_thread_index(void) { return omp_get_thread_num(); }

ck_status ck_check_range(const int32_t *values, int64_t count, int64_t lowest, int64_t highest) {
    for (int64_t i = 0; i < count; i++)
        if (values[i] < lowest || values[i] > highest) return CK_OUT_OF_RANGE;
    return CK_OK;
}
