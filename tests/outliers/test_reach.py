"""How far cells usually are, and which are unusual: intervals that belong to their row, and a rate a row."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from skvae import AutoencoderOutlierDetector, VAETransformer
from skvae._outliers.reach import COVERAGE, MARKED_ROWS, Reach, Tails, reached, times_away

VAE = VAETransformer(2, hidden_layer_sizes=(8,), network="mlp", likelihood="gaussian", random_state=0, max_iter=10)


def amounts(n_rows, seed, n_columns=4):
    """Rows whose spread around what is expected grows with it."""
    rng = np.random.RandomState(seed)
    size = rng.uniform(1.0, 10.0, size=(n_rows, 1))
    return size * (1.0 + 0.1 * rng.normal(size=(n_rows, n_columns)))


def test_nine_of_ten_cells_of_new_rows_lie_in_intervals_whose_width_belongs_to_the_row():
    detector, new = AutoencoderOutlierDetector(VAE).fit(amounts(2000, 0)), amounts(1000, 1)
    reasons = detector.explain(new, n_columns=4)
    inside = reasons["value"].between(reasons["low"], reasons["high"])
    is_large = reasons["expected"] > 7.0
    is_small = reasons["expected"] < 3.0
    for part in (is_large, is_small):
        assert abs(inside[part].mean() - COVERAGE) < 0.05
    width = reasons["high"] - reasons["low"]
    assert width[is_large].median() > 1.5 * width[is_small].median()
    assert np.diff(detector.expected_interval_, axis=0).shape == (1, 4)


def test_times_are_distances_in_the_reach_of_the_side():
    apart = np.r_[-np.arange(1.0, 11.0), 10.0 * np.arange(1.0, 20.0)]
    np.testing.assert_array_equal(reached(apart), [10.0, 180.0])  # of 10 and one more, and of 19 and one more
    np.testing.assert_array_equal(reached(np.arange(1.0, 10.0)), [9.0, 9.0])
    reach = Reach.of(np.zeros((29, 1)), apart[:, None])
    cells = np.array([[-20.0], [90.0], [0.0], [np.nan]])
    times = times_away(cells, *reach(np.zeros((4, 1)), np.zeros((4, 1), dtype=int)))
    np.testing.assert_allclose(times, [[2.0], [0.5], [0.0], [np.nan]])
    alike = Reach.alike(np.array([[-3.0, np.nan], [4.0, np.nan]]))
    np.testing.assert_array_equal(alike(np.zeros(2), np.array([1, 0])), [[0.0, 3.0], [0.0, 4.0]])


@pytest.mark.parametrize("n_columns", [3, 30])
def test_few_usual_rows_have_an_unusual_cell_however_many_columns_there_are(n_columns):
    rng = np.random.RandomState(0)
    heavy = rng.uniform(1.5, 20.0, size=n_columns)  # some columns have far heavier tails than others
    train, new = np.abs(rng.standard_t(heavy, size=(2, 4000, n_columns)))
    train, new = (part / np.quantile(train, COVERAGE, axis=0) for part in (train, new))
    tails = Tails.of(train, np.zeros(train.shape, dtype=bool))
    unusual = tails.unusual(new, np.zeros(new.shape, dtype=bool), np.arange(n_columns))
    assert 0.5 * MARKED_ROWS < unusual.any(axis=1).mean() < 1.3 * MARKED_ROWS
    by_column = unusual.mean(axis=0)
    assert by_column.max() < 6.0 * by_column.mean()  # no column has all of them


def test_rows_of_a_detector_are_seldom_marked_and_far_cells_always():
    train, new = amounts(1500, 0, 8), amounts(600, 1, 8)
    detector = AutoencoderOutlierDetector(VAE).fit(train)
    marked = detector.explain(new, n_columns=8)["unusual"].to_numpy().reshape(-1, 8).any(axis=1)
    assert marked.mean() < 0.09
    far = new[:100].copy()
    far[:, 3] += 10.0 * train[:, 3].std()
    first = detector.explain(far, n_columns=1)
    assert first["column"].eq(3).all()
    assert first["unusual"].all()
    assert (first["times"] > 4.0).all()


def test_a_new_level_is_unusual_where_new_levels_are_seldom():
    rng = np.random.RandomState(0)
    table = pd.DataFrame(
        {
            "kind": rng.choice(["a", "b"], 400),
            "name": [f"n{i // 2 if i < 300 else i}" for i in range(400)],
            "size": rng.normal(size=400),
            "unit": 3.0,
        }
    )
    detector = AutoencoderOutlierDetector(VAE).fit(table)
    reasons = detector.explain(table[:1].assign(kind="new", name="new", unit=3.5), n_columns=4).set_index("column")
    assert reasons["note"][["kind", "name"]].eq("level not seen in training").all()
    assert list(reasons["unusual"][["kind", "name", "unit"]]) == [True, False, True]
    assert np.isinf(reasons["times"]["unit"])
    assert reasons["times"]["kind"] > 100.0
    same = detector.explain(table[:1], n_columns=4).set_index("column")
    assert same["times"]["unit"] == 0.0
    assert not same["unusual"]["unit"]


def test_another_value_in_a_column_of_one_is_the_first_reason():
    X = np.column_stack([amounts(300, 0, 3), np.full(300, 3.0)])
    odd = X[:20].copy()
    odd[:, 3] = 3.1
    detector = AutoencoderOutlierDetector(VAE, ensemble=True).fit(X)
    first = detector.explain(odd, n_columns=1)
    assert first["column"].eq(3).mean() > 0.9
    np.testing.assert_allclose(detector.explain(odd, n_columns=4).query("column == 3")["share"], -np.log(601.0))
    assert detector.explain(X[:20], n_columns=4).query("column == 3")["share"].eq(0.0).all()


def test_weight_two_is_repetition_to_usual_distances_and_tails():
    X, weight = amounts(150, 0), np.where(np.arange(150) % 3, 1.0, 2.0)
    vae = VAETransformer(**{**VAE.get_params(), "batch_size": 1000, "early_stopping": False, "max_iter": 3})
    by_weight = AutoencoderOutlierDetector(vae).fit(X, sample_weight=weight)
    by_rows = AutoencoderOutlierDetector(vae).fit(np.repeat(X, weight.astype(int), axis=0))
    columns = ["low", "high", "times", "unusual"]
    one, other = (each.explain(X[:20], n_columns=4).sort_values("column")[columns] for each in (by_weight, by_rows))
    pd.testing.assert_frame_equal(one, other, rtol=1e-5)


def test_a_detector_stored_without_usual_distances_explains_by_its_interval():
    X = amounts(300, 0)
    detector = AutoencoderOutlierDetector(VAE).fit(X)
    detector._reasons = replace(detector._reasons, reach=None, tails=None)
    reasons = detector.explain(X[:9], n_columns=4)
    low, high = detector.expected_interval_[:, reasons["column"].astype(int)]
    outside = (reasons["value"] < reasons["expected"] + low) | (reasons["value"] > reasons["expected"] + high)
    np.testing.assert_array_equal(reasons["unusual"], outside)


def mixed(seed, n_rows=500):
    """A random table of numbers, levels and dates, with columns that depend on the first number."""
    rng = np.random.RandomState(seed)
    codes = rng.normal(size=(n_rows, 2))
    table = {f"number {i}": codes @ rng.normal(size=2) + 0.5 * rng.normal(size=n_rows) for i in range(3)}
    table["amount"] = np.exp(table["number 1"])
    table["multiple"] = 10.0 * table["number 0"] + rng.normal(size=n_rows)
    table["large"] = table["number 0"] > np.quantile(table["number 0"], rng.uniform(0.8, 0.95))
    table["class"] = pd.cut(table["number 0"], 3, labels=["low", "middle", "high"]).astype(str)
    table["kind"] = rng.choice(list("abc"), size=n_rows, p=[0.6, 0.3, 0.1])
    table["day"] = pd.Timestamp("2024-01-01") + pd.to_timedelta(rng.randint(0, 300, size=n_rows), unit="D")
    return pd.DataFrame(table)


def first_reasons(detector, table, odd, moved, **others):
    """The first reason of each row in which a number is far, beside other cells that are not as they were."""
    rows = odd.assign(**others)
    for name in moved:
        rows[name] = rows[name] + 10.0 * table[name].std()
    return detector.explain(rows, n_columns=1)["column"]


@pytest.mark.parametrize("seed", [0, *(pytest.param(seed, marks=pytest.mark.slow) for seed in (1, 2))])
def test_a_far_number_is_the_first_reason_whatever_is_beside_it(seed):
    table, odd = mixed(seed), mixed(seed).iloc[:40]
    detector = AutoencoderOutlierDetector(random_state=0).fit(table)
    assert (
        first_reasons(detector, table, odd, ["number 0"]).eq("number 0").mean() >= 0.95
    )  # and none that depends on it
    assert first_reasons(detector, table, odd, ["number 2"]).eq("number 2").mean() >= 0.95
    two = first_reasons(detector, table, odd, ["number 0", "number 2"])
    assert two.isin(["number 0", "number 2"]).mean() >= 0.95
    holed = first_reasons(detector, table, odd, ["number 0"], amount=np.nan, day=pd.NaT, **{"class": None})
    assert holed.eq("number 0").mean() >= 0.95
    unseen = first_reasons(detector, table, odd, ["number 2"], kind="new")
    assert unseen.isin(["number 2", "kind"]).mean() >= 0.95
