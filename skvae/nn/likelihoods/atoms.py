"""Numbers of which some are repeated: zeros, caps, rounded values, placeholders."""

import itertools

import torch
from torch import nn
from torch.nn.functional import log_softmax

from skvae.nn.likelihoods.base import LOG_LIMIT, SCALE_FLOOR, Likelihood, long_side_last, n_rows, place_drawn, shares
from skvae.nn.likelihoods.real import HeteroscedasticGaussian
from skvae.nn.likelihoods.repeats import (
    SHARE_OF_AN_ATOM,
    close_to,
    described,
    described_again,
    folded_into,
    nearest,
    values_of,
)
from skvae.nn.numerics import bounded, normal_log_prob

UNSEEN_SCALE = 3.0
"""Scale of values never seen of a column with atoms, in its standard deviations."""

TINY = 1e-30
"""A density below which an atom is as good as absent."""

LOG_ABSENT = -80.0
"""Logarithm of what counts as nothing beside TINY; ``exp`` of much less takes ten times as long, and denormals."""


class Atoms(nn.Module):
    """The atoms of a table's columns: a table of them, along one dimension the columns that have some.

    Tables are (n_columns, most atoms), or transposed so that the longer side is last; what is said of rows is
    (..., *table). Places beyond the atoms of a column are filled.

    Parameters
    ----------
    values : list of list of float
        The atoms of each column, in the units of the data.
    placeholders : list of list of float or None
        Values of each column that stand for something else.
    n_before : int
        How many outputs of the decoder come before those of the atoms.
    """

    def __init__(self, values, placeholders, n_before):
        super().__init__()
        self.by_column = values_of(values)
        inflated, plain = list(self.by_column), [column for column, held in enumerate(values) if not held]
        n_atoms = [len(held) for held in self.by_column.values()]
        self.n_outputs = n_before + sum(n_atoms)
        places = torch.full((len(n_atoms), max(n_atoms, default=0)), self.n_outputs)
        for place, (n, end) in enumerate(zip(n_atoms, itertools.accumulate(n_atoms), strict=True)):
            places[place, :n] = torch.arange(end - n, end) + n_before
        self.axis = long_side_last(places)
        places = places if self.axis == -1 else places.T.contiguous()
        self.register_buffer("_places", places)
        self.register_buffer("columns", torch.tensor(inflated, dtype=torch.long))
        self.register_buffer("_plain", torch.tensor(plain, dtype=torch.long))
        self.register_buffer("_back", torch.tensor(inflated + plain, dtype=torch.long).argsort())
        self.register_buffer("values", torch.zeros(places.shape, dtype=torch.float32))
        self.register_buffer("_is_placeholder", torch.zeros(places.shape, dtype=torch.bool))
        for place, (column, held) in enumerate(self.by_column.items() if placeholders else []):
            known = torch.isin(held, torch.tensor(placeholders[column], dtype=torch.float64))
            self._of_column(self._is_placeholder, place)[: len(held)] = known
        self._has_placeholders = bool(self._is_placeholder.any())

    def __len__(self):
        return len(self.by_column)

    @property
    def output_columns(self):
        """The column that each output of an atom is about, on the CPU."""
        return torch.tensor([column for column, held in self.by_column.items() for _ in held], dtype=torch.long)

    def place(self, shift, scale):
        """Learn the units of the columns: a cell in the data is shift + scale times one here."""
        for place, (column, values) in enumerate(self.by_column.items()):
            self._of_column(self.values, place)[: len(values)] = (values - shift[column]) / scale[column]

    def _of_column(self, table, place):
        """The atoms of one inflated column in a table of all."""
        return table.select(-1 if self.axis == -2 else -2, place)

    def where_any(self, table):
        """A table with zero where there is no atom."""
        return torch.where(self._places < self.n_outputs, table, torch.zeros_like(table))

    def cells(self, x):
        """Cells of the inflated columns, of rows x (..., n_features), with a dimension of size one for their atoms."""
        return x.index_select(-1, self.columns).unsqueeze(self.axis)

    def joined(self, inflated, cells):
        """Cells (..., n_features): those of the inflated columns (..., n_columns), and those of the others."""
        return torch.cat([inflated, cells.index_select(-1, self._plain)], dim=-1).index_select(-1, self._back)

    def with_noise(self, noise):
        """A value of each inflated column's noise (..., n_features), which comes first, and its atoms."""
        atoms = self.values.expand(*noise.shape[:-1], *self.values.shape)
        return torch.cat([self.cells(noise), atoms], dim=self.axis)

    def held(self, x, weight, unseen):
        """Shares of the atoms in rows x (n, n_features), a table, and of other values; none is below ``unseen``."""
        near, share = (self.cells(x) - self.values).abs() < SCALE_FLOOR, self.cells(shares(weight))
        held = self.where_any((share * near.to(share)).sum(0) + unseen)
        return held, (1.0 - held.sum(self.axis, keepdim=True)).clamp_min(unseen)

    def log_odds(self, held, rest):
        """Logarithms of shares of the atoms beside those of other values."""
        return self.where_any(bounded(torch.log(held / rest), LOG_LIMIT))

    def log_shares(self, outputs, log_odds):
        """Log-probabilities of noise, which comes first, and atoms, from all outputs (..., n_outputs)."""
        logits = torch.cat([outputs, torch.full_like(outputs[..., :1], LOG_ABSENT)], dim=-1)
        odds = log_odds + logits.index_select(-1, self._places.flatten()).unflatten(-1, self._places.shape)
        noise = torch.zeros_like(odds.narrow(self.axis, 0, 1))
        return log_softmax(torch.cat([noise, odds], dim=self.axis), dim=self.axis)

    def of_one_kind(self, shares):
        """Shares of noise and atoms without placeholders, or of placeholders alone where these are more probable."""
        if not self._has_placeholders:
            return shares
        none = torch.zeros_like(self._is_placeholder.narrow(self.axis, 0, 1))
        known = torch.cat([none, self._is_placeholder], dim=self.axis).to(shares)
        likelier = (shares * known).sum(self.axis, keepdim=True) > 0.5
        kept = torch.where(likelier, shares * known, shares * (1.0 - known))
        return kept / kept.sum(self.axis, keepdim=True)


