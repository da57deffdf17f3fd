"""Whatever is handed in works, or raises the right type with a message that names the culprit and the remedy."""

import warnings

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
import torch
from sklearn.base import clone
from sklearn.exceptions import DataConversionWarning, NotFittedError
from sklearn.mixture import GaussianMixture

from skvae import AutoencoderOutlierDetector, AutoencoderTransformer, VAETransformer
from skvae._array_model import DeviceMemoryError

ESTIMATORS = pytest.mark.parametrize("Estimator", [VAETransformer, AutoencoderTransformer])
SMALL = {"hidden_layer_sizes": (8,), "random_state": 0, "max_iter": 3}
RNG = np.random.RandomState(0)
TABLE = RNG.normal(size=(30, 3))


def with_cell(value, dtype=float):
    table = TABLE.astype(dtype)
    table[4, 1] = value
    return table


def frame(**columns):
    return pd.DataFrame(TABLE, columns=["a", "b", "c"]).assign(**columns)


BAD_TABLES = {
    "polars lazy frame": (pl.DataFrame(TABLE).lazy(), ValueError, r"LazyFrame.*call \.collect\(\)"),
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
    "three dimensions": (TABLE[None], ValueError, "dim 3"),
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
        getattr(Estimator(**SMALL).fit(TABLE), method)(table)


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


@ESTIMATORS
@pytest.mark.parametrize("name", GOOD_TABLES)
def test_an_odd_table_works_and_gives_finite_results(Estimator, name):
    table = GOOD_TABLES[name]
    fitted = Estimator(**SMALL, n_components=2).fit(table)
    codes = fitted.transform(table)
    assert codes.shape == (len(table), 2)
    scores, shares = fitted.score_samples(table), fitted.score_features(table)
    for result in (codes, scores, shares):
        assert np.isfinite(np.asarray(result, dtype=float)).all()
    there = ~np.asarray(pd.isna(table).all(axis=0))
    for result in (fitted.inverse_transform(codes), fitted.sample(5, with_missing=False), fitted.impute(table)):
        cells = pd.DataFrame(result).loc[:, there]
        assert cells.notna().all(axis=None)
        assert np.isfinite(cells.select_dtypes("number").to_numpy(dtype=float)).all()
    fitted.partial_fit(table)


@ESTIMATORS
@pytest.mark.filterwarnings("ignore:.*components say nothing")
def test_more_components_than_features_work(Estimator):
    fitted = Estimator(10, hidden_layer_sizes=(8,), max_iter=3, random_state=0).fit(TABLE)
    assert fitted.transform(TABLE).shape == (30, 10)
    assert np.isfinite(fitted.score_samples(TABLE)).all()


@ESTIMATORS
@pytest.mark.parametrize("distance", [1e3, 1e6, 1e12, 1e30, 1e300])
def test_a_far_row_has_a_finite_score_below_all_others(Estimator, distance):
    fitted = Estimator(**{**SMALL, "max_iter": 50}).fit(TABLE)
    far = fitted.score_samples(np.array([[distance, 0.0, 0.0]]))
    assert np.isfinite(far).all()
    assert far[0] < fitted.score_samples(TABLE).min()
    assert np.isfinite(fitted.transform(np.array([[distance, 0.0, 0.0]]))).all()


@ESTIMATORS
def test_codes_stop_growing_with_the_distance_of_a_row(Estimator):
    fitted = Estimator(**SMALL).fit(TABLE)
    np.testing.assert_array_equal(fitted.transform([[1e6, 0.0, 0.0]]), fitted.transform([[1e9, 0.0, 0.0]]))


@ESTIMATORS
def test_wrong_width_and_names_after_fit_are_errors(Estimator):
    fitted = Estimator(**SMALL).fit(frame())
    with pytest.raises(ValueError, match="feature names should match.*\n.*unseen"):
        fitted.transform(frame().rename(columns={"a": "z"}))
    with pytest.raises(ValueError, match="same order"):
        fitted.score_samples(frame()[["c", "b", "a"]])
    with pytest.raises(ValueError, match="X has 2 features, but .* is expecting 3"):
        Estimator(**SMALL).fit(TABLE).transform(TABLE[:, :2])
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
    fitted = Estimator(2, **SMALL).fit(TABLE)
    with pytest.raises(ValueError, match=f"(?s){message}"):
        fitted.inverse_transform(codes)


@ESTIMATORS
def test_far_codes_decode_to_finite_rows(Estimator):
    fitted = Estimator(2, **SMALL).fit(TABLE)
    assert np.isfinite(fitted.inverse_transform(np.full((2, 2), 1e300))).all()


def test_more_codes_than_a_covariance_of_float32_can_carry():
    rank_one = np.outer(np.arange(50.0), [1.0, 2.0, 3.0])
    wide = AutoencoderTransformer(300, hidden_layer_sizes=(16,), max_iter=20, random_state=0).fit(rank_one)
    assert np.isfinite(wide.score_samples(rank_one)).all()
    assert np.isfinite(wide.sample(5, random_state=0)).all()


@ESTIMATORS
@pytest.mark.parametrize("n_samples", [0, True, -1, 2.5, "3", None])
def test_a_bad_number_of_samples_is_an_error(Estimator, n_samples):
    with pytest.raises(ValueError, match=f"n_samples={n_samples!r} must be a whole number"):
        Estimator(**SMALL).fit(TABLE).sample(n_samples)


@ESTIMATORS
@pytest.mark.parametrize(
    "method", ["transform", "score_samples", "score_features", "score", "impute", "inverse_transform", "sample"]
)
def test_an_unfitted_estimator_says_so(Estimator, method):
    argument = 3 if method == "sample" else TABLE
    with pytest.raises(NotFittedError, match=f"{Estimator.__name__} instance is not fitted yet"):
        getattr(Estimator(), method)(argument)


@ESTIMATORS
@pytest.mark.parametrize(
    ("weight", "message"),
    [
        (np.zeros(30), "weights.*zero"),
        (-np.ones(30), "Negative values"),
        (np.ones(7), "sample_weight.*30"),
        (np.full(30, np.nan), "sample_weight.*NaN|NaN.*sample_weight"),
        (np.ones((30, 2)), "1D array"),
        (np.r_[1.0, np.zeros(29)], None),
    ],
)
def test_bad_weights_are_errors(Estimator, weight, message):
    if message is None:
        assert np.isfinite(Estimator(**SMALL).fit(TABLE, sample_weight=weight).score(TABLE))
        return
    with pytest.raises(ValueError, match=f"(?is){message}"):
        Estimator(**SMALL).fit(TABLE, sample_weight=weight)


@pytest.mark.parametrize("device", ["cuda:99", "tpu", "nonsense", "meta", "hpu"])
def test_an_impossible_device_is_an_error_at_fit(device):
    with pytest.raises(ValueError, match=f"device='{device}' cannot be used on this machine.*cpu.*device='auto'"):
        VAETransformer(**SMALL, device=device).fit(TABLE)


@ESTIMATORS
def test_bernoulli_stretches_the_range_of_training_and_refuses_what_lies_outside(Estimator):
    pixels = RNG.randint(0, 17, size=(40, 3))
    pixels[0], pixels[1] = 0, 16
    fitted = Estimator(**SMALL, likelihood="bernoulli").fit(pixels)
    assert fitted.inverse_transform(fitted.transform(pixels)).min() >= 0
    assert fitted.sample(50).max() <= 16
    pixels[3, 2] = 17
    with pytest.raises(ValueError, match="column 2, row 3 holds 17.*'bernoulli'.*from 0 to 16.*MinMaxScaler.*gaussian"):
        fitted.score_samples(pixels)
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


@pytest.mark.parametrize("solver", [torch.optim.SparseAdam, torch.optim.Optimizer, torch.optim.Muon])
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
    assert detector.explain(holed).drop(columns="value").notna().all(axis=None)
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
        clone(model).fit(frame.assign(net=[f"{i:05}" for i in range(50)]))
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
