"""A function of tensors recorded once and replayed: the same kernels without the work around them.

A kernel of a small network takes a few microseconds, dispatch, autograd and memory around it several times that.
``Captured`` calls a function once, writes down every kernel that the call and its backward pass run, and from then on
runs those into the same memory again: what a CUDA graph does for a GPU. Never: what is computed.
"""

import os
import threading
from dataclasses import dataclass, field
from functools import partial

import torch
from torch.utils._python_dispatch import TorchDispatchMode

LARGEST, LARGEST_INPUT = 2**26, 2**22
"""Bytes that one recording may hold on to; where it takes more, kernels are long and what is around them short. And
what its input may have, as what is computed from it takes many times that."""

MARGIN = 1e-3
"""How far a replay may be from the call that was recorded, relative to the largest value: rounding is far less."""

OF_THE_OUTPUT = {"dtype", "layout", "device", "pin_memory"}
"""Arguments that say what an output is like, where there is none yet."""


CONTAINERS = (list, tuple, type({}.values()))


class NotReplayableError(Exception):
    """A call does what a list of kernels cannot repeat."""


@dataclass
class Kernel:
    """One call at the level below autograd: what it reads and returns, and, in ``out``, where a replay writes."""

    function: torch._ops.OpOverload
    args: tuple
    kwargs: dict
    result: object
    reads: list = field(init=False)
    returns: list = field(init=False)

    def __post_init__(self):
        self.reads, self.returns = tensors_in((self.args, self.kwargs)), tensors_in(self.result)
        self.changes_in_place = self.function._schema.is_mutable
        self.is_random = torch.Tag.nondeterministic_seeded in self.function.tags
        known = {memory(tensor) for tensor in self.reads}
        fresh = [tensor for tensor in self.returns if memory(tensor) not in known]
        self.is_view = not self.changes_in_place and not fresh
        dynamic = {torch.Tag.data_dependent_output, torch.Tag.dynamic_output_shape} & set(self.function.tags)
        if dynamic or not self.returns or (fresh and (self.changes_in_place or len(fresh) < len(self.returns))):
            raise NotReplayableError(str(self.function))

    def call(self):
        """Function, arguments and keyword arguments that write into what the first call returned."""
        if self.changes_in_place:
            args = with_tensors(self.args, self.function, self.returns[0])
            return binding(torch.Tensor, self.function, args, self.kwargs), args, self.kwargs
        if self.function is torch.ops.aten._to_copy.default:
            return torch.Tensor.copy_, (self.returns[0], self.args[0]), {}
        function = tensor_overload(self.function)
        variant, places = out_variant(function)
        if variant is not None and len(places) == len(self.returns):
            kept = {name: value for name, value in self.kwargs.items() if name not in OF_THE_OUTPUT}
            kept |= zip(places, self.returns, strict=True)
            args = with_tensors(self.args, variant, self.returns[0])
            return binding(torch, variant, args, kept), args, kept
        if len(self.returns) > 1:
            raise NotReplayableError(str(self.function))
        return partial(put, function), (*self.returns, *self.args), self.kwargs


def put(function, place, *args, **kwargs):
    """Call a function that makes a tensor of its own, and keep what it holds."""
    place.copy_(function(*args, **kwargs))


def tensor_overload(function):
    """The overload for two tensors of one for a tensor and a number, where the two differ in nothing else."""
    other = getattr(function.overloadpacket, "Tensor", None) if function._overloadname == "Scalar" else None
    names = [[a.name for a in f._schema.arguments] for f in (function, other) if f]
    return other if other and names[0] == names[1] else function


def out_variant(function):
    """The overload that writes into memory it is given, and the names of its places; None where there is none."""
    wanted = signature(function)
    for name in function.overloadpacket.overloads():
        variant = getattr(function.overloadpacket, name)
        places = [a.name for a in variant._schema.arguments if a.is_out]
        if places and signature(variant) == wanted:
            return variant, places
    return None, []


def signature(function):
    """Names and types of what a function reads."""
    arguments = function._schema.arguments
    return [(a.name, str(a.type)) for a in arguments if not a.is_out and a.name not in OF_THE_OUTPUT]


def binding(names, variant, args, kwargs):
    """What an overload is called in ``names``, if it takes these arguments: half the time of a call through the table.

    Functions that make tensors from nothing are left alone: under their other name they heed the default device.
    """
    function = getattr(names, variant.overloadpacket.__name__, None)
    if callable(function) and args and isinstance(args[0], torch.Tensor):
        try:
            function(*args, **kwargs)
        except TypeError:
            return variant
        return function
    return variant


def with_tensors(args, variant, like):
    """Arguments with tensors for numbers where a tensor is expected, which would become one at every call."""
    if not like.is_floating_point():
        return args
    kinds = [str(a.type) for a in variant._schema.arguments]
    return tuple(
        torch.tensor(value, dtype=like.dtype, device=like.device)
        if kind == "Tensor" and isinstance(value, int | float)
        else value
        for value, kind in zip(args, kinds, strict=False)
    )


