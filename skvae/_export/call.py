"""Recorded steps -> nodes of ONNX. What is written for each function of torch is a table's matter."""

from dataclasses import dataclass

import numpy as np
import torch

from skvae._export.graph import Graph
from skvae._export.recording import NotExportableError, Spread, Step, Value


@dataclass(frozen=True)
class Call:
    """One step, the graph that it is written into, and the table of functions that it is written by."""

    graph: Graph
    step: Step
    functions: dict

    def __getitem__(self, name):
        return self.step.arguments.get(name)

    @property
    def first(self):
        """The first argument."""
        return next(iter(self.step.arguments.values()))

    @property
    def dtype(self):
        """The dtype of what is returned."""
        return self.step.returns[0].dtype

    @property
    def shape(self):
        """The shape of what is returned."""
        return self.step.returns[0].shape

    def name(self, value, dtype=None):
        """The name of an argument, in a dtype if one is said."""
        if isinstance(value, Spread):
            return self.node("Expand", self.graph.constant(value.tensor, dtype), self.graph.shape(value.shape))
        if not isinstance(value, Value):
            return self.graph.constant(value, dtype)
        name = self.graph.values[value.number]
        return name if dtype in (None, value.dtype) else self.graph.cast(name, dtype)

    def names(self, dtype=None, n=2):
        """The names of the first arguments."""
        return [self.name(value, dtype) for value in list(self.step.arguments.values())[:n]]

    def node(self, operator, *inputs, **attributes):
        """The name of what a new node returns."""
        return self.graph.node(operator, list(inputs), **attributes)

    def whole(self, *numbers):
        """Whole numbers as a constant."""
        return self.graph.constant(np.array(numbers, dtype=np.int64))

    def number(self, value, dtype=None):
        """A number as a constant, of the dtype of what is returned if no other one is said."""
        return self.graph.constant(value, dtype or self.dtype)

    def axes(self, dim, shape=None):
        """Dimensions as a list of whole numbers from 0 up; all of them if none are said."""
        n = len(shape_of(self.first) if shape is None else shape)
        dims = range(n) if dim is None or dim == [] else dim if isinstance(dim, list) else [dim]
        return [d % n if n else 0 for d in dims]


def shape_of(value):
    """The shape of an argument."""
    return tuple(value.shape) if isinstance(value, Spread | Value | torch.Tensor) else ()


def written(graph, steps, functions):
    """Write steps into a graph; what they return is among its values."""
    for step in steps:
        if step.name not in functions:
            raise NotExportableError(
                f"{step.name}: this function of torch has no counterpart here in ONNX. Use other layers in "
                "network=Custom(...), or another network or likelihood; skvae.export.to_torch exports any of them."
            )
        returned = functions[step.name](Call(graph, step, functions))
        returned = returned if isinstance(returned, list) else [returned]
        graph.values |= {value.number: name for value, name in zip(step.returns, returned, strict=False)}


def branched(call):
    """A part of the graph that is computed if a condition is true."""
    parts = []
    for steps, key in ((call.step.inner, "result"), ([], "otherwise")):
        with call.graph.inside() as nodes:
            written(call.graph, steps, call.functions)
            name = call.graph.node("Identity", [call.name(call[key])])
        parts.append(call.graph.part(nodes, [], [(name, call.dtype, call.shape)]))
    condition = call.graph.after(call.name(call["condition"]), parts)
    return call.node("If", condition, then_branch=parts[0], else_branch=parts[1])


def looped(call):
    """A part of the graph that is computed so many times."""
    graph, number = call.graph, call["inside"].number
    ends, kinds = [graph.name() for _ in range(3)], [(torch.int64, ()), (torch.bool, ()), (call.dtype, call.shape)]
    graph.values[number] = ends[2]
    with graph.inside() as nodes:
        goes_on = graph.node("Identity", [ends[1]])
        written(graph, call.step.inner, call.functions)
        result = graph.node("Identity", [call.name(call["result"])])
    inputs = [(name, *kind) for name, kind in zip(ends, kinds, strict=True)]
    body = graph.part(nodes, inputs, [(goes_on, *kinds[1]), (result, *kinds[2])])
    times, state = graph.constant(np.int64(call["times"])), call.name(call["state"])
    return call.node("Loop", times, graph.constant(np.True_), state, body=body)
