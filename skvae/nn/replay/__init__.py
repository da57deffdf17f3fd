"""A function of tensors recorded once and replayed: the same kernels without the work around them.

A kernel of a small network takes a few microseconds, dispatch, autograd and memory around it several times that.
``replayed`` calls a function, writes down every kernel that the call and its backward pass run, and runs those into the
same memory again; on a GPU they are a CUDA graph. Never: what is computed.
"""

import torch

from skvae.nn.replay.cpu import Recording
from skvae.nn.replay.cuda import GraphRecording, graph_of
from skvae.nn.replay.kernels import NotReplayableError, identical

LARGEST_INPUT = {"cpu": 2**22, "cuda": 2**26}
"""Kinds of device on which calls are recorded, and the bytes that the first input of a replay may have there, as what
is computed from it takes many times that."""

MARGIN = 64.0
"""How far a replay may be from the plain call, in units of rounding of the largest value."""


def replayed(function, generator=None, gradients=(), frozen=False):
    """The function from tensors to one tensor of floats, replayed where that has been shown to be the same.

    Of each set of shapes the first call runs plainly, the second is recorded, and the next one on other values runs
    plainly and replayed: only where output, gradients and chance are equal, later calls are replays. A function that
    reads values, draws numbers without a generator or changes what is not its own always runs plainly.

    Parameters
    ----------
    function : callable
        From tensors to one tensor.
    generator : torch.Generator or None
        Where its random numbers come from.
    gradients : sequence of tensors
        What it may add to; zero before every call.
    frozen : bool
        Whether nothing but the inputs changes between calls: the rest is computed once, and replays have the same bits.

    Returns
    -------
    function : callable
        Its output is good until the next call.
    """
    return Replayed(function, generator, gradients, frozen)


def in_place(function, state):
    """A function without arguments that changes the tensors of its ``state`` alone, replayed on a GPU as one launch.

    The first call runs plainly; the second runs plainly and replayed, and later calls are replays only where both moved
    the state alike. Whatever else the function reads, such as a learning rate, is a tensor that stays in its place.
    """
    return InPlace(function, state) if state[0].device.type == "cuda" else function


class InPlace:
    """What ``in_place`` returns on a GPU; ``refused`` says why calls are not replays."""

    def __init__(self, function, state):
        self.function, self._state, self._graph, self._is_first, self.refused = function, state, None, True, None

    def __call__(self):
        if self._graph is not None:
            self._graph.replay()
        elif self._is_first or self.refused:
            self._is_first = False
            self.function()
        else:
            self._graph = self._proved()

    def _proved(self):
        """A graph that moves the state as the function does; None where there is none. The state has moved once."""
        try:
            graph = graph_of(self.function, self._state)
        except NotReplayableError as error:
            self.refused = str(error)
            return self.function()
        before = [tensor.clone() for tensor in self._state]
        self.function()
        expected = [tensor.clone() for tensor in self._state]
        put(self._state, before)
        graph.replay()
        if all(same(*pair, exact=False) for pair in zip(expected, self._state, strict=True)):
            return graph
        self.refused = "a replay differs from the call"
        put(self._state, expected)
        return None


def put(tensors, values):
    """Values in the place of those of tensors."""
    for tensor, value in zip(tensors, values, strict=True):
        tensor.copy_(value)


class Replayed:
    """What ``replayed`` returns: recordings by shapes, and which of them are trusted or refused."""

    def __init__(self, function, generator, gradients, frozen):
        self.function, self._generator, self._gradients, self._frozen = function, generator, gradients, frozen
        self._seen, self._recordings, self._repeatable, self.trusted, self.refused = set(), {}, set(), {}, {}

    def __call__(self, *inputs):
        if inputs[0].nbytes > LARGEST_INPUT.get(inputs[0].device.type, -1):
            return self.function(*inputs)
        shapes = tuple(tensor.shape for tensor in inputs)
        if shapes in self.trusted:
            return self.trusted[shapes].replay(*inputs)
        if shapes in self.refused or shapes not in self._seen:
            self._seen.add(shapes)
            return self.function(*inputs)
        before = self._state
        try:
            return self._proved(shapes, inputs) if shapes in self._recordings else self._recorded(shapes, inputs)
        except NotReplayableError as error:
            self.refused[shapes] = str(error)
            self._recordings.pop(shapes, None)
            self._go_back(before)
            return self.function(*inputs)

    @property
    def _state(self):
        return self._generator and self._generator.get_state()

    def _go_back(self, state):
        """To before a call."""
        if self._generator:
            self._generator.set_state(state)
        for gradient in self._gradients:
            gradient.zero_()

    def _recorded(self, shapes, inputs):
        """The output of a replay of the call that is recorded."""
        before = self._state
        recording = RECORDINGS[inputs[0].device.type](
            self.function, inputs, self._gradients, self._generator, self._frozen
        )
        output = self._compared(recording, inputs, before, recording.state, recording.found)
        self._recordings[shapes] = recording
        return output

    def _proved(self, shapes, inputs):
        """The output of a replay that is trusted from here on; of one with the recorded inputs only for these.

        Where they are what they were, an output that has moved, as weights do, is a proof for these inputs alone.
        """
        recording, before, is_same = self._recordings[shapes], self._state, self._recordings[shapes].was_of(inputs)
        if is_same and shapes in self._repeatable:
            return recording.replay(*inputs)
        expected = [tensor.detach().clone() for tensor in (self.function(*inputs), *self._gradients)]
        output = self._compared(recording, inputs, before, self._state, expected)
        if not is_same:
            self.trusted[shapes] = self._recordings.pop(shapes)
        elif not identical(expected[0], recording.found[0]):
            self._repeatable.add(shapes)
        return output

    def _compared(self, recording, inputs, before, after, expected):
        """The output of a replay if it is what a plain call has found, from the same numbers on."""
        self._go_back(before)
        found = [recording.replay(*inputs), *self._gradients]
        if not (self._generator is None or torch.equal(after, self._state)):
            raise NotReplayableError("a replay draws other numbers than the call")
        if not all(same(*pair, exact=self._frozen) for pair in zip(expected, found, strict=True)):
            raise NotReplayableError("a replay differs from the call")
        return found[0]


def same(one, other, exact):
    """Whether two tensors are the same to the bit, or differ by no more than rounding."""
    if exact or not one.numel():
        return identical(one, other)
    if not torch.equal(one.isfinite(), other.isfinite()):
        return False
    largest = one.nan_to_num(0.0, 0.0, 0.0).abs().max()
    apart = (one - other).nan_to_num(0.0, 0.0, 0.0).abs().max()
    return bool(apart <= MARGIN * torch.finfo(one.dtype).eps * largest)


RECORDINGS = {"cpu": Recording, "cuda": GraphRecording}
