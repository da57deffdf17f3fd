"""What of a GPU holds on a device that is only pretended: see ``pretend.py``. Nothing here needs a GPU."""

import inspect
import pickle
from collections import Counter
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
import replays
import torch
from estimators import mixed_frame, pictures, plain_table
from pretend import pretended
from replays import CASES, trained
from scipy.sparse import csr_array
from sklearn.base import BaseEstimator, clone

from skvae import (
    AutoencoderCellChecker,
    AutoencoderImputer,
    AutoencoderOutlierDetector,
    AutoencoderTransformer,
    VAETransformer,
)
from skvae._engine import denoising, pieces
from skvae._engine.device import resolve_device
from skvae.corruptions import Masking
from skvae.export import to_torch
from skvae.networks import Convolutional
from skvae.nn import training
from skvae.nn.models import repair

# models are trained for three epochs: that columns do not come back is true, and said elsewhere
pytestmark = pytest.mark.filterwarnings("ignore:.*do not come back through")

SHORT = {"max_iter": 3, "batch_size": 32, "precision": "float64", "random_state": 0}
"""Models that can be compared to many digits, chance being the same: steps round otherwise by their learning rates."""

NEAR = 1e-4
"""How near numbers of the two devices are."""


def each_member_once(cases):
    """The cases of steps; those of members that came with another model are slow. No autocast is pretended."""
    seen = set()
    for case in (case for case in cases if not {"products", "heaviest"} & set(case)):
        member = str({name: value for name, value in case.items() if name != "name"})
        yield pytest.param(case, marks=pytest.mark.slow if member in seen else ())
        seen.add(member)


WAITS = {None: Counter({"tolist": 1}), "adagrad": Counter({"tolist": 1, "_local_scalar_dense": 3})}
"""What an epoch of three batches waits for: once for its losses, and with adagrad, as documented, at every step."""

INFRASTRUCTURE = {
    *("fit", "fit_transform", "fit_predict", "get_feature_names_out", "set_callbacks", "set_output", "partial_fit"),
    *("set_fit_request", "set_partial_fit_request", "set_score_request"),
}
"""Public methods that answer nothing by themselves; those that fit come first and last below."""


def holed(X):
    """A table that also lacks cells of columns that were complete."""
    X = X.copy()
    if isinstance(X, pd.DataFrame):
        X.loc[X.index[:20], "b"] = np.nan
    else:
        X[:20, 1] = np.nan
    return X


def one_cell(X):
    """The first cell of a table, by its column."""
    return {X.columns[1]: X.iloc[0, 1]} if isinstance(X, pd.DataFrame) else {0: X[0, 0]}


ANSWERS = {
    "describe": lambda model, X: model.describe().drop("device", errors="ignore").to_dict(),
    "transform": lambda model, X: model.transform(X),
    "inverse_transform": lambda model, X: model.inverse_transform(model.transform(X)),
    "score_samples": lambda model, X: model.score_samples(X),
    "score": lambda model, X: model.score(X),
    "score_features": lambda model, X: model.score_features(holed(X)),
    "feature_recovery": lambda model, X: model.feature_recovery(X).select_dtypes("number").clip(lower=-10.0),
    "effective_sample_size": lambda model, X: model.effective_sample_size(X),
    "sample": lambda model, X: [
        model.sample(20, random_state=0),
        model.sample(20, random_state=0, noise=False),
        model.sample(5, random_state=0, given=one_cell(X), noise=False),
    ],
    "impute": lambda model, X: [model.impute(holed(X)), *model.impute(holed(X), n_imputations=2, random_state=0)],
    "predict": lambda model, X: model.predict(X),
    "decision_function": lambda model, X: model.decision_function(X),
    "outlier_probability": lambda model, X: model.outlier_probability(X),
    "explain": lambda model, X: model.explain(X.iloc[:40] if isinstance(X, pd.DataFrame) else X[:40]),
    "strangeness": lambda model, X: np.isfinite(model.strangeness(X)),  # a learning rate off by 3e-8 moves it by 1.6
    "strange_cells": lambda model, X: list(model.strange_cells(X)),
}
"""What each public method answers."""


