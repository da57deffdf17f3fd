"""What is known of a trained model beside its weights: usual cells, the shares of cells in a score, what codes say."""

import math
from dataclasses import dataclass

import numpy as np

from skvae._tables.weighted import WeightedRows
from skvae.nn.likelihoods import LIKELIHOODS

BASELINE_ROWS = 256
"""Training rows, evenly spread, whose mean score a feature's share is measured against."""

ACTIVE_VARIANCE, ACTIVE_DIVERGENCE = 0.01, 0.1
"""Variance of a component's codes over rows above which it counts as active, as in Burda et al. (2016), and the nats
that it must say of a row besides."""

ENOUGH_TO_JUDGE, MOST_UNUSUAL = 10, 0.1
"""Usual rows from which on scores are judged: strange ones have worse draws; and share of cells beyond the usual range
that a usual row has at most."""


@dataclass(frozen=True)
class Summary:
    """What training rows say of a trained model.

    ``usual`` (2, n_features) is where the cells of each column usually lie, ``baseline`` (n_features,) the mean share
    of its cells in a row's score, ``holes`` (n, n_features) which cells training rows lack, None where none is missing.
    """

    usual: np.ndarray
    baseline: np.ndarray
    holes: np.ndarray | None


def summarised(model, profile, n_draws, rate=1.0, before=None):
    """The summary of a calibrated model, from the profile of its training rows.

    Where these are the share ``rate`` of all rows, it is mixed with that of ``before``.
    """
    rows = profile.sample.rows
    some, usual = spread(rows), usual_range(model, profile.sample)
    if rate < 1.0:
        usual = np.where(np.isfinite(before.usual + usual), (1.0 - rate) * before.usual + rate * usual, usual)
    baseline = mean_shares(cell_shares(model, model.units.usual.tamed(some.X), usual, n_draws), some)
    if rate < 1.0:
        return Summary(usual, (1.0 - rate) * before.baseline + rate * baseline, before.holes)
    return Summary(usual, baseline, rows.holes() if profile.columns.holed.any() else None)


def spread(rows, most=BASELINE_ROWS):
    """Up to ``most`` rows, evenly spread."""
    return rows.part(slice(None, None, math.ceil(rows.n_rows / most)))


def usual_range(model, sample):
    """Where the cells of each column usually lie (2, n_features); everywhere where values have no order."""
    usual = sample.usual_range(model.units.usual)
    for name, columns, _ in model.options.likelihood:
        if not LIKELIHOODS[name].ordered:
            usual[:, columns] = np.array([[-np.inf], [np.inf]])
    return usual


def cell_shares(model, X, usual, n_draws):
    """Each cell's part of the row's score: its own log-density, and an equal part of what all cells share.

    NaN where cells are missing.
    """
    cells, there = model.inference.feature_log_prob(X, usual), ~np.isnan(X)
    shared = (model.inference.log_prob(X, n_draws) - cells.sum(axis=1)) / np.maximum(there.sum(axis=1), 1)
    return np.where(there, cells + shared[:, None], np.nan)


def mean_shares(shares, rows):
    """Mean share of each column's cells (n_features,), 0 where all are missing."""
    weight = (np.ones(len(shares)) if rows.weight is None else rows.weight)[:, None] * ~np.isnan(shares)
    return (weight * np.nan_to_num(shares)).sum(axis=0) / np.maximum(weight.sum(axis=0), 1e-300)


def use_of_components(model, rows):
    """Divergence of each component from the prior (latent_dim,), and whether its codes say something of the rows."""
    some = spread(rows)
    divergence, variance = model.inference.kl_per_component(some.X, some.counts)
    return divergence, (variance > ACTIVE_VARIANCE) & (divergence > ACTIVE_DIVERGENCE)


def worth_of_draws(model, X, usual, n_draws):
    """How many equally weighted draws those of a usual row are worth, the median; None of few usual rows."""
    some = spread(WeightedRows.present(X)).X
    beyond = (some < usual[0]) | (some > usual[1])
    some = some[beyond.mean(axis=1) <= MOST_UNUSUAL]
    if len(some) < ENOUGH_TO_JUDGE:
        return None
    return np.median(model.inference.effective_sample_size(some, n_draws))
