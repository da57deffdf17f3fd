"""How many decimals the numbers of a column have, and numbers rounded to as many."""

from dataclasses import replace

import numpy as np

MOST_DECIMALS = 6
"""Decimals that are looked for, at most."""

TELLING = 64
"""Rows that are looked at first: they tell most columns that have no few decimals."""

BY_CHANCE = 2.0**-30
"""Chance above which numbers without a grid could all have so few decimals, as those of few digits do."""

EPS = {("float", 32): 2.0**-23, ("float", 64): 2.0**-52}
"""How far a decimal is from the number that stands for it, relatively and at most, by the dtype."""


def decimals_of(cells, eps):
    """The fewest decimals that all cells (n, n_columns) of each column have, or one more than are looked for.

    ``eps`` (n_columns,) is how far a cell may be from a decimal, relatively.
    """
    found, left = np.full(cells.shape[1], MOST_DECIMALS + 1), np.arange(cells.shape[1])
    for decimals in range(MOST_DECIMALS + 1):
        here = left
        for rows in (slice(TELLING), slice(None)) if len(cells) > TELLING else (slice(None),):
            here = here[are_of(decimals, cells[rows, as_columns(here, cells)], eps[here])] if len(here) else here
        found[here] = decimals
        left = np.setdiff1d(left, here)
    return found


def as_columns(here, cells):
    """Column numbers, or a slice where they are all of them: no copy of the cells is made."""
    return slice(None) if len(here) == cells.shape[1] else here


def are_of(decimals, cells, eps):
    """Mask of the columns of cells (n, n_columns) that all are numbers of so many decimals, or missing."""
    with np.errstate(over="ignore", invalid="ignore"):
        apart = np.abs(on_grid(np.rint, cells, decimals) - cells)
        return ((apart <= eps * np.abs(cells)) | np.isnan(cells)).all(axis=0)


def on_grid(nearest, numbers, decimals):
    """Numbers of so many decimals: those ``nearest`` to numbers in a sense, such as ``numpy.rint``."""
    size = 10.0**decimals
    return nearest(numbers * size) / size + 0.0  # no minus zero


def is_chance(decimals, n_cells, most, eps):
    """Whether so many cells up to a size could all be decimals by the digits that they have."""
    width = min(2.0 * eps * most * 10.0**decimals, 1.0)
    return n_cells == 0 or (width > 0.0 and n_cells * np.log2(width) > np.log2(BY_CHANCE))


def precisions_of(schema, columns, begins):
    """How far cells of some columns may be from decimals, by column: of those in which such are looked for.

    Where the schema does not begin, these are the ones that have had decimals so far. An array has none: its columns
    have one dtype.
    """
    known = {} if schema.frame is None else {j: schema.columns[j] for j in columns}
    asked = {j: column.precision for j, column in known.items() if begins or column.decimals is not None}
    return {j: eps for j, eps in asked.items() if eps is not None}


def with_decimals(schema, profile, precisions, begins):
    """The schema that knows how many decimals the columns of ``precisions`` have, by the profile of rows.

    Where it does not begin, the rows are further ones, and decimals grow.
    """
    columns, moments = dict(schema.columns), profile.columns.moments
    for (j, eps), found in zip(precisions.items(), profile.columns.decimals.tolist(), strict=True):
        column, seen = columns[j], (float(moments.low[j]), float(moments.high[j]))
        if begins:
            n_cells, most = profile.total * moments.there[j], max(map(abs, seen))
            found = MOST_DECIMALS + 1 if is_chance(found, n_cells, most, eps) else found
        else:
            found = max(found, column.decimals)
            seen = min(seen[0], column.seen[0]), max(seen[1], column.seen[1])
        columns[j] = replace(column, decimals=found if found <= MOST_DECIMALS else None, seen=seen)
    return replace(schema, columns=columns)


def rounded(schema, numbers):
    """Numbers (n, n_features) with as many decimals as training cells have, in columns in which these have few.

    Numbers beyond the training cells go towards them, so that none leaves what a likelihood describes: the smallest
    positive price is no price of zero.
    """
    grids = {}
    for j, column in schema.columns.items():
        if column.decimals is not None:
            grids.setdefault(column.decimals, []).append(j)
    if not grids:
        return numbers
    numbers = np.array(numbers, dtype=np.float64)
    for decimals, columns in grids.items():
        least, most = np.array([schema.columns[j].seen for j in columns]).T
        numbers[:, columns] = within_seen(numbers[:, columns], decimals, least, most)
    return numbers


def within_seen(numbers, decimals, least, most):
    """Numbers (n, n_columns) of so many decimals, those beyond such ends rounded towards them."""
    with np.errstate(over="ignore", invalid="ignore"):
        found = on_grid(np.rint, numbers, decimals)
        found = np.where(numbers < least, np.minimum(on_grid(np.ceil, numbers, decimals), least), found)
        found = np.where(numbers > most, np.maximum(on_grid(np.floor, numbers, decimals), most), found)
        return np.where(np.isfinite(found), found, numbers)
