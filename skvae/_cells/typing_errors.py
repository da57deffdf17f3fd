"""Whether one text is another one with a typing error."""

LEAST_LETTERS = 3
"""Shorter texts, such as codes of one letter, are not compared letter by letter."""

SAME_LETTERS, NEXT_TO = "case, blanks or marks", "a letter"
"""In what a text differs from another one, in words."""


def slip(text, other):
    """In what ``text`` differs from ``other`` if it is that with a typing error, in words; None where it is not."""
    if text == other:
        return None
    if bare(text) == bare(other) != "":
        return SAME_LETTERS
    if min(len(text), len(other)) >= LEAST_LETTERS and is_next_to(text, other):
        return NEXT_TO
    return None


def bare(text):
    """A text without what typing adds: its letters and digits, in small letters."""
    return "".join(letter for letter in text.casefold() if letter.isalnum())


def is_next_to(text, other):
    """Whether one letter was left out, added, put for another one, or two neighbours were exchanged."""
    if abs(len(text) - len(other)) > 1:
        return False
    start = next((i for i, (a, b) in enumerate(zip(text, other, strict=False)) if a != b), min(len(text), len(other)))
    a, b = text[start:], other[start:]
    if len(a) != len(b):
        return a[1:] == b if len(a) > len(b) else a == b[1:]
    return a[1:] == b[1:] or (a[:2] == b[1::-1] and a[2:] == b[2:])


def likely_meant(text, candidates):
    """The first of some texts that ``text`` may have been meant to be, and in what it differs; None where none is."""
    return next(((other, by) for other in candidates if (by := slip(text, other)) is not None), None)
