"""The work of the benchmark cases in PyTorch, timed on request. `bench --python` starts this and talks to it.

The first line out names the cases and their variants; after that each line in is a request, answered by one line out: see
PeerProcess.swift. Sizes are those of the cases. Weights and data are random, lengths are the cases' own. Where PyTorch has
several ways to do the same, each is a variant: the fastest is the one to compare with.
"""
import ctypes
import gc
import json
import sys
import time

import torch
import torch.nn as nn
import torch.nn.functional as F


def ragged_lengths(count, least, most):
    return torch.tensor([least + i * 5 % (most - least + 1) for i in range(count)])


def mask_of(lengths, most):
    return torch.arange(most)[None] < lengths[:, None]


def without_gradient(f):
    def run():
        with torch.inference_mode():
            return f()
    return run


# Products and elements: into outputs that exist, as ours.


def matmul(n):
    a, b, c = torch.randn(n, n), torch.randn(n, n), torch.empty(n, n)
    return without_gradient(lambda: torch.mm(a, b, out=c))


def linear(m):
    x, weight, bias = torch.randn(m, 512), torch.randn(2048, 512), torch.randn(2048)
    return without_gradient(lambda: F.linear(x, weight, bias))


def elementwise(function):
    x, y = torch.randn(16384), torch.empty(16384)
    return without_gradient(lambda: function(x, out=y))


def softmax():
    x, y = torch.randn(4096, 1024), torch.empty(4096, 1024)
    return without_gradient(lambda: torch.softmax(x, -1, out=y))


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


def weighted(scores, mask, values):
    scores = scores if mask is None else scores.masked_fill(~mask, -1e30)
    return scores.softmax(-1) @ values


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


def recurrent(layer, packed):
    net, x = layer(512, 512, batch_first=True), torch.randn(64, 25, 512)
    lengths = ragged_lengths(64, 12, 25)
    if packed:
        x = nn.utils.rnn.pack_padded_sequence(x, lengths, batch_first=True, enforce_sorted=False)
    return without_gradient(lambda: net(x)[0])


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


class Recurrent(nn.Module):
    """What the models share: embeddings, the encoder and the output."""

    def __init__(self, vocabulary, hidden, packed, encoder, readout):
        super().__init__()
        self.packed = packed
        self.source, self.target = nn.Embedding(vocabulary, hidden), nn.Embedding(vocabulary, hidden)
        self.encoder = encoder
        self.combine, self.output = nn.Linear(readout, hidden), nn.Linear(hidden, vocabulary)

    def encode(self, source, lengths):
        x = self.source(source)
        if not self.packed:
            return self.encoder(x)
        x = nn.utils.rnn.pack_padded_sequence(x, lengths, batch_first=True, enforce_sorted=False)
        states, last = self.encoder(x)
        return nn.utils.rnn.pad_packed_sequence(states, batch_first=True)[0], last


class Luong(Recurrent):
    """Luong, Pham, Manning 2015: LSTM encoder and decoder, general score, input feeding."""

    def __init__(self, vocabulary, hidden, packed, layers=2):
        super().__init__(
            vocabulary, hidden, packed, nn.LSTM(hidden, hidden, layers, batch_first=True), 2 * hidden)
        self.cells = nn.ModuleList(nn.LSTMCell(hidden * (2 if i == 0 else 1), hidden) for i in range(layers))
        self.key = nn.Linear(hidden, hidden, bias=False)

    def forward(self, source, lengths, mask, target):
        states, (h, c) = self.encode(source, lengths)
        keys, h, c = self.key(states), list(h.unbind(0)), list(c.unbind(0))
        embedded, outputs = self.target(target), []
        feed = torch.zeros_like(h[0])
        for t in range(target.size(1)):
            x = torch.cat([embedded[:, t], feed], -1)
            for i, cell in enumerate(self.cells):
                h[i], c[i] = cell(x, (h[i], c[i]))
                x = h[i]
            scores = torch.bmm(x[:, None], keys.transpose(1, 2))
            context = weighted(scores, mask[:, None], states)[:, 0]
            feed = torch.tanh(self.combine(torch.cat([context, x], -1)))
            outputs.append(feed)
        return self.output(torch.stack(outputs, 1))


class Bahdanau(Recurrent):
    """Bahdanau, Cho, Bengio 2015: GRU encoder in both directions, GRU decoder, tanh readout after the loop."""

    def __init__(self, vocabulary, hidden, packed):
        encoder = nn.GRU(hidden, hidden, bidirectional=True, batch_first=True)
        super().__init__(vocabulary, hidden, packed, encoder, 4 * hidden)
        self.cell = nn.GRUCell(3 * hidden, hidden)
        self.query, self.key = nn.Linear(hidden, hidden), nn.Linear(2 * hidden, hidden, bias=False)
        self.v, self.start = nn.Parameter(torch.randn(hidden) / hidden ** 0.5), nn.Linear(hidden, hidden)

    def forward(self, source, lengths, mask, target):
        states, last = self.encode(source, lengths)
        keys, s = self.key(states), torch.tanh(self.start(last[1]))
        embedded, outputs = self.target(target), []
        for t in range(target.size(1)):
            scores = torch.tanh(self.query(s)[:, None] + keys) @ self.v
            context = weighted(scores[:, None], mask[:, None], states)[:, 0]
            s = self.cell(torch.cat([embedded[:, t], context], -1), s)
            outputs.append(torch.cat([s, context, embedded[:, t]], -1))
        return self.output(torch.tanh(self.combine(torch.stack(outputs, 1))))


