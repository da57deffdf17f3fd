"""What one column of a table holds: cells -> numbers with holes -> cells, of pandas and polars."""

import datetime
import importlib
from dataclasses import dataclass, replace
from decimal import Decimal

import numpy as np
import pandas as pd

from skvae._columns import in_words, is_date, is_missing, is_number, is_readable
from skvae._plain import StoredPlainly

TIMES = {"day": 86_400_000_000, "hour": 3_600_000_000, "minute": 60_000_000, "second": 1_000_000, "microsecond": 1}
"""Microseconds of the units that dates are counted in: the longest that all training cells are whole numbers of."""

LEVELS = "levels", "ordered", "boolean"
"""Kinds of columns whose numbers are those of levels."""

MOSTLY, SOME_LEVELS = 0.95, 1000
"""Share of a column's levels that are numbers from which on the others look like mistakes, and how many are looked at
before all are."""

PLAIN = {
    "date": lambda time: time.date(),
    "datetime": lambda time: time.to_pydatetime(),
    "timedelta": lambda span: span.to_pytimedelta(),
    "Decimal": lambda number: Decimal(str(number)),
}
"""Cells of object columns whose type is not that of the numbers they stand for, by the name of that type."""


@dataclass
class Column(StoredPlainly):
    """One column: its label, its dtype and what it holds.

    ``kind`` is "real" or "integer" numbers, "boolean", "levels" without or "ordered" levels with an order, "time" or
    "span" (a difference of times), or "empty" where no training cell is there. ``levels`` are those that training rows
    have, in the order of their numbers. ``categorical`` is a description of a categorical dtype. ``zone`` is that of
    times, ``plain`` a key of PLAIN and ``unit`` one of TIMES; ``low`` and ``high`` bound what training cells of whole
    numbers and times were.
    """

    label: object
    dtype: object
    kind: str
    levels: list | None = None
    categorical: dict | None = None
    zone: object = None
    plain: str | None = None
    unit: str = "microsecond"
    low: float = -np.inf
    high: float = np.inf

    @property
    def bounded(self):
        """Whether draws stay within what training cells were."""
        return self.kind in ("integer", "time", "span")

    @property
    def has_levels(self):
        """Whether its numbers are those of levels."""
        return self.kind in LEVELS

    @classmethod
    def of(cls, cells, label, dtype, as_levels):
        """What the training cells, a pandas Series, are; ``as_levels`` takes numbers for levels too."""
        column = cls(label, dtype, kind_of(cells), categorical=described(cells.dtype))
        if column.kind == "empty":
            return column
        if column.kind == "boolean":
            return replace(column, levels=[False, True])
        if column.kind in LEVELS or as_levels:
            kind = "ordered" if column.kind == "ordered" else "levels"
            return replace(column, kind=kind, levels=in_order(cells))
        if is_object(cells.dtype):
            first = type(cells[cells.first_valid_index()]).__name__
            column.plain = first if first in PLAIN else None
        if column.kind == "time":
            column.zone = zone_of(cells)
        if column.kind in ("time", "span"):
            ticks = microseconds(cells)
            column.unit = next(name for name, size in TIMES.items() if not (ticks[ticks == ticks] % size).any())
        if column.bounded:
            numbers = column.encode(cells)
            column.low, column.high = float(np.nanmin(numbers)), float(np.nanmax(numbers))
        return column

    def encode(self, cells):
        """Numbers (n,) of a pandas Series, NaN where cells are missing; a level never seen has the next number."""
        if self.kind == "empty" or cells.isna().all():
            return np.full(len(cells), np.nan)
        if self.has_levels:
            codes, seen = pd.factorize(cells)
            levels, seen = (pd.Index(found, dtype=object, tupleize_cols=False) for found in (self.levels, seen))
            known = levels.get_indexer(seen)
            numbers = np.where(known < 0, len(self.levels), known).astype(np.float64)
            return np.append(numbers, np.nan)[codes]
        if self.kind in ("time", "span"):
            return microseconds(cells) / TIMES[self.unit]
        return cells.to_numpy(dtype=np.float64, na_value=np.nan)

    def unseen(self, numbers):
        """Mask of the numbers (n,) that stand for levels that no training row has."""
        return numbers >= len(self.levels) if self.has_levels else np.zeros(len(numbers), dtype=bool)

    @property
    def stand_in(self):
        """A text that is none of the levels and stands for one that training rows do not have."""
        text = "a level never seen"
        while self.has_levels and text in self.levels:
            text += "!"
        return text

    def number_of(self, cell):
        """The number of one cell; dates may be texts, and are in the zone of the training cells unless they say so."""
        if self.kind == "span":
            cell = pd.Timedelta(cell)
        elif self.kind == "time":
            cell = pd.Timestamp(cell)
            cell = cell if self.zone is None or cell.tzinfo is not None else cell.tz_localize(self.zone)
        return self.encode(pd.Series([cell], dtype=None if self.kind in ("span", "time") else object))[0]

    def decode(self, numbers, as_measured=False):
        """Cells as a pandas Series of the training dtype, from numbers (n,) with NaN where cells are to be missing.

        Times are whole numbers of their unit, unless they are to stay ``as_measured``.
        """
        missing = np.isnan(numbers)
        if self.kind == "empty":
            return pd.Series(np.full(len(numbers), None), dtype=object)
        if self.has_levels:
            place = np.clip(np.rint(np.where(missing, 0.0, numbers)), 0, len(self.levels) - 1).astype(int)
            levels = np.array([*self.levels, None], dtype=object)  # the None keeps levels that are tuples one cell each
            return with_holes(pd.Series(levels[place], dtype=object), missing)
        if self.kind in ("time", "span"):
            numbers, size = np.where(missing, 0.0, numbers), TIMES[self.unit]
            ticks = np.rint(numbers * size) if as_measured else np.rint(numbers) * size
            return self._times(ticks.astype(np.int64)).mask(missing)
        if self.kind == "integer":
            return with_holes(pd.Series(np.rint(np.where(missing, 0.0, numbers))), missing)
        return pd.Series(numbers)

    def _times(self, ticks):
        """Times, in the zone of the training cells, or spans as a pandas Series, from microseconds."""
        if self.kind == "span":
            return pd.Series(ticks.view("m8[us]"))
        times = pd.Series(ticks.view("M8[us]"))
        return times if self.zone is None else times.dt.tz_localize("UTC").dt.tz_convert(self.zone)

    def restored(self, numbers, dtype=None):
        """The same in a pandas dtype: that of the training data, unless another one is said."""
        cells, dtype = self.decode(numbers), self._training_dtype if dtype is None else dtype
        if is_object(dtype) and self.plain is not None:
            convert = PLAIN[self.plain]
            return pd.Series([None if is_missing(cell) else convert(cell) for cell in cells], dtype=object)
        return (whole(cells, dtype) if self.kind == "integer" else cells).astype(dtype)

    @property
    def _training_dtype(self):
        if self.categorical is not None:
            categories = pd.Index(self.categorical["categories"], dtype=self.categorical["dtype"])
            return pd.CategoricalDtype(categories, self.categorical["ordered"])
        return pd.api.types.pandas_dtype(self.dtype)

    def filled(self, cells, missing, numbers):
        """A Series of pandas or polars with its missing cells (n,) taken from numbers (n,); the others as they are."""
        if not hasattr(cells, "iloc"):
            return cells.zip_with(type(cells)(~missing), to_polars(self.decode(numbers), cells.dtype))
        if isinstance(cells.dtype, pd.CategoricalDtype) and self.has_levels:
            new = [level for level in self.levels if level not in cells.cat.categories]
            cells = cells.cat.add_categories(new) if new else cells
        return cells.mask(missing, self.restored(numbers, cells.dtype).set_axis(cells.index))


