"""Of what kind cells are, and what to do where a column holds none of the kind that it held in training."""

import datetime

import numpy as np
import pandas as pd

from skvae._tables.cells import is_number, shown

REMEDIES = {
    ("pandas", "texts"): "X[{name}].astype(str) does, with the zeros and signs that training cells have (.str.zfill)",
    ("pandas", "numbers"): "pandas.to_numeric(X[{name}]) does",
    ("pandas", "booleans"): "X[{name}].map({{...}}) does with a value for each of its cells",
    ("pandas", "dates"): "pandas.to_datetime(X[{name}]) does",
    ("pandas", "spans of time"): "pandas.to_timedelta(X[{name}]) does",
    ("polars", "texts"): ".cast(polars.String) does, with the zeros and signs that training cells have (.str.zfill)",
    ("polars", "numbers"): ".cast(polars.Float64) does",
    ("polars", "booleans"): ".replace_strict({{...}}) does with a value for each of its cells",
    ("polars", "dates"): ".str.to_datetime() does",
}
"""How a column is converted, by the library of its frame and by what its cells are to be."""

READ_AS_NUMBERS = {"texts", "numbers", "booleans"}
"""Families of cells that can be read as numbers: texts of numbers, and booleans as 0 and 1."""


def family(cell):
    """What one cell is, in words; cells of two families never stand for the same."""
    if isinstance(cell, bool | np.bool_):
        return "booleans"
    if isinstance(cell, str):
        return "texts"
    if isinstance(cell, np.timedelta64 | datetime.timedelta):
        return "spans of time"
    if isinstance(cell, np.datetime64 | datetime.date):
        return "dates" if getattr(cell, "tzinfo", None) is None else "dates with a time zone"
    if isinstance(cell, pd.Period):
        return f"periods of frequency {cell.freqstr}"
    return "numbers" if is_number(cell) else f"cells of type {type(cell).__name__}"


def strange_cell(column, cells):
    """The first cell of a Series if none is of a family that training cells were of; None elsewhere."""
    there = cells.notna().to_numpy()
    if (column.family is None and not column.has_levels) or not there.any():
        return None
    first = cells.iloc[there.argmax()]
    if is_alike(column, family(first)) or (isinstance(first, str) and first == column.stand_in):
        return None
    may_differ = getattr(cells.dtype, "kind", "O") == "O"
    if may_differ and any(is_alike(column, found) for found in set(map(family, cells[there]))):
        return None
    return first


def is_alike(column, found):
    """Whether cells of a family are such as a column's training cells were."""
    if not column.has_levels:
        return found == "numbers"
    return any(family(level) == found for level in column.levels)


def in_training(column):
    """What the cells of a column were in training, in words with an example, and their family."""
    if column.family is not None:
        return column.family, column.family
    expected = family(column.levels[0])
    return f"{expected} such as {shown(column.levels[0])}", expected


def remedy(library, expected, name):
    """What to do with a column whose cells are to be of a family."""
    how = REMEDIES.get((library, expected))
    how = "" if how is None else f", as {how.format(name=shown(name))}"
    return f"Convert it to what it was in training{how}, or replace its cells by missing ones."
