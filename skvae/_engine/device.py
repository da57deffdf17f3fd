"""Where a model computes: device, precision, threads, and errors of memory."""

import os
import threading
from contextlib import contextmanager, nullcontext

import torch

from skvae._surroundings import IN_FORKED_CHILDREN

PRECISIONS = {
    "float32": ("float32", "float32"),
    "float64": ("float64", "float64"),
    "bfloat16": ("float32", "bfloat16"),
}
"""What weights, densities and scores are computed in, and what the matrix products of training are."""


SHORT_STEP = 100_000_000
"""Products of one forward pass below which a second thread costs more than it brings: five times the time at a quarter
of this, where other processes are busy."""


class DeviceMemoryError(MemoryError, ValueError):
    """The device has too little memory for what was asked."""


class AllDigits:
    """Context in which a GPU convolves with all digits of float32, as a processor does, not with TF32's ten bits.

    torch keeps one setting for all threads: of several concurrent contexts the first one changes it, the last one puts
    back what that found.
    """

    _lock, _inside, _before = threading.Lock(), 0, None

    @staticmethod
    def _setting():
        """Where torch keeps it, the name it has there and its value: since torch 2.9, or before."""
        cudnn = torch.backends.cudnn
        return (cudnn.conv, "fp32_precision", "ieee") if hasattr(cudnn, "conv") else (cudnn, "allow_tf32", False)

    def __enter__(self):
        place, name, value = self._setting()
        with AllDigits._lock:
            if AllDigits._inside == 0:
                AllDigits._before = getattr(place, name)
                setattr(place, name, value)
            AllDigits._inside += 1

    def __exit__(self, *exception):
        place, name, _ = self._setting()
        with AllDigits._lock:
            AllDigits._inside -= 1
            if AllDigits._inside == 0:
                setattr(place, name, AllDigits._before)

    @classmethod
    def after_fork(cls):
        """A lock that no thread of the parent holds."""
        cls._lock = threading.Lock()


@contextmanager
def answering(device):
    """What a fitted model answers in: the same digits on every device, and errors of memory that say what to do."""
    is_on_gpu = device != "cpu" and torch.device(device).type == "cuda"
    with memory_errors(device), AllDigits() if is_on_gpu else nullcontext():
        yield


@contextmanager
def memory_errors(device):
    """Out-of-memory errors of torch, as an error that says what to do."""
    try:
        yield
    except RuntimeError as error:
        if not is_of_memory(error):
            raise
        raise DeviceMemoryError(
            f"device={device!r} ran out of memory. Use fewer n_components, a smaller batch_size, smaller "
            "hidden_layer_sizes, fewer importance draws, or n_jobs=1 in a search."
        ) from error


def is_of_memory(error):
    """Whether an error of torch says that memory has run out."""
    return isinstance(error, torch.OutOfMemoryError) or "allocate memory" in str(error)


class OneThread:
    """Context in which torch computes with one thread.

    Steps of small networks are shorter than the hand-over to a second thread, and far shorter when the other cores are
    busy. torch keeps one number a thread and one for threads to come: each of several concurrent contexts puts back
    what the first of them found, the outermost one of its thread.
    """

    _lock, _inside, _before, _own = threading.Lock(), 0, 1, threading.local()

    def __enter__(self):
        with OneThread._lock:
            if OneThread._inside == 0:
                OneThread._before = torch.get_num_threads()
            OneThread._inside += 1
            torch.set_num_threads(1)
        OneThread._own.depth = getattr(OneThread._own, "depth", 0) + 1

    def __exit__(self, *exception):
        with OneThread._lock:
            OneThread._inside -= 1
            OneThread._own.depth -= 1
            if not OneThread._own.depth:
                torch.set_num_threads(OneThread._before)

    @classmethod
    def after_fork(cls):
        """A lock that no thread of the parent holds."""
        cls._lock = threading.Lock()


def threads_for(n_products):
    """Context in which torch computes with as many threads as passes forward of so many products make up for."""
    return OneThread() if n_products < SHORT_STEP else nullcontext()


IN_FORKED_CHILDREN.append(OneThread)
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=OneThread.after_fork)
    os.register_at_fork(after_in_child=AllDigits.after_fork)


def resolve_device(device):
    """The device that ``device`` stands for on this machine, as a string."""
    available = ["cpu"]
    if torch.cuda.is_available():
        available.insert(0, "cuda")
    elif torch.backends.mps.is_available():
        available.insert(0, "mps")
    if device == "auto":
        return available[0]
    try:
        torch.empty(1, device=device).add(1).item()
        torch.Generator(device)
    except (RuntimeError, AssertionError, NotImplementedError, ImportError) as error:
        raise ValueError(
            f"device={device!r} cannot be used on this machine, which offers {available}. Use device='auto' to take "
            "the fastest one."
        ) from error
    return str(torch.device(device))


def check_precision(precision, device):
    """Refuse what a device computes not at all, or only step by step in software."""
    kind = device.split(":")[0]
    capability = torch.backends.cpu.get_cpu_capability() if kind == "cpu" else ""
    lacks = {
        "float64": kind == "mps",
        "bfloat16": kind == "mps"
        or (kind == "cpu" and not capability.startswith(("AVX512", "SVE")))
        or (kind == "cuda" and not torch.cuda.is_bf16_supported(including_emulation=False)),
    }
    if lacks.get(precision, False):
        raise ValueError(
            f"precision={precision!r} is not available on device={device!r} {capability}".rstrip()
            + "; use precision='float32' or another device."
        )
