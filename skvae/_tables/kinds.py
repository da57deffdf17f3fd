"""The kinds of columns, one small class each, and the table KINDS.

A further kind is a class here and a line in the table: it says which cells it ``holds``, what their numbers are, and
what cells numbers stand for.
"""

import datetime
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from skvae._tables.cells import COMPLEX, is_date, is_infinite, is_missing, is_number, is_object, is_readable, zone_of
from skvae._tables.column import Column, described, floats, number_of_cell, with_holes
from skvae._tables.decimals import EPS
from skvae._tables.exchange import Exchanged
from skvae._tables.limits import named, time_limits
from skvae._tables.names import objects
from skvae._tables.times import (
    TIMES,
    are_days,
    are_of_clocks,
    at_wall_clock,
    is_no_span,
    is_no_time,
    longest_unit,
    microseconds,
    wall_ticks,
)

FEW_ROWS = 4096
"""Most cells of a column of texts that are looked up one by one."""


class Numbers(Column):
    """A column of numbers of any size."""

    letters = "f", "i"

    def is_odd(self, cell):
        return not is_readable(cell)

    def _encode(self, cells):
        return floats(cells)

    def number_of(self, cell):
        return number_of_cell(self, cell)


@dataclass
class Real(Numbers):
    """Real numbers, of so many ``decimals`` where all have few, and the ends of those ``seen``."""

    decimals: int | None = None
    seen: tuple = (-np.inf, np.inf)

    kind, letter = "real", "f"

    @property
    def precision(self):
        """How far its numbers may be from decimals, relatively; None where no decimals are looked for."""
        return EPS.get(named(self.dtype) or ("float", 64))

    @classmethod
    def holds(cls, cells, there):
        return letter_of(cells) == "f" or (letter_of(cells) == "O" and all_are(is_number, there))

    def decode(self, numbers, as_measured=False, dtype=None):
        return pd.Series(numbers)


class Integer(Numbers):
    """Whole numbers of an integer dtype; draws stay between the training cells."""

    kind, noun, letter = "integer", "whole numbers", "i"
    bounded = is_whole = True

    @classmethod
    def holds(cls, cells, there):
        return letter_of(cells) in ("i", "u")

    def decode(self, numbers, as_measured=False, dtype=None):
        return pd.Series(np.rint(numbers))

    def shown(self, numbers, as_measured=False):
        return objects(int(cell) if cell.is_integer() else cell for cell in numbers.tolist())


@dataclass
class OfLevels(Column):
    """A column whose numbers are those of ``levels``: those that training rows have, in the order of their numbers."""

    levels: list | None = None

    has_levels = reads_otherwise = True
    family = None

    @property
    def are_texts(self):
        """Whether all levels are texts."""
        return set(map(type, self.levels)) == {str}

    @classmethod
    def of(cls, cells, label, dtype, declared):
        column = cls(label, dtype, described(cells.dtype))
        return replace(column, levels=column.levels_of(cells, declared))

    def levels_of(self, cells, declared):
        """The levels of training cells, or all that their dtype declares."""
        return self.categorical["categories"] if declared and self.categorical else in_order(cells)

    def accepts(self, cells):
        return True

    def _encode(self, cells):
        if self.are_texts and len(cells) <= FEW_ROWS:
            return self._numbers_of_few(cells)
        codes, seen = pd.factorize(cells)
        levels, found = (pd.Index(each, dtype=object, tupleize_cols=False) for each in (self.levels, seen))
        known = levels.get_indexer(found)
        numbers = np.where(known < 0, len(self.levels), known).astype(np.float64)
        if cells.dtype.kind == "f":
            numbers[np.isinf(seen.to_numpy(np.float64))] = np.inf  # which is an error, as in other columns
        return np.append(numbers, np.nan)[codes]

    def _numbers_of_few(self, cells):
        """Numbers (n,) where levels are texts, without an Index of pandas: a wide frame has thousands of columns."""
        place = {level: number for number, level in enumerate(self.levels)}
        numbers = np.array([place.get(cell, len(place)) for cell in cells.tolist()], dtype=np.float64)
        numbers[cells.isna().to_numpy()] = np.nan
        return numbers

    def number_of(self, cell):
        if type(cell) is datetime.date and cell not in self.levels:
            cell = pd.Timestamp(cell)  # as the levels of a column of days in polars are
        return number_of_cell(self, cell)

    def unseen(self, numbers):
        return numbers >= len(self.levels)

    def exchanged(self):
        if self.are_texts:
            return Exchanged(texts=self.levels)
        if not all(map(is_number_or_boolean, self.levels)):
            odd = next(level for level in self.levels if not is_number_or_boolean(level))
            raise ValueError(f"its levels are neither all texts nor all numbers: {odd!r} ({type(odd).__name__})")
        return Exchanged(values=np.array(self.levels, dtype=np.float64))

    @property
    def stand_in(self):
        """A text that is none of the levels and stands for one that training rows do not have."""
        text = "a level never seen"
        while text in self.levels:
            text += "!"
        return text

    def decode(self, numbers, as_measured=False, dtype=None):
        missing = np.isnan(numbers)
        place = np.clip(np.rint(np.where(missing, 0.0, numbers)), 0, len(self.levels) - 1).astype(int)
        levels = np.array([*self.levels, None], dtype=object)  # the None keeps levels that are tuples one cell each
        return with_holes(pd.Series(levels[place], dtype=object), missing)


