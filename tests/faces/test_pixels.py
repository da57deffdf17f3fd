"""Pixels are recognised by both transformers, and what was found first stays."""

import numpy as np
import pandas as pd
import pytest
from fits import fitted
from sklearn.base import clone
from sklearn.datasets import load_digits
from sklearn.decomposition import PCA

from skvae import AutoencoderOutlierDetector, AutoencoderTransformer, VAETransformer
from skvae._recipe.pixels import LIKELIHOOD_OF_PIXELS, REASON
from skvae._recipe.sizes import LEAST_EPOCHS, STEPS_ON_PIXELS, USUAL_EPOCHS, epochs_of
from skvae._tables.weighted import WeightedRows

DIGITS = load_digits().data
SMALL = {"n_components": 2, "hidden_layer_sizes": (8,), "max_iter": 2, "random_state": 0}
NETWORKS = {AutoencoderTransformer: "residual", VAETransformer: "mlp"}
"""What pixels have by default."""

FORMER = {
    AutoencoderTransformer: {"network": "residual", "likelihood": "gaussian", "max_iter": 200},
    VAETransformer: {"network": "residual", "likelihood": "inflated_gaussian", "max_iter": 200},
}
"""What the defaults stand for on unrelated columns."""

both = pytest.mark.parametrize("Estimator", list(NETWORKS))


def kinds(model):
    """Likelihoods and reasons of the columns, without repeats, and the network."""
    said = model.column_likelihoods_
    return set(said["likelihood"]), set(said["reason"]), model._model.options.network.name


def unrelated(n=300, n_features=20):
    rng = np.random.RandomState(0)
    return rng.normal(size=(n, 3)) @ rng.normal(size=(3, n_features)) + 0.3 * rng.normal(size=(n, n_features))


@both
def test_pixels_have_one_noise_scale_and_the_reason_says_why(Estimator):
    model = fitted(Estimator(**SMALL), DIGITS)
    assert kinds(model) == ({LIKELIHOOD_OF_PIXELS}, {REASON}, NETWORKS[Estimator])
    assert model.module_.likelihood.scale.shape == (1,)
    names = Estimator(**SMALL, likelihood=LIKELIHOOD_OF_PIXELS, network=NETWORKS[Estimator]).fit(DIGITS)
    np.testing.assert_array_equal(model.transform(DIGITS), names.transform(DIGITS))


@both
@pytest.mark.parametrize("make", [pd.DataFrame, lambda X: X.astype(np.uint8), lambda X: np.where(X == 13, np.nan, X)])
def test_pixels_in_frames_as_whole_numbers_and_with_holes_are_pixels_too(Estimator, make):
    assert kinds(Estimator(**SMALL).fit(make(DIGITS))) == ({LIKELIHOOD_OF_PIXELS}, {REASON}, NETWORKS[Estimator])


@both
def test_defaults_on_unrelated_columns_are_what_they_were(Estimator):
    X = unrelated()
    params = {"n_components": 2, "hidden_layer_sizes": (8,), "random_state": 0}
    model, former = fitted(Estimator(**params), X), Estimator(**params, **FORMER[Estimator]).fit(X)
    assert kinds(model)[0] == {FORMER[Estimator]["likelihood"]}
    assert model.n_iter_ == former.n_iter_
    np.testing.assert_array_equal(model.score_samples(X), former.score_samples(X))


@both
def test_a_name_wins(Estimator):
    model = Estimator(**SMALL, likelihood="student_t").fit(DIGITS)
    assert kinds(model) == ({"student_t"}, {"asked for"}, NETWORKS[Estimator])
    model = Estimator(**SMALL, network="residual" if NETWORKS[Estimator] == "mlp" else "mlp").fit(DIGITS)
    assert kinds(model)[0] == {LIKELIHOOD_OF_PIXELS}
    assert kinds(model)[2] != NETWORKS[Estimator]
    usual = FORMER[Estimator]["likelihood"]
    assert kinds(Estimator(**SMALL, likelihood={0: "laplace"}).fit(DIGITS))[0] == {"laplace", usual}
    parts = [("laplace", [0]), ("auto", list(range(1, 64)))]
    assert kinds(Estimator(**SMALL, likelihood=parts).fit(DIGITS))[0] == {"laplace", usual}


