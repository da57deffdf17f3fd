"""The site's promises that need no build: docstrings are valid, every public name is on the page of names.

``.ci/run`` builds the site itself, in which a warning is an error: broken links, formulas, tables and examples are.
"""

import inspect
import re
import tomllib
import warnings
from importlib import import_module
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from numpydoc.validate import validate

import skvae

DOCS = Path(__file__).parents[1] / "docs"
MODULES = ["callbacks", "networks", "corruptions", "penalties"]
FUNCTIONS = [
    "skvae.model_selection.fewest_components",
    "skvae.io.to_parquet",
    *(f"skvae.export.to_{kind}" for kind in ("onnx", "torch", "safetensors")),
    *(f"skvae.export.{name}" for name in ("onnx_inputs", "register_skl2onnx", "from_safetensors")),
]
KINDS = {"GL": [1, 2, 3, *range(5, 11)], "SS": [1, 2, 3, 4, 6], "PR": range(1, 11), "RT": [1, 3, 4, 5], "SA": [2, 3, 4]}
CODES = {f"{kind}{number:02}" for kind, numbers in KINDS.items() for number in numbers} | {"YD01"}
"""What numpydoc is to find nowhere. Left out: RT02, as results have names here, as scikit-learn's have; SS05, which
takes every first word that ends in "s" for a verb; and sections that not every docstring needs (ES01, SA01, EX01)."""


def listed():
    """Names on the page of names, with their modules."""
    names, module = [], None
    for line in (DOCS / "api.md").read_text().splitlines():
        if line.startswith(".. currentmodule:: "):
            module = line.split()[-1]
        elif re.fullmatch(r" {3}\w+", line):
            names.append(f"{module}.{line.strip()}")
    return names


def objects():
    """Public names, and the methods that are written here of those that are classes."""
    for name in listed():
        yield name
        module, short = name.rsplit(".", 1)
        value = getattr(import_module(module), short)
        for member, _ in inspect.getmembers(value) if inspect.isclass(value) else ():
            method = inspect.getattr_static(value, member)
            method = getattr(method, "__func__", getattr(method, "fget", method))
            if not member.startswith("_") and inspect.isfunction(method) and method.__module__.startswith("skvae"):
                yield f"{name}.{member}"


def test_the_page_of_names_has_every_public_one_and_no_other():
    public = [f"skvae.{name}" for name in skvae.__all__]
    for module in map(import_module, (f"skvae.{name}" for name in MODULES)):
        public += [f"{module.__name__}.{name}" for name, value in vars(module).items() if is_public(module, value)]
    assert sorted(listed()) == sorted([*public, *FUNCTIONS])


def is_public(module, value):
    """Whether a class of a module of members stands there for itself."""
    return inspect.isclass(value) and value.__module__ == module.__name__


@pytest.mark.parametrize("name", list(objects()))
def test_a_public_docstring_is_valid_numpydoc(name):
    found = [f"{code}: {text}" for code, text in validate(name)["errors"] if code in CODES]
    assert not found, "\n".join(found)


def blocks(page):
    """The blocks of Python of a page."""
    return re.findall(r"```python\n(.*?)\n```", (DOCS / page).read_text(), re.DOTALL)


TABLE = blocks("migration.md")[0]
MIGRATIONS = {
    section.splitlines()[0]: re.findall(r"```python\n(.*?)\n```", section, re.DOTALL)
    for section in (DOCS / "migration.md").read_text().split("\n## ")[1:]
}
"""Programs of others, and ours after them."""

EXTRAS = tomllib.loads((DOCS.parent / "pyproject.toml").read_text())["project"]["optional-dependencies"]
OTHERS = {re.split(r"[<>=]", line)[0] for line in EXTRAS["migration"]}


def imported(program):
    """Packages that a program imports."""
    return set(re.findall(r"^(?:from|import) (\w+)", program, re.MULTILINE))


def made(program, names):
    """Run a program of the page among names, where those of others may warn: the shapes of what it makes."""
    before = dict(names)
    with warnings.catch_warnings():
        if "skvae" not in program:
            warnings.simplefilter("ignore")
        exec(compile(program, "a program of migration.md", "exec"), names)
    new = {name: value for name, value in names.items() if value is not before.get(name)}
    return {name: value.shape for name, value in new.items() if isinstance(value, np.ndarray | pd.DataFrame)}


def marked(title):
    """A section of the page; what needs other packages runs where these are to be there, and fails without them."""
    needs_others = OTHERS & imported(MIGRATIONS[title][0])
    return pytest.param(title, marks=pytest.mark.others if needs_others else ())


@pytest.mark.parametrize("title", [marked(title) for title in MIGRATIONS])
def test_a_program_of_others_and_ours_after_it_run_and_make_the_same(title, monkeypatch, tmp_path):
    monkeypatch.setenv("KERAS_BACKEND", "torch")
    monkeypatch.setenv("KERAS_HOME", str(tmp_path))
    names, (before, after) = {}, MIGRATIONS[title]
    made(TABLE, names)
    theirs, ours = made(before, names), made(after, names)
    both = theirs.keys() & ours.keys()
    assert both
    assert {name: theirs[name] for name in both} == {name: ours[name] for name in both}


@pytest.mark.parametrize("title", [title for title, (before, _) in MIGRATIONS.items() if OTHERS & imported(before)])
def test_our_program_runs_without_that_of_others(title):
    names = {}
    made(TABLE, names)
    assert made(MIGRATIONS[title][1], names)


def test_the_extra_migration_brings_what_programs_of_others_import():
    assert len(MIGRATIONS) == 6
    programs = [program for section in MIGRATIONS.values() for program in section]
    assert set().union(*map(imported, programs)) - {"skvae", "sklearn", "numpy", "torch"} == OTHERS


def test_ci_and_tox_run_the_programs_of_others_where_the_extra_is_installed():
    lines = (DOCS.parent / ".ci" / "run").read_text().splitlines()
    installs = next(number for number, line in enumerate(lines) if re.search(r" -e \"\.\[.*\bmigration\b.*\]\"", line))
    assert any(" -m others " in line for line in lines[installs + 1 :])
    tox = tomllib.loads((DOCS.parent / "pyproject.toml").read_text())["tool"]["tox"]
    assert "migration" in tox["env_list"]
    assert "migration" in tox["env"]["migration"]["extras"]
    assert {"-m", "others"} <= set(tox["env"]["migration"]["commands"][0][:-1])


def test_questions_are_about_thirty_and_each_has_its_lines():
    questions = re.split(r"^### ", (DOCS / "how-do-i.md").read_text(), flags=re.MULTILINE)[1:]
    assert len(questions) >= 30
    for question in questions:
        assert question.count("```python\n") == 1, question.splitlines()[0]


def test_every_page_is_in_a_list_of_contents():
    contents = "\n".join(re.findall(r"```\{toctree\}\n(.*?)```", all_pages(), re.DOTALL))
    names = {line.strip() for line in contents.splitlines()}
    assert {page.stem for page in DOCS.glob("*.md")} - {"index"} <= names


def all_pages():
    """The texts of all pages."""
    return "\n".join(page.read_text() for page in DOCS.glob("*.md"))
