"""Cells as texts and float64 <-> the numbers that models see, as modules of torch.

``Exchanged`` says how the cells of each column are written.
"""

import numpy as np
import torch
from torch import nn

from skvae._export.programs import as_double, within


class Numbered(nn.Module):
    """Cells (n, n_features) as float64, texts as their level numbers -> the numbers that a model sees."""

    def __init__(self, columns):
        super().__init__()
        self._is_timed, self._has_empty = has_times(columns), any(column.empty for column in columns)
        self.register_buffer("size", as_double([column.size for column in columns]))
        self.register_buffer("phase", as_double([column.phase for column in columns]))
        self.register_buffer("empty", torch.tensor([column.empty for column in columns]))
        self._with_values = {j: f"values_{j}" for j, column in enumerate(columns) if column.values is not None}
        for j, name in self._with_values.items():
            self.register_buffer(name, as_double(columns[j].values))

    def forward(self, X):
        """Numbers; a value that no training row has is one more level."""
        numbers = (X + self.phase) / self.size if self._is_timed else X
        numbers = torch.where(self.empty, torch.nan, numbers) if self._has_empty else numbers
        if not self._with_values:
            return numbers
        parts = list(numbers.split(1, dim=1))
        for j, name in self._with_values.items():
            cell = parts[j]
            same = (cell == getattr(self, name).to(X.dtype)).to(torch.float64)
            found = torch.cat([same, 1.0 - same.amax(1, keepdim=True)], dim=1).argmax(1, keepdim=True)
            parts[j] = torch.where(cell.isnan(), cell, found.to(cell.dtype))
        return torch.cat(parts, dim=1)


class Written(nn.Module):
    """Numbers (n, n_features), float64 -> cells as float64, texts as their level numbers."""

    def __init__(self, columns):
        super().__init__()
        self._is_timed, self._kinds = has_times(columns), ("whole", "single", "empty")
        self._any = {name: any(getattr(column, name) for column in columns) for name in self._kinds}
        self.register_buffer(
            "ends", as_double([[column.low for column in columns], [column.high for column in columns]])
        )
        for name in ("size", "phase"):
            self.register_buffer(name, as_double([getattr(column, name) for column in columns]))
        for name in self._kinds:
            self.register_buffer(name, torch.tensor([getattr(column, name) for column in columns]))
        levels = {
            j: column.values if column.texts is None else np.arange(len(column.texts))
            for j, column in enumerate(columns)
        }
        self._with_levels = {j: f"values_{j}" for j, values in levels.items() if values is not None}
        for j, name in self._with_levels.items():
            self.register_buffer(name, as_double(levels[j]))

    def forward(self, numbers):
        """Cells; the nearest level where a column has levels."""
        if self._any["whole"]:
            numbers = within(numbers, *self.ends)
            numbers = torch.where(self.whole, numbers.round(), numbers)
        numbers = numbers * self.size - self.phase if self._is_timed else numbers
        if self._any["single"]:
            numbers = torch.where(self.single, numbers.to(torch.float32).to(torch.float64), numbers)
        numbers = torch.where(self.empty, torch.nan, numbers) if self._any["empty"] else numbers
        if not self._with_levels:
            return numbers
        parts = list(numbers.split(1, dim=1))
        for j, name in self._with_levels.items():
            values, cell = getattr(self, name), parts[j]
            level = within(torch.where(cell.isnan(), 0.0, cell.round()), 0.0, float(len(values) - 1))
            parts[j] = torch.where(cell.isnan(), cell, values[level[:, 0].long()][:, None])
        return torch.cat(parts, dim=1)


def has_times(columns):
    """Whether cells of some column are times or spans."""
    return any((column.size, column.phase) != (1.0, 0.0) for column in columns)
