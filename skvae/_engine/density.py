"""Shim."""

import numpy as np


class MatrixDensity:
    """Shim."""

    def __init__(self, est):
        self.est = est

    def score(self, M):
        return self.est._model.log_prob(M, self.est._n_draws)

    def codes(self, M):
        return self.est._model.encode(M)

    def expected(self, M):
        return self.est._expected(M)

    def shortfall(self, M):
        return self.est._model.feature_shortfall(M, self.est._usual)

    def shares(self, M):
        e = self.est
        rows = M[:]
        return np.nan_to_num(e._shares(e._model, rows, e._usual) - e._baseline * ~np.isnan(rows))

    @property
    def bounds(self):
        return self.est._model.bounds
