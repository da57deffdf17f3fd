"""Whatever is handed in works, or raises the right type with a message that names the culprit and the remedy."""

import re
import warnings

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
import torch
from cases import each_pair, each_value
from fits import fitted
from sklearn.base import clone
from sklearn.exceptions import DataConversionWarning, NotFittedError
from sklearn.mixture import GaussianMixture

from skvae import AutoencoderOutlierDetector, AutoencoderTransformer, VAETransformer
from skvae._engine.device import DeviceMemoryError

SMALL = {"hidden_layer_sizes": (8,), "random_state": 0, "max_iter": 3}
BRIEF = {**SMALL, "max_iter": 1}
BOTH = [VAETransformer, AutoencoderTransformer]
ESTIMATORS = pytest.mark.parametrize("Estimator", BOTH)
NEW = {
    "VAE": lambda: VAETransformer(**BRIEF),
    "autoencoder": lambda: AutoencoderTransformer(**BRIEF),
    "detector": lambda: AutoencoderOutlierDetector(VAETransformer(**BRIEF)),
    "ensemble": lambda: AutoencoderOutlierDetector(VAETransformer(**BRIEF), ensemble=True, random_state=0),
}
RNG = np.random.RandomState(0)
TABLE = RNG.normal(size=(30, 3))


def with_cell(value, dtype=float):
    table = TABLE.astype(dtype)
    table[4, 1] = value
    return table


def frame(**columns):
    return pd.DataFrame(TABLE, columns=["a", "b", "c"]).assign(**columns)


BAD_TABLES = {
    "duplicate names": (pd.DataFrame(TABLE, columns=["a", "b", "a"]), ValueError, "2 columns named 'a'.*rename"),
    "date array": (
        np.array([["2020", "2021"], ["2022", "NaT"]] * 20, dtype="M8[D]"),
        ValueError,
        "dates.*column 0, row 0",
    ),
    "date in an object array": (
        with_cell(np.datetime64("2020"), object),
        ValueError,
        "dates.*column 1, row 4.*data frame",
    ),
    "list in an object column": (
        frame(b=[1.0, [7.0], "x"] * 10),
        TypeError,
        r"column 'b', row 1 holds \[7.0\].*hashed",
    ),
    "complex column": (frame(b=TABLE[:, 1] + 1j), TypeError, "column 'b'.*complex"),
    "text cell in an array": (with_cell("abc", object), ValueError, "column 1, row 4 holds 'abc'.*data frame"),
    "dict cell in an array": (with_cell({"x": 1}, object), TypeError, "column 1, row 4 holds {'x': 1}"),
    "text array": (TABLE.astype(str).astype(object) + "x", ValueError, "column 0, row 0 holds .*x'.*data frame"),
    "complex": (TABLE + 1j, ValueError, "Complex data not supported"),
    "empty": (np.empty((0, 3)), ValueError, r"0 sample\(s\).*minimum of 2"),
    "no columns": (np.empty((5, 0)), ValueError, r"0 feature\(s\)"),
    "one dimension": (TABLE[:, 0], ValueError, "Reshape your data"),
    "three dimensions": (TABLE[None], ValueError, r"shape \(1, 30, 3\), 3 dimensions.*reshape"),
    "one row": (TABLE[:1], ValueError, r"1 sample\(s\).*minimum of 2"),
    "infinity": (with_cell(np.inf), ValueError, "infinity.*column 1, row 4 holds .*inf.*finite numbers"),
    "minus infinity in a frame": (frame(b=with_cell(-np.inf)[:, 1]), ValueError, "column 'b', row 4 holds .*-inf"),
    "int beyond float": (
        with_cell(10**400, object),
        ValueError,
        "column 1, row 4 holds 10*\\.\\.\\.0* *.*finite numbers",
    ),
    "int beyond text": (with_cell(10**5000, object), ValueError, "column 1, row 4.*finite numbers"),
    "range beyond float64": (
        with_cell(0.0) + [0.0, 1.0, 0.0] * np.linspace(-8e307, 8e307, 30)[:, None],
        ValueError,
        "column 1 .*too wide.*logarithm",
    ),
}


