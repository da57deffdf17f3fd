"""LossCurveDisplay: how training went, epoch by epoch."""

from collections.abc import Mapping, Sequence
from typing import Any, Self

import numpy as np

from skvae._displays.panels import shown_range
from skvae._displays.plotting import above_the_axes, axes_of, grid_of, handle, load_pyplot

SIZE_OF_A_CURVE, WIDER_WITH_TERMS = (6.4, 4.2), 3.4
"""Inches that the curve of the objective is wide and high, and what panels of its terms add to the width."""

WIDTHS_OF_PANELS = 1.8, 1.0
"""Widths of the objective and of its terms, relative to each other."""

TRAIN = {"color": "#0072B2", "linestyle": "-", "linewidth": 1.8}
VALIDATION = {"color": "#D55E00", "linestyle": "--", "linewidth": 1.8}
KEPT = {"color": "0.35", "linestyle": ":", "linewidth": 1.4}
"""How the objective is drawn on training and on validation rows, and the epoch whose state was kept."""

MARKED_LENGTH = 40
"""Up to so many epochs each has a mark of its own."""


class LossCurveDisplay:
    """The objective of each epoch on training and validation rows, and the terms that it consists of.

    The lower the better. A dotted line stands at the epoch of the lowest objective on validation rows, whose state was
    kept. Each term has a small panel of its own beside, as terms differ in size; the first epochs may lie beyond the
    upper end of the axes, so that the others can be told apart. It is recommended to use :meth:`from_estimator` or
    :meth:`from_history`.

    Parameters
    ----------
    loss : array-like of shape (n_epochs,)
        Objective on training rows after each epoch.
    validation : array-like of shape (at most n_epochs,) or None, default=None
        Objective on validation rows; epochs without one come last.
    terms : dict of array-like of shape (n_epochs,) or None, default=None
        Named terms of the objective on training rows.

    Attributes
    ----------
    kept_ : int or None
        The epoch whose state was kept, counted from 1; None where no validation rows chose one.
    figure_ : matplotlib Figure
        The figure that holds the picture.
    ax_ : matplotlib Axes
        The axes of the objective.
    axes_ : ndarray of matplotlib Axes
        All axes: that of the objective, and one for each term that is drawn.
    lines_ : dict of matplotlib Artist
        The lines by name: "training", "validation" where there is one, and the terms that are drawn.

    See Also
    --------
    VAETransformer : ``loss_curve_``, ``validation_scores_`` and ``history_``, which ``pandas.DataFrame`` takes.

    Examples
    --------
    >>> from sklearn.datasets import load_wine
    >>> from skvae import LossCurveDisplay, VAETransformer
    >>> vae = VAETransformer(2, max_iter=5, random_state=0).fit(load_wine().data)
    >>> display = LossCurveDisplay.from_estimator(vae)
    >>> list(display.lines_)
    ['training', 'validation', 'reconstruction', 'kl']
    >>> display.figure_.savefig("training.png")  # doctest: +SKIP
    """

    def __init__(
        self,
        *,
        loss: Sequence[float],
        validation: Sequence[float] | None = None,
        terms: Mapping[str, Sequence[float]] | None = None,
    ) -> None:
        self.loss = loss
        self.validation = validation
        self.terms = terms

    @classmethod
    def from_estimator(cls, estimator: Any, *, terms: bool = True, ax: Any = None) -> Self:
        """Draw how a fitted transformer was trained.

        Parameters
        ----------
        estimator : VAETransformer or AutoencoderTransformer
            Fitted transformer, or a Pipeline that ends with one.
        terms : bool, default=True
            Whether to draw the terms of the objective too, where it has several.
        ax : matplotlib Axes, default=None
            Where to draw; None makes a figure. Panels of terms are drawn in its place.

        Returns
        -------
        display : LossCurveDisplay
            The picture and what it shows.

        Raises
        ------
        TypeError
            If the estimator has no ``loss_curve_`` and ``history_``.
        ImportError
            If matplotlib is missing.
        """
        load_pyplot(f"{cls.__name__}.from_estimator")
        last = estimator[-1] if hasattr(estimator, "steps") else estimator
        if not (hasattr(last, "loss_curve_") and hasattr(last, "history_")):
            raise TypeError(
                f"{cls.__name__} needs a fitted estimator with loss_curve_ and history_, but {type(last).__name__} has "
                "not both. Pass a fitted VAETransformer or AutoencoderTransformer; of a detector its estimator_, and "
                "of a detector's ensemble detector.estimator_.trusting_ or wary_; of a search its best_estimator_."
            )
        scores = last.validation_scores_
        validation = None if scores is None else [-score for score in scores]
        return cls.from_history(last.loss_curve_, validation, last.history_ if terms else None, ax=ax)

    @classmethod
    def from_history(
        cls,
        loss: Sequence[float],
        validation: Sequence[float] | None = None,
        terms: Mapping[str, Sequence[float]] | None = None,
        *,
        ax: Any = None,
    ) -> Self:
        """Draw an objective that is there, whatever was trained.

        Parameters
        ----------
        loss : array-like of shape (n_epochs,)
            Objective on training rows after each epoch.
        validation : array-like of shape (at most n_epochs,) or None, default=None
            Objective on validation rows, the lower the better; epochs without one come last.
        terms : dict of array-like of shape (n_epochs,) or None, default=None
            Named terms of the objective.
        ax : matplotlib Axes, default=None
            Where to draw; None makes a figure. Panels of terms are drawn in its place.

        Returns
        -------
        display : LossCurveDisplay
            The picture and what it shows.

        Raises
        ------
        ValueError
            If there is no epoch, or lengths do not agree.
        ImportError
            If matplotlib is missing.
        """
        load_pyplot(f"{cls.__name__}.from_history")
        return cls(loss=loss, validation=validation, terms=terms).plot(ax=ax)

    def plot(self, ax: Any = None) -> Self:
        """Draw the objective and its terms.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Where to draw; None makes a figure. Panels of terms are drawn in its place.

        Returns
        -------
        self : object
            The display.

        Raises
        ------
        ValueError
            If there is no epoch, or lengths do not agree.
        """
        pyplot = load_pyplot(f"{type(self).__name__}.plot")
        loss = checked_curve("loss", self.loss)
        watched = None if self.validation is None else checked_curve("validation", self.validation, len(loss))
        terms = {name: checked_curve(name, each, len(loss)) for name, each in (self.terms or {}).items()}
        terms = terms if len(terms) > 1 else {}  # a single one is the objective itself
        panels = panels_beside(pyplot, ax, len(terms))
        self.ax_, self.figure_, self.axes_ = panels[0], panels[0].figure, np.array(panels, dtype=object)
        self.kept_ = int(np.nanargmin(watched)) + 1 if watched is not None and len(watched) == len(loss) else None
        self.lines_ = {"training": draw_curve(self.ax_, loss, TRAIN)}
        if watched is not None:
            self.lines_["validation"] = draw_curve(self.ax_, watched, VALIDATION)
        self._add_legend()
        self.ax_.set_ylim(*range_of(loss, watched))
        self.ax_.set_ylabel("objective, mean over rows")
        for panel, (name, values) in zip(panels[1:], terms.items(), strict=True):
            self.lines_[name] = draw_curve(panel, values, TRAIN)
            panel.set_ylim(*range_of(values))
            panel.set_title(name, fontsize="small", loc="left", parse_math=False)
        for panel in panels:
            add_epochs(panel, len(loss), self.kept_)
        for panel in panels[1:-1]:
            panel.tick_params(labelbottom=False)
            panel.set_xlabel("")
        return self

    def _add_legend(self):
        """What the lines mean, and where the kept state is."""
        names = {"training": TRAIN, "validation": VALIDATION}
        handles = [handle(label=f"{name} rows", **names[name]) for name in self.lines_]
        if self.kept_ is not None:
            handles.append(handle(label=f"kept: epoch {self.kept_}", **KEPT))
        above_the_axes(self.ax_, handles)


