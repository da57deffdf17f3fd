"""Graphs of ONNX answer as estimators do, in a process that has neither torch nor this package."""

import subprocess
import sys

import numpy as np
import onnx
import pytest
from cases import each_value
from fits import fitted
from graphs import answered, assert_answers, assert_close, expected, ran
from sklearn.datasets import load_digits, load_wine
from sklearn.ensemble import IsolationForest
from sklearn.exceptions import NotFittedError
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from torch import nn

from skvae import AutoencoderImputer, AutoencoderOutlierDetector, AutoencoderTransformer, VAETransformer
from skvae.export import onnx_inputs, to_onnx
from skvae.networks import Custom, Perceptron
from skvae.nn.likelihoods import LIKELIHOODS
from skvae.nn.networks import ACTIVATIONS
from skvae.nn.priors import CODE_DENSITIES, PRIORS
from skvae.penalties import Sparse

BOTH = [VAETransformer, AutoencoderTransformer]
OUTPUTS = ["transform", "reconstruct", "score_samples"]
SMALL = {"n_components": 2, "hidden_layer_sizes": (16,), "max_iter": 4, "random_state": 0}

rng = np.random.RandomState(0)
NUMBERS = rng.normal(size=(200, 2)) @ rng.normal(size=(2, 5)) + 0.3 * rng.normal(size=(200, 5))
ROWS = {
    "unit_interval": 1.0 / (1.0 + np.exp(-NUMBERS)),
    "interval": 1.0 / (1.0 + np.exp(-NUMBERS)),
    "positive": np.exp(NUMBERS),
    "counts": rng.poisson(np.exp(NUMBERS)).clip(0, 6).astype(float),
    "simplex": np.exp(NUMBERS) / np.exp(NUMBERS).sum(axis=1, keepdims=True),
}
"""Rows that likelihoods of some units explain; the others explain NUMBERS."""

WINE = load_wine().data


def holed(X, columns):
    """Rows of which some lack cells of some columns."""
    X = X.copy()
    for place, column in enumerate(columns):
        X[place :: 5 + place, column] = np.nan
    return X


@pytest.mark.parametrize("trained_on", ["complete", "holes"])
@pytest.mark.parametrize("Estimator", BOTH)
def test_graphs_answer_as_estimators_do_with_holes_foreseen_or_not(Estimator, trained_on):
    X = holed(WINE, [3]) if trained_on == "holes" else WINE
    estimator = fitted(Estimator(3, max_iter=5, random_state=0), X)
    assert_answers(estimator, holed(WINE, [3, 7]), OUTPUTS)
    Z = estimator.transform(WINE)
    (found,) = ran(to_onnx(estimator, "inverse_transform"), {"codes": Z}).values()
    assert_close(found, estimator.inverse_transform(Z))


@each_value(likelihood=list(LIKELIHOODS), Estimator=BOTH)
def test_graphs_of_every_likelihood(likelihood, Estimator):
    X = ROWS.get(LIKELIHOODS[likelihood].units, NUMBERS)
    estimator = Estimator(likelihood=likelihood, **SMALL).fit(X)
    assert_answers(estimator, X, ["reconstruct", "score_samples"])


@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_graphs_of_every_activation(activation):
    assert_answers(AutoencoderTransformer(activation=activation, **SMALL).fit(NUMBERS), NUMBERS, ["score_samples"])


OTHERS = {
    "mlp": VAETransformer(network="mlp", **SMALL),
    "blocks": AutoencoderTransformer(2, network="residual_blocks", hidden_layer_sizes=(8, 8), max_iter=3),
    "tied": AutoencoderTransformer(network=Perceptron(tied=True, dropout=0.1), **SMALL),
    "linear": VAETransformer(2, hidden_layer_sizes=(), max_iter=4, random_state=0),
    "activations": AutoencoderTransformer(penalty=Sparse(target=0.1), **SMALL),
    "float64": VAETransformer(precision="float64", **SMALL),
    "draws": VAETransformer(n_importance_samples=5, objective="iwae", **SMALL),
    **{f"prior {name}": VAETransformer(prior=name, code_density=None, **SMALL) for name in PRIORS},
    **{f"density {name}": AutoencoderTransformer(code_density=name, **SMALL) for name in CODE_DENSITIES},
}


@pytest.mark.parametrize("name", OTHERS)
def test_graphs_of_other_parameters(name):
    close = 1e-12 if OTHERS[name].precision == "float64" else 1e-5
    estimator = fitted(OTHERS[name], NUMBERS)
    for output in ("transform", "score_samples"):
        (found,) = answered(estimator, NUMBERS, output).values()
        assert_close(found, expected(estimator, NUMBERS, output), close)


