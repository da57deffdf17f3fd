"""Cells as texts and float64 <-> the numbers that models see, as modules of torch."""

import numpy as np
import torch
from torch import nn

from skvae._export.programs import as_double, within


class Numbered(nn.Module):
    """Cells (n, n_features) as float64, texts as their level numbers -> the numbers that a model sees.

    Parameters
    ----------
    columns : list of Exchanged
        How the cells of each column are written.
    """

    def __init__(self, columns):
        super().__init__()
        self.register_buffer("size", as_double([column.size for column in columns]))
        self.register_buffer("phase", as_double([column.phase for column in columns]))
        self.register_buffer("empty", torch.tensor([column.empty for column in columns]))
        self._changes = bool((self.size != 1.0).any() or (self.phase != 0.0).any())
        self._with_values = [j for j, column in enumerate(columns) if column.values is not None]
        for j in self._with_values:
            self.register_buffer(f"values_{j}", as_double(columns[j].values))

    def forward(self, X):
        """Numbers; a value that no training row has is one more level."""
        numbers = (X + self.phase) / self.size if self._changes else X
        if self.empty.any():
            numbers = torch.where(self.empty, torch.nan, numbers)
        if not self._with_values:
            return numbers
        parts = list(numbers.split(1, dim=1))
        for j in self._with_values:
            cell, values = parts[j], getattr(self, f"values_{j}").to(X.dtype)
            same = (cell == values).to(torch.float64)
            found = torch.cat([same, 1.0 - same.amax(1, keepdim=True)], dim=1).argmax(1, keepdim=True)
            parts[j] = torch.where(cell.isnan(), cell, found.to(cell.dtype))
        return torch.cat(parts, dim=1)


class Written(nn.Module):
    """Numbers (n, n_features), float64 -> cells as float64, texts as their level numbers."""

    def __init__(self, columns):
        super().__init__()
        self._columns, ends = columns, [(column.low, column.high) for column in columns]
        self.register_buffer("ends", as_double(np.array(ends).T))
        for name in ("size", "phase"):
            self.register_buffer(name, as_double([getattr(column, name) for column in columns]))
        for name in ("whole", "single", "empty"):
            self.register_buffer(name, torch.tensor([getattr(column, name) for column in columns]))
        self._with_levels = [j for j, c in enumerate(columns) if c.values is not None or c.texts is not None]
        for j in self._with_levels:
            if columns[j].values is not None:
                self.register_buffer(f"values_{j}", as_double(columns[j].values))

    def forward(self, numbers):
        """Cells."""
        if self.whole.any():
            numbers = within(numbers, *self.ends)
            numbers = torch.where(self.whole, numbers.round(), numbers)
        if (self.size != 1.0).any() or (self.phase != 0.0).any():
            numbers = numbers * self.size - self.phase
        if self.single.any():
            numbers = torch.where(self.single, numbers.to(torch.float32).to(torch.float64), numbers)
        if self.empty.any():
            numbers = torch.where(self.empty, torch.nan, numbers)
        if not self._with_levels:
            return numbers
        parts = list(numbers.split(1, dim=1))
        for j in self._with_levels:
            column = self._columns[j]
            n = len(column.texts if column.values is None else column.values)
            level = within(parts[j].round(), 0.0, float(n - 1))
            parts[j] = level if column.values is None else getattr(self, f"values_{j}")[level[:, 0].long()][:, None]
        return torch.cat(parts, dim=1)
