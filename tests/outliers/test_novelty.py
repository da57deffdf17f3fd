"""``contamination=0.0``: all training rows are known to be usual."""

import pickle

import numpy as np
import pandas as pd
import pytest
import torch
from bounds import at_most
from sklearn.datasets import load_digits, load_wine
from sklearn.metrics import average_precision_score, roc_auc_score
from sklearn.mixture import GaussianMixture
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skvae import AutoencoderOutlierDetector, AutoencoderTransformer, VAETransformer
from skvae._engine.denoising import Denoising
from skvae._outliers.ensemble import NoveltyEnsemble
from skvae._outliers.excess import Excess
from skvae._outliers.neighbors import ADDED_DISTANCE, Sample, SampleDistances
from skvae._outliers.thresholds import threshold_of_usual
from skvae.nn.models.denoiser import Denoiser, strength

SMALL = {"hidden_layer_sizes": (16,), "random_state": 0, "max_iter": 20}

ESTIMATORS = {
    "ensemble": None,
    "vae": VAETransformer(**SMALL),
    "autoencoder": AutoencoderTransformer(**SMALL),
    "mixture": GaussianMixture(2, random_state=0),
    "pipeline": make_pipeline(StandardScaler(), VAETransformer(**SMALL)),
}


def plane(n_rows, seed):
    """Rows near a plane of eight columns."""
    rng = np.random.RandomState(seed)
    return rng.normal(size=(n_rows, 2)) @ np.random.RandomState(7).normal(size=(2, 8)) + 0.3 * rng.normal(
        size=(n_rows, 8)
    )


@pytest.fixture(scope="module")
def rows():
    return plane(1000, 0), plane(4000, 1)


@pytest.fixture(scope="module")
def detector(rows):
    return AutoencoderOutlierDetector(contamination=0.0, random_state=0).fit(rows[0])


@pytest.mark.parametrize("name", ESTIMATORS)
def test_false_alarms_are_as_promised_by_rows_that_nothing_learned_from(rows, name):
    detector = AutoencoderOutlierDetector(ESTIMATORS[name], contamination=0.0, random_state=0).fit(rows[0])
    assert (detector.predict(rows[1]) == -1).mean() < at_most(0.01, n_new=4000, n_known=100)
    far = rows[1] + 3.0 * np.random.RandomState(2).normal(size=rows[1].shape)
    assert (detector.predict(far) == -1).mean() > 0.9
    assert (detector.outlier_probability(far) > 0.5).mean() > 0.9


def test_rows_of_a_rare_group_are_usual_where_all_training_rows_are_known_to_be(rows):
    rare = 0.3 * plane(200, 2) + 6.0
    table = np.r_[rows[0], rare[:30]]
    flagged = {
        known: (AutoencoderOutlierDetector(contamination=known, random_state=0).fit(table).predict(rare[30:]) == -1)
        for known in (0.0, "auto")
    }
    assert flagged[0.0].mean() < 0.3 < 0.9 < flagged["auto"].mean()


def test_no_row_is_left_out_and_two_scores_count(detector):
    assert isinstance(detector.estimator_, NoveltyEnsemble)
    assert list(detector.estimator_.strangeness(plane(10, 3))) == ["denoising", "nearest"]
    assert detector.estimator_.trusting_.support_fraction == 1.0


def test_reasons_are_those_of_one_density(detector):
    scores = detector.estimator_._on_matrices
    assert len(scores.densities) == len(scores.widths) == 1
    X = plane(100, 3)
    usual = np.clip(X, *scores.usual)
    expected = np.clip(scores.density.expected(usual), *scores.usual)
    costs = -0.5 * np.square((X - expected) / scores.widths[0])
    np.testing.assert_allclose(detector.estimator_.score_features(X), costs)


def test_the_nearest_row_is_that_of_other_values():
    rows = np.random.RandomState(0).normal(size=(200, 3))
    every = Sample.of_all(np.ones(200))
    apart = np.sqrt(np.square(rows[:, None] - rows).sum(2)) + np.where(np.eye(200), np.inf, 0.0)
    found = SampleDistances(rows, {"nearest": every})(rows)["nearest"]
    np.testing.assert_allclose(found, apart.min(axis=1) + ADDED_DISTANCE, rtol=1e-6)
    alike = SampleDistances(np.ones((200, 3)), {"nearest": every})(np.ones((2, 3)))["nearest"]
    np.testing.assert_allclose(alike, ADDED_DISTANCE)


def test_a_handwritten_digit_of_another_kind_is_found_better_than_by_rows_trimmed():
    X, y = load_digits(return_X_y=True)
    usual = np.flatnonzero(y != 8)
    train, test = X[usual[::2]], np.r_[X[usual[1::2]], X[y == 8]]
    labels = np.r_[np.zeros(len(usual[1::2])), np.ones((y == 8).sum())]
    found = {}
    for known in (0.0, "auto"):
        scores = AutoencoderOutlierDetector(contamination=known, random_state=0).fit(train).score_samples(test)
        found[known] = roc_auc_score(labels, -scores), average_precision_score(labels, -scores)
    assert found[0.0][0] > found["auto"][0] + 0.02
    assert found[0.0][1] > found["auto"][1] + 0.1


