"""A GPU that is only pretended: torch is made to believe that some memory of this process lies on a device "cuda".

A tensor is on the device if its memory is on a list; its numbers are those of a plain tensor, and kernels are the
processor's. What CUDA refuses is an error here: tensors of two devices in one call, a generator of the other device,
numpy of a tensor that is there, and within the capture of a graph whatever the host would have to wait for. What the
host waits for elsewhere is counted. Never: speed, rounding, memory or threads of a GPU, and no autocast.
"""

from collections import Counter
from contextlib import ExitStack, contextmanager, nullcontext
from importlib import import_module
from unittest import mock

import torch
from pretended_graph import Graph, Stream, tensors_in
from torch.multiprocessing.reductions import StorageWeakRef
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import TorchDispatchMode

DEVICE = torch.device("cuda", 0)
"""What tensors that are there call their device."""

READ_BY_THE_HOST = {torch.Tag.dynamic_output_shape, torch.Tag.data_dependent_output}
"""Tags of kernels whose result, or its shape, the host must know."""

CHECKED = {"_linalg_eigh", "_linalg_svd", "_linalg_eigvals", "_linalg_check_errors", "linalg_eig", "linalg_lstsq"}
"""Kernels that look whether they have succeeded."""

COPIES, INDEXING = {"copy_", "_to_copy"}, {"index", "index_put", "index_put_", "_index_put_impl_"}
"""Kernels that take tensors of two devices, and those that take indices of the host."""

TAKE_NUMBERS = {"where", "masked_fill", "masked_fill_", "fill_", "fill", "_fused_adam_", "_fused_adamw_", "_fused_sgd_"}
"""Kernels beside the pointwise ones that take a tensor without dimensions from the host as a number."""

FROM_DATA = {torch.tensor, torch.as_tensor, torch.asarray, torch.Tensor.new_tensor}
"""Functions that copy numbers of Python to where the tensor is to be."""


GROUPS, BACKWARD = "_group_tensors_by_device_and_dtype", "_engine_run_backward"
"""Names of torch's own: what sorts tensors by device in C++, and where gradients are computed."""


