"""Anomaly detection beside other detectors, on real sets: the detector's defaults, as they are, for every set.

``python benchmarks/anomaly.py adbench --bench FOLDER`` needs a folder with ``protocols.py`` and the sets beside it in
``data/adbench``. Four protocols: "clean-semi" trains on half of the normal rows, "clean-unsup" on 70 % of all rows with
their anomalies; "dte-semi" and "dte-unsup" are published splits, flaws included. Area under the ROC curve and average
precision, in percent, and seconds to fit and score; the other detectors see standardised columns. Choices were made on
the first half of the sets (every other one, in the benchmark's order); both halves are printed.

``python benchmarks/anomaly.py planted --bench FOLDER`` moves one or two cells of normal rows by five standard
deviations of their column among the training rows, and counts how often the moved cell has the first place among the
reasons. Columns that hold one value in training are left out.

``python benchmarks/anomaly.py planted-mixed --bench FOLDER`` does so in tables with levels, where slips of decimals,
new levels and levels that never come together are planted too, some beside cells that mislead: see
``planted_mixed.py``. It also says how many normal rows have a cell that is marked as unusual, and how many cells lie in
their interval, in these tables; ``anomaly.py red --bench FOLDER`` says it of the sets of numbers.

``python benchmarks/anomaly.py contamination --bench FOLDER`` trains on normal rows with a growing share of anomalies.

``python benchmarks/anomaly.py mixed --bench FOLDER`` takes tables with categories (NSL-KDD, creditcard, sick) as
one-hot columns and holes as medians; NSL-KDD trains on the normal rows of its training file and is judged on its test
file.

``python benchmarks/anomaly.py alarms --bench FOLDER`` counts false alarms among new usual rows.

``python benchmarks/anomaly.py ablation --bench FOLDER`` judges by one or several of the scores of the ensemble.
"""

import argparse
import importlib.util
import itertools
import json
import time
import warnings
from pathlib import Path

import numpy as np
import pandas as pd
import planted_mixed
import torch
from figures import write
from joblib import Parallel, delayed
from page import paired
from sklearn.decomposition import PCA
from sklearn.ensemble import IsolationForest
from sklearn.metrics import average_precision_score, roc_auc_score
from sklearn.mixture import GaussianMixture
from sklearn.neighbors import LocalOutlierFactor, NearestNeighbors
from sklearn.preprocessing import StandardScaler

from skvae import AutoencoderOutlierDetector, AutoencoderTransformer
from skvae._outliers.combined import together
from skvae._outliers.robust_scores import STRANGEST_SCORES

PROTOCOLS = ("clean-semi", "clean-unsup", "dte-semi", "dte-unsup")
BARS = {"clean-semi": (94.0, 79.0), "clean-unsup": (86.0, 54.0)}
SHARES = (0.0, 0.01, 0.05, 0.1, 0.2)
"""Anomalies among the training rows of the part ``contamination``."""

PROMISES = {"auto": 0.01, 0.0: 0.01, 0.05: 0.05}
"""Share of usual rows that each kind of threshold promises to flag."""

FAR = 5.0
"""Standard deviations by which a planted cell is moved."""

AUTOENCODER = {"network": "mlp", "code_density": "gaussian_mixture", "hidden_layer_sizes": (64, 64), "max_iter": 50}


def ours(seed, estimator=None, contamination="auto"):
    """Scores of a default detector, or of one around an estimator."""

    def score(train, test):
        detector = AutoencoderOutlierDetector(estimator, contamination, ensemble=True, random_state=seed)
        return -detector.fit(train).score_samples(test)

    return score


def standardised(make, score):
    """Scores of a detector of scikit-learn on standardised columns, higher for stranger rows."""

    def run(train, test):
        scaler = StandardScaler().fit(train)
        return score(make().fit(scaler.transform(train)), scaler.transform(test))

    return run


