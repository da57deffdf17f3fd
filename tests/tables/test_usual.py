"""No single cell sets a unit, nor a placeholder; what goes on learning widens draws; cells stay where they can be."""

import numpy as np
import pandas as pd
import pytest
from cases import each_pair, each_value
from sklearn.base import BaseEstimator, clone
from sklearn.decomposition import PCA

from skvae import AutoencoderOutlierDetector, AutoencoderTransformer, VAETransformer
from skvae._tables.profile import Profile
from skvae._tables.usual import Usual

SMALL = {"hidden_layer_sizes": (16,), "max_iter": 5, "random_state": 0}
QUICK = {"hidden_layer_sizes": (32, 32), "max_iter": 30, "random_state": 0}
BOTH = [VAETransformer, AutoencoderTransformer]
REAL = ["gaussian", "heteroscedastic_gaussian", "inflated_gaussian", "student_t", "laplace"]


def usual_of(X, scale="linear"):
    return Usual.of(Profile.of(X), [(scale, list(range(X.shape[1])))])


def people(n_rows=1000):
    """Height, weight, age and pulse of people."""
    rng = np.random.RandomState(0)
    height = rng.normal(172.0, 9.0, n_rows)
    weight = 72.0 + 0.9 * (height - 172.0) + rng.normal(0.0, 9.0, n_rows)
    age, pulse = rng.uniform(18.0, 90.0, n_rows), rng.normal(70.0, 9.0, n_rows)
    return pd.DataFrame({"height": height, "weight": weight, "age": age, "pulse": pulse})


def with_far_cell(frame, cell):
    frame = frame.copy()
    frame.loc[frame.index[-1], "weight"] = cell
    return frame


@each_value(likelihood=[*REAL, "isotropic_gaussian", "lognormal", "gamma"], Estimator=BOTH)
def test_one_far_cell_does_not_set_a_unit(Estimator, likelihood):
    frame = people()
    far = 7.2e4 if likelihood != "isotropic_gaussian" else 7.2e7
    clean, dirty = (
        Estimator(likelihood=likelihood, **SMALL).fit(table) for table in (frame, with_far_cell(frame, far))
    )
    np.testing.assert_allclose(dirty._model.units.scale, clean._model.units.scale, rtol=0.05)
    assert clean._model.units.usual.has_far is False
    assert np.corrcoef(clean.transform(frame)[:, 0], clean.transform(frame.iloc[::-1])[::-1, 0])[0, 1] > 0.99


@each_value(likelihood=["auto", "gaussian", "student_t"], far=[7.2e4, 7.2e9, -7.2e4])
def test_draws_and_noise_of_other_rows_do_not_follow_a_far_cell(likelihood, far):
    frame = with_far_cell(people(), far)
    drawn = VAETransformer(likelihood=likelihood, **QUICK).fit(frame).sample(1000, random_state=0)["weight"]
    usual = frame["weight"][:-1]
    assert drawn.quantile(0.75) - drawn.quantile(0.25) == pytest.approx(
        usual.quantile(0.75) - usual.quantile(0.25), rel=0.35
    )


def test_noise_of_an_autoencoder_does_not_follow_a_far_cell():
    frame = with_far_cell(people(), 7.2e6)
    drawn = AutoencoderTransformer(**QUICK).fit(frame).sample(1000, random_state=0)["weight"]
    assert drawn.std() == pytest.approx(frame["weight"][:-1].std(), rel=0.35)


def test_shares_of_usual_rows_do_not_follow_a_far_training_cell():
    frame = people()
    frame.iloc[0, 1] = 7.2e6
    shares = VAETransformer(likelihood="gaussian", **QUICK).fit(frame).score_features(frame.iloc[1:200])
    assert shares.abs().median().max() < 20.0


