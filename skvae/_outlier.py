"""AutoencoderOutlierDetector: a threshold and reasons around any estimator that scores rows."""

from numbers import Integral, Real

import numpy as np
import pandas as pd
from sklearn.base import BaseEstimator, OutlierMixin, clone
from sklearn.utils.metaestimators import available_if

from skvae._columns import Frame, index_of
from skvae._ensemble import Excess, RobustEnsemble
from skvae._rows import weighted_threshold
from skvae._vae import VAETransformer
from skvae._validation import (
    CallbackSupportMixin,
    HasMethods,
    Interval,
    StrOptions,
    _fit_context,
    _set_random_states,
    check_is_fitted,
    check_weights,
    has_fit_parameter,
    validate_data,
)

FALSE_ALARMS = 0.01
"""Share of usual rows that ``contamination="auto"`` promises to flag."""

COVERAGE, RESIDUAL_ROWS = 0.9, 8192
"""Share of a column's training cells in the interval that is expected of them, and rows that it is taken from."""

EXPLAINS = "score_features", "transform", "inverse_transform"
"""Methods of an estimator that can give reasons."""

DENSITY = {"hidden_layer_sizes": (64, 64), "network": "mlp", "likelihood": "gaussian", "max_iter": 50}
"""Parameters of the default estimator, a VAETransformer."""


def _explains(detector):
    estimator = getattr(detector, "estimator_", detector.estimator)
    return estimator is None or all(hasattr(estimator, name) for name in EXPLAINS)


