"""Estimators as files of safetensors: arrays by name, all else as JSON in the header, and back.

JSON has None, booleans, texts, finite numbers and lists as they are. Anything else is a dict of one item, what it is
and what it is made from. Objects are those of this package alone, so that reading a file runs no code of others.
"""

import importlib
import json
import math

import numpy as np

from skvae._export.libraries import library

PACKAGE, LAYOUT = "skvae", "1"
"""Where classes of objects in a file come from, and the version of its layout."""

UNSAID = "_model"
"""What leads to the weights of every estimator, and has no part in the names of arrays."""

IN_JSON = type(None) | bool | int | str
"""What JSON has."""


class Writer:
    """Arrays of an estimator by name, and what JSON says of it; objects that are met again are said once."""

    def __init__(self):
        self.tensors, self._met, self._kept = {}, {}, []

    def plain(self, value, path):
        """A value as JSON has it; ``path`` is a tuple of the names that lead to it."""
        if isinstance(value, IN_JSON):
            return value
        if isinstance(value, float):
            return value if math.isfinite(value) else {"float": repr(value)}
        if isinstance(value, np.ndarray):
            return self._array(value, path)
        if isinstance(value, np.generic):
            return {"scalar": [str(value.dtype), self.plain(value.item(), path)]}
        if isinstance(value, bytes):
            return {"bytes": value.hex()}
        if isinstance(value, dict):
            return {"dict": [[self.plain(k, path), self.plain(v, (*path, str(k)))] for k, v in value.items()]}
        if isinstance(value, list) or type(value) is tuple:
            parts = [self.plain(part, (*path, str(place))) for place, part in enumerate(value)]
            return parts if isinstance(value, list) else {"tuple": parts}
        return self._object(value, path)

    def _array(self, array, path):
        if array.dtype.kind not in "biuf":
            parts = [self.plain(part, path) for part in array.ravel().tolist()]
            return {"array": [str(array.dtype), list(array.shape), parts]}
        name = base = ".".join(path)
        further = 1
        while name in self.tensors:
            further += 1
            name = f"{base}.{further}"
        self.tensors[name] = np.ascontiguousarray(array)
        return {"tensor": name}

    def _object(self, value, path):
        kind = type(value)
        if kind.__module__.split(".")[0] != PACKAGE or not hasattr(value, "__getstate__"):
            raise TypeError(
                f"{'.'.join(path)} is {value!r}, which is neither a number, a text, an array nor an object of "
                f"{PACKAGE}, and no file of safetensors holds it. Give an int as "
                "random_state, a name as solver or network; or use pickle or skops."
            )
        if id(value) in self._met:
            return {"again": self._met[id(value)]}
        self._kept.append(value)  # so that no other object has its identity
        number = self._met[id(value)] = len(self._met)
        name = f"{kind.__module__}:{kind.__qualname__}"
        if isinstance(value, tuple):
            return {"fields": [number, name, [self.plain(part, path) for part in value]]}
        state = value.__getstate__()
        paths = {key: path if key == UNSAID else (*path, key.strip("_")) for key in state}
        parts = [[key, self.plain(part, paths[key])] for key, part in state.items()]
        return {"object": [number, name, parts]}


class Reader:
    """Values of what a ``Writer`` wrote; ``tensors`` are arrays by name."""

    def __init__(self, tensors):
        self._tensors, self._met = tensors, {}

    def value(self, stored):
        """What JSON stands for."""
        if isinstance(stored, list):
            return [self.value(part) for part in stored]
        if not isinstance(stored, dict):
            return stored
        ((kind, made_from),) = stored.items()
        return READ[kind](self, made_from)

    def tensor(self, name):
        """An array of the file."""
        return self._tensors[name].copy()

    def array(self, made_from):
        """An array of texts or objects."""
        dtype, shape, parts = made_from
        array = np.empty(len(parts), dtype=dtype)
        array[:] = self.value(parts)
        return array.reshape(shape)

    def fields(self, made_from):
        """A tuple with names of its own."""
        number, name, parts = made_from
        self._met[number] = tuple.__new__(class_of(name), self.value(parts))
        return self._met[number]

    def object(self, made_from):
        """An object of this package."""
        number, name, parts = made_from
        made = self._met[number] = class_of(name).__new__(class_of(name))
        state = {key: self.value(part) for key, part in parts}
        if hasattr(made, "__setstate__"):
            made.__setstate__(state)
        else:
            vars(made).update(state)
        return made

    def again(self, number):
        """An object that was read before."""
        return self._met[number]


def class_of(name):
    """A class of this package by its module and its name."""
    module, _, kind = name.partition(":")
    if module.split(".")[0] != PACKAGE:
        raise ValueError(f"The file wants an object of {name!r}, which is none of {PACKAGE}. It is not read.")
    found = getattr(importlib.import_module(module), kind, None)
    if not isinstance(found, type) or found.__module__ != module:
        raise ValueError(f"The file wants an object of {name!r}, which this version of {PACKAGE} has not.")
    return found


def save(estimator, path, version):
    """Write a fitted estimator into a file."""
    numpy = library("safetensors.numpy", "safetensors")
    writer = Writer()
    state = writer.plain(estimator, ())
    parameters = {name: repr(value) for name, value in estimator.get_params(deep=False).items()}
    header = {
        "format": LAYOUT,
        PACKAGE: version,
        "estimator": type(estimator).__name__,
        "parameters": json.dumps(parameters),
        "state": json.dumps(state, allow_nan=False),
    }
    numpy.save_file(writer.tensors, path, metadata=header)


def load(path, version):
    """The estimator of a file."""
    safetensors = library("safetensors", "safetensors")
    with safetensors.safe_open(path, framework="numpy") as file:
        header, tensors = file.metadata() or {}, {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    if header.get("format") != LAYOUT or "state" not in header:
        raise ValueError(
            f"path={str(path)!r} holds no estimator of {PACKAGE} {version}. Give a file of to_safetensors."
        )
    return Reader(tensors).value(json.loads(header["state"]))


READ = {
    "float": lambda reader, text: float(text),
    "scalar": lambda reader, stored: np.dtype(stored[0]).type(reader.value(stored[1])),
    "bytes": lambda reader, text: bytes.fromhex(text),
    "dict": lambda reader, pairs: {reader.value(key): reader.value(part) for key, part in pairs},
    "tuple": lambda reader, parts: tuple(map(reader.value, parts)),
    "tensor": Reader.tensor,
    "array": Reader.array,
    "fields": Reader.fields,
    "object": Reader.object,
    "again": Reader.again,
}
"""How values are made again, by what they are."""
