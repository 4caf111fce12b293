// Included once by every isa_*.c, inside its target attribute, after CK_SET, CK_LANES, CK_FUSED, CK_NV
// and CK_DOTS: compiles every kernel for that set and defines its table.
#include "simd.h"
#include "../kernels/vmath-inl.h"
#include "../kernels/elementwise-inl.h"
#include "../kernels/vector-inl.h"
#include "../kernels/softmax-inl.h"
#include "../kernels/layer_norm-inl.h"
#include "../kernels/top_k-inl.h"
#include "../kernels/recurrent-inl.h"
#include "../kernels/matmul-inl.h"
#include "../kernels/quantise-inl.h"
#include "../kernels/tile-inl.h"
#include "../kernels/loss-inl.h"
#include "../kernels/additive-inl.h"
#include "../kernels/attention-inl.h"
#include "../kernels/attention_score-inl.h"
#include "../kernels/attention_forward-inl.h"
#include "../kernels/attention_backward-inl.h"
#include "../kernels/attention_rows-inl.h"

#define CK_TABLE_NAME(set) ck_kernels_##set
#define CK_DEFINE(set) CK_TABLE_NAME(set)
#define CK_TEXT(set) #set
#define CK_STRING(set) CK_TEXT(set)

const ck_kernels CK_DEFINE(CK_SET) = {
    .name = CK_STRING(CK_SET),
    .mr = CK_MR,
    .nr = CK_NR,
    .depth_log2 = {CK_DEPTH_LOG2(CK_FLOAT32), CK_DEPTH_LOG2(CK_BFLOAT16), CK_DEPTH_LOG2(CK_INT8)},
#define X(result, name, arguments) .name = name,
    CK_KERNEL_LIST(X)
#undef X
};
