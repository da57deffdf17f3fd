"""Two scores of a row in one, where all training rows are known to be usual: a denoiser and the nearest row."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from skvae._engine.denoising import Denoising
from skvae._outliers.excess import Excess
from skvae._outliers.four_scores import FourScores, residual, together, usual_cells, usual_shortfall, width
from skvae._outliers.neighbors import Positions, Sample, SampleDistances
from skvae._outliers.reasons import expected_cells
from skvae._tables.matrix import dense, of_rows
from skvae._tables.weighted import WeightedRows, drawn_rows

REFERENCE_ROWS = 8192
"""Training rows that others are compared with, and that the denoiser learns from."""

HELD_OUT, FEWEST, MOST = 0.1, 10, 1024
"""Share of these rows that the denoiser does not learn from, and their number at least and at most."""

FEW = 2048
"""Rows up to which all say how far the nearest one usually is."""

GOES_ON = 0.1
"""Share of its steps that a denoiser takes with each batch of a stream."""

ALL = 2**62
"""Size of a sample that misses no row."""


@dataclass(frozen=True)
class NoveltyScores(FourScores):
    """What a denoiser and the distance to the nearest training row say of rows of numbers (n, n_features).

    ``held_out`` are the scores of training rows that the denoiser has not seen, each compared with all others, and what
    they count: what new usual rows look like. ``middle`` (width,) are the median costs of their numbers. Reasons are
    those of the density, which is both the trusting and the wary one.
    """

    denoising: Any
    middle: np.ndarray
    held_out: tuple

    @classmethod
    def of(cls, density, schema, matrix, weight, rng, device, before=None):
        """Compare with these rows, or with a part of many drawn by weight; a denoiser goes on from ``before``."""
        rows, weight = drawn_rows(matrix, weight, REFERENCE_ROWS, rng)
        some, everyone = of_rows(matrix, rows), np.ones(len(rows), dtype=bool)
        numbers, seed = dense(some), int(rng.randint(np.iinfo(np.int32).max))
        positions = Positions.of(numbers, weight, everyone, schema) if before is None else before.positions
        points, held = positions(numbers), held_out(len(rows), rng)
        learned = ~held if not held.all() else held
        denoising = Denoising(points.shape[1], device, seed) if before is None else before.denoising.copy()
        unseen = points[held], weight[held]
        denoising.train(points[learned], weight[learned], unseen, seed, 1.0 if before is None else GOES_ON)
        distances = SampleDistances(points, {"nearest": Sample(np.arange(len(points)), weight / weight.sum(), ALL)})
        there = ~np.isnan(positions.spread(numbers))
        costs = np.where(there[held], denoising.costs(points[held]), np.nan)
        middle = np.nan_to_num(WeightedRows.present(costs, weight[held]).quantiles((0.5,))[0])
        some_points = np.flatnonzero(held) if len(points) > FEW else np.arange(len(points))
        near = -distances(points[some_points])["nearest"]
        scores = {"denoising": -np.nansum(costs - middle, axis=1), "nearest": near[np.isin(some_points, np.flatnonzero(held))]}
        scales = {"denoising": Excess.of(scores["denoising"], weight[held]), "nearest": Excess.of(near, weight[some_points])}
        known = together({name: scales[name].strangeness(values) for name, values in scores.items()})
        where = positions.units.usual
        cells = usual_cells(numbers, weight, schema, where)
        part = residual(numbers, expected_cells(density.expected, numbers, cells, where), where, learn=True)
        widths = [width(part, weight, positions.scale)] * 2
        shortfall = usual_shortfall(density, numbers, some, weight, schema)
        parts = density, density, schema, positions, distances, scales, cells, widths, shortfall
        return cls(*parts, denoising, middle, (known, weight[held]))

    def scores(self, matrix):
        numbers = dense(matrix)
        points, there = self.positions(numbers), ~np.isnan(self.positions.spread(numbers))
        costs = np.where(there, self.denoising.costs(points) - self.middle, 0.0)
        return {"denoising": -costs.sum(axis=1), "nearest": -self.distances(points)["nearest"]}


def held_out(n_rows, rng):
    """Mask of the rows that are held out, all of so few that none are left to learn from."""
    n_held = min(max(round(HELD_OUT * n_rows), FEWEST), MOST)
    mask = np.ones(n_rows, dtype=bool)
    if n_rows > 1:
        mask[rng.permutation(n_rows)[min(n_held, n_rows // 2) :]] = False
    return mask