class Exact(Denoiser):
    """Predicts the conditional mean of normal rows of a covariance."""

    def __init__(self, covariance):
        super().__init__(len(covariance), (1,), torch.Generator())
        self.covariance = torch.tensor(covariance, dtype=torch.float32)

    def forward(self, noisy, level):
        noise = strength(level[0]).square() * torch.eye(self.n_inputs)
        return noisy @ torch.linalg.solve(self.covariance + noise, self.covariance)


def test_normal_rows_cost_at_one_level_what_exact_predictions_cost():
    rng, mixing = np.random.RandomState(0), np.random.RandomState(3).normal(size=(5, 5))
    covariance = np.corrcoef(mixing @ mixing.T + 0.5 * np.eye(5))
    X = rng.multivariate_normal(np.zeros(5), covariance, 4000)
    denoising = Denoising(5, "cpu", 0).train(X[400:], np.ones(3600), (X[:400], np.ones(400)), 0)
    known, noise = torch.tensor(X[:400], dtype=torch.float32), denoising.noise.flatten(0, 1)[None]
    predictors = Exact(covariance), denoising.module, Exact(np.eye(5))
    exact, found, alone = (float(each.costs(known, noise).sum(1).mean()) for each in predictors)
    assert abs(found - exact) < 0.1 * (alone - exact)


def test_a_row_costs_the_same_alone_as_among_others_and_after_pickling(rows, detector):
    scores = detector.score_samples(rows[1])
    np.testing.assert_array_equal(detector.score_samples(rows[1][700:703]), scores[700:703])
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(detector)).score_samples(rows[1][:50]), scores[:50])
    again = AutoencoderOutlierDetector(contamination=0.0, random_state=0).fit(rows[0])
    np.testing.assert_array_equal(again.score_samples(rows[1]), scores)


def test_a_row_of_weight_zero_is_absent(rows):
    X = rows[0][:300]
    some = AutoencoderOutlierDetector(contamination=0.0, random_state=0).fit(X[:200])
    weighed = AutoencoderOutlierDetector(contamination=0.0, random_state=0).fit(
        np.r_[X[:200], X[200:] + 9.0], sample_weight=np.r_[np.ones(200), np.zeros(100)]
    )
    np.testing.assert_allclose(weighed.score_samples(rows[1]), some.score_samples(rows[1]), rtol=0.3, atol=0.3)
    assert (weighed.predict(X[200:] + 9.0) == -1).all()


def test_a_missing_cell_costs_nothing_and_an_unknown_level_does(rows):
    X = pd.DataFrame(rows[0], columns=list("abcdefgh"))
    X["level"] = np.where(X["a"] > 0.0, "high", "low")
    X = X.mask(np.random.RandomState(0).uniform(size=X.shape) < 0.05)
    detector = AutoencoderOutlierDetector(contamination=0.0, random_state=0).fit(X)
    new = pd.DataFrame(rows[1][:200], columns=list("abcdefgh"))
    new["level"] = np.where(new["a"] > 0.0, "high", "low")
    empty = new.copy()
    empty[:] = np.nan
    assert (detector.predict(empty) == 1).all()
    other = new.assign(level="none")
    assert detector.score_samples(other).mean() < detector.score_samples(new).mean()
    wrong = new.assign(level=np.where(new["a"] > 0.0, "low", "high"))
    assert detector.score_samples(wrong).mean() < detector.score_samples(new).mean()


def test_a_stream_goes_on(rows):
    detector = AutoencoderOutlierDetector(contamination=0.0, random_state=0).fit(rows[0])
    before = detector.estimator_._on_matrices.denoising
    shifted = rows[1] + 2.0
    assert (detector.predict(shifted[3000:]) == -1).mean() > 0.5
    for start in range(0, 3000, 500):
        detector.partial_fit(shifted[start : start + 500])
    assert (detector.predict(shifted[3000:]) == -1).mean() < 0.1
    after = detector.estimator_._on_matrices.denoising
    assert after is not before
    assert not np.allclose(after.costs(np.zeros((1, 8))), before.costs(np.zeros((1, 8))))


@pytest.mark.parametrize("n_rows", [2, 3, 5, 12, 30])
def test_few_rows_are_enough(n_rows):
    X = load_wine().data
    detector = AutoencoderOutlierDetector(contamination=0.0, random_state=0).fit(X[:n_rows])
    assert np.isfinite(detector.score_samples(X)).all()
    assert np.isfinite(detector.offset_)


def test_the_threshold_is_an_order_statistic_of_the_held_out_or_a_quantile_of_students():
    scores = np.random.RandomState(0).permutation(np.arange(500.0))
    assert threshold_of_usual(scores, np.ones(500), Excess.of(scores)) == 4.0
    assert threshold_of_usual(scores[:250], np.full(250, 2.0), Excess.of(scores)) == np.sort(scores[:250])[1]
    few = np.random.RandomState(0).normal(size=20)
    scale = Excess.of(few)
    assert threshold_of_usual(few, np.ones(20), scale) <= min(few.min(), scale.quantile(0.01))
