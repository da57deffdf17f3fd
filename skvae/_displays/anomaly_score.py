"""AnomalyScoreDisplay: how the scores of rows are spread, and where the threshold lies."""

from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike

from skvae._displays.marks import UNLABELLED, Group, checked_labels, groups_of
from skvae._displays.panels import shown_range
from skvae._displays.plotting import above_the_axes, axes_of, beside_the_axes, checked_number, handle, load_pyplot
from skvae._displays.texts import signed
from skvae._typing import Table

SIZE_OF_SCORES = 7.2, 4.2
"""Inches that the picture is wide and high."""

BEYOND_THE_THRESHOLD = 0.35
"""How far a picture reaches beyond the threshold, as a share of what lies on its other side, where rows are there."""

BINS_A_ROOT, FEWEST_BINS, MOST_BINS = 4.0, 15, 40
"""Bins for each unit of the cube root of the number of rows, and between which numbers of them."""

NEARLY = 1e-9
"""Share of a bin that is none."""

MOST_IN_A_RUG = 150
"""Labels of at most so many rows have a tick for each row below the axis."""

HEIGHT_OF_A_RUG = 0.045
"""Height of the ticks of one label, as a share of that of the histograms."""

OF_LABELS = {-1: "outlier (\N{MINUS SIGN}1)", 1: "inlier (1)"}
"""What labels are called that are those of scikit-learn's detectors."""


