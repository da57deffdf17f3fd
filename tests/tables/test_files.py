"""Tables in files: what is learned of them is what is learned of them in memory, and faults are named."""

import errno
import gc
import os
import threading
from pathlib import Path

import numpy as np
import pandas as pd
import polars
import pyarrow
import pyarrow.parquet
import pytest
from pyarrow import dataset as datasets

from skvae import AutoencoderImputer, AutoencoderOutlierDetector, AutoencoderTransformer, VAETransformer
from skvae._tables import files, on_disk
from skvae._tables.files import learned_columns
from skvae._tables.frames import sources
from skvae._tables.frames.folders import Folder, remove
from skvae._tables.frames.sources import source_of
from skvae._tables.schema import Schema
from skvae._tables.weighted import WeightedRows
from skvae.io import METHODS, to_parquet

SHORT = {"hidden_layer_sizes": (8,), "max_iter": 2, "random_state": 0, "device": "cpu"}


@pytest.fixture
def large(monkeypatch):
    """Every table in files counts as large, and a chunk has 100 rows."""
    monkeypatch.setattr(files, "CELLS_IN_MEMORY", 0)
    monkeypatch.setattr(sources, "ROWS_A_CHUNK", 100)


def table(n_rows=450, seed=0):
    """Rows of columns of every kind, some cells missing."""
    rng = np.random.RandomState(seed)
    z = rng.normal(size=n_rows)
    X = pd.DataFrame(
        {
            "price": (20.0 + 3.0 * z).round(2),
            "count": rng.poisson(5, n_rows),
            "rooms": np.where(rng.uniform(size=n_rows) < 0.2, np.nan, rng.randint(1, 6, n_rows)),
            "city": rng.choice(["Bern", "Graz", "Ulm"], n_rows),
            "grade": pd.Categorical(rng.choice(["low", "high"], n_rows)),
            "new": z + rng.normal(size=n_rows) > 0,
            "day": pd.Timestamp("2024-01-01") + pd.to_timedelta(rng.randint(0, 300, n_rows), "D"),
            "single": (2.0 * z).astype(np.float32),
        }
    )
    X.loc[::9, "city"] = None
    return X


def written(X, folder, how):
    """A table in files, in one of the ways that users have them."""
    if how == "parquet":
        X.to_parquet(folder / "rows.parquet", row_group_size=70)
        return folder / "rows.parquet"
    if how == "paths":
        paths = [str(folder / f"{i}.parquet") for i in range(3)]
        for path, part in zip(paths, np.array_split(np.arange(len(X)), 3), strict=True):
            X.iloc[part].to_parquet(path)
        return paths
    if how == "folder":
        written(X, folder, "paths")
        return folder
    if how == "arrow":
        X.reset_index(drop=True).to_feather(folder / "rows.arrow")
        return str(folder / "rows.arrow")
    if how == "dataset":
        return datasets.dataset(written(X, folder, "parquet"))
    if how == "batch":
        return pyarrow.RecordBatch.from_pandas(X)
    if how == "Table":
        return pyarrow.Table.from_pandas(X)
    if how == "reader":
        return pyarrow.Table.from_pandas(X, preserve_index=False).to_reader(max_chunksize=60)
    if how == "chunks":
        return (X[start : start + 130] for start in range(0, len(X), 130))
    assert how == "lazy"
    return polars.from_pandas(X).lazy()


WAYS = ["parquet", "paths", "folder", "arrow", "dataset", "batch", "Table", "reader", "chunks", "lazy"]


@pytest.mark.parametrize("how", WAYS)
def test_what_is_learned_of_a_large_table_is_what_is_learned_in_memory(tmp_path, large, how):
    X, estimator = table(), VAETransformer()
    source = source_of(written(X, tmp_path, how), "VAETransformer")
    schema, matrix = learned_columns(source, estimator, False, False, lambda blocks: blocks)
    frame = X if how != "lazy" else polars.from_pandas(X)
    expected = Schema.of(frame, "from_dtype", "VAETransformer")
    assert source.shape == matrix.shape == X.shape
    assert schema == expected
    numbers = expected.encode(frame, "VAETransformer")
    np.testing.assert_array_equal(matrix[:], numbers)
    np.testing.assert_array_equal(np.array(list(matrix.T)), numbers.T)
    rows = np.array([3, 3, 449, 0])
    np.testing.assert_array_equal(matrix.of_rows(rows).of_columns([7, 0])[:], numbers[rows][:, [7, 0]])
    np.testing.assert_array_equal(np.array(list(matrix.of_rows(rows).of_columns([7, 0]).T)), numbers[rows][:, [7, 0]].T)


