"""Sparse tables: the same model as of the dense table, made dense a batch at a time."""

import numpy as np
import pandas as pd
import pytest
from counting import bytes_at_most, bytes_of_tensors
from scipy import sparse
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MaxAbsScaler

from skvae import AutoencoderTransformer, VAETransformer
from skvae.nn import training

ESTIMATORS = pytest.mark.parametrize("Estimator", [VAETransformer, AutoencoderTransformer])
SMALL = {"n_components": 2, "hidden_layer_sizes": (8,), "random_state": 0, "max_iter": 2}
LIKELIHOODS = ["poisson", "negative_binomial", "multinomial", "gaussian", "isotropic_gaussian", "inflated_gaussian"]


@pytest.fixture
def counts():
    """Counts, most of them zero (300, 9)."""
    rng = np.random.RandomState(0)
    return rng.poisson(0.5 * rng.gamma(1.0, size=(300, 1)) * rng.gamma(1.0, size=9)).astype(float)


@ESTIMATORS
@pytest.mark.parametrize("likelihood", LIKELIHOODS)
def test_a_sparse_table_gives_the_bits_of_the_dense_one(counts, Estimator, likelihood):
    dense = Estimator(**SMALL, likelihood=likelihood).fit(counts)
    fitted = Estimator(**SMALL, likelihood=likelihood).fit(sparse.csr_array(counts))
    for name in ("transform", "score_samples", "score_features"):
        expected, found = getattr(dense, name)(counts), getattr(fitted, name)(sparse.csr_array(counts))
        np.testing.assert_array_equal(found, expected)
    assert fitted.score(sparse.csr_array(counts)) == dense.score(counts)


@ESTIMATORS
@pytest.mark.parametrize("batch_size", [16, 1000])
def test_weights_streams_and_validation_rows_are_those_of_the_dense_table(counts, Estimator, batch_size):
    weight = np.arange(300) % 3
    fitted = []
    for as_table in (np.asarray, sparse.csc_matrix):
        estimator = Estimator(**SMALL, likelihood="poisson", batch_size=batch_size)
        estimator.fit(as_table(counts), sample_weight=weight, X_val=as_table(counts[:50]))
        fitted.append(estimator.partial_fit(as_table(counts[:100])).transform(counts))
    np.testing.assert_array_equal(*fitted)


@pytest.mark.parametrize("container", [sparse.csr_matrix, sparse.csc_array, sparse.coo_array, sparse.lil_array])
@pytest.mark.parametrize("dtype", [np.float64, np.float32, np.int32])
def test_every_sparse_container_is_taken(counts, container, dtype):
    X = container(counts.astype(dtype))
    fitted = VAETransformer(**SMALL).fit(X)
    assert fitted.transform(X).dtype == (np.float32 if dtype is np.float32 else np.float64)
    np.testing.assert_allclose(fitted.transform(X), fitted.transform(counts), rtol=1e-4, atol=1e-5)
    assert type(fitted.sample(3)) is np.ndarray
    assert type(fitted.inverse_transform(np.zeros((2, 2)))) is np.ndarray


def test_auto_follows_what_the_cells_are(counts):
    def chosen(X, **params):
        return set(VAETransformer(**{**SMALL, **params}).fit(X).column_likelihoods_.likelihood)

    assert chosen(sparse.csr_array(counts)) == {"poisson"}
    assert chosen(sparse.csr_array(counts > 0)) == {"bernoulli"}
    assert chosen(sparse.csr_array(0.5 * counts)) == {"gaussian"}
    assert chosen(sparse.csr_array(-counts)) == {"gaussian"}
    assert chosen(sparse.csr_array(counts), likelihood="multinomial") == {"multinomial"}


WORDS = 100
"""Columns from which on counts are words."""


def words(n_rows=60, n_columns=WORDS):
    """Counts of words of documents, each of which has most words from one of three topics."""
    rng = np.random.RandomState(0)
    topics = rng.dirichlet(np.full(n_columns, 0.1), size=3)
    lengths, topic = rng.randint(5, 60, size=n_rows), rng.randint(3, size=n_rows)
    return np.stack([rng.multinomial(n, topics[k]) for n, k in zip(lengths, topic, strict=True)]).astype(float)


def taken(estimator, X):
    """Likelihoods of a fitted estimator, and what it hides in training."""
    fitted = estimator.fit(X)
    return set(fitted.column_likelihoods_.likelihood), fitted._model.options.corruption


@pytest.mark.parametrize(("Estimator", "of_few"), [(VAETransformer, "poisson"), (AutoencoderTransformer, "gaussian")])
def test_many_columns_of_counts_are_words_half_of_which_are_hidden(Estimator, of_few):
    many, few, hidden = words(), words()[:, 1:], ("masking", {"share": 0.5, "emphasis": 1.0})
    assert taken(Estimator(**SMALL), sparse.csr_array(many)) == ({"multinomial"}, hidden)
    assert taken(Estimator(**SMALL, likelihood="multinomial"), many) == ({"multinomial"}, hidden)
    assert taken(Estimator(**SMALL, corruption=None), sparse.csr_array(many)) == ({"multinomial"}, None)
    assert taken(Estimator(**SMALL), sparse.csr_array(few)) == ({of_few}, None)
    assert taken(Estimator(**SMALL, likelihood="multinomial"), few) == ({"multinomial"}, None)
    assert taken(Estimator(**SMALL), sparse.csr_array(0.5 * many))[1] is None
    assert taken(Estimator(**SMALL, likelihood="poisson"), many) == ({"poisson"}, None)


