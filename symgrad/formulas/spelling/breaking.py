"""Long formulas are broken at operators: LaTeX by the width of its glyphs, Unicode by its characters.

A formula is cut where a reader expects it: at relations, then at + and -, then at ⊙, then between factors; outside
brackets before inside them. A piece that still does not fit is cut again. The left-hand side stays with the first
piece. Widths of LaTeX are those of its glyphs in Computer Modern, in em, rounded up.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

PAGE = 29.0  # em: the text width of LaTeX's article, less an equation number
NARROW = 10.0  # em: no line is made shorter
FRAME = 3.0  # em: brackets and scripts around a fraction
SCRIPT = 0.72  # the size of a sub- or superscript
RANKS = {"where": 0, "relation": 1, "sum": 2, "comma": 3, "times": 4, "space": 5}
SHARE = 0.3  # of a line: definitions that are shorter may stand beside each other
DEEPER = 8  # one pair of brackets weighs more than any operator
TOKEN = re.compile(r"\\begin\{|\\[A-Za-z]+|\\.|[{}^_&]|\s+|\d+(?:\.\d+)?|.", re.DOTALL)
OPEN, CLOSE = ("(", "[", r"\lVert", r"\lvert", r"\lfloor", r"\lceil"), (")", "]", r"\rVert", r"\rvert", r"\rfloor",
    r"\rceil")
SIGNS = {"=": "relation", "+": "sum", "-": "sum", r"\odot": "times", r"\otimes": "times", r"\cdot": "times",
         r"\quad": "where", r"\;": "where", ",": "comma", ";": "comma",
         r"\le": "atom", r"\ge": "atom", "<": "atom", ">": "atom"}
WIDE = {"relation": 1.35, "sum": 1.25, "times": 1.25, "where": 1.0, "comma": 0.45}
UNICODE = re.compile(r" = |, where |; | [+\-−] | [⊙⊗·] |,  ?| +|[(\[{]|[)\]}]|‖_F²|‖²|‖|[^ ()\[\]{}‖,;]+|.")


@dataclass(frozen=True, slots=True)
class Token:
    """A piece that is never cut. `role`: atom, open, close, or what may begin or end a line."""

    text: str
    width: float
    role: str


@lru_cache(maxsize=4096)
def latex_tokens(text: str) -> tuple[Token, ...]:
    """LaTeX as tokens: groups, fractions and environments are atoms, with their scripts."""
    return tuple(_Reader(text).tokens())


def latex_width(text: str) -> float:
    """The width of LaTeX in em, about."""
    return sum(token.width for token in latex_tokens(text))


class _Reader:
    def __init__(self, text: str) -> None:
        self.parts = TOKEN.findall(text)
        self.place = 0

    def next(self) -> str:
        return self.parts[self.place] if self.place < len(self.parts) else ""

    def take(self) -> str:
        self.place += 1
        return str(self.parts[self.place - 1])

    def tokens(self) -> list[Token]:
        found: list[Token] = []
        before = "open"
        while self.next():
            part = self.take()
            if part.isspace():
                found.append(Token(" ", 0.0, "gap"))
                continue
            if part in ("^", "_") and found:
                text, width = self.group()
                last = found.pop()
                found.append(Token(f"{last.text}{part}{text}", last.width + SCRIPT * width, last.role))
            elif part in (r"\left", r"\right"):
                found.append(Token(part + self.take(), 0.5, "open" if part == r"\left" else "close"))
            elif part in OPEN or part in CLOSE:
                found.append(Token(part, 0.5, "open" if part in OPEN else "close"))
            elif part in SIGNS and not (SIGNS[part] == "sum" and before not in ("atom", "close")):
                found.append(Token(part, WIDE.get(SIGNS[part], 1.35), SIGNS[part]))
            else:
                found.append(self.atom(part))
            before = found[-1].role
        for i in range(1, len(found) - 1):
            left, right = found[i - 1], found[i + 1]
            if found[i].role == "gap" and left.role in ("atom", "close") and right.role in ("atom", "open") and not (
                    left.text.startswith(r"\sum") or left.text in FIRM):
                found[i] = Token(" ", 0.17, "space")
        return found

    def atom(self, part: str) -> Token:
        if part == r"\begin{":
            inside = part + self.until_end()
            rows = re.split(r"\\\\", re.sub(r"\\(begin|end)\{\w+\}", "", inside))
            return Token(inside, max(latex_width(row.replace("&", " ")) for row in rows) + 2.0, "atom")
        if part == "{":
            self.place -= 1
            text, width = self.group()
            return Token(text, width, "atom")
        if part == r"\frac":
            (above, a), (below, b) = self.group(), self.group()
            return Token(part + above + below, max(a, b) + 0.3, "atom")
        if part in (r"\sqrt", r"\operatorname", r"\mathrm", r"\mathbf", r"\text"):
            text, width = self.group()
            return Token(part + text, width + (0.9 if part == r"\sqrt" else 0.2), "atom")
        if part.startswith("\\"):
            letters = 0.6 * (len(part) - 1) if part[1:] in NAMED else GLYPHS.get(part, 0.7)
            return Token(part, letters, "atom")
        return Token(part, 0.5 * len(part) if part[0].isdigit() else 0.8 if part.isupper() else 0.58, "atom")

    def until_end(self) -> str:
        """The rest of an environment, with those inside it."""
        depth, inside = 1, ""
        while depth and self.next():
            part = self.take()
            inside += part
            depth += (part == r"\begin{") - (part == r"\end")
        while self.next():  # the name of what ends
            inside += self.take()
            if inside.endswith("}"):
                break
        return inside

    def group(self) -> tuple[str, float]:
        """The argument that follows: in braces, or one token."""
        while self.next().isspace():
            self.take()
        if self.next() != "{":
            one = self.take() if self.next() else ""
            return one + " " * bool(one.startswith("\\")), latex_width(one) if one else 0.0
        depth, inside = 0, ""
        while self.next():
            part = self.take()
            depth += (part in ("{", r"\begin{")) - (part == "}")
            inside += part
            if not depth:
                break
        return inside, latex_width(inside[1:-1])


FIRM = tuple(r"\nabla \lnot".split())  # nothing is cut off behind these
GLYPHS = {r"\sum": 1.5, r"\,": 0.17, r"\bigl": 0.0, r"\bigr": 0.0}
NAMED = "exp log sin cos tan arcsin arccos arctan sinh cosh tanh max min det".split()


def unicode_tokens(text: str) -> list[Token]:
    """A line of Unicode as tokens."""
    found: list[Token] = []
    bars = False
    for part in UNICODE.findall(text):
        sign = part.strip()
        if part == " = ":
            role = "relation"
        elif part in (", where ", "; ", ",  "):
            role = "where"
        elif part == ", ":
            role = "comma"
        elif part.startswith(" ") and sign in ("+", "-", "−"):
            role = "sum"
        elif part.startswith(" ") and sign:
            role = "times"
        elif part.startswith(" "):
            role = "space"
        elif part.startswith("‖"):
            bars = not bars
            role = "open" if bars else "close"
        else:
            role = {"(": "open", "[": "open", "{": "open", ")": "close", "]": "close", "}": "close"}.get(part, "atom")
        found.append(Token(part, len(part), role))
    return found


def broken(tokens: Sequence[Token], width: float) -> list[list[Token]]:
    """Tokens in lines not wider than `width` where that can be; a line after the first begins with its operator."""
    if sum(t.width for t in tokens) <= width:
        return [list(tokens)]
    points, depth = [], 0
    first = next((i for i, t in enumerate(tokens) if t.role == "relation"), -1)
    for i, token in enumerate(tokens):
        depth -= token.role == "close"
        if token.role in RANKS and 0 < i < len(tokens) - 1 and i != first and not (depth and token.role == "relation"):
            points.append((DEEPER * depth + RANKS[token.role], i + (token.role in ("comma", "where", "space"))))
        depth += token.role == "open"
    if not points:
        return [list(tokens)]
    best = min(rank for rank, _ in points)
    places = [0, *(i for rank, i in points if rank == best), len(tokens)]
    lines: list[list[Token]] = []
    for start, end in zip(places, places[1:], strict=False):
        piece = list(tokens[start:end])
        size = sum(t.width for t in piece)
        used = sum(t.width for t in lines[-1]) if lines else width
        told = best == RANKS["where"] and (used > SHARE * width or size > SHARE * width)  # a definition has its line
        if lines and used + size <= width and not told:
            lines[-1] += piece
        elif size <= width or start == 0 and end == len(tokens):
            lines.append(piece)
        else:
            parts = broken(piece, width)
            if lines and end == len(tokens) and best % DEEPER >= RANKS["times"] and (
                    sum(t.width for t in (*lines[-1], *parts[0])) <= width):
                lines[-1] += parts.pop(0)  # products nested to the right, W₁ᵀ (f₁ ⊙ W₂ᵀ (f₂ ⊙ ...)), run on
            lines += parts
    return lines


def latex_lines(text: str, width: float = PAGE) -> list[str]:
    """LaTeX in lines. Brackets that grow cannot be cut: where a cut falls inside, they get one size."""
    tokens = [part for token in latex_tokens(text) for part in _opened(token, width)]
    lines = ["".join(t.text for t in line).strip() for line in broken(tokens, width)]
    return _fixed(lines) if len(lines) > 1 else [text]


def _opened(token: Token, width: float) -> Sequence[Token]:
    """A fraction that is wider than a line, in brackets beside one another: (a + b) / c."""
    if not token.text.startswith(r"\frac") or token.width <= width - FRAME:
        return [token]
    reader = _Reader(token.text)
    reader.take()
    (above, _), (below, _) = reader.group(), reader.group()
    rest = "".join(reader.parts[reader.place:])
    opened, closed = Token(r"\left(", 0.5, "open"), Token(r"\right)", 0.5, "close")
    return [opened, *latex_tokens(above[1:-1]), closed, Token(r"\,/\,", 0.8, "times"), opened,
            *latex_tokens(below[1:-1]), Token(rf"\right){rest}", 0.5, "close")]


def _fixed(lines: list[str]) -> list[str]:
    """A pair \\left( ... \\right) over two lines becomes \\bigl( ... \\bigr)."""
    pattern = re.compile(r"\\(left|right)(?![A-Za-z])")
    stack: list[tuple[int, int]] = []
    cut: dict[tuple[int, int], str] = {}
    for number, line in enumerate(lines):
        for found in pattern.finditer(line):
            if found[1] == "left":
                stack.append((number, found.start()))
            elif stack:
                opened = stack.pop()
                if opened[0] != number:
                    cut[opened], cut[number, found.start()] = r"\bigl", r"\bigr"
    for (number, start), size in sorted(cut.items(), reverse=True):  # from the right, so that places stay
        end = start + len(r"\left" if size == r"\bigl" else r"\right")
        lines[number] = lines[number][:start] + size + lines[number][end:]
    return lines


def aligned(text: str, width: float = PAGE, left: float = 0.0) -> list[str]:
    """LaTeX in lines for an alignment: the first relation stands at &, later lines begin with theirs or are indented.

    `left` is the widest left-hand side of the alignment.
    """
    side, relation, rest = parted(text)
    if not relation:
        return [f"& {line}" for line in latex_lines(text, width)]
    if latex_width(text) + max(left - latex_width(side), 0.0) <= width:
        return [f"{side} &= {rest}"]
    room = max(width - max(left, latex_width(side)) - WIDE["relation"] - 1.0, NARROW)
    first, *lines = latex_lines(rest, room)
    return [f"{side} &= {first}", *(f"&{line}" if line.startswith("=") else rf"&\quad {{}} {line}" for line in lines)]


def parted(text: str) -> tuple[str, str, str]:
    """The left-hand side, the relation and the rest; only the text where there is no relation outside brackets."""
    tokens = latex_tokens(text)
    depth = 0
    for i, token in enumerate(tokens):
        if not depth and token.role == "relation":
            left, right = ("".join(t.text for t in part).strip() for part in (tokens[:i], tokens[i + 1:]))
            return left, token.text, right
        depth += (token.role == "open") - (token.role == "close")
    return text, "", ""


def unicode_lines(text: str, width: int) -> list[str]:
    """Unicode in lines; later ones are indented to the first relation."""
    lines = ["".join(t.text for t in line) for line in broken(unicode_tokens(text), width)]
    if len(lines) == 1:
        return lines
    left, _, right = lines[0].partition(" = ")
    indent = len(left) + 1 if right and len(left) < width // 3 else 4
    found = broken(unicode_tokens(text), width - indent - 2)
    first, *rest = ["".join(t.text for t in line).strip() for line in found]
    return [first, *(" " * (indent if line.startswith("=") else indent + 2) + line for line in rest)]
