"""How far rows lie from small random samples of training rows, in closed form."""

import math
from dataclasses import dataclass

import numpy as np

ROWS_AT_ONCE = 128
"""Distances are computed in pieces of exactly this many rows, so that a row's result does not depend on the others."""

MISSED = 1e-2
"""Share of the samples that may miss all neighbours that are looked at, of which the last then counts."""

NEAREST = 1e-3
"""Distance that is added to each before its logarithm is taken, in the unit of the rows."""

SAME_ROW = 1e-10
"""Rows whose squared distance is a smaller share of their squared norms than this are one row."""


@dataclass(frozen=True)
class Sample:
    """``size`` rows that are drawn at random from those at ``places``, each with the probability of its ``share``."""

    places: np.ndarray
    share: np.ndarray
    size: int

    @classmethod
    def of(cls, weight, kept, size):
        """A sample of the rows that a mask keeps, by their weights, of at most half of them."""
        places = np.flatnonzero(kept)
        return cls(places, weight[places] / weight[places].sum(), max(1, min(size, len(places) // 2)))

    def mean_distance(self, squared):
        r"""Geometric mean of each row's distance to the nearest row of the sample (n,).

        ``squared`` are the squared distances (n, n_places) to all rows that may be drawn, infinite for those that are
        no neighbours. The nearest of :math:`m` drawn rows is farther than the :math:`k` nearest of all, of the share
        :math:`W_k` together, with probability :math:`(1 - W_k)^m`, and so the mean of its logarithm is :math:`\sum_k
        ((1 - W_{k-1})^m - (1 - W_k)^m) \log d_k`.
        """
        n_nearest = max(1, min(len(self.places), math.ceil(len(self.places) * math.log(1.0 / MISSED) / self.size)))
        nearest = np.argpartition(squared, n_nearest - 1, axis=1)[:, :n_nearest]
        squared = np.take_along_axis(squared, nearest, axis=1)
        order = np.argsort(squared, axis=1, kind="stable")
        squared, nearest = (np.take_along_axis(values, order, axis=1) for values in (squared, nearest))
        farthest = np.where(np.isfinite(squared), squared, 0.0).max(axis=1, keepdims=True)
        farther = (1.0 - np.minimum(np.cumsum(self.share[nearest], axis=1), 1.0)) ** self.size
        farther[:, -1] = 0.0
        log_distance = np.log(np.sqrt(np.minimum(squared, farthest)) + NEAREST)
        return np.exp(-(np.diff(farther, prepend=1.0, axis=1) * log_distance).sum(axis=1))


@dataclass(frozen=True)
class SampleDistances:
    """Geometric mean distances to the nearest row of samples of ``rows`` (n_rows, n_features), one for each sample.

    A few outliers that lie close together are each other's neighbours among all rows, but are seldom drawn into one
    small sample (LeSiNN: Pang, Ting and Albrecht, 2015); here nothing is drawn. Equal rows are no neighbours, so that
    one of these rows is judged as a new row of the same values would be.
    """

    rows: np.ndarray
    samples: dict

    def __call__(self, X):
        """By the name of the sample, one number for each row of X (n, n_features)."""
        found = {name: np.empty(len(X)) for name in self.samples}
        for start in range(0, len(X), ROWS_AT_ONCE):
            piece = X[start : start + ROWS_AT_ONCE]
            padded = np.zeros((ROWS_AT_ONCE, X.shape[1]))
            padded[: len(piece)] = piece
            squared = self._squared(padded)
            for name, sample in self.samples.items():
                distance = sample.mean_distance(np.take(squared, sample.places, axis=1))
                found[name][start : start + len(piece)] = distance[: len(piece)]
        return found

    def _squared(self, piece):
        norms = np.square(piece).sum(1)[:, None] + np.square(self.rows).sum(1)
        squared = norms - 2.0 * (piece @ self.rows.T)
        squared[squared <= SAME_ROW * norms] = np.inf
        return squared
