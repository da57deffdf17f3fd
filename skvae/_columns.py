"""Table <-> matrix: what the columns of a table are, and which cell is at fault when one is."""

import datetime
import importlib
import re
import reprlib
from collections import Counter
from dataclasses import dataclass, field
from decimal import Decimal
from numbers import Integral

import numpy as np
import pandas as pd

from skvae._blocks import joined, library_of, side_by_side
from skvae._on_demand import OnDemand, is_complete
from skvae._plain import StoredPlainly

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
class Frame(StoredPlainly):
    """The data frame an estimator was fitted on: its library ("pandas" or "polars"), column labels and dtypes.

    ``levels`` holds the name and the dtype of each level of the labels of pandas; ``nested`` is whether these are a
    MultiIndex.
    """

    library: str
    names: list
    dtypes: list
    levels: list = field(default_factory=list)
    nested: bool = False

    @classmethod
    def of(cls, X):
        """Description of ``X``; None when it is no data frame."""
        library = library_of(X)
        if library is None:
            return None
        held = list(X.dtypes)  # once: polars makes new ones at each call, and a number of an object may come again
        words = {key: in_words(dtype, library) for key, dtype in {id(dtype): dtype for dtype in held}.items()}
        dtypes = [words[id(dtype)] for dtype in held]
        if library == "polars":
            return cls(library, names_of(X), dtypes)
        nested = isinstance(X.columns, pd.MultiIndex)
        levels = [(part.name, part.dtype) for part in (X.columns.levels if nested else [X.columns])]
        return cls(library, names_of(X), dtypes, levels, nested)

    @property
    def labels(self):
        """The column labels as pandas has them."""
        if not self.nested:
            name, dtype = self.levels[0] if self.levels else (None, None)
            return pd.Index(self.names, dtype=dtype, name=name, tupleize_cols=False)
        levels, codes = [], []
        for values, (_, dtype) in zip(zip(*self.names, strict=True), self.levels, strict=True):
            there = dict.fromkeys(value for value in values if not is_missing(value))
            place = {value: code for code, value in enumerate(there)}
            levels.append(pd.Index(list(there), dtype=dtype, tupleize_cols=False))
            codes.append([place.get(value, -1) for value in values])
        return pd.MultiIndex(levels, codes, names=[name for name, _ in self.levels])

    def numbers(self, values, index=None):
        """One float64 a cell, under the training data's column names."""
        return self.of_parts([(np.arange(values.shape[1]), values)], index)

    def of_parts(self, parts, index=None):
        """A frame of pairs of column numbers and their cells, an array or a frame, under the training data's names."""
        library = importlib.import_module(self.library)
        if self.library == "polars":
            return side_by_side(library, parts, self.names)
        frame = joined(parts, index)
        frame.columns = self.labels
        return frame


def is_frame(X):
    """Whether a table is a data frame."""
    return library_of(X) is not None


def names_of(X):
    """Labels of the columns of a data frame; None for everything else."""
    library = library_of(X)
    return library and (X.columns.tolist() if library == "pandas" else list(X.columns))


def like(X, frame):
    """A frame of pandas as the subclass that X is, with what X says of itself."""
    return X._constructor(frame).__finalize__(X)


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
    named = [(member, columns_named(columns, names)) for member, columns in pairs]
    places = places_of([column for _, columns in named for column in columns], names, n_features, parameter)
    for member, columns in named:
        groups.append([places[column] for column in columns])
        for j in groups[-1]:
            if j in owner:
                raise ValueError(f"{parameter} names {column_name(names, j)} twice, for {owner[j]!r} and {member!r}.")
            owner[j] = member
    missing = [column_name(names, j) for j in range(n_features) if j not in owner]
    if missing and complete:
        raise ValueError(f"{parameter} says nothing of {', '.join(missing[:5])}; each column needs one entry.")
    return groups


def columns_named(columns, names):
    """What a parameter says of columns as a list of their names, numbers or marks; a name may be a tuple."""
    is_one = isinstance(columns, str | bytes) or not np.iterable(columns)
    if is_one or (isinstance(columns, tuple) and columns in (names or [])):
        return [columns]
    return pd.Index(columns, tupleize_cols=False).tolist() if hasattr(columns, "dtype") else list(columns)


