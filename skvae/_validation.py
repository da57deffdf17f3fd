"""scikit-learn's own machinery, private names included: the only file that changes when scikit-learn moves them."""

from contextlib import contextmanager

from sklearn.base import _fit_context
from sklearn.ensemble._base import _set_random_states
from sklearn.utils._param_validation import HasMethods, Interval, StrOptions
from sklearn.utils.validation import _num_samples as num_rows
from sklearn.utils.validation import check_is_fitted, has_fit_parameter, validate_data

try:
    from sklearn.callback import CallbackSupportMixin, with_callbacks
except ImportError:  # scikit-learn < 1.9

    class CallbackSupportMixin:
        """Stands in where scikit-learn has no callbacks yet."""

    def with_callbacks(method):
        """Likewise."""
        return method


__all__ = [
    "CallbackSupportMixin",
    "HasMethods",
    "Interval",
    "StrOptions",
    "_fit_context",
    "_set_random_states",
    "check_is_fitted",
    "has_fit_parameter",
    "note_columns",
    "noted_columns",
    "num_rows",
    "unchanged",
    "unchanged_on_error",
    "validate_data",
    "with_callbacks",
]


NOTED = "n_features_in_", "feature_names_in_"
"""What ``validate_data`` notes of the columns of a training table, on the estimator."""


def noted_columns(estimator):
    """What is noted of the columns on an estimator."""
    return {name: value for name, value in vars(estimator).items() if name in NOTED}


def note_columns(estimator, columns):
    """Note this of the columns on an estimator, and nothing else."""
    for name in NOTED:
        vars(estimator).pop(name, None)
    vars(estimator).update(columns)


@contextmanager
def unchanged(estimator):
    """What is noted of the columns meanwhile is taken back."""
    before = noted_columns(estimator)
    try:
        yield
    finally:
        note_columns(estimator, before)


@contextmanager
def unchanged_on_error(estimator):
    """The same where an error is raised."""
    before = noted_columns(estimator)
    try:
        yield
    except BaseException:
        note_columns(estimator, before)
        raise
