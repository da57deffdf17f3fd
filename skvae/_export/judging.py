"""What detectors answer as modules of torch: numbers of rows in, scores and labels out."""

import copy

import numpy as np
import torch
from torch import nn

from skvae._export.programs import Scores, Standard, as_double, within
from skvae._outliers.neighbors import ADDED_DISTANCE, MOST_UNITS, SAME_ROW


class Positioned(nn.Module):
    """Rows as points between which distances are measured (n, width), as ``Positions``."""

    def __init__(self, positions):
        super().__init__()
        self.standard, self._levels = Standard(positions.units, torch.float64), list(positions.levels)
        plain = np.delete(np.arange(len(positions.scale)), self._levels)
        self.register_buffer("plain", torch.from_numpy(plain).long())
        self._units = [unit for *_, unit in positions.levels.values()]
        for j, (place_of, middle, _) in positions.levels.items():
            self.register_buffer(f"place_of_{j}", torch.from_numpy(np.ascontiguousarray(place_of)).long())
            self.register_buffer(f"middle_{j}", as_double(middle))

    def forward(self, X):
        """Points of rows X (n, n_features)."""
        points = self.standard(X)
        points = within(torch.where(points.isnan(), 0.0, points), -MOST_UNITS, MOST_UNITS)
        if not self._levels:
            return points
        parts = [points.index_select(1, self.plain)]
        for j, unit in zip(self._levels, self._units, strict=True):
            place_of, middle, level = getattr(self, f"place_of_{j}"), getattr(self, f"middle_{j}"), X[:, j : j + 1]
            known = torch.where(level.isnan(), 0.0, level).clamp(0.0, float(len(place_of) - 1)).long()
            places = torch.arange(len(middle))
            of_level = ((place_of[known[:, 0]][:, None] == places).to(torch.float64) - middle) * unit
            parts.append(torch.where(level.isnan(), torch.zeros_like(of_level), of_level))
        return torch.cat(parts, dim=1)


class Nearest(nn.Module):
    """Geometric mean distance of each row (n,) to the nearest row of a sample, as ``Sample.mean_distance``."""

    def __init__(self, sample):
        super().__init__()
        self._size, self._n_nearest = sample.size, sample.n_nearest
        self.register_buffer("places", torch.from_numpy(np.ascontiguousarray(sample.places)).long())
        self.register_buffer("share", as_double(sample.share))

    def forward(self, squared):
        """Distances, by squared ones to all rows (n, n_rows)."""
        squared, nearest = squared.index_select(1, self.places).topk(self._n_nearest, dim=1, largest=False)
        is_there = squared < torch.inf
        farthest = torch.where(is_there, squared, 0.0).amax(1, keepdim=True)
        reached = self.share[nearest.flatten()].view(-1, self._n_nearest).cumsum(1)
        farther = (1.0 - within(reached, 0.0, 1.0)) ** self._size
        before = torch.cat([torch.ones_like(farther[:, :1]), farther[:, :-1]], dim=1)
        after = torch.cat([farther[:, :-1], torch.zeros_like(farther[:, :1])], dim=1)
        log_distance = torch.log(torch.sqrt(torch.minimum(squared, farthest)) + ADDED_DISTANCE)
        return torch.exp(((before - after) * log_distance).sum(1))


class Trees(nn.Module):
    """Mean depth of rows (n,) in trees, as ``Forest``."""

    def __init__(self, forest):
        super().__init__()
        self._n_cuts, self._n_trees = forest.n_cuts, len(forest.roots)
        for name in ("feature", "right", "roots"):
            self.register_buffer(name, torch.from_numpy(getattr(forest, name).astype(np.int64)))
        self.register_buffer("threshold", as_double(forest.threshold))
        self.register_buffer("depth", as_double(forest.depth))

    def forward(self, points):
        """Depths of rows at points (n, width)."""
        node = self.roots.expand(len(points), self._n_trees)
        for _ in range(self._n_cuts):
            values = points.gather(1, self._of(self.feature, node))
            goes_on = values <= self._of(self.threshold, node)
            node = torch.where(goes_on, node + 1, self._of(self.right, node))
        return self._of(self.depth, node).mean(1)

    def _of(self, values, node):
        return values[node.flatten()].view(-1, self._n_trees)


class RobustScoresOf(nn.Module):
    """Scores of rows (n,), as ``RobustScores``."""

    def __init__(self, scores, is_open):
        super().__init__()
        self.positioned = Positioned(scores.positions)
        self.make_first(scores, is_open)
        self.register_buffer("rows", as_double(scores.distances.rows))
        self.samples = nn.ModuleDict({name: Nearest(sample) for name, sample in scores.distances.samples.items()})
        self._scales, self._n_counted = scores.scales, scores.n_counted or len(scores.scales)

    def forward(self, X):
        """Scores of rows X (n, n_features)."""
        points = self.positioned(X)
        squared = self._squared(points)
        scores = self.first(X, points) | {name: -nearest(squared) for name, nearest in self.samples.items()}
        strangeness = torch.stack([self._strangeness(name, values) for name, values in scores.items()], dim=1)
        mean = strangeness.topk(self._n_counted, dim=1).values.mean(1)
        return -mean.sign() * torch.expm1(mean.abs())

    def make_first(self, scores, is_open):
        """What the score needs that is none of distances."""
        self.density = Scores(scores.trusting, is_open)
        self.forest = None if scores.forest is None else Trees(scores.forest)

    def first(self, X, points):
        """The scores that are none of distances, by their names, of rows with their points."""
        scores = {"density": self.density(X)}
        return scores if self.forest is None else scores | {"forest": self.forest(points)}

    def _squared(self, points):
        """Squared distances to training rows, infinite to those that are the same."""
        norms = points.square().sum(1, keepdim=True) + self.rows.square().sum(1)
        squared = norms - 2.0 * (points @ self.rows.T)
        return torch.where(squared <= SAME_ROW * norms, torch.inf, squared)

    def _strangeness(self, name, scores):
        scale = self._scales[name]
        excess = (scale.median - scores) / scale.width
        return excess.sign() * torch.log1p(excess.abs())


class NoveltyScoresOf(RobustScoresOf):
    """Scores of rows (n,), as ``NoveltyScores``."""

    def make_first(self, scores, is_open):
        self.denoiser = copy.deepcopy(scores.denoising.module).cpu()
        self.register_buffer("noise", scores.denoising.noise.cpu())
        self.register_buffer("middle", as_double(scores.middle))
        place_of = scores.positions.spread(np.arange(float(len(scores.positions.scale)))[None])[0]
        self.register_buffer("place_of", torch.from_numpy(place_of).long())

    def first(self, X, points):
        costs = self.denoiser.costs(points.to(torch.float32), self.noise).to(torch.float64) - self.middle
        missing = X.to(torch.float64).index_select(1, self.place_of).isnan()
        return {"denoising": -torch.where(missing, 0.0, costs).sum(1)}


class Decided(nn.Module):
    """Scores above the threshold of a detector."""

    def __init__(self, offset):
        super().__init__()
        self._offset = float(offset)

    def forward(self, scores):
        """Scores (n,) less the threshold."""
        return scores - self._offset


class Labelled(nn.Module):
    """Labels: -1 for an outlier, or where there is no score, 1 for an inlier."""

    def forward(self, decided):
        """Labels (n,) of scores above the threshold, int64."""
        return torch.where(decided >= 0.0, 1, -1)