@pytest.mark.parametrize("Estimator", BOTH)
def test_graphs_of_convolutions(Estimator):
    X = load_digits().data[:300]
    estimator = fitted(Estimator(4, image_shape=(1, 8, 8), max_iter=2, random_state=0), X)
    assert_answers(estimator, holed(X, [20]), OUTPUTS)


def with_placeholders(X):
    X = X.copy()
    X[::9, 1], X[::8, 1], X[::7, 2] = -999.0, 999.0, -1.0e4
    return X


TABLES = {
    "placeholders": with_placeholders(NUMBERS),
    "float32": NUMBERS.astype(np.float32),
    "uint8": (20.0 * NUMBERS + 100.0).clip(0, 255).astype(np.uint8),
    "repeated": np.where(NUMBERS < 0.0, 0.0, NUMBERS),
    "one column": NUMBERS[:, :1],
    "constant": np.hstack([NUMBERS, np.full((200, 1), 7.0)]),
    "empty": np.hstack([NUMBERS, np.full((200, 1), np.nan)]),
}


@each_value(table=list(TABLES), Estimator=BOTH)
def test_graphs_of_odd_tables(table, Estimator):
    X = TABLES[table]
    # one column comes back all but exactly: what is left to be scored is the rounding of float32
    precision = "float64" if X.shape[1] == 1 else "float32"
    estimator = Estimator(precision=precision, **SMALL).fit(X)
    assert_answers(estimator, X, OUTPUTS, dtype="float32" if table == "float32" else "float64")


def test_levels_of_an_array_are_in_the_graph():
    X = np.hstack([NUMBERS, np.where(NUMBERS[:, :1] > 0.5, 3.5, np.where(NUMBERS[:, :1] < -0.5, -2.0, 10.0))])
    estimator = VAETransformer(categorical_features=[5], **SMALL).fit(X)
    others = X.copy()
    others[:3, 5] = 99.0, np.nan, 3.5
    assert_answers(estimator, others, OUTPUTS)


DETECTORS = {
    "default": AutoencoderOutlierDetector(random_state=0),
    "known usual": AutoencoderOutlierDetector(contamination=0.0, random_state=0),
    "alone": AutoencoderOutlierDetector(VAETransformer(**SMALL)),
    "ensemble": AutoencoderOutlierDetector(AutoencoderTransformer(**SMALL), ensemble=True, contamination=0.1),
}


@pytest.mark.parametrize("name", DETECTORS)
def test_graphs_of_detectors(name):
    detector, X = fitted(DETECTORS[name], WINE), holed(WINE, [4])
    X[5] += 100.0  # far
    assert_answers(detector, X, ["score_samples", "decision_function"])
    (labels,) = answered(detector, X, "predict").values()
    assert labels.dtype == np.int64
    assert (labels == detector.predict(X)).all()
    assert set(labels) == {-1, 1}


def test_a_graph_without_unforeseen_holes_has_no_answer_for_them():
    estimator, X = fitted(VAETransformer(3, max_iter=5, random_state=0), WINE), holed(WINE, [3])
    lacking = np.isnan(X).any(axis=1)
    for output in OUTPUTS:
        model = to_onnx(estimator, output, unforeseen_holes=False)
        assert not {"If", "Loop"} & {node.op_type for node in model.graph.node}
        (found,) = ran(model, {"X": X}).values()
        wanted = expected(estimator, WINE, output)
        assert np.isnan(found[lacking]).all()
        assert_close(found[~lacking], wanted[~lacking])
    detector = fitted(DETECTORS["default"], WINE)
    (labels,) = ran(to_onnx(detector, "predict", unforeseen_holes=False), {"X": X}).values()
    assert (labels[lacking] == -1).all()


def convolving(in_features, out_features):
    return nn.Sequential(
        nn.Unflatten(1, (1, in_features)),
        nn.Conv1d(1, 3, 3, padding=1),
        nn.BatchNorm1d(3),
        nn.GELU(),
        nn.Flatten(),
        nn.LayerNorm(3 * in_features),
        nn.Dropout(0.1),
        nn.Linear(3 * in_features, out_features),
    )


class Asking(nn.Linear):
    def forward(self, x):
        return super().forward(x) if float(x.sum()) < 1e9 else super().forward(-x)


class Sorting(nn.Linear):
    def forward(self, x):
        return super().forward(x.sort(dim=1).values)


