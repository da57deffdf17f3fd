"""AutoencoderOutlierDetector: a threshold and reasons around any estimator that scores rows."""

from numbers import Integral, Real
from typing import Any, Self

import numpy as np
import pandas as pd
from scipy.special import expit
from sklearn.base import BaseEstimator, OutlierMixin, clone
from sklearn.utils import check_random_state, get_tags

from skvae._callbacks import LOGGER
from skvae._outliers.ensemble import NoveltyEnsemble, RobustEnsemble, to_go_on
from skvae._outliers.excess import Excess
from skvae._outliers.judges import can_explain, judge_of
from skvae._outliers.reasons import Reasons
from skvae._outliers.reservoir import Reservoir
from skvae._outliers.table import strangest, table_of_reasons
from skvae._outliers.thresholds import threshold_of, threshold_of_usual
from skvae._stored import Stored
from skvae._surroundings import undisturbed
from skvae._tables.faults import check_form, check_names, check_rows
from skvae._tables.files import in_memory, opened, without_rows
from skvae._tables.frames.frame import Frame, is_frame, without_mask
from skvae._typing import Seed, Table, Weights
from skvae._vae import VAETransformer
from skvae._validation import (
    CallbackSupportMixin,
    HasMethods,
    Interval,
    Options,
    StrOptions,
    _fit_context,
    _set_random_states,
    available_if,
    check_is_fitted,
    num_rows,
    validate_data,
)

DENSITY = {
    "hidden_layer_sizes": (64, 64),
    "network": "mlp",
    "likelihood": "gaussian",
    "code_density": None,
    "objective": "elbo",
    "learning_rate_init": 6e-3,
    "max_iter": 50,
    "n_importance_samples": 16,
}
"""Parameters of the default estimator, a VAETransformer."""


def _explains(detector):
    estimator = getattr(detector, "estimator_", detector.estimator)
    return estimator is None or can_explain(estimator)


def _goes_on(detector):
    estimator = getattr(detector, "estimator_", detector.estimator)
    return estimator is None or hasattr(estimator, "partial_fit")


