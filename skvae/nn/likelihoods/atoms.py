"""Numbers of which some are repeated: zeros, caps, rounded values, placeholders."""

import itertools
import math

import torch
from torch.nn.functional import log_softmax

from skvae.nn.likelihoods.base import LOG_LIMIT, SCALE_FLOOR, Likelihood, long_side_last, n_rows, place_drawn, shares
from skvae.nn.likelihoods.real import HeteroscedasticGaussian
from skvae.nn.numerics import bounded, normal_log_prob

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


class Inflated(Likelihood):
    """The density of a member ``inside``, and the values that training rows repeat: zeros, levels, caps.

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
    inside = None
    """The density of values that are no atoms, of real or positive numbers: its first outputs say where they are."""

    def __init_subclass__(cls, **arguments):
        super().__init_subclass__(**arguments)
        for name in ("units", "distances", "support", "remedy"):
            setattr(cls, name, getattr(cls.inside, name))

    def __init__(self, n_features, atoms, values, ranges=None, placeholders=None):
        super().__init__(n_features)
        self.noise = self.inside(n_features)
        self.n_inputs, self.n_outputs = self.noise.n_inputs, self.noise.n_outputs
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

    def outside(self, values):
        return self.noise.outside(values)

    def inputs(self, x):
        return self.noise.inputs(x)

    def begin(self, weight, bias, loadings, mean, noise):
        weight[self.n_moments :].zero_()
        bias[self.n_moments :].zero_()
        return self.noise.begin(weight[: self.n_moments], bias[: self.n_moments], loadings, mean, noise)

    def calibrate(self, squared_residual, rate):
        self.noise.calibrate(squared_residual, rate)

    def observe(self, x, weight):
        self.noise.observe(x, weight)
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
        apart = self.noise.inputs(x) - outputs[..., : self.n_features]
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
            return self.noise.mean(outputs)
        moments, log_shares = self._split(outputs)
        noise, shares = self.noise.mean(moments), self._of_one_kind(log_shares.exp())
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
            return self.noise.log_prob(outputs, x)
        moments, log_shares = self._split(outputs)
        noise, cells = self.noise.log_prob(moments, x), self._cells(x)
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
            return self.noise.sample(outputs, generator)
        moments, log_shares = self._split(outputs)
        noise = self.noise.sample(moments, generator)
        chosen = place_drawn(log_shares, generator, self._axis)
        values = self._with_atoms(noise).gather(self._axis, chosen)
        return self._joined(values.squeeze(self._axis), noise)


class InflatedGaussian(Inflated):
    """Normal noise as wide as the decoder says, and atoms."""

    inside = HeteroscedasticGaussian


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
