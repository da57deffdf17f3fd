"""ColumnLikelihoodDisplay: each column of the data beside the same column of rows that a model draws."""

from collections import Counter
from collections.abc import Sequence
from typing import Any, Self

import numpy as np
import pandas as pd

from skvae._displays.panels import (
    LETTERS_OF_A_NAME,
    OTHER_LEVELS,
    PANELS_A_ROW,
    is_of_levels,
    numbers_of,
    shown_levels,
    shown_range,
    time_of,
)
from skvae._displays.plotting import above_the_axes, checked_number, handle, load_pyplot, panels_of
from skvae._displays.texts import shortened
from skvae._tables.frames.frame import as_array, column_of, densely, names_of, numbered
from skvae._typing import Seed, Table

FEWEST_DRAWS, MOST_DRAWS = 1000, 10_000
"""Rows that are drawn: as many as there are, but so many at least and at most."""

INCH_OF_A_COLUMN = 2.4
"""Inches that a panel is wide and high."""

BINS = 24
"""Bins of a histogram; of whole numbers one for each where there are no more of them."""

OF_DATA = {"facecolor": "0.72", "edgecolor": "none"}
OF_DRAWS = {"edgecolor": "#C0392B", "linewidth": 1.4}
HATCH_OF_DRAWS = "/////"
"""How cells of the data and drawn ones look: filled, and outlined or hatched."""

LETTERS_AT_A_BAR = 14
"""Letters of a level that are written."""

MISSING = "missing"
"""What the bar of missing cells is called."""

HEIGHT_OF_A_BAR = 0.4
"""Height of one of the two bars of a level, whose places are one apart."""

POINTS_OF_A_LINE = 12.0
"""Points that a line of a panel's title is high."""


