"""Segmentation: which texture each pixel of an image shows, from codes of patches and without labels.

The image is a mosaic of five textures made here, all of one mean and one variance, so that only the pattern tells them
apart. Patches of 8 by 8 pixels become codes; how strongly each component is excited around a place, the mean of its
absolute value over a window, is what KMeans groups (Unser, 1986, does so with linear filters). Raw patches and
principal components are treated alike. The picture needs matplotlib, ``pip install 'skvae[plot]'``.
"""

import argparse

import numpy as np
from scipy.ndimage import gaussian_filter, uniform_filter
from scipy.optimize import linear_sum_assignment
from sklearn.cluster import KMeans
from sklearn.decomposition import PCA
from sklearn.preprocessing import StandardScaler

from skvae import VAETransformer
from skvae.networks import Convolutional

SIDE, PATCH, WINDOW = 128, 8, 17
"""Pixels of the image's side, of a patch's and of the window's."""


def main(n_components=8, max_iter=60, n_mosaics=3, output="segmentation.png"):
    """Fit codes of the patches of each image, and group its places."""
    right, seeds = {}, range(10, 10 + n_mosaics)
    for seed in seeds:
        image, truth = mosaic(np.random.RandomState(seed))
        # Every place whose patch lies inside, named by the patch's middle
        patches = np.lib.stride_tricks.sliding_window_view(image, (PATCH, PATCH))
        truth = truth[PATCH // 2 :, PATCH // 2 :][: patches.shape[0], : patches.shape[1]]
        X = patches.reshape(-1, PATCH * PATCH)
        training = X[np.random.RandomState(0).permutation(len(X))[:2000]]
        vae = VAETransformer(
            n_components,
            network=Convolutional((1, PATCH, PATCH), channels=(16, 32)),
            likelihood="isotropic_gaussian",
            max_iter=max_iter,
            random_state=0,
        )
        models = {f"codes, {n_components}": vae, f"PCA, {n_components}": PCA(n_components, random_state=0)}
        models |= {"PCA, 32": PCA(32, random_state=0), "raw patches, 64": None}
        found = {}
        for name, model in models.items():
            codes = X if model is None else model.fit(training).transform(X)
            found[name] = named(segments(codes.reshape(*truth.shape, -1)), truth)
            right.setdefault(name, []).append((found[name] == truth).mean())

    print(f"{n_mosaics} images of {SIDE} by {SIDE} pixels, five textures each\n")
    print(
        "Share of the places with the right texture, each group being taken for the one that it fits best: each image"
    )
    for name, shares in right.items():
        print(f"{name:16s}" + "".join(f"  {share:.3f}" for share in shares) + f"   mean {np.mean(shares):.3f}")
    picture(image, truth, found, output)


def mosaic(rng):
    """An image (SIDE, SIDE), and the texture of each pixel, 0 to 4."""
    noise = rng.normal(size=(5, SIDE, SIDE))
    rows, columns = np.mgrid[:SIDE, :SIDE]
    textures = [
        noise[0],  # speckles
        gaussian_filter(noise[1], 1.2),  # blots
        gaussian_filter(noise[2], (0.4, 2.0)),  # brushed from left to right
        np.sin(0.8 * (rows + columns)) + 0.4 * noise[3],  # oblique stripes
        np.sin(1.1 * rows) * np.sin(1.1 * columns) + 0.3 * noise[4],  # a chequer
    ]
    textures = np.stack([(texture - texture.mean()) / texture.std() for texture in textures])
    # A disc in the middle of four wavy quarters
    below = rows + 6 * np.sin(columns / 9) > SIDE / 2
    right = columns + 6 * np.sin(rows / 7) > SIDE / 2
    truth = np.where(np.hypot(rows - SIDE / 2, columns - SIDE / 2) < SIDE / 4.5, 4, 2 * below + right)
    return np.take_along_axis(textures, truth[None], axis=0)[0], truth


def segments(codes):
    """Group (height, width) of each place, from the codes (height, width, n) of all."""
    away = np.abs(codes - codes.mean(axis=(0, 1)))
    excited = uniform_filter(away, size=(WINDOW, WINDOW, 1), mode="reflect")
    excited = StandardScaler().fit_transform(excited.reshape(-1, codes.shape[-1]))
    return KMeans(5, n_init=10, random_state=0).fit_predict(excited).reshape(codes.shape[:2])


def named(labels, truth):
    """Groups as textures, each as the one that makes most places right."""
    counts = np.zeros((5, 5), dtype=int)
    np.add.at(counts, (labels.ravel(), truth.ravel()), 1)
    return linear_sum_assignment(-counts)[1][labels]


def picture(image, truth, found, path):
    """Draw the image, the truth and what was found."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(12.5, 2.7), layout="constrained")
    first, second, *others = figure.subplots(1, 2 + len(found))
    first.imshow(image, cmap="gray")
    first.set_title("\nan image")
    colours = {"cmap": "viridis", "interpolation": "nearest"}  # as different in grey
    second.imshow(truth, **colours)
    second.set_title("\nits textures")
    for axes, (name, labels) in zip(others, found.items(), strict=True):
        axes.imshow(labels, **colours)
        axes.set_title(f"{name}\n{(labels == truth).mean():.0%} right")
    for axes in figure.axes:
        axes.set_axis_off()
    figure.savefig(path, dpi=80)
    print(f"\nPicture: {path}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--n-components", type=int, default=8, help="numbers of a patch's code")
    parser.add_argument("--max-iter", type=int, default=60, help="most passes over the patches")
    parser.add_argument("--n-mosaics", type=int, default=3, help="images")
    parser.add_argument("--output", default="segmentation.png", help="file of the picture")
    main(**vars(parser.parse_args()))
