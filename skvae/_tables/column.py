"""What one column of a table is: cells -> numbers with holes -> cells, of pandas and polars."""

from abc import ABC, abstractmethod
from dataclasses import dataclass, replace
from decimal import Decimal
from fractions import Fraction

import numpy as np
import pandas as pd

from skvae._tables.cells import COMPLEX, DATES_OF_NUMPY, is_missing, is_object
from skvae._tables.exchange import Exchanged
from skvae._tables.frames.frame import in_words, without_signals
from skvae._tables.frames.polars import filled_series, is_of_polars, to_polars
from skvae._tables.limits import clipped, decimals, holds_integers, named
from skvae._tables.plain import StoredPlainly

LARGEST_DENOMINATOR = 10**9
"""Fractions of whole numbers up to this one are told apart in float64."""

PLAIN = {
    "date": lambda time: time.date(),
    "datetime": lambda time: time.to_pydatetime(),
    "timedelta": lambda span: span.to_pytimedelta(),
    "Decimal": lambda number: Decimal(str(number)),
    "Fraction": lambda number: Fraction(number).limit_denominator(LARGEST_DENOMINATOR),
}
"""Cells of object columns whose type is not that of the numbers they stand for, by the name of that type."""


@dataclass
class Column(StoredPlainly, ABC):
    """One column: its label, its dtype, and how its cells are read as numbers and written again.

    ``categorical`` describes a categorical dtype. ``plain`` is a key of PLAIN. ``low`` and ``high`` bound what training
    cells were, where draws must stay there. ``told`` is whether it was said that cells of later rows are not learned.
    """

    label: object
    dtype: object
    categorical: dict | None = None
    plain: str | None = None
    told: bool = False
    low: float = -np.inf
    high: float = np.inf

    kind = ""
    """Name in KINDS."""

    noun = "numbers"
    """What reasons call the cells."""

    family = "numbers"
    """What messages call the family of its cells; None where the cells themselves say it."""

    cells_in_words = "numbers"
    """What cells must be to be read as this column's."""

    letter = None
    """The letter of the dtypes of numpy, "f", "i" or "b", that are read by the block; None for other columns."""

    letters = ()
    """Letters of the plain dtypes whose numbers are those that it reads them as."""

    is_empty = False
    """Whether no training cell is there."""

    has_levels = False
    """Whether its numbers are those of levels."""

    needs_levels = False
    """Whether nothing but the levels can be described: its numbers are no amounts."""

    likelihood = None
    """Likelihood that suits it whatever suits numbers; None where it is numbers."""

    are_texts = False
    """Whether it has levels and all of them are texts."""

    stand_in = "a level never seen"
    """A text that is none of the levels and stands for one that training rows do not have."""

    reads_otherwise = False
    """Whether its cells are read as something else than numbers."""

    bounded = False
    """Whether draws stay within what training cells were."""

    is_whole = False
    """Whether its cells are whole numbers."""

    are_dates = False
    """Whether its cells are dates, which may have a time zone."""

    zone = None
    """The time zone of dates."""

    decimals = None
    """How many decimals its numbers have; None where that is not said of them."""

    precision = None
    """How far its numbers may be from decimals, relatively; None where no decimals are looked for."""

    reader = None
    """The function of pandas that reads such cells from texts, for messages."""

    @classmethod
    @abstractmethod
    def holds(cls, cells, there):
        """Whether a pandas Series is of this kind; ``there`` are those of its cells that are not missing."""

    @classmethod
    def of(cls, cells, label, dtype, declared):
        """The column of training cells, a pandas Series; ``declared`` is whether its dtype says which levels there are.

        Cells have been found to be of this kind.
        """
        column = cls(label, dtype, described(cells.dtype))
        if is_object(cells.dtype):
            first = type(cells[cells.first_valid_index()]).__name__
            column.plain = first if first in PLAIN else None
        column = column.learned(cells)
        if column.bounded:
            numbers = column.encode(cells)
            column.low, column.high = float(np.nanmin(numbers)), float(np.nanmax(numbers))
        return column

    def learned(self, cells):
        """The column with what only this kind learns of training cells."""
        return self

    @classmethod
    def plain_of(cls, label, dtype, low, high):
        """The column of training cells of a plain dtype that lie between two ends."""
        return cls(label, dtype, low=low, high=high) if cls.bounded else cls(label, dtype)

    def widened(self, low, high):
        """The column after more rows, whose numbers lie between two ends."""
        return replace(self, low=min(self.low, low), high=max(self.high, high)) if self.bounded else self

    def accepts(self, cells):
        """Whether a Series of later rows is of a dtype that can hold such cells: no dates where there were numbers."""
        return cells.dtype.kind not in "mM"

    def is_odd(self, cell):
        """Whether one cell that is there cannot be read as one of this column."""
        return False

    def encode(self, cells):
        """Numbers (n,) of a pandas Series, NaN where cells are missing; a level never seen has the next number."""
        return np.full(len(cells), np.nan) if cells.isna().all() else self._encode(cells)

    @abstractmethod
    def _encode(self, cells):
        """Numbers (n,) of a Series of which some cells are there."""

    def exchanged(self):
        """How its cells are written as texts or float64; a ValueError says why they cannot be."""
        kind, bits = named(self.dtype) or ("float", 64)
        return Exchanged(whole=self.is_whole, single=(kind, bits) == ("float", 32), empty=self.is_empty)

    @abstractmethod
    def number_of(self, cell):
        """The number of one cell that a user writes."""

    @abstractmethod
    def decode(self, numbers, as_measured=False, dtype=None):
        """Cells as a pandas Series of what training cells were, from numbers (n,), NaN where cells are to be missing.

        Times are whole numbers of their unit, unless they are to stay ``as_measured``, and lie within what a dtype
        holds: that of the training data, unless another one is said.
        """

    def shown(self, numbers, as_measured=False):
        """Cells as a reader knows them, an object array (n,), from numbers (n,)."""
        if not self.reads_otherwise:
            return numbers.astype(object)
        return self.decode(numbers, as_measured).astype(object).to_numpy()

    def unseen(self, numbers):
        """Mask of the numbers (n,) that stand for levels that no training row has."""
        return np.zeros(len(numbers), dtype=bool)

    def restored(self, numbers, dtype=None):
        """Cells from numbers (n,) in a pandas dtype: that of the training data, unless another one is said."""
        dtype = self._training_dtype if dtype is None else dtype
        cells = self.decode(numbers, dtype=dtype)
        if is_object(dtype) and self.plain is not None:
            return pd.Series(self._plain_cells(cells), dtype=object)
        if is_of_numbers(cells) and hasattr(getattr(dtype, "pyarrow_dtype", None), "precision"):
            return pd.Series(decimals(cells, dtype.pyarrow_dtype), dtype=dtype)
        return (held(cells, dtype) if is_of_numbers(cells) else cells).astype(dtype)

    def in_polars(self, numbers, dtype=None, as_measured=False):
        """Cells from numbers (n,) as a polars Series of a dtype or of its name; None takes what cells are."""
        cells = self.decode(numbers, as_measured, dtype)
        return to_polars(pd.Series(self._plain_cells(cells), dtype=object) if str(dtype) == "Object" else cells, dtype)

    def _plain_cells(self, cells):
        """Cells as Python objects of the type that those of training had, as far as numbers tell."""
        cells = [None if is_missing(cell) else cell for cell in cells.astype(object)]
        convert = PLAIN.get(self.plain)
        return cells if convert is None else [None if cell is None else convert(cell) for cell in cells]

    def is_twin_of(self, dtype):
        """Whether a dtype of pandas is that of training with missing cells, as Int64 is of int64."""
        name = str(dtype)
        return TWINS.get(name, name.lower()) == str(self.dtype) != name

    @property
    def _training_dtype(self):
        if self.categorical is not None:
            categories = pd.Index(self.categorical["categories"], dtype=self.categorical["dtype"])
            return pd.CategoricalDtype(categories, self.categorical["ordered"])
        return pd.api.types.pandas_dtype(self.dtype)

    def filled(self, cells, missing, numbers):
        """A Series of pandas or polars with its missing cells (n,) taken from numbers (n,); the others as they are.

        A dtype of categories is given those that it lacks.
        """
        if is_of_polars(cells):
            values = self.decode(numbers[missing]).tolist
            return filled_series(cells, missing, values, lambda dtype: self.in_polars(numbers, dtype))
        if isinstance(cells.dtype, pd.CategoricalDtype):
            new = pd.unique(self.decode(numbers[missing]).astype(object))
            new = [level for level in new if level not in cells.cat.categories]
            cells = cells.cat.add_categories(new) if new else cells
        filled = cells.mask(missing, self.restored(numbers, cells.dtype).set_axis(cells.index))
        return filled if filled.dtype == cells.dtype else filled.astype(cells.dtype)  # sparse ones become float64


