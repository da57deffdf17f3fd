"""Functions of torch that move cells or multiply matrices, as nodes of ONNX."""

import numpy as np
import torch

from skvae._export.call import shape_of
from skvae._export.graph import WHOLE
from skvae._export.recording import NotExportableError, Rows, Value


def reshaped(call):
    """Another shape: the one size that is not known is left to ONNX, others are computed."""
    x, sizes = call.name(call.first, call.dtype), call.shape
    if sum(isinstance(size, Rows) for size in sizes) == 1:
        fixed = [-1 if isinstance(size, Rows) else size for size in sizes]
        return call.node("Reshape", x, call.whole(*fixed))
    return call.node("Reshape", x, call.graph.shape(sizes))


def expanded(call):
    """Each size that is there already stays as it is."""
    before, after = shape_of(call.first), call.shape
    before = (*(1,) * (len(after) - len(before)), *before)
    sizes = [1 if a == b else b for a, b in zip(before, after, strict=True)]
    return call.node("Expand", call.name(call.first), call.graph.shape(sizes))


def unsqueezed(call):
    return call.node("Unsqueeze", call.name(call.first), call.whole(*call.axes(call["dim"], call.shape)))


def squeezed(call):
    shape = shape_of(call.first)
    axes = [d for d in call.axes(call["dim"]) if shape[d] == 1]
    return call.node("Squeeze", call.name(call.first), call.whole(*axes)) if axes else call.name(call.first)


def permuted(call):
    return call.node("Transpose", call.name(call.first), perm=call.axes(call["dims"]))


def transposed(call):
    order = list(range(len(call.shape)))
    one, other = (call.axes(0 if call[key] is None else call[key])[0] for key in ("dim0", "dim1"))
    if call["dim0"] is None:  # ``t`` of a matrix
        one, other = 0, len(order) - 1
    order[one], order[other] = order[other], order[one]
    return call.node("Transpose", call.name(call.first), perm=order)


def sliced(call):
    start, end, step = call["start"] or 0, call["end"], call["step"] or 1
    end = WHOLE if end is None else end
    if (start, step) == (0, 1) and shape_of(call.first) == call.shape:
        return call.name(call.first)
    ends = [call.whole(each) for each in (start, end, call.axes(call["dim"] or 0)[0], step)]
    return call.node("Slice", call.name(call.first), *ends)


def selected(call):
    index = call.graph.constant(np.int64(call["index"]))
    return call.node("Gather", call.name(call.first), index, axis=call.axes(call["dim"])[0])


def joined(call):
    axis = call["dim"] or 0
    return call.node("Concat", *(call.name(each, call.dtype) for each in call["tensors"]), axis=axis)


def stacked(call):
    axis = call.axes(call["dim"] or 0, call.shape)[0]
    parts = [call.node("Unsqueeze", call.name(each, call.dtype), call.whole(axis)) for each in call["tensors"]]
    return call.node("Concat", *parts, axis=axis)


def split(call):
    axis = call.axes(call["dim"] or 0)[0]
    sizes = [value.shape[axis] for value in call.step.returns]
    if len(sizes) == 1:
        return [call.name(call.first)]
    inputs = [call.name(call.first), call.whole(*sizes)]
    return call.graph.node("Split", inputs, len(sizes), axis=axis)


def unbound(call):
    axis = call.axes(call["dim"] or 0)[0]
    x, n = call.name(call.first), len(call.step.returns)
    return [call.node("Gather", x, call.graph.constant(np.int64(place)), axis=axis) for place in range(n)]


def taken(call):
    return call.node("Gather", call.name(call.first), call.name(call["index"]), axis=call.axes(call["dim"])[0])


def gathered(call):
    """As torch does, sizes of the index may be smaller than those of what is looked at."""
    return call.node("GatherElements", call.name(call.first), call.name(call["index"]), axis=call.axes(call["dim"])[0])


def indexed(call):
    """One index of one dimension."""
    indices = call["indices"]
    axes = [axis for axis, index in enumerate(indices) if index is not None]
    if len(axes) != 1 or indices[axes[0]].dtype == torch.bool:
        raise NotExportableError("an index of several dimensions, or a mask, has no graph. Use torch.where or gather.")
    return call.node("Gather", call.name(call.first), call.name(indices[axes[0]]), axis=axes[0])


def index_copied(call):
    """What is copied stands behind the others for a moment: each column then comes from where it is to come from."""
    axis = call.axes(call["dim"])[0]
    n, index = shape_of(call.first)[axis], call["index"]
    place = np.arange(n)
    place[index.numpy()] = n + np.arange(len(index))
    both = call.node("Concat", call.name(call.first), call.name(call["source"], call.dtype), axis=axis)
    return call.node("Gather", both, call.graph.constant(place), axis=axis)


def index_added(call):
    """A product with a matrix of zeros and ones, along the last dimension."""
    axis, index, n = call.axes(call["dim"])[0], call["index"], call.shape[-1]
    if axis != len(call.shape) - 1 or call["alpha"] != 1:
        raise NotExportableError("index_add along other dimensions than the last one has no graph. Use gather.")
    places = (index[:, None] == torch.arange(n)).to(call.dtype)
    added = call.node("MatMul", call.name(call["source"], call.dtype), call.name(places))
    return call.node("Add", call.name(call.first, call.dtype), added)


