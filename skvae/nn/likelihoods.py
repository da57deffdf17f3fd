"""Likelihoods: decoder output -> p(x|z), a density for every cell."""

import itertools
import math
from abc import ABC, abstractmethod

import torch
from torch import nn
from torch.nn.functional import log_softmax, logsigmoid, pad, softplus

from skvae.nn.numerics import (
    LOG_TWO_PI,
    RAW_ONE,
    bounded,
    coin_flips,
    hastened,
    normal_log_prob,
    normal_row_log_prob,
    positive,
    positive_inverse,
    squared_residual,
    standard_normal,
)

SCALE_FLOOR = 1e-3
"""Smallest noise scale, in standard deviations of a column: the density of a column that never varies stays finite."""

SCALE_SPEED = 10.0
"""A noise scale moves this many times faster than a weight: it has orders of magnitude to cross in few steps."""

LEAST_FREEDOM, FIRST_FREEDOM = 2.1, 2.9
"""Degrees of freedom of Student's t: a bound, and what training adds to it at first."""

ROUNDING = 1e-6
"""How far beyond the unit interval a value may be by rounding alone."""

LOG_LIMIT = 30.0
"""Largest logarithm of a rate, a shape or a ratio, up or down: their exponentials and squares stay finite."""

MOST_LEVELS, MOST_OUTPUTS = 1_000_000, 256
"""Levels that one column may have, a number beyond them being no level number; and how many outputs at most say how
probable they are, the last of them speaking for all rare ones."""

LOGISTIC = 1.7
"""Standard deviation of a normal variable whose distribution function is nearest to the logistic one."""

LEAST_SPREAD, FAR_AWAY = 1e-2, 1e3
"""Smallest scale of the logistic variable under an ordinal column, and how far thresholds may be from its centre."""

MOST_LEVELS_AS_ATOMS, LEAST_SHARE, LEAST_ROWS, ROWS_FOR_ATOMS = 20, 0.05, 10, 8192
"""What counts as an atom of a column: its values where they are this few, or what holds this share of its rows and at
least so many; decided on that many rows, evenly spread."""

DIGITS = 1e-5
"""Share of a column's range within which a draw is the atom beside it."""

FAR = 3.0
"""Scale of values never seen of a column with atoms, in its standard deviations."""

TINY = 1e-30
"""A density below which an atom is as good as absent."""

ABSENT = -80.0
"""Logarithm of what counts as nothing beside TINY; ``exp`` of much less takes ten times as long, and denormals."""

END = 0.1
"""Share of a column's range in which draws come to lie that would be beyond it."""

MOSTLY = 0.9
"""Share of rows whose value others hold too in a column of rounded numbers."""

N_TOTALS = 256
"""Row totals that a multinomial remembers of its training rows."""


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

    def residual(self, x):
        """How far each cell is from what was expected (..., n_features), on the scale on which the noise is."""
        return self._likelihood.residual(self._outputs, x)

    def sample(self, generator):
        """One draw of each cell (..., n_features)."""
        return self._likelihood.sample(self._outputs, generator)


class Likelihood(nn.Module, ABC):
    """p(x|z) given the decoder's outputs (..., n_outputs).

    A member says what its outputs mean (``mean``, ``log_prob``, ``sample``), what a network sees of its cells
    (``inputs``, n_inputs wide), which values it can explain (``support``, ``outside``, ``remedy``), whether those are
    ``ordered``, and in which ``units`` its cells are, a key of ``skvae._columns.UNITS``.
    """

    units = "standard"
    distances = None
    """On which scale cells are far from others, a key of ``skvae._usual.SCALES``; None where none is."""
    has_atoms = False
    """Whether values that a column repeats have probabilities of their own."""
    follows = ()
    """Further arguments of the constructor that new rows may widen."""
    ordered = True
    separable = True
    """Whether cells are independent given the code, so that a missing one is as if its column were not there.
    Of others, a row has all or none."""
    support = "real numbers"
    remedy = ""

    def __init__(self, n_features):
        super().__init__()
        self.n_features = self.n_inputs = self.n_outputs = n_features

    @staticmethod
    def describe(values, counts):
        """Further arguments of the constructor that the data decide, from a table of cells and what its rows count.

        Missing cells are NaN. A table has a length, and its columns as ``values.T``, arrays one after the other.
        """
        return {}

    @classmethod
    def widened(cls, further, values, counts):
        """These arguments, of a likelihood that has seen more rows, whose cells are ``values``."""
        return further

    @property
    def input_columns(self):
        """The column that each input is about (n_inputs,)."""
        return torch.arange(self.n_features)

    @property
    def n_statistics(self):
        """Width of ``statistics``."""
        return self.n_features

    def outside(self, values):
        """Mask of the values, an array, that have no density here; None where there are none such."""
        return None

    def member(self, column):
        """The likelihood of one column: this one."""
        return self

    def place(self, shift, scale):
        """Learn the units of the columns: a cell in the data is shift + scale times one here."""

    def exact(self, values):
        """Put draws, an array in the units of the data, where exact values lie, in place."""

    def observe(self, x, weight):
        """Take note of where training cells lie, before training; x (n, n_features) and what each cell counts."""

    def go_on(self, x, weight, outputs):
        """Take note of where the cells of more rows lie, before training goes on with these.

        ``outputs`` are those of the decoder; returns what is to be added to them (n_outputs,).
        """
        return outputs.new_zeros(self.n_outputs)

    def begin(self, weight, bias, loadings, mean, noise):
        """Have outputs ``weight @ code + bias`` say: ``inputs`` are ``loadings @ code + mean`` with that noise.

        Fills in ``weight`` (n_outputs, latent_dim) and ``bias`` (n_outputs,), and says whether it could.
        """
        return False

    def realize(self, x, generator):
        """What a training step takes cells for: themselves, unless they stand for something that is drawn anew."""
        return x

    def inputs(self, x):
        """What a network sees of cells (..., n_inputs): about as wide as a standard normal."""
        return x

    def missing_inputs(self, x):
        """Mask of the inputs whose cell is missing (..., inputs that are about cells); None where none can be."""
        return None

    def forward(self, outputs):
        return Conditional(self, outputs)

    @abstractmethod
    def mean(self, outputs):
        """Expected cells."""

    def statistics(self, outputs):
        """What is averaged over codes to expect cells of a row whose code is uncertain (..., n_statistics)."""
        return self.mean(outputs)

    def typical(self, statistics):
        """The cells (..., n_features) that such averages stand for."""
        return statistics

    @abstractmethod
    def log_prob(self, outputs, x):
        """Log-density of each cell of ``x``."""

    @abstractmethod
    def sample(self, outputs, generator):
        """Draw each cell."""

    def row_log_prob(self, outputs, x):
        """Log-density of each row of ``x``."""
        return self.log_prob(outputs, x).sum(-1)

    def residual(self, outputs, x):
        """How far each cell is from what was expected."""
        return x - self.mean(outputs)

    def cell_distortion(self, outputs, x):
        """What a plain autoencoder minimises for each cell: ``-log p(x|z)`` at unit scale, up to a constant."""
        return -self.log_prob(outputs, x)

    def distortion(self, outputs, x):
        """The same for each row."""
        return self.cell_distortion(outputs, x).sum(-1)

    def calibrate(self, squared_residual, rate):
        """Fit the noise to the mean square of each column's residual, after training; nothing to do without a scale."""


