"""Speed and memory, beside other packages and beside what the machine itself can do.

Everything: ``python benchmarks/speed.py --json results/speed.json``, some twenty minutes on two cores. Some parts:
``python benchmarks/speed.py training grid``. To try it at about a tenth of the size: ``--quick``. The other packages
come with ``pip install -e ".[bench]"``.

Networks, batches, epochs and data are equal but where a row says "defaults". Rivals run in turn in one process; seconds
are medians. A ratio is ours divided by theirs, and a bar, where there is one, is on the ratio. The machine's limits (a
step written by hand, the rate of matrix products) are measured in the same run as what is held against them.
"""

import argparse
import gc
import math
import multiprocessing
import os
import re
import statistics
import subprocess
import sys
import time
import warnings
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from importlib import import_module
from itertools import pairwise
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from figures import write
from joblib import Parallel, delayed
from limits import (
    SIZES,
    HandWritten,
    Products,
    alternating,
    bandwidth,
    layers_of,
    network,
    operations,
    product_rate,
    square_products,
    threads,
)
from sklearn import datasets
from sklearn.compose import make_column_transformer
from sklearn.decomposition import PCA
from sklearn.ensemble import IsolationForest
from sklearn.model_selection import GridSearchCV
from sklearn.neural_network import MLPRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler
from torch import nn

from skvae import AutoencoderOutlierDetector, AutoencoderTransformer, VAETransformer

ESTIMATORS = {"autoencoder": AutoencoderTransformer, "VAE": VAETransformer}
SHAPE = {"n_components": 8, "hidden_layer_sizes": (64, 32), "activation": "relu"}
PLAIN = {
    "network": "mlp",
    "likelihood": "gaussian",
    "early_stopping": False,
    "learning_rate": "constant",
    "tol": 0.0,
    "random_state": 0,
}
TRAINING_BARS = {
    256: {"MLPRegressor": ">= 1.5", "skorch": ">= 6", "hand-written step": ">= 0.8"},
    1024: {"hand-written step": ">= 0.9"},
}
"""What is asked for, by the rows of a batch."""

IMAGE_SIZES, IMAGE_BATCH = (784, 512, 256, 32, 256, 512, 784), 512
DRAWS_AT_ONCE = 4096
"""Draws of one piece when the VAE's bound is computed."""

FIELDS = ("what", "ours", "peer", "theirs", "ratio", "bar", "reached", "share")
MOST_EPOCHS = 300
"""Where the race to equal quality ends."""


