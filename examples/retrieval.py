"""Retrieval: the digits most like a given one, by codes, by principal components and by raw pixels.

Codes come from a denoising autoencoder that never sees a label. Precision at 10 is the share of the ten nearest
training digits that show the same numeral as the held-out query. The picture needs matplotlib,
``pip install 'skvae[plot]'``.
"""

import argparse

import numpy as np
from sklearn.datasets import load_digits
from sklearn.decomposition import PCA
from sklearn.model_selection import train_test_split
from sklearn.neighbors import NearestNeighbors

from skvae import AutoencoderTransformer
from skvae.corruptions import Gaussian
from skvae.networks import Convolutional


def main(sizes=(8, 32), max_iter=200, output="retrieval.png"):
    """Look up held-out digits among training digits."""
    X, y = load_digits(return_X_y=True)
    X, X_new, y, y_new = train_test_split(X, y, test_size=0.25, stratify=y, random_state=0)
    found = {"raw pixels, 64": nearest(X, X_new)}
    for size in sizes:
        autoencoder = AutoencoderTransformer(
            size,
            network=Convolutional((1, 8, 8), channels=(16, 32)),
            likelihood="isotropic_gaussian",  # pixels share one unit
            corruption=Gaussian(1.0),  # codes of digits that differ by noise lie close together
            max_iter=max_iter,
            random_state=0,
        ).fit(X)
        pca = PCA(size, random_state=0).fit(X)
        for name, model in (("codes", autoencoder), ("PCA", pca)):
            found[f"{name}, {size}"] = nearest(model.transform(X), model.transform(X_new))

    print(f"{len(X_new)} queries, {len(X)} digits to find: share of right neighbours\n")
    print("numbers a digit   first   ten")
    for name, rows in found.items():
        right = y[rows] == y_new[:, None]
        print(f"{name:16s}  {right[:, 0].mean():.3f}  {right.mean():.3f}")
    name = f"codes, {sizes[-1]}"
    # Six queries by chance, and the two whose neighbours are wrong most often
    right = (y[found[name]] == y_new[:, None]).mean(axis=1)
    shown = np.concatenate([np.random.RandomState(0).permutation(len(X_new))[:6], np.argsort(right, kind="stable")[:2]])
    picture(X_new[shown], X[found[name][shown]], y_new[shown], y[found[name][shown]], output)


def nearest(codes, codes_new, n_neighbors=10):
    """Training rows (n_queries, n_neighbors) nearest to each query, the nearest first."""
    return NearestNeighbors(n_neighbors=n_neighbors).fit(codes).kneighbors(codes_new, return_distance=False)


def picture(queries, neighbours, y_queries, y_neighbours, path):
    """Draw each query and its neighbours; those of another numeral have a red frame."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(7.6, 0.66 * len(queries) + 0.4), layout="constrained")
    grid = figure.subplots(len(queries), 1 + neighbours.shape[1])
    for row, (first, *others) in enumerate(grid):
        draw(first, queries[row], "C0")
        first.set_ylabel(f"a {y_queries[row]}", rotation=0, ha="right", va="center")
        for column, axes in enumerate(others):
            draw(axes, neighbours[row, column], "none" if y_neighbours[row, column] == y_queries[row] else "C3")
    grid[0, 0].set_title("query", fontsize="medium", color="C0")
    grid[0, 1].set_title("nearest", fontsize="medium")
    grid[0, -1].set_title("tenth", fontsize="medium")
    figure.savefig(path, dpi=80)
    print(f"\nPicture: {path}")


def draw(axes, image, frame):
    """One digit in a frame."""
    axes.imshow(image.reshape(8, 8), cmap="gray_r", vmin=0, vmax=16)
    axes.set(xticks=[], yticks=[])
    axes.spines[:].set(color=frame, linewidth=2.5)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sizes", type=int, nargs="+", default=[8, 32], help="numbers of a code")
    parser.add_argument("--max-iter", type=int, default=200, help="most passes over the data")
    parser.add_argument("--output", default="retrieval.png", help="file of the picture")
    main(**vars(parser.parse_args()))
