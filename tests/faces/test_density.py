"""The VAE as a density model: likelihoods of columns, priors, objectives, diagnostics, through the estimator's face."""

import re

import numpy as np
import pandas as pd
import pytest
import torch
from fits import fitted
from scipy.special import gammaln
from sklearn.base import clone
from sklearn.datasets import load_breast_cancer, load_wine
from sklearn.decomposition import FactorAnalysis
from sklearn.mixture import GaussianMixture
from sklearn.model_selection import GridSearchCV

import skvae._vae
from skvae import AutoencoderTransformer, VAETransformer
from skvae._engine.draws import mixture_of
from skvae._tables.moments import Moments
from skvae._tables.units import Units
from skvae.model_selection import fewest_components
from skvae.nn.posteriors import DiagonalNormal

SMALL = {"hidden_layer_sizes": (16,), "max_iter": 30, "learning_rate_init": 1e-2, "random_state": 0}
LINEAR = {"hidden_layer_sizes": (), "learning_rate_init": 1e-2, "max_iter": 60, "random_state": 0}


@pytest.fixture
def visits():
    """A frame of one real, one positive, two count and one level column (400 rows)."""
    rng = np.random.RandomState(0)
    z = rng.normal(size=400)
    return pd.DataFrame(
        {
            "height": z + 0.3 * rng.normal(size=400),
            "income": np.exp(0.5 * z + 10.0 + 0.2 * rng.normal(size=400)),
            "visits": rng.poisson(np.exp(z)),
            "calls": rng.negative_binomial(2, 0.3, size=400),
            "level": rng.binomial(2, 1.0 / (1.0 + np.exp(-z))),
        }
    )


EACH_ITS_OWN = [
    ("gaussian", ["height"]),
    ("lognormal", ["income"]),
    ("poisson", "visits"),
    ("negative_binomial", ["calls"]),
    ("categorical", ["level"]),
]


@pytest.mark.parametrize("Estimator", [VAETransformer, AutoencoderTransformer])
def test_each_column_has_the_likelihood_it_is_given(visits, Estimator):
    fitted = Estimator(2, likelihood=EACH_ITS_OWN, **SMALL).fit(visits)
    drawn = fitted.sample(2000, random_state=0)
    assert drawn.dtypes.equals(visits.dtypes)
    assert (drawn["income"] > 0).all()
    assert set(drawn["level"]) == {0, 1, 2}
    assert (drawn[["visits", "calls"]] >= 0).all(axis=None)
    if Estimator is VAETransformer:
        for column in ("visits", "calls"):
            assert drawn[column].mean() == pytest.approx(visits[column].mean(), rel=0.25)
    assert np.log(drawn["income"]).std() == pytest.approx(np.log(visits["income"]).std(), rel=0.25)
    by_number = [(name, [visits.columns.get_loc(c) for c in np.atleast_1d(group)]) for name, group in EACH_ITS_OWN]
    same = Estimator(2, likelihood=by_number, **SMALL).fit(visits)
    np.testing.assert_array_equal(same.score_samples(visits), fitted.score_samples(visits))
    assert fitted.score_features(visits).shape == visits.shape


def test_units_belong_to_their_columns_whatever_the_order_of_a_group(X):
    model = VAETransformer(2, likelihood=[("gaussian", [3, 0, 4, 1, 2])], **{**SMALL, "max_iter": 1}).fit(X)._model
    np.testing.assert_allclose(model.units.shift, X.mean(axis=0))
    np.testing.assert_allclose(model.units.scale, X.std(axis=0))


@pytest.mark.parametrize("offset", [0.0, 1e12, 4e15])
def test_a_column_far_from_zero_is_constant_only_if_it_is(offset):
    cells = offset + np.arange(2000.0)
    X = np.column_stack([cells, np.full(2000, offset + 1.0), np.where(np.arange(2000) % 2, 0.3, 0.1 + 0.2)])
    units = Units.standard(Moments.of(X, np.ones(len(X))), None)
    np.testing.assert_allclose(units.scale, [cells.std(), 1.0, 1.0], rtol=1e-6)
    assert np.abs(units.to_standard(X)).max() < 2.0
    assert not units.to_standard(X)[:, 1].any()


