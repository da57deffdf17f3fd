"""A good guest: global state, imports, threads, memory, and the shape of the house."""

import json
import random
import subprocess
import sys
import threading
from pathlib import Path

import joblib
import numpy as np
import pytest
import torch
from counting import arrays_left, live_tensors

import skvae
from skvae import AutoencoderOutlierDetector, AutoencoderTransformer, VAETransformer
from skvae._engine.device import SHORT_STEP, OneThread
from skvae.networks import Perceptron
from skvae.nn.corruptions import CORRUPTIONS
from skvae.nn.likelihoods import LIKELIHOODS
from skvae.nn.models.codec import Codec
from skvae.nn.penalties import PENALTIES
from skvae.nn.regularizers import REGULARIZERS

PACKAGE = Path(skvae.__file__).parent
SMALL = {"hidden_layer_sizes": (8,), "random_state": 0, "max_iter": 2}


FRESH = """
import sys, sklearn.base
before = set(sys.modules)
import skvae
assert "torch" not in sys.modules
assert "VAETransformer" in dir(skvae)
loaded = set(sys.modules) - before
assert len(loaded) < 10 and all(name.split(".")[0] == "skvae" for name in loaded), loaded

from skvae import ExplanationDisplay, ImageGridDisplay, ReconstructionDisplay
assert not {"matplotlib", "torch"} & set(sys.modules)

import json
import numpy as np, pandas as pd
from skvae import AutoencoderOutlierDetector, AutoencoderTransformer, VAETransformer
loaded = {name for name in sys.modules if name.startswith("sklearn.")}
assert not {f"sklearn.{name}" for name in ("mixture", "cluster", "ensemble")} & loaded, loaded
X = np.random.RandomState(0).normal(size=(50, 4))
vae = VAETransformer(max_iter=2, hidden_layer_sizes=(8,), random_state=1)
print(json.dumps(vae.fit_transform(X).tolist()))

X, small = np.random.RandomState(0).normal(size=(300, 4)), {"max_iter": 2, "hidden_layer_sizes": (8,)}
U, WHOLE = np.abs(X) / 9.0, 1.0 + X.round() % 3
frame = pd.DataFrame(X).add_prefix("c").assign(level=np.where(X[:, 0] > 0, "a", "b"), flag=X[:, 1] > 0)
"""
"""What a fresh process loads, and the codes of one seed in it."""

ROWS = {"interval": "U", "unit_interval": "U", "simplex": "U / U.sum(axis=1, keepdims=True)"}
"""Rows that a likelihood of such units explains."""

FITS = [
    *(f"VAETransformer(**small, regularizer={name!r}).fit(X)" for name in REGULARIZERS),
    *(f"AutoencoderTransformer(**small, corruption={name!r}).fit(frame)" for name in CORRUPTIONS),
    *(f"AutoencoderTransformer(**small, penalty={name!r}).fit(X)" for name in PENALTIES),
    *(
        f"VAETransformer(**small, likelihood={name!r}).fit({ROWS.get(each.units, 'WHOLE')})"
        for name, each in LIKELIHOODS.items()
    ),
    "VAETransformer(**small, objective='iwae', n_draws=3).fit(X)",
    "AutoencoderTransformer(**small).fit(frame)",
    "AutoencoderOutlierDetector(VAETransformer(**small)).fit(frame).explain(frame[:3])",
]


@pytest.fixture(scope="module")
def fresh():
    """A process that imports, and then fits: the codes that it prints, and what it says of its failures."""
    each = [f"{fit}\nassert not {{'torch._dynamo', 'sympy'}} & set(sys.modules), {fit!r}" for fit in FITS]
    code = "\n".join([FRESH, *each, "print('all fits')"])
    return subprocess.run([sys.executable, "-W", "ignore", "-c", code], capture_output=True, text=True, check=False)


def test_import_loads_neither_torch_nor_matplotlib_and_few_files(fresh):
    assert fresh.stdout, fresh.stderr


def test_a_fit_loads_neither_the_compiler_of_torch_nor_symbolic_algebra(fresh):
    assert fresh.stdout.splitlines()[-1:] == ["all fits"], fresh.stderr


def test_same_seed_gives_the_same_weights_in_a_fresh_process(fresh):
    X = np.random.RandomState(0).normal(size=(50, 4))
    codes = VAETransformer(max_iter=2, hidden_layer_sizes=(8,), random_state=1).fit_transform(X)
    assert json.loads(fresh.stdout.splitlines()[0]) == codes.tolist()


@pytest.mark.parametrize("Estimator", [AutoencoderTransformer, VAETransformer])
def test_a_small_fit_computes_with_one_thread_to_its_end(monkeypatch, Estimator):
    """A second thread that waits for a processor takes many times as long as it saves."""
    found, decode = [], Codec.decode

    def watched(module, z):
        found.append((torch.get_num_threads(), len(z) * module.n_products))
        return decode(module, z)

    X, before = np.random.RandomState(0).normal(size=(300, 4)), torch.get_num_threads()
    monkeypatch.setattr(Codec, "decode", watched)
    torch.set_num_threads(2)
    try:
        Estimator(**SMALL).fit(X)
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(before)
    assert {threads for threads, n_products in found if n_products < SHORT_STEP} == {1}


