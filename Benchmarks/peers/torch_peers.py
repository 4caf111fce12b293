"""The work of the benchmark cases in PyTorch and OpenBLAS, timed on request. `bench --python` starts this and talks to it.

The first line out names the cases and their variants; after that each line in is a request, answered by one line out: see
PeerProcess.swift. A variant's first word is its peer (Peer.swift). Sizes are those of the cases. Weights and data are random,
lengths are the cases' own. Where PyTorch has several ways to do the same, each is a variant: the fastest is the one to compare
with.
"""
import ctypes
import functools
import gc
import json
import sys
import time

import torch
import torch.nn as nn
import torch.nn.functional as F

import openblas
from common import mask_of, pack, ragged_lengths, weighted, without_gradient
from models import LARGE, SMALL, bahdanau, bf16_training, decoding, luong, training


# Products and elements: into outputs that exist, as ours.


def matmul(n):
    a, b, c = torch.randn(n, n), torch.randn(n, n), torch.empty(n, n)
    return without_gradient(lambda: torch.mm(a, b, out=c))


def linear(m):
    x, weight, bias = torch.randn(m, 512), torch.randn(2048, 512), torch.randn(2048)
    return without_gradient(lambda: F.linear(x, weight, bias))


def batched_matmul(batch, m, n, k):
    a, b, c = torch.randn(batch, m, k), torch.randn(batch, n, k).transpose(1, 2), torch.empty(batch, m, n)
    return without_gradient(lambda: torch.bmm(a, b, out=c))


def elementwise(function):
    x, y = torch.randn(16384), torch.empty(16384)
    return without_gradient(lambda: function(x, out=y))


def softmax():
    x, y = torch.randn(4096, 1024), torch.empty(4096, 1024)
    return without_gradient(lambda: torch.softmax(x, -1, out=y))


def layer_norm(backward):
    x, layer = torch.randn(4096, 512, requires_grad=backward), nn.LayerNorm(512)
    if not backward:
        return without_gradient(lambda: layer(x))
    gradient, inputs = torch.randn(4096, 512), [x, *layer.parameters()]

    def run():
        y = layer(x)
        return y, *torch.autograd.grad(y, inputs, gradient)
    return run


# Attention. Every array is contiguous, as a user of PyTorch has it: [B, T, width] under one head, [B, heads, T, width]
# under several. Where all keys are seen there is no mask.


def attention(function, shapes, backward, *rest):
    """The run of function(*inputs, *rest): its context, or that and the gradients of all inputs."""
    inputs = [torch.randn(shape, requires_grad=backward) for shape in shapes]
    if not backward:
        return without_gradient(lambda: function(*inputs, *rest))
    gradient = torch.randn(*shapes[0])

    def run():
        context = function(*inputs, *rest)
        return context, *torch.autograd.grad(context, inputs, gradient)
    return run


def dot(q, k, values, mask=None):
    return weighted(q @ k.transpose(-2, -1), mask, values)


def fused_dot(q, k, values, mask=None):
    mask = None if mask is None else mask[:, None]
    return F.scaled_dot_product_attention(q[:, None], k[:, None], values[:, None], mask, scale=1.0)[:, 0]


def additive(q, k, values, v, mask=None):
    return weighted(torch.tanh(q[:, :, None] + k[:, None]) @ v, mask, values)


def additive_sum(q, k, values, v, mask=None):
    # The form that the compiler fuses into one loop.
    return weighted((torch.tanh(q[:, :, None] + k[:, None]) * v).sum(-1), mask, values)


def compiled(function):
    return torch.compile(function, dynamic=False)


def scaled_dot(q, k, values):
    return dot(q * q.size(-1) ** -0.5, k, values)


def causal_sdpa(q, k, values):
    return F.scaled_dot_product_attention(q, k, values, is_causal=True)


RADIUS = 10


def local_mask(length):
    place = torch.arange(length)
    return (place[:, None] - place[None]).abs() <= RADIUS


def unfolded(q, k, values):
    """Local attention on the windows alone: [B, heads, T, width, 2 · RADIUS + 1], without a copy of the keys."""
    length = q.size(2)
    place = torch.arange(length)[:, None] + torch.arange(-RADIUS, RADIUS + 1)
    outside = (place < 0) | (place >= length)
    keys, values = (F.pad(x, (0, 0, RADIUS, RADIUS)).unfold(2, 2 * RADIUS + 1, 1) for x in (k, values))
    scores = (q[..., None, :] @ keys)[..., 0, :] * q.size(-1) ** -0.5
    weights = scores.masked_fill(outside, -torch.inf).softmax(-1)
    return (values @ weights[..., None])[..., 0]


