"""What the program around a call may have set or done, and what the call does not notice. Never: what is computed."""

import os
from collections.abc import Callable
from contextlib import ExitStack, nullcontext
from functools import wraps
from typing import Any, TypeVar

import numpy as np
from scipy import special

Method = TypeVar("Method", bound=Callable[..., Any])

IN_FORKED_CHILDREN = []
"""Contexts in which a forked child computes: those of libraries whose threads did not come along."""

CALM = nullcontext()
"""In place of a context where nothing is to be changed."""

_forked = []


def is_forked_child():
    """Whether this process was forked from one that had loaded this package: it has none of its parent's threads."""
    return bool(_forked)


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=lambda: _forked.append(True))


def as_in_children():
    """A context in which no library waits for threads that a forked child has not; nothing elsewhere."""
    if not _forked:
        return CALM
    stack = ExitStack()
    for context in IN_FORKED_CHILDREN:
        stack.enter_context(context())
    return stack


def calm_functions():
    """A context in which special functions of scipy do not complain, as they do not unless they are told to."""
    return CALM if set(special.geterr().values()) == {"ignore"} else special.errstate(all="ignore")


def undisturbed(method: Method) -> Method:
    """A public method that computes the same whatever numpy and scipy are told to do of errors, forked or not.

    Where cells underflow, or far ones overflow, that is what is meant: results are finite by what follows.
    """

    @wraps(method)
    def call(self, *args, **kwargs):
        with np.errstate(all="ignore"), calm_functions(), as_in_children():
            return method(self, *args, **kwargs)

    call.is_undisturbed = True
    return call


def undisturbed_function(function: Method) -> Method:
    """The same for a public function."""

    @wraps(function)
    def call(*args, **kwargs):
        with np.errstate(all="ignore"), calm_functions(), as_in_children():
            return function(*args, **kwargs)

    call.is_undisturbed = True
    return call
