"""Codes as features: what classifiers, groups and neighbours make of codes of 32 labelled tables, beside PCA's.

Run ``python benchmarks/codes.py --data FOLDER --half confirm --json results/codes.json``; about an hour on one core.
FOLDER holds ``mixed``, ``imputation``, ``adbench`` and ``images``; without it there is what scikit-learn ships.

Every model sees the training rows of each fold without their labels, with no argument but the size: 2, 5, 10, and half
of the columns. Rivals see columns of numbers standardised, holes filled by the median, and levels one-hot; skvae sees
the table as it comes. Codes are judged by a linear classifier and a nearest-neighbour one, both on standardised codes,
by boosting, by the adjusted Rand index of as many groups as there are labels, and by trustworthiness of neighbourhoods.
Classifiers are measured by held-out accuracy, or by the area under the curve where there are two labels. Differences
are paired by table and size, with 95 % intervals of a bootstrap over tables.

Settings of skvae were chosen on the tables of ``--half choose``; those of ``--half confirm`` were not looked at,
but for horse_colic and iris: the first when it was decided how holes count.

``--models PCA UMAP`` takes UMAP too, where the package umap-learn is installed; it takes long, so that it is left out
by default.
"""

import argparse
import importlib
import importlib.util
import json
import time
import warnings
from pathlib import Path

import numpy as np
import pandas as pd
import sklearn
from figures import write
from sklearn import datasets
from sklearn.cluster import KMeans
from sklearn.compose import make_column_selector, make_column_transformer
from sklearn.decomposition import PCA, FactorAnalysis, KernelPCA, TruncatedSVD
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.manifold import trustworthiness
from sklearn.metrics import adjusted_rand_score
from sklearn.model_selection import StratifiedKFold
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from skvae import AutoencoderTransformer, VAETransformer
from skvae.penalties import Principal

MOST_ROWS = 2000
"""Rows of a table that take part, so that no table takes the whole time."""

FEWEST_OF_A_LABEL = 20
"""Rows with a label below which they are left out."""

CHOOSE = (
    *("wine", "digits", "adult", "cmc", "german_credit", "mushroom", "titanic", "wine_quality_red", "boston"),
    *("kin8nm", "Cardiotocography", "Ionosphere", "satellite", "letter", "mnist", "attrition"),
)
"""Tables that settings are chosen on."""

CONFIRM = (
    *("iris", "breast_cancer", "horse_colic", "creditcard", "nsl_kdd", "sick", "telco_churn", "banknote", "energy"),
    *("wine_quality_white", "concrete", "magic.gamma", "breastw", "landsat", "fashion_mnist", "ames"),
)
"""Tables that confirm: landsat alone shares its source with one that chooses."""

SHIPPED = {
    "wine": datasets.load_wine,
    "digits": datasets.load_digits,
    "iris": datasets.load_iris,
    "breast_cancer": datasets.load_breast_cancer,
}

FRAMES = {
    "adult": "mixed/adult_train",
    "creditcard": "mixed/creditcard_subsample",
    "nsl_kdd": "mixed/nsl_kdd_train20",
    **{
        name: f"mixed/{name}"
        for name in (
            *("attrition", "cmc", "german_credit", "horse_colic", "mushroom", "sick", "telco_churn", "titanic", "ames"),
        )
    },
    **{
        name: f"imputation/{name}"
        for name in ("banknote", "boston", "concrete", "energy", "kin8nm", "wine_quality_red", "wine_quality_white")
    },
}
"""Files of tables with a target in a column."""

TARGETS = {"cmc": "Contraceptive_method_used"}
"""Targets of more rows a label than the one the schema names."""

MEDIAN_SPLIT = "ames", "boston", "concrete", "energy", "kin8nm"
"""Tables whose target is a quantity: labels are whether it lies above the median."""


