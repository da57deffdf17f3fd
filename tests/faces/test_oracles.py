"""Truths that hold without us: factor analysis, probabilistic PCA, PCA, bounds, moments, units."""

import functools

import numpy as np
import pytest
import torch
from cases import each_value
from scipy.stats import multivariate_normal
from sklearn.datasets import load_breast_cancer, load_iris, load_wine
from sklearn.decomposition import PCA, FactorAnalysis
from sklearn.preprocessing import scale

from skvae import AutoencoderTransformer, VAETransformer
from skvae.nn.likelihoods import LIKELIHOODS

TABLES = {
    "iris": (scale(load_iris().data), 1),
    "wine": (scale(load_wine().data), 2),
    "breast_cancer": (scale(load_breast_cancer().data), 2),
}

FULL_BATCH = {"batch_size": 10_000, "early_stopping": False, "precision": "float64", "random_state": 0}


SLOW = {("iris", "gaussian"), ("wine", "isotropic_gaussian"), ("breast_cancer", "gaussian")}
SLOW |= {("breast_cancer", "isotropic_gaussian")}
"""Tables and likelihoods that show once more what others show."""


def of_tables(*likelihoods):
    """Parametrise by the tables of one or more likelihoods."""
    cases = [(table, likelihood) for table in TABLES for likelihood in likelihoods]
    return pytest.mark.parametrize(
        ("table", "likelihood"),
        [pytest.param(*case, marks=pytest.mark.slow if case in SLOW else ()) for case in cases],
    )


@functools.cache
def linear_vae(table, likelihood):
    """A VAE without hidden layers, trained to the optimum with ever smaller steps."""
    X, n_components = TABLES[table]
    vae = VAETransformer(
        n_components,
        hidden_layer_sizes=(),
        network="mlp",
        likelihood=likelihood,
        learning_rate="constant",
        n_iter_no_change=10_000,
        warm_start=True,
        n_importance_samples=512,
        **FULL_BATCH,
    )
    for learning_rate, n_epochs in [(2e-2, 500), (8e-3, 1500), (2e-3, 1500), (4e-4, 500), (1e-4, 500)]:
        vae.set_params(learning_rate_init=learning_rate, max_iter=n_epochs).fit(X)
    return vae


@functools.cache
def factor_analysis(table):
    X, n_components = TABLES[table]
    return FactorAnalysis(n_components, tol=1e-5, max_iter=20_000, svd_method="lapack").fit(X)


def exact_density(vae):
    """The normal distribution that a linear VAE is, in the units of the data."""
    decoder, likelihood, units = vae.module_.decoder[0], vae.module_.likelihood, vae._model.units
    loadings = decoder.weight.numpy() * units.scale[:, None]
    noise = np.broadcast_to(likelihood.scale.numpy(), units.scale.shape) * units.scale
    mean = decoder.bias.numpy() * units.scale + units.shift
    return multivariate_normal(mean, loadings @ loadings.T + np.diag(noise**2))


@of_tables("gaussian")
def test_linear_vae_is_factor_analysis(table, likelihood):
    X, _ = TABLES[table]
    oracle = factor_analysis(table)
    vae = linear_vae(table, likelihood)
    assert vae.score(X) == pytest.approx(oracle.score(X), abs=0.01)
    assert np.abs(vae.score_samples(X) - oracle.score_samples(X)).mean() < 0.15
    assert np.corrcoef(vae.score_samples(X), oracle.score_samples(X))[0, 1] > 0.999


@of_tables("isotropic_gaussian")
def test_linear_vae_with_one_noise_scale_is_probabilistic_pca(table, likelihood):
    X, n_components = TABLES[table]
    oracle = PCA(n_components).fit(X)
    vae = linear_vae(table, likelihood)
    assert vae.score(X) == pytest.approx(oracle.score(X), abs=0.01)
    assert np.abs(vae.score_samples(X) - oracle.score_samples(X)).mean() < 0.05
    assert vae.module_.likelihood.scale.item() ** 2 * vae._model.units.scale[0] ** 2 == pytest.approx(
        oracle.noise_variance_, rel=0.01
    )


