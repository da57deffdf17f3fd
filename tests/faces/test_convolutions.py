"""Images: rows of pixels through convolutions, and networks of one's own."""

import functools
import pickle
from typing import ClassVar

import numpy as np
import pytest
import torch
from sklearn.base import clone
from sklearn.datasets import load_digits
from sklearn.decomposition import PCA
from small_models import two_layers
from torch import nn

from skvae import AutoencoderTransformer, VAETransformer
from skvae.networks import Convolutional, Custom

DIGITS = load_digits().data
SMALL = {"n_components": 4, "likelihood": "isotropic_gaussian", "max_iter": 3, "random_state": 0}
NETWORK = Convolutional((1, 8, 8), channels=(4, 8))
BOTH = pytest.mark.parametrize("Estimator", [AutoencoderTransformer, VAETransformer])


def error(model, X):
    return np.square(X - model.inverse_transform(model.transform(X))).mean()


def test_convolutions_lower_the_error_of_images_far_below_that_of_pca():
    train, test = DIGITS[:1400], DIGITS[1400:]
    network = Convolutional((1, 8, 8), channels=(16, 32))
    options = {"likelihood": "isotropic_gaussian", "max_iter": 20, "random_state": 0}
    model = AutoencoderTransformer(10, network=network, **options).fit(train)
    assert error(model, test) < 0.75 * error(PCA(10).fit(train), test)


@BOTH
@pytest.mark.parametrize("image_shape", [(1, 8, 8), (1, 64), (2, 32), (4, 4, 4)])
def test_images_and_sequences_of_any_shape_have_codes_rows_and_scores(Estimator, image_shape):
    model = Estimator(**SMALL, network=Convolutional(image_shape, channels=(4,))).fit(DIGITS[:200])
    assert model.transform(DIGITS).shape == (len(DIGITS), 4)
    assert model.inverse_transform(np.zeros((2, 4))).shape == model.sample(2, random_state=0).shape == (2, 64)
    assert np.isfinite(model.score_samples(DIGITS)).all()
    holes = np.where(np.arange(64) < 32, np.nan, DIGITS[:3])
    assert not np.isnan(model.impute(holes)).any()


@BOTH
def test_the_shape_of_the_estimator_is_that_of_its_network(Estimator):
    one = Estimator(**SMALL, network=NETWORK).fit(DIGITS[:200])
    other = Estimator(**SMALL, network=Convolutional(channels=(4, 8)), image_shape=[1, 8, 8]).fit(DIGITS[:200])
    np.testing.assert_array_equal(one.transform(DIGITS), other.transform(DIGITS))


@pytest.mark.parametrize(
    ("change", "value"),
    [("image_shape", (1, 64)), ("channels", (4, 9)), ("kernel_size", 2), ("hidden_layer_sizes", (5,))],
)
def test_every_parameter_of_convolutions_changes_codes(change, value):
    one, other = (
        AutoencoderTransformer(**SMALL, network=network).fit_transform(DIGITS[:200])
        for network in (NETWORK, NETWORK.with_params(**{change: value}))
    )
    assert not np.allclose(one, other)


@BOTH
def test_a_row_keeps_its_bits_wherever_it_stands(Estimator):
    model = Estimator(**SMALL, network=NETWORK).fit(DIGITS[:200])
    order = np.random.RandomState(0).permutation(len(DIGITS))
    for method in (model.transform, model.score_samples):
        np.testing.assert_array_equal(method(DIGITS[order]), method(DIGITS)[order])
        np.testing.assert_array_equal(method(DIGITS[:5]), method(DIGITS)[:5])


@BOTH
@pytest.mark.parametrize("network", [NETWORK, Custom(two_layers, two_layers)], ids=["convolutional", "custom"])
def test_networks_with_parameters_are_cloned_pickled_and_go_on(Estimator, network):
    model = Estimator(**SMALL, network=network, warm_start=True).fit(DIGITS[:200])
    codes = model.transform(DIGITS)
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(model)).transform(DIGITS), codes)
    np.testing.assert_array_equal(clone(model).fit(DIGITS[:200]).transform(DIGITS), codes)
    assert model.fit(DIGITS[:200]).n_iter_ == 6
    model.partial_fit(DIGITS[200:400])
    assert not np.allclose(model.transform(DIGITS), codes)


