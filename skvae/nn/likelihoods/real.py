"""Noise around any number: normal, Student's t, Laplace, Huber."""

import math

import torch
from torch import nn
from torch.nn.functional import pad

from skvae.nn.likelihoods.base import LOG_LIMIT, SCALE_FLOOR, SCALE_SPEED, Likelihood, uniform
from skvae.nn.numerics import (
    LOG_TWO_PI,
    RAW_ONE,
    bounded,
    hastened,
    normal_log_prob,
    normal_row_log_prob,
    positive,
    positive_inverse,
    squared_residual,
    standard_normal,
)

LEAST_FREEDOM, FIRST_FREEDOM = 2.1, 2.9
"""Degrees of freedom of Student's t: a bound, and what training adds to it at first."""

BEND = 1.345
"""Scales of the noise up to which Huber's error is squared: 95 % of the efficiency of the mean under normal noise."""

MIDDLE, TAIL = math.sqrt(2.0 * math.pi) * math.erf(BEND / math.sqrt(2.0)), math.exp(-0.5 * BEND**2)
"""Integral of exp(-Huber's error) within the bend, and its value there."""

HUBER_TOTAL = MIDDLE + 2.0 * TAIL / BEND
"""Integral of exp(-Huber's error) over all numbers."""


class ScaledNoise(Likelihood):
    """Noise around the decoded row with learned scales; members say how many there are, and its density."""

    distances = "linear"

    def __init__(self, n_features, n_scales=None):
        super().__init__(n_features)
        self.log_scale = nn.Parameter(torch.zeros(n_features if n_scales is None else n_scales, dtype=torch.float32))

    @property
    def scale(self):
        """Noise scale in standard deviations of the columns."""
        return torch.exp(bounded(hastened(self.log_scale, SCALE_SPEED), LOG_LIMIT)) + SCALE_FLOOR

    @property
    def variance_of_unit_scale(self):
        """Variance of the noise where its scale is one."""
        return 1.0

    def mean(self, outputs):
        return outputs

    def begin(self, weight, bias, loadings, mean, noise):
        weight.copy_(loadings)
        bias.copy_(mean)
        self.calibrate(noise.to(bias), rate=1.0)
        return True

    def calibrate(self, squared_residual, rate):
        pooled = squared_residual.reshape(len(self.log_scale), -1).mean(1) / self.variance_of_unit_scale
        variance = (1.0 - rate) * self.scale.square() + rate * pooled
        spread = (variance.sqrt() - SCALE_FLOOR).clamp_min(SCALE_FLOOR)
        self.log_scale.copy_(torch.log(spread) / SCALE_SPEED)


class NormalNoise(ScaledNoise):
    """Normal noise; members say how many scales there are."""

    def log_prob(self, outputs, x):
        return normal_log_prob(x, outputs, self.scale)

    def row_log_prob(self, outputs, x):
        return normal_row_log_prob(x, outputs, self.scale)

    def sample(self, outputs, generator):
        return outputs + self.scale * standard_normal(outputs.shape, outputs, generator)

    def cell_distortion(self, outputs, x):
        return 0.5 * (squared_residual(outputs, x) + LOG_TWO_PI)

    def distortion(self, outputs, x):
        return 0.5 * (squared_residual(outputs, x).sum(-1) + x.shape[-1] * LOG_TWO_PI)


class Gaussian(NormalNoise):
    """Normal noise with one learned scale a feature, as in factor analysis."""


class IsotropicGaussian(NormalNoise):
    """Normal noise with one learned scale for all features, as in probabilistic PCA: for columns of one unit."""

    units = "common"
    distances = "pooled"

    def __init__(self, n_features):
        super().__init__(n_features, n_scales=1)


