"""The detector on data frames as they come: levels, dates and missing cells, judged and explained."""

import pickle
import re

import numpy as np
import pandas as pd
import polars as pl
import pytest
from bounds import at_most
from cases import each_value
from matplotlib import pyplot as plt
from sklearn.base import clone
from sklearn.compose import make_column_transformer
from sklearn.decomposition import PCA
from sklearn.ensemble import IsolationForest
from sklearn.exceptions import DataConversionWarning
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler
from sklearn.utils import get_tags

from skvae import AutoencoderOutlierDetector, AutoencoderTransformer, ExplanationDisplay, VAETransformer
from skvae._outliers.neighbors import LEAST_SCALE, LEAST_VARIETY, MOST_PLACES, Positions
from skvae._outliers.reservoir import Reservoir
from skvae._tables.schema import Schema

SMALL = {"n_components": 2, "hidden_layer_sizes": (16,), "network": "mlp", "random_state": 0}
VAE = VAETransformer(
    **SMALL, likelihood="gaussian", objective="elbo", code_density=None, n_importance_samples=8, max_iter=30
)
DETECTORS = {
    "density": AutoencoderOutlierDetector(VAE),
    "ensemble": AutoencoderOutlierDetector(clone(VAE).set_params(max_iter=60), ensemble=True, random_state=0),
    "autoencoder": AutoencoderOutlierDetector(AutoencoderTransformer(**SMALL, max_iter=30, early_stopping=False)),
}
LEVELS, DATES, NUMBERS = ["colour", "grade", "paid"], ["day"], ["real", "other"]
GRADES = ["d", "c", "b", "a"]
KINDS = pytest.mark.parametrize("kind", DETECTORS)


def mixed(n=240, seed=0, holes=0.1):
    """Columns of all kinds that one cause moves; colours, grades and payments follow from it."""
    rng = np.random.RandomState(seed)
    z = rng.normal(size=n)
    table = pd.DataFrame(
        {
            "real": 3.0 + 2.0 * z + 0.5 * rng.normal(size=n),
            "colour": np.array(["red", "green", "blue"])[np.digitize(z, [-0.5, 0.5])],
            "grade": pd.Categorical.from_codes(np.digitize(z, [-1.0, 0.0, 1.0]), GRADES, ordered=True),
            "paid": pd.array(z > 0, dtype="boolean"),
            "day": pd.Timestamp("2020-01-01") + pd.to_timedelta(np.rint(30 * z + rng.normal(size=n)), unit="D"),
            "other": -z + 0.3 * rng.normal(size=n),
        },
        index=[f"r{i}" for i in range(n)],
    )
    return table.mask(pd.DataFrame(rng.uniform(size=table.shape) < holes, index=table.index, columns=table.columns))


def to_polars(table):
    """The same as a polars frame."""
    cells = {name: [None if pd.isna(cell) else cell for cell in table[name]] for name in table}
    dtypes = {"day": pl.Datetime("us"), "grade": pl.Enum(GRADES), "colour": pl.String, "paid": pl.Boolean}
    return pl.DataFrame(cells, schema_overrides=dtypes)


def rows_of(table, rows):
    return table.iloc[rows] if isinstance(table, pd.DataFrame) else table[rows]


def in_library(table, library):
    return to_polars(table) if library == "polars" else table


@pytest.fixture(scope="module")
def fitted():
    """Fitted detectors by kind and library."""
    found = {}

    def get(kind, library="pandas"):
        if (kind, library) not in found:
            table = in_library(mixed(), library)
            found[kind, library] = pickle.loads(pickle.dumps(DETECTORS[kind])).fit(table)
        return found[kind, library]

    return get


@pytest.fixture(scope="module")
def wrong():
    """Usual rows without holes whose cause is high, and the same with a colour that only low ones have."""
    usual = mixed(200, seed=1, holes=0.0)
    usual = usual[usual["real"] > 5.0][:20]
    return usual, usual.assign(colour="red")


# Scores and labels


@KINDS
@pytest.mark.parametrize("library", ["pandas", "polars"])
def test_a_mixed_frame_with_holes_is_judged_and_explained(fitted, kind, library):
    detector, table = fitted(kind, library), in_library(mixed(100, seed=1), library)
    scores, chance = detector.score_samples(table), detector.outlier_probability(table)
    assert scores.shape == (100,)
    assert np.isfinite(scores).all()
    np.testing.assert_array_equal(detector.predict(table) == -1, chance > 0.5)
    assert (chance > 0.5).mean() < at_most(0.01, n_new=100, n_known=240)
    reasons = detector.explain(table, n_columns=6)
    assert list(reasons.columns) == ["column", "value", "expected", "low", "high", "times", "unusual", "share", "note"]
    assert len(reasons) == 600
    assert set(reasons["column"]) == set(table.columns)
    assert detector.n_features_in_ == 6
    assert list(detector.feature_names_in_) == list(table.columns)


