"""What is said where a question has no answer: the parser's message, with its place below the text."""

from __future__ import annotations

import re
from dataclasses import dataclass

COLUMN = re.compile(r"column (\d+): ")
FLAGS = ((re.compile(r'[;,:]? ?--shape "([^"]*)"( or )?'), lambda m: f" {m[1]}" + (" or" if m[2] else "")),
         (re.compile(r"(?:declare|write) (it|them|one) with --shape"), lambda m: f"type {m[1]} under Shapes"),
         (re.compile(r"--shape"), lambda m: "a shape under Shapes"),
         (re.compile(r"--wrt (\S+): |^solve_stationary: "), lambda m: ""))


@dataclass(frozen=True)
class Fault:
    """A message, and where it is about one place, the line of the text with a mark below it."""

    message: str
    line: str = ""
    mark: str = ""
    more: str = ""


def fault_of(error: BaseException, text: str) -> Fault:
    """What to say of an error.

    >>> from symgrad.graphs.errors import SymgradError
    >>> fault_of(SymgradError("column 2: no\\n    a+\\n     ^"), "a+")
    Fault(message='column 2: no', line='a+', mark=' ^', more='')
    """
    lines = said_here(error).split("\n")
    for i in range(len(lines) - 1):
        if lines[i].startswith("    ") and lines[i + 1].strip() == "^":
            return Fault("\n".join(lines[:i]), lines[i][4:], lines[i + 1][4:], "\n".join(lines[i + 2:]))
    return Fault("\n".join(lines))


def said_here(error: BaseException) -> str:
    """A message in the words of the page: its fields for the options of the command line."""
    if isinstance(error, RecursionError):
        return "the formula is nested too deeply"
    if isinstance(error, OverflowError):
        return "a number in the formula is too large"
    if isinstance(error, MemoryError):
        return "this takes more memory than an answer may have"
    text = str(error)
    for pattern, new in FLAGS:
        text = pattern.sub(new, text)
    return text
