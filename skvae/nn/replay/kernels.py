"""One call of a function at the level below autograd: what it reads and returns, and how it is called again."""

from dataclasses import dataclass, field
from functools import cache, partial

import torch

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
        self.changes_in_place, self.is_random, is_dynamic = traits(self.function)
        known = {memory(tensor) for tensor in self.reads}
        fresh = [tensor for tensor in self.returns if memory(tensor) not in known]
        self.is_view = not self.changes_in_place and not fresh
        if is_dynamic or not self.returns or (fresh and (self.changes_in_place or len(fresh) < len(self.returns))):
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
        return partial(put, function), (self.returns, *self.args), self.kwargs


@cache
def traits(function):
    """Whether a function changes what it is given, whether it draws numbers, and whether values decide on shapes."""
    dynamic = {torch.Tag.data_dependent_output, torch.Tag.dynamic_output_shape} & set(function.tags)
    return function._schema.is_mutable, torch.Tag.nondeterministic_seeded in function.tags, bool(dynamic)


def put(function, places, *args, **kwargs):
    """Call a function that makes tensors of its own, and keep what they hold; None where it makes none."""
    for place, result in zip(tensors_in(places), tensors_in(function(*args, **kwargs)), strict=True):
        place.copy_(result)


@cache
def tensor_overload(function):
    """The overload for two tensors of one for a tensor and a number, where the two differ in nothing else."""
    other = getattr(function.overloadpacket, "Tensor", None) if function._overloadname == "Scalar" else None
    names = [[a.name for a in f._schema.arguments] for f in (function, other) if f]
    return other if other and names[0] == names[1] else function


@cache
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
    return tuple(
        torch.tensor(value, dtype=like.dtype, device=like.device)
        if kind == "Tensor" and isinstance(value, int | float)
        else value
        for value, kind in zip(args, kinds(variant), strict=False)
    )


@cache
def kinds(function):
    """What types of arguments a function takes."""
    return [str(a.type) for a in function._schema.arguments]


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


def identical(one, other):
    """Whether two tensors of one shape hold the same numbers; missing ones are the same."""
    return torch.allclose(one, other, rtol=0.0, atol=0.0, equal_nan=True)


def layout(tensor):
    """How a tensor lies in its memory."""
    return tensor.shape, tensor.stride()
