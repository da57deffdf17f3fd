"""What a stream of batches learns of levels, and what it says where it does not."""

import pickle
import warnings

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from cases import each_value

from skvae import AutoencoderOutlierDetector, AutoencoderTransformer, VAETransformer

SMALL = {"n_components": 2, "hidden_layer_sizes": (8,), "random_state": 0, "max_iter": 2}
BOTH = [VAETransformer, AutoencoderTransformer]
ESTIMATORS = pytest.mark.parametrize("Estimator", BOTH)
MONTHS = [f"m{i}" for i in range(10)]


def batch(i, n=200):
    """Rows of two months, and a number that follows them."""
    rng = np.random.RandomState(i)
    month = np.repeat([i, i + 1], n // 2)
    return pd.DataFrame({"month": np.array(MONTHS)[month], "x": month + rng.normal(size=n)})


def declared(table, ordered=False):
    return table.astype({"month": pd.CategoricalDtype(MONTHS, ordered=ordered)})


def as_enum(table):
    return pl.DataFrame({"month": pl.Series(table["month"].tolist(), dtype=pl.Enum(MONTHS)), "x": table["x"].tolist()})


def heard(call):
    """What a call warns of."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        call()
    return [str(each.message) for each in caught]


@each_value(kind=[declared, lambda table: declared(table, ordered=True), as_enum], Estimator=BOTH)
def test_levels_that_a_dtype_declares_are_learned_from_later_batches(Estimator, kind):
    model = Estimator(**SMALL, learning_rate_init=0.02)
    for i in range(0, 10, 2):
        assert not heard(lambda i=i: model.partial_fit(kind(batch(i))))
        assert set(model.impute(kind(batch(i)))["month"].to_list()) == {MONTHS[i], MONTHS[i + 1]}
    assert set(model.sample(2000, random_state=0)["month"].to_list()) >= {"m4", "m5", "m6", "m7", "m8", "m9"}
    assert model.sample(3, given={"month": "m7"}, random_state=0)["month"].to_list() == ["m7"] * 3
    assert model._schema.columns[0].levels == MONTHS


@ESTIMATORS
def test_fit_knows_the_levels_that_rows_have(Estimator):
    model = Estimator(**SMALL).fit(declared(batch(0)))
    assert set(model.sample(500, random_state=0)["month"]) == {"m0", "m1"}
    assert len(heard(lambda: model.partial_fit(declared(batch(2))))) == 1


@ESTIMATORS
def test_a_declared_column_may_lack_all_cells_at_first(Estimator):
    table = declared(batch(0)).assign(flag=pd.array([None] * 200, dtype="boolean"))
    table["month"] = pd.Series([None] * 200, dtype=table["month"].dtype)
    model = Estimator(**SMALL, learning_rate_init=0.02).partial_fit(table)
    assert np.isfinite(model.score_samples(table)).all()
    for i in (2, 4, 2, 4):
        later = declared(batch(i)).assign(flag=pd.array(batch(i)["x"] > i, dtype="boolean"))
        assert not heard(lambda later=later: model.partial_fit(later))
    drawn = model.sample(500, random_state=0, with_missing=False)
    assert {"m2", "m4"} <= set(drawn["month"])
    assert drawn["flag"].notna().all()


@each_value(dtype=["bool", "boolean", pd.ArrowDtype(pa.bool_())], Estimator=BOTH)
def test_booleans_know_both(Estimator, dtype):
    first, second = (batch(0).assign(flag=pd.array([flag] * 200, dtype=dtype)) for flag in (False, True))
    model = Estimator(**SMALL, learning_rate_init=0.05).partial_fit(first.drop(columns="month"))
    for _ in range(5):
        assert not heard(lambda: model.partial_fit(second.drop(columns="month")))
    assert model.sample(200, random_state=0)["flag"].sum() > 20


def test_many_declared_levels_share_an_output():
    levels = [f"t{i}" for i in range(600)]
    dtype = pd.CategoricalDtype(levels)
    first, second = (
        pd.DataFrame(
            {"town": pd.Series(np.random.RandomState(i).choice(part, 400), dtype=dtype), "x": np.arange(400.0)}
        )
        for i, part in enumerate((levels[:300], levels[300:]))
    )
    model = VAETransformer(**SMALL, learning_rate_init=0.05).partial_fit(first)
    for _ in range(5):
        assert not heard(lambda: model.partial_fit(second))
    assert np.isfinite(model.score_samples(second)).all()
    assert model.sample(500, random_state=0)["town"].isin(levels[300:]).any()


TABLES = {
    "texts": lambda table: table,
    "categories without a dtype of their own": lambda table: table.astype({"month": "category"}),
    "arrow": lambda table: table.astype({"month": pd.ArrowDtype(pa.string())}),
    "polars": lambda table: pl.DataFrame({name: cells.tolist() for name, cells in table.items()}),
}


@each_value(kind=TABLES, Estimator=BOTH)
def test_levels_that_are_not_learned_are_said_once(Estimator, kind):
    cast = TABLES[kind]
    model = Estimator(**SMALL).partial_fit(cast(batch(0)))
    assert not heard(lambda: model.partial_fit(cast(batch(0))))
    said = heard(lambda: model.partial_fit(cast(batch(1))))
    assert len(said) == 1
    assert "column 'month' holds 100 cells of levels" in said[0]
    assert "such as 'm2' in row 100" in said[0]
    assert ("polars.Enum" if kind == "polars" else "pandas.CategoricalDtype") in said[0]
    assert not heard(lambda: model.partial_fit(cast(batch(4))))
    travelled = pickle.loads(pickle.dumps(model))
    assert not heard(lambda: travelled.partial_fit(cast(batch(5))))
    assert len(heard(lambda: Estimator(**SMALL).partial_fit(cast(batch(0))).partial_fit(cast(batch(5))))) == 1


@ESTIMATORS
def test_a_warm_start_says_so_too(Estimator):
    model = Estimator(**SMALL, warm_start=True).fit(batch(0))
    assert len(heard(lambda: model.fit(batch(1)))) == 1
    assert not heard(lambda: model.fit(batch(2)))
    assert len(heard(lambda: model.set_params(warm_start=False).fit(batch(0)).partial_fit(batch(1)))) == 1


def test_absent_rows_are_not_said_to_be_lost():
    model = VAETransformer(**SMALL).partial_fit(batch(0))
    assert not heard(lambda: model.partial_fit(batch(1), sample_weight=np.repeat([1.0, 0.0], 100)))
    assert "100 cells" in heard(lambda: model.partial_fit(batch(1)))[0]


def test_a_batch_that_is_refused_leaves_all_to_be_said():
    model = VAETransformer(**SMALL).partial_fit(batch(0))
    with pytest.raises(ValueError, match="row 0 holds inf"):
        model.partial_fit(batch(1).assign(x=np.inf))
    assert len(heard(lambda: model.partial_fit(batch(1)))) == 1


def test_levels_of_an_array_and_columns_that_were_empty():
    X = np.c_[np.repeat([1.0, 2.0], 50), np.arange(100.0)]
    model = VAETransformer(**SMALL, categorical_features=[0]).partial_fit(X)
    said = heard(lambda: model.partial_fit(X + np.array([1.0, 0.0])))
    assert len(said) == 1
    assert "column 0 holds 50 cells of levels" in said[0]
    assert "such as 3.0 in row 50" in said[0]
    model = VAETransformer(**SMALL).partial_fit(batch(0).assign(late=pd.Series([None] * 200, dtype=object)))
    said = heard(lambda: model.partial_fit(batch(0).assign(late=["a", None] * 100)))
    assert said == heard(lambda: warnings.warn(said[0], stacklevel=1))
    assert "column 'late' has 100 cells, but none in the rows that training began with" in said[0]
    assert not heard(lambda: model.partial_fit(batch(0).assign(late=["a", None] * 100)))


@pytest.mark.parametrize("ensemble", [False, True])
def test_a_detector_says_it_once_and_learns_what_is_declared(ensemble):
    detector = AutoencoderOutlierDetector(VAETransformer(**SMALL), ensemble=ensemble).partial_fit(batch(0))
    said = heard(lambda: detector.partial_fit(batch(1)))
    assert len(said) == 1
    assert "column 'month' holds 100 cells" in said[0]
    assert "categorical_features" not in said[0]
    assert not heard(lambda: detector.partial_fit(batch(2)))
    detector = AutoencoderOutlierDetector(VAETransformer(**SMALL), ensemble=ensemble).partial_fit(declared(batch(0)))
    for i in (2, 4, 6):
        assert not heard(lambda i=i: detector.partial_fit(declared(batch(i))))
    assert detector._schema.columns[0].levels == MONTHS
    assert np.isfinite(detector.score_samples(declared(batch(8)))).all()
    reasons = detector.explain(declared(batch(8))[:5], n_columns=2)
    assert set(reasons.loc[reasons["column"] == "month", "expected"]) <= set(MONTHS)
