"""The examples run as a user runs them, with small settings, and what they print holds."""

import re
import runpy
import sys
from pathlib import Path

import numpy as np
import pytest

EXAMPLES = Path(__file__).parents[1] / "examples"
PNG = b"\x89PNG\r\n\x1a\n"


@pytest.fixture
def run(monkeypatch, capsys):
    """Run an example with command-line arguments; what it prints."""

    def run(name, *arguments):
        monkeypatch.setattr(sys, "argv", [name, *map(str, arguments)])
        runpy.run_path(str(EXAMPLES / name), run_name="__main__")
        return capsys.readouterr().out

    return run


def section(text, headline):
    """Lines after the headline, up to the next empty one."""
    lines = iter(text.splitlines())
    for line in lines:
        if line.startswith(headline):
            break
    else:
        raise AssertionError(f"no {headline!r} in:\n{text}")
    return [line for line, end in zip(lines, iter(lambda: next(lines, ""), None), strict=False)]


def table(text):
    """Rows of numbers by the word before them."""
    found = re.findall(r"^ *(\S+)((?: +-?\d+(?:\.\d+)?)+)$", text, flags=re.MULTILINE)
    return {name: np.array(numbers.split(), dtype=float) for name, numbers in found}
