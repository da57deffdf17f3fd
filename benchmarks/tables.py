"""Real tables, with categories, counts and holes: imputation, synthetic rows, codes and anomalies beside peers.

All parts but ``large`` need ``--data FOLDER``, with ``imputation/``, ``mixed/``, ``adbench/`` and ``schema.json``.
``--only NAME ...`` chooses who runs (ours is ``skvae``), ``--params JSON`` passes parameters other than the defaults to
the estimator, ``--json FILE`` keeps the figures. Times below are those of the peers, on one core.

``python benchmarks/tables.py impute --data FOLDER`` hides half of the cells, completely at random, of standardised
numeric tables, as Mattei and Frellsen (2019) do, and prints the mean squared error of the hidden cells, the mean over
``--seeds`` masks. A table is its features; ``--with-target`` adds the column to be predicted (the paper does not say
which of both it took). The paper's figures stand beside, and the bar. "complete rows" is no peer but a limit: Gaussian
mixtures are fitted to rows without any hole, the other half of the table, and fill cells with their exact mean given
the others; the best of several sizes by the hidden cells themselves is printed. Seven minutes.

``python benchmarks/tables.py hivae --data FOLDER`` hides cells by the masks that come with HI-VAE (Nazabal et al.,
2020): 10, 30 and 50 % of Adult, Wine and Breast, three masks each. As there, errors of hidden cells are averaged within
a column and then over the columns of a kind: the root mean squared error divided by the column's range (real, positive
and count columns), the mean distance in levels divided by the number of levels (ordinal), the share of wrong levels
(nominal). Peers see standardised numbers, ordinals as numbers, and categories as one-hot columns, of which the largest
is taken; KNNImputer has at most 2,000 rows to choose neighbours among. For IterativeImputer one column of each category
is left out: with all of them, each is one minus the others, and no fill ever leaves the mean it starts from. Fifteen
minutes.

``python benchmarks/tables.py synthetic --data FOLDER`` draws as many rows as there are training rows. The quality
report of sdmetrics judges shapes of columns and trends of pairs, over all pairs and rows as in published figures (its
newer defaults leave out pairs of weak association); a level "missing" stands for holes in categories. Gradient boosting
is trained on synthetic rows and tested on real ones: area under the curve, or the explained share of the variance where
the target is a number. Adult has a test file, of the others a random fifth is held out. "held-out rows" and
"independent columns" say what is best, and what knows no pairs. (The report cuts a number into ten parts of the range
that it has in each table, so that one extreme value moves all parts.) ``--peers`` adds TVAE of the package ctgan, at
its defaults but for ``--epochs``: ten minutes for Adult and the default of 300, ten for the others and 100. ctgan and
sdmetrics are to be installed apart, without their dependencies: they ask for pandas below 3, and run with 3.1.

``python benchmarks/tables.py codes --data FOLDER`` fits a logistic regression on codes of Adult with raw columns in, on
one-hot and scaled columns, and on principal components of these. Half a minute.

``python benchmarks/tables.py anomaly --data FOLDER`` trains on normal rows: NSL-KDD is judged on its test file, sick
(with holes) on the other half of its normal rows and all sick patients, as in ``benchmarks/anomaly.py mixed``. A
minute.

``python benchmarks/tables.py large`` makes a frame of 1,000,000 x 20 mixed columns with holes, and prints the rows a
second of an epoch and the peak memory above the frame as a multiple of the frame in float32 (Linux). Each size of
batches has a process of its own; an epoch is half of what three take longer than one.
"""

import argparse
import gc
import json
import multiprocessing
import os
import resource
import statistics
import time
import warnings
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import numpy as np
import pandas as pd
from anomaly import detectors, judged
from figures import write
from scipy.special import softmax
from sklearn.compose import make_column_selector, make_column_transformer
from sklearn.datasets import load_breast_cancer
from sklearn.decomposition import PCA
from sklearn.ensemble import ExtraTreesRegressor, HistGradientBoostingClassifier, HistGradientBoostingRegressor
from sklearn.experimental import enable_iterative_imputer  # noqa: F401
from sklearn.impute import IterativeImputer, KNNImputer, SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import r2_score, roc_auc_score
from sklearn.mixture import GaussianMixture
from sklearn.model_selection import train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from skvae import AutoencoderOutlierDetector, VAETransformer

