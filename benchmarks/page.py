"""Makes the tables of ``docs/benchmarks.md``, ``docs/scale.md`` and ``README.md`` from ``benchmarks/results``.

``python benchmarks/page.py`` writes what stands between ``<!-- figures: NAME -->`` and ``<!-- end -->`` anew, for every
NAME below; with ``--check`` it only says whether the page is what the figures give. Each file of the folder is what a
benchmark wrote with ``--json``, with the command, the machine and the versions; nobody edits one by hand.
"""

import argparse
import itertools
import json
import math
import re
import statistics
from pathlib import Path

from scipy.stats import t as student_t

ROOT = Path(__file__).resolve().parent.parent
PAGES = (
    ROOT / "README.md",
    ROOT / "docs" / "benchmarks.md",
    ROOT / "docs" / "scale.md",
    ROOT / "docs" / "anomaly-detection.md",
)
RESULTS = ROOT / "benchmarks" / "results"
BLOCK = re.compile(r"(<!-- figures: (\w+) -->\n).*?(<!-- end -->)", re.DOTALL)


def page(text, results):
    """A page with its figures as the files of a folder have them."""

    def block(match):
        return f"{match[1]}\n{BLOCKS[match[2]](read)}\n\n{match[3]}"

    def read(name):
        return json.loads((results / f"{name}.json").read_text())

    return BLOCK.sub(block, text)


def table(head, rows):
    """Rows of cells as a table of Markdown."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(str(cell) for cell in line) + " |" for line in lines)


def told(*files):
    """Where figures come from: commands, machine, versions."""
    machine, versions = files[0]["machine"], files[0]["versions"]
    commands = ", ".join(f"`{file['command']}`" for file in files)
    used = ", ".join(f"{name} {number}" for name, number in versions.items() if number)
    where = (
        machine["gpu"]
        or f"{machine['processor']}, {machine['capability']}, {machine['threads']} of {machine['cores']} cores"
    )
    return f"{commands}; {where}; Python {machine['python']}, {used}."


def number(value):
    """A figure with as many digits as a reader needs."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if value is None or isinstance(value, str):
        return "" if value is None else value
    if abs(value) >= 1000:
        return f"{value:,.0f}"
    return f"{value:.{1 if abs(value) >= 10 else 2 if abs(value) >= 1 else 3}f}"


def compared(file):
    """Rows of what was measured beside its rival."""
    rows = [[r["what"], number(r["ours"]), r["rival"], number(r["theirs"]), number(r["reached"])] for r in file]
    return table(["what", "skvae", "rival", "theirs", "at least as good"], rows)


def foundation(read):
    """Linear models as oracles, and digits."""
    file = read("foundation")
    return f"{compared(file['figures'])}\n\n{told(file)}"


PEERS = "FactorAnalysis", "PCA", "GaussianMixture", "KernelDensity"


def density(read):
    """Held-out likelihood of tables beside the best of four peers."""
    file = read("density")
    records, rows = file["tables"], []
    for r in records:
        best = max(PEERS, key=r.get)
        told_apart = [f"{r['AUC GaussianMixture']:.2f}", f"{r['AUC skvae']:.2f}"]
        shape = f"{r['rows']:,} x {r['columns']}"
        rows.append(
            [r["table"], shape, f"{r['FactorAnalysis']:.2f}", f"{best} {r[best]:.2f}", f"{r['skvae']:.2f}", *told_apart]
        )
    above = above_peers(records, PEERS[:1]), above_peers(records, PEERS)
    apart = [statistics.mean(r[f"AUC {who}"] for r in records) for who in ("skvae", "GaussianMixture")]
    head = [
        "table",
        "rows x columns",
        "FactorAnalysis",
        "best peer",
        "`VAETransformer()`",
        "told apart: GaussianMixture",
        "ours",
    ]
    said = (
        f"Above FactorAnalysis on {above[0]} of {len(records)} tables, above the best of the four on {above[1]}. "
        f"In the mean the classifier tells its draws apart at {apart[0]:.2f}, GaussianMixture's at {apart[1]:.2f}."
    )
    return f"{table(head, rows)}\n\n{said}\n\n{told(file)}"


def above_peers(records, peers):
    """Tables on which the held-out likelihood is above that of each peer."""
    return sum(r["skvae"] > max(r[peer] for peer in peers) for r in records)


