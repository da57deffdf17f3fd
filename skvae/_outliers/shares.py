"""What the cells of a row cost under one density or two: their shares in how strange it is."""

import math
from dataclasses import dataclass

import numpy as np

from skvae._outliers.reasons import expected_cells, residual
from skvae._tables.weighted import WeightedRows

LEAST_WIDTH = 0.3
"""Standard deviations of a column that are added to how far its cells usually are from what is expected of them."""

MOST_WIDTHS = 1e150
"""Widths that a cell is away from what is expected at most, so that its square is finite."""


@dataclass(frozen=True)
class Lone:
    """Columns that hold one value in all rows: a difference from it has no unit to be measured in.

    ``values`` (n_features,) are these values, NaN where there are several, and ``cost`` is that of another one in nats:
    as of a level that no training row has, which is taken to be in half of a row.
    """

    values: np.ndarray
    cost: float

    @classmethod
    def of(cls, numbers, weight):
        """Those of rows of numbers (n, n_features) with weights (n,)."""
        present = numbers[weight > 0.0]
        low, high = np.fmin.reduce(present, axis=0), np.fmax.reduce(present, axis=0)
        return cls(np.where(low == high, low, np.nan), -math.log(2.0 * weight.sum() + 1.0))

    def costs(self, numbers):
        """The cost of cells (n, n_features) that differ, 0 for all others."""
        return np.where(np.isnan(numbers) | np.isnan(self.values) | (numbers == self.values), 0.0, self.cost)


def costs_of(numbers, densities, widths, usual, where):
    """Minus half the squared distance of each cell to what is expected of it, in widths: the mean of the densities'."""
    costs = np.zeros(numbers.shape)
    for density, usual_width in zip(densities, widths, strict=True):
        apart = residual(numbers, expected_cells(density.expected, numbers, usual, where), where, learn=False)
        costs = costs + np.nan_to_num(np.square(np.clip(apart / usual_width, -MOST_WIDTHS, MOST_WIDTHS)))
    return 0.0 - 0.5 / len(densities) * costs


def width(residual, weight, scale):
    """How far cells usually are from what is expected (n_features,): at least a part of their column's width."""
    tame = np.clip(residual, *WeightedRows.present(residual, weight).usual_range())
    total = np.maximum(weight @ ~np.isnan(tame), np.finfo(np.float64).tiny)
    return np.sqrt(weight @ np.nan_to_num(np.square(tame)) / total) + LEAST_WIDTH * scale


def usual_shortfall(density, numbers, matrix, weight, schema):
    """Median, in each column of levels (n_features,), of what levels are less probable than the most probable one."""
    found, levels = np.zeros(numbers.shape[1]), schema.with_levels(numbers.shape[1])
    if levels.any():
        shortfall = np.where(np.isnan(numbers), np.nan, density.shortfall(matrix))[:, levels]
        found[levels] = np.nan_to_num(WeightedRows.present(shortfall, weight).quantiles((0.5,))[0])
    return found
