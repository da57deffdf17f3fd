"""Converters for skl2onnx: a Pipeline with estimators of this package as one ONNX model."""

import numpy as np
import torch

from skvae._export.answers import Asked, module_of
from skvae._export.graph import OPSET, Graph
from skvae._export.libraries import library
from skvae._export.models import embedded, levels_in, rows_of
from skvae._tables.names import column_name

MISSING_TEXT = ""
"""What stands for a missing text."""


def register(transformers, detectors):
    """Tell skl2onnx how classes of transformers and of detectors are converted."""
    skl2onnx = library("skl2onnx")
    for kinds, shapes, convert, parser in (
        (transformers, shapes_of_codes, convert_transformer, None),
        (detectors, shapes_of_labels, convert_detector, outputs_of_detector),
    ):
        for kind in kinds:
            alias = f"Skvae{kind.__name__}"
            skl2onnx.update_registered_converter(kind, alias, shapes, convert, overwrite=True, parser=parser)


def types():
    """The types of variables of skl2onnx."""
    return library("skl2onnx.common.data_types")


def number_type(inputs):
    """The type of numbers that come out: float32 where all numbers that come in are."""
    known, double = types(), any(isinstance(each.type, types().DoubleTensorType) for each in inputs)
    return known.DoubleTensorType if double else known.FloatTensorType


def shapes_of_codes(operator):
    """What ``transform`` returns."""
    n = operator.raw_operator.n_components_
    operator.outputs[0].type = number_type(operator.inputs)([operator.inputs[0].get_first_dimension(), n])


def shapes_of_labels(operator):
    """What ``predict`` and ``decision_function`` return."""
    n = operator.inputs[0].get_first_dimension()
    operator.outputs[0].type = types().Int64TensorType([n])
    operator.outputs[1].type = number_type(operator.inputs)([n, 1])


def outputs_of_detector(scope, model, inputs, custom_parsers=None):
    """Labels and scores, as outlier detectors of scikit-learn have them."""
    operator = scope.declare_local_operator(f"Skvae{type(model).__name__}", model)
    operator.inputs = inputs
    operator.outputs.append(scope.declare_local_variable("label", types().Int64TensorType()))
    operator.outputs.append(scope.declare_local_variable("scores", number_type(inputs)()))
    return operator.outputs


def convert_transformer(scope, operator, container):
    """Nodes of ``transform``."""
    graph, inputs = begun(scope, operator)
    module = module_of(operator.raw_operator, "transform")[2]
    finish(graph, operator, container, [embedded(graph, module, [inputs])[0]])


def convert_detector(scope, operator, container):
    """Nodes of ``predict`` and ``decision_function``; the scores are computed once."""
    graph, inputs = begun(scope, operator)
    module = module_of(operator.raw_operator, "decision_function")[2]
    scored = embedded(graph, module, [inputs])[0]
    below = graph.node("Less", [scored, graph.constant(0.0, torch.float64)])
    label = graph.node("Where", [below, graph.constant(np.int64(-1)), graph.constant(np.int64(1))])
    column = graph.node("Unsqueeze", [scored, graph.constant(np.array([1]))])
    finish(graph, operator, container, [label, column])


def begun(scope, operator):
    """A graph with the columns of an operator's inputs, and what goes into a module: name, width and dtype."""
    asked = Asked.of(operator.raw_operator)
    graph = Graph(scope.get_unique_variable_name("skvae"), sorted_by_others=True)
    names = [variable.onnx_name for variable in operator.inputs]
    graph.n_rows = rows_of(graph, names[0])
    kinds = [variable.type for variable in operator.inputs]
    if len(kinds) == 1 and isinstance(kinds[0], types().FloatTensorType):
        return graph, (names[0], asked.n_features, torch.float32)
    parts, place, columns = [], 0, asked.columns
    for name, kind in zip(names, kinds, strict=True):
        n = kind.shape[1]
        of_these = columns[place : place + n]
        if isinstance(kind, types().StringTensorType):
            parts += texts_in(graph, asked, name, of_these, place)
        else:
            parts.append(numbers_in(graph, asked, name, of_these, place))
        place += n
    cells = parts[0] if len(parts) == 1 else graph.node("Concat", parts, axis=1)
    return graph, (cells, asked.n_features, torch.float64)


def numbers_in(graph, asked, name, columns, place):
    """Columns of numbers as float64."""
    for j, column in enumerate(columns, place):
        if column.texts is not None:
            where = column_name(asked.schema.names, j)
            raise ValueError(f"{where} holds texts: give its input the type StringTensorType([None, 1]).")
    return graph.cast(name, torch.float64)


def texts_in(graph, asked, name, columns, place):
    """Columns of texts as their level numbers."""
    n = len(columns)
    parts = [name] if n == 1 else graph.node("Split", [name], n, axis=1, num_outputs=n)
    for j, column in enumerate(columns, place):
        where = column_name(asked.schema.names, j)
        if column.texts is None:
            raise ValueError(f"{where} holds no texts: give its input the type DoubleTensorType([None, 1]).")
        parts[j - place] = levels_in(graph, parts[j - place], column.texts, MISSING_TEXT, where)
    return parts


def finish(graph, operator, container, results):
    """Hand nodes and constants over to the container of skl2onnx, with results as the outputs of the operator."""
    for variable, name in zip(operator.outputs, results, strict=True):
        kind = graph.type_of(np.dtype(DTYPES_OF_TYPES[type(variable.type).__name__]))
        graph.node("Cast", [name], outputs=[variable.onnx_name], to=kind)
    if container.target_opset_any_domain("") < OPSET:
        raise ValueError(f"target_opset={container.target_opset!r} of skl2onnx must be at least {OPSET}.")
    container.nodes.extend(graph.nodes)
    container.initializers.extend(graph.initializers.values())
    container.node_domain_version_pair_sets |= {("", OPSET)}
    if any(node.domain for node in graph.nodes):
        container.node_domain_version_pair_sets |= {("ai.onnx.ml", 3)}


DTYPES_OF_TYPES = {"FloatTensorType": "float32", "DoubleTensorType": "float64", "Int64TensorType": "int64"}
"""Dtypes of numpy by the types of skl2onnx."""
