"""A data frame as it comes, with texts and holes: what its cells most likely were, and new rows like it.

Of scikit-learn's wine table, with the cultivar as a text, a fifth of the cells are taken out. A VAETransformer learns
from the rest, without any encoder or imputer before it, fills the holes and draws new wines, of all cultivars and of
one.
"""

import argparse

import numpy as np
import pandas as pd
from sklearn.datasets import load_wine

from skvae import VAETransformer


def main(max_iter=200, seed=0, plot=None):
    """Take cells out, fit, fill and draw."""
    whole = wines()
    frame, holes = with_holes(whole, share=0.2, seed=seed)
    print(f"{len(frame)} rows, {frame.shape[1]} columns, {holes.to_numpy().sum()} cells taken out")
    vae = VAETransformer(max_iter=max_iter, random_state=seed).fit(frame)
    print("\nHow each column is modelled")
    print(vae.column_likelihoods_.to_string())

    filled = vae.impute(frame)
    print("\nOne row: as it was, with holes, and filled")
    print(pd.DataFrame({"was": whole.iloc[2], "holes": frame.iloc[2], "filled": filled.iloc[2]}).to_string())
    numbers = whole.columns.drop("cultivar")
    print("\nMean squared error of the filled cells in standard deviations, and wrong cultivars")
    for name, guess in {"skvae": filled, "means and most frequent": by_column(frame)}.items():
        error = ((guess[numbers] - whole[numbers]) / whole[numbers].std())[holes[numbers]]
        wrong = (guess["cultivar"] != whole["cultivar"])[holes["cultivar"]].mean()
        print(f"{name:24} {np.nanmean(error**2):.2f} {wrong:.2f}")

    print("\nNew wines, and new wines of one cultivar")
    shown = ["cultivar", "alcohol", "flavanoids", "proline"]
    print(vae.sample(3, random_state=seed, with_missing=False)[shown].to_string(float_format="{:.2f}".format))
    barbera = vae.sample(500, random_state=seed, given={"cultivar": "barbera"}, with_missing=False)
    print(barbera.head(3)[shown].to_string(float_format="{:.2f}".format))
    means = [table.loc[table["cultivar"] == "barbera", "flavanoids"].mean() for table in (whole, barbera)]
    print(f"\nMean flavanoids of barbera wines: {means[0]:.2f}, of drawn ones {means[1]:.2f}")
    if plot:
        picture(whole, filled, holes, vae.sample(len(whole), random_state=seed, with_missing=False), plot)


def picture(whole, filled, holes, drawn, path):
    """Draw what was filled in beside what had been there, and new wines beside those of the table."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(9, 4.2), layout="constrained")
    (left, right), numbers = figure.subplots(1, 2), whole.columns.drop("cultivar")
    was, now = (((table[numbers] - whole[numbers].mean()) / whole[numbers].std()) for table in (whole, filled))
    hidden = holes[numbers].to_numpy()
    left.scatter(was.to_numpy()[hidden], now.to_numpy()[hidden], s=12, alpha=0.6, linewidth=0)
    left.axline((0, 0), slope=1, color="0.5", linewidth=1)
    left.set(xlabel="cell that was taken out", ylabel="cell that was filled in")
    left.set_title("Filled cells, in standard deviations")
    for place, (cultivar, marker) in enumerate(zip(whole["cultivar"].unique(), "os^", strict=True)):
        for table, filling in ((whole, f"C{place}"), (drawn, "none")):
            mine = table[table["cultivar"] == cultivar]
            style = {"marker": marker, "facecolor": filling, "edgecolor": f"C{place}", "linewidth": 0.8}
            right.scatter(mine["flavanoids"], mine["proline"], s=16, **style)
        right.scatter([], [], color=f"C{place}", marker=marker, label=cultivar)
    right.set(xlabel="flavanoids", ylabel="proline")
    right.set_title("Wines (filled) and drawn wines (hollow)")
    right.legend(fontsize="small")
    for axes in (left, right):
        axes.spines[["top", "right"]].set_visible(False)
    figure.savefig(path, dpi=100)
    print(f"Picture: {path}")


def wines():
    """The wine table with its cultivar as a text."""
    data = load_wine(as_frame=True)
    names = np.array(["barolo", "grignolino", "barbera"])
    return data.data.assign(cultivar=names[data.target])


def with_holes(frame, share, seed):
    """The frame without a random share of its cells, and which these are."""
    holes = pd.DataFrame(np.random.RandomState(seed).rand(*frame.shape) < share, frame.index, frame.columns)
    return frame.mask(holes), holes


def by_column(frame):
    """Holes filled with the mean of their column, or its most frequent text."""
    return frame.fillna(
        {name: cells.mode()[0] if name == "cultivar" else cells.mean() for name, cells in frame.items()}
    )


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--max-iter", type=int, default=200)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--plot", metavar="FILE", help="where to write a picture of both (needs matplotlib)")
    main(**vars(parser.parse_args()))
