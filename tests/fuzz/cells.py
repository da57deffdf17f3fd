"""Cells of every kind, and the columns of numpy, pandas and polars that hold them.

A kind is a function (rng, n) -> n cells, all there. ``REFUSED`` holds those that no table may have, with what the error
says of them.
"""

import datetime
import enum
import uuid
from decimal import Decimal
from fractions import Fraction

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa

WORDS = (
    "x",
    "Ulm",
    "",
    " ",
    "nan",
    "NA",
    "é",
    "日本",
    "🙂",
    "two words",
    "line\nbreak",
    "'quoted'",
    "x" * 300,
    "0",
    "-1.5",
    "nul\0",
)
NUMERALS = "1", "2.5", "-3", "1e3", "0"


class Colour(enum.Enum):
    """Cells that are members of an enumeration."""

    RED, GREEN, BLUE = 1, 2, 3


def one_odd(cell):
    """Numbers with one cell of another kind among them."""

    def make(rng, n):
        cells = rng.normal(size=n).tolist()
        cells[rng.randint(n)] = cell
        return objects(cells)

    return make


def chosen(*levels):
    """Some of these cells, again and again."""

    def make(rng, n):
        return objects([levels[i] for i in rng.randint(len(levels), size=n)])

    return make


def objects(cells):
    """A list as an array of objects of one dimension, whatever its cells are."""
    array = np.empty(len(cells), dtype=object)
    for place, cell in enumerate(cells):
        array[place] = cell
    return array


REALS = {
    "normal": lambda rng, n: rng.normal(size=n),
    "constant": lambda rng, n: np.full(n, rng.choice([0.0, 1.0, -7.5, 1e9, 1e-200])),
    "zeros and others": lambda rng, n: np.where(rng.uniform(size=n) < 0.6, 0.0, rng.normal(size=n)),
    "rounded": lambda rng, n: rng.normal(size=n).round(1),
    "two values": lambda rng, n: rng.randint(2, size=n) * 3.5,
    "uniform": lambda rng, n: rng.uniform(size=n),
    "positive": lambda rng, n: rng.lognormal(sigma=2, size=n),
    "counts": lambda rng, n: rng.poisson(3.0, size=n).astype(float),
    "far from zero": lambda rng, n: 1e9 + rng.normal(size=n),
    "constant but for rounding": lambda rng, n: 0.1 + np.spacing(0.1) * rng.randint(-1, 2, size=n),
    "heavy tails": lambda rng, n: rng.standard_cauchy(size=n),
    "one far cell": lambda rng, n: np.r_[rng.normal(size=n - 1), rng.choice([1e6, -1e30, 1e100])],
    "one far cell, else constant": lambda rng, n: np.r_[np.zeros(n - 1), 1e6],
    "tiny": lambda rng, n: 1e-300 * rng.normal(size=n),
    "subnormal": lambda rng, n: 5e-324 * rng.randint(-50, 50, size=n),
    "huge": lambda rng, n: 1e150 * rng.normal(size=n),
    "of all sizes": lambda rng, n: 10.0 ** rng.uniform(-100, 100, size=n),
    "negative zeros": lambda rng, n: np.where(rng.uniform(size=n) < 0.5, -0.0, 0.0),
    "steps": lambda rng, n: np.arange(n) / 8.0,
}
"""Numbers with fractions, float64."""

INTEGERS = {
    "small": (lambda rng, n: rng.randint(-20, 20, size=n), "int8", "int16", "int32", "int64", "float64"),
    "bits": (lambda rng, n: rng.randint(2, size=n), "int8", "uint8", "int64"),
    "one value": (lambda rng, n: np.full(n, 5), "int64", "uint16"),
    "identifiers": (lambda rng, n: rng.permutation(n) + 10_000, "int64", "int32"),
    "beyond 2**53": (lambda rng, n: 2**60 + rng.randint(-500, 500, size=n), "int64"),
    "ends of int64": (lambda rng, n: rng.choice(np.array([-(2**63), 0, 2**63 - 1]), size=n), "int64"),
    "ends of uint64": (lambda rng, n: rng.choice(np.array([0, 1, 2**64 - 1], dtype=np.uint64), size=n), "uint64"),
    "ends of int8": (lambda rng, n: rng.choice(np.array([-128, 127]), size=n), "int8"),
}
"""Whole numbers, and the dtypes that hold them."""