def shares(weight):
    """Each row's share in the mean of a column, from the weight of each cell (n, n_features)."""
    return weight / weight.sum(0).clamp_min(torch.finfo(weight.dtype).tiny)


def n_rows(weight):
    """How many rows cells stand for that count so much (n, n_features): those of the fullest column; 1 if all lack."""
    return float(weight.sum(0).max()) or 1.0


def uniform(like, generator):
    """Uniform draws in (0, 1), one a cell."""
    draws = torch.rand(like.shape, dtype=like.dtype, device=like.device, generator=generator)
    return draws.clamp(torch.finfo(like.dtype).tiny, 1.0 - torch.finfo(like.dtype).eps)


class _ScaledNoise(Likelihood):
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


class Gaussian(_ScaledNoise):
    """Normal noise with one learned scale a feature, as in factor analysis."""

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


class IsotropicGaussian(Gaussian):
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
        rest = len(bias) - 2 * self.n_features
        weight.copy_(pad(loadings, (0, 0, 0, self.n_features + rest)))
        bias.copy_(pad(torch.cat([mean, raw]), (0, rest)))
        return True

    def mean(self, outputs):
        return self._moments(outputs)[0]

    def log_prob(self, outputs, x):
        return normal_log_prob(x, *self._moments(outputs))

    def sample(self, outputs, generator):
        mean, scale = self._moments(outputs)
        return mean + scale * standard_normal(mean.shape, mean, generator)


