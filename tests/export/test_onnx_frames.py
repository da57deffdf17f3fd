"""Graphs of data frames have an input and an output for each column."""

from datetime import date

import numpy as np
import pandas as pd
import polars as pl
import pytest
from fits import fitted
from graphs import answered, assert_close, expected, ran

from skvae import AutoencoderOutlierDetector, AutoencoderTransformer, VAETransformer
from skvae.export import onnx_inputs, to_onnx

BOTH = [VAETransformer, AutoencoderTransformer]
rng = np.random.RandomState(0)
Z = rng.normal(size=300)
WHOLE = np.rint(10 * Z).astype(int)
NUMBERS = np.column_stack([Z, Z**2])

FRAME = pd.DataFrame(
    {
        "real": Z + 0.1 * rng.normal(size=300),
        "single": Z.astype(np.float32),
        "whole": WHOLE,
        "nullable": pd.array(WHOLE, dtype="Int16"),
        "flag": Z > 0,
        "text": np.where(Z > 0.5, "up", np.where(Z < -0.5, "down", "mid")),
        "many": [f"k{each // 3}" for each in WHOLE],
        "ordered": pd.Categorical.from_codes((Z > 0).astype(int) + (Z > 1), ["low", "mid", "high"], ordered=True),
        "numbered": pd.Categorical(4 * (Z > 0) + 1),
        "day": pd.Timestamp("2020-01-01") + pd.to_timedelta(WHOLE, unit="D"),
        "utc": pd.Timestamp("2020-01-01 10:30", tz="UTC") + pd.to_timedelta(WHOLE, unit="h"),
        "span": pd.to_timedelta(WHOLE, unit="min"),
        "empty": np.nan,
    }
)


def with_holes(frame):
    """Holes in most columns, and levels that are new."""
    holed = frame.astype({"flag": "boolean"})
    for place, name in enumerate(["real", "nullable", "flag", "text", "ordered", "numbered", "day", "utc", "span"]):
        holed.loc[place :: 7 + place, name] = None
    holed.loc[3, "text"], holed.loc[4, "many"] = "new", "never"
    return holed


HOLED = with_holes(FRAME)


def plain(cells):
    """Cells of a Series as texts or float64, as graphs have them."""
    if cells.dtype.kind in "mM":
        cells = cells.dt.tz_localize(None) if getattr(cells.dtype, "tz", None) else cells
        return cells.to_numpy("M8[us]" if cells.dtype.kind == "M" else "m8[us]").astype(np.int64).astype(float)
    cells = cells.astype(object)
    return cells.to_numpy(str) if isinstance(cells.iloc[0], str) else cells.astype(float).to_numpy()


@pytest.mark.parametrize("trained_on", ["complete", "holes"])
@pytest.mark.parametrize("Estimator", BOTH)
def test_graphs_of_mixed_frames(Estimator, trained_on):
    estimator = fitted(Estimator(3, max_iter=5, random_state=0), HOLED if trained_on == "holes" else FRAME)
    for output, name in (("transform", "codes"), ("score_samples", "scores")):
        found = answered(estimator, HOLED, output)
        assert list(found) == [name]
        assert_close(found[name], expected(estimator, HOLED, output), close=2e-5)  # float32, of a logarithm of sums
    found, wanted = answered(estimator, HOLED, "reconstruct"), expected(estimator, HOLED, "reconstruct")
    assert list(found) == [f"expected_{name}" for name in FRAME]
    for name in FRAME.columns.drop("empty"):
        cells = found[f"expected_{name}"]
        assert cells.shape == (300, 1)
        if cells.dtype == object:
            assert (cells[:, 0] == plain(wanted[name])).all(), name
        else:
            assert_close(cells[:, 0], plain(wanted[name]))
    assert np.isnan(found["expected_empty"]).all()


def test_graphs_of_detectors_of_frames():
    detector = fitted(AutoencoderOutlierDetector(random_state=0), FRAME)
    for output in ("score_samples", "predict"):
        (found,) = answered(detector, HOLED, output).values()
        assert_close(found, expected(detector, HOLED, output))


def test_inputs_can_be_made_by_hand():
    frame = FRAME[["real", "text", "flag", "day"]]
    estimator = fitted(VAETransformer(2, max_iter=3, random_state=0), frame)
    inputs = {
        "real": np.array([[0.5], [np.nan]]),
        "text": np.array([["up"], [""]], dtype=object),
        "flag": np.array([[1.0], [np.nan]]),
        "day": np.array([["2020-01-03"], ["2020-02-01"]], dtype="M8[us]").astype(np.int64).astype(float),
    }
    days = pd.to_datetime(["2020-01-03", "2020-02-01"])
    rows = pd.DataFrame({"real": [0.5, None], "text": ["up", None], "flag": [True, None], "day": days})
    (found,) = ran(to_onnx(estimator), inputs).values()
    assert_close(found, estimator.transform(rows))
    made = onnx_inputs(estimator, rows)
    for name, cells in inputs.items():
        assert made[name].shape == (2, 1)
        same = made[name] == cells
        assert (same | (cells != cells)).all()


def test_frames_of_polars():
    frame = pl.DataFrame({"real": Z, "text": FRAME["text"].tolist(), "whole": WHOLE})
    estimator = AutoencoderTransformer(2, max_iter=3, random_state=0).fit(frame)
    (found,) = answered(estimator, frame, "transform").values()
    assert_close(found, estimator.transform(frame))


def test_another_text_can_stand_for_missing_ones():
    frame = pd.DataFrame({"real": Z, "text": np.where(Z > 0, "", "some")})
    estimator = AutoencoderTransformer(1, max_iter=2, random_state=0).fit(frame)
    with pytest.raises(ValueError, match="missing='' is a level of column 'text'"):
        to_onnx(estimator)
    rows = frame.copy()
    rows.loc[::3, "text"] = None
    (found,) = answered(estimator, rows, "transform", missing="NA").values()
    assert_close(found, estimator.transform(rows))


def test_columns_without_a_graph_are_named():
    days = (pd.Timestamp("2020-01-01") + pd.to_timedelta(WHOLE, unit="D")).tz_localize("Europe/Berlin")
    zoned = pd.DataFrame({"real": Z, "made": days})
    with pytest.raises(ValueError, match="column 'made' has no export: it is counted on the clocks of .*Europe/Berlin"):
        to_onnx(AutoencoderTransformer(1, max_iter=1).fit(zoned))
    odd = pd.DataFrame({"real": Z, "odd": pd.Categorical(np.where(Z > 0, pd.Interval(0, 1), pd.Interval(1, 2)))})
    with pytest.raises(ValueError, match="column 'odd' has no export: its levels are neither all texts nor all numb"):
        to_onnx(AutoencoderTransformer(1, max_iter=1).fit(odd))
    labels = pd.Index([date(2020, 1, 1), pd.Period("2020-01-01")], dtype=object)
    twice = pd.DataFrame(NUMBERS, columns=labels)
    with pytest.raises(ValueError, match="Two columns are called '2020-01-01'"):
        to_onnx(AutoencoderTransformer(1, max_iter=1).fit(twice))
