"""Training begins at the best linear model of the rows, and networks grow from there."""

import numpy as np
import pytest
import torch
from sklearn.datasets import load_breast_cancer, load_wine
from sklearn.decomposition import PCA, FactorAnalysis
from sklearn.preprocessing import StandardScaler
from small_models import cells, generator, small_model, two_layers

from skvae import AutoencoderTransformer, VAETransformer
from skvae.networks import Convolutional, Custom
from skvae.nn import linear
from skvae.nn.likelihoods import LIKELIHOODS
from skvae.nn.linear import factor_analysis, moments, moments_with_holes, principal_components
from skvae.nn.models import MODELS, beginning
from skvae.nn.networks import NETWORKS

WINE = StandardScaler().fit_transform(load_wine().data)


def begun(name, X, **options):
    """A model that has seen the rows of X, but not trained."""
    model = small_model(name, n_features=X.shape[1], **({"network": "residual", "hidden_layer_sizes": []} | options))
    x = torch.from_numpy(X)
    model.observe(x, torch.ones(len(x), dtype=torch.float64), generator())
    return model.eval(), x


def test_factor_analysis_is_that_of_scikit_learn():
    _, covariance = moments(torch.from_numpy(WINE), torch.ones(len(WINE)))
    loadings, noise, variances = (part.numpy() for part in factor_analysis(covariance, 3, 1e-6, 10**9))
    oracle = FactorAnalysis(3, tol=1e-8, max_iter=5000).fit(WINE)
    np.testing.assert_allclose(loadings @ loadings.T + np.diag(noise), oracle.get_covariance(), atol=5e-3)
    precision = np.eye(3) + loadings.T @ (loadings / noise[:, None])
    np.testing.assert_allclose(np.linalg.inv(precision), np.diag(variances), atol=1e-8)


def test_directions_that_noise_alone_would_show_have_no_loadings():
    source = torch.Generator().manual_seed(0)
    codes, mix = torch.randn(2000, 2, generator=source), torch.randn(2, 10, generator=source)
    rows = codes @ mix + 0.5 * torch.randn(2000, 10, generator=source)
    _, covariance = moments(rows, torch.ones(2000))
    loadings, _, variances = factor_analysis(covariance, 6, 1e-6, 2000)
    assert (variances[:2] < 0.5).all()
    assert (variances[2:] == 1.0).all()
    assert (loadings[:, 2:] == 0.0).all()
    assert (factor_analysis(covariance, 6, 1e-6, 10**9)[2] < 1.0).sum() > 2


def test_weights_of_rows_are_repetitions_to_a_linear_model():
    weight = torch.arange(len(WINE)) % 3
    repeated = torch.from_numpy(WINE).repeat_interleave(weight, dim=0)
    for one, other in zip(
        moments(torch.from_numpy(WINE), weight.double()), moments(repeated, torch.ones(len(repeated))), strict=True
    ):
        torch.testing.assert_close(one, other)


def test_more_components_than_columns_have_no_loadings():
    covariance = torch.tensor([[1.0, 0.5], [0.5, 1.0]], dtype=torch.float64)
    loadings, codes = principal_components(covariance, 4)
    assert loadings.shape == (2, 4)
    assert (loadings[:, 2:] == 0.0).all()
    assert (codes[2:] == 0.0).all()
    torch.testing.assert_close(loadings @ loadings.mT, covariance)
    loadings, _, variances = factor_analysis(covariance, 4, 1e-6, 10**9)
    assert (loadings[:, 2:] == 0.0).all()
    assert (variances[2:] == 1.0).all()


@pytest.mark.parametrize("likelihood", ["gaussian", "heteroscedastic_gaussian"])
def test_a_linear_vae_begins_as_factor_analysis_and_its_bound_is_exact(likelihood):
    model, x = begun("vae", WINE + 3.0, likelihood=likelihood)
    model.infers_rows = False  # wider draws than those of q(z|x) have weights that differ
    with torch.no_grad():
        scores = [model.log_prob(x, torch.randn(n, 2, dtype=torch.float64, generator=generator(n))) for n in (1, 50)]
    oracle = FactorAnalysis(2, tol=1e-8, max_iter=5000).fit(WINE).score_samples(WINE)
    np.testing.assert_allclose(scores[0], scores[1], atol=1e-3)
    np.testing.assert_allclose(scores[1], oracle, atol=0.02)


def test_a_linear_autoencoder_begins_as_principal_components():
    model, x = begun("autoencoder", WINE)
    with torch.no_grad():
        codes, rows = model.codes(x), model.decode(model.codes(x)).mean
    oracle = PCA(2).fit(WINE)
    np.testing.assert_allclose(rows, oracle.inverse_transform(oracle.transform(WINE)), atol=1e-6)
    np.testing.assert_allclose(codes.var(0, correction=0), 1.0, atol=1e-6)


def test_networks_of_a_model_with_hidden_layers_add_little_to_it():
    exact, x = begun("vae", WINE)
    model, _ = begun("vae", WINE, hidden_layer_sizes=[64, 64])
    with torch.no_grad():
        linear, deep = (m.decode(m.codes(x)).mean for m in (exact, model))
        alone = begun("vae", WINE, hidden_layer_sizes=[64, 64], network="mlp")[0]
        far = alone.decode(alone.codes(x)).mean
    assert (deep - linear).square().mean() < 0.2 * (far - linear).square().mean()
    assert (deep - linear).square().mean() > 1e-6