class InflatedGaussian(HeteroscedasticGaussian):
    """Normal noise as wide as the decoder says, and the values that training rows repeat: zeros, levels, caps.

    Each such atom has a probability that the decoder says. A column of at most MOST_LEVELS_AS_ATOMS values has all of
    them as atoms, another column those that hold LEAST_SHARE of its rows. The density of an atom is normal with the
    scale SCALE_FLOOR, so that it stays finite and integrates to one; a draw is the atom itself. Half a row's share is
    kept for values never seen, far around. The mean is that of cells of one kind: of the ``placeholders``, by column,
    or of the others, whichever are more probable. A draw beyond the training cells of its column comes to lie as far
    inside them, within the END of their range, and in a column whose rows repeat almost all values, as where numbers
    are rounded, every draw is the nearest value seen.
    """

    has_atoms = True
    follows = "values", "ranges"

    def __init__(self, n_features, atoms, values, ranges=None, placeholders=None):
        super().__init__(n_features)
        self._ranges = ranges
        self._values = {column: torch.tensor(v, dtype=torch.float64) for column, v in enumerate(values) if v}
        self._atoms = {
            column: torch.tensor(values, dtype=torch.float64) for column, values in enumerate(atoms) if values
        }
        inflated, plain = list(self._atoms), [column for column, values in enumerate(atoms) if not values]
        self.n_moments, n_atoms = self.n_outputs, [len(values) for values in self._atoms.values()]
        self.n_outputs += sum(n_atoms)
        places = torch.full((len(n_atoms), max(n_atoms, default=0)), self.n_outputs)
        for place, (n, end) in enumerate(zip(n_atoms, itertools.accumulate(n_atoms), strict=True)):
            places[place, :n] = torch.arange(end - n, end) + self.n_moments
        self._axis = long_side_last(places)
        places = places if self._axis == -1 else places.T.contiguous()
        self.register_buffer("_places", places)
        self.register_buffer("_columns", torch.tensor(inflated, dtype=torch.long))
        self.register_buffer("_plain", torch.tensor(plain, dtype=torch.long))
        self.register_buffer("_back", torch.tensor(inflated + plain, dtype=torch.long).argsort())
        self.register_buffer("atoms", torch.zeros(places.shape, dtype=torch.float32))
        self.register_buffer("log_odds", torch.zeros(places.shape, dtype=torch.float32))
        self.register_buffer("_is_placeholder", torch.zeros(places.shape, dtype=torch.bool))
        for place, (column, held) in enumerate(self._atoms.items() if placeholders else []):
            known = torch.isin(held, torch.tensor(placeholders[column], dtype=torch.float64))
            self._of_column(self._is_placeholder, place)[: len(held)] = known
        self._has_placeholders = bool(self._is_placeholder.any())
        self.register_buffer("unseen", torch.full((), 1e-3, dtype=torch.float32))
        self.register_buffer("moved", torch.zeros(len(n_atoms), dtype=torch.float32))
        self.place([0.0] * n_features, [1.0] * n_features)

    @staticmethod
    def describe(values, counts):
        spread = slice(None, None, math.ceil(len(values) / ROWS_FOR_ATOMS))
        counts = torch.from_numpy(counts[spread])
        held = [held_by(torch.from_numpy(column[spread].copy()), counts) for column in values.T]
        return {
            "atoms": [atoms_of(*each) for each in held],
            "values": [repeated(*each) for each in held],
            "ranges": [range_of(column) for column in values.T],
        }

    @classmethod
    def widened(cls, further, values, counts):
        """Draws reach as far as all rows seen; in rounded columns they are all values seen, while rows repeat them."""
        ranges = [
            [min(a, c), max(b, d)] for (a, b), (c, d) in zip(further["ranges"], map(range_of, values.T), strict=True)
        ]
        held = [held_by(torch.from_numpy(column.copy()), torch.from_numpy(counts)) for column in values.T]
        seen = [repeated_again(old, *each) for old, each in zip(further["values"], held, strict=True)]
        return {**further, "values": seen, "ranges": ranges}

    def place(self, shift, scale):
        for place, (column, values) in enumerate(self._atoms.items()):
            self._of_column(self.atoms, place)[: len(values)] = (values - shift[column]) / scale[column]

    def exact(self, values):
        if self._ranges is not None:
            folded_into(torch.from_numpy(values), *torch.tensor(self._ranges, dtype=torch.float64).unbind(1))
        for column, atoms in self._atoms.items():
            cells = torch.from_numpy(values[:, column])
            atom = nearest(cells, atoms)
            close = (cells - atom).abs() <= DIGITS * (cells.abs() + cells.max() - cells.min())
            values[:, column] = torch.where(close, atom, cells)
        for column, seen in self._values.items():
            values[:, column] = nearest(torch.from_numpy(values[:, column]), seen)

    def observe(self, x, weight):
        self.unseen.fill_(0.5 / n_rows(weight))
        self.log_odds.copy_(self._odds(*self._held(x, weight)))

    def _held(self, x, weight):
        """Shares of the atoms, and of other values, in rows."""
        near, share = (self._cells(x) - self.atoms).abs() < SCALE_FLOOR, self._cells(shares(weight))
        held = (share * near.to(share)).sum(0) + self.unseen
        held = torch.where(self._places < self.n_outputs, held, torch.zeros_like(held))
        return held, (1.0 - held.sum(self._axis, keepdim=True)).clamp_min(self.unseen)

    def _odds(self, held, rest):
        odds = bounded(torch.log(held / rest), LOG_LIMIT)
        return torch.where(self._places < self.n_outputs, odds, torch.zeros_like(odds))

    def go_on(self, x, weight, outputs):
        """Columns that leave their atoms are learned anew, by values that are no longer taken for rare ones."""
        shift = outputs.new_zeros(self.n_outputs)
        if not self._atoms:
            return shift
        held, rest = self._held(x, weight)
        odds = torch.where(self._places < self.n_outputs, self.log_odds.exp(), torch.zeros_like(self.log_odds))
        before = 1.0 / (1.0 + odds.sum(self._axis))
        left = rest.squeeze(self._axis) > torch.maximum(2.0 * before, before.new_tensor(LEAST_SHARE))
        self.moved.copy_(torch.where(left, torch.full_like(self.moved, ABSENT), self.moved))
        self.log_odds.copy_(torch.where(left.unsqueeze(self._axis), self._odds(held, rest), self.log_odds))
        apart = x - outputs[..., : self.n_features]
        shift[self._columns] = torch.where(left, (shares(weight) * apart).sum(0)[self._columns], shift[self._columns])
        return shift

    def _of_column(self, table, place):
        """The atoms of one inflated column in a table of all."""
        return table.select(-1 if self._axis == -2 else -2, place)

    def _cells(self, x):
        """Cells of the inflated columns, with a dimension for their atoms."""
        return x.index_select(-1, self._columns).unsqueeze(self._axis)

    def _apart(self, log_shares):
        """What is said of the noise, which is the first, and of the atoms."""
        return log_shares.split([1, self.atoms.shape[self._axis]], dim=self._axis)

    def _with_atoms(self, noise):
        """A value of each inflated column's noise, and its atoms."""
        atoms = self.atoms.expand(*noise.shape[:-1], *self.atoms.shape)
        return torch.cat([self._cells(noise), atoms], dim=self._axis)

    def _split(self, outputs):
        """What the decoder says of the noise, and log-probabilities of noise and atoms, in one more dimension."""
        moments, logits = outputs.split([self.n_moments, self.n_outputs - self.n_moments], dim=-1)
        logits = torch.cat([moments, logits, torch.full_like(moments[..., :1], ABSENT)], dim=-1)
        odds = self.log_odds + logits.index_select(-1, self._places.flatten()).unflatten(-1, self._places.shape)
        noise = torch.zeros_like(odds.narrow(self._axis, 0, 1))
        return moments, log_softmax(torch.cat([noise, odds], dim=self._axis), dim=self._axis)

    def _joined(self, inflated, cells):
        """Cells of the inflated columns, and those of the others."""
        return torch.cat([inflated, cells.index_select(-1, self._plain)], dim=-1).index_select(-1, self._back)

    def mean(self, outputs):
        if not self._atoms:
            return super().mean(outputs)
        moments, log_shares = self._split(outputs)
        noise, shares = super().mean(moments), self._of_one_kind(log_shares.exp())
        return self._joined((shares * self._with_atoms(noise)).sum(self._axis), noise)

    def _of_one_kind(self, shares):
        """Shares of noise and atoms without placeholders, or of placeholders alone where these are more probable."""
        if not self._has_placeholders:
            return shares
        none = torch.zeros_like(self._is_placeholder.narrow(self._axis, 0, 1))
        known = torch.cat([none, self._is_placeholder], dim=self._axis).to(shares)
        likelier = (shares * known).sum(self._axis, keepdim=True) > 0.5
        kept = torch.where(likelier, shares * known, shares * (1.0 - known))
        return kept / kept.sum(self._axis, keepdim=True)

    def log_prob(self, outputs, x):
        if not self._atoms:
            return super().log_prob(outputs, x)
        moments, log_shares = self._split(outputs)
        noise, cells = super().log_prob(moments, x), self._cells(x)
        heights = normal_log_prob(cells, self.atoms, cells.new_tensor(SCALE_FLOOR))
        of_noise, of_atoms = self._apart(log_shares)
        atoms = (of_atoms + heights).clamp_min(ABSENT).exp().sum(self._axis)
        atoms = torch.where(atoms > TINY, torch.log(atoms.clamp_min(TINY)), torch.full_like(atoms, -1e30))
        seen = torch.logaddexp((of_noise + self._cells(noise)).squeeze(self._axis), atoms)
        unseen = normal_log_prob(cells.squeeze(self._axis), 0.0, cells.new_tensor(FAR)) + torch.log(self.unseen)
        unseen = unseen + 1e3 * self.moved if self.training else unseen
        return self._joined(torch.logaddexp(seen + torch.log1p(-self.unseen), unseen), noise)

    def sample(self, outputs, generator):
        if not self._atoms:
            return super().sample(outputs, generator)
        moments, log_shares = self._split(outputs)
        noise = super().sample(moments, generator)
        drawn = log_shares - torch.log(-torch.log(uniform(log_shares, generator)))
        chosen = drawn.argmax(self._axis, keepdim=True)
        values = self._with_atoms(noise).gather(self._axis, chosen)
        return self._joined(values.squeeze(self._axis), noise)


