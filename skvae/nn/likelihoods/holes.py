"""Tables with holes: a likelihood of the cells that are there, whatever the others are."""

import torch
from torch import nn

from skvae.nn.likelihoods.base import Likelihood


class Holes(nn.Module):
    """Which cells networks do not see: those that are missing, which are NaN, or stand apart from the others.

    Parameters
    ----------
    n_features : int
        Number of columns.
    columns : list of int
        Columns of which training cells are missing.
    apart : list of (int, list of float)
        Columns with values that stand apart, in the units of the data.
    """

    def __init__(self, n_features, columns, apart):
        super().__init__()
        self._n_features, self._apart = n_features, [torch.tensor(values, dtype=torch.float64) for _, values in apart]
        self.n_marks = len(columns) + len(apart)
        self.register_buffer("_marked", torch.tensor(columns, dtype=torch.long))
        self.register_buffer("_with_apart", torch.tensor([column for column, _ in apart], dtype=torch.long))
        most = max((len(values) for values in self._apart), default=0)
        self.register_buffer("_values_apart", torch.full((most, len(apart)), torch.nan, dtype=torch.float32))

    @property
    def mark_columns(self):
        """The column that each mark is about (n_marks,)."""
        return torch.cat([self._marked, self._with_apart])

    def place(self, shift, scale):
        """Learn the units of the columns: a cell in the data is shift + scale times one here."""
        for place, (column, values) in enumerate(zip(self._with_apart.tolist(), self._apart, strict=True)):
            self._values_apart[: len(values), place] = (values - shift[column]) / scale[column]

    def _is_apart(self, x):
        """Mask of the cells that stand apart, of the columns that have such (..., n_columns)."""
        cells = x.index_select(-1, self._with_apart)
        return (cells.unsqueeze(-2) == self._values_apart).any(-2)

    def unseen(self, x):
        """Mask of the cells that networks do not see (..., n_features)."""
        if not self._apart:
            return x.isnan()
        return x.isnan().index_copy(
            -1, self._with_apart, self._is_apart(x) | x.index_select(-1, self._with_apart).isnan()
        )

    def unforeseen(self, x):
        """Mask of the missing cells (..., n_features) of columns of which none was missing in training."""
        foreseen = torch.zeros(self._n_features, dtype=torch.bool, device=x.device)
        foreseen[self._marked] = True
        return x.isnan() & ~foreseen

    def marked(self, x, seen):
        """What networks see of cells (..., n_inputs), with a mark for each column that may lack them."""
        if not self.n_marks:
            return seen
        marks = [x.index_select(-1, self._marked).isnan()] + ([self._is_apart(x)] if self._apart else [])
        return torch.cat([seen, *(mark.to(seen.dtype) for mark in marks)], dim=-1)


def of_present(name):
    """The method that asks the likelihood inside about rows with missing cells filled, and says zero of these."""

    def present(self, outputs, x):
        return where_present(x, getattr(self.inside, name)(outputs, filled(x, self._filler)))

    return present


class Incomplete(Likelihood):
    """A likelihood of rows some of whose cells are missing, which are NaN.

    Cells are independent given the code, so that a missing one is as if its column were not there: it has no
    log-density, and nothing is learned from it. Networks see the mean of the training rows in its place and, for each
    column of which cells were missing in training, whether it is there.

    Parameters
    ----------
    inside : Likelihood
        Likelihood of complete rows.
    columns : list of int
        Columns of which training cells are missing.
    apart : list of (int, list of float)
        Columns with values, in the units of the data, that stand apart from the others, such as placeholders. They have
        their density, but networks see them as they see missing cells: the mean and a mark.
    """

    def __init__(self, inside, columns, apart=()):
        super().__init__(inside.n_features)
        self.inside, self.holes, self.units = inside, Holes(inside.n_features, columns, apart), inside.units
        self.n_inputs, self.n_outputs = inside.n_inputs + self.holes.n_marks, inside.n_outputs
        self.n_statistics, self._output_columns = inside.n_statistics, inside.output_columns
        self.input_columns = torch.cat([inside.input_columns, self.holes.mark_columns])
        self.register_buffer("_owner", inside.input_columns)
        self.register_buffer("_filler", torch.zeros(inside.n_features, dtype=torch.float32))
        self.register_buffer("_centre", torch.zeros(inside.n_inputs, dtype=torch.float32))

    def learn_filler(self, filler, centre):
        """Take cells (n_features,) and inputs (n_inputs of the likelihood inside,) to put where cells are missing."""
        self._filler.copy_(filler)
        self._centre.copy_(centre)

    def place(self, shift, scale):
        self.inside.place(shift, scale)
        self.holes.place(shift, scale)

    def observe(self, x, weight):
        present = ~x.isnan()
        first = present.to(torch.uint8).argmax(0, keepdim=True)
        there = torch.where(present.any(0), x.gather(0, first)[0], torch.zeros_like(x[0]))
        self._filler.copy_(there)
        weight = weight * present
        cells = filled(x, self._filler)
        self.inside.observe(cells, weight)
        weight = weight * ~self.holes.unseen(x)
        total = weight.sum(0).clamp_min(torch.finfo(weight.dtype).tiny)
        share = (weight / total).index_select(1, self._owner)  # (n, n_inputs of the likelihood inside)
        self._centre.copy_((share * self.inside.inputs(cells)).sum(0))

    def go_on(self, x, weight, outputs):
        return self.inside.go_on(filled(x, self._filler), weight * ~x.isnan(), outputs)

    def begin(self, weight, bias, loadings, mean, noise):
        n = self.inside.n_inputs
        return self.inside.begin(weight, bias, loadings[:n], mean[:n], noise[:n])

    def inputs(self, x):
        seen = torch.where(self.missing_inputs(x), self._centre, self.inside.inputs(filled(x, self._filler)))
        return self.holes.marked(x, seen)

    def missing_inputs(self, x):
        return self.holes.unseen(x).index_select(-1, self._owner)

    def rescaled(self, inputs):
        seen, marks = inputs.split([self.inside.n_inputs, self.holes.n_marks], dim=-1)
        return torch.cat([self.inside.rescaled(seen), marks], dim=-1)

    def realize(self, x, generator):
        return torch.where(x.isnan(), x, self.inside.realize(filled(x, self._filler), generator))

    def mean(self, outputs):
        return self.inside.mean(outputs)

    def statistics(self, outputs):
        return self.inside.statistics(outputs)

    def typical(self, statistics):
        return self.inside.typical(statistics)

    log_prob = of_present("log_prob")
    residual = of_present("residual")
    error = of_present("error")
    cell_distortion = of_present("cell_distortion")

    def sample(self, outputs, generator):
        return self.inside.sample(outputs, generator)

    def calibrate(self, squared_residual, rate):
        self.inside.calibrate(squared_residual, rate)

    def outside(self, values):
        outside = self.inside.outside(values)
        return outside if outside is None else outside & (values == values)

    def member(self, column):
        return self.inside.member(column)

    def exact(self, values):
        self.inside.exact(values)


def filled(x, filler):
    """Cells (..., n_features) with one of ``filler`` (n_features,), which has a density, where they are missing."""
    return torch.where(x.isnan(), filler, x)


def where_present(x, cells):
    """Values of cells (..., n_features), zero where x is missing."""
    return torch.where(x.isnan(), torch.zeros_like(cells), cells)