class Gpu:
    """What lies on the device, and what the host has waited for: ``waits`` counts it by the name of the function."""

    def __init__(self):
        self._memory, self._is_here, self._sets_number = {}, False, False
        self.waits, self.capture, self.is_replaying, self.n_graphs = Counter(), None, False, 0

    def has(self, tensor):
        """Whether a tensor lies on the device."""
        found = self._memory.get(storage(tensor)._cdata)
        return found is not None and not found.expired()

    def place(self, tensor, there=True):
        """Have the memory of a tensor be the device's, or the host's."""
        if there:
            if len(self._memory) > 4096:
                self._memory = {at: ref for at, ref in self._memory.items() if not ref.expired()}
            memory = storage(tensor)
            self._memory[memory._cdata] = StorageWeakRef(memory)
        else:
            self._memory.pop(storage(tensor)._cdata, None)
        return tensor

    def waited(self, name):
        """The host waits for the device, which it cannot while a graph is captured."""
        if self.capture is not None:
            raise RuntimeError(f"CUDA error: operation not permitted when stream is capturing ({name})")
        self.waits[name] += 1

    @contextmanager
    def _at(self, there):
        """Where tensors are made of nothing by what a function calls."""
        before, self._is_here = self._is_here, there
        try:
            yield
        finally:
            self._is_here = before

    def call(self, function, args, kwargs):
        """What a function of torch returns."""
        if isinstance(function, torch._ops.OpOverload):  # a kernel that another mode passes on
            return function(*args, **kwargs)
        if function in INSTEAD:
            return INSTEAD[function](self, *args, **kwargs)
        tensors = tensors_in((args, kwargs))
        there = any(map(self.has, tensors)) if kwargs.get("device") is None else is_there(kwargs["device"])
        self._check_generator([*args, *kwargs.values()], there)
        if function in FROM_DATA and there and not any(map(self.has, tensors_in(args[-1:]))):
            self.waited(function.__name__)
        self._sets_number = function is torch.Tensor.__setitem__ and not isinstance(args[2], torch.Tensor)
        given = kwargs if kwargs.get("device") is None else kwargs | {"device": "cpu"}
        with self._at(there):
            result = function(*args, **given)
        if kwargs.get("device") is not None or function in FROM_DATA:
            known = {storage(tensor)._cdata for tensor in tensors}
            for tensor in tensors_in(result):
                if storage(tensor)._cdata not in known:
                    self.place(tensor, there)
        return result

    def _check_generator(self, values, there):
        """Refuse a generator of the other device, and one that the graph being captured does not know."""
        for generator in (value for value in values if isinstance(value, torch._C.Generator)):
            if (generator.device.type == "cuda") != there:
                raise RuntimeError(f"Expected another device type for generator but found {generator.device}")
            if self.capture is not None:
                self.capture.check(generator)

    def kernel(self, function, args, kwargs):
        """What a kernel returns, of tensors that lie where it can read them."""
        if self.is_replaying:
            return function(*args, **kwargs)
        tensors = tensors_in((args, kwargs))
        there = [self.has(tensor) for tensor in tensors]
        if any(there):
            self._check(function, args, kwargs, tensors, there)
        if self.capture is not None and any(there):
            self.capture.before(tensors)
        result = function(*args, **kwargs)
        if any(there) or (self._is_here and not tensors):
            known = {storage(tensor)._cdata for tensor in tensors}
            for tensor in tensors_in(result):
                if storage(tensor)._cdata not in known:
                    self.place(tensor)
            if self.capture is not None:
                self.capture.after(function, args, kwargs, result)
        return result

    def _check(self, function, args, kwargs, tensors, there):
        """Refuse tensors of two devices; count what the host waits for."""
        name = function.overloadpacket.__name__
        on_host = [tensor for tensor, is_on_gpu in zip(tensors, there, strict=True) if not is_on_gpu]
        if name in COPIES:
            is_waited_for = on_host and not (kwargs.get("non_blocking") or (*args, False, False)[2] is True)
            if is_waited_for and not (self._sets_number and on_host[0].ndim == 0):
                self.waited(name)
            return
        if counts_a_mask(args) if name in INDEXING else name in CHECKED or READ_BY_THE_HOST & set(function.tags):
            self.waited(name)
        if name in INDEXING and self.has(args[0]):
            indices = [index for index in tensors_in(args[1]) if not self.has(index)]
            on_host = [tensor for tensor in on_host if tensor.ndim and all(tensor is not index for index in indices)]
            if indices:
                self.waited(name)
        if torch.Tag.pointwise in function.tags or name in TAKE_NUMBERS:
            on_host = [tensor for tensor in on_host if tensor.ndim]
        if on_host:
            raise RuntimeError(f"Expected all tensors to be on the same device, but found cuda:0 and cpu ({function})")

    def move(self, tensor, there, blocking=True, **options):
        """A tensor on the device or on the host, itself if it is there."""
        if there == self.has(tensor):
            return tensor.to(**options)
        if blocking:
            self.waited("to the device" if there else "to the host")
        elif self.capture is not None:
            raise RuntimeError("CUDA error: a graph would copy from memory that is not pinned")
        return self.place(tensor.to(copy=True, **options), there)


def storage(tensor):
    """The memory of a tensor, of one that torch.func has wrapped that of what is inside."""
    while torch._C._functorch.is_functorch_wrapped_tensor(tensor):
        tensor = torch._C._functorch.get_unwrapped(tensor)
    return tensor.untyped_storage()


def is_there(device):
    """Whether a device is the one that is pretended; there is no second one."""
    device = torch.device(DEVICE.type, device) if isinstance(device, int) else torch.device(device)
    if device.type == DEVICE.type and device.index not in (None, DEVICE.index):
        raise RuntimeError("CUDA error: invalid device ordinal")
    return device.type == DEVICE.type


def counts_a_mask(args):
    """Whether an index is a mask whose cells must be counted: not where all of them become one number."""
    masks = [index for index in tensors_in(args[1]) if index.dtype in (torch.bool, torch.uint8)]
    return bool(masks) and not (len(args) > 2 and args[2].numel() == 1)


def where_to(gpu, *args, **kwargs):
    """Device, dtype, whether nothing waits, and layout of what ``Tensor.to`` and ``Module.to`` are given."""
    device, *others = torch._C._nn._parse_to(*args, **kwargs)
    like = args[0] if args and isinstance(args[0], torch.Tensor) else kwargs.get("other")
    return device if like is None else DEVICE if gpu.has(like) else torch.device("cpu"), *others


def moved(gpu, tensor, *args, copy=False, **kwargs):
    """``Tensor.to``."""
    device, dtype, waits_not, layout = where_to(gpu, *args, **kwargs)
    options = {"dtype": dtype or tensor.dtype} | ({} if layout is None else {"memory_format": layout})
    result = gpu.move(tensor, gpu.has(tensor) if device is None else is_there(device), not waits_not, **options)
    return result.clone() if copy and result is tensor else result


def listed(gpu, tensor):
    """``Tensor.tolist``."""
    if gpu.has(tensor):
        gpu.waited("tolist")
    return tensor.tolist()


