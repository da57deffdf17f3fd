"""The models: a code for every row, a density for every code, and the terms that training minimises.

All tensors are in standard units: ``x`` is (batch, n_features), ``z`` is (..., latent_dim).
"""

import copy
from abc import ABC, abstractmethod

import torch
from torch import nn
from torch.nn.functional import pad

from skvae.nn.corruptions import CORRUPTIONS
from skvae.nn.holes import Incomplete
from skvae.nn.likelihoods import make_likelihood
from skvae.nn.linear import factor_analysis, moments, moments_with_holes, principal_components
from skvae.nn.networks import NETWORKS
from skvae.nn.numerics import (
    bounded,
    log_mean_exp,
    positive,
    positive_inverse,
    wide,
)
from skvae.nn.objectives import OBJECTIVES, Distortion
from skvae.nn.penalties import PENALTIES
from skvae.nn.posteriors import DiagonalNormal
from skvae.nn.priors import CODE_DENSITIES, PRIORS
from skvae.nn.step import Step

CELLS_AT_ONCE = 2**21
"""Values that one layer holds while scores are computed: a bound on memory, not on the number of draws."""

POSTERIOR_FLOOR = 1e-4
"""Smallest scale of a posterior."""

MOST_COLUMNS, ROWS_A_COLUMN = 1000, 2
"""What an encoder may see of a row where training begins at a linear model, as more take long to decompose; and how
many rows each of these numbers needs, as fewer say little of its covariance."""

GUESSES = 20
"""How often cells of columns that had none missing in training are guessed anew."""

