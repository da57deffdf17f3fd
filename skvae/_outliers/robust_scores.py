"""Six scores of a row in one: a density, four distances and a forest, on matrices."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from skvae._outliers.combined import CombinedScores, reasons_of
from skvae._outliers.excess import Excess
from skvae._outliers.forest import Forest
from skvae._outliers.neighbors import Positions, Sample, SampleDistances
from skvae._tables.matrix import dense, of_rows
from skvae._tables.weighted import drawn_rows, weighted_threshold

STRANGEST, CORE = 0.1, 0.7
"""Share of the training rows that are left out as the strangest, and share that is the core of the usual ones."""

SMALL_SAMPLE, SAMPLE = 64, 256
"""Rows of the samples that distances are measured to: of all rows, and of the usual ones; at most half of the rows."""

STRANGEST_SCORES = 3
"""How many of the scores of a row count: those to which it is strangest."""

REFERENCE_ROWS = 2048
"""Training rows that distances are measured to, and that the scale of each score is found on."""


@dataclass(frozen=True, kw_only=True)
class RobustScores(CombinedScores):
    """What two densities, distances and a forest say of rows of numbers (n, n_features).

    ``trusting`` and ``wary`` are densities on matrices. Scales are those of up to REFERENCE_ROWS training rows. Those
    of form 2 have no forest, and all of their scores count.
    """

    trusting: Any
    wary: Any
    forest: Forest | None = None

    @classmethod
    def of(cls, trusting, wary, schema, matrix, weight, rng):
        """Measure distances to these rows, or to a part of many drawn by weight, and find the scale of each score."""
        rows, weight = drawn_rows(matrix, weight, REFERENCE_ROWS, rng)
        some = of_rows(matrix, rows)
        density, numbers = trusting.score(some), dense(some)
        usual = most(wary.score(some), weight, 1.0 - STRANGEST)
        positions = Positions.of(numbers, weight, usual, schema)
        distances = distances_of(positions(numbers), density, usual, weight)
        forest = Forest.of(distances.rows, weight, rng)
        scores = {"density": density} | judged(distances.rows, distances, forest)
        scales = {name: Excess.of(values, weight) for name, values in scores.items()}
        reasons = reasons_of((trusting, wary), schema, positions, numbers, weight)
        parts = {"schema": schema, "positions": positions, "distances": distances, "scales": scales, "forest": forest}
        return cls(trusting=trusting, wary=wary, **parts, **reasons, n_counted=STRANGEST_SCORES)

    @property
    def densities(self):
        """The densities that give reasons, the wary one last."""
        return self.trusting, self.wary

    def scores(self, matrix):
        """Each score of rows (n,) by its name, in units of its own, higher being more normal."""
        points = self.positions(dense(matrix))
        return {"density": self.trusting.score(matrix)} | judged(points, self.distances, self.forest)


def judged(points, distances, forest):
    """Scores of points (n, width) by their names, but for that of the density."""
    scores = {name: -values for name, values in distances(points).items()}
    return scores if forest is None else scores | {"forest": forest(points)}


def distances_of(rows, density, usual, weight):
    """Distances to rows at some positions (n, width): to the nearest, and to samples of all, usual and core ones.

    ``density`` are the scores of the rows, ``usual`` is a mask of those that are not the strangest.
    """
    nearness = -SampleDistances(rows, {"usual": Sample.of(weight, usual, SAMPLE)})(rows)["usual"]
    strange = sum(Excess.of(scores, weight).strangeness(scores) for scores in (density, nearness))
    samples = {
        "nearest": Sample.of_all(weight),
        "all": Sample.of(weight, np.ones(len(rows), dtype=bool), SMALL_SAMPLE),
        "usual": Sample.of(weight, most(nearness, weight, 1.0 - STRANGEST), SAMPLE),
        "core": Sample.of(weight, most(-strange, weight, CORE), SAMPLE),
    }
    return SampleDistances(rows, samples)


def most(scores, weight, share):
    """Mask of the rows of the highest scores that hold about this share of the weight."""
    return scores >= weighted_threshold(scores, weight, 1.0 - share)
