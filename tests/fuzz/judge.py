"""One case judged: what came of it, how long it took, and the smallest case with the same fault."""

import re
import signal
import time
import traceback
import warnings
from collections import Counter
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from .laws import Fault, Hang
from .steps import run
from .strategies import numbered_case

LONGEST = 60
"""Seconds after which a case hangs, which is a fault."""

PACKAGE = str(Path(__file__).parents[2] / "skvae")


@contextmanager
def at_most(seconds):
    """Hang after so many seconds."""

    def ring(*_):
        raise Hang

    before = signal.signal(signal.SIGALRM, ring)
    signal.alarm(seconds)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)


def judge(case, longest=LONGEST):
    """The record of a case: outcomes of its calls by kind, seconds, and its fault or None."""
    start, fault, outcomes = time.perf_counter(), None, []
    try:
        with at_most(longest), warnings.catch_warnings():
            warnings.simplefilter("ignore")  # those of calls that count are looked at where they are made
            outcomes = run(case)
    except Fault as error:
        fault = described(error.law, error)
    except Hang as error:
        fault = described(f"a case takes less than {longest} seconds", error)
    except Exception as error:
        fault = described(f"a call that worked works again, without {type(error).__name__}", error)
    if fault:
        fault["case"] = repr(case)
    return {
        "outcomes": dict(Counter(kind for _, kind in outcomes)),
        "steps": dict(Counter(step for step, _ in outcomes)),
        "seconds": time.perf_counter() - start,
        "fault": fault,
    }


def judged(seed, numbers):
    """Records of some cases by number."""
    return {number: judge(numbered_case(seed, number)) for number in numbers}


def described(law, error):
    """A fault as plain values: the law, what happened, where, and a signature of its cause."""
    causes = [error, error.__cause__] if error.__cause__ is not None else [error]
    frames = [frame for cause in causes for frame in traceback.extract_tb(cause.__traceback__)]
    inside = [f"{Path(frame.filename).name}:{frame.name}" for frame in frames if frame.filename.startswith(PACKAGE)]
    where = inside[-1] if inside else "-"
    text = str(error).removeprefix(f"{law}: ").partition(": ")[2] or str(error)
    text = re.sub(r"'[^']*'|\"[^\"]*\"|\d+(\.\d+)?(e[+-]?\d+)?|\[[^\]]*\]", "_", text)[:60]
    return {
        "law": law,
        "text": str(error)[:1000],
        "where": where,
        "signature": f"{law} | {where} | {text}",
        "trace": [f"{Path(frame.filename).name}:{frame.lineno}:{frame.name}" for frame in frames][-8:],
    }


def smallest(case, signature, seconds=60):
    """The smallest case found in this time that has a fault of the same law at the same place."""
    end, found = time.perf_counter() + seconds, True
    while found and time.perf_counter() < end:
        found = False
        for smaller in smaller_cases(case):
            if time.perf_counter() > end:
                break
            fault = judge(smaller)["fault"]
            if fault and fault["signature"].split(" | ")[:2] == signature.split(" | ")[:2]:
                case, found = smaller, True
                break
    return case


def smaller_cases(case):
    """Cases with one thing less."""
    for size in (len(case.columns) // 2, 1):
        for start in range(0, len(case.columns), max(size, 1)):
            fewer = case.columns[:start] + case.columns[start + size :]
            if size and fewer:
                yield replace(case, columns=fewer)
    for place in range(len(case.steps)):
        yield replace(case, steps=case.steps[:place] + case.steps[place + 1 :])
    for rows in (2, 3, 5, 12, case.n_rows // 2):
        if 1 < rows < case.n_rows:
            yield replace(case, n_rows=rows)
    for name in case.params:
        if name not in ("max_iter", "random_state", "estimator"):
            yield replace(case, params={key: value for key, value in case.params.items() if key != name})
    if "estimator" in case.params:
        inside, params = case.params["estimator"]
        for name in params:
            if name not in ("max_iter", "random_state"):
                fewer = {key: value for key, value in params.items() if key != name}
                yield replace(case, params={**case.params, "estimator": [inside, fewer]})
    for name, plain in {"weights": "none", "names": "letters", "index": "range", "repeated": False}.items():
        if getattr(case, name) != plain:
            yield replace(case, **{name: plain})
    for place, column in enumerate(case.columns):
        if column.holes != "none":
            whole = replace(column, holes="none")
            yield replace(case, columns=[*case.columns[:place], whole, *case.columns[place + 1 :]])
