"""Which rule says how many components a code needs: held-out likelihood and what a classifier reads, rule by rule.

Run ``python benchmarks/codes_size.py --data FOLDER --half choose --json results/codes_size.json``; minutes on one core.
Tables are those of ``benchmarks/codes.py``; every rule sees training rows alone, without their labels, and a
``VAETransformer`` is fitted at the size that it says. No size is above MOST, which fits of today take at most:

- ``half``: half of the columns of the table, as ``n_components="auto"``;
- ``parallel``: eigenvalues of the correlations of standardised columns, levels one-hot, above the mean of those of the
  same columns shuffled apart (Horn, 1965);
- ``90 %``, ``95 %``: components that hold so much of the variance of these columns;
- ``active``: active components of a fit of MOST, which costs a fit more;
- ``half or …``: the larger of two.

``score`` is the mean log-likelihood of held-out rows, in nats; ``linear`` what a linear classifier reads
on held-out codes.
"""

import argparse
import json
import time
import warnings
from pathlib import Path

import numpy as np
import pandas as pd
from codes import CHOOSE, CONFIRM, READERS, SHIPPED, held_out, load, standardised
from figures import write
from sklearn.model_selection import StratifiedKFold

from skvae import VAETransformer

MOST = 16
"""Most components of ``n_components="auto"``."""


def eigenvalues(Z):
    """Eigenvalues of the correlations of columns, the largest first."""
    Z = Z[:, Z.std(axis=0) > 0.0]
    return np.linalg.svd((Z - Z.mean(axis=0)) / Z.std(axis=0), compute_uv=False) ** 2 / len(Z)


def parallel(Z, n_shuffles=3):
    """How many eigenvalues lie above those of columns shuffled apart (Horn, Psychometrika 1965)."""
    rng, own = np.random.default_rng(0), eigenvalues(Z)
    by_chance = np.mean([eigenvalues(rng.permuted(Z, axis=0)) for _ in range(n_shuffles)], axis=0)
    above = own > by_chance
    return len(own) if above.all() else int(np.argmin(above))


def holding(share):
    """A rule: the components that hold so much of the variance."""

    def rule(Z):
        own = eigenvalues(Z)
        return int(np.searchsorted(np.cumsum(own) / own.sum(), share) + 1)

    return rule


RULES = {"parallel": parallel, "90 %": holding(0.9), "95 %": holding(0.95)}
"""Rules by the standardised columns; the others know more or less than these."""


def told_of(X, rows, others, y, y_test, size):
    """Figures of a fit of one size, and its active components."""
    start = time.perf_counter()
    vae = VAETransformer(size, random_state=0).fit(rows)
    seconds = time.perf_counter() - start
    Z, Z_test = (np.asarray(vae.transform(part), float) for part in (rows, others))
    linear = held_out(READERS["linear"], Z, y, Z_test, y_test)
    active = int(vae.active_components_.sum())
    return {"score": vae.score(others), "linear": linear, "active": active, "seconds": seconds}


def sizes_by_rule(X, rows):
    """Size by rule, but for ``active``; and seconds of each."""
    Z = standardised(X).fit_transform(rows)
    most = min(MOST, X.shape[1])
    sizes, seconds = {"half": min((X.shape[1] + 1) // 2, MOST)}, {}
    for name, rule in RULES.items():
        start = time.perf_counter()
        sizes[name] = min(max(rule(Z), 1), most)
        seconds[name] = time.perf_counter() - start
    return sizes, seconds


def measured(names, folder, folds, most_rows):
    """A record for each table, fold and rule."""
    records = []
    for name in names:
        X, y = load(name, folder, most_rows)
        splits = StratifiedKFold(folds, shuffle=True, random_state=0).split(np.zeros(len(y)), y)
        for fold, (train, test) in enumerate(splits):
            rows, others = ((X.iloc[part] if hasattr(X, "iloc") else X[part]) for part in (train, test))
            sizes, seconds = sizes_by_rule(X, rows)
            most, found = min(MOST, X.shape[1]), {}
            for size in {most, *sizes.values()}:
                found[size] = told_of(X, rows, others, y[train], y[test], size)
            sizes["active"] = max(found[most]["active"], 1)
            if sizes["active"] not in found:
                found[sizes["active"]] = told_of(X, rows, others, y[train], y[test], sizes["active"])
            sizes["most"] = most
            records += [
                {"table": name, "fold": fold, "rule": rule, "size": size, **found[size], "rule_s": seconds.get(rule)}
                for rule, size in sizes.items()
            ]
        shown = pd.DataFrame([told for told in records if told["table"] == name]).groupby("rule", sort=False)
        shown = shown[["size", "score", "linear"]].mean()
        line = "  ".join(
            f"{rule} {told['size']:.1f} {told['score']:.2f} {told['linear']:.3f}" for rule, told in shown.iterrows()
        )
        print(f"{name:18s} {X.shape[1]:4d}  {line}", flush=True)
    return records


def wider(records):
    """Records of the larger of half of the columns and what another rule says, by table and fold."""
    found = []
    for _, told in pd.DataFrame(records).groupby(["table", "fold"]):
        by_rule = {each["rule"]: each for each in told.to_dict("records")}
        for rule in (*RULES, "active"):
            larger = max(by_rule["half"], by_rule[rule], key=lambda each: each["size"])
            found.append({**larger, "rule": f"half or {rule}"})
    return found


def compared(records):
    """What each rule gains on half of the columns, over tables."""
    records = records + wider(records)
    cells = pd.DataFrame(records).groupby(["rule", "table"])[["size", "score", "linear", "seconds", "rule_s"]].mean()
    for rule in pd.unique(pd.DataFrame(records)["rule"]):
        less = cells.loc[rule] - cells.loc["half"]
        score, linear = less["score"], less["linear"]
        print(
            f"{rule:16s} size {cells.loc[rule]['size'].mean():5.1f}  score median {score.median():+.3f}, better by 0.1 "
            f"nats on {(score > 0.1).sum()}, worse on {(score < -0.1).sum()} of {len(score)}, worst {score.min():+.2f} "
            f"({score.idxmin()}); linear mean {linear.mean():+.4f}, better by 0.005 on {(linear > 0.005).sum()}, worse "
            f"on {(linear < -0.005).sum()}, worst {linear.min():+.3f} ({linear.idxmin()}); fit "
            f"{cells.loc[rule]['seconds'].sum():.0f} s, rule {cells.loc[rule]['rule_s'].max():.2f} s at most"
        )


def main():
    """Measure the tables of one half."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, help="folder with mixed, imputation, adbench and images")
    parser.add_argument("--half", choices=("choose", "confirm"), default="choose")
    parser.add_argument("--names", nargs="*", help="these tables alone")
    parser.add_argument("--folds", type=int, default=2)
    parser.add_argument("--rows", type=int, default=1500, help="rows of a table that take part")
    parser.add_argument("--json", type=Path, help="where to write the figures")
    parser.add_argument("--read", type=Path, help="figures of an earlier run, instead of measuring")
    arguments = parser.parse_args()
    warnings.simplefilter("ignore")
    names = arguments.names or (CHOOSE if arguments.half == "choose" else CONFIRM)
    names = [name for name in names if arguments.data or name in SHIPPED]
    if arguments.read:
        records = json.loads(arguments.read.read_text())["codes_size"]
    else:
        records = measured(names, arguments.data, arguments.folds, arguments.rows)
    compared(records)
    if arguments.json:
        write(arguments.json, codes_size=records)


if __name__ == "__main__":
    main()
