"""Where the cells of each column usually are, which are far from there, and which of those are placeholders."""

from dataclasses import dataclass, field, replace

import numpy as np

from skvae._tables.fences import SCALES
from skvae._tables.matrix import pieces_of

BESIDE = 2.0
"""How many times as far as usual values placeholders stand at least, and one more for each of them."""

LEAST_REPEATED, SHARE_OF_A_PLACEHOLDER = 3, 0.005
"""How many rows, and which share of them, hold a far value that is a placeholder, no slip."""

MOSTLY, VALUES_BESIDE = 0.75, 20
"""Share of the rows that hold a value which stands apart from the others of its column, if these are so many."""

ON_ITSELF = 0.05
"""Part of a column's reach around a placeholder's place that is its own where usual cells have come up to it."""


@dataclass(frozen=True)
class Usual:
    """Where the cells of a table usually are; empty where any cell is as usual as another.

    Parameters
    ----------
    low, high : ndarray of shape (n_features,)
        Cells below or above are far. Infinite where a column has no such ends.
    middle, reach : ndarray of shape (n_features,)
        The middle of the usual values, and how far these are from there; NaN where distances are not linear.
    first, last : ndarray of shape (n_features,)
        Smallest and largest cell that is not far.
    has_far : bool
        Whether some cell of the table may be far; of several tables, whether one of any was.
    placeholders : dict
        By column, far values that rows repeat, such as -999, and the places beside the usual cells at which they stand.
    """

    low: np.ndarray | None = None
    high: np.ndarray | None = None
    middle: np.ndarray | None = None
    reach: np.ndarray | None = None
    first: np.ndarray | None = None
    last: np.ndarray | None = None
    has_far: bool = False
    placeholders: dict = field(default_factory=dict)

    @classmethod
    def of(cls, profile, groups):
        """What is usual in the table of a profile.

        ``groups`` holds a key of SCALES, or None, and the columns of each group.
        """
        sample, moments = profile.sample, profile.columns.moments
        low, high, middle, reach = (np.full(len(moments.low), value) for value in (-np.inf, np.inf, np.nan, np.nan))
        for name, columns in groups:
            if name is not None:
                low[columns], high[columns], middle[columns], reach[columns] = SCALES[name](sample.ordered[columns])
        usual = cls(low, high, middle, reach, moments.low, moments.high)
        far = usual.far_columns(moments)
        if not far.any():
            return usual
        near = profile.near(usual)
        usual = replace(usual, has_far=True, first=near.low, last=near.high)
        for j in np.flatnonzero(far & np.isfinite(middle)):
            values = repeated_among(sample.cells[:, j], sample.counts, low[j], high[j])
            if len(values):
                usual.placeholders[int(j)] = values, usual._places(j, values)
        return usual

    def far_columns(self, moments):
        """Mask of the columns of which some cells are far (n_features,)."""
        if self.low is None:
            return np.zeros(len(moments.low), dtype=bool)
        return (moments.low < self.low) | (moments.high > self.high)

    def _places(self, j, values):
        """Where placeholders stand, beside the usual cells of their column, in the order of their distance."""
        reach, middle = self.reach[j], self.middle[j]
        lowest, highest = min(self.first[j], middle - BESIDE * reach), max(self.last[j], middle + BESIDE * reach)
        places, below = np.empty(len(values)), values < middle
        places[below] = lowest - reach * (1.0 + np.argsort(np.argsort(-values[below])))
        places[~below] = highest + reach * (1.0 + np.argsort(np.argsort(values[~below])))
        return places

    @property
    def ends(self):
        """Smallest and largest cell of each column that is not far."""
        return self.first, self.last

    @property
    def fence(self):
        """Where cells are far, below and above, and where such cells stand to those that learn (4, n_features)."""
        low, high = self.low.copy(), self.high.copy()
        for j, (_, places) in self.placeholders.items():
            low[j], high[j] = min(low[j], places.min()), max(high[j], places.max())
        return np.stack([low, high, self.first, self.last])

    def is_far(self, X):
        """Mask of the cells that are far; missing ones are not."""
        return (self.low > X) | (self.high < X)

    def placed(self, X):
        """Cells with placeholders at their places; X itself, not a copy, where there are none."""
        if not self.placeholders:
            return X
        X = np.array(X, dtype=np.float64)
        for j, (values, places) in self.placeholders.items():
            cells = X[:, j].copy()
            for value, place in zip(values, places, strict=True):
                X[cells == value, j] = place
        return X

    def tamed(self, X):
        """Cells, far ones at the ends of what is usual, but placeholders as they are; X itself where none is far."""
        if self.low is None:
            return X
        far = self.is_far(X)
        if not far.any():
            return X
        return self._but_placeholders(np.where(far, np.where(self.low > X, self.first, self.last), X), X)

    def learned(self, X):
        """Cells as a model learns from them: tamed, with placeholders at their places."""
        return self.placed(self.tamed(X))

    def clipped(self, X, low, high):
        """Cells within such ends (n_features,), but placeholders as they are."""
        return self._but_placeholders(np.clip(X, low, high), X)

    def _but_placeholders(self, changed, X):
        for j in self.placeholders:
            known = self._is_placeholder(X, j)
            changed[known, j] = X[known, j]
        return changed

    def _is_placeholder(self, X, j):
        return np.isin(X[:, j], self.placeholders[j][0])

    def without_placeholders(self, cells, *tables):
        """Cells, in place, that are missing where one of the tables has a placeholder."""
        for j in self.placeholders:
            for X in tables:
                cells[self._is_placeholder(X, j), j] = np.nan
        return cells

    def near(self, X):
        """Cells that are missing where they are far, an array."""
        return X if self.low is None else np.where(self.is_far(X), np.nan, X)

    def learned_ends(self, moments):
        """Smallest and largest cell of each column as a model learns it (2, n_features): far ones at their places."""
        if self.low is None:
            return np.stack([moments.low, moments.high])
        far = self.far_columns(moments)
        ends = np.stack([np.where(far, self.first, moments.low), np.where(far, self.last, moments.high)])
        for j, (_, places) in self.placeholders.items():
            ends[:, j] = min(ends[0, j], places.min()), max(ends[1, j], places.max())
        return ends

    def apart(self, sample, columns):
        """By column, where values stand that are of another kind than its others: placeholders, what most rows hold.

        ``sample`` is that of a profile.
        """
        found = {j: places.tolist() for j, (_, places) in self.placeholders.items()}
        for j in columns:
            most = held_by_most(sample.ordered[j], sample.cells[:, j], sample.counts)
            if most is not None and self.low[j] <= most <= self.high[j]:
                found[j] = [*found.get(j, []), most]
        return found

    def places(self, columns):
        """Where the placeholders of some columns stand, a list a column; None where no column has any."""
        places = [self.placeholders[j][1].tolist() if j in self.placeholders else [] for j in columns]
        return places if any(places) else None

    def snapped(self, cells, others):
        """The inverse of ``placed``: what lies nearer to a placeholder's place than to other places is that one.

        ``others`` are the cells, perhaps within bounds, where they are no placeholders; these are put in, in place.
        """
        for j, (values, _) in self.placeholders.items():
            found = cells[:, j].copy()
            for value, (start, end) in zip(values, self.zones(j), strict=True):
                others[(found > start) & (found < end), j] = value
        return others

    def zones(self, j):
        """From where to where cells of a column are each of its placeholders: half of the way to the next place.

        In a stream usual cells may come up to a place; then only what is close to it is the placeholder.
        """
        places, zones, close = self.placeholders[j][1], {}, ON_ITSELF * self.reach[j]
        for side, end in ((-1.0, self.first[j]), (1.0, self.last[j])):
            away = np.sort([side * place for place in places if (place > self.middle[j]) == (side > 0.0)])
            cuts = away - 0.5 * np.diff(away, prepend=side * end)
            bounds = list(zip(cuts, [*cuts[1:], np.inf], strict=False))
            if len(away) and away[0] - side * end < close:
                bounds = [(place - close, place + close) for place in away]
            zones |= {side * place: sorted((side * a, side * b)) for place, (a, b) in zip(away, bounds, strict=False)}
        return [zones[place] for place in places]

    def after(self, other):
        """What is usual to one who has seen the rows of both; placeholders are those of the first."""
        if self.low is None:
            return self
        ends = (np.minimum, "low"), (np.maximum, "high"), (np.minimum, "first"), (np.maximum, "last")
        wider = {name: widest(getattr(self, name), getattr(other, name)) for widest, name in ends}
        return replace(self, has_far=self.has_far or other.has_far, **wider)


