"""Networks with parameters of their own: what encoder and decoder are made of."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from numbers import Integral, Real

from skvae._members import Member
from skvae._validation import Interval

SHARE_DROPPED = Interval(Real, 0, 1, closed="left")

SMALLEST_KERNEL = 2
"""Layers halve images: smaller kernels would not see all pixels, and torch fails on their gradients."""


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
        Height and width of kernels, at least 2: those of one pixel would leave out every other one.
    hidden_layer_sizes : int or sequence of int, default=()
        Hidden units of a perceptron between the last convolution and the code; those of the estimator are for other
        networks. More often cost time than lower the error.

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
    hidden_layer_sizes: int | Sequence[int] = ()

    name = "convolutional"
    _parameter_constraints = {
        "image_shape": ["array-like", None],
        "channels": ["array-like"],
        "kernel_size": [Interval(Integral, SMALLEST_KERNEL, None, closed="left")],
        "hidden_layer_sizes": ["array-like", Interval(Integral, 1, None, closed="left")],
    }


@dataclass(frozen=True)
class Custom(Network):
    """Encoder and decoder of one's own.

    Both are classes or functions that are called as ``encoder(in_features, out_features)`` and return a new
    ``torch.nn.Module`` each time, from tensors of shape (batch, in_features) to (batch, out_features). The encoder of a
    VAE says a mean and a scale of each component: its ``out_features`` are twice ``n_components``. First weights, and
    what layers such as ``torch.nn.Dropout`` draw, may come from torch's global generator: ``random_state`` decides what
    it draws meanwhile, and it is put back. Layers act as in training only where gradients are computed: validation rows
    are judged without dropout, and by the means and variances that ``torch.nn.BatchNorm1d`` has seen, as all rows are
    later on and as a batch of a single row is. Modules themselves are refused: copies of an estimator would train one
    another's weights.

    Parameters
    ----------
    encoder : callable
        A class, or a function that pickle finds by its name.
    decoder : callable
        The same for the decoder, from codes to what the likelihood asks for.

    Examples
    --------
    >>> from sklearn.datasets import load_wine
    >>> from torch import nn
    >>> from skvae import AutoencoderTransformer
    >>> from skvae.networks import Custom
    >>> def small(in_features, out_features):
    ...     return nn.Sequential(nn.Linear(in_features, 20), nn.Tanh(), nn.Linear(20, out_features))
    >>> autoencoder = AutoencoderTransformer(2, network=Custom(small, small), max_iter=5, random_state=0)
    >>> autoencoder.fit_transform(load_wine().data).shape
    (178, 2)
    """

    encoder: Callable
    decoder: Callable

    name = "custom"

    def check(self) -> None:
        """Refuse a half that is no class or function that makes modules."""
        for half in ("encoder", "decoder"):
            value = getattr(self, half)
            if hasattr(value, "parameters") and not isinstance(value, type):
                raise TypeError(
                    f"network=Custom({half}=...) is given a module, {type(value).__name__}. Give its class, or a "
                    f"function (in_features, out_features) that makes a new one: a module cannot be cloned untrained."
                )
            if not callable(value):
                raise TypeError(
                    f"network=Custom({half}={value!r}) must be a class or a function (in_features, out_features) that "
                    "makes a new torch.nn.Module."
                )