@each_value(estimator=[None, VAETransformer(**QUICK), AutoencoderTransformer(**QUICK)], far=[7.2e3, 7.2e6])
def test_a_detector_still_sees_after_one_typing_error(estimator, far):
    frame = with_far_cell(people(), far)
    detector = AutoencoderOutlierDetector(estimator, random_state=0).fit(frame)
    new = frame.head(5).assign(weight=[200.0, 300.0, 600.0, -60.0, 1.0])
    assert (detector.predict(new) == -1).all()
    assert detector.explain(new, n_columns=1)["column"].eq("weight").all()
    assert detector.predict(frame.tail(1))[0] == -1
    assert (detector.predict(frame.head(-1)) == -1).mean() < 0.05


def test_a_linear_model_takes_far_cells_as_principal_components_do():
    X = with_far_cell(people(400), 300.0).to_numpy()
    linear = {"hidden_layer_sizes": (), "early_stopping": False, "max_iter": 400, "learning_rate_init": 1e-2}
    vae = VAETransformer(1, random_state=0, likelihood="isotropic_gaussian", batch_size=50, **linear).fit(X)
    assert vae.score(X) == pytest.approx(PCA(1).fit(X).score(X), abs=0.02)
    assert vae._model.units.usual == Usual()


@pytest.mark.parametrize("make", [np.random.RandomState(0).normal, np.random.RandomState(0).lognormal])
def test_nothing_is_far_in_ordinary_columns(make):
    assert not usual_of(make(size=(2000, 5))).has_far


@pytest.mark.parametrize(
    ("values", "far"),
    [
        ([0.0, 1.0], []),
        ([0.0, 1.0, 16.0], []),
        ([1.0, 2.0, 3.0, 4.0, 5.0, -999.0], [-999.0]),
        ([1.0, 2.0, 3.0, 4.0, 5.0, -999.0, -998.0, -997.0], [-999.0, -998.0, -997.0]),
        ([*range(1990, 2020), 0.0, 9999.0], [0.0, 9999.0]),
        ([0.1, 0.1 + 1e-17, 0.1 + 2e-17, 0.5], []),
    ],
)
def test_far_values_are_told_from_few_others(values, far):
    usual = usual_of(np.repeat(values, 20)[:, None])
    assert sorted(usual.placeholders[0][0] if usual.placeholders else []) == sorted(far)


def test_a_far_value_that_few_rows_hold_is_no_placeholder():
    X = np.random.RandomState(0).normal(size=(1000, 1))
    X[:2] = -999.0
    assert not usual_of(X).placeholders
    X[:10] = -999.0
    usual = usual_of(X)
    np.testing.assert_array_equal(usual.placeholders[0][0], [-999.0])
    placed = usual.placed(X)
    assert placed.min() == placed[0, 0] > -20.0
    np.testing.assert_array_equal(usual.snapped(placed.copy(), placed.copy()), X)


def test_what_is_usual_does_not_depend_on_repetition_or_units():
    X = np.random.RandomState(0).lognormal(size=(400, 2))
    X[:3] = 1e6
    once, twice = usual_of(X), usual_of(np.repeat(X, 2, axis=0))
    np.testing.assert_allclose(twice.high, once.high)
    np.testing.assert_allclose(usual_of(8.0 * X).high, 8.0 * once.high)


def ratios(share, placeholder, n_rows=1000):
    """A cause and a ratio in [0, 1] that follows it, in some rows a placeholder."""
    rng = np.random.RandomState(0)
    cause = rng.normal(size=n_rows)
    ratio = 1.0 / (1.0 + np.exp(-(1.5 * cause + 0.3 * rng.normal(size=n_rows))))
    hit = rng.uniform(size=n_rows) < share
    return pd.DataFrame({"cause": cause, "ratio": np.where(hit, placeholder, ratio)}), ratio[~hit]


