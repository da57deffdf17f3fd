"""Rows of tables of numbers and levels with one or two cells that are wrong, some with others beside them that mislead.

A planted cell is a number moved by five to ten standard deviations; a slip of the decimal point (times 10 or 100) where
that moves it so far; a level that no training row has; or a level that is there, but with one of the row's other levels
never, though the two would be expected together in at least LEAST_TOGETHER rows. Beside it stands nothing else, or a
fifth of the other cells is missing, or another column has an unseen level, or another number is far as well, or there
are columns that depend on it: a noisy multiple of each number, and whether it is among its largest tenth, both as they
were before the cell was moved.
"""

import json

import numpy as np
import pandas as pd

FAR, FARTHEST = 5.0, 10.0
"""Standard deviations by which a planted number is moved at least, and at most unless it is a slip."""

LEAST_TOGETHER = 5.0
"""In how many rows two levels would be together by chance, if they never are and that is to say something."""

KINDS = "number", "slip", "unseen", "pair"
BESIDE = "nothing", "holes", "unseen level", "another", "dependent"
HOLES, NOISE, LARGE = 0.2, 0.1, 0.9
"""Share of the other cells that are missing, noise of a multiple in standard deviations, quantile of a large one."""

MOST_ROWS, TRIES = 6000, 200
"""Rows of a table that are used, half of them for training; and rows that get a planted cell of each kind."""


def tables(folder):
    """Name, training rows and other rows of each table, normal ones where it has anomalies, as data frames."""
    schema = json.loads((folder / "schema.json").read_text())
    for path, about in schema.items():
        if not path.startswith("mixed/"):
            continue
        table = pd.read_csv(folder / path, keep_default_na=False, na_values=[""])
        if about["anomaly"] is not None:
            table = table[table[about["target"]] != about["anomaly"]]
        table = table.drop(columns=[about["target"], *about["id_columns"]]).astype(
            dict.fromkeys(about["categorical"], "str")
        )
        table[about["categorical"]] = table[about["categorical"]].where(table[about["categorical"]] != "nan")
        order = np.random.RandomState(0).permutation(len(table))[:MOST_ROWS]
        rows = table.iloc[order].reset_index(drop=True)
        half = len(rows) // 2
        yield path.split("/")[1].split(".")[0], rows[:half], rows[half:].reset_index(drop=True)


def is_number(column):
    """Whether cells of a column are numbers, more than two different ones."""
    return pd.api.types.is_numeric_dtype(column) and not pd.api.types.is_bool_dtype(column) and column.nunique() > 2


def with_dependents(train, new):
    """Both parts with two columns more for each of up to three numbers, and the numbers that these depend on."""
    rng, parts = np.random.RandomState(0), [train.copy(), new.copy()]
    names = [name for name in train if is_number(train[name])]
    names = [str(name) for name in rng.permutation(names)[:3]]
    for name in names:
        for part in parts:
            noise = NOISE * train[name].std() * rng.normal(size=len(part))
            part[f"{name}, times 3"] = 3.0 * (part[name] + noise)
            part[f"{name}, large"] = part[name] > train[name].quantile(LARGE)
    return *parts, names


def moved(train, row, name, kind, rng):
    """The cell that is put in, or None where there is none of this kind in this column and row."""
    cells, cell = train[name], row[name]
    if kind in ("number", "slip") and (not is_number(cells) or pd.isna(cell)):
        return None
    if kind == "number":
        return float(cell + rng.choice([-1.0, 1.0]) * rng.uniform(FAR, FARTHEST) * cells.std())
    if kind == "slip":
        wrong = float(cell) * rng.choice([10.0, 100.0])
        return wrong if abs(wrong - cell) >= FAR * cells.std() else None
    if cells.dtype.kind in "biuf" or pd.isna(cell):
        return None
    return "a level of its own" if kind == "unseen" else never_together(train, row, name, rng)


def never_together(train, row, name, rng):
    """A level of a column that training rows never have beside one of the row's other levels; None without one."""
    cells, found = train[name], []
    counts = cells.value_counts()
    for other in [other for other in train if other != name and train[other].dtype.kind not in "biuf"]:
        beside = (train[other] == row[other]).to_numpy()
        if counts.max() * beside.sum() >= LEAST_TOGETHER * len(train):
            apart = ~counts.index.isin(cells[beside].unique())
            found += counts.index[apart & (counts * beside.mean() >= LEAST_TOGETHER)].tolist()
    return None if not found else found[rng.randint(len(found))]


def one_moved(train, row, names, kind, rng):
    """The first of some columns with a cell of a kind, and this cell; None and None without one."""
    cells = ((name, moved(train, row, name, kind, rng)) for name in names)
    return next(((name, cell) for name, cell in cells if cell is not None), (None, None))


def planted(train, new, kind, beside, names=None):
    """Rows with planted cells, and which columns are wrong in each; ``names`` are the columns to choose from."""
    rng, rows, wrong = np.random.RandomState(0), [], []
    names = list(train) if names is None else names
    for i in range(min(TRIES, len(new))):
        row = new.iloc[i].astype(object)
        name, cell = one_moved(train, row, rng.permutation(names), kind, rng)
        others = [other for other in rng.permutation(list(train)) if other != name]
        columns = [name]
        if beside == "holes":
            row[[other for other in others if rng.uniform() < HOLES]] = np.nan
        elif beside in ("unseen level", "another"):
            second, other = one_moved(train, row, others, "unseen" if beside == "unseen level" else "number", rng)
            row[second] = other
            columns.append(second)
        if None in columns:
            continue
        row[name] = cell
        rows.append(row[list(new)])
        wrong.append(columns)
    if not rows:
        return None, []
    frame = pd.DataFrame(rows).reset_index(drop=True)
    return frame.astype({name: whole(new[name].dtype) for name in new}), wrong


def whole(dtype):
    """The dtype of a column that may have any number, and holes."""
    return "object" if dtype.kind not in "iuf" else "float64"


def found_first(reasons, wrong):
    """Share of rows whose first reason is a wrong cell, and of those in which all are among the first three."""
    ranked = reasons["column"].to_numpy().reshape(len(wrong), -1)
    first = np.mean([row[0] in columns for row, columns in zip(ranked, wrong, strict=True)])
    three = np.mean([set(columns) <= set(row[:3]) for row, columns in zip(ranked, wrong, strict=True)])
    return {"first": float(first), "among_three": float(three), "rows": len(wrong)}


def places(detector, train, new, beside, names=None):
    """A record for each kind of planted cell."""
    for kind in KINDS:
        rows, wrong = planted(train, new, kind, beside, names)
        if len(wrong) >= 20:
            yield {"kind": kind, "beside": beside} | found_first(detector.explain(rows), wrong)
