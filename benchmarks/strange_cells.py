"""Wrong cells planted in real tables, and how many of them are listed with 1 % of the right cells.

``python benchmarks/strange_cells.py --data FOLDER`` needs the files of ``mixed/`` and ``schema.json`` there; about 20
minutes on one core for both halves of the tables, of up to ``--rows`` rows each. Defaults were chosen on the tables of
``--half choice``; those of ``--half check`` were looked at afterwards. A row has one error at most:

- letter: one letter of a level is left out, doubled, or exchanged with the next one;
- case or blank: a level in other case, or with a blank at its end;
- decimal: a number times 10, 100 or 0.1, rounded where the column is of whole numbers;
- exchange: two cells of a row, both levels or both numbers, stand in each other's column; found if one of them is;
- other row: the cell of another row, which differs; such a cell may be as probable as the right one.

"new": learned from rows without planted errors, which are in all other rows. "own": the table that is learned from is
the one to be cleaned, with errors in a fifth of its rows. False cells are counted in rows without an error.
"""

import argparse
import json
import statistics
import time
from pathlib import Path

import numpy as np
import pandas as pd
from figures import write
from sklearn.compose import make_column_transformer
from sklearn.ensemble import IsolationForest
from sklearn.impute import SimpleImputer
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder

from skvae import AutoencoderCellChecker, AutoencoderOutlierDetector

TABLES = {
    "choice": ["adult_train", "attrition", "cmc", "german_credit", "mushroom", "sick", "telco_churn"],
    "check": [
        "ames",
        "beijing_pm25",
        "creditcard_subsample",
        "horse_colic",
        "nsl_kdd_train20",
        "solar_flare",
        "titanic",
    ],
}
"""Every other one of the tables, in the order of their names; second files of a table are left out."""

TRAINING_SHARE, DIRTY_SHARE, FALSE_ALARMS, TRIES = 0.6, 0.2, 0.01, 50
FACTORS = 10.0, 100.0, 0.1


def read(folder, name, most_rows):
    """A table without identifiers and constant columns; levels are texts."""
    known = json.loads((folder / "schema.json").read_text())[f"mixed/{name}.csv.gz"]
    table = pd.read_csv(folder / "mixed" / f"{name}.csv.gz", keep_default_na=False, na_values=[""])
    table = table.drop(columns=known["id_columns"])
    for column in table:
        if column in known["categorical"] or not pd.api.types.is_float_dtype(table[column].dtype):
            is_level = column in known["categorical"] or not pd.api.types.is_numeric_dtype(table[column].dtype)
            table[column] = table[column].map(str, na_action="ignore") if is_level else table[column].astype(float)
    table = table.sample(min(most_rows, len(table)), random_state=0).reset_index(drop=True)
    return table.loc[:, table.nunique() > 1]


def letter(text, rng):
    """A text with one letter left out, doubled or exchanged with the next one."""
    i = rng.randint(len(text))
    return [
        text[:i] + text[i + 1 :],
        text[: i + 1] + text[i:],
        text[:i] + text[i + 1 : i + 2] + text[i] + text[i + 2 :],
    ][rng.randint(3)]


def case_or_blank(text, rng):
    """A text in other case, or with a blank at its end."""
    return [text.upper(), text.lower(), text.capitalize(), text + " ", text + " "][rng.randint(5)]


def of_level(change):
    """A kind of error in one level."""

    def plant(cells, row, rng, numbers, levels):
        name = levels[rng.randint(len(levels))]
        cell = cells[name][row]
        return {name: change(cell, rng)} if isinstance(cell, str) else {}

    return plant


def decimal(cells, row, rng, numbers, levels):
    """A slip of the decimals."""
    name = numbers[rng.randint(len(numbers))]
    moved = cells[name][row] * FACTORS[rng.randint(len(FACTORS))]
    is_whole = (cells[name][~np.isnan(cells[name])] % 1.0 == 0.0).all()
    return {name: np.rint(moved) if is_whole else moved}


