// The matrix product's inner loops over packed panels.
//
//     packed a: panels of CK_MR rows,    [panel][step][CK_MR] of 4 bytes
//     packed b: panels of CK_NR columns, [panel][step][CK_NR], CK_NR = CK_NV vectors
//
// Both are padded to whole panels; what is computed of the padding is not kept. Floats of a are also read as
// they lie, where too few columns meet them to be worth packing. The register tile is CK_MR ×
// CK_NV vectors of accumulators: 6 × 2 fills the 16 registers of AVX2 and SSE2 (12 sums, 2 of b, 1 or 2 of
// a), 6 × 4 the 32 of AVX-512 and NEON.
//
// How many k a step meets (CK_DEPTH), and what it holds of column j of b, depend on what the target
// multiplies:
//
//                  floats, pairs of shorts          dot products (CK_DOTS)
//     float32      b_k,j                            b_k,j
//     bfloat16     b_k,j and b_k,j+CK_LANES         b_k,j and b_k+1,j
//     int8         b_k,j and b_k+1,j                b_k,j to b_k+3,j
//
// On the left b is widened in registers, and a holds floats and pairs of shorts; on the right a holds the
// like of b.
//
// The sums of int8 are integers in the same registers. There a has 128 added to it, since the dot product of
// bytes wants one factor without a sign; each column's sum starts from what that is too much.

#define CK_MR 6
#define CK_NR (CK_NV * CK_LANES)
#define CK_DEPTH_LOG2(precision) (CK_DOTS ? (precision) : (precision) == CK_INT8)
#define CK_DEPTH(precision) (1 << CK_DEPTH_LOG2(precision))

// The next CK_LANES steps of a row of a whose n ≥ 1 elements are adjacent, in float32 or bfloat16.
CK_INLINE vf load_row(const ck_precision precision, const float *row, int64_t n) {
    vf first = vf_load_first(row, n);
    if (precision == CK_FLOAT32) return first;
    if (CK_DEPTH(precision) == 1) return (vf)vu_pair_bfloat16(first, vf_set(0));
    const vf both[2] = {first, n > CK_LANES ? vf_load_first(row + CK_LANES, n - CK_LANES) : vf_set(0)};
    vf_pairs pairs;
    memcpy(&pairs, both, sizeof pairs);
    return (vf)vu_pair_bfloat16(pairs.even, pairs.odd);
}

// The CK_LANES steps from s on of one panel of n ≤ width rows: squares of lanes are transposed. `whole`, a
// constant in every copy: all rows and steps are there, and so many more steps follow that what a narrow
// panel spills is written over.
CK_INLINE void pack_squares(const ck_precision precision, const bool whole, const int width, float *out,
                            const float *rows, int64_t stride, int64_t n, int64_t s, int64_t kc) {
    const int64_t depth = CK_DEPTH(precision), steps = ck_blocks(kc, depth);
    for (int first = 0; first < width; first += CK_LANES) {
        vf x[CK_LANES];
        for (int i = 0; i < CK_LANES; i++)
            x[i] = first + i < (whole ? width : n)
                       ? load_row(precision, rows + (first + i) * stride + depth * s,
                                  whole ? depth * CK_LANES : kc - depth * s)
                       : vf_set(0);
        vf_transpose(x);
        for (int i = 0; i < CK_LANES && (whole || s + i < steps); i++) {
            // In a panel narrower than a vector each step mends what the last one spilled.
            const int64_t room = width >= CK_LANES ? width - first
                                 : whole           ? CK_LANES
                                                   : (steps - s - i) * width;
            vf_store_first(out + (s + i) * width + first, x[i], room);
        }
    }
}

// One panel of n ≤ width rows whose elements are adjacent: [step][width].
CK_INLINE void pack_rows(const ck_precision precision, const int width, float *out, const float *rows,
                         int64_t stride, int64_t n, int64_t kc) {
    const int64_t steps = ck_blocks(kc, CK_DEPTH(precision));
    int64_t s = 0;
    if (n == width)
        for (; s + 2 * CK_LANES <= steps; s += CK_LANES)
            pack_squares(precision, true, width, out, rows, stride, n, s, kc);
    for (; s < steps; s += CK_LANES) pack_squares(precision, false, width, out, rows, stride, n, s, kc);
}

// One panel of n ≤ width rows, zeros in place of those that it lacks.
CK_INLINE void pack_panel(const int width, float *out, const float *rows, int64_t stride, int64_t k_stride,
                          int64_t n, int64_t kc) {
    if (k_stride == 1) {
        pack_rows(CK_FLOAT32, width, out, rows, stride, n, kc);
        return;
    }
    memset(out, 0, (size_t)(kc * width) * sizeof(float));
    for (int64_t k = 0; k < kc; k++)
        for (int64_t i = 0; i < n; i++) out[k * width + i] = rows[i * stride + k * k_stride];
}

// Steps that are copied to a panel at a time: their rows in the source, which may all share a place in the
// cache, fill its eight ways.
enum { CK_STRIP = 8 };

