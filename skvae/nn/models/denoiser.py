"""A network that predicts rows from noisy ones and is told how noisy they are."""

import math

import torch
from torch import nn

from skvae.nn.networks.dense import mlp
from skvae.nn.numerics import standard_normal

WEAKEST, STRONGEST = 0.03, 3.0
"""Standard deviations of the weakest and of the strongest noise, in standard units of the columns."""

N_WAVES = 8
"""Numbers in which the network is told how strong the noise is."""


class Denoiser(nn.Module):
    r"""Predicts rows x (batch, n_inputs) from rows with normal noise of many levels, without a bottleneck.

    It minimises the mean squared error, and so comes to predict the conditional mean of x given the noisy row. A row is
    judged by its errors over all levels, each cell apart:

    .. math:: \int E\,(x - \hat x(x + \sigma\epsilon, \sigma))^2 \sigma^{-2} \, d\log\sigma

    Of exact predictions half of that is minus the log-density, up to a constant (Guo, Shamai and Verdú, 2005; Kong,
    Brekelmans and Ver Steeg, "Information-theoretic diffusion", ICLR 2023). Where noise is weak a network is not exact,
    and its own errors, which are large where it has seen few rows, outweigh the others: a cost is no log-density, and
    ranks rows the better for it. A level is a number from 0, which is WEAKEST, to 1, STRONGEST, even in the
    logarithm.
    """

    def __init__(self, n_inputs, hidden_layer_sizes, generator):
        super().__init__()
        self.n_inputs = n_inputs
        self.network = mlp(n_inputs + N_WAVES, n_inputs, hidden_layer_sizes, "relu", generator)

    def forward(self, noisy, level):
        """What is expected without noise (..., n_inputs), of noisy rows with the levels of their noise (..., 1)."""
        like = {"dtype": noisy.dtype, "device": noisy.device}
        waves = torch.cos(level * torch.linspace(math.pi, N_WAVES * math.pi, N_WAVES, **like))
        return self.network(torch.cat([noisy, waves], dim=-1))

    def loss_terms(self, x, generator, weight):
        """The mean squared error of each row (batch,), each at a level of its own."""
        level = torch.rand(len(x), 1, dtype=x.dtype, device=x.device, generator=generator)
        noisy = x + strength(level) * standard_normal(x.shape, x, generator)
        return {"denoising": (self(noisy, level) - x).square().mean(-1)}

    def term_weights(self, progress):
        """What the term counts: always one."""
        return {"denoising": 1.0}

    def costs(self, x, noise):
        """What each cell costs (batch, n_inputs).

        ``noise`` (n_levels, n_draws, n_inputs) is standard normal, the same for every row; levels are evenly spread.
        """
        n_levels, total = len(noise), torch.zeros_like(x)
        for place, draws in enumerate(noise.unbind()):
            level = x.new_full((len(x), 1), (place + 0.5) / n_levels)
            sigma = strength(level)
            errors = sum((self(x + sigma * draw, level) - x).square() for draw in draws.unbind())
            total = total + errors / sigma.square()
        return total * (math.log(STRONGEST / WEAKEST) / (n_levels * noise.shape[1]))


def strength(level):
    """Standard deviation of the noise of a level between 0 and 1."""
    return WEAKEST * torch.exp(level * math.log(STRONGEST / WEAKEST))