class AnomalyScoreDisplay:
    """Histogram of the scores of rows, with the threshold of the detector and, where they are known, the labels.

    Without labels there is one histogram, of numbers of rows. With labels each has one in an outline of its own, of
    shares of its rows, so that few outliers are seen beside many usual rows; labels of at most 150 rows also have a
    tick a row below, in the order of the legend. Scores far from the others would flatten these: they are counted in
    the last bin, and the legend says how many there are. It is recommended to use :meth:`from_estimator` or
    :meth:`from_predictions`.

    Parameters
    ----------
    scores : array-like of shape (n_samples,)
        Score of each row, the higher the more normal.
    labels : array-like of shape (n_samples,) or None, default=None
        Known label of each row.
    threshold : float or None, default=None
        Score below which rows are outliers.

    Attributes
    ----------
    n_below_ : int or None
        How many rows lie below the threshold; None without one.
    figure_ : matplotlib Figure
        The figure that holds the picture.
    ax_ : matplotlib Axes
        The axes that it is drawn on.
    histograms_ : dict of matplotlib Artist
        The histogram of each label by its name; that of all rows is "" where these have no labels.
    rugs_ : dict of matplotlib Artist
        The ticks of each label that has them, by its name.
    threshold_ : matplotlib Artist or None
        The line of the threshold.

    See Also
    --------
    ExplanationDisplay : Why a row has its score.

    Examples
    --------
    >>> from sklearn.datasets import load_wine
    >>> from skvae import AnomalyScoreDisplay, AutoencoderOutlierDetector, VAETransformer
    >>> X = load_wine().data
    >>> detector = AutoencoderOutlierDetector(VAETransformer(2, max_iter=5, random_state=0)).fit(X)
    >>> display = AnomalyScoreDisplay.from_estimator(detector, X)
    >>> display.n_below_ == (detector.predict(X) == -1).sum()
    np.True_
    >>> display.figure_.savefig("scores.png")  # doctest: +SKIP
    """

    def __init__(self, *, scores: ArrayLike, labels: ArrayLike | None = None, threshold: float | None = None) -> None:
        self.scores = scores
        self.labels = labels
        self.threshold = threshold

    @classmethod
    def from_estimator(
        cls,
        estimator: Any,
        X: Table,
        y: ArrayLike | None = None,
        *,
        negative: bool = False,
        n_bins: int | None = None,
        ax: Any = None,
    ) -> Self:
        """Draw the scores that a fitted estimator gives rows.

        Parameters
        ----------
        estimator : estimator instance
            Fitted detector, or any estimator with ``score_samples``. Its ``offset_``, where it has one, is the
            threshold.
        X : array-like of shape (n_samples, n_features)
            Rows, such as the estimator takes.
        y : array-like of shape (n_samples,) or None, default=None
            Known label of each row, whatever they are called.
        negative : bool, default=False
            Whether to draw minus the scores, the stranger the farther to the right.
        n_bins : int or None, default=None
            About how many bins a histogram has, one of which begins at the threshold; None is four times the cube root
            of the number of rows, from 15 to 40.
        ax : matplotlib Axes, default=None
            Where to draw; None makes a figure.

        Returns
        -------
        display : AnomalyScoreDisplay
            The picture and what it shows.

        Raises
        ------
        TypeError
            If the estimator has no ``score_samples``.
        ValueError
            If labels are not one a row.
        ImportError
            If matplotlib is missing.
        """
        load_pyplot(f"{cls.__name__}.from_estimator")
        if not hasattr(estimator, "score_samples"):
            raise TypeError(
                f"{cls.__name__} needs an estimator with score_samples, but {type(estimator).__name__} has none. Pass "
                "an AutoencoderOutlierDetector or a VAETransformer, or scores of your own to from_predictions."
            )
        scores = estimator.score_samples(X)
        threshold = getattr(estimator, "offset_", None)
        return cls.from_predictions(scores, y, threshold=threshold, negative=negative, n_bins=n_bins, ax=ax)

    @classmethod
    def from_predictions(
        cls,
        scores: ArrayLike,
        y: ArrayLike | None = None,
        *,
        threshold: float | None = None,
        negative: bool = False,
        n_bins: int | None = None,
        ax: Any = None,
    ) -> Self:
        """Draw scores that are there, from whatever made them.

        Parameters
        ----------
        scores : array-like of shape (n_samples,)
            Score of each row, the higher the more normal.
        y : array-like of shape (n_samples,) or None, default=None
            Known label of each row.
        threshold : float or None, default=None
            Score below which rows are outliers.
        negative : bool, default=False
            Whether to draw minus the scores, the stranger the farther to the right.
        n_bins : int or None, default=None
            About how many bins a histogram has, one of which begins at the threshold; None is four times the cube root
            of the number of rows, from 15 to 40.
        ax : matplotlib Axes, default=None
            Where to draw; None makes a figure.

        Returns
        -------
        display : AnomalyScoreDisplay
            The picture and what it shows.

        Raises
        ------
        ValueError
            If scores or labels are not one a row.
        ImportError
            If matplotlib is missing.
        """
        load_pyplot(f"{cls.__name__}.from_predictions")
        return cls(scores=scores, labels=y, threshold=threshold).plot(ax=ax, negative=negative, n_bins=n_bins)

    def plot(self, ax: Any = None, *, negative: bool = False, n_bins: int | None = None) -> Self:
        """Draw the scores.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Where to draw; None makes a figure. Legends stand above and to the right of the axes.
        negative : bool, default=False
            Whether to draw minus the scores, the stranger the farther to the right.
        n_bins : int or None, default=None
            About how many bins a histogram has, one of which begins at the threshold; None is four times the cube root
            of the number of rows, from 15 to 40.

        Returns
        -------
        self : object
            The display.

        Raises
        ------
        ValueError
            If scores or labels are not one a row.
        """
        pyplot = load_pyplot(f"{type(self).__name__}.plot")
        scores = checked_scores(self.scores, type(self).__name__)
        groups = groups_of_rows(self.labels, len(scores))
        low, high = shown_scores(scores, self.threshold)
        edges = edges_of(low, high, self.threshold, n_bins, len(scores))
        low, high = edges[[0, -1]]
        ax = axes_of(pyplot, ax, SIZE_OF_SCORES)
        self.ax_, self.figure_ = ax, ax.figure
        sign, shown = -1.0 if negative else 1.0, scores.clip(low, high)
        self.histograms_ = {each.name: draw_histogram(ax, shown[each.rows], edges, sign, each) for each in groups}
        rare = [each for each in groups if each.name and each.rows.sum() <= MOST_IN_A_RUG]
        places = zip(rare, lanes(ax, rare), strict=True)
        self.rugs_ = {each.name: draw_rug(ax, sign * shown[each.rows], lane, each) for each, lane in places}
        self.n_below_, self.threshold_ = None, None
        if self.threshold is not None:
            self.n_below_ = int((scores < self.threshold).sum())
            self.threshold_ = ax.axvline(sign * self.threshold, color="black", linestyle="--", linewidth=1.3)
        add_score_axes(ax, (low, high), sign, bool(groups[0].name), len(rare))
        n_beyond = (scores < low).sum(), (scores > high).sum()
        above_the_axes(ax, further_entries(self.threshold, self.n_below_, len(scores), n_beyond, sign), n_columns=1)
        name = getattr(self.labels, "name", None)
        beside_the_axes(ax, [handle_of(each) for each in groups if each.name], "" if name is None else str(name))
        return self


def checked_scores(scores, owner):
    """Scores as numbers (n,)."""
    numbers = np.asarray(scores, dtype=np.float64)
    if numbers.ndim != 1 or not len(numbers):
        raise ValueError(f"Scores have shape {numbers.shape}, but {owner} takes one a row, of shape (n_samples,).")
    if np.isnan(numbers).any():
        raise ValueError(
            f"{owner} draws scores, which are numbers, but that of row {np.isnan(numbers).argmax()} is NaN."
        )
    return numbers


