"""The picture of one row: every mark stands where ``explain`` says."""

import inspect
import re
import sys

import matplotlib
import numpy as np
import pandas as pd
import pytest
from matplotlib import pyplot as plt
from sklearn.ensemble import IsolationForest
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skvae import AutoencoderOutlierDetector, ExplanationDisplay, VAETransformer
from skvae._displays.texts import cell_text, how_far, number_text, shortened

matplotlib.use("Agg")

VAE = VAETransformer(2, hidden_layer_sizes=(8,), network="mlp", likelihood="gaussian", random_state=0, max_iter=10)


@pytest.fixture(autouse=True)
def _close_figures():
    yield
    plt.close("all")


@pytest.fixture(scope="module")
def table():
    values = np.random.RandomState(0).normal(size=(200, 4)) * [1.0, 1e-6, 1e9, 5.0]
    return pd.DataFrame(values, columns=list("abcd"), index=[f"row{i}" for i in range(200)])


@pytest.fixture(scope="module")
def detector(table):
    return AutoencoderOutlierDetector(VAE).fit(table)


def reasons_of(*cells):
    """A table of reasons of cells (value, expected, low, high), strangest first."""
    lines = [(f"column {i}", *map(float, cell), i - 5.0) for i, cell in enumerate(cells)]
    return pd.DataFrame(lines, columns=["column", "value", "expected", "low", "high", "share"])


def drawn(*cells):
    """The display of such cells."""
    display = ExplanationDisplay(reasons=reasons_of(*cells)).plot()
    display.figure_.draw_without_rendering()
    return display


def names(ax):
    return [label.get_text() for label in ax.get_yticklabels()]


def place(dot):
    return tuple(float(values[0]) for values in dot.get_data())


def texts(display):
    """What is written beside the picture, by heading: top to bottom."""
    columns = {}
    for text in display.ax_.texts:
        columns.setdefault(text.xyann[0], []).append(text.get_text())
    return {column[0]: column[1:] for column in columns.values()}


def test_marks_stand_where_explain_says_the_strangest_on_top(table, detector):
    row = table.iloc[[7]] * [1.0, 3.0, -2.0, 1.0]
    display = ExplanationDisplay.from_estimator(detector, row, n_columns=3)
    reasons = detector.explain(row, n_columns=3)
    assert names(display.ax_) == list(reasons["column"])
    bottom, top = display.ax_.get_ylim()
    assert bottom > top
    usual = (reasons["value"] - reasons["expected"]).abs() / reasons["times"]
    observed, lines = np.transpose([place(dot) for dot in display.dots_])
    np.testing.assert_array_equal(lines, [0, 1, 2])
    np.testing.assert_allclose(reasons["expected"] + usual * observed, reasons["value"])
    ends = reasons["expected"] - reasons["low"], reasons["high"] - reasons["expected"]
    np.testing.assert_allclose(np.where(observed < 0.0, *ends), usual)
    red = [dot.get_color() == "C3" for dot in display.dots_]
    assert red == list(reasons["unusual"])
    assert any(red)
    expected = display.ticks_.get_offsets()
    np.testing.assert_array_equal(expected[:, 0], 0.0)
    np.testing.assert_array_equal(expected[:, 1], lines)
    for band, line in zip(display.bands_, lines, strict=True):
        assert (band.get_x(), band.get_x() + band.get_width()) == (-1.0, 1.0)
        assert band.get_y() < line < band.get_y() + band.get_height()


def test_title_says_which_row_it_is_and_how_strange(table, detector):
    row = table.iloc[[3]] * 4.0
    score, probability = detector.score_samples(row)[0], detector.outlier_probability(row)[0]
    title = ExplanationDisplay.from_estimator(detector, row).ax_.get_title(loc="left").replace("\N{MINUS SIGN}", "-")
    assert title == f"Row row3: score {score:.3g}, outlier probability {probability:.3f}"
    unnamed = AutoencoderOutlierDetector(VAE).fit(table.to_numpy())
    title = ExplanationDisplay.from_estimator(unnamed, row.to_numpy()).ax_.get_title(loc="left")
    assert title.startswith("score ")


