"""A detector of a stream: going on with every batch beside fitting once and beside fitting anew, on NSL-KDD.

``python benchmarks/streams.py --data FOLDER`` reads the connections of the training file and then those of the test
file, whose attacks are partly of other kinds. The order of the files is the only order of time there is; within a file
little drifts. Attacks are thinned to 5 % of the rows, as the files have half, which nobody would call outliers. Each
batch is judged before anyone learns from it. Three cases: nothing is known, and all rows are learned; the first batch
is known to be usual (its attacks are taken out) and later ones are learned without the rows that the detector itself
has flagged; attacks of every batch are known once it was judged, and are not learned. Numbers are ``log1p``, levels
one-hot columns by the first batch. Area under the ROC curve and average precision of attacks, shares of usual
connections and of attacks that each flags by its own threshold, and seconds of learning, batch by batch.
"""

import argparse
import itertools
import time
from pathlib import Path

import numpy as np
import pandas as pd
from figures import write
from joblib import Parallel, delayed
from sklearn.compose import make_column_transformer
from sklearn.ensemble import IsolationForest
from sklearn.metrics import average_precision_score, roc_auc_score
from sklearn.preprocessing import FunctionTransformer, OneHotEncoder

from skvae import AutoencoderOutlierDetector

FILES = "nsl_kdd_train20", "nsl_kdd_test"
LEVELS = ["protocol_type", "service", "flag"]
ANSWERS = ["label", "difficulty", "category", "is_attack"]
"""Columns that tell what is to be found."""

SHARE, BATCH, WINDOW = 0.05, 2000, 3
"""Share of attacks, rows of a batch, and batches that are learned anew."""


CONTAMINATION = {"nothing": "auto", "first batch": 0.0, "every batch": 0.0}
"""What is known to be usual, and the ``contamination`` that says so."""


class Once:
    """A detector that learns from the first batch alone."""

    def __init__(self, make):
        self.detector = make()

    def learn(self, batches):
        """Learn from the latest of the batches so far."""
        if len(batches) == 1:
            self.detector.fit(batches[0])


class GoesOn(Once):
    """One that goes on with each batch."""

    def learn(self, batches):
        """Learn from the latest of the batches so far."""
        self.detector.partial_fit(batches[-1])


class Anew(Once):
    """One that is fitted to the latest window of batches each time."""

    def learn(self, batches):
        """Learn from the latest of the batches so far."""
        self.detector.fit(np.concatenate(batches[-WINDOW:]))


def ways(seed, known):
    """Who learns how, by name."""

    def ours():
        return AutoencoderOutlierDetector(contamination=CONTAMINATION[known], random_state=seed)

    def forest():
        return IsolationForest(random_state=seed)

    return {
        "fit once": Once(ours),
        "partial_fit": GoesOn(ours),
        "fit anew": Anew(ours),
        "IsolationForest once": Once(forest),
        "IsolationForest anew": Anew(forest),
    }


def stream(folder, seed):
    """Batches of frames and of labels in the order of the files, and how many of them are of the first file."""
    rng, parts = np.random.RandomState(seed), []
    for name in FILES:
        table = pd.read_csv(folder / "mixed" / f"{name}.csv.gz")
        is_attack = table["is_attack"].to_numpy() == 1
        n_kept = round(SHARE / (1.0 - SHARE) * (~is_attack).sum())
        kept = np.sort(np.r_[np.flatnonzero(~is_attack), rng.choice(np.flatnonzero(is_attack), n_kept, replace=False)])
        parts.append(table.iloc[kept])
    table = pd.concat(parts, ignore_index=True)
    rows, labels = table.drop(columns=ANSWERS), table["is_attack"].to_numpy()
    starts = range(0, len(table) - BATCH + 1, BATCH)
    batches = [(rows[start : start + BATCH], labels[start : start + BATCH]) for start in starts]
    return batches, round(len(parts[0]) / BATCH)


def prepared(batches, first):
    """Batches of numbers, by the levels of the rows that are learned first."""
    numbers = [name for name in first.columns if name not in LEVELS]
    encoder = OneHotEncoder(min_frequency=0.01, handle_unknown="infrequent_if_exist", sparse_output=False)
    columns = make_column_transformer((FunctionTransformer(np.log1p), numbers), (encoder, LEVELS)).fit(first)
    return [columns.transform(rows).astype(float) for rows, _ in batches]


def main(data, seeds, jobs, path):
    """Judge each batch before it is learned, and print means before and after the files change."""
    tasks = itertools.product(range(seeds), CONTAMINATION)
    of_tasks = Parallel(jobs)(delayed(records_of)(data, seed, known) for seed, known in tasks)
    if path:
        write(path, streams=[record for of_task in of_tasks for record in of_task])


def records_of(data, seed, known):
    """What each way says of each batch but the first."""
    batches, border = stream(data, seed)
    (rows, is_attack), labels = batches[0], [of_batch for _, of_batch in batches]
    numbers, records = prepared(batches, rows if known == "nothing" else rows[is_attack == 0]), []
    for name, way in ways(seed, known).items():
        told = {"known": known, "way": name, "seed": seed}
        mine = [
            told | {"batch": batch, "file": FILES[batch >= border]} | record
            for batch, record in enumerate(followed(way, numbers, labels, known), 1)
        ]
        show(mine, f"{seed} {known}: {name}")
        records += mine
    return records


def followed(way, numbers, labels, known):
    """What a way says of each batch but the first, before it learns from it, and seconds of learning before that."""
    learned = [numbers[0] if known == "nothing" else numbers[0][labels[0] == 0]]
    for rows, of_rows in zip(numbers[1:], labels[1:], strict=True):
        start = time.perf_counter()
        way.learn(learned)
        seconds = time.perf_counter() - start
        flagged = way.detector.predict(rows) == -1
        yield judged(way.detector.score_samples(rows), flagged, of_rows) | {"seconds": seconds}
        taken = {"nothing": np.ones(len(rows), dtype=bool), "first batch": ~flagged, "every batch": of_rows == 0}
        learned.append(rows[taken[known]])


def judged(scores, flagged, labels):
    """How well attacks of a batch are told apart, and which shares are flagged, in percent."""
    return {
        "AUROC": 100.0 * roc_auc_score(labels, -scores),
        "AP": 100.0 * average_precision_score(labels, -scores),
        "false alarms": 100.0 * float(flagged[labels == 0].mean()),
        "found": 100.0 * float(flagged[labels == 1].mean()),
    }


def show(records, name):
    """Print means of one way over the batches of each file."""
    print(name)
    for file in FILES:
        mine = [r for r in records if r["file"] == file]
        keys = ("AUROC", "AP", "false alarms", "found", "seconds")
        print(f"  {file:16} " + "  ".join(f"{key} {np.mean([r[key] for r in mine]):.1f}" for key in keys), flush=True)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="folder with mixed/nsl_kdd_train20.csv.gz")
    parser.add_argument("--seeds", type=int, default=2, help="how often, each with other attacks kept")
    parser.add_argument("--jobs", type=int, default=1, help="processes")
    parser.add_argument("--json", type=Path, help="where the figures go")
    arguments = parser.parse_args()
    main(arguments.data, arguments.seeds, arguments.jobs, arguments.json)
