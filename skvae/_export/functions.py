"""What functions of torch are in ONNX: a new one is one function and one line here."""

from skvae._export import elementwise as e
from skvae._export import shaping as s
from skvae._export.call import branched, looped
from skvae._export.recording import EITHER, REPEATED

FUNCTIONS = {
    EITHER: branched,
    REPEATED: looped,
    **dict.fromkeys(("alias", "clone", "contiguous", "detach", "lift_fresh", "conj_physical"), e.same),
    **dict.fromkeys(("_to_copy", "to"), e.cast),
    **{name: e.unary(name.capitalize()) for name in ("exp", "log", "sqrt", "abs", "neg", "sigmoid", "tanh", "relu")},
    **{
        name: e.unary(name.capitalize())
        for name in ("sign", "erf", "sin", "cos", "reciprocal", "floor", "ceil", "round")
    },
    "isnan": lambda call: call.node("IsNaN", call.name(call.first)),
    **{name: e.logical("Not") for name in ("logical_not", "bitwise_not")},
    **{name: e.logical("And") for name in ("logical_and", "bitwise_and", "__and__")},
    **{name: e.logical("Or") for name in ("logical_or", "bitwise_or", "__or__")},
    **{name: e.logical("Xor") for name in ("logical_xor", "bitwise_xor", "__xor__")},
    **{"add": e.binary("Add"), "sub": e.binary("Sub"), "rsub": e.binary("Sub", swapped=True), "mul": e.binary("Mul")},
    **{"div": e.divided, "minimum": e.binary("Min"), "maximum": e.binary("Max"), "pow": e.powered},
    **{"eq": e.comparison("Equal"), "ne": e.comparison("Equal", negated=True), "lt": e.comparison("Less")},
    **{"le": e.comparison("LessOrEqual"), "gt": e.comparison("Greater"), "ge": e.comparison("GreaterOrEqual")},
    **dict.fromkeys(("clamp", "clamp_min", "clamp_max", "hardtanh"), e.clamped),
    **{"square": e.squared, "mse_loss": e.squared_error, "rsqrt": e.rsqrt, "addcmul": e.addcmul},
    **{"silu": e.silu, "gelu": e.gelu, "elu": e.elu, "leaky_relu": e.leaky_relu, "softplus": e.softplus},
    **{"log1p": e.special(e.log1p_of), "expm1": e.special(e.expm1_of), "lgamma": e.special(e.lgamma_of)},
    **{"digamma": e.special(e.digamma_of), "sgn": e.unary("Sign")},
    **{"log_sigmoid_forward": e.log_sigmoid, "logaddexp": e.logaddexp, "nan_to_num": e.nan_to_num},
    **{"where": e.where, "masked_fill": e.masked_fill, "full_like": e.full(), "new_full": e.full()},
    **{name: e.full(0.0) for name in ("zeros_like", "new_zeros")},
    **{name: e.full(1.0) for name in ("ones_like", "new_ones")},
    **{"sum": e.reduced("ReduceSum"), "mean": e.reduced("ReduceMean"), "amax": e.reduced("ReduceMax")},
    **{"amin": e.reduced("ReduceMin"), "logsumexp": e.reduced("ReduceLogSumExp"), "prod": e.reduced("ReduceProd")},
    **{"any": e.any_of("ReduceMax"), "all": e.any_of("ReduceMin"), "cumsum": e.cumsum, "topk": e.topk},
    **{"argmax": e.placed("ArgMax"), "argmin": e.placed("ArgMin")},
    **{"_softmax": e.soft("Softmax"), "_log_softmax": e.soft("LogSoftmax")},
    **dict.fromkeys(("view", "_unsafe_view", "reshape", "flatten", "unflatten", "_reshape_alias"), s.reshaped),
    **{"expand": s.expanded, "unsqueeze": s.unsqueezed, "squeeze": s.squeezed, "permute": s.permuted},
    **dict.fromkeys(("transpose", "t", "numpy_T", "mT"), s.transposed),
    **{
        "slice": s.sliced,
        "select": s.selected,
        "cat": s.joined,
        "stack": s.stacked,
        "unbind": s.unbound,
        "repeat": s.tiled,
    },
    **dict.fromkeys(("split", "split_with_sizes", "chunk", "split_copy", "split_with_sizes_copy"), s.split),
    **{"index_select": s.taken, "gather": s.gathered, "index": s.indexed, "index_copy": s.index_copied},
    **{"index_add": s.index_added, "scatter_add": s.scatter_added},
    **dict.fromkeys(("slice_backward", "select_backward"), s.among_zeros),
    **{"constant_pad_nd": s.padded, "addmm": s.addmm, "linear": s.linear},
    **dict.fromkeys(("mm", "mv", "bmm", "dot", "matmul"), s.matmul),
    **{"convolution": s.convolved, "native_batch_norm": s.batch_normed, "native_layer_norm": s.layer_normed},
    **{"_native_batch_norm_legit_no_training": s.batch_normed},
    **{"max_pool2d_with_indices": s.pooled("MaxPool"), "avg_pool2d": s.pooled("AveragePool")},
}
"""What is written for each function of torch, by its name."""
