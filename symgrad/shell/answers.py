"""`symgrad check --answers class.csv`: the answers of a class to one question, each judged."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any, NamedTuple

from symgrad.graphs.errors import DataError, SymgradError
from symgrad.language.tensor import Tensor
from symgrad.verifying.verification import judge

NAMES, FORMULAS = ("name", "student", "who", "id"), ("formula", "answer", "claim", "gradient")
ROWS = 10_000


class Answer(NamedTuple):
    """A row of the file, judged: whose, what, and what is said of it."""

    name: str
    formula: str
    right: bool
    said: str


def answers(path: str, right: Tensor, names: dict[str, Any], seed: int = 0) -> list[Answer]:
    """The answers in a file of comma-separated values, judged against the right formula.

    The file has a header with a column `name` and a column `formula`; a semicolon or a tab separates as well. A
    formula that cannot be read is a wrong answer and says why. Raises DataError for a file that is no such table.
    """
    found = []
    known: dict[str, tuple[bool, str]] = {}
    for name, formula in _rows(path):
        if formula not in known:
            known[formula] = _judged(formula, right, names, seed)
        found.append(Answer(name, formula, *known[formula]))
    return found


def _judged(formula: str, right: Tensor, names: dict[str, Any], seed: int) -> tuple[bool, str]:
    if not formula:
        return False, "no answer"
    try:
        verdict = judge(formula, right, names, seed)
    except SymgradError as error:
        return False, f"cannot be read: {str(error).splitlines()[0]}"
    return verdict.equal, "right" if verdict else str(verdict).removeprefix("Not equal: ").rstrip(".")


def _rows(path: str) -> list[tuple[str, str]]:
    try:
        text = Path(path).read_text(encoding="utf-8-sig")
    except OSError as error:
        raise DataError(f"--answers: {path} cannot be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise DataError(f"--answers: {path} is no text in UTF-8") from None
    lines = [line for line in text.splitlines() if line.strip()]
    if not lines:
        raise DataError(f"--answers: {path} is empty; it has a header, name,formula, and a row for each answer")
    sign = max(",;\t", key=lines[0].count)
    header, *rows = csv.reader(lines, delimiter=sign, skipinitialspace=True)
    titles = [title.strip().lower() for title in header]
    if len(titles) < 2:
        raise DataError(f"--answers: {path} begins with {lines[0][:50]!r}; its first line is a header: name,formula")
    who = next((titles.index(title) for title in NAMES if title in titles), None)
    what = next((titles.index(title) for title in FORMULAS if title in titles), None)
    if who is None or what is None:
        missing = "name" if who is None else "formula"
        raise DataError(f"--answers: the header of {path} has no column {missing!r}; it has {', '.join(header)}")
    if len(rows) > ROWS:
        raise DataError(f"--answers: {path} has {len(rows)} rows; {ROWS} are the most")
    found = []
    for number, row in enumerate(rows, 2):
        if len(row) > len(titles) and what == len(titles) - 1:  # a comma in the last column, as in max(a, 0)
            row = [*row[:what], sign.join(row[what:])]
        if len(row) != len(titles):
            raise DataError(f"--answers: line {number} of {path} has {len(row)} columns, the header {len(titles)}; "
                            'a formula with a comma stands in quotes: "max(a, 0)"')
        found.append((row[who].strip(), row[what].strip()))
    return found
