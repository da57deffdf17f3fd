"""Where the code of a row may lie of which cells are missing that no training row lacked.

The encoder never saw such a row. Codes are therefore looked for: drawn ones that explain the cells that are there are
shown to the encoder with what they say of the others, and what it makes of them is moved up the bound on the density of
the cells that are there. All tensors are in standard units; x is (batch, n_features), and no row depends on another.
"""

import math
from dataclasses import dataclass

import torch

from skvae.nn.likelihoods.base import place_drawn, uniform
from skvae.nn.numerics import LOG_TWO_PI, standard_normal, wide

CANDIDATES, STARTS = 1024, 16
"""Codes that are drawn, the same for all rows, and how many of them each row begins with."""

STEPS, STEP_SIZE = 20, 0.1
"""Steps up the bound, and the length of the first one in standard deviations of the codes; they shorten to nothing."""

DECAY, DECAY_OF_SQUARES, LEAST_SLOPE = 0.9, 0.99, 1e-12
"""Of the moments of gradients, as in Adam (Kingma and Ba, 2015)."""

FIRST_SCALE = 0.2
"""Scale of a start where the encoder says none, in standard deviations of the codes."""

LEAST_WORTH = 0.25
"""What weighted draws are worth at least, as a share of their number."""

HALVINGS = 30
"""Steps of the search for a power."""


@dataclass
class Places:
    """q(z|x): normal densities around several places, equally weighted; mean and scale (batch, places, latent_dim)."""

    mean: torch.Tensor
    scale: torch.Tensor
    power: torch.Tensor

    def draws(self, noise):
        """Draws (batch, places, draws, latent_dim) that belong to standard normal noise (places, draws, latent_dim)."""
        return torch.addcmul(self.mean[:, :, None], self.scale[:, :, None], noise)

    def log_prob(self, z):
        """Log-density (batch, places, draws) of codes of such a shape."""
        white = (z[:, :, :, None] - self.mean[:, None, None]) / self.scale[:, None, None]
        each = -0.5 * (white.square() + LOG_TWO_PI).sum(-1) - self.scale.log().sum(-1)[:, None, None]
        return torch.logsumexp(each, dim=-1) - math.log(self.mean.shape[1])


def expected_by_search(model, x, noise):
    """What is expected of each cell (batch, n_features), by importance sampling from ``searched`` places.

    ``noise`` (draws, latent_dim) is standard normal, the same for every row.
    """
    places, parts = searched(model, x), parts_of(noise, draws_at_once(model, x))
    weights = torch.softmax(log_weights(model, x, places, parts), dim=1).to(x)  # (batch, draws)
    sums, sizes = 0.0, [STARTS * part.shape[1] for part in parts]
    for part, share in zip(parts, weights.split(sizes, dim=1), strict=True):
        statistics = model.decode(places.draws(part)).statistics.flatten(1, 2)  # (batch, draws, n_statistics)
        sums = sums + (share[..., None] * statistics).sum(1)  # a product of matrices would round by a row's place
    return model.likelihood.typical(sums)


def completed_by_search(model, x, noise, generators):
    """A draw of each cell by each generator (n_generators, batch, n_features): a drawn code, decoded."""
    places, parts = searched(model, x), parts_of(noise, draws_at_once(model, x))
    weights = log_weights(model, x, places, parts)
    codes = torch.cat([places.draws(part).flatten(1, 2) for part in parts], dim=1)  # (batch, draws, latent_dim)
    rows = torch.arange(len(x), device=x.device)
    drawn = []
    for generator in generators:
        chosen = place_drawn(weights.to(x), generator)[:, 0]
        drawn.append(model.decode(codes[rows, chosen]).sample(generator))
    return torch.stack(drawn)


