"""Data frames of pandas and polars: which is one, its columns and labels, and how it is put together."""

import importlib
import sys
from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from skvae._tables.cells import is_missing, is_object
from skvae._tables.frames.polars import from_polars
from skvae._tables.plain import StoredPlainly


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
    """A frame as the subclass that X is, of pandas with what X says of itself."""
    return X._constructor(frame).__finalize__(X) if library_of(X) == "pandas" else type(X)(frame)


def in_words(dtype, library):
    """A dtype as its name, or the dtype itself where that says less."""
    name = str(dtype)
    if library == "polars":
        return name if hasattr(importlib.import_module(library), name) else dtype
    if isinstance(dtype, pd.CategoricalDtype):
        return "category"
    try:
        return name if pd.api.types.pandas_dtype(name) == dtype else dtype
    except (TypeError, ValueError, NotImplementedError):
        return dtype


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


def column_of(X, j):
    """One column of a frame or an array as a pandas Series."""
    if isinstance(X, np.ndarray):
        return without_signals(pd.Series(X[:, j]))
    return without_signals(X.iloc[:, j].reset_index(drop=True) if hasattr(X, "iloc") else from_polars(X.to_series(j)))


def is_sparse(X):
    """Whether a table is a sparse matrix."""
    return hasattr(X, "toarray")


def densely(X):
    """A sparse matrix as an array; everything else as it is."""
    return X.toarray() if is_sparse(X) else X


def one_column(X, j):
    """One column of a frame as a Series of its library, whose rows pandas calls by their numbers."""
    return X.iloc[:, j].reset_index(drop=True) if hasattr(X, "iloc") else X.to_series(j)


def without_signals(cells):
    """A Series with holes for decimals that signal: pandas has an error where it looks whether these are missing."""
    if is_object(cells.dtype):
        try:
            cells.isna()
        except ArithmeticError:
            return pd.Series([None if is_missing(cell) else cell for cell in cells], dtype=object)
    return cells


def joined(parts, index=None):
    """A frame of pandas of pairs of column numbers and their cells: an array or a frame, or a list of columns."""
    parts = [numbered_columns(cells, columns) for columns, cells in parts]
    frame = parts[0] if len(parts) == 1 else pd.concat(parts, axis=1)
    order = np.argsort(frame.columns.to_numpy(), kind="stable")
    frame = frame if (np.diff(order) == 1).all() else frame.iloc[:, order]
    if index is not None:
        frame.index = index  # set_axis would copy each column
    return frame


def numbered_columns(cells, columns):
    """Cells as a frame of pandas whose columns and rows are called by their numbers."""
    if isinstance(cells, list):
        frame = pd.DataFrame(dict(enumerate(cells)), copy=False)
        frame.columns = pd.Index(columns)
        return frame
    if isinstance(cells, np.ndarray):
        return pd.DataFrame(cells, columns=columns)
    return cells.set_axis(columns, axis=1).reset_index(drop=True)


def side_by_side(library, parts, names):
    """The same for polars, under the names of the columns."""
    series = {}
    for columns, cells in parts:
        if isinstance(cells, np.ndarray):
            cells = cut(library.Series(cells.ravel("F")), cells.shape)
        series.update(zip(columns, cells if isinstance(cells, list) else cells.get_columns(), strict=True))
    return library.DataFrame([series[j].alias(name) for j, name in enumerate(names)])


def cut(cells, shape):
    """The columns (n,) of what has the cells of all of them, one column after the other."""
    n, n_columns = shape
    if not hasattr(cells, "slice"):
        return [cells[j * n : (j + 1) * n] for j in range(n_columns)]
    return [cells.slice(j * n, n) for j in range(n_columns)]


def library_of(X):
    """The library of a data frame or of a subclass of one, "pandas" or "polars"; None for everything else."""
    if isinstance(X, pd.DataFrame):
        return "pandas"
    return "polars" if isinstance(X, getattr(sys.modules.get("polars"), "DataFrame", ())) else None


def columns_of(X, columns):
    """Some columns of a frame as a frame."""
    if len(columns) == X.shape[1]:
        return X
    return X.iloc[:, columns] if hasattr(X, "iloc") else X[:, np.asarray(columns).tolist()]


def beside(X, parts):
    """A frame like X, with its labels, of all its columns: pairs as in ``joined``."""
    if hasattr(X, "iloc"):
        frame = joined(parts, X.index)
        frame.columns = X.columns
        return frame
    return side_by_side(importlib.import_module(library_of(X)), parts, X.columns)


def as_array(table):
    """A torch tensor, wherever it lives, or a masked array as a numpy array; everything else as it is."""
    if not isinstance(table, getattr(sys.modules.get("torch"), "Tensor", ())):
        return without_mask(table)
    table = table.detach().cpu()
    is_single = str(table.dtype) == "torch.float32"
    return (table.double() if table.is_floating_point() and not is_single else table).numpy()
