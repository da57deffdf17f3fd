"""The imputer stands before any estimator that takes complete tables."""

import pickle

import numpy as np
import pandas as pd
import polars
import pytest
from sklearn.base import clone
from sklearn.compose import make_column_transformer
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.impute import MissingIndicator, SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder

from skvae import AutoencoderImputer, AutoencoderTransformer, VAETransformer

SMALL = {"max_iter": 5, "hidden_layer_sizes": (8,), "random_state": 0}


def table(n_rows=120):
    """Numbers, whole numbers, texts, categories and dates that go together, and what they go with."""
    rng = np.random.RandomState(0)
    z = rng.normal(size=n_rows)
    frame = pd.DataFrame(
        {
            "size": 2.0 * z + 0.1 * rng.normal(size=n_rows),
            "count": pd.array(np.rint(5.0 * z), dtype="Int64"),
            "side": np.where(z > 0.0, "up", "down"),
            "kind": pd.Categorical(np.where(z > 0.5, "x", "y")),
            "day": pd.Timestamp("2024-01-01") + pd.to_timedelta(np.rint(10.0 * z), unit="D"),
        },
        index=[f"row {i}" for i in range(n_rows)],
    )
    return frame, z > 0.0


def with_holes(frame, share=0.2):
    return frame.mask(np.random.RandomState(1).uniform(size=frame.shape) < share)


@pytest.fixture(scope="module")
def fitted():
    lacking = with_holes(table()[0])
    return AutoencoderImputer(VAETransformer(**SMALL), random_state=0).fit(lacking), lacking


def test_a_frame_comes_back_complete_with_its_columns_and_dtypes(fitted):
    imputer, lacking = fitted
    filled = imputer.transform(lacking)
    assert filled.notna().all(axis=None)
    assert filled.dtypes.equals(lacking.dtypes)
    pd.testing.assert_index_equal(filled.index, lacking.index)
    pd.testing.assert_frame_equal(filled.where(lacking.notna()), lacking)
    pd.testing.assert_frame_equal(filled, imputer.estimator_.impute(lacking))
    assert imputer.get_feature_names_out().tolist() == imputer.feature_names_in_.tolist() == lacking.columns.tolist()
    assert imputer.n_features_in_ == 5


def test_an_array_comes_back_as_one_of_its_dtype():
    X = np.random.RandomState(0).normal(size=(60, 3)).astype(np.float32)
    X[::5, 1] = np.nan
    filled = AutoencoderImputer(VAETransformer(**SMALL)).fit_transform(X)
    assert type(filled) is np.ndarray
    assert filled.dtype == np.float32
    assert np.isfinite(filled).all()
    assert type(AutoencoderImputer(VAETransformer(**SMALL)).fit(X).transform([[1.0, 2.0, 3.0]])) is np.ndarray


def test_indicators_are_those_of_scikit_learn():
    X = np.random.RandomState(0).normal(size=(60, 3))
    X[::5, 1] = X[::7, 2] = np.nan
    imputer = AutoencoderImputer(VAETransformer(**SMALL), add_indicator=True).fit(X)
    other, new = SimpleImputer(add_indicator=True).fit(X), np.where(np.eye(3) == 1.0, np.nan, 0.5)
    np.testing.assert_array_equal(imputer.transform(X)[:, 3:], MissingIndicator().fit_transform(X))
    np.testing.assert_array_equal(imputer.transform(new)[:, 3:], other.transform(new)[:, 3:])
    assert imputer.get_feature_names_out().tolist() == other.get_feature_names_out().tolist()
    named = pd.DataFrame(X, columns=["a", "b", "c"])
    marked = imputer.fit_transform(named)
    assert list(marked) == ["a", "b", "c", "missingindicator_b", "missingindicator_c"]
    assert list(marked) == imputer.get_feature_names_out().tolist()
    assert marked["missingindicator_b"].dtype == bool
    assert marked["missingindicator_b"].tolist() == np.isnan(X[:, 1]).tolist()


def test_a_column_without_any_cell_is_named_and_left_out():
    frame = with_holes(table()[0]).assign(empty=np.nan)
    imputer = AutoencoderImputer(VAETransformer(**SMALL), add_indicator=True)
    with pytest.warns(UserWarning, match="All training cells of column 'empty' are missing") as told:
        imputer.fit(frame)
    assert told[0].filename == __file__
    filled = imputer.transform(frame)
    assert "empty" not in filled
    assert list(filled) == imputer.get_feature_names_out().tolist()
    assert filled.notna().all(axis=None)


@pytest.mark.parametrize("library", ["pandas", "polars"])
def test_the_output_can_be_set(library):
    X = np.random.RandomState(0).normal(size=(60, 3))
    X[::5, 1] = np.nan
    imputer = AutoencoderImputer(VAETransformer(**SMALL), add_indicator=True).set_output(transform=library).fit(X)
    assert list(imputer.transform(X).columns) == ["x0", "x1", "x2", "missingindicator_x1"]


