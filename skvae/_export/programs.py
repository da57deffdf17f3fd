"""What estimators answer as modules of torch: numbers of rows in the units of the data in, answers out.

Numbers are (n, n_features), float64 or float32, NaN where cells are missing; levels are their numbers.
"""

import copy
from abc import ABC, abstractmethod

import numpy as np
import torch
from torch import nn

from skvae._export.recording import either, repeated
from skvae._tables.units import FARTHEST


def within(x, low, high):
    """Numbers between two ends; NaN stays."""
    return torch.where(x < low, low, torch.where(x > high, high, x))


class Standard(nn.Module):
    """Numbers in the units of the data -> standard ones in a dtype, as ``Units.to_standard``."""

    def __init__(self, units, dtype):
        super().__init__()
        self._dtype, placeholders = dtype, units.usual.placeholders
        most = max((len(values) for values, _ in placeholders.values()), default=0)
        values, places = np.full((2, most, len(units.shift)), np.nan)
        for j, (of_column, at) in placeholders.items():
            values[: len(of_column), j], places[: len(at), j] = of_column, at
        arrays = {"shift": units.shift, "scale": units.scale, "values": values, "places": places}
        for name, array in arrays.items():
            self.register_buffer(name, as_double(array))

    def forward(self, X):
        """Standard units (n, n_features)."""
        cells = given = X.to(torch.float64)
        for value, place in zip(self.values, self.places, strict=True):
            cells = torch.where(given == value, place, cells)
        return within((cells - self.shift) / self.scale, -FARTHEST, FARTHEST).to(self._dtype)


class Measured(nn.Module):
    """Standard units -> numbers in the units of the data, as ``Units.from_standard``; float64."""

    def __init__(self, units):
        super().__init__()
        self._zones = [
            (j, value, start, end)
            for j, (values, _) in units.usual.placeholders.items()
            for value, (start, end) in zip(values.tolist(), units.usual.zones(j), strict=True)
        ]
        bounds = np.repeat([[-np.inf], [np.inf]], len(units.shift), axis=1) if units.bounds is None else units.bounds
        for name, array in {"shift": units.shift, "scale": units.scale, "bounds": bounds}.items():
            self.register_buffer(name, as_double(array))
        self.register_buffer("column", torch.arange(len(units.shift)))

    def forward(self, standard):
        """Cells (n, n_features)."""
        cells = standard.to(torch.float64) * self.scale + self.shift
        others = within(cells, *self.bounds)
        for j, value, start, end in self._zones:
            others = torch.where((cells > start) & (cells < end) & (self.column == j), value, others)
        return others


class OfDensity(nn.Module, ABC):
    """An answer of the model of a transformer; rows with holes that training had not go through the open model.

    Parameters
    ----------
    density : MatrixDensity
        The fitted model over matrices.
    is_open : bool
        Whether there is an open model; without, rows with such holes have NaN for an answer.
    """

    def __init__(self, density, is_open):
        super().__init__()
        inference = density.model.inference
        module = copy.deepcopy(inference.opening.module).cpu()
        self.module, self.standard = module, Standard(inference.tensors.units, getattr(torch, inference.tensors.dtype))
        self._can_lack = bool(inference.opening.columns)
        self.opened = module.open_to_holes() if self._can_lack and is_open else None
        if self.opened is not None:
            self.opened.repeated = repeated
        self.register_buffer("columns", torch.tensor(inference.opening.columns, dtype=torch.long))

    @abstractmethod
    def answer(self, module, x):
        """The answer of a module to rows in standard units."""

    def forward(self, X):
        """The answer to rows X (n, n_features)."""
        x = self.standard(X)
        if not self._can_lack:
            return self.answer(self.module, x)
        lacking = x.index_select(1, self.columns).isnan().any(1)
        # of the other rows each cell is one that the module may see
        closed = self.answer(self.module, torch.where(lacking[:, None], torch.zeros_like(x), x))
        marks = lacking.view(-1, *[1] * (closed.dim() - 1))
        if self.opened is None:
            return torch.where(marks, torch.nan, closed)
        return either(lacking.any(), lambda: torch.where(marks, self.answer(self.opened, x), closed), closed)


class Codes(OfDensity):
    """Codes (n, latent_dim), in the dtype of the rows."""

    def __init__(self, density, is_open):
        super().__init__(density, is_open)
        axes = density.model.axes
        self.register_buffer("order", torch.from_numpy(np.ascontiguousarray(axes.order)).long())
        self.register_buffer("sign", as_double(axes.sign))

    def answer(self, module, x):
        return module.codes(x).index_select(1, self.order) * self.sign.to(x.dtype)

    def forward(self, X):
        return super().forward(X).to(X.dtype)


class Scores(OfDensity):
    """Log-likelihood of each row (n,) in nats, float64."""

    def __init__(self, density, is_open):
        super().__init__(density, is_open)
        self.register_buffer("noise", density.model.inference.score_noise(density.n_draws).cpu())
        for module in (self.module, self.opened):
            if module is not None:  # how many draws are computed at once must not depend on the number of rows
                module.draws_at_once = lambda n_rows: density.n_draws
        self.register_buffer("log_jacobian", as_double(density.model.units.log_jacobian))

    def answer(self, module, x):
        return module.log_prob(x, self.noise).to(torch.float64)

    def forward(self, X):
        there = torch.where(X.isnan(), torch.zeros_like(self.log_jacobian), self.log_jacobian)
        return super().forward(X) + there.sum(1)


class Decoded(nn.Module):
    """Numbers (n, n_features) of the rows that codes stand for, as a schema writes them; float64."""

    def __init__(self, density):
        super().__init__()
        inference, schema = density.model.inference, density.schema
        self.module = copy.deepcopy(inference.opening.module).cpu()
        self._dtype, self.measured = getattr(torch, inference.tensors.dtype), Measured(inference.tensors.units)
        axes, limits = inference.axes, schema.limits(inference.n_features)
        self.register_buffer("place", torch.from_numpy(np.argsort(axes.order)).long())
        self.register_buffer("sign", as_double(axes.sign))
        self.register_buffer("limits", as_double(limits))
        self._is_limited = bool(np.isfinite(limits).any())

    def forward(self, Z):
        """Cells of codes Z (n, latent_dim)."""
        codes = (within(Z, -FARTHEST, FARTHEST) * self.sign.to(Z.dtype)).index_select(1, self.place)
        cells = self.measured(self.module.decode(codes.to(self._dtype)).mean)
        cells = torch.where(codes.isnan().any(1, keepdim=True), torch.nan, cells)
        return within(cells, *self.limits) if self._is_limited else cells


class Chain(nn.Module):
    """One module after the other."""

    def __init__(self, *modules):
        super().__init__()
        self.modules_in_order = nn.ModuleList(modules)

    def forward(self, X):
        """What the last one makes of what the others make of X."""
        for module in self.modules_in_order:
            X = module(X)
        return X


def as_double(array):
    """An array as a tensor of float64."""
    return torch.from_numpy(np.array(array, dtype=np.float64))
