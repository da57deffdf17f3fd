"""Networks with parameters of their own: what encoder and decoder are made of."""

from collections.abc import Sequence
from dataclasses import dataclass
from numbers import Integral, Real

from skvae._members import Member
from skvae._validation import Interval

SHARE_DROPPED = Interval(Real, 0, 1, closed="left")


class Network(Member):
    """A value of the parameter ``network``."""


@dataclass(frozen=True)
class Perceptron(Network):
    """Multi-layer perceptron, in "mlp" with the defaults below.

    Parameters
    ----------
    dropout : float, default=0.0
        Share of the activations of each hidden layer that is left out of a step of training, anew for each row; the
        others grow in proportion [1]_. Validation rows see all of them.
    tied : bool, default=False
        Whether the matrices of the decoder are those of the encoder, transposed [2]_. The biases of the two differ. The
        code of a :class:`~skvae.VAETransformer` has that half of the last matrix of its encoder that says its mean.
        Where the decoder has not as many outputs as the encoder has inputs (levels that share an output, noise that
        depends on the code, marks of missing cells) its last layer has a matrix of its own.

    References
    ----------
    .. [1] N. Srivastava, G. Hinton, A. Krizhevsky, I. Sutskever and R. Salakhutdinov, "Dropout: a simple way to prevent
       neural networks from overfitting", Journal of Machine Learning Research, 2014.
    .. [2] P. Vincent, H. Larochelle, I. Lajoie, Y. Bengio and P.-A. Manzagol, "Stacked denoising autoencoders",
       Journal of Machine Learning Research, 2010.

    Examples
    --------
    >>> from skvae import AutoencoderTransformer
    >>> from skvae.networks import Perceptron
    >>> AutoencoderTransformer(2, network=Perceptron(tied=True)).set_params(network__dropout=0.1)
    AutoencoderTransformer(n_components=2,
                           network=Perceptron(dropout=0.1, tied=True))
    """

    dropout: float = 0.0
    tied: bool = False

    name = "mlp"
    _parameter_constraints = {"dropout": [SHARE_DROPPED], "tied": ["boolean"]}


@dataclass(frozen=True)
class ResidualBlocks(Network):
    """Perceptron for many layers: a hidden layer adds to the one before it where both are equally wide [1]_.

    Parameters
    ----------
    dropout : float, default=0.0
        Share of the activations of each hidden layer that is left out of a step of training, anew for each row.

    References
    ----------
    .. [1] K. He, X. Zhang, S. Ren and J. Sun, "Identity mappings in deep residual networks", ECCV 2016.

    Examples
    --------
    >>> from skvae import AutoencoderTransformer
    >>> from skvae.networks import ResidualBlocks
    >>> AutoencoderTransformer(2, hidden_layer_sizes=20 * (32,), network=ResidualBlocks(0.1))
    AutoencoderTransformer(hidden_layer_sizes=(32, 32, 32, 32, 32, 32, 32, 32, 32,
                                               32, 32, 32, 32, 32, 32, 32, 32, 32,
                                               32, 32),
                           n_components=2, network=ResidualBlocks(dropout=0.1))
    """

    dropout: float = 0.0

    name = "residual_blocks"
    _parameter_constraints = {"dropout": [SHARE_DROPPED]}


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
