"""The first figures: factor analysis and PCA as oracles and as rivals, and the time of a default fit.

Run ``python benchmarks/foundation.py --json results/foundation.json``; about ten minutes on two cores. Everything is
measured on data that scikit-learn ships, by cross-validation, with default parameters but those named in a row.
"""

import argparse
import statistics
import time
import warnings
from pathlib import Path

import numpy as np
from figures import write
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
SEEDS = (0, 1, 2)
DEFAULTS = {"(default)": {}}
"""Digits are pixels, which are recognised: one noise scale for all columns."""

OTHERS = {
    "student_t": {"network": "mlp", "likelihood": "student_t"},
    "inflated_gaussian": {"network": "residual", "likelihood": "inflated_gaussian"},
}
"""Some pixels of digits are almost always 0: a normal density with a scale a column lets single held-out rows rule the
mean. The second one is the default of unrelated columns."""


def linear_vae(X, n_components, likelihood):
    """A linear VAE trained in full batches with ever smaller steps."""
    vae = VAETransformer(
        n_components,
        hidden_layer_sizes=(),
        network="mlp",
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


def classification():
    """Accuracy of a linear classifier on ten codes of digits, five folds; the median seed."""
    X, y = load_digits(return_X_y=True)
    folds = StratifiedKFold(5, shuffle=True, random_state=0)

    def accuracy(transformer):
        pipeline = make_pipeline(transformer, LogisticRegression(max_iter=10_000))
        return cross_val_score(pipeline, X, y, cv=folds).mean()

    pca = accuracy(PCA(10))
    for label, params in DEFAULTS.items():
        ours = statistics.median(accuracy(VAETransformer(10, random_state=seed, **params)) for seed in SEEDS)
        yield f"digits, accuracy on 10 codes, VAE {label}", ours, "PCA(10)", pca, ours > pca


def folds_of_digits():
    """Training and test rows of three folds, the pixels that vary in training."""
    X = load_digits().data
    for train, test in KFold(3, shuffle=True, random_state=0).split(X):
        varying = X[train].std(axis=0) > 0
        yield X[train][:, varying], X[test][:, varying]


def reconstruction():
    """Held-out squared error a pixel of digits, mean of three folds; the median seed."""

    def error(model):
        fits = ((model.fit(train), test) for train, test in folds_of_digits())
        return np.mean([np.square(test - fit.inverse_transform(fit.transform(test))).mean() for fit, test in fits])

    for size in SIZES:
        pca = error(PCA(size))
        for label, params in DEFAULTS.items():
            ours = statistics.median(error(AutoencoderTransformer(size, random_state=seed, **params)) for seed in SEEDS)
            yield f"digits, held-out squared error, autoencoder-{size} {label}", ours, f"PCA({size})", pca, ours < pca


def likelihood():
    """Held-out log-likelihood a row of digits in nats, mean of three folds; the median seed."""

    def score(model):
        return np.mean([model.fit(train).score(test) for train, test in folds_of_digits()])

    for size in SIZES:
        rivals = {"FactorAnalysis": score(FactorAnalysis(size, svd_method="lapack")), "PCA": score(PCA(size))}
        for label, params in {**DEFAULTS, **OTHERS}.items():
            ours = statistics.median(score(VAETransformer(size, random_state=seed, **params)) for seed in SEEDS)
            for rival, theirs in rivals.items():
                yield f"digits, held-out log-likelihood, VAE-{size} {label}", ours, rival, theirs, ours > theirs


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
        write(arguments.json, figures=rows)


if __name__ == "__main__":
    main()
