"""Numbers and dates that stand in a column as texts: how they read, and the line that converts them."""

import re
from collections import Counter
from dataclasses import dataclass
from functools import cache
from itertools import islice

from pandas.tseries.api import guess_datetime_format

from skvae._tables.cells import is_number

LEAST_LEVELS, NEARLY_ALL = 20, 0.95
"""Levels from which on a column of texts is looked at, and share of them, or of the cells, that must be of one form."""

FIRST_LOOK, LOOKED_AT, MOST = 50, 1000, 100_000
"""Levels that are looked at first, then where half of those are of some form, and at most for one that is not."""

MOST_DIGITS = 15
"""Whole numbers of more digits are names of things."""

TEXTS_OF_HOLES = {
    *("", "-", "--", "?", ".", "n/a", "na", "nan", "nat", "none", "null", "missing", "unknown", "#n/a", "<na>"),
}
"""Texts, in lower case, that stand for a hole."""

PLAIN_DIGITS = r"(\d+\.?\d*|\.\d+)(e[+-]?\d+)?"

SYMBOLS = r"[$€£¥₹%\s]"

FORMS_OF_NUMBERS = [
    ("numbers", rf"\s*[+-]?{PLAIN_DIGITS}\s*", None),
    (
        "numbers",
        rf"{SYMBOLS}*[+-]?{SYMBOLS}*(\d{{1,3}}([,'\s]\d{{3}})+(\.\d*)?|{PLAIN_DIGITS}){SYMBOLS}*",
        [(r"[$€£¥₹%,'\s]", "")],
    ),
    (
        "numbers with a decimal comma",
        rf"{SYMBOLS}*[+-]?{SYMBOLS}*(\d{{1,3}}([.'\s]\d{{3}})+|\d+)(,\d+)?{SYMBOLS}*",
        [(r"[$€£¥₹%.'\s]", ""), (",", ".")],
    ),
]
"""What forms of numbers are called, how they are written, and what has to be replaced before they can be read."""

FORMS_OF_DATES = [
    # years first
    "%Y-%m-%d",
    "%Y/%m/%d",
    "%Y.%m.%d",
    "%Y%m%d",
    # numbers
    "%d/%m/%Y",
    "%m/%d/%Y",
    "%d.%m.%Y",
    "%d-%m-%Y",
    "%m-%d-%Y",
    "%d/%m/%y",
    "%m/%d/%y",
    "%d.%m.%y",
    # names of months
    "%d %b %Y",
    "%d-%b-%Y",
    "%b %d, %Y",
    "%d %B %Y",
    "%B %d, %Y",
]
"""Forms of dates, in the words of ``strptime``."""

PARTS = {
    "%Y": r"(1[5-9]|2[01])\d\d",
    "%y": r"\d\d",
    "%m": r"(0?[1-9]|1[0-2])",
    "%d": r"(0?[1-9]|[12]\d|3[01])",
    "%b": "(jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)",
    "%B": "(january|february|march|april|may|june|july|august|september|october|november|december)",
    "%a": "(mon|tue|wed|thu|fri|sat|sun)",
    "%A": "(monday|tuesday|wednesday|thursday|friday|saturday|sunday)",
    "%H": r"([01]?\d|2[0-3])",
    "%I": r"(0?\d|1[0-2])",
    "%M": r"[0-5]?\d",
    "%S": r"[0-5]?\d",
    "%f": r"\d{1,6}",
    "%p": "[ap]m",
}
"""How parts of dates are written, by the words of ``strptime``; those with other words are not looked for."""

GUESSED = 3
"""Texts whose form is guessed where they are of none of the forms: the first of many may be a word."""

TIME = r"((?P<sep>[ T])\d\d?:\d\d(?P<s>:\d\d(?P<f>\.\d+)?)?(?P<p> ?[ap]m)?(?P<z> ?(z|[+-]\d\d:?\d\d))?)?"

MONTH, WORD = re.compile(PARTS["%b"], re.IGNORECASE), re.compile("%[a-zA-Z]")

TIME_LAST = re.compile(r"[ T]%[HI]:%M(:%S(\.%f)?)?( ?%p)?( ?%z)?$")
"""The time of day at the end of a format, which patterns have anyway."""

CODE = re.compile(r"\s*[+-]?0\d")


