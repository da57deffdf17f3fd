"""Numbers with holes -> table: in the columns, dtypes and container of the training data.

Functions take the ``Schema`` of the training table.
"""

import numpy as np

from skvae._tables.frames.blocks import as_block, as_plain, numpy_of, plain_columns, text_block, text_columns
from skvae._tables.frames.polars import as_pandas, to_polars
from skvae._tables.limits import clipped, integer_limits
from skvae._tables.matrix import as_slice


def decoded(schema, numbers, dtype, index=None, drawn=False):
    """Rows of data space, in the container of the training data; an array has that dtype.

    Draws of whole numbers and times are kept within what training cells were.
    """
    numbers = limited(schema, numbers)
    if drawn:
        bounds = [(column.low, column.high) for column in map(schema.column, range(numbers.shape[1]))]
        numbers = np.clip(numbers, *np.array(bounds).T)
    if schema.frame is None:
        for j, column in schema.columns.items():
            numbers[:, j] = column.decode(numbers[:, j]).to_numpy(np.float64, na_value=np.nan)
        return clipped(numbers, np.dtype(dtype)).astype(dtype, copy=False)
    return schema.frame.of_parts(list(parts_of(schema, numbers)), index)


def limited(schema, numbers):
    """Numbers (n, n_features) within what the dtypes of training can hold, whatever they are to be written in.

    A model without bounds, as a linear one is, knows nothing of them.
    """
    if schema.frame is None and not schema.columns and np.isinf(integer_limits(schema.dtype)).all():
        return numbers
    return np.clip(numbers, *schema.limits(numbers.shape[1]))


def parts_of(schema, numbers):
    """Parts of a frame in the dtypes of training: blocks of plain columns and of texts, and a list of others."""
    library, others = schema.frame.library, np.ones(numbers.shape[1], dtype=bool)
    for letter, dtype, columns in plain_parts(schema, numbers):
        others[columns] = False
        yield columns, as_block(library, numbers[:, as_slice(columns)], letter, dtype)
    for dtype, columns in text_columns(schema.columns.values(), len(numbers)):
        others[columns] = False
        levels = [schema.columns[j].levels for j in columns.tolist()]
        yield columns, text_block(library, levels, numbers[:, columns], dtype)
    others = np.flatnonzero(others).tolist()
    if others:
        yield others, [decoded_column(schema, schema.columns[j], numbers[:, j]) for j in others]


def plain_parts(schema, numbers):
    """Letter, dtype and numbers of the columns of a plain dtype, if these cells may be missing there."""
    lacking = np.isnan(numbers).any(axis=0)
    for (letter, dtype), columns in plain_columns(schema.columns.values(), schema.frame.library).items():
        if isinstance(dtype, np.dtype) and letter != "f":
            columns = columns[~lacking[columns]]
        if len(columns):
            yield letter, dtype, columns


def decoded_column(schema, column, numbers):
    """A column of the frame's library in its training dtype."""
    if schema.frame.library == "polars":
        return column.in_polars(numbers, column.dtype)
    return column.restored(numbers)


def settled(schema, numbers):
    """The numbers of the cells that ``decoded`` makes of numbers (n, n_features): rounded as these are."""
    if schema.frame is None:
        return schema.number_levels(decoded(schema, numbers.copy(), np.float64))
    numbers = limited(schema, numbers)
    found, others = numbers.copy(), np.ones(numbers.shape[1], dtype=bool)
    for letter, dtype, columns in plain_parts(schema, numbers):
        if letter != "f" or numpy_of(dtype) != np.float64:
            cells, missing = numbers[:, columns], np.isnan(numbers[:, columns])
            cells = as_plain(np.where(missing, 0.0, cells), letter, numpy_of(dtype)).astype(np.float64)
            found[:, columns] = np.where(missing, np.nan, cells)
        others[columns] = False
    for j in np.flatnonzero(others).tolist():
        column = schema.columns[j]
        if column.has_levels:
            found[:, j] = np.clip(np.rint(numbers[:, j]), 0, len(column.levels) - 1)
        else:
            found[:, j] = column.encode(as_pandas(decoded_column(schema, column, numbers[:, j])))
    return found


def as_read(schema, numbers, index=None):
    """Numbers (n, n_features) as a table that an estimator takes: levels and dates as such, numbers as they are.

    A level that no training row has stays one.
    """
    if schema.frame is None:
        return array_as_read(schema, numbers) if schema.columns else numbers
    if not schema.reads_otherwise:
        return schema.frame.numbers(numbers, index)
    otherwise = [j for j, column in schema.columns.items() if column.reads_otherwise]
    others = np.setdiff1d(np.arange(numbers.shape[1]), otherwise)
    parts = [(others, numbers[:, others])] if len(others) else []
    cells = [column_as_read(schema, schema.columns[j], numbers[:, j]) for j in otherwise]
    return schema.frame.of_parts([*parts, (otherwise, cells)], index)


def column_as_read(schema, column, numbers):
    """A column of levels or dates as cells of the frame's library that an estimator reads as the same numbers."""
    unseen, in_polars = column.unseen(numbers), schema.frame.library == "polars"
    if not unseen.any():
        return column.in_polars(numbers, column.dtype, True) if in_polars else column.decode(numbers, True)
    cells = column.decode(numbers).astype(object).mask(unseen, column.stand_in)
    return to_polars(cells, "Object") if in_polars else cells


def array_as_read(schema, numbers):
    """Numbers (n, n_features) as an array that an estimator takes, whose levels are numbers."""
    X = decoded(schema, numbers.copy(), np.float64)
    for j, column in schema.columns.items():
        unseen = column.unseen(numbers[:, j])
        if unseen.any():
            X[unseen, j] = np.nextafter(max(column.levels), np.inf)
    return X


def shown_cells(schema, numbers, columns, as_measured=False):
    """Cells as a reader knows them, an object array of the shape of ``numbers``, each of the column beside it."""
    cells = numbers.astype(object)
    for j in np.intersect1d(columns, list(schema.columns)).tolist():
        here = columns == j
        cells[here] = schema.columns[j].shown(numbers[here], as_measured)
    return cells
