"""The VAE as a density model: published figures on images, and held-out likelihood and samples on tables beside peers.

``python benchmarks/density.py tables --data FOLDER`` compares defaults with FactorAnalysis, PCA, GaussianMixture
(components by BIC) and KernelDensity (bandwidth by cross-validation) on numeric tables: mean log-likelihood of held-out
rows, in nats and in the units of standardised columns, and how well a classifier tells samples from held-out rows.
A density of a column that repeats values has no bound but the smallest scale a model allows; ``--continuous`` leaves
such columns out.

``python benchmarks/density.py images --data FOLDER`` trains on dynamically binarised MNIST (``images/mnist.npz``) and
prints the negative log-likelihood of the test set, bounded with 5,000 importance samples, beside the paper's. The short
schedule takes about ten minutes a model on two cores, ``--full`` many hours.

``python benchmarks/density.py stages --data FOLDER --state FILE`` trains the model of 50 draws in stages, with 5 draws
first, for hours; it keeps what is trained in FILE after each piece and goes on from there.

``python benchmarks/density.py size`` searches the size of a code on rows made from a code of known size.
"""

import argparse
import json
import math
import statistics
import time
import warnings
from pathlib import Path

import joblib
import numpy as np
import pandas as pd
from figures import write
from sklearn.datasets import load_breast_cancer, load_diabetes, load_digits, load_iris, load_wine
from sklearn.decomposition import PCA, FactorAnalysis
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.metrics import roc_auc_score
from sklearn.mixture import GaussianMixture
from sklearn.model_selection import GridSearchCV, cross_val_predict
from sklearn.neighbors import KernelDensity
from sklearn.preprocessing import StandardScaler

from skvae import VAETransformer
from skvae.model_selection import fewest_components

TABLES = {
    "banknote": "imputation/banknote.csv.gz",
    "boston": "imputation/boston.csv.gz",
    "concrete": "imputation/concrete.csv.gz",
    "energy": "imputation/energy.csv.gz",
    "kin8nm": "imputation/kin8nm.csv.gz",
    "wine_red": "imputation/wine_quality_red.csv.gz",
    "wine_white": "imputation/wine_quality_white.csv.gz",
    "letter": "imputation/letter_gain.csv.gz",
    "magic": "adbench/22_magic.gamma.npz",
}
"""All purely numeric tables of the folder that are no anomaly benchmark, and magic.gamma; with or without a folder, the
five tables that scikit-learn ships."""

SHIPPED = {
    "breast_cancer": load_breast_cancer,
    "diabetes": load_diabetes,
    "digits": load_digits,
    "iris": load_iris,
    "wine": load_wine,
}

MOST_ROWS = 8000

IMAGES = {
    "VAE": ({}, 86.76),
    "IWAE, 5 draws": ({"objective": "iwae", "n_draws": 5}, 85.54),
    "IWAE, 50 draws": ({"objective": "iwae", "n_draws": 50}, 84.78),
    "300-300, 40-d": ({"n_components": 40, "hidden_layer_sizes": (300, 300)}, 84.45),
    "300-300, 40-d, VampPrior": (
        {
            "n_components": 40,
            "hidden_layer_sizes": (300, 300),
            "prior": "vampprior",
            "n_mixture_components": 500,
        },
        82.43,
    ),
}
"""Models by name, and the negative log-likelihood that their papers report (Burda et al., 2016; Tomczak and Welling,
2018), after thousands of epochs."""

SCHEDULES = {
    "short": {"max_iter": 230, "batch_size": 256, "learning_rate_init": 3e-3},
    "full": {"max_iter": 1500, "batch_size": 128, "learning_rate_init": 2e-3},
}
"""Larger batches leave two cores less to wait for; smaller ones gain more an epoch."""

STAGES = [(5, 2e-3, 8, 10), (5, 1e-3, 6, 10), (50, 1e-3, 6, 1), (50, 5e-4, 6, 1), (50, 2e-4, 6, 1), (50, 7e-5, 5, 1)]
"""Draws, learning rate, pieces and epochs of each: few draws while there is far to go, many at the end."""


def tables(folder):
    """Name and rows of each table, shuffled, columns that vary."""
    for name, load in SHIPPED.items():
        yield name, prepared(load().data)
    for name, path in TABLES.items() if folder else ():
        file = folder / path
        yield name, prepared(pd.read_csv(file).to_numpy() if file.suffix == ".gz" else np.load(file)["X"])


def many_valued(X):
    """The columns of which no value holds more than one row in twenty."""
    shares = [np.unique(column, return_counts=True)[1].max() / len(X) for column in X.T]
    return X[:, np.array(shares) < 0.05]


def prepared(X):
    """Shuffled rows, at most MOST_ROWS, without columns that never vary."""
    X = np.random.RandomState(0).permutation(X.astype(np.float64))[:MOST_ROWS]
    return X[:, X.std(axis=0) > 0]


