"""Levels without an order."""

import math
from abc import abstractmethod

import torch
from torch.nn.functional import log_softmax

from skvae.nn.likelihoods.base import Likelihood, at_place, long_side_last, n_rows, place_drawn, shares

MOST_OUTPUTS = 256
"""How many outputs at most say how probable the levels of a column are, the last one speaking for all rare ones."""

LEAST_PART, FARTHEST_CENTRE = 1e-3, 4.0
"""Smallest share of a level that has a mean code to begin at, and how far from zero such a code may lie."""


class Levels(Likelihood):
    """One of several levels a column, numbered from 0.

    With ``unseen`` above 0, numbers beyond a column's levels are levels that no training row has. They have this
    probability together, and networks see no level of them.
    """

    units = "counts"
    most_levels = 1_000_000
    """How many levels one column may have: a number beyond them is no level number."""
    support = f"level numbers, whole ones from 0 to the largest it was fitted on and less than {most_levels},"
    remedy = "Number the levels with sklearn.preprocessing.OrdinalEncoder."

    def __init__(self, n_features, n_levels, unseen=0.0):
        super().__init__(n_features)
        self.register_buffer("_n_levels", torch.tensor(n_levels))
        self._unseen = unseen

    @classmethod
    def describe(cls, known):
        return {"n_levels": [min(len(counts), cls.most_levels) for counts in known.levels]}

    def outside(self, values):
        wrong = (values < 0.0) | (values % 1.0 != 0.0)
        return wrong if self._unseen else wrong | (values >= self._n_levels.cpu())

    def log_prob(self, outputs, x):
        if not self._unseen:
            return self._seen_log_prob(outputs, x.long())
        known = x < self._n_levels
        seen = self._seen_log_prob(outputs, torch.where(known, x, torch.zeros_like(x)).long())
        unseen = torch.full_like(seen, math.log(self._unseen))
        return torch.where(known, seen + math.log1p(-self._unseen), unseen)

    def error(self, outputs, x):
        return -self.log_prob(outputs, x)

    @abstractmethod
    def _seen_log_prob(self, outputs, level):
        """Log-probability of levels of training rows (..., n_features)."""


