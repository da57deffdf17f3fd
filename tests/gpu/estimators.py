"""Estimators that compute on a GPU, and tables of every kind for them."""

import numpy as np
import pandas as pd
from sklearn.base import clone
from sklearn.datasets import load_digits, make_blobs

from skvae import AutoencoderOutlierDetector, AutoencoderTransformer, VAETransformer
from skvae.networks import Convolutional


def mixed_frame(n_rows=600):
    """Numbers, counts, levels and holes that depend on one another."""
    rng = np.random.RandomState(0)
    z = rng.normal(size=(n_rows, 2))
    frame = pd.DataFrame(
        {
            "a": z[:, 0] + 0.1 * rng.normal(size=n_rows),
            "b": 100.0 * z[:, 1] + 3.0 * z[:, 0],
            "count": rng.poisson(np.exp(z[:, 0])),
            "level": pd.Categorical(np.array(["x", "y", "z"])[np.digitize(z[:, 1], [-0.5, 0.5])]),
            "flag": z.sum(axis=1) > 0,
            "exact": np.maximum(z[:, 0], 0.0),
        }
    )
    frame.loc[rng.uniform(size=n_rows) < 0.1, "a"] = np.nan
    return frame


def plain_table(n_rows=600):
    """Rows of eight columns around five centres."""
    return make_blobs(n_rows, 8, centers=5, random_state=0)[0]


def pictures():
    """Digits of 8 x 8 pixels."""
    return load_digits().data[:600] / 16.0


ESTIMATORS = {
    "autoencoder": (AutoencoderTransformer(3), plain_table),
    "VAE": (VAETransformer(3), plain_table),
    "VAE, IWAE": (VAETransformer(3, objective="iwae", n_draws=5), plain_table),
    "linear VAE": (VAETransformer(3, hidden_layer_sizes=(), likelihood="gaussian"), plain_table),
    "mixed autoencoder": (AutoencoderTransformer(3), mixed_frame),
    "mixed VAE": (VAETransformer(3), mixed_frame),
    "pixels": (VAETransformer(8), pictures),
    "convolutional": (AutoencoderTransformer(8, network=Convolutional((8, 8))), pictures),
    "convolutional VAE": (VAETransformer(8, network=Convolutional((8, 8))), pictures),
    "detector": (AutoencoderOutlierDetector(), plain_table),
    "mixed detector": (AutoencoderOutlierDetector(), mixed_frame),
    "detector of novelty": (AutoencoderOutlierDetector(contamination=0.0, ensemble=True), mixed_frame),
}
SHORT = {"max_iter": 10, "device": "cuda"}


def on_gpu(name, **params):
    """An unfitted estimator that computes on the GPU, and its table."""
    estimator, make = ESTIMATORS[name]
    estimator, params = clone(estimator), SHORT | params
    if isinstance(estimator, AutoencoderOutlierDetector):
        return estimator.set_params(random_state=0, estimator=VAETransformer(**params)), make()
    return estimator.set_params(random_state=0, **params), make()
