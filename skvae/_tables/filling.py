"""A table with its missing cells taken from numbers, all other cells as they are.

Functions take the ``Schema`` of the training table.
"""

import numpy as np
import pandas as pd

from skvae._tables.column import held
from skvae._tables.decoding import decoded_column, limited
from skvae._tables.frames.blocks import filled_block, may_lack, plain_blocks
from skvae._tables.frames.frame import (
    beside,
    column_of,
    columns_of,
    holes_as_nan,
    is_frame,
    library_of,
    like,
    one_column,
)
from skvae._tables.limits import clipped


def filled(schema, X, numbers):
    """A copy of a table with its missing cells taken from numbers (n, n_features).

    A column of which all are missing has no dtype of its own: it comes back in that of training, unless it has the
    twin of that dtype that takes holes (Int64 for int64), so that a row does not depend on others.
    """
    numbers = limited(schema, numbers)
    if not is_frame(X):
        return filled_array(schema, np.array(X, copy=True), numbers)
    parts, read = [], np.zeros(X.shape[1], dtype=bool)
    for columns, cells in filled_plain(schema, X, numbers):
        parts.append((columns, cells))
        read[columns] = True
    left = np.flatnonzero(may_lack(X) & ~read).tolist()
    others = {j: filled_column(schema, X, j, numbers[:, j]) for j in left}
    others = {j: cells for j, cells in others.items() if cells is not None}
    read[list(others)] = True
    if others:
        parts.append((list(others), list(others.values())))
    if not read.all():
        parts.append((np.flatnonzero(~read), columns_of(X, np.flatnonzero(~read).tolist())))
    return like(X, beside(X, parts))


def filled_array(schema, X, numbers):
    """An array with its missing cells filled, in place unless its dtype cannot hold what was missing."""
    missing = pd.isna(holes_as_nan(X))
    for j in np.flatnonzero(missing.any(axis=0)):
        cells = schema.column(j).decode(numbers[:, j]).to_numpy()[missing[:, j]]
        X = X.astype(object) if cells.dtype.kind not in "fiub" else X
        X[missing[:, j], j] = clipped(cells, X.dtype) if cells.dtype.kind == "f" else cells
    return X


def filled_plain(schema, X, numbers):
    """Blocks of those columns of a plain dtype of a frame that lack some cells, filled."""
    for letter, columns, cells in plain_blocks(X):
        read, missing = [letter in schema.column(j).letters for j in columns.tolist()], np.isnan(cells)
        here = np.flatnonzero(missing.any(axis=0) & ~missing.all(axis=0) & read)
        if len(here):
            columns, missing = columns[here], missing[:, here]
            whole = [schema.column(j).is_whole for j in columns.tolist()]
            expected = np.where(whole, np.rint(numbers[:, columns]), numbers[:, columns])
            yield columns, filled_block(X, columns, missing, expected)


def filled_column(schema, X, j, numbers):
    """One column of a frame with its missing cells filled; None where none is to be filled."""
    column, missing, library = schema.column(j), column_of(X, j).isna().to_numpy(), library_of(X)
    if not missing.any() or column.is_empty:
        return None
    if not missing.all() or column.is_twin_of(list(X.dtypes)[j] if library == "pandas" else None):
        return column.filled(one_column(X, j), missing, numbers)
    if schema.frame is not None and schema.frame.library == library:
        return decoded_column(schema, column, numbers)
    if library == "polars":
        return column.in_polars(numbers, "Int64" if column.is_whole else None)
    cells = column.decode(numbers)
    return held(cells, "int64") if column.is_whole else cells.infer_objects()