@ESTIMATORS
@pytest.mark.parametrize("name", BAD_TABLES)
def test_a_bad_table_is_an_error_that_names_the_culprit(Estimator, name):
    table, error, message = BAD_TABLES[name]
    with pytest.raises(error, match=f"(?s){message}"):
        Estimator(**SMALL).fit(table)


@ESTIMATORS
@pytest.mark.parametrize("name", ["infinity", "text cell in an array", "one dimension"])
@pytest.mark.parametrize("method", ["transform", "score_samples", "score_features", "impute", "partial_fit"])
def test_a_bad_table_after_fit_is_the_same_error(Estimator, name, method):
    table, error, message = BAD_TABLES[name]
    with pytest.raises(error, match=f"(?s){message}"):
        getattr(fitted(Estimator(**SMALL), TABLE), method)(table)


GOOD_TABLES = {
    "one column": TABLE[:, :1],
    "two rows": TABLE[:2],
    "constant column": TABLE * [1, 0, 1] + [0, 5, 0],
    "constant table": np.full((20, 3), 7.0),
    "duplicate rows": np.repeat(TABLE[:3], 50, axis=0),
    "duplicate columns": TABLE[:, [0, 0, 1]],
    "two values": np.where(TABLE > 0, 1.0, 0.0),
    "integers": (TABLE * 10).astype(int),
    "large integers": np.array([[2**62, 2**63], [1, 3], [5, 2**60]] * 5, dtype=np.uint64),
    "booleans": TABLE > 0,
    "float16": TABLE.astype(np.float16),
    "tiny scale": TABLE * 1e-300,
    "huge scale": TABLE * 1e150,
    "far from zero": TABLE + 1e9,
    "one extreme row": np.r_[TABLE, [[1e6, -1e6, 1e6]]],
    "n below batch": TABLE[:5],
    "numbers in an object column": frame(b=[1, 2.5, True] * 10).astype({"b": object}),
    "text column": frame(town=["x", "Ulm", "y"] * 10),
    "category column": frame(kind=pd.Categorical(["u", "v", "w"] * 10)),
    "numeric category": frame(kind=pd.Categorical([1, 2, 3] * 10)),
    "date column": frame(day=pd.date_range("2020", periods=30)),
    "decimal column": frame(a=pd.array([1, 2, 3] * 10, dtype=pd.ArrowDtype(pa.decimal128(20, 2)))),
    "text in an object column": frame(b=[1.0, "seven", 2.0] * 10),
    "NaN": with_cell(np.nan),
    "NaN in a frame": frame(b=with_cell(np.nan)[:, 1]),
    "pd.NA": frame(n=pd.array([1, None, 3] * 10, dtype="Int64")),
    "None in an array": with_cell(None, object),
    "a row of holes": np.r_[TABLE, np.full((1, 3), np.nan)],
    "a column of holes": TABLE * [1, np.nan, 1],
}


@each_value(Estimator=BOTH, name=GOOD_TABLES)
def test_an_odd_table_works_and_gives_finite_results(Estimator, name):
    table = GOOD_TABLES[name]
    model = Estimator(**SMALL, n_components=2).fit(table)
    codes = model.transform(table)
    assert codes.shape == (len(table), 2)
    scores, shares = model.score_samples(table), model.score_features(table)
    for result in (codes, scores, shares):
        assert np.isfinite(np.asarray(result, dtype=float)).all()
    there = ~np.asarray(pd.isna(table).all(axis=0))
    for result in (model.inverse_transform(codes), model.sample(5, with_missing=False), model.impute(table)):
        cells = pd.DataFrame(result).loc[:, there]
        assert cells.notna().all(axis=None)
        assert np.isfinite(cells.select_dtypes("number").to_numpy(dtype=float)).all()
    model.partial_fit(table)


@ESTIMATORS
@pytest.mark.filterwarnings("ignore:.*components say nothing")  # ten of three columns: it is true
def test_more_components_than_features_work(Estimator):
    model = Estimator(10, hidden_layer_sizes=(8,), max_iter=3, random_state=0).fit(TABLE)
    assert model.transform(TABLE).shape == (30, 10)
    assert np.isfinite(model.score_samples(TABLE)).all()


