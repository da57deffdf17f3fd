"""Files of estimators: which form they have, and that those of every release so far load and answer as they did."""

import pickle
import re
import warnings

import numpy as np
import pytest
import skops.io
from kept.write import ESTIMATORS, FOLDER, answers

import skvae
from skvae import VAETransformer, _stored
from skvae._stored import FORMAT

FILES = sorted(path for path in FOLDER.iterdir() if path.suffix in (".pickle", ".skops"))


def loaded(path):
    """The estimator of a file; skops trusts what it names, which is ours alone."""
    if path.suffix == ".pickle":
        return pickle.loads(path.read_bytes())
    names = skops.io.get_untrusted_types(file=path)
    assert all(name.startswith("skvae.") for name in names)
    return skops.io.load(path, trusted=names)


def test_files_of_this_form_are_kept():
    kept = {path.name for path in FILES}
    assert {f"{FORMAT}-{name}.{kind}" for name in ESTIMATORS for kind in ("pickle", "skops")} <= kept


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_a_file_of_a_release_loads_for_ever_and_answers_as_it_did(path):
    name = path.stem.partition("-")[2]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        estimator = loaded(path)
    X = ESTIMATORS[name][1]()
    expected = np.load(path.with_suffix(".npz"))["answers"]
    np.testing.assert_allclose(answers(estimator, X), expected, rtol=1e-4, atol=1e-4)


def test_a_file_of_a_later_release_is_an_error_that_names_both(X):
    state = VAETransformer(max_iter=1, hidden_layer_sizes=(2,)).fit(X).__getstate__()
    later = {**state, "_skvae_format": FORMAT + 1, "_skvae_release": "7.3"}
    expected = rf"VAETransformer was stored by skvae 7.3 in form {FORMAT + 1}; skvae {re.escape(skvae.__version__)} "
    with pytest.raises(ValueError, match=expected + rf"reads forms up to {FORMAT}. Upgrade skvae to 7.3"):
        VAETransformer().__setstate__(later)


def test_earlier_forms_are_converted_one_step_after_another(X, monkeypatch):
    model = VAETransformer(max_iter=1, hidden_layer_sizes=(2,)).fit(X)
    state = model.__getstate__()
    state["old_name"] = state.pop("loss_curve_")

    def renamed(state):
        return {**{k: v for k, v in state.items() if k != "older_name"}, "loss_curve_": state["older_name"]}

    def first(state):
        return {**{k: v for k, v in state.items() if k != "old_name"}, "older_name": state["old_name"]}

    monkeypatch.setattr(_stored, "FORMAT", FORMAT + 2)
    monkeypatch.setattr(_stored, "CONVERSIONS", {FORMAT: first, FORMAT + 1: renamed})
    loaded = VAETransformer.__new__(VAETransformer)
    loaded.__setstate__(state)
    assert loaded.loss_curve_ == model.loss_curve_
    assert "older_name" not in vars(loaded)


@pytest.mark.parametrize("name", ESTIMATORS)
def test_the_number_of_a_form_is_no_attribute(name):
    estimator, _ = ESTIMATORS[name]
    again = pickle.loads(pickle.dumps(estimator))
    assert vars(again).keys() == vars(estimator).keys()