@of_tables("gaussian", "isotropic_gaussian")
def test_score_samples_is_the_exact_log_density_of_each_row(table, likelihood):
    X, _ = TABLES[table]
    vae = linear_vae(table, likelihood)
    np.testing.assert_allclose(vae.score_samples(X), exact_density(vae).logpdf(X), atol=0.1)
    assert vae.score(X) == pytest.approx(exact_density(vae).logpdf(X).mean(), abs=0.002)


@of_tables("gaussian")
def test_samples_of_a_linear_vae_have_the_mean_and_covariance_of_its_density(table, likelihood):
    vae = linear_vae(table, likelihood)
    exact = exact_density(vae)
    samples = vae.sample(200_000, random_state=0)
    np.testing.assert_allclose(samples.mean(axis=0), exact.mean, atol=0.02)
    np.testing.assert_allclose(np.cov(samples.T), exact.cov, atol=0.02)


@of_tables("gaussian")
def test_samples_of_a_linear_vae_have_the_mean_and_covariance_of_the_data(table, likelihood):
    X, _ = TABLES[table]
    samples = linear_vae(table, likelihood).sample(200_000, random_state=0)
    oracle = factor_analysis(table)
    np.testing.assert_allclose(samples.mean(axis=0), X.mean(axis=0), atol=0.03)
    np.testing.assert_allclose(np.cov(samples.T), oracle.get_covariance(), atol=0.1)


@each_value(table=TABLES, n_components=[1, 2, 3])
def test_linear_autoencoder_has_the_reconstruction_error_of_pca(table, n_components):
    X, _ = TABLES[table]
    autoencoder = AutoencoderTransformer(
        n_components,
        hidden_layer_sizes=(),
        network="mlp",
        learning_rate_init=1e-2,
        max_iter=3000,
        n_iter_no_change=100,
        **FULL_BATCH,
    ).fit(X)
    pca = PCA(n_components).fit(X)
    error = np.square(X - autoencoder.inverse_transform(autoencoder.transform(X))).mean()
    oracle = np.square(X - pca.inverse_transform(pca.transform(X))).mean()
    assert oracle * 0.9999 <= error <= oracle * 1.01


def test_score_of_an_autoencoder_is_the_density_of_the_row_given_its_code_times_that_of_the_code():
    X, _ = TABLES["wine"]
    autoencoder = AutoencoderTransformer(3, max_iter=20, random_state=0, precision="float64").fit(X)
    codes = autoencoder.transform(X)
    residual = X - autoencoder.inverse_transform(codes)
    noise = np.square(residual).mean(axis=0)
    expected = multivariate_normal(np.zeros(X.shape[1]), np.diag(noise)).logpdf(residual)
    expected += multivariate_normal(codes.mean(axis=0), np.cov(codes.T, bias=True)).logpdf(codes)
    np.testing.assert_allclose(autoencoder.score_samples(X), expected, rtol=1e-3, atol=1e-3)