def described(dtype):
    """A categorical dtype as plain values; None for another."""
    if not isinstance(dtype, pd.CategoricalDtype):
        return None
    categories = dtype.categories
    return {"categories": categories.tolist(), "dtype": in_words(categories.dtype, "pandas"), "ordered": dtype.ordered}


def with_holes(cells, missing):
    """A Series with missing cells, of object dtype where there are some."""
    return cells.astype(object).mask(missing, None) if missing.any() else cells


def whole(cells, dtype):
    """Whole numbers within the limits of an integer dtype; cells of other dtypes as they are."""
    limits = integers_of(dtype)
    if limits is None:
        return cells
    high = float(limits.max)
    high = high if int(high) <= limits.max else np.nextafter(high, 0.0)
    missing = cells.isna().to_numpy()
    numbers = np.clip(cells.to_numpy(np.float64, na_value=0.0), limits.min, high).astype(limits.dtype)
    return pd.Series(pd.arrays.IntegerArray(numbers, missing)) if missing.any() else pd.Series(numbers)


def integers_of(dtype):
    """What integers a dtype of any library can hold, as numpy says it; None for dtypes of other cells."""
    kind = str(dtype).lower().split("[")[0]
    return np.iinfo(kind) if kind.startswith(("int", "uint")) and kind != "interval" else None


