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


DATES, COMPLEX = (np.datetime64, np.timedelta64), (complex, np.complexfloating)
"""Types whose cells numpy would read as real numbers."""


def declares_levels(dtype):
    """Whether a dtype says which levels there are."""
    return dtype.kind == "b" or (isinstance(dtype, pd.CategoricalDtype) and len(dtype.categories) > 0)


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


def zone_of(cells):
    """The time zone of dates; None where they have none."""
    dtype = getattr(cells.dtype, "pyarrow_dtype", cells.dtype)
    if not is_object(dtype):
        return getattr(dtype, "tz", None)
    first = next((cell for cell in cells if not is_missing(cell)), None)
    return getattr(first, "tzinfo", None)
