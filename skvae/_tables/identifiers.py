"""Columns that tell rows apart and say nothing that rows share: levels of their own, and numbers of rows."""

import datetime
import warnings

import numpy as np
import pandas as pd
from sklearn.exceptions import DataConversionWarning

from skvae._tables.cells import shown
from skvae._tables.names import column_name

LEAST_TOLD_APART, MOSTLY_ALONE = 30, 0.5
"""Cells from which on a column is looked at, and share of them whose value no other row has that an identifier passes.

That share is the chance that a new row has a level never seen (Good, 1953): above one half there is nothing to learn.
"""

MOST_IN_WORDS = 5
"""Columns of which it is said what they hold; the remedy names all."""

OF_TIME = pd.Period, pd.Interval, datetime.date, datetime.time, datetime.timedelta, np.datetime64, np.timedelta64
"""Types of levels that are amounts: those that rows have for themselves are no names."""


def own_levels(column, numbers):
    """What is said of a column of levels, of which most cells (n,) are those of one row alone; None elsewhere."""
    there = numbers[np.isfinite(numbers)]
    if not column.has_levels or len(there) < LEAST_TOLD_APART:
        return None
    counts = np.bincount(there.astype(np.int64))
    level = column.levels[int(there[0])]
    if (counts == 1).sum() <= MOSTLY_ALONE * len(there) or isinstance(level, OF_TIME):
        return None
    return f"has {(counts > 0).sum()} different values in {len(there)} cells, such as {shown(level)}"


def row_numbers(cells):
    """What is said of columns of whole numbers (n, n_columns) that go up or down by the same in each row, by place."""
    if len(cells) < LEAST_TOLD_APART:
        return {}
    steps = np.diff(cells[:LEAST_TOLD_APART], axis=0)
    alike = np.flatnonzero((steps == steps[0]).all(axis=0) & (steps[0] != 0.0)).tolist()
    counts = {i: int(steps[0, i]) for i in alike if (np.diff(cells[:, i]) == steps[0, i]).all()}
    return {
        i: f"goes {'up' if step > 0 else 'down'} by {abs(step)} from row to row, from {cells[0, i]:.0f}"
        for i, step in counts.items()
    }


def warn_of_identifiers(found, schema):
    """Say of columns, by their numbers, what they hold and how they are left out."""
    if not found:
        return
    said = [f"{column_name(schema.names, j)} {holds}" for j, holds in sorted(found.items())]
    more = f"; and {len(said) - MOST_IN_WORDS} more" if len(said) > MOST_IN_WORDS else ""
    names = [schema.names[j] for j in sorted(found)]
    remedy = f"X.drop({names!r})" if schema.frame.library == "polars" else f"X.drop(columns={names!r})"
    warnings.warn(
        f"{'; '.join(said[:MOST_IN_WORDS])}{more}. Such a column is an identifier: it tells rows apart and says "
        "nothing that holds for others, but it takes time to train, and draws give back its values beside cells of "
        f"other rows. Leave it out, as {remedy} does.",
        DataConversionWarning,
        stacklevel=2,
    )