def load(name, folder, most_rows=MOST_ROWS):
    """Table and labels of up to ``most_rows`` rows, of labels that enough rows have."""
    if name in SHIPPED:
        X, y = SHIPPED[name](return_X_y=True)
    elif name in FRAMES:
        X, y = framed(name, folder)
    elif name in ("mnist", "fashion_mnist"):
        with np.load(folder / "images" / f"{name}.npz") as file:
            X, y = file["X_train"].reshape(-1, 784), file["y_train"]
    else:
        (path,) = (folder / "adbench").glob(f"*_{name}.npz")
        with np.load(path) as file:
            X, y = file["X"], file["y"].ravel()
    y = pd.factorize(np.asarray(y), sort=True)[0]
    rows = np.random.RandomState(0).permutation(len(y))
    rows = rows[np.bincount(y)[y[rows]] >= FEWEST_OF_A_LABEL][:most_rows]
    rows = rows[np.bincount(y[rows])[y[rows]] >= 3]
    return (X.iloc[rows].reset_index(drop=True) if hasattr(X, "iloc") else X[rows]), pd.factorize(y[rows])[0]


def framed(name, folder):
    """A frame without target and identifiers, and its target."""
    file = f"{FRAMES[name]}.csv.gz"
    told = json.loads((folder / "schema.json").read_text())[file]
    frame = pd.read_csv(folder / file, keep_default_na=False, na_values=[""])
    target = TARGETS.get(name, told["target"])
    frame = frame[frame[target].notna()].drop(columns=told["id_columns"])
    y = frame.pop(target)
    categorical = [column for column in told["categorical"] if column in frame]
    frame = frame.astype(dict.fromkeys(categorical, "category"))
    return frame, (y > y.median() if name in MEDIAN_SPLIT else y)


def standardised(X):
    """What rivals need: numbers standardised, holes filled, levels one-hot."""
    numbers = make_pipeline(SimpleImputer(strategy="median"), StandardScaler())
    if not hasattr(X, "iloc"):
        return numbers
    levels = OneHotEncoder(handle_unknown="ignore", min_frequency=5, sparse_output=False)
    return make_column_transformer(
        (numbers, make_column_selector(dtype_include="number")),
        (levels, make_column_selector(dtype_exclude="number")),
    )


def rival(build):
    """A model behind ``standardised``, of at most as many components as there are columns."""

    def of(size, X, seed):
        prepared = standardised(X)
        width = prepared.fit_transform(X).shape[1]
        return make_pipeline(prepared, build(min(size, width), seed))

    return of


def umap(size, seed):
    """UMAP, which is not imported before it is asked for."""
    return importlib.import_module("umap").UMAP(n_components=size, random_state=seed, n_jobs=1)


PRINCIPAL = Principal(10.0)
"""What has codes of a VAE keep to principal components."""

MODELS = {
    "PCA": rival(lambda size, seed: PCA(size, random_state=seed)),
    "FactorAnalysis": rival(lambda size, seed: FactorAnalysis(size, random_state=seed)),
    "TruncatedSVD": rival(lambda size, seed: TruncatedSVD(size, random_state=seed)),
    "KernelPCA": rival(lambda size, seed: KernelPCA(size, kernel="rbf", eigen_solver="randomized", random_state=seed)),
    "AutoencoderTransformer": lambda size, X, seed: AutoencoderTransformer(size, random_state=seed),
    "VAETransformer": lambda size, X, seed: VAETransformer(size, random_state=seed),
    "VAETransformer, principal": lambda size, X, seed: VAETransformer(size, penalty=PRINCIPAL, random_state=seed),
    "UMAP": rival(umap),
}

RIVALS = "PCA", "FactorAnalysis", "TruncatedSVD", "KernelPCA"
"""Models that others are compared with; UMAP is none, so that it is compared with PCA as ours are."""

PACKAGES = {"UMAP": ("umap", "umap-learn")}
"""Modules and packages of models that need one beside scikit-learn."""

USUAL = [name for name in MODELS if name not in PACKAGES]
"""Models that run by default."""

READERS = {
    "linear": lambda: make_pipeline(StandardScaler(), LogisticRegression(max_iter=1000)),
    "neighbours": lambda: make_pipeline(StandardScaler(), KNeighborsClassifier(5)),
    "boosting": lambda: HistGradientBoostingClassifier(max_iter=50, random_state=0),
}


