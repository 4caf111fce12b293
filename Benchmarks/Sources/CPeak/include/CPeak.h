// The machine's ceilings: one thread's multiply-adds, reads and writes with the vectors of an instruction
// set.
//
// A set is named as CKernels names it. "scalar" is the compiler's baseline, with the vectors that the
// compiler may use there (SSE2 on x86-64), because it may vectorise scalar kernels too.
#ifndef CPEAK_H
#define CPEAK_H

#include <stdint.h>

// Multiplies and adds in registers, in enough independent chains to hide the latency. Returns the
// floating-point operations done, two a multiply-add; 0 for a set that is not in this build.
double peak_multiply_add(const char *set, int64_t rounds);

// Reads `count` floats once; does nothing for a set that is not in this build.
void peak_read(const char *set, const float *data, int64_t count);

// Reads and writes `count` floats once, in place.
void peak_negate(const char *set, float *data, int64_t count);

// The C compiler that made this library.
const char *peak_compiler(void);

#endif