IMPUTED = {
    "breast_cancer": (0.285, 0.280, 0.291),
    "banknote": (0.45, 0.446, 0.676),
    "concrete": (0.51, 0.501, 0.510),
    "wine_quality_red": (0.645, 0.643, 0.697),
    "wine_quality_white": (0.74, 0.735, 0.798),
}
"""The bar, and what the paper reports of MIWAE and missForest."""

FOREST = {"n_estimators": 50, "bootstrap": True, "max_features": "sqrt", "random_state": 0}
ROUNDS = 5
"""A budget of a minute a table; as in missForest, trees are grown on bootstrapped rows and few columns a split.
Boosting has as many rounds over the columns, and its defaults."""

LIMIT, MIXTURES = "complete rows", (5, 15, 40, 80)
"""Components of the mixtures that see complete rows."""

HIVAE = ("adult", "wine", "breast")
HIDDEN = (10, 30, 50)
"""Percent of the cells."""

NUMERIC = ("real", "pos", "count")
DONORS = 2000
"""With four times as many, KNNImputer takes five times as long on Adult, and no error changes by more than 1 %."""

SYNTHETIC_BARS = {"adult": (3.0, 5.0, 0.90)}
OTHER_BARS = (4.0, 6.0, float("nan"))
"""Errors of shapes and trends in percent, and the area under the curve; no area is asked for but of Adult."""

SYNTHETIC = ("adult", "beijing_pm25", "telco_churn", "magic")
LARGE = (1_000_000, 20)


def chosen(arguments, table):
    """What of a table of functions is to run."""
    return {name: run for name, run in table.items() if not arguments.only or name in arguments.only}


def asked(arguments, tables):
    """Which tables of a part are to run."""
    unknown = set(arguments.tables or ()) - set(tables)
    if unknown:
        raise SystemExit(f"--tables: {sorted(unknown)} not among {list(tables)}")
    return [name for name in tables if not arguments.tables or name in arguments.tables]


def timed(function, *args):
    """A result, and seconds."""
    start = time.perf_counter()
    result = function(*args)
    return result, time.perf_counter() - start


def vae(seed, params):
    """The model with its defaults but for what is asked."""
    return VAETransformer(**{"categorical_features": "from_dtype", "random_state": seed} | params)


def read(folder, path):
    """A table with its categories as such, without columns that say what is to be found; its target's name."""
    about = json.loads((folder / "schema.json").read_text())[path]
    table = pd.read_csv(folder / path, keep_default_na=False, na_values=[""])
    categories = [name for name in table if name in about["categorical"] or table[name].dtype.kind not in "iufb"]
    return table.astype(dict.fromkeys(categories, "category")).drop(columns=about["id_columns"]), about["target"]


# ---------------------------------------------------------------------------------------------------------- imputation


def features(folder, name, with_target):
    """A numeric table (n, d), standardised."""
    if name == "breast_cancer":
        data = load_breast_cancer()
        X = np.c_[data.data, data.target] if with_target else data.data
    else:
        table, target = read(folder, f"imputation/{name}.csv.gz")
        X = (table if with_target else table.drop(columns=target)).to_numpy(float)
    return StandardScaler().fit_transform(X)


def forests(seed):
    """What missForest does: forests, column by column, a few times over."""
    return IterativeImputer(ExtraTreesRegressor(**FOREST), max_iter=ROUNDS, random_state=seed)


def boosted(seed):
    """The same rounds with gradient boosting at its defaults."""
    return IterativeImputer(HistGradientBoostingRegressor(random_state=seed), max_iter=ROUNDS, random_state=seed)


def imputers(seed, params):
    """Functions from an array with holes to one without, by name."""
    return {
        "skvae": lambda X: vae(seed, params).fit(X).impute(X),
        "mean": SimpleImputer().fit_transform,
        "KNNImputer": KNNImputer().fit_transform,
        "IterativeImputer": IterativeImputer(random_state=seed).fit_transform,
        "forest": forests(seed).fit_transform,
        "boosting": boosted(seed).fit_transform,
    }