@pytest.mark.parametrize("ensemble", [True, False])
def test_a_far_number_is_the_reason_and_not_the_boolean_that_follows_from_it(ensemble):
    rng = np.random.RandomState(0)
    items = rng.poisson(5, 600) + 1.0
    orders = pd.DataFrame({"items": items, "price": 10 * items + rng.normal(size=600), "gift": items > 9})
    orders.loc[0, "items"] = 60.0
    reasons = AutoencoderOutlierDetector(ensemble=ensemble, random_state=0).fit(orders).explain(orders.iloc[:1])
    assert reasons["column"].iloc[0] == "items"
    assert reasons.set_index("column").loc["gift", "share"] > -50.0


def test_booleans_are_levels_whatever_real_density_is_asked_for():
    table = mixed(holes=0.0)[["real", "paid", "other"]].astype({"paid": bool})
    for likelihood, expected in {"gaussian": "categorical", "student_t": "categorical", "poisson": "poisson"}.items():
        vae = VAETransformer(**SMALL, max_iter=1, likelihood=likelihood)
        numbers = table[["real", "other"]].abs().round() if likelihood == "poisson" else table[["real", "other"]]
        chosen = vae.fit(numbers.assign(paid=table["paid"])).column_likelihoods_["likelihood"]
        assert chosen["paid"] == expected
    forced = VAETransformer(**SMALL, max_iter=1, likelihood={"paid": "gaussian"}).fit(table)
    assert forced.column_likelihoods_["likelihood"]["paid"] == "gaussian"


@KINDS
def test_a_level_where_it_never_occurs_is_strange_and_named_first(fitted, wrong, kind):
    usual, planted = wrong
    detector = fitted(kind)
    assert (detector.score_samples(planted) < detector.score_samples(usual)).all()
    low = np.quantile(detector.score_samples(mixed(200, seed=1)), 0.05)
    assert (detector.score_samples(planted) < low).mean() > 0.9
    first = detector.explain(planted).xs(0, level="rank")
    assert (first["column"] == "colour").mean() > 0.9
    first = first[first["column"] == "colour"]
    assert set(first["value"]) == {"red"}
    assert set(first["expected"]) <= {"blue", "green"}
    assert (first["expected"] == "blue").mean() > 0.7
    assert (first["share"] < -3.0).all()


@KINDS
@pytest.mark.parametrize("library", ["pandas", "polars"])
def test_a_level_never_seen_is_strange_and_named_first_as_it_is_written(fitted, wrong, kind, library):
    usual = in_library(wrong[0], library)
    unseen = in_library(wrong[0].assign(colour="purple"), library)
    detector = fitted(kind, library)
    assert (detector.score_samples(unseen) < detector.score_samples(usual)).all()
    reasons = detector.explain(unseen)
    first = reasons.xs(0, level="rank")
    assert set(first["column"]) == {"colour"}
    assert set(first["value"]) == {"purple"}
    assert set(first["note"]) == {"level not seen in training"}
    assert set(reasons["note"][reasons["column"] != "colour"]) == {""}
    assert set(detector.explain(usual)["note"]) == {""}
    assert set(first["expected"]) <= {"red", "green", "blue"}
    assert (first["expected"] == "blue").mean() > 0.7  # the other cells tell


@KINDS
@pytest.mark.parametrize("library", ["pandas", "polars"])
def test_a_row_has_the_same_bits_in_any_chunk(fitted, kind, library):
    detector, table = fitted(kind, library), in_library(mixed(150, seed=2, holes=0.3), library)
    whole, reasons = detector.score_samples(table), detector.explain(table, n_columns=2)
    parts = [rows_of(table, part) for part in (slice(0, 1), slice(1, 60), slice(60, 150))]
    np.testing.assert_array_equal(np.concatenate([detector.score_samples(part) for part in parts]), whole)
    again = pd.concat([detector.explain(part, n_columns=2) for part in parts])
    pd.testing.assert_frame_equal(again.reset_index(drop=True), reasons.reset_index(drop=True))


@pytest.mark.parametrize("kind", ["density", "ensemble"])
def test_polars_and_pandas_are_judged_alike(kind):
    table = mixed().astype({"grade": pd.CategoricalDtype(GRADES)})  # an Enum of polars has no order
    vae = VAETransformer(**{**VAE.get_params(), "max_iter": 2})
    detector = AutoencoderOutlierDetector(vae, ensemble=kind == "ensemble", random_state=0)
    one = detector.fit(table).score_samples(table), detector.explain(table, n_columns=6)
    other = detector.fit(to_polars(table)).score_samples(to_polars(table)), detector.explain(to_polars(table), 6)
    np.testing.assert_array_equal(one[0], other[0])
    pd.testing.assert_frame_equal(one[1].reset_index(drop=True), other[1].reset_index(drop=True))