def test_unknown_names_are_attribute_errors():
    with pytest.raises(AttributeError, match="no attribute 'PCA'"):
        _ = skvae.PCA


def global_state():
    return (
        torch.get_rng_state().tolist(),
        np.random.get_state()[1].tolist(),
        random.getstate(),
        torch.get_num_threads(),
        torch.get_default_dtype(),
        torch.is_grad_enabled(),
        torch.are_deterministic_algorithms_enabled(),
        torch.is_inference_mode_enabled(),
        np.geterr(),
    )


@pytest.mark.parametrize("Estimator", [VAETransformer, AutoencoderTransformer])
def test_global_state_is_as_it_was_after_every_call(X, Estimator):
    fitted = Estimator(**SMALL, corruption="swap", penalty="contractive", network=Perceptron(dropout=0.3))
    calls = [
        lambda: fitted.fit(X),
        lambda: fitted.partial_fit(X),
        lambda: fitted.transform(X),
        lambda: fitted.inverse_transform(np.zeros((3, 3))),
        lambda: fitted.sample(3, random_state=0),
        lambda: fitted.score_samples(X),
        lambda: fitted.score_features(X),
        lambda: Estimator(**{**SMALL, "random_state": np.random.RandomState(0)}).fit(X),
    ]
    for call in calls:
        before = global_state()
        call()
        assert global_state() == before


def test_threads_are_as_they_were_after_a_fit_that_fails(X, three_threads):
    with pytest.raises(ValueError, match="diverged"):
        VAETransformer(**{**SMALL, "solver": "sgd", "learning_rate_init": 1e30}).fit(X)
    assert torch.get_num_threads() == three_threads


def test_global_settings_of_torch_do_not_change_a_fit(X):
    reference = VAETransformer(**SMALL).fit(X).transform(X)
    with torch.no_grad():
        np.testing.assert_array_equal(VAETransformer(**SMALL).fit(X).transform(X), reference)
    with torch.inference_mode():
        np.testing.assert_array_equal(VAETransformer(**SMALL).fit(X).transform(X), reference)
    with torch.device("meta"):
        np.testing.assert_array_equal(VAETransformer(**SMALL).fit(X).transform(X), reference)
    torch.set_default_dtype(torch.float64)
    try:
        np.testing.assert_array_equal(VAETransformer(**SMALL).fit(X).transform(X), reference)
    finally:
        torch.set_default_dtype(torch.float32)


@pytest.fixture
def three_threads():
    before = torch.get_num_threads()
    torch.set_num_threads(3)
    yield 3
    torch.set_num_threads(before)


def test_threads_of_every_thread_are_restored_in_whatever_order_they_leave(three_threads):
    numbers = {}
    entered, leave_second = threading.Event(), threading.Event()

    def second():
        with OneThread():
            entered.set()
            leave_second.wait(10)
        numbers["second"] = torch.get_num_threads()

    with OneThread():
        thread = threading.Thread(target=second)
        thread.start()
        entered.wait(10)
    numbers["first"] = torch.get_num_threads()
    leave_second.set()
    thread.join()
    assert numbers == {"first": three_threads, "second": three_threads}


def test_concurrent_fits_in_threads_are_right_and_restore_the_number_of_threads(X, three_threads):
    expected = [VAETransformer(**{**SMALL, "random_state": seed}).fit(X).transform(X) for seed in range(4)]
    with joblib.parallel_config("threading", n_jobs=4):
        fits = joblib.Parallel()(
            joblib.delayed(VAETransformer(**{**SMALL, "random_state": seed}).fit)(X) for seed in range(4)
        )
    for fitted, codes in zip(fits, expected, strict=True):
        np.testing.assert_array_equal(fitted.transform(X), codes)
    assert torch.get_num_threads() == three_threads


def test_no_reference_to_data_or_graph_survives_a_fit(X):
    before = len(live_tensors())
    fitted = VAETransformer(**SMALL).fit(X)
    assert len(live_tensors()) > before
    assert len(live_tensors()) - before < 40
    del fitted
    assert len(live_tensors()) == before


def test_ten_fits_leave_neither_a_tensor_nor_an_array(X):
    def fits(n_fits):
        for _ in range(n_fits):
            VAETransformer(**{**SMALL, "max_iter": 1}).fit(X).score_samples(X)

    fits(2)
    before = len(live_tensors())
    assert arrays_left(fits, 10) == 0
    assert len(live_tensors()) == before


def test_the_module_is_public_in_eval_mode_on_its_device(X):
    fitted = VAETransformer(**SMALL, device="cpu").fit(X)
    assert fitted.device_ == "cpu"
    assert not fitted.module_.training
    assert next(fitted.module_.parameters()).device.type == "cpu"
    x = torch.from_numpy(fitted._model.units.to_standard(X)).float()
    np.testing.assert_allclose(fitted.module_.posterior(x).mean, fitted.transform(X), atol=1e-5)


def test_html_repr_shows_parameters_and_fitted_attributes(X):
    for estimator in (VAETransformer(**SMALL), AutoencoderOutlierDetector(VAETransformer(**SMALL))):
        assert "hidden_layer_sizes" in estimator._repr_html_()
        html = estimator.fit(X)._repr_html_()
        assert "n_features_in_" in html
        assert "href" not in html  # there are no pages online to link to
