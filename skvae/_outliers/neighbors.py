"""How far rows lie from small random samples of training rows, in closed form."""

import math
from dataclasses import dataclass, replace

import numpy as np

from skvae._tables.profile import Profile
from skvae._tables.units import Units
from skvae._tables.usual import Usual

ROWS_A_PIECE = 64
"""Distances are computed in pieces of exactly this many rows, so that a row's result does not depend on the others; few
enough for those to 2,048 rows to stay close to the processor."""

LEAST_SCALE, LEAST_VARIETY = 0.3, 0.02
"""Least scale of a column among the usual rows that distances are measured in, in standard deviations of all rows; and
least chance that two rows differ in a column of levels."""

MOST_PLACES = 256
"""Levels of a column that are told apart."""

MISSED = 1e-2
"""Share of the samples that may miss all neighbours that are looked at, of which the last then counts."""

ADDED_DISTANCE = 1e-3
"""Distance that is added to each before its logarithm is taken, in the unit of the rows."""

MOST_UNITS = 1e3
"""Units that a cell is away at most: beyond them squared distances would hold no digit of the other columns."""

SAME_ROW = 1e-10
"""Rows whose squared distance is a smaller share of their squared norms than this are one row."""


@dataclass(frozen=True)
class Positions:
    """Rows as points between which distances are measured (n, width).

    Numbers are in units of the usual rows, but of at least LEAST_SCALE of all rows': otherwise a rare value that usual
    rows do not have would be farther than anything else. A level is one of as many points as its column has levels, and
    one for all others, of equal distances; two random usual rows are on average as far apart in it as in a column of
    numbers. A missing cell lies in the middle of its column.

    ``units`` are those of all columns, ``levels`` holds, by column, the place of each of its levels, the mean position
    (n_places,) and the unit. Of a column with more than MOST_PLACES levels the rare ones have one place together.
    """

    units: Units
    levels: dict

    @classmethod
    def of(cls, numbers, weight, usual, schema):
        """The positions that rows (n, n_features) with weights (n,), of which ``usual`` is a mask, suggest."""
        every, among = Profile.of(numbers, weight), Profile.of(numbers[usual], weight[usual])
        where, kinds = usual_of(every, schema), [("standard", list(range(numbers.shape[1])))]
        units, of_all = (Units.by_column(kinds, profile, schema.names, where) for profile in (among, every))
        low, high = among.near(where).low, among.near(where).high
        scale = np.maximum(units.scale * (low < high), LEAST_SCALE * of_all.scale)
        scale[np.isnan(numbers).all(axis=0)] = np.inf
        units = replace(units, shift=np.where(low > high, of_all.shift, units.shift), scale=scale)
        levels = {}
        for j in np.flatnonzero(schema.with_levels(numbers.shape[1])):
            place_of = places_of(numbers[:, j], weight, len(schema.columns[j].levels))
            places, n = one_hot(numbers[:, j], place_of), weight * ~np.isnan(numbers[:, j])
            shares = [(part @ places) / max(part.sum(), 1e-300) for part in (n * usual, n)]
            variety = [1.0 - np.square(share).sum() for share in shares]
            unit = 1.0 / np.sqrt(max(variety[0], LEAST_SCALE**2 * variety[1], LEAST_VARIETY))
            levels[int(j)] = place_of, shares[0], float(unit)
        return cls(units, levels)

    @property
    def scale(self):
        """Unit of each column of numbers (n_features,)."""
        return self.units.scale

    def __call__(self, numbers):
        """Points of rows (n, n_features) that hold NaN where cells are missing."""
        plain = np.clip(np.nan_to_num(self.units.to_standard(numbers)), -MOST_UNITS, MOST_UNITS)
        if not self.levels:
            return plain
        parts = [np.delete(plain, list(self.levels), axis=1)]
        for j, (place_of, middle, unit) in self.levels.items():
            parts.append((one_hot(numbers[:, j], place_of) - middle) * unit)
            parts[-1][np.isnan(numbers[:, j])] = 0.0
        return np.hstack(parts)

    def spread(self, numbers):
        """The number of its cell at each place of a point (n, width), NaN where the cell is missing."""
        if not self.levels:
            return numbers
        places = [np.full(len(middle), j) for j, (_, middle, _) in self.levels.items()]
        plain = np.delete(np.arange(numbers.shape[1]), list(self.levels))
        return numbers[:, np.concatenate([plain, *places])]


