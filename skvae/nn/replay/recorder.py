"""What is written down of a call while it runs, and what no recording may do. Never: how it is repeated."""

import os
import threading
from functools import cache

import torch
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import TorchDispatchMode

from skvae.nn.replay.kernels import Kernel, NotReplayableError, memory, tensors_in, traits, with_each

READS_VALUES = {
    getattr(torch.Tensor, name)
    for name in (
        *("item", "tolist", "numpy", "data_ptr", "__array__", "__bool__", "__int__", "__float__", "__complex__"),
        *("__index__", "__dlpack__", "__contains__", "__format__", "__repr__"),
    )
}
"""Methods of a tensor that tell Python what it holds: to a replay that would be a constant."""


REMEMBER = {torch.ops.aten.native_batch_norm.default}
"""Functions that change their fourth and fifth argument, means and variances seen so far, without saying so."""


class Values(TorchFunctionMode):
    """Context in which no value of a tensor is read."""

    def __torch_function__(self, function, types, args=(), kwargs=None):
        if function in READS_VALUES:
            raise NotReplayableError(f"Tensor.{function.__name__} reads values")
        return function(*args, **(kwargs or {}))


class Notes:
    """What a recorder does; not in the recorder itself, because a mode's own method imports torch's compiler."""

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        kwargs = kwargs or {}
        self.check(function, args, kwargs)
        result = function(*args, **kwargs)
        kernel = Kernel(function, *with_each(torch.Tensor.detach, (args, kwargs, result)))
        self.own |= {memory(tensor) for tensor in kernel.returns}
        self.kernels.append(kernel)
        return result

    def check(self, function, args, kwargs):
        """Refuse chance from elsewhere, and what changes memory that is not of this call."""
        _, is_random, _ = traits(function)
        if is_random and kwargs.get("generator") is None:
            raise NotReplayableError(f"{function} draws numbers from elsewhere")
        if any(memory(tensor) not in self.own for tensor in changed(function, args, kwargs)):
            raise NotReplayableError(f"{function} changes what is not its own")


def changed(function, args, kwargs):
    """The tensors that a call changes in place."""
    if function in REMEMBER:
        return tensors_in(args[3:5])
    written = [args[place] for place in written_places(function) if place < len(args)]
    return tensors_in([*written, *(value for name, value in kwargs.items() if name == "out")])


@cache
def written_places(function):
    """Which arguments a function changes, by number."""
    arguments = function._schema.arguments
    return [i for i, a in enumerate(arguments) if a.alias_info is not None and a.alias_info.is_write]


class Recorder(Notes, TorchDispatchMode):
    """Context that writes down every kernel of this thread; one at a time, because torch counts modes in globals.

    Kernels may change what others of them returned and the tensors of ``own``.
    """

    _lock = threading.Lock()

    def __init__(self, own):
        super().__init__()
        self.kernels, self.own = [], {memory(tensor) for tensor in own}

    def __enter__(self):
        Recorder._lock.acquire()
        return super().__enter__()

    def __exit__(self, *exception):
        super().__exit__(*exception)
        Recorder._lock.release()

    @classmethod
    def after_fork(cls):
        """A lock that no thread of the parent holds."""
        cls._lock = threading.Lock()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=Recorder.after_fork)
