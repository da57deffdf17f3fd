"""What holds on a GPU: run with ``pytest tests/gpu`` where there is one; elsewhere all of it is skipped."""

import gc
import os
import pickle
import subprocess
import sys
import warnings

import numpy as np
import pytest
import torch
from estimators import ESTIMATORS, SHORT, mixed_frame, on_gpu, plain_table
from replays import CASES, trained
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV

from skvae import AutoencoderImputer, VAETransformer
from skvae._engine.device import DeviceMemoryError
from skvae.nn.solvers import make_solver

pytestmark = pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU that torch can compute on")

LOADED = """
import pickle, sys
import numpy as np
estimator, X = pickle.load(open(sys.argv[1], "rb"))
np.save(sys.argv[2], estimator.score_samples(X))
"""
"""Loads and scores, in a process of its own."""

AS_RANK = """
import sys
import numpy as np
import torch
from torch import distributed
from skvae.nn import ranks
folder, backend, rank, n_ranks = sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
if n_ranks == 1:  # a group of one adds up as one of several does
    ranks.ranks_now = lambda: ranks.Ranks(0, 1)
from skvae import VAETransformer
torch.cuda.set_device(0)
if n_ranks:
    distributed.init_process_group(backend, init_method=f"file://{folder}/{backend}", rank=rank, world_size=n_ranks)
X = np.load(f"{folder}/X.npy")
model = VAETransformer(3, random_state=0, max_iter=10, device="cuda", precision="float64").fit(X)
weights = torch.cat([each.detach().reshape(-1) for each in model.module_.parameters()])
np.save(f"{folder}/{backend}-{rank}.npy", weights.cpu().numpy())
if n_ranks:
    distributed.destroy_process_group()
"""
"""Fits as one of some ranks that share a GPU, or as none, in a process of its own."""


@pytest.mark.parametrize("case", CASES, ids=lambda case: "-".join(map(str, case.values())))
def test_training_by_graph_is_training(case):
    weights, losses, gradient = trained(**case, device="cuda")
    expected_weights, expected_losses, _ = trained(**case, device="cuda", eager=True)
    assert not gradient.refused
    assert gradient.trusted
    rounding = 1e-9 if weights[0].dtype == torch.float64 else 1e-3
    for one, other in zip(weights, expected_weights, strict=True):
        torch.testing.assert_close(one, other, rtol=rounding, atol=rounding)
    for one, other in zip(losses, expected_losses, strict=True):
        assert one == pytest.approx(other, rel=rounding)


@pytest.mark.parametrize("name", ESTIMATORS)
def test_a_model_of_the_gpu_scores_alike_on_a_machine_without(name, tmp_path):
    estimator, X = on_gpu(name)
    scores = estimator.fit(X).score_samples(X)
    (tmp_path / "estimator.pickle").write_bytes(pickle.dumps((estimator, X)))
    without = os.environ | {"CUDA_VISIBLE_DEVICES": "", "PYTHONWARNINGS": "ignore"}
    arguments = [tmp_path / "estimator.pickle", tmp_path / "scores.npy"]
    subprocess.run([sys.executable, "-c", LOADED, *arguments], env=without, check=True)
    np.testing.assert_allclose(np.load(tmp_path / "scores.npy"), scores, rtol=1e-4, atol=1e-3)


@pytest.mark.parametrize("name", ["autoencoder", "mixed VAE", "convolutional VAE", "detector"])
def test_two_fits_of_one_seed_are_the_same(name):
    estimator, X = on_gpu(name)
    scores = estimator.fit(X).score_samples(X)
    np.testing.assert_array_equal(clone(estimator).fit(X).score_samples(X), scores)


@pytest.mark.parametrize("name", ["autoencoder", "VAE", "mixed VAE"])
def test_training_ends_where_it_does_without_a_gpu(name):
    """Chance is another one there, so the scores agree as those of two seeds do."""
    estimator, X = on_gpu(name, max_iter=60)
    other, _ = on_gpu(name, max_iter=60, device="cpu")
    spread = estimator.fit(X).score_samples(X).std()
    assert estimator.score(X) == pytest.approx(other.fit(X).score(X), abs=0.5 * spread)


@pytest.mark.parametrize("name", ["VAE", "mixed VAE", "convolutional VAE"])
def test_every_answer_is_finite_on_the_gpu(name):
    estimator, X = on_gpu(name)
    codes = estimator.fit(X).transform(X)
    assert np.isfinite(codes).all()
    assert len(estimator.inverse_transform(codes)) == len(X)
    assert len(estimator.sample(20, random_state=0)) == 20
    assert np.isfinite(np.asarray(estimator.score_features(X))).all()
    with warnings.catch_warnings():
        # true of models trained for so few epochs, and tested elsewhere
        warnings.filterwarnings("ignore", message=".*do not come back through")
        assert len(estimator.feature_recovery(X)) == estimator.n_features_in_
    given = {0: X[0, 0]} if isinstance(X, np.ndarray) else {"level": "x"}
    assert len(estimator.sample(5, random_state=0, given=given)) == 5


def test_holes_are_filled_on_the_gpu():
    frame = mixed_frame()
    filled = AutoencoderImputer(VAETransformer(3, random_state=0, **SHORT)).fit_transform(frame)
    assert not filled.isna().any().any()
    rows = plain_table()
    model = VAETransformer(3, random_state=0, **SHORT).fit(rows)
    rows[:50, 1] = np.nan
    assert np.isfinite(model.impute(rows)).all()
    assert len(model.impute(rows, n_imputations=2, random_state=0)) == 2


