"""What the columns of a table hold: table -> numbers with holes -> table."""

import warnings
from dataclasses import dataclass, field, replace

import numpy as np
import pandas as pd
from sklearn.exceptions import DataConversionWarning

from skvae._cells import Column, column_of, integer_limits, kind_of, odd_level, to_polars, zone_of
from skvae._columns import (
    Frame,
    check_names,
    column_name,
    columns_named,
    holes_as_nan,
    is_frame,
    is_missing,
    is_readable,
    library_of,
    like,
    numbered,
    places_of,
    shown,
)
from skvae._families import family, in_training, remedy, strange_cell
from skvae._on_demand import ColumnRows, SparseRows, compact
from skvae._usual import ends_of

ACCEPTED = "the estimator"
"""How messages call the owner of a table that an estimator has accepted before; it has said what is to be said."""


@dataclass
class Schema:
    """The columns of the training table, and the frame they were in; None for an array.

    ``columns`` holds those that are not plain numbers of an array, by number. ``sparse`` says what the cells of a
    sparse table are, as ``SparseRows.kind`` does; None for another table. ``dtype`` is that of an array.
    """

    frame: Frame | None
    columns: dict = field(default_factory=dict)
    sparse: str | None = None
    dtype: str = "float64"

    @classmethod
    def of(cls, X, categorical_features, owner):
        """What the columns of a training table hold."""
        frame = Frame.of(X)
        n_features = X.shape[1] if len(getattr(X, "shape", ())) == 2 else 0
        names = None if frame is None else frame.names
        chosen = chosen_columns(categorical_features, names, n_features, owner)
        every = range(n_features) if frame is not None else sorted(chosen)
        columns = {}
        for j in every:
            label, cells = names[j] if names else j, column_of(X, j)
            dtype = "float64" if frame is None else frame.dtypes[j]
            try:
                columns[j] = Column.of(cells, label, dtype, j in chosen)
            except TypeError as error:
                raise unhashable(error, cells, column_name(names, j), owner) from error
            if j not in chosen:
                warn_of_odd_level(columns[j], cells, column_name(names, j))
        return cls(frame, columns, dtype="float64" if frame is not None else str(getattr(X, "dtype", "float64")))

    def limits(self, n_features):
        """Least and most that the dtypes of the columns can hold (2, n_features); levels have none."""
        columns = [self._column(j) for j in range(n_features)]
        return np.array([(-np.inf, np.inf) if c.has_levels else integer_limits(c.dtype) for c in columns]).T

    def after(self, X):
        """The same to one who has seen more rows, a table of numbers."""
        low, high = ends_of(X)
        columns = {
            j: replace(c, low=min(c.low, float(low[j])), high=max(c.high, float(high[j]))) if c.bounded else c
            for j, c in self.columns.items()
        }
        return replace(self, columns=columns)

    @property
    def names(self):
        """Labels of the columns; None for an array."""
        return None if self.frame is None else self.frame.names

    def kinds(self, n_features):
        """What each column holds."""
        return [self.columns[j].kind if j in self.columns else "real" for j in range(n_features)]

    def encode(self, X, owner):
        """A frame as float64 numbers (n, n_features), NaN where cells are missing."""
        return np.stack(self.encode_columns(X, owner), axis=1, dtype=np.float64)

    def encode_columns(self, X, owner):
        """A frame as numbers, an array (n,) a column, NaN where cells are missing; in as little memory as may be."""
        check_names(X, self.names, owner)
        numbers = []
        for j, column in self.columns.items():
            cells = column_of(X, j)
            self._check_kind(column, cells, j, owner)
            try:
                encoded = np.asarray(column.encode(cells), dtype=np.float64)
            except (TypeError, ValueError) as error:
                raise self._unusable(error, column, cells, j, owner) from error
            self._check_family(column, cells, encoded, j, owner)
            numbers.append(compact(encoded))
        return numbers

    def _check_family(self, column, cells, numbers, j, owner):
        """Refuse levels of which none is of the kind of training; say so where other cells can be read as such."""
        cell = strange_cell(column, cells)
        is_lost = column.unseen(numbers).any()
        if cell is None or (owner == ACCEPTED and not is_lost):
            return
        (were, expected), found = in_training(column), family(cell)
        message = (
            f"{column_name(self.names, j)} holds {found} such as {shown(cell)} (dtype {cells.dtype}), but {owner} was "
            f"fitted on {were} there; no cell is of that kind"
        )
        advice = remedy(self.frame.library, expected, self.names[j])
        if is_lost:
            raise ValueError(f"{message}. {advice}")
        warnings.warn(f"{message}, and they are read as such. {advice}", DataConversionWarning, stacklevel=2)

    def _unusable(self, error, column, cells, j, owner):
        """The error of a column with cells that are not what it held in training."""
        where = column_name(self.names, j)
        if column.has_levels:
            return unhashable(error, cells, where, owner)
        row = next((row for row, cell in enumerate(cells) if not is_readable(cell)), None)
        if row is None:
            return error
        return ValueError(
            f"{where}, row {row} holds {shown(cells[row])}, but {owner} was fitted on numbers there. Convert this "
            "column, or replace such cells by NaN."
        )

    def _check_kind(self, column, cells, j, owner):
        """Refuse dates where there were none, and the other way round."""
        if column.has_levels or column.kind == "empty" or cells.isna().all():
            return
        expected = column.kind if column.kind in ("time", "span") else None
        found = kind_of(cells) if expected or cells.dtype.kind in "mM" else None
        if found != expected or (expected == "time" and (zone_of(cells) is None) != (column.zone is None)):
            raise ValueError(
                f"{column_name(self.names, j)} has dtype {cells.dtype}, but {owner} was fitted on one of dtype "
                f"{column.dtype}; convert it, with or without a time zone as there."
            )

    def number_levels(self, X):
        """An array with the numbers of their levels in the columns that have levels."""
        if not self.columns:
            return X
        X = np.array(X, dtype=np.float64)
        for j, column in self.columns.items():
            X[:, j] = column.encode(pd.Series(X[:, j]))
        return X

    def row_of(self, cells, n_features, owner):
        """Numbers (n_features,) of some cells by column name or number, NaN for the others."""
        row, lacking = np.full(n_features, np.nan), f"which {owner} was not fitted on"
        places = places_of(list(cells), self.names, n_features, f"given={cells!r}", lacking)
        for name, cell in cells.items():
            j = places[name]
            column, where = self._column(j), column_name(self.names, j)
            try:
                row[j] = column.number_of(cell)
            except (TypeError, ValueError, OverflowError) as error:
                raise ValueError(f"given={cells!r}: {where} holds {column.kind} cells, not {shown(cell)}.") from error
            if not np.isfinite(row[j]):
                raise ValueError(f"given={cells!r}: {where} is to be {shown(cell)}, which is missing or not finite.")
            if column.has_levels and row[j] >= len(column.levels):
                raise ValueError(
                    f"given={cells!r}: {where} never was {shown(cell)} in training; it has levels "
                    f"{shown(column.levels)}."
                )
        return row

    @classmethod
    def for_estimator(cls, X, estimator):
        """What the columns of a table hold to a fitted estimator: what it has read itself, where it tells."""
        read = getattr(estimator, "_schema", None)
        if isinstance(read, cls):
            return read
        parameters = estimator.get_params(deep=False) if hasattr(estimator, "get_params") else {}
        return cls.of(X, parameters.get("categorical_features", "from_dtype"), type(estimator).__name__)

    def numbers(self, X):
        """A table that an estimator has accepted as float64 numbers (n, n_features), NaN where cells are missing."""
        X = numbered(X)
        X = X.toarray() if hasattr(X, "toarray") else X
        if self.frame is not None:
            return self.encode(X, ACCEPTED)
        return self.number_levels(np.asarray(holes_as_nan(np.asarray(X)), dtype=np.float64))

    def on_demand(self, X):
        """The same as a table whose rows become dense as they are asked for, where that takes less memory."""
        X = numbered(X)
        if self.frame is not None:
            return ColumnRows(self.encode_columns(X, "the estimator"))
        return SparseRows(X) if hasattr(X, "toarray") and not self.columns else self.numbers(X)

    def with_levels(self, n_features):
        """Mask of the columns whose numbers are those of levels (n_features,)."""
        return np.array([self._column(j).has_levels for j in range(n_features)], dtype=bool)

    def table(self, numbers, index=None):
        """Numbers (n, n_features) as a table that an estimator takes: levels and dates as such, numbers as they are.

        A level that no training row has stays one.
        """
        if self.frame is None:
            return self._array(numbers) if self.columns else numbers
        if not self.reads_otherwise:
            return self.frame.numbers(numbers, index)
        plain = [column.has_levels or column.kind in ("time", "span") for column in self.columns.values()]
        columns = []
        for (j, column), decoded in zip(self.columns.items(), plain, strict=True):
            cells = column.decode(numbers[:, j], as_measured=True) if decoded else pd.Series(numbers[:, j])
            dtype = column.dtype
            unseen = column.unseen(numbers[:, j])
            if unseen.any():
                cells, dtype = cells.astype(object).mask(unseen, column.stand_in), "Object"
            if self.frame.library == "polars":
                cells = to_polars(cells, dtype) if decoded else numbers[:, j]
            else:
                cells = cells if index is None else cells.set_axis(index)
            columns.append(cells)
        return self.frame.of_columns(columns, index)

    def _array(self, numbers):
        """The same where the training data are an array."""
        X = self.rows(numbers.copy(), np.float64)
        for j, column in self.columns.items():
            unseen = column.unseen(numbers[:, j])
            if unseen.any():
                X[unseen, j] = np.nextafter(max(column.levels), np.inf)
        return X

    @property
    def reads_otherwise(self):
        """Whether cells of some column are read as something else than numbers."""
        return any(column.has_levels or column.kind in ("time", "span") for column in self.columns.values())

    def shown(self, numbers, columns, as_measured=False):
        """Cells as a reader knows them, an object array of the shape of ``numbers``, each of the column beside it."""
        cells = numbers.astype(object)
        for j, column in self.columns.items():
            here = columns == j
            if column.has_levels or column.kind in ("time", "span"):
                cells[here] = column.decode(numbers[here], as_measured).astype(object).to_numpy()
            elif column.kind == "integer":
                cells[here] = [int(cell) if cell.is_integer() else cell for cell in numbers[here].tolist()]
        return cells

    def rows(self, numbers, dtype, index=None, drawn=False):
        """Rows of data space, in the container of the training data; an array has that dtype.

        Draws of whole numbers and times are kept within what training cells were.
        """
        if drawn:
            bounds = [(c.low, c.high) for c in map(self._column, range(numbers.shape[1]))]
            numbers = np.clip(numbers, *np.array(bounds).T)
        if self.frame is None:
            for j, column in self.columns.items():
                numbers[:, j] = column.decode(numbers[:, j]).to_numpy(np.float64, na_value=np.nan)
            return numbers.astype(dtype, copy=False)
        return self.frame.of_columns([self._restored(c, numbers[:, j], index) for j, c in self.columns.items()], index)

    def _restored(self, column, numbers, index):
        """A column of the frame's library in its training dtype."""
        if self.frame.library == "polars":
            return to_polars(column.decode(numbers), column.dtype)
        cells = column.restored(numbers)
        return cells if index is None else cells.set_axis(index)

    def _column(self, j):
        return self.columns[j] if j in self.columns else Column(j, self.dtype, "real")

    def filled(self, X, numbers):
        """A copy of a table with its missing cells taken from numbers (n, n_features).

        A column of which all are missing has no dtype of its own: it comes back in that of training.
        """
        if not is_frame(X):
            return self._filled_array(np.array(X, copy=True), numbers)
        columns = [self._filled_column(X, j, numbers[:, j]) for j in range(X.shape[1])]
        if not hasattr(X, "iloc"):
            return type(X)(columns)
        return like(X, pd.DataFrame(dict(enumerate(columns)), index=X.index).set_axis(X.columns, axis=1))

    def _filled_array(self, X, numbers):
        """The same where it is an array, in place unless its dtype cannot hold what was missing."""
        missing = pd.isna(X)
        for j in np.flatnonzero(missing.any(axis=0)):
            cells = self._column(j).decode(numbers[:, j]).to_numpy()[missing[:, j]]
            X = X.astype(object) if cells.dtype.kind not in "fiub" else X
            X[missing[:, j], j] = cells
        return X

    def _filled_column(self, X, j, numbers):
        """One column of a frame with its missing cells filled."""
        column, missing = self._column(j), column_of(X, j).isna().to_numpy()
        cells = X.iloc[:, j] if hasattr(X, "iloc") else X.to_series(j)
        if not missing.any() or column.kind == "empty":
            return cells
        if not missing.all():
            return column.filled(cells, missing, numbers)
        if library_of(X) == "polars":
            return to_polars(column.decode(numbers), column.dtype if self._is_of("polars") else None).alias(cells.name)
        return (column.restored(numbers) if self._is_of("pandas") else column.decode(numbers)).set_axis(X.index)

    def _is_of(self, library):
        """Whether the training data were a frame of a library."""
        return self.frame is not None and self.frame.library == library