class AutoencoderOutlierDetector(Stored, CallbackSupportMixin, OutlierMixin, BaseEstimator):
    """Outlier detection by the likelihood of rows, with the columns that make a row an outlier.

    Wraps any estimator that has ``score_samples``, higher being more normal, and adds the threshold ``offset_``: a row
    is an outlier where ``decision_function(X) = score_samples(X) - offset_`` is negative, as in
    :class:`~sklearn.ensemble.IsolationForest`.

    Data frames go in as the estimator takes them: a ``VAETransformer``, alone or in the ensemble, takes texts,
    categories, dates and missing cells as they are, and a Pipeline whatever its first step takes.

    Parameters of training, such as ``max_iter``, are those of the estimator, not of the detector. A quicker ensemble is
    ``AutoencoderOutlierDetector(VAETransformer(network="mlp", likelihood="gaussian", max_iter=10), ensemble=True)``.

    Parameters
    ----------
    estimator : estimator or None, default=None
        Estimator with ``fit`` and ``score_samples``, alone or at the end of a Pipeline; a search over its parameters,
        such as ``estimator__n_components``, needs one. None stands for a small
        ``VAETransformer`` with ``network="mlp"`` and ``likelihood="gaussian"``: densities with atoms make rows of
        repeated values look normal, and heavy tails make light of far cells.
    contamination : "auto" or float in [0, 0.5], default="auto"
        What is known of the training rows. "auto" is for nothing: some of them may be outliers. It flags what only 1 %
        of usual rows would fall below, by normal tails through the median and the lowest tenth of the training scores
        on a logarithmic scale, so that outliers among the training rows do not move it; and at least one training row,
        unless those of the lowest score are more than 1 %. 0.0 is for rows that are all known to be usual, also called
        novelty detection: nothing is left out of what is learned, rare groups included, and the threshold is the score
        that 1 % of usual rows fall below by a tenth of the rows that were held out from training. With outliers among
        them it finds less than "auto". A number above is the share of the training rows below the threshold. Rows of
        one score are not told apart: of a group that would make it more than twice the share none is flagged, and where
        no training row is, the threshold is no higher than that of "auto".
    ensemble : "auto" or bool, default="auto"
        Whether to judge rows by several scores in one: by such an estimator, by the distances to the nearest training
        row and to small samples of all, of the usual ones and of the core of these [1]_, and by an isolation forest
        [3]_; the three count that find a row strangest. Which rows are usual says a second
        estimator, which leaves 30 % of each batch out (``support_fraction``) and trains half as long. Where all
        training rows are known to be usual the two scores are the distance to the nearest of them and the errors of a
        network that predicts rows from noisy ones [2]_; the estimator, trained half as long, then gives reasons. "auto"
        does so where ``estimator`` is None; otherwise rows are judged by the estimator alone.
    warm_start : bool, default=False
        Whether ``fit`` goes on from the estimator, or the two estimators of the ensemble, of the last ``fit`` or
        ``partial_fit``; needs an estimator with a parameter ``warm_start`` of its own. All else, such as distances and
        the threshold, is computed from the new rows alone.
    random_state : int, RandomState instance or None, default=None
        Sets every ``random_state`` of the estimator, None leaving them as they are, and says how the isolation forest
        grows, which rows ``partial_fit`` forgets and which are held out where ``contamination`` is 0.0.

    Attributes
    ----------
    estimator_ : estimator
        What judges rows: the fitted estimator, or the ensemble, whose ``strangeness(X)`` are its scores by name.
    offset_ : float
        The threshold, in the unit of ``score_samples``.
    expected_interval_ : ndarray of shape (2, n_features_in_) or None
        Between these two, observed less expected cells of training rows lie in nine of ten cases, whatever is expected;
        the intervals of ``explain`` belong to their rows. None where the estimator cannot explain.
    n_features_in_ : int
        Number of columns seen in ``fit``.
    feature_names_in_ : ndarray of shape (n_features_in_,)
        Names of the columns, where X had string names for all of them.

    References
    ----------
    .. [1] G. Pang, K. M. Ting and D. Albrecht, "LeSiNN: Detecting anomalies by identifying least similar nearest
       neighbours", ICDM workshops 2015.
    .. [2] X. Kong, R. Brekelmans and G. Ver Steeg, "Information-theoretic diffusion", ICLR 2023, whose sum of errors
       over levels of noise is taken here of predictions that are not exact, as a score and not as a density.
    .. [3] F. T. Liu, K. M. Ting and Z.-H. Zhou, "Isolation forest", ICDM 2008.

    Examples
    --------
    >>> import numpy as np
    >>> from skvae import AutoencoderOutlierDetector
    >>> rng = np.random.RandomState(0)
    >>> X = rng.normal(size=(300, 2)) @ [[1.0, 0.9], [0.0, 0.4]]
    >>> detector = AutoencoderOutlierDetector(random_state=0).fit(X)
    >>> detector.predict([[0.1, 0.1], [2.0, -2.0]])
    array([ 1, -1])
    """

    estimator_: Any
    offset_: float
    expected_interval_: np.ndarray | None
    n_features_in_: int

    _parameter_constraints: dict = {
        "estimator": [HasMethods(["fit", "score_samples"]), None],
        "contamination": [StrOptions({"auto"}), Options(Real, {0.0}), Interval(Real, 0, 0.5, closed="right")],
        "ensemble": [StrOptions({"auto"}), "boolean"],
        "warm_start": ["boolean"],
        "random_state": ["random_state"],
    }

    def __init__(
        self,
        estimator: Any = None,
        contamination: float | str = "auto",
        *,
        ensemble: bool | str = "auto",
        warm_start: bool = False,
        random_state: Seed = None,
    ) -> None:
        self.estimator = estimator
        self.contamination = contamination
        self.ensemble = ensemble
        self.warm_start = warm_start
        self.random_state = random_state

    @_fit_context(prefer_skip_nested_validation=False)
    @undisturbed
    def fit(self, X: Table, y: object = None, sample_weight: Weights = None) -> Self:
        """Fit the estimator, then the threshold on its training scores.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Training rows.
        y : None
            Ignored; present by convention.
        sample_weight : array-like of shape (n_samples,), default=None
            Weight of each row, for the estimator and for the threshold. Weight two is repetition and zero weight
            absence, where the estimator keeps to that. A Pipeline takes weights if each of its steps does.

        Returns
        -------
        self : object
            The fitted detector.
        """
        return self._fit(X, y, sample_weight)

    @available_if(_goes_on)
    @_fit_context(prefer_skip_nested_validation=False)
    @undisturbed
    def partial_fit(self, X: Table, y: object = None, sample_weight: Weights = None) -> Self:
        """Go on with a batch of rows, for data that drift; the first call is ``fit``.

        The estimator, or each of the two of the ensemble, learns from the batch by its own ``partial_fit``, under the
        parameters of the last ``fit``. All else that depends on training rows is computed anew from up to 2,048 rows
        that the detector keeps: new rows take the places of random ones, so that half of those that were there are
        forgotten after 1,420 more, 99 % after 9,430, and none before all places are taken. Distances are measured to
        all of them; ``offset_``, ``outlier_probability`` and ``expected_interval_`` come from the latest 512 alone,
        because to an estimator that has moved on older rows look strange and would lower the threshold.

        Levels are those that the first batch has or, where it came by ``partial_fit``, its dtypes declare.

        Each call scores these rows: let batches have some hundred rows rather than one. Scores before and after a call
        are not in the same units; compare labels and probabilities over time.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Rows; at least two in the first call.
        y : None
            Ignored; present by convention.
        sample_weight : array-like of shape (n_samples,), default=None
            Weight of each row, zero being absence, for the estimator and for the threshold. A row of weight two comes
            twice, one time after the other, and takes two places.

        Returns
        -------
        self : object
            The detector after one more batch; unchanged where an error is raised.
        """
        if not hasattr(self, "estimator_"):
            return self._fit(X, y, sample_weight, streams=True)
        X = self._as_fitted(X)
        if not is_frame(X):
            check_form(X, type(self).__name__)
        validate_data(self, without_rows(X), reset=False, skip_check_array=True)
        judge, reading, weight = judge_of(self.estimator_).after(X, sample_weight)
        seed = check_random_state(self.random_state).randint(np.iinfo(np.int32).max)
        recent = self._recent.after(reading.matrix, weight, seed)
        judge.refer_to(recent.X, recent.weight)
        latest = recent.latest
        return self._judge_by(judge, judge.rows(latest.X, self._schema), latest.weight, recent)

    def _fit(self, X, y, sample_weight, streams=False):
        """Fit a new estimator, or go on from the fitted one, and judge by it; ``streams`` if more rows are to come."""
        estimator, X = self._make_estimator(), opened(X, type(self).__name__)
        if not is_frame(X):
            check_rows(X, type(self).__name__)
        X = without_mask(X)
        if hasattr(estimator, "_streams"):
            estimator._streams = streams
        judge = judge_of(self._warm(estimator) if self.warm_start else estimator)
        rng = check_random_state(self.random_state) if self._knows_usual else None
        reading, weight = judge.train(self, X, y, sample_weight, rng)
        validate_data(self, without_rows(X) if reading.X is None else reading.X, skip_check_array=True)
        recent = Reservoir.of(reading.matrix, weight) if judge.goes_on else None
        self._judge_by(judge, reading, weight, recent)
        self._frame = Frame.of(without_rows(X))
        LOGGER.info("%s: fitted to %d rows, threshold %g", type(self).__name__, num_rows(X), self.offset_)
        return self

    def _judge_by(self, judge, reading, weight, recent):
        """Take over a trained judge, with the threshold and the scales that these rows give it."""
        known = judge.held_out
        scores, counts = (judge.score(reading), weight) if known is None else known
        scale = Excess.of(scores, counts)
        reasons = Reasons.of(judge, reading, weight) if judge.explains else None
        share = None if self.contamination == "auto" else self.contamination
        offset = threshold_of(scores, counts, scale, share) if known is None else threshold_of_usual(*known, scale)
        self.estimator_, self.offset_, self._scale, self._recent = judge.estimator, offset, scale, recent
        self._schema, self._reasons = reading.schema, reasons
        self.expected_interval_ = reasons and reasons.interval
        return self

    def _as_fitted(self, X):
        """Rows with holes for masked cells, if their columns are those of training."""
        X = opened(X, type(self).__name__)
        check_names(without_rows(X), self._frame and self._frame.names, type(self).__name__)
        return without_mask(X)

    def _reading(self, X):
        """Rows as the judge reads them, and the judge."""
        check_is_fitted(self)
        judge = judge_of(self.estimator_)
        return judge, judge.read(self._as_fitted(X), self._schema)

    def _warm(self, estimator):
        """The estimator to fit under ``warm_start``: the fitted one with the parameters of an unfitted one."""
        if "warm_start" not in estimator.get_params(deep=False):
            raise ValueError(
                f"warm_start=True needs an estimator with a parameter warm_start, but estimator={estimator!r} has "
                "none. Use warm_start=False."
            )
        if hasattr(self, "estimator_"):
            return to_go_on(self.estimator_, estimator)
        return estimator

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        estimator = VAETransformer() if self.estimator is None else self.estimator
        if hasattr(estimator, "__sklearn_tags__"):
            inside = get_tags(estimator).input_tags
            tags.input_tags.sparse, tags.input_tags.categorical = inside.sparse, inside.categorical
            steps = [step for _, step in getattr(estimator, "steps", [(None, estimator)]) if hasattr(step, "fit")]
            tags.input_tags.allow_nan = all(get_tags(step).input_tags.allow_nan for step in steps)
        return tags

    @property
    def _knows_usual(self):
        """Whether all training rows are known to be usual."""
        return self.contamination == 0

    def _make_estimator(self):
        """An unfitted estimator or ensemble with its seeds."""
        estimator = VAETransformer(**DENSITY) if self.estimator is None else clone(self.estimator)
        if self.estimator is None if self.ensemble == "auto" else self.ensemble:
            if "support_fraction" not in estimator.get_params():
                raise ValueError(
                    f"ensemble={self.ensemble!r} needs an estimator with the parameter support_fraction, such as "
                    f"VAETransformer, but estimator={estimator!r} has none. Use ensemble=False."
                )
            estimator = (NoveltyEnsemble if self._knows_usual else RobustEnsemble)(estimator)
        last = estimator.steps[-1][1] if hasattr(estimator, "steps") else estimator
        if hasattr(last, "_inside"):
            last._inside = "first" if last is estimator else "last"
        if self.random_state is not None:
            _set_random_states(estimator, self.random_state)
        return estimator

    @undisturbed
    def score_samples(self, X: Table) -> np.ndarray:
        """Score of each row, higher being more normal: that of the estimator.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Rows.

        Returns
        -------
        scores : ndarray of shape (n_samples,)
            Higher is more normal; float64.
        """
        judge, reading = self._reading(X)
        return judge.score(reading)

    @undisturbed
    def decision_function(self, X: Table) -> np.ndarray:
        """Score above the threshold: negative for outliers.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Rows.

        Returns
        -------
        scores : ndarray of shape (n_samples,)
            ``score_samples(X) - offset_``.
        """
        return self.score_samples(X) - self.offset_

    @undisturbed
    def predict(self, X: Table) -> np.ndarray:
        """Label of each row: -1 for an outlier, 1 for an inlier.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Rows.

        Returns
        -------
        labels : ndarray of shape (n_samples,)
            -1 or 1.
        """
        return np.where(self.decision_function(X) < 0, -1, 1)

    @undisturbed
    def outlier_probability(self, X: Table) -> np.ndarray:
        r"""Probability of each row to be an outlier, one half at the threshold.

        With :math:`F` the share of usual rows that would score lower than a row, by normal tails through the median and
        the lowest tenth of the training scores on a logarithmic scale, it is
        :math:`F(\mathrm{offset}) / (F(\mathrm{offset}) + F(s))`: the chance that a row at least this strange is an
        outlier, if outliers are as frequent as usual rows below the threshold.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Rows.

        Returns
        -------
        probability : ndarray of shape (n_samples,)
            Between 0 and 1, rising with the strangeness of a row; above one half where ``predict`` says -1.
        """
        check_is_fitted(self)
        return expit(self._scale.log_tail(np.array([self.offset_])) - self._scale.log_tail(self.score_samples(X)))

    @available_if(_explains)
    @undisturbed
    def explain(self, X: Table, n_columns: int = 3) -> pd.DataFrame:
        """The columns that make each row strange, the strangest first.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Rows.
        n_columns : int, default=3
            How many columns of each row to name; at most all of them.

        Returns
        -------
        reasons : pandas.DataFrame
            Indexed by the row's label and ``rank`` (0 is the strangest column), with these columns:

            - ``column`` and its ``value``, and what the model ``expected`` instead;
            - ``low``, ``high``: the interval around what was expected, NaN for levels. Nine of ten training cells of
              which about as much was expected, on either side of that, lie in it;
            - ``times``: how many times the usual distance the cell is from what was expected, 1 being the end of the
              interval before it is cut off where cells cannot be, infinite where training cells were all alike; for
              levels how many times less probable the observed one is than the expected one, 1 where it is that one.
              NaN for missing cells;
            - ``unusual``: whether the cell is so far away, or so improbable, that about one usual row in twenty has
              such a cell in any of its columns; or its level is not seen in training, in a column where new levels are
              seldom. A cell outside its interval need not be unusual: of twenty usual cells two lie outside;
            - ``share`` in nats, the lower the stranger, which says the rank: that of the row's log-likelihood
              (``score_features`` of the estimator); with the ensemble minus half the square of the cell's distance to
              what is expected, in widths of what is usual, as the mean over its two densities, of which ``expected`` is
              that of the wary one; and for levels how much less probable the observed one is than the most probable
              one, as a logarithm, beyond what is usual in its column. Missing cells have a share of 0 and come last;
            - ``note``: in words what no number says: "level not seen in training", or "no cell in training" in a column
              that was empty there; an empty text elsewhere.
        """
        check_is_fitted(self)
        if not isinstance(n_columns, Integral) or isinstance(n_columns, bool) or n_columns < 1:
            raise ValueError(f"n_columns={n_columns!r} must be a whole number of at least 1.")
        judge, reading = self._reading(in_memory(X, type(self).__name__))
        shares, shortfall = judge.costs(reading)
        order = strangest(shares, reading.numbers, n_columns)
        return table_of_reasons(shares, self._reasons.expectation(judge, reading, shortfall, order), reading, order)
