"""What is no table, and which cell is at fault when one is."""

import datetime
import re
import warnings
from collections import Counter
from functools import partial

import numpy as np
from sklearn.exceptions import DataConversionWarning

from skvae._tables.cells import is_date, is_infinite, is_missing, is_number, is_object, is_sequence, shown, zone_of
from skvae._tables.frames.frame import names_of
from skvae._tables.frames.sources import Source
from skvae._tables.names import column_name, comparable
from skvae._tables.texts import reading_of
from skvae._tables.times import first_odd, is_no_time, with_zone

UNUSABLE = [
    (
        lambda cell: not is_number(cell),
        "takes numbers only in arrays; put text, dates and categories into a data frame.",
    ),
    (is_missing, "takes no missing cells; fill them first, e.g. with sklearn.impute.SimpleImputer."),
    (
        is_infinite,
        "takes finite numbers only; replace what is beyond float64 by NaN and impute it, or drop these rows.",
    ),
]
"""What makes a cell unusable, in the order in which it is looked for, and the remedy."""

ABOUT_CELLS = re.compile("dates|NaN|infinity|large|convert|float|int|number|digits|sequence", re.IGNORECASE)
"""What scikit-learn's and numpy's messages say when a cell is at fault, not the table's shape."""


CHANNELS = 1, 3, 4
"""How many channels images have: grey, colours, colours that may be transparent."""


def check_table(X, owner, of_codes=False):
    """Refuse what is no table, tables that are not in memory, frames with names twice, and arrays of dates.

    ``of_codes`` is whether rows are to be codes, which images are not.
    """
    names = X.names if isinstance(X, Source) else names_of(X)
    if names is None and hasattr(X, "collect"):
        raise ValueError(f"X is a {type(X).__name__}; {owner} takes tables in memory: call .collect() first.")
    for name, count in Counter(names or []).items():
        if count > 1:
            raise ValueError(f"X has {count} columns named {name!r}; {owner} needs unique names: rename or drop one.")
    if names is not None:
        return
    check_form(X, owner, of_codes)
    cells = np.asarray(X) if getattr(getattr(X, "dtype", None), "kind", "f") in "mMO" else np.empty((0, 0))
    if cells.dtype.kind in "mM" or (cells.size and np.frompyfunc(is_date, 1, 1)(cells).any()):
        raise with_culprit(ValueError("X holds dates"), cells.astype(object), owner)


def check_form(X, owner, of_codes=False):
    """Refuse what does not have rows and columns."""
    check_rows(X, owner)
    shape = shape_of(X, owner)
    if len(shape) == 1:
        raise ValueError(
            f"X has shape {shape}, one dimension, but {owner} takes rows and columns. Reshape your data: "
            "X.reshape(-1, 1) is one column, X.reshape(1, -1) one row."
        )
    if len(shape) in (3, 4) and not of_codes:
        how, image_shape = as_rows(shape)
        sequences = (
            f" If they are sequences of {shape[1]} channels, it is {tuple(shape[1:])}." if len(shape) == 3 else ""
        )
        raise ValueError(
            f"X has shape {shape}, {len(shape)} dimensions, but {owner} takes rows and columns. If these are images, "
            f"make a row of each by {how}, and give the transformer image_shape={image_shape}.{sequences}"
        )
    if len(shape) > 2:
        raise ValueError(
            f"X has shape {shape}, {len(shape)} dimensions, but {owner} takes rows and columns. Use "
            "X.reshape(len(X), -1) to make one row of each part."
        )


def as_rows(shape):
    """How an array of images, (n, height, width) or with channels, becomes rows, and the shape of an image."""
    if len(shape) == 4 and shape[-1] in CHANNELS and shape[1] not in CHANNELS:
        return "X.transpose(0, 3, 1, 2).reshape(len(X), -1)", (shape[3], shape[1], shape[2])
    return "X.reshape(len(X), -1)", (1,) * (4 - len(shape)) + tuple(shape[1:])


def check_rows(X, owner):
    """Refuse what holds no rows at all."""
    if shape_of(X, owner):
        return
    how = "Use pandas.DataFrame(X)" if isinstance(X, dict) else "Use list(X)" if hasattr(X, "__next__") else ""
    raise ValueError(
        f"X is {'None' if X is None else f'{shown(X)}, a {type(X).__name__}'}, but {owner} takes rows and columns. "
        f"{how or 'Pass'}{', or pass' if how else ''} an array, a list of rows, a sparse matrix or a data frame."
    )


def shape_of(X, owner):
    """The shape of whatever may be a table, () for what is none."""
    if hasattr(X, "shape"):
        return tuple(X.shape)
    try:
        return np.asarray(X).shape
    except ValueError as error:
        raise ragged(X, owner) from error


def ragged(rows, owner):
    """The error of rows of several lengths, or of a cell that is a sequence."""
    lengths = [len(row) if is_sequence(row) else None for row in rows]
    row = next((row for row, length in enumerate(lengths) if length != lengths[0]), None)
    if row is not None:
        here, first = (f"{n} cells" if n is not None else "no cells" for n in (lengths[row], lengths[0]))
        return ValueError(
            f"X, row {row} holds {shown(rows[row])}, {here}, but row 0 has {first}; {owner} takes rows of one length. "
            "Fill up the short ones with None, or drop them."
        )
    places = ((i, j) for i, row in enumerate(rows) for j, cell in enumerate(row) if is_sequence(cell))
    row, column = next(places, (0, 0))
    return ValueError(f"column {column}, row {row} holds {shown(rows[row][column])}. {owner} {UNUSABLE[0][1]}")