def conditional_means(mixture, X):
    """Rows with each hole filled by its mean under a Gaussian mixture, given the cells that are there."""
    filled = X.copy()
    for pattern in np.unique(np.isnan(X), axis=0):
        rows, there = np.flatnonzero((np.isnan(X) == pattern).all(axis=1)), ~pattern
        logs, means = [], []
        for weight, mean, covariance in zip(mixture.weights_, mixture.means_, mixture.covariances_, strict=True):
            seen, within = X[rows][:, there] - mean[there], covariance[np.ix_(there, there)]
            solved = np.linalg.solve(within, seen.T).T
            logs.append(np.log(weight) - 0.5 * ((seen * solved).sum(axis=1) + np.linalg.slogdet(2 * np.pi * within)[1]))
            means.append(mean[pattern] + solved @ covariance[np.ix_(there, pattern)])
        shares = softmax(np.array(logs), axis=0)
        filled[np.ix_(rows, pattern)] = (shares[..., None] * np.array(means)).sum(axis=0)
    return filled


def from_complete_rows(X, hidden):
    """The least error of mixtures that saw every cell of the rows of the other half."""
    errors = []
    for n_components in MIXTURES:
        filled = np.where(hidden, np.nan, X)
        for part in (slice(0, None, 2), slice(1, None, 2)):
            others = np.delete(X, part, axis=0)
            mixture = GaussianMixture(n_components, reg_covar=1e-2, random_state=0).fit(others)
            filled[part] = conditional_means(mixture, filled[part])
        errors.append(float(np.square(filled - X)[hidden].mean()))
    return min(errors)


def imputation_error(who, X, hidden, seed, params):
    """Mean squared error of hidden cells."""
    if who == LIMIT:
        return from_complete_rows(X, hidden)
    return float(np.square(imputers(seed, params)[who](np.where(hidden, np.nan, X)) - X)[hidden].mean())


def run_impute(arguments):
    """A line a table and imputer."""
    records = []
    for name in asked(arguments, IMPUTED):
        bar, miwae, miss_forest = IMPUTED[name]
        X = features(arguments.data, name, arguments.with_target)
        print(f"{name}: {X.shape[0]} x {X.shape[1]}; bar {bar}, paper: MIWAE {miwae}, missForest {miss_forest}")
        for who in chosen(arguments, imputers(0, {}) | {LIMIT: from_complete_rows}):
            errors, seconds = [], []
            for seed in range(arguments.seeds):
                hidden = np.random.RandomState(seed).uniform(size=X.shape) < 0.5
                error, spent = timed(imputation_error, who, X, hidden, seed, arguments.params)
                errors.append(error)
                seconds.append(spent)
            records.append(record := {"table": name, "who": who, "MSE": statistics.mean(errors), "masks": errors})
            record |= {"seconds": statistics.mean(seconds), "bar": bar, "MIWAE": miwae, "missForest": miss_forest}
            reached = "" if who != "skvae" else "reached" if record["MSE"] <= bar else "NOT reached"
            print(f"  {who:18} {record['MSE']:.3f} {record['seconds']:8.1f} s  {reached}", flush=True)
    return records


# ------------------------------------------------------------------------------------------------- imputation of kinds


def typed(folder, name):
    """Cells (n, d), codes of levels from 0, the kind of each column, its number of levels, and masks by name."""
    with np.load(folder / "imputation" / f"hivae_{name}.npz") as stored:
        X, kinds, n_levels = stored["X"].copy(), [str(kind) for kind in stored["type"]], stored["nclass"]
        masks = {
            (share, k): np.unpackbits(stored[f"missing{share}_{k}"], count=X.size).reshape(X.shape).astype(bool)
            for share in HIDDEN
            for k in (1, 2, 3)
        }
    X[:, [kind in ("cat", "ordinal") for kind in kinds]] -= 1.0
    return X, kinds, n_levels, masks


def framed(X, kinds, n_levels):
    """A frame with categories, ordered ones for ordinal columns, and numbers."""
    columns = {}
    for i, kind in enumerate(kinds):
        if kind in NUMERIC:
            columns[f"{kind}{i}"] = X[:, i]
        else:
            codes = np.where(np.isnan(X[:, i]), -1, X[:, i]).astype(int)
            levels = [f"level {k}" for k in range(n_levels[i])]
            columns[f"{kind}{i}"] = pd.Categorical.from_codes(codes, levels, ordered=kind == "ordinal")
    return pd.DataFrame(columns)


