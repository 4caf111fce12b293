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
    losses                    the mean cross entropy, in nats, over a batch's target tokens with their ends
    gradientNorms             the norm of all gradients together, before clipping

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
from torch.nn.functional import cross_entropy
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

UNKNOWN, START, END = 0, 1, 2
IGNORED = -100  # cross_entropy's mark for a position that does not count
STEPS = 10
LEARNING_RATE, BETAS, EPSILON = 1e-2, (0.9, 0.999), 1e-8

# A one-token sentence on both sides, no order, and no length that a vector width divides by chance.
SOURCE_LENGTHS = [6, 1, 9, 3, 7]
TARGET_LENGTHS = [4, 7, 1, 5, 2]

SIZES = dict(embedding=7, hidden=10, sourceVocabulary=13, targetVocabulary=11)
MODELS = {
    "luong-lstm": dict(
        cell="lstm", layers=2, bidirectional=False, score="general", inputFeeding=True, clipNorm=0.9, **SIZES
    ),
    "luong-gru": dict(
        cell="gru", layers=1, bidirectional=True, score="concat", inputFeeding=False, clipNorm=1.0, **SIZES
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
        cell="lstm", layers=1, bidirectional=False, score="none", inputFeeding=False, clipNorm=0.45, **SIZES
    ),
}


