// The kernels as isa_avx512.c and isa_avx512bf16.c instantiate them, 16 lanes and all, but for the
// instructions that the compiler is asked for: it takes the place of one of them. The command line says of
// which, in CK_SET and CK_DOTS. Vectors that have no register become several, and dot products for which it
// names no instruction are plain vector code.
#include <immintrin.h>
#include <math.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include "../../CKernels/runtime/kernels.h"

#include "../../CKernels/isa/avx512.h"

#include "../../CKernels/isa/instantiate.h"
