"""What both transformers answer once they are fitted: read, ask the engine, write."""

import warnings
from abc import ABC
from numbers import Integral

import numpy as np
import pandas as pd
from sklearn.base import BaseEstimator, ClassNamePrefixFeaturesOutMixin, TransformerMixin
from sklearn.utils import check_random_state

from skvae._base.description import described
from skvae._base.training import MAX_SEED
from skvae._engine.components import recovered
from skvae._engine.density import MatrixDensity
from skvae._recipe.models import Recipe
from skvae._surroundings import undisturbed
from skvae._tables import door
from skvae._tables.decimals import rounded
from skvae._tables.files import in_memory
from skvae._tables.frames.frame import as_array, index_of
from skvae._tables.matrix import is_complete, lacking_by_row
from skvae._tables.weights import check_weights
from skvae._typing import Cells, Module, Rows, Seed, Table, Weights
from skvae._validation import check_is_fitted

DRAWS_TO_IMPUTE = 512
"""Importance draws of one imputation, at least."""

LEAST_RECOVERED, MOST_NAMED = 0.05, 10
"""Share of a column that comes back below which it is lost, and how many lost columns are named."""

LEAST_CODES_GIVEN = 30
"""Effective sample size of the codes for given cells below which draws are few different ones."""


class Answers(ClassNamePrefixFeaturesOutMixin, TransformerMixin, BaseEstimator, ABC):
    """The public methods of a fitted transformer."""

    _recipe: Recipe
    """What the parameters mean to the model."""

    @property
    def _on_matrices(self):
        """The fitted model over matrices."""
        return MatrixDensity(self._model, self._schema, self._usual, self._baseline, self._recipe.n_draws(self))

    def _read(self, X):
        """A table as a matrix of cells to which the model gives a density."""
        M = door.read(self, X, self._schema)
        self._on_matrices.check(M)
        return M

    def _advise_on_scores(self, rows):
        """Warn, the first time that scores are asked for, of those that are not to be trusted."""

    @undisturbed
    def transform(self, X: Table) -> np.ndarray:
        """Codes of rows: deterministic, the posterior's mean.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Rows in the units of the training data.

        Returns
        -------
        Z : ndarray of shape (n_samples, n_components_)
            Codes, in the float dtype of X; follows ``set_output``.
        """
        check_is_fitted(self)
        return self._on_matrices.codes(self._read(X))

    @undisturbed
    def inverse_transform(self, X: Table) -> Rows:
        """Rows that codes stand for: the decoded mean, in the units of the training data.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_components_)
            Codes.

        Returns
        -------
        X_original : ndarray or data frame of shape (n_samples, n_features_in_)
            Expected rows. A data frame with the training columns and dtypes if the estimator was fitted on one.
        """
        check_is_fitted(self)
        codes = door.read_codes(self, X)
        return self._schema.rows(self._model.inference.decode(codes), codes.dtype, index_of(X))

    @undisturbed
    def sample(
        self,
        n_samples: int = 1,
        random_state: Seed = None,
        *,
        given: Cells | None = None,
        with_missing: bool = True,
        noise: bool = True,
    ) -> Rows:
        """Draw new rows like the training data: a code, its decoded density, and a draw from that, noise included.

        Parameters
        ----------
        n_samples : int, default=1
            Number of rows.
        random_state : int, RandomState instance or None, default=None
            Seed of the draw; None takes numpy's global generator.
        given : dict or None, default=None
            Cells that all rows are to have, by column name or number, such as ``{"income": ">50K"}``. The others are
            drawn given these, by sampling importance resampling: of 16 codes a row, at least 16,384, each is taken
            with a chance proportional to the density that it gives the given cells.
        with_missing : bool, default=True
            Whether to leave out cells as in the training rows: those of a training row, taken at random, are missing
            in the drawn one. Given cells stay.
        noise : bool, default=True
            Whether cells are drawn from the decoded density. With False each row is what is expected of a drawn code:
            means of numbers, the most probable level, the median of ordered ones. Pictures are without speckles so;
            but such rows vary less than training rows do, and are no draws from the model's density of rows.

        Returns
        -------
        X : ndarray or data frame of shape (n_samples, n_features_in_)
            New rows, a data frame if the estimator was fitted on one. Levels and whole numbers are such as training
            rows have, and numbers of a data frame have as many decimals as there, where these are at most six.
        """
        check_is_fitted(self)
        if not isinstance(n_samples, Integral) or isinstance(n_samples, bool) or n_samples < 1:
            raise ValueError(f"n_samples={n_samples!r} must be a whole number of at least 1.")
        if not isinstance(noise, bool | np.bool_):
            raise ValueError(f"noise={noise!r} must be True, for draws, or False, for what is expected of drawn codes.")
        rng = check_random_state(random_state)
        seed = int(rng.randint(MAX_SEED))
        if given is None:
            row = np.full(self.n_features_in_, np.nan)
            numbers = self._model.inference.sample(n_samples, seed, noise)
        else:
            row, numbers = self._sample_given(given, n_samples, seed, noise)
        numbers = np.where(np.isnan(row), rounded(self._schema, numbers), row)
        if with_missing and self._holes is not None:
            holes = self._holes[rng.randint(len(self._holes), size=n_samples)]
            numbers[holes & np.isnan(row)] = np.nan
        return self._schema.rows(numbers, np.float64, drawn=True)

    def _sample_given(self, given, n_samples, seed, noise):
        """Numbers of the given cells (n_features,), NaN for the others, and of rows that have them."""
        row = self._schema.row_of(given, self.n_features_in_, type(self).__name__)
        try:
            self._model.check_support(row[None], self._schema.names)
        except ValueError as error:
            raise ValueError(f"given={given!r}: {error}") from error
        numbers, size = self._model.inference.sample_given(row, n_samples, seed, noise)
        if size < LEAST_CODES_GIVEN:
            warnings.warn(
                f"The codes drawn for given={given!r} are worth {size:.1f} (effective sample size): rows like "
                "these are so rare in the model that draws repeat few codes.",
                stacklevel=4,
            )
        return row, numbers

    @undisturbed
    def score_samples(self, X: Table) -> np.ndarray:
        """Log-likelihood of each row in nats, in the units of the data; higher is more normal.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Rows.

        Returns
        -------
        scores : ndarray of shape (n_samples,)
            Deterministic, float64, each independent of the other rows.
        """
        check_is_fitted(self)
        rows = self._read(X)
        self._advise_on_scores(rows)
        return self._on_matrices.score(rows)

    @undisturbed
    def score(self, X: Table, y: object = None, sample_weight: Weights = None) -> float:
        """Mean of ``score_samples``: what a search over parameters maximises.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Rows, held out from training where models are compared.
        y : None
            Ignored; present by convention.
        sample_weight : array-like of shape (n_samples,), default=None
            Weight of each row in the mean.

        Returns
        -------
        score : float
            Mean log-likelihood of a row in nats.
        """
        scores = self.score_samples(X)
        return float(np.average(scores, weights=check_weights(sample_weight, scores)))

    @undisturbed
    def score_features(self, X: Table) -> Rows:
        """Share of each column in the row's score: names the cells that make a row strange.

        A share is the cell's own log-density given a code, plus an equal part of what belongs to no single column (the
        code), less the mean of both over training rows. The code is that of the row with its cells clipped to where
        98 % of the training cells of their column lie, as a far cell would pull the code towards itself and so put the
        blame on others. A share does not depend on the units of the columns: 0 is as usual, the lower the stranger. The
        shares of a row add up to its score less a constant, the mean score of up to 256 training rows. In a row with a
        very far cell the equal part drowns what the other columns say.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Rows.

        Returns
        -------
        shares : ndarray or data frame of shape (n_samples, n_features_in_)
            Nats. A data frame with the index of X and the column names if the estimator was fitted on one.
        """
        check_is_fitted(self)
        shares = self._on_matrices.shares(self._read(X))
        return shares if self._schema.frame is None else self._schema.frame.numbers(shares, index_of(X))

    @undisturbed
    def feature_recovery(self, X: Table) -> pd.DataFrame:
        r"""How much of each column comes back through the codes: what they keep, and what they lose.

        The share of a column of numbers is :math:`1 - \sum_i (x_i - \hat x_i)^2 / \sum_i (x_i - \bar x)^2`, with
        :math:`\hat x` the codes of the rows, decoded, on the scale on which the likelihood has its noise. That of a
        column of levels is the share of its entropy: 1 less the mean of :math:`-\log p(x_i|z_i)` over the entropy of
        its frequencies in X. It is at most 1, and below 0 where the codes say less than the mean or the frequencies do.
        Only rows that training has not seen tell what codes keep of rows to come.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Rows; of more than 10,000, as many evenly spread ones. Missing cells are left out.

        Returns
        -------
        recovery : data frame of shape (n_features_in_, 2)
            A row for each column: its ``share``, NaN where X has one value alone, and whether this is a share of
            "variance" or of "information" (``of``).

        Warns
        -----
        UserWarning
            If columns are lost, that is if less than a twentieth of them comes back.
        """
        check_is_fitted(self)
        recovery = recovered(self._model, self._read(X))
        names = range(self.n_features_in_) if self._schema.names is None else self._schema.names
        lost = [repr(name) for name, share in zip(names, recovery.shares, strict=True) if share < LEAST_RECOVERED]
        if lost:
            warnings.warn(
                f"{len(lost)} of {len(names)} columns do not come back through the {self.n_components_} components: "
                f"{', '.join(lost[:MOST_NAMED])}{', ...' if len(lost) > MOST_NAMED else ''}. Take a larger "
                "n_components, or keep these columns beside the codes, as with sklearn.pipeline.FeatureUnion.",
                stacklevel=3,
            )
        kinds = np.where(recovery.in_nats, "information", "variance")
        return pd.DataFrame({"share": recovery.shares, "of": kinds}, index=names)

    @undisturbed
    def impute(self, X: Table, n_imputations: int = 1, random_state: Seed = None) -> Rows:
        """Rows with their missing cells filled from the model, all others as they are.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Rows; missing cells are NaN, None, NaT or pandas.NA.
        n_imputations : int, default=1
            1 fills in what is expected given the other cells of the row: means of numbers, the most probable level,
            the median of ordered ones. With more, each table is filled with draws, as multiple imputation needs.
        random_state : int, RandomState instance or None, default=None
            Seed of the draws; one imputation needs none.

        Returns
        -------
        X_filled : same type as X, or list of them
            Copies of the rows, with the columns, dtypes and labels of X; ``n_imputations`` of them if that is above 1.
            Cells of a column of which all were missing in training stay missing. What is filled into a data frame has
            as many decimals as the training cells of its column, where these are at most six.
        """
        return self._impute(X, n_imputations, random_state)

    def _impute(self, X, n_imputations=1, random_state=None, tell=None):
        """``impute``; ``tell`` is told on the way how many of how many rows are filled."""
        check_is_fitted(self)
        if not isinstance(n_imputations, Integral) or isinstance(n_imputations, bool) or n_imputations < 1:
            raise ValueError(f"n_imputations={n_imputations!r} must be a whole number of at least 1.")
        X = in_memory(X, type(self).__name__)
        rows, X = self._read(X), as_array(X)
        if is_complete(rows):
            return X.copy() if n_imputations == 1 else [X.copy() for _ in range(n_imputations)]
        lacking = np.flatnonzero(lacking_by_row(rows))
        n_draws, rng = max(self._recipe.n_draws(self), DRAWS_TO_IMPUTE), check_random_state(random_state)

        def filled(cells):
            numbers = np.full(rows.shape, np.nan)
            numbers[lacking] = rounded(self._schema, cells)
            return self._schema.filled(X, numbers)

        if not len(lacking):
            one = [filled(rows[lacking]) for _ in range(n_imputations)]
            return one[0] if n_imputations == 1 else one
        if n_imputations == 1:
            return filled(self._model.inference.impute(rows[lacking], n_draws, tell))
        seeds = rng.randint(MAX_SEED, size=n_imputations).tolist()
        return [filled(cells) for cells in self._model.inference.complete(rows[lacking], n_draws, seeds)]

    @undisturbed
    def describe(self) -> pd.Series:
        """What was fitted, and how that went, in a few lines.

        Returns
        -------
        facts : pandas.Series
            Numbers and short texts: how many columns there are, of which kinds and under which likelihoods, and how
            many of them have missing cells; the size of the code, of the hidden layers and of all weights; the density
            that codes are drawn from; epochs, why training ended ("converged", "max_iter", "stopped", "interrupted" or
            "diverged"), the last objective on training rows and the best score on validation rows, where there are any;
            device and precision. A ``VAETransformer`` says how many components are in use too.
        """
        check_is_fitted(self)
        return described(self)

    @property
    def column_likelihoods_(self) -> pd.DataFrame:
        """The likelihood of each column and why it was chosen, a data frame with a row a column."""
        labels = range(self.n_features_in_) if self._schema.frame is None else self._schema.frame.labels
        return pd.DataFrame(self._reasons, index=labels, columns=["likelihood", "reason"])

    @property
    def module_(self) -> "Module":
        """The trained torch module, in eval mode, on ``device_``; it works in standard units, float ``precision``."""
        return self._model.module

    @property
    def device_(self) -> str:
        """Where the fitted model computes."""
        return self._model.device

    @property
    def _n_features_out(self):
        return self.n_components_

    def __sklearn_is_fitted__(self):
        return hasattr(self, "_model")
