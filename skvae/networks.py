"""Networks with parameters of their own: what encoder and decoder are made of."""

from collections.abc import Sequence
from dataclasses import dataclass
from numbers import Integral

from skvae._members import Member
from skvae._validation import Interval


class Network(Member):
    """A value of the parameter ``network``."""


@dataclass(frozen=True)
class Convolutional(Network):
    """Convolutions of flattened images or sequences, each of which halves their size; the decoder mirrors them [1]_.

    The columns of X are the pixels of an image row by row, of several channels one channel after the other, as
    ``images.reshape(len(images), -1)`` has them.

    Parameters
    ----------
    image_shape : tuple of int or None, default=None
        Channels, height and width of an image, or channels and length of a sequence; None is the ``image_shape`` of the
        estimator.
    channels : sequence of int, default=(32, 64)
        Channels of each layer of the encoder; the decoder has the same in reverse.
    kernel_size : int, default=3
        Height and width of kernels.

    References
    ----------
    .. [1] J. Masci, U. Meier, D. Ciresan and J. Schmidhuber, "Stacked convolutional auto-encoders for hierarchical
       feature extraction", ICANN 2011.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from skvae import AutoencoderTransformer
    >>> from skvae.networks import Convolutional
    >>> X = load_digits().data  # 8 x 8 pixels
    >>> network = Convolutional((1, 8, 8), channels=(16, 32))
    >>> AutoencoderTransformer(8, network=network, max_iter=2).fit_transform(X).shape
    (1797, 8)
    """

    image_shape: tuple[int, ...] | None = None
    channels: Sequence[int] = (32, 64)
    kernel_size: int = 3

    name = "convolutional"
    _parameter_constraints = {
        "image_shape": ["array-like", None],
        "channels": ["array-like"],
        "kernel_size": [Interval(Integral, 1, None, closed="left")],
    }
