"""Dates in a time zone: days are those on its clocks, hours stay apart."""

import zoneinfo

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

from skvae import AutoencoderOutlierDetector, AutoencoderTransformer, VAETransformer
from skvae._tables.schema import Schema

SMALL = {"n_components": 1, "hidden_layer_sizes": (4,), "random_state": 0, "max_iter": 2}
ZONES = [
    "Europe/Berlin",
    "America/New_York",
    "Asia/Kolkata",
    "Australia/Lord_Howe",
    "Pacific/Chatham",
    "Africa/Casablanca",
]
AT_MIDNIGHT = ["America/Sao_Paulo", "America/Havana", "Asia/Beirut"]
"""Zones whose clocks were put forward or back at midnight: a day began at one o'clock, or had two midnights."""

ESTIMATORS = pytest.mark.parametrize("Estimator", [VAETransformer, AutoencoderTransformer])
N = 300


def midnights(zone, n=N, start="2017-01-01"):
    days = pd.date_range(start, periods=700)[np.random.RandomState(0).randint(0, 700, n)]
    return pd.Series(days).dt.tz_localize(zone, nonexistent="shift_forward", ambiguous=np.ones(n, dtype=bool))


def as_objects(days):
    zone = zoneinfo.ZoneInfo(str(days.dt.tz))
    return pd.Series([day.to_pydatetime().astimezone(zone) for day in days], dtype=object)


KINDS = {
    "datetime64[us]": lambda days: days.astype(f"datetime64[us, {days.dt.tz}]"),
    "datetime64[ns]": lambda days: days.astype(f"datetime64[ns, {days.dt.tz}]"),
    "datetime64[s]": lambda days: days.astype(f"datetime64[s, {days.dt.tz}]"),
    "timestamps": lambda days: days.astype(object),
    "datetimes": as_objects,
    "arrow": lambda days: days.astype(pd.ArrowDtype(pa.timestamp("ms", tz=str(days.dt.tz)))),
}


def table_of(days):
    return pd.DataFrame({"day": days, "x": np.random.RandomState(1).normal(size=len(days))})


def begin_days(cells):
    """Whether all times are those at which days begin where they are."""
    times = pd.to_datetime(pd.Series(cells).dropna().astype(object), utc=True).dt.tz_convert(cells.iloc[0].tzinfo)
    return (times.dt.date != (times - pd.Timedelta("1us")).dt.date).all()


def read(cells):
    """The column that a frame's schema makes of cells, and the numbers it takes them for."""
    table = cells.to_frame("day") if isinstance(cells, pl.Series) else pd.DataFrame({"day": cells})
    schema = Schema.of(table, None, "test")
    return schema, schema.encode(table, "test")[:, 0]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("zone", ZONES)
def test_days_of_a_zone_are_whole_numbers_and_come_back(zone, kind):
    cells = KINDS[kind](midnights(zone))
    schema, numbers = read(cells)
    np.testing.assert_array_equal(numbers, np.rint(numbers))
    assert schema.columns[0].unit == "day"
    back = schema.rows(numbers[:, None] + 0.3, float)["day"]
    assert back.dtype == cells.dtype
    assert back.tolist() == cells.tolist()


@pytest.mark.parametrize("zone", AT_MIDNIGHT)
def test_days_that_begin_at_one_or_have_two_midnights_are_days(zone):
    cells = midnights(zone, n=20_000)
    schema, numbers = read(cells)
    assert schema.columns[0].unit == "day"
    assert schema.rows(np.floor(numbers)[:, None], float)["day"].tolist() == cells.tolist()


@pytest.mark.parametrize("zone", ["Australia/Lord_Howe", "America/Caracas", "Asia/Pyongyang", "Asia/Kathmandu"])
@pytest.mark.parametrize("kind", KINDS)
def test_hours_of_clocks_that_were_put_forward_by_less_than_one_stay_hours(zone, kind):
    days = pd.to_datetime(["1985-01-01", "1985-07-01", "2010-01-01", "2017-07-01"])
    hours = pd.Series(days.repeat(60) + pd.to_timedelta(np.tile(np.arange(60), 4), unit="h"))
    table = table_of(KINDS[kind](hours.dt.tz_localize(zone)))
    schema = Schema.of(table, None, "owner")
    numbers = schema.encode(table, "owner")
    assert (schema.rows(numbers, np.float64)["day"] == table["day"]).all()
    between = schema.rows(numbers + np.array([7.3, 0.0]), np.float64, drawn=True)["day"]
    assert {cell.minute for cell in between} == {0}


@ESTIMATORS
@pytest.mark.parametrize("kind", ["datetime64[us]", "datetimes", "arrow"])
def test_draws_and_fillings_of_days_begin_days(Estimator, kind):
    table = table_of(KINDS[kind](midnights("Europe/Berlin")))
    model = Estimator(**SMALL).fit(table)
    lacking = table.copy()
    lacking.loc[::5, "day"] = None
    filled = model.impute(lacking)
    assert filled["day"][lacking["day"].notna()].tolist() == table["day"][lacking["day"].notna()].tolist()
    drawn, decoded = model.sample(100, random_state=0), model.inverse_transform(model.transform(table))
    for cells in (filled["day"], *(one["day"] for one in model.impute(lacking, 2, 0)), drawn["day"], decoded["day"]):
        assert cells.dtype == table["day"].dtype
        assert cells.notna().all()
        assert begin_days(cells)
    assert table["day"].min() <= drawn["day"].min() <= drawn["day"].max() <= table["day"].max()


