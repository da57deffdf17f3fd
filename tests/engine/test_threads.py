"""One fitted estimator that many threads use at once, as servers do."""

import pickle
import sys
import threading
import warnings
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pandas as pd
import pytest
import torch
from cases import each_value

from skvae import AutoencoderImputer, AutoencoderOutlierDetector, AutoencoderTransformer, VAETransformer

N_THREADS = 8
SMALL = {"max_iter": 2, "hidden_layer_sizes": (8,), "random_state": 0, "device": "cpu"}
ESTIMATORS = {
    "vae": lambda: VAETransformer(**SMALL),
    "autoencoder": lambda: AutoencoderTransformer(**SMALL),
    "detector": lambda: AutoencoderOutlierDetector(VAETransformer(**SMALL), ensemble=True, random_state=0),
    "density alone": lambda: AutoencoderOutlierDetector(VAETransformer(**SMALL), ensemble=False, random_state=0),
    "imputer": lambda: AutoencoderImputer(VAETransformer(**SMALL)),
}
METHODS = {
    **{
        name: lambda fitted, X, name=name: getattr(fitted, name)(X)
        for name in (
            *("transform", "score_samples", "score_features", "score", "impute", "feature_recovery"),
            *("effective_sample_size", "predict", "decision_function", "outlier_probability", "explain"),
        )
    },
    "sample": lambda fitted, X: fitted.sample(20, random_state=0),
    "inverse_transform": lambda fitted, X: fitted.inverse_transform(fitted.transform(X)),
}
"""What is asked of those that have it, with the table that they were fitted to."""


def tables():
    """An array, and a frame of columns of many kinds with holes."""
    rng = np.random.RandomState(0)
    X = rng.normal(size=(300, 2)) @ rng.normal(size=(2, 5)) + 0.3 * rng.normal(size=(300, 5))
    frame = pd.DataFrame(X[:, :3]).add_prefix("x")
    frame["text"], frame["flag"] = rng.choice(["u", "v"], 300), X[:, 0] > 0
    frame["day"] = pd.Timestamp("2024-01-01") + pd.to_timedelta(rng.randint(0, 99, 300), "D")
    frame["hole"] = np.where(X[:, 3] > 1, np.nan, X[:, 4])
    return {"array": np.where(rng.uniform(size=X.shape) < 0.05, np.nan, X), "frame": frame}


TABLES = tables()


@pytest.fixture(autouse=True)
def threads_take_turns_often():
    """Threads change places every few steps, so that what they could do to each other happens."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    yield
    sys.setswitchinterval(before)


@pytest.fixture
def filters_as_they_were():
    """Before Python 3.14 filters of warnings are the process's; scikit-learn and pandas set them for moments."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def answers(fitted, X):
    """What all methods give, in bytes."""
    found = {name: ask(fitted, X) for name, ask in METHODS.items() if hasattr(fitted, name)}
    return {name: pickle.dumps(np.asarray(value)) for name, value in found.items()}


def at_once(function):
    """What a function gives in each of some threads that begin together."""
    start = threading.Barrier(N_THREADS)

    def run(_):
        start.wait()
        return function()

    with ThreadPoolExecutor(N_THREADS) as pool:
        return list(pool.map(run, range(N_THREADS)))


@each_value(name=list(ESTIMATORS), table=list(TABLES))
@pytest.mark.usefixtures("filters_as_they_were")
def test_threads_get_the_bits_of_serial_use_from_a_new_estimator_and_leave_it_as_it_was(name, table):
    X = TABLES[table]
    pickled = pickle.dumps(ESTIMATORS[name]().fit(X))
    expected = answers(pickle.loads(pickled), X)
    assert {"sample", "predict", "impute", "transform"} & expected.keys()
    fitted = pickle.loads(pickled)  # whose very first answers are those of threads
    before, state = pickle.dumps(fitted), (torch.get_num_threads(), np.geterr(), torch.is_grad_enabled())
    found = at_once(lambda: answers(fitted, X))
    for each in found:
        assert {method for method in expected if each[method] != expected[method]} == set()
    assert pickle.dumps(fitted) == before
    assert (torch.get_num_threads(), np.geterr(), torch.is_grad_enabled()) == state


@pytest.mark.usefixtures("filters_as_they_were")
def test_threads_get_the_bits_of_serial_use_for_long_tables_whose_kernels_are_recorded():
    X = np.random.RandomState(0).normal(size=(5000, 5))
    fitted = VAETransformer(**SMALL, n_importance_samples=2).fit(X[:300])
    expected = fitted.score_samples(X)
    for scores in at_once(lambda: fitted.score_samples(X)):
        np.testing.assert_array_equal(scores, expected)


@pytest.mark.usefixtures("filters_as_they_were")
def test_answers_are_right_while_other_threads_fit():
    X = TABLES["array"]
    fitted = AutoencoderOutlierDetector(VAETransformer(**SMALL), ensemble=False, random_state=0).fit(X)
    expected, turn = fitted.score_samples(X), iter(range(N_THREADS))

    def work():
        if next(turn) % 2:
            return VAETransformer(**SMALL).fit(X).score_samples(X)
        return fitted.score_samples(X)

    fresh = VAETransformer(**SMALL).fit(X).score_samples(X)
    found = at_once(work)
    n_right = [sum(np.array_equal(scores, each) for scores in found) for each in (expected, fresh)]
    assert n_right == [N_THREADS // 2, N_THREADS // 2]


def test_answers_and_advice_on_them_change_no_pickle(monkeypatch):
    monkeypatch.setattr("skvae._vae.LEAST_SAMPLE_SIZE", 150)
    X = TABLES["array"]
    fitted = VAETransformer(**SMALL).fit(X)
    before = pickle.dumps(fitted)
    with pytest.warns(UserWarning, match="importance draws of a score are worth less"):
        fitted.score(X)
    fitted.score(X)  # which would be an error if it warned again
    assert pickle.dumps(fitted) == before
    fitted.partial_fit(X).score(X)  # a model that goes on has been told


def test_of_threads_one_is_the_first_to_tell():
    fitted = VAETransformer(**SMALL).fit(TABLES["array"])
    assert sorted(at_once(lambda: fitted._model.first_to_tell(64))) == [False] * (N_THREADS - 1) + [True]
    assert fitted._model.first_to_tell(32)
    assert not fitted._model.copy().first_to_tell(32)
