"""The checker lists cells that are strange given the others of their row, in its own table and in others."""

import pickle

import numpy as np
import pandas as pd
import polars as pl
import pytest
from bounds import at_most
from sklearn.base import clone

from skvae import AutoencoderCellChecker, AutoencoderTransformer, VAETransformer
from skvae._cells.levels import ONLY_HERE
from skvae.corruptions import Masking, Swap

SMALL = AutoencoderTransformer(
    16, hidden_layer_sizes=(32,), network="mlp", corruption=Masking(0.15, emphasis=1000.0), penalty=None, max_iter=25
)
WRONG = {3: ("home", "owner ", "owner"), 7: ("age", 350, None), 11: ("home", "Rent", "rent"), 19: ("years", 45, None)}


def people(n_rows=500, seed=0):
    """Age, years of work that fit it, a home that mostly does, a date, a boolean; some cells missing."""
    rng = np.random.RandomState(seed)
    age = rng.randint(20, 65, size=n_rows)
    frame = pd.DataFrame(
        {
            "age": age,
            "years": np.clip(age - 20 - rng.randint(0, 6, size=n_rows), 0, None),
            "home": np.where(age + 6 * rng.normal(size=n_rows) > 40, "owner", "rent"),
            "since": pd.Timestamp("2000-01-01") + pd.to_timedelta(rng.randint(0, 9000, size=n_rows), unit="D"),
            "works": age < 60,
        },
        index=[f"row {i}" for i in range(n_rows)],
    )
    frame.loc[rng.uniform(size=n_rows) < 0.1, "since"] = pd.NaT
    return frame


def with_errors(frame):
    frame = frame.copy()
    frame.iloc[19, :2] = 31, 5
    for row, (column, cell, _) in WRONG.items():
        frame.loc[f"row {row}", column] = cell
    return frame


@pytest.fixture(scope="module")
def dirty():
    return with_errors(people())


@pytest.fixture(scope="module")
def checker(dirty):
    return AutoencoderCellChecker(SMALL, random_state=0).fit(dirty)


def test_wrong_cells_of_the_table_learned_from_are_listed_first_to_last(checker, dirty):
    cells = checker.strange_cells(dirty)
    assert cells.columns.tolist() == ["column", "value", "expected", "false_alarms", "note"]
    assert cells["false_alarms"].is_monotonic_increasing
    assert cells["false_alarms"].between(0.0, 0.01, inclusive="right").all()
    for row, (column, cell, expected) in WRONG.items():
        line = cells[cells["column"] == column].loc[f"row {row}"]
        assert line["value"] == cell
        assert expected is None or line["expected"] == expected
    assert set(cells.index[:3]) <= {f"row {row}" for row in WRONG}
    assert cells.loc["row 3", "note"] == "like 'owner' but for case, blanks or marks"
    assert cells[cells["column"] == "age"].loc["row 7", "note"] == "10 times what is usual here"
    assert cells[cells["column"] == "years"].loc["row 19", "expected"] < 15


def test_wrong_cells_of_new_rows_are_listed(checker):
    new = with_errors(people(seed=1))
    cells = checker.strange_cells(new)
    found = set(zip(cells.index, cells["column"], strict=True))
    assert {(f"row {row}", column) for row, (column, _, _) in WRONG.items()} <= found


def test_right_cells_of_new_rows_are_listed_as_often_as_was_asked_for():
    clean = AutoencoderCellChecker(SMALL, random_state=0).fit(people())
    new = people(2000, seed=2)
    n_known, n_new = people().notna().sum().sum(), new.notna().sum().sum()
    for share in (0.01, 0.05):
        assert 0.3 * share < len(clean.strange_cells(new, share)) / n_new < at_most(share, n_new, n_known)


def test_a_row_is_judged_alike_whatever_rows_stand_beside_it(checker, dirty):
    alone = pd.concat([checker.strangeness(dirty.iloc[[i]]) for i in (3, 7, 100)])
    pd.testing.assert_frame_equal(alone, checker.strangeness(dirty).iloc[[3, 7, 100]])


