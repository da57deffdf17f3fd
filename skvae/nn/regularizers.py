"""Regularizers: what a code costs, one value a row. They see posterior, prior and a draw z, never x."""


def kl(posterior, prior, z):
    """Kullback-Leibler divergence KL(q(z|x) || p(z)) in nats (Kingma and Welling, 2014)."""
    return prior.kl(posterior, z)


REGULARIZERS = {"kl": kl}