def test_a_fitting_likelihood_gives_held_out_rows_more_likelihood(visits):
    train, test = visits[:300], visits[300:]
    columns = ["visits", "calls"]
    poisson = VAETransformer(1, likelihood="poisson", **SMALL).fit(train[columns]).score(test[columns])
    dispersed = VAETransformer(1, likelihood="negative_binomial", **SMALL).fit(train[columns]).score(test[columns])
    assert dispersed > poisson
    real = VAETransformer(1, **SMALL).fit(train[["income"]]).score(test[["income"]])
    assert VAETransformer(1, likelihood="lognormal", **SMALL).fit(train[["income"]]).score(test[["income"]]) > real


@pytest.mark.parametrize("likelihood", ["lognormal", "gamma"])
def test_scores_of_positive_columns_are_in_their_units(visits, likelihood):
    X = visits[["income"]].to_numpy()
    plain, scaled = (VAETransformer(1, likelihood=likelihood, **SMALL).fit(X * factor) for factor in (1.0, 1000.0))
    np.testing.assert_allclose(scaled.score_samples(X * 1000.0), plain.score_samples(X) - np.log(1000.0), atol=1e-3)


def test_scores_of_grey_pixels_are_in_their_units():
    X = np.random.RandomState(0).beta(2.0, 5.0, size=(200, 3))
    plain, scaled = (
        VAETransformer(1, likelihood="continuous_bernoulli", **SMALL).fit(factor * (X - X.min()))
        for factor in (10, 1000)
    )
    shifted = X - X.min()
    expected = plain.score_samples(10 * shifted) - 3 * np.log(100.0)
    np.testing.assert_allclose(scaled.score_samples(1000 * shifted), expected, atol=1e-3)


def test_counts_without_structure_have_the_likelihood_of_independent_poisson_columns():
    rng = np.random.RandomState(0)
    train, test = rng.poisson([2.0, 7.0, 0.3], size=(2000, 3)), rng.poisson([2.0, 7.0, 0.3], size=(1000, 3))
    rate = train.mean(axis=0)
    expected = (test * np.log(rate) - rate - gammaln(test + 1.0)).sum(axis=1).mean()
    assert VAETransformer(1, likelihood="poisson", **SMALL).fit(train).score(test) == pytest.approx(expected, abs=0.05)


@pytest.mark.parametrize(
    ("likelihood", "value", "message"),
    [
        ("poisson", -1.0, "whole numbers from 0 up.*'gaussian'"),
        ("negative_binomial", 0.5, "holds 0.5.*whole numbers"),
        ("multinomial", 2.5, "whole numbers"),
        ("lognormal", 0.0, "numbers above 0.*'student_t'"),
        ("gamma", -3.0, "holds -3.*numbers above 0"),
        ("continuous_bernoulli", 9.0, "numbers from 1 to 3"),
        ("categorical", 7.0, "level numbers.*OrdinalEncoder"),
    ],
)
def test_a_cell_without_density_is_named_with_a_likelihood_that_fits(likelihood, value, message):
    X = np.random.RandomState(0).randint(1, 4, size=(50, 2)).astype(float)
    bad = X.copy()
    bad[7, 1] = value
    fitted = AutoencoderTransformer(1, likelihood=likelihood, **SMALL).fit(X)
    with pytest.raises(ValueError, match=f"column 1, row 7.*likelihood='{likelihood}'") as error:
        fitted.score_samples(bad)
    assert re.search(message, str(error.value))
    if likelihood == "categorical":
        bad[7, 1] = 1e9
    if likelihood != "continuous_bernoulli":
        with pytest.raises(ValueError, match=r"column 1, row 7 holds"):
            AutoencoderTransformer(1, likelihood=likelihood, **SMALL).fit(bad)


