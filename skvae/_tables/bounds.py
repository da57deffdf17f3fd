"""Between which bounds the cells of a column can be, by what the column is."""

import numpy as np

from skvae._tables.matrix import as_slice

MOST_VALUES, SHARE_OF_A_BOUND, ROWS_OF_A_BOUND = 20, 0.05, 10
"""An end is a bound where it holds this share of the rows and at least so many, or where a column has no more values
than this, each of so many rows."""

COLUMNS_OF_ONE_RANGE, SHARE_OF_ONE_RANGE = 10, 0.2
"""So many columns, and this share of those whose cells differ, have an end in common where all columns are of one
range, as pixels are; each with rows that repeat it, which columns that were scaled to a range do not."""

NOWHERE = np.array([[-np.inf], [np.inf]])
"""No bounds."""


def bounds_of(sample, ends, columns):
    """Bounds (2, n_features) of the cells of some columns: an end that rows repeat, such as a zero or a cap.

    Or else one that many of these columns have in common and none passes. ``sample`` is that of a profile, ``ends`` are
    the smallest and the largest usual cell of each column. Other columns have no bounds.
    """
    bounds = np.repeat(NOWHERE, sample.cells.shape[1], axis=1)
    if not len(columns):
        return bounds
    cells, low, high = sample.cells[:, as_slice(np.array(columns))], ends[0][columns], ends[1][columns]
    held = sample.counts @ ((cells >= low) & (cells <= high))
    few = n_values(sample.ordered[columns], low, high) <= np.minimum(MOST_VALUES, held / ROWS_OF_A_BOUND)
    within = np.repeat(common_ends(sample, ends, columns), len(columns), axis=1)
    for side, end in enumerate((low, high)):
        repeated = sample.counts @ (cells == end)
        is_bound = few | (repeated >= np.maximum(SHARE_OF_A_BOUND * held, ROWS_OF_A_BOUND))
        within[side] = np.where(is_bound & (held > 0.0), end, within[side])
    bounds[:, columns] = within
    return bounds


def n_values(ordered, low, high):
    """How many values there are between such ends among cells in order (n_columns, n), of each column that has one."""
    is_next = ordered[:, 1:] > ordered[:, :-1]
    is_next &= (ordered[:, :-1] >= low[:, None]) & (ordered[:, 1:] <= high[:, None])
    return 1 + np.count_nonzero(is_next, axis=1)


def common_ends(sample, ends, columns):
    """The least and the most cell (2, 1) of columns of one range, such as the 0 and 255 of pixels; infinite if none."""
    found, varying = NOWHERE.copy(), [j for j in columns if ends[0][j] < ends[1][j]]
    enough = max(COLUMNS_OF_ONE_RANGE, SHARE_OF_ONE_RANGE * len(varying))
    if len(varying) < enough:
        return found
    for side, end in enumerate((ends[0][varying].min(), ends[1][varying].max())):
        repeated = sample.counts @ (sample.cells == end)[:, varying] >= 2.0
        if repeated.sum() >= enough:
            found[side] = end
    return found


def within_one_range(bounds, ends, columns):
    """Bounds (2, n_features) that in some columns, where there are none yet, are the ends of all of these together."""
    within = bounds.copy()
    if len(columns):
        common = np.array([[ends[0][columns].min()], [ends[1][columns].max()]])
        within[:, columns] = np.where(np.isfinite(bounds[:, columns]), bounds[:, columns], common)
    return within


def bounds_after(bounds, ends, later):
    """Bounds of those who have seen more rows, with such ends: what cells have passed is as in the ``later`` ones."""
    low = np.where(ends[0] < bounds[0], later[0], bounds[0])
    return np.stack([low, np.where(ends[1] > bounds[1], later[1], bounds[1])])


def narrower(bounds, others):
    """What both allow (2, n_features)."""
    return np.stack([np.maximum(bounds[0], others[0]), np.minimum(bounds[1], others[1])])
