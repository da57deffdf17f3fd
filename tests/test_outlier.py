"""The detector: scikit-learn's signs, an exact threshold, any scorer inside, reasons."""

import numpy as np
import pandas as pd
import pytest
from sklearn.decomposition import PCA
from sklearn.ensemble import IsolationForest
from sklearn.metrics import roc_auc_score
from sklearn.mixture import GaussianMixture
from sklearn.neighbors import KernelDensity
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skvae import AutoencoderOutlierDetector, AutoencoderTransformer, VAETransformer

SMALL = {"hidden_layer_sizes": (16,), "random_state": 0, "max_iter": 40}

SCORERS = {
    "vae": VAETransformer(**SMALL),
    "autoencoder": AutoencoderTransformer(**SMALL),
    "mixture": GaussianMixture(2, random_state=0),
    "kernel density": KernelDensity(),
    "pca": PCA(2),
    "forest": IsolationForest(random_state=0),
    "pipeline": make_pipeline(StandardScaler(), VAETransformer(**SMALL)),
}


@pytest.mark.parametrize("name", SCORERS)
def test_signs_and_threshold_are_those_of_scikit_learn(X, name):
    detector = AutoencoderOutlierDetector(SCORERS[name], contamination=0.1).fit(X)
    scores = detector.score_samples(X)
    np.testing.assert_array_equal(detector.decision_function(X), scores - detector.offset_)
    np.testing.assert_array_equal(detector.predict(X), np.where(scores < detector.offset_, -1, 1))
    assert (detector.predict(X) == -1).sum() == 20
    assert detector.n_features_in_ == 5


@pytest.mark.parametrize(("contamination", "expected"), [("auto", 2), (0.01, 2), (0.25, 50), (0.5, 100), (0.001, 1)])
def test_contamination_is_the_share_of_flagged_training_rows(X, contamination, expected):
    detector = AutoencoderOutlierDetector(SCORERS["autoencoder"], contamination)
    assert (detector.fit_predict(X) == -1).sum() == expected


@pytest.mark.parametrize("name", ["vae", "autoencoder"])
def test_rows_from_elsewhere_score_lower(X, name):
    rng = np.random.RandomState(1)
    strange = X.mean(axis=0) + 2 * X.std(axis=0) * rng.normal(size=(50, 5))
    detector = AutoencoderOutlierDetector(SCORERS[name]).fit(X)
    labels = np.r_[np.ones(len(X)), np.zeros(50)]
    assert roc_auc_score(labels, detector.decision_function(np.r_[X, strange])) > 0.9


def test_random_state_reaches_the_estimator(X):
    scores = [
        AutoencoderOutlierDetector(VAETransformer(max_iter=2), random_state=seed).fit(X).score_samples(X)
        for seed in (0, 0, 1)
    ]
    np.testing.assert_array_equal(scores[0], scores[1])
    assert not np.allclose(scores[0], scores[2])


def test_the_default_estimator_is_a_vae_and_the_given_one_is_left_alone(X):
    given = VAETransformer(max_iter=1, random_state=0)
    detector = AutoencoderOutlierDetector(given).fit(X)
    assert not hasattr(given, "n_iter_")
    assert detector.estimator_ is not given
    default = AutoencoderOutlierDetector(random_state=0).fit(X[:40]).estimator_
    assert isinstance(default, VAETransformer)
    assert (default.network, default.likelihood) == ("mlp", "gaussian")


def test_explain_names_the_planted_cell_first():
    rng = np.random.RandomState(0)
    values = rng.normal(size=(300, 2)) @ rng.normal(size=(2, 8)) + 0.2 * rng.normal(size=(300, 8))
    table = pd.DataFrame(values, columns=list("abcdefgh"), index=[f"row{i}" for i in range(300)])
    vae = VAETransformer(2, network="mlp", likelihood="gaussian", random_state=0, max_iter=100)
    detector = AutoencoderOutlierDetector(vae).fit(table)
    planted = table.iloc[:3].copy()
    for row, column in enumerate(["c", "a", "d"]):
        planted.loc[planted.index[row], column] += 6 * table[column].std()
    reasons = detector.explain(planted, n_columns=2)
    assert list(reasons.columns) == ["column", "value", "expected", "share"]
    assert list(reasons.index.get_level_values(0)) == ["row0", "row0", "row1", "row1", "row2", "row2"]
    first = reasons.xs(0, level="rank")
    assert list(first["column"]) == ["c", "a", "d"]
    np.testing.assert_allclose(first["value"], [planted.loc[f"row{i}", column] for i, column in enumerate("cad")])
    assert (first["share"] < reasons.xs(1, level="rank")["share"]).all()
    assert (np.abs(first["value"] - first["expected"]) > 2 * table[["c", "a", "d"]].std().to_numpy()).all()


def test_explain_works_on_arrays_and_names_at_most_all_columns(X):
    reasons = AutoencoderOutlierDetector(SCORERS["autoencoder"]).fit(X).explain(X[:4], n_columns=99)
    assert len(reasons) == 4 * 5
    assert set(reasons["column"]) == set(range(5))
    assert isinstance(reasons, pd.DataFrame)


def test_explain_is_missing_where_the_estimator_cannot_tell(X):
    assert not hasattr(AutoencoderOutlierDetector(SCORERS["forest"]).fit(X), "explain")


def test_weights_move_the_threshold(X):
    weight = np.r_[np.full(100, 10.0), np.ones(100)]
    detector = AutoencoderOutlierDetector(SCORERS["autoencoder"], contamination=0.1).fit(X, sample_weight=weight)
    flagged = weight[detector.predict(X) == -1].sum() / weight.sum()
    assert flagged == pytest.approx(0.1, abs=0.01)