def unframed(frame):
    """The array of which a frame was made."""
    codes = [
        column.cat.codes if isinstance(column.dtype, pd.CategoricalDtype) else column for _, column in frame.items()
    ]
    return np.column_stack([np.asarray(column, float) for column in codes])


def by_model(seed, params):
    """Our imputation of a frame."""

    def fill(X, kinds, n_levels):
        frame = framed(X, kinds, n_levels)
        return unframed(vae(seed, params).fit(frame).impute(frame))

    return fill


def by_columns(X, kinds, n_levels):
    """Means and most frequent levels; ordinal columns get their most frequent level too."""
    fills = ("mean" if kind in NUMERIC else "most_frequent" for kind in kinds)
    return np.column_stack([SimpleImputer(strategy=f).fit_transform(X[:, [i]]) for i, f in enumerate(fills)])


def by_numbers(imputer, drop=0):
    """An imputer of numbers: ordinals are rounded, categories become one-hot columns, of which the largest is taken."""

    def fill(X, kinds, n_levels):
        nominal = np.array([kind == "cat" for kind in kinds])
        scaler, filled = StandardScaler().fit(X[:, ~nominal]), X.copy()
        table = np.column_stack([scaler.transform(X[:, ~nominal]), *one_hot_blocks(X, nominal, n_levels, drop)])
        train = np.random.RandomState(0).permutation(table)[:DONORS] if isinstance(imputer, KNNImputer) else table
        full, start = imputer.fit(train).transform(table), (~nominal).sum()
        filled[:, ~nominal] = scaler.inverse_transform(full[:, :start])
        for i in np.flatnonzero(nominal):
            shares = full[:, start : start + n_levels[i] - drop]
            dropped = 1.0 - shares.sum(axis=1, keepdims=True)
            filled[:, i] = (np.c_[dropped, shares] if drop else shares).argmax(axis=1)
            start += n_levels[i] - drop
        for i in np.flatnonzero([kind == "ordinal" for kind in kinds]):
            filled[:, i] = filled[:, i].round().clip(0, n_levels[i] - 1)
        return filled

    return fill


def by_boosting(seed):
    """Gradient boosting of each column by all others, in rounds that start from means and most frequent levels."""

    def fill(X, kinds, n_levels):
        filled, nominal = by_columns(X, kinds, n_levels), np.array([kind == "cat" for kind in kinds])
        for _ in range(ROUNDS):
            for i in np.flatnonzero(np.isnan(X).any(axis=0)):
                Boosting = HistGradientBoostingClassifier if nominal[i] else HistGradientBoostingRegressor
                others, missing = np.delete(filled, i, axis=1), np.isnan(X[:, i])
                model = Boosting(categorical_features=np.delete(nominal, i), random_state=seed)
                cells = model.fit(others[~missing], X[~missing, i]).predict(others[missing])
                filled[missing, i] = cells.round().clip(0, n_levels[i] - 1) if kinds[i] == "ordinal" else cells
        return filled

    return fill


def one_hot_blocks(X, nominal, n_levels, drop):
    """One block of columns for each nominal column, all of them holes in a row where there is a hole."""
    for i in np.flatnonzero(nominal):
        column = X[:, [i]]
        yield np.where(np.isnan(column), np.nan, column == np.arange(drop, n_levels[i]))


def fillers(seed, params):
    """Functions of cells with holes, kinds and numbers of levels, by name."""
    return {
        "skvae": by_model(seed, params),
        "most frequent, mean": by_columns,
        "KNNImputer": by_numbers(KNNImputer()),
        "IterativeImputer": by_numbers(IterativeImputer(random_state=seed), drop=1),
        "boosting": by_boosting(seed),
    }


