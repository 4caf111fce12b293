// Which instruction set runs: found once, overridden by CKERNELS_ISA or ck_select_isa.
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include "kernels.h"

extern const ck_kernels ck_kernels_scalar;

#if defined(__x86_64__)
extern const ck_kernels ck_kernels_avx2, ck_kernels_avx512, ck_kernels_avx512bf16;

static int has_avx512(void) {
    return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
           __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl");
}
static int has_avx512bf16(void) {
    return has_avx512() && __builtin_cpu_supports("avx512vnni") && __builtin_cpu_supports("avx512bf16");
}
static int has_avx2(void) { return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma"); }
static int always(void) { return 1; }

static const struct {
    const ck_kernels *table;
    int (*supported)(void);
} sets[] = {{&ck_kernels_avx512bf16, has_avx512bf16},
            {&ck_kernels_avx512, has_avx512},
            {&ck_kernels_avx2, has_avx2},
            {&ck_kernels_scalar, always}};
#elif defined(__aarch64__)
extern const ck_kernels ck_kernels_neon;

static int always(void) { return 1; }

static const struct {
    const ck_kernels *table;
    int (*supported)(void);
} sets[] = {{&ck_kernels_neon, always}, {&ck_kernels_scalar, always}};
#else
#error "CKernels knows x86-64 and 64-bit Arm"
#endif

enum { set_count = sizeof sets / sizeof sets[0] };

static const char *const known[] = {"scalar", "avx2", "avx512", "avx512bf16", "neon"};

static _Atomic(const ck_kernels *) selected;

static ck_status find(const char *name, const ck_kernels **table) {
    for (int i = 0; i < set_count; i++)
        if (sets[i].supported() && (!name || strcmp(name, sets[i].table->name) == 0)) {
            *table = sets[i].table;
            return CK_OK;
        }
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++)
        if (strcmp(name, known[i]) == 0) return CK_UNSUPPORTED_ISA;
    return CK_UNKNOWN_ISA;
}

ck_status ck_table(const ck_kernels **table) {
    *table = atomic_load_explicit(&selected, memory_order_acquire);
    if (*table) return CK_OK;
    const char *name = getenv("CKERNELS_ISA");
    ck_status status = find(name && *name ? name : NULL, table);
    // Another thread may have selected a set in the meantime: that one stays.
    const ck_kernels *none = NULL;
    if (status == CK_OK && !atomic_compare_exchange_strong(&selected, &none, *table)) *table = none;
    return status;
}

bool ck_is_table(const ck_kernels *table) {
    for (int i = 0; i < set_count; i++)
        if (sets[i].table == table) return true;
    return false;
}

ck_status ck_select_isa(const char *name) {
    const ck_kernels *table;
    ck_status status = find(name, &table);
    if (status == CK_OK) atomic_store_explicit(&selected, table, memory_order_release);
    return status;
}

const char *ck_isa(void) {
    const ck_kernels *table;
    return ck_table(&table) == CK_OK ? table->name : NULL;
}

const char *ck_isa_at(int index) {
    for (int i = 0; i < set_count; i++)
        if (sets[i].supported() && index-- == 0) return sets[i].table->name;
    return NULL;
}

int ck_isa_count(void) {
    int count = 0;
    while (ck_isa_at(count)) count++;
    return count;
}

const char *ck_status_message(ck_status status) {
    switch (status) {
    case CK_OK:
        return "no error";
    case CK_NULL_POINTER:
        return "a pointer to a non-empty array is null";
    case CK_BAD_SIZE:
        return "a size is negative or above 2^40, or a product of sizes overflows";
    case CK_OUT_OF_RANGE:
        return "a length, an index or a parameter lies outside of its range";
    case CK_UNKNOWN_ISA:
        return "no such instruction set; there are scalar, avx2, avx512, avx512bf16 and neon (see "
               "CKERNELS_ISA)";
    case CK_UNSUPPORTED_ISA:
        return "this machine cannot run the instruction set asked for (see CKERNELS_ISA)";
    case CK_WRONG_PACKING:
        return "the packed matrix was made for other sizes, or in int8 for a backward, or is none";
    case CK_NO_MEMORY:
        return "out of memory";
    }
    return "unknown status";
}
