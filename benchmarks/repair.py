"""Repair without having seen holes: models of complete rows fill rows in which cells are missing.

``python benchmarks/repair.py images --data FOLDER`` hides the lower half of a thousand test digits of
``images/mnist.npz`` from models of 10,000 complete ones, pixels in [0, 1]: squared error of a hidden pixel beside
column means, ridge regression, ten neighbours and PCA, and whether draws of a 2 are 2s to a classifier of true digits.
The first thousand test digits were looked at while the method was made; these are the second.

``python benchmarks/repair.py tables --data FOLDER`` hides 30 % of the cells of test rows of numeric tables, completely
at random, from models of complete rows: root mean squared error in standard deviations of the training columns, beside
IterativeImputer, KNNImputer and means. The split is not the one with which the method was made.
"""

import argparse
import time
import warnings
from pathlib import Path

import numpy as np
import pandas as pd
from figures import write
from sklearn.decomposition import PCA
from sklearn.experimental import enable_iterative_imputer  # noqa: F401
from sklearn.impute import IterativeImputer, KNNImputer
from sklearn.linear_model import Ridge
from sklearn.neighbors import KNeighborsRegressor
from sklearn.neural_network import MLPClassifier

from skvae import AutoencoderTransformer, VAETransformer

HALF = 392
"""Pixels of the upper half of an image."""

TWO, N_DRAWS = 2, 10
"""The digit that is drawn, and how often."""

SHARE, MOST_ROWS, SPLIT = 0.3, 2000, 1
"""Share of hidden cells, rows of a table that train or are tested at most, and the seed of the split."""

TABLES = (
    "imputation/banknote.csv.gz",
    "imputation/boston.csv.gz",
    "imputation/concrete.csv.gz",
    "imputation/energy.csv.gz",
    "imputation/kin8nm.csv.gz",
    "imputation/letter_gain.csv.gz",
    "imputation/wine_quality_red.csv.gz",
    "imputation/wine_quality_white.csv.gz",
    "adbench/22_magic.gamma.npz",
    "adbench/23_mammography.npz",
    "adbench/28_pendigits.npz",
    "adbench/2_annthyroid.npz",
    "adbench/31_satimage-2.npz",
    "adbench/40_vowels.npz",
    "adbench/45_wine.npz",
    "adbench/6_cardio.npz",
)


def digits(folder):
    """10,000 training digits, the second thousand test digits, and their labels."""
    with np.load(folder / "images" / "mnist.npz") as file:
        X, X_test = ((file[part].reshape(-1, 784) / 255.0).astype(np.float32) for part in ("X_train", "X_test"))
        rows = np.random.RandomState(0).permutation(len(X))[:10_000]
        return X[rows], file["y_train"][rows], X_test[1000:2000], file["y_test"][1000:2000]


def by_components(X, seen):
    """Lower halves by principal components that are fitted to the upper ones by least squares."""
    pca = PCA(32, random_state=0).fit(X)
    upper = pca.components_[:, :HALF]
    codes = (seen - pca.mean_[:HALF]) @ np.linalg.pinv(upper)
    return codes @ pca.components_[:, HALF:] + pca.mean_[HALF:]


