"""What users are told stays as good: every text of an error or a warning that was there is still there.

``tests/messages.txt`` holds the texts, with ``{}`` where values stand. A text that is reworded on purpose is reworded
there too: ``python -m tests.test_messages`` writes the file anew from the package.
"""

import ast
from pathlib import Path

import skvae

PACKAGE, TEXTS = Path(skvae.__file__).parent, Path(__file__).parent / "messages.txt"
LEAST_LETTERS = 25
"""Shorter texts are names and formats."""


def text_of(node):
    """A text with ``{}`` where values stand; None where a node is none."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return node.value
    if isinstance(node, ast.JoinedStr):
        return "".join(part.value if isinstance(part, ast.Constant) else "{}" for part in node.values)
    return None


def docstrings(tree):
    """Texts that are documentation, by identity."""
    return {
        id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
    }


def messages(package=PACKAGE):
    """The texts of a package that have words in them, documentation aside."""
    found = set()
    for path in package.rglob("*.py"):
        tree = ast.parse(path.read_text())
        left_out = docstrings(tree)
        left_out |= {id(part) for node in ast.walk(tree) if isinstance(node, ast.JoinedStr) for part in node.values}
        for node in ast.walk(tree):
            text = None if id(node) in left_out else text_of(node)
            if text and len(text) >= LEAST_LETTERS and " " in text.strip():
                found.add(text.replace("\n", " "))
    return found


def test_no_message_was_lost():
    before = set(TEXTS.read_text().splitlines())
    assert len(before) > 100
    assert sorted(before - messages()) == []


if __name__ == "__main__":
    TEXTS.write_text("\n".join(sorted(messages())) + "\n")
