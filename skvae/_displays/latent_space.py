"""LatentSpaceDisplay: rows as points, where their codes are."""

from collections.abc import Sequence
from numbers import Integral
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike
from scipy.ndimage import gaussian_filter

from skvae._displays.marks import UNLABELLED, checked_labels, groups_of, is_measured
from skvae._displays.panels import shown_range
from skvae._displays.plotting import above_the_axes, axes_of, beside_the_axes, handle, load_pyplot
from skvae._tables.frames.frame import as_array, densely
from skvae._typing import Table

SIZE_OF_CODES = 6.4, 4.8
"""Inches that the picture is wide and high."""

MOST_DRAWN_CODES = 5000
"""Points of the picture: of more rows so many are drawn, evenly spread."""

CONTOURS = {0.5: "solid", 0.8: "dashed", 0.95: "dotted"}
"""Shares of the codes that contours hold, each with its line."""

CELLS_OF_A_SIDE, BESIDE_THE_CODES = 160, 0.1
"""Cells of the grid that the density of codes is counted on, a side, and what it and the axes have beside the codes."""

LEAST_RISE = 1e-9
"""Levels of contours must rise, by this share of the density at least."""

SHARPER = 0.7
"""The width of a kernel as a share of Scott's, which is made for one normal density and blurs several."""


