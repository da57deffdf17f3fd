"""What the checker of cells is made of: texts with a typing error, columns by themselves, folds and false alarms."""

import numpy as np
import pytest
from bounds import at_most
from cases import each_value

from skvae._cells.calibration import Calibration
from skvae._cells.folds import Cells, folds_of
from skvae._cells.levels import ONLY_HERE, LevelColumn
from skvae._cells.numbers import SLIPS, NumberColumn
from skvae._cells.typing_errors import NEXT_TO, SAME_LETTERS, likely_meant, slip

FIT = np.zeros(1)


def levels(**counts):
    """A column with so many cells of each level."""
    texts = list(counts)
    column = LevelColumn(np.repeat(np.arange(len(texts)), list(counts.values())), texts)
    column.note_others({"free": "column 'rate'", "owner": "column 'was'"})
    return column


def times(column, text):
    return column.by_itself(np.zeros(1), [text], FIT, [])[0]


def times_of_number(column, number):
    return column.by_itself(np.array([number]), None, FIT, [FIT] * len(SLIPS))[0]


@pytest.mark.parametrize(
    ("text", "other", "by"),
    [
        ("owner ", "owner", SAME_LETTERS),
        ("OWNER", "owner", SAME_LETTERS),
        ("own-er", "owner", SAME_LETTERS),
        ("ownr", "owner", NEXT_TO),
        ("ownner", "owner", NEXT_TO),
        ("onwer", "owner", NEXT_TO),
        ("owmer", "owner", NEXT_TO),
        ("owner", "owner", None),
        ("rent", "owner", None),
        ("oewnr", "owner", None),
        ("a", "b", None),
        ("?", "!", None),
    ],
)
def test_a_typing_error_is_one_letter_or_what_no_letter_says(text, other, by):
    assert slip(text, other) == slip(other, text) == by


def test_the_first_text_that_may_have_been_meant_is_named():
    assert likely_meant("ownr", ["rent", "owner", "own"]) == ("owner", NEXT_TO)
    assert likely_meant("ownr", ["rent"]) is None


def test_a_rare_level_that_looks_like_a_frequent_one_is_stranger_than_another_rare_one():
    column = levels(owner=500, rent=400, owmer=1, villa=1)
    assert times(column, "owmer") > 2.0 * times(column, "villa") > 2.0 * times(column, "owner")
    assert times(column, "owner ") > 100.0
    assert column.expected(np.nan, 0, ["owner "]) == ("owner", f"like 'owner' but for {SAME_LETTERS}")


def test_where_right_levels_look_alike_a_likeness_is_no_evidence():
    alike, apart = levels(A111=300, A112=300, A113=300), levels(owner=300, renter=300, guest=300)
    assert times(alike, "A114") < 0.5 * times(apart, "ownr")


def test_a_level_of_another_column_is_stranger_than_one_of_none():
    column = levels(cheap=500, dear=400, low=1)
    assert times(column, "free") > 2.0 * times(column, "villa")
    assert column.expected(np.nan, 0, ["free"]) == ("cheap", "a level of column 'rate'")
    assert column.expected(np.nan, 0, ["villa"]) == ("cheap", ONLY_HERE)


def test_where_most_levels_are_there_once_a_new_one_is_not_strange():
    names = LevelColumn(np.arange(300), [f"{i:09b}" for i in range(300)])
    names.note_others({})
    assert times(names, "somebody else") < 1.0


def test_slips_of_decimals_are_strange_where_few_numbers_are_so_large():
    rng = np.random.RandomState(0)
    column = NumberColumn(rng.uniform(20.0, 65.0, size=1000))
    assert times_of_number(column, 400.0) > 50.0
    assert times_of_number(column, 4.0) > 5.0
    assert times_of_number(column, 40.0) < 1.0
    assert column.expected(10.0, 400.0)[1] == "10 times what is usual here"
    skewed = NumberColumn(np.exp(2.0 * rng.normal(size=1000)))
    assert 10.0 * times_of_number(skewed, 40.0) < times_of_number(skewed, 1e5)


def test_numbers_without_variety_are_judged_by_nothing():
    column = NumberColumn(np.ones(50))
    assert np.isfinite(times_of_number(column, 1.0))
    assert column.codes(np.array([1.0, np.nan]))[0] == 0.0
    assert len(NumberColumn(np.array([])).shares) <= 1


def test_parts_of_a_column_have_shares_that_sum_to_one_and_no_empty_one():
    column = NumberColumn(np.repeat([0.0, 1.0, 5.0], [900, 60, 40]))
    np.testing.assert_allclose(column.shares, [0.9, 0.06, 0.04])
    many = NumberColumn(np.random.RandomState(0).normal(size=1000))
    assert many.shares.min() > 0.03
    assert many.shares.sum() == pytest.approx(1.0)


def test_equal_rows_are_in_one_fold_whatever_stands_beside_them():
    rng = np.random.RandomState(0)
    numbers = np.column_stack([rng.normal(size=300), rng.randint(3, size=300)])
    cells = Cells(np.vstack([numbers, numbers[::-1]]), {1: ["a", "b", "c"]}, ["x", "y"])
    folds = folds_of(cells, 3, 0)
    np.testing.assert_array_equal(folds[:300], folds[:299:-1])
    assert np.bincount(folds[:300]).min() > 60
    assert (folds != folds_of(cells, 3, 1)).any()
    renamed = Cells(numbers[:, [0, 1]] * [1.0, -1.0] + [0.0, 2.0], {1: ["c", "b", "a"]}, ["x", "y"])
    np.testing.assert_array_equal(folds_of(renamed, 3, 0), folds[:300])


@each_value(wrong=[0.0, 0.02, 0.1])
def test_wrong_cells_do_not_hide_how_often_right_ones_are_strange(wrong):
    rng = np.random.RandomState(0)
    right = rng.normal(-4.5, 3.0, size=20_000)  # of these two densities strangeness is the logarithm of their ratio
    strangeness = np.append(right, rng.normal(4.5, 3.0, size=int(wrong * len(right))))
    calibration = Calibration.of(strangeness)
    share = (calibration.false_alarms(right) <= 0.01).mean()
    assert 1.0 - share == pytest.approx(0.99, abs=at_most(0.01, len(right), len(right)) - 0.01)
    assert calibration.wrong == pytest.approx(wrong / (1.0 + wrong), abs=0.005)


def test_shares_of_false_alarms_fall_with_strangeness():
    calibration = Calibration.of(np.arange(-50.0, 50.0) / 25.0)
    shares = calibration.false_alarms(np.linspace(-3.0, 3.0, 50))
    assert (np.diff(shares) <= 0.0).all()
    assert shares[0] == 1.0
    assert 0.0 < shares[-1] <= 0.02
