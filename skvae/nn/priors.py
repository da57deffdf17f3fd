"""Priors p(z), and the density that is fitted to the codes of a plain autoencoder."""

import math
from abc import ABC, abstractmethod

import torch
from torch import nn

from skvae.nn.numerics import (
    LOG_TWO_PI,
    RAW_ONE,
    log_sum_exp,
    normal_log_prob,
    positive,
    product,
    standard_normal,
    sum_of_squares,
    wide,
)


class Prior(nn.Module, ABC):
    """p(z) over ``latent_dim`` latent variables.

    Parameters
    ----------
    latent_dim : int
        Size of a code.
    n_components : int
        Components of a mixture; other members do without.
    n_inputs : int
        What the encoder sees of a row.
    encode : callable
        The encoder, inputs (n, n_inputs) -> q(z|x), for members that are made of posteriors.
    generator : torch.Generator
        Where first values come from.
    """

    def __init__(self, latent_dim, n_components, n_inputs, encode, generator):
        super().__init__()
        self.latent_dim = latent_dim

    def observe(self, inputs, generator, weight=None):
        """Take note of what the encoder sees of training rows, before training; they may count differently."""

    @abstractmethod
    def log_prob(self, z):
        """Log-density of codes ``z`` (..., latent_dim), summed over the latent variables."""

    @abstractmethod
    def component_log_prob(self, z):
        """Log-density of each latent variable of ``z`` alone (..., latent_dim)."""

    @abstractmethod
    def sample(self, n_samples, generator):
        """Draw codes (n_samples, latent_dim)."""

    def kl(self, posterior, z):
        """KL(q || p) of each row (...,), estimated at the draw ``z`` (..., latent_dim); closed forms override it."""
        return posterior.log_prob(z) - self.log_prob(z)

    def kl_per_component(self, posterior, z):
        """KL(q(z_j) || p(z_j)) of each latent variable (..., latent_dim), estimated at the draw ``z``."""
        return posterior.component_log_prob(z) - self.component_log_prob(z)


class StandardNormal(Prior):
    """N(0, I)."""

    def __init__(self, latent_dim, n_components, n_inputs, encode, generator):
        super().__init__(latent_dim, n_components, n_inputs, encode, generator)
        self.register_buffer("origin", torch.zeros((), dtype=torch.float32))

    def log_prob(self, z):
        return -0.5 * sum_of_squares(z) - 0.5 * self.latent_dim * LOG_TWO_PI

    def component_log_prob(self, z):
        return -0.5 * (z * z + LOG_TWO_PI)

    def sample(self, n_samples, generator):
        return standard_normal((n_samples, self.latent_dim), self.origin, generator)

    def kl(self, posterior, z):
        mean, scale = posterior.mean, posterior.scale
        return 0.5 * ((mean * mean + scale * scale).sum(-1) - self.latent_dim) - torch.log(scale).sum(-1)

    def kl_per_component(self, posterior, z):
        mean, scale = posterior.mean, posterior.scale
        return 0.5 * (mean * mean + scale * scale - 1.0) - torch.log(scale)


class _Mixture(Prior):
    """A mixture of normal densities with diagonal covariances, which members supply."""

    @abstractmethod
    def components(self):
        """Log-weights (n_components,), means and scales (n_components, latent_dim)."""

    def log_prob(self, z):
        log_weights, mean, scale = self.components()
        precision = 1.0 / (scale * scale)
        distance = product(z * z, precision) - 2.0 * product(z, mean * precision)
        distance = distance + (mean * mean * precision).sum(-1)
        constant = log_weights - torch.log(scale).sum(-1) - 0.5 * self.latent_dim * LOG_TWO_PI
        return log_sum_exp(constant - 0.5 * distance, dim=-1)

    def component_log_prob(self, z):
        log_weights, mean, scale = self.components()
        each = normal_log_prob(z[..., None, :], mean, scale)
        return log_sum_exp(log_weights[:, None] + each, dim=-2)

    def sample(self, n_samples, generator):
        log_weights, mean, scale = self.components()
        chosen = torch.multinomial(log_weights.exp(), n_samples, replacement=True, generator=generator)
        noise = standard_normal((n_samples, self.latent_dim), mean, generator)
        return mean[chosen] + scale[chosen] * noise


class GaussianMixture(_Mixture):
    """A mixture of normal densities whose weights, means and scales are learned with the rest (Dilokthanakul, 2016)."""

    def __init__(self, latent_dim, n_components, n_inputs, encode, generator):
        super().__init__(latent_dim, n_components, n_inputs, encode, generator)
        self.means = nn.Parameter(torch.randn(n_components, latent_dim, generator=generator, dtype=torch.float32))
        self.raw_scales = nn.Parameter(torch.zeros(n_components, latent_dim, dtype=torch.float32))
        self.logits = nn.Parameter(torch.zeros(n_components, dtype=torch.float32))

    def components(self):
        scales = positive(self.raw_scales + RAW_ONE, floor=1e-3)
        return torch.log_softmax(self.logits, dim=-1), self.means, scales


