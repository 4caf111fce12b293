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

from rounding_noise import gradient_noise
from torch_models import END, START, UNKNOWN, model_of

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
    for p, bound in noise.items():
        truth = tensors64[f"gradient.{p}"]
        error = (tensors[f"gradient.{p}"] - truth).abs().max() / truth.abs().max()
        assert error <= bound, f"{name}: {p} of float32 is off by {error}, where rounding leaves {bound}"
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