@pytest.mark.parametrize(
    ("likelihood", "share", "placeholder"),
    [
        ("auto", 0.1, -999.0),
        pytest.param("auto", 0.1, -3.4e38, marks=pytest.mark.slow),
        ("auto", 0.02, 99999.0),
        ("auto", 0.5, 1e300),
        pytest.param("auto", 0.9, -999.0, marks=pytest.mark.slow),
        ("auto", 0.9, -1.0),
        pytest.param("gaussian", 0.1, -999.0, marks=pytest.mark.slow),
        ("heteroscedastic_gaussian", 0.3, 1e9),
    ],
)
def test_draws_beside_a_placeholder_are_those_of_real_cells(likelihood, share, placeholder):
    frame, real = ratios(share, placeholder)
    vae = VAETransformer(2, likelihood=likelihood, random_state=0, max_iter=60).fit(frame)
    drawn = vae.sample(4000, random_state=0)
    other = drawn["ratio"] != placeholder
    assert drawn["ratio"][other].between(-1.0, 2.0).all()
    assert 1.0 - other.mean() == pytest.approx(share, abs=0.05)
    assert drawn[other].corr().iloc[0, 1] > 0.8
    assert drawn["ratio"][other].std() == pytest.approx(real.std(), rel=0.25)


def test_dates_that_stand_for_none_do_not_set_a_unit():
    frame, _ = ratios(0.2, np.nan)
    days = pd.Timestamp("2024-01-01") + pd.to_timedelta(np.rint(30.0 * frame["cause"]), unit="D")
    frame["day"] = days.where(frame["ratio"].notna(), pd.Timestamp("1900-01-01"))
    drawn = VAETransformer(2, random_state=0, max_iter=60).fit(frame[["cause", "day"]]).sample(3000, random_state=0)
    other = drawn["day"] != pd.Timestamp("1900-01-01")
    assert 1.0 - other.mean() == pytest.approx(0.2, abs=0.05)
    assert drawn["day"][other].min() > pd.Timestamp("2023-06-01")
    assert drawn["cause"][other].corr(drawn["day"][other].astype("int64").astype(float)) > 0.8


def test_an_autoencoder_restores_placeholders():
    frame, _ = ratios(0.2, -999.0)
    autoencoder = AutoencoderTransformer(2, random_state=0, max_iter=60).fit(frame)
    restored = autoencoder.inverse_transform(autoencoder.transform(frame))["ratio"]
    known = frame["ratio"] == -999.0
    assert (restored[known] == -999.0).mean() > 0.95
    assert (restored[~known] - frame["ratio"][~known]).abs().max() < 0.5


@pytest.mark.parametrize("estimator", [None, VAETransformer(**QUICK), AutoencoderTransformer(**QUICK)])
def test_a_placeholder_does_not_hide_strange_cells_from_a_detector(estimator):
    frame, _ = ratios(0.1, -999.0)
    frame[["a", "b", "c"]] = np.random.RandomState(1).normal(size=(len(frame), 3))
    detector = AutoencoderOutlierDetector(estimator, random_state=0).fit(frame)
    new = frame.head(3).assign(cause=0.0, ratio=[5.0, -5.0, 0.5])
    assert detector.predict(new).tolist() == [-1, -1, 1]
    reasons = detector.explain(new.head(2), n_columns=1)
    assert reasons["column"].eq("ratio").all()
    assert reasons["high"].le(1.5).all()
    assert reasons["low"].ge(-0.5).all()
    assert (detector.predict(frame[frame["ratio"] == -999.0]) == -1).mean() < 0.2


def batches(n_batches=6, n_rows=300):
    """A stream whose columns move: real numbers, counts, days and prices."""
    rng = np.random.RandomState(0)
    for batch in range(n_batches):
        z = rng.normal(size=n_rows)
        yield pd.DataFrame(
            {
                "x": 10.0 * batch + z,
                "y": z + 0.1 * rng.normal(size=n_rows),
                "count": np.rint(3.0 * batch + np.abs(z)).astype(int),
                "day": pd.Timestamp("2024-01-01") + pd.to_timedelta(np.rint(30.0 * batch + 3.0 * z), unit="D"),
                "price": np.round(5.0 * batch + z, 1),
            }
        )