@pytest.mark.parametrize(
    ("likelihood", "message"),
    [
        ([], "must be one of.*student_t"),
        (["gaussian"], "holds 'gaussian'.*list of"),
        ([("normal", [0, 1])], "holds .*'normal'.*must be one of"),
        ([("gaussian", [0])], "says nothing of column 1"),
        ([("gaussian", [0, 1]), ("laplace", [1])], "column 1 twice, for 'gaussian' and 'laplace'"),
        ([("gaussian", [0, 5])], "column 5, which X has not; there are columns 0 to 1"),
        ([("gaussian", ["a", "b"])], "column 'a', which X has not"),
    ],
)
def test_a_list_of_likelihoods_that_does_not_fit_is_an_error(likelihood, message):
    with pytest.raises(ValueError, match=message):
        VAETransformer(likelihood=likelihood, **SMALL).fit(np.random.RandomState(0).normal(size=(20, 2)))


def test_grey_pixels_are_drawn_anew_in_every_step():
    rng = np.random.RandomState(0)
    X = rng.uniform(size=(300, 4))
    drawn = (rng.uniform(size=X.shape) < X).astype(float)
    params = {**SMALL, "max_iter": 200, "early_stopping": False}
    binarized = VAETransformer(1, likelihood="binarized_bernoulli", **params).fit(X)
    expected = (X.mean(0) * np.log(X.mean(0)) + (1 - X.mean(0)) * np.log(1 - X.mean(0))).sum()
    assert binarized.score(drawn) == pytest.approx(expected, abs=0.1)
    assert len(set(binarized.loss_curve_)) == binarized.n_iter_


def clusters(n_rows, seed=0):
    """Rows around three far centres in five columns."""
    rng = np.random.RandomState(seed)
    centres = 6.0 * np.random.RandomState(7).normal(size=(3, 2))
    z = centres[rng.randint(3, size=n_rows)] + rng.normal(size=(n_rows, 2))
    return z @ np.random.RandomState(8).normal(size=(2, 5)) + 0.3 * rng.normal(size=(n_rows, 5))


@pytest.mark.parametrize(
    "params", [{"prior": "gaussian_mixture"}, {"prior": "vampprior"}, {"code_density": "gaussian_mixture"}]
)
def test_a_prior_of_several_modes_is_better_for_clusters(params):
    train, test = clusters(1000), clusters(500, seed=1)
    plain = fitted(VAETransformer(2, **LINEAR), train)
    rich = VAETransformer(2, **params, **LINEAR).fit(train)
    assert rich.score(test) > plain.score(test) + 0.1
    assert rich.score(test) > FactorAnalysis(2).fit(train).score(test) + 0.1
    assert rich.score(test) < GaussianMixture(3, random_state=0).fit(train).score(test) + 0.1


@pytest.mark.parametrize("Estimator", [VAETransformer, AutoencoderTransformer])
def test_a_mixture_of_codes_has_as_many_components_as_it_needs(Estimator):
    train = clusters(1000)
    several, one = (
        fitted(Estimator(2, code_density="gaussian_mixture", n_mixture_components=n, **LINEAR), train) for n in (8, 1)
    )
    assert 3 <= len(several.module_.code_density.weights) <= 8
    assert len(one.module_.code_density.weights) == 1
    assert several.score(train) > one.score(train) + 0.1


@pytest.mark.parametrize("Estimator", [VAETransformer, AutoencoderTransformer])
def test_weights_count_in_the_mixture_of_codes(Estimator):
    train = clusters(600)
    weight = np.r_[np.ones(300), np.zeros(300)]
    params = {**LINEAR, "code_density": "gaussian_mixture", "max_iter": 20}
    absent = Estimator(2, **params).fit(train[:300])
    zero = Estimator(2, **params).fit(train, sample_weight=weight)
    np.testing.assert_array_equal(zero.score_samples(train), absent.score_samples(train))


