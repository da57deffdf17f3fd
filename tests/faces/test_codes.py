"""What codes say: principal components where nothing better pays, their order and signs, and what they keep."""

import matplotlib
import numpy as np
import pandas as pd
import pytest
from matplotlib import pyplot as plt
from scipy import sparse
from sklearn.datasets import load_breast_cancer, load_wine
from sklearn.decomposition import PCA
from sklearn.experimental import enable_halving_search_cv  # noqa: F401
from sklearn.model_selection import HalvingGridSearchCV, ValidationCurveDisplay
from sklearn.preprocessing import StandardScaler

from skvae import AutoencoderTransformer, VAETransformer
from skvae.penalties import Principal, Sparse

WINE = StandardScaler().fit_transform(load_wine().data)

LINEAR = {"hidden_layer_sizes": (), "random_state": 0, "max_iter": 300, "early_stopping": False}


@pytest.fixture(scope="module")
def linear():
    """A linear autoencoder of wine."""
    return AutoencoderTransformer(4, **LINEAR).fit(WINE)


def agreement(codes, others):
    """Correlation of each component with that of the same number."""
    return np.array([np.corrcoef(one, other)[0, 1] for one, other in zip(codes.T, others.T, strict=True)])


def test_a_linear_autoencoder_has_the_ratios_and_the_order_of_pca(linear):
    pca = PCA(4).fit(WINE)
    np.testing.assert_allclose(linear.explained_variance_ratio_, pca.explained_variance_ratio_, atol=2e-3)
    assert (np.abs(agreement(linear.transform(WINE), pca.transform(WINE))) > 0.99).all()


def test_ratios_of_all_add_up_to_what_comes_back(linear):
    kept = 1.0 - np.square(linear.inverse_transform(linear.transform(WINE)) - WINE).sum() / np.square(WINE).sum()
    np.testing.assert_allclose(linear.explained_variance_ratio_.sum(), kept, rtol=1e-3)


@pytest.mark.parametrize("Estimator", [AutoencoderTransformer, VAETransformer])
def test_two_seeds_agree_in_order_and_sign(Estimator):
    X = load_breast_cancer().data
    one, other = (Estimator(3, random_state=seed, max_iter=30).fit_transform(X) for seed in (0, 1))
    assert (agreement(one, other) > 0.9).all()


def test_codes_decode_as_they_were_encoded(linear):
    codes = linear.transform(WINE)
    np.testing.assert_allclose(linear.transform(linear.inverse_transform(codes)), codes, atol=0.05)


@pytest.mark.parametrize("Estimator", [AutoencoderTransformer, VAETransformer])
def test_each_component_is_at_the_place_where_its_figures_are(Estimator):
    rng = np.random.RandomState(0)
    strong, weak = rng.normal(size=(2, 800, 1))
    X = np.hstack([strong + 0.1 * rng.normal(size=(800, 6)), weak + 0.1 * rng.normal(size=(800, 2))])
    X = X[:, rng.permutation(8)]
    fitted = Estimator(2, random_state=3, max_iter=40).fit(X)
    assert np.abs(np.corrcoef(fitted.transform(X)[:, 0], strong[:, 0])[0, 1]) > 0.9
    assert fitted.explained_variance_ratio_[0] > 2.0 * fitted.explained_variance_ratio_[1]


def test_silent_components_come_last_with_their_divergence():
    rng = np.random.RandomState(0)
    X = rng.normal(size=(1000, 1)) + 0.3 * rng.normal(size=(1000, 5))
    vae = VAETransformer(3, random_state=0, max_iter=40).fit(X)
    assert np.argmax(vae.kl_per_component_) == 0
    assert np.argmax(vae.transform(X).var(axis=0)) == 0
    assert vae.active_components_.tolist() == sorted(vae.active_components_, reverse=True)


def test_codes_of_a_stream_keep_their_order_and_signs():
    model = AutoencoderTransformer(3, random_state=0)
    for start in range(0, 160, 40):
        model.partial_fit(WINE[start : start + 40])
        axes = model._model.axes
        if start == 0:
            first = axes
        assert axes.order.tolist() == first.order.tolist()
        assert axes.sign.tolist() == first.sign.tolist()


def test_activations_stay_between_zero_and_one():
    codes = AutoencoderTransformer(6, penalty=Sparse(1.0, 0.2), max_iter=5, random_state=0).fit_transform(WINE)
    assert codes.min() >= 0.0
    assert codes.max() <= 1.0


def test_a_strong_cost_leaves_the_codes_of_pca():
    own = {"random_state": 0, "max_iter": 60}
    free, kept = (
        AutoencoderTransformer(3, penalty=each, **own).fit_transform(WINE) for each in (None, Principal(100.0))
    )
    principal = PCA(3).fit_transform(WINE)
    kept, free = (np.abs(agreement(codes, principal)).min() for codes in (kept, free))
    assert kept > 0.99
    assert free < kept


def test_a_strong_cost_leaves_the_codes_of_pca_to_a_vae():
    codes = VAETransformer(3, penalty=Principal(100.0), random_state=0, max_iter=60).fit_transform(WINE)
    assert (np.abs(agreement(codes, PCA(3).fit_transform(WINE))) > 0.98).all()


def test_the_default_is_kept_to_components_where_columns_are_unrelated():
    quick = {"max_iter": 2, "random_state": 0}
    terms = AutoencoderTransformer(2, **quick).fit(WINE).history_
    assert sorted(terms) == ["departure", "reconstruction"]
    for others in ({"network": "mlp"}, {"hidden_layer_sizes": ()}, {"penalty": None}):
        assert sorted(AutoencoderTransformer(2, **quick, **others).fit(WINE).history_) == ["reconstruction"]
    assert sorted(VAETransformer(2, **quick).fit(WINE).history_) == ["kl", "reconstruction"]