def flexible(length):
    from torch.nn.attention.flex_attention import create_block_mask, flex_attention
    near = create_block_mask(lambda b, h, q, k: (q - k).abs() <= RADIUS, None, None, length, length, device="cpu")
    run = compiled(flex_attention)
    return lambda q, k, values: run(q, k, values, block_mask=near)


# Recurrence: 64 sentences of 12 to 25 steps, padded or packed.


def recurrent(layer, packed, backward):
    """The states; or the gradients of the inputs and of every parameter, from one of all states."""
    net, x = layer(512, 512, batch_first=True), torch.randn(64, 25, 512)
    x = pack(x, ragged_lengths(64, 12, 25)) if packed else x
    if not backward:
        return without_gradient(lambda: net(x)[0])
    steps = x.data if packed else x
    inputs, gradient = [steps.requires_grad_(), *net.parameters()], torch.randn_like(steps)

    def run():
        states = net(x)[0]
        return torch.autograd.grad(states.data if packed else states, inputs, gradient)
    return run


def recurrence(backward):
    return {
        name + direction(backward): {
            "torch packed": functools.partial(recurrent, layer, True, backward),
            "torch padded": functools.partial(recurrent, layer, False, backward),
        } for name, layer in (("lstm", nn.LSTM), ("gru", nn.GRU))
    }


# Losses and the optimiser.


def cross_entropy():
    x = torch.randn(1600, 512, requires_grad=True)
    head, targets = nn.Linear(512, 10000), torch.randint(10000, (1600,))
    inputs = [x, *head.parameters()]
    return lambda: torch.autograd.grad(F.cross_entropy(head(x), targets, reduction="sum"), inputs)


def adam(**how):
    parameter = nn.Parameter(torch.randn(25_000_000))
    parameter.grad = torch.randn(25_000_000)
    return torch.optim.Adam([parameter], **how).step


def sentences(ragged, backward):
    """64 sentences of 30 keys, or of 10 to 30, and 30 queries each, 512 wide."""
    B, T, H = 64, 30, 512
    shapes = [(B, T, H)] * 3
    mask = (mask_of(ragged_lengths(B, 10, T), T)[:, None],) if ragged else ()
    additive_shapes = shapes + [(H,)]
    name = ("-ragged" if ragged else "") + direction(backward)
    return {
        "additive" + name: {
            "torch eager": lambda: attention(additive, additive_shapes, backward, *mask),
            "torch compiled": lambda: attention(compiled(additive_sum), additive_shapes, backward, *mask),
        },
        "luong-dot" + name: {
            "torch bmm": lambda: attention(dot, shapes, backward, *mask),
            "torch sdpa": lambda: attention(fused_dot, shapes, backward, *mask),
        },
    }


def heads(backward):
    """Eight heads of 64."""
    def shapes(batch, queries, keys):
        return [(batch, 8, queries, 64), (batch, 8, keys, 64), (batch, 8, keys, 64)]

    sdpa, short, long = F.scaled_dot_product_attention, shapes(8, 512, 512), shapes(1, 4096, 4096)
    cases = {
        "scaled-dot-512": {
            "torch sdpa": lambda: attention(sdpa, short, backward),
            "torch bmm": lambda: attention(scaled_dot, short, backward),
        },
        "scaled-dot-4096": {"torch sdpa": lambda: attention(sdpa, long, backward)},
        "causal-4096": {"torch sdpa": lambda: attention(causal_sdpa, long, backward)},
        "local-4096": {
            "torch sdpa": lambda: attention(sdpa, long, backward, local_mask(4096)),
            "torch unfold": lambda: attention(unfolded, long, backward),
        },
    }
    if not backward:
        cases["scaled-dot-4096"]["torch bmm"] = lambda: attention(scaled_dot, long, backward)
        # PyTorch has no backward of it for the CPU.
        cases["local-4096"]["torch flex"] = lambda: attention(flexible(4096), long, backward)
        cases["one-query-4096"] = {
            "torch sdpa": lambda: attention(sdpa, shapes(1, 1, 4096), backward),
            "torch bmm": lambda: attention(scaled_dot, shapes(1, 1, 4096), backward),
        }
    return {name + direction(backward): variants for name, variants in cases.items()}


