"""A new member of a table is one class or function and one line: shown with members that are added at run time."""

import subprocess
import sys

BEGIN = """
import numpy as np
import torch
from skvae.nn.likelihoods.table import LIKELIHOODS
"""

FIT = """
from skvae import AutoencoderTransformer, VAETransformer
rng = np.random.RandomState(0)
code = rng.normal(size=300)
X = np.exp(0.5 * (code[:, None] + 0.5 * rng.normal(size=(300, 4))))
X[rng.uniform(size=X.shape) < 0.3] = {atom}
small = dict(n_components=1, hidden_layer_sizes=(8,), max_iter=10, random_state=0, {parameters})
"""

ATOMS = """
from skvae.nn.likelihoods.atoms import Inflated
from skvae.nn.likelihoods.positive import Gamma, LogNormal
from skvae.nn.likelihoods.real import Laplace, StudentT

class Member(Inflated):
    inside = {inside}

LIKELIHOODS["{inside}"] = Member
"""

CHECK = """
vae = VAETransformer(**small).fit(X)
drawn = vae.sample(2000, random_state=0)
share = (drawn == {atom}).mean()
assert 0.25 < share < 0.35, share
assert len(np.unique(drawn)) > 2000
assert np.isfinite(vae.score_samples(X)).all()
plain = VAETransformer(**{{**small, "likelihood": "{plain}"}}).fit(X)
assert vae.score(X) > plain.score(X) + 1.0, (vae.score(X), plain.score(X))
"""


def run(*parts):
    ended = subprocess.run([sys.executable, "-W", "ignore", "-c", "\n".join(parts)], capture_output=True, text=True)
    assert ended.returncode == 0, ended.stderr


WITH_ATOMS = {"StudentT": ("student_t", 0.0), "Laplace": ("laplace", -1.0), "LogNormal": ("lognormal", 2.0)}
"""Densities, their names without atoms, and a value to repeat."""


def test_any_density_of_real_or_positive_numbers_can_have_atoms():
    parts = [BEGIN]
    for inside, (plain, atom) in WITH_ATOMS.items():
        parts += [ATOMS.format(inside=inside), FIT.format(atom=atom, parameters=f"likelihood='{inside}'")]
        parts += [CHECK.format(atom=atom, plain=plain)]
    run(*sorted(parts, key=lambda part: "LIKELIHOODS" not in part))


MEMBERS = {
    "likelihood": """
from skvae.nn.likelihoods.base import uniform
from skvae.nn.likelihoods.real import ScaledNoise

class Cosine(ScaledNoise):
    "Noise that is bounded: a raised cosine."

    @property
    def variance_of_unit_scale(self):
        return 1.0 / 3.0 - 2.0 / np.pi**2

    def log_prob(self, outputs, x):
        place = ((x - outputs) / self.scale).clamp(-0.99, 0.99)
        return torch.log1p(torch.cos(np.pi * place)) - torch.log(2.0 * self.scale)

    def sample(self, outputs, generator):
        place = 2.0 * uniform(outputs, generator) - 1.0
        kept = uniform(outputs, generator) < 0.5 + 0.5 * torch.cos(np.pi * place)
        return outputs + self.scale * torch.where(kept, place, place.sign() - place)

LIKELIHOODS["member"] = Cosine
""",
    "network": """
from skvae.nn.networks import NETWORKS, Pair, mlp

def wide(in_features, out_features, hidden_layer_sizes, activation, generator):
    return mlp(in_features, out_features, [3 * size for size in hidden_layer_sizes], activation, generator)

NETWORKS["member"] = Pair(encoder=wide, decoder=mlp)
""",
    "activation": """
from skvae.nn.networks import ACTIVATIONS
ACTIVATIONS["member"] = torch.nn.Mish
""",
    "corruption": """
from skvae.nn.corruptions import CORRUPTIONS

def masked(x, level, generator):
    return x * (torch.rand(x.shape, dtype=x.dtype, generator=generator) > level)

CORRUPTIONS["member"] = masked
""",
    "prior": """
from skvae.nn.priors import PRIORS, StandardNormal

class Wide(StandardNormal):
    "Twice as wide."

    def log_prob(self, z):
        return super().log_prob(0.5 * z) - z.shape[-1] * np.log(2.0)

    def kl_per_component(self, posterior, z):
        return super().kl_per_component(type(posterior)(0.5 * posterior.mean, 0.5 * posterior.scale), 0.5 * z)

    def kl(self, posterior, z):
        return self.kl_per_component(posterior, z).sum(-1)

    def sample(self, n_samples, generator):
        return 2.0 * super().sample(n_samples, generator)

PRIORS["member"] = Wide
""",
    "regularizer": """
from skvae.nn.penalties import PENALTIES, Penalty

class Sparse(Penalty):
    "The divergence, and what codes without noise are away from zero."

    def forward(self, step):
        away = step.encode(step.inputs).abs().sum(-1)
        return {"kl": step.prior.kl(step.posterior, step.z), "sparse": away}

    def weights(self, beta):
        return {"kl": beta, "sparse": 2.0 * beta}

PENALTIES["member"] = Sparse
""",
    "solver": """
from skvae.nn.solvers import SOLVERS, FlatSolver

class Sign(FlatSolver):
    "Steps of one size."

    def update(self):
        self.values.sub_(self.learning_rate * self.gradient.sign())

SOLVERS["member"] = Sign
""",
}
"""What a member is, by the parameter that takes its name."""

USE = """
member = VAETransformer(**small).fit(X)
default = VAETransformer(**{{**small, "{parameter}": VAETransformer().{parameter}}}).fit(X)
for fitted in (member, default):
    assert np.isfinite(fitted.score_samples(X)).all()
assert not np.array_equal(member.score_samples(X), default.score_samples(X)) or not np.array_equal(
    member.sample(5, random_state=0), default.sample(5, random_state=0)
)
assert member.get_params()["{parameter}"] == "member"
try:
    VAETransformer({parameter}="nonsense").fit(X)
except ValueError as error:
    assert "member" in str(error), error
else:
    raise AssertionError("nonsense was taken")
"""


def test_a_member_of_a_table_is_used_through_the_public_face():
    uses = [FIT.format(atom=1.0, parameters=f"{name}='member'") + USE.format(parameter=name) for name in MEMBERS]
    run(BEGIN, *MEMBERS.values(), *uses)


PENALISED = """
sparse = VAETransformer(**small).fit(X)
plain = VAETransformer(**{**small, "regularizer": "kl"}).fit(X)
assert set(sparse.history_) == {"reconstruction", "kl", "sparse"}, sparse.history_
terms = {name: np.array(values) for name, values in sparse.history_.items()}
total = terms["reconstruction"] + terms["kl"] + 2.0 * terms["sparse"]
np.testing.assert_allclose(total, sparse.loss_curve_, rtol=1e-6)
held = [np.abs(vae.transform(X)).mean() for vae in (sparse, plain)]
assert held[0] < 0.9 * held[1], held
assert sparse.history_["sparse"][-1] < sparse.history_["sparse"][0], sparse.history_
"""


def test_a_penalty_sees_what_the_encoder_was_shown_and_acts_by_its_weight():
    run(BEGIN, MEMBERS["regularizer"], FIT.format(atom=1.0, parameters="regularizer='member'"), PENALISED)