def errors_by_kind(X, filled, hidden, kinds, n_levels):
    """HI-VAE's three errors, each a mean over columns; of cells that the source lacks nothing is known."""
    errors = {"numeric": [], "ordinal": [], "nominal": []}
    for i, kind in enumerate(kinds):
        cells = hidden[:, i] & ~np.isnan(X[:, i])
        apart = np.abs(filled[cells, i] - X[cells, i])
        if kind in NUMERIC:
            errors["numeric"].append(np.sqrt(np.mean(apart**2)) / (np.nanmax(X[:, i]) - np.nanmin(X[:, i])))
        elif kind == "ordinal":
            errors["ordinal"].append(np.mean(apart) / n_levels[i])
        else:
            errors["nominal"].append(np.mean(apart > 0))
    return {kind: float(np.mean(values)) for kind, values in errors.items() if values}


def run_hivae(arguments):
    """A line a table, share of hidden cells and imputer; then where ours is not the best."""
    records = []
    for name in asked(arguments, HIVAE):
        X, kinds, n_levels, masks = typed(arguments.data, name)
        for share in HIDDEN:
            for who, fill in chosen(arguments, fillers(0, arguments.params)).items():
                runs = []
                for k in range(1, 1 + arguments.masks):
                    holes = np.where(masks[share, k], np.nan, X)
                    filled, seconds = timed(fill, holes, kinds, n_levels)
                    runs.append(errors_by_kind(X, filled, masks[share, k], kinds, n_levels) | {"seconds": seconds})
                means = {key: statistics.mean(run[key] for run in runs) for key in runs[0]}
                records.append({"table": name, "hidden": share, "who": who} | means)
                cells = "  ".join(f"{key} {value:.4f}" for key, value in means.items() if key != "seconds")
                print(f"{name:7} {share} %  {who:24} {cells} {means['seconds']:8.1f} s", flush=True)
    compare_kinds(records)
    return records


def compare_kinds(records):
    """Say where ours is below every peer."""
    for ours in (r for r in records if r["who"] == "skvae"):
        peers = [r for r in records if (r["table"], r["hidden"]) == (ours["table"], ours["hidden"]) and r is not ours]
        for kind in ("numeric", "ordinal", "nominal") if peers else ():
            if kind in ours:
                best = min(peers, key=lambda r: r[kind])
                verdict = "below all" if ours[kind] < best[kind] else f"NOT below {best['who']}"
                print(f"{ours['table']:7} {ours['hidden']} % {kind:8} {ours[kind]:.4f} ({best[kind]:.4f}) {verdict}")


# ------------------------------------------------------------------------------------------------------ synthetic rows


def split_table(folder, name):
    """Training rows, test rows, and the name of the target."""
    if name == "adult":
        (train, target), (test, _) = (read(folder, f"mixed/adult_{part}.csv.gz") for part in ("train", "test"))
        return train, test, target
    if name == "magic":
        with np.load(folder / "adbench" / "22_magic.gamma.npz") as stored:
            table = pd.DataFrame(stored["X"], columns=[f"x{i}" for i in range(stored["X"].shape[1])])
            table["label"] = pd.Categorical(np.where(stored["y"].ravel() == 1, "anomaly", "normal"))
        target = "label"
    else:
        table, target = read(folder, f"mixed/{name}.csv.gz")
    return *train_test_split(table, test_size=0.2, random_state=0), target


def categories(table):
    return list(table.select_dtypes("category"))


def plain(table):
    """Categories as strings with a level "missing", numbers as floats."""
    strings = {name: table[name].astype(object).fillna("missing").astype(str) for name in categories(table)}
    return table.assign(**{n: table[n].astype(float) for n in table if n not in strings}, **strings).reset_index(
        drop=True
    )


def by_sampling(train, seed, arguments):
    """Draws of our model, and seconds of its fit."""
    model, seconds = timed(vae(seed, arguments.params).fit, train)
    return model.sample(len(train), random_state=seed), seconds


def by_shuffling(train, seed, arguments):
    """Each column in an order of its own."""
    rng = np.random.RandomState(seed)
    return train.apply(lambda column: column.sample(frac=1.0, random_state=rng).reset_index(drop=True)), 0.0


def by_tvae(train, seed, arguments):
    """TVAE of ctgan; it takes no holes in numbers, which become medians."""
    from ctgan import TVAE

    filled = plain(train).fillna(train.median(numeric_only=True)).astype(train.select_dtypes("number").dtypes)
    model = TVAE(epochs=arguments.epochs, enable_gpu=False)
    model.set_random_state(seed)
    _, seconds = timed(model.fit, filled, categories(train))
    return typed_like(model.sample(len(train)), train), seconds