def training_step(model, vocabulary, hidden, batch, length, packed):
    net = model(vocabulary, hidden, packed)
    optimizer = torch.optim.Adam(net.parameters(), fused=True)
    source, target, expected = (torch.randint(1, vocabulary, (batch, length)) for _ in range(3))
    lengths = ragged_lengths(batch, length // 2, length)
    mask = mask_of(lengths, length)

    def step():
        optimizer.zero_grad(set_to_none=True)
        loss = F.cross_entropy(net(source, lengths, mask, target).flatten(0, 1), expected.flatten())
        loss.backward()
        nn.utils.clip_grad_norm_(net.parameters(), 5)
        optimizer.step()
    return step


def training_steps(model, *size):
    return {
        "packed": lambda: training_step(model, *size, True),
        "padded": lambda: training_step(model, *size, False),
    }


def sentences(ragged, backward):
    """64 sentences of 30 keys, or of 10 to 30, and 30 queries each, 512 wide."""
    B, T, H = 64, 30, 512
    shapes = [(B, T, H)] * 3
    mask = (mask_of(ragged_lengths(B, 10, T), T)[:, None],) if ragged else ()
    additive_shapes = shapes + [(H,)]
    name = ("-ragged" if ragged else "") + direction(backward)
    return {
        "additive" + name: {
            "eager": lambda: attention(additive, additive_shapes, backward, *mask),
            "compiled": lambda: attention(compiled(additive_sum), additive_shapes, backward, *mask),
        },
        "luong-dot" + name: {
            "bmm": lambda: attention(dot, shapes, backward, *mask),
            "sdpa": lambda: attention(fused_dot, shapes, backward, *mask),
        },
    }


def heads(backward):
    """Eight heads of 64."""
    def shapes(batch, queries, keys):
        return [(batch, 8, queries, 64), (batch, 8, keys, 64), (batch, 8, keys, 64)]

    sdpa, short, long = F.scaled_dot_product_attention, shapes(8, 512, 512), shapes(1, 4096, 4096)
    cases = {
        "scaled-dot-512": {
            "sdpa": lambda: attention(sdpa, short, backward),
            "bmm": lambda: attention(scaled_dot, short, backward),
        },
        "scaled-dot-4096": {"sdpa": lambda: attention(sdpa, long, backward)},
        "causal-4096": {"sdpa": lambda: attention(causal_sdpa, long, backward)},
        "local-4096": {
            "sdpa": lambda: attention(sdpa, long, backward, local_mask(4096)),
            "unfold": lambda: attention(unfolded, long, backward),
        },
    }
    if not backward:
        cases["scaled-dot-4096"]["bmm"] = lambda: attention(scaled_dot, long, backward)
        # PyTorch has no backward of it for the CPU.
        cases["local-4096"]["flex"] = lambda: attention(flexible(4096), long, backward)
        cases["one-query-4096"] = {
            "sdpa": lambda: attention(sdpa, shapes(1, 1, 4096), backward),
            "bmm": lambda: attention(scaled_dot, shapes(1, 1, 4096), backward),
        }
    return {name + direction(backward): variants for name, variants in cases.items()}


def direction(backward):
    return "-forward-backward" if backward else "-forward"


CASES = {
    "matmul-512": {"": lambda: matmul(512)},
    "matmul-1024": {"": lambda: matmul(1024)},
    "linear-m1": {"": lambda: linear(1)},
    "linear-m8": {"": lambda: linear(8)},
    "linear-m64": {"": lambda: linear(64)},
    "exp-16k": {"": lambda: elementwise(torch.exp)},
    "tanh-16k": {"": lambda: elementwise(torch.tanh)},
    "softmax-4096x1024": {"": softmax},
    **sentences(False, False), **sentences(False, True), **sentences(True, False), **sentences(True, True),
    **heads(False), **heads(True),
    "lstm-forward": {"packed": lambda: recurrent(nn.LSTM, True), "padded": lambda: recurrent(nn.LSTM, False)},
    "gru-forward": {"packed": lambda: recurrent(nn.GRU, True), "padded": lambda: recurrent(nn.GRU, False)},
    "projected-cross-entropy": {"": cross_entropy},
    "adam": {"foreach": lambda: adam(foreach=True), "fused": lambda: adam(fused=True)},
    "train-luong-small": training_steps(Luong, 45, 256, 256, 9),
    "train-luong": training_steps(Luong, 10000, 512, 64, 25),
    "train-bahdanau-small": training_steps(Bahdanau, 45, 256, 256, 9),
    "train-bahdanau": training_steps(Bahdanau, 10000, 512, 64, 25),
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
    calls = max(1, int(0.002 / max(seconds(run), 1e-9)))
    samples = []
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

    answer({"name": f"PyTorch {torch.__version__}", "variants": {case: list(variants) for case, variants in CASES.items()}})
    ready, ready_case = {}, None
    for line in sys.stdin:
        request = json.loads(line)
        torch.set_num_threads(request["threads"])
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
