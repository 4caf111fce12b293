// Status codes, the instruction set in use, and the number of threads.
#ifndef CK_RUNTIME_H
#define CK_RUNTIME_H

#include <stdint.h>

#ifdef __cplusplus
#define CK_EXTERN extern "C"
#else
#define CK_EXTERN extern
#endif

typedef enum ck_status {
    CK_OK = 0,
    CK_NULL_POINTER,
    CK_BAD_SIZE,     // a size is negative or above 2⁴⁰, or a product of sizes overflows
    CK_OUT_OF_RANGE, // a length, an index or a parameter lies outside of what its array or formula allows
    CK_UNKNOWN_ISA,  // CKERNELS_ISA or ck_select_isa names a set that does not exist
    CK_UNSUPPORTED_ISA,
    CK_WRONG_PACKING, // a packed matrix was made for other sizes, or in int8 for a backward, or is none
    CK_NO_MEMORY,
} ck_status;

// One English sentence, never null.
CK_EXTERN const char *ck_status_message(ck_status status);

// The sets that this machine can run, best first: index 0 … ck_isa_count() − 1; null outside of that range.
CK_EXTERN int ck_isa_count(void);
CK_EXTERN const char *ck_isa_at(int index);

// The set in use. At first that is the environment's CKERNELS_ISA, else the best one; null when CKERNELS_ISA
// names no set that runs here (every other function then returns the reason as its status).
CK_EXTERN const char *ck_isa(void);

// Uses another set from now on, in the whole process; null chooses the best one. A packed matrix goes on with
// the set that packed it, so other threads may be in the middle of their calls.
CK_EXTERN ck_status ck_select_isa(const char *name);

// The number of threads that one call may use, in the whole process: OpenMP's default (OMP_NUM_THREADS or the
// cores) until it is set; 0 goes back to that. OpenMP's own settings are never changed.
CK_EXTERN int ck_threads(void);
CK_EXTERN ck_status ck_set_threads(int threads);

// Memory for `count` floats, aligned to 64 bytes; null when there is none, or for a negative count. Arrays
// may come from anywhere. From here large ones, of 2 MiB or more, come in huge pages where the system has
// them, and once freed are kept for others: together with what is in use never more than was in use at most.
CK_EXTERN float *ck_allocate_f32(int64_t count);
// `count` as it was allocated; null is fine.
CK_EXTERN void ck_free_f32(float *memory, int64_t count);
// The bytes that are kept, and giving them back to the system.
CK_EXTERN int64_t ck_kept_memory(void);
CK_EXTERN void ck_release_memory(void);

#endif