@KINDS
def test_a_pickled_detector_says_the_same(fitted, wrong, kind):
    detector = fitted(kind)
    travelled, table = pickle.loads(pickle.dumps(detector)), pd.concat([mixed(30, seed=3), wrong[1]])
    np.testing.assert_array_equal(travelled.score_samples(table), detector.score_samples(table))
    pd.testing.assert_frame_equal(travelled.explain(table), detector.explain(table))


# Reasons


@KINDS
@pytest.mark.parametrize("library", ["pandas", "polars"])
def test_reasons_are_written_as_the_table_is(fitted, kind, library):
    table = mixed(60, seed=4)
    reasons = fitted(kind, library).explain(in_library(table, library), n_columns=6)
    labels = list(table.index) if library == "pandas" else list(range(60))
    assert list(reasons.index) == [(label, rank) for label in labels for rank in range(6)]
    known = {"colour": {"red", "green", "blue"}, "grade": set(GRADES), "paid": {True, False}}
    for name, levels in known.items():
        lines = reasons[reasons["column"] == name]
        assert set(lines["expected"]) <= levels
        assert set(lines["value"].dropna()) <= levels
        assert lines["low"].isna().all()
        assert lines["high"].isna().all()
    for name, of_type in {"day": pd.Timestamp, "real": float, "other": float}.items():
        lines = reasons[reasons["column"] == name]
        for heading in ("expected", "low", "high"):
            assert all(isinstance(cell, of_type) for cell in lines[heading])
        assert all(isinstance(cell, of_type) for cell in lines["value"].dropna())
        assert (lines["low"] < lines["high"]).all()
    observed = reasons.reset_index(level="rank").set_index("column", append=True)["value"].unstack()
    observed = observed.loc[labels, table.columns].set_axis(table.index)
    assert observed.isna().equals(table.isna())
    for name in table:
        there = table[name].notna()
        assert (observed[name][there] == table[name].astype(object)[there]).all()


@KINDS
def test_missing_cells_say_nothing_and_come_last(fitted, kind):
    table = mixed(150, seed=5, holes=0.3)
    shares = np.asarray(fitted(kind).estimator_.score_features(table))
    missing = table.isna().to_numpy()
    assert (shares[missing] == 0.0).all()
    assert not np.signbit(shares[missing]).any()
    reasons = fitted(kind).explain(table, n_columns=6)
    gone = reasons["value"].isna().to_numpy().reshape(150, 6)
    np.testing.assert_array_equal(gone.sum(axis=1), missing.sum(axis=1))
    assert (np.diff(gone.astype(int), axis=1) >= 0).all()  # what is there comes first
    shares = reasons["share"].to_numpy().reshape(150, 6)
    assert all((np.diff(row[~hole]) >= 0).all() for row, hole in zip(shares, gone, strict=True))


@KINDS
def test_a_far_date_is_named_first(fitted, kind):
    table = mixed(20, seed=6, holes=0.0)
    late = table.assign(day=table["day"] + pd.Timedelta("400D 3h"))
    first = fitted(kind).explain(late).xs(0, level="rank")
    assert set(first["column"]) == {"day"}
    assert (first["value"] == late["day"]).all()
    assert (first["high"] < first["value"]).all()
    for heading in ("expected", "low", "high"):
        assert all(cell == cell.normalize() for cell in first[heading])  # whole days, as in training
    assert (fitted(kind).predict(late) == -1).all()


@KINDS
def test_a_row_of_holes_is_not_strange(fitted, kind):
    table = mixed(3, seed=7, holes=1.1)
    detector = fitted(kind)
    assert (detector.predict(table) == 1).all()
    reasons = detector.explain(table, n_columns=6)
    assert (reasons["share"] == 0.0).all()
    assert reasons["value"].isna().all()
    assert reasons["expected"].notna().all()


def test_a_level_costs_how_many_times_less_probable_it_is(fitted, wrong):
    reasons = fitted("ensemble").explain(wrong[0].assign(colour="purple"), n_columns=6)
    unseen = np.log(0.5 / 240.5)  # half a training row, less than the most probable of three levels
    shares = reasons["share"][reasons["column"] == "colour"]
    assert shares.between(unseen - 0.01, unseen + np.log(3.0) + 0.01).all()
    lines = reasons[reasons["column"] == "grade"]
    np.testing.assert_array_equal(lines["share"] == 0.0, lines["value"] == lines["expected"])