class Notes:
    """What a recorder does; not in the recorder itself, because a mode's own method imports torch's compiler."""

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        result = function(*args, **(kwargs or {}))
        self.kernels.append(Kernel(function, *with_each(torch.Tensor.detach, (args, kwargs or {}, result))))
        return result


class Recorder(Notes, TorchDispatchMode):
    """Context that writes down every kernel of this thread; one at a time, because torch counts modes in globals."""

    _lock = threading.Lock()

    def __init__(self):
        super().__init__()
        self.kernels = []

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


def tensors_in(values):
    """The tensors in nested lists, tuples and dictionaries."""
    if isinstance(values, torch.Tensor):
        return [values]
    values = values.values() if isinstance(values, dict) else values
    return [t for value in values for t in tensors_in(value)] if isinstance(values, CONTAINERS) else []


def with_each(change, values):
    """Nested lists, tuples and dictionaries with each tensor changed."""
    if isinstance(values, torch.Tensor):
        return change(values)
    if isinstance(values, dict):
        return {name: with_each(change, value) for name, value in values.items()}
    return type(values)(with_each(change, value) for value in values) if isinstance(values, list | tuple) else values


def memory(tensor):
    """Where the tensor's memory begins: views of one another share it."""
    return tensor.untyped_storage().data_ptr()


def place(tensor):
    """Which part of its memory a tensor is."""
    return tensor.data_ptr(), *layout(tensor)


def layout(tensor):
    """How a tensor lies in its memory."""
    return tensor.shape, tensor.stride()


def n_bytes(kernels):
    """Memory that kernels write to."""
    return sum({memory(t): t.untyped_storage().nbytes() for kernel in kernels for t in kernel.returns}.values())


def changing(kernels, inputs):
    """The kernels whose results differ between replays: what reads the inputs or chance, and what writes beside it."""
    moving, n_before = {memory(tensor) for tensor in inputs}, -1
    while len(moving) > n_before:
        n_before = len(moving)
        for kernel in kernels:
            if kernel.is_random or any(memory(tensor) in moving for tensor in kernel.reads):
                moving |= {memory(tensor) for tensor in kernel.returns}
    return [kernel for kernel in kernels if any(memory(tensor) in moving for tensor in kernel.returns)]


def laid_out_like(gradient, result, added):
    """``gradient`` with the layout of ``result``, of which ``added`` is a view; None where there is no such view."""
    if result.dtype != gradient.dtype:
        return None
    if layout(result) == layout(added):
        return gradient
    if result.ndim == 2 and layout(result.mT) == layout(added):
        return gradient.mT
    if result.is_contiguous() and added.is_contiguous() and gradient.is_contiguous():
        return gradient.view(result.shape)
    return None


def readers(kernels):
    """How many kernels read each memory."""
    count = {}
    for kernel in kernels:
        for where in {memory(tensor) for tensor in kernel.reads}:
            count[where] = count.get(where, 0) + 1
    return count


def work_in_place(kernels):
    """Let elementwise kernels work in the memory of their result where nothing else reads what they are given."""
    n_readers, writer = readers(kernels), {}
    for kernel in kernels:
        function = getattr(torch.ops.aten, kernel.function.overloadpacket.__name__ + "_", None)
        function = getattr(function, kernel.function._overloadname, None)
        source = writer.get(memory(kernel.reads[0])) if kernel.reads else None
        if kernel.changes_in_place or len(kernel.returns) > 1:
            continue
        writer[memory(kernel.returns[0])] = kernel
        if function is None or source is None or kernel.args[0] is not kernel.reads[0]:
            continue
        given, result = kernel.reads[0], kernel.returns[0]
        others = {memory(tensor) for tensor in kernel.reads if place(tensor) != place(given)}
        alike = given.dtype == result.dtype and layout(given) == layout(result)
        if alike and n_readers[memory(given)] == 1 and memory(given) not in others:
            target = laid_out_like(result, source.returns[0], given)
            if target is not None:
                source.returns, kernel.args = [target], tuple(replaced(arg, given, result) for arg in kernel.args)
                kernel.function, kernel.changes_in_place = function, True
                del writer[memory(result)]


def replaced(arg, old, new):
    """``new`` where an argument is ``old``."""
    return new if isinstance(arg, torch.Tensor) and place(arg) == place(old) else arg


def write_to_gradients(kernels, gradients):
    """Let kernels whose result is only added to an empty gradient write there themselves; the kernels that remain."""
    empty, n_readers, writer, kept = {place(gradient) for gradient in gradients}, readers(kernels), {}, []
    for kernel in kernels:
        if kernel.function is torch.ops.aten.add_.Tensor and place(kernel.args[0]) in empty and not kernel.kwargs:
            gradient, added = kernel.args
            empty.discard(place(gradient))
            source = writer.get(memory(added)) if n_readers[memory(added)] == 1 else None
            target = source and laid_out_like(gradient, source.returns[0], added)
            if target is not None:
                source.returns = [target]
                continue
        if not kernel.changes_in_place and len(kernel.returns) == 1:
            writer[memory(kernel.returns[0])] = kernel
        kept.append(kernel)
    return kept