@dataclass
class Effort:
    """How much is done, and the folder of images."""

    quick: bool
    data: Path

    def of(self, amount):
        """All of it, or a tenth to try the script."""
        return max(1, amount // 10) if self.quick else amount


def figure(what, ours, peer=None, theirs=None, bar=None, billions=None, n_threads=1):
    """One record; where there is a limit instead of a rival, the peer is "bar".

    Where ours are so many ``billions`` of operations a second, ``share`` is how much that is of what products of large
    matrices reach here on ``n_threads``.
    """
    share = None if billions is None else billions / product_rate(n_threads)
    ratio, reached = None if None in (ours, theirs) else ours / theirs, None
    if bar and ratio is not None:
        sign, limit = bar.split()
        reached = ratio >= float(limit) if sign == ">=" else ratio <= float(limit)
    return dict(zip(FIELDS, (what, ours, peer, theirs, ratio, bar, reached, share), strict=True))


def table(n_rows, n_columns, dtype=np.float32):
    """Eight factors mixed at random, and noise."""
    rng = np.random.default_rng(0)
    X = rng.standard_normal((n_rows, 8), dtype) @ rng.standard_normal((8, n_columns), dtype)
    X += dtype(0.3) * rng.standard_normal(X.shape, dtype)
    return X


def training_and_test_rows(effort):
    """40,000 rows to train on and 10,000 more, all in the standard units of the former."""
    X = table(effort.of(50_000), 30)
    train, test = np.split(X, [len(X) * 4 // 5])
    mean, deviation = train.mean(axis=0), train.std(axis=0)
    return (train - mean) / deviation, (test - mean) / deviation


def peer(module):
    """A module of another package, or how to get it."""
    try:
        return import_module(module)
    except ImportError as error:
        raise ImportError(f'This part needs {module}; run: pip install -e ".[bench]"') from error


@threads(1)
def hand_written_loop(X, batch_size, n_epochs):
    """Epochs of steps by hand on one thread; rows are gathered once an epoch."""
    hand, data = HandWritten(), torch.from_numpy(X)
    for _ in range(n_epochs):
        for x in data[torch.randperm(len(data))].split(batch_size):
            hand.step(x)


def torch_loop(X, batch_size, n_epochs):
    """The loop that a tutorial of torch shows, without its DataLoader."""
    model, data = network(), torch.from_numpy(X)
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
    for _ in range(n_epochs):
        for index in torch.randperm(len(data)).split(batch_size):
            optimizer.zero_grad()
            nn.functional.mse_loss(model(data[index]), data[index]).backward()
            optimizer.step()


def mlp_regressor(**params):
    """The network in scikit-learn, where the code has an activation too."""
    return MLPRegressor(hidden_layer_sizes=SIZES[1:-1], random_state=0, **params)


def skorch_regressor(**params):
    """The network in skorch, with Adam and with as little beside training as possible."""
    silent = {f"callbacks__{name}": None for name in ("epoch_timer", "train_loss", "valid_loss", "print_log")}
    fixed = {"optimizer": torch.optim.Adam, "lr": 1e-3, "iterator_train__shuffle": True, "train_split": None}
    return peer("skorch").NeuralNetRegressor(network(), **fixed, **silent, verbose=0, **params)


def rivals(X, batch_size, n_epochs):
    """Training of the network by everyone, as functions."""
    ours = {**SHAPE, **PLAIN, "learning_rate_init": 1e-3, "max_iter": n_epochs}
    mlp = {"batch_size": batch_size, "max_iter": n_epochs, "tol": 0.0, "n_iter_no_change": n_epochs + 1}
    return {
        "ours": lambda: AutoencoderTransformer(**ours, batch_size=batch_size).fit(X),
        "ours, default batch": lambda: AutoencoderTransformer(**ours).fit(X),
        "MLPRegressor": lambda: mlp_regressor(**mlp).fit(X, X),
        "skorch": lambda: skorch_regressor(batch_size=batch_size, max_epochs=n_epochs).fit(X, X),
        "torch loop": lambda: torch_loop(X, batch_size, n_epochs),
        "hand-written step": lambda: hand_written_loop(X, batch_size, n_epochs),
    }


def training(effort, n_epochs=5):
    """Rows a second of a fit of 50,000 x 30; by hand, of the steps alone, to which ours alone are compared too.

    These are half of what a fit of three times as many epochs takes more.
    """
    X = table(effort.of(50_000), 30)
    for batch_size in (32, 256, 1024):
        for run in rivals(X[:2048], batch_size, 1).values():
            run()
        runs = rivals(X, batch_size, n_epochs) | {"more": rivals(X, batch_size, 3 * n_epochs)["ours"]}
        seconds, _ = alternating(runs, 1 if effort.quick else 3)
        seconds["steps"] = (seconds.pop("more") - seconds["ours"]) / 2
        rate = {name: len(X) * n_epochs / value for name, value in seconds.items()}
        ours, steps, bars = rate.pop("ours"), rate.pop("steps"), TRAINING_BARS.get(batch_size, {})
        billions = ours * operations(pairwise(SIZES))
        for name, theirs in rate.items():
            yield figure(f"training, batch {batch_size}, rows/s", ours, name, theirs, bars.get(name), billions)
        by_hand, billions = "hand-written step", steps * operations(pairwise(SIZES))
        what = f"training, batch {batch_size}, steps alone, rows/s"
        yield figure(what, steps, by_hand, rate[by_hand], bars.get(by_hand), billions)


def our_error(model, X):
    """Mean squared error a cell."""
    return float(np.square(X - model.inverse_transform(model.transform(X))).mean())


def regression_error(model, X):
    """Mean squared error a cell of a regressor that was taught its own inputs."""
    return float(np.square(X - model.predict(X)).mean())


@torch.no_grad()
def pyod_error(detector, X):
    """Mean squared error a cell; the VAE decodes the mean of its code, which is better than a draw."""
    scale, model = detector.X_std + 1e-8, detector.model.eval()
    x = torch.from_numpy((X - detector.X_mean) / scale).float()
    decoded = model.decode(model.encode(x)[0]) if hasattr(model, "encoder_mu") else model(x)
    return float(np.square(X - (decoded.numpy() * scale + detector.X_mean)).mean())


def pyod_detectors():
    """PyOD's autoencoder and VAE, by our names for them."""
    return {"autoencoder": peer("pyod.models.auto_encoder").AutoEncoder, "VAE": peer("pyod.models.vae").VAE}


def pyod(effort):
    """Both packages at their defaults: rows a second, validation rows not counted, whole fits, and held-out error."""
    train, test = training_and_test_rows(effort)
    for name, Detector in pyod_detectors().items():

        def runs(X, Ours=ESTIMATORS[name], Detector=Detector):
            return {"ours": lambda: Ours(random_state=0).fit(X), "theirs": lambda: Detector(verbose=0).fit(X)}

        for run in runs(train[:500]).values():
            run()
        seconds, fitted = alternating(runs(train), effort.of(3))
        ours, theirs = fitted["ours"], fitted["theirs"]
        our_rows, their_rows = len(train) * (1 - ours.validation_fraction) * ours.n_iter_, len(train) * theirs.epoch_num
        rates, label = (our_rows / seconds["ours"], their_rows / seconds["theirs"]), f"PyOD {Detector.__name__}"
        billions = rates[0] * operations(layers_of(ours.module_))
        yield figure(f"{name}, defaults, epochs in rows/s", rates[0], label, rates[1], ">= 20", billions)
        yield figure(f"{name}, defaults, whole fit, seconds", seconds["ours"], label, seconds["theirs"])
        error = our_error(ours, test)
        yield figure(f"{name}, defaults, held-out squared error", error, label, pyod_error(theirs, test), "<= 1")


def seconds_to(error, train, test, params):
    """Seconds and epochs of our shortest fit whose error on ``test`` is as low, in a series that grows by a third."""
    n_epochs = 1
    while n_epochs <= MOST_EPOCHS:
        start = time.perf_counter()
        model = AutoencoderTransformer(**params, max_iter=n_epochs, random_state=0).fit(train)
        seconds = time.perf_counter() - start
        if our_error(model, test) <= error:
            return seconds, model.n_iter_
        n_epochs += math.ceil(n_epochs / 3)
    return None, MOST_EPOCHS


def equal_quality(effort):
    """Seconds until the held-out error is what a peer ends with, codes of one size and all else at each one's defaults.

    A second line has each one's best schedule: ours goes up to a learning rate of 6e-3, theirs stop early by validation
    rows where they can.
    """
    train, test = training_and_test_rows(effort)
    early = {"early_stopping": True, "max_iter": 200, "learning_rate_init": 3e-3}
    races = {
        "MLPRegressor": (lambda: mlp_regressor().fit(train, train), regression_error, 8, "<= 0.1"),
        "skorch": (lambda: skorch_regressor().fit(train, train), regression_error, 8, "<= 0.05"),
        "PyOD AutoEncoder": (lambda: pyod_detectors()["autoencoder"](verbose=0).fit(train), pyod_error, 32, "<= 0.01"),
        "MLPRegressor, early": (lambda: mlp_regressor(**early).fit(train, train), regression_error, 8, None),
        "skorch, 40 at 3e-3": (
            lambda: skorch_regressor(max_epochs=40, batch_size=256).set_params(lr=3e-3).fit(train, train),
            regression_error,
            8,
            None,
        ),
    }
    for name, (run, error_of, n_components, bar) in races.items():
        params = {"n_components": n_components} | ({} if bar else {"learning_rate_init": 6e-3})
        seconds_to(np.inf, train[:500], test, params)
        laps = []
        for _ in range(effort.of(3)):
            seconds, fitted = alternating({name: run}, 1)
            error = error_of(fitted[name], test)
            laps.append((*seconds_to(error, train, test, params), seconds[name], error))
        medians = (None if None in lap else statistics.median(lap) for lap in zip(*laps, strict=True))
        ours, n_epochs, theirs, error = medians
        yield figure(f"seconds to held-out error {error:.4f}, {n_epochs:.0f} epochs", ours, name, theirs, bar)


def shipped_tables():
    """Ten tables of numbers that scikit-learn ships or makes, by name."""
    loaders = (datasets.load_breast_cancer, datasets.load_wine, datasets.load_digits, datasets.load_diabetes)
    made = {
        "friedman1": datasets.make_friedman1(2000, 10, noise=1.0, random_state=0),
        "friedman2": datasets.make_friedman2(2000, noise=10.0, random_state=0),
        "friedman3": datasets.make_friedman3(2000, noise=0.1, random_state=0),
        "swiss_roll": datasets.make_swiss_roll(2000, noise=0.5, random_state=0),
        "s_curve": datasets.make_s_curve(2000, noise=0.1, random_state=0),
    }
    tables = {loader.__name__.removeprefix("load_"): loader().data for loader in loaders}
    tables |= {name: np.column_stack(parts) for name, parts in made.items()}
    return tables | {"eight factors": table(2000, 20)}


def useful(effort):
    """Seconds until a default VAE has 99 % of what its fit gains in held-out likelihood over the first epoch."""
    for name, X in shipped_tables().items():
        rows = np.random.RandomState(0).permutation(len(X))[: effort.of(len(X)) if effort.quick else None]
        held, X = np.split(X[rows], [len(rows) // 5])
        n_epochs, seen = VAETransformer(random_state=0).fit(X).n_iter_, []
        for k in sorted({math.ceil(n_epochs * (step / 12) ** 2) for step in range(1, 13)}):
            start = time.perf_counter()
            model = VAETransformer(random_state=0, max_iter=k).fit(X)
            seen.append((time.perf_counter() - start, float(model.score_samples(held).mean())))
        scores = [score for _, score in seen]
        enough = scores[0] + 0.99 * (max(scores) - scores[0])
        seconds = next(seconds for seconds, score in seen if score >= enough)
        yield figure(f"VAE, seconds to 99 % of what training gains, {name}", seconds, "whole fit", seen[-1][0])


def machine(effort):
    """Limits: rates of products on one core and on all, in float32 and bfloat16, and of a copy.

    Where all cores gain nothing, other work runs beside the benchmark.
    """
    n_cores = os.cpu_count()
    one, all_cores = product_rate(1), product_rate(n_cores)
    yield figure("products of 2048 x 2048 on all cores, GFLOP/s", all_cores, "one core", one)
    halves = product_rate(n_cores, torch.bfloat16)
    if halves is not None:
        yield figure("products of 2048 x 2048 in bfloat16, GFLOP/s", halves, "float32", all_cores)
    yield figure("a copy reads and writes, GB/s", bandwidth(n_cores), "one core", bandwidth(1))
    small = square_products(256, effort.of(200))
    seconds, _ = alternating({"all": small, "one": threads(1)(small)}, 15)
    rates = [small.billions / seconds[name] for name in seconds]
    yield figure("products of 256 x 256 on all cores, GFLOP/s", rates[0], "one core", rates[1])


def image_rows(effort):
    """Pixels of 60,000 images in [0, 1] and where they are from; random numbers where there is no such file."""
    files, n_rows = sorted(effort.data.glob("images/*.npz")), effort.of(60_000)
    if not files:
        return np.random.default_rng(0).random((n_rows, 784), np.float32), "random numbers"
    return np.load(files[0])["X_train"][:n_rows].reshape(-1, 784).astype(np.float32) / 255, files[0].name


def layer_products(dtype=torch.float32):
    """Factors of the matrix products of a step of the image network."""
    factors = []
    for n, m in pairwise(IMAGE_SIZES):
        shapes = (IMAGE_BATCH, n), (m, n), (IMAGE_BATCH, m)
        x, weight, delta = (torch.randn(shape).to(dtype) for shape in shapes)
        factors += [(x, weight.T), (delta.T, x), (delta, weight)]
    return factors[:2] + factors[3:]


def images(effort):
    """Operations a second of training on 60,000 x 784, beside the rate of matrix products alone.

    Only products that training needs count. An epoch is half the difference between fits of three and of one.
    """
    X, source = image_rows(effort)
    params = {**PLAIN, "n_components": 32, "hidden_layer_sizes": (512, 256), "activation": "relu"}

    def fit(precision, n_epochs, n_rows=None):
        model = AutoencoderTransformer(**params, batch_size=IMAGE_BATCH, precision=precision, max_iter=n_epochs)
        return model.fit(X[:n_rows])

    precisions, refusal = ["float32"], ""
    fit("float32", 1, 2048)
    try:
        fit("bfloat16", 1, 2048)
        precisions.append("bfloat16")
    except ValueError as error:
        refusal = ": " + str(error).split(";")[0]
    runs = {(precision, n): lambda p=precision, n=n: fit(p, n) for precision in precisions for n in (1, 3)}
    for precision in precisions:
        runs["layers", precision] = Products(torch.mm, layer_products(getattr(torch, precision)), effort.of(20))
    runs["square"] = square_products(2048, effort.of(20))
    seconds, _ = alternating(runs, effort.of(5))
    billions = len(X) * operations(pairwise(IMAGE_SIZES))
    alone = ["square", *(("layers", precision) for precision in precisions)]
    rate = {name: runs[name].billions / seconds[name] for name in alone}
    rate |= {p: 2 * billions / (seconds[p, 3] - seconds[p, 1]) for p in precisions}
    ours, square, what = rate["float32"], rate["square"], f"{source}, GFLOP/s of"
    yield figure(f"{what} an epoch", ours, "square product", square, ">= 0.95")
    layers = rate["layers", "float32"]
    yield figure(f"{what} an epoch", ours, "layers' products", layers)
    yield figure(f"{what} a fit of 3 epochs", 3 * billions / seconds["float32", 3], "square product", square, ">= 0.85")
    yield figure(f"{what} an epoch, bfloat16{refusal}", rate.get("bfloat16"), "ours, float32", ours, ">= 2.3")
    if "bfloat16" in rate:
        yield figure(f"{what} layers' products, bfloat16", rate["layers", "bfloat16"], "float32", layers)


def bound_products(vae, n_rows, n_draws):
    """The matrix products of the bounds of some rows: encoder for each row, decoder for each draw."""
    size, factors = DRAWS_AT_ONCE // n_draws, []
    for half, n in (vae.module_.encoder, size), (vae.module_.decoder, DRAWS_AT_ONCE):
        layers = [layer for layer in half if isinstance(layer, nn.Linear)]
        factors += [(la.bias.detach(), torch.randn(n, la.in_features), la.weight.detach().T) for la in layers]
    return Products(torch.addmm, factors, math.ceil(n_rows / size))


def scoring(effort):
    """Rows a second of codes and scores of 1,000,000 x 30; the VAE's bound beside a loop over rows and its products."""
    X, params = table(effort.of(1_000_000), 30), {**SHAPE, **PLAIN, "max_iter": 1}
    autoencoder = AutoencoderTransformer(**params).fit(X[:10_000])
    vae = VAETransformer(**params, code_density=None, n_importance_samples=32).fit(X[:10_000])
    products, single = bound_products(vae, len(X), 32), X[:200]
    runs = {
        "transform": lambda: autoencoder.transform(X),
        "score_samples": lambda: autoencoder.score_samples(X),
        "bound": lambda: vae.score_samples(X),
        "loop": lambda: [vae.score_samples(row[None]) for row in single],
        "products": products,
        "products, one core": threads(1)(products),
    }
    seconds, _ = alternating(runs, 1 if effort.quick else 3)
    n_cores, layers = os.cpu_count(), layers_of(autoencoder.module_)
    for name, of_rows, bar in (("transform", layers[: len(layers) // 2], None), ("score_samples", layers, 1e6)):
        rate, billions = len(X) / seconds[name], 2e-9 * sum(n * m for n, m in of_rows)
        sign = bar and ">= 1"
        yield figure(f"autoencoder, {name}, rows/s", rate, "bar", bar, sign, rate * billions, n_cores)
    bound, loop = len(X) / seconds["bound"], len(single) / seconds["loop"]
    yield figure("VAE, bound of 32 draws, rows/s", bound, "loop over rows", loop, ">= 10")
    fastest = min("products", "products, one core", key=seconds.get)
    yield figure("VAE, bound of 32 draws, seconds", seconds["bound"], fastest, seconds[fastest], "<= 1.5")


def mixed_table(n_rows):
    """Eighteen columns from four factors: numbers, zeros, rounded and capped ones, levels, booleans and days."""
    rng = np.random.default_rng(0)
    X = rng.standard_normal((n_rows, 4)) @ np.random.default_rng(1).standard_normal((4, 18))
    X += 0.4 * rng.standard_normal(X.shape)
    columns = {f"number {j}": X[:, j] for j in range(5)}
    columns["money"], columns["age"] = np.maximum(X[:, 5], 0.0).round(2), np.clip((40 + 10 * X[:, 6]).round(), 17, 90)
    columns["hours"] = np.where(X[:, 7] > 0.0, 40.0, (40 + 8 * X[:, 7]).round())
    columns["gain"] = np.where(X[:, 8] > 2.0, np.exp(X[:, 8]).round(), 0.0)
    for j, n_levels in zip(range(9, 16), (3, 5, 7, 9, 12, 16, 41), strict=True):
        place = np.digitize(X[:, j], np.linspace(-3.0, 3.0, n_levels - 1))
        columns[f"level {j}"] = np.array([f"level {k}" for k in range(n_levels)])[place]
    columns["flag"] = X[:, 16] > 0.0
    columns["day"] = pd.Timestamp("2024-01-01") + pd.to_timedelta(np.rint(30.0 * X[:, 17]), unit="D")
    return pd.DataFrame(columns)


def bounds(effort):
    """Seconds of the bounds of a default VAE, on 100,000 x 30 with all cores and on 200,000 x 18 mixed with one."""
    n_rows, n_mixed = effort.of(100_000), effort.of(200_000)
    X, frame = table(n_rows, 30, np.float64), mixed_table(n_mixed)
    vae = VAETransformer(max_iter=20, random_state=0).fit(X[:5000])
    mixed = VAETransformer(max_iter=20, random_state=0).fit(frame[:5000])
    runs = {"numbers": lambda: vae.score_samples(X), "mixed": threads(1)(lambda: mixed.score_samples(frame))}
    wall, _ = alternating(runs, effort.of(3))
    seconds, _ = alternating(runs, effort.of(3), time.process_time)
    for what, name, bar in (
        (f"{n_rows:,} x 30", "numbers", n_rows / 1e5),
        (f"{n_mixed:,} x 18", "mixed", 6e-5 * n_mixed),
    ):
        yield figure(f"VAE, defaults, score_samples of {what}, seconds", wall[name], "bar", bar, "<= 1")
        yield figure(f"VAE, defaults, score_samples of {what}, seconds of processor", seconds[name])


def by_onnx(model, row, output):
    """What onnxruntime answers for a row in the model's place, by name; nothing where it is not installed."""
    try:
        runtime, export = import_module("onnxruntime"), import_module("skvae.export")
    except ImportError:
        return {}
    options = runtime.SessionOptions()
    options.intra_op_num_threads = 1
    session = runtime.InferenceSession(export.to_onnx(model, output).SerializeToString(), options)
    inputs = export.onnx_inputs(model, row)
    return {f"{output} by onnxruntime": lambda: session.run(None, inputs)}


def latency(effort):
    """Milliseconds of processor for a row of 20 columns beside PCA, and for one of a frame beside a pipeline of it.

    Calls of all kinds take turns, and so each finds the numbers of others in the caches; what has a bar of its own is
    called alone too, as by a service.
    """
    X, frame = table(2000, 20, np.float64), mixed_table(2000)
    pca = PCA(5).fit(X)
    levels = [name for name in frame if name.startswith("level")]
    columns = make_column_transformer(
        (StandardScaler(), list(frame.columns[:9])), (OneHotEncoder(sparse_output=False), levels)
    )
    pipeline = make_pipeline(columns, PCA(5)).fit(frame)
    models = {name: Estimator(max_iter=20, random_state=0).fit(X) for name, Estimator in ESTIMATORS.items()}
    mixed, row, cells = VAETransformer(max_iter=20, random_state=0).fit(frame), X[:1], frame[:1]
    runs = {"PCA": lambda: pca.transform(row), "pipeline": lambda: pipeline.transform(cells)}
    runs |= {name: lambda model=model: model.transform(row) for name, model in models.items()}
    runs |= {f"{name} scores": lambda model=model: model.score_samples(row) for name, model in models.items()}
    runs |= {
        name: run
        for output in ("transform", "score_samples")
        for name, run in by_onnx(models["VAE"], row, output).items()
    }
    runs |= {"frame": lambda: mixed.transform(cells), "frame scores": lambda: mixed.score_samples(cells)}
    for run in runs.values():  # a small piece is found at the second call
        run(), run()
    seconds, _ = alternating(runs, effort.of(500), time.process_time)  # others may run beside calls this short
    ms = {name: 1e3 * each for name, each in seconds.items()}
    for name in ESTIMATORS:
        label = f"{name} scores"
        yield figure(f"{name}, transform of one row of 20 columns, ms", ms[name], "PCA", ms["PCA"], "<= 2.5")
        yield figure(f"{name}, score_samples of that row, ms", ms[label], "bar", 1.5, "<= 1")
        alone, _ = alternating({label: runs[label]}, effort.of(500), time.process_time)
        yield figure(f"{name}, score_samples of that row, no other calls, ms", 1e3 * alone[label], "bar", 1.5, "<= 1")
    for name in [name for name in ms if name.endswith("onnxruntime")]:
        ours = ms["VAE" if name.startswith("transform") else "VAE scores"]
        yield figure(f"VAE, {name.split()[0]} of that row, ms", ours, "onnxruntime", ms[name])
    what = "VAE, transform of one row of a frame of 18 columns, ms"
    yield figure(what, ms["frame"], "one-hot and PCA", ms["pipeline"])
    yield figure("VAE, score_samples of that row, ms", ms["frame scores"])


def small(effort):
    """Seconds of a default fit of 1,000 x 20; the median of five seeds."""
    X = table(1000, 20)
    for name, Estimator in ESTIMATORS.items():
        Estimator(random_state=0).fit(X)
        model = Estimator(random_state=np.random.RandomState(0))
        seconds, _ = alternating({name: lambda model=model: model.fit(X)}, effort.of(5))
        yield figure(f"{name}, defaults, fit of 1,000 x 20, seconds", seconds[name], "bar", 2.0, "<= 1")


def detector(effort):
    """Seconds to fit a default detector to 5,000 x 30 and to score these rows, beside peers."""
    X = table(5000, 30)

    def judged(make):
        return lambda: make().fit(X).score_samples(X)

    def judged_by_pyod():
        return peer("pyod.models.auto_encoder").AutoEncoder(verbose=0).fit(X).decision_function(X)

    AutoencoderOutlierDetector(random_state=0).fit(X[:300])
    runs = {
        "skvae": judged(lambda: AutoencoderOutlierDetector(random_state=0)),
        "IsolationForest": judged(lambda: IsolationForest(random_state=0)),
        "PyOD AutoEncoder": judged_by_pyod,
    }
    seconds, _ = alternating(runs, effort.of(10))
    ours = seconds.pop("skvae")
    yield figure("detector, defaults, fit and score of 5,000 x 30, seconds", ours, "bar", 1.2, "<= 1")
    for name, theirs in seconds.items():
        bar = "<= 0.5" if name.startswith("PyOD") else None
        yield figure("detector, defaults, fit and score of 5,000 x 30, seconds", ours, name, theirs, bar)


def grid(effort):
    """Seconds of a search over five sizes with five folds on 2,000 x 20, in one process and in two."""
    X = table(2000, 20)
    vae = VAETransformer(random_state=0, max_iter=effort.of(200))

    def search(n_jobs, n_rows=None, sizes=(2, 4, 6, 8, 10)):
        GridSearchCV(vae, {"n_components": sizes}, cv=5, n_jobs=n_jobs, refit=False).fit(X[:n_rows])

    search(n_jobs=2, n_rows=200, sizes=(1, 2))
    seconds, _ = alternating({n_jobs: lambda n_jobs=n_jobs: search(n_jobs) for n_jobs in (1, 2)}, effort.of(3))
    yield figure("grid of 25 fits, n_jobs=2, seconds", seconds[2], "bar", 5.0, "<= 1")
    yield figure("grid of 25 fits, n_jobs=2, fits/s", 25 / seconds[2], "n_jobs=1", 25 / seconds[1], ">= 1.7")


def cores(effort):
    """What a second core brings: two fits in threads or in processes, products of two threads, larger batches.

    Two fits in threads of one interpreter take its lock in turn, a kernel after the other.
    """
    n_cores, X = os.cpu_count(), table(2000, 20)
    held, X = np.split(X, [len(X) // 5])

    def fit(seed, **params):
        return VAETransformer(random_state=seed, max_iter=effort.of(30), **params).fit(X)

    def together(backend):
        return lambda: Parallel(2, backend=backend)(delayed(fit)(seed) for seed in (1, 2))

    runs = {"in turn": lambda: [fit(seed) for seed in (1, 2)]}
    runs |= {"threads": together("threading"), "processes": together("loky")}
    for run in runs.values():
        run()
    seconds, _ = alternating(runs, effort.of(5))
    for name in ("threads", "processes"):
        yield figure(f"two fits of 1,600 x 20 in two {name}, seconds", seconds[name], "in turn", seconds["in turn"])
    for n_rows in (64, 256, 1024, 4096):
        products = Products(torch.mm, [(torch.randn(n_rows, 128), torch.randn(128, 128))], effort.of(100))
        seconds, _ = alternating({n: threads(n)(products) for n in (1, n_cores)}, 15)
        rates = [products.billions / seconds[n] for n in (n_cores, 1)]
        yield figure(f"products of {n_rows:,} x 128 by 128 on all cores, GFLOP/s", rates[0], "one core", rates[1])
    batches = ("auto", 256, 512)
    runs = {size: lambda size=size: VAETransformer(batch_size=size, random_state=0).fit(X) for size in batches}
    seconds, models = alternating(runs, effort.of(3))
    scores = {size: float(models[size].score_samples(held).mean()) for size in batches}
    for size in batches[1:]:
        what = f"VAE, 1,600 x 20, batches of {size}"
        yield figure(f"{what}, whole fit, seconds", seconds[size], "default batch", seconds["auto"])
        yield figure(f"{what}, held-out nats a row", scores[size], "default batch", scores["auto"])


def growth_of_time(effort, name):
    """Seconds of two epochs for more rows and for more columns."""
    model, seconds = ESTIMATORS[name](max_iter=2, early_stopping=False, random_state=0), {}
    model.fit(table(1000, 10))
    rows = [(10**k, 10) for k in (3, 4, 5, 6)] + [(10**k, 100) for k in (3, 4, 5)]
    for n_rows, n_columns in rows + [(10**4, n) for n in (30, 300, 1000)]:
        X = table(effort.of(n_rows), n_columns)
        median, _ = alternating({name: lambda X=X: model.fit(X)}, effort.of(3))
        seconds[n_rows, n_columns] = median[name]
        yield figure(f"{name}, 2 epochs of {len(X):,} x {n_columns}, seconds", median[name])
    many, fewer = (seconds[n_rows, 10] / effort.of(n_rows) * 1e6 for n_rows in (10**6, 10**5))
    yield figure(f"{name}, microseconds a row of 1,000,000", many, "of 100,000", fewer, "<= 1.2")


def memory(key):
    """Resident megabytes of this process: now ("VmRSS") or at most ("VmHWM")."""
    return int(re.search(rf"{key}:\s*(\d+)", Path("/proc/self/status").read_text())[1]) * 1024 / 1e6


def peak_memory(name, n_rows, n_columns):
    """Megabytes that a fit takes at most, beyond what the process held before it."""
    X, model = table(n_rows, n_columns, np.float64), ESTIMATORS[name](max_iter=2, random_state=0)
    model.fit(X[:100])
    gc.collect()
    Path("/proc/self/clear_refs").write_text("5")
    before = memory("VmRSS")
    model.fit(X)
    return memory("VmHWM") - before


def memory_kept(name, n_fits):
    """Megabytes that a process gains over fits, once ten of them are behind it."""
    X, held = table(500, 20), []
    for _ in range(10 + n_fits):
        ESTIMATORS[name](max_iter=5, random_state=0).fit(X)
        held.append(memory("VmRSS"))
    return held[-1] - held[9]


def in_fresh_process(function, *arguments):
    """What a function returns in a process of its own that has imported this file."""
    with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as pool:
        return pool.submit(function, *arguments).result()


def growth(effort):
    """Growth of time and memory with rows, columns and fits; of memory only where Linux tells it."""
    for name in ESTIMATORS:
        yield from growth_of_time(effort, name)
        if not os.access("/proc/self/clear_refs", os.W_OK):
            yield figure(f"{name}, memory: not known on this system", None, "bar")
            continue
        for n_rows, n_columns in (effort.of(10**6), 30), (effort.of(10**5), 300):
            peak, limit = in_fresh_process(peak_memory, name, n_rows, n_columns), n_rows * n_columns * 4 / 1e6 + 200
            yield figure(f"{name}, peak memory of {n_rows:,} x {n_columns}, MB", peak, "bar", limit, "<= 1")
        kept = in_fresh_process(memory_kept, name, effort.of(50))
        yield figure(f"{name}, memory kept over {effort.of(50)} fits, MB", kept, "bar", 20.0, "<= 1")


IMPORT = """
import gc, time, torch, pandas, sklearn.pipeline, sklearn.linear_model, sklearn.model_selection
{0}
start = time.perf_counter()
from skvae import VAETransformer
print(time.perf_counter() - start)
"""
"""A process that says how long importing takes after what pipelines and searches need."""


def imports(effort):
    """Seconds of importing a VAE in fresh processes, in which Python may look for garbage among all of torch."""
    clean = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}

    def fresh(first):
        command = [sys.executable, "-c", IMPORT.format(first)]
        return float(subprocess.run(command, check=True, env=clean, capture_output=True, text=True).stdout)

    fresh("")
    for what, first in (("", ""), (", no garbage collected meanwhile", "gc.disable()")):
        seconds = statistics.median(fresh(first) for _ in range(effort.of(10)))
        yield figure(
            f"importing VAETransformer after torch and scikit-learn{what}, seconds", seconds, "bar", 0.1, "<= 1"
        )


ALL = (
    machine,
    training,
    pyod,
    equal_quality,
    useful,
    images,
    scoring,
    bounds,
    latency,
    small,
    detector,
    grid,
    cores,
    imports,
    growth,
)
PARTS = {part.__name__: part for part in ALL}


def shown(value):
    """A cell of the table."""
    if value is None or isinstance(value, str | bool):
        return {None: "-", True: "yes", False: "NO"}.get(value, value)
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.3g}"


def line(cells):
    """A line of the table."""
    what, ours, peer, theirs, ratio, bar, reached, share = map(shown, cells)
    return f"{what:62} {ours:>10}   {peer:20} {theirs:>10} {ratio:>7} {bar:>7}  {reached:7} {share:>6}"


def main():
    """Print a table and write it as JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("parts", nargs="*", default=list(PARTS), help=f"some of {list(PARTS)}")
    parser.add_argument("--quick", action="store_true", help="about a tenth of everything, to try the script")
    beside = Path(__file__).resolve().parents[2] / "shared" / "data"
    parser.add_argument("--data", type=Path, default=beside, help="folder with images/*.npz, else random numbers")
    parser.add_argument("--json", type=Path, help="where to write the figures")
    arguments = parser.parse_args()
    warnings.simplefilter("ignore")
    effort, measured = Effort(arguments.quick, arguments.data), []
    print(line(FIELDS))
    for part in arguments.parts:
        for record in PARTS[part](effort):
            print(line(record.values()), flush=True)
            measured.append(record)
            if arguments.json:
                write(arguments.json, ("pyod", "skorch"), figures=measured)


if __name__ == "__main__":
    main()
