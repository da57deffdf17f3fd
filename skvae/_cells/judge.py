"""One judge of cells: what some rows say of all columns, and a model of each cell given the others of its row."""

import numpy as np
from sklearn.base import clone

from skvae._cells.levels import LevelColumn
from skvae._cells.numbers import SLIPS, NumberColumn

FLOOR = 0.005
"""Weight of the frequencies of a column in what a model says of its cells: nothing that was there is impossible."""

OF_OTHER_ROWS = 0.5
"""Share of the wrong cells that are such as the cells of other rows are; the others are strange by themselves."""

LEAST_TO_LEARN = 10
"""With fewer rows cells are judged by their columns alone."""


class CellJudge:
    """What some rows say of cells, of whichever rows.

    Parameters
    ----------
    estimator : estimator
        An autoencoder of level numbers, from whose encoder training hides cells.
    cells : Cells
        The rows to learn from.
    """

    def __init__(self, estimator, cells):
        self._columns = []
        for j in range(cells.numbers.shape[1]):
            there = cells.numbers[:, j][~np.isnan(cells.numbers[:, j])]
            texts = cells.texts.get(j)
            self._columns.append(NumberColumn(there) if texts is None else LevelColumn(there.astype(np.int64), texts))
        self._note_others(cells.names)
        self._told = [j for j, column in enumerate(self._columns) if len(column.shares) > 1]
        self._estimator = None
        if self._told and len(cells.numbers) >= LEAST_TO_LEARN:
            ordered = [self._columns[j].ordered for j in self._told]
            places = {
                "ordinal": np.flatnonzero(ordered).tolist(),
                "categorical": np.flatnonzero(~np.array(ordered)).tolist(),
            }
            likelihood = [(name, columns) for name, columns in places.items() if columns]
            self._estimator = clone(estimator).set_params(
                categorical_features=list(range(len(self._told))), likelihood=likelihood
            )
            self._estimator.fit(self._codes(cells)[:, self._told])

    def _note_others(self, names):
        """Tell each column of levels which ones are common in the others."""
        levels = {j: column.common for j, column in enumerate(self._columns) if not column.ordered}
        for j in levels:
            others = {text: names[i] for i, common in levels.items() if i != j for text in common}
            self._columns[j].note_others(others)

    def _codes(self, cells):
        """The number of each cell in its column (n, n_features)."""
        return np.column_stack(
            [column.codes(cells.numbers[:, j], cells.texts.get(j)) for j, column in enumerate(self._columns)]
        )

    def judge(self, cells):
        """How strange each cell is, as the logarithm of a ratio of likelihoods, and the codes that are expected."""
        codes = self._codes(cells)
        others = np.full((len(SLIPS), *codes.shape), np.nan)
        for j, column in enumerate(self._columns):
            for place, alternative in enumerate(column.alternatives(cells.numbers[:, j], cells.texts.get(j))):
                others[place, :, j] = alternative
        fits, expected = self._fits(codes, np.stack([codes, *others]))
        times = np.zeros(codes.shape)
        for j, column in enumerate(self._columns):
            fit = fits[0, :, j]
            alone = column.by_itself(cells.numbers[:, j], cells.texts.get(j), fit, list(fits[1:, :, j]))
            times[:, j] = OF_OTHER_ROWS * np.exp(-fit) + (1.0 - OF_OTHER_ROWS) * alone
        return np.where(np.isnan(cells.numbers), -np.inf, np.log(times)), expected

    def _fits(self, codes, asked):
        """How much better than by its column alone each asked cell is foreseen (n_asked, n, n_features), a logarithm.

        And the code that is expected of each cell (n, n_features). Both say nothing, 0 and NaN, where no model is.
        """
        fits, expected = np.zeros(asked.shape), np.full(codes.shape, np.nan)
        fits[np.isnan(asked)] = 0.0
        if self._estimator is None:
            return fits, expected
        density, told = self._estimator._on_matrices, self._told
        known = np.where(np.isnan(asked[..., told]), 0.0, asked[..., told])
        log_prob, expected[:, told] = density.of_hidden(codes[:, told], known)
        for place, j in enumerate(told):
            share = self._columns[j].shares[known[..., place].astype(np.int64)]
            fit = np.log((1.0 - FLOOR) * np.exp(log_prob[..., place]) / share + FLOOR)
            fits[..., j] = np.where(
                np.isnan(asked[..., j]), np.where(np.arange(len(asked))[:, None] == 0, 0.0, np.nan), fit
            )
        return fits, expected

    def expected(self, j, code, number, texts):
        """What is expected of a cell of column ``j`` instead of its number, and a note on the cell."""
        return self._columns[j].expected(code, number, texts)
