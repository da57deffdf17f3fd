"""The profile of a table: what one pass over its rows tells of every column.

Profiles of the parts of a table add up to that of the whole, in whatever order: chunks of a file, batches of a stream
and the ranks of a distributed run need no other code. Everything that is learned of columns before training is read off
the profile.
"""

from dataclasses import dataclass, replace
from functools import cached_property, reduce
from operator import add
from typing import NamedTuple

import numpy as np

from skvae._tables.decimals import TELLING, as_columns, decimals_of
from skvae._tables.distinct import distinct_rows, prints_of, stirred
from skvae._tables.matrix import as_slice, chunks, dense, in_file
from skvae._tables.moments import Moments
from skvae._tables.weighted import BUT_ROUNDING, USUAL_SHARES, WeightedRows

SAMPLE_ROWS, SAMPLE_CELLS, LEAST_SAMPLE_ROWS = 8192, 2**22, 256
"""Rows of the sample; fewer where they have many cells."""

LEVELS_COUNTED = 1_000_000
"""Levels whose rows are counted; what lies beyond is refused later, by name."""


def sample_size(n_features):
    """How many rows the sample of a table has at most."""
    return min(SAMPLE_ROWS, max(SAMPLE_CELLS // max(n_features, 1), LEAST_SAMPLE_ROWS))


@dataclass(frozen=True)
class Sample:
    """Different rows of a table, and what each counts: all rows, or those whose stirred fingerprints are smallest.

    Which rows these are depends on what they hold, not on their order. ``prints`` (n,) are the fingerprints, ``cells``
    (n, n_features) float64.
    """

    prints: np.ndarray
    cells: np.ndarray
    counts: np.ndarray

    @classmethod
    def of(cls, prints, cells, counts):
        """The sample of some rows, of which equal ones may be several, in the order in which they come."""
        _, first, place = np.unique(prints, return_index=True, return_inverse=True)
        held = np.bincount(place.ravel(), counts)
        order = np.argsort(first)
        kept = order[smallest(prints[first[order]], sample_size(cells.shape[1]))]
        return cls(prints[first[kept]], cells[first[kept]], held[kept])

    @cached_property
    def ordered(self):
        """The cells of each column in order (n_features, n), missing ones last."""
        ordered = np.array(self.cells.T, order="C")
        ordered.sort(axis=1)
        return ordered

    def forget_order(self):
        """Hold no more than the cells until their order is asked for again."""
        vars(self).pop("ordered", None)

    def usual_range(self, usual):
        """Between which values 98 % of each column's cells lie, but for far ones (2, n_features)."""
        if np.ptp(self.counts) > 0.0:
            return WeightedRows.present(usual.near(self.cells), self.counts).usual_range()
        ends = spans(self.ordered, usual.low, usual.high)
        places = ends[0] + np.ceil(np.array(USUAL_SHARES)[:, None] * (ends[1] - ends[0]) * BUT_ROUNDING).astype(int) - 1
        found = np.take_along_axis(self.ordered, places.clip(0).T, axis=1).T
        return np.where(ends[0] < ends[1], found, [[-np.inf], [np.inf]])

    @property
    def rows(self):
        """These rows, as rows with weights."""
        return WeightedRows.present(self.cells, self.counts)

    def __add__(self, other):
        parts = ((getattr(self, name), getattr(other, name)) for name in ("prints", "cells", "counts"))
        return Sample.of(*map(np.concatenate, parts))


def spans(ordered, low, high):
    """From which place to which the cells of columns in order (n_columns, n) are not far (2, n_columns).

    Missing ones are last. ``low`` and ``high`` (n_columns,) are where cells are far, None where none is.
    """
    low, high = ([-np.inf] * len(ordered), [np.inf] * len(ordered)) if low is None else (low, high)
    first = [np.searchsorted(cells, end) for cells, end in zip(ordered, low, strict=True)]
    return np.array([first, [np.searchsorted(cells, end, "right") for cells, end in zip(ordered, high, strict=True)]])


def smallest(prints, n):
    """Places of the ``n`` fingerprints that are smallest after stirring, in order."""
    if len(prints) <= n:
        return np.arange(len(prints))
    return np.sort(np.argpartition(stirred(prints), n - 1)[:n])


@dataclass(frozen=True)
class Columns:
    """What a pass tells of columns beside a sample of rows; those of parts add up.

    Parameters
    ----------
    moments : Moments
        Ends, mean, variance and holes.
    holed : ndarray of bool of shape (n_features,)
        Whether cells are missing.
    broken : ndarray of shape (n_features,)
        A cell that is no whole number; NaN where there is none.
    levels : dict
        By column of levels, what the rows of each level count (n_levels,).
    decimals : ndarray of shape (n_columns,)
        How many decimals the cells have, of the columns of which that is asked for.
    """

    moments: Moments
    holed: np.ndarray
    broken: np.ndarray
    levels: dict
    decimals: np.ndarray

    @classmethod
    def of(cls, cells, weight, with_levels=(), precisions=None):
        """What rows (n, n_features) of float64 with weights (n,) tell, of which some columns hold level numbers.

        ``precisions`` says of the columns whose decimals are asked for how far cells may be from these.
        """
        asked = {} if precisions is None else precisions
        holed = np.isnan(cells).any(axis=0)
        levels = {j: counts_of(cells[:, j], weight) for j in with_levels}
        decimals = decimals_of(cells[:, as_slice(np.array([*asked], int))], np.array([*asked.values()]))
        return cls(Moments.of(cells, weight), holed, broken_in(cells), levels, decimals)

    def __add__(self, other):
        broken = np.where(np.isnan(self.broken), other.broken, self.broken)
        levels = {j: added(counts, other.levels[j]) for j, counts in self.levels.items()}
        decimals = np.maximum(self.decimals, other.decimals)
        return Columns(self.moments + other.moments, self.holed | other.holed, broken, levels, decimals)

    @property
    def share_missing(self):
        """Share of the cells that are missing."""
        return float(1.0 - self.moments.there.mean())

    @property
    def witnesses(self):
        """Cells of each column (3, n_features) that any range of numbers, whole or not, holds if it holds all cells."""
        moments = self.moments
        there = moments.low <= moments.high
        ends = (np.where(there, end, np.nan) for end in (moments.low, moments.high))
        return np.stack([*ends, self.broken])


def broken_in(cells):
    """The first cell of each column (n_features,) that is no whole number; NaN where there is none."""
    broken, left = np.full(cells.shape[1], np.nan), np.arange(cells.shape[1])
    for rows in (slice(TELLING), slice(TELLING, None)):
        part = cells[rows, as_columns(left, cells)]
        is_broken = part > np.floor(part)
        found = is_broken.any(axis=0)
        broken[left[found]] = part[is_broken[:, found].argmax(axis=0), np.flatnonzero(found)]
        left = left[~found]
        if not len(left) or len(cells) <= TELLING:
            break
    return broken


def counts_of(numbers, weight):
    """What the rows of each level count (n_levels,), up to the largest level that is one."""
    is_level = (numbers >= 0.0) & (numbers < LEVELS_COUNTED)
    return np.bincount(numbers[is_level].astype(np.int64), weight[is_level], minlength=1)


def added(one, other):
    """The sum of two arrays, the shorter one filled up with zeros."""
    longer, shorter = (one, other) if len(one) >= len(other) else (other, one)
    longer = longer.copy()
    longer[: len(shorter)] += shorter
    return longer


@dataclass(frozen=True)
class Profile:
    """What is known of the columns of a table, and a sample of its rows."""

    columns: Columns
    sample: Sample
    total: float
    """How many rows these stand for together."""

    @classmethod
    def of(cls, X, weight=None, with_levels=()):
        """The profile of a matrix (n, n_features) of which each row counts so much, None where all count one."""
        columns, prints, _ = passed(X, weight, with_levels)
        weight = np.ones(len(X)) if weight is None else weight
        return cls(columns, Sample.of(prints, dense(X), weight), float(weight.sum()))

    def __add__(self, other):
        return Profile(self.columns + other.columns, self.sample + other.sample, self.total + other.total)

    def near(self, usual):
        """The moments of the cells that are not far, of columns with far ones those in the sample."""
        far = usual.far_columns(self.columns.moments)
        if not far.any():
            return self.columns.moments
        return self.columns.moments.replaced(far, Moments.of(usual.near(self.sample.cells), self.sample.counts))


def read_once(X, weight=None, with_levels=(), precisions=None):
    """The rows of a matrix that differ, as ``WeightedRows``, and the profile, from one pass.

    ``weight`` (n,) is what rows count, None where all are alike. ``precisions`` are as ``Columns.of`` has them.
    """
    scaled = None if weight is None else np.ldexp(weight, -np.frexp(weight.max())[1])
    columns, prints, held = passed(X, scaled, with_levels, precisions)
    is_whole = len(held.prints) == len(X)
    if weight is None and in_file(X):  # which rows are equal is not worth reading them again
        index, added_up = np.arange(len(X)), None
    else:
        index, added_up = distinct_rows(held.cells if is_whole else X, weight, prints)
    rows = WeightedRows.distinct(X, weight, (index, added_up))
    rows = replace(rows, prints=prints[index]) if in_file(X) else rows
    kept = smallest(prints[index], sample_size(X.shape[1]))
    cells = held.cells[index[kept]] if is_whole else held.of(prints[index[kept]])
    factor = rows.n_counted / columns.moments.weight
    levels = {j: near_whole(factor * counts) for j, counts in columns.levels.items()}
    sample = Sample(prints[index[kept]], cells, rows.counts[kept])
    return rows, Profile(replace(columns, levels=levels), sample, float(rows.counts.sum()))


def near_whole(counts):
    """Counts that are whole but for rounding, as whole ones."""
    whole = np.rint(counts)
    return np.where(np.abs(counts - whole) < 1e-9 * whole, whole, counts)


def passed(X, weight=None, with_levels=(), precisions=None):
    """What one pass over a matrix tells of its columns, fingerprints of its rows (n,), and rows held for a sample."""
    weight = np.ones(len(X)) if weight is None else weight
    prints, parts, held = np.empty(len(X), np.uint64), [], Held.nothing(X.shape[1])
    for part in chunks(*X.shape):
        cells = dense(X, part)
        parts.append(Columns.of(cells, weight[part], with_levels, precisions))
        prints[part] = prints_of(cells)
        held = held.after(prints[part], cells)
    return reduce(add, parts), prints, held


class Held(NamedTuple):
    """Rows that a pass has met and that a sample may want: fingerprints (n,) and cells (n, n_features).

    They are all rows, and ``limit`` is None, or those that a sample takes, whose stirred fingerprints are at most that.
    """

    prints: np.ndarray
    cells: np.ndarray
    limit: np.uint64 | None = None

    @classmethod
    def nothing(cls, n_features):
        """What is held before the first row."""
        return cls(np.empty(0, np.uint64), np.empty((0, n_features)))

    def after(self, prints, cells):
        """What is held after more rows: all, or one of each fingerprint that a sample takes. What was held may change.

        Once there are as many as a sample takes, few of the rows to come take the place of others.
        """
        if self.limit is not None:
            return self._with_smaller(prints, cells)
        if len(self.prints):
            prints, cells = np.append(self.prints, prints), np.vstack([self.cells, cells])
        size = sample_size(cells.shape[1])
        if len(prints) <= size:
            return Held(prints, cells)
        first = np.unique(prints, return_index=True)[1]
        kept = first[smallest(prints[first], size)]
        return Held(prints[kept], cells[kept], stirred(prints[kept]).max() if len(kept) == size else None)

    def _with_smaller(self, prints, cells):
        """Rows that a sample would rather have, in the place of others."""
        rows = np.flatnonzero(stirred(prints) < self.limit)
        new, first = np.unique(prints[rows], return_index=True)
        ranked = np.sort(self.prints)
        is_new = ranked[np.searchsorted(ranked, new).clip(max=len(ranked) - 1)] != new
        new, rows = new[is_new], rows[first[is_new]]
        if not len(new):
            return self
        n_held = len(self.prints)
        kept = smallest(np.append(self.prints, new), n_held)
        entering = kept[kept >= n_held] - n_held
        leaving = np.setdiff1d(np.arange(n_held), kept[kept < n_held], assume_unique=True)
        self.prints[leaving], self.cells[leaving] = new[entering], cells[rows[entering]]
        return self._replace(limit=stirred(self.prints).max())

    def of(self, prints):
        """The cells of rows with these fingerprints."""
        order = np.argsort(self.prints)
        return self.cells[order[np.searchsorted(self.prints, prints, sorter=order)]]