@each_value(
    estimator=[VAETransformer(), VAETransformer(likelihood="gaussian"), AutoencoderTransformer(likelihood="student_t")],
    way=["partial_fit", "warm_start"],
)
def test_what_goes_on_learning_widens_what_it_draws(estimator, way):
    estimator = clone(estimator).set_params(random_state=0, max_iter=20, warm_start=way == "warm_start")
    for batch in batches():
        for _ in range(1 if way == "warm_start" else 8):
            getattr(estimator, "fit" if way == "warm_start" else way)(batch)
    drawn = estimator.sample(2000, random_state=0)
    for column in ("x", "count", "day", "price"):
        assert drawn[column].max() > next(batches())[column].max()
    asked = batch.assign(x=np.nan)
    several = estimator.impute(asked, n_imputations=2, random_state=0)
    assert np.median(several[0]["x"]) == pytest.approx(50.0, abs=5.0)
    assert estimator.impute(asked)["x"].median() == pytest.approx(50.0, abs=5.0)
    columns = estimator._schema.columns
    assert columns[2].high == batch["count"].max()
    assert columns[2].low == 0.0


def test_a_stream_of_rounded_numbers_draws_values_seen_and_a_continuous_one_any():
    first, *later = [np.round(batch[["x"]].to_numpy() + 5.0, 1) for batch in batches(4, 600)]
    rounded = VAETransformer(likelihood="inflated_gaussian", **SMALL).partial_fit(first)
    for batch in later:
        rounded.partial_fit(batch)
    assert np.isin(rounded.sample(300, random_state=0), np.vstack([first, *later])).all()
    rounded.partial_fit(np.random.RandomState(0).normal(size=(600, 1)))
    assert not np.isin(rounded.sample(300, random_state=0), np.vstack([first, *later])).all()


def test_widening_leaves_the_estimator_before_as_it_was():
    stream = batches(2)
    vae = VAETransformer(**SMALL).partial_fit(next(stream))
    before = vae._schema.columns[2].high
    with pytest.raises(ValueError, match="infinity"):
        vae.partial_fit(next(stream).assign(x=np.inf))
    assert vae._schema.columns[2].high == before


@each_pair(dtype=["uint8", "int8", "uint16"], Estimator=BOTH, is_frame=[False, True])
def test_restored_and_filled_cells_are_what_the_dtype_can_hold(dtype, Estimator, is_frame):
    limits = np.iinfo(dtype)
    X = np.random.RandomState(0).uniform(limits.min, limits.max, size=(300, 4)).astype(dtype)
    fitted = Estimator(likelihood="gaussian", **SMALL).fit(pd.DataFrame(X) if is_frame else X)
    codes = 100.0 * fitted.transform(pd.DataFrame(X) if is_frame else X)
    restored = np.asarray(fitted.inverse_transform(codes))
    assert restored.min() >= limits.min
    assert restored.max() <= limits.max
    assert np.asarray(fitted.sample(300, random_state=0)).min() >= limits.min


class Foreign(BaseEstimator):
    """An estimator that tells nothing of how it reads a table."""

    def fit(self, X, y=None):
        self.inner_ = VAETransformer(**SMALL).fit(X)
        for name in ("transform", "inverse_transform", "score_samples", "score_features"):
            setattr(self, name, getattr(self.inner_, name))
        return self

    def transform(self, X):
        raise NotImplementedError

    inverse_transform = score_samples = score_features = transform


def debts(n_rows=1000):
    rng = np.random.RandomState(0)
    debt = np.where(rng.uniform(size=n_rows) < 0.4, 0.0, rng.lognormal(7.0, 1.0, n_rows))
    return pd.DataFrame(
        {"debt": debt, "cap": np.minimum(rng.normal(80.0, 20.0, n_rows), 100.0), "x": rng.normal(size=n_rows)}
    )


