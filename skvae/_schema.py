"""What the columns of a table hold: table -> numbers with holes -> table."""

import copy
import datetime
import importlib
from dataclasses import dataclass, field, replace
from numbers import Integral

import numpy as np
import pandas as pd

from skvae._columns import Frame, column_name, is_date, is_missing, is_number, shown

TIMES = {"day": 86_400_000_000, "hour": 3_600_000_000, "minute": 60_000_000, "second": 1_000_000, "microsecond": 1}
"""Microseconds of the units that dates are counted in: the longest that all training cells are whole numbers of."""

LEVELS = "levels", "ordered", "boolean"
"""Kinds of columns whose numbers are those of levels."""


@dataclass
class Column:
    """One column: its label, its dtype and what it holds.

    ``kind`` is "real" or "integer" numbers, "boolean", "levels" without or "ordered" levels with an order, "time" or
    "span" (a difference of times), or "empty" where no training cell is there. ``levels`` are in the order of their
    numbers, ``categories`` those of a categorical dtype; ``unit`` is a key of TIMES; ``low`` and ``high`` bound what
    training cells of whole numbers and times were.
    """

    label: object
    dtype: object
    kind: str
    levels: list | None = None
    categories: list | None = None
    unit: str = "microsecond"
    low: float = -np.inf
    high: float = np.inf

    @property
    def has_levels(self):
        """Whether its numbers are those of levels."""
        return self.kind in LEVELS

    @classmethod
    def of(cls, cells, label, dtype, as_levels):
        """What the training cells, a pandas Series, are; ``as_levels`` takes numbers for levels too."""
        column = cls(label, dtype, kind_of(cells))
        if column.kind == "empty" and not isinstance(cells.dtype, pd.CategoricalDtype):
            return column
        if isinstance(cells.dtype, pd.CategoricalDtype):
            column.categories = cells.cat.categories.tolist()
        if column.kind == "ordered":
            return replace(column, levels=column.categories)
        if column.kind == "boolean":
            return replace(column, levels=[False, True])
        if column.kind == "levels" or as_levels:
            return replace(column, kind="levels", levels=in_order(cells))
        if column.kind in ("time", "span"):
            ticks = microseconds(cells)
            column.unit = next(name for name, size in TIMES.items() if not (ticks[ticks == ticks] % size).any())
        if column.kind in ("integer", "time", "span"):
            numbers = column.encode(cells)
            column.low, column.high = float(np.nanmin(numbers)), float(np.nanmax(numbers))
        return column

    def encode(self, cells):
        """Numbers (n,) of a pandas Series, NaN where cells are missing; a level never seen has the next number."""
        if self.kind == "empty":
            return np.where(cells.isna(), np.nan, 0.0)
        if self.has_levels:
            codes, seen = pd.factorize(cells)
            known = pd.Index(self.levels, dtype=object).get_indexer(pd.Index(seen, dtype=object))
            numbers = np.where(known < 0, len(self.levels), known).astype(np.float64)
            return np.append(numbers, np.nan)[codes]
        if self.kind in ("time", "span"):
            return microseconds(cells) / TIMES[self.unit]
        return cells.to_numpy(dtype=np.float64, na_value=np.nan)

    def decode(self, numbers):
        """Cells as a pandas Series of the training dtype, from numbers (n,) with NaN where cells are to be missing."""
        missing = np.isnan(numbers)
        if self.kind == "empty":
            return pd.Series(np.full(len(numbers), None, dtype=object))
        if self.has_levels:
            place = np.clip(np.rint(np.where(missing, 0.0, numbers)), 0, len(self.levels) - 1).astype(int)
            return with_holes(pd.Series(np.asarray([*self.levels, None], dtype=object)[:-1][place]), missing)
        if self.kind in ("time", "span"):
            ticks = np.rint(np.where(missing, 0.0, numbers)) * TIMES[self.unit]
            cells = pd.Series(ticks.astype(np.int64).view("M8[us]" if self.kind == "time" else "m8[us]"))
            return cells.mask(missing)
        if self.kind == "integer":
            return with_holes(pd.Series(np.rint(np.where(missing, 0.0, numbers))), missing)
        return pd.Series(numbers)

    def restored(self, numbers, index=None):
        """The same, in the dtype of the training data."""
        cells = self.decode(numbers)
        if self.categories is not None:
            dtype = pd.CategoricalDtype(self.categories, ordered=self.kind == "ordered")
            return cells.astype(dtype).set_axis(cells.index if index is None else index)
        dtype = pd.api.types.pandas_dtype(self.dtype)
        if self.kind == "time" and getattr(dtype, "tz", None) is not None:
            cells = cells.dt.tz_localize("UTC").dt.tz_convert(dtype.tz)
        if self.kind == "integer":
            cells = whole(cells, dtype)
        return cells.astype(dtype).set_axis(cells.index if index is None else index)


