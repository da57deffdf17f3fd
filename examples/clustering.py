"""Clustering: groups of digits by their codes, by principal components and by raw pixels, beside what they show.

Everything is fitted to training digits without labels; held-out digits are then put into the groups, and only the two
figures look at their labels. The picture needs matplotlib, ``pip install 'skvae[plot]'``.
"""

import argparse

import numpy as np
from sklearn.cluster import KMeans
from sklearn.datasets import load_digits
from sklearn.decomposition import PCA
from sklearn.metrics import adjusted_rand_score, normalized_mutual_info_score
from sklearn.mixture import GaussianMixture
from sklearn.model_selection import train_test_split

from skvae import AutoencoderTransformer
from skvae.corruptions import Gaussian
from skvae.networks import Convolutional


def main(n_components=32, max_iter=200, output="clustering.png"):
    """Group digits, and compare the groups with numerals."""
    X, y = load_digits(return_X_y=True)
    X, X_new, _, y_new = train_test_split(X, y, test_size=0.25, stratify=y, random_state=0)
    autoencoder = AutoencoderTransformer(
        n_components,
        network=Convolutional((1, 8, 8), channels=(16, 32)),
        likelihood="isotropic_gaussian",  # pixels share one unit
        corruption=Gaussian(1.0),
        max_iter=max_iter,
        random_state=0,
    )
    models = {f"codes, {n_components}": autoencoder}
    models |= {f"PCA, {size}": PCA(size, random_state=0) for size in (10, 16, 32)} | {"raw pixels, 64": None}
    groups = {}
    for name, model in models.items():
        codes, codes_new = (X, X_new) if model is None else (model.fit(X).transform(X), model.transform(X_new))
        ridge = 1e-3 * codes.var(axis=0).mean()  # pixels that never change have no variance
        for method in (
            KMeans(10, n_init=10, random_state=0),
            GaussianMixture(10, n_init=10, reg_covar=ridge, random_state=0),
        ):
            groups[name, type(method).__name__] = method.fit(codes).predict(codes_new)

    print(f"{len(X_new)} held-out digits in 10 groups: adjusted Rand index and normalised mutual information\n")
    print("                      KMeans  GaussianMixture")
    for name in models:
        cells = [figures(y_new, groups[name, method]) for method in ("KMeans", "GaussianMixture")]
        print(f"{name:15s}" + "".join(f"  {rand:.3f}  {information:.3f}" for rand, information in cells))
    picture(X_new, groups[f"codes, {n_components}", "GaussianMixture"], output)


def figures(y, groups):
    """Adjusted Rand index and normalised mutual information."""
    return adjusted_rand_score(y, groups), normalized_mutual_info_score(y, groups)


def picture(X, groups, path, n_images=14):
    """Draw a row of digits of each group, and their mean before them."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(8.6, 5.6), layout="constrained")
    axes = figure.subplots()
    gap = np.full((10, 3), np.nan)
    lines = []
    for group in range(10):
        mine = X[groups == group]
        shown = np.vstack([mine[:n_images], np.full((max(0, n_images - len(mine)), 64), np.nan)])
        images = [np.pad(image.reshape(8, 8), 1, constant_values=np.nan) for image in (mine.mean(axis=0), *shown)]
        lines.append(np.hstack([images[0], gap, *images[1:]]))
    axes.imshow(np.vstack(lines), cmap="gray_r", vmin=0, vmax=16, interpolation="nearest")
    sizes = [int((groups == group).sum()) for group in range(10)]
    axes.set_yticks(10 * np.arange(10) + 4.5, [f"group {group}: {size}" for group, size in enumerate(sizes)])
    axes.set_xticks([4.5, 13 + 5 * n_images], ["mean", "the first held-out digits of the group"])
    axes.tick_params(length=0, top=False)
    axes.spines[:].set_visible(False)
    figure.savefig(path, dpi=80)
    print(f"\nPicture: {path}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--n-components", type=int, default=32, help="numbers of a code")
    parser.add_argument("--max-iter", type=int, default=200, help="most passes over the data")
    parser.add_argument("--output", default="clustering.png", help="file of the picture")
    main(**vars(parser.parse_args()))
