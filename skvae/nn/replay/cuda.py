"""Recordings of a call on a GPU, as a CUDA graph. Never: whether one may be trusted."""

import threading
from contextlib import contextmanager

import torch

from skvae.nn.replay.kernels import NotReplayableError, identical, tensors_in
from skvae.nn.replay.recorder import Recorder, Values

CAPTURES = threading.Lock()
"""One capture at a time: each ends before another thread asks the device for memory of a graph."""

STREAMS = threading.local()
"""One stream a thread and device: libraries keep memory for every stream on which they were called, for good."""

FROM_VALUES = {torch.ops.aten.lift_fresh.default}
"""Functions that make a tensor of Python's numbers: a copy from the host, for which a graph would have to wait."""

READ_MASKS = {torch.ops.aten.index_put.default, torch.ops.aten.index_put_.default}
"""Functions that count the cells of a mask, which the host waits for, where one is among what they are given."""


class GraphRecording:
    """One call of a function on a GPU, ready to be repeated on other inputs of the same shapes.

    The call runs twice: once plainly, on a stream of its own, watched by a recorder, and once to be captured, which
    computes nothing. ``found`` is what the first found, the output and the gradients, and ``state`` that of the
    generator after it; both are left as they come.
    """

    def __init__(self, function, inputs, gradients=(), generator=None, frozen=False):
        self._inputs = [tensor.clone() for tensor in inputs]
        before = generator and generator.clone_state()
        with on_a_stream(inputs[0].device) as stream:
            with Recorder(gradients) as recorder, Values():
                output = function(*self._inputs)
            for kernel in recorder.kernels:
                check(kernel)
            self.state = generator and generator.get_state()
            self.found = [tensor.detach().clone() for tensor in (output, *gradients)]
            del output, recorder
            self._graph = torch.cuda.CUDAGraph()
            if generator is not None:
                self._graph.register_generator_state(generator)
            try:
                self.output = captured(self._graph, function, self._inputs, stream)
            except RuntimeError as error:
                if generator is not None:  # one of a capture that broke off draws no more numbers
                    generator.graphsafe_set_state(before)
                raise NotReplayableError(f"a CUDA graph cannot hold it: {error}") from error

    def was_of(self, inputs):
        """Whether the call was one of these very inputs, or the last replay was."""
        return all(map(identical, self._inputs, inputs))

    def replay(self, *inputs):
        """The output for new inputs, in the memory of the last one."""
        for own, given in zip(self._inputs, inputs, strict=True):
            own.copy_(given, non_blocking=True)
        self._graph.replay()
        return self.output


def graph_of(function, state):
    """A graph of a call without arguments that changes tensors in place; it is captured, not computed."""

    def call():
        function()
        return state[0]

    graph = torch.cuda.CUDAGraph()
    with on_a_stream(state[0].device) as stream:
        try:
            captured(graph, call, (), stream)
        except RuntimeError as error:
            raise NotReplayableError(f"a CUDA graph cannot hold it: {error}") from error
    return graph


@contextmanager
def on_a_stream(device):
    """A stream beside the current one, which begins where that is and which that waits for at the end."""
    streams = vars(STREAMS).setdefault("by_device", {})
    current, stream = torch.cuda.current_stream(device), streams.get(device) or torch.cuda.Stream(device)
    streams[device] = stream
    stream.wait_stream(current)
    try:
        with torch.cuda.stream(stream):
            yield stream
    finally:
        current.wait_stream(stream)


def captured(graph, function, inputs, stream):
    """The output of a call that is captured, not computed."""
    with CAPTURES:
        stream.synchronize()
        graph.capture_begin(capture_error_mode="thread_local")
        try:
            output = function(*inputs).detach()
        except BaseException:
            abandoned(graph)
            raise
        graph.capture_end()
        return output


def abandoned(graph):
    """End a capture whose function has failed; what the device says of it is the consequence of that failure."""
    try:
        graph.capture_end()
    except RuntimeError:
        return


def check(kernel):
    """Refuse what the host waits for: numbers of Python, copies between host and device, masks that are counted."""
    masks = [t for t in tensors_in(kernel.args[1:2]) if t.dtype in (torch.bool, torch.uint8)]
    moves = {tensor.device for tensor in (*kernel.reads, *kernel.returns) if tensor.ndim}
    if kernel.function in FROM_VALUES or (kernel.function in READ_MASKS and masks) or len(moves) > 1:
        raise NotReplayableError(f"{kernel.function} waits for the device")