def draws_at_once(model, x):
    """Draws of each place whose cells are computed at once."""
    return max(1, model.rows_at_once // (len(x) * STARTS))


def parts_of(noise, size):
    """Noise (draws, latent_dim) shared out among the places: parts (STARTS, up to ``size``, latent_dim)."""
    n = len(noise) // STARTS
    # one after the other: of Sobol points every n-th would lie in one strip
    return noise[: n * STARTS].view(STARTS, n, -1).split(size, dim=1)


def log_weights(model, x, places, parts):
    """Log-weights (batch, draws) of draws of the code, up to a constant a row, not all of them on few draws."""
    each = []
    for part in parts:
        z = places.draws(part)
        each.append((log_joint(model, x, z) - places.log_prob(z)).flatten(1))
    each = torch.cat(each, dim=1)
    return each * power_of(each, LEAST_WORTH * (1.0 - places.power) * each.shape[1])


def searched(model, x):
    """Where the codes of rows may lie, by what is there of them."""
    codes = candidates(model, x)
    spread = codes.std(0).clamp_min(torch.finfo(codes.dtype).tiny)  # (latent_dim,)
    begun, power = starts(model, x, codes)
    return refined(model, x, settled(model, x, begun, power, spread), spread)


def candidates(model, like):
    """Codes as new rows have them (CANDIDATES, latent_dim), the same at every call."""
    generator = torch.Generator(like.device).manual_seed(0)
    return model.code_density.sample(CANDIDATES, generator).to(like)


def starts(model, x, codes):
    """The codes (batch, STARTS, latent_dim) that each row begins with, and the power (batch, 1) of their weights.

    They are drawn without replacement, by what they say of the cells that are there.
    """
    parts = codes.split(max(1, model.rows_at_once // len(x)))
    log_weights = torch.cat([model.decode(z).row_log_prob(x[:, None]).to(wide(x)) for z in parts], dim=1)
    level = uniform(codes[:, 0], torch.Generator(x.device).manual_seed(0))  # (CANDIDATES,)
    power = power_of(log_weights, STARTS)
    chances = torch.log_softmax(power * log_weights, dim=1) - torch.log(-torch.log(level))
    return codes[chances.topk(STARTS, dim=1).indices], power


def power_of(log_weights, worth):
    """The power (batch, 1), at most 1, of weights (batch, draws) at which the draws are worth so many equal ones.

    Cells whose errors go together, such as pixels, are counted as if each told something new, so that one draw would
    have all the weight of its row though others are hardly worse.
    """
    low, high = torch.zeros_like(log_weights[:, :1]), torch.ones_like(log_weights[:, :1])
    whole = worth_of(log_weights) >= worth
    for _ in range(HALVINGS):
        power = 0.5 * (low + high)
        enough = worth_of(power * log_weights) >= worth
        low, high = torch.where(enough, power, low), torch.where(enough, high, power)
    return torch.where(whole, torch.ones_like(low), low)


def worth_of(log_weights):
    """How many equally weighted draws the weighted ones (batch, draws) are worth (batch, 1)."""
    return 1.0 / torch.softmax(log_weights, dim=1).square().sum(1, keepdim=True)


def settled(model, x, z, power, spread):
    """Where the encoder places rows that are completed by codes z (batch, places, latent_dim)."""
    unforeseen = model.likelihood.holes.unforeseen(x)
    cells = torch.where(unforeseen[:, None], model.decode(z).mean, x[:, None])
    mean, scale = model.place_of_inputs(model.inputs(cells))
    scale = FIRST_SCALE * spread.expand_as(mean) if scale is None else scale
    return Places(mean, scale, power)


def widened(scale, spread, known):
    """Scales (..., latent_dim) of codes, nearer the ``spread`` of all codes where little is ``known`` of theirs."""
    return torch.maximum(torch.rsqrt(known / scale.square() + (1.0 - known) / spread**2), scale)


def known_share(unforeseen, dtype):
    """How much rows say of their codes whose cells (batch, n_features) are guesses in part (batch, 1).

    The square of the share of known cells makes scales rather too wide than too narrow for importance sampling; among
    powers it had the smallest errors on linear models, where scores are known.
    """
    return (1.0 - unforeseen.to(dtype).mean(-1, keepdim=True)).square()


def refined(model, x, places, spread):
    """Places moved up the evidence lower bound of the cells that are there, each on its own (Kim et al., 2018).

    The log-density of these cells counts ``power`` (batch, 1): where cells tell less than it seems, places stay wider.
    """
    # means in standard deviations of the codes, and logarithms of scales
    state = torch.stack([places.mean / spread, torch.log(places.scale / spread)])
    generator = torch.Generator(x.device).manual_seed(0)
    first, second = torch.zeros_like(state), torch.zeros_like(state)
    for step in range(1, STEPS + 1):
        gradient = slope(model, x, state, spread, places.power.sqrt(), standard_normal(spread.shape, x, generator))
        first = DECAY * first + (1.0 - DECAY) * gradient
        second = DECAY_OF_SQUARES * second + (1.0 - DECAY_OF_SQUARES) * gradient.square()
        size = STEP_SIZE * (1.0 - (step - 1) / STEPS) / (1.0 - DECAY**step)
        state = state + size * first / ((second / (1.0 - DECAY_OF_SQUARES**step)).sqrt() + LEAST_SLOPE)
    scale = spread * state[1].exp()
    known = 1.0 - places.power.to(scale) * (1.0 - known_share(model.likelihood.holes.unforeseen(x), x.dtype))
    return Places(spread * state[0], widened(scale, spread, known[..., None]), places.power)


@torch.enable_grad()
def slope(model, x, state, spread, power, noise):
    """Gradient of each bound, estimated by one draw, with respect to the state (2, batch, places, latent_dim)."""
    state = state.detach().requires_grad_()
    z = spread * torch.addcmul(state[0], state[1].exp(), noise)
    bound = log_joint(model, x, z, power).sum() + state[1].sum()
    return torch.nan_to_num(torch.autograd.grad(bound, state)[0])


def log_joint(model, x, z, power=1.0):
    """Log p(z) plus a power of log p(x|z) of the cells that are there (batch, ...), z (batch, ..., latent_dim)."""
    cells = x.view(len(x), *[1] * (z.dim() - 2), -1)
    return power * model.decode(z).row_log_prob(cells).to(wide(x)) + model.code_density.log_prob(z)