def sizes(X):
    """Sizes of codes: 2, 5, 10, and half of the columns, below the number of columns."""
    width = X.shape[1]
    return sorted({size for size in (2, 5, 10, min(max(width // 2, 1), 100)) if size < width})


def held_out(reader, Z, y, Z_test, y_test):
    """Accuracy, or the area under the curve where there are two labels."""
    model = reader().fit(Z, y)
    if len(np.unique(y)) > 2:
        return float(model.score(Z_test, y_test))
    return float(sklearn.metrics.roc_auc_score(y_test, model.predict_proba(Z_test)[:, 1]))


def judged(model, X, y, train, test, readers):
    """Figures of the codes of one model on one fold."""
    rows, others = ((X.iloc[part] if hasattr(X, "iloc") else X[part]) for part in (train, test))
    start = time.perf_counter()
    model.fit(rows)
    seconds = time.perf_counter() - start
    Z, Z_test = (np.asarray(model.transform(part), float) for part in (rows, others))
    figures = {name: held_out(READERS[name], Z, y[train], Z_test, y[test]) for name in readers if name in READERS}
    scaler = StandardScaler().fit(Z)
    if "groups" in readers:
        groups = KMeans(len(np.unique(y)), n_init=5, random_state=0).fit(scaler.transform(Z))
        figures["groups"] = float(adjusted_rand_score(y[test], groups.predict(scaler.transform(Z_test))))
    if "trust" in readers:
        some = slice(0, 1000)
        seen = standardised(X).fit(rows).transform(others)[some]
        figures["trust"] = float(trustworthiness(seen, scaler.transform(Z_test)[some], n_neighbors=10))
    return {**figures, "seconds": seconds}


def installed(names):
    """The models whose packages are there; of the others it is told what they need."""
    there = {name: PACKAGES[name] for name in names if name in PACKAGES}
    lacking = [name for name, (module, _) in there.items() if importlib.util.find_spec(module) is None]
    for name in lacking:
        print(f"{name} is skipped: the package {PACKAGES[name][1]} is not installed.")
    return [name for name in names if name not in lacking]


def measured(names, folder, models, readers, folds, repeats, only_sizes=None, most_rows=MOST_ROWS):
    """A record for each table, size, model and fold."""
    records = []
    for name in names:
        X, y = load(name, folder, most_rows)
        for size in sizes(X):
            if only_sizes and size not in only_sizes:
                continue
            for repeat in range(repeats):
                splits = StratifiedKFold(folds, shuffle=True, random_state=repeat).split(np.zeros(len(y)), y)
                for fold, (train, test) in enumerate(splits):
                    for model, build in models.items():
                        figures = judged(build(size, X, repeat), X, y, train, test, readers)
                        told = {"table": name, "size": size, "model": model, "fold": fold, "repeat": repeat}
                        records.append({**told, **figures})
            shown = pd.DataFrame(records[-folds * repeats * len(models) :]).groupby("model", sort=False)
            shown = shown[[*readers[:1], "seconds"]].mean()
            line = "  ".join(f"{model} {row.iloc[0]:.3f} ({row['seconds']:.1f} s)" for model, row in shown.iterrows())
            print(f"{name:20s} {size:3d}  {line}", flush=True)
    return records


def compared(records, reader, ours, theirs):
    """Paired differences by table and size of one model and another, and what they come to."""
    cells = pd.DataFrame(records).groupby(["table", "size", "model"])[reader].mean().unstack()
    difference = cells[ours] - cells[theirs]
    by_table = difference.groupby("table")
    rng, parts = np.random.RandomState(0), [part.to_numpy() for _, part in by_table]
    drawn = [np.concatenate([parts[i] for i in rng.randint(len(parts), size=len(parts))]).mean() for _ in range(2000)]
    at_two = difference[difference.index.get_level_values("size") == 2]
    return {
        "mean": float(difference.mean()),
        "interval": [float(end) for end in np.quantile(drawn, [0.025, 0.975])],
        "above": float((difference > 0).mean()),
        "at_least_level": float((difference >= -0.005).mean()),
        "worst": float(difference.min()),
        "worst_at": [str(part) for part in difference.idxmin()],
        "mean_at_two": float(at_two.mean()),
    }


def report(records, readers, models):
    """What differences of each of ours to PCA and factor analysis come to, as lines and as figures."""
    found = {}
    for ours in (name for name in models if name not in RIVALS):
        for theirs in (name for name in RIVALS[:2] if name in models):
            for reader in readers:
                told = compared(records, reader, ours, theirs)
                found[f"{ours} - {theirs}, {reader}"] = told
                low, high = told["interval"]
                print(
                    f"{ours} - {theirs}, {reader}: mean {told['mean']:+.4f} [{low:+.4f}, {high:+.4f}], above in "
                    f"{told['above']:.0%}, within 0.005 or above in {told['at_least_level']:.0%} (bar 85 %), worst "
                    f"{told['worst']:+.4f} ({' '.join(told['worst_at'])}; bar -0.02), at two codes "
                    f"{told['mean_at_two']:+.4f} (bar +0.05)"
                )
    return found


def draw(records, models, path):
    """Differences of each of ours to PCA by table, a dot for each size, of the linear classifier."""
    from matplotlib.figure import Figure

    cells = pd.DataFrame(records).groupby(["table", "size", "model"])["linear"].mean().unstack()
    ours = [name for name in models if name not in RIVALS]
    tables = cells.index.get_level_values("table").unique()
    figure = Figure(figsize=(3.2 * len(ours) + 1.5, 0.32 * len(tables) + 1.3), layout="constrained")
    axes = figure.subplots(1, len(ours), sharex=True, sharey=True, squeeze=False)[0]
    for axis, name in zip(axes, ours, strict=True):
        difference = (cells[name] - cells["PCA"]).reset_index()
        place = difference["table"].map({table: number for number, table in enumerate(tables)})
        points = axis.scatter(difference[0], place, c=np.log2(difference["size"]), cmap="viridis", s=22, vmin=1, vmax=6)
        axis.axvline(0.0, color="grey", linewidth=0.8)
        axis.axvline(-0.02, color="tab:red", linewidth=0.8, linestyle=":")
        axis.set_title(name, fontsize=9)
        axis.set_yticks(range(len(tables)), tables, fontsize=8)
        axis.set_xlabel("less PCA's, linear classifier", fontsize=8)
        axis.invert_yaxis() if axis is axes[0] else None
    bar = figure.colorbar(points, ax=axes, ticks=range(1, 7), shrink=0.8)
    bar.ax.set_yticklabels([2**power for power in range(1, 7)], fontsize=8)
    bar.set_label("size of a code", fontsize=8)
    figure.savefig(path, dpi=90)


def main():
    """Measure the tables of one half."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, help="folder with mixed, imputation, adbench and images")
    parser.add_argument("--half", choices=("choose", "confirm"), default="confirm")
    parser.add_argument("--names", nargs="*", help="these tables alone")
    parser.add_argument("--models", nargs="*", choices=MODELS, default=USUAL)
    parser.add_argument("--readers", nargs="*", default=[*READERS, "groups", "trust"])
    parser.add_argument("--folds", type=int, default=3)
    parser.add_argument("--repeats", type=int, default=1)
    parser.add_argument("--sizes", nargs="*", type=int, help="these sizes alone")
    parser.add_argument("--rows", type=int, default=MOST_ROWS, help="rows of a table that take part")
    parser.add_argument("--json", type=Path, help="where to write the figures")
    parser.add_argument("--read", type=Path, nargs="*", help="figures of earlier runs, instead of measuring")
    parser.add_argument("--picture", type=Path, help="where to draw the differences to PCA")
    arguments = parser.parse_args()
    warnings.simplefilter("ignore")
    names = arguments.names or (CHOOSE if arguments.half == "choose" else CONFIRM)
    names = [name for name in names if arguments.data or name in SHIPPED]
    models = {name: MODELS[name] for name in installed(arguments.models)}
    if arguments.read:
        records = [record for path in arguments.read for record in json.loads(path.read_text())["codes"]]
    else:
        readers, folds, repeats = arguments.readers, arguments.folds, arguments.repeats
        records = measured(names, arguments.data, models, readers, folds, repeats, arguments.sizes, arguments.rows)
    summary = report(records, arguments.readers, models)
    if arguments.picture:
        draw(records, models, arguments.picture)
    if arguments.json:
        write(arguments.json, summary=summary, codes=records)


if __name__ == "__main__":
    main()