@pytest.mark.parametrize("how", WAYS)
@pytest.mark.parametrize("Estimator", [VAETransformer, AutoencoderTransformer])
def test_an_estimator_of_a_large_table_answers_as_it_does_in_memory(tmp_path, large, how, Estimator):
    X = table()
    model = Estimator(2, **SHORT).fit(written(X, tmp_path, how))
    rows = X if how != "lazy" else polars.from_pandas(X)
    again = model.score_samples(written(X, tmp_path, how))
    np.testing.assert_array_equal(model.score_samples(rows), again)
    np.testing.assert_array_equal(model.transform(rows), model.transform(written(X, tmp_path, how)))
    assert model.score(written(X, tmp_path, how)) == again.mean()
    assert type(model.sample(2, random_state=0)) is type(rows)
    assert model._schema.names == list(X.columns)


def test_a_small_table_is_read_at_once_and_gives_the_model_of_the_frame(tmp_path):
    X = table()
    in_memory = VAETransformer(2, **SHORT).fit(X)
    for how in ("parquet", "chunks"):
        np.testing.assert_array_equal(
            VAETransformer(2, **SHORT).fit(written(X, tmp_path, how)).transform(X), in_memory.transform(X)
        )


def test_texts_between_commas_are_read_as_pandas_reads_them(tmp_path, large):
    X = table().drop(columns="day")
    X.to_csv(tmp_path / "rows.csv", index=False)
    X.to_csv(tmp_path / "rows.tsv.gz", index=False, sep="\t")
    models = [VAETransformer(2, **SHORT).fit(tmp_path / name) for name in ("rows.csv", "rows.tsv.gz")]
    frame = pd.read_csv(tmp_path / "rows.csv")
    np.testing.assert_array_equal(*(model.score_samples(frame) for model in models))
    expected = Schema.of(frame, "from_dtype", "VAETransformer")
    assert models[0]._schema.frame == expected.frame
    assert {j: type(column) for j, column in models[0]._schema.columns.items()} == {
        j: type(column) for j, column in expected.columns.items()
    }


def test_weights_of_rows_in_files_are_those_of_rows_in_memory(tmp_path, large):
    X, weight = table(), np.arange(450) % 3
    absent = X.copy()
    absent.loc[weight == 0, "city"] = "Oslo"
    one = VAETransformer(2, **SHORT).fit(written(X, tmp_path, "parquet"), sample_weight=weight)
    two = VAETransformer(2, **SHORT).fit(written(absent, tmp_path, "parquet"), sample_weight=weight)
    np.testing.assert_array_equal(one.score_samples(X), two.score_samples(X))
    assert not np.array_equal(
        VAETransformer(2, **SHORT).fit(written(X, tmp_path, "parquet")).transform(X), one.transform(X)
    )
    alone = VAETransformer(1, **SHORT).fit(written(X, tmp_path, "parquet"), sample_weight=np.arange(450) == 7)
    assert np.isfinite(alone.score(X[7:8]))


def test_rows_validate_whatever_their_order():
    rng = np.random.RandomState(0)
    X = rng.normal(size=(500, 3))
    prints = rng.randint(2**62, size=500).astype(np.uint64)
    order = rng.permutation(500)
    rows = WeightedRows(X, None, 500.0, prints=prints)
    moved = WeightedRows(X[order], None, 500.0, prints=prints[order])
    chosen = [{tuple(row) for row in each.X[each.split(0.2, 3)[1].index]} for each in (rows, moved)]
    assert chosen[0] == chosen[1]
    assert len(chosen[0]) == 100
    assert chosen[0] != {tuple(row) for row in X[rows.split(0.2, 4)[1].index]}
    weight = np.where(np.arange(500) % 2, 3.0, 1.0)
    parts = [replaced(each, w).split(0.2, 3) for each, w in ((rows, weight), (moved, weight[order]))]
    assert parts[0][1].n_counted == parts[1][1].n_counted == pytest.approx(200)
    assert {tuple(r) for r in X[parts[0][1].index]} == {tuple(r) for r in X[order][parts[1][1].index]}


def replaced(rows, weight):
    return WeightedRows(rows.X, weight / weight.mean(), weight.sum(), prints=rows.prints)


