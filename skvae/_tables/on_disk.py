"""Numbers that lie in a file and are read as they are needed: what is larger than memory."""

import mmap
from abc import abstractmethod

import numpy as np

from skvae._tables.frames.folders import Folder, enough_room
from skvae._tables.matrix import OnDemand, by_dtype, chunks

LEAST_CELLS = 2**27
"""Cells from which on a memory-mapped array is read as it is needed; a smaller one is read once, as others are."""

BLOCK, BLOCKS_TOGETHER, LEAST_BLOCK = 4096, 32, 16
"""Rows that follow each other in the file, fewer of many columns, and how many such blocks are shuffled together, at
least: reads are then long, and what is in memory at a time is little."""

CELLS_SHUFFLED = 2**22
"""Cells that are shuffled together, about."""

MOST_BETWEEN = 64
"""Rows that are read though nobody asked for them, between two that are, at most."""

CELLS_OF_COLUMNS = 2**24
"""Cells of columns that are read in one pass over the file, at most, or one column."""


class InFile(OnDemand):
    """Some rows and columns of a table of numbers that lies in a file; these are all where they are None.

    It is read, not mapped: pages of a map count as memory of the process as long as it is there.
    """

    by_the_batch = in_file = True

    def __init__(self, path, shape, rows=None, columns=None):
        self._path, self._shape, self._rows, self._columns = path, shape, rows, columns

    @property
    def shape(self):
        n_rows, n_columns = self._shape
        return (
            n_rows if self._rows is None else len(self._rows),
            n_columns if self._columns is None else len(self._columns),
        )

    def __getitem__(self, rows):
        places = self._places(rows)
        if isinstance(places, slice):
            places = np.arange(*places.indices(self._shape[0]))
        elif places.dtype == bool:
            places = np.flatnonzero(places)
        order = np.argsort(places, kind="stable")
        places, cells = places[order], np.empty((len(places), self.shape[1]), self.dtype)
        is_apart = (np.diff(places) > MOST_BETWEEN) | (np.diff(places // BLOCK) > 0)
        ends = np.append(np.flatnonzero(is_apart) + 1, len(places)) if len(places) else []
        with open(self._path, "rb", buffering=0) as file:
            for start, end in zip([0, *ends], ends, strict=False):
                here, first = order[start:end], int(places[start])
                cells[here] = self._read(file, first, int(places[end - 1]) + 1)[places[start:end] - first]
        return cells

    @abstractmethod
    def _read(self, file, start, stop):
        """The cells of rows that follow each other in the open file."""

    def _numbers(self, file, dtype, offset, n):
        """So many numbers of the open file from a byte on."""
        file.seek(offset)
        found = np.fromfile(file, dtype, n)
        if len(found) < n:
            raise ValueError(f"{self._path} has become shorter than the array that was mapped from it.")
        return found

    @abstractmethod
    def _some(self, rows, columns):
        """A table of the same kind with some rows and columns of the file."""

    def of_rows(self, rows):
        return self._some(np.arange(self._shape[0])[self._places(rows)], self._columns)

    def of_columns(self, columns):
        own = np.arange(self._shape[1]) if self._columns is None else self._columns
        return self._some(self._rows, own[columns])

    def _places(self, rows):
        """Where some rows are in the file."""
        return rows if self._rows is None else self._rows[rows]


class FileRows(InFile):
    """An array (n, n_features) of numbers that lies in a file in C order; ``keeps`` is what the file goes with."""

    def __init__(self, path, shape, dtype, offset=0, rows=None, columns=None, keeps=None):
        super().__init__(path, shape, rows, columns)
        self._dtype, self._offset, self._keeps = np.dtype(dtype), offset, keeps

    @classmethod
    def of(cls, X):
        """A table as what it is read from as needed, if it is large and lies in a file in C order; else None."""
        if not (isinstance(X, np.memmap) and X.ndim == 2 and X.size >= LEAST_CELLS):
            return None
        mapped = isinstance(X.base, mmap.mmap) and X.flags.c_contiguous and X.filename is not None
        return cls(X.filename, X.shape, X.dtype, X.offset) if mapped and X.dtype.kind in "fiub" else None

    @property
    def dtype(self):
        return np.dtype(np.float32 if self._dtype in (np.float16, np.float32) else np.float64)

    def _read(self, file, start, stop):
        n_columns = self._shape[1]
        offset = self._offset + start * n_columns * self._dtype.itemsize
        cells = self._numbers(file, self._dtype, offset, (stop - start) * n_columns).reshape(-1, n_columns)
        return cells if self._columns is None else cells[:, self._columns]

    @property
    def T(self):  # noqa: N802
        n_together = max(CELLS_OF_COLUMNS // max(len(self), 1), 1)
        for first in range(0, self.shape[1], n_together):
            columns = slice(first, first + n_together)
            yield from np.concatenate([self[part][:, columns] for part in chunks(*self.shape)]).T

    def _some(self, rows, columns):
        return FileRows(self._path, self._shape, self._dtype, self._offset, rows, columns, self._keeps)


class FileColumns(InFile):
    """Columns of numbers that lie in a file one after the other, each in the smallest dtype that holds its cells.

    ``spool`` is the file, and goes with the last of these tables.
    """

    dtype = np.dtype(np.float64)

    def __init__(self, spool, n_rows, rows=None, columns=None):
        super().__init__(spool.path, (n_rows, len(spool.parts)), rows, columns)
        self._spool = spool

    def _read(self, file, start, stop):
        parts = self._own()
        cells = np.empty((stop - start, len(parts)))
        for j, (dtype, offset) in enumerate(parts):
            cells[:, j] = self._numbers(file, dtype, offset + start * dtype.itemsize, stop - start)
        return cells

    @property
    def T(self):  # noqa: N802
        n_rows = self._shape[0]
        for dtype, offset in self._own():
            with open(self._path, "rb", buffering=0) as file:
                cells = self._numbers(file, dtype, offset, n_rows)
            yield (cells if self._rows is None else cells[self._rows]).astype(np.float64)

    def _own(self):
        """Dtype and first byte of each of these columns."""
        parts = self._spool.parts
        return parts if self._columns is None else [parts[j] for j in self._columns]

    def _some(self, rows, columns):
        return FileColumns(self._spool, self._shape[0], rows, columns)


class Spool:
    """A file of columns of numbers, filled column by column; it is removed with this object."""

    def __init__(self):
        self._folder, self.parts = Folder(), []
        self.path = self._folder.path / "columns"

    def append(self, cells):
        """Write a column (n,) of float64."""
        ((dtype, _),) = by_dtype(cells[None])
        cells = cells.astype(dtype)
        with enough_room(self.path), open(self.path, "ab") as file:
            self.parts.append((cells.dtype, file.tell()))
            written_to(file, cells)


def written_to(file, cells):
    """Write numbers to the end of an open file."""
    file.write(memoryview(cells).cast("B"))


class SpoolOfRows:
    """A file of rows of numbers, filled some at a time; it is removed with the last table that is read from it."""

    def __init__(self, n_columns):
        self.folder, self._shape = Folder(), (0, n_columns)
        self._path = self.folder.path / "rows"
        self._path.touch()

    def append(self, cells):
        """Write rows (n, n_columns) of float64."""
        with enough_room(self._path), open(self._path, "ab") as file:
            written_to(file, np.ascontiguousarray(cells))
        self._shape = self._shape[0] + len(cells), self._shape[1]

    def rows(self):
        """All rows that were written, as a table."""
        return FileRows(self._path, self._shape, np.float64, keeps=self)


def rows_together(n_columns):
    """How many rows of so many columns are shuffled, and read, together."""
    return max(CELLS_SHUFFLED // n_columns, LEAST_BLOCK * BLOCKS_TOGETHER)


def shuffled_by_blocks(n_rows, n_columns, rng):
    """All row numbers (n_rows,) in an order in which rows that follow each other come from few blocks of the file."""
    window = rows_together(n_columns)
    block = min(window // BLOCKS_TOGETHER, BLOCK)
    starts = rng.permutation(range(0, n_rows, block))
    together = np.array_split(starts, max(1, round(len(starts) * block / window)))
    windows = ([np.arange(start, min(start + block, n_rows)) for start in group] for group in together)
    return np.concatenate([rng.permutation(np.concatenate(window)) for window in windows])
