"""A column of levels: which ones have a number of their own, and how strange a level is in its column by itself."""

import numpy as np

from skvae._cells.typing_errors import likely_meant

LEAST_COUNT, MOST_LEVELS = 2, 250
"""Cells of a level from which on it has a number of its own, and how many levels have one."""

FREQUENT_COUNT, FREQUENT_SHARE, TIMES_RARER = 5, 0.005, 10
"""Cells, and share of the cells, of a level that others may have been meant to be; how many times rarer these are."""

COMMON_SHARE = 0.02
"""Share of the cells of a level from which on it tells how much alike right levels are; errors are not so frequent."""

WRONG_AND_RARE = 0.3
"""Share of the wrong levels of a column that occur once; twice is half as frequent, and so on."""

ONLY_HERE = "no other row has this level"


class LevelColumn:
    """What some rows say of a column of levels, each a text; cells are places in a list of ``texts``.

    Parameters
    ----------
    cells : ndarray of int of shape (n,)
        The cells that are there.
    texts : list of str
        What they are places in.
    """

    ordered = False

    def __init__(self, cells, texts):
        counts = np.bincount(cells, minlength=len(texts))
        self._count = {}
        for i in np.flatnonzero(counts).tolist():  # levels of different types may be one text
            self._count[texts[i]] = self._count.get(texts[i], 0) + int(counts[i])
        self._total = len(cells)
        ranked = sorted(self._count, key=lambda text: (-self._count[text], text))
        alone = [text for text in ranked if self._count[text] >= LEAST_COUNT][:MOST_LEVELS]
        self._code = {text: code for code, text in enumerate(alone)}
        self._rest = len(alone) if len(alone) < len(ranked) else None
        shares = [self._count[text] for text in alone]
        shares += [] if self._rest is None else [self._total - sum(shares)]
        self.shares = np.array(shares) / max(self._total, 1)
        self._most = ranked[0] if ranked else ""
        least = max(FREQUENT_COUNT, FREQUENT_SHARE * self._total)
        self._least, self._frequent = least, [text for text in ranked if self._count[text] >= least]
        self._common = [text for text in self._frequent if self._count[text] >= COMMON_SHARE * self._total]
        alike = sum(likely_meant(text, self._common) is not None for text in self._common)
        self._chance_alike = (alike + 0.5) / (len(self._common) + 1.0)

    @property
    def common(self):
        """The levels that may have come into other columns."""
        return self._common

    def note_others(self, elsewhere):
        """Take note of the common levels of other columns, each with the name of one that has it.

        Then the counts of all levels are known that do not look like errors.
        """
        shared = sum(text in elsewhere for text in self._common)
        self._elsewhere, self._chance_elsewhere = elsewhere, (shared + 0.5) / (len(self._common) + 1.0)
        usual = [count for text, count in self._count.items() if self._chance(text) == 1.0]
        self._sorted = np.sort(np.array(usual, dtype=np.int64))

    def codes(self, cells, texts):
        """Numbers (n,) of cells, NaN where they are missing or no row had their like."""
        rest = np.nan if self._rest is None else self._rest
        of_text = np.array([self._code.get(text, rest) for text in texts] + [np.nan], dtype=np.float64)
        return of_text[np.where(np.isnan(cells), len(texts), cells).astype(np.int64)]

    def alternatives(self, cells, texts):
        """Codes that cells may have been meant to be, besides their own: levels have none."""
        return []

    def by_itself(self, cells, texts, log_fit, log_fits):
        """How many times as probable a wrong cell is to be such as these (n,) than a right one."""
        times = np.array([self._times(text) for text in texts] + [0.0])
        return times[np.where(np.isnan(cells), len(texts), cells).astype(np.int64)]

    def _times(self, text):
        count = self._count.get(text, 0)
        as_rare = self._sorted[: np.searchsorted(self._sorted, count + 1, side="right")].sum()
        right = (as_rare + 0.5) / max(self._total, 1)  # a level that is there once is a new one to the other rows
        return WRONG_AND_RARE / (count + 1) / (right * self._chance(text))

    def _chance(self, text):
        """Chance that a right level looks as much like an error as this one does, by what frequent levels do."""
        if self._meant(text) is not None:
            return self._chance_alike
        return self._chance_elsewhere if self._misplaced(text) is not None else 1.0

    def _misplaced(self, text):
        """The column of which a rare level is a frequent one; None where it is of none."""
        return None if self._count.get(text, 0) >= self._least else self._elsewhere.get(text)

    def _meant(self, text):
        """The frequent level that a rare one is with a typing error, and in what it differs; None where it is none."""
        count = max(self._count.get(text, 0), 1)
        return likely_meant(text, [each for each in self._frequent if self._count[each] >= TIMES_RARER * count])

    def expected(self, code, cell, texts):
        """The level that is expected where the model says a code, NaN for nothing, and a note on the cell."""
        text = texts[int(cell)]
        meant = self._meant(text)
        if meant is not None:
            return meant[0], f"like {meant[0]!r} but for {meant[1]}"
        named, misplaced = list(self._code), self._misplaced(text)
        best = named[int(code)] if not np.isnan(code) and code < len(named) else self._most
        if misplaced is not None:
            return best, f"a level of {misplaced}"
        return best, "" if self._count.get(text, 0) else ONLY_HERE
