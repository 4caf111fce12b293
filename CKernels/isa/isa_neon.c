// NEON, which every 64-bit Arm has.
#if defined(__aarch64__)
#include <math.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include "../runtime/kernels.h"

#define CK_SET neon
#define CK_LANES 4
#define CK_FUSED 1
#define CK_NV 4
#define CK_DOTS 0
#include "instantiate.h"
#endif
