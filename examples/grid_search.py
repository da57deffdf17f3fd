"""How many components? GridSearchCV asks the held-out likelihood, without labels.

``score`` is a log-likelihood in the units of the data: a search maximises it as it stands, and the curve of another
density model, here factor analysis, can be laid beside it. Beyond the size of the data the curve is level, so the
search takes the ``fewest_components`` that no larger number beats by enough.
"""

import argparse

import numpy as np
import pandas as pd
from sklearn.datasets import load_diabetes
from sklearn.decomposition import FactorAnalysis
from sklearn.model_selection import GridSearchCV, KFold

from skvae import VAETransformer
from skvae.model_selection import fewest_components


def main(sizes=(1, 2, 3, 4, 5, 6), max_iter=200, n_splits=3, plot=None):
    """Search the same sizes on the same folds with both models."""
    X = load_diabetes(as_frame=True, scaled=False).data.drop(columns="sex")  # two values have no density
    print(f"{len(X)} patients, {X.shape[1]} columns; mean log-likelihood of a held-out row in nats, {n_splits} folds\n")
    folds = KFold(n_splits, shuffle=True, random_state=0)
    search = {"param_grid": {"n_components": list(sizes)}, "cv": folds}

    vae = VAETransformer(max_iter=max_iter, random_state=0)
    vae = GridSearchCV(vae, **search, refit=fewest_components).fit(X)

    scale = X.std()  # factor analysis converges slowly in raw units; log(scale) puts its scores back into them
    linear = GridSearchCV(FactorAnalysis(max_iter=5000), **search).fit(X / scale)

    table = pd.DataFrame({"n_components": sizes})
    table["VAETransformer"] = vae.cv_results_["mean_test_score"]
    table["std error"] = vae.cv_results_["std_test_score"] / np.sqrt(n_splits)
    table["FactorAnalysis"] = linear.cv_results_["mean_test_score"] - np.log(scale).sum()
    print(table.to_string(index=False, float_format="{:.2f}".format))

    best = table.loc[table["VAETransformer"].idxmax()]
    print(f"\nBest by held-out likelihood: {best['n_components']:.0f} components")
    print(f"Fewest that no larger number beats by enough: {vae.best_params_['n_components']} components")
    lead = best["VAETransformer"] - table["FactorAnalysis"].max()
    print(f"The best VAE is {abs(lead):.2f} nats a row {'above' if lead > 0 else 'below'} the best factor analysis.")
    if plot:
        picture(table, vae.best_params_["n_components"], plot)


def picture(table, chosen, path):
    """Draw both curves, and the number of components that was chosen."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(6.4, 4.2), layout="constrained")
    axes, sizes = figure.subplots(), table["n_components"]
    axes.errorbar(sizes, table["VAETransformer"], table["std error"], marker="o", capsize=3, label="VAETransformer")
    axes.plot(sizes, table["FactorAnalysis"], marker="s", color="0.5", label="FactorAnalysis")
    axes.axvline(chosen, color="C1", linestyle=":", label=f"fewest_components: {chosen}")
    axes.set(xlabel="n_components", ylabel="nats a held-out row", xticks=sizes)
    axes.set_title("Held-out log-likelihood of diabetes patients")
    axes.legend()
    axes.spines[["top", "right"]].set_visible(False)
    figure.savefig(path, dpi=100)
    print(f"Picture: {path}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sizes", type=int, nargs="+", default=[1, 2, 3, 4, 5, 6], help="numbers of components to try")
    parser.add_argument("--max-iter", type=int, default=200, help="most passes over the data")
    parser.add_argument("--n-splits", type=int, default=3, help="folds")
    parser.add_argument("--plot", metavar="FILE", help="where to write a picture of the curves (needs matplotlib)")
    main(**vars(parser.parse_args()))
