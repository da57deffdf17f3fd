"""The recent rows of a stream, some of them."""

from dataclasses import dataclass

import numpy as np

from skvae._tables.matrix import dense

PLACES = 2048
"""Rows that a reservoir holds; one that was there before as many came is still there with probability 1/e."""

LATEST = 512
"""Rows, the latest, that say which scores are usual now."""

MOST_ARRIVALS = 2**22
"""Places that the rows of one batch take one after the other, at most: weights beyond that say no more."""


@dataclass(frozen=True)
class Reservoir:
    """Up to PLACES rows X (n, n_features), float64, their weights (n,) and when they came (n,), counted in rows.

    A row of weight two comes twice. ``n_seen`` is how many rows have come so far.
    """

    X: np.ndarray
    weight: np.ndarray
    arrival: np.ndarray
    n_seen: int

    @classmethod
    def of(cls, X, weight):
        """A whole matrix with weights, or None: all its rows that count, or PLACES of them, evenly spread."""
        index, weight = arrivals(X, weight)
        arrival = np.arange(len(index))
        if len(index) > PLACES:
            arrival = np.arange(PLACES) * len(index) // PLACES
        return cls(dense(X, index[arrival]), weight[arrival], arrival, len(index))

    def after(self, X, weight, seed):
        """The same after one more batch, whose rows take free places first, then random ones, one row at a time.

        Who is still there does not depend on how a stream is cut into batches, in distribution.
        """
        index, weight = arrivals(X, weight)
        n_held, n_new = len(self.X), len(index)
        n_free = min(PLACES - n_held, n_new)
        places = np.arange(n_held, n_held + n_new)
        places[n_free:] = np.random.default_rng([seed, self.n_seen]).integers(PLACES, size=n_new - n_free)
        source = np.arange(n_held + n_free)
        source[places] = n_held + np.arange(n_new)
        new = np.flatnonzero(source >= n_held)
        came = source[new] - n_held
        held = np.where(source < n_held, source, 0)
        rows, weights, arrival = self.X[held], self.weight[held], self.arrival[held]
        rows[new] = dense(X, index[came])
        weights[new], arrival[new] = weight[came], self.n_seen + came
        return Reservoir(rows, weights, arrival, self.n_seen + n_new)

    @property
    def latest(self):
        """The LATEST rows that came and are still there, as a reservoir of their own."""
        index = np.sort(np.argsort(-self.arrival, kind="stable")[:LATEST])
        return Reservoir(self.X[index], self.weight[index], self.arrival[index], self.n_seen)


def arrivals(X, weight):
    """Row numbers of the rows that count, in order, as often as they count, and the weight of each time."""
    weight = np.ones(X.shape[0]) if weight is None else weight
    index = np.flatnonzero(weight)
    n_times = np.ceil(weight[index] / max(weight.sum() / MOST_ARRIVALS, 1.0)).astype(int)
    return np.repeat(index, n_times), np.repeat(weight[index] / n_times, n_times)
