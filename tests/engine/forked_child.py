"""Uses models, forks, and uses them again in the child: prints what differs there, and what the child did not finish.

A program of its own, run with two threads by ``test_processes.py``: a forked child lacks the threads of its parent.
"""

import faulthandler
import json
import multiprocessing
import pickle
import sys
import warnings
from concurrent.futures import ThreadPoolExecutor

import joblib
import numpy as np
import pandas as pd
import torch

from skvae import AutoencoderImputer, AutoencoderOutlierDetector, AutoencoderTransformer, VAETransformer

PATIENCE = 60
"""Seconds that a child has; with all that it does it needs two."""

BIG = {"max_iter": 1, "random_state": 0, "hidden_layer_sizes": (256,), "n_importance_samples": 4}
SMALL = {"max_iter": 2, "random_state": 0, "hidden_layer_sizes": (32,)}

rng = np.random.RandomState(0)
X = rng.normal(size=(400, 6))
DENSITY = VAETransformer(**SMALL, network="mlp", likelihood="gaussian", code_density=None, n_importance_samples=4)
LONG = rng.normal(size=(5000, 6))
WIDE = rng.normal(size=(128, 300))
FRAME = (
    pd.DataFrame(X[:, :3])
    .add_prefix("x")
    .assign(t=rng.choice(["u", "v"], 400), h=np.where(X[:, 3] > 1, np.nan, X[:, 4]))
)

vae = VAETransformer(**SMALL).fit(FRAME)
plain = VAETransformer(**SMALL).fit(X)
autoencoder = AutoencoderTransformer(**SMALL).fit(X)
detector = AutoencoderOutlierDetector(DENSITY, ensemble=True, random_state=0).fit(FRAME)
imputer = AutoencoderImputer(VAETransformer(**SMALL)).fit(FRAME)
big = VAETransformer(**BIG).fit(WIDE)
pickled = pickle.dumps(big)
novelty = pickle.dumps(
    AutoencoderOutlierDetector(DENSITY, contamination=0.0, ensemble=True, random_state=0).fit(X[:100])
)

JOBS = {
    "transform": lambda: vae.transform(FRAME),
    "score_samples": lambda: vae.score_samples(FRAME),
    "score_features": lambda: vae.score_features(FRAME),
    "impute": lambda: vae.impute(FRAME),
    "sample": lambda: vae.sample(600, random_state=0),
    "sample given": lambda: vae.sample(50, random_state=0, given={"t": "u"}),
    "inverse_transform": lambda: plain.inverse_transform(plain.transform(X)),
    "effective_sample_size": lambda: plain.effective_sample_size(X),
    "long tables": lambda: plain.score_samples(LONG),
    "wide tables": lambda: big.score_samples(WIDE),
    "unpickled": lambda: pickle.loads(pickled).score_samples(WIDE),
    "unpickled denoiser": lambda: pickle.loads(novelty).score_samples(X),
    "autoencoder": lambda: autoencoder.score_samples(X),
    "predict": lambda: detector.predict(FRAME),
    "outlier_probability": lambda: detector.outlier_probability(FRAME),
    "explain": lambda: detector.explain(FRAME.head()).astype(str),
    "imputer": lambda: imputer.transform(FRAME),
    "threads": lambda: np.stack(in_threads(lambda: detector.score_samples(FRAME))),
    "fit": lambda: VAETransformer(**SMALL).fit(FRAME).score_samples(FRAME),
    "autoencoder fit": lambda: AutoencoderTransformer(**SMALL).fit(X).score_samples(X),
    "partial_fit": lambda: pickle.loads(pickle.dumps(plain)).partial_fit(X).score_samples(X),
    "detector fit": lambda: (
        AutoencoderOutlierDetector(DENSITY, ensemble=True, random_state=0).fit(FRAME).score_samples(FRAME)
    ),
    "imputer fit": lambda: AutoencoderImputer(VAETransformer(**SMALL)).fit_transform(FRAME),
    "detector partial_fit": lambda: pickle.loads(pickle.dumps(detector)).partial_fit(FRAME).score_samples(FRAME),
    "wide fit": lambda: VAETransformer(**BIG).fit(WIDE) and None,
}


def in_threads(job):
    """What a job gives in each of four threads, as servers have them that load a model and then fork."""
    with ThreadPoolExecutor(4) as pool:
        return list(pool.map(lambda _: job(), range(4)))


def results():
    """What each job gives, as bytes."""
    return {name: pickle.dumps(np.asarray(job())) for name, job in JOBS.items()}


def in_child(connection):
    """All jobs, one after the other, each result sent at once."""
    warnings.simplefilter("error")
    faulthandler.dump_traceback_later(PATIENCE, exit=True)
    before = torch.get_num_threads()
    for name, job in JOBS.items():
        connection.send((name, pickle.dumps(np.asarray(job()))))
    assert torch.get_num_threads() == before
    connection.send((None, None))


def received(connection):
    """The results that came before the child ended."""
    found = {}
    try:
        while (message := connection.recv())[0] is not None:
            found[message[0]] = message[1]
    except EOFError:
        pass
    return found


def main():
    assert torch.get_num_threads() == 2
    expected = results()
    context = multiprocessing.get_context("fork")
    ours, theirs = context.Pipe(duplex=False)
    child = context.Process(target=in_child, args=(theirs,))
    child.start()
    theirs.close()
    found = received(ours)
    child.join()
    with joblib.parallel_config("multiprocessing", n_jobs=2):
        scores = joblib.Parallel()(joblib.delayed(plain.score_samples)(X) for _ in range(2))
    differing = [name for name in found if found[name] != expected[name]]
    unequal = [i for i, each in enumerate(scores) if not np.array_equal(each, plain.score_samples(X))]
    unfinished = [name for name in JOBS if name not in found]
    print(json.dumps({"unfinished": unfinished, "differing": differing, "joblib": unequal}))


if __name__ == "__main__":
    sys.exit(main())
