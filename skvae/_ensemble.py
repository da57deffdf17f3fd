"""What judges rows by default: two densities and two distances, for training rows that are clean or hold outliers."""

import copy
import math
from dataclasses import dataclass

import numpy as np
from scipy.special import ndtr, ndtri
from sklearn.base import BaseEstimator, clone
from sklearn.utils import check_random_state
from sklearn.utils.metaestimators import available_if

from skvae._callbacks import fit_parts
from skvae._columns import Units
from skvae._rows import WeightedRows, weighted_threshold
from skvae._validation import CallbackSupportMixin, check_is_fitted, check_weights, validate_data, with_callbacks

SUPPORT_FRACTION = 0.7
"""Share of the rows that the wary density learns from."""

STRANGEST = 0.1
"""Share of the training rows, the strangest to the wary density, that the wary distance leaves out."""

SAMPLE_SIZE, MOST_ROWS, MISSED = 256, 4096, 1e-3
"""Rows of a sample that distances are measured to, at most half of the training rows; training rows that samples are
drawn from; and the share of samples that may miss all rows that are looked at, of which the last then counts."""

NEAREST = 1e-3
"""Distance that is added to each before its logarithm is taken, in standard deviations of the columns."""

SAME_ROW = 1e-10
"""Rows whose squared distance is a smaller share of their squared norms than this are one row."""

ROWS_AT_ONCE = 128
"""Distances are computed in pieces of exactly this many rows, so that a row's result does not depend on the others."""

LOWEST, LOWER, WIDEST = 0.1, 0.25, 4.0
"""Shares of scores whose distances to the median are the unit of an excess: that of the lowest tenth, but at most four
times that of the lowest quarter, which is twice what normal and exponential tails have."""

DEVIATIONS = -float(ndtri(LOWEST)) / math.log(2.0)
"""Standard deviations of a normal distribution that one unit of strangeness stands for."""


@dataclass
class Excess:
    """How far scores lie below their median, on a scale on which the scores of usual rows are nearly normal.

    An excess of 1 is as far below the median as the lowest tenth of the training scores. Only quantiles count, so that
    outliers among the training rows, however far, do not move it while they are fewer than a quarter.
    """

    median: float
    width: float

    @classmethod
    def of(cls, scores, weight=None):
        """The scale of training scores (n,) with weights, or None."""
        finite = scores[np.isfinite(scores)]
        scores = np.clip(scores, finite.min(), finite.max()) if len(finite) else np.zeros(len(scores))
        median, lower, lowest = (weighted_threshold(scores, weight, share) for share in (0.5, LOWER, LOWEST))
        width = min(median - lowest, WIDEST * (median - lower)) or np.abs(scores - median).mean() or 1.0
        return cls(median, float(width))

    def strangeness(self, scores):
        """The signed logarithm of 1 + the excess (n,), higher for stranger rows."""
        excess = (self.median - scores) / self.width
        return np.sign(excess) * np.log1p(np.abs(excess))

    def tail(self, scores):
        """Share of usual rows that would score lower (n,): normal tails through the median and the lowest tenth."""
        return ndtr(-DEVIATIONS * self.strangeness(scores))

    def quantile(self, share):
        """The score below which that share of usual rows lies."""
        strangeness = -float(ndtri(share)) / DEVIATIONS
        return self.median - math.copysign(math.expm1(abs(strangeness)), strangeness) * self.width


