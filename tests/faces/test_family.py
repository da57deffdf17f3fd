"""The family of autoencoders: what each variant promises, shown on small tables."""

import pickle

import numpy as np
import pandas as pd
import pytest
from sklearn.datasets import load_digits, load_wine
from sklearn.decomposition import PCA
from sklearn.preprocessing import StandardScaler

from skvae import AutoencoderTransformer, VAETransformer
from skvae.corruptions import Gaussian, Masking, SaltAndPepper, Swap
from skvae.networks import Perceptron, ResidualBlocks
from skvae.penalties import Contractive, Orthogonal, Principal, Sparse

DIGITS = load_digits().data
SMALL = {"n_components": 2, "hidden_layer_sizes": (8,), "max_iter": 3, "random_state": 0}
PIXELS = {"likelihood": "isotropic_gaussian", "network": "mlp", "early_stopping": False, "random_state": 0}


def error(fitted, X):
    """Mean squared error of rows restored from their codes."""
    return np.square(fitted.inverse_transform(fitted.transform(X)) - X).mean()


MEMBERS = {
    "corruption": [
        *(Gaussian(0.1), Gaussian(0.2), Masking(0.1), Masking(0.2), SaltAndPepper(0.1), SaltAndPepper(0.2)),
        *(Swap(0.1), Swap(0.2), Masking(0.1, emphasis=2.0), SaltAndPepper(0.1, emphasis=2.0), Swap(0.1, emphasis=2.0)),
    ],
    "penalty": [
        *(Sparse(1.0), Sparse(2.0), Sparse(1.0, target=0.1), Sparse(1.0, target=0.2), Sparse(2.0, target=0.1)),
        *(Contractive(1.0), Contractive(2.0), Contractive(1.0, n_projections=2), Orthogonal(1.0), Orthogonal(2.0)),
        *(Principal(1.0), Principal(2.0)),
    ],
    "network": [
        *(Perceptron(), Perceptron(dropout=0.1), Perceptron(dropout=0.2), Perceptron(tied=True)),
        *(ResidualBlocks(), ResidualBlocks(dropout=0.1)),
    ],
}


@pytest.mark.parametrize("parameter", MEMBERS)
def test_every_parameter_of_a_member_changes_codes(parameter):
    X = load_wine().data
    sizes = {**SMALL, "hidden_layer_sizes": (8, 8)}
    codes = [AutoencoderTransformer(**sizes, **{parameter: member}).fit_transform(X) for member in MEMBERS[parameter]]
    for place, one in enumerate(codes):
        assert np.isfinite(one).all()
        for other in codes[:place]:
            assert not np.allclose(one, other, rtol=1e-6)


@pytest.mark.parametrize(
    ("member", "message"),
    [
        ({"corruption": Masking(1.5)}, "'share' parameter of Masking must be a float in the range"),
        ({"corruption": Swap(0.1, emphasis=-1.0)}, "'emphasis' parameter of Swap"),
        ({"corruption": SaltAndPepper("all")}, "'share' parameter of SaltAndPepper"),
        ({"penalty": Sparse(target=1.0)}, "'target' parameter of Sparse"),
        ({"penalty": Sparse(-1.0)}, "'strength' parameter of Sparse"),
        ({"penalty": Contractive(n_projections=0)}, "'n_projections' parameter of Contractive"),
        ({"penalty": Orthogonal(-1.0)}, "'strength' parameter of Orthogonal"),
        ({"network": Perceptron(dropout=1.0)}, "'dropout' parameter of Perceptron"),
        ({"network": Perceptron(tied="yes")}, "'tied' parameter of Perceptron"),
        ({"network": ResidualBlocks(dropout=-0.1)}, "'dropout' parameter of ResidualBlocks"),
    ],
)
def test_a_value_without_meaning_is_refused_before_training(X, member, message):
    with pytest.raises(ValueError, match=message):
        AutoencoderTransformer(**SMALL, **member).fit(X)


def test_a_vae_says_what_it_cannot_do(X):
    with pytest.raises(ValueError, match=r"corruption=Swap\(share=0.1, emphasis=2.0\).*emphasis=1.0, or an Auto"):
        VAETransformer(**SMALL, corruption=Swap(0.1, emphasis=2.0)).fit(X)
    with pytest.raises(ValueError, match=r"penalty=Sparse\(strength=1.0, target=0.1\).*target=None, or an Auto"):
        VAETransformer(**SMALL, penalty=Sparse(target=0.1)).fit(X)


def test_a_tied_linear_autoencoder_is_pca_with_orthonormal_rows():
    X = StandardScaler().fit_transform(load_wine().data)
    fitted = AutoencoderTransformer(
        3, hidden_layer_sizes=(), network=Perceptron(tied=True), max_iter=600, batch_size=10_000, early_stopping=False,
        learning_rate="cosine", learning_rate_init=0.02, random_state=0,
    ).fit(X)  # fmt: skip
    pca = PCA(3).fit(X)
    assert error(fitted, X) == pytest.approx(np.square(pca.inverse_transform(pca.transform(X)) - X).mean(), rel=1e-3)
    matrix = fitted.module_.encoder[0].weight.detach().numpy()
    np.testing.assert_allclose(matrix @ matrix.T, np.eye(3), atol=0.02)


