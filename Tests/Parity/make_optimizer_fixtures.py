"""Makes Fixtures/optimizers.*: weights that PyTorch's optimisers move by given gradients, six steps of each.

Run by hand, only when an optimiser changes; the tests read the committed files and never need PyTorch:

    python3 -m venv venv
    venv/bin/pip install --extra-index-url https://download.pytorch.org/whl/cpu \
        torch==2.13.0+cpu safetensors==0.8.0 numpy==2.4.6
    venv/bin/python Tests/Parity/make_optimizer_fixtures.py

optimizers.safetensors holds of two parameters P, as float32:
    initial.P           before the first step
    gradient.P          the gradients of the steps, [STEPS, ...]
    NAME.P              what the steps of the optimiser NAME leave, [STEPS, ...], from a run in double
optimizers.json holds of each optimiser its constants by our names, and the rate of each step.

Constants are floats' values, and so exact on both sides. Weight decay is decoupled (Loshchilov and Hutter 2019): AdamW has it so;
the other rules' own would join the gradient, and weights shrink before their step instead, as AdamW's do.
"""

import json
from pathlib import Path

import torch
from safetensors.torch import save_file

STEPS = 6
SHAPES = {"weight": [4, 7], "bias": [5]}


def constant(x):
    """The double that a float holds in place of x."""
    return torch.tensor(x, dtype=torch.float32).item()


def settings(rule, rate, beta1=0.9, beta2=0.999, epsilon=1e-8, momentum=0.0, decay=0.0):
    """A rule's constants, and a rate that falls."""
    constants = dict(beta1=beta1, beta2=beta2, epsilon=epsilon, momentum=momentum, weightDecay=decay)
    return dict(
        options=dict(rule=rule) | {name: constant(x) for name, x in constants.items()},
        rates=[constant(rate / (1 + t)) for t in range(STEPS)],
    )


# An ε of AdamW that shows whether it stands inside of the root; Adadelta's shows as it is.
OPTIMIZERS = {
    "adamw": settings("adamw", 0.02, epsilon=1e-3, decay=0.1),
    "adadelta": settings("adadelta", 1, beta2=0.95, epsilon=1e-6, decay=0.01),
    "sgd": settings("sgd", 0.1, decay=0.1),
    "momentum": settings("sgd", 0.1, momentum=0.9, decay=0.1),
}


def optimizer(parameters, o):
    """PyTorch's; of decays AdamW's alone."""
    match o["rule"]:
        case "adamw":
            return torch.optim.AdamW(
                parameters, betas=(o["beta1"], o["beta2"]), eps=o["epsilon"], weight_decay=o["weightDecay"]
            )
        case "adadelta":
            return torch.optim.Adadelta(parameters, rho=o["beta2"], eps=o["epsilon"])
        case "sgd":
            return torch.optim.SGD(parameters, momentum=o["momentum"])


def run(initial, gradients, options, rates, dtype):
    """The weights after every step, [STEPS, ...] each."""
    weights = {name: tensor.to(dtype, copy=True).requires_grad_() for name, tensor in initial.items()}
    rule = optimizer(list(weights.values()), options)
    after = {name: [] for name in weights}
    for step, rate in enumerate(rates):
        rule.param_groups[0]["lr"] = rate
        for name, weight in weights.items():
            weight.grad = gradients[name][step].to(dtype)
            if options["rule"] != "adamw":
                weight.data.mul_(1 - rate * options["weightDecay"])
        rule.step()
        for name, weight in weights.items():
            after[name].append(weight.detach().clone())
    return {name: torch.stack(steps) for name, steps in after.items()}


def main():
    generator = torch.Generator().manual_seed(7)

    def uniform(*shape):
        return torch.rand(shape, generator=generator) * 2 - 1

    initial = {name: uniform(*shape) for name, shape in SHAPES.items()}
    gradients = {name: uniform(STEPS, *shape) for name, shape in SHAPES.items()}
    stored = {f"initial.{name}": tensor for name, tensor in initial.items()}
    stored |= {f"gradient.{name}": tensor for name, tensor in gradients.items()}
    for optimizer_name, setting in OPTIMIZERS.items():
        single = run(initial, gradients, **setting, dtype=torch.float32)
        double = run(initial, gradients, **setting, dtype=torch.float64)
        stored |= {f"{optimizer_name}.{name}": tensor.float() for name, tensor in double.items()}
        error = max((single[name] - double[name]).abs().max().item() for name in initial)
        way = max((double[name][-1] - initial[name]).abs().max().item() for name in initial)
        print(f"{optimizer_name}: moves weights by up to {way:.2g}; float32 lies within {error:.1e} of double")

    folder = Path(__file__).parent / "Fixtures"
    save_file({name: tensor.contiguous() for name, tensor in stored.items()}, folder / "optimizers.safetensors")
    description = dict(madeWith=f"torch {torch.__version__}", optimizers=OPTIMIZERS)
    lines = [f"  {json.dumps(key)}: {json.dumps(value)}" for key, value in description.items()]
    (folder / "optimizers.json").write_text("{\n" + ",\n".join(lines) + "\n}\n")


if __name__ == "__main__":
    torch.set_num_threads(1)
    main()
