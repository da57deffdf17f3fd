"""Dask, Ray and a web service around our estimators: examples run on real clusters, and a service is asked.

What needs the extras ``dask``, ``ray`` and ``service`` is marked ``engines``, and fails without them.
"""

import asyncio
import importlib.util
import os
import re
import subprocess
import sys
import tempfile
import time
import tomllib
import uuid
from pathlib import Path

import numpy as np
import pytest
from sklearn.datasets import load_breast_cancer
from sklearn.model_selection import GridSearchCV

from skvae import AutoencoderOutlierDetector, VAETransformer

ROOT = Path(__file__).parents[1]
SMALL = {"max_iter": 3, "sizes": [1, 2]}
RATE, SECONDS = 200, 10
KILLED = {"dask": "Restarting worker", "ray": "Killed worker"}
"""What is logged where a worker was killed, by the engine: by Dask itself, by the example of Ray."""
ENGINES = {"dask", "ray", "service"}
"""Extras that the tests marked ``engines`` need."""


class Ran:
    """A script that has run in a home and a temporary folder of its own: what it said, and what it left behind."""

    def __init__(self, script, arguments):
        mark = uuid.uuid4().hex
        with tempfile.TemporaryDirectory(prefix="run") as folder:  # a short name, as names of sockets are bounded
            home, temporary = Path(folder) / "home", Path(folder) / "tmp"
            home.mkdir()
            temporary.mkdir()
            paths = os.pathsep.join([str(ROOT), *sys.path])
            own = {"HOME": str(home), "TMPDIR": str(temporary), "MARK": mark, "PYTHONPATH": paths}
            own["RAY_worker_niceness"] = "0"  # else its workers wait for whatever else the machine does
            done = subprocess.run(
                [sys.executable, str(ROOT / script), *map(str, arguments)],
                env={**os.environ, "OMP_NUM_THREADS": "1", **own},
                capture_output=True,
                text=True,
                timeout=600,
            )
            assert done.returncode == 0, done.stderr
            self.said, self.logged = done.stdout, done.stderr
            self.files, self.processes = sorted(path.name for path in temporary.iterdir()), left(mark)


def left(mark, patience=20.0):
    """Processes with a mark in their environment that have not ended after some seconds."""
    end = time.monotonic() + patience
    while (found := marked(mark)) and time.monotonic() < end:
        time.sleep(0.2)
    return found