def share_memory(kernels, calls, kept):
    """Let results lie where others lay that nothing reads any more: little memory stays close to the processor.

    ``calls`` are those of the kernels, ``kept`` tensors that are read after the last one. The calls as they are then.
    """
    used = [{memory(tensor) for tensor in tensors_in((args, kwargs))} for _, args, kwargs in calls]
    last = {where: position for position, each in enumerate(used) for where in each}
    known, free, home, moved_calls = {memory(tensor) for tensor in kept}, {}, {}, []

    def moved(tensor):
        storage = home.get(memory(tensor))
        if storage is None:
            return tensor
        return tensor.new_empty(0).set_(storage, tensor.storage_offset(), tensor.shape, tensor.stride())

    for position, (kernel, (function, args, kwargs)) in enumerate(zip(kernels, calls, strict=True)):
        if not kernel.changes_in_place:
            for result in kernel.returns:
                if memory(result) not in known:
                    left = free.get(result.untyped_storage().nbytes())
                    home[memory(result)] = left.pop() if left else result.untyped_storage()
        known |= used[position]
        for where in used[position] & home.keys():
            if last[where] == position:
                free.setdefault(home[where].nbytes(), []).append(home[where])
        moved_calls.append((function, with_each(moved, args), with_each(moved, kwargs)))
    return moved_calls


class Recording:
    """One call of a function, ready to be repeated on other inputs of the same shapes."""

    def __init__(self, function, inputs, gradients, generator, frozen):
        self._inputs = [tensor.clone() for tensor in inputs]
        state = generator and generator.get_state()
        with Recorder() as recorder:
            self.output = function(*self._inputs)
        kernels = [kernel for kernel in recorder.kernels if not kernel.is_view]
        if n_bytes(kernels) > LARGEST:
            raise NotReplayableError(f"more than {LARGEST} bytes")
        kernels = changing(kernels, self._inputs) if frozen else write_to_gradients(kernels, gradients)
        work_in_place(kernels)
        results = [self.output, *gradients]
        expected = [tensor.detach().clone() for tensor in results]
        with torch.inference_mode():
            calls = [kernel.call() for kernel in kernels]
            self._calls = share_memory(kernels, calls, [*results, *self._inputs])
        reset(gradients, generator, state)
        self.output.detach().fill_(torch.nan)
        self.replay(*inputs)
        if not all(close(*pair) for pair in zip(expected, results, strict=True)):
            raise NotReplayableError("a replay differs from the call")

    @torch.inference_mode()
    def replay(self, *inputs):
        """The output for new inputs, in the memory of the last one."""
        for own, given in zip(self._inputs, inputs, strict=True):
            own.copy_(given)
        for function, args, kwargs in self._calls:
            function(*args, **kwargs)
        return self.output


def reset(gradients, generator, state):
    """Back to before a call."""
    if generator:
        generator.set_state(state)
    for gradient in gradients:
        gradient.zero_()


def close(one, other):
    """Whether two tensors differ by no more than rounding; numbers that are not finite can prove nothing."""
    if not one.numel():
        return one.shape == other.shape
    largest = one.abs().max()
    return not largest.isfinite() or bool((one - other).abs().max() <= MARGIN * largest)


class Captured:
    """A function from tensors to one tensor of floats, recorded at its second call with a set of shapes, then replayed.

    ``generator`` is where its random numbers come from; ``gradients``, to which it may add, are zero before every call.
    With ``frozen`` nothing but the inputs changes between calls, and the rest is computed once. A function that does
    more than run kernels is called as it is. The output is good until the next call.
    """

    def __init__(self, function, generator=None, gradients=(), frozen=False):
        self._function, self._generator, self._gradients, self._frozen = function, generator, gradients, frozen
        self._recordings, self._refused = {}, set()

    def __call__(self, *inputs):
        if inputs[0].device.type != "cpu" or inputs[0].nbytes > LARGEST_INPUT:
            return self._function(*inputs)
        shapes = tuple(tensor.shape for tensor in inputs)
        recording = self._recordings.get(shapes)
        if recording is not None:
            return recording.replay(*inputs)
        if shapes not in self._recordings or shapes in self._refused:
            self._recordings[shapes] = None
            return self._function(*inputs)
        state = self._generator and self._generator.get_state()
        try:
            recording = Recording(self._function, inputs, self._gradients, self._generator, self._frozen)
            self._recordings[shapes] = recording
            return recording.output
        except NotReplayableError:
            self._refused.add(shapes)
            reset(self._gradients, self._generator, state)
            return self._function(*inputs)
