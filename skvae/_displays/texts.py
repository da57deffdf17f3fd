"""Cells, numbers and names as a picture writes them."""

import math
from numbers import Real

import numpy as np
import pandas as pd

LONGEST = 38
"""Letters of a column's name that are written; longer names lose their middle."""

FORMATS_OF_TIMES = {"D": "%Y-%m-%d", "min": "%Y-%m-%d %H:%M", "s": "%Y-%m-%d %H:%M:%S"}
"""How a date is written, by what its interval is a few of."""


def written(reasons):
    """The numbers beside each line, by heading."""
    with np.errstate(invalid="ignore"):
        width = np.abs(0.5 * as_numbers(reasons["high"]) - 0.5 * as_numbers(reasons["low"]))
    bounds = [[cell_text(x, w) for x, w in zip(reasons[name], width, strict=True)] for name in ("low", "high")]
    unbounded = reasons["low"].isna() & reasons["high"].isna()
    intervals = zip(*bounds, unbounded, strict=True)
    columns = {
        "observed": [cell_text(x, w, as_is=True) for x, w in zip(reasons["value"], width, strict=True)],
        "expected": [cell_text(x, w) for x, w in zip(reasons["expected"], width, strict=True)],
        "interval": ["" if unbounded else f"{low} to {high}" for low, high, unbounded in intervals],
    }
    return columns | ({"how far": distances_in_words(reasons)} if "times" in reasons else {})


def distances_in_words(reasons):
    """How far each cell is from what was expected, as one says it."""
    levels = reasons["low"].isna() & reasons["high"].isna()
    return [how_far(float(times), level) for times, level in zip(reasons["times"], levels, strict=True)]


def how_far(times, is_level):
    """How many times the usual distance a number is away, or how many times less probable a level is, in words."""
    if np.isnan(times):
        return ""
    if times <= 1.0:
        return "as expected" if is_level else "usual"
    if np.isinf(times):
        return "different from all others"
    number = f"{times:.1f}" if times < 9.95 else f"{times:,.0f}" if times < 1e6 else "over a million"
    return f"{number} times less probable" if is_level else f"{number} times the usual distance"


def cell_text(cell, width, as_is=False):
    """A cell of any kind in a few characters."""
    if isinstance(cell, Real) and not isinstance(cell, bool):
        return number_text(float(cell), width, as_is)
    if pd.isna(cell):
        return "missing"
    if isinstance(cell, pd.Timestamp):
        return time_text(cell, width, as_is)
    return shortened(str(cell).removesuffix(" 00:00:00"))


def time_text(time, width, as_is=False):
    """A date as short as an interval of that half width in nanoseconds allows; one ``as_is`` keeps its seconds."""
    for unit in ("D", "min"):
        if time.floor(unit) == time if as_is else width >= 2.0 * pd.Timedelta(1, unit).value:
            return time.strftime(FORMATS_OF_TIMES[unit])
    return time.strftime(FORMATS_OF_TIMES["s"])


def number_text(x, width, as_is=False):
    """A number with the digits that an interval of that half width needs; one ``as_is`` is not rounded to zero."""
    if not np.isfinite(x):
        return signed(str(float(x)))
    if not as_is and abs(x) < 0.005 * width:
        return "0"
    exponent = magnitude(x)
    digits = min(max(exponent - magnitude(width) + 2, 3), 9)
    return signed(f"{x:.{max(digits, exponent + 1) if exponent < 7 else digits}g}")


def magnitude(x):
    """The power of ten of a number; 0 where it has none."""
    return math.floor(math.log10(abs(x))) if np.isfinite(x) and x != 0.0 else 0


def signed(text):
    """Text with minus signs as matplotlib's axes have them."""
    return text.replace("-", "\N{MINUS SIGN}")


def shortened(name, longest=LONGEST):
    """A column's name on one line, without its middle where it is longer than so many letters."""
    name = " ".join(str(name).split())
    if len(name) <= longest:
        return name
    end = (longest - 1) // 2
    return f"{name[: longest - 1 - end]}\N{HORIZONTAL ELLIPSIS}{name[-end:]}"


def as_numbers(cells):
    """Cells of any kind as numbers (n,): dates and spans in nanoseconds, NaN for levels and missing cells."""
    if cells.dtype.kind == "f":
        return cells.to_numpy(np.float64)
    return np.array([number_of(cell) for cell in cells], dtype=np.float64)


def number_of(cell):
    """One cell as a number, NaN where it is none."""
    if isinstance(cell, pd.Timestamp | pd.Timedelta):
        return float(cell.value)
    return float(cell) if isinstance(cell, Real) and not isinstance(cell, bool) else np.nan
