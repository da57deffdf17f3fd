"""A detector that goes on: partial_fit on a stream that drifts, what is forgotten, warm starts."""

import copy
import pickle

import numpy as np
import pandas as pd
import polars
import pytest
from bounds import at_most
from scipy.sparse import csc_array
from sklearn.metrics import roc_auc_score
from sklearn.mixture import GaussianMixture
from sklearn.neural_network import BernoulliRBM
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import skvae._outliers.reservoir
from skvae import AutoencoderOutlierDetector, AutoencoderTransformer, VAETransformer
from skvae._outliers.reservoir import LATEST, PLACES, Reservoir

SMALL = {"hidden_layer_sizes": (16,), "network": "mlp", "likelihood": "gaussian", "max_iter": 5}
FULL_BATCH = {**SMALL, "batch_size": 10_000, "early_stopping": False, "precision": "float64"}


def small(*, contamination="auto", ensemble=False, random_state=0, warm_start=False, **params):
    vae = VAETransformer(**{**SMALL, **params})
    return AutoencoderOutlierDetector(
        vae, contamination, ensemble=ensemble, random_state=random_state, warm_start=warm_start
    )


def stream(n_rows, shift, seed):
    """Usual rows near a plane of eight columns, four of which have moved by ``shift`` standard deviations."""
    rng, plane = np.random.RandomState(seed), np.random.RandomState(7).normal(size=(3, 8))
    scale = np.sqrt(np.square(plane).sum(0) + 0.09)
    usual = rng.normal(size=(n_rows, 3)) @ plane + 0.3 * rng.normal(size=(n_rows, 8))
    moved = shift * scale * np.repeat([1.0, 0.0], 4)
    return usual + moved, 1.5 * scale * rng.normal(size=(n_rows, 8)) + moved


def densities(detector):
    """The fitted densities inside."""
    fitted = detector.estimator_
    return [fitted] if isinstance(fitted, VAETransformer) else [fitted.trusting_, fitted.wary_]


@pytest.mark.parametrize("ensemble", [pytest.param(False, marks=pytest.mark.slow), True])
def test_a_detector_that_goes_on_follows_a_drifting_stream(ensemble):
    updated = small(ensemble=ensemble, max_iter=20).fit(stream(1000, 0.0, seed=0)[0])
    still, alarms, labels = copy.deepcopy(updated), [], np.repeat([0, 1], 250)
    for step in range(1, 8):
        usual, strange = stream(250, 0.25 * step, seed=step)
        decision = updated.decision_function(np.r_[usual, strange])
        assert roc_auc_score(labels, -decision) > 0.95
        assert (decision[labels == 1] < 0.0).mean() > 0.7
        alarms.append((decision[labels == 0] < 0.0).mean())
        updated.partial_fit(usual)
    assert 0.0 < np.mean(alarms[1:]) < at_most(0.01, n_new=6 * 250, n_known=LATEST)
    assert (still.predict(usual) == -1).mean() > 0.95


def test_the_first_call_is_fit(X):
    first, fitted = small(ensemble=True).partial_fit(X), small(ensemble=True).fit(X)
    np.testing.assert_array_equal(first.score_samples(X), fitted.score_samples(X))
    assert first.offset_ == fitted.offset_


@pytest.mark.parametrize("ensemble", [False, True])
def test_every_density_takes_one_more_pass_over_a_batch_only(X, ensemble):
    detector = small(ensemble=ensemble).fit(X[:150])
    before = densities(detector)
    after = densities(detector.partial_fit(X[150:]))
    assert len(after) == (2 if ensemble else 1)
    for earlier, later in zip(before, after, strict=True):
        assert later.n_iter_ == earlier.n_iter_ + 1
        assert later._model.n_seen == earlier._model.n_seen + 50
        assert not np.allclose(later.score_samples(X), earlier.score_samples(X))


