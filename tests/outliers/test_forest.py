"""An isolation forest as arrays, and which of a row's scores count."""

import numpy as np
import pytest
from scipy.stats import spearmanr
from sklearn.ensemble import IsolationForest

from skvae import AutoencoderOutlierDetector
from skvae._outliers.combined import together
from skvae._outliers.forest import Forest, drawn, mean_depth


@pytest.fixture(scope="module")
def points():
    rng = np.random.RandomState(0)
    return np.vstack([rng.normal(size=(490, 4)), rng.normal(6.0, 0.1, size=(10, 4))])


def forest_of(points, counts=None, seed=0):
    return Forest.of(points, np.ones(len(points)) if counts is None else counts, np.random.RandomState(seed))


def test_depths_are_in_the_order_of_those_of_scikit_learn(points):
    new = np.random.RandomState(1).normal(scale=2.0, size=(300, 4))
    theirs = IsolationForest(n_estimators=400, random_state=0).fit(points).score_samples(new)
    assert spearmanr(forest_of(points)(new), theirs)[0] > 0.97


def test_a_few_rows_that_lie_together_are_easy_to_part(points):
    depth = forest_of(points)(points)
    assert depth[490:].max() < np.quantile(depth[:490], 0.1)


def test_a_row_has_its_depth_whatever_stands_beside_it(points):
    forest, many = forest_of(points), np.tile(points, (5, 1))
    np.testing.assert_array_equal(forest(many)[1003:1010], forest(points[3:10]))
    assert forest(points[:0]).shape == (0,)


def test_a_weight_is_how_often_a_row_is_there(points):
    few, counts = points[:200], np.ones(200)
    counts[0] = 100.0
    repeated = np.vstack([np.tile(few[:1], (99, 1)), few])
    by_weight, by_rows, alone = forest_of(few, counts), forest_of(repeated), forest_of(few)
    here = few[:1]
    assert by_weight(here)[0] == pytest.approx(by_rows(here)[0], rel=0.1)
    assert by_weight(here)[0] > 1.2 * alone(here)[0]


def test_rows_that_count_once_are_drawn_once():
    places, times = drawn(np.ones(40), 40, np.random.RandomState(0))
    assert sorted(places) == list(range(40))
    assert (times == 1.0).all()
    shares = np.zeros(3)
    for seed in range(200):
        places, times = drawn(np.array([8.0, 1.0, 1.0]), 5, np.random.RandomState(seed))
        shares[places] += times / 1000.0
    np.testing.assert_allclose(shares, [0.8, 0.1, 0.1], atol=0.03)


def test_what_cannot_be_parted_is_as_deep_as_a_random_tree_would_be():
    np.testing.assert_allclose(mean_depth(np.array([1.0, 2.0, 256.0])), [0.0, 1.0, 10.2448], atol=1e-4)
    np.testing.assert_allclose(forest_of(np.zeros((256, 2)))(np.zeros((1, 2))), 10.2448, atol=1e-4)
    assert forest_of(np.zeros((1, 2)))(np.ones((2, 2))).tolist() == [0.0, 0.0]


def test_the_strangest_scores_of_a_row_count():
    strangeness = {
        name: np.array(values) for name, values in {"a": (3.0, -1.0), "b": (0.0, -2.0), "c": (1.0, -9.0)}.items()
    }
    np.testing.assert_allclose(together(strangeness, 2), [-np.expm1(2.0), np.expm1(1.5)])
    np.testing.assert_allclose(together(strangeness, 3), [-np.expm1(4.0 / 3.0), np.expm1(4.0)])


def test_the_score_is_the_mean_of_three_of_six(points):
    ensemble = AutoencoderOutlierDetector(random_state=0).fit(points).estimator_
    counted = np.sort(list(ensemble.strangeness(points).values()), axis=0)[-3:].mean(axis=0)
    np.testing.assert_allclose(ensemble.score_samples(points), -np.sign(counted) * np.expm1(np.abs(counted)), rtol=1e-9)


def test_forests_of_another_random_state_differ(points):
    assert not np.allclose(forest_of(points)(points), forest_of(points, seed=1)(points))
    np.testing.assert_array_equal(forest_of(points)(points), forest_of(points)(points))
