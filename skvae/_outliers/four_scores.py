"""Four scores of a row in one: a density and three distances, on matrices."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from skvae._outliers.combined import CombinedScores, reasons_of
from skvae._outliers.excess import Excess
from skvae._outliers.neighbors import Positions, Sample, SampleDistances
from skvae._tables.matrix import dense, of_rows
from skvae._tables.weighted import drawn_rows, weighted_threshold

STRANGEST, CORE = 0.1, 0.7
"""Share of the training rows that are left out as the strangest, and share that is the core of the usual ones."""

SMALL_SAMPLE, SAMPLE = 64, 256
"""Rows of the samples that distances are measured to: of all rows, and of the usual ones; at most half of the rows."""

REFERENCE_ROWS = 2048
"""Training rows that distances are measured to, and that the scale of each score is found on."""


@dataclass(frozen=True, kw_only=True)
class FourScores(CombinedScores):
    """What two densities and three distances say of rows of numbers (n, n_features).

    ``trusting`` and ``wary`` are densities on matrices. Scales are those of up to REFERENCE_ROWS training rows.
    """

    trusting: Any
    wary: Any

    @classmethod
    def of(cls, trusting, wary, schema, matrix, weight, rng):
        """Measure distances to these rows, or to a part of many drawn by weight, and find the scale of each score."""
        rows, weight = drawn_rows(matrix, weight, REFERENCE_ROWS, rng)
        some = of_rows(matrix, rows)
        density, numbers = trusting.score(some), dense(some)
        usual = most(wary.score(some), weight, 1.0 - STRANGEST)
        positions = Positions.of(numbers, weight, usual, schema)
        distances = distances_of(positions(numbers), density, usual, weight)
        scores = {"density": density} | {name: -values for name, values in distances(distances.rows).items()}
        scales = {name: Excess.of(values, weight) for name, values in scores.items()}
        reasons = reasons_of((trusting, wary), schema, positions, numbers, weight)
        parts = {"schema": schema, "positions": positions, "distances": distances, "scales": scales}
        return cls(trusting=trusting, wary=wary, **parts, **reasons)

    @property
    def densities(self):
        """The densities that give reasons, the wary one last."""
        return self.trusting, self.wary

    def scores(self, matrix):
        """Each score of rows (n,) by its name, in units of its own, higher being more normal."""
        scores = {"density": self.trusting.score(matrix)}
        return scores | {name: -values for name, values in self.distances(self.positions(dense(matrix))).items()}


def distances_of(rows, density, usual, weight):
    """Distances to samples of rows at some positions (n, width): of all, of the usual and of the core.

    ``density`` are the scores of the rows, ``usual`` is a mask of those that are not the strangest.
    """
    nearness = -SampleDistances(rows, {"usual": Sample.of(weight, usual, SAMPLE)})(rows)["usual"]
    strange = sum(Excess.of(scores, weight).strangeness(scores) for scores in (density, nearness))
    samples = {
        "all": Sample.of(weight, np.ones(len(rows), dtype=bool), SMALL_SAMPLE),
        "usual": Sample.of(weight, most(nearness, weight, 1.0 - STRANGEST), SAMPLE),
        "core": Sample.of(weight, most(-strange, weight, CORE), SAMPLE),
    }
    return SampleDistances(rows, samples)


def most(scores, weight, share):
    """Mask of the rows of the highest scores that hold about this share of the weight."""
    return scores >= weighted_threshold(scores, weight, 1.0 - share)
