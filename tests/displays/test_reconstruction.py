"""The picture of rows before and after a code: every mark stands where the tables say."""

import sys

import matplotlib
import numpy as np
import pandas as pd
import polars as pl
import pytest
from fits import fitted
from matplotlib import pyplot as plt
from scipy import sparse
from sklearn.decomposition import PCA
from sklearn.ensemble import IsolationForest

from skvae import AutoencoderTransformer, ReconstructionDisplay, VAETransformer

matplotlib.use("Agg")

VAE = VAETransformer(2, hidden_layer_sizes=(8,), random_state=0, max_iter=5)


@pytest.fixture(autouse=True)
def _close_figures():
    yield
    plt.close("all")


def table(n_rows=200):
    """Numbers, whole numbers, a date, a span, texts, categories and booleans, some of them missing."""
    rng = np.random.RandomState(0)
    z = rng.normal(size=n_rows)
    return pd.DataFrame(
        {
            "number": pd.Series(z).mask(rng.uniform(size=n_rows) < 0.1),
            "whole": np.rint(10.0 * z).astype(int),
            "day": pd.Timestamp("2024-01-01", tz="Europe/Berlin") + pd.to_timedelta(np.rint(9.0 * z), unit="D"),
            "span": pd.to_timedelta(np.rint(60.0 + 20.0 * z), unit="min"),
            "text": np.where(z + rng.normal(size=n_rows) > 0.0, "$yes_", "no"),
            "many": pd.Categorical(pd.cut(z, 10, labels=list("jihgfedcba"))),
            "flag": pd.array(z > 0.0, dtype="boolean"),
        }
    )


def images(n_rows=6, n_features=48):
    return np.random.RandomState(1).uniform(size=(n_rows, n_features))


def tile(display, row, column, height, width):
    """The colours of one tile of a mosaic (height, width, 3), whose gap is one pixel."""
    mosaic = display.ax_.images[0].get_array()
    return mosaic[row * (height + 1) :, column * (width + 1) :][:height, :width]


def texts(labels):
    return [label.get_text() for label in labels]


def points(panel):
    """All dots of a panel, in the order in which they were drawn (n, 2)."""
    return np.concatenate([np.asarray(each.get_offsets()) for each in panel.collections])


def test_images_stand_in_three_rows_with_their_pixels_and_errors():
    before, after = images(), images()[::-1]
    display = ReconstructionDisplay.from_reconstruction(before, after, image_shape=(1, 8, 6), n_samples=4)
    low, high = before[:4].min(), before[:4].max()
    grey = np.clip((np.stack([before[:4], after[:4]]).reshape(2, 4, 8, 6) - low) / (high - low), 0.0, 1.0)
    for row, column in ((0, 0), (0, 3), (1, 2)):
        np.testing.assert_allclose(tile(display, row, column, 8, 6)[..., 1], grey[row, column], atol=0.005)
    np.testing.assert_allclose(display.errors_, np.sqrt(((after[:4] - before[:4]) ** 2).mean(axis=1)))
    assert texts(display.ax_.get_yticklabels()) == ["before", "after", "difference"]
    assert texts(display.ax_.get_xticklabels()) == [f"{error:.3g}" for error in display.errors_]
    apart, shown = (after[:4] - before[:4]).reshape(4, 8, 6)[1], tile(display, 2, 1, 8, 6)
    redder = shown[..., 0] - shown[..., 2]
    assert (np.sign(redder)[abs(apart) > 0.05] == np.sign(apart)[abs(apart) > 0.05]).all()
    assert display.axes_.tolist() == [display.ax_]
    assert display.figure_ is display.ax_.figure


def test_colours_have_their_channels_and_missing_pixels_are_white():
    before = images()
    before[0, :16] = 0.0
    before[0, 5] = np.nan
    display = ReconstructionDisplay.from_reconstruction(before, images(), image_shape=(3, 4, 4))
    shown = tile(display, 0, 0, 4, 4)
    known = before[np.isfinite(before)]
    expected = np.moveaxis((before[0].reshape(3, 4, 4) - known.min()) / (known.max() - known.min()), 0, -1)
    np.testing.assert_allclose(shown[0, 0], expected[0, 0])
    assert shown[1, 1, 0] == 1.0
    assert np.isfinite(display.errors_).all()
    before[1] = np.nan
    errors = ReconstructionDisplay.from_reconstruction(before, images(), image_shape=(3, 4, 4)).errors_
    assert np.isnan(errors).tolist() == [False, True, False, False, False, False]


