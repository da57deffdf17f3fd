"""Which rows train, which validate, and how many make a batch."""

from dataclasses import dataclass

import numpy as np

from skvae._tables.distinct import by_value, distinct_rows, fingerprints, stirred
from skvae._tables.matrix import OnDemand, of_rows

MOST_TIMES = 4
"""How often rows are repeated in the mean at most for all of that to count in the number of steps."""

HOLES_ROWS = 8192
"""Rows whose missing cells are remembered for draws."""

RANGE_ROWS = 8192
"""Rows from which the usual range of a column is taken."""

USUAL_SHARES = 0.01, 0.99
"""Shares of a column's cells at which its usual range ends."""

BUT_ROUNDING = 1.0 - 1e-12
"""Share of a weight that is all of it, but for rounding."""

MOST_REPETITIONS = 1e6
"""How many rows one stands for at most in the mean: weights beyond that say no more."""

PIECES = 2**16
"""What is drawn by weight is drawn row by row, as if rows were repeated; in larger pieces only where it is more rows
than this."""

LONGEST_LINE = 64
"""How many times as long as what is drawn of them rows lie there at most: longer ones only take memory."""


@dataclass(frozen=True)
class WeightedRows:
    """Rows of X (n, n_features) with a positive weight each, of mean one, or None where all are alike.

    ``index`` says which rows of X these are, in which order, so that a selection takes no copy; None is all.
    ``total`` is the total weight, ``n_counted`` how many rows these stand for together: the total weight, or, where
    weights are shares below one in the mean, as many as there were. Of a part both are its share by number of rows.
    ``prints`` (n,) are their fingerprints, where these say which rows validate: the same in whatever order rows come.
    """

    X: np.ndarray | OnDemand
    weight: np.ndarray | None
    total: float
    index: np.ndarray | None = None
    n_counted: float = 0.0
    prints: np.ndarray | None = None

    def __post_init__(self):
        if not self.n_counted:
            most = MOST_REPETITIONS * self.n_rows
            object.__setattr__(self, "n_counted", min(max(self.total, float(self.n_rows)), most))

    @classmethod
    def present(cls, X, sample_weight=None):
        """The rows that count: those of weight zero are absent."""
        if sample_weight is None:
            return cls(X, None, float(len(X)))
        present = sample_weight > 0
        return cls(of_rows(X, present), *relative(sample_weight[present]))

    @classmethod
    def distinct(cls, X, sample_weight=None, found=None):
        """The rows that count, equal ones as one row with their weights added, in an order of their own.

        Rows that all differ and stand for one row each are as they are, in the order in which they come. ``found`` is
        what ``distinct_rows`` gives, where that is known.
        """
        index, weight = distinct_rows(X, sample_weight) if found is None else found
        if weight is None:
            return cls.present(X, sample_weight)
        return cls(of_rows(X, index), *relative(weight), n_counted=counted(weight, sample_weight))

    @property
    def n_rows(self):
        """How many rows these are."""
        return len(self.X) if self.index is None else len(self.index)

    @property
    def counts(self):
        """How many rows each one stands for (n_rows,)."""
        if self.weight is None and self.n_counted == self.n_rows:
            return np.ones(self.n_rows)
        weight = np.ones(self.n_rows) if self.weight is None else self.weight
        counts = weight * (self.n_counted / self.n_rows)
        whole = np.rint(counts)
        return np.where(np.abs(counts - whole) < 1e-9 * whole, whole, counts)

    def holes(self):
        """Which cells are missing in up to HOLES_ROWS rows, evenly spread over the weight."""
        ends = np.cumsum(self.counts)
        n_rows = min(round(ends[-1]), HOLES_ROWS)
        place = np.searchsorted(ends, (np.arange(n_rows) + 0.5) / n_rows * ends[-1])
        return np.isnan(self.part(place.clip(0, self.n_rows - 1)).X)

    def in_own_order(self, prints):
        """These rows in an order that does not depend on the one in which they came.

        ``prints`` are the fingerprints of all or of some of them.
        """
        order = by_value(self.X, prints if len(prints) == self.n_rows else fingerprints(self.X))
        return WeightedRows(self.X, self._weight(order), self.total, order, self.n_counted)

    def in_order_of_places(self):
        """These rows in the order in which they lie in X."""
        if self.index is None:
            return self
        order = np.argsort(self.index)
        return WeightedRows(self.X, self._weight(order), self.total, self.index[order], self.n_counted)

    def part(self, part):
        """The rows of a slice or of some numbers, dense, with their weights as they are."""
        return self._of(self.X[self._places(part)], part)

    def _of(self, X, part):
        """What some of the rows are, with their weights as they are."""
        share = len(X) / self.n_rows
        return WeightedRows(X, self._weight(part), self.total * share, n_counted=self.n_counted * share)

    def _places(self, part):
        """Where in X the rows of a part are."""
        return part if self.index is None else self.index[part]

    def _weight(self, part):
        return None if self.weight is None else self.weight[part]

    def drawn_evenly(self, n_rows, seed):
        """So many rows that count alike, one by chance of each of as many equal parts of the weight; few rows are all.

        In the order in which they are here. By chance, so that rows that come by turns are not those of one kind.
        """
        if self.n_rows <= n_rows:
            return self
        shares = (np.arange(n_rows) + np.random.RandomState(seed).uniform(size=n_rows)) / n_rows
        drawn = at_shares(self.counts, shares)
        return WeightedRows(self.X, None, self.total, self._places(drawn), self.n_counted)

    def usual_range(self):
        """Between which values 98 % of each column's cells lie (2, n_features), from up to RANGE_ROWS rows.

        Anywhere where a column has no cells.
        """
        part = slice(None, None, -(-self.n_rows // RANGE_ROWS))
        usual = self._of(of_rows(self.X, self._places(part)), part).quantiles(USUAL_SHARES)
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

    def split(self, fraction, seed):
        """Training and validation rows, drawn by weight; one row alone leaves None to validate on.

        A row that straddles the cut is in both, with a part of its weight in each.
        """
        counts, total = self.counts, self.n_counted
        n_val = min(max(round(fraction * total), 1), total - 1)
        if n_val <= 0:
            return self, None
        drawn, left = dealt(counts, n_val, np.random.RandomState(seed), self._ranks(seed))
        return self._parts(*left), self._parts(*drawn)

    def _ranks(self, seed):
        """A number for each row that says, with a seed, whether it validates; None where chance alone does."""
        return None if self.prints is None else stirred(self.prints ^ np.uint64(seed))

    def _parts(self, index, counts):
        """Some of the rows with some of what they count each, as rows of their own."""
        return WeightedRows(self.X, *relative(counts * (self.total / self.n_counted)), index, float(counts.sum()))


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
    if weight is None:
        ranked, reached = np.sort(values), np.arange(1.0, len(values) + 1.0)
    else:
        order = np.argsort(values, kind="stable")
        ranked, reached = values[order], np.cumsum(weight[order])
    return ranked[np.searchsorted(reached, share * reached[-1] * BUT_ROUNDING)], ranked


def relative(weight):
    """Weights of mean one, None where all are alike, and their sum as it was."""
    exponent = np.frexp(weight.max())[1]
    scaled = np.ldexp(weight, -exponent)
    with np.errstate(over="ignore"):
        total = float(np.ldexp(scaled.sum(), exponent))
    return None if np.ptp(scaled) == 0 else scaled / scaled.mean(), total


def drawn_rows(X, sample_weight, n_drawn, rng):
    """Row numbers of the rows that differ and count, and what they count; of many those that count ``n_drawn``.

    The latter are drawn by weight. Their order is that of ``distinct_rows``.
    """
    index, weight = distinct_rows(X, sample_weight)
    weight = np.ones(len(index)) if weight is None else weight
    counts = WeightedRows(index, *relative(weight), n_counted=counted(weight, sample_weight)).counts
    if len(index) <= n_drawn:
        return index, counts
    (place, counts), _ = dealt(counts * min(1.0, LONGEST_LINE * n_drawn / counts.sum()), n_drawn, rng)
    order = np.argsort(place)
    return index[place[order]], counts[order]


def at_shares(counts, shares):
    """Numbers of the rows that lie at such shares, from 0 to 1, of a line on which each is as long as it counts."""
    ends = np.cumsum(counts)
    return np.searchsorted(ends, shares * ends[-1], side="right").clip(max=len(counts) - 1)


def counted(weight, sample_weight):
    """How many rows such weights stand for: as many as were given, unless their weights are more together."""
    n_given = 0.0 if sample_weight is None else float(np.count_nonzero(sample_weight))
    with np.errstate(over="ignore"):
        return min(max(float(weight.sum()), n_given), MOST_REPETITIONS * len(weight))


def dealt(counts, n_drawn, rng, ranks=None):
    """What is drawn by weight and what is left: pairs of row numbers and of what these rows count there.

    Rows lie along a line in random order, each as long as what it counts, and the first ``n_drawn`` of it are drawn. A
    row that counts as several lies there in as many pieces, so that some may be drawn and others left, as of rows that
    are repeated. ``ranks`` (n,) are the order of the rows, where it is not to be one of chance.
    """
    if (counts == 1.0).all() and n_drawn == int(n_drawn):
        order, cut = rng.permutation(len(counts)) if ranks is None else np.argsort(ranks), int(n_drawn)
        return (order[:cut], np.ones(cut)), (order[cut:], np.ones(len(order) - cut))
    n_pieces = np.ceil(counts / max(1.0, n_drawn / PIECES) - 1e-9).astype(int).clip(1)
    row = np.repeat(np.arange(len(counts)), n_pieces)
    order = rng.permutation(len(row)) if ranks is None else np.argsort(ranks[row], kind="stable")
    row = row[order]
    length = (counts / n_pieces)[row]
    inside = np.clip(n_drawn - (np.cumsum(length) - length), 0.0, length)
    return together(row, inside), together(row, length - inside)


def together(row, length):
    """Row numbers that occur with some length, and their lengths, added where a row occurs several times."""
    there = length > 1e-9
    row, length = row[there], length[there]
    index, place = np.unique(row, return_inverse=True)
    if len(index) == len(row):
        return row, length
    return index, np.bincount(place.ravel(), length)