def test_frames_of_polars_come_back_as_such():
    frame = polars.DataFrame({"a": [1.0, 2.0, None, 4.0] * 10, "b": ["x", None, "y", "y"] * 10})
    filled = AutoencoderImputer(VAETransformer(**SMALL), add_indicator=True).fit_transform(frame)
    assert filled.columns == ["a", "b", "missingindicator_a", "missingindicator_b"]
    assert sum(filled.null_count().row(0)) == 0
    assert filled["missingindicator_a"].to_list() == frame["a"].is_null().to_list()


def test_a_classifier_behind_it_is_cross_validated():
    frame, y = table()
    lacking = with_holes(frame)
    imputer = AutoencoderImputer(VAETransformer(**SMALL))
    encoded = make_column_transformer(
        (OneHotEncoder(), ["side", "kind"]), ("drop", ["day"]), remainder="passthrough", verbose_feature_names_out=False
    )
    for pipeline in (
        make_pipeline(imputer, encoded, LogisticRegression(max_iter=1000)),
        make_pipeline(make_column_transformer((imputer, ["size", "count"])), LogisticRegression()),
    ):
        assert np.isfinite(cross_val_score(pipeline, lacking, y, cv=2, error_score="raise")).all()
    trees = make_pipeline(imputer, HistGradientBoostingClassifier(max_iter=5))
    assert cross_val_score(trees, lacking[["size", "kind"]], y, cv=2, error_score="raise").mean() > 0.8


def test_what_was_trained_on_complete_rows_fills_holes():
    frame, _ = table(300)
    imputer = AutoencoderImputer(VAETransformer(**{**SMALL, "max_iter": 30})).fit(frame)
    asked = frame.head(40).assign(size=np.nan)
    assert np.corrcoef(imputer.transform(asked)["size"], frame["size"].head(40))[0, 1] > 0.8


def test_it_goes_on_batch_by_batch():
    X = np.random.RandomState(0).normal(size=(90, 3))
    X[::5, 1] = np.nan
    imputer, alone = AutoencoderImputer(AutoencoderTransformer(**SMALL)), AutoencoderTransformer(**SMALL)
    for start in (0, 30, 60):
        imputer.partial_fit(X[start : start + 30])
        alone.partial_fit(X[start : start + 30])
    np.testing.assert_array_equal(imputer.transform(X), alone.impute(X))


def test_weights_and_seeds_reach_the_estimator():
    X = np.random.RandomState(0).normal(size=(60, 3))
    X[::5, 1] = np.nan
    weight = np.arange(60.0)
    imputer = AutoencoderImputer(VAETransformer(**SMALL), random_state=3).fit(X, sample_weight=weight)
    again = AutoencoderImputer(VAETransformer(**SMALL), random_state=3).fit(X)
    other = AutoencoderImputer(VAETransformer(**SMALL), random_state=4).fit(X, sample_weight=weight)
    assert not np.array_equal(imputer.transform(X), again.transform(X))
    assert not np.array_equal(imputer.transform(X), other.transform(X))
    twin = AutoencoderImputer(VAETransformer(**SMALL), random_state=3).fit(X, sample_weight=weight)
    np.testing.assert_array_equal(imputer.transform(X), twin.transform(X))


def test_an_estimator_without_weights_is_told_of():
    class Filler(AutoencoderTransformer):
        def fit(self, X, y=None):
            return super().fit(X)

    with pytest.raises(ValueError, match="sample_weight was given, but fit of estimator=Filler"):
        AutoencoderImputer(Filler()).fit(np.eye(4), sample_weight=np.ones(4))


def test_it_says_how_far_it_is_only_when_asked(capsys):
    X = np.random.RandomState(0).normal(size=(60, 3))
    X[::5, 1] = np.nan
    imputer = AutoencoderImputer(VAETransformer(**SMALL)).fit(X)
    quiet = imputer.transform(X)
    assert capsys.readouterr().out == ""
    np.testing.assert_array_equal(imputer.set_params(verbose=True).transform(X), quiet)
    assert capsys.readouterr().out == "12 of 12 rows filled\n"


def test_it_is_cloned_and_pickled(fitted):
    imputer, lacking = fitted
    assert not hasattr(clone(imputer), "estimator_")
    pd.testing.assert_frame_equal(pickle.loads(pickle.dumps(imputer)).transform(lacking), imputer.transform(lacking))


def test_columns_that_are_not_those_of_training_are_refused(fitted):
    imputer, lacking = fitted
    with pytest.raises(ValueError, match="feature names should match"):
        imputer.transform(lacking.rename(columns={"size": "length"}))


def test_what_was_fitted_on_an_array_gives_arrays():
    X = np.random.RandomState(0).normal(size=(40, 3))
    frame = pd.DataFrame(np.where(np.arange(120).reshape(40, 3) % 7 == 0, np.nan, X), columns=list("abc"))
    imputer = AutoencoderImputer(VAETransformer(1, max_iter=2, hidden_layer_sizes=(4,), random_state=0)).fit(X)
    with pytest.warns(UserWarning, match="X has feature names"):
        filled = imputer.transform(frame)
    assert isinstance(filled, np.ndarray)
    np.testing.assert_array_equal(filled, imputer.transform(frame.to_numpy()))
