"""Which file a fit keeps its state in: one that no other fit has, so that many may share a folder."""

import hashlib
import re
from os import fspath, makedirs, path

import numpy as np

from skvae import __version__
from skvae._tables.distinct import fingerprints
from skvae._validation import callbacks_of
from skvae.callbacks import Checkpoint
from skvae.nn.checkpoints import UNKEPT, Kept
from skvae.nn.ranks import ranks_now

SAME_FIT_ANYWAY = {"checkpoint", "checkpoint_interval", "verbose"}
"""Parameters that change nothing of what is learned."""


def checkpoint_of(estimator, run, validation, seeds):
    """Where the state of a fit is kept, and what it says: the seeds with which the fit began."""
    asked = asked_of(estimator)
    if not asked:
        return UNKEPT
    folder, interval = asked[0]
    makedirs(folder, exist_ok=True)
    return Kept(path.join(fspath(folder), name_of(estimator, run, validation)), interval, ranks_now(), seeds)


def asked_of(estimator):
    """Folders in which the state of a fit may be kept, with the seconds between two states; the first one counts.

    They are those of the estimator's own parameters, and of callbacks that it has or that were passed on to it.
    """
    own = [(estimator.checkpoint, estimator.checkpoint_interval)] if estimator.checkpoint is not None else []
    return own + [(each.folder, each.interval) for each in callbacks_of(estimator) if isinstance(each, Checkpoint)]


def name_of(estimator, run, validation):
    """The name of the file of an estimator that is fitted to some rows."""
    owner, params = type(estimator).__name__, estimator.get_params(deep=True)
    told = sorted((name, without_address(value)) for name, value in params.items() if name not in SAME_FIT_ANYWAY)
    print_of = hashlib.sha256(repr((__version__, estimator._inside, told, run.rows.n_counted)).encode())
    moments = run.profile.columns.moments
    for part in (moments.mean, moments.variance, moments.low, moments.high, run.profile.sample.prints):
        print_of.update(np.ascontiguousarray(part).tobytes())
    if validation is not None:
        print_of.update(fingerprints(validation).tobytes())
    return f"{owner}-{print_of.hexdigest()[:16]}.checkpoint"


def without_address(value):
    """A parameter as it is written, without where it lies in memory."""
    return re.sub(r" at 0x[0-9a-fA-F]+", "", repr(value))
