"""What one column of a table holds: cells -> numbers with holes -> cells, of pandas and polars."""

import datetime
import importlib
from dataclasses import dataclass, replace
from decimal import Decimal
from fractions import Fraction
from functools import partial

import numpy as np
import pandas as pd

from skvae._columns import in_words, is_date, is_missing, is_number, is_readable
from skvae._limits import clipped, decimals, holds_integers, named, time_limits
from skvae._plain import StoredPlainly

TIMES = {"day": 86_400_000_000, "hour": 3_600_000_000, "minute": 60_000_000, "second": 1_000_000, "microsecond": 1}
"""Microseconds of the units that dates are counted in: the longest that all training cells are whole numbers of."""

LONGEST_GAP = 2 * TIMES["hour"]
"""How far clocks are put forward at most: where that is at midnight, a day begins later."""

LEVELS = "levels", "ordered", "boolean"
"""Kinds of columns whose numbers are those of levels."""

FEW_ROWS = 4096
"""Most cells of a column of texts that are looked up one by one."""

TOO_FAR = pd.errors.OutOfBoundsDatetime, OverflowError, NotImplementedError
"""What pandas raises where dates are farther than it counts."""

LARGEST_DENOMINATOR = 10**9
"""Fractions of whole numbers up to this one are told apart in float64."""

DATES, COMPLEX = (np.datetime64, np.timedelta64), (complex, np.complexfloating)
"""Types whose cells numpy would read as real numbers."""

PLAIN = {
    "date": lambda time: time.date(),
    "datetime": lambda time: time.to_pydatetime(),
    "timedelta": lambda span: span.to_pytimedelta(),
    "Decimal": lambda number: Decimal(str(number)),
    "Fraction": lambda number: Fraction(number).limit_denominator(LARGEST_DENOMINATOR),
}
"""Cells of object columns whose type is not that of the numbers they stand for, by the name of that type."""


