"""Whole models in PyTorch. Each encodes its sources packed, or padded; attention has a mask in both."""
import torch
import torch.nn as nn
import torch.nn.functional as F

from common import mask_of, pack, ragged_lengths, weighted, without_gradient


def encoded(encoder, x, lengths, packed):
    """The states of every position, [B, T, width], and the last ones."""
    if not packed:
        return encoder(x)
    states, last = encoder(pack(x, lengths))
    return nn.utils.rnn.pad_packed_sequence(states, batch_first=True)[0], last


class EncoderDecoder(nn.Module):
    def forward(self, source, lengths, mask, target):
        states, keys, state = self.encode(source, lengths)
        embedded, outputs = self.target(target), []
        for t in range(target.size(1)):
            state, output = self.step(embedded[:, t], state, states, keys, mask[:, None])
            outputs.append(output)
        return self.read(torch.stack(outputs, 1))


class Luong(EncoderDecoder):
    """Luong, Pham, Manning 2015: LSTM encoder and decoder, general score, input feeding."""

    def __init__(self, vocabulary, hidden, packed, layers=2):
        super().__init__()
        self.packed = packed
        self.source, self.target = nn.Embedding(vocabulary, hidden), nn.Embedding(vocabulary, hidden)
        self.encoder = nn.LSTM(hidden, hidden, layers, batch_first=True)
        self.cells = nn.ModuleList(nn.LSTMCell(hidden * (2 if i == 0 else 1), hidden) for i in range(layers))
        self.key = nn.Linear(hidden, hidden, bias=False)
        self.combine, self.output = nn.Linear(2 * hidden, hidden), nn.Linear(hidden, vocabulary)

    def encode(self, source, lengths):
        """The states, their keys and the decoder's first state: the layers' (h, c), and what is fed."""
        states, (h, c) = encoded(self.encoder, self.source(source), lengths, self.packed)
        return states, self.key(states), (list(zip(h.unbind(0), c.unbind(0))), torch.zeros_like(h[0]))

    def step(self, x, state, states, keys, mask):
        layers, feed = state
        x, after = torch.cat([x, feed], -1), []
        for cell, before in zip(self.cells, layers):
            after.append(cell(x, before))
            x = after[-1][0]
        scores = torch.bmm(x[:, None], keys.transpose(1, 2))
        context = weighted(scores, mask, states)[:, 0]
        feed = torch.tanh(self.combine(torch.cat([context, x], -1)))
        return (after, feed), feed

    def read(self, feed):
        return self.output(feed)


class Bahdanau(EncoderDecoder):
    """Bahdanau, Cho, Bengio 2015: bidirectional GRU encoder, GRU decoder, additive score, with a readout of one tanh."""

    def __init__(self, vocabulary, hidden, packed):
        super().__init__()
        self.packed, self.hidden = packed, hidden
        self.source, self.target = nn.Embedding(vocabulary, hidden), nn.Embedding(vocabulary, hidden)
        self.encoder = nn.GRU(hidden, hidden, bidirectional=True, batch_first=True)
        self.start, self.cell = nn.Linear(hidden, hidden), nn.GRUCell(3 * hidden, hidden)
        self.query, self.key = nn.Linear(hidden, hidden), nn.Linear(2 * hidden, hidden, bias=False)
        self.v = nn.Linear(hidden, 1, bias=False)
        self.combine, self.output = nn.Linear(4 * hidden, hidden), nn.Linear(hidden, vocabulary)

    def encode(self, source, lengths):
        """The states, their keys and the decoder's first state, from the backward direction's last one."""
        states, _ = encoded(self.encoder, self.source(source), lengths, self.packed)
        return states, self.key(states), torch.tanh(self.start(states[:, 0, self.hidden:]))

    def step(self, x, s, states, keys, mask):
        """The next state, and what the readout combines."""
        scores = self.v(torch.tanh(self.query(s)[:, None] + keys)).transpose(1, 2)
        context = weighted(scores, mask, states)[:, 0]
        s = self.cell(torch.cat([x, context], -1), s)
        return s, torch.cat([s, context, x], -1)

    def read(self, combined):
        return self.output(torch.tanh(self.combine(combined)))


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
