"""Penalties with parameters of their own: what encoder, inputs and codes cost beside how badly rows are explained."""

from dataclasses import dataclass
from numbers import Real

from skvae._members import Member
from skvae._validation import Interval


class Penalty(Member):
    """A value of the parameter ``penalty``."""


@dataclass(frozen=True)
class Sparse(Penalty):
    """Absolute activations of the codes [1]_: few are far from zero in any one row.

    Parameters
    ----------
    strength : float, default=1.0
        Weight of the cost, in nats a unit of activation.

    References
    ----------
    .. [1] B. A. Olshausen and D. J. Field, "Emergence of simple-cell receptive field properties by learning a sparse
       code for natural images", Nature, 1996.

    Examples
    --------
    >>> from skvae import AutoencoderTransformer
    >>> from skvae.penalties import Sparse
    >>> AutoencoderTransformer(2, penalty=Sparse()).set_params(penalty__strength=0.5)
    AutoencoderTransformer(n_components=2, penalty=Sparse(strength=0.5))
    """

    strength: float = 1.0

    name = "sparse"
    _parameter_constraints = {"strength": [Interval(Real, 0, None, closed="left")]}
