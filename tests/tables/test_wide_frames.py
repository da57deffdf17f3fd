"""Frames of many columns: read and written by the block, with about the calls of an array."""

import numpy as np
import pandas as pd
import polars as pl
import pytest
from counting import calls

from skvae import AutoencoderOutlierDetector, AutoencoderTransformer, VAETransformer
from skvae._tables import encoding, filling, kinds, matrix, schema
from skvae._tables.frames import blocks
from skvae._tables.matrix import ColumnRows
from skvae._tables.schema import Schema

SMALL = {"hidden_layer_sizes": (8,), "random_state": 0, "max_iter": 1}
WIDTH = 40

PANDAS = ["float64", "float32", "float16", "int64", "int8", "bool", "Int64", "UInt8", "Float64", "boolean"]
ARROW = ["double[pyarrow]", "int32[pyarrow]", "bool[pyarrow]"]


def whole_numbers(n=60, width=WIDTH):
    return np.random.RandomState(0).randint(0, 2, size=(n, width)).cumsum(axis=1) % 5.0


def of_pandas(X, dtype):
    X = X > 1 if dtype.startswith("bool") else X
    return pd.DataFrame(X).add_prefix("c").astype(dtype)


def of_polars(X, dtype):
    return pl.DataFrame(X > 1 if dtype == "Boolean" else X).cast(getattr(pl, dtype))