def with_holes(cells, missing):
    """A Series with missing cells, of object dtype where there are some."""
    return cells.astype(object).mask(missing, None) if missing.any() else cells


def whole(cells, dtype):
    """Whole numbers within the limits of an integer dtype; cells of other dtypes as they are."""
    kind = str(dtype).lower().split("[")[0]
    if not kind.startswith(("int", "uint")):
        return cells
    limits = np.iinfo(kind)
    high = float(limits.max)
    high = high if int(high) <= limits.max else np.nextafter(high, 0.0)
    missing = cells.isna().to_numpy()
    numbers = np.clip(cells.to_numpy(np.float64, na_value=0.0), limits.min, high).astype(limits.dtype)
    return pd.Series(pd.arrays.IntegerArray(numbers, missing)) if missing.any() else pd.Series(numbers)


def kind_of(cells):
    """What a pandas Series holds, as ``Column.kind`` says."""
    dtype, kind = cells.dtype, getattr(cells.dtype, "kind", "O")
    if cells.isna().all():
        return "empty"
    if isinstance(dtype, pd.CategoricalDtype):
        return "ordered" if dtype.ordered else "levels"
    named = {"b": "boolean", "i": "integer", "u": "integer", "f": "real", "M": "time", "m": "span"}.get(kind)
    if named is not None:
        return named
    if kind == "c":
        raise TypeError("complex numbers")
    there = cells[cells.notna()]
    if pd.api.types.is_string_dtype(dtype) and dtype != object:
        return "levels"
    if all(isinstance(cell, bool | np.bool_) for cell in there):
        return "boolean"
    if all(is_number(cell) for cell in there):
        return "real"
    if all(is_date(cell) or isinstance(cell, datetime.date) for cell in there):
        return "time" if not isinstance(there.iloc[0], np.timedelta64) else "span"
    if all(isinstance(cell, datetime.timedelta) for cell in there):
        return "span"
    return "levels"


def in_order(cells):
    """The levels of a Series: sorted where they can be compared, otherwise by type and text."""
    seen = pd.unique(cells.dropna().astype(object))
    if isinstance(cells.dtype, pd.CategoricalDtype):
        present = set(seen)
        return [level for level in cells.cat.categories.tolist() if level in present]
    try:
        return sorted(seen)
    except TypeError:
        return sorted(seen, key=lambda level: (type(level).__name__, str(level)))


def microseconds(cells):
    """Microseconds of dates, since 1970 in UTC, or of spans (n,), NaN where there are none."""
    if not hasattr(cells, "dt") or cells.dtype.kind not in "mM" or not isinstance(cells.dtype, np.dtype):
        span = kind_of(cells) == "span"
        cells = cells.astype(object)
        cells = pd.to_timedelta(cells) if span else pd.to_datetime(cells, utc=is_aware(cells))
    if is_aware(cells):
        cells = cells.dt.tz_convert("UTC").dt.tz_localize(None)
    ticks = cells.to_numpy("m8[us]" if cells.dtype.kind == "m" else "M8[us]").astype(np.int64)
    return np.where(cells.isna(), np.nan, ticks.astype(np.float64))


def is_aware(cells):
    """Whether dates have a time zone."""
    if getattr(cells.dtype, "tz", None) is not None:
        return True
    arrow = getattr(cells.dtype, "pyarrow_dtype", None)
    if arrow is not None:
        return getattr(arrow, "tz", None) is not None
    first = next((cell for cell in cells if not is_missing(cell)), None) if cells.dtype == object else None
    return getattr(first, "tzinfo", None) is not None


def column_of(X, j):
    """One column of a frame or an array as a pandas Series."""
    if isinstance(X, np.ndarray):
        return pd.Series(X[:, j])
    return X.iloc[:, j].reset_index(drop=True) if hasattr(X, "iloc") else from_polars(X.to_series(j))


