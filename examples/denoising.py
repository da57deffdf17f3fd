"""Denoising: digits under noise of 0.3 of the range of a pixel, and what a denoising autoencoder makes of them.

Training sees clean digits and adds the noise itself (``corruption``), so that no pairs of images are needed. Beside it:
PCA with each of several numbers of components, of which the best one on the very digits that are tested counts. The
picture needs matplotlib, ``pip install 'skvae[plot]'``.
"""

import argparse

import numpy as np
from sklearn.datasets import load_digits
from sklearn.decomposition import PCA
from sklearn.model_selection import train_test_split

from skvae import AutoencoderTransformer, ImageGridDisplay
from skvae.corruptions import Gaussian
from skvae.networks import Convolutional

RANGE, NOISE = 16, 4.8
"""Largest pixel, the smallest being 0, and the standard deviation of the noise: 0.3 of it."""


def main(n_components=32, max_iter=200, output="denoising.png"):
    """Train on clean digits, and clean held-out noisy ones."""
    X, y = load_digits(return_X_y=True)
    X, X_new, _, y_new = train_test_split(X, y, test_size=0.25, stratify=y, random_state=0)
    noisy = X_new + NOISE * np.random.RandomState(0).normal(size=X_new.shape)
    unit = np.sqrt(X.var(axis=0).mean())  # that of corruptions, as pixels are of one unit
    autoencoder = AutoencoderTransformer(
        n_components,
        network=Convolutional((1, 8, 8), channels=(16, 32)),
        likelihood="isotropic_gaussian",  # pixels share one unit
        corruption=Gaussian(NOISE / unit),
        max_iter=max_iter,
        random_state=0,
    ).fit(X)
    restored = {"autoencoder": clean(autoencoder, noisy)}
    for size in (4, 8, 12, 16, 20, 24):
        restored[f"PCA, {size:2d} components"] = clean(PCA(size, random_state=0).fit(X), noisy)

    print(f"Peak signal-to-noise ratio of {len(X_new)} held-out digits, in decibels, higher is better\n")
    ratios = {name: decibels(rows, X_new) for name, rows in {"noisy digits": noisy, **restored}.items()}
    for name, ratio in ratios.items():
        print(f"{name:18s}  {ratio:5.2f}")
    _, best = max((ratios[name], name) for name in restored if name.startswith("PCA"))
    print(f"\nThe autoencoder is {ratios['autoencoder'] - ratios[best]:.2f} decibels above the best PCA.")
    shown = [np.flatnonzero(y_new == digit)[0] for digit in range(10)]
    rows = {"noisy": noisy, "autoencoder": restored["autoencoder"], "best PCA": restored[best], "clean": X_new}
    picture({name: images[shown] for name, images in rows.items()}, output)


def clean(model, noisy):
    """What the codes of noisy digits keep, cut to the range of pixels."""
    return np.clip(model.inverse_transform(model.transform(noisy)), 0, RANGE)


def decibels(rows, X):
    """Peak signal-to-noise ratio, from the squared error over all pixels."""
    return 10.0 * np.log10(RANGE**2 / np.square(rows - X).mean())


def picture(rows, path):
    """Draw rows of digits, one below the other."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(8.6, 3.2), layout="constrained")
    for axes, (name, images) in zip(figure.subplots(len(rows), 1), rows.items(), strict=True):
        options = {"image_shape": (1, 8, 8), "n_columns": len(images), "vmin": 0, "vmax": RANGE, "cmap": "gray_r"}
        ImageGridDisplay.from_images(images, ax=axes, **options)
        axes.text(-0.01, 0.5, name, transform=axes.transAxes, ha="right", va="center")
    figure.savefig(path, dpi=80)
    print(f"Picture: {path}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--n-components", type=int, default=32, help="numbers of a code")
    parser.add_argument("--max-iter", type=int, default=200, help="most passes over the data")
    parser.add_argument("--output", default="denoising.png", help="file of the picture")
    main(**vars(parser.parse_args()))
