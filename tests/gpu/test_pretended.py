"""What of a GPU holds on a device that is only pretended: see ``pretend.py``. Nothing here needs a GPU."""

import inspect
import pickle
from contextlib import contextmanager

import numpy as np
import pandas as pd
import pytest
import torch
from estimators import mixed_frame, pictures, plain_table
from pretend import pretended
from replays import CASES, trained
from sklearn.base import BaseEstimator, clone

from skvae import (
    AutoencoderCellChecker,
    AutoencoderImputer,
    AutoencoderOutlierDetector,
    AutoencoderTransformer,
    VAETransformer,
)
from skvae._engine import denoising, pieces
from skvae.corruptions import Masking
from skvae.export import to_torch
from skvae.networks import Convolutional
from skvae.nn import training

pytestmark = pytest.mark.filterwarnings("ignore:.*do not come back through")

SHORT = {"max_iter": 3, "batch_size": 32, "precision": "float64", "random_state": 0}
"""Models that can be compared to many digits, chance being the same: steps round otherwise by their learning rates."""

NEAR = 1e-4
"""How near numbers of the two devices are."""

INFRASTRUCTURE = {
    *("fit", "fit_transform", "fit_predict", "get_feature_names_out", "set_callbacks", "set_output", "partial_fit"),
    *("set_fit_request", "set_partial_fit_request", "set_score_request"),
}
"""Public methods that answer nothing by themselves; those that fit come first and last below."""


def holed(X):
    """A table that also lacks cells of columns that were complete."""
    X = X.copy()
    if isinstance(X, pd.DataFrame):
        X.loc[X.index[:20], "b"] = np.nan
    else:
        X[:20, 1] = np.nan
    return X


def one_cell(X):
    """The first cell of a table, by its column."""
    return {X.columns[1]: X.iloc[0, 1]} if isinstance(X, pd.DataFrame) else {0: X[0, 0]}


ANSWERS = {
    "describe": lambda model, X: model.describe().drop("device", errors="ignore").to_dict(),
    "transform": lambda model, X: model.transform(X),
    "inverse_transform": lambda model, X: model.inverse_transform(model.transform(X)),
    "score_samples": lambda model, X: model.score_samples(X),
    "score": lambda model, X: model.score(X),
    "score_features": lambda model, X: model.score_features(holed(X)),
    "feature_recovery": lambda model, X: model.feature_recovery(X).clip(lower=-10.0),
    "effective_sample_size": lambda model, X: model.effective_sample_size(X),
    "sample": lambda model, X: [
        model.sample(20, random_state=0),
        model.sample(20, random_state=0, noise=False),
        model.sample(5, random_state=0, given=one_cell(X), noise=False),
    ],
    "impute": lambda model, X: [model.impute(holed(X)), *model.impute(holed(X), n_imputations=2, random_state=0)],
    "predict": lambda model, X: model.predict(X),
    "decision_function": lambda model, X: model.decision_function(X),
    "outlier_probability": lambda model, X: model.outlier_probability(X),
    "explain": lambda model, X: model.explain(X.iloc[:40] if isinstance(X, pd.DataFrame) else X[:40]),
    "strangeness": lambda model, X: model.strangeness(X),
    "strange_cells": lambda model, X: model.strange_cells(X),
}
"""What each public method answers."""


def models(name, device):
    """An unfitted estimator that computes on a device, and few rows of its table."""
    short = SHORT | {"device": device}
    vae, plain = VAETransformer(3, **short), plain_table(120)
    detector = AutoencoderOutlierDetector(estimator=vae, random_state=0)
    foreseeing = AutoencoderTransformer(3, corruption=Masking(0.3), **short)
    images = VAETransformer(4, network=Convolutional((8, 8)), **short)
    return {
        "autoencoder": lambda: (AutoencoderTransformer(3, **short), plain),
        "VAE": lambda: (vae, plain),
        "mixed autoencoder": lambda: (AutoencoderTransformer(3, **short), mixed_frame(120)),
        "mixed VAE": lambda: (vae, mixed_frame(120)),
        "pixels": lambda: (images, pictures()[:120]),
        "imputer": lambda: (AutoencoderImputer(vae), mixed_frame(120)),
        "detector": lambda: (detector, plain),
        "detector of novelty": lambda: (clone(detector).set_params(contamination=0.0, ensemble=True), mixed_frame(120)),
        "checker": lambda: (AutoencoderCellChecker(foreseeing), mixed_frame(120)),
    }[name]()


NAMES = "autoencoder", "VAE", "mixed autoencoder", "mixed VAE", "pixels", "imputer", "detector", "checker"


@pytest.fixture(autouse=True)
def little(monkeypatch):
    """Pieces and trainings of a size for small tables: the rows of a piece are nothing that a device could refuse."""
    monkeypatch.setitem(pieces.TIMES_AT_ONCE, "cuda", 1)
    monkeypatch.setattr(denoising, "N_STEPS", 40)
    monkeypatch.setattr(denoising, "STEPS_A_LOOK", 10)


def public_methods(Class):
    """The public methods of an estimator that answer something."""
    everything = dict(inspect.getmembers(Class, callable))
    return {each for each in everything if not each.startswith("_")} - set(dir(BaseEstimator)) - INFRASTRUCTURE


def answers(model, X):
    """What every public method answers, and a model that goes on after it."""
    found = {name: ANSWERS[name](model, X) for name in sorted(public_methods(type(model)))}
    if hasattr(model, "partial_fit"):
        found["partial_fit"] = ANSWERS["transform" if hasattr(model, "transform") else "score_samples"](
            model.partial_fit(X), X
        )
    return found


def assert_alike(one, other):
    """Nested answers are the same up to rounding, whatever they are of."""
    if isinstance(one, dict | pd.DataFrame):
        assert list(one) == list(other)
        one, other = ([each[name] for name in each] for each in (one, other))
    one, other = (each.tolist() if hasattr(each, "tolist") else each for each in (one, other))
    if isinstance(one, list | tuple):
        for pair in zip(one, other, strict=True):
            assert_alike(*pair)
    elif isinstance(one, float):
        assert other == pytest.approx(one, rel=NEAR, abs=NEAR, nan_ok=True)
    else:
        assert (one == other) is True or (pd.isna(one) and pd.isna(other))


@pytest.mark.parametrize("name", [*NAMES, "detector of novelty"])
def test_every_public_method_answers_on_the_device_as_on_the_processor(name):
    model, X = models(name, "cpu")
    expected = answers(model.fit(X), X)
    with pretended() as gpu:
        model, X = models(name, "auto")
        found = answers(model.fit(X), X)
    assert gpu.n_graphs
    for each, answer in expected.items():
        try:
            assert_alike(answer, found[each])
        except AssertionError as error:
            raise AssertionError(f"{each}: {error}") from error


@pytest.mark.parametrize("case", CASES, ids=lambda case: "-".join(map(str, case.values())))
def test_training_by_graph_is_training(case):
    weights, losses, _ = trained(**case, eager=True)
    with pretended() as gpu:
        found, found_losses, gradient = trained(**case, device="cuda")
        assert all(map(gpu.has, found))
    assert gradient.trusted
    assert not gradient.refused
    for one, other in zip(weights, found, strict=True):
        torch.testing.assert_close(other, one, rtol=1e-6, atol=1e-6)
    assert_alike([dict(each) for each in losses], [dict(each) for each in found_losses])