class Model(nn.Module):
    """What the models share: the encoder, the output and the loss. A direction of the encoder has `units` of them."""

    def __init__(self, c, units, decoder_widths):
        super().__init__()
        self.c = c
        E, H = c["embedding"], c["hidden"]
        lstm = c["cell"] == "lstm"
        self.source = nn.Embedding(c["sourceVocabulary"], E)
        self.target = nn.Embedding(c["targetVocabulary"], E)
        directions = 2 if c["bidirectional"] else 1
        self.encoder = nn.ModuleList(
            (nn.LSTM if lstm else nn.GRU)(I, units, batch_first=True, bidirectional=c["bidirectional"])
            for I in [E] + [directions * units] * (c["layers"] - 1)
        )
        self.decoder = nn.ModuleList((nn.LSTMCell if lstm else nn.GRUCell)(I, H) for I in decoder_widths)
        self.output = nn.Linear(H // 2 if c.get("readout") == "maxout" else H, c["targetVocabulary"])
        if c.get("tied"):  # one parameter in two places (Press and Wolf 2017)
            self.output.weight = self.target.weight

    def named(self):
        """The trained parameters by our names. An LSTM's second bias in PyTorch is none: it stays zero."""
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
        masked = torch.arange(states.shape[1]) >= lengths[:, None]
        readouts, alignments = self.decode(self.target(fed).unbind(1), states, final, masked)

        logits = self.output(torch.stack(readouts, 1))
        loss = cross_entropy(logits.flatten(0, 1), expected.flatten(), ignore_index=IGNORED)
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
            finals.append(joined(final) if self.c["cell"] == "gru" else tuple(map(joined, final)))
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
        return state if self.c["cell"] == "gru" else state[0]


class Luong(Model):
    """Luong, Pham and Manning (2015); with score `none` the plain one (Sutskever et al. 2014)."""

    def __init__(self, c):
        E, H = c["embedding"], c["hidden"]
        widths = [E + H if c["inputFeeding"] else E] + [H] * (c["layers"] - 1)
        super().__init__(c, H // 2 if c["bidirectional"] else H, widths)
        if c["score"] != "none":
            self.key = nn.Linear(H, H, bias=False)
            self.combine = nn.Linear(2 * H, H)
        if c["score"] == "concat":
            self.query = nn.Linear(H, H, bias=False)
            self.v = nn.Parameter(torch.empty(H))

    def own(self):
        names = {}
        if self.c["score"] != "none":
            names["attention.key"] = self.key.weight
            names |= {"combine.weight": self.combine.weight, "combine.bias": self.combine.bias}
        if self.c["score"] == "concat":
            names |= {"attention.query": self.query.weight, "attention.v": self.v}
        return names

    def decode(self, embeddings, keys, states, masked):
        projected = self.key(keys) if self.c["score"] != "none" else None
        attentional = keys.new_zeros(len(keys), self.c["hidden"])
        readouts, alignments = [], []
        for embedded in embeddings:
            x = torch.cat([embedded, attentional], 1) if self.c["inputFeeding"] else embedded
            top, states = self.step(x, states)
            if projected is None:
                attentional = top
            else:
                alignment = self.score(top, projected).masked_fill(masked, -torch.inf).softmax(1)
                context = torch.einsum("bs,bsh->bh", alignment, keys)
                attentional = torch.tanh(self.combine(torch.cat([context, top], 1)))
                alignments.append(alignment)
            readouts.append(attentional)
        return readouts, alignments

    def score(self, top, projected):
        if self.c["score"] == "general":
            return torch.einsum("bh,bsh->bs", top, projected)
        return torch.tanh(self.query(top)[:, None] + projected) @ self.v


class Bahdanau(Model):
    """Bahdanau, Cho and Bengio (2015), with a tanh readout or the paper's; each direction of the encoder has H units."""

    def __init__(self, c):
        E, H = c["embedding"], c["hidden"]
        super().__init__(c, H, [E + 2 * H])
        self.key, self.query = nn.Linear(2 * H, H, bias=False), nn.Linear(H, H)
        self.v = nn.Parameter(torch.empty(H))
        self.combine, self.start = nn.Linear(3 * H + E, H), nn.Linear(H, H)

    def own(self):
        return {
            "attention.key": self.key.weight, "attention.bias": self.query.bias,
            "attention.query": self.query.weight, "attention.v": self.v,
            "combine.weight": self.combine.weight, "combine.bias": self.combine.bias,
            "start.weight": self.start.weight, "start.bias": self.start.bias,
        }

    def decode(self, embeddings, keys, final, masked):
        projected, H = self.key(keys), self.c["hidden"]
        top = torch.tanh(self.start(self.hidden(final[-1])[:, H:]))
        states = [top if self.c["cell"] == "gru" else (top, torch.zeros_like(top))]
        readouts, alignments = [], []
        for embedded in embeddings:
            scores = torch.tanh(self.query(top)[:, None] + projected) @ self.v
            alignment = scores.masked_fill(masked, -torch.inf).softmax(1)
            context = torch.einsum("bs,bsh->bh", alignment, keys)
            before = top
            top, states = self.step(torch.cat([embedded, context], 1), states)
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


def train(c, initial, batches, dtype):
    """Ten steps of Adam: the tensors to store, and what each step reported."""
    model = model_of(c).to(dtype)
    named = model.named()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.zero_()  # an LSTM's second bias stays so
        for name, parameter in named.items():
            parameter.copy_(initial[name])
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
    clipped = sum(norm > c["clipNorm"] for norm in norms)
    assert 3 <= clipped <= STEPS - 3, f"{name}: {c['clipNorm']} clips {clipped} steps of the norms {norms}"

    stored = {f"initial.{p}": t for p, t in initial.items()} | tensors
    stored |= {as_double(key): t.float() for key, t in tensors64.items()}
    save_file({key: t.contiguous() for key, t in stored.items()}, folder / f"{name}.safetensors")

    configuration = {key: value for key, value in c.items() if key != "clipNorm"}
    description = dict(
        madeWith=f"torch {torch.__version__}",
        configuration=configuration | dict(unknown=UNKNOWN, start=START, end=END),
        adam=dict(learningRate=LEARNING_RATE, beta1=BETAS[0], beta2=BETAS[1], epsilon=EPSILON),
        clipNorm=c["clipNorm"],
        losses=losses,
        losses64=losses64,
        gradientNorms=norms,
        gradientNorms64=norms64,
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
