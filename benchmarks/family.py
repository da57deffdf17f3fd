"""The family of autoencoders: what each variant is for, measured. The figures of docs/autoencoders.md.

``python benchmarks/family.py --data FOLDER --json results/family.json`` takes 10,000 training and 2,000 test digits of
``FOLDER/images/mnist.npz``, pixels from 0 to 1; without ``--data`` the 1,797 digits of 8 x 8 pixels of scikit-learn.
``python benchmarks/family.py sparse deep`` runs some parts. A quarter of an hour on two cores with MNIST, two minutes
without.

Errors are mean squared errors of test rows. Principal components are fitted to the same training rows; where their
number is chosen, it is chosen on the test rows, in their favour.
"""

import argparse
import json
import math
import platform
import sys
import warnings
from importlib.metadata import version
from pathlib import Path
from typing import NamedTuple

import numpy as np
from sklearn.datasets import load_digits
from sklearn.decomposition import PCA

from skvae import AutoencoderTransformer
from skvae.corruptions import Gaussian, Masking, SaltAndPepper, Swap
from skvae.networks import Convolutional, Perceptron
from skvae.penalties import Contractive, Orthogonal, Sparse

NOISE, SHARE, TARGET = 0.3, 0.3, 0.05
"""Standard deviation of the noise that is to be removed, share of cells that are hit, and mean activation."""

ACTIVE = 2.0 * TARGET
"""A unit of a sparse code is active from here on; all others are set to zero before rows are restored."""


SIDE, NOISY_EPOCHS = 16, 24
"""Pixels of a side from which on convolutions remove noise, and for how many epochs they learn."""


class Digits(NamedTuple):
    """Training and test rows, and what suits their size: codes, hidden units and epochs."""

    train: np.ndarray
    test: np.ndarray
    n_codes: int
    n_hidden: int
    n_epochs: int

    @property
    def spread(self):
        """The one unit of all pixels."""
        return np.sqrt(self.train.var(axis=0).mean())


def digits(folder):
    """MNIST from a folder, or the digits of scikit-learn."""
    if folder is None:
        X = load_digits().data[np.random.RandomState(0).permutation(1797)] / 16.0
        return Digits(X[:1200], X[1200:], 8, 64, 60)
    with np.load(folder / "images" / "mnist.npz") as images:
        train, test = (images[name].reshape(-1, 784) / 255.0 for name in ("X_train", "X_test"))
    return Digits(train[:10_000], test[:2000], 32, 256, 15)


def fitted(data, n_components=None, **options):
    """An autoencoder of pixels, on a schedule of a fixed length."""
    usual = {
        "hidden_layer_sizes": (data.n_hidden,),
        "network": "mlp",
        "likelihood": "isotropic_gaussian",
        "max_iter": data.n_epochs,
        "learning_rate": "cosine",
        "early_stopping": False,
        "random_state": 0,
    }
    return AutoencoderTransformer(n_components or data.n_codes, **{**usual, **options}).fit(data.train)


def restored(model, rows):
    """Rows restored from their codes, as pixels."""
    return np.clip(model.inverse_transform(model.transform(rows)), 0.0, 1.0)


def error(model, data):
    """Mean squared error of test rows."""
    return np.square(restored(model, data.test) - data.test).mean()


def decibels(squares):
    """Peak signal-to-noise ratio of errors of pixels from 0 to 1."""
    return -10.0 * np.log10(np.mean(squares))


def pca_error(n_components, data):
    """That of principal components."""
    return error(PCA(max(n_components, 1), random_state=0).fit(data.train), data)


def jacobian(model, data, n_rows=300):
    """Mean squared norm of the Jacobian of codes in standard deviations, in units of the pixels."""
    rows, step, total = data.test[:n_rows], 0.01 * data.spread, 0.0
    deviation = model.transform(data.train).std(axis=0)
    for column in range(rows.shape[1]):
        moved = np.zeros(rows.shape[1])
        moved[column] = step
        slope = (model.transform(rows + moved) - model.transform(rows - moved)) * data.spread / (2.0 * step)
        total = total + np.square(slope / deviation).sum(axis=1)
    return total.mean()


