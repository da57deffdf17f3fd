"""How often a table is read: what a fit reads of it beside its epochs, and how often a frame is converted.

``python -m tests.tables.test_reads`` prints what is counted here.
"""

import warnings
from contextlib import contextmanager

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone

from skvae import AutoencoderOutlierDetector, AutoencoderTransformer, VAETransformer
from skvae._outliers import table as reasons
from skvae._tables import encoding, filling, novelty, schema
from skvae._tables.matrix import ColumnRows, SparseRows

N_ROWS = 3000
MOST_READS = 4.0
SHORT = VAETransformer(2, max_iter=2, random_state=0)
ENSEMBLE = AutoencoderOutlierDetector(SHORT, ensemble=True, random_state=0)
ALONE = AutoencoderOutlierDetector(SHORT, random_state=0)


def mixed(n=N_ROWS):
    """Numbers, whole numbers, levels and days, with holes; most rows differ and few are equal."""
    rng = np.random.RandomState(0)
    frame = pd.DataFrame(rng.normal(size=(n, 4))).add_prefix("x")
    frame = frame.assign(
        whole=rng.randint(0, 9, size=n),
        colour=rng.choice(["red", "green", "blue"], size=n),
        day=pd.Timestamp("2024-01-01") + pd.to_timedelta(rng.randint(0, 90, size=n), unit="D"),
        flag=rng.rand(n) < 0.3,
    )
    return frame.mask(
        pd.DataFrame(rng.rand(*frame.shape) < 0.03, columns=frame.columns).assign(whole=False, flag=False)
    )


class Count:
    """How many cells were read, as a share of a table's."""

    def __init__(self, size):
        self.size, self.cells = size, 0

    def add(self, n_cells):
        self.cells += n_cells

    @property
    def times(self):
        """How often the table was read."""
        return self.cells / self.size


@contextmanager
def reads_of(X):
    """Counts what is read of the rows of the matrix that ``X`` becomes."""
    count = Count(np.prod(X.shape))
    with pytest.MonkeyPatch.context() as patch:
        for kind in (ColumnRows, SparseRows):
            patch.setattr(kind, "__getitem__", counting_rows(kind.__getitem__, count))
            patch.setattr(kind, "T", property(counting_columns(kind.T.fget, count)))
            patch.setattr(kind, "of_rows", counting_parts(kind.of_rows, count))
        yield count


def counting_rows(read, count):
    def rows(self, index):
        found = read(self, index)
        count.add(found.size)
        return found

    return rows


def counting_columns(read, count):
    def columns(self):
        for column in read(self):
            count.add(len(column))
            yield column

    return columns


def counting_parts(read, count):
    def part(self, rows):
        found = read(self, rows)
        count.add(np.prod(found.shape))
        return found

    return part


@contextmanager
def conversions_of(X):
    """Counts how often the cells of a frame become numbers."""
    count = Count(np.prod(X.shape))

    def blocks(read):
        def counted(X):
            for letter, columns, cells in read(X):
                count.add(cells.size)
                yield letter, columns, cells

        return counted

    def column(read):
        def counted(X, j):
            cells = read(X, j)
            count.add(len(cells))
            return cells

        return counted

    with pytest.MonkeyPatch.context() as patch:
        for room in (encoding, filling):
            patch.setattr(room, "plain_blocks", blocks(room.plain_blocks))
        for room in (encoding, filling, novelty, schema, reasons):
            patch.setattr(room, "column_of", column(room.column_of))
        yield count


FITS = {
    "vae": VAETransformer(2, max_iter=2, random_state=0),
    "vae, streams": VAETransformer(2, max_iter=2, random_state=0, code_density=None, batch_size=32),
    "autoencoder": AutoencoderTransformer(2, max_iter=2, random_state=0),
    "iwae": VAETransformer(2, max_iter=2, random_state=0, objective="iwae", n_draws=2),
}


def reads(name, n=N_ROWS):
    X = mixed(n)
    with reads_of(X) as matrix, conversions_of(X) as frame:
        FITS[name].fit(X)
    return matrix.times, frame.times


@pytest.mark.parametrize("n", [N_ROWS, 3 * N_ROWS])
@pytest.mark.parametrize("name", FITS)
def test_a_fit_reads_the_table_four_times_at_most_beside_its_epochs(name, n):
    matrix, frame = reads(name, n)
    assert matrix > 1.0  # what is counted is read
    assert frame == 1.0
    assert matrix + frame <= MOST_READS


def conversions(detector):
    X, found = mixed(), {}
    for method in ("fit", "predict", "explain"):
        with conversions_of(X) as count:
            getattr(detector, method)(X)
        found[method] = count.times
    return found


@pytest.mark.parametrize("detector", [ENSEMBLE, ALONE], ids=["ensemble", "alone"])
def test_a_detector_converts_a_frame_once_a_call(detector):
    assert conversions(detector) == {"fit": 1.0, "predict": 1.0, "explain": 1.0}


def test_a_batch_of_a_stream_is_converted_once():
    X = mixed()
    detector = clone(ENSEMBLE).partial_fit(X)
    with conversions_of(X) as count:
        detector.partial_fit(X)
    assert count.times == 1.0


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    for name in FITS:
        print(f"{name}: matrix %.2f, frame %.2f" % reads(name))
    for name, detector in {"ensemble": ENSEMBLE, "alone": ALONE}.items():
        print(f"detector, {name}: {conversions(detector)}")
