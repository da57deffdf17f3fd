"""What displays share: matplotlib at the first picture only, and the axes that a picture is drawn on."""

import importlib
from numbers import Integral

import numpy as np

INCH_OF_AN_ENTRY = 1.45
"""Inches that an entry of a legend may be wide."""


def load_pyplot(caller):
    """matplotlib.pyplot, which is loaded at the first picture only."""
    try:
        return importlib.import_module("matplotlib.pyplot")
    except ImportError as error:
        raise ImportError(f"{caller} needs matplotlib, which is missing: pip install 'skvae[plot]'.") from error


def axes_of(pyplot, ax, size):
    """The axes to draw on: those that were given, or those of a new figure of so many inches."""
    return pyplot.subplots(figsize=size, layout="constrained")[1] if ax is None else ax


def grid_of(pyplot, ax, shape, size, **ratios):
    """A figure and a grid of (rows, columns) in it: a new one of so many inches, or one in the place of given axes.

    As in scikit-learn's displays of several panels, the axes that are given are switched off.
    """
    if ax is None:
        figure = pyplot.figure(figsize=size, layout="constrained")
        return figure, figure.add_gridspec(*shape, **ratios)
    place, figure = ax.get_subplotspec(), ax.figure
    if place is None:
        raise ValueError(
            "ax has no place in a grid of axes, which several panels need. Make it with pyplot.subplots() or "
            "figure.add_subplot()."
        )
    ax.set_axis_off()
    return figure, place.subgridspec(*shape, **ratios)


def panels_of(pyplot, ax, n_panels, n_columns, inch):
    """Axes (n_panels,) row by row in a new figure, ``inch`` wide and high each, or in the place of given axes."""
    n_rows = -(-n_panels // n_columns)
    figure, grid = grid_of(pyplot, ax, (n_rows, n_columns), (inch * n_columns, inch * n_rows))
    return [figure.add_subplot(grid[divmod(number, n_columns)]) for number in range(n_panels)]


def checked_number(name, number):
    """A number of things to draw."""
    if not isinstance(number, Integral) or isinstance(number, bool) or number < 1:
        raise ValueError(f"{name}={number!r} must be a whole number of at least 1.")
    return int(number)


def handle(**style):
    """What stands for something in a legend."""
    return importlib.import_module("matplotlib.lines").Line2D([], [], **style)


def beside_the_axes(ax, handles, title=""):
    """A legend to the right of the axes, where it covers nothing; nothing without handles."""
    place = {"loc": "upper left", "bbox_to_anchor": (1.0, 1.0), "borderaxespad": 0.4, "alignment": "left"}
    add_legend_to(ax, handles, title=title or None, title_fontsize="small", **place)


def above_the_axes(ax, handles, n_columns=None, raised=0.0):
    """A legend above the axes, ``raised`` by so many points, in as few lines as the axes are wide enough for."""
    inches = ax.get_position().width * ax.figure.get_figwidth()
    n_columns = n_columns or int(np.clip(inches // INCH_OF_AN_ENTRY, 1, max(len(handles), 1)))
    offset_copy = importlib.import_module("matplotlib.transforms").offset_copy
    above = {"bbox_transform": offset_copy(ax.transAxes, ax.figure, y=raised, units="points")}
    place = {"loc": "lower left", "bbox_to_anchor": (0.0, 1.0), "borderaxespad": 0.2, "ncols": n_columns, **above}
    add_legend_to(ax, handles, **place, columnspacing=1.2)


def add_legend_to(ax, handles, **place):
    """One more legend of the axes, beside those that are there."""
    if not handles:
        return
    legend = importlib.import_module("matplotlib.legend").Legend
    labels = [handle.get_label() for handle in handles]
    drawn = ax.add_artist(legend(ax, handles, labels, frameon=False, fontsize="small", handletextpad=0.6, **place))
    drawn.set_clip_on(False)  # else no place is kept for what stands outside the axes
    for text in [drawn.get_title(), *drawn.get_texts()]:
        text.set_parse_math(False)
