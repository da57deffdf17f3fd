"""The training loop: minimises what a module says, and knows neither the model nor the estimator."""

import math
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import cached_property, partial
from typing import NamedTuple

import torch

from skvae.nn.averages import NO_AVERAGE, Average
from skvae.nn.checkpoints import UNKEPT, Progress
from skvae.nn.numerics import wide
from skvae.nn.ranks import ALONE, Alone, ranks_now
from skvae.nn.replay import replayed

ROWS_AT_ONCE, LEAST_ROWS_AT_ONCE = 1024, 128
"""Rows of one evaluation step, fewer where they have many cells: a bound on memory, which costs that compare rows need
most of."""

CELLS_AT_ONCE = 2**20
"""Cells that are gathered at once from shuffled rows, or evaluated; bounds memory."""

FEW_STEPS = 16
"""Steps of a run up to which calls as they are take less time than to record one of each shape."""

PIECES_A_BATCH = 256
"""Rows that count more than this share of a batch, and more than one row, are drawn in pieces of about as much: in
batches of so many rows one that counts as several is in several, as it would be if it were repeated."""

NOTHING = 1e-6
"""Share of a batch that is no batch of its own."""

LEARNING_RATE_CUT = 5.0
"""What the adaptive schedule divides the learning rate by, as scikit-learn's MLPRegressor does."""


class Schedule(NamedTuple):
    """How often a plateau may cut the learning rate before it ends the run, and the rate's course on the way.

    ``course`` maps the share of the run that lies behind, at the start of an epoch, to a share of the first rate.
    ``half_life`` in epochs is that of the mean of weights which is watched and kept instead of them; 0 for none.
    """

    n_cuts: int = 0
    course: Callable = lambda share: 1.0
    half_life: float = 0.0


def half_cosine(share):
    """From 1 to almost 0 on half a wave."""
    return 0.5 + 0.5 * math.cos(math.pi * share)


HALF_LIFE = 2.0
"""Epochs after which what a step has left in averaged weights is half."""

SCHEDULES = {
    "averaged": Schedule(half_life=HALF_LIFE),
    "constant": Schedule(),
    "adaptive": Schedule(n_cuts=1),
    "cosine": Schedule(course=half_cosine),
}


class Batch(NamedTuple):
    """Rows of one step: x (batch, n_features), weights of mean one (batch,), and what the rows count together.

    Of several ranks each has the ``share`` of a batch of ``n_rows`` that it computes, and what that counts.
    """

    x: torch.Tensor
    weight: torch.Tensor
    size: float | torch.Tensor
    n_rows: int
    share: float = 1.0


