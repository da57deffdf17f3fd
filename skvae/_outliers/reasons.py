"""What is expected of each cell, and how far cells usually are from there."""

from dataclasses import dataclass
from functools import partial

import numpy as np

from skvae._outliers.neighbors import usual_of
from skvae._tables.bounds import bounds_of, narrower
from skvae._tables.matrix import in_file
from skvae._tables.profile import read_once
from skvae._tables.usual import Usual
from skvae._tables.weighted import WeightedRows

COVERAGE, RESIDUAL_ROWS = 0.9, 8192
"""Share of a column's training cells in the interval that is expected of them, and rows that it is taken from."""


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
    """

    where: Usual
    usual: np.ndarray
    bounds: np.ndarray
    interval: np.ndarray

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
        interval = residual_interval(judge, rows, schema, usual, where)
        return cls(where, usual, bounds, interval)

    def expected(self, judge, reading):
        """What is expected of each cell, and the ends of the interval around it: three arrays (n, n_features)."""
        expect = partial(judge.expected, schema=reading.schema, index=reading.index)
        expected = expected_cells(expect, reading.numbers, self.usual, self.where)
        return expected, *np.clip(expected + self.interval[:, None], *self.bounds[:, None])


def residual_interval(judge, rows, schema, usual, where):
    """Between which values observed less expected cells of training rows lie (2, n_features), column by column."""
    rows = rows.part(slice(None, None, -(-rows.n_rows // RESIDUAL_ROWS)))
    expected = expected_cells(partial(judge.expected, schema=schema), rows.X, usual, where)
    apart = residual(rows.X, expected, where, learn=True)
    apart[:, schema.with_levels(apart.shape[1])] = np.nan
    tails = 0.5 * (1.0 - COVERAGE), 0.5 * (1.0 + COVERAGE)
    return WeightedRows(apart, rows.weight, rows.total).quantiles(tails)


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
