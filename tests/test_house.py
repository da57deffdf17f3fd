"""The house: which room may know which, what each never sees, and how large anything may be.

``python -m tests.test_house`` prints what is counted here.
"""

import ast
import inspect
import re
import statistics
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

import skvae
from skvae import (
    AnomalyScoreDisplay,
    AutoencoderCellChecker,
    AutoencoderImputer,
    AutoencoderOutlierDetector,
    AutoencoderTransformer,
    ColumnLikelihoodDisplay,
    ExplanationDisplay,
    ImageGridDisplay,
    LatentSpaceDisplay,
    LossCurveDisplay,
    ReconstructionDisplay,
    VAETransformer,
)
from skvae.nn.corruptions import CORRUPTIONS
from skvae.nn.likelihoods import LIKELIHOODS
from skvae.nn.models import MODELS
from skvae.nn.networks import NETWORKS
from skvae.nn.regularizers import REGULARIZERS

PACKAGE, ROOT = Path(skvae.__file__).parent, Path(__file__).parent.parent
FILES = {".".join(path.relative_to(PACKAGE).with_suffix("").parts): path for path in sorted(PACKAGE.rglob("*.py"))}
TREES = {name: ast.parse(path.read_text()) for name, path in FILES.items()}

MEMBERS_FILES = {"_members", "networks", "corruptions", "penalties", "callbacks"}
FACES = {"_vae", "_autoencoder", "_outlier", "_imputer", "_checker"}
SHARED = {"_callbacks", "_stored", "_surroundings", "_typing", "_validation"}
"""What every room may know: scikit-learn's machinery, files, and the program around a call."""

ROOMS = {
    "faces": {"_base", "_recipe", "_tables", "_engine", "_outliers", "_cells", "members", "nn"},
    "_displays": {"_tables"},
    "_base": {"_recipe", "_tables", "_engine", "members", "nn"},
    "_recipe": {"_tables", "members", "nn"},
    "_outliers": {"_tables", "_engine"},
    "_cells": {"_tables"},
    "_engine": {"_tables", "nn"},
    "_tables": set(),
    "nn": set(),
    "members": set(),
    "model_selection": set(),
    "_export": {"_engine", "_outliers", "_tables"},
    "export": {"faces", "_export"},
    "io": {"_tables"},
    "__init__": {"faces", "_displays"},
}
"""Which rooms a room may know beside itself."""

NEVER = {
    "faces": {"torch"},
    "_base": {"torch"},
    "_tables": {"torch"},
    "_outliers": {"torch"},
    "_cells": {"torch"},
    "_displays": {"torch", "sklearn"},
    "members": {"torch", "sklearn"},
    "export": {"torch"},
    "io": {"torch"},
    "nn": {"numpy", "sklearn", "pandas", "scipy"},
}
"""What a room never imports."""


def room(name):
    """The room that a file is in."""
    first = name.split(".")[0]
    return "faces" if first in FACES else "members" if first in MEMBERS_FILES else first


def imports(tree):
    """Modules that a file imports, each with the node."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import | ast.ImportFrom):
            for name in [node.module] if isinstance(node, ast.ImportFrom) else [alias.name for alias in node.names]:
                yield name, node


def file_of(module):
    """The file of the package that a module is."""
    name = module.removeprefix("skvae.")
    return name if name in FILES else f"{name}.__init__"


GRAPH = {
    name: {file_of(module) for module, _ in imports(tree) if module.startswith("skvae.")}
    for name, tree in TREES.items()
}


def cycles():
    """Files that import each other in a circle."""
    found, done = [], set()

    def visit(name, path):
        if name in path:
            found.append([*path[path.index(name) :], name])
        elif name not in done:
            for other in sorted(GRAPH[name]):
                visit(other, [*path, name])
            done.add(name)

    for name in GRAPH:
        visit(name, [])
    return found


def code_lines(tree):
    """Lines of a file that hold code: no comments, blank lines or docstrings."""
    lines, texts = set(), set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str):
            texts |= set(range(node.lineno, node.end_lineno + 1))
        elif isinstance(node, ast.stmt | ast.expr | ast.arg | ast.keyword | ast.alias):
            lines |= {node.lineno, node.end_lineno}
    return len(lines - texts)


def functions():
    """Name of the file and of the function, and the lines of its body's code, of every function."""
    for name, tree in TREES.items():
        for node in ast.walk(tree):
            if isinstance(node, ast.FunctionDef):
                text = ast.get_docstring(node, clean=False)
                n_lines = node.end_lineno - node.lineno + 1 - (text.count("\n") + 1 if text else 0)
                yield name, node.name, n_lines


