"""Numbers above zero."""

import torch
from torch import nn

from skvae.nn.likelihoods.base import LOG_LIMIT, SCALE_SPEED, LogarithmicInputs
from skvae.nn.likelihoods.real import Gaussian
from skvae.nn.numerics import bounded, hastened


class Positive(LogarithmicInputs):
    """Cells above zero."""

    units = "positive"
    distances = "logarithmic"
    support = "numbers above 0"
    remedy = "Use likelihood='gaussian' or 'student_t' for this column, or add a constant to it."

    def outside(self, values):
        return values <= 0.0


class LogNormal(Positive):
    """Cells whose logarithm has normal noise, with one learned scale a feature."""

    def __init__(self, n_features):
        super().__init__(n_features)
        self.noise = Gaussian(n_features)

    def mean(self, outputs):
        variance = (self.spread * self.noise.scale).square()
        return torch.exp(bounded(self.centre + self.spread * outputs + 0.5 * variance, LOG_LIMIT))

    def log_prob(self, outputs, x):
        return self.noise.log_prob(outputs, self.inputs(x)) - torch.log(self.spread) - self.logarithm(x)

    def sample(self, outputs, generator):
        return torch.exp(bounded(self.centre + self.spread * self.noise.sample(outputs, generator), LOG_LIMIT))

    def begin(self, weight, bias, loadings, mean, noise):
        return self.noise.begin(weight, bias, loadings, mean, noise)

    def residual(self, outputs, x):
        return self.inputs(x) - outputs

    def cell_distortion(self, outputs, x):
        return self.noise.cell_distortion(outputs, self.inputs(x)) + torch.log(self.spread) + self.logarithm(x)

    def calibrate(self, squared_residual, rate):
        self.noise.calibrate(squared_residual, rate)


class Gamma(Positive):
    """Cells above zero whose standard deviation is a fixed share of their mean: a learned shape a feature.

    The outputs are logarithms of means, in standard deviations of the column's logarithm.
    """

    def __init__(self, n_features):
        super().__init__(n_features)
        self.log_shape = nn.Parameter(torch.zeros(n_features, dtype=torch.float32))

    @property
    def shape(self):
        """Shape a feature: one over the squared share."""
        return torch.exp(bounded(hastened(self.log_shape, SCALE_SPEED), 0.5 * LOG_LIMIT))

    def _log_mean(self, outputs):
        return bounded(self.centre + self.spread * outputs, LOG_LIMIT)

    def mean(self, outputs):
        return torch.exp(self._log_mean(outputs))

    def log_prob(self, outputs, x):
        shape, logarithm = self.shape, self.logarithm(x)
        ratio = bounded(logarithm - self._log_mean(outputs), LOG_LIMIT)
        return shape * (torch.log(shape) + ratio - torch.exp(ratio)) - logarithm - torch.lgamma(shape)

    def begin(self, weight, bias, loadings, mean, noise):
        weight.copy_(loadings)
        bias.copy_(mean)
        return True

    def sample(self, outputs, generator):
        shape = self.shape.expand(outputs.shape)
        return self.mean(outputs) * torch._standard_gamma(shape, generator=generator).clamp_min(1e-30) / shape
