"""Images and sequences side by side on one axes: what a row of a table looks like, in a grid of tiles."""

import importlib
import math
from numbers import Integral

import numpy as np

from skvae._tables.frames.frame import as_array, densely

GREY, COLOURS = 1, 3
"""Numbers of channels that a picture can have."""

GAP_OF_TILES = 0.08
"""Gap between two tiles, as a share of the longer side of one; at least one pixel."""

HEIGHT_OF_A_SEQUENCE, WIDER = 0.6, 1.8
"""How high a sequence is drawn beside its width, and how many times as wide as the longer side of an image."""

BACKGROUND = 1.0
"""Colour of gaps, and of tiles without an image: white."""


def shape_of(estimator, image_shape):
    """The shape of images that was given, or else that of the estimator or of its network; None if neither has one."""
    places = estimator, getattr(estimator, "network", None)
    known = [image_shape, *(getattr(place, "image_shape", None) for place in places)]
    return next((shape for shape in known if shape is not None), None)


def checked_shape(image_shape, n_features, owner):
    """The shape of an image, or of a sequence, as a tuple of whole numbers whose product is the number of columns."""
    if image_shape is None:
        raise ValueError(
            f"{owner} draws images and must know their shape: give image_shape=(channels, height, width), or "
            "(channels, length) of sequences."
        )
    shape = tuple(image_shape) if np.ndim(image_shape) == 1 else ()
    if len(shape) not in (2, 3) or not all(isinstance(n, Integral) and n > 0 for n in shape):
        raise ValueError(
            f"image_shape={image_shape!r} must be (channels, height, width) or, of sequences, (channels, length): "
            "whole numbers from 1 up."
        )
    if len(shape) == 3 and shape[0] not in (GREY, COLOURS):
        raise ValueError(
            f"image_shape={image_shape!r} has {shape[0]} channels, but {owner} draws images of 1 (grey) or 3 "
            "(colours): choose some of them."
        )
    if math.prod(shape) != n_features:
        raise ValueError(
            f"image_shape={image_shape!r} has {math.prod(shape)} numbers, but a row has {n_features}. Give the shape "
            "of the images that were made rows by reshape(len(X), -1), channels first."
        )
    return tuple(map(int, shape))


def numbers_of_images(images, owner):
    """A table of pixels as float64 numbers (n, n_features); missing ones are NaN."""
    images = densely(as_array(images))
    try:
        numbers = np.asarray(images, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise ValueError(f"{owner} draws pixels, which are numbers, but a cell is none: {error}.") from error
    if numbers.ndim != 2 or not len(numbers):
        raise ValueError(
            f"Images have shape {numbers.shape}, but {owner} takes one a row, of shape (n_images, n_features). Use "
            "reshape(len(images), -1)."
        )
    return numbers


def value_range(images, vmin, vmax):
    """The values that are drawn black and white: those that are said, or the ends of the images."""
    known = images[np.isfinite(images)]
    low, high = (float(known.min()), float(known.max())) if len(known) else (0.0, 1.0)
    low, high = low if vmin is None else float(vmin), high if vmax is None else float(vmax)
    return low, high if high > low else low + 1.0


def pictures(images, image_shape, limits, cmap):
    """Rows of pixels (n, n_features) as pictures (n, height, width, 3), red, green and blue from 0 to 1."""
    low, high = limits
    values = np.clip((images.reshape(len(images), *image_shape) - low) / (high - low), 0.0, 1.0)
    if image_shape[0] == COLOURS:
        values = np.moveaxis(values, 1, -1)
        return np.where(np.isnan(values).any(axis=-1, keepdims=True), BACKGROUND, values)  # no colour without a channel
    return coloured(values[:, 0], cmap)


def differences(images, image_shape, largest):
    """Differences of pixels (n, n_features), their mean over channels, as pictures: blue below 0, red above."""
    values = images.reshape(len(images), *image_shape).mean(axis=1)
    return coloured(0.5 + 0.5 * np.clip(values / largest, -1.0, 1.0), "RdBu_r")


def coloured(values, cmap):
    """Numbers from 0 to 1 as colours, with three more numbers in the last dimension; missing ones are background."""
    colours = importlib.import_module("matplotlib").colormaps[cmap](values)[..., :3]
    return np.where(np.isnan(values)[..., None], BACKGROUND, colours)


def gap_of(height, width):
    """Pixels between two tiles of that size."""
    return max(1, round(GAP_OF_TILES * max(height, width)))


def draw_mosaic(ax, tiles, n_columns):
    """Draw pictures (n, height, width, 3), row by row; returns the artist and the middles of columns and rows."""
    n, height, width, _ = tiles.shape
    n_rows, gap = -(-n // n_columns), gap_of(height, width)
    whole = np.full((n_rows * (height + gap) - gap, n_columns * (width + gap) - gap, 3), BACKGROUND)
    for number, tile in enumerate(tiles):
        row, column = divmod(number, n_columns)
        top, left = row * (height + gap), column * (width + gap)
        whole[top : top + height, left : left + width] = tile
    artist = ax.imshow(whole, interpolation="nearest")
    ax.spines[:].set_visible(False)
    middles = [np.arange(n) * (side + gap) + 0.5 * (side - 1) for n, side in ((n_columns, width), (n_rows, height))]
    return artist, *middles


def draw_lines(ax, sequences, image_shape, n_columns, limits, color=None, linewidth=1.0):
    """Draw sequences (n, channels * length), row by row in boxes; returns artists and the middles of columns and rows.

    A box is one wide and high; the channels have a colour each, or all of them ``color``.
    """
    n_channels, length = image_shape
    low, high = limits
    places, values = np.linspace(0.0, 1.0, length), sequences.reshape(-1, n_channels, length)
    step, artists, n_rows = 1.0 + GAP_OF_TILES, [], -(-len(values) // n_columns)
    for number, channels in enumerate(np.clip((values - low) / (high - low), 0.0, 1.0)):
        row, column = divmod(number, n_columns)
        ax.add_patch(box((column * step, row * step)))
        for channel, cells in enumerate(channels):
            style = {"color": f"C{channel}" if color is None else color, "linewidth": linewidth}
            artists += ax.plot(column * step + places, row * step + 1.0 - cells, **style)
    ax.set_xlim(-GAP_OF_TILES, n_columns * step)
    ax.set_ylim(n_rows * step, -GAP_OF_TILES)
    ax.set_aspect(HEIGHT_OF_A_SEQUENCE)
    ax.spines[:].set_visible(False)
    return artists, 0.5 + step * np.arange(n_columns), 0.5 + step * np.arange(n_rows)


def box(corner):
    """The frame of one sequence."""
    rectangle = importlib.import_module("matplotlib.patches").Rectangle
    return rectangle(corner, 1.0, 1.0, facecolor="0.96", edgecolor="none")


def size_of(image_shape, n_columns, n_rows, inch):
    """Inches of a figure whose tiles have a longer side of ``inch``, without what stands beside them."""
    if len(image_shape) == 2:
        return WIDER * n_columns * inch, WIDER * HEIGHT_OF_A_SEQUENCE * n_rows * inch
    longest = max(image_shape[1:])
    height, width = (side / longest for side in image_shape[1:])
    return n_columns * inch * width, n_rows * inch * height