@ESTIMATORS
@pytest.mark.parametrize("distance", [1e3, 1e6, 1e12, 1e30, 1e300])
def test_a_far_row_has_a_finite_score_below_all_others(Estimator, distance):
    model = fitted(Estimator(**{**SMALL, "max_iter": 50}), TABLE)
    far = model.score_samples(np.array([[distance, 0.0, 0.0]]))
    assert np.isfinite(far).all()
    assert far[0] < model.score_samples(TABLE).min()
    assert np.isfinite(model.transform(np.array([[distance, 0.0, 0.0]]))).all()


@ESTIMATORS
def test_codes_stop_growing_with_the_distance_of_a_row(Estimator):
    model = fitted(Estimator(**SMALL), TABLE)
    np.testing.assert_array_equal(model.transform([[1e6, 0.0, 0.0]]), model.transform([[1e9, 0.0, 0.0]]))


@ESTIMATORS
def test_wrong_width_and_names_after_fit_are_errors(Estimator):
    model = fitted(Estimator(**SMALL), frame())
    with pytest.raises(ValueError, match="feature names should match.*\n.*unseen"):
        model.transform(frame().rename(columns={"a": "z"}))
    with pytest.raises(ValueError, match="same order"):
        model.score_samples(frame()[["c", "b", "a"]])
    with pytest.raises(ValueError, match="X has 2 features, but .* is expecting 3"):
        fitted(Estimator(**SMALL), TABLE).transform(TABLE[:, :2])
    with pytest.raises(ValueError, match="X_val: X has 2 features, but .* is expecting 3"):
        Estimator(**SMALL).fit(TABLE, X_val=TABLE[:, :2])


@ESTIMATORS
@pytest.mark.parametrize(
    ("codes", "message"),
    [
        (np.zeros((4, 5)), "X has 5 columns.*n_components_=2.*transform"),
        (np.full((4, 2), np.nan), "Input X contains NaN"),
        (np.zeros(2), "Reshape your data"),
        (np.array([[10**400, 1]], dtype=object), "column 0, row 0.*finite"),
    ],
)
def test_bad_codes_are_errors(Estimator, codes, message):
    model = fitted(Estimator(2, **SMALL), TABLE)
    with pytest.raises(ValueError, match=f"(?s){message}"):
        model.inverse_transform(codes)


@ESTIMATORS
def test_far_codes_decode_to_finite_rows(Estimator):
    model = fitted(Estimator(2, **SMALL), TABLE)
    assert np.isfinite(model.inverse_transform(np.full((2, 2), 1e300))).all()


def test_more_codes_than_a_covariance_of_float32_can_carry():
    rank_one = np.outer(np.arange(50.0), [1.0, 2.0, 3.0])
    wide = AutoencoderTransformer(300, hidden_layer_sizes=(16,), max_iter=20, random_state=0).fit(rank_one)
    assert np.isfinite(wide.score_samples(rank_one)).all()
    assert np.isfinite(wide.sample(5, random_state=0)).all()


@ESTIMATORS
@pytest.mark.parametrize("n_samples", [0, True, -1, 2.5, "3", None])
def test_a_bad_number_of_samples_is_an_error(Estimator, n_samples):
    with pytest.raises(ValueError, match=f"n_samples={n_samples!r} must be a whole number"):
        fitted(Estimator(**SMALL), TABLE).sample(n_samples)


@ESTIMATORS
@pytest.mark.parametrize(
    "method", ["transform", "score_samples", "score_features", "score", "impute", "inverse_transform", "sample"]
)
def test_an_unfitted_estimator_says_so(Estimator, method):
    argument = 3 if method == "sample" else TABLE
    with pytest.raises(NotFittedError, match=f"{Estimator.__name__} instance is not fitted yet"):
        getattr(Estimator(), method)(argument)


def some_weights(cell, dtype=None):
    """Weights of which one is not 1."""
    return np.array([1.0] * 3 + [cell] + [1.0] * 26, dtype=dtype)


