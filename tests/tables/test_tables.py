"""Data frames as they come: every dtype in and out, holes, levels, imputation, draws under conditions."""

import pickle

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
import skrub
import torch
from cases import each_value
from columns import N, arrow, pandas_columns, polars_columns
from scipy.special import logsumexp
from scipy.stats import multivariate_normal
from sklearn.base import clone
from sklearn.compose import ColumnTransformer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.utils import get_tags
from ways import WAYS

from skvae import AutoencoderOutlierDetector, AutoencoderTransformer, VAETransformer
from skvae._tables.schema import Schema

BOTH = [VAETransformer, AutoencoderTransformer]
ESTIMATORS = pytest.mark.parametrize("Estimator", BOTH)
SMALL = {"n_components": 2, "hidden_layer_sizes": (4,), "random_state": 0, "max_iter": 3}
FULL_BATCH = {"batch_size": 10_000, "early_stopping": False, "precision": "float64"}
EMPTY = {
    "object": pd.Series([None] * N, dtype=object),
    "float64": pd.Series(np.full(N, np.nan)),
    "Int64": pd.Series([pd.NA] * N, dtype="Int64"),
    "boolean": pd.Series([None] * N, dtype="boolean"),
    "string": pd.Series([None] * N, dtype="string"),
    "category": pd.Series(pd.Categorical([None] * N, categories=["a", "b"])),
    "category of nothing": pd.Series(pd.Categorical([None] * N)),
    "datetime64": pd.Series([pd.NaT] * N, dtype="M8[us]"),
    "datetime64 with a zone": pd.Series([pd.NaT] * N, dtype="datetime64[us, UTC]"),
    "arrow null": arrow([None] * N, pa.null()),
}


def there(cells):
    """Mask of the cells that are not missing."""
    if isinstance(cells, pl.Series):
        return ~(
            cells.is_null() | cells.is_nan().fill_null(True) if cells.dtype.is_float() else cells.is_null()
        ).to_numpy()
    return cells.notna().to_numpy()


def types_of(cells):
    return {type(cell) for cell in cells.to_list() if cell is not None and cell is not pd.NA and cell is not pd.NaT}


def same_cells(one, other):
    return len(one) == len(other) and all(a == b for a, b in zip(one, other, strict=True))


def table_of(library):
    if library == "polars":
        return pl.DataFrame(polars_columns())
    return pd.DataFrame(pandas_columns()).set_axis([f"row{i}" for i in range(N)])


@pytest.mark.parametrize("name", [*pandas_columns(), *(f"empty {name}" for name in EMPTY)])
def test_cells_of_pandas_become_numbers_and_come_back_as_they_were(name):
    cells = EMPTY[name.removeprefix("empty ")] if name.startswith("empty ") else pandas_columns()[name]
    table = pd.DataFrame({"x": cells})
    schema = Schema.of(table, "from_dtype", "VAETransformer")
    numbers = schema.encode(table, "VAETransformer")
    np.testing.assert_array_equal(np.isnan(numbers[:, 0]), ~there(cells))
    for restored in (schema.rows(numbers, float, table.index), schema.rows(numbers, float, table.index, drawn=True)):
        assert restored["x"].dtype == cells.dtype
        assert types_of(restored["x"]) - {float} <= types_of(cells)
        np.testing.assert_array_equal(there(restored["x"]), there(cells))
        pd.testing.assert_series_equal(restored["x"][there(cells)], table["x"][there(cells)])
    filled = schema.filled(table, np.nan_to_num(numbers))
    assert filled["x"].dtype == cells.dtype
    assert there(filled["x"]).all() or not there(cells).any()
    pd.testing.assert_series_equal(filled["x"][there(cells)], table["x"][there(cells)])


@pytest.mark.parametrize("name", polars_columns())
def test_cells_of_polars_become_numbers_and_come_back_as_they_were(name):
    table = pl.DataFrame({"x": polars_columns()[name]})
    schema = Schema.of(table, "from_dtype", "VAETransformer")
    numbers = schema.encode(table, "VAETransformer")
    np.testing.assert_array_equal(np.isnan(numbers[:, 0]), ~there(table["x"]))
    for restored in (schema.rows(numbers, float), schema.filled(table, np.nan_to_num(numbers))):
        assert restored.schema == table.schema
        seen = there(table["x"])
        assert same_cells(restored["x"].filter(seen).to_list(), table["x"].filter(seen).to_list())
    assert there(schema.filled(table, np.nan_to_num(numbers))["x"]).all()


