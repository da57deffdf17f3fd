"""AutoencoderOutlierDetector: a threshold and reasons around any estimator that scores rows."""

from numbers import Integral, Real

import numpy as np
import pandas as pd
from sklearn.base import BaseEstimator, OutlierMixin, clone
from sklearn.utils.metaestimators import available_if

from skvae._columns import index_of
from skvae._rows import WeightedRows
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

AUTO_CONTAMINATION = 0.01
"""Share of the training rows that ``contamination="auto"`` flags."""


def weighted_threshold(scores, weight, share):
    """A value with the lowest ``share`` of the weight below it, halfway to the next score; ties stay together."""
    present = WeightedRows.present(scores, weight)
    scores, weight = present.X, present.weight
    order = np.argsort(scores, kind="stable")
    ranked = scores[order]
    reached = np.cumsum(np.ones(len(scores)) if weight is None else weight[order])
    last = ranked[np.searchsorted(reached, share * reached[-1] * (1.0 - 1e-12))]
    above = ranked[ranked > last]
    return float(0.5 * (last + above[0]) if len(above) else last)


def _explains(detector):
    estimator = getattr(detector, "estimator_", detector.estimator)
    return estimator is None or all(
        hasattr(estimator, name) for name in ("score_features", "transform", "inverse_transform")
    )


class AutoencoderOutlierDetector(CallbackSupportMixin, OutlierMixin, BaseEstimator):
    """Outlier detection by the likelihood of rows, with the columns that make a row an outlier.

    Wraps any estimator that has ``score_samples``, higher being more normal, and adds the threshold ``offset_``: a row
    is an outlier where ``decision_function(X) = score_samples(X) - offset_`` is negative, as in
    :class:`~sklearn.ensemble.IsolationForest`.

    Parameters
    ----------
    estimator : estimator or None, default=None
        Estimator with ``fit`` and ``score_samples``, alone or at the end of a Pipeline. None stands for
        ``VAETransformer(network="mlp", likelihood="gaussian")``: densities with atoms make rows of repeated values look
        normal, and codes that follow a far cell blur which one it was.
    contamination : "auto" or float in (0, 0.5], default="auto"
        Share of the training rows that lie below the threshold. "auto" flags 1 % of them: a false-alarm rate of about
        1 % where the training rows are clean.
    random_state : int, RandomState instance or None, default=None
        Sets every ``random_state`` of the estimator; None leaves them as they are.

    Attributes
    ----------
    estimator_ : estimator
        The fitted estimator.
    offset_ : float
        The threshold, in the unit of ``score_samples``.
    n_features_in_ : int
        Number of columns seen in ``fit``.
    feature_names_in_ : ndarray of shape (n_features_in_,)
        Names of the columns, where X had string names for all of them.

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
        "random_state": ["random_state"],
    }

    def __init__(self, estimator=None, contamination="auto", *, random_state=None):
        self.estimator = estimator
        self.contamination = contamination
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
        estimator = (
            VAETransformer(network="mlp", likelihood="gaussian", code_density=None)
            if self.estimator is None
            else clone(self.estimator)
        )
        if self.random_state is not None:
            _set_random_states(estimator, self.random_state)
        if sample_weight is not None and not has_fit_parameter(estimator, "sample_weight"):
            raise ValueError(f"estimator={estimator!r} takes no sample_weight; leave it out, or use another estimator.")
        self._fit_estimator(estimator, X, y, {} if sample_weight is None else {"sample_weight": sample_weight})
        scores = estimator.score_samples(X)
        validate_data(self, X, skip_check_array=True)
        share = AUTO_CONTAMINATION if self.contamination == "auto" else self.contamination
        self.estimator_ = estimator
        self.offset_ = weighted_threshold(scores, check_weights(sample_weight, scores), share)
        return self

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
            what the model ``expected`` instead, and its ``share`` of the row's score in nats (see ``score_features``).
        """
        check_is_fitted(self)
        if not isinstance(n_columns, Integral) or isinstance(n_columns, bool) or n_columns < 1:
            raise ValueError(f"n_columns={n_columns!r} must be a whole number of at least 1.")
        shares = np.asarray(self.estimator_.score_features(X))
        expected = np.asarray(self.estimator_.inverse_transform(self.estimator_.transform(X)), dtype=np.float64)
        values = np.asarray(X, dtype=np.float64)
        names = getattr(self, "feature_names_in_", np.arange(values.shape[1]))
        order = np.argsort(shares, axis=1, kind="stable")[:, : min(n_columns, values.shape[1])]
        labels = range(len(values)) if index_of(X) is None else index_of(X)
        cells = {
            "column": np.asarray(names, dtype=object)[order].ravel(),
            "value": np.take_along_axis(values, order, axis=1).ravel(),
            "expected": np.take_along_axis(expected, order, axis=1).ravel(),
            "share": np.take_along_axis(shares, order, axis=1).ravel(),
        }
        index = pd.MultiIndex.from_product([labels, range(order.shape[1])], names=[None, "rank"])
        return pd.DataFrame(cells, index=index)