BAD_WEIGHTS = {
    "zeros": (np.zeros(30), "sample_weight is zero for every row.*positive"),
    "a negative one": (some_weights(-2.5), r"sample_weight holds -2\.5 in row 3, which is negative.*at least 0"),
    "negative ones": (-np.ones(30, dtype=int), "sample_weight holds -1 in row 0, which is negative.*at least 0"),
    "NaN": (some_weights(np.nan), "sample_weight holds nan in row 3, which is missing.*finite"),
    "None": (some_weights(None, object), "sample_weight holds None in row 3, which is missing"),
    "NA": (pd.Series(some_weights(1)).astype("Float64").where(np.arange(30) != 3), "nan in row 3, which is missing"),
    "null": (pl.Series([1.0] * 3 + [None] + [1.0] * 26), "sample_weight holds nan in row 3, which is missing"),
    "masked": (np.ma.masked_equal(np.arange(30), 3), "sample_weight holds nan in row 3, which is missing"),
    "infinite": (some_weights(np.inf).tolist(), "sample_weight holds inf in row 3, which is not finite"),
    "beyond float64": (some_weights(10**400, object), "sample_weight holds 1000.* in row 3, which is not finite"),
    "text": (["heavy"] * 30, "sample_weight holds 'heavy' in row 0, which is no number"),
    "a text": ("heavy", "sample_weight='heavy' is no list of weights"),
    "a dict": ({1: 2}, "sample_weight={1: 2} is no list of weights"),
    "complex": (np.ones(30) * 1j, "sample_weight holds .*1j in row 0, which is no number"),
    "a date": (np.full(30, "2020-01-01", dtype="M8[D]"), "sample_weight holds 2020-01-01 in row 0, which is no number"),
    "of other length": (np.ones(7), r"sample_weight has shape \(7,\), but X has 30 rows.*one a row"),
    "two columns": (np.ones((30, 2)), r"sample_weight has shape \(30, 2\).*ravel"),
    "ragged": ([1.0] * 29 + [[1.0, 2.0]], r"sample_weight holds \[1.0, 2.0\] in row 29, which is no number"),
    "one negative number": (-1.0, "sample_weight holds -1.0 in row 0, which is negative"),
}


@pytest.mark.parametrize("kind", NEW)
@pytest.mark.parametrize("name", BAD_WEIGHTS)
@pytest.mark.parametrize("method", ["fit", "partial_fit", "score"])
def test_bad_weights_are_errors_that_name_the_weight_its_row_and_the_remedy(kind, name, method):
    weight, message = BAD_WEIGHTS[name]
    estimator = NEW[kind]() if method == "fit" else fitted(NEW[kind](), TABLE)
    if hasattr(estimator, method):
        with pytest.raises(ValueError, match=f"(?s){message}"):
            getattr(estimator, method)(TABLE, sample_weight=weight)


@each_value(kind=NEW, weight=[np.r_[1.0, np.zeros(29)], np.r_[np.zeros(29), 3], ["1", "2"] * 15, 2.0, [True] * 30])
def test_odd_weights_work(kind, weight):
    assert np.isfinite(NEW[kind]().fit(TABLE, sample_weight=weight).score_samples(TABLE)).all()


def mixed(cell):
    """A column of three numbers with another cell in row 4, as objects."""
    return pd.Series([1.0, 2.0, 3.0, 4.0, cell] + [1.0, 2.0, 3.0, 4.0, 5.0] * 5, dtype=object)


ABSENT = {
    "a text in an array": with_cell("n/a", object),
    "a text in a list of rows": with_cell("n/a", object).tolist(),
    "a list in an array": with_cell(None, object),
    "an infinite cell": with_cell(np.inf),
    "a text in a frame": frame(b=mixed("n/a")),
    "an infinite cell in a frame": frame(b=with_cell(np.inf)[:, 1]),
    "a list in a frame": frame(b=mixed([1, 2])),
    "a date in a frame": frame(b=mixed(pd.Timestamp("2020-01-01"))),
    "a level of its own": frame(b=["x", "y", "x", "y", "z"] + ["x", "y"] * 12 + ["x"]),
    "an integer beyond float64": with_cell(10**400, object),
    "an infinite cell in polars": pl.DataFrame(with_cell(np.inf), schema=["a", "b", "c"]),
}
ABSENT["a list in an array"][4, 1] = [1.0, 2.0]