def peers(X):
    """Density models of scikit-learn at sizes that they choose on the training rows."""
    n_components = max(1, min(math.ceil(X.shape[1] / 2), 16))
    mixtures = [GaussianMixture(k, random_state=0).fit(X) for k in (1, 2, 3, 5, 8, 12, 16, 24, 32) if k < len(X) / 10]
    bandwidths = {"bandwidth": np.geomspace(0.05, 2.0, 12)}
    return {
        "FactorAnalysis": FactorAnalysis(n_components, random_state=0).fit(X),
        "PCA": PCA(n_components, random_state=0).fit(X),
        "GaussianMixture": min(mixtures, key=lambda mixture: mixture.bic(X)),
        "KernelDensity": GridSearchCV(KernelDensity(), bandwidths, cv=5).fit(X).best_estimator_,
    }


def told_apart(samples, rows):
    """Area under the curve of a classifier that tells samples from held-out rows; 0.5 is chance."""
    n = min(len(samples), len(rows))
    X, y = np.r_[samples[:n], rows[:n]], np.repeat([0, 1], n)
    forest = HistGradientBoostingClassifier(random_state=0)
    return roc_auc_score(y, cross_val_predict(forest, X, y, cv=5, method="predict_proba")[:, 1])


def compare(name, X, seeds, params):
    """Held-out log-likelihood and samples of one table, in standardised columns."""
    n_test = len(X) // 5
    scaler = StandardScaler().fit(X[n_test:])
    train, test = scaler.transform(X[n_test:]), scaler.transform(X[:n_test])
    record = {"table": name, "rows": len(X), "columns": X.shape[1]}
    for peer, model in peers(train).items():
        record[peer] = float(model.score_samples(test).mean())
        if peer == "GaussianMixture":
            record["AUC GaussianMixture"] = told_apart(model.sample(n_test)[0], test)
    scores, areas, seconds = [], [], []
    for seed in seeds:
        start = time.perf_counter()
        vae = VAETransformer(random_state=seed, **params).fit(train)
        seconds.append(time.perf_counter() - start)
        scores.append(vae.score(test))
        areas.append(told_apart(vae.sample(n_test, random_state=seed), test))
    record |= {"skvae": statistics.median(scores), "spread": max(scores) - min(scores)}
    return record | {"AUC skvae": statistics.median(areas), "seconds": statistics.median(seconds)}


COLUMNS = ("FactorAnalysis", "PCA", "GaussianMixture", "KernelDensity", "skvae", "AUC GaussianMixture", "AUC skvae")


def run_tables(arguments):
    """One line a table, and what the bars ask for."""
    print(f"{'table':14} {'rows':>6} {'cols':>4} " + " ".join(f"{name[:15]:>15}" for name in COLUMNS) + "  seconds")
    records = []
    for name, X in tables(arguments.data):
        X = many_valued(X) if arguments.continuous else X
        if X.shape[1] < 3:
            continue
        records.append(record := compare(name, X, range(arguments.seeds), arguments.params))
        cells = " ".join(f"{record[column]:15.3f}" for column in COLUMNS)
        print(f"{name:14} {record['rows']:6} {record['columns']:4} {cells} {record['seconds']:8.1f}", flush=True)
    best = [max(r[peer] for peer in COLUMNS[:4]) for r in records]
    print(f"above FactorAnalysis: {sum(r['skvae'] > r['FactorAnalysis'] for r in records)} of {len(records)}")
    print(f"above the best peer: {sum(r['skvae'] > b for r, b in zip(records, best, strict=True))} of {len(records)}")
    for column in COLUMNS:
        print(f"mean of {column}: {statistics.mean(r[column] for r in records):.3f}")
    print(f"mean of the best peer: {statistics.mean(best):.3f}")
    return records


def digits(arguments):
    """Training rows with grey values, and test rows that are binarised once."""
    file = np.load(arguments.data / "images" / "mnist.npz")
    train, test = (file[name].reshape(-1, 784).astype(np.float32) / 255 for name in ("X_train", "X_test"))
    test = (np.random.default_rng(0).random(test.shape, np.float32) < test).astype(np.float32)
    if arguments.rows:
        test = test[np.random.default_rng(1).permutation(len(test))[: arguments.rows]]
    return train, test


def run_images(arguments):
    """Train each model on dynamically binarised digits."""
    train, test = digits(arguments)
    schedule, records = dict(SCHEDULES["full" if arguments.full else "short"]), []
    n_epochs = schedule["max_iter"] = arguments.epochs or schedule["max_iter"]
    print(f"{'model':28} {'epochs':>6} {'seconds':>8} {'paper':>7} {'NLL':>7} {'ELBO':>7} {'active':>6}")
    for name in arguments.models or IMAGES:
        params, paper = IMAGES[name]
        vae = VAETransformer(**(DIGITS | schedule | params), random_state=0)
        start = time.perf_counter()
        vae.fit(train)
        seconds = time.perf_counter() - start
        print(f"{name:28} {n_epochs:6} {seconds:8.0f} trained", flush=True)
        records.append(scored(vae, name, paper, n_epochs, seconds, test))
    return records


