"""Writes what every later release must load: ``python -m tests.kept.write``, once a release, from the repository.

``FORM-NAME.pickle`` holds an estimator, ``FORM-NAME.skops`` the same, ``FORM-NAME.npz`` what it answers.
"""

import pickle
import warnings
from pathlib import Path

import numpy as np
import pandas as pd
import skops.io

from skvae import AutoencoderImputer, AutoencoderOutlierDetector, AutoencoderTransformer, VAETransformer
from skvae._stored import FORMAT

FOLDER = Path(__file__).parent
SHORT = {"hidden_layer_sizes": (4,), "max_iter": 2, "random_state": 0, "device": "cpu"}


def numbers():
    """Rows of an array (40, 4)."""
    return np.random.RandomState(0).normal(size=(40, 2)) @ np.array([[1.0, 2.0, 0.0, 1.0], [0.0, 1.0, 3.0, -1.0]]) + 5.0


def frame():
    """Rows of a mixed data frame, with holes."""
    X = numbers()
    columns = {
        "number": X[:, 0],
        "count": np.abs(X[:, 1]).astype(int),
        "text": pd.Series(np.where(X[:, 2] > 5.0, "high", "low"), dtype=object),
        "level": pd.Categorical(np.where(X[:, 3] > 5.0, "a", "b"), categories=["a", "b", "c"]),
        "flag": X[:, 0] > 5.0,
        "day": pd.Timestamp("2024-01-01") + pd.to_timedelta(np.arange(len(X)), "D"),
    }
    table = pd.DataFrame(columns)
    table.loc[::7, "number"] = np.nan
    return table


ESTIMATORS = {
    "vae": (VAETransformer(2, **SHORT), numbers),
    "autoencoder": (AutoencoderTransformer(2, **SHORT), numbers),
    "mixed-vae": (VAETransformer(2, **SHORT), frame),
    "convolutional": (AutoencoderTransformer(2, image_shape=(2, 2), likelihood="gaussian", **SHORT), numbers),
    "detector": (AutoencoderOutlierDetector(VAETransformer(2, **SHORT), random_state=0), frame),
    "ensemble": (AutoencoderOutlierDetector(VAETransformer(2, **SHORT), ensemble=True, random_state=0), frame),
    "novelty": (
        AutoencoderOutlierDetector(VAETransformer(2, **SHORT), contamination=0.0, ensemble=True, random_state=0),
        numbers,
    ),
    "imputer": (AutoencoderImputer(VAETransformer(2, **SHORT), random_state=0), frame),
}


def answers(estimator, X):
    """What an estimator says of rows, as one array of numbers."""
    if isinstance(estimator, AutoencoderImputer):
        return estimator.transform(X)[["number"]].to_numpy()
    return estimator.score_samples(X)


def main():
    """Write all files of this release's form."""
    warnings.simplefilter("ignore")
    for name, (estimator, make) in ESTIMATORS.items():
        X = make()
        estimator.fit(X)
        stem = FOLDER / f"{FORMAT}-{name}"
        stem.with_suffix(".pickle").write_bytes(pickle.dumps(estimator, protocol=4))
        stem.with_suffix(".skops").write_bytes(skops.io.dumps(estimator, compression=8))
        np.savez(stem.with_suffix(".npz"), answers=answers(estimator, X))


if __name__ == "__main__":
    main()