@each_value(route=[(kind, method) for kind in NEW for method in ("fit", "partial_fit")], name=ABSENT)
def test_a_row_of_weight_zero_is_absent_whatever_it_holds(route, name):
    kind, method = route
    table, weight = ABSENT[name], np.where(np.arange(30) == 4, 0.0, 1.0)
    others = np.flatnonzero(weight)
    present = [table[i] for i in others] if isinstance(table, list) else getattr(table, "iloc", table)[others]
    one, other = NEW[kind](), NEW[kind]()
    getattr(one, method)(table, sample_weight=weight)
    getattr(other, method)(present)
    np.testing.assert_array_equal(one.score_samples(present), other.score_samples(present))


@pytest.mark.parametrize("kind", NEW)
@pytest.mark.parametrize("cell", ["n/a", np.inf, [1, 2], -1e400])
@pytest.mark.parametrize("as_frame", [False, True])
def test_row_numbers_in_errors_are_those_of_the_whole_table_beside_weights_of_zero(kind, cell, as_frame):
    if as_frame and cell == "n/a":
        return  # a column of levels
    table = with_cell(0.0, object)
    table[:, 2] = table[:, 2] ** 2
    table[4, 1] = cell
    table = pd.DataFrame(table, columns=["a", "b", "c"]) if as_frame else table
    weight = np.r_[0.0, 0.0, 1.0, 0.0, np.ones(26)]
    with pytest.raises((ValueError, TypeError), match=r"column ('b'|1), row 4 holds"):
        NEW[kind]().fit(table, sample_weight=weight)


def test_a_cell_outside_the_support_is_named_by_its_row_beside_weights_of_zero():
    counts = np.abs(TABLE).round()
    counts[1], counts[4, 1] = -1, -7
    weight = np.r_[0.0, 0.0, np.ones(28)]
    with pytest.raises(ValueError, match="column 1, row 4 holds -7"):
        VAETransformer(**SMALL, likelihood="poisson").fit(counts, sample_weight=weight)


NO_TABLES = {
    "ragged": ([[1.0], [1.0, 2.0]], r"X, row 1 holds \[1.0, 2.0\], 2 cells, but row 0 has 1 cells.*Fill up"),
    "a number among rows": ([[1.0], 2.0], "X, row 1 holds 2.0, no cells, but row 0 has 1 cells"),
    "a set": ({1, 2}, r"X is \{1, 2\}, a set.*Pass an array, a list of rows"),
    "a dict": ({"a": [1, 2]}, r"X is \{'a': \[1, 2\]\}, a dict.*Use pandas.DataFrame\(X\)"),
    "a text": ("table", "X is 'table', a str.*Pass an array"),
    "bytes": (b"table", "X is b'table', a bytes.*Pass an array"),
    "None": (None, "X is None, but .*Pass an array"),
    "a number": (3.0, "X is 3.0, a float.*Pass an array"),
    "a number of numpy": (np.float64(3.0), "X is 3.0, a float64.*Pass an array"),
    "three dimensions": (np.ones((4, 3, 2)), r"X has shape \(4, 3, 2\), 3 dimensions.*reshape"),
    "nested lists": ([[[1.0], [2.0]], [[1.0], [2.0]]], r"X has shape \(2, 2, 1\), 3 dimensions.*reshape"),
    "one dimension": ([1.0, 2.0], r"X has shape \(2,\), one dimension.*Reshape your data"),
    "texts": (["ab", "cd"], r"X has shape \(2,\), one dimension.*Reshape your data"),
    "a series": (pd.Series([1.0, 2.0]), r"X has shape \(2,\), one dimension.*Reshape your data"),
    "a list as a cell of an array": (with_cell(None, object), r"column 1, row 4 holds \[1, 2\].*numbers only"),
    "a list as a cell of a list": (
        [[1.0, 2.0, 3.0], [1.0, [1, 2], 3.0]],
        r"column 1, row 1 holds \[1, 2\].*numbers only",
    ),
}
GENERATORS = (
    r"chunk 0 of X is \[1.0\], a list, but .*pandas.DataFrame\(chunk\)|X gives no chunk|X is <list_.*Use list\(X\)"
)
"""What is said of an iterator of lists: of its first part, of one that was used up before, and as codes."""

NO_TABLES["a list as a cell of an array"][0][4, 1] = [1, 2]


