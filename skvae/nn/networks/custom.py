"""Networks of one's own: any classes or functions that make modules of torch."""

from contextlib import contextmanager

import torch

from skvae.nn.networks.base import Network
from skvae.nn.networks.convolutional import Shift
from skvae.nn.networks.dropout import Acting

ROWS_TRIED = 2
"""Rows that a new module is tried on."""


class Custom(Acting, Network):
    """A module of one's own, and a number added to each of its outputs.

    The module is in training mode only where the dropout of other networks acts too, so that validation rows are judged
    by what will be used. What it draws from torch's global generator comes from the one that is lent.

    Parameters
    ----------
    module : torch.nn.Module
        From tensors (batch, in_features) to (batch, out_features).
    in_features, out_features : int
        Numbers that go in and come out.
    """

    same_bits = False

    def __init__(self, module, in_features, out_features):
        super().__init__()
        self.module, self.shift = module, Shift(out_features)
        self._width = max(in_features, out_features)

    def forward(self, x):
        rows = x.reshape(-1, x.shape[-1])
        acts = self.generator is not None and len(rows) > 1  # of one row BatchNorm has no variance
        if self.module.training != acts:
            self.module.train(acts)
        with drawing_from(self.generator if acts else None):
            outputs = self.module(rows)
        return self.shift(outputs).view(*x.shape[:-1], -1)

    @property
    def last_layer(self):
        return self.shift

    @property
    def n_products(self):
        return sum(parameter.numel() for parameter in self.module.parameters())

    @property
    def width(self):
        return max([self._width, *(parameter.shape[:1].numel() for parameter in self.module.parameters())])


@contextmanager
def drawing_from(generator):
    """Have torch's global generator draw the next numbers of another one, or leave it alone; then put it back."""
    if generator is None or generator.device.type not in GLOBAL_GENERATORS:
        yield
        return
    usual = GLOBAL_GENERATORS[generator.device.type](generator.device)
    before = usual.get_state()
    usual.set_state(generator.get_state())
    try:
        yield
        generator.set_state(usual.get_state())
    finally:
        usual.set_state(before)


def custom_encoder(in_features, out_features, hidden_layer_sizes, activation, generator, encoder, decoder):
    """A network of what ``encoder`` makes."""
    return custom(in_features, out_features, generator, encoder)


def custom_decoder(in_features, out_features, hidden_layer_sizes, activation, generator, encoder, decoder):
    """A network of what ``decoder`` makes."""
    return custom(in_features, out_features, generator, decoder)


def custom(in_features, out_features, generator, make):
    """A network of what ``make(in_features, out_features)`` returns, if it is a new module that maps such rows.

    First weights are drawn from torch's global generator, which is set meanwhile and then put back.
    """
    name, own = name_of(make), torch.Generator().manual_seed(int(torch.randint(2**31, (1,), generator=generator)))
    with drawing_from(own):
        module, other = (made(name, make, in_features, out_features) for _ in range(2))
        check_new(name, module, other)
        check_outputs(name, module, in_features, out_features)  # lazy modules draw their weights here
    return Custom(module, in_features, out_features)


def name_of(make):
    """What a class or function is called; of a ``functools.partial`` what the function inside is."""
    inner = getattr(make, "func", make)
    return getattr(inner, "__qualname__", type(inner).__name__)


def made(name, make, in_features, out_features):
    """What ``make(in_features, out_features)`` returns."""
    try:
        return make(in_features, out_features)
    except Exception as error:
        raise ValueError(
            f"{name}({in_features}, {out_features}) fails with {type(error).__name__}: {error}. network=Custom(...) "
            "calls it with these two numbers alone; functools.partial can give it others."
        ) from error


def check_new(name, module, other):
    """Refuse what is no module, and what is the same one at every call."""
    for each in (module, other):
        if not isinstance(each, torch.nn.Module):
            raise TypeError(f"{name}(in_features, out_features) must return a torch.nn.Module, not {each!r}.")
    if {id(each) for each in module.parameters()} & {id(each) for each in other.parameters()} or module is other:
        raise ValueError(
            f"{name} returns the same module, or the same weights, every time it is called. Make new ones in it: "
            "models that share weights would train each other's."
        )


def check_outputs(name, module, in_features, out_features):
    """Refuse a module that does not map rows of so many numbers to rows of so many others."""
    was_training = module.training
    module.eval()
    try:
        with torch.no_grad():
            outputs = module(torch.zeros(ROWS_TRIED, in_features))
    except Exception as error:
        raise ValueError(
            f"{name}({in_features}, {out_features}) fails on {ROWS_TRIED} rows of {in_features} numbers: {error}"
        ) from error
    module.train(was_training)
    wanted = (ROWS_TRIED, out_features)
    if not isinstance(outputs, torch.Tensor) or tuple(outputs.shape) != wanted:
        found = tuple(outputs.shape) if isinstance(outputs, torch.Tensor) else type(outputs).__name__
        raise ValueError(
            f"{name}({in_features}, {out_features}) maps {ROWS_TRIED} rows to {found}; it must be {wanted}. An encoder "
            "of a VAE says a mean and a scale of each component, a decoder what its likelihood asks for: take both "
            "numbers from the arguments."
        )


GLOBAL_GENERATORS = {
    "cpu": lambda device: torch.default_generator,
    "cuda": lambda device: torch.cuda.default_generators[device.index or 0],
}
"""Where modules draw from, by the type of their device; on others what they draw is theirs alone."""