def check_names(X, names, owner):
    """Refuse a frame whose columns are not those of training, in their order, where scikit-learn does not look.

    It compares names that all are texts, and refuses those of which some are.
    """
    now = names_of(X)
    if names is None or now is None or now == names:
        return
    now, names = list(map(comparable, now)), list(map(comparable, names))
    if now == names:
        return
    texts = [sum(isinstance(name, str) for name in some) for some in (names, now)]
    if texts == [len(names), len(now)] or 0 < texts[1] < len(now):
        return
    known, here = set(names), set(now)
    unseen, gone = [name for name in now if name not in known], [name for name in names if name not in here]
    if not unseen and not gone:
        raise ValueError(
            f"X has the columns {owner} was fitted on in another order: {shown(now)} instead of {shown(names)}. Pass "
            "X[list_of_training_columns]."
        )
    said = [f"{shown(unseen)}, which {owner} was not fitted on"] if unseen else []
    said += [f"no {shown(gone)}, which it was fitted on"] if gone else []
    raise ValueError(
        f"The columns of X are not those of training: it has {', and '.join(said)}. Name them as in training, or pass "
        "X[list_of_training_columns]."
    )


def with_culprit(error, X, owner):
    """The same kind of error, with the column and row of the first cell that cannot be used and what to do about it."""
    kind = TypeError if isinstance(error, TypeError) else ValueError
    text = str(error).split("\n")[0].rstrip(".")
    if text.startswith(("The feature names", "column")) or "feature" in text or not ABOUT_CELLS.search(text):
        return kind(str(error))
    cells = np.asarray(X)
    cells = cells if cells.dtype.kind == "f" else np.asarray(X, dtype=object)
    for test, remedy in UNUSABLE if cells.ndim == 2 else []:
        if test is not is_infinite and re.search("infinity|too large", text):
            continue
        rows, columns = np.nonzero(is_unusable(test, cells))
        if len(rows):
            where = f"{column_name(names_of(X), columns[0])}, row {rows[0]}"
            text = "X holds what is no number" if "sequence" in text else text  # numpy's words are about itself
            return kind(f"{text}: {where} holds {shown(cells[rows[0], columns[0]])}. {owner} {remedy}")
    return kind(str(error))


def is_unusable(test, cells):
    """Mask of the cells that fail a test; floats need no look at each."""
    if cells.dtype.kind != "f":
        return np.frompyfunc(test, 1, 1)(cells).astype(bool)
    return {is_missing: np.isnan, is_infinite: np.isinf}.get(test, np.zeros_like)(cells).astype(bool)


def warn_of_texts(column, cells, where, library):
    """Say so, and whether, nearly all texts of a column are numbers or dates: as levels they have no order."""
    is_told = column.has_levels and column.categorical is None
    reading = reading_of(column.levels, cells) if is_told else None
    if reading is None:
        return False
    shows = reading.texts[0] if reading.odd is None else reading.odd
    row = next(row for row, cell in enumerate(cells) if not is_missing(cell) and cell == shows)
    holds = "as nearly all its cells are: texts of" if reading.odd is None else "but nearly all its other cells are"
    name = where.removeprefix("column ")
    on_purpose = f"X[{name}] = X[{name}].astype('category')"
    if library == "polars":
        on_purpose = f"X = X.with_columns(polars.col({name}).cast(polars.Categorical))"
    warnings.warn(
        f"{where}, row {row} holds {shown(shows)}, {holds} {reading.form.what}. All of them are taken as "
        f"{len(column.levels)} levels, which have no order. For {reading.form.what.split()[0]}, "
        f"{reading.form.line(name, library, reading.texts)}; for levels, {on_purpose}.",
        DataConversionWarning,
        stacklevel=2,
    )
    return True


def conversion(column, cells, row, library, name):
    """What to do with a column that holds the cell of a row and not what it held in training."""
    cell = cells[row]
    if column.are_dates and isinstance(cell, datetime.date | np.datetime64):
        zoned = getattr(cell, "tzinfo", None) is not None
        method = ".dt.replace_time_zone({})" if library == "polars" else ".dt.tz_localize({})"
        method = "cell.replace(tzinfo={})" if is_object(cells.dtype) else method
        if zoned and column.zone is None:
            return f"Take the zone off, as {method.format(None)} does"
        if not zoned and column.zone is not None:
            zone = column.zone if is_object(cells.dtype) else str(column.zone)
            return f"Give them that zone, as {method.format(repr(zone))} does"
        return "It is too far to be counted in microseconds: take a date that can be meant"
    if library == "polars" or column.reader is None:
        return "Convert this column"
    return f"Convert it, as pandas.{column.reader}(X[{name}]) does"


def unreadable(error, cells, where, owner):
    """The error of a training column that cannot be read, with the first cell that is at fault."""
    for row, cell in enumerate(cells):
        try:
            hash(cell)
        except TypeError:
            return TypeError(
                f"{where}, row {row} holds {shown(cell)}, which is no number and no level. {owner} takes numbers, "
                "texts, dates and other values that can be hashed; convert or drop this column."
            )
    if isinstance(error, TypeError):
        return TypeError(
            f"{where} holds {error}. {owner} takes real numbers, levels and dates only; convert or drop it."
        )
    zone, zoned = zone_of(cells), with_zone(cells)
    row = first_odd(cells, partial(is_no_time, zone=zone))
    if row is None:
        return error
    here = f"{where}, row {row} holds {shown(cells[row])}"
    if (getattr(cells[row], "tzinfo", None) is None) == (zone is None):
        return ValueError(
            f"{here}, which is farther than {owner} counts microseconds. Replace such cells by NaN, or by a date that "
            "can be meant."
        )
    return ValueError(
        f"{here}, a date {'without' if zoned[0] else 'with'} a time zone, but the first of the column has "
        f"{'one' if zoned[0] else 'none'}. {owner} takes one kind in a column: give all of them a zone, or none."
    )