def of_the_host(function):
    """A function that only tensors of the host have."""

    def checked(gpu, tensor, *args, **kwargs):
        if gpu.has(tensor):
            raise TypeError("can't convert cuda:0 device type tensor to numpy. Use Tensor.cpu() first.")
        return function(tensor, *args, **kwargs)

    return checked


INSTEAD = {
    torch.Tensor.device.__get__: lambda gpu, tensor: DEVICE if gpu.has(tensor) else tensor.device,
    torch.Tensor.is_cuda.__get__: lambda gpu, tensor: gpu.has(tensor),
    torch.Tensor.is_cpu.__get__: lambda gpu, tensor: not gpu.has(tensor),
    torch.Tensor.get_device: lambda gpu, tensor: 0 if gpu.has(tensor) else -1,
    torch._C._nn._parse_to: where_to,
    torch.Tensor.to: moved,
    torch.Tensor.cpu: lambda gpu, tensor: gpu.move(tensor, False),
    torch.Tensor.cuda: lambda gpu, tensor, device=0: gpu.move(tensor, is_there(device or 0)),
    torch.Tensor.tolist: listed,
    **{each: of_the_host(each) for each in (torch.Tensor.numpy, torch.Tensor.__array__, torch.Tensor.__dlpack__)},
}
"""What is done in place of functions that ask where a tensor lies, or bring it elsewhere."""


class Functions(TorchFunctionMode):
    """Context in which functions of torch are those of the pretended device."""

    def __init__(self, gpu):
        super().__init__()
        self._gpu = gpu

    def __torch_function__(self, function, types, args=(), kwargs=None):
        return self._gpu.call(function, args, kwargs or {})


class Told:
    """What the mode below does; not in the mode itself, because a mode's own method imports torch's compiler."""

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        with torch._C.DisableTorchFunction():
            return self._gpu.kernel(function, args, kwargs or {})


class Kernels(Told, TorchDispatchMode):
    """Context in which kernels are those of the pretended device, of gradients too."""

    def __init__(self, gpu):
        super().__init__()
        self._gpu = gpu


class Generator(torch.Generator):
    """A generator of the host or of the device: of one seed both draw the same numbers."""

    def __new__(cls, device="cpu"):
        made = super().__new__(cls)
        made.is_there = is_there(device)
        return made

    @property
    def device(self):
        return DEVICE if self.is_there else torch.device("cpu")

    def clone_state(self):
        other = type(self)(self.device)
        other.set_state(self.get_state())
        return other

    def graphsafe_set_state(self, other):
        self.set_state(other.get_state())


class Usual:
    """The generator that draws where none is given, as one of the device."""

    device = DEVICE
    get_state, set_state = torch.default_generator.get_state, torch.default_generator.set_state


def by_device(group):
    """A function that groups lists of tensors by device and dtype, by the devices that these call theirs."""

    def grouped(*args):
        groups = group(*args).items()
        return {(tensors[0][0].device, dtype): (tensors, places) for (_, dtype), (tensors, places) in groups}

    return grouped


def within(mode, function):
    """A function that runs in a context of its own."""

    def run(*args, **kwargs):
        with mode:
            return function(*args, **kwargs)

    return run


def instead(gpu, functions):
    """What of torch is another thing while a device is pretended: triples of a module, a name and that thing."""
    there = {
        "is_available": lambda: True,
        "device_count": lambda: 1,
        "is_bf16_supported": lambda **options: False,
        "synchronize": lambda device=None: gpu.waited("synchronize"),
        "current_stream": lambda device=None: Stream(gpu),
        "Stream": lambda device=None: Stream(gpu),
        "stream": nullcontext,
        "CUDAGraph": lambda: Graph(gpu),
        "default_generators": (Usual(),),
    }
    yield from ((torch.cuda, *item) for item in there.items())
    yield torch, "Generator", Generator
    for module in map(import_module, ("torch.optim.optimizer", "torch.nn.utils.clip_grad")):
        yield module, GROUPS, by_device(getattr(module, GROUPS))
    # what a function of torch calls is not told to the mode again, but gradients may be functions in Python
    yield torch.autograd, BACKWARD, within(functions, getattr(torch.autograd, BACKWARD))


@contextmanager
def pretended():
    """A device "cuda" for this thread."""
    gpu = Gpu()
    functions = Functions(gpu)
    with ExitStack() as stack:
        for module, name, value in instead(gpu, functions):
            stack.enter_context(mock.patch.object(module, name, value))
        stack.enter_context(Kernels(gpu))
        stack.enter_context(functions)
        yield gpu
