"""Whole numbers from zero up."""

import torch
from torch import nn
from torch.nn.functional import log_softmax, softplus

from skvae.nn.likelihoods.base import LOG_LIMIT, SCALE_SPEED, LogarithmicInputs, n_rows, shares
from skvae.nn.numerics import bounded, hastened

N_TOTALS = 256
"""Row totals that a multinomial remembers of its training rows."""

NO_LENGTH = 1e-6
"""A smaller length of what networks see of a row, or a smaller spread of it, is none."""


class Counts(LogarithmicInputs):
    """Whole numbers from zero up; the outputs are logarithms of rates, from the mean of the column."""

    units = "counts"
    distances = "counts"
    support = "whole numbers from 0 up"
    remedy = "Use likelihood='gaussian' or 'lognormal' for this column."

    def __init__(self, n_features):
        super().__init__(n_features)
        self.register_buffer("log_mean", torch.zeros(n_features, dtype=torch.float32))

    def outside(self, values):
        return (values < 0.0) | (values % 1.0 != 0.0)

    def logarithm(self, x):
        return torch.log1p(x)

    def observe(self, x, weight):
        super().observe(x, weight)
        self.log_mean.copy_(torch.log((shares(weight) * x).sum(0) + 0.5 / n_rows(weight)))

    def _log_rate(self, outputs):
        return bounded(self.log_mean + outputs, LOG_LIMIT)

    def mean(self, outputs):
        return torch.exp(self._log_rate(outputs))


class Poisson(Counts):
    """Counts whose variance is their mean."""

    def log_prob(self, outputs, x):
        log_rate = self._log_rate(outputs)
        return x * log_rate - torch.exp(log_rate) - torch.lgamma(x + 1.0)

    def sample(self, outputs, generator):
        return torch.poisson(self.mean(outputs), generator=generator)


class NegativeBinomial(Counts):
    """Counts that vary more than their mean says: variance = mean + mean² / r, with a learned r a feature."""

    def __init__(self, n_features):
        super().__init__(n_features)
        self.log_r = nn.Parameter(torch.zeros(n_features, dtype=torch.float32))

    @property
    def r(self):
        """Inverse dispersion a feature; Poisson's likelihood is its limit at infinity."""
        return torch.exp(self._log_r)

    @property
    def _log_r(self):
        return bounded(hastened(self.log_r, SCALE_SPEED), 0.5 * LOG_LIMIT)

    def log_prob(self, outputs, x):
        r, logit = self.r, self._log_rate(outputs) - self._log_r
        combinations = torch.lgamma(x + r) - torch.lgamma(r) - torch.lgamma(x + 1.0)
        return combinations - r * softplus(logit) - x * softplus(-logit)

    def sample(self, outputs, generator):
        r = self.r.expand(outputs.shape)
        rate = self.mean(outputs) * torch._standard_gamma(r, generator=generator) / r
        return torch.poisson(rate, generator=generator)


class Multinomial(Counts):
    """Counts that share a row's total, such as words of a document; the total itself is taken as given.

    Draws have totals of training rows, expected cells their mean total. Networks see square roots of counts, weighted
    by how few rows have the word and divided by their length in each row, as TF-IDF: rows of the same words are alike,
    however long. Training hides half of the words from them, as few rows say what so many columns have in common.
    """

    separable = False
    distances = None
    share_hidden = 0.5

    def __init__(self, n_features):
        super().__init__(n_features)
        self.register_buffer("rarity", torch.ones(n_features, dtype=torch.float32))
        self.register_buffer("totals", torch.ones(N_TOTALS, dtype=torch.float32))

    def observe(self, x, weight):
        super().observe(x, weight)
        n = n_rows(weight)
        self.rarity.copy_(1.0 + torch.log((1.0 + n) / (1.0 + (weight * (x > 0.0)).sum(0))))
        share, seen = shares(weight), self._of_one_length(self._weighted(x))
        self.centre.copy_((share * seen).sum(0))
        spread = (share * (seen - self.centre).square()).sum(0).mean().sqrt()
        self.spread.fill_(torch.where(spread > NO_LENGTH, spread, 1.0))
        levels = torch.linspace(0.0, 1.0, N_TOTALS, dtype=x.dtype, device=x.device)
        weight = weight.expand_as(x).amin(-1)
        totals, order = x.sum(-1).sort()
        reached = weight[order].cumsum(0)
        place = torch.searchsorted(reached, 0.5 + levels * (reached[-1] - 1.0).clamp_min(0.0))
        self.totals.copy_(totals[place.clamp_max(len(totals) - 1)] * (reached[-1] > 0.0))

    def _weighted(self, x):
        return x.sqrt() * self.rarity

    @staticmethod
    def _of_one_length(weighted):
        """Rows (..., n_features) of length one; one without counts stays at zero."""
        return weighted / weighted.square().sum(-1, keepdim=True).sqrt().clamp_min(NO_LENGTH)

    def _standard(self, seen):
        return (seen - self.centre) / self.spread

    def inputs(self, x):
        return self._standard(self._of_one_length(self._weighted(x)))

    def hidden_inputs(self, mean):
        return self._standard(torch.zeros_like(self.centre))

    def rescaled(self, inputs):
        return self._standard(self._of_one_length(self.centre + self.spread * inputs))

    def _log_shares(self, outputs):
        return log_softmax(self.log_mean + outputs, dim=-1)

    def mean(self, outputs):
        return self.totals.mean() * torch.exp(self._log_shares(outputs))

    def log_prob(self, outputs, x):
        orders = torch.lgamma(x.sum(-1, keepdim=True) + 1.0) / self.n_features
        return x * self._log_shares(outputs) - torch.lgamma(x + 1.0) + orders

    def residual(self, outputs, x):
        return x - x.sum(-1, keepdim=True) * torch.exp(self._log_shares(outputs))

    def sample(self, outputs, generator):
        """Column by column, each from what the columns before it leave."""
        shares = torch.exp(self._log_shares(outputs))
        position = torch.randint(N_TOTALS, outputs.shape[:-1], device=outputs.device, generator=generator)
        left, open_share, cells = self.totals[position], torch.ones_like(shares[..., 0]), []
        for share in shares.unbind(-1):
            probability = (share / open_share.clamp_min(torch.finfo(share.dtype).tiny)).clamp(0.0, 1.0)
            cells.append(torch.binomial(left, probability, generator=generator))
            left, open_share = left - cells[-1], open_share - share
        cells[-1] = cells[-1] + left
        return torch.stack(cells, dim=-1)
