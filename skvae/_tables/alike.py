"""Whether the columns of a table are alike: one unit, one bounded range, and an order in which neighbours go together.

Pixels are, and so are spectra and counts by position. Ages, incomes and rates are not, whatever they are scaled to: an
affine map of single columns leaves correlations as they are, and an affine map of all columns leaves all of this as it
is.
"""

from dataclasses import dataclass

import numpy as np

from skvae._tables.profile import smallest
from skvae._tables.usual import Usual

LEAST_COLUMNS, LEAST_ROWS, FEWEST_VALUES = 16, 50, 8
"""Of fewer columns or rows nobody can tell, and fewer values in all are levels, which have probabilities."""

MOST_ROWS, MOST_CELLS = 2048, 2**21
"""Rows of the sample that are compared; fewer where they have many cells."""

WIDE, SHARE_OF_WIDE = 1.0 / 3.0, 0.5
"""This share of the columns that vary spans at least that part of the common range."""

NEAR, TIMES_AS_NEAR = 0.2, 1.75
"""What neighbours correlate by in the mean at least, and how many times as much as columns anywhere do: pictures reach
2.2 times and more, tables of unrelated columns up to 1.3 times."""

PARTNERS = 0.382, 0.236, 0.146, 0.09, 0.437, 0.292, 0.18, 0.472
"""How far the columns stand apart, as shares of all columns, whose correlation is that of columns anywhere."""

SAME_SPREAD, SAME_ENDS, ALL_BUT_FEW, SHARED = 0.05, 1e-6, 0.95, 0.5
"""Columns have been scaled one by one where almost all have the same spread, or the same ends and less than a share of
their values in common with their neighbours; spreads are the same up to a share, ends up to one of the range."""


def are_alike(profile, schema):
    """Whether all columns of the table of a profile are numbers of one unit and one range, like their neighbours."""
    sample = profile.sample
    n_rows, n_features = sample.cells.shape
    if n_features < LEAST_COLUMNS or n_rows < LEAST_ROWS or schema.sparse is not None:
        return False
    if not are_numbers(schema):
        return False
    columns = Compared.of(sample)
    if columns.varying.sum() < LEAST_COLUMNS or not columns.go_together():
        return False
    usual = Usual.of(profile, [("pooled", list(range(n_features)))])
    return in_one_range(columns, *usual.ends) and len(np.unique(columns.cells[columns.there])) >= FEWEST_VALUES


def are_numbers(schema):
    """Whether all columns are numbers that are no levels."""
    return all(column.family == "numbers" and not column.has_levels for column in schema.columns.values())


@dataclass(frozen=True)
class Compared:
    """Rows of which columns are compared: cells (n, n_features) and what rows count (n,).

    ``there`` is a mask of the cells that are, ``standard`` are these less their column's mean, divided by its standard
    deviation ``spread`` (n_features,), and 0 where they are missing. ``varying`` is a mask of the columns.
    """

    cells: np.ndarray
    counts: np.ndarray
    there: np.ndarray
    standard: np.ndarray
    spread: np.ndarray
    varying: np.ndarray

    @classmethod
    def of(cls, sample):
        """Those of the sample of a profile."""
        n_features = sample.cells.shape[1]
        chosen = smallest(sample.prints, min(MOST_ROWS, max(MOST_CELLS // n_features, LEAST_ROWS)))
        cells, counts = sample.cells[chosen], sample.counts[chosen]
        there, low, high = ~np.isnan(cells), np.fmin.reduce(cells), np.fmax.reduce(cells)
        varying = low < high
        with np.errstate(over="ignore", invalid="ignore"):
            unit = np.where(varying, high - low, 1.0)
            relative = np.where(there, (cells - np.where(varying, low, 0.0)) / unit, 0.0)  # no square overflows
            known = np.maximum(counts @ there, np.finfo(np.float64).tiny)
            standard = np.where(there, relative - counts @ relative / known, 0.0)
            spread = np.sqrt(counts @ np.square(standard) / known)
            varying &= np.isfinite(unit) & (spread > 0.0)
            standard = np.where(varying, standard / np.where(varying, spread, 1.0), 0.0)
        return cls(cells, counts, there, standard, np.where(varying, spread * unit, 0.0), varying)

    def correlations(self, apart):
        """Of the columns that stand so many places apart and vary (n_pairs,)."""
        both = self.counts @ (self.there[:, :-apart] & self.there[:, apart:])
        together = np.einsum("i,ij,ij->j", self.counts, self.standard[:, :-apart], self.standard[:, apart:])
        return (together / np.maximum(both, np.finfo(np.float64).tiny))[self.pairs(apart)[0]]

    def pairs(self, apart):
        """Numbers of the columns that stand so many places apart and vary, (n_pairs,) each."""
        one = np.flatnonzero(self.varying[:-apart] & self.varying[apart:])
        return one, one + apart

    def elsewhere(self):
        """Correlations of columns that are no neighbours (n_pairs,)."""
        places = {max(2, round(share * self.cells.shape[1])) for share in PARTNERS}
        return np.concatenate([self.correlations(apart) for apart in sorted(places)])

    def go_together(self):
        """Whether neighbours correlate, and more than columns anywhere do."""
        near = self.correlations(1)
        if len(near) < LEAST_COLUMNS // 2 or near.mean() < NEAR:
            return False
        elsewhere = np.abs(self.elsewhere())
        return len(elsewhere) > 0 and near.mean() >= TIMES_AS_NEAR * elsewhere.mean()

    def share_values(self):
        """Whether columns have many of their different values in common with their neighbours."""
        values = [np.unique(column[there]) for column, there in zip(self.cells.T, self.there.T, strict=True)]
        pairs = ((values[i], values[j]) for i, j in zip(*self.pairs(1), strict=True))
        shares = [len(np.intersect1d(a, b, assume_unique=True)) / min(len(a), len(b)) for a, b in pairs]
        return np.median(shares) >= SHARED


def in_one_range(columns, low, high):
    """Whether most columns span a large part of one range, which is not what each of them was scaled to.

    ``low`` and ``high`` are the ends of the columns (n_features,).
    """
    low, high, spread = low[columns.varying], high[columns.varying], columns.spread[columns.varying]
    least, most = low.min(), high.max()
    with np.errstate(over="ignore", invalid="ignore"):
        whole = most - least
        if not np.isfinite(whole) or np.mean(high - low >= WIDE * whole) < SHARE_OF_WIDE:
            return False
    at_both_ends = (low - least <= SAME_ENDS * whole) & (most - high <= SAME_ENDS * whole)
    if at_both_ends.mean() >= ALL_BUT_FEW:
        return columns.share_values()
    return np.mean(np.abs(spread - np.median(spread)) <= SAME_SPREAD * np.median(spread)) < ALL_BUT_FEW
