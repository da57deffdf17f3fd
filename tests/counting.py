"""What work is counted in, instead of seconds and resident memory: calls, live tensors, and bytes of arrays."""

import gc
import sys
import tracemalloc
from contextlib import contextmanager

import numpy as np
import torch


def calls(function, *args):
    """How many functions are called, those of C and of Python, while this one runs."""
    n_calls = 0

    def counted(frame, event, argument):
        nonlocal n_calls
        n_calls += event in ("call", "c_call")

    sys.setprofile(counted)
    try:
        function(*args)
    finally:
        sys.setprofile(None)
    return n_calls


def live_tensors():
    """The tensors that are alive."""
    gc.collect()
    return [thing for thing in gc.get_objects() if issubclass(type(thing), torch.Tensor)]


def bytes_of_tensors():
    """Bytes of all tensors that are alive, those that share their cells counted once."""
    storages = (tensor.untyped_storage() for tensor in live_tensors() if tensor.device.type != "meta")
    return sum({storage.data_ptr(): storage.nbytes() for storage in storages}.values())


def bytes_at_most(function, *args):
    """Bytes that arrays and objects of Python take at most while a function runs, above those before."""
    with traced():
        function(*args)
        return tracemalloc.get_traced_memory()[1]


def arrays_left(function, *args):
    """How many arrays are left after a function that were not there before."""
    with traced():
        function(*args)
        gc.collect()
        snapshot = tracemalloc.take_snapshot()
    return len(snapshot.filter_traces([tracemalloc.DomainFilter(True, np.lib.tracemalloc_domain)]).traces)


@contextmanager
def traced():
    """Python notes what is allocated, of arrays too."""
    gc.collect()
    tracemalloc.start()
    try:
        yield
    finally:
        tracemalloc.stop()
