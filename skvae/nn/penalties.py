"""Penalties: what encoder, inputs and codes cost, beside how badly rows are explained.

Costs of codes are measured in units of the codes of a batch: a decoder that scales up what an encoder scales down would
pay no cost otherwise, and nothing else would change.
"""

import math
from abc import ABC, abstractmethod

import torch
from torch import nn
from torch.nn.functional import linear

from skvae.nn.numerics import coin_flips

LEAST_CODE_SPREAD = 1e-5
"""Smallest unit of a code."""

LEAST_VARIANCE = 1e-3
"""Smallest variance of a component that codes stay close to, as a share of that of a code that says all."""

LEAST_ACTIVATION = 1e-6
"""Smallest mean activation that has a logarithm, and smallest distance from one."""


class Penalty(nn.Module, ABC):
    """Named costs, one value a row each, and their weights."""

    linear = True
    """Whether codes are what the encoder says."""
    keeps_components = False
    """Whether it is about the principal components of the rows."""

    def place(self, codes, bias, variance):
        """Take note of the linear model of the rows before training, for members that are about its components.

        Inputs (n_inputs,) have the codes ``codes @ inputs + bias`` (latent_dim,) of this ``variance``.
        """

    @abstractmethod
    def forward(self, step):
        """Costs of the rows of a ``Step``, each (batch,), by name."""

    @abstractmethod
    def weights(self, beta):
        """Weight of each cost; ``beta`` is that of the cost of the code, which grows during the warm-up."""

    def activated(self, z):
        """Codes (..., latent_dim) of what the encoder says of rows."""
        return z


class Sparse(Penalty):
    """Absolute activations of the codes, which leaves few of them active (Olshausen and Field, 1996).

    Each unit is measured in its root mean square over the batch.

    Parameters
    ----------
    strength : float
        Weight of the cost.
    """

    def __init__(self, strength):
        super().__init__()
        self._strength = strength

    def forward(self, step):
        size = (step.shares @ step.z.square() + LEAST_CODE_SPREAD**2).sqrt()  # (latent_dim,)
        return {"sparsity": (step.z.abs() / size).sum(-1)}

    def weights(self, beta):
        return {"sparsity": self._strength}


class SparseActivations(Sparse):
    """Codes are activations between 0 and 1, whose means over the rows are to be ``target`` (Ng, 2011).

    The cost is the divergence of two coins, KL(target || mean activation), summed over the units, in nats.
    """

    linear = False

    def __init__(self, strength, target):
        super().__init__(strength)
        self._target = target

    def activated(self, z):
        return torch.sigmoid(z)

    def forward(self, step):
        active = (step.shares @ step.z).clamp(LEAST_ACTIVATION, 1.0 - LEAST_ACTIVATION)  # (latent_dim,)
        lost = self._target * torch.log(active) + (1.0 - self._target) * torch.log1p(-active)
        least = self._target * math.log(self._target) + (1.0 - self._target) * math.log1p(-self._target)
        return {"sparsity": (least - lost).sum().expand(len(step.z))}


def sparse(strength, target=None):
    """``Sparse``, or with a target ``SparseActivations``."""
    return Sparse(strength) if target is None else SparseActivations(strength, target)


class Contractive(Penalty):
    """How far codes move where inputs move: the squared norm of the encoder's Jacobian (Rifai et al., 2011).

    The Jacobian J of a row is never computed. For random signs s, E|Jᵀs|² is its squared Frobenius norm (Hutchinson,
    1990). Each unit is measured in its standard deviation over the batch.

    Parameters
    ----------
    strength : float
        Weight of the cost.
    n_projections : int
        Draws of s a row.
    """

    def __init__(self, strength, n_projections):
        super().__init__()
        self._strength, self._n_projections = strength, n_projections

    def forward(self, step):
        spread, learns = spread_of(step), torch.is_grad_enabled()
        with torch.enable_grad():
            inputs = step.inputs.detach().requires_grad_()  # (batch, n_inputs)
            z = step.encode(inputs)
            total = 0.0
            for _ in range(self._n_projections):
                signs = 2.0 * coin_flips(torch.full_like(z, 0.5), step.generator) - 1.0
                # of a sum, as gradients of vectors load torch's symbolic algebra
                along = (z * (signs / spread)).sum()
                (slope,) = torch.autograd.grad(along, inputs, create_graph=learns, retain_graph=True)
                total = total + slope.square().sum(-1)
        return {"contraction": total / self._n_projections}

    def weights(self, beta):
        return {"contraction": self._strength}


class Orthogonal(Penalty):
    """Squared correlations of the units of a code over the batch, summed over all pairs.

    Parameters
    ----------
    strength : float
        Weight of the cost.
    """

    def __init__(self, strength):
        super().__init__()
        self._strength = strength

    def forward(self, step):
        units = (step.z - step.shares @ step.z) / spread_of(step)  # (batch, latent_dim)
        correlation = (step.shares[:, None] * units).mT @ units
        squares = correlation.square()
        return {"correlation": (0.5 * (squares.sum() - squares.diagonal().sum())).expand(len(step.z))}

    def weights(self, beta):
        return {"correlation": self._strength}


class Principal(Penalty):
    """How far codes are from the principal components of the rows, in variances of each component.

    Components that vary no more than noise may are nothing to stay close to.

    Parameters
    ----------
    strength : float
        Weight of the cost.
    latent_dim, n_inputs : int
        Sizes of a code and of what the encoder sees.
    """

    keeps_components = True

    def __init__(self, strength, latent_dim, n_inputs):
        super().__init__()
        self._strength = strength
        self.register_buffer("codes", torch.zeros(latent_dim, n_inputs, dtype=torch.float32))
        self.register_buffer("bias", torch.zeros(latent_dim, dtype=torch.float32))
        self.register_buffer("worth", torch.zeros(latent_dim, dtype=torch.float32))

    def place(self, codes, bias, variance):
        self.codes.copy_(codes)
        self.bias.copy_(bias)
        self.worth.copy_(torch.where(variance > LEAST_VARIANCE, 1.0 / variance, torch.zeros_like(variance)))

    def forward(self, step):
        z = step.z if step.posterior is None else step.posterior.mean
        departure = z - linear(step.clean, self.codes, self.bias)  # (batch, latent_dim)
        return {"departure": departure.square() @ self.worth}

    def weights(self, beta):
        return {"departure": self._strength}


def spread_of(step):
    """Standard deviation of each unit of the codes of a ``Step`` (latent_dim,)."""
    centred = step.z - step.shares @ step.z
    return (step.shares @ centred.square() + LEAST_CODE_SPREAD**2).sqrt()


def penalties_of(penalty, latent_dim, n_inputs):
    """The penalties of a model of such sizes: a member of PENALTIES with its arguments, or none."""
    if penalty is None:
        return []
    name, arguments = penalty
    sizes = {"latent_dim": latent_dim, "n_inputs": n_inputs} if keeps_components(penalty) else {}
    return [PENALTIES[name](**arguments, **sizes)]


def keeps_components(penalty):
    """Whether a member with its arguments, or none, holds the principal components of the rows."""
    return penalty is not None and getattr(PENALTIES[penalty[0]], "keeps_components", False)


def makes_activations(penalty):
    """Whether codes are not what the encoder says but activations, under a member with its arguments, or none."""
    return penalty is not None and penalty[1].get("target") is not None


PENALTIES = {"sparse": sparse, "contractive": Contractive, "orthogonal": Orthogonal, "principal": Principal}
