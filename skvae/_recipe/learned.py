"""What the profile of the training rows says of their columns before a model is built."""

from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
import torch
from torch.nn.functional import pad

from skvae._tables.bounds import bounds_of, narrower, within_one_range
from skvae._tables.units import Units
from skvae._tables.usual import LINEAR, Usual
from skvae.nn.likelihoods import LIKELIHOODS

UNSEEN = 0.5
"""How many rows the levels that no training row has are worth together."""


@dataclass(frozen=True)
class Learned:
    """What is known of the columns of the training rows.

    Parameters
    ----------
    likelihood : list of (str, list of int, dict)
        Name, columns and further arguments of the likelihood of each group of columns.
    units : Units
        Location and scale of each column, where its cells usually are, and their bounds.
    holes : list of int
        Columns of which cells are missing.
    apart : list of (int, list of float)
        Columns with values that stand apart from their other cells, and these values, as the model meets them.
    share_missing : float
        Share of the cells that are missing.
    alike : bool
        Whether the columns are alike, as pixels are.
    """

    likelihood: list
    units: Units
    holes: list
    apart: list
    share_missing: float = 0.0
    alike: bool = False


def learned(profile, schema, choice, *, linear, alike=False, fitted=None):
    """What the profile of rows says of their columns, whose likelihoods are a ``choice``.

    To a ``linear`` model no cell is far, as to PCA. ``fitted`` is the model to go on from: what shapes its weights
    stays, and the rest widens. ``alike`` is whether the columns are, as pixels are.
    """
    groups = choice.groups()
    here = Usual() if linear else Usual.of(profile, scales_of(groups))
    usual = here if fitted is None else fitted.units.usual.after(here)
    parts = likelihood_parts(profile, schema, groups, usual, [] if fitted is None else fitted.options.likelihood)
    bounds = None if linear else bounds_in(profile, schema, here, groups, choice.are_pixels)
    if fitted is not None:
        return Learned(parts, fitted.units.after(here, bounds), fitted.options.holes, fitted.options.apart, alike=alike)
    kinds = [(LIKELIHOODS[name].units, columns) for name, columns in groups]
    units = replace(Units.by_column(kinds, profile, schema.names, usual), bounds=bounds)
    apart = [] if linear else apart_in(profile, usual, groups)
    holes = np.flatnonzero(profile.columns.holed).tolist()
    return Learned(parts, units, holes, apart, profile.columns.share_missing, alike)


def scales_of(groups):
    """The scale on which distances are measured in each group of columns."""
    return [(LIKELIHOODS[name].distances, columns) for name, columns in groups]


def bounds_in(profile, schema, usual, groups, are_pixels):
    """Between which values cells of these rows can be (2, n_features); pixels have one range."""
    columns = [j for name, group in groups if LIKELIHOODS[name].distances in LINEAR for j in group]
    sample = profile.sample
    bounds = bounds_of(sample, usual.ends, columns)
    bounds = within_one_range(bounds, usual.ends, columns) if are_pixels else bounds
    return narrower(bounds, schema.limits(sample.cells.shape[1]))


def apart_in(profile, usual, groups):
    """Columns with values that stand apart from their other cells, and these values."""
    columns = [j for name, group in groups if LIKELIHOODS[name].has_atoms for j in group]
    values = usual.apart(profile.sample, columns)
    return [(j, values[j]) for j in sorted(values)]


def likelihood_parts(profile, schema, groups, usual, fitted):
    """Name, columns and further arguments of the likelihood of each group; ``fitted`` are those to go on from."""
    known = known_by_group(profile, usual, groups)
    if [(name, columns) for name, columns, _ in fitted] == groups:
        parts = zip(fitted, known, strict=True)
        return [(name, columns, LIKELIHOODS[name].widened(further, each)) for (name, columns, further), each in parts]
    parts = [
        (*group, described(*group, each, profile.total, schema)) for group, each in zip(groups, known, strict=True)
    ]
    for _, columns, further in parts:
        if "atoms" in further:
            further["placeholders"] = usual.places(columns)
    return parts


class Known(NamedTuple):
    """What a likelihood is told of its columns, as ``Reading.describe`` says."""

    cells: torch.Tensor
    counts: torch.Tensor
    ends: torch.Tensor
    levels: list


def known_by_group(profile, usual, groups):
    """What is known of the columns of each group, whose cells are as a model learns from them."""
    cells, ends = usual.learned(profile.sample.cells), usual.learned_ends(profile.columns.moments)
    ends[:, ends[0] > ends[1]] = np.nan
    counts, levels = torch.from_numpy(profile.sample.counts), profile.columns.levels
    return [
        Known(
            torch.from_numpy(cells[:, columns]),
            counts,
            torch.from_numpy(ends[:, columns]),
            [torch.from_numpy(levels[j]) for j in columns if j in levels],
        )
        for _, columns in groups
    ]


def described(name, columns, known, n_rows, schema):
    """Further arguments of the likelihood of some columns of a table whose rows count ``n_rows`` together."""
    are_described = all(j in schema.columns for j in columns)
    if schema.declared and are_described and known.levels:
        declared = [len(schema.columns[j].levels) if schema.columns[j].has_levels else 1 for j in columns]
        known = known._replace(levels=list(map(filled_up, known.levels, declared)))
    further = LIKELIHOODS[name].describe(known)
    if "n_levels" in further and are_described:
        further["unseen"] = UNSEEN / float(n_rows + UNSEEN)
    return further


def filled_up(counts, n_levels):
    """What the rows of each level count, with zero for further levels up to so many."""
    return pad(counts, (0, max(n_levels - len(counts), 0)))
