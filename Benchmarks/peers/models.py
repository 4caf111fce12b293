"""Whole models in PyTorch, and the benchmark's runs of them. Sources are encoded packed, or padded."""
from typing import NamedTuple

import torch
import torch.nn as nn
import torch.nn.functional as F

from common import mask_of, pack, ragged_lengths, weighted, without_gradient


class Shape(NamedTuple):
    """Vocabularies, widths, and how many layers Luong's stacks have, or Bahdanau's encoder."""
    source: int
    target: int
    embedding: int
    hidden: int
    layers: int = 1
    cell: str = "lstm"
    bidirectional: bool = False
    score: str = "general"
    dropout: float = 0.0


LAYERS = {"lstm": nn.LSTM, "gru": nn.GRU}
CELLS = {"lstm": nn.LSTMCell, "gru": nn.GRUCell}


def h_of(state):
    """h of a cell's state, which with an LSTM is (h, c)."""
    return state[0] if isinstance(state, tuple) else state


class EncoderDecoder(nn.Module):
    def __init__(self, shape, width, packed):
        """`width` is that of one direction of the encoder."""
        super().__init__()
        self.shape, self.packed = shape, packed
        self.source = nn.Embedding(shape.source, shape.embedding)
        self.target = nn.Embedding(shape.target, shape.embedding)
        self.encoder = LAYERS[shape.cell](
            shape.embedding, width, shape.layers, batch_first=True, bidirectional=shape.bidirectional,
            dropout=shape.dropout if shape.layers > 1 else 0.0)
        self.dropout = nn.Dropout(shape.dropout) if shape.dropout else nn.Identity()

    def forward(self, source, lengths, mask, target):
        states, keys, state = self.encode(source, lengths)
        mask, outputs = None if mask is None else mask[:, None], []
        for x in self.dropout(self.target(target)).unbind(1):
            state, output = self.step(x, state, states, keys, mask)
            outputs.append(output)
        return self.read(torch.stack(outputs, 1))

    def encoded(self, source, lengths):
        """The states of every position, [B, T, width], and the last ones; no lengths are equal lengths."""
        x = self.dropout(self.source(source))
        if lengths is None or not self.packed:
            return self.encoder(x)
        states, last = self.encoder(pack(x, lengths))
        return nn.utils.rnn.pad_packed_sequence(states, batch_first=True)[0], last