def of_pyod(name, seed):
    """A detector of PyOD at its defaults."""

    def run(train, test):
        module, kind = {
            "MCD": ("mcd", "MCD"),
            "ECOD": ("ecod", "ECOD"),
            "AutoEncoder": ("auto_encoder", "AutoEncoder"),
            "VAE": ("vae", "VAE"),
            "DeepSVDD": ("deep_svdd", "DeepSVDD"),
        }[name]
        scaler, params = StandardScaler().fit(train), {} if name == "ECOD" else {"random_state": seed}
        if name == "DeepSVDD":
            params["n_features"] = train.shape[1]
        detector = getattr(importlib.import_module(f"pyod.models.{module}"), kind)(**params)
        return detector.fit(scaler.transform(train)).decision_function(scaler.transform(test))

    return run


def detectors(seed):
    """Functions of training and test rows, by name."""
    table = {
        "skvae": ours(seed),
        "skvae, 0.0": ours(seed, contamination=0.0),
        "skvae, autoencoder": ours(seed, AutoencoderTransformer(**AUTOENCODER)),
        "kNN": standardised(lambda: NearestNeighbors(n_neighbors=5), lambda m, X: m.kneighbors(X)[0][:, -1]),
        "GaussianMixture": standardised(
            lambda: GaussianMixture(5, random_state=seed), lambda m, X: -m.score_samples(X)
        ),
        "PCA": standardised(lambda: PCA(0.9, random_state=seed), lambda m, X: -m.score_samples(X)),
        "IsolationForest": standardised(lambda: IsolationForest(random_state=seed), lambda m, X: -m.score_samples(X)),
        "LOF": standardised(lambda: LocalOutlierFactor(novelty=True), lambda m, X: -m.score_samples(X)),
    }
    if importlib.util.find_spec("pyod"):
        table |= {f"PyOD {name}": of_pyod(name, seed) for name in ("MCD", "ECOD", "AutoEncoder", "VAE", "DeepSVDD")}
    return table


def judged(score, train, test, y):
    """Both areas in percent, and seconds."""
    start = time.perf_counter()
    scores = np.nan_to_num(score(train, test), nan=0.0, posinf=1e300, neginf=-1e300)
    seconds = time.perf_counter() - start
    return 100.0 * roc_auc_score(y, scores), 100.0 * average_precision_score(y, scores), seconds


def run_adbench(arguments, protocols):
    """A line a set, then means, their halves, the spread over seeds, the mean rank, and paired differences."""
    tasks = itertools.product(arguments.protocols, protocols.adbench_names(), range(arguments.seeds))
    of_tasks = Parallel(arguments.jobs)(delayed(records_of)(arguments.bench, *task, arguments.only) for task in tasks)
    records = [record for of_task in of_tasks for record in of_task]
    for protocol in arguments.protocols:
        of_protocol = [r for r in records if r["protocol"] == protocol]
        summarize(protocol, protocols.adbench_names(), of_protocol)
        for line in paired(of_protocol):
            print(f"  {line['one']} less {line['other']}: " + interval(line, "AUROC") + ", " + interval(line, "AP"))
    return records


def records_of(bench, protocol, name, seed, only):
    """What each detector reaches on one set."""
    warnings.simplefilter("ignore")
    protocols, records, cells = load_protocols(bench), [], []
    train, test, labels = protocols.split(*protocols.adbench(name), protocol, 0)
    for detector, score in detectors(seed).items():
        if only and detector not in only:
            continue
        area, precision, seconds = judged(score, train, test, labels)
        cells.append(f"{area:.1f}/{precision:.1f}")
        records.append(
            {"protocol": protocol, "set": name, "seed": seed, "detector": detector}
            | {"AUROC": area, "AP": precision, "seconds": seconds}
        )
    print(f"{protocol} {name[:16]:16} {seed} {' '.join(cells)}", flush=True)
    return records


def interval(line, key):
    """A paired difference in words."""
    return f"{key} {line[key]:+.1f} +- {line[f'{key} half']:.1f} (ahead on {line[f'{key} ahead']} sets)"


