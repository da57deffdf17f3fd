"""Corruptions with parameters of their own: what a denoising model sees in training instead of the rows."""

from dataclasses import dataclass
from numbers import Real

from skvae._members import Member
from skvae._validation import Interval

SHARE, EMPHASIS = Interval(Real, 0, 1, closed="both"), Interval(Real, 0, None, closed="left")


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


@dataclass(frozen=True)
class Masking(Corruption):
    """Cells that look as if they were missing [1]_: the mean of the training rows stands in their place.

    All that the encoder sees of a cell changes with it: each level of a categorical one, and the mark of a missing one.

    Parameters
    ----------
    share : float, default=0.15
        Chance of each cell to be masked.
    emphasis : float, default=1.0
        What errors of these cells count in training, where those of the others count 1. For an
        :class:`~skvae.AutoencoderTransformer` only: what a :class:`~skvae.VAETransformer` maximises is the density of a
        whole row.

    References
    ----------
    .. [1] P. Vincent, H. Larochelle, I. Lajoie, Y. Bengio and P.-A. Manzagol, "Stacked denoising autoencoders",
       Journal of Machine Learning Research, 2010.

    Examples
    --------
    >>> from skvae import AutoencoderTransformer
    >>> from skvae.corruptions import Masking
    >>> AutoencoderTransformer(2, corruption=Masking(0.3)).set_params(corruption__emphasis=2.0)
    AutoencoderTransformer(corruption=Masking(share=0.3, emphasis=2.0),
                           n_components=2)
    """

    share: float = 0.15
    emphasis: float = 1.0

    name = "masking"
    _parameter_constraints = {"share": [SHARE], "emphasis": [EMPHASIS]}


@dataclass(frozen=True)
class SaltAndPepper(Corruption):
    """Cells that become the smallest or the largest one of their column [1]_.

    All that the encoder sees of a cell changes with it: each level of a categorical one, and the mark of a missing one.

    Parameters
    ----------
    share : float, default=0.15
        Chance of each cell to be one or the other.
    emphasis : float, default=1.0
        What errors of these cells count in training, where those of the others count 1. For an
        :class:`~skvae.AutoencoderTransformer` only: what a :class:`~skvae.VAETransformer` maximises is the density of a
        whole row.

    References
    ----------
    .. [1] P. Vincent, H. Larochelle, I. Lajoie, Y. Bengio and P.-A. Manzagol, "Stacked denoising autoencoders",
       Journal of Machine Learning Research, 2010.

    Examples
    --------
    >>> from skvae import AutoencoderTransformer
    >>> from skvae.corruptions import SaltAndPepper
    >>> AutoencoderTransformer(2, corruption=SaltAndPepper(0.3)).set_params(corruption__emphasis=2.0)
    AutoencoderTransformer(corruption=SaltAndPepper(share=0.3, emphasis=2.0),
                           n_components=2)
    """

    share: float = 0.15
    emphasis: float = 1.0

    name = "salt_and_pepper"
    _parameter_constraints = {"share": [SHARE], "emphasis": [EMPHASIS]}


@dataclass(frozen=True)
class Swap(Corruption):
    """Cells that become those of another row in the same column: for tables of columns of any kind [1]_.

    The rows are drawn from the batch by what they count; a cell may meet itself.

    All that the encoder sees of a cell changes with it: each level of a categorical one, and the mark of a missing one.

    Parameters
    ----------
    share : float, default=0.15
        Chance of each cell to be swapped.
    emphasis : float, default=1.0
        What errors of these cells count in training, where those of the others count 1. For an
        :class:`~skvae.AutoencoderTransformer` only: what a :class:`~skvae.VAETransformer` maximises is the density of a
        whole row.

    References
    ----------
    .. [1] P. Vincent, H. Larochelle, I. Lajoie, Y. Bengio and P.-A. Manzagol, "Stacked denoising autoencoders",
       Journal of Machine Learning Research, 2010, has the other kinds of noise and the emphasis.

    Examples
    --------
    >>> from skvae import AutoencoderTransformer
    >>> from skvae.corruptions import Swap
    >>> AutoencoderTransformer(2, corruption=Swap(0.3)).set_params(corruption__emphasis=2.0)
    AutoencoderTransformer(corruption=Swap(share=0.3, emphasis=2.0),
                           n_components=2)
    """

    share: float = 0.15
    emphasis: float = 1.0

    name = "swap"
    _parameter_constraints = {"share": [SHARE], "emphasis": [EMPHASIS]}