@pytest.mark.parametrize(
    "estimator",
    [
        None,
        VAETransformer(**SMALL),
        AutoencoderTransformer(**SMALL),
        Foreign(),
    ],
    ids=str,
)
def test_intervals_stay_where_a_zero_and_a_cap_let_cells_be(estimator):
    frame = debts()
    reasons = AutoencoderOutlierDetector(estimator, random_state=0).fit(frame).explain(frame.head(200), n_columns=3)
    lowest, highest = (reasons.groupby("column")[end].agg(how) for end, how in (("low", "min"), ("high", "max")))
    assert lowest["debt"] == 0.0
    assert highest["cap"] <= 100.0
    assert highest["x"] > 0.0 > lowest["x"]


def test_filled_and_restored_cells_stay_beside_a_zero_unless_the_model_is_linear():
    frame = debts()
    asked = frame.mask(np.random.RandomState(1).uniform(size=frame.shape) < 0.3)
    deep = AutoencoderTransformer(1, **SMALL).fit(frame)
    assert deep.impute(asked)["debt"].min() >= 0.0
    assert deep.inverse_transform([[-50.0], [50.0]])["debt"].min() >= 0.0
    linear = AutoencoderTransformer(1, **{**SMALL, "hidden_layer_sizes": ()}).fit(frame)
    assert linear.inverse_transform([[-50.0], [50.0]])["debt"].min() < 0.0


def test_a_bound_that_a_stream_passes_is_none_any_more():
    frame = debts()
    autoencoder = AutoencoderTransformer(1, **SMALL).partial_fit(frame)
    assert autoencoder._model.units.bounds[0, 0] == 0.0
    autoencoder.partial_fit(frame.iloc[:100])
    assert autoencoder._model.units.bounds[0, 0] == 0.0
    autoencoder.partial_fit(frame.assign(debt=frame["debt"] - np.arange(1000.0)))
    assert autoencoder._model.units.bounds[0, 0] == -np.inf


@pytest.mark.parametrize("likelihood", ["poisson", "negative_binomial", "lognormal", "gamma"])
def test_an_interval_of_counts_and_positive_numbers_begins_at_zero(likelihood):
    frame = pd.DataFrame({"a": np.random.RandomState(0).poisson(2.0, 300) + 1, "b": np.arange(300.0) + 1.0})
    vae = VAETransformer(likelihood={"a": likelihood}, **SMALL)
    reasons = AutoencoderOutlierDetector(vae, random_state=0).fit(frame).explain(frame, n_columns=2)
    assert (reasons.loc[reasons["column"] == "a", "low"] >= 0.0).all()


@each_pair(likelihood=["auto", "gaussian", "isotropic_gaussian"], dtype=[np.float64, np.float32], Estimator=BOTH)
def test_a_column_without_cells_is_restored_by_numbers(Estimator, dtype, likelihood):
    X = np.random.RandomState(0).normal(size=(30, 3)).astype(dtype)
    X[:, 1] = np.nan
    fitted = Estimator(hidden_layer_sizes=(8,), max_iter=1, random_state=0, likelihood=likelihood).fit(X)
    assert np.isfinite(fitted.inverse_transform(fitted.transform(X))).all()


@pytest.mark.parametrize("Estimator", [VAETransformer, AutoencoderTransformer])
def test_restored_rows_of_float32_are_within_its_range(Estimator):
    X = (1e38 * np.random.RandomState(0).normal(size=(30, 3))).astype(np.float32)
    fitted = Estimator(hidden_layer_sizes=(8,), max_iter=1, random_state=0, likelihood="gaussian").fit(X)
    restored = fitted.inverse_transform(1e5 * fitted.transform(X))
    assert restored.dtype == np.float32
    assert np.isfinite(restored).all()
    assert np.abs(restored).max() == np.finfo(np.float32).max
