"""What tests of graphs share: a graph is run, and compared with the estimator."""

import numpy as np
import onnxruntime

from skvae.export import onnx_inputs, to_onnx

CLOSE = 1e-5
"""How far numbers of a graph may be from those of the estimator, relative to their size where that is above one."""


def ran(model, inputs):
    """Outputs of a graph by name."""
    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    names = [output.name for output in session.get_outputs()]
    return dict(zip(names, session.run(names, inputs), strict=True))


def answered(estimator, X, output, **options):
    """What the graph of an estimator says of a table."""
    words = {name: options[name] for name in ("dtype", "missing") if name in options}
    return ran(to_onnx(estimator, output, **options), onnx_inputs(estimator, X, **words))


def expected(estimator, X, output):
    """What the estimator says itself."""
    if output == "reconstruct":
        return estimator.inverse_transform(estimator.transform(X))
    return getattr(estimator, output)(X)


def assert_close(found, wanted, close=CLOSE):
    """Numbers of one shape, close to each other; NaN in the same places."""
    assert found.shape == wanted.shape
    assert (np.isnan(found) == np.isnan(wanted)).all()
    error = np.abs(found - wanted) / np.maximum(np.abs(wanted), 1.0)
    assert np.nan_to_num(error).max() <= close, f"{np.nan_to_num(error).max():.3g}"


def assert_answers(estimator, X, outputs, **options):
    """Graphs of some outputs answer as the estimator does, for all rows and for one."""
    for output in outputs:
        wanted = expected(estimator, X, output)
        (found,) = answered(estimator, X, output, **options).values()
        assert found.dtype == wanted.dtype
        assert_close(found, wanted)
        (one,) = answered(estimator, X[:1], output, **options).values()
        assert_close(one, wanted[:1])
