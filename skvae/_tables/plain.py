"""Cells, column names and dtypes as plain values, for what is stored, and back.

Plain are None, booleans, numbers, texts, bytes, and lists and tuples of these. Anything else that a cell or a name can
be becomes a dict of one item, the name of its type and what it is made from.
"""

import datetime
import importlib
from decimal import Decimal
from fractions import Fraction
from uuid import UUID

import numpy as np
import pandas as pd

AS_THEY_ARE = {type(None), bool, int, float, str, bytes}
"""Types of values that are plain."""


def ticks(time):
    """A time of pandas as a whole number of its unit, the unit, and its zone."""
    zone = getattr(time, "tz", None)
    naive = time if zone is None else time.tz_convert("UTC").tz_localize(None)
    return [int(naive.to_numpy().astype(np.int64)), time.unit, None if zone is None else str(zone)]


def timestamp(number, unit, zone):
    """The time of pandas that ``ticks`` says."""
    time = pd.Timestamp(np.datetime64(number, unit))
    return time if zone is None else time.tz_localize("UTC").tz_convert(zone)


def clock(time):
    """A date and time of Python as texts, with the zone beside it."""
    return [time.replace(tzinfo=None).isoformat(), time.fold, None if time.tzinfo is None else str(time.tzinfo)]


def at_clock(text, fold, zone):
    """The date and time that ``clock`` says."""
    return datetime.datetime.fromisoformat(text).replace(fold=fold, tzinfo=None if zone is None else zone_named(zone))


def zone_named(name):
    """The time zone of a name, as pandas reads it."""
    return pd.DatetimeTZDtype("us", name).tz


def arrow_bytes(dtype):
    """A dtype of pandas on pyarrow as bytes."""
    arrow = importlib.import_module("pyarrow")
    return arrow.schema([arrow.field("", dtype.pyarrow_dtype)]).serialize().to_pybytes()


def arrow_dtype(stored):
    """The dtype that ``arrow_bytes`` says."""
    arrow = importlib.import_module("pyarrow")
    return pd.ArrowDtype(arrow.ipc.read_schema(arrow.py_buffer(stored)).field(0).type)


def same_zone(one, other):
    """Whether two time zones are as far from UTC in winter and in summer."""
    days = [datetime.datetime(2020, month, 1) for month in (1, 7)]
    return [one.utcoffset(day) for day in days] == [other.utcoffset(day) for day in days]


def labels_of(index):
    """Labels of pandas as their values, their dtype, and their name."""
    return [plain(index.tolist()), plain(index.dtype), plain(index.name)]


def labels(values, dtype, name):
    """The labels that ``labels_of`` says."""
    return pd.Index(unplain(values), dtype=unplain(dtype), name=unplain(name), tupleize_cols=False)


def categories_of(dtype):
    """A categorical dtype as its categories, their dtype and whether they have an order."""
    return [plain(dtype.categories.tolist()), plain(dtype.categories.dtype), bool(dtype.ordered)]


def categorical_dtype(categories, dtype, ordered):
    """The dtype that ``categories_of`` says."""
    return pd.CategoricalDtype(pd.Index(unplain(categories), dtype=unplain(dtype), tupleize_cols=False), ordered)