class Categorical(Levels):
    """Levels without an order; networks see one input a level, outputs are logits.

    ``rare`` holds, for each column, the levels that share one output and one input: among them the frequencies of the
    training rows, ``rare_log_shares``, decide. A column has such levels where it has more than MOST_OUTPUTS.
    """

    ordered = False

    def __init__(self, n_features, n_levels, rare=None, rare_log_shares=None, unseen=0.0):
        super().__init__(n_features, n_levels, unseen)
        rare, rare_log_shares = ([[]] * n_features if each is None else each for each in (rare, rare_log_shares))
        self._has_rare, columns = any(rare), []
        slots, within = torch.zeros(sum(n_levels), dtype=torch.long), torch.zeros(sum(n_levels), dtype=torch.float32)
        n_slots = [n - max(len(levels) - 1, 0) for n, levels in zip(n_levels, rare, strict=True)]
        self.n_inputs = self.n_outputs = sum(n_slots)
        places = torch.full((n_features, max(n_slots)), self.n_outputs)
        most = torch.zeros(n_features, max(n_slots), dtype=torch.long)
        scarce = torch.zeros(n_features, max(n_slots), dtype=torch.float32)
        for column, (n, levels, log_shares) in enumerate(zip(n_levels, rare, rare_log_shares, strict=True)):
            start, alone = sum(n_levels[:column]), torch.ones(n, dtype=torch.bool)
            alone[levels] = False
            slot = torch.full((n,), n_slots[column] - 1)
            slot[alone] = torch.arange(int(alone.sum()))
            slots[start : start + n] = slot
            within[start + torch.tensor(levels, dtype=torch.long)] = torch.tensor(log_shares, dtype=torch.float32)
            most[column, slot[alone]] = torch.arange(n)[alone]
            if levels:
                top = max(range(len(levels)), key=log_shares.__getitem__)
                most[column, n_slots[column] - 1], scarce[column, n_slots[column] - 1] = levels[top], log_shares[top]
            places[column, : n_slots[column]] = torch.arange(n_slots[column]) + len(columns)
            columns += [column] * n_slots[column]
        self.input_columns = self._output_columns = torch.tensor(columns)
        self.n_statistics = places.numel()
        self.register_buffer("_slots", slots)
        self.register_buffer("_within", within)
        self.register_buffer("_start", torch.tensor(n_levels).cumsum(0) - torch.tensor(n_levels))
        self.register_buffer("_places", places)
        self.register_buffer("_most", most)
        self.register_buffer("_scarce", scarce)
        self.register_buffer("_columns", self.input_columns)
        self.register_buffer("_slot", torch.arange(self.n_outputs) - places[:, 0][torch.tensor(columns)])
        self.register_buffer("log_mean", torch.zeros(self.n_outputs, dtype=torch.float32))

    @classmethod
    def describe(cls, known):
        described = super().describe(known)
        n_levels = described["n_levels"]
        if max(n_levels) <= MOST_OUTPUTS:
            return described
        rare, log_shares = [], []
        for counts, n in zip(known.levels, n_levels, strict=True):
            held = counts[:n]
            last = held.argsort(descending=True, stable=True)[MOST_OUTPUTS - 1 :] if n > MOST_OUTPUTS else held[:0]
            rare.append(last.long().tolist())
            chance = held[last.long()] + 0.5
            log_shares.append(torch.log(chance / chance.sum()).tolist())
        return {**described, "rare": rare, "rare_log_shares": log_shares}

    def _slot_of(self, level):
        """Number of the output of each level (..., n_features)."""
        return self._slots[self._start + level] if self._has_rare else level

    def inputs(self, x):
        """One-hot; nothing for a level never seen."""
        if self._has_rare:
            known = x < self._n_levels
            slot = self._slot_of(torch.where(known, x, torch.zeros_like(x)).long())
            x = torch.where(known, slot.to(x), torch.full_like(x, -1.0))
        return (x.index_select(-1, self._columns) == self._slot).to(x.dtype)

    def observe(self, x, weight):
        share = shares(weight)[:, self._columns]
        self.log_mean.copy_(torch.log((share * self.inputs(x)).sum(0) + 0.5 / n_rows(weight)))

    def begin(self, weight, bias, loadings, mean, noise):
        """Each level has its rows' mean code as the centre of a normal density of codes, with variance one."""
        centres = (loadings / mean.clamp_min(LEAST_PART)[:, None]).to(weight)
        centres = centres / (1.0 + centres.norm(dim=1, keepdim=True) / FARTHEST_CENTRE)
        weight.copy_(centres)
        bias.copy_(-0.5 * centres.square().sum(1))
        return True

    def _log_shares(self, outputs):
        """Log-probability of each slot (..., n_features, most slots); minus a large number where there is none."""
        logits = self.log_mean + outputs
        logits = torch.cat([logits, torch.full_like(logits[..., :1], -1e30)], dim=-1)
        axis = long_side_last(self._places)
        places = self._places if axis == -1 else self._places.T
        slots = log_softmax(logits.index_select(-1, places.flatten()).unflatten(-1, places.shape), dim=axis)
        return slots if axis == -1 else slots.mT

    def statistics(self, outputs):
        return self._log_shares(outputs).exp().flatten(-2)

    def typical(self, statistics):
        """The most probable level."""
        chance = statistics.unflatten(-1, self._places.shape) * torch.exp(self._scarce)
        slot = chance.argmax(-1, keepdim=True)
        return self._most.expand(chance.shape).gather(-1, slot)[..., 0].to(statistics.dtype)

    def mean(self, outputs):
        """The most probable level."""
        return self.typical(self.statistics(outputs))

    def _seen_log_prob(self, outputs, level):
        chosen = at_place(self._log_shares(outputs), self._slot_of(level))
        return chosen + self._within[self._start + level] if self._has_rare else chosen

    def sample(self, outputs, generator):
        slot = place_drawn(self._log_shares(outputs), generator).squeeze(-1)
        if not self._has_rare:
            return slot.to(outputs.dtype)
        cells = []
        for column, (start, n) in enumerate(zip(self._start.tolist(), self._n_levels.tolist(), strict=True)):
            part, own = slice(start, start + n), slot[..., column]
            first = self._within[part].masked_fill(self._slots[part] < self._slots[part].max(), -1e30).exp()
            drawn = torch.multinomial(first.clamp_min(1e-30), own.numel(), replacement=True, generator=generator)
            last = own == self._slots[part].max()
            cells.append(torch.where(last, drawn.view(own.shape), self._most[column][own]))
        return torch.stack(cells, dim=-1).to(outputs.dtype)