def test_sequences_are_drawn_over_each_other():
    before, after = images(), images() + 0.01
    display = ReconstructionDisplay.from_reconstruction(before, after, image_shape=(2, 24), n_samples=3)
    assert len(display.ax_.lines) == 2 * 3 * 2
    low, high = before[:3].min(), before[:3].max()
    first = display.ax_.lines[0].get_ydata()
    np.testing.assert_allclose(first, 1.0 - (before[0, :24] - low) / (high - low))


def test_the_shape_of_images_is_that_of_the_estimator_unless_it_is_said():
    X = images(60)
    estimator = PCA(5).fit(X)
    estimator.image_shape = (1, 8, 6)
    display = ReconstructionDisplay.from_estimator(estimator, X)
    assert display.image_shape == (1, 8, 6)
    assert len(display.errors_) == 8
    assert ReconstructionDisplay.from_estimator(estimator, X, image_shape=(3, 4, 4)).image_shape == (3, 4, 4)
    estimator.image_shape = None
    assert len(ReconstructionDisplay.from_estimator(estimator, X).errors_) == 48
    restored = estimator.inverse_transform(estimator.transform(X[:8]))
    np.testing.assert_allclose(display.errors_, np.sqrt(((restored - X[:8]) ** 2).mean(axis=1)))


@pytest.mark.parametrize("Estimator", [VAETransformer, AutoencoderTransformer])
def test_every_kind_of_column_has_a_panel_and_an_error(Estimator):
    X = table()
    estimator = fitted(Estimator(2, hidden_layer_sizes=(8,), random_state=0, max_iter=5), X)
    display = ReconstructionDisplay.from_estimator(estimator, X)
    display.figure_.draw_without_rendering()
    back = estimator.inverse_transform(estimator.transform(X))
    assert len(display.axes_) == X.shape[1]
    assert display.errors_.index.tolist() == list(X)
    there = X["number"].notna()
    apart = (back["number"] - X["number"])[there]
    assert display.errors_["number"] == pytest.approx((apart**2).mean() / X["number"][there].var(ddof=0))
    for name in ("text", "many", "flag"):
        assert display.errors_[name] == pytest.approx((X[name].astype(object) != back[name].astype(object)).mean())
    for name, panel in zip(X, display.axes_, strict=True):
        assert panel.get_title().splitlines()[0] == name
    days = points(display.axes_[list(X).index("day")])
    assert len(days) == len(X)
    labels = texts(display.axes_[list(X).index("day")].get_xticklabels())
    assert all(label.startswith("202") for label in labels)


def test_dots_stand_at_observed_and_reconstructed_and_far_ones_at_the_end():
    rng = np.random.RandomState(0)
    before = rng.normal(size=(100, 2))
    before[3, 0], before[5, 1] = 1e6, np.nan
    after = before + 0.1
    first, second = ReconstructionDisplay.from_reconstruction(before, after).axes_
    near, far = (np.asarray(each.get_offsets()) for each in first.collections)
    np.testing.assert_allclose(near, np.c_[before, after][:, [0, 2]][np.arange(100) != 3])
    assert len(far) == 1
    assert (far < 20.0).all()
    assert first.get_xlim()[1] < 20.0
    np.testing.assert_allclose(points(second), np.c_[before, after][:, [1, 3]][np.arange(100) != 5])
    (x0, x1), (y0, y1) = second.lines[0].get_data()
    assert (x0, x1) == (y0, y1)


def test_levels_are_shares_of_each_observed_one():
    before = pd.DataFrame({"a": pd.Categorical(["u", "u", "u", "u", "v", "v"], categories=["v", "u"])})
    after = pd.DataFrame({"a": pd.Categorical(["u", "u", "u", "v", "v", "v"], categories=["v", "u"])})
    display = ReconstructionDisplay.from_reconstruction(before, after)
    panel = display.axes_[0]
    np.testing.assert_allclose(panel.images[0].get_array(), [[1.0, 0.25], [0.0, 0.75]])  # v, u upwards
    assert texts(panel.get_xticklabels()) == texts(panel.get_yticklabels()) == ["v", "u"]
    assert sorted(texts(panel.texts)) == ["100 %", "25 %", "75 %"]
    assert display.errors_["a"] == pytest.approx(1 / 6)


