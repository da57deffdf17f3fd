"""Which likelihood each column of a table has, and why."""

from skvae._recipe.pixels import LIKELIHOOD_OF_PIXELS, REASON
from skvae._tables.kinds import KINDS
from skvae._tables.names import column_groups, column_name
from skvae.nn.likelihoods import LIKELIHOODS

OF_LEVELS = {kind.likelihood for kind in KINDS.values() if kind.likelihood is not None}
"""Likelihoods of levels; columns of texts have no other than these."""

WIDTHS = 4, 16, 64
"""Levels up to which columns are computed together, so that a wide column does not make all others wide."""


class Choice:
    """The likelihood of each column, from the parameter ``likelihood`` and what the columns hold.

    Parameters
    ----------
    likelihood : str, list or dict
        Parameter of the estimators.
    of_numbers : str
        What "auto" stands for in columns of numbers that are not alike.
    schema : Schema
        What the columns hold.
    n_features : int
        Number of columns.
    alike : bool
        Whether all columns are alike, as pixels are: then "auto" for the table is one likelihood for all of them, and
        they ``are_pixels``.
    """

    def __init__(self, likelihood, of_numbers, schema, n_features, alike=False):
        self._parameter, self._schema = likelihood, schema
        self.are_pixels = alike and isinstance(likelihood, str) and likelihood == "auto"
        self._of_numbers = LIKELIHOOD_OF_PIXELS if self.are_pixels else of_numbers
        self._columns = [schema.column(j) for j in range(n_features)]
        self._together, self._asked = [0] * n_features, set()
        self.names = self._names()
        for j, (name, column) in enumerate(zip(self.names, self._columns, strict=True)):
            if column.needs_levels and name not in OF_LEVELS:
                raise ValueError(
                    f"likelihood={likelihood!r} takes {name!r} for {column_name(schema.names, j)}, which holds levels, "
                    "not numbers. Use 'categorical' or 'ordinal' for it, or make it numeric."
                )

    def _names(self):
        chosen = [self._by_default(column) for column in self._columns]
        if isinstance(self._parameter, str):
            return chosen
        if isinstance(self._parameter, dict):
            pairs = [(name, [column]) for column, name in self._parameter.items()]
        else:
            pairs = self._parameter
        for pair in pairs or [None]:
            if not isinstance(pair, tuple | list) or len(pair) != 2 or pair[0] not in (*LIKELIHOODS, "auto"):
                raise ValueError(
                    f"likelihood={self._parameter!r} holds {pair!r}; it must be one of {sorted(LIKELIHOODS)}, a list "
                    "of (name, columns) with such a name and columns of X by name or number, or a dict with the name "
                    "for some columns."
                )
        is_dict = isinstance(self._parameter, dict)
        groups = column_groups("likelihood", pairs, self._schema.names, len(self._columns), complete=not is_dict)
        for number, ((name, _), columns) in enumerate(zip(pairs, groups, strict=True)):
            for j in columns if name != "auto" else []:
                chosen[j], self._together[j] = name, 0 if is_dict else number
                self._asked.add(j)
        return chosen

    def _by_default(self, column):
        """The likelihood of a column that nothing is said of: levels have their own, whatever is said of numbers.

        So have booleans beside real numbers. A narrow normal density about a boolean that follows from other cells
        would make it the reason where one of those is far.
        """
        named = self._parameter if isinstance(self._parameter, str) and self._parameter != "auto" else None
        if column.needs_levels:
            return named if named in OF_LEVELS else column.likelihood
        if column.likelihood is not None and LIKELIHOODS[named or self._of_numbers].units == "standard":
            return column.likelihood
        return named or self._of_numbers

    def groups(self):
        """Pairs of a name and the columns that are computed together, in the order of their first columns."""
        together = {}
        for j, name in enumerate(self.names):
            together.setdefault((name, self._together[j], self._width(j)), []).append(j)
        return [(key[0], columns) for key, columns in together.items()]

    def columns_of_levels(self):
        """The columns whose likelihood is one of levels, whose rows are counted by level."""
        return [j for j, name in enumerate(self.names) if name in OF_LEVELS]

    def columns_alone(self):
        """The columns of numbers whose cells are independent of those of others, given a code."""
        return [j for j, name in enumerate(self.names) if LIKELIHOODS[name].separable and name not in OF_LEVELS]

    def reasons(self, parts):
        """Pairs of the likelihood and why it was chosen, one a column; ``parts`` are those of the model."""
        said = [None] * len(self.names)
        for name, columns, further in parts:
            for place, j in enumerate(columns):
                said[j] = name, self._reason(j, place, further)
        return said

    def _reason(self, j, place, further):
        column = self._columns[j]
        if column.is_empty:
            return "no training cell is there"
        if j in self._asked or (isinstance(self._parameter, str) and self._parameter == self.names[j]):
            return "asked for"
        if self.are_pixels:
            return REASON
        what = column.noun
        if column.needs_levels:
            levels = counted(len(column.levels), "level")
            return f"{levels} in order" if LIKELIHOODS[column.likelihood].ordered else levels
        if column.has_levels:
            return what
        atoms, values = (further[name][place] for name in ("atoms", "values")) if "atoms" in further else ([], [])
        if atoms and len(atoms) == len(values):
            return f"{what} with {counted(len(values), 'value')} in all"
        held = [f"many rows share {counted(len(atoms), 'value')}"] if atoms else []
        return ", ".join([what, *held, *(["rounded: nearly all values repeat"] if values else [])])

    def _width(self, j):
        """Which columns of levels are about as wide as this one."""
        column = self._columns[j]
        if not column.has_levels or self.names[j] not in OF_LEVELS:
            return 0
        return sum(len(column.levels) > width for width in WIDTHS)


def counted(n, noun):
    """A number of things in words."""
    return f"{n} {noun}" if n == 1 else f"{n} {noun}s"
