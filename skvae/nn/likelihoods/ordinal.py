"""Levels with an order."""

import torch
from torch import nn
from torch.nn.functional import logsigmoid, pad

from skvae.nn.likelihoods.base import LOG_LIMIT, SCALE_SPEED, at_place, centre_and_spread, n_rows, place_drawn, shares
from skvae.nn.likelihoods.levels import Levels
from skvae.nn.numerics import RAW_ONE, bounded, hastened, positive

LOGISTIC = 1.7
"""Standard deviation of a normal variable whose distribution function is nearest to the logistic one."""

LEAST_SPREAD, FAR_AWAY = 1e-2, 1e3
"""Smallest scale of the logistic variable under an ordinal column, and how far thresholds may be from its centre."""


class Ordinal(Levels):
    """Levels with an order: a logistic variable between thresholds (McCullagh, 1980), located and scaled by the code.

    Networks see the level number, centred and scaled to the training rows. Thresholds are learned, from where the
    shares of the training rows put them.
    """

    most_levels = 10_000
    """Each level has a threshold, and a place in every row's probabilities."""
    support = f"level numbers, whole ones from 0 to the largest it was fitted on and less than {most_levels},"

    def __init__(self, n_features, n_levels, unseen=0.0):
        super().__init__(n_features, n_levels, unseen)
        self.n_outputs = 2 * n_features
        self.log_gaps = nn.Parameter(torch.zeros(n_features, max(max(n_levels) - 2, 0), dtype=torch.float32))
        self.n_statistics = n_features * (self.log_gaps.shape[1] + 2)
        self.register_buffer("centre", torch.zeros(n_features, dtype=torch.float32))
        self.register_buffer("spread", torch.ones(n_features, dtype=torch.float32))
        self.register_buffer("first", torch.zeros(n_features, 1, dtype=torch.float32))
        self.register_buffer("gaps", torch.ones_like(self.log_gaps.data))

    def observe(self, x, weight):
        share = shares(weight)
        known = x < self._n_levels
        cells = torch.where(known, x, torch.zeros_like(x))
        mean, deviation = centre_and_spread(cells, share)
        self.centre.copy_(mean)
        self.spread.copy_(deviation)
        width = self.log_gaps.shape[1] + 2
        levels = torch.arange(width, dtype=x.dtype, device=x.device)
        held = (share[..., None] * (cells[..., None] == levels)).sum(0) + 0.5 / n_rows(weight)
        reached = (held / held.sum(-1, keepdim=True)).cumsum(-1)[:, : width - 1]
        thresholds = torch.logit(reached, eps=1e-6)
        self.first.copy_(thresholds[:, :1])
        self.gaps.copy_(thresholds.diff(dim=-1).clamp_min(1e-3))

    def inputs(self, x):
        known = torch.minimum(x, self._n_levels.to(x) - 1.0)
        return (known - self.centre) / self.spread

    def begin(self, weight, bias, loadings, mean, noise):
        rest = len(bias) - self.n_features
        weight.copy_(pad(LOGISTIC * loadings, (0, 0, 0, rest)))
        bias.zero_()
        return True

    def _between(self, outputs):
        """Thresholds as the code sees them (..., n_features, most levels + 1), from far below to far above."""
        location, raw = outputs.chunk(2, dim=-1)
        steps = self.gaps * torch.exp(bounded(hastened(self.log_gaps, SCALE_SPEED), LOG_LIMIT))
        thresholds = torch.cat([self.first, self.first + steps.cumsum(-1)], dim=-1)
        position = (thresholds - location[..., None]) / positive(raw + RAW_ONE, LEAST_SPREAD)[..., None]
        position = bounded(position, FAR_AWAY)
        last = torch.arange(position.shape[-1], device=raw.device) >= self._n_levels[:, None] - 1
        position = torch.where(last, torch.full_like(position, FAR_AWAY), position)
        ends = torch.full_like(position[..., :1], FAR_AWAY)
        return torch.cat([-ends, position, ends], dim=-1)

    def _log_shares(self, outputs):
        """Log-probability of each level (..., n_features, most levels)."""
        position = self._between(outputs)
        below, above = position[..., :-1], position[..., 1:]
        gap = (above - below).clamp_min(1e-6)
        return logsigmoid(above) + logsigmoid(-below) + torch.log(-torch.expm1(-gap))

    def statistics(self, outputs):
        return self._log_shares(outputs).exp().flatten(-2)

    def typical(self, statistics):
        """The median level."""
        reached = statistics.unflatten(-1, (self.n_features, -1)).cumsum(-1)
        return (reached < 0.5 * reached[..., -1:]).sum(-1).to(statistics.dtype)

    def mean(self, outputs):
        """The median level."""
        return self.typical(self.statistics(outputs))

    def _seen_log_prob(self, outputs, level):
        return at_place(self._log_shares(outputs), level)

    def sample(self, outputs, generator):
        return place_drawn(self._log_shares(outputs), generator).squeeze(-1).to(outputs.dtype)
