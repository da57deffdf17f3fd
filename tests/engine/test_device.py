"""What a device is asked for, and what is put back afterwards."""

import threading

import numpy as np
import pytest
import torch

from skvae._engine import pieces
from skvae._engine.device import AllDigits, DeviceMemoryError, answering
from skvae._engine.pieces import Pieces


def digits_of_convolutions():
    """What torch is told of the digits with which a GPU convolves, and whether that is all of them."""
    cudnn = torch.backends.cudnn
    if hasattr(cudnn, "conv"):  # since torch 2.9
        return cudnn.conv.fp32_precision, cudnn.conv.fp32_precision == "ieee"
    return cudnn.allow_tf32, not cudnn.allow_tf32


def test_convolutions_have_all_digits_while_a_model_answers_on_a_gpu():
    before = digits_of_convolutions()
    with answering("cuda:0"):
        assert digits_of_convolutions()[1]
        with answering("cuda"):
            assert digits_of_convolutions()[1]
        assert digits_of_convolutions()[1]
    assert digits_of_convolutions() == before
    assert not before[1]
    with answering("cpu"):
        assert digits_of_convolutions() == before


def test_of_two_threads_the_last_one_puts_back_the_digits():
    before, entered, leave = digits_of_convolutions(), threading.Event(), threading.Event()

    def inside():
        with AllDigits():
            entered.set()
            leave.wait(10)

    thread = threading.Thread(target=inside)
    with AllDigits():
        thread.start()
        assert entered.wait(10)
    assert digits_of_convolutions()[1]
    leave.set()
    thread.join()
    assert digits_of_convolutions() == before


def test_an_error_puts_back_the_digits():
    before = digits_of_convolutions()
    with pytest.raises(KeyError), answering("cuda"):
        raise KeyError
    assert digits_of_convolutions() == before


def test_pieces_are_larger_where_a_device_needs_many_rows(monkeypatch):
    def sizes():
        seen = []

        def function(x):
            seen.append(len(x))
            return x.sum(1)

        X = np.ones((10_000, 2), np.float32)
        np.testing.assert_array_equal(Pieces("cpu", "float32").fill(function, X, np.empty(10_000)), 2.0)
        return set(seen)

    assert sizes() == {512}
    monkeypatch.setitem(pieces.TIMES_AT_ONCE, "cpu", 4)
    assert sizes() == {2048}


@pytest.mark.parametrize("most", [20, 100, 511])
def test_where_memory_runs_out_answers_come_in_smaller_pieces(most):
    sizes = []

    def doubled(x):
        sizes.append(len(x))
        if len(x) > most:
            raise torch.OutOfMemoryError("out of memory")
        return 2.0 * x[:, 0]

    rows, out = np.arange(1200.0)[:, None], np.empty(1200)
    Pieces("cpu", "float64").fill(doubled, rows, out)
    np.testing.assert_array_equal(out, 2.0 * rows[:, 0])
    assert most / 2 < min(sizes) <= most


def test_where_no_piece_is_small_enough_memory_is_the_error():
    def refused(x):
        raise torch.OutOfMemoryError("out of memory")

    with pytest.raises(DeviceMemoryError, match="device='cpu' ran out of memory"):
        Pieces("cpu", "float64").fill(refused, np.zeros((20, 1)), np.empty(20))