def usual_of(profile, schema):
    """Where the cells of each column of numbers usually are in the table of a profile."""
    levels = schema.with_levels(len(profile.columns.holed))
    return Usual.of(profile, [("linear", np.flatnonzero(~levels)), (None, np.flatnonzero(levels))])


def places_of(numbers, weight, n_levels):
    """The place of each level (n_levels + 1,): one of its own for the most frequent, the last one for all others.

    Levels of one frequency share a fate: their order says nothing. So a column of identifiers has one place.
    """
    if n_levels < MOST_PLACES:
        return np.arange(n_levels + 1)
    there = ~np.isnan(numbers)
    counts = np.bincount(numbers[there].astype(int), weight[there], minlength=n_levels + 1)
    frequent = np.flatnonzero(counts[:-1] > np.sort(counts[:-1])[-MOST_PLACES])
    places = np.full(n_levels + 1, len(frequent))
    places[frequent] = np.arange(len(frequent))
    return places


def one_hot(numbers, place_of):
    """One column for each place (n, n_places), levels never seen in the last; zero where cells are missing."""
    places = np.zeros((len(numbers), place_of.max() + 1))
    there = np.flatnonzero(~np.isnan(numbers))
    places[there, place_of[np.minimum(numbers[there].astype(int), len(place_of) - 1)]] = 1.0
    return places


EACH, SURELY = 8, 4.0
"""A cut is read off one of so many numbers, and lies so many standard deviations on the safe side."""

EVERY_ROW = 2**62
"""Size of a sample that misses no row."""


@dataclass(frozen=True)
class Sample:
    """``size`` rows that are drawn at random from those at ``places``, each with the probability of its ``share``."""

    places: np.ndarray
    share: np.ndarray
    size: int

    @classmethod
    def of(cls, counts, kept, size):
        """A sample of the rows that a mask keeps, by how many rows each one counts, of at most half of these."""
        places = np.flatnonzero(kept)
        total = counts[places].sum()
        return cls(places, counts[places] / total, max(1, min(size, int(total / 2.0 + 1e-9))))

    @classmethod
    def of_all(cls, counts):
        """A sample that misses none of the rows, which count so many each."""
        return cls(np.arange(len(counts)), counts / counts.sum(), EVERY_ROW)

    @property
    def n_nearest(self):
        """How many of the nearest rows are looked at."""
        lightest = np.cumsum(np.sort(self.share))
        needed = (1.0 - 1e-12) * min(math.log(1.0 / MISSED) / self.size, lightest[-1])
        return int(np.searchsorted(lightest, needed)) + 1

    def mean_distance(self, squared, share):
        r"""Geometric mean of each row's distance to the nearest row of the sample (n,).

        ``squared`` are the squared distances (n, n_nearest) to the nearest rows that may be drawn, in order, infinite
        for those that are no neighbours, ``share`` the probabilities of these. The nearest of :math:`m` drawn rows is
        farther than the :math:`k` nearest of all, of the share :math:`W_k` together, with probability :math:`(1 -
        W_k)^m`, and so the mean of its logarithm is :math:`\sum_k ((1 - W_{k-1})^m - (1 - W_k)^m) \log d_k`.
        """
        farthest = np.where(np.isfinite(squared), squared, 0.0).max(axis=1, keepdims=True)
        farther = (1.0 - np.minimum(np.cumsum(share, axis=1), 1.0)) ** self.size
        farther[:, -1] = 0.0
        log_distance = np.log(np.sqrt(np.minimum(squared, farthest)) + ADDED_DISTANCE)
        return np.exp(-(np.diff(farther, prepend=1.0, axis=1) * log_distance).sum(axis=1))


