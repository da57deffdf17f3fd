"""Frames of every make: columns that are empty or of another kind in new rows, subclasses, names, masks, storage."""

import datetime
import decimal
import pickle
import uuid

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
import skops.io
from columns import pandas_columns, polars_columns
from sklearn.ensemble import IsolationForest
from sklearn.exceptions import DataConversionWarning

from skvae import AutoencoderOutlierDetector, AutoencoderTransformer, VAETransformer
from skvae._tables.schema import Schema

ESTIMATORS = pytest.mark.parametrize("Estimator", [VAETransformer, AutoencoderTransformer])
SMALL = {"n_components": 1, "hidden_layer_sizes": (4,), "random_state": 0, "max_iter": 2}
N = 60
ROWS = np.arange(N)


def detector():
    return AutoencoderOutlierDetector(VAETransformer(**SMALL), ensemble=False)


# Columns that new rows leave empty

OF_PANDAS = {
    "float64": pd.Series([np.nan] * 6),
    "object": pd.Series([None] * 6, dtype=object),
    "str": pd.Series([None] * 6, dtype="str"),
    "category": pd.Series(pd.Categorical([None] * 6)),
    "datetime64": pd.Series([pd.NaT] * 6, dtype="M8[ns]"),
    "arrow null": pd.Series([None] * 6, dtype=pd.ArrowDtype(pa.null())),
}
OF_POLARS = {
    "Null": pl.Series([None] * 6, dtype=pl.Null),
    "Float64": pl.Series([float("nan")] * 6),
    "String": pl.Series([None] * 6, dtype=pl.String),
    "Date": pl.Series([None] * 6, dtype=pl.Date),
}


@pytest.fixture(scope="module")
def of_all_dtypes():
    """Tables of all dtypes by library, each with a model that was fitted on it."""
    tables = {"pandas": pd.DataFrame(pandas_columns()), "polars": pl.DataFrame(polars_columns())}
    return {library: (table, VAETransformer(**SMALL).fit(table)) for library, table in tables.items()}


@pytest.mark.parametrize("name", OF_PANDAS)
def test_a_column_empty_in_new_rows_comes_back_in_the_training_dtype(of_all_dtypes, name):
    table, model = of_all_dtypes["pandas"]
    empty = pd.DataFrame(dict.fromkeys(table.columns, OF_PANDAS[name])).set_axis(list("uvwxyz"))
    assert np.isfinite(model.score_samples(empty)).all()
    assert np.isfinite(model.transform(empty)).all()
    for filled in (model.impute(empty), *model.impute(empty, n_imputations=2, random_state=0)):
        assert list(filled.dtypes) == list(table.dtypes)
        assert filled.notna().all(axis=None)
        assert filled.index.equals(empty.index)


@pytest.mark.parametrize("name", OF_POLARS)
def test_a_column_empty_in_new_rows_of_polars_comes_back_in_the_training_dtype(of_all_dtypes, name):
    table, model = of_all_dtypes["polars"]
    empty = pl.DataFrame(dict.fromkeys(table.columns, OF_POLARS[name]))
    assert np.isfinite(model.score_samples(empty)).all()
    filled = model.impute(empty)
    assert filled.schema == table.schema
    assert filled.null_count().sum_horizontal().item() == 0


def test_a_detector_takes_a_column_that_new_rows_leave_empty():
    table = pd.DataFrame({"zip": [f"{2130 + i % 7:05}" for i in ROWS], "day": pd.Timestamp("2020"), "x": ROWS * 1.0})
    fitted = detector().fit(table)
    new = table.head(6).assign(zip=np.nan, day=None)
    assert set(fitted.predict(new)) <= {-1, 1}
    assert len(fitted.explain(new)) == 18
    fitted.partial_fit(new)


# Columns of another kind

