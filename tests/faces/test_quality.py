"""Quality on real data, against the linear models of the same size; benchmarks/foundation.py prints the figures."""

import numpy as np
import pytest
from counting import calls
from sklearn.datasets import load_digits
from sklearn.decomposition import PCA, FactorAnalysis
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import KFold, cross_val_score, train_test_split
from sklearn.pipeline import make_pipeline

from skvae import AutoencoderTransformer, VAETransformer

SIZES = pytest.mark.parametrize("size", [10, *(pytest.param(size, marks=pytest.mark.slow) for size in (2, 5, 20))])


HEAVY_TAILS = {"network": "mlp", "likelihood": "student_t"}
"""Some pixels are almost always 0: with a normal density single held-out rows would rule the mean."""


@pytest.fixture(scope="module")
def digits():
    X, y = load_digits(return_X_y=True)
    X_train, X_test = train_test_split(X, random_state=0, stratify=y)
    varying = X_train.std(axis=0) > 0
    return X_train[:, varying], X_test[:, varying]


def test_ten_codes_of_digits_classify_better_than_ten_principal_components():
    X, y = load_digits(return_X_y=True)

    def accuracy(transformer):
        return cross_val_score(make_pipeline(transformer, LogisticRegression(max_iter=10_000)), X, y, cv=3).mean()

    assert accuracy(VAETransformer(10, random_state=0)) > accuracy(PCA(10))


@SIZES
def test_autoencoder_reconstructs_held_out_digits_better_than_pca(digits, size):
    X_train, X_test = digits
    models = AutoencoderTransformer(size, random_state=0).fit(X_train), PCA(size).fit(X_train)
    errors = [np.square(X_test - model.inverse_transform(model.transform(X_test))).mean() for model in models]
    assert errors[0] < 0.8 * errors[1]


@SIZES
def test_vae_gives_held_out_digits_more_likelihood_than_pca(digits, size):
    X_train, X_test = digits
    vae = VAETransformer(size, random_state=0).fit(X_train)
    assert vae.score(X_test) > PCA(size).fit(X_train).score(X_test) + 5


@SIZES
@pytest.mark.parametrize("n_folds", [1, pytest.param(3, marks=pytest.mark.slow)])
@pytest.mark.filterwarnings("ignore:.*components say nothing")  # true of the larger sizes, which are compared too
def test_vae_gives_held_out_digits_more_likelihood_than_factor_analysis(size, n_folds):
    X = load_digits().data
    differences = []
    for train, test in list(KFold(3, shuffle=True, random_state=0).split(X))[:n_folds]:
        varying = X[train].std(axis=0) > 0
        models = VAETransformer(size, random_state=0, **HEAVY_TAILS), FactorAnalysis(size, svd_method="lapack")
        vae, factors = (model.fit(X[train][:, varying]).score(X[test][:, varying]) for model in models)
        differences.append(vae - factors)
    assert np.min(differences) > 20


@pytest.mark.parametrize("Estimator", [VAETransformer, AutoencoderTransformer])
def test_a_default_fit_of_a_thousand_rows_is_some_hundred_thousand_calls(Estimator):
    rng = np.random.RandomState(0)
    X = rng.normal(size=(1000, 8)) @ rng.normal(size=(8, 20)) + 0.3 * rng.normal(size=(1000, 20))
    assert calls(Estimator(random_state=0).fit, X) < 600_000  # about three seconds