@dataclass
class Column(StoredPlainly):
    """One column: its label, its dtype and what it holds.

    ``kind`` is "real" or "integer" numbers, "boolean", "levels" without or "ordered" levels with an order, "time" or
    "span" (a difference of times), or "empty" where no training cell is there. ``levels`` are those that training rows
    have, in the order of their numbers. ``categorical`` is a description of a categorical dtype. ``zone`` is that of
    times, ``plain`` a key of PLAIN and ``unit`` one of TIMES; ``low`` and ``high`` bound what training cells of whole
    numbers and times were. Times are counted in UTC or ``by_wall_clock`` of their zone, from ``phase`` microseconds
    before 1970 on. ``told`` is whether it was said that levels of later rows are not learned.
    """

    label: object
    dtype: object
    kind: str
    levels: list | None = None
    categorical: dict | None = None
    zone: object = None
    plain: str | None = None
    unit: str = "microsecond"
    by_wall_clock: bool = False
    phase: int = 0
    told: bool = False
    low: float = -np.inf
    high: float = np.inf

    @property
    def reads_otherwise(self):
        """Whether its cells are read as something else than numbers."""
        return self.has_levels or self.kind in ("time", "span")

    def reads(self, kind):
        """Whether numbers of a plain dtype, or booleans, are those that it reads them as."""
        return (self.kind == "boolean") == (kind == "boolean") and self.kind in ("real", "integer", "boolean")

    @property
    def bounded(self):
        """Whether draws stay within what training cells were."""
        return self.kind in ("integer", "time", "span")

    @property
    def has_levels(self):
        """Whether its numbers are those of levels."""
        return self.kind in LEVELS

    @classmethod
    def of(cls, cells, label, dtype, as_levels, declared=False):
        """What the training cells, a pandas Series, are; ``as_levels`` takes numbers for levels too.

        Levels are those that the cells have or, if they are ``declared``, all that their dtype has.
        """
        column = cls(label, dtype, kind_of(cells, declared), categorical=described(cells.dtype))
        if column.kind == "empty":
            return column
        if column.kind == "boolean":
            return replace(column, levels=[False, True])
        if column.kind in LEVELS or as_levels:
            kind = "ordered" if column.kind == "ordered" else "levels"
            levels = column.categorical["categories"] if declared and column.categorical else in_order(cells)
            return replace(column, kind=kind, levels=levels)
        if is_object(cells.dtype):
            first = type(cells[cells.first_valid_index()]).__name__
            column.plain = first if first in PLAIN else None
        if column.kind in ("time", "span"):
            column = column._counted(cells)
        if column.bounded:
            numbers = column.encode(cells)
            column.low, column.high = float(np.nanmin(numbers)), float(np.nanmax(numbers))
        return column

    def _counted(self, cells):
        """The same column of times or spans with the unit that its cells are counted in.

        Days in a zone are those on its clocks, of which some have 23 or 25 hours; hours are counted in UTC, where none
        comes twice, but from the phase of the zone's first hour on: it may be half past. Where clocks are put forward
        by half an hour, or were once, hours begin at different phases, and are those on the clocks.
        """
        ticks = microseconds(cells)
        unit = longest_unit(ticks)
        zone = zone_of(cells) if self.kind == "time" else None
        if zone is None:
            return replace(self, unit=unit)
        wall = wall_ticks(ticks, zone)
        if are_days(ticks, wall, zone):
            return replace(self, zone=zone, unit="day", by_wall_clock=True)
        phase = int((wall - ticks)[ticks == ticks][0]) % TIMES["hour"]
        shifted = longest_unit(ticks + phase)
        shown = longest_unit(wall)
        if TIMES[shown] > TIMES[shifted] and are_of_clocks(ticks, wall, zone):
            return replace(self, zone=zone, unit=shown, by_wall_clock=True)
        if TIMES[shifted] > TIMES[unit]:
            return replace(self, zone=zone, unit=shifted, phase=phase)
        return replace(self, zone=zone, unit=unit)

    @classmethod
    def plain_of(cls, label, dtype, kind, low, high):
        """What training cells of a plain dtype that lie between two ends are."""
        if kind == "integer":
            return cls(label, dtype, kind, low=low, high=high)
        return cls(label, dtype, kind, levels=[False, True] if kind == "boolean" else None)

    def encode(self, cells):
        """Numbers (n,) of a pandas Series, NaN where cells are missing; a level never seen has the next number."""
        if self.kind == "empty" or cells.isna().all():
            return np.full(len(cells), np.nan)
        if self.has_levels:
            if self.are_texts and len(cells) <= FEW_ROWS:
                return self._numbers_of_few(cells)
            codes, seen = pd.factorize(cells)
            levels, found = (pd.Index(each, dtype=object, tupleize_cols=False) for each in (self.levels, seen))
            known = levels.get_indexer(found)
            numbers = np.where(known < 0, len(self.levels), known).astype(np.float64)
            if cells.dtype.kind == "f":
                numbers[np.isinf(seen.to_numpy(np.float64))] = np.inf  # which is an error, as in other columns
            return np.append(numbers, np.nan)[codes]
        if self.kind in ("time", "span"):
            ticks = microseconds(cells)
            ticks = wall_ticks(ticks, self.zone) if self.by_wall_clock else ticks + self.phase
            return ticks / TIMES[self.unit]
        types = set(map(type, cells)) if is_object(cells.dtype) else set()
        if cells.dtype.kind == "c" or any(issubclass(each, (*DATES, *COMPLEX)) for each in types):
            raise TypeError("dates or complex numbers")
        return cells.to_numpy(dtype=np.float64, na_value=np.nan)

    def _numbers_of_few(self, cells):
        """The same where levels are texts, without an Index of pandas: a wide frame has thousands of columns."""
        place = {level: number for number, level in enumerate(self.levels)}
        numbers = np.array([place.get(cell, len(place)) for cell in cells.tolist()], dtype=np.float64)
        numbers[cells.isna().to_numpy()] = np.nan
        return numbers

    @property
    def are_texts(self):
        """Whether it has levels and all of them are texts."""
        return self.has_levels and set(map(type, self.levels)) == {str}

    @property
    def cells_in_words(self):
        """What cells must be to be read as this column's."""
        zone = f"in the time zone {self.zone}" if self.zone is not None else "without a time zone"
        return {"time": f"dates {zone}", "span": "spans of time"}.get(self.kind, "numbers")

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
        if self.kind in ("time", "span") and is_number(cell) and not is_missing(cell):
            raise TypeError("a number")
        if self.kind == "span":
            cell = pd.Timedelta(cell)
        elif self.kind == "time":
            cell = pd.Timestamp(cell)
            if self.zone is None and cell.tzinfo is not None:
                raise ValueError("a date with a time zone")
            if self.zone is not None and cell.tzinfo is None:
                cell = at_wall_clock(pd.Series([cell]), self.zone)[0]
        elif type(cell) is datetime.date and self.has_levels and cell not in self.levels:
            cell = pd.Timestamp(cell)  # as the levels of a column of days in polars are
        cells = pd.Series([cell], dtype=None if self.kind in ("span", "time") else object)
        return self.encode(without_signals(cells))[0]

    def decode(self, numbers, as_measured=False, dtype=None):
        """Cells as a pandas Series of what training cells were, from numbers (n,), NaN where cells are to be missing.

        Times are whole numbers of their unit, unless they are to stay ``as_measured``, and lie within what a dtype
        holds: that of the training data, unless another one is said.
        """
        missing = np.isnan(numbers)
        if self.kind == "empty":
            return pd.Series(np.full(len(numbers), None), dtype=object)
        if self.has_levels:
            place = np.clip(np.rint(np.where(missing, 0.0, numbers)), 0, len(self.levels) - 1).astype(int)
            levels = np.array([*self.levels, None], dtype=object)  # the None keeps levels that are tuples one cell each
            return with_holes(pd.Series(levels[place], dtype=object), missing)
        if self.kind in ("time", "span"):
            numbers, size = self._within(np.where(missing, 0.0, numbers), as_measured, dtype), TIMES[self.unit]
            ticks = np.rint(numbers * size) if as_measured else np.rint(numbers) * size
            return self._times(ticks.astype(np.int64) - self.phase).mask(missing)
        return pd.Series(np.rint(numbers) if self.kind == "integer" else numbers)

    def _within(self, numbers, as_measured, dtype):
        """Numbers of times or spans within what a dtype holds; within the training cells where these go farther."""
        dtype = self.dtype if dtype is None else dtype
        any_year = as_measured and self.zone is None and str(dtype).lower() != "object"
        ends = time_limits(dtype, of_python=self.kind == "time" and not any_year)
        low, high = (np.array(ends) + self.phase) / TIMES[self.unit]
        if str(dtype) == str(self.dtype):
            low, high = min(low, self.low), max(high, self.high)
        return np.clip(numbers, np.ceil(low), np.floor(high))

    def _times(self, ticks):
        """Times, in the zone of the training cells, or spans as a pandas Series, from microseconds."""
        if self.kind == "span":
            return pd.Series(ticks.view("m8[us]"))
        times = pd.Series(ticks.view("M8[us]"))
        if self.by_wall_clock:
            return at_wall_clock(times, self.zone)
        return times if self.zone is None else times.dt.tz_localize("UTC").dt.tz_convert(self.zone)

    def restored(self, numbers, dtype=None):
        """The same in a pandas dtype: that of the training data, unless another one is said."""
        dtype = self._training_dtype if dtype is None else dtype
        cells = self.decode(numbers, dtype=dtype)
        if is_object(dtype) and self.plain is not None:
            return pd.Series(self._plain_cells(cells), dtype=object)
        if is_of_numbers(cells) and hasattr(getattr(dtype, "pyarrow_dtype", None), "precision"):
            return pd.Series(decimals(cells, dtype.pyarrow_dtype), dtype=dtype)
        return (held(cells, dtype) if is_of_numbers(cells) else cells).astype(dtype)

    def in_polars(self, numbers, dtype=None, as_measured=False):
        """The same as a polars Series of a dtype or of its name; None takes what cells are."""
        cells = self.decode(numbers, as_measured, dtype)
        return to_polars(pd.Series(self._plain_cells(cells), dtype=object) if str(dtype) == "Object" else cells, dtype)

    def _plain_cells(self, cells):
        """Cells as Python objects of the type that those of training had, as far as numbers tell."""
        cells = [None if is_missing(cell) else cell for cell in cells.astype(object)]
        convert = PLAIN.get(self.plain)
        return cells if convert is None else [None if cell is None else convert(cell) for cell in cells]

    def is_twin_of(self, dtype):
        """Whether a dtype of pandas is that of training with missing cells, as Int64 is of int64."""
        name = str(dtype)
        return {"boolean": "bool"}.get(name, name.lower()) == str(self.dtype) != name

    @property
    def _training_dtype(self):
        if self.categorical is not None:
            categories = pd.Index(self.categorical["categories"], dtype=self.categorical["dtype"])
            return pd.CategoricalDtype(categories, self.categorical["ordered"])
        return pd.api.types.pandas_dtype(self.dtype)

    def filled(self, cells, missing, numbers):
        """A Series of pandas or polars with its missing cells (n,) taken from numbers (n,); the others as they are.

        A dtype of categories is given those that it lacks.
        """
        if not hasattr(cells, "iloc"):
            if type(cells.dtype).__name__ == "Enum":
                cells = with_values(cells, self.decode(numbers[missing]).tolist())
            return cells.zip_with(type(cells)(~missing), self.in_polars(numbers, cells.dtype))
        if isinstance(cells.dtype, pd.CategoricalDtype):
            new = pd.unique(self.decode(numbers[missing]).astype(object))
            new = [level for level in new if level not in cells.cat.categories]
            cells = cells.cat.add_categories(new) if new else cells
        filled = cells.mask(missing, self.restored(numbers, cells.dtype).set_axis(cells.index))
        return filled if filled.dtype == cells.dtype else filled.astype(cells.dtype)  # sparse ones become float64


