"""What is fitted to a model after training: noise scales and the density of the codes."""

import numpy as np
import torch

from skvae._engine.device import answering, threads_for
from skvae._engine.draws import NOISE_SEED, mixture_of
from skvae._tables.matrix import chunks

CODES_FOR_MIXTURE = 10_000
"""Codes that a mixture is fitted to."""

ROWS_TO_CALIBRATE, ROWS_A_VARIABLE = 10_000, 100
"""Rows of which more say little more of noise scales and of the moments of codes: a scale from so many is known to
0.7 %; and rows for each of many variables, whose covariance has as many numbers squared."""


def calibrate(opening, tensors, rows, holed, rate):
    """Fit to weighted rows, or to some, what a module fits after training; they are the share ``rate`` of all rows.

    ``holed`` is a mask of the columns of which they lack cells.
    """
    module, n_features = opening.module, rows.X.shape[1]
    some = rows.drawn_evenly(max(ROWS_TO_CALIBRATE, ROWS_A_VARIABLE * module.latent_dim), NOISE_SEED)
    pieces = (tensors.dense(some.part(part)) for part in chunks(some.n_rows, n_features))
    with answering(tensors.device), torch.no_grad(), threads_for(some.n_rows * module.n_products):
        opening.for_columns(holed).calibrate(pieces, rate)
    density = module.code_density
    if not getattr(density, "from_moments", True):
        mixture = mixture_of(code_draws(opening, tensors, rows, rate), density.n_components)
        with torch.no_grad():
            density.fit(*map(tensors.of, mixture))


def code_draws(opening, tensors, rows, rate):
    """Codes of up to CODES_FOR_MIXTURE rows, spread evenly over the total weight, float64.

    The share 1 - ``rate`` of them are draws of the density that was fitted before: what remains of earlier rows.
    """
    weight = np.ones(rows.n_rows) if rows.weight is None else rows.weight
    n_codes = min(round(rows.counts.sum() / rate), CODES_FOR_MIXTURE)
    n_new = max(round(rate * n_codes), 2)
    ends = np.cumsum(weight) / weight.sum()
    index = np.searchsorted(ends, (np.arange(n_new) + 0.5) / n_new).clip(0, rows.n_rows - 1)
    generator = torch.Generator(tensors.device).manual_seed(NOISE_SEED)
    with torch.no_grad():
        pieces = (tensors.dense(rows.part(index[part])).x for part in chunks(n_new, rows.X.shape[1]))
        codes = [opening.for_tensors(x).code_draws(x, generator) for x in pieces]
        if n_codes > n_new:
            codes.append(opening.module.code_density.sample(n_codes - n_new, generator))
    return torch.cat(codes).cpu().numpy().astype(np.float64)
