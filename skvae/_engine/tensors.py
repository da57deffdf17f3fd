"""Arrays in the units of the data -> tensors in standard units."""

from dataclasses import dataclass

import numpy as np
import torch

from skvae._tables.matrix import blocks, by_the_batch, chunks, in_file
from skvae._tables.on_disk import rows_together, shuffled_by_blocks
from skvae._tables.units import Units
from skvae._tables.weighted import WeightedRows
from skvae.nn.training import Rows


@dataclass(frozen=True)
class Tensors:
    """What makes tensors of a ``dtype``, by name, on a ``device``."""

    units: Units
    device: str
    dtype: str

    def of(self, array):
        """An array of whatever units as a tensor."""
        return torch.from_numpy(np.ascontiguousarray(array, self.dtype)).to(self.device)

    def standard(self, X):
        """Cells (n, n_features) in standard units."""
        return self.of(self.units.to_standard(X))

    def to_learn(self, X):
        """Cells (n, n_features) in standard units, as the module learns from them."""
        return self.of(self.units.to_learn(X))

    def rows(self, rows):
        """Weighted rows to learn from: tensors, but those of a sparse table or a file are made as training asks."""
        if not by_the_batch(rows.X):
            return self.dense(rows)
        rows = rows.in_order_of_places() if in_file(rows.X) else rows
        return Rows(StandardRows(self, rows), self.of(rows.counts))

    def dense(self, rows):
        """Weighted rows to learn from as tensors."""
        standard = np.empty((rows.n_rows, rows.X.shape[1]), self.dtype)
        for part in chunks(*standard.shape):
            X, own = rows.part(part).X, standard[part]
            for block in blocks(*X.shape):
                own[block] = self.units.to_learn(X[block])
        return Rows(self.of(standard), self.of(rows.counts))


@dataclass(frozen=True)
class StandardRows:
    """Weighted rows in standard units (n, n_features): ``rows[index]`` makes a tensor of some."""

    tensors: Tensors
    rows: WeightedRows

    @property
    def shape(self):
        """Numbers of rows and columns."""
        return self.rows.n_rows, self.rows.X.shape[1]

    def __len__(self):
        return self.rows.n_rows

    def shuffled(self, generator):
        """Row numbers (n,) in random order; in a file those that follow each other are read together."""
        if not in_file(self.rows.X):
            return torch.randperm(len(self), generator=generator, device=generator.device)
        seed = torch.randint(2**31 - 1, (1,), generator=generator, device=generator.device).item()
        return torch.from_numpy(shuffled_by_blocks(*self.shape, np.random.RandomState(seed)))

    @property
    def rows_together(self):
        """How many rows are read at once, at least; None where it makes no difference."""
        return rows_together(self.shape[1]) if in_file(self.rows.X) else None

    def __getitem__(self, index):
        index = index.cpu().numpy() if isinstance(index, torch.Tensor) else index
        return self.tensors.to_learn(self.rows.part(index).X)


@dataclass(frozen=True)
class Tamed:
    """Units in which a row stands beside itself with its cells clipped to a range (2, n_features)."""

    units: Units
    usual: np.ndarray

    def to_standard(self, X):
        """Standard units (n, 2 * n_features), float64."""
        return np.hstack([self.units.to_standard(X), self.units.to_standard(self.units.usual.clipped(X, *self.usual))])
