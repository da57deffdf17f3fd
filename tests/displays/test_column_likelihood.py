"""The picture of columns: histograms and bars are the shares of data and of draws."""

import sys

import matplotlib
import numpy as np
import pandas as pd
import polars as pl
import pytest
from fits import fitted
from matplotlib import pyplot as plt
from scipy import sparse
from scipy.stats import ks_2samp
from sklearn.decomposition import PCA

from skvae import AutoencoderTransformer, ColumnLikelihoodDisplay, VAETransformer

matplotlib.use("Agg")

draw = ColumnLikelihoodDisplay.from_predictions


@pytest.fixture(autouse=True)
def _close_figures():
    yield
    plt.close("all")


def table(n_rows=200, seed=0):
    """Numbers, whole numbers, a date, a span, texts, categories and booleans, some of them missing."""
    rng = np.random.RandomState(seed)
    z = rng.normal(size=n_rows)
    return pd.DataFrame(
        {
            "number": pd.Series(z).mask(rng.uniform(size=n_rows) < 0.1),
            "whole": np.rint(2.0 * z).astype(int),
            "day": pd.Timestamp("2024-01-01", tz="Europe/Berlin") + pd.to_timedelta(np.rint(9.0 * z), unit="D"),
            "span": pd.to_timedelta(np.rint(60.0 + 20.0 * z), unit="min"),
            "text": pd.Series(np.where(z + rng.normal(size=n_rows) > 0.0, "$yes_", "no"), dtype=object).mask(z > 1.0),
            "many": pd.Categorical(pd.cut(z, 10, labels=list("jihgfedcba"))),
            "flag": pd.array(z > 0.0, dtype="boolean"),
        }
    )


def texts(labels):
    return [label.get_text() for label in labels]


def steps(panel):
    """Heights and edges of both histograms of a panel, that of the data first."""
    return [patch.get_data()[:2] for patch in panel.patches]


def bars(panel):
    """Widths of the bars of data and of draws, by level."""
    data, draws = panel.containers
    labels = texts(panel.get_yticklabels())
    return {label: (a.get_width(), b.get_width()) for label, a, b in zip(labels, data, draws, strict=True)}


@pytest.mark.parametrize("Estimator", [VAETransformer, AutoencoderTransformer])
def test_every_kind_of_column_has_a_panel_with_its_likelihood(Estimator):
    X = table()
    estimator = fitted(Estimator(2, hidden_layer_sizes=(8,), random_state=0, max_iter=5), X)
    display = ColumnLikelihoodDisplay.from_estimator(estimator, X, random_state=0)
    display.figure_.draw_without_rendering()
    titles = [panel.get_title(loc="left").splitlines() for panel in display.axes_]
    assert [title[0] for title in titles] == list(X)
    assert [title[1] for title in titles] == estimator.column_likelihoods_["likelihood"].tolist()
    drawn = estimator.sample(1000, random_state=0)
    expected = [f"missing {100 * each['number'].isna().mean():.0f} %" for each in (X, drawn)]
    assert titles[0][2] == f"{expected[0]}, drawn {expected[1].removeprefix('missing ')}"
    pd.testing.assert_series_equal(display.distances_, draw(X, drawn).distances_)
    assert all(label.startswith("20") for label in texts(display.axes_[2].get_xticklabels()))


def test_histograms_are_shares_in_the_same_bins_and_far_cells_are_in_the_last():
    rng = np.random.RandomState(0)
    data, draws = rng.normal(size=(300, 1)), rng.normal(size=(1000, 1)) + 0.5
    data[0] = 1e9
    ((first, edges), (second, same)) = steps(draw(data, draws).axes_[0])
    np.testing.assert_array_equal(edges, same)
    assert edges[-1] < 20.0
    for heights, cells in ((first, data), (second, draws)):
        np.testing.assert_allclose(heights, np.histogram(cells.clip(edges[0], edges[-1]), edges)[0] / len(cells))
        assert heights.sum() == pytest.approx(1.0)


def test_whole_numbers_have_a_bin_each():
    data, draws = np.array([[0], [1], [1], [3]]), np.array([[0], [0], [2], [3]])
    (heights, edges), (drawn, _) = steps(draw(data, draws).axes_[0])
    np.testing.assert_array_equal(edges, np.arange(5) - 0.5)
    np.testing.assert_array_equal(heights, [0.25, 0.5, 0.0, 0.25])
    np.testing.assert_array_equal(drawn, [0.5, 0.0, 0.25, 0.25])


def test_bars_are_shares_of_all_cells_with_missing_ones_last():
    levels = ["low", "mid", "high"]
    data = pd.DataFrame({"a": pd.Categorical(["low", "high", "high", None], categories=levels)})
    draws = pd.DataFrame({"a": pd.Categorical(["low", "mid", "high", "high"], categories=levels)})
    display = draw(data, draws)
    assert bars(display.axes_[0]) == {"low": (25, 25), "mid": (0, 25), "high": (50, 50), "missing": (25, 0)}
    assert display.distances_["a"] == 0.25
    filled, hatched = (container[0] for container in display.axes_[0].containers)
    assert not filled.get_hatch()
    assert hatched.get_hatch()
    assert "missing" not in bars(draw(data.dropna(), draws).axes_[0])


