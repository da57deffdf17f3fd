"""In a process that was forked after use, and whatever numpy is told to do of errors."""

import json
import os
import subprocess
import sys
import warnings
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy import special

from skvae import AutoencoderImputer, AutoencoderOutlierDetector, AutoencoderTransformer, VAETransformer
from skvae._outliers.ensemble import RobustEnsemble

PROGRAM = Path(__file__).parent / "forked_child.py"


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system does not fork")
def test_a_forked_child_gives_the_results_of_its_parent():
    settings = {**os.environ, "OMP_NUM_THREADS": "2", "OMP_WAIT_POLICY": "passive"}
    command = [sys.executable, "-W", "error", str(PROGRAM)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=240, env=settings, check=False)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == {"unfinished": [], "differing": [], "joblib": []}


OWN = [VAETransformer, AutoencoderTransformer, AutoencoderImputer, AutoencoderOutlierDetector, RobustEnsemble]


@pytest.mark.parametrize("Estimator", OWN)
def test_every_public_method_of_ours_is_undisturbed(Estimator):
    ours = [cls for cls in Estimator.__mro__ if cls.__module__.startswith("skvae.")]
    for name, method in [item for cls in ours for item in vars(cls).items()]:
        if not name.startswith("_") and (callable(method) or hasattr(method, "fn")):
            assert getattr(getattr(method, "fn", method), "is_undisturbed", False), name


def small_numbers(n=150):
    rng = np.random.RandomState(0)
    return pd.DataFrame(
        {
            "tiny": rng.normal(size=n) * 1e-200,
            "rate": rng.lognormal(-12, 4, n),
            "holes": np.where(rng.uniform(size=n) < 0.2, np.nan, rng.normal(size=n) * 1e-9),
            "huge": rng.normal(size=n) * 1e140,
            "text": rng.choice(["u", "v"], n),
            "day": pd.Timestamp("2020-01-01") + pd.to_timedelta(rng.randint(0, 999, n), unit="D"),
        }
    )


def results(estimator, table):
    """What methods of a new estimator give for a table."""
    estimator.fit(table, sample_weight=np.linspace(1e-300, 1.0, len(table)))
    found = [estimator.score_samples(table)]
    if hasattr(estimator, "explain"):
        found += [estimator.explain(table.head()), estimator.outlier_probability(table), estimator.predict(table)]
    else:
        found += [estimator.transform(table), estimator.sample(20, random_state=0), estimator.impute(table)]
        found += [estimator.score_features(table), estimator.inverse_transform(found[1])]
    return [*found, estimator.partial_fit(table).score_samples(table)]


SMALL = {"max_iter": 2, "random_state": 0, "hidden_layer_sizes": (8,)}
NEW = {
    "vae": lambda: VAETransformer(**SMALL, n_importance_samples=4),
    "autoencoder": lambda: AutoencoderTransformer(**SMALL),
    "detector": lambda: AutoencoderOutlierDetector(
        VAETransformer(**SMALL, n_importance_samples=4), ensemble=True, random_state=0
    ),
}


@pytest.mark.parametrize("name", NEW)
def test_what_numpy_and_scipy_are_told_to_do_of_errors_changes_nothing(name):
    table = small_numbers()
    expected = results(NEW[name](), table)
    with np.errstate(all="raise"), special.errstate(all="raise"), warnings.catch_warnings():
        warnings.simplefilter("error")
        found = results(NEW[name](), table)
    for one, other in zip(found, expected, strict=True):
        pd.testing.assert_frame_equal(pd.DataFrame(one), pd.DataFrame(other), check_exact=True)