def scatter_added(call):
    inputs = call.name(call.first), call.name(call["index"]), call.name(call["src"], call.dtype)
    return call.node("ScatterElements", *inputs, axis=call.axes(call["dim"])[0], reduction="add")


def among_zeros(call):
    """What was taken of one dimension, at its place among zeros."""
    dim, sizes = call.axes(call["dim"], call["input_sizes"])[0], call["input_sizes"]
    x, n = call.name(call.first), sizes[dim]
    if call["index"] is not None:
        start, length, step = call["index"] % n, 1, 1
        x = call.node("Unsqueeze", x, call.whole(dim))
    else:
        start, length, step = call["start"] or 0, shape_of(call.first)[dim], call["step"]
        start = start + n if start < 0 else start
    if step != 1:
        raise NotExportableError("a slice with a step has no derivative here in ONNX.")
    before, after = np.zeros(len(sizes), dtype=np.int64), np.zeros(len(sizes), dtype=np.int64)
    before[dim], after[dim] = start, n - start - length
    return call.node("Pad", x, call.whole(*before, *after), call.number(0.0))


def padded(call):
    pad, n = call["pad"], len(call.shape)
    before, after = np.zeros(n, dtype=np.int64), np.zeros(n, dtype=np.int64)
    for axis, (first, last) in enumerate(zip(pad[::2], pad[1::2], strict=True), start=1):
        before[n - axis], after[n - axis] = first, last
    ends = call.whole(*before, *after)
    return call.node("Pad", call.name(call.first), ends, call.number(float(call["value"] or 0.0)))


def tiled(call):
    times = [1 if isinstance(each, Rows) else each for each in call["repeats"]]
    if times != list(call["repeats"]):
        raise NotExportableError("repeat by the number of rows has no graph. Use expand.")
    x, lacking = call.name(call.first), len(times) - len(shape_of(call.first))
    x = call.node("Unsqueeze", x, call.whole(*range(lacking))) if lacking else x
    return call.node("Tile", x, call.whole(*times))


def matmul(call):
    return call.node("MatMul", *call.names(call.dtype))


def addmm(call):
    bias, one, other = call.names(call.dtype, 3)
    return call.node("Gemm", one, other, bias, alpha=float(call["alpha"]), beta=float(call["beta"]))


def linear(call):
    x, weight = call.names(call.dtype)
    if isinstance(call["weight"], Value):
        n = len(shape_of(call["weight"]))
        weight = call.node("Transpose", weight, perm=[*range(n - 2), n - 1, n - 2])
    else:
        weight = call.name(call["weight"].mT.contiguous())
    product = call.node("MatMul", x, weight)
    return product if call["bias"] is None else call.node("Add", product, call.name(call["bias"], call.dtype))


def convolved(call):
    """In float32, which is what onnxruntime has convolutions of."""
    if call.dtype != torch.float32:
        raise NotExportableError(
            "precision='float64': onnxruntime has no convolution of float64. Fit with precision='float32'."
        )
    keys = ("stride", "padding", "dilation", "output_padding")
    stride, padding, dilation, output_padding = ([*call[key]] for key in keys)
    inputs = [call.name(call["input"]), call.name(call["weight"])]
    inputs += [] if call["bias"] is None else [call.name(call["bias"])]
    options = {"strides": stride, "pads": padding * 2, "dilations": dilation, "group": call["groups"]}
    if call["transposed"]:
        return call.node("ConvTranspose", *inputs, output_padding=output_padding, **options)
    return call.node("Conv", *inputs, **options)


def batch_normed(call):
    """By the means and variances that training has seen."""
    n, names = len(call.shape), ("weight", "bias", "running_mean", "running_var")
    ones = [1] * (n - 2)
    weight, bias, mean, variance = (None if call[key] is None else call[key].view(-1, *ones) for key in names)
    factor = torch.rsqrt(variance + call["eps"]) * (1.0 if weight is None else weight)
    shift = (0.0 if bias is None else bias) - mean * factor
    return [call.node("Add", call.node("Mul", call.name(call.first), call.name(factor)), call.name(shift))]


def layer_normed(call):
    n_dims, n = len(call["normalized_shape"]), len(call.shape)
    inputs = [call.name(call.first)]
    sizes = call["normalized_shape"]
    inputs.append(call.name(torch.ones(sizes) if call["weight"] is None else call["weight"], call.dtype))
    inputs.append(call.name(torch.zeros(sizes) if call["bias"] is None else call["bias"], call.dtype))
    axes = call.whole(*range(n - n_dims, n))
    mean = call.node("ReduceMean", inputs[0], axes)
    away = call.node("Sub", inputs[0], mean)
    spread = call.node("Add", call.node("ReduceMean", call.node("Mul", away, away), axes), call.number(call["eps"]))
    normed = call.node("LayerNormalization", *inputs, axis=n - n_dims, epsilon=call["eps"])
    return [normed, mean, call.node("Reciprocal", call.node("Sqrt", spread))]


def pooled(operator):
    """The largest, or the mean, of neighbouring pixels."""

    def lowered(call):
        size, stride, padding = ([*(call[key] or call["kernel_size"])] for key in ("kernel_size", "stride", "padding"))
        padding = [*call["padding"]]
        options = {"kernel_shape": size, "strides": stride, "pads": padding * 2, "ceil_mode": int(call["ceil_mode"])}
        if call["count_include_pad"] is not None:
            options["count_include_pad"] = int(call["count_include_pad"])
        return [call.node(operator, call.name(call.first), **options)]

    return lowered
