"""A fit that was killed goes on from its checkpoint, to the model that it would have become."""

import contextlib
import errno
import importlib.util
import os
import pickle
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import torch
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler

from skvae import AutoencoderOutlierDetector, AutoencoderTransformer, VAETransformer, callbacks
from skvae.callbacks import Checkpoint
from skvae.nn import checkpoints
from skvae.nn.training import Best

SETTINGS = {"max_iter": 8, "hidden_layer_sizes": (8,), "batch_size": 32, "device": "cpu"}


WITH_CALLBACKS = pytest.mark.skipif(
    importlib.util.find_spec("sklearn.callback") is None, reason="callbacks came with scikit-learn 1.9"
)


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
    "mean": (VAETransformer, {"learning_rate": "averaged"}),
    "mean of an optimizer's": (VAETransformer, {"learning_rate": "averaged", "solver": torch.optim.RMSprop}),
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


@WITH_CALLBACKS
@pytest.mark.parametrize("Estimator", [VAETransformer, AutoencoderTransformer])
def test_a_callback_keeps_what_the_parameter_keeps(X, tmp_path, monkeypatch, Estimator):
    """A fit that broke off with one of them goes on with the other one, from the same file."""
    plain = Estimator(2, **SETTINGS, random_state=0).fit(X)
    ways = [
        Estimator(2, **SETTINGS, random_state=0, checkpoint=tmp_path, checkpoint_interval=0),
        Estimator(2, **SETTINGS, random_state=0).set_callbacks(Checkpoint(tmp_path, interval=0)),
    ]
    for first, second in (ways, ways[::-1]):
        killed(monkeypatch, 5, lambda first=first: first.fit(X))
        assert len(list(tmp_path.iterdir())) == 1
        epochs = counted(monkeypatch, lambda second=second: second.fit(X))
        assert epochs < plain.n_iter_
        np.testing.assert_array_equal(weights(second), weights(plain))
        assert second.loss_curve_ == plain.loss_curve_
        assert not list(tmp_path.iterdir())


def counted(monkeypatch, fit):
    """How many epochs a fit trains."""
    epochs, update = [], Best.update
    with monkeypatch.context() as patch:
        patch.setattr(Best, "update", lambda self, objective: epochs.append(objective) or update(self, objective))
        fit()
    return len(epochs)


@WITH_CALLBACKS
def test_a_parameter_of_the_estimator_counts_before_a_callback(X, tmp_path, monkeypatch):
    kept = {"checkpoint": tmp_path / "parameter", "checkpoint_interval": 0}
    model = VAETransformer(2, **SETTINGS, **kept).set_callbacks(Checkpoint(tmp_path / "callback", interval=0))
    killed(monkeypatch, 4, lambda: model.fit(X))
    assert [path.name for path in tmp_path.iterdir()] == ["parameter"]


def around(name):
    """An estimator around ours, and what of it is fitted by training."""
    vae = VAETransformer(2, **SETTINGS, random_state=0)
    pipeline = Pipeline([("scale", StandardScaler()), ("vae", vae)])
    if name == "detector":
        return AutoencoderOutlierDetector(vae, ensemble=True, random_state=0)
    return pipeline if name == "pipeline" else GridSearchCV(pipeline, {"vae__n_components": [1, 2]}, cv=2)


@WITH_CALLBACKS
@pytest.mark.parametrize("name", ["pipeline", "search", "detector"])
def test_a_callback_goes_to_the_estimators_in_others(X, tmp_path, monkeypatch, name):
    """It is broken off in its last fit, which goes on: of the others nothing is kept."""
    plain, broken = around(name), around(name).set_callbacks(Checkpoint(tmp_path, interval=0))
    n_epochs = counted(monkeypatch, lambda: plain.fit(X))
    killed(monkeypatch, n_epochs - 2, lambda: broken.fit(X))
    assert len(list(tmp_path.iterdir())) == 1
    assert counted(monkeypatch, lambda: broken.fit(X)) < n_epochs
    np.testing.assert_array_equal(broken.score_samples(X), plain.score_samples(X))
    assert not list(tmp_path.iterdir())


@WITH_CALLBACKS
def test_processes_of_a_search_keep_their_fits(X, tmp_path):
    """A callback that has been pickled still keeps fits in its folder: those that fail leave their files."""
    pipeline = make_pipeline(StandardScaler(), VAETransformer(2, **SETTINGS, random_state=0))
    search = GridSearchCV(pipeline, {"vaetransformer__n_components": [1, 2]}, cv=2, n_jobs=2)
    plain = clone(search).fit(X)
    search.set_callbacks(Checkpoint(tmp_path / "states", interval=0)).fit(X)
    assert (tmp_path / "states").is_dir()
    np.testing.assert_array_equal(search.cv_results_["mean_test_score"], plain.cv_results_["mean_test_score"])
    again = pickle.loads(pickle.dumps(Checkpoint(tmp_path, interval=1.0)))
    assert again == Checkpoint(tmp_path, interval=1.0) != Checkpoint(tmp_path)


