"""The detector: scikit-learn's signs, an exact threshold, any scorer inside, reasons."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from bounds import at_most
from fits import fitted
from sklearn.base import BaseEstimator
from sklearn.decomposition import PCA
from sklearn.ensemble import IsolationForest
from sklearn.linear_model import SGDOneClassSVM
from sklearn.metrics import roc_auc_score
from sklearn.mixture import GaussianMixture
from sklearn.neighbors import KernelDensity
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import skvae._outliers.robust_scores
from skvae import AutoencoderOutlierDetector, AutoencoderTransformer, VAETransformer
from skvae._outliers.excess import Excess
from skvae._outliers.neighbors import Sample, SampleDistances, in_order
from skvae._tables.weighted import weighted_threshold

SMALL = {"hidden_layer_sizes": (16,), "random_state": 0, "max_iter": 40}

SCORERS = {
    "vae": VAETransformer(**SMALL),
    "autoencoder": AutoencoderTransformer(**SMALL),
    "mixture": GaussianMixture(2, random_state=0),
    "kernel density": KernelDensity(),
    "pca": PCA(2),
    "forest": IsolationForest(random_state=0),
    "pipeline": make_pipeline(StandardScaler(), VAETransformer(**SMALL)),
}


@pytest.mark.parametrize("name", SCORERS)
def test_signs_and_threshold_are_those_of_scikit_learn(X, name):
    detector = fitted(AutoencoderOutlierDetector(SCORERS[name], contamination=0.1), X)
    scores = detector.score_samples(X)
    np.testing.assert_array_equal(detector.decision_function(X), scores - detector.offset_)
    np.testing.assert_array_equal(detector.predict(X), np.where(scores < detector.offset_, -1, 1))
    assert (detector.predict(X) == -1).sum() == 20
    assert detector.n_features_in_ == 5


@pytest.mark.parametrize(("contamination", "expected"), [(0.01, 2), (0.25, 50), (0.5, 100), (0.001, 1)])
def test_contamination_is_the_share_of_flagged_training_rows(X, contamination, expected):
    detector = AutoencoderOutlierDetector(SCORERS["autoencoder"], contamination)
    assert (detector.fit_predict(X) == -1).sum() == expected


@pytest.mark.parametrize("name", ["vae", "autoencoder"])
def test_rows_from_elsewhere_score_lower(X, name):
    rng = np.random.RandomState(1)
    strange = X.mean(axis=0) + 2 * X.std(axis=0) * rng.normal(size=(50, 5))
    detector = AutoencoderOutlierDetector(SCORERS[name]).fit(X)
    labels = np.r_[np.ones(len(X)), np.zeros(50)]
    assert roc_auc_score(labels, detector.decision_function(np.r_[X, strange])) > 0.9


def test_random_state_reaches_the_estimator(X):
    scores = [
        AutoencoderOutlierDetector(VAETransformer(max_iter=2), random_state=seed).fit(X).score_samples(X)
        for seed in (0, 0, 1)
    ]
    np.testing.assert_array_equal(scores[0], scores[1])
    assert not np.allclose(scores[0], scores[2])


def test_the_default_estimator_is_a_vae_and_the_given_one_is_left_alone(X):
    given = VAETransformer(max_iter=1, random_state=0)
    detector = AutoencoderOutlierDetector(given).fit(X)
    assert not hasattr(given, "n_iter_")
    assert detector.estimator_ is not given
    default = AutoencoderOutlierDetector(random_state=0).fit(X[:40]).estimator_
    assert list(default.strangeness(X)) == ["density", "nearest", "all", "usual", "core", "forest"]
    for part, support, epochs in ((default.trusting_, 1.0, 50), (default.wary_, 0.7, 25)):
        assert isinstance(part, VAETransformer)
        assert (part.network, part.likelihood) == ("mlp", "gaussian")
        assert (part.support_fraction, part.max_iter, part.learning_rate_init) == (support, epochs, 6e-3)


def test_explain_names_the_planted_cell_first():
    rng = np.random.RandomState(0)
    values = rng.normal(size=(300, 2)) @ rng.normal(size=(2, 8)) + 0.2 * rng.normal(size=(300, 8))
    table = pd.DataFrame(values, columns=list("abcdefgh"), index=[f"row{i}" for i in range(300)])
    vae = VAETransformer(2, network="mlp", likelihood="gaussian", random_state=0, max_iter=100)
    detector = AutoencoderOutlierDetector(vae).fit(table)
    planted = table.iloc[:3].copy()
    for row, column in enumerate(["c", "a", "d"]):
        planted.loc[planted.index[row], column] += 6 * table[column].std()
    reasons = detector.explain(planted, n_columns=2)
    assert list(reasons.columns) == ["column", "value", "expected", "low", "high", "times", "unusual", "share", "note"]
    assert list(reasons.index.get_level_values(0)) == ["row0", "row0", "row1", "row1", "row2", "row2"]
    first = reasons.xs(0, level="rank")
    assert list(first["column"]) == ["c", "a", "d"]
    np.testing.assert_allclose(first["value"], [planted.loc[f"row{i}", column] for i, column in enumerate("cad")])
    assert (first["share"] < reasons.xs(1, level="rank")["share"]).all()
    assert (np.abs(first["value"] - first["expected"]) > 2 * table[["c", "a", "d"]].std().to_numpy()).all()


def test_explain_works_on_arrays_and_names_at_most_all_columns(X):
    reasons = AutoencoderOutlierDetector(SCORERS["autoencoder"]).fit(X).explain(X[:4], n_columns=99)
    assert len(reasons) == 4 * 5
    assert set(reasons["column"]) == set(range(5))
    assert isinstance(reasons, pd.DataFrame)


def test_explain_is_missing_where_the_estimator_cannot_tell(X):
    assert not hasattr(AutoencoderOutlierDetector(SCORERS["forest"]).fit(X), "explain")


def test_weights_move_the_threshold(X):
    weight = np.r_[np.full(100, 10.0), np.ones(100)]
    detector = AutoencoderOutlierDetector(SCORERS["autoencoder"], contamination=0.1).fit(X, sample_weight=weight)
    flagged = weight[detector.predict(X) == -1].sum() / weight.sum()
    assert flagged == pytest.approx(0.1, abs=0.01)


def two_planes(n_usual, n_strange, seed=0):
    """Usual rows near a plane of eight columns, and strange ones near another, farther from the centre."""
    rng, planes = np.random.RandomState(seed), np.random.RandomState(7).normal(size=(2, 2, 8))
    usual = rng.normal(size=(n_usual, 2)) @ planes[0] + 0.3 * rng.normal(size=(n_usual, 8))
    strange = 3.0 + rng.normal(size=(n_strange, 2)) @ planes[1] + 0.3 * rng.normal(size=(n_strange, 8))
    return usual, strange


@pytest.mark.parametrize(("n_strange", "found"), [(0, 0.9), pytest.param(30, 0.9, marks=pytest.mark.slow), (120, 0.5)])
def test_false_alarms_are_as_promised_whether_or_not_outliers_are_among_the_training_rows(n_strange, found):
    usual, strange = two_planes(1000, n_strange)
    new, new_strange = two_planes(2000, 200, seed=1)
    shares = []
    for seed in (0, 1):
        detector = AutoencoderOutlierDetector(random_state=seed).fit(np.r_[usual, strange])
        assert (detector.predict(new) == -1).mean() < at_most(0.01, n_new=2000, n_known=1000)
        shares.append((detector.predict(new_strange) == -1).mean())
    assert np.mean(shares) > found


def test_the_ensemble_is_not_misled_by_outliers_that_one_density_learns():
    usual, strange = two_planes(500, 60)
    new, new_strange = two_planes(500, 100, seed=1)
    labels = np.repeat([0, 1], [500, 100])
    vae = VAETransformer(network="mlp", likelihood="gaussian", max_iter=50)
    area = {}
    for ensemble in (False, np.True_):
        detector = AutoencoderOutlierDetector(vae, ensemble=ensemble, random_state=0).fit(np.r_[usual, strange])
        area[ensemble] = roc_auc_score(labels, -detector.score_samples(np.r_[new, new_strange]))
    assert area[True] > area[False] + 0.02
    assert area[True] > 0.99


def test_an_ensemble_needs_an_estimator_that_can_leave_rows_out(X):
    with pytest.raises(ValueError, match=r"ensemble=True needs .*support_fraction.*GaussianMixture.*ensemble=False"):
        AutoencoderOutlierDetector(GaussianMixture(), ensemble=True).fit(X)


@pytest.mark.parametrize("contamination", ["auto", 0.1])
def test_probabilities_rise_with_strangeness_and_are_one_half_at_the_threshold(X, contamination):
    detector = fitted(AutoencoderOutlierDetector(SCORERS["vae"], contamination), X)
    far = np.r_[X, X[:5] + 100.0 * X.std(axis=0)]
    probability, decision = detector.outlier_probability(far), detector.decision_function(far)
    np.testing.assert_array_equal(probability > 0.5, decision < 0)
    assert (np.diff(probability[np.argsort(-decision, kind="stable")]) >= 0).all()
    assert probability.min() >= 0.0
    assert probability[-5:].min() > 0.99
    assert np.median(probability) < 0.3


def test_probabilities_are_numbers_where_the_threshold_itself_is_far_out():
    X = np.random.RandomState(0).normal(size=(400, 3))
    X[:3] = 1e9 * (1 + np.arange(9).reshape(3, 3))
    for n_flagged in (1, 3):
        detector = AutoencoderOutlierDetector(contamination=n_flagged / 400, random_state=0).fit(X)
        probability = detector.outlier_probability(X)
        assert ((probability >= 0.0) & (probability <= 1.0)).all()
        np.testing.assert_array_equal(probability > 0.5, detector.predict(X) == -1)
        assert (probability > 0.5).sum() == n_flagged


@pytest.mark.parametrize("contamination", ["auto", 0.05])
def test_a_whole_group_of_equal_rows_is_not_flagged_for_a_small_share(contamination):
    halves = pd.DataFrame({"side": ["left", "right"] * 100})
    detector = AutoencoderOutlierDetector(contamination=contamination, random_state=0).fit(halves)
    assert (detector.predict(halves) == 1).all()
    assert (detector.outlier_probability(halves) < 0.1).all()


def test_ties_stay_together_and_within_twice_the_share():
    scores = np.repeat([0.0, 1.0, 2.0, 3.0], [2, 3, 5, 90])
    assert weighted_threshold(scores, None, 0.03, 0.06) == 1.5
    assert weighted_threshold(scores, None, 0.02, 0.04) == 0.5
    below = weighted_threshold(scores, None, 0.02, 0.01)
    assert -1e-300 < below < 0.0
    assert weighted_threshold(scores[1:], None, 0.0, 0.001) == 0.5  # one row may always be flagged
    weight = np.array([2.0, 3.0, 5.0, 90.0])
    for share, most in ((0.03, 0.06), (0.02, 0.01), (0.08, 0.09)):
        assert weighted_threshold(np.arange(4.0), weight, share, most) == weighted_threshold(scores, None, share, most)


def test_cells_without_end_have_finite_shares(X):
    detector = AutoencoderOutlierDetector(random_state=0).fit(X)
    far = X[:1].copy()
    far[0, 2] = 1e300
    reasons = detector.explain(far)
    assert reasons["column"].iloc[0] == 2
    assert np.isfinite(reasons["share"]).all()


def test_one_extreme_score_does_not_move_the_scale():
    scores = np.random.RandomState(0).normal(size=1000)
    plain, extreme = Excess.of(scores), Excess.of(np.r_[scores, -1e300, -np.inf])
    assert extreme.quantile(0.01) == pytest.approx(plain.quantile(0.01), rel=0.02)
    usual = np.abs(scores) < 2.0
    np.testing.assert_allclose(*(np.exp(scale.log_tail(scores[usual])) for scale in (extreme, plain)), atol=0.01)


def test_tails_and_quantiles_of_a_scale_are_inverse_and_know_no_units():
    scores = -np.random.RandomState(0).exponential(size=20_000)
    scale, moved = Excess.of(scores), Excess.of(7.0 + 1000.0 * scores)
    for share in (0.001, 0.01, 0.1, 0.5, 0.9):
        assert np.exp(scale.log_tail(np.array([scale.quantile(share)])))[0] == pytest.approx(share)
        assert moved.quantile(share) == pytest.approx(7.0 + 1000.0 * scale.quantile(share))
    assert (scores < scale.quantile(0.01)).mean() == pytest.approx(0.01, abs=0.003)
    assert (scores < scale.quantile(0.1)).mean() == pytest.approx(0.1, abs=0.003)


def test_a_scale_of_scores_that_are_mostly_equal_is_finite():
    for scores in (np.zeros(10), np.r_[np.zeros(99), -1.0], np.array([0.0, -np.inf])):
        scale = Excess.of(scores)
        assert np.isfinite(scale.strangeness(np.array([0.0, -2.0]))).all()


def near(rows, X, size=256, weight=None, kept=None):
    """Mean log-distances of rows X to samples of rows."""
    weight = np.ones(len(rows)) if weight is None else weight
    kept = np.ones(len(rows), dtype=bool) if kept is None else kept
    return np.log(SampleDistances(rows, {"sample": Sample.of(weight, kept, size)})(X)["sample"])


@pytest.mark.parametrize("n_nearest", [1, 7, 40, 300, 800])
def test_the_least_numbers_of_rows_are_found_in_order(n_nearest):
    """Among many or few, and where every eighth number tells nothing of the others."""
    rng = np.random.RandomState(0)
    misleading = rng.uniform(size=(5, 800))
    misleading[:, ::8] *= 0.01
    for numbers in (rng.normal(size=(64, 800)), misleading, np.full((3, 800), np.inf), np.ones((2, 800))):
        least, places = in_order(numbers, n_nearest)
        np.testing.assert_array_equal(least, np.sort(numbers, axis=1)[:, :n_nearest])
        np.testing.assert_array_equal(np.take_along_axis(numbers, places, axis=1), least)
        assert all(len(set(row)) == n_nearest for row in places)


def test_samples_are_judged_together_as_each_alone():
    """Of rows in a cluster of outliers no neighbour is in a sample that lacks these."""
    rng = np.random.RandomState(0)
    rows = np.r_[rng.normal(size=(900, 4)), 9.0 + 0.01 * rng.normal(size=(100, 4))]
    weight, kept = rng.uniform(0.5, 2.0, size=1000), np.arange(1000) < 880
    samples = {
        "nearest": Sample.of_all(weight),
        "all": Sample.of(weight, np.ones(1000, dtype=bool), 64),
        "kept": Sample.of(weight, kept, 256),
    }
    X = np.r_[rows[::10], rng.normal(size=(70, 4))]
    together = SampleDistances(rows, samples)(X)
    assert (together["kept"][90:100] > 10.0).all()
    for name, sample in samples.items():
        np.testing.assert_allclose(SampleDistances(rows, {name: sample})(X)[name], together[name], rtol=1e-12)
        inside = SampleDistances(rows[sample.places], {name: replace(sample, places=np.arange(len(sample.places)))})
        np.testing.assert_allclose(inside(X)[name], together[name], rtol=1e-12)


def test_samples_find_what_neighbours_among_all_rows_miss():
    """Four far rows in one tight cluster: among all rows, they have nearer neighbours than most."""
    rng = np.random.RandomState(0)
    X = np.r_[rng.normal(size=(2000, 3)), 4.0 + 0.05 * rng.normal(size=(4, 3))]
    distance = near(X, X)
    assert distance[2000:].min() > np.quantile(distance[:2000], 0.95)
    nearest = np.sort(np.linalg.norm(X[:, None] - X[None], axis=2), axis=1)[:, 3]
    assert nearest[2000:].mean() < np.median(nearest[:2000])


def test_mean_log_distances_are_those_of_samples_that_are_drawn():
    rng = np.random.RandomState(0)
    rows, X, weight = rng.normal(size=(600, 3)), rng.normal(size=(20, 3)), rng.uniform(0.1, 3.0, size=600)
    kept, share = np.arange(600) % 5 > 0, weight * (np.arange(600) % 5 > 0)
    all_distances = np.linalg.norm(X[:, None] - rows, axis=2)
    drawn = (rng.choice(600, 40, p=share / share.sum()) for _ in range(4000))
    expected = np.mean([np.log(all_distances[:, sample].min(1) + 1e-3) for sample in drawn], axis=0)
    np.testing.assert_allclose(near(rows, X, 40, weight, kept), expected, atol=0.03)


def test_a_row_is_judged_by_itself_and_not_by_its_likes():
    rng = np.random.RandomState(0)
    X = rng.normal(size=(700, 4))
    distance = near(X, X)
    for part in (slice(300, 433), slice(5, 6), slice(127, 130)):
        np.testing.assert_array_equal(near(X, X[part]), distance[part])
    absent = near(np.r_[X, 5 * X], X, weight=np.repeat([1.0, 0.0], 700), kept=np.arange(1400) < 700)
    np.testing.assert_allclose(absent, distance)
    np.testing.assert_allclose(near(np.delete(X, 5, axis=0), X[5:6]), distance[5], atol=0.01)
    far = np.array([[4.0], [10.0], [1e3], [1e6], [1e9]]) * np.ones(4)
    assert (np.diff(near(X, far)) >= 0).all()
    assert np.isfinite(near(np.ones((9, 2)), np.ones((2, 2)))).all()


def test_rows_that_are_all_as_near_are_at_that_distance():
    angle = np.linspace(0.0, 2.0 * np.pi, 500, endpoint=False)
    circle = 2.0 * np.c_[np.cos(angle), np.sin(angle)]
    np.testing.assert_allclose(near(circle, np.zeros((1, 2)), size=5), np.log(2.001), rtol=1e-9)
    assert Sample.of(np.ones(10), np.arange(10) < 6, 256).size == 3


def test_distances_are_measured_to_a_part_of_many_rows_that_the_seed_decides(monkeypatch):
    monkeypatch.setattr(skvae._outliers.robust_scores, "REFERENCE_ROWS", 100)
    X = np.random.RandomState(0).normal(size=(300, 3))
    vae = VAETransformer(hidden_layer_sizes=(8,), max_iter=1)
    kept = [
        AutoencoderOutlierDetector(vae, ensemble=True, random_state=seed).fit(X).estimator_.distances_.rows
        for seed in (0, 0, 1)
    ]
    assert len(kept[0]) == 100
    np.testing.assert_array_equal(kept[0], kept[1])
    assert not np.allclose(kept[0], kept[2], atol=0.5)


@pytest.mark.parametrize("ensemble", [False, True])
def test_a_far_cell_does_not_move_what_is_expected(X, ensemble):
    detector = AutoencoderOutlierDetector(VAETransformer(**SMALL), ensemble=ensemble).fit(X)
    expected = []
    for deviations in (6.0, 600.0):
        moved = X[:20].copy()
        moved[:, 2] += deviations * X[:, 2].std()
        reasons = detector.explain(moved, n_columns=5).reset_index(level="rank").set_index("column", append=True)
        expected.append(reasons["expected"].sort_index().to_numpy())
    np.testing.assert_array_equal(*expected)


def test_intervals_of_whole_numbers_hold_whole_numbers(X):
    flag = (np.arange(len(X)) % 40 == 0).astype(int)
    frame = pd.DataFrame({"a": X[:, 0], "b": X[:, 1], "flag": flag})
    detector = AutoencoderOutlierDetector(VAETransformer(**SMALL)).fit(frame)
    reasons = detector.explain(frame[flag == 0], n_columns=3)
    of_flag = reasons[reasons["column"] == "flag"]
    assert ((of_flag["low"] <= 0.0) & (of_flag["high"] >= 0.0)).mean() > 0.9


def test_heavy_rows_are_drawn_more_often():
    rng = np.random.RandomState(0)
    X = np.r_[rng.normal(size=(1000, 3)), np.array([8.0, 0.0, 0.0]) + rng.normal(size=(20, 3))]
    light, heavy = (near(X, X, weight=np.repeat([1.0, weight], [1000, 20])) for weight in (1.0, 50.0))
    assert heavy[1000:].mean() < light[1000:].mean() - 0.3


@pytest.mark.parametrize("scale", [1e-3, 1e6])
def test_the_ensemble_does_not_depend_on_units_even_of_columns_that_usual_rows_do_not_vary_in(scale):
    rng = np.random.RandomState(0)
    X = np.c_[rng.normal(size=(300, 3)), np.repeat([0.0, 1.0], [294, 6])]
    plain = fitted(AutoencoderOutlierDetector(random_state=0), X)
    moved = 3.0 + scale * X
    other = AutoencoderOutlierDetector(random_state=0).fit(moved)
    np.testing.assert_allclose(other.score_samples(moved), plain.score_samples(X), rtol=0.1, atol=0.2)


def test_nine_of_ten_usual_cells_lie_in_the_interval_that_is_expected_of_them():
    usual, _ = two_planes(800, 0)
    new, _ = two_planes(800, 0, seed=1)
    reasons = AutoencoderOutlierDetector(random_state=0).fit(usual).explain(new, n_columns=8)
    inside = (reasons["low"] <= reasons["value"]) & (reasons["value"] <= reasons["high"])
    assert inside.mean() == pytest.approx(0.9, abs=0.03)
    assert (reasons["low"] < reasons["high"]).all()


def test_a_far_row_does_not_hide_others_in_columns_that_are_mostly_zero():
    X = np.zeros((1000, 3))
    X[:150] = np.random.RandomState(0).normal(size=(150, 3))
    for far in (X, np.vstack([X, np.full(3, 1e6)])):
        detector = AutoencoderOutlierDetector(random_state=0).fit(far)
        np.testing.assert_array_equal(detector.predict(np.outer([0, 10, 100, 1e4], np.ones(3))), [1, -1, -1, -1])
        assert (detector.predict(far) == -1).mean() < 0.1
    scores = np.r_[np.zeros(850), -np.random.RandomState(0).exponential(size=150)]
    for usual in (scores, scores[:920]):
        widths = [Excess.of(np.r_[usual, far]).width for far in (-1.0, -1e6)]
        np.testing.assert_allclose(*widths, rtol=0.1)


def test_rows_without_weight_have_no_part_in_the_scale():
    for scores in (np.r_[np.zeros(95), -np.arange(1.0, 6.0)], np.r_[np.zeros(50), -np.arange(31.0), [-np.inf] * 19]):
        absent = Excess.of(np.r_[scores, np.full(50, -1e3)], np.r_[np.ones(100), np.zeros(50)])
        assert absent == Excess.of(scores)


@pytest.mark.parametrize("contamination", ["auto", 0.05])
def test_weights_that_are_shares_move_no_threshold(contamination):
    groups = np.repeat([[0.0, 0.0], [5.0, 5.0], [0.1, -0.1]], [680, 300, 20], axis=0)
    groups[980:] *= np.random.RandomState(0).normal(size=(20, 2))
    flagged = [
        AutoencoderOutlierDetector(KernelDensity(), contamination=contamination).fit(groups, sample_weight=weight)
        for weight in (None, np.full(1000, 1e-3), np.full(1000, 7.0))
    ]
    assert (flagged[0].predict(groups[:980]) == 1).all()
    for other in flagged[1:]:
        np.testing.assert_array_equal(flagged[0].predict(groups), other.predict(groups))


def test_neighbours_of_little_weight_are_not_all_there_is():
    rng = np.random.RandomState(0)
    rows = rng.normal(size=(1000, 2))
    rows[:500, 0] += 8.0
    weight, new = np.repeat([1.0, 100.0], 500), np.array([[8.0, 0.0], [0.0, 0.0]])
    places = np.repeat(np.arange(1000), weight.astype(int))
    weighted, repeated = (
        SampleDistances(points, {"one": Sample.of(weights, np.ones(len(points), dtype=bool), 64)})(new)["one"]
        for points, weights in ((rows, weight), (rows[places], np.ones(len(places))))
    )
    np.testing.assert_allclose(weighted, repeated, rtol=0.01)


def test_the_origin_of_a_column_that_usual_rows_lack_does_not_matter():
    rng = np.random.RandomState(0)
    X = rng.normal(size=(400, 3))
    X[:, 2] = np.nan
    X[:12] = np.c_[X[:12, :2] + 6.0, rng.normal(size=12)]
    new = np.array([[6.0, 6.0, 0.5], [0.0, 0.0, 0.5], [0.0, 0.0, np.nan]])
    near, far = (
        AutoencoderOutlierDetector(random_state=0).fit(X + origin).score_samples(new + origin)
        for origin in (np.zeros(3), np.array([0.0, 0.0, 1e4]))
    )
    np.testing.assert_allclose(near, far, rtol=0.01)


def test_cells_of_an_array_in_a_column_that_training_rows_lack_are_at_no_distance():
    X = np.random.RandomState(0).normal(size=(200, 3))
    X[:, 2] = np.nan
    distances = (
        AutoencoderOutlierDetector(random_state=0).fit(X).estimator_.strangeness([[0.1, 0.1, c] for c in (0, 1e4)])
    )
    for name in ("all", "usual", "core"):
        assert distances[name][0] == distances[name][1]


def test_a_far_cell_costs_as_much_in_a_column_that_is_mostly_empty():
    rng = np.random.RandomState(0)
    X = rng.normal(size=(1000, 4))
    X[rng.uniform(size=1000) < 0.9, 3] = np.nan
    shares = AutoencoderOutlierDetector(random_state=0).fit(X).explain([[4.0, 0.0, 0.0, 4.0]], 2)["share"]
    assert 0.5 < shares.iloc[1] / shares.iloc[0] <= 1.0


class Cliff(BaseEstimator):
    """Minus infinity beyond 1.7."""

    def fit(self, X, y=None):
        return self

    def score_samples(self, X):
        return np.where(X[:, 0] > 1.7, -np.inf, -np.square(X[:, 0]))


@pytest.mark.parametrize("contamination", ["auto", 0.02])
def test_scores_of_minus_infinity_are_below_the_threshold(contamination):
    X = np.random.RandomState(0).normal(size=(300, 1))
    detector = AutoencoderOutlierDetector(Cliff(), contamination).fit(X)
    new = np.array([[3.0], [0.0]])
    assert np.isfinite(detector.offset_)
    np.testing.assert_array_equal(detector.predict(new), [-1, 1])
    assert detector.decision_function(new)[0] == -np.inf
    assert detector.outlier_probability(new)[0] == 1.0


def test_every_other_row_may_be_without_weight_in_a_long_table(X):
    weight = np.tile([0.0, 1.0], 4100)
    rows = np.resize(X, (8200, X.shape[1]))
    detector = AutoencoderOutlierDetector(VAETransformer(2, max_iter=1, random_state=0)).fit(rows, sample_weight=weight)
    assert np.isfinite(detector.expected_interval_).all()


def test_a_failed_batch_leaves_an_estimator_that_learns_in_place_as_it_was(X):
    detector = AutoencoderOutlierDetector(SGDOneClassSVM(random_state=0), random_state=0).fit(X + 2.0)
    before = detector.score_samples(X)
    with pytest.raises(ValueError, match="sample_weight"):
        detector.partial_fit(3.0 * X, sample_weight=-np.ones(len(X)))
    np.testing.assert_array_equal(detector.score_samples(X), before)
    recent = detector._recent
    detector._recent = None  # what fails after the estimator has learned
    with pytest.raises(AttributeError):
        detector.partial_fit(3.0 * X)
    detector._recent = recent
    np.testing.assert_array_equal(detector.score_samples(X), before)
