"""Columns of few decimals are drawn and filled with as many; what has all its digits keeps them."""

import pickle

import numpy as np
import pandas as pd
import polars as pl
import pytest

from skvae import AutoencoderImputer, AutoencoderTransformer, VAETransformer
from skvae._tables.decimals import EPS, MOST_DECIMALS, decimals_of, within_seen

N = 200
SMALL = {"n_components": 1, "hidden_layer_sizes": (8,), "random_state": 0, "max_iter": 3}
RNG = np.random.RandomState(0)
CAUSE = RNG.normal(size=N)
PRICES = np.round(20.0 * np.exp(0.5 * CAUSE), 2)
DOUBLE, SINGLE = EPS["float", 64], EPS["float", 32]

COLUMNS = {
    "whole": (np.rint(10.0 * CAUSE), 0),
    "one": (CAUSE.round(1), 1),
    "prices": (PRICES, 2),
    "sums of prices": (PRICES + 0.1 + 0.2, 2),
    "six": (CAUSE.round(6), 6),
    "seven": (CAUSE.round(7), None),
    "single": (PRICES.astype(np.float32), 2),
    "all digits": (CAUSE, None),
    "all digits of single": (CAUSE.astype(np.float32), None),
    "single about 1000": ((1000.0 + CAUSE).astype(np.float32), None),
    "beyond whole ones": (1e17 * CAUSE, None),
    "single of millions": (np.rint(1e9 * CAUSE).astype(np.float32), None),
    "with holes": (np.where(RNG.uniform(size=N) < 0.2, np.nan, PRICES), 2),
    "nullable": (pd.array(PRICES, dtype="Float64"), 2),
    "nullable of single": (pd.array(PRICES.astype(np.float32), dtype="Float32"), 2),
    "objects": (pd.Series(PRICES, dtype=object), 2),
    "one value": (np.full(N, 0.25), 2),
    "zeros": (np.zeros(N), 0),
}


def table_of(cells):
    return pd.DataFrame({"x": cells, "cause": CAUSE})


def holed(X):
    """A copy in which some cells of the first column are missing."""
    return X.assign(x=X["x"].mask(np.arange(N) % 5 == 0))


def has_decimals(cells, decimals):
    """Whether all cells that are there are written with so many decimals."""
    cells = pd.Series(cells).dropna().to_numpy()
    places = [str(cell).partition(".")[2].rstrip("0") for cell in cells]
    return len(cells) > 0 and max(map(len, places)) <= decimals


@pytest.mark.parametrize("name", COLUMNS)
def test_draws_and_fills_have_the_decimals_of_the_column(name):
    cells, decimals = COLUMNS[name]
    X = table_of(cells)
    model = VAETransformer(**SMALL).fit(X)
    assert model._schema.columns[0].decimals == decimals
    if decimals is not None:
        drawn, filled = model.sample(50, random_state=0), model.impute(holed(X))
        assert drawn["x"].dtype == filled["x"].dtype == X["x"].dtype
        assert has_decimals(drawn["x"], decimals)
        assert has_decimals(filled["x"][::5], decimals)
        tables = model.impute(holed(X), n_imputations=2, random_state=0)
        assert all(has_decimals(table["x"][::5], decimals) for table in tables)
    if decimals is None and X["x"].dtype == np.float64:
        assert not has_decimals(model.sample(50, random_state=0)["x"], MOST_DECIMALS) or abs(CAUSE).max() * 1e17 > 1e16


def test_whole_numbers_that_have_holes_stay_whole():
    X = table_of(np.where(RNG.uniform(size=N) < 0.2, np.nan, np.rint(10.0 * CAUSE)))
    filled = AutoencoderImputer(AutoencoderTransformer(**SMALL)).fit_transform(X)
    assert (filled["x"] == filled["x"].round()).all()


def test_a_density_a_code_and_what_is_restored_are_those_of_numbers_as_they_are(monkeypatch):
    X = table_of(PRICES)
    model = VAETransformer(**SMALL).fit(X)
    monkeypatch.setattr("skvae._base.training.precisions_of", lambda *asked, **begins: {})
    free = VAETransformer(**SMALL).fit(X)
    assert free._schema.columns[0].decimals is None
    for answer in ("transform", "score_samples", "score_features"):
        np.testing.assert_array_equal(getattr(model, answer)(X), getattr(free, answer)(X))
    restored = model.inverse_transform(model.transform(X))
    pd.testing.assert_frame_equal(restored, free.inverse_transform(free.transform(X)))
    assert not has_decimals(restored["x"], 4)
    expected = free.sample(50, random_state=0)
    pd.testing.assert_frame_equal(model.sample(50, random_state=0), expected.assign(x=expected["x"].round(2)))


