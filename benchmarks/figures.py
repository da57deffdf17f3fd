"""One form of file for the figures of every benchmark, which ``page.py`` makes the page of benchmarks from."""

import json
import os
import platform
import re
import shlex
import sys
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import torch

import skvae

USED = "skvae", "scikit-learn", "torch", "numpy", "scipy", "pandas"
"""Packages that every figure hangs on; a benchmark names its peers besides."""


def write(path, peers=(), **figures):
    """Figures by their names as JSON, with the command, the machine and the versions that they belong to.

    ``peers`` are names of other packages that were measured; one that is not installed has the version null.
    """
    told = {"command": command(), "machine": machine(), "versions": {name: installed(name) for name in (*USED, *peers)}}
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps({**told, **figures}, indent=1) + "\n")


def command():
    """What was typed; a path of a folder is FOLDER, one of a file is FILE, and where the figures go is left out."""
    script, *typed = sys.argv
    if "--json" in typed:
        del typed[typed.index("--json") : typed.index("--json") + 2]
    shown = [word if os.sep not in word else "FOLDER" if Path(word).is_dir() else "FILE" for word in typed]
    return f"python benchmarks/{Path(script).name} {shlex.join(shown)}".rstrip()


def machine():
    """Processor or GPU, its vector units, cores and threads."""
    cpuinfo = Path("/proc/cpuinfo")
    processor = re.search(r"model name\s*: (.*)", cpuinfo.read_text()) if cpuinfo.exists() else None
    return {
        "python": platform.python_version(),
        "processor": processor[1] if processor else platform.machine(),
        "capability": torch.backends.cpu.get_cpu_capability(),
        "cores": os.cpu_count(),
        "threads": torch.get_num_threads(),
        "gpu": torch.cuda.get_device_name() if torch.cuda.is_available() else None,
    }


def installed(name):
    """The version of a package, None where it is not installed; this one is measured where it lies."""
    if name == "skvae":
        return skvae.__version__
    try:
        return version(name)
    except PackageNotFoundError:
        return None
