"""What a density of cells is: p(x|z), given the decoder's outputs."""

from abc import ABC, abstractmethod

import torch
from torch import nn


class Conditional:
    """p(x|z) for a batch of decoded codes: a likelihood bound to the decoder's outputs."""

    def __init__(self, likelihood, outputs):
        self._likelihood = likelihood
        self._outputs = outputs

    @property
    def mean(self):
        """Expected cells (..., n_features)."""
        return self._likelihood.mean(self._outputs)

    @property
    def statistics(self):
        """What is averaged over codes to expect cells of a row whose code is uncertain (..., n_statistics)."""
        return self._likelihood.statistics(self._outputs)

    def log_prob(self, x):
        """Log-density of each cell (..., n_features)."""
        return self._likelihood.log_prob(self._outputs, x)

    def row_log_prob(self, x):
        """Log-density of each row (...,)."""
        return self._likelihood.row_log_prob(self._outputs, x)

    def distortion(self, x):
        """What a plain autoencoder minimises for each row (...,): ``-log p(x|z)`` at unit scale, up to a constant."""
        return self._likelihood.distortion(self._outputs, x)

    def cell_distortion(self, x):
        """The part of each cell in ``distortion`` (..., n_features)."""
        return self._likelihood.cell_distortion(self._outputs, x)

    def residual(self, x):
        """How far each cell is from what was expected (..., n_features), on the scale on which the noise is."""
        return self._likelihood.residual(self._outputs, x)

    def error(self, x):
        """How badly each cell is explained (..., n_features): its squared residual, or nats where cells are levels."""
        return self._likelihood.error(self._outputs, x)

    def sample(self, generator):
        """One draw of each cell (..., n_features)."""
        return self._likelihood.sample(self._outputs, generator)


class Density(nn.Module, ABC):
    """p(x|z) given the decoder's outputs (..., n_outputs).

    A member says what its outputs mean: ``mean``, ``log_prob`` and ``sample``. Cells are (..., n_features).
    """

    def __init__(self, n_features):
        super().__init__()
        self.n_features = self.n_outputs = n_features
        self._output_columns = None
        self.n_statistics = n_features
        """Width of ``statistics``."""

    def forward(self, outputs):
        return Conditional(self, outputs)

    @property
    def output_columns(self):
        """The column that each output is about (n_outputs,), on the CPU; None where an output is about several.

        Outputs of one kind stand side by side, unless a member says otherwise in ``_output_columns``.
        """
        if self._output_columns is not None:
            return self._output_columns
        n_kinds, rest = divmod(self.n_outputs, self.n_features)
        return None if rest else torch.arange(self.n_features).repeat(n_kinds)

    @abstractmethod
    def mean(self, outputs):
        """Expected cells (..., n_features)."""

    def statistics(self, outputs):
        """What is averaged over codes to expect cells of a row whose code is uncertain (..., n_statistics)."""
        return self.mean(outputs)

    def typical(self, statistics):
        """The cells (..., n_features) that such averages stand for."""
        return statistics

    @abstractmethod
    def log_prob(self, outputs, x):
        """Log-density of each cell of ``x`` (..., n_features)."""

    @abstractmethod
    def sample(self, outputs, generator):
        """A draw of each cell (..., n_features)."""

    def row_log_prob(self, outputs, x):
        """Log-density of each row of ``x`` (...,)."""
        return self.log_prob(outputs, x).sum(-1)

    def residual(self, outputs, x):
        """How far each cell is from what was expected (..., n_features)."""
        return x - self.mean(outputs)

    def error(self, outputs, x):
        """How badly each cell is explained (..., n_features)."""
        return self.residual(outputs, x).square()

    def cell_distortion(self, outputs, x):
        """What a plain autoencoder minimises for each cell: ``-log p(x|z)`` at unit scale, up to a constant."""
        return -self.log_prob(outputs, x)

    def distortion(self, outputs, x):
        """What a plain autoencoder minimises for each row (...,)."""
        return self.cell_distortion(outputs, x).sum(-1)

    def calibrate(self, squared_residual, rate):
        """Fit the noise to the mean square of each column's residual, after training; nothing to do without a scale."""

    def begin(self, weight, bias, loadings, mean, noise):
        """Have outputs ``weight @ code + bias`` say: ``inputs`` are ``loadings @ code + mean`` with that noise.

        Fills in ``weight`` (n_outputs, latent_dim) and ``bias`` (n_outputs,), and says whether it could.
        """
        return False

    def go_on(self, x, weight, outputs):
        """Take note of where the cells of more rows lie, before training goes on with these.

        ``outputs`` are those of the decoder; returns what is to be added to them (n_outputs,).
        """
        return outputs.new_zeros(self.n_outputs)
