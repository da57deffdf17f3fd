"""Rows with holes that no training row had: how well they are filled, and that each is filled on its own."""

import numpy as np
import pandas as pd
import pytest
import torch
from sklearn.datasets import load_digits
from sklearn.neighbors import KNeighborsClassifier

from skvae import AutoencoderTransformer, VAETransformer
from skvae.nn.likelihoods import LIKELIHOODS
from skvae.nn.models import repair

SMALL = {"max_iter": 3, "hidden_layer_sizes": (8,), "random_state": 0}


def numbers(n_rows=200, n_features=7, seed=0):
    """Numbers that depend on two others; an odd number of columns, whose products are padded."""
    rng = np.random.RandomState(seed)
    return rng.normal(size=(n_rows, 2)) @ rng.normal(size=(2, n_features)) + 0.3 * rng.normal(size=(n_rows, n_features))


def with_holes(X, share=0.4, seed=1):
    holes = np.random.RandomState(seed).uniform(size=X.shape) < share
    return np.where(holes & ~holes.all(axis=1, keepdims=True), np.nan, X)


@pytest.fixture(scope="module")
def digits():
    """Digits without their lower half, true ones, and models that saw whole ones only."""
    X, y = load_digits(return_X_y=True)
    X, cut = X / 16.0, 1400
    options = {"network": "mlp", "likelihood": "isotropic_gaussian", "max_iter": 60, "random_state": 0}
    models = [Estimator(16, **options).fit(X[:cut]) for Estimator in (VAETransformer, AutoencoderTransformer)]
    lacking = X[cut : cut + 150].copy()
    lacking[:, 32:] = np.nan
    return models, X, y, lacking, slice(cut, cut + 150)


def error(filled, X):
    return np.mean(np.square(filled - X)[:, 32:])


def test_the_hidden_half_of_digits_is_filled_nearly_as_well_as_by_a_regression_on_the_other(digits):
    (vae, autoencoder), X, _, lacking, asked = digits
    by_means = np.mean(np.square(X[:1400].mean(axis=0) - X[asked])[:, 32:])
    slopes = np.linalg.lstsq(np.c_[X[:1400, :32], np.ones(1400)], X[:1400, 32:], rcond=1e-3)[0]
    by_regression = np.mean(np.square(np.c_[X[asked, :32], np.ones(150)] @ slopes - X[asked, 32:]))
    assert error(vae.impute(lacking), X[asked]) < by_regression < by_means
    assert error(autoencoder.impute(lacking), X[asked]) < 0.9 * by_means


def test_draws_of_a_two_are_twos_as_well(digits):
    (vae, _), X, y, lacking, asked = digits
    judge = KNeighborsClassifier(3).fit(X[:1400], y[:1400])
    twos = lacking[y[asked] == 2]
    drawn = np.array([judge.predict(draw) for draw in vae.impute(twos, n_imputations=10, random_state=0)])
    assert (drawn == 2).any(axis=0).mean() > 0.6
    assert len(np.unique(drawn)) > 1


@pytest.mark.parametrize("precision", ["float32", "float64"])
@pytest.mark.parametrize("Estimator", [VAETransformer, AutoencoderTransformer])
def test_a_row_is_filled_alike_wherever_it_stands(Estimator, precision):
    X = numbers(70)
    model, lacking = Estimator(3, precision=precision, **SMALL).fit(X), with_holes(X)
    filled = model.impute(lacking)
    np.testing.assert_array_equal(model.impute(lacking[::-1])[::-1], filled)
    np.testing.assert_array_equal(model.impute(lacking[37:40]), filled[37:40])
    np.testing.assert_array_equal(model.impute(lacking), filled)
    np.testing.assert_array_equal(model.impute(np.tile(lacking, (4, 1)))[-70:], filled)


def test_nothing_global_is_drawn_or_set():
    X = numbers(50)
    model = VAETransformer(3, **SMALL).fit(X)
    torch.manual_seed(5)
    before = torch.get_rng_state()
    model.impute(with_holes(X))
    model.impute(with_holes(X), n_imputations=2, random_state=0)
    assert torch.equal(torch.get_rng_state(), before)
    assert torch.is_grad_enabled()
    assert all(parameter.grad is None for parameter in model.module_.parameters())


