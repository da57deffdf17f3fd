"""Moments of codes that come in pieces."""

import torch

from skvae.nn.numerics import wide


class Moments:
    """Weighted mean and covariance of codes that come in pieces."""

    def __init__(self):
        self._total, self._first, self._second = 0.0, 0.0, 0.0

    def add(self, z, weight, scale=None):
        """Take note of codes (batch, latent_dim) with their weights, or of normal densities of codes."""
        z, weight = z.to(wide(z)), weight.to(wide(z))
        self._total = self._total + weight.sum()
        self._first = self._first + weight @ z
        self._second = self._second + z.mT @ (weight[:, None] * z)
        if scale is not None:
            self._second = self._second + torch.diag(weight @ scale.to(wide(z)).square())

    def of(self, like):
        """Mean (latent_dim,) and covariance (latent_dim, latent_dim) in the dtype of ``like``."""
        mean = self._first / self._total
        return mean.to(like), (self._second / self._total - torch.outer(mean, mean)).to(like)
