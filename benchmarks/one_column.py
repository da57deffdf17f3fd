"""One column with holes, all others complete: our imputer beside gradient boosting on the other columns.

Run ``python benchmarks/one_column.py --data FOLDER --json results/one_column.json``; half an hour on one core.
``--tables NAME ...`` chooses tables, ``--only NAME ...`` who runs (ours is ``skvae``), ``--rows`` and ``--columns`` say
how many rows and columns of a table take part.

Of each table at most 5,000 rows are taken, at random, and at most 6 columns in turn, at random too, among those with
more than one value; the column to be predicted is one of the table. 20 % of the cells of that one column are hidden,
completely at random, and all of its other cells and all other columns are there (but for holes of the table itself).
Ours is an ``AutoencoderImputer`` at its defaults, fitted to the table as it is. The rival knows which column has the
holes: a ``HistGradientBoostingRegressor`` of the others, or a classifier where the column has levels, at its defaults
but for categories, which it sees as such, fitted to the rows where the column is there. Neither is tuned.

Hidden numbers are judged by the mean squared error, in units of the variance of the column's cells, and hidden levels
by the share that is right. A table's figure is the median over its columns, as is that of all columns of all tables.
"""

import argparse
import statistics
import warnings
from pathlib import Path

import numpy as np
import pandas as pd
from figures import write
from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor
from tables import asked, chosen, read, timed

from skvae import AutoencoderImputer

NUMBERS = ("wine_quality_red", "wine_quality_white", "kin8nm", "letter_gain", "magic")
MIXED = ("adult_train", "beijing_pm25", "telco_churn", "attrition", "mushroom")
"""Tables of more than a thousand rows."""

HIDDEN = 0.2


def table_of(folder, name):
    """A frame with its categories as such."""
    if name == "magic":
        with np.load(folder / "adbench" / "22_magic.gamma.npz") as stored:
            return pd.DataFrame(stored["X"]).add_prefix("x")
    return read(folder, f"{'imputation' if name in NUMBERS else 'mixed'}/{name}.csv.gz")[0]


def part_of(table, n_rows, n_columns, seed=0):
    """So many rows of a table at random, and the names of so many of its columns."""
    rng = np.random.RandomState(seed)
    if len(table) > n_rows:
        table = table.iloc[np.sort(rng.choice(len(table), n_rows, replace=False))].reset_index(drop=True)
    varied = [name for name in table if table[name].nunique() > 1]
    places = np.sort(rng.choice(len(varied), min(n_columns, len(varied)), replace=False))
    return table, [varied[place] for place in places]


def has_levels(column):
    """Whether cells of a column are levels."""
    return isinstance(column.dtype, pd.CategoricalDtype)


def by_imputer(table, name, seed):
    """The table filled by ours; one column of it."""
    return AutoencoderImputer(random_state=seed).fit_transform(table)[name]


def by_boosting(table, name, seed):
    """One column as boosting of the others predicts it, in all rows."""
    Boosting = HistGradientBoostingClassifier if has_levels(table[name]) else HistGradientBoostingRegressor
    others, there = table.drop(columns=name), table[name].notna()
    cells = table.loc[there, name]
    model = Boosting(categorical_features="from_dtype", random_state=seed)
    model.fit(others[there], cells.astype(str) if has_levels(cells) else cells)
    return pd.Series(model.predict(others), index=table.index)


def by_column(table, name, seed):
    """The mean, or the most frequent level."""
    cells = table[name]
    return pd.Series(cells.mode()[0] if has_levels(cells) else cells.mean(), index=table.index)


FILLERS = {"skvae": by_imputer, "boosting": by_boosting, "mean, most frequent": by_column}


def judged(cells, filled, hidden):
    """The error of hidden numbers, in variances of the column; of levels the share that is right."""
    if has_levels(cells):
        return float((cells[hidden].astype(str) == filled[hidden].astype(str)).mean())
    apart = filled[hidden].astype(float) - cells[hidden].astype(float)
    return float((apart**2).mean() / cells.astype(float).var(ddof=0))


def measured(table, name, arguments, number):
    """A record of each that fills one column of a table."""
    there = table[name].notna()
    hidden = (np.random.RandomState(number).uniform(size=len(table)) < HIDDEN) & there
    holed = table.assign(**{name: table[name].mask(hidden)})
    records = []
    for who, fill in chosen(arguments, FILLERS).items():
        filled, seconds = timed(fill, holed, name, 0)
        kind = "levels" if has_levels(table[name]) else "numbers"
        figure = judged(table[name], filled, hidden)
        records.append({"column": name, "kind": kind, "who": who, "figure": figure, "seconds": seconds})
    return records


def summary(records, where):
    """Medians over columns, and in how many ours is nearer than boosting."""
    for kind, better in (("numbers", np.less), ("levels", np.greater)):
        figures = {}
        for record in (each for each in records if each["kind"] == kind):
            figures.setdefault(record["who"], []).append(record["figure"])
        if figures:
            told = "  ".join(f"{who} {statistics.median(values):.3f}" for who, values in figures.items())
            wins = int(better(figures.get("skvae", np.nan), figures.get("boosting", np.nan)).sum())
            n_columns = len(next(iter(figures.values())))
            print(f"{where:20} {kind:8} {told}   ours nearer in {wins} of {n_columns}", flush=True)


def main():
    """Run all tables and write the figures on request."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="folder as for tables.py")
    parser.add_argument("--tables", nargs="*", help="some of the tables")
    parser.add_argument("--only", nargs="*", help=f"some of {', '.join(FILLERS)}")
    parser.add_argument("--rows", type=int, default=5000, help="the most rows of a table")
    parser.add_argument("--columns", type=int, default=6, help="the most columns of a table")
    parser.add_argument("--json", type=Path, help="where to write the figures")
    arguments = parser.parse_args()
    warnings.simplefilter("ignore")
    records = []
    for name in asked(arguments, NUMBERS + MIXED):
        table, columns = part_of(table_of(arguments.data, name), arguments.rows, arguments.columns)
        found = [each for number, column in enumerate(columns) for each in measured(table, column, arguments, number)]
        summary(found, name)
        records += [{"table": name, "n_rows": len(table), **each} for each in found]
    summary(records, "all")
    if arguments.json:
        write(arguments.json, one_column=records)


if __name__ == "__main__":
    main()
