"""ExplanationDisplay: the cells of one row drawn beside what was expected of them."""

import importlib
from typing import Any, Self

import numpy as np
import pandas as pd

from skvae._displays.plotting import axes_of, load_pyplot
from skvae._displays.texts import as_numbers, number_of, shortened, signed, written
from skvae._tables.frames.frame import index_of
from skvae._typing import Table

LEAST_SHOWN, MOST_SHOWN, BESIDE_THE_SHOWN = 2.0, 1000.0, 1.4
"""Usual distances that a picture shows at least and at most, cells beyond being arrows, and what axes have beside."""

LEAST_RELATIVE_WIDTH = float(np.finfo(np.float32).eps)
"""An interval is taken to be no narrower than this, relative to its bounds: models compute in float32."""

GAP, TITLE_PAD = 14.0, 40.0
"""Points between two columns of numbers, and between the axes and the title, where headings and the legend stand."""

WIDTH, LEAST_AXES = 11.0, 4.6
"""Inches that a picture is wide, and that its axes are at least: it grows where names and numbers need more."""

UNUSUAL, USUAL, INTERVAL, EXPECTED = "C3", "0.25", "0.87", "0.45"
"""Colours of unusual cells and of all others, of intervals, and of expected values."""

MARKERS = {UNUSUAL: "D", USUAL: "o"}
"""The shapes of observed cells by their colour, for eyes and printers that see no red."""


class ExplanationDisplay:
    """One row of a table: each cell observed against what the model expected, the strangest on top.

    Each line is a column in units of its own: 0 is what was expected of the cell, -1 and 1 are the ends of the interval
    around it, drawn as a band, in which nine of ten training cells lie. A tick stands at the expected value, a dot at
    the observed one, and a red diamond at one that is ``unusual``: so far away as a cell of nineteen in twenty usual
    rows never is. The scale is logarithmic beyond the interval, and cells more than 1,000 usual distances away are
    arrows, so that one of them does not flatten the others. Numbers stand beside, and in words how far the cell is from
    what was expected. It is recommended to use :meth:`from_estimator`.

    Parameters
    ----------
    reasons : pandas.DataFrame
        The cells of one row, one a line: ``column``, ``value``, ``expected``, ``low`` and ``high``, as
        ``AutoencoderOutlierDetector.explain`` gives them, and its ``times``, ``unusual`` and ``note``; without these a
        usual distance is that to the end of the interval, and what lies beyond it is unusual.
    label : object, default=None
        The row's label, for the title.
    score : float, default=None
        The row's score, for the title.
    outlier_probability : float, default=None
        The row's probability to be an outlier, for the title.

    Attributes
    ----------
    figure_ : matplotlib Figure
        The figure that holds the picture.
    ax_ : matplotlib Axes
        The axes that it is drawn on.
    bands_ : matplotlib Artist
        The expected intervals, from -1 to 1 usual distances.
    ticks_ : matplotlib Artist
        The expected values.
    dots_ : list of matplotlib Artist
        The observed values, one artist a line; None where nothing finite was expected.

    See Also
    --------
    AutoencoderOutlierDetector.explain : The same as a table, for any number of rows.

    Examples
    --------
    >>> import numpy as np
    >>> from skvae import AutoencoderOutlierDetector, ExplanationDisplay
    >>> rng = np.random.RandomState(0)
    >>> X = rng.normal(size=(300, 2)) @ [[1.0, 0.9], [0.0, 0.4]]
    >>> detector = AutoencoderOutlierDetector(random_state=0).fit(X)
    >>> display = ExplanationDisplay.from_estimator(detector, [[2.0, -2.0]])
    >>> display.figure_.savefig("reasons.png")  # doctest: +SKIP
    """

    def __init__(
        self,
        *,
        reasons: pd.DataFrame,
        label: object = None,
        score: float | None = None,
        outlier_probability: float | None = None,
    ) -> None:
        self.reasons = reasons
        self.label = label
        self.score = score
        self.outlier_probability = outlier_probability

    @classmethod
    def from_estimator(cls, detector: Any, X: Table, *, n_columns: int = 8, ax: Any = None) -> Self:
        """Draw one row as a fitted detector sees it.

        Parameters
        ----------
        detector : AutoencoderOutlierDetector
            Fitted detector that can ``explain``.
        X : array-like of shape (1, n_features)
            The row: a data frame or an array of one row, such as ``frame.loc[[label]]``.
        n_columns : int, default=8
            How many columns to draw, the strangest; at most all of them.
        ax : matplotlib Axes, default=None
            Where to draw; None makes a figure.

        Returns
        -------
        display : ExplanationDisplay
            The picture and what it shows.

        Raises
        ------
        ValueError
            If X is not one row.
        TypeError
            If the detector cannot explain.
        ImportError
            If matplotlib is missing.
        """
        load_pyplot(f"{cls.__name__}.from_estimator")
        if not hasattr(detector, "explain"):
            raise TypeError(
                f"{cls.__name__} needs an estimator with explain, but {type(detector).__name__} has none. Pass an "
                "AutoencoderOutlierDetector around a VAETransformer or an AutoencoderTransformer; of a Pipeline, its "
                "last step and a row that the steps before have transformed."
            )
        shape = np.shape(X)
        if len(shape) != 2 or shape[0] != 1:
            raise ValueError(
                f"X has shape {shape}, but {cls.__name__} draws one row: pass shape (1, n_features), such as "
                "X.iloc[[0]] of a data frame or X[[0]] of an array."
            )
        display = cls(
            reasons=detector.explain(X, n_columns=n_columns).droplevel(0),
            label=None if index_of(X) is None else index_of(X)[0],
            score=float(detector.score_samples(X)[0]),
            outlier_probability=float(detector.outlier_probability(X)[0]),
        )
        return display.plot(ax=ax)

    def plot(self, ax: Any = None) -> Self:
        """Draw the row.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Where to draw; None makes a figure. Numbers stand to the right of the axes.

        Returns
        -------
        self : object
            The display.
        """
        pyplot = load_pyplot(f"{type(self).__name__}.plot")
        new = ax is None
        ax = axes_of(pyplot, ax, (WIDTH, 1.5 + 0.36 * len(self.reasons)))
        self.ax_, self.figure_ = ax, ax.figure
        self._draw_cells(ax)
        add_scale(ax, shown_limit(usual_distances(self.reasons)))
        add_names(ax, self.reasons["column"])
        add_legend(ax)
        beside = add_numbers(ax, self.reasons)
        if new:
            self.figure_.set_figwidth(max(WIDTH, LEAST_AXES + beside / 72.0))
        ax.set_title(self._title(), loc="left", pad=TITLE_PAD, parse_math=False)
        return self

    def _draw_cells(self, ax):
        """Bands, ticks and dots in usual distances, line by line."""
        observed, reasons = usual_distances(self.reasons), self.reasons.to_dict("records")
        limit, lines = shown_limit(observed), np.arange(len(observed))
        known = np.array([has_band(reason) for reason in reasons], dtype=bool)
        self.bands_ = ax.barh(lines[known], 2.0, left=-1.0, height=0.62, color=INTERVAL, zorder=1.5)
        ticks = np.zeros(known.sum())
        self.ticks_ = ax.scatter(ticks, lines[known], marker="|", s=150, linewidth=2.0, color=EXPECTED, zorder=2)
        marked = zip(observed, lines, reasons, are_unusual(self.reasons), strict=True)
        self.dots_ = [draw_dot(ax, *each, limit) for each in marked]

    def _title(self):
        """What is known of the row as a whole."""
        score = "" if self.score is None else signed(f"score {self.score:.3g}")
        chance = "" if self.outlier_probability is None else f"outlier probability {self.outlier_probability:.3f}"
        numbers = ", ".join(filter(None, [score, chance]))
        return ": ".join(filter(None, ["" if self.label is None else f"Row {self.label}", numbers]))


