"""Regularizers: what the code of a VAE costs, so that codes of rows look like draws of the prior."""

import torch
from torch.func import functional_call
from torch.nn.functional import softplus

from skvae.nn.penalties import Penalty
from skvae.nn.posteriors import DiagonalNormal

KERNEL_SCALES = (0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0)
"""Widths of the kernels of ``mmd``, in units of the expected squared distance of two codes."""

CRITIC_LAYERS = (128, 128)
"""Hidden units of the network that tells codes from draws of the prior."""

ABSENT = 1e-30
"""Share of a row that is as good as absent."""


class Regularizer(Penalty):
    """Named costs of the codes, and their weights for a given ``beta``.

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


class KL(Regularizer):
    """Kullback-Leibler divergence KL(q(z|x) || p(z)) in nats (Kingma and Welling, 2014).

    With free bits, a latent variable whose mean over the batch is below them costs just them, whatever it does
    (Kingma et al., 2016).
    """

    def forward(self, step):
        if self.free_bits == 0.0:
            return {"kl": step.prior.kl(step.posterior, step.z)}
        each = step.prior.kl_per_component(step.posterior, step.z)  # (batch, latent_dim)
        mean = step.shares @ each
        return {"kl": torch.where(mean > self.free_bits, each, self.free_bits).sum(-1)}

    def weights(self, beta):
        return {"kl": beta}


class TotalCorrelation(Regularizer):
    """KL divergence whose total correlation, the dependence between latent variables, costs ``beta`` times.

    The densities of all codes together are estimated from the batch, up to a constant (Chen et al., 2018).
    """

    def forward(self, step):
        batch = DiagonalNormal(step.posterior.mean[None], step.posterior.scale[None])
        each = batch.component_log_prob(step.z[:, None])  # (batch of draws, batch of posteriors, latent_dim)
        log_share = torch.log(step.shares.clamp_min(ABSENT))
        together = torch.logsumexp(each.sum(-1) + log_share, 1)
        apart = torch.logsumexp(each + log_share[:, None], 1).sum(-1)
        return {"kl": step.prior.kl(step.posterior, step.z), "total_correlation": together - apart}

    def weights(self, beta):
        return {"kl": 1.0, "total_correlation": beta - 1.0}


class MMD(Regularizer):
    """Maximum mean discrepancy between the codes of a batch and draws of the prior (Tolstikhin et al., 2018).

    It asks of the codes together to look like the prior, not of each code to tell nothing: an InfoVAE (Zhao et al.,
    2019). Kernels are inverse multiquadratic; the estimate has no bias.
    """

    def forward(self, step):
        z, share = step.z, step.shares
        drawn = step.prior.sample(len(z), step.generator).detach()  # (batch, latent_dim)
        within = self._kernel(z, z, True) @ share / (1.0 - share).clamp_min(ABSENT)
        within = within + self._kernel(drawn, drawn, True).sum(1) / max(len(z) - 1, 1)
        return {"mmd": within - 2.0 * self._kernel(z, drawn, False).mean(1)}

    def _kernel(self, a, b, leave_out_itself):
        """Kernel of each code of ``a`` (n, latent_dim) with each of ``b`` (m, latent_dim), (n, m)."""
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

    def forward(self, step):
        frozen = {name: value.detach() for name, value in self.critic.named_parameters()}
        found = functional_call(self.critic, frozen, (step.z,)).squeeze(-1)
        drawn = step.prior.sample(len(step.z), step.generator).detach()  # (batch, latent_dim)
        mistakes = softplus(-self.critic(step.z.detach())) + softplus(self.critic(drawn))
        mistakes = mistakes.squeeze(-1)
        return {"adversarial": found + (mistakes - mistakes.detach())}

    def weights(self, beta):
        return {"adversarial": beta}


REGULARIZERS = {"kl": KL, "total_correlation": TotalCorrelation, "mmd": MMD, "adversarial": Adversarial}
