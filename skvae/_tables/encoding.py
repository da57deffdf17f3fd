"""Frame -> numbers with holes, by what the columns of training were; cells of another kind are errors.

Functions take the ``Schema`` of the training table.
"""

import warnings

import numpy as np
import pandas as pd
from sklearn.exceptions import DataConversionWarning

from skvae._tables.cells import is_object, shown
from skvae._tables.families import READ_AS_NUMBERS, family, in_training, remedy, strange_cell
from skvae._tables.faults import check_names, conversion, unreadable, warn_of_texts
from skvae._tables.frames.blocks import plain_blocks
from skvae._tables.frames.frame import column_of
from skvae._tables.identifiers import own_levels, row_numbers, warn_of_identifiers
from skvae._tables.kinds import KINDS, column_of_cells
from skvae._tables.matrix import as_slice
from skvae._tables.names import column_name, places_of
from skvae._tables.times import first_odd
from skvae._tables.usual import ends_of

ACCEPTED = "the estimator"
"""How messages call the owner of a table that an estimator has accepted before; it has said what is to be said."""


def learned_blocks(schema, X, chosen, owner, advise):
    """A training frame by the block, as ``encoded_blocks`` gives it, while the schema learns what its columns are.

    ``chosen`` are the columns of numbers whose values are levels.
    """
    n_features, identifiers = X.shape[1], {}
    by_letter = {kind.letter: kind for kind in KINDS.values() if kind.letter is not None}
    for letter, columns, cells in plain_blocks(X):
        low, high = ends_of(cells)
        plain = np.array([low[i] <= high[i] and j not in chosen for i, j in enumerate(columns.tolist())], dtype=bool)
        for i in np.flatnonzero(plain).tolist():
            j = int(columns[i])
            kind, bounds = by_letter[letter], (float(low[i]), float(high[i]))
            schema.columns[j] = kind.plain_of(schema.names[j], schema.frame.dtypes[j], *bounds)
        if by_letter[letter].is_whole:
            identifiers |= {int(columns[i]): holds for i, holds in row_numbers(cells).items() if plain[i]}
        if plain.any():
            yield columns[plain], cells.T[as_slice(np.flatnonzero(plain))]
    for j in [j for j in range(n_features) if j not in schema.columns]:
        cells = column_of(X, j)
        is_told = learn_column(schema, cells, j, j in chosen, owner, advise)
        numbers = encoded_column(schema, cells, j, owner)
        is_meant = j in chosen or (schema.declared and schema.columns[j].categorical is not None)
        holds = None if is_meant or is_told else own_levels(schema.columns[j], numbers)
        identifiers |= {} if holds is None else {j: holds}
        yield np.array([j]), numbers[None]
    schema.columns = dict(sorted(schema.columns.items()))
    if advise:
        warn_of_identifiers(identifiers, schema)


def learn_column(schema, cells, j, as_levels, owner, advise):
    """Have the schema learn what column ``j`` is, from its training cells, a Series; whether it was warned of them."""
    label = schema.names[j] if schema.names else j
    dtype = "float64" if schema.frame is None else schema.frame.dtypes[j]
    try:
        column = column_of_cells(cells, label, dtype, as_levels, schema.declared)
    except (TypeError, ValueError, NotImplementedError) as error:
        raise unreadable(error, cells, column_name(schema.names, j), owner) from error
    schema.columns[j] = column
    if not advise or as_levels:
        return False
    return warn_of_texts(column, cells, column_name(schema.names, j), schema.frame.library)


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
