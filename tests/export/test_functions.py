"""Functions of torch and what is written for them give the same numbers, whatever the number of rows."""

import numpy as np
import pytest
import torch
from graphs import ran
from scipy import special
from torch.nn import functional

from skvae._export.functions import FUNCTIONS
from skvae._export.graph import Graph
from skvae._export.models import embedded, rows_of
from skvae._export.recording import NotExportableError, either, recorded, repeated

CELLS = torch.tensor([[0.5, -1.5, 2.5, 0.0], [3.0, 0.25, -0.5, 1.0], [-2.0, 1.0, 0.125, 4.0]])


def graph_of(function, dtype=torch.float32, width=4):
    """A graph of a function of rows."""
    graph = Graph()
    name = graph.input("X", dtype, [width])
    graph.n_rows = rows_of(graph, name)
    (result,) = embedded(graph, function, [(name, width, dtype)])
    value = graph.known[result]
    graph.output("out", result, value.dtype, list(value.shape[1:]))
    return graph.model("", {})


TAKEN, TABLE = torch.tensor([2, 0, 0]), torch.arange(12.0).view(6, 2)

CASES = {
    "arithmetic": lambda x: (1.0 - x) * 2.0 + torch.sub(x, x.square(), alpha=0.5) / (x.abs() + 1.0),
    "with whole numbers": lambda x: x.argmax(1, keepdim=True) * 0.5 + x.argmin(1, keepdim=True),
    "powers": lambda x: (x.abs() + 0.1) ** 2 + (x.abs() + 0.1) ** 1.5 + torch.rsqrt(x.abs() + 0.1),
    "rounding": lambda x: x.round() + x.floor() * 10.0 + x.ceil() * 100.0 + x.sign() * 1000.0,
    "division": lambda x: torch.div(x, 0.7, rounding_mode="floor"),
    "comparisons": lambda x: (((x > 0.5) & (x != 1.0)) | ((x <= -1.5) ^ (x >= 4.0))).float() + (x == 0.0) * (x < 1.0),
    "truth": lambda x: (x > 0.0).any(1, keepdim=True).float() + (x > -1.0).all(1, keepdim=True) + (~(x > 0.0)),
    "clamps": lambda x: x.clamp(-1.0, 1.0) + x.clamp_min(0.25) + x.clamp_max(2.0) + functional.hardtanh(x, -3.0, 3.0),
    "two of them": lambda x: torch.minimum(x, x.square()) + torch.maximum(x, x.sin() + x.cos()),
    "choices": lambda x: torch.where(x > 0.0, x, -1.0) + x.masked_fill(x > 1.0, 7.0),
    "activations": lambda x: functional.elu(x) + functional.gelu(x) + functional.leaky_relu(x, 0.2),
    "sums": lambda x: (x.sum(1) + x.mean(1) + x.amax(1) * x.amin(1))[:, None] + x.sum([1], keepdim=True),
    "products": lambda x: x.prod(1, keepdim=True) + x.cumsum(1) + x.logsumexp(1, keepdim=True),
    "softmax": lambda x: torch.softmax(x, 1) + torch.log_softmax(x, 1),
    "not a number": lambda x: torch.where(x > 2.0, torch.nan, x).nan_to_num(9.0) + x.abs().log().nan_to_num(),
    "pieces": lambda x: torch.cat([part * k for k, part in enumerate(x.split([1, 3], dim=1), 1)], dim=1),
    "chunks": lambda x: torch.stack(x.chunk(2, dim=1), dim=1).flatten(1),
    "parts": lambda x: (sum(x.unbind(1)) + x.select(1, 2) + x[:, 1:3].sum(1) + x[:, ::2].sum(1))[:, None],
    "places": lambda x: x.index_select(1, TAKEN),
    "tables": lambda x: TABLE[x[:, 0].abs().long()] + x.gather(1, x[:, :2].abs().long()),
    "copies": lambda x: x.index_copy(1, torch.tensor([3, 1]), x[:, :2] * 5.0),
    "padding": lambda x: functional.pad(x, (1, 2), value=3.0),
    "shapes": lambda x: x.view(-1, 2, 2).transpose(1, 2).permute(0, 2, 1).mT.reshape(-1, 4).unsqueeze(1).squeeze(1),
    "tiles": lambda x: x.repeat(1, 2) + x[:, None].expand(-1, 2, -1).flatten(1),
    "matrices": lambda x: x @ TABLE[:4] + torch.addmm(TABLE[0], x, TABLE[2:]) + (x @ TABLE[:4, 0])[:, None],
    "batches of matrices": lambda x: torch.bmm(x.view(-1, 2, 2), x.view(-1, 2, 2)).flatten(1),
    "constants": lambda x: torch.cat([x, torch.zeros_like(x), x.new_full((len(x), 1), 3.0), torch.ones(len(x), 1)], 1),
    "the most": lambda x: x.topk(2, dim=1).values + x.topk(2, dim=1, largest=False).indices,
    "norms": lambda x: functional.layer_norm(x, (4,), CELLS[0], CELLS[1]),
    "the largest pixel": lambda x: functional.max_pool2d(x.view(-1, 1, 2, 2), 2).flatten(1),
    "the mean pixel": lambda x: functional.avg_pool2d(x.view(-1, 1, 2, 2), 2).flatten(1),
    "images": lambda x: functional.conv2d(x.view(-1, 1, 2, 2), CELLS[None, None, :2, :2]).flatten(1),
    "larger images": lambda x: functional.conv_transpose2d(x.view(-1, 1, 2, 2), CELLS[None, None], stride=2).flatten(1),
    "branches": lambda x: either((x > 3.5).any(), lambda: torch.where(x > 0.0, x * x, x), x),
    "loops": lambda x: repeated(lambda z: torch.tanh(z + x), 3, torch.zeros_like(x)),
}


