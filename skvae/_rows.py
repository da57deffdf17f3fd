"""Which rows train, which validate, and how many make a batch."""

from typing import NamedTuple

import numpy as np

SMALLEST_BATCH, LARGEST_BATCH, STEPS_AN_EPOCH = 16, 256, 16
"""``batch_size="auto"``: about this many steps an epoch, with a batch between the two."""


class WeightedRows(NamedTuple):
    """Rows (n, n_features), a positive weight each, of mean one, or None where all are alike, and the total weight."""

    X: np.ndarray
    weight: np.ndarray | None
    total: float

    @classmethod
    def present(cls, X, sample_weight=None):
        """The rows that count: those of weight zero are absent."""
        if sample_weight is None:
            return cls(X, None, float(len(X)))
        present = sample_weight > 0
        return cls._of(X[present], sample_weight[present])

    @classmethod
    def _of(cls, X, weight):
        relative = weight / weight.max()
        total = float(relative.sum()) * float(weight.max())
        return cls(X, None if np.ptp(relative) == 0 else relative / relative.mean(), total)

    def distinct(self):
        """Equal rows as one row with their weights added, in sorted order: the same objective."""
        X, place = np.unique(self.X, axis=0, return_inverse=True)
        return self._of(X, np.bincount(place.ravel(), self.weight).astype(np.float64))._replace(total=self.total)

    def part(self, index):
        """Some of the rows with their weights as they are."""
        return self._replace(X=self.X[index], weight=None if self.weight is None else self.weight[index])

    def take(self, index):
        """Some of the rows, as rows of their own."""
        return self.present(self.X[index], None if self.weight is None else self.weight[index])

    def split(self, fraction, seed):
        """Training and validation rows; one row alone leaves None to validate on."""
        n_val = min(max(round(fraction * len(self.X)), 1), len(self.X) - 1)
        order = np.random.RandomState(seed).permutation(len(self.X))
        return self.take(order[n_val:]), self.take(order[:n_val]) if n_val else None


def auto_batch_size(n_rows):
    """The batch that suits ``n_rows`` rows."""
    return min(max(n_rows // STEPS_AN_EPOCH, SMALLEST_BATCH), LARGEST_BATCH)
