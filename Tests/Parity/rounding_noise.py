"""How far off rounding to float32 may leave what a run in double computes.

Monte Carlo arithmetic (Parker 1997) by tensor operations: the result of each, forward and backward, is off by a random share of what
rounding it once allows, run for run. So sums of results that cancel are uncertain, as in float32. What is rounded inside of a product or a
sum is left out, and so is what is added in place: results are that much more uncertain than it says.
"""

import torch
from torch.utils._python_dispatch import TorchDispatchMode

RUNS = 64
UNIT = 2.0**-24
# The 3 ulp that the kernels' contract allows them; other operations round their result once.
FUNCTIONS = {"exp", "sigmoid", "tanh", "_softmax", "_log_softmax"}
FUNCTION_ERROR = 6 * UNIT
# Copies and choices.
EXACT = {
    "abs", "cat", "clone", "embedding", "flip", "index", "index_put", "index_select", "masked_fill", "max", "neg",
    "slice_backward", "stack", "unsafe_split", "value_selecting_reduction_backward", "where", "_pack_padded_sequence", "_unsafe_view",
}


class Noise(TorchDispatchMode):
    def __torch_dispatch__(self, operation, types, arguments=(), options=None):
        result = operation(*arguments, **(options or {}))
        name = operation._schema.name.removeprefix("aten::")
        is_view = any(r.alias_info is not None for r in operation._schema.returns)
        if is_view or name in EXACT:
            return result
        bound = FUNCTION_ERROR if name in FUNCTIONS else UNIT
        if isinstance(result, tuple):
            return tuple(noisy(r, bound) for r in result)
        return noisy(result, bound)


def noisy(value, bound):
    if not isinstance(value, torch.Tensor) or not value.is_floating_point():
        return value
    return value * (1 + bound * (2 * torch.rand_like(value) - 1))


def gradient_noise(gradients):
    """The largest error of each gradient over its largest element.

    `gradients` computes them in double, by name.
    """
    truth, largest = gradients(), {}
    for _ in range(RUNS):
        with Noise():
            found = gradients()
        for name, tensor in truth.items():
            error = (found[name] - tensor).abs().max() / tensor.abs().max()
            largest[name] = max(largest.get(name, 0), error.item())
    return largest
