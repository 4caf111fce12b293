// What Swift needs of libsentencepiece, in C. Without the package trait SentencePiece nothing of it is built.
#pragma once
#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct cs_model cs_model;

// A model from the bytes of its file; NULL where they are none. Freed by cs_free.
cs_model *cs_load(const char *bytes, size_t count);
void cs_free(cs_model *model);

// The pieces of a text, each followed by a zero byte, and their size in bytes; NULL where memory ran out.
// Freed by free().
char *cs_pieces(const cs_model *model, const char *text, size_t count, size_t *size);

// The text of pieces that stand as cs_pieces returns them, and its size; NULL where memory ran out. Freed by
// free().
char *cs_text(const cs_model *model, const char *pieces, size_t count, size_t *size);

#ifdef __cplusplus
}
#endif