def test_the_codes_of_a_stream_stay_in_the_mixture():
    """A batch from one of three clusters moves the mixture of codes, but the other clusters stay in it."""
    train = clusters(2000)
    vae = VAETransformer(2, code_density="gaussian_mixture", **LINEAR).fit(train)
    batch = train[vae.transform(train)[:, 0].argsort()[:200]]
    before, codes = vae.module_.code_density.means.clone(), vae.transform(train)
    vae.partial_fit(batch)
    assert not np.array_equal(before.numpy(), vae.module_.code_density.means.numpy())
    drawn = vae.module_.code_density.sample(4000, torch.Generator().manual_seed(0)).numpy()
    np.testing.assert_allclose(drawn.std(axis=0), codes.std(axis=0), rtol=0.15)
    share = (drawn[:, 0] < np.sort(codes[:, 0])[200]).mean()
    assert 0.12 < share < 0.25


@pytest.mark.parametrize(
    ("params", "fitted"),
    [
        ({}, "FittedMixture"),
        ({"code_density": None}, "StandardNormal"),
        ({"hidden_layer_sizes": ()}, "StandardNormal"),
        ({"prior": "vampprior"}, "VampPrior"),
    ],
)
def test_auto_fits_a_mixture_to_the_codes_of_hidden_layers_under_a_normal_prior(X, params, fitted):
    vae = VAETransformer(**{"max_iter": 2, "random_state": 0, **params}).fit(X)
    assert type(vae.module_.code_density).__name__ == fitted
    assert type(vae.partial_fit(X).module_.code_density).__name__ == fitted
    assert type(clone(vae).partial_fit(X).module_.code_density).__name__ == fitted.replace(
        "FittedMixture", "StandardNormal"
    )


def test_few_rows_keep_the_prior():
    X = np.random.RandomState(0).normal(size=(30, 6))
    for n_rows, kind in ((30, "FittedMixture"), (29, "StandardNormal")):
        vae = VAETransformer(3, max_iter=2, random_state=0).fit(X[:n_rows])
        assert type(vae.module_.code_density).__name__ == kind


def test_many_draws_in_training_come_nearer_to_the_likelihood():
    """Rows on a noisy ring: the posterior is no normal density, and the importance-weighted objective minds less."""
    rng = np.random.RandomState(0)
    angle = rng.uniform(0, 2 * np.pi, size=1500)
    X = np.c_[np.cos(angle), np.sin(angle)] + 0.1 * rng.normal(size=(1500, 2))
    params = {"hidden_layer_sizes": (32, 32), "random_state": 0, "n_importance_samples": 512, "max_iter": 100}
    elbo = VAETransformer(2, **params).fit(X[:1000]).score(X[1000:])
    iwae = VAETransformer(2, objective="iwae", n_draws=16, **params).fit(X[:1000])
    assert iwae.score(X[1000:]) > elbo + 0.02
    assert set(iwae.history_) == {"iwae"}


@pytest.mark.parametrize("costs", [{"beta": 2.0}, {"regularizer": "mmd"}, {"free_bits": 0.1}, {"kl_warmup": 0.5}])
def test_iwae_refuses_costs_that_cannot_act(X, costs):
    (name,) = costs
    with pytest.raises(ValueError, match=f"objective='iwae' has no cost.*{name}="):
        VAETransformer(objective="iwae", **costs).fit(X)


def test_the_bound_of_a_linear_model_with_many_draws_is_exact(X):
    vae = VAETransformer(2, precision="float64", n_importance_samples=1000, **LINEAR).fit(X)
    loadings = vae.module_.decoder[0].weight.detach().numpy() * vae._model.units.scale[:, None]
    noise = vae.module_.likelihood.scale.detach().numpy() * vae._model.units.scale
    centre = vae.module_.decoder[0].bias.detach().numpy() * vae._model.units.scale + vae._model.units.shift
    covariance = loadings @ loadings.T + np.diag(noise**2)
    difference = X - centre
    exact = -0.5 * (
        (difference @ np.linalg.inv(covariance) * difference).sum(1)
        + np.linalg.slogdet(covariance)[1]
        + X.shape[1] * np.log(2 * np.pi)
    )
    assert abs(vae.score(X) - exact.mean()) < 0.05
    assert vae.score(X) < exact.mean() + 1e-3