def test_a_given_ax_is_used_and_no_figure_made(table, detector):
    figure, axes = plt.subplots(1, 2)
    current = plt.figure()
    display = ExplanationDisplay.from_estimator(detector, table.iloc[[0]], ax=axes[1])
    assert display.ax_ is axes[1]
    assert display.figure_ is figure
    assert not axes[0].has_data()
    assert plt.get_fignums() == [figure.number, current.number]
    assert display.plot() is display
    assert display.figure_ is not figure


def test_n_columns_is_that_of_explain(table, detector):
    assert len(ExplanationDisplay.from_estimator(detector, table.iloc[[0]], n_columns=2).dots_) == 2
    assert len(ExplanationDisplay.from_estimator(detector, table.iloc[[0]]).dots_) == 4
    with pytest.raises(ValueError, match="n_columns=0"):
        ExplanationDisplay.from_estimator(detector, table.iloc[[0]], n_columns=0)


def test_numbers_stand_beside_each_line():
    reasons = reasons_of((11.25, 2.5, 1.0, 4.0), (-1e-6, -2e-6, -3e-6, 1e-6)).assign(times=[5.83, 1 / 3])
    display = ExplanationDisplay(reasons=reasons).plot()
    assert {
        heading: [text.replace("\N{MINUS SIGN}", "-") for text in column] for heading, column in texts(display).items()
    } == {
        "observed": ["11.2", "-1e-06"],
        "expected": ["2.5", "-2e-06"],
        "interval": ["1 to 4", "-3e-06 to 1e-06"],
        "how far": ["5.8 times the usual distance", "usual"],
    }
    assert "how far" not in texts(drawn((11.25, 2.5, 1.0, 4.0)))
    heights = [text.xy[1] for text in display.ax_.texts if text.get_text() in ("2.5", "1 to 4")]
    assert heights == [0, 0]


def test_columns_of_numbers_do_not_touch_each_other_or_the_axes():
    display = drawn((123456.7, -1e9, -1.234e9, 1.2345e9), (-1e-6, -2e-6, -3.21e-6, 1e-6))
    boxes = [text.get_window_extent() for text in display.ax_.texts]
    assert min(box.x0 for box in boxes) > display.ax_.get_window_extent().x1
    for i, box in enumerate(boxes):
        assert not any(box.overlaps(other) for other in boxes[:i])
    assert display.figure_.bbox.x1 > max(box.x1 for box in boxes)


def test_a_picture_grows_with_names_and_numbers_that_are_long():
    reasons = reasons_of((1.0, 2.0, 1.0, 4.0), (3.0, 2.0, 1.0, 4.0))
    usual = ExplanationDisplay(reasons=reasons).plot()
    assert usual.figure_.get_figwidth() == 11.0
    level = "a level of many letters, as texts in tables are"
    reasons = reasons.astype({"value": object, "expected": object, "low": object, "high": object})
    reasons.loc[0, ["value", "expected", "low", "high"]] = [level, f"not {level}", None, None]
    long = ExplanationDisplay(reasons=reasons.assign(column=[level, f"{level} indeed"])).plot()
    long.figure_.draw_without_rendering()
    assert long.ax_.get_window_extent().width > 4.0 * long.figure_.dpi
    boxes = [text.get_window_extent() for text in long.ax_.texts]
    assert not any(box.overlaps(other) for i, box in enumerate(boxes) for other in boxes[:i])
    _, ax = plt.subplots(figsize=(8.0, 4.0))
    ExplanationDisplay(reasons=reasons).plot(ax=ax)
    assert ax.figure.get_figwidth() == 8.0


@pytest.mark.parametrize(
    ("time", "half", "written", "observed"),
    [
        ("2024-03-01 10:20:30+01:00", "40D", "2024-03-01", "2024-03-01 10:20:30"),
        ("2024-03-01 10:20:30.5+01:00", "3h", "2024-03-01 10:20", "2024-03-01 10:20:30"),
        ("2024-03-01 10:20:30", "20s", "2024-03-01 10:20:30", "2024-03-01 10:20:30"),
        ("2024-03-01", "3h", "2024-03-01 00:00", "2024-03-01"),
    ],
)
def test_dates_are_as_short_as_their_interval_allows(time, half, written, observed):
    time, width = pd.Timestamp(time), pd.Timedelta(half).value
    assert cell_text(time, width) == written
    assert cell_text(time, width, as_is=True) == observed


