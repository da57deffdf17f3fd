"""What judges rows by default: a density and three distances, for training rows that are clean or hold outliers."""

import copy
import math

import numpy as np
from sklearn.base import BaseEstimator, clone
from sklearn.utils import check_random_state
from sklearn.utils.metaestimators import available_if

from skvae._callbacks import fit_parts
from skvae._outliers.excess import Excess
from skvae._outliers.neighbors import Positions, Sample, SampleDistances
from skvae._surroundings import undisturbed
from skvae._tables.frames.frame import numbered, some_rows
from skvae._tables.schema import Schema
from skvae._tables.weighted import WeightedRows, drawn_rows, weighted_threshold
from skvae._tables.weights import check_weights
from skvae._validation import CallbackSupportMixin, check_is_fitted, validate_data, with_callbacks

SUPPORT_FRACTION, WARY_EPOCHS = 0.7, 2
"""Share of the rows that the wary density learns from, and by what its number of epochs is divided."""

STRANGEST, CORE = 0.1, 0.7
"""Share of the training rows that are left out as the strangest, and share that is the core of the usual ones."""

SMALL_SAMPLE, SAMPLE = 64, 256
"""Rows of the samples that distances are measured to: of all rows, and of the usual ones; at most half of the rows."""

MOST_ROWS = 2048
"""Training rows that distances are measured to, and that the scale of each score is found on."""

LEAST_WIDTH = 0.3
"""Standard deviations of a column that are added to how far its cells usually are from what is expected of them."""

FARTHEST = 1e150
"""Widths that a cell is away from what is expected at most, so that its square is finite."""


def to_go_on(fitted, unfitted):
    """A copy of a fitted estimator whose next fit goes on from there, under the parameters of an unfitted one."""
    if type(fitted) is not type(unfitted):
        raise ValueError(
            f"warm_start=True goes on from the last fit's {type(fitted).__name__}, which cannot become the "
            f"{type(unfitted).__name__} that the parameters ask for now. Set them back, or use warm_start=False."
        )
    return copy.copy(fitted).set_params(**{**unfitted.get_params(deep=False), "warm_start": True})


