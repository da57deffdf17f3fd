"""Which rows train, which validate, and how many make a batch."""

import numpy as np

SMALLEST_BATCH, LARGEST_BATCH, STEPS_AN_EPOCH = 16, 256, 16
"""``batch_size="auto"``: about this many steps an epoch, with a batch between the two."""


def auto_batch_size(n_rows):
    """The batch that suits ``n_rows`` rows."""
    return min(max(n_rows // STEPS_AN_EPOCH, SMALLEST_BATCH), LARGEST_BATCH)


def present_rows(rows, weight):
    """Rows and weights without those of weight zero, which are absent; weights are None where all are alike."""
    if weight is None:
        return rows, None
    rows, weight = rows[weight > 0], weight[weight > 0]
    return rows, None if np.ptp(weight) == 0 else weight


def distinct_rows(rows, weight, batch_size):
    """Equal rows as one row with their weights added, where all distinct rows fit into one batch.

    The objective is the same, and a weight of two is then exactly a row given twice, in whatever order rows come.
    """
    if len(np.unique(rows[: 4 * batch_size], axis=0)) > batch_size:
        return rows, weight
    distinct, place = np.unique(rows, axis=0, return_inverse=True)
    if len(distinct) > batch_size:
        return rows, weight
    return present_rows(distinct, np.bincount(place.ravel(), weights=weight).astype(np.float64))


def split_rows(rows, weight, fraction, seed):
    """Training and validation data, each a pair of rows and weights; one row alone leaves nothing to validate on."""
    n_val = min(max(round(fraction * len(rows)), 1), len(rows) - 1)
    order = np.random.RandomState(seed).permutation(len(rows))
    train, val = [(rows[part], None if weight is None else weight[part]) for part in (order[n_val:], order[:n_val])]
    return train, val if n_val else None
