"""Cells that come back are such as their dtype holds, however far the numbers of a model go."""

import datetime
import zoneinfo
from decimal import Decimal

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

from skvae import AutoencoderOutlierDetector, AutoencoderTransformer, VAETransformer
from skvae._tables.schema import Schema

SMALL = {"hidden_layer_sizes": (4,), "random_state": 0, "max_iter": 2}
NUMBERS = [0, 1, 2, 3, 4, 5]
DAYS = [datetime.datetime(2020, 1, 1 + d) for d in NUMBERS]
BERLIN = zoneinfo.ZoneInfo("Europe/Berlin")
OBJECTS = {
    "float": [0.5 * x for x in NUMBERS],
    "Decimal": [Decimal(x) for x in NUMBERS],
    "bool": [x > 2 for x in NUMBERS],
    "date": [day.date() for day in DAYS],
    "datetime": DAYS,
    "datetime in a zone": [day.replace(tzinfo=BERLIN) for day in DAYS],
    "timedelta": [day - DAYS[0] for day in DAYS],
}
FAR = np.array([1e300, -1e300, 1e20, -7.0, 3.4e38, 2.0**64])

PANDAS = [
    *("float16", "float32", "Float32", "halffloat[pyarrow]", "float[pyarrow]", "Sparse[float32]"),
    *("int8", "int64", "uint64", "Int64", "UInt64", "uint8[pyarrow]", "int64[pyarrow]"),
]
UNITS = ["s", "ms", "us", "ns"]
UNITS_OF_PANDAS = UNITS if int(pd.__version__.split(".")[0]) >= 3 else ["ns"]
"""Units in which pandas holds far dates: before pandas 3 its own arithmetic overflows in the others, or crashes."""

POLARS = ["Float16", "Float32", "Int8", "Int64", "UInt8", "UInt64", "Int128", "UInt128"]


def frames_of_pandas():
    for dtype in PANDAS:
        yield dtype, pd.Series(NUMBERS).astype(dtype)
    for dtype in (pa.decimal128(20, 4), pa.decimal128(38, 0), pa.decimal256(50, 4)):
        yield str(dtype), pd.Series(OBJECTS["Decimal"], dtype=pd.ArrowDtype(dtype))
    days, span = pd.Series(DAYS), pd.Series(OBJECTS["timedelta"])
    for unit in UNITS_OF_PANDAS:
        yield f"datetime {unit}", days.astype(f"M8[{unit}]")
        yield f"timedelta {unit}", span.astype(f"m8[{unit}]")
        for zone in ("Europe/Berlin", "Asia/Kolkata"):
            hours = (days + pd.Timedelta("1h")).dt.tz_localize(zone)
            yield f"{zone} {unit}", hours.astype(f"datetime64[{unit}, {zone}]")
        yield f"timestamp {unit}", days.astype(pd.ArrowDtype(pa.timestamp(unit)))
        yield f"duration {unit}", span.astype(pd.ArrowDtype(pa.duration(unit)))
    yield "date32", pd.Series(OBJECTS["date"], dtype=pd.ArrowDtype(pa.date32()))
    for name, cells in OBJECTS.items():
        yield f"object {name}", pd.Series(cells, dtype=object)


def frames_of_polars():
    for dtype in POLARS:
        yield f"polars {dtype}", pl.Series(NUMBERS).cast(getattr(pl, dtype))
    for dtype in (pl.Decimal(20, 4), pl.Decimal(38, 0)):
        yield f"polars {dtype}", pl.Series(OBJECTS["Decimal"], dtype=dtype)
    yield "polars Date", pl.Series(OBJECTS["date"])
    for unit in UNITS[1:]:
        yield f"polars Datetime {unit}", pl.Series(DAYS, dtype=pl.Datetime(unit))
        yield f"polars zone {unit}", pl.Series(DAYS, dtype=pl.Datetime(unit)).dt.replace_time_zone("Europe/Berlin")
        yield f"polars Duration {unit}", pl.Series(OBJECTS["timedelta"], dtype=pl.Duration(unit))
    for name, cells in OBJECTS.items():
        yield f"polars Object {name}", pl.Series(cells, dtype=pl.Object)


COLUMNS = dict([*frames_of_pandas(), *frames_of_polars()])
KINDS = pytest.mark.parametrize("kind", COLUMNS)


def table_of(cells):
    return (pl if isinstance(cells, pl.Series) else pd).DataFrame({"c": cells, "x": np.arange(len(cells), dtype=float)})


def cells_of(X):
    return X["c"].to_list()


def beside(numbers):
    return np.c_[numbers, np.arange(len(numbers), dtype=float)]