DETECTORS = {
    "skvae": "`AutoencoderOutlierDetector()`",
    "skvae, 0.0": "`AutoencoderOutlierDetector(contamination=0.0)`",
    "kNN": "distance to the 5th nearest neighbour",
    "GaussianMixture": "`GaussianMixture(5)`",
    "LOF": "`LocalOutlierFactor(novelty=True)`",
    "IsolationForest": "`IsolationForest()`",
    "PCA": "likelihood of `PCA(0.9)`",
}

PROTOCOLS = {
    "clean-semi": "clean",
    "clean-unsup": "contaminated",
    "dte-semi": "published, clean",
    "dte-unsup": "published, contaminated",
}


def anomaly(read):
    """Means over the sets of ADBench by four protocols."""
    files = [read(name) for name in ("anomaly", "anomaly_published", "anomaly_pyod")]
    records = [record for file in files for record in file["adbench"]]
    rows = []
    for detector in dict.fromkeys(r["detector"] for r in records):
        mine = [r for r in records if r["detector"] == detector]
        there = {r["protocol"] for r in mine}
        means = [" / ".join(areas(mine, protocol)) if protocol in there else "" for protocol in PROTOCOLS]
        seconds = statistics.median(r["seconds"] for r in mine if r["protocol"] == "clean-semi")
        rows.append([DETECTORS.get(detector, detector), len({r["seed"] for r in mine}), *means, f"{seconds:.1f}"])
    return f"{table(['', 'seeds', *PROTOCOLS.values(), 'seconds'], rows)}\n\n{told(*files)}"


OUR_SETTINGS = {"skvae": "default", "skvae, 0.0": "`contamination=0.0`"}
"""Our detectors by what is set, where a table has no room for more."""


def differences(read):
    """Which differences between detectors hold: means over sets of what ours is ahead, with 95 % intervals."""
    records = [record for name in ("anomaly", "anomaly_published") for record in read(name)["adbench"]]
    rows = []
    for protocol, ours in zip(PROTOCOLS, ("skvae, 0.0", "skvae") * 2, strict=True):
        of_protocol = [r for r in records if r["protocol"] == protocol]
        for line in paired(of_protocol):
            if line["one"] == ours:
                cells = [f"{line[key]:+.1f} ± {line[f'{key} half']:.1f}" for key in ("AUROC", "AP")]
                held = [
                    cell if abs(line[key]) < line[f"{key} half"] else f"**{cell}**"
                    for cell, key in zip(cells, ("AUROC", "AP"), strict=True)
                ]
                names = [OUR_SETTINGS.get(name, DETECTORS[name]) for name in (ours, line["other"])]
                rows.append([PROTOCOLS[protocol], *names, *held, line["AUROC ahead"]])
    head = ["", "ours", "less", "area", "average precision", "sets ahead by area, of 23"]
    return table(head, rows)


def paired(records):
    """Differences set by set of ours and each other detector: means and 95 % intervals over sets, by Student's t.

    Seeds are averaged first: what differs between sets is what another set would differ by.
    """
    names, lines = list(dict.fromkeys(r["detector"] for r in records)), []
    for one, other in itertools.permutations(names, 2):
        if not one.startswith("skvae"):
            continue
        line = {"one": one, "other": other}
        for key in ("AUROC", "AP"):
            mean = {
                name: [
                    statistics.mean(r[key] for r in records if (r["detector"], r["set"]) == (name, of_set))
                    for of_set in sorted({r["set"] for r in records})
                ]
                for name in (one, other)
            }
            apart = [a - b for a, b in zip(mean[one], mean[other], strict=True)]
            half = student_t.ppf(0.975, len(apart) - 1) * statistics.stdev(apart) / math.sqrt(len(apart))
            line |= {key: statistics.mean(apart), f"{key} half": float(half), f"{key} ahead": sum(a > 0 for a in apart)}
        lines.append(line)
    return lines


def areas(records, protocol):
    """Means of the area under the ROC curve and of average precision in percent."""
    return [f"{statistics.mean(r[key] for r in records if r['protocol'] == protocol):.1f}" for key in ("AUROC", "AP")]


def alarms(read):
    """False alarms among new usual rows, by kind of threshold."""
    file, rows = read("alarms"), []
    for contamination in dict.fromkeys(r["contamination"] for r in file["alarms"]):
        mine = [r for r in file["alarms"] if r["contamination"] == contamination]
        rates = [r["rate"] for r in mine]
        within = sum(r["rate"] <= r["most"] for r in mine)
        shown = [
            f"{rate:.1%}" for rate in (mine[0]["promise"], statistics.mean(rates), statistics.median(rates), max(rates))
        ]
        rows.append([f"`contamination={contamination!r}`", *shown, f"{within} of {len(mine)}"])
    head = ["", "promised", "mean of 23 sets", "median", "most", "within three binomial deviations of the promise"]
    return f"{table(head, rows)}\n\n{told(file)}"