class HeteroscedasticGaussian(Likelihood):
    """Normal noise whose scale the decoder says for every cell: rows may be known better or worse than others."""

    distances = "linear"

    def __init__(self, n_features):
        super().__init__(n_features)
        self.n_outputs = 2 * n_features

    @staticmethod
    def _moments(outputs):
        mean, raw = outputs.chunk(2, dim=-1)
        return mean, positive(raw + RAW_ONE, SCALE_FLOOR)

    def begin(self, weight, bias, loadings, mean, noise):
        raw = positive_inverse(noise.sqrt().clamp_min(2.0 * SCALE_FLOOR), SCALE_FLOOR) - RAW_ONE
        weight.copy_(pad(loadings, (0, 0, 0, self.n_features)))
        bias.copy_(torch.cat([mean, raw]))
        return True

    def mean(self, outputs):
        return self._moments(outputs)[0]

    def log_prob(self, outputs, x):
        return normal_log_prob(x, *self._moments(outputs))

    def sample(self, outputs, generator):
        mean, scale = self._moments(outputs)
        return mean + scale * standard_normal(mean.shape, mean, generator)


class StudentT(ScaledNoise):
    """Heavy-tailed noise: Student's t with a learned scale and learned degrees of freedom a feature, more than 2.

    A row far from its code costs the logarithm of its distance, not the square: a few such rows rule neither training
    nor a mean score.
    """

    def __init__(self, n_features):
        super().__init__(n_features)
        self.log_freedom = nn.Parameter(torch.zeros(n_features, dtype=torch.float32))

    @property
    def freedom(self):
        """Degrees of freedom; the variance is finite."""
        return LEAST_FREEDOM + FIRST_FREEDOM * torch.exp(bounded(hastened(self.log_freedom, SCALE_SPEED), LOG_LIMIT))

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

    def cell_distortion(self, outputs, x):
        freedom = LEAST_FREEDOM + FIRST_FREEDOM
        return 0.5 * (freedom + 1.0) * torch.log1p((x - outputs).square() / freedom)


class Laplace(ScaledNoise):
    """Noise with tails that fall exponentially, with one learned scale a feature: absolute errors."""

    @property
    def variance_of_unit_scale(self):
        return 2.0

    def log_prob(self, outputs, x):
        scale = self.scale
        return -(x - outputs).abs() / scale - torch.log(2.0 * scale)

    def sample(self, outputs, generator):
        centred = uniform(outputs, generator) - 0.5
        return outputs - self.scale * centred.sign() * torch.log1p(-2.0 * centred.abs())

    def cell_distortion(self, outputs, x):
        return (x - outputs).abs() + math.log(2.0)


class Huber(ScaledNoise):
    """Noise that is normal up to ``BEND`` scales, with tails that fall exponentially: errors of Huber (1964).

    Its density is exp(-h(r / scale)) / (scale * HUBER_TOTAL) with h(u) = u²/2 within the bend b, b |u| - b²/2 beyond,
    and one learned scale a feature.
    """

    @property
    def variance_of_unit_scale(self):
        beyond = 2.0 * TAIL * (BEND + 2.0 / BEND + 2.0 / BEND**3)
        return (MIDDLE - 2.0 * BEND * TAIL + beyond) / HUBER_TOTAL

    def log_prob(self, outputs, x):
        scale = self.scale
        return -huber((x - outputs) / scale) - torch.log(scale)

    def sample(self, outputs, generator):
        """By the inverse of the distribution function."""
        level = uniform(outputs, generator) - 0.5  # as far from the median as the draw
        share = 0.5 * MIDDLE / HUBER_TOTAL
        within = math.sqrt(2.0) * torch.erfinv(
            2.0 * level.clamp(-share, share) * HUBER_TOTAL / math.sqrt(2.0 * math.pi)
        )
        left = (0.5 - level.abs()).clamp_min(torch.finfo(outputs.dtype).tiny)
        beyond = BEND - torch.log((left / (0.5 - share)).clamp_max(1.0)) / BEND
        return outputs + self.scale * torch.where(level.abs() < share, within, level.sign() * beyond)

    def cell_distortion(self, outputs, x):
        return huber(x - outputs)


def huber(residual):
    """Huber's error of residuals in scales, plus the logarithm that makes a density of it."""
    size = residual.abs()
    inner = size.clamp_max(BEND)
    return inner * (size - 0.5 * inner) + math.log(HUBER_TOTAL)
