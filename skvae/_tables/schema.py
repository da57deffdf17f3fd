"""The schema: what the columns of a table hold. Table -> numbers with holes -> table, by what was learned of it."""

from collections import deque
from dataclasses import dataclass, field, replace

import numpy as np
import pandas as pd

from skvae._tables.cells import shown
from skvae._tables.decoding import as_read, decoded, settled, shown_cells
from skvae._tables.encoding import ACCEPTED, encoded_blocks, encoded_row, learn_column, learned_blocks
from skvae._tables.filling import filled
from skvae._tables.frames.frame import Frame, column_of, densely, holes_as_nan, numbered
from skvae._tables.kinds import KINDS
from skvae._tables.limits import integer_limits
from skvae._tables.matrix import as_slice
from skvae._tables.names import columns_named, places_of
from skvae._tables.novelty import said_of_new_cells


@dataclass
class Schema:
    """The columns of the training table, and the frame they were in; None for an array.

    ``columns`` holds those that are not plain numbers of an array, by number. ``sparse`` says what the cells of a
    sparse table are, as ``SparseRows.kind`` does; None for another table. ``dtype`` is that of an array.
    ``declared`` is whether levels are those that dtypes declare, not only those that training rows have.
    """

    frame: Frame | None
    columns: dict = field(default_factory=dict)
    sparse: str | None = None
    declared: bool = False
    dtype: str = "float64"

    @classmethod
    def of(cls, X, categorical_features, owner, declared=False, advise=False):
        """What the columns of a training table hold; levels of the first of many are those ``declared``.

        ``advise`` is whether to warn of columns that may have been meant otherwise.
        """
        schema, blocks = cls.learned(X, categorical_features, owner, declared, advise)
        deque(blocks, maxlen=0)
        return schema

    @classmethod
    def learned(cls, X, categorical_features, owner, declared=False, advise=False):
        """The schema and, of a frame, its blocks of numbers as ``encode_blocks`` gives them, from one reading.

        The schema knows the columns once the blocks have been taken, and of an array that has none at once.
        """
        frame = Frame.of(X)
        n_features = X.shape[1] if len(getattr(X, "shape", ())) == 2 else 0
        dtype = "float64" if frame is not None else str(getattr(X, "dtype", "float64"))
        schema = cls(frame, dtype=dtype, declared=declared)
        chosen = chosen_columns(categorical_features, schema.names, n_features, owner)
        if frame is not None:
            return schema, learned_blocks(schema, X, chosen, owner, advise)
        for j in sorted(chosen):
            learn_column(schema, column_of(X, j), j, True, owner, False)
        return schema, iter(())

    @classmethod
    def for_estimator(cls, X, estimator):
        """What the columns of a table hold to a fitted estimator: what it has read itself, where it tells."""
        read = getattr(estimator, "_schema", None)
        if isinstance(read, cls):
            return read
        parameters = estimator.get_params(deep=False) if hasattr(estimator, "get_params") else {}
        return cls.of(X, parameters.get("categorical_features", "from_dtype"), type(estimator).__name__)

    @property
    def names(self):
        """Labels of the columns; None for an array."""
        return None if self.frame is None else self.frame.names

    def column(self, j):
        """What a column holds: real numbers, unless something else is known of it."""
        return self.columns[j] if j in self.columns else KINDS["real"](j, self.dtype)

    def with_levels(self, n_features):
        """Mask of the columns whose numbers are those of levels (n_features,)."""
        mask = np.zeros(n_features, dtype=bool)
        mask[[j for j, column in self.columns.items() if column.has_levels]] = True
        return mask

    @property
    def reads_otherwise(self):
        """Whether cells of some column are read as something else than numbers."""
        return any(column.reads_otherwise for column in self.columns.values())

    def limits(self, n_features):
        """Least and most that the dtypes of the columns can hold (2, n_features); levels have none."""
        columns = [self.column(j) for j in range(n_features)]
        return np.array([(-np.inf, np.inf) if c.has_levels else integer_limits(c.dtype) for c in columns]).T

    def after(self, moments):
        """The schema of one who has seen more rows, of which these are the moments."""
        low, high = moments.low.tolist(), moments.high.tolist()
        columns = {j: column.widened(low[j], high[j]) for j, column in self.columns.items()}
        return replace(self, columns=columns)

    def not_learned(self, X, rows, n_levels):
        """The schema after being told of cells of later rows that are not learned, and what is to be said of them.

        ``rows`` are the numbers of the table X with weights; ``n_levels`` holds, by column, how many levels are known.
        """
        said = said_of_new_cells(self, X, rows, n_levels)
        columns = {j: replace(column, told=column.told or j in said) for j, column in self.columns.items()}
        return replace(self, columns=columns), list(said.values())

    def encode_blocks(self, X, owner):
        """A frame by the block, NaN where cells are missing: the numbers of columns, and their cells (n_columns, n)."""
        return encoded_blocks(self, X, owner)

    def encode(self, X, owner):
        """A frame as float64 numbers (n, n_features), NaN where cells are missing."""
        numbers = np.empty(X.shape)
        for columns, cells in self.encode_blocks(X, owner):
            numbers[:, as_slice(columns)] = cells.T
        return numbers

    def number_levels(self, X):
        """An array with the numbers of their levels in the columns that have levels."""
        if not self.columns:
            return X
        X = np.array(X, dtype=np.float32 if X.dtype == np.float32 else np.float64)
        for j, column in self.columns.items():
            X[:, j] = column.encode(pd.Series(X[:, j], dtype=np.float64))
        return X

    def numbers(self, X):
        """A table that an estimator has accepted as float64 numbers (n, n_features), NaN where cells are missing."""
        X = densely(numbered(X))
        if self.frame is not None:
            return self.encode(X, ACCEPTED)
        return self.number_levels(np.asarray(holes_as_nan(np.asarray(X)), dtype=np.float64))

    def row_of(self, cells, n_features, owner):
        """Numbers (n_features,) of some cells by column name or number, NaN for the others."""
        return encoded_row(self, cells, n_features, owner)

    def rows(self, numbers, dtype, index=None, drawn=False):
        """Numbers (n, n_features) as rows of data space, in the container of the training data."""
        return decoded(self, numbers, dtype, index, drawn)

    def settled(self, numbers):
        """The numbers of the cells that ``rows`` makes of numbers (n, n_features): rounded as these are."""
        return settled(self, numbers)

    def table(self, numbers, index=None):
        """Numbers (n, n_features) as a table that an estimator takes: levels and dates as such, numbers as they are."""
        return as_read(self, numbers, index)

    def filled(self, X, numbers):
        """A copy of a table with its missing cells taken from numbers (n, n_features)."""
        return filled(self, X, numbers)

    def shown(self, numbers, columns, as_measured=False):
        """Cells as a reader knows them, an object array of the shape of ``numbers``, each of the column beside it."""
        return shown_cells(self, numbers, columns, as_measured)


def chosen_columns(categorical_features, names, n_features, owner):
    """Numbers of the columns that a parameter takes for levels, as in HistGradientBoostingClassifier."""
    if categorical_features is None or isinstance(categorical_features, str):
        return set()
    chosen = columns_named(categorical_features, names)
    if len(chosen) and all(isinstance(entry, bool | np.bool_) for entry in chosen):
        if len(chosen) != n_features:
            raise ValueError(
                f"categorical_features={shown(chosen)} is a mask of {len(chosen)} columns, but X has {n_features}. "
                "Give one mark a column, or the numbers of the columns that hold levels."
            )
        return set(np.flatnonzero(chosen).tolist())
    lacking = f"which X has not ({owner} takes column numbers, names of a data frame, or a mask)"
    return set(places_of(chosen, names, n_features, f"categorical_features={categorical_features!r}", lacking).values())
