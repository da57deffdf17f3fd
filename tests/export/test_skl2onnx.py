"""A whole Pipeline with estimators of this package goes through skl2onnx."""

import numpy as np
import onnx
import pandas as pd
import pytest
import skl2onnx
from graphs import assert_close, ran
from skl2onnx.common.data_types import DoubleTensorType, FloatTensorType, StringTensorType
from sklearn.compose import make_column_transformer
from sklearn.datasets import load_wine
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skvae import AutoencoderOutlierDetector, AutoencoderTransformer, VAETransformer
from skvae.export import onnx_inputs, register_skl2onnx

register_skl2onnx()
WINE, CLASS = load_wine(return_X_y=True)
PLAIN = {LogisticRegression: {"zipmap": False}}
SMALL = {"max_iter": 5, "random_state": 0}
TYPES = {"float64": DoubleTensorType, "float32": FloatTensorType}


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # skl2onnx's own, of what onnx is about to drop
@pytest.mark.parametrize("dtype", TYPES)
@pytest.mark.parametrize("Estimator", [VAETransformer, AutoencoderTransformer])
def test_codes_for_a_classifier(Estimator, dtype):
    X = WINE.astype(dtype)
    pipeline = make_pipeline(StandardScaler(), Estimator(3, **SMALL), LogisticRegression()).fit(X, CLASS)
    model = skl2onnx.to_onnx(pipeline, initial_types=[("X", TYPES[dtype]([None, 13]))], options=PLAIN)
    onnx.checker.check_model(model, full_check=True)
    rows = X.copy()
    found = ran(model, {"X": rows})
    assert (found["label"] == pipeline.predict(rows)).all()
    assert_close(found["probabilities"], pipeline.predict_proba(rows))


def test_a_transformer_in_the_middle_of_rows_with_holes():
    X = WINE.copy()
    X[::5, 2] = np.nan
    pipeline = make_pipeline(StandardScaler(), AutoencoderTransformer(2, **SMALL)).fit(WINE)
    model = skl2onnx.to_onnx(pipeline, WINE[:1])
    (codes,) = ran(model, {"X": X}).values()
    assert_close(codes, pipeline.transform(X))


def test_a_detector_gives_labels_and_scores():
    pipeline = make_pipeline(StandardScaler(), AutoencoderOutlierDetector(random_state=0)).fit(WINE)
    X = WINE.copy()
    X[3, 2], X[7] = np.nan, 1e4
    found = ran(skl2onnx.to_onnx(pipeline, WINE[:1]), {"X": X})
    assert (found["label"] == pipeline.predict(X)).all()
    assert found["label"][7] == -1
    assert_close(found["scores"], pipeline.decision_function(X)[:, None])


FRAME = pd.DataFrame({"a": WINE[:, 0], "t": np.where(WINE[:, 1] > 2, "up", "down"), "b": WINE[:, 2]})
OF_COLUMNS = {"a": DoubleTensorType, "t": StringTensorType, "b": DoubleTensorType}


def types_of(names):
    return [(name, OF_COLUMNS[name]([None, 1])) for name in names]


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # skl2onnx's own, of what onnx is about to drop
def test_a_frame_has_an_input_for_each_column():
    pipeline = make_pipeline(VAETransformer(2, **SMALL), LogisticRegression()).fit(FRAME, CLASS)
    model = skl2onnx.to_onnx(pipeline, initial_types=types_of(FRAME), options=PLAIN)
    rows = FRAME.copy()
    rows.loc[::4, "t"], rows.loc[::5, "a"], rows.loc[3, "t"] = None, np.nan, "never"
    found = ran(model, onnx_inputs(pipeline[0], rows))
    assert_close(found["probabilities"], pipeline.predict_proba(rows))


def test_two_estimators_in_one_graph_do_not_mix_their_names():
    parts = make_column_transformer(
        (VAETransformer(1, **SMALL), [0, 1, 2, 3]), (AutoencoderTransformer(2, **SMALL), [4, 5, 6, 7, 8])
    ).fit(WINE)
    (codes,) = ran(skl2onnx.to_onnx(parts, WINE[:1]), {"X": WINE}).values()
    assert_close(codes, parts.transform(WINE))


def test_types_that_do_not_fit_are_errors():
    vae = VAETransformer(2, **SMALL).fit(FRAME)
    wrong = [("a", DoubleTensorType([None, 1])), ("t", DoubleTensorType([None, 1])), ("b", DoubleTensorType([None, 1]))]
    with pytest.raises(ValueError, match="column 't' holds texts: give its input the type StringTensorType"):
        skl2onnx.to_onnx(vae, initial_types=wrong)
    wrong = [("a", StringTensorType([None, 1])), ("t", StringTensorType([None, 1])), ("b", DoubleTensorType([None, 1]))]
    with pytest.raises(ValueError, match="column 'a' holds no texts: give its input the type DoubleTensorType"):
        skl2onnx.to_onnx(vae, initial_types=wrong)
    with pytest.raises(ValueError, match="target_opset=.* of skl2onnx must be at least 18"):
        skl2onnx.to_onnx(VAETransformer(2, **SMALL).fit(WINE), WINE[:1], target_opset=15)