LEVELS = {
    "words": chosen(*WORDS[:2], "y"),
    "odd words": chosen(*WORDS),
    "one word": chosen("only"),
    "texts all different": lambda rng, n: objects([f"id{i}" for i in rng.permutation(n)]),
    "texts of numbers": chosen(*NUMERALS),
    "booleans": chosen(True, False),
    "one boolean": chosen(True),
}
"""Texts and booleans."""

OBJECTS = {
    "mixed": chosen(1, "a", (1, 2), 2.5, True, "b", datetime.date(2020, 1, 1)),
    "numbers and texts": chosen(1, 2.5, "n/a", "x"),
    "a text among numbers": one_odd("n/a"),
    "tuples": chosen((1, 2), (1,), ()),
    "frozen sets": chosen(frozenset([1]), frozenset(["a"])),
    "bytes": chosen(b"x", b"", b"\xff"),
    "members of an enumeration": chosen(*Colour),
    "identifiers": chosen(*(uuid.UUID(int=i) for i in range(5))),
    "fractions": chosen(Fraction(1, 3), Fraction(2, 7)),
    "decimals": chosen(Decimal("1.10"), Decimal("2.25"), Decimal("-3")),
    "whole numbers": chosen(1, 2, 3, 10**6),
    "whole numbers beyond int64": chosen(10**30, -(10**25), 5),
    "whole and other numbers": chosen(1, 2.5, np.float32(0.5), np.int8(3), True),
    "dates": lambda rng, n: objects(
        [datetime.date(2000, 1, 1) + datetime.timedelta(int(d)) for d in rng.randint(9999, size=n)]
    ),
    "dates of any year": chosen(datetime.date(1, 1, 1), datetime.date(9999, 12, 31), datetime.date(1970, 1, 1)),
    "moments": lambda rng, n: objects(
        [datetime.datetime(2000, 1, 1) + datetime.timedelta(seconds=int(s)) for s in rng.randint(10**8, size=n)]
    ),
    "moments with a zone": chosen(*(datetime.datetime(2000, m, 1, tzinfo=datetime.UTC) for m in range(1, 8))),
    "moments with two zones": chosen(
        datetime.datetime(2000, 1, 1, tzinfo=datetime.UTC),
        datetime.datetime(2001, 1, 1, tzinfo=datetime.timezone(datetime.timedelta(hours=5))),
    ),
    "moments with and without a zone": chosen(
        datetime.datetime(2000, 1, 1, tzinfo=datetime.UTC), datetime.datetime(2001, 1, 1)
    ),
    "dates and moments": chosen(datetime.date(2000, 1, 1), datetime.datetime(2001, 1, 1, 5)),
    "time stamps": chosen(pd.Timestamp("2020-01-01"), pd.Timestamp("1700-05-05 12:30"), pd.Timestamp("2261-01-01")),
    "spans": chosen(datetime.timedelta(1), datetime.timedelta(seconds=5), datetime.timedelta(-3)),
    "times of the day": chosen(datetime.time(1), datetime.time(12, 30)),
    "numpy dates": chosen(np.datetime64("2020-01-01"), np.datetime64("1066-10-14")),
    "numpy spans": chosen(np.timedelta64(5, "D"), np.timedelta64(1, "s")),
}
"""Cells of columns of objects."""

TIMES = {
    "days": lambda rng, n: pd.Series(
        np.datetime64("2000-01-01", "s") + rng.randint(0, 9999, size=n) * np.timedelta64(86400, "s")
    ),
    "seconds": lambda rng, n: pd.Series(np.datetime64("2000-01-01", "s") + rng.randint(0, 10**9, size=n)),
    "nanoseconds": lambda rng, n: pd.Series((rng.randint(0, 2**60, size=n)).view("M8[ns]")),
    "any year": lambda rng, n: pd.Series(rng.randint(-62_000_000_000, 253_000_000_000, size=n).view("M8[s]")),
    "one day": lambda rng, n: pd.Series(np.full(n, np.datetime64("1999-12-31", "us"))),
    "spans": lambda rng, n: pd.Series(rng.randint(-(10**6), 10**6, size=n).view("m8[s]")),
    "short spans": lambda rng, n: pd.Series(rng.randint(-(10**6), 10**6, size=n).view("m8[ns]")),
}
"""Dates and spans of time, as pandas Series."""


def with_infinity(rng, n):
    """Numbers with an infinite one among them."""
    cells = rng.normal(size=n)
    cells[rng.randint(n)] = rng.choice([np.inf, -np.inf])
    return cells