class ColumnLikelihoodDisplay:
    """Each column of the data beside draws from a fitted model: what the model believes of single columns.

    The first thing to look at after a fit: where the two differ, the likelihood of the column is a bad one, or training
    was too short. Numbers and dates are histograms, filled for the data and outlined for draws; levels are bars, filled
    and hatched, one for missing cells among them. Of numbers the shares that are missing stand in words. Histograms
    show where most cells are: those farther out are counted in the outermost bins. Columns that are alike one by one do
    not prove that the model knows how they go together. It is recommended to use :meth:`from_estimator` or
    :meth:`from_predictions`.

    Parameters
    ----------
    data, draws : array-like of shape (n_samples, n_features) and (n_draws, n_features)
        Rows and drawn rows; arrays or data frames with the same columns.
    likelihoods : sequence of str or None, default=None
        The likelihood of each column, to be written at its panel.

    Attributes
    ----------
    distances_ : pandas.Series of shape (n_features,)
        How far data and draws are apart in each column, from 0 to 1: of numbers the largest difference between the two
        shares of cells up to any number (Kolmogorov-Smirnov, missing cells being below all), of levels half the sum of
        the differences of their shares, missing cells being a level.
    figure_ : matplotlib Figure
        The figure that holds the picture.
    ax_ : matplotlib Axes or None
        The axes that were given, in whose place the panels are; None where none were.
    axes_ : ndarray of matplotlib Axes
        The panels, one for each column that is drawn.

    See Also
    --------
    ReconstructionDisplay : How well single rows come back through a code.
    VAETransformer : ``column_likelihoods_`` says why a column has its likelihood.

    Examples
    --------
    >>> from sklearn.datasets import load_wine
    >>> from skvae import ColumnLikelihoodDisplay, VAETransformer
    >>> X = load_wine(as_frame=True).data
    >>> vae = VAETransformer(2, max_iter=5, random_state=0).fit(X)
    >>> display = ColumnLikelihoodDisplay.from_estimator(vae, X, random_state=0)
    >>> bool(display.distances_.max() < 0.5)
    True
    >>> display.figure_.savefig("columns.png")  # doctest: +SKIP
    """

    def __init__(self, *, data: Table, draws: Table, likelihoods: Sequence[str] | None = None) -> None:
        self.data = data
        self.draws = draws
        self.likelihoods = likelihoods

    @classmethod
    def from_estimator(
        cls,
        estimator: Any,
        X: Table,
        *,
        n_samples: int | None = None,
        n_columns: int = 16,
        random_state: Seed = None,
        ax: Any = None,
    ) -> Self:
        """Draw rows beside those that a fitted transformer draws.

        Parameters
        ----------
        estimator : VAETransformer or AutoencoderTransformer
            Fitted transformer with ``sample``.
        X : array-like of shape (n_rows, n_features)
            The training rows, or others like them.
        n_samples : int or None, default=None
            How many rows to draw; None is as many as X has, but 1,000 at least and 10,000 at most.
        n_columns : int, default=16
            How many columns to show: those that differ most where there are more, in their order.
        random_state : int, RandomState instance or None, default=None
            Seed of the draw.
        ax : matplotlib Axes, default=None
            Where to draw; None makes a figure. Panels are drawn in its place.

        Returns
        -------
        display : ColumnLikelihoodDisplay
            The picture and what it shows.

        Raises
        ------
        TypeError
            If the estimator has no ``sample``.
        ValueError
            If X does not have the columns that are drawn.
        ImportError
            If matplotlib is missing.
        """
        load_pyplot(f"{cls.__name__}.from_estimator")
        if not hasattr(estimator, "sample"):
            raise TypeError(
                f"{cls.__name__} needs an estimator with sample, but {type(estimator).__name__} has none. Pass a "
                "VAETransformer or an AutoencoderTransformer, or drawn rows to from_predictions."
            )
        X = numbered(as_array(X))
        n_draws = int(np.clip(np.shape(X)[0], FEWEST_DRAWS, MOST_DRAWS)) if n_samples is None else n_samples
        draws = estimator.sample(checked_number("n_samples", n_draws), random_state)
        known = getattr(estimator, "column_likelihoods_", None)
        likelihoods = None if known is None else known["likelihood"].tolist()
        return cls.from_predictions(X, draws, likelihoods=likelihoods, n_columns=n_columns, ax=ax)

    @classmethod
    def from_predictions(
        cls,
        X: Table,
        X_drawn: Table,
        *,
        likelihoods: Sequence[str] | None = None,
        n_columns: int = 16,
        ax: Any = None,
    ) -> Self:
        """Draw rows beside drawn ones, from whatever drew these.

        Parameters
        ----------
        X : array-like of shape (n_rows, n_features)
            Rows.
        X_drawn : array-like of shape (n_draws, n_features)
            Drawn rows.
        likelihoods : sequence of str or None, default=None
            The likelihood of each column, to be written at its panel.
        n_columns : int, default=16
            How many columns to show: those that differ most where there are more, in their order.
        ax : matplotlib Axes, default=None
            Where to draw; None makes a figure. Panels are drawn in its place.

        Returns
        -------
        display : ColumnLikelihoodDisplay
            The picture and what it shows.

        Raises
        ------
        ValueError
            If the two do not have the same columns, or one has no rows.
        ImportError
            If matplotlib is missing.
        """
        load_pyplot(f"{cls.__name__}.from_predictions")
        return cls(data=X, draws=X_drawn, likelihoods=likelihoods).plot(ax=ax, n_columns=n_columns)

    def plot(self, ax: Any = None, *, n_columns: int = 16) -> Self:
        """Draw the columns.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Where to draw; None makes a figure. Panels are drawn in its place.
        n_columns : int, default=16
            How many columns to show: those that differ most where there are more, in their order.

        Returns
        -------
        self : object
            The display.

        Raises
        ------
        ValueError
            If the two tables do not have the same columns, or one has no rows.
        """
        pyplot = load_pyplot(f"{type(self).__name__}.plot")
        data, draws = (numbered(densely(as_array(each))) for each in (self.data, self.draws))
        names = checked_names(data, draws, self.likelihoods, type(self).__name__)
        columns = [(column_of(data, j), column_of(draws, j)) for j in range(len(names))]
        distances = [distance_of(*pair) for pair in columns]
        self.distances_ = pd.Series(distances, index=pd.Index(names, tupleize_cols=False), dtype=np.float64)
        most = np.argsort(-np.array(distances), kind="stable")[: checked_number("n_columns", n_columns)]
        panels = panels_of(pyplot, ax, len(most), min(PANELS_A_ROW, len(most)), INCH_OF_A_COLUMN)
        self.ax_, self.figure_, self.axes_ = ax, panels[0].figure, np.array(panels, dtype=object)
        for panel, j in zip(panels, np.sort(most).tolist(), strict=True):
            likelihood = "" if self.likelihoods is None else self.likelihoods[j]
            draw_column(panel, names[j], likelihood, *columns[j])
        n_lines = panels[0].get_title("left").count("\n") + 1
        above_the_axes(panels[0], handles_of_both(), n_columns=2, raised=POINTS_OF_A_LINE * n_lines + 6.0)
        return self


def checked_names(data, draws, likelihoods, owner):
    """Names of the columns that data and draws have in common."""
    shapes = [tuple(np.shape(each)) for each in (data, draws)]
    if any(len(shape) != 2 or 0 in shape for shape in shapes) or shapes[0][1] != shapes[1][1]:
        raise ValueError(
            f"Rows have shape {shapes[0]} and drawn rows {shapes[1]}; {owner} draws two tables with the same columns, "
            "of shape (n_samples, n_features), that have rows."
        )
    if likelihoods is not None and len(likelihoods) != shapes[0][1]:
        raise ValueError(f"likelihoods has {len(likelihoods)} names, but there are {shapes[0][1]} columns.")
    return names_of(data) or [f"column {j}" for j in range(shapes[0][1])]


def shares_of(cells):
    """The share of all cells that each level has, and of missing ones under None."""
    held = Counter(level if there else None for level, there in zip(cells.astype(object), cells.notna(), strict=True))
    return {level: n / len(cells) for level, n in held.items()}


