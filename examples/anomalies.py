"""Wrong cells in a data frame: which rows are strange, how surely, and which of their columns is to blame.

Eight cells of scikit-learn's breast cancer table are overwritten. In four of them the decimal point slips by one place;
the other four get a value that is ordinary in its column, but does not fit the rest of its row. The detector has its
defaults and sees the corrupted table alone: it is not told what is wrong, how much of it, nor how a clean table looks.
"""

import argparse

import numpy as np
import pandas as pd
from sklearn.datasets import load_breast_cancer

from skvae import AutoencoderOutlierDetector, ExplanationDisplay


def main(seed=0, plot=None):
    """Corrupt the table, fit on it, and compare what is named with what was planted."""
    X, planted = corrupt(load_breast_cancer(as_frame=True).data, seed)
    print(f"{len(X)} rows, {X.shape[1]} columns, {len(planted)} cells overwritten")
    detector = AutoencoderOutlierDetector(random_state=0).fit(X)
    judged = pd.DataFrame({"label": detector.predict(X), "probability": detector.outlier_probability(X)}, index=X.index)
    strange = judged[judged["label"] == -1].sort_values("probability", ascending=False)

    print("\nThe planted cells, and what the detector says of their rows: label -1 is an outlier")
    wrong = X.loc[planted.index]
    first = detector.explain(wrong, n_columns=1).xs(0, level="rank")
    found = planted.join(judged).assign(named_first=first["column"], expected=first["expected"])
    show(found)
    hit = found["named_first"] == found["column"]
    for kind in ("slip", "swap"):
        mine = found["kind"] == kind
        flagged = (found["label"][mine] == -1).sum()
        print(f"{kind}: {flagged} of {mine.sum()} rows flagged, {hit[mine].sum()} of {mine.sum()} cells named first")

    others = strange.drop(index=planted.index, errors="ignore")
    print(f"\nAlso flagged, as the table came: {len(others)} rows; the strangest, with two columns to look at first")
    if len(others):
        show(detector.explain(X.loc[others.index[:5]], n_columns=2))

    if plot:
        ExplanationDisplay.from_estimator(detector, X.loc[strange.index[:1]]).figure_.savefig(plot, dpi=150)
        print(f"\nRow {strange.index[0]}, the strangest: {plot}")


def corrupt(X, seed, n_cells=8):
    """The table with wrong cells in random places, and a table of them."""
    X, rng, cells = X.copy(), np.random.RandomState(seed), []
    rows = rng.choice(X.index, n_cells, replace=False)
    for i, (row, column) in enumerate(zip(rows, rng.choice(X.columns, n_cells, replace=False), strict=True)):
        truth, values = X.at[row, column], X[column]
        other_end = values.quantile(0.05 if truth > values.median() else 0.95)
        kind, X.at[row, column] = ("slip", 10 * truth) if i < n_cells // 2 else ("swap", other_end)
        cells.append((row, kind, column, truth, X.at[row, column]))
    return X, pd.DataFrame(cells, columns=["row", "kind", "column", "truth", "planted"]).set_index("row")


def show(table):
    """Print a data frame."""
    print(table.to_string(float_format="{:.4g}".format))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=0, help="which cells are overwritten")
    parser.add_argument(
        "--plot", metavar="FILE", help="where to write a picture of the strangest row (needs matplotlib)"
    )
    main(**vars(parser.parse_args()))
