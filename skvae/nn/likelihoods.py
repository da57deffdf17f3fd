"""Likelihoods: decoder output -> p(x|z), a density for every cell."""

import math
from abc import ABC, abstractmethod

import torch
from torch import nn
from torch.nn.functional import softplus

from skvae.nn.numerics import LOG_TWO_PI, hastened, normal_log_prob, normal_row_log_prob, squared_residual

SCALE_FLOOR = 1e-3
"""Smallest noise scale, in standard deviations of a column: the density of a column that never varies stays finite."""

SCALE_SPEED = 10.0
"""A noise scale moves this many times faster than a weight: it has orders of magnitude to cross in few steps."""


LEAST_FREEDOM, FIRST_FREEDOM = 2.1, 2.9
"""Degrees of freedom of Student's t: a bound, and what training adds to it at first."""

ROUNDING = 1e-6
"""How far beyond the unit interval a value may be by rounding alone."""


class Conditional:
    """p(x|z) for a batch of decoded codes: a likelihood bound to the decoder's outputs."""

    def __init__(self, likelihood, outputs):
        self._likelihood = likelihood
        self._outputs = outputs

    @property
    def mean(self):
        """Expected cells (..., n_features)."""
        return self._likelihood.mean(self._outputs)

    def log_prob(self, x):
        """Log-density of each cell (..., n_features)."""
        return self._likelihood.log_prob(self._outputs, x)

    def row_log_prob(self, x):
        """Log-density of each row (...,)."""
        return self._likelihood.row_log_prob(self._outputs, x)

    def sample(self, generator):
        """One draw of each cell (..., n_features)."""
        return self._likelihood.sample(self._outputs, generator)


class Likelihood(nn.Module, ABC):
    """p(x|z) given the decoder's outputs (..., n_outputs).

    A member says what its outputs mean (``mean``, ``log_prob``, ``sample``), which values it can explain (``support``,
    ``outside``, ``remedy``), and in which ``units`` its cells are: "standard" columns, or the "unit_interval".
    """

    units = "standard"
    support = "real numbers"
    remedy = ""

    def __init__(self, n_features):
        super().__init__()
        self.n_outputs = n_features

    @staticmethod
    def outside(values):
        """Mask of the values, an array or a tensor, that have no density here; None where there are none such."""
        return None

    def forward(self, outputs):
        return Conditional(self, outputs)

    @abstractmethod
    def mean(self, outputs):
        """Expected cells."""

    @abstractmethod
    def log_prob(self, outputs, x):
        """Log-density of each cell of ``x``."""

    @abstractmethod
    def sample(self, outputs, generator):
        """Draw each cell."""

    def row_log_prob(self, outputs, x):
        """Log-density of each row of ``x``."""
        return self.log_prob(outputs, x).sum(-1)

    def distortion(self, outputs, x):
        """What a plain autoencoder minimises for each row: ``-log p(x|z)`` at unit scale, up to a constant."""
        return -self.row_log_prob(outputs, x)

    def calibrate(self, squared_error, rate):
        """Fit the noise to the mean squared error of each feature, after training; nothing to do without a scale."""


class _ScaledNoise(Likelihood):
    """Noise around the decoded row with learned scales; members say how many there are, and its density."""

    def __init__(self, n_features, n_scales):
        super().__init__(n_features)
        self.log_scale = nn.Parameter(torch.zeros(n_scales, dtype=torch.float32))

    @property
    def scale(self):
        """Noise scale in standard deviations of the columns."""
        return torch.exp(hastened(self.log_scale, SCALE_SPEED)) + SCALE_FLOOR

    @property
    def variance_of_unit_scale(self):
        """Variance of the noise where its scale is one."""
        return 1.0

    def mean(self, outputs):
        return outputs

    def calibrate(self, squared_error, rate):
        pooled = squared_error.reshape(len(self.log_scale), -1).mean(1) / self.variance_of_unit_scale
        variance = (1.0 - rate) * self.scale.square() + rate * pooled
        spread = (variance.sqrt() - SCALE_FLOOR).clamp_min(SCALE_FLOOR)
        self.log_scale.copy_(torch.log(spread) / SCALE_SPEED)


