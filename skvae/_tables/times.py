"""Times and spans as numbers: the unit that cells are whole numbers of, and the clocks of time zones."""

import datetime

import numpy as np
import pandas as pd

from skvae._tables.cells import is_date, is_missing, is_object, zone_of

TIMES = {"day": 86_400_000_000, "hour": 3_600_000_000, "minute": 60_000_000, "second": 1_000_000, "microsecond": 1}
"""Microseconds of the units that dates are counted in: the longest that all training cells are whole numbers of."""

LONGEST_GAP = 2 * TIMES["hour"]
"""How far clocks are put forward at most: where that is at midnight, a day begins later."""

TOO_FAR = pd.errors.OutOfBoundsDatetime, OverflowError, NotImplementedError
"""What pandas raises where dates are farther than it counts."""


def microseconds(cells, are_spans=False):
    """Microseconds of dates, since 1970 in UTC, or of spans (n,), NaN where there are none.

    Dates with and without a zone in one column, and those that microseconds do not reach, are errors.
    """
    if is_object(cells.dtype) or not isinstance(cells.dtype, np.dtype | pd.DatetimeTZDtype):
        zones = with_zone(cells) if is_object(cells.dtype) else ()
        if len(set(zones)) > 1:
            raise ValueError("dates with and without a time zone")
        cells = cells.astype(object)
        cells = pd.to_timedelta(cells) if are_spans else pd.to_datetime(cells, utc=zone_of(cells) is not None)
    if zone_of(cells) is not None:
        cells = cells.dt.tz_convert("UTC").dt.tz_localize(None)
    ticks = cells.dt.as_unit("us").to_numpy("m8[us]" if cells.dtype.kind == "m" else "M8[us]").astype(np.int64)
    return np.where(cells.isna(), np.nan, ticks.astype(np.float64))


def with_zone(cells):
    """Whether each date that is there has a time zone."""
    return [getattr(cell, "tzinfo", None) is not None for cell in cells if not is_missing(cell)]


def first_odd(cells, is_odd):
    """The row of the first cell that is there and passes a test; None where none does."""
    return next((row for row, cell in enumerate(cells) if not is_missing(cell) and is_odd(cell)), None)


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
