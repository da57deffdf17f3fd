"""Learning-rate schedules and stopping rules: seconds to a given held-out likelihood, one setting for all tables.

``python benchmarks/schedule.py`` runs on tables that scikit-learn ships, with ``--data FOLDER`` on the numeric tables
of a folder (``adbench/*.npz``, their normal rows). Four fifths of a table train, one fifth is watched for early
stopping, and nothing else is used: test rows of other benchmarks stay out of the choice. The target of a table is the
median, over the settings, of the likelihood that they end with.
"""

import argparse
import statistics
import time
import warnings
from pathlib import Path

import numpy as np
from figures import write
from sklearn.datasets import load_breast_cancer, load_diabetes, load_digits, load_wine

from skvae import VAETransformer

MOST_ROWS = 4000
SETTINGS = {
    "default": {},
    "constant": {"learning_rate": "constant"},
    "learning_rate_init=1e-3": {"learning_rate_init": 1e-3},
    "learning_rate_init=5e-3": {"learning_rate_init": 5e-3},
    "learning_rate_init=1e-2": {"learning_rate_init": 1e-2},
    "n_iter_no_change=5": {"n_iter_no_change": 5},
    "n_iter_no_change=20": {"n_iter_no_change": 20},
    "batch_size=32": {"batch_size": 32},
    "batch_size=256": {"batch_size": 256},
}


def tables(folder):
    """Name and rows of each table, shuffled, at most MOST_ROWS, columns that vary."""
    if folder is None:
        loaders = (load_breast_cancer, load_wine, load_digits, load_diabetes)
        found = {loader.__name__.removeprefix("load_"): loader().data for loader in loaders}
    else:
        files = {path.stem: np.load(path) for path in sorted((folder / "adbench").glob("*.npz"))}
        found = {name: file["X"][file["y"] == 0] for name, file in files.items()}
    for name, X in found.items():
        rows = np.random.RandomState(0).permutation(len(X))[:MOST_ROWS]
        rows = X[rows].astype(np.float64)
        yield name, rows[:, rows.std(axis=0) > 0]


def fit(X, params, seed):
    """Seconds of each epoch on average, and the validation score after each."""
    n_val = len(X) // 5
    vae = VAETransformer(random_state=seed, **params)
    start = time.perf_counter()
    vae.fit(X[n_val:], X_val=X[:n_val])
    return (time.perf_counter() - start) / vae.n_iter_, vae.validation_scores_


def measure(X, seeds):
    """For each setting: seconds to the end, to the target (None where it ends below), and the final score."""
    runs = {name: [fit(X, params, seed) for seed in seeds] for name, params in SETTINGS.items()}
    target = statistics.median(statistics.median(max(scores) for _, scores in fits) for fits in runs.values())
    for name, fits in runs.items():
        reached = [(pace, next((i + 1 for i, s in enumerate(scores) if s >= target), None)) for pace, scores in fits]
        seconds = [pace * n_epochs for pace, n_epochs in reached if n_epochs]
        yield {
            "setting": name,
            "seconds": statistics.median(pace * len(scores) for pace, scores in fits),
            "seconds_to_target": statistics.median(seconds) if len(seconds) > len(fits) // 2 else None,
            "score_less_target": statistics.median(max(scores) for _, scores in fits) - target,
        }


def summary(records):
    """One line a setting, over all tables; times as ratios to the default's time to the end."""
    whole = {record["table"]: record["seconds"] for record in records if record["setting"] == "default"}
    print(f"{'setting':26} {'time, ratio':>12} {'reached target':>15} {'time to target':>15} {'score less target':>18}")
    for name in SETTINGS:
        own = [record for record in records if record["setting"] == name]
        ratio = statistics.geometric_mean(record["seconds"] / whole[record["table"]] for record in own)
        there = [r["seconds_to_target"] / whole[r["table"]] for r in own if r["seconds_to_target"] is not None]
        quick = f"{statistics.geometric_mean(there):15.2f}" if there else f"{'-':>15}"
        gap = statistics.median(record["score_less_target"] for record in own)
        print(f"{name:26} {ratio:12.2f} {f'{len(there)} of {len(own)}':>15} {quick} {gap:18.2f}")


def main():
    """Print a line a table and setting, then the summary; write JSON on request."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, help="folder with adbench/*.npz")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--json", type=Path, help="where to write the figures")
    arguments = parser.parse_args()
    warnings.simplefilter("ignore")
    records = []
    for table, X in tables(arguments.data):
        for record in measure(X, range(arguments.seeds)):
            records.append({"table": table, **record})
            there = record["seconds_to_target"]
            print(
                f"{table:20} {record['setting']:26} {record['seconds']:7.2f} s, to target "
                f"{'never' if there is None else f'{there:.2f} s'}, {record['score_less_target']:+.2f} nats",
                flush=True,
            )
    summary(records)
    if arguments.json:
        write(arguments.json, schedule=records)


if __name__ == "__main__":
    main()
