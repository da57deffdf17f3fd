"""Columns that name rows are named at fit, with the line that leaves them out; columns that hold something are not."""

import re
import uuid
import warnings

import numpy as np
import pandas as pd
import polars as pl
import pytest
from sklearn.datasets import load_breast_cancer, load_diabetes, load_iris, load_linnerud, load_wine
from sklearn.exceptions import DataConversionWarning

from skvae import AutoencoderImputer, AutoencoderOutlierDetector, AutoencoderTransformer, VAETransformer
from skvae._tables.schema import Schema

N = 100
SMALL = {"n_components": 1, "hidden_layer_sizes": (4,), "random_state": 0, "max_iter": 1}
RNG = np.random.RandomState(0)
CODES = [f"{7590 + 37 * i}-VHVEG" for i in range(N)]
TICKETS = [f"A/{i}" if i % 5 < 3 else f"family {i // 10}" for i in range(N)]

IDENTIFIERS = {
    "texts": (CODES, "has 100 different values in 100 cells, such as '7590-VHVEG'"),
    "with holes": ([None if i % 4 == 1 else code for i, code in enumerate(CODES)], "has 75 different values in 75 "),
    "two thirds alone": (TICKETS, "has 70 different values in 100 cells, such as 'A/0'"),
    "categories": (pd.Categorical(CODES), "has 100 different values"),
    "numbers with zeros in front": (
        [f"{37 * i:08}" for i in range(N)],
        "has 100 different values in 100 cells, such as '00000000'",
    ),
    "objects": ([uuid.UUID(int=i) for i in range(N)], "has 100 different values in 100 cells, such as UUID("),
    "row numbers": (np.arange(N), "goes up by 1 from row to row, from 0"),
    "backwards": (500 - 3 * np.arange(N), "goes down by 3 from row to row, from 500"),
    "nullable": (pd.array(np.arange(N) + 10**9, dtype="Int64"), "goes up by 1 from row to row, from 1000000000"),
}
ORDINARY = {
    "cents": RNG.permutation(90_000)[:N],
    "sorted": np.sort(RNG.permutation(90_000)[:N]),
    "shuffled row numbers": RNG.permutation(N),
    "floats that go up": np.arange(N) / 4.0,
    "constant": np.full(N, 7),
    "half of the texts come twice": [f"name {i % 75}" for i in range(N)],
    "few levels": [f"street {i % 20}" for i in range(N)],
    "few cells": [code if i < 29 else None for i, code in enumerate(CODES)],
    "dates": pd.date_range("2024-01-01", periods=N),
    "months": pd.period_range("2000-01", periods=N, freq="M"),
    "days as objects": pd.Series(pd.date_range("2024-01-01", periods=N).date, dtype=object),
    "booleans": RNG.uniform(size=N) < 0.5,
}


def table_of(cells):
    return pd.DataFrame({"id": cells, "y": RNG.normal(size=N)})


def heard(call):
    """What a call warns of."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        call()
    return [str(each.message) for each in caught if each.category is DataConversionWarning]


def read(X, **further):
    """Read a table as an estimator does that is fitted on it."""
    Schema.of(X, "from_dtype", "VAETransformer", advise=True, **further)


@pytest.mark.parametrize("name", IDENTIFIERS)
def test_an_identifier_is_named_with_a_value_and_the_line_that_leaves_it_out(name):
    cells, words = IDENTIFIERS[name]
    X = table_of(cells)
    (message,) = heard(lambda: read(X))
    assert message.startswith(f"column 'id' {words}")
    line = re.search(r"as (X\.drop.*) does", message).group(1)
    assert list(eval(line, {"X": X})) == ["y"]


@pytest.mark.parametrize("name", ORDINARY)
def test_a_column_that_holds_something_is_not_named(name):
    assert not heard(lambda: read(table_of(ORDINARY[name])))


def test_a_table_is_told_of_all_identifiers_at_once():
    X = table_of(CODES).assign(row=np.arange(N), **{f"id{i}": CODES for i in range(6)})
    (message,) = heard(lambda: read(X))
    assert message.count("different values") + message.count("row to row") == 5
    assert "; and 3 more. " in message
    assert str(list(X.columns.drop("y"))) in message


def test_a_polars_frame_is_told_what_polars_does():
    X = pl.DataFrame({"id": CODES, "y": RNG.normal(size=N)})
    (message,) = heard(lambda: read(X))
    assert "X.drop(['id']) does" in message
    assert X.drop(["id"]).columns == ["y"]


def test_texts_of_numbers_and_dates_are_named_once_and_as_such():
    for cells in ([str(3 * i + 0.5) for i in range(N)], pd.date_range("2024-01-01", periods=N).strftime("%d.%m.%Y")):
        (message,) = heard(lambda cells=cells: read(table_of(cells)))
        assert "levels, which have no order" in message


@pytest.mark.parametrize("Estimator", [VAETransformer, AutoencoderTransformer])
def test_it_is_said_once_a_fit_and_once_a_stream_and_the_column_is_used(Estimator):
    X = table_of(CODES)
    model = Estimator(**SMALL)
    assert len(heard(lambda: model.fit(X))) == 1
    assert model.n_features_in_ == 2
    assert not heard(lambda: [model.transform(X), model.score_samples(X), model.sample(3), model.partial_fit(X)])
    assert not heard(lambda: Estimator(**SMALL, categorical_features=["id"]).fit(X))
    stream = Estimator(**SMALL)
    assert [len(heard(lambda: stream.partial_fit(X))) for _ in range(2)] == [1, 0]


def test_levels_that_a_stream_declares_are_meant():
    declared = pd.Categorical(CODES[:40], categories=CODES)
    assert not heard(
        lambda: VAETransformer(**SMALL).partial_fit(
            pd.DataFrame({"id": declared, "y": range(40, 0, -1)}).astype({"y": float})
        )
    )


@pytest.mark.parametrize(
    "estimator",
    [
        AutoencoderOutlierDetector(VAETransformer(**SMALL), ensemble=True),
        AutoencoderOutlierDetector(VAETransformer(**SMALL)),
        AutoencoderImputer(VAETransformer(**SMALL)),
    ],
)
def test_what_stands_around_an_estimator_says_it_once(estimator):
    assert len(heard(lambda: estimator.fit(table_of(CODES)))) == 1


@pytest.mark.parametrize("load", [load_iris, load_wine, load_breast_cancer, load_diabetes, load_linnerud])
def test_no_table_of_scikit_learn_has_one(load):
    assert not heard(lambda: read(load(as_frame=True).frame))


def test_rows_of_weight_zero_and_rows_that_come_twice_have_a_say():
    X, twice = table_of(CODES), pd.concat([table_of(CODES)] * 2)
    assert not heard(lambda: read(twice))
    assert not heard(lambda: VAETransformer(**SMALL).fit(X, sample_weight=np.arange(N) < 29))
    assert len(heard(lambda: VAETransformer(**SMALL).fit(X, sample_weight=np.arange(N) < 30))) == 1
