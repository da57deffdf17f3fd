"""Functions of torch of each number, and reductions, as nodes of ONNX: a ``Call`` in, a name or a list of names out."""

import math

import numpy as np
import torch

from skvae._export.recording import NotExportableError, Value

OF_TRUTHS = {"Mul": "And", "Add": "Or"}
"""What arithmetic of truth values is in ONNX."""

SHIFT = 8
"""By how much the argument of the gamma function is raised, so that Stirling's series has all digits."""

STIRLING = [1 / 12, -1 / 360, 1 / 1260, -1 / 1680, 1 / 1188, -691 / 360360, 1 / 156]
"""Coefficients of Stirling's series of the logarithm of the gamma function."""


def unary(operator):
    """A function of each number that ONNX has under a name."""
    return lambda call: call.node(operator, call.name(call.first, call.dtype))


def logical(operator):
    """A function of truth values that ONNX has under a name."""
    return lambda call: call.node(operator, *call.names(torch.bool, 1 if operator == "Not" else 2))


def binary(operator, swapped=False):
    """A function of two numbers that ONNX has under a name; the second one may be taken several times."""

    def lowered(call):
        one, other = call.names(call.dtype)
        if call["alpha"] not in (None, 1):
            other = call.node("Mul", other, call.number(call["alpha"]))
        if call.dtype == torch.bool:
            return call.node(OF_TRUTHS[operator], one, other)
        return call.node(operator, other, one) if swapped else call.node(operator, one, other)

    return lowered


def comparison(operator, negated=False):
    """A comparison that ONNX has under a name."""

    def lowered(call):
        common = torch.uint8 if call.step.common == torch.bool else call.step.common
        name = call.node(operator, *call.names(common))
        return call.node("Not", name) if negated else name

    return lowered


def divided(call):
    name = binary("Div")(call)
    modes = {None: None, "floor": "Floor", "trunc": None}
    return name if modes[call["rounding_mode"]] is None else call.node(modes[call["rounding_mode"]], name)


def same(call):
    """The argument itself."""
    return call.name(call.first)


def cast(call):
    return call.name(call.first, call.dtype)


def clamped(call):
    """NaN stays: what onnxruntime makes of it in Clip differs from kernel to kernel."""
    name = x = call.name(call.first, call.dtype)
    ends = [("Greater", "max", "max_val"), ("Less", "min", "min_val")]
    for operator, *ways in ends:
        end = next((call[way] for way in ways if call[way] is not None), None)
        if end is not None:
            end = call.name(end, call.dtype)
            name = call.node("Where", call.node(operator, x, end), end, name)
    return name


def powered(call):
    if call["exponent"] == 2 and isinstance(call.first, Value):
        return squared(call)
    return call.node("Pow", *call.names(call.dtype))


def squared(call):
    x = call.name(call.first, call.dtype)
    return call.node("Mul", x, x)


def squared_error(call):
    difference = call.node("Sub", *call.names(call.dtype))
    return call.node("Mul", difference, difference)


def rsqrt(call):
    return call.node("Reciprocal", call.node("Sqrt", call.name(call.first)))


def silu(call):
    x = call.name(call.first)
    return call.node("Mul", x, call.node("Sigmoid", x))


def gelu(call):
    if call["approximate"] != "none":
        raise NotExportableError(f"gelu(approximate={call['approximate']!r}) has no graph. Use torch.nn.GELU().")
    x = call.name(call.first)
    part = call.node("Erf", call.node("Mul", x, call.number(math.sqrt(0.5))))
    return call.node("Mul", call.node("Mul", x, call.number(0.5)), call.node("Add", part, call.number(1.0)))


def elu(call):
    """``expm1`` below zero, with all digits."""
    x = call.name(call.first)
    below = precisely(call, x, lambda wide: expm1_of(call, wide))
    return call.node("Where", call.node("Greater", x, call.number(0.0)), x, below)


def leaky_relu(call):
    return call.node("LeakyRelu", call.name(call.first), alpha=float(call["negative_slope"]))


def precisely(call, x, function):
    """A function in float64, where single precision would lose digits on the way."""
    if call.dtype == torch.float64:
        return function(x)
    return call.graph.cast(function(call.graph.cast(x, torch.float64)), call.dtype)


def wide(call, value):
    """A constant in float64."""
    return call.number(value, torch.float64)


def log1p_of(call, x):
    """Kahan's way: the rounding of 1 + x is put right."""
    one = wide(call, 1.0)
    more = call.node("Add", x, one)
    same_as_one = call.node("Equal", more, one)
    ratio = call.node("Div", call.node("Log", more), call.node("Sub", more, one))
    is_far = call.node("Greater", more, wide(call, 1e300))
    exact = call.node("Where", is_far, call.node("Log", more), call.node("Mul", x, ratio))
    return call.node("Where", same_as_one, x, exact)


def expm1_of(call, x):
    """The same of ``exp``: the rounding of its result is put right where that is near one."""
    one, power = wide(call, 1.0), call.node("Exp", x)
    plain = call.node("Sub", power, one)
    exact = call.node("Mul", plain, call.node("Div", x, call.node("Log", power)))
    exact = call.node("Where", call.node("Equal", power, one), x, exact)
    return call.node("Where", call.node("Less", call.node("Abs", x), one), exact, plain)


def softplus_of(call, x):
    size = call.node("Exp", call.node("Neg", call.node("Abs", x)))
    return call.node("Add", call.node("Max", x, wide(call, 0.0)), log1p_of(call, size))


