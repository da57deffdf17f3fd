"""What a likelihood is: a reading of cells and a density of them; and what members have in common."""

import torch

from skvae.nn.likelihoods.density import Density
from skvae.nn.likelihoods.reading import Reading
from skvae.nn.numerics import shape_of_both

SCALE_FLOOR = 1e-3
"""Smallest noise scale, in standard deviations of a column: the density of a column that never varies stays finite."""

SCALE_SPEED = 10.0
"""A noise scale moves this many times faster than a weight: it has orders of magnitude to cross in few steps."""

LOG_LIMIT = 30.0
"""Largest logarithm of a rate, a shape or a ratio, up or down: their exponentials and squares stay finite."""


class Likelihood(Density, Reading):
    """A density of cells, and how these are read: both in one class, as both learn from the same columns.

    A member overrides what differs from independent cells anywhere on the real line, in standard units.
    """

    def __init__(self, n_features):
        super().__init__(n_features)
        self.n_inputs = n_features
        self.input_columns = torch.arange(n_features)
        """The column that each input is about (n_inputs,), on the CPU."""


def shares(weight):
    """Each row's share in the mean of a column, from the weight of each cell (n, n_features)."""
    return weight / weight.sum(0).clamp_min(torch.finfo(weight.dtype).tiny)


def n_rows(weight):
    """How many rows cells stand for that count so much (n, n_features): those of the fullest column; 1 if all lack."""
    return float(weight.sum(0).max()) or 1.0


def uniform(like, generator):
    """Uniform draws in (0, 1), one a cell."""
    draws = torch.rand(like.shape, dtype=like.dtype, device=like.device, generator=generator)
    return draws.clamp(torch.finfo(like.dtype).tiny, 1.0 - torch.finfo(like.dtype).eps)


def place_drawn(log_shares, generator, axis=-1):
    """Place along an axis that is drawn with these log-probabilities, which stays with one entry: Gumbel's trick."""
    drawn = log_shares - torch.log(-torch.log(uniform(log_shares, generator)))
    return drawn.argmax(axis, keepdim=True)


def at_place(log_shares, place):
    """Of log-probabilities (..., n_features, most) those at a place of each cell (..., n_features)."""
    shape = shape_of_both(log_shares.shape[:-1], place.shape)
    return log_shares.expand(*shape, -1).gather(-1, place.expand(shape)[..., None]).squeeze(-1)


def centre_and_spread(x, share):
    """Mean and standard deviation of each column (n_features,), the latter one where cells hardly differ."""
    mean = (share * x).sum(0)
    deviation = (share * (x - mean).square()).sum(0).sqrt()
    return mean, torch.where(deviation > SCALE_FLOOR, deviation, torch.ones_like(deviation))


def long_side_last(table):
    """Dimension of a table (n_columns, most) along which to keep what each column has: -1 as it is, -2 transposed.

    The last dimension had better be the longer one: kernels compute what lies side by side at once.
    """
    return -1 if table.shape[1] > table.shape[0] else -2


class LogarithmicInputs(Likelihood):
    """Cells that are not negative, which networks see through a logarithm, centred and scaled to the training rows."""

    def __init__(self, n_features):
        super().__init__(n_features)
        self.register_buffer("centre", torch.zeros(n_features, dtype=torch.float32))
        self.register_buffer("spread", torch.ones(n_features, dtype=torch.float32))

    def logarithm(self, x):
        """Logarithm of cells, finite where they have a density."""
        return torch.log(x.clamp_min(torch.finfo(x.dtype).tiny))

    def inputs(self, x):
        return (self.logarithm(x) - self.centre) / self.spread

    def observe(self, x, weight):
        mean, deviation = centre_and_spread(self.logarithm(x), shares(weight))
        self.centre.copy_(mean)
        self.spread.copy_(deviation)