// At most CK_STRIP steps of one panel; the elements of a step are adjacent in the source.
CK_INLINE void copy_steps(const int width, float *out, const float *source, int64_t k_stride, int64_t steps) {
    const size_t bytes = (size_t)width * sizeof(float);
    if (steps == CK_STRIP)
        for (int s = 0; s < CK_STRIP; s++) memcpy(out + s * width, source + s * k_stride, bytes);
    else
        for (int64_t s = 0; s < steps; s++) memcpy(out + s * width, source + s * k_stride, bytes);
}

// Lays `count` rows (or columns) of length kc out in panels of `width`. Element (i, k) is source[i * stride +
// k * k_stride].
CK_INLINE void pack_panels(const int width, float *out, const float *source, int64_t stride, int64_t k_stride,
                           int64_t count, int64_t kc) {
    int64_t first = 0;
    if (stride == 1 && k_stride != 1) {
        first = count / width * width;
        // Some steps of all panels at a time: memory is read as it lies, and the lines that are written,
        // which share their place in the cache where kc is a power of two, are filled at once.
        for (int64_t k = 0; k < kc; k += CK_STRIP)
            for (int64_t i = 0; i < first; i += width)
                copy_steps(width, out + i * kc + k * width, source + i + k * k_stride, k_stride,
                           ck_min(CK_STRIP, kc - k));
    }
    for (; first < count; first += width)
        pack_panel(width, out + first * kc, source + first * stride, stride, k_stride,
                   ck_min(width, count - first), kc);
}

static void pack_a_panels(float *out, const float *source, int64_t stride, int64_t k_stride, int64_t count,
                          int64_t kc) {
    pack_panels(CK_MR, out, source, stride, k_stride, count, kc);
}

static void pack_b_panels(float *out, const float *source, int64_t stride, int64_t k_stride, int64_t count,
                          int64_t kc) {
    pack_panels(CK_NR, out, source, stride, k_stride, count, kc);
}

// One step of a panel of b in registers.
CK_INLINE void load_step(const ck_precision precision, vf right[CK_NV], const char *b) {
    if (CK_DOTS || precision == CK_FLOAT32)
        for (int j = 0; j < CK_NV; j++) right[j] = vf_load((const float *)b + j * CK_LANES);
    else if (precision == CK_BFLOAT16)
        for (int j = 0; j < CK_NV; j += 2) {
            vu two = vu_load(b + 2 * j * CK_LANES);
            right[j] = vf_first_bfloat16(two), right[j + 1] = vf_second_bfloat16(two);
        }
    else
        for (int j = 0; j < CK_NV; j++) right[j] = (vf)vs_load_bytes(b + 2 * j * CK_LANES);
}

CK_INLINE vf add_step(const ck_precision precision, vf sum, vf left, vf right) {
    if (precision == CK_INT8)
        return CK_DOTS ? (vf)vu_dot_bytes((vu)sum, (vu)left, (vu)right)
                       : (vf)((vu)sum + (vu)vi_dot_pairs((vs)left, (vs)right));
    if (precision == CK_BFLOAT16 && CK_DOTS) return vf_dot_bfloat16(sum, (vu)left, (vu)right);
    return vf_fma(left, right, sum);
}

// Columns j … of row i of a block, from their sum on.
CK_INLINE void finish_sum(const ck_precision precision, const ck_matmul_block *block, int64_t i, int64_t j,
                          vf sum) {
    const int64_t n = block->columns - j;
    if (n <= 0) return;
    float *out = block->c + i * block->c_stride + j;
    if (precision == CK_INT8) {
        // By itself, so that no product is fused and every set gives the same bits.
        sum = __builtin_convertvector(vi_of(sum), vf) * vf_load_first(block->b_scales + j, n);
        sum = sum * vf_set(block->a_scales[i]);
    }
    if (block->flags & CK_ACCUMULATE) sum += vf_load_first(out, n);
    if (block->bias) sum += vf_load_first(block->bias + j, n);
    if (block->flags & CK_TANH) sum = vf_tanh(sum);
    vf_store_first(out, sum, n);
}

// As finish_sum for a whole tile of floats without an activation, which needs no tests and stays in
// registers.
CK_INLINE void finish_whole(const int rows, const int vectors, const ck_matmul_block *block, int64_t i,
                            int64_t j, vf *sum) {
    float *c = block->c + i * block->c_stride + j;
    if (block->flags & CK_ACCUMULATE)
        for (int r = 0; r < rows; r++)
            for (int v = 0; v < vectors; v++)
                sum[r * vectors + v] += vf_load(c + r * block->c_stride + v * CK_LANES);
    if (block->bias)
        for (int v = 0; v < vectors; v++) {
            vf bias = vf_load(block->bias + j + v * CK_LANES);
            for (int r = 0; r < rows; r++) sum[r * vectors + v] += bias;
        }
    for (int r = 0; r < rows; r++)
        for (int v = 0; v < vectors; v++)
            vf_store(c + r * block->c_stride + v * CK_LANES, sum[r * vectors + v]);
}