def summarize(protocol, sets, records):
    """Means of one protocol, detector by detector."""
    names = list(dict.fromkeys(r["detector"] for r in records))
    values = {(r["detector"], r["set"], r["seed"]): (r["AUROC"], r["AP"], r["seconds"]) for r in records}
    seeds = sorted({r["seed"] for r in records})
    table = np.array([[[values[name, one, seed] for seed in seeds] for one in sets] for name in names])
    ranks = (-table[..., 0].mean(2)).argsort(axis=0).argsort(axis=0).mean(axis=1) + 1.0
    print(
        f"\n{protocol:22} AUROC / AP    first half    second half   spread  rank  seconds"
        f"   bar {BARS.get(protocol, 'none')}"
    )
    for name, cells, rank in zip(names, table, ranks, strict=True):
        area, precision, seconds = cells.mean(axis=(0, 1))
        first, second = (cells[i::2, :, :2].mean(axis=(0, 1)) for i in (0, 1))
        spread = cells[..., 0].std(axis=1, ddof=1).mean() if len(seeds) > 1 else float("nan")
        halves = " ".join(f"{a:5.1f} / {p:4.1f} " for a, p in (first, second))
        print(f"{name:22} {area:5.1f} / {precision:4.1f}  {halves} {spread:6.2f} {rank:5.1f} {seconds:8.2f}")
    print(flush=True)


def planted(X, scale, n_cells, seed):
    """Rows with cells moved by FAR standard deviations ``scale`` of their columns, and which cells."""
    rng = np.random.RandomState(seed)
    cells = np.array([rng.choice(X.shape[1], n_cells, replace=False) for _ in X])
    signs = rng.choice([-FAR, FAR], size=cells.shape)
    moved = X.copy()
    np.put_along_axis(moved, cells, np.take_along_axis(X, cells, 1) + signs * scale[cells], 1)
    return moved, cells


def run_planted(arguments, protocols):
    """Share of rows in which a planted cell is first, and in which all are among the first three."""
    records = []
    for name in protocols.adbench_names():
        X, y = protocols.adbench(name)
        train, test, labels = protocols.split(X, y, "clean-semi", 0)
        train, test = (part[:, np.ptp(train, axis=0) > 0] for part in (train, test))
        if train.shape[1] < 5:
            continue
        detector, pca = AutoencoderOutlierDetector(random_state=0).fit(train), PCA(0.9).fit(scaled(train, train))
        autoencoder = None
        if importlib.util.find_spec("pyod"):
            module = importlib.import_module("pyod.models.auto_encoder")
            autoencoder = module.AutoEncoder(random_state=0).fit(scaled(train, train))
        for n_cells in (1, 2):
            moved, cells = planted(test[labels == 0][:500], train.std(axis=0), n_cells, seed=0)
            standard = scaled(train, moved)
            residual = np.square(standard - pca.inverse_transform(pca.transform(standard)))
            shares = {"skvae": detector.estimator_.score_features(moved), "PCA residual": -residual}
            if autoencoder is not None:
                shares["PyOD AutoEncoder"] = -pyod_errors(autoencoder, standard)
            for who, share in shares.items():
                order = np.argsort(share, axis=1, kind="stable")
                first = (order[:, :1] == cells).any(axis=1).mean()
                third = np.mean([set(c) <= set(o[:3]) for c, o in zip(cells, order, strict=True)])
                records.append({"set": name, "cells": n_cells, "who": who, "first": first, "among_three": third})
        line = [
            f"{r['who']} {r['cells']}: {r['first']:.3f} {r['among_three']:.3f}" for r in records if r["set"] == name
        ]
        print(f"{name[:16]:16} " + "  ".join(line), flush=True)
    for who in dict.fromkeys(r["who"] for r in records):
        for n_cells in (1, 2):
            mine = [r for r in records if r["who"] == who and r["cells"] == n_cells]
            first, third = (np.mean([r[key] for r in mine]) for key in ("first", "among_three"))
            print(f"{who:14} {n_cells} planted: first {first:.3f} (bar 0.97), among three {third:.3f} (bar 0.98)")
    return records