def usual_distances(reasons):
    """How many times the usual distance observed values lie above or below what was expected (n,).

    NaN where no finite interval is known, infinite where a value differs from all that was usual.
    """
    value, expected, low, high = (as_numbers(reasons[name]) for name in ("value", "expected", "low", "high"))
    with np.errstate(all="ignore"):
        apart = value - expected
        if "times" in reasons:
            times = np.where(apart == 0.0, 0.0, as_numbers(reasons["times"]))
        else:
            least = LEAST_RELATIVE_WIDTH * np.maximum(np.abs(low), np.abs(high))
            usual = np.maximum(np.where(apart < 0.0, expected - low, high - expected), least)
            times = np.where(apart == 0.0, 0.0, np.abs(apart) / usual)
        return np.where(np.isfinite(low) & np.isfinite(high), np.sign(apart) * times, np.nan)


def are_unusual(reasons):
    """Which cells are unusual (n,): as they are marked, or beyond their interval or not the expected level."""
    if "unusual" in reasons:
        return reasons["unusual"].to_numpy(bool)
    other = [is_level(reason) and reason["value"] != reason["expected"] for reason in reasons.to_dict("records")]
    return (np.abs(usual_distances(reasons)) > 1.0) | (np.array(other, dtype=bool) & reasons["value"].notna())


def is_level(reason):
    """Whether a line is about a level: something was expected, but between no bounds."""
    return not pd.isna(reason["expected"]) and pd.isna(reason["low"]) and pd.isna(reason["high"])


def has_band(reason):
    """Whether an interval is drawn on a line."""
    return all(np.isfinite(number_of(reason[name])) for name in ("expected", "low", "high"))