def long_side_last(table):
    """Dimension of a table (n_columns, most) along which to keep what each column has: -1 as it is, -2 transposed.

    The last dimension had better be the longer one: kernels compute what lies side by side at once.
    """
    return -1 if table.shape[1] > table.shape[0] else -2


def held_by(column, counts):
    """The values of a column in order, and what the rows that hold each of them count."""
    present = ~column.isnan()
    values, place = column[present].double().unique(return_inverse=True)
    return values, counts.new_zeros(len(values)).index_add_(0, place, counts[present])


def folded_into(values, low, high):
    """Put what lies beyond ``low`` or ``high`` (n_features,) as far inside these ends of a range, in place."""
    end = END * (high - low)
    below, above = low - values, values - high
    values.copy_(torch.where(below > 0.0, low + folded(below, end), values))
    values.copy_(torch.where(above > 0.0, high - folded(above, end), values))


def folded(excess, end):
    """An excess modulo an end of the range; nothing where the range has no width that divides."""
    return torch.where(end > 0.0, excess.remainder(end), torch.zeros_like(excess)).nan_to_num(nan=0.0)


def range_of(column):
    """Smallest and largest cell of a column, an array; anything where it has none."""
    there = column[column == column]
    return [float(there.min()), float(there.max())] if len(there) else [-math.inf, math.inf]


def atoms_of(values, held):
    """The values that are atoms."""
    if len(values) > min(MOST_LEVELS_AS_ATOMS, held.sum() / LEAST_ROWS):
        values = values[held >= max(LEAST_SHARE * held.sum(), LEAST_ROWS)]
    return values.tolist()


def repeated(values, held):
    """The values of a column whose rows repeat almost all of them, as rounded ones do; none of another column."""
    return values.tolist() if held[held > 1.0].sum() >= MOSTLY * held.sum() > 0.0 else []


def repeated_again(seen, values, held):
    """The values of a rounded column in more rows, with the cells of which it goes on; none if it does not."""
    known = torch.isin(values, torch.tensor(seen, dtype=values.dtype)) | (held > 1.0)
    if not seen or held[known].sum() < MOSTLY * held.sum():
        return []
    return sorted({*seen, *values.tolist()})


def nearest(cells, values):
    """The value, of some in order, that is nearest to each cell."""
    above = torch.searchsorted(values, cells.contiguous()).clamp_max(len(values) - 1)
    below = (above - 1).clamp_min(0)
    return torch.where(values[above] - cells < cells - values[below], values[above], values[below])


class StudentT(_ScaledNoise):
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


class Laplace(_ScaledNoise):
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


class _LogarithmicInputs(Likelihood):
    """Cells that are not negative, which networks see through a logarithm, centred and scaled to the training rows."""

    def __init__(self, n_features):
        super().__init__(n_features)
        self.register_buffer("centre", torch.zeros(n_features, dtype=torch.float32))
        self.register_buffer("spread", torch.ones(n_features, dtype=torch.float32))

    def logarithm(self, x):
        """Logarithm of cells, finite where they have a density."""
        return torch.log(x.clamp_min(torch.finfo(x.dtype).tiny))

    def inputs(self, x):
        return (self.logarithm(x) - self.centre) / self.spread

    def observe(self, x, weight):
        logarithm, share = self.logarithm(x), shares(weight)
        mean = (share * logarithm).sum(0)
        deviation = (share * (logarithm - mean).square()).sum(0).sqrt()
        self.centre.copy_(mean)
        self.spread.copy_(torch.where(deviation > SCALE_FLOOR, deviation, torch.ones_like(deviation)))


class _Positive(_LogarithmicInputs):
    """Cells above zero."""

    units = "positive"
    distances = "logarithmic"
    support = "numbers above 0"
    remedy = "Use likelihood='gaussian' or 'student_t' for this column, or add a constant to it."

    def outside(self, values):
        return values <= 0.0


class LogNormal(_Positive):
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


class Gamma(_Positive):
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


class Bernoulli(Likelihood):
    """Binary cells; the outputs are logits. A value between 0 and 1 counts as that probability of a one."""

    units = "unit_interval"
    support = "numbers from {low:g} to {high:g}, the range it was fitted on,"
    remedy = "Clip the rows, e.g. with sklearn.preprocessing.MinMaxScaler(clip=True), or use likelihood='gaussian'."

    def __init__(self, n_features):
        super().__init__(n_features)
        self.register_buffer("centre", torch.zeros(n_features, dtype=torch.float32))
        self.register_buffer("spread", torch.ones((), dtype=torch.float32))

    def observe(self, x, weight):
        share = shares(weight)
        self.centre.copy_((share * x).sum(0))
        deviation = (share * (x - self.centre).square()).sum(0).mean().sqrt()
        self.spread.copy_(deviation.clamp_min(SCALE_FLOOR))

    def inputs(self, x):
        return (x - self.centre) / self.spread

    def outside(self, values):
        return (values < -ROUNDING) | (values > 1.0 + ROUNDING)

    def mean(self, outputs):
        return torch.sigmoid(outputs)

    def log_prob(self, outputs, x):
        return x * outputs - softplus(outputs)

    def sample(self, outputs, generator):
        return coin_flips(torch.sigmoid(outputs), generator)


class BinarizedBernoulli(Bernoulli):
    """Binary cells that every training step draws anew, with the value as probability: dynamic binarisation.

    The density is that of zeros and ones (Salakhutdinov and Murray, 2008), not of the grey values that train it.
    """

    def realize(self, x, generator):
        return coin_flips(x, generator)