@pytest.mark.parametrize("precision", ["float64", "bfloat16"])
def test_other_precisions_end_near_float32(precision):
    rows = plain_table()
    scores = [
        VAETransformer(3, random_state=0, precision=each, **SHORT).fit(rows).score_samples(rows)
        for each in ("float32", precision)
    ]
    assert np.abs(scores[0] - scores[1]).max() > 0.0
    assert scores[1].mean() == pytest.approx(scores[0].mean(), abs=0.5 * scores[0].std())


def test_a_row_keeps_its_bits_whatever_stands_beside_it():
    rows = plain_table(9000)
    model = VAETransformer(3, random_state=0, **SHORT).fit(rows)
    np.testing.assert_array_equal(model.score_samples(rows[::-1])[::-1], model.score_samples(rows))
    np.testing.assert_array_equal(model.transform(rows[4000:4001]), model.transform(rows)[4000:4001])


def test_twenty_fits_leave_no_memory_behind():
    def memory():
        gc.collect()
        torch.cuda.synchronize()
        return torch.cuda.memory_allocated()

    rows = plain_table()
    VAETransformer(3, random_state=0, **SHORT).fit(rows).score_samples(rows)
    before = memory()
    for seed in range(20):
        VAETransformer(3, random_state=seed, **SHORT).fit(rows).score_samples(rows)
    assert memory() <= before


def test_two_processes_share_one_gpu():
    rows, sizes = plain_table(300), {"n_components": [1, 2]}
    searches = [
        GridSearchCV(VAETransformer(random_state=0, **SHORT), sizes, cv=2, n_jobs=n_jobs).fit(rows) for n_jobs in (1, 2)
    ]
    one, two = (search.cv_results_["mean_test_score"] for search in searches)
    np.testing.assert_array_equal(one, two)


def weights_of_ranks(folder, backend, n_ranks):
    """The weights that each of some ranks ends with; 0 ranks are one process in no group."""
    np.save(folder / "X.npy", plain_table())
    command = [sys.executable, "-c", AS_RANK, str(folder), backend]
    ranks = [subprocess.Popen([*command, str(rank), str(n_ranks)]) for rank in range(max(n_ranks, 1))]
    try:
        assert [rank.wait(timeout=180) for rank in ranks] == [0] * len(ranks)
    finally:
        for rank in ranks:
            rank.kill()
    return [np.load(folder / f"{backend}-{number}.npy") for number in range(len(ranks))]


@pytest.mark.parametrize(("solver", "weight_decay"), [("adam", 0.0), ("adam", 0.1), ("adamw", 0.0)])
def test_a_step_of_the_solver_is_one_launch_that_moves_weights_as_its_kernels_do(solver, weight_decay):
    moved = []
    for is_plain in (True, False):
        generator = torch.Generator("cuda").manual_seed(0)
        module = torch.nn.Linear(20, 30).cuda()
        with torch.no_grad():
            module.weight.fill_(0.1)
            module.bias.fill_(0.2)
        made = make_solver(solver, module, 1e-2, 0.9, weight_decay)
        if is_plain:
            made._step = made._plain_step
        for step in range(40):
            if step == 20:
                made.divide_learning_rate(5.0)
            made.zero_grad()
            noise = torch.randn(made.gradient.shape, device="cuda", generator=generator)
            made.gradient.add_(noise, alpha=1e6 if step == 30 else 1.0)
            made.step()
        moved.append(made.values.clone())
    assert made._step._graph is not None
    torch.testing.assert_close(moved[1], moved[0], rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize(("backend", "n_ranks"), [("nccl", 1), ("gloo", 2)])
def test_ranks_that_share_a_gpu_have_the_weights_of_one_process(backend, n_ranks, tmp_path):
    (alone,) = weights_of_ranks(tmp_path, "none", 0)
    first, *others = weights_of_ranks(tmp_path, backend, n_ranks)
    for other in others:
        np.testing.assert_array_equal(other, first)
    np.testing.assert_allclose(first, alone, rtol=0, atol=1e-8 * np.abs(alone).max())


def test_an_epoch_waits_for_the_device_a_few_times_whatever_its_length():
    """Of two runs that differ in the length of an epoch only, neither waits more often."""

    def waits(n_rows):
        model = VAETransformer(3, random_state=0, device="cuda", max_iter=6, batch_size=50, early_stopping=False)
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            torch.cuda.set_sync_debug_mode("warn")
            try:
                model.fit(plain_table(n_rows))
            finally:
                torch.cuda.set_sync_debug_mode("default")
        return sum("synchroniz" in str(warning.message) for warning in caught)

    few, many = waits(1000), waits(4000)
    assert 0 < few < 400
    assert many <= few + 6 * 2


def test_too_large_a_batch_says_what_to_do():
    rows = np.random.RandomState(0).normal(size=(20_000, 50)).astype(np.float32)
    held = torch.empty(int(0.98 * torch.cuda.mem_get_info()[0]), dtype=torch.uint8, device="cuda")
    try:
        with pytest.raises(DeviceMemoryError, match="device='cuda' ran out of memory.*batch_size"):
            VAETransformer(3, random_state=0, batch_size=20_000, hidden_layer_sizes=(30_000,), **SHORT).fit(rows)
    finally:
        del held
        torch.cuda.empty_cache()
