"""How far scores lie below those of usual rows."""

import math
from dataclasses import dataclass

import numpy as np
from scipy.special import log_ndtr, ndtri

from skvae._tables.weighted import weighted_threshold

LOWEST, LOWER, WIDEST = 0.1, 0.25, 4.0
"""Shares of scores whose distances to the median are the unit of an excess: that of the lowest tenth, but at most four
times that of the lowest quarter, which is twice what normal and exponential tails have."""

DEVIATIONS = -float(ndtri(LOWEST)) / math.log(2.0)
"""Standard deviations of a normal distribution that one unit of strangeness stands for."""


@dataclass
class Excess:
    """How far scores lie below their median, on a scale on which the scores of usual rows are nearly normal.

    An excess of 1 is as far below the median as the lowest tenth of the training scores. Only quantiles count, so that
    outliers among the training rows, however far, do not move it while they are fewer than a quarter. Where the lowest
    tenth is no lower than the median, it is the share of scores that differ from the median times their median distance
    to it.
    """

    median: float
    width: float

    @classmethod
    def of(cls, scores, weight=None):
        """The scale of training scores (n,) with weights, or None."""
        weight = np.ones(len(scores)) if weight is None else weight
        scores, weight = scores[weight > 0.0], weight[weight > 0.0]
        finite = scores[np.isfinite(scores)]
        scores = np.clip(scores, finite.min(), finite.max()) if len(finite) else np.zeros(len(scores))
        median, lower, lowest = (weighted_threshold(scores, weight, share) for share in (0.5, LOWER, LOWEST))
        tenth, quarter, away = median - lowest, WIDEST * (median - lower), scores != median
        width = min(tenth, quarter) or tenth
        if not width and away.any():
            share = weight[away].sum() / weight.sum()
            width = share * weighted_threshold(np.abs(scores[away] - median), weight[away], 0.5)
        return cls(median, float(width) or 1.0)

    def strangeness(self, scores):
        """The signed logarithm of 1 + the excess (n,), higher for stranger rows."""
        excess = (self.median - scores) / self.width
        return np.sign(excess) * np.log1p(np.abs(excess))

    def log_tail(self, scores):
        """Logarithm of the share of usual rows that would score lower (n,).

        Tails are normal, through the median and the lowest tenth.
        """
        return log_ndtr(-DEVIATIONS * self.strangeness(scores))

    def quantile(self, share):
        """The score below which that share of usual rows lies."""
        strangeness = -float(ndtri(share)) / DEVIATIONS
        return self.median - math.copysign(math.expm1(abs(strangeness)), strangeness) * self.width
