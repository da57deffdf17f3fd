"""The mean of a model's weights over the latest steps. Never: how a step is made."""

import torch

YOUNG = 10.0
"""A mean of t steps counts what comes next as one of t / 9 + 1.1 at least, so that it soon forgets where it began."""


class Average:
    r"""An exponential mean of tensors over steps, which takes their place while a model is looked at.

    Where a learning rate stays as high as it is, weights go round a minimum at a distance that grows with the rate;
    their mean lies nearer to it (Polyak and Juditsky, "Acceleration of stochastic approximation by averaging", 1992).
    After step t the mean is

    .. math:: m_t = d_t m_{t-1} + (1 - d_t) w_t, \quad d_t = \min(2^{-1/h}, (1 + t) / (10 + t))

    with a half-life of h steps.

    Parameters
    ----------
    tensors : sequence of torch.Tensor
        What the solver moves; in place.
    half_life : float
        Steps after which what a step has left in the mean is half; 0 for no mean.
    """

    def __init__(self, tensors, half_life):
        self._now = [tensor.detach() for tensor in tensors] if half_life else []
        self.means = [tensor.clone() for tensor in self._now]
        self._decay, self.n_steps, self.is_shown = 0.5 ** (1.0 / half_life) if half_life else 0.0, 0, False

    @torch.no_grad()
    def add(self):
        """Take note of a step."""
        if self._now:
            self.n_steps += 1
            decay = min(self._decay, (1.0 + self.n_steps) / (YOUNG + self.n_steps))
            torch._foreach_lerp_(self.means, self._now, 1.0 - decay)

    def show(self):
        """The mean takes the place of the weights, which wait in its."""
        if not self.is_shown:
            self._exchange()

    def hide(self):
        """The weights go on from where they were."""
        if self.is_shown:
            self._exchange()

    @torch.no_grad()
    def _exchange(self):
        self.is_shown = not self.is_shown
        for mean, now in zip(self.means, self._now, strict=True):
            waiting = mean.clone()
            mean.copy_(now)
            now.copy_(waiting)

    def state(self):
        """Tensors and plain values from which ``load`` goes on, while the weights are in their place."""
        return {"means": self.means, "steps": self.n_steps}

    def load(self, state):
        """Go on from an earlier state."""
        self.n_steps = state["steps"]
        for mean, value in zip(self.means, state["means"], strict=True):
            mean.copy_(value)


NO_AVERAGE = Average((), 0.0)