@pytest.mark.filterwarnings("ignore:X does not have valid feature names")  # tables without names on purpose
@pytest.mark.parametrize("kind", NEW)
@pytest.mark.parametrize("name", [*NO_TABLES, "a generator"])
@pytest.mark.parametrize("as_frame", [False, True])
def test_what_is_no_table_is_an_error_of_every_method_that_says_what_it_is(kind, name, as_frame):
    model = fitted(NEW[kind](), frame() if as_frame else TABLE)
    methods = "fit", "partial_fit", "transform", "score_samples", "score_features", "impute", "inverse_transform"
    for method in (*methods, "score", "predict", "decision_function", "outlier_probability", "explain"):
        X, message = NO_TABLES.get(name, (iter([[1.0]]), GENERATORS))
        if as_frame and name.startswith("a list as a cell"):
            message = "column"
        if hasattr(model, method):
            with pytest.raises((ValueError, TypeError), match=f"(?s){message}"):
                getattr(model, method)(X)


@pytest.mark.parametrize(("likelihood", "level"), [("ordinal", 10_000), ("ordinal", 2**53), ("categorical", 2**53)])
def test_level_numbers_that_are_too_large_are_refused_before_a_model_is_built(likelihood, level):
    X = np.c_[np.array([level, 5.0, 7.0] * 10), np.arange(30.0)]
    model = VAETransformer(**SMALL, likelihood=[(likelihood, [0]), ("gaussian", [1])])
    with pytest.raises(ValueError, match=f"column 0, row 0 holds .*{likelihood}.*less than.*OrdinalEncoder"):
        model.fit(X)


@each_pair(
    cell=[1e7, 1e20, 1e300, -1.0, -1e20, 0.5],
    likelihood=["categorical", "ordinal"],
    n_levels=[2, 300],
    Estimator=BOTH,
)
def test_cells_that_are_no_level_numbers_are_named(Estimator, cell, likelihood, n_levels):
    table = np.c_[np.arange(600) / 10, np.arange(600) % n_levels]
    table[4, 1] = cell
    with pytest.raises(ValueError, match=f"column 1, row 4 holds .*likelihood='{likelihood}'.*OrdinalEncoder"):
        Estimator(**SMALL, likelihood={1: likelihood}).fit(table)


@each_pair(dtype=["float64", "int64", "Int64"], likelihood=["categorical", "ordinal"], Estimator=BOTH)
def test_a_stream_of_a_frame_with_level_numbers_begins(Estimator, likelihood, dtype):
    table = frame(b=pd.Series(np.arange(30) % 3).astype(dtype))
    model = Estimator(**SMALL, likelihood={"b": likelihood}).partial_fit(table)
    assert set(model.sample(50, random_state=0)["b"]) <= {0, 1, 2}


@pytest.mark.parametrize("as_frame", [False, True])
@pytest.mark.parametrize("mask", [[True], [True] * 8, np.array([False, True])])
def test_a_mask_of_another_length_is_named_with_its_remedy(mask, as_frame):
    for table in (pd.DataFrame(TABLE),) if as_frame else (TABLE, TABLE.tolist()):
        with pytest.raises(ValueError, match=r"categorical_features=\[.*mask of . columns, but X has 3.*one mark"):
            VAETransformer(**SMALL, categorical_features=mask).fit(table)


@pytest.mark.parametrize("device", ["cuda:99", "tpu", "nonsense", "meta", "hpu"])
def test_an_impossible_device_is_an_error_at_fit(device):
    with pytest.raises(ValueError, match=f"device='{device}' cannot be used on this machine.*cpu.*device='auto'"):
        VAETransformer(**SMALL, device=device).fit(TABLE)