@each_value(library=["pandas", "polars"], Estimator=BOTH)
def test_frames_of_all_dtypes_come_back_with_columns_dtypes_levels_and_holes(Estimator, library):
    table = table_of(library)
    fitted = Estimator(**SMALL).fit(table)
    codes = fitted.transform(table)
    drawn, full = fitted.sample(300, random_state=0), fitted.sample(60, random_state=0, with_missing=False)
    decoded, imputed = fitted.inverse_transform(codes), fitted.impute(table)
    for result in (drawn, full, decoded, imputed):
        assert list(result.columns) == list(table.columns)
        assert list(result.dtypes) == list(table.dtypes)
    for name in table.columns:
        seen = there(table[name])
        assert abs(there(drawn[name]).mean() - seen.mean()) < 0.1
        if name != "object of many types":
            assert (types_of(drawn[name]) | types_of(imputed[name])) - {float} <= types_of(table[name])
        for complete in (full, decoded, imputed):
            assert there(complete[name]).all()
        kept = [cell for cell, is_there in zip(imputed[name].to_list(), seen, strict=True) if is_there]
        assert same_cells(kept, [cell for cell, t in zip(table[name].to_list(), seen, strict=True) if t])
        if fitted._schema.columns[list(table.columns).index(name)].has_levels:
            assert set(drawn[name].to_list()) <= set(table[name].to_list()) | {None}
    for whole in ("int8", "Int64") if library == "pandas" else ("Int8", "UInt8"):
        assert table[whole].min() <= drawn[whole].min() <= drawn[whole].max() <= table[whole].max()
    if library == "pandas":
        assert imputed.index.equals(table.index)
    assert np.isfinite(fitted.score_samples(table)).all()
    assert np.isfinite(fitted.score_features(table).to_numpy()).all()
    assert fitted.score_features(table).shape == table.shape


def mixed(n=200, seed=0, holes=0.0):
    """Columns of all kinds that a common cause moves."""
    rng = np.random.RandomState(seed)
    z = rng.normal(size=n)
    table = pd.DataFrame(
        {
            "real": 3.0 + 2.0 * z + 0.5 * rng.normal(size=n),
            "count": rng.poisson(np.exp(0.5 + 0.5 * z)),
            "colour": np.array(["red", "green", "blue"])[np.digitize(z + 0.5 * rng.normal(size=n), [-0.5, 0.5])],
            "grade": pd.Categorical.from_codes(np.digitize(z, [-1.0, 0.0, 1.0]), ["d", "c", "b", "a"], ordered=True),
            "paid": z + 0.5 * rng.normal(size=n) > 0,
            "day": pd.Timestamp("2020-01-01") + pd.to_timedelta(np.rint(30 * z + rng.normal(size=n)), unit="D"),
        },
        index=[f"r{i}" for i in range(n)],
    )
    if not holes:
        return table
    table = table.astype({"count": "Int64", "paid": "boolean"})
    return table.mask(pd.DataFrame(rng.uniform(size=table.shape) < holes, index=table.index, columns=table.columns))


@pytest.fixture(scope="module")
def fitted():
    """A VAE of complete rows and one of rows with holes."""
    return {share: VAETransformer(**{**SMALL, "max_iter": 20}).fit(mixed(holes=share)) for share in (0.0, 0.2)}


# Holes


@each_value(share=[0.0, 0.2], Estimator=BOTH)
def test_a_row_does_not_depend_on_whether_other_rows_have_holes(Estimator, share):
    model = Estimator(**SMALL).fit(mixed(holes=share))
    complete, holed = mixed(40, seed=1).astype({"count": "Int64", "paid": "boolean"}), mixed(40, seed=2, holes=0.3)
    both, others = pd.concat([complete, holed]), mixed(40, seed=3, holes=0.3)
    for method in (model.transform, model.score_samples, model.score_features):
        whole = np.asarray(method(both))
        np.testing.assert_array_equal(whole[:40], method(complete))
        np.testing.assert_array_equal(whole[:40], method(pd.concat([complete, others]))[:40])
        np.testing.assert_array_equal(whole[40:], method(pd.concat([complete[::-1], holed]))[40:])
        np.testing.assert_allclose(whole[40:], method(holed), rtol=1e-4, atol=1e-4)
    pd.testing.assert_frame_equal(model.impute(both)[55:56], model.impute(both.iloc[55:56]))


@pytest.mark.parametrize("share", [0.0, 0.2])
def test_impute_fills_all_holes_and_nothing_else(fitted, share):
    table = mixed(50, seed=3, holes=0.3)
    before = table.copy()
    imputed = fitted[share].impute(table)
    pd.testing.assert_frame_equal(table, before)
    assert imputed.notna().all(axis=None)
    pd.testing.assert_frame_equal(imputed.where(table.notna()), table)
    pd.testing.assert_index_equal(imputed.index, table.index)


def test_several_imputations_are_different_draws_and_repeatable(fitted):
    table = mixed(50, seed=3, holes=0.3)
    tables = fitted[0.2].impute(table, n_imputations=3, random_state=0)
    assert len(tables) == 3
    for one in tables:
        assert one.notna().all(axis=None)
        pd.testing.assert_frame_equal(one.where(table.notna()), table)
    assert not any(tables[i].equals(tables[j]) for i, j in [(0, 1), (0, 2), (1, 2)])
    for one, other in zip(tables, fitted[0.2].impute(table, n_imputations=3, random_state=0), strict=True):
        pd.testing.assert_frame_equal(one, other)
    with pytest.raises(ValueError, match="n_imputations=0 must be a whole number"):
        fitted[0.2].impute(table, n_imputations=0)


