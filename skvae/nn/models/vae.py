"""The variational autoencoder: a density of codes for every row."""

import torch

from skvae.nn.linear import factor_analysis, probabilistic_components
from skvae.nn.models.latent import LatentModel
from skvae.nn.models.moments import Moments
from skvae.nn.models.repair import known_share, log_joint, widened
from skvae.nn.networks import NETWORKS
from skvae.nn.numerics import log_mean_exp, positive, positive_inverse, wide
from skvae.nn.objectives import OBJECTIVES
from skvae.nn.penalties import penalties_of
from skvae.nn.posteriors import DiagonalNormal
from skvae.nn.priors import CODE_DENSITIES, PRIORS
from skvae.nn.regularizers import REGULARIZERS
from skvae.nn.step import Step

POSTERIOR_FLOOR = 1e-4
"""Smallest scale of a posterior."""

LONGEST_STEP, WIDENED = 1.0, 1.05
"""How far the draws of a score move from q(z|x), in its scales and as the root of the mean square over the latent
variables, and how many times as wide as q(z|x) they are: it was fitted to lie inside of p(z|x)."""

LEAST_NOISE = 1e-2
"""Smallest share of a column's variance that is noise to the linear model at which training begins."""


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
        penalty,
        **options,
    ):
        super().__init__(n_features, latent_dim, code_outputs=2 * latent_dim, **options)
        generator, activation = options["generator"], options["activation"]
        of_codes = NETWORKS[options["network"][0]].of_codes

        def build(in_features, out_features, hidden_layer_sizes):
            return of_codes(in_features, out_features, hidden_layer_sizes, activation, generator)

        self.prior = PRIORS[prior](
            latent_dim, n_mixture_components, self.likelihood.n_inputs, self.posterior_of_inputs, generator
        )
        self._fitted_density = code_density and CODE_DENSITIES[code_density](latent_dim, n_mixture_components)
        minimised = OBJECTIVES[objective]
        costs = [REGULARIZERS[regularizer](latent_dim, free_bits, build)] if minimised.takes_cost else []
        penalties = [*costs, *penalties_of(penalty, latent_dim, self.likelihood.n_inputs)]
        self.objective, self._n_draws = minimised(penalties, beta, kl_warmup), n_draws

    @property
    def code_density(self):
        """Where codes of new rows come from: the prior, unless a density was fitted to the codes after training."""
        return self.prior if self._fitted_density is None else self._fitted_density

    def observe_codes(self, x, weight, generator):
        self.prior.observe(self.inputs(x), generator, weight)

    def linear_model(self, covariance, latent_dim, n_rows):
        if self.objective.keeps_components:
            loadings, noise, codes, variances = probabilistic_components(covariance, latent_dim, LEAST_NOISE)
        else:
            loadings, noise, variances = factor_analysis(covariance, latent_dim, LEAST_NOISE, n_rows)
            codes = variances[:, None] * (loadings / noise[:, None]).mT
        raw = positive_inverse(variances.sqrt(), POSTERIOR_FLOOR)
        return loadings, noise, torch.cat([codes, torch.zeros_like(codes)]), torch.cat([torch.zeros_like(raw), raw])

    def posterior_of_inputs(self, inputs):
        """q(z|x) of what the encoder sees (batch, n_inputs)."""
        mean, raw = self._outputs(self.encoder, inputs).chunk(2, dim=-1)  # (batch, latent_dim) each
        return DiagonalNormal(mean, positive(raw, POSTERIOR_FLOOR))

    def posterior(self, x):
        """q(z|x) of rows x (batch, n_features), wider where cells are guesses; the prior's scale is one."""
        posterior = self.posterior_of_inputs(self.seen(x))
        if not self.is_open:
            return posterior
        known = known_share(self.likelihood.holes.unforeseen(x), x.dtype)
        return DiagonalNormal(posterior.mean, widened(posterior.scale, 1.0, known))

    def place_of_inputs(self, inputs):
        posterior = self.posterior_of_inputs(inputs)
        return posterior.mean, posterior.scale

    def codes_of_inputs(self, inputs):
        return self._outputs(self.encoder, inputs)[..., : self.latent_dim]

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

    def proposal(self, x):
        """r(z|x), of which scores draw: q(z|x), one step up log p(x, z) from its mean and a little wider.

        A network says where all rows' codes may lie, and so of none quite where (Cremer et al., 2018); a step of
        inference for the row itself (Kim et al., 2018) brings more than three times as many draws. The step is the
        gradient with respect to the draw in scales of q(z|x): where this has the scales of p(z|x), that is Newton's.
        Where q(z|x) is wider it would be too long: it ends where a parabola through both its ends is highest.
        """
        posterior = self.posterior(x)
        if not self.infers_rows:
            return posterior
        return DiagonalNormal(posterior.at(step_up(self, x, posterior)), WIDENED * posterior.scale)

    def log_weights(self, x, noise):
        """Log p(x, z) - log r(z|x) for each row and draw (batch, draws), the same ``noise`` for every row."""
        return self._weights_of(self.proposal(x), x, noise)

    def _weights_of(self, posterior, x, noise):
        """Log-weights (batch, draws) of draws of a density of codes."""
        posterior, parts = posterior.broadcast(), noise.split(self.draws_at_once(x.shape[0]))
        pieces = [self._log_weights(x[:, None], posterior, part)[0] for part in parts]
        return pieces[0] if len(pieces) == 1 else torch.cat(pieces, dim=1)

    def draws_at_once(self, n_rows):
        """Draws of each row whose scores are computed at once."""
        return max(1, self.rows_at_once // n_rows)

    def log_prob(self, x, noise):
        """Importance-weighted bound on log p(x) (Burda et al., 2016), with draws of ``proposal``."""
        return log_mean_exp(self.log_weights(x, noise), dim=1)

    def _log_weights(self, x, posterior, noise):
        """Log-weights (batch, draws) of draws of q(z|x), and what is decoded from these."""
        z = posterior.at(noise)
        conditional, latent = self.decode(z), self.code_density.log_prob(z) - posterior.log_prob_at(noise)
        return conditional.row_log_prob(x).to(wide(x)) + latent, conditional

    def expected_of_seen(self, x, noise):
        """By averages over the posterior, self-normalised importance sampling from q(z|x)."""
        posterior, highest, total, sums = self.posterior(x).broadcast(), -torch.inf, 0.0, 0.0
        for part in noise.split(self.draws_at_once(x.shape[0])):
            log_weights, conditional = self._log_weights(x[:, None], posterior, part)
            before, highest = highest, log_weights.amax(1, keepdim=True).clamp_min(highest)
            weights, kept = torch.exp(log_weights - highest), torch.exp(before - highest)
            total = kept * total + weights.sum(1, keepdim=True)
            sums = kept * sums + (weights[:, None].to(x) @ conditional.statistics)[:, 0]
        return self.likelihood.typical((sums / total).to(x))

    def completed_of_seen(self, x, noise, generator):
        """By sampling importance resampling: one of the draws of q(z|x), with its weight as its chance."""
        posterior = self.posterior(x)
        log_weights = self._weights_of(posterior, x, noise)
        # Gumbel's trick draws each row's place among its draws
        level = torch.rand(log_weights.shape, dtype=x.dtype, device=x.device, generator=generator)
        chosen = (log_weights - torch.log(-torch.log(level.clamp(1e-12, 1.0 - 1e-7)))).argmax(1)  # (batch,)
        return self.decode(posterior.at(noise[chosen])).sample(generator)

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


def step_up(model, x, posterior):
    """A step up log p(x, z) from the mean of q(z|x), in its scales (batch, latent_dim)."""
    here, slope = slope_of(model, x, posterior)
    length = slope.square().mean(-1, keepdim=True).sqrt() / LONGEST_STEP
    step = slope / length.clamp_min(1.0)
    rise = (slope * step).sum(-1).to(here)
    bend = log_joint(model, x, posterior.at(step)) - here - rise  # that of a parabola: -rise / 2 where a step is right
    share = torch.nan_to_num(rise / (-2.0 * bend).clamp_min(1e-6)).clamp(0.0, 1.0)
    return step * torch.where(bend < 0.0, share, torch.ones_like(share))[:, None].to(step)


@torch.enable_grad()
def slope_of(model, x, posterior):
    """Log p(x, z) (batch,) at the mean of q(z|x), and its gradient in scales of q(z|x) (batch, latent_dim)."""
    step = torch.zeros_like(posterior.mean).requires_grad_()
    here = log_joint(model, x, posterior.at(step))
    return here.detach(), torch.nan_to_num(torch.autograd.grad(here.sum(), step)[0])
