"""What a function of torch does with rows, as steps that do not depend on how many rows there are.

The function is run twice, on two and on three rows: a size that grows with them is a multiple of their number. What
does not depend on the rows is computed at once and is a constant of the recording.
"""

import threading
from dataclasses import dataclass
from itertools import count
from typing import Any, NamedTuple

import torch
from torch._decomp import decomposition_table
from torch.utils._python_dispatch import TorchDispatchMode

FEW, MORE = 2, 3
"""Rows of the two runs."""

ASKS_VALUES = {torch.ops.aten._local_scalar_dense.default, torch.ops.aten.nonzero.default}
"""Functions that tell Python what a tensor holds."""

EITHER, REPEATED = "either", "repeated"
"""Names of steps that hold others."""


class NotExportableError(ValueError):
    """What is asked for has no graph."""


class Rows(NamedTuple):
    """A size that is so many ``times`` the number of rows."""

    times: int


@dataclass(frozen=True)
class Value:
    """A tensor that depends on the rows, by its number, with a shape of whole numbers and ``Rows``."""

    number: int
    dtype: torch.dtype
    shape: tuple


@dataclass(frozen=True)
class Spread:
    """A constant that is the same for all rows: a ``tensor`` that is to be expanded to a ``shape``."""

    tensor: torch.Tensor
    shape: tuple

    @property
    def dtype(self):
        """The dtype of the constant."""
        return self.tensor.dtype


class Step(NamedTuple):
    """One function of torch: its name, its arguments by name, and what it returns.

    Arguments are values, tensors and ``Spread`` that are constants, and plain ones. ``common`` is the dtype in which
    torch compares its first two arguments, ``inner`` are the steps of one that holds others.
    """

    name: str
    arguments: dict
    returns: list
    common: Any
    inner: list


class Noted(NamedTuple):
    """A step of one run: tensors stand for themselves."""

    name: str
    arguments: dict
    returns: list
    inner: list


class Notes:
    """What a recorder does; not in the recorder itself, because a mode's own method imports torch's compiler."""

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        kwargs = kwargs or {}
        if self.silent or not any(id(each) in self.numbers for each in tensors_in((args, kwargs))):
            return function(*args, **kwargs)
        name = function._schema.name.split("::")[1]
        if name in SLOPES:
            return self.in_parts(SLOPES[name] or decomposed(function), args, kwargs)
        if function in ASKS_VALUES or (name.endswith("_") and not name.startswith("__")):
            raise NotExportableError(
                f"{name}: a function of torch that reads values of rows, or changes them in place, has no graph in "
                "ONNX. Have network=Custom(...) return new tensors, by functions that do not ask what they hold."
            )
        returns = function(*args, **kwargs)
        if any(returns is each for each in args):  # as a tensor that is of a dtype already
            return returns
        self.steps.append(Noted(name, named(function, args, kwargs), self.known(tensors_in(returns)), []))
        return returns

    def in_parts(self, function, args, kwargs):
        """What a function returns that is written down as the functions that it consists of."""
        try:
            with self:
                return function(*args, **kwargs)
        finally:
            Recorder._own.active = self

    def known(self, tensors):
        """Number tensors that depend on the rows, and keep them: another one must not get their identity."""
        for tensor in tensors:
            self.numbers[id(tensor)] = next(self.counter)
        self.kept += tensors
        return tensors


class Recorder(Notes, TorchDispatchMode):
    """Context that writes down what is done with some tensors and with what is made of them."""

    _own = threading.local()

    def __init__(self):
        super().__init__()
        self.numbers, self.kept, self.steps, self.counter, self.silent = {}, [], [], count(), False

    def __enter__(self):
        Recorder._own.active = self
        return super().__enter__()

    def __exit__(self, *exception):
        Recorder._own.active = None
        return super().__exit__(*exception)

    def fresh(self, like):
        """Another tensor that depends on the rows, as large as this one."""
        self.silent = True
        tensor = like.clone()
        self.silent = False
        return self.known([tensor])[0]

    def inside(self, function, *tensors):
        """What a function returns, and the steps that it takes."""
        outer, self.steps = self.steps, []
        result = function(*tensors)
        steps, self.steps = self.steps, outer
        return result, steps


def either(condition, function, otherwise):
    """What ``function()`` returns if a condition, a tensor of one cell, is true, or else a tensor of that shape.

    Where it is false both are the same.
    """
    recorder = getattr(Recorder._own, "active", None)
    if recorder is None:
        # who traces a module cannot ask: both are computed then, and the function itself chooses by the row
        return function() if torch.compiler.is_compiling() or bool(condition) else otherwise
    result, steps = recorder.inside(function)
    out = recorder.fresh(result)
    arguments = {"condition": condition, "result": result, "otherwise": otherwise}
    recorder.steps.append(Noted(EITHER, arguments, [out], steps))
    return out


def repeated(function, times, state):
    """A state, a tensor, after a function of it was applied so many times."""
    recorder = getattr(Recorder._own, "active", None)
    if recorder is None:
        for _ in range(times):
            state = function(state)
        return state
    inside = recorder.fresh(state)
    result, steps = recorder.inside(function, inside)
    out = recorder.fresh(result)
    arguments = {"times": times, "state": state, "inside": inside, "result": result}
    recorder.steps.append(Noted(REPEATED, arguments, [out], steps))
    return out


