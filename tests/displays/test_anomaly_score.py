"""The picture of scores: histograms count rows, and the threshold stands where the detector's is."""

import sys

import matplotlib
import numpy as np
import pandas as pd
import pytest
from fits import fitted
from matplotlib import pyplot as plt
from sklearn.cluster import KMeans
from sklearn.ensemble import IsolationForest

from skvae import AnomalyScoreDisplay, AutoencoderOutlierDetector, VAETransformer

matplotlib.use("Agg")

VAE = VAETransformer(2, hidden_layer_sizes=(8,), random_state=0, max_iter=5)
draw = AnomalyScoreDisplay.from_predictions


@pytest.fixture(autouse=True)
def _close_figures():
    yield
    plt.close("all")


def scores(n=400):
    return np.random.RandomState(0).normal(size=n)


def entries(display):
    legends = [each for each in display.ax_.get_children() if isinstance(each, matplotlib.legend.Legend)]
    return [text.get_text() for legend in legends for text in legend.get_texts()]


def test_the_histogram_counts_all_rows_and_the_threshold_is_that_of_the_detector(X):
    detector = fitted(AutoencoderOutlierDetector(VAE), X)
    display = AnomalyScoreDisplay.from_estimator(detector, X)
    heights, edges, _ = display.histograms_[""].get_data()
    expected, _ = np.histogram(detector.score_samples(X).clip(edges[0], edges[-1]), edges)
    np.testing.assert_array_equal(heights, expected)
    assert heights.sum() == len(X)
    assert display.threshold_.get_xdata() == [detector.offset_] * 2
    assert display.n_below_ == (detector.predict(X) == -1).sum() > 0
    assert entries(display)[0].endswith(f"{display.n_below_} of 200 rows are outliers")


def test_no_bin_has_rows_of_both_sides_of_the_threshold():
    for threshold in (-1.37, -9.0, 9.0):
        display = draw(scores(), threshold=threshold, n_bins=12)
        heights, edges, _ = display.histograms_[""].get_data()
        assert np.isclose(edges, threshold).any()
        below = heights[edges[1:] <= threshold + 1e-9].sum()
        assert below == display.n_below_ == (scores() < threshold).sum()
        low, high = display.ax_.get_xlim()
        assert low < threshold < high


def test_minus_the_scores_is_the_mirror_image():
    plain, mirrored = draw(scores(), threshold=-2.0), draw(scores(), threshold=-2.0, negative=True)
    heights, edges, _ = plain.histograms_[""].get_data()
    np.testing.assert_array_equal(mirrored.histograms_[""].get_data()[0], heights[::-1])
    np.testing.assert_allclose(mirrored.histograms_[""].get_data()[1], -edges[::-1])
    assert mirrored.threshold_.get_xdata() == [2.0, 2.0]
    assert mirrored.n_below_ == plain.n_below_
    assert (plain.ax_.get_xlabel(), mirrored.ax_.get_xlabel()) == (
        "score, higher is more normal",
        "minus the score, higher is stranger",
    )


def test_each_label_has_an_outline_of_shares_and_rare_ones_a_tick_a_row():
    cells = np.concatenate([scores(), [-3.0, -2.5, -2.0]])
    y = pd.Series(["usual"] * 400 + ["odd"] * 3, name="truth")
    display = draw(cells, y, threshold=-2.2, negative=True)
    assert list(display.histograms_) == ["odd", "usual"]
    for histogram in display.histograms_.values():
        assert histogram.get_data()[0].sum() == pytest.approx(1.0)
    styles = [histogram.get_linestyle() for histogram in display.histograms_.values()]
    assert styles[0] != styles[1]
    assert list(display.rugs_) == ["odd"]
    ticks = sorted(segment[0, 0] for segment in display.rugs_["odd"].get_segments())
    assert ticks == [2.0, 2.5, 3.0]
    assert all((segment[:, 1] < 0.0).all() for segment in display.rugs_["odd"].get_segments())
    assert min(display.ax_.get_yticks()) == 0.0
    assert entries(display)[-2:] == ["odd: 3", "usual: 400"]


def test_labels_of_detectors_are_called_what_they_mean_and_others_as_they_are():
    y = np.where(scores() < -1.0, -1, 1)
    assert list(draw(scores(), y).histograms_) == ["outlier (\N{MINUS SIGN}1)", "inlier (1)"]
    assert list(draw(scores(), y > 0).histograms_) == ["False", "True"]
    assert list(draw(scores(), (y > 0).astype(int)).histograms_) == ["0", "1"]


def test_far_scores_are_counted_in_the_last_bin_and_spoken_of():
    cells = np.concatenate([scores(), [-1e9, -1e6, -np.inf]])
    for negative, marker in ((False, "<"), (True, ">")):
        display = draw(cells, threshold=-4.0, negative=negative)
        heights, edges, _ = display.histograms_[""].get_data()
        assert heights.sum() == 403
        assert heights[-1 if negative else 0] == 3
        assert np.abs(edges).max() < 20.0
        assert display.n_below_ == 3
        assert "3 rows lie farther out, counted in the last bin" in entries(display)
        legend = display.ax_.get_children()
        handles = [h for each in legend if isinstance(each, matplotlib.legend.Legend) for h in each.legend_handles]
        assert [h.get_marker() for h in handles][-1] == marker


def test_estimators_without_a_threshold_have_none_and_others_theirs(X):
    display = AnomalyScoreDisplay.from_estimator(fitted(VAE, X), X)
    assert (display.threshold_, display.n_below_) == (None, None)
    forest = IsolationForest(random_state=0, n_estimators=5).fit(X)
    assert AnomalyScoreDisplay.from_estimator(forest, X).threshold == forest.offset_
    figure, ax = plt.subplots()
    display = draw(np.zeros(5), ax=ax)  # all alike
    assert display.ax_ is ax
    assert display.figure_ is figure
    assert display.histograms_[""].get_data()[0].sum() == 5


def test_what_cannot_be_drawn_is_an_error_with_a_remedy(X):
    with pytest.raises(ValueError, match=r"Scores have shape \(400, 1\)"):
        draw(scores()[:, None])
    with pytest.raises(ValueError, match="that of row 2 is NaN"):
        draw([1.0, 2.0, np.nan])
    with pytest.raises(ValueError, match="y has 3 labels, but there are 400 rows"):
        draw(scores(), [0, 1, 1])
    with pytest.raises(ValueError, match="n_bins=0 must be a whole number of at least 1"):
        draw(scores(), n_bins=0)
    with pytest.raises(TypeError, match="needs an estimator with score_samples, but KMeans has none"):
        AnomalyScoreDisplay.from_estimator(KMeans(2, n_init=1).fit(X), X)


def test_without_matplotlib_it_says_how_to_get_it(monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib.pyplot", None)
    with pytest.raises(ImportError, match=r"from_predictions needs matplotlib.*skvae\[plot\]"):
        draw(scores())
