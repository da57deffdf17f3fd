"""What the profile of the training rows says of their columns before a model is built."""

from dataclasses import dataclass, replace

import numpy as np

from skvae._tables.bounds import bounds_of, narrower
from skvae._tables.matrix import cells_of
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
    """

    likelihood: list
    units: Units
    holes: list
    apart: list
    share_missing: float = 0.0


def learned(profile, schema, choice, *, linear, fitted=None):
    """What the profile of rows says of their columns, whose likelihoods are a ``choice``.

    To a ``linear`` model no cell is far, as to PCA. ``fitted`` is the model to go on from: what shapes its weights
    stays, and the rest widens.
    """
    groups = choice.groups()
    here = Usual() if linear else Usual.of(profile, scales_of(groups))
    usual = here if fitted is None else fitted.units.usual.after(here)
    parts = likelihood_parts(profile, schema, groups, usual, [] if fitted is None else fitted.options.likelihood)
    bounds = None if linear else bounds_in(profile, schema, here, groups)
    if fitted is not None:
        return Learned(parts, fitted.units.after(here, bounds), fitted.options.holes, fitted.options.apart)
    kinds = [(LIKELIHOODS[name].units, columns) for name, columns in groups]
    units = replace(Units.by_column(kinds, profile, schema.names, usual), bounds=bounds)
    apart = [] if linear else apart_in(profile, usual, groups)
    holes = np.flatnonzero(profile.columns.holed).tolist()
    return Learned(parts, units, holes, apart, profile.columns.share_missing)


def scales_of(groups):
    """The scale on which distances are measured in each group of columns."""
    return [(LIKELIHOODS[name].distances, columns) for name, columns in groups]


def bounds_in(profile, schema, usual, groups):
    """Between which values cells of these rows can be (2, n_features)."""
    columns = [j for name, group in groups if LIKELIHOODS[name].distances in LINEAR for j in group]
    sample = profile.sample
    return narrower(bounds_of(sample, usual.ends, columns), schema.limits(sample.cells.shape[1]))


def apart_in(profile, usual, groups):
    """Columns with values that stand apart from their other cells, and these values."""
    columns = [j for name, group in groups if LIKELIHOODS[name].has_atoms for j in group]
    values = usual.apart(profile.sample, columns)
    return [(j, values[j]) for j in sorted(values)]


def likelihood_parts(profile, schema, groups, usual, fitted):
    """Name, columns and further arguments of the likelihood of each group; ``fitted`` are those to go on from."""
    sample, ends = profile.sample, usual.learned_ends(profile.columns.moments)
    cells, counts = usual.learned(sample.cells), sample.counts
    ends[:, ends[0] > ends[1]] = np.nan
    cells, counts = np.vstack([cells, ends]), np.append(counts, [0.0, 0.0])
    if [(name, columns) for name, columns, _ in fitted] == groups:
        return [
            (name, columns, LIKELIHOODS[name].widened(further, cells_of(cells, columns), counts))
            for name, columns, further in fitted
        ]
    parts = [(name, columns, described(name, columns, cells, counts, schema)) for name, columns in groups]
    for _, columns, further in parts:
        if "atoms" in further:
            further["placeholders"] = usual.places(columns)
    return parts


def described(name, columns, X, counts, schema):
    """Further arguments of the likelihood of some columns of X, of which each row counts so often."""
    further = LIKELIHOODS[name].describe(cells_of(X, columns), counts)
    if "n_levels" not in further or not all(j in schema.columns for j in columns):
        return further
    if schema.declared:
        further = LIKELIHOODS[name].describe(*with_declared(X, columns, counts, schema))
    further["unseen"] = UNSEEN / float(counts.sum() + UNSEEN)
    return further


def with_declared(X, columns, counts, schema):
    """Some columns of levels and what their rows count, with a row more that counts nothing and has the last levels."""
    columns_of_them = [schema.columns[j] for j in columns]
    last = [len(column.levels) - 1.0 if column.has_levels else np.nan for column in columns_of_them]
    return np.vstack([cells_of(X, columns)[:], last]), np.append(counts, 0.0)