@both
def test_without_hidden_layers_pixels_have_one_noise_scale_and_training_begins_at_the_linear_model(Estimator):
    model = Estimator(4, hidden_layer_sizes=(), max_iter=20, random_state=0).fit(DIGITS)
    assert kinds(model) == ({LIKELIHOOD_OF_PIXELS}, {REASON}, "residual")
    error = np.square(DIGITS - model.inverse_transform(model.transform(DIGITS))).mean()
    pca = PCA(4).fit(DIGITS)
    assert error < 1.05 * np.square(DIGITS - pca.inverse_transform(pca.transform(DIGITS))).mean()


@both
@pytest.mark.parametrize("begins", ["pixels", "unrelated"])
def test_what_was_found_first_stays_in_a_stream_and_under_warm_start(Estimator, begins):
    chance = np.random.RandomState(0).permutation(64)
    first, then = (DIGITS, DIGITS[:, chance]) if begins == "pixels" else (DIGITS[:, chance], DIGITS)
    stream = Estimator(**SMALL).partial_fit(first[:200])
    found = kinds(stream)
    assert (found[0] == {LIKELIHOOD_OF_PIXELS}) == (begins == "pixels")
    assert kinds(stream.partial_fit(then[200:400]))[::2] == found[::2]
    warm = Estimator(**SMALL, warm_start=True).fit(first[:200])
    assert kinds(warm.fit(then[:200]))[::2] == found[::2]
    assert (kinds(clone(warm).fit(then[:200]))[0] == {LIKELIHOOD_OF_PIXELS}) == (begins != "pixels")


@both
def test_draws_and_reconstructions_of_pixels_stay_in_the_range_of_all_pixels(Estimator):
    X = DIGITS + np.random.RandomState(0).uniform(0.0, 0.5, size=DIGITS.shape)  # no value repeats: no column has bounds
    model = fitted(Estimator(**SMALL), X)
    assert kinds(model)[0] == {LIKELIHOOD_OF_PIXELS}
    least, most = X.min(), X.max()
    far = 20.0 * model.transform(X)
    for cells in (model.sample(2000, random_state=0), model.inverse_transform(far)):
        assert least <= cells.min()
        assert cells.max() <= most
    single = model.sample(2000, random_state=0)
    assert (single.max(axis=0) > X.max(axis=0)).any()  # a pixel may be brighter than it was in training
    rest = Estimator(**SMALL, likelihood=LIKELIHOOD_OF_PIXELS).fit(X)
    assert rest.inverse_transform(far).max() > most


def epochs(n_rows, batch_size, alike, max_iter="auto", divided_by=1):
    parameters = type("Parameters", (), {"max_iter": max_iter, "_epochs_divided_by": divided_by})
    return epochs_of(parameters, WeightedRows.present(np.zeros((n_rows, 1))), batch_size, alike)


def test_max_iter_auto_is_a_number_of_steps_on_pixels_alone():
    assert epochs(10_000, 256, alike=False) == epochs(1_000, 100, alike=True) == USUAL_EPOCHS
    assert epochs(10_000, 100, alike=True) == STEPS_ON_PIXELS // 100
    assert epochs(10**6, 256, alike=True) == LEAST_EPOCHS
    assert epochs(10_000, 100, alike=True, divided_by=2) == -(-epochs(10_000, 100, alike=True) // 2)
    assert epochs(10_000, 100, alike=True, max_iter=7, divided_by=2) == 7


def test_a_fit_of_pixels_stops_after_these_steps(monkeypatch):
    monkeypatch.setattr("skvae._recipe.sizes.STEPS_ON_PIXELS", 44)
    monkeypatch.setattr("skvae._recipe.sizes.LEAST_EPOCHS", 1)
    params = {**SMALL, "max_iter": "auto", "batch_size": 150, "early_stopping": False}
    assert AutoencoderTransformer(**params).fit(DIGITS).n_iter_ == 44 // 12
    assert AutoencoderTransformer(**params, likelihood="gaussian").fit(DIGITS).n_iter_ == 44 // 12


def test_the_wary_density_of_a_detector_takes_half_the_epochs_of_auto():
    density = VAETransformer(2, hidden_layer_sizes=(), tol=0.0, n_iter_no_change=10_000, random_state=0)
    X = unrelated(120, 4)
    ensemble = AutoencoderOutlierDetector(density, ensemble=True, random_state=0).fit(X).estimator_
    assert (ensemble.trusting_.n_iter_, ensemble.wary_.n_iter_) == (USUAL_EPOCHS, USUAL_EPOCHS // 2)
