"""Two scores of a row in one, where all training rows are known to be usual: a denoiser and the nearest row."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from skvae._engine.denoising import Denoising
from skvae._outliers.combined import CombinedScores, reasons_of, together
from skvae._outliers.excess import Excess
from skvae._outliers.neighbors import Positions, Sample, SampleDistances
from skvae._tables.matrix import dense, of_rows
from skvae._tables.weighted import WeightedRows, drawn_rows

COMPARED_ROWS = 8192
"""Training rows that others are compared with, and that the denoiser learns from."""

HELD_OUT, FEWEST_HELD, MOST_HELD = 0.1, 10, 1024
"""Share of these rows that the denoiser does not learn from, and their number at least and at most."""

ROWS_THAT_ALL_SAY = 2048
"""Rows up to which all say how far the nearest one usually is."""

GOES_ON = 0.1
"""Share of its steps that a denoiser takes with each batch of a stream."""


@dataclass(frozen=True, kw_only=True)
class NoveltyScores(CombinedScores):
    """What a denoiser and the distance to the nearest training row say of rows of numbers (n, n_features).

    ``held_out`` are the scores of training rows that the denoiser has not seen, each compared with all others, and what
    they count: what new usual rows look like. ``middle`` (width,) are the median costs of their numbers. Reasons are
    those of the ``density``.
    """

    density: Any
    denoising: Any
    middle: np.ndarray
    held_out: tuple

    @classmethod
    def of(cls, density, schema, matrix, weight, rng, device, before=None):
        """Compare with these rows, or with a part of many drawn by weight; a denoiser goes on from ``before``."""
        rows, weight = drawn_rows(matrix, weight, COMPARED_ROWS, rng)
        numbers, seed = dense(of_rows(matrix, rows)), int(rng.randint(np.iinfo(np.int32).max))
        usual = np.ones(len(rows), dtype=bool)
        positions = Positions.of(numbers, weight, usual, schema) if before is None else before.positions
        points, (learned, held) = positions(numbers), parts_of(len(rows), rng)
        denoising = Denoising(points.shape[1], device, seed) if before is None else before.denoising.copy()
        unseen = points[held], weight[held]
        denoising.train(points[learned], weight[learned], unseen, seed, 1.0 if before is None else GOES_ON)
        distances = SampleDistances(points, {"nearest": Sample.of_all(weight)})
        costs = np.where(np.isnan(positions.spread(numbers[held])), np.nan, denoising.costs(points[held]))
        middle = np.nan_to_num(WeightedRows.present(costs, weight[held]).quantiles((0.5,))[0])
        asked = held if len(points) > ROWS_THAT_ALL_SAY else usual
        near = -distances(points[asked])["nearest"]
        scores = {"denoising": -np.nansum(costs - middle, axis=1), "nearest": near[held[asked]]}
        scales = {
            "denoising": Excess.of(scores["denoising"], weight[held]),
            "nearest": Excess.of(near, weight[asked]),
        }
        known = together({name: scales[name].strangeness(values) for name, values in scores.items()})
        parts = {"schema": schema, "positions": positions, "distances": distances, "scales": scales}
        parts |= reasons_of((density,), schema, positions, numbers, weight)
        parts |= {"denoising": denoising, "middle": middle, "held_out": (known, weight[held])}
        return cls(density=density, **parts)

    def __setstate__(self, state):
        """Of form 2 the density has two other names."""
        named = {"density" if name == "trusting" else name: value for name, value in state.items() if name != "wary"}
        vars(self).update(named)

    @property
    def densities(self):
        """The density that gives reasons."""
        return (self.density,)

    def scores(self, matrix):
        numbers = dense(matrix)
        points, there = self.positions(numbers), ~np.isnan(self.positions.spread(numbers))
        costs = np.where(there, self.denoising.costs(points) - self.middle, 0.0)
        return {"denoising": -costs.sum(axis=1), "nearest": -self.distances(points)["nearest"]}


def parts_of(n_rows, rng):
    """Masks of the rows to learn from and of those held out; one row alone is both."""
    n_held = min(max(round(HELD_OUT * n_rows), FEWEST_HELD), MOST_HELD)
    mask = np.ones(n_rows, dtype=bool)
    if n_rows > 1:
        mask[rng.permutation(n_rows)[min(n_held, n_rows // 2) :]] = False
    return (mask if mask.all() else ~mask), mask