REFUSED = {
    "infinite": (with_infinity, "infinity"),
    "too wide": (lambda rng, n: np.where(np.arange(n) % 2, 1.7e308, -1.7e308), "too wide|infinity|too large"),
    "complex": (lambda rng, n: rng.normal(size=n) + 1j, "[Cc]omplex"),
    "lists": (chosen([1, 2], []), "no number and no level"),
    "a list among numbers": (one_odd([7.0]), "no number and no level"),
    "dictionaries": (chosen({"a": 1}), "no number and no level"),
    "arrays": (chosen(np.arange(2)), "no number and no level"),
    "beyond float64": (one_odd(10**400), "finite|infinity"),
}
"""Cells that no column may hold, and what the error says."""


def frame_kinds():
    """Name of each kind of a pandas column: function (rng, n) -> Series."""
    kinds = {}
    for name, make in REALS.items():
        for dtype in ("float64", "float32", "Float64", "Float32", "double[pyarrow]", "object"):
            kinds[f"{name}, {dtype}"] = real_series(make, dtype)
    for name in ("normal", "uniform", "rounded"):
        kinds[f"{name}, float16"] = real_series(REALS[name], "float16")
        kinds[f"{name}, sparse"] = real_series(REALS[name], "Sparse[float64]")
    for name, (make, *dtypes) in INTEGERS.items():
        for dtype in dtypes:
            nullable = dtype.replace("uint", "UInt").replace("int", "Int").replace("float", "Float")
            for held in (dtype, nullable, f"{dtype}[pyarrow]".replace("float64", "double")):
                kinds[f"{name}, {held}"] = series_of(make, held)
    for name in ("words", "odd words", "one word", "texts all different", "texts of numbers"):
        for dtype in ("object", "str", "string", "string[pyarrow]", "category"):
            kinds[f"{name}, {dtype}"] = series_of(LEVELS[name], dtype)
    for name in ("booleans", "one boolean"):
        for dtype in ("bool", "boolean", "object", "bool[pyarrow]", "category"):
            kinds[f"{name}, {dtype}"] = series_of(LEVELS[name], dtype)
    for name, make in OBJECTS.items():
        kinds[f"{name}, objects"] = series_of(make, "object")
    for name, make in TIMES.items():
        kinds[f"{name}, times"] = make
    return (
        kinds
        | CATEGORIES
        | {
            "days in a zone": lambda rng, n: TIMES["days"](rng, n).dt.tz_localize("UTC").dt.tz_convert("Europe/Berlin"),
            "seconds in UTC": lambda rng, n: TIMES["seconds"](rng, n).dt.tz_localize("UTC"),
            "time stamps of pyarrow": lambda rng, n: TIMES["seconds"](rng, n).astype(pd.ArrowDtype(pa.timestamp("us"))),
            "time stamps of pyarrow in a zone": lambda rng, n: (
                TIMES["seconds"](rng, n).dt.tz_localize("UTC").astype(pd.ArrowDtype(pa.timestamp("us", "UTC")))
            ),
            "days of pyarrow": lambda rng, n: pd.Series(
                OBJECTS["dates"](rng, n).tolist(), dtype=pd.ArrowDtype(pa.date32())
            ),
            "spans of pyarrow": lambda rng, n: TIMES["spans"](rng, n).astype(pd.ArrowDtype(pa.duration("s"))),
            "times of the day of pyarrow": lambda rng, n: pd.Series(
                OBJECTS["times of the day"](rng, n).tolist(), dtype=pd.ArrowDtype(pa.time64("us"))
            ),
            "decimals of pyarrow": lambda rng, n: pd.Series(
                OBJECTS["decimals"](rng, n).tolist(), dtype=pd.ArrowDtype(pa.decimal128(20, 4))
            ),
            "a dictionary of pyarrow": lambda rng, n: pd.Series(
                pa.array(LEVELS["words"](rng, n).tolist()).dictionary_encode(),
                dtype=pd.ArrowDtype(pa.dictionary(pa.int32(), pa.string())),
            ),
            "periods": lambda rng, n: pd.Series(pd.PeriodIndex.from_ordinals(rng.randint(0, 500, size=n), freq="M")),
            "intervals": lambda rng, n: pd.Series(pd.cut(rng.normal(size=n), [-9, 0, 9])).astype("interval"),
            "nothing": lambda rng, n: pd.Series(np.full(n, np.nan)),
            "None only": lambda rng, n: pd.Series(np.full(n, None), dtype=object),
            "no date": lambda rng, n: pd.Series(np.full(n, np.datetime64("NaT", "ns"))),
            "NA only": lambda rng, n: pd.Series(pd.array([None] * n, dtype="Int64")),
            "nulls of pyarrow": lambda rng, n: pd.Series(pa.nulls(n), dtype=pd.ArrowDtype(pa.null())),
        }
    )