class Boolean(OfLevels):
    """True and false, both of which it always has; their numbers are also the probability of true."""

    kind, noun, family, likelihood = "boolean", "true or false", "booleans", "categorical"
    letter, letters = "b", ("b",)

    @classmethod
    def holds(cls, cells, there):
        return letter_of(cells) == "b" or (letter_of(cells) == "O" and all_are(is_boolean, there))

    @classmethod
    def plain_of(cls, label, dtype, low, high):
        return cls(label, dtype, levels=[False, True])

    def levels_of(self, cells, declared):
        return [False, True]


class Levels(OfLevels):
    """Texts, categories and whatever else are levels without an order."""

    kind, needs_levels, likelihood = "levels", True, "categorical"

    @classmethod
    def holds(cls, cells, there):
        if isinstance(cells.dtype, pd.CategoricalDtype):
            return not cells.dtype.ordered
        return pd.api.types.is_string_dtype(cells.dtype) and not is_object(cells.dtype)


class Ordered(OfLevels):
    """Categories with an order."""

    kind, needs_levels, likelihood = "ordered", True, "ordinal"

    @classmethod
    def holds(cls, cells, there):
        return isinstance(cells.dtype, pd.CategoricalDtype) and cells.dtype.ordered


@dataclass
class Time(Column):
    """Dates, counted in a ``unit`` of TIMES, in UTC or ``by_wall_clock`` of their ``zone``.

    Counting begins ``phase`` microseconds before 1970.
    """

    unit: str = "microsecond"
    zone: object = None
    by_wall_clock: bool = False
    phase: int = 0

    kind, noun, reader = "time", "dates", "to_datetime"
    family = None
    bounded = reads_otherwise = are_dates = True

    @classmethod
    def holds(cls, cells, there):
        if letter_of(cells) != "O":
            return letter_of(cells) == "M"
        return all_are(is_time, there) and not isinstance(there.iloc[0], np.timedelta64)

    @property
    def cells_in_words(self):
        """What cells must be to be read as this column's."""
        return f"dates in the time zone {self.zone}" if self.zone is not None else "dates without a time zone"

    def learned(self, cells):
        """The column with the unit that its cells are counted in.

        Days in a zone are those on its clocks, of which some have 23 or 25 hours; hours are counted in UTC, where none
        comes twice, but from the phase of the zone's first hour on: it may be half past. Where clocks are put forward
        by half an hour, or were once, hours begin at different phases, and are those on the clocks.
        """
        ticks = microseconds(cells)
        unit, zone = longest_unit(ticks), zone_of(cells)
        if zone is None:
            return replace(self, unit=unit)
        wall = wall_ticks(ticks, zone)
        if are_days(ticks, wall, zone):
            return replace(self, zone=zone, unit="day", by_wall_clock=True)
        phase = int((wall - ticks)[ticks == ticks][0]) % TIMES["hour"]
        shifted, on_clocks = longest_unit(ticks + phase), longest_unit(wall)
        if TIMES[on_clocks] > TIMES[shifted] and are_of_clocks(ticks, wall, zone):
            return replace(self, zone=zone, unit=on_clocks, by_wall_clock=True)
        if TIMES[shifted] > TIMES[unit]:
            return replace(self, zone=zone, unit=shifted, phase=phase)
        return replace(self, zone=zone, unit=unit)

    def accepts(self, cells):
        return isinstance(self, kind_of(cells)) and (zone_of(cells) is None) == (self.zone is None)

    def is_odd(self, cell):
        return is_no_time(cell, self.zone)

    def _encode(self, cells):
        ticks = microseconds(cells)
        ticks = wall_ticks(ticks, self.zone) if self.by_wall_clock else ticks + self.phase
        return ticks / TIMES[self.unit]

    def exchanged(self):
        if self.by_wall_clock:
            raise ValueError(f"it is counted on the clocks of the time zone {self.zone}")
        return in_microseconds(self, of_python=True)

    def number_of(self, cell):
        """The number of one cell; dates may be texts, and are in the zone of the training cells unless they say so."""
        refuse_numbers(cell)
        time = pd.Timestamp(cell)
        if self.zone is None and time.tzinfo is not None:
            raise ValueError("a date with a time zone")
        if self.zone is not None and time.tzinfo is None:
            time = at_wall_clock(pd.Series([time]), self.zone)[0]
        return number_of_cell(self, time, dtype=None)

    def decode(self, numbers, as_measured=False, dtype=None):
        missing = np.isnan(numbers)
        any_year = as_measured and self.zone is None and str(dtype or self.dtype).lower() != "object"
        numbers = within(self, np.where(missing, 0.0, numbers), dtype, of_python=not any_year)
        times = pd.Series((in_ticks(self.unit, numbers, as_measured) - self.phase).view("M8[us]"))
        if self.by_wall_clock:
            times = at_wall_clock(times, self.zone)
        elif self.zone is not None:
            times = times.dt.tz_localize("UTC").dt.tz_convert(self.zone)
        return times.mask(missing)