@ESTIMATORS
def test_bernoulli_stretches_the_range_of_training_and_refuses_what_lies_outside(Estimator):
    pixels = RNG.randint(0, 17, size=(40, 3))
    pixels[0], pixels[1] = 0, 16
    model = Estimator(**SMALL, likelihood="bernoulli").fit(pixels)
    assert model.inverse_transform(model.transform(pixels)).min() >= 0
    assert model.sample(50).max() <= 16
    pixels[3, 2] = 17
    with pytest.raises(ValueError, match="column 2, row 3 holds 17.*'bernoulli'.*from 0 to 16.*MinMaxScaler.*gaussian"):
        model.score_samples(pixels)
    with pytest.raises(ValueError, match="column 2, row 3 holds 17"):
        Estimator(**SMALL, likelihood="bernoulli").fit(pixels[:3], X_val=pixels)


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"n_components": 0}, "'n_components'.*0"),
        ({"n_components": 2.5}, "'n_components'.*2.5"),
        ({"hidden_layer_sizes": (8, 0)}, r"hidden_layer_sizes=\(8, 0\).*at least 1"),
        ({"hidden_layer_sizes": (8.5,)}, r"hidden_layer_sizes=\(8.5,\).*whole"),
        ({"hidden_layer_sizes": "wide"}, "'hidden_layer_sizes'.*'wide'"),
        ({"batch_size": 0}, "'batch_size'.*0"),
        ({"learning_rate_init": 0.0}, "'learning_rate_init'.*0.0"),
        ({"validation_fraction": 1.0}, "'validation_fraction'.*1.0"),
        ({"beta": -1.0}, "'beta'.*-1.0"),
        ({"kl_warmup": 1.5}, "'kl_warmup'.*1.5"),
        ({"max_iter": 0}, "'max_iter'.*0"),
        ({"n_importance_samples": 0}, "'n_importance_samples'.*0"),
        ({"device": 3}, "'device'.*3"),
        ({"alpha": -1}, "'alpha'.*-1"),
    ],
)
def test_a_bad_parameter_is_an_error_at_fit_that_names_it(params, message):
    estimator = VAETransformer(**params)
    with pytest.raises(ValueError, match=f"(?s){message}"):
        estimator.fit(TABLE)


@pytest.mark.parametrize(
    "solver", [getattr(torch.optim, name) for name in ("SparseAdam", "Optimizer", "Muon") if hasattr(torch.optim, name)]
)
def test_an_optimizer_that_cannot_train_this_is_an_error_that_names_it(solver):
    with pytest.raises(ValueError, match="solver=.*Use another class, or one of"):
        VAETransformer(**SMALL, solver=solver).fit(TABLE)


def test_too_large_a_model_is_a_typed_error():
    with pytest.raises(DeviceMemoryError, match="ran out of memory.*hidden_layer_sizes"):
        VAETransformer(hidden_layer_sizes=(10**7, 10**7)).fit(TABLE)


def test_bad_input_of_the_detector():
    with pytest.raises(ValueError, match="GaussianMixture.*takes no sample_weight"):
        AutoencoderOutlierDetector(GaussianMixture()).fit(TABLE, sample_weight=np.ones(30))
    with pytest.raises(NotFittedError):
        AutoencoderOutlierDetector().explain(TABLE)
    with pytest.raises(ValueError, match=r"'estimator' parameter.*score_samples"):
        AutoencoderOutlierDetector(estimator="vae").fit(TABLE)
    with pytest.raises(ValueError, match=r"'contamination' parameter.*0.7"):
        AutoencoderOutlierDetector(contamination=0.7).fit(TABLE)
    with pytest.raises(NotFittedError):
        AutoencoderOutlierDetector().predict(TABLE)
    detector = AutoencoderOutlierDetector(AutoencoderTransformer(**SMALL)).fit(TABLE)
    with pytest.raises(ValueError, match="n_columns=0 must be a whole number"):
        detector.explain(TABLE, n_columns=0)


@pytest.mark.parametrize("ensemble", [False, True])
@pytest.mark.parametrize("as_frame", [False, True])
def test_a_detector_takes_holes_and_refuses_infinity_by_its_column(as_frame, ensemble):
    where = "column 'b', row 4" if as_frame else "column 1, row 4"
    holed, infinite = (
        pd.DataFrame(t, columns=["a", "b", "c"]) if as_frame else t for t in map(with_cell, (np.nan, np.inf))
    )
    detector = AutoencoderOutlierDetector(VAETransformer(**SMALL), ensemble=ensemble).fit(holed)
    for method in (detector.fit, detector.score_samples, detector.explain, detector.partial_fit):
        with pytest.raises(ValueError, match=f"(?s)infinity.*{where} holds .*inf.*finite numbers"):
            method(infinite)
    assert np.isfinite(detector.score_samples(holed)).all()
    assert set(detector.predict(holed)) <= {-1, 1}
    assert detector.explain(holed).drop(columns=["value", "times"]).notna().all(axis=None)
    detector.partial_fit(holed)


