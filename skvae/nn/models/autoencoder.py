"""The plain autoencoder: a point for every row."""

from skvae.nn.linear import principal_components
from skvae.nn.models.latent import LatentModel
from skvae.nn.models.moments import Moments
from skvae.nn.numerics import wide
from skvae.nn.objectives import Distortion
from skvae.nn.penalties import penalties_of
from skvae.nn.priors import CODE_DENSITIES
from skvae.nn.step import Step


class Autoencoder(LatentModel):
    """Deterministic codes; minimises the likelihood's distortion, then fits noise scales and a density of the codes."""

    def __init__(self, n_features, latent_dim, *, code_density, n_mixture_components, penalty, **options):
        super().__init__(n_features, latent_dim, code_outputs=latent_dim, **options)
        self.code_density = CODE_DENSITIES[code_density](latent_dim, n_mixture_components)
        self.objective = Distortion(penalties_of(penalty, latent_dim, self.likelihood.n_inputs))

    def observe_codes(self, x, weight, generator):
        """Nothing to do: codes are points, and their density is fitted after training."""

    def linear_model(self, covariance, latent_dim, n_rows):
        loadings, codes = principal_components(covariance, latent_dim)
        noise = (covariance.diagonal() - loadings.square().sum(1)).clamp_min(0.0)
        return loadings, noise, codes, codes.new_zeros(len(codes))

    def codes_of_inputs(self, inputs):
        return self.objective.activated(self._outputs(self.encoder, inputs))

    def code_draws(self, x, generator):
        return self.codes(x)

    def place_of_inputs(self, inputs):
        return self.codes_of_inputs(inputs), None

    def expected_of_seen(self, x, noise):
        return self.decode(self.codes(x)).mean

    def completed_of_seen(self, x, noise, generator):
        return self.decode(self.codes(x)).sample(generator)

    def step(self, x, inputs, generator, weight):
        return Step(
            z=self.codes_of_inputs(inputs),
            x=x,
            inputs=inputs,
            encode=self.codes_of_inputs,
            decode=self.decode,
            generator=generator,
            weight=weight,
        )

    def log_prob(self, x, noise):
        z = self.codes(x)
        return self.decode(z).row_log_prob(x).to(wide(x)) + self.code_density.log_prob(z)

    def calibrate(self, batches, rate):
        total, error, moments = 0.0, 0.0, Moments()
        for x, weight in batches:
            z = self.codes(x)
            squares = self.decode(z).residual(x).square()  # (batch, n_features)
            total = total + (weight @ (~x.isnan()).to(weight)).to(wide(x))
            error = error + (weight @ squares).to(wide(x))
            moments.add(z, weight)
        self.likelihood.calibrate((error / total.clamp_min(1e-12)).to(x), rate)
        if self.code_density.from_moments:
            self.code_density.fit(*moments.of(x), rate)
