"""Fitted estimators travel: pickle, joblib, cloudpickle, deepcopy, skops; numpy inside, no torch."""

import copy
import io
import pickle
import pickletools

import numpy as np
import pytest
import skops.io
import torch
from fits import fitted
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV
from ways import WAYS

import skvae._engine.device
from skvae import AutoencoderOutlierDetector, AutoencoderTransformer, VAETransformer

SMALL = {"hidden_layer_sizes": (8,), "random_state": 0, "max_iter": 2}

FITS = {
    "vae": lambda X: fitted(VAETransformer(**SMALL), X),
    "vae on a frame": lambda X: fitted(VAETransformer(**SMALL), X),
    "autoencoder": lambda X: fitted(AutoencoderTransformer(**SMALL), X),
    "partial_fit": lambda X: VAETransformer(**SMALL).partial_fit(X),
    "detector": lambda X: fitted(AutoencoderOutlierDetector(VAETransformer(**SMALL)), X),
}


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("name", FITS)
def test_a_round_trip_changes_no_result(X, frame, tmp_path, name, way):
    table = frame if "frame" in name else X
    model = FITS[name](table)
    travelled = WAYS[way](model, tmp_path)
    np.testing.assert_array_equal(travelled.score_samples(table), model.score_samples(table))
    if hasattr(model, "transform"):
        np.testing.assert_array_equal(travelled.transform(table), model.transform(table))
        np.testing.assert_array_equal(travelled.sample(3, random_state=0), model.sample(3, random_state=0))
        assert travelled.loss_curve_ == model.loss_curve_
        assert not travelled.module_.training


def test_skops_needs_to_trust_our_own_classes_only(X):
    for name in FITS:
        stored = skops.io.dumps(FITS[name](X))
        assert all(trusted.startswith("skvae.") for trusted in skops.io.get_untrusted_types(data=stored))


def test_a_pickle_holds_no_torch_and_little_more_than_the_weights():
    rows = np.random.RandomState(0).normal(size=(10_000, 5))
    model = VAETransformer(hidden_layer_sizes=(200, 200), max_iter=1).fit(rows)
    stored = pickle.dumps(model)
    classes = {argument for code, argument, _ in pickletools.genops(stored) if isinstance(argument, str)}
    assert not {argument for argument in classes if argument.split(".")[0] == "torch"}
    weights = sum(value.numel() * value.element_size() for value in model.module_.state_dict().values())
    assert len(stored) < weights + 10_000


def test_pickling_leaves_the_estimator_alone(X):
    model = VAETransformer(**SMALL).fit(X)
    before = dict(vars(model._model))
    pickle.dumps(model)
    assert vars(model._model) == before
    assert isinstance(model.module_, torch.nn.Module)


def test_transform_changes_nothing_right_after_loading(X):
    loaded = pickle.loads(pickle.dumps(VAETransformer(**SMALL).fit(X)))
    before = dict(vars(loaded)), dict(vars(loaded._model))
    loaded.transform(X)
    loaded.set_params(device="cpu").score_samples(X)
    after = dict(vars(loaded)), dict(vars(loaded._model))
    assert {**before[0], "device": "cpu"} == after[0]
    assert before[1] == after[1]


def test_a_model_from_a_missing_device_runs_on_the_cpu_and_says_so_once(X, monkeypatch):
    model = VAETransformer(**SMALL).fit(X)
    model._model.device = "cuda:7"
    stored = pickle.dumps(model)
    with pytest.warns(UserWarning, match="fitted on device 'cuda:7'.*'cpu'") as caught:
        loaded = pickle.loads(stored)
    assert len(caught) == 1
    assert loaded._model.device == "cpu"
    model._model.device = "cpu"
    np.testing.assert_array_equal(loaded.transform(X), model.transform(X))


def test_parameters_set_after_fit_do_not_break_the_round_trip(X):
    model = VAETransformer(**SMALL).fit(X)
    codes = model.transform(X)
    model.set_params(hidden_layer_sizes=(99, 99), likelihood="bernoulli", n_components=1)
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(model)).transform(X), codes)


def test_nothing_of_training_is_kept(X):
    model = VAETransformer(**SMALL).fit(X)
    assert all(not parameter.requires_grad and parameter.grad is None for parameter in model.module_.parameters())
    assert model._model.solver_state is None
    stored = io.BytesIO(pickle.dumps(model))
    assert len(stored.getvalue()) < 10_000


def test_a_clone_is_unfitted_and_a_fitted_search_travels(X):
    model = VAETransformer(**SMALL).fit(X)
    assert set(vars(clone(model))) == set(model.get_params())
    search = GridSearchCV(VAETransformer(**SMALL), {"n_components": [1, 2]}, cv=2).fit(X)
    travelled = pickle.loads(pickle.dumps(search))
    np.testing.assert_array_equal(travelled.score_samples(X), search.score_samples(X))


def test_resolving_a_device_never_keeps_an_old_module(X):
    assert skvae._engine.device.resolve_device("cpu") == "cpu"
    assert skvae._engine.device.resolve_device("auto") in ("cpu", "cuda", "mps")


@pytest.mark.parametrize(
    "n_levels", [pytest.param(n, marks=() if n % 5 == 0 else pytest.mark.slow) for n in range(110, 130)]
)
def test_copies_score_alike_whatever_the_number_of_pseudo_inputs_and_levels(n_levels):
    levels = np.random.RandomState(n_levels).permutation(n_levels).astype(float)[:, None]
    params = {"hidden_layer_sizes": (6, 5), "random_state": 0, "max_iter": 1, "prior": "vampprior"}
    model = VAETransformer(**params, likelihood="categorical").fit(levels)
    for travelled in (copy.deepcopy(model), pickle.loads(pickle.dumps(model))):
        np.testing.assert_array_equal(travelled.score_samples(levels), model.score_samples(levels))
