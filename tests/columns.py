"""Columns of every dtype of pandas and polars, with holes where the dtype has them."""

import datetime
from decimal import Decimal
from fractions import Fraction

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa

N = 120
RNG = np.random.RandomState(0)
Z = RNG.normal(size=N)
WHOLE = np.rint(5 * Z).astype(int)
LEVELS = np.array(["lo", "mid", "hi"])[np.digitize(Z, [-0.5, 0.5])].tolist()
DAYS = pd.Timestamp("2020-03-01") + pd.to_timedelta(np.rint(100 * Z), unit="D")
SPANS = pd.to_timedelta(np.rint(100 * Z), unit="h")
HOLES = np.arange(N) % 6 == 3


def holed(cells):
    return [None if hole else cell for hole, cell in zip(HOLES, cells, strict=True)]


def arrow(cells, dtype):
    return pd.Series(cells, dtype=pd.ArrowDtype(dtype))


def pandas_columns():
    yes = holed((Z > 0).tolist())
    ordered = pd.CategoricalDtype(["never", "lo", "mid", "hi"], ordered=True)
    return {
        "int64": pd.Series(WHOLE),
        "int8": pd.Series(WHOLE.astype(np.int8)),
        "Int64": pd.Series(holed(WHOLE.tolist()), dtype="Int64"),
        "UInt8": pd.Series(holed(np.abs(WHOLE).tolist()), dtype="UInt8"),
        "float16": pd.Series(Z.astype(np.float16)),
        "float32": pd.Series(np.where(HOLES, np.nan, Z), dtype=np.float32),
        "Float64": pd.Series(holed(Z), dtype="Float64"),
        "sparse": pd.Series(pd.arrays.SparseArray(np.where(Z > 0, 0.0, Z))),
        "bool": pd.Series(Z > 0),
        "boolean": pd.Series(yes, dtype="boolean"),
        "object of booleans": pd.Series(yes, dtype=object),
        "object of texts": pd.Series(holed(LEVELS), dtype=object),
        "object of numbers": pd.Series(holed(Z.tolist()), dtype=object),
        "object of fractions": pd.Series([Fraction(int(100 * z), 100) for z in Z], dtype=object),
        "object of decimals": pd.Series([Decimal(f"{z:.2f}") for z in Z], dtype=object),
        "object of dates": pd.Series(holed([day.date() for day in DAYS]), dtype=object),
        "object of datetimes": pd.Series(holed([day.to_pydatetime() for day in DAYS]), dtype=object),
        "object of aware datetimes": pd.Series(holed(DAYS.tz_localize("UTC").to_pydatetime()), dtype=object),
        "object of timedeltas": pd.Series(holed([span.to_pytimedelta() for span in SPANS]), dtype=object),
        "object of times": pd.Series([datetime.time(abs(hour)) for hour in WHOLE], dtype=object),
        "object of many types": pd.Series([1, "a", 2.5, None, (1, 2), b"c"] * (N // 6), dtype=object),
        "str": pd.Series(holed(LEVELS), dtype="str"),
        "string": pd.Series(holed(LEVELS), dtype="string"),
        "category": pd.Series(pd.Categorical(holed(LEVELS), categories=["never", "hi", "mid", "lo"])),
        "category of numbers": pd.Series(pd.Categorical(holed(WHOLE.tolist()))),
        "category of objects": pd.Series(pd.Categorical(np.array(holed(LEVELS), dtype=object))),
        "category of intervals": pd.Series(pd.cut(Z, 4)),
        "ordered": pd.Series(holed(LEVELS), dtype=ordered),
        "datetime64": pd.Series(DAYS).mask(HOLES),
        "datetime64 in nanoseconds": pd.Series(DAYS.astype("M8[ns]") + pd.Timedelta("3h")),
        "datetime64 with a zone": pd.Series(DAYS.tz_localize("Europe/Berlin")).mask(HOLES),
        "timedelta64": pd.Series(SPANS).mask(HOLES),
        "period": pd.Series(DAYS.to_period("M")),
        "arrow int": arrow(holed(WHOLE.tolist()), pa.int64()),
        "arrow int8": arrow(holed(WHOLE.tolist()), pa.int8()),
        "arrow double": arrow(holed(Z), pa.float64()),
        "arrow float": arrow(holed(Z), pa.float32()),
        "arrow decimal": arrow(holed([Decimal(f"{z:.2f}") for z in Z]), pa.decimal128(20, 2)),
        "arrow bool": arrow(yes, pa.bool_()),
        "arrow string": arrow(holed(LEVELS), pa.string()),
        "arrow dictionary": pd.Series(pd.arrays.ArrowExtensionArray(pa.array(holed(LEVELS)).dictionary_encode())),
        "arrow date": arrow(holed([day.date() for day in DAYS]), pa.date32()),
        "arrow timestamp": arrow(holed(DAYS.tolist()), pa.timestamp("us")),
        "arrow timestamp with a zone": arrow(
            holed(DAYS.tz_localize("Europe/Berlin").tolist()), pa.timestamp("ns", tz="Europe/Berlin")
        ),
        "arrow duration": arrow(holed(SPANS.tolist()), pa.duration("ms")),
        "constant text": pd.Series(["same"] * N),
        "constant number": pd.Series([3] * N),
    }


def polars_columns():
    times = holed([day.to_pydatetime() for day in DAYS])
    return {
        "Int64": pl.Series(holed(WHOLE.tolist())),
        "Int8": pl.Series(holed(WHOLE.tolist()), dtype=pl.Int8),
        "UInt8": pl.Series(np.abs(WHOLE).astype(np.uint8)),
        "Float32": pl.Series(holed(Z.tolist()), dtype=pl.Float32),
        "Float64 with NaN": pl.Series(np.where(HOLES, np.nan, Z)),
        "Decimal": pl.Series(holed(WHOLE.tolist()), dtype=pl.Decimal(20, 2)),
        "Boolean": pl.Series(holed((Z > 0).tolist())),
        "String": pl.Series(holed(LEVELS)),
        "Categorical": pl.Series(holed(LEVELS), dtype=pl.Categorical),
        "Enum": pl.Series(holed(LEVELS), dtype=pl.Enum(["never", "lo", "mid", "hi"])),
        "Date": pl.Series(holed([day.date() for day in DAYS])),
        "Datetime": pl.Series(times),
        "Datetime in milliseconds": pl.Series(times, dtype=pl.Datetime("ms")),
        "Datetime with a zone": pl.Series(times).dt.replace_time_zone("UTC").dt.convert_time_zone("Asia/Tokyo"),
        "Duration": pl.Series(holed([span.to_pytimedelta() for span in SPANS])),
        "Time": pl.Series([datetime.time(abs(int(hour))) for hour in WHOLE]),
    }
