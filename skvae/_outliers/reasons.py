"""What is expected of each cell, and how far cells usually are from there."""

from dataclasses import dataclass
from functools import partial
from typing import NamedTuple

import numpy as np

from skvae._outliers.neighbors import usual_of
from skvae._outliers.reach import COVERAGE, MOST_NATS, Reach, Tails, times_away
from skvae._tables.bounds import bounds_of, narrower
from skvae._tables.matrix import in_file
from skvae._tables.profile import read_once
from skvae._tables.usual import Usual
from skvae._tables.weighted import WeightedRows

RESIDUAL_ROWS = 8192
"""Training rows that say how far cells usually are from what is expected of them."""


class Expectation(NamedTuple):
    """What is expected of some cells of each row, and how these compare, (n, n_columns) each.

    Between ``low`` and ``high`` nine of ten lie; NaN for levels. ``times`` says how many times the usual distance a
    number is away, or how many times less probable a level is than the expected one; NaN for missing cells.
    """

    expected: np.ndarray
    low: np.ndarray
    high: np.ndarray
    times: np.ndarray
    unusual: np.ndarray


@dataclass(frozen=True)
class Reasons:
    """What a judge expects of cells, and where those of its training rows lie.

    Parameters
    ----------
    where : Usual
        Which cells are far from the others of their column, and which are placeholders.
    usual : ndarray of shape (2, n_features)
        Where the cells of each column usually lie.
    bounds : ndarray of shape (2, n_features)
        Between which values cells can be.
    interval : ndarray of shape (2, n_features)
        Between these two, observed less expected training cells lie in nine of ten cases; NaN for levels.
    reach : Reach or None
        How far cells usually are from what is expected of them; None in a detector stored before there was one, whose
        interval says it.
    tails : Tails or None
        Which cells are unusual; None as above, where all beyond the usual distance are.
    """

    where: Usual
    usual: np.ndarray
    bounds: np.ndarray
    interval: np.ndarray
    reach: Reach | None = None
    tails: Tails | None = None

    @classmethod
    def of(cls, judge, reading, weight):
        """What training rows with weights, or None, say of the cells that a judge expects."""
        is_long, schema = in_file(reading.matrix), reading.schema
        rows, profile = read_once(reading.matrix if is_long else reading.numbers, weight)
        rows = profile.sample.rows if is_long else rows
        where = usual_of(profile, schema)
        usual = usual_cells(rows.X, rows.weight, schema, where)
        bounds = judge.bounds
        if bounds is None:
            columns = np.flatnonzero(~schema.with_levels(rows.X.shape[1])).tolist()
            bounds = narrower(bounds_of(profile.sample, where.ends, columns), schema.limits(rows.X.shape[1]))
        rows = rows.part(slice(None, None, -(-rows.n_rows // RESIDUAL_ROWS)))
        expected = expected_cells(partial(judge.expected, schema=schema), rows.X, usual, where)
        apart = residual(rows.X, expected, where, learn=True)
        apart[:, schema.with_levels(apart.shape[1])] = np.nan
        tails = 0.5 * (1.0 - COVERAGE), 0.5 * (1.0 + COVERAGE)
        interval = WeightedRows(apart, rows.weight, rows.total).quantiles(tails)
        places, placed = repeated(rows), where.placed(expected)
        reach = Reach.of(placed[places], apart[places])
        columns = np.repeat(np.arange(apart.shape[1]), len(apart))
        below, above = (side.reshape(apart.T.shape).T for side in reach(placed.T.ravel(), columns))
        times, levels = times_away(apart, below, above), schema.with_levels(apart.shape[1])
        if levels.any():
            times[:, levels] = times_of_levels(judge.shortfall(rows.X, schema), rows.X)[:, levels]
        tails = Tails.of(times[places], single_levels(rows.X[places], schema))
        return cls(where, usual, bounds, interval, reach, tails)

    def expectation(self, judge, reading, shortfall, order):
        """What is expected of cells, the interval around it, and how far the cells are from there.

        ``shortfall`` are the nats that levels have less than the expected ones (n, n_features), or None; ``order``
        (n, n_columns) says which columns of each row are asked for.
        """
        numbers, schema = reading.numbers, reading.schema
        expect = partial(judge.expected, schema=schema, index=reading.index)
        expected = expected_cells(expect, numbers, self.usual, self.where)
        placed, levels = self.where.placed(expected), schema.with_levels(numbers.shape[1])[order]
        apart = residual(numbers, expected, self.where, learn=False)
        reach, taken = self.reach or Reach.alike(self.interval), partial(np.take_along_axis, indices=order, axis=1)
        below, above = reach(taken(placed), order)
        times, unseen = times_away(taken(apart), below, above), np.zeros(order.shape, dtype=bool)
        if levels.any():
            times = np.where(levels, taken(times_of_levels(shortfall, numbers)), times)
            unseen = taken(unseen_levels(numbers, schema))
        ends = [self._end(expected, side, order, schema, levels) for side in (-below, above)]
        unusual = times > 1.0 if self.tails is None else self.tails.unusual(times, unseen, order)
        return Expectation(taken(expected), *ends, times, unusual)

    def _end(self, expected, away, order, schema, levels):
        """Where an interval ends so far away from what is expected, as cells are rounded; NaN for levels."""
        cells = expected.copy()
        np.put_along_axis(cells, order, np.take_along_axis(expected, order, axis=1) + away, axis=1)
        ends = np.take_along_axis(schema.settled(cells), order, axis=1)
        return np.where(levels, np.nan, np.clip(ends, *(bound[order] for bound in self.bounds)))


def repeated(rows):
    """Numbers of rows that count alike and stand for weighted ones: each as often as its weight says, evenly spread."""
    ends = np.cumsum(rows.counts)
    n_rows = max(min(round(ends[-1]), RESIDUAL_ROWS), 1)
    places = np.searchsorted(ends, (np.arange(n_rows) + 0.5) / n_rows * ends[-1])
    return places.clip(0, rows.n_rows - 1)


def times_of_levels(shortfall, numbers):
    """How many times less probable levels are than the expected ones, from the nats that they have less."""
    return np.where(np.isnan(numbers), np.nan, np.exp(np.clip(-shortfall, 0.0, MOST_NATS)))


def unseen_levels(numbers, schema):
    """Mask of the cells (n, n_features) whose level no training row has."""
    found = np.zeros(numbers.shape, dtype=bool)
    for j in np.flatnonzero(schema.with_levels(numbers.shape[1])):
        found[:, j] = schema.columns[j].unseen(numbers[:, j])
    return found


def single_levels(numbers, schema):
    """Mask of the cells (n, n_features) whose level no other row has."""
    found = np.zeros(numbers.shape, dtype=bool)
    for j in np.flatnonzero(schema.with_levels(numbers.shape[1])):
        there = ~np.isnan(numbers[:, j])
        levels = numbers[there, j].astype(np.int64)
        found[there, j] = np.bincount(levels)[levels] == 1 if len(levels) else False
    return found


def residual(numbers, expected, where, learn):
    """Cells less what is expected of them; to ``learn`` how large that usually is, placeholders are left out."""
    apart = where.placed(numbers) - where.placed(expected)
    return where.without_placeholders(apart, numbers, expected) if learn else apart


def expected_cells(expect, numbers, usual, where):
    """What is expected of each cell (n, n_features) of rows of numbers, where cells lie in the ``usual`` range.

    A cell beyond it would pull what is expected of the others, and of itself, towards it; and the code of a row that is
    strange in many cells may stand for cells that are far beyond it. ``expect`` is a function of such rows.
    """
    return where.clipped(expect(where.clipped(numbers, *usual)), *usual)


def usual_cells(numbers, weight, schema, where):
    """Where the cells of each column usually lie (2, n_features); everywhere where values have no order."""
    usual = WeightedRows.present(where.near(numbers), weight).usual_range()
    usual[:, schema.with_levels(numbers.shape[1])] = np.array([[-np.inf], [np.inf]])
    return usual