def distance_of(cells, drawn):
    """How far two columns are apart, from 0 to 1."""
    if is_of_levels(cells):
        both = shares_of(cells), shares_of(drawn)
        return 0.5 * sum(abs(both[0].get(level, 0.0) - both[1].get(level, 0.0)) for level in set().union(*both))
    both = [np.sort(np.nan_to_num(numbers_of(each), nan=-np.inf)) for each in (cells, drawn)]
    places = np.concatenate(both)
    below = [np.searchsorted(each, places, side="right") / len(each) for each in both]
    return float(np.abs(below[0] - below[1]).max())


def draw_column(ax, name, likelihood, cells, drawn):
    """One column: its name, likelihood and missing cells above, and both of it below."""
    lines = [shortened(name, LETTERS_OF_A_NAME), likelihood]
    if is_of_levels(cells):
        draw_bars(ax, cells, drawn)
    else:
        shares = [float(each.isna().mean()) for each in (cells, drawn)]
        lines.append(
            "missing {:.0f} %, drawn {:.0f} %".format(*(100.0 * each for each in shares)) if any(shares) else ""
        )
        draw_histograms(ax, cells, drawn)
    ax.tick_params(labelsize="x-small", length=2.0)
    ax.spines[["right", "top"]].set_visible(False)
    ax.set_title("\n".join(filter(None, lines)), fontsize="small", loc="left", parse_math=False)


def draw_histograms(ax, cells, drawn):
    """Numbers: a filled histogram of the cells, and the outline of that of drawn ones, each of shares."""
    numbers = [each[~np.isnan(each)] for each in map(numbers_of, (cells, drawn))]
    edges = bins_of(*numbers)
    heights = [np.histogram(each.clip(edges[0], edges[-1]), edges)[0] / max(len(each), 1) for each in numbers]
    ax.stairs(heights[0], edges, fill=True, **OF_DATA)
    ax.stairs(heights[1], edges, **OF_DRAWS)
    ax.set_xlim(edges[0], edges[-1])
    ax.set_yticks([])
    ax.spines["left"].set_visible(False)
    if cells.dtype.kind in "iuf":
        ax.locator_params(axis="x", nbins=4)
        return
    text = time_of(next((cell for cell in cells if not pd.isna(cell)), None))
    places = [edges[0] + share * (edges[-1] - edges[0]) for share in (0.2, 0.8)]
    ax.set_xticks(places, labels=[text(place, 0.5 * (edges[-1] - edges[0])) for place in places])


def bins_of(cells, drawn):
    """Edges of bins over where most of both are: around whole numbers where there are few of them."""
    low, high = shown_range(cells, drawn)
    are_whole = all((each == np.rint(each)).all() for each in (cells, drawn))
    if are_whole and high - low < BINS:
        return np.arange(np.floor(low), np.ceil(high) + 2.0) - 0.5
    return np.linspace(low, high, BINS + 1)


def draw_bars(ax, cells, drawn):
    """Levels: two bars each from the top, of shares of all cells, those of missing ones last."""
    both = shares_of(cells), shares_of(drawn)
    pairs = [(level,) for each in (cells, drawn) for level in each[each.notna()].astype(object)]
    levels = shown_levels(cells, pairs)
    labels = [shortened(level, LETTERS_AT_A_BAR) for level in levels]
    rows = [[each.get(level, 0.0) for each in both] for level in levels]
    rest = [1.0 - each.get(None, 0.0) - sum(each.get(level, 0.0) for level in levels) for each in both]
    if len({level for pair in pairs for level in pair}) > len(levels):
        labels, rows = [*labels, OTHER_LEVELS], [*rows, rest]
    if None in both[0] or None in both[1]:
        labels, rows = [*labels, MISSING], [*rows, [each.get(None, 0.0) for each in both]]
    places, shares = np.arange(len(rows)), 100.0 * np.array(rows)
    ax.barh(places - 0.5 * HEIGHT_OF_A_BAR, shares[:, 0], height=HEIGHT_OF_A_BAR, **OF_DATA)
    outlined = {"facecolor": "none", "hatch": HATCH_OF_DRAWS, **OF_DRAWS, "linewidth": 1.0}
    ax.barh(places + 0.5 * HEIGHT_OF_A_BAR, shares[:, 1], height=HEIGHT_OF_A_BAR, **outlined)
    ax.set_yticks(places, labels=labels, parse_math=False)
    ax.set_ylim(len(rows) - 0.4, -0.6)
    ax.locator_params(axis="x", nbins=3)
    ax.set_xlabel("% of the cells", fontsize="x-small")


def handles_of_both():
    """What stands for cells of the data and for drawn ones."""
    look = {"marker": "s", "markersize": 7.0, "linewidth": 0.0}
    filled = handle(label="data", markerfacecolor=OF_DATA["facecolor"], markeredgecolor="none", **look)
    outline = {"markerfacecolor": "none", "markeredgecolor": OF_DRAWS["edgecolor"], "markeredgewidth": 1.4}
    return [filled, handle(label="drawn", **outline, **look)]
