"""Six scores of a row in one: a density, four distances and a forest, on matrices."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from skvae._outliers.excess import Excess
from skvae._outliers.forest import Forest
from skvae._outliers.neighbors import Positions, Sample, SampleDistances
from skvae._outliers.reasons import expected_cells, residual, usual_cells
from skvae._outliers.shares import Lone, costs_of, usual_shortfall, width
from skvae._tables.matrix import dense, in_file, of_rows, pieces_of
from skvae._tables.schema import Schema
from skvae._tables.weighted import drawn_rows, weighted_threshold

STRANGEST, CORE = 0.1, 0.7
"""Share of the training rows that are left out as the strangest, and share that is the core of the usual ones."""

SMALL_SAMPLE, SAMPLE = 64, 256
"""Rows of the samples that distances are measured to: of all rows, and of the usual ones; at most half of the rows."""

ALL = 2**62
"""Size of a sample that misses no row."""

STRANGEST_SCORES = 3
"""How many of the scores of a row count: those to which it is strangest."""

REFERENCE_ROWS = 2048
"""Training rows that distances are measured to, and that the scale of each score is found on."""


@dataclass(frozen=True)
class RobustScores:
    """What two densities, distances and a forest say of rows of numbers (n, n_features).

    ``trusting`` and ``wary`` are densities on matrices. Scales are those of up to REFERENCE_ROWS training rows.
    """

    trusting: Any
    wary: Any
    schema: Schema
    positions: Positions
    distances: SampleDistances
    scales: dict
    usual: np.ndarray
    widths: list
    usual_shortfall: np.ndarray
    lone: Lone | None = None
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
        return cls(trusting, wary, schema, positions, distances, scales, *reasons, forest)

    def strangeness(self, matrix):
        """How strange each row is (n,) by the name of the score, on the scale of its training scores."""
        if in_file(matrix):
            parts = [self.strangeness(cells) for _, cells in pieces_of(matrix)]
            return {name: np.concatenate([part[name] for part in parts]) for name in self.scales}
        return {name: self.scales[name].strangeness(values) for name, values in self.scores(matrix).items()}

    def scores(self, matrix):
        """Each score of rows (n,) by its name, in units of its own, higher being more normal."""
        points = self.positions(dense(matrix))
        return {"density": self.trusting.score(matrix)} | judged(points, self.distances, self.forest)

    def score(self, matrix):
        """Minus the excess of a row: 0 is usual, -1 about as strange as the strangest tenth of the training rows.

        The excess is the mean of the STRANGEST_SCORES largest ones of its scores on their logarithmic scale.
        """
        return together(self.strangeness(matrix), STRANGEST_SCORES)

    def shares(self, matrix):
        """Nats that each cell costs under a normal density of what is expected: the mean of both densities'.

        That is minus half the square of the cell's distance to what is expected of it, in widths of what is usual in
        its column. Heavy tails would make light of far cells in just those columns in which the model knows least. A
        level costs the logarithm of how many times more probable the expected one is to the wary density, whose codes
        say what is expected, beyond the median in its column: of many levels none is probable. A missing cell costs
        nothing, and one that differs in a column of one value at least what a level costs that no training row has.
        """
        return self.costs(matrix)[0]

    def costs(self, matrix):
        """The shares of cells, and what each has less than what is expected of it, in nats: both (n, n_features).

        The latter is None where no column holds levels.
        """
        numbers, levels = dense(matrix), self.schema.with_levels(matrix.shape[1])
        where = self.positions.units.usual
        costs, shortfall = costs_of(numbers, (self.trusting, self.wary), self.widths, self.usual, where), None
        if self.lone is not None:
            costs = np.minimum(costs, self.lone.costs(numbers))
        if levels.any():
            shortfall = self.wary.shortfall(matrix)
            costs[:, levels] = np.minimum(shortfall[:, levels] - self.usual_shortfall[levels], 0.0)
        return costs, shortfall

    def shortfall(self, matrix):
        """Nats that each cell has less than what the wary density expects of it (n, n_features)."""
        return self.wary.shortfall(matrix)

    def codes(self, matrix):
        """Codes of rows, those of the wary density."""
        return self.wary.codes(matrix)

    def expected(self, matrix):
        """What the wary density expects of each cell (n, n_features)."""
        return self.wary.expected(matrix)

    @property
    def bounds(self):
        """Between which values the trusting density lets cells be (2, n_features)."""
        return self.trusting.bounds


def reasons_of(densities, schema, positions, numbers, weight):
    """Where cells usually are, how far from what densities expect, shortfalls of the last one's levels, lone values."""
    where = positions.units.usual
    cells = usual_cells(numbers, weight, schema, where)
    expected = [expected_cells(each.expected, numbers, cells, where) for each in densities]
    widths = [width(residual(numbers, each, where, learn=True), weight, positions.scale) for each in expected]
    shortfall = usual_shortfall(densities[-1], numbers, numbers, weight, schema)
    return cells, widths, shortfall, Lone.of(numbers, weight)


def judged(points, distances, forest):
    """Scores of points (n, width) by their names, but for that of the density."""
    return {name: -values for name, values in distances(points).items()} | {"forest": forest(points)}


def together(strangeness, n_counted):
    """Minus the excess of rows (n,) whose strangeness on a logarithmic scale is the mean of their strangest scores."""
    strangest = np.sort(np.stack(list(strangeness.values())), axis=0)[-n_counted:]
    mean = strangest.sum(axis=0) / len(strangest)
    return -np.sign(mean) * np.expm1(np.abs(mean))


def distances_of(rows, density, usual, weight):
    """Distances to rows at some positions (n, width): to the nearest, and to samples of all, usual and core ones.

    ``density`` are the scores of the rows, ``usual`` is a mask of those that are not the strangest.
    """
    nearness = -SampleDistances(rows, {"usual": Sample.of(weight, usual, SAMPLE)})(rows)["usual"]
    strange = sum(Excess.of(scores, weight).strangeness(scores) for scores in (density, nearness))
    samples = {
        "nearest": Sample(np.arange(len(rows)), weight / weight.sum(), ALL),
        "all": Sample.of(weight, np.ones(len(rows), dtype=bool), SMALL_SAMPLE),
        "usual": Sample.of(weight, most(nearness, weight, 1.0 - STRANGEST), SAMPLE),
        "core": Sample.of(weight, most(-strange, weight, CORE), SAMPLE),
    }
    return SampleDistances(rows, samples)


def most(scores, weight, share):
    """Mask of the rows of the highest scores that hold about this share of the weight."""
    return scores >= weighted_threshold(scores, weight, 1.0 - share)
