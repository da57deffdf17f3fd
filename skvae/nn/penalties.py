"""Penalties: what encoder, inputs and codes cost, beside how badly rows are explained."""

from abc import ABC, abstractmethod

from torch import nn


class Penalty(nn.Module, ABC):
    """Named costs, one value a row each, and their weights."""

    @abstractmethod
    def forward(self, step):
        """Costs of the rows of a ``Step``, each (batch,), by name."""

    @abstractmethod
    def weights(self, beta):
        """Weight of each cost; ``beta`` is that of the cost of the code, which grows during the warm-up."""


class Sparse(Penalty):
    """Absolute activations of the codes, which leaves few of them active (Olshausen and Field, 1996).

    Parameters
    ----------
    strength : float
        Weight of the cost.
    """

    def __init__(self, strength):
        super().__init__()
        self._strength = strength

    def forward(self, step):
        return {"sparsity": step.z.abs().sum(-1)}

    def weights(self, beta):
        return {"sparsity": self._strength}


def penalties_of(penalty):
    """The penalties of a model: a member of PENALTIES with its arguments, or none."""
    return [] if penalty is None else [PENALTIES[penalty[0]](**penalty[1])]


PENALTIES = {"sparse": Sparse}
