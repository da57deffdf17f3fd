"""Pixels are told from unrelated columns: by what neighbours share, not by what columns were scaled to."""

import numpy as np
import pandas as pd
import pytest
from sklearn.datasets import load_breast_cancer, load_diabetes, load_digits, load_wine

from skvae._tables import alike
from skvae._tables.alike import are_alike
from skvae._tables.profile import Profile
from skvae._tables.schema import Schema

DIGITS = load_digits().data


def is_alike(X, weight=None, schema=None):
    return bool(are_alike(Profile.of(np.asarray(X, dtype=np.float64), weight), schema or Schema(None)))


def standardised(X):
    return (X - X.mean(axis=0)) / np.where(X.std(axis=0) > 0, X.std(axis=0), 1.0)


def mapped_to_unit_interval(X):
    return (X - X.min(axis=0)) / np.maximum(np.ptp(X, axis=0), 1e-300)


def houses(n=2000, seed=0):
    """Sixteen columns of districts: places, ages, incomes, rooms and counts, some of which go together."""
    rng = np.random.RandomState(seed)
    place, income = rng.uniform(size=(n, 2)), np.exp(rng.normal(size=n))
    people = rng.poisson(1000 * rng.gamma(2.0, size=n)).astype(float)
    rooms = people * rng.uniform(1.5, 3.0, size=n)
    price = np.minimum(income * 50_000 * (1.0 + place[:, 0]), 500_000)
    further = rng.normal(size=(n, 8)) @ rng.normal(size=(8, 8)) * np.exp(rng.normal(size=8))
    columns = [place * [10, -120], rng.randint(1, 52, size=n), income, people, rooms, price, price / rooms, further]
    return np.column_stack(columns)


def curves(n=400, n_points=60, seed=0):
    """Spectra: a few lines of any strength, and a background that rises."""
    rng, at = np.random.RandomState(seed), np.linspace(0.0, 1.0, n_points)
    lines = np.exp(-np.square((at - np.array([0.2, 0.4, 0.5, 0.7, 0.9])[:, None]) / 0.05))
    return (
        rng.uniform(size=(n, 5)) @ lines + 0.2 * rng.uniform(size=(n, 1)) * at + 0.01 * rng.normal(size=(n, n_points))
    )


TABLES = {
    "breast cancer": load_breast_cancer().data,
    "wine": load_wine().data,
    "diabetes": load_diabetes().data,
    "houses": houses(),
    "independent": np.random.RandomState(0).uniform(size=(500, 30)),
    "factors": np.random.RandomState(1).normal(size=(500, 4)) @ np.random.RandomState(2).normal(size=(4, 40)),
    "counts": np.random.RandomState(3).poisson(np.exp(np.random.RandomState(4).normal(size=40)), size=(500, 40)),
    "levels": np.random.RandomState(5).randint(0, 5, size=(500, 30)),
}


@pytest.mark.parametrize(
    "change",
    [
        lambda X: X,
        lambda X: X / 16.0,
        lambda X: (X / 16.0).astype(np.float32),
        lambda X: 5.0 - 3.7 * X,
        lambda X: 1e6 + 1e-3 * X,
        lambda X: 1e200 * X,
        lambda X: X[::9],
        lambda X: X[:, X.std(axis=0) > 0],
        lambda X: np.where(np.random.RandomState(0).uniform(size=X.shape) < 0.02, np.nan, X),
        lambda X: np.where(np.arange(X.size).reshape(X.shape) == 70_020, 1e5, X),
        lambda X: np.tile(X, (10, 1)),
        lambda X: X + np.random.RandomState(0).normal(size=X.shape),
    ],
)
def test_digits_are_pixels_whatever_all_cells_are_multiplied_by_or_lack(change):
    assert is_alike(change(DIGITS))


def test_curves_are_alike_too_if_they_are_not_standardised():
    assert is_alike(curves())
    assert not is_alike(standardised(curves()))


@pytest.mark.parametrize("scaled", [lambda X: X, standardised, mapped_to_unit_interval])
@pytest.mark.parametrize("name", TABLES)
def test_unrelated_columns_are_not_alike_whatever_they_are_scaled_to(name, scaled):
    X = scaled(np.asarray(TABLES[name], dtype=np.float64))
    for part in (X, X[::2], X[:60]):
        assert not is_alike(part)


@pytest.mark.parametrize(
    "change",
    [
        standardised,
        lambda X: X[:, np.random.RandomState(0).permutation(64)],
        lambda X: (X > 8.0).astype(float),
        lambda X: X[:40],
        lambda X: X[:, 24:36],
        lambda X: X * np.exp(np.random.RandomState(0).normal(size=64) * 2.0),
        lambda X: np.where(np.arange(64) % 2 == 1, 100.0 * X, X),
    ],
)
def test_pixels_that_were_scaled_one_by_one_or_say_nothing_by_their_order_are_columns_like_others(change):
    assert not is_alike(change(DIGITS))


def test_correlated_columns_with_ends_of_their_own_scaling_are_not_alike():
    """Groups of columns that say nearly the same, mapped to [0, 1]: neighbours go together, and share no values."""
    rng = np.random.RandomState(0)
    X = mapped_to_unit_interval(np.repeat(rng.normal(size=(500, 12)), 4, axis=1) + 0.3 * rng.normal(size=(500, 48)))
    assert not is_alike(X)
    assert is_alike(np.rint(10.0 * X))  # answers from 0 to 10, ten questions to a subject


def test_the_answer_depends_neither_on_the_order_of_rows_nor_on_how_repeated_rows_are_written(monkeypatch):
    monkeypatch.setattr(alike, "MOST_ROWS", 200)
    weight = np.random.RandomState(0).randint(3, size=len(DIGITS)).astype(float)
    order = np.random.RandomState(1).permutation(len(DIGITS))
    found = []
    for cells, counts in ((DIGITS, weight), (DIGITS[order], weight[order])):
        profile = Profile.of(cells[counts > 0], counts[counts > 0])
        columns = alike.Compared.of(profile.sample)
        assert len(columns.cells) == 200
        found.append(columns.correlations(1).mean())
        assert are_alike(profile, Schema(None))
    repeated = Profile.of(np.repeat(DIGITS, weight.astype(int), axis=0))
    assert are_alike(repeated, Schema(None))
    assert found[0] == pytest.approx(found[1], abs=1e-12)


def test_a_frame_with_levels_dates_or_booleans_is_no_picture():
    frame = pd.DataFrame(DIGITS, columns=[f"pixel {j}" for j in range(64)])
    assert is_alike(DIGITS, schema=Schema.of(frame, "from_dtype", "test"))
    for column in (frame["pixel 20"].astype(str), frame["pixel 20"] > 3, pd.to_datetime(frame["pixel 20"], unit="D")):
        schema = Schema.of(frame.assign(**{"pixel 20": column}), "from_dtype", "test")
        assert not is_alike(DIGITS, schema=schema)
    assert not is_alike(DIGITS, schema=Schema(None, sparse="counts"))