@dataclass(frozen=True)
class Form:
    """One form of numbers or dates: what it is called, how it is written, and how it is read.

    ``steps`` replace parts of numbers; ``format`` is that of dates.
    """

    what: str
    pattern: re.Pattern
    steps: list | None = None
    format: str | None = None

    def matches(self, level):
        """Whether a level is of this form; numbers that are no texts are numbers."""
        if isinstance(level, str):
            return self.pattern.fullmatch(level) is not None
        return self.format is None and is_number(level)

    def line(self, name, library, texts):
        """The line of pandas or polars that converts a column, of which these are some texts."""
        if self.format is None:
            return self._line_of_numbers(name, library)
        time, zoned = self._time(texts)
        form = self.format + time
        if library == "polars":
            read = f"str.to_datetime({form!r}, strict=False)" if time else f"str.to_date({form!r}, strict=False)"
            return f"X = X.with_columns(polars.col({name}).{read})"
        form = "ISO8601" if self.format == "%Y-%m-%d" and time else form
        cells = f"X[{name}].str.strip()" if any(text != text.strip() for text in texts) else f"X[{name}]"
        utc = ", utc=True" if zoned else ""
        return f"X[{name}] = pandas.to_datetime({cells}, format={form!r}, errors='coerce'{utc})"

    def _line_of_numbers(self, name, library):
        steps = self.steps or []
        if library == "polars":
            cells = "".join(f".str.replace_all(r\"{old}\", '{new}')" for old, new in steps) or ".str.strip_chars()"
            return f"X = X.with_columns(polars.col({name}){cells}.cast(polars.Float64, strict=False))"
        cells = f"X[{name}]" + "".join(f".str.replace(r\"{old}\", '{new}', regex=True)" for old, new in steps)
        return f"X[{name}] = pandas.to_numeric({cells}, errors='coerce')"

    def _time(self, texts):
        """The most frequent format of the time of day after the date, and whether it has a zone."""
        found = Counter(map(time_format, filter(None, map(self.pattern.fullmatch, texts))))
        time = found.most_common(1)[0][0]
        return time, "%z" in time


def time_format(match):
    """The format of the time of day in a text that a pattern of dates matches."""
    parts = match.groupdict()
    if parts["sep"] is None:
        return ""
    clock = "%I:%M" if parts["p"] else "%H:%M"
    seconds = ("" if parts["s"] is None else ":%S") + ("" if parts["f"] is None else ".%f")
    half = (" %p" if parts["p"].startswith(" ") else "%p") if parts["p"] else ""
    zone = "" if not parts["z"] else " %z" if parts["z"].startswith(" ") else "%z"
    return parts["sep"] + clock + seconds + half + zone


def pattern_of(date):
    """The pattern of dates in the words of ``strptime``, with or without a time of day."""
    words = re.split(r"(%[a-zA-Z])", date)
    text = "".join(PARTS.get(word, re.escape(word)) for word in words)
    return re.compile(rf"\s*{text}{TIME}\s*", re.IGNORECASE)


@cache
def known_forms():
    """Those of dates and of numbers that are looked for first."""
    dates = [Form(f"dates such as {date}", pattern_of(date), format=date) for date in FORMS_OF_DATES]
    return dates + [Form(what, re.compile(pattern, re.IGNORECASE), steps) for what, pattern, steps in FORMS_OF_NUMBERS]


@dataclass(frozen=True)
class Reading:
    """What nearly all texts of a column are: their form, some of them, and the first that is not of it, or None."""

    form: Form
    texts: list
    odd: object


def guessed(texts):
    """Forms of dates with a name of the month, such as "Mon 03 Mar 2025", that some of the first texts are of.

    Pandas guesses them. Digits alone are not guessed at: those of dates are known forms, others are codes.
    """
    found = {}
    for text in [text for text in texts if isinstance(text, str) and MONTH.search(text)][:GUESSED]:
        date = TIME_LAST.sub("", guess_datetime_format(text.strip(), dayfirst=True) or "")
        words = set(WORD.findall(date))
        if {"%Y", "%d"} <= words <= set(PARTS) and words & {"%b", "%B"}:
            found[date] = Form(f"dates such as {date}", pattern_of(date), format=date)
    return list(found.values())


def reading_of(levels, cells):
    """How the texts among some levels read; None where they are few, no numbers or dates, or codes that look like some.

    ``cells`` is the Series that has these levels.
    """
    if len(levels) < LEAST_LEVELS:
        return None
    some = said(levels[:: -(-len(levels) // FIRST_LOOK)])
    forms = [form for form in known_forms() if share(form, some) >= 0.5]
    forms = forms or [form for form in guessed(some) if share(form, some) >= 0.5]
    if not forms:
        return None
    some = said(levels[:: -(-len(levels) // LOOKED_AT)])
    form = max(forms, key=lambda form: share(form, some))  # the first of equals
    texts = [level for level in some if isinstance(level, str) and form.matches(level)]
    if not is_mostly(form, some, len(levels), cells) or (form.format is None and are_codes(texts)):
        return None
    odd = next((level for level in islice(levels, MOST) if not form.matches(level)), None)
    return None if not texts and odd is None else Reading(form, texts, odd)


def said(levels):
    """The levels that stand for something."""
    return [level for level in levels if not (isinstance(level, str) and level.strip().lower() in TEXTS_OF_HOLES)]


def share(form, levels):
    """Share of some levels that are of a form."""
    return sum(map(form.matches, levels)) / max(len(levels), 1)


def is_mostly(form, some, n_levels, cells):
    """Whether nearly all levels or nearly all cells are of a form."""
    of_levels = share(form, some)
    if of_levels >= NEARLY_ALL:
        return len(some) >= LEAST_LEVELS - 1
    cells = said(cells.iloc[:: -(-len(cells) // LOOKED_AT)].dropna().tolist())
    return of_levels * n_levels >= LEAST_LEVELS and share(form, cells) >= NEARLY_ALL


def are_codes(texts):
    """Whether texts that look like numbers are names of things, by leading zeros or more digits than a float has."""
    long = sum(len(text.strip()) > MOST_DIGITS and text.strip().isdigit() for text in texts)
    return any(map(CODE.match, texts)) or long > len(texts) / 2
