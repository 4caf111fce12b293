"""Training in PyTorch as `attend train` trains: the same model and first weights, the same batches in the same order.

What dropout drops is PyTorch's own choice. Without dropout the losses of both are equal up to rounding.
"""
import copy
import itertools
import math
import time

import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F

import corpus
from common import mask_of
from evaluation import evaluation
from models import Bahdanau, Luong, Shape

NO_TARGET = -100
DECODED_TOGETHER = 128
# What a recipe's criterion looks at, and 1 where less of it is better.
CRITERIA = {
    "sequence-errors": ("sequenceErrorRate", 1), "token-errors": ("tokenErrorRate", 1), "bleu": ("bleu", -1),
    "cross-entropy": ("crossEntropy", 1),
}


def network(model, source, target):
    shape = Shape(
        source, target, model["embedding"], model["hidden"], model["layers"], model["cell"],
        model["bidirectional"], model["score"], model["dropout"])
    return (Bahdanau if model["decoder"] == "bahdanau" else Luong)(shape, packed=True)


def start(net, seed):
    """Gives a network the first weights of ours, drawn in the order in which layers are made (EncoderDecoder.swift)."""
    generator = corpus.SeededGenerator(seed)
    H = net.shape.hidden

    def draw(parameter, bound):
        parameter.copy_(torch.from_numpy(generator.uniform(tuple(parameter.shape), bound)))

    def weight(parameter):
        draw(parameter, 1 / np.sqrt(np.float32(parameter.shape[-1])))

    def cell(layer, suffix=""):
        recurrent = getattr(layer, "weight_hh" + suffix)
        for parameter in (getattr(layer, "weight_ih" + suffix), recurrent):
            draw(parameter, 1 / np.sqrt(np.float32(recurrent.shape[1])))
        if net.shape.cell == "lstm":
            getattr(layer, "bias_ih" + suffix)[recurrent.shape[1]:2 * recurrent.shape[1]] = 1
            # PyTorch's two biases of an LSTM are one.
            getattr(layer, "bias_hh" + suffix).requires_grad_(False)

    with torch.no_grad():
        for name, parameter in net.named_parameters():
            if "bias" in name:
                parameter.zero_()
        draw(net.source.weight, 0.1)
        for layer, direction in itertools.product(
                range(net.shape.layers), ("", "_reverse") if net.shape.bidirectional else ("",)):
            cell(net.encoder, f"_l{layer}{direction}")
        draw(net.target.weight, 0.1)
        if isinstance(net, Bahdanau):
            cell(net.cell)
            weight(net.key.weight)
            weight(net.query.weight)
            weight(net.v.weight)
            weight(net.combine.weight)
            weight(net.start.weight)
        else:
            for layer in net.cells:
                cell(layer)
            if net.shape.score == "general":
                weight(net.key.weight)
            weight(net.combine.weight)
        weight(net.output.weight)


def padded(sentences, filler=corpus.END):
    longest = max(map(len, sentences))
    return torch.tensor([sentence + [filler] * (longest - len(sentence)) for sentence in sentences])


def read(sources):
    """Sources as the encoder reads them: ids, and where lengths differ these and a mask."""
    lengths = torch.tensor([len(source) for source in sources])
    if lengths.min() == lengths.max():
        return padded(sources), None, None
    return padded(sources), lengths, mask_of(lengths, int(lengths.max()))


@torch.inference_mode()
def greedy(net, sources, limit):
    """The likeliest token after each, up to an end or as many as an output may have."""
    source, lengths, mask = read(sources)
    states, keys, state = net.encode(source, lengths)
    mask = None if mask is None else mask[:, None]
    token, tokens = torch.full((len(sources),), corpus.START), []
    ended = torch.zeros(len(sources), dtype=torch.bool)
    while len(tokens) < limit and not ended.all():
        state, output = net.step(net.target(token), state, states, keys, mask)
        logits = net.read(output)
        logits[:, corpus.START] = -math.inf
        token = logits.argmax(-1)
        tokens.append(token)
        ended |= token == corpus.END
    return [list(itertools.takewhile(lambda id: id != corpus.END, ids)) for ids in torch.stack(tokens, 1).tolist()]