class ContinuousBernoulli(Bernoulli):
    """Cells anywhere between two bounds, such as grey pixels: a density of the exponential family on an interval.

    Bernoulli's likelihood with the constant that makes it integrate to one over numbers from 0 to 1 (Loaiza-Ganem and
    Cunningham, 2019).
    """

    units = "interval"

    def mean(self, outputs):
        safe = torch.where(outputs.abs() < 1e-2, torch.ones_like(outputs), outputs)
        return torch.where(outputs.abs() < 1e-2, 0.5 + outputs / 12.0, -1.0 / torch.expm1(-safe) - 1.0 / safe)

    def log_prob(self, outputs, x):
        return super().log_prob(outputs, x) + self._log_constant(outputs)

    @staticmethod
    def _log_constant(outputs):
        """``log(t / tanh(t / 2))``, by its series where t is small."""
        size = outputs.abs()
        safe = torch.where(size < 1e-2, torch.ones_like(size), size)
        exact = torch.log(safe) - torch.log(torch.tanh(0.5 * safe))
        return torch.where(size < 1e-2, math.log(2.0) + outputs.square() / 12.0, exact)

    def sample(self, outputs, generator):
        """By the inverse of the distribution function."""
        level, size = uniform(outputs, generator), outputs.abs().clamp_min(1e-3)
        draw = 1.0 + torch.log(level + (1.0 - level) * torch.exp(-size)) / size
        draw = torch.where(outputs.abs() < 1e-3, level, draw).clamp(0.0, 1.0)
        return torch.where(outputs < 0.0, 1.0 - draw, draw)


class _Counts(_LogarithmicInputs):
    """Whole numbers from zero up; the outputs are logarithms of rates, from the mean of the column."""

    units = "counts"
    distances = "counts"
    support = "whole numbers from 0 up"
    remedy = "Use likelihood='gaussian' or 'lognormal' for this column."

    def __init__(self, n_features):
        super().__init__(n_features)
        self.register_buffer("log_mean", torch.zeros(n_features, dtype=torch.float32))

    def outside(self, values):
        return (values < 0.0) | (values % 1.0 != 0.0)

    def logarithm(self, x):
        return torch.log1p(x)

    def observe(self, x, weight):
        super().observe(x, weight)
        self.log_mean.copy_(torch.log((shares(weight) * x).sum(0) + 0.5 / n_rows(weight)))

    def _log_rate(self, outputs):
        return bounded(self.log_mean + outputs, LOG_LIMIT)

    def mean(self, outputs):
        return torch.exp(self._log_rate(outputs))


class Poisson(_Counts):
    """Counts whose variance is their mean."""

    def log_prob(self, outputs, x):
        log_rate = self._log_rate(outputs)
        return x * log_rate - torch.exp(log_rate) - torch.lgamma(x + 1.0)

    def sample(self, outputs, generator):
        return torch.poisson(self.mean(outputs), generator=generator)


class NegativeBinomial(_Counts):
    """Counts that vary more than their mean says: variance = mean + mean² / r, with a learned r a feature."""

    def __init__(self, n_features):
        super().__init__(n_features)
        self.log_r = nn.Parameter(torch.zeros(n_features, dtype=torch.float32))

    @property
    def r(self):
        """Inverse dispersion a feature; Poisson's likelihood is its limit at infinity."""
        return torch.exp(self._log_r)

    @property
    def _log_r(self):
        return bounded(hastened(self.log_r, SCALE_SPEED), 0.5 * LOG_LIMIT)

    def log_prob(self, outputs, x):
        r, logit = self.r, self._log_rate(outputs) - self._log_r
        combinations = torch.lgamma(x + r) - torch.lgamma(r) - torch.lgamma(x + 1.0)
        return combinations - r * softplus(logit) - x * softplus(-logit)

    def sample(self, outputs, generator):
        r = self.r.expand(outputs.shape)
        rate = self.mean(outputs) * torch._standard_gamma(r, generator=generator) / r
        return torch.poisson(rate, generator=generator)


class Multinomial(_Counts):
    """Counts that share a row's total, such as words of a document; the total itself is taken as given.

    Draws have totals of training rows, expected cells their mean total.
    """

    separable = False
    distances = None

    def __init__(self, n_features):
        super().__init__(n_features)
        self.register_buffer("totals", torch.ones(N_TOTALS, dtype=torch.float32))

    def observe(self, x, weight):
        super().observe(x, weight)
        self.spread.fill_(self.spread.mean())
        levels = torch.linspace(0.0, 1.0, N_TOTALS, dtype=x.dtype, device=x.device)
        weight = weight.expand_as(x).amin(-1)
        totals, order = x.sum(-1).sort()
        reached = weight[order].cumsum(0)
        place = torch.searchsorted(reached, 0.5 + levels * (reached[-1] - 1.0).clamp_min(0.0))
        self.totals.copy_(totals[place.clamp_max(len(totals) - 1)] * (reached[-1] > 0.0))

    def _log_shares(self, outputs):
        return log_softmax(self.log_mean + outputs, dim=-1)

    def mean(self, outputs):
        return self.totals.mean() * torch.exp(self._log_shares(outputs))

    def log_prob(self, outputs, x):
        orders = torch.lgamma(x.sum(-1, keepdim=True) + 1.0) / self.n_features
        return x * self._log_shares(outputs) - torch.lgamma(x + 1.0) + orders

    def residual(self, outputs, x):
        return x - x.sum(-1, keepdim=True) * torch.exp(self._log_shares(outputs))

    def sample(self, outputs, generator):
        """Column by column, each from what the columns before it leave."""
        shares = torch.exp(self._log_shares(outputs))
        position = torch.randint(N_TOTALS, outputs.shape[:-1], device=outputs.device, generator=generator)
        left, open_share, cells = self.totals[position], torch.ones_like(shares[..., 0]), []
        for share in shares.unbind(-1):
            probability = (share / open_share.clamp_min(torch.finfo(share.dtype).tiny)).clamp(0.0, 1.0)
            cells.append(torch.binomial(left, probability, generator=generator))
            left, open_share = left - cells[-1], open_share - share
        cells[-1] = cells[-1] + left
        return torch.stack(cells, dim=-1)