def checked_curve(name, values, n_epochs=None):
    """Numbers (n_epochs,), one an epoch; of an objective on validation rows the last may be missing."""
    curve = np.asarray(values, dtype=np.float64)
    if curve.ndim != 1 or not len(curve):
        raise ValueError(f"{name} has shape {curve.shape}, but a curve has one number an epoch: shape (n_epochs,).")
    if n_epochs is not None and (len(curve) > n_epochs or (len(curve) < n_epochs and name != "validation")):
        raise ValueError(f"{name} has {len(curve)} numbers, but loss has {n_epochs}: give one for each epoch.")
    return curve


def panels_beside(pyplot, ax, n_terms):
    """Axes of the objective and, to its right from the top, of its terms."""
    if not n_terms:
        return [axes_of(pyplot, ax, SIZE_OF_A_CURVE)]
    width, height = SIZE_OF_A_CURVE
    size = width + WIDER_WITH_TERMS, max(height, 1.5 * n_terms)
    figure, grid = grid_of(pyplot, ax, (n_terms, len(WIDTHS_OF_PANELS)), size, width_ratios=WIDTHS_OF_PANELS)
    return [figure.add_subplot(grid[:, 0]), *(figure.add_subplot(grid[row, 1]) for row in range(n_terms))]


def draw_curve(ax, values, style):
    """One line over epochs from 1 on, with marks where there are few."""
    marks = {"marker": "o", "markersize": 3.5} if len(values) <= MARKED_LENGTH else {}
    return ax.plot(np.arange(1, len(values) + 1), values, **style, **marks)[0]


def range_of(*curves):
    """The least and the most that is shown: all of the low end, and of the high one what does not flatten the rest."""
    values = np.concatenate([curve[np.isfinite(curve)] for curve in curves if curve is not None])
    _, high = shown_range(values, values[:0])
    low = values.min() if len(values) else 0.0
    beside = 0.05 * (high - low) or 0.5
    return low - beside, high + beside


def add_epochs(ax, n_epochs, kept):
    """The horizontal axis in whole epochs, with the one that was kept."""
    if kept is not None:
        ax.axvline(kept, zorder=1.5, **KEPT)
    ax.set_xlim(1 - 0.02 * n_epochs, n_epochs + 0.02 * n_epochs)
    ax.locator_params(axis="x", integer=True, nbins=6, min_n_ticks=1)
    ax.set_xlabel("epoch")
    ax.tick_params(labelsize="small")
    ax.spines[["right", "top"]].set_visible(False)
