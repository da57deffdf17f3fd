"""One column of a table against its reconstruction, in a small panel: numbers as points, levels as shares."""

from collections import Counter
from functools import partial

import numpy as np
import pandas as pd

from skvae._displays.texts import cell_text, number_of, shortened, signed

PANELS_A_ROW, INCH_OF_A_PANEL = 4, 2.1
"""Panels beside each other, and inches that one of them is wide and high."""

MOST_POINTS = 2000
"""Points of a panel: of more rows so many are drawn, evenly spread."""

MOST_SHOWN_LEVELS, MOST_WITH_NUMBERS = 7, 4
"""Levels of a panel, the last one being all others where there are more; and up to how many have numbers in them."""

LETTERS_OF_A_NAME, LETTERS_OF_A_LEVEL = 18, 9
"""Letters of a column's name and of a level that are written."""

USUAL_SHARE, BESIDE_THE_USUAL = 0.9, 1.0
"""A panel shows the middle share of the cells and so many times their range beside; points beyond stand at its ends."""

LEAST_RANGE = 1e-3
"""Range of a panel whose cells are one number, on either side, relative to this number; at least half a unit."""

POINTS, FAR_POINTS, DIAGONAL = "C0", "C3", "0.6"
"""Colours of cells, of cells beyond the panel, and of the line on which a cell is as it was."""

OTHER_LEVELS = "others"
"""What all levels are called that are not drawn."""


def is_of_levels(cells):
    """Whether a Series holds levels: what has neither a size nor a date."""
    if isinstance(cells.dtype, pd.CategoricalDtype) or cells.dtype.kind == "b":
        return True
    return cells.dtype.kind not in "iufmM" and np.isnan([number_of(cell) for cell in cells]).all()


def numbers_of(cells):
    """Cells that are no levels as float64 numbers (n,), dates and spans in nanoseconds; NaN where they are missing."""
    if cells.dtype.kind in "iuf":
        return cells.to_numpy(np.float64, na_value=np.nan)
    return np.array([number_of(cell) for cell in cells], dtype=np.float64)


def error_of(before, after):
    """What a reconstruction lacks, from 0: of numbers the share of their variance, of levels that of the rows.

    Only cells that are there count; NaN where none are, or where numbers do not vary.
    """
    if is_of_levels(before):
        there = before.notna()
        wrong = before[there].astype(object) != after[there].astype(object)
        return float(wrong.mean()) if there.any() else np.nan
    cells, restored = numbers_of(before), numbers_of(after)
    there = ~np.isnan(cells) & ~np.isnan(restored)
    cells, restored = cells[there], restored[there]
    if not len(cells) or cells.min() == cells.max():
        return np.nan
    return float(np.mean((restored - cells) ** 2) / np.var(cells))


def draw_panel(ax, name, before, after, error):
    """Draw a column: its name and how well it is known above, observed to the right and reconstructed upwards."""
    draw, said, whole = draw_numbers, "R² {:.2f}", 1.0
    if is_of_levels(before):
        draw, said, whole = draw_levels, "{:.0f} % right", 100.0
    if before.isna().all():
        ax.text(0.5, 0.5, "missing", ha="center", va="center", style="italic", transform=ax.transAxes)
        ax.set_xticks([])
        ax.set_yticks([])
    else:
        draw(ax, before, after)
    ax.set_box_aspect(1.0)
    ax.tick_params(labelsize="x-small", length=2.0)
    known = "" if np.isnan(error) else signed(said.format(whole * (1.0 - error)))
    ax.set_title(
        "\n".join(filter(None, [shortened(name, LETTERS_OF_A_NAME), known])), fontsize="small", parse_math=False
    )


