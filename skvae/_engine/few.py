"""Few rows at a time: small pieces that have shown to give the bits of whole ones, recorded once and replayed."""

import operator
import threading
from collections.abc import Callable, Hashable
from dataclasses import dataclass, field
from itertools import chain
from typing import Any

import numpy as np
import torch
from torch import nn

from skvae._engine.draws import NOISE_SEED
from skvae.nn.replay import replayed

SMALL_SIZES = 8, 16, 32
"""Rows of a small piece, the first that gives the same bits: kernels compute so many numbers at once that with fewer
rows some number of the last one would be left over, and be rounded otherwise."""

FEW_PIECES = 4
"""Small pieces that take less time together than a whole one."""

MOST_FEW = FEW_PIECES * SMALL_SIZES[-1]
"""More rows than these are not few."""

COMPARED = 8
"""Small pieces whose bits are compared, in different places of a whole one."""


@dataclass(frozen=True)
class State:
    """What tells whether a module computes as before: what it consists of, and how often tensors have been changed.

    ``holders`` are the dictionaries of parts and tensors of all its parts, ``held`` what they held.
    """

    training: bool
    holders: list
    held: list
    tensors: list
    versions: list
    places: list

    @classmethod
    def of(cls, module):
        """That of a module as it is now."""
        own = (held for part in module.modules() for held in (part._parameters, part._buffers, part._modules))
        holders = [held for held in own if held]
        held = list(everything(holders))
        tensors = [each for each in held if isinstance(each, torch.Tensor)]
        return cls(module.training, holders, held, tensors, versions(tensors), places(tensors))

    def has_changed(self, module):
        """Whether it is another one now; asked at every call, and so in functions that take no time of Python."""
        now = list(everything(self.holders))
        is_same = len(now) == len(self.held) and all(map(operator.is_, now, self.held))
        is_same = is_same and module.training == self.training and versions(self.tensors) == self.versions
        return not (is_same and places(self.tensors) == self.places)


def everything(holders):
    """What dictionaries hold."""
    return chain.from_iterable(map(dict.values, holders))


def versions(tensors):
    """How often each of them has been changed."""
    return list(map(operator.attrgetter("_version"), tensors))


def places(tensors):
    """Where each of them lies: its numbers may have been put elsewhere."""
    return list(map(torch.Tensor.data_ptr, tensors))


@dataclass
class Small:
    """Small pieces of one function: how many rows they have, and what computes them, for one call at a time.

    ``state`` is that of the module when they showed to be the same; what has changed since then shows in it.
    """

    size: int
    run: Callable
    state: State
    lock: Any = field(default_factory=threading.Lock)


@dataclass
class Found:
    """What is known of small pieces of one module, by the function: None after a first call, a ``Small``, or ``NONE``.

    A module that has changed is looked at anew. Nothing here is pickled or copied: it belongs to a process.
    """

    by_function: dict = field(default_factory=dict)

    def __deepcopy__(self, memo):
        return Found()

    def __reduce__(self):
        return Found, ()


NONE = "none"
"""In place of small pieces that give other bits."""


@dataclass(frozen=True)
class Few:
    """What is computed of few rows at a time, by a ``module``.

    ``what`` is a key of that in ``found``, with all that shapes depend on beside the rows. ``examples(n, generator)``
    are n rows, tensors such as the function takes.
    """

    found: Found
    module: nn.Module
    what: Hashable
    examples: Callable

    def small(self, function, n_rows, whole):
        """The small pieces in which to compute so many rows; None where it is to be in ``whole`` ones.

        They are looked for at the second call: one that comes alone takes no longer.
        """
        known = self.found.by_function
        if self.what not in known:
            known[self.what] = None
            return None
        small = known[self.what]
        if small is None or (small is not NONE and small.state.has_changed(self.module)):
            small = known[self.what] = self._looked_for(function, whole) or NONE
        return None if small is NONE or n_rows > FEW_PIECES * small.size else small

    def _looked_for(self, function, whole):
        """The smallest pieces whose rows have the bits of those of a whole one; None where none have."""
        generator = torch.Generator().manual_seed(NOISE_SEED)
        rows = self.examples(whole, generator)
        expected = function(rows).clone()
        for size in SMALL_SIZES:
            run = replayed(function, frozen=True)
            if size <= whole // COMPARED and is_same(run, rows, expected, size):
                return Small(size, run, State.of(self.module))
        return None


def is_same(function, rows, expected, size):
    """Whether pieces of this size, evenly spread, have the bits that are expected of their rows."""
    starts = range(0, len(rows) - size + 1, len(rows) // COMPARED)
    parts = [slice(start, start + size) for start in starts]
    return all(np.array_equal(bits(function(rows[part].clone())), bits(expected[part])) for part in parts)


def bits(tensor):
    """The bytes of a tensor on the CPU."""
    return tensor.detach().contiguous().view(-1).numpy().view(np.uint8)
