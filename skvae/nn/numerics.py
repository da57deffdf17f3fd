"""What keeps numbers finite: positive scales, bounded inputs, stable log-densities."""

import math

import torch
from torch.nn.functional import hardtanh, linear, mse_loss, pad, softplus

LOG_TWO_PI = math.log(2.0 * math.pi)

ALIGNED = 4
"""Matrix products round by a row's place among others, unless they sum over a multiple of this many numbers."""

EVEN, SLIM = 8, 16
"""Products of matrices of which a multiple of this many numbers come out take the least time, if these are more than
a few: so many have kernels of their own, which round otherwise."""

RAW_ONE = math.log(math.expm1(1.0))
"""What ``positive`` maps to one above its floor."""


def shape_of_both(one, other):
    """The shape of two shapes that are broadcast; torch's own function loads symbolic algebra, which takes a second."""
    n = max(len(one), len(other))
    one, other = (1,) * (n - len(one)) + tuple(one), (1,) * (n - len(other)) + tuple(other)
    return tuple(b if a == 1 else a for a, b in zip(one, other, strict=True))


def wide(x):
    """The widest float dtype of the tensor's device: sums of log-densities are kept in it (MPS has no float64)."""
    return torch.float32 if x.device.type == "mps" else torch.float64


def positive(raw, floor):
    """Map any real number to one above ``floor``; smooth, and linear (not exponential) for large ``raw``.

    A part of a wider tensor is copied first: one by one, its numbers would take six times as long.
    """
    return softplus(raw.contiguous()) + floor


def positive_inverse(value, floor):
    """What ``positive`` maps to ``value``, which is above ``floor``."""
    return torch.log(torch.expm1(value - floor))


class _Hastened(torch.autograd.Function):
    generate_vmap_rule = True

    @staticmethod
    def forward(raw, speed):
        return speed * raw

    @staticmethod
    def setup_context(ctx, inputs, output):
        ctx.speed = inputs[1]

    @staticmethod
    def backward(ctx, gradient):
        return gradient / ctx.speed, None


def hastened(raw, speed):
    """``speed * raw`` with gradient ``1 / speed``.

    Adam and its kin, whose steps ignore the size of a gradient, move the result ``speed`` times faster than other
    parameters; plain gradient descent moves it as if it were the parameter itself.
    """
    return _Hastened.apply(raw, speed)


def standard_normal(shape, like, generator):
    """Independent draws of N(0, 1), in the dtype and on the device of ``like``."""
    return torch.randn(shape, dtype=like.dtype, device=like.device, generator=generator)


def bounded(x, limit=1e3):
    """Clip to ``[-limit, limit]``: what a network may see, however far away a row lies. One kernel backwards."""
    return hardtanh(x, -limit, limit)


def normal_log_prob(x, mean, scale):
    """Log-density of N(mean, scale²) in every cell of ``x``."""
    return -0.5 * ((x - mean) / scale).square() - torch.log(scale) - 0.5 * LOG_TWO_PI


def normal_row_log_prob(x, mean, scale):
    """``normal_log_prob`` summed over the cells of a row, in fewer passes over them."""
    log_scale, factor = torch.log(scale).expand(x.shape[-1:]), (-0.5 / (scale * scale)).expand(x.shape[-1:])
    normalizer = log_scale.sum() + 0.5 * x.shape[-1] * LOG_TWO_PI
    squares = squared_residual(mean, x)
    sums = squares @ factor if mean.requires_grad else product(squares, factor[None])[..., 0]
    return sums - normalizer


def squared_residual(mean, x):
    """``(mean - x)²`` in every cell, forwards and backwards in one pass each."""
    return mse_loss(mean, x.expand_as(mean), reduction="none")


def coin_flips(probability, generator):
    """One in each cell with its probability, else zero; ``torch.bernoulli`` takes three times as long."""
    draws = torch.rand(probability.shape, dtype=probability.dtype, device=probability.device, generator=generator)
    return (draws < probability).to(probability.dtype)


def product(x, weight, bias=None, in_place=False):
    """``x @ weight.mT + bias``, for each row of x (..., n) the same bits wherever it stands among others.

    So has its gradient, where the weight is not learned. What is only to be added to may come ``in_place``, as a part
    of a wider tensor.
    """
    if not torch.is_grad_enabled():
        wide = even_product(x, weight, bias)
        return wide if in_place else wide.contiguous()  # functions of parts of a row would round otherwise
    if x.requires_grad and not weight.requires_grad:
        return _AlignedProduct.apply(x, weight, bias)
    return aligned_product(x, weight, bias)


class _AlignedProduct(torch.autograd.Function):
    generate_vmap_rule = True

    @staticmethod
    def forward(x, weight, bias):
        return even_product(x, weight, bias).contiguous()

    @staticmethod
    def setup_context(ctx, inputs, output):
        ctx.save_for_backward(inputs[1])

    @staticmethod
    def backward(ctx, gradient):
        return even_product(gradient, ctx.saved_tensors[0].mT, None).contiguous(), None, None


def aligned(x, n=None):
    """Rows with zeros after them: ``n`` numbers each, or as many as products are to sum over."""
    missing = -x.shape[-1] % ALIGNED if n is None else n - x.shape[-1]
    return pad(x, (0, missing)) if missing else x


def aligned_product(x, weight, bias):
    """The product itself."""
    return linear(aligned(x), aligned(weight).contiguous(), bias)


def even_product(x, weight, bias):
    """The same by a kernel of a width that divides, of which it may be a part: for 119 outputs a third of the time."""
    n_outputs = len(weight)
    missing = -n_outputs % EVEN if n_outputs > SLIM else 0
    if not missing:
        return aligned_product(x, weight, bias)
    weight, bias = pad(weight, (0, 0, 0, missing)), bias if bias is None else pad(bias, (0, missing))
    return aligned_product(x, weight, bias)[..., :n_outputs]


def sum_of_squares(z):
    """``(z * z).sum(-1)``, as a matrix product: sums over few numbers are slow."""
    return (z * z) @ torch.ones(z.shape[-1], dtype=z.dtype, device=z.device)


def log_sum_exp(x, dim):
    """``log(sum(exp(x)))`` along ``dim``, safe against overflow; of one number it is that number, at once."""
    return x.squeeze(dim) if x.shape[dim] == 1 else torch.logsumexp(x, dim)


def log_mean_exp(x, dim):
    """``log(mean(exp(x)))`` along ``dim``, safe against overflow."""
    return log_sum_exp(x, dim) - math.log(x.shape[dim])
