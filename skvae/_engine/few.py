"""Which small pieces of rows have shown to give the same bits as whole ones; what is found is kept for the process."""

from collections.abc import Callable, Hashable
from dataclasses import dataclass
from weakref import WeakKeyDictionary

import torch
from torch import nn

from skvae._engine.draws import NOISE_SEED
from skvae.nn.replay.kernels import identical

SMALL_SIZES = 8, 16, 32
"""Rows of a small piece, the first that gives the same bits: kernels compute so many numbers at once that with fewer
rows some number of the last one would be left over, and be rounded otherwise."""

FEW_PIECES = 4
"""Small pieces that take less time together than a whole one."""

COMPARED = 8
"""Small pieces whose bits are compared, in different places of a whole one."""

FOUND = WeakKeyDictionary()
"""By module and what is computed: 0 after one call, then the rows of a small piece, or None where there is none."""


@dataclass(frozen=True)
class Few:
    """What is computed of few rows at a time, by a ``module``.

    ``what`` is a key of that, with all that shapes depend on beside the rows. ``examples(n, generator)`` are n rows,
    tensors such as the function takes.
    """

    module: nn.Module
    what: Hashable
    examples: Callable

    def size(self, function, n_rows, whole):
        """How many rows a piece of these is to have, ``whole`` where a small one has not shown to have the same bits.

        It is looked for at the second call: one that comes alone takes no longer.
        """
        if n_rows > FEW_PIECES * SMALL_SIZES[-1]:
            return whole
        found = FOUND.setdefault(self.module, {})
        if self.what not in found:
            found[self.what] = 0
            return whole
        if found[self.what] == 0:
            found[self.what] = self._proved(function, whole)
        small = found[self.what]
        return whole if small is None or n_rows > FEW_PIECES * small else small

    def _proved(self, function, whole):
        """The fewest rows of a piece that are like those of a whole one to the bit; None where none are."""
        device = next(self.module.parameters()).device
        rows = self.examples(whole, torch.Generator(device).manual_seed(NOISE_SEED))
        expected = function(rows)
        sizes = (size for size in SMALL_SIZES if size <= whole // COMPARED)
        return next((size for size in sizes if self._is_same(function, rows, expected, size)), None)

    @staticmethod
    def _is_same(function, rows, expected, size):
        """Whether pieces of this size, evenly spread, give what is expected of their rows."""
        starts = range(0, len(rows) - size + 1, len(rows) // COMPARED)
        parts = (slice(start, start + size) for start in starts)
        return all(identical(function(rows[part].clone()), expected[part]) for part in parts)