def declares_levels(dtype):
    """Whether a dtype says which levels there are."""
    return dtype.kind == "b" or (isinstance(dtype, pd.CategoricalDtype) and len(dtype.categories) > 0)


def described(dtype):
    """A categorical dtype as plain values; None for another."""
    if not isinstance(dtype, pd.CategoricalDtype):
        return None
    categories = dtype.categories
    return {"categories": categories.tolist(), "dtype": in_words(categories.dtype, "pandas"), "ordered": dtype.ordered}


def with_holes(cells, missing):
    """A Series with missing cells, of object dtype where there are some."""
    return cells.astype(object).mask(missing, None) if missing.any() else cells


def is_of_numbers(cells):
    """Whether a Series of pandas holds numbers of numpy."""
    return isinstance(cells.dtype, np.dtype) and cells.dtype.kind in "iuf"


def held(cells, dtype):
    """Numbers, NaN where they are missing, within the limits of a dtype; whole ones where it holds integers."""
    numbers = cells.to_numpy(np.float64)
    if not holds_integers(dtype):
        return pd.Series(clipped(numbers, dtype))
    missing = np.isnan(numbers)
    numbers = clipped(np.where(missing, 0.0, numbers), dtype).astype("".join(map(str, named(dtype))))
    return pd.Series(pd.arrays.IntegerArray(numbers, missing)) if missing.any() else pd.Series(numbers)


