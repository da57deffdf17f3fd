"""The figures that pages show are those that the benchmarks wrote."""

import importlib.util
import json
import re
import shutil
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent


@pytest.fixture(scope="module")
def page():
    spec = importlib.util.spec_from_file_location("page", ROOT / "benchmarks" / "page.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_pages_show_what_the_files_of_figures_hold(page):
    for path in page.PAGES:
        assert page.page(path.read_text(), page.RESULTS) == path.read_text(), (
            f"run python benchmarks/page.py: {path.name}"
        )


def test_every_table_of_figures_is_on_a_page_and_every_file_in_a_table(page, tmp_path):
    shown = [name for path in page.PAGES for _, name, _ in page.BLOCK.findall(path.read_text())]
    assert sorted(shown) == sorted(page.BLOCKS)
    for file in page.RESULTS.glob("*.json"):
        shutil.copytree(page.RESULTS, tmp_path / file.stem)
        (tmp_path / file.stem / file.name).unlink()
        text = "".join(path.read_text() for path in page.PAGES)
        with pytest.raises(FileNotFoundError, match=file.name):
            page.page(text, tmp_path / file.stem)


def test_another_figure_makes_another_page(page, tmp_path):
    shutil.copytree(page.RESULTS, tmp_path / "results")
    file = tmp_path / "results" / "density.json"
    figures = json.loads(file.read_text())
    figures["tables"][0]["skvae"] -= 1000.0
    file.write_text(json.dumps(figures))
    changed = [
        path.name for path in page.PAGES if page.page(path.read_text(), tmp_path / "results") != path.read_text()
    ]
    assert changed == ["README.md", "benchmarks.md"]


def test_files_of_figures_tell_their_command_machine_and_versions_and_no_folder(page):
    files = list(page.RESULTS.glob("*.json"))
    assert files
    for file in files:
        text = file.read_text()
        told = json.loads(text)
        script = told["command"].split()[1]
        assert (ROOT / script).exists()
        assert told["machine"]["processor"]
        assert told["versions"]["skvae"]
        assert not re.search(r'"/\w+/', text), f"{file.name} names a folder of the machine"
