"""Which rows train, which validate, and how many make a batch."""

from dataclasses import dataclass

import numpy as np

from skvae._columns import lacking_by_column, pieces_of
from skvae._on_demand import OnDemand, is_complete, of_rows

SMALLEST_BATCH, USUAL_BATCH, STEPS_AN_EPOCH = 16, 256, 16
"""``batch_size="auto"``: about this many steps an epoch, with a batch between the two."""

LARGEST_BATCH, MANY_STEPS = 2048, 512
"""In a table of so many rows that such batches are more steps an epoch than this, batches grow, up to this."""

HOLES_ROWS = 8192
"""Rows whose missing cells are remembered for draws."""

RANGE_ROWS = 8192
"""Rows from which the usual range of a column is taken."""


@dataclass(frozen=True)
class WeightedRows:
    """Rows of X (n, n_features) with a positive weight each, of mean one, or None where all are alike.

    ``index`` says which rows of X these are, in which order, so that a selection takes no copy; None is all.
    ``total`` is the total weight.
    """

    X: np.ndarray | OnDemand
    weight: np.ndarray | None
    total: float
    index: np.ndarray | None = None

    @classmethod
    def present(cls, X, sample_weight=None):
        """The rows that count: those of weight zero are absent."""
        if sample_weight is None:
            return cls(X, None, float(len(X)))
        present = sample_weight > 0
        return cls(of_rows(X, present), *relative(sample_weight[present]))

    @property
    def n_rows(self):
        """How many rows these are."""
        return len(self.X) if self.index is None else len(self.index)

    @property
    def counts(self):
        """How many rows each one stands for (n_rows,): its weight, unless weights are shares below one in the mean."""
        weight = np.ones(self.n_rows) if self.weight is None else self.weight
        return weight * max(self.total / self.n_rows, 1.0)

    def columns_with_holes(self):
        """Numbers of the columns of which cells are missing, which are NaN."""
        return np.flatnonzero(lacking_by_column(self.X)).tolist()

    def share_missing(self):
        """Share of the cells that are missing."""
        if is_complete(self.X):
            return 0.0
        return sum(np.count_nonzero(np.isnan(cells)) for _, cells in pieces_of(self.X)) / (
            len(self.X) * self.X.shape[1]
        )

    def holes(self):
        """Which cells are missing in up to HOLES_ROWS rows, evenly spread over the weight; None where none is."""
        if not self.columns_with_holes():
            return None
        ends = np.cumsum(self.counts)
        n_rows = min(self.n_rows, HOLES_ROWS)
        place = np.searchsorted(ends, (np.arange(n_rows) + 0.5) / n_rows * ends[-1])
        return np.isnan(self.part(place.clip(0, self.n_rows - 1)).X)

    def distinct(self):
        """Equal rows as one row with their weights added, in sorted order: the same objective."""
        X = self.X[:]
        X, place = np.unique(np.where(np.isnan(X), np.inf, X), axis=0, return_inverse=True)
        X[np.isinf(X)] = np.nan
        weight, _ = relative(np.bincount(place.ravel(), self.weight).astype(np.float64))
        return WeightedRows(X, weight, self.total)

    def part(self, part):
        """The rows of a slice or of some numbers, dense, with their weights as they are."""
        return WeightedRows(self.X[self._places(part)], self._weight(part), self.total)

    def _places(self, part):
        """Where in X the rows of a part are."""
        return part if self.index is None else self.index[part]

    def _weight(self, part):
        return None if self.weight is None else self.weight[part]

    def usual_range(self):
        """Between which values 98 % of each column's cells lie (2, n_features), from up to RANGE_ROWS rows.

        Anywhere where a column has no cells.
        """
        part = slice(None, None, -(-self.n_rows // RANGE_ROWS))
        spread = WeightedRows(of_rows(self.X, self._places(part)), self._weight(part), self.total)
        usual = spread.quantiles((0.01, 0.99))
        return np.where(np.isnan(usual), [[-np.inf], [np.inf]], usual)

    def quantiles(self, levels):
        """Quantiles of the cells of each column (n_levels, n_features), NaN where all are missing.

        A quantile is the lowest of the cells that has at least this share of the weight at or below it.
        """
        found = np.full((len(levels), self.X.shape[1]), np.nan)
        for j, cells in enumerate(self.X.T):
            there = ~np.isnan(cells)
            weight = None if self.weight is None else self.weight[there]
            if there.any():
                found[:, j], _ = _reached(cells[there], weight, np.array(levels))
        return found

    def take(self, index):
        """Some of the rows, as rows of their own."""
        if self.weight is None:
            return WeightedRows(self.X, None, float(len(index)), index)
        return WeightedRows(self.X, *relative(self.weight[index]), index)

    def split(self, fraction, seed):
        """Training and validation rows; one row alone leaves None to validate on."""
        n_val = min(max(round(fraction * len(self.X)), 1), len(self.X) - 1)
        order = np.random.RandomState(seed).permutation(len(self.X))
        return self.take(order[n_val:]), self.take(order[:n_val]) if n_val else None


def weighted_threshold(scores, weight, share, most=1.0):
    """A value with the lowest ``share`` of the weight below it, halfway to the next score.

    Ties stay together: below it, unless more than the share ``most``, and more than one row, would then be there. Minus
    infinity is below it in any case.
    """
    rows = WeightedRows.present(scores, weight)
    scores, counts = rows.X, rows.counts
    last, ranked = _reached(scores, rows.weight, share)
    above = ranked[ranked > last]
    if last == -np.inf:
        return float(np.nextafter(above[0] if len(above) else 0.0, -np.inf))
    if counts[scores <= last].sum() > max(most * counts.sum(), 1.0):
        return float(np.nextafter(last, -np.inf))
    return float(0.5 * (last + above[0]) if len(above) else last)


def _reached(values, weight, share):
    """The lowest value that has at least a ``share`` of the weight at or below it, or one a share; and all in order."""
    order = np.argsort(values, kind="stable")
    ranked = values[order]
    reached = np.cumsum(np.ones(len(ranked)) if weight is None else weight[order])
    return ranked[np.searchsorted(reached, share * reached[-1] * (1.0 - 1e-12))], ranked


def relative(weight):
    """Weights of mean one, None where all are alike, and their sum as it was."""
    of_the_largest = weight / weight.max()
    total = float(of_the_largest.sum()) * float(weight.max())
    return None if np.ptp(of_the_largest) == 0 else of_the_largest / of_the_largest.mean(), total


def auto_batch_size(n_rows):
    """The batch that suits ``n_rows`` rows."""
    usual = min(max(n_rows // STEPS_AN_EPOCH, SMALLEST_BATCH), USUAL_BATCH)
    return min(max(n_rows // MANY_STEPS, usual), LARGEST_BATCH)
