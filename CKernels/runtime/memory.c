// Memory for arrays. A training step makes its gradients and activations anew, hundreds of megabytes; what
// the system hands out in pages of 4 KiB costs it a fault each, about a tenth of the step.
#define _DEFAULT_SOURCE // for madvise
#include <stdlib.h>
#include <sys/mman.h>
#include "runtime.h"

enum { LINE = 64, HUGE_PAGE = 2 << 20 };

float *ck_allocate_f32(int64_t count) {
    if (count < 0 || count > INT64_MAX / 8) return NULL;
    size_t bytes = (size_t)(count > 0 ? count : 1) * sizeof(float);
    if (bytes < HUGE_PAGE) return aligned_alloc(LINE, (bytes + LINE - 1) / LINE * LINE);
    bytes = (bytes + HUGE_PAGE - 1) / HUGE_PAGE * HUGE_PAGE;
    float *memory = aligned_alloc(HUGE_PAGE, bytes);
#ifdef MADV_HUGEPAGE
    // A wish, which the system may refuse.
    if (memory) madvise(memory, bytes, MADV_HUGEPAGE);
#endif
    return memory;
}

void ck_free_f32(float *memory) { free(memory); }