def test_spans_of_whole_days_have_no_hours():
    assert cell_text(pd.Timedelta("2D"), 1.0) == "2 days"
    assert cell_text(pd.Timedelta("2D 3h"), 1.0) == "2 days 03:00:00"


@pytest.mark.parametrize(
    ("value", "marker", "x"), [(2.0, "D", 2.0), (-1e3, "D", -1e3), (1e9, ">", 1e3), (-1e9, "<", -1e3)]
)
def test_cells_beyond_the_picture_are_arrows_at_its_edge(value, marker, x):
    dot = drawn((value, 0.0, -1.0, 1.0)).dots_[0]
    assert dot.get_marker() == marker
    assert place(dot) == (x, 0.0)


def test_one_far_cell_does_not_flatten_the_others():
    display = drawn((1e12, 0.0, -1.0, 1.0), (3.0, 0.0, -1.0, 1.0), (0.5, 0.0, -1.0, 1.0))
    to_axes = display.ax_.transData + display.ax_.transAxes.inverted()
    far, three, half, edge = (to_axes.transform((x, 0))[0] for x in (place(display.dots_[0])[0], 3.0, 0.5, 1.0))
    assert half + 0.03 < edge < three - 0.03
    assert three + 0.2 < far < 1.0


def test_cells_outside_their_interval_are_red_diamonds_in_the_picture_and_in_its_legend():
    display = drawn((1.0, 0.0, -1.0, 1.0), (1.1, 0.0, -1.0, 1.0))
    legend = display.ax_.get_legend().legend_handles[2:]
    for inside, outside in (display.dots_, legend):
        assert (outside.get_color(), outside.get_marker()) == ("C3", "D")
        assert inside.get_color() != "C3"
        assert inside.get_marker() == "o"


def test_what_is_marked_as_unusual_is_red_and_other_cells_beyond_the_interval_are_not():
    reasons = reasons_of((3.0, 0.0, -1.0, 1.0), (9.0, 0.0, -1.0, 1.0)).assign(times=[3.0, 9.0], unusual=[False, True])
    near, far = ExplanationDisplay(reasons=reasons).plot().dots_
    assert (near.get_color() == "C3", far.get_color() == "C3") == (False, True)


@pytest.mark.parametrize(
    ("times", "of_a_number", "of_a_level"),
    [
        (np.nan, "", ""),
        (0.4, "usual", "as expected"),
        (1.0, "usual", "as expected"),
        (7.04, "7.0 times the usual distance", "7.0 times less probable"),
        (1234.5, "1,234 times the usual distance", "1,234 times less probable"),
        (1e9, "over a million times the usual distance", "over a million times less probable"),
        (np.inf, "different from all others", "different from all others"),
    ],
)
def test_distances_are_said_in_words(times, of_a_number, of_a_level):
    assert (how_far(times, False), how_far(times, True)) == (of_a_number, of_a_level)


@pytest.mark.parametrize("hole", [np.nan, np.inf, -np.inf])
def test_a_cell_of_which_nothing_finite_is_expected_has_no_dot(hole):
    display = drawn((1.0, hole, hole, hole), (2.0, 0.0, -1.0, 1.0))
    assert display.dots_[0] is None
    assert place(display.dots_[1]) == (2.0, 1.0)
    assert len(display.bands_) == len(display.ticks_.get_offsets()) == 1
    assert "no finite value expected" in [text.get_text() for text in display.ax_.texts]
    assert drawn((1.0, hole, hole, hole)).dots_ == [None]


@pytest.mark.parametrize("level", [3.0, 0.0, -1e9])
def test_in_an_interval_without_width_equal_cells_stand_on_it_and_others_are_arrows(level):
    same, other = drawn((level, level, level, level), (level + 1e4, level, level, level)).dots_
    assert place(same)[0] == 0.0
    assert place(other)[0] > 50.0
    assert (same.get_color() == "C3", other.get_color() == "C3") == (False, True)