def test_a_detector_and_an_imputer_take_files(tmp_path, large):
    X = table()
    X.loc[5, "price"] = 2000.0
    path = written(X, tmp_path, "parquet")
    detector = AutoencoderOutlierDetector(random_state=0).fit(path)
    np.testing.assert_array_equal(detector.score_samples(path), detector.score_samples(X))
    assert detector.predict(path)[5] == -1
    pd.testing.assert_frame_equal(detector.explain(path), detector.explain(X))
    assert detector.explain(path).loc[(5, 0), "column"] == "price"
    again = detector.partial_fit(path)
    assert np.isfinite(again.score_samples(path)).all()
    imputer = AutoencoderImputer(VAETransformer(2, **SHORT)).fit(path)
    pd.testing.assert_frame_equal(imputer.transform(path), imputer.transform(X))
    assert imputer.transform(path).notna().all(axis=None)
    foreign = AutoencoderOutlierDetector(Scores()).fit(path)
    np.testing.assert_array_equal(foreign.score_samples(path), X["price"])


class Scores:
    """An estimator of others: rows are as usual as they are dear."""

    def get_params(self, deep=True):
        return {}

    def fit(self, X, y=None):
        return self

    def score_samples(self, X):
        return X["price"].to_numpy()


def test_more_files_are_learned_from_where_a_model_goes_on(tmp_path, large):
    X = table()
    model = VAETransformer(2, **SHORT, warm_start=True).fit(written(X, tmp_path, "parquet"))
    before = model.transform(X)
    assert model.fit(written(X, tmp_path, "parquet")).n_iter_ == 4
    assert not np.array_equal(model.transform(X), before)
    later = table(seed=1)
    later.loc[17, "city"] = "Oslo"
    with pytest.warns(UserWarning, match="column 'city' holds 1 cells of levels .* such as 'Oslo' in row 17"):
        model.partial_fit(written(later, tmp_path, "parquet"))


def test_answers_are_written_beside_the_columns(tmp_path, large):
    X = table()
    path, out = written(X, tmp_path, "parquet"), tmp_path / "out.parquet"
    model = VAETransformer(2, **SHORT).fit(path)
    assert to_parquet(model, path, out, ["transform", "score_samples", "score_features"]) == len(X)
    found = pd.read_parquet(out)
    pd.testing.assert_frame_equal(found[X.columns], pd.read_parquet(path))
    np.testing.assert_array_equal(found["score_samples"], model.score_samples(X))
    np.testing.assert_array_equal(found[model.get_feature_names_out()], model.transform(X))
    np.testing.assert_array_equal(found["share of city"], model.score_features(X)["city"])
    to_parquet(model, path, out, "impute")
    pd.testing.assert_frame_equal(pd.read_parquet(out), model.impute(X), check_dtype=False)
    detector = AutoencoderOutlierDetector(model).fit(path)
    answers = ["predict", "decision_function", "outlier_probability", "explain"]
    to_parquet(detector, str(path), str(out), answers)
    found = pd.read_parquet(out)
    for name in answers[:3]:
        np.testing.assert_array_equal(found[name], getattr(detector, name)(X))
    explained = detector.explain(X)
    np.testing.assert_array_equal(found["reason 1"], explained.xs(1, level="rank")["column"])
    np.testing.assert_array_equal(found["reason 0 share"], explained.xs(0, level="rank")["share"])
    assert {*answers, "transform", "score_samples", "score_features", "impute"} == set(METHODS)
    imputer = AutoencoderImputer(model).fit(path)
    to_parquet(imputer, path, out, "transform")
    assert pd.read_parquet(out)["rooms"].notna().all()


def test_a_file_that_is_not_finished_leaves_what_was_there(tmp_path, large, monkeypatch):
    X = table()
    path, out = written(X, tmp_path, "parquet"), tmp_path / "out.parquet"
    model = VAETransformer(2, **SHORT).fit(path)
    out.write_text("before")
    calls = iter([None, None, ValueError("in the third chunk")])

    def score_samples(frame):
        if (error := next(calls)) is not None:
            raise error
        return np.zeros(len(frame))

    monkeypatch.setattr(model, "score_samples", score_samples)
    with pytest.raises(ValueError, match="third chunk"):
        to_parquet(model, path, out)
    assert out.read_text() == "before"
    assert sorted(p.name for p in tmp_path.iterdir()) == ["out.parquet", "rows.parquet"]