def test_rows_without_weight_have_no_levels():
    table, weight = mixed(150), np.r_[np.zeros(30), np.ones(120)]
    table.loc[table.index[:30], "colour"] = "purple"
    vae = VAETransformer(**{**VAE.get_params(), "batch_size": 1000, "early_stopping": False, "max_iter": 3})
    for ensemble in (False, True):
        detector = AutoencoderOutlierDetector(vae, ensemble=ensemble, random_state=0)
        weighted = detector.fit(table, sample_weight=weight).explain(table[30:], n_columns=6)
        alone = detector.fit(table[30:]).explain(table[30:], n_columns=6)
        pd.testing.assert_frame_equal(weighted, alone)
        assert detector._schema.columns[1].levels == ["blue", "green", "red"]


def test_reasons_have_the_name_of_the_index(fitted):
    table = mixed(20, seed=1).rename_axis("order")
    assert list(fitted("density").explain(table).index.names) == ["order", "rank"]
    assert list(fitted("density").explain(mixed(20, seed=1)).index.names) == [None, "rank"]


def test_a_list_of_rows_is_judged_as_a_frame_of_them(fitted):
    detector, table = AutoencoderOutlierDetector(clone(VAE)), mixed(100, holes=0.0)[NUMBERS]
    detector.fit(table)
    with pytest.warns(UserWarning, match="valid feature names"):
        scores = detector.score_samples(table.to_numpy().tolist())
    np.testing.assert_array_equal(scores, detector.score_samples(table))
    for row in (table.iloc[0], table.iloc[0].tolist()):
        with pytest.raises(ValueError, match="one dimension.*Reshape your data"):
            detector.score_samples(row)


def test_levels_may_be_tuples_of_any_length():
    rng = np.random.RandomState(0)
    table = pd.DataFrame({"path": [(1, 2) if i % 2 else (3,) for i in range(60)], "other": rng.normal(size=60)})
    detector = AutoencoderOutlierDetector(clone(VAE).set_params(max_iter=2)).fit(table)
    new = pd.DataFrame({"path": [(1, 2), (4, 5, 6)], "other": [0.0, 0.0]})
    values = detector.explain(new).set_index("column", append=True).droplevel("rank")["value"]
    assert [values[i, "path"] for i in range(2)] == [(1, 2), (4, 5, 6)]


def test_a_cell_of_a_column_that_was_empty_in_training_is_noted():
    table = mixed(60, holes=0.0)[NUMBERS].assign(empty=np.nan)
    detector = AutoencoderOutlierDetector(clone(VAE).set_params(max_iter=2)).fit(table)
    lines = detector.explain(table[:2].assign(empty=[3.0, np.nan]), n_columns=9).reset_index(level=0)
    notes = lines[lines["column"] == "empty"]["note"].tolist()
    assert notes == ["no cell in training", ""]


def test_levels_of_an_array_are_named_as_the_numbers_they_are():
    rng = np.random.RandomState(0)
    cause = rng.normal(size=300)
    codes = np.array([2.0, 3.5, 90.0])[np.digitize(cause, [-0.5, 0.5])]
    X = np.c_[codes, cause[:, None] + 0.2 * rng.normal(size=(300, 2))]
    X[::9, 0] = np.nan
    vae = VAETransformer(**{**VAE.get_params(), "categorical_features": [0]})
    for ensemble in (False, True):
        detector = AutoencoderOutlierDetector(vae, ensemble=ensemble, random_state=0).fit(X)
        strange = np.array([[2.0, 1.8, 1.8], [7.0, 0.0, 0.0]])
        first = detector.explain(strange).xs(0, level="rank")
        assert first["column"].tolist() == [0, 0]
        assert first["value"].tolist() == [2.0, 7.0]
        assert first["expected"].tolist() == [90.0, 3.5]
        assert first[["low", "high"]].isna().all(axis=None)
        before = detector.score_samples(strange)
        with pytest.warns(UserWarning, match="column 0 holds 1 cells of levels.*such as 7.0"):
            detector.partial_fit(np.r_[X[:50], strange])
        assert detector._recent.X[-1, 0] not in X[:, 0]
        assert (before < np.quantile(detector.score_samples(X), 0.05)).all()


def test_column_labels_that_are_no_texts_are_named_as_they_are():
    table = mixed(60, holes=0.0)[NUMBERS].set_axis([10, 20], axis=1)
    detector = AutoencoderOutlierDetector(VAETransformer(**{**VAE.get_params(), "max_iter": 1})).fit(table)
    assert set(detector.explain(table)["column"]) == {10, 20}


# Streams


