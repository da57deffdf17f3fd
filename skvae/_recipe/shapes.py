"""Which network encoder and decoder are, and whether rows are images that fit it."""

import math
from numbers import Integral

from skvae._members import named
from skvae.networks import Network

DIMENSIONS = {2: "(channels, length)", 3: "(channels, height, width)"}
"""What an image shape of so many numbers says."""


def network_of(parameters, n_features):
    """The network of rows of so many columns, by its name and its own arguments."""
    chosen, image_shape = parameters.network, checked_shape("image_shape", parameters.image_shape, n_features)
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
    return network._replace(arguments={**network.arguments, "image_shape": shape})


def checked_shape(name, shape, n_features):
    """The shape of an image as whole numbers, if it is one of so many columns; None of none."""
    if shape is None:
        return None
    sizes = tuple(shape)
    if len(sizes) not in DIMENSIONS or not all(is_size(size) for size in sizes):
        raise ValueError(
            f"{name}={shape!r} must hold whole numbers of at least 1: {DIMENSIONS[3]}, or {DIMENSIONS[2]} of sequences."
        )
    if math.prod(sizes) != n_features:
        raise ValueError(
            f"{name}={shape!r} has {' x '.join(map(str, sizes))} = {math.prod(sizes)} cells, but X has {n_features} "
            f"columns. Give {DIMENSIONS[len(sizes)]} of the rows of X, which are flattened images."
        )
    return tuple(map(int, sizes))


def is_size(value):
    """Whether a value is a whole number of at least 1."""
    return isinstance(value, Integral) and not isinstance(value, bool) and value >= 1
