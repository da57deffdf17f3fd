"""Types of the public face."""

from collections.abc import Hashable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias

import numpy as np
from numpy.typing import ArrayLike

if TYPE_CHECKING:
    from torch.nn import Module
    from torch.optim import Optimizer
else:
    Module = Optimizer = Any  # the faces load no torch


class HasShape(Protocol):
    """A data frame of pandas or polars, a sparse matrix, a tensor."""

    @property
    def shape(self) -> tuple[int, ...]:
        """Numbers of rows and columns."""
        ...


Table: TypeAlias = ArrayLike | HasShape
"""Rows and columns, in whatever holds them."""

Rows: TypeAlias = Any
"""Rows in the container of the training data: an array, or a data frame of the library that these were in."""

Weights: TypeAlias = ArrayLike | None
"""What each row counts; None where all count alike."""

Seed: TypeAlias = int | np.random.RandomState | None
"""What random numbers are made from."""

Cells: TypeAlias = Mapping[Any, object]
"""Cells by the name or number of their column."""

Columns: TypeAlias = str | Sequence[Hashable] | np.ndarray | None
"""Columns by name or number, or a mask; or a word that stands for some."""

Likelihoods: TypeAlias = str | Mapping[Any, str] | Sequence[tuple[str, Any]]
"""A likelihood for all columns of numbers, or for some of them."""