@pytest.mark.parametrize("Estimator", [AutoencoderTransformer, VAETransformer])
def test_tied_weights_with_dropout_are_pickled_and_go_on(X, Estimator):
    fitted = Estimator(**SMALL, network=Perceptron(dropout=0.2, tied=True), warm_start=True).fit(X)
    again = pickle.loads(pickle.dumps(fitted))
    np.testing.assert_array_equal(again.transform(X), fitted.transform(X))
    for each in (fitted, again):
        each.fit(X)
        assert each.module_.decoder[-1].weight is each.module_.encoder[0].weight or Estimator is VAETransformer
    np.testing.assert_array_equal(again.transform(X), fitted.transform(X))


def test_twenty_layers_train_in_residual_blocks_and_not_in_a_perceptron():
    deep = {**PIXELS, "hidden_layer_sizes": 20 * (32,), "max_iter": 15}
    share = {
        network: error(AutoencoderTransformer(8, **{**deep, "network": network}).fit(DIGITS), DIGITS)
        / DIGITS.var(axis=0).mean()
        for network in ("mlp", "residual_blocks")
    }
    assert share["mlp"] > 0.9
    assert share["residual_blocks"] < 0.4


def test_a_target_is_the_mean_activation_and_codes_lie_between_zero_and_one():
    fitted = AutoencoderTransformer(32, **PIXELS, hidden_layer_sizes=(64,), max_iter=30, penalty=Sparse(20.0, 0.1))
    codes = fitted.fit_transform(DIGITS)
    assert 0.0 <= codes.min() < codes.max() <= 1.0
    assert codes.mean() == pytest.approx(0.1, rel=0.2)
    assert fitted.history_["sparsity"][-1] < 0.1 * fitted.history_["sparsity"][0]


@pytest.mark.parametrize(
    ("penalty", "measure", "factor"),
    [
        (Sparse(1.0), lambda Z: (np.abs(Z) / np.sqrt(np.square(Z).mean(axis=0))).mean(), 0.8),
        (Orthogonal(10.0), lambda Z: np.abs(np.corrcoef(Z.T)[np.triu_indices(8, 1)]).mean(), 0.7),
    ],
)
def test_a_penalty_lowers_what_it_measures(penalty, measure, factor):
    plain, other = (
        AutoencoderTransformer(8, **PIXELS, hidden_layer_sizes=(64,), max_iter=20, penalty=each).fit_transform(DIGITS)
        for each in (None, penalty)
    )
    assert measure(other) < factor * measure(plain)


def jacobian(fitted, X, step=0.05):
    """Mean squared norm of the Jacobian of codes in standard deviations, by finite differences."""
    spread, total = fitted.transform(X).std(axis=0), 0.0
    for column in range(X.shape[1]):
        moved = np.zeros(X.shape[1])
        moved[column] = step
        slope = (fitted.transform(X + moved) - fitted.transform(X - moved)) / (2.0 * step)
        total = total + np.square(slope / spread).sum(axis=1)
    return total.mean()


def test_contraction_has_codes_move_less_at_nearly_the_same_error():
    plain, contracted = (
        AutoencoderTransformer(8, **PIXELS, hidden_layer_sizes=(64,), max_iter=30, penalty=penalty).fit(DIGITS)
        for penalty in (None, Contractive())
    )
    assert jacobian(contracted, DIGITS) < 0.75 * jacobian(plain, DIGITS)
    assert error(contracted, DIGITS) < 1.05 * error(plain, DIGITS)


@pytest.mark.parametrize("corruption", [Gaussian(0.8), Masking(0.3), SaltAndPepper(0.2), Swap(0.3)])
def test_a_denoising_autoencoder_restores_what_was_corrupted_better_than_a_plain_one(corruption):
    rng = np.random.RandomState(0)
    train, test = DIGITS[:1200], DIGITS[1200:]
    hit = rng.uniform(size=test.shape) < 0.3
    noisy = {
        "gaussian": lambda: test + 0.8 * np.sqrt(train.var(axis=0).mean()) * rng.normal(size=test.shape),
        "masking": lambda: np.where(hit, train.mean(axis=0), test),
        "salt_and_pepper": lambda: np.where(hit, np.where(rng.uniform(size=test.shape) < 0.5, 0.0, 16.0), test),
        "swap": lambda: np.where(hit, np.stack([rng.permutation(column) for column in test.T], axis=1), test),
    }[corruption.name]()
    restored = [
        np.square(fitted.inverse_transform(fitted.transform(noisy)) - test).mean()
        for fitted in (
            AutoencoderTransformer(16, **PIXELS, hidden_layer_sizes=(64,), max_iter=20, corruption=each).fit(train)
            for each in (None, corruption)
        )
    ]
    assert restored[1] < 0.85 * restored[0]


