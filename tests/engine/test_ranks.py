"""Several processes that train one model give the model of one process, and end when one of them does."""

import os
import socket
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from skvae.nn.ranks import ALONE, PartOfChance, Ranks, ranks_now

CHILD = Path(__file__).parent / "ranks_child.py"
NAMES = ["vae", "autoencoder", "weighted", "holes", "optimizer", "stream", "few rows", "detector"]


def environment():
    """What children see, which are in no group yet."""
    seen = {name: value for name, value in os.environ.items() if name not in ("RANK", "WORLD_SIZE")}
    return seen | {"PYTHONPATH": os.pathsep.join([str(Path.cwd()), *sys.path]), "OMP_NUM_THREADS": "1"}


def run(what, folder, *options, ranks=2):
    """Run the child under torchrun, or alone; the process that has ended."""
    torchrun = ["-m", "torch.distributed.run", f"--nproc-per-node={ranks}", "--standalone", *options]
    return subprocess.run(
        [sys.executable, *(torchrun if ranks > 1 else []), str(CHILD), what, str(folder)],
        env=environment(),
        capture_output=True,
        text=True,
        timeout=240,
    )


@pytest.fixture(scope="module")
def fitted(tmp_path_factory):
    """A folder with what two ranks and one process have fitted."""
    folder = tmp_path_factory.mktemp("ranks")
    for ranks in (1, 2):
        done = run("equal", folder, ranks=ranks)
        assert done.returncode == 0, done.stderr
    return folder


def test_matrices_are_exchanged_row_by_row(monkeypatch):
    """Ranks on GPUs refuse others; while a model is learned some lie column by column."""
    tensors = [torch.arange(6.0).view(2, 3), torch.arange(6.0).view(3, 2).mT, torch.arange(3.0)]

    def broadcast(tensor, source):
        assert tensor.is_contiguous()
        tensor.neg_()

    monkeypatch.setattr(torch.distributed, "broadcast", broadcast)
    expected = [-tensor for tensor in tensors]
    Ranks(0, 2).agree(tensors)
    for tensor, other in zip(tensors, expected, strict=True):
        torch.testing.assert_close(tensor, other)


@pytest.mark.parametrize("name", NAMES)
def test_two_ranks_give_the_model_of_one_process(fitted, name):
    alone, first, second = (np.load(fitted / f"{name}-{who}.npz") for who in ("alone", 0, 1))
    np.testing.assert_array_equal(first["weights"], second["weights"])
    scale = np.abs(alone["weights"]).max()
    np.testing.assert_allclose(first["weights"], alone["weights"], rtol=0, atol=1e-9 * scale)
    np.testing.assert_allclose(first["loss"], alone["loss"], rtol=1e-9)
    assert first["n_iter"] == second["n_iter"] == alone["n_iter"]


def test_ranks_agree_on_chance_where_no_seed_is_given(fitted):
    first, second = (np.load(fitted / f"unseeded-{who}.npz") for who in (0, 1))
    np.testing.assert_array_equal(first["weights"], second["weights"])


@pytest.mark.parametrize("dead", [1, 0])
def test_a_rank_that_dies_ends_the_others_with_an_error_that_names_it(tmp_path, dead):
    """Without torchrun, which ends the others itself."""
    settings = environment() | {"WORLD_SIZE": "2", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(free_port())}
    command = [sys.executable, str(CHILD), "dying", str(tmp_path), str(dead)]
    children = [subprocess.Popen(command, env=settings | {"RANK": str(rank)}) for rank in (0, 1)]
    codes = [child.wait(timeout=120) for child in children]
    assert codes[dead] == 7
    assert codes[1 - dead] == 3
    said = (tmp_path / f"said-{1 - dead}.txt").read_text()
    who = "rank 1" if dead else "another rank"  # what ranks tell each other is kept by rank 0
    assert said.startswith(f"RankError: Rank {1 - dead} of 2 cannot go on: {who} has ended or does not answer")


def free_port():
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return found.getsockname()[1]


def test_ranks_with_different_tables_are_told_so(tmp_path):
    done = run("different", tmp_path)
    assert done.returncode == 0, done.stderr
    for rank in (0, 1):
        said = (tmp_path / f"said-{rank}.txt").read_text()
        assert "need one estimator and one table" in said
        assert "Rank 1 has another than rank 0" in said


def test_after_a_restart_ranks_go_on_from_the_checkpoint(tmp_path):
    done = run("restarted", tmp_path, "--max-restarts=1")
    assert done.returncode == 0, done.stderr
    found = [np.load(tmp_path / f"restarted-{rank}.npz") for rank in (0, 1)]
    np.testing.assert_array_equal(found[0]["weights"], found[1]["weights"])
    assert found[0]["n_epochs"] < 6
    assert not list((tmp_path / "states").iterdir())


def test_one_process_is_alone():
    assert ranks_now() is ALONE
    index = torch.arange(7)
    assert ALONE.own(index) is index
    assert ALONE.gather("a") == ["a"]


@pytest.mark.parametrize("world", [2, 3, 5])
@pytest.mark.parametrize("n_rows", [1, 4, 9, 32])
def test_parts_of_a_batch_are_the_batch(world, n_rows):
    ranks = [Ranks(rank, world) for rank in range(world)]
    index = torch.arange(n_rows)
    parts = [rank.own(index) for rank in ranks]
    assert sum(rank.share(n_rows) for rank in ranks) == pytest.approx(1.0)
    if n_rows >= world:
        assert sorted(torch.cat(parts).tolist()) == list(range(n_rows))
        for rank, part in zip(ranks, parts, strict=True):
            assert rank.share(n_rows) == pytest.approx(len(part) / n_rows)
    else:
        assert all(part is index for part in parts)
    for rank, part in zip(ranks, parts, strict=True):
        whole = torch.randn(n_rows, 3, generator=torch.Generator().manual_seed(0))
        generator = torch.Generator().manual_seed(0)
        with rank.chance(n_rows):
            own = torch.randn((len(part), 3), generator=generator)
            other = torch.randn((77, 2), generator=generator)
        assert torch.equal(own, whole[part])
        assert other.shape == (77, 2)


def test_chance_without_a_generator_is_left_alone():
    with PartOfChance(Ranks(0, 2), 4):
        assert torch.rand((2, 3)).shape == (2, 3)
