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


def failure(*parts):
    """What a process of its own says that runs some code; nothing where all that is asserted there holds."""
    code = [*parts, "print('all of it')"]
    ended = subprocess.run([sys.executable, "-W", "ignore", "-c", "\n".join(code)], capture_output=True, text=True)
    return "" if ended.stdout.endswith("all of it\n") else ended.stderr or "it ended early"


WITH_ATOMS = {"StudentT": ("student_t", 0.0), "Laplace": ("laplace", -1.0), "LogNormal": ("lognormal", 2.0)}
"""Densities, their names without atoms, and a value to repeat."""


def test_any_density_of_real_or_positive_numbers_can_have_atoms():
    parts = [BEGIN]
    for inside, (plain, atom) in WITH_ATOMS.items():
        parts += [ATOMS.format(inside=inside), FIT.format(atom=atom, parameters=f"likelihood='{inside}'")]
        parts += [CHECK.format(atom=atom, plain=plain)]
    assert not failure(*sorted(parts, key=lambda part: "LIKELIHOODS" not in part))


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
from skvae.nn.corruptions import CORRUPTIONS, Corruption

class Masked(Corruption):
    "Some inputs are zero."

    def forward(self, inputs, generator, weight):
        return inputs * (torch.rand(inputs.shape, dtype=inputs.dtype, generator=generator) > 0.3), None

CORRUPTIONS["member"] = Masked
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
from skvae.nn.regularizers import REGULARIZERS, Regularizer

class Sparse(Regularizer):
    "The divergence, and what codes without noise are away from zero."

    def forward(self, step):
        away = step.encode(step.inputs).abs().sum(-1)
        return {"kl": step.prior.kl(step.posterior, step.z), "sparse": away}

    def weights(self, beta):
        return {"kl": beta, "sparse": 2.0 * beta}

REGULARIZERS["member"] = Sparse
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
    assert not failure(BEGIN, *MEMBERS.values(), *uses)


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
    assert not failure(
        BEGIN, MEMBERS["regularizer"], FIT.format(atom=1.0, parameters="regularizer='member'"), PENALISED
    )


KIND = """
import numpy as np
import pandas as pd
from skvae import AutoencoderOutlierDetector, AutoencoderTransformer, VAETransformer
from skvae._tables.column import Column, number_of_cell
from skvae._tables.kinds import KINDS, all_are


class Percent(Column):
    "Texts such as 12.5 %, which are numbers."

    kind, noun, cells_in_words, family = "percent", "percentages", "percentages", None
    reads_otherwise = True

    @classmethod
    def holds(cls, cells, there):
        return all_are(lambda cell: isinstance(cell, str) and cell.endswith(" %"), there)

    def is_odd(self, cell):
        return not str(cell).endswith(" %")

    def _encode(self, cells):
        return np.array([np.nan if pd.isna(cell) else float(cell[:-2]) for cell in cells])

    def number_of(self, cell):
        return number_of_cell(self, cell)

    def decode(self, numbers, as_measured=False, dtype=None):
        return pd.Series([None if np.isnan(x) else f"{x:.3f} %" for x in numbers], dtype=object)


KINDS["percent"] = Percent

rng = np.random.RandomState(0)
code = rng.normal(size=300)
frame = pd.DataFrame({"x": code, "rate": [f"{50.0 + 10.0 * c:.3f} %" for c in code]}, dtype=object)
frame["x"] = frame["x"].astype(float)
frame.loc[5, "rate"] = None
for Estimator in (VAETransformer, AutoencoderTransformer):
    fitted = Estimator(1, hidden_layer_sizes=(8,), max_iter=30, random_state=0).fit(frame)
    assert fitted._schema.columns[1].kind == "percent"
    said = fitted.column_likelihoods_.loc["rate"]
    assert said["likelihood"] != "categorical", said
    back = fitted.inverse_transform(fitted.transform(frame))
    assert all(cell.endswith(" %") for cell in back["rate"])
    numbers = fitted._schema.numbers(back)[:, 1]
    assert np.corrcoef(numbers, code)[0, 1] > 0.95
    drawn = fitted.sample(50, random_state=0, given={"rate": "70 %"}, with_missing=False)
    assert (drawn["rate"] == "70.000 %").all()
    assert drawn["x"].mean() > 1.0
    assert fitted.impute(frame).loc[5, "rate"].endswith(" %")
odd = frame.copy()
odd.loc[7, "rate"] = 12.0
try:
    fitted.transform(odd)
except ValueError as error:
    assert "'rate', row 7 holds 12.0" in str(error), error
else:
    raise AssertionError("a number is no percentage")
strange = frame.copy()
strange.loc[9, "rate"] = "400 %"
reasons = AutoencoderOutlierDetector(random_state=0).fit(frame).explain(strange.loc[[9]], 1)
assert reasons["column"].item() == "rate"
assert reasons["value"].item() == "400.000 %"
"""


def test_a_kind_of_column_that_is_added_at_run_time_is_read_written_drawn_and_explained():
    assert not failure(KIND)
