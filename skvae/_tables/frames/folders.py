"""Folders for tables on their way, under the folder of temporary files."""

import errno
import os
import shutil
import tempfile
import weakref
from contextlib import contextmanager
from pathlib import Path


class Folder:
    """A new folder; it is removed with this object."""

    def __init__(self):
        self.path = Path(tempfile.mkdtemp(prefix="skvae-"))
        weakref.finalize(self, remove, self.path, os.getpid())


def remove(path, owner):
    """Remove a folder, if this is the process that made it: a forked child leaves it to its parent."""
    if os.getpid() == owner:
        shutil.rmtree(path, ignore_errors=True)


@contextmanager
def enough_room(path):
    """Say what to do where the disk is full."""
    try:
        yield
    except OSError as error:
        if error.errno != errno.ENOSPC and "No space left" not in str(error):
            raise
        raise OSError(
            errno.ENOSPC,
            "the disk is full, where tables in files are kept as numbers while they are read. Set the environment "
            "variable TMPDIR to a folder with more room",
            str(path),
        ) from error
