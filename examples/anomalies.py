"""Wrong cells in a data frame: which rows are strange, and which of their columns is to blame.

Eight cells of scikit-learn's breast cancer table are overwritten. In four of them the decimal point slips by one place;
the other four get a value that is ordinary in its column, but does not fit the rest of its row. The detector sees the
corrupted table alone: it is not told what is wrong, nor how a clean table looks.
"""

import argparse

import numpy as np
import pandas as pd
from sklearn.datasets import load_breast_cancer

from skvae import AutoencoderOutlierDetector, VAETransformer


def main(max_iter=200, contamination=0.02, seed=0):
    """Corrupt the table, fit on it, and compare what is named with what was planted."""
    X, planted = corrupt(load_breast_cancer(as_frame=True).data, seed)
    print(f"{len(X)} rows, {X.shape[1]} columns, {len(planted)} cells overwritten")
    vae = VAETransformer(network="mlp", likelihood="gaussian", max_iter=max_iter)
    detector = AutoencoderOutlierDetector(vae, contamination=contamination, random_state=0).fit(X)
    labels = pd.Series(detector.predict(X), index=X.index)

    wrong = X.loc[planted.index]
    first = detector.explain(wrong, n_columns=1).xs(0, level="rank")
    found = planted.assign(
        label=labels, score=detector.score_samples(wrong), named_first=first["column"], expected=first["expected"]
    )
    print(f"\nThe planted cells; a row with a score below {detector.offset_:.1f} is an outlier, label -1")
    show(found)
    hit = found["named_first"] == found["column"]
    for kind in ("slip", "swap"):
        mine = found["kind"] == kind
        flagged = (found["label"][mine] == -1).sum()
        print(f"{kind}: {flagged} of {mine.sum()} rows flagged, {hit[mine].sum()} of {mine.sum()} cells named first")

    others = X[labels == -1].drop(index=planted.index, errors="ignore")
    print(f"\nAlso flagged, as the table came: {len(others)} rows, with the two columns to look at first")
    if len(others):
        show(detector.explain(others, n_columns=2))


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
    parser.add_argument("--max-iter", type=int, default=200, help="most passes over the data")
    parser.add_argument("--contamination", type=float, default=0.02, help="share of the rows to flag")
    parser.add_argument("--seed", type=int, default=0, help="which cells are overwritten")
    main(**vars(parser.parse_args()))
