"""Columns of polars as columns of pandas, and back."""

import importlib

import numpy as np
import pandas as pd

from skvae._tables.cells import is_missing, is_object, zone_of
from skvae._tables.limits import clipped, decimals


def is_of_polars(cells):
    """Whether a Series is one of polars."""
    return type(cells).__module__.startswith("polars")


def filled_series(cells, missing, values, others):
    """A Series with its missing cells (n,) taken from another one; an Enum is given the ``values()`` that it lacks.

    ``others(dtype)`` is that other one, of a dtype.
    """
    if type(cells.dtype).__name__ == "Enum":
        cells = with_values(cells, values())
    return cells.zip_with(type(cells)(~missing), others(cells.dtype))


def with_values(cells, values):
    """A polars Series of an Enum that has these values too."""
    known = cells.dtype.categories.to_list()
    new = [value for value in dict.fromkeys(map(str, values)) if value not in known]
    return cells.cast(importlib.import_module("polars").Enum([*known, *new])) if new else cells


def as_pandas(cells):
    """A Series of either library as one of pandas."""
    return from_polars(cells) if is_of_polars(cells) else cells


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
