"""Bounds that follow from what is promised and from how many rows show it."""

import math

SIGMAS = 3.8
"""Standard deviations that a test allows: chance passes them once in ten thousand runs."""


def at_most(share, n_new, n_known):
    """The largest share to expect among new rows where a threshold learned from others promises ``share``.

    Both counts are binomial: how many of the new rows lie beyond, and how many of the others lay there.
    """
    return share + SIGMAS * math.sqrt(share * (1.0 - share) * (1.0 / n_new + 1.0 / n_known))
