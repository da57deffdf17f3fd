"""A likelihood of its own for each group of columns."""

import torch
from torch import nn

from skvae.nn.likelihoods.base import Likelihood


class Groups(nn.Module):
    """Columns of a table in groups, each with a likelihood.

    Parameters
    ----------
    members : list of Likelihood
        One a group.
    columns : list of list of int
        The columns of each group; each column is in one.
    """

    def __init__(self, members, columns):
        super().__init__()
        self.members, self._sizes = nn.ModuleList(members), [len(group) for group in columns]
        order = [column for group in columns for column in group]
        self.register_buffer("_order", torch.tensor(order))
        self.register_buffer("_back", torch.tensor(order).argsort())

    def total(self, name):
        """Sum of a number that all members have."""
        return sum(getattr(member, name) for member in self.members)

    def with_columns(self):
        """Each member with its columns, a tensor on the CPU."""
        return zip(self.members, self._order.cpu().split(self._sizes), strict=True)

    def with_cells(self, *tables):
        """Each member with the cells of its columns in some tables (..., n_features)."""
        return zip(self.members, *map(self._apart, tables), strict=True)

    def with_outputs(self, outputs, *tables):
        """Each member with its outputs (..., n_outputs), and with the cells of its columns in some tables."""
        own = outputs.split([member.n_outputs for member in self.members], dim=-1)
        return zip(self.members, own, *map(self._apart, tables), strict=True)

    def _apart(self, x):
        return x.index_select(-1, self._order).split(self._sizes, dim=-1)

    def joined(self, cells):
        """Cells of all members, in the order of the table (..., n_features)."""
        return torch.cat(cells, dim=-1).index_select(-1, self._back)

    def member(self, column):
        """The member of one column."""
        ends = torch.tensor(self._sizes).cumsum(0)
        return self.members[int(torch.searchsorted(ends, int(self._back[column]), right=True))]


def of_members(name):
    """The method that gives each member the outputs and the cells of its columns, and puts results side by side."""

    def joined(self, outputs, x):
        return self.groups.joined(
            [getattr(member, name)(own, cells) for member, own, cells in self.groups.with_outputs(outputs, x)]
        )

    return joined


class Columnwise(Likelihood):
    """A likelihood of its own for each group of columns."""

    def __init__(self, members, columns):
        super().__init__(sum(len(group) for group in columns))
        self.groups = Groups(members, columns)
        self.n_inputs, self.n_outputs = self.groups.total("n_inputs"), self.groups.total("n_outputs")
        self.n_statistics = self.groups.total("n_statistics")
        self.input_columns = torch.cat([own[member.input_columns] for member, own in self.groups.with_columns()])
        outputs = [(member.output_columns, own) for member, own in self.groups.with_columns()]
        if all(each is not None for each, _ in outputs):
            self._output_columns = torch.cat([own[each] for each, own in outputs])

    def member(self, column):
        return self.groups.member(column)

    def outside(self, values):
        outside = None
        for member, columns in self.groups.with_columns():
            mask = member.outside(values.index_select(1, columns))
            if mask is not None:
                outside = values != values if outside is None else outside
                outside.index_copy_(1, columns, mask)
        return outside

    def place(self, shift, scale):
        for member, columns in self.groups.with_columns():
            member.place(shift[columns], scale[columns])

    def exact(self, values):
        for member, columns in self.groups.with_columns():
            cells = values.index_select(1, columns)
            member.exact(cells)
            values.index_copy_(1, columns, cells)

    def observe(self, x, weight):
        for member, cells, weights in self.groups.with_cells(x, weight):
            member.observe(cells, weights)

    def begin(self, weight, bias, loadings, mean, noise):
        members = self.groups.members
        said = (part.split([member.n_outputs for member in members]) for part in (weight, bias))
        known = (part.split([member.n_inputs for member in members]) for part in (loadings, mean, noise))
        begun = [member.begin(*own) for member, *own in zip(members, *said, *known, strict=True)]
        return any(begun)

    def go_on(self, x, weight, outputs):
        parts = self.groups.with_outputs(outputs, x, weight)
        return torch.cat([member.go_on(cells, weights, own) for member, own, cells, weights in parts])

    def realize(self, x, generator):
        return self.groups.joined([member.realize(cells, generator) for member, cells in self.groups.with_cells(x)])

    def inputs(self, x):
        return torch.cat([member.inputs(cells) for member, cells in self.groups.with_cells(x)], dim=-1)

    def hidden_inputs(self, mean):
        return torch.cat([member.hidden_inputs(own) for member, own in self._with_inputs(mean)])

    def rescaled(self, inputs):
        return torch.cat([member.rescaled(own) for member, own in self._with_inputs(inputs)], dim=-1)

    def _with_inputs(self, inputs):
        """Each member with its part of what networks see (..., n_inputs)."""
        members = self.groups.members
        return zip(members, inputs.split([member.n_inputs for member in members], dim=-1), strict=True)

    def mean(self, outputs):
        return self.groups.joined([member.mean(own) for member, own in self.groups.with_outputs(outputs)])

    def statistics(self, outputs):
        return torch.cat([member.statistics(own) for member, own in self.groups.with_outputs(outputs)], dim=-1)

    def typical(self, statistics):
        members = self.groups.members
        parts = statistics.split([member.n_statistics for member in members], dim=-1)
        return self.groups.joined([member.typical(part) for member, part in zip(members, parts, strict=True)])

    log_prob = of_members("log_prob")

    def row_log_prob(self, outputs, x):
        return sum(member.row_log_prob(own, cells) for member, own, cells in self.groups.with_outputs(outputs, x))

    def sample(self, outputs, generator):
        return self.groups.joined([member.sample(own, generator) for member, own in self.groups.with_outputs(outputs)])

    residual = of_members("residual")
    error = of_members("error")
    cell_distortion = of_members("cell_distortion")

    def distortion(self, outputs, x):
        return sum(member.distortion(own, cells) for member, own, cells in self.groups.with_outputs(outputs, x))

    def calibrate(self, squared_residual, rate):
        for member, cells in self.groups.with_cells(squared_residual):
            member.calibrate(cells, rate)