LEAST_NOISE = 1e-2
"""Smallest share of a column's variance that is noise to the linear model at which training begins."""


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
        holes,
        apart,
        corruption,
        corruption_level,
        generator,
    ):
        super().__init__()
        build, sizes = NETWORKS[network], tuple(hidden_layer_sizes)
        self.likelihood = make_likelihood(likelihood, n_features)
        if holes or apart:
            self.likelihood = Incomplete(self.likelihood, holes, apart)
        self.encoder = build.encoder(self.likelihood.n_inputs, code_outputs, sizes, activation, generator)
        self.decoder = build.decoder(latent_dim, self.likelihood.n_outputs, sizes[::-1], activation, generator)
        self._corrupt, self._corruption_level = CORRUPTIONS[corruption], corruption_level
        self._latent_dim, self._n_guesses = latent_dim, 0
        self.register_buffer("fence", None, persistent=False)

    @property
    def n_products(self):
        """How many products its networks compute for a row."""
        return self.encoder.n_products + self.decoder.n_products

    @property
    def _rows_at_once(self):
        """Rows whose scores are computed at once."""
        return max(1, CELLS_AT_ONCE // max(self.decoder.width, self._latent_dim))

    def loss_terms(self, x, generator, weight=None):
        """Named terms of the objective, each (batch,), before weighting.

        ``weight`` (batch,) is what rows count where a term is about all of them; None where they are alike.
        """
        x = self.likelihood.realize(x, generator)
        inputs = self._corrupt(self.inputs(x), self._corruption_level, generator)  # (batch, n_inputs)
        return self.objective(self.step(x, inputs, generator, weight))

    @abstractmethod
    def step(self, x, inputs, generator, weight):
        """What the objective sees of cells x (batch, n_features) of which the encoder was shown ``inputs``."""

    def term_weights(self, progress):
        """Weight of each named term after the share ``progress`` of the run."""
        return self.objective.weights(progress)

    @abstractmethod
    def log_prob(self, x, noise):
        """Score of each row (batch,), with standard normal ``noise`` (draws, latent_dim) for a model that needs it."""

    @abstractmethod
    def calibrate(self, batches, rate):
        """Fit what is fitted after training to ``batches``, pairs of x and row weights; ``rate=1`` forgets the old."""

    @abstractmethod
    def code_draws(self, x, generator):
        """Codes of rows to which a density of the codes is fitted (batch, latent_dim)."""

    @torch.no_grad()
    def observe(self, x, weight, generator):
        """Take note of training rows, before training, and of how many rows each one counts."""
        self.likelihood.observe(x, weight[:, None].expand(x.shape))
        self._begin(x, weight)

    @torch.no_grad()
    def go_on(self, x, weight):
        """Take note of more rows, before training goes on with these."""
        outputs = self.decoder(self.codes(x))
        shift = self.likelihood.go_on(x, weight[:, None].expand(x.shape), outputs)
        self.decoder.last_layer.bias.add_(shift)

    def _begin(self, x, weight):
        """Begin at a linear model of the rows, if networks have an affine part, cells a scale, and rows suffice."""
        encoder, decoder, inputs = self.encoder.linear_part, self.decoder.linear_part, self.inputs(x)
        n_columns, n_rows = inputs.shape[1], float(weight.sum())
        if encoder is None or decoder is None or n_columns > min(MOST_COLUMNS, n_rows / ROWS_A_COLUMN):
            return
        missing = self.likelihood.missing_inputs(x)
        if missing is None:
            mean, covariance = moments(inputs, weight)
        else:
            inputs = inputs[:, : missing.shape[1]]
            mean, covariance = moments_with_holes(inputs, missing, weight, min(decoder.in_features, inputs.shape[1]))
        mean, covariance = mean.cpu(), covariance.cpu()
        loadings, noise, codes, bias = self.linear_model(covariance, decoder.in_features, n_rows)
        if self.likelihood.begin(decoder.weight, decoder.bias, loadings, mean, noise):
            encoder.weight.copy_(pad(codes, (0, n_columns - inputs.shape[1])))
            encoder.bias.copy_(bias - codes @ mean)

    @abstractmethod
    def linear_model(self, covariance, latent_dim, n_rows):
        """The best linear model of ``n_rows`` rows with this covariance and mean zero.

        Loadings (n_inputs, latent_dim), noise variances (n_inputs,), and weights and bias of the encoder.
        """

    def inputs(self, x):
        """What the encoder sees of rows that training did not corrupt."""
        return bounded(self.likelihood.inputs(self._within_fence(x)))

    def _within_fence(self, x):
        """Cells with far ones where such cells stood in training, whose rows came like this."""
        if self.training or self.fence is None:
            return x
        low, high, below, above = self.fence
        return torch.where(x < low, below, torch.where(x > high, above, x))

    @torch.no_grad()
    def open_to_holes(self):
        """The same model, weights and all, for rows in which cells of any column may be missing, as NaN.

        The encoder never saw rows without these cells: it is shown what the decoder made of what it saw before.
        """
        other = copy.copy(self)
        other._modules, other._n_guesses = dict(self._modules), GUESSES
        if not isinstance(self.likelihood, Incomplete):
            weight = next(self.parameters())
            with torch.no_grad():
                typical = self.decode(weight.new_zeros(1, self._latent_dim)).mean[0]
                other.likelihood = Incomplete(self.likelihood, []).to(weight)
                other.likelihood.learn_filler(typical, self.likelihood.inputs(typical))
        return other

    def seen(self, x):
        """What the encoder sees of rows, with guesses for cells that it knows nothing of missing."""
        if not self._n_guesses:
            return self.inputs(x)
        unknown, cells = self.likelihood.unforeseen(x), x
        for _ in range(self._n_guesses):
            guess = self.decode(self.codes_of_inputs(self.inputs(cells))).mean
            cells = torch.where(unknown, guess, x)
        return self.inputs(cells)

    @abstractmethod
    def codes_of_inputs(self, inputs):
        """Deterministic codes (batch, latent_dim) of what the encoder sees."""

    def codes(self, x):
        """Deterministic codes (batch, latent_dim)."""
        return self.codes_of_inputs(self.seen(x))

    @abstractmethod
    def expected(self, x, noise):
        """What is expected of each cell given those of its row that are there (batch, n_features)."""

    @abstractmethod
    def completed(self, x, noise, generator):
        """A draw of each cell given those of its row that are there (batch, n_features)."""

    def _outputs(self, network, inputs):
        """What a network says, in the dtype of its inputs; in training its matrix products may have fewer digits."""
        if not self.training or self.product_dtype in (None, inputs.dtype):
            return network(inputs)
        with torch.autocast(inputs.device.type, self.product_dtype, cache_enabled=False):
            return network(inputs).to(inputs.dtype)

    def decode(self, z):
        """p(x|z)."""
        return self.likelihood(self._outputs(self.decoder, z))

    def feature_log_prob(self, x, seen):
        """Log-density of every cell of x given the codes of the rows ``seen`` (batch, n_features)."""
        return self.decode(self.codes(seen)).log_prob(x)

    def feature_shortfall(self, x, seen):
        """The same less the log-density of what is expected of the cell, 0 where there is none."""
        conditional = self.decode(self.codes(seen))
        short = conditional.log_prob(x) - conditional.log_prob(conditional.mean)
        return torch.where(x.isnan(), torch.zeros_like(short), short)

    def sample(self, n_samples, generator):
        """Rows like the data (n_samples, n_features): code, decoder, noise."""
        return self.decode(self.code_density.sample(n_samples, generator)).sample(generator)

    def sample_given(self, x, n_samples, n_codes, generator):
        """Rows with the cells of x (1, n_features) that are there, the others drawn; and the effective sample size.

        By sampling importance resampling (Rubin, 1988): codes are drawn, weighted by the density that they give the
        given cells, and drawn again by their weights.
        """
        codes = self.code_density.sample(n_codes, generator)
        pieces = codes.split(self._rows_at_once)
        log_weights = torch.cat([self.decode(z).row_log_prob(x).to(wide(x)) for z in pieces])
        shares = torch.softmax(log_weights, dim=0)
        chosen = torch.multinomial(shares, n_samples, replacement=True, generator=generator)
        drawn = self.decode(codes[chosen]).sample(generator)
        return torch.where(x.isnan(), drawn, x), 1.0 / shares.square().sum()


class Autoencoder(LatentModel):
    """Deterministic codes; minimises the likelihood's distortion, then fits noise scales and a density of the codes."""

    def __init__(self, n_features, latent_dim, *, code_density, n_mixture_components, **options):
        super().__init__(n_features, latent_dim, code_outputs=latent_dim, **options)
        self.code_density = CODE_DENSITIES[code_density](latent_dim, n_mixture_components)
        self.objective = Distortion()

    def linear_model(self, covariance, latent_dim, n_rows):
        loadings, codes = principal_components(covariance, latent_dim)
        noise = (covariance.diagonal() - loadings.square().sum(1)).clamp_min(0.0)
        return loadings, noise, codes, codes.new_zeros(len(codes))

    def codes_of_inputs(self, inputs):
        return self._outputs(self.encoder, inputs)

    def code_draws(self, x, generator):
        return self.codes(x)

    def expected(self, x, noise):
        return self.decode(self.codes(x)).mean

    def completed(self, x, noise, generator):
        return self.decode(self.codes(x)).sample(generator)

    def step(self, x, inputs, generator, weight):
        return Step(
            z=self.codes_of_inputs(inputs),
            x=x,
            inputs=inputs,
            encode=self.codes_of_inputs,
            decode=self.decode,
            generator=generator,
            weight=weight,
        )

    def log_prob(self, x, noise):
        z = self.codes(x)
        return self.decode(z).row_log_prob(x).to(wide(x)) + self.code_density.log_prob(z)

    def calibrate(self, batches, rate):
        total, error, moments = 0.0, 0.0, Moments()
        for x, weight in batches:
            z = self.codes(x)
            residual = self.decode(z).residual(x).to(wide(x))
            total = total + weight.to(wide(x)) @ (~x.isnan()).to(wide(x))
            error = error + weight.to(wide(x)) @ residual.square()
            moments.add(z, weight)
        self.likelihood.calibrate((error / total.clamp_min(1e-12)).to(x), rate)
        if self.code_density.from_moments:
            self.code_density.fit(*moments.of(x), rate)


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


class VAE(LatentModel):
    """Variational autoencoder: maximises E_q[log p(x|z)] - beta KL(q(z|x) || p(z)), or another of the objectives."""

    def __init__(
        self,
        n_features,
        latent_dim,
        *,
        prior,
        n_mixture_components,
        code_density,
        objective,
        n_draws,
        regularizer,
        beta,
        free_bits,
        kl_warmup,
        **options,
    ):
        super().__init__(n_features, latent_dim, code_outputs=2 * latent_dim, **options)
        generator, network, activation = (options[name] for name in ("generator", "network", "activation"))

        def build(in_features, out_features, hidden_layer_sizes):
            return NETWORKS[network].encoder(in_features, out_features, hidden_layer_sizes, activation, generator)

        self.prior = PRIORS[prior](
            latent_dim, n_mixture_components, self.likelihood.n_inputs, self.posterior_of_inputs, generator
        )
        self._fitted_density = code_density and CODE_DENSITIES[code_density](latent_dim, n_mixture_components)
        minimised = OBJECTIVES[objective]
        penalties = [PENALTIES[regularizer](latent_dim, free_bits, build)] if minimised.takes_cost else []
        self.objective, self._n_draws = minimised(penalties, beta, kl_warmup), n_draws

    @property
    def code_density(self):
        """Where codes of new rows come from: the prior, unless a density was fitted to the codes after training."""
        return self.prior if self._fitted_density is None else self._fitted_density

    def observe(self, x, weight, generator):
        super().observe(x, weight, generator)
        self.prior.observe(self.inputs(x), generator, weight)

    def linear_model(self, covariance, latent_dim, n_rows):
        loadings, noise, variances = factor_analysis(covariance, latent_dim, LEAST_NOISE, n_rows)
        codes = variances[:, None] * (loadings / noise[:, None]).mT
        raw = positive_inverse(variances.sqrt(), POSTERIOR_FLOOR)
        return loadings, noise, torch.cat([codes, torch.zeros_like(codes)]), torch.cat([torch.zeros_like(raw), raw])

    def posterior_of_inputs(self, inputs):
        """q(z|x) of what the encoder sees."""
        mean, raw = self._outputs(self.encoder, inputs).chunk(2, dim=-1)
        return DiagonalNormal(mean, positive(raw, POSTERIOR_FLOOR))

    def posterior(self, x):
        """q(z|x).

        Guesses for cells that the encoder knows nothing of missing carry no information, so that the scale moves
        towards one, the prior's. The square of the share of known cells makes it rather too wide than too narrow for
        importance sampling; among powers it had the smallest errors on linear models, where scores are known.
        """
        posterior = self.posterior_of_inputs(self.seen(x))
        if not self._n_guesses:
            return posterior
        known = (1.0 - self.likelihood.unforeseen(x).to(x.dtype).mean(-1, keepdim=True)).square()
        scale = torch.rsqrt(known / posterior.scale.square() + (1.0 - known))
        return DiagonalNormal(posterior.mean, torch.maximum(scale, posterior.scale))

    def codes_of_inputs(self, inputs):
        return self.posterior_of_inputs(inputs).mean

    def code_draws(self, x, generator):
        """Draws of q(z|x), or, where training took several, of what their weights make of it: p(z|x) more nearly."""
        posterior = self.posterior(x)
        if self._n_draws == 1:
            return posterior.draw(generator)
        z = posterior.draws(self._n_draws, generator)  # (batch, draws, latent_dim)
        log_weights = self.decode(z).row_log_prob(x[:, None]).to(wide(x)) + self.prior.log_prob(z)
        log_weights = log_weights - posterior.broadcast().log_prob(z)
        chosen = torch.multinomial(torch.softmax(log_weights, dim=1), 1, generator=generator)
        return z.gather(1, chosen[..., None].expand(-1, 1, z.shape[-1]))[:, 0]

    def step(self, x, inputs, generator, weight):
        posterior = self.posterior_of_inputs(inputs)
        return Step(
            z=posterior.draws(self._n_draws, generator),
            posterior=posterior,
            prior=self.prior,
            x=x,
            inputs=inputs,
            encode=self.codes_of_inputs,
            decode=self.decode,
            generator=generator,
            weight=weight,
        )

    def log_weights(self, x, noise):
        """Log p(x, z) - log q(z|x) for each row and draw (batch, draws), the same ``noise`` for every row."""
        posterior = self.posterior(x).broadcast()
        parts = noise.split(self._draws_at_once(len(x)))
        pieces = [self._log_weights(x[:, None], posterior, part)[0] for part in parts]
        return pieces[0] if len(pieces) == 1 else torch.cat(pieces, dim=1)

    def _draws_at_once(self, n_rows):
        return max(1, self._rows_at_once // n_rows)

    def log_prob(self, x, noise):
        """Importance-weighted bound on log p(x) (Burda et al., 2016)."""
        return log_mean_exp(self.log_weights(x, noise), dim=1)

    def _log_weights(self, x, posterior, noise):
        """Log-weights (batch, draws) of draws of q(z|x), and what is decoded from these."""
        z = posterior.at(noise)
        conditional, latent = self.decode(z), self.code_density.log_prob(z) - posterior.log_prob_at(noise)
        return conditional.row_log_prob(x).to(wide(x)) + latent, conditional

    def expected(self, x, noise):
        """By averages over the posterior, self-normalised importance sampling from q(z|x)."""
        posterior, highest, total, sums = self.posterior(x).broadcast(), -torch.inf, 0.0, 0.0
        for part in noise.split(self._draws_at_once(len(x))):
            log_weights, conditional = self._log_weights(x[:, None], posterior, part)
            before, highest = highest, log_weights.amax(1, keepdim=True).clamp_min(highest)
            weights, kept = torch.exp(log_weights - highest), torch.exp(before - highest)
            total = kept * total + weights.sum(1, keepdim=True)
            sums = kept * sums + (weights[:, None].to(x) @ conditional.statistics)[:, 0]
        return self.likelihood.typical((sums / total).to(x))

    def completed(self, x, noise, generator):
        """By sampling importance resampling: one of the draws of q(z|x), with its weight as its chance."""
        log_weights = self.log_weights(x, noise)
        level = torch.rand(log_weights.shape, dtype=x.dtype, device=x.device, generator=generator)
        chosen = (log_weights - torch.log(-torch.log(level.clamp(1e-12, 1.0 - 1e-7)))).argmax(1)
        return self.decode(self.posterior(x).at(noise[chosen])).sample(generator)

    def kl_per_component(self, x, generator):
        """KL(q(z_j|x) || p(z_j)) of each latent variable (batch, latent_dim)."""
        posterior = self.posterior(x)
        return self.prior.kl_per_component(posterior, posterior.draw(generator))

    def calibrate(self, batches, rate):
        """Scales and prior are learned with the rest; only a density of the codes is fitted after training."""
        if self._fitted_density is None or not self._fitted_density.from_moments:
            return
        moments = Moments()
        for x, weight in batches:
            posterior = self.posterior(x)
            moments.add(posterior.mean, weight, posterior.scale)
        self._fitted_density.fit(*moments.of(x), rate)


MODELS = {"autoencoder": Autoencoder, "vae": VAE}