def normal_density(vae):
    """Mean and covariance of the normal distribution that a linear VAE is, in the units of the data."""
    with torch.no_grad():
        decode = vae.module_.decode
        start = decode(torch.zeros(1, vae.n_components_, dtype=torch.float64)).mean[0]
        loadings = (decode(torch.eye(vae.n_components_, dtype=torch.float64)).mean - start).numpy().T
        noise = vae.module_.likelihood.scale.numpy()
    units = vae._model.units
    covariance = (loadings @ loadings.T + np.diag(noise**2)) * np.outer(units.scale, units.scale)
    return start.numpy() * units.scale + units.shift, covariance


@pytest.fixture(scope="module")
def linear():
    """A linear model of complete rows, and such rows with holes anywhere."""
    rng = np.random.RandomState(0)
    X = (rng.normal(size=(200, 2)) @ rng.normal(size=(2, 5)) + 0.5 * rng.normal(size=(200, 5))) * [1, 10, 0.1, 5, 1]
    vae = VAETransformer(
        2, hidden_layer_sizes=(), likelihood="gaussian", code_density=None, n_importance_samples=2**14, max_iter=20
    )
    vae.set_params(random_state=0, **FULL_BATCH).fit(X)
    return vae, np.where(rng.uniform(size=(40, 5)) < 0.4, np.nan, X[:40])


def test_the_density_of_a_row_with_holes_is_the_marginal_one(linear):
    vae, X = linear
    mean, covariance = normal_density(vae)
    exact = []
    for row in X:
        seen = np.flatnonzero(~np.isnan(row))
        exact.append(
            multivariate_normal(mean[seen], covariance[np.ix_(seen, seen)]).logpdf(row[seen]) if len(seen) else 0.0
        )
    np.testing.assert_allclose(vae.score_samples(X), exact, atol=0.05)


def test_what_is_imputed_is_the_conditional_mean(linear):
    vae, X = linear
    mean, covariance = normal_density(vae)
    imputed, deviations = vae.impute(X), np.sqrt(np.diag(covariance))
    for row, filled in zip(X, imputed, strict=True):
        seen, gone = np.flatnonzero(~np.isnan(row)), np.flatnonzero(np.isnan(row))
        slopes = np.linalg.lstsq(covariance[np.ix_(seen, seen)], covariance[np.ix_(seen, gone)], rcond=None)[0]
        exact = mean[gone] + (row[seen] - mean[seen]) @ slopes
        np.testing.assert_allclose((filled[gone] - exact) / deviations[gone], 0.0, atol=0.05)
        np.testing.assert_array_equal(filled[seen], row[seen])


def test_draws_of_holes_have_the_conditional_spread(linear):
    vae, X = linear
    mean, covariance = normal_density(vae)
    row = np.where(np.arange(5) < 3, X[~np.isnan(X[:, :3]).any(axis=1)][0], np.nan)
    slopes = np.linalg.solve(covariance[:3, :3], covariance[:3, 3:])
    drawn = vae.impute(np.tile(row, (400, 1)), n_imputations=2, random_state=0)[1][:, 3:]
    conditional = covariance[3:, 3:] - covariance[3:, :3] @ slopes
    scale = np.sqrt(np.diag(conditional))
    np.testing.assert_allclose((np.cov(drawn.T) - conditional) / np.outer(scale, scale), 0.0, atol=0.2)
    given = vae.sample(4000, random_state=0, given=dict(enumerate(row[:3])))
    np.testing.assert_array_equal(given[:, :3], np.tile(row[:3], (4000, 1)))
    off = (given[:, 3:].mean(axis=0) - mean[3:] - (row[:3] - mean[:3]) @ slopes) / scale
    np.testing.assert_allclose(off, 0.0, atol=0.15)


def test_a_row_of_holes_has_score_zero(linear):
    np.testing.assert_allclose(linear[0].score_samples(np.full((3, 5), np.nan)), 0.0, atol=0.01)


def test_an_autoencoder_scores_and_fills_rows_with_holes():
    model = AutoencoderTransformer(**SMALL).fit(mixed(holes=0.2))
    table = mixed(30, seed=5, holes=0.4)
    assert np.isfinite(model.score_samples(table)).all()
    assert model.impute(table).notna().all(axis=None)
    assert len(model.impute(table, n_imputations=2, random_state=0)) == 2


@ESTIMATORS
def test_holes_in_other_columns_than_in_training(Estimator):
    table = mixed(150)
    table.loc[table.index[::4], "real"] = np.nan
    model = Estimator(**SMALL).fit(table)
    other = mixed(20, seed=1).astype({"paid": "boolean"})
    other.loc[other.index[::2], "colour"] = None
    other.loc[other.index[::3], "paid"] = pd.NA
    assert np.isfinite(model.score_samples(other)).all()
    assert np.isfinite(model.score_features(other)).all(axis=None)
    assert model.impute(other).notna().all(axis=None)


