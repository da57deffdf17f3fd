"""A fit that was killed goes on from its checkpoint, to the model that it would have become."""

import errno
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import torch

from skvae import AutoencoderOutlierDetector, AutoencoderTransformer, VAETransformer
from skvae.nn import checkpoints
from skvae.nn.training import Best

SETTINGS = {"max_iter": 8, "hidden_layer_sizes": (8,), "batch_size": 32, "device": "cpu"}


class KilledError(BaseException):
    """Stands for the end of the process."""


def weights(model):
    return torch.cat([p.detach().reshape(-1) for p in model.module_.parameters()]).numpy()


def killed(monkeypatch, after, fit):
    """A fit that ends after so many epochs."""
    update, left = Best.update, [after]

    def die(self, objective):
        update(self, objective)
        left[0] -= 1
        if not left[0]:
            raise KilledError

    with monkeypatch.context() as patch:
        patch.setattr(Best, "update", die)
        with pytest.raises(KilledError):
            fit()


CASES = {
    "vae": (VAETransformer, {}),
    "autoencoder": (AutoencoderTransformer, {"corruption": "gaussian"}),
    "weights": (VAETransformer, {"likelihood": "student_t", "network": "mlp"}),
    "no validation": (VAETransformer, {"early_stopping": False}),
    "course": (VAETransformer, {"learning_rate": "cosine"}),
    "cut": (VAETransformer, {"n_iter_no_change": 1, "tol": 10.0, "learning_rate": "adaptive", "max_iter": 9}),
    "warm-up": (VAETransformer, {"kl_warmup": 0.7}),
    "optimizer": (AutoencoderTransformer, {"solver": torch.optim.RMSprop, "learning_rate": "cosine"}),
    "momentum": (VAETransformer, {"solver": "sgd", "learning_rate_init": 1e-3}),
    "double": (VAETransformer, {"precision": "float64"}),
}


@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize("after", [2, 5])
def test_a_fit_that_broke_off_goes_on_to_the_same_weights(X, tmp_path, monkeypatch, name, after):
    Estimator, params = CASES[name]
    weight = np.arange(len(X)) % 3 if name == "weights" else None
    plain = Estimator(2, random_state=0, **{**SETTINGS, **params}).fit(X, sample_weight=weight)
    model = Estimator(
        2, random_state=0, **{**SETTINGS, **params}, checkpoint=tmp_path / "states", checkpoint_interval=0
    )
    if plain.n_iter_ > after:
        killed(monkeypatch, after, lambda: model.fit(X, sample_weight=weight))
        assert len(list((tmp_path / "states").iterdir())) == 1
        assert not hasattr(model, "n_iter_")
    epochs = []
    update = Best.update
    monkeypatch.setattr(Best, "update", lambda self, objective: epochs.append(objective) or update(self, objective))
    model.fit(X, sample_weight=weight)
    assert len(epochs) < plain.n_iter_ or plain.n_iter_ <= after
    np.testing.assert_array_equal(weights(model), weights(plain))
    assert (model.loss_curve_, model.validation_scores_) == (plain.loss_curve_, plain.validation_scores_)
    assert model.history_ == plain.history_
    np.testing.assert_array_equal(model.score_samples(X), plain.score_samples(X))
    assert not list((tmp_path / "states").iterdir())


def test_chance_is_that_of_the_fit_that_broke_off(X, tmp_path, monkeypatch):
    settings = {**SETTINGS, "checkpoint": str(tmp_path), "checkpoint_interval": 0}
    np.random.seed(5)
    whole = VAETransformer(2, **SETTINGS).fit(X)
    np.random.seed(5)
    killed(monkeypatch, 4, lambda: VAETransformer(2, **settings).fit(X))
    np.testing.assert_array_equal(weights(VAETransformer(2, **settings).fit(X)), weights(whole))


def test_fits_that_share_a_folder_do_not_meet(X, tmp_path, monkeypatch):
    kept = {**SETTINGS, "checkpoint": tmp_path, "checkpoint_interval": 0, "random_state": 0}
    for model, rows in [
        (VAETransformer(2, **kept), X),
        (VAETransformer(2, **kept), X + 1.0),
        (VAETransformer(3, **kept), X),
        (AutoencoderTransformer(2, **kept), X),
        (AutoencoderTransformer(2, **kept), X[:-1]),
    ]:
        killed(monkeypatch, 4, lambda model=model, rows=rows: model.fit(rows))
    killed(monkeypatch, 4, lambda: VAETransformer(2, **kept).fit(X, X_val=X[:30]))
    killed(monkeypatch, 4, lambda: VAETransformer(2, **kept).fit(X, X_val=X[30:60]))
    assert len(list(tmp_path.iterdir())) == 7
    killed(monkeypatch, 2, lambda: VAETransformer(2, **kept, verbose=True).fit(X))
    assert len(list(tmp_path.iterdir())) == 7