@each_value(kind=["density", "ensemble"], library=["polars", "pandas"])
def test_a_stream_of_frames_with_holes_and_new_levels(kind, library):
    detector = pickle.loads(pickle.dumps(DETECTORS[kind]))
    detector.estimator.set_params(max_iter=10)
    for seed in range(5):
        batch = mixed(150, seed=seed)
        if seed == 2:
            batch.loc[batch.index[:4], "colour"] = "purple"
            with pytest.warns(
                UserWarning, match="column 'colour' holds 4 cells of levels .* such as 'purple' in row 0"
            ):
                detector.partial_fit(in_library(batch, library))
            continue
        detector.partial_fit(in_library(batch, library))
    held = detector._recent
    assert len(held.X) == 750
    assert (held.X[:, 1] == 3).sum() == 4  # what was not seen at first stays so
    np.testing.assert_array_equal(detector._schema.numbers(detector._schema.table(held.X)), held.X)
    new = mixed(200, seed=9)
    assert (detector.predict(in_library(new, library)) == 1).mean() > 0.93
    unseen = in_library(mixed(20, seed=9, holes=0.0).assign(colour="purple"), library)
    first = detector.explain(unseen).xs(0, level="rank")
    assert (first["column"] == "colour").mean() > 0.9
    assert set(first["value"][first["column"] == "colour"]) == {"purple"}


def test_a_failed_batch_leaves_the_detector_as_it_was(fitted):
    detector = pickle.loads(pickle.dumps(fitted("ensemble")))
    before = detector.score_samples(mixed(30))
    for batch, message in [
        (mixed(20).assign(real=np.inf), "column 'real', row 0 holds inf"),
        (mixed(20)[NUMBERS], "feature names"),
        (mixed(20).assign(day=1.0), "column 'day', row 0 holds 1.0 of dtype float64"),
    ]:
        with pytest.raises(ValueError, match=message):
            detector.partial_fit(batch)
        np.testing.assert_array_equal(detector.score_samples(mixed(30)), before)


def test_a_reservoir_gives_back_levels_dates_and_holes():
    table = mixed(50)
    schema = Schema.of(table, "from_dtype", "the detector")
    reservoir = Reservoir.of(schema.numbers(table), None)
    held = schema.table(reservoir.X).set_axis(table.index)
    assert held.isna().equals(table.isna())
    assert (held["day"].dropna() == table["day"].dropna()).all()
    for name in table:
        there = table[name].notna()
        assert (held[name][there] == table[name].astype(object)[there]).all()
    hours = table["day"] + pd.Timedelta("3h")  # training cells were whole days
    later = schema.table(reservoir.after(schema.numbers(table.assign(day=hours)), None, seed=0).X)["day"][50:]
    assert (later.dropna().to_numpy() == hours.dropna().to_numpy()).all()


def test_a_warm_start_goes_on_with_the_levels_of_the_first_fit():
    first, second = mixed(150, seed=0), mixed(150, seed=1)
    second = second[second["colour"] != "blue"]
    for ensemble in (False, True):
        vae = VAETransformer(**{**VAE.get_params(), "max_iter": 3})
        detector = AutoencoderOutlierDetector(vae, ensemble=ensemble, warm_start=True, random_state=0)
        detector.fit(first).fit(second)
        assert np.isfinite(detector.score_samples(first)).all()
        schemas = [detector._schema, detector.estimator_._schema]
        assert [schema.columns[1].levels for schema in schemas] == 2 * [["blue", "green", "red"]]
        reasons = detector.explain(first, n_columns=6)
        of_colour = reasons[reasons["column"] == "colour"]
        assert sorted(of_colour["value"].dropna()) == sorted(first["colour"].dropna())


# Other estimators inside


@pytest.mark.parametrize("last", [PCA(2), IsolationForest(random_state=0)], ids=["pca", "forest"])
def test_a_pipeline_with_an_encoder_of_its_own_takes_whatever_it_takes(last):
    table = mixed(holes=0.0)
    table["notes"] = [["any", "thing"]] * len(table)  # no level: it could not be hashed, and the encoder drops it
    encoder = make_column_transformer(
        (OneHotEncoder(handle_unknown="ignore", sparse_output=False), LEVELS), (StandardScaler(), NUMBERS)
    )
    detector = AutoencoderOutlierDetector(make_pipeline(encoder, last), contamination=0.1).fit(table)
    assert (detector.predict(table) == -1).sum() == 24
    assert not hasattr(detector, "explain")
    strange = table[:5].assign(real=60.0, colour="purple")
    assert (detector.outlier_probability(strange) > 0.5).all()


@pytest.mark.parametrize(
    ("estimator", "takes"),
    [
        (None, True),
        (VAE, True),
        (PCA(2), False),
        (make_pipeline(StandardScaler(), PCA(2)), False),
        ("no estimator", False),
    ],
    ids=["default", "vae", "pca", "pipeline", "text"],
)
def test_tags_are_those_of_the_estimator(estimator, takes):
    tags = get_tags(AutoencoderOutlierDetector(estimator)).input_tags
    assert tags.allow_nan == tags.categorical == takes


# Bad input


