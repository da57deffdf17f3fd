"""Rows of shares: numbers from zero up that sum to one."""

import torch
from torch import nn
from torch.nn.functional import log_softmax

from skvae.nn.likelihoods.base import LOG_LIMIT, SCALE_SPEED, LogarithmicInputs, shares
from skvae.nn.numerics import bounded, hastened

SMALLEST_SHARE = 1e-6
"""A smaller share counts as this one where its logarithm matters: zero has a density."""

ROUNDED_BY = 1e-3
"""How far from one the sum of a row may be by rounding alone."""


class Dirichlet(LogarithmicInputs):
    """Shares of a whole; the outputs are logarithms of expected shares, from the mean of the column.

    A plain autoencoder minimises the divergence of the expected shares m from the shares of a row, KL(x || m). As a
    density it is Dirichlet's with mean m and one learned concentration c, of parameters c m (Minka, 2000).
    """

    units = "simplex"
    separable = False
    support = "shares from 0 up that sum to 1 in each row (here to {total:.6g})"
    remedy = "Divide each row of these columns by its sum, or use likelihood='gaussian'."
    in_part = "Fill these cells, or use 'gaussian' for these columns."

    def __init__(self, n_features):
        super().__init__(n_features)
        self.log_concentration = nn.Parameter(torch.zeros(1, dtype=torch.float32))
        self.register_buffer("log_mean", torch.zeros(n_features, dtype=torch.float32))
        self.register_buffer("spread_of_mean", torch.ones((), dtype=torch.float32))

    @property
    def concentration(self):
        """How near shares are to what is expected of them: variance = m (1 - m) / (c + 1)."""
        return torch.exp(self._log_concentration)

    @property
    def _log_concentration(self):
        return bounded(hastened(self.log_concentration, SCALE_SPEED), LOG_LIMIT / 3.0)

    def outside(self, values):
        unlike = (values.sum(-1, keepdim=True) - 1.0).abs() > ROUNDED_BY
        return (values < 0.0) | unlike

    def logarithm(self, x):
        return torch.log(x.clamp_min(SMALLEST_SHARE))

    @torch.no_grad()
    def observe(self, x, weight):
        super().observe(x, weight)
        share = shares(weight)
        mean = (share * x).sum(0)
        self.log_mean.copy_(self.logarithm(mean))
        self.spread_of_mean.copy_(1.0 - (share * x.square()).sum().clamp_max(1.0))
        self.calibrate((share * (x - mean).square()).sum(0), rate=1.0)

    def _log_shares(self, outputs):
        return log_softmax(self.log_mean + outputs, dim=-1)

    def mean(self, outputs):
        return torch.exp(self._log_shares(outputs))

    def _concentrations(self, outputs):
        return (self.concentration * self.mean(outputs)).clamp_min(SMALLEST_SHARE)

    def log_prob(self, outputs, x):
        each = self._concentrations(outputs)
        whole = torch.lgamma(each.sum(-1, keepdim=True)) / self.n_features
        return whole - torch.lgamma(each) + (each - 1.0) * self.logarithm(x)

    def cell_distortion(self, outputs, x):
        return torch.xlogy(x, x) - x * self._log_shares(outputs)

    def sample(self, outputs, generator):
        """Gamma draws divided by their sum; what is drawn as zero everywhere is what is expected."""
        drawn = torch._standard_gamma(self._concentrations(outputs), generator=generator)
        total = drawn.sum(-1, keepdim=True)
        return torch.where(total > 0.0, drawn / total, self.mean(outputs))

    def calibrate(self, squared_residual, rate):
        """By moments: the expected squared residual of a row is (1 - E|x|²) / c.

        That of a cell is m (1 - m) / (c + 1), and E|x|² that of the expected shares plus that of the residual.
        """
        before = self.spread_of_mean / self.concentration
        now = (1.0 - rate) * before + rate * squared_residual.sum()
        concentration = self.spread_of_mean.clamp_min(SMALLEST_SHARE) / now.clamp_min(SMALLEST_SHARE**2)
        self.log_concentration.copy_(torch.log(concentration) / SCALE_SPEED)
