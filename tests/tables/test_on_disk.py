"""Arrays in files that are larger than memory: read as needed, with the answers of an array in memory."""

import numpy as np
import pytest
from sklearn.exceptions import NotFittedError

from skvae import AutoencoderOutlierDetector, AutoencoderTransformer, VAETransformer
from skvae._tables import on_disk
from skvae._tables.on_disk import FileRows, shuffled_by_blocks

SHORT = {"hidden_layer_sizes": (8,), "max_iter": 3, "random_state": 0, "device": "cpu"}
DTYPES = ["float32", "float64", "float16", "int16", "bool"]


@pytest.fixture
def small_files(monkeypatch):
    """Every memory-mapped array counts as large."""
    monkeypatch.setattr(on_disk, "LEAST_CELLS", 1)


def in_file(array, path, offset=0):
    """A memory-mapped array that holds these cells."""
    mapped = np.memmap(path, array.dtype, "w+", offset, array.shape)
    mapped[:] = array
    mapped.flush()
    return np.memmap(path, array.dtype, "r", offset, array.shape)


def table(n_rows=600, dtype="float32", holes=False):
    """Rows of five columns that depend on one another."""
    rng = np.random.RandomState(0)
    X = 3.0 + rng.normal(size=(n_rows, 2)) @ rng.normal(size=(2, 5)) + 0.3 * rng.normal(size=(n_rows, 5))
    if holes:
        X[rng.uniform(size=X.shape) < 0.1] = np.nan
    return (X > 3.0 if dtype == "bool" else X).astype(dtype)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("offset", [0, 64])
def test_rows_of_a_file_are_those_of_the_array(tmp_path, small_files, dtype, offset):
    X = table(50, dtype)
    file = FileRows.of(in_file(X, tmp_path / "table", offset))
    assert file.shape == X.shape
    assert file.dtype == (np.float32 if dtype in ("float32", "float16") else np.float64)
    for rows in (slice(None), slice(3, 30, 4), np.array([5, 2, 2, 49]), np.arange(50) % 3 == 0):
        np.testing.assert_array_equal(file[rows], X[rows])
        np.testing.assert_array_equal(file.of_rows(rows)[:], X[rows])
        np.testing.assert_array_equal(file.of_rows(rows).of_rows(slice(1, 3))[:], X[rows][1:3])
    np.testing.assert_array_equal(file.of_columns([3, 1])[4:7], X[4:7][:, [3, 1]])
    np.testing.assert_array_equal(file.of_columns([3, 1]).of_rows([9, 8]).of_columns([1])[:], X[[9, 8]][:, [1]])
    np.testing.assert_array_equal(np.array(list(file.T)), X.T)


def test_columns_of_a_file_are_read_few_at_a_time(tmp_path, small_files, monkeypatch):
    X = table(50)
    monkeypatch.setattr(on_disk, "CELLS_OF_COLUMNS", 100)
    np.testing.assert_array_equal(np.array(list(FileRows.of(in_file(X, tmp_path / "table")).T)), X.T)


def test_what_is_small_or_no_file_in_c_order_is_an_array_like_others(tmp_path, monkeypatch):
    mapped = in_file(table(), tmp_path / "table")
    assert FileRows.of(mapped) is None
    monkeypatch.setattr(on_disk, "LEAST_CELLS", 1)
    assert FileRows.of(mapped) is not None
    for other in (mapped[::-1], mapped[:, 1:], mapped[[3, 4]], np.asarray(mapped), mapped.T, mapped[0]):
        assert FileRows.of(other) is None


