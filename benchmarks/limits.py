"""What the machine itself can do, measured in the run that is held against it: products, memory, a step by hand."""

import statistics
import time
from contextlib import contextmanager
from functools import cache
from itertools import pairwise

import torch
from torch import nn
from torch.optim.adam import adam

SIZES, LINEAR = (30, 64, 32, 8, 32, 64, 30), (2, 5)
"""The network of most parts, and which of its layers have no activation: code and output."""

LARGE, N_TIMES = 2048, 5
"""Width of the square matrices whose product says what a processor can do, and how often it is taken."""


def alternating(runs, n_repeats, clock=time.perf_counter):
    """Median seconds and last result of each of some named functions, which run in turn."""
    seconds, results = {name: [] for name in runs}, {}
    for _ in range(n_repeats):
        for name, run in runs.items():
            start = clock()
            results[name] = run()
            seconds[name].append(clock() - start)
    return {name: statistics.median(values) for name, values in seconds.items()}, results


@contextmanager
def threads(n_threads):
    """Context, or decorator, with another number of torch's threads."""
    before = torch.get_num_threads()
    torch.set_num_threads(n_threads)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def network():
    """The network of most parts in torch."""
    layers = []
    for k, sizes in enumerate(pairwise(SIZES)):
        layers += [nn.Linear(*sizes)] if k in LINEAR else [nn.Linear(*sizes), nn.ReLU()]
    return nn.Sequential(*layers)


class HandWritten:
    """Forward and backward pass into fixed buffers, and one fused call of Adam for all weights in one vector."""

    def __init__(self):
        own = [parameter.detach() for parameter in network().parameters()]
        sizes = [parameter.numel() for parameter in own]
        self.values = torch.cat([parameter.flatten() for parameter in own])
        self.gradient, self.first, self.second = (torch.zeros_like(self.values) for _ in range(3))
        for vector, names in (self.values, "weights biases"), (self.gradient, "weight_gradients bias_gradients"):
            parts = [part.view_as(p) for part, p in zip(vector.split(sizes), own, strict=True)]
            vars(self).update(zip(names.split(), (parts[::2], parts[1::2]), strict=True))
        self.n_steps, self.buffers = torch.zeros(()), {}

    @torch.no_grad()
    def step(self, x):
        """One step on the squared error of the rows ``x``."""
        if len(x) not in self.buffers:
            self.buffers[len(x)] = [[x.new_empty(len(x), size) for size in SIZES[1:]] for _ in range(2)]
        outputs, deltas = self.buffers[len(x)]
        inputs = [x, *outputs]
        for k, (weight, bias) in enumerate(zip(self.weights, self.biases, strict=True)):
            torch.addmm(bias, inputs[k], weight.T, out=outputs[k])
            if k not in LINEAR:
                outputs[k].relu_()
        torch.sub(outputs[-1], x, out=deltas[-1]).mul_(2 / x.numel())
        for k, delta in reversed(list(enumerate(deltas))):
            if k not in LINEAR:
                torch.ops.aten.threshold_backward.grad_input(delta, outputs[k], 0, grad_input=delta)
            torch.mm(delta.T, inputs[k], out=self.weight_gradients[k])
            torch.sum(delta, 0, out=self.bias_gradients[k])
            if k:
                torch.mm(delta, self.weights[k], out=deltas[k - 1])
        state = [self.values], [self.gradient], [self.first], [self.second], [], [self.n_steps]
        options = {"lr": 1e-3, "beta1": 0.9, "beta2": 0.999, "eps": 1e-8, "weight_decay": 0.0}
        adam(*state, **options, amsgrad=False, maximize=False, fused=True)


class Products:
    """Matrix products into fixed places, several times, and how many billion operations they are."""

    def __init__(self, product, factors, n_times):
        self.product, self.n_times = product, n_times
        self.calls = [(arguments, product(*arguments)) for arguments in factors]
        self.billions = n_times * sum(2 * a.numel() * b.shape[1] for *_, a, b in factors) / 1e9

    def __call__(self):
        for _ in range(self.n_times):
            for arguments, out in self.calls:
                self.product(*arguments, out=out)


def square_products(size, n_times, dtype=torch.float32):
    """Products of square matrices."""
    return Products(torch.mm, [(torch.randn(size, size).to(dtype), torch.randn(size, size).to(dtype))], n_times)


@cache
def product_rate(n_threads=1, dtype=torch.float32):
    """Billion operations a second of products of large square matrices; None where the machine would emulate them."""
    if dtype is torch.bfloat16 and not torch.backends.cpu.get_cpu_capability().startswith("AVX512"):
        return None
    products = square_products(LARGE, 1, dtype)
    with threads(n_threads):
        products()
        seconds, _ = alternating({"products": products}, N_TIMES)
    return products.billions / seconds["products"]


@cache
def bandwidth(n_threads=1):
    """Gigabytes a second that a copy of a vector far larger than any cache reads and writes."""
    source = torch.ones(2**26)
    target = torch.empty_like(source)
    with threads(n_threads):
        target.copy_(source)
        seconds, _ = alternating({"copy": lambda: target.copy_(source)}, N_TIMES)
    return 2 * source.nbytes / 1e9 / seconds["copy"]


def operations(layers):
    """Billion operations that the products of a training step take for each row; of the first layer's input none."""
    weights = [n * m for n, m in layers]
    return (6 * sum(weights) - 2 * weights[0]) / 1e9


def layers_of(module):
    """Inputs and outputs of each affine layer of a module."""
    return [(layer.in_features, layer.out_features) for layer in module.modules() if isinstance(layer, nn.Linear)]
