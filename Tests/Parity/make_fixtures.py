"""Makes the parity fixtures in the folder beside this file: small models trained for ten steps by PyTorch.

Run by hand, only when the models change; the tests read the committed files and never need PyTorch:

    python3 -m venv venv
    venv/bin/pip install --extra-index-url https://download.pytorch.org/whl/cpu \
        torch==2.13.0+cpu safetensors==0.8.0 numpy==2.4.6
    venv/bin/python Tests/Parity/make_fixtures.py [NAME …]

NAME.safetensors holds, as float32:
    initial.P, final.P        every parameter P before the first and after the tenth step
    gradient.P                its gradient in the first step, before clipping
    alignment                 the first step's attention weights [B, T, S]; zero beyond a sentence's end
    final64.P, gradient64.P, alignment64
                              the same of a run in double: the truth that a tolerance is judged against
NAME.json holds the configuration, the ten batches, and what the steps reported (again also in double):
    losses                    the mean cross entropy, in nats, over a batch's target tokens with their ends; with label
                              smoothing that of the smoothed targets
    gradientNorms             the norm of all gradients together, before clipping
    gradientNoise             by parameter, how far off the largest element rounding may leave the first step's gradient,
                              relative to it (rounding_noise.py)

A target y is fed as [start] + y and predicted as y + [end]; a source is read as it stands.
Gradients are clipped by `clip_grad_norm_`, which scales by clipNorm / (norm + 1e-6) where that is below 1.
"""

import json
import random
import sys
from pathlib import Path

import torch
from safetensors.torch import save_file
from torch import nn
from torch.nn.functional import cross_entropy, linear, normalize
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from rounding_noise import gradient_noise

UNKNOWN, START, END = 0, 1, 2
IGNORED = -100  # cross_entropy's mark for a position that does not count
STEPS = 10
LEARNING_RATE, BETAS, EPSILON = 1e-2, (0.9, 0.999), 1e-8

# A one-token sentence on both sides, no order, and no length that a vector width divides by chance.
SOURCE_LENGTHS = [6, 1, 9, 3, 7]
TARGET_LENGTHS = [4, 7, 1, 5, 2]

# As the models' configuration.json has them. Longer than any source, so that some positions are never seen.
SIZES = dict(
    embedding=7, hidden=10, sourceVocabulary=13, targetVocabulary=11, maximumLength=max(SOURCE_LENGTHS) + 2, dropout=0
)
SMALL = SIZES | dict(embedding=5, hidden=6)
MODELS = {
    "luong-lstm": dict(
        cell="lstm", layers=2, bidirectional=False, score="general", inputFeeding=True, clipNorm=0.9, **SIZES
    ),
    "luong-gru": dict(
        cell="gru", layers=1, bidirectional=True, score="concat", inputFeeding=False, clipNorm=1.3, **SIZES
    ),
    "bahdanau-gru": dict(
        decoder="bahdanau", cell="gru", layers=1, bidirectional=True, score="concat", inputFeeding=False,
        clipNorm=1.75, **SIZES
    ),
    "bahdanau-lstm": dict(
        decoder="bahdanau", cell="lstm", layers=2, bidirectional=True, score="concat", inputFeeding=False,
        clipNorm=0.607, **(SIZES | dict(hidden=5))
    ),
    "bahdanau-maxout": dict(
        decoder="bahdanau", cell="gru", layers=1, bidirectional=True, score="concat", inputFeeding=False,
        readout="maxout", clipNorm=2.4, **SIZES
    ),
    "residual-gru": dict(
        cell="gru", layers=3, residual=True, bidirectional=True, score="general", inputFeeding=True,
        clipNorm=1.5, **(SIZES | dict(hidden=6))
    ),
    "reversed-tied": dict(
        cell="lstm", layers=2, bidirectional=False, score="general", inputFeeding=True, reversedSource=True,
        tied=True, clipNorm=0.6, **(SIZES | dict(embedding=6, hidden=6))
    ),
    "plain": dict(
        cell="lstm", layers=1, bidirectional=False, score=None, inputFeeding=False, clipNorm=0.45, **SIZES
    ),
    "luong-rnn": dict(
        cell="rnn", layers=2, bidirectional=False, score="dot", inputFeeding=True, labelSmoothing=0.1, clipNorm=1.0,
        **(SMALL | dict(hidden=5))
    ),
    # The paper's best: positions count from the start of the text, which the encoder reads from its end.
    "luong-local-p": dict(
        cell="lstm", layers=2, bidirectional=False, score="general", window=dict(kind="local-p", radius=2),
        inputFeeding=True, reversedSource=True, clipNorm=0.72, **SMALL
    ),
    "luong-local-m": dict(
        cell="lstm", layers=1, bidirectional=True, score="scaled-dot", window=dict(kind="local-m", radius=1),
        inputFeeding=False, clipNorm=0.56, **SMALL
    ),
    "luong-location": dict(
        cell="gru-reset-before", layers=2, bidirectional=True, score="location", inputFeeding=False,
        labelSmoothing=0.3, clipNorm=0.61, **SMALL
    ),
    "luong-cosine": dict(
        cell="gru", layers=1, bidirectional=True, score="cosine", scoreTemperature=0.25,
        window=dict(kind="local-p", radius=1), inputFeeding=False, clipNorm=0.67, **SMALL
    ),
    "bahdanau-local-p": dict(
        decoder="bahdanau", cell="gru-reset-before", layers=1, bidirectional=True, score="normed-concat",
        window=dict(kind="local-p", radius=2), inputFeeding=False, readout="maxout", clipNorm=1.7, **SMALL
    ),
}


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


