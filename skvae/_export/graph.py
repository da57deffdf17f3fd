"""Nodes and constants of an ONNX graph, by the names of what they return."""

from contextlib import contextmanager

import numpy as np
import torch

from skvae._export.libraries import library
from skvae._export.recording import Rows

OPSET, ML_OPSET, IR_VERSION = 18, 3, 9
"""Versions of the operators, of those for machine learning, and of the format: what onnxruntime 1.16 reads."""

WHOLE = np.iinfo(np.int64).max
"""The end of a slice that has none."""


class Graph:
    """A graph that grows. Constants are kept once, for graphs inside it too.

    Names of ``prefix`` and a number are its own. One that is ``sorted_by_others`` says in the inputs of each node all
    that it needs: who sorts nodes by these does not look into the graphs inside.
    """

    def __init__(self, prefix="skvae", sorted_by_others=False):
        self._onnx, self._prefix, self._n_names = library("onnx"), prefix, 0
        self._sorted_by_others = sorted_by_others
        self.nodes, self.initializers, self._names = [], {}, {}
        self.inputs, self.outputs = [], []
        self.n_rows = None
        self.values = {}
        """Names of recorded values by their number."""

    def name(self):
        """A name that nothing has."""
        self._n_names += 1
        return f"{self._prefix}_{self._n_names}"

    def node(self, operator, inputs, n_outputs=1, domain="", outputs=None, **attributes):
        """The name of what a new node returns, or a list of names."""
        outputs = outputs or [self.name() for _ in range(n_outputs)]
        self.nodes.append(self._onnx.helper.make_node(operator, inputs, outputs, domain=domain, **attributes))
        return outputs[0] if n_outputs == 1 else outputs

    def constant(self, value, dtype=None):
        """The name of a constant: a number, an array or a tensor, of a dtype of torch if one is said."""
        if isinstance(value, torch.Tensor):
            value = value.detach().cpu()
            value = (value if dtype is None else value.to(dtype)).numpy()
        else:
            value = np.asarray(value, dtype=None if dtype is None else numpy_dtype(dtype))
        if value.dtype.kind in "OU":
            key = "text", value.shape, tuple(value.ravel().tolist())
        else:
            key = str(value.dtype), value.shape, np.ascontiguousarray(value).tobytes()
        if key not in self._names:
            self._names[key] = name = self.name()
            self.initializers[name] = self._onnx.numpy_helper.from_array(np.array(value, order="C"), name)
        return self._names[key]

    def input(self, name, dtype, shape):
        """A new input of the graph, of a dtype of numpy; the first size is that of the rows."""
        self.inputs.append(self._typed(name, dtype, [Rows(1), *shape]))
        return name

    def output(self, name, value, dtype, shape):
        """Have the graph return a value under a name."""
        self.node("Identity", [value], outputs=[name])
        self.outputs.append(self._typed(name, dtype, [Rows(1), *shape]))

    def _typed(self, name, dtype, shape):
        kind = self._onnx.TensorProto.STRING if dtype is str else self.type_of(dtype)
        sizes = [("n" if size == Rows(1) else None) if isinstance(size, Rows) else size for size in shape]
        return self._onnx.helper.make_tensor_value_info(name, kind, sizes)

    def type_of(self, dtype):
        """The number that ONNX has for a dtype of torch or numpy."""
        numpy = numpy_dtype(dtype) if isinstance(dtype, torch.dtype) else np.dtype(dtype)
        return self._onnx.helper.np_dtype_to_tensor_dtype(numpy)

    def cast(self, name, dtype):
        """A value in another dtype of torch."""
        return self.node("Cast", [name], to=self.type_of(dtype))

    def shape(self, sizes):
        """A shape as a tensor, from whole numbers and ``Rows``."""
        if not any(isinstance(size, Rows) for size in sizes):
            return self.constant(np.array(sizes, dtype=np.int64))
        parts = []
        for size in sizes:
            if not isinstance(size, Rows):
                parts.append(self.constant(np.array([size], dtype=np.int64)))
                continue
            times = self.constant(np.array([size.times], dtype=np.int64))
            parts.append(self.n_rows if size.times == 1 else self.node("Mul", [self.n_rows, times]))
        return parts[0] if len(parts) == 1 else self.node("Concat", parts, axis=0)

    @contextmanager
    def inside(self):
        """Context in which new nodes belong to a graph inside this one: a list, which is given."""
        outer, self.nodes = self.nodes, []
        yield self.nodes
        self.nodes = outer

    def after(self, condition, parts):
        """A condition that is there no sooner than what parts of the graph take from around them."""
        if not self._sorted_by_others:
            return condition
        made = {name for node in self.nodes for name in node.output}
        zero = self.constant(np.int64(0))
        for name in sorted(made & {name for part in parts for name in names_used(part.node)}):
            is_there = self.node("GreaterOrEqual", [self.node("Size", [name]), zero])
            condition = self.node("And", [condition, is_there])
        return condition

    def part(self, nodes, inputs, outputs):
        """A graph inside this one; inputs and outputs are triples of a name, a dtype of torch and a shape."""
        sides = [[self._typed(name, dtype, shape) for name, dtype, shape in side] for side in (inputs, outputs)]
        return self._onnx.helper.make_graph(nodes, self.name(), *sides)

    def model(self, description, properties):
        """All of it as a model, without nodes of which nothing is asked."""
        helper = self._onnx.helper
        nodes = needed(self.nodes, {output.name for output in self.outputs})
        used = names_used(nodes)
        constants = [each for name, each in self.initializers.items() if name in used]
        graph = helper.make_graph(nodes, "skvae", self.inputs, self.outputs, constants, doc_string=description)
        versions = [helper.make_opsetid("", OPSET), helper.make_opsetid("ai.onnx.ml", ML_OPSET)]
        model = helper.make_model(graph, opset_imports=versions, ir_version=IR_VERSION, producer_name="skvae")
        helper.set_model_props(model, properties)
        return model


def needed(nodes, wanted):
    """Those of some nodes in order without which the ``wanted`` names are not there."""
    kept, wanted = [], set(wanted)
    for node in reversed(nodes):
        if wanted & set(node.output):
            kept.append(node)
            wanted |= names_used([node])
    return kept[::-1]


def names_used(nodes):
    """Names that nodes, and nodes inside them, take from around them."""
    used = set()
    for node in nodes:
        used |= set(node.input)
        for attribute in node.attribute:
            if attribute.HasField("g"):
                used |= names_used(attribute.g.node) | {output.name for output in attribute.g.output}
    return used


def numpy_dtype(dtype):
    """The dtype of numpy that a dtype of torch is."""
    return torch.empty(0, dtype=dtype).numpy().dtype
