"""The pages for contributors: their examples run, what they name is there, and decisions keep their form."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.test_house import FILES, GRAPH, ROOMS, SHARED, room

ROOT = Path(__file__).parent.parent
DOCS = ROOT / "docs"
CONTRIBUTING, DESIGN = ((DOCS / name).read_text() for name in ("contributing.md", "design.md"))
DECISIONS = sorted((DOCS / "decisions").glob("[0-9]*.md"))
EXAMPLES = dict(re.findall(r"### (A [\w ]+)\n.*?```python\n(.*?)\n```", CONTRIBUTING, re.DOTALL))
HEADINGS = ["Context", "Decision", "Evidence", "Rejected"]


@pytest.mark.parametrize("title", EXAMPLES)
def test_a_member_is_one_class_and_one_line_as_the_page_shows(title):
    """Each in a process of its own: parameters read the tables once, and no other test is to see the member."""
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", EXAMPLES[title]], cwd=ROOT, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr


def test_the_page_shows_a_likelihood_a_network_a_penalty_and_a_kind_of_column():
    assert list(EXAMPLES) == ["A likelihood", "A network", "A penalty", "A kind of column"]
    assert all("assert " in example for example in EXAMPLES.values())


@pytest.mark.parametrize("page", [DOCS / "contributing.md", DOCS / "design.md", *DECISIONS], ids=lambda page: page.name)
def test_files_and_links_that_pages_for_contributors_name_exist(page):
    text = page.read_text()
    for target in re.findall(r"\]\(([^)#]+)(?:#[^)]*)?\)", text):
        assert (page.parent / target).exists(), f"{page.name} links to {target}"
    for name in re.findall(r"`((?:skvae|tests|benchmarks|examples|docs)/[\w/.]*)`", text):
        assert (ROOT / name).exists(), f"{page.name} names {name}"


def test_headings_that_the_page_links_to_exist():
    titles = re.findall(r"^#+ (.*)$", CONTRIBUTING, re.MULTILINE)
    anchors = {re.sub(r"[^\w -]", "", title).replace(" ", "-").lower() for title in titles}
    assert set(re.findall(r"\]\(#([\w-]+)\)", CONTRIBUTING)) <= anchors


def test_design_fits_on_a_few_screens():
    assert len(DESIGN.splitlines()) <= 150


def test_the_tree_of_the_design_names_every_file_and_no_other():
    tree = re.search(r"```\n(skvae/\n.*?)```", DESIGN, re.DOTALL)[1]
    there = {f"{name.split('.')[-1]}.py" for name in FILES}
    assert set(re.findall(r"\w+\.py", tree)) == there


def test_the_picture_of_the_design_has_the_arrows_that_imports_have():
    picture = re.search(r"```mermaid\n(.*?)```", DESIGN, re.DOTALL)[1]
    arrows = re.findall(r"^ +(\w+)(?:\[.*?\])? --> (\w+)", picture, re.MULTILINE)
    known = {}
    for start, end in arrows:
        start, end = (name if name in ROOMS else f"_{name}" for name in (start, end))
        assert end in ROOMS[start]
        known.setdefault(start, set()).add(end)
    for name in FILES:
        start, others = room(name), {room(other) for other in GRAPH[name]} - SHARED
        assert start == "__init__" or others <= {start} | reached(known, start), f"{name} knows {others}"


def reached(known, start):
    """Rooms at the end of arrows, of however many."""
    return set().union(*({end} | reached(known, end) for end in known.get(start, ())))


def test_decisions_are_numbered_without_gaps_and_listed():
    assert [int(page.name[:3]) for page in DECISIONS] == list(range(1, len(DECISIONS) + 1))
    listed = re.findall(r"\]\(([0-9][^)]+)\)", (DOCS / "decisions" / "README.md").read_text())
    assert sorted(listed) == [page.name for page in DECISIONS]


@pytest.mark.parametrize("page", DECISIONS, ids=lambda page: page.name)
def test_a_decision_has_its_headings_in_order(page):
    text = page.read_text()
    found = re.findall(r"^## (.*)$", text, re.MULTILINE)
    assert found == [heading for heading in HEADINGS if heading in found]
    assert "Decision" in found
    assert text.startswith(f"# {page.name[:3]} ")