def real_series(make, dtype):
    """A kind of numbers as a pandas Series, in float64 where the dtype does not reach."""

    def series(rng, n):
        numbers = make(rng, n)
        with np.errstate(over="ignore", under="ignore"):
            narrow = numbers.astype(dtype.lower() if dtype in ("float16", "float32", "Float32") else "float64")
        return pd.Series(numbers if np.isinf(narrow).any() else numbers.astype(narrow.dtype)).astype(
            "float64" if np.isinf(narrow).any() else dtype
        )

    return series


def series_of(make, dtype):
    """A kind of cells as a pandas Series of a dtype."""
    return lambda rng, n: pd.Series(make(rng, n)).astype(dtype)


def category(cells, ordered=False, unused=()):
    """A kind of a categorical column, some categories of which no row may have."""

    def make(rng, n):
        values = cells(rng, n)
        seen = sorted(set(values.tolist()), key=str)
        return pd.Series(pd.Categorical(values, categories=[*seen, *unused], ordered=ordered))

    return make


CATEGORIES = {
    "ordered words": category(LEVELS["words"], ordered=True),
    "words and unused categories": category(LEVELS["words"], unused=["never", "ever"]),
    "ordered words and unused ones": category(LEVELS["odd words"], ordered=True, unused=["never"]),
    "categories of whole numbers": category(INTEGERS["small"][0]),
    "ordered whole numbers": category(INTEGERS["small"][0], ordered=True),
    "categories of numbers": category(REALS["rounded"], unused=[99.0]),
    "categories of dates": lambda rng, n: TIMES["days"](rng, n).astype("category"),
    "categories of intervals": lambda rng, n: pd.Series(pd.cut(rng.normal(size=n), [-9, -1, 0, 1, 9])),
    "categories of booleans": category(LEVELS["booleans"]),
}


def polars_kinds():
    """Name of each kind of a polars column: function (rng, n) -> Series."""
    kinds = {f"{name}, Float64": polars_of(make, pl.Float64) for name, make in REALS.items()}
    kinds |= {f"{name}, Float32": polars_of(REALS[name], pl.Float32) for name in ("normal", "rounded", "uniform")}
    integers = {
        "small": pl.Int16,
        "bits": pl.UInt8,
        "beyond 2**53": pl.Int64,
        "ends of uint64": pl.UInt64,
        "ends of int64": pl.Int64,
    }
    kinds |= {f"{name}, {dtype}": polars_of(INTEGERS[name][0], dtype) for name, dtype in integers.items()}
    kinds |= {
        f"{name}, String": polars_of(LEVELS[name], pl.String)
        for name in ("words", "odd words", "one word", "texts all different")
    }
    kinds |= {"words, Categorical": polars_of(LEVELS["words"], pl.Categorical)}
    kinds |= {"words, Enum": polars_of(LEVELS["words"], pl.Enum(["x", "Ulm", "y", "never"]))}
    kinds |= {f"{name}, Boolean": polars_of(LEVELS[name], pl.Boolean) for name in ("booleans", "one boolean")}
    kinds |= {
        "dates, Date": polars_of(OBJECTS["dates"], pl.Date),
        "any year, Date": polars_of(OBJECTS["dates of any year"], pl.Date),
    }
    for unit in ("ms", "us", "ns"):
        kinds[f"moments, Datetime {unit}"] = polars_of(OBJECTS["moments"], pl.Datetime(unit))
        kinds[f"spans, Duration {unit}"] = polars_of(OBJECTS["spans"], pl.Duration(unit))
    kinds |= {"moments in a zone": polars_of(OBJECTS["moments with a zone"], pl.Datetime("us", "UTC"))}
    kinds |= {"times of the day, Time": polars_of(OBJECTS["times of the day"], pl.Time)}
    kinds |= {"decimals, Decimal": polars_of(OBJECTS["decimals"], pl.Decimal(20, 2))}
    kinds |= {"bytes, Binary": polars_of(OBJECTS["bytes"], pl.Binary)}
    kinds |= {"objects, Object": polars_of(OBJECTS["mixed"], pl.Object)}
    return kinds | {
        "nothing": lambda rng, n: pl.Series([None] * n),
        "nothing, String": lambda rng, n: pl.Series([None] * n, dtype=pl.String),
    }


def polars_of(make, dtype):
    """A kind of cells as a polars Series of a dtype."""
    return lambda rng, n: pl.Series(make(rng, n).tolist(), dtype=dtype)