def groups_of_rows(labels, n_rows):
    """The groups whose histograms are drawn: one without a name where there are no labels."""
    if labels is None:
        return [Group("", np.ones(n_rows, dtype=bool), UNLABELLED, "o", "-", "")]
    labels = checked_labels(labels, n_rows)
    groups = groups_of(labels)
    if labels.dtype.kind in "iuf" and labels.isin(list(OF_LABELS)).all():
        return [each._replace(name=OF_LABELS[int(labels[each.rows].iloc[0])]) for each in groups]
    return groups


def shown_scores(scores, threshold):
    """The lowest and the highest score that the picture shows: the threshold with something of what lies below it."""
    known = scores[np.isfinite(scores)]
    low, high = shown_range(known, known[:0])
    if threshold is None:
        return low, high
    low, high = min(low, threshold), max(high, threshold)
    beyond = BEYOND_THE_THRESHOLD * (high - threshold)
    lowest = known.min() if len(known) else low
    return min(low, max(threshold - beyond, min(lowest, threshold - 0.1 * beyond))), high


def edges_of(low, high, threshold, n_bins, n_rows):
    """Edges of about so many bins, one of them at the threshold, so that no bin has rows of both sides."""
    if n_bins is None:
        n_bins = int(np.clip(BINS_A_ROOT * np.cbrt(n_rows), FEWEST_BINS, MOST_BINS))
    start = low if threshold is None else threshold
    width = (high - low) / checked_number("n_bins", n_bins)
    first, last = np.floor((low - start) / width + NEARLY), np.ceil((high - start) / width - NEARLY)
    return start + width * np.arange(first, last + 1.0)


def draw_histogram(ax, scores, edges, sign, group):
    """The histogram of one label, of shares of its rows in an outline, or of all rows, of their numbers."""
    counts, _ = np.histogram(scores, edges)
    heights = counts / max(len(scores), 1) if group.name else counts
    heights, edges = (heights, edges) if sign > 0 else (heights[::-1], -edges[::-1])
    ax.stairs(heights, edges, fill=True, color=group.color, alpha=0.15 if group.name else 0.75)
    return ax.stairs(heights, edges, color=group.color, linestyle=group.line, linewidth=1.6 if group.name else 0.0)


def lanes(ax, groups):
    """Where the ticks of each label stand below the histograms: their middle and height."""
    height = HEIGHT_OF_A_RUG * ax.get_ylim()[1]
    return [(-(number + 1.0) * 1.25 * height, height) for number in range(len(groups))]


def draw_rug(ax, scores, lane, group):
    """A tick for each row of one label."""
    middle, height = lane
    return ax.vlines(scores, middle - 0.5 * height, middle + 0.5 * height, color=group.color, linewidth=1.0)


def add_score_axes(ax, limits, sign, has_labels, n_lanes):
    """What the axes show, and what they are called."""
    low, high = sorted(sign * each for each in limits)
    ax.set_xlim(low - 0.02 * (high - low), high + 0.02 * (high - low))
    top = ax.get_ylim()[1]
    ax.set_ylim(-1.25 * HEIGHT_OF_A_RUG * top * (n_lanes + 0.5 * bool(n_lanes)), top)
    ax.set_yticks([place for place in ax.get_yticks() if 0.0 <= place <= top])
    ax.set_ylabel("share of the rows of each label" if has_labels else "rows")
    ax.set_xlabel("score, higher is more normal" if sign > 0 else "minus the score, higher is stranger")
    ax.spines[["right", "top"]].set_visible(False)


def handle_of(group):
    """What stands for the histogram of a label."""
    return handle(color=group.color, linestyle=group.line, linewidth=1.6, label=f"{group.name}: {group.rows.sum():,}")


def further_entries(threshold, n_below, n_rows, n_beyond, sign):
    """What stands for the threshold, and for rows beyond the picture."""
    handles = []
    if threshold is not None:
        said = signed(f"threshold {sign * threshold:.4g}: ") + f"{n_below:,} of {n_rows:,} rows are outliers"
        handles.append(handle(color="black", linestyle="--", linewidth=1.3, label=said))
    for n, marker in zip(n_beyond, "<>" if sign > 0 else "><", strict=True):
        said = f"{n:,} rows lie farther out, counted in the last bin"
        handles += [handle(color="0.35", marker=marker, linewidth=0.0, markersize=5.0, label=said)] if n else []
    return handles
