"""What a running fit tells the outside."""

import warnings

import pytest
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler

from skvae import AutoencoderOutlierDetector, AutoencoderTransformer, VAETransformer

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
    pytest.importorskip("rich")
    bar = callback.ProgressBar(max_propagation_depth=None)
    pipeline = Pipeline([("scale", StandardScaler()), ("vae", VAETransformer(**SMALL))])
    search = GridSearchCV(pipeline, {"vae__n_components": [1, 2]}, cv=2, refit=True).set_callbacks(bar)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        search.fit(X)
    assert "VAETransformer" in capsys.readouterr().out


def test_progress_bar_reaches_the_epochs_inside_a_detector(X, capsys):
    pytest.importorskip("rich")
    bar = callback.ProgressBar(max_propagation_depth=None)
    detector = AutoencoderOutlierDetector(VAETransformer(**SMALL)).set_callbacks(bar)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        detector.fit(X)
    assert "VAETransformer" in capsys.readouterr().out


def test_progress_bar_reaches_the_epochs_of_both_densities_of_an_ensemble(X, capsys):
    pytest.importorskip("rich")
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
    assert lines[0].startswith("Epoch 1, loss = ")
    assert "validation score = " in lines[0]
