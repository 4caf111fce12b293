"""What of a recipe the training in PyTorch knows."""
import json

ANY = object()
# By path: the values that it knows.
KNOWN = {
    "epochs": ANY,
    **{f"{side}.{name}": ANY for side in ("source", "target") for name in ("unit", "lowercase")},
    "source.subwords": [None],
    "target.subwords": [None],
    **{f"model.{name}": ANY for name in ("decoder", "embedding", "hidden", "layers", "dropout", "maximumLength")},
    "model.cell": ["lstm", "gru"],
    "model.readout": ["tanh"],
    "model.initialRange": [None],
    "model.orthogonal": [False],
    "longestPair": [None],
    **{f"vocabulary.{side}.minimumCount": [1] for side in ("source", "target")},
    **{f"vocabulary.{side}.maximumSize": [None] for side in ("source", "target")},
    "model.window": [None],
    "model.scoreTemperature": [1],
    "model.attentionDropout": [0],
    "model.recurrentDropout": [0],
    **{f"model.{name}": [False] for name in ("residual", "reversedSource", "tied", "variational")},
    **{f"training.{name}": ANY for name in (
        "averageDecay", "batchSize", "clipNorm", "criterion", "labelSmoothing", "patience", "rate", "rateDecay",
        "seed")},
    "training.batchTokens": [None],
    "training.accumulation": [1],
    "training.precision": ["float32"],
    "training.sampling": [None],
    "training.developmentBeam": [1],
    "training.optimizer.rule": ["adam"],
    **{f"training.optimizer.{name}": ANY for name in ("beta1", "beta2", "epsilon", "momentum", "weightDecay")},
    "training.schedule.shape": ["constant", "plateau", "cosine"],
    **{f"training.schedule.{name}": ANY for name in ("warmup", "decayStart", "decayEvery", "epochs")},
}
# Of each decoder alone.
DECODERS = {
    "luong": {"model.score": ["general", "dot"], "model.bidirectional": ANY, "model.inputFeeding": [True]},
    "bahdanau": {"model.score": ["concat"], "model.bidirectional": ANY, "model.inputFeeding": ANY},
}


def leaves(value, path=""):
    """(path, value) of everything in a recipe."""
    if not isinstance(value, dict):
        return [(path, value)]
    return [leaf for key in value for leaf in leaves(value[key], f"{path}.{key}" if path else key)]


def problem(recipe):
    """What PyTorch's side does not know of a recipe, which need not name everything; None if it knows all."""
    values = dict(leaves(recipe))
    decoder = values.get("model.decoder", "luong")
    if decoder not in DECODERS:
        return f"the model.decoder '{decoder}' is unknown; expected {' or '.join(DECODERS)}"
    known = KNOWN | DECODERS[decoder]
    for path, value in values.items():
        if path not in known:
            return f"PyTorch's side does not know {path}; leave it out"
        if known[path] is not ANY and value not in known[path]:
            expected = " or ".join(map(json.dumps, known[path]))
            return f"PyTorch's side does not know {path} {json.dumps(value)}; expected {expected}"
    return None
