"""Noise that is the same at every call, and mixtures of normal densities."""

import importlib
import math
import warnings
from contextlib import nullcontext
from functools import lru_cache

import numpy as np
import torch
from sklearn import config_context
from sklearn.exceptions import ConvergenceWarning
from threadpoolctl import threadpool_limits

from skvae._surroundings import is_forked_child

FARTHEST_CODE = 1e3
"""Codes up to here are fitted as they are."""

WORTHWHILE = 0.5
"""Share of what more components cost that they must gain for yet more of them to be tried."""

CODES_A_PARAMETER = 10
"""Codes for each number of a mixture that there must be for it to be tried after one that was worse than a smaller."""

MOST_BALANCED = 1024
"""More draws have mean and covariance as they are."""

NOISE_SEED = 0
"""Seed of the importance draws, the same for every row and every call: scores are deterministic."""


def mixture_of(codes, n_components):
    """Weights, means and Cholesky factors of the precisions of a mixture of normal densities.

    It has 1, 2, 4, ... up to ``n_components`` of them, the number of the lowest BIC. The search ends where twice as
    many gain less than a half of what the BIC has them cost: two may gain too little where four gain much; with
    few codes where the BIC first rises. Codes that are very far from 0, as those of a model that diverges, are fitted
    nearer.
    """
    scale = max(np.abs(codes).max() / FARTHEST_CODE, 1.0)
    codes = codes / scale
    sizes = {min(2**k, n_components, len(codes)) for k in range(n_components.bit_length() + 1)}
    best, lowest, before = None, math.inf, math.inf
    mixtures = importlib.import_module("sklearn.mixture")  # seventy files of other models come with it
    one_thread = threadpool_limits(1, user_api="openmp") if is_forked_child() else nullcontext()
    with warnings.catch_warnings(), config_context(array_api_dispatch=False), one_thread:
        warnings.simplefilter("ignore", ConvergenceWarning)
        for size in sorted(sizes):
            mixture = mixtures.GaussianMixture(size, reg_covar=1e-5, random_state=NOISE_SEED).fit(codes)
            criterion = mixture.bic(codes)
            if criterion < lowest:
                best, lowest = mixture, criterion
            fit = criterion - mixture._n_parameters() * math.log(len(codes))
            is_little = before - fit < WORTHWHILE * (criterion - fit) / 2  # half of its components are new
            if is_little or (best is not mixture and 2 * mixture._n_parameters() * CODES_A_PARAMETER > len(codes)):
                break
            before = fit
    return best.weights_, best.means_ * scale, best.precisions_cholesky_ / scale


@lru_cache(maxsize=16)
def normal_draws(n_draws, latent_dim):
    """Standard normal draws (n_draws, latent_dim), the same at every call, and kept, as rows may come one by one.

    Scrambled Sobol points through the quantile function: they fill the space more evenly than independent
    draws, and so a mean over them is closer to the expectation. Independent ones where Sobol points end.
    """
    if latent_dim > torch.quasirandom.SobolEngine.MAXDIM:
        generator = torch.Generator().manual_seed(NOISE_SEED)
        return torch.randn(n_draws, latent_dim, dtype=torch.float64, generator=generator)
    engine = torch.quasirandom.SobolEngine(latent_dim, scramble=True, seed=NOISE_SEED)
    return torch.special.ndtri(engine.draw(n_draws, dtype=torch.float64).clamp(1e-9, 1.0 - 1e-9))


@lru_cache(maxsize=16)
def balanced_draws(n_draws, latent_dim):
    """``normal_draws`` with the mean and the covariance of what they are drawn from, as far as so few can have them.

    Moment matching (Glasserman, 2003, section 4.5): the error of a mean over few draws is then that of its higher
    terms. Fewer draws than dimensions have the covariance in as many directions as they span, and lie as far out.
    """
    draws = normal_draws(n_draws, latent_dim)
    if n_draws < 2 or n_draws > MOST_BALANCED:
        return draws
    rank = min(latent_dim, n_draws - 1)
    left, _, right = torch.linalg.svd(draws - draws.mean(0), full_matrices=False)
    return left[:, :rank] @ right[:rank] * math.sqrt(n_draws * latent_dim / rank)
