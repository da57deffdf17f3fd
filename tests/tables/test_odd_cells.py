"""Cells that libraries stumble over: dates of two kinds, decimals that signal, categories that lack a level."""

import datetime
import zoneinfo
from decimal import Decimal

import numpy as np
import pandas as pd
import polars as pl
import pytest
from cases import each_pair, each_value

from skvae import AutoencoderOutlierDetector, AutoencoderTransformer, VAETransformer

SMALL = {"n_components": 1, "hidden_layer_sizes": (4,), "random_state": 0, "max_iter": 2}
X = np.random.RandomState(0).normal(size=30)

DAY = datetime.datetime(2001, 1, 1)
NAIVE = [DAY, DAY.date(), pd.Timestamp(DAY), np.datetime64(DAY)]
AWARE = [
    datetime.datetime(2000, 1, 1, tzinfo=datetime.UTC),
    datetime.datetime(2000, 1, 1, tzinfo=zoneinfo.ZoneInfo("Asia/Tokyo")),
    pd.Timestamp("2000-01-01", tz="Europe/Berlin"),
]


def table_of(library, cells):
    x = X[: len(cells)]
    if library == "polars":
        return pl.DataFrame({"c": pl.Series(cells, dtype=pl.Object), "x": x})
    return pd.DataFrame({"c": pd.Series(cells, dtype=object), "x": x})


@each_pair(naive=NAIVE, aware=AWARE, first_is_aware=[False, True], library=["pandas", "polars"])
def test_dates_with_and_without_a_zone_in_a_column_are_an_error_that_says_where(library, naive, aware, first_is_aware):
    first, second = (aware, naive) if first_is_aware else (naive, aware)
    mixed = table_of(library, [first, None, second] * 4)
    holds = f"column 'c', row 2 holds {str(second)[:10]}"
    found = f"{holds}.*, a date with{'out' if first_is_aware else ''} a time zone.*give all"
    for method in ("fit", "partial_fit"):
        with pytest.raises(ValueError, match=found):
            getattr(VAETransformer(**SMALL), method)(mixed)
    fitted = VAETransformer(**SMALL).fit(table_of(library, [first] * 6))
    with pytest.raises(ValueError, match=f"{holds}.*was fitted on dates .*cell.replace.tzinfo="):
        fitted.transform(mixed)
    with pytest.raises(ValueError, match="column 'c', row 0 holds"):
        fitted.transform(table_of(library, [second, first]))


@each_value(others=[[Decimal(1), Decimal(2)], [1.5, 2], ["a", Decimal(2)], [True, False]], library=["pandas", "polars"])
def test_decimals_that_signal_are_holes(library, others):
    holed, marked = (table_of(library, [*others, cell] * 8) for cell in (None, Decimal("sNaN")))
    fits = [VAETransformer(**SMALL).fit(table) for table in (holed, marked)]
    np.testing.assert_array_equal(*(fitted.transform(table) for fitted in fits for table in [marked]))
    filled = fits[1].impute(marked)["c"].to_list() if library == "polars" else fits[1].impute(marked)["c"].tolist()
    assert not any(isinstance(cell, Decimal) and cell.is_nan() for cell in filled)
    detector = AutoencoderOutlierDetector(AutoencoderTransformer(**SMALL), random_state=0).fit(marked)
    np.testing.assert_array_equal(detector.score_samples(marked), detector.score_samples(holed))


def test_decimals_that_signal_are_holes_in_arrays():
    cells = np.array([[Decimal(1), 0.5], [Decimal("sNaN"), 1.5], [2, Decimal(3)]] * 5, dtype=object)
    filled = VAETransformer(**SMALL).fit(cells).impute(cells)
    assert np.isfinite(filled.astype(float)).all()


def test_conditions_are_no_decimals_that_signal():
    fitted = VAETransformer(**SMALL).fit(table_of("pandas", [Decimal(1), Decimal(2)] * 4))
    with pytest.raises(ValueError, match="given=.*column 'c' is to be .*missing"):
        fitted.sample(2, given={"c": Decimal("sNaN")})