WAYS = {
    "fit once": "fitted to the first batch",
    "partial_fit": "`partial_fit` of each batch",
    "fit anew": "fitted anew to the latest three",
    "IsolationForest once": "`IsolationForest`, the first batch",
    "IsolationForest anew": "`IsolationForest`, anew",
}


def streams(read):
    """Batches of a stream that are judged before they are learned: means of each file, by what is known of rows."""
    file = read("streams")
    records, rows = file["streams"], []
    groups = dict.fromkeys((r["known"], r["way"]) for r in records)
    for known, way in groups:
        mine = [r for r in records if (r["known"], r["way"]) == (known, way)]
        cells = []
        for name in dict.fromkeys(r["file"] for r in mine):
            mean = {
                key: statistics.mean(r[key] for r in mine if r["file"] == name)
                for key in ("AUROC", "AP", "false alarms", "found")
            }
            cells.append(f"{mean['AUROC']:.1f} / {mean['AP']:.1f}")
            cells.append(f"{mean['false alarms']:.1f} / {mean['found']:.1f}")
        learned = [r["seconds"] for r in mine if "once" not in way or r["batch"] == 1]
        rows.append([known, WAYS[way], *cells, f"{statistics.median(learned):.1f}"])
    head = ["known to be usual", "learned", "first file: area / precision", "flagged: usual / attacks"]
    head += ["second file: area / precision", "flagged: usual / attacks", "seconds a batch"]
    return f"{table(head, rows)}\n\n{told(file)}"


def planted(read):
    """How often a planted cell is among the first reasons."""
    file = read("planted")
    groups, rows = {(r["who"], r["cells"]): [] for r in file["planted"]}, []
    for r in file["planted"]:
        groups[r["who"], r["cells"]].append((r["first"], r["among_three"]))
    for (who, n_cells), pairs in groups.items():
        rows.append([who, n_cells, *(f"{statistics.mean(shares):.1%}" for shares in zip(*pairs, strict=True))])
    head = ["reasons by", "cells moved", "one of them is the first reason", "all are among the first three"]
    return f"{table(head, rows)}\n\n{told(file)}"


def strange_cells(read):
    """Shares of planted errors that are listed, by kind, as means over the tables of a half."""
    files, rows = [read(f"strange_cells_{part}") for part in ("check", "choice", "peers")], []
    records = [r for file in files for r in file["strange_cells"]]
    kinds = list(dict.fromkeys(kind for r in records for kind in r["found"]))
    for half, where, method in dict.fromkeys((r["half"], r["rows"], r["method"]) for r in records):
        mine = [r for r in records if (r["half"], r["rows"], r["method"]) == (half, where, method)]
        shares = [statistics.mean(r["found"][kind] for r in mine if kind in r["found"]) for kind in kinds]
        means = [f"{statistics.mean(r[key] for r in mine):.{digits}%}" for key, digits in (("mean", 1), ("false", 2))]
        seconds = f"{statistics.median(r['seconds'] for r in mine):.0f}"
        rows.append([half, where, method, *(f"{share:.0%}" for share in shares), *means, seconds])
    head = ["tables", "rows", "listed by", *kinds, "mean", "false", "seconds, median"]
    return "\n\n".join([table(head, sorted(rows, key=lambda row: row[:2])), *map(told, files)])


def fills(read):
    """Squared errors of fills, a line a table and imputer."""
    file = read("impute")
    rows = [[r["table"], r["who"], f"{r['MSE']:.3f}", f"{r['seconds']:.1f}"] for r in file["impute"]]
    return f"{table(['table', 'who', 'squared error', 'seconds'], rows)}\n\n{told(file)}"


def codes(read):
    """Differences of codes to PCA's, reader by reader."""
    file, rows = read("codes"), []
    for name, s in file["summary"].items():
        low, high = s["interval"]
        worst = f"{s['worst']:+.3f} ({', '.join(map(str, s['worst_at']))})"
        rows.append([name, f"{s['mean']:+.3f} [{low:+.3f}, {high:+.3f}]", f"{s['at_least_level']:.0%}", worst])
    rows = [row for row in rows if "- PCA," in row[0]]
    head = ["difference, reader", "mean and interval of 95 %", "pairs no more than 0.005 below", "worst pair"]
    return f"{table(head, rows)}\n\n{told(file)}"


