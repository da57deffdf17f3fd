"""ImageGridDisplay: images in a grid, those that are given or those that a model makes."""

import math
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple, Self

import numpy as np

from skvae._displays.mosaic import (
    checked_shape,
    draw_lines,
    draw_mosaic,
    numbers_of_images,
    pictures,
    shape_of,
    size_of,
    value_range,
)
from skvae._displays.plotting import axes_of, checked_number, load_pyplot
from skvae._displays.texts import signed
from skvae._tables.frames.frame import as_array
from skvae._typing import Seed, Table

INCH_OF_A_TILE, INCH_AROUND = 0.8, 0.4
"""Inches of the longer side of a tile, and what labels need."""

DENSITY_DRAWS = 2000
"""Drawn rows whose codes say where codes are, where no rows are given."""

SHARE_OF_THE_MAP = 0.96
"""The middle share of the codes, of each variable, that a map spans."""

MOST_LABELS = 5
"""Labels along a side of a map."""


class Grid(NamedTuple):
    """Images row by row in so many columns, and what is written at the sides: numbers a column and a row, or None."""

    images: np.ndarray
    n_columns: int
    at_columns: np.ndarray | None = None
    at_rows: np.ndarray | None = None
    names: tuple = ("", "")


class ImageGridDisplay:
    """Images in a grid: new ones that a model draws, the way from one to another, or the map of a code of two numbers.

    It is recommended to use :meth:`from_estimator` or :meth:`from_images`.

    Parameters
    ----------
    images : array-like of shape (n_images, n_features)
        Images, one a row, drawn row by row.
    image_shape : tuple of int
        Shape of each: (channels, height, width) with 1 or 3 channels, or (channels, length) of a sequence.
    n_columns : int or None, default=None
        Images beside each other; None makes about as many columns as rows.
    column_labels, row_labels : ndarray or None, default=None
        Numbers to write at the columns from the left, and at the rows from the top.
    column_name, row_name : str, default=""
        What these are.

    Attributes
    ----------
    figure_ : matplotlib Figure
        The figure that holds the picture.
    ax_ : matplotlib Axes
        The axes that it is drawn on.
    image_ : matplotlib Artist or list of them
        The picture of all images, or the lines of all sequences.

    See Also
    --------
    ReconstructionDisplay : Rows beside what a code keeps of them.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from skvae import ImageGridDisplay, VAETransformer
    >>> X = load_digits().data
    >>> vae = VAETransformer(2, likelihood="isotropic_gaussian", max_iter=5, random_state=0).fit(X[:500])
    >>> display = ImageGridDisplay.from_estimator(vae, kind="map", image_shape=(1, 8, 8), n_images=25, random_state=0)
    >>> display.images.shape
    (25, 64)
    >>> display.figure_.savefig("map.png")  # doctest: +SKIP
    """

    def __init__(
        self,
        *,
        images: Table,
        image_shape: Sequence[int],
        n_columns: int | None = None,
        column_labels: np.ndarray | None = None,
        row_labels: np.ndarray | None = None,
        column_name: str = "",
        row_name: str = "",
    ) -> None:
        self.images = images
        self.image_shape = image_shape
        self.n_columns = n_columns
        self.column_labels = column_labels
        self.row_labels = row_labels
        self.column_name = column_name
        self.row_name = row_name

    @classmethod
    def from_images(
        cls,
        images: Table,
        *,
        image_shape: Sequence[int],
        n_columns: int | None = None,
        cmap: str = "gray",
        vmin: float | None = None,
        vmax: float | None = None,
        ax: Any = None,
    ) -> Self:
        """Draw images that are there.

        Parameters
        ----------
        images : array-like of shape (n_images, n_features)
            Images, one a row.
        image_shape : tuple of int
            Shape of each, channels first.
        n_columns : int or None, default=None
            Images beside each other; None makes about as many columns as rows.
        cmap : str, default="gray"
            Colour map of images of one channel.
        vmin, vmax : float or None, default=None
            Numbers that are drawn as the first and the last colour; None takes the smallest and the largest pixel.
        ax : matplotlib Axes, default=None
            Where to draw; None makes a figure.

        Returns
        -------
        display : ImageGridDisplay
            The picture and what it shows.

        Raises
        ------
        ValueError
            If rows do not have the shape of images.
        ImportError
            If matplotlib is missing.
        """
        load_pyplot(f"{cls.__name__}.from_images")
        display = cls(images=images, image_shape=image_shape, n_columns=n_columns)
        return display.plot(ax=ax, cmap=cmap, vmin=vmin, vmax=vmax)

    @classmethod
    def from_estimator(
        cls,
        estimator: Any,
        kind: str = "samples",
        X: Table | None = None,
        *,
        image_shape: Sequence[int] | None = None,
        n_images: int = 64,
        n_columns: int | None = None,
        random_state: Seed = None,
        cmap: str = "gray",
        vmin: float | None = None,
        vmax: float | None = None,
        ax: Any = None,
    ) -> Self:
        """Draw what a fitted transformer makes.

        Parameters
        ----------
        estimator : VAETransformer or AutoencoderTransformer
            Fitted transformer of images.
        kind : {"samples", "interpolation", "map"}, default="samples"
            "samples" are new images, ``sample(noise=False)``. "interpolation" has a row for each pair of rows of X, the
            first and the second, the third and the fourth: images of codes at equal steps on the line from the code of
            one to that of the other. "map" decodes a grid over a code of two numbers, at equally spaced quantiles of
            each, the middle 96 %, the first number to the right and the second upwards.
        X : array-like of shape (n_rows, n_features), default=None
            Rows: an even number of them for an interpolation. A map takes its quantiles from their codes; None takes
            those of 2,000 drawn rows.
        image_shape : tuple of int or None, default=None
            Shape of an image, channels first; None is that of the estimator.
        n_images : int, default=64
            How many images to draw. Of a map the side is the root of that, rounded; of an interpolation it is the
            number of rows and steps together, at least three steps.
        n_columns : int or None, default=None
            Images beside each other; of an interpolation its steps. None makes about as many columns as rows; of an
            interpolation as many as ``n_images`` says. A map is as wide as high.
        random_state : int, RandomState instance or None, default=None
            Seed of what is drawn.
        cmap : str, default="gray"
            Colour map of images of one channel.
        vmin, vmax : float or None, default=None
            Numbers that are drawn as the first and the last colour; None takes the smallest and the largest pixel.
        ax : matplotlib Axes, default=None
            Where to draw; None makes a figure.

        Returns
        -------
        display : ImageGridDisplay
            The picture and what it shows.

        Raises
        ------
        TypeError
            If the estimator cannot do what this kind needs.
        ValueError
            If ``kind`` is none of these, the code does not have two numbers or rows are no pairs, or rows do not have
            the shape of images.
        ImportError
            If matplotlib is missing.
        """
        load_pyplot(f"{cls.__name__}.from_estimator")
        if kind not in GRIDS:
            raise ValueError(f"kind={kind!r} must be one of {sorted(GRIDS)}.")
        for method in ("transform", "inverse_transform", "sample"):
            if not hasattr(estimator, method):
                raise TypeError(
                    f"{cls.__name__} needs an estimator with {method}, but {type(estimator).__name__} has none. Pass a "
                    "VAETransformer or an AutoencoderTransformer."
                )
        if not hasattr(estimator, "n_features_in_"):
            estimator.sample()  # says itself that it is not fitted
        image_shape = shape_of(estimator, image_shape)
        image_shape = checked_shape(image_shape, estimator.n_features_in_, cls.__name__)
        n_images = checked_number("n_images", n_images)
        grid = GRIDS[kind](estimator, None if X is None else as_array(X), n_images, n_columns, random_state)
        display = cls(
            images=grid.images,
            image_shape=image_shape,
            n_columns=grid.n_columns,
            column_labels=grid.at_columns,
            row_labels=grid.at_rows,
            column_name=grid.names[0],
            row_name=grid.names[1],
        )
        return display.plot(ax=ax, cmap=cmap, vmin=vmin, vmax=vmax)

    def plot(self, ax: Any = None, *, cmap: str = "gray", vmin: float | None = None, vmax: float | None = None) -> Self:
        """Draw the images.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Where to draw; None makes a figure.
        cmap : str, default="gray"
            Colour map of images of one channel.
        vmin, vmax : float or None, default=None
            Numbers that are drawn as the first and the last colour; None takes the smallest and the largest pixel.

        Returns
        -------
        self : object
            The display.

        Raises
        ------
        ValueError
            If rows do not have the shape of images.
        """
        pyplot, owner = load_pyplot(f"{type(self).__name__}.plot"), type(self).__name__
        images = numbers_of_images(self.images, owner)
        shape = checked_shape(self.image_shape, images.shape[1], owner)
        n_columns = columns_of_grid(len(images), self.n_columns)
        width, height = size_of(shape, n_columns, -(-len(images) // n_columns), INCH_OF_A_TILE)
        beside = INCH_AROUND if self.column_labels is not None or self.row_labels is not None else 0.0
        ax = axes_of(pyplot, ax, (width + beside, height + beside))
        self.ax_, self.figure_, limits = ax, ax.figure, value_range(images, vmin, vmax)
        if len(shape) == 3:
            drawn = draw_mosaic(ax, pictures(images, shape, limits, cmap), n_columns)
        else:
            drawn = draw_lines(ax, images, shape, n_columns, limits)
        self.image_, columns, rows = drawn
        ax.set_xticks(*shown_labels(columns, self.column_labels))
        ax.set_yticks(*shown_labels(rows, self.row_labels))
        ax.tick_params(length=0.0)
        ax.set_xlabel(self.column_name)
        ax.set_ylabel(self.row_name)
        return self


def columns_of_grid(n_images, n_columns):
    """How many images stand beside each other."""
    return (
        math.ceil(math.sqrt(n_images)) if n_columns is None else min(checked_number("n_columns", n_columns), n_images)
    )


def shown_labels(places, labels):
    """Places of ticks and their texts: some of the labels, evenly spread."""
    if labels is None:
        return [], []
    shown = np.unique(np.linspace(0, len(places) - 1, min(len(places), MOST_LABELS)).round().astype(int))
    return places[shown], [signed(f"{labels[number]:.2g}") for number in shown]


def samples(estimator, X, n_images, n_columns, random_state):
    """New images."""
    drawn = estimator.sample(n_images, random_state, noise=False, with_missing=False)
    return Grid(numbers_of_images(drawn, "ImageGridDisplay"), columns_of_grid(n_images, n_columns))


def interpolation(estimator, X, n_images, n_columns, random_state):
    """A row for each pair of rows: images of codes on the line from the one to the other."""
    n_rows = 0 if X is None else np.shape(X)[0]
    if n_rows < 2 or n_rows % 2:
        raise ValueError(
            f"kind='interpolation' goes from one row of X to the next, in pairs, but X has {n_rows} rows. Pass an even "
            "number of them, at least two."
        )
    codes = np.asarray(estimator.transform(X))
    n_steps = max(n_images // (n_rows // 2), 3) if n_columns is None else checked_number("n_columns", n_columns)
    shares = np.linspace(0.0, 1.0, n_steps)[:, None]
    on_lines = [(1.0 - shares) * start + shares * end for start, end in zip(codes[::2], codes[1::2], strict=True)]
    return Grid(decoded(estimator, np.concatenate(on_lines)), n_steps)


def code_map(estimator, X, n_images, n_columns, random_state):
    """A grid over a code of two numbers, the first to the right, the second upwards."""
    if estimator.n_components_ != 2:
        raise ValueError(
            f"kind='map' draws a code of two numbers, but {type(estimator).__name__} has n_components_="
            f"{estimator.n_components_}. Fit it with n_components=2, or use kind='interpolation'."
        )
    rows = estimator.sample(DENSITY_DRAWS, random_state) if X is None else X
    levels = np.linspace(0.5 - 0.5 * SHARE_OF_THE_MAP, 0.5 + 0.5 * SHARE_OF_THE_MAP, max(round(math.sqrt(n_images)), 1))
    right, upwards = np.quantile(np.asarray(estimator.transform(rows)), levels, axis=0).T
    codes = np.stack(np.meshgrid(right, upwards[::-1]), axis=-1).reshape(-1, 2)
    return Grid(
        decoded(estimator, codes), len(right), right, upwards[::-1], ("first number of the code", "second number")
    )


def decoded(estimator, codes):
    """Images of codes."""
    return numbers_of_images(estimator.inverse_transform(codes), "ImageGridDisplay")


GRIDS: dict[str, Callable] = {"samples": samples, "interpolation": interpolation, "map": code_map}
"""What a grid of images of an estimator shows, by name."""
