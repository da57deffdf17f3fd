"""A column of numbers: its quantiles, and how strange a number is in its column by itself."""

import math

import numpy as np

MOST_PARTS = 24
"""Into how many parts of equal shares the cells of a column are put."""

SLIPS = 10.0, 100.0, 0.1
"""How many times too large a slip of the decimals makes a number."""

WINDOW = 0.1
"""Half of the width, in logarithms, of the window that says how dense numbers are."""

ATOM, LEAST_USUAL = 0.2, 20
"""Share of the cells from which on one value is left out of what is usual, and cells that tell this at least."""

REACHED = 0.05
"""Share of the usual cells beyond each end; tails fall tenfold from the middle to there, and once more as far again."""

OFTEN_COUNT, OFTEN_SHARE = 3, 0.005
"""Cells of one value, and share of the cells, from which on it is not far, wherever it lies."""

WRONG_AND_FAR = 0.15
"""How many wrong cells of a column are as far as is once in a row of right ones, times their rarity."""

SIGN_KEPT = 0.999
"""Share of the cells above zero from which on others are as far as can be."""

FARTHEST_AWAY = 10.0
"""The distance of such cells."""

MORE_SYMMETRIC = 0.1
"""How much more symmetric logarithms are, as the logarithm of the ratio of both sides, where they are taken."""


class NumberColumn:
    """What some rows say of a column of numbers.

    Parameters
    ----------
    cells : ndarray of shape (n,)
        The cells that are there.
    texts : None
        Numbers have none.
    """

    ordered = True

    def __init__(self, cells, texts=None):
        self._total, values = len(cells), np.unique(cells)
        between = np.linspace(0.0, 1.0, MOST_PARTS + 1)[1:-1]
        few = len(values) <= MOST_PARTS
        self._edges = values[1:] if few else np.unique(np.quantile(cells, between, method="nearest"))
        codes = np.searchsorted(self._edges, cells, side="right")
        held = np.unique(codes)
        self._edges = self._edges[held[1:] - 1]  # parts without a cell are none
        codes = np.searchsorted(held, codes)
        self.shares = np.bincount(codes) / max(len(cells), 1)
        self._typical = np.array([np.median(cells[codes == code]) for code in range(len(held))])
        with np.errstate(divide="ignore"):
            self._logs = np.sort(np.log(np.abs(cells[cells != 0.0])))
        self._usual = self._where_usual(cells)
        self._reached = np.array([]) if self._usual is None else np.sort(self._away(cells))

    def _where_usual(self, cells):
        """Whether logarithms are looked at, their three quantiles, the least number there can be, repeated values."""
        values, counts = np.unique(cells, return_counts=True)
        rest = cells[~np.isin(cells, values[counts > ATOM * len(cells)])]
        if len(rest) < LEAST_USUAL:
            return None
        ends, best = (REACHED, 0.5, 1.0 - REACHED), (math.inf, None)
        for logs in (False, True):
            if logs and (rest > 0.0).mean() < SIGN_KEPT:
                continue
            low, middle, high = np.quantile(np.log(rest[rest > 0.0]) if logs else rest, ends)
            if low < middle < high:
                skewness = abs(math.log((high - middle) / (middle - low)))
                if skewness < best[0] - MORE_SYMMETRIC * logs:
                    best = skewness, (logs, low, middle, high)
        least = (
            0.0 if (cells > 0.0).mean() >= SIGN_KEPT else -5e-324 if (cells >= 0.0).mean() >= SIGN_KEPT else -math.inf
        )
        repeated = values[counts >= max(OFTEN_COUNT, OFTEN_SHARE * len(cells))]
        return None if best[1] is None else (*best[1], least, repeated)

    def codes(self, cells, texts=None):
        """Numbers (n,) of the parts that cells are in, NaN where they are missing."""
        return np.where(np.isnan(cells), np.nan, np.searchsorted(self._edges, cells, side="right"))

    def alternatives(self, cells, texts=None):
        """Codes that cells may have been meant to be, one array (n,) for each slip; NaN where none had such cells."""
        return [np.where(self._density(cells, factor) > 0.0, self.codes(cells / factor), np.nan) for factor in SLIPS]

    def _density(self, cells, factor=1.0):
        """How many cells of all are as large as these (n,) would be without a slip."""
        with np.errstate(divide="ignore", invalid="ignore"):
            logs = np.log(np.abs(cells)) - math.log(factor)
        ends = (np.searchsorted(self._logs, np.nan_to_num(logs, neginf=-1e300) + side) for side in (-WINDOW, WINDOW))
        low, high = ends
        return np.where(np.isfinite(logs), high - low, 0.0)

    def by_itself(self, cells, texts, log_fit, log_fits):
        """How many times as probable a wrong cell is to be such as these (n,) than a right one.

        ``log_fit`` (n,) says how much better than by its column alone the model foresees each cell, as a logarithm,
        ``log_fits`` the same of its ``alternatives``.
        """
        there, slips = self._density(cells) + 0.5, 0.0
        for factor, fit in zip(SLIPS, log_fits, strict=True):
            meant = self._density(cells, factor) * np.exp(np.nan_to_num(fit, nan=-np.inf))
            slips = slips + meant / len(SLIPS)
        return 0.5 * slips / (there * np.exp(log_fit)) + 0.5 * self._times_far(cells)

    def _away(self, cells):
        """How far cells (n,) are from the middle, in distances from there to where the usual ones of their side end."""
        logs, low, middle, high, least, repeated = self._usual
        with np.errstate(divide="ignore", invalid="ignore"):
            places = np.log(np.where(cells > 0.0, cells, np.nan)) if logs else cells
        away = np.where(places > middle, (places - middle) / (high - middle), (middle - places) / (middle - low))
        away = np.where(cells <= least, FARTHEST_AWAY, np.nan_to_num(away))
        return np.where(np.isin(cells, repeated), 0.0, np.minimum(away, FARTHEST_AWAY))

    def _times_far(self, cells):
        """The same of far numbers: tails are as light as they may be, but hold the cells that are as far."""
        if self._usual is None:
            return np.zeros(len(cells))
        away = self._away(cells)
        beyond = (self._total - np.searchsorted(self._reached, away)) / self._total
        return WRONG_AND_FAR / (np.maximum(0.5 * 10.0**-away, beyond) + 0.5 / self._total)

    def expected(self, code, cell, texts=None):
        """The number that is expected where the model says a code, NaN for nothing, and a note on the cell."""
        number = (
            self._typical[int(min(code, len(self._typical) - 1))] if not np.isnan(code) else np.median(self._typical)
        )
        for factor in SLIPS:
            if number != 0.0 and self._slipped(cell, number, factor):
                return number, f"{factor:g} times what is usual here"
        return number, ""

    def _slipped(self, cell, number, factor):
        """Whether a cell is nearer to what is expected without a slip, and few others are as large."""
        ratio = cell / number
        return (
            ratio > 0.0
            and abs(math.log(ratio / factor)) < 0.5 * abs(math.log(factor))
            and (self._density(np.array([cell]))[0] <= OFTEN_SHARE * self._total)
        )
