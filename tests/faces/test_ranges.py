"""What comes back lies where its cells can be: within a dtype, and within the range that columns have in common."""

import numpy as np
import pandas as pd
import pytest
from fits import fitted

from skvae import AutoencoderTransformer, VAETransformer

ESTIMATORS = [VAETransformer, AutoencoderTransformer]
SHAPES = {"deep": (8,), "linear": ()}
SMALL = {"max_iter": 3, "random_state": 0}


def pixels(n_rows=300, n_features=24):
    """Bright blots on a dark ground, from 0 to 255; many columns reach both, few rows do in a column."""
    rng = np.random.RandomState(0)
    places = rng.uniform(0, n_features, size=(n_rows, 2))
    away = np.abs(np.arange(n_features) - places[:, :1])
    height = rng.uniform(150, 300, size=(n_rows, 1))
    return np.clip(height * np.exp(-0.05 * away**2) - 20.0 * rng.uniform(size=(n_rows, 1)), 0.0, 255.0)


def with_holes(X):
    """Half of the cells of some rows as floats."""
    X = X[:20].astype(np.float64)
    return np.where(np.random.RandomState(1).uniform(size=X.shape) < 0.5, np.nan, X)


def answers(estimator, X):
    """What an estimator gives back of codes far out, drawn rows and filled holes, by the method."""
    draws = estimator.impute(with_holes(X), n_imputations=3, random_state=0)
    return {
        "inverse_transform": estimator.inverse_transform(5.0 * estimator.transform(X)),
        "sample": estimator.sample(500, random_state=0),
        "sample without noise": estimator.sample(500, random_state=0, noise=False),
        "impute": estimator.impute(with_holes(X)),
        "impute, draws": np.concatenate(draws),
    }


@pytest.mark.parametrize("Estimator", ESTIMATORS)
@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize(("dtype", "low", "high"), [("uint8", 0, 255), ("int8", -128, 127), ("bool", 0, 1)])
def test_what_an_array_of_integers_gives_back_its_dtype_can_hold(Estimator, shape, dtype, low, high):
    X = (pixels() - (128 if dtype == "int8" else 0)).astype(np.int64)
    X = (X > 60 if dtype == "bool" else X).astype(dtype)
    estimator = fitted(Estimator(3, hidden_layer_sizes=SHAPES[shape], **SMALL), X)
    for method, rows in answers(estimator, X).items():
        assert rows.dtype == np.float64, method
        assert low <= rows.min() < rows.max() <= high, method


@pytest.mark.parametrize("Estimator", ESTIMATORS)
@pytest.mark.parametrize("likelihood", ["auto", "isotropic_gaussian"])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_pixels_as_floats_stay_in_the_range_that_they_have_in_common(Estimator, likelihood, dtype):
    X = pixels().astype(dtype)
    estimator = fitted(Estimator(3, hidden_layer_sizes=(8,), likelihood=likelihood, **SMALL), X)
    for method, rows in answers(estimator, X).items():
        assert 0.0 <= rows.min() < rows.max() <= 255.0, method


@pytest.mark.parametrize("Estimator", ESTIMATORS)
def test_real_numbers_and_linear_models_of_floats_are_free(Estimator):
    rng = np.random.RandomState(0)
    X = rng.normal(size=(300, 3)) @ rng.normal(size=(3, 24)) + 0.1 * rng.normal(size=(300, 24))
    rows = answers(fitted(Estimator(3, hidden_layer_sizes=(8,), **SMALL), X), X)["inverse_transform"]
    assert (rows.max(axis=0) > X.max(axis=0)).any()
    X = pixels()
    rows = answers(fitted(Estimator(3, hidden_layer_sizes=(), **SMALL), X), X)["inverse_transform"]
    assert rows.min() < 0.0 < 255.0 < rows.max()


@pytest.mark.parametrize("shape", SHAPES)
def test_columns_of_a_frame_keep_what_their_dtypes_hold_in_floats_too(shape):
    """Holes of a frame of floats are filled within the dtypes of the training frame."""
    X = pd.DataFrame(pixels().astype(np.uint8)).add_prefix("p").assign(free=pixels()[:, 3] - 100.0)
    estimator = fitted(VAETransformer(3, hidden_layer_sizes=SHAPES[shape], **SMALL), X)
    back, drawn = estimator.inverse_transform(5.0 * estimator.transform(X)), estimator.sample(500, random_state=0)
    assert (back.dtypes == X.dtypes).all()
    assert (drawn.dtypes == X.dtypes).all()
    holes = X.iloc[:60].astype(float).mask(np.random.RandomState(0).uniform(size=(60, 25)) < 0.7)
    filled = pd.concat(estimator.impute(holes, n_imputations=5, random_state=0))
    assert 0.0 <= filled.drop(columns="free").min(axis=None) <= filled.drop(columns="free").max(axis=None) <= 255.0