def run_planted_mixed(arguments, protocols):
    """Share of rows in which a planted cell is first, by what was planted and what stands beside it, half by half."""
    records, marks = [], []
    for name, train, new in planted_mixed.tables(arguments.bench.parent / "data"):
        detector = AutoencoderOutlierDetector(random_state=0).fit(train)
        marks.append({"set": name} | marked(detector.explain(new[:1000], n_columns=train.shape[1]), train.shape[1]))
        mine = [
            each for beside in planted_mixed.BESIDE[:-1] for each in planted_mixed.places(detector, train, new, beside)
        ]
        train, new, names = planted_mixed.with_dependents(train, new)
        if names:
            detector = AutoencoderOutlierDetector(random_state=0).fit(train)
            mine += planted_mixed.places(detector, train, new, planted_mixed.BESIDE[-1], names)
        records += [{"set": name} | each for each in mine]
        firsts = [f"{r['beside']}/{r['kind']} {r['first']:.2f}" for r in mine]
        print(f"{name[:16]:16} {say(marks[-1])}  {'  '.join(firsts)}", flush=True)
    table, names = pd.DataFrame(records), list(dict.fromkeys(r["set"] for r in records))
    for part, sets in {"all": names, "first half": names[::2], "second half": names[1::2]}.items():
        mine = table[table["set"].isin(sets)].groupby(["beside", "kind"])
        print(f"{part}\n{mine[['first', 'among_three']].mean().round(3)}")
        print(f"{part}: {say(mean_of([each for each in marks if each['set'] in sets]))}")
    return records + marks


def run_red(arguments, protocols):
    """Share of held-out normal rows with a cell that is marked as unusual, and of cells in their interval."""
    records = []
    for name in protocols.adbench_names():
        train, test, labels = protocols.split(*protocols.adbench(name), "clean-semi", 0)
        detector = AutoencoderOutlierDetector(random_state=0).fit(train)
        reasons = detector.explain(test[labels == 0][:1000], n_columns=train.shape[1])
        records.append({"set": name} | marked(reasons, train.shape[1]))
        print(f"{name[:16]:16} {say(records[-1])}", flush=True)
    for part in (records, records[::2], records[1::2]):
        print(say(mean_of(part)))
    return records


def marked(reasons, n_columns):
    """Of all cells of rows: rows with an unusual one, and with one beyond its interval or unexpected; cells inside."""
    times, numbers = (
        reasons["times"].to_numpy(),
        reasons["low"].notna().to_numpy() & reasons["value"].notna().to_numpy(),
    )
    by_row = {
        "unusual": reasons["unusual"].to_numpy().reshape(-1, n_columns),
        "beyond": (times > 1.0).reshape(-1, n_columns),
    }
    shares = {name: float(cells.any(axis=1).mean()) for name, cells in by_row.items()}
    return shares | {"inside": float((times[numbers] <= 1.0).mean()) if numbers.any() else float("nan")}


def mean_of(records):
    """Means of the figures of several sets."""
    return {key: float(np.nanmean([each[key] for each in records])) for key in ("unusual", "beyond", "inside")}


def say(shares):
    """The figures of one set in a line."""
    return (
        f"rows with an unusual cell {shares['unusual']:.3f}, with a cell beyond {shares['beyond']:.3f}; "
        f"numbers inside {shares['inside']:.3f}"
    )


def pyod_errors(detector, X):
    """Squared reconstruction error of each cell (n, n_features) by PyOD's network, in its own standard units."""
    rows = torch.as_tensor((X - detector.X_mean) / detector.X_std, dtype=torch.float32)
    with torch.no_grad():
        return (rows - detector.model(rows)).square().numpy()


def scaled(train, X):
    """Columns in standard deviations of the training rows."""
    return StandardScaler().fit(train).transform(X)