TYPES = {
    pd.Timestamp: (ticks, lambda stored: timestamp(*stored)),
    pd.Timedelta: (ticks, lambda stored: pd.Timedelta(np.timedelta64(*stored[:2]))),
    pd.Period: (
        lambda period: [period.ordinal, period.freqstr],
        lambda stored: pd.Period(ordinal=stored[0], freq=stored[1]),
    ),
    pd.Interval: (
        lambda interval: [plain(interval.left), plain(interval.right), interval.closed],
        lambda stored: pd.Interval(*map(unplain, stored)),
    ),
    datetime.datetime: (clock, lambda stored: at_clock(*stored)),
    datetime.date: (datetime.date.isoformat, datetime.date.fromisoformat),
    datetime.time: (datetime.time.isoformat, datetime.time.fromisoformat),
    datetime.timedelta: (
        lambda span: [span.days, span.seconds, span.microseconds],
        lambda stored: datetime.timedelta(*stored),
    ),
    Decimal: (str, Decimal),
    Fraction: (lambda number: [number.numerator, number.denominator], lambda stored: Fraction(*stored)),
    UUID: (str, UUID),
    complex: (lambda number: [number.real, number.imag], lambda stored: complex(*stored)),
    frozenset: (lambda values: plain(list(values)), lambda stored: frozenset(unplain(stored))),
    dict: (
        lambda values: [[plain(key), plain(value)] for key, value in values.items()],
        lambda stored: dict(map(unplain, stored)),
    ),
    pd.ArrowDtype: (arrow_bytes, arrow_dtype),
    pd.CategoricalDtype: (categories_of, lambda stored: categorical_dtype(*stored)),
    pd.StringDtype: (
        lambda dtype: [dtype.storage, dtype.na_value is pd.NA],
        lambda stored: pd.StringDtype(stored[0], na_value=pd.NA if stored[1] else np.nan),
    ),
}
"""What values of a type are made from, and how, by the type."""

OF_POLARS = {
    "Datetime": lambda dtype: [dtype.time_unit, dtype.time_zone],
    "Duration": lambda dtype: [dtype.time_unit],
    "Decimal": lambda dtype: [dtype.precision, dtype.scale],
    "Enum": lambda dtype: [dtype.categories.to_list()],
}
"""What dtypes of polars that have arguments are made from, by their names."""

MAKERS = {
    **{kind.__name__: make for kind, (_, make) in TYPES.items()},
    "Index": lambda stored: labels(*stored),
    "zone": zone_named,
    "dtype": pd.api.types.pandas_dtype,
}
"""How values are made again, by the name of their type."""


def plain(value):
    """A cell, a name, a dtype, or a list or dict of such as a plain value; what cannot be one stays as it is."""
    if type(value) in AS_THEY_ARE:
        return value
    if type(value) is list:
        return value if set(map(type, value)) <= AS_THEY_ARE else [plain(part) for part in value]
    if type(value) is tuple:
        return tuple(plain(part) for part in value)
    if isinstance(value, np.dtype | pd.api.extensions.ExtensionDtype):
        named = checked(value, {"dtype": str(value)})
        if named is not value:
            return named
    if type(value) in TYPES:
        return checked(value, {type(value).__name__: TYPES[type(value)][0](value)})
    if isinstance(value, pd.Index):
        return {"Index": labels_of(value)}
    if isinstance(value, datetime.tzinfo):
        return checked(value, {"zone": str(value)})
    name = type(value).__name__
    if type(value).__module__.startswith("polars") and name in OF_POLARS:
        return {f"polars.{name}": OF_POLARS[name](value)}
    return value


def checked(value, stored):
    """A plain form of a value if it says all of it, else the value."""
    try:
        again = unplain(stored)
        same = same_zone(again, value) if isinstance(value, datetime.tzinfo) else again == value
    except (TypeError, ValueError, KeyError, NotImplementedError):
        return value
    return stored if same else value


def unplain(stored):
    """What ``plain`` has made a plain value of."""
    if type(stored) is tuple:
        return tuple(unplain(part) for part in stored)
    if type(stored) is list:
        return stored if set(map(type, stored)) <= AS_THEY_ARE else [unplain(part) for part in stored]
    if type(stored) is not dict:
        return stored
    ((name, made_from),) = stored.items()
    if name.startswith("polars."):
        return getattr(importlib.import_module("polars"), name.removeprefix("polars."))(*made_from)
    return MAKERS[name](made_from)


class StoredPlainly:
    """What is stored as plain values: pickles need no class of a cell, and skops loads what it dumps."""

    def __getstate__(self):
        return {name: plain(value) for name, value in vars(self).items()}

    def __setstate__(self, state):
        vars(self).update((name, unplain(value)) for name, value in state.items())
