"""The profile: one pass, mergeable, whatever the order of the rows."""

from functools import reduce
from itertools import pairwise
from operator import add

import numpy as np
import pytest

from skvae._tables import profile as profiles
from skvae._tables.distinct import fingerprints, stirred
from skvae._tables.matrix import ColumnRows
from skvae._tables.profile import Profile, Sample, read_once
from skvae._tables.usual import Usual
from skvae._tables.weighted import WeightedRows


def table(n=500, seed=0):
    """Numbers with holes, a whole column, one of levels, one of one value, and one without any cell."""
    rng = np.random.RandomState(seed)
    X = np.column_stack([rng.normal(3.0, 2.0, size=n), rng.randint(-5, 5, size=n), rng.randint(0, 4, size=n)])
    X = np.hstack([X, np.full((n, 1), 0.1), np.full((n, 1), np.nan)])
    X[rng.rand(n) < 0.2, 0] = np.nan
    return X, rng.randint(1, 4, size=n).astype(float)


def assert_same(one, other, exact=False):
    """Two profiles say the same; sums are rounded in the order in which they are added."""
    a, b = one.columns, other.columns
    np.testing.assert_array_equal(a.holed, b.holed)
    np.testing.assert_array_equal(np.isnan(a.broken), np.isnan(b.broken))
    for name in ("low", "high"):
        np.testing.assert_array_equal(getattr(a.moments, name), getattr(b.moments, name))
    for name in ("weight", "there", "mean", "variance"):
        np.testing.assert_allclose(getattr(a.moments, name), getattr(b.moments, name), rtol=1e-12, atol=1e-14)
    assert a.levels.keys() == b.levels.keys()
    for j, counts in a.levels.items():
        np.testing.assert_array_equal(counts, b.levels[j])
    order, others = (np.argsort(each.sample.prints) for each in (one, other))
    np.testing.assert_array_equal(one.sample.cells[order], other.sample.cells[others])
    np.testing.assert_array_equal(one.sample.counts[order], other.sample.counts[others])


@pytest.mark.parametrize("cuts", [(0, 250, 500), (0, 1, 2, 499, 500), tuple(range(0, 501, 50))])
def test_profiles_of_parts_add_up_to_that_of_the_whole(cuts, monkeypatch):
    monkeypatch.setattr(profiles, "SAMPLE_ROWS", 60)
    X, weight = table()
    parts = [Profile.of(X[a:b], weight[a:b], [2]) for a, b in pairwise(cuts)]
    assert_same(reduce(add, parts), Profile.of(X, weight, [2]))


def test_a_profile_does_not_depend_on_the_order_of_the_rows(monkeypatch):
    monkeypatch.setattr(profiles, "SAMPLE_ROWS", 60)
    X, weight = table()
    order = np.random.RandomState(1).permutation(len(X))
    assert_same(Profile.of(X[order], weight[order], [2]), Profile.of(X, weight, [2]))
    assert len(Profile.of(X, weight).sample.cells) == 60


def test_moments_are_those_of_the_cells_that_are_there_in_one_pass_over_many_chunks(monkeypatch):
    X, weight = table(40_000)
    moments = read_once(X, weight, [2])[1].columns.moments
    for j in range(4):
        there = ~np.isnan(X[:, j])
        cells, w = X[there, j], weight[there]
        mean = np.average(cells, weights=w)
        np.testing.assert_allclose(moments.mean[j], mean, rtol=1e-12)
        np.testing.assert_allclose(
            moments.variance[j], np.average((cells - mean) ** 2, weights=w), rtol=1e-10, atol=1e-25
        )
        np.testing.assert_allclose(moments.there[j], w.sum() / weight.sum())
        assert (moments.low[j], moments.high[j]) == (cells.min(), cells.max())
    assert moments.there[4] == 0.0
    assert moments.low[4] == np.inf


def test_a_matrix_that_is_dense_on_demand_has_the_profile_of_its_array():
    X, weight = table(3000)
    rows, profile = read_once(X, weight, [2])
    others, other = read_once(ColumnRows([(np.arange(5), X.T)]), weight, [2])
    np.testing.assert_array_equal(rows.X, others.X[:])
    np.testing.assert_array_equal(profile.sample.cells, other.sample.cells)
    np.testing.assert_array_equal(profile.columns.moments.variance, other.columns.moments.variance)


