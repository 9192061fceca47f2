"""Statements that are too long for a line, broken where a reader would break them."""

from __future__ import annotations

from symgrad.codegen.planner import WIDTH


def wrap_line(line: str, indent: str, width: int = WIDTH) -> list[str]:
    """A statement on several lines where it is too long: broken behind commas and before + and -."""
    if len(indent) + len(line) <= width:
        return [indent + line]
    sign = next((sign for sign in (" = ", " += ") if sign in line), "")
    head, _, tail = line.partition(sign or "\n")
    if tail and not (tail.endswith(")") and _matches(tail)):
        line = f"{head}{sign}({tail})"
    start = line.index("(") + 1
    pieces, depth, last = [], 0, start
    for i in range(start, len(line) - 1):
        depth += (line[i] in "([{") - (line[i] in ")]}")
        if line.startswith(", ", i) and depth <= 1:
            pieces.append(line[last:i + 1])
            last = i + 2
        elif line.startswith((" + ", " - ", " * ", " @ "), i) and depth == 0:
            pieces.append(line[last:i])
            last = i + 1
    pieces.append(line[last:-1])
    lines = [indent + line[:start]]
    current = ""
    inner = indent + "    "
    for piece in pieces:
        if current and len(inner) + len(current) + 1 + len(piece) > width:
            lines.append(inner + current)
            current = piece
        else:
            current = f"{current} {piece}" if current else piece
    return [*lines, inner + current, indent + line[-1]]


def _matches(text: str) -> bool:
    """Is the last bracket the partner of the first one?"""
    depth = 0
    for i, letter in enumerate(text):
        depth += (letter in "([{") - (letter in ")]}")
        if depth == 0 and letter in ")]}":
            return i == len(text) - 1
    return False
