"""Regularizers: what a code costs. They see posterior, prior and draws z, never x."""

from abc import ABC, abstractmethod

import torch
from torch import nn
from torch.func import functional_call
from torch.nn.functional import softplus

KERNEL_SCALES = (0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0)
"""Widths of the kernels of ``mmd``, in units of the expected squared distance of two codes."""

CRITIC_LAYERS = (128, 128)
"""Hidden units of the network that tells codes from draws of the prior."""


ABSENT = 1e-30
"""Share of a row that is as good as absent."""


class Regularizer(nn.Module, ABC):
    """Named costs of a code, one value a row each, and their weights for a given ``beta``.

    Parameters
    ----------
    latent_dim : int
        Size of a code.
    free_bits : float
        Nats that each latent variable may carry at no cost; for members that charge them one by one.
    build : callable
        ``build(in_features, out_features, hidden_layer_sizes)``, a network, for members that learn one.
    """

    def __init__(self, latent_dim, free_bits, build):
        super().__init__()
        self.latent_dim, self.free_bits = latent_dim, free_bits

    @abstractmethod
    def forward(self, posterior, prior, z, generator, weight=None):
        """Costs of rows with ``posterior``, of which ``z`` (batch, latent_dim) is a draw each.

        ``weight`` (batch,) is what rows count where a cost is about all of them; None where they are alike.
        """

    @abstractmethod
    def weights(self, beta):
        """Weight of each cost."""


class KL(Regularizer):
    """Kullback-Leibler divergence KL(q(z|x) || p(z)) in nats (Kingma and Welling, 2014).

    With free bits, a latent variable whose mean over the batch is below them costs just them, whatever it does
    (Kingma et al., 2016).
    """

    def forward(self, posterior, prior, z, generator, weight=None):
        if self.free_bits == 0.0:
            return {"kl": prior.kl(posterior, z)}
        each = prior.kl_per_component(posterior, z)
        mean = shares(z, weight) @ each
        return {"kl": torch.where(mean > self.free_bits, each, self.free_bits).sum(-1)}

    def weights(self, beta):
        return {"kl": beta}


class TotalCorrelation(Regularizer):
    """KL divergence whose total correlation, the dependence between latent variables, costs ``beta`` times.

    The densities of all codes together are estimated from the batch, up to a constant (Chen et al., 2018).
    """

    def forward(self, posterior, prior, z, generator, weight=None):
        batch = type(posterior)(posterior.mean[None], posterior.scale[None])
        each, log_share = batch.component_log_prob(z[:, None]), torch.log(shares(z, weight).clamp_min(ABSENT))
        together = torch.logsumexp(each.sum(-1) + log_share, 1)
        apart = torch.logsumexp(each + log_share[:, None], 1).sum(-1)
        return {"kl": prior.kl(posterior, z), "total_correlation": together - apart}

    def weights(self, beta):
        return {"kl": 1.0, "total_correlation": beta - 1.0}


class MMD(Regularizer):
    """Maximum mean discrepancy between the codes of a batch and draws of the prior (Tolstikhin et al., 2018).

    It asks of the codes together to look like the prior, not of each code to tell nothing: an InfoVAE (Zhao et al.,
    2019). Kernels are inverse multiquadratic; the estimate has no bias.
    """

    def forward(self, posterior, prior, z, generator, weight=None):
        drawn, share = prior.sample(len(z), generator).detach(), shares(z, weight)
        within = self._kernel(z, z, True) @ share / (1.0 - share).clamp_min(ABSENT)
        within = within + self._kernel(drawn, drawn, True).sum(1) / max(len(z) - 1, 1)
        return {"mmd": within - 2.0 * self._kernel(z, drawn, False).mean(1)}

    def _kernel(self, a, b, leave_out_itself):
        distance = (a[:, None] - b[None]).square().sum(-1)
        widths = [2.0 * self.latent_dim * scale for scale in KERNEL_SCALES]
        values = sum(width / (width + distance) for width in widths) / len(widths)
        return values - torch.diag_embed(values.diagonal()) if leave_out_itself else values

    def weights(self, beta):
        return {"mmd": beta}


class Adversarial(Regularizer):
    """What a network that tells codes from draws of the prior finds: adversarial autoencoders (Makhzani et al., 2016).

    The critic learns the log-odds of code against draw, whose mean over codes is KL(q(z) || p(z)) at its best
    (Mescheder et al., 2017); the encoder lowers it. Both learn in one step: the critic's own loss has value zero here,
    and only its gradient counts.
    """

    def __init__(self, latent_dim, free_bits, build):
        super().__init__(latent_dim, free_bits, build)
        self.critic = build(latent_dim, 1, CRITIC_LAYERS)

    def forward(self, posterior, prior, z, generator, weight=None):
        frozen = {name: value.detach() for name, value in self.critic.named_parameters()}
        found = functional_call(self.critic, frozen, (z,)).squeeze(-1)
        drawn = prior.sample(len(z), generator).detach()
        mistakes = softplus(-self.critic(z.detach())) + softplus(self.critic(drawn))
        mistakes = mistakes.squeeze(-1)
        return {"adversarial": found + (mistakes - mistakes.detach())}

    def weights(self, beta):
        return {"adversarial": beta}


def shares(z, weight):
    """Share of each row in what concerns all (batch,); equal ones without weights."""
    return z.new_full((len(z),), 1.0 / len(z)) if weight is None else weight / weight.sum()


REGULARIZERS = {"kl": KL, "total_correlation": TotalCorrelation, "mmd": MMD, "adversarial": Adversarial}