@pytest.mark.parametrize("level", [3.0, -1e9])
def test_cells_that_differ_from_an_interval_without_width_by_rounding_are_no_arrows(level):
    dot = drawn((level, level, *(2 * [float(np.nextafter(np.float32(level), np.float32(0.0)))]))).dots_[0]
    assert abs(place(dot)[0]) <= 2.0


def test_names_are_written_as_they_are_on_one_line():
    reasons = reasons_of((1.0, 0.0, -1.0, 1.0), (1.0, 0.0, -1.0, 1.0)).assign(column=["$a_1$ to\n$b$", 7])
    display = ExplanationDisplay(reasons=reasons, label="$x$").plot()
    assert names(display.ax_) == ["$a_1$ to $b$", "7"]
    assert not any(label.get_parse_math() for label in display.ax_.get_yticklabels())
    assert display.ax_.get_title(loc="left") == "Row $x$"
    assert shortened("x" * 38) == "x" * 38
    assert shortened("begin" + "x" * 90 + "end").startswith("beginx")
    assert shortened("begin" + "x" * 90 + "end").endswith("xend")
    assert len(shortened("x" * 39)) == 38


@pytest.mark.parametrize(
    ("number", "width", "text"),
    [
        (1.23456e-6, 1e-7, "1.23e-06"),
        (1.23456e9, 1e8, "1.23e+09"),
        (1234567.0, 100.0, "1234567"),
        (1.23456, 0.001, "1.2346"),
        (1.3e-9, 1.0, "0"),
        (-0.5, 0.0, "-0.5"),
        (np.inf, np.nan, "inf"),
        (1e300, 1e-300, "1e+300"),
    ],
)
def test_numbers_have_the_digits_that_their_interval_needs(number, width, text):
    assert number_text(number, width).replace("\N{MINUS SIGN}", "-") == text


def test_an_observed_number_is_not_rounded_to_zero():
    assert number_text(1e-6, 1.0, as_is=True).replace("\N{MINUS SIGN}", "-") == "1e-06"


@pytest.mark.parametrize("rows", [slice(0, 2), slice(0, 0), 0])
def test_anything_but_one_row_is_an_error_that_says_what_to_pass(table, detector, rows):
    for X in (table.iloc[rows], table.to_numpy()[rows]):
        with pytest.raises(
            ValueError, match=rf"{re.escape(str(X.shape))}.*one row.*\(1, n_features\).*X.iloc\[\[0\]\]"
        ):
            ExplanationDisplay.from_estimator(detector, X)


def test_one_cell_is_not_one_row(detector):
    with pytest.raises(ValueError, match=r"shape \(1,\), but"):
        ExplanationDisplay.from_estimator(detector, np.zeros(1))


def test_what_cannot_explain_is_an_error_that_says_what_to_pass(table, detector):
    forest = AutoencoderOutlierDetector(IsolationForest(random_state=0)).fit(table)
    with pytest.raises(TypeError, match="AutoencoderOutlierDetector has none.*VAETransformer"):
        ExplanationDisplay.from_estimator(forest, table.iloc[[0]])
    with pytest.raises(TypeError, match="Pipeline has none.*last step"):
        ExplanationDisplay.from_estimator(make_pipeline(StandardScaler(), detector), table.iloc[[0]])


def test_without_matplotlib_both_ways_to_draw_say_what_to_install(table, monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib.pyplot", None)
    with pytest.raises(ImportError, match=r"from_estimator needs matplotlib.*pip install 'skvae\[plot\]'"):
        ExplanationDisplay.from_estimator(None, table.iloc[[0]])
    with pytest.raises(ImportError, match=r"plot needs matplotlib.*pip install 'skvae\[plot\]'"):
        ExplanationDisplay(reasons=reasons_of((1.0, 0.0, -1.0, 1.0))).plot()


def test_every_parameter_and_attribute_is_documented():
    display = drawn((1.0, 0.0, -1.0, 1.0))
    documented = set(re.findall(r"^(\w+) : ", inspect.getdoc(ExplanationDisplay), re.MULTILINE))
    assert set(vars(display)) == documented
    for method in (ExplanationDisplay.from_estimator, ExplanationDisplay.plot):
        for name in set(inspect.signature(method).parameters) - {"self"}:
            assert f"\n{name} : " in inspect.getdoc(method)
