// CKernels: attention, recurrence, matrix products and losses on float arrays, forward and backward.
//
// Conventions, for every function of every header here:
// - arguments stand in the order outputs, inputs, parameters, sizes; arrays are row-major, contiguous where
// no
//   stride is given, and outputs overlap no input unless the contract says "in place";
// - outputs are overwritten unless the contract says "accumulates";
// - dimensions: B batch, Tq queries, Tk keys, H query and key width, D value width, N rows, V vocabulary;
// - a size of zero is legal and does nothing but zero what it must; a negative size, a null pointer to a
//   non-empty array, a length or an index out of range gives a status, and nothing is written;
// - results are bit-identical for every number of threads: work is cut at places that depend on the sizes
// alone;
// - callers on several threads are normal; scratch memory is kept by each calling thread.
#ifndef CKERNELS_H
#define CKERNELS_H

#include "ck_attention.h"
#include "ck_elementwise.h"
#include "ck_layer_norm.h"
#include "ck_loss.h"
#include "ck_matmul.h"
#include "ck_optimizer.h"
#include "ck_recurrent.h"
#include "ck_rows.h"
#include "ck_runtime.h"
#include "ck_softmax.h"

#endif