class _GaussianNoise(_ScaledNoise):
    """N(mean, scale²)."""

    def log_prob(self, outputs, x):
        return normal_log_prob(x, outputs, self.scale)

    def row_log_prob(self, outputs, x):
        return normal_row_log_prob(x, outputs, self.scale)

    def sample(self, outputs, generator):
        noise = torch.randn(outputs.shape, dtype=outputs.dtype, device=outputs.device, generator=generator)
        return outputs + self.scale * noise

    def distortion(self, outputs, x):
        return 0.5 * (squared_residual(outputs, x).sum(-1) + x.shape[-1] * LOG_TWO_PI)


class Gaussian(_GaussianNoise):
    """Normal noise with one learned scale a feature, as in factor analysis."""

    def __init__(self, n_features):
        super().__init__(n_features, n_scales=n_features)


class IsotropicGaussian(_GaussianNoise):
    """Normal noise with one learned scale for all features, as in probabilistic PCA: for columns of one unit."""

    units = "common"

    def __init__(self, n_features):
        super().__init__(n_features, n_scales=1)


class StudentT(_ScaledNoise):
    """Heavy-tailed noise: Student's t with a learned scale and learned degrees of freedom a feature, more than 2.

    A row far from its code costs the logarithm of its distance, not the square: a few such rows rule neither training
    nor a mean score.
    """

    def __init__(self, n_features):
        super().__init__(n_features, n_scales=n_features)
        self.log_freedom = nn.Parameter(torch.zeros(n_features, dtype=torch.float32))

    @property
    def freedom(self):
        """Degrees of freedom; the variance is finite."""
        return LEAST_FREEDOM + FIRST_FREEDOM * torch.exp(hastened(self.log_freedom, SCALE_SPEED))

    @property
    def variance_of_unit_scale(self):
        return self.freedom / (self.freedom - 2.0)

    def log_prob(self, outputs, x):
        scale, freedom = self.scale, self.freedom
        constant = torch.lgamma(0.5 * (freedom + 1.0)) - torch.lgamma(0.5 * freedom)
        constant = constant - 0.5 * torch.log(math.pi * freedom) - torch.log(scale)
        return constant - 0.5 * (freedom + 1.0) * torch.log1p(((x - outputs) / scale).square() / freedom)

    def sample(self, outputs, generator):
        """Bailey's polar method (1994)."""
        like = {"dtype": outputs.dtype, "device": outputs.device, "generator": generator}
        radius, angle = torch.rand(outputs.shape, **like), 2.0 * math.pi * torch.rand(outputs.shape, **like)
        freedom, radius = self.freedom, radius.clamp_min(torch.finfo(outputs.dtype).tiny)
        return outputs + self.scale * torch.sqrt(freedom * torch.expm1(-2.0 / freedom * radius.log())) * angle.cos()

    def distortion(self, outputs, x):
        freedom = LEAST_FREEDOM + FIRST_FREEDOM
        return 0.5 * (freedom + 1.0) * torch.log1p((x - outputs).square() / freedom).sum(-1)


class Bernoulli(Likelihood):
    """Binary cells; the outputs are logits. A value between 0 and 1 counts as that probability of a one."""

    units = "unit_interval"
    support = "numbers from {low:g} to {high:g}, the range it was fitted on,"
    remedy = "Clip the rows, e.g. with sklearn.preprocessing.MinMaxScaler(clip=True), or use likelihood='gaussian'."

    @staticmethod
    def outside(values):
        return (values < -ROUNDING) | (values > 1.0 + ROUNDING)

    def mean(self, outputs):
        return torch.sigmoid(outputs)

    def log_prob(self, outputs, x):
        return x * outputs - softplus(outputs)

    def sample(self, outputs, generator):
        return torch.bernoulli(torch.sigmoid(outputs), generator=generator)


LIKELIHOODS = {
    "gaussian": Gaussian,
    "isotropic_gaussian": IsotropicGaussian,
    "student_t": StudentT,
    "bernoulli": Bernoulli,
}
