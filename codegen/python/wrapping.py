"""Statements that are too long for a line, broken where a reader would break them."""

from __future__ import annotations

import re

from symgrad.codegen.python.planner import WIDTH

PAIRS = {")": "(", "]": "[", "}": "{"}
SIGNS = (" + ", " - ", " * ", " / ", " @ ")


def wrap_line(line: str, indent: str, width: int = WIDTH) -> list[str]:
    """A statement on several lines where it is too long: broken behind commas, before signs.

    The brackets that end the statement are opened; where nothing ends with one, parentheses are added. What stands
    in quotes is one word.

    >>> print(*wrap_line("total = first(a) + second(b)", "", 20), sep="\\n")
    total = (
        first(a)
        + second(b)
    )
    """
    if len(indent) + len(line) <= width:
        return [indent + line]
    bare = _without_texts(line)
    head = next((line[: bare.index(sign) + len(sign)] for sign in (" = ", " += ", " -= ") if sign in bare), "")
    head = next((word for word in ("return ", "def ") if line.startswith(word)), head)
    start = _opening(bare)
    if start is None or " " in bare[len(head):start]:  # the bracket at the end closes only a part
        line, bare = (f"{head}({text[len(head):]})" for text in (line, bare))
        start = len(head)
    lines = [indent + line[: start + 1]]
    inner, current = indent + "    ", ""
    end = len(line) - (2 if line.endswith(":") else 1)
    pieces = _pieces(line, bare, start + 1, end, 0)
    for depth in range(1, 8):
        if len(inner) + max(map(len, pieces)) <= width:
            break
        pieces = _pieces(line, bare, start + 1, end, depth)
    for piece in pieces:
        if current and len(inner) + len(current) + 1 + len(piece) > width:
            lines.append(inner + current)
            current = piece
        else:
            current = f"{current} {piece}" if current else piece
    return [*lines, inner + current, indent + line[-2 if line.endswith(":") else -1:]]


def _without_texts(line: str) -> str:
    """The line with a row of letters, as long, in the place of what stands in quotes."""
    return re.sub(r'"(?:[^"\\]|\\.)*"', lambda match: "x" * len(match.group()), line)


def _opening(line: str) -> int | None:
    """Where the bracket opens that the end of the statement closes."""
    stack: list[int] = []
    last: int | None = None
    for i, letter in enumerate(line):
        if letter in "([{":
            stack.append(i)
        elif letter in PAIRS:
            last = stack.pop()
    return last if line.rstrip(":")[-1] in PAIRS else None


def _pieces(line: str, bare: str, start: int, end: int, deepest: int) -> list[str]:
    """The text cut behind commas and before signs that stand in at most `deepest` brackets of `bare`."""
    pieces, depth, last = [], 0, start
    for i in range(start, end):
        depth += (bare[i] in "([{") - (bare[i] in ")]}")
        if bare.startswith(", ", i) and depth <= max(deepest, 1):
            pieces.append(line[last:i + 1])
            last = i + 2
        elif bare.startswith(SIGNS, i) and depth <= deepest:
            pieces.append(line[last:i])
            last = i + 1
    return [*pieces, line[last:end]]
