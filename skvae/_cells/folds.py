"""Cells of rows, and which rows a judge learns from: none that are equal to those that it judges."""

from dataclasses import dataclass, replace
from zlib import crc32

import numpy as np


@dataclass(frozen=True)
class Cells:
    """Rows of cells: ``numbers`` (n, n_features), NaN where they are missing.

    ``texts`` holds, for each column of levels by its number, the texts that these are places in; ``names`` are the
    columns in words.
    """

    numbers: np.ndarray
    texts: dict
    names: list

    def part(self, rows):
        """Some of the rows, by a mask (n,)."""
        return replace(self, numbers=self.numbers[rows])


def folds_of(cells, n_folds, seed):
    """The fold (n,) that each row is in: equal rows are in one, wherever they come from and whatever stands beside."""
    words = np.ascontiguousarray(cells.numbers + 0.0)  # so that -0.0 is 0.0
    for j, texts in cells.texts.items():
        marks = np.array([crc32(text.encode("utf-8", "surrogatepass")) for text in texts] + [0], dtype=np.float64)
        words[:, j] = marks[np.where(np.isnan(words[:, j]), len(texts), words[:, j]).astype(np.int64)]
    return np.array([crc32(row.tobytes(), seed) for row in words], dtype=np.int64) % n_folds