def ends_of(X):
    """Smallest and largest cell of each column; infinity and minus infinity where all are missing."""
    low, high = np.full(X.shape[1], np.inf), np.full(X.shape[1], -np.inf)
    for _, cells in pieces_of(X):
        low, high = np.fmin(low, np.fmin.reduce(cells, axis=0)), np.fmax(high, np.fmax.reduce(cells, axis=0))
    return low, high


def repeated_among(cells, counts, low, high):
    """Far values that so many rows hold that they are no slips, in order."""
    there = ~np.isnan(cells)
    far = there & ((cells < low) | (cells > high))
    values, place = np.unique(cells[far], return_inverse=True)
    held = np.bincount(place, counts[far], minlength=len(values))
    return values[held >= max(LEAST_REPEATED, SHARE_OF_A_PLACEHOLDER * counts[there].sum())]


def held_by_most(ordered, cells, counts):
    """The value of a column that holds MOSTLY of its rows beside more than VALUES_BESIDE others; None elsewhere.

    ``ordered`` are the cells in order, missing ones last.
    """
    starts, n_there = np.append(0, np.flatnonzero(ordered[1:] > ordered[:-1]) + 1), np.count_nonzero(ordered == ordered)
    if not VALUES_BESIDE + 1 < len(starts) < n_there:  # or no row repeats what another one has
        return None
    if np.ptp(counts) == 0.0:
        values, held = ordered[starts], np.diff(starts, append=n_there)
    else:
        there = ~np.isnan(cells)
        values, place = np.unique(cells[there], return_inverse=True)
        held = np.bincount(place, counts[there])
    return float(values[held.argmax()]) if held.max() >= MOSTLY * held.sum() else None


LINEAR = "linear", "pooled"
"""Scales on which distances are those of the cells themselves; placeholders are looked for there alone."""