def speed(read):
    """Seconds and rows beside peers and beside the machine."""
    file = read("speed")
    head = ["what", "skvae", "beside it", "theirs", "ratio", "bar", "reached", "share of the limit"]
    keys = "what", "ours", "peer", "theirs", "ratio", "bar", "reached", "share"
    rows = [[number(r.get(key)) for key in keys] for r in file["figures"]]
    return f"{table(head, rows)}\n\n{told(file)}"


def scale(read):
    """Fits from files beside those in memory, and of one process beside those of two."""
    rows, said = [], []
    for name in ("scale_numbers", "scale_mixed"):
        file = read(name)
        for r in file["scale"]:
            shapes = f"{r['shapes']:.1f} %" if "shapes" in r else ""
            cells = f"{r['rows']:,}", r["way"], f"{r['megabytes']:.0f} MB", f"{r['seconds']:.0f}"
            rows.append([r["what"], *cells, f"{r['score of validation rows']:.2f}", shapes])
        said.append(told(file))
    head = [
        "table",
        "rows",
        "how",
        "memory above that before",
        "seconds of a fit",
        "validation score, nats",
        "shapes of draws",
    ]
    ranks = read("scale_ranks")
    (r,) = ranks["scale"]
    of_ranks = (
        f"Training 784-512-256-32 at a batch of 512: {r['one process']:,.0f} rows a second in one process, "
        f"{r['two processes']:,.0f} in two of one thread each, {r['ratio']:.2f} times as many (asked for: {r['bar']})."
    )
    return "\n\n".join([table(head, rows), *said, of_ranks, told(ranks)])


def five(read):
    """The figures that decide, which README keeps."""
    linear, tables_ = read("codes")["summary"]["AutoencoderTransformer - PCA, linear"], read("density")["tables"]
    detectors = read("anomaly")["adbench"]
    roc = {
        who: " / ".join(
            areas([r for r in detectors if r["detector"] == name], p)[0]
            for p, name in zip(("clean-unsup", "clean-semi"), names, strict=True)
        )
        for who, *names in (
            ("skvae", "skvae", "skvae, 0.0"),
            ("IsolationForest", "IsolationForest", "IsolationForest"),
            ("kNN", "kNN", "kNN"),
        )
    }
    errors = {r["who"]: r["MSE"] for r in read("impute")["impute"] if r["table"] == "breast_cancer"}
    rates = {r["peer"]: r for r in read("speed")["figures"] if r["what"] == "training, batch 256, rows/s"}
    low, high = linear["interval"]
    ours = next(iter(rates.values()))["ours"]
    theirs = ", ".join(f"{peer} {r['theirs']:,.0f}" for peer, r in rates.items() if peer in ("MLPRegressor", "skorch"))
    rows = [
        [
            "a linear classifier on codes less the same on PCA's",
            f"{linear['mean']:+.3f} (`AutoencoderTransformer`)",
            f"interval {low:+.3f} to {high:+.3f}",
        ],
        [
            f"held-out log-likelihood, {len(tables_)} tables",
            f"above all on {above_peers(tables_, PEERS)}",
            "the best of " + ", ".join(PEERS),
        ],
        [
            "anomalies, 23 sets, outliers among the training rows / none: area under the curve",
            f"{roc['skvae']} (`contamination=0.0`)",
            f"IsolationForest {roc['IsolationForest']}, 5th nearest neighbour {roc['kNN']}",
        ],
        [
            "half of the cells hidden, scikit-learn's breast cancer table: squared error",
            f"{errors['skvae']:.2f}",
            f"IterativeImputer {errors['IterativeImputer']:.2f}",
        ],
        ["training 30-64-32-8, batch 256, rows a second", f"{ours:,.0f}", theirs],
    ]
    return table(["what", "skvae", "beside it"], rows)


PARTS = (
    foundation,
    density,
    anomaly,
    differences,
    alarms,
    streams,
    planted,
    strange_cells,
    fills,
    codes,
    speed,
    scale,
    five,
)

BLOCKS = {each.__name__: each for each in PARTS}
"""What a NAME of the page is made by; ``read`` gives the figures of a file by its name."""


def main():
    """Write the pages, or say whether it is what the figures give."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true", help="change nothing; exit with 1 where a page is another")
    arguments = parser.parse_args()
    for path in PAGES:
        text = path.read_text()
        made = page(text, RESULTS)
        if arguments.check and made != text:
            parser.exit(1, f"{path.name} is not what its figures give; run python benchmarks/page.py.\n")
        path.write_text(made)


if __name__ == "__main__":
    main()
