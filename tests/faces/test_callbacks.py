"""What a running fit tells the outside."""

import itertools
import re
import warnings

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler

from skvae import AutoencoderOutlierDetector, AutoencoderTransformer, VAETransformer
from skvae.nn import training

callback = pytest.importorskip("sklearn.callback", reason="callbacks came with scikit-learn 1.9")

SMALL = {"hidden_layer_sizes": (8,), "random_state": 0, "max_iter": 5}
ESTIMATORS = pytest.mark.parametrize("Estimator", [VAETransformer, AutoencoderTransformer])


class Stop:
    """Ends the fit after some epochs, and remembers what it saw."""

    def __init__(self, after):
        self.after, self.begun, self.ended, self.scores = after, 0, 0, []

    def setup(self, estimator, context):
        self.open = True

    def teardown(self, estimator, context):
        self.open = False

    def on_fit_task_begin(self, estimator, context):
        self.begun += 1

    def on_fit_task_end(self, estimator, context, *, X=None, fitted_estimator=None):
        self.ended += 1
        if context.task_name == "epoch":
            self.scores.append(fitted_estimator.score(X))
        return len(self.scores) == self.after


@ESTIMATORS
def test_a_callback_stops_training_and_sees_a_fitted_estimator(X, Estimator):
    stop = Stop(after=3)
    fitted = Estimator(**SMALL).set_callbacks(stop).fit(X)
    assert fitted.n_iter_ == 3
    assert stop.begun == stop.ended == 4
    assert len(set(stop.scores)) == 3
    assert not stop.open
    assert fitted.loss_curve_ == Estimator(**{**SMALL, "max_iter": 3}).fit(X).loss_curve_


@ESTIMATORS
def test_scoring_monitor_logs_a_number_an_epoch_without_y(X, Estimator):
    monitor = callback.ScoringMonitor(scoring={"score": lambda estimator, X, y: estimator.score(X)})
    Estimator(**SMALL).set_callbacks(monitor).fit(X)
    logs = monitor.get_logs().data_as_pandas
    epochs = logs[logs["task_name"] == "epoch"]["score"]
    assert len(epochs) == 5
    assert epochs.notna().all()
    assert epochs.is_unique
    assert Estimator is AutoencoderTransformer or epochs.iloc[-1] > epochs.iloc[0]


def test_scoring_monitor_does_not_warn_on_frames(frame):
    monitor = callback.ScoringMonitor(scoring={"score": lambda estimator, X, y: estimator.score(X)})
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        VAETransformer(**SMALL).set_callbacks(monitor).fit(frame)
    assert monitor.get_logs().data_as_pandas["score"].notna().any()


def test_a_monitored_leaf_in_a_pipeline_in_a_search_is_heard(X):
    monitor = callback.ScoringMonitor(scoring={"score": lambda estimator, X, y: estimator.score(X)})
    pipeline = make_pipeline(StandardScaler(), VAETransformer(**SMALL).set_callbacks(monitor))
    GridSearchCV(pipeline, {"vaetransformer__n_components": [1, 2]}, cv=2, refit=False).fit(X)
    logs = monitor.get_logs().data_as_pandas
    epochs = logs[logs["task_name"] == "epoch"]["score"]
    assert len(epochs) == 2 * 2 * 5
    assert epochs.notna().all()


def test_progress_bar_of_a_search_supports_our_estimators(X, capsys):
    bar = callback.ProgressBar(max_propagation_depth=None)
    pipeline = Pipeline([("scale", StandardScaler()), ("vae", VAETransformer(**SMALL))])
    search = GridSearchCV(pipeline, {"vae__n_components": [1, 2]}, cv=2, refit=True).set_callbacks(bar)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        search.fit(X)
    assert "VAETransformer" in capsys.readouterr().out


def test_progress_bar_reaches_the_epochs_inside_a_detector(X, capsys):
    bar = callback.ProgressBar(max_propagation_depth=None)
    detector = AutoencoderOutlierDetector(VAETransformer(**SMALL)).set_callbacks(bar)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        detector.fit(X)
    assert "VAETransformer" in capsys.readouterr().out


def test_progress_bar_reaches_the_epochs_of_both_densities_of_an_ensemble(X, capsys):
    bar = callback.ProgressBar(max_propagation_depth=None)
    detector = AutoencoderOutlierDetector(VAETransformer(**SMALL), ensemble=True).set_callbacks(bar)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        detector.fit(X)
    shown = capsys.readouterr().out
    for name in ("trusting", "wary"):
        assert f"RobustEnsemble - fit-{name} | VAETransformer - fit" in shown


def test_a_callback_of_the_estimator_sees_the_epochs_of_both_densities(X):
    stop = Stop(after=100)
    plain, watched = (
        AutoencoderOutlierDetector(density, ensemble=True, random_state=0).fit(X)
        for density in (VAETransformer(**SMALL), VAETransformer(**SMALL).set_callbacks(stop))
    )
    assert len(stop.scores) == 5 + 3
    assert stop.begun == stop.ended == 6 + 4
    assert not stop.open
    assert (watched.score_samples(X) == plain.score_samples(X)).all()


def test_callbacks_change_no_result(X):
    plain = VAETransformer(**SMALL).fit(X)
    watched = VAETransformer(**SMALL).set_callbacks(Stop(after=100)).fit(X)
    assert watched.loss_curve_ == plain.loss_curve_
    assert (watched.transform(X) == plain.transform(X)).all()


