"""Priors p(z), and the density that is fitted to the codes of a plain autoencoder."""

from abc import ABC, abstractmethod

import torch
from torch import nn

from skvae.nn.numerics import LOG_TWO_PI, wide


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
        self.register_buffer("origin", torch.zeros(()))

    def log_prob(self, z):
        return -0.5 * (z.square() + LOG_TWO_PI).sum(-1)

    def sample(self, n_samples, generator):
        return torch.randn(
            n_samples, self.latent_dim, dtype=self.origin.dtype, device=self.origin.device, generator=generator
        )

    def kl(self, posterior, z):
        mean, scale = posterior.mean, posterior.scale
        return 0.5 * (mean.square() + scale.square() - 1.0 - 2.0 * torch.log(scale)).sum(-1)


class FittedNormal(Prior):
    """N(mean, covariance) fitted to codes after training: ex-post density estimation (Ghosh et al., 2020)."""

    def __init__(self, latent_dim):
        super().__init__(latent_dim)
        self.register_buffer("mean", torch.zeros(latent_dim))
        self.register_buffer("covariance", torch.eye(latent_dim))

    def fit(self, mean, covariance, rate):
        """Move the moments towards ``mean`` and ``covariance``; ``rate=1`` forgets the old ones."""
        shift = mean - self.mean
        between = rate * (1.0 - rate) * torch.outer(shift, shift)
        self.covariance.copy_((1.0 - rate) * self.covariance + rate * covariance + between)
        self.mean.add_(rate * shift)

    def _cholesky(self):
        """Lower factor of the covariance, with a ridge that keeps dead latent variables finite."""
        covariance = self.covariance.to(wide(self.mean))
        ridge = 1e-6 * covariance.diagonal().mean() + 1e-12
        return torch.linalg.cholesky(covariance + ridge * torch.eye(self.latent_dim).to(covariance))

    def log_prob(self, z):
        factor = self._cholesky()
        white = torch.linalg.solve_triangular(factor, (z - self.mean).to(factor.dtype).mT, upper=False).mT
        return -0.5 * (white.square() + LOG_TWO_PI).sum(-1) - factor.diagonal().log().sum()

    def sample(self, n_samples, generator):
        factor = self._cholesky()
        noise = torch.randn(n_samples, self.latent_dim, dtype=factor.dtype, device=factor.device, generator=generator)
        return self.mean + (noise @ factor.mT).to(self.mean.dtype)


PRIORS = {"normal": StandardNormal}