def typed_like(table, train):
    """A table of strings with the categories that the training rows have."""
    return table.assign(**{name: pd.Categorical(table[name], train[name].cat.categories) for name in categories(train)})


def fidelity(real, synthetic):
    """Errors of column shapes and pair trends, in percent."""
    from sdmetrics.reports.single_table import QualityReport

    nominal, report = categories(real), QualityReport()
    report.real_correlation_threshold = report.real_association_threshold = 0
    report.num_rows_subsample = None
    kinds = {name: {"sdtype": "categorical" if name in nominal else "numerical"} for name in real}
    report.generate(plain(real), plain(synthetic[list(real)]), {"columns": kinds}, verbose=False)
    scores = report.get_properties().set_index("Property")["Score"]
    return 100.0 * (1.0 - scores["Column Shapes"]), 100.0 * (1.0 - scores["Column Pair Trends"])


def usefulness(train, test, target):
    """How well gradient boosting on some rows tells the target of real ones."""
    train, test = train.dropna(subset=target), test.dropna(subset=target)
    X, new = train.drop(columns=target), test.drop(columns=target)
    if target in categories(train):
        model = HistGradientBoostingClassifier(random_state=0).fit(X, train[target].astype(str))
        return roc_auc_score(test[target].astype(str) == model.classes_[1], model.predict_proba(new)[:, 1])
    return r2_score(test[target], HistGradientBoostingRegressor(random_state=0).fit(X, train[target]).predict(new))


def makers(arguments):
    """Functions from training rows to synthetic rows, by name."""
    table = {"skvae": by_sampling, "independent columns": by_shuffling}
    return table | ({"TVAE": by_tvae} if arguments.peers else {})


def run_synthetic(arguments):
    """A line a table and maker, beside the real rows."""
    records = []
    print(f"{'table':14} {'who':20} {'shapes %':>8} {'trends %':>8} {'AUC or R2':>9} {'seconds':>8}")
    for name in asked(arguments, SYNTHETIC):
        train, test, target = split_table(arguments.data, name)
        real = usefulness(train, test, target)
        rows = [{"who": "held-out rows", "useful": real, "seconds": 0.0}]
        rows[0]["shapes"], rows[0]["trends"] = fidelity(train, test)
        print_synthetic(rows[0] | {"table": name})
        for who, make in chosen(arguments, makers(arguments)).items():
            synthetic, seconds = make(train, 0, arguments)
            shapes, trends = fidelity(train, synthetic)
            useful = usefulness(synthetic, test, target)
            rows.append({"who": who, "shapes": shapes, "trends": trends, "useful": useful, "seconds": seconds})
            print_synthetic(rows[-1] | {"table": name})
        records += [{"table": name, "bars": SYNTHETIC_BARS.get(name, OTHER_BARS)} | row for row in rows]
    return records


def print_synthetic(record):
    """One line; ours with what was to be reached."""
    values = [record[key] for key in ("shapes", "trends", "useful")]
    bars = SYNTHETIC_BARS.get(record["table"], OTHER_BARS)
    wanted = f"  bars {bars[0]}, {bars[1]}" + ("" if np.isnan(bars[2]) else f", {bars[2]}")
    cells = f"{values[0]:8.2f} {values[1]:8.2f} {values[2]:9.4f} {record['seconds']:8.1f}"
    print(f"{record['table']:14} {record['who']:20} {cells}{wanted if record['who'] == 'skvae' else ''}", flush=True)


# --------------------------------------------------------------------------------------------------------------- codes


def one_hot():
    """Categories as one-hot columns, a hole being a level, and numbers scaled, a hole being the median."""
    numbers = make_pipeline(SimpleImputer(strategy="median"), StandardScaler())
    levels = OneHotEncoder(sparse_output=False, handle_unknown="ignore")
    return make_column_transformer(
        (levels, make_column_selector(dtype_include="category")),
        (numbers, make_column_selector(dtype_include="number")),
    )


def coders(arguments):
    """Makers of what stands before the logistic regression, by name."""
    return {
        "skvae": lambda: vae(0, arguments.params),
        "one-hot": one_hot,
        "one-hot, PCA(16)": lambda: make_pipeline(one_hot(), PCA(16, random_state=0)),
        "one-hot, PCA(32)": lambda: make_pipeline(one_hot(), PCA(32, random_state=0)),
    }


