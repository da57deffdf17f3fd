"""Cells that libraries stumble over: dates of two kinds, decimals that signal, categories that lack a level."""

import datetime
import zoneinfo
from decimal import Decimal

import numpy as np
import pandas as pd
import polars as pl
import pytest

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
LIBRARIES = pytest.mark.parametrize("library", ["pandas", "polars"])


def table_of(library, cells):
    x = X[: len(cells)]
    if library == "polars":
        return pl.DataFrame({"c": pl.Series(cells, dtype=pl.Object), "x": x})
    return pd.DataFrame({"c": pd.Series(cells, dtype=object), "x": x})


@LIBRARIES
@pytest.mark.parametrize("first_is_aware", [False, True])
@pytest.mark.parametrize("aware", AWARE, ids=str)
@pytest.mark.parametrize("naive", NAIVE, ids=lambda cell: type(cell).__name__)
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


@LIBRARIES
@pytest.mark.parametrize("others", [[Decimal(1), Decimal(2)], [1.5, 2], ["a", Decimal(2)], [True, False]], ids=str)
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
