"""Which ends of columns are bounds: what rows repeat, and what columns of one range have in common."""

import numpy as np

from skvae._tables.bounds import bounds_of
from skvae._tables.profile import Sample


def bounds(cells, columns=None):
    """Bounds of some columns of rows that count one each."""
    sample = Sample(np.arange(len(cells)), cells, np.ones(len(cells)))
    ends = np.nanmin(cells, axis=0), np.nanmax(cells, axis=0)
    return bounds_of(sample, ends, list(range(cells.shape[1])) if columns is None else columns)


def clipped_normal(n_rows=500, n_features=30, reach=1.9):
    """Columns of one range, each of whose ends some 3 % of the rows hold; the last five do not come so far."""
    cells = np.clip(np.random.RandomState(0).normal(size=(n_rows, n_features)), -reach, reach)
    cells[:, -5:] *= 0.5
    return cells


def test_an_end_that_many_columns_have_in_common_bounds_all_of_them():
    low, high = bounds(clipped_normal())
    assert set(low) == {-1.9}
    assert set(high) == {1.9}


def test_columns_that_were_scaled_to_a_range_have_no_bounds():
    cells = np.random.RandomState(0).normal(size=(500, 30))
    cells = (cells - cells.min(axis=0)) / (cells.max(axis=0) - cells.min(axis=0))
    assert np.isinf(bounds(cells)).all()


def test_an_end_that_one_column_passes_bounds_none():
    cells = clipped_normal()
    cells[0, 7] = 2.5
    low, high = bounds(cells)
    assert set(low) == {-1.9}
    assert np.isinf(high).all()


def test_few_columns_have_no_end_in_common_and_others_are_not_looked_at():
    assert np.isinf(bounds(clipped_normal(n_features=9))).all()
    low, high = bounds(clipped_normal(), list(range(20)))
    assert set(low[:20]) == {-1.9}
    assert np.isinf(low[20:]).all()
    assert np.isinf(high[20:]).all()


def test_an_end_that_rows_repeat_bounds_its_own_column():
    cells = clipped_normal()
    cells[:, 3] = np.maximum(cells[:, 3], 0.2)
    low, _ = bounds(cells)
    assert low[3] == 0.2
    assert low[4] == -1.9
