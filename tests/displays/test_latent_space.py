"""The picture of codes: every point stands where its code is, in the look of its label."""

import sys

import matplotlib
import numpy as np
import pandas as pd
import polars as pl
import pytest
from fits import fitted
from matplotlib import pyplot as plt
from matplotlib.path import Path
from sklearn.decomposition import PCA
from sklearn.ensemble import IsolationForest
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skvae import LatentSpaceDisplay, VAETransformer
from skvae._displays.latent_space import MOST_DRAWN_CODES

matplotlib.use("Agg")

draw = LatentSpaceDisplay.from_predictions


@pytest.fixture(autouse=True)
def _close_figures():
    yield
    plt.close("all")


def codes(n=300, n_components=3):
    return np.random.RandomState(0).normal(size=(n, n_components))


def places(points):
    return np.asarray(points.get_offsets())


def entries(display):
    """The texts of all legends."""
    return [text.get_text() for legend in legends(display) for text in legend.get_texts()]


def legends(display):
    return [each for each in display.ax_.get_children() if isinstance(each, matplotlib.legend.Legend)]


def test_points_stand_where_codes_are_in_the_components_that_are_chosen():
    Z = codes()
    np.testing.assert_array_equal(places(draw(Z).points_[""]), Z[:, :2])
    display = draw(Z, components=(2, 0))
    np.testing.assert_array_equal(places(display.points_[""]), Z[:, [2, 0]])
    assert (display.ax_.get_xlabel(), display.ax_.get_ylabel()) == ("component 2", "component 0")
    assert display.contours_ is None
    assert legends(display) == []


def test_each_label_has_its_rows_and_a_shape_and_colour_of_its_own():
    Z, y = codes(), np.array(["b", "a", "c"])[np.arange(300) % 3]
    display = draw(Z, pd.Series(y, name="grape", index=np.arange(300) + 7))
    assert list(display.points_) == ["a", "b", "c"]
    for name, points in display.points_.items():
        np.testing.assert_array_equal(places(points), Z[y == name, :2])
    assert len({points.get_paths()[0].vertices.tobytes() for points in display.points_.values()}) == 3
    assert len({points.get_facecolor().tobytes() for points in display.points_.values()}) == 3
    assert entries(display) == ["a", "b", "c"]
    assert legends(display)[0].get_title().get_text() == "grape"


def test_labels_stand_in_the_order_of_their_categories_or_by_size():
    Z = codes(30)
    y = pd.Categorical(["low", "high", "mid"] * 10, categories=["low", "mid", "high", "never"])
    assert list(draw(Z, y).points_) == ["low", "mid", "high"]
    assert list(draw(Z, np.array([10, 9, -2] * 10)).points_) == ["\N{MINUS SIGN}2", "9", "10"]
    assert list(draw(Z, [True, False, None] * 10).points_) == ["False", "True", "no label"]
    assert list(draw(Z, pl.Series(["v", "u", "u"] * 10)).points_) == ["u", "v"]


def test_of_too_many_labels_the_most_frequent_ones_have_a_group():
    y = np.array([f"label {i:02d}" for i in range(20) for _ in range(i + 1)])
    display = draw(codes(len(y)), y)
    assert list(display.points_) == [f"label {i}" for i in range(11, 20)] + ["other labels"]
    assert sum(len(places(points)) for points in display.points_.values()) == len(y)


def test_many_numbers_are_a_colour_scale():
    Z, y = codes(), np.linspace(3.0, 5.0, 300)
    display = draw(Z, pd.Series(y, name="age"))
    np.testing.assert_array_equal(display.points_[""].get_array(), y)
    assert display.figure_.axes[1].get_ylabel() == "age"
    assert legends(display) == []


def test_codes_far_out_stand_hollow_at_the_edge_and_the_others_keep_their_room():
    Z, y = codes(), np.arange(300) % 2
    Z[4] = 1e6, 0.0, 0.0
    for labels in (None, y, np.linspace(0.0, 1.0, 300)):
        display = draw(Z, labels)
        assert display.ax_.get_xlim()[1] < 20.0
        hollow = [
            each for each in display.ax_.collections if len(each.get_facecolor()) == 0 and len(each.get_offsets())
        ]
        assert len(hollow) == 1
        (place,) = places(hollow[0])
        assert 3.0 < place[0] < display.ax_.get_xlim()[1]
        assert "beyond the picture" in entries(display)