class Inflated(Likelihood):
    """The density of a member ``inside``, and the values that training rows repeat: zeros, levels, caps.

    Each such atom has a probability that the decoder says. A column of at most MOST_LEVELS_AS_ATOMS values has all
    of them as atoms, another column those that hold SHARE_OF_AN_ATOM of its rows. The density of an atom is normal
    with the scale SCALE_FLOOR, so that it stays finite and integrates to one; a draw is the atom itself. Half a
    row's share is kept for values never seen, far around. The mean is that of cells of one kind: of the
    ``placeholders``, by column, or of the others, whichever are more probable. A draw beyond the training cells of
    its column comes to lie as far inside them, within the END of their range, and in a column whose rows repeat
    almost all values, as where numbers are rounded, every draw is the nearest value seen.
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
        self.n_inputs, self._n_moments = self.noise.n_inputs, self.noise.n_outputs
        self.atoms = Atoms(atoms, placeholders, self._n_moments)
        self.n_outputs = self.atoms.n_outputs
        self._output_columns = torch.cat([self.noise.output_columns, self.atoms.output_columns])
        self._ranges, self._rounded = ranges, values_of(values)
        self.register_buffer("log_odds", torch.zeros_like(self.atoms.values))
        self.register_buffer("unseen", torch.full((), 1e-3, dtype=torch.float32))
        self.register_buffer("moved", torch.zeros(len(self.atoms), dtype=torch.float32))
        self.place([0.0] * n_features, [1.0] * n_features)

    @classmethod
    def describe(cls, known):
        return described(known)

    @classmethod
    def widened(cls, further, known):
        return described_again(further, known)

    def place(self, shift, scale):
        self.atoms.place(shift, scale)

    def exact(self, values):
        if self._ranges is not None:
            folded_into(values, *torch.tensor(self._ranges, dtype=torch.float64).unbind(1))
        for column, atoms in self.atoms.by_column.items():
            values[:, column] = close_to(values[:, column], atoms)
        for column, seen in self._rounded.items():
            values[:, column] = nearest(values[:, column], seen)

    def outside(self, values):
        return self.noise.outside(values)

    def inputs(self, x):
        return self.noise.inputs(x)

    def begin(self, weight, bias, loadings, mean, noise):
        n = self._n_moments
        weight[n:].zero_()
        bias[n:].zero_()
        return self.noise.begin(weight[:n], bias[:n], loadings, mean, noise)

    def calibrate(self, squared_residual, rate):
        self.noise.calibrate(squared_residual, rate)

    def observe(self, x, weight):
        self.noise.observe(x, weight)
        self.unseen.fill_(0.5 / n_rows(weight))
        self.log_odds.copy_(self.atoms.log_odds(*self.atoms.held(x, weight, self.unseen)))

    def go_on(self, x, weight, outputs):
        """Columns that leave their atoms are learned anew, by values that are no longer taken for rare ones."""
        shift, atoms = outputs.new_zeros(self.n_outputs), self.atoms
        if not len(atoms):
            return shift
        held, rest = atoms.held(x, weight, self.unseen)
        before = 1.0 / (1.0 + atoms.where_any(self.log_odds.exp()).sum(atoms.axis))  # (n_columns,)
        left = rest.squeeze(atoms.axis) > torch.maximum(2.0 * before, before.new_full((), SHARE_OF_AN_ATOM))
        self.moved.copy_(torch.where(left, torch.full_like(self.moved, LOG_ABSENT), self.moved))
        self.log_odds.copy_(torch.where(left.unsqueeze(atoms.axis), atoms.log_odds(held, rest), self.log_odds))
        apart = self.noise.inputs(x) - outputs[..., : self.n_features]
        mean_apart = (shares(weight) * apart).sum(0)[atoms.columns]
        shift[atoms.columns] = torch.where(left, mean_apart, shift[atoms.columns])
        return shift

    def mean(self, outputs):
        if not len(self.atoms):
            return self.noise.mean(outputs)
        shares = self.atoms.of_one_kind(self._log_shares(outputs).exp())
        noise = self.noise.mean(self._moments(outputs))
        return self.atoms.joined((shares * self.atoms.with_noise(noise)).sum(self.atoms.axis), noise)

    def log_prob(self, outputs, x):
        if not len(self.atoms):
            return self.noise.log_prob(outputs, x)
        axis = self.atoms.axis
        of_noise, of_atoms = self._log_shares(outputs).split([1, self.atoms.values.shape[axis]], dim=axis)
        noise, cells = self.noise.log_prob(self._moments(outputs), x), self.atoms.cells(x)
        heights = normal_log_prob(cells, self.atoms.values, cells.new_full((), SCALE_FLOOR))
        atoms = (of_atoms + heights).clamp_min(LOG_ABSENT).exp().sum(axis)
        atoms = torch.where(atoms > TINY, torch.log(atoms.clamp_min(TINY)), torch.full_like(atoms, -1e30))
        seen = torch.logaddexp((of_noise + self.atoms.cells(noise)).squeeze(axis), atoms)
        unseen = normal_log_prob(cells.squeeze(axis), 0.0, cells.new_full((), UNSEEN_SCALE)) + torch.log(self.unseen)
        unseen = unseen + 1e3 * self.moved if self.training else unseen
        return self.atoms.joined(torch.logaddexp(seen + torch.log1p(-self.unseen), unseen), noise)

    def sample(self, outputs, generator):
        if not len(self.atoms):
            return self.noise.sample(outputs, generator)
        noise = self.noise.sample(self._moments(outputs), generator)
        chosen = place_drawn(self._log_shares(outputs), generator, self.atoms.axis)
        values = self.atoms.with_noise(noise).gather(self.atoms.axis, chosen)
        return self.atoms.joined(values.squeeze(self.atoms.axis), noise)

    def _moments(self, outputs):
        """What the decoder says of the noise (..., n_moments)."""
        return outputs[..., : self._n_moments]

    def _log_shares(self, outputs):
        """Log-probabilities of noise and atoms, in one more dimension."""
        return self.atoms.log_shares(outputs, self.log_odds)


class InflatedGaussian(Inflated):
    """Normal noise as wide as the decoder says, and atoms."""

    inside = HeteroscedasticGaussian
