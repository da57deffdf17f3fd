"""scikit-learn's own machinery, private names included: the only file that changes when scikit-learn moves them."""

import importlib
from collections.abc import Callable
from contextlib import contextmanager
from typing import Any, TypeVar

from sklearn import base
from sklearn.utils import metaestimators
from sklearn.utils._param_validation import HasMethods, Interval, Options, StrOptions, validate_parameter_constraints
from sklearn.utils.validation import _check_feature_names_in, check_is_fitted, has_fit_parameter, validate_data
from sklearn.utils.validation import _num_samples as num_rows

try:
    from sklearn.callback import CallbackSupportMixin, with_callbacks
except ImportError:  # scikit-learn < 1.9

    class CallbackSupportMixin:
        """Stands in where scikit-learn has no callbacks yet."""

    def with_callbacks(method):
        """Likewise."""
        return method


HAS_CALLBACKS = hasattr(CallbackSupportMixin, "set_callbacks")
"""Whether this scikit-learn has callbacks."""

Method = TypeVar("Method", bound=Callable[..., Any])

__all__ = [
    "HAS_CALLBACKS",
    "CallbackSupportMixin",
    "HasMethods",
    "Interval",
    "Options",
    "StrOptions",
    "_check_feature_names_in",
    "_fit_context",
    "_set_random_states",
    "available_if",
    "callbacks_of",
    "check_is_fitted",
    "has_fit_parameter",
    "note_columns",
    "noted_columns",
    "num_rows",
    "unchanged",
    "unchanged_on_error",
    "validate_data",
    "validate_parameter_constraints",
    "with_callbacks",
]


def _set_random_states(estimator: Any, random_state: Any) -> None:
    """scikit-learn's seeds for an estimator and its parts; all of its ensembles are loaded with it, at first use."""
    importlib.import_module("sklearn.ensemble._base")._set_random_states(estimator, random_state)


def _fit_context(*, prefer_skip_nested_validation: bool) -> Callable[[Method], Method]:
    """scikit-learn's frame around ``fit``, which keeps the type of the method."""
    return base._fit_context(prefer_skip_nested_validation=prefer_skip_nested_validation)


def available_if(check: Callable[[Any], bool]) -> Callable[[Method], Method]:
    """scikit-learn's methods that are there only for some estimators, with their type."""
    return metaestimators.available_if(check)


def callbacks_of(estimator):
    """Callbacks that an estimator has, those included that an estimator around it has passed on for this fit."""
    return getattr(estimator, "_skl_callbacks", [])


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
