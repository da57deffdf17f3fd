"""What cells of a dtype can be, of any library: the numbers, the decimals and the times that it holds.

Numbers of a model have no ends; a cell that its dtype cannot hold would be infinite, arbitrary or an error.
"""

import re
from decimal import Decimal, localcontext

import numpy as np

NUMBERS = re.compile(r"(?:sparse\[)?(u?int|float)(\d+)")
"""Names of the dtypes of numbers, in lower case."""

OF_ARROW = {"halffloat[pyarrow]": "float16", "float[pyarrow]": "float32", "double[pyarrow]": "float64"}
"""Names of dtypes that numpy calls otherwise."""

NANOSECONDS = re.compile(r"\bns\b")
"""Part of the names of the dtypes of times that are counted so."""

DAY = 86_400_000_000

YEARS = (-719_161.0 * DAY, 2_932_895.0 * DAY)
"""Microseconds of the second day of year 1 and of the last but one of 9999, which are dates of Python in any zone."""

COUNTED, NANOSECONDS_COUNTED = 2.0**63 - DAY, 2.0**63 / 1000 - DAY
"""Most microseconds that int64 counts as such, and as nanoseconds, less a day for those that a zone or a unit adds."""


def named(dtype):
    """What numbers of a dtype are, "int", "uint" or "float", and how many bits they have; None for other cells."""
    name = str(dtype).lower()
    found = NUMBERS.match(OF_ARROW.get(name, name))
    return found and (found[1], int(found[2]))


def number_limits(dtype):
    """Least and most float64 that a dtype of numbers holds; infinite for others."""
    kind, bits = named(dtype) or ("float", 64)
    if kind == "float":
        most = float(np.finfo(f"float{bits}").max) if bits < 64 else np.inf
        return -most, most
    least, most = (0, 2**bits - 1) if kind == "uint" else (-(2 ** (bits - 1)), 2 ** (bits - 1) - 1)
    return float(least), float(most) if float(most) <= most else np.nextafter(float(most), 0.0)


def integer_limits(dtype):
    """The same for integer dtypes, and for booleans as the numbers that they are in arrays; infinite for others."""
    if str(dtype) == "bool":
        return 0.0, 1.0
    return number_limits(dtype) if holds_integers(dtype) else (-np.inf, np.inf)


def holds_integers(dtype):
    """Whether a dtype holds whole numbers only."""
    return (named(dtype) or ("float",))[0] != "float"


def clipped(numbers, dtype):
    """Numbers within what a dtype holds, whole ones for integers; they may be themselves, not a copy."""
    low, high = number_limits(dtype)
    numbers = np.rint(numbers) if holds_integers(dtype) else numbers
    return numbers if high == np.inf else np.clip(numbers, low, high)


def decimals(numbers, dtype):
    """Numbers as decimals of so many digits as a dtype of pyarrow or polars holds; None where they are missing."""
    with localcontext(prec=dtype.precision + 1):
        unit = Decimal(1).scaleb(-dtype.scale)
        most = (10**dtype.precision - 1) * unit
        cells = [None if number != number else Decimal(repr(number)) for number in numbers.tolist()]
        return [cell if cell is None else min(max(cell, -most), most).quantize(unit) for cell in cells]


def time_limits(dtype, of_python):
    """Least and most microseconds of the times or spans of a dtype, or of the dates that are ``of_python`` too."""
    if NANOSECONDS.search(str(dtype)):
        return -NANOSECONDS_COUNTED, NANOSECONDS_COUNTED
    return YEARS if of_python else (-COUNTED, COUNTED)