def lgamma_of(call, x):
    """Stirling's series of a larger argument, less the logarithm of the factors between the two; x is above zero."""
    factors = x
    for step in range(1, SHIFT):
        factors = call.node("Mul", factors, call.node("Add", x, wide(call, float(step))))
    z = call.node("Add", x, wide(call, float(SHIFT)))
    inverse = call.node("Reciprocal", z)
    square, series = call.node("Mul", inverse, inverse), wide(call, STIRLING[-1])
    for coefficient in STIRLING[-2::-1]:
        series = call.node("Add", call.node("Mul", series, square), wide(call, coefficient))
    main = call.node("Mul", call.node("Sub", z, wide(call, 0.5)), call.node("Log", z))
    main = call.node("Add", call.node("Sub", main, z), wide(call, 0.5 * math.log(2.0 * math.pi)))
    return call.node("Sub", call.node("Add", main, call.node("Mul", series, inverse)), call.node("Log", factors))


def digamma_of(call, x):
    """The derivative of Stirling's series of a larger argument, less those of the logarithms of the factors."""
    factors = call.node("Reciprocal", x)
    for step in range(1, SHIFT):
        inverse = call.node("Reciprocal", call.node("Add", x, wide(call, float(step))))
        factors = call.node("Add", factors, inverse)
    z = call.node("Add", x, wide(call, float(SHIFT)))
    inverse = call.node("Reciprocal", z)
    square, slopes = call.node("Mul", inverse, inverse), [(2 * k + 1) * each for k, each in enumerate(STIRLING)]
    series = wide(call, slopes[-1])
    for slope in slopes[-2::-1]:
        series = call.node("Add", call.node("Mul", series, square), wide(call, slope))
    rest = call.node("Add", call.node("Mul", series, square), call.node("Mul", inverse, wide(call, 0.5)))
    return call.node("Sub", call.node("Sub", call.node("Log", z), rest), factors)


def special(function):
    """A function of one argument that is computed in float64."""
    return lambda call: precisely(call, call.name(call.first, call.dtype), lambda x: function(call, x))


def softplus(call):
    if (call["beta"], call["threshold"]) != (1, 20):
        raise NotExportableError("softplus with a beta or a threshold has no graph. Use torch.nn.Softplus().")
    return special(softplus_of)(call)


def log_sigmoid(call):
    x = call.name(call.first)
    minus = precisely(call, call.node("Neg", x), lambda each: softplus_of(call, each))
    return [call.node("Neg", minus), call.node("Exp", call.node("Neg", call.node("Abs", x)))]


def logaddexp(call):
    one, other = call.names(call.dtype)
    gap = call.node("Neg", call.node("Abs", call.node("Sub", one, other)))
    rest = precisely(call, gap, lambda each: log1p_of(call, call.node("Exp", each)))
    return call.node("Add", call.node("Max", one, other), rest)


def addcmul(call):
    tensor, one, other = call.names(call.dtype, 3)
    product = call.node("Mul", one, other)
    if call["value"] != 1:
        product = call.node("Mul", product, call.number(call["value"]))
    return call.node("Add", tensor, product)


def where(call):
    return call.node(
        "Where", call.name(call["condition"]), *(call.name(call[n], call.dtype) for n in ("self", "other"))
    )


def masked_fill(call):
    return call.node("Where", call.name(call["mask"]), *(call.name(call[n], call.dtype) for n in ("value", "self")))


def full(value=None):
    """One value in each cell."""

    def lowered(call):
        number = call.number(call["fill_value"] if value is None else value)
        return number if not call.shape else call.node("Expand", number, call.graph.shape(call.shape))

    return lowered


def nan_to_num(call):
    x, limits = call.name(call.first), torch.finfo(call.dtype)
    name = call.node("Where", call.node("IsNaN", x), call.number(call["nan"] or 0.0), x)
    for operator, key, end in (("Greater", "posinf", limits.max), ("Less", "neginf", limits.min)):
        bound = call.number(end if call[key] is None else call[key])
        far = call.node(operator, name, call.number(end))
        name = call.node("Where", far, bound, name)
    return name


def reduced(operator):
    """A reduction that ONNX has under a name."""

    def lowered(call):
        axes, keep = call.axes(call["dim"]), int(bool(call["keepdim"]))
        return call.node(operator, call.name(call.first, call.dtype), call.whole(*axes), keepdims=keep)

    return lowered


def any_of(operator):
    """Whether some, or all, of truth values are true."""

    def lowered(call):
        x = call.graph.cast(call.name(call.first, torch.bool), torch.int32)
        axes, keep = call.axes(call["dim"]), int(bool(call["keepdim"]))
        return call.graph.cast(call.node(operator, x, call.whole(*axes), keepdims=keep), torch.bool)

    return lowered


def placed(operator):
    """The place of the largest or the smallest number; that of all numbers if no dimension is said."""

    def lowered(call):
        x, axis = call.name(call.first), call["dim"]
        if axis is None:
            x, axis = call.node("Reshape", x, call.whole(-1)), 0
        return call.node(operator, x, axis=axis, keepdims=int(bool(call["keepdim"])))

    return lowered


def soft(operator):
    """Softmax or its logarithm."""
    return lambda call: call.node(operator, call.name(call.first, call.dtype), axis=call["dim"])


def cumsum(call):
    return call.node("CumSum", call.name(call.first, call.dtype), call.graph.constant(np.int64(call["dim"])))


def topk(call):
    x, k = call.name(call.first), call.whole(call["k"])
    largest, sort = int(call["largest"]), int(call["sorted"])
    return call.graph.node("TopK", [x, k], 2, axis=call["dim"], largest=largest, sorted=sort)
