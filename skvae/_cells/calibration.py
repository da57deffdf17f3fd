"""How often cells that are right are as strange as a given one."""

from dataclasses import dataclass

import numpy as np

FIRST_GUESS, MOST_WRONG, ROUNDS = 0.01, 0.2, 50
"""Share of wrong cells that the search begins with, the largest that it can find, and how often it is made better."""

STRANGENESS_DIGITS = 3
"""Digits of strangeness that are told apart."""


@dataclass(frozen=True)
class Calibration:
    """Shares of right cells at least as strange as ``levels`` (n_levels,), which ascend, and as any stranger one.

    ``wrong`` is the share of the cells that are taken to be wrong.
    """

    levels: np.ndarray
    shares: np.ndarray
    wrong: float

    @classmethod
    def of(cls, strangeness):
        r"""From the strangeness of many cells (n,), of which most are right.

        Strangeness s is the logarithm of a ratio of likelihoods, so that where a share e of all cells is wrong, one is
        right with chance (1 - e) / (1 - e + e exp(s)): by this chance it counts. e is found by expectation and
        maximisation (Dempster, Laird and Rubin, 1977).
        """
        levels, counts = np.unique(np.round(strangeness, STRANGENESS_DIGITS), return_counts=True)
        odds, wrong = np.exp(np.minimum(levels, 500.0)), FIRST_GUESS
        for _ in range(ROUNDS):
            right = (1.0 - wrong) / (1.0 - wrong + wrong * odds)
            wrong = min(1.0 - counts @ right / max(counts.sum(), 1), MOST_WRONG)
        weight = counts * right
        reached = np.append(weight[::-1].cumsum()[::-1], 0.0)
        return cls(levels, (reached + 1.0) / (reached[0] + 1.0), float(wrong))

    def false_alarms(self, strangeness):
        """Share of the right cells that are at least as strange, for cells of any shape."""
        return self.shares[np.searchsorted(self.levels, np.round(strangeness, STRANGENESS_DIGITS))]
