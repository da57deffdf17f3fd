"""Columns by name or number: what parameters say of them, and how messages call them."""

import reprlib
from numbers import Integral

import numpy as np
import pandas as pd

from skvae._tables.cells import is_missing


def column_groups(parameter, pairs, names, n_features, complete=True):
    """Column numbers of each group of ``pairs``, (member, columns) by name or number; every column once.

    ``parameter`` is what messages call the list; some columns may be left out where it need not be ``complete``.
    """
    groups, owner = [], {}
    named = [(member, columns_named(columns, names)) for member, columns in pairs]
    places = places_of([column for _, columns in named for column in columns], names, n_features, parameter)
    for member, columns in named:
        groups.append([places[column] for column in columns])
        for j in groups[-1]:
            if j in owner:
                raise ValueError(f"{parameter} names {column_name(names, j)} twice, for {owner[j]!r} and {member!r}.")
            owner[j] = member
    missing = [column_name(names, j) for j in range(n_features) if j not in owner]
    if missing and complete:
        raise ValueError(f"{parameter} says nothing of {', '.join(missing[:5])}; each column needs one entry.")
    return groups


def columns_named(columns, names):
    """What a parameter says of columns as a list of their names, numbers or marks; a name may be a tuple."""
    is_one = isinstance(columns, str | bytes) or not np.iterable(columns)
    if is_one or (isinstance(columns, tuple) and columns in (names or [])):
        return [columns]
    return pd.Index(columns, tupleize_cols=False).tolist() if hasattr(columns, "dtype") else list(columns)


def places_of(columns, names, n_features, parameter, lacking="which X has not"):
    """Column numbers by the name or number that a parameter says.

    Where names are numbers themselves, all whole numbers that it says are names, or all are column numbers.
    """
    known = {} if names is None else {name: j for j, name in enumerate(names)}
    there = f"columns 0 to {n_features - 1}" if names is None else f"columns {reprlib.repr(list(names))}"
    named = {j: column for j, column in enumerate(columns) if is_one_of(known, column)}
    is_numeric = any(isinstance(column, Integral) for column in named.values())
    places = {}
    for j, column in enumerate(columns):
        is_column_number = isinstance(column, Integral) and 0 <= column < n_features and not is_numeric
        if j not in named and not is_column_number:
            raise ValueError(
                f"{parameter} names column {column!r}, {lacking}; there are {there}. Use their names or numbers."
            )
        places[column] = known[column] if j in named else int(column)
    return places


def is_one_of(known, column):
    """Whether a dict has a key, which need not be hashable."""
    try:
        return column in known
    except TypeError:
        return False


def objects(values):
    """An array (n,) of objects, tuples included."""
    return np.array([*values, None], dtype=object)[:-1]  # the None keeps tuples one cell each


def column_name(names, j):
    """How messages call column ``j``."""
    return f"column {j}" if names is None else f"column {names[j]!r}"


def comparable(name):
    """A name that equals another one that is missing in the same places."""
    if isinstance(name, tuple):
        return tuple(map(comparable, name))
    return None if is_missing(name) else name