def test_a_stream_of_words_goes_on_hiding_them():
    X = sparse.csr_array(words())
    fitted = VAETransformer(**SMALL).partial_fit(X[:30])
    fitted.partial_fit(sparse.csr_array(np.minimum(words()[30:], 1.0)))
    assert set(fitted.column_likelihoods_.likelihood) == {"multinomial"}
    assert fitted._model.options.corruption == ("masking", {"share": 0.5, "emphasis": 1.0})


def test_a_stream_keeps_what_auto_took_for_its_first_batch(counts):
    fitted = VAETransformer(**SMALL).partial_fit(sparse.csr_array(counts))
    fitted.partial_fit(sparse.csr_array(np.minimum(counts, 1)))
    assert set(fitted.column_likelihoods_.likelihood) == {"poisson"}


def test_cells_that_are_stored_twice_count_once_as_their_sum():
    one = sparse.csr_array(np.eye(30, 4))
    places = np.tile((one.tocoo().row, one.tocoo().col), 2)
    twice = sparse.csr_array((np.r_[0.5 * one.data, 0.5 * one.data], places), shape=one.shape)
    assert set(VAETransformer(**SMALL).fit(twice).column_likelihoods_.likelihood) == {"bernoulli"}
    np.testing.assert_array_equal(
        VAETransformer(**SMALL).fit(twice).transform(one), VAETransformer(**SMALL).fit(one).transform(one)
    )


def test_imputing_a_sparse_table_copies_it(counts):
    X = sparse.csr_array(counts)
    fitted = VAETransformer(**SMALL).fit(X)
    filled = fitted.impute(X)
    assert filled is not X
    assert (filled != X).nnz == 0
    assert len(fitted.impute(X, n_imputations=3)) == 3


def test_a_model_of_a_dense_table_takes_sparse_rows(counts):
    for params in ({}, {"categorical_features": [0]}):
        fitted = VAETransformer(**SMALL, **params).fit(counts)
        np.testing.assert_array_equal(fitted.transform(sparse.csr_array(counts)), fitted.transform(counts))


def test_a_pipeline_hands_sparse_rows_on(counts):
    X = sparse.csr_matrix(counts)
    assert make_pipeline(MaxAbsScaler(), VAETransformer(**SMALL, likelihood="bernoulli")).fit_transform(X).shape == (
        300,
        2,
    )


def test_errors_of_sparse_tables_say_what_to_do(counts):
    X = sparse.csr_array(counts)
    with pytest.raises(ValueError, match="categorical_features=.* X is sparse"):
        VAETransformer(**SMALL, categorical_features=[0]).fit(X)
    holes = X.copy()
    holes.data[0] = np.nan
    with pytest.raises(ValueError, match="NaN"):
        VAETransformer(**SMALL).fit(holes)
    with pytest.raises(ValueError, match="column 2, row 1 holds -1"):
        VAETransformer(**SMALL, likelihood="poisson").fit(sparse.csr_array(([-1.0], ([1], [2])), shape=(9, 9)))
    with pytest.raises(ValueError, match="8 features"):
        VAETransformer(**SMALL).fit(X).transform(X[:, :8])


WIDE = {**SMALL, "likelihood": "gaussian", "max_iter": 1, "n_importance_samples": 4}


def wide(n_rows, n_columns):
    """A table of ones, one in fifteen hundred cells."""
    places = np.random.RandomState(0).randint([[n_rows], [n_columns]], size=(2, n_rows * n_columns // 1500))
    return sparse.csr_array((np.ones(places.shape[1]), places), shape=(n_rows, n_columns))


def test_a_wide_sparse_table_is_made_dense_a_piece_at_a_time(monkeypatch):
    cells, toarray = [], sparse.csr_array.toarray

    def noted(table, *args, **options):
        cells.append(np.prod(table.shape))
        return toarray(table, *args, **options)

    X = wide(6000, 1000)
    monkeypatch.setattr(sparse.csr_array, "toarray", noted)
    VAETransformer(**WIDE).fit(X)
    assert sum(cells) >= X.shape[0] * X.shape[1]  # all of it was
    assert max(cells) < 0.5 * X.shape[0] * X.shape[1]


def bytes_of_a_fit(estimator, X, monkeypatch):
    """What arrays take at most, and what tensors take at most where an epoch begins, each in a fit of its own."""
    arrays = bytes_at_most(estimator.fit, X)
    tensors, true_epoch = [bytes_of_tensors()], training.train_epoch

    def noted(*args):
        tensors.append(bytes_of_tensors())
        return true_epoch(*args)

    monkeypatch.setattr(training, "train_epoch", noted)
    estimator.fit(X)
    return arrays + max(tensors) - tensors[0]


@pytest.mark.slow
def test_a_wide_sparse_table_never_is_dense_as_a_whole(monkeypatch):
    X = wide(5000, 12_000)
    VAETransformer(**WIDE).fit(X[:300, :50]).transform(X[:300, :50])
    assert bytes_of_a_fit(VAETransformer(**WIDE), X, monkeypatch) < 0.6 * 5000 * 12_000 * 8


def test_a_long_frame_takes_at_most_three_times_its_float32_size(monkeypatch):
    rng, levels, n_rows = np.random.RandomState(0), np.array(list("abcd"), dtype=object), 200_000
    numbers = {f"r{j}": rng.normal(size=n_rows) for j in range(10)} | {
        f"i{j}": rng.poisson(3, n_rows) for j in range(4)
    }
    X = pd.DataFrame(numbers | {f"c{j}": levels[rng.randint(4, size=n_rows)] for j in range(6)})
    estimator = VAETransformer(**{**SMALL, "max_iter": 1}, batch_size=1024)
    estimator.fit(X[:3000])
    assert bytes_of_a_fit(estimator, X, monkeypatch) < 3 * n_rows * 20 * 4
