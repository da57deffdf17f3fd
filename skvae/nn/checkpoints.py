"""What a run needs to go on where it was, kept in a file from time to time. Never: where the file is, whose it is."""

import os
import pickle
import time
import warnings
from dataclasses import dataclass
from typing import Any

import torch


@dataclass
class Progress:
    """All that changes while a run is on its way; ``epoch`` is the one that comes next, ``n_cuts`` are those left."""

    module: Any
    solver: Any
    generator: Any
    best: Any
    clock: Any
    history: Any
    average: Any
    n_cuts: int
    epoch: int = 0

    def begin(self, epoch):
        """Come to an epoch, with the weights in their place."""
        self.epoch = epoch
        self.average.hide()

    def state(self):
        """Tensors and plain values from which ``load`` goes on."""
        return {
            "module": self.module.state_dict(),
            "solver": self.solver.state(),
            "rates": self.solver.rates,
            "generator": self.generator.get_state(),
            "best": [self.best.objective, self.best.state, self.best.waited, self.best.mark],
            "steps": self.clock.n_steps,
            "history": vars(self.history),
            "average": self.average.state(),
            "cuts": self.n_cuts,
            "epoch": self.epoch,
        }

    def load(self, state):
        """Go on from there."""
        self.module.load_state_dict(state["module"])
        self.solver.load(state["solver"])
        self.solver.rates = state["rates"]
        self.generator.set_state(state["generator"].cpu())
        self.best.objective, self.best.state, self.best.waited, self.best.mark = state["best"]
        self.clock.n_steps, self.n_cuts, self.epoch = state["steps"], state["cuts"], state["epoch"]
        vars(self.history).update(state["history"])
        self.average.load(state["average"])


class Unkept:
    """Nothing is kept."""

    said, there = None, False

    def restore(self, progress):
        """Go on from what is ``there``."""

    def keep(self, progress):
        """Keep what is needed to go on, if it is time to."""

    def done(self):
        """Forget what is kept."""


UNKEPT = Unkept()


class Kept(Unkept):
    """A file, written anew once ``interval`` seconds have passed since the last time.

    It is replaced in one piece: a process that is killed meanwhile leaves the one before. A disk that is full stops no
    training. ``said`` is kept too, plain values. Of several ``ranks`` the first one writes and reads.
    """

    def __init__(self, path, interval, ranks, said=None):
        self.path, self.interval, self.ranks = path, interval, ranks
        self.last, self._state = time.monotonic(), ranks.gather(self._read() if ranks.rank == 0 else None)[0]
        self.said = said if self._state is None else self._state["said"]

    def _read(self):
        """What the file holds; None where there is none."""
        if not os.path.exists(self.path):
            return None
        try:
            return torch.load(self.path, map_location="cpu", weights_only=True)
        except (RuntimeError, EOFError, OSError, pickle.UnpicklingError) as error:
            raise ValueError(
                f"The checkpoint {self.path} cannot be read; remove it to begin anew, or put a copy there: {error}"
            ) from error

    @property
    def there(self):
        """Whether there is a state to go on from."""
        return self._state is not None

    def restore(self, progress):
        progress.load(self._state)
        self._state = None

    def keep(self, progress):
        now = time.monotonic()
        if self.ranks.rank or now < self.last + self.interval:
            return
        self.last, part = now, f"{self.path}.part"
        try:
            with open(part, "wb") as file:
                torch.save({**progress.state(), "said": self.said}, file)
                file.flush()
                os.fsync(file.fileno())
            os.replace(part, self.path)
        except (OSError, RuntimeError) as error:
            warnings.warn(f"No checkpoint was written, and training goes on: {part}: {error}", stacklevel=2)

    def done(self):
        if self.ranks.rank == 0 and os.path.exists(self.path):
            os.remove(self.path)