@KINDS
@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda table: table.drop(columns="colour"), "(?s)feature names should match.*colour"),
        (lambda table: table.assign(more=1.0), "(?s)feature names should match.*more"),
        (lambda table: table[table.columns[::-1]], "same order"),
        (lambda table: table.assign(real=np.inf), "column 'real', row 0 holds inf"),
        (lambda table: table.assign(day=1.0), "column 'day', row 0 holds 1.0 of dtype float64"),
    ],
    ids=["a column less", "a column more", "another order", "infinity", "no date"],
)
def test_another_table_is_an_error(fitted, kind, change, message):
    table = change(mixed(20, seed=8))
    for method in ("score_samples", "predict", "outlier_probability", "explain"):
        with pytest.raises(ValueError, match=message):
            getattr(fitted(kind), method)(table)


@KINDS
def test_constant_and_empty_columns_do_no_harm(kind):
    further = {"number": 3, "text": "same", "nothing": np.nan, "none": None, "nat": pd.NaT}
    detector = pickle.loads(pickle.dumps(DETECTORS[kind]))
    detector.estimator.set_params(max_iter=15)
    table, new = mixed(200).assign(**further), mixed(100, seed=1).assign(**further)
    detector.fit(table)
    assert np.isfinite(detector.score_samples(new)).all()
    assert (detector.predict(new) == 1).mean() > 0.9
    reasons = detector.explain(new, n_columns=11)
    first = reasons.xs(0, level="rank")["column"]
    assert not set(first) & {"nothing", "none", "nat"}
    strange = new.assign(day=new["day"] + pd.Timedelta("400D"))[new["day"].notna()]
    assert set(detector.explain(strange).xs(0, level="rank")["column"]) == {"day"}
    lines = reasons[reasons["column"].isin(["nothing", "none", "nat"])]
    assert (lines["share"] == 0.0).all()
    late = new.assign(nothing=123.0, none="late")
    np.testing.assert_array_equal(detector.score_samples(late), detector.score_samples(new))
    values = detector.explain(late, n_columns=11).set_index("column")["value"]
    assert set(values["nothing"]) == {123.0}
    assert set(values["none"]) == {"late"}
    assert lines[["value", "expected"]].isna().all(axis=None)
    other = detector.explain(new.assign(text="other")).xs(0, level="rank")
    assert (other["column"] == "text").mean() > 0.9


# Positions


def two_columns(levels, seed=0, n=4000):
    """Positions of a column of levels and one of numbers, which share nothing, and the numbers of the rows."""
    rng = np.random.RandomState(seed)
    table = pd.DataFrame({"level": rng.choice(list(levels), p=list(levels.values()), size=n), "x": rng.normal(size=n)})
    schema = Schema.of(table, "from_dtype", "the detector")
    numbers = schema.numbers(table)
    return Positions.of(numbers, np.ones(n), np.ones(n, dtype=bool), schema), numbers


def squared(positions, one, other):
    """Squared distances in the first column between rows of such levels, and in the second (n,)."""
    gaps = np.square(positions(one) - positions(other))
    return gaps[:, 1:].sum(axis=1), gaps[:, 0]


@pytest.mark.parametrize(
    "shares", [{"a": 0.5, "b": 0.5}, {"a": 0.9, "b": 0.07, "c": 0.03}, dict.fromkeys("abcdefgh", 0.125)]
)
def test_two_rows_are_as_far_apart_in_levels_as_in_numbers(shares):
    positions, numbers = two_columns(shares)
    of_levels, of_numbers = squared(positions, numbers, numbers[np.random.RandomState(1).permutation(len(numbers))])
    assert of_levels.mean() == pytest.approx(2.0, rel=0.1)
    assert of_numbers.mean() == pytest.approx(2.0, rel=0.1)


def test_a_level_never_seen_is_as_far_as_any_other():
    positions, _ = two_columns({"a": 0.6, "b": 0.3, "c": 0.1})
    rows = np.c_[np.arange(4.0), np.zeros(4)]
    gaps = np.square(positions(rows)[:, None] - positions(rows)).sum(axis=2)
    between = gaps[~np.eye(4, dtype=bool)]
    np.testing.assert_allclose(between, between[0])
    assert between[0] > 2.0


def test_a_missing_cell_lies_in_the_middle():
    positions, numbers = two_columns({"a": 0.6, "b": 0.3, "c": 0.1})
    hole = np.full((len(numbers), 2), np.nan)
    of_levels, of_numbers = squared(positions, numbers, hole)
    assert of_levels.mean() == pytest.approx(1.0)
    assert of_numbers.mean() == pytest.approx(1.0)
    np.testing.assert_allclose(positions(hole[:1])[0], positions(numbers).mean(axis=0), atol=1e-9)