def exchange(cells, row, rng, numbers, levels):
    """Two cells of a row in each other's column."""
    pool = numbers if len(levels) < 2 or (len(numbers) > 1 and rng.rand() < 0.5) else levels
    if len(pool) < 2:
        return {}
    one, other = (pool[i] for i in rng.choice(len(pool), 2, replace=False))
    if pd.isna(cells[one][row]) or pd.isna(cells[other][row]):
        return {}
    return {one: cells[other][row], other: cells[one][row]}


def other_row(cells, row, rng, numbers, levels):
    """The cell of another row."""
    name = [*numbers, *levels][rng.randint(len(numbers) + len(levels))]
    return {name: cells[name][rng.randint(len(cells[name]))]}


KINDS = {
    "letter": of_level(letter),
    "case or blank": of_level(case_or_blank),
    "decimal": decimal,
    "exchange": exchange,
    "other row": other_row,
}


def planted(table, rows, rng):
    """The table with an error in each of some rows; and kind, row and columns of each."""
    numbers = [name for name in table if table[name].dtype == float]
    levels = [name for name in table if name not in numbers]
    kinds = [kind for kind in KINDS if (numbers if kind == "decimal" else levels or kind in ("exchange", "other row"))]
    cells = {name: table[name].to_numpy() for name in table}
    dirty, errors = {name: column.copy() for name, column in cells.items()}, []
    for place, row in enumerate(rows):
        kind = kinds[place % len(kinds)]
        for _ in range(TRIES):
            new = KINDS[kind](cells, row, rng, numbers, levels)
            differ = [
                not pd.isna(cell) and not pd.isna(cells[name][row]) and cell != cells[name][row]
                for name, cell in new.items()
            ]
            if new and all(differ):
                for name, cell in new.items():
                    dirty[name][row] = cell
                errors.append((kind, row, [table.columns.get_loc(name) for name in new]))
                break
    return pd.DataFrame(dirty), errors


def checker(train, table):
    """Cells that the checker lists."""
    model = AutoencoderCellChecker(random_state=0).fit(train)
    cells = model.strange_cells(table, FALSE_ALARMS)
    listed = np.zeros(table.shape, dtype=bool)
    listed[cells.index, table.columns.get_indexer(cells["column"])] = True
    return listed


def rarity(train, table):
    """Share of the training cells of a column at least as far from its median, or whose level is as rare."""
    shares = np.ones(table.shape)
    for j, name in enumerate(table):
        there, cells = train[name].dropna(), table[name]
        if cells.dtype == float:
            own, others = (cells - there.median()).abs(), np.sort((there - there.median()).abs())
            shares[:, j] = 1.0 - np.searchsorted(others, own.fillna(0.0)) / len(others)
        else:
            counts = there.value_counts()
            ordered = np.sort(counts.to_numpy())
            own = cells.map(counts).fillna(0).to_numpy()
            shares[:, j] = ordered.cumsum()[np.searchsorted(ordered, own, side="right") - 1] / len(there)
            shares[own < ordered[0], j] = 0.0
        shares[cells.isna(), j] = 1.0
    return shares


def rules(train, table):
    """Far numbers and rare levels, of each column by itself: as many as are 1 % of the training cells."""
    own = rarity(train, train)[train.notna().to_numpy()]
    return rarity(train, table) <= max(np.quantile(own, FALSE_ALARMS), 0.0)


def of_rows(train, table, scores, strangest):
    """The strangest cell of as many rows as have 1 % of the training cells; scores are those of both."""
    share = min(FALSE_ALARMS * train.notna().to_numpy().sum() / len(train), 1.0)
    flagged = np.flatnonzero(scores[1] <= np.quantile(scores[0], share))
    listed = np.zeros(table.shape, dtype=bool)
    listed[flagged, strangest(flagged)] = True
    return listed


def forest(train, table):
    """IsolationForest on one-hot columns; of a flagged row the cell that is the rarest in its column."""
    numbers = train.select_dtypes(float).columns
    encoder = make_column_transformer(
        (SimpleImputer(strategy="median"), numbers),
        (OneHotEncoder(handle_unknown="ignore"), train.columns.difference(numbers)),
    )
    model = make_pipeline(encoder, IsolationForest(random_state=0)).fit(train)
    shares = rarity(train, table)
    scores = [model.score_samples(rows) for rows in (train, table)]
    return of_rows(train, table, scores, lambda rows: shares[rows].argmin(axis=1))


