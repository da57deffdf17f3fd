"""Images in a grid: each tile is the image that it should be."""

import sys

import matplotlib
import numpy as np
import pandas as pd
import pytest
from fits import fitted
from matplotlib import pyplot as plt
from sklearn.decomposition import PCA
from sklearn.exceptions import NotFittedError

from skvae import AutoencoderTransformer, ImageGridDisplay, VAETransformer
from skvae.networks import Convolutional

matplotlib.use("Agg")

SHAPE = (1, 5, 4)
SMALL = {"hidden_layer_sizes": (8,), "likelihood": "isotropic_gaussian", "random_state": 0, "max_iter": 5}


@pytest.fixture(autouse=True)
def _close_figures():
    yield
    plt.close("all")


def blots(n_rows=200):
    """Images of a bright blot (n_rows, 20), from 0 to 1."""
    centre = np.random.RandomState(0).uniform([0, 0], [5, 4], size=(n_rows, 2))
    rows, columns = np.mgrid[:5, :4]
    away = (rows.ravel() - centre[:, :1]) ** 2 + (columns.ravel() - centre[:, 1:]) ** 2
    return np.exp(-0.4 * away)


def model(n_components=2, Estimator=VAETransformer):
    return fitted(Estimator(n_components, **SMALL), blots())


def shown(display, number, n_columns):
    """The grey values of one tile (5, 4), whose gap is one pixel."""
    row, column = divmod(number, n_columns)
    return display.image_.get_array()[row * 6 :, column * 5 :][:5, :4, 0]


def texts(labels):
    return [label.get_text() for label in labels]


def test_images_that_are_there_stand_row_by_row():
    X = blots(7)
    display = ImageGridDisplay.from_images(X, image_shape=SHAPE, n_columns=3, vmin=0.0, vmax=1.0)
    for number in range(7):
        np.testing.assert_allclose(shown(display, number, 3), X[number].reshape(5, 4), atol=0.005)
    assert (shown(display, 8, 3) == 1.0).all()
    assert display.figure_ is display.ax_.figure
    assert ImageGridDisplay.from_images(pd.DataFrame(X), image_shape=SHAPE).image_.get_array().shape[:2] == (17, 14)


def test_colours_and_their_range():
    X = np.random.RandomState(0).uniform(10.0, 20.0, size=(2, 60))
    display = ImageGridDisplay.from_images(X, image_shape=(3, 5, 4), n_columns=2)
    low, high = X.min(), X.max()
    expected = np.moveaxis((X[0].reshape(3, 5, 4) - low) / (high - low), 0, -1)
    np.testing.assert_allclose(display.image_.get_array()[:5, :4], expected)
    display = ImageGridDisplay.from_images(X, image_shape=(3, 5, 4), vmin=12.0, vmax=18.0)
    np.testing.assert_allclose(display.image_.get_array()[0, 0], np.clip((X[0, ::20] - 12.0) / 6.0, 0.0, 1.0))


def test_a_pixel_that_lacks_a_channel_is_drawn_as_one_that_is_missing():
    X = np.random.RandomState(0).uniform(size=(1, 60))
    X[0, 3] = np.nan  # the red one
    drawn = ImageGridDisplay.from_images(X, image_shape=(3, 5, 4)).image_.get_array()
    assert (drawn[0, 3] == 1.0).all()
    assert not (drawn[0, :3] == 1.0).all(axis=-1).any()


def test_sequences_are_lines():
    X = np.random.RandomState(0).uniform(size=(5, 20))
    display = ImageGridDisplay.from_images(X, image_shape=(2, 10), vmin=0.0, vmax=1.0)
    assert len(display.image_) == 10
    np.testing.assert_allclose(display.image_[1].get_ydata(), 1.0 - X[0, 10:])


@pytest.mark.parametrize("Estimator", [VAETransformer, AutoencoderTransformer])
def test_samples_are_those_without_noise(Estimator):
    estimator = model(Estimator=Estimator)
    display = ImageGridDisplay.from_estimator(estimator, image_shape=SHAPE, n_images=9, random_state=3)
    np.testing.assert_array_equal(display.images, estimator.sample(9, random_state=3, noise=False))
    assert not np.allclose(display.images, estimator.sample(9, random_state=3))