class SampledNeighbors(BaseEstimator):
    r"""Minus the mean log-distance of a row to its nearest neighbour in small random samples of the training rows.

    A few outliers that lie close together are each other's neighbours among all rows, but are seldom drawn into one
    small sample (LeSiNN: Pang, Ting and Albrecht, 2015). No sample is drawn: the nearest of :math:`m` rows drawn by
    their weights is farther than the :math:`k` nearest of all, which hold the share :math:`W_k` of the weight, with
    probability :math:`(1 - W_k)^m`, and so the mean is :math:`\sum_k ((1 - W_{k-1})^m - (1 - W_k)^m) \log d_k`.

    Columns are standardised. Equal rows are no neighbours, so that a training row scores as a new row of the same
    values does. Of many training rows a random part is kept.
    """

    def __init__(self, *, random_state=None):
        self.random_state = random_state

    def fit(self, X, y=None, sample_weight=None):
        """Keep the rows that distances are measured to."""
        rows = WeightedRows.present(validate_data(self, X, dtype=np.float64), check_weights(sample_weight, X))
        self.units_ = Units.standard(rows.X, rows.weight, getattr(self, "feature_names_in_", None))
        if rows.n_rows > MOST_ROWS:
            rows = rows.take(check_random_state(self.random_state).choice(rows.n_rows, MOST_ROWS, replace=False))
        self.rows_ = self.units_.to_standard(rows.part(slice(None)).X)
        weight = np.ones(rows.n_rows) if rows.weight is None else rows.weight
        self.share_ = weight / weight.sum()
        self.sample_size_ = max(1, min(SAMPLE_SIZE, rows.n_rows // 2))
        self.n_nearest_ = min(rows.n_rows, math.ceil(rows.n_rows * math.log(1.0 / MISSED) / self.sample_size_))
        return self

    def score_samples(self, X):
        """Higher for rows with near neighbours."""
        check_is_fitted(self)
        X = self.units_.to_standard(validate_data(self, X, dtype=np.float64, reset=False))
        scores = np.empty(len(X))
        for start in range(0, len(X), ROWS_AT_ONCE):
            piece = X[start : start + ROWS_AT_ONCE]
            padded = np.zeros((ROWS_AT_ONCE, X.shape[1]))
            padded[: len(piece)] = piece
            scores[start : start + len(piece)] = self._scores(padded)[: len(piece)]
        return scores

    def _scores(self, rows):
        norms = np.square(rows).sum(1)[:, None] + np.square(self.rows_).sum(1)
        squared = norms - 2.0 * (rows @ self.rows_.T)
        squared[squared <= SAME_ROW * norms] = np.inf
        nearest = np.argpartition(squared, self.n_nearest_ - 1, axis=1)[:, : self.n_nearest_]
        squared = np.take_along_axis(squared, nearest, axis=1)
        order = np.argsort(squared, axis=1, kind="stable")
        squared, nearest = (np.take_along_axis(values, order, axis=1) for values in (squared, nearest))
        farther = (1.0 - np.minimum(np.cumsum(self.share_[nearest], axis=1), 1.0)) ** self.sample_size_
        farther[:, -1] = 0.0
        farthest = np.where(np.isfinite(squared), squared, 0.0).max(axis=1, keepdims=True)
        distance = np.sqrt(np.minimum(squared, farthest))
        return (np.diff(farther, prepend=1.0, axis=1) * np.log(distance + NEAREST)).sum(1)


def to_go_on(fitted, unfitted):
    """A copy of a fitted estimator whose next fit goes on from there, under the parameters of an unfitted one."""
    if type(fitted) is not type(unfitted):
        raise ValueError(
            f"warm_start=True goes on from the last fit's {type(fitted).__name__}, which cannot become the "
            f"{type(unfitted).__name__} that the parameters ask for now. Set them back, or use warm_start=False."
        )
    return copy.copy(fitted).set_params(**{**unfitted.get_params(deep=False), "warm_start": True})


class RobustEnsemble(CallbackSupportMixin, BaseEstimator):
    """Four scores of a row in one: a trusting and a wary density, and distances to all and to the usual training rows.

    The trusting density learns from all rows, the wary one from the most usual ``SUPPORT_FRACTION`` of each batch. What
    is strange to the wary one is left out of what the second distance is measured to. Where the training rows are
    clean, the trusting half tells rare from wrong; where they hold outliers, the wary half is not misled by them.

    Parameters
    ----------
    estimator : estimator
        Density with ``score_samples`` and the parameter ``support_fraction``.
    warm_start : bool, default=False
        Whether ``fit`` goes on from the densities of the last one; distances and scales are found anew.
    random_state : int, RandomState instance or None, default=None
        Seed of the samples that distances are measured to.
    """

    def __init__(self, estimator, *, warm_start=False, random_state=None):
        self.estimator = estimator
        self.warm_start = warm_start
        self.random_state = random_state

    @with_callbacks
    def fit(self, X, y=None, sample_weight=None):
        """Fit all four, and the scale of each one's scores."""
        trusting, wary = clone(self.estimator), clone(self.estimator).set_params(support_fraction=SUPPORT_FRACTION)
        if self.warm_start and hasattr(self, "parts_"):
            trusting, wary = to_go_on(self.parts_["trusting"], trusting), to_go_on(self.parts_["wary"], wary)
        fit_parts(self, {"trusting": trusting, "wary": wary}, X, y, sample_weight=sample_weight)
        validate_data(self, X, skip_check_array=True)
        self.parts_ = {"trusting": trusting, "wary": wary}
        return self.refer_to(X, sample_weight)

    @available_if(lambda self: hasattr(self.estimator, "partial_fit"))
    def partial_fit(self, X, y=None, sample_weight=None):
        """Both densities go on with one pass over a batch; ``refer_to`` has to follow."""
        learnt = {
            name: copy.copy(self.parts_[name]).partial_fit(X, sample_weight=sample_weight)
            for name in ("trusting", "wary")
        }
        self.parts_ = {**self.parts_, **learnt}
        return self

    def refer_to(self, X, sample_weight=None):
        """Measure distances to these rows, and find the scale of each score on them."""
        trusting, wary = self.parts_["trusting"], self.parts_["wary"]
        weight, scores = check_weights(sample_weight, X), wary.score_samples(X)
        usual = scores >= weighted_threshold(scores, weight, STRANGEST)
        kept = usual.astype(np.float64) if weight is None else usual * weight
        self.parts_ = {
            "trusting": trusting,
            "wary": wary,
            "far": self._neighbors(X, weight),
            "far_from_usual": self._neighbors(X, kept),
        }
        self.scales_ = {
            name: Excess.of(scores if part is wary else part.score_samples(X), weight)
            for name, part in self.parts_.items()
        }
        return self

    def _neighbors(self, X, weight):
        return SampledNeighbors(random_state=self.random_state).fit(X, sample_weight=weight)

    def score_samples(self, X):
        """Minus the excess of a row: 0 is usual, -1 as strange as the strangest tenth of the training rows.

        The excess is the mean of those of the four scores on their logarithmic scale.
        """
        check_is_fitted(self)
        strangeness = sum(self.scales_[name].strangeness(part.score_samples(X)) for name, part in self.parts_.items())
        mean = strangeness / len(self.parts_)
        return -np.sign(mean) * np.expm1(np.abs(mean))

    def score_features(self, X):
        """Share of each column in the row's log-likelihood: the mean of both densities."""
        check_is_fitted(self)
        return 0.5 * (self.parts_["trusting"].score_features(X) + self.parts_["wary"].score_features(X))

    def transform(self, X):
        """Codes of the wary density."""
        check_is_fitted(self)
        return self.parts_["wary"].transform(X)

    def inverse_transform(self, X):
        """Rows that codes of the wary density stand for."""
        check_is_fitted(self)
        return self.parts_["wary"].inverse_transform(X)