@pytest.mark.parametrize("ensemble", [False, True])
def test_the_threshold_is_that_of_the_latest_rows(X, ensemble, monkeypatch):
    detector = small(contamination=0.1, ensemble=ensemble).fit(X[:100])
    for batch in (X[100:170], X[170:]):
        detector.partial_fit(batch)
    assert (detector.predict(X) == -1).sum() == 20
    monkeypatch.setattr(skvae._outliers.reservoir, "LATEST", 60)
    detector.set_params(contamination=0.25).partial_fit(X[:20])
    assert (detector.predict(np.r_[X[160:], X[:20]]) == -1).sum() == 15


def test_distances_are_measured_to_the_rows_of_batches_too(X):
    far = X + 50.0 * X.std(axis=0)
    detector = small(ensemble=True).fit(X)
    before = detector.estimator_.strangeness(far)
    for _ in range(3):
        detector.partial_fit(far)
    after = detector.estimator_.strangeness(far)
    for name in ("all", "usual", "core"):
        assert after[name].mean() < before[name].mean() - 1.0


def test_the_interval_that_is_expected_of_a_cell_follows_the_stream(X, monkeypatch):
    monkeypatch.setattr(skvae._outliers.reservoir, "PLACES", 200)
    detector = small().fit(X)
    before = np.diff(detector.expected_interval_, axis=0)
    noise = np.random.RandomState(1).normal(size=X.shape) * 3.0 * X.std(axis=0)
    for _ in range(4):
        detector.partial_fit(X + noise)
    assert (np.diff(detector.expected_interval_, axis=0) > 2.0 * before).all()


