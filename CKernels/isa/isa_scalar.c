// One float at a time at the compiler's baseline: the yardstick, and the set of last resort.

#include <math.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include "../runtime/kernels.h"

#define CK_SET scalar
#define CK_LANES 1
#define CK_FUSED 0
#define CK_NV 2
#define CK_DOTS 0
#include "instantiate.h"