def test_an_interpolation_has_a_row_a_pair_and_ends_at_their_reconstructions():
    estimator, X = model(3), blots()[:6]
    display = ImageGridDisplay.from_estimator(estimator, "interpolation", X, image_shape=SHAPE, n_columns=5)
    images = display.images.reshape(3, 5, 20)
    codes = estimator.transform(X)
    ends = estimator.inverse_transform(codes).reshape(3, 2, 20)
    np.testing.assert_allclose(images[:, 0], ends[:, 0], atol=1e-6)
    np.testing.assert_allclose(images[:, -1], ends[:, 1], atol=1e-6)
    np.testing.assert_allclose(images[:, 2], estimator.inverse_transform((codes[::2] + codes[1::2]) / 2.0), atol=1e-6)
    assert display.n_columns == 5
    assert (
        ImageGridDisplay.from_estimator(estimator, "interpolation", X, image_shape=SHAPE, n_images=30).n_columns == 10
    )


@pytest.mark.parametrize("given", [False, True])
def test_a_map_decodes_quantiles_of_the_codes_the_second_upwards(given):
    estimator = model()
    X = blots() if given else None
    display = ImageGridDisplay.from_estimator(estimator, "map", X, image_shape=SHAPE, n_images=16, random_state=0)
    rows = blots() if given else estimator.sample(2000, random_state=0)
    right, upwards = np.quantile(estimator.transform(rows), np.linspace(0.02, 0.98, 4), axis=0).T
    np.testing.assert_allclose(display.column_labels, right)
    np.testing.assert_allclose(display.row_labels, upwards[::-1])
    corners = estimator.inverse_transform([[right[0], upwards[-1]], [right[-1], upwards[0]]])
    np.testing.assert_allclose(display.images[[0, -1]], corners, atol=1e-6)
    assert texts(display.ax_.get_xticklabels()) == [f"{x:.2g}".replace("-", "\N{MINUS SIGN}") for x in right]
    assert len(texts(display.ax_.get_yticklabels())) == 4
    assert display.ax_.get_ylabel() == "second number"


def test_it_draws_on_given_axes():
    figure, ax = plt.subplots()
    display = ImageGridDisplay.from_images(blots(4), image_shape=SHAPE, ax=ax)
    assert display.ax_ is ax
    assert display.figure_ is figure


def test_what_cannot_be_drawn_is_an_error_with_a_remedy():
    draw = ImageGridDisplay.from_estimator
    with pytest.raises(ValueError, match=r"kind='maps' must be one of \['interpolation', 'map', 'samples'\]"):
        draw(model(), "maps", image_shape=SHAPE)
    with pytest.raises(ValueError, match="must know their shape: give image_shape"):
        draw(fitted(VAETransformer(2, **SMALL), blots()))
    with pytest.raises(ValueError, match="two numbers, but VAETransformer has n_components_=3.*n_components=2"):
        draw(model(3), "map", image_shape=SHAPE)
    for X, n in ((None, 0), (blots()[:3], 3)):
        with pytest.raises(ValueError, match=f"in pairs, but X has {n} rows"):
            draw(model(), "interpolation", X, image_shape=SHAPE)
    with pytest.raises(TypeError, match="needs an estimator with sample, but PCA has none"):
        draw(PCA().fit(blots()), image_shape=SHAPE)
    for kind in ("samples", "interpolation", "map"):
        with pytest.raises(NotFittedError):
            draw(VAETransformer(2), kind, blots()[:2], image_shape=SHAPE)
    with pytest.raises(ValueError, match="n_images=0 must be a whole number"):
        draw(model(), image_shape=SHAPE, n_images=0)
    with pytest.raises(ValueError, match=r"shape \(20,\), but ImageGridDisplay takes one a row"):
        ImageGridDisplay.from_images(blots()[0], image_shape=SHAPE)


def test_without_matplotlib_it_says_how_to_get_it(monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib.pyplot", None)
    with pytest.raises(ImportError, match=r"from_images needs matplotlib.*skvae\[plot\]"):
        ImageGridDisplay.from_images(blots(), image_shape=SHAPE)


@pytest.mark.parametrize("shape", [SHAPE, (1, 20)])
def test_the_shape_is_that_of_the_estimator_or_of_its_network(shape):
    for options in ({"image_shape": shape}, {"network": Convolutional(shape, channels=(2,))}):
        vae = VAETransformer(2, **{**SMALL, **options}).fit(blots())
        assert ImageGridDisplay.from_estimator(vae).image_shape == shape
        assert ImageGridDisplay.from_estimator(vae, image_shape=(2, 10)).image_shape == (2, 10)