class Luong(EncoderDecoder):
    """Luong, Pham, Manning 2015: encoder and decoder of as many layers, general score or dot, input feeding."""

    def __init__(self, shape, packed):
        both, H = shape.bidirectional, shape.hidden
        super().__init__(shape, H // 2 if both else H, packed)
        self.cells = nn.ModuleList(
            CELLS[shape.cell](H if i > 0 else shape.embedding + H, H) for i in range(shape.layers))
        self.key = nn.Linear(H, H, bias=False) if shape.score == "general" else nn.Identity()
        self.combine, self.output = nn.Linear(2 * H, H), nn.Linear(H, shape.target)

    def encode(self, source, lengths):
        """The states, their keys and the decoder's first state: the layers' own, and what is fed."""
        states, last = self.encoded(source, lengths)
        parts = last if isinstance(last, tuple) else (last,)
        # [layers · directions, B, width], whose directions lie side by side in the decoder.
        parts = [part.unflatten(0, (self.shape.layers, -1)).transpose(1, 2).flatten(2).unbind(0) for part in parts]
        layers = list(zip(*parts)) if len(parts) > 1 else list(parts[0])
        return states, self.key(states), (layers, torch.zeros_like(h_of(layers[0])))

    def step(self, x, state, states, keys, mask):
        layers, feed = state
        x, after = torch.cat([x, feed], -1), []
        for cell, before in zip(self.cells, layers):
            after.append(cell(self.dropout(x) if after else x, before))
            x = h_of(after[-1])
        scores = torch.bmm(x[:, None], keys.transpose(1, 2))
        context = weighted(scores, mask, states)[:, 0]
        feed = torch.tanh(self.combine(torch.cat([context, x], -1)))
        return (after, feed), feed

    def read(self, feed):
        return self.output(self.dropout(feed))


class Bahdanau(EncoderDecoder):
    """Bahdanau, Cho, Bengio 2015: bidirectional encoder, one layer of decoder, additive score, a readout of one tanh."""

    def __init__(self, shape, packed):
        E, H = shape.embedding, shape.hidden
        super().__init__(shape, H, packed)
        self.start, self.cell = nn.Linear(H, H), CELLS[shape.cell](E + 2 * H, H)
        self.query, self.key = nn.Linear(H, H), nn.Linear(2 * H, H, bias=False)
        self.v = nn.Linear(H, 1, bias=False)
        self.combine, self.output = nn.Linear(3 * H + E, H), nn.Linear(H, shape.target)

    def encode(self, source, lengths):
        """The states, their keys and the decoder's first state, from the backward direction's last one."""
        states, _ = self.encoded(source, lengths)
        start = torch.tanh(self.start(states[:, 0, self.shape.hidden:]))
        return states, self.key(states), (start, torch.zeros_like(start)) if self.shape.cell == "lstm" else start

    def step(self, x, state, states, keys, mask):
        """The next state, and what the readout combines."""
        scores = self.v(torch.tanh(self.query(h_of(state))[:, None] + keys)).transpose(1, 2)
        context = weighted(scores, mask, states)[:, 0]
        state = self.cell(torch.cat([x, context], -1), state)
        return state, torch.cat([h_of(state), context, x], -1)

    def read(self, combined):
        return self.output(self.dropout(torch.tanh(self.combine(combined))))


def luong(vocabulary, hidden, packed):
    return Luong(Shape(vocabulary, vocabulary, hidden, hidden, layers=2), packed)


def bahdanau(vocabulary, hidden, packed):
    return Bahdanau(Shape(vocabulary, vocabulary, hidden, hidden, cell="gru", bidirectional=True), packed)


def training_step(model, size, packed, bf16):
    vocabulary, hidden, batch, length = size
    net = model(vocabulary, hidden, packed)
    optimizer = torch.optim.Adam(net.parameters(), fused=True)
    source, target, expected = (torch.randint(1, vocabulary, (batch, length)) for _ in range(3))
    lengths = ragged_lengths(batch, length // 2, length)
    mask = mask_of(lengths, length)

    def step():
        optimizer.zero_grad(set_to_none=True)
        with torch.autocast("cpu", torch.bfloat16, enabled=bf16):
            logits = net(source, lengths, mask, target).flatten(0, 1)
        loss = F.cross_entropy(logits.float(), expected.flatten())
        loss.backward()
        nn.utils.clip_grad_norm_(net.parameters(), 5)
        optimizer.step()
    return step


def training(model, size):
    return {
        "torch packed": lambda: training_step(model, size, True, False),
        "torch padded": lambda: training_step(model, size, False, False),
    }


def bf16_training(model, size):
    """The forms in fp32, and those under autocast where oneDNN has products in bf16: without them a step takes half a minute."""
    forms = training(model, size)
    if torch.ops.mkldnn._is_mkldnn_bf16_supported():
        forms["torch-bf16 packed"] = lambda: training_step(model, size, True, True)
        forms["torch-bf16 padded"] = lambda: training_step(model, size, False, True)
    return forms


LARGE, SMALL = (10000, 512, 64, 25), (45, 256, 256, 9)


def greedy(model, size):
    """One sentence, as many tokens in as out."""
    vocabulary, hidden, _, length = size
    net, source = model(vocabulary, hidden, False), torch.randint(1, vocabulary, (1, length))

    def decode():
        states, keys, state = net.encode(source, None)
        token, tokens = torch.ones(1, dtype=torch.long), []
        for _ in range(length):
            state, output = net.step(net.target(token), state, states, keys, None)
            token = net.read(output).argmax(-1)
            tokens.append(token)
        return torch.cat(tokens)
    return without_gradient(decode)


def decoding(model, size):
    return {"torch": lambda: greedy(model, size)}
