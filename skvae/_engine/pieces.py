"""A function over the rows of a table, in pieces of one size; knows no model."""

import math
from dataclasses import dataclass

import numpy as np
import torch
from joblib import Parallel, delayed

from skvae._engine.device import OneThread, answering, is_of_memory
from skvae._engine.few import MOST_FEW
from skvae._tables.matrix import chunk_rows, chunks
from skvae.nn.replay import replayed

ROWS_PER_CALL = 512
"""Inference runs in pieces of exactly this many rows, the last one padded, so that a row's result does not depend on
the rows beside it: matrix products of one shape round alike."""

TIMES_AT_ONCE = {"cuda": 16}
"""How many times as many rows a piece has on kinds of devices that need many to be busy."""

DRAWS_PER_CALL, LEAST_ROWS_PER_CALL = 8192, 16
"""Importance draws of all rows of a piece: with many draws a row, pieces have fewer rows, but at least so many."""

MANY_PIECES = 8
"""Pieces from which on it pays to record what is done with one; a recorded piece gives the same bits."""


def rows_per_call(n_draws):
    """Rows of a piece of which each has so many draws."""
    return min(ROWS_PER_CALL, max(DRAWS_PER_CALL // n_draws, LEAST_ROWS_PER_CALL))


def equal_spans(n_rows, n_spans, size):
    """Slices of equal length that cover ``n_rows`` rows, each a multiple of ``size`` but the last."""
    length = max(1, math.ceil(n_rows / (max(n_spans, 1) * size))) * size
    return [slice(start, min(start + length, n_rows)) for start in range(0, n_rows, length)]


@dataclass(frozen=True)
class Pieces:
    """Where functions are computed: a ``device``, on tensors of a ``dtype`` by name."""

    device: str
    dtype: str

    def fill(self, function, array, out, size=ROWS_PER_CALL, prepare=None, few=None):
        """Fill ``out`` with ``function`` of each row of ``array``, in pieces of one fixed size.

        ``prepare`` is what is done with some rows of the array before they become a tensor, None for nothing. Long
        tables are shared out among threads, one a core, each of which computes alone: rows then wait for nothing and
        have the same bits whatever the number of threads. ``few``, a ``Few`` or None, knows of small pieces in which
        they have these bits too.
        """
        if few is not None and self.device == "cpu" and len(array) <= MOST_FEW:
            return self._fill_few(function, array, out, size, prepare, few)
        times = TIMES_AT_ONCE.get(torch.device(self.device).type, 1)
        size = min(times * size, chunk_rows(array.shape[1]))

        def fill(span):
            run = replayed(function, frozen=True) if span.stop - span.start > MANY_PIECES * size else function
            with (
                torch.inference_mode(False),
                torch.no_grad(),
                np.errstate(all="ignore"),
            ):  # which a thread does not inherit
                for part in chunks(span.stop, array.shape[1], span.start):
                    rows = array[part] if prepare is None else prepare(array[part])
                    self._fill_part(run, np.ascontiguousarray(rows, self.dtype), out[part], size)

        n_threads = torch.get_num_threads() if self.device == "cpu" else 1
        with answering(self.device), OneThread():
            spans = equal_spans(len(array), min(n_threads, math.ceil(len(array) / (MANY_PIECES * size))), size)
            if len(spans) < 2:
                for span in spans:
                    fill(span)
            else:
                Parallel(len(spans), require="sharedmem")(map(delayed(fill), spans))
        return out

    def _fill_few(self, function, array, out, size, prepare, few):
        """The same for few rows, without what only pays for many."""
        with answering(self.device), OneThread(), torch.no_grad(), np.errstate(all="ignore"):
            rows = np.ascontiguousarray(array[:] if prepare is None else prepare(array[:]), self.dtype)
            size = min(size, chunk_rows(array.shape[1]))
            small = few.small(function, len(rows), size)
            if small is None or not small.lock.acquire(blocking=False):  # while another thread computes in its memory
                self._fill_part(function, rows, out, size)
                return out
            try:
                self._fill_part(small.run, rows, out, small.size)
            finally:
                small.lock.release()
        return out

    def _fill_part(self, function, rows, out, size):
        """The same for rows that are prepared; where memory runs out, in smaller pieces, which may round otherwise."""
        for start in range(0, len(rows), size):
            piece = rows[start : start + size]
            whole = piece if len(piece) == size else padded(piece, size)
            try:
                result = function(torch.from_numpy(whole).to(self.device))
            except RuntimeError as error:
                if size <= LEAST_ROWS_PER_CALL or not is_of_memory(error):
                    raise
                self._fill_part(function, rows[start:], out[start:], size // 2)
                return
            out[start : start + size] = result[: len(piece)].cpu().numpy()


def padded(rows, size):
    """Rows, and as many zeros below them as make ``size`` rows; ``numpy.pad`` takes ten times as long for few."""
    whole = np.zeros((size, *rows.shape[1:]), rows.dtype)
    whole[: len(rows)] = rows
    return whole