def models(name, device):
    """An unfitted estimator that computes on a device, and few rows of its table."""
    short = SHORT | {"device": device}
    vae, plain = VAETransformer(3, **short), plain_table(120)
    detector = AutoencoderOutlierDetector(estimator=vae, random_state=0)
    foreseeing = AutoencoderTransformer(3, corruption=Masking(0.3), **short)
    images = VAETransformer(4, network=Convolutional((8, 8)), **short)
    return {
        "autoencoder": lambda: (AutoencoderTransformer(3, **short), plain),
        "VAE": lambda: (vae, plain),
        "mixed autoencoder": lambda: (AutoencoderTransformer(3, **short), mixed_frame(120)),
        "mixed VAE": lambda: (vae, mixed_frame(120)),
        "pixels": lambda: (images, pictures()[:120]),
        "imputer": lambda: (AutoencoderImputer(vae), mixed_frame(120)),
        "detector": lambda: (detector, plain),
        "detector of novelty": lambda: (clone(detector).set_params(contamination=0.0, ensemble=True), mixed_frame(120)),
        "checker": lambda: (AutoencoderCellChecker(foreseeing), mixed_frame(120)),
    }[name]()


NAMES = "autoencoder", "VAE", "mixed autoencoder", "mixed VAE", "pixels", "imputer", "detector", "checker"


@pytest.fixture(autouse=True)
def little(monkeypatch):
    """Pieces, trainings and searches of a size for small tables: no device could refuse their number."""
    monkeypatch.setitem(pieces.TIMES_AT_ONCE, "cuda", 1)
    monkeypatch.setattr(denoising, "N_STEPS", 40)
    monkeypatch.setattr(denoising, "STEPS_A_LOOK", 10)
    monkeypatch.setattr(repair, "STEPS", 3)
    monkeypatch.setattr(repair, "HALVINGS", 5)


def public_methods(Class):
    """The public methods of an estimator that answer something."""
    everything = dict(inspect.getmembers(Class, callable))
    return {each for each in everything if not each.startswith("_")} - set(dir(BaseEstimator)) - INFRASTRUCTURE


def answers(model, X):
    """What every public method answers, and a model that goes on after it."""
    found = {name: ANSWERS[name](model, X) for name in sorted(public_methods(type(model)))}
    if hasattr(model, "partial_fit"):
        found["partial_fit"] = ANSWERS["transform" if hasattr(model, "transform") else "score_samples"](
            model.partial_fit(X), X
        )
    return found


def assert_alike(one, other):
    """Nested answers are the same up to rounding, whatever they are of."""
    if isinstance(one, dict | pd.DataFrame):
        assert list(one) == list(other)
        one, other = ([each[name] for name in each] for each in (one, other))
    one, other = (each.tolist() if hasattr(each, "tolist") else each for each in (one, other))
    if isinstance(one, list | tuple):
        for pair in zip(one, other, strict=True):
            assert_alike(*pair)
    elif isinstance(one, float):
        assert other == pytest.approx(one, rel=NEAR, abs=NEAR, nan_ok=True)
    else:
        assert (one == other) is True or (pd.isna(one) and pd.isna(other))


@pytest.mark.parametrize("name", [*NAMES, "detector of novelty"])
def test_every_public_method_answers_on_the_device_as_on_the_processor(name):
    model, X = models(name, "cpu")
    expected = answers(model.fit(X), X)
    with pretended() as gpu:
        model, X = models(name, "auto")
        found = answers(model.fit(X), X)
    assert gpu.n_graphs
    for each, answer in expected.items():
        try:
            assert_alike(answer, found[each])
        except AssertionError as error:
            raise AssertionError(f"{each}: {error}") from error


@pytest.fixture
def waits(monkeypatch):
    """What the host has waited for within each epoch, one counter an epoch; ``begun`` with what it had before each."""
    train_epoch, counted = training.train_epoch, SimpleNamespace(gpu=None, within=[], begun=[])

    def watched(*args):
        before = counted.gpu.waits.copy()
        counted.begun.append(before)
        found = train_epoch(*args)
        counted.within.append(counted.gpu.waits - before)
        return found

    monkeypatch.setattr(training, "train_epoch", watched)
    monkeypatch.setattr(replays, "train_epoch", watched)
    return counted


@pytest.mark.parametrize("case", [*each_member_once(CASES)], ids=lambda case: "-".join(map(str, case.values())))
def test_training_by_graph_is_training_and_an_epoch_waits_once(case, waits):
    """The last of four epochs of three batches each: by then all sizes of batches are trusted."""
    with pretended() as waits.gpu:
        weights, losses, gradient = trained(**case, device="cuda", n_epochs=4)
        assert all(map(waits.gpu.has, weights))
    expected, expected_losses, _ = trained(**case, eager=True, n_epochs=4)
    assert gradient.trusted
    assert not gradient.refused
    assert_alike([each.tolist() for each in expected], [each.tolist() for each in weights])
    assert_alike(expected_losses, losses)
    assert waits.within[3] == WAITS.get(case.get("solver"), WAITS[None])