@dataclass
class Span(Column):
    """Differences of times, counted in a ``unit`` of TIMES."""

    unit: str = "microsecond"

    kind, noun, reader, cells_in_words = "span", "spans of time", "to_timedelta", "spans of time"
    family, phase = None, 0
    bounded = reads_otherwise = True

    @classmethod
    def holds(cls, cells, there):
        if letter_of(cells) != "O":
            return letter_of(cells) == "m"
        if len(there) and isinstance(there.iloc[0], np.timedelta64):
            return all_are(is_time, there)
        return all_are(is_span, there)

    def learned(self, cells):
        return replace(self, unit=longest_unit(microseconds(cells, are_spans=True)))

    def accepts(self, cells):
        return isinstance(self, kind_of(cells))

    def is_odd(self, cell):
        return is_no_span(cell)

    def _encode(self, cells):
        return microseconds(cells, are_spans=True) / TIMES[self.unit]

    def exchanged(self):
        return in_microseconds(self, of_python=False)

    def number_of(self, cell):
        refuse_numbers(cell)
        return number_of_cell(self, pd.Timedelta(cell), dtype=None)

    def decode(self, numbers, as_measured=False, dtype=None):
        missing = np.isnan(numbers)
        numbers = within(self, np.where(missing, 0.0, numbers), dtype, of_python=False)
        return pd.Series(in_ticks(self.unit, numbers, as_measured).view("m8[us]")).mask(missing)


class Empty(Column):
    """A column of which no training cell is there: its cells are read as missing and written as such."""

    kind, is_empty, family = "empty", True, None

    @classmethod
    def holds(cls, cells, there):
        return len(there) == 0

    @classmethod
    def of(cls, cells, label, dtype, declared):
        return cls(label, dtype, described(cells.dtype))

    def accepts(self, cells):
        return True

    def _encode(self, cells):
        return np.where(cells.map(is_infinite), np.inf, np.nan)  # infinite ones are an error, as in other columns

    def number_of(self, cell):
        return np.nan

    def decode(self, numbers, as_measured=False, dtype=None):
        return pd.Series(np.full(len(numbers), None), dtype=object)


