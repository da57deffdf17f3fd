"""What judges rows by default: densities, distances and, where training rows are known to be usual, a denoiser."""

import copy
import math

from sklearn.base import BaseEstimator, clone
from sklearn.utils import check_random_state

from skvae._callbacks import fit_parts
from skvae._outliers.novelty import NoveltyScores
from skvae._outliers.robust_scores import RobustScores
from skvae._surroundings import undisturbed
from skvae._validation import CallbackSupportMixin, available_if, check_is_fitted, note_columns, with_callbacks

SUPPORT_FRACTION, FEWER_EPOCHS = 0.7, 2
"""Share of the rows that the wary density learns from, and by what its number of epochs is divided."""


def to_go_on(fitted, unfitted):
    """A copy of a fitted estimator whose next fit goes on from there, under the parameters of an unfitted one."""
    if type(fitted) is not type(unfitted):
        raise ValueError(
            f"warm_start=True goes on from the last fit's {type(fitted).__name__}, which cannot become the "
            f"{type(unfitted).__name__} that the parameters ask for now. Set them back, or use warm_start=False."
        )
    return copy.copy(fitted).set_params(**{**unfitted.get_params(deep=False), "warm_start": True})


def in_fewer_epochs(estimator):
    """An unfitted density that trains for a part of its epochs."""
    if estimator.max_iter != "auto":
        estimator.set_params(max_iter=math.ceil(estimator.max_iter / FEWER_EPOCHS))
    estimator._epochs_divided_by = FEWER_EPOCHS
    return estimator


class Ensemble(CallbackSupportMixin, BaseEstimator):
    """Several scores of a row in one, made of fitted densities and of training rows.

    Parameters
    ----------
    estimator : VAETransformer or AutoencoderTransformer
        The density.
    warm_start : bool, default=False
        Whether ``fit`` goes on from the densities of the last one; all else is found anew.
    random_state : int, RandomState instance or None, default=None
        Which of many training rows others are compared with.
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
        """Fit the densities, what compares rows, and the scale of each score."""
        return self._fit_table(self._read_to_fit(X, sample_weight), X, y)

    @with_callbacks
    @undisturbed
    def _fit_table(self, table, X=None, y=None):
        """``fit`` on a table that was read; X and y are for callbacks alone."""
        parts = self._parts()
        fits = {name: (part, lambda part=part: part._fit_table(table, X)) for name, part in parts.items()}
        fit_parts(self, fits, X, y)
        note_columns(self, table.columns)
        for name, part in parts.items():
            setattr(self, f"{name}_", part)
        self._on_matrices = None
        return self._refer_to(table.X, table.weight)

    def _parts(self):
        """The densities to fit, by name."""
        parts = self._unfitted()
        for place, (name, part) in zip(("first", "second"), parts.items(), strict=False):
            if self.warm_start and hasattr(self, f"{name}_"):
                parts[name] = part = to_go_on(getattr(self, f"{name}_"), part)
            part._inside, part._streams = place, self._streams
        return parts

    def _read_to_fit(self, X, sample_weight):
        """The table that ``fit`` trains on."""
        return self._parts()["trusting"]._read_to_fit(X, sample_weight)

    @available_if(lambda self: hasattr(self.estimator, "partial_fit"))
    @undisturbed
    def partial_fit(self, X, y=None, sample_weight=None):
        """The densities go on with one pass over a batch; what rows are compared with is as it was."""
        return self._partial_fit_table(self._read_to_go_on(X, sample_weight))

    def _read_to_go_on(self, X, sample_weight):
        """The table that ``partial_fit`` goes on with."""
        return self.trusting_._read_to_go_on(X, sample_weight)

    def _partial_fit_table(self, table):
        """``partial_fit`` on a table that was read."""
        gone_on = {f"{name}_": copy.copy(getattr(self, f"{name}_"))._partial_fit_table(table) for name in self._names}
        vars(self).update(gone_on)
        return self

    def _refer_to(self, matrix, weight):
        """Compare rows with those of a matrix, or with a part of many, and find the scale of each score."""
        rng = check_random_state(self.random_state)
        densities = [getattr(self, f"{name}_")._on_matrices for name in self._names]
        self._on_matrices = self._compared(densities, matrix, weight, rng)
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
        """Minus the excess of a row: 0 is usual, -1 about as strange as the strangest tenth of the training rows.

        The excess is the mean of those of the scores that count, on their logarithmic scale.
        """
        matrix = self._read(X)
        return self._on_matrices.score(matrix)

    @undisturbed
    def score_features(self, X):
        """Nats that each cell costs under a normal density of what is expected, the mean of the densities'."""
        matrix = self._read(X)
        return self._on_matrices.shares(matrix)

    @undisturbed
    def transform(self, X):
        """Codes of the density that says what is expected."""
        matrix = self._read(X)
        return self._on_matrices.codes(matrix)

    @undisturbed
    def inverse_transform(self, X):
        """Rows that such codes stand for."""
        check_is_fitted(self)
        return getattr(self, f"{self._names[-1]}_").inverse_transform(X)


class RobustEnsemble(Ensemble):
    """Six scores of a row in one, of which the three count that find it strangest.

    They are its density, its distances to the nearest row and to samples of all, the usual and the core rows, and its
    depth in an isolation forest.

    The density learns from all training rows and, as the nearest row does, tells rare from wrong where they are clean.
    Distances to small samples do not follow outliers that lie together, nor do cuts of single columns. What is usual is
    found without labels: a second, wary density learns from the most usual ``SUPPORT_FRACTION`` of each batch, in half
    as many epochs; the tenth of the rows that are strangest to it are left out of what distances are measured to; the
    nine tenths nearest to what remains are the usual rows, and the core are those that are nearest and likeliest.
    """

    _names = "trusting", "wary"

    def _unfitted(self):
        """The density that learns from all rows, and the one that learns what most have in common.

        What is rare is learned last, and so the wary one trains for fewer epochs.
        """
        wary = in_fewer_epochs(clone(self.estimator).set_params(support_fraction=SUPPORT_FRACTION))
        return {"trusting": clone(self.estimator), "wary": wary}

    def _compared(self, densities, matrix, weight, rng):
        """Scores of rows that are compared with those of a matrix."""
        return RobustScores.of(*densities, self._schema, matrix, weight, rng)


class NoveltyEnsemble(Ensemble):
    """Two scores of a row in one, where all training rows are known to be usual.

    Its distance to the nearest of them, and its density by a network that predicts rows from noisy ones
    (``NoveltyScores``). A density of the given kind learns from all rows too: reasons and codes are its own.
    """

    _names = ("trusting",)

    def _unfitted(self):
        """The density that gives reasons; scores do not need it to be trained to its end."""
        return {"trusting": in_fewer_epochs(clone(self.estimator))}

    def _compared(self, densities, matrix, weight, rng):
        """Scores of rows that are compared with those of a matrix; a network goes on from where it is."""
        before, device = self._on_matrices, self.trusting_.device_
        return NoveltyScores.of(*densities, self._schema, matrix, weight, rng, device, before)

    @property
    def _held_out(self):
        """Scores of training rows that the network did not learn from, and what these rows count."""
        return self._on_matrices.held_out