KINDS = {
    "texts": pd.Series([f"{2130 + i % 7:05}" for i in ROWS]),
    "numbers": pd.Series(2130 + ROWS % 7),
    "booleans": pd.Series(ROWS % 2 == 0),
    "texts of booleans": pd.Series(np.where(ROWS % 2 == 0, "True", "False")),
    "dates": pd.Series(pd.Timestamp("2020-01-01") + pd.to_timedelta(ROWS % 7, unit="D")),
    "texts of dates": pd.Series([f"2020-01-0{1 + i % 7}" for i in ROWS]),
    "spans": pd.Series(pd.to_timedelta(ROWS % 7, unit="D")),
    "category of texts": pd.Series(pd.Categorical([f"{2130 + i % 7:05}" for i in ROWS])),
    "category of numbers": pd.Series(pd.Categorical(2130 + ROWS % 7)),
    "category of dates": pd.Series(pd.Categorical(pd.Timestamp("2020-01-01") + pd.to_timedelta(ROWS % 7, unit="D"))),
    "months": pd.Series(pd.period_range("2020-01", periods=N, freq="M")),
    "days": pd.Series(pd.period_range("2020-01-01", periods=N, freq="D")),
}
ALIKE = [
    {"texts", "texts of booleans", "texts of dates", "category of texts"},
    {"numbers", "category of numbers"},
    {"dates", "category of dates"},
]
READABLE = {("numbers", "texts"), ("numbers", "booleans"), ("numbers", "category of texts")}


@pytest.mark.parametrize("was", KINDS)
def test_a_column_of_which_no_cell_is_of_the_training_kind_is_said_to_be_so(was):
    model = VAETransformer(n_importance_samples=8, **SMALL).fit(pd.DataFrame({"c": KINDS[was], "x": ROWS * 1.0}))
    for now, cells in KINDS.items():
        new = pd.DataFrame({"c": cells, "x": ROWS * 1.0})
        if was == now or any({was, now} <= group for group in ALIKE):
            model.score_samples(new)
        elif (was, now) in READABLE:
            with pytest.warns(DataConversionWarning, match="column 'c'.*fitted on numbers there.*Convert it"):
                model.score_samples(new)
        else:
            with pytest.raises(ValueError, match="column 'c'"):
                model.score_samples(new)


@pytest.mark.parametrize("make", [VAETransformer, AutoencoderTransformer, AutoencoderOutlierDetector])
def test_postcodes_as_numbers_are_an_error_with_a_remedy_on_every_route(make):
    table = pd.DataFrame({"zip": KINDS["texts"], "x": ROWS * 1.0})
    fitted = (detector() if make is AutoencoderOutlierDetector else make(**SMALL)).fit(table)
    new = table.assign(zip=KINDS["numbers"])
    routes = [fitted.score_samples, fitted.partial_fit]
    routes += [fitted.predict, fitted.explain] if hasattr(fitted, "predict") else [fitted.transform, fitted.impute]
    for route in routes:
        with pytest.raises(ValueError, match=r"column 'zip' holds numbers.*texts such as '02130'.*astype\(str\)"):
            route(new)


def test_a_few_cells_of_the_training_kind_are_enough():
    table = pd.DataFrame({"zip": KINDS["texts"].astype(object), "x": ROWS * 1.0})
    model = VAETransformer(**SMALL).fit(table)
    assert np.isfinite(model.score_samples(table.assign(zip=[2130] * (N - 1) + ["02130"]))).all()


def test_levels_that_are_equal_numbers_are_of_one_kind_and_booleans_are_not():
    table = pd.DataFrame({"c": KINDS["numbers"], "x": ROWS * 1.0})
    model = VAETransformer(**SMALL, categorical_features=["c"]).fit(table)
    codes = model.transform(table)
    for same in (table["c"].astype(float), table["c"].map(lambda cell: decimal.Decimal(int(cell)))):
        np.testing.assert_array_equal(model.transform(table.assign(c=same)), codes)
    with pytest.raises(ValueError, match="column 'c' holds booleans.*fitted on numbers such as 2130"):
        model.transform(table.assign(c=KINDS["booleans"]))
    paid = VAETransformer(**SMALL).fit(table.assign(c=KINDS["booleans"]))
    with pytest.warns(DataConversionWarning, match="column 'c' holds numbers.*fitted on booleans"):
        paid.transform(table.assign(c=(ROWS % 2).astype(float)))


# Subclasses


class Sites(pd.DataFrame):
    """A data frame with a property of its own, as a GeoDataFrame is."""

    _metadata = ("crs",)

    @property
    def _constructor(self):
        return Sites


class Rows(pl.DataFrame):
    """A subclass of a data frame of polars."""


