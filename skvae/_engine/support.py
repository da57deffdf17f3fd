"""Which cells a likelihood gives a density; the first of the others is named."""

from itertools import product

import numpy as np
import torch

from skvae._tables.matrix import is_complete, pieces_of
from skvae._tables.names import column_name
from skvae.nn.likelihoods import LIKELIHOODS


def supports(likelihood, units, groups, columns):
    """Whether a likelihood surely gives a density to all cells of which these are the ``Columns`` of a profile."""
    if columns.holed.any() and any(not LIKELIHOODS[name].separable for name, *_ in groups):
        return False
    outside = outside_of(likelihood, units, columns.witnesses)
    return outside is None or not outside.any()


def outside_of(likelihood, units, X):
    """Mask of the cells that have no density (n, n_features); None where there are none such."""
    outside = likelihood.outside(torch.from_numpy(units.to_standard(X)))
    return None if outside is None else outside.numpy() & ~np.isnan(X)


def check_support(likelihood, units, groups, X, names):
    """Refuse values that a likelihood gives no density, and missing ones that it cannot do without.

    ``groups`` are its parts: name, columns and further arguments.
    """
    check_together(groups, X, names)
    if likelihood.outside(torch.empty((0, X.shape[1]), dtype=torch.float64)) is None:
        return  # and no need to look at cells
    for part, cells in pieces_of(X):
        outside = outside_of(likelihood, units, cells)
        if outside.any():
            row, j = np.argwhere(outside)[0]
            member = likelihood.member(j)
            name, columns = next((name, columns) for name, columns, _ in groups if j in columns)
            ends = {"low": units.shift[j], "high": units.shift[j] + units.scale[j]}
            support = member.support.format(**ends, total=cells[row, columns].sum())
            raise ValueError(
                f"{column_name(names, j)}, row {part.start + row} holds {cells[row, j]:.6g}, but "
                f"likelihood={name!r} describes {support} only. {member.remedy}"
            )


def check_together(groups, X, names):
    """Refuse rows that lack some cells only of columns whose cells depend on each other."""
    together = [group for group in groups if not LIKELIHOODS[group[0]].separable]
    pieces = () if not together or is_complete(X) else pieces_of(X)
    for (part, cells), (name, columns, _) in product(pieces, together):
        lacks = np.isnan(cells[:, columns])
        rows = np.flatnonzero(lacks.any(1) & ~lacks.all(1))
        if len(rows):
            row = lacks[rows[0]]
            raise ValueError(
                f"row {part.start + rows[0]} lacks {column_name(names, columns[row.argmax()])} but has "
                f"{column_name(names, columns[row.argmin()])}; likelihood={name!r} describes a row's cells of its "
                f"columns together, all or none of them. {LIKELIHOODS[name].in_part}"
            )