def test_silent_components_are_told_apart(X):
    vae = VAETransformer(4, max_iter=200, random_state=0).fit(X)
    assert vae.kl_per_component_.shape == vae.active_components_.shape == (4,)
    assert vae.active_components_.dtype == bool
    active = vae.active_components_
    assert 2 <= active.sum() < 4
    assert vae.kl_per_component_[active].min() > vae.kl_per_component_[~active].max()
    speaks = vae.kl_per_component_ > 0.1
    assert ((vae.transform(X).var(axis=0) > 0.01) & speaks).tolist() == active.tolist()


def test_mostly_silent_components_are_a_warning(X):
    with pytest.warns(UserWarning, match=r"3 of 5 components say nothing.*free_bits"):
        VAETransformer(5, network="mlp", likelihood="gaussian", max_iter=200, random_state=0).fit(X)
    VAETransformer(3, beta=1000.0, max_iter=50, random_state=0).fit(X)


def test_scores_whose_draws_are_worth_little_are_a_warning(X, monkeypatch):
    fitted = VAETransformer(2, **SMALL).fit(X)
    monkeypatch.setattr(skvae._vae, "LEAST_SAMPLE_SIZE", fitted.effective_sample_size(X).max() + 0.1)
    with pytest.warns(UserWarning, match="The 12 importance draws of a score are worth less than .*n_importance"):
        fitted.score(X)
    fitted.score(X)
    VAETransformer(2, n_importance_samples=8, **SMALL).fit(X).score(X)


def test_free_bits_wake_silent_components(X):
    vae = VAETransformer(5, max_iter=200, random_state=0, free_bits=0.3).fit(X)
    assert vae.active_components_.all()
    assert (vae.kl_per_component_ > 0.2).all()


def test_effective_sample_size_lies_between_one_and_all(X):
    vae = VAETransformer(2, n_importance_samples=32, **SMALL).fit(X)
    sizes = vae.effective_sample_size(X)
    assert sizes.shape == (200,)
    assert (sizes >= 1.0).all()
    assert (sizes <= 32.0).all()
    far = X.copy()
    far[:, 0] += 100.0
    assert vae.effective_sample_size(far).mean() < sizes.mean()
    np.testing.assert_array_equal(vae.effective_sample_size(X[:3]), sizes[:3])
    assert np.median(VAETransformer(2, n_importance_samples=1, **SMALL).fit(X).effective_sample_size(X)) == 1.0


def rows_with_atoms():
    """Rows with a column of levels, one of many zeros, one of rounded numbers and one of others."""
    rng = np.random.RandomState(0)
    level = rng.randint(3, size=600)
    zeros = np.maximum(0.0, rng.normal(level - 1.0, 1.0))
    return np.c_[np.array([10.0, 20.0, 50.0])[level], zeros, rng.normal(level, 2.0).round(1), rng.normal(size=600)]


def test_draws_have_the_levels_zeros_and_rounded_numbers_of_the_rows():
    X = rows_with_atoms()
    vae = VAETransformer(2, random_state=0, max_iter=60).fit(X)
    drawn = vae.sample(4000, random_state=0)
    assert set(drawn[:, 0]) == {10.0, 20.0, 50.0}
    assert np.mean(drawn[:, 1] == 0.0) == pytest.approx(np.mean(X[:, 1] == 0.0), abs=0.05)
    assert np.isin(drawn[:, 2], X[:, 2]).all()
    assert len(np.unique(drawn[:, 3])) == 4000
    assert (drawn.min(axis=0) >= X.min(axis=0)).all()
    assert (drawn.max(axis=0) <= X.max(axis=0)).all()
    for level in (10.0, 20.0, 50.0):
        means = [np.mean(rows[rows[:, 0] == level, 1] == 0.0) for rows in (drawn, X)]
        assert means[0] == pytest.approx(means[1], abs=0.12)