def make_batches(c, rng):
    """Ragged ids of real and unknown tokens; the lengths change places from batch to batch."""

    def sentences(lengths, vocabulary):
        ids = [UNKNOWN, *range(END + 1, vocabulary)]
        return [rng.choices(ids, k=n) for n in rng.sample(lengths, len(lengths))]

    return [
        dict(
            sources=sentences(SOURCE_LENGTHS, c["sourceVocabulary"]),
            targets=sentences(TARGET_LENGTHS, c["targetVocabulary"]),
        )
        for _ in range(STEPS)
    ]


def started(c, initial, dtype):
    """A model with these parameters, and them by name."""
    model = model_of(c).to(dtype)
    named = model.named()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.zero_()  # a second bias that is none stays so
        for name, parameter in named.items():
            parameter.copy_(initial[name])
    return model, named


def first_gradients(c, initial, batch):
    """Those of the first step, in double."""
    model, named = started(c, initial, torch.float64)
    model(batch["sources"], batch["targets"])[0].backward()
    return {name: p.grad for name, p in named.items()}


def train(c, initial, batches, dtype):
    """Ten steps of Adam: the tensors to store, and what each step reported."""
    model, named = started(c, initial, dtype)
    optimizer = torch.optim.Adam(named.values(), LEARNING_RATE, BETAS, EPSILON)

    tensors, losses, norms = {}, [], []
    for batch in batches:
        optimizer.zero_grad()
        loss, alignment = model(batch["sources"], batch["targets"])
        loss.backward()
        if not losses:
            tensors = {f"gradient.{name}": p.grad.clone() for name, p in named.items()}
            if alignment is not None:
                tensors["alignment"] = alignment.detach()
        losses.append(loss.item())
        norms.append(nn.utils.clip_grad_norm_(named.values(), c["clipNorm"]).item())
        optimizer.step()
    margin = model.attention.margin if model.attention else 1
    assert margin > 1e-4, f"a window's edge lies within {margin} of a place: rounding decides whether it is seen"
    return tensors | {f"final.{name}": p.detach() for name, p in named.items()}, losses, norms


def as_double(name):
    head, dot, tail = name.partition(".")
    return head + "64" + dot + tail


def make(name, c, folder):
    rng = random.Random(name)
    generator = torch.Generator().manual_seed(sum(map(ord, name)))
    # Within ±1, large for these sizes: ±0.3 leaves attention uniform and its gradients in the rounding noise.
    initial = {p: torch.rand(t.shape, generator=generator) * 2 - 1 for p, t in model_of(c).named().items()}
    batches = make_batches(c, rng)
    tensors, losses, norms = train(c, initial, batches, torch.float32)
    tensors64, losses64, norms64 = train(c, initial, batches, torch.float64)
    torch.manual_seed(0)
    noise = gradient_noise(lambda: first_gradients(c, initial, batches[0]))
    clipped = sum(norm > c["clipNorm"] for norm in norms)
    assert 3 <= clipped <= STEPS - 3, f"{name}: {c['clipNorm']} clips {clipped} steps of the norms {norms}"

    stored = {f"initial.{p}": t for p, t in initial.items()} | tensors
    stored |= {as_double(key): t.float() for key, t in tensors64.items()}
    save_file({key: t.contiguous() for key, t in stored.items()}, folder / f"{name}.safetensors")

    training = {"labelSmoothing": 0} | {key: c[key] for key in ["labelSmoothing", "clipNorm"] if key in c}
    configuration = {key: value for key, value in c.items() if key not in training}
    description = dict(
        madeWith=f"torch {torch.__version__}",
        configuration=configuration | dict(unknown=UNKNOWN, start=START, end=END),
        adam=dict(learningRate=LEARNING_RATE, beta1=BETAS[0], beta2=BETAS[1], epsilon=EPSILON),
        **training,
        losses=losses,
        losses64=losses64,
        gradientNorms=norms,
        gradientNorms64=norms64,
        gradientNoise={key: float(f"{value:.2e}") for key, value in noise.items()},
        batches=batches,
    )
    lines = [f"  {json.dumps(key)}: {json.dumps(value)}" for key, value in description.items()]
    (folder / f"{name}.json").write_text("{\n" + ",\n".join(lines) + "\n}\n")

    print(f"{name}: {len(initial)} parameters; losses {losses[0]:.4f} to {losses[-1]:.4f}")
    print("  norms " + " ".join(f"{n:.3f}" for n in norms) + f", clipped above {c['clipNorm']}")
    for part in ["gradient", "alignment", "final"]:
        keys = [k for k in tensors if k.split(".")[0] == part]
        if keys:
            error = max((tensors[k] - tensors64[k]).abs().max().item() for k in keys)
            print(f"  {part}: float32 lies within {error:.1e} of double")


if __name__ == "__main__":
    torch.set_num_threads(1)
    torch.use_deterministic_algorithms(True)
    for model in sys.argv[1:] or MODELS:
        make(model, MODELS[model], Path(__file__).parent / "Fixtures")
