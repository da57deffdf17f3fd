"""Priors p(z), and the density that is fitted to the codes of a plain autoencoder."""

from abc import ABC, abstractmethod

import torch
from torch import nn

from skvae.nn.numerics import LOG_TWO_PI, sum_of_squares, wide


class Prior(nn.Module, ABC):
    """p(z) over ``latent_dim`` latent variables."""

    def __init__(self, latent_dim):
        super().__init__()
        self.latent_dim = latent_dim

    @abstractmethod
    def log_prob(self, z):
        """Log-density of codes ``z`` (..., latent_dim), summed over the latent variables."""

    @abstractmethod
    def sample(self, n_samples, generator):
        """Draw codes (n_samples, latent_dim)."""

    def kl(self, posterior, z):
        """KL(q || p) estimated at the draw ``z``; a prior with a closed form overrides it."""
        return posterior.log_prob(z) - self.log_prob(z)


class StandardNormal(Prior):
    """N(0, I)."""

    def __init__(self, latent_dim):
        super().__init__(latent_dim)
        self.register_buffer("origin", torch.zeros((), dtype=torch.float32))

    def log_prob(self, z):
        return -0.5 * sum_of_squares(z) - 0.5 * self.latent_dim * LOG_TWO_PI

    def sample(self, n_samples, generator):
        return torch.randn(
            n_samples, self.latent_dim, dtype=self.origin.dtype, device=self.origin.device, generator=generator
        )

    def kl(self, posterior, z):
        mean, scale = posterior.mean, posterior.scale
        return 0.5 * ((mean * mean + scale * scale).sum(-1) - self.latent_dim) - torch.log(scale).sum(-1)


class FittedNormal(Prior):
    """N(mean, covariance) fitted to codes after training: ex-post density estimation (Ghosh et al., 2020)."""

    def __init__(self, latent_dim):
        super().__init__(latent_dim)
        self.register_buffer("mean", torch.zeros(latent_dim, dtype=torch.float32))
        self.register_buffer("covariance", torch.eye(latent_dim, dtype=torch.float32))

    def fit(self, mean, covariance, rate):
        """Move the moments towards ``mean`` and ``covariance``; ``rate=1`` forgets the old ones."""
        shift = mean - self.mean
        between = rate * (1.0 - rate) * torch.outer(shift, shift)
        self.covariance.copy_((1.0 - rate) * self.covariance + rate * covariance + between)
        self.mean.add_(rate * shift)

    def _axes(self):
        """Principal axes (columns) and standard deviations; dead latent variables keep a small one."""
        variances, axes = torch.linalg.eigh(self.covariance.to(wide(self.mean)))
        return axes, variances.clamp_min(1e-6 * variances[-1] + 1e-12).sqrt()

    def log_prob(self, z):
        axes, scale = self._axes()
        white = ((z - self.mean).to(axes.dtype) @ axes) / scale
        return -0.5 * (white.square() + LOG_TWO_PI).sum(-1) - scale.log().sum()

    def sample(self, n_samples, generator):
        axes, scale = self._axes()
        noise = torch.randn(n_samples, self.latent_dim, dtype=axes.dtype, device=axes.device, generator=generator)
        return self.mean + ((noise * scale) @ axes.mT).to(self.mean.dtype)


PRIORS = {"normal": StandardNormal}
