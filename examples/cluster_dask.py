"""A search, scores and a fit on a cluster of Dask: two worker processes on this machine, one of which is killed.

What runs here on two processes runs as it stands on the workers of a real cluster, once ``Client`` has its address. It
needs ``pip install 'skvae[dask,files]'``.
"""

import argparse
import itertools
import os
import signal
import socket
import tempfile
import threading
import time
from pathlib import Path
from urllib.parse import urlsplit

import dask
import joblib
import numpy as np
import pandas as pd
from dask import dataframe
from dask.distributed import Client, LocalCluster
from sklearn.datasets import load_breast_cancer
from sklearn.model_selection import GridSearchCV, KFold
from torch import distributed

from skvae import AutoencoderOutlierDetector, VAETransformer


def main(max_iter=30, sizes=(1, 2, 3, 4)):
    """Search, score and fit on the cluster, each beside the same without it."""
    X = load_breast_cancer(as_frame=True).data
    with tempfile.TemporaryDirectory() as folder:
        dask.config.set({"temporary-directory": folder})
        local = {"host": "127.0.0.1", "dashboard_address": None}
        with LocalCluster(n_workers=2, threads_per_worker=1, **local) as cluster, Client(cluster) as client:
            search(client, X, max_iter, sizes)
            score(X)
            fit(client, X, max_iter, Path(folder) / "rows")


def search(client, X, max_iter, sizes):
    """Compare a search of the cluster's with one of loky's; then have a worker killed in the middle of another one."""
    client.amm.stop()  # it would take away the copies that scatter puts on every worker
    splits = list(KFold(3).split(X))
    estimator, asked = VAETransformer(max_iter=max_iter, random_state=0), {"n_components": list(sizes)}
    with joblib.parallel_config("loky", n_jobs=2):
        found = {"loky": GridSearchCV(estimator, asked, cv=splits).fit(X)}
    found["dask"] = on_dask(GridSearchCV(estimator, asked, cv=splits), X, splits)
    killer = threading.Thread(target=kill_a_busy_worker, args=(client,))
    killer.start()
    found["dask, a worker killed"] = on_dask(GridSearchCV(estimator, asked, cv=splits), X, splits)
    killer.join()
    client.wait_for_workers(2)  # another one is started in its place
    print("Mean held-out log-likelihood by n_components, and the largest difference to loky of any fold")
    for name, grid in found.items():
        means = " ".join(f"{mean:.4f}" for mean in grid.cv_results_["mean_test_score"])
        print(f"{name:22} {means} {difference(folds(grid), folds(found['loky'])):g}")


def on_dask(grid, X, splits):
    """Search on the cluster; all workers are given rows and splits, of which joblib would put each on one alone."""
    with joblib.parallel_config("dask", scatter=[X, *itertools.chain(*splits)]):
        return grid.fit(X)


def folds(grid):
    """The scores of a search (n_splits, n_settings)."""
    return np.array([grid.cv_results_[f"split{number}_test_score"] for number in range(grid.n_splits_)])


def kill_a_busy_worker(client):
    """End one of the worker processes, as a machine that fails would, once both have work."""
    pids = client.run(os.getpid)
    while not all(client.processing().get(worker) for worker in pids):
        time.sleep(0.01)
    os.kill(next(iter(pids.values())), signal.SIGKILL)


def score(X):
    """Score the parts of a frame where they are, with a detector that was fitted here."""
    detector = AutoencoderOutlierDetector(random_state=0).fit(X)
    frame = dataframe.from_pandas(X, npartitions=5)
    scores = frame.map_partitions(scores_of, detector, meta=("score", "float64")).compute()
    print(
        f"\nScores of {frame.npartitions} parts: largest difference {difference(scores, detector.score_samples(X)):g}"
    )


def scores_of(part, detector):
    """The scores of a part of a frame, with its index."""
    return pd.Series(detector.score_samples(part), part.index, name="score")


def fit(client, X, max_iter, folder):
    """Fit to a frame of the cluster by all of its workers, and in this process alone."""
    estimator = VAETransformer(2, max_iter=max_iter, precision="float64", device="cpu", random_state=0)
    together = fit_by_ranks(client, estimator, dataframe.from_pandas(X, npartitions=5), folder)
    alone = VAETransformer(**estimator.get_params()).fit(folder)
    print(
        f"\nA fit by {len(client.nthreads())} ranks: log-likelihood {together.score(X):.6f}, alone {alone.score(X):.6f}"
    )
    codes, expected = together.transform(X), alone.transform(X)
    print(
        f"Largest difference of codes, of the largest one: {difference(codes, expected) / np.abs(expected).max():.1e}"
    )


def fit_by_ranks(client, estimator, frame, folder):
    """Fit an estimator to a frame of Dask's by all workers of its cluster.

    Parameters
    ----------
    client : dask.distributed.Client
        Of a cluster whose workers have nothing else to do: a rank waits for the others.
    estimator : estimator
        Unfitted.
    frame : dask.dataframe.DataFrame
        The rows, which are written to files.
    folder : path
        Where to; all workers see it under this name.

    Returns
    -------
    estimator : estimator
        As rank 0 has fitted it.
    """
    frame.to_parquet(folder, write_index=False)
    workers = list(client.nthreads())
    port = client.submit(free_port, workers=workers[0], pure=False).result()
    address = (urlsplit(workers[0]).hostname, port)
    ranks = [
        client.submit(fit_as_rank, estimator, folder, rank, len(workers), address, workers=worker, pure=False)
        for rank, worker in enumerate(workers)
    ]
    return client.gather(ranks)[0]  # the error of a rank is raised here


def free_port():
    """A port that nothing listens to."""
    with socket.socket() as found:
        found.bind(("", 0))
        return found.getsockname()[1]


def fit_as_rank(estimator, path, rank, world, address):
    """Join the other ranks, and fit with them; only the first one sends its estimator back."""
    distributed.init_process_group("gloo", init_method="tcp://{}:{}".format(*address), rank=rank, world_size=world)
    try:
        estimator.fit(path)
    finally:
        distributed.destroy_process_group()
    return estimator if rank == 0 else None


def difference(one, other):
    """The largest absolute difference."""
    return np.abs(np.asarray(one) - np.asarray(other)).max()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--max-iter", type=int, default=30)
    parser.add_argument("--sizes", type=int, nargs="+", default=(1, 2, 3, 4), help="values of n_components to compare")
    main(**vars(parser.parse_args()))
