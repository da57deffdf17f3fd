"""Random cases come to a correct result or to a documented error; and a fault that is planted is found."""

import warnings

import numpy as np
import pytest
from hypothesis import HealthCheck, Phase, given, settings

from skvae import VAETransformer

from .judge import judge, judged, smallest
from .strategies import Case, Column, cases, numbered_case

CASES, MORE = 20, 200
"""Random cases of one run of the tests, and of the slow ones; ``python -m tests.fuzz`` tries thousands."""


@settings(
    max_examples=CASES,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=list(HealthCheck),
    print_blob=False,
    phases=[Phase.generate, Phase.shrink],
)
@given(case=cases)
def test_every_outcome_is_a_correct_result_or_a_documented_error(case):
    fault = judge(case)["fault"]
    assert fault is None, f"{fault['text']}\n{fault['trace']}\n{case!r}"


@pytest.mark.slow
@pytest.mark.parametrize("numbers", np.split(np.arange(MORE), 10), ids=lambda numbers: f"from {numbers[0]}")
def test_so_is_every_outcome_of_many_more_cases(numbers):
    for number, record in judged(1, numbers.tolist()).items():
        fault = record["fault"]
        assert fault is None, (number, fault)


def test_a_case_is_the_same_every_time_and_can_be_written_down():
    case = numbered_case(0, 7)
    assert repr(case) == repr(numbered_case(0, 7)) == repr(Case.read(repr(case)[len("Case.read('") : -len("')")]))
    assert repr(case) != repr(numbered_case(0, 8))


RNG = np.random.RandomState(0)
PLAIN = Case("float64", 12, [Column("normal", 1), Column("rounded", 2)], params={"max_iter": 1, "random_state": 0})


def forgetful(X):
    X[0, 0] = 0.0


def loud(X):
    warnings.warn("divide by zero", RuntimeWarning, stacklevel=2)


def moody(X):
    np.random.seed(0)


def raw(X):
    raise IndexError("index 3 is out of bounds")


def curt(X):
    raise ValueError("bad data")


PLANTED = {
    "the caller's table stays": ("score_samples", forgetful, None),
    "only documented warnings": ("score_samples", loud, None),
    "global state stays: numpy": ("score_samples", moody, None),
    "not IndexError": ("transform", raw, None),
    "errors name a culprit": ("transform", curt, None),
    "scores are finite": ("score_samples", None, lambda scores, X: scores * np.nan),
    "scores are float64": ("score_samples", None, lambda scores, X: scores.astype(np.float32)),
    "the same call has the same bits": (
        "score_samples",
        None,
        lambda scores, X: scores + RNG.uniform(size=len(scores)),
    ),
    "does not depend on other rows": (
        "score_samples",
        None,
        lambda scores, X: scores - scores.mean() if len(scores) else scores,
    ),
    "one code a row": ("transform", None, lambda codes, X: codes[:, :0]),
    "holes are filled": ("impute", None, lambda filled, X: X.copy()),
    "observed cells stay": ("impute", None, lambda filled, X: filled + 1.0),
}
"""A law, and how a method breaks it: by what it does before, or to its result."""


@pytest.mark.parametrize("law", PLANTED)
def test_a_planted_fault_is_found(law, monkeypatch):
    name, before, after = PLANTED[law]
    method = getattr(VAETransformer, name)

    def broken(self, X):
        if before is not None:
            before(X)
        return method(self, X) if after is None else after(method(self, X), X)

    steps = ["rows alone"] * 4 + [name]
    if name == "impute":
        steps = [name]
    monkeypatch.setattr(VAETransformer, name, broken)
    holed = [Column("normal", 1, "one"), Column("rounded", 2)]
    faults = [
        judge(Case(**{**vars(PLAIN), "steps": [step], "columns": holed, "seed": k}))["fault"]
        for k, step in enumerate(steps)
    ]
    assert any(fault and law in fault["law"] for fault in faults), faults


def test_the_smallest_case_with_a_fault_is_looked_for(monkeypatch):
    monkeypatch.setattr(VAETransformer, "transform", lambda self, X: raw(X))
    case = Case(**{**vars(PLAIN), "steps": ["clone", "transform"], "repeated": True})
    small = smallest(case, judge(case)["fault"]["signature"])
    assert (len(small.columns), small.n_rows, small.steps, small.repeated) == (1, 2, ["transform"], False)
