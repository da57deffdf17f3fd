"""The picture of training: every line is the objective, or a term of it, epoch by epoch."""

import sys

import matplotlib
import numpy as np
import pytest
from fits import fitted
from matplotlib import pyplot as plt
from sklearn.decomposition import PCA
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skvae import AutoencoderTransformer, LossCurveDisplay, VAETransformer

matplotlib.use("Agg")

SMALL = {"hidden_layer_sizes": (8,), "max_iter": 6, "random_state": 0}
draw = LossCurveDisplay.from_history


@pytest.fixture(autouse=True)
def _close_figures():
    yield
    plt.close("all")


def entries(display):
    legends = [each for each in display.ax_.get_children() if isinstance(each, matplotlib.legend.Legend)]
    return [text.get_text() for legend in legends for text in legend.get_texts()]


@pytest.mark.parametrize("Estimator", [VAETransformer, AutoencoderTransformer])
def test_lines_are_what_the_estimator_remembers(X, Estimator):
    estimator = fitted(Estimator(2, **SMALL), X)
    display = LossCurveDisplay.from_estimator(estimator)
    drawn = {name: line.get_ydata().tolist() for name, line in display.lines_.items()}
    watched = [-score for score in estimator.validation_scores_]
    assert drawn == {"training": estimator.loss_curve_, "validation": watched, **estimator.history_}
    assert all(line.get_xdata().tolist() == [1, 2, 3, 4, 5, 6] for line in display.lines_.values())
    assert display.kept_ == 1 + int(np.argmax(estimator.validation_scores_))
    assert [panel.get_title(loc="left") for panel in display.axes_] == ["", *estimator.history_]
    assert display.axes_[0] is display.ax_
    assert all(display.kept_ in line.get_xdata() for panel in display.axes_ for line in panel.lines[-1:])
    assert entries(display) == ["training rows", "validation rows", f"kept: epoch {display.kept_}"]
    pipeline = make_pipeline(StandardScaler(), Estimator(2, **SMALL)).fit(X)
    drawn = LossCurveDisplay.from_estimator(pipeline, terms=False)
    assert list(drawn.lines_) == ["training", "validation"]
    assert len(drawn.axes_) == 1


def test_training_and_validation_are_told_apart_without_colour():
    lines = draw([3.0, 2.0, 1.5], [3.0, 2.5, 2.6]).lines_
    assert lines["training"].get_linestyle() != lines["validation"].get_linestyle()


def test_without_validation_no_epoch_is_kept_and_a_single_term_is_not_drawn_again(X):
    estimator = VAETransformer(2, objective="iwae", early_stopping=False, **SMALL).fit(X)
    display = LossCurveDisplay.from_estimator(estimator)
    assert list(display.lines_) == ["training"]
    assert display.kept_ is None
    assert entries(display) == ["training rows"]


def test_a_stream_after_a_fit_has_fewer_epochs_on_validation_rows(X):
    estimator = VAETransformer(2, **SMALL).fit(X).partial_fit(X)
    display = LossCurveDisplay.from_estimator(estimator)
    assert len(display.lines_["training"].get_ydata()) == 7
    assert len(display.lines_["validation"].get_ydata()) == 6
    assert display.kept_ is None  # the last state stayed


def test_the_first_epochs_do_not_flatten_the_others():
    loss = np.concatenate([[1e6, 1e4], 5.0 - 0.1 * np.arange(40)])
    low, high = draw(loss).ax_.get_ylim()
    assert low < loss.min()
    assert high < 20.0
    low, high = draw([2.0, 2.0]).ax_.get_ylim()
    assert low < 2.0 < high


def test_panels_take_the_place_of_given_axes():
    figure, axes = plt.subplots(1, 2)
    terms = {"reconstruction": [2.0, 1.0], "kl": [1.0, 1.0]}
    display = draw([3.0, 2.0], terms=terms, ax=axes[1])
    assert display.figure_ is figure
    assert not axes[1].axison
    assert len(display.axes_) == 3
    left = axes[1].get_subplotspec().get_position(figure).x0
    assert all(panel.get_position().x0 >= left - 1e-9 for panel in display.axes_)
    assert draw([3.0, 2.0], ax=axes[0]).ax_ is axes[0]


def test_what_cannot_be_drawn_is_an_error_with_a_remedy(X):
    with pytest.raises(ValueError, match=r"loss has shape \(0,\)"):
        draw([])
    with pytest.raises(ValueError, match="validation has 3 numbers, but loss has 2"):
        draw([1.0, 2.0], [1.0, 2.0, 3.0])
    with pytest.raises(ValueError, match="kl has 1 numbers, but loss has 2"):
        draw([1.0, 2.0], terms={"kl": [1.0], "reconstruction": [1.0, 1.0]})
    with pytest.raises(TypeError, match=r"loss_curve_ and history_, but PCA has not both.*estimator_"):
        LossCurveDisplay.from_estimator(PCA().fit(X))


def test_without_matplotlib_it_says_how_to_get_it(monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib.pyplot", None)
    with pytest.raises(ImportError, match=r"from_history needs matplotlib.*skvae\[plot\]"):
        draw([1.0])