def letter_of(cells):
    """The letter of the dtype of a Series, none of categories, and "O" of others than numbers and times."""
    if isinstance(cells.dtype, pd.CategoricalDtype):
        return ""
    letter = getattr(cells.dtype, "kind", "O")
    return letter if letter in "biufcMm" else "O"


def all_are(test, cells):
    """Whether there are cells, and all of them pass a test."""
    return len(cells) > 0 and all(map(test, cells))


def is_boolean(cell):
    """Whether one cell is true or false."""
    return isinstance(cell, bool | np.bool_)


def is_number_or_boolean(cell):
    """Whether one cell is a number, or true or false."""
    return is_boolean(cell) or is_number(cell)


def is_time(cell):
    """Whether one cell is a date, or a difference of times of numpy."""
    return is_date(cell) or isinstance(cell, datetime.date)


def is_span(cell):
    """Whether one cell is a difference of times of Python or pandas."""
    return isinstance(cell, datetime.timedelta)


def in_ticks(unit, numbers, as_measured):
    """Microseconds, as int64, of numbers of a unit, whole ones of the unit unless they are ``as_measured``."""
    size = TIMES[unit]
    return (np.rint(numbers * size) if as_measured else np.rint(numbers) * size).astype(np.int64)


def within(column, numbers, dtype, of_python):
    """Numbers of times or spans within what a dtype holds; within the training cells where these go farther."""
    return np.clip(numbers, *ends_of_times(column, dtype, of_python))


def in_microseconds(column, of_python):
    """Times or spans of a column as microseconds, times since 1970 in UTC."""
    low, high = ends_of_times(column, None, of_python)
    return Exchanged(size=float(TIMES[column.unit]), phase=float(column.phase), whole=True, low=low, high=high)


def ends_of_times(column, dtype, of_python):
    """The least and the most number of times or spans that a dtype holds, or that training cells have."""
    dtype = column.dtype if dtype is None else dtype
    low, high = (np.array(time_limits(dtype, of_python)) + column.phase) / TIMES[column.unit]
    if str(dtype) == str(column.dtype):
        low, high = min(low, column.low), max(high, column.high)
    return np.ceil(low), np.floor(high)


def refuse_numbers(cell):
    """An error for numbers where times are asked for."""
    if is_number(cell) and not is_missing(cell):
        raise TypeError("a number")


def in_order(cells):
    """The levels of a Series: sorted where they can be compared, otherwise by type and text."""
    seen = pd.Series(pd.unique(cells)).dropna().to_numpy(object)
    if isinstance(cells.dtype, pd.CategoricalDtype):
        present = set(seen)
        return [level for level in cells.cat.categories.tolist() if level in present]
    try:
        return sorted(seen)
    except TypeError:
        return sorted(seen, key=lambda level: (type(level).__name__, str(level)))


def declares_levels(dtype):
    """Whether a dtype says which levels there are."""
    return dtype.kind == "b" or (isinstance(dtype, pd.CategoricalDtype) and len(dtype.categories) > 0)


def kind_of(cells, declared=False):
    """The class in KINDS of a pandas Series; a dtype that declares levels says so without any cell."""
    if cells.isna().all() and not (declared and declares_levels(cells.dtype)):
        return KINDS["empty"]
    there = cells[cells.notna()] if letter_of(cells) == "O" else cells
    if letter_of(cells) == "c" or (is_object(cells.dtype) and any(isinstance(cell, COMPLEX) for cell in there)):
        raise TypeError("complex numbers")
    others = (kind for kind in reversed(KINDS.values()) if not kind.is_empty)
    return next((kind for kind in others if kind.holds(cells, there)), KINDS["levels"])


def column_of_cells(cells, label, dtype, as_levels, declared=False):
    """The column of training cells, a pandas Series; ``as_levels`` takes numbers and times for levels too.

    Levels are those that the cells have or, if they are ``declared``, all that their dtype has.
    """
    kind = kind_of(cells, declared)
    if as_levels and not (kind.is_empty or kind.has_levels):
        kind = KINDS["levels"]
    return kind.of(cells, label, dtype, declared)


KINDS = {kind.kind: kind for kind in (Empty, Levels, Ordered, Real, Integer, Boolean, Time, Span)}
"""Kinds of columns by name. The last that holds the cells of a column is its kind; what none holds are levels."""
