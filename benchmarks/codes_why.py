"""Why codes of a table hold more or less than PCA's: what they keep of its columns, and where they lie.

Run ``python benchmarks/codes_why.py --data FOLDER --json results/codes_why.json`` over the tables of
``benchmarks/codes.py``, at codes of 2 and 5; half an hour on one core. ``--read FILE`` prints figures of an earlier
run. Nothing here chooses a setting; labels explain only, in the last two figures.

All figures are of held-out rows, means over folds, beside PCA's of the same rows:

- ``share``, ``worst``: of the variance of the columns of numbers, what the decoder brings back, in the mean over
  columns and at the worst one; cells that are missing are left out;
- ``nats``: the mean over these columns of -1/2 log(1 - share), what normal noise of each column's own scale gains in
  density by it. PCA maximises the share, a VAE nats: 0.99 of one column and 0 of another is 1.15 nats, 0.5 of both
  0.35;
- ``exact``: columns of which more than 0.95 comes back;
- ``levels``, ``holes``: of the variance of levels, one-hot, and of the marks of missing cells, what the best linear map
  of the codes brings back;
- ``curved``: how much more of the columns of numbers the decoder brings back than the best linear map of the codes;
- ``aligned``: mean squared canonical correlation of codes and principal components of the same number;
- ``silent``: components that say nothing of the rows: not ``active_components_``, or of a share in
  ``explained_variance_ratio_`` below 0.001;
- ``label``: of the variance of the direction in which a linear classifier of all columns tells the labels apart, what a
  linear map of the codes brings back;
- ``gain``: what a linear classifier on the codes reads more than on PCA's, as in ``benchmarks/codes.py``.
"""

import argparse
import json
import warnings
from pathlib import Path

import numpy as np
import pandas as pd
from codes import CHOOSE, CONFIRM, MODELS, READERS, SHIPPED, held_out, load, standardised
from figures import write
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.model_selection import StratifiedKFold

COMPARED = "PCA", "AutoencoderTransformer", "VAETransformer"

SILENT = 0.001
"""``explained_variance_ratio_`` below which a component says nothing."""

FIGURES = "share", "worst", "nats", "exact", "levels", "holes", "curved", "aligned", "silent", "label", "gain"


def numbers_of(X):
    """The columns of numbers of a table, as floats (n, n_numbers)."""
    return X.select_dtypes("number").to_numpy(float) if hasattr(X, "iloc") else np.asarray(X, float)


def shares(back, cells, mean):
    """Of each column's variance around the training mean, what comes back (n_numbers,); NaN where there is none."""
    with np.errstate(divide="ignore", invalid="ignore"):
        left = np.nanmean((cells - back) ** 2, axis=0) / np.nanmean((cells - mean) ** 2, axis=0)
    return np.where(np.isfinite(left), np.clip(1.0 - left, 0.0, None), np.nan)


def decoded(model, rows, prepared, kept):
    """Columns of numbers that are ``kept``, as they come back through the codes of rows, in the units of the data."""
    if not hasattr(model, "steps"):
        return numbers_of(model.inverse_transform(model.transform(rows)))[:, kept]
    components = model.steps[-1][1]
    back = components.inverse_transform(components.transform(prepared.transform(rows)))
    scaler = (prepared.transformers_[0][1] if hasattr(prepared, "transformers_") else prepared).steps[-1][1]
    return scaler.inverse_transform(back[:, : len(scaler.mean_)])


def through_codes(Z, target, Z_test, target_test):
    """Share of the variance of each column of a target that a linear map of codes brings back, on held-out rows."""
    back = LinearRegression().fit(Z, target).predict(Z_test)
    return shares(back, target_test, target.mean(axis=0))


def pooled(Z, target, Z_test, target_test):
    """Share of the variance of all columns of a target together; NaN where there is none."""
    if target.shape[1] == 0 or not target.std(axis=0).any():
        return np.nan
    left = (target_test - LinearRegression().fit(Z, target).predict(Z_test)) ** 2
    return float(max(1.0 - left.sum() / ((target_test - target.mean(axis=0)) ** 2).sum(), 0.0))


def marks_of(X):
    """Levels of a table, one-hot (n, n_levels), and marks of missing cells (n, n_columns)."""
    if not hasattr(X, "iloc"):
        return {"levels": np.zeros((len(X), 0)), "holes": np.isnan(X).astype(float)}
    levels = X.select_dtypes(exclude="number")
    one_hot = pd.get_dummies(levels).to_numpy(float) if levels.shape[1] else np.zeros((len(X), 0))
    return {"levels": one_hot, "holes": X.isna().to_numpy(float)}


def canonical(Z, others):
    """Mean squared canonical correlation of codes and other codes of the same number."""
    bases = []
    for part in (Z, others):
        left, values, _ = np.linalg.svd(part - part.mean(axis=0), full_matrices=False)
        bases.append(left[:, values > 1e-6 * values.max()])
    return float(np.square(bases[0].T @ bases[1]).sum() / bases[1].shape[1])


def silent(model):
    """Components that say nothing of the rows."""
    if hasattr(model, "active_components_"):
        return int((~model.active_components_).sum())
    return int((getattr(model, "explained_variance_ratio_", np.ones(1)) < SILENT).sum())


