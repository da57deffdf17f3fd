"""Fits of tables larger than memory: peak memory and seconds, from a file and from an array in memory.

``python benchmarks/scale.py --rows 3000000 --folder FOLDER --json results/scale.json``: writes a file of 120 bytes a
row into the folder, and fits it once in each way, each in a process of its own. Memory is what the process holds at
most while it fits, less what it held before; that in memory is beside the array itself. Ten million rows take minutes.
"""

import argparse
import multiprocessing
import threading
import time
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import numpy as np
from figures import write

from skvae import VAETransformer
from skvae._tables import on_disk

N_COLUMNS, ROWS_AT_ONCE, SECONDS_BETWEEN = 30, 100_000, 0.02
WAYS = {"from the file": lambda X: X, "in memory": np.array}


def resident():
    """Megabytes that this process holds."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4096 / 2**20


def written(path, n_rows):
    """A file of rows around a curved surface of eight dimensions, float32, unless it is there."""
    if not path.exists():
        out, rng = np.lib.format.open_memmap(path, "w+", np.float32, (n_rows, N_COLUMNS)), np.random.RandomState(0)
        mixing = rng.normal(size=(8, N_COLUMNS)).astype(np.float32)
        for start in range(0, n_rows, ROWS_AT_ONCE):
            z = rng.standard_normal((min(ROWS_AT_ONCE, n_rows - start), 8)).astype(np.float32)
            noise = rng.standard_normal((len(z), N_COLUMNS)).astype(np.float32)
            out[start : start + len(z)] = np.tanh(z @ mixing) + 0.3 * noise
        out.flush()
    return path


def measured(path, way, n_epochs):
    """Seconds, megabytes and held-out score of one fit."""
    on_disk.LEAST_CELLS = 1  # so that shorter files are read as needed too
    X = WAYS[way](np.load(path, mmap_mode="r"))
    VAETransformer(max_iter=1, random_state=0).fit(np.asarray(X[:200]))  # what a first fit loads
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
    return {
        "way": way,
        "rows": len(X),
        "seconds": seconds,
        "megabytes": max(held) - before,
        "score of validation rows": model.best_validation_score_,
    }


def main():
    """Print a line a fit and write them as JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=3_000_000)
    parser.add_argument("--epochs", type=int, default=1)
    parser.add_argument("--folder", type=Path, default=Path(), help="where the file lies or is written")
    parser.add_argument("--ways", nargs="*", default=list(WAYS), help=f"some of {list(WAYS)}")
    parser.add_argument("--json", type=Path, help="where to write the figures")
    arguments = parser.parse_args()
    path, figures = written(arguments.folder / f"rows_{arguments.rows}.npy", arguments.rows), []
    for way in arguments.ways:
        with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as alone:
            figures.append(alone.submit(measured, path, way, arguments.epochs).result())
        print(*(f"{k} {v:,.4g}" if isinstance(v, float) else f"{k} {v}" for k, v in figures[-1].items()), sep=" | ")
    if arguments.json:
        write(arguments.json, scale=figures)


if __name__ == "__main__":
    main()