def marked(mark):
    """Names of processes with a mark in their environment."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            if mark.encode() in (process / "environ").read_bytes():
                found.append((process / "comm").read_text().strip())
        except OSError:  # ended, or somebody else's
            continue
    return found


@pytest.fixture(scope="module", params=["dask", "ray"])
def cluster(request):
    """The example of a cluster, which has run."""
    arguments = ["--max-iter", SMALL["max_iter"], "--sizes", *SMALL["sizes"]]
    return Ran(f"examples/cluster_{request.param}.py", arguments)


@pytest.mark.engines
def test_a_search_on_a_cluster_has_the_scores_of_one_without_to_the_last_bit(cluster):
    rows = re.findall(
        r"^(loky|dask|dask, a worker killed|ray|ray, a worker killed) +(\S+) (\S+) (\S+)$", cluster.said, re.MULTILINE
    )
    names = [name for name, *_ in rows]
    assert names in [["loky", engine, f"{engine}, a worker killed"] for engine in ("dask", "ray")]
    estimator = VAETransformer(max_iter=SMALL["max_iter"], random_state=0)
    search = GridSearchCV(estimator, {"n_components": SMALL["sizes"]}, cv=3)
    search.fit(load_breast_cancer(as_frame=True).data)
    expected = search.cv_results_["mean_test_score"]
    assert expected[1] > expected[0] + 1.0
    for _, first, second, difference in rows:
        np.testing.assert_allclose([float(first), float(second)], expected, atol=1e-3)
        assert difference == "0"
    assert re.search(KILLED[names[1]], cluster.logged)


@pytest.mark.engines
def test_parts_of_a_table_have_the_scores_of_the_whole_on_a_cluster(cluster):
    assert re.search(r"^Scores of (5 parts|569 rows): largest difference 0$", cluster.said, re.MULTILINE)


@pytest.mark.engines
def test_ranks_on_a_cluster_fit_the_model_of_one_process(cluster):
    together, alone = re.search(r"A fit by 2 ranks: log-likelihood (\S+), alone (\S+)", cluster.said).groups()
    assert float(together) == pytest.approx(float(alone), abs=2e-6)
    difference = float(re.search(r"Largest difference of codes, of the largest one: (\S+)", cluster.said)[1])
    assert 0.0 < difference < 1e-9  # ranks add up in another order: without any difference each would have been alone


@pytest.mark.engines
def test_a_cluster_leaves_neither_processes_nor_files(cluster):
    assert marked(os.environ["PATH"])  # environments can be read here
    assert cluster.processes == []
    assert cluster.files == []


def script(path):
    """A script as a module."""
    spec = importlib.util.spec_from_file_location(f"{path.parent.name}_{path.stem}", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def bench():
    """The benchmark of the service, as a module."""
    return script(ROOT / "benchmarks" / "service.py")


@pytest.fixture(scope="module")
def detector(bench):
    """A detector of wines."""
    return AutoencoderOutlierDetector(random_state=0).fit(bench.wines())


@pytest.fixture(scope="module")
def address(bench, detector):
    """Where a service of the detector listens."""
    with bench.started(detector) as address:
        yield address


@pytest.mark.engines
def test_a_service_answers_200_requests_a_second_as_this_process_does(bench, detector, address):
    """How fast it is, is printed; it decides nothing."""
    X = bench.wines()
    found = asyncio.run(bench.load(address, bench.rows_of(X), RATE, SECONDS))
    assert len(found["answers"]) == RATE * SECONDS
    expected = bench.expected(detector, X, found)
    assert {answer["label"] for answer in expected} == {-1, 1}
    assert list(found["answers"]) == expected
    print(f"{RATE} requests a second: {bench.figures(found)}")


@pytest.mark.engines
def test_a_bad_request_is_told_so_and_harms_no_other(bench, detector, address):
    rows = bench.rows_of(bench.wines())
    bad = [{"alcohol": "much"}, {"colour": 1.0}, {"cultivar": 3.0}, {"alcohol": [1.0]}]

    async def asked():
        async with bench.httpx.AsyncClient(base_url=address, timeout=60.0) as client:
            requests = [bad[i % 4] if i % 5 == 0 else rows[i] for i in range(40)]
            return await asyncio.gather(*(client.post("/score", json={"rows": [row]}) for row in requests))

    found, X = asyncio.run(asked()), bench.wines()
    expected = bench.expected(detector, X, {"order": range(40)})
    assert [response.status_code for response in found] == [422 if i % 5 == 0 else 200 for i in range(40)]
    assert all(found[i].json() == [expected[i]] for i in range(40) if i % 5)
    for i, name in zip((0, 5, 10, 15), ("alcohol", "colour", "cultivar", "alcohol"), strict=True):
        assert name in found[i].json()["detail"]


@pytest.mark.engines
def test_a_service_gives_many_rows_none_and_empty_ones(bench, detector, address):
    X = bench.wines()
    expected = bench.expected(detector, X, {"order": range(len(X))})

    def post(rows):
        return bench.httpx.post(f"{address}/score", json={"rows": rows}, timeout=60.0)

    assert post(bench.rows_of(X)).json() == expected
    assert post([]).json() == []
    nothing = X[:1].mask(X[:1].notna())
    assert post([{}]).json()[0]["score"] == detector.score_samples(nothing)[0]


@pytest.mark.engines
def test_requests_that_wait_are_scored_in_one_call(bench, detector, monkeypatch):
    service, calls = script(ROOT / "examples" / "service.py"), []
    judge = service.judge
    monkeypatch.setattr(service, "judge", lambda detector, rows: calls.append(len(rows)) or judge(detector, rows))
    rows = bench.rows_of(bench.wines())

    async def asked():
        batches = service.Batches(detector)
        answering = asyncio.create_task(batches.run())
        found = await asyncio.gather(*(batches.answer([row]) for row in rows))
        answering.cancel()
        return found

    found = asyncio.run(asked())
    assert [answer for (answer,) in found] == bench.expected(detector, bench.wines(), {"order": range(len(rows))})
    assert sum(calls) == len(rows)
    assert len(calls) <= 2


def test_programs_of_the_page_stand_in_the_examples_that_run():
    blocks = re.findall(r"```python\n(.*?)\n```", (ROOT / "docs" / "engines.md").read_text(), re.DOTALL)
    examples = [without_indents(path.read_text()) for path in (ROOT / "examples").glob("*.py")]
    assert len(blocks) == 7
    for block in blocks:
        assert any(without_indents(block) in text for text in examples), block


def without_indents(text):
    """The lines of a program, each from its first letter on."""
    return "\n".join(line.strip() for line in text.splitlines())


def test_ci_and_tox_run_the_engines_where_their_extras_are_installed():
    lines = (ROOT / ".ci" / "run").read_text().splitlines()
    extras = [re.findall(r"\w+", "".join(re.findall(r" -e \"\.\[(.*?)\]\"", line))) for line in lines]
    installs = next(number for number, brought in enumerate(extras) if set(brought) >= ENGINES)
    assert any(" -m engines " in line and "tests/test_engines.py" in line for line in lines[installs + 1 :])
    tox = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["tox"]
    assert "engines" in tox["env_list"]
    assert set(tox["env"]["engines"]["extras"]) >= ENGINES
    assert {"-m", "engines"} <= set(tox["env"]["engines"]["commands"][0][:-1])
