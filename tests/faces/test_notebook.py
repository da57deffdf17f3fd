"""What is seen of an estimator in a notebook or a log: its page, training in words, and its description."""

import logging
import re
import subprocess
import sys
from itertools import pairwise

import numpy as np
import pandas as pd
import pytest
from fits import fitted
from sklearn.exceptions import NotFittedError
from sklearn.model_selection import GridSearchCV

from skvae import AutoencoderImputer, AutoencoderOutlierDetector, AutoencoderTransformer, VAETransformer
from skvae._callbacks import duration

SMALL = {"hidden_layer_sizes": (8, 4), "random_state": 0, "max_iter": 5}
ESTIMATORS = pytest.mark.parametrize("Estimator", [VAETransformer, AutoencoderTransformer])


@pytest.mark.parametrize(
    "estimator",
    [
        VAETransformer(**SMALL),
        AutoencoderTransformer(**SMALL),
        AutoencoderOutlierDetector(VAETransformer(**SMALL)),
        AutoencoderImputer(VAETransformer(**SMALL)),
    ],
    ids=lambda each: type(each).__name__,
)
def test_the_page_of_an_estimator_links_to_nothing_that_is_not_there(estimator, X):
    for each in (estimator, fitted(estimator, X)):
        page = each._repr_html_()
        assert type(each).__name__ in page
        assert "href" not in page  # there are no pages online to link to
        assert "hidden_layer_sizes" in page


@ESTIMATORS
def test_verbose_ends_with_the_reason_where_training_stopped_by_itself(X, Estimator, capsys):
    estimator = Estimator(**{**SMALL, "max_iter": 200}, n_iter_no_change=1, tol=1.0, verbose=True).fit(X)
    *lines, last = capsys.readouterr().out.splitlines()
    assert len(lines) == estimator.n_iter_ < 200
    assert last == "The validation loss did not fall by more than tol=1.0 for 1 epochs. Stopping."
    Estimator(**{**SMALL, "max_iter": 200}, n_iter_no_change=1, tol=1.0, early_stopping=False, verbose=True).fit(X)
    assert capsys.readouterr().out.splitlines()[-1].startswith("The training loss did not fall")


def test_a_batch_of_a_stream_is_a_line(X, capsys):
    vae = VAETransformer(**SMALL, verbose=1)
    vae.partial_fit(X).partial_fit(X)
    first, second = capsys.readouterr().out.splitlines()
    assert first.startswith("Epoch 1, loss = ")
    assert second.startswith("Epoch 2, loss = ")
    vae.set_params(verbose=False).partial_fit(X)
    assert capsys.readouterr().out == ""