def shown_limit(places):
    """How many usual distances a picture shows to either side."""
    known = np.abs(places[~np.isnan(places)])
    return float(np.clip(known.max(initial=0.0), LEAST_SHOWN, MOST_SHOWN))


def draw_dot(ax, place, line, reason, unusual, limit):
    """One observed value; an arrow where it lies beyond the picture, words where it has no place."""
    color = UNUSUAL if unusual else USUAL
    if np.isnan(place):
        words, color = in_words(reason, color)
        where = {"xy": (1.2, line), "ha": "left"} if has_band(reason) else {"xy": (0.0, line), "ha": "center"}
        ax.annotate(words, va="center", color=color, style="italic", parse_math=False, **where)
        return None
    marker = MARKERS[color] if abs(place) <= limit else ">" if place > 0 else "<"
    return ax.plot([np.clip(place, -limit, limit)], [line], marker, color=color, markersize=7.5, zorder=3)[0]


def in_words(reason, color):
    """What is said of a cell without a place on the scale, and in which colour; a level has the one that is given."""
    if pd.isna(reason["value"]):
        return "missing", EXPECTED
    if not is_level(reason):
        return "no finite value expected", EXPECTED
    if reason["value"] == reason["expected"]:
        return "the expected level", color
    note = reason.get("note")
    return f"not {shortened(reason['expected'])}{f': {note}' if note else ''}", color


def add_scale(ax, limit):
    """The horizontal axis: linear inside the interval, logarithmic outside."""
    ax.set_xscale("symlog", linthresh=1.0)
    ax.set_xlim(-BESIDE_THE_SHOWN * limit, BESIDE_THE_SHOWN * limit)
    steps = [step for step in ((1, 2, 5) if limit < 7.0 else (1, 10, 100, 1000)) if step <= BESIDE_THE_SHOWN * limit]
    places = [*(-step for step in reversed(steps)), 0, *steps]
    ax.set_xticks(places, labels=[signed(str(place)) for place in places], fontsize="small")
    ax.set_xticks([], minor=True)
    ax.set_xlabel("distance from what was expected, in usual distances")
    ax.spines[["left", "right", "top"]].set_visible(False)


def add_names(ax, names):
    """The vertical axis: columns, the strangest on top."""
    ax.set_ylim(len(names) - 0.5, -0.5)
    ax.set_yticks(range(len(names)), labels=[shortened(name) for name in names], parse_math=False)
    ax.tick_params(axis="y", length=0)
    ax.grid(axis="y", color="0.93")
    ax.set_axisbelow(True)


def add_legend(ax):
    """What the marks mean, between axes and title."""
    marks = {
        "interval": {"color": INTERVAL, "linewidth": 9.0, "solid_capstyle": "butt"},
        "expected": {"color": EXPECTED, "marker": "|", "markersize": 11.0, "markeredgewidth": 2.0, "linewidth": 0.0},
        "observed": {"color": USUAL, "marker": MARKERS[USUAL], "linewidth": 0.0},
        "observed, unusual": {"color": UNUSUAL, "marker": MARKERS[UNUSUAL], "linewidth": 0.0},
    }
    handles = [ax.plot([], [], label=label, **style)[0] for label, style in marks.items()]
    above = importlib.import_module("matplotlib.transforms").offset_copy(ax.transAxes, ax.figure, y=18, units="points")
    place = {"loc": "lower left", "bbox_to_anchor": (0.0, 1.0), "bbox_transform": above}
    spacing = {
        "ncols": 4,
        "handlelength": 1.2,
        "handletextpad": 0.5,
        "columnspacing": 1.4,
        "borderpad": 0.2,
        "borderaxespad": 0.0,
    }
    ax.legend(handles=handles, frameon=False, fontsize="small", **place, **spacing)


def add_numbers(ax, reasons):
    """What the picture shows as numbers, to its right in columns; the points that these and the names are wide."""
    font = importlib.import_module("matplotlib.font_manager").FontProperties(size=ax.get_yticklabels()[0].get_size())
    measure = importlib.import_module("matplotlib.textpath").text_to_path.get_text_width_height_descent
    style = {"textcoords": "offset points", "ha": "right", "annotation_clip": False, "fontproperties": font}
    style["parse_math"] = False
    right = 0.0
    for heading, texts in written(reasons).items():
        right += GAP + max(measure(text, font, False)[0] for text in [heading, *texts])
        ax.annotate(heading, (1.0, 1.0), (right, 5.0), xycoords="axes fraction", va="bottom", color=EXPECTED, **style)
        for line, text in enumerate(texts):
            ax.annotate(text, (1.0, line), (right, 0.0), xycoords=ax.get_yaxis_transform(), va="center", **style)
    return right + max(measure(label.get_text(), font, False)[0] for label in ax.get_yticklabels())
