"""A likelihood of its own for each group of columns."""

import torch
from torch import nn

from skvae.nn.likelihoods.base import Likelihood


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