def tensors_in(value):
    """The tensors in a nest of lists, tuples and dicts."""
    if isinstance(value, torch.Tensor):
        return [value]
    parts = value.values() if isinstance(value, dict) else value if isinstance(value, list | tuple) else ()
    return [tensor for part in parts for tensor in tensors_in(part)]


def named(function, args, kwargs):
    """All arguments of a function of torch by name, those that are not given with their defaults."""
    arguments = function._schema.arguments
    given = {a.name: value for a, value in zip(arguments, args, strict=False)} | kwargs
    return {a.name: given.get(a.name, a.default_value) for a in arguments}


def run(function, rows):
    """One run: the recorder, what went in, and what came out."""
    recorder = Recorder()
    with torch.no_grad(), recorder:
        recorder.known(rows)
        out = function(*rows)
    return recorder, out if isinstance(out, tuple) else (out,)


def recorded(function, inputs):
    """Values that go in, steps, and values that come out of a function of tensors with as many rows as others.

    ``inputs`` holds the width and the dtype of each tensor.
    """
    runs = [run(function, [torch.zeros(n, width, dtype=dtype) for width, dtype in inputs]) for n in (FEW, MORE)]
    both = Both(runs[0][0].numbers)
    came_in = [both.value(*pair) for pair in zip(*(recorder.kept[: len(inputs)] for recorder, _ in runs), strict=True)]
    steps = both.steps(*(recorder.steps for recorder, _ in runs))
    came_out = [both.value(*pair) for pair in zip(*(out for _, out in runs), strict=True)]
    return came_in, steps, came_out


class Both:
    """Two runs seen as one; ``numbers`` are those of the tensors of the first one, by identity."""

    def __init__(self, numbers):
        self._numbers = numbers

    def steps(self, few, more):
        """Steps of both."""
        if [step.name for step in few] != [step.name for step in more]:
            raise depends_on_rows("what is done")
        return [self._step(*pair) for pair in zip(few, more, strict=True)]

    def _step(self, few, more):
        arguments = {name: self.value(value, more.arguments[name]) for name, value in few.arguments.items()}
        returns = [self.value(*pair) for pair in zip(few.returns, more.returns, strict=True)]
        inner = self.steps(few.inner, more.inner)
        return Step(few.name, arguments, returns, common_of(list(few.arguments.values())[:2]), inner)

    def value(self, few, more):
        """An argument, or something that was returned."""
        if isinstance(few, torch.Tensor):
            shape = tuple(self.value(a, b) for a, b in zip(few.shape, more.shape, strict=True))
            if id(few) in self._numbers:
                return Value(self._numbers[id(few)], few.dtype, shape)
            return few.detach() if few.shape == more.shape else spread(few, more, shape)
        if isinstance(few, list | tuple):
            if len(few) != len(more):
                raise depends_on_rows("the number of parts")
            return [self.value(a, b) for a, b in zip(few, more, strict=True)]
        if isinstance(few, int) and few != more:
            if few * MORE != more * FEW or few % FEW:
                raise depends_on_rows(f"a size of {few} for {FEW} rows and {more} for {MORE}")
            return Rows(few // FEW)
        return few


def spread(few, more, shape):
    """A constant of either run that has as many parts as there are rows, all of them alike."""
    tensor = few
    for axis, size in enumerate(shape):
        if isinstance(size, Rows):
            tensor = tensor.narrow(axis, 0, 1)
    if not (torch.equal(tensor.expand_as(few), few) and torch.equal(tensor.expand_as(more), more)):
        raise depends_on_rows("a constant")
    return Spread(tensor.contiguous(), shape)


def depends_on_rows(what):
    """The error of a function that is another one for another number of rows."""
    return NotExportableError(
        f"{what} depends on the number of rows, so that there is no one graph for all. Write the networks of "
        "network=Custom(...) so that each row goes through the same layers."
    )


def common_of(values):
    """The dtype in which torch computes with two arguments; None where they are none."""
    if len(values) == 2 and all(isinstance(each, torch.Tensor | bool | int | float) for each in values):
        return torch.result_type(*values) if any(isinstance(each, torch.Tensor) for each in values) else None
    return None


def decomposed(function):
    """Torch's own account of a function in simpler ones."""
    return decomposition_table[function]


def convolution_slope(slope, x, weight, bias_sizes, *how):
    """What a convolution passes back to its pixels: a convolution the other way round. Weights have no derivative."""
    stride, padding, dilation, transposed, output_padding, groups, _ = how
    lacking = list(output_padding)
    for axis in range(len(stride)):
        size = (slope.shape[axis + 2] - 1) * stride[axis] - 2 * padding[axis]
        lacking[axis] = x.shape[axis + 2] - size - dilation[axis] * (weight.shape[axis + 2] - 1) - 1
    lacking = [0] * len(stride) if transposed else lacking
    parts = (slope, weight, None, stride, padding, dilation, not transposed, lacking, groups)
    return torch.ops.aten.convolution.default(*parts), None, None


SLOPES = {
    **{f"{name}_backward": None for name in ("silu", "softplus", "threshold", "tanh", "sigmoid", "hardtanh", "gelu")},
    **{f"{name}_backward": None for name in ("elu", "leaky_relu", "log_sigmoid", "mse_loss", "huber_loss")},
    **{f"{name}_backward": None for name in ("native_layer_norm", "native_batch_norm")},
    "convolution_backward": convolution_slope,
    **dict.fromkeys(("_log_softmax_backward_data", "_softmax_backward_data")),
}
"""Derivatives that are written down in parts: by which function, None for torch's own account of it."""