@pytest.mark.parametrize("case", [{"heaviest": 3}, {"solver": torch.optim.Adam}, {"solver": torch.optim.RMSprop}])
def test_longer_epochs_do_not_wait_more_often(case, waits):
    last = []
    for n_rows in (70, 134):
        with pretended() as waits.gpu:
            trained("vae", **case, device="cuda", n_epochs=6, n_rows=n_rows)
        last.append(waits.within[-1])
    assert last[0] == last[1]
    assert last[0].total() <= 12


def test_what_follows_an_epoch_does_not_wait_more_often_where_there_are_more_rows(waits):
    """Rows of validation come in two pieces and in three."""
    last = []
    for n_rows in (1, 2):
        rows = {"X": plain_table(64 * n_rows), "X_val": plain_table(1100 * n_rows)}
        with pretended() as waits.gpu:
            VAETransformer(3, **SHORT | {"max_iter": 20, "kl_warmup": 1.0}).fit(**rows)
        last.append(waits.begun[-1] - waits.begun[-2])
    assert last[1] <= last[0]
    assert last[0].total() <= 7


def test_a_denoiser_waits_once_an_epoch(waits):
    points, weight = np.random.RandomState(0).normal(size=(100, 3)), np.ones(100)
    with pretended() as waits.gpu:
        denoising.Denoising(3, "cuda", 0).train(points, weight, (points, weight), seed=0)
    assert waits.within[-1] == WAITS[None]


@pytest.mark.parametrize("table", [plain_table(120), csr_array(plain_table(120))], ids=["dense", "sparse"])
def test_fits_of_weighted_rows_go_on_from_a_checkpoint_on_the_device(table, tmp_path, monkeypatch):
    weight, train_epoch, n_epochs = 1.0 + np.arange(120) % 3, training.train_epoch, []

    def killed(*args):
        n_epochs.append(1)
        if len(n_epochs) == 3:
            raise RuntimeError("killed")
        return train_epoch(*args)

    with pretended():
        expected = VAETransformer(3, **SHORT).fit(table, sample_weight=weight).transform(table)
        kept = VAETransformer(3, **SHORT, checkpoint=tmp_path, checkpoint_interval=0)
        with monkeypatch.context() as patch:
            patch.setattr(training, "train_epoch", killed)
            with pytest.raises(RuntimeError, match="killed"):
                kept.fit(table, sample_weight=weight)
        found = kept.fit(table, sample_weight=weight).transform(table)
    np.testing.assert_allclose(found, expected, rtol=NEAR, atol=NEAR)


@pytest.mark.parametrize("name", ["mixed VAE", "pixels", "detector of novelty"])
def test_a_model_of_the_device_answers_without_it_and_comes_back_to_it(name):
    with pretended():
        model, X = models(name, "cuda")
        expected, stored = model.fit(X).score_samples(X), pickle.dumps(model)
        copied = pickle.loads(stored)
        np.testing.assert_array_equal(copied.score_samples(X), expected)
        assert "'cuda'" in repr(getattr(copied, "device_", "'cuda'"))
    with pytest.warns(UserWarning, match="was fitted on device 'cuda', which is not here"):
        elsewhere = pickle.loads(stored)
    assert_alike(expected, elsewhere.score_samples(X))


def test_a_module_of_a_model_of_the_device_is_a_copy_on_the_processor():
    with pretended() as gpu:
        model, X = models("VAE", "cuda")
        module = to_torch(model.fit(X))
        assert all(map(gpu.has, model.module_.parameters()))
        codes = module(torch.from_numpy(X))
        assert not gpu.has(codes)
        assert_alike(model.transform(X), codes.numpy())


def test_the_device_that_is_asked_for_must_be_there():
    with pretended():
        assert resolve_device("auto") == resolve_device("cuda") == "cuda"
        assert resolve_device("cuda:0") == "cuda:0"
        with pytest.raises(
            ValueError, match=r"'cuda:1' cannot be used on this machine, which offers \['cuda', 'cpu'\]"
        ):
            resolve_device("cuda:1")
    assert resolve_device("auto") in ("cpu", "mps")


def there():
    """A tensor on the device."""
    return torch.ones(3, 3, device="cuda")


