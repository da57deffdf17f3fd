"""How few random cuts part a row from training rows: an isolation forest as arrays."""

import math
from dataclasses import dataclass

import numpy as np
from sklearn.tree import ExtraTreeRegressor

from skvae._tables.weighted import at_shares

TREES, ROWS_A_TREE = 100, 256
"""Trees of a forest, and training rows that each of them is grown on at most."""

ROWS_THROUGH_TREES = 1024
"""Rows that go through the trees together, few enough for their places in these to stay close to the processor."""


@dataclass(frozen=True)
class Forest:
    """Trees of random cuts, each grown on a few training rows until these are alone (Liu, Ting and Zhou, 2008).

    A row goes from a node to the next one where its value of the ``feature`` is no larger than the ``threshold``, and
    to the one on the ``right`` otherwise; a leaf is on its own right, whatever the value. ``depth`` is that of nodes,
    and of leaves with what a random tree would add for the training rows in them. All of these are (n_nodes,), the
    nodes of all trees, which begin at ``roots``; no leaf is deeper than ``n_cuts``.
    """

    feature: np.ndarray
    threshold: np.ndarray
    right: np.ndarray
    depth: np.ndarray
    roots: np.ndarray
    n_cuts: int

    @classmethod
    def of(cls, points, counts, rng):
        """A forest of rows in whatever order without missing cells (n, width), which count so many each (n,)."""
        size = max(1, min(ROWS_A_TREE, int(counts.sum() + 1e-9)))
        n_cuts = max(1, math.ceil(math.log2(size)))
        order, trees = np.lexsort(points.T), []
        points, counts = np.asarray(points[order], dtype=np.float32), counts[order]
        for _ in range(TREES):
            rows, times = drawn(counts, size, rng)
            tree = ExtraTreeRegressor(
                max_features=1, max_depth=n_cuts, random_state=rng.randint(np.iinfo(np.int32).max)
            )
            trees.append(tree.fit(points[rows], rng.uniform(size=len(rows)), times).tree_)
        roots = np.cumsum([0] + [tree.node_count for tree in trees[:-1]])
        right = np.concatenate([tree.children_right + root for tree, root in zip(trees, roots, strict=True)])
        feature, threshold, held = (
            np.concatenate([getattr(tree, name) for tree in trees])
            for name in ("feature", "threshold", "weighted_n_node_samples")
        )
        leaves = np.flatnonzero(feature < 0)
        feature[leaves], threshold[leaves], right[leaves] = 0, -np.inf, leaves
        depth, parents = np.zeros(len(feature)), np.flatnonzero(right != np.arange(len(feature)))
        for _ in range(n_cuts):
            depth[parents + 1] = depth[right[parents]] = depth[parents] + 1.0
        depth[leaves] += mean_depth(held[leaves])
        return cls(feature, threshold, right, depth, roots, n_cuts)

    def __call__(self, points):
        """Mean depth of the leaves of rows (n,): the lower, the easier they are parted from others."""
        found = np.empty(len(points))
        for start in range(0, len(points), ROWS_THROUGH_TREES):
            piece = points[start : start + ROWS_THROUGH_TREES]
            rows, node = np.arange(len(piece))[:, None], np.tile(self.roots, (len(piece), 1))
            for _ in range(self.n_cuts):
                goes_on = piece[rows, self.feature[node]] <= self.threshold[node]
                node = np.where(goes_on, node + 1, self.right[node])
            found[start : start + len(piece)] = self.depth[node].mean(axis=1)
        return found


def drawn(counts, size, rng):
    """Row numbers of ``size`` rows drawn at random, and how often each is drawn: about once for each that it counts."""
    order = rng.permutation(len(counts))
    shares = (np.arange(size) + rng.uniform()) / size
    places, times = np.unique(at_shares(counts[order], shares), return_counts=True)
    return order[places], times.astype(float)


def mean_depth(n_rows):
    """Mean depth at which random cuts isolate one of as many rows (n,)."""
    many, few = np.maximum(n_rows, 3.0), (n_rows > 1.5).astype(float)
    return np.where(n_rows < 2.5, few, 2.0 * (np.log(many - 1.0) + np.euler_gamma) - 2.0 * (many - 1.0) / many)