class Counting(nn.Linear):
    def forward(self, x):
        return super().forward(x * torch_arange(x))


def torch_arange(x):
    return x.new_tensor(range(len(x)))[:, None]


def test_graphs_of_networks_of_ones_own():
    assert_answers(VAETransformer(network=Custom(convolving, convolving), **SMALL).fit(NUMBERS), NUMBERS, OUTPUTS)


@pytest.mark.parametrize(
    ("module", "said"),
    [(Asking, "reads values"), (Sorting, "sort: .* no counterpart"), (Counting, "depends on the number of rows")],
)
def test_networks_without_a_graph_are_errors_that_say_why(module, said):
    estimator = AutoencoderTransformer(network=Custom(module, nn.Linear), **SMALL).fit(NUMBERS)
    with pytest.raises(ValueError, match=said):
        to_onnx(estimator)


@pytest.mark.filterwarnings("ignore:X has feature names")  # a step of scikit-learn is handed a frame on purpose
def test_what_has_no_graph_is_an_error_that_says_what_to_do():
    vae = fitted(VAETransformer(3, max_iter=5, random_state=0), WINE)
    with pytest.raises(NotFittedError):
        to_onnx(VAETransformer())
    with pytest.raises(ValueError, match="output='predict': VAETransformer exports 'transform', "):
        to_onnx(vae, "predict")
    with pytest.raises(ValueError, match="output='transform': AutoencoderOutlierDetector exports 'score_samples', "):
        to_onnx(fitted(DETECTORS["default"], WINE), "transform")
    with pytest.raises(ValueError, match="dtype='int8' must be one of"):
        to_onnx(vae, dtype="int8")
    with pytest.raises(TypeError, match="missing=None must be a text"):
        to_onnx(vae, missing=None)
    pipeline = make_pipeline(StandardScaler(), VAETransformer(2, max_iter=1)).fit(WINE)
    for other in (
        pipeline,
        AutoencoderOutlierDetector(pipeline),
        AutoencoderOutlierDetector(IsolationForest(n_estimators=5)),
    ):
        with pytest.raises(TypeError, match="has no export.* skl2onnx"):
            to_onnx(other.fit(WINE), "score_samples")
    with pytest.raises(TypeError, match="AutoencoderImputer has no export|VAETransformer has no export"):
        to_onnx(AutoencoderImputer(VAETransformer(2, max_iter=1)).fit(WINE))
    images = AutoencoderTransformer(2, image_shape=(1, 8, 8), max_iter=1, precision="float64")
    with pytest.raises(ValueError, match="precision='float64': onnxruntime has no convolution"):
        to_onnx(images.fit(load_digits().data[:50]))


PROCESS = """
import sys
import numpy, onnxruntime
data = numpy.load(sys.argv[2])
session = onnxruntime.InferenceSession(sys.argv[1])
(found,) = session.run(None, {"X": data["X"]})
error = numpy.abs(found - data["wanted"]) / numpy.maximum(numpy.abs(data["wanted"]), 1.0)
assert error.max() < 1e-5, error.max()
there = {name.split(".")[0] for name in sys.modules}
assert not there & {"torch", "skvae", "sklearn", "pandas", "scipy", "onnx"}, there
"""


@pytest.mark.parametrize("output", ["transform", "score_samples"])
def test_a_graph_runs_in_a_process_with_onnxruntime_and_numpy_alone(output, tmp_path):
    vae = fitted(VAETransformer(3, max_iter=5, random_state=0), WINE)
    model = to_onnx(vae, output)
    onnx.checker.check_model(model, full_check=True)
    onnx.save(model, tmp_path / "vae.onnx")
    np.savez(tmp_path / "rows.npz", X=WINE, wanted=expected(vae, WINE, output))
    command = [sys.executable, "-c", PROCESS, str(tmp_path / "vae.onnx"), str(tmp_path / "rows.npz")]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_a_graph_says_where_it_comes_from_and_what_it_takes():
    vae = fitted(VAETransformer(3, max_iter=5, random_state=0), WINE)
    model = to_onnx(vae, dtype="float32")
    said = {each.key: each.value for each in model.metadata_props}
    assert said["estimator"] == "VAETransformer"
    assert said["output"] == "transform"
    (inputs,) = onnx_inputs(vae, WINE.tolist(), dtype="float32").values()
    (codes,) = ran(model, {"X": inputs}).values()
    assert inputs.dtype == codes.dtype == np.float32
    assert_close(codes, vae.transform(WINE.astype(np.float32)))