def from_polars(cells):
    """A polars Series as a pandas one."""
    kind = type(cells.dtype).__name__
    if kind == "Enum":
        categories = cells.cat.get_categories().to_list()
        return pd.Series(pd.Categorical(cells.cast(str_of(cells)).to_list(), categories=categories))
    if kind == "Categorical":
        return pd.Series(pd.Categorical(cells.cast(str_of(cells)).to_list()))
    if kind in ("Date", "Datetime", "Duration"):
        zone = getattr(cells.dtype, "time_zone", None)
        ticks = cells.cast(type(cells.dtype)("us") if kind == "Duration" else datetimes(cells, zone)).to_physical()
        numbers = ticks.fill_null(np.iinfo(np.int64).min).to_numpy().astype(np.int64)
        series = pd.Series(numbers.view("m8[us]" if kind == "Duration" else "M8[us]"))
        return series.dt.tz_localize("UTC") if zone else series
    if kind in ("String", "Boolean", "Object", "Null"):
        return pd.Series(cells.to_list(), dtype=object)
    return pd.Series(cells.to_numpy())


def to_polars(cells, dtype):
    """A pandas Series of plain cells as a polars one of a dtype or of its name."""
    polars = importlib.import_module("polars")
    dtype = getattr(polars, dtype) if isinstance(dtype, str) else dtype
    if cells.dtype.kind in "mM":
        zone = getattr(dtype, "time_zone", None)
        series = polars.Series(cells.to_numpy())
        series = series.dt.replace_time_zone("UTC").dt.convert_time_zone(zone) if zone else series
        return series.cast(dtype)
    if cells.dtype == object:
        return polars.Series([None if is_missing(cell) else cell for cell in cells], dtype=dtype, strict=False)
    return polars.Series(cells.to_numpy()).fill_nan(None).cast(dtype)


def with_column(X, j, missing, filler, column):
    """A frame with the missing cells of a column taken from a Series of plain cells."""
    if not hasattr(X, "iloc"):
        old = X.to_series(j)
        cells = [new if gone else cell for cell, new, gone in zip(old.to_list(), filler, missing, strict=True)]
        return X.with_columns(to_polars(pd.Series(cells, dtype=object), old.dtype).alias(old.name))
    old = X.iloc[:, j]
    if column.categories is not None and isinstance(old.dtype, pd.CategoricalDtype):
        added = [level for level in column.levels if level not in old.cat.categories]
        old = old.cat.add_categories(added) if added else old
    if column.kind == "time" and is_aware(old):
        filler = filler.dt.tz_localize("UTC").dt.tz_convert(old.dt.tz)
    if column.kind == "integer":
        filler = whole(filler, old.dtype)
    cells = old.astype(object)
    cells[missing] = filler.astype(object).to_numpy()[missing]
    labels = X.columns
    X.columns = range(X.shape[1])
    X[j] = cells.astype(old.dtype)
    X.columns = labels
    return X


def str_of(cells):
    """The string dtype of polars."""
    return importlib.import_module(type(cells).__module__.split(".")[0]).String


def datetimes(cells, zone):
    """The date and time dtype of polars in microseconds."""
    return importlib.import_module(type(cells).__module__.split(".")[0]).Datetime("us", zone)


