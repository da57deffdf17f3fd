"""Tables whose rows become dense as they are asked for: sparse ones, and the columns of a data frame."""

from abc import ABC, abstractmethod

import numpy as np

HEAD = 1000
"""Cells that are looked at first: they tell most columns that need all their digits."""


class OnDemand(ABC):
    """A table (n, n_features) that is held in little memory; ``table[rows]`` is a dense array, a new one at every call.

    ``rows`` is a slice, a mask or an array of row numbers. Missing cells are NaN.
    """

    ndim = 2
    complete = False
    """Whether no cell can be missing."""

    def __len__(self):
        return self.shape[0]

    def __array__(self, dtype=None, copy=None):
        return np.asarray(self[:], dtype)

    @property
    @abstractmethod
    def shape(self):
        """Numbers of rows and columns."""

    @property
    @abstractmethod
    def dtype(self):
        """Float dtype of the rows."""

    @abstractmethod
    def __getitem__(self, rows):
        """Some rows as a dense array."""

    @property
    @abstractmethod
    def T(self):  # noqa: N802
        """The columns, one after the other, each as a dense array (n,)."""

    @abstractmethod
    def of_rows(self, rows):
        """Some rows as a table of the same kind."""

    @abstractmethod
    def of_columns(self, columns):
        """Some columns as a table of the same kind."""


class SparseRows(OnDemand):
    """A sparse table, held as scipy's CSR."""

    complete = True

    def __init__(self, csr):
        self._csr = csr

    @property
    def shape(self):
        return self._csr.shape

    @property
    def dtype(self):
        return self._csr.dtype

    def __getitem__(self, rows):
        return self._csr[rows].toarray()

    @property
    def T(self):  # noqa: N802
        csc = self._csr.tocsc()
        csc.sum_duplicates()
        for start, stop in zip(csc.indptr[:-1], csc.indptr[1:], strict=True):
            column = np.zeros(len(self), self.dtype)
            column[csc.indices[start:stop]] = csc.data[start:stop]
            yield column

    def of_rows(self, rows):
        return SparseRows(self._csr[rows])

    def of_columns(self, columns):
        return SparseRows(self._csr[:, columns])

    @property
    def kind(self):
        """What the cells are: "binary", only 0 and 1; "counts", whole numbers from 0 up; or "real"."""
        cells = self._cells()
        if ((cells == 0.0) | (cells == 1.0)).all():
            return "binary"
        return "counts" if (cells >= 0.0).all() and (cells % 1.0 == 0.0).all() else "real"

    def _cells(self):
        """The cells that are stored, each once."""
        if self._csr.has_canonical_format:
            return self._csr.data
        csr = self._csr.copy()
        csr.sum_duplicates()
        return csr.data


class ColumnRows(OnDemand):
    """Columns, arrays (n,) of any numeric dtype, as a table of float64."""

    dtype = np.dtype(np.float64)

    def __init__(self, columns):
        self._columns = columns

    @property
    def shape(self):
        return len(self._columns[0]), len(self._columns)

    def __getitem__(self, rows):
        cells = [column[rows] for column in self._columns]
        table = np.empty((len(cells[0]), len(cells)))
        for j, column in enumerate(cells):
            table[:, j] = column
        return table

    @property
    def T(self):  # noqa: N802
        return (column.astype(np.float64) for column in self._columns)

    def of_rows(self, rows):
        return ColumnRows([column[rows] for column in self._columns])

    def of_columns(self, columns):
        return ColumnRows([self._columns[j] for j in columns])


def compact(cells):
    """The same numbers in the smallest float dtype that holds them: numbers of levels and small counts in 16 bits."""
    for dtype in (np.float16, np.float32):
        with np.errstate(over="ignore"):
            if all(np.array_equal(part.astype(dtype), part, equal_nan=True) for part in (cells[:HEAD], cells)):
                return cells.astype(dtype)
    return cells


def of_rows(X, rows):
    """Some rows of an array or of a table of this file, as what X is."""
    return X.of_rows(rows) if isinstance(X, OnDemand) else X[rows]


def is_complete(X):
    """Whether it is known without a look that no cell is missing."""
    return isinstance(X, OnDemand) and X.complete