def is_object(dtype):
    """Whether cells of a dtype are Python objects of any type."""
    return isinstance(dtype, np.dtype) and dtype.kind == "O"


def kind_of(cells, declared=False):
    """What a pandas Series holds, as ``Column.kind`` says; a dtype that declares levels says so without any cell."""
    dtype, kind = cells.dtype, getattr(cells.dtype, "kind", "O")
    if cells.isna().all() and not (declared and declares_levels(dtype)):
        return "empty"
    if isinstance(dtype, pd.CategoricalDtype):
        return "ordered" if dtype.ordered else "levels"
    named = {"b": "boolean", "i": "integer", "u": "integer", "f": "real", "M": "time", "m": "span"}.get(kind)
    if named is not None:
        return named
    if kind == "c":
        raise TypeError("complex numbers")
    there = cells[cells.notna()]
    if is_object(dtype) and any(isinstance(cell, COMPLEX) for cell in there):
        raise TypeError("complex numbers")
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
    """Microseconds of dates, since 1970 in UTC, or of spans (n,), NaN where there are none.

    Dates with and without a zone in one column, and those that microseconds do not reach, are errors.
    """
    if is_object(cells.dtype) or not isinstance(cells.dtype, np.dtype | pd.DatetimeTZDtype):
        span, zones = kind_of(cells) == "span", with_zone(cells) if is_object(cells.dtype) else ()
        if len(set(zones)) > 1:
            raise ValueError("dates with and without a time zone")
        cells = cells.astype(object)
        cells = pd.to_timedelta(cells) if span else pd.to_datetime(cells, utc=zone_of(cells) is not None)
    if zone_of(cells) is not None:
        cells = cells.dt.tz_convert("UTC").dt.tz_localize(None)
    ticks = cells.dt.as_unit("us").to_numpy("m8[us]" if cells.dtype.kind == "m" else "M8[us]").astype(np.int64)
    return np.where(cells.isna(), np.nan, ticks.astype(np.float64))


def with_zone(cells):
    """Whether each date that is there has a time zone."""
    return [getattr(cell, "tzinfo", None) is not None for cell in cells if not is_missing(cell)]


def first_odd(cells, kind, zone):
    """The row of the first cell that a column of numbers, or of dates with or without a zone, or of spans cannot hold.

    None where all are of this kind.
    """
    is_odd = {"time": partial(is_no_time, zone=zone), "span": is_no_span}.get(kind, is_no_number)
    return next((row for row, cell in enumerate(cells) if not is_missing(cell) and is_odd(cell)), None)


def is_no_number(cell):
    """Whether one cell is neither a number nor the text of one."""
    return not is_readable(cell)


def is_no_time(cell, zone):
    """Whether one cell is no date, or one without a zone where they have one or the other way round, or too far."""
    if isinstance(cell, np.timedelta64) or not (is_date(cell) or isinstance(cell, datetime.date)):
        return True
    return (getattr(cell, "tzinfo", None) is None) != (zone is None) or is_too_far(cell, zone)


