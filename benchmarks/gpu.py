"""Training and scoring on a GPU: rows a second beside plain torch there, and beside this machine's processor.

Everything: ``python benchmarks/gpu.py --json results/gpu.json``, two to three minutes. It needs a GPU that torch can
compute on. Networks, batches and epochs of a line are equal; a run of many epochs less one of few is what epochs take.
Runs alternate, seconds are medians. Plain torch is the loop of a tutorial on data that already lie on the device, with
rows gathered by a random permutation there; "in a graph" is the same with its step captured by hand. skorch and PyOD
come with ``pip install -e ".[bench]"``; without them their lines are left out, and it says so. The scores of the GPU
are compared with those that the same weights give on the processor.
"""

import argparse
import copy
import pickle
import statistics
import time
import warnings
from functools import partial
from importlib import import_module
from importlib.util import find_spec
from itertools import pairwise
from pathlib import Path

import numpy as np
import torch
from figures import machine, write
from torch import nn

import skvae
from skvae import AutoencoderOutlierDetector, AutoencoderTransformer, VAETransformer
from skvae.networks import Convolutional

PLAIN = {
    "likelihood": "gaussian",
    "activation": "relu",
    "penalty": None,
    "early_stopping": False,
    "learning_rate": "constant",
    "tol": 0.0,
    "random_state": 0,
}
"""Settings with which an autoencoder is the network of a tutorial."""

NETWORKS = {
    "30 columns, 64-32-8": (30, (64, 32), 8, 100_000),
    "784 columns, 512-256-32": (784, (512, 256), 32, 20_000),
    "784 columns, 2048-1024-64": (784, (2048, 1024), 64, 20_000),
}
"""Columns, hidden layers, components and rows."""


def table(n_rows, n_columns):
    """Rows around a plane of eight dimensions, float32."""
    rng = np.random.RandomState(0)
    mixing = rng.standard_normal((8, n_columns)).astype(np.float32)
    z = rng.standard_normal((n_rows, 8)).astype(np.float32)
    return np.tanh(z @ mixing) + 0.3 * rng.standard_normal((n_rows, n_columns)).astype(np.float32)


def seconds(run):
    """Wall time of a call, with nothing left to compute on the device."""
    torch.cuda.synchronize()
    start = time.perf_counter()
    run()
    torch.cuda.synchronize()
    return time.perf_counter() - start


