"""What helps to choose: the history as a data frame, searches of other libraries, and pipelines that skrub makes."""

import re
from pathlib import Path

import numpy as np
import optuna
import optuna_integration
import pandas as pd
import pytest
import skrub
from sklearn.base import clone
from sklearn.datasets import load_wine
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import KFold, cross_val_score
from sklearn.pipeline import make_pipeline

from skvae import AutoencoderOutlierDetector, AutoencoderTransformer, VAETransformer

PAGE = Path(__file__).parents[2] / "docs" / "choosing.md"
SMALL = {"hidden_layer_sizes": (8,), "random_state": 0, "max_iter": 5}


@pytest.mark.parametrize("Estimator", [VAETransformer, AutoencoderTransformer])
def test_the_history_is_a_frame_with_a_row_an_epoch(X, Estimator):
    estimator = Estimator(2, **SMALL).fit(X)
    history = pd.DataFrame(estimator.history_).assign(
        loss=estimator.loss_curve_, validation=-np.array(estimator.validation_scores_)
    )
    assert history.shape == (5, len(estimator.history_) + 2)
    assert history.notna().all(axis=None)
    assert len(pd.DataFrame(estimator.partial_fit(X).history_)) == 6


def test_the_history_stays_a_frame_where_a_warm_start_has_other_terms(X):
    vae = VAETransformer(2, warm_start=True, **SMALL).fit(X)
    history = pd.DataFrame(vae.set_params(objective="iwae", max_iter=3).fit(X).history_)
    assert len(history) == vae.n_iter_ == 8
    assert history[["reconstruction", "kl"]].notna().all(axis=1).tolist() == [True] * 5 + [False] * 3
    assert history["iwae"].notna().tolist() == [False] * 5 + [True] * 3


@pytest.mark.filterwarnings("ignore::FutureWarning:optuna")  # its own
@pytest.mark.filterwarnings("ignore:OptunaSearchCV is experimental")  # it says so at every use
def test_a_search_by_optuna_finds_parameters_and_a_fitted_estimator(X):
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    space = {
        "n_components": optuna.distributions.IntDistribution(1, 3),
        "beta": optuna.distributions.FloatDistribution(0.5, 2.0, log=True),
    }
    cv = KFold(2)
    search = optuna_integration.OptunaSearchCV(VAETransformer(**SMALL), space, n_trials=3, cv=cv, random_state=0).fit(X)
    assert set(search.best_params_) == {"n_components", "beta"}
    assert search.transform(X).shape == (200, search.best_params_["n_components"])
    scores = cross_val_score(clone(search.best_estimator_), X, cv=cv)
    assert search.best_score_ == pytest.approx(scores.mean())
    assert search.best_score_ == search.trials_dataframe()["value"].max()
    names = {"VAETransformer": VAETransformer, "X": load_wine(as_frame=True).data}
    (shown,) = [block for block in re.findall(r"```py\n(.*?)\n```", PAGE.read_text(), re.DOTALL) if "optuna" in block]
    exec(shown, names)  # as the page shows it
    assert names["codes"].shape == (178, names["search"].best_params_["n_components"])


def table(n_rows=150):
    """Numbers, texts and dates with holes, and what follows from them."""
    rng = np.random.RandomState(0)
    z = rng.normal(size=n_rows)
    frame = pd.DataFrame(
        {
            "size": pd.Series(z + 0.3 * rng.normal(size=n_rows)).mask(rng.uniform(size=n_rows) < 0.1),
            "kind": np.where(z + 0.5 * rng.normal(size=n_rows) > 0.0, "large", "small"),
            "day": pd.Timestamp("2024-01-01") + pd.to_timedelta(np.rint(100.0 + 30.0 * z), unit="D"),
        }
    )
    return frame, z > 0.0


def test_tabular_pipelines_of_skrub_take_our_estimators():
    frame, y = table()
    codes = make_pipeline(VAETransformer(2, **{**SMALL, "max_iter": 20}), LogisticRegression())
    model = skrub.tabular_pipeline(codes).fit(frame, y)
    assert type(model[0]).__name__ == "TableVectorizer"
    assert isinstance(model[-2], VAETransformer)
    assert model.score(frame, y) > 0.85
    detector = skrub.tabular_pipeline(AutoencoderOutlierDetector(VAETransformer(2, **SMALL)))
    steps = [type(step).__name__ for step in detector]
    assert "SimpleImputer" not in steps  # the detector takes missing cells as they are
    assert set(detector.fit(frame).predict(frame)) == {-1, 1}