def test_nothing_is_filled_in_beyond_the_training_cells():
    X = np.exp(1.5 * numbers(80))
    lacking = with_holes(X, 0.6)
    for Estimator in (VAETransformer, AutoencoderTransformer):
        model = Estimator(3, likelihood="gaussian", **SMALL).fit(X)
        for filled in (model.impute(lacking), *model.impute(lacking, n_imputations=3, random_state=0)):
            assert (filled >= X.min(axis=0)).all()
            assert (filled <= X.max(axis=0)).all()


@pytest.mark.parametrize("name", sorted(LIKELIHOODS))
def test_rows_are_filled_whatever_the_likelihood(name):
    kind, X = LIKELIHOODS[name].units, numbers(80, 4)
    if kind in ("counts", "positive"):
        X = np.rint(np.exp(X)) if kind == "counts" else np.exp(X)
    elif "interval" in kind:
        X = 1.0 / (1.0 + np.exp(-X))
    X = np.clip(X, None, 9.0)
    if kind == "simplex":
        X = np.exp(X) / np.exp(X).sum(axis=1, keepdims=True)
    model, lacking = VAETransformer(2, likelihood=name, **SMALL).fit(X), with_holes(X)
    if not LIKELIHOODS[name].separable:
        lacking = X.copy()
        lacking[:5] = np.nan
    for filled in (model.impute(lacking), *model.impute(lacking, n_imputations=2, random_state=0)):
        assert np.isfinite(filled).all()
        np.testing.assert_array_equal(filled[~np.isnan(lacking)], lacking[~np.isnan(lacking)])


@pytest.mark.parametrize(
    "options",
    [{"prior": "vampprior"}, {"prior": "gaussian_mixture"}, {"regularizer": "mmd"}, {"code_density": "normal"}],
    ids=str,
)
def test_rows_are_filled_better_than_by_means_whatever_the_prior(options):
    X = numbers(400)
    model = VAETransformer(2, n_mixture_components=4, **{**SMALL, "max_iter": 30}, **options).fit(X[:300])
    lacking = with_holes(X[300:])
    missing = np.isnan(lacking)
    errors = np.square(model.impute(lacking) - X[300:])[missing].mean()
    assert errors < 0.6 * np.square(X[:300].mean(axis=0) - X[300:])[missing].mean()


def test_a_frame_of_levels_and_numbers_is_filled_by_what_goes_together():
    rng = np.random.RandomState(0)
    side = rng.randint(2, size=400)
    frame = pd.DataFrame({"side": np.array(["left", "right"])[side], "x": 4.0 * side + rng.normal(size=400)})
    model = VAETransformer(1, max_iter=40, random_state=0).fit(frame)
    asked = pd.DataFrame({"side": [None, None, "left", "right"], "x": [-0.5, 4.5, np.nan, np.nan]})
    filled = model.impute(asked)
    assert filled["side"].tolist() == ["left", "right", "left", "right"]
    assert filled["x"][2] < 1.0
    assert filled["x"][3] > 3.0


def test_weights_are_tempered_to_what_they_are_to_be_worth_and_no_further():
    log_weights = torch.tensor([[0.0, -1.0, -2.0, -3.0], [0.0, -100.0, -200.0, -300.0], [0.0, 0.0, 0.0, 0.0]])
    power = repair.power_of(log_weights.double(), 3.0)
    worth = repair.worth_of(power * log_weights.double())
    assert power[0] < 1.0
    assert power[2] == 1.0
    torch.testing.assert_close(worth[:2], torch.full((2, 1), 3.0, dtype=torch.float64), rtol=1e-4, atol=0.0)


def test_the_slope_is_that_of_the_bound():
    X = numbers()
    model = VAETransformer(3, precision="float64", likelihood="gaussian", **SMALL).fit(X)
    module = model.module_.open_to_holes()
    x = torch.tensor(with_holes(X)[:4])
    state, noise = (
        torch.randn(2, 4, 5, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(0)),
        torch.ones(3),
    )
    spread, power = torch.full((3,), 0.7, dtype=torch.float64), torch.full((4, 1), 0.5, dtype=torch.float64)

    def bound(state):
        z = spread * (state[0] + state[1].exp() * noise)
        return (repair.log_joint(module, x, z, power) + state[1].sum(-1)).sum()

    with torch.no_grad():
        slope = repair.slope(module, x, state, spread, power, noise.double())
        step = torch.zeros_like(state)
        step[0, 2, 3, 1] = step[1, 1, 0, 2] = 1e-6
        rise = bound(state + step) - bound(state - step)
    assert float(rise) / 2e-6 == pytest.approx(float((slope * step).sum()) / 1e-6, rel=1e-4)