def test_the_bar_shows_epochs_losses_and_the_time_left(X, capsys, monkeypatch):
    seconds = iter(np.arange(20.0) * 30.0)
    monkeypatch.setattr("time.perf_counter", lambda: next(seconds))
    vae = VAETransformer(**SMALL, tol=0.0, verbose=2).fit(X)
    states = capsys.readouterr().out.split("\r")[1:]
    assert len(states) == 5 + 1
    lefts = ["2:00 min", "1:30 min", "1:00 min", "30.0 s", "0.0 s"]
    for n, (state, left) in enumerate(zip(states[:-1], lefts, strict=True), 1):
        loss, watched = vae.loss_curve_[n - 1], -vae.validation_scores_[n - 1]
        bar = re.escape("#" * (24 * n // 5))
        assert re.fullmatch(
            rf"VAETransformer \[{bar}-*\] {n}/5, loss = {loss:.6f}, validation loss = {watched:.6f}, "
            rf"[\d:.]+ \w+, at most {left} left *",
            state,
        )
    assert states[-1].rstrip().endswith("3:00 min, all epochs done")
    assert states[-1].endswith("\n")
    assert all(len(after) >= len(before.rstrip()) for before, after in pairwise(states))  # nothing old stays behind


def test_the_bar_is_drawn_a_few_times_a_second_at_most(X, capsys, monkeypatch):
    seconds = iter(np.arange(20.0) * 0.04)
    monkeypatch.setattr("time.perf_counter", lambda: next(seconds))
    VAETransformer(**SMALL, tol=0.0, verbose=2).fit(X)
    assert len(capsys.readouterr().out.split("\r")) == 1 + 2 + 1  # of 40 to 200 ms those at 40 and 160, and the end


def test_each_fit_of_a_search_has_a_bar(X, capsys):
    GridSearchCV(VAETransformer(**SMALL, verbose=2), {"n_components": [1, 2]}, cv=2).fit(X)
    assert capsys.readouterr().out.count("all epochs done") == 2 * 2 + 1


def test_spans_of_time_are_short():
    assert [duration(each) for each in (0.04, 59.9, 61.0, 3599.0, 3600.0, 90000.0)] == [
        "0.0 s",
        "59.9 s",
        "1:01 min",
        "59:59 min",
        "1:00:00 h",
        "25:00:00 h",
    ]


@ESTIMATORS
def test_the_log_is_told_each_epoch_and_the_end_of_a_fit(X, Estimator, caplog):
    with caplog.at_level(logging.DEBUG, "skvae"):
        estimator = Estimator(**SMALL).fit(X)
    *epochs, last = caplog.records
    assert [record.levelname for record in epochs] == ["DEBUG"] * 5
    name = Estimator.__name__
    for n, (record, loss) in enumerate(zip(epochs, estimator.loss_curve_, strict=True), 1):
        assert record.getMessage().startswith(f"{name}: Epoch {n}, loss = {loss:.6f}, validation loss = ")
    assert last.levelname == "INFO"
    assert re.match(rf"{name}: fitted in 5 epochs and [\d.]+ s, all epochs done; loss = ", last.getMessage())


def test_the_log_at_level_info_has_a_line_a_fit_and_changes_nothing(X, caplog, capsys):
    quiet = AutoencoderOutlierDetector(VAETransformer(**SMALL)).fit(X)
    with caplog.at_level(logging.INFO, "skvae"):
        told = AutoencoderOutlierDetector(VAETransformer(**SMALL)).fit(X)
    assert [record.getMessage().split(":")[0] for record in caplog.records] == [
        "VAETransformer",
        "AutoencoderOutlierDetector",
    ]
    assert caplog.records[-1].getMessage().endswith(f"200 rows, threshold {told.offset_:g}")
    assert (quiet.score_samples(X) == told.score_samples(X)).all()
    assert capsys.readouterr() == ("", "")


def test_nothing_is_made_for_a_log_that_nobody_reads(X, monkeypatch):
    made = []
    monkeypatch.setattr("skvae._callbacks.losses", lambda history: made.append(history) or "")
    VAETransformer(**SMALL).fit(X)
    assert not made
    VAETransformer(**SMALL, verbose=1).fit(X)
    assert len(made) == 5


def test_the_log_is_silent_where_the_program_says_nothing_of_logs():
    code = (
        "import numpy as np; from skvae import VAETransformer; import logging; "
        "VAETransformer(1, max_iter=2, random_state=0).fit(np.random.RandomState(0).normal(size=(30, 3))); "
        "assert logging.getLogger('skvae').handlers; logging.getLogger('skvae').error('unheard')"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


@ESTIMATORS
def test_a_fitted_estimator_describes_itself(X, Estimator):
    estimator = fitted(Estimator(2, **SMALL), X)
    facts = estimator.describe()
    assert isinstance(facts, pd.Series)
    assert facts.name == Estimator.__name__
    likelihood = estimator.column_likelihoods_["likelihood"].iloc[0]
    assert facts[["columns", "kinds", "likelihoods", "columns with missing cells"]].tolist() == [
        5,
        "real 5",
        f"{likelihood} 5",
        0,
    ]
    assert facts[["components", "hidden layers", "epochs", "outcome"]].tolist() == [2, "8, 4", 5, "max_iter"]
    assert facts["weights"] == sum(weight.numel() for weight in estimator.module_.parameters())
    assert facts["loss"] == estimator.loss_curve_[-1]
    assert facts["validation score"] == estimator.best_validation_score_
    assert facts[["device", "precision"]].tolist() == [estimator.device_, "float32"]
    assert ("components in use" in facts.index) == (Estimator is VAETransformer)
    if Estimator is VAETransformer:
        assert facts["components in use"] == estimator.active_components_.sum()
    with pytest.raises(NotFittedError):
        Estimator().describe()


def test_a_description_knows_kinds_of_columns_holes_linear_models_and_why_training_ended():
    rng = np.random.RandomState(0)
    frame = pd.DataFrame({"x": rng.normal(size=60), "n": rng.randint(9, size=60), "t": rng.choice(["a", "b"], 60)})
    frame.loc[3, ["x", "t"]] = None
    options = {"hidden_layer_sizes": (), "early_stopping": False, "tol": 10.0, "n_iter_no_change": 1, "random_state": 0}
    facts = VAETransformer(1, **options).fit(frame).describe()
    assert facts["kinds"] == "real 1, integer 1, levels 1"
    assert facts["likelihoods"] == "gaussian 2, categorical 1"
    assert facts["columns with missing cells"] == 2
    assert facts["hidden layers"] == "none"
    assert facts["outcome"] == "converged"
    assert "validation score" not in facts.index