def integer_limits(dtype):
    """Least and most number of an integer dtype; infinite for others."""
    limits = integers_of(dtype)
    return (-np.inf, np.inf) if limits is None else (float(limits.min), float(limits.max))


def is_object(dtype):
    """Whether cells of a dtype are Python objects of any type."""
    return isinstance(dtype, np.dtype) and dtype.kind == "O"


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
    if pd.api.types.is_string_dtype(dtype) and not is_object(dtype):
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


def odd_level(levels):
    """The first of some levels that is no number where nearly all are, or are texts of numbers; None elsewhere."""
    some = levels[:: -(-len(levels) // SOME_LEVELS)]
    if sum(map(is_readable, some)) < MOSTLY * len(some):
        return None
    is_read = [is_readable(level) for level in levels]
    return levels[is_read.index(False)] if MOSTLY <= np.mean(is_read) < 1.0 else None


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
        cells = pd.to_timedelta(cells) if span else pd.to_datetime(cells, utc=zone_of(cells) is not None)
    if zone_of(cells) is not None:
        cells = cells.dt.tz_convert("UTC").dt.tz_localize(None)
    ticks = cells.to_numpy("m8[us]" if cells.dtype.kind == "m" else "M8[us]").astype(np.int64)
    return np.where(cells.isna(), np.nan, ticks.astype(np.float64))


def zone_of(cells):
    """The time zone of dates; None where they have none."""
    dtype = getattr(cells.dtype, "pyarrow_dtype", cells.dtype)
    if not is_object(dtype):
        return getattr(dtype, "tz", None)
    first = next((cell for cell in cells if not is_missing(cell)), None)
    return getattr(first, "tzinfo", None)


def column_of(X, j):
    """One column of a frame or an array as a pandas Series."""
    if isinstance(X, np.ndarray):
        return pd.Series(X[:, j])
    return X.iloc[:, j].reset_index(drop=True) if hasattr(X, "iloc") else from_polars(X.to_series(j))


def from_polars(cells):
    """A polars Series as a pandas one."""
    kind = type(cells.dtype).__name__
    if kind in ("Enum", "Categorical"):
        categories = cells.dtype.categories.to_list() if kind == "Enum" else None
        return pd.Series(pd.Categorical(cells.cast(strings_of(cells)).to_list(), categories=categories))
    if kind in ("Date", "Datetime", "Duration"):
        zone = getattr(cells.dtype, "time_zone", None)
        ticks = cells.cast(type(cells.dtype)("us") if kind == "Duration" else datetimes(cells, zone)).to_physical()
        numbers = ticks.fill_null(np.iinfo(np.int64).min).to_numpy().astype(np.int64)
        series = pd.Series(numbers.view("m8[us]" if kind == "Duration" else "M8[us]"))
        return series.dt.tz_localize("UTC").dt.tz_convert(zone) if zone else series
    if kind in ("String", "Boolean", "Object", "Null"):
        return pd.Series(cells.to_list(), dtype=object)
    if cells.dtype.is_integer() and cells.null_count():
        return pd.Series(pd.arrays.IntegerArray(cells.fill_null(0).to_numpy(), cells.is_null().to_numpy().copy()))
    return pd.Series(cells.to_numpy())


def to_polars(cells, dtype):
    """A pandas Series of plain cells as a polars one of a dtype or of its name; None takes what cells are."""
    polars = importlib.import_module("polars")
    dtype = getattr(polars, dtype) if isinstance(dtype, str) else dtype
    if cells.dtype.kind in "mM":
        zone = getattr(dtype, "time_zone", None)
        cells = cells if zone_of(cells) is None else cells.dt.tz_convert("UTC").dt.tz_localize(None)
        series = polars.Series(cells.to_numpy())
        series = series.dt.replace_time_zone("UTC").dt.convert_time_zone(zone) if zone else series
        return series if dtype is None else series.cast(dtype)
    if is_object(cells.dtype):
        return polars.Series([None if is_missing(cell) else cell for cell in cells], dtype=dtype, strict=False)
    series = polars.Series(cells.to_numpy()).fill_nan(None)
    return series if dtype is None else series.cast(dtype)


def strings_of(cells):
    """The string dtype of polars."""
    return importlib.import_module("polars").String


def datetimes(cells, zone):
    """The date and time dtype of polars in microseconds."""
    return importlib.import_module("polars").Datetime("us", zone)
