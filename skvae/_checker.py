"""AutoencoderCellChecker: the cells of a table that are strange, given the others of their row."""

from numbers import Integral, Real
from typing import Any, Self

import numpy as np
import pandas as pd
from sklearn.base import BaseEstimator, clone
from sklearn.utils import check_random_state

from skvae._autoencoder import AutoencoderTransformer
from skvae._cells.calibration import Calibration
from skvae._cells.folds import Cells, folds_of
from skvae._cells.judge import CellJudge
from skvae._cells.table import table_of_cells
from skvae._stored import Stored
from skvae._surroundings import undisturbed
from skvae._tables import door
from skvae._tables.files import in_memory
from skvae._tables.frames.frame import column_of, index_of, numbered, without_mask
from skvae._tables.matrix import dense
from skvae._tables.names import column_name
from skvae._typing import Columns, Rows, Seed, Table
from skvae._validation import (
    HasMethods,
    Interval,
    StrOptions,
    _fit_context,
    _set_random_states,
    check_is_fitted,
    note_columns,
)
from skvae.corruptions import Masking

MODEL = {"n_components": 64, "network": "mlp", "corruption": Masking(0.15, emphasis=1000.0), "penalty": None}
"""Parameters of the default estimator, an AutoencoderTransformer: wide codes, and errors of hidden cells count."""