def is_no_span(cell):
    """Whether one cell is no difference of times."""
    return not isinstance(cell, np.timedelta64 | datetime.timedelta)


def is_too_far(cell, zone):
    """Whether one date lies beyond what microseconds count, or beyond the clocks of a zone."""
    try:
        ticks = microseconds(pd.Series([cell], dtype=object))
        if zone is not None:
            wall_ticks(ticks, zone)
    except TOO_FAR:
        return True
    return False


def longest_unit(ticks):
    """The longest of TIMES that all microseconds are whole numbers of, NaN aside."""
    ticks = ticks[ticks == ticks]
    return next(name for name, size in TIMES.items() if not (ticks % size).any())


def wall_ticks(ticks, zone):
    """Microseconds since 1970 on the clocks of a zone (n,), from those in UTC, NaN where there are none."""
    missing = np.isnan(ticks)
    times = pd.Series(np.where(missing, 0.0, ticks).astype(np.int64).view("M8[us]"))
    wall = times.dt.tz_localize("UTC").dt.tz_convert(zone).dt.tz_localize(None)
    return np.where(missing, np.nan, wall.to_numpy("M8[us]").astype(np.int64).astype(np.float64))


def at_wall_clock(times, zone):
    """Times of a Series as a zone's clocks show them: the first of two, and the end of the gap that swallowed one."""
    twice = np.ones(len(times), dtype=bool)
    return times.dt.tz_localize(zone, nonexistent="shift_forward", ambiguous=twice)


def are_days(ticks, wall, zone):
    """Whether all times, in microseconds of UTC and of the zone's clocks, are those at which its days begin."""
    late = wall % TIMES["day"]
    begin = late > 0.0
    if (late > LONGEST_GAP).any():
        return False
    days = pd.Series((wall - late)[begin].astype(np.int64).view("M8[us]"))
    first = at_wall_clock(days, zone).dt.tz_convert("UTC").dt.tz_localize(None)
    return bool((first.to_numpy("M8[us]").astype(np.int64) == ticks[begin]).all())


def are_of_clocks(ticks, wall, zone):
    """Whether all times, in microseconds of UTC and of the zone's clocks, can be told by the clocks."""
    there = ~np.isnan(ticks)
    times = pd.Series(wall[there].astype(np.int64).view("M8[us]"))
    return bool((microseconds(at_wall_clock(times, zone)) == ticks[there]).all())


def with_values(cells, values):
    """A polars Series of an Enum that has these values too."""
    known = cells.dtype.categories.to_list()
    new = [value for value in dict.fromkeys(map(str, values)) if value not in known]
    return cells.cast(importlib.import_module("polars").Enum([*known, *new])) if new else cells


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
        return without_signals(pd.Series(X[:, j]))
    return without_signals(X.iloc[:, j].reset_index(drop=True) if hasattr(X, "iloc") else from_polars(X.to_series(j)))


def without_signals(cells):
    """A Series with holes for decimals that signal: pandas has an error where it looks whether these are missing."""
    if is_object(cells.dtype):
        try:
            cells.isna()
        except ArithmeticError:
            return pd.Series([None if is_missing(cell) else cell for cell in cells], dtype=object)
    return cells


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
    cells = of_64_bits(cells) if kind.endswith("Int128") else cells
    if cells.dtype.is_integer() and cells.null_count():
        return pd.Series(pd.arrays.IntegerArray(cells.fill_null(0).to_numpy(), cells.is_null().to_numpy().copy()))
    return pd.Series(cells.to_numpy())


def of_64_bits(cells):
    """Integers of 128 bits, which numpy has not, as those of 64, or as floats where these do not hold them."""
    polars = importlib.import_module("polars")
    shorter = cells.cast(polars.Int64, strict=False)
    return shorter if shorter.null_count() == cells.null_count() else cells.cast(polars.Float64)


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
        series = polars.Series([None if is_missing(cell) else cell for cell in cells], dtype=dtype, strict=False)
        return series if dtype is None or series.dtype == dtype else series.cast(dtype)
    if isinstance(dtype, polars.Enum):
        return polars.Series([None if is_missing(cell) else str(cell) for cell in cells], dtype=dtype)
    if isinstance(dtype, polars.Decimal):
        return polars.Series(decimals(cells, dtype), dtype=dtype)
    series = polars.Series(clipped(cells.to_numpy(), dtype)).fill_nan(None)
    return series if dtype is None else series.cast(dtype)


def strings_of(cells):
    """The string dtype of polars."""
    return importlib.import_module("polars").String


def datetimes(cells, zone):
    """The date and time dtype of polars in microseconds."""
    return importlib.import_module("polars").Datetime("us", zone)
