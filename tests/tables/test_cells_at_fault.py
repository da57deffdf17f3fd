"""Every error about a cell names its column, its row, what it holds and the remedy, whatever the route."""

import datetime

import numpy as np
import pandas as pd
import polars as pl
import pytest

from skvae import AutoencoderOutlierDetector, AutoencoderTransformer, VAETransformer
from skvae._tables.frames.frame import Frame

SMALL = {"n_components": 1, "hidden_layer_sizes": (4,), "random_state": 0, "max_iter": 1}
ESTIMATORS = pytest.mark.parametrize("Estimator", [VAETransformer, AutoencoderTransformer])
N, ROW = 30, 7
AWARE, NAIVE = pd.Timestamp("2024-01-01", tz="UTC"), pd.Timestamp("2024-01-01")
FAR = np.datetime64("400000-01-01", "s")
BEYOND = datetime.datetime(9999, 12, 31, 23, tzinfo=datetime.timezone(datetime.timedelta(hours=-5)))


def good():
    days = pd.date_range("2024-01-01", periods=N)
    return pd.DataFrame(
        {
            "amount": np.random.RandomState(0).normal(size=N),
            "count": np.arange(N) + (np.arange(N) > 20),
            "seen": days,
            "zoned": days.tz_localize("Europe/Berlin"),
            "span": pd.to_timedelta(np.arange(N), unit="h"),
            "kind": ["a", "b", "c"] * (N // 3),
        }
    )


def with_cell(name, cell, rows=(ROW,)):
    table = good()
    cells = np.empty(N, dtype=object)
    cells[:] = table[name].tolist()
    for row in rows:
        cells[row] = cell
    table[name] = pd.Series(cells, dtype=object)
    return table


AFTER_FIT = [
    ("amount", np.inf, "holds inf.*finite"),
    ("amount", "inf", "holds 'inf'.*finite"),
    ("amount", "-Infinity", "holds '-Infinity'.*finite"),
    ("amount", "1e999", "holds '1e999'.*finite"),
    ("amount", "n/a", "holds 'n/a'.*fitted on numbers.*Convert"),
    ("amount", b"n/a", "holds b'n/a'.*fitted on numbers"),
    ("amount", 1j, "holds 1j.*fitted on numbers"),
    ("amount", [1.0], r"holds \[1.0\].*fitted on numbers"),
    ("amount", 10**400, "holds 1000.*finite"),
    ("amount", NAIVE, "holds 2024-01-01 00:00:00.*fitted on numbers"),
    ("amount", np.datetime64("2024-01-01"), "holds 2024-01-01.*fitted on numbers"),
    ("amount", np.timedelta64(3, "h"), "holds 3 hours.*fitted on numbers"),
    ("count", "n/a", "holds 'n/a'.*fitted on numbers"),
    ("seen", AWARE, r"holds 2024-01-01 00:00:00\+00:00.*dates without a time zone.*cell.replace\(tzinfo=None\)"),
    ("seen", "2024-01-01", r"holds '2024-01-01'.*dates without a time zone.*to_datetime\(X\['seen'\]\)"),
    ("seen", 5, "holds 5,.*dates without a time zone"),
    ("seen", [NAIVE], "holds .*dates without a time zone"),
    ("seen", pd.Timedelta("1h"), "holds 0 days 01:00:00.*dates without a time zone"),
    ("seen", FAR, "holds 400000-01-01.*too far.*NaN"),
    ("zoned", NAIVE, r"holds 2024-01-01 00:00:00,.*zone Europe/Berlin.*cell.replace\(tzinfo=zoneinfo.*Europe/Berlin"),
    ("zoned", datetime.date(2024, 1, 1), "holds 2024-01-01,.*zone Europe/Berlin"),
    ("zoned", BEYOND, "holds 9999-12-31.*too far.*NaN"),
    ("span", "1h", r"holds '1h'.*spans of time.*to_timedelta\(X\['span'\]\)"),
    ("span", NAIVE, "holds 2024-01-01 00:00:00.*spans of time"),
    ("kind", ["a"], r"holds \['a'\].*hashed"),
]


def check(call, name, row, message):
    with pytest.raises((ValueError, TypeError), match=f"(?s)column '{name}', row {row} {message}"):
        call()


@pytest.fixture(scope="module")
def fitted():
    return {Estimator: Estimator(**SMALL).fit(good()) for Estimator in (VAETransformer, AutoencoderTransformer)}


@pytest.fixture(scope="module")
def detectors():
    vae = VAETransformer(**SMALL)
    return [AutoencoderOutlierDetector(vae, ensemble=ensemble).fit(good()) for ensemble in (False, True)]


@ESTIMATORS
@pytest.mark.parametrize(("name", "cell", "message"), AFTER_FIT)
def test_a_cell_that_is_not_what_its_column_held_is_named(fitted, Estimator, name, cell, message):
    model = fitted[Estimator]
    check(lambda: model.transform(with_cell(name, cell)), name, ROW, message)
    check(lambda: model.impute(with_cell(name, cell)), name, ROW, message)
    check(lambda: model.score_features(with_cell(name, cell, range(N))), name, 0, message)
    check(lambda: model.partial_fit(with_cell(name, cell)), name, ROW, message)
    check(lambda: Estimator(**SMALL).fit(good(), X_val=with_cell(name, cell)), name, ROW, message)


@pytest.mark.parametrize(("name", "cell", "message"), AFTER_FIT)
def test_so_it_is_to_a_detector(detectors, name, cell, message):
    for detector in detectors:
        for method in (detector.predict, detector.explain, detector.partial_fit):
            check(lambda method=method: method(with_cell(name, cell)), name, ROW, message)


@pytest.mark.parametrize(
    "make", [lambda: VAETransformer(**SMALL), lambda: AutoencoderOutlierDetector(VAETransformer(**SMALL))]
)
@pytest.mark.parametrize(
    ("name", "cell", "message"),
    [
        (
            "seen",
            AWARE,
            r"holds 2024-01-01 00:00:00\+00:00, a date with a time zone, but the first .* has none.*give all",
        ),
        ("zoned", NAIVE, "holds 2024-01-01 00:00:00, a date without a time zone, but the first .* has one.*give all"),
        ("zoned", datetime.date(2024, 1, 1), "holds 2024-01-01, a date without a time zone"),
        ("seen", FAR, "holds 400000-01-01.*farther.*NaN"),
        ("zoned", BEYOND, "holds 9999-12-31.*farther.*NaN"),
        ("amount", -np.inf, "holds -inf.*finite"),
        ("amount", 10**400, "holds 1000.*finite"),
        ("amount", [1.0], r"holds \[1.0\].*hashed"),
        ("kind", {"a"}, "holds {'a'}.*hashed"),
    ],
)
def test_a_cell_that_no_column_of_training_rows_can_hold_is_named(make, name, cell, message):
    check(lambda: make().fit(with_cell(name, cell)), name, ROW, message)
    check(lambda: make().partial_fit(with_cell(name, cell)), name, ROW, message)


@pytest.mark.parametrize("unit", ["s", "ms"])
def test_dates_beyond_microseconds_are_no_other_dates(unit):
    far = good()["seen"].astype(f"datetime64[{unit}]")
    far[ROW] = np.datetime64("400000-01-01", unit)
    check(lambda: VAETransformer(**SMALL).fit(good().assign(seen=far)), "seen", ROW, "holds 400000-01-01.*farther")
    check(
        lambda: VAETransformer(**SMALL).fit(good()).transform(good().assign(seen=far)), "seen", ROW, "holds 4000.*far"
    )


@ESTIMATORS
def test_columns_of_another_dtype_name_their_first_cell(fitted, Estimator):
    table = good()
    for name, cells, message in [
        ("seen", table["zoned"], "holds 2024-01-01 00:00:00.*of dtype datetime64.*without a time zone.*tz_localize"),
        ("zoned", table["seen"], r"holds 2024-01-01 00:00:00 of dtype.*Europe/Berlin.*tz_localize\('Europe/Berlin'\)"),
        ("seen", table["amount"], "holds .* of dtype float64.*dates"),
        ("seen", table["seen"].astype("string"), "holds '2024-01-01.*of dtype str.*to_datetime"),
        ("span", table["seen"], "holds 2024.*spans"),
        ("amount", table["span"], "holds 0 days.*timedelta.*on numbers"),
        ("count", table["kind"], "holds 'a'.*on numbers"),
    ]:
        check(
            lambda name=name, cells=cells: fitted[Estimator].transform(table.assign(**{name: cells})), name, 0, message
        )


def test_cells_of_polars_are_named_with_what_polars_does():
    table = good().drop(columns=["span"])
    frame = pl.DataFrame({name: pl.Series(name, cells.to_list()) for name, cells in table.items()})
    frame = frame.with_columns(pl.col("zoned").dt.convert_time_zone("Europe/Berlin"))
    model = VAETransformer(**SMALL).fit(frame)
    text = frame.with_columns(pl.Series("amount", ["1.5", "x"] * (N // 2)))
    check(lambda: model.transform(text), "amount", 1, "holds 'x'.*on numbers")
    naive = frame.with_columns(pl.col("zoned").dt.replace_time_zone(None))
    check(lambda: model.transform(naive), "zoned", 0, r"holds 2024-.*dt.replace_time_zone\('Europe/Berlin'\)")
    infinite = frame.with_columns(pl.when(pl.col("count") == ROW).then(np.inf).otherwise(1.0).alias("amount"))
    check(lambda: model.transform(infinite), "amount", ROW, "holds inf.*finite")
    check(lambda: VAETransformer(**SMALL).fit(infinite), "amount", ROW, "holds inf.*finite")


@ESTIMATORS
@pytest.mark.parametrize("cell", ["inf", "-inf", "1e400", np.inf])
def test_infinite_texts_in_an_array_are_named(Estimator, cell):
    array = good()[["amount", "count"]].to_numpy().astype(object)
    model = Estimator(**SMALL).fit(array)
    array[ROW, 1] = cell
    for method in (model.transform, Estimator(**SMALL).fit):
        with pytest.raises(ValueError, match=f"column 1, row {ROW} holds '?{cell}'?.*finite"):
            method(array)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"seen": AWARE}, "column 'seen' holds time cells, not 2024-01-01 .*dates without a time zone"),
        ({"seen": 20240301}, "column 'seen' holds time cells, not 20240301.*dates"),
        ({"span": 3}, "column 'span' holds span cells, not 3.*spans of time"),
        ({"seen": "400000-01-01"}, "column 'seen' holds time cells, not '400000-01-01'"),
        ({"amount": "inf"}, "column 'amount' is to be 'inf', which is missing or not finite"),
        ({"amount": NAIVE}, "column 'amount' holds real cells, not 2024-01-01.*numbers"),
        ({"amount": np.datetime64("2024-01-01")}, "column 'amount' holds real cells, not 2024-01-01"),
    ],
)
def test_a_given_cell_that_cannot_be_is_named(fitted, given, message):
    with pytest.raises(ValueError, match=f"given=.*{message}"):
        fitted[VAETransformer].sample(3, given=given)


def test_dtypes_of_polars_are_those_of_their_columns_however_often_they_are_looked_at():
    frame = pl.DataFrame(
        {"t": ["a", "b"], "f": [1.0, 2.0], "i": [1, 2], "e": pl.Series(["x", "y"], dtype=pl.Enum(["x", "y"]))}
    )
    for _ in range(50):
        assert [str(dtype) for dtype in Frame.of(frame).dtypes] == [str(dtype) for dtype in frame.dtypes]