def run_images(arguments):
    """Errors of the hidden half, and draws of twos."""
    X, y, X_test, y_test = digits(arguments.data)
    seen, hidden = X_test[:, :HALF], X_test[:, HALF:]
    found = {
        "column means": np.broadcast_to(X[:, HALF:].mean(axis=0), hidden.shape),
        "ridge regression": Ridge(10.0).fit(X[:, :HALF], X[:, HALF:]).predict(seen),
        "ten neighbours": KNeighborsRegressor(10).fit(X[:, :HALF], X[:, HALF:]).predict(seen),
        "PCA, 32": by_components(X, seen),
    }
    holes = np.concatenate([seen, np.full_like(hidden, np.nan)], axis=1)
    models = {}
    for Estimator in (VAETransformer, AutoencoderTransformer):
        name = Estimator.__name__
        models[name] = Estimator(32, random_state=0).fit(X)
        start = time.process_time()
        found[name] = models[name].impute(holes)[:, HALF:]
        print(f"{name}: {time.process_time() - start:.0f} s of processor time for {len(holes)} rows", flush=True)
    records = []
    for name, rows in found.items():
        records.append({"who": name, "error": float(np.square(rows - hidden).mean())})
        print(f"{name:24} {records[-1]['error']:.4f}", flush=True)
    print("bar: 0.041")
    classifier = MLPClassifier((128,), max_iter=15, random_state=0).fit(X, y)
    rows = np.flatnonzero(y_test == TWO)[:20]
    draws = models["VAETransformer"].impute(holes[rows], n_imputations=N_DRAWS, random_state=0)
    right = np.array([classifier.predict(each) == TWO for each in draws])  # (draws, rows)
    print(f"classifier: accuracy {classifier.score(X_test, y_test):.3f}")
    print(f"draws of {len(rows)} twos that are twos: {right.mean():.2f}; rows with one among ten: {right.any(0).sum()}")
    records.append({"twos": float(right.mean()), "rows": int(right.any(0).sum()), "of": len(rows)})
    return records


def table(path):
    """Training and test rows of a table, half each, columns that vary."""
    X = pd.read_csv(path).to_numpy(float) if path.suffix == ".gz" else np.load(path)["X"].astype(float)
    X = X[np.random.RandomState(SPLIT).permutation(len(X))[: 2 * MOST_ROWS]]
    train, test = X[: len(X) // 2], X[len(X) // 2 :]
    varies = train.std(axis=0) > 0.0
    return train[:, varies], test[:, varies]


def run_tables(arguments):
    """A line a table."""
    records = []
    for name in TABLES:
        train, test = table(arguments.data / name)
        mask = np.random.RandomState(SPLIT).uniform(size=test.shape) < SHARE
        mask[mask.all(axis=1), 0] = False
        holes = np.where(mask, np.nan, test)
        found = {
            "VAETransformer": VAETransformer(random_state=0).fit(train).impute(holes),
            "AutoencoderTransformer": AutoencoderTransformer(random_state=0).fit(train).impute(holes),
            "IterativeImputer": IterativeImputer(random_state=0).fit(train).transform(holes),
            "KNNImputer": KNNImputer(n_neighbors=10)
            .fit((train - train.mean(0)) / train.std(0))
            .transform((holes - train.mean(0)) / train.std(0))
            * train.std(0)
            + train.mean(0),
            "means": np.where(mask, train.mean(axis=0), test),
        }
        away = {who: ((rows - test) / train.std(axis=0))[mask] for who, rows in found.items()}
        errors = {who: float(np.sqrt(np.square(each).mean())) for who, each in away.items()}
        beyond = (found["VAETransformer"] < train.min(axis=0)) | (found["VAETransformer"] > train.max(axis=0))
        print(f"{name}: " + ", ".join(f"{who} {error:.3f}" for who, error in errors.items()), flush=True)
        records.append({"table": name, "beyond": int(beyond[mask].sum()), **errors})
    for who in errors:
        mean, won = (np.mean([record[who] for record in records]), sum(r[who] < r["IterativeImputer"] for r in records))
        print(f"{who}: mean {mean:.3f}, below IterativeImputer on {won} of {len(records)}")
    print(f"cells filled beyond the range of their column: {sum(record['beyond'] for record in records)}")
    return records


PARTS = {"images": run_images, "tables": run_tables}


def main():
    """Run one part and write its figures on request."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("part", choices=PARTS)
    parser.add_argument("--data", type=Path, required=True, help="folder with images/, imputation/ and adbench/")
    parser.add_argument("--json", type=Path, help="where to write the figures")
    arguments = parser.parse_args()
    warnings.simplefilter("ignore")
    records = PARTS[arguments.part](arguments)
    if arguments.json:
        write(arguments.json, **{arguments.part: records})


if __name__ == "__main__":
    main()
