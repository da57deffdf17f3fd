"""Tables of numbers by the row: dense, sparse, and the columns of a data frame; and their rows in chunks."""

from abc import ABC, abstractmethod

import numpy as np

HEAD = 1000
"""Cells of a column that are looked at first: they tell most columns that need all their digits."""

SMALL_TABLE, CELLS_TOGETHER = 2**20, 2**18
"""Cells up to which a table is small; and cells of several columns that lie in one array, at most."""


class OnDemand(ABC):
    """A table (n, n_features) that is held in little memory; ``table[rows]`` is a dense array, a new one at every call.

    ``rows`` is a slice, a mask or an array of row numbers. Missing cells are NaN.
    """

    ndim = 2
    complete = False
    """Whether no cell can be missing."""

    by_the_batch = False
    """Whether it takes so much less memory than a dense table that rows are to become dense a batch at a time."""

    in_file = False
    """Whether rows are read from a file, where those that follow each other come at once and others one by one."""

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
    by_the_batch = True

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
    """Blocks of columns as a table of float64.

    A block is the numbers of its columns and their cells (n_columns, n), of any numeric dtype.
    """

    dtype = np.dtype(np.float64)

    def __init__(self, blocks):
        self._blocks = [(as_slice(columns), cells) for columns, cells in blocks]
        self._n_columns = sum(len(cells) for _, cells in blocks)

    @classmethod
    def compact(cls, blocks, n_cells):
        """The same in as little memory as may be, unless there are few cells."""
        if n_cells <= SMALL_TABLE:
            return cls(list(together(blocks, np.float64, n_cells)))
        parts = {}
        for columns, cells in blocks:
            for dtype, of_dtype in by_dtype(cells):
                alike = cells if of_dtype.all() else cells[of_dtype]  # of a long frame no copy
                parts.setdefault(dtype, []).append((columns[of_dtype], alike.astype(dtype, copy=False)))
        return cls([block for dtype, each in parts.items() for block in together(each, dtype, CELLS_TOGETHER)])

    @property
    def shape(self):
        return self._blocks[0][1].shape[1], self._n_columns

    def __getitem__(self, rows):
        cells = [(columns, block[:, rows]) for columns, block in self._blocks]
        table = np.empty((cells[0][1].shape[1], self._n_columns))
        for columns, block in cells:
            table[:, columns] = block.T
        return table

    @property
    def T(self):  # noqa: N802
        place = {}
        for columns, block in self._blocks:
            place.update(zip(np.arange(self._n_columns)[columns].tolist(), block, strict=True))
        return (place[j].astype(np.float64) for j in range(self._n_columns))

    def of_rows(self, rows):
        return ColumnRows([(self._numbers(columns), block[:, rows]) for columns, block in self._blocks])

    def of_columns(self, columns):
        place = np.full(self._n_columns, -1)
        place[columns] = np.arange(len(columns))
        blocks = [(place[numbers], block) for numbers, block in self._blocks]
        kept = [(places, as_slice(np.flatnonzero(places >= 0)), block) for places, block in blocks]
        return ColumnRows([(places[chosen], block[chosen]) for places, chosen, block in kept if len(block[chosen])])

    def _numbers(self, columns):
        return np.arange(self._n_columns)[columns]


def as_slice(numbers):
    """Numbers that follow each other as a slice; others as they are."""
    if isinstance(numbers, slice) or not len(numbers) or (np.diff(numbers) != 1).any():
        return numbers
    return slice(int(numbers[0]), int(numbers[-1]) + 1)


def by_dtype(cells):
    """Pairs of a float dtype and the mask of the columns (n_columns, n) of which it is the smallest that holds them."""
    left = np.ones(len(cells), dtype=bool)
    for dtype in (np.float16, np.float32):
        held = left.copy()
        for part in (slice(HEAD), slice(None)):
            held[held] = held_by(dtype, cells[held, part])
        left &= ~held
        if held.any():
            yield dtype, held
    if left.any():
        yield np.float64, left


def held_by(dtype, cells):
    """Mask of the columns (n_columns, n) of which a float dtype holds each number."""
    with np.errstate(over="ignore", under="ignore"):
        return ((cells.astype(dtype) == cells) | np.isnan(cells)).all(axis=1)


def together(blocks, dtype, most):
    """Blocks in a dtype, as few as there can be with at most so many cells each, or one column."""
    groups, n_cells = [], most
    for columns, cells in blocks:
        n_cells += cells.size
        if n_cells > most:
            groups.append([])
            n_cells = cells.size
        groups[-1].append((columns, cells))
    for group in groups:
        columns, parts = zip(*group, strict=True)
        cells = parts[0].astype(dtype, copy=False) if len(parts) == 1 else np.concatenate(parts, dtype=dtype)
        yield np.concatenate(columns), cells


def of_rows(X, rows):
    """Some rows of an array or of a table of this file, as what X is."""
    return X.of_rows(rows) if isinstance(X, OnDemand) else X[rows]


def dense(X, rows=slice(None)):
    """Some rows of a matrix as an array of float64; what is one already is not copied."""
    return np.asarray(X[rows], dtype=np.float64)


def is_complete(X):
    """Whether it is known without a look that no cell is missing."""
    return isinstance(X, OnDemand) and X.complete


def by_the_batch(X):
    """Whether a table is to become dense a batch at a time."""
    return isinstance(X, OnDemand) and X.by_the_batch


def in_file(X):
    """Whether each look at rows of a table is a look into a file."""
    return isinstance(X, OnDemand) and X.in_file


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


CELLS_IN_CACHE = 2**16
"""Cells of float64 that several passes go over one after the other while they are close to the processor."""


def blocks(n_rows, n_features):
    """Slices that cover rows of an array, as few at a time as stay close to the processor."""
    size = max(CELLS_IN_CACHE // max(n_features, 1), LEAST_CHUNK)
    return [slice(first, first + size) for first in range(0, n_rows, size)]


def pieces_of(X):
    """The rows of a table as arrays, a chunk at a time, each with the slice of rows that it is."""
    return ((part, X[part]) for part in chunks(*X.shape))


def lacking_by_row(X, columns=slice(None)):
    """Mask of the rows of which cells of some columns are missing (n,)."""
    lacking = np.zeros(len(X), dtype=bool)
    for part, cells in () if is_complete(X) else pieces_of(X):
        missing = np.isnan(cells)
        lacking[part] = missing.any() and missing[:, columns].any(axis=1)
    return lacking


def cells_of(X, columns):
    """Some columns of a table as what it is; the table itself, not a copy, where these are all of them in order."""
    if columns == list(range(X.shape[1])):
        return X
    return X.of_columns(columns) if isinstance(X, OnDemand) else X[:, columns]
