"""The hidden part of a picture: digits without their lower half, or without a square, filled by four imputers.

All of them saw whole digits only. Column means, nearest neighbours and principal components stand beside an
``AutoencoderImputer``, whose model can also draw several lower halves for one upper half.
"""

import argparse

import numpy as np
from sklearn.datasets import load_digits
from sklearn.decomposition import PCA
from sklearn.impute import KNNImputer, SimpleImputer
from sklearn.model_selection import train_test_split

from skvae import AutoencoderImputer, VAETransformer

SIDE, SHOWN, DRAWS = 8, 8, 3
"""Pixels of a side; digits in the picture, and draws of each of them."""

HIDDEN = {"half": (slice(4, 8), slice(0, 8)), "square": (slice(2, 6), slice(2, 6))}
"""Rows and columns of the pixels that are hidden."""


class PCAImputer:
    """What principal components make of the pixels that are there: least squares, kept small by their variances."""

    def __init__(self, n_components):
        self.pca = PCA(n_components, random_state=0)

    def fit(self, X):
        """Fit the components to whole rows."""
        self.pca.fit(X)
        return self

    def transform(self, X):
        """Fill rows by the code that explains the pixels that are there best."""
        filled, noise = X.copy(), self.pca.noise_variance_
        for row in filled:
            there = ~np.isnan(row)
            loadings = self.pca.components_[:, there]
            precision = loadings @ loadings.T + noise * np.diag(1.0 / self.pca.explained_variance_)
            code = np.linalg.solve(precision, loadings @ (row[there] - self.pca.mean_[there]))
            row[~there] = (self.pca.mean_ + code @ self.pca.components_)[~there]
        return filled


def main(hidden="half", n_components=16, max_iter=200, output="inpainting.png"):
    """Fill the hidden pixels of test digits, print the errors, and save a picture."""
    X, y = load_digits(return_X_y=True)
    X_train, X_test, _, y_test = train_test_split(X / 16.0, y, test_size=300, random_state=0, stratify=y)
    mask = np.zeros((SIDE, SIDE), dtype=bool)
    mask[HIDDEN[hidden]] = True
    lacking = np.where(mask.ravel(), np.nan, X_test)

    # Pixels share one unit, and so one noise scale
    vae = VAETransformer(n_components, network="mlp", likelihood="isotropic_gaussian", max_iter=max_iter)
    imputers = {
        "column means": SimpleImputer(),
        "ten neighbours": KNNImputer(n_neighbors=10),
        "PCA": PCAImputer(n_components),
        "AutoencoderImputer": AutoencoderImputer(vae, random_state=0),
    }
    print(f"{len(X_train)} whole digits to learn from, {len(X_test)} others without a {hidden}\n")
    print("Mean squared error of a hidden pixel, between 0 and 1:")
    filled = {}
    for name, imputer in imputers.items():
        filled[name] = imputer.fit(X_train).transform(lacking)
        print(f"{name:20} {np.mean(np.square(filled[name] - X_test)[:, mask.ravel()]):.4f}")

    some = [int(np.flatnonzero(y_test == digit)[0]) for digit in range(SHOWN)]
    model = imputers["AutoencoderImputer"].estimator_
    draws = model.impute(lacking[some], n_imputations=DRAWS, random_state=0)
    rows = {"hidden": lacking[some], **{name: cells[some] for name, cells in filled.items()}}
    rows |= {f"draw {number + 1}": np.clip(draw, 0.0, 1.0) for number, draw in enumerate(draws)}
    picture(rows | {"the digit": X_test[some]}, output)


def picture(rows, output):
    """A row of digits for each way to fill them, as a file."""
    try:
        import matplotlib
    except ImportError:
        print("\nNo picture: pip install 'skvae[plot]' brings matplotlib.")
        return
    matplotlib.use("Agg")
    from matplotlib import pyplot as plt

    colours = plt.get_cmap("gray_r").with_extremes(bad="#d8e2ee")
    figure, axes = plt.subplots(len(rows), SHOWN, figsize=(7.5, 0.75 * len(rows)), layout="constrained")
    for (name, cells), line in zip(rows.items(), axes, strict=True):
        for digit, axis in zip(cells, line, strict=True):
            axis.imshow(digit.reshape(SIDE, SIDE), cmap=colours, vmin=0.0, vmax=1.0)
            axis.set(xticks=[], yticks=[])
        line[0].set_ylabel(name, rotation=0, ha="right", va="center")
    figure.savefig(output, dpi=110)
    plt.close(figure)
    print(f"\nPicture: {output}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--hidden", choices=list(HIDDEN), default="half", help="which pixels are hidden")
    parser.add_argument("--n-components", type=int, default=16, help="size of a code")
    parser.add_argument("--max-iter", type=int, default=200, help="most passes over the data")
    parser.add_argument("--output", default="inpainting.png", help="where the picture goes")
    main(**vars(parser.parse_args()))
