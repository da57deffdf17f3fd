"""From parameters and what is known of the rows to what is trained and how."""

import math

from skvae._tables.weighted import MOST_TIMES

SMALLEST_BATCH, USUAL_BATCH, STEPS_AN_EPOCH = 16, 256, 16
"""``batch_size="auto"``: about this many steps an epoch, with a batch between the two."""

LARGEST_BATCH, MANY_STEPS = 2048, 512
"""In a table of so many rows that such batches are more steps an epoch than this, batches grow, up to this."""


def auto_batch_size(n_rows, n_counted):
    """The batch, in what rows count, that suits ``n_rows`` different rows that stand for so many.

    Rows that are repeated up to MOST_TIMES make a batch as others do; what they count beyond that makes it larger, not
    an epoch longer, down to about STEPS_AN_EPOCH steps.
    """
    n_alike = min(n_counted, MOST_TIMES * n_rows)
    usual = min(max(n_alike // STEPS_AN_EPOCH, SMALLEST_BATCH), USUAL_BATCH)
    usual = min(max(n_alike // MANY_STEPS, usual), LARGEST_BATCH)
    return int(min(usual * n_counted / n_alike, max(n_counted / STEPS_AN_EPOCH, SMALLEST_BATCH)))


def least_batch_size(n_rows, n_counted):
    """The smallest batch: an epoch has no more steps than there are different rows, or MANY_STEPS."""
    return math.ceil(n_counted / max(n_rows, MANY_STEPS) - 1e-9)
