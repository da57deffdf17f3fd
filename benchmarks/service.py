"""How fast the service of examples/service.py answers: requests of one row at a given rate, each answer checked.

    python benchmarks/service.py --rate 200 --seconds 10

Requests are sent at their times whether earlier ones have been answered or not, and latency counts from those times.
Clients and service share the cores of this machine.
"""

import argparse
import asyncio
import json
import os
import socket
import subprocess
import sys
import tempfile
import time
from contextlib import contextmanager
from pathlib import Path

import httpx
import joblib
import numpy as np
from sklearn.datasets import load_wine

from skvae import AutoencoderOutlierDetector

SERVICE = Path(__file__).parents[1] / "examples" / "service.py"
PATIENCE = 60.0
"""Seconds in which the service is to be there, and a request to be answered."""

CONNECTIONS = 64
"""Connections that requests share; one that finds none free waits, and that is part of its latency."""


def main(rate=200, seconds=10):
    """Start the service, load it, and print how fast it was."""
    X = wines()
    detector = AutoencoderOutlierDetector(random_state=0).fit(X)
    with started(detector) as address:
        found = asyncio.run(load(address, rows_of(X), rate, seconds))
    wrong = sum(answer != right for answer, right in zip(found["answers"], expected(detector, X, found), strict=True))
    print(f"{len(found['answers'])} requests, {wrong} wrong answers; asked for {rate:g} a second: {figures(found)}")
    for n_rows in (1, 10, 100):
        print(f"A call for {n_rows} rows takes {1e3 * seconds_of_a_call(detector, X[:n_rows]):.1f} ms")


def wines(seed=0):
    """The wine table with its cultivar as a text, without a tenth of its cells, and with some that are wrong."""
    data, rng = load_wine(as_frame=True), np.random.RandomState(seed)
    X = data.data.assign(cultivar=np.array(["barolo", "grignolino", "barbera"])[data.target])
    X.loc[::17, "alcohol"] /= 10.0
    return X.mask(rng.uniform(size=X.shape) < 0.1)


def rows_of(X):
    """The rows of a frame as JSON has them."""
    return json.loads(X.to_json(orient="records", double_precision=15))


@contextmanager
def started(detector):
    """The address of a service of a detector on this machine, which ends with the context."""
    with tempfile.TemporaryDirectory() as folder, socket.socket() as found:
        joblib.dump(detector, Path(folder) / "detector.joblib")
        found.bind(("127.0.0.1", 0))
        port = str(found.getsockname()[1])
        found.close()
        command = [sys.executable, str(SERVICE), "--model", str(Path(folder) / "detector.joblib"), "--port", port]
        paths = os.pathsep.join([str(SERVICE.parents[1]), *sys.path])
        process = subprocess.Popen(command, env=os.environ | {"OMP_NUM_THREADS": "1", "PYTHONPATH": paths})
        try:
            wait_for(f"http://127.0.0.1:{port}", process)
            yield f"http://127.0.0.1:{port}"
        finally:
            process.terminate()
            process.wait(PATIENCE)


def wait_for(address, process):
    """Return as soon as the service answers."""
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end and process.poll() is None:
        try:
            httpx.get(f"{address}/columns").raise_for_status()
            return
        except httpx.TransportError:
            time.sleep(0.05)
    raise RuntimeError(f"The service is not there: exit status {process.poll()}.")


async def load(address, rows, rate, seconds):
    """Ask for one row after the other: which rows, the answers, seconds from the time of each request, and the rate."""
    order = [number % len(rows) for number in range(int(rate * seconds))]
    answered, waiting, start = [None] * len(order), iter(enumerate(order)), time.perf_counter()

    async def ask():
        async with httpx.AsyncClient(base_url=address, timeout=PATIENCE, verify=False) as client:
            for number, row in waiting:
                when = start + number / rate
                await asyncio.sleep(when - time.perf_counter())
                response = await client.post("/score", json={"rows": [rows[row]]})
                answered[number] = response.raise_for_status().json()[0], time.perf_counter() - when

    await asyncio.gather(*(ask() for _ in range(CONNECTIONS)))
    spent = time.perf_counter() - start
    answers, latency = zip(*answered, strict=True)
    return {"order": order, "answers": answers, "latency": np.array(latency), "rate": len(order) / spent}


def expected(detector, X, found):
    """What this process says of the rows that were asked for."""
    scores, labels, reasons = detector.score_samples(X), detector.predict(X), detector.explain(X, n_columns=2)
    names = ["column", "value", "expected", "share"]
    cells = reasons[names].astype(object).mask(reasons[names].isna(), None).to_dict("records")
    each = [
        {"score": float(scores[row]), "label": int(labels[row]), "reasons": cells[2 * row : 2 * row + 2]}
        for row in range(len(X))
    ]
    return [each[row] for row in found["order"]]


def seconds_of_a_call(detector, X, n_calls=20):
    """Seconds in which this process scores rows and finds their reasons, the median of some calls."""
    spent = []
    for _ in range(n_calls):
        start = time.perf_counter()
        detector.score_samples(X)
        detector.explain(X, n_columns=2)
        spent.append(time.perf_counter() - start)
    return np.median(spent)


def figures(found):
    """Rate and latencies in words."""
    half, most = np.quantile(found["latency"], [0.5, 0.99]) * 1e3
    return f"{found['rate']:.0f} a second were answered, half of them within {half:.0f} ms, 99 % within {most:.0f} ms"


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--rate", type=float, default=200.0, help="requests a second")
    parser.add_argument("--seconds", type=float, default=10.0)
    main(**vars(parser.parse_args()))
