"""How far cells usually are from what is expected of them, and which are farther than a usual row ever has one."""

import math
from dataclasses import dataclass

import numpy as np

COVERAGE = 0.9
"""Share of a column's training cells in the interval that is expected of them."""

GROUP_ROWS, MOST_GROUPS = 100, 8
"""Training cells of which as much is expected that make a group, and how many groups a column has at most."""

LEAST_REACH, LEAST_OF_ALL, MOST_OF_ALL = 0.01, 0.5, 2.0
"""Least reach of a column in its standard deviations; and that of a group at least and at most, in its column's.

What is expected of a far cell leans to the cell, and where far cells are expected training cells are far: without an
end to that no cell would be far from what is expected of it."""

MARKED_ROWS = 0.05
"""Share of usual rows that have an unusual cell."""

USUAL_EXCESS = 0.3
"""Logarithm of how far beyond its reach one more cell is taken to be, in a column where few are to say it."""

SELDOM_NEW = 0.01
"""Share of training cells whose level no other row has: where it is larger, that a level is new is not unusual."""

MOST_NATS = 600.0
"""Largest logarithm of how many times less probable a level is, so that the number is finite."""


@dataclass(frozen=True)
class Reach:
    r"""How far below and above what is expected of it a cell usually is.

    Nine of ten training cells that lie on that side are no farther, among those of which about as much is expected:
    cells of a column are cut into groups by what is expected of them, and between the middles of two groups the
    distance is interpolated. So the width of an interval belongs to its row (Lei et al., "Distribution-free predictive
    inference for regression", JASA 2018, section 5.2: residuals in a scale that depends on the row), and each side has
    its own (Romano, Patterson and Candès, "Conformalized quantile regression", NeurIPS 2019).

    ``columns`` holds an array (3, n_groups) for each column: the medians of what is expected in its groups, in rising
    order, and the distances below and above.
    """

    columns: list

    @classmethod
    def of(cls, expected, apart):
        """That of rows (n, n_features) which count alike; ``apart`` is NaN where a cell says nothing."""
        return cls([reach_of_column(*cells) for cells in zip(expected.T, apart.T, strict=True)])

    @classmethod
    def alike(cls, interval):
        """One reach for all cells of a column, to the ends of an interval around what is expected (2, n_features)."""
        low, high = np.nan_to_num(interval)
        return cls(
            [np.array([[0.0], [max(-below, 0.0)], [max(above, 0.0)]]) for below, above in zip(low, high, strict=True)]
        )

    def __call__(self, expected, columns):
        """The distances below and above for what is expected of cells of some columns, two arrays of the same shape."""
        cells, found = expected.ravel(), np.empty((2, expected.size))
        order = np.argsort(columns, axis=None, kind="stable")
        ends = np.cumsum(np.bincount(columns.ravel(), minlength=len(self.columns)))
        for j in np.flatnonzero(np.diff(ends, prepend=0)):
            here = order[ends[j - 1] if j else 0 : ends[j]]
            middles, *sides = self.columns[j]
            for side, distances in zip(found, sides, strict=True):
                side[here] = np.interp(cells[here], middles, distances)
        return found.reshape(2, *expected.shape)


def times_away(apart, below, above):
    """How many times the usual distance cells are away, infinite where that is none at all."""
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(apart == 0.0, 0.0, np.abs(apart) / np.where(apart < 0.0, below, above))


def reach_of_column(expected, apart):
    """The groups of one column (3, n_groups): medians of what is expected, distances below and above."""
    there = ~np.isnan(apart)
    expected, apart = expected[there], apart[there]
    if not len(apart):
        return np.zeros((3, 1))
    least = LEAST_REACH * np.std(expected + apart)
    whole = np.fmax(reached(apart), least)
    n_groups = min(max(len(apart) // GROUP_ROWS, 1), MOST_GROUPS)
    ordered = np.sort(expected)
    cuts = np.unique(ordered[len(ordered) * np.arange(1, n_groups) // n_groups])
    group = np.searchsorted(cuts, expected, side="right")
    found = []
    for number in np.unique(group):
        here = group == number
        sides = np.clip(reached(apart[here]), LEAST_OF_ALL * whole, MOST_OF_ALL * whole)
        found.append([np.median(expected[here]), *np.where(np.isnan(sides), whole, np.fmax(sides, least))])
    return np.transpose(found)


def reached(apart):
    """Distances below and above (2,) that COVERAGE of the cells on that side keep, and of one more.

    Where a side has no cells it is as the other one.
    """
    sides = []
    for distance in (-apart[apart <= 0.0], apart[apart >= 0.0]):
        place = min(math.ceil(COVERAGE * (len(distance) + 1)), len(distance)) - 1
        sides.append(np.partition(distance, place)[place] if len(distance) else np.nan)
    return np.fmax(sides, np.where(np.isnan(sides), sides[::-1], sides))


@dataclass(frozen=True)
class Tails:
    r"""Which cells are unusual: farther than one of the cells of a usual row is, in all but a few rows.

    The chance of a cell to be :math:`t > 1` times the usual distance away is :math:`s t^{-1 / h}` in its column, with
    :math:`s` the share of training cells beyond the usual distance and :math:`h` the mean logarithm of their
    :math:`t` (Hill, 1975). A row is as unusual as the least chance of its cells, and MARKED_ROWS of the training
    rows lie below the ``limit`` by that measure: a level corrected for the number of columns and for how they hang
    together (Westfall and Young, 1993). It is lower by a standard error, since few rows know it badly.

    Parameters
    ----------
    share, excess : ndarray of shape (n_features,)
        :math:`s` and :math:`h` of each column.
    new : ndarray of shape (n_features,)
        Whether a level that no training row has is unusual: where few training rows have one of their own, since that
        share is the chance of the next row to have a new one (Good, 1953).
    limit : float
        Logarithm of the chance below which a cell is unusual.
    """

    share: np.ndarray
    excess: np.ndarray
    new: np.ndarray
    limit: float

    @classmethod
    def of(cls, times, single):
        """That of rows which count alike, by how many ``times`` the usual distance cells are away (n, n_features).

        ``single`` is a mask of the cells whose level no other row has.
        """
        beyond = times > 1.0
        n_there, n_beyond = (~np.isnan(times)).sum(axis=0), beyond.sum(axis=0)
        share = np.minimum(np.maximum(n_beyond, 1.0) / (n_there + 1.0), 1.0)
        excess = (log_times(times).sum(axis=0) + USUAL_EXCESS) / (n_beyond + 1.0)
        new = single.mean(axis=0) <= SELDOM_NEW
        least = log_chance(times, share, excess).min(axis=1, initial=0.0)
        least[(single & new).any(axis=1)] = -np.inf
        level = MARKED_ROWS - math.sqrt(MARKED_ROWS * (1.0 - MARKED_ROWS) / len(times))
        return cls(share, excess, new, float(np.quantile(least, max(level, 0.0), method="lower")))

    def unusual(self, times, unseen, columns):
        """Mask of the cells of some columns that are unusual; ``unseen`` is one of levels that no training row has."""
        chance = log_chance(times, self.share[columns], self.excess[columns])
        return (chance < self.limit) | (unseen & self.new[columns])


def log_chance(times, share, excess):
    """Logarithm of the chance of cells to be so far away, 0 for those that are not far; ``Tails`` says the rest."""
    return np.where(times > 1.0, np.log(share) - log_times(times) / excess, 0.0)


def log_times(times):
    """Logarithm of how many times the usual distance cells are away, 0 where that is not beyond it."""
    return np.log(np.where(times > 1.0, np.minimum(times, np.exp(MOST_NATS)), 1.0))
