"""AutoencoderImputer: missing cells filled, before any estimator that takes complete tables."""

import warnings
from typing import Any, Self

import numpy as np
from sklearn.base import BaseEstimator, TransformerMixin, clone
from sklearn.utils import get_tags

from skvae._stored import Stored
from skvae._surroundings import undisturbed
from skvae._tables.faults import check_form
from skvae._tables.files import in_memory
from skvae._tables.frames.frame import is_frame, is_sparse, names_of, without_mask
from skvae._tables.missing import marked, missing_in, only, with_marks
from skvae._tables.names import column_name
from skvae._tables.weights import counting
from skvae._typing import Rows, Seed, Table, Weights
from skvae._vae import VAETransformer
from skvae._validation import (
    HasMethods,
    _check_feature_names_in,
    _fit_context,
    _set_random_states,
    available_if,
    check_is_fitted,
    has_fit_parameter,
    validate_data,
)


def _goes_on(imputer):
    estimator = getattr(imputer, "estimator_", imputer.estimator)
    return estimator is None or hasattr(estimator, "partial_fit")


class AutoencoderImputer(Stored, TransformerMixin, BaseEstimator):
    """Fills the missing cells of a table with what an autoencoder expects of them, given the other cells of the row.

    Stands where :class:`~sklearn.impute.KNNImputer` or :class:`~sklearn.impute.IterativeImputer` do, before an
    estimator that takes complete tables, and takes data frames as they come: texts, categories, booleans and dates are
    filled as such, and a frame comes back as a frame with its columns and dtypes. Training rows may have holes or not:
    where none had one, codes that explain the cells that are there are looked for [1]_.

    Parameters
    ----------
    estimator : estimator or None, default=None
        Estimator with ``fit`` and ``impute``; None is ``VAETransformer()``. For pixels take
        ``VAETransformer(network="mlp", likelihood="isotropic_gaussian")``.
    add_indicator : bool, default=False
        Whether to add a column for each one of which training cells were missing: whether its cell was missing, True
        in data frames and 1.0 in arrays. They come last and are named ``missingindicator_`` and the column, as those of
        :class:`~sklearn.impute.MissingIndicator`.
    random_state : int, RandomState instance or None, default=None
        Sets every ``random_state`` of the estimator; None leaves them as they are.
    verbose : bool, default=False
        Whether ``transform`` prints how many of the rows with missing cells are filled, where the estimator tells.

    Attributes
    ----------
    estimator_ : estimator
        The fitted estimator.
    n_features_in_ : int
        Number of columns seen in ``fit``.
    feature_names_in_ : ndarray of shape (n_features_in_,)
        Names of the columns, where X had string names for all of them.

    Notes
    -----
    A column of which all training cells are missing cannot be filled: ``fit`` names it in a warning, and it is not in
    what ``transform`` returns, as with the imputers of scikit-learn under ``keep_empty_features=False``.

    References
    ----------
    .. [1] P.-A. Mattei and J. Frellsen, "Leveraging the exact likelihood of deep latent variable models", NeurIPS 2018.

    Examples
    --------
    >>> import numpy as np
    >>> from skvae import AutoencoderImputer
    >>> rng = np.random.RandomState(0)
    >>> X = rng.normal(size=(300, 1)) * [1.0, 2.0, -1.0] + 0.1 * rng.normal(size=(300, 3))
    >>> imputer = AutoencoderImputer(random_state=0).fit(X)
    >>> imputer.transform([[1.0, np.nan, -1.0]]).round()
    array([[ 1.,  2., -1.]])
    """

    estimator_: Any
    n_features_in_: int

    _parameter_constraints: dict = {
        "estimator": [HasMethods(["fit", "impute"]), None],
        "add_indicator": ["boolean"],
        "random_state": ["random_state"],
        "verbose": ["verbose"],
    }

    def __init__(
        self,
        estimator: Any = None,
        *,
        add_indicator: bool = False,
        random_state: Seed = None,
        verbose: bool | int = False,
    ) -> None:
        self.estimator = estimator
        self.add_indicator = add_indicator
        self.random_state = random_state
        self.verbose = verbose

    @_fit_context(prefer_skip_nested_validation=False)
    @undisturbed
    def fit(self, X: Table, y: object = None, sample_weight: Weights = None) -> Self:
        """Fit the estimator, and take note of the columns with missing cells.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Training rows, complete or not.
        y : None
            Ignored; present by convention.
        sample_weight : array-like of shape (n_samples,), default=None
            Weight of each row, for the estimator, which must take them.

        Returns
        -------
        self : object
            The fitted imputer.
        """
        estimator, X = self._unfitted(), in_memory(X, type(self).__name__)
        estimator.fit(X, **self._weights(estimator, sample_weight))
        return self._fitted(estimator, X, sample_weight)

    @available_if(_goes_on)
    @_fit_context(prefer_skip_nested_validation=False)
    @undisturbed
    def partial_fit(self, X: Table, y: object = None, sample_weight: Weights = None) -> Self:
        """Go on with a batch of rows, by ``partial_fit`` of the estimator.

        Which columns come back, and which are indicated, the first batch decides.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Rows; at least two in the first call.
        y : None
            Ignored; present by convention.
        sample_weight : array-like of shape (n_samples,), default=None
            Weight of each row, for the estimator, which must take them.

        Returns
        -------
        self : object
            The imputer after one more batch.
        """
        X = in_memory(X, type(self).__name__)
        if hasattr(self, "estimator_"):
            self.estimator_.partial_fit(X, **self._weights(self.estimator_, sample_weight))
            return self
        estimator = self._unfitted()
        estimator.partial_fit(X, **self._weights(estimator, sample_weight))
        return self._fitted(estimator, X, sample_weight)

    def _unfitted(self):
        """The estimator that is to be fitted, seeded where the imputer has a seed."""
        estimator = VAETransformer() if self.estimator is None else clone(self.estimator)
        if self.random_state is not None:
            _set_random_states(estimator, self.random_state)
        return estimator

    def _weights(self, estimator, sample_weight):
        """Weights as an argument of ``fit``, if there are any."""
        if sample_weight is None:
            return {}
        if not has_fit_parameter(estimator, "sample_weight"):
            raise ValueError(
                f"sample_weight was given, but fit of estimator={estimator!r} takes none. Leave sample_weight out, or "
                "take an estimator that weighs rows, such as VAETransformer."
            )
        return {"sample_weight": sample_weight}

    def _fitted(self, estimator, X, sample_weight):
        """Take over a fitted estimator, with what the training rows say of their columns."""
        rows, _, _ = counting(without_mask(X), sample_weight)
        missing = missing_in(rows)
        validate_data(self, rows, skip_check_array=True)
        self.estimator_, self._names, self._of_frame = estimator, names_of(rows), is_frame(rows)
        self._kept, self._marked = ~missing.all(axis=0), np.flatnonzero(missing.any(axis=0))
        empty = [column_name(self._names, j) for j in np.flatnonzero(~self._kept)]
        if empty:
            warnings.warn(
                f"All training cells of {', '.join(empty)} are missing: nothing is known to fill in, and transform "
                "leaves the column out. Drop it, or give cells to some rows.",
                stacklevel=5,
            )
        return self

    @undisturbed
    def transform(self, X: Table) -> Rows:
        """The table with its missing cells filled, all others as they are.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Rows with the columns of training.

        Returns
        -------
        X_filled : ndarray or data frame of shape (n_samples, n_features_out)
            A data frame, with the dtypes of X, where X and the training rows are one; follows ``set_output``.
        """
        check_is_fitted(self)
        X = in_memory(X, type(self).__name__)
        if not is_frame(X):
            check_form(X, type(self).__name__)
        X = without_mask(X)
        validate_data(self, X, reset=False, skip_check_array=True)
        filled, missing = self._fill(X), missing_in(X)
        filled = filled if is_sparse(filled) or (self._of_frame and is_frame(filled)) else np.asarray(filled)
        return only(with_marks(filled, missing, self._marked if self.add_indicator else []), self._kept)

    def _fill(self, X):
        """X with its missing cells filled; says how far it is where it is to and the estimator tells."""
        if self.verbose and hasattr(self.estimator_, "_impute"):
            return self.estimator_._impute(X, tell=lambda done, n: print(f"{done} of {n} rows filled"))
        return self.estimator_.impute(X)

    @undisturbed
    def get_feature_names_out(self, input_features: Any = None) -> np.ndarray:
        """Names of the columns that ``transform`` returns.

        Parameters
        ----------
        input_features : array-like of str or None, default=None
            Names of the columns, where X had none in ``fit``; otherwise those of ``fit``.

        Returns
        -------
        names : ndarray of str objects
            Columns of which some training cell is there, then those that indicate missing cells.
        """
        check_is_fitted(self)
        names = np.asarray(_check_feature_names_in(self, input_features), dtype=object)
        marks = [marked(name) for name in names[self._marked]] if self.add_indicator else []
        return np.concatenate([names[self._kept], np.array(marks, dtype=object)])

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        estimator = VAETransformer() if self.estimator is None else self.estimator
        if hasattr(estimator, "__sklearn_tags__"):
            inside = get_tags(estimator).input_tags
            tags.input_tags.sparse, tags.input_tags.categorical = inside.sparse, inside.categorical
        tags.input_tags.allow_nan = True
        tags.transformer_tags.preserves_dtype = ["float64", "float32"]
        return tags
