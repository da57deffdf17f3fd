"""Posteriors q(z|x): where the code of a row may lie."""

from dataclasses import dataclass

import torch

from skvae.nn.numerics import LOG_TWO_PI, normal_log_prob, standard_normal


@dataclass
class DiagonalNormal:
    """q(z|x) = N(mean, diag(scale²)), each (batch, latent_dim)."""

    mean: torch.Tensor
    scale: torch.Tensor

    def at(self, noise):
        """The draws (..., latent_dim) that belong to standard normal ``noise`` (..., latent_dim)."""
        return torch.addcmul(self.mean, self.scale, noise)

    def log_prob(self, z):
        """Log-density (...,) of ``z`` (..., latent_dim), summed over the latent variables."""
        return self.component_log_prob(z).sum(-1)

    def component_log_prob(self, z):
        """Log-density (..., latent_dim) of each latent variable of ``z`` alone."""
        return normal_log_prob(z, self.mean, self.scale)

    def draw(self, generator):
        """One draw of each code (batch, latent_dim)."""
        return self.at(standard_normal(self.mean.shape, self.mean, generator))

    def draws(self, n_draws, generator):
        """Several draws of each code (batch, n_draws, latent_dim), or one (batch, latent_dim)."""
        if n_draws == 1:
            return self.draw(generator)
        shape = (len(self.mean), n_draws, self.mean.shape[-1])
        return self.broadcast().at(standard_normal(shape, self.mean, generator))

    def broadcast(self):
        """The density for several draws a row: mean and scale (batch, 1, latent_dim)."""
        return DiagonalNormal(self.mean[:, None], self.scale[:, None])

    def detached(self):
        """A copy through which no gradient flows."""
        return DiagonalNormal(self.mean.detach(), self.scale.detach())

    def log_prob_at(self, noise):
        """Log-density of the draws that belong to ``noise``, from less: draws that rows share cost nothing a row."""
        normalizer = 0.5 * self.mean.shape[-1] * LOG_TWO_PI
        return -0.5 * (noise * noise).sum(-1) - (torch.log(self.scale).sum(-1) + normalizer)