def test_atoms_stay_atoms_in_other_units():
    X, factors = rows_with_atoms(), np.array([1e-3, 50.0, 7.0, 1.0])
    one = VAETransformer(2, random_state=0, max_iter=20).fit(X)
    other = VAETransformer(2, random_state=0, max_iter=20).fit(X * factors + 3.0)
    assert other.score(X * factors + 3.0) == pytest.approx(one.score(X) - np.log(factors).sum(), abs=0.01)
    plain = VAETransformer(2, likelihood="heteroscedastic_gaussian", random_state=0, max_iter=20).fit(X)
    assert one.score(X) > plain.score(X) + 3.0


def test_weights_make_atoms_as_repeated_rows_do():
    X = np.r_[np.zeros((8, 2)), np.random.RandomState(0).normal(size=(92, 2))]

    def atoms(X, weight=None):
        vae = VAETransformer(1, random_state=0, max_iter=1).fit(X, sample_weight=weight)
        return vae._model.options.likelihood[0][2]["atoms"]

    assert atoms(X) == [[], []]
    assert atoms(X, np.full(100, 2.0)) == atoms(np.repeat(X, 2, axis=0)) == [[0.0], [0.0]]
    assert atoms(X, np.full(100, 0.01)) == [[], []]
    assert atoms(np.repeat(X, 2, axis=0), np.full(200, 0.01)) == [[0.0], [0.0]]


def test_the_density_of_a_linear_model_is_normal_and_that_of_a_deep_one_has_atoms():
    for sizes, name in [((), "gaussian"), ((8,), "inflated_gaussian")]:
        vae = VAETransformer(2, hidden_layer_sizes=sizes, random_state=0, max_iter=2).fit(rows_with_atoms())
        assert [part[0] for part in vae._model.options.likelihood] == [name]


@pytest.mark.parametrize("extreme", [1e6, -1e6])
def test_odd_columns_and_far_rows_have_finite_scores(extreme):
    rng = np.random.RandomState(0)
    X = np.c_[np.full(300, 3.0), rng.randint(2, size=300), rng.normal(size=(300, 2))]
    far = X.copy()
    far[5, 2] = extreme
    for train in (X, far):
        vae = VAETransformer(2, **SMALL).fit(train)
        assert np.isfinite(vae.score_samples(X)).all()
        assert np.isfinite(vae.score_samples(far)).all()
        assert vae.score_samples(far)[5] < np.median(vae.score_samples(X)) - 5.0
        assert np.isfinite(vae.sample(50, random_state=0)).all()


@pytest.mark.parametrize("linear", [pytest.param(True, marks=pytest.mark.slow), False])
def test_held_out_likelihood_finds_the_latent_size(linear):
    rng = np.random.RandomState(0)
    z, mix = rng.normal(size=(600, 4)), rng.normal(size=(4, 15))
    signal = z @ mix if linear else np.c_[z @ mix[:, :8], np.tanh(z @ mix[:, 8:])]
    X = signal + 0.2 * signal.std(axis=0) * rng.normal(size=signal.shape)
    sizes = {"n_components": [2, 3, 4, 5, 8]}
    vae = VAETransformer(hidden_layer_sizes=(64,), random_state=0)
    search = GridSearchCV(vae, sizes, cv=2, refit=fewest_components).fit(X)
    assert abs(search.best_params_["n_components"] - 4) <= 1
    assert search.best_estimator_.n_components_ == search.best_params_["n_components"]


def search_results(sizes, *folds, name="param_n_components"):
    """What a search leaves behind; scores of each size, fold by fold."""
    return {name: np.ma.array(sizes), **{f"split{i}_test_score": np.array(fold) for i, fold in enumerate(folds)}}


def test_fewest_components_passes_a_size_over_only_for_a_real_gain():
    assert fewest_components(search_results([1, 2, 4], [-9.0, -5.0, -4.99], [-9.1, -5.1, -5.08])) == 1
    assert fewest_components(search_results([1, 2, 4], [-9.0, -5.0, -4.0], [-9.1, -5.1, -4.1])) == 2
    assert fewest_components(search_results([4, 1, 2], [-4.0, -9.0, -5.0], [-4.1, -9.1, -5.1])) == 0
    assert fewest_components(search_results([1, 2], [-5.0, -4.0], [-5.0, -7.0], [-5.0, -4.5])) == 0
    assert fewest_components(search_results([1, 2], [-5.0, -4.0], name="param_vae__n_components")) == 1


