"""Ends, mean and variance of the cells of each column; those of two parts of a table add up to those of the whole."""

from dataclasses import dataclass, replace

import numpy as np

from skvae._tables.matrix import blocks

ALMOST_ALL = 1.0 - 1e-9
"""Share of the weight of a column's rows that is all of it, but for rounding."""


@dataclass(frozen=True)
class Moments:
    """What is known of the cells of each column that are there, (n_features,) each.

    Parameters
    ----------
    weight : float
        What the rows count together.
    there : ndarray
        Share of the weight of the rows in which a cell is there.
    low, high : ndarray
        Smallest and largest cell; infinity and minus infinity where all are missing.
    mean, variance : ndarray
        Weighted mean, and mean squared distance to it; 0 where all are missing.
    away : ndarray
        Mean distance to the mean: by how much that is rounded.
    """

    weight: float
    there: np.ndarray
    low: np.ndarray
    high: np.ndarray
    mean: np.ndarray
    variance: np.ndarray
    away: np.ndarray

    @classmethod
    def of(cls, cells, weight):
        """Those of rows (n, n_features) of float64 with weights (n,); missing cells are NaN."""
        total = float(weight.sum())
        share = weight / (total or 1.0)
        low, high = np.fmin.reduce(cells, axis=0, initial=np.inf), np.fmax.reduce(cells, axis=0, initial=-np.inf)
        is_whole = not np.isnan(np.minimum.reduce(cells, axis=0, initial=np.inf)).any()
        with np.errstate(over="ignore", invalid="ignore"):
            there = whole(np.full(len(low), share.sum()) if is_whole else share @ ~np.isnan(cells))
            known = np.where(there == 0.0, 1.0, there)
            mean = (share @ (cells if is_whole else zero_if_missing(cells.copy()))) / known
            away, variance = about(mean, cells, share, is_whole and np.isfinite(mean).all())
        return cls(total, there, low, high, mean, variance / known, away / known)

    def __add__(self, other):
        """Those of both parts, by the pairwise formula of Chan, Golub and LeVeque (1979)."""
        weight = self.weight + other.weight
        with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
            mine, others = self.weight * self.there, other.weight * other.there
            share = np.where(mine + others > 0.0, others / (mine + others), 0.0)
            apart = other.mean - self.mean
            variance = (1.0 - share) * self.variance + share * other.variance + share * (1.0 - share) * apart**2
            return Moments(
                weight,
                whole((mine + others) / (weight or 1.0)),
                np.minimum(self.low, other.low),
                np.maximum(self.high, other.high),
                self.mean + share * apart,
                variance,
                (1.0 - share) * self.away + share * other.away,
            )

    def replaced(self, columns, others):
        """These moments, but for some columns those of others."""
        names = "there", "low", "high", "mean", "variance", "away"
        return replace(self, **{name: np.where(columns, getattr(others, name), getattr(self, name)) for name in names})

    def of_columns(self, columns):
        """Those of some columns."""
        parts = (self.there, self.low, self.high, self.mean, self.variance, self.away)
        return Moments(self.weight, *(part[columns] for part in parts))


def whole(share):
    """Shares that are 1 but for rounding, as 1."""
    return np.where(share > ALMOST_ALL, 1.0, share)


def about(mean, cells, share, is_whole):
    """Sums of distances to the mean, and of their squares, by the share of each row; ``is_whole`` where none lacks."""
    away, squares = np.zeros(len(mean)), np.zeros(len(mean))
    for part in blocks(*cells.shape):
        deviation = cells[part] - mean
        deviation = deviation if is_whole else zero_if_missing(deviation)
        away += share[part] @ deviation
        squares += share[part] @ np.square(deviation, out=deviation)
    return away, squares


def zero_if_missing(cells):
    """Cells with zero where they are missing, in place."""
    np.copyto(cells, 0.0, where=np.isnan(cells))
    return cells