@pytest.mark.parametrize("as_text", [False, True])
def test_a_few_texts_in_a_column_of_numbers_are_said_to_make_levels_of_it(as_text):
    numbers = pd.Series(np.random.RandomState(0).normal(size=50).round(3), dtype=object)
    frame = pd.DataFrame({"net": numbers.map(str) if as_text else numbers, "other": 1.0})
    frame.loc[7, "net"] = "n/a"
    model = VAETransformer(1, max_iter=1, random_state=0)
    with pytest.warns(DataConversionWarning, match=r"column 'net', row 7 holds 'n/a'.*50 levels.*to_numeric"):
        model.fit(frame)
    with warnings.catch_warnings():
        warnings.simplefilter("error", DataConversionWarning)
        clone(model).set_params(categorical_features=["net"]).fit(frame)
        clone(model).fit(frame.assign(net=pd.to_numeric(frame["net"], errors="coerce")))
        clone(model).fit(frame.assign(net=[str(i % 9) for i in range(49)] + ["none"]))
        clone(model).fit(frame.assign(net=[f"{i % 20:05}" for i in range(50)]))
    with pytest.warns(DataConversionWarning, match="row 7 holds 'n/a'"):
        clone(model).fit(frame.assign(net=frame["net"].where(frame.index != 3, 10**400)))


def test_the_first_text_that_is_no_number_is_named():
    frame = pd.DataFrame({"net": np.random.RandomState(0).normal(size=50)})
    model = VAETransformer(1, max_iter=1, random_state=0).fit(frame)
    texts = frame.astype(str)
    with pytest.warns(DataConversionWarning, match="column .net. holds texts.*fitted on numbers.*to_numeric"):
        codes = model.transform(texts)
    np.testing.assert_array_equal(codes, model.transform(frame))
    texts.loc[7, "net"] = "12,5"
    with pytest.raises(ValueError, match="column 'net', row 7 holds '12,5'"):
        model.transform(texts)


IMAGES = {
    "grey": ((4, 6, 5), "X.reshape(len(X), -1)", (1, 6, 5)),
    "channels first": ((4, 3, 6, 5), "X.reshape(len(X), -1)", (3, 6, 5)),
    "one channel first": ((4, 1, 6, 3), "X.reshape(len(X), -1)", (1, 6, 3)),
    "channels last": ((4, 6, 5, 3), "X.transpose(0, 3, 1, 2).reshape(len(X), -1)", (3, 6, 5)),
    "one channel last": ((4, 6, 5, 1), "X.transpose(0, 3, 1, 2).reshape(len(X), -1)", (1, 6, 5)),
}


@pytest.mark.parametrize("name", IMAGES)
@pytest.mark.parametrize("kind", NEW)
def test_images_are_told_how_to_become_rows(kind, name):
    shape, line, image_shape = IMAGES[name]
    X = np.random.RandomState(0).uniform(size=shape)
    said = (
        f"X has shape {shape}, {len(shape)} dimensions",
        f"{line}, and give the transformer image_shape={image_shape}.",
        *([f"If they are sequences of {shape[1]} channels, it is {shape[1:]}."] if len(shape) == 3 else []),
    )
    message = ".*".join(map(re.escape, said))
    model = fitted(NEW[kind](), TABLE)
    for method in ("fit", "partial_fit", "transform", "score_samples", "score", "impute", "predict"):
        if hasattr(model, method):
            with pytest.raises(ValueError, match=message):
                getattr(model, method)(X)
    rows = eval(line, {"X": X})
    channels_first = X.reshape(len(X), *image_shape) if "first" in name or name == "grey" else np.moveaxis(X, -1, 1)
    np.testing.assert_array_equal(rows.reshape(len(X), *image_shape), channels_first)


def test_codes_and_what_has_more_dimensions_than_images_are_told_to_be_rows():
    model = fitted(NEW["VAE"](), TABLE)
    for method, shape in (("inverse_transform", (4, 3, 2)), ("transform", (2, 2, 2, 2, 2))):
        with pytest.raises(ValueError, match="to make one row of each part") as caught:
            getattr(model, method)(np.ones(shape))
        assert "image_shape" not in str(caught.value)
