"""ReconstructionDisplay: rows beside what a transformer makes of their codes."""

from collections.abc import Sequence
from typing import Any, Self

import numpy as np
import pandas as pd

from skvae._displays.mosaic import (
    checked_shape,
    differences,
    draw_lines,
    draw_mosaic,
    numbers_of_images,
    pictures,
    shape_of,
    size_of,
    value_range,
)
from skvae._displays.panels import INCH_OF_A_PANEL, PANELS_A_ROW, draw_panel, error_of
from skvae._displays.plotting import axes_of, checked_number, load_pyplot, panels_of
from skvae._tables.frames.frame import as_array, column_of, densely, names_of, numbered, some_rows
from skvae._typing import Table

INCH_OF_AN_IMAGE, INCH_BESIDE, INCH_BELOW = 1.0, 0.8, 0.5
"""Inches of the longer side of an image, and what stands beside and below them."""

ROWS_OF_IMAGES = "before", "after", "difference"
"""What the rows of images are called."""

BEFORE_IN_LINES = "0.7", 3.0
"""Colour and width of the lines of sequences before they were encoded."""


class ReconstructionDisplay:
    """Rows before and after a code: what a transformer keeps of them.

    Images are drawn one a column: before, after, and the difference, blue where the reconstruction is too dark and red
    where it is too bright, on the scale of the largest one. Sequences are drawn over each other, grey before and in
    colours after. A table is drawn by column, one panel each: of numbers and dates the observed cells to the right
    and the reconstructed ones upwards, so that what came back as it was lies on the diagonal; of levels the shares of
    the rows of each observed level that came back as which one. It is recommended to use :meth:`from_estimator` or
    :meth:`from_reconstruction`.

    Parameters
    ----------
    before, after : array-like of shape (n_samples, n_features)
        Rows, and their reconstructions; arrays or data frames with the same columns.
    image_shape : tuple of int or None, default=None
        Shape of the image that a row is: (channels, height, width) with 1 or 3 channels, or (channels, length) of a
        sequence. None is a table.

    Attributes
    ----------
    errors_ : ndarray of shape (n_samples,) or pandas.Series of shape (n_features,)
        Of images the root mean squared difference of each row, in the units of the data. Of a table by column: of
        numbers the share of their variance that the reconstruction lacks, one less R²; of levels the share of the rows
        with another level; NaN where numbers do not vary. Missing cells do not count.
    figure_ : matplotlib Figure
        The figure that holds the picture.
    ax_ : matplotlib Axes
        The axes that images are drawn on; of a table those that were given, or None.
    axes_ : ndarray of matplotlib Axes
        The axes with something on them: one for images, a panel each for columns.

    See Also
    --------
    ImageGridDisplay : Images that a model draws.
    ExplanationDisplay : The cells of one row against what was expected of each given the others.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from skvae import ReconstructionDisplay, VAETransformer
    >>> X = load_digits().data
    >>> vae = VAETransformer(8, likelihood="isotropic_gaussian", max_iter=5, random_state=0).fit(X[:500])
    >>> display = ReconstructionDisplay.from_estimator(vae, X[500:508], image_shape=(1, 8, 8))
    >>> display.errors_.shape
    (8,)
    >>> display.figure_.savefig("reconstructions.png")  # doctest: +SKIP
    """

    def __init__(self, *, before: Table, after: Table, image_shape: Sequence[int] | None = None) -> None:
        self.before = before
        self.after = after
        self.image_shape = image_shape

    @classmethod
    def from_estimator(
        cls,
        estimator: Any,
        X: Table,
        *,
        image_shape: Sequence[int] | None = None,
        n_samples: int = 8,
        n_columns: int = 16,
        cmap: str = "gray",
        ax: Any = None,
    ) -> Self:
        """Draw rows and what a fitted transformer makes of them.

        Parameters
        ----------
        estimator : estimator instance
            Fitted transformer with ``transform`` and ``inverse_transform``.
        X : array-like of shape (n_rows, n_features)
            Rows, such as the transformer takes.
        image_shape : tuple of int or None, default=None
            Shape of the image that a row is, channels first; None is that of the estimator where it has one, and a
            table otherwise.
        n_samples : int, default=8
            How many images to draw, the first rows of X. Of a table all rows count.
        n_columns : int, default=16
            How many columns of a table to draw: those with the largest errors where it has more, in their order.
        cmap : str, default="gray"
            Colour map of images of one channel.
        ax : matplotlib Axes, default=None
            Where to draw; None makes a figure. Panels of columns are drawn in its place.

        Returns
        -------
        display : ReconstructionDisplay
            The picture and what it shows.

        Raises
        ------
        TypeError
            If the estimator cannot restore rows from codes.
        ValueError
            If rows do not have the shape of images.
        ImportError
            If matplotlib is missing.
        """
        load_pyplot(f"{cls.__name__}.from_estimator")
        if not (hasattr(estimator, "transform") and hasattr(estimator, "inverse_transform")):
            raise TypeError(
                f"{cls.__name__} needs an estimator with transform and inverse_transform, but "
                f"{type(estimator).__name__} has not both. Pass a VAETransformer or an AutoencoderTransformer."
            )
        image_shape = shape_of(estimator, image_shape)
        X = first_rows(X, n_samples if image_shape is not None else None)
        restored = estimator.inverse_transform(estimator.transform(X))
        drawing = {"n_samples": n_samples, "n_columns": n_columns, "cmap": cmap, "ax": ax}
        return cls.from_reconstruction(X, restored, image_shape=image_shape, **drawing)

    @classmethod
    def from_reconstruction(
        cls,
        X: Table,
        X_reconstructed: Table,
        *,
        image_shape: Sequence[int] | None = None,
        n_samples: int = 8,
        n_columns: int = 16,
        cmap: str = "gray",
        ax: Any = None,
    ) -> Self:
        """Draw rows and their reconstructions, from whatever made these.

        Parameters
        ----------
        X : array-like of shape (n_rows, n_features)
            Rows.
        X_reconstructed : array-like of shape (n_rows, n_features)
            Their reconstructions.
        image_shape : tuple of int or None, default=None
            Shape of the image that a row is, channels first; None is a table.
        n_samples : int, default=8
            How many images to draw, the first rows of X. Of a table all rows count.
        n_columns : int, default=16
            How many columns of a table to draw: those with the largest errors where it has more, in their order.
        cmap : str, default="gray"
            Colour map of images of one channel.
        ax : matplotlib Axes, default=None
            Where to draw; None makes a figure. Panels of columns are drawn in its place.

        Returns
        -------
        display : ReconstructionDisplay
            The picture and what it shows.

        Raises
        ------
        ValueError
            If the two do not have the same shape, or not that of images.
        ImportError
            If matplotlib is missing.
        """
        load_pyplot(f"{cls.__name__}.from_reconstruction")
        n_rows = n_samples if image_shape is not None else None
        display = cls(before=first_rows(X, n_rows), after=first_rows(X_reconstructed, n_rows), image_shape=image_shape)
        return display.plot(ax=ax, n_columns=n_columns, cmap=cmap)

    def plot(self, ax: Any = None, *, n_columns: int = 16, cmap: str = "gray") -> Self:
        """Draw the rows and their reconstructions.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Where to draw; None makes a figure. Panels of columns are drawn in its place.
        n_columns : int, default=16
            How many columns of a table to draw: those with the largest errors where it has more, in their order.
        cmap : str, default="gray"
            Colour map of images of one channel.

        Returns
        -------
        self : object
            The display.

        Raises
        ------
        ValueError
            If the two tables do not have the same shape, or not that of images.
        """
        pyplot = load_pyplot(f"{type(self).__name__}.plot")
        shapes = tuple(np.shape(self.before)), tuple(np.shape(self.after))
        if shapes[0] != shapes[1] or len(shapes[0]) != 2 or 0 in shapes[0]:
            raise ValueError(
                f"Rows have shape {shapes[0]}, their reconstructions {shapes[1]}; {type(self).__name__} draws two "
                "tables of one shape (n_samples, n_features). Use reshape(len(X), -1) for images."
            )
        if self.image_shape is None:
            self._plot_columns(pyplot, ax, n_columns)
        else:
            self._plot_images(pyplot, ax, cmap)
        return self

    def _plot_images(self, pyplot, ax, cmap):
        """Images in three rows, or sequences over each other."""
        owner = type(self).__name__
        before, after = (numbers_of_images(each, owner) for each in (self.before, self.after))
        shape, n = checked_shape(self.image_shape, before.shape[1], owner), len(before)
        apart, known = after - before, ~np.isnan(after - before)
        with np.errstate(invalid="ignore"):
            self.errors_ = np.sqrt(
                np.square(apart, where=known, out=np.zeros_like(apart)).sum(axis=1) / known.sum(axis=1)
            )
        limits = value_range(before, None, None)
        are_images = len(shape) == 3
        width, height = size_of(shape, n, len(ROWS_OF_IMAGES) if are_images else 1, INCH_OF_AN_IMAGE)
        ax = axes_of(pyplot, ax, (width + INCH_BESIDE, height + INCH_BELOW))
        self.ax_, self.figure_, self.axes_ = ax, ax.figure, np.array([ax], dtype=object)
        if are_images:
            largest = np.abs(apart).max(where=known, initial=np.finfo(np.float64).tiny)
            tiles = [pictures(each, shape, limits, cmap) for each in (before, after)]
            tiles = np.concatenate([*tiles, differences(apart, shape, largest)])
            _, columns, rows = draw_mosaic(ax, tiles, n)
            ax.set_yticks(rows, labels=ROWS_OF_IMAGES)
        else:
            draw_lines(ax, before, shape, n, limits, *BEFORE_IN_LINES)
            _, columns, rows = draw_lines(ax, after, shape, n, limits)
            ax.set_yticks([])
        ax.set_xticks(columns, labels=[f"{error:.3g}" for error in self.errors_])
        ax.tick_params(length=0.0)
        ax.set_xlabel("root mean squared difference", fontsize="small")

    def _plot_columns(self, pyplot, ax, n_columns):
        """A table in panels, one a column."""
        before, after = numbered(densely(as_array(self.before))), numbered(densely(as_array(self.after)))
        names = names_of(before) or [f"column {j}" for j in range(before.shape[1])]
        columns = [(column_of(before, j), column_of(after, j)) for j in range(len(names))]
        errors = [error_of(*pair) for pair in columns]
        self.errors_ = pd.Series(errors, index=pd.Index(names, tupleize_cols=False), dtype=np.float64)
        worst = np.argsort(-np.nan_to_num(errors, nan=-1.0), kind="stable")[: checked_number("n_columns", n_columns)]
        panels = panels_of(pyplot, ax, len(worst), min(PANELS_A_ROW, len(worst)), INCH_OF_A_PANEL)
        self.ax_, self.figure_, self.axes_ = ax, panels[0].figure, np.array(panels, dtype=object)
        for number, (panel, j) in enumerate(zip(panels, np.sort(worst).tolist(), strict=True)):
            draw_panel(panel, names[j], *columns[j], errors[j])
            if number % PANELS_A_ROW == 0:
                panel.set_ylabel("reconstructed", fontsize="small")
            if number + PANELS_A_ROW >= len(panels):
                panel.set_xlabel("observed", fontsize="small")


def first_rows(X, n_rows):
    """The first rows of a table, or all of them; a list of rows is an array then."""
    X = numbered(as_array(X))
    if n_rows is None:
        return X
    n_rows = checked_number("n_samples", n_rows)
    return some_rows(X, slice(n_rows))