def test_equal_rows_are_one_in_the_sample_with_what_they_count_together():
    X = np.array([[1.0, 2.0], [3.0, np.nan], [1.0, 2.0], [1.0, 2.0]])
    sample = Profile.of(X).sample
    np.testing.assert_array_equal(sample.cells, [[1.0, 2.0], [3.0, np.nan]])
    np.testing.assert_array_equal(sample.counts, [3.0, 1.0])


def test_a_sample_is_a_uniform_one(monkeypatch):
    monkeypatch.setattr(profiles, "SAMPLE_ROWS", 1000)
    X = np.arange(20_000.0)[:, None]
    cells = Profile.of(X).sample.cells[:, 0]
    assert len(cells) == 1000
    standard_error = 20_000 / np.sqrt(12.0 * 1000)
    assert abs(cells.mean() - X.mean()) < 4.0 * standard_error
    counts = np.histogram(cells, bins=10, range=(0, 20_000))[0]
    assert np.square(counts - 100.0).sum() / 100.0 < 27.9  # chi squared, 9 degrees of freedom: one in a thousand


def test_what_breaks_a_range_of_whole_numbers_is_among_the_witnesses():
    X, _ = table()
    X[17, 1] = 2.5
    witnesses = Profile.of(X).columns.witnesses
    np.testing.assert_array_equal(witnesses[:, 1], [-5.0, 4.0, 2.5])
    assert np.isnan(witnesses[2, 2])
    assert np.isnan(witnesses[:, 4]).all()


def test_counts_of_levels_scale_with_weights_that_are_shares():
    X, weight = table()
    _, profile = read_once(X, weight / weight.sum(), [2])
    held = [weight[X[:, 2] == level].sum() for level in range(4)]
    np.testing.assert_allclose(profile.columns.levels[2], np.array(held) / weight.sum() * len(X))


def test_a_sample_knows_no_more_rows_than_it_may(monkeypatch):
    monkeypatch.setattr(profiles, "SAMPLE_ROWS", 60)
    X, weight = table()
    prints = np.random.RandomState(0).randint(2**63, size=len(X), dtype=np.uint64)
    assert len(Sample.of(prints, X, weight).cells) == 60


def test_rows_that_come_later_take_their_places_in_the_sample_and_leave_the_table_as_it_is(monkeypatch):
    monkeypatch.setattr(profiles, "SAMPLE_ROWS", 1000)
    X = np.random.RandomState(0).normal(size=(40_000, 3))
    X[5000:10_000] = X[30_000:35_000]  # equal rows of several chunks
    before = X.copy()
    sample = read_once(X)[1].sample
    np.testing.assert_array_equal(X, before)
    different = np.unique(X, axis=0)
    prints = fingerprints(different)
    expected = different[np.argsort(stirred(prints))[:1000]]
    np.testing.assert_array_equal(np.sort(sample.cells, axis=0), np.sort(expected, axis=0))
    np.testing.assert_array_equal(sample.prints, fingerprints(sample.cells))


@pytest.mark.parametrize("weighted", [False, True])
def test_the_usual_range_of_a_sample_is_that_of_its_cells_that_are_not_far(weighted):
    X = np.random.RandomState(0).normal(size=(700, 4))
    X[::7, 1], X[:, 2], X[:3, 3] = np.nan, np.nan, 1e6
    profile = Profile.of(X, np.arange(1.0, 701.0) if weighted else None)
    for usual in Usual(), Usual.of(profile, [("linear", [0, 1, 3]), (None, [2])]):
        near = WeightedRows.present(usual.near(profile.sample.cells), profile.sample.counts)
        np.testing.assert_array_equal(profile.sample.usual_range(usual), near.usual_range())
    assert usual.high[3] < 1e6


def test_the_first_cell_that_is_no_whole_number_is_found_wherever_it_is():
    X = np.zeros((1000, 4))
    X[:10, 1], X[3, 1], X[900, 2], X[950, 2], X[0, 3] = np.nan, 0.5, -1.5, 2.5, np.nan
    np.testing.assert_array_equal(read_once(X)[1].columns.broken, [np.nan, 0.5, -1.5, np.nan])