@WITH_CALLBACKS
def test_a_callback_is_set_on_the_outermost_estimator(X, tmp_path):
    inner = VAETransformer(2, **SETTINGS).set_callbacks(Checkpoint(tmp_path))
    with pytest.raises(TypeError, match=r"\['Checkpoint'\].*Register them directly on the meta-estimator"):
        make_pipeline(StandardScaler(), inner).fit(X)


@WITH_CALLBACKS
@pytest.mark.parametrize(("params", "said"), [((3,), "'folder'.*Got 3 instead"), (("x", -1), "'interval'.*Got -1")])
def test_a_callback_refuses_what_has_no_meaning(params, said):
    with pytest.raises(ValueError, match=f"The {said}"):
        Checkpoint(*params)


def test_without_callbacks_the_parameter_is_named(monkeypatch):
    monkeypatch.setattr(callbacks, "HAS_CALLBACKS", False)
    with pytest.raises(ImportError, match=r"scikit-learn has from version 1\.9 on.*checkpoint=\"FOLDER\""):
        Checkpoint("states")


CHILDREN = """
import os, sys
import numpy as np
from skvae import VAETransformer
X, params = np.load(sys.argv[1]), eval(sys.argv[2])
for folder in sys.stdin:
    child = os.fork()
    if not child:
        print(os.getpid(), flush=True)
        VAETransformer(2, checkpoint=folder.strip(), checkpoint_interval=0, **params).fit(X)
        os._exit(0)
    os.waitpid(child, 0)
    print("ended", flush=True)
"""
"""A process for each folder that it is told, all of them of one that has imported what they need."""

LONG = {**SETTINGS, "max_iter": 60, "hidden_layer_sizes": (16,), "batch_size": 16, "early_stopping": False}
LONG |= {"n_iter_no_change": 99, "random_state": 0}


@pytest.mark.slow
def test_twenty_kills_change_no_weight(X, tmp_path):
    rng = random.Random(0)
    np.save(tmp_path / "X.npy", X)
    model = VAETransformer(2, **LONG)
    model.fit(X)
    start = time.perf_counter()
    expected, seconds = weights(model.fit(X)), time.perf_counter() - start
    n_on_the_way, pipes = 0, {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True, "bufsize": 1}
    with subprocess.Popen([sys.executable, "-c", CHILDREN, tmp_path / "X.npy", repr(LONG)], **pipes) as parent:
        for number in range(20):
            folder = tmp_path / str(number)
            parent.stdin.write(f"{folder}\n")
            child = int(parent.stdout.readline())
            time.sleep(rng.uniform(0.0, 2.0) * seconds)
            with contextlib.suppress(ProcessLookupError):  # it may have ended
                os.kill(child, signal.SIGKILL)
            assert parent.stdout.readline() == "ended\n"
            n_on_the_way += folder.exists() and any(path.suffix == ".checkpoint" for path in folder.iterdir())
            model.set_params(checkpoint=folder, checkpoint_interval=0)
            np.testing.assert_array_equal(weights(model.fit(X)), expected)
        parent.stdin.close()
    assert n_on_the_way > 3


KILLS_ITSELF = """
import os, signal, sys
import numpy as np
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from skvae import VAETransformer
from skvae.callbacks import Checkpoint
from skvae.nn import checkpoints

replace, left = os.replace, [3]

def and_die(part, path):
    replace(part, path)
    left[0] -= 1
    if not left[0]:
        os.kill(os.getpid(), signal.SIGKILL)

checkpoints.os.replace = and_die
pipeline = make_pipeline(StandardScaler(), VAETransformer(2, random_state=0, **eval(sys.argv[3])))
pipeline.set_callbacks(Checkpoint(sys.argv[2], interval=0)).fit(np.load(sys.argv[1]))
"""


@WITH_CALLBACKS
def test_a_pipeline_with_the_callback_goes_on_after_a_kill(X, tmp_path, monkeypatch):
    np.save(tmp_path / "X.npy", X)
    folder, plain = tmp_path / "states", around("pipeline")
    n_epochs = counted(monkeypatch, lambda: plain.fit(X))
    arguments = [tmp_path / "X.npy", folder, repr(SETTINGS)]
    done = subprocess.run([sys.executable, "-c", KILLS_ITSELF, *arguments], cwd=Path.cwd(), check=False)
    assert done.returncode == -signal.SIGKILL
    assert len(list(folder.iterdir())) == 1
    again = around("pipeline").set_callbacks(Checkpoint(folder, interval=0))
    assert counted(monkeypatch, lambda: again.fit(X)) == n_epochs - 2  # killed before its third epoch
    np.testing.assert_array_equal(weights(again[-1]), weights(plain[-1]))
    np.testing.assert_array_equal(again.score_samples(X), plain.score_samples(X))
    assert not list(folder.iterdir())