@pytest.mark.parametrize("name", CASES)
def test_a_function_and_its_graph_give_the_same_numbers(name):
    function = CASES[name]
    model = graph_of(function)
    for rows in (CELLS, CELLS[:1], CELLS[:2].repeat(4, 1)):
        found, wanted = ran(model, {"X": rows.numpy()})["out"], function(rows).numpy()
        assert found.dtype == wanted.dtype
        np.testing.assert_allclose(found, wanted, rtol=3e-6, atol=1e-6)


SIZES = 10.0 ** np.arange(-20.0, 20.0)
SPECIAL = {
    "log1p": (torch.log1p, special.log1p, np.concatenate([[0.0, -0.5, -1e-18, 1e308], SIZES])),
    "expm1": (torch.expm1, special.expm1, np.concatenate([[0.0, 700.0, -700.0], SIZES[:22], -SIZES[:22]])),
    "lgamma": (torch.lgamma, special.gammaln, 10.0 ** np.linspace(-12.0, 12.0, 100)),
    "softplus": (functional.softplus, lambda x: np.logaddexp(0.0, x), np.linspace(-19.0, 19.0, 100)),
    "logsigmoid": (functional.logsigmoid, special.log_expit, np.linspace(-700.0, 700.0, 100)),
}
"""Functions, what is exact, and where they are tried."""


@pytest.mark.parametrize("name", SPECIAL)
def test_special_functions_have_all_digits(name):
    function, exact, numbers = SPECIAL[name]
    near_zero = 1e-13 if name == "lgamma" else 1e-300  # it crosses zero at one and two
    found = ran(graph_of(function, torch.float64, 1), {"X": numbers[:, None]})["out"][:, 0]
    np.testing.assert_allclose(found, exact(numbers), rtol=2e-14, atol=near_zero)
    single = numbers.clip(-80.0, 80.0).astype(np.float32)
    found = ran(graph_of(function, torch.float32, 1), {"X": single[:, None]})["out"][:, 0]
    np.testing.assert_allclose(found, exact(single.astype(float)), rtol=1e-7, atol=near_zero)


def test_sums_of_exponentials_have_no_overflow():
    numbers = np.array([[-1e30, 0.0], [800.0, 801.0], [-800.0, -801.0], [-1e30, -80.0]])
    model = graph_of(lambda x: torch.logaddexp(x[:, 0], x[:, 1]) - x.logsumexp(1), torch.float64, 2)
    np.testing.assert_allclose(ran(model, {"X": numbers})["out"], 0.0, atol=1e-12)


def test_what_does_not_depend_on_rows_is_computed_at_once():
    weight = torch.arange(8.0).view(4, 2)
    steps = recorded(lambda x: x @ torch.linalg.pinv(weight).mT.exp(), [(4, torch.float32)])[1]
    assert [step.name for step in steps] == ["mm"]


def test_a_branch_is_left_out_where_its_condition_is_false():
    """Both ways are seen: the graph gives another value where the condition holds."""
    model = graph_of(lambda x: either((x > 10.0).any(), lambda: x * 0.0, x))
    assert (ran(model, {"X": CELLS.numpy()})["out"] == CELLS.numpy()).all()
    assert (ran(model, {"X": CELLS.numpy() * 10.0})["out"] == 0.0).all()


@pytest.mark.parametrize(
    ("function", "said"),
    [
        (lambda x: x.sort(dim=1).values, "sort: this function of torch has no counterpart"),
        (lambda x: x if x.sum() > 0.0 else -x, "_local_scalar_dense: a function of torch that reads values"),
        (
            lambda x: x.clone().add_(1.0),
            "add_: a function of torch that reads values of rows, or changes them in place",
        ),
        (lambda x: x * torch.arange(len(x))[:, None], "a constant depends on the number of rows"),
        (lambda x: x.view(-1)[: len(x) ** 2], "a size of 4 for 2 rows and 9 for 3"),
        (lambda x: x if len(x) > 2 else x + 1.0, "what is done depends on the number of rows"),
    ],
)
def test_functions_without_a_graph_are_errors(function, said):
    with pytest.raises(NotExportableError, match=said):
        graph_of(function)


def test_every_function_of_the_table_is_named_as_torch_names_it():
    names = {name for name in FUNCTIONS if not hasattr(torch.ops.aten, name)}
    assert names == {"either", "repeated"}