def classes():
    """Name of the file and of the class, and how many methods it has, of every class."""
    for name, tree in TREES.items():
        for node in ast.walk(tree):
            if isinstance(node, ast.ClassDef):
                yield name, node.name, sum(isinstance(each, ast.FunctionDef) for each in node.body)


MEMBERS = {
    *(name for name in LIKELIHOODS if name not in ("gaussian",)),
    *NETWORKS,
    *MODELS,
    *REGULARIZERS,
    *(name for name in CORRUPTIONS if name),
    *("real", "integer", "boolean", "levels", "ordered", "time", "span", "empty"),
}
"""Names of members of tables, which nobody compares: a member says itself what it is."""


def comparisons():
    """Comparisons of a value with the name of a member, as file, line and text."""
    for name, tree in TREES.items():
        for node in ast.walk(tree):
            if not isinstance(node, ast.Compare):
                continue
            texts = {
                each.value
                for side in (node.left, *node.comparators)
                for each in ast.walk(side)
                if isinstance(each, ast.Constant) and isinstance(each.value, str)
            }
            if texts & MEMBERS:
                yield f"{name}:{node.lineno} {ast.unparse(node)}"


FRAMES = {"pd.DataFrame", "pandas.DataFrame"}
HOMES = {
    **dict.fromkeys(("SparseRows", "ColumnRows", "OnDemand", "Column"), "_tables"),
    **dict.fromkeys(("Residual", "Perceptron", "Affine", "Network"), "nn.networks"),
}
"""Classes that only their own room asks for."""


def type_checks():
    """Questions what something is that belong into the room that makes such things."""
    for name, tree in TREES.items():
        for node in ast.walk(tree):
            if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and len(node.args) == 2):
                continue
            text, asked = ast.unparse(node), set(ast.unparse(node.args[1]).split(" | "))
            is_frame = node.func.id == "isinstance" and asked & FRAMES
            if node.func.id == "hasattr":
                is_frame = asked & {"'iloc'", "'to_series'", "'toarray'"}
            rooms = {HOMES[kind] for kind in asked & set(HOMES) if node.func.id == "isinstance"}
            rooms |= {"_tables"} if is_frame else set()
            if any(not name.startswith(home) for home in rooms):
                yield f"{name}:{node.lineno} {text}"


def is_for_types(node):
    """Whether a statement is about what the type checker alone imports."""
    return isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"


def nested_imports():
    """Imports that do not stand at the top of their file."""
    for name, tree in TREES.items():
        top = {id(node) for node in tree.body}
        guarded = [node for node in tree.body if isinstance(node, ast.Try) or is_for_types(node)]
        top |= {id(inner) for node in guarded for inner in node.body}
        yield from (f"{name}:{node.lineno} {module}" for module, node in imports(tree) if id(node) not in top)


@pytest.mark.parametrize("name", sorted(FILES))
def test_rooms_know_each_other_one_way(name):
    known = ROOMS.get(room(name), set()) | {room(name)} | SHARED
    assert {room(other) for other in GRAPH[name]} - known == set()
    assert {module.split(".")[0] for module, _ in imports(TREES[name])} & NEVER.get(room(name), set()) == set()


def test_no_array_of_numpy_enters_nn():
    """What comes in is tensors: nobody makes them of arrays there, or arrays of them."""
    for name in [name for name in FILES if name.startswith("nn")]:
        asked = {node.attr for node in ast.walk(TREES[name]) if isinstance(node, ast.Attribute)}
        assert asked & {"from_numpy", "numpy", "__array__"} == set(), name


def test_no_files_import_each_other_and_imports_stand_at_the_top():
    assert cycles() == []
    assert list(nested_imports()) == []