@pytest.mark.parametrize("likelihood", sorted(LIKELIHOODS))
@pytest.mark.parametrize("name", sorted(MODELS))
def test_every_likelihood_begins_somewhere_finite(name, likelihood):
    as_they_are = LIKELIHOODS[likelihood].units in ("counts", "interval", "unit_interval", "simplex")
    X = (1.0 if as_they_are else 10.0) * cells(likelihood, 60, 5)
    model, x = begun(name, X.numpy(), likelihood=likelihood, hidden_layer_sizes=[8])
    with torch.no_grad():
        terms = model.loss_terms(x, generator())
    assert all(torch.isfinite(value).all() for value in terms.values())


def test_columns_that_cannot_begin_at_a_linear_model_leave_the_others_theirs():
    X = np.random.RandomState(0).normal(size=(300, 1)) + 0.3 * np.random.RandomState(1).normal(size=(300, 4))
    X[:, 1] = X[:, 1] > 0.0
    groups = [("bernoulli", [1]), ("gaussian", [3, 0]), ("inflated_gaussian", [2])]
    options = {
        "likelihood": groups,
        "network": "residual",
        "max_iter": 1,
        "learning_rate_init": 1e-9,
        "random_state": 0,
    }
    vae = VAETransformer(1, **options).fit(X)
    rebuilt = vae.inverse_transform(vae.transform(X))
    for column in (0, 2, 3):
        assert np.corrcoef(rebuilt[:, column], X[:, column])[0, 1] > 0.8


def test_where_networks_are_wide_or_have_no_affine_part_or_rows_are_few_training_begins_at_random(monkeypatch):
    def first_weights(n_rows=None, **options):
        model, _ = begun("vae", WINE[:n_rows], **options)
        return model.encoder.linear_part

    assert first_weights(network="mlp", hidden_layer_sizes=[8]) is None
    began, few, fewest = (first_weights(n, hidden_layer_sizes=[8]).weight for n in (None, 25, 2))
    assert not torch.allclose(began, few)
    torch.testing.assert_close(few, fewest)
    monkeypatch.setattr(beginning, "MOST_COLUMNS", 12)
    torch.testing.assert_close(few, first_weights(hidden_layer_sizes=[8]).weight)


def test_a_residual_network_is_its_affine_part_plus_the_rest():
    network = NETWORKS["residual"].encoder(3, 2, [5], "tanh", generator())
    x = torch.randn(7, 3, generator=generator())
    torch.testing.assert_close(network(x), network.linear(x) + network.rest(x))
    assert network.linear_part is network.linear
    alone = NETWORKS["residual"].encoder(3, 2, [], "tanh", generator())
    assert alone.linear_part is alone[0]
    assert len(alone) == 1
    assert NETWORKS["mlp"].encoder(3, 2, [], "tanh", generator()).linear_part is None


def test_where_training_begins_may_be_where_it_ends():
    X = StandardScaler().fit_transform(load_breast_cancer().data)
    options = {"hidden_layer_sizes": (), "likelihood": "gaussian", "learning_rate_init": 3.0, "max_iter": 1}
    vae = VAETransformer(2, random_state=0, **options).fit(X)
    assert vae.score(X) == pytest.approx(FactorAnalysis(2).fit(X).score(X), abs=1.0)


@pytest.mark.parametrize("estimator", [AutoencoderTransformer, VAETransformer])
def test_the_network_changes_the_model(estimator):
    networks = ["mlp", "residual", "residual_blocks", Convolutional((1, 13)), Custom(two_layers, two_layers)]
    found = [estimator(2, network=network, random_state=0, max_iter=3).fit(WINE).score(WINE) for network in networks]
    assert len(set(found)) == len(networks) == len(NETWORKS)


def test_rows_and_inputs_with_holes_are_summed_by_kind_as_they_would_be_one_by_one(monkeypatch):
    generator = torch.Generator().manual_seed(0)
    inputs = torch.randn(300, 2, generator=generator) @ torch.randn(2, 9, generator=generator)
    inputs += 0.3 * torch.randn(300, 9, generator=generator)
    missing = (torch.rand(300, 4, generator=generator) < 0.3)[:, [0, 0, 0, 1, 2, 2, 3, 3, 3]]
    weight = torch.rand(300, generator=generator) + 0.5
    by_kind = moments_with_holes(inputs, missing, weight, 2)
    monkeypatch.setattr(linear, "different", lambda table, dim: (table, torch.arange(table.shape[dim])))
    for one, other in zip(by_kind, moments_with_holes(inputs, missing, weight, 2), strict=True):
        torch.testing.assert_close(one, other, rtol=1e-9, atol=1e-12)


def test_moments_with_holes_are_the_likeliest_of_the_cells_that_are_there(monkeypatch):
    monkeypatch.setattr(linear, "HOLE_ITERATIONS", 1000)
    monkeypatch.setattr(linear, "ROWS_OF_ZEROS", 0.0)
    generator = torch.Generator().manual_seed(0)
    inputs = torch.randn(400, 1, generator=generator) @ torch.ones(1, 6) + torch.randn(400, 6, generator=generator)
    missing = torch.rand(400, 6, generator=generator) < 0.3
    mean, covariance = moments_with_holes(inputs, missing, torch.ones(400), 1)

    def log_prob(share):
        """Of the cells that are there, where covariances are changed by a share."""
        changed = torch.diag(covariance.diagonal()) * (1.0 - share) + share * covariance
        rows = zip(inputs.double(), ~missing, strict=True)
        normal = torch.distributions.MultivariateNormal
        return sum(normal(mean[there], changed[there][:, there]).log_prob(x[there]) for x, there in rows if there.any())

    assert log_prob(1.0) > max(log_prob(0.995), log_prob(1.005))
