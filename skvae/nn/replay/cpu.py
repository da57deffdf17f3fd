"""Recordings of kernels on the CPU. Never: whether one may be trusted."""

import torch

from skvae.nn.replay.kernels import NotReplayableError, identical
from skvae.nn.replay.memory import changing, n_bytes, share_memory, work_in_place, write_to_gradients
from skvae.nn.replay.recorder import Recorder, Values

LARGEST, LARGEST_FROZEN = 2**26, 2**27
"""Bytes that one recording may hold on to; where it takes more, kernels are long and what is around them short. Where
nothing but the inputs changes less is computed, and so more may be."""


class Recording:
    """One call of a function, ready to be repeated on other inputs of the same shapes.

    ``found`` is what the call found, the output and the gradients, and ``state`` that of the generator after it; both
    are left as they come.
    """

    def __init__(self, function, inputs, gradients=(), generator=None, frozen=False):
        self._inputs = [tensor.clone() for tensor in inputs]
        with Recorder(gradients) as recorder, Values():
            self.output = function(*self._inputs)
        self.state = generator and generator.get_state()
        kernels = [kernel for kernel in recorder.kernels if not kernel.is_view]
        largest = LARGEST_FROZEN if frozen else LARGEST
        if n_bytes(kernels) > largest:
            raise NotReplayableError(f"more than {largest} bytes")
        kernels = changing(kernels, self._inputs) if frozen else write_to_gradients(kernels, gradients)
        work_in_place(kernels)
        results = [self.output, *gradients]
        self.found = [tensor.detach().clone() for tensor in results]
        with torch.inference_mode():
            calls = [kernel.call() for kernel in kernels]
            self._calls = share_memory(kernels, calls, [*results, *self._inputs])
        self.output.detach().fill_(torch.nan)

    def was_of(self, inputs):
        """Whether the call was one of these very inputs, or the last replay was."""
        return all(map(identical, self._inputs, inputs))

    @torch.inference_mode()
    def replay(self, *inputs):
        """The output for new inputs, in the memory of the last one."""
        for own, given in zip(self._inputs, inputs, strict=True):
            own.copy_(given)
        for function, args, kwargs in self._calls:
            function(*args, **kwargs)
        return self.output