TEXTS = ["u", "v", "w"] * 10
LACKING = {
    "category": (pd.Series(TEXTS, dtype="category"), pd.Series(["u", None], dtype=pd.CategoricalDtype(["u"]))),
    "ordered": (
        pd.Series(TEXTS, dtype=pd.CategoricalDtype(["u", "v", "w"], ordered=True)),
        pd.Series(["u", None], dtype=pd.CategoricalDtype(["u"], ordered=True)),
    ),
    "numbers": (pd.Series([1, 2, 3] * 10, dtype="category"), pd.Series([1, None], dtype=pd.CategoricalDtype([1]))),
    "Enum": (
        pl.Series(TEXTS, dtype=pl.Enum(["u", "v", "w"])),
        pl.Series(["u", None], dtype=pl.Enum(["u"])),
    ),
    "Categorical": (pl.Series(TEXTS, dtype=pl.Categorical), pl.Series(["u", None], dtype=pl.Categorical)),
    "Enum, texts": (pl.Series(TEXTS), pl.Series(["u", None], dtype=pl.Enum(["u"]))),
    "Enum, Categorical": (pl.Series(TEXTS, dtype=pl.Categorical), pl.Series(["u", None], dtype=pl.Enum(["u"]))),
}


@pytest.mark.parametrize("kind", LACKING)
@pytest.mark.parametrize("level", [0, 1, 2])
def test_categories_that_lack_what_is_filled_in_are_given_it(kind, level):
    trained, holed = ((pl if isinstance(c, pl.Series) else pd).DataFrame({"c": c}) for c in LACKING[kind])
    schema = VAETransformer(**SMALL).fit(trained)._schema
    filled = schema.filled(holed, np.full((2, 1), float(level)))["c"]
    assert filled.to_list() == [trained["c"][0], trained["c"][level]]
    assert type(filled.dtype) is type(holed["c"].dtype)


DAYS = [datetime.date(2020, 1, 1), datetime.date(2020, 1, 2), None]


@pytest.mark.parametrize("dtype", [pl.Date, pl.Datetime("us"), pl.Datetime("ms"), pl.Datetime("ns", "UTC"), pl.Object])
def test_dates_as_levels_keep_their_dtype_and_may_be_given(dtype):
    days = pl.Series("d", DAYS * 5, dtype=dtype if dtype == pl.Object else pl.Date)
    frame = pl.DataFrame({"d": days if dtype == pl.Object else days.cast(dtype), "x": np.arange(15.0)})
    fitted = VAETransformer(**SMALL, categorical_features=["d"]).fit(frame)
    drawn = fitted.sample(3, random_state=0, given={"d": frame["d"][1]}, with_missing=False)
    for table in (drawn, fitted.inverse_transform(fitted.transform(frame)), fitted.impute(frame)):
        assert table["d"].dtype == frame["d"].dtype
    assert drawn["d"].to_list() == [frame["d"][1]] * 3


COMPLEX = {
    "complex128": lambda cells: pd.Series(cells + 1j),
    "objects": lambda cells: pd.Series((cells + 1j).tolist(), dtype=object),
    "objects of numpy": lambda cells: pd.Series([*(cells + 1j)], dtype=object),
}


@each_pair(kind=COMPLEX, chosen=[None, ["b"]], Estimator=[VAETransformer, AutoencoderTransformer])
def test_complex_cells_are_errors_that_name_the_column(Estimator, kind, chosen):
    frame = pd.DataFrame({"a": np.arange(9.0), "b": np.arange(9.0) % 3})
    fitted = Estimator(**SMALL, categorical_features=chosen).fit(frame)
    odd = frame.assign(b=COMPLEX[kind](np.arange(9.0)))
    for call in (fitted.transform, fitted.score_samples, fitted.impute, fitted.partial_fit):
        with pytest.raises((ValueError, TypeError), match="column 'b'.*([Cc]onvert|drop)"):
            call(odd)
    with pytest.raises(TypeError, match="column 'b' holds complex numbers.*convert or drop"):
        Estimator(**SMALL).fit(odd)


@pytest.mark.parametrize("dtype", ["float64", "float32", "Float64", "double[pyarrow]", "polars"])
def test_infinite_levels_are_errors_as_other_infinite_cells_are(dtype):
    whole = pd.DataFrame({"a": [1.0, 2.0, 3.0] * 5, "b": np.arange(15.0)})
    odd = whole.replace({"a": {3.0: np.inf}})
    odd, whole = ((pl.from_pandas(table) if dtype == "polars" else table.astype(dtype)) for table in (odd, whole))
    fitted = VAETransformer(**SMALL, categorical_features=["a"]).fit(whole)
    for call in (VAETransformer(**SMALL, categorical_features=["a"]).fit, fitted.transform):
        with pytest.raises(ValueError, match="column 'a', row 2 holds inf"):
            call(odd)