def mixed():
    rng = np.random.RandomState(0)
    cells = {"soil": ["clay", "sand"] * (N // 2), "depth": rng.normal(size=N), "wells": rng.poisson(3, N)}
    table = pd.DataFrame(cells, index=[f"r{i}" for i in ROWS])
    return table.mask(rng.uniform(size=table.shape) < 0.2)


@ESTIMATORS
@pytest.mark.parametrize("library", ["pandas", "polars"])
def test_a_subclass_of_a_data_frame_is_one(Estimator, library):
    table = Sites(mixed()) if library == "pandas" else Rows(pl.from_pandas(mixed().reset_index(drop=True)))
    plain = mixed() if library == "pandas" else pl.DataFrame(table)
    model, reference = Estimator(**SMALL).fit(table), Estimator(**SMALL).fit(plain)
    np.testing.assert_array_equal(model.transform(table), reference.transform(plain))
    assert type(model.impute(table)) is type(table)
    assert isinstance(model.sample(2), type(plain))
    assert list(model.sample(2).dtypes) == list(reference.sample(2).dtypes)
    if library == "pandas":
        assert model.score_features(table.head(2)).index.tolist() == ["r0", "r1"]
        reasons = detector().fit(table).explain(table.head(2))
        assert set(reasons.index.get_level_values(0)) == {"r0", "r1"}


# Names that are no texts

LABELS = {
    "integers": pd.Index([10, 20, 30]),
    "wavelengths": pd.Index([400.0, 400.5, 401.0], name="nm"),
    "dates": pd.date_range("2024-01-01", periods=3),
    "Python's dates": pd.Index([datetime.date(2020, 1, day) for day in (1, 2, 3)]),
    "periods": pd.period_range("2020", periods=3, freq="Q"),
    "tuples": pd.Index([("a", 1), ("a", 2), ("b", 1)], tupleize_cols=False),
    "a MultiIndex": pd.MultiIndex.from_tuples([("a", 1), ("a", 2), ("b", 1)], names=["u", "v"]),
    "categories": pd.CategoricalIndex(["x", "y", "z"], categories=["z", "y", "x"]),
}


def named(labels):
    X = np.random.RandomState(0).normal(size=(N, 3))
    X[3, 1] = np.nan
    return pd.DataFrame(X, columns=labels)


@pytest.mark.parametrize("name", LABELS)
def test_labels_come_back_and_other_ones_are_errors(name):
    X = named(LABELS[name])
    model, wrapped = VAETransformer(**SMALL).fit(X), detector().fit(X)
    stored = pickle.loads(pickle.dumps(model))
    for result in (model.sample(2), model.score_features(X), model.impute(X), stored.sample(2)):
        assert result.columns.equals(X.columns)
        assert list(result.columns.names) == list(X.columns.names)
    assert model.column_likelihoods_.index.equals(X.columns)
    for other in (X.iloc[:, ::-1], X.iloc[:, :2], X.set_axis(["p", "q", "r"], axis=1)):
        for method in (model.transform, model.impute, stored.score_samples, wrapped.predict, wrapped.explain):
            with pytest.raises(ValueError, match="order|not those of training|feature names should match"):
                method(other)
        with pytest.raises(ValueError, match="X_val: "):
            VAETransformer(**SMALL).fit(X, X_val=other)


def test_a_detector_of_another_estimator_checks_names_too():
    X = named(LABELS["a MultiIndex"]).fillna(0.0)
    fitted = AutoencoderOutlierDetector(IsolationForest(n_estimators=5, random_state=0)).fit(X)
    with pytest.raises(ValueError, match=r"in another order"):
        fitted.predict(X.iloc[:, ::-1])


@pytest.mark.parametrize("name", ["integers", "dates", "tuples", "a MultiIndex"])
def test_parameters_and_given_cells_take_such_names(name):
    labels = LABELS[name]
    X, first = named(labels).round(), labels[0]
    for chosen in ([first], labels[:1], [True, False, False]):
        kinds = VAETransformer(**SMALL, categorical_features=chosen).fit(X).column_likelihoods_["likelihood"]
        assert (kinds == "categorical").tolist() == [True, False, False]
    for likelihood in ({first: "student_t"}, [("student_t", [first]), ("gaussian", list(labels[1:]))]):
        model = VAETransformer(**SMALL, likelihood=likelihood).fit(X)
        assert (model.column_likelihoods_["likelihood"] == "student_t").tolist() == [True, False, False]
    assert (model.sample(5, random_state=0, given={first: 0.25}).iloc[:, 0] == 0.25).all()
    with pytest.raises(ValueError, match="names column 'nonsense'"):
        model.sample(2, given={"nonsense": 1.0})


def test_whole_numbers_are_names_where_columns_have_such():
    X = named([1, 2, 3]).round()
    kinds = VAETransformer(**SMALL, categorical_features=[1]).fit(X).column_likelihoods_["likelihood"]
    assert kinds.index[kinds == "categorical"].tolist() == [1]
    with pytest.raises(ValueError, match=r"names column 0, which X has not.*\[1, 2, 3\]"):
        VAETransformer(**SMALL, categorical_features=[0, 1]).fit(X)


# Masked arrays


def masked(dtype=float):
    rng = np.random.RandomState(0)
    cells = np.rint(5.0 * rng.normal(size=(N, 3)))
    mask = rng.uniform(size=cells.shape) < 0.1
    return np.ma.masked_array(np.where(mask, -9999, cells).astype(dtype), mask=mask), np.where(mask, np.nan, cells)


@ESTIMATORS
@pytest.mark.parametrize("dtype", [np.float64, np.int64])
def test_masked_cells_are_holes(Estimator, dtype):
    table, holed = masked(dtype)
    model, reference = Estimator(**SMALL).fit(table, X_val=table[:20]), Estimator(**SMALL).fit(holed, X_val=holed[:20])
    for method in ("transform", "score_samples", "score_features", "impute"):
        np.testing.assert_array_equal(getattr(model, method)(table), getattr(reference, method)(holed))
    filled = model.impute(table)
    assert type(filled) is np.ndarray
    assert not np.isnan(filled).any()
    model.partial_fit(table)
    reference.partial_fit(holed)
    np.testing.assert_array_equal(model.transform(table), reference.transform(holed))


@pytest.mark.parametrize("make", [detector, lambda: AutoencoderOutlierDetector(IsolationForest(random_state=0))])
def test_masked_cells_are_holes_to_a_detector(make):
    table, holed = masked()
    one, other = make().fit(table), make().fit(holed)
    np.testing.assert_array_equal(one.score_samples(table), other.score_samples(holed))
    if hasattr(one, "explain"):
        pd.testing.assert_frame_equal(one.explain(table[:5]), other.explain(holed[:5]))


# What is stored

LEVELS = {
    "dates": [datetime.date(2020, 1, 1 + i % 3) for i in range(N)],
    "categories of times with a zone": pd.Categorical(pd.date_range("2020", periods=N, tz="Europe/Berlin")),
    "periods": pd.period_range("2020", periods=N, freq="M"),
    "intervals": [pd.Interval(i % 3, 9) for i in range(N)],
    "identifiers": [uuid.UUID(int=i % 3) for i in range(N)],
    "tuples": [(i % 3, datetime.date(2020, 1, 1)) for i in range(N)],
    "times": [datetime.time(i % 3) for i in range(N)],
}
COLUMNS = {**LEVELS, "polars Enum": pl.Series(["a", "b"] * (N // 2), dtype=pl.Enum(["a", "b", "c"]))}


@pytest.mark.parametrize("name", COLUMNS)
def test_skops_loads_levels_of_every_type_and_trusts_our_classes_only(name):
    cells = COLUMNS[name]
    table = pl.DataFrame({"c": cells}) if isinstance(cells, pl.Series) else pd.DataFrame({"c": cells})
    schema = Schema.of(table, "from_dtype", "a test")
    stored = skops.io.dumps(schema)
    needed = skops.io.get_untrusted_types(data=stored)
    assert all(trusted.startswith("skvae.") for trusted in needed)
    for loaded in (skops.io.loads(stored, trusted=needed), pickle.loads(pickle.dumps(schema))):
        assert loaded == schema
        assert list(loaded.rows(schema.encode(table, "a test"), float).dtypes) == list(table.dtypes)


@pytest.mark.parametrize("name", ["dates", "periods", "a MultiIndex"])
def test_skops_loads_names_of_every_type_in_columns_and_parameters(name):
    X = named(LABELS[name]).round()
    model = VAETransformer(**SMALL, categorical_features=[X.columns[0]]).fit(X)
    stored = skops.io.dumps(model)
    needed = skops.io.get_untrusted_types(data=stored)
    assert all(trusted.startswith("skvae.") for trusted in needed)
    loaded = skops.io.loads(stored, trusted=needed)
    assert loaded.categorical_features == model.categorical_features
    np.testing.assert_array_equal(loaded.transform(X), model.transform(X))
    pd.testing.assert_frame_equal(loaded.sample(3, random_state=0), model.sample(3, random_state=0))
