"""Which tables are taken for pixels: real ones, raw, standardised, mapped to [0, 1], and in parts.

Run ``python benchmarks/recognition.py --data FOLDER --json results/recognition.json``; about two minutes. FOLDER holds
``images``, ``adbench``, ``imputation``, ``mixed`` and ``counts``; without it there is what scikit-learn ships. For
each table: whether its columns are by nature alike and in an order, as this file says; what neighbours correlate by, as
a multiple of what columns anywhere do; and what the rule says. Tables of fewer than 16 columns are left out.
"""

import argparse
import warnings
from pathlib import Path

import numpy as np
import pandas as pd
from figures import write
from scipy import sparse
from sklearn.datasets import load_breast_cancer, load_digits

from skvae._tables.alike import LEAST_COLUMNS, Compared, are_alike
from skvae._tables.matrix import SparseRows
from skvae._tables.profile import Profile
from skvae._tables.schema import Schema

PICTURES = "mnist", "fashion_mnist", "digits", "26_optdigits"
"""Tables of images whose columns are pixels in rows."""

BY_NATURE = {
    "19_landsat": "pixels in bands of light, four bands side by side; standardised",
    "30_satellite": "pixels in bands of light, four bands side by side",
    "31_satimage-2": "pixels in bands of light, four bands side by side",
    "24_mnist": "100 pixels in an order of chance",
    "25_musk": "distances along rays, in no order",
    "28_pendigits": "x and y by turns, of one unit",
    "20_letter": "features of shapes from 0 to 15, in no order",
    "letter_gain": "features of shapes from 0 to 15, in no order",
    "18_Ionosphere": "real and imaginary parts by turns, of one unit",
    "20newsgroups": "counts of words in no order",
}
"""What else has one unit."""

SCALED_ONE_BY_ONE = "standardised", "[0, 1]", "[0, 1], half", "[0, 1], 200 rows"


def standardised(X):
    """Mean zero and standard deviation one in each column."""
    spread = np.nanstd(X, axis=0)
    return (X - np.nanmean(X, axis=0)) / np.where(spread > 0, spread, 1.0)


def mapped(X):
    """Each column between 0 and 1."""
    low, high = np.nanmin(X, axis=0), np.nanmax(X, axis=0)
    return (X - low) / np.where(high > low, high - low, 1.0)


def tables(folder):
    """Name and cells of each table."""
    yield "digits", load_digits().data
    yield "breast_cancer", load_breast_cancer().data
    if folder is None:
        return
    for path in sorted((folder / "images").glob("*.npz")):
        images = np.load(path)["X_train"]
        yield path.stem, images.reshape(len(images), -1)
    for path in sorted((folder / "adbench").glob("*.npz")):
        yield path.stem, np.load(path)["X"]
    for room in ("imputation", "mixed"):
        for path in sorted((folder / room).glob("*.csv.gz")):
            frame = pd.read_csv(path, keep_default_na=False, na_values=[""])
            yield path.name.removesuffix(".csv.gz"), frame.select_dtypes("number").to_numpy()
    for path in sorted((folder / "imputation").glob("*.npz")):
        yield path.stem, np.load(path)["X"]
    words = np.load(folder / "counts" / "20newsgroups_bow.npz")
    parts = words["train_data"], words["train_indices"], words["train_indptr"]
    yield "20newsgroups", sparse.csr_matrix(parts, shape=(len(parts[2]) - 1, 3072)).astype(float)


def ways(name, X):
    """The cells of a table in several ways, by name."""
    rng = np.random.RandomState(0)
    yield "raw", X
    if sparse.issparse(X):
        yield "2,000 rows, dense", X[:2000].toarray()
        return
    X = np.asarray(X, dtype=np.float64)[rng.permutation(len(X))[:20_000]]
    yield "standardised", standardised(X)
    yield "[0, 1]", mapped(X)
    yield "[0, 1], half", mapped(X)[: len(X) // 2]
    yield "[0, 1], 200 rows", mapped(X)[:200]
    if name not in PICTURES:
        return
    X = X[:2000]
    for n_rows in (50, 200):
        yield f"{n_rows} rows", X[:n_rows]
    yield "float32 from 0 to 1", (X / X.max()).astype(np.float32)
    yield "all times -3.7, plus 11", -3.7 * X + 11.0
    for share in (0.01, 0.3):
        yield f"{share:.0%} missing", np.where(rng.uniform(size=X.shape) < share, np.nan, X)
    yield "one cell of 1e5", np.where(np.arange(X.size).reshape(X.shape) == X.size // 2, 1e5, X)
    yield "with noise", X + rng.normal(size=X.shape) * X.std() / 4
    yield "order of chance", X[:, rng.permutation(X.shape[1])]
    yield "binary", (X.max() / 2 < X).astype(float)


def right(name, way):
    """What ought to be said: True, False, or None where either answer will do."""
    if name not in PICTURES:
        return None if name in BY_NATURE else False
    if way in ("standardised", "order of chance", "binary"):
        return False
    return None if way in SCALED_ONE_BY_ONE else True


def judged(name, way, X):
    """One line of the table."""
    is_sparse = sparse.issparse(X)
    profile = Profile.of(SparseRows(X) if is_sparse else np.asarray(X, dtype=np.float64))
    found = bool(are_alike(profile, Schema(None, sparse="counts" if is_sparse else None)))
    columns = Compared.of(profile.sample)
    near, anywhere = columns.correlations(1).mean(), np.abs(columns.elsewhere()).mean()
    row = {"table": name, "way": way, "rows": X.shape[0], "columns": X.shape[1], "neighbours": float(near)}
    return row | {"anywhere": float(anywhere), "pixels": found, "right": right(name, way)}


def main():
    """Print a table and write it as JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, help="folder of the tables")
    parser.add_argument("--json", type=Path, help="where to write the figures")
    arguments = parser.parse_args()
    warnings.simplefilter("ignore")
    rows = []
    print(f"{'table':22} {'way':24} {'rows':>6} {'columns':>7} {'near':>6} {'any':>5} {'times':>6}  pixels")
    for name, X in tables(arguments.data):
        for way, cells in ways(name, X) if X.shape[1] >= LEAST_COLUMNS else ():
            row = judged(name, way, cells)
            rows.append(row)
            said = ("yes" if row["pixels"] else "no") + ("" if row["right"] in (None, row["pixels"]) else "  WRONG")
            times = row["neighbours"] / row["anywhere"]
            print(
                f"{name:22} {way:24} {row['rows']:6} {row['columns']:7} {row['neighbours']:6.3f} "
                f"{row['anywhere']:5.3f} {times:6.2f}  {said}",
                flush=True,
            )
    for name, what in BY_NATURE.items():
        print(f"{name}: {what}")
    wrong = sum(row["right"] not in (None, row["pixels"]) for row in rows)
    print(f"{wrong} of {sum(row['right'] is not None for row in rows)} are wrong")
    if arguments.json:
        write(arguments.json, recognition=rows)


if __name__ == "__main__":
    main()