class _Levels(Likelihood):
    """One of several levels a column, numbered from 0.

    With ``unseen`` above 0, numbers beyond a column's levels are levels that no training row has. They have this
    probability together, and networks see no level of them.
    """

    units = "counts"
    support = f"level numbers, whole ones from 0 to the largest it was fitted on and less than {MOST_LEVELS},"
    remedy = "Number the levels with sklearn.preprocessing.OrdinalEncoder."

    def __init__(self, n_features, n_levels, unseen=0.0):
        super().__init__(n_features)
        self.register_buffer("_n_levels", torch.tensor(n_levels))
        self._unseen = unseen

    @staticmethod
    def describe(values, counts):
        largest = [column[column == column].max(initial=0) for column in values.T]
        return {"n_levels": [min(max(int(level) + 1, 1), MOST_LEVELS) for level in largest]}

    def outside(self, values):
        wrong = (values < 0.0) | (values % 1.0 != 0.0)
        return wrong if self._unseen else wrong | (values >= self._n_levels.cpu().numpy())

    def log_prob(self, outputs, x):
        if not self._unseen:
            return self._seen_log_prob(outputs, x.long())
        known = x < self._n_levels
        seen = self._seen_log_prob(outputs, torch.where(known, x, torch.zeros_like(x)).long())
        unseen = torch.full_like(seen, math.log(self._unseen))
        return torch.where(known, seen + math.log1p(-self._unseen), unseen)

    @abstractmethod
    def _seen_log_prob(self, outputs, level):
        """Log-probability of levels of training rows (..., n_features)."""


class Categorical(_Levels):
    """Levels without an order; networks see one input a level, outputs are logits.

    ``rare`` holds, for each column, the levels that share one output and one input: among them the frequencies of the
    training rows, ``rare_log_shares``, decide. A column has such levels where it has more than MOST_OUTPUTS.
    """

    ordered = False

    def __init__(self, n_features, n_levels, rare=None, rare_log_shares=None, unseen=0.0):
        super().__init__(n_features, n_levels, unseen)
        rare, rare_log_shares = ([[]] * n_features if each is None else each for each in (rare, rare_log_shares))
        self._has_rare, columns = any(rare), []
        slots, within = torch.zeros(sum(n_levels), dtype=torch.long), torch.zeros(sum(n_levels), dtype=torch.float32)
        n_slots = [n - max(len(levels) - 1, 0) for n, levels in zip(n_levels, rare, strict=True)]
        self.n_inputs = self.n_outputs = sum(n_slots)
        places = torch.full((n_features, max(n_slots)), self.n_outputs)
        most = torch.zeros(n_features, max(n_slots), dtype=torch.long)
        scarce = torch.zeros(n_features, max(n_slots), dtype=torch.float32)
        for column, (n, levels, log_shares) in enumerate(zip(n_levels, rare, rare_log_shares, strict=True)):
            start, alone = sum(n_levels[:column]), torch.ones(n, dtype=torch.bool)
            alone[levels] = False
            slot = torch.full((n,), n_slots[column] - 1)
            slot[alone] = torch.arange(int(alone.sum()))
            slots[start : start + n] = slot
            within[start + torch.tensor(levels, dtype=torch.long)] = torch.tensor(log_shares, dtype=torch.float32)
            most[column, slot[alone]] = torch.arange(n)[alone]
            if levels:
                top = max(range(len(levels)), key=log_shares.__getitem__)
                most[column, n_slots[column] - 1], scarce[column, n_slots[column] - 1] = levels[top], log_shares[top]
            places[column, : n_slots[column]] = torch.arange(n_slots[column]) + len(columns)
            columns += [column] * n_slots[column]
        self.register_buffer("_slots", slots)
        self.register_buffer("_within", within)
        self.register_buffer("_start", torch.tensor(n_levels).cumsum(0) - torch.tensor(n_levels))
        self.register_buffer("_places", places)
        self.register_buffer("_most", most)
        self.register_buffer("_scarce", scarce)
        self.register_buffer("_columns", torch.tensor(columns))
        self.register_buffer("_slot", torch.arange(self.n_outputs) - places[:, 0][torch.tensor(columns)])
        self.register_buffer("log_mean", torch.zeros(self.n_outputs, dtype=torch.float32))

    @staticmethod
    def describe(values, counts):
        described = _Levels.describe(values, counts)
        n_levels, counts = described["n_levels"], torch.from_numpy(counts)
        if max(n_levels) <= MOST_OUTPUTS:
            return described
        rare, log_shares = [], []
        for column, n in zip(values.T, n_levels, strict=True):
            cells = torch.from_numpy(column.copy())
            # cells that are no level are refused later, by name
            level, count = cells[~cells.isnan()].clamp(0, n - 1).long(), counts[~cells.isnan()]
            held = torch.zeros(n, dtype=counts.dtype).index_add_(0, level, count)
            last = held.argsort(descending=True, stable=True)[MOST_OUTPUTS - 1 :] if n > MOST_OUTPUTS else held[:0]
            rare.append(last.long().tolist())
            chance = held[last.long()] + 0.5
            log_shares.append(torch.log(chance / chance.sum()).tolist())
        return {**described, "rare": rare, "rare_log_shares": log_shares}

    @property
    def input_columns(self):
        """The column that each input is about (n_inputs,)."""
        return self._columns.cpu()

    @property
    def n_statistics(self):
        """One probability a slot of the widest column."""
        return self._places.numel()

    def _slot_of(self, level):
        """Number of the output of each level (..., n_features)."""
        return self._slots[self._start + level] if self._has_rare else level

    def inputs(self, x):
        """One-hot; nothing for a level never seen."""
        if self._has_rare:
            known = x < self._n_levels
            slot = self._slot_of(torch.where(known, x, torch.zeros_like(x)).long())
            x = torch.where(known, slot.to(x), torch.full_like(x, -1.0))
        return (x.index_select(-1, self._columns) == self._slot).to(x.dtype)

    def observe(self, x, weight):
        share = shares(weight)[:, self._columns]
        self.log_mean.copy_(torch.log((share * self.inputs(x)).sum(0) + 0.5 / n_rows(weight)))

    def _log_shares(self, outputs):
        """Log-probability of each slot (..., n_features, most slots); minus a large number where there is none."""
        logits = self.log_mean + outputs
        logits = torch.cat([logits, torch.full_like(logits[..., :1], -1e30)], dim=-1)
        axis = long_side_last(self._places)
        places = self._places if axis == -1 else self._places.T
        slots = log_softmax(logits.index_select(-1, places.flatten()).unflatten(-1, places.shape), dim=axis)
        return slots if axis == -1 else slots.mT

    def statistics(self, outputs):
        return self._log_shares(outputs).exp().flatten(-2)

    def typical(self, statistics):
        """The most probable level."""
        chance = statistics.unflatten(-1, self._places.shape) * torch.exp(self._scarce)
        slot = chance.argmax(-1, keepdim=True)
        return self._most.expand(chance.shape).gather(-1, slot)[..., 0].to(statistics.dtype)

    def mean(self, outputs):
        """The most probable level."""
        return self.typical(self.statistics(outputs))

    def _seen_log_prob(self, outputs, level):
        log_shares, slot = self._log_shares(outputs), self._slot_of(level)[..., None]
        shape = torch.broadcast_shapes(log_shares.shape[:-1], slot.shape[:-1])
        chosen = log_shares.expand(*shape, -1).gather(-1, slot.expand(*shape, -1)).squeeze(-1)
        return chosen + self._within[self._start + level] if self._has_rare else chosen

    def sample(self, outputs, generator):
        """By Gumbel's trick."""
        log_shares = self._log_shares(outputs)
        slot = (log_shares - torch.log(-torch.log(uniform(log_shares, generator)))).argmax(-1)
        if not self._has_rare:
            return slot.to(outputs.dtype)
        cells = []
        for column, (start, n) in enumerate(zip(self._start.tolist(), self._n_levels.tolist(), strict=True)):
            part, own = slice(start, start + n), slot[..., column]
            first = self._within[part].masked_fill(self._slots[part] < self._slots[part].max(), -1e30).exp()
            drawn = torch.multinomial(first.clamp_min(1e-30), own.numel(), replacement=True, generator=generator)
            last = own == self._slots[part].max()
            cells.append(torch.where(last, drawn.view(own.shape), self._most[column][own]))
        return torch.stack(cells, dim=-1).to(outputs.dtype)


