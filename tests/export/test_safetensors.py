"""Files of safetensors hold estimators: weights by name, all else as JSON, and no code."""

import json

import numpy as np
import pandas as pd
import pytest
from fits import fitted
from safetensors.numpy import load_file, save_file
from sklearn.datasets import load_wine
from sklearn.ensemble import IsolationForest
from torch import nn

import skvae
from skvae import AutoencoderImputer, AutoencoderOutlierDetector, AutoencoderTransformer, VAETransformer
from skvae.export import from_safetensors, to_safetensors
from skvae.networks import Convolutional, Custom, Perceptron

WINE = load_wine(as_frame=True).data
FRAME = WINE.assign(
    text=np.where(WINE["alcohol"] > 13, "strong", "light"),
    day=pd.Timestamp("2020-03-01", tz="Europe/Berlin") + pd.to_timedelta(range(len(WINE)), unit="D"),
    group=pd.Categorical(np.where(WINE["alcohol"] > 12, 2, 1)),
)
FRAME.iloc[::5, 2] = np.nan
SMALL = {"n_components": 2, "max_iter": 3, "random_state": 0}

ESTIMATORS = {
    "vae": VAETransformer(likelihood={"alcohol": "student_t"}, **SMALL),
    "tied": AutoencoderTransformer(network=Perceptron(tied=True), **SMALL),
    "mixture": AutoencoderTransformer(code_density="gaussian_mixture", **SMALL),
    "detector": AutoencoderOutlierDetector(random_state=0),
    "detector of novelty": AutoencoderOutlierDetector(contamination=0.0, random_state=0),
    "detector alone": AutoencoderOutlierDetector(VAETransformer(**SMALL)),
    "imputer": AutoencoderImputer(VAETransformer(**SMALL)),
}


def answers(estimator, X):
    methods = ["transform", "score_samples", "predict", "explain", "sample"]
    arguments = {"sample": {"n_samples": 3, "random_state": 0}}
    return [getattr(estimator, name)(**arguments.get(name, {"X": X})) for name in methods if hasattr(estimator, name)]


@pytest.mark.parametrize("name", ESTIMATORS)
def test_what_is_read_answers_as_what_was_written(name, tmp_path):
    estimator, path = fitted(ESTIMATORS[name], FRAME), tmp_path / "it.safetensors"
    to_safetensors(estimator, path)
    again = from_safetensors(path)
    assert repr(again) == repr(estimator)
    for found, wanted in zip(answers(again, FRAME), answers(estimator, FRAME), strict=True):
        np.testing.assert_equal(np.asarray(found), np.asarray(wanted))
    again.partial_fit(FRAME)


def test_what_was_one_object_is_one_again(tmp_path):
    """Else a detector would hold its densities twice, and go on with one of them."""
    to_safetensors(fitted(ESTIMATORS["detector"], FRAME), tmp_path / "it")
    ensemble = from_safetensors(tmp_path / "it").estimator_
    assert ensemble._on_matrices.trusting.model is ensemble.trusting_._model
    assert ensemble._on_matrices.wary.model is ensemble.wary_._model


def test_images_and_arrays(tmp_path):
    X = WINE.to_numpy()[:, :12]
    network = Convolutional((1, 3, 4), channels=(4,))
    estimator = AutoencoderTransformer(2, network=network, max_iter=1, random_state=0).fit(X)
    to_safetensors(estimator, tmp_path / "it")
    again = from_safetensors(str(tmp_path / "it"))
    assert again.network == network
    assert (again.transform(X) == estimator.transform(X)).all()


def test_weights_have_the_names_of_the_module_and_the_header_says_what_they_are(tmp_path):
    estimator, path = fitted(ESTIMATORS["vae"], FRAME), tmp_path / "vae.safetensors"
    to_safetensors(estimator, path)
    tensors = load_file(path)
    for name, weight in estimator.module_.state_dict().items():
        assert (tensors[f"module.{name}"] == weight.numpy()).all() or np.isnan(weight.numpy()).any()
    assert {"units.shift", "units.scale"} <= set(tensors)
    size = int.from_bytes(path.read_bytes()[:8], "little")
    said = json.loads(path.read_bytes()[8 : 8 + size])["__metadata__"]
    assert said["estimator"] == "VAETransformer"
    assert said["skvae"] == skvae.__version__
    assert json.loads(said["parameters"])["n_components"] == "2"


def small(in_features, out_features):
    return nn.Linear(in_features, out_features)


NOT_PLAIN = {
    "random_state": VAETransformer(2, max_iter=1, random_state=np.random.RandomState(0)),
    "network": VAETransformer(2, max_iter=1, network=Custom(small, small)),
    "estimator": AutoencoderOutlierDetector(IsolationForest(n_estimators=5)),
}


@pytest.mark.filterwarnings("ignore:X has feature names")  # a step of scikit-learn is handed a frame on purpose
@pytest.mark.parametrize("name", NOT_PLAIN)
def test_what_no_file_holds_is_an_error_that_names_it(name, tmp_path):
    estimator = NOT_PLAIN[name].fit(WINE.to_numpy())
    with pytest.raises(TypeError, match=f"^{name}.* is .*, which is neither a number, .*Give an int as random_state"):
        to_safetensors(estimator, tmp_path / "it")
    assert not (tmp_path / "it").exists()


def test_other_files_are_refused_and_run_nothing(tmp_path):
    path = tmp_path / "other"
    save_file({"a": np.zeros(3)}, path)
    with pytest.raises(ValueError, match="holds no estimator of skvae .* Give a file of to_safetensors"):
        from_safetensors(path)
    for name in ("os:system", "subprocess:Popen"):
        state = json.dumps({"object": [0, name, []]})
        save_file({"a": np.zeros(3)}, path, metadata={"format": "1", "state": state})
        with pytest.raises(ValueError, match=f"wants an object of '{name}', which is none of skvae"):
            from_safetensors(path)
    state = json.dumps({"object": [0, "skvae._vae:Nothing", []]})
    save_file({"a": np.zeros(3)}, path, metadata={"format": "1", "state": state})
    with pytest.raises(ValueError, match="which this version of skvae has not"):
        from_safetensors(path)
