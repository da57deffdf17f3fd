"""Fits of tables larger than memory: peak memory and seconds, from files and from a table in memory.

``python benchmarks/scale.py numbers --rows 3000000 --folder FOLDER`` writes float32 numbers of 30 columns, 120 bytes a
row, and fits them once in each way, each in a process of its own. ``python benchmarks/scale.py mixed --rows 2000000
--folder FOLDER`` does the same with 20 columns of numbers, levels, dates and booleans with holes, and compares columns
of draws with those of the table. Memory is what the process holds at most while it fits, less what it held before; that
in memory is beside the table itself. Ten million rows take minutes.

``python benchmarks/scale.py ranks`` trains 784 columns in one process and in two, each of one thread.
"""

import argparse
import multiprocessing
import os
import subprocess
import sys
import threading
import time
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import numpy as np
import pandas as pd
from figures import write

from skvae import VAETransformer
from skvae._tables import files, on_disk

N_COLUMNS, ROWS_AT_ONCE, SECONDS_BETWEEN = 30, 100_000, 0.02


def resident():
    """Megabytes that this process holds."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4096 / 2**20


def numbers(rng, n_rows, mixing):
    """Rows around a curved surface of eight dimensions, float32."""
    z = rng.standard_normal((n_rows, 8)).astype(np.float32)
    return np.tanh(z @ mixing) + 0.3 * rng.standard_normal((n_rows, N_COLUMNS)).astype(np.float32)


def mixed(rng, n_rows, mixing):
    """Rows of 20 columns of numbers, levels, dates and booleans that hang together, a tenth of some cells missing."""
    z = rng.standard_normal((n_rows, 4)) @ mixing[:4, :20].astype(float)
    noise = 0.3 * rng.standard_normal(z.shape)
    X = pd.DataFrame({f"number {j}": z[:, j] + noise[:, j] for j in range(9)})
    X["count"] = rng.poisson(np.exp(np.clip(0.3 * z[:, 9] + 1.0, -5, 4)))
    X["price"] = np.exp(0.5 * z[:, 10] + noise[:, 10]).round(2)
    for j, n_levels in zip(range(11, 17), (2, 3, 5, 8, 20, 60), strict=True):
        place = np.clip((z[:, j] + noise[:, j] + 2.0) / 4.0 * n_levels, 0, n_levels - 1).astype(int)
        X[f"level {j}"] = np.array([f"level {i}" for i in range(n_levels)], dtype=object)[place]
    X["flag"], X["other flag"] = z[:, 17] > 0, z[:, 18] + noise[:, 18] > 1.0
    X["day"] = pd.Timestamp("2020-01-01") + pd.to_timedelta((200 + 50 * z[:, 19]).round(), "D")
    for name in ("number 0", "price", "level 11", "level 15", "day"):
        X.loc[rng.uniform(size=n_rows) < 0.1, name] = None
    return X


def parts(make, n_rows):
    """A table of so many rows, some at a time."""
    rng = np.random.RandomState(0)
    mixing = rng.normal(size=(8, N_COLUMNS)).astype(np.float32)
    for start in range(0, n_rows, ROWS_AT_ONCE):
        yield make(rng, min(ROWS_AT_ONCE, n_rows - start), mixing)


def as_array(folder, n_rows):
    """A file that numpy maps, unless it is there."""
    path = folder / f"rows_{n_rows}.npy"
    if not path.exists():
        out, start = np.lib.format.open_memmap(path, "w+", np.float32, (n_rows, N_COLUMNS)), 0
        for part in parts(numbers, n_rows):
            out[start : start + len(part)] = part
            start += len(part)
        out.flush()
    return path


def as_parquet(folder, n_rows, make=numbers):
    """A file of Parquet, unless it is there."""
    import pyarrow
    from pyarrow import parquet

    path, writer = folder / f"{make.__name__}_{n_rows}.parquet", None
    for part in parts(make, n_rows) if not path.exists() else ():
        frame = part if isinstance(part, pd.DataFrame) else pd.DataFrame(part, columns=map(str, range(N_COLUMNS)))
        rows = pyarrow.Table.from_pandas(frame, preserve_index=False)
        writer = writer or parquet.ParquetWriter(path, rows.schema)
        writer.write_table(rows)
    if writer:
        writer.close()
    return path


WAYS = {
    "from a mapped array": lambda folder, n_rows: np.load(as_array(folder, n_rows), mmap_mode="r"),
    "from Parquet": as_parquet,
    "an array in memory": lambda folder, n_rows: np.load(as_array(folder, n_rows)),
}
MIXED_WAYS = {
    "from Parquet": lambda folder, n_rows: as_parquet(folder, n_rows, mixed),
    "a frame in memory": lambda folder, n_rows: pd.read_parquet(as_parquet(folder, n_rows, mixed)),
}


def measured(kind, way, folder, n_rows, n_epochs):
    """Seconds, megabytes and held-out score of one fit."""
    on_disk.LEAST_CELLS = files.CELLS_IN_MEMORY = 1  # so that shorter tables are read as needed too
    X = KINDS[kind][way](folder, n_rows)
    first = next(parts(mixed if kind == "mixed" else numbers, 2000))
    VAETransformer(max_iter=1, random_state=0).fit(first)  # what a first fit loads
    before, held, done = resident(), [], threading.Event()

    def watch():
        while not done.wait(SECONDS_BETWEEN):
            held.append(resident())

    watcher = threading.Thread(target=watch)
    watcher.start()
    start = time.perf_counter()
    model = VAETransformer(max_iter=n_epochs, random_state=0).fit(X)
    seconds = time.perf_counter() - start
    done.set()
    watcher.join()
    record = {"what": kind, "way": way, "rows": n_rows, "epochs": n_epochs, "seconds": seconds}
    record |= {"megabytes": max(held) - before, "score of validation rows": model.best_validation_score_}
    if kind == "mixed":
        record["shapes"] = shape_error(model)
    return record


def shape_error(model, n_rows=100_000):
    """Mean over columns of how far the distribution of draws is from that of rows, in percent: Kolmogorov-Smirnov."""
    rows, drawn = next(parts(mixed, n_rows)), model.sample(n_rows, random_state=0)
    return 100.0 * float(np.mean([apart(rows[name], drawn[name]) for name in rows]))


def apart(one, other):
    """Largest distance of two distribution functions, or half the sum of differences of shares of levels."""
    if one.dtype.kind in "ifM":
        one, other = (np.sort(column.dropna().to_numpy().astype(float)) for column in (one, other))
        at = np.concatenate([one, other])
        shares = [np.searchsorted(each, at, side="right") / len(each) for each in (one, other)]
        return np.abs(shares[0] - shares[1]).max()
    shares = (column.value_counts(normalize=True, dropna=False) for column in (one, other))
    return 0.5 * next(shares).sub(next(shares), fill_value=0.0).abs().sum()


KINDS = {"numbers": WAYS, "mixed": MIXED_WAYS}

RANKS = """
import os, sys, time
import numpy as np
import torch
from torch import distributed
from skvae import AutoencoderTransformer

