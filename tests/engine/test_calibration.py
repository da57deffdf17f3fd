"""What is fitted after training, on a part of the rows of a long table."""

import numpy as np
import pytest

from skvae import AutoencoderTransformer
from skvae._engine import calibration
from skvae._tables.weighted import WeightedRows


def fitted(X, sample_weight=None):
    """A short fit; all rows are one batch, so that their order says nothing."""
    params = {"hidden_layer_sizes": (8,), "network": "mlp", "likelihood": "gaussian", "early_stopping": False}
    estimator = AutoencoderTransformer(2, **params, max_iter=20, batch_size=10_000, random_state=0)
    return estimator.fit(X, sample_weight=sample_weight)


def scales(estimator):
    """The noise scale of each column."""
    return estimator._model.module.likelihood.scale.detach().numpy()


def rows(n_rows, seed=0):
    """Columns of two factors and noise."""
    rng = np.random.RandomState(seed)
    return rng.normal(size=(n_rows, 2)) @ rng.normal(size=(2, 6)) + 0.5 * rng.normal(size=(n_rows, 6))


@pytest.fixture
def few(monkeypatch):
    """Calibration on 500 rows."""
    monkeypatch.setattr(calibration, "ROWS_TO_CALIBRATE", 500)
    monkeypatch.setattr(calibration, "ROWS_A_VARIABLE", 0)


def test_noise_scales_of_some_rows_are_those_of_all_but_for_chance(few, monkeypatch):
    X = rows(4000)
    some = scales(fitted(X))
    monkeypatch.undo()
    of_all = scales(fitted(X))
    assert (some != of_all).all()
    np.testing.assert_allclose(some, of_all, rtol=4.0 / np.sqrt(2.0 * 500))  # four standard errors


def test_a_weight_of_two_is_repetition_where_some_rows_calibrate(few):
    X = rows(900)
    weight = np.where(np.arange(900) % 3 == 0, 2.0, 1.0)
    order = np.random.RandomState(1).permutation(1200)
    weighted, repeated = fitted(X, weight), fitted(np.repeat(X, weight.astype(int), axis=0)[order])
    np.testing.assert_allclose(scales(weighted), scales(repeated), rtol=1e-4)
    np.testing.assert_allclose(weighted.score_samples(X), repeated.score_samples(X), rtol=1e-3, atol=1e-3)


def test_rows_are_drawn_by_weight_and_those_that_come_by_turns_alike():
    X = np.arange(6000.0)[:, None]
    drawn = WeightedRows.present(X).drawn_evenly(1000, seed=0)
    turns = np.bincount((drawn.part(slice(None)).X[:, 0] % 6).astype(int), minlength=6)
    assert (np.diff(drawn.part(slice(None)).X[:, 0]) > 0).all()
    assert turns.min() > 100  # of each kind 167 in the mean
    weight = np.where(X[:, 0] < 3000, 3.0, 1.0)
    heavy = WeightedRows.present(X, weight).drawn_evenly(1000, seed=0).part(slice(None)).X[:, 0] < 3000
    assert heavy.sum() == 750
    few = WeightedRows.present(X[:1000])
    assert few.drawn_evenly(1000, seed=0) is few
