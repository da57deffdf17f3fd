"""Numbers and dates written as text are named, with the line that mends them; codes and few levels are left alone."""

import re
import warnings

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from counting import calls
from sklearn.ensemble import IsolationForest
from sklearn.exceptions import DataConversionWarning
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder

from skvae import AutoencoderOutlierDetector, AutoencoderTransformer, VAETransformer
from skvae._tables.schema import Schema
from skvae._tables.texts import reading_of

SMALL = {"n_components": 1, "hidden_layer_sizes": (4,), "random_state": 0, "max_iter": 1}
N = 300
RNG = np.random.RandomState(0)
AGES = RNG.randint(18, 75, N)
PRICES = RNG.randint(100, 90_000, N) / 4
DAYS = pd.Timestamp("2021-05-01") + pd.to_timedelta(RNG.randint(0, 900, N), unit="D")
TIMES = DAYS + pd.to_timedelta(RNG.randint(0, 86_400, N), unit="s")

NUMBERS = {
    "whole": ([str(age) for age in AGES], AGES),
    "with nan": (["nan" if i % 40 == 7 else str(age) for i, age in enumerate(AGES)], AGES),
    "with many words for holes": (
        [["n/a", "-", "?", ""][i % 4] if i % 5 == 0 else str(a) for i, a in enumerate(AGES)],
        AGES,
    ),
    "with blanks around": ([f" {age} " for age in AGES], AGES),
    "fractions": ([f"{price:.2f}" for price in PRICES], PRICES),
    "signs and powers": ([f"{(-1) ** i * price:+.4e}" for i, price in enumerate(PRICES)], None),
    "thousands": ([f"{price:,.2f}" for price in PRICES], PRICES),
    "thousands with blanks": ([f"{price:,.2f}".replace(",", " ") for price in PRICES], PRICES),
    "dollars": ([f"${price:,.2f}" for price in PRICES], PRICES),
    "few with thousands": ([f"{price:,.0f}" for price in np.rint(PRICES / 20)], np.rint(PRICES / 20)),
    "euros": ([f"{price:.2f} €" for price in PRICES], PRICES),
    "per cent": ([f"{age + i / 1000}%" for i, age in enumerate(AGES)], AGES + np.arange(N) / 1000),
    "decimal comma": ([f"{price:.2f}".replace(".", ",") for price in PRICES], PRICES),
    "all European": ([f"{price:,.2f}".translate({44: ".", 46: ","}) for price in PRICES], PRICES),
}
DATES = {
    "ISO": ("%Y-%m-%d", DAYS),
    "ISO with times": ("%Y-%m-%d %H:%M:%S", TIMES),
    "ISO with T": ("%Y-%m-%dT%H:%M:%S", TIMES),
    "with a zone": ("%Y-%m-%dT%H:%M:%SZ", TIMES),
    "fractions of seconds": ("%Y-%m-%d %H:%M:%S.%f", TIMES),
    "day first": ("%d/%m/%Y", DAYS),
    "month first": ("%m/%d/%Y", DAYS),
    "month first with times": ("%m/%d/%Y %H:%M", TIMES.floor("min")),
    "half days": ("%m/%d/%Y %I:%M %p", TIMES.floor("min")),
    "dots": ("%d.%m.%Y", DAYS),
    "short years": ("%d.%m.%y", DAYS),
    "digits": ("%Y%m%d", DAYS),
    "names": ("%d %b %Y", DAYS),
    "long names": ("%B %d, %Y", DAYS),
    "weekdays": ("%a %d %b %Y", DAYS),
    "weekdays and commas": ("%A, %d %B %Y", DAYS),
    "of mails": ("%a, %d %b %Y %H:%M:%S +0000", TIMES),
    "of logs": ("%a %b %d %H:%M:%S %Y", TIMES),
    "years, then names": ("%Y-%b-%d", DAYS),
    "no blanks": ("%d%b%Y", DAYS),
    "with words": ("%A %d %B %Y at %H:%M", TIMES.floor("min")),
}
LEFT_ALONE = {
    "flags": ["0", "1"] * (N // 2),
    "grades": [str(i % 5 + 1) for i in range(N)],
    "nineteen levels": [str(i % 19) for i in range(N)],
    "codes with zeros in front": [f"{i * 37 % 90_000:05}" for i in range(N)],
    "some codes with zeros in front": [f"{i:02}" for i in range(N)],
    "account numbers": [str(10**17 + 7 * i) for i in range(N)],
    "words": [f"word{i}" for i in range(N)],
    "sentences with digits": [f"{i} apples and {i} pears" for i in range(N)],
    "numbers and as many words": [str(i) if i % 2 else f"room {i}" for i in range(N)],
    "versions": [f"{i % 9}.{i % 7}.{i}" for i in range(N)],
    "days without years": [f"{i % 28 + 1:02}/{i % 12 + 1:02}" for i in range(N)],
    "impossible dates": [f"{i % 90:02}/{i % 80:02}/{1000 + i}" for i in range(N)],
    "words with names of months": [f"{['marble', 'mayor', 'Jan', 'decor'][i % 4]} {i}" for i in range(N)],
    "orders of months": [f"{['Mar', 'May', 'Oct'][i % 3]}-{i % 28 + 1}-B{2000 + i}" for i in range(N)],
    "weekdays alone": [f"{['Mon', 'Tue', 'Wed'][i % 3]} {i}" for i in range(N)],
    "addresses": [f"10.{i % 250}.{i % 199}.{i % 33}" for i in range(N)],
}


def table_of(cells, dtype=object):
    return pd.DataFrame({"x": pd.Series(cells, dtype=dtype), "y": np.arange(float(len(cells)))})


def heard(call):
    """What a call says of texts that are no levels; that they are identifiers is another matter."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        call()
    said = [str(each.message) for each in caught if each.category is DataConversionWarning]
    return [message for message in said if "is an identifier" not in message]


def read(X):
    """Read a table as an estimator does that is fitted on it."""
    Schema.of(X, "from_dtype", "VAETransformer", advise=True)


def said(X):
    """What is said of the one odd column of a table."""
    found = heard(lambda: read(X))
    assert len(found) == 1
    return found[0]


def mended(X, message):
    """The table after the line that the message gives."""
    line = re.search(r"For (?:numbers|dates), (X.*?); for levels", message).group(1)
    scope = {"X": X.clone() if isinstance(X, pl.DataFrame) else X.copy(), "pandas": pd, "polars": pl}
    exec(line, scope)
    return scope["X"]


@pytest.mark.parametrize("name", NUMBERS)
def test_texts_of_numbers_are_named_with_the_line_that_makes_numbers_of_them(name):
    cells, numbers = NUMBERS[name]
    X = table_of(cells)
    message = said(X)
    assert re.match(r"column 'x', row \d+ holds '", message)
    assert f"{X['x'].nunique()} levels, which have no order" in message
    assert "categorical_features" not in message
    Y = mended(X, message)
    assert Y["x"].dtype.kind in "if"
    known = Y["x"].notna()
    assert known.mean() > 0.7
    if numbers is not None:
        np.testing.assert_allclose(Y["x"][known], np.asarray(numbers)[known])
    assert not heard(lambda: read(Y))


@pytest.mark.parametrize("name", DATES)
def test_texts_of_dates_are_named_with_the_line_that_makes_dates_of_them(name):
    form, dates = DATES[name]
    X = table_of(dates.strftime(form).tolist())
    message = said(X)
    Y = mended(X, message)
    zoneless = Y["x"].dt.tz_localize(None) if Y["x"].dt.tz is not None else Y["x"]
    assert (zoneless.to_numpy("M8[s]") == dates.to_numpy("M8[s]")).all()
    assert not heard(lambda: read(Y))


@pytest.mark.parametrize("dtype", [object, "str", "string", pd.ArrowDtype(pa.string())])
@pytest.mark.parametrize("Estimator", [VAETransformer, AutoencoderTransformer])
def test_every_dtype_of_texts_and_every_route_is_looked_at(Estimator, dtype):
    X = table_of(NUMBERS["with nan"][0], dtype)
    assert len(heard(lambda: Estimator(**SMALL).fit(X))) == 1
    assert len(heard(lambda: Estimator(**SMALL).partial_fit(X))) == 1
    assert "row 7 holds 'nan', but nearly all its other cells are numbers" in said(X)
    on_purpose = X.astype({"x": "category"})
    assert not heard(lambda: Estimator(**SMALL).fit(on_purpose))
    assert not heard(lambda: Estimator(**SMALL, categorical_features=["x"]).fit(X))
    model = Estimator(**SMALL).fit(on_purpose)
    assert not heard(lambda: [model.transform(X), model.partial_fit(X)])


@pytest.mark.parametrize("cells", [NUMBERS["whole"][0], NUMBERS["dollars"][0], NUMBERS["all European"][0]])
def test_a_polars_frame_is_told_what_polars_does(cells):
    X = pl.DataFrame({"x": cells, "y": np.arange(float(N))})
    Y = mended(X, said(X))
    assert Y["x"].dtype == pl.Float64
    assert Y["x"].null_count() == 0
    assert not heard(lambda: read(X.with_columns(pl.col("x").cast(pl.Categorical))))


@pytest.mark.parametrize("name", ["ISO", "ISO with times", "day first", "names", "weekdays"])
def test_dates_of_a_polars_frame(name):
    form, dates = DATES[name]
    X = pl.DataFrame({"x": dates.strftime(form).tolist(), "y": np.arange(float(N))})
    Y = mended(X, said(X))
    assert Y["x"].dtype.is_temporal()
    assert Y["x"].null_count() == 0


@pytest.mark.parametrize("name", LEFT_ALONE)
def test_codes_words_and_few_levels_are_left_alone(name):
    assert not heard(lambda: read(table_of(LEFT_ALONE[name])))


def test_a_few_words_among_many_numbers_are_found_by_cells():
    cells = [str(i % 40) for i in range(5000)]
    for i in range(6):
        cells[700 * i + 3] = f"about {i}"
    message = said(table_of(cells))
    assert "row 3 holds 'about 0', but nearly all its other cells are numbers" in message


@pytest.mark.parametrize("ensemble", [False, True])
def test_a_detector_says_it_once_and_only_of_what_it_reads(ensemble):
    X = table_of(NUMBERS["whole"][0])
    detector = AutoencoderOutlierDetector(VAETransformer(**SMALL), ensemble=ensemble)
    assert len(heard(lambda: detector.fit(X))) == 1
    assert len(heard(lambda: detector.partial_fit(X))) == 0
    encoded = AutoencoderOutlierDetector(make_pipeline(OneHotEncoder(handle_unknown="ignore"), IsolationForest()))
    assert not heard(lambda: encoded.fit(X))


def test_many_levels_cost_little():
    def texts_and_numbers(n_levels):
        for form in ("free text {}", "{}"):
            texts = pd.Series([form.format(i) for i in range(n_levels)])
            yield calls(reading_of, texts.tolist(), texts), reading_of(texts.tolist(), texts)

    (few, _), _ = texts_and_numbers(2000)
    (many, nothing), (of_numbers, numbers) = texts_and_numbers(200_000)
    assert nothing is None
    assert many <= few  # the first levels tell
    assert numbers.odd is None
    assert of_numbers < 3 * 200_000  # each is looked at once or twice
