"""Tables in, tables out: pandas and polars frames, dtypes, indices, set_output; arrays of every layout."""

from functools import partial

import numpy as np
import pandas as pd
import polars as pl
import pytest
import torch
from cases import each_value
from fits import fitted

from skvae import AutoencoderTransformer, VAETransformer

BOTH = [VAETransformer, AutoencoderTransformer]
ESTIMATORS = pytest.mark.parametrize("Estimator", BOTH)
SMALL = {"hidden_layer_sizes": (8,), "random_state": 0, "max_iter": 3, "n_components": 2}


@ESTIMATORS
def test_a_frame_gives_frames_back_in_data_space(frame, Estimator):
    model = Estimator(**SMALL).fit(frame)
    codes = model.transform(frame)
    assert isinstance(codes, np.ndarray)
    restored = model.inverse_transform(pd.DataFrame(codes, index=frame.index))
    drawn = model.sample(7, random_state=0)
    for table in (restored, drawn, model.impute(frame)):
        assert list(table.columns) == list(frame.columns)
        assert list(table.dtypes) == list(frame.dtypes)
    assert restored.index.equals(frame.index)
    assert len(drawn) == 7
    pd.testing.assert_frame_equal(model.impute(frame), frame)
    shares = model.score_features(frame)
    assert shares.index.equals(frame.index)
    assert list(shares.columns) == list(frame.columns)
    assert set(shares.dtypes) == {np.dtype(float)}


@ESTIMATORS
def test_an_array_gives_arrays_back(X, Estimator):
    model = Estimator(**SMALL).fit(X)
    codes = model.transform(X)
    for table in (model.inverse_transform(codes), model.sample(3), model.score_features(X), model.impute(X)):
        assert type(table) is np.ndarray
        assert table.shape[1] == X.shape[1]
    assert model.inverse_transform(codes).shape == X.shape
    assert model.sample(random_state=0).shape == (1, 5)


def test_nullable_and_arrow_dtypes_come_back(X):
    frame = pd.DataFrame(
        {
            "whole": pd.array(np.rint(X[:, 3]).astype(int), dtype="Int64"),
            "real": pd.array(X[:, 0], dtype="Float64"),
            "arrow": pd.array(np.rint(X[:, 1]), dtype="int64[pyarrow]"),
            "yes": pd.array(X[:, 4] > 1, dtype="boolean"),
        }
    )
    drawn = VAETransformer(**SMALL).fit(frame).sample(5, random_state=0)
    assert list(drawn.dtypes) == list(frame.dtypes)


@pytest.mark.parametrize(
    "labels",
    [[10, 20, 30], pd.MultiIndex.from_tuples([("x", 1), ("x", 2), ("y", 1)])],
    ids=["integers", "levels"],
)
def test_column_labels_come_back_as_they_were(X, labels):
    frame = pd.DataFrame(X[:, :3], columns=labels)
    model = VAETransformer(**SMALL).fit(frame)
    for table in (model.sample(2, random_state=0), model.score_features(frame), model.impute(frame)):
        pd.testing.assert_index_equal(table.columns, frame.columns)


def test_impute_gives_a_complete_table_back_as_it_was():
    frame = pd.DataFrame({"big": [2**62 + 1, 2**60 + 3] * 10, "flag": np.array([True, False] * 10, dtype=object)})
    imputed = VAETransformer(**SMALL).fit(frame).impute(frame)
    pd.testing.assert_frame_equal(imputed, frame)
    assert imputed is not frame


def test_drawn_integers_stay_within_their_dtype():
    frame = pd.DataFrame({"a": np.tile(np.array([0, 255], dtype=np.uint8), 50), "b": np.arange(100.0)})
    drawn = VAETransformer(**SMALL).fit(frame).sample(500, random_state=0)
    assert drawn["a"].dtype == np.uint8
    assert drawn["a"].max() == 255
    assert drawn["a"].min() == 0