def run_contamination(arguments, protocols):
    """Mean area with a growing share of anomalies among the training rows; they are taken out of the test rows."""
    records, names = [], ("skvae", "kNN", "IsolationForest")
    for name in protocols.adbench_names():
        X, y = protocols.adbench(name)
        train, test, labels = protocols.split(X, y, "clean-semi", 0, max_rows=4000)
        strange = np.flatnonzero(labels == 1)
        half = strange[: len(strange) // 2]
        kept = np.setdiff1d(np.arange(len(test)), half)
        for share in SHARES:
            n_strange = round(share * len(train) / (1.0 - share))
            if n_strange > len(half):
                continue
            rows = np.r_[train, test[half[:n_strange]]]
            for detector in names:
                area, precision, _ = judged(detectors(0)[detector], rows, test[kept], labels[kept])
                records.append({"set": name, "share": share, "detector": detector, "AUROC": area, "AP": precision})
        print(name, flush=True)
    full = {one for one in {r["set"] for r in records} if sum(r["set"] == one for r in records) == 3 * len(SHARES)}
    print(f"{len(full)} sets with enough anomalies for every share; AUROC / AP")
    for detector in names:
        cells = []
        for share in SHARES:
            mine = [r for r in records if r["set"] in full and (r["share"], r["detector"]) == (share, detector)]
            cells.append(f"{np.mean([r['AUROC'] for r in mine]):.1f} / {np.mean([r['AP'] for r in mine]):.1f}")
        print(f"{detector:16} " + "   ".join(cells))
    return records


def mixed_tables(folder):
    """Name, training rows, test rows and labels of tables with categories, as one-hot columns."""
    schema = json.loads((folder / "schema.json").read_text())

    def load(name):
        path = f"mixed/{name}.csv.gz"
        table, about = pd.read_csv(folder / path, keep_default_na=False, na_values=[""]), schema[path]
        y = (table[about["target"]] == about["anomaly"]).to_numpy(int)
        X = table.drop(columns=[about["target"], *about["id_columns"]])
        return pd.get_dummies(X, columns=about["categorical"], dtype=float), y

    (train, y_train), (test, y_test) = load("nsl_kdd_train20"), load("nsl_kdd_test")
    yield "NSL-KDD", *filled(train[y_train == 0], test.reindex(columns=train.columns, fill_value=0.0)), y_test
    for name in ("creditcard_subsample", "sick"):
        X, y = load(name)
        normal = np.random.RandomState(0).permutation(np.flatnonzero(y == 0))
        test = np.r_[normal[len(normal) // 2 :], np.flatnonzero(y == 1)]
        yield name, *filled(X.iloc[normal[: len(normal) // 2]], X.iloc[test]), y[test]


def filled(train, test):
    """Both parts as arrays, holes filled with the medians of the training rows; columns without a cell become zero."""
    median = train.median().fillna(0.0)
    return train.fillna(median).to_numpy(float), test.fillna(median).to_numpy(float)


def run_mixed(arguments, protocols):
    """A line a table and detector."""
    records = []
    for name, train, test, labels in mixed_tables(arguments.bench.parent / "data"):
        print(f"{name}: {train.shape[0]} training rows, {len(test)} test rows, {train.shape[1]} columns")
        for seed in range(arguments.seeds):
            for detector, score in detectors(seed).items():
                if arguments.only and detector not in arguments.only:
                    continue
                area, precision, seconds = judged(score, train, test, labels)
                records.append({"set": name, "seed": seed, "detector": detector, "AUROC": area, "AP": precision})
                print(f"  {seed} {detector:22} {area:5.1f} / {precision:4.1f} {seconds:8.2f} s", flush=True)
    return records


def run_ablation(arguments, protocols):
    """Means of the strangest scores of every subset of the ensemble's."""
    records, names = [], protocols.adbench_names()
    for protocol, name in itertools.product(arguments.protocols, names):
        train, test, labels = protocols.split(*protocols.adbench(name), protocol, 0)
        ensemble = AutoencoderOutlierDetector(random_state=0).fit(train).estimator_
        strangeness = ensemble.strangeness(test)
        for size in range(1, len(strangeness) + 1):
            for kept in itertools.combinations(strangeness, size):
                mean = -together({part: strangeness[part] for part in kept}, STRANGEST_SCORES)
                area, precision = (100.0 * of(labels, mean) for of in (roc_auc_score, average_precision_score))
                records.append({"protocol": protocol, "set": name, "kept": kept, "AUROC": area, "AP": precision})
        print(protocol, name, flush=True)
    for kept in dict.fromkeys(r["kept"] for r in records):
        cells = []
        for protocol, half in itertools.product(arguments.protocols, (names, names[0::2], names[1::2])):
            mine = [r for r in records if (r["kept"], r["protocol"]) == (kept, protocol) and r["set"] in half]
            cells.append(" / ".join(f"{np.mean([r[key] for r in mine]):4.1f}" for key in ("AUROC", "AP")))
        print(f"{' + '.join(kept):48} {'   '.join(cells)}")
    return records


def run_alarms(arguments, protocols):
    """Share of new usual rows that are flagged, beside what is promised, for each kind of threshold."""
    sets = protocols.adbench_names()
    of_sets = Parallel(arguments.jobs)(delayed(alarms_of)(arguments.bench, name) for name in sets)
    records = [record for of_set in of_sets for record in of_set]
    for contamination, promise in PROMISES.items():
        mine = [r for r in records if r["contamination"] == contamination]
        within = sum(r["rate"] <= r["most"] for r in mine)
        rate = np.mean([r["rate"] for r in mine])
        print(f"{contamination}: promised {promise:.0%}, mean {rate:.1%}, within the bounds on {within} of {len(mine)}")
    return records


def alarms_of(bench, name):
    """What each kind of threshold flags of the new usual rows of one set; the bound is three binomial deviations."""
    warnings.simplefilter("ignore")
    protocols, records = load_protocols(bench), []
    train, test, labels = protocols.split(*protocols.adbench(name), "clean-semi", 0)
    usual = test[labels == 0]
    for contamination, promise in PROMISES.items():
        detector = AutoencoderOutlierDetector(contamination=contamination, random_state=0).fit(train)
        n_known = len(train) if contamination != 0.0 else max(len(train) // 10, min(10, len(train)))
        deviation = np.sqrt(promise * (1.0 - promise) * (1.0 / len(usual) + 1.0 / n_known))
        rate = float((detector.predict(usual) == -1).mean())
        records.append(
            {"set": name, "rows": len(train), "contamination": contamination, "promise": promise, "rate": rate}
            | {"most": float(promise + 3.0 * deviation)}
        )
    print(f"{name[:16]:16} {len(train):6}", *(f"{r['rate']:.1%} (<= {r['most']:.1%})" for r in records), flush=True)
    return records


PARTS = {
    "alarms": run_alarms,
    "mixed": run_mixed,
    "ablation": run_ablation,
    "adbench": run_adbench,
    "planted": run_planted,
    "planted-mixed": run_planted_mixed,
    "red": run_red,
    "contamination": run_contamination,
}


def load_protocols(folder):
    """The module that splits the sets."""
    spec = importlib.util.spec_from_file_location("protocols", folder / "protocols.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def main():
    """Run one part and write its figures on request."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("part", choices=PARTS)
    parser.add_argument("--bench", type=Path, required=True, help="folder with protocols.py")
    parser.add_argument("--protocols", nargs="*", choices=PROTOCOLS, default=PROTOCOLS[:2])
    parser.add_argument("--only", nargs="*", help="some of the detectors")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--jobs", type=int, default=1, help="processes of the parts adbench and alarms")
    parser.add_argument("--json", type=Path, help="where to write the figures")
    arguments = parser.parse_args()
    warnings.simplefilter("ignore")
    records = PARTS[arguments.part](arguments, load_protocols(arguments.bench))
    if arguments.json:
        write(arguments.json, ("pyod",), **{arguments.part: records})


if __name__ == "__main__":
    main()
