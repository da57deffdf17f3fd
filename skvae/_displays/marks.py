"""Labels of rows in a picture: the groups that they make, each with a colour, a shape, a line and a hatch."""

from collections import Counter
from typing import NamedTuple

import numpy as np
import pandas as pd

from skvae._displays.texts import shortened, signed

STYLES = (
    ("#0072B2", "o", "-", ""),
    ("#D55E00", "^", "--", "////"),
    ("#009E73", "s", "-.", "\\\\\\\\"),
    ("#7F3C8D", "D", ":", "...."),
    ("#E69F00", "v", (0, (5, 1)), "xxxx"),
    ("#56B4E9", "P", (0, (3, 1, 1, 1)), "----"),
    ("#000000", "X", (0, (1, 3)), "||||"),
    ("#CC79A7", "<", (0, (8, 2)), "++++"),
    ("#8C564B", ">", (0, (5, 1, 1, 1, 1, 1)), "oooo"),
    ("#666666", "*", (0, (2, 2)), "//"),
)
"""Colour, marker, line style and hatch of the first group, the second and so on: each alone tells groups apart. The
colours are those of Okabe and Ito, without yellow, and three more."""

UNLABELLED = "#8A8A8A"
"""Colour of rows without a label."""

REST, NO_LABEL = "other labels", "no label"
"""What all labels are called that have no group of their own, and rows that have none."""


class Group(NamedTuple):
    """Rows of one label: its name, which rows these are (n,) of bool, and how they are drawn."""

    name: str
    rows: np.ndarray
    color: str
    marker: str
    line: object
    hatch: str


def checked_labels(y, n_rows):
    """Labels of rows as a Series that counts from 0."""
    of_pandas = isinstance(y, pd.Series | pd.api.extensions.ExtensionArray)
    cells = pd.Series(y if of_pandas else as_cells(y)).reset_index(drop=True)
    if len(cells) != n_rows:
        raise ValueError(f"y has {len(cells)} labels, but there are {n_rows} rows: give one label for each row.")
    return cells


def as_cells(y):
    """Labels as an array (n,)."""
    cells = np.asarray(y)
    if cells.ndim != 1:
        raise ValueError(f"y has shape {cells.shape}, but labels are one a row, of shape (n_samples,). Use y.ravel().")
    return cells


def is_measured(labels):
    """Whether labels are numbers of which there are more than groups can be: a scale and no names."""
    return labels.dtype.kind in "iuf" and labels.nunique() > len(STYLES)


def groups_of(labels):
    """The groups that labels make, in order: the most frequent ones where there are too many, and rows without one."""
    there = labels.notna()
    cells = labels.astype(object)
    counts = Counter(cells[there])
    n_shown = len(STYLES) if len(counts) <= len(STYLES) else len(STYLES) - 1
    most = {label for label, _ in counts.most_common(n_shown)}
    known = [label for label in in_order(labels, counts) if label in most]
    parts = [(text_of_label(label), (cells == label).to_numpy(bool) & there.to_numpy()) for label in known]
    if len(counts) > n_shown:
        parts.append((REST, there.to_numpy() & ~cells.isin(most).to_numpy()))
    groups = [Group(*part, *style) for part, style in zip(parts, STYLES, strict=False)]
    if there.all():
        return groups
    return [*groups, Group(NO_LABEL, ~there.to_numpy(), UNLABELLED, ".", (0, (1, 1)), "")]


def in_order(labels, counts):
    """Labels as their categories stand, or else sorted, numbers by size."""
    if isinstance(labels.dtype, pd.CategoricalDtype):
        return labels.cat.categories.tolist()
    try:
        return sorted(counts)
    except TypeError:
        return sorted(counts, key=lambda label: (type(label).__name__, str(label)))


def text_of_label(label):
    """A label in a legend: a whole number without a point, minus signs as axes have them."""
    if isinstance(label, float | np.floating):
        return signed(f"{label:g}")
    return signed(str(label)) if isinstance(label, int | np.integer) else shortened(label)