def direction(backward):
    return "-forward-backward" if backward else "-forward"


def products(in_torch, in_openblas, size):
    return {"torch": lambda: in_torch(size), "openblas": lambda: in_openblas(size)}


def models(name, model):
    """Whole models; ours decodes the large one in every precision."""
    return {
        f"train-{name}-small": training(model, SMALL),
        f"train-{name}": training(model, LARGE),
        f"train-{name}-bf16": bf16_training(model, LARGE),
        f"decode-{name}-small": decoding(model, SMALL),
        **{f"decode-{name}{precision}": decoding(model, LARGE) for precision in ("", "-bf16", "-int8")},
    }


CASES = {
    **{f"matmul-{n}": products(matmul, openblas.matmul, n) for n in (512, 1024, 2048)},
    **{f"linear-m{m}": products(linear, openblas.linear, m) for m in (1, 8, 64)},
    "matmul-batched-64": {"torch": lambda: batched_matmul(64, 30, 30, 512)},
    "matmul-batched-512": {"torch": lambda: batched_matmul(512, 32, 32, 64)},
    "exp-16k": {"torch": lambda: elementwise(torch.exp)},
    "tanh-16k": {"torch": lambda: elementwise(torch.tanh)},
    "softmax-4096x1024": {"torch": softmax},
    **{"layer-norm" + direction(backward): {"torch": functools.partial(layer_norm, backward)}
       for backward in (False, True)},
    **sentences(False, False), **sentences(False, True), **sentences(True, False), **sentences(True, True),
    **heads(False), **heads(True),
    **recurrence(False), **recurrence(True),
    "projected-cross-entropy": {"torch": cross_entropy},
    "adam": {"torch foreach": lambda: adam(foreach=True), "torch fused": lambda: adam(fused=True)},
    **models("luong", luong), **models("bahdanau", bahdanau),
}


def seconds(run, calls=1):
    start = time.perf_counter()
    for _ in range(calls):
        run()
    return time.perf_counter() - start


def measure(run, effort):
    """As `measure` in Timing.swift."""
    first = seconds(run)
    if first > effort["patience"]:
        return [first]
    second = seconds(run)
    calls = max(1, int(0.002 / max(second, 1e-9)))
    samples = [second] if calls == 1 else []
    while sum(samples) < effort["seconds"] or len(samples) < effort["minimumRuns"]:
        samples.append(seconds(run, calls))
    return [sample / calls for sample in samples]


def resident(field):
    with open("/proc/self/status") as status:
        return next(int(line.split()[1]) * 1024 for line in status if line.startswith(field + ":"))


def extra_bytes(run):
    """As `Memory.extraBytes`, less the results: ours are there before the run. The run is not the process's first one."""
    gc.collect()
    with open("/proc/self/clear_refs", "w") as refs:
        refs.write("5")
    before = resident("VmRSS")
    results = run()
    results = results if isinstance(results, tuple) else (results,)
    return max(0, resident("VmHWM") - before - sum(result.nbytes for result in results))


def free_at_once():
    """Lets the C library give freed memory back at once, so that a peak is that of one run."""
    trim_threshold, mmap_threshold = -1, -3
    for parameter in (trim_threshold, mmap_threshold):
        ctypes.CDLL(None).mallopt(parameter, 1 << 17)


def main():
    torch.manual_seed(0)
    answers = sys.stdout
    sys.stdout = sys.stderr  # what libraries print must not pass for an answer

    def answer(value):
        print(json.dumps(value), file=answers, flush=True)

    name = f"PyTorch {torch.__version__}, OpenBLAS {openblas.version()}"
    answer({"name": name, "variants": {case: list(variants) for case, variants in CASES.items()}})
    ready, ready_case = {}, None
    for line in sys.stdin:
        request = json.loads(line)
        torch.set_num_threads(request["threads"])
        openblas.set_threads(request["threads"])
        if request["case"] != ready_case:
            ready, ready_case = {}, request["case"]
        key = request["variant"], request["threads"]
        effort = request.get("effort")
        if not effort:
            free_at_once()
        if key not in ready:
            ready[key] = CASES[request["case"]][request["variant"]]()
            ready[key]()  # compiles, and fills caches
        answer(measure(ready[key], effort) if effort else [extra_bytes(ready[key])])


if __name__ == "__main__":
    main()