@ESTIMATORS
def test_partial_fit_goes_on_with_rows_that_have_holes(Estimator):
    model = Estimator(**SMALL).partial_fit(mixed(100)).partial_fit(mixed(100, seed=1))
    before = model.transform(mixed(20, seed=2))
    model.partial_fit(mixed(100, seed=3, holes=0.3)).partial_fit(mixed(1, seed=4, holes=0.3))
    assert not np.array_equal(model.transform(mixed(20, seed=2)), before)
    assert np.isfinite(model.score_samples(mixed(50, seed=5, holes=0.3))).all()


@ESTIMATORS
def test_zero_weight_is_absence_in_a_table_with_holes(Estimator):
    table = mixed(150, holes=0.2)
    absent = mixed(50, seed=1, holes=0.5)
    absent.loc[absent.index[:5], "colour"] = "purple"
    absent.loc[absent.index[:5], "count"] = 10_000
    params = {**SMALL, **FULL_BATCH}
    both = pd.concat([absent, table])
    weighted = Estimator(**params).fit(both, sample_weight=np.r_[np.zeros(50), np.ones(150)])
    alone = Estimator(**params).fit(table)
    np.testing.assert_allclose(weighted.transform(table), alone.transform(table), rtol=1e-6, atol=1e-9)
    np.testing.assert_allclose(weighted.score_samples(table), alone.score_samples(table), rtol=1e-6, atol=1e-6)
    pd.testing.assert_frame_equal(weighted.sample(20, random_state=0), alone.sample(20, random_state=0))


def test_a_row_with_holes_of_weight_two_is_two_rows():
    table = mixed(60, holes=0.2)
    params = {**SMALL, **FULL_BATCH}
    weighted = VAETransformer(**params).fit(table, sample_weight=np.r_[np.full(30, 2.0), np.ones(30)])
    repeated = VAETransformer(**params).fit(pd.concat([table[:30], table]))
    np.testing.assert_allclose(weighted.score_samples(table), repeated.score_samples(table), rtol=1e-6, atol=1e-6)


# Levels


def every_combination(*columns):
    index = pd.MultiIndex.from_product([cells for _, cells in columns])
    return index.to_frame(index=False, name=[name for name, _ in columns])


def test_probabilities_of_all_levels_and_of_what_was_never_seen_add_up_to_one():
    table = mixed(150)[["colour", "grade", "paid"]]
    params = {**SMALL, "n_importance_samples": 2048, "code_density": None, "max_iter": 60}
    model = VAETransformer(**params).fit(table)
    cells = every_combination(
        ("colour", ["red", "green", "blue", "never seen"]), ("grade", list("abcdx")), ("paid", [False, True])
    )
    assert logsumexp(model.score_samples(cells)) == pytest.approx(np.log1p(-0.5 / 150.5), abs=0.03)


def test_a_cell_that_is_missing_has_the_sum_of_the_densities_of_all_levels():
    table = mixed(150)[["real", "colour"]]
    params = {**SMALL, "n_importance_samples": 4096, "code_density": None, "max_iter": 100}
    model = VAETransformer(**params).fit(table)
    rows = [table.assign(colour=level)[:20] for level in ["red", "green", "blue", "never seen"]]
    total = logsumexp([model.score_samples(each) for each in rows], axis=0)
    np.testing.assert_allclose(total, model.score_samples(table[:20].assign(colour=None)), atol=0.05)


@pytest.mark.parametrize("name", ["colour", "grade"])
def test_a_level_never_seen_has_the_probability_of_half_a_row_and_no_code(fitted, name):
    model, table = fitted[0.0], mixed(20, seed=1).astype({name: object})
    unseen, missing = table.assign(**{name: "never seen"}), table.assign(**{name: None})
    loss = model._model.inference.feature_log_prob(model._read(unseen), model._usual)[:, list(table).index(name)]
    np.testing.assert_allclose(loss, np.log(0.5 / 200.5), rtol=1e-5)
    assert np.isfinite(model.transform(unseen)).all()
    assert np.isfinite(model.score_samples(missing)).all()
    np.testing.assert_array_equal(model.transform(unseen), model.transform(table.assign(**{name: "another"})))
    assert set(model.impute(unseen)[name]) == {"never seen"}


def wide(n_levels, n):
    rng = np.random.RandomState(0)
    level = np.r_[np.arange(n_levels), np.minimum(rng.zipf(1.3, size=n - n_levels) - 1, n_levels - 1)]
    return pd.DataFrame({"town": [f"t{i}" for i in level], "x": np.log1p(level) + rng.normal(size=n)})