@pytest.mark.parametrize(
    ("methods", "match"),
    [
        ("scores", "names 'scores', but known are score_samples, "),
        ("predict", "names 'predict', which a VAETransformer has not"),
        (["score_samples", "score_samples"], "column 'score_samples' is in X already, and what score_samples says"),
    ],
)
def test_answers_that_cannot_be_given_are_named(tmp_path, methods, match):
    path = written(table(), tmp_path, "parquet")
    model = VAETransformer(2, **SHORT).fit(path)
    with pytest.raises(ValueError, match=match):
        to_parquet(model, path, tmp_path / "out.parquet", methods)
    with pytest.raises(ValueError, match="X is a DataFrame, but to_parquet takes files"):
        to_parquet(model, table(), tmp_path / "out.parquet")
    assert not (tmp_path / "out.parquet").exists()


def fit(X, **params):
    return VAETransformer(2, **SHORT, **params).fit(X)


def test_files_that_are_not_there_or_not_known_are_named(tmp_path):
    with pytest.raises(FileNotFoundError, match="X='rows.parquet': there is no such file; VAETransformer takes rows"):
        fit("rows.parquet")
    (tmp_path / "rows.xlsx").touch()
    with pytest.raises(ValueError, match="rows.xlsx': what it holds cannot be told from its name; known are .parquet"):
        fit(tmp_path / "rows.xlsx")
    table().to_parquet(tmp_path / "a.parquet")
    table().to_csv(tmp_path / "b.csv")
    with pytest.raises(ValueError, match="several kinds, 'a.parquet' and 'b.csv'; pass one kind"):
        fit([tmp_path / "a.parquet", tmp_path / "b.csv"])


@pytest.mark.parametrize("ending", [".parquet", ".arrow"])
@pytest.mark.parametrize("kept", [0.0, 0.5, 0.98])
def test_a_file_that_is_cut_short_is_an_error_of_a_value(tmp_path, large, ending, kept):
    path = Path(written(table(), tmp_path, ending[1:]))
    whole = path.read_bytes()
    path.write_bytes(whole[: int(kept * len(whole))])
    with pytest.raises(ValueError, match="X cannot be read"):
        fit(path)


def test_bytes_that_were_changed_in_a_file_are_no_crash(tmp_path, large):
    path = written(table(), tmp_path, "parquet")
    whole = bytearray(path.read_bytes())
    whole[40:400] = bytes(360)
    path.write_bytes(whole)
    with pytest.raises(ValueError, match="X cannot be read"):
        fit(path)


def test_parts_of_other_columns_or_kinds_are_named(tmp_path, large):
    X = table()
    for name, part in {"a": X, "b": X.drop(columns="city"), "c": X.assign(count="many")}.items():
        part.to_parquet(tmp_path / f"{name}.parquet")
    with pytest.raises(ValueError, match=r"b.parquet has other columns than .*a.parquet: it lacks \['city'\]"):
        fit([tmp_path / "a.parquet", tmp_path / "b.parquet"])
    with pytest.raises(ValueError, match="column 'count' is int64 in one part of X and .*string in another"):
        fit([tmp_path / "a.parquet", tmp_path / "c.parquet"])
    with pytest.raises(ValueError, match=r"chunk 1 has other columns than chunk 0: it has \['street'\]"):
        fit(iter([X, X.assign(street="Gasse")]))
    with pytest.raises(ValueError, match="chunk 1 has other columns than chunk 0: they are in another order"):
        fit(iter([X, X[X.columns[::-1]]]))
    with pytest.raises(ValueError, match="column 'new' is bool in one part of X and .*string in another"):
        fit(iter([X, X.assign(new="yes")]))


def test_parts_whose_dtypes_differ_by_holes_or_digits_are_one_table(large):
    X = table()
    parts = [
        X[:200].astype({"count": "int32"}),
        X[200:].assign(count=np.nan),
        X[:50].astype({"single": float}),
    ]
    model = fit(iter(parts))
    whole = pd.concat(parts)
    assert model._schema.frame.dtypes == Schema.of(whole, "from_dtype", "VAETransformer").frame.dtypes
    assert np.isfinite(model.score(whole))


def test_columns_may_be_in_the_names_of_folders(tmp_path, large):
    pyarrow.parquet.write_to_dataset(pyarrow.Table.from_pandas(table()[["price", "new"]]), tmp_path, ["new"])
    model = fit(tmp_path)
    assert list(model.feature_names_in_) == ["price", "new"]
    assert model.sample(50, random_state=0)["new"].nunique() == 2


def test_no_rows_are_the_error_of_no_rows(tmp_path, large, monkeypatch):
    (tmp_path / "empty").mkdir()
    with pytest.raises(ValueError, match="X names no file that holds rows; VAETransformer takes folders"):
        fit(tmp_path / "empty")
    model = fit(written(table(), tmp_path, "parquet"))
    table()[:0].to_parquet(tmp_path / "none.parquet")
    for cells in (0, -1):
        monkeypatch.setattr(files, "CELLS_IN_MEMORY", cells)
        for method in (fit, model.score_samples):
            with pytest.raises(ValueError, match="Found array with 0 sample"):
                method(tmp_path / "none.parquet")


