"""The long run: ``python -m tests.fuzz --cases 5000 --seed 0 --jobs 2``; one case: ``--case K``."""

import argparse
import json
import multiprocessing
import os
import platform
import sys
import time
from collections import Counter
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool

os.environ.setdefault("OMP_NUM_THREADS", "1")

CHUNK = 20
"""Cases that a process judges before it reports."""


def records_of(seed, numbers, jobs):
    """Pairs of a number and its record, as they are done; cases whose process died are judged again, one by one."""
    from .judge import judged

    chunks, died = [numbers[start : start + CHUNK] for start in range(0, len(numbers), CHUNK)], []
    with ProcessPoolExecutor(jobs, multiprocessing.get_context("spawn")) as pool:
        running = {pool.submit(judged, seed, chunk): chunk for chunk in chunks}
        for done in as_completed(running):
            try:
                yield from done.result().items()
            except BrokenProcessPool:
                died += running[done]
    for number in died if len(numbers) > 1 else []:
        yield from records_of(seed, [number], 1)
    if died and len(numbers) == 1:
        law = "no call ends the process"
        yield numbers[0], {"outcomes": {}, "steps": {}, "seconds": 0.0, "fault": {"law": law, "signature": law}}


def figures_of(seed, records, seconds):
    """What a run is summed up by."""
    import numpy
    import pandas
    import polars
    import pyarrow
    import sklearn
    import torch

    modules = numpy, pandas, polars, pyarrow, sklearn, torch
    outcomes, steps = Counter(), Counter()
    for record in records.values():
        outcomes.update(record["outcomes"])
        steps.update(record["steps"])
    faults = {number: record["fault"] for number, record in sorted(records.items()) if record["fault"]}
    return {
        "seed": seed,
        "cases": len(records),
        "calls": sum(outcomes.values()),
        "outcomes": dict(outcomes.most_common()),
        "steps": dict(sorted(steps.items())),
        "cases with a fault": len(faults),
        "distinct faults": dict(Counter(fault["signature"] for fault in faults.values()).most_common()),
        "seconds": round(seconds),
        "longest case": max((record["seconds"] for record in records.values()), default=0.0),
        "python": platform.python_version(),
        "versions": {module.__name__: module.__version__ for module in modules},
        "faults": {
            number: {**fault, "again": f"python -m tests.fuzz --seed {seed} --case {number}"}
            for number, fault in faults.items()
        },
    }


def long_run(options):
    """Judge all cases and write the figures; whether there was no fault."""
    start, records = time.perf_counter(), {}
    numbers = list(range(options.first, options.first + options.cases))
    for number, record in records_of(options.seed, numbers, options.jobs):
        records[number] = record
        if record["fault"]:
            print(f"case {number}: {record['fault']['signature']}", flush=True)
        if len(records) % 100 == 0 or len(records) == len(numbers):
            figures = figures_of(options.seed, records, time.perf_counter() - start)
            with open(options.out, "w", encoding="utf-8") as file:
                json.dump(figures, file, indent=1)
            print(
                f"{len(records)} cases, {figures['cases with a fault']} with a fault, {figures['seconds']} s",
                flush=True,
            )
    return not any(record["fault"] for record in records.values())


def one_case(options):
    """Judge one case and print it; whether there was no fault."""
    from .judge import judge, smallest
    from .strategies import numbered_case

    case = numbered_case(options.seed, options.case)
    record = judge(case)
    print(json.dumps(record, indent=1))
    if record["fault"] and options.shrink:
        case = smallest(case, record["fault"]["signature"])
        print(json.dumps(judge(case)["fault"], indent=1))
    print(case)
    return not record["fault"]


def main():
    """Read the command line and run."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument("--cases", type=int, default=5000, help="how many cases")
    parser.add_argument("--first", type=int, default=0, help="number of the first case")
    parser.add_argument("--seed", type=int, default=0, help="seed of all cases")
    parser.add_argument("--jobs", type=int, default=2, help="processes side by side")
    parser.add_argument("--out", default="fuzz.json", help="where the figures are written")
    parser.add_argument("--case", type=int, help="judge this case alone")
    parser.add_argument("--shrink", action="store_true", help="look for the smallest case with the same fault")
    options = parser.parse_args()
    sys.exit(0 if (long_run(options) if options.case is None else one_case(options)) else 1)


if __name__ == "__main__":
    main()
