"""Rows that lie in a file and are read as they are needed: what is larger than memory."""

import mmap

import numpy as np

from skvae._tables.matrix import OnDemand, chunks

LEAST_CELLS = 2**27
"""Cells from which on a memory-mapped array is read as it is needed; a smaller one is read once, as others are."""

BLOCK, BLOCKS_TOGETHER = 4096, 64
"""Rows that follow each other in the file and are shuffled with those of so many other blocks: a read is then long, and
what is in memory at a time is little."""

MOST_BETWEEN = 64
"""Rows that are read though nobody asked for them, between two that are, at most."""

CELLS_OF_COLUMNS = 2**24
"""Cells of columns that are read in one pass over the file, at most, or one column."""


class FileRows(OnDemand):
    """A memory-mapped array (n, n_features) of numbers in C order, or some of its rows.

    It is read, not mapped: pages of a map count as memory of the process as long as it is there.
    """

    by_the_batch = in_file = True

    def __init__(self, file, rows=None, columns=None):
        self._file, self._rows, self._columns = file, rows, columns

    @classmethod
    def of(cls, X):
        """A table as what it is read from as needed, if it is large and lies in a file in C order; else None."""
        if not (isinstance(X, np.memmap) and X.ndim == 2 and X.size >= LEAST_CELLS):
            return None
        mapped = isinstance(X.base, mmap.mmap) and X.flags.c_contiguous and X.filename is not None
        return cls((X.filename, X.dtype, X.offset, X.shape)) if mapped and X.dtype.kind in "fiub" else None

    @property
    def shape(self):
        n_rows, n_columns = self._file[-1]
        return (
            n_rows if self._rows is None else len(self._rows),
            n_columns if self._columns is None else len(self._columns),
        )

    @property
    def dtype(self):
        return np.dtype(np.float32 if self._file[1] in (np.float16, np.float32) else np.float64)

    def __getitem__(self, rows):
        places = self._places(rows)
        if isinstance(places, slice):
            places = np.arange(*places.indices(self._file[-1][0]))
        elif places.dtype == bool:
            places = np.flatnonzero(places)
        order = np.argsort(places, kind="stable")
        places, cells = places[order], np.empty((len(places), self.shape[1]), self.dtype)
        is_apart = (np.diff(places) > MOST_BETWEEN) | (np.diff(places // BLOCK) > 0)
        ends = np.append(np.flatnonzero(is_apart) + 1, len(places)) if len(places) else []
        with open(self._file[0], "rb", buffering=0) as file:
            for start, end in zip([0, *ends], ends, strict=False):
                here, first = order[start:end], places[start]
                cells[here] = self._read(file, first, places[end - 1] + 1)[places[start:end] - first]
        return cells

    def _read(self, file, start, stop):
        """The cells of rows that follow each other in the open file."""
        _, dtype, offset, (_, n_columns) = self._file
        file.seek(offset + int(start) * n_columns * dtype.itemsize)
        cells = np.fromfile(file, dtype, int(stop - start) * n_columns)
        if len(cells) < (stop - start) * n_columns:
            raise ValueError(f"{self._file[0]} has become shorter than the array that was mapped from it.")
        cells = cells.reshape(-1, n_columns)
        return cells if self._columns is None else cells[:, self._columns]

    @property
    def T(self):  # noqa: N802
        n_together = max(CELLS_OF_COLUMNS // max(len(self), 1), 1)
        for first in range(0, self.shape[1], n_together):
            columns = slice(first, first + n_together)
            yield from np.concatenate([self[part][:, columns] for part in chunks(*self.shape)]).T

    def of_rows(self, rows):
        return FileRows(self._file, np.arange(self._file[-1][0])[self._places(rows)], self._columns)

    def of_columns(self, columns):
        own = np.arange(self._file[-1][1]) if self._columns is None else self._columns
        return FileRows(self._file, self._rows, own[columns])

    def _places(self, rows):
        """Where some rows are in the file."""
        return rows if self._rows is None else self._rows[rows]


def shuffled_by_blocks(n_rows, rng):
    """All row numbers (n_rows,) in an order in which rows that follow each other come from few blocks of the file."""
    starts = rng.permutation(range(0, n_rows, BLOCK))
    together = np.array_split(starts, max(1, round(len(starts) / BLOCKS_TOGETHER)))
    windows = ([np.arange(start, min(start + BLOCK, n_rows)) for start in group] for group in together)
    return np.concatenate([rng.permutation(np.concatenate(window)) for window in windows])