def chosen_columns(categorical_features, names, n_features, owner):
    """Numbers of the columns that a parameter takes for levels, as in HistGradientBoostingClassifier."""
    if categorical_features is None or isinstance(categorical_features, str):
        return set()
    chosen = columns_named(categorical_features, names)
    if len(chosen) and all(isinstance(entry, bool | np.bool_) for entry in chosen):
        if len(chosen) != n_features:
            raise ValueError(f"categorical_features is a mask of {len(chosen)} columns, but X has {n_features}.")
        return set(np.flatnonzero(chosen).tolist())
    lacking = f"which X has not ({owner} takes column numbers, names of a data frame, or a mask)"
    return set(places_of(chosen, names, n_features, f"categorical_features={categorical_features!r}", lacking).values())


def warn_of_odd_level(column, cells, where):
    """Say so where a few cells that are no numbers make levels of all numbers of a column."""
    odd = odd_level(column.levels) if column.kind == "levels" and column.categorical is None else None
    if odd is None:
        return
    row = next(row for row, cell in enumerate(cells) if not is_missing(cell) and cell == odd)
    warnings.warn(
        f"{where}, row {row} holds {shown(odd)}, but nearly all its other cells are numbers. All of them are taken as "
        f"{len(column.levels)} levels, which have no order. For numbers, replace such cells by NaN and convert the "
        "column, as pandas.to_numeric(column, errors='coerce') does; for levels, name it in categorical_features.",
        DataConversionWarning,
        stacklevel=2,
    )


def unhashable(error, cells, where, owner):
    """The error of a column whose cells are no levels, with the first of them."""
    for row, cell in enumerate(cells):
        try:
            hash(cell)
        except TypeError:
            return TypeError(
                f"{where}, row {row} holds {shown(cell)}, which is no number and no level. {owner} takes numbers, "
                "texts, dates and other values that can be hashed; convert or drop this column."
            )
    return TypeError(f"{where} holds {error}. {owner} takes real numbers, levels and dates only; convert or drop it.")