@dataclass(frozen=True)
class Rows:
    """A table on its device: x (n, n_features), and how many rows each one counts (n,), above zero.

    ``x`` is a tensor, or whatever has its length and shape, gives tensors for ``x[index]`` and row numbers in random
    order for ``x.shuffled(generator)``.
    """

    x: torch.Tensor
    weight: torch.Tensor

    def __iter__(self):
        return iter((self.x, self.weight))

    @cached_property
    def size(self):
        """What the rows count together."""
        return float(self.weight.cpu().double().sum())

    @cached_property
    def is_even(self):
        """Whether each row counts one."""
        return bool((self.weight == 1.0).all())

    def take(self, index):
        """The rows at ``index``, row numbers or a slice."""
        return Rows(at(self.x, index), at(self.weight, index))

    def pieces(self, n_rows):
        """Consecutive parts of at most ``n_rows`` rows."""
        return (self.take(slice(i, i + n_rows)) for i in range(0, len(self.x), n_rows))

    def rows_a_step(self, batch_size):
        """About how many rows a batch has."""
        return min(batch_size, int(batch_size * len(self.x) / self.size) + PIECES_A_BATCH)

    def batches(self, batch_size, generator, ranks=ALONE):
        """All rows in random order, in batches of rows that count ``batch_size`` together, the last one fewer.

        Rows are gathered a block of whole batches at once, bounded in size. Of several ranks each has its part of them.
        """
        if self.size <= batch_size or self.is_even:
            return self._by_number(batch_size, generator, ranks)
        return self._by_weight(batch_size, generator, ranks)

    def _by_number(self, batch_size, generator, ranks):
        """Batches of so many rows, which count one each, or one batch of all."""
        mean = self.size / len(self.x)
        rows = replace(self, weight=self.weight / mean)
        n_rows = getattr(self.x, "rows_together", None) or CELLS_AT_ONCE // self.x.shape[1]
        n_rows = batch_size * max(1, n_rows // batch_size)
        for index in self._shuffled(generator).split(n_rows):
            batches = index.split(batch_size)
            parts = [ranks.own(batch) for batch in batches]
            x, weight = rows.take(torch.cat(parts) if ranks.world > 1 else index)
            sizes = [len(part) for part in parts]
            for batch, *part in zip(batches, x.split(sizes), weight.split(sizes), strict=True):
                share = ranks.share(len(batch))
                yield Batch(*part, mean * len(batch) * share, len(batch), share)

    def _shuffled(self, generator):
        """All row numbers in random order."""
        if isinstance(self.x, torch.Tensor):
            return torch.randperm(len(self.x), generator=generator, device=self.weight.device)
        return self.x.shuffled(generator).to(self.weight.device)

    def _by_weight(self, batch_size, generator, ranks):
        """Batches of one number of rows, filled up with rows of weight zero where they have fewer."""
        index, weight = cut(*self._line(batch_size, generator), batch_size)
        sizes = weight.sum(1)
        weight, sizes = (weight * (weight.shape[1] / sizes)[:, None]).to(self.weight), sizes.to(self.weight)
        n_rows, (index, weight) = index.shape[1], map(ranks.own, (index, weight))
        share = ranks.share(n_rows)
        at_once = max(1, CELLS_AT_ONCE // (index.shape[1] * self.x.shape[1]))
        sizes = sizes * share
        for rows, *others in zip(*(part.split(at_once) for part in (index, weight, sizes)), strict=True):
            x = at(self.x, rows.flatten().to(self.weight.device)).unflatten(0, rows.shape)
            yield from (Batch(*part, n_rows, share) for part in zip(x, *others, strict=True))

    def _line(self, batch_size, generator):
        """Row numbers in random order, and how long each lies on the line that is cut; heavy rows in several pieces."""
        weight = self.weight.cpu().double()
        n_pieces = (weight / max(1.0, batch_size / PIECES_A_BATCH) - NOTHING).ceil().clamp_min(1.0)
        row = torch.arange(len(weight)).repeat_interleave(n_pieces.long())
        row = row[torch.randperm(len(row), generator=generator, device=self.weight.device).cpu()]
        return row, (weight / n_pieces)[row]


def at(x, index):
    """``x[index]``; by a function that takes a quarter of the time where both are tensors."""
    return x.index_select(0, index) if isinstance(x, torch.Tensor) and isinstance(index, torch.Tensor) else x[index]


@dataclass
class Plan:
    """How to step and when to stop."""

    batch_size: int
    max_iter: int
    tol: float = 0.0
    n_iter_no_change: float = math.inf
    schedule: Schedule = SCHEDULES["constant"]
    support_fraction: float = 1.0
    """Share of each batch, by weight, that counts: the rows of the lowest objective."""
    progress: float = 0.0
    """Where the run starts on the way of the module's term weights; 1 where it goes on from an earlier one."""
    ranks: Alone = field(default_factory=ranks_now)
    """The processes that take part in it, each with its part of every batch."""


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
        """Append one epoch, to all terms: NaN where a run that goes on has other ones than before."""
        for name in {**self.terms, **terms}:
            self.terms.setdefault(name, [math.nan] * len(self.loss)).append(terms.get(name, math.nan))
        self.loss.append(loss)
        if validation is not None:
            self.validation.append(validation)


def n_batches(size, batch_size):
    """How many batches rows are that count ``size`` together."""
    return max(1, math.ceil(size / batch_size - NOTHING))


def cut(row, length, batch_size):
    """Rows along a line cut into batches: row numbers and what they count there, (n_batches, most rows) each.

    A row that straddles a cut counts in both batches, with a part of its length. Batches of fewer rows have their first
    row again, with weight zero. Numbers of rows are rounded up a little, so that few different ones come up.
    """
    ends = length.cumsum(0)
    n = n_batches(ends[-1].item(), batch_size)
    stops = torch.cat([ends, torch.arange(1.0, n, dtype=ends.dtype) * batch_size]).sort().values
    starts = torch.cat([stops.new_zeros(1), stops[:-1]])
    there = stops - starts > NOTHING * length.min()
    starts, stops = starts[there], stops[there]
    place = torch.searchsorted(ends, 0.5 * (starts + stops)).clamp_max(len(row) - 1)
    batch = (0.5 * (starts + stops) / batch_size).long().clamp_max(n - 1)
    first = torch.searchsorted(batch, torch.arange(n))
    slot = torch.arange(len(batch)) - first[batch]
    width = rounded_up(int(slot.max()) + 1)
    index, weight = row[place[first]][:, None].repeat(1, width), ends.new_zeros(n, width)
    index[batch, slot], weight[batch, slot] = row[place], stops - starts
    return index, weight


def rounded_up(n):
    """The next number with at most four binary digits that count."""
    step = 2 ** max(n.bit_length() - 4, 0)
    return -(-n // step) * step


class Clock:
    """Progress of the run, from where the plan starts to 1 at its last possible step."""

    def __init__(self, plan, size):
        self._start, self.n_steps = plan.progress, 0
        self._total = plan.max_iter * n_batches(size, plan.batch_size)

    @property
    def progress(self):
        """Share of the run that lies behind."""
        return min(1.0, self._start + self.n_steps / self._total)

    def tick(self):
        """Progress before this step."""
        before = self.progress
        self.n_steps += 1
        return before


class Best:
    """The lowest objective so far with its state, and the epochs since it last fell by more than ``tol``."""

    def __init__(self, module, tol):
        self.module, self.tol = module, tol
        self.objective, self.state = math.inf, None
        self.waited, self.mark = 0, math.inf

    def update(self, objective):
        """Take note of one epoch's objective."""
        self.waited += 1
        if objective < self.mark - self.tol:
            self.waited, self.mark = 0, objective
        self.offer(objective)

    def offer(self, objective):
        """Keep the state if it is the best, without waiting for another."""
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


@torch.no_grad()
def supporting(weight, objective, support_fraction):
    """Weights of the rows of lowest objective that hold this share of the weight, the same sum; zero for the others."""
    order = objective.argsort()
    reached = weight.index_select(0, order).cumsum(0)
    last = torch.searchsorted(reached, support_fraction * reached[-1:]).clamp_max(len(weight) - 1)
    kept = weight * (objective <= objective.index_select(0, order.index_select(0, last)))
    return kept * (weight.sum() / kept.sum())


def plainly(function, *ignored):
    """The function itself, instead of ``replayed``."""
    return function


def recording(plan, rows):
    """How functions of batches are made: ``replayed`` where a run has steps enough to make up for being recorded."""
    return replayed if plan.max_iter * n_batches(rows.size, plan.batch_size) > FEW_STEPS else plainly


def make_gradient(module, solver, generator, support_fraction=1.0, ranks=ALONE, record=replayed):
    """A function of a batch and the weight of each term (n_terms,).

    It adds the gradient of the objective's mean over the batch to the parameters, and returns the mean of each term, of
    the part of the batch that this rank has.
    """

    def gradient(x, weight, term_weights):
        terms = list(module.loss_terms(x, generator, weight).values())
        if support_fraction < 1.0:
            weight = supporting(weight, term_weights @ torch.stack(terms).detach(), support_fraction)
        share = weight / len(x)
        weighed = zip(terms, term_weights.unbind(), strict=True)
        sum(values @ (factor * share) for values, factor in weighed).backward()
        return torch.stack([share @ values.detach() for values in terms])

    def recorded(plain):
        """The function, replayed where gradients stay in place."""
        return plain if solver.gradients is None else record(plain, generator, solver.gradients)

    return OfBatches(gradient, ranks, recorded)


class OfBatches:
    """A function of x, weight and the weight of each term as one of a batch, once ``recorded``.

    Of several ranks each draws the numbers of its rows, which depend on how many rows the whole batch has: there is a
    function for each such number.
    """

    def __init__(self, function, ranks, recorded):
        self.function, self._ranks, self._recorded, self.by_size = function, ranks, recorded, {}

    def __call__(self, batch, term_weights):
        n_rows = batch.n_rows if self._ranks.world > 1 else None
        if n_rows not in self.by_size:
            self.by_size[n_rows] = self._recorded(self.function if n_rows is None else self._of_part(n_rows))
        return self.by_size[n_rows](batch.x, batch.weight, term_weights)

    def _of_part(self, n_rows):
        """The function of parts of batches of so many rows."""

        def function(*inputs):
            with self._ranks.chance(n_rows):
                return self.function(*inputs)

        return function


def beside(tensor, weights):
    """Weights by name in a tensor beside another one; made there, as a copy from the host would be waited for."""
    return torch.stack([tensor.new_full((), weight) for weight in weights.values()])


def train_epoch(module, rows, solver, plan, clock, gradient, generator, average=NO_AVERAGE):
    """One pass over ``rows`` in random order; the mean of each named term on the way."""
    total, weights = 0.0, module.term_weights(clock.progress)
    factors = beside(rows.weight, weights)
    for batch in rows.batches(plan.batch_size, generator, plan.ranks):
        now = module.term_weights(clock.tick())
        if now != weights:
            weights, factors = now, beside(rows.weight, now)
        solver.zero_grad()
        total = total + batch.size * gradient(batch, factors)
        solver.combine(plan.ranks, batch.share)
        solver.step()
        average.add()
    return dict(zip(weights, (plan.ranks.add_up(total) / rows.size).tolist(), strict=True))


def rows_at_once(rows):
    """How many rows are evaluated at once."""
    return min(ROWS_AT_ONCE, max(CELLS_AT_ONCE // rows.x.shape[1], LEAST_ROWS_AT_ONCE))


def make_evaluation(module, seed, device, support_fraction, record=replayed):
    """A function of rows: their mean objective at its final weights, with the same noise at every call."""
    generator, weights = torch.Generator(device), module.term_weights(1.0)

    def objective(x, weight):
        values = weigh(module.loss_terms(x, generator, weight), weights)
        return (supporting(weight, values, support_fraction) if support_fraction < 1.0 else weight) @ values

    total = record(objective, generator)

    @torch.no_grad()
    def evaluate(rows):
        generator.manual_seed(seed)
        pieces = rows.pieces(rows_at_once(rows))
        return float(sum(value.to(wide(value)) for value in (total(*piece) for piece in pieces))) / rows.size

    return evaluate


@torch.no_grad()
def is_finite(module):
    """Whether every parameter is a number."""
    return bool(torch.cat([parameter.reshape(-1) for parameter in module.parameters()]).isfinite().all())


def set_off(progress, checkpoint, validation, rows, evaluate, one_epoch):
    """What comes before the first epoch: a state to compare others with, or that of the checkpoint."""
    progress.history.outcome = "max_iter"
    progress.module.train()
    if progress.history.loss:
        progress.best.update(evaluate(validation or rows))
    elif validation is not None:
        progress.best.offer(evaluate(validation))
    if checkpoint.there:  # what is recorded rounds otherwise than what is not: all is recorded before going on
        one_epoch()
        evaluate(validation or rows)
        checkpoint.restore(progress)


def train(module, rows, validation, solver, plan, generator, history, after_epoch, checkpoint=UNKEPT):
    """Minimise the module's objective over ``rows``, watching it on ``validation`` where there is one.

    What is watched and recorded is the objective at its final weights, so that a warm-up cannot look like progress.
    The best state comes back when a validation set chose it and when the run broke off; otherwise the last one stays.
    What a run goes on from counts as a state too, and what it begins at where there is a validation set. Each epoch is
    added to ``history``; ``after_epoch(history)`` may end the run by returning True. A run that broke off goes on from
    its ``checkpoint``.
    """
    best, clock = Best(module, plan.tol), Clock(plan, rows.size)
    average = Average(solver.moved, plan.schedule.half_life * n_batches(rows.size, plan.batch_size))
    progress = Progress(module, solver, generator, best, clock, history, average, plan.schedule.n_cuts)
    record, seed = recording(plan, rows), generator.initial_seed()
    gradient = make_gradient(module, solver, generator, plan.support_fraction, plan.ranks, record)
    evaluate = make_evaluation(module, seed, rows.weight.device, plan.support_fraction, record)
    one_epoch = partial(train_epoch, module, rows, solver, plan, clock, gradient, generator, average)
    set_off(progress, checkpoint, validation, rows, evaluate, one_epoch)
    try:
        for epoch in range(progress.epoch, plan.max_iter):
            progress.begin(epoch)
            checkpoint.keep(progress)
            before, now = (plan.schedule.course(max(i, 0) / plan.max_iter) for i in (epoch - 1, epoch))
            solver.divide_learning_rate(before / now)
            terms = one_epoch()
            loss = weigh(terms, module.term_weights(1.0))
            plan.ranks.agree([*module.parameters(), *average.means], generator)
            average.show()
            watched = loss if validation is None else evaluate(validation)
            if not (math.isfinite(loss + watched) and is_finite(module)):
                history.outcome = "diverged" if history.loss else "failed"
                break
            history.record(loss, terms, None if validation is None else watched)
            best.update(watched)
            if any(plan.ranks.gather(bool(after_epoch(history)))):
                history.outcome = "stopped"
                break
            if module.term_weights(clock.progress) != module.term_weights(1.0):
                best.waited = 0
            if best.waited < plan.n_iter_no_change:
                continue
            if progress.n_cuts == 0:
                history.outcome = "converged"
                break
            progress.n_cuts -= 1
            best.restore()
            solver.divide_learning_rate(LEARNING_RATE_CUT)
    except KeyboardInterrupt:
        history.outcome = "interrupted"
    if best.state and (validation is not None or history.outcome in ("diverged", "interrupted")):
        best.restore()
    if not math.isfinite(evaluate((validation or rows).take(slice(rows_at_once(rows))))):
        history.outcome = "failed"
    module.eval()
