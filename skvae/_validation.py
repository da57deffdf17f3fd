"""scikit-learn's own machinery, private names included: the only file that changes when scikit-learn moves them."""

import numpy as np
from sklearn.base import _fit_context
from sklearn.ensemble._base import _set_random_states
from sklearn.utils._param_validation import HasMethods, Interval, Options, StrOptions
from sklearn.utils.validation import _check_sample_weight, check_is_fitted, validate_data

try:
    from sklearn.callback import CallbackSupportMixin
except ImportError:  # scikit-learn < 1.9

    class CallbackSupportMixin:
        """Stands in where scikit-learn has no callbacks yet."""


__all__ = [
    "CallbackSupportMixin",
    "HasMethods",
    "Interval",
    "Options",
    "StrOptions",
    "_fit_context",
    "_set_random_states",
    "check_is_fitted",
    "check_weights",
    "validate_data",
]


def check_weights(sample_weight, X):
    """Row weights (n,) as float64, or None where all are equal; negative, infinite and all-zero weights are errors."""
    if sample_weight is None:
        return None
    weights = _check_sample_weight(sample_weight, X, dtype=np.float64, ensure_non_negative=True)
    if not weights.any():
        raise ValueError("Sample weights are zero for every row: sample_weight needs at least one positive value.")
    return None if np.ptp(weights) == 0 else weights