@pytest.mark.parametrize("n_batch", [PLACES // 256, PLACES // 4, PLACES])
def test_rows_are_forgotten_at_the_same_rate_however_a_stream_is_cut(n_batch):
    reservoir = Reservoir.of(np.zeros((PLACES, 1)), None)
    for start in range(0, 2 * PLACES, n_batch):
        batch = np.arange(start, start + n_batch)[:, None] + 1.0
        reservoir = reservoir.after(batch, None, seed=0)
    newest = np.sort(reservoir.X[:, 0])[::-1]
    assert len(newest) == PLACES
    assert (newest == 0.0).mean() == pytest.approx(np.exp(-2.0), abs=0.02)
    assert (newest > PLACES).mean() == pytest.approx(1.0 - np.exp(-1.0), abs=0.03)
    assert len(np.unique(newest[newest > 0.0])) == (newest > 0.0).sum()


def test_nothing_is_forgotten_before_all_places_are_taken():
    reservoir = Reservoir.of(np.arange(PLACES - 50.0)[:, None], None)
    reservoir = reservoir.after(PLACES - 50.0 + np.arange(30.0)[:, None], None, seed=0)
    np.testing.assert_array_equal(reservoir.X[:, 0], np.arange(PLACES - 20.0))
    full = reservoir.after(np.full((40, 1), -1.0), None, seed=0)
    assert len(full.X) == PLACES
    assert 20 < (full.X == -1.0).sum() <= 40
    assert len(reservoir.X) == PLACES - 20


def test_of_a_long_table_rows_are_kept_evenly():
    kept = Reservoir.of(np.arange(3.0 * PLACES + 5)[:, None], None)
    assert len(kept.X) == PLACES
    assert set(np.diff(kept.X[:, 0])) == {3.0, 4.0}
    assert kept.X[-1, 0] > 3 * PLACES
    np.testing.assert_array_equal(kept.arrival, kept.X[:, 0])


def test_the_latest_rows_are_those_that_came_last():
    reservoir = Reservoir.of(np.arange(2.0 * PLACES)[:, None], None)
    for start in (2 * PLACES, 2 * PLACES + 700):
        reservoir = reservoir.after(start + np.arange(700.0)[:, None], None, seed=0)
    np.testing.assert_array_equal(reservoir.arrival, reservoir.X[:, 0])
    latest = reservoir.latest
    assert len(latest.X) == LATEST
    np.testing.assert_array_equal(np.sort(latest.X[:, 0]), np.sort(reservoir.X[:, 0])[-LATEST:])
    np.testing.assert_array_equal(latest.arrival, latest.X[:, 0])


def test_kept_rows_keep_their_weights_and_those_of_weight_zero_never_come():
    rng = np.random.RandomState(0)
    rows = rng.uniform(0.5, 1.0, size=(3 * PLACES, 1))
    weight = np.where(rng.uniform(size=len(rows)) < 0.3, 0.0, rows[:, 0] ** 2)
    reservoir = Reservoir.of(rows[:1500], weight[:1500])
    assert len(reservoir.X) == reservoir.n_seen == (weight[:1500] > 0).sum()
    for part in np.split(np.arange(1500, 6000), 3):
        reservoir = reservoir.after(rows[part], weight[part], seed=0)
    np.testing.assert_array_equal(reservoir.weight, reservoir.X[:, 0] ** 2)
    assert reservoir.n_seen == (weight[:6000] > 0).sum()
    assert np.sort(reservoir.after(np.full((9, 1), 2.0), None, seed=0).weight)[-9:].min() == 1.0


@pytest.mark.parametrize("n_rows", [600, 3000])
def test_a_row_of_weight_two_takes_two_places_one_after_the_other(n_rows):
    rng = np.random.RandomState(0)
    parts = [(rng.normal(size=(n_rows, 2)), rng.randint(4, size=n_rows)) for _ in range(3)]
    by_weight, by_rows = (
        Reservoir.of(parts[0][0], parts[0][1].astype(float)),
        Reservoir.of(np.repeat(*parts[0], 0), None),
    )
    for rows, weight in parts[1:]:
        by_weight = by_weight.after(rows, weight.astype(float), seed=0)
        by_rows = by_rows.after(np.repeat(rows, weight, 0), None, seed=0)
    for one, other in ((by_weight, by_rows), (by_weight.latest, by_rows.latest)):
        np.testing.assert_array_equal(one.X, other.X)
        np.testing.assert_array_equal(one.weight, other.weight)
        np.testing.assert_array_equal(one.arrival, other.arrival)
    assert by_weight.n_seen == by_rows.n_seen


@pytest.mark.parametrize("ensemble", [False, True])
def test_rows_of_weight_zero_are_absent(X, ensemble):
    absent = np.r_[X[100:], 100.0 * X[:30]]
    plain, weighted = (small(contamination=0.1, ensemble=ensemble, **FULL_BATCH).fit(X[:100]) for _ in range(2))
    plain.partial_fit(X[100:], sample_weight=np.ones(100))
    weighted.partial_fit(absent, sample_weight=np.repeat([1.0, 0.0], [100, 30]))
    np.testing.assert_allclose(weighted.score_samples(absent), plain.score_samples(absent))
    assert weighted.offset_ == pytest.approx(plain.offset_)


def test_weights_of_a_batch_move_the_threshold(X):
    detector = small(contamination=0.1, max_iter=20).fit(X[:100])
    detector.partial_fit(X[100:], sample_weight=np.full(100, 9.0))
    latest = detector._recent.latest
    assert len(np.unique(latest.X, axis=0)) == 57  # each of them nine times
    flagged = latest.weight[detector.predict(latest.X) == -1].sum() / latest.weight.sum()
    assert flagged == pytest.approx(0.1, abs=9 / 512)
    assert (detector.predict(X) == -1).sum() != 20


def test_random_state_decides_what_is_forgotten(X, monkeypatch):
    monkeypatch.setattr(skvae._outliers.reservoir, "PLACES", 50)
    kept = [small(random_state=seed).fit(X[:80]).partial_fit(X[80:]).partial_fit(X)._recent.X for seed in (0, 0, 1)]
    np.testing.assert_array_equal(kept[0], kept[1])
    assert not np.array_equal(kept[0], kept[2])
    reservoir = Reservoir.of(np.zeros((50, 1)), None)
    first, second = reservoir.after(np.ones((30, 1)), None, 0), reservoir.after(np.ones((1, 1)), None, 0)
    assert not np.array_equal(first.X, second.after(np.ones((30, 1)), None, 0).X)


class ArrayLike:
    """Holds rows, and can say so in one way only."""

    def __init__(self, rows):
        self.rows = rows

    def __array__(self, dtype=None, copy=None):
        return np.array(self.rows, dtype=dtype)


KINDS = {"float64": np.float64, "lists": np.ndarray.tolist, "array-like": ArrayLike}


@pytest.mark.parametrize("kind", KINDS)
def test_whatever_holds_the_rows_gives_one_result(X, kind):
    X, as_kind = X.astype(np.float32), KINDS[kind]
    expected = small(ensemble=True).fit(X[:100]).partial_fit(X[100:])
    detector = small(ensemble=True).fit(as_kind(X[:100])).partial_fit(as_kind(X[100:]))
    np.testing.assert_array_equal(detector.decision_function(X), expected.decision_function(X))
    np.testing.assert_array_equal(detector.expected_interval_, expected.expected_interval_)


@pytest.mark.parametrize("ensemble", [False, True])
def test_frames_are_taken_with_their_names(frame, ensemble):
    detector = small(ensemble=ensemble).fit(frame[:150]).partial_fit(frame[150:])
    assert list(detector.feature_names_in_) == list(frame.columns)
    assert list(detector.explain(frame[:2]).index.get_level_values(0)[::3]) == ["row0", "row1"]
    with pytest.raises(ValueError, match="feature names should match"):
        detector.partial_fit(frame[["b", "a", "count", "flag"]])


def test_polars_frames_are_taken(frame):
    table = polars.from_pandas(frame.reset_index(drop=True))
    detector = small().fit(table[:150]).partial_fit(table[150:])
    assert np.isfinite(detector.decision_function(table)).all()


def test_a_pickled_detector_goes_on_alike(X):
    detector = small(ensemble=True).fit(X[:100]).partial_fit(X[100:150])
    copied = pickle.loads(pickle.dumps(detector))
    expected = detector.partial_fit(X[150:]).decision_function(X)
    np.testing.assert_array_equal(copied.partial_fit(X[150:]).decision_function(X), expected)


def test_only_an_estimator_with_partial_fit_goes_on(X):
    for estimator in (GaussianMixture(), make_pipeline(StandardScaler(), VAETransformer())):
        assert not hasattr(AutoencoderOutlierDetector(estimator), "partial_fit")
    for estimator in (None, VAETransformer(), AutoencoderTransformer()):
        assert hasattr(AutoencoderOutlierDetector(estimator), "partial_fit")
    fitted = AutoencoderOutlierDetector(GaussianMixture(random_state=0)).fit(X)
    assert not hasattr(fitted.set_params(estimator=VAETransformer()), "partial_fit")


@pytest.mark.parametrize("kind", [np.asarray, csc_array])
def test_estimators_of_others_go_on(X, kind):
    table = kind((np.median(X, axis=0) < X).astype(float))
    rbm = BernoulliRBM(4, random_state=0, n_iter=3)
    detector = AutoencoderOutlierDetector(rbm, random_state=0).fit(table)
    components = detector.estimator_.components_.copy()
    detector.partial_fit(table)
    assert not np.allclose(detector.estimator_.components_, components)
    assert len(detector._recent.X) == 400
    with pytest.raises(ValueError, match="BernoulliRBM.*takes no sample_weight"):
        detector.partial_fit(table, sample_weight=np.ones(200))


def bad_batches(X):
    hole, wide = X[:20].copy(), np.c_[X, X]
    hole[3, 2] = np.inf
    return [
        ((hole,), "column 2, row 3"),
        ((wide,), "10 features, but .* expecting 5"),
        ((X, None, np.zeros(200)), "sample_weight is zero"),
        ((X, None, np.ones(3)), "sample_weight has shape"),
    ]


@pytest.mark.parametrize("ensemble", [False, True])
def test_a_batch_that_cannot_be_used_is_an_error_and_changes_nothing(X, ensemble):
    detector = small(ensemble=ensemble).fit(X)
    before, scores = pickle.dumps(detector), detector.score_samples(X)
    for batch, message in bad_batches(X):
        with pytest.raises(ValueError, match=message):
            detector.partial_fit(*batch)
    assert pickle.dumps(detector) == before
    np.testing.assert_array_equal(detector.score_samples(X), scores)


def test_a_step_that_fails_late_changes_nothing(X, monkeypatch):
    detector = small(ensemble=True).fit(X)
    before = detector.decision_function(X)
    with monkeypatch.context() as broken:
        broken.setattr("skvae._outliers.thresholds.weighted_threshold", None)
        with pytest.raises(TypeError):
            detector.partial_fit(X + X.std(axis=0))
    np.testing.assert_array_equal(detector.decision_function(X), before)
    assert len(detector._recent.X) == 200


def curves(detector):
    """Loss of every epoch of each density."""
    return [list(density.loss_curve_) for density in densities(detector)]


@pytest.mark.parametrize("ensemble", [False, True])
def test_a_warm_start_goes_on_from_every_density_and_the_first_is_a_cold_one(X, ensemble):
    cold, warm = small(ensemble=ensemble).fit(X), small(ensemble=ensemble, warm_start=True).fit(X)
    np.testing.assert_array_equal(warm.decision_function(X), cold.decision_function(X))
    first = curves(cold)
    assert curves(cold.fit(X)) == first
    for before, after in zip(first, curves(warm.fit(X)), strict=True):
        assert after[: len(before)] == before
        assert len(after) > len(before)
        assert after[len(before)] < before[0]
    assert not np.allclose(warm.score_samples(X), cold.score_samples(X))


@pytest.mark.parametrize("ensemble", [False, True])
def test_a_warm_start_takes_its_threshold_from_the_new_rows(X, ensemble):
    detector = small(contamination=0.1, ensemble=ensemble, warm_start=True).fit(X).partial_fit(X[:50])
    (epochs, *_), moved = curves(detector), X[:100] + X.std(axis=0)
    assert (detector.fit(moved).predict(moved) == -1).sum() == 10
    assert len(detector._recent.X) == 100
    assert curves(detector)[0][: len(epochs)] == epochs


def test_a_warm_start_takes_the_parameters_of_now(X):
    detector = small(ensemble=True, warm_start=True).fit(X)
    before = [len(curve) for curve in curves(detector)]
    detector.set_params(estimator__max_iter=2).fit(X)
    more = [2, 1]  # the density that leaves rows out trains half as long
    assert [len(curve) for curve in curves(detector)] == [sum(pair) for pair in zip(before, more, strict=True)]


def test_a_warm_start_needs_what_can_go_on(X):
    with pytest.raises(ValueError, match=r"warm_start=True needs .*Pipeline.*Use warm_start=False"):
        AutoencoderOutlierDetector(make_pipeline(VAETransformer()), warm_start=True).fit(X)
    for ensemble in (False, True):
        detector = small(ensemble=ensemble, warm_start=True).fit(X)
        before = detector.decision_function(X)
        with pytest.raises(ValueError, match=r"VAETransformer, which cannot become the AutoencoderTransformer"):
            detector.set_params(estimator=AutoencoderTransformer(max_iter=1)).fit(X)
        np.testing.assert_array_equal(detector.decision_function(X), before)
    with pytest.raises(ValueError, match="hidden_layer_sizes from"):
        small(warm_start=True).fit(X).set_params(estimator__hidden_layer_sizes=(9,)).fit(X)


def test_scores_of_chunks_of_a_file_have_the_bits_of_the_whole(tmp_path, frame):
    rng = np.random.RandomState(0)
    more = pd.DataFrame(rng.normal(size=(200, 12)), columns=list("ghijklmnopqr"), index=frame.index)
    frame.join(more).round(3).to_csv(tmp_path / "rows.csv", index=False)
    whole = pd.read_csv(tmp_path / "rows.csv")
    detector = small(ensemble=True).fit(whole)
    for size in (37, 199):
        chunks = list(pd.read_csv(tmp_path / "rows.csv", chunksize=size))
        for method in ("score_samples", "decision_function", "predict", "outlier_probability"):
            scores = [getattr(detector, method)(part) for part in chunks]
            np.testing.assert_array_equal(np.concatenate(scores), getattr(detector, method)(whole))
        reasons = pd.concat([detector.explain(part) for part in chunks])
        pd.testing.assert_frame_equal(reasons, detector.explain(whole), check_exact=True)
