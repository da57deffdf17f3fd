"""Compression: bytes of a stored code against the squared error of what comes back, beside PCA stored alike.

The digits that scikit-learn ships, 64 pixels of 0 to 16. Each component of a code is stored with 8 or 4 bits, at equal
steps between its least and its largest training value. The picture needs matplotlib, ``pip install 'skvae[plot]'``.
"""

import argparse

import numpy as np
from sklearn.datasets import load_digits
from sklearn.decomposition import PCA
from sklearn.model_selection import train_test_split

from skvae import AutoencoderTransformer
from skvae.networks import Convolutional


def main(sizes=(4, 8, 16), max_iter=200, output="compression.png"):
    """Fit codes of several sizes, and store those of held-out digits."""
    X, y = load_digits(return_X_y=True)
    X, X_new = train_test_split(X, test_size=0.25, stratify=y, random_state=0)
    errors = {}
    for size in sizes:
        autoencoder = AutoencoderTransformer(
            size,
            network=Convolutional((1, 8, 8), channels=(16, 32)),
            likelihood="isotropic_gaussian",  # pixels share one unit
            max_iter=max_iter,
            random_state=0,
        )
        for name, model in {"autoencoder": autoencoder, "PCA": PCA(size, random_state=0)}.items():
            codes, codes_new = model.fit(X).transform(X), model.transform(X_new)
            errors[name, size, None] = squared_error(model, codes_new, X_new)
            for bits in (8, 4):
                stored, low, step = pack(codes_new, codes, bits)
                errors[name, size, bits] = squared_error(model, unpack(stored, low, step), X_new)

    print(f"Squared error a pixel of {len(X_new)} held-out digits; a digit of 17 grey levels has 64 pixels\n")
    print("numbers x bits  bytes  autoencoder    PCA")
    for size in sizes:
        for bits in (8, 4, None):
            cells = [errors[name, size, bits] for name in ("autoencoder", "PCA")]
            label, n_bytes = (f"{size} as floats", 4 * size) if bits is None else (f"{size} x {bits}", size * bits / 8)
            print(f"{label:14s}  {n_bytes:5g}  {cells[0]:11.2f}  {cells[1]:5.2f}")
    picture(errors, sizes, output)


def pack(codes, training_codes, bits):
    """Whole numbers of so many bits, of shape (n, size), and what they stand for: a least value and a step each."""
    low, high = training_codes.min(axis=0), training_codes.max(axis=0)
    step = (high - low) / (2**bits - 1)
    return np.clip(np.rint((codes - low) / step), 0, 2**bits - 1).astype(np.uint8), low, step


def unpack(stored, low, step):
    """Codes again."""
    return low + step * stored


def squared_error(model, codes, X):
    """Squared error a pixel of rows that come back from codes; pixels outside 0 to 16 are cut."""
    return float(np.square(np.clip(model.inverse_transform(codes), 0, 16) - X).mean())


def picture(errors, sizes, path):
    """Draw the error against the bytes."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(6.5, 4.6), layout="constrained")
    axes = figure.subplots()
    for name, color, marker in (("autoencoder", "C0", "o"), ("PCA", "C1", "s")):
        for bits, line in ((8, "--"), (4, "-")):
            style = {"color": color, "marker": marker, "linestyle": line}
            n_bytes = [size * bits / 8 for size in sizes]
            axes.plot(n_bytes, [errors[name, size, bits] for size in sizes], **style)
            axes.plot([], [], **style, label=f"{name}, {bits} bits a component")
    axes.set_xscale("log", base=2)
    axes.set_xticks(ticks := sorted({size * bits / 8 for size in sizes for bits in (8, 4)}), [f"{t:g}" for t in ticks])
    axes.set(xlabel="bytes a digit", ylabel="squared error a pixel", ylim=(0, None))
    axes.set_title("Held-out digits from stored codes")
    axes.grid(alpha=0.3)
    axes.spines[["top", "right"]].set_visible(False)
    figure.legend(loc="outside lower center", ncols=2, frameon=False)
    figure.savefig(path, dpi=90)
    print(f"\nPicture: {path}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sizes", type=int, nargs="+", default=[4, 8, 16], help="components of a code")
    parser.add_argument("--max-iter", type=int, default=200, help="most passes over the data")
    parser.add_argument("--output", default="compression.png", help="file of the picture")
    main(**vars(parser.parse_args()))
