"""Corruptions with parameters of their own: what a denoising model sees in training instead of the rows."""

from dataclasses import dataclass
from numbers import Real

from skvae._members import Member
from skvae._validation import Interval


class Corruption(Member):
    """A value of the parameter ``corruption``."""


@dataclass(frozen=True)
class Gaussian(Corruption):
    """Additive normal noise [1]_.

    Parameters
    ----------
    level : float, default=0.1
        Standard deviation of the noise, in standard deviations of each column.

    References
    ----------
    .. [1] P. Vincent, H. Larochelle, I. Lajoie, Y. Bengio and P.-A. Manzagol, "Stacked denoising autoencoders",
       Journal of Machine Learning Research, 2010.

    Examples
    --------
    >>> from skvae import AutoencoderTransformer
    >>> from skvae.corruptions import Gaussian
    >>> AutoencoderTransformer(2, corruption=Gaussian(0.3)).set_params(corruption__level=0.5)
    AutoencoderTransformer(corruption=Gaussian(level=0.5), n_components=2)
    """

    level: float = 0.1

    name = "gaussian"
    _parameter_constraints = {"level": [Interval(Real, 0, None, closed="left")]}
