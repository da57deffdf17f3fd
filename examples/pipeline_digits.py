"""Codes as features: a classifier on ten codes of a VAE, and the same classifier on ten principal components.

The transformer is refitted inside each fold, without the labels; the held-out rows take no part in it.
"""

import argparse

import pandas as pd
from sklearn.datasets import load_digits
from sklearn.decomposition import PCA
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedKFold, cross_validate
from sklearn.pipeline import Pipeline

from skvae import VAETransformer


def main(n_components=10, max_iter=200, n_splits=5, plot=None):
    """Cross-validate the two pipelines on the same folds."""
    X, y = load_digits(return_X_y=True)
    print(f"{len(X)} digits of {X.shape[1]} pixels, {n_components} features each, {n_splits} folds\n")
    folds = StratifiedKFold(n_splits, shuffle=True, random_state=0)
    transformers = {
        # Pixels are recognised: they share one unit, and so one noise scale, as in the probabilistic model of PCA
        "vae": VAETransformer(n_components, max_iter=max_iter, random_state=0),
        "pca": PCA(n_components, random_state=0),
    }
    results = {}
    for name, transformer in transformers.items():
        pipeline = Pipeline([(name, transformer), ("clf", LogisticRegression(max_iter=5000))])
        results[type(transformer).__name__] = cross_validate(pipeline, X, y, cv=folds)

    accuracy = pd.DataFrame({name: result["test_score"] for name, result in results.items()}).T
    table = pd.DataFrame({"accuracy": accuracy.mean(axis=1), "std": accuracy.std(axis=1)})
    table["seconds a fit"] = [result["fit_time"].mean() for result in results.values()]
    print(table.to_string(float_format="{:.3f}".format))
    wins = int((accuracy.loc["VAETransformer"] > accuracy.loc["PCA"]).sum())
    print(f"\nThe codes of the VAE are the better features in {wins} of {n_splits} folds.")
    if plot:
        picture(accuracy, n_components, plot)


def picture(accuracy, n_components, path):
    """Draw the accuracy of each fold, those of one fold joined."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(6.4, 4.2), layout="constrained")
    axes = figure.subplots()
    for _, fold in accuracy.items():
        axes.plot(range(len(fold)), fold, color="0.75", zorder=1)
    for place, (name, folds) in enumerate(accuracy.iterrows()):
        axes.scatter([place] * len(folds), folds, s=50, color=f"C{place}", zorder=2)
        beside = {"xytext": (14, 0), "textcoords": "offset points", "va": "center"}
        behind = {"facecolor": "white", "edgecolor": "none", "pad": 1.0}
        axes.annotate(f"mean {folds.mean():.3f}", (place, folds.mean()), **beside, bbox=behind)
        axes.scatter(place, folds.mean(), marker="_", s=600, color=f"C{place}", label=name)
    axes.set(xticks=range(len(accuracy)), xticklabels=accuracy.index, xlim=(-0.5, len(accuracy) - 0.5))
    axes.set(ylabel="accuracy of a held-out fold")
    axes.set_title(f"A linear classifier of digits on {n_components} features")
    axes.spines[["top", "right"]].set_visible(False)
    figure.savefig(path, dpi=100)
    print(f"Picture: {path}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--n-components", type=int, default=10, help="features of a digit")
    parser.add_argument("--max-iter", type=int, default=200, help="most passes over the data")
    parser.add_argument("--n-splits", type=int, default=5, help="folds")
    parser.add_argument("--plot", metavar="FILE", help="where to write a picture of the folds (needs matplotlib)")
    main(**vars(parser.parse_args()))