def rate(make, n_rows, batch_size, n_steps=3_000, n_repeats=3):
    """Rows a second of an epoch: of ``make(n_epochs)()``, so many steps more than two epochs, the median of runs."""
    few, many = 2, 2 + -(-n_steps * batch_size // n_rows)
    make(few)()
    apart = [seconds(make(many)) - seconds(make(few)) for _ in range(n_repeats)]
    return n_rows * (many - few) / statistics.median(apart)


def estimator(shape, batch_size, X, n_epochs, **further):
    """A fit of so many epochs of the network of a tutorial."""
    _, hidden, n_components = shape
    sizes = {"hidden_layer_sizes": hidden, "batch_size": batch_size, "max_iter": n_epochs}
    model = AutoencoderTransformer(n_components, network="mlp", device="cuda", **sizes, **PLAIN | further)
    return lambda: model.fit(X)


def network(n_columns, hidden, n_components):
    """The same network in torch."""
    sizes = [n_columns, *hidden, n_components, *reversed(hidden), n_columns]
    linear, layers = {len(hidden), 2 * len(hidden) + 1}, []
    for k, pair in enumerate(pairwise(sizes)):
        layers += [nn.Linear(*pair)] if k in linear else [nn.Linear(*pair), nn.ReLU()]
    return nn.Sequential(*layers).cuda()


def plain_torch(shape, batch_size, data, n_epochs):
    """The loop of a tutorial."""

    def run():
        model = network(*shape)
        optimizer = torch.optim.Adam(model.parameters(), lr=1e-3, fused=True)
        for _ in range(n_epochs):
            for index in torch.randperm(len(data), device="cuda").split(batch_size):
                optimizer.zero_grad()
                nn.functional.mse_loss(model(data[index]), data[index]).backward()
                optimizer.step()

    return run


def torch_in_a_graph(shape, batch_size, data, n_epochs):
    """The same step, captured by hand."""

    def run():
        model, x = network(*shape), torch.empty(batch_size, data.shape[1], device="cuda")
        optimizer = torch.optim.Adam(model.parameters(), lr=1e-3, fused=True, capturable=True)

        def step():
            optimizer.zero_grad(set_to_none=False)
            nn.functional.mse_loss(model(x), x).backward()
            optimizer.step()

        side = torch.cuda.Stream()
        side.wait_stream(torch.cuda.current_stream())
        x.copy_(data[:batch_size])
        with torch.cuda.stream(side):
            for _ in range(3):
                step()
        torch.cuda.current_stream().wait_stream(side)
        graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(graph):
            step()
        for _ in range(n_epochs):
            shuffled = data[torch.randperm(len(data), device="cuda")]
            for rows in shuffled[: len(data) // batch_size * batch_size].split(batch_size):
                x.copy_(rows)
                graph.replay()

    return run


def skorch_regressor(shape, batch_size, X, n_epochs):
    """The same network in skorch, with as little beside training as possible."""
    silent = {f"callbacks__{name}": None for name in ("epoch_timer", "train_loss", "valid_loss", "print_log")}
    fixed = {"optimizer": torch.optim.Adam, "lr": 1e-3, "iterator_train__shuffle": True, "train_split": None}
    sizes = {"batch_size": batch_size, "max_epochs": n_epochs, "device": "cuda", "verbose": 0}
    model = import_module("skorch").NeuralNetRegressor(network(*shape), **fixed, **silent, **sizes)
    return lambda: model.fit(X, X)


def installed(package):
    """Whether a peer is there; says where it is not."""
    there = find_spec(package) is not None
    if not there:
        print(f"{package} is not installed: its lines are left out")
    return there


def training():
    """Epochs of equal networks at equal batches."""
    for name, (n_columns, hidden, n_components, n_rows) in NETWORKS.items():
        X = table(n_rows, n_columns)
        data, shape = torch.from_numpy(X).cuda(), (n_columns, hidden, n_components)
        for batch_size in (256, 2048):
            own = partial(estimator, shape, batch_size, X)
            ours = rate(own, n_rows, batch_size)
            theirs = {
                "torch": rate(partial(plain_torch, shape, batch_size, data), n_rows, batch_size),
                "torch in a graph": rate(partial(torch_in_a_graph, shape, batch_size, data), n_rows, batch_size),
            }
            if batch_size > 256 and installed("skorch"):
                theirs["skorch"] = rate(partial(skorch_regressor, shape, batch_size, X), n_rows, batch_size, 100, 1)
            record = {"what": f"training, {name}, batch {batch_size}", "rows/s": ours}
            if batch_size > 256:
                record["rows/s in bfloat16"] = rate(partial(own, precision="bfloat16"), n_rows, batch_size)
            yield record | {f"times {peer}": ours / other for peer, other in theirs.items()}


def defaults():
    """Whole fits at default settings, on the GPU and on the processor, and what both give."""
    for name, model, X in (
        ("VAE, 1,000 x 20", VAETransformer(random_state=0), table(1_000, 20)),
        ("VAE, 20,000 x 30, 20 epochs", VAETransformer(random_state=0, max_iter=20), table(20_000, 30)),
        ("VAE, 200,000 x 30, 5 epochs", VAETransformer(random_state=0, max_iter=5), table(200_000, 30)),
        ("detector, 5,000 x 30", AutoencoderOutlierDetector(random_state=0), table(5_000, 30)),
        (
            "convolutional, 10,000 x 28 x 28, 3 epochs",
            VAETransformer(16, network=Convolutional((28, 28)), random_state=0, max_iter=3),
            1.0 / (1.0 + np.exp(-table(10_000, 784))),
        ),
    ):
        fitted, took = {}, {}
        for device in ("cuda", "cpu"):
            own = model if hasattr(model, "device") else model.set_params(estimator=VAETransformer())
            own = copy.deepcopy(own).set_params(**{"device" if hasattr(own, "device") else "estimator__device": device})
            fitted[device] = own
            took[device] = seconds(partial(own.fit, X))
        new = table(len(X) + 1000, X.shape[1])[-1000:]
        new = 1.0 / (1.0 + np.exp(-new)) if X.shape[1] == 784 else new
        scores = {device: own.score_samples(new).mean() for device, own in fitted.items()}
        yield {
            "what": f"fit, {name}",
            "seconds": took["cuda"],
            "on the processor": took["cpu"],
            "score": scores["cuda"],
            "score of the processor's": scores["cpu"],
        }


def pyod():
    """Whole fits of PyOD's autoencoders on the GPU, at each one's defaults."""
    X = table(5_000, 30)
    ours = {
        "AutoencoderTransformer": AutoencoderTransformer(random_state=0, device="cuda"),
        "VAETransformer": VAETransformer(random_state=0, device="cuda"),
        "AutoencoderOutlierDetector": AutoencoderOutlierDetector(VAETransformer(device="cuda"), random_state=0),
    }
    theirs = {}
    if installed("pyod"):
        for module, name in (("auto_encoder", "AutoEncoder"), ("vae", "VAE")):
            make = getattr(import_module(f"pyod.models.{module}"), name)
            theirs[f"PyOD {name}"] = make(device=torch.device("cuda"), verbose=0, random_state=0)
    for name, model in (ours | theirs).items():
        model.fit(X[:500])
        yield {"what": f"fit of 5,000 x 30 at its defaults, {name}", "seconds": seconds(partial(model.fit, X))}


def inference():
    """Rows a second of a fitted model, and how far the same weights score from each other on two devices."""
    X = table(200_000, 30)
    model = VAETransformer(8, random_state=0, max_iter=3, device="cuda").fit(X)
    few = X[:2000]
    for method in (model.transform, model.score_samples):
        method(X[:20_000])
        yield {"what": f"{method.__name__}, 200,000 x 30", "rows/s": len(X) / seconds(partial(method, X))}
    stored = pickle.dumps(model)
    here = model.score_samples(few)
    other = pickle.loads(stored)
    other._model.device = "cpu"
    moved = pickle.loads(pickle.dumps(other))
    start = time.perf_counter()
    there = moved.score_samples(few)
    yield {
        "what": "score_samples, the same weights on the processor",
        "rows/s": len(few) / (time.perf_counter() - start),
        "largest difference": float(np.abs(here - there).max()),
    }


PARTS = {part.__name__: part for part in (training, defaults, pyod, inference)}


def main():
    """Print a line a figure and write them as JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("parts", nargs="*", default=list(PARTS), help=f"some of {list(PARTS)}")
    parser.add_argument("--json", type=Path, help="where to write the figures")
    arguments = parser.parse_args()
    if not torch.cuda.is_available():
        parser.exit(1, "This benchmark needs a GPU that torch can compute on; there is none.\n")
    warnings.simplefilter("ignore")
    print(machine(), torch.__version__, skvae.__version__)
    measured = []
    for part in arguments.parts:
        for record in PARTS[part]():
            figures = {k: f"{v:,.4g}" if isinstance(v, float) else v for k, v in record.items()}
            print(figures.pop("what"), *(f"{name} {value}" for name, value in figures.items()), sep=" | ", flush=True)
            measured.append(record)
            if arguments.json:
                write(arguments.json, ("pyod", "skorch"), figures=measured)


if __name__ == "__main__":
    main()