@pytest.mark.parametrize("n_rows", [1, 5, 4096, 4097, 10_000, 600_000])
def test_blocks_are_shuffled_a_few_together(n_rows):
    order = shuffled_by_blocks(n_rows, 30, np.random.RandomState(0))
    np.testing.assert_array_equal(np.sort(order), np.arange(n_rows))
    if n_rows > 100_000:
        blocks = {len(np.unique(order[i : i + 1000] // on_disk.BLOCK)) for i in range(0, n_rows - 1000, 1000)}
        assert on_disk.BLOCKS_TOGETHER - 8 < min(blocks) <= max(blocks) <= 3 * on_disk.BLOCKS_TOGETHER
        assert (np.diff(order) != 1).mean() > 0.99


@pytest.mark.parametrize("estimator", [AutoencoderTransformer, VAETransformer])
@pytest.mark.parametrize("holes", [False, True])
def test_a_fit_from_a_file_is_a_fit(tmp_path, small_files, estimator, holes):
    X = table(holes=holes)
    mapped = in_file(X, tmp_path / "table")
    ours, other = (estimator(2, **SHORT | {"max_iter": 40}).fit(each) for each in (mapped, X))
    assert ours.score(X) == pytest.approx(other.score(X), abs=0.3)
    assert ours.transform(mapped).dtype == np.float32
    np.testing.assert_array_equal(ours.transform(mapped), ours.transform(X))
    np.testing.assert_array_equal(ours.score_samples(mapped), ours.score_samples(X))
    np.testing.assert_array_equal(ours.impute(mapped), ours.impute(X))


def test_rows_are_shuffled_anew_in_every_epoch_and_all_are_seen(tmp_path, small_files, monkeypatch):
    mapped, seen = in_file(table(), tmp_path / "table"), []
    monkeypatch.setattr(on_disk, "BLOCK", 16)

    def shuffled(n_rows, n_columns, rng):
        seen.append(shuffled_by_blocks(n_rows, n_columns, rng))
        return seen[-1]

    monkeypatch.setattr("skvae._engine.tensors.shuffled_by_blocks", shuffled)
    VAETransformer(2, **SHORT).fit(mapped)
    assert len(seen) == 3
    assert not np.array_equal(seen[0], seen[1])


def test_the_same_seed_gives_the_same_model(tmp_path, small_files):
    mapped = in_file(table(), tmp_path / "table")
    one, two = (VAETransformer(2, **SHORT).fit(mapped).score_samples(mapped) for _ in range(2))
    np.testing.assert_array_equal(one, two)


def test_weights_count_in_a_file_too(tmp_path, small_files):
    X, weight = table(), np.arange(600) % 3
    mapped = in_file(X, tmp_path / "table")
    ours, other = (VAETransformer(2, **SHORT).fit(each, sample_weight=weight) for each in (mapped, X))
    assert ours.score(X) == pytest.approx(other.score(X), abs=1.0)


def test_a_cell_without_bounds_is_named_by_its_row(tmp_path, small_files, monkeypatch):
    X = table(300)
    X[270, 3] = np.inf
    mapped = in_file(X, tmp_path / "table")
    monkeypatch.setattr("skvae._tables.matrix.CHUNK", 128)
    with pytest.raises(ValueError, match=r"X contains infinity.*270"):
        VAETransformer(2, **SHORT).fit(mapped)
    with pytest.raises(NotFittedError):
        VAETransformer(2, **SHORT).transform(mapped)


def test_another_number_of_columns_is_an_error(tmp_path, small_files):
    model = VAETransformer(2, **SHORT).fit(table())
    with pytest.raises(ValueError, match="X has 4 features, but VAETransformer is expecting 5 features"):
        model.transform(in_file(table()[:, :4].copy(), tmp_path / "table"))


def test_a_detector_judges_rows_of_a_file(tmp_path, small_files):
    X = table()
    detector = AutoencoderOutlierDetector(VAETransformer(2, **SHORT), random_state=0).fit(X)
    mapped = in_file(X, tmp_path / "table")
    np.testing.assert_array_equal(detector.score_samples(mapped), detector.score_samples(X))
    np.testing.assert_array_equal(detector.fit(mapped).predict(X).shape, (600,))


def test_a_file_that_became_shorter_is_an_error(tmp_path, small_files):
    mapped = in_file(table(), tmp_path / "table")
    model = VAETransformer(2, **SHORT).fit(table())
    file = FileRows.of(mapped)
    with open(tmp_path / "table", "r+b") as opened:
        opened.truncate(1000)
    with pytest.raises(ValueError, match="table has become shorter than the array"):
        file[:]
    with pytest.raises(ValueError, match="table has become shorter than the array"):
        model.transform(mapped)


@pytest.mark.parametrize("n_columns", [1, 30, 784, 20_000])
def test_what_is_shuffled_together_is_little_and_of_many_blocks(n_columns):
    order = shuffled_by_blocks(300_000, n_columns, np.random.RandomState(0))
    together = on_disk.rows_together(n_columns)
    assert together * n_columns <= max(on_disk.CELLS_SHUFFLED, 512 * n_columns)
    first = order[: min(together, 300_000) // 2]
    assert len(np.unique(first // min(together // on_disk.BLOCKS_TOGETHER, on_disk.BLOCK))) > 20
    assert len(order) == 300_000


def test_a_window_of_a_file_is_read_once_an_epoch(tmp_path, small_files, monkeypatch):
    X = np.random.RandomState(0).normal(size=(60_000, 5)).astype(np.float32)
    mapped, cells = in_file(X, tmp_path / "table"), []
    read = FileRows._read

    def counted(self, file, start, stop):
        cells.append((stop - start) * 5)
        return read(self, file, start, stop)

    monkeypatch.setattr(FileRows, "_read", counted)
    monkeypatch.setattr(on_disk, "CELLS_SHUFFLED", 40_000)
    settings = {**SHORT, "early_stopping": False, "batch_size": 512, "network": "mlp", "likelihood": "gaussian"}
    counts = []
    for n_epochs in (1, 3):
        cells.clear()
        VAETransformer(2, **settings | {"max_iter": n_epochs}).fit(mapped)
        counts.append(sum(cells))
    assert (counts[1] - counts[0]) / 2 < 2.5 * X.size
