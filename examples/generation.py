"""Images: what a model keeps of them, new ones, the way from one to another, and the map of a code of two numbers.

The digits that scikit-learn ships, 8 by 8 pixels. The pictures are written into the current directory; they need
matplotlib, ``pip install 'skvae[plot]'``.
"""

import argparse
from pathlib import Path

import numpy as np
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

from skvae import ImageGridDisplay, ReconstructionDisplay, VAETransformer

IMAGE_SHAPE = (1, 8, 8)


def main(n_components=16, max_iter=200, output="."):
    """Fit a code of some numbers and one of two, and draw what they make."""
    X, y = load_digits(return_X_y=True)
    X, X_new, _, y_new = train_test_split(X, y, test_size=0.2, stratify=y, random_state=0)
    # Pixels share one unit, and so one noise scale; for them a plain perceptron gives the better codes
    pixels = {"network": "mlp", "likelihood": "isotropic_gaussian", "max_iter": max_iter, "random_state": 0}
    vae = VAETransformer(n_components, **pixels).fit(X)
    flat = VAETransformer(2, **pixels).fit(X)

    first = [np.flatnonzero(y_new == digit)[0] for digit in range(10)]
    shape = {"image_shape": IMAGE_SHAPE}
    displays = {
        "digits-restored.png": ReconstructionDisplay.from_estimator(vae, X_new[first], n_samples=10, **shape),
        "digits-drawn.png": ImageGridDisplay.from_estimator(vae, n_images=60, n_columns=12, random_state=0, **shape),
        "digits-between.png": ImageGridDisplay.from_estimator(
            vae, "interpolation", X_new[first], n_columns=12, **shape
        ),
        "digits-map.png": ImageGridDisplay.from_estimator(flat, "map", X, n_images=196, **shape),
    }
    for name, display in displays.items():
        path = Path(output) / name
        display.figure_.savefig(path, dpi=70)
        print(f"wrote {path}")

    print("\nMean squared error of a pixel of held-out digits, and the variance of pixels that the code explains")
    for model in (vae, flat):
        restored = model.inverse_transform(model.transform(X_new))
        error = np.mean((restored - X_new) ** 2)
        share = 1.0 - error / np.mean((X_new - X.mean(axis=0)) ** 2)
        print(f"{model.n_components_:2d} numbers  {error:6.2f}  {share:6.3f}")
    drawn, noisy = (vae.sample(2000, random_state=0, noise=noise) for noise in (False, True))
    print("\nStandard deviation of a pixel: held-out digits, drawn ones, drawn ones without noise")
    print("  ".join(f"{rows.std(axis=0).mean():.2f}" for rows in (X_new, noisy, drawn)))
    print(f"All pixels lie between {min(noisy.min(), drawn.min()):.0f} and {max(noisy.max(), drawn.max()):.0f}.")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--n-components", type=int, default=16, help="numbers of a code")
    parser.add_argument("--max-iter", type=int, default=200, help="most passes over the data")
    parser.add_argument("--output", default=".", help="folder for the pictures")
    main(**vars(parser.parse_args()))
