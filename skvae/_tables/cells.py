"""What a single cell is, and what the cells of one column are by their dtype and types."""

import datetime
import reprlib
from decimal import Decimal

import numpy as np
import pandas as pd


def is_number(cell):
    """Whether one cell is a real number, however large; a missing one is."""
    if isinstance(cell, str | bytes | np.datetime64 | np.timedelta64 | complex | np.complexfloating):
        return False
    try:
        float(np.nan if is_missing(cell) else cell)
    except OverflowError:
        return True
    except (TypeError, ValueError):
        return False
    return True


def is_readable(cell):
    """Whether one cell is a number or the text of one."""
    if not isinstance(cell, str | bytes):
        return is_number(cell)
    try:
        float(cell)
    except ValueError:
        return False
    return True


def is_missing(cell):
    """Whether one cell is a hole: None, NaN, pd.NA or NaT."""
    if isinstance(cell, Decimal):
        return cell.is_nan()  # one that signals cannot be compared
    return cell is None or cell is pd.NA or cell is pd.NaT or (isinstance(cell, float | np.floating) and cell != cell)


def is_infinite(cell):
    """Whether one cell is a number beyond float64, or the text of one."""
    if not is_readable(cell):
        return False
    try:
        return not is_missing(cell) and abs(float(cell)) == np.inf
    except OverflowError:
        return True


def is_sequence(cell):
    """Whether something holds others, which is what rows do and cells do not."""
    return hasattr(cell, "__len__") and not isinstance(cell, str | bytes)


def is_date(cell):
    """Whether one cell is a date or a span of time, which numpy would read as a number."""
    return isinstance(cell, np.datetime64 | np.timedelta64)


def shown(cell):
    """How messages show a cell, however long."""
    if isinstance(cell, datetime.date | datetime.timedelta | np.datetime64 | np.timedelta64):
        return str(cell)
    try:
        return reprlib.repr(cell.item() if isinstance(cell, np.generic) else cell)
    except ValueError:
        return f"an integer of {cell.bit_length()} bits"


DATES_OF_NUMPY, COMPLEX = (np.datetime64, np.timedelta64), (complex, np.complexfloating)
"""Types whose cells numpy would read as real numbers."""


def is_object(dtype):
    """Whether cells of a dtype are Python objects of any type."""
    return isinstance(dtype, np.dtype) and dtype.kind == "O"


def zone_of(cells):
    """The time zone of dates; None where they have none."""
    dtype = getattr(cells.dtype, "pyarrow_dtype", cells.dtype)
    if not is_object(dtype):
        return getattr(dtype, "tz", None)
    first = next((cell for cell in cells if not is_missing(cell)), None)
    return getattr(first, "tzinfo", None)
