"""Ways in which a fitted estimator travels: pickle, joblib, cloudpickle, deepcopy, skops."""

import copy
import pickle

import cloudpickle
import joblib
import skops.io


def through_joblib(estimator, tmp_path):
    joblib.dump(estimator, tmp_path / "estimator.joblib")
    return joblib.load(tmp_path / "estimator.joblib", mmap_mode="r")


def through_skops(estimator, tmp_path):
    stored = skops.io.dumps(estimator)
    return skops.io.loads(stored, trusted=skops.io.get_untrusted_types(data=stored))


WAYS = {
    "pickle": lambda estimator, tmp_path: pickle.loads(pickle.dumps(estimator)),
    "joblib": through_joblib,
    "cloudpickle": lambda estimator, tmp_path: cloudpickle.loads(cloudpickle.dumps(estimator)),
    "deepcopy": lambda estimator, tmp_path: copy.deepcopy(estimator),
    "skops": through_skops,
}
