"""Rows of a table as a detector looks at them: as they came, and as numbers."""

from functools import cached_property

from skvae._tables.frames.frame import index_of, numbered, some_rows
from skvae._tables.frames.sources import Source
from skvae._tables.matrix import dense, of_rows


class Reading:
    """Rows X as they came, None where only their numbers are known or they are in files, and what their columns hold.

    ``matrix`` (n, n_features) are their numbers, NaN where cells are missing. Where it is not given, the table is read
    when numbers are first asked for, as one that an estimator has accepted.
    """

    def __init__(self, X, schema, matrix=None):
        self.X, self.schema, self._matrix = None if isinstance(X, Source) else X, schema, matrix

    @property
    def matrix(self):
        """The numbers of the rows: an array, or a table whose rows become dense as they are asked for."""
        if self._matrix is None:
            self._matrix = self.schema.numbers(self.X)
        return self._matrix

    @cached_property
    def numbers(self):
        """The numbers of the rows as an array (n, n_features) of float64."""
        return dense(self.matrix)

    @property
    def index(self):
        """The labels of the rows in a frame of pandas; None for everything else."""
        return index_of(self.X)

    def some(self, rows):
        """A part of the rows, by their numbers."""
        X = None if self.X is None else some_rows(numbered(self.X), rows)
        return Reading(X, self.schema, None if self._matrix is None else of_rows(self._matrix, rows))
