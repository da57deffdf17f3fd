"""Several scores of a row in one, and what its cells cost by the densities behind them, on matrices."""

from dataclasses import dataclass

import numpy as np

from skvae._outliers.neighbors import Positions, SampleDistances
from skvae._outliers.reasons import expected_cells, residual, usual_cells
from skvae._outliers.shares import Lone, costs_of, usual_shortfall, width
from skvae._tables.matrix import dense, in_file, pieces_of
from skvae._tables.schema import Schema


@dataclass(frozen=True, kw_only=True)
class CombinedScores:
    """Scores of rows of numbers (n, n_features) in one.

    A kind of them has ``scores(matrix)``, each score by its name, and ``densities``, one or several on matrices that
    give reasons: the first says where cells can be, the last what is expected of them. Of the scores of a row so many
    count, those to which it is strangest; None for all.
    """

    schema: Schema
    positions: Positions
    distances: SampleDistances
    scales: dict
    usual: np.ndarray
    widths: list
    usual_shortfall: np.ndarray
    lone: Lone | None = None
    n_counted: int | None = None

    def strangeness(self, matrix):
        """How strange each row is (n,) by the name of the score, on the scale of its training scores."""
        if in_file(matrix):
            parts = [self.strangeness(cells) for _, cells in pieces_of(matrix)]
            return {name: np.concatenate([part[name] for part in parts]) for name in self.scales}
        return {name: self.scales[name].strangeness(values) for name, values in self.scores(matrix).items()}

    def score(self, matrix):
        """Minus the excess of a row: 0 is usual, -1 about as strange as the strangest tenth of the training rows.

        The excess is the mean of those of the scores that count, on their logarithmic scale.
        """
        return together(self.strangeness(matrix), self.n_counted)

    def shares(self, matrix):
        """Nats that each cell costs under a normal density of what is expected: the mean of the densities'.

        That is minus half the square of the cell's distance to what is expected of it, in widths of what is usual in
        its column. Heavy tails would make light of far cells in just those columns in which the model knows least. A
        level costs the logarithm of how many times more probable the expected one is to the last density, whose codes
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
        costs, shortfall = costs_of(numbers, self.densities, self.widths, self.usual, where), None
        if self.lone is not None:
            costs = np.minimum(costs, self.lone.costs(numbers))
        if levels.any():
            shortfall = self.shortfall(matrix)
            costs[:, levels] = np.minimum(shortfall[:, levels] - self.usual_shortfall[levels], 0.0)
        return costs, shortfall

    def shortfall(self, matrix):
        """Nats that each cell has less than what the last density expects of it (n, n_features)."""
        return self.densities[-1].shortfall(matrix)

    def codes(self, matrix):
        """Codes of rows, those of the last density."""
        return self.densities[-1].codes(matrix)

    def expected(self, matrix):
        """What the last density expects of each cell (n, n_features)."""
        return self.densities[-1].expected(matrix)

    @property
    def bounds(self):
        """Between which values the first density lets cells be (2, n_features)."""
        return self.densities[0].bounds


def reasons_of(densities, schema, positions, numbers, weight):
    """Where cells usually are, how far from what densities expect, shortfalls of the last one's levels, lone values.

    By their names in ``CombinedScores``.
    """
    where = positions.units.usual
    cells = usual_cells(numbers, weight, schema, where)
    expected = [expected_cells(each.expected, numbers, cells, where) for each in densities]
    widths = [width(residual(numbers, each, where, learn=True), weight, positions.scale) for each in expected]
    shortfall = usual_shortfall(densities[-1], numbers, numbers, weight, schema)
    return {"usual": cells, "widths": widths, "usual_shortfall": shortfall, "lone": Lone.of(numbers, weight)}


def together(strangeness, n_counted=None):
    """Minus the excess of rows (n,) whose strangeness on a logarithmic scale is the mean of their strangest scores.

    So many of these count, given by their names (n,) each; None for all.
    """
    strangest = np.sort(np.stack(list(strangeness.values())), axis=0)[-(n_counted or len(strangeness)) :]
    mean = strangest.sum(axis=0) / len(strangest)
    return -np.sign(mean) * np.expm1(np.abs(mean))