def test_emphasis_brings_corrupted_cells_nearer_than_others():
    train, test = DIGITS[:1200], DIGITS[1200:]
    hit = np.random.RandomState(0).uniform(size=test.shape) < 0.2
    masked = np.where(hit, train.mean(axis=0), test)
    errors = []
    for emphasis in (0.0, 1.0, 10.0):
        options = {**PIXELS, "hidden_layer_sizes": (64,), "max_iter": 20, "corruption": Masking(0.2, emphasis)}
        fitted = AutoencoderTransformer(16, **options).fit(train)
        squares = np.square(fitted.inverse_transform(fitted.transform(masked)) - test)
        errors.append(squares[hit].mean() / squares[~hit].mean())
    assert errors[2] < errors[1] < errors[0]


def test_swapping_is_for_columns_of_any_kind(X):
    frame = pd.DataFrame(X, columns=[f"x{j}" for j in range(X.shape[1])])
    frame["level"] = np.where(X[:, 0] > 0, "a", "b")
    frame.loc[::4, "x1"] = np.nan
    for corruption in (Swap(0.5), Masking(0.5), SaltAndPepper(0.5)):
        for Estimator in (AutoencoderTransformer, VAETransformer):
            fitted = Estimator(**SMALL, corruption=corruption).fit(frame)
            assert fitted.inverse_transform(fitted.transform(frame))["level"].isin(["a", "b"]).all()
            assert np.isfinite(fitted.score_samples(frame)).all()


def shares(n_rows=400):
    """Rows of five shares that depend on one number, some of them zero."""
    rng = np.random.RandomState(0)
    code = rng.normal(size=n_rows)
    mean = np.exp(np.outer(code, [1.0, 0.5, 0.0, -0.5, -1.0]))
    X = np.stack([rng.dirichlet(40.0 * row / row.sum()) for row in mean])
    X[X < 0.01] = 0.0
    return X / X.sum(axis=1, keepdims=True)


@pytest.mark.parametrize("Estimator", [AutoencoderTransformer, VAETransformer])
def test_rows_of_shares_are_restored_and_drawn_as_such(Estimator):
    X = shares()
    fitted = Estimator(1, likelihood="dirichlet", hidden_layer_sizes=(16,), max_iter=60, random_state=0).fit(X)
    back, drawn = fitted.inverse_transform(fitted.transform(X)), fitted.sample(2000, random_state=0)
    for rows in (back, drawn):
        assert (rows >= 0.0).all()
        np.testing.assert_allclose(rows.sum(axis=1), 1.0, rtol=1e-5)
    assert np.square(back - X).mean() < 0.3 * X.var(axis=0).mean()
    np.testing.assert_allclose(drawn.mean(axis=0), X.mean(axis=0), atol=0.04)
    assert 20.0 < float(fitted.module_.likelihood.concentration) < 80.0  # 40 without the zeros
    assert np.isfinite(fitted.score_samples(X)).all()
    assert fitted.score(X) > fitted.score(X[:, [1, 2, 3, 4, 0]]) + 1.0


def test_a_row_that_does_not_sum_to_one_is_named(X):
    rows = shares()
    fitted = AutoencoderTransformer(**SMALL, likelihood="dirichlet").fit(rows)
    bad = rows.copy()
    bad[7] *= 0.5
    message = (
        r"column 0, row 7 holds .*'dirichlet' describes shares from 0 up that sum to 1 in each row \(here to 0.5\)"
    )
    for call in (fitted.transform, fitted.fit):
        with pytest.raises(ValueError, match=message + ".*Divide each row"):
            call(bad)
    bad = rows.copy()
    bad[9, :2] = -0.1, bad[9, :2].sum() + 0.1
    with pytest.raises(ValueError, match="column 0, row 9 holds -0.1.*'dirichlet'"):
        fitted.fit(bad)
    bad[9, 1] = np.nan
    with pytest.raises(ValueError, match="row 9 lacks column 1.*all or none of them. Fill these cells"):
        fitted.fit(bad)


def test_hubers_error_lets_far_rows_move_the_line_less_than_the_squared_one():
    rng = np.random.RandomState(0)
    code = rng.normal(size=300)
    X = np.outer(code, [1.0, 1.0, 1.0]) + 0.1 * rng.normal(size=(300, 3))
    X[::10, 0] += 3.0 * rng.normal(size=30) + 6.0
    clean, line = np.delete(np.arange(300), np.s_[::10]), {"max_iter": 200, "hidden_layer_sizes": (), "random_state": 0}
    off = {
        name: np.abs(np.delete(fitted.inverse_transform(fitted.transform(X)) - X, np.s_[::10], axis=0)[:, 1:]).mean()
        for name in ("gaussian", "huber")
        for fitted in [AutoencoderTransformer(1, likelihood=name, **line).fit(X)]
    }
    assert len(clean) == 270
    assert off["huber"] < off["gaussian"]
