"""Libraries that only an export needs."""

import importlib


def library(name, extra="onnx"):
    """A module, which is loaded at the first export only; ``extra`` is what it comes with."""
    try:
        return importlib.import_module(name)
    except ImportError as error:
        missing = name.split(".")[0]
        raise ImportError(f"This export needs {missing}, which is missing: pip install 'skvae[{extra}]'.") from error
