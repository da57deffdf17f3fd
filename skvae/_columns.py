"""Table <-> matrix: what the columns of a table are, and which cell is at fault when one is."""

import datetime
import importlib
import re
import reprlib
from collections import Counter
from dataclasses import dataclass
from numbers import Integral

import numpy as np
import pandas as pd

from skvae._blocks import joined, side_by_side
from skvae._on_demand import OnDemand, is_complete

CHUNK, CELLS_A_CHUNK, LEAST_CHUNK = 8192, 2**21, 16
"""Rows converted at a time, fewer where they have many cells, so that no second float64 copy of a large table exists:
a power of two between the last and the first."""


def chunk_rows(n_features):
    """How many rows of this many cells are converted at a time."""
    fitting = max(CELLS_A_CHUNK // max(n_features, 1), LEAST_CHUNK)
    return min(CHUNK, 2 ** (fitting.bit_length() - 1))


def chunks(stop, n_features, start=0):
    """Slices that cover the rows of so many cells from ``start`` to ``stop``."""
    size = chunk_rows(n_features)
    return [slice(first, min(first + size, stop)) for first in range(start, stop, size)]


def pieces_of(X):
    """The rows of a table as arrays, a chunk at a time, each with the slice of rows that it is."""
    return ((part, X[part]) for part in chunks(*X.shape))


def lacking_by_column(X):
    """Mask of the columns of which cells are missing (n_features,)."""
    lacking = np.zeros(X.shape[1], dtype=bool)
    for _, cells in () if is_complete(X) else pieces_of(X):
        lacking |= np.isnan(cells).any(axis=0)
    return lacking


def lacking_by_row(X, columns=slice(None)):
    """Mask of the rows of which cells of some columns are missing (n,)."""
    lacking = np.zeros(len(X), dtype=bool)
    for part, cells in () if is_complete(X) else pieces_of(X):
        missing = np.isnan(cells)
        lacking[part] = missing.any() and missing[:, columns].any(axis=1)
    return lacking


@dataclass
class Frame:
    """The data frame an estimator was fitted on: its library ("pandas" or "polars"), column labels and dtypes."""

    library: str
    names: list
    dtypes: list

    @classmethod
    def of(cls, X):
        """Description of ``X``; None when it is no data frame."""
        library = library_of(X)
        if library is None:
            return None
        dtypes = list(X.dtypes)
        words = {key: in_words(dtype, library) for key, dtype in {id(dtype): dtype for dtype in dtypes}.items()}
        return cls(library, names_of(X), [words[id(dtype)] for dtype in dtypes])

    def numbers(self, values, index=None):
        """One float64 a cell, under the training data's column names."""
        return self.of_parts([(np.arange(values.shape[1]), values)], index)

    def of_parts(self, parts, index=None):
        """A frame of pairs of column numbers and their cells, an array or a frame, under the training data's names."""
        library = importlib.import_module(self.library)
        if self.library == "polars":
            return side_by_side(library, parts, self.names)
        frame = joined(parts, index)
        frame.columns = library.Index(self.names)
        return frame


def library_of(X):
    """The library of a data frame, "pandas" or "polars"; None for everything else."""
    library = type(X).__module__.split(".")[0]
    return library if library in ("pandas", "polars") and hasattr(X, "columns") and hasattr(X, "dtypes") else None


def is_frame(X):
    """Whether a table is a data frame."""
    return library_of(X) is not None


def names_of(X):
    """Labels of the columns of a data frame; None for everything else."""
    library = library_of(X)
    return library and (X.columns.tolist() if library == "pandas" else list(X.columns))


def in_words(dtype, library):
    """A dtype as its name, or the dtype itself where that says less."""
    name = str(dtype)
    if library == "polars":
        return name if hasattr(importlib.import_module(library), name) else dtype
    if isinstance(dtype, pd.CategoricalDtype):
        return "category"
    try:
        return name if pd.api.types.pandas_dtype(name) == dtype else dtype
    except (TypeError, NotImplementedError):
        return dtype


def column_groups(parameter, pairs, names, n_features, complete=True):
    """Column numbers of each group of ``pairs``, (member, columns) by name or number; every column once.

    ``parameter`` is what messages call the list; some columns may be left out where it need not be ``complete``.
    """
    groups, owner = [], {}
    known = {} if names is None else {name: j for j, name in enumerate(names)}
    for member, columns in pairs:
        groups.append([])
        for column in [columns] if np.ndim(columns) == 0 else columns:
            j = known.get(column, column)
            if isinstance(j, str) or not isinstance(j, Integral) or not 0 <= j < n_features:
                raise ValueError(
                    f"{parameter} names column {column!r}, which X has not; it has "
                    + (f"columns 0 to {n_features - 1}." if names is None else f"columns {reprlib.repr(list(names))}.")
                )
            if j in owner:
                raise ValueError(f"{parameter} names {column_name(names, j)} twice, for {owner[j]!r} and {member!r}.")
            owner[int(j)] = member
            groups[-1].append(int(j))
    missing = [column_name(names, j) for j in range(n_features) if j not in owner]
    if missing and complete:
        raise ValueError(f"{parameter} says nothing of {', '.join(missing[:5])}; each column needs one entry.")
    return groups


def cells_of(X, columns):
    """Some columns of a table as what it is; the table itself, not a copy, where these are all of them in order."""
    if columns == list(range(X.shape[1])):
        return X
    return X.of_columns(columns) if isinstance(X, OnDemand) else X[:, columns]


def column_name(names, j):
    """How messages call column ``j``."""
    return f"column {j}" if names is None else f"column {names[j]!r}"


def numbered(X):
    """Whatever holds rows as a frame, an array or a sparse matrix, whose rows have numbers."""
    if is_frame(X):
        return X
    return X.tocsr() if hasattr(X, "tocsr") else np.asarray(X)


def holes_as_nan(X):
    """An array of objects with NaN for every missing cell; everything else as it is."""
    if not isinstance(X, np.ndarray) or X.dtype.kind != "O":
        return X
    return np.where(np.frompyfunc(is_missing, 1, 1)(X).astype(bool), np.nan, X)


def some_rows(X, rows):
    """Rows of what is ``numbered``, by their numbers or by a slice."""
    return (X.iloc if hasattr(X, "iloc") else X)[rows]


def index_of(X):
    """The row labels of a pandas frame; None for everything else."""
    return X.index if type(X).__module__.startswith("pandas") else None


def is_number(cell):
    """Whether one cell is a number, however large; a missing one is."""
    if isinstance(cell, str | bytes | np.datetime64 | np.timedelta64):
        return False
    try:
        float(np.nan if is_missing(cell) else cell)
    except OverflowError:
        return True
    except (TypeError, ValueError):
        return False
    return True


def is_readable(cell):
    """Whether one cell is a number or the text of one."""
    if not isinstance(cell, str | bytes):
        return is_number(cell)
    try:
        float(cell)
    except ValueError:
        return False
    return True


def is_missing(cell):
    """Whether one cell is a hole: None, NaN, pd.NA or NaT."""
    return cell is None or cell is pd.NA or cell is pd.NaT or (isinstance(cell, float | np.floating) and cell != cell)


def is_infinite(cell):
    """Whether one cell is a number beyond float64, or the text of one."""
    if not is_readable(cell):
        return False
    try:
        return not is_missing(cell) and abs(float(cell)) == np.inf
    except OverflowError:
        return True


UNUSABLE = [
    (
        lambda cell: not is_number(cell),
        "takes numbers only in arrays; put text, dates and categories into a data frame.",
    ),
    (is_missing, "takes no missing cells; fill them first, e.g. with sklearn.impute.SimpleImputer."),
    (
        is_infinite,
        "takes finite numbers only; replace what is beyond float64 by NaN and impute it, or drop these rows.",
    ),
]
"""What makes a cell unusable, in the order in which it is looked for, and the remedy."""

ABOUT_CELLS = re.compile("dates|NaN|infinity|large|convert|float|int|number|digits", re.IGNORECASE)
"""What scikit-learn's and numpy's messages say when a cell is at fault, not the table's shape."""


def check_table(X, owner):
    """Refuse tables that are not in memory, frames with names twice, and arrays of dates."""
    if hasattr(X, "collect"):
        raise ValueError(f"X is a {type(X).__name__}; {owner} takes tables in memory: call .collect() first.")
    names = names_of(X)
    for name, count in Counter(names or []).items():
        if count > 1:
            raise ValueError(f"X has {count} columns named {name!r}; {owner} needs unique names: rename or drop one.")
    if names is not None:
        return
    cells = np.asarray(X) if getattr(getattr(X, "dtype", None), "kind", "f") in "mMO" else np.empty((0, 0))
    if cells.dtype.kind in "mM" or (cells.size and np.frompyfunc(is_date, 1, 1)(cells).any()):
        raise with_culprit(ValueError("X holds dates"), cells.astype(object), owner)


def is_date(cell):
    """Whether one cell is a date or a span of time, which numpy would read as a number."""
    return isinstance(cell, np.datetime64 | np.timedelta64)


def with_culprit(error, X, owner):
    """The same kind of error, with the column and row of the first cell that cannot be used and what to do about it."""
    kind = TypeError if isinstance(error, TypeError) else ValueError
    text = str(error).split("\n")[0].rstrip(".")
    if text.startswith(("The feature names", "column")) or "feature" in text or not ABOUT_CELLS.search(text):
        return kind(str(error))
    cells = np.asarray(X)
    cells = cells if cells.dtype.kind == "f" else np.asarray(X, dtype=object)
    for test, remedy in UNUSABLE if cells.ndim == 2 else []:
        if test is not is_infinite and re.search("infinity|too large", text):
            continue
        rows, columns = np.nonzero(is_unusable(test, cells))
        if len(rows):
            where = f"{column_name(names_of(X), columns[0])}, row {rows[0]}"
            return kind(f"{text}: {where} holds {shown(cells[rows[0], columns[0]])}. {owner} {remedy}")
    return kind(str(error))


def shown(cell):
    """How messages show a cell, however long."""
    if isinstance(cell, datetime.date | datetime.timedelta | np.datetime64 | np.timedelta64):
        return str(cell)
    try:
        return reprlib.repr(cell.item() if isinstance(cell, np.number) else cell)
    except ValueError:
        return f"an integer of {cell.bit_length()} bits"


def is_unusable(test, cells):
    """Mask of the cells that fail a test; floats need no look at each."""
    if cells.dtype.kind != "f":
        return np.frompyfunc(test, 1, 1)(cells).astype(bool)
    return {is_missing: np.isnan, is_infinite: np.isinf}.get(test, np.zeros_like)(cells).astype(bool)