def run_codes(arguments):
    """Area under the curve on Adult's test file, and the number of columns that the regression sees."""
    train, test, target = split_table(arguments.data, "adult")
    X, new, records = train.drop(columns=target), test.drop(columns=target), []
    for who, coder in chosen(arguments, coders(arguments)).items():
        regression = make_pipeline(coder(), LogisticRegression(max_iter=5000))
        model, seconds = timed(regression.fit, X, train[target].astype(str))
        area = roc_auc_score(test[target] == model.classes_[1], model.predict_proba(new)[:, 1])
        records.append({"who": who, "AUC": area, "size": model[-1].n_features_in_, "seconds": seconds})
        print(f"{who:18} AUC {area:.4f} from {records[-1]['size']:4} columns {seconds:8.1f} s", flush=True)
    areas = {record["who"]: record["AUC"] for record in records}
    if {"skvae", "one-hot"} <= areas.keys():
        print(f"below one-hot by {areas['one-hot'] - areas['skvae']:.4f} (bar 0.01)")
    return records


# ----------------------------------------------------------------------------------------------------------- anomalies


def anomaly_tables(folder):
    """Name, normal rows for training, test rows and their labels, as frames with holes."""
    (train, target), (test, _) = (read(folder, f"mixed/nsl_kdd_{part}.csv.gz") for part in ("train20", "test"))
    yield "NSL-KDD", train[train[target] == 0].drop(columns=target), test.drop(columns=target), test[target].to_numpy()
    table, target = read(folder, "mixed/sick.csv.gz")
    y, X = (table[target] == "sick").to_numpy(int), table.drop(columns=target)
    normal = np.random.RandomState(0).permutation(np.flatnonzero(y == 0))
    test = np.r_[normal[len(normal) // 2 :], np.flatnonzero(y == 1)]
    yield "sick", X.iloc[normal[: len(normal) // 2]], X.iloc[test], y[test]


def of_frame(seed, params):
    """Scores of a detector that takes the frame as it comes, higher for stranger rows."""

    def score(train, test):
        return -AutoencoderOutlierDetector(random_state=seed, **params).fit(train).score_samples(test)

    return score


def on_columns(score, numbers_only=False):
    """Scores of a detector of arrays: holes as medians, categories as one-hot columns or left out."""

    def run(train, test):
        names = [name for name in train if not numbers_only or name not in categories(train)]
        names = [name for name in names if train[name].notna().any()]
        prepare = one_hot().fit(train[names])
        return score(prepare.transform(train[names]), prepare.transform(test[names]))

    return run


def strangers(seed, arguments):
    """Functions of training and test frames, by name."""
    arrays = detectors(seed)
    return {
        "skvae": of_frame(seed, arguments.params),
        "skvae, one-hot": on_columns(arrays["skvae"]),
        "skvae, numbers only": on_columns(arrays["skvae"], numbers_only=True),
        "IsolationForest": on_columns(arrays["IsolationForest"]),
        "kNN": on_columns(arrays["kNN"]),
    }


def run_anomaly(arguments):
    """Mean areas over seeds, a line a table and detector."""
    records = []
    for name, train, test, labels in anomaly_tables(arguments.data):
        print(f"{name}: {len(train)} training rows, {len(test)} test rows, {train.shape[1]} columns; AUROC / AP")
        for who in chosen(arguments, strangers(0, arguments)):
            runs = [judged(strangers(seed, arguments)[who], train, test, labels) for seed in range(arguments.seeds)]
            area, precision, seconds = np.mean(runs, axis=0).tolist()
            spread = float(np.ptp([run[0] for run in runs]))
            records.append({"set": name, "who": who, "AUROC": area, "AP": precision, "spread": spread})
            records[-1]["seconds"] = seconds
            print(f"  {who:20} {area:5.1f} / {precision:4.1f}  spread {spread:4.1f} {seconds:8.2f} s", flush=True)
    return records


# --------------------------------------------------------------------------------------------------------------- large


def made_frame(n_rows, seed=0):
    """Ten floats, two of them with holes, four integers and six categories, one with holes, of four hidden causes."""
    rng = np.random.RandomState(seed)
    z = rng.normal(size=(n_rows, 4)).astype(np.float32)
    columns = {}
    for i in range(20):
        signal = z @ rng.normal(size=4).astype(np.float32) / 2
        if i < 10:
            columns[f"float{i}"] = signal + rng.normal(size=n_rows) / 2
            if i < 2:
                columns[f"float{i}"][rng.uniform(size=n_rows) < 0.1] = np.nan
        elif i < 14:
            columns[f"int{i}"] = rng.poisson(np.exp(1.0 + signal / 2))
        else:
            n_levels = (2, 3, 5, 10, 20, 50)[i - 14]
            codes = np.floor(n_levels / (1.0 + np.exp(-signal - rng.normal(size=n_rows) / 2))).astype(np.int8)
            codes = np.where(rng.uniform(size=n_rows) < 0.05, -1, codes) if i == 19 else codes
            columns[f"category{i}"] = pd.Categorical.from_codes(codes, [f"level {k}" for k in range(n_levels)])
    return pd.DataFrame(columns, copy=False)


def resident():
    """Bytes in memory now (Linux)."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def measured_fit(n_rows, params):
    """Rows a second of an epoch, and bytes above the frame at the peak; to be called in a new process."""
    warnings.simplefilter("ignore")
    vae(0, params | {"max_iter": 1}).fit(made_frame(2000))
    frame = made_frame(n_rows)
    gc.collect()
    Path("/proc/self/clear_refs").write_text("5")  # the peak so far is forgotten
    before = resident()
    seconds = [timed(vae(0, params | {"max_iter": n}).fit, frame)[1] for n in (1, 3)]
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    return {"rows_per_second": 2 * n_rows / (seconds[1] - seconds[0]), "above": peak - before, "one_epoch": seconds[0]}


def run_large(arguments):
    """Default batches and batches of 4,096."""
    n_rows, n_columns = arguments.rows or LARGE[0], LARGE[1]
    records = []
    for batch_size in ("auto", 4096):
        params = arguments.params | {"batch_size": batch_size}
        with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as pool:
            record = pool.submit(measured_fit, n_rows, params).result() | {"batch_size": batch_size, "rows": n_rows}
        record["times_float32"] = record["above"] / (4 * n_rows * n_columns)
        records.append(record)
        print(
            f"batch_size={batch_size}: {record['rows_per_second']:,.0f} rows/s an epoch (bar 100,000), peak "
            f"{record['times_float32']:.2f} times the float32 frame above the frame (bar 3), "
            f"{record['one_epoch']:.1f} s for a fit of one epoch",
            flush=True,
        )
    return records


PARTS = {
    "impute": run_impute,
    "hivae": run_hivae,
    "synthetic": run_synthetic,
    "codes": run_codes,
    "anomaly": run_anomaly,
    "large": run_large,
}


def main():
    """Run one part and write its figures on request."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("part", choices=PARTS)
    parser.add_argument("--data", type=Path, help="folder with imputation/, mixed/, adbench/ and schema.json")
    parser.add_argument("--only", nargs="*", help="some of those that a part names")
    parser.add_argument("--seeds", type=int, default=5, help="masks of impute, seeds of anomaly")
    parser.add_argument("--with-target", action="store_true", help="impute the column to be predicted, too")
    parser.add_argument("--tables", nargs="*", help="some of the tables of impute, hivae and synthetic")
    parser.add_argument("--masks", type=int, default=3, choices=(1, 2, 3), help="masks of hivae")
    parser.add_argument("--peers", action="store_true", help="TVAE in synthetic")
    parser.add_argument("--epochs", type=int, default=300, help="epochs of TVAE")
    parser.add_argument("--rows", type=int, help="rows of large")
    parser.add_argument("--params", type=json.loads, default={}, help="parameters other than the defaults")
    parser.add_argument("--json", type=Path, help="where to write the figures")
    arguments = parser.parse_args()
    warnings.simplefilter("ignore")
    records = PARTS[arguments.part](arguments)
    if arguments.json:
        write(arguments.json, ("ctgan", "sdmetrics"), **{arguments.part: records})


if __name__ == "__main__":
    main()