def scored(vae, name, paper, n_epochs, seconds, test):
    """The record of a trained model, printed."""
    bounds = [-vae.set_params(n_importance_samples=n).score(test) for n in (1, 5000)]
    active = int(vae.active_components_.sum())
    print(
        f"{name:28} {n_epochs:6} {seconds:8.0f} {paper:7.2f} {bounds[1]:7.2f} {bounds[0]:7.2f} {active:6}",
        flush=True,
    )
    record = {"model": name, "epochs": n_epochs, "seconds": seconds, "paper": paper, "NLL": bounds[1]}
    return record | {"ELBO": bounds[0], "active": active, "test_rows": len(test)}


def run_stages(arguments):
    """Train "IWAE, 50 draws" stage by stage, going on from the state on disk where there is one."""
    train, test = digits(arguments)
    vae = VAETransformer(**(DIGITS | {"objective": "iwae", "batch_size": 256}), warm_start=True, random_state=0)
    vae.set_params(learning_rate="constant")
    done, seconds = 0, 0.0
    if arguments.state.exists():
        vae, done, seconds = joblib.load(arguments.state)
    pieces = [(n_draws, rate, epochs) for n_draws, rate, n, epochs in STAGES for _ in range(n)]
    for n_draws, rate, epochs in pieces[done:]:
        start = time.perf_counter()
        vae.set_params(n_draws=n_draws, learning_rate_init=rate, max_iter=epochs).fit(train)
        done, seconds = done + 1, seconds + time.perf_counter() - start
        joblib.dump((vae, done, seconds), arguments.state)
        state = f"{vae.n_iter_} epochs, {seconds:.0f} s, {vae.loss_curve_[-1]:.2f}"
        print(f"{done} of {len(pieces)} pieces, {state}", flush=True)
    return [scored(vae, "IWAE, 50 draws, in stages", IMAGES["IWAE, 50 draws"][1], vae.n_iter_, seconds, test)]


DIGITS = {
    "n_components": 50,
    "hidden_layer_sizes": (200, 200),
    "network": "mlp",
    "likelihood": "binarized_bernoulli",
    "code_density": None,
    "learning_rate": "cosine",
    "early_stopping": False,
    "tol": 0.0,
    "n_iter_no_change": 10**6,
}
"""Training for a fixed number of epochs on all training rows."""


def run_size(arguments):
    """A search by held-out likelihood over sizes of a code on rows that have a code of 8 in 30 columns."""
    records = []
    for kind in ("linear", "non-linear"):
        for seed in range(arguments.seeds):
            rng = np.random.RandomState(seed)
            z, mix = rng.normal(size=(3000, 8)), rng.normal(size=(8, 30))
            signal = z @ mix if kind == "linear" else np.c_[z @ mix[:, :15], np.tanh(z @ mix[:, 15:])]
            X = signal + 0.3 * signal.std(axis=0) * rng.normal(size=signal.shape)
            sizes = {"n_components": [2, 4, 6, 7, 8, 9, 10, 12, 16]}
            search = GridSearchCV(VAETransformer(random_state=0), sizes, cv=5, refit=fewest_components).fit(X)
            best = int(np.argmax(search.cv_results_["mean_test_score"]))
            found = search.best_params_["n_components"]
            active = int(VAETransformer(16, random_state=0).fit(X).active_components_.sum())
            print(
                f"{kind}, seed {seed}: {found} components (bar 8 +- 1); best mean at {sizes['n_components'][best]}; "
                f"active of 16: {active}",
                flush=True,
            )
            records.append({"kind": kind, "seed": seed, "found": found, "active_of_16": active})
    return records


PARTS = {"tables": run_tables, "images": run_images, "stages": run_stages, "size": run_size}


def main():
    """Run one part and write its figures on request."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("part", choices=PARTS)
    parser.add_argument("--data", type=Path, help="folder with imputation/, adbench/ and images/")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--full", action="store_true", help="the full schedule of images")
    parser.add_argument("--epochs", type=int, help="a schedule of one's own for images")
    parser.add_argument("--models", nargs="*", choices=IMAGES, help="some of the models for images")
    parser.add_argument("--state", type=Path, default=Path("stages.joblib"), help="where stages keep what is trained")
    parser.add_argument("--rows", type=int, help="test images that are scored, chosen at random; all by default")
    parser.add_argument("--continuous", action="store_true", help="leave out columns of tables that repeat values")
    parser.add_argument("--params", type=json.loads, default={}, help="parameters other than the defaults for tables")
    parser.add_argument("--json", type=Path, help="where to write the figures")
    arguments = parser.parse_args()
    warnings.simplefilter("ignore")
    records = PARTS[arguments.part](arguments)
    if arguments.json:
        write(arguments.json, **{arguments.part: records})


if __name__ == "__main__":
    main()