class Fold:
    """Training and held-out rows of a fold, and what all models are compared by."""

    def __init__(self, X, y, train, test):
        self.rows, self.others = ((X.iloc[part] if hasattr(X, "iloc") else X[part]) for part in (train, test))
        self.y, self.y_test = y[train], y[test]
        self.prepared = standardised(X).fit(self.rows)
        seen, seen_test = (self.prepared.transform(part) for part in (self.rows, self.others))
        classifier = LogisticRegression(max_iter=1000).fit(seen, self.y)
        self.label, self.label_test = (
            part.reshape(len(part), -1) for part in map(classifier.decision_function, (seen, seen_test))
        )
        self.marks = {name: (marks[train], marks[test]) for name, marks in marks_of(X).items()}
        cells = numbers_of(self.rows)
        self.kept = ~np.isnan(cells).all(axis=0)
        self.cells, self.cells_test = cells[:, self.kept], numbers_of(self.others)[:, self.kept]
        self.mean = np.nanmean(self.cells, axis=0) if self.cells.shape[1] else np.zeros(0)

    def figures(self, model, principal):
        """Figures of a model's codes; ``principal`` are the components of the held-out rows, or None for PCA itself."""
        model.fit(self.rows)
        Z, Z_test = (np.asarray(model.transform(part), float) for part in (self.rows, self.others))
        told = {
            "silent": silent(model),
            "aligned": 1.0 if principal is None else canonical(Z_test, principal),
            "label": float(np.nanmean(through_codes(Z, self.label, Z_test, self.label_test))),
            "linear": held_out(READERS["linear"], Z, self.y, Z_test, self.y_test),
        }
        marks = {name: pooled(Z, seen, Z_test, unseen) for name, (seen, unseen) in self.marks.items()}
        return {**told, **marks, **self._of_numbers(model, Z, Z_test)}, Z_test

    def _of_numbers(self, model, Z, Z_test):
        """What comes back of columns of numbers; nothing where there are none."""
        if not self.cells.shape[1]:
            return {}
        filled = np.where(np.isnan(self.cells), self.mean, self.cells)
        back = shares(decoded(model, self.others, self.prepared, self.kept), self.cells_test, self.mean)
        flat = through_codes(Z, filled, Z_test, self.cells_test)
        return {
            "share": float(np.nanmean(back)),
            "worst": float(np.nanmin(back)),
            "nats": float(np.nanmean(-0.5 * np.log(np.maximum(1.0 - back, 1e-6)))),
            "exact": int((back > 0.95).sum()),
            "curved": float(np.nanmean(back - flat)),
        }


def measured(names, folder, sizes, folds, most_rows):
    """A record for each table, size and model, of means over folds."""
    records = []
    for name in names:
        X, y = load(name, folder, most_rows)
        splits = StratifiedKFold(folds, shuffle=True, random_state=0).split(np.zeros(len(y)), y)
        parts = [Fold(X, y, train, test) for train, test in splits]
        for size in (size for size in sizes if size < X.shape[1]):
            found = {model: [] for model in COMPARED}
            for part in parts:
                principal = None
                for model in COMPARED:
                    figures, Z = part.figures(MODELS[model](size, X, 0), principal)
                    principal = Z if principal is None else principal
                    found[model].append(figures)
            means = {model: pd.DataFrame(figures).mean().to_dict() for model, figures in found.items()}
            for model, figures in means.items():
                gain = figures["linear"] - means["PCA"]["linear"]
                records.append({"table": name, "size": size, "model": model, **figures, "gain": gain})
            print(lines(records[-len(COMPARED) :]), flush=True)
    return records


def lines(records):
    """Records as lines, PCA's first, in columns of FIGURES."""
    return "\n".join(
        f"{told['table']:18s} {told['size']:2d} {told['model']:23s}"
        + " ".join(f"{told.get(figure, np.nan):7.3f}" for figure in FIGURES)
        for told in records
    )


def related(records):
    """How gains go with what differs from PCA, over tables and sizes: rank correlations."""
    frame = pd.DataFrame(records).set_index(["table", "size", "model"])
    for model in COMPARED[1:]:
        ours, theirs = (frame.xs(name, level="model") for name in (model, "PCA"))
        less = (ours[list(FIGURES)] - theirs[list(FIGURES)]).assign(gain=ours["gain"])
        told = less.corr(method="spearman")["gain"].drop("gain")
        print(f"{model}: rank correlation of the gain with what differs from PCA")
        print("  " + ", ".join(f"{figure} {value:+.2f}" for figure, value in told.items()))


def main():
    """Measure the tables and print figures by table, and what goes with gains."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, help="folder with mixed, imputation, adbench and images")
    parser.add_argument("--names", nargs="*", default=[*CHOOSE, *CONFIRM], help="these tables alone")
    parser.add_argument("--sizes", nargs="*", type=int, default=[2, 5])
    parser.add_argument("--folds", type=int, default=2)
    parser.add_argument("--rows", type=int, default=1500, help="rows of a table that take part")
    parser.add_argument("--json", type=Path, help="where to write the figures")
    parser.add_argument("--read", type=Path, help="figures of an earlier run, instead of measuring")
    arguments = parser.parse_args()
    warnings.simplefilter("ignore")
    names = [name for name in arguments.names if arguments.data or name in SHIPPED]
    print(f"{'table':18s} {'':2s} {'model':23s}" + " ".join(f"{figure:>7s}" for figure in FIGURES))
    if arguments.read:
        records = json.loads(arguments.read.read_text())["codes_why"]
        print(lines(records))
    else:
        records = measured(names, arguments.data, arguments.sizes, arguments.folds, arguments.rows)
    related(records)
    if arguments.json:
        write(arguments.json, codes_why=records)


if __name__ == "__main__":
    main()
