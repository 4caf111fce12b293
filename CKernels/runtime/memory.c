// Memory for arrays. A training step makes its activations and gradients anew, hundreds of megabytes, and
// frees them at its end. What then comes from the system comes as pages that it must first clear, 4 KiB at a
// time or a huge page, and on a virtual machine must perhaps fetch from the host: a tenth of the step.
//
// So large blocks are kept for the next array of their size, as long as what is in use and what is kept
// together stay within what was in use at most: a program never holds more than it once needed.
#define _DEFAULT_SOURCE // for madvise
#include <pthread.h>
#include <stdlib.h>
#include <sys/mman.h>
#include "runtime.h"

enum { LINE = 64, HUGE_PAGE = 2 << 20, KEPT = 512 };

static struct {
    pthread_mutex_t lock;
    int64_t in_use, kept, most; // bytes
    int count;                  // of the blocks that are kept, oldest first
    struct {
        float *memory;
        int64_t bytes;
    } blocks[KEPT];
} pool = {.lock = PTHREAD_MUTEX_INITIALIZER};

// What an array takes: whole lines, or whole huge pages, in steps of an eighth of the size at most, so that
// arrays of about the same size take each other's places.
static int64_t size_of(int64_t count) {
    int64_t bytes = ck_whole((count > 0 ? count : 1) * (int64_t)sizeof(float), LINE), step = HUGE_PAGE;
    if (bytes < HUGE_PAGE) return bytes;
    while (step < bytes / 16) step *= 2;
    return ck_whole(bytes, step);
}

// Takes a block out of the pool.
static float *take(int index) {
    float *memory = pool.blocks[index].memory;
    pool.kept -= pool.blocks[index].bytes;
    pool.count--;
    memmove(pool.blocks + index, pool.blocks + index + 1,
            (size_t)(pool.count - index) * sizeof pool.blocks[0]);
    return memory;
}

static float *take_of_size(int64_t bytes) {
    for (int i = pool.count - 1; i >= 0; i--)
        if (pool.blocks[i].bytes == bytes) return take(i);
    return NULL;
}

static void give_back_all(void) {
    while (pool.count > 0) free(take(pool.count - 1));
}

static float *from_system(int64_t bytes) {
    float *memory = aligned_alloc(HUGE_PAGE, (size_t)bytes);
#ifdef MADV_HUGEPAGE
    // A wish, which the system may refuse.
    if (memory) madvise(memory, (size_t)bytes, MADV_HUGEPAGE);
#endif
    return memory;
}

static float *allocate_block(int64_t bytes) {
    float *memory = take_of_size(bytes);
    if (!memory) {
        while (pool.count > 0 && pool.in_use + bytes + pool.kept > pool.most) free(take(0));
        memory = from_system(bytes);
    }
    if (!memory) {
        give_back_all();
        memory = from_system(bytes);
    }
    if (!memory) return NULL;
    pool.in_use += bytes;
    if (pool.most < pool.in_use) pool.most = pool.in_use;
    return memory;
}

float *ck_allocate_f32(int64_t count) {
    if (count < 0 || count > INT64_MAX / 16) return NULL;
    const int64_t bytes = size_of(count);
    if (bytes < HUGE_PAGE) return aligned_alloc(LINE, (size_t)bytes);
    pthread_mutex_lock(&pool.lock);
    float *memory = allocate_block(bytes);
    pthread_mutex_unlock(&pool.lock);
    return memory;
}

void ck_free_f32(float *memory, int64_t count) {
    const int64_t bytes = size_of(count);
    if (!memory || bytes < HUGE_PAGE) {
        free(memory);
        return;
    }
    pthread_mutex_lock(&pool.lock);
    if (pool.count == KEPT) free(take(0));
    pool.blocks[pool.count].memory = memory;
    pool.blocks[pool.count++].bytes = bytes;
    pool.kept += bytes;
    pool.in_use -= bytes;
    pthread_mutex_unlock(&pool.lock);
}

int64_t ck_kept_memory(void) {
    pthread_mutex_lock(&pool.lock);
    const int64_t bytes = pool.kept;
    pthread_mutex_unlock(&pool.lock);
    return bytes;
}

void ck_release_memory(void) {
    pthread_mutex_lock(&pool.lock);
    give_back_all();
    pool.most = pool.in_use;
    pthread_mutex_unlock(&pool.lock);
}