def test_the_bound_rises_with_the_number_of_draws_and_stays_below_the_exact_value():
    X, n_components = TABLES["wine"]
    vae = VAETransformer(n_components, hidden_layer_sizes=(), network="mlp", max_iter=30, **FULL_BATCH).fit(X)
    x = torch.from_numpy(vae._model.units.to_standard(X))
    exact = exact_density(vae).logpdf(X).mean() - vae._model.units.log_jacobian.sum()
    bounds = []
    for n_draws in (1, 4, 16, 64, 256):
        draws = torch.randn(100, n_draws, n_components, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
        bounds.append(np.mean([vae.module_.log_prob(x, noise).mean() for noise in draws]))
    assert np.all(np.diff(bounds) > 0)
    assert bounds[0] < exact - 0.05
    assert bounds[-1] < exact
    assert bounds[-1] == pytest.approx(exact, abs=0.05)


def test_the_default_number_of_draws_comes_close_to_the_exact_value():
    X, n_components = TABLES["wine"]
    vae = VAETransformer(n_components, hidden_layer_sizes=(), max_iter=30, **FULL_BATCH).fit(X)
    assert vae.n_importance_samples == 12
    assert vae.score(X) == pytest.approx(exact_density(vae).logpdf(X).mean(), abs=0.02)


def test_the_bound_of_a_mixture_of_linear_models_is_that_of_the_mixture():
    """Linear decoders with a mixture for a prior are mixtures of factor analyses: their density is exact."""
    X, n_components = TABLES["wine"]
    vae = VAETransformer(
        n_components,
        hidden_layer_sizes=(),
        prior="gaussian_mixture",
        n_mixture_components=3,
        max_iter=300,
        **FULL_BATCH,
    ).fit(X)
    decoder, units = vae.module_.decoder[0], vae._model.units
    with torch.no_grad():
        log_weights, means, scales = (part.numpy() for part in vae.module_.prior.components())
        loadings, noise = decoder.weight.numpy(), vae.module_.likelihood.scale.numpy() ** 2
    parts = [
        weight
        + multivariate_normal(
            loadings @ mean + decoder.bias.numpy(), (loadings * scale**2) @ loadings.T + np.diag(noise)
        ).logpdf(units.to_standard(X))
        for weight, mean, scale in zip(log_weights, means, scales, strict=True)
    ]
    exact = np.logaddexp.reduce(parts) + units.log_jacobian.sum()
    assert np.ptp(means, axis=0).max() > 0.5
    scores = vae.set_params(n_importance_samples=1000).score_samples(X)
    assert scores.mean() == pytest.approx(exact.mean(), abs=0.05)
    assert np.corrcoef(scores, exact)[0, 1] > 0.999


FACTORS, OFFSETS = np.array([1000.0, 0.01, 1.0, 7.0, 1.0]), np.array([0.0, 5.0, -1e4, 0.0, 1e6])


@pytest.mark.parametrize("Estimator", [VAETransformer, AutoencoderTransformer])
def test_units_of_a_column_move_scores_by_the_log_of_the_factor_and_leave_codes_alone(X, Estimator):
    plain = Estimator(2, max_iter=5, random_state=0, precision="float64").fit(X)
    Y = X * FACTORS + OFFSETS
    changed = Estimator(2, max_iter=5, random_state=0, precision="float64").fit(Y)
    np.testing.assert_allclose(changed.transform(Y), plain.transform(X), atol=1e-6)
    np.testing.assert_allclose(
        changed.score_samples(Y), plain.score_samples(X) - np.log(FACTORS).sum(), rtol=1e-6, atol=1e-6
    )
    np.testing.assert_allclose(changed.score_features(Y), plain.score_features(X), atol=1e-5)
    np.testing.assert_allclose(
        changed.inverse_transform(changed.transform(Y)),
        plain.inverse_transform(plain.transform(X)) * FACTORS + OFFSETS,
        rtol=1e-6,
    )


WITH_UNITS = sorted(name for name, member in LIKELIHOODS.items() if member.units not in ("counts", "simplex"))


@pytest.mark.parametrize("likelihood", WITH_UNITS)
def test_common_units_of_all_columns_leave_codes_alone(X, likelihood):
    X = (X - X.min()) / np.ptp(X)
    X = X + 0.1 if LIKELIHOODS[likelihood].units == "positive" else X
    codes = [
        VAETransformer(2, likelihood=likelihood, max_iter=3, random_state=0, precision="float64")
        .fit(X * factor)
        .transform(X * factor)
        for factor in (1.0, 1000.0)
    ]
    np.testing.assert_allclose(codes[0], codes[1], atol=1e-6)
