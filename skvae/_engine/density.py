"""A fitted model over matrices: what the door reads, no tables."""

from dataclasses import dataclass

import numpy as np

from skvae._engine.array_model import ArrayModel
from skvae._engine.summaries import cell_shares
from skvae._tables.schema import Schema


@dataclass(frozen=True)
class MatrixDensity:
    """Scores, codes and reasons of matrices M (n, n_features) that the door has read.

    ``usual`` and ``baseline`` are those of a ``Summary``, ``n_draws`` the importance draws of one score.
    """

    model: ArrayModel
    schema: Schema
    usual: np.ndarray
    baseline: np.ndarray
    n_draws: int

    @property
    def bounds(self):
        """Between which values cells can be (2, n_features)."""
        return self.model.bounds

    def check(self, M):
        """Refuse cells that the likelihood gives no density."""
        self.model.check_support(M, self.schema.names)

    def score(self, M):
        """Log-likelihood of each row (n,) in nats, float64."""
        return self.model.inference.log_prob(M, self.n_draws)

    def codes(self, M):
        """Codes (n, latent_dim), in the dtype of M."""
        return self.model.inference.encode(M)

    def expected(self, M):
        """What is expected of each cell (n, n_features), float64: the codes, decoded, as a table would hold them."""
        return self.schema.settled(self.model.inference.decode(self.model.inference.encode(M)))

    def of_hidden(self, M, others):
        """Log-density of ``others`` in the place of each cell given all others of its row, and the expected cells.

        They are (n_others, n, n_features), and as numbers of levels need no unit; for a model that hides cells.
        """
        return self.model.inference.log_prob_of_hidden(M, others)

    def shortfall(self, M):
        """Nats that each cell has less, given the code, than the one that is expected (n, n_features); 0 for holes."""
        return self.model.inference.feature_shortfall(M, self.usual)

    def costs(self, M):
        """The shares of cells, and their shortfall, which is None where no column holds levels."""
        levels = self.schema.with_levels(M.shape[1]).any()
        return self.shares(M), self.shortfall(M[:]) if levels else None

    def shares(self, M):
        """Share of each cell in the row's score (n, n_features), less the mean of training rows; 0 for holes."""
        rows = M[:]
        return np.nan_to_num(cell_shares(self.model, rows, self.usual, self.n_draws) - self.baseline * ~np.isnan(rows))
