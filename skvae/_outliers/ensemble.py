"""What judges rows by default: two densities, one of which learns from the usual rows alone, and distances."""

import copy
import math

from sklearn.base import BaseEstimator, clone
from sklearn.utils import check_random_state

from skvae._callbacks import fit_parts
from skvae._outliers.four_scores import FourScores
from skvae._surroundings import undisturbed
from skvae._validation import CallbackSupportMixin, available_if, check_is_fitted, note_columns, with_callbacks

SUPPORT_FRACTION, WARY_EPOCHS = 0.7, 2
"""Share of the rows that the wary density learns from, and by what its number of epochs is divided."""


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
    and the core are those that are nearest and likeliest.

    Parameters
    ----------
    estimator : VAETransformer or AutoencoderTransformer
        The density.
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
        return self._fit_table(self._read_to_fit(X, sample_weight), X, y)

    @with_callbacks
    @undisturbed
    def _fit_table(self, table, X=None, y=None):
        """``fit`` on a table that was read; X and y are for callbacks alone."""
        trusting, wary = self._parts()
        parts = {"trusting": trusting, "wary": wary}
        fits = {name: (part, lambda part=part: part._fit_table(table, X)) for name, part in parts.items()}
        fit_parts(self, fits, X, y)
        note_columns(self, table.columns)
        self.trusting_, self.wary_ = trusting, wary
        return self._refer_to(table.X, table.weight)

    def _parts(self):
        """The densities to fit: the one that learns from all rows, and the one that learns what most have in common.

        What is rare is learned last, and so the wary one trains for fewer epochs.
        """
        trusting, wary = clone(self.estimator), clone(self.estimator).set_params(support_fraction=SUPPORT_FRACTION)
        if wary.max_iter != "auto":
            wary.set_params(max_iter=math.ceil(wary.max_iter / WARY_EPOCHS))
        if self.warm_start and hasattr(self, "trusting_"):
            trusting, wary = to_go_on(self.trusting_, trusting), to_go_on(self.wary_, wary)
        trusting._inside, wary._inside = "first", "second"
        trusting._streams = wary._streams = self._streams
        wary._epochs_divided_by = WARY_EPOCHS
        return trusting, wary

    def _read_to_fit(self, X, sample_weight):
        """The table that ``fit`` trains on."""
        return self._parts()[0]._read_to_fit(X, sample_weight)

    @available_if(lambda self: hasattr(self.estimator, "partial_fit"))
    @undisturbed
    def partial_fit(self, X, y=None, sample_weight=None):
        """Both densities go on with one pass over a batch; distances are as they were."""
        return self._partial_fit_table(self._read_to_go_on(X, sample_weight))

    def _read_to_go_on(self, X, sample_weight):
        """The table that ``partial_fit`` goes on with."""
        return self.trusting_._read_to_go_on(X, sample_weight)

    def _partial_fit_table(self, table):
        """``partial_fit`` on a table that was read."""
        trusting, wary = (copy.copy(density)._partial_fit_table(table) for density in (self.trusting_, self.wary_))
        self.trusting_, self.wary_ = trusting, wary
        return self

    def _refer_to(self, matrix, weight):
        """Measure distances to the rows of a matrix, or to a part of many, and find the scale of each score."""
        rng = check_random_state(self.random_state)
        densities = self.trusting_._on_matrices, self.wary_._on_matrices
        self._on_matrices = FourScores.of(*densities, self._schema, matrix, weight, rng)
        self.distances_, self.scales_ = self._on_matrices.distances, self._on_matrices.scales
        return self

    @property
    def _schema(self):
        """What the columns of tables hold."""
        return self.trusting_._schema

    def _read(self, X):
        """A table as a matrix of cells to which the densities give a density."""
        check_is_fitted(self)
        return self.trusting_._read(X)

    @undisturbed
    def strangeness(self, X):
        """How strange each row is (n,) by the name of the score, on the scale of its training scores."""
        matrix = self._read(X)
        return self._on_matrices.strangeness(matrix)

    @undisturbed
    def score_samples(self, X):
        """Minus the excess of a row: 0 is usual, -1 as strange as the strangest tenth of the training rows.

        The excess is the mean of those of the four scores on their logarithmic scale.
        """
        matrix = self._read(X)
        return self._on_matrices.score(matrix)

    @undisturbed
    def score_features(self, X):
        """Nats that each cell costs under a normal density of what is expected, the mean of both densities'."""
        matrix = self._read(X)
        return self._on_matrices.shares(matrix)

    @undisturbed
    def transform(self, X):
        """Codes of the wary density."""
        matrix = self._read(X)
        return self._on_matrices.codes(matrix)

    @undisturbed
    def inverse_transform(self, X):
        """Rows that codes of the wary density stand for."""
        check_is_fitted(self)
        return self.wary_.inverse_transform(X)