@pytest.mark.parametrize("precision", ["float64", "bfloat16"])
def test_convolutions_have_every_precision(monkeypatch, precision):
    monkeypatch.setattr(torch.backends.cpu, "get_cpu_capability", lambda: "AVX512")
    exact, other = (
        AutoencoderTransformer(**SMALL, network=NETWORK, precision=each).fit(DIGITS[:200]).transform(DIGITS)
        for each in ("float32", precision)
    )
    assert not np.array_equal(exact, other)
    assert np.corrcoef(exact.ravel(), other.ravel())[0, 1] > 0.9


@pytest.mark.parametrize("likelihood", ["gaussian", "heteroscedastic_gaussian", "inflated_gaussian", "ordinal"])
def test_convolutions_serve_every_density_of_pixels(likelihood):
    X = np.minimum(DIGITS[:200, 16:32], 3.0).round()
    X[:, 0] = np.arange(200) % 4
    options = {**SMALL, "likelihood": likelihood, "network": Convolutional((1, 4, 4), channels=(4,))}
    model = VAETransformer(**options).fit(X)
    assert np.isfinite(model.score_samples(X)).all()
    assert model.sample(3, random_state=0).shape == (3, 16)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (
            {"network": Convolutional((1, 8, 9))},
            r"image_shape=\(1, 8, 9\) has 1 x 8 x 9 = 72 cells, but X has 64",
        ),
        ({"network": "mlp", "image_shape": (1, 28, 28)}, r"image_shape=\(1, 28, 28\) has .* 784 cells, but X has 64"),
        ({"network": Convolutional((64,))}, r"image_shape=\(64,\) must hold whole numbers.*channels, height, width"),
        ({"network": Convolutional((1, 8, 8.0))}, r"image_shape=\(1, 8, 8.0\) must hold whole numbers"),
        ({"network": Convolutional((1, 8, 8), kernel_size=9)}, "kernel_size=9 is larger than the image of 8 x 8"),
        (
            {"network": Convolutional((1, 8, 8), channels=(2, 2, 2, 2, 2))},
            "kernel_size=3 is larger than",
        ),
        ({"network": Convolutional((1, 8, 8), channels=())}, r"channels=\(\) must hold whole numbers"),
        ({"network": Convolutional((1, 8, 8), kernel_size=0)}, "'kernel_size' parameter of Convolutional"),
        # gradients of such kernels end the whole process in torch 2.13
        ({"network": Convolutional((1, 8, 8), kernel_size=1)}, "'kernel_size' parameter of Convolutional.*Got 1"),
        (
            {"network": Convolutional((16, 2, 2))},
            "Channels come first .* image: here there are 16 of 2 x 2 pixels",
        ),
        ({"network": "convolutional"}, "network='convolutional' must know the shape of an image"),
        ({"network": NETWORK, "image_shape": (1, 64)}, r"image_shape=\(1, 64\) is not that of network=Convolutional"),
        ({"network": "custom"}, "'custom' has parameters without a default: encoder, decoder.*skvae.networks.Custom"),
    ],
)
def test_a_shape_that_does_not_fit_is_an_error_that_says_what_does(options, message):
    with pytest.raises(ValueError, match=message):
        AutoencoderTransformer(**{**SMALL, **options}).fit(DIGITS)


ONCE = two_layers(64, 4)


def of_one_width(in_features, out_features):
    return nn.Linear(in_features, 3)


def of_other_rows(in_features, out_features):
    return nn.Linear(in_features + 1, out_features)


def the_same_again(in_features, out_features):
    return ONCE


def sharing_weights(in_features, out_features):
    return nn.Sequential(ONCE)


def no_module(in_features, out_features):
    return torch.zeros


def of_three_arguments(in_features, out_features, width):
    return nn.Linear(in_features, out_features)


