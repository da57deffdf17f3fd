"""The units of a table's columns: the affine layer between what cells are in the data and what a model sees."""

from dataclasses import dataclass, field, replace

import numpy as np

from skvae._tables.bounds import bounds_after
from skvae._tables.names import column_name, objects
from skvae._tables.usual import Usual

FARTHEST = 1e12
"""Largest distance from the mean, in standard deviations, that a cell keeps: farther ones count as this far."""

ROUNDINGS = 8.0
"""Cells of a column whose standard deviation is no more roundings of its mean are taken to be one value."""


@dataclass
class Units:
    """The affine layer between the data's units and the model's: standard = (x - shift) / scale, (n_features,) each.

    ``log_jacobian`` (n_features,) is what it adds to the log-density of each cell; 0 where cells have probabilities,
    not densities. Missing cells are NaN, in either units, and have no part in what is computed here; nor have cells
    that are far from where those of their column ``usual``-ly are. Placeholders stand beside the usual cells. What
    comes back from standard units lies within the ``bounds`` (2, n_features), or anywhere where these are None.
    """

    shift: np.ndarray
    scale: np.ndarray
    log_jacobian: np.ndarray
    usual: Usual = field(default_factory=Usual)
    bounds: np.ndarray | None = None

    @classmethod
    def standard(cls, moments, names):
        """Mean zero and standard deviation one in each column.

        A constant column is zero with scale one, and one that differs by rounding has at least this scale.
        """
        mean, variance, low, high = moments.mean, moments.variance, moments.low, moments.high
        for j in np.flatnonzero(~np.isfinite(mean + variance)):
            raise ValueError(
                f"The range of {column_name(names, j)} is too wide for float64 arithmetic (up to "
                f"{max(abs(low[j]), abs(high[j])):.3g}). Divide the column by a constant or take its logarithm."
            )
        scale, rounding = np.sqrt(variance), ROUNDINGS * np.finfo(np.float64).eps * np.abs(mean)
        varying = variance - moments.away**2 > rounding**2  # the mean of many rows is rounded more than that
        scale = np.where(varying, scale, np.maximum(scale, 1.0))
        mean, scale = np.where(low == high, low, mean), np.where(low == high, 1.0, scale)
        return cls(mean, scale, -np.log(scale))

    @classmethod
    def common(cls, moments, names):
        """Mean zero in each column and one scale for all of them, so that the mean variance is one."""
        each = cls.standard(moments, names)
        n_features, varying = len(each.scale), each.scale[moments.low < moments.high]
        scale = np.full(n_features, np.sqrt(np.square(varying).sum() / n_features) if len(varying) else 1.0)
        return cls(each.shift, scale, -np.log(scale))

    @classmethod
    def unit_interval(cls, moments, names):
        """0 and 1 as they are where all cells lie between them; otherwise the smallest and the largest cell."""
        n_features, least, most = len(moments.low), float(moments.low.min()), float(moments.high.max())
        low, high = min(least, 0.0), max(most, 1.0)
        if (low, high) != (0.0, 1.0) and least <= most:
            low, high = least, most
        scale = high - low if np.isfinite(high - low) and high > low else 1.0
        low = low if np.isfinite(low) else 0.0
        return cls(np.full(n_features, low), np.full(n_features, scale), np.zeros(n_features))

    @classmethod
    def interval(cls, moments, names):
        """As ``unit_interval``, where cells have densities, which depend on their unit."""
        units = cls.unit_interval(moments, names)
        return cls(units.shift, units.scale, -np.log(units.scale))

    @classmethod
    def positive(cls, moments, names):
        """Mean one in each column, zero where it was."""
        mean = moments.mean
        scale = np.where(np.isfinite(mean) & (mean > 0.0), mean, 1.0)
        return cls(np.zeros(len(mean)), scale, -np.log(scale))

    @classmethod
    def counts(cls, moments, names):
        """Cells as they are: counts and level numbers have no unit."""
        n_features = len(moments.low)
        return cls(np.zeros(n_features), np.ones(n_features), np.zeros(n_features))

    @classmethod
    def simplex(cls, moments, names):
        """Shares as they are."""
        return cls.counts(moments, names)

    @classmethod
    def by_column(cls, kinds, profile, names, usual):
        """Units of groups of columns; ``kinds`` holds a key of ``UNITS`` and the columns of each group."""
        moments = profile.near(usual)
        shift, scale, log_jacobian = (np.empty(len(moments.low)) for _ in range(3))
        for kind, columns in kinds:
            of_them = names if names is None else objects(names)[columns]
            units = UNITS[kind](moments.of_columns(columns), of_them)
            shift[columns], scale[columns], log_jacobian[columns] = units.shift, units.scale, units.log_jacobian
        return cls(shift, scale, log_jacobian, usual)

    def after(self, usual, bounds):
        """The same units to one who has seen more rows, which have these usual cells and bounds."""
        if self.bounds is not None and bounds is not None:
            bounds = bounds_after(self.bounds, usual.ends, bounds)
        return replace(self, usual=self.usual.after(usual), bounds=bounds)

    def to_standard(self, X):
        """Standard units (n, n_features), float64."""
        return self._standard(self.usual.placed(X))

    def to_learn(self, X):
        """The same of rows that a model learns from: far cells stand at the ends of the usual ones."""
        return self._standard(self.usual.learned(X))

    def _standard(self, X):
        standard = np.subtract(X, self.shift, dtype=np.float64)
        standard /= self.scale
        return np.clip(standard, -FARTHEST, FARTHEST, out=standard)

    def from_standard(self, standard, exact=None):
        """The data's units (n, n_features), float64; ``exact`` puts draws where exact values lie, in place."""
        cells = standard.astype(np.float64) * self.scale + self.shift
        if exact is not None:
            exact(cells)
        return self.usual.snapped(cells, cells if self.bounds is None else np.clip(cells, *self.bounds))

    def within_usual(self, X):
        """Cells (n, n_features) no farther than the usual ones of the table, but placeholders as they are."""
        first, last = self.usual.ends
        if first is None:  # to a linear model no cell is far
            return X
        has_cells = first <= last
        return self.usual.clipped(X, np.where(has_cells, first, -np.inf), np.where(has_cells, last, np.inf))

    @property
    def fence(self):
        """Standard units below and above which cells are far, and where these then stand (4, n_features), or None."""
        return None if self.usual.low is None else self._standard(self.usual.fence)


UNITS = {
    "standard": Units.standard,
    "common": Units.common,
    "unit_interval": Units.unit_interval,
    "interval": Units.interval,
    "positive": Units.positive,
    "counts": Units.counts,
    "simplex": Units.simplex,
}
"""How the units of a likelihood's cells are found, by the name that the likelihood gives."""
