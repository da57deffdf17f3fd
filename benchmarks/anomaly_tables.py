"""The detector's defaults on two real tables: every number and the picture of ``docs/anomaly-detection.md``.

``python benchmarks/anomaly_tables.py --data FOLDER`` needs ``mixed/sick.csv.gz`` (thyroid patients), and of NSL-KDD
(network connections) ``mixed/nsl_kdd_train20.csv.gz`` and ``mixed/nsl_kdd_test.csv.gz``; about a minute on one
core. With ``--plot FILE`` it draws the patient whose age is 455.
"""

import argparse
from pathlib import Path

import numpy as np
import pandas as pd
from sklearn.compose import make_column_transformer
from sklearn.ensemble import IsolationForest
from sklearn.impute import SimpleImputer
from sklearn.metrics import roc_auc_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, OneHotEncoder

from skvae import AutoencoderOutlierDetector, ExplanationDisplay

LABS = ["TSH", "T3", "TT4", "T4U", "FTI"]
N_TRAIN = {"sick": 2800, "nsl_kdd": 10_000}
"""The first rows of each file train; of NSL-KDD, of its normal rows."""

CHUNK = 5000
LEVELS = ["protocol_type", "service", "flag"]
NO_FEATURES = ["label", "difficulty", "category", "is_attack"]
"""Columns of NSL-KDD that say what is to be found."""


def log_names(transformer, names):
    return [f"log10 {name}" for name in names]


LOG10 = FunctionTransformer(np.log10, feature_names_out=log_names)
LOG1P = FunctionTransformer(np.log1p, feature_names_out="one-to-one")
ONE_HOT = OneHotEncoder(drop="if_binary", sparse_output=False, handle_unknown="ignore")
COMMON = OneHotEncoder(sparse_output=False, min_frequency=0.01, handle_unknown="infrequent_if_exist")


def pipeline(*columns):
    """Columns prepared, holes filled by medians, and a default detector."""
    prepare = make_column_transformer(*columns, verbose_feature_names_out=False)
    return make_pipeline(prepare, AutoencoderOutlierDetector(random_state=0)).set_output(transform="pandas")


def numbers_of_sick(log):
    """Age and laboratory values, the latter as logarithms or as they are."""
    fill = SimpleImputer(strategy="median")
    return [(fill, ["age"]), (make_pipeline(LOG10, fill) if log else fill, LABS)]


def sick(arguments):
    """Labels, probabilities and reasons of new patients, then what the choice of columns and rows changes."""
    table = pd.read_csv(arguments.data / "mixed" / "sick.csv.gz").drop(columns=["TBG", "TBG measured"])
    train, new = table[: N_TRAIN["sick"]], table[N_TRAIN["sick"] :]
    model = pipeline(*numbers_of_sick(log=True)).fit(train)
    detector, rows = model[-1], model[:-1].transform(new)
    verdict = pd.DataFrame(
        {"label": detector.predict(rows), "probability": detector.outlier_probability(rows)}, index=new.index
    )
    strangest = verdict.nlargest(3, "probability").index
    print(f"{(verdict['label'] == -1).sum()} of {len(new)} flagged\n{verdict.loc[strangest].round(3)}\n")
    reasons = detector.explain(rows.loc[strangest])
    reasons["measured"] = [new.at[row, name.removeprefix("log10 ")] for (row, _), name in reasons["column"].items()]
    print(reasons.drop(columns="note").round(2).to_string(), "\n")
    reasons = detector.explain(rows[verdict["label"] == -1])
    filled = [pd.isna(new.at[row, name.removeprefix("log10 ")]) for (row, _), name in reasons["column"].items()]
    named = pd.Series(filled, index=reasons.index).groupby(level=0).any()
    print(f"{named.sum()} of {len(named)} flagged have a filled hole among their reasons: {list(named[named].index)}")
    print(reasons[filled].drop(columns="note").round(2).to_string(), "\n")
    oldest = model[:-1].transform(train.loc[[1364]])
    younger = oldest.assign(age=oldest["age"] / 10)
    for patient in (oldest, younger):
        print(detector.explain(patient, n_columns=6).round(2).to_string(), "\n")
    if arguments.plot:
        ExplanationDisplay.from_estimator(detector, oldest).figure_.savefig(arguments.plot, dpi=80)
    compare(train, new)


def compare(train, new):
    """What the choice of columns and of training rows changes."""
    levels = [column for column in train.columns if column not in ("age", *LABS, "Class")]
    kinds = {
        "numbers as they are": numbers_of_sick(log=False),
        "age and logarithms": numbers_of_sick(log=True),
        f"the same and {len(levels)} level columns": [*numbers_of_sick(log=True), (ONE_HOT, levels)],
    }
    print("columns | trained on | area under the curve | IsolationForest's | flagged: negative | sick")
    for kind, columns in kinds.items():
        for rows, part in {"all rows": train, "negative rows": train[train["Class"] == "negative"]}.items():
            print(f"{kind} | {rows} | {judged(pipeline(*columns), part, new, new['Class'] == 'sick')}", flush=True)


def judged(detector, train, new, strange):
    """Areas under the curve, and which shares are flagged."""
    detector.fit(train)
    forest = make_pipeline(*(step for _, step in detector.steps[:-1]), IsolationForest(random_state=0)).fit(train)
    areas = [roc_auc_score(strange, -model.score_samples(new)) for model in (detector, forest)]
    flagged = detector.predict(new) == -1
    shares = f"{flagged[~strange].mean():.1%} | {flagged[strange].mean():.1%}"
    return " | ".join(f"{area:.2f}" for area in areas) + f" | {shares}"


def nsl_kdd(arguments):
    """A detector of normal connections, and a new file scored in chunks."""
    table = pd.read_csv(arguments.data / "mixed" / "nsl_kdd_train20.csv.gz")
    usual = table[table["is_attack"] == 0].drop(columns=NO_FEATURES)
    train, held_out = usual[: N_TRAIN["nsl_kdd"]], usual[N_TRAIN["nsl_kdd"] :]
    numbers = train.columns.drop(LEVELS)
    detector = pipeline((LOG1P, numbers), (COMMON, LEVELS)).fit(train)
    scores, n_columns = detector.score_samples(held_out), detector[-1].n_features_in_
    false_alarms = (scores < detector[-1].offset_).mean()
    print(
        f"\n{len(train)} connections, {n_columns} columns; {false_alarms:.1%} of {len(held_out)} held-out ones flagged"
    )

    file = arguments.data / "mixed" / "nsl_kdd_test.csv.gz"
    parts = [detector.score_samples(part) for part in pd.read_csv(file, chunksize=CHUNK)]
    chunked, whole = np.concatenate(parts), pd.read_csv(file)
    print(
        f"{len(parts)} chunks, the same bits as in one piece: {np.array_equal(chunked, detector.score_samples(whole))}"
    )
    attack = whole["is_attack"] == 1
    print(f"area under the curve {roc_auc_score(attack, -chunked):.2f}")
    for name, offset in {"auto": detector[-1].offset_, "1 % of held-out rows": np.quantile(scores, 0.01)}.items():
        flagged = chunked < offset
        print(f"{name}: flagged {flagged[~attack].mean():.1%} of normal and {flagged[attack].mean():.1%} of attacks")


def main():
    """Run both tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="folder with mixed/*.csv.gz")
    parser.add_argument("--plot", type=Path, help="where to draw one patient")
    arguments = parser.parse_args()
    sick(arguments)
    nsl_kdd(arguments)


if __name__ == "__main__":
    main()
