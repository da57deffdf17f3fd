"""Linear models in closed form: where networks with an affine part begin."""

import math

import torch
from torch.nn.functional import pad

from skvae.nn.numerics import wide

MOST_ITERATIONS, MOST_CUBES, NO_VARIANCE = 200, 2e9, 1e-5
"""Iterations of factor analysis; how many columns, cubed, they may have together; what is no variance, nor a change."""

HOLE_ITERATIONS, ROWS_WITH_HOLES, ROWS_OF_ZEROS = 30, 2048, 1.0
"""Iterations and rows where cells are missing, and how many rows' worth the loadings are drawn towards zero."""


def moments(inputs, weight):
    """Weighted mean (n_inputs,) and covariance (n_inputs, n_inputs) of rows, in the widest dtype of their device."""
    inputs, share = inputs.to(wide(inputs)), (weight / weight.sum()).to(wide(inputs))
    mean = share @ inputs
    centred = inputs - mean
    return mean, centred.mT @ (share[:, None] * centred)


def moments_with_holes(inputs, missing, weight, latent_dim):
    """Mean and covariance of rows of which inputs are missing: those of the likeliest factor analysis of the others.

    Expectation maximisation (Rubin and Thayer, 1982) with the missing cells left out of each row's posterior, so that
    nothing is filled in; ``missing`` is a mask of the inputs.
    """
    spread = slice(None, None, math.ceil(len(inputs) / ROWS_WITH_HOLES))
    inputs, there = inputs[spread].to(wide(inputs)), (~missing[spread]).to(wide(inputs))
    share = weight[spread].to(inputs)[:, None] * there
    total = share.sum(0).clamp_min(1e-12)
    mean = (share * inputs).sum(0) / total
    centred = (inputs - mean) * there
    weighed, squares = share * centred, (share * centred.square()).sum(0)
    variance = (squares / total).clamp_min(NO_VARIANCE)
    paired = weighed.mT @ centred / (share.mT @ there).clamp_min(1e-12)
    correlation = paired / variance.sqrt() / variance.sqrt()[:, None]
    values, vectors = top(correlation, latent_dim)
    loadings = variance.sqrt()[:, None] * vectors * (0.5 * values.clamp_min(1e-3)).sqrt()
    noise = (variance - loadings.square().sum(1)).clamp_min(0.1 * variance)
    identity = torch.eye(latent_dim, dtype=inputs.dtype, device=inputs.device)
    ridge = ROWS_OF_ZEROS * torch.eye(latent_dim + 1, dtype=inputs.dtype, device=inputs.device)
    offset = torch.zeros_like(mean)
    # rows that lack the same are as uncertain, and inputs of a column are there together
    (patterns, of_row), (together, of_input) = different(there, 0), different(there, 1)
    shares = weight[spread].to(inputs)[:, None] * together
    by_pattern = shares.new_zeros(len(patterns), shares.shape[1]).index_add_(0, of_row, shares)
    for _ in range(HOLE_ITERATIONS):
        slope = loadings / noise[:, None]
        outer = (loadings[:, :, None] * slope[:, None, :]).flatten(1)
        uncertain = torch.linalg.inv(identity + (patterns @ outer).unflatten(1, identity.shape))
        known = centred @ slope - (patterns @ (offset[:, None] * slope))[of_row]
        code = (uncertain[of_row] @ known[..., None])[..., 0]
        with_one = torch.cat([code, torch.ones_like(code[:, :1])], dim=1)
        second = with_one[:, :, None] * with_one[:, None, :]
        seconds = (shares.mT @ second.flatten(1)).unflatten(1, second.shape[1:])
        seconds = seconds + pad((by_pattern.mT @ uncertain.flatten(1)).unflatten(1, identity.shape), (0, 1, 0, 1))
        seconds, firsts = seconds[of_input], weighed.mT @ with_one
        slopes = torch.linalg.solve(seconds + ridge, firsts)
        left = squares - 2.0 * (slopes * firsts).sum(1)
        left = left + ((seconds @ slopes[..., None])[..., 0] * slopes).sum(1)
        loadings, offset = slopes[:, :-1], slopes[:, -1]
        noise = torch.maximum(left / total, 0.01 * variance)
    return mean + offset, loadings @ loadings.mT + torch.diag(noise)


def different(table, dim):
    """The rows (``dim`` 0) or columns of a table that differ, and for each of its own the place among them."""
    values, place = torch.unique(table.cpu(), dim=dim, return_inverse=True)
    return values.to(table.device), place.to(table.device)


def factor_analysis(covariance, latent_dim, floor, n_rows):
    """Loadings (n_inputs, latent_dim), noise variances (n_inputs,) and posterior variances (latent_dim,).

    Maximum likelihood by turns (Barber, 2012, algorithm 21.1): the loadings that suit the noise, then the noise that
    suits the loadings, at least ``floor``. Directions that vary no more than noise alone may in ``n_rows`` independent
    rows (Marchenko and Pastur, 1967) have no loadings. These are turned so that the posterior of a code has
    independent components, N(V loadings^T diag(1 / noise) (x - mean), V) with V the diagonal of posterior variances.
    """
    variance, edge = covariance.diagonal(), (1.0 + math.sqrt(len(covariance) / n_rows)) ** 2
    noise = variance.clamp_min(floor)
    for _ in range(max(1, min(MOST_ITERATIONS, int(MOST_CUBES / len(covariance) ** 3)))):
        scale = noise.sqrt()
        ratios, axes = top(covariance / scale[:, None] / scale, latent_dim)
        ratios = torch.where(ratios > edge, ratios, torch.ones_like(ratios))
        loadings = scale[:, None] * axes * (ratios - 1.0).sqrt()
        noise = (variance - loadings.square().sum(1)).clamp_min(floor)
        if (noise - scale.square()).abs().max() < NO_VARIANCE:
            break
    return loadings, scale.square(), 1.0 / ratios


def probabilistic_components(covariance, latent_dim, floor):
    """Probabilistic PCA in closed form (Tipping and Bishop, 1999), with a noise variance for each input at the end.

    Loadings (n_inputs, latent_dim), noise variances (n_inputs,) of at least ``floor``, the map (latent_dim, n_inputs)
    to the posterior means of codes, and their posterior variances (latent_dim,).
    """
    values, vectors = top(covariance, latent_dim)
    variance, n_left = covariance.diagonal(), max(len(covariance) - latent_dim, 1)
    pooled = ((variance.sum() - values.sum()) / n_left).clamp_min(floor)
    left = (values - pooled).clamp_min(0.0)
    loadings = vectors * left.sqrt()
    shares = pooled / (left + pooled)
    noise = (variance - loadings.square().sum(1)).clamp_min(floor)
    return loadings, noise, shares[:, None] * loadings.mT / pooled, shares


def top(matrix, n):
    """The ``n`` largest eigenvalues (n,) of a symmetric matrix with their vectors (size, n), zeros beyond its size."""
    values, vectors = torch.linalg.eigh(matrix)
    values, vectors = values.flip(0)[:n], vectors.flip(1)[:, :n]
    missing = n - len(values)
    return pad(values, (0, missing)), pad(vectors, (0, missing))


def principal_components(covariance, latent_dim):
    """Loadings (n_inputs, latent_dim) of codes with variance one, and the map (latent_dim, n_inputs) to these codes."""
    values, vectors = top(covariance, latent_dim)
    scale = values.clamp_min(NO_VARIANCE).sqrt()
    vectors = torch.where(values > NO_VARIANCE, vectors, torch.zeros_like(vectors))
    return vectors * scale, (vectors / scale).mT