def test_verbose_prints_a_line_an_epoch_and_silence_is_the_default(X, capsys):
    VAETransformer(**SMALL).fit(X)
    assert capsys.readouterr() == ("", "")
    VAETransformer(**SMALL, verbose=True).fit(X)
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 5
    for epoch, line in enumerate(lines, 1):
        assert re.fullmatch(rf"Epoch {epoch}, loss = -?[\d.]+, validation loss = -?[\d.]+, \d+\.\d s", line)


def test_verbose_prints_losses_of_one_sense_and_the_time_since_fit_began(X, capsys, monkeypatch):
    seconds = iter(np.arange(10.0) * 2.5)
    monkeypatch.setattr("time.perf_counter", lambda: next(seconds))
    vae = VAETransformer(**SMALL, verbose=True, tol=0.0).fit(X)
    said = [re.findall(r"-?\d+\.\d+", line) for line in capsys.readouterr().out.splitlines()]
    for (loss, watched, spent), trained, score, number in zip(
        said, vae.loss_curve_, vae.validation_scores_, range(1, 6), strict=True
    ):
        assert float(loss) == pytest.approx(trained, abs=1e-5)
        assert float(watched) == pytest.approx(-score, abs=1e-5)
        assert float(spent) == 2.5 * number


@pytest.fixture
def loose(monkeypatch):
    """Makes a VAE whose importance draws count as worth little."""
    monkeypatch.setattr("skvae._vae.LEAST_SAMPLE_SIZE", 150)
    return lambda **params: VAETransformer(2, **{**SMALL, **params})


def heard(call, about=""):
    """What a call warns of."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        call()
    return [str(each.message) for each in caught if about in str(each.message)]


def test_draws_are_spoken_of_where_scores_are_asked_for_and_once(X, loose):
    vae = loose()
    assert not heard(lambda: vae.fit(X), "draws")
    for quiet in (vae.transform, vae.impute, vae.score_features, vae.fit_transform):
        assert not heard(lambda quiet=quiet: quiet(X), "draws")
    said = heard(lambda: [vae.score(X), vae.score_samples(X), vae.score(X[:50])], "draws")
    assert len(said) == 1
    assert "12 importance draws of a score are worth less than 150" in said[0]
    assert "n_importance_samples" in said[0]
    assert len(heard(lambda: vae.set_params(n_importance_samples=32).score(X), "32 importance draws")) == 1
    assert len(heard(lambda: vae.fit(X).score(X), "32 importance draws")) == 1
    assert not heard(lambda: vae.set_params(n_importance_samples=8).score(X), "draws")
    assert not heard(lambda: vae.set_params(n_importance_samples=128).score(X + 100.0 * X.std(axis=0)), "draws")
    assert not heard(lambda: vae.score(X[:5]), "draws")
    assert len(heard(lambda: vae.score(X), "128 importance draws")) == 1


def test_a_search_says_the_same_words_for_all_fits(X, loose):
    search = GridSearchCV(loose(max_iter=10), {"beta": [1.0, 0.5]}, cv=2)
    assert len(set(heard(lambda: search.fit(X), "draws"))) == 1


def test_a_monitor_hears_nothing_of_models_on_the_way(X, loose):
    monitor = callback.ScoringMonitor(scoring={"score": lambda estimator, X, y: estimator.score(X)})
    assert not heard(lambda: loose().set_callbacks(monitor).fit(X), "draws")


@pytest.mark.parametrize("ensemble", [False, True])
def test_a_detector_does_not_speak_of_draws(X, loose, ensemble):
    detector = AutoencoderOutlierDetector(loose(), ensemble=ensemble)
    assert not heard(lambda: detector.fit(X).predict(X), "draws")
    assert not heard(lambda: detector.partial_fit(X).score_samples(X), "draws")
    assert not heard(lambda: AutoencoderOutlierDetector(make_pipeline(StandardScaler(), loose())).fit(X), "draws")


@pytest.mark.parametrize("estimator", [None, VAETransformer(6, **SMALL), AutoencoderTransformer(6, **SMALL)])
def test_what_a_detector_warns_of_is_said_of_its_own_parameters(X, estimator, monkeypatch):
    epochs, true_epoch = itertools.count(), training.train_epoch

    def breaks_down(*args):
        terms = true_epoch(*args)
        return dict.fromkeys(terms, np.nan) if next(epochs) % 2 else terms

    monkeypatch.setattr(training, "train_epoch", breaks_down)
    detector = AutoencoderOutlierDetector(estimator, ensemble=True)
    inner = detector._make_estimator().estimator
    said = heard(lambda: detector.fit(X))
    assert sum("diverged" in line for line in said) == 2
    for line in said:
        bare = re.sub(rf"estimator={type(inner).__name__}\([^)]*\)", "", line)
        assert not [name for name in inner.get_params() if re.search(rf"\b{name}\b", bare)]
    said = heard(lambda: clone(inner).fit(X), "diverged")
    assert len(said) == 1
    assert "estimator=" not in said[0]
    assert "Lower learning_rate_init=" in said[0]


def test_silent_components_are_spoken_of_once_by_a_detector(X):
    silent = VAETransformer(5, **{**SMALL, "beta": 100.0})
    said = heard(lambda: AutoencoderOutlierDetector(silent, ensemble=True).fit(X), "say nothing")
    assert len(said) == 1
    assert "Take fewer than estimator=VAETransformer(n_components=5)" in said[0]
