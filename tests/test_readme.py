"""What README, CI and packaging promise, as far as files can tell; the commands themselves run in CI."""

import inspect
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import matplotlib
import numpy as np
import pytest

import skvae

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text()
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]


def commands():
    return re.findall(r"```bash\n(.*?)\n```", README, re.DOTALL)


def test_readme_opens_with_two_commands_of_one_line():
    run, test = commands()[:2]
    for command in (run, test):
        assert "\n" not in command
        assert command.startswith("python3 -m venv .venv && ")
        assert "-c constraints.txt" in command
    assert run.endswith("examples/quickstart.py")
    assert "-m pytest" in test


def test_ci_runs_the_second_command_as_written():
    assert commands()[1] in (ROOT / ".ci" / "run").read_text().splitlines()


def test_links_and_scripts_that_readme_and_docs_name_exist():
    for page in [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]:
        text = page.read_text()
        for target in re.findall(r"\]\(([^)#]+)(?:#[^)]*)?\)", text):
            assert target.startswith("https://") or (page.parent / target).exists(), f"{page.name} links to {target}"
        for script in re.findall(r"(?:examples|benchmarks|tests)/[\w/]+\.py", text):
            assert (ROOT / script).exists(), f"{page.name} names {script}"


@pytest.mark.slow
def test_the_four_uses_print_what_readme_shows(capsys):
    """Words are those of the page; numbers may differ a little between machines."""
    uses, names = README.split("## Four uses")[1].split("\n## ")[0], {}
    shown = re.findall(r"```\n(.*?)\n```", re.sub(r"```python\n.*?\n```", "", uses, flags=re.DOTALL), re.DOTALL)
    imports, *blocks = re.findall(r"```python\n(.*?)\n```", uses, re.DOTALL)
    assert len(blocks) == len(shown) == 4
    exec(imports, names)
    for block, text in zip(blocks, shown, strict=True):
        assert len(block.splitlines()) <= 6
        exec(block, names)
        printed, expected = (re.findall(r"[\w.-]+", each) for each in (capsys.readouterr().out, text))
        assert len(printed) == len(expected)
        for word, asked in zip(printed, expected, strict=True):
            assert word == asked or float(word) == pytest.approx(float(asked), rel=0.15)


PAGES = {
    "export.md": [],
    "tables.md": ["odd-wine.png"],
    "images.md": ["restored.png", "restored-wines.png"],
    "images-uses.md": [],
    "mathematics.md": [],
    "how-do-i.md": [],
    "codes.md": [],
    "choosing.md": [],
    "displays.md": [f"display-{name}.png" for name in ("training", "columns", "codes", "scores", "reasons")],
}
"""Pages whose examples run from top to bottom, and the pictures that these write."""


@pytest.mark.parametrize("page", PAGES)
def test_the_examples_of_a_page_run_from_top_to_bottom(page, monkeypatch, tmp_path):
    matplotlib.use("Agg")
    monkeypatch.chdir(tmp_path)
    blocks, names = re.findall(r"```python\n(.*?)\n```", (ROOT / "docs" / page).read_text(), re.DOTALL), {}
    assert len(blocks) > 4
    for number, block in enumerate(blocks, 1):
        exec(compile(block, f"block {number} of {page}", "exec"), names)
    for picture in PAGES[page]:
        assert (tmp_path / picture).read_bytes()[:4] == b"\x89PNG"


@pytest.mark.parametrize(
    ("page", "n_blocks"),
    [
        ("autoencoders.md", 5),
        ("text.md", 5),
        ("gpu.md", 1),
        ("scale.md", 4),
        ("cleaning.md", 5),
        ("time-series.md", 5),
    ],
)
def test_a_short_page_runs_from_top_to_bottom(page, n_blocks, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    blocks, names = re.findall(r"```python\n(.*?)\n```", (ROOT / "docs" / page).read_text(), re.DOTALL), {}
    assert len(blocks) == n_blocks
    for number, block in enumerate(blocks, 1):
        exec(compile(block, f"block {number} of {page}", "exec"), names)


def test_constraints_pin_every_dependency():
    pinned = {line.split("==")[0] for line in (ROOT / "constraints.txt").read_text().splitlines() if "==" in line}
    wanted = PROJECT["dependencies"] + [line for extra in PROJECT["optional-dependencies"].values() for line in extra]
    assert {re.split(r"[<>=\[]", line)[0] for line in wanted} <= pinned


def test_core_dependencies_are_the_five_that_were_agreed_on_and_two_that_scikit_learn_brings():
    names = {re.split(r"[<>=]", line)[0] for line in PROJECT["dependencies"]}
    assert names == {"scikit-learn", "torch", "numpy", "pandas", "joblib"} | {"scipy", "threadpoolctl"}


def test_metadata_is_pep_639_and_typed():
    assert PROJECT["license"] == "BSD-3-Clause"
    assert not [line for line in PROJECT["classifiers"] if line.startswith("License")]
    assert PROJECT["requires-python"] == ">=3.11"
    assert (Path(skvae.__file__).parent / "py.typed").exists()
    assert skvae.__version__ in (ROOT / "docs" / "changelog.md").read_text()


@pytest.mark.parametrize("arguments", [["check", "."], ["format", "--check", "."]], ids=["check", "format"])
def test_ruff_agrees(arguments):
    done = subprocess.run([sys.executable, "-m", "ruff", *arguments], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize(
    "Estimator", ["VAETransformer", "AutoencoderTransformer", "AutoencoderOutlierDetector", "AutoencoderImputer"]
)
def test_every_parameter_and_attribute_is_documented(Estimator):
    Class = getattr(skvae, Estimator)
    documented = set(re.findall(r"^(\w+) : ", inspect.getdoc(Class), re.MULTILINE))
    assert set(inspect.signature(Class).parameters) <= documented
    fitted = Class().fit(np.random.RandomState(0).normal(size=(20, 3)))
    attributes = {name for name in vars(fitted) if name.endswith("_") and not name.startswith("_")}
    assert attributes <= documented
    for name, method in inspect.getmembers(Class, inspect.isfunction):
        if not name.startswith(("_", "set_", "get_", "fit_")) and method.__module__.startswith("skvae"):
            assert "Parameters" in method.__doc__ or len(inspect.signature(method).parameters) == 1, name
            assert "Returns" in method.__doc__, name
