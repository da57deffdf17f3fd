"""Which pixels are wrong: held-out digits with a stroke that does not belong there, and a map of what pixels score.

The autoencoder learns from clean digits. ``score_features`` says what each pixel has in the log-likelihood of its
image; a pixel is the stranger the lower that is. Beside it: the squared residuals of PCA, with the number of components
that is best on the very digits that are tested. The picture needs matplotlib, ``pip install 'skvae[plot]'``.
"""

import argparse

import numpy as np
from sklearn.datasets import load_digits
from sklearn.decomposition import PCA
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import train_test_split

from skvae import AutoencoderTransformer
from skvae.corruptions import Gaussian
from skvae.networks import Convolutional


def main(n_components=32, max_iter=200, output="anomaly_map.png"):
    """Learn clean digits, and look for the strokes in others."""
    X, y = load_digits(return_X_y=True)
    X, X_new, _, y_new = train_test_split(X, y, test_size=0.25, stratify=y, random_state=0)
    spoilt, truth = with_strokes(X_new, np.random.RandomState(0))
    autoencoder = AutoencoderTransformer(
        n_components,
        network=Convolutional((1, 8, 8), channels=(16, 32)),
        likelihood="isotropic_gaussian",  # pixels share one unit
        corruption=Gaussian(1.0),  # what is restored follows a wrong pixel less
        max_iter=max_iter,
        random_state=0,
    ).fit(X)
    maps = {"score_features": -autoencoder.score_features(spoilt)}
    for size in (5, 10, 20, 30):
        pca = PCA(size, random_state=0).fit(X)
        maps[f"PCA, {size} components"] = np.square(spoilt - pca.inverse_transform(pca.transform(spoilt)))
    maps["distance to the mean pixel"] = np.square(spoilt - X.mean(axis=0))

    print(
        f"{len(X_new)} held-out digits, each with a stroke of up to 4 of 64 pixels. Area under the ROC curve of pixels,"
    )
    print("and share of the images whose strangest pixel belongs to the stroke\n")
    areas = {name: roc_auc_score(truth.ravel(), strange.ravel()) for name, strange in maps.items()}
    for name, strange in maps.items():
        first = truth[np.arange(len(truth)), strange.argmax(axis=1)].mean()
        print(f"{name:26s}  {areas[name]:.3f}  {first:.3f}")
    shown = [np.flatnonzero(y_new == digit)[0] for digit in range(10)]
    best = max((name for name in maps if name.startswith("PCA")), key=areas.get)
    expected = autoencoder.inverse_transform(autoencoder.transform(spoilt))
    rows = {"with a stroke": spoilt, "expected": expected, "score_features": maps["score_features"], best: maps[best]}
    picture({name: row[shown] for name, row in rows.items()}, truth[shown], output)


def with_strokes(X, rng):
    """Digits with a stroke of up to four pixels, dark where it was bright and bright elsewhere; and which pixels."""
    images, truth = X.reshape(-1, 8, 8).copy(), np.zeros((len(X), 8, 8), dtype=bool)
    steps = np.array([(0, 1), (1, 0), (1, 1), (1, -1)])
    for image in range(len(X)):
        places = rng.randint(8, size=2) + np.outer(np.arange(4), steps[rng.randint(4)])
        inside = places[((places >= 0) & (places < 8)).all(axis=1)]
        truth[image, inside[:, 0], inside[:, 1]] = True
    images[truth] = np.where(images[truth] < 8, 16, 0)
    return images.reshape(len(X), -1), truth.reshape(len(X), -1)


def picture(rows, truth, path):
    """Draw the digits and the maps; the stroke has a frame of its own."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(9.4, 4.0), layout="constrained")
    for line, (axes, (name, images)) in enumerate(zip(figure.subplots(len(rows), 10), rows.items(), strict=True)):
        for column, image in enumerate(images):
            # A map is as dark as its strangest pixel allows
            limits = {"vmin": 0, "vmax": 16, "cmap": "gray_r"} if line < 2 else {"cmap": "Reds"}
            axes[column].imshow(image.reshape(8, 8), **limits)
            axes[column].set(xticks=[], yticks=[])
            axes[column].spines[:].set(color="0.8")
            for row, place in np.argwhere(truth[column].reshape(8, 8)):
                corner = (place - 0.5, row - 0.5)
                axes[column].add_patch(frame(corner))
        axes[0].set_ylabel(name.replace(", ", "\n"), rotation=0, ha="right", va="center")
    figure.savefig(path, dpi=80)
    print(f"\nPicture: {path}")


def frame(corner):
    """A frame of one pixel."""
    from matplotlib.patches import Rectangle

    return Rectangle(corner, 1, 1, fill=False, edgecolor="C0", linewidth=0.9)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--n-components", type=int, default=32, help="numbers of a code")
    parser.add_argument("--max-iter", type=int, default=200, help="most passes over the data")
    parser.add_argument("--output", default="anomaly_map.png", help="file of the picture")
    main(**vars(parser.parse_args()))