class RobustEnsemble(CallbackSupportMixin, BaseEstimator):
    """Four scores of a row in one: its density, and its distances to samples of all, the usual and the core rows.

    The density learns from all training rows and tells rare from wrong where they are clean. Distances to small samples
    do not follow outliers that lie together. What is usual is found without labels: a second, wary density learns from
    the most usual ``SUPPORT_FRACTION`` of each batch, in half as many epochs; the tenth of the rows that are strangest
    to it are left out of what distances are measured to; the nine tenths nearest to what remains are the usual rows,
    and the ``CORE`` that are nearest and likeliest the core.

    Parameters
    ----------
    estimator : estimator
        Density with ``score_samples`` and the parameter ``support_fraction``.
    warm_start : bool, default=False
        Whether ``fit`` goes on from the densities of the last one; distances and scales are found anew.
    random_state : int, RandomState instance or None, default=None
        Which of many training rows distances are measured to.
    """

    _streams = False
    """Whether the rows of ``fit`` are the first of a stream."""

    def __init__(self, estimator, *, warm_start=False, random_state=None):
        self.estimator = estimator
        self.warm_start = warm_start
        self.random_state = random_state

    @with_callbacks
    @undisturbed
    def fit(self, X, y=None, sample_weight=None):
        """Fit both densities, the distances, and the scale of each score."""
        trusting, wary = clone(self.estimator), self._wary()
        if self.warm_start and hasattr(self, "trusting_"):
            trusting, wary = to_go_on(self.trusting_, trusting), to_go_on(self.wary_, wary)
        trusting._inside, wary._inside = "first", "second"
        trusting._streams = wary._streams = self._streams
        fit_parts(self, {"trusting": trusting, "wary": wary}, X, y, sample_weight=sample_weight)
        validate_data(self, X, skip_check_array=True)
        self.trusting_, self.wary_ = trusting, wary
        return self.refer_to(X, sample_weight)

    def _wary(self):
        """The density that is to know what most rows have in common, which is learned before what is rare."""
        wary = clone(self.estimator).set_params(support_fraction=SUPPORT_FRACTION)
        if hasattr(wary, "max_iter"):
            wary.set_params(max_iter=math.ceil(wary.max_iter / WARY_EPOCHS))
        return wary

    @available_if(lambda self: hasattr(self.estimator, "partial_fit"))
    @undisturbed
    def partial_fit(self, X, y=None, sample_weight=None):
        """Both densities go on with one pass over a batch; ``refer_to`` has to follow."""
        trusting, wary = (
            copy.copy(density).partial_fit(X, sample_weight=sample_weight) for density in (self.trusting_, self.wary_)
        )
        self.trusting_, self.wary_ = trusting, wary
        return self

    def refer_to(self, X, sample_weight=None):
        """Measure distances to these rows, or to a part of many drawn by weight, and find the scale of each score."""
        X = numbered(X)
        self._schema = Schema.for_estimator(X, self.trusting_)
        rng, weight = check_random_state(self.random_state), check_weights(sample_weight, X)
        rows, weight = drawn_rows(self._schema.on_demand(X), weight, MOST_ROWS, rng)
        X = some_rows(X, rows)
        density, wary = self.trusting_.score_samples(X), self.wary_.score_samples(X)
        table = self._schema.numbers(X)

        usual = most(wary, weight, 1.0 - STRANGEST)
        self._positions = Positions.of(table, weight, usual, self._schema)
        rows = self._positions(table)
        nearness = -SampleDistances(rows, {"usual": Sample.of(weight, usual, SAMPLE)})(rows)["usual"]
        strange = sum(Excess.of(scores, weight).strangeness(scores) for scores in (density, nearness))
        samples = {
            "all": Sample.of(weight, np.ones(len(rows), dtype=bool), SMALL_SAMPLE),
            "usual": Sample.of(weight, most(nearness, weight, 1.0 - STRANGEST), SAMPLE),
            "core": Sample.of(weight, most(-strange, weight, CORE), SAMPLE),
        }
        self.distances_ = SampleDistances(rows, samples)
        scores = {"density": density} | {name: -values for name, values in self.distances_(rows).items()}
        self.scales_ = {name: Excess.of(values, weight) for name, values in scores.items()}
        self._usual = usual_cells(table, weight, self._schema, self._where)
        self._widths = [self._width(residual, weight) for residual in self._residuals(table, learn=True)]
        self._usual_shortfall, levels = np.zeros(table.shape[1]), self._schema.with_levels(table.shape[1])
        if levels.any():
            shortfall = np.where(np.isnan(table), np.nan, self.wary_._shortfall(X))[:, levels]
            medians = WeightedRows.present(shortfall, weight).quantiles((0.5,))[0]
            self._usual_shortfall[levels] = np.nan_to_num(medians)
        return self

    @property
    def _densities(self):
        return self.trusting_, self.wary_

    @property
    def _where(self):
        """Where cells usually are."""
        return self._positions.units.usual

    def _residuals(self, numbers, learn=False):
        """Cells less what each density expects of them (n, n_features), NaN where cells are missing."""
        tables = (
            expected_cells(density, numbers, self._usual, self._schema, self._where) for density in self._densities
        )
        return [residual(numbers, expected, self._where, learn) for expected in tables]

    def _width(self, residual, weight):
        """How far cells usually are from what is expected (n_features,): at least a part of their column's width."""
        tame = np.clip(residual, *WeightedRows.present(residual, weight).usual_range())
        total = np.maximum(weight @ ~np.isnan(tame), np.finfo(np.float64).tiny)
        return np.sqrt(weight @ np.nan_to_num(np.square(tame)) / total) + LEAST_WIDTH * self._positions.scale

    @undisturbed
    def strangeness(self, X):
        """How strange each row is (n,) by the name of the score, on the scale of its training scores."""
        check_is_fitted(self)
        scores = {"density": self.trusting_.score_samples(X)}
        rows = self._positions(self._schema.numbers(X))
        scores |= {name: -values for name, values in self.distances_(rows).items()}
        return {name: self.scales_[name].strangeness(values) for name, values in scores.items()}

    @undisturbed
    def score_samples(self, X):
        """Minus the excess of a row: 0 is usual, -1 as strange as the strangest tenth of the training rows.

        The excess is the mean of those of the four scores on their logarithmic scale.
        """
        strangeness = self.strangeness(X)
        mean = sum(strangeness.values()) / len(strangeness)
        return -np.sign(mean) * np.expm1(np.abs(mean))

    @undisturbed
    def score_features(self, X):
        """Nats that each cell costs under a normal density of what is expected: the mean of both densities'.

        That is minus half the square of the cell's distance to what is expected of it, in widths of what is usual in
        its column. Heavy tails would make light of far cells in just those columns in which the model knows least. A
        level costs the logarithm of how many times more probable the expected one is to the wary density, whose codes
        say what is expected, beyond the median in its column: of many levels none is probable. A missing cell costs
        nothing.
        """
        self.transform(X)  # an error where it cannot be judged, before far cells are brought into the usual range
        numbers = self._schema.numbers(X)
        residuals, levels = self._residuals(numbers), self._schema.with_levels(numbers.shape[1])
        away = [part / width for part, width in zip(residuals, self._widths, strict=True)]
        costs = 0.0 - 0.25 * sum(np.nan_to_num(np.square(np.clip(part, -FARTHEST, FARTHEST))) for part in away)
        if levels.any():
            costs[:, levels] = np.minimum(self.wary_._shortfall(X)[:, levels] - self._usual_shortfall[levels], 0.0)
        return costs

    @undisturbed
    def transform(self, X):
        """Codes of the wary density."""
        check_is_fitted(self)
        return self.wary_.transform(X)

    def _expected(self, numbers):
        """What the wary density expects of each cell of rows of numbers, in the numbers of its schema."""
        return decoded_cells(self.wary_, numbers, self._schema)

    @undisturbed
    def inverse_transform(self, X):
        """Rows that codes of the wary density stand for."""
        check_is_fitted(self)
        return self.wary_.inverse_transform(X)


