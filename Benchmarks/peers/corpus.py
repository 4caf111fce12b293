"""Corpora as `attend train` reads them: the same tokens, vocabularies and batches, in the same order."""
import collections
import math
import pathlib
import unicodedata

import numpy as np

UNKNOWN, START, END = 0, 1, 2
RESERVED = ["<unk>", "<s>", "</s>"]


class SeededGenerator:
    """SplitMix64, as SeededGenerator.swift."""
    GAMMA, MASK = 0x9E3779B97F4A7C15, (1 << 64) - 1

    def __init__(self, seed):
        self.state = seed & self.MASK

    def next(self):
        self.state = (self.state + self.GAMMA) & self.MASK
        z = self.state
        z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & self.MASK
        z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & self.MASK
        return z ^ (z >> 31)

    def integer(self, bound):
        unfair = (1 << 64) % bound
        while True:
            product = self.next() * bound
            if product & self.MASK >= unfair:
                return product >> 64

    def shuffled(self, elements):
        result = list(elements)
        for last in range(len(result) - 1, 0, -1):
            other = self.integer(last + 1)
            result[last], result[other] = result[other], result[last]
        return result

    def uniform(self, shape, bound):
        """Floats in ±bound, as a layer's first weights (Parameterized.swift)."""
        count = int(np.prod(shape))
        with np.errstate(over="ignore"):
            z = np.uint64(self.state) + np.arange(1, count + 1, dtype=np.uint64) * np.uint64(self.GAMMA)
            z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
            z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
            z ^= z >> np.uint64(31)
        self.state = (self.state + count * self.GAMMA) & self.MASK
        unit = (z >> np.uint64(40)).astype(np.float32) * np.float32(2.0 ** -23) - np.float32(1)
        return (np.float32(bound) * unit).reshape(shape)


# Tokens, in Unicode's composed form: Swift's strings are equal where that is.


def clusters(text):
    """What a reader calls characters: a scalar with the marks that follow it."""
    if text.isascii():
        return list(text)
    result = []
    for scalar in text:
        joined = scalar == "\u200d" or unicodedata.category(scalar) in ("Mn", "Mc", "Me")
        if result and (joined or result[-1].endswith("\u200d")):
            result[-1] += scalar
        else:
            result.append(scalar)
    return result


def words(text):
    result, word = [], ""
    for cluster in clusters(text):
        if cluster[0].isalpha() or cluster[0].isnumeric():
            word += cluster
            continue
        result += [word] if word else []
        result += [] if cluster.isspace() else [cluster]
        word = ""
    return result + ([word] if word else [])


UNITS = {"characters": clusters, "whitespace": str.split, "words": words}


def tokenizer(tokenization):
    cut, lowercase = UNITS[tokenization["unit"]], tokenization["lowercase"]

    def tokens(text):
        # Each scalar by itself: Python alone would look at what stands around a Greek sigma.
        text = "".join(map(str.lower, text)) if lowercase else text
        return tuple(unicodedata.normalize("NFC", token) for token in cut(text))
    return tokens


def pairs(path, source, target, limit=math.inf):
    """One (source, target) a line and accepted target, those with more than `limit` tokens on a side left out. The file is
    one that `attend` has read."""
    result = []
    for line in pathlib.Path(path).read_bytes().removeprefix(b"\xef\xbb\xbf").split(b"\n"):
        line = line.removesuffix(b"\r")
        if line.strip(b" "):
            first, *targets = line.decode().split("\t")
            tokens = source(first)
            result += [(tokens, target(text)) for text in targets]
    return [pair for pair in result if max(map(len, pair)) <= limit]


def examples(pairs):
    """[(source, its distinct targets)], each source at its first place."""
    merged = {}
    for source, target in pairs:
        targets = merged.setdefault(source, [])
        if target not in targets:
            targets.append(target)
    return list(merged.items())


class Vocabulary:
    def __init__(self, sentences):
        counts = collections.Counter(token for sentence in sentences for token in sentence)
        self.own = sorted(counts, key=lambda token: (-counts[token], token))
        self.tokens = RESERVED + self.own
        self.ids = {token: id for id, token in enumerate(self.own, len(RESERVED))}

    def encode(self, tokens):
        return [self.ids.get(token, UNKNOWN) for token in tokens]


def batches(lengths, size, seed, epoch):
    """An epoch's batches of indices (BatchPlan.swift), from the pairs' (source, target) lengths."""
    generator = SeededGenerator(SeededGenerator(seed + epoch * SeededGenerator.GAMMA).next())
    shuffled, result, pool = generator.shuffled(range(len(lengths))), [], 50 * size
    for start in range(0, len(shuffled), pool):
        ordered = sorted(shuffled[start:start + pool], key=lambda i: (lengths[i][1], lengths[i][0], i))
        result += [ordered[i:i + size] for i in range(0, len(ordered), size)]
    return generator.shuffled(result)
