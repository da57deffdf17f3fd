"""Frame -> numbers with holes, by what the columns of training were; cells of another kind are errors.

Functions take the ``Schema`` of the training table.
"""

import warnings

import numpy as np
import pandas as pd
from sklearn.exceptions import DataConversionWarning

from skvae._tables.cells import is_object, shown
from skvae._tables.families import READ_AS_NUMBERS, family, in_training, remedy, strange_cell
from skvae._tables.faults import check_names, conversion, unreadable
from skvae._tables.frames.blocks import plain_blocks
from skvae._tables.frames.frame import column_of
from skvae._tables.matrix import as_slice
from skvae._tables.names import column_name, places_of
from skvae._tables.times import first_odd

ACCEPTED = "the estimator"
"""How messages call the owner of a table that an estimator has accepted before; it has said what is to be said."""


def encoded_blocks(schema, X, owner):
    """A frame by the block, NaN where cells are missing: the numbers of columns, and their cells (n_columns, n)."""
    check_names(X, schema.names, owner)
    read = np.zeros(len(schema.columns), dtype=bool)
    for letter, columns, cells in plain_blocks(X):
        alike = np.array([letter in schema.columns[j].letters for j in columns.tolist()])
        read[columns[alike]] = True
        if alike.any():
            yield columns[alike], cells.T[as_slice(np.flatnonzero(alike))]
    for j in np.flatnonzero(~read).tolist():
        yield np.array([j]), encoded_column(schema, column_of(X, j), j, owner)[None]


def encoded_column(schema, cells, j, owner):
    """A Series, column ``j`` of a frame, as float64 numbers (n,)."""
    column = schema.columns[j]
    if isinstance(cells.dtype, pd.CategoricalDtype) and not column.has_levels:
        cells = cells.astype(object)
    if not (column.is_empty or cells.isna().all() or column.accepts(cells)):
        raise unusable(schema, ValueError(f"{cells.dtype} for {column.dtype}"), cells, j, owner)
    try:
        numbers = np.asarray(column.encode(cells), dtype=np.float64)
    except (TypeError, ValueError, NotImplementedError) as error:
        raise unusable(schema, error, cells, j, owner) from error
    check_family(schema, cells, numbers, j, owner)
    return numbers


def check_family(schema, cells, numbers, j, owner):
    """Refuse levels of which none is of the kind of training; say so where other cells can be read as such."""
    column = schema.columns[j]
    if column.are_texts and (numbers < len(column.levels)).any():  # a cell that equals a text is one
        return
    cell = strange_cell(column, cells)
    if cell is None or np.isinf(numbers).any():  # infinite ones are errors
        return
    (were, expected), found = in_training(column), family(cell)
    is_lost = column.unseen(numbers).any() or found not in READ_AS_NUMBERS
    if owner == ACCEPTED and not is_lost:
        return
    message = (
        f"{column_name(schema.names, j)} holds {found} such as {shown(cell)} (dtype {cells.dtype}), but {owner} was "
        f"fitted on {were} there; no cell is of that kind"
    )
    advice = remedy(schema.frame.library, expected, schema.names[j])
    if is_lost:
        raise ValueError(f"{message}. {advice}")
    warnings.warn(f"{message}, and they are read as such. {advice}", DataConversionWarning, stacklevel=2)


def unusable(schema, error, cells, j, owner):
    """The error of a column with cells that are not what it held in training."""
    column, where = schema.columns[j], column_name(schema.names, j)
    if column.has_levels:
        return unreadable(error, cells, where, owner)
    row = first_odd(cells, column.is_odd)
    if row is None:
        return error
    how = conversion(column, cells, row, schema.frame.library, where.removeprefix("column "))
    dtype = "" if is_object(cells.dtype) else f" of dtype {cells.dtype}"
    return ValueError(
        f"{where}, row {row} holds {shown(cells[row])}{dtype}, but {owner} was fitted on {column.cells_in_words} "
        f"there. {how}, or replace such cells by NaN."
    )


def encoded_row(schema, cells, n_features, owner):
    """Numbers (n_features,) of some cells by column name or number, NaN for the others."""
    row, lacking = np.full(n_features, np.nan), f"which {owner} was not fitted on"
    places = places_of(list(cells), schema.names, n_features, f"given={cells!r}", lacking)
    for name, cell in cells.items():
        j = places[name]
        column, where = schema.column(j), column_name(schema.names, j)
        try:
            row[j] = column.number_of(cell)
        except (TypeError, ValueError, OverflowError) as error:
            raise ValueError(
                f"given={cells!r}: {where} holds {column.kind} cells, not {shown(cell)}. Give one of its "
                f"{column.cells_in_words}."
            ) from error
        if not np.isfinite(row[j]):
            raise ValueError(f"given={cells!r}: {where} is to be {shown(cell)}, which is missing or not finite.")
        if column.has_levels and row[j] >= len(column.levels):
            raise ValueError(
                f"given={cells!r}: {where} never was {shown(cell)} in training; it has levels {shown(column.levels)}."
            )
    return row
