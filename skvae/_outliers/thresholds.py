"""The score below which rows are outliers."""

import math

import numpy as np
from scipy.special import ndtr, stdtrit

from skvae._tables.weighted import WeightedRows, weighted_threshold

FALSE_ALARMS = 0.01
"""Share of usual rows that ``contamination="auto"`` and ``0.0`` promise to flag."""

LEAST_TAIL = 1e-9
"""Share of usual rows that a threshold is made for at least, however few rows say where it is."""


def threshold_of(scores, weight, scale, share=None):
    """The threshold of training scores (n,) with weights, on the ``scale`` of which FALSE_ALARMS are judged.

    ``share`` is that of the rows to flag; None where it is not known.
    """
    usual, is_known = scale.quantile(FALSE_ALARMS), share is not None
    share, most = (share, 2.0 * share) if is_known else (0.0, FALSE_ALARMS)
    offset = weighted_threshold(scores, weight, share, most)
    if offset < WeightedRows.present(scores, weight).X.min():  # no row is to be flagged
        return min(offset, usual) if is_known else usual
    return offset if is_known else max(offset, usual)


def threshold_of_usual(scores, weight, scale):
    """The score that FALSE_ALARMS of usual rows fall below, by those (n,) of usual rows that nothing learned from.

    A new row is as likely to be the lowest of all of them together as any other (Vovk et al., 2005). Of so few rows
    that the lowest is too many the ``scale`` says how far tails go, by the quantile of a new row of a normal
    distribution whose scale is known from these rows alone: Student's, with one degree of freedom less than rows.
    """
    order = np.argsort(scores, kind="stable")
    below = np.cumsum(weight[order])
    n_below = np.searchsorted(below, FALSE_ALARMS * (below[-1] + 1.0), side="right")
    if n_below:
        return float(scores[order[n_below - 1]])
    n = max(below[-1], 2.0)
    tail = float(ndtr(math.sqrt(1.0 + 1.0 / n) * stdtrit(n - 1.0, FALSE_ALARMS)))
    return min(float(scores.min()), scale.quantile(max(tail, LEAST_TAIL)))