// One register tile: `rows` ≤ CK_MR rows from row i on, as far as the block has them, `panels` panels of b
// from column j on (constants in every copy, as is whether a lies in panels).
CK_INLINE void matmul_tile(const ck_precision precision, const bool in_panels, const int rows,
                           const int panels, const ck_matmul_block *block, int64_t i, int64_t j) {
    const int64_t steps = block->steps, bytes = ck_step_bytes(precision, CK_DEPTH_LOG2(precision));
    const int64_t step = CK_NR * bytes;
    const int64_t a_row = in_panels ? 1 : block->a_row_stride;
    const int64_t a_step = in_panels ? CK_MR : block->a_step_stride;
    const float *a = block->a + i * (in_panels ? steps : a_row);
    const char *b = block->b + j * steps * bytes;
    // Sums that are reached by constants alone stay in registers; the loop at the end reads a copy.
    vf sum[CK_MR * CK_NV], finished[CK_MR * CK_NV];
    for (int s = 0; s < rows * panels * CK_NV; s++)
        sum[s] = precision == CK_INT8 ? (vf)vu_load(block->b_starts + j + s % (panels * CK_NV) * CK_LANES)
                                      : vf_set(0);
    // Rows of c that are a power of two apart share their place in the cache: what a neighbour's tile brought
    // in is gone by now.
    if (rows == CK_MR)
        for (int r = 0; r < rows; r++)
            for (int v = 0; v < CK_NR && j + v < block->columns; v += 16)
                __builtin_prefetch(block->c + (i + r) * block->c_stride + j + v, 1);
#pragma clang loop unroll_count(4)
    for (int64_t k = 0; k < steps; k++, a += a_step, b += step)
        for (int p = 0; p < panels; p++) {
            vf right[CK_NV];
            load_step(precision, right, b + p * steps * step);
            for (int r = 0; r < rows; r++) {
                vf left = vf_set(a[r * a_row]), *to = sum + (r * panels + p) * CK_NV;
                for (int v = 0; v < CK_NV; v++) to[v] = add_step(precision, to[v], left, right[v]);
            }
        }
    if (precision != CK_INT8 && !(block->flags & CK_TANH) && i + rows <= block->rows &&
        j + panels * CK_NR <= block->columns) {
        finish_whole(rows, panels * CK_NV, block, i, j, sum);
        return;
    }
    memcpy(finished, sum, (size_t)(rows * panels * CK_NV) * sizeof(vf));
    for (int r = 0; r < rows && i + r < block->rows; r++)
        for (int v = 0; v < panels * CK_NV; v++)
            finish_sum(precision, block, i + r, j + v * CK_LANES, finished[r * panels * CK_NV + v]);
}

// All columns of `rows` rows from i on; as many panels of b at a time as keep the multipliers busy.
CK_INLINE void matmul_rows(const ck_precision precision, const bool in_panels, const int rows,
                           const int panels, const ck_matmul_block *block, int64_t i) {
    int64_t j = 0;
    for (; panels > 1 && j + panels * CK_NR <= block->columns; j += panels * CK_NR)
        matmul_tile(precision, in_panels, rows, panels, block, i, j);
    for (; j < block->columns; j += CK_NR) matmul_tile(precision, in_panels, rows, 1, block, i, j);
}

// b's panel stays in L1 while a's stream past it; each weight is read once by all whole panels of a, and once
// by the rows that are left.
CK_INLINE void matmul_panels(const ck_precision precision, const bool in_panels,
                             const ck_matmul_block *block) {
    const int64_t whole = block->rows / CK_MR * CK_MR;
    for (int64_t j = 0; whole > 0 && j < block->columns; j += CK_NR)
        for (int64_t i = 0; i < whole; i += CK_MR) matmul_tile(precision, in_panels, CK_MR, 1, block, i, j);
    switch (block->rows - whole) {
    case 1:
        matmul_rows(precision, in_panels, 1, 4, block, whole);
        break;
    case 2:
        matmul_rows(precision, in_panels, 2, 3, block, whole);
        break;
    case 3: // in panels one more that is not kept: four keep the multipliers busier
        matmul_rows(precision, in_panels, in_panels ? 4 : 3, 1, block, whole);
        break;
    case 4:
        matmul_rows(precision, in_panels, 4, 1, block, whole);
        break;
    case 5:
        matmul_rows(precision, in_panels, 5, 1, block, whole);
        break;
    }
}

static void matmul_block(const ck_matmul_block *block) {
    switch (block->precision) {
    case CK_FLOAT32:
        if (block->a_in_panels)
            matmul_panels(CK_FLOAT32, true, block);
        else
            matmul_panels(CK_FLOAT32, false, block);
        break;
    case CK_BFLOAT16:
        matmul_panels(CK_BFLOAT16, true, block);
        break;
    case CK_INT8:
        matmul_panels(CK_INT8, true, block);
        break;
    }
}