def test_fewest_components_compares_sizes_only():
    with pytest.raises(ValueError, match="varied .'beta'."):
        fewest_components(search_results([1, 2], [-5.0, -4.0], name="param_beta"))
    with pytest.raises(ValueError, match="n_components and nothing else"):
        fewest_components({**search_results([1, 2], [-5.0, -4.0]), "param_beta": [1.0, 2.0]})


@pytest.mark.parametrize(("n_codes", "n_expected"), [(5634, 4), (500, 1)])
def test_four_normal_densities_are_found_where_two_are_worse_than_one(monkeypatch, n_codes, n_expected):
    """As of the codes of a table of customers, for its 5,634 rows; of few codes more densities say nothing."""
    bic = {1: 160778.0, 2: 160810.0, 4: 159567.0, 8: 161362.0, 16: 165000.0}
    score = {1: -14.219, 2: -14.171, 4: -13.959, 8: -13.916, 16: -13.9}
    monkeypatch.setattr(GaussianMixture, "bic", lambda self, X: bic[self.n_components] * n_codes / 5634)
    monkeypatch.setattr(GaussianMixture, "score", lambda self, X: score[self.n_components])
    codes = np.random.RandomState(0).normal(size=(n_codes, 10))
    assert len(mixture_of(codes, 16)[0]) == n_expected


@pytest.mark.parametrize("size", [1.0, 1e3, 1e8, 1e30])
@pytest.mark.parametrize("n_codes", [2, 5, 200])
def test_a_mixture_of_codes_is_fitted_however_far_they_are(size, n_codes):
    codes = size * np.random.RandomState(0).normal(size=(n_codes, 3))
    weights, means, factors = mixture_of(codes, 8)
    assert weights.sum() == pytest.approx(1.0)
    assert np.abs(means).max() <= np.abs(codes).max()
    assert np.isfinite(factors).all()
    if n_codes == 200:
        np.testing.assert_allclose(weights @ means, codes.mean(axis=0), rtol=1e-6)
        np.testing.assert_allclose(np.linalg.inv(factors[0] @ factors[0].T), np.cov(codes.T, bias=True), rtol=0.02)


def errors_of_bounds(vae, X):
    """How far bounds of rows are from that of many draws: by default, and as they were by 64 draws of q(z|x)."""
    inference, module = vae._model.inference, vae.module_
    with torch.no_grad():
        x = inference.tensors.standard(X)
        posterior = module.posterior(x)
        wider = DiagonalNormal(posterior.mean, 1.3 * posterior.scale)
        exact = [module._weights_of(each, x, inference.noise(4096)) for each in (wider, module.proposal(x))]
        exact = np.maximum(*(torch.logsumexp(each, 1).numpy() - np.log(4096) for each in exact))
        plain = module._weights_of(posterior, x, inference.noise(64))
        plain = torch.logsumexp(plain, 1).numpy() - np.log(64) - exact
        ours = module.log_prob(x, inference.score_noise(vae.n_importance_samples)).numpy() - exact
    return ours, plain


@pytest.mark.parametrize("load", [load_breast_cancer, load_wine])
def test_default_bounds_of_new_rows_are_as_good_as_those_of_64_draws_of_the_posterior(load):
    X = load().data
    vae = fitted(VAETransformer(random_state=0, max_iter=60), X[::2])
    ours, plain = errors_of_bounds(vae, X[1::2][:80])
    assert vae.n_importance_samples * 5 <= 64
    assert np.sqrt(np.mean(ours**2)) < 0.6 * np.sqrt(np.mean(plain**2))
    assert abs(ours.mean()) < 1.2 * abs(plain.mean())
