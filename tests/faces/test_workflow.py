"""Inside other people's programs: searches, pipelines, routing, processes."""

import numpy as np
import pandas as pd
import pytest
from sklearn import config_context
from sklearn.compose import ColumnTransformer
from sklearn.datasets import load_digits, load_iris
from sklearn.ensemble import BaggingRegressor, StackingClassifier
from sklearn.experimental import enable_halving_search_cv  # noqa: F401
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.model_selection import GridSearchCV, HalvingGridSearchCV, cross_val_score, cross_validate
from sklearn.pipeline import FeatureUnion, Pipeline, make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from skvae import AutoencoderTransformer, VAETransformer

SMALL = {"hidden_layer_sizes": (8,), "random_state": 0, "max_iter": 3}
ESTIMATORS = pytest.mark.parametrize("Estimator", [VAETransformer, AutoencoderTransformer])


@ESTIMATORS
def test_a_search_over_a_pipeline_needs_no_labels(X, Estimator):
    pipeline = Pipeline([("scale", StandardScaler()), ("model", Estimator(**SMALL))])
    search = GridSearchCV(pipeline, {"model__n_components": [1, 2]}).fit(X)
    assert np.isfinite(search.cv_results_["mean_test_score"]).all()
    assert search.score_samples(X).shape == (200,)
    assert search.inverse_transform(search.transform(X)).shape == X.shape


def test_held_out_likelihood_finds_the_size():
    rng = np.random.RandomState(0)
    X = rng.normal(size=(600, 2)) @ rng.normal(size=(2, 8)) + 0.2 * rng.normal(size=(600, 8))
    search = GridSearchCV(
        VAETransformer(hidden_layer_sizes=(), random_state=0, learning_rate_init=1e-2), {"n_components": [1, 2]}, cv=3
    ).fit(X)
    assert search.best_params_ == {"n_components": 2}


@pytest.mark.parametrize("Estimator", [VAETransformer, pytest.param(AutoencoderTransformer, marks=pytest.mark.slow)])
def test_results_in_processes_are_those_in_one(X, Estimator):
    one, two = (cross_validate(Estimator(**SMALL), X, cv=3, n_jobs=n_jobs)["test_score"] for n_jobs in (1, 2))
    np.testing.assert_allclose(one, two, rtol=1e-5)


def test_halving_search_takes_epochs_as_its_resource(X):
    epochs = {"resource": "max_iter", "max_resources": 6, "factor": 2}
    search = HalvingGridSearchCV(VAETransformer(**SMALL), {"n_components": [1, 2]}, cv=2, random_state=0, **epochs).fit(
        X
    )
    assert search.best_estimator_.n_iter_ == 6


def test_codes_classify(X):
    X, y = load_iris(return_X_y=True)
    pipeline = Pipeline([("vae", VAETransformer(2, random_state=0)), ("clf", LogisticRegression())])
    assert cross_val_score(pipeline, X, y, cv=3).mean() > 0.85


def test_a_pipeline_caches(X, tmp_path):
    pipeline = make_pipeline(VAETransformer(**SMALL), Ridge(), memory=str(tmp_path))
    first = pipeline.fit(X, X[:, 0]).predict(X)
    np.testing.assert_array_equal(pipeline.fit(X, X[:, 0]).predict(X), first)
    assert any(tmp_path.rglob("*.pkl"))


def test_neighbours_of_a_transformer(X, frame):
    y = X[:, 0] > X[:, 0].mean()
    union = FeatureUnion([("vae", VAETransformer(**SMALL)), ("ae", AutoencoderTransformer(**SMALL))])
    assert union.fit_transform(X).shape == (200, 6)
    named = union.set_output(transform="pandas").fit_transform(frame)
    assert list(named.columns[:1]) == ["vae__vaetransformer0"]
    codes = ("codes", VAETransformer(2, **SMALL), ["a", "b", "count"])
    kind = ("kind", OneHotEncoder(sparse_output=False), ["flag"])
    columns = ColumnTransformer([codes, kind]).set_output(transform="pandas")
    assert list(columns.fit_transform(frame).columns) == [
        "codes__vaetransformer0",
        "codes__vaetransformer1",
        "kind__flag_False",
        "kind__flag_True",
    ]
    bagged = BaggingRegressor(make_pipeline(VAETransformer(**SMALL), Ridge()), n_estimators=2, random_state=0)
    assert np.isfinite(bagged.fit(X, X[:, 0]).predict(X)).all()
    stacked = StackingClassifier([("codes", make_pipeline(VAETransformer(**SMALL), LogisticRegression()))], cv=2)
    assert stacked.fit(X, y).predict(X).shape == (200,)


def test_weights_and_validation_rows_are_routed_through_a_pipeline(X):
    weight = np.r_[np.ones(150), np.zeros(50)]
    with config_context(enable_metadata_routing=True):
        vae = VAETransformer(**SMALL).set_fit_request(sample_weight=True, X_val=True)
        scaler = StandardScaler().set_fit_request(sample_weight=False)
        pipeline = Pipeline([("scale", scaler), ("vae", vae)], transform_input=["X_val"])
        pipeline.fit(X, sample_weight=weight, X_val=X[:20])
        scaled = StandardScaler().fit_transform(X)
        alone = VAETransformer(**SMALL).fit(scaled, sample_weight=weight, X_val=scaled[:20])
        assert pipeline[-1].validation_scores_ == alone.validation_scores_
        vae.set_score_request(sample_weight=True)
        search = GridSearchCV(pipeline, {"vae__n_components": [1, 2]}, cv=2)
        search.fit(X, sample_weight=weight, X_val=X[:20])
        assert np.isfinite(search.cv_results_["mean_test_score"]).all()


def test_a_frame_with_its_index_stays_aligned_with_other_columns():
    frame = load_digits(as_frame=True).data.iloc[:100].set_index(pd.date_range("2020", periods=100))
    codes = AutoencoderTransformer(2, **SMALL).set_output(transform="pandas").fit_transform(frame)
    assert codes.index.equals(frame.index)
