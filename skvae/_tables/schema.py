"""What the columns of a table hold: table -> numbers with holes -> table."""

import warnings
from dataclasses import dataclass, field, replace

import numpy as np
import pandas as pd
from sklearn.exceptions import DataConversionWarning

from skvae._tables.cells import is_object, kind_of, shown, zone_of
from skvae._tables.families import READ_AS_NUMBERS, family, in_training, remedy, strange_cell
from skvae._tables.faults import check_names, conversion, unreadable, warn_of_texts
from skvae._tables.frames.blocks import (
    as_block,
    as_plain,
    filled_block,
    may_lack,
    numpy_of,
    plain_blocks,
    plain_columns,
    text_block,
    text_columns,
)
from skvae._tables.frames.frame import (
    Frame,
    beside,
    column_of,
    columns_of,
    holes_as_nan,
    is_frame,
    library_of,
    like,
    numbered,
)
from skvae._tables.frames.polars import from_polars, to_polars
from skvae._tables.kinds import Column, held
from skvae._tables.limits import clipped, integer_limits
from skvae._tables.matrix import ColumnRows, SparseRows, as_slice, cells_of
from skvae._tables.names import column_name, columns_named, places_of
from skvae._tables.times import first_odd
from skvae._tables.usual import ends_of

ACCEPTED = "the estimator"
"""How messages call the owner of a table that an estimator has accepted before; it has said what is to be said."""


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
        frame = Frame.of(X)
        n_features = X.shape[1] if len(getattr(X, "shape", ())) == 2 else 0
        names = None if frame is None else frame.names
        chosen = chosen_columns(categorical_features, names, n_features, owner)
        every = range(n_features) if frame is not None else sorted(chosen)
        columns = {} if frame is None else cls._plain(X, frame, chosen)
        for j in every:
            if j in columns:
                continue
            label, cells = names[j] if names else j, column_of(X, j)
            dtype = "float64" if frame is None else frame.dtypes[j]
            try:
                columns[j] = Column.of(cells, label, dtype, j in chosen, declared)
            except (TypeError, ValueError, NotImplementedError) as error:
                raise unreadable(error, cells, column_name(names, j), owner) from error
            if advise and j not in chosen:
                warn_of_texts(columns[j], cells, column_name(names, j), frame.library)
        columns = dict(sorted(columns.items()))
        dtype = "float64" if frame is not None else str(getattr(X, "dtype", "float64"))
        return cls(frame, columns, dtype=dtype, declared=declared)

    def not_learned(self, X, rows, n_levels):
        """The same after being told of cells of later rows that are not learned, and what is to be said of them.

        ``rows`` are the numbers of the table X with weights; ``n_levels`` holds, by column, how many levels are known.
        """
        said = {}
        for j, column in self.columns.items():
            if column.told or (column.kind != "empty" and j not in n_levels):
                continue
            cells = cells_of(rows.X, [j])[:][:, 0]
            if column.kind == "empty":
                new = np.array(column_of(numbered(X), j).notna())
                if new.any():
                    said[j] = self._of_no_training_cell(j, new.sum())
            elif column.has_levels and (cells >= n_levels[j]).any():
                count = rows.counts[cells >= n_levels[j]].sum()
                said[j] = self._of_new_levels(column_of(numbered(X), j), j, n_levels[j], count)
        columns = {j: replace(column, told=column.told or j in said) for j, column in self.columns.items()}
        return replace(self, columns=columns), list(said.values())

    def _of_no_training_cell(self, j, count):
        """A warning of cells in a column of which training began with none."""
        return (
            f"{column_name(self.names, j)} has {count} cells, but none in the rows that training began with. They are "
            "not learned and not drawn. Begin with rows that have such cells."
        )

    def _of_new_levels(self, cells, j, known, count):
        """A warning of cells with levels that training did not begin with."""
        row = int(np.argmax(self.columns[j].encode(cells) >= known))
        where, library = column_name(self.names, j), None if self.frame is None else self.frame.library
        name = f"X[{where.removeprefix('column ')}]"
        declare = {
            "pandas": f"as {name} = {name}.astype(pandas.CategoricalDtype(levels)) does",
            "polars": f"as .cast(polars.Enum(levels)) does to {name}",
        }.get(library, "as one of a data frame can")
        return (
            f"{where} holds {max(round(count), 1)} cells of levels that the rows lacked that training began with, such "
            f"as {shown(cells[row])} in row {row}. They are not learned and not drawn. Begin with rows that have all "
            f"levels, or with a partial_fit of rows whose dtype declares them, {declare}."
        )

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

    @staticmethod
    def _plain(X, frame, chosen):
        """The columns of a frame that are plain numbers by their dtype, unless they are chosen for levels."""
        columns = {}
        for kind, numbers, cells in plain_blocks(X):
            low, high = ends_of(cells)
            for j, *bounds in zip(numbers.tolist(), low.tolist(), high.tolist(), strict=True):
                if j not in chosen and bounds[0] <= bounds[1]:
                    columns[j] = Column.plain_of(frame.names[j], frame.dtypes[j], kind, *bounds)
        return columns

    @property
    def names(self):
        """Labels of the columns; None for an array."""
        return None if self.frame is None else self.frame.names

    def kinds(self, n_features):
        """What each column holds."""
        return [self.columns[j].kind if j in self.columns else "real" for j in range(n_features)]

    def encode(self, X, owner):
        """A frame as float64 numbers (n, n_features), NaN where cells are missing."""
        numbers = np.empty(X.shape)
        for columns, cells in self.encode_blocks(X, owner):
            numbers[:, as_slice(columns)] = cells.T
        return numbers

    def encode_blocks(self, X, owner):
        """A frame by the block, NaN where cells are missing: the numbers of columns, and their cells (n_columns, n)."""
        check_names(X, self.names, owner)
        read = np.zeros(len(self.columns), dtype=bool)
        for kind, columns, cells in plain_blocks(X):
            alike = np.array([self.columns[j].reads(kind) for j in columns.tolist()])
            read[columns[alike]] = True
            if alike.any():
                yield columns[alike], cells.T[as_slice(np.flatnonzero(alike))]
        for j in np.flatnonzero(~read).tolist():
            yield np.array([j]), self._encode_column(X, j, owner)[None]

    def _encode_column(self, X, j, owner):
        """One column of a frame as float64 numbers (n,)."""
        column, cells = self.columns[j], column_of(X, j)
        if isinstance(cells.dtype, pd.CategoricalDtype) and not column.has_levels:
            cells = cells.astype(object)
        self._check_kind(column, cells, j, owner)
        try:
            numbers = np.asarray(column.encode(cells), dtype=np.float64)
        except (TypeError, ValueError, NotImplementedError) as error:
            raise self._unusable(error, column, cells, j, owner) from error
        self._check_family(column, cells, numbers, j, owner)
        return numbers

    def _check_family(self, column, cells, numbers, j, owner):
        """Refuse levels of which none is of the kind of training; say so where other cells can be read as such."""
        if column.are_texts and (numbers < len(column.levels)).any():  # a cell that equals a text is one
            return
        cell = strange_cell(column, cells)
        if cell is None or np.isinf(numbers).any():  # infinite ones are errors
            return
        (were, expected), found = in_training(column), family(cell)
        is_lost = column.unseen(numbers).any() or found not in READ_AS_NUMBERS
        if owner == ACCEPTED and not is_lost:
            return
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
            return unreadable(error, cells, where, owner)
        row = first_odd(cells, column.kind, column.zone)
        if row is None:
            return error
        remedy = conversion(column, cells, row, self.frame.library, where.removeprefix("column "))
        dtype = "" if is_object(cells.dtype) else f" of dtype {cells.dtype}"
        return ValueError(
            f"{where}, row {row} holds {shown(cells[row])}{dtype}, but {owner} was fitted on {column.cells_in_words} "
            f"there. {remedy}, or replace such cells by NaN."
        )

    def _check_kind(self, column, cells, j, owner):
        """Refuse dates where there were none, and the other way round."""
        if column.has_levels or column.kind == "empty" or cells.isna().all():
            return
        expected = column.kind if column.kind in ("time", "span") else None
        found = kind_of(cells) if expected or cells.dtype.kind in "mM" else None
        if found == expected and (expected != "time" or (zone_of(cells) is None) == (column.zone is None)):
            return
        raise self._unusable(ValueError(f"{cells.dtype} for {column.dtype}"), column, cells, j, owner)

    def number_levels(self, X):
        """An array with the numbers of their levels in the columns that have levels."""
        if not self.columns:
            return X
        X = np.array(X, dtype=np.float32 if X.dtype == np.float32 else np.float64)
        for j, column in self.columns.items():
            X[:, j] = column.encode(pd.Series(X[:, j], dtype=np.float64))
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
                raise ValueError(
                    f"given={cells!r}: {where} holds {column.kind} cells, not {shown(cell)}. Give one of its "
                    f"{column.cells_in_words}."
                ) from error
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
            return ColumnRows.compact(self.encode_blocks(X, "the estimator"), X.shape[0] * X.shape[1])
        return SparseRows(X) if hasattr(X, "toarray") and not self.columns else self.numbers(X)

    def with_levels(self, n_features):
        """Mask of the columns whose numbers are those of levels (n_features,)."""
        mask = np.zeros(n_features, dtype=bool)
        mask[[j for j, column in self.columns.items() if column.has_levels]] = True
        return mask

    def table(self, numbers, index=None):
        """Numbers (n, n_features) as a table that an estimator takes: levels and dates as such, numbers as they are.

        A level that no training row has stays one.
        """
        if self.frame is None:
            return self._array(numbers) if self.columns else numbers
        if not self.reads_otherwise:
            return self.frame.numbers(numbers, index)
        decoded = [j for j, column in self.columns.items() if column.reads_otherwise]
        others = np.setdiff1d(np.arange(numbers.shape[1]), decoded)
        parts = [(others, numbers[:, others])] if len(others) else []
        cells = [self._as_measured(self.columns[j], numbers[:, j]) for j in decoded]
        return self.frame.of_parts([*parts, (decoded, cells)], index)

    def _as_measured(self, column, numbers):
        """A column of levels or dates as cells of the frame's library that an estimator reads as the same numbers."""
        unseen, in_polars = column.unseen(numbers), self.frame.library == "polars"
        if not unseen.any():
            return column.in_polars(numbers, column.dtype, True) if in_polars else column.decode(numbers, True)
        cells = column.decode(numbers).astype(object).mask(unseen, column.stand_in)
        return to_polars(cells, "Object") if in_polars else cells

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
        return any(column.reads_otherwise for column in self.columns.values())

    def shown(self, numbers, columns, as_measured=False):
        """Cells as a reader knows them, an object array of the shape of ``numbers``, each of the column beside it."""
        cells = numbers.astype(object)
        for j in np.intersect1d(columns, list(self.columns)).tolist():
            column, here = self.columns[j], columns == j
            if column.reads_otherwise:
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
            return clipped(numbers, np.dtype(dtype)).astype(dtype, copy=False)
        return self.frame.of_parts(list(self._restored(numbers)), index)

    def _restored(self, numbers):
        """Parts of a frame in the dtypes of training: blocks of plain columns and of texts, and a list of others."""
        others = np.ones(numbers.shape[1], dtype=bool)
        for kind, dtype, columns in self._plain_columns(numbers):
            others[columns] = False
            yield columns, as_block(self.frame.library, numbers[:, as_slice(columns)], kind, dtype)
        for dtype, columns in text_columns(self.columns.values(), len(numbers)):
            others[columns] = False
            levels = [self.columns[j].levels for j in columns.tolist()]
            yield columns, text_block(self.frame.library, levels, numbers[:, columns], dtype)
        others = np.flatnonzero(others).tolist()
        if others:
            yield others, [self._restored_column(self.columns[j], numbers[:, j]) for j in others]

    def _plain_columns(self, numbers):
        """What columns of a plain dtype hold, their dtype and their numbers, if these cells may be missing there."""
        lacking = np.isnan(numbers).any(axis=0)
        for (kind, dtype), columns in plain_columns(self.columns.values(), self.frame.library).items():
            if isinstance(dtype, np.dtype) and kind != "real":
                columns = columns[~lacking[columns]]
            if len(columns):
                yield kind, dtype, columns

    def settled(self, numbers):
        """The numbers of the cells that ``rows`` makes of numbers (n, n_features): rounded as these are."""
        if self.frame is None:
            return self.number_levels(self.rows(numbers.copy(), np.float64))
        settled, others = numbers.copy(), np.ones(numbers.shape[1], dtype=bool)
        for kind, dtype, columns in self._plain_columns(numbers):
            if kind != "real" or numpy_of(dtype) != np.float64:
                cells, missing = numbers[:, columns], np.isnan(numbers[:, columns])
                cells = as_plain(np.where(missing, 0.0, cells), kind, numpy_of(dtype)).astype(np.float64)
                settled[:, columns] = np.where(missing, np.nan, cells)
            others[columns] = False
        for j in np.flatnonzero(others).tolist():
            column = self.columns[j]
            if column.has_levels:
                settled[:, j] = np.clip(np.rint(numbers[:, j]), 0, len(column.levels) - 1)
            else:
                cells = self._restored_column(column, numbers[:, j])
                settled[:, j] = column.encode(cells if hasattr(cells, "iloc") else from_polars(cells))
        return settled

    def _restored_column(self, column, numbers):
        """A column of the frame's library in its training dtype."""
        if self.frame.library == "polars":
            return column.in_polars(numbers, column.dtype)
        return column.restored(numbers)

    def _column(self, j):
        return self.columns[j] if j in self.columns else Column(j, self.dtype, "real")

    def filled(self, X, numbers):
        """A copy of a table with its missing cells taken from numbers (n, n_features).

        A column of which all are missing has no dtype of its own: it comes back in that of training, unless it has the
        twin of that dtype that takes holes (Int64 for int64), so that a row does not depend on others.
        """
        if not is_frame(X):
            return self._filled_array(np.array(X, copy=True), numbers)
        parts, read = [], np.zeros(X.shape[1], dtype=bool)
        for columns, cells in self._filled_plain(X, numbers):
            parts.append((columns, cells))
            read[columns] = True
        left = np.flatnonzero(may_lack(X) & ~read).tolist()
        others = {j: self._filled_column(X, j, numbers[:, j]) for j in left}
        others = {j: cells for j, cells in others.items() if cells is not None}
        read[list(others)] = True
        if others:
            parts.append((list(others), list(others.values())))
        if not read.all():
            parts.append((np.flatnonzero(~read), columns_of(X, np.flatnonzero(~read).tolist())))
        return like(X, beside(X, parts)) if library_of(X) == "pandas" else type(X)(beside(X, parts))

    def _filled_array(self, X, numbers):
        """The same where it is an array, in place unless its dtype cannot hold what was missing."""
        missing = pd.isna(holes_as_nan(X))
        for j in np.flatnonzero(missing.any(axis=0)):
            cells = self._column(j).decode(numbers[:, j]).to_numpy()[missing[:, j]]
            X = X.astype(object) if cells.dtype.kind not in "fiub" else X
            X[missing[:, j], j] = clipped(cells, X.dtype) if cells.dtype.kind == "f" else cells
        return X

    def _filled_plain(self, X, numbers):
        """Blocks of those columns of a plain dtype of a frame that lack some cells, filled."""
        for kind, columns, cells in plain_blocks(X):
            read, missing = [self._column(j).reads(kind) for j in columns.tolist()], np.isnan(cells)
            here = np.flatnonzero(missing.any(axis=0) & ~missing.all(axis=0) & read)
            if len(here):
                columns, missing = columns[here], missing[:, here]
                whole = [self._column(j).kind == "integer" for j in columns.tolist()]
                expected = np.where(whole, np.rint(numbers[:, columns]), numbers[:, columns])
                yield columns, filled_block(X, columns, missing, expected)

    def _filled_column(self, X, j, numbers):
        """One column of a frame with its missing cells filled; None where none is to be filled."""
        column, missing = self._column(j), column_of(X, j).isna().to_numpy()
        if not missing.any() or column.kind == "empty":
            return None
        is_empty = missing.all() and not column.is_twin_of(X.dtypes.iloc[j] if library_of(X) == "pandas" else None)
        if not is_empty:
            cells = X.iloc[:, j] if library_of(X) == "pandas" else X.to_series(j)
            filled = column.filled(cells, missing, numbers)
            return filled.reset_index(drop=True) if library_of(X) == "pandas" else filled
        library = library_of(X)
        if self.frame is None or self.frame.library != library:
            if library == "polars":
                return column.in_polars(numbers, "Int64" if column.kind == "integer" else None)
            filled = column.decode(numbers)
            return held(filled, "int64") if column.kind == "integer" else filled.infer_objects()
        return self._restored_column(column, numbers)


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
