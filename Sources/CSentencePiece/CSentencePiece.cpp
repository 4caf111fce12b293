#ifdef SENTENCEPIECE
#include "CSentencePiece.h"

#include <cstdlib>
#include <cstring>
#include <memory>
#include <sentencepiece_processor.h>
#include <string>
#include <vector>

struct cs_model {
    sentencepiece::SentencePieceProcessor processor;
};

// No exception may leave for C.
template <class Body> static auto caught(Body body) -> decltype(body()) {
    try {
        return body();
    } catch (...) {
        return nullptr;
    }
}

static char *copied(const std::string &text, size_t *size) {
    *size = text.size();
    char *bytes = static_cast<char *>(malloc(text.size() + 1));
    if (bytes != nullptr) memcpy(bytes, text.c_str(), text.size() + 1);
    return bytes;
}

cs_model *cs_load(const char *bytes, size_t count) {
    return caught([=]() -> cs_model * {
        auto model = std::make_unique<cs_model>();
        return model->processor.LoadFromSerializedProto({bytes, count}).ok() ? model.release() : nullptr;
    });
}

void cs_free(cs_model *model) { delete model; }

char *cs_pieces(const cs_model *model, const char *text, size_t count, size_t *size) {
    return caught([=]() -> char * {
        std::vector<std::string> pieces;
        if (!model->processor.Encode({text, count}, &pieces).ok()) return nullptr;
        std::string result;
        for (const auto &piece : pieces) result.append(piece).push_back('\0');
        return copied(result, size);
    });
}

char *cs_text(const cs_model *model, const char *pieces, size_t count, size_t *size) {
    return caught([=]() -> char * {
        std::vector<std::string> list;
        for (size_t start = 0; start < count; start += list.back().size() + 1)
            list.emplace_back(pieces + start);
        std::string text;
        if (!model->processor.Decode(list, &text).ok()) return nullptr;
        return copied(text, size);
    });
}
#endif