FRAMES = {
    **{dtype: lambda X, dtype=dtype: of_pandas(X, dtype) for dtype in PANDAS + ARROW},
    **{f"polars {d}": lambda X, d=d: of_polars(X, d) for d in ("Float64", "Float32", "Int64", "UInt8", "Boolean")},
    "many dtypes": lambda X: pd.concat(
        [of_pandas(X[:, j : j + 4], PANDAS[j // 4]) for j in range(0, 40, 4)], axis=1
    ).set_axis([f"c{j}" for j in range(WIDTH)], axis=1),
}


@pytest.fixture
def one_at_a_time(monkeypatch):
    """The columns that were read or written one at a time."""
    columns = []

    def counted(function, place):
        def call(*args):
            columns.append(args[place])
            return function(*args)

        return call

    for room in (schema, encoding, filling):
        monkeypatch.setattr(room, "column_of", counted(room.column_of, 1))
    for kind in (kinds.Real, kinds.Integer, kinds.OfLevels):
        monkeypatch.setattr(kind, "decode", counted(kind.decode, 0))
    return columns


@pytest.mark.parametrize("kind", FRAMES)
def test_plain_columns_are_read_and_written_by_the_block(kind, one_at_a_time):
    frame = FRAMES[kind](whole_numbers())
    fitted = VAETransformer(**SMALL, n_importance_samples=2).fit(frame)
    restored = fitted.inverse_transform(fitted.transform(frame))
    drawn = fitted.sample(3, random_state=0)
    fitted.impute(frame)
    assert one_at_a_time == []
    for table in (restored, drawn):
        assert list(table.columns) == list(frame.columns)
        assert list(table.dtypes) == list(frame.dtypes)


@pytest.mark.parametrize("kind", ["float64", "Int64", "Float64", "polars Float64", "polars Int64", "boolean"])
def test_holes_of_plain_columns_are_filled_by_the_block(kind, one_at_a_time):
    X = whole_numbers()
    hidden = np.random.RandomState(1).uniform(size=X.shape) < 0.2
    frame = FRAMES[kind](X)
    if "polars" in kind:
        masks = pl.DataFrame(~hidden, schema=frame.columns)
        holed = pl.DataFrame([pl.select(pl.when(masks[c]).then(frame[c]).alias(c)).to_series() for c in frame.columns])
    else:
        holed = frame.mask(hidden)
    filled = AutoencoderTransformer(**SMALL).fit(frame).impute(holed)
    assert one_at_a_time == []
    assert list(filled.dtypes) == list(frame.dtypes)
    np.testing.assert_array_equal(filled.to_numpy()[~hidden], frame.to_numpy()[~hidden])
    assert not pd.isna(filled.to_numpy()).any()


WITH_HOLES = ["Int64", "Float64", "boolean", *ARROW, "polars Float64", "polars Int64", "polars UInt8", "polars Boolean"]


@pytest.mark.parametrize("kind", WITH_HOLES)
def test_blocks_with_holes_come_back_as_they_were(kind):
    X = whole_numbers()
    X = np.where(X > 1, 1.0, 0.0) if "bool" in kind.lower() else X
    X[np.random.RandomState(1).uniform(size=X.shape) < 0.2] = np.nan
    X[:, 3] = 0.0
    if "polars" in kind:
        frame = pl.DataFrame(X, nan_to_null=True).fill_nan(None).cast(getattr(pl, kind.split()[1]))
    else:
        whole = pd.DataFrame(X).astype("Float64").mask(np.isnan(X))
        frame = (whole.astype("Int64") if "bool" in kind else whole).astype(kind).add_prefix("c")
    schema = Schema.of(frame, None, "owner")
    np.testing.assert_array_equal(schema.encode(frame, "owner"), X)
    restored = schema.rows(X, np.float64)
    assert restored.equals(frame)


@pytest.mark.parametrize("library", ["pandas", "polars"])
def test_texts_are_written_by_the_block(library, one_at_a_time, monkeypatch):
    monkeypatch.setattr(blocks, "CELLS_A_BLOCK", 200)
    levels = [["u", "v", None], ["x", "yy", "z"], ["only"], [None, "a", ""]]
    frame = pd.DataFrame({f"t{j}": pd.Series(cells * 12).iloc[:12] for j, cells in enumerate(levels * 9)})
    frame = frame.assign(x=np.arange(12.0)) if library == "pandas" else pl.from_pandas(frame)
    schema = Schema.of(frame, None, "owner")
    numbers = schema.encode(frame, "owner")
    one_at_a_time.clear()
    restored = schema.rows(numbers, np.float64)
    assert one_at_a_time == []
    assert restored.equals(frame)
    assert list(restored.dtypes) == list(frame.dtypes)
    far = schema.rows(numbers * 1e300, np.float64)
    assert {*far["t1"].to_list()} == {"x", "z"}


def test_whole_numbers_beside_holes_keep_all_their_digits():
    big = pd.array([2**62 + 1, 2**60 + 3, None] * 10, dtype="Int64")
    frame = pd.DataFrame({"pandas": big, "arrow": big.astype("int64[pyarrow]"), "x": np.arange(30.0)})
    filled = AutoencoderTransformer(**SMALL).fit(frame).impute(frame)
    for name in ("pandas", "arrow"):
        assert filled[name].tolist()[:2] == [2**62 + 1, 2**60 + 3]
        assert filled[name].dtype == frame[name].dtype
    table = pl.DataFrame({"whole": [2**62 + 1, 2**60 + 3, None] * 10, "x": np.arange(30.0)})
    assert AutoencoderTransformer(**SMALL).fit(table).impute(table)["whole"].to_list()[:2] == [2**62 + 1, 2**60 + 3]


def test_only_texts_are_read_one_at_a_time(one_at_a_time):
    frame = pd.DataFrame(whole_numbers()).add_prefix("c").assign(text=["u", "v"] * 30)
    fitted = AutoencoderTransformer(**SMALL).fit(frame)
    fitted.transform(frame)
    assert set(one_at_a_time) == {WIDTH}


def test_what_is_expected_of_cells_is_what_a_table_of_them_holds():
    frame = FRAMES["many dtypes"](whole_numbers()).assign(
        t=["u", "v", None] * 20, day=pd.date_range("2020-01-01", periods=60), o=[1.5, None, True] * 20
    )
    table = pl.from_pandas(FRAMES["float32"](whole_numbers())).with_columns(t=pl.Series(["u", "v", None] * 20))
    for X in (frame, table):
        fitted = AutoencoderTransformer(**SMALL).fit(X)
        numbers = fitted._schema.numbers(X)
        expected = fitted._schema.numbers(fitted.inverse_transform(fitted.transform(X)))
        np.testing.assert_array_equal(fitted._on_matrices.expected(numbers), expected)


@pytest.mark.parametrize("most", [0, 10**9])
def test_columns_on_demand_are_the_table(monkeypatch, most):
    monkeypatch.setattr(matrix, "SMALL_TABLE", most)
    monkeypatch.setattr(matrix, "CELLS_TOGETHER", 20)
    rng = np.random.RandomState(0)
    X = rng.normal(size=(9, 7)) * [1.0, 1e-9, 1e300, 1.0, 1.0, 1.0, 1.0]
    X[:, 3], X[:, 4], X[2, 5] = np.arange(9), X[:, 4].astype(np.float32), np.nan
    blocks = [(np.array([4, 0, 1]), X.T[[4, 0, 1]]), (np.array([2, 3]), X.T[[2, 3]]), (np.array([6, 5]), X.T[[6, 5]])]
    table = ColumnRows.compact(blocks, X.size)
    assert table.shape == X.shape
    chosen, rows = [1, 3, 4, 6], np.array([5, 2, 2])
    for found, expected in [
        (table[:], X),
        (table[rows], X[rows]),
        (table.of_rows(rows)[:], X[rows]),
        (table.of_columns(chosen)[1:4], X[1:4, chosen]),
        (np.stack(list(table.T)), X.T),
        (np.stack(list(table.of_columns([6, 0]).T)), X.T[[6, 0]]),
    ]:
        assert found.dtype == np.float64
        np.testing.assert_array_equal(found, expected)


def test_three_rows_of_a_wide_frame_take_few_calls_a_column_more_than_of_an_array():
    X = np.random.RandomState(0).normal(size=(40, 1500))
    frame = pd.DataFrame(X).add_prefix("gene")
    density = VAETransformer(**SMALL, network="mlp", likelihood="gaussian", code_density=None, n_importance_samples=2)
    of_array, of_frame = (AutoencoderOutlierDetector(density, random_state=0).fit(table) for table in (X, frame))
    np.testing.assert_array_equal(of_frame.score_samples(frame), of_array.score_samples(X))
    few = frame.head(3)
    # a column of pandas that is read alone takes a hundred
    assert calls(of_frame.predict, few) < calls(of_array.predict, X[:3]) + 5 * 1500
    assert calls(of_frame.explain, few) < calls(of_array.explain, X[:3]) + 50 * 1500
