"""The models: a code for every row, a density for every code, and the terms that training minimises.

All tensors are in standard units: ``x`` is (batch, n_features), ``z`` is (..., latent_dim).
"""

from abc import ABC, abstractmethod
from dataclasses import dataclass

import torch
from torch import nn

from skvae.nn.corruptions import CORRUPTIONS
from skvae.nn.likelihoods import LIKELIHOODS
from skvae.nn.networks import NETWORKS
from skvae.nn.numerics import LOG_TWO_PI, bounded, log_mean_exp, normal_log_prob, positive, wide
from skvae.nn.priors import PRIORS, FittedNormal
from skvae.nn.regularizers import REGULARIZERS

CELLS_AT_ONCE = 2**21
"""Values that one layer holds while scores are computed: a bound on memory, not on the number of draws."""


def _standard_normal(shape, like, generator):
    return torch.randn(shape, dtype=like.dtype, device=like.device, generator=generator)


@dataclass
class DiagonalNormal:
    """q(z|x) = N(mean, diag(scale²)), each (batch, latent_dim)."""

    mean: torch.Tensor
    scale: torch.Tensor

    def at(self, noise):
        """The draws that belong to standard normal ``noise`` (..., latent_dim)."""
        return torch.addcmul(self.mean, self.scale, noise)

    def log_prob(self, z):
        """Log-density of ``z``, summed over the latent variables."""
        return normal_log_prob(z, self.mean, self.scale).sum(-1)

    def log_prob_at(self, noise):
        """Log-density of the draws that belong to ``noise``, from less: draws that rows share cost nothing a row."""
        normalizer = 0.5 * self.mean.shape[-1] * LOG_TWO_PI
        return -0.5 * (noise * noise).sum(-1) - (torch.log(self.scale).sum(-1) + normalizer)


class LatentModel(nn.Module, ABC):
    """What both models share: an encoder, a decoder and the likelihood of what the decoder says."""

    product_dtype = None
    """What matrix products of training are computed in; None is the dtype of the weights."""

    def __init__(
        self,
        n_features,
        latent_dim,
        *,
        code_outputs,
        network,
        hidden_layer_sizes,
        activation,
        likelihood,
        corruption,
        corruption_level,
        generator,
    ):
        super().__init__()
        build, sizes = NETWORKS[network], tuple(hidden_layer_sizes)
        self.likelihood = LIKELIHOODS[likelihood](n_features)
        self.encoder = build.encoder(n_features, code_outputs, sizes, activation, generator)
        self.decoder = build.decoder(latent_dim, self.likelihood.n_outputs, sizes[::-1], activation, generator)
        self._width = max(n_features, latent_dim, *sizes)
        self._corrupt, self._corruption_level = CORRUPTIONS[corruption], corruption_level

    @abstractmethod
    def codes(self, x):
        """Deterministic codes (batch, latent_dim)."""

    @abstractmethod
    def loss_terms(self, x, generator):
        """Named terms of the objective, each with one value a row, before weighting."""

    @abstractmethod
    def term_weights(self, progress):
        """Weight of each named term after the share ``progress`` of the run."""

    @abstractmethod
    def log_prob(self, x, noise):
        """Score of each row (batch,), with standard normal ``noise`` (draws, latent_dim) for a model that needs it."""

    @abstractmethod
    def calibrate(self, batches, rate):
        """Fit what is fitted after training to ``batches``, pairs of x and row weights; ``rate=1`` forgets the old."""

    def _outputs(self, network, inputs):
        """What a network says, in the dtype of its inputs; in training its matrix products may have fewer digits."""
        if not self.training or self.product_dtype in (None, inputs.dtype):
            return network(inputs)
        with torch.autocast(inputs.device.type, self.product_dtype, cache_enabled=False):
            return network(inputs).to(inputs.dtype)

    def decode(self, z):
        """p(x|z)."""
        return self.likelihood(self._outputs(self.decoder, z))

    def corrupted(self, x, generator):
        """What the encoder is shown of ``x`` in training."""
        return self._corrupt(x, self._corruption_level, generator)

    def feature_log_prob(self, x):
        """Log-density of every cell given the row's own code (batch, n_features)."""
        return self.decode(self.codes(x)).log_prob(x)

    def sample(self, n_samples, generator):
        """Rows like the data (n_samples, n_features): prior, decoder, noise."""
        return self.decode(self.prior.sample(n_samples, generator)).sample(generator)