def test_the_rarest_of_many_levels_share_a_bar():
    held = [f"level {i}" for i in range(20) for _ in range(i + 1)]
    shown = bars(draw(pd.DataFrame({"a": held}), pd.DataFrame({"a": held})).axes_[0])
    assert len(shown) == 7
    assert list(shown)[-1] == "others"
    assert sum(share for share, _ in shown.values()) == pytest.approx(100.0)


def test_distances_are_those_of_kolmogorov_and_smirnov_and_missing_cells_count():
    rng = np.random.RandomState(0)
    data, draws = rng.normal(size=(200, 2)), 1.2 * rng.normal(size=(300, 2)) + 0.2
    distances = draw(data, draws).distances_
    np.testing.assert_allclose(distances, [ks_2samp(data[:, j], draws[:, j]).statistic for j in range(2)])
    assert distances.index.tolist() == ["column 0", "column 1"]
    holed = np.where(np.arange(200)[:, None] < 80, np.nan, data)
    assert draw(data, holed).distances_.iloc[0] >= 0.4
    assert draw([[np.nan], [1.0], [2.0], [3.0]], np.ones((4, 1))).distances_.tolist() == [0.5]  # missing is below all
    assert draw(data, data).distances_.tolist() == [0.0, 0.0]
    assert draw(np.full((3, 1), np.nan), np.full((3, 1), np.nan)).distances_.tolist() == [0.0]


def test_of_a_wide_table_the_columns_that_differ_most_are_drawn_in_their_order():
    data = np.random.RandomState(0).normal(size=(50, 30))
    draws = data.copy()
    draws[:, [20, 3]] += 5.0
    display = draw(data, draws, n_columns=2)
    assert [panel.get_title(loc="left") for panel in display.axes_] == ["column 3", "column 20"]
    assert len(display.distances_) == 30


def test_frames_of_polars_and_sparse_matrices_are_drawn_alike():
    X, drawn = (table(60, seed).drop(columns=["day", "span", "many"]) for seed in (0, 1))
    from_pandas = draw(X, drawn).distances_
    pd.testing.assert_series_equal(draw(pl.DataFrame(X), pl.DataFrame(drawn)).distances_, from_pandas)
    matrix = sparse.csr_matrix(np.eye(5))
    assert draw(matrix, np.eye(5)).distances_.tolist() == [0.0] * 5


def test_panels_take_the_place_of_given_axes_and_the_legend_covers_none():
    figure, axes = plt.subplots(1, 2, figsize=(12, 6), layout="constrained")
    display = draw(table(60), table(60, 1), ax=axes[1])
    assert display.ax_ is axes[1]
    assert display.figure_ is figure
    assert not axes[1].axison
    for each in (display, draw(table(60), table(60, 1))):
        each.figure_.canvas.draw()
        first = each.axes_[0]
        (legend,) = [child for child in first.get_children() if isinstance(child, matplotlib.legend.Legend)]
        assert texts(legend.get_texts()) == ["data", "drawn"]
        title = next(
            child for child in first.get_children() if getattr(child, "get_text", str)() == first.get_title("left")
        )
        assert not legend.get_window_extent().overlaps(title.get_window_extent())
        assert legend.get_window_extent().y1 <= each.figure_.bbox.y1 + 1.0


def test_what_cannot_be_drawn_is_an_error_with_a_remedy(X):
    with pytest.raises(ValueError, match=r"shape \(200, 5\) and drawn rows \(200, 4\)"):
        draw(X, X[:, :4])
    with pytest.raises(ValueError, match=r"drawn rows \(0, 5\).*that have rows"):
        draw(X, X[:0])
    with pytest.raises(ValueError, match="likelihoods has 1 names, but there are 5 columns"):
        draw(X, X, likelihoods=["gaussian"])
    with pytest.raises(ValueError, match="n_columns=0 must be a whole number"):
        draw(X, X, n_columns=0)
    vae = fitted(VAETransformer(2, hidden_layer_sizes=(8,), random_state=0, max_iter=5), X)
    with pytest.raises(ValueError, match="n_samples=0 must be a whole number"):
        ColumnLikelihoodDisplay.from_estimator(vae, X, n_samples=0)
    with pytest.raises(TypeError, match="needs an estimator with sample, but PCA has none"):
        ColumnLikelihoodDisplay.from_estimator(PCA().fit(X), X)


def test_without_matplotlib_it_says_how_to_get_it(X, monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib.pyplot", None)
    with pytest.raises(ImportError, match=r"from_predictions needs matplotlib.*skvae\[plot\]"):
        draw(X, X)