def test_a_detector_goes_on_where_it_was(X, tmp_path, monkeypatch):
    estimator = {**SETTINGS, "network": "mlp", "likelihood": "gaussian"}
    kept = VAETransformer(2, **estimator, checkpoint=tmp_path, checkpoint_interval=0)
    plain = AutoencoderOutlierDetector(VAETransformer(2, **estimator), ensemble=True, random_state=0).fit(X)
    detector = AutoencoderOutlierDetector(kept, ensemble=True, random_state=0)
    for after in (3, 6):
        killed(monkeypatch, after, lambda: detector.fit(X))
    np.testing.assert_array_equal(detector.fit(X).score_samples(X), plain.score_samples(X))
    assert not list(tmp_path.iterdir())


def test_checkpoints_are_as_far_apart_as_asked(X, tmp_path, monkeypatch):
    written = []
    monkeypatch.setattr(checkpoints.os, "replace", lambda part, path: written.append(path))
    for interval, n_expected in ((0, 8), (1000.0, 0)):
        written.clear()
        VAETransformer(
            2, **SETTINGS, random_state=0, checkpoint=tmp_path, checkpoint_interval=interval, early_stopping=False
        ).fit(X)
        assert len(written) == n_expected


def test_a_full_disk_ends_no_fit(X, tmp_path, monkeypatch):
    def full(*args):
        raise OSError(errno.ENOSPC, "No space left on device")

    plain = VAETransformer(2, **SETTINGS, random_state=0).fit(X)
    model = VAETransformer(2, **SETTINGS, random_state=0, checkpoint=tmp_path, checkpoint_interval=0)
    monkeypatch.setattr(checkpoints.os, "fsync", full)
    with pytest.warns(UserWarning, match="No checkpoint was written, and training goes on: .*No space left on device"):
        model.fit(X)
    np.testing.assert_array_equal(weights(model), weights(plain))


@pytest.mark.parametrize("kept", [0, 100, -100])
def test_a_file_that_is_cut_short_is_an_error_that_names_it(X, tmp_path, monkeypatch, kept):
    model = VAETransformer(2, **SETTINGS, random_state=0, checkpoint=tmp_path, checkpoint_interval=0)
    killed(monkeypatch, 4, lambda: model.fit(X))
    (file,) = tmp_path.iterdir()
    file.write_bytes(file.read_bytes()[:kept])
    with pytest.raises(ValueError, match=f"The checkpoint .*{file.name} cannot be read; remove it to begin anew"):
        model.fit(X)
    file.unlink()
    model.fit(X)


def test_a_folder_that_cannot_be_one_is_named(X, tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(FileExistsError, match="file"):
        VAETransformer(2, **SETTINGS, checkpoint=tmp_path / "file").fit(X)


CHILD = """
import sys
import numpy as np
from skvae import VAETransformer
X = np.load(sys.argv[1])
print("begins", flush=True)
VAETransformer(2, max_iter=60, hidden_layer_sizes=(16,), batch_size=16, early_stopping=False, n_iter_no_change=99,
               device="cpu", random_state=0, checkpoint=sys.argv[2], checkpoint_interval=0).fit(X)
"""


@pytest.mark.slow
def test_twenty_kills_change_no_weight(X, tmp_path):
    rng = random.Random(0)
    np.save(tmp_path / "X.npy", X)
    model = VAETransformer(
        2,
        max_iter=60,
        hidden_layer_sizes=(16,),
        batch_size=16,
        early_stopping=False,
        n_iter_no_change=99,
        device="cpu",
        random_state=0,
    )
    model.fit(X)
    start = time.perf_counter()
    expected, seconds = weights(model.fit(X)), time.perf_counter() - start
    n_on_the_way = 0
    for number in range(20):
        folder = tmp_path / str(number)
        child = subprocess.Popen(
            [sys.executable, "-c", CHILD, tmp_path / "X.npy", folder], stdout=subprocess.PIPE, cwd=Path.cwd()
        )
        child.stdout.readline()
        time.sleep(rng.uniform(0.0, 2.0) * seconds)
        child.send_signal(signal.SIGKILL)
        child.communicate()
        n_on_the_way += folder.exists() and any(path.suffix == ".checkpoint" for path in folder.iterdir())
        model.set_params(checkpoint=folder, checkpoint_interval=0)
        np.testing.assert_array_equal(weights(model.fit(X)), expected)
    assert n_on_the_way > 3
