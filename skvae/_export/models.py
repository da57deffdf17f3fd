"""ONNX models of estimators: tables in, answers out."""

import numpy as np
import torch

from skvae import __version__
from skvae._export.answers import Asked, module_of
from skvae._export.call import written
from skvae._export.functions import FUNCTIONS
from skvae._export.graph import Graph
from skvae._export.recording import recorded
from skvae._tables.cells import is_missing
from skvae._tables.column import floats
from skvae._tables.faults import check_names
from skvae._tables.frames.frame import as_array, column_of
from skvae._tables.names import column_name

HOLE = -1
"""Number of a missing text before it becomes NaN."""

ROWS, CODES, BEFORE_EXPECTED = "X", "codes", "expected_"
"""Names of a matrix of rows and of codes, and what stands before those of columns that come out."""


def model_of(estimator, output, dtype="float64", missing="", is_open=True):
    """The ONNX model of one answer of an estimator."""
    asked, answer, module = module_of(estimator, output, is_open)
    graph, names = Graph(), labels_of(asked)
    if names is None or answer.of_codes:
        width = asked.latent_dim if answer.of_codes else asked.n_features
        numbers = graph.input(CODES if answer.of_codes else ROWS, getattr(np, dtype), [width])
    else:
        dtype = "float64"
        numbers = columns_in(graph, asked, names, missing)
    graph.n_rows = rows_of(graph, graph.inputs[0].name)
    dtype = getattr(torch, dtype)
    result = embedded(graph, module, [(numbers, width_of(asked, answer), dtype)])[0]
    if answer.gives != "cells":
        value = graph.known[result]
        graph.output(answer.gives, result, value.dtype, list(value.shape[1:]))
    elif names is None:
        graph.output(BEFORE_EXPECTED + ROWS, graph.cast(result, dtype), dtype, [asked.n_features])
    else:
        columns_out(graph, asked, names, result, missing)
    properties = {"skvae": __version__, "estimator": type(estimator).__name__, "output": output, "missing": missing}
    return graph.model(f"{output} of {type(estimator).__name__}", properties)


def width_of(asked, answer):
    """How many numbers of a row go in."""
    return asked.latent_dim if answer.of_codes else asked.n_features


def rows_of(graph, name):
    """The number of rows, as a tensor of one whole number."""
    return graph.node("Shape", [name], start=0, end=1)


def embedded(graph, module, inputs):
    """Names of what a module makes of values: triples of a name, a width and a dtype."""
    came_in, steps, came_out = recorded(module, [(width, dtype) for _, width, dtype in inputs])
    graph.values = {value.number: name for value, (name, *_) in zip(came_in, inputs, strict=True)}
    written(graph, steps, FUNCTIONS)
    names = [graph.values[value.number] for value in came_out]
    graph.known = dict(zip(names, came_out, strict=True))
    return names


def labels_of(asked):
    """Names of the columns as texts; None where rows are those of a matrix."""
    if asked.schema.frame is None:
        return None
    names = list(map(str, asked.schema.names))
    if len(set(names)) < len(names):
        twice = next(name for name in names if names.count(name) > 1)
        raise ValueError(f"Two columns are called {twice!r} as texts. Inputs of a graph have names: rename one.")
    return names


def columns_in(graph, asked, names, missing):
    """The cells of a frame (n, n_features) as float64, from an input for each column."""
    parts = []
    for j, (name, column) in enumerate(zip(names, asked.columns, strict=True)):
        if column.texts is None:
            parts.append(graph.input(name, np.float64, [1]))
        else:
            cells = graph.input(name, str, [1])
            parts.append(levels_in(graph, cells, column.texts, missing, column_name(asked.schema.names, j)))
    return graph.node("Concat", parts, axis=1)


def levels_in(graph, cells, texts, missing, where):
    """Level numbers of texts as float64; one more for those that are no level, NaN for missing ones."""
    if missing in texts:
        raise ValueError(f"missing={missing!r} is a level of {where}. Give a text that no column holds.")
    keys, values = [*texts, missing], [*range(len(texts)), HOLE]
    encoder = {"keys_strings": keys, "values_int64s": values, "default_int64": len(texts)}
    level = graph.node("LabelEncoder", [cells], domain="ai.onnx.ml", **encoder)
    is_missing = graph.node("Equal", [level, graph.constant(np.int64(HOLE))])
    return graph.node("Where", [is_missing, graph.constant(np.nan, torch.float64), graph.cast(level, torch.float64)])


def columns_out(graph, asked, names, cells, missing):
    """An output for each column of a frame of cells (n, n_features), float64."""
    columns = asked.columns
    parts = (
        [cells] if len(columns) == 1 else graph.node("Split", [cells], len(columns), axis=1, num_outputs=len(columns))
    )
    for name, column, part in zip(names, columns, parts, strict=True):
        if column.texts is None:
            graph.output(BEFORE_EXPECTED + name, part, np.float64, [1])
            continue
        keys = list(range(len(column.texts)))
        encoder = {"keys_int64s": keys, "values_strings": column.texts, "default_string": missing}
        level = graph.cast(part, torch.int64)
        texts = graph.node("LabelEncoder", [level], domain="ai.onnx.ml", **encoder)
        graph.output(BEFORE_EXPECTED + name, texts, str, [1])


def feed_of(estimator, X, dtype, missing):
    """A table as the inputs of an estimator's graph: arrays by name."""
    asked, X = Asked.of(estimator), as_array(X)
    names = labels_of(asked)
    if names is None:
        return {ROWS: np.asarray(X, dtype=dtype)}
    check_names(X, asked.schema.names, type(estimator).__name__)
    columns = zip(names, asked.columns, strict=True)
    return {name: cells_of(asked, j, column, column_of(X, j), missing) for j, (name, column) in enumerate(columns)}


def cells_of(asked, j, column, cells, missing):
    """The cells of a Series (n, 1) as an input of the graph."""
    if column.texts is not None:
        texts = [missing if is_missing(cell) else str(cell) for cell in cells]
        return np.array(texts, dtype=object)[:, None]
    if column.values is not None:
        return floats(cells.astype(object))[:, None]
    return (asked.schema.columns[j].encode(cells) * column.size - column.phase)[:, None]