def test_rare_levels_are_drawn_and_have_probabilities():
    table = wide(1200, 2400)
    model = VAETransformer(**SMALL).fit(table)
    with torch.no_grad():
        cells = torch.stack([torch.arange(1201.0), torch.zeros(1201)], dim=1)
        chances = model.module_.decode(torch.randn(1, 2, generator=torch.Generator().manual_seed(0))).log_prob(cells)
    assert chances[:, 0].exp().sum().item() == pytest.approx(1.0, rel=1e-5)
    assert chances[-1, 0].exp().item() == pytest.approx(0.5 / 2400.5, rel=1e-4)
    drawn = model.sample(3000, random_state=0)["town"]
    assert set(drawn) <= set(table["town"])
    top = set(table["town"].value_counts().index[:255])
    assert abs((~drawn.isin(top)).mean() - (~table["town"].isin(top)).mean()) < 0.1
    assert drawn[~drawn.isin(top)].nunique() > 300
    assert model.inverse_transform(model.transform(table[:5]))["town"].isin(table["town"]).all()
    assert model.score_features(table).shape == table.shape


@pytest.mark.filterwarnings("ignore:column .town. has 10000 different values")  # it is what is tested
def test_ten_thousand_levels_are_few_weights():
    table = wide(10_000, 12_000)
    model = VAETransformer(**{**SMALL, "max_iter": 1}).fit(table)
    assert sum(parameter.numel() for parameter in model.module_.parameters()) < 20_000
    assert len(pickle.dumps(model)) < 2_000_000
    assert np.isfinite(model.score_samples(table[:300])).all()


def test_one_level_and_a_constant_are_columns_like_others(fitted):
    table = mixed(60).assign(one="same", number=7)
    model = VAETransformer(**SMALL).fit(table)
    drawn = model.sample(20, random_state=0)
    assert set(drawn["one"]) == {"same"}
    assert set(drawn["number"]) == {7}
    assert model.score_samples(table.assign(one="other")).max() < model.score_samples(table).max()


# Parameters


def test_categorical_features_are_names_numbers_or_a_mask():
    table = mixed(80)[["real", "count"]].reset_index(drop=True)
    results = []
    for chosen in (["count"], [1], [False, True], np.array([False, True]), pd.Index(["count"])):
        model = VAETransformer(**SMALL, categorical_features=chosen).fit(table)
        assert model.column_likelihoods_.loc["count", "likelihood"] == "categorical"
        assert model.sample(10, random_state=0)["count"].dtype == table["count"].dtype
        results.append(model.score_samples(table))
    for result in results:
        np.testing.assert_array_equal(result, results[0])
    plain = VAETransformer(**SMALL, categorical_features=None).fit(table)
    np.testing.assert_array_equal(plain.score_samples(table), VAETransformer(**SMALL).fit(table).score_samples(table))
    assert not np.array_equal(plain.score_samples(table), results[0])


@pytest.mark.parametrize(
    ("chosen", "message"),
    [
        (["nonsense"], "names column 'nonsense', which X has not"),
        ([7], "names column 7"),
        ([True], "mask of 1 columns.*one mark a column"),
    ],
)
def test_bad_categorical_features_are_errors(chosen, message):
    with pytest.raises(ValueError, match=f"categorical_features.*{message}"):
        VAETransformer(**SMALL, categorical_features=chosen).fit(mixed(50)[["real", "count"]])


@each_value(
    dtype=["float32", "float64", "int64", "float16", "object"],
    levels=[(0.0, 1.0), (-3.0, 2.5), (0.1, 0.7)],
    Estimator=BOTH,
)
def test_levels_leave_codes_in_the_float_dtype_of_an_array(Estimator, dtype, levels):
    X = np.c_[np.random.RandomState(0).normal(size=40), np.resize(levels, 40)].astype(dtype)
    model = Estimator(**SMALL, categorical_features=[1]).fit(X)
    assert model.transform(X).dtype == (np.float32 if dtype == "float32" else np.float64)
    numbers = model._read(X)
    assert set(numbers[:, 1]) == set(range(len(set(X[:, 1]))))


@each_value(
    chosen=[[1], [False, True], np.array([1])],
    missing=[False, True],
    as_rows=[list, lambda X: tuple(map(tuple, X)), lambda X: [np.array(row) for row in X]],
    Estimator=BOTH,
)
def test_levels_in_a_list_of_rows_are_those_of_an_array(Estimator, chosen, missing, as_rows):
    X = np.c_[np.random.RandomState(0).normal(size=40), np.resize([3.0, 1.0, 7.0], 40)]
    X[4, 1] = np.nan if missing else 1.0
    rows = as_rows(X.tolist())
    one, other = (Estimator(**SMALL, categorical_features=chosen).fit(table) for table in (rows, X))
    assert one.column_likelihoods_["likelihood"].tolist() == other.column_likelihoods_["likelihood"].tolist()
    np.testing.assert_array_equal(one.transform(rows), other.transform(X))
    np.testing.assert_array_equal(one.sample(9, random_state=0), other.sample(9, random_state=0))
    none = [[None if cell != cell else cell for cell in row] for row in X.tolist()]
    with_none = Estimator(**SMALL, categorical_features=chosen).fit(none)
    np.testing.assert_array_equal(with_none.transform(none), one.transform(rows))