TWINS = {"boolean": "bool"}
"""Dtypes of pandas that take holes, whose twins are not called like them in small letters."""


def described(dtype):
    """A categorical dtype as plain values; None for another."""
    if not isinstance(dtype, pd.CategoricalDtype):
        return None
    categories = dtype.categories
    return {"categories": categories.tolist(), "dtype": in_words(categories.dtype, "pandas"), "ordered": dtype.ordered}


def number_of_cell(column, cell, dtype=object):
    """The number of one cell of a column."""
    return column.encode(without_signals(pd.Series([cell], dtype=dtype)))[0]


def floats(cells):
    """Numbers (n,) of a Series that holds numbers, NaN where they are missing; dates and complex ones are errors."""
    types = set(map(type, cells)) if is_object(cells.dtype) else set()
    if cells.dtype.kind == "c" or any(issubclass(each, (*DATES_OF_NUMPY, *COMPLEX)) for each in types):
        raise TypeError("dates or complex numbers")
    return cells.to_numpy(dtype=np.float64, na_value=np.nan)


def with_holes(cells, missing):
    """A Series with missing cells, of object dtype where there are some."""
    return cells.astype(object).mask(missing, None) if missing.any() else cells


def is_of_numbers(cells):
    """Whether a Series of pandas holds numbers of numpy."""
    return isinstance(cells.dtype, np.dtype) and cells.dtype.kind in "iuf"


def held(cells, dtype):
    """Numbers, NaN where they are missing, within the limits of a dtype; whole ones where it holds integers."""
    numbers = cells.to_numpy(np.float64)
    if not holds_integers(dtype):
        return pd.Series(clipped(numbers, dtype))
    missing = np.isnan(numbers)
    numbers = clipped(np.where(missing, 0.0, numbers), dtype).astype("".join(map(str, named(dtype))))
    return pd.Series(pd.arrays.IntegerArray(numbers, missing)) if missing.any() else pd.Series(numbers)
