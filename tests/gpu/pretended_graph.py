"""CUDA graphs and streams of the pretended device."""

from functools import cache

import torch


class Stream:
    """A stream: the pretended device has one, and what it is asked is done at once."""

    def __init__(self, gpu):
        self._gpu = gpu

    def wait_stream(self, other):
        """Wait on the device, not on the host."""

    def synchronize(self):
        self._gpu.waited("synchronize")


class Graph:
    """Kernels that are noted while they are captured, and run again in the same memory.

    A capture computes nothing: what lay in memory before is there after it, and what was made is not a number until
    the first replay.
    """

    def __init__(self, gpu):
        self._gpu, self._generators, self._before = gpu, [], []
        self._kernels, self._kept, self._made = [], {}, {}

    def register_generator_state(self, generator):
        self._generators.append(generator)

    def capture_begin(self, capture_error_mode="global"):
        self._before = [generator.get_state() for generator in self._generators]
        self._gpu.capture = self

    def capture_end(self):
        self._gpu.capture = None
        for generator, state in zip(self._generators, self._before, strict=True):
            generator.set_state(state)
        with self._unwatched():
            for memory, before in self._kept.values():
                memory.copy_(before)
            for made in self._made.values():
                if made.is_floating_point():
                    made.fill_(torch.nan)
        self._gpu.n_graphs += 1

    def check(self, generator):
        """Refuse to draw from a generator that is not registered: every replay would draw the same numbers."""
        if all(generator is not own for own in self._generators):
            raise RuntimeError("a generator must be registered with the graph that draws from it")

    def before(self, tensors):
        """Keep what lies in memory from outside that a kernel may change."""
        for tensor in tensors:
            memory = tensor.untyped_storage()
            if memory._cdata not in self._kept and memory._cdata not in self._made:
                whole = torch.empty(0, dtype=torch.uint8).set_(memory)
                self._kept[memory._cdata] = whole, whole.clone()

    def after(self, function, args, kwargs, result):
        """Note a kernel."""
        places = [tensor.detach() for tensor in tensors_in(result)]
        for place in places:
            memory = place.untyped_storage()._cdata
            if memory not in self._kept:
                self._made.setdefault(memory, place)
        own = {tensor.untyped_storage()._cdata for tensor in tensors_in((args, kwargs))}
        is_made = [place.untyped_storage()._cdata not in own for place in places]
        self._kernels.append((function, detached(args), detached(kwargs), places if any(is_made) else []))

    def replay(self):
        with self._unwatched():
            for function, args, kwargs, places in self._kernels:
                result = function(*args, **kwargs)
                for place, value in zip(places, tensors_in(result) if places else (), strict=True):
                    if place.data_ptr() != value.data_ptr():
                        place.copy_(value)

    def _unwatched(self):
        return Unwatched(self._gpu)


class Unwatched:
    """Context in which the device works on its own."""

    def __init__(self, gpu):
        self._gpu, self._contexts = (
            gpu,
            [torch.no_grad(), torch._C.DisableTorchFunction(), torch._C._DisableTorchDispatch()],
        )

    def __enter__(self):
        self._gpu.is_replaying = True
        for context in self._contexts:
            context.__enter__()

    def __exit__(self, *exception):
        for context in reversed(self._contexts):
            context.__exit__(*exception)
        self._gpu.is_replaying = False


def tensors_in(values):
    """The tensors in nested lists, tuples and dictionaries."""
    found = []
    gather(values, found)
    return found


def gather(values, found):
    """Append the tensors in ``values``; asked for every kernel, so types are judged once."""
    is_tensor, is_container = judged(type(values))
    if is_tensor:
        found.append(values)
    elif is_container:
        for value in values.values() if isinstance(values, dict) else values:
            gather(value, found)


@cache
def judged(kind):
    """Whether a type is one of tensors, and whether one of containers."""
    return issubclass(kind, torch.Tensor), issubclass(kind, list | tuple | dict)


def detached(values):
    """The same values, with tensors that know of no gradient."""
    if isinstance(values, torch.Tensor):
        return values.detach()
    if isinstance(values, dict):
        return {name: detached(value) for name, value in values.items()}
    return type(values)(map(detached, values)) if isinstance(values, list | tuple) else values