class VampPrior(_Mixture):
    """The mean of the posteriors of learned pseudo-inputs (Tomczak and Welling, 2018), which start as training rows."""

    def __init__(self, latent_dim, n_components, n_inputs, encode, generator):
        super().__init__(latent_dim, n_components, n_inputs, encode, generator)
        self._encode = encode
        self.pseudo_inputs = nn.Parameter(torch.randn(n_components, n_inputs, generator=generator, dtype=torch.float32))

    @torch.no_grad()
    def observe(self, inputs, generator, weight=None):
        size = self.pseudo_inputs.shape
        place = torch.randint(len(inputs), size[:1], device=inputs.device, generator=generator) + 0.5
        ends = (inputs.new_ones(len(inputs)) if weight is None else weight).cumsum(0)
        place = torch.searchsorted(ends, place.to(ends) * (ends[-1] / len(inputs)))
        self.pseudo_inputs.copy_(inputs[place.clamp_max(len(inputs) - 1)])

    def components(self):
        posterior = self._encode(self.pseudo_inputs)
        weights = self.pseudo_inputs.new_zeros(len(self.pseudo_inputs)) - math.log(len(self.pseudo_inputs))
        return weights, posterior.mean, posterior.scale


class FittedNormal(nn.Module):
    """N(mean, covariance) fitted to codes after training: ex-post density estimation (Ghosh et al., 2020)."""

    from_moments = True

    def __init__(self, latent_dim, n_components):
        super().__init__()
        self.latent_dim = latent_dim
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
        white = product((z - self.mean).to(axes.dtype), axes.mT) / scale
        return -0.5 * (white.square() + LOG_TWO_PI).sum(-1) - scale.log().sum()

    def sample(self, n_samples, generator):
        axes, scale = self._axes()
        noise = standard_normal((n_samples, self.latent_dim), axes, generator)
        return self.mean + ((noise * scale) @ axes.mT).to(self.mean.dtype)


class FittedMixture(nn.Module):
    """A mixture of normal densities with covariances of their own, fitted to codes after training.

    Its buffers have as many components as were fitted, one standard normal before.
    """

    from_moments = False

    def __init__(self, latent_dim, n_components):
        super().__init__()
        self.latent_dim, self.n_components = latent_dim, n_components
        self.register_buffer("weights", torch.ones(1, dtype=torch.float32))
        self.register_buffer("means", torch.zeros(1, latent_dim, dtype=torch.float32))
        self.register_buffer("whitening", torch.eye(latent_dim, dtype=torch.float32)[None])
        self.register_load_state_dict_pre_hook(self._take_shapes)

    @staticmethod
    def _take_shapes(module, state, prefix, *_):
        """Buffers of as many components as the state that is about to be loaded."""
        for name, buffer in module.named_buffers():
            stored = state[prefix + name]
            setattr(module, name, buffer.new_empty(stored.shape))

    def fit(self, weights, means, whitening):
        """Take over a mixture of up to ``n_components``.

        ``whitening`` (n_components, latent_dim, latent_dim), upper triangular, maps deviations to standard ones.
        """
        self.weights, self.means, self.whitening = weights, means, whitening

    def log_prob(self, z):
        whitening, means = self.whitening.to(wide(z)), self.means.to(wide(z))
        log_det = torch.diagonal(whitening, dim1=-2, dim2=-1).log().sum(-1)
        centres = (means[:, None] @ whitening).flatten()
        white = product(z.to(wide(z)), whitening.transpose(0, 1).flatten(1).mT) - centres
        distance = white.square().unflatten(-1, means.shape).sum(-1)
        each = torch.log(self.weights) + log_det - 0.5 * (distance + self.latent_dim * LOG_TWO_PI)
        return log_sum_exp(each, dim=-1)

    def sample(self, n_samples, generator):
        chosen = torch.multinomial(self.weights, n_samples, replacement=True, generator=generator)
        noise = standard_normal((n_samples, self.latent_dim, 1), self.means, generator)
        deviation = torch.linalg.solve_triangular(self.whitening[chosen].mT, noise, upper=False)
        return self.means[chosen] + deviation.squeeze(-1)


PRIORS = {"normal": StandardNormal, "gaussian_mixture": GaussianMixture, "vampprior": VampPrior}

CODE_DENSITIES = {"normal": FittedNormal, "gaussian_mixture": FittedMixture}