if "RANK" in os.environ:
    distributed.init_process_group("gloo")
torch.set_num_threads(1)
X = np.random.RandomState(0).normal(size=(20_000, 784)).astype(np.float32)
settings = dict(hidden_layer_sizes=(512, 256), network="mlp", likelihood="gaussian", batch_size=512)
settings |= dict(early_stopping=False, n_iter_no_change=99, random_state=0)
AutoencoderTransformer(32, max_iter=1, **settings).fit(X[:4096])
seconds = []
for n_epochs in (1, 4):
    start = time.perf_counter()
    AutoencoderTransformer(32, max_iter=n_epochs, **settings).fit(X)
    seconds.append(time.perf_counter() - start)
if os.environ.get("RANK", "0") == "0":
    print(3 * len(X) / (seconds[1] - seconds[0]))
if distributed.is_initialized():
    distributed.destroy_process_group()
"""


def run_ranks(folder, repeats=3):
    """Rows a second of an epoch of 784-512-256-32, batch 512, in one process and in two, by turns."""
    script = folder / "ranks_of_scale.py"
    script.write_text(RANKS)
    rates = {1: [], 2: []}
    environment = os.environ | {"OMP_NUM_THREADS": "1", "PYTHONPATH": str(Path.cwd())}
    for _ in range(repeats):
        for n_ranks in rates:
            start = (
                ["-m", "torch.distributed.run", "--standalone", f"--nproc-per-node={n_ranks}"] if n_ranks > 1 else []
            )
            command = [sys.executable, *start, str(script)]
            done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
            rates[n_ranks].append(float(done.stdout.split()[-1]))
    one, two = (float(np.median(rates[n])) for n in (1, 2))
    return [{"what": "ranks", "one process": one, "two processes": two, "ratio": two / one, "bar": 1.6}]


def main():
    """Print a line a fit and write them as JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=[*KINDS, "ranks"])
    parser.add_argument("--rows", type=int, default=3_000_000)
    parser.add_argument("--epochs", type=int, default=1)
    parser.add_argument("--folder", type=Path, default=Path(), help="where files lie or are written")
    parser.add_argument("--ways", nargs="*", help=f"some of {list(WAYS)}")
    parser.add_argument("--json", type=Path, help="where to write the figures")
    arguments = parser.parse_args()
    records = run_ranks(arguments.folder) if arguments.what == "ranks" else []
    for way in arguments.ways or KINDS.get(arguments.what, ()):
        with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as alone:
            asked = arguments.what, way, arguments.folder, arguments.rows, arguments.epochs
            records.append(alone.submit(measured, *asked).result())
        print(*(f"{k} {v:,.4g}" if isinstance(v, float) else f"{k} {v}" for k, v in records[-1].items()), sep=" | ")
    if arguments.what == "ranks":
        print(records)
    if arguments.json:
        write(arguments.json, scale=records)


if __name__ == "__main__":
    main()