class Ordinal(_Levels):
    """Levels with an order: a logistic variable between thresholds (McCullagh, 1980), located and scaled by the code.

    Networks see the level number, centred and scaled to the training rows. Thresholds are learned, from where the
    shares of the training rows put them.
    """

    def __init__(self, n_features, n_levels, unseen=0.0):
        super().__init__(n_features, n_levels, unseen)
        self.n_outputs = 2 * n_features
        self.log_gaps = nn.Parameter(torch.zeros(n_features, max(max(n_levels) - 2, 0), dtype=torch.float32))
        self.register_buffer("centre", torch.zeros(n_features, dtype=torch.float32))
        self.register_buffer("spread", torch.ones(n_features, dtype=torch.float32))
        self.register_buffer("first", torch.zeros(n_features, 1, dtype=torch.float32))
        self.register_buffer("gaps", torch.ones_like(self.log_gaps.data))

    def observe(self, x, weight):
        share = shares(weight)
        known = x < self._n_levels
        cells = torch.where(known, x, torch.zeros_like(x))
        self.centre.copy_((share * cells).sum(0))
        deviation = (share * (cells - self.centre).square()).sum(0).sqrt()
        self.spread.copy_(torch.where(deviation > SCALE_FLOOR, deviation, torch.ones_like(deviation)))
        width = self.log_gaps.shape[1] + 2
        levels = torch.arange(width, dtype=x.dtype, device=x.device)
        held = (share[..., None] * (cells[..., None] == levels)).sum(0) + 0.5 / n_rows(weight)
        reached = (held / held.sum(-1, keepdim=True)).cumsum(-1)[:, : width - 1]
        thresholds = torch.logit(reached, eps=1e-6)
        self.first.copy_(thresholds[:, :1])
        self.gaps.copy_(thresholds.diff(dim=-1).clamp_min(1e-3))

    def inputs(self, x):
        known = torch.minimum(x, self._n_levels.to(x) - 1.0)
        return (known - self.centre) / self.spread

    def begin(self, weight, bias, loadings, mean, noise):
        rest = len(bias) - self.n_features
        weight.copy_(pad(LOGISTIC * loadings, (0, 0, 0, rest)))
        bias.zero_()
        return True

    def _between(self, outputs):
        """Thresholds as the code sees them (..., n_features, most levels + 1), from far below to far above."""
        location, raw = outputs.chunk(2, dim=-1)
        steps = self.gaps * torch.exp(bounded(hastened(self.log_gaps, SCALE_SPEED), LOG_LIMIT))
        thresholds = torch.cat([self.first, self.first + steps.cumsum(-1)], dim=-1)
        position = (thresholds - location[..., None]) / positive(raw + RAW_ONE, LEAST_SPREAD)[..., None]
        position = bounded(position, FAR_AWAY)
        last = torch.arange(position.shape[-1], device=raw.device) >= self._n_levels[:, None] - 1
        position = torch.where(last, torch.full_like(position, FAR_AWAY), position)
        ends = torch.full_like(position[..., :1], FAR_AWAY)
        return torch.cat([-ends, position, ends], dim=-1)

    def _log_shares(self, outputs):
        """Log-probability of each level (..., n_features, most levels)."""
        position = self._between(outputs)
        below, above = position[..., :-1], position[..., 1:]
        gap = (above - below).clamp_min(1e-6)
        return logsigmoid(above) + logsigmoid(-below) + torch.log(-torch.expm1(-gap))

    @property
    def n_statistics(self):
        """One probability a level of the widest column."""
        return self.n_features * (self.log_gaps.shape[1] + 2)

    def statistics(self, outputs):
        return self._log_shares(outputs).exp().flatten(-2)

    def typical(self, statistics):
        """The median level."""
        reached = statistics.unflatten(-1, (self.n_features, -1)).cumsum(-1)
        return (reached < 0.5 * reached[..., -1:]).sum(-1).to(statistics.dtype)

    def mean(self, outputs):
        """The median level."""
        return self.typical(self.statistics(outputs))

    def _seen_log_prob(self, outputs, level):
        log_shares = self._log_shares(outputs)
        shape = torch.broadcast_shapes(log_shares.shape[:-1], level.shape)
        return log_shares.expand(*shape, -1).gather(-1, level.expand(shape)[..., None]).squeeze(-1)

    def sample(self, outputs, generator):
        log_shares = self._log_shares(outputs)
        return (log_shares - torch.log(-torch.log(uniform(log_shares, generator)))).argmax(-1).to(outputs.dtype)