class Training:
    """A training under way; `recipe` names everything, as the one that `attend train` leaves."""

    def __init__(self, recipe, train, dev):
        tokenizers = corpus.tokenizer(recipe["source"]), corpus.tokenizer(recipe["target"])
        pairs = corpus.pairs(train, *tokenizers, recipe["model"]["maximumLength"])
        self.examples = corpus.examples(corpus.pairs(dev, *tokenizers))
        self.source = corpus.Vocabulary(source for source, _ in pairs)
        self.target = corpus.Vocabulary(target for _, target in pairs)
        self.pairs = [(self.source.encode(source), self.target.encode(target)) for source, target in pairs]
        longest = max(len(target) for _, target in pairs)
        self.limit = min(recipe["model"]["maximumLength"], 2 * longest + 10)
        self.options = recipe["training"]
        torch.manual_seed(self.options["seed"])
        self.net = network(recipe["model"], len(self.source.tokens), len(self.target.tokens))
        start(self.net, self.options["seed"])
        self.learnt = [parameter for parameter in self.net.parameters() if parameter.requires_grad]
        adam = self.options["optimizer"]
        self.optimizer = torch.optim.Adam(
            self.learnt, betas=(adam["beta1"], adam["beta2"]), eps=adam["epsilon"], fused=True)
        # The average of the weights, where there is one, is what is judged.
        self.judged = copy.deepcopy(self.net) if self.options["averageDecay"] else self.net
        self.averages = [parameter for parameter in self.judged.parameters() if parameter.requires_grad]
        self.epochs, self.updates, self.rate, self.best = 0, 0, self.options["rate"], (math.inf, math.inf)

    @property
    def parameters(self):
        return sum(parameter.numel() for parameter in self.learnt)

    def epoch(self):
        """Trains an epoch and decodes the development examples; its numbers by the names in `attend`'s log."""
        batches = corpus.batches(
            [(len(source), len(target)) for source, target in self.pairs], self.options["batchSize"],
            self.options["seed"], self.epochs + 1)
        # Tensors are made before the clock runs, as a loader beside the training would.
        batches = [self.batch([self.pairs[i] for i in batch]) for batch in batches]
        total, tokens = 0.0, 0
        self.net.train()
        begin = time.perf_counter()
        for place, (count, *batch) in enumerate(batches):
            total += self.update(*batch, self.epochs + place / len(batches)) * count
            tokens += count
            if not math.isfinite(total):
                raise SystemExit(f"quality: PyTorch's training diverged in epoch {self.epochs + 1}")
        seconds = time.perf_counter() - begin
        self.epochs += 1
        development = self.evaluate()
        self.judge(development)
        return {
            "loss": total / tokens, "seconds": seconds, "tokensPerSecond": tokens / seconds,
            "development": development}

    @staticmethod
    def batch(pairs):
        targets = [target for _, target in pairs]
        outputs = padded([target + [corpus.END] for target in targets], NO_TARGET)
        inputs = padded([[corpus.START] + target for target in targets])
        count = sum(len(target) + 1 for target in targets)
        return count, *read([source for source, _ in pairs]), inputs, outputs.flatten()

    def update(self, source, lengths, mask, inputs, outputs, epochs_done):
        """Returns the mean loss of a token."""
        self.updates += 1
        for group in self.optimizer.param_groups:
            group["lr"] = self.rate * self.factor(epochs_done)
        self.optimizer.zero_grad(set_to_none=True)
        logits = self.net(source, lengths, mask, inputs).flatten(0, 1)
        loss = F.cross_entropy(
            logits, outputs, ignore_index=NO_TARGET, label_smoothing=self.options["labelSmoothing"])
        loss.backward()
        nn.utils.clip_grad_norm_(self.learnt, self.options["clipNorm"])
        self.optimizer.step()
        if self.judged is not self.net:
            share = 1 - min(self.options["averageDecay"], (1 + self.updates) / (10 + self.updates))
            with torch.no_grad():
                torch._foreach_lerp_(self.averages, self.learnt, share)
        return loss.item()

    def factor(self, epochs_done):
        """What the rate is multiplied by (RateSchedule.swift)."""
        schedule = self.options["schedule"]
        growth = min(1.0, self.updates / max(schedule["warmup"], 1))
        if schedule["shape"] == "cosine":
            growth *= (1 + math.cos(math.pi * min(epochs_done / schedule["epochs"], 1))) / 2
        return growth

    def evaluate(self):
        order = sorted(range(len(self.examples)), key=lambda i: (len(self.examples[i][0]), i))
        self.judged.eval()
        begin, outputs = time.perf_counter(), []
        for first in range(0, len(order), DECODED_TOGETHER):
            sources = [self.source.encode(self.examples[i][0]) for i in order[first:first + DECODED_TOGETHER]]
            outputs += greedy(self.judged, sources, self.limit)
        seconds = time.perf_counter() - begin
        hypotheses = [tuple(self.target.tokens[id] for id in output) for output in outputs]
        counted, numbers = evaluation(hypotheses, [self.examples[i][1] for i in order])
        pairs = [
            (self.source.encode(self.examples[i][0]), self.target.encode(target)) for i, target in zip(order, counted)]
        return {**numbers, "crossEntropy": self.cross_entropy(pairs), "seconds": seconds}

    @torch.inference_mode()
    def cross_entropy(self, pairs):
        """The mean of the targets' tokens and ends."""
        total, tokens = 0.0, 0
        for first in range(0, len(pairs), DECODED_TOGETHER):
            count, *inputs, outputs = self.batch(pairs[first:first + DECODED_TOGETHER])
            logits = self.judged(*inputs).flatten(0, 1)
            total += F.cross_entropy(logits, outputs, ignore_index=NO_TARGET, reduction="sum").item()
            tokens += count
        return total / tokens

    def judge(self, development):
        """By the recipe's criterion, and where that is equal by cross entropy."""
        name, sign = CRITERIA[self.options["criterion"]]
        loss = sign * development[name], development["crossEntropy"]
        if loss >= self.best and self.options["schedule"]["shape"] == "plateau":
            self.rate *= self.options["rateDecay"]
        self.best = min(self.best, loss)