def in_order(squared, n_nearest):
    """So many least numbers of each row in order, and where they stand: both (n, n_nearest)."""
    values, places = likely_least(squared, n_nearest)
    some = np.argpartition(values, n_nearest - 1, axis=1)[:, :n_nearest]
    values, places = (np.take_along_axis(part, some, axis=1) for part in (values, places))
    order = np.argsort(values, axis=1, kind="stable")
    return np.take_along_axis(values, order, axis=1), np.take_along_axis(places, order, axis=1)


def likely_least(squared, n_nearest):
    """Numbers among which are the least of each row, the rest infinite, and where they stand: both (n, some).

    They are those below a cut that one of ``EACH`` numbers of the row suggests: comparing takes a tenth of the time of
    partitioning. Where a cut leaves too few, they are all.
    """
    n_rows, width = squared.shape
    expected = n_nearest / EACH
    at = int(expected + SURELY * math.sqrt(expected)) + 2
    if at * EACH < width / 2.0:
        cut = np.sort(squared[:, ::EACH], axis=1)[:, at : at + 1]
        flat = np.flatnonzero(squared <= cut)
        row = flat // width
        counts = np.bincount(row, minlength=n_rows)
        if counts.min() >= n_nearest:
            values, places = np.full((n_rows, counts.max()), np.inf), np.zeros((n_rows, counts.max()), dtype=np.intp)
            slot = np.arange(len(flat)) - (np.cumsum(counts) - counts)[row]
            values[row, slot], places[row, slot] = squared.ravel()[flat], flat - row * width
            return values, places
    return squared, np.broadcast_to(np.arange(width), squared.shape)


@dataclass(frozen=True)
class Looked:
    """A sample to look for neighbours in: how many of them, and the ``share`` of every row, below zero if not in it."""

    sample: Sample
    n_nearest: int
    share: np.ndarray

    @classmethod
    def at(cls, sample, n_rows):
        """A sample of so many rows."""
        share = np.full(n_rows, -1.0)
        share[sample.places] = sample.share
        return cls(sample, sample.n_nearest, share)

    def mean_distance(self, squared, nearest, places):
        """``Sample.mean_distance`` of rows (n,) whose squared distances to all rows are (n, n_rows).

        ``nearest`` are the least of them in order, ``places`` where they stand. Most often neighbours are among these;
        otherwise they are looked for among all.
        """
        found, there = np.empty(len(squared)), self.share[places] >= 0.0
        enough = there.sum(axis=1) >= self.n_nearest
        kept = there & (np.cumsum(there, axis=1) <= self.n_nearest) & enough[:, None]
        parts = (values[kept].reshape(-1, self.n_nearest) for values in (nearest, self.share[places]))
        found[enough] = self.sample.mean_distance(*parts)
        if not enough.all():
            others, order = in_order(squared[np.ix_(~enough, self.sample.places)], self.n_nearest)
            found[~enough] = self.sample.mean_distance(others, self.sample.share[order])
        return found


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
        found, norms = {name: np.empty(len(X)) for name in self.samples}, np.square(self.rows).sum(1)
        looked = {name: Looked.at(sample, len(self.rows)) for name, sample in self.samples.items()}
        n_nearest = max(each.n_nearest for each in looked.values())
        for start in range(0, len(X), ROWS_A_PIECE):
            piece = X[start : start + ROWS_A_PIECE]
            padded = np.zeros((ROWS_A_PIECE, X.shape[1]))
            padded[: len(piece)] = piece
            squared = self._squared(padded, norms)[: len(piece)]
            order = in_order(squared, n_nearest)
            for name, each in looked.items():
                found[name][start : start + len(piece)] = each.mean_distance(squared, *order)
        return found

    def _squared(self, piece, norms):
        """Squared distances to rows with these squared norms, infinite to rows that are the same."""
        own = np.square(piece).sum(1)[:, None]
        squared = -2.0 * piece @ self.rows.T
        squared += own + norms
        row, place = np.nonzero(squared <= SAME_ROW * (own + norms.max()))
        same = squared[row, place] <= SAME_ROW * (own[row, 0] + norms[place])
        squared[row[same], place[same]] = np.inf
        return squared