@ESTIMATORS
def test_polars_in_polars_out(frame, Estimator):
    table = pl.from_pandas(frame.reset_index(drop=True))
    model = Estimator(**SMALL).set_output(transform="polars").fit(table)
    assert isinstance(model.transform(table), pl.DataFrame)
    assert model.transform(table).columns == list(model.get_feature_names_out())
    drawn = model.sample(4, random_state=0)
    assert isinstance(drawn, pl.DataFrame)
    assert drawn.schema == table.schema
    assert isinstance(model.score_features(table), pl.DataFrame)
    from_pandas = Estimator(**SMALL).fit(frame)
    np.testing.assert_array_equal(model.transform(table).to_numpy(), from_pandas.transform(frame))


def test_set_output_names_codes_after_the_class(frame):
    codes = VAETransformer(**SMALL).set_output(transform="pandas").fit_transform(frame)
    assert list(codes.columns) == ["vaetransformer0", "vaetransformer1"]
    assert codes.index.equals(frame.index)


@ESTIMATORS
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_codes_and_rows_keep_the_float_dtype_and_scores_are_float64(X, Estimator, dtype):
    X = X.astype(dtype)
    model = Estimator(**SMALL).fit(X)
    codes = model.fit_transform(X)
    assert codes.dtype == dtype
    assert model.transform(X).dtype == dtype
    assert model.inverse_transform(codes).dtype == dtype
    assert model.score_samples(X).dtype == np.float64
    assert model.score_samples(X).shape == (len(X),)
    assert type(model.score(X)) is float
    assert model.score(X) == model.score_samples(X).mean()
    weight = np.arange(len(X))
    assert model.score(X, sample_weight=weight) == pytest.approx(np.average(model.score_samples(X), weights=weight))


def test_integers_give_float64(X):
    assert VAETransformer(**SMALL).fit_transform(np.rint(X).astype(int)).dtype == np.float64


def strided(X):
    return np.repeat(X, 2, axis=0)[::2]


LAYOUTS = {
    "fortran": np.asfortranarray,
    "reversed": lambda X: X[::-1][::-1],
    "negative strides": lambda X: np.ascontiguousarray(X[::-1])[::-1],
    "strided": strided,
    "list": lambda X: X.tolist(),
    "big endian": lambda X: X.astype(">f8"),
    "pandas": lambda X: pd.DataFrame(X),
    "torch": lambda X: torch.tensor(X, requires_grad=True),
    "object": lambda X: X.astype(object),
}


@each_value(layout=LAYOUTS, Estimator=BOTH)
def test_the_layout_of_the_input_does_not_matter(X, layout, Estimator):
    table = LAYOUTS[layout](X)
    model, reference = Estimator(**SMALL).fit(table), fitted(Estimator(**SMALL), X)
    np.testing.assert_array_equal(model.score_samples(table), reference.score_samples(X))


@ESTIMATORS
def test_read_only_input_is_neither_refused_nor_changed(X, Estimator):
    before = X.copy()
    X.setflags(write=False)
    model = Estimator(**SMALL).fit(X)
    model.inverse_transform(model.transform(X))
    model.score_features(X)
    np.testing.assert_array_equal(X, before)


@each_value(
    make=[partial(VAETransformer, n_importance_samples=4), AutoencoderTransformer, VAETransformer],
    n_features=[100, 30, 7],
    precision=["float32", "float64"],
)
def test_a_row_does_not_depend_on_the_other_rows(make, n_features, precision):
    rng = np.random.RandomState(0)
    X = rng.normal(size=(700, n_features))
    params = {"hidden_layer_sizes": (256, 256), "max_iter": 1, "random_state": 0, "precision": precision}
    model = make(**params).fit(X)
    order = rng.permutation(700)
    for method in (model.transform, model.score_samples, model.score_features):
        whole = method(X)
        np.testing.assert_array_equal(method(X), whole)
        np.testing.assert_array_equal(method(X[order]), whole[order])
        alone = np.concatenate([method(X[i : i + 1]) for i in (0, 333, 699)])
        np.testing.assert_array_equal(alone, whole[[0, 333, 699]])
        np.testing.assert_array_equal(np.concatenate([method(X[:123]), method(X[123:])]), whole)
        np.testing.assert_array_equal(method(np.tile(X, (13, 1)))[-700:], whole)


