"""Which network encoder and decoder are, and whether rows are images that fit it."""

import math
from numbers import Integral

from skvae._members import named
from skvae._recipe.sizes import layer_sizes, whole_sizes
from skvae.networks import Convolutional, Network
from skvae.nn.networks import NETWORKS, Grid

USUAL_NETWORK = "residual"
"""Networks of unrelated columns, and of linear models."""

DIMENSIONS = {2: "(channels, length)", 3: "(channels, height, width)"}
"""What an image shape of so many numbers says."""


def is_linear(parameters):
    """Whether a model is linear: a dense network without hidden layers."""
    chosen = chosen_network(parameters, USUAL_NETWORK)
    name = chosen if isinstance(chosen, str) else chosen.name
    return NETWORKS[name].is_affine and not layer_sizes(parameters)


def chosen_network(parameters, usual):
    """The parameter ``network``, or what "auto" stands for: ``usual`` unless rows are images of a shape."""
    if parameters.network != "auto":
        return parameters.network
    return usual if parameters.image_shape is None else convolutions_of(tuple(parameters.image_shape)) or usual


def convolutions_of(shape):
    """The usual convolutions, as many layers of them as images are large enough for; None where that is no layer."""
    usual = Convolutional()
    if not is_shape(shape):
        return usual
    grid = Grid(shape, usual.channels, usual.kernel_size)
    n_layers = sum(fits(grid, size) for size in grid.sizes[:-1])
    return usual.with_params(channels=usual.channels[:n_layers]) if n_layers else None


def networks_of(parameters, recipe, n_features, alike):
    """The network of rows of so many columns, by its name and its own arguments, and its hidden layers.

    ``alike`` is whether the columns are, as pixels are.
    """
    usual = recipe.network_of_pixels if alike and layer_sizes(parameters) else USUAL_NETWORK
    network = shaped(chosen_network(parameters, usual), parameters.image_shape, n_features)
    arguments = dict(network.arguments)
    sizes = arguments.pop("hidden_layer_sizes", None)
    if sizes is None:
        return network, layer_sizes(parameters)
    return network._replace(arguments=arguments), whole_sizes(sizes)


def shaped(chosen, image_shape, n_features):
    """The network with the shape of an image, if it is about images."""
    image_shape = checked_shape("image_shape", image_shape, n_features)
    network = named(chosen, Network)
    if "image_shape" not in network.arguments:
        return network
    own = checked_shape("network__image_shape", network.arguments["image_shape"], n_features)
    if own is not None and image_shape is not None and own != image_shape:
        raise ValueError(
            f"image_shape={image_shape!r} is not that of network={chosen!r}. Give one of the two, or the same twice."
        )
    shape = own if own is not None else image_shape
    if shape is None:
        raise ValueError(
            f"network={chosen!r} must know the shape of an image. Give image_shape=(channels, height, width), or "
            "(channels, length) of sequences."
        )
    arguments = {**network.arguments, "image_shape": shape, "channels": channels_of(network.arguments["channels"])}
    check_kernel(arguments["kernel_size"], Grid(shape, arguments["channels"], arguments["kernel_size"]))
    return network._replace(arguments=arguments)


def channels_of(channels):
    """Channels after each layer, as plain integers."""
    sizes = list(channels)
    if not sizes or not all(map(is_size, sizes)):
        raise ValueError(f"network__channels={channels!r} must hold whole numbers of at least 1, one a layer.")
    return list(map(int, sizes))


def check_kernel(kernel_size, grid):
    """Refuse kernels that are larger than the images that a layer sees."""
    for number, size in enumerate(grid.sizes[:-1], start=1):
        if not fits(grid, size):
            raise ValueError(
                f"network__kernel_size={kernel_size!r} is larger than the image of {size[0]} x {size[1]} that layer "
                f"{number} of {grid.n_layers} sees. Take smaller kernels, or fewer of network__channels, "
                f"as network=Convolutional(channels=...) has them. Channels come first in the shape of an image: here "
                f"there are {grid.channels[0]} of {grid.sizes[0][0]} x {grid.sizes[0][1]} pixels."
            )


def fits(grid, size):
    """Whether kernels are no larger than images of a size."""
    return all(kernel <= side for kernel, side in zip(grid.kernel, size, strict=True))


def checked_shape(name, shape, n_features):
    """The shape of an image as whole numbers, if it is one of so many columns; None of none."""
    if shape is None:
        return None
    sizes = tuple(shape)
    if not is_shape(sizes):
        raise ValueError(
            f"{name}={shape!r} must hold whole numbers of at least 1: {DIMENSIONS[3]}, or {DIMENSIONS[2]} of sequences."
        )
    if math.prod(sizes) != n_features:
        raise ValueError(
            f"{name}={shape!r} has {' x '.join(map(str, sizes))} = {math.prod(sizes)} cells, but X has {n_features} "
            f"columns. Give {DIMENSIONS[len(sizes)]} of the rows of X, which are flattened images."
        )
    return tuple(map(int, sizes))


def is_shape(sizes):
    """Whether a tuple can be the shape of an image or a sequence."""
    return len(sizes) in DIMENSIONS and all(map(is_size, sizes))


def is_size(value):
    """Whether a value is a whole number of at least 1."""
    return isinstance(value, Integral) and not isinstance(value, bool) and value >= 1