@KINDS
def test_cells_of_far_numbers_are_such_as_the_dtype_holds(kind):
    X = table_of(COLUMNS[kind])
    schema = Schema.of(X, None, "owner")
    for drawn in (False, True):
        restored = schema.rows(beside(FAR), np.float64, drawn=drawn)
        assert list(restored.dtypes) == list(X.dtypes)
        cells = cells_of(restored)
        assert not pd.isna(np.array(cells, dtype=object)).any()
        assert {type(cell) for cell in cells} == {type(cell) for cell in cells_of(X)}
        assert not any(cell in (np.inf, -np.inf) for cell in cells)
        assert cells[0] == max(cells)
        assert cells[1] == min(cells)


@KINDS
def test_what_far_numbers_settle_to_is_what_their_cells_are_read_as(kind):
    schema = Schema.of(table_of(COLUMNS[kind]), None, "owner")
    settled = schema.settled(beside(FAR))
    np.testing.assert_array_equal(settled, schema.encode(schema.rows(beside(FAR), np.float64), "owner"))
    assert np.isfinite(settled).all()
    schema.table(beside(FAR))


@KINDS
def test_numbers_within_the_limits_come_back_as_they_are(kind):
    X = table_of(COLUMNS[kind])
    schema = Schema.of(X, None, "owner")
    numbers = schema.encode(X, "owner")
    assert cells_of(schema.rows(numbers, np.float64)) == cells_of(X)
    np.testing.assert_array_equal(schema.encode(schema.table(numbers), "owner"), numbers)


@pytest.mark.parametrize("kind", [k for k in COLUMNS if k.startswith("polars") or "int" not in k])
def test_holes_are_filled_with_cells_that_the_dtype_holds(kind):
    cells = COLUMNS[kind]
    X = table_of(cells)
    schema = Schema.of(X, None, "owner")
    there = [None, None, *cells.to_list()[2:]]
    holed = pl.Series(there, dtype=cells.dtype) if isinstance(cells, pl.Series) else pd.Series(there, dtype=cells.dtype)
    filled = schema.filled(table_of(holed), beside(FAR))
    assert list(filled.dtypes) == list(X.dtypes)
    assert cells_of(filled)[2:] == cells_of(X)[2:]
    assert cells_of(filled)[0] == max(cells_of(filled))
    assert not pd.isna(np.array(cells_of(filled), dtype=object)).any()


@pytest.mark.parametrize("dtype", [np.float16, np.float32])
def test_arrays_hold_what_their_dtype_holds(dtype):
    X = np.arange(12, dtype=dtype).reshape(6, 2)
    schema = Schema.of(X, None, "owner")
    assert np.isfinite(schema.rows(beside(FAR), dtype)).all()
    X[:2, 0] = np.nan
    assert np.isfinite(schema.filled(X, beside(FAR))).all()


def test_decimals_have_the_digits_of_their_dtype():
    X = pl.DataFrame({"c": pl.Series([Decimal("0.25"), Decimal("9.75")] * 10, dtype=pl.Decimal(3, 2))})
    rows = Schema.of(X, None, "owner").rows(np.array([[1e9], [-1e9], [0.126]]), np.float64)
    assert rows["c"].to_list() == [Decimal("9.99"), Decimal("-9.99"), Decimal("0.13")]


WIDE = {
    "whole": pl.DataFrame({"a": np.array([0, 2**63 - 1] * 10)}),
    "unsigned": pl.DataFrame({"a": np.array([0, 2**64 - 1] * 10, dtype=np.uint64)}),
    "dates": pl.DataFrame({"a": pl.Series(OBJECTS["date"] * 3, dtype=pl.Object)}),
    "numbers": pl.DataFrame({"a": pl.Series([1.5, 2, 3] * 6, dtype=pl.Object)}),
    "decimals": pd.DataFrame({"a": pd.Series(OBJECTS["Decimal"] * 3, dtype=pd.ArrowDtype(pa.decimal128(3, 1)))}),
    "half": pd.DataFrame({"a": pd.Series(np.linspace(-1, 1, 30), dtype="float16"), "b": np.linspace(-1e30, 1e30, 30)}),
    "years": pd.DataFrame({"a": pd.Series(DAYS * 3, dtype="M8[ns]"), "b": np.linspace(-1e30, 1e30, 18)}),
}


@pytest.mark.parametrize("kind", WIDE)
def test_models_draw_restore_and_compare_cells_of_such_tables(kind):
    X = WIDE[kind]
    vae = VAETransformer(**SMALL, likelihood="isotropic_gaussian").fit(X)
    for table in (vae.sample(20), vae.sample(5, with_missing=False), vae.inverse_transform(vae.transform(X))):
        assert list(table.dtypes) == list(X.dtypes)
    AutoencoderOutlierDetector(AutoencoderTransformer(**SMALL), random_state=0).fit(X).predict(X)
