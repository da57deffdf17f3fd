"""What one column of a table holds: cells -> numbers with holes -> cells, of pandas and polars."""

import datetime
from dataclasses import dataclass, replace
from decimal import Decimal
from fractions import Fraction

import numpy as np
import pandas as pd

from skvae._tables.cells import COMPLEX, DATES, is_missing, is_number, is_object, kind_of, zone_of
from skvae._tables.frames.frame import in_words, without_signals
from skvae._tables.frames.polars import to_polars, with_values
from skvae._tables.limits import clipped, decimals, holds_integers, named, time_limits
from skvae._tables.plain import StoredPlainly
from skvae._tables.times import TIMES, are_days, are_of_clocks, at_wall_clock, longest_unit, microseconds, wall_ticks

LEVELS = "levels", "ordered", "boolean"
"""Kinds of columns whose numbers are those of levels."""

FEW_ROWS = 4096
"""Most cells of a column of texts that are looked up one by one."""

LARGEST_DENOMINATOR = 10**9
"""Fractions of whole numbers up to this one are told apart in float64."""

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