@ESTIMATORS
def test_levels_in_an_array_come_back_as_the_numbers_they_were(Estimator):
    rng = np.random.RandomState(0)
    X = np.c_[rng.choice([-3.0, 2.5, 100.0], size=80), rng.normal(size=80)]
    X[::7, 0] = np.nan
    model = Estimator(**SMALL, categorical_features=[0]).fit(X)
    full = [model.sample(40, random_state=0, with_missing=False), model.inverse_transform(model.transform(X))]
    for result in (*full, model.impute(X)):
        assert type(result) is np.ndarray
        assert set(result[:, 0]) <= {-3.0, 2.5, 100.0}
    np.testing.assert_array_equal(model.impute(X)[~np.isnan(X)], X[~np.isnan(X)])
    drawn = model.sample(400, random_state=0)
    assert 0.05 < np.isnan(drawn[:, 0]).mean() < 0.25


def test_a_dict_says_the_likelihood_of_some_columns():
    table = mixed(80)
    said = {"count": "poisson", "real": "student_t", "colour": "auto", "grade": "categorical"}
    chosen = VAETransformer(**SMALL, likelihood=said).fit(table).column_likelihoods_
    assert chosen["likelihood"].to_dict() == {
        "real": "student_t",
        "count": "poisson",
        "colour": "categorical",
        "grade": "categorical",
        "paid": "categorical",
        "day": "inflated_gaussian",
    }
    assert chosen.loc["count", "reason"] == "asked for"
    by_default = VAETransformer(**SMALL).fit(table).column_likelihoods_["reason"]
    assert by_default["colour"] == "3 levels"
    assert by_default["grade"] == "4 levels in order"
    assert by_default["paid"] == "true or false"
    assert by_default["day"].startswith("dates")
    assert by_default["count"].startswith("whole numbers")


@pytest.mark.parametrize(
    ("likelihood", "message"),
    [
        ({"colour": "gaussian"}, "'gaussian' for column 'colour', which holds levels"),
        ({"nonsense": "gaussian"}, "names column 'nonsense'"),
        ({"real": "nonsense"}, "'nonsense'.*must be one of"),
    ],
)
def test_a_dict_that_cannot_be_is_an_error(likelihood, message):
    with pytest.raises(ValueError, match=f"likelihood.*{message}"):
        VAETransformer(**SMALL, likelihood=likelihood).fit(mixed(50))


def test_given_cells_are_there_and_move_the_others(fitted):
    model = fitted[0.0]
    high = model.sample(1000, random_state=0, given={"colour": "blue"})
    low = model.sample(1000, random_state=0, given={"colour": "red"})
    assert set(high["colour"]) == {"blue"}
    assert high["real"].mean() > low["real"].mean() + 1.0
    assert high["paid"].mean() > low["paid"].mean() + 0.3
    assert high["day"].mean() > low["day"].mean()
    assert list(high.dtypes) == list(mixed().dtypes)
    late = model.sample(500, random_state=0, given={"day": "2020-02-10", 0: 5.0})
    assert set(late["day"]) == {pd.Timestamp("2020-02-10")}
    assert set(late["real"]) == {5.0}
    assert fitted[0.2].sample(200, random_state=0, given={"paid": True})["paid"].all()


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"nonsense": 1}, "names column 'nonsense'"),
        ({"colour": "never"}, "column 'colour' never was 'never' in training.*red"),
        ({"real": "text"}, "column 'real' holds real cells, not 'text'"),
        ({"real": np.inf}, "column 'real' is to be inf"),
        ({"colour": None}, "column 'colour' is to be None"),
        ({"day": "no date"}, "column 'day' holds time cells"),
    ],
)
def test_bad_given_cells_are_errors(fitted, given, message):
    with pytest.raises(ValueError, match=f"given=.*{message}"):
        fitted[0.0].sample(3, given=given)


# Bad input


@each_value(name=EMPTY, Estimator=BOTH)
def test_a_column_without_cells_stays_so_and_says_nothing(Estimator, name):
    table = mixed(N)[["real", "colour"]].reset_index(drop=True).assign(empty=EMPTY[name])
    model = Estimator(**SMALL).fit(table)
    for result in (model.sample(5, random_state=0), model.impute(table), model.inverse_transform(np.zeros((2, 2)))):
        assert result["empty"].isna().all()
        assert result["empty"].dtype == table["empty"].dtype
    assert np.isfinite(model.score_samples(table)).all()
    assert model.column_likelihoods_.loc["empty", "reason"] == "no training cell is there"


def test_what_cannot_be_a_level_is_an_error_that_names_the_cell():
    table = mixed(20).assign(colour=[["red"]] * 20)
    with pytest.raises(TypeError, match=r"column 'colour', row 0 holds \['red'\].*no number and no level.*hashed"):
        VAETransformer(**SMALL).fit(table)
    with pytest.raises(TypeError, match="column 'colour', row 0"):
        VAETransformer(**SMALL).fit(mixed(20)).transform(table)