class Autoencoder(LatentModel):
    """Deterministic codes; minimises the likelihood's distortion, then fits noise scales and a density of the codes."""

    def __init__(self, n_features, latent_dim, **options):
        super().__init__(n_features, latent_dim, code_outputs=latent_dim, **options)
        self.prior = FittedNormal(latent_dim)

    def codes(self, x):
        return self._outputs(self.encoder, bounded(x))

    def loss_terms(self, x, generator):
        outputs = self._outputs(self.decoder, self.codes(self.corrupted(x, generator)))
        return {"reconstruction": self.likelihood.distortion(outputs, x)}

    def term_weights(self, progress):
        return {"reconstruction": 1.0}

    def log_prob(self, x, noise):
        z = self.codes(x)
        return self.decode(z).row_log_prob(x).to(wide(x)) + self.prior.log_prob(z)

    def calibrate(self, batches, rate):
        total, error, first, second = 0.0, 0.0, 0.0, 0.0
        for x, weight in batches:
            z = self.codes(x)
            residual = (x - self.decode(z).mean).to(wide(x))
            z, weight = z.to(wide(x)), weight.to(wide(x))
            total = total + weight.sum()
            error = error + weight @ residual.square()
            first = first + weight @ z
            second = second + z.mT @ (weight[:, None] * z)
        mean = first / total
        self.prior.fit(mean.to(x), (second / total - torch.outer(mean, mean)).to(x), rate)
        self.likelihood.calibrate((error / total).to(x), rate)


class VAE(LatentModel):
    """Variational autoencoder: maximises E_q[log p(x|z)] - beta KL(q(z|x) || p(z))."""

    def __init__(self, n_features, latent_dim, *, prior, regularizer, beta, kl_warmup, **options):
        super().__init__(n_features, latent_dim, code_outputs=2 * latent_dim, **options)
        self.prior = PRIORS[prior](latent_dim)
        self._regularizer, self._cost = regularizer, REGULARIZERS[regularizer]
        self._beta, self._warmup = beta, kl_warmup

    def posterior(self, x):
        """q(z|x)."""
        mean, raw = self._outputs(self.encoder, bounded(x)).split(self.prior.latent_dim, dim=-1)
        return DiagonalNormal(mean, positive(raw, floor=1e-4))

    def codes(self, x):
        return self.posterior(x).mean

    def loss_terms(self, x, generator):
        posterior = self.posterior(self.corrupted(x, generator))
        z = posterior.at(_standard_normal(posterior.mean.shape, posterior.mean, generator))
        return {
            "reconstruction": -self.decode(z).row_log_prob(x),
            self._regularizer: self._cost(posterior, self.prior, z),
        }

    def term_weights(self, progress):
        ramp = min(1.0, progress / self._warmup) if self._warmup > 0 else 1.0
        return {"reconstruction": 1.0, self._regularizer: self._beta * ramp}

    def log_prob(self, x, noise):
        """Importance-weighted bound on log p(x) (Burda et al., 2016), the same ``noise`` for every row."""
        posterior = self.posterior(x)
        posterior = DiagonalNormal(posterior.mean[:, None], posterior.scale[:, None])
        draws = max(1, CELLS_AT_ONCE // (len(x) * self._width))
        log_weights = [self._log_weights(x[:, None], posterior, part) for part in noise.split(draws)]
        return log_mean_exp(log_weights[0] if len(log_weights) == 1 else torch.cat(log_weights, dim=1), dim=1)

    def _log_weights(self, x, posterior, noise):
        """Log p(x, z) - log q(z|x) for each row and draw (batch, draws), float64."""
        z = posterior.at(noise)
        return self.decode(z).row_log_prob(x).to(wide(x)) + (self.prior.log_prob(z) - posterior.log_prob_at(noise))

    def calibrate(self, batches, rate):
        """Nothing is fitted after training: scales and prior are learned with the rest."""


MODELS = {"autoencoder": Autoencoder, "vae": VAE}
