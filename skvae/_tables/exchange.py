"""Cells as programs of other languages have them: texts, and float64 with NaN for holes."""

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Exchanged:
    """How the cells of one column are written where there are only texts and float64, and which numbers they stand for.

    Texts are ``texts`` by their level numbers, values ``values`` by theirs. Of other columns a cell is
    ``size * number - phase``. What is decoded is ``whole`` and between ``low`` and ``high`` as a number, and rounded to
    float32 where it is ``single``. Cells of an ``empty`` column say nothing.
    """

    texts: list | None = None
    values: np.ndarray | None = None
    size: float = 1.0
    phase: float = 0.0
    whole: bool = False
    low: float = -np.inf
    high: float = np.inf
    single: bool = False
    empty: bool = False
