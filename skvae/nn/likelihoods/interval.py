"""Numbers between two bounds: bits, probabilities, grey pixels."""

import math

import torch
from torch.nn.functional import softplus

from skvae.nn.likelihoods.base import SCALE_FLOOR, Likelihood, shares, uniform
from skvae.nn.numerics import coin_flips

ROUNDED_BEYOND = 1e-6
"""How far beyond the unit interval a value may be by rounding alone."""


class Interval(Likelihood):
    """Cells between 0 and 1, which networks see centred and scaled to the training rows; the outputs are logits."""

    units = "unit_interval"
    support = "numbers from {low:g} to {high:g}, the range it was fitted on,"
    remedy = "Clip the rows, e.g. with sklearn.preprocessing.MinMaxScaler(clip=True), or use likelihood='gaussian'."

    def __init__(self, n_features):
        super().__init__(n_features)
        self.register_buffer("centre", torch.zeros(n_features, dtype=torch.float32))
        self.register_buffer("spread", torch.ones((), dtype=torch.float32))

    def observe(self, x, weight):
        share = shares(weight)
        self.centre.copy_((share * x).sum(0))
        deviation = (share * (x - self.centre).square()).sum(0).mean().sqrt()
        self.spread.copy_(deviation.clamp_min(SCALE_FLOOR))

    def inputs(self, x):
        return (x - self.centre) / self.spread

    def outside(self, values):
        return (values < -ROUNDED_BEYOND) | (values > 1.0 + ROUNDED_BEYOND)


class Bits(Interval):
    """Binary cells; members say what a value between 0 and 1 stands for in training."""

    def mean(self, outputs):
        return torch.sigmoid(outputs)

    def log_prob(self, outputs, x):
        return bernoulli_log_prob(outputs, x)

    def sample(self, outputs, generator):
        return coin_flips(torch.sigmoid(outputs), generator)


class Bernoulli(Bits):
    """Binary cells of which a value between 0 and 1 counts as that probability of a one."""


class BinarizedBernoulli(Bits):
    """Binary cells that every training step draws anew, with the value as probability: dynamic binarisation.

    The density is that of zeros and ones (Salakhutdinov and Murray, 2008), not of the grey values that train it.
    """

    def realize(self, x, generator):
        return coin_flips(x, generator)


class ContinuousBernoulli(Interval):
    """Cells anywhere between two bounds, such as grey pixels: a density of the exponential family on an interval.

    Bernoulli's likelihood with the constant that makes it integrate to one over numbers from 0 to 1 (Loaiza-Ganem and
    Cunningham, 2019).
    """

    units = "interval"

    def mean(self, outputs):
        safe = torch.where(outputs.abs() < 1e-2, torch.ones_like(outputs), outputs)
        return torch.where(outputs.abs() < 1e-2, 0.5 + outputs / 12.0, -1.0 / torch.expm1(-safe) - 1.0 / safe)

    def log_prob(self, outputs, x):
        return bernoulli_log_prob(outputs, x) + self._log_constant(outputs)

    @staticmethod
    def _log_constant(outputs):
        """``log(t / tanh(t / 2))``, by its series where t is small."""
        size = outputs.abs()
        safe = torch.where(size < 1e-2, torch.ones_like(size), size)
        exact = torch.log(safe) - torch.log(torch.tanh(0.5 * safe))
        return torch.where(size < 1e-2, math.log(2.0) + outputs.square() / 12.0, exact)

    def sample(self, outputs, generator):
        """By the inverse of the distribution function."""
        level, size = uniform(outputs, generator), outputs.abs().clamp_min(1e-3)
        draw = 1.0 + torch.log(level + (1.0 - level) * torch.exp(-size)) / size
        draw = torch.where(outputs.abs() < 1e-3, level, draw).clamp(0.0, 1.0)
        return torch.where(outputs < 0.0, 1.0 - draw, draw)


def bernoulli_log_prob(outputs, x):
    """Logarithm of ``p**x * (1 - p)**(1 - x)`` in every cell x, with the logits ``outputs`` of p."""
    return x * outputs - softplus(outputs)