def places_of(columns, names, n_features, parameter, lacking="which X has not"):
    """Column numbers by the name or number that a parameter says.

    Where names are numbers themselves, all whole numbers that it says are names, or all are column numbers.
    """
    known = {} if names is None else {name: j for j, name in enumerate(names)}
    there = f"columns 0 to {n_features - 1}" if names is None else f"columns {reprlib.repr(list(names))}"
    named = {j: column for j, column in enumerate(columns) if is_one_of(known, column)}
    is_numeric = any(isinstance(column, Integral) for column in named.values())
    places = {}
    for j, column in enumerate(columns):
        is_column_number = isinstance(column, Integral) and 0 <= column < n_features and not is_numeric
        if j not in named and not is_column_number:
            raise ValueError(
                f"{parameter} names column {column!r}, {lacking}; there are {there}. Use their names or numbers."
            )
        places[column] = known[column] if j in named else int(column)
    return places


def is_one_of(known, column):
    """Whether a dict has a key, which need not be hashable."""
    try:
        return column in known
    except TypeError:
        return False


def cells_of(X, columns):
    """Some columns of a table as what it is; the table itself, not a copy, where these are all of them in order."""
    if columns == list(range(X.shape[1])):
        return X
    return X.of_columns(columns) if isinstance(X, OnDemand) else X[:, columns]


def objects(values):
    """An array (n,) of objects, tuples included."""
    return np.array([*values, None], dtype=object)[:-1]  # the None keeps tuples one cell each


def column_name(names, j):
    """How messages call column ``j``."""
    return f"column {j}" if names is None else f"column {names[j]!r}"


def without_mask(X):
    """A masked array as an array with NaN in its masked cells; everything else as it is."""
    if not isinstance(X, np.ma.MaskedArray):
        return X
    mask = np.ma.getmaskarray(X)
    cells = np.array(X.data, dtype=X.dtype if X.dtype.kind in "fcOmM" or not mask.any() else np.float64)
    if mask.any():
        cells[mask] = "NaT" if cells.dtype.kind in "mM" else np.nan
    return cells


def numbered(X):
    """Whatever holds rows as a frame, an array or a sparse matrix, whose rows have numbers."""
    if is_frame(X):
        return X
    X = without_mask(X)
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
    return X.index if isinstance(X, pd.DataFrame) else None


def is_number(cell):
    """Whether one cell is a real number, however large; a missing one is."""
    if isinstance(cell, str | bytes | np.datetime64 | np.timedelta64 | complex | np.complexfloating):
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
    if isinstance(cell, Decimal):
        return cell.is_nan()  # one that signals cannot be compared
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

ABOUT_CELLS = re.compile("dates|NaN|infinity|large|convert|float|int|number|digits|sequence", re.IGNORECASE)
"""What scikit-learn's and numpy's messages say when a cell is at fault, not the table's shape."""


def check_table(X, owner):
    """Refuse what is no table, tables that are not in memory, frames with names twice, and arrays of dates."""
    names = names_of(X)
    if names is None and hasattr(X, "collect"):
        raise ValueError(f"X is a {type(X).__name__}; {owner} takes tables in memory: call .collect() first.")
    for name, count in Counter(names or []).items():
        if count > 1:
            raise ValueError(f"X has {count} columns named {name!r}; {owner} needs unique names: rename or drop one.")
    if names is not None:
        return
    check_form(X, owner)
    cells = np.asarray(X) if getattr(getattr(X, "dtype", None), "kind", "f") in "mMO" else np.empty((0, 0))
    if cells.dtype.kind in "mM" or (cells.size and np.frompyfunc(is_date, 1, 1)(cells).any()):
        raise with_culprit(ValueError("X holds dates"), cells.astype(object), owner)


def check_form(X, owner):
    """Refuse what does not have rows and columns."""
    check_rows(X, owner)
    shape = shape_of(X, owner)
    if len(shape) == 1:
        raise ValueError(
            f"X has shape {shape}, one dimension, but {owner} takes rows and columns. Reshape your data: "
            "X.reshape(-1, 1) is one column, X.reshape(1, -1) one row."
        )
    if len(shape) > 2:
        raise ValueError(
            f"X has shape {shape}, {len(shape)} dimensions, but {owner} takes rows and columns. Use "
            "X.reshape(len(X), -1) to make one row of each part."
        )