def test_columns_with_the_same_name_or_in_another_order_are_errors():
    table = mixed(30)
    with pytest.raises(ValueError, match="2 columns named 'real'"):
        VAETransformer(**SMALL).fit(pd.concat([table, table[["real"]]], axis=1))
    model = VAETransformer(**SMALL).fit(table)
    with pytest.raises(ValueError, match="same order"):
        model.transform(table[table.columns[::-1]])
    numbered = table.set_axis(range(6), axis=1)
    with pytest.raises(ValueError, match="in another order"):
        VAETransformer(**SMALL).fit(numbered).transform(numbered[[1, 0, 2, 3, 4, 5]])


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"real": np.inf}, "column 'real', row 0 holds inf"),
        ({"real": "text"}, "column 'real', row 0 holds 'text'.*fitted on numbers"),
        ({"real": pd.Timestamp("2020")}, "column 'real', row 0 holds 2020-01-01 .*of dtype datetime64.*on numbers"),
        ({"day": 1.0}, "column 'day', row 0 holds 1.0 of dtype float64.*fitted on dates without a time zone"),
        ({"day": "2020-01-01"}, r"column 'day', row 0 holds '2020-01-01'.*pandas.to_datetime\(X\['day'\]\)"),
        (
            {"day": pd.Timestamp("2020", tz="UTC")},
            r"column 'day', row 0 holds 2020-01-01 00:00:00\+.*tz_localize\(None\)",
        ),
    ],
)
def test_cells_of_another_kind_than_in_training_are_errors(fitted, changed, message):
    table = mixed(20).assign(**changed)
    table.loc[table.index[3], "colour"] = None
    with pytest.raises(ValueError, match=message):
        fitted[0.0].score_samples(table)


def test_integers_beyond_the_digits_of_a_float_are_left_alone_by_impute():
    big = [2**62 + 1, 2**60 + 3, None, -(2**55) - 1] * 20
    table = pd.DataFrame({"big": pd.array(big, dtype="Int64"), "x": np.arange(80.0)})
    model = VAETransformer(**SMALL).fit(table)
    imputed = model.impute(table)["big"]
    assert imputed.dtype == "Int64"
    assert imputed[table["big"].notna()].tolist() == [cell for cell in big if cell is not None]
    assert imputed.notna().all()
    assert model.sample(50, random_state=0)["big"].dtype == "Int64"


def test_a_hole_in_an_integer_column_that_had_none(fitted):
    table = mixed(10).astype({"count": float})
    table.loc[table.index[2], "count"] = np.nan
    filled = fitted[0.0].impute(table)
    assert filled["count"].dtype == float
    assert filled["count"].notna().all()
    assert filled["count"].iloc[2] == np.rint(filled["count"].iloc[2])


# scikit-learn and others around it


@pytest.mark.parametrize("way", WAYS)
def test_a_round_trip_of_a_mixed_table_changes_no_result(fitted, tmp_path, way):
    table = mixed(30, seed=1, holes=0.3)
    table["grade"] = table["grade"].astype(mixed().dtypes["grade"])
    travelled = WAYS[way](fitted[0.2], tmp_path)
    np.testing.assert_array_equal(travelled.score_samples(table), fitted[0.2].score_samples(table))
    pd.testing.assert_frame_equal(travelled.impute(table), fitted[0.2].impute(table))
    pd.testing.assert_frame_equal(travelled.sample(5, random_state=0), fitted[0.2].sample(5, random_state=0))
    pd.testing.assert_frame_equal(travelled.column_likelihoods_, fitted[0.2].column_likelihoods_)
    assert set(vars(clone(travelled))) == set(fitted[0.2].get_params())


@ESTIMATORS
def test_a_classifier_on_codes_of_a_mixed_table_needs_no_encoder(Estimator):
    table = mixed(200, holes=0.1)
    y = mixed(200)["paid"]
    pipeline = make_pipeline(Estimator(**{**SMALL, "max_iter": 20}), LogisticRegression())
    assert pipeline.fit(table.drop(columns="paid"), y).score(table.drop(columns="paid"), y) > 0.7


@pytest.mark.parametrize("output", ["pandas", "polars"])
def test_column_transformer_and_set_output(output):
    table = mixed(60, holes=0.1)
    vae = VAETransformer(**SMALL)
    chosen = ColumnTransformer([("codes", vae, ["real", "colour", "day"])], remainder="drop").set_output(
        transform=output
    )
    codes = chosen.fit_transform(table)
    assert type(codes).__module__.startswith(output)
    assert list(codes.columns) == ["codes__vaetransformer0", "codes__vaetransformer1"]
    direct = clone(vae).fit_transform(table[["real", "colour", "day"]])
    np.testing.assert_array_equal(codes.to_numpy(), direct)


@pytest.mark.parametrize("Vectorizer", [skrub.Cleaner, skrub.TableVectorizer])
def test_tables_prepared_by_skrub(Vectorizer):
    table, y = mixed(200, holes=0.1).drop(columns="paid"), mixed(200)["paid"]
    classifier = make_pipeline(Vectorizer(), VAETransformer(**{**SMALL, "max_iter": 20}), LogisticRegression())
    assert classifier.fit(table, y).score(table, y) > 0.7
    kinds = set(classifier[1].column_likelihoods_["likelihood"])
    assert ("categorical" in kinds) == (Vectorizer is skrub.Cleaner)
    detector = make_pipeline(Vectorizer(), AutoencoderOutlierDetector(VAETransformer(**SMALL))).fit(table)
    assert set(detector.predict(table)) <= {-1, 1}


