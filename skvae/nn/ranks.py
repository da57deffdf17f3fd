"""Several processes that train one model: each takes its part of every batch, and their gradients are added up.

Where ``torch.distributed`` is initialised, as in scripts that ``torchrun`` starts, a fit is one of all ranks; otherwise
it is of one. All ranks have the same table, draw the same numbers and so go the same way; what they compute of their
parts is added up by one ``all_reduce`` a step. Never: what is learned.
"""

import time
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from torch import distributed
from torch.overrides import TorchFunctionMode

WAIT_FOR_OTHERS = 5.0
"""Seconds in which ranks that have met an error say so, before the ones that have not are taken for dead."""

DRAWS = {torch.rand, torch.randn, torch.randint}
"""Functions of torch that draw numbers of a given shape."""


class Alone:
    """One process, which has all rows."""

    world, rank = 1, 0

    def own(self, index):
        """The part of a batch that this process computes, of row numbers (..., n); all of one with too few rows."""
        return index

    def share(self, n_rows):
        """What this part counts in a batch of so many rows."""
        return 1.0

    def chance(self, n_rows):
        """A context for what is computed of the part of a batch of ``n_rows``."""
        return _nothing()

    def add_up(self, tensor, share=1.0):
        """Replace a tensor by the sum of the tensors of all ranks, each times its share."""
        return tensor

    def agree(self, tensors, generator=None):
        """Have all ranks hold the numbers of the first one, and draw the same ones."""

    def gather(self, value):
        """A list of the plain values of all ranks, in order."""
        return [value]


ALONE = Alone()


@contextmanager
def _nothing():
    yield


@dataclass(frozen=True)
class Ranks(Alone):
    """One of ``world`` processes, by its number."""

    rank: int
    world: int

    def own(self, index):
        return index if index.shape[-1] < self.world else index[..., self.rank :: self.world]

    def share(self, n_rows):
        if n_rows < self.world:
            return 1.0 / self.world
        return len(range(self.rank, n_rows, self.world)) / n_rows

    def chance(self, n_rows):
        return _nothing() if n_rows < self.world else PartOfChance(self, n_rows)

    @torch.no_grad()
    def add_up(self, tensor, share=1.0):
        with errors_of_ranks(self):
            distributed.all_reduce(tensor.mul_(share))
        return tensor

    @torch.no_grad()
    def agree(self, tensors, generator=None):
        with errors_of_ranks(self):
            for tensor in tensors:  # GPUs exchange what lies row by row
                distributed.broadcast(tensor.mT if tensor.ndim == 2 and tensor.mT.is_contiguous() else tensor, 0)
            if generator is not None:
                state = [generator.get_state()]
                distributed.broadcast_object_list(state, 0)
                generator.set_state(state[0])

    def gather(self, value):
        found = [None] * self.world
        with errors_of_ranks(self):
            distributed.all_gather_object(found, value)
        return found


class PartOfChance(TorchFunctionMode):
    """Context in which a rank that computes a part of a batch draws the numbers of all of it and keeps its own.

    So ranks draw what one process would draw. Numbers of tables whose first axis is not that of the rows are all kept.
    """

    def __init__(self, ranks, n_rows):
        super().__init__()
        self.ranks, self.n_rows = ranks, n_rows
        self.n_own = len(range(ranks.rank, n_rows, ranks.world))

    def __torch_function__(self, function, types, args=(), kwargs=None):
        kwargs = kwargs or {}
        if function in DRAWS and kwargs.get("generator") is not None:
            *before, shape = args
            if isinstance(shape, tuple | list) and len(shape) and shape[0] == self.n_own:
                return function(*before, (self.n_rows, *shape[1:]), **kwargs)[self.ranks.rank :: self.ranks.world]
        return function(*args, **kwargs)


def ranks_now():
    """The processes that are to train together: those of the default group, if there are several."""
    if distributed.is_available() and distributed.is_initialized() and distributed.get_world_size() > 1:
        return Ranks(distributed.get_rank(), distributed.get_world_size())
    return ALONE


class RankError(RuntimeError):
    """Another rank of a fit has ended, or does not answer."""


@contextmanager
def errors_of_ranks(ranks):
    """What torch says where other ranks have ended, as an error that names them."""
    try:
        yield
    except RuntimeError as error:
        missing = silent(ranks)
        who = " and ".join(f"rank {rank}" for rank in missing) or "another rank"
        raise RankError(
            f"Rank {ranks.rank} of {ranks.world} cannot go on: {who} has ended or does not answer. Look at what it has "
            "said, and start all of them again."
        ) from error


def silent(ranks):
    """Numbers of the ranks that do not say that they have met an error too."""
    try:
        store = distributed.distributed_c10d._get_default_store()
        store.set(f"skvae/{ranks.rank}", "stopped")
        missing, end = set(range(ranks.world)) - {ranks.rank}, time.monotonic() + WAIT_FOR_OTHERS
        while missing and time.monotonic() < end:
            missing -= {rank for rank in missing if store.check([f"skvae/{rank}"])}
            time.sleep(0.05)
        return sorted(missing)
    except RuntimeError:  # the store lives in a process that has ended
        return []
