"""The family of autoencoders: what each variant is for, measured. The figures of docs/autoencoders.md.

``python benchmarks/family.py --data FOLDER --json results/family.json`` takes 10,000 training and 8,000 test digits of
``FOLDER/images/mnist.npz``, pixels from 0 to 1; without ``--data`` the 1,797 digits of 8 x 8 pixels of scikit-learn.
``python benchmarks/family.py sparse deep`` runs some parts. Eight minutes of one core with MNIST, half a minute
without. The part ``stacked`` runs where it is named: the figures of decision 068, from 2,000 training and 2,000 test
digits, in another five minutes.

Settings were chosen on the first 2,000 test digits, the figures are of the other 8,000. Those of scikit-learn's digits
are of another shuffle than the one that settings were chosen on; half of its test rows had been test rows before.

Errors are mean squared errors of test rows. Principal components are fitted to the same training rows; where their
number is chosen, it is chosen on the test rows, in their favour, and the number of active units is rounded up.
"""

import argparse
import math
import warnings
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from figures import write
from sklearn.datasets import load_digits
from sklearn.decomposition import PCA
from torch import nn

from skvae import AutoencoderTransformer
from skvae.corruptions import Gaussian, Masking, SaltAndPepper, Swap
from skvae.networks import Convolutional, Perceptron
from skvae.penalties import Contractive, Orthogonal, Sparse

NOISE, SHARE, TARGET = 0.3, 0.3, 0.05
"""Standard deviation of the noise that is to be removed, share of cells that are hit, and mean activation."""

ACTIVE = 2.0 * TARGET
"""A unit of a sparse code is active from here on; all others are set to zero before rows are restored."""


SEEN, SHUFFLE = 2000, 1
"""Settings were chosen on so many first test digits of MNIST and on shuffle 0 of scikit-learn's: not figures."""


SIDE, NOISY_EPOCHS = 16, 24
"""Pixels of a side from which on convolutions remove noise, and for how many epochs they learn."""


WIDTHS, STACKED_ROWS, BATCH = (1000, 500, 250, 30), 2000, 100
"""Units of each layer of an encoder that is trained layer by layer, its rows and those of a batch."""

EPOCHS, LAYER_EPOCHS, FINE_EPOCHS = 40, 15, 30
"""Of all layers from scratch; of each layer alone, and of all of them afterwards."""


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
        X = load_digits().data[np.random.RandomState(SHUFFLE).permutation(1797)] / 16.0
        return Digits(X[:1200], X[1200:], 8, 64, 60)
    with np.load(folder / "images" / "mnist.npz") as images:
        train, test = (images[name].reshape(-1, 784) / 255.0 for name in ("X_train", "X_test"))
    return Digits(train[:10_000], test[SEEN:], 32, 256, 15)


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
    n_components = math.ceil(n_active)
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


class Stack:
    """Layers of plain torch: all at once, or first one after the other, each on what the one before says."""

    def __init__(self, rows, activation, is_greedy):
        torch.manual_seed(0)
        self.mean, self.spread = rows.mean(axis=0), np.sqrt(rows.var(axis=0).mean())
        pairs = list(zip((rows.shape[1], *WIDTHS[:-1]), WIDTHS, strict=True))
        bends = [activation() for _ in pairs[1:]] + [nn.Identity()]
        up, down = [even(*pair) for pair in pairs], [even(*pair[::-1]) for pair in pairs]
        said = seen = self.seen(rows)
        for encode, decode, bend in zip(up, down, bends, strict=True) if is_greedy else ():
            one = nn.Sequential(encode, bend, decode)
            learn(one, said, LAYER_EPOCHS)
            with torch.no_grad():
                said = bend(encode(said))
        self.encoder = nn.Sequential(*(layer for pair in zip(up, bends, strict=True) for layer in pair))
        back = zip(bends[::-1], down[::-1], strict=True)
        self.decoder = nn.Sequential(*(layer for pair in back for layer in pair))
        learn(nn.Sequential(self.encoder, self.decoder), seen, FINE_EPOCHS if is_greedy else EPOCHS)

    def seen(self, rows):
        """Rows as the layers see them, in one unit for all pixels."""
        return torch.tensor((rows - self.mean) / self.spread, dtype=torch.float32)

    def transform(self, rows):
        """Codes of rows."""
        with torch.no_grad():
            return self.encoder(self.seen(rows))

    def inverse_transform(self, codes):
        """Rows of codes."""
        with torch.no_grad():
            return self.decoder(codes).numpy() * self.spread + self.mean


def even(n_inputs, n_outputs):
    """A layer whose first weights keep the variance of its inputs."""
    layer, width = nn.Linear(n_inputs, n_outputs), math.sqrt(3.0 / n_inputs)
    nn.init.uniform_(layer.weight, -width, width)
    nn.init.zeros_(layer.bias)
    return layer


def learn(network, rows, n_epochs):
    """Adam at 1e-3 on a cosine minimises half the squared error of rows."""
    optimizer = torch.optim.Adam(network.parameters(), 1e-3)
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda e: 0.5 + 0.5 * math.cos(math.pi * e / n_epochs))
    for _ in range(n_epochs):
        for batch in rows[torch.randperm(len(rows))].split(BATCH):
            optimizer.zero_grad()
            (0.5 * (network(batch) - batch).square().sum(dim=1).mean()).backward()
            optimizer.step()
        schedule.step()


def stacked(data):
    """Layer by layer first beside all layers at once, and both beside the network of this package."""
    few = data._replace(train=data.train[:STACKED_ROWS], test=data.test[:STACKED_ROWS])
    *hidden, n_codes = WIDTHS
    options = {"max_iter": EPOCHS, "batch_size": BATCH, "learning_rate_init": 1e-3, "network": "residual"}
    ours = error(fitted(few, n_codes, hidden_layer_sizes=tuple(hidden), **options), few)
    theirs = pca_error(n_codes, few)
    yield f"error of {n_codes} codes, all at once, network='residual'", ours, "PCA", theirs, ours < theirs
    for activation in (nn.SiLU, nn.Tanh, nn.Sigmoid):
        first, at_once = (error(Stack(few.train, activation, is_greedy), few) for is_greedy in (True, False))
        what = f"error, layer by layer first, {activation.__name__}"
        yield what, first, "all at once", at_once, first < at_once
        yield "error, all at once, network='residual'", ours, "layer by layer", first, ours < first


USUAL = [plain, sparse, contractive, orthogonal, denoising, corruptions, networks, deep]
PARTS = {part.__name__: part for part in (*USUAL, stacked)}


def main():
    """Print a table and write it as JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("parts", nargs="*", default=[part.__name__ for part in USUAL], help=f"some of {list(PARTS)}")
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
        write(arguments.json, data="digits" if arguments.data is None else "mnist", figures=rows)


if __name__ == "__main__":
    main()