class AutoencoderCellChecker(Stored, BaseEstimator):
    r"""Lists the cells of a table that are strange: typing errors, slips of decimals, cells that do not fit their row.

    A wrong cell rarely makes its row an outlier: ``"owner "`` for ``"owner"``, or a seniority of 45 years at an age of
    31, are strange in one cell alone. Each cell x is judged by how many times as probable it is where it is wrong than
    where it is right, with a share of wrong cells being of each kind:

    .. math:: \frac{1}{2} \frac{p(x)}{p(x \mid \mathrm{others})} + \frac{1}{2} \frac{p(x \mid \mathrm{error})}
       {p(x \mid \mathrm{others})}

    The first kind are cells of other rows. The second are rare levels, more so those that are a frequent one with a
    typing error; numbers that a slip of the decimals made 10 or 100 times too large, or 10 times too small; and numbers
    far from all others of their column. What is probable given the other cells of a row says an autoencoder that
    learned to fill in cells that are hidden from it [1]_; numbers are to it levels with an order, 24 parts of equal
    shares.

    The table to be cleaned may be the table trained on: its rows are in ``n_folds`` parts, each of which is judged by
    what was learned from the others, as new rows are. That also says how often right cells are how strange. Cells count
    there by the chance that they are right, so that errors do not hide each other.

    Parameters
    ----------
    estimator : estimator or None, default=None
        An ``AutoencoderTransformer`` with ``corruption=Masking(...)``, whose ``categorical_features`` and
        ``likelihood`` are set here; None is one with ``n_components=64, network="mlp", penalty=None`` and
        ``corruption=Masking(0.15, emphasis=1000.0)``.
    categorical_features : "from_dtype", array-like or None, default="from_dtype"
        Columns of numbers whose values are levels, as in :class:`AutoencoderTransformer`.
    n_folds : int, default=3
        Parts of the rows, and models that are trained.
    random_state : int, RandomState instance or None, default=None
        Sets every ``random_state`` of the estimator, and which rows are in which part.

    Attributes
    ----------
    wrong_share_ : float
        Share of the training cells that are there which are taken to be wrong.
    n_features_in_ : int
        Number of columns seen in ``fit``.
    feature_names_in_ : ndarray of shape (n_features_in_,)
        Names of the columns, where X had string names for all of them.

    See Also
    --------
    AutoencoderOutlierDetector : Rows that are strange, with reasons.

    References
    ----------
    .. [1] P. Vincent, H. Larochelle, I. Lajoie, Y. Bengio and P.-A. Manzagol, "Stacked denoising autoencoders",
       Journal of Machine Learning Research, 2010.

    Examples
    --------
    >>> import numpy as np
    >>> import pandas as pd
    >>> from skvae import AutoencoderCellChecker
    >>> rng = np.random.RandomState(0)
    >>> age = rng.randint(20, 65, size=500)
    >>> X = pd.DataFrame({"age": age, "home": np.where(age + 10 * rng.normal(size=500) > 40, "owner", "rent")})
    >>> X.loc[3, "home"], X.loc[7, "age"] = "owner ", 350
    >>> cells = AutoencoderCellChecker(random_state=0).fit(X).strange_cells(X)
    >>> cells["value"].head(2).tolist(), cells["note"].iloc[1]
    (['owner ', 350], '10 times what is usual here')
    """

    wrong_share_: float
    n_features_in_: int

    _parameter_constraints: dict = {
        "estimator": [HasMethods(["fit", "transform", "set_params"]), None],
        "categorical_features": ["array-like", StrOptions({"from_dtype"}), None],
        "n_folds": [Interval(Integral, 2, None, closed="left")],
        "random_state": ["random_state"],
    }

    def __init__(
        self,
        estimator: Any = None,
        *,
        categorical_features: Columns = "from_dtype",
        n_folds: int = 3,
        random_state: Seed = None,
    ) -> None:
        self.estimator = estimator
        self.categorical_features = categorical_features
        self.n_folds = n_folds
        self.random_state = random_state

    @_fit_context(prefer_skip_nested_validation=False)
    @undisturbed
    def fit(self, X: Table, y: object = None) -> Self:
        """Learn what is usual in each column, and given the other cells of a row.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Training rows, which may hold wrong cells and missing ones; often the table that is to be cleaned.
        y : None
            Ignored; present by convention.

        Returns
        -------
        self : object
            The fitted checker.
        """
        estimator, X = self._unfitted(), without_mask(in_memory(X, type(self).__name__))
        table = door.read_training(self, X, advise=False)
        seed = int(check_random_state(self.random_state).randint(np.iinfo(np.int32).max))
        cells = cells_of(X, table.schema, dense(table.X))
        folds = folds_of(cells, self.n_folds, seed)
        judges, strangeness = [], np.full(cells.numbers.shape, -np.inf)
        for fold in range(self.n_folds):
            own = folds == fold
            judge = CellJudge(estimator, cells.part(~own if (~own).sum() > 1 else own))
            judges.append(judge)
            if own.any():
                strangeness[own], _ = judge.judge(cells.part(own))
        calibration = Calibration.of(strangeness[~np.isnan(cells.numbers)])
        note_columns(self, table.columns)
        self._judges, self._calibration, self._schema, self._seed = judges, calibration, table.schema, seed
        self.wrong_share_ = calibration.wrong
        return self

    def _unfitted(self):
        """The estimator that each part is judged by, seeded where the checker has a seed."""
        estimator = AutoencoderTransformer(**MODEL) if self.estimator is None else clone(self.estimator)
        if not (isinstance(estimator, AutoencoderTransformer) and isinstance(estimator.corruption, Masking)):
            raise ValueError(
                f"estimator={self.estimator!r} must be an AutoencoderTransformer with corruption=Masking(...), which "
                "learns to foresee cells that are hidden from it."
            )
        if self.random_state is not None:
            _set_random_states(estimator, self.random_state)
        return estimator

    def _judged(self, X):
        """Rows as cells, how strange each is, what is expected of it, and the fold of each row."""
        check_is_fitted(self)
        X = without_mask(in_memory(X, type(self).__name__))
        cells = cells_of(X, self._schema, dense(door.read(self, X, self._schema)))
        folds = folds_of(cells, len(self._judges), self._seed)
        strangeness, expected = np.full((2, *cells.numbers.shape), np.nan)
        for fold, judge in enumerate(self._judges):
            own = folds == fold
            if own.any():
                strangeness[own], expected[own] = judge.judge(cells.part(own))
        return X, cells, strangeness, expected, folds

    @undisturbed
    def strangeness(self, X: Table) -> Rows:
        """How strange each cell is, the higher the stranger.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Rows; those of training or others.

        Returns
        -------
        strangeness : ndarray or data frame of shape (n_samples, n_features_in_)
            How many times as probable the cell is as a wrong one than as a right one, as a natural logarithm; minus
            infinity for missing cells. A data frame with the index of X and the column names if the checker was fitted
            on one.
        """
        X, _, strangeness, _, _ = self._judged(X)
        return strangeness if self._schema.frame is None else self._schema.frame.numbers(strangeness, index_of(X))

    @undisturbed
    def strange_cells(self, X: Table, false_alarms: float = 0.01) -> pd.DataFrame:
        """The strange cells of a table, the strangest first.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Rows; those of training or others.
        false_alarms : float, default=0.01
            Share of the right cells that is listed besides the wrong ones, over all columns together.

        Returns
        -------
        cells : pandas.DataFrame
            A line for each listed cell, indexed by the row's label: its ``column``, its ``value``, what is ``expected``
            instead, given the other cells of the row, or the level that was meant; the share of right cells that are at
            least as strange (``false_alarms``); and a ``note`` that says in words what no number does, such as "like
            'owner' but for case, blanks or marks", an empty text elsewhere.

        Raises
        ------
        ValueError
            If ``false_alarms`` is not above 0 and at most 1.
        """
        if not isinstance(false_alarms, Real) or isinstance(false_alarms, bool) or not 0.0 < false_alarms <= 1.0:
            raise ValueError(f"false_alarms={false_alarms!r} must be a number above 0 and at most 1.")
        X, cells, strangeness, expected, folds = self._judged(X)
        shares = self._calibration.false_alarms(strangeness)

        def said(row, column):
            number, texts = cells.numbers[row, column], cells.texts.get(column)
            judge = self._judges[folds[row]]
            instead, note = judge.expected(column, expected[row, column], number, texts)
            return (instead if texts is None else texts.index(instead)), note

        listed = (shares <= false_alarms) & ~np.isnan(cells.numbers)
        return table_of_cells(X, self._schema, cells.numbers, strangeness, shares, said, listed)

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = tags.input_tags.categorical = tags.input_tags.sparse = True
        tags.target_tags.required = False
        return tags


def cells_of(X, schema, numbers):
    """Rows of numbers (n, n_features) as cells: levels that training rows lack have texts of their own."""
    numbers, texts = np.array(numbers, dtype=np.float64), {}
    for j, column in schema.columns.items():
        if not column.has_levels:
            continue
        texts[j] = [str(level) for level in column.levels]
        new = np.flatnonzero(column.unseen(numbers[:, j]))
        if len(new):
            given = column_of(numbered(X), j).astype(object).to_numpy()[new]
            place = {text: number for number, text in enumerate(dict.fromkeys([*texts[j], *map(str, given)]))}
            texts[j] = list(place)
            numbers[new, j] = [place[str(cell)] for cell in given]
    return Cells(numbers, texts, [column_name(schema.names, j) for j in range(numbers.shape[1])])