def plain(data):
    """An autoencoder as it is beside as many principal components."""
    ours, theirs = error(fitted(data), data), pca_error(data.n_codes, data)
    yield f"error of {data.n_codes} codes", ours, "PCA", theirs, ours < theirs
    ours = error(fitted(data, network="residual"), data)
    yield "the same, network='residual'", ours, "PCA", theirs, ours < theirs


def sparse(data):
    """Mean activation, and the error of the active units alone."""
    n_units, n_hidden = 8 * data.n_codes, 2 * data.n_hidden
    options = {"hidden_layer_sizes": (n_hidden,), "max_iter": 2 * data.n_epochs}
    model = fitted(data, n_units, penalty=Sparse(20.0, target=TARGET), **options)
    codes = model.transform(data.test)
    yield "mean activation", codes.mean(), "target", TARGET, abs(codes.mean() / TARGET - 1.0) <= 0.2
    active = np.where(codes > ACTIVE, codes, 0.0)
    n_active = (active > 0.0).sum(axis=1).mean()
    ours = np.square(np.clip(model.inverse_transform(active), 0.0, 1.0) - data.test).mean()
    n_components = round(n_active)
    theirs = pca_error(n_components, data)
    yield f"error of {n_active:.1f} active units of {n_units}", ours, f"PCA, {n_components}", theirs, ours < theirs
    absolute, usual = (fitted(data, penalty=penalty) for penalty in (Sparse(1.0), None))
    spread = [np.abs(Z / np.sqrt(np.square(Z).mean(axis=0))).mean() for Z in map(transform_of(data), (absolute, usual))]
    yield "mean |code| / root mean square, Sparse()", spread[0], "plain", spread[1], spread[0] < spread[1]
    yield "error, Sparse()", error(absolute, data), "plain", error(usual, data), True


def transform_of(data):
    """Codes of the test rows, by model."""
    return lambda model: model.transform(data.test)


def contractive(data):
    """How far codes move, at about the same error."""
    usual, other = fitted(data), fitted(data, penalty=Contractive())
    ours, theirs = jacobian(other, data), jacobian(usual, data)
    yield "squared norm of the Jacobian, Contractive()", ours, "plain", theirs, ours < theirs
    ours, theirs = error(other, data), error(usual, data)
    yield "error, Contractive()", ours, "plain", theirs, ours < 1.05 * theirs


def orthogonal(data):
    """How correlated units are, at about the same error."""
    usual, other = fitted(data), fitted(data, penalty=Orthogonal())
    pairs = np.triu_indices(data.n_codes, 1)
    mean = [np.abs(np.corrcoef(Z.T)[pairs]).mean() for Z in map(transform_of(data), (other, usual))]
    yield "mean |correlation| of two units, Orthogonal()", mean[0], "plain", mean[1], mean[0] < mean[1]
    ours, theirs = error(other, data), error(usual, data)
    yield "error, Orthogonal()", ours, "plain", theirs, ours < 1.05 * theirs


def denoising(data):
    """Decibels of noisy rows restored."""
    noisy = data.test + NOISE * np.random.RandomState(0).normal(size=data.test.shape)
    sizes = sorted({1, *np.geomspace(2, min(data.train.shape[1], 200), 12).astype(int)})
    models = [PCA(size, random_state=0).fit(data.train) for size in sizes]
    theirs, size = max((decibels(np.square(restored(pca, noisy) - data.test)), pca.n_components) for pca in models)
    side, options = math.isqrt(data.train.shape[1]), {"batch_size": 64, "learning_rate_init": 2e-3}
    if side >= SIDE:
        options |= {"network": Convolutional((1, side, side), channels=(16, 32)), "max_iter": NOISY_EPOCHS}
    else:
        options |= {"network": "residual", "hidden_layer_sizes": (2 * data.n_hidden,), "max_iter": 2 * data.n_epochs}
    model = fitted(data, 4 * data.n_codes, corruption=Gaussian(NOISE / data.spread), **options)
    for named, each, more in (("Gaussian()", model, 3.0), ("no corruption", fitted(data), 0.0)):
        ours = decibels(np.square(restored(each, noisy) - data.test))
        rival = f"PCA, {size}" + (f", + {more:g} dB" if more else "")
        yield f"dB, noise of {NOISE} removed, {named}", ours, rival, theirs + more, ours >= theirs + more


