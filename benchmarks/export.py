"""How long one row, and many, take in onnxruntime beside the estimator itself, and how close the answers are.

``python benchmarks/export.py`` takes a minute on two cores. Both compute with one thread. Seconds are medians of calls;
errors are the largest over all rows, relative to the size of a number where that is above one.
"""

import argparse
import statistics
import time
import warnings

import numpy as np
import onnxruntime
import pandas as pd
import torch
from sklearn.datasets import load_breast_cancer, load_digits

from skvae import AutoencoderOutlierDetector, AutoencoderTransformer, VAETransformer
from skvae.export import onnx_inputs, to_onnx

CALLS, MANY = 200, 512
"""Calls of one row, and rows of a call of many."""


def mixed(X):
    """A data frame of numbers, some of them missing, and texts."""
    frame = pd.DataFrame(X[:, :10]).add_prefix("c")
    frame["level"] = np.where(X[:, 0] > 15, "large", np.where(X[:, 0] > 12, "middle", "small"))
    return frame.mask(np.random.RandomState(0).uniform(size=frame.shape) < 0.05)


def cases():
    """Names, estimators, tables and what is asked."""
    cancer, digits = load_breast_cancer().data, load_digits().data
    settings = {"random_state": 0, "max_iter": 10}
    yield "VAETransformer, 30 columns", VAETransformer(5, **settings), cancer, ["transform", "score_samples"]
    yield "AutoencoderTransformer, 30 columns", AutoencoderTransformer(5, **settings), cancer, ["score_samples"]
    yield "VAETransformer, 10 columns and texts", VAETransformer(3, **settings), mixed(cancer), ["transform"]
    images = AutoencoderTransformer(8, image_shape=(1, 8, 8), **settings)
    yield "AutoencoderTransformer, images of 8 x 8", images, digits, ["transform", "reconstruct"]
    yield "AutoencoderOutlierDetector, 30 columns", AutoencoderOutlierDetector(random_state=0), cancer, ["predict"]


def seconds(call, n_calls):
    """Median of the seconds of a call."""
    found = []
    for _ in range(n_calls):
        begun = time.perf_counter()
        call()
        found.append(time.perf_counter() - begun)
    return statistics.median(found[n_calls // 10 :])


def asked(estimator, output):
    """What the estimator itself answers."""
    if output == "reconstruct":
        return lambda X: estimator.inverse_transform(estimator.transform(X))
    return getattr(estimator, output)


def session_of(model):
    """A session with one thread."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    return onnxruntime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])


def line(name, estimator, X, output, n_calls):
    """One line of the table."""
    begun = time.perf_counter()
    model = to_onnx(estimator, output)
    exported = time.perf_counter() - begun
    session, ours = session_of(model), asked(estimator, output)
    one, many = X[:1], X[:MANY]
    inputs = [onnx_inputs(estimator, part) for part in (one, many)]
    found, wanted = session.run(None, inputs[1])[0], np.asarray(ours(many))
    error = (np.abs(found - wanted) / np.maximum(np.abs(wanted), 1.0)).max()
    times = [seconds(lambda: session.run(None, inputs[0]), n_calls), seconds(lambda: ours(one), n_calls)]
    times += [seconds(lambda: session.run(None, inputs[1]), n_calls // 10), seconds(lambda: ours(many), n_calls // 10)]
    micro = [f"{1e6 * each:,.0f}" for each in times]
    size = f"{model.ByteSize() / 1024:,.0f}"
    return f"| {name}: {output} | {' | '.join(micro)} | {error:.0e} | {exported:.1f} | {size} |"


def main():
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="a tenth of the calls")
    n_calls = CALLS // 10 if parser.parse_args().quick else CALLS
    warnings.simplefilter("ignore")
    torch.set_num_threads(1)
    print(f"onnxruntime {onnxruntime.__version__}, torch {torch.__version__}; microseconds a call")
    print(
        "| what | one row, onnxruntime | one row, skvae | 512, onnxruntime | 512, skvae | error | s to export | KiB |"
    )
    print("|---|---|---|---|---|---|---|---|")
    for name, estimator, X, outputs in cases():
        estimator.fit(X)
        for output in outputs:
            print(line(name, estimator, X, output, n_calls), flush=True)


if __name__ == "__main__":
    main()