def test_days_of_a_zone_in_polars():
    days = midnights("America/New_York").to_list()
    table = pl.DataFrame({"day": pl.Series(days).cast(pl.Datetime("ms", "America/New_York")), "x": np.arange(N) / N})
    model = VAETransformer(**SMALL).fit(table)
    lacking = table.with_columns(pl.when(pl.col("x") < 0.2).then(None).otherwise(pl.col("day")).alias("day"))
    for cells in (model.sample(100, random_state=0)["day"], model.impute(lacking)["day"]):
        assert cells.dtype == table["day"].dtype
        assert (cells.dt.time().cast(pl.String) == "00:00:00").all()


def test_a_day_without_a_zone_is_given_in_that_of_the_column():
    table = table_of(midnights("Europe/Berlin"))
    model = VAETransformer(**SMALL).fit(table)
    wanted = pd.Timestamp("2017-07-01", tz="Europe/Berlin")
    for day in ("2017-07-01", wanted, wanted.to_pydatetime(), "2017-06-30T22:00Z"):
        assert set(model.sample(3, random_state=0, given={"day": day})["day"]) == {wanted}
    model = VAETransformer(**SMALL).fit(table_of(midnights("America/Sao_Paulo")))
    begin = model.sample(3, random_state=0, given={"day": "2017-10-15"})["day"]
    assert set(begin) == {pd.Timestamp("2017-10-15 01:00", tz="America/Sao_Paulo")}


@pytest.mark.parametrize("ensemble", [False, True])
def test_what_is_expected_of_days_begins_days_and_lies_in_order(ensemble):
    table = table_of(midnights("Europe/Berlin"))
    detector = AutoencoderOutlierDetector(VAETransformer(**SMALL), ensemble=ensemble).fit(table)
    odd = table[:20].assign(day=pd.Timestamp("2031-07-01 12:30", tz="Europe/Berlin"))
    reasons = detector.explain(odd, n_columns=2)
    days = reasons[reasons["column"] == "day"]
    assert set(days["value"]) == set(odd["day"])
    for name in ("expected", "low", "high"):
        assert begin_days(days[name])
    assert (days["low"] <= days["expected"]).all()
    assert (days["expected"] <= days["high"]).all()


@pytest.mark.parametrize(
    ("zone", "unit"), [("Asia/Kolkata", "hour"), ("Australia/Adelaide", "hour"), ("Asia/Kathmandu", "hour")]
)
def test_hours_of_a_zone_half_past_those_of_utc_are_hours(zone, unit):
    hours = pd.Series(pd.date_range("2023-01-01", "2023-12-01", freq="h", tz=zone))
    schema, numbers = read(hours)
    assert schema.columns[0].unit == unit
    assert schema.rows(numbers[:, None] + 0.2, float)["day"].tolist() == hours.tolist()


@pytest.mark.parametrize("zone", ["Europe/Berlin", "America/New_York", "Australia/Adelaide", "Australia/Lord_Howe"])
def test_both_hours_of_an_autumn_night_stay_apart(zone):
    times = pd.Series(pd.date_range("2023-01-01", "2023-12-01", freq="30min", tz=zone))
    schema, numbers = read(times)
    assert len(set(numbers)) == len(times)
    assert (np.diff(numbers) > 0).all()
    assert schema.rows(numbers[:, None], float)["day"].tolist() == times.tolist()


def test_a_time_within_a_column_of_days_stays_as_it_was():
    table = table_of(midnights("Europe/Berlin"))
    model = VAETransformer(**SMALL).fit(table)
    second = pd.Timestamp("2017-10-29 01:30", tz="UTC").tz_convert("Europe/Berlin")
    new = table[:9].copy()
    new.loc[3, "day"], new.loc[5, "day"] = second, None
    filled = model.impute(new)["day"]
    assert filled.drop(5).tolist() == new["day"].drop(5).tolist()
    assert begin_days(filled[[5]])
    assert np.isfinite(model.score_samples(new)).all()


def test_rows_in_another_zone_are_the_same_moments():
    table = table_of(midnights("Europe/Berlin"))
    model = VAETransformer(**SMALL).fit(table)
    elsewhere = table.assign(day=table["day"].dt.tz_convert("Asia/Tokyo"))
    np.testing.assert_array_equal(model.transform(elsewhere), model.transform(table))


def test_a_stream_of_days_and_a_detector_that_goes_on():
    table = table_of(midnights("America/New_York"))
    model = VAETransformer(**SMALL).partial_fit(table[:150]).partial_fit(table[150:])
    assert begin_days(model.sample(50, random_state=0)["day"])
    detector = AutoencoderOutlierDetector(VAETransformer(**SMALL)).fit(table[:150]).partial_fit(table[150:])
    held = detector._schema.table(detector._recent.X)["day"]
    assert held.tolist() == table["day"].tolist()