def test_private_names_of_scikit_learn_are_imported_in_one_file():
    for name, tree in TREES.items():
        for node in ast.walk(tree):
            if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("sklearn") and name != "_validation":
                private = [part for part in [*node.module.split("."), *(a.name for a in node.names)] if part[0] == "_"]
                assert not private, f"{name} imports {private}"


MOST_LINES, MOST_METHODS, LONGEST, MEDIAN = 300, 20, 45, 6


def too_large():
    """Files, classes and functions that are larger than they may be, and the size of the median function."""
    sizes = list(functions())
    yield from (f"{name}: {n} lines of code" for name, n in lines() if n > MOST_LINES)
    yield from (f"{name}.{kind}: {n} methods" for name, kind, n in classes() if n > MOST_METHODS)
    yield from (
        f"{name}.{function}: {n} lines" for name, function, n in sizes if n > LONGEST and function != "__init__"
    )
    median = statistics.median(n for *_, n in sizes)
    if median > MEDIAN:
        yield f"median function: {median} lines"


def lines():
    """Lines of code of every file."""
    return ((name, code_lines(tree)) for name, tree in TREES.items())


def test_nothing_is_larger_than_a_reader_can_take_in():
    assert list(too_large()) == []


def test_a_constant_has_one_meaning():
    """No two files call different things by one name."""
    homes = {}
    for name, tree in TREES.items():
        for node in tree.body:
            targets = node.targets if isinstance(node, ast.Assign) else []
            for each in (part for target in targets for part in ast.walk(target) if isinstance(part, ast.Name)):
                homes.setdefault(each.id, set()).add(name)
    assert {constant: files for constant, files in homes.items() if constant.isupper() and len(files) > 1} == {}


def test_nobody_compares_the_name_of_a_member_or_asks_what_another_room_knows():
    assert list(comparisons()) == []
    assert list(type_checks()) == []


def undeclared():
    """Packages that are imported and not declared, and those that are declared and not imported."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    names = [re.split(r"[<>=\[]", line)[0] for line in project["dependencies"]]
    declared = {NAMES.get(name, name) for name in names}
    used = {module.split(".")[0] for tree in TREES.values() for module, _ in imports(tree)}
    used -= set(sys.stdlib_module_names) | {"skvae"}
    return used - declared, declared - used


NAMES = {"scikit-learn": "sklearn"}
"""Packages that are imported by another name."""


def test_what_is_imported_is_declared_and_what_is_declared_is_imported():
    assert undeclared() == (set(), set())


@pytest.mark.parametrize(
    "Class",
    [
        VAETransformer,
        AutoencoderTransformer,
        AutoencoderOutlierDetector,
        AnomalyScoreDisplay,
        ColumnLikelihoodDisplay,
        ExplanationDisplay,
        ImageGridDisplay,
        LatentSpaceDisplay,
        LossCurveDisplay,
        ReconstructionDisplay,
        AutoencoderImputer,
        AutoencoderCellChecker,
    ],
)
def test_the_public_face_says_its_types(Class):
    methods = {name: each for name, each in inspect.getmembers(Class) if not name.startswith("_")}
    methods |= {"__init__": Class.__init__}
    of_ours = {
        name: each
        for name, each in methods.items()
        if getattr(inspect.unwrap(each) if callable(each) else None, "__module__", "").startswith("skvae")
    }
    assert len(of_ours) > 2
    for name, method in of_ours.items():
        signature = inspect.signature(inspect.unwrap(method))
        said = [each.annotation for key, each in signature.parameters.items() if key not in ("self", "cls")]
        assert inspect.Parameter.empty not in [*said, signature.return_annotation], name


def test_the_type_checker_agrees(tmp_path):
    command = [sys.executable, "-m", "mypy", "--cache-dir", str(tmp_path)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


def report():
    """What is counted, as lines."""
    yield f"import cycles: {len(cycles())}; imports below the top: {len(list(nested_imports()))}"
    yield "larger than they may be:"
    yield from (f"    {text}" for text in too_large())
    yield f"median function: {statistics.median(n for *_, n in functions())} lines of {len(list(functions()))}"
    yield "comparisons of a member's name:"
    yield from (f"    {text}" for text in comparisons())
    yield "questions that belong elsewhere:"
    yield from (f"    {text}" for text in type_checks())


if __name__ == "__main__":
    print("\n".join(report()))
