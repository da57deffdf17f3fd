"""The training loop: minimises what a module says, and knows neither the model nor the estimator."""

import math
from dataclasses import dataclass, field
from typing import NamedTuple

import torch

ROWS_AT_ONCE = 8192
"""Rows of one evaluation step; bounds memory, not results."""

LEARNING_RATE_CUT = 5.0
"""What the adaptive schedule divides the learning rate by, as scikit-learn's MLPRegressor does."""

SCHEDULES = {"constant": 0, "adaptive": 2}
"""How often the learning rate may be cut before a plateau ends the run."""


class Rows(NamedTuple):
    """A table on its device: x (n, n_features), and one positive weight a row; None where all are equal.

    Weights have mean one, so that the mean over any batch estimates the mean over all.
    """

    x: torch.Tensor
    weight: torch.Tensor | None = None

    def take(self, index):
        """The rows at ``index``."""
        return Rows(self.x[index], None if self.weight is None else self.weight[index])

    def mean(self, values):
        """Weighted mean of one value a row."""
        return values.mean() if self.weight is None else (values * self.weight).mean()

    def pieces(self):
        """Consecutive parts of bounded size."""
        return [self.take(slice(i, i + ROWS_AT_ONCE)) for i in range(0, len(self.x), ROWS_AT_ONCE)]


@dataclass
class Plan:
    """How to step and when to stop."""

    batch_size: int
    max_iter: int
    tol: float = 0.0
    n_iter_no_change: float = math.inf
    n_cuts: int = 0
    progress: float = 0.0
    """Where the run starts on the way of the module's term weights; 1 where it goes on from an earlier one."""


@dataclass
class History:
    """What happened, one entry an epoch, and why it ended.

    ``outcome`` is "max_iter", "converged", "stopped" by the caller, "interrupted" from the keyboard, "diverged" when
    the objective was no longer finite, or "failed" when no usable state is left.
    """

    loss: list = field(default_factory=list)
    validation: list = field(default_factory=list)
    terms: dict = field(default_factory=dict)
    outcome: str = "max_iter"

    def record(self, loss, terms, validation):
        """Append one epoch."""
        self.loss.append(loss)
        for name, value in terms.items():
            self.terms.setdefault(name, []).append(value)
        if validation is not None:
            self.validation.append(validation)


class Clock:
    """Progress of the run, from where the plan starts to 1 at its last possible step."""

    def __init__(self, plan, n_rows):
        self._start, self._n_steps = plan.progress, 0
        self._total = plan.max_iter * math.ceil(n_rows / plan.batch_size)

    @property
    def progress(self):
        """Share of the run that lies behind."""
        return min(1.0, self._start + self._n_steps / self._total)

    def tick(self):
        """Progress before this step."""
        before = self.progress
        self._n_steps += 1
        return before


class Best:
    """The lowest objective so far with its state, and the epochs since it last fell by more than ``tol``."""

    def __init__(self, module, tol):
        self.module, self.tol = module, tol
        self.objective, self.state = math.inf, None
        self.waited, self._mark = 0, math.inf

    def update(self, objective):
        """Take note of one epoch's objective."""
        self.waited += 1
        if objective < self._mark - self.tol:
            self.waited, self._mark = 0, objective
        if objective < self.objective:
            self.objective = objective
            self.state = {name: value.clone() for name, value in self.module.state_dict().items()}

    def restore(self):
        """Put the best state back and start waiting anew."""
        self.module.load_state_dict(self.state)
        self.waited = 0


def weigh(terms, weights):
    """The objective: named terms times their weights."""
    return sum(weights[name] * value for name, value in terms.items())


def mean_terms(module, batch, generator):
    """Mean over a batch of each named term."""
    return {name: batch.mean(values) for name, values in module.loss_terms(batch.x, generator).items()}


def train_epoch(module, rows, solver, plan, clock, generator):
    """One pass over ``rows`` in random order; the mean of each named term on the way."""
    totals = {}
    for index in torch.randperm(len(rows.x), generator=generator, device=rows.x.device).split(plan.batch_size):
        terms = mean_terms(module, rows.take(index), generator)
        solver.zero_grad()
        weigh(terms, module.term_weights(clock.tick())).backward()
        solver.step()
        for name, value in terms.items():
            totals[name] = totals.get(name, 0.0) + len(index) * value.detach()
    return {name: float(total) / len(rows.x) for name, total in totals.items()}


@torch.no_grad()
def evaluate(module, rows, seed):
    """Mean objective at its final weights, with the same noise at every call."""
    generator, weights, total = torch.Generator(rows.x.device).manual_seed(seed), module.term_weights(1.0), 0.0
    for piece in rows.pieces():
        total = total + len(piece.x) * weigh(mean_terms(module, piece, generator), weights)
    return float(total) / len(rows.x)


def is_finite(module):
    """Whether every parameter is a number."""
    return all(bool(parameter.isfinite().all()) for parameter in module.parameters())


def train(module, rows, validation, solver, plan, generator, history, after_epoch):
    """Minimise the module's objective over ``rows``, watching it on ``validation`` where there is one.

    What is watched and recorded is the objective at its final weights, so that a warm-up cannot look like progress.
    The best state comes back when a validation set chose it and when the run broke off; otherwise the last one stays.
    What a run goes on from counts as a state too. Each epoch is added to ``history``; ``after_epoch(history)`` may end
    the run by returning True.
    """
    best, clock, n_cuts = Best(module, plan.tol), Clock(plan, len(rows.x)), plan.n_cuts
    seed, history.outcome = generator.initial_seed(), "max_iter"
    module.train()
    if history.loss:
        best.update(evaluate(module, validation or rows, seed))
    try:
        for _ in range(plan.max_iter):
            terms = train_epoch(module, rows, solver, plan, clock, generator)
            loss = weigh(terms, module.term_weights(1.0))
            watched = loss if validation is None else evaluate(module, validation, seed)
            if not (math.isfinite(loss + watched) and is_finite(module)):
                history.outcome = "diverged"
                break
            history.record(loss, terms, None if validation is None else watched)
            best.update(watched)
            if after_epoch(history):
                history.outcome = "stopped"
                break
            if module.term_weights(clock.progress) != module.term_weights(1.0):
                best.waited = 0
            if best.waited < plan.n_iter_no_change:
                continue
            if n_cuts == 0:
                history.outcome = "converged"
                break
            n_cuts -= 1
            best.restore()
            solver.divide_learning_rate(LEARNING_RATE_CUT)
    except KeyboardInterrupt:
        history.outcome = "interrupted"
    if best.state and (validation is not None or history.outcome in ("diverged", "interrupted")):
        best.restore()
    if not math.isfinite(evaluate(module, validation or rows, seed)):
        history.outcome = "failed"
    module.eval()