def test_levels_that_usual_rows_lack_are_no_farther_than_the_least_scale_allows():
    table = pd.DataFrame({"level": ["a"] * 900 + ["b"] * 100, "x": np.arange(1000.0)})
    schema = Schema.of(table, "from_dtype", "the detector")
    numbers, usual = schema.numbers(table), np.arange(1000) < 900
    of_all, of_usual = (
        squared(Positions.of(numbers, np.ones(1000), kept, schema), numbers[:1], numbers[-1:])[0][0]
        for kept in (np.ones(1000, dtype=bool), usual)
    )
    assert of_usual == pytest.approx(min(of_all / LEAST_SCALE**2, 2.0 / LEAST_VARIETY))


def test_weights_of_positions_are_repetitions():
    table = mixed(60)
    schema = Schema.of(table, "from_dtype", "the detector")
    numbers, weight, usual = schema.numbers(table), 1.0 + np.arange(60) % 3, np.arange(60) % 5 > 0
    times = weight.astype(int)
    weighted = Positions.of(numbers, weight, usual, schema)
    repeated = Positions.of(np.repeat(numbers, times, axis=0), np.ones(times.sum()), np.repeat(usual, times), schema)
    np.testing.assert_allclose(weighted(numbers), repeated(numbers), rtol=1e-9, atol=1e-12)


def test_a_level_of_much_weight_has_a_place_of_its_own():
    table = pd.DataFrame({"level": [f"{i:03}" for i in range(MOST_PLACES + 44)]})
    schema = Schema.of(table, "from_dtype", "the detector")
    numbers, usual = schema.numbers(table), np.ones(len(table), dtype=bool)
    points = Positions.of(numbers, np.where(numbers[:, 0] == 7, 100.0, 1.0), usual, schema)(numbers)
    assert [len(np.unique(part.round(9), axis=0)) for part in (points, np.delete(points, 7, axis=0))] == [2, 1]


def test_of_many_levels_the_rare_ones_share_a_place():
    frequent = [f"often {i}" for i in range(MOST_PLACES - 1)]
    table = pd.DataFrame({"level": 3 * frequent + [f"once {i}" for i in range(500)]})
    schema = Schema.of(table, "from_dtype", "the detector")
    numbers = schema.numbers(table)
    positions = Positions.of(numbers, np.ones(len(numbers)), np.ones(len(numbers), dtype=bool), schema)
    points = positions(numbers)
    assert points.shape[1] == MOST_PLACES
    assert len(np.unique(points.round(9), axis=0)) == MOST_PLACES
    assert len(np.unique(points[-500:].round(9), axis=0)) == 1
    unseen = positions(np.array([[float(len(schema.columns[0].levels))]]))
    np.testing.assert_allclose(unseen[0], points[-1])
    equal = pd.DataFrame({"level": [f"{i:03}" for i in range(3 * MOST_PLACES)]})
    schema = Schema.of(equal, "from_dtype", "the detector")
    numbers = schema.numbers(equal)
    points = Positions.of(numbers, np.ones(len(equal)), np.ones(len(equal), dtype=bool), schema)(numbers)
    assert len(np.unique(points.round(9), axis=0)) == 1  # their order says nothing
    few = pd.DataFrame({"level": [f"{i:03}" for i in range(MOST_PLACES - 1)] * 2})
    schema = Schema.of(few, "from_dtype", "the detector")
    numbers = schema.numbers(few)
    points = Positions.of(numbers, np.ones(len(few)), np.ones(len(few), dtype=bool), schema)(numbers)
    assert len(np.unique(points.round(9), axis=0)) == MOST_PLACES - 1


def test_an_identifier_is_no_reason_only_because_all_its_levels_are_rare():
    rng = np.random.RandomState(0)
    orders = pd.DataFrame(
        {
            "customer": [f"{k:04}" for k in rng.permutation(600)],
            "items": 1 + rng.poisson(3, size=600),
            "price": rng.gamma(4.0, 5.0, size=600),
        }
    )
    orders.loc[:9, "items"] = 40
    with pytest.warns(DataConversionWarning, match="column 'customer' has 600 different values .* is an identifier"):
        detector = AutoencoderOutlierDetector(random_state=0).fit(orders)
    reasons = detector.explain(orders)
    assert (reasons.xs(0, level="rank")["column"] == "customer").mean() < 0.5
    first = reasons.loc[:9].xs(0, level="rank")
    assert (first["column"] == "items").all()
    assert {type(cell) for cell in first[["value", "expected", "low", "high"]].to_numpy().ravel()} == {int}
    customers = reasons[reasons["column"] == "customer"]["share"]
    assert (customers <= 0.0).all()
    assert customers.median() > -0.5
    flagged = detector.predict(orders[10:].assign(customer="new")) == -1
    assert flagged.mean() < 0.05


# The picture


