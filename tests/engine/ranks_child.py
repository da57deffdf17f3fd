"""Run by test_ranks.py, by ``torchrun``: fits models with the other ranks and writes what they are."""

import os
import sys
from pathlib import Path

import numpy as np
import torch
from torch import distributed

from skvae import AutoencoderOutlierDetector, AutoencoderTransformer, VAETransformer
from skvae.nn.ranks import ranks_now
from skvae.nn.training import Best

SETTINGS = {"max_iter": 4, "hidden_layer_sizes": (8,), "batch_size": 32, "precision": "float64", "device": "cpu"}


def table():
    """Rows around a plane, of an odd number, so that ranks have different parts."""
    rng = np.random.RandomState(0)
    return rng.normal(size=(331, 2)) @ rng.normal(size=(2, 6)) + 0.2 * rng.normal(size=(331, 6))


def weights(model):
    """All weights of a model as one array."""
    return torch.cat([p.detach().reshape(-1) for p in model.module_.parameters()]).numpy()


def fits():
    """Models by name, each fitted to the table in another way."""
    X, settings = table(), {**SETTINGS, "random_state": 0}
    yield "vae", VAETransformer(2, **settings).fit(X)
    yield "autoencoder", AutoencoderTransformer(2, **settings, corruption="gaussian").fit(X)
    yield "weighted", VAETransformer(2, **settings).fit(X, sample_weight=np.arange(331) % 4)
    yield "holes", VAETransformer(2, **settings).fit(np.where(X > 2.0, np.nan, X))
    yield "optimizer", VAETransformer(2, **settings, solver=torch.optim.SGD).fit(X)
    yield "stream", VAETransformer(2, **settings).partial_fit(X[:200]).partial_fit(X[200:])
    yield "few rows", VAETransformer(2, **{**settings, "batch_size": 33, "early_stopping": False}).fit(X)
    estimator = VAETransformer(2, **SETTINGS, network="mlp", likelihood="gaussian")
    yield "detector", AutoencoderOutlierDetector(estimator, ensemble=True, random_state=0).fit(X).estimator_.trusting_


def equal(folder):
    """Write weights, losses and epochs of each fit."""
    rank = ranks_now().rank if ranks_now().world > 1 else "alone"
    for name, model in fits():
        np.savez(folder / f"{name}-{rank}.npz", weights=weights(model), loss=model.loss_curve_, n_iter=model.n_iter_)
    if rank != "alone":  # without a seed ranks agree on one
        np.savez(folder / f"unseeded-{rank}.npz", weights=weights(VAETransformer(2, **SETTINGS).fit(table())))


def dying(folder):
    """One rank ends without a word in its third epoch; the others write what they say."""
    rank, n_epochs, dead = ranks_now().rank, [0], int(sys.argv[3])

    update = Best.update

    def die(self, objective):
        n_epochs[0] += 1
        if rank == dead and n_epochs[0] == 3:
            os._exit(7)
        update(self, objective)

    Best.update = die
    try:
        VAETransformer(2, **{**SETTINGS, "max_iter": 50}).fit(table())
    except RuntimeError as error:
        (folder / f"said-{rank}.txt").write_text(f"{type(error).__name__}: {error}")
        os._exit(3)


def different(folder):
    """Ranks are given different tables."""
    rank = ranks_now().rank
    try:
        VAETransformer(2, **SETTINGS).fit(table() + rank)
    except ValueError as error:
        (folder / f"said-{rank}.txt").write_text(str(error))


def restarted(folder):
    """A rank ends in the third epoch of the first start; after a restart the fit goes on and is written."""
    rank, n_epochs = ranks_now().rank, [0]
    update = Best.update

    def die(self, objective):
        n_epochs[0] += 1
        if rank == 1 and n_epochs[0] == 3 and os.environ["TORCHELASTIC_RESTART_COUNT"] == "0":
            os._exit(7)
        update(self, objective)

    Best.update = die
    model = VAETransformer(
        2, **{**SETTINGS, "max_iter": 6}, random_state=0, checkpoint=folder / "states", checkpoint_interval=0
    ).fit(table())
    np.savez(folder / f"restarted-{rank}.npz", weights=weights(model), n_epochs=n_epochs[0])


def joined():
    """Be one of the ranks. Each start has keys of its own: after a restart those of dead ranks lead nowhere."""
    told = os.environ
    start = f"start {told.get('TORCHELASTIC_RESTART_COUNT', 0)}"
    is_first = told["RANK"] == "0" and "TORCHELASTIC_RESTART_COUNT" not in told
    store = distributed.TCPStore(told["MASTER_ADDR"], int(told["MASTER_PORT"]), is_master=is_first)
    store = distributed.PrefixStore(start, store)
    distributed.init_process_group("gloo", store=store, rank=int(told["RANK"]), world_size=int(told["WORLD_SIZE"]))


if __name__ == "__main__":
    if "RANK" in os.environ:
        joined()
    globals()[sys.argv[1]](Path(sys.argv[2]))
    if distributed.is_initialized():
        distributed.destroy_process_group()
