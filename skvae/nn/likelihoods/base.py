"""What a likelihood is: p(x|z), a density for every cell, given the decoder's outputs."""

from abc import ABC, abstractmethod

import torch
from torch import nn

from skvae.nn.numerics import shape_of_both

SCALE_FLOOR = 1e-3
"""Smallest noise scale, in standard deviations of a column: the density of a column that never varies stays finite."""

SCALE_SPEED = 10.0
"""A noise scale moves this many times faster than a weight: it has orders of magnitude to cross in few steps."""

LOG_LIMIT = 30.0
"""Largest logarithm of a rate, a shape or a ratio, up or down: their exponentials and squares stay finite."""


class Conditional:
    """p(x|z) for a batch of decoded codes: a likelihood bound to the decoder's outputs."""

    def __init__(self, likelihood, outputs):
        self._likelihood = likelihood
        self._outputs = outputs

    @property
    def mean(self):
        """Expected cells (..., n_features)."""
        return self._likelihood.mean(self._outputs)

    @property
    def statistics(self):
        """What is averaged over codes to expect cells of a row whose code is uncertain (..., n_statistics)."""
        return self._likelihood.statistics(self._outputs)

    def log_prob(self, x):
        """Log-density of each cell (..., n_features)."""
        return self._likelihood.log_prob(self._outputs, x)

    def row_log_prob(self, x):
        """Log-density of each row (...,)."""
        return self._likelihood.row_log_prob(self._outputs, x)

    def distortion(self, x):
        """What a plain autoencoder minimises for each row (...,): ``-log p(x|z)`` at unit scale, up to a constant."""
        return self._likelihood.distortion(self._outputs, x)

    def residual(self, x):
        """How far each cell is from what was expected (..., n_features), on the scale on which the noise is."""
        return self._likelihood.residual(self._outputs, x)

    def sample(self, generator):
        """One draw of each cell (..., n_features)."""
        return self._likelihood.sample(self._outputs, generator)


class Likelihood(nn.Module, ABC):
    """p(x|z) given the decoder's outputs (..., n_outputs).

    A member says what its outputs mean (``mean``, ``log_prob``, ``sample``), what a network sees of its cells
    (``inputs``, n_inputs wide), which values it can explain (``support``, ``outside``, ``remedy``), whether those are
    ``ordered``, and in which ``units`` its cells are, a key of ``skvae._tables.units.UNITS``.
    """

    units = "standard"
    distances = None
    """On which scale cells are far from others, a key of ``skvae._tables.fences.SCALES``; None where none is."""
    has_atoms = False
    """Whether values that a column repeats have probabilities of their own."""
    follows = ()
    """Further arguments of the constructor that new rows may widen."""
    ordered = True
    separable = True
    """Whether cells are independent given the code, so that a missing one is as if its column were not there.
    Of others, a row has all or none."""
    support = "real numbers"
    remedy = ""

    def __init__(self, n_features):
        super().__init__()
        self.n_features = self.n_inputs = self.n_outputs = n_features

    @staticmethod
    def describe(values, counts):
        """Further arguments of the constructor that the data decide, from a table of cells and what its rows count.

        Missing cells are NaN. A table has a length, and its columns as ``values.T``, arrays one after the other.
        """
        return {}

    @classmethod
    def widened(cls, further, values, counts):
        """These arguments, of a likelihood that has seen more rows, whose cells are ``values``."""
        return further

    @property
    def input_columns(self):
        """The column that each input is about (n_inputs,)."""
        return torch.arange(self.n_features)

    @property
    def n_statistics(self):
        """Width of ``statistics``."""
        return self.n_features

    def outside(self, values):
        """Mask of the values, an array, that have no density here; None where there are none such."""
        return None

    def member(self, column):
        """The likelihood of one column: this one."""
        return self

    def place(self, shift, scale):
        """Learn the units of the columns: a cell in the data is shift + scale times one here."""

    def exact(self, values):
        """Put draws, an array in the units of the data, where exact values lie, in place."""

    def observe(self, x, weight):
        """Take note of where training cells lie, before training; x (n, n_features) and what each cell counts."""

    def go_on(self, x, weight, outputs):
        """Take note of where the cells of more rows lie, before training goes on with these.

        ``outputs`` are those of the decoder; returns what is to be added to them (n_outputs,).
        """
        return outputs.new_zeros(self.n_outputs)

    def begin(self, weight, bias, loadings, mean, noise):
        """Have outputs ``weight @ code + bias`` say: ``inputs`` are ``loadings @ code + mean`` with that noise.

        Fills in ``weight`` (n_outputs, latent_dim) and ``bias`` (n_outputs,), and says whether it could.
        """
        return False

    def realize(self, x, generator):
        """What a training step takes cells for: themselves, unless they stand for something that is drawn anew."""
        return x

    def inputs(self, x):
        """What a network sees of cells (..., n_inputs): about as wide as a standard normal."""
        return x

    def missing_inputs(self, x):
        """Mask of the inputs whose cell is missing (..., inputs that are about cells); None where none can be."""
        return None

    def forward(self, outputs):
        return Conditional(self, outputs)

    @abstractmethod
    def mean(self, outputs):
        """Expected cells."""

    def statistics(self, outputs):
        """What is averaged over codes to expect cells of a row whose code is uncertain (..., n_statistics)."""
        return self.mean(outputs)

    def typical(self, statistics):
        """The cells (..., n_features) that such averages stand for."""
        return statistics

    @abstractmethod
    def log_prob(self, outputs, x):
        """Log-density of each cell of ``x``."""

    @abstractmethod
    def sample(self, outputs, generator):
        """Draw each cell."""

    def row_log_prob(self, outputs, x):
        """Log-density of each row of ``x``."""
        return self.log_prob(outputs, x).sum(-1)

    def residual(self, outputs, x):
        """How far each cell is from what was expected."""
        return x - self.mean(outputs)

    def cell_distortion(self, outputs, x):
        """What a plain autoencoder minimises for each cell: ``-log p(x|z)`` at unit scale, up to a constant."""
        return -self.log_prob(outputs, x)

    def distortion(self, outputs, x):
        """The same for each row."""
        return self.cell_distortion(outputs, x).sum(-1)

    def calibrate(self, squared_residual, rate):
        """Fit the noise to the mean square of each column's residual, after training; nothing to do without a scale."""


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
