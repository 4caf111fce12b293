"""The numbers that `attend` judges an epoch by, counted as it counts them."""
import collections
import functools
import math
import operator


def edit_distance(a, b):
    row = list(range(len(b) + 1))
    for i, x in enumerate(a):
        diagonal, row[0] = i, i + 1
        for j, y in enumerate(b):
            substituted = diagonal + (x != y)
            diagonal = row[j + 1]
            row[j + 1] = min(substituted, diagonal + 1, row[j] + 1)
    return row[-1]


def ngrams(tokens, n):
    return collections.Counter(tuple(tokens[i:i + n]) for i in range(len(tokens) - n + 1))


def bleu(hypotheses, references):
    """Corpus BLEU-4 with "exp" smoothing and references for each hypothesis (BLEU.swift)."""
    matches, totals, length = [0] * 4, [0] * 4, 0
    for hypothesis, accepted in zip(hypotheses, references):
        length += min((abs(len(reference) - len(hypothesis)), len(reference)) for reference in accepted)[1]
        for n in range(1, 5):
            mine = ngrams(hypothesis, n)
            totals[n - 1] += mine.total()
            counts = functools.reduce(operator.or_, (ngrams(reference, n) for reference in accepted))
            matches[n - 1] += (mine & counts).total()
    if matches[0] == 0 or 0 in totals:
        return 0.0
    smoothing, logarithms = 1.0, 0.0
    for matched, total in zip(matches, totals):
        smoothing *= 1 if matched else 2
        logarithms += math.log((matched or 1 / smoothing) / total)
    brevity = min(0.0, 1 - length / sum(map(len, hypotheses)))
    return 100 * math.exp(brevity + logarithms / 4)


def evaluation(hypotheses, targets):
    """The targets that count, and the numbers. Of several accepted ones that at the least distance counts, of those the
    shortest, of those the first; BLEU takes all of them."""
    counted, edits = [], []
    for hypothesis, accepted in zip(hypotheses, targets):
        edit, _, place = min((edit_distance(hypothesis, target), len(target), i) for i, target in enumerate(accepted))
        counted.append(accepted[place])
        edits.append(edit)
    return counted, {
        "sequenceErrorRate": sum(edit > 0 for edit in edits) / len(edits),
        "tokenErrorRate": sum(edits) / max(sum(map(len, counted)), 1),
        "bleu": bleu(hypotheses, targets),
    }