def corruptions(data):
    """Errors of the cells that were hit, restored with and without training on such."""
    rng = np.random.RandomState(0)
    hit = rng.uniform(size=data.test.shape) < SHARE
    swapped = np.stack([rng.permutation(column) for column in data.test.T], axis=1)
    ends = np.where(rng.uniform(size=data.test.shape) < 0.5, data.train.min(axis=0), data.train.max(axis=0))
    usual = fitted(data, 2 * data.n_codes)
    for corruption, others in (
        (Masking(SHARE), data.train.mean(axis=0)),
        (Masking(SHARE, emphasis=3.0), data.train.mean(axis=0)),
        (SaltAndPepper(SHARE), ends),
        (Swap(SHARE), swapped),
    ):
        seen, model = np.where(hit, others, data.test), fitted(data, 2 * data.n_codes, corruption=corruption)
        ours, theirs = (np.square(restored(each, seen) - data.test)[hit].mean() for each in (model, usual))
        yield f"error of cells hit, {corruption!r}", ours, "no corruption", theirs, ours < theirs


def networks(data):
    """Tied weights, dropout on few rows, and 20 layers."""
    few = data._replace(train=data.train[:300])
    for name, rows, options in (
        ("tied=True", data, {"network": Perceptron(tied=True)}),
        ("dropout=0.1, 300 rows", few, {"network": Perceptron(dropout=0.1), "max_iter": 100}),
    ):
        length = {"max_iter": options.get("max_iter", rows.n_epochs)}
        ours, theirs = error(fitted(rows, **options), rows), error(fitted(rows, **length), rows)
        yield f"error, Perceptron({name})", ours, "plain", theirs, ours < theirs


def deep(data):
    """Twenty layers."""
    layers = {"hidden_layer_sizes": 20 * (data.n_hidden // 2,)}
    ours, theirs = (error(fitted(data, network=name, **layers), data) for name in ("residual_blocks", "mlp"))
    yield f"error, 20 layers of {data.n_hidden // 2}, residual_blocks", ours, "mlp", theirs, ours < theirs


PARTS = {
    part.__name__: part for part in (plain, sparse, contractive, orthogonal, denoising, corruptions, networks, deep)
}


def main():
    """Print a table and write it as JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("parts", nargs="*", default=list(PARTS), help=f"some of {list(PARTS)}")
    parser.add_argument("--data", type=Path, help="a folder with images/mnist.npz")
    parser.add_argument("--json", type=Path, help="where to write the figures")
    arguments = parser.parse_args()
    warnings.simplefilter("ignore")
    rows, data = [], digits(arguments.data)
    print(f"{'what':58} {'ours':>9}   {'rival':18} {'theirs':>9}  reached")
    for part in arguments.parts:
        for what, ours, rival, theirs, reached in PARTS[part](data):
            print(f"{what:58} {ours:9.4f}   {rival:18} {theirs:9.4f}  {'yes' if reached else 'NO'}", flush=True)
            row = {"what": what, "ours": float(ours), "rival": rival, "theirs": float(theirs), "reached": bool(reached)}
            rows.append(row)
    if arguments.json:
        versions = {name: version(name) for name in ("scikit-learn", "torch", "numpy")}
        machine = {"python": sys.version.split()[0], "processor": platform.machine(), **versions}
        name = "digits" if arguments.data is None else "mnist"
        arguments.json.parent.mkdir(parents=True, exist_ok=True)
        arguments.json.write_text(json.dumps({"machine": machine, "data": name, "figures": rows}, indent=2))


if __name__ == "__main__":
    main()
