"""Which rows have holes that a module has not met in training, and the module that can take them."""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import torch
from torch import nn

from skvae._tables.matrix import lacking_by_row


@dataclass(frozen=True)
class Opening:
    """A module, and the numbers of the ``columns`` of which no cell was missing in training."""

    module: nn.Module
    columns: list

    @classmethod
    def of(cls, module, options):
        """That of a module with these options."""
        return cls(module, whole_columns(options.n_features, tuple(options.holes)))

    def lacking(self, X):
        """Mask of the rows that lack cells of such columns (n,)."""
        return lacking_by_row(X, self.columns) if self.columns else np.zeros(len(X), dtype=bool)

    def parts(self, X):
        """Pairs of a module and the rows of ``X`` that go through it: a mask, None for all."""
        lacking = self.lacking(X)
        if not lacking.any():
            return [(self.module, None)]
        return [(self.module, ~lacking), (self.module.open_to_holes(), lacking)]

    def for_columns(self, holed):
        """The module, open to holes where such columns are among those of a mask (n_features,)."""
        return self.module.open_to_holes() if holed[self.columns].any() else self.module

    def for_tensors(self, *tables):
        """The module, open to holes where tensors in standard units lack such cells."""
        lacking = any(self._lacks(x) for x in tables if isinstance(x, torch.Tensor))
        return self.module.open_to_holes() if lacking else self.module

    def _lacks(self, x):
        columns = torch.tensor(self.columns, dtype=torch.int64, device=x.device)
        return bool(x.isnan().any(0).index_select(0, columns).any())


@lru_cache(maxsize=64)
def whole_columns(n_features, holes):
    """Numbers of the columns that are not among those with ``holes``; found once, as every call asks for them."""
    return np.setdiff1d(np.arange(n_features), holes).tolist()