def test_contours_hold_the_shares_of_codes_that_they_say():
    rng = np.random.RandomState(1)
    Z = np.concatenate([rng.normal(size=(2000, 2)), [6.0, 0.0] + 0.5 * rng.normal(size=(2000, 2))])
    display = draw(Z, density=True)
    held = [sum(Path(part).contains_points(Z) for part in parts) % 2 for parts in rings(display.contours_)]
    np.testing.assert_allclose([each.mean() for each in held], [0.95, 0.8, 0.5], atol=0.03)
    assert entries(display)[:3] == ["50 % of the codes", "80 % of the codes", "95 % of the codes"]
    assert len({str(line) for line in display.contours_.get_linestyle()}) == 3
    assert len(draw(Z[:1].repeat(5, axis=0), density=True).contours_.levels) == 3  # without any spread


def rings(contours):
    """The closed lines of each level, outermost level first."""
    return [[part.vertices for part in path._iter_connected_components()] for path in contours.get_paths()]


def test_of_many_rows_some_are_drawn_and_rare_labels_keep_their_look():
    n = 3 * MOST_DRAWN_CODES
    y = np.zeros(n, dtype=int)
    y[1], y[2] = 1, 2
    display = draw(codes(n), y)
    assert sum(len(places(points)) for points in display.points_.values()) <= MOST_DRAWN_CODES
    assert entries(display) == ["0", "1", "2"]


def test_an_estimator_gives_codes_and_shares_of_the_variance(X):
    vae = fitted(VAETransformer(3, hidden_layer_sizes=(8,), max_iter=5, random_state=0), X)
    display = LatentSpaceDisplay.from_estimator(vae, X, components=(1, 2))
    np.testing.assert_allclose(places(display.points_[""]), vae.transform(X)[:, 1:])
    share = 100.0 * vae.explained_variance_ratio_[2]
    assert display.ax_.get_ylabel() == f"component 2 ({share:.0f} % of the variance)"
    pipeline = make_pipeline(StandardScaler(), PCA(2)).set_output(transform="pandas").fit(X)
    display = LatentSpaceDisplay.from_estimator(pipeline, X)
    np.testing.assert_array_equal(places(display.points_[""]), pipeline.transform(X))
    assert "of the variance" in display.ax_.get_xlabel()


def test_it_draws_on_given_axes_and_nothing_is_cut_off():
    figure, axes = plt.subplots(1, 2, figsize=(9, 4), layout="constrained")
    display = draw(codes(), np.arange(300) % 3, density=True, ax=axes[0])
    assert display.ax_ is axes[0]
    assert display.figure_ is figure
    for each in (display, draw(codes(), np.arange(300) % 3, density=True)):
        each.figure_.canvas.draw()
        for legend in legends(each):
            box = legend.get_window_extent()
            assert (box.min >= -1.0).all()
            assert (box.max <= each.figure_.bbox.max + 1.0).all()
            assert not box.overlaps(each.ax_.patch.get_window_extent().padded(-1.0))


def test_what_cannot_be_drawn_is_an_error_with_a_remedy(X):
    Z = codes()
    with pytest.raises(ValueError, match="n_components=1, but a picture of them needs two"):
        draw(Z[:, :1])
    for components in ((0, 0), (0, 3), (0, 1, 2), (0.0, 1)):
        with pytest.raises(ValueError, match="must be two different numbers from 0 to 2"):
            draw(Z, components=components)
    with pytest.raises(ValueError, match="y has 299 labels, but there are 300 rows"):
        draw(Z, np.zeros(299))
    with pytest.raises(ValueError, match=r"y has shape \(300, 1\).*ravel"):
        draw(Z, np.zeros((300, 1)))
    with pytest.raises(ValueError, match=r"Codes have shape \(3,\)"):
        draw(Z[0])
    with pytest.raises(ValueError, match="finite numbers, but row 7 has another"):
        draw(np.where(np.arange(300)[:, None] == 7, np.nan, Z))
    with pytest.raises(ValueError, match="codes, which are numbers, but a cell is none"):
        draw([["a", "b"]])
    with pytest.raises(TypeError, match="needs an estimator with transform, but IsolationForest has none"):
        LatentSpaceDisplay.from_estimator(IsolationForest().fit(X), X)


def test_without_matplotlib_it_says_how_to_get_it(monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib.pyplot", None)
    with pytest.raises(ImportError, match=r"from_predictions needs matplotlib.*skvae\[plot\]"):
        draw(codes())
