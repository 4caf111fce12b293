"""The models of the parity fixtures in PyTorch, from its own layers where it has them."""

import torch
from torch import nn
from torch.nn.functional import cross_entropy, linear, normalize
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

UNKNOWN, START, END = 0, 1, 2
IGNORED = -100  # cross_entropy's mark for a position that does not count


class GRUResetBefore(nn.Module):
    """The GRU of Cho et al. (2014), which PyTorch does not have, in the place of nn.GRU: r counts before the product."""

    def __init__(self, inputs, units, batch_first, bidirectional):
        super().__init__()
        self.cells = nn.ModuleList(GRUResetBeforeCell(inputs, units) for _ in range(2 if bidirectional else 1))
        for cell, suffix in zip(self.cells, ["_l0", "_l0_reverse"]):
            for name, parameter in cell.named_parameters():
                setattr(self, name + suffix, parameter)

    def forward(self, packed):
        x, lengths = pad_packed_sequence(packed, batch_first=True)
        outputs, finals = [], []
        for cell, ordered in zip(self.cells, [lambda states: states, lambda states: mirrored(states, lengths)]):
            states = [x.new_zeros(len(x), cell.units)]
            for step in ordered(x).unbind(1):
                states.append(cell(step, states[-1]))
            states = torch.stack(states, 1)
            finals.append(states[torch.arange(len(x)), lengths])
            outputs.append(ordered(states[:, 1:]))
        outputs = torch.cat(outputs, 2)
        return pack_padded_sequence(outputs, lengths, batch_first=True, enforce_sorted=False), torch.stack(finals)


class GRUResetBeforeCell(nn.Module):
    def __init__(self, inputs, units):
        super().__init__()
        self.units = units
        self.weight_ih = nn.Parameter(torch.empty(3 * units, inputs))
        self.weight_hh = nn.Parameter(torch.empty(3 * units, units))
        self.bias_ih = nn.Parameter(torch.empty(3 * units))

    def forward(self, x, h):
        r, z, n = linear(x, self.weight_ih, self.bias_ih).chunk(3, 1)
        U_r, U_z, U_n = self.weight_hh.chunk(3)
        r, z = torch.sigmoid(r + linear(h, U_r)), torch.sigmoid(z + linear(h, U_z))
        n = torch.tanh(n + linear(r * h, U_n))
        return (1 - z) * n + z * h


LAYERS = {"lstm": nn.LSTM, "gru": nn.GRU, "gru-reset-before": GRUResetBefore, "rnn": nn.RNN}
CELLS = {"lstm": nn.LSTMCell, "gru": nn.GRUCell, "gru-reset-before": GRUResetBeforeCell, "rnn": nn.RNNCell}


class Attention(nn.Module):
    """A score and a window (Luong et al. 2015, §3.1 and §3.2) over states of a width; Bahdanau's score is biased."""

    def __init__(self, c, width, biased):
        super().__init__()
        self.score, self.window, self.temperature = c["score"], c.get("window"), c.get("scoreTemperature", 1)
        H = c["hidden"]
        if self.score in ["general", "concat", "normed-concat"]:
            self.key = nn.Linear(width, H, bias=False)
        if self.score in ["concat", "normed-concat"]:
            self.query = nn.Linear(H, H, bias=biased)
            self.v = nn.Parameter(torch.empty(H))
        if self.score == "normed-concat":
            self.gain = nn.Parameter(torch.empty(1))
        if self.score == "location":
            self.location = nn.Linear(H, c["maximumLength"], bias=False)
        if self.predicts:
            self.position = nn.Linear(H, H, bias=False)
            self.position_v = nn.Parameter(torch.empty(H))
        # How near a predicted position came to a whole number, where a place enters or leaves the window.
        self.margin = 1.0

    @property
    def predicts(self):
        return self.window is not None and self.window["kind"] == "local-p"

    def named(self):
        ours = {
            "key.weight": "key", "query.bias": "bias", "query.weight": "query", "v": "v", "gain": "gain",
            "location.weight": "location", "position.weight": "position.weight", "position_v": "position.v",
        }
        parameters = dict(self.named_parameters())
        return {f"attention.{name}": parameters[theirs] for theirs, name in ours.items() if theirs in parameters}

    def projected(self, states):
        """What does not depend on the step, made once."""
        return self.key(states) if hasattr(self, "key") else states

    def forward(self, s, keys, lengths, step):
        """The weights [B, S] that the states s [B, H] give to projected keys."""
        places = torch.arange(keys.shape[1])
        seen = places < lengths[:, None]
        if self.window is None:
            return self.weights(s, keys, seen)
        D = self.window["radius"]
        p = self.predicted(s, lengths) if self.predicts else torch.tensor([[step]])
        weights = self.weights(s, keys, seen & ((places - p).abs() <= D))
        return weights * torch.exp(-((places - p) ** 2) / (2 * (D / 2) ** 2)) if self.predicts else weights

    def predicted(self, s, lengths):
        p = (lengths * torch.sigmoid(torch.tanh(self.position(s)) @ self.position_v))[:, None]
        self.margin = min(self.margin, (p - p.round()).abs().min().item())
        return p

    def weights(self, s, keys, seen):
        """Softmax over what is seen; all 0 where that is nothing."""
        scores = self.scores(s, keys)
        return scores.masked_fill(~seen, torch.finfo(scores.dtype).min).softmax(1).masked_fill(~seen, 0)

    def scores(self, s, keys):
        if self.score == "location":
            return self.location(s)[:, : keys.shape[1]]
        if self.score in ["concat", "normed-concat"]:
            v = self.v if self.score == "concat" else self.gain * normalize(self.v, dim=0)
            return torch.tanh(self.query(s)[:, None] + keys) @ v
        if self.score == "cosine":
            return torch.cosine_similarity(s[:, None], keys, dim=2) / self.temperature
        products = torch.einsum("bh,bsh->bs", s, keys)
        return products / s.shape[1] ** 0.5 if self.score == "scaled-dot" else products