class LatentSpaceDisplay:
    """Codes of rows in two components: a point a row, with a colour and a shape for each label.

    What lies together has similar codes. Labels are names with a colour and a shape each or, where they are numbers of
    more than ten values, a colour scale. Codes far outside the others stand at the edge of the picture, hollow, so that
    they do not flatten it. Contours hold half, 80 % and 95 % of the codes. It is recommended to use
    :meth:`from_estimator` or :meth:`from_predictions`.

    Parameters
    ----------
    codes : array-like of shape (n_samples, 2)
        Two components of the codes, the first to the right and the second upwards.
    labels : array-like of shape (n_samples,) or None, default=None
        Label of each row. None draws all rows alike.
    names : tuple of str, default=("component 0", "component 1")
        What the two components are called.
    label_name : str, default=""
        What the labels are.

    Attributes
    ----------
    figure_ : matplotlib Figure
        The figure that holds the picture.
    ax_ : matplotlib Axes
        The axes that it is drawn on.
    points_ : dict of matplotlib Artist
        The points of each group by its name; that of all rows is "" where these have no labels or a colour scale.
    contours_ : matplotlib Artist or None
        The contours, from the outermost to the innermost; None without.

    See Also
    --------
    ImageGridDisplay : Of images also what lies where in a code of two numbers, ``kind="map"``.

    Examples
    --------
    >>> from sklearn.datasets import load_wine
    >>> from skvae import LatentSpaceDisplay, VAETransformer
    >>> X, y = load_wine(return_X_y=True)
    >>> vae = VAETransformer(2, max_iter=5, random_state=0).fit(X)
    >>> display = LatentSpaceDisplay.from_estimator(vae, X, y, density=True)
    >>> list(display.points_)
    ['0', '1', '2']
    >>> display.figure_.savefig("codes.png")  # doctest: +SKIP
    """

    def __init__(
        self,
        *,
        codes: Table,
        labels: ArrayLike | None = None,
        names: Sequence[str] = ("component 0", "component 1"),
        label_name: str = "",
    ) -> None:
        self.codes = codes
        self.labels = labels
        self.names = names
        self.label_name = label_name

    @classmethod
    def from_estimator(
        cls,
        estimator: Any,
        X: Table,
        y: ArrayLike | None = None,
        *,
        components: Sequence[int] | None = None,
        density: bool = False,
        cmap: str = "viridis",
        ax: Any = None,
    ) -> Self:
        """Draw the codes that a fitted transformer gives rows.

        Parameters
        ----------
        estimator : estimator instance
            Fitted transformer, or a Pipeline that ends with one.
        X : array-like of shape (n_samples, n_features)
            Rows, such as the transformer takes.
        y : array-like of shape (n_samples,) or None, default=None
            Label of each row, with which the transformer has nothing to do.
        components : tuple of two int or None, default=None
            Which components to draw, to the right and upwards, counted from 0; None is the first two.
        density : bool, default=False
            Whether to draw contours of the density of the codes.
        cmap : str, default="viridis"
            Colour map of labels that are a scale.
        ax : matplotlib Axes, default=None
            Where to draw; None makes a figure.

        Returns
        -------
        display : LatentSpaceDisplay
            The picture and what it shows.

        Raises
        ------
        TypeError
            If the estimator has no ``transform``.
        ValueError
            If codes do not have these components, or labels are not one a row.
        ImportError
            If matplotlib is missing.
        """
        load_pyplot(f"{cls.__name__}.from_estimator")
        if not hasattr(estimator, "transform"):
            raise TypeError(
                f"{cls.__name__} needs an estimator with transform, but {type(estimator).__name__} has none. Pass a "
                "VAETransformer or an AutoencoderTransformer; of a Pipeline, all steps up to it, as pipeline[:-1]."
            )
        codes = estimator.transform(X)
        last = estimator[-1] if hasattr(estimator, "steps") else estimator
        shares = getattr(last, "explained_variance_ratio_", None)
        return cls._of(codes, y, components, shares).plot(ax=ax, density=density, cmap=cmap)

    @classmethod
    def from_predictions(
        cls,
        codes: Table,
        y: ArrayLike | None = None,
        *,
        components: Sequence[int] | None = None,
        density: bool = False,
        cmap: str = "viridis",
        ax: Any = None,
    ) -> Self:
        """Draw codes that are there, from whatever made them.

        Parameters
        ----------
        codes : array-like of shape (n_samples, n_components)
            Codes.
        y : array-like of shape (n_samples,) or None, default=None
            Label of each row.
        components : tuple of two int or None, default=None
            Which components to draw, to the right and upwards, counted from 0; None is the first two.
        density : bool, default=False
            Whether to draw contours of the density of the codes.
        cmap : str, default="viridis"
            Colour map of labels that are a scale.
        ax : matplotlib Axes, default=None
            Where to draw; None makes a figure.

        Returns
        -------
        display : LatentSpaceDisplay
            The picture and what it shows.

        Raises
        ------
        ValueError
            If codes do not have these components, or labels are not one a row.
        ImportError
            If matplotlib is missing.
        """
        load_pyplot(f"{cls.__name__}.from_predictions")
        return cls._of(codes, y, components, None).plot(ax=ax, density=density, cmap=cmap)

    @classmethod
    def _of(cls, codes, y, components, shares):
        """A display of two components, whose names say their shares of the variance where these are known."""
        codes = checked_codes(codes, cls.__name__)
        first, second = checked_components(components, codes.shape[1])
        names = [
            f"component {j}" + ("" if shares is None else f" ({100.0 * shares[j]:.0f} % of the variance)")
            for j in (first, second)
        ]
        name = getattr(y, "name", None)
        return cls(
            codes=codes[:, [first, second]],
            labels=y,
            names=tuple(names),
            label_name="" if name is None else str(name),
        )

    def plot(self, ax: Any = None, *, density: bool = False, cmap: str = "viridis") -> Self:
        """Draw the codes.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Where to draw; None makes a figure. A legend or a scale stands to the right of the axes.
        density : bool, default=False
            Whether to draw contours of the density of the codes.
        cmap : str, default="viridis"
            Colour map of labels that are a scale.

        Returns
        -------
        self : object
            The display.

        Raises
        ------
        ValueError
            If codes are not two finite numbers a row, or labels are not one a row.
        """
        pyplot = load_pyplot(f"{type(self).__name__}.plot")
        codes = checked_codes(self.codes, type(self).__name__)
        checked_components(None, codes.shape[1])
        labels = None if self.labels is None else checked_labels(self.labels, len(codes))
        ax = axes_of(pyplot, ax, SIZE_OF_CODES)
        self.ax_, self.figure_ = ax, ax.figure
        limits = np.array([shown_range(each, each[:0]) for each in codes[:, :2].T]).T
        rows = np.arange(len(codes))[:: -(-len(codes) // MOST_DRAWN_CODES)]
        near, far = codes[:, :2].clip(*limits), (codes[:, :2] != codes[:, :2].clip(*limits)).any(axis=1)
        handles = []
        if labels is None or is_measured(labels):
            self.points_ = {"": draw_scale(ax, near[rows], far[rows], labels if labels is None else labels[rows], cmap)}
            if labels is not None:
                self.figure_.colorbar(self.points_[""], ax=ax, label=self.label_name)
        else:
            groups = groups_of(labels)
            self.points_ = {each.name: draw_group(ax, near[rows], far[rows], each.rows[rows], each) for each in groups}
            handles = [handle(color=each.color, marker=each.marker, linewidth=0.0, label=each.name) for each in groups]
        self.contours_ = draw_contours(ax, codes[:, :2], limits) if density else None
        add_axes(ax, limits, self.names)
        above_the_axes(ax, further_handles(density, far[rows].any()))
        beside_the_axes(ax, handles, self.label_name)
        return self


def size_of_points(n_points):
    """Area of a point in square points, the smaller the more there are."""
    return float(np.clip(6000.0 / max(n_points, 1), 9.0, 32.0))


def draw_scale(ax, codes, far, labels, cmap):
    """Points in one colour, or in those of a scale; hollow where they stand at the edge."""
    colours = {"color": UNLABELLED}
    if labels is not None:
        colours = {"c": labels.to_numpy(np.float64), "cmap": cmap, "plotnonfinite": True}
    style = {"s": size_of_points(len(codes)), "rasterized": True}
    points = ax.scatter(*codes.T, linewidths=0.3, edgecolors="white", alpha=0.85, **colours, **style)
    ax.scatter(*codes[far].T, facecolors="none", edgecolors="black", linewidths=1.0, **style)
    return points


def draw_group(ax, codes, far, there, group):
    """The points of one label: full where they are, hollow at the edge where they lie beyond it."""
    style = {"s": size_of_points(len(codes)), "marker": group.marker, "rasterized": True}
    ax.scatter(*codes[there & far].T, facecolors="none", edgecolors=group.color, linewidths=1.0, **style)
    near = codes[there & ~far].T
    return ax.scatter(*near, color=group.color, edgecolors="white", linewidths=0.3, alpha=0.75, **style)


def add_axes(ax, limits, names):
    """What the axes show, and what they are called."""
    beside = BESIDE_THE_CODES * (limits[1] - limits[0])
    ax.set_xlim(limits[0, 0] - beside[0], limits[1, 0] + beside[0])
    ax.set_ylim(limits[0, 1] - beside[1], limits[1, 1] + beside[1])
    ax.set_xlabel(names[0], parse_math=False)
    ax.set_ylabel(names[1], parse_math=False)
    ax.spines[["right", "top"]].set_visible(False)


def checked_codes(codes, owner):
    """Codes as finite numbers (n, n_components)."""
    codes = densely(as_array(codes))
    try:
        numbers = np.asarray(codes, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise ValueError(f"{owner} draws codes, which are numbers, but a cell is none: {error}.") from error
    if numbers.ndim != 2 or not len(numbers):
        raise ValueError(f"Codes have shape {numbers.shape}, but {owner} takes one a row: (n_samples, n_components).")
    if not np.isfinite(numbers).all():
        raise ValueError(f"{owner} draws codes, which are finite numbers, but row {first_odd(numbers)} has another.")
    return numbers


def first_odd(numbers):
    """The first row with a number that is not finite."""
    return int(np.flatnonzero(~np.isfinite(numbers).all(axis=1))[0])


def checked_components(components, n_components):
    """Two different components that codes have."""
    if n_components < 2:
        raise ValueError(
            f"Codes have n_components={n_components}, but a picture of them needs two: use n_components=2 or more."
        )
    if components is None:
        return 0, 1
    chosen = list(components)
    are_numbers = all(isinstance(j, Integral) and 0 <= j < n_components for j in chosen)
    if len(chosen) != 2 or not are_numbers or chosen[0] == chosen[1]:
        raise ValueError(
            f"components={components!r} must be two different numbers from 0 to {n_components - 1}, such as (0, 1)."
        )
    return int(chosen[0]), int(chosen[1])


def draw_contours(ax, codes, limits):
    """Lines around so many of the codes each, where these are densest; the outermost first."""
    beside = BESIDE_THE_CODES * (limits[1] - limits[0])
    ends, shown = np.stack([limits[0] - beside, limits[1] + beside]), codes.clip(*limits)
    density = density_of(shown, ends)
    step = (ends[1] - ends[0]) / CELLS_OF_A_SIDE
    at_codes = density[tuple(((shown - ends[0]) / step).astype(int).T)]
    shares = sorted(CONTOURS, reverse=True)
    levels = np.quantile(at_codes, 1.0 - np.array(shares))
    levels += LEAST_RISE * density.max() * np.arange(len(levels))
    places = (ends[0] + step * (np.arange(CELLS_OF_A_SIDE) + 0.5)[:, None]).T
    lines = [CONTOURS[share] for share in shares]
    return ax.contour(*places, density.T, levels=levels, linestyles=lines, colors="0.15", linewidths=1.1, zorder=2.5)


def density_of(codes, ends):
    """The share of the codes in each cell of a grid, smoothed."""
    counts, *_ = np.histogram2d(*codes.T, bins=CELLS_OF_A_SIDE, range=ends.T)
    spread = np.minimum(codes.std(axis=0), 0.25 * (ends[1] - ends[0])) * len(codes) ** (-1.0 / 6.0)
    kernel = SHARPER * spread * CELLS_OF_A_SIDE / (ends[1] - ends[0])
    return gaussian_filter(counts / len(codes), np.maximum(kernel, 1.0), mode="constant")


def further_handles(density, has_far):
    """What stands for the contours, and for codes beyond the picture."""
    lines = [
        handle(color="0.15", linewidth=1.1, linestyle=line, label=f"{100.0 * share:.0f} % of the codes")
        for share, line in CONTOURS.items()
    ]
    hollow = {"marker": "o", "markerfacecolor": "none", "markeredgecolor": "black", "linewidth": 0.0, "markersize": 5.0}
    return (lines if density else []) + ([handle(**hollow, label="beyond the picture")] if has_far else [])