def test_missing_cells_are_never_listed_and_may_be_in_columns_that_were_complete(checker, dirty):
    holed = dirty.astype({"age": float, "works": object})
    holed.loc["row 0", ["age", "works"]] = np.nan
    strangeness = checker.strangeness(holed)
    assert (strangeness.isna() | (strangeness == -np.inf)).equals(holed.isna())
    listed = checker.strange_cells(holed, 1.0)
    assert len(listed) == holed.notna().sum().sum()


def test_a_smaller_share_lists_the_first_lines_of_a_larger_one(checker, dirty):
    many, few = checker.strange_cells(dirty, 0.05), checker.strange_cells(dirty, 0.005)
    assert 0 < len(few) < len(many)
    pd.testing.assert_frame_equal(few, many[: len(few)])


def test_a_level_that_no_other_row_has_is_said_to_be_one(checker):
    new = people(50, seed=3)
    new.loc["row 4", "home"] = "castle"
    line = checker.strange_cells(new).loc["row 4"]
    assert (line["value"], line["note"]) == ("castle", ONLY_HERE)


def test_arrays_and_polars_are_judged_as_pandas_is(checker, dirty):
    frame = dirty.drop(columns="since")
    numbers = frame.assign(home=(frame["home"] == "rent").astype(int)).astype(float)
    fitted = AutoencoderCellChecker(SMALL, categorical_features=["home"], random_state=0).fit(numbers)
    array = AutoencoderCellChecker(SMALL, categorical_features=[2], random_state=0).fit(numbers.to_numpy())
    assert isinstance(array.strangeness(numbers.to_numpy()), np.ndarray)
    np.testing.assert_array_equal(array.strangeness(numbers.to_numpy()), fitted.strangeness(numbers).to_numpy())
    assert array.strange_cells(numbers.to_numpy())["column"].isin(range(4)).all()
    polars = pl.from_pandas(frame.assign(since=dirty["since"]))[list(dirty)]
    lines, same = checker.strange_cells(polars), checker.strange_cells(dirty)
    assert isinstance(lines, pd.DataFrame)
    assert lines["value"].tolist() == same["value"].tolist()
    assert [f"row {i}" for i in lines.index] == same.index.tolist()


def test_seeds_clones_and_pickles_give_the_same_cells(checker, dirty):
    cells = checker.strange_cells(dirty)
    pd.testing.assert_frame_equal(clone(checker).fit(dirty).strange_cells(dirty), cells)
    pd.testing.assert_frame_equal(pickle.loads(pickle.dumps(checker)).strange_cells(dirty), cells)
    other = AutoencoderCellChecker(SMALL, random_state=1).fit(dirty).strangeness(dirty)
    assert not other.equals(checker.strangeness(dirty))


def test_answers_leave_the_fitted_checker_as_it_was(checker, dirty):
    before = pickle.dumps(checker)
    checker.strange_cells(with_errors(people(seed=4)))
    checker.strangeness(dirty)
    assert pickle.dumps(checker) == before


def test_more_folds_learn_from_more_rows(dirty):
    fitted = AutoencoderCellChecker(SMALL, n_folds=2, random_state=0).fit(dirty)
    assert len(fitted._judges) == 2
    assert 0.0 <= fitted.wrong_share_ < 0.05


def test_few_rows_are_judged_by_their_columns():
    few = pd.DataFrame({"a": ["x", "x", "y"], "b": [1.0, 2.0, 3.0]})
    assert AutoencoderCellChecker(SMALL).fit(few).strangeness(few).notna().all(axis=None)


@pytest.mark.parametrize("false_alarms", [0.0, 1.5, -0.1, "few", True, None])
def test_a_share_that_is_none_is_named(checker, dirty, false_alarms):
    with pytest.raises(ValueError, match="false_alarms=.* must be a number above 0 and at most 1"):
        checker.strange_cells(dirty, false_alarms)


@pytest.mark.parametrize("estimator", [VAETransformer(), AutoencoderTransformer(corruption=Swap())])
def test_an_estimator_that_hides_no_cells_is_named_before_training(dirty, estimator):
    with pytest.raises(ValueError, match=r"must be an AutoencoderTransformer with corruption=Masking"):
        AutoencoderCellChecker(estimator).fit(dirty)
