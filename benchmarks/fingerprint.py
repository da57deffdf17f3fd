"""What a set of small fitted models says, as numbers: whether a change of the code has changed a result.

``python benchmarks/fingerprint.py --json before.json`` fits some twenty models with fixed seeds on generated tables and
writes codes, scores, draws, imputations, reasons and labels. ``python benchmarks/fingerprint.py --against before.json``
fits them again, prints how far each result has moved, and ends with status 1 where one has. One machine, one number of
threads: matrix products of other processors round otherwise.
"""

import argparse
import json
import sys
import warnings

import numpy as np
import pandas as pd
from scipy import sparse

from skvae import AutoencoderOutlierDetector, AutoencoderTransformer, VAETransformer
from skvae.nn.likelihoods import LIKELIHOODS

SMALL = {"hidden_layer_sizes": (16,), "max_iter": 4, "random_state": 0}
N_ROWS = 150


def array(n_rows=N_ROWS, n_features=6, seed=0):
    """Numbers that depend on two others."""
    rng = np.random.RandomState(seed)
    return rng.normal(size=(n_rows, 2)) @ rng.normal(size=(2, n_features)) + 0.3 * rng.normal(size=(n_rows, n_features))


def with_holes(X, share=0.1):
    """A copy with missing cells."""
    return np.where(np.random.RandomState(1).uniform(size=X.shape) < share, np.nan, X)


def frame():
    """Numbers, whole numbers, zeros, levels, texts, booleans and dates, with missing cells and one far cell."""
    X, rng = array(), np.random.RandomState(2)
    table = pd.DataFrame(
        {
            "number": X[:, 0],
            "rounded": X[:, 1].round(1),
            "debt": np.maximum(X[:, 2], 0.0),
            "count": rng.poisson(np.exp(0.3 * X[:, 3])),
            "nullable": pd.Series(np.rint(10.0 * X[:, 4])).astype("Int64"),
            "level": pd.Series(pd.cut(X[:, 5], 4, labels=list("abcd")).astype(str)),
            "ordered": pd.cut(X[:, 0] + X[:, 5], 5, labels=range(5)),
            "flag": X[:, 1] > 0.0,
            "day": pd.Timestamp("2024-01-01") + pd.to_timedelta(np.rint(30.0 * X[:, 2]), unit="D"),
        }
    )
    for name in ("number", "debt", "nullable", "level", "day"):
        table.loc[rng.uniform(size=N_ROWS) < 0.1, name] = None
    table.loc[7, "number"] = 1e4
    return table


def images():
    """Small pictures of bars as rows of pixels between 0 and 1."""
    rng = np.random.RandomState(3)
    pictures = np.zeros((N_ROWS, 6, 6))
    for picture, row, column in zip(pictures, *rng.randint(6, size=(2, N_ROWS)), strict=True):
        picture[row], picture[:, column] = 1.0, 0.5
    return pictures.reshape(N_ROWS, -1)


def counts():
    """Counts in few of many columns, as a sparse table."""
    return sparse.csr_matrix(np.random.RandomState(4).poisson(0.3, size=(N_ROWS, 20)).astype(float))


def positive():
    """Positive numbers."""
    return np.exp(array())


def unit_interval():
    """Numbers between 0 and 1."""
    return 1.0 / (1.0 + np.exp(-array()))


def shares():
    """Shares that sum to one in each row."""
    X = positive()
    return X / X.sum(axis=1, keepdims=True)


WEIGHT = np.random.RandomState(5).randint(3, size=N_ROWS).astype(float)

DATA_OF = {
    "unit_interval": unit_interval,
    "interval": unit_interval,
    "positive": positive,
    "counts": lambda: counts().toarray(),
    "simplex": shares,
}
"""Tables of likelihoods that do not describe any number, by their units."""


def streamed(estimator):
    """An estimator that has learned a frame in three batches."""
    table = frame()
    for start in range(0, N_ROWS, 50):
        estimator.partial_fit(table.iloc[start : start + 50])
    return estimator, table


def fitted(estimator, table, **arguments):
    """A fitted estimator and its table."""
    return estimator.fit(table, **arguments), table