def residual(numbers, expected, where, learn):
    """Cells less what is expected of them; to ``learn`` how large that usually is, placeholders are left out."""
    apart = where.placed(numbers) - where.placed(expected)
    return where.without_placeholders(apart, numbers, expected) if learn else apart


def expected_cells(estimator, numbers, usual, schema, where, index=None):
    """What a fitted estimator expects of each cell (n_samples, n_features), where cells lie in the ``usual`` range.

    A cell beyond it would pull what is expected of the others, and of itself, towards it; and the code of a row that is
    strange in many cells may stand for cells that are far beyond it. Cells are in the numbers of the ``schema``, and so
    is what is expected of them.
    """
    tame = where.clipped(numbers, *usual)
    return where.clipped(decoded_cells(estimator, tame, schema, index), *usual)


def decoded_cells(estimator, numbers, schema, index=None):
    """What the codes of rows stand for, in the numbers of the schema as the rows are; ours need no table for it."""
    if hasattr(estimator, "_expected"):
        return estimator._expected(numbers)
    return schema.numbers(estimator.inverse_transform(estimator.transform(schema.table(numbers, index))))


def usual_cells(numbers, weight, schema, where):
    """Where the cells of each column usually lie (2, n_features); everywhere where values have no order."""
    usual = WeightedRows.present(where.near(numbers), weight).usual_range()
    usual[:, schema.with_levels(numbers.shape[1])] = np.array([[-np.inf], [np.inf]])
    return usual


def most(scores, weight, share):
    """Mask of the rows of the highest scores that hold about this share of the weight."""
    return scores >= weighted_threshold(scores, weight, 1.0 - share)