@dataclass
class Schema:
    """The columns of the training table, and the frame they were in; None for an array.

    ``columns`` holds those that are not plain numbers of an array, by number. ``sparse`` says what the cells of a
    sparse table are, as ``SparseRows.kind`` does; None for another table.
    """

    frame: Frame | None
    columns: dict = field(default_factory=dict)
    sparse: str | None = None

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
        return cls(frame, columns)

    @property
    def names(self):
        """Labels of the columns; None for an array."""
        return None if self.frame is None else self.frame.names

    def kinds(self, n_features):
        """What each column holds."""
        return [self.columns[j].kind if j in self.columns else "real" for j in range(n_features)]

    def encode(self, X, owner):
        """A frame as float64 numbers (n, n_features), NaN where cells are missing."""
        labels = Frame.of(X)
        if labels is not None and labels.names != self.names and set(labels.names) == set(self.names):
            raise ValueError(
                f"X has the columns {owner} was fitted on in another order: {labels.names[:5]} instead of "
                f"{self.names[:5]}. Pass X[list_of_training_columns]."
            )
        numbers = np.empty((len(X), len(self.columns)))
        for j, column in self.columns.items():
            cells = column_of(X, j)
            self._check_kind(column, cells, j, owner)
            try:
                numbers[:, j] = column.encode(cells)
            except TypeError as error:
                raise unhashable(error, cells, column_name(self.names, j), owner) from error
        return numbers

    def _check_kind(self, column, cells, j, owner):
        """Refuse dates where there were none, and the other way round."""
        dates = cells.dtype.kind in "mM" and not cells.isna().all()
        expected = {"time": "M", "span": "m"}.get(column.kind)
        wrong = dates and cells.dtype.kind != expected and not column.has_levels and column.kind != "empty"
        if wrong or (expected == "M" and not cells.isna().all() and is_aware(cells) != self._aware(column)):
            raise ValueError(
                f"{column_name(self.names, j)} has dtype {cells.dtype}, but {owner} was fitted on one of dtype "
                f"{column.dtype}; convert it, with or without a time zone as there."
            )

    @staticmethod
    def _aware(column):
        text = str(column.dtype)
        return "tz=" in text or "time_zone='" in text or ("datetime64" in text and "," in text)

    def number_levels(self, X, owner):
        """An array with the numbers of their levels in the columns that have levels."""
        if not self.columns:
            return X
        X = np.array(X, dtype=np.float64)
        for j, column in self.columns.items():
            X[:, j] = column.encode(pd.Series(X[:, j]))
        return X

    def row_of(self, cells, n_features, owner):
        """Numbers (n_features,) of some cells by column name or number, NaN for the others."""
        row, known = np.full(n_features, np.nan), {} if self.names is None else {n: j for j, n in enumerate(self.names)}
        for name, cell in cells.items():
            j = known.get(name, name)
            if not isinstance(j, Integral) or not 0 <= j < n_features:
                raise ValueError(f"given={cells!r} names column {name!r}, which {owner} was not fitted on.")
            column = self._column(j)
            row[j] = column.encode(pd.Series([cell], dtype=None if column.kind in ("time", "span") else object))[0]
            if column.has_levels and row[j] >= len(column.levels):
                raise ValueError(
                    f"given={cells!r}: {column_name(self.names, j)} never was {shown(cell)} in training; it has levels "
                    f"{shown(column.levels)}."
                )
        return row

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

    def _restored(self, column, numbers, index=None):
        """A column of the frame's library in its training dtype."""
        if self.frame.library == "polars":
            return to_polars(column.decode(numbers), column.dtype)
        return column.restored(numbers, index)

    def _column(self, j):
        return self.columns[j] if j in self.columns else Column(j, "float64", "real")

    def filled(self, X, numbers):
        """A copy of a table with its missing cells taken from numbers (n, n_features)."""
        if self.frame is None:
            X = np.array(X, copy=True)
            missing = pd.isna(X)
            X[missing] = self.rows(numbers, np.float64)[missing]
            return X
        X = copy.deepcopy(X)
        for j, column in self.columns.items():
            missing = column_of(X, j).isna().to_numpy()
            if missing.any():
                X = with_column(X, j, missing, column.decode(numbers[:, j]), column)
        return X


def chosen_columns(categorical_features, names, n_features, owner):
    """Numbers of the columns that a parameter takes for levels, as in HistGradientBoostingClassifier."""
    if categorical_features is None or isinstance(categorical_features, str):
        return set()
    chosen = np.atleast_1d(np.asarray(categorical_features, dtype=object))
    if len(chosen) and all(isinstance(entry, bool | np.bool_) for entry in chosen):
        if len(chosen) != n_features:
            raise ValueError(f"categorical_features is a mask of {len(chosen)} columns, but X has {n_features}.")
        return set(np.flatnonzero(chosen.astype(bool)).tolist())
    known = {} if names is None else {name: j for j, name in enumerate(names)}
    columns = set()
    for entry in chosen:
        j = known.get(entry, entry)
        if not isinstance(j, Integral) or not 0 <= j < n_features:
            raise ValueError(
                f"categorical_features={categorical_features!r} names column {entry!r}, which X has not; {owner} takes "
                "column numbers, names of a data frame, or a mask."
            )
        columns.add(int(j))
    return columns


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
