"""Values that rows repeat: which of them are atoms, and how draws come to lie where rows do."""

import math

import torch

MOST_LEVELS_AS_ATOMS, SHARE_OF_AN_ATOM, ROWS_OF_AN_ATOM = 20, 0.05, 10
"""What counts as an atom of a column: its values where they are this few, or what holds this share of its rows and at
least so many."""

DIGITS = 1e-5
"""Share of a column's range within which a draw is the atom beside it."""

END = 0.1
"""Share of a column's range in which draws come to lie that would be beyond it."""

REPEATED_SHARE = 0.9
"""Share of rows whose value others hold too in a column of rounded numbers."""


def described(known):
    """Atoms, rounded values and ranges of each column of which so much is known."""
    held = columns_held(known)
    return {
        "atoms": [atoms_of(*each) for each in held],
        "values": [repeated(*each) for each in held],
        "ranges": [range_of(*ends) for ends in known.ends.T.tolist()],
    }


def described_again(further, known):
    """The description ``further`` after more rows: ranges of all of them, and rounded values while rows repeat them."""
    ranges = (range_of(*ends) for ends in known.ends.T.tolist())
    ranges = [[min(a, c), max(b, d)] for (a, b), (c, d) in zip(further["ranges"], ranges, strict=True)]
    seen = [repeated_again(old, *each) for old, each in zip(further["values"], columns_held(known), strict=True)]
    return {**further, "values": seen, "ranges": ranges}


def columns_held(known):
    """The values of each column in order, and what the rows of a sample that hold each of them count."""
    return [held_by(column, known.counts) for column in known.cells.unbind(1)]


def close_to(cells, atoms):
    """Cells of a column (n,) with the atom in place of what is as good as it."""
    atom = nearest(cells, atoms)
    close = (cells - atom).abs() <= DIGITS * (cells.abs() + cells.max() - cells.min())
    return torch.where(close, atom, cells)


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


def values_of(columns):
    """Values of the columns that have some, by the number of the column."""
    return {column: torch.tensor(values, dtype=torch.float64) for column, values in enumerate(columns) if values}


def range_of(low, high):
    """Smallest and largest cell of a column; anything where it has none."""
    return [low, high] if low <= high else [-math.inf, math.inf]


def atoms_of(values, held):
    """The values that are atoms."""
    if len(values) > min(MOST_LEVELS_AS_ATOMS, held.sum() / ROWS_OF_AN_ATOM):
        values = values[held >= max(SHARE_OF_AN_ATOM * held.sum(), ROWS_OF_AN_ATOM)]
    return values.tolist()


def repeated(values, held):
    """The values of a column whose rows repeat almost all of them, as rounded ones do; none of another column."""
    return values.tolist() if held[held > 1.0].sum() >= REPEATED_SHARE * held.sum() > 0.0 else []


def repeated_again(seen, values, held):
    """The values of a rounded column in more rows, with the cells of which it goes on; none if it does not."""
    known = torch.isin(values, torch.tensor(seen, dtype=values.dtype)) | (held > 1.0)
    if not seen or held[known].sum() < REPEATED_SHARE * held.sum():
        return []
    return sorted({*seen, *values.tolist()})


def nearest(cells, values):
    """The value, of some in order, that is nearest to each cell."""
    above = torch.searchsorted(values, cells.contiguous()).clamp_max(len(values) - 1)
    below = (above - 1).clamp_min(0)
    return torch.where(values[above] - cells < cells - values[below], values[above], values[below])
