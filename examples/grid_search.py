"""How many components? GridSearchCV asks the held-out likelihood, without labels.

``score`` is a log-likelihood in the units of the data, and so a search maximises it as it stands, and the curve of
another density model, here factor analysis, lies in the same picture.
"""

import argparse

import numpy as np
import pandas as pd
from sklearn.datasets import load_breast_cancer
from sklearn.decomposition import FactorAnalysis
from sklearn.model_selection import GridSearchCV, KFold

from skvae import VAETransformer


def main(sizes=(1, 2, 4, 8, 12), max_iter=200, n_splits=3, n_jobs=2):
    """Search the same sizes over the same folds with both models."""
    X = load_breast_cancer(as_frame=True).data
    folds = KFold(n_splits, shuffle=True, random_state=0)
    search = {"param_grid": {"n_components": list(sizes)}, "cv": folds, "n_jobs": n_jobs}

    vae = VAETransformer(hidden_layer_sizes=64, max_iter=max_iter, random_state=0)
    vae = GridSearchCV(vae, **search).fit(X)

    scale = X.std()  # FactorAnalysis converges slowly in raw units; its scores are put back into them
    linear = GridSearchCV(FactorAnalysis(max_iter=5000), **search).fit(X / scale)
    jacobian = np.log(scale).sum()

    print(f"{len(X)} rows, {X.shape[1]} columns; mean log-likelihood of a held-out row in nats, {n_splits} folds\n")
    table = pd.DataFrame(
        {
            "VAETransformer": vae.cv_results_["mean_test_score"],
            "+-": vae.cv_results_["std_test_score"] / np.sqrt(n_splits),
            "FactorAnalysis": linear.cv_results_["mean_test_score"] - jacobian,
        },
        index=pd.Index(sizes, name="n_components"),
    )
    print(table.to_string(float_format="{:.2f}".format))
    print(f"\nVAETransformer: {vae.best_params_['n_components']} components, {vae.best_score_:.2f} nats")
    print(f"FactorAnalysis: {linear.best_params_['n_components']} components, {linear.best_score_ - jacobian:.2f} nats")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sizes", type=int, nargs="+", default=[1, 2, 4, 8, 12], help="numbers of components to try")
    parser.add_argument("--max-iter", type=int, default=200, help="most passes over the data")
    parser.add_argument("--n-splits", type=int, default=3, help="folds")
    parser.add_argument("--n-jobs", type=int, default=2, help="fits at a time")
    main(**vars(parser.parse_args()))