class Refusing(nn.Linear):
    """A module that fails by an error of its own."""

    def forward(self, x):
        raise KeyError("nothing")


@pytest.mark.parametrize(
    ("encoder", "raises", "message"),
    [
        (of_one_width, ValueError, r"of_one_width\(64, 4\) maps 2 rows to \(2, 3\); it must be \(2, 4\)"),
        (of_other_rows, ValueError, r"of_other_rows\(64, 4\) fails on 2 rows of 64 numbers"),
        (the_same_again, ValueError, "the_same_again returns the same module"),
        (sharing_weights, ValueError, "sharing_weights returns the same module, or the same weights"),
        (
            of_three_arguments,
            ValueError,
            r"of_three_arguments\(64, 4\) fails with TypeError.*'width'.*partial",
        ),
        (Refusing, ValueError, r"Refusing\(64, 4\) fails on 2 rows of 64 numbers: 'nothing'"),
        (no_module, TypeError, "no_module.*must return a torch.nn.Module"),
        (ONCE, TypeError, r"Custom\(encoder=...\) is given a module, Sequential. Give its class"),
        ("mlp", TypeError, "Custom\\(encoder='mlp'\\) must be a class or a function"),
    ],
)
def test_a_network_of_ones_own_that_cannot_serve_is_an_error_before_training(encoder, raises, message):
    with pytest.raises(raises, match=message):
        AutoencoderTransformer(**SMALL, network=Custom(encoder, two_layers)).fit(DIGITS)


def test_networks_of_ones_own_are_seeded_and_leave_torchs_generator_alone():
    before = torch.get_rng_state()
    one, other, third = (
        VAETransformer(**{**SMALL, "random_state": seed}, network=Custom(two_layers, two_layers)).fit_transform(DIGITS)
        for seed in (0, 0, 1)
    )
    assert torch.equal(torch.get_rng_state(), before)
    np.testing.assert_array_equal(one, other)
    assert not np.allclose(one, third)


@BOTH
def test_with_a_shape_alone_pixels_go_through_convolutions_with_one_scale(Estimator):
    model = Estimator(4, image_shape=(1, 8, 8), max_iter=3, random_state=0).fit(DIGITS[:200])
    explicit = Estimator(**SMALL, network="convolutional", image_shape=(1, 8, 8)).fit(DIGITS[:200])
    np.testing.assert_array_equal(model.transform(DIGITS), explicit.transform(DIGITS))
    assert set(model.column_likelihoods_["likelihood"]) == {"isotropic_gaussian"}
    shuffled = DIGITS[:200, np.random.RandomState(0).permutation(64)]
    assert set(model.fit(shuffled).column_likelihoods_["likelihood"]) == {"isotropic_gaussian"}


@BOTH
@pytest.mark.parametrize("network", [NETWORK, Custom(two_layers, two_layers)], ids=["convolutional", "custom"])
def test_the_hidden_half_of_an_image_is_filled_alike_wherever_it_stands(Estimator, network):
    model = Estimator(**SMALL, network=network).fit(DIGITS[:200])
    holes = np.where(np.arange(64) < 32, np.nan, DIGITS[500:600])
    filled, order = model.impute(holes), np.random.RandomState(0).permutation(100)
    np.testing.assert_allclose(model.impute(holes[order]), filled[order], rtol=1e-3, atol=1e-3)
    np.testing.assert_array_equal(filled[:, 32:], holes[:, 32:])


@BOTH
@pytest.mark.parametrize(("shape", "channels"), [((1, 5, 4), [32]), ((2, 6), [32, 64]), ((5, 2, 2), None)])
def test_with_a_shape_alone_small_images_have_fewer_layers(Estimator, shape, channels):
    X = DIGITS[:100, : np.prod(shape)]
    options = {"n_components": 2, "max_iter": 2, "random_state": 0}
    model = Estimator(**options, image_shape=shape).fit(X)
    network = Convolutional(channels=channels) if channels else "mlp" if Estimator is VAETransformer else "residual"
    explicit = Estimator(**options, image_shape=shape, network=network).fit(X)
    np.testing.assert_array_equal(model.transform(X), explicit.transform(X))