def detector(train, table):
    """AutoencoderOutlierDetector; of a flagged row its first reason."""
    model = AutoencoderOutlierDetector(random_state=0).fit(train)

    def first_reasons(rows):
        reasons = model.explain(table.iloc[rows], n_columns=1)
        return table.columns.get_indexer(reasons["column"])

    return of_rows(train, table, [model.score_samples(rows) for rows in (train, table)], first_reasons)


METHODS = {
    "AutoencoderCellChecker": checker,
    "rules a column": rules,
    "IsolationForest, rarest cell": forest,
    "AutoencoderOutlierDetector, first reason": detector,
}


def found(listed, errors):
    """Share of the errors of each kind of which a cell is listed."""
    by_kind = {}
    for kind, row, columns in errors:
        by_kind.setdefault(kind, []).append(listed[row, columns].any())
    return {kind: float(np.mean(each)) for kind, each in by_kind.items() if len(each) >= 10}


def measured(table, name, method):
    """Records of one table and method: errors in new rows, and in those learned from."""
    rng, n = np.random.RandomState(0), len(table)
    first = int(TRAINING_SHARE * n)
    train, new = table[:first], table[first:].reset_index(drop=True)
    dirty, errors = planted(new, range(len(new)), rng)
    seconds = -time.perf_counter()
    both = METHODS[method](train, pd.concat([new, dirty], ignore_index=True))
    seconds += time.perf_counter()
    clean, listed = both[: len(new)], both[len(new) :]
    yield record(table, name, method, "new", found(listed, errors), clean[new.notna().to_numpy()].mean(), seconds)
    rows = rng.choice(n, int(DIRTY_SHARE * n), replace=False)
    dirty, errors = planted(table, rows, rng)
    seconds = -time.perf_counter()
    listed = METHODS[method](dirty, dirty)
    seconds += time.perf_counter()
    usual = np.setdiff1d(np.arange(n), rows)
    false = listed[usual][table.notna().to_numpy()[usual]].mean()
    yield record(table, name, method, "own", found(listed, errors), false, seconds)


def record(table, name, method, rows, shares, false, seconds):
    """One line of figures."""
    mean = statistics.mean(shares.values())
    told = {"table": name, "shape": list(table.shape), "method": method, "rows": rows, "found": shares, "mean": mean}
    told |= {"false": float(false), "seconds": round(seconds, 1)}
    shown = " ".join(f"{kind} {share:.2f}" for kind, share in shares.items())
    print(f"{name:20} {rows:3} {method:40} mean {mean:.3f} false {false:.4f} {seconds:5.1f} s  {shown}", flush=True)
    return told


def main():
    """Plant errors in all tables of a half, and print what is listed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="folder with mixed/*.csv.gz and schema.json")
    parser.add_argument("--half", choices=[*TABLES, "both"], default="both", help="which tables")
    parser.add_argument("--rows", type=int, default=1500, help="most rows of a table")
    parser.add_argument("--methods", nargs="+", choices=list(METHODS), default=list(METHODS), metavar="METHOD")
    parser.add_argument("--json", type=Path, help="where to write all figures")
    arguments = parser.parse_args()
    records = []
    for half in TABLES if arguments.half == "both" else [arguments.half]:
        for name in TABLES[half]:
            table = read(arguments.data, name, arguments.rows)
            for method in arguments.methods:
                records += [{"half": half, **each} for each in measured(table, name, method)]
            if arguments.json:
                write(arguments.json, strange_cells=records)
        for method in arguments.methods:
            for rows in ("new", "own"):
                mine = [r for r in records if (r["half"], r["method"], r["rows"]) == (half, method, rows)]
                means = [statistics.mean(r[key] for r in mine) for key in ("mean", "false")]
                print(f"{half:20} {rows:3} {method:40} mean {means[0]:.3f} false {means[1]:.4f}", flush=True)


if __name__ == "__main__":
    main()
