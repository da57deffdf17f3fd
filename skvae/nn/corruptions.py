"""Corruptions: what a denoising model sees instead of its inputs. The target stays x."""

from abc import ABC, abstractmethod

import torch
from torch import nn

from skvae.nn.numerics import standard_normal


class Corruption(nn.Module, ABC):
    """What the encoder sees instead of its inputs in training.

    Parameters
    ----------
    likelihood : Likelihood
        What says which inputs are about which column.
    """

    def __init__(self, likelihood):
        super().__init__()
        self._n_features = likelihood.n_features
        self.register_buffer("_columns", likelihood.input_columns, persistent=False)

    def observe(self, likelihood, x, weight):
        """Take note of training rows x (n, n_features) in standard units, which count ``weight`` (n,)."""

    @abstractmethod
    def forward(self, inputs, generator, weight):
        """Inputs (batch, n_inputs) as the encoder sees them, and what errors of each cell count (batch, n_features).

        The latter is None where all count alike. ``weight`` (batch,) is what rows count, None where they are alike.
        """


class Keep(Corruption):
    """No corruption."""

    def forward(self, inputs, generator, weight):
        return inputs, None


class Gaussian(Corruption):
    """Additive normal noise, ``level`` standard deviations of each column (Vincent et al., 2010)."""

    def __init__(self, likelihood, level):
        super().__init__(likelihood)
        self._level = level

    def forward(self, inputs, generator, weight):
        return inputs + self._level * standard_normal(inputs.shape, inputs, generator), None


class SomeCells(Corruption):
    """Some cells of each row become others, with all inputs that are about them (Vincent et al., 2010).

    Parameters
    ----------
    likelihood : Likelihood
        What says which inputs are about which column.
    share : float
        Chance of each cell.
    emphasis : float
        What errors of these cells count, where those of the others count one.
    """

    def __init__(self, likelihood, share, emphasis):
        super().__init__(likelihood)
        self._share, self._emphasis = share, emphasis

    def forward(self, inputs, generator, weight):
        hit = self._draw(inputs, generator) < self._share
        others = self.others(inputs, generator, weight)
        seen = torch.where(hit.index_select(-1, self._columns), others, inputs)
        return seen, None if self._emphasis == 1.0 else torch.where(hit, self._emphasis, 1.0).to(inputs)

    def _draw(self, inputs, generator):
        """Uniform draws, one a cell (batch, n_features)."""
        shape = len(inputs), self._n_features
        return torch.rand(shape, dtype=inputs.dtype, device=inputs.device, generator=generator)

    @abstractmethod
    def others(self, inputs, generator, weight):
        """What stands in the place of cells that are hit (batch, n_inputs)."""


class Masking(SomeCells):
    """Cells look as missing ones do: the mean of the training rows, and their mark where the column has one.

    What is hidden of counts of words is as if it were not in the document.
    """

    def __init__(self, likelihood, share, emphasis):
        super().__init__(likelihood, share, emphasis)
        self.register_buffer("missing", torch.zeros(likelihood.n_inputs, dtype=torch.float32))

    def observe(self, likelihood, x, weight):
        if likelihood.missing_inputs(x) is None:
            self.missing.copy_(likelihood.hidden_inputs(weight @ likelihood.inputs(x) / weight.sum()))
        else:
            self.missing.copy_(likelihood.inputs(torch.full_like(x[0], torch.nan)))

    def others(self, inputs, generator, weight):
        return self.missing.expand_as(inputs)

    def hide(self, inputs, cells):
        """Inputs (batch, n_inputs) as the encoder sees them where ``cells``, a mask (batch, n_features), are hidden."""
        return torch.where(cells.index_select(-1, self._columns), self.missing, inputs)


class SaltAndPepper(SomeCells):
    """Cells become the smallest or the largest one of their column in the training rows, with equal chances."""

    def __init__(self, likelihood, share, emphasis):
        super().__init__(likelihood, share, emphasis)
        self.register_buffer("ends", torch.zeros(2, likelihood.n_inputs, dtype=torch.float32))

    def observe(self, likelihood, x, weight):
        low = torch.where(x.isnan(), torch.inf, x).amin(0)
        high = torch.where(x.isnan(), -torch.inf, x).amax(0)
        ends = torch.stack([low, high])  # (2, n_features)
        self.ends.copy_(likelihood.inputs(torch.where(ends.isinf(), torch.nan, ends)))

    def others(self, inputs, generator, weight):
        salt = self._draw(inputs, generator) < 0.5
        return torch.where(salt.index_select(-1, self._columns), self.ends[1], self.ends[0])


class Swap(SomeCells):
    """Cells become those of their column in rows of the batch, which are drawn by what they count."""

    def others(self, inputs, generator, weight):
        weight = inputs.new_ones(len(inputs)) if weight is None else weight
        reached = weight.cumsum(0)
        row = torch.searchsorted(reached, self._draw(inputs, generator) * reached[-1], right=True)
        row = row.clamp_max(len(inputs) - 1)  # (batch, n_features)
        return inputs.gather(0, row.index_select(-1, self._columns))


def corruption_of(corruption, likelihood):
    """A member of CORRUPTIONS with its arguments; ``Keep`` of none."""
    return Keep(likelihood) if corruption is None else CORRUPTIONS[corruption[0]](likelihood, **corruption[1])


CORRUPTIONS = {"gaussian": Gaussian, "masking": Masking, "salt_and_pepper": SaltAndPepper, "swap": Swap}