class Columnwise(Likelihood):
    """A likelihood of its own for each group of columns."""

    def __init__(self, members, columns):
        super().__init__(sum(len(group) for group in columns))
        self.members, self._sizes = nn.ModuleList(members), [len(group) for group in columns]
        self.n_inputs = sum(member.n_inputs for member in members)
        self.n_outputs = sum(member.n_outputs for member in members)
        order = [column for group in columns for column in group]
        self.register_buffer("_order", torch.tensor(order))
        self.register_buffer("_back", torch.tensor(order).argsort())

    @property
    def input_columns(self):
        """The column that each input is about (n_inputs,)."""
        groups = self._order.cpu().split(self._sizes)
        return torch.cat([group[m.input_columns] for m, group in zip(self.members, groups, strict=True)])

    def _cells(self, x):
        """The cells of each member."""
        return x.index_select(-1, self._order).split(self._sizes, dim=-1)

    def _each(self, outputs):
        return zip(self.members, outputs.split([member.n_outputs for member in self.members], dim=-1), strict=True)

    def _joined(self, cells):
        """Cells of all members, in the order of the table."""
        return torch.cat(cells, dim=-1).index_select(-1, self._back)

    def _columns(self):
        """Members with their columns as arrays."""
        return zip(self.members, (part.numpy() for part in self._order.cpu().split(self._sizes)), strict=True)

    def member(self, column):
        """The member of one column."""
        position = int(self._back[column])
        for member, size in zip(self.members, self._sizes, strict=True):
            if position < size:
                return member
            position -= size
        raise IndexError(column)

    def outside(self, values):
        outside = None
        for member, columns in self._columns():
            mask = member.outside(values[:, columns])
            if mask is not None:
                outside = values != values if outside is None else outside
                outside[:, columns] = mask
        return outside

    def place(self, shift, scale):
        for member, columns in self._columns():
            member.place(shift[columns], scale[columns])

    def exact(self, values):
        for member, columns in self._columns():
            cells = values[:, columns]
            member.exact(cells)
            values[:, columns] = cells

    def observe(self, x, weight):
        for member, cells, weights in zip(self.members, self._cells(x), self._cells(weight), strict=True):
            member.observe(cells, weights)

    def begin(self, weight, bias, loadings, mean, noise):
        inputs = [member.n_inputs for member in self.members]
        begun, outputs = (
            [],
            zip(*(part.split([m.n_outputs for m in self.members]) for part in (weight, bias)), strict=True),
        )
        parts = zip(*(part.split(inputs) for part in (loadings, mean, noise)), strict=True)
        for member, own, said in zip(self.members, outputs, parts, strict=True):
            begun.append(member.begin(*own, *said))
        return any(begun)

    def go_on(self, x, weight, outputs):
        parts = zip(self._each(outputs), self._cells(x), self._cells(weight), strict=True)
        return torch.cat([member.go_on(cells, weights, own) for (member, own), cells, weights in parts])

    def realize(self, x, generator):
        pairs = zip(self.members, self._cells(x), strict=True)
        return self._joined([member.realize(cells, generator) for member, cells in pairs])

    def inputs(self, x):
        return torch.cat([m.inputs(cells) for m, cells in zip(self.members, self._cells(x), strict=True)], dim=-1)

    def mean(self, outputs):
        return self._joined([member.mean(own) for member, own in self._each(outputs)])

    def statistics(self, outputs):
        return torch.cat([member.statistics(own) for member, own in self._each(outputs)], dim=-1)

    def typical(self, statistics):
        parts = statistics.split([member.n_statistics for member in self.members], dim=-1)
        return self._joined([member.typical(part) for member, part in zip(self.members, parts, strict=True)])

    def log_prob(self, outputs, x):
        pairs = zip(self._each(outputs), self._cells(x), strict=True)
        return self._joined([member.log_prob(own, cells) for (member, own), cells in pairs])

    def row_log_prob(self, outputs, x):
        pairs = zip(self._each(outputs), self._cells(x), strict=True)
        return sum(member.row_log_prob(own, cells) for (member, own), cells in pairs)

    def sample(self, outputs, generator):
        return self._joined([member.sample(own, generator) for member, own in self._each(outputs)])

    def residual(self, outputs, x):
        pairs = zip(self._each(outputs), self._cells(x), strict=True)
        return self._joined([member.residual(own, cells) for (member, own), cells in pairs])

    def cell_distortion(self, outputs, x):
        pairs = zip(self._each(outputs), self._cells(x), strict=True)
        return self._joined([member.cell_distortion(own, cells) for (member, own), cells in pairs])

    def distortion(self, outputs, x):
        pairs = zip(self._each(outputs), self._cells(x), strict=True)
        return sum(member.distortion(own, cells) for (member, own), cells in pairs)

    def calibrate(self, squared_residual, rate):
        for member, cells in zip(self.members, self._cells(squared_residual), strict=True):
            member.calibrate(cells, rate)


LIKELIHOODS = {
    "gaussian": Gaussian,
    "isotropic_gaussian": IsotropicGaussian,
    "heteroscedastic_gaussian": HeteroscedasticGaussian,
    "inflated_gaussian": InflatedGaussian,
    "student_t": StudentT,
    "laplace": Laplace,
    "lognormal": LogNormal,
    "gamma": Gamma,
    "bernoulli": Bernoulli,
    "binarized_bernoulli": BinarizedBernoulli,
    "continuous_bernoulli": ContinuousBernoulli,
    "poisson": Poisson,
    "negative_binomial": NegativeBinomial,
    "multinomial": Multinomial,
    "categorical": Categorical,
    "ordinal": Ordinal,
}


def make_likelihood(parts, n_features):
    """The likelihood of a table: ``parts`` holds the name, the columns and further arguments of each group."""
    members = [LIKELIHOODS[name](len(columns), **further) for name, columns, further in parts]
    groups = [columns for _, columns, _ in parts]
    return members[0] if groups == [list(range(n_features))] else Columnwise(members, groups)
