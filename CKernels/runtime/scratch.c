// Scratch memory: a short stack of blocks for each thread that calls, grown when needed and freed with the
// thread.
#include <pthread.h>
#include <stdlib.h>
#include "runtime.h"

enum { depth_limit = 8 };

typedef struct scratch {
    int depth;
    float *block[depth_limit];
    int64_t count[depth_limit];
} scratch;

static pthread_key_t key;
static pthread_once_t once = PTHREAD_ONCE_INIT;

static void release(void *value) {
    scratch *s = value;
    for (int i = 0; i < depth_limit; i++) ck_free_f32(s->block[i], s->count[i]);
    free(s);
}

static void make_key(void) { pthread_key_create(&key, release); }

static scratch *current(void) {
    pthread_once(&once, make_key);
    scratch *s = pthread_getspecific(key);
    if (!s && (s = calloc(1, sizeof *s))) pthread_setspecific(key, s);
    return s;
}

float *ck_scratch_take(int64_t count) {
    scratch *s = current();
    if (!s || count < 0 || count > INT64_MAX / 8 || s->depth == depth_limit) return NULL;
    int level = s->depth;
    if (!s->block[level] || s->count[level] < count) {
        int64_t rounded = (count + 1023) / 1024 * 1024 + 1024;
        ck_free_f32(s->block[level], s->count[level]);
        s->count[level] = 0;
        s->block[level] = ck_allocate_f32(rounded);
        if (!s->block[level]) return NULL;
        s->count[level] = rounded;
    }
    s->depth++;
    return s->block[level];
}

void ck_scratch_return(void) { current()->depth--; }