@pytest.fixture
def words():
    """What a picture of a detector and a row writes into the axes, and beside them by line."""
    plt.switch_backend("Agg")

    def words(detector, row):
        display = ExplanationDisplay.from_estimator(detector, row)
        display.figure_.draw_without_rendering()
        names = [label.get_text() for label in display.ax_.get_yticklabels()]
        inside = {names[round(text.xy[1])]: text for text in display.ax_.texts if text.xyann == text.xy}
        beside = {}
        for text in display.ax_.texts:
            if text.xyann != text.xy:
                beside.setdefault(text.xyann[0], []).append(text.get_text())
        columns = {heading: dict(zip(names, cells, strict=True)) for heading, *cells in beside.values()}
        return display, inside, columns

    yield words
    plt.close("all")


def test_a_picture_writes_texts_as_they_are_and_bounds_only_where_there_are_some(words):
    table = mixed(100, holes=0.0).assign(nothing=np.nan)[["real", "nothing", "colour"]]
    detector = AutoencoderOutlierDetector(VAETransformer(**{**VAE.get_params(), "max_iter": 2})).fit(table)
    display, inside, columns = words(detector, table[:1].assign(colour="$x$", real=np.nan))
    assert columns["observed"]["colour"] == "$x$"
    assert not any(text.get_parse_math() for text in display.ax_.texts)
    assert columns["interval"]["colour"] == columns["interval"]["nothing"] == ""
    assert " to " in columns["interval"]["real"]
    assert inside["real"].get_text() == inside["nothing"].get_text() == "missing"
    assert inside["real"].xy[0] > 1.0  # beside the band, on which the expected value stands
    assert inside["nothing"].xy[0] == 0.0


@pytest.mark.parametrize("library", ["pandas", "polars"])
def test_a_picture_says_levels_dates_and_missing_cells_in_words(fitted, wrong, words, library):
    row = wrong[1].iloc[[0]].copy()
    row["grade"], row["other"] = "d", np.nan
    row["day"] += pd.Timedelta("400D")
    display, inside, columns = words(fitted("ensemble", library), in_library(row, library))
    said = {name: inside[name].get_text() for name in ("colour", "grade", "paid", "other")}
    grade = columns["expected"]["grade"]
    assert said == {"colour": "not blue", "grade": f"not {grade}", "paid": "the expected level", "other": "missing"}
    assert grade in {"a", "b"}
    assert inside["colour"].get_color() != inside["paid"].get_color()
    assert columns["observed"]["colour"] == "red"
    assert columns["expected"]["colour"] == "blue"
    assert columns["interval"]["colour"] == columns["interval"]["paid"] == ""
    assert columns["observed"]["paid"] == columns["expected"]["paid"] == "True"
    assert columns["observed"]["other"] == "missing"
    assert columns["observed"]["day"] == str(row["day"].iloc[0].date())
    date = r"20\d\d-\d\d-\d\d"
    assert re.fullmatch(date, columns["expected"]["day"])
    assert re.fullmatch(f"{date} to {date}", columns["interval"]["day"])
    assert columns["how far"]["other"] == ""
    assert columns["how far"]["paid"] == "as expected"
    assert re.fullmatch(r"[\d,.]+ times less probable", columns["how far"]["colour"])
    assert re.fullmatch(r"[\d,.]+ times the usual distance", columns["how far"]["day"])
    dots = dict(zip([label.get_text() for label in display.ax_.get_yticklabels()], display.dots_, strict=True))
    assert {name for name, dot in dots.items() if dot is None} == {"colour", "grade", "paid", "other"}
    assert dots["day"].get_xdata()[0] > 1.0
    assert display.bands_.patches[0].get_width() == 2.0


def test_a_picture_says_of_a_level_that_it_is_new(fitted, wrong, words):
    _, inside, columns = words(fitted("ensemble", "pandas"), wrong[1].iloc[[0]].assign(colour="purple"))
    assert re.fullmatch("not (red|green|blue): level not seen in training", inside["colour"].get_text())
    assert columns["observed"]["colour"] == "purple"


def test_a_picture_takes_levels_that_are_numbers_for_levels(words):
    table = mixed(200, holes=0.0)
    table["code"] = pd.Categorical(table["colour"].map({"red": 7, "green": 11, "blue": 12345}))
    detector = AutoencoderOutlierDetector(VAE).fit(table[["real", "code", "other"]])
    row = table.loc[table["real"] > 5.0, ["real", "code", "other"]][:1]
    _, inside, columns = words(detector, row.assign(code=7))
    assert inside["code"].get_text() == "not 12345"
    assert columns["observed"]["code"] == "7"
    assert columns["expected"]["code"] == "12345"
    assert columns["interval"]["code"] == ""
    assert words(detector, row)[1]["code"].get_text() == "the expected level"
    assert words(detector, row.assign(code=8))[2]["observed"]["code"] == "8"