def test_the_rarest_of_many_levels_share_a_place():
    levels = [f"level number {i}" for i in range(20)]
    held = [level for i, level in enumerate(levels) for _ in range(i + 1)]
    display = ReconstructionDisplay.from_reconstruction(pd.DataFrame({"a": held}), pd.DataFrame({"a": held}))
    shown = texts(display.axes_[0].get_xticklabels())
    assert len(shown) == 7
    assert shown[-1] == "others"
    np.testing.assert_array_equal(display.axes_[0].images[0].get_array(), np.eye(7))


def test_of_a_wide_table_the_worst_columns_are_drawn_in_their_order():
    before = np.random.RandomState(0).normal(size=(50, 30))
    after = before + np.linspace(1.0, 0.0, 30)
    after[:, 20] += 5.0
    display = ReconstructionDisplay.from_reconstruction(before, after, n_columns=3)
    names = [panel.get_title().splitlines()[0] for panel in display.axes_]
    worst = np.sort(np.argsort(-display.errors_.to_numpy())[:3])
    assert names == [f"column {j}" for j in worst]
    assert "column 20" in names
    assert len(display.errors_) == 30


def test_tables_of_other_libraries_and_columns_that_do_not_vary_are_drawn():
    X = table(50).drop(columns=["day", "span", "many"])
    from_pandas = ReconstructionDisplay.from_reconstruction(X, X)
    from_polars = ReconstructionDisplay.from_reconstruction(pl.DataFrame(X), pl.DataFrame(X))
    assert from_pandas.errors_.tolist() == from_polars.errors_.tolist() == [0.0] * 4
    constant = np.zeros((20, 2))
    display = ReconstructionDisplay.from_reconstruction(constant, constant)
    assert display.errors_.isna().all()
    assert display.axes_[0].get_title() == "column 0"
    matrix = sparse.csr_matrix(np.eye(5))
    assert ReconstructionDisplay.from_reconstruction(matrix, matrix).errors_.tolist() == [0.0] * 5
    empty = pd.DataFrame({"a": [None, None], "b": [np.nan, np.nan]})
    assert ReconstructionDisplay.from_reconstruction(empty, empty).errors_.isna().all()


def test_panels_take_the_place_of_given_axes():
    figure, axes = plt.subplots(1, 2)
    display = ReconstructionDisplay.from_reconstruction(images(), images(), ax=axes[1], n_columns=5)
    assert display.ax_ is axes[1]
    assert display.figure_ is figure
    assert not axes[1].axison
    left = axes[1].get_subplotspec().get_position(figure).x0
    assert all(panel.get_position().x0 >= left - 1e-9 for panel in display.axes_)
    drawn = ReconstructionDisplay.from_reconstruction(images(), images(), image_shape=(1, 8, 6), ax=axes[0])
    assert drawn.ax_ is axes[0]
    with pytest.raises(ValueError, match="ax has no place in a grid of axes"):
        ReconstructionDisplay.from_reconstruction(images(), images(), ax=figure.add_axes((0, 0, 1, 1)))


def test_what_cannot_be_drawn_is_an_error_with_a_remedy():
    X = images()
    draw = ReconstructionDisplay.from_reconstruction
    with pytest.raises(ValueError, match=r"shape \(6, 48\), their reconstructions \(6, 40\)"):
        draw(X, X[:, :40])
    with pytest.raises(ValueError, match=r"image_shape=\(1, 8, 8\) has 64 numbers, but a row has 48"):
        draw(X, X, image_shape=(1, 8, 8))
    with pytest.raises(ValueError, match="image_shape=48 must be"):
        draw(X, X, image_shape=48)
    with pytest.raises(ValueError, match=r"image_shape=\(2, 4, 6\) has 2 channels"):
        draw(X, X, image_shape=(2, 4, 6))
    with pytest.raises(ValueError, match="draws pixels, which are numbers"):
        draw(np.full((2, 4), "a"), np.full((2, 4), "a"), image_shape=(1, 2, 2))
    for name in ("n_samples", "n_columns"):
        with pytest.raises(ValueError, match=f"{name}=0 must be a whole number of at least 1"):
            draw(X, X, **{name: 0}, image_shape=(1, 8, 6) if name == "n_samples" else None)
    with pytest.raises(TypeError, match="transform and inverse_transform, but IsolationForest has not both"):
        ReconstructionDisplay.from_estimator(IsolationForest(), X)


def test_without_matplotlib_it_says_how_to_get_it(monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib.pyplot", None)
    with pytest.raises(ImportError, match=r"from_reconstruction needs matplotlib.*skvae\[plot\]"):
        ReconstructionDisplay.from_reconstruction(images(), images())
