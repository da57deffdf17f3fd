"""Which cells of a table are missing, columns that say so, and columns left out."""

import importlib

import numpy as np
import pandas as pd

from skvae._tables.frames.blocks import may_lack
from skvae._tables.frames.frame import (
    as_array,
    column_of,
    columns_of,
    densely,
    holes_as_nan,
    index_of,
    is_frame,
    is_sparse,
    library_of,
    names_of,
)

MARK = "missingindicator_"
"""What comes before the name of a column in the name of the one that says where its cells are missing."""


def missing_in(X):
    """Mask of the missing cells (n, n_columns) of a frame, an array or rows that make one; none of a sparse table."""
    if is_sparse(X):
        return np.zeros(X.shape, dtype=bool)
    if not is_frame(X):
        return np.asarray(pd.isna(holes_as_nan(np.asarray(as_array(X)))))
    missing = np.zeros(X.shape, dtype=bool)
    for j in np.flatnonzero(may_lack(X)).tolist():
        missing[:, j] = column_of(X, j).isna()
    return missing


def with_marks(X, missing, columns):
    """A table with a further column for each of some: whether its cells are missing, True or 1.0."""
    if not len(columns):
        return X
    marks = missing[:, columns]
    if not is_frame(X):
        X = densely(X)
        return np.hstack([X, marks.astype(X.dtype if X.dtype.kind in "fO" else np.float64)])
    names = [marked(names_of(X)[j]) for j in columns]
    if library_of(X) == "polars":
        polars = importlib.import_module("polars")
        return X.hstack([polars.Series(name, mark) for name, mark in zip(names, marks.T, strict=True)])
    labels = pd.MultiIndex.from_tuples(names, names=X.columns.names) if X.columns.nlevels > 1 else names
    return pd.concat([X, pd.DataFrame(marks, columns=labels, index=index_of(X))], axis=1)


def marked(name):
    """The name of the column that says where those of this name are missing; of a nested one its first part."""
    return (MARK + str(name[0]), *name[1:]) if isinstance(name, tuple) else MARK + str(name)


def only(X, columns):
    """Some columns of a table, by a mask; the table itself where these are all."""
    if columns.all():
        return X
    places = np.flatnonzero(columns)
    n_marks = X.shape[1] - len(columns)
    places = np.concatenate([places, np.arange(n_marks) + len(columns)]).tolist()
    return columns_of(X, places) if is_frame(X) else X[:, places]