class AutoencoderOutlierDetector(CallbackSupportMixin, OutlierMixin, BaseEstimator):
    """Outlier detection by the likelihood of rows, with the columns that make a row an outlier.

    Wraps any estimator that has ``score_samples``, higher being more normal, and adds the threshold ``offset_``: a row
    is an outlier where ``decision_function(X) = score_samples(X) - offset_`` is negative, as in
    :class:`~sklearn.ensemble.IsolationForest`.

    Parameters
    ----------
    estimator : estimator or None, default=None
        Estimator with ``fit`` and ``score_samples``, alone or at the end of a Pipeline. None stands for a small
        ``VAETransformer`` with ``network="mlp"`` and ``likelihood="gaussian"``: densities with atoms make rows of
        repeated values look normal, and codes that follow a far cell blur which one it was.
    contamination : "auto" or float in (0, 0.5], default="auto"
        Share of the training rows that lie below the threshold. "auto" needs no guess: it flags what only 1 % of usual
        rows would fall below, by normal tails through the median and the lowest tenth of the training scores on a
        logarithmic scale, so that outliers among the training rows do not move it; and at least one training row.
    ensemble : "auto" or bool, default="auto"
        Whether to judge rows by four scores in one: by two such estimators, one that learns from all rows and one that
        leaves 30 % of each batch out (``support_fraction``), and by the distances to samples of all training rows and
        of those that are usual to the second estimator [1]_. "auto" does so where ``estimator`` is None; otherwise rows
        are judged by the estimator alone.
    random_state : int, RandomState instance or None, default=None
        Sets every ``random_state`` of the estimator; None leaves them as they are.

    Attributes
    ----------
    estimator_ : estimator
        What judges rows: the fitted estimator, or the ensemble, whose ``parts_`` are its members.
    offset_ : float
        The threshold, in the unit of ``score_samples``.
    expected_interval_ : ndarray of shape (2, n_features_in_) or None
        Between these two, observed less expected cells of training rows lie in nine of ten cases. None where the
        estimator cannot explain.
    n_features_in_ : int
        Number of columns seen in ``fit``.
    feature_names_in_ : ndarray of shape (n_features_in_,)
        Names of the columns, where X had string names for all of them.

    References
    ----------
    .. [1] G. Pang, K. M. Ting and D. Albrecht, "LeSiNN: Detecting anomalies by identifying least similar nearest
       neighbours", ICDM workshops 2015.

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

    _doc_link_module = "skvae"
    _doc_link_template = VAETransformer._doc_link_template

    _parameter_constraints: dict = {
        "estimator": [HasMethods(["fit", "score_samples"]), None],
        "contamination": [StrOptions({"auto"}), Interval(Real, 0, 0.5, closed="right")],
        "ensemble": [StrOptions({"auto"}), "boolean"],
        "random_state": ["random_state"],
    }

    def __init__(self, estimator=None, contamination="auto", *, ensemble="auto", random_state=None):
        self.estimator = estimator
        self.contamination = contamination
        self.ensemble = ensemble
        self.random_state = random_state

    @_fit_context(prefer_skip_nested_validation=False)
    def fit(self, X, y=None, sample_weight=None):
        """Fit the estimator, then the threshold on its training scores.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Training rows.
        y : None
            Ignored; present by convention.
        sample_weight : array-like of shape (n_samples,), default=None
            Weight of each row, for the estimator and for the threshold.

        Returns
        -------
        self : object
            The fitted detector.
        """
        estimator = self._make_estimator()
        if sample_weight is not None and not has_fit_parameter(estimator, "sample_weight"):
            raise ValueError(f"estimator={estimator!r} takes no sample_weight; leave it out, or use another estimator.")
        self._fit_estimator(estimator, X, y, {} if sample_weight is None else {"sample_weight": sample_weight})
        scores = np.asarray(estimator.score_samples(X), dtype=np.float64)
        validate_data(self, X, skip_check_array=True)
        weight = check_weights(sample_weight, scores)
        self.estimator_ = estimator
        self._scale = Excess.of(scores, weight)
        if self.contamination == "auto":
            self.offset_ = max(self._scale.quantile(FALSE_ALARMS), weighted_threshold(scores, weight, 0.0))
        else:
            self.offset_ = weighted_threshold(scores, weight, self.contamination)
        self.expected_interval_ = self._residual_interval(X, weight) if _explains(self) else None
        return self

    def _make_estimator(self):
        """An unfitted estimator or ensemble with its seeds."""
        estimator = VAETransformer(**DENSITY) if self.estimator is None else clone(self.estimator)
        if self.estimator is None if self.ensemble == "auto" else self.ensemble:
            if "support_fraction" not in estimator.get_params():
                raise ValueError(
                    f"ensemble={self.ensemble!r} needs an estimator with the parameter support_fraction, such as "
                    f"VAETransformer, but estimator={estimator!r} has none. Use ensemble=False."
                )
            estimator = RobustEnsemble(estimator)
        if self.random_state is not None:
            _set_random_states(estimator, self.random_state)
        return estimator

    def _residual_interval(self, X, weight):
        """Between which values observed less expected cells of training rows lie (2, n_features), column by column."""
        X = np.asarray(X) if Frame.of(X) is None else X
        spread = slice(None, None, -(-len(X) // RESIDUAL_ROWS))
        X = (X.iloc if hasattr(X, "iloc") else X)[spread]
        residual = np.asarray(X, dtype=np.float64) - self._expected(X)
        tails = (0.5 * (1.0 - COVERAGE), 0.5 * (1.0 + COVERAGE))
        weight = None if weight is None else weight[spread]
        return np.array([[weighted_threshold(column, weight, tail) for column in residual.T] for tail in tails])

    def _expected(self, X):
        """What the model expects of each cell (n_samples, n_features)."""
        return np.asarray(self.estimator_.inverse_transform(self.estimator_.transform(X)), dtype=np.float64)

    def _fit_estimator(self, estimator, X, y, weights):
        """Fit the estimator as a part of this fit for callbacks, where scikit-learn has them."""
        if not hasattr(self, "_init_callback_context"):
            estimator.fit(X, **weights)
            return
        context = self._init_callback_context(max_subtasks=1)
        context.call_on_fit_task_begin(estimator=self, X=X, y=y)
        task = context.subcontext(task_name="fit-estimator")
        task.call_on_fit_task_begin(estimator=self, X=X, y=y)
        with task.propagate_callback_context(estimator):
            estimator.fit(X, **weights)
        task.call_on_fit_task_end(estimator=self, X=X, y=y)
        context.call_on_fit_task_end(estimator=self, X=X, y=y)

    def score_samples(self, X):
        """Score of each row, higher being more normal: that of the estimator.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Rows.

        Returns
        -------
        scores : ndarray of shape (n_samples,)
            float64.
        """
        check_is_fitted(self)
        return np.asarray(self.estimator_.score_samples(X), dtype=np.float64)

    def decision_function(self, X):
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

    def predict(self, X):
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

    def outlier_probability(self, X):
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
        at_threshold = self._scale.tail(np.array([self.offset_]))[0]
        return at_threshold / (at_threshold + self._scale.tail(self.score_samples(X)))

    @available_if(_explains)
    def explain(self, X, n_columns=3):
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
            Indexed by the row's label and ``rank`` (0 is the strangest column), with the ``column``, its ``value``,
            what the model ``expected`` instead, the interval from ``low`` to ``high`` that holds nine of ten training
            cells around what is expected of them, and the ``share`` of the row's log-likelihood in nats (see
            ``score_features``).
        """
        check_is_fitted(self)
        if not isinstance(n_columns, Integral) or isinstance(n_columns, bool) or n_columns < 1:
            raise ValueError(f"n_columns={n_columns!r} must be a whole number of at least 1.")
        shares = np.asarray(self.estimator_.score_features(X))
        expected = self._expected(X)
        low, high = expected + self.expected_interval_[:, None]
        values = np.asarray(X, dtype=np.float64)
        names = getattr(self, "feature_names_in_", np.arange(values.shape[1]))
        order = np.argsort(shares, axis=1, kind="stable")[:, : min(n_columns, values.shape[1])]
        labels = range(len(values)) if index_of(X) is None else index_of(X)
        cells = {
            "column": np.asarray(names, dtype=object)[order].ravel(),
            "value": np.take_along_axis(values, order, axis=1).ravel(),
            "expected": np.take_along_axis(expected, order, axis=1).ravel(),
            "low": np.take_along_axis(low, order, axis=1).ravel(),
            "high": np.take_along_axis(high, order, axis=1).ravel(),
            "share": np.take_along_axis(shares, order, axis=1).ravel(),
        }
        index = pd.MultiIndex.from_product([labels, range(order.shape[1])], names=[None, "rank"])
        return pd.DataFrame(cells, index=index)
