"""A search, scores and a fit on a cluster of Ray: two worker processes on this machine, one of which is killed.

What runs here on two processes runs as it stands on a real cluster, once ``ray.init`` has its address. It needs
``pip install 'skvae[ray]'``.
"""

import argparse
import os
import secrets
import sys
import tempfile
import threading
import time
from pathlib import Path

os.environ["RAY_USAGE_STATS_ENABLED"] = "0"  # nothing is reported to anybody
os.environ.setdefault("RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER", "0")  # Ray's name for: listen to this machine alone
os.environ.setdefault("RAY_AUTH_TOKEN", secrets.token_hex(32))  # else Ray keeps one in the home of the user

import joblib
import numpy as np
import psutil  # Ray brings it
import ray
from ray.train import RunConfig, ScalingConfig
from ray.train.torch import TorchConfig, TorchTrainer
from ray.util.joblib import register_ray
from sklearn.base import clone
from sklearn.datasets import load_breast_cancer
from sklearn.model_selection import GridSearchCV

from skvae import AutoencoderOutlierDetector, VAETransformer

MEMORY = 200 * 2**20
"""Bytes of the store that processes share; Ray's own choice is a third of the machine's memory."""

AGAIN = {"max_restarts": -1, "max_task_retries": 3}
"""Workers that end are started again, and what they did is done again, three times at most; by itself Ray gives up."""


def main(max_iter=30, sizes=(1, 2, 3, 4)):
    """Search, score and fit on the cluster, each beside the same without it."""
    X = load_breast_cancer(as_frame=True).data
    with tempfile.TemporaryDirectory(prefix="ray") as folder:
        local = {"address": "local", "_temp_dir": folder, "include_dashboard": False}
        ray.init(num_cpus=2, object_store_memory=MEMORY, log_to_driver=False, logging_level="warning", **local)
        try:
            search(X, max_iter, sizes)
            score(X)
            fit(X, max_iter, Path(folder))
        finally:
            ray.shutdown()


def search(X, max_iter, sizes):
    """Compare a search of the cluster's with one of loky's; then have a worker killed in the middle of another one."""
    register_ray()
    grid = GridSearchCV(VAETransformer(max_iter=max_iter, random_state=0), {"n_components": list(sizes)}, cv=3)
    with joblib.parallel_config("loky", n_jobs=2):
        found = {"loky": clone(grid).fit(X)}
    found["ray"] = on_ray(clone(grid), X)
    killer = threading.Thread(target=kill_a_busy_worker)
    killer.start()
    found["ray, a worker killed"] = on_ray(clone(grid), X)
    killer.join()
    print("Mean held-out log-likelihood by n_components, and the largest difference to loky of any fold")
    for backend, grid in found.items():
        means = " ".join(f"{mean:.4f}" for mean in grid.cv_results_["mean_test_score"])
        print(f"{backend:20} {means} {difference(folds(grid), folds(found['loky'])):g}")


def on_ray(grid, X):
    """Search on the cluster; fits of a worker that is killed are done again."""
    with joblib.parallel_config("ray", n_jobs=2, ray_remote_args=AGAIN):
        return grid.fit(X)


def kill_a_busy_worker():
    """End one of the worker processes, as a machine that fails would, once both have work."""
    while len(busy := busy_workers()) < 2:
        time.sleep(0.01)
    busy[0].kill()
    print(f"Killed worker {busy[0].pid}", file=sys.stderr)


def busy_workers():
    """Worker processes that fit: Ray writes into their titles what they do."""
    below = psutil.Process().children(recursive=True)
    return [each for each in below if "PoolActor.run_batch" in title(each)]


def title(process):
    """What a process says that it is; nothing where it has ended."""
    try:
        return " ".join(process.cmdline())
    except psutil.Error:
        return ""


def folds(grid):
    """The scores of a search (n_splits, n_settings)."""
    return np.array([grid.cv_results_[f"split{number}_test_score"] for number in range(grid.n_splits_)])


def score(X):
    """Score batches of a data set of Ray's, with a detector that was fitted here."""
    detector = AutoencoderOutlierDetector(random_state=0).fit(X)
    ray.data.DataContext.get_current().execution_options.preserve_order = True  # else parts come as they are ready
    rows = ray.data.from_pandas(X).repartition(4)
    scored = rows.map_batches(scored_by, fn_args=(detector,), batch_format="pandas", batch_size=100).to_pandas()
    print(
        f"\nScores of {len(scored)} rows: largest difference {difference(scored['score'], detector.score_samples(X)):g}"
    )


def scored_by(batch, detector):
    """A batch with the scores of its rows."""
    return batch.assign(score=detector.score_samples(batch))


def fit(X, max_iter, folder):
    """Fit to a table in a file by two ranks of Ray Train's, and in this process alone."""
    estimator = VAETransformer(2, max_iter=max_iter, precision="float64", device="cpu", random_state=0)
    X.to_parquet(folder / "rows.parquet", index=False)
    told = {"estimator": estimator, "path": folder / "rows.parquet", "result": folder / "fitted.joblib"}
    TorchTrainer(
        fit_as_rank,
        train_loop_config=told,
        torch_config=TorchConfig(backend="gloo"),
        scaling_config=ScalingConfig(num_workers=2),
        run_config=RunConfig(storage_path=str(folder / "runs")),
    ).fit()
    together, alone = joblib.load(told["result"]), VAETransformer(**estimator.get_params()).fit(told["path"])
    print(f"\nA fit by 2 ranks: log-likelihood {together.score(X):.6f}, alone {alone.score(X):.6f}")
    codes, expected = together.transform(X), alone.transform(X)
    print(
        f"Largest difference of codes, of the largest one: {difference(codes, expected) / np.abs(expected).max():.1e}"
    )


def fit_as_rank(told):
    """Fit with the other ranks, whose group Ray Train has made; the first one keeps the estimator."""
    told["estimator"].fit(told["path"])
    if ray.train.get_context().get_world_rank() == 0:
        joblib.dump(told["estimator"], told["result"])


def difference(one, other):
    """The largest absolute difference."""
    return np.abs(np.asarray(one) - np.asarray(other)).max()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--max-iter", type=int, default=30)
    parser.add_argument("--sizes", type=int, nargs="+", default=(1, 2, 3, 4), help="values of n_components to compare")
    main(**vars(parser.parse_args()))