REFUSED = {
    "a sum": lambda: there() + torch.ones(3),
    "a product": lambda: torch.ones(3, 3) @ there(),
    "rows side by side": lambda: torch.cat([there(), torch.ones(1, 3)]),
    "a number in a stack": lambda: torch.stack([there().sum(), torch.tensor(1.0)]),
    "rows of the host by numbers of the device": lambda: torch.ones(3)[torch.arange(2, device="cuda")],
    "a chosen column": lambda: there().index_select(1, torch.tensor([0])),
    "a result of the host": lambda: torch.add(there(), there(), out=torch.ones(3, 3)),
    "draws of a generator of the host": lambda: torch.randn(3, device="cuda", generator=torch.Generator()),
    "draws for the host": lambda: torch.randn(3, generator=torch.Generator("cuda")),
    "a module of the host": lambda: torch.nn.Linear(3, 2)(there()),
    "numpy": lambda: there().numpy(),
    "an array": lambda: np.asarray(there()),
    "a second device": lambda: torch.ones(3, device="cuda:1"),
    "a gradient of two devices": lambda: Astray.apply(there().requires_grad_()).sum().backward(),
}
"""What CUDA refuses."""


class Astray(torch.autograd.Function):
    """A function whose gradient is made on the wrong device."""

    @staticmethod
    def forward(ctx, x):
        return 2.0 * x

    @staticmethod
    def backward(ctx, gradient):
        return gradient * torch.full((3,), 2.0)


COUNTED = {
    "item": lambda x: x.sum().item(),
    "float": lambda x: float(x.sum()),
    "bool": lambda x: bool((x > 0).all()),
    "tolist": lambda x: x.tolist(),
    "to the host": lambda x: x.cpu(),
    "to the device": lambda x: torch.ones(3).to(x),
    "copied to the host": lambda x: torch.zeros(3, 3).copy_(x),
    "numbers of Python": lambda x: torch.tensor([1.0], device="cuda"),
    "beside": lambda x: x.new_tensor([1.0]),
    "a mask": lambda x: x[x > 0],
    "numbers of the host": lambda x: x[torch.tensor([0, 1])],
    "nonzero": lambda x: x.nonzero(),
    "equal": lambda x: torch.equal(x, x),
    "eigenvalues": lambda x: torch.linalg.eigh(x),
}
"""What the host waits for."""

NOT_COUNTED = {
    "a number": lambda x: x * 2.0 + torch.tensor(1.0),
    "set": lambda x: x.__setitem__(0, 3.0),
    "masked": lambda x: x.__setitem__(x > 0, 3.0),
    "rows": lambda x: x[torch.arange(2, device="cuda")],
    "draws": lambda x: torch.randn(3, device=x.device, generator=torch.Generator("cuda")),
    "gradient": lambda x: (x.requires_grad_() ** 2).sum().backward(),
    "moved later": lambda x: x.to("cpu", non_blocking=True),
}
"""What the device does by itself."""


@pytest.mark.parametrize("what", REFUSED)
def test_the_pretended_device_refuses_what_cuda_refuses(what):
    with pretended(), pytest.raises((RuntimeError, TypeError)):
        REFUSED[what]()


@pytest.mark.parametrize("what", [*COUNTED, *NOT_COUNTED])
def test_what_the_host_waits_for_is_counted_and_breaks_a_capture_off(what):
    call = (COUNTED | NOT_COUNTED)[what]
    with pretended() as gpu:
        x, other, graph = there(), there(), torch.cuda.CUDAGraph()
        call(x)
        assert gpu.waits.total() == (what in COUNTED)
        graph.capture_begin()
        if what in COUNTED:
            with pytest.raises(RuntimeError, match="not permitted when stream is capturing"):
                call(other)
        elif what not in ("draws", "moved later"):
            call(other)
        graph.capture_end()


def test_a_pretended_graph_computes_when_it_is_replayed_and_not_before():
    with pretended():
        x, generator, graph = there(), torch.Generator("cuda").manual_seed(0), torch.cuda.CUDAGraph()
        with pytest.raises(RuntimeError, match="must be registered"):
            graph.capture_begin() or torch.rand_like(x, generator=generator)
        graph.capture_end()
        graph = torch.cuda.CUDAGraph()
        graph.register_generator_state(generator)
        graph.capture_begin()
        drawn = torch.rand(3, device="cuda", generator=generator)
        x.add_(drawn)
        graph.capture_end()
        assert drawn.isnan().all()
        assert (x == 1.0).all()
        graph.replay()
        expected = torch.rand(3, generator=torch.Generator().manual_seed(0))
        torch.testing.assert_close(drawn.cpu(), expected)
        torch.testing.assert_close(x.cpu(), 1.0 + expected.expand(3, 3))