def test_draws_of_shares_still_sum_to_one():
    shares = RNG.dirichlet(np.ones(3), size=N).round(2)
    shares[:, 2] = (1.0 - shares[:, :2].sum(axis=1)).round(2).clip(0.0)
    X = pd.DataFrame(shares / shares.sum(axis=1, keepdims=True), columns=list("abc"))
    model = VAETransformer(**SMALL, likelihood="dirichlet").fit(X)
    drawn = model.sample(50, random_state=0)
    np.testing.assert_allclose(drawn.sum(axis=1), 1.0, atol=1e-6)
    assert np.isfinite(model.score_samples(drawn)).all()


@pytest.mark.parametrize("likelihood", ["lognormal", "gamma"])
def test_no_draw_leaves_what_a_likelihood_describes(likelihood):
    X = table_of(np.round(0.02 * np.exp(CAUSE), 2).clip(0.01))
    model = VAETransformer(**SMALL, likelihood={"x": likelihood}).fit(X)
    drawn = model.sample(500, random_state=0)
    assert drawn["x"].min() == 0.01
    assert np.isfinite(model.score_samples(drawn)).all()


def test_numbers_beyond_those_seen_go_towards_them():
    numbers = np.array([[-0.004, 0.0049, 0.0099999, 0.5049, 9.994, 9.996, 10.0099, np.nan, 1e300]])
    found = within_seen(numbers, 2, 0.01, 9.99)
    np.testing.assert_array_equal(found[0, :7], [0.0, 0.01, 0.01, 0.5, 9.99, 9.99, 10.0])
    assert np.isnan(found[0, 7])
    assert found[0, 8] == pytest.approx(1e300)
    assert not np.signbit(found[0, 0])


def test_a_given_cell_stays_as_it_is_given():
    model = VAETransformer(**SMALL).fit(table_of(PRICES))
    assert (model.sample(20, random_state=0, given={"x": 12.345})["x"] == 12.345).all()


def test_decimals_of_a_stream_grow_until_there_are_too_many():
    tables = [table_of(CAUSE.round(d)) for d in (1, 0, 3, 16, 1)]
    model, seen = VAETransformer(**SMALL), []
    for X in tables:
        seen.append(model.partial_fit(X)._schema.columns[0].decimals)
    assert seen == [1, 1, 3, None, None]
    wider = VAETransformer(**SMALL).partial_fit(tables[0]).partial_fit(tables[0].mul(2.0))
    assert wider._schema.columns[0].seen == (2.0 * CAUSE.round(1).min(), 2.0 * CAUSE.round(1).max())
    assert VAETransformer(**SMALL, warm_start=True).fit(tables[0]).fit(tables[2])._schema.columns[0].decimals == 3


def test_a_row_of_weight_zero_has_no_decimals():
    X = table_of(PRICES)
    X.loc[3, "x"] = 1.0 / 3.0
    assert VAETransformer(**SMALL).fit(X)._schema.columns[0].decimals is None
    assert VAETransformer(**SMALL).fit(X, sample_weight=np.arange(N) != 3)._schema.columns[0].decimals == 2


def test_a_polars_frame_has_them_too_and_an_array_has_not():
    X = table_of(PRICES)
    model = VAETransformer(**SMALL).fit(pl.DataFrame(X.to_dict("list")))
    assert has_decimals(model.sample(50, random_state=0)["x"].to_list(), 2)
    of_array = VAETransformer(**SMALL).fit(X.to_numpy())
    assert not has_decimals(of_array.sample(50, random_state=0)[:, 0], 4)


def test_a_model_of_a_release_that_knew_no_decimals_draws_as_it_did():
    model = VAETransformer(**SMALL).fit(table_of(PRICES))
    state = pickle.loads(pickle.dumps(model))
    for column in state._schema.columns.values():
        vars(column).pop("decimals", None), vars(column).pop("seen", None)
    again = pickle.loads(pickle.dumps(state))
    assert "decimals" not in vars(again._schema.columns[0])
    assert not has_decimals(again.sample(20, random_state=0)["x"], 4)
    again.partial_fit(table_of(PRICES))
    assert not has_decimals(again.impute(holed(table_of(PRICES)))["x"][::5], 4)
    assert has_decimals(pickle.loads(pickle.dumps(model)).sample(20, random_state=0)["x"], 2)


def test_parts_of_a_column_have_the_decimals_of_the_whole_together():
    cells = np.stack([PRICES, CAUSE.round(3), np.rint(9.0 * CAUSE), CAUSE], axis=1)
    eps = np.full(4, DOUBLE)
    whole = decimals_of(cells, eps)
    assert whole.tolist() == [2, 3, 0, MOST_DECIMALS + 1]
    parts = [decimals_of(cells[rows], eps) for rows in (slice(3), slice(3, 90), slice(90, None))]
    assert (np.max(parts, axis=0) == whole).all()
    assert decimals_of(np.float32(cells[:, :1]).astype(np.float64), np.array([SINGLE])).tolist() == [2]
    assert decimals_of(np.full((4, 1), np.nan), np.array([DOUBLE])).tolist() == [0]