class Scaled(nn.Module):
    """A module with a parameter that has no dimension, a width of its own and a count that is no number of floats."""

    def __init__(self, in_features, out_features, width=5):
        super().__init__()
        self.layers = nn.Sequential(nn.Linear(in_features, width), nn.Tanh(), nn.Linear(width, out_features))
        self.scale = nn.Parameter(torch.tensor(1.0))
        self.register_buffer("count", torch.tensor(0))

    def forward(self, x):
        return self.layers(x) * self.scale


def dropping(in_features, out_features):
    return nn.Sequential(nn.Linear(in_features, 7), nn.Dropout(0.5), nn.Linear(7, out_features))


def normalising(in_features, out_features):
    return nn.Sequential(nn.Linear(in_features, 7), nn.BatchNorm1d(7), nn.ReLU(), nn.Linear(7, out_features))


def lazy(in_features, out_features):
    return nn.Sequential(nn.LazyLinear(7), nn.ReLU(), nn.LazyLinear(out_features))


OWN = [Scaled, functools.partial(Scaled, width=3), dropping, normalising, lazy]


@BOTH
@pytest.mark.parametrize("make", OWN, ids=["a number", "partial", "dropout", "normalisation", "lazy"])
def test_modules_of_any_layers_are_seeded_kept_and_go_on(Estimator, make):
    before = torch.get_rng_state()
    options = {**SMALL, "network": Custom(make, make), "warm_start": True}
    one, other = (Estimator(**options).fit(DIGITS[:200]) for _ in range(2))
    assert torch.equal(torch.get_rng_state(), before)
    np.testing.assert_array_equal(one.transform(DIGITS), other.transform(DIGITS))
    np.testing.assert_allclose(one.transform(DIGITS[:1]), one.transform(DIGITS[:99])[:1], rtol=1e-4, atol=1e-4)
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(one)).transform(DIGITS), one.transform(DIGITS))
    holes = np.where(np.arange(64) < 32, np.nan, DIGITS[:3])
    assert not np.isnan(one.impute(holes)).any()
    n_before = one.n_iter_
    assert one.fit(DIGITS[:200]).partial_fit(DIGITS[:1]).n_iter_ > n_before + 1
    assert torch.equal(torch.get_rng_state(), before)


@BOTH
def test_a_last_batch_of_one_row_is_learned_with_the_means_that_were_seen(Estimator):
    options = {**SMALL, "early_stopping": False, "batch_size": 16}
    model = Estimator(**options, network=Custom(normalising, normalising)).fit(DIGITS[: 16 * 4 + 1])
    assert np.isfinite(model.score_samples(DIGITS)).all()


class Watched(nn.Module):
    """A module that takes note of how many rows it saw in training mode, and in the other."""

    seen: ClassVar[set] = set()

    def __init__(self, in_features, out_features):
        super().__init__()
        self.layer = nn.Linear(in_features, out_features)

    def forward(self, x):
        self.seen.add((self.training, torch.is_grad_enabled(), len(x)))
        return self.layer(x)


def test_modules_judge_validation_rows_as_they_will_judge_others():
    Watched.seen.clear()
    options = {**SMALL, "batch_size": 40, "penalty": "contractive"}
    AutoencoderTransformer(**options, network=Custom(Watched, two_layers)).fit(DIGITS[:160], X_val=DIGITS[300:333])
    assert {n for training, _, n in Watched.seen if training} == {40}
    assert {training for training, _, n in Watched.seen if n == 33} == {False}


def test_other_networks_in_a_warm_start_are_named_as_users_write_them():
    model = AutoencoderTransformer(**SMALL, network=NETWORK, warm_start=True).fit(DIGITS[:99])
    message = r"network from convolutional\(image_shape=\(1, 8, 8\), channels=\[4, 8\], .* to custom\(encoder="
    with pytest.raises(ValueError, match=message):
        model.set_params(network=Custom(two_layers, two_layers)).fit(DIGITS[:99])