@ESTIMATORS
def test_shares_of_a_row_add_up_to_its_score_less_the_mean_training_score(X, Estimator):
    model = Estimator(**SMALL).fit(X)
    rest = model.score_samples(X) - model.score_features(X).sum(axis=1)
    np.testing.assert_allclose(rest, model.score(X), rtol=1e-6)
    np.testing.assert_allclose(model.score_features(X).mean(axis=0), 0.0, atol=1e-6)


@ESTIMATORS
def test_the_strange_cell_has_the_lowest_share(X, Estimator):
    model = Estimator(2, network="mlp", likelihood="gaussian", random_state=0, max_iter=100).fit(X)
    strange = X[:20].copy()
    columns = np.arange(20) % 5
    strange[np.arange(20), columns] += 12 * X.std(axis=0)[columns]
    assert np.mean(model.score_features(strange).argmin(axis=1) == columns) > 0.9
    assert model.score(strange) < model.score(X) - 5


@ESTIMATORS
@pytest.mark.parametrize("network", ["mlp", "residual"])
def test_how_far_off_a_cell_is_says_nothing_of_the_other_columns(X, Estimator, network):
    model = Estimator(2, network=network, random_state=0, max_iter=20).fit(X)
    near, far = X[:30].copy(), X[:30].copy()
    near[:, 1] += 6.0 * X[:, 1].std()
    far[:, 1] += 60.0 * X[:, 1].std()
    others = [np.delete(model.score_features(rows), 1, axis=1) for rows in (near, far)]
    compared = [shares - shares.mean(axis=1, keepdims=True) for shares in others]
    np.testing.assert_allclose(*compared, atol=1e-3 * np.abs(others[1]).max())
    usual = np.delete(model.score_features(X[:30]), 1, axis=1)
    assert not np.allclose(compared[0], usual - usual.mean(axis=1, keepdims=True), atol=1e-3)


def test_levels_without_an_order_are_not_clipped_to_a_range(X):
    levels = np.r_[np.zeros(len(X) - 2), 1.0, 2.0]
    table = np.c_[X[:, :2], levels]
    model = VAETransformer(likelihood=[("gaussian", [0, 1]), ("categorical", [2])], random_state=0, max_iter=2)
    model.fit(table).partial_fit(table)
    tame = np.clip(table, *model._usual)
    np.testing.assert_array_equal(tame[:, 2], levels)
    assert (tame[:, :2] != table[:, :2]).any(axis=0).all()
    assert (tame[:, :2] != table[:, :2]).mean() < 0.03


@ESTIMATORS
def test_sample_is_repeatable_and_needs_no_global_state(X, Estimator):
    model = Estimator(**SMALL).fit(X)
    np.testing.assert_array_equal(model.sample(600, random_state=3), model.sample(600, random_state=3))
    assert not np.array_equal(model.sample(5, random_state=3), model.sample(5, random_state=4))
    drawn = model.sample(600, random_state=3)
    assert len(np.unique(drawn[:, 0])) == 600


def test_samples_of_a_trained_model_look_like_the_data(X):
    drawn = AutoencoderTransformer(2, random_state=0, max_iter=100).fit(X).sample(20_000, random_state=0)
    np.testing.assert_allclose(drawn.mean(axis=0), X.mean(axis=0), atol=0.3 * X.std(axis=0).max())
    np.testing.assert_allclose(np.corrcoef(drawn.T), np.corrcoef(X.T), atol=0.15)