def configurations():
    """Fitted estimators and their tables, made when they are asked for, by name."""
    pairs = {"autoencoder": AutoencoderTransformer, "vae": VAETransformer}
    for name, Estimator in pairs.items():
        yield f"{name}, array", lambda E=Estimator: fitted(E(**SMALL), array())
        yield (
            f"{name}, float32 with holes",
            lambda E=Estimator: fitted(E(**SMALL), with_holes(array()).astype(np.float32)),
        )
        yield f"{name}, frame", lambda E=Estimator: fitted(E(**SMALL), frame())
        yield f"{name}, sparse", lambda E=Estimator: fitted(E(**SMALL), counts())
        yield f"{name}, weights", lambda E=Estimator: fitted(E(**SMALL), array(), sample_weight=WEIGHT)
        yield f"{name}, weights on a frame", lambda E=Estimator: fitted(E(**SMALL), frame(), sample_weight=WEIGHT)
        yield f"{name}, stream", lambda E=Estimator: streamed(E(**SMALL))
        yield f"{name}, linear", lambda E=Estimator: fitted(E(random_state=0, hidden_layer_sizes=()), array())
        yield f"{name}, images", lambda E=Estimator: fitted(E(**SMALL), images())
        yield (
            f"{name}, mixture of codes",
            lambda E=Estimator: fitted(E(**SMALL, code_density="gaussian_mixture", n_components=2), array()),
        )
    yield "vae, many rows", lambda: fitted(VAETransformer(**SMALL | {"max_iter": 1}), array(5000, 4))
    for prior in ("gaussian_mixture", "vampprior"):
        yield f"vae, {prior}", lambda p=prior: fitted(VAETransformer(**SMALL, prior=p), array())
    for regularizer in ("total_correlation", "mmd", "adversarial"):
        yield f"vae, {regularizer}", lambda r=regularizer: fitted(VAETransformer(**SMALL, regularizer=r), array())
    for name, likelihood in LIKELIHOODS.items():
        yield (
            f"vae, {name}",
            lambda name=name, units=likelihood.units: fitted(
                VAETransformer(**SMALL, likelihood=name), DATA_OF.get(units, array)()
            ),
        )
    yield "detector, array", lambda: fitted(AutoencoderOutlierDetector(VAETransformer(**SMALL)), array())
    yield "detector, frame", lambda: fitted(AutoencoderOutlierDetector(VAETransformer(**SMALL)), frame())
    yield (
        "detector, weights",
        lambda: fitted(AutoencoderOutlierDetector(VAETransformer(**SMALL)), array(), sample_weight=WEIGHT),
    )
    yield "detector, stream", lambda: streamed(AutoencoderOutlierDetector(VAETransformer(**SMALL)))


METHODS = {
    "transform": lambda estimator, table: estimator.transform(table),
    "score_samples": lambda estimator, table: estimator.score_samples(table),
    "score_features": lambda estimator, table: estimator.score_features(table),
    "inverse_transform": lambda estimator, table: estimator.inverse_transform(estimator.transform(table)),
    "sample": lambda estimator, table: estimator.sample(20, random_state=0),
    "impute": lambda estimator, table: estimator.impute(table),
    "impute, draws": lambda estimator, table: estimator.impute(table, n_imputations=2, random_state=0)[1],
    "labels": lambda estimator, table: estimator.predict(table),
    "reasons": lambda estimator, table: estimator.explain(table.iloc[:5] if hasattr(table, "iloc") else table[:5]),
    "probability": lambda estimator, table: estimator.outlier_probability(table),
}
"""What fitted estimators are asked, where they have it."""

NEEDED = {"labels": "predict", "reasons": "explain", "probability": "outlier_probability", "impute, draws": "impute"}
"""Methods that are called otherwise than what they are asked for."""


def numbers(result):
    """A result as a flat list of numbers and texts."""
    if sparse.issparse(result):
        result = result.toarray()
    cells = np.asarray(result, dtype=object).ravel().tolist()
    return [cell if isinstance(cell, int | float) and not isinstance(cell, bool) else str(cell) for cell in cells]


def fingerprint():
    """By configuration and method, what it gives."""
    found = {}
    for name, make in configurations():
        estimator, table = make()
        methods = [m for m in METHODS if hasattr(estimator, NEEDED.get(m, m))]
        found[name] = {method: numbers(METHODS[method](estimator, table)) for method in methods}
        print(f"{name}: {', '.join(methods)}", flush=True)
    return found


def moved(before, now):
    """How far apart two lists are, relative to their largest number; infinitely where a text differs."""
    if len(before) != len(now):
        return np.inf
    pairs = [pair for pair in zip(before, now, strict=True) if pair[0] != pair[1] and pair[0] == pair[0]]
    if any(isinstance(cell, str) for pair in pairs for cell in pair):
        return np.inf
    finite = [abs(cell) for cell in before if not isinstance(cell, str) and np.isfinite(cell)]
    return max((abs(one - other) for one, other in pairs), default=0.0) / max([1e-300, *finite])


def compared(before, now):
    """Configuration, method and distance of each result that differs; those of one side only are infinitely far."""
    names = [(name, method) for name in before | now for method in before.get(name, {}) | now.get(name, {})]
    apart = [(*each, moved(*(side.get(each[0], {}).get(each[1], []) for side in (before, now)))) for each in names]
    return [each for each in apart if each[2] > 0.0]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", help="where to write the results")
    parser.add_argument("--against", help="results of an earlier run to compare with")
    options = parser.parse_args()
    warnings.simplefilter("ignore")
    found = fingerprint()
    if options.json:
        with open(options.json, "w") as file:
            json.dump(found, file)
    if options.against:
        with open(options.against) as file:
            apart = compared(json.load(file), json.loads(json.dumps(found)))
        for name, method, distance in apart:
            print(f"{name}, {method}: differs by {distance:.1e} of its size")
        print(f"{len(apart)} results differ" if apart else "all results are the same to the bit")
        sys.exit(bool(apart))


if __name__ == "__main__":
    main()