def draw_numbers(ax, before, after):
    """Cells as points: on the diagonal where they came back as they were."""
    cells, restored = numbers_of(before), numbers_of(after)
    there = np.flatnonzero(~np.isnan(cells) & ~np.isnan(restored))
    there = there[:: -(-len(there) // MOST_POINTS) or 1]
    low, high = shown_range(cells[there], restored[there])
    x, y = cells[there].clip(low, high), restored[there].clip(low, high)
    far = (x != cells[there]) | (y != restored[there])
    ax.plot([low, high], [low, high], color=DIAGONAL, linewidth=0.8, zorder=1.5)
    dots = {"s": 7.0, "linewidth": 0.0, "alpha": float(np.clip(120.0 / max(len(there), 1), 0.15, 0.7))}
    ax.scatter(x[~far], y[~far], color=POINTS, rasterized=True, **dots)
    ax.scatter(x[far], y[far], color=FAR_POINTS, marker="D", rasterized=True, clip_on=False, **dots | {"alpha": 0.8})
    beside = 0.04 * (high - low)
    ax.set_xlim(low - beside, high + beside)
    ax.set_ylim(low - beside, high + beside)
    add_ticks(ax, before, low, high)


def shown_range(cells, restored):
    """The least and the most number that a panel shows."""
    both = np.concatenate([cells, restored])
    if not len(both):
        return 0.0, 1.0
    low, high = np.quantile(both, [0.5 - 0.5 * USUAL_SHARE, 0.5 + 0.5 * USUAL_SHARE])
    beside = BESIDE_THE_USUAL * (high - low)
    first, last = both.min(), both.max()
    low, high = (max(low - beside, first), min(high + beside, last)) if low < high else (first, last)
    half = max(0.5, LEAST_RANGE * abs(low))
    return (low, high) if low < high else (low - half, high + half)


def add_ticks(ax, cells, low, high):
    """A few ticks, as dates where the cells are dates."""
    if cells.dtype.kind in "iuf":
        ax.locator_params(nbins=3)
        ax.set_yticks(ax.get_xticks()[(ax.get_xticks() >= low) & (ax.get_xticks() <= high)])
        ax.set_xticks(ax.get_yticks())
        return
    first = next((cell for cell in cells if not pd.isna(cell)), None)
    text = time_of(first)
    places = [low + share * (high - low) for share in (0.25, 0.75)]
    labels = [text(place, 0.5 * (high - low)) for place in places]
    ax.set_xticks(places, labels=labels)
    ax.set_yticks(places, labels=labels, rotation=90, va="center")


def time_of(cell):
    """How a number is written in a column that holds such a cell."""
    if isinstance(cell, pd.Timestamp):
        return lambda number, width: cell_text(pd.Timestamp(int(number), tz="UTC").tz_convert(cell.tz), width)
    if isinstance(cell, pd.Timedelta):
        return lambda number, width: str(pd.Timedelta(int(number)).round("s"))
    return partial(cell_text)


def draw_levels(ax, before, after):
    """Levels as shares: of the rows of each observed level, in a column, those with each reconstructed one."""
    there = before.notna()
    pairs = list(zip(before[there].astype(object), after[there].astype(object), strict=True))
    levels = shown_levels(before, pairs)
    place = {level: number for number, level in enumerate(levels)}
    n_shown = len(levels) + any(level not in place for pair in pairs for level in pair)
    counts = np.zeros((n_shown, n_shown))
    for observed, restored in pairs:
        counts[place.get(restored, len(levels)), place.get(observed, len(levels))] += 1.0
    shares = counts / np.maximum(counts.sum(axis=0), 1.0)
    ax.imshow(shares, cmap="Blues", vmin=0.0, vmax=1.2, origin="lower")
    labels = [shortened(level, LETTERS_OF_A_LEVEL) for level in levels] + [OTHER_LEVELS] * (n_shown - len(levels))
    turned = {"rotation": 90} if len(labels) > 3 and max(map(len, labels)) > 2 else {}
    ax.set_xticks(range(n_shown), labels=labels, parse_math=False, **turned)
    ax.set_yticks(range(n_shown), labels=labels, parse_math=False)
    for row, column in np.argwhere(counts) if n_shown <= MOST_WITH_NUMBERS else []:
        colour = "white" if shares[row, column] > 0.6 else "black"
        ax.text(
            column,
            row,
            f"{100.0 * shares[row, column]:.0f} %",
            ha="center",
            va="center",
            fontsize="x-small",
            color=colour,
        )


def shown_levels(cells, pairs):
    """The levels that have a place of their own, in order: all, or the most frequent ones."""
    held = Counter(level for pair in pairs for level in pair)
    most = {level for level, _ in held.most_common(MOST_SHOWN_LEVELS - (len(held) > MOST_SHOWN_LEVELS))}
    if isinstance(cells.dtype, pd.CategoricalDtype):
        return [level for level in cells.cat.categories.tolist() if level in most]
    return sorted(most, key=lambda level: (type(level).__name__, str(level)))