def test_training_goes_on_with_the_penalty_it_began_with():
    model = AutoencoderTransformer(2, max_iter=2, random_state=0, warm_start=True).fit(WINE)
    assert model.fit(WINE)._model.options.penalty == ("principal", {"strength": 3.0})
    with pytest.raises(ValueError, match="penalty from principal"):
        model.set_params(penalty=None).fit(WINE)


def test_recovery_of_a_linear_model_is_what_pca_explains_of_each_column(linear):
    pca = PCA(4).fit(WINE)
    left = np.square(pca.inverse_transform(pca.transform(WINE)) - WINE).mean(axis=0)
    found = linear.feature_recovery(WINE)
    np.testing.assert_allclose(found["share"], 1.0 - left / WINE.var(axis=0), atol=0.01)
    assert (found["of"] == "variance").all()


@pytest.fixture(scope="module")
def mixed():
    """Two numbers that are one thing, levels that follow them, levels that follow nothing, and one value."""
    rng = np.random.RandomState(0)
    number = rng.normal(size=1500)
    return pd.DataFrame(
        {
            "minutes": number,
            "charge": 3.0 * number + 0.01 * rng.normal(size=1500),
            "plan": np.where(number > 0.0, "long", "short"),
            "coin": rng.choice(["a", "b", "c"], size=1500),
            "same": 1.0,
        }
    )


@pytest.mark.parametrize("Estimator", [AutoencoderTransformer, VAETransformer])
def test_a_column_that_codes_lose_is_named(Estimator, mixed):
    fitted = Estimator(1, random_state=0, max_iter=40).fit(mixed[:1000])
    with pytest.warns(UserWarning, match="1 of 5 columns do not come back through the 1 components: 'coin'"):
        found = fitted.feature_recovery(mixed[1000:])
    assert found.index.tolist() == mixed.columns.tolist()
    assert found["of"].tolist() == ["variance", "variance", "information", "information", "variance"]
    assert (found["share"][["minutes", "charge", "plan"]] > 0.7).all()
    assert found["share"]["coin"] < 0.05
    assert np.isnan(found["share"]["same"])


def test_recovery_leaves_out_missing_cells(mixed):
    known = mixed[["minutes", "charge", "plan"]]
    fitted = AutoencoderTransformer(2, random_state=0, max_iter=20).fit(known)
    holed = known.copy()
    holed.loc[::3, "charge"] = np.nan
    assert fitted.feature_recovery(holed)["share"]["charge"] > 0.7


def rows_of_known_size(seed, n_rows):
    """Rows of 20 columns with a code of 4, half of the columns bent."""
    rng = np.random.RandomState(seed)
    z, mix = rng.normal(size=(n_rows, 4)), rng.normal(size=(4, 20))
    signal = np.c_[z @ mix[:, :10], np.tanh(z @ mix[:, 10:])]
    return signal + 0.3 * signal.std(axis=0) * rng.normal(size=signal.shape)


@pytest.mark.parametrize("seed", [0, 1])
def test_one_fit_with_more_components_than_needed_tells_the_size(seed):
    vae = VAETransformer(7, random_state=0).fit(rows_of_known_size(seed, 4000))
    assert abs(int(vae.active_components_.sum()) - 4) <= 1
    assert np.flatnonzero(~vae.active_components_).min() > np.flatnonzero(vae.active_components_).max()


def test_halving_over_epochs_finds_the_size():
    search = HalvingGridSearchCV(
        VAETransformer(random_state=0),
        {"n_components": [1, 2, 4]},
        resource="max_iter",
        min_resources=3,
        max_resources=27,
        factor=3,
        cv=3,
        random_state=0,
    ).fit(rows_of_known_size(0, 600))
    assert search.best_params_["n_components"] == 4
    assert search.n_resources_[0] == 3
    assert len(search.n_resources_) > 1


def test_a_validation_curve_over_sizes_shows_where_likelihood_is_level():
    matplotlib.use("Agg")
    rng = np.random.RandomState(0)
    X = rng.normal(size=(300, 2)) @ rng.normal(size=(2, 6)) + 0.2 * rng.normal(size=(300, 6))
    vae = VAETransformer(random_state=0, max_iter=15)
    sizes, halves = [1, 2, 3], [(np.arange(150), np.arange(150, 300)), (np.arange(150, 300), np.arange(150))]
    display = ValidationCurveDisplay.from_estimator(
        vae, X, None, param_name="n_components", param_range=sizes, cv=halves
    )
    plt.close(display.figure_)
    train, test = display.lines_
    assert (train.get_label(), test.get_label()) == ("Train", "Test")
    assert display.ax_.get_xlabel() == "n_components"
    np.testing.assert_array_equal(test.get_xdata(), sizes)
    np.testing.assert_allclose(test.get_ydata(), display.test_scores.mean(axis=1))
    own = [VAETransformer(2, random_state=0, max_iter=15).fit(X[part]).score(X[others]) for part, others in halves]
    np.testing.assert_allclose(test.get_ydata()[1], np.mean(own))
    at_one, at_two, at_three = test.get_ydata()
    assert at_two > at_one + 1.0
    assert abs(at_three - at_two) < 0.3


def test_recovery_of_a_sparse_table_is_that_of_its_dense_copy():
    X = sparse.random(200, 8, 0.4, format="csr", random_state=0)
    fitted = AutoencoderTransformer(6, random_state=0, max_iter=30).fit(X)
    found = fitted.feature_recovery(X)
    pd.testing.assert_frame_equal(found, fitted.feature_recovery(X.toarray()))
    assert found.index.tolist() == list(range(8))
    assert found["share"].max() > 0.5
