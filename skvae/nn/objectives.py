"""Objectives: what both models minimise. Named terms with one value a row, and their weights."""

from abc import ABC, abstractmethod

import torch
from torch import nn

from skvae.nn.numerics import log_mean_exp


class Objective(nn.Module, ABC):
    """How badly rows are explained, plus what penalties ask for it.

    Parameters
    ----------
    penalties : sequence of Penalty
        What encoder, inputs and code cost; none of a member that takes no cost.
    beta : float
        What the penalties are weighed with after the warm-up.
    warmup : float
        Share of the run over which that weight grows from zero.
    """

    takes_cost = True
    """Whether penalties may be added."""
    is_bound = True
    """Whether it bounds log p(x), so that noise scales are learned with the rest."""
    auto_draws = 1
    """Draws of a row's posterior that suit it."""

    def __init__(self, penalties=(), beta=1.0, warmup=0.0):
        super().__init__()
        self.penalties, self._beta, self._warmup = nn.ModuleList(penalties), beta, warmup

    @property
    def linear(self):
        """Whether codes are what the encoder says."""
        return all(penalty.linear for penalty in self.penalties)

    @property
    def keeps_components(self):
        """Whether codes stay close to the principal components of the rows."""
        return any(penalty.keeps_components for penalty in self.penalties)

    def activated(self, z):
        """Codes (..., latent_dim) of what the encoder says of rows."""
        for penalty in self.penalties:
            z = penalty.activated(z)
        return z

    @property
    @abstractmethod
    def name(self):
        """What the term of its own is called."""

    @abstractmethod
    def shortfall(self, step):
        """How badly each row is explained (batch,)."""

    def forward(self, step):
        """Terms of a step, each (batch,), before weighting."""
        terms = {self.name: self.shortfall(step)}
        if self.penalties:
            step = step if step.z.ndim == 2 else step._replace(z=step.z[:, 0])
        for penalty in self.penalties:
            terms |= penalty(step)
        return terms

    def weights(self, progress):
        """Weight of each term after the share ``progress`` of the run."""
        beta = self._beta * (min(1.0, progress / self._warmup) if self._warmup > 0 else 1.0)
        weights = {self.name: 1.0}
        for penalty in self.penalties:
            weights |= penalty.weights(beta)
        return weights


class Distortion(Objective):
    """Minus log p(x|z) at unit scale: squared errors under normal noise. Noise scales are fitted after training."""

    name = "reconstruction"
    is_bound = False

    def shortfall(self, step):
        if step.emphasis is None:
            return over_draws(lambda density, x: density.distortion(x), step)
        return (step.emphasis * step.decode(step.z).cell_distortion(step.x)).sum(-1)


class ELBO(Objective):
    """Minus log p(x|z), its mean over the draws of q(z|x) (Kingma and Welling, 2014)."""

    name = "reconstruction"

    def shortfall(self, step):
        return -over_draws(lambda density, x: density.row_log_prob(x), step)


class IWAE(Objective):
    """Minus the importance-weighted bound on log p(x) over the draws of q(z|x) (Burda et al., 2016).

    The encoder's gradient is the doubly reparameterised one, whose signal does not vanish with many draws (Tucker et
    al., 2019): the density of q is held fixed, and what flows back through a draw counts with its weight squared. The
    bound holds the cost of the code already.
    """

    name = "iwae"
    takes_cost = False
    auto_draws = 20

    def shortfall(self, step):
        z = step.z if step.z.ndim == 3 else step.z[:, None]  # (batch, draws, latent_dim)
        likelihood = step.decode(z).row_log_prob(step.x[:, None])
        log_weights = likelihood + step.prior.log_prob(z) - step.posterior.detached().broadcast().log_prob(z)
        weights = torch.softmax(log_weights.detach(), dim=1)
        if z.requires_grad:
            z.register_hook(lambda gradient: gradient * weights[..., None])
        weighted = (weights * log_weights).sum(1)
        return -(log_mean_exp(log_weights.detach(), dim=1) + weighted - weighted.detach())


def over_draws(value, step):
    """Mean over the draws of each row's code (batch,) of a value of p(x|z) and x."""
    if step.z.ndim == 2:
        return value(step.decode(step.z), step.x)
    return value(step.decode(step.z), step.x[:, None]).mean(1)


OBJECTIVES = {"distortion": Distortion, "elbo": ELBO, "iwae": IWAE}