def check_rows(X, owner):
    """Refuse what holds no rows at all."""
    if shape_of(X, owner):
        return
    how = "Use pandas.DataFrame(X)" if isinstance(X, dict) else "Use list(X)" if hasattr(X, "__next__") else ""
    raise ValueError(
        f"X is {'None' if X is None else f'{shown(X)}, a {type(X).__name__}'}, but {owner} takes rows and columns. "
        f"{how or 'Pass'}{', or pass' if how else ''} an array, a list of rows, a sparse matrix or a data frame."
    )


def shape_of(X, owner):
    """The shape of whatever may be a table, () for what is none."""
    if hasattr(X, "shape"):
        return tuple(X.shape)
    try:
        return np.asarray(X).shape
    except ValueError as error:
        raise ragged(X, owner) from error


def ragged(rows, owner):
    """The error of rows of several lengths, or of a cell that is a sequence."""
    lengths = [len(row) if is_sequence(row) else None for row in rows]
    row = next((row for row, length in enumerate(lengths) if length != lengths[0]), None)
    if row is not None:
        here, first = (f"{n} cells" if n is not None else "no cells" for n in (lengths[row], lengths[0]))
        return ValueError(
            f"X, row {row} holds {shown(rows[row])}, {here}, but row 0 has {first}; {owner} takes rows of one length. "
            "Fill up the short ones with None, or drop them."
        )
    places = ((i, j) for i, row in enumerate(rows) for j, cell in enumerate(row) if is_sequence(cell))
    row, column = next(places, (0, 0))
    return ValueError(f"column {column}, row {row} holds {shown(rows[row][column])}. {owner} {UNUSABLE[0][1]}")


def is_sequence(cell):
    """Whether something holds others, which is what rows do and cells do not."""
    return hasattr(cell, "__len__") and not isinstance(cell, str | bytes)


def check_names(X, names, owner):
    """Refuse a frame whose columns are not those of training, in their order, where scikit-learn does not look.

    It compares names that all are texts, and refuses those of which some are.
    """
    now = names_of(X)
    if names is None or now is None or now == names:
        return
    now, names = list(map(comparable, now)), list(map(comparable, names))
    if now == names:
        return
    texts = [sum(isinstance(name, str) for name in some) for some in (names, now)]
    if texts == [len(names), len(now)] or 0 < texts[1] < len(now):
        return
    known, here = set(names), set(now)
    unseen, gone = [name for name in now if name not in known], [name for name in names if name not in here]
    if not unseen and not gone:
        raise ValueError(
            f"X has the columns {owner} was fitted on in another order: {shown(now)} instead of {shown(names)}. Pass "
            "X[list_of_training_columns]."
        )
    said = [f"{shown(unseen)}, which {owner} was not fitted on"] if unseen else []
    said += [f"no {shown(gone)}, which it was fitted on"] if gone else []
    raise ValueError(
        f"The columns of X are not those of training: it has {', and '.join(said)}. Name them as in training, or pass "
        "X[list_of_training_columns]."
    )


def comparable(name):
    """A name that equals another one that is missing in the same places."""
    if isinstance(name, tuple):
        return tuple(map(comparable, name))
    return None if is_missing(name) else name


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
            text = "X holds what is no number" if "sequence" in text else text  # numpy's words are about itself
            return kind(f"{text}: {where} holds {shown(cells[rows[0], columns[0]])}. {owner} {remedy}")
    return kind(str(error))


def shown(cell):
    """How messages show a cell, however long."""
    if isinstance(cell, datetime.date | datetime.timedelta | np.datetime64 | np.timedelta64):
        return str(cell)
    try:
        return reprlib.repr(cell.item() if isinstance(cell, np.generic) else cell)
    except ValueError:
        return f"an integer of {cell.bit_length()} bits"


def is_unusable(test, cells):
    """Mask of the cells that fail a test; floats need no look at each."""
    if cells.dtype.kind != "f":
        return np.frompyfunc(test, 1, 1)(cells).astype(bool)
    return {is_missing: np.isnan, is_infinite: np.isinf}.get(test, np.zeros_like)(cells).astype(bool)