def test_polars_and_pandas_give_the_same_codes():
    table = mixed(80, holes=0.2).astype({"grade": object}).reset_index(drop=True)
    columns = {name: [None if pd.isna(cell) else cell for cell in table[name]] for name in table}
    twin = pl.DataFrame({**columns, "day": pl.Series(columns["day"], dtype=pl.Datetime("us"))})
    one, other = VAETransformer(**SMALL).fit(table), VAETransformer(**SMALL).fit(twin)
    np.testing.assert_array_equal(one.transform(table), other.transform(twin))
    np.testing.assert_array_equal(one.score_samples(table), other.score_samples(twin))
    imputed = other.impute(twin)
    assert imputed.schema == twin.schema
    assert imputed.null_count().sum_horizontal().item() == 0


@ESTIMATORS
def test_tags_say_that_holes_and_levels_are_taken(Estimator):
    tags = get_tags(Estimator()).input_tags
    assert tags.allow_nan
    assert tags.categorical
    assert tags.sparse


def documents(n_rows=200):
    """Counts of four words a document, beside a number."""
    rng = np.random.RandomState(0)
    counts = rng.poisson(5 * rng.gamma(2.0, size=(n_rows, 1)) * rng.dirichlet(np.ones(4), size=n_rows))
    return pd.DataFrame(counts.astype(float), columns=list("abcd")).assign(length=rng.normal(size=n_rows))


def test_a_row_has_all_or_none_of_the_cells_that_a_multinomial_describes():
    vae = VAETransformer(2, likelihood=dict.fromkeys("abcd", "multinomial"), max_iter=3, random_state=0)
    whole, part = documents(), documents()
    part.loc[7, "c"] = np.nan
    refused = "row 7 lacks column 'c' but has column 'a'; likelihood='multinomial'.*Use 'poisson'"
    with pytest.raises(ValueError, match=refused):
        clone(vae).fit(part)
    vae.fit(whole)
    for method in (vae.score_samples, vae.transform, vae.impute):
        with pytest.raises(ValueError, match=refused):
            method(part)
    with pytest.raises(ValueError, match="given={'a': 2.0}: row 0 lacks column 'b' but has column 'a'"):
        vae.sample(3, given={"a": 2.0})
    assert len(vae.sample(3, given={"length": 0.5}, random_state=0)) == 3


def test_totals_of_a_multinomial_are_those_of_rows_that_have_its_cells():
    X = documents()
    X.loc[:99, list("abcd")] = np.nan
    vae = VAETransformer(2, likelihood=dict.fromkeys("abcd", "multinomial"), max_iter=3, random_state=0).fit(X)
    drawn = vae.sample(2000, random_state=0, with_missing=False)[list("abcd")].sum(axis=1)
    seen = X.loc[100:, list("abcd")].sum(axis=1)
    assert set(drawn) <= set(seen)
    assert drawn.value_counts(normalize=True).max() == pytest.approx(seen.value_counts(normalize=True).max(), abs=0.05)


@pytest.mark.parametrize("library", ["pandas", "polars"])
def test_a_frame_without_rows_or_columns_is_an_error_that_says_so(library):
    table = pd.DataFrame({"size": np.arange(40.0), "kind": ["a", "b"] * 20, "day": pd.Timestamp("2020-01-01")})
    table = pl.from_pandas(table) if library == "polars" else table
    vae = VAETransformer(1, hidden_layer_sizes=(4,), max_iter=1).fit(table)
    for few, part in ((table[:0], vae.transform), (table[:0], VAETransformer().fit), (table[:1], VAETransformer().fit)):
        with pytest.raises(ValueError, match=rf"Found array with {len(few)} sample.*shape=\({len(few)}, 3\)"):
            part(few)
    with pytest.raises(ValueError, match=r"0 feature.*shape=\(40, 0\)" if library == "pandas" else "0 sample"):
        VAETransformer().fit(table[[]])


@pytest.mark.parametrize("size", [5e-324, 1e-322, 1e-310])
def test_draws_of_subnormal_numbers_are_numbers_between_those_of_training_rows(size):
    table = size * np.random.RandomState(0).randint(-50, 50, size=(25, 1))
    fitted = VAETransformer(hidden_layer_sizes=(8,), max_iter=2, random_state=0).fit(table)
    drawn = fitted.sample(200, random_state=0)
    assert (drawn >= table.min(axis=0)).all()
    assert (drawn <= table.max(axis=0)).all()
    holed = np.where(np.arange(25)[:, None] % 3, table, np.nan)
    assert all(np.isfinite(each).all() for each in fitted.impute(holed, n_imputations=2))
