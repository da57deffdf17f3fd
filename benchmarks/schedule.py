"""Learning-rate schedules and stopping rules: seconds and held-out likelihood, one setting for all tables.

``python benchmarks/schedule.py`` runs on tables that scikit-learn ships, with ``--data FOLDER`` on the numeric tables
of a folder (``adbench/*.npz``, their normal rows). Three fifths of a table train, one fifth is watched for early
stopping, and the last one is scored; every other table is one of choice, the rest of confirmation. Anomalies, and rows
that other benchmarks call test rows, stay out of it. Seconds are of the processor.
"""

import argparse
import itertools
import time
import warnings
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from figures import write
from sklearn.datasets import load_breast_cancer, load_diabetes, load_digits, load_wine

from skvae import AutoencoderTransformer, VAETransformer

MOST_ROWS = 4000
SETTINGS = {
    "adaptive, patience 10": {"learning_rate": "adaptive", "n_iter_no_change": 10},
    "averaged, patience 10": {"learning_rate": "averaged", "n_iter_no_change": 10},
    "averaged, patience 5": {"learning_rate": "averaged", "n_iter_no_change": 5},
    "averaged, patience 5, rate 6e-3": {"learning_rate": "averaged", "n_iter_no_change": 5, "learning_rate_init": 6e-3},
    "adaptive, patience 5": {"learning_rate": "adaptive", "n_iter_no_change": 5},
    "constant, patience 10": {"learning_rate": "constant", "n_iter_no_change": 10},
    "cosine over 20 epochs, rate 6e-3": {"learning_rate": "cosine", "max_iter": 20, "learning_rate_init": 6e-3},
}
"""The first one is what the others are compared with."""

ESTIMATORS = {"VAE": VAETransformer, "autoencoder": AutoencoderTransformer}


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


def fitted(Estimator, X, params, seed):
    """Seconds and epochs of a fit, and the mean score of rows that it has not seen."""
    watched, scored, learned = np.split(X, [len(X) // 5, 2 * len(X) // 5])
    model = Estimator(random_state=seed, **params)
    start = time.process_time()
    model.fit(learned, X_val=watched)
    return time.process_time() - start, model.n_iter_, float(model.score_samples(scored).mean())


def records_of(place, table, X, arguments):
    """One record a setting and seed."""
    for name, seed in itertools.product(SETTINGS, range(arguments.seeds)):
        seconds, n_epochs, score = fitted(ESTIMATORS[arguments.estimator], X, SETTINGS[name], seed)
        half = ("choice", "confirmation")[place % 2]
        told = {"table": table, "half": half, "setting": name, "seed": seed}
        yield told | {"seconds": seconds, "epochs": n_epochs, "score": score}


def summary(records):
    """Print one line a setting and half: ratios of seconds and epochs to the first one's, and nats beside it."""
    print(f"{'':14}{'setting':34} {'seconds':>8} {'epochs':>8} {'nats, median':>13} {'mean':>7} {'better':>9}")
    table = pd.DataFrame(records).groupby(["half", "table", "setting"])[["seconds", "epochs", "score"]].mean()
    for half, name in itertools.product(("choice", "confirmation"), SETTINGS):
        own, first = (table.xs((half, each), level=("half", "setting")) for each in (name, next(iter(SETTINGS))))
        ratios = np.exp(np.log(own / first)[["seconds", "epochs"]].mean())
        gain = own["score"] - first["score"]
        cells = f"{ratios['seconds']:8.2f} {ratios['epochs']:8.2f} {gain.median():13.2f} {gain.mean():7.2f}"
        print(f"{half:14}{name:34} {cells} {f'{(gain > 0).sum()} of {len(gain)}':>9}")


def main():
    """Print a line a table and setting, then the summary; write JSON on request."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, help="folder with adbench/*.npz")
    parser.add_argument("--estimator", choices=ESTIMATORS, default="VAE")
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--json", type=Path, help="where to write the figures")
    arguments = parser.parse_args()
    warnings.simplefilter("ignore")
    torch.set_num_threads(1)
    records = []
    for place, (table, X) in enumerate(tables(arguments.data)):
        for record in records_of(place, table, X, arguments):
            records.append(record)
            print(
                f"{table:20} {record['setting']:34} {record['seconds']:7.2f} s {record['epochs']:4} epochs "
                f"{record['score']:8.2f} nats",
                flush=True,
            )
    summary(records)
    if arguments.json:
        write(arguments.json, schedule=records)


if __name__ == "__main__":
    main()
