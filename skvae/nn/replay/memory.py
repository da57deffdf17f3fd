"""Where kernels write: what need not be computed again, in place, into gradients, or where nothing is read any more."""

import torch

from skvae.nn.replay.kernels import layout, memory, place, tensors_in, with_each


def n_bytes(kernels):
    """Memory that kernels write to."""
    return sum({memory(t): t.untyped_storage().nbytes() for kernel in kernels for t in kernel.returns}.values())


def changing(kernels, inputs):
    """The kernels whose results differ between replays: what reads the inputs or chance, and what writes beside it."""
    moving, n_before = {memory(tensor) for tensor in inputs}, -1
    while len(moving) > n_before:
        n_before = len(moving)
        for kernel in kernels:
            if kernel.is_random or any(memory(tensor) in moving for tensor in kernel.reads):
                moving |= {memory(tensor) for tensor in kernel.returns}
    return [kernel for kernel in kernels if any(memory(tensor) in moving for tensor in kernel.returns)]


def laid_out_like(gradient, result, added):
    """``gradient`` with the layout of ``result``, of which ``added`` is a view; None where there is no such view."""
    if result.dtype != gradient.dtype:
        return None
    if layout(result) == layout(added):
        return gradient
    if result.ndim == 2 and layout(result.mT) == layout(added):
        return gradient.mT
    if result.is_contiguous() and added.is_contiguous() and gradient.is_contiguous():
        return gradient.view(result.shape)
    return None


def readers(kernels):
    """How many kernels read each memory."""
    count = {}
    for kernel in kernels:
        for where in {memory(tensor) for tensor in kernel.reads}:
            count[where] = count.get(where, 0) + 1
    return count


def work_in_place(kernels):
    """Let elementwise kernels work in the memory of their result where nothing else reads what they are given."""
    n_readers, writer = readers(kernels), {}
    for kernel in kernels:
        function = getattr(torch.ops.aten, kernel.function.overloadpacket.__name__ + "_", None)
        function = getattr(function, kernel.function._overloadname, None)
        source = writer.get(memory(kernel.reads[0])) if kernel.reads else None
        if kernel.changes_in_place or len(kernel.returns) > 1:
            continue
        writer[memory(kernel.returns[0])] = kernel
        if function is None or source is None or kernel.args[0] is not kernel.reads[0]:
            continue
        given, result = kernel.reads[0], kernel.returns[0]
        others = {memory(tensor) for tensor in kernel.reads if place(tensor) != place(given)}
        alike = given.dtype == result.dtype and layout(given) == layout(result)
        if alike and n_readers[memory(given)] == 1 and memory(given) not in others:
            target = laid_out_like(result, source.returns[0], given)
            if target is not None:
                source.returns, kernel.args = [target], tuple(replaced(arg, given, result) for arg in kernel.args)
                kernel.function, kernel.changes_in_place = function, True
                del writer[memory(result)]


def replaced(arg, old, new):
    """``new`` where an argument is ``old``."""
    return new if isinstance(arg, torch.Tensor) and place(arg) == place(old) else arg


def write_to_gradients(kernels, gradients):
    """Let kernels whose result is only added to an empty gradient write there themselves; the kernels that remain."""
    empty, n_readers, writer, kept = {place(gradient) for gradient in gradients}, readers(kernels), {}, []
    for kernel in kernels:
        if kernel.function is torch.ops.aten.add_.Tensor and place(kernel.args[0]) in empty and not kernel.kwargs:
            gradient, added = kernel.args
            empty.discard(place(gradient))
            source = writer.get(memory(added)) if n_readers[memory(added)] == 1 else None
            target = source and laid_out_like(gradient, source.returns[0], added)
            if target is not None:
                source.returns = [target]
                continue
        if not kernel.changes_in_place and len(kernel.returns) == 1:
            writer[memory(kernel.returns[0])] = kernel
        kept.append(kernel)
    return kept


def share_memory(kernels, calls, kept):
    """Let results lie where others lay that nothing reads any more: little memory stays close to the processor.

    ``calls`` are those of the kernels, ``kept`` tensors that are read after the last one. The calls as they are then.
    """
    used = [{memory(tensor) for tensor in tensors_in((args, kwargs))} for _, args, kwargs in calls]
    last = {where: position for position, each in enumerate(used) for where in each}
    known, free, home, moved_calls = {memory(tensor) for tensor in kept}, {}, {}, []

    def moved(tensor):
        storage = home.get(memory(tensor))
        if storage is None:
            return tensor
        return tensor.new_empty(0).set_(storage, tensor.storage_offset(), tensor.shape, tensor.stride())

    for position, (kernel, (function, args, kwargs)) in enumerate(zip(kernels, calls, strict=True)):
        if not kernel.changes_in_place:
            for result in kernel.returns:
                if memory(result) not in known:
                    left = free.get(result.untyped_storage().nbytes())
                    home[memory(result)] = left.pop() if left else result.untyped_storage()
        known |= used[position]
        for where in used[position] & home.keys():
            if last[where] == position:
                free.setdefault(home[where].nbytes(), []).append(home[where])
        moved_calls.append((function, with_each(moved, args), with_each(moved, kwargs)))
    return moved_calls