class Model(nn.Module):
    """What the models share: the encoder, the output and the loss. A direction of the encoder has `units` of them."""

    def __init__(self, c, units, decoder_widths):
        super().__init__()
        self.c = c
        E, H = c["embedding"], c["hidden"]
        self.source = nn.Embedding(c["sourceVocabulary"], E)
        self.target = nn.Embedding(c["targetVocabulary"], E)
        directions = 2 if c["bidirectional"] else 1
        self.encoder = nn.ModuleList(
            LAYERS[c["cell"]](I, units, batch_first=True, bidirectional=c["bidirectional"])
            for I in [E] + [directions * units] * (c["layers"] - 1)
        )
        self.decoder = nn.ModuleList(CELLS[c["cell"]](I, H) for I in decoder_widths)
        self.output = nn.Linear(H // 2 if c.get("readout") == "maxout" else H, c["targetVocabulary"])
        if c.get("tied"):  # one parameter in two places (Press and Wolf 2017)
            self.output.weight = self.target.weight

    def named(self):
        """The trained parameters by our names. But for the GRU, a second bias in PyTorch is none: it stays zero."""
        names = {"source.embedding": self.source.weight, "target.embedding": self.target.weight}
        for layer, module in enumerate(self.encoder):
            for direction in ["forward", "backward"] if self.c["bidirectional"] else ["forward"]:
                suffix = "_l0" + ("_reverse" if direction == "backward" else "")
                names |= self.cell(f"encoder.{layer}.{direction}", module, suffix)
        for layer, cell in enumerate(self.decoder):
            names |= self.cell(f"decoder.{layer}", cell, "")
        names |= self.own()
        if not self.c.get("tied"):
            names["output.weight"] = self.output.weight
        return names | {"output.bias": self.output.bias}

    def cell(self, name, module, suffix):
        parts = {"input": "weight_ih", "recurrent": "weight_hh", "bias": "bias_ih"}
        if self.c["cell"] == "gru":
            parts["recurrentBias"] = "bias_hh"
        return {f"{name}.{ours}": getattr(module, theirs + suffix) for ours, theirs in parts.items()}

    def forward(self, sources, targets):
        """The mean cross entropy and the alignment [B, T, S], or None without attention."""
        lengths = torch.tensor([len(s) for s in sources])
        if self.c.get("reversedSource"):
            states, final = self.encode(padded([s[::-1] for s in sources], UNKNOWN), lengths)
            states = mirrored(states, lengths)
        else:
            states, final = self.encode(padded(sources, UNKNOWN), lengths)
        fed = padded([[START] + y for y in targets], UNKNOWN)
        expected = padded([y + [END] for y in targets], IGNORED)
        readouts, alignments = self.decode(self.target(fed).unbind(1), states, final, lengths)

        logits = self.output(torch.stack(readouts, 1))
        loss = cross_entropy(
            logits.flatten(0, 1), expected.flatten(), ignore_index=IGNORED,
            label_smoothing=self.c.get("labelSmoothing", 0),
        )
        if not alignments:
            return loss, None
        return loss, torch.stack(alignments, 1) * (expected != IGNORED)[..., None]

    def encode(self, sources, lengths):
        """The encoder's outputs [B, S, ·] and the last state of each of its layers."""
        x = pack_padded_sequence(self.source(sources), lengths, batch_first=True, enforce_sorted=False)
        finals = []

        def joined(state):  # [directions, B, h] -> [B, directions · h]
            return torch.cat(list(state), 1)

        for layer, module in enumerate(self.encoder):
            outputs, final = module(x)
            x = outputs._replace(data=self.connected(layer, outputs.data, x.data))
            finals.append(tuple(map(joined, final)) if self.c["cell"] == "lstm" else joined(final))
        return pad_packed_sequence(x, batch_first=True)[0], finals

    def connected(self, layer, h, x):
        """What a layer returns: with residual connections (Wu et al. 2016, §3.1) h + x above the first."""
        return h + x if layer > 0 and self.c.get("residual") else h

    def step(self, x, states):
        """One step of the decoder's stacked cells: what the top one returns and the states of every layer."""
        after = []
        for layer, (cell, state) in enumerate(zip(self.decoder, states)):
            state = cell(x, state)
            x = self.connected(layer, self.hidden(state), x)
            after.append(state)
        return x, after

    def hidden(self, state):
        return state[0] if self.c["cell"] == "lstm" else state


class Luong(Model):
    """Luong, Pham and Manning (2015); without a score the plain one (Sutskever et al. 2014)."""

    def __init__(self, c):
        E, H = c["embedding"], c["hidden"]
        widths = [E + H if c["inputFeeding"] else E] + [H] * (c["layers"] - 1)
        super().__init__(c, H // 2 if c["bidirectional"] else H, widths)
        self.attention = Attention(c, H, biased=False) if c["score"] else None
        if self.attention:
            self.combine = nn.Linear(2 * H, H)

    def own(self):
        if not self.attention:
            return {}
        combine = {"combine.weight": self.combine.weight, "combine.bias": self.combine.bias}
        return self.attention.named() | combine

    def decode(self, embeddings, states, layers, lengths):
        keys = self.attention.projected(states) if self.attention else None
        attentional = states.new_zeros(len(states), self.c["hidden"])
        readouts, alignments = [], []
        for t, embedded in enumerate(embeddings):
            x = torch.cat([embedded, attentional], 1) if self.c["inputFeeding"] else embedded
            top, layers = self.step(x, layers)
            if self.attention:
                alignment = self.attention(top, keys, lengths, t)
                context = torch.einsum("bs,bsh->bh", alignment, states)
                attentional = torch.tanh(self.combine(torch.cat([context, top], 1)))
                alignments.append(alignment)
            else:
                attentional = top
            readouts.append(attentional)
        return readouts, alignments


class Bahdanau(Model):
    """Bahdanau, Cho and Bengio (2015), with a tanh readout or the paper's; each direction of the encoder has H units."""

    def __init__(self, c):
        E, H = c["embedding"], c["hidden"]
        super().__init__(c, H, [E + 2 * H])
        self.attention = Attention(c, 2 * H, biased=True)
        self.combine, self.start = nn.Linear(3 * H + E, H), nn.Linear(H, H)

    def own(self):
        return self.attention.named() | {
            "combine.weight": self.combine.weight, "combine.bias": self.combine.bias,
            "start.weight": self.start.weight, "start.bias": self.start.bias,
        }

    def decode(self, embeddings, states, final, lengths):
        keys, H = self.attention.projected(states), self.c["hidden"]
        top = torch.tanh(self.start(self.hidden(final[-1])[:, H:]))
        layers = [(top, torch.zeros_like(top)) if self.c["cell"] == "lstm" else top]
        readouts, alignments = [], []
        for t, embedded in enumerate(embeddings):
            alignment = self.attention(top, keys, lengths, t)
            context = torch.einsum("bs,bsh->bh", alignment, states)
            before = top
            top, layers = self.step(torch.cat([embedded, context], 1), layers)
            if self.c.get("readout") == "maxout":
                sums = self.combine(torch.cat([before, context, embedded], 1))
                readouts.append(sums.unflatten(1, (-1, 2)).max(2).values)
            else:
                readouts.append(torch.tanh(self.combine(torch.cat([top, context, embedded], 1))))
            alignments.append(alignment)
        return readouts, alignments


def model_of(c):
    return (Bahdanau if c.get("decoder") == "bahdanau" else Luong)(c)


def mirrored(states, lengths):
    """The states [B, S, ·] of each sentence from its last to its first."""
    return torch.stack([
        torch.cat([rows[:n].flip(0), rows[n:]]) for rows, n in zip(states, lengths.tolist())
    ])


def padded(rows, filler):
    width = max(map(len, rows))
    return torch.tensor([row + [filler] * (width - len(row)) for row in rows])
