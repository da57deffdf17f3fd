"""Recordings of kernels on the CPU. Never: whether one may be trusted."""

import os
import threading

import torch
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import TorchDispatchMode

from skvae.nn.replay.kernels import Kernel, NotReplayableError, identical, memory, tensors_in, with_each
from skvae.nn.replay.memory import changing, n_bytes, share_memory, work_in_place, write_to_gradients

LARGEST = 2**26
"""Bytes that one recording may hold on to; where it takes more, kernels are long and what is around them short."""

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
        if torch.Tag.nondeterministic_seeded in function.tags and kwargs.get("generator") is None:
            raise NotReplayableError(f"{function} draws numbers from elsewhere")
        if any(memory(tensor) not in self.own for tensor in changed(function, args, kwargs)):
            raise NotReplayableError(f"{function} changes what is not its own")


def changed(function, args, kwargs):
    """The tensors that a call changes in place."""
    if function in REMEMBER:
        return tensors_in(args[3:5])
    pairs = zip(function._schema.arguments, args, strict=False)
    written = [value for a, value in pairs if a.alias_info is not None and a.alias_info.is_write]
    return tensors_in([*written, *(value for name, value in kwargs.items() if name == "out")])


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


class Recording:
    """One call of a function, ready to be repeated on other inputs of the same shapes.

    ``found`` is what the call found, the output and the gradients, and ``state`` that of the generator after it; both
    are left as they come.
    """

    def __init__(self, function, inputs, gradients=(), generator=None, frozen=False):
        self._inputs = [tensor.clone() for tensor in inputs]
        with Recorder(gradients) as recorder, Values():
            self.output = function(*self._inputs)
        self.state = generator and generator.get_state()
        kernels = [kernel for kernel in recorder.kernels if not kernel.is_view]
        if n_bytes(kernels) > LARGEST:
            raise NotReplayableError(f"more than {LARGEST} bytes")
        kernels = changing(kernels, self._inputs) if frozen else write_to_gradients(kernels, gradients)
        work_in_place(kernels)
        results = [self.output, *gradients]
        self.found = [tensor.detach().clone() for tensor in results]
        with torch.inference_mode():
            calls = [kernel.call() for kernel in kernels]
            self._calls = share_memory(kernels, calls, [*results, *self._inputs])
        self.output.detach().fill_(torch.nan)

    def was_of(self, inputs):
        """Whether the call was one of these very inputs, or the last replay was."""
        return all(map(identical, self._inputs, inputs))

    @torch.inference_mode()
    def replay(self, *inputs):
        """The output for new inputs, in the memory of the last one."""
        for own, given in zip(self._inputs, inputs, strict=True):
            own.copy_(given)
        for function, args, kwargs in self._calls:
            function(*args, **kwargs)
        return self.output
