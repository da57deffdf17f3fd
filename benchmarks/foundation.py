"""The first figures: factor analysis and PCA as oracles and as rivals, and the time of a default fit.

Run ``python benchmarks/foundation.py --json results/foundation.json``; about ten minutes on two cores. Everything is
measured on data that scikit-learn ships, by cross-validation, with default parameters but those named in a row.
"""

import argparse
import json
import platform
import statistics
import sys
import time
import warnings
from importlib.metadata import version
from pathlib import Path

import numpy as np
from sklearn.datasets import load_breast_cancer, load_digits, load_iris, load_wine
from sklearn.decomposition import PCA, FactorAnalysis
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import KFold, StratifiedKFold, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import scale

from skvae import AutoencoderTransformer, VAETransformer

TABLES = {"iris": (load_iris, 1), "wine": (load_wine, 2), "breast_cancer": (load_breast_cancer, 2)}
STAGES = [(2e-2, 500), (8e-3, 1500), (2e-3, 1500), (4e-4, 500), (1e-4, 500)]
SIZES = (2, 5, 10, 20)
PIXELS = {"likelihood": "isotropic_gaussian"}


def linear_vae(X, n_components, likelihood):
    """A linear VAE trained in full batches with ever smaller steps."""
    vae = VAETransformer(
        n_components,
        hidden_layer_sizes=(),
        likelihood=likelihood,
        learning_rate="constant",
        n_iter_no_change=10_000,
        batch_size=10_000,
        early_stopping=False,
        warm_start=True,
        precision="float64",
        random_state=0,
    )
    for learning_rate, n_epochs in STAGES:
        vae.set_params(learning_rate_init=learning_rate, max_iter=n_epochs).fit(X)
    return vae


def oracles():
    """Mean log-likelihood of linear VAEs beside the closed form, on standardised tables."""
    for name, (load, n_components) in TABLES.items():
        X = scale(load().data)
        rivals = {
            "gaussian": FactorAnalysis(n_components, tol=1e-5, max_iter=20_000, svd_method="lapack"),
            "isotropic_gaussian": PCA(n_components),
        }
        for likelihood, rival in rivals.items():
            ours, theirs = linear_vae(X, n_components, likelihood).score(X), rival.fit(X).score(X)
            yield f"linear VAE, {likelihood}, {name}", ours, type(rival).__name__, theirs, abs(ours - theirs) <= 0.01


def classification(seeds=3):
    """Accuracy of a linear classifier on ten codes of digits, five folds; the median seed."""
    X, y = load_digits(return_X_y=True)
    folds = StratifiedKFold(5, shuffle=True, random_state=0)

    def accuracy(transformer):
        pipeline = make_pipeline(transformer, LogisticRegression(max_iter=10_000))
        return cross_val_score(pipeline, X, y, cv=folds).mean()

    pca = accuracy(PCA(10))
    for label, params in {
        "isotropic_gaussian": PIXELS,
        "default": {},
        "256-256": {**PIXELS, "hidden_layer_sizes": (256, 256)},
    }.items():
        ours = statistics.median(accuracy(VAETransformer(10, random_state=seed, **params)) for seed in range(seeds))
        yield f"digits, accuracy on VAE-10 codes, {label}", ours, "PCA(10)", pca, ours > pca


def reconstruction():
    """Held-out squared error a pixel of digits, three folds."""
    X = load_digits().data
    for size in SIZES:
        errors = []
        for train, test in KFold(3, shuffle=True, random_state=0).split(X):
            models = (AutoencoderTransformer(size, random_state=0), PCA(size))
            fits = [model.fit(X[train]) for model in models]
            errors.append([np.square(X[test] - m.inverse_transform(m.transform(X[test]))).mean() for m in fits])
        ours, theirs = np.mean(errors, axis=0)
        yield f"digits, held-out squared error a pixel, autoencoder-{size}", ours, f"PCA({size})", theirs, ours < theirs


def likelihood():
    """Held-out log-likelihood a row of digits in nats, three folds, on the pixels that vary in training."""
    X = load_digits().data
    for size in SIZES:
        scores = []
        for train, test in KFold(3, shuffle=True, random_state=0).split(X):
            varying = X[train].std(axis=0) > 0
            models = [
                VAETransformer(size, random_state=0),
                FactorAnalysis(size, svd_method="lapack"),
                VAETransformer(size, random_state=0, **PIXELS),
                PCA(size),
            ]
            scores.append([model.fit(X[train][:, varying]).score(X[test][:, varying]) for model in models])
        vae, factors, isotropic, pca = np.mean(scores, axis=0)
        yield f"digits, held-out log-likelihood, VAE-{size}", vae, "FactorAnalysis", factors, vae > factors
        yield f"digits, held-out log-likelihood, VAE-{size}", vae, "PCA", pca, vae > pca
        yield f"digits, held-out log-likelihood, isotropic VAE-{size}", isotropic, "PCA", pca, isotropic > pca


def fit_time(repeats=5):
    """Seconds of a default fit on 1,000 rows of 20 correlated columns, the median of several."""
    rng = np.random.RandomState(0)
    X = rng.normal(size=(1000, 8)) @ rng.normal(size=(8, 20)) + 0.3 * rng.normal(size=(1000, 20))
    for Estimator in (VAETransformer, AutoencoderTransformer):
        seconds = []
        for seed in range(repeats):
            start = time.perf_counter()
            Estimator(random_state=seed).fit(X)
            seconds.append(time.perf_counter() - start)
        median = statistics.median(seconds)
        yield f"{Estimator.__name__}().fit of 1,000 x 20, seconds", median, "bar", 3.0, median <= 3.0


PARTS = {part.__name__: part for part in (fit_time, oracles, classification, reconstruction, likelihood)}


def main():
    """Print a table and write it as JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("parts", nargs="*", default=list(PARTS), help=f"some of {list(PARTS)}")
    parser.add_argument("--json", type=Path, help="where to write the figures")
    arguments = parser.parse_args()
    warnings.simplefilter("ignore")
    rows = []
    print(f"{'what':62} {'ours':>9}   {'rival':16} {'theirs':>9}  reached")
    for part in arguments.parts:
        for what, ours, rival, theirs, reached in PARTS[part]():
            print(f"{what:62} {ours:9.4f}   {rival:16} {theirs:9.4f}  {'yes' if reached else 'NO'}", flush=True)
            row = {"what": what, "ours": float(ours), "rival": rival, "theirs": float(theirs), "reached": bool(reached)}
            rows.append(row)
    if arguments.json:
        versions = {name: version(name) for name in ("scikit-learn", "torch", "numpy")}
        machine = {"python": sys.version.split()[0], "processor": platform.machine(), **versions}
        arguments.json.parent.mkdir(parents=True, exist_ok=True)
        arguments.json.write_text(json.dumps({"machine": machine, "figures": rows}, indent=2))


if __name__ == "__main__":
    main()