def test_iterators_that_give_no_frames_are_named():
    with pytest.raises(ValueError, match="X gives no chunk at all"):
        fit(iter([]))
    with pytest.raises(
        ValueError, match="chunk 0 of X is .*, a ndarray, but VAETransformer takes chunks that are frames"
    ):
        fit(iter([np.zeros((5, 2))]))
    with pytest.raises(ValueError, match="chunk 1 of X cannot be kept: .*column price"):
        fit(iter([table()[["price"]], pd.DataFrame({"price": [object(), 1.0]})]))


def test_a_file_that_changes_while_it_is_read_is_named(tmp_path, large):
    path = written(table(), tmp_path, "parquet")
    source = source_of(path, "VAETransformer")
    os.utime(path, ns=(1, 1))
    for read in (source.all, lambda: source.column(0), lambda: list(source.chunks())):
        with pytest.raises(ValueError, match=r"rows.parquet has changed while it was read"):
            read()


def test_a_cell_that_cannot_be_used_is_named_with_its_row(tmp_path, large):
    X = table()
    X.loc[333, "price"] = np.inf
    with pytest.raises(ValueError, match="column 'price', row 333 holds inf"):
        fit(written(X, tmp_path, "parquet"))
    model = fit(written(table(), tmp_path, "parquet"))
    with pytest.raises(ValueError, match="column 'price', row 333 holds inf"):
        model.score_samples(written(X, tmp_path, "parquet"))
    with pytest.raises(ValueError, match=r"missing:\n- city"):
        model.score_samples(written(table().drop(columns="city"), tmp_path, "parquet"))


def test_a_full_disk_says_where_there_may_be_room(tmp_path, large, monkeypatch):
    path = written(table(), tmp_path, "parquet")
    (tmp_path / "temporary").mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "temporary"))

    def full(*args, **kwargs):
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(on_disk, "written_to", full)
        with pytest.raises(OSError, match="the disk is full.*TMPDIR") as caught:
            fit(path)
        assert caught.value.errno == errno.ENOSPC
    del caught
    gc.collect()
    assert not list((tmp_path / "temporary").iterdir())


def test_nothing_is_left_in_the_folder_of_temporary_files(tmp_path, large, monkeypatch):
    (tmp_path / "temporary").mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "temporary"))
    for how in ("parquet", "chunks", "lazy"):
        model = fit(written(table(), tmp_path, how))
        model.score_samples(written(table(), tmp_path, how))
        del model
        gc.collect()
        assert not list((tmp_path / "temporary").iterdir())


def test_a_folder_is_removed_by_the_process_that_made_it(tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    folder = Folder()
    remove(folder.path, os.getpid() + 1)
    assert folder.path.exists()
    remove(folder.path, os.getpid())
    assert not folder.path.exists()


def test_without_pyarrow_it_is_said_what_to_install(tmp_path, monkeypatch):
    path = written(table(), tmp_path, "parquet")
    monkeypatch.setitem(__import__("sys").modules, "pyarrow.dataset", None)
    with pytest.raises(ImportError, match=r"need pyarrow, which is missing: pip install 'skvae\[files\]'"):
        fit(path)


@pytest.mark.slow
def test_memory_does_not_grow_with_the_table(tmp_path, monkeypatch):
    """A frame of 3,000,000 x 12 numbers takes 288 MB, and a fit of it several times as much."""
    rng = np.random.RandomState(0)
    for part in range(6):
        pd.DataFrame(rng.normal(size=(500_000, 12)), columns=list("abcdefghijkl")).to_parquet(
            tmp_path / f"{part}.parquet"
        )

    def resident():
        return int(Path("/proc/self/statm").read_text().split()[1]) * 4096 / 2**20

    model = VAETransformer(2, hidden_layer_sizes=(8,), max_iter=1, batch_size=8192, random_state=0)
    model.fit(rng.normal(size=(1000, 12)))
    before, most, done = resident(), [0.0], threading.Event()

    def watch():
        while not done.wait(0.01):
            most[0] = max(most[0], resident())

    watcher = threading.Thread(target=watch)
    watcher.start()
    model.fit(tmp_path)
    done.set()
    watcher.join()
    assert most[0] - before < 450.0
