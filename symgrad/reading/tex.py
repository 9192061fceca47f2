r"""The words and signs of a formula in LaTeX: \frac{2}{n} X^{\top} (X w - y). The same tokens as those of `tokens.py`.

What only sets the type (\left, \,, \displaystyle) is passed over; a group in braces is a bracket; letters beside each
other are factors, as in TeX, and words stand in \mathrm, \operatorname or \text.
"""

from __future__ import annotations

import re
import unicodedata

from symgrad.formulas.spelling.glyphs import LETTERS
from symgrad.formulas.spelling.letters import ACCENTS
from symgrad.reading.grammar import OneLine
from symgrad.reading.tokens import LIKE, NUMBER, SIGN, Lexeme, refuse_character

COMMANDS = {
    "cdot": "·", "times": "·", "odot": "⊙", "circ": "⊙", "otimes": "⊗", "oslash": "⊘", "le": "≤", "leq": "≤", "ge": "≥",
    "geq": "≥", "lt": "<", "gt": ">", "ne": "≠", "neq": "≠", "land": "∧", "wedge": "∧", "lor": "∨", "vee": "∨", "lnot": "¬",
    "neg": "¬", "sum": "∑", "infty": "∞", "lVert": "‖", "rVert": "‖", "Vert": "‖", "|": "‖", "lvert": "|", "rvert": "|",
    "vert": "|", "lfloor": "⌊", "rfloor": "⌋", "lceil": "⌈", "rceil": "⌉", "ldots": "…", "dots": "…", "cdots": "…",
    "{": "{", "}": "}", "div": "/",
    "prime": "'", "ast": "*", "lbrack": "[", "rbrack": "]", "langle": "(", "rangle": ")", "colon": ":",
}
SKIPPED = frozenset("""left right big Big bigg Bigg bigl bigr Bigl Bigr biggl biggr displaystyle textstyle limits nolimits
quad qquad nonumber , ; ! : > notag middle""".split()) | {" ", "/"}
TEXTS = frozenset("mathrm operatorname text textrm mathit mathsf mathtt mathop textit mbox".split())
STYLES = frozenset("mathbf boldsymbol bm mathbb mathcal symbf symbfup vec pmb".split())
ACCENTED = {command: mark for mark, command in ACCENTS.items() if command not in ("vec",)}
ACCENTED |= {"bar": "\u0304", "overline": "\u0304", "widehat": "\u0302", "widetilde": "\u0303"}
GREEK_LETTERS = {**{name: glyph for glyph, name in LETTERS.items()}, "varepsilon": "ε", "epsilon": "ε", "varphi": "φ",
                 "varsigma": "ς", "vartheta": "ϑ", "varrho": "ϱ", "varpi": "ϖ", "hbar": "ħ"}
ENVIRONMENTS = {"cases": ("{", ",", "}", ""), "bmatrix": ("[", ";;", "]", ","), "pmatrix": ("[", ";;", "]", ","),
                "matrix": ("[", ";;", "]", ","), "aligned": ("", ";", "", ""), "align*": ("", ";", "", ""),
                "align": ("", ";", "", ""), "split": ("", "", "", ""), "multlined": ("", "", "", ""),
                "equation": ("", "", "", ""), "equation*": ("", "", "", "")}
WRAPPED = ("$$", "$$"), ("$", "$"), (r"\[", r"\]"), (r"\(", r"\)")
RANGE = r",\ldots,"
CONTINUES = re.compile(r"\s*&?\s*(?:\\quad|[-+=])")
DIVIDED = re.compile(r"(?<=[\w)\]}'ᵀ])\s*(\\)(?:\s*\(|\s+(?=[\w(\[])|[A-Za-z](?![A-Za-z]))")
MARKS = re.compile(r"[$]|\\[()\[\]{}]|\\[A-Za-z]{2,}|[\^_]\{")
COMMAND = re.compile(r"\\([A-Za-z]+\*?|.)", re.DOTALL)


def is_tex(text: str) -> bool:
    r"""Is a text LaTeX?

    >>> is_tex(r"\frac{1}{n} x"), is_tex("$x$"), is_tex("X^{-1}"), is_tex("{a if b, c otherwise}")
    (True, True, False, False)
    """
    return "\\" in text or "$" in text


def tex_tokens(source: OneLine) -> tuple[Lexeme, ...]:
    """The tokens of a text in LaTeX."""
    text = source.text
    refuse_left_division(source)
    start, end = len(text) - len(text.lstrip()), len(text.rstrip(" .,"))
    for left, right in WRAPPED:
        if text.startswith(left, start) and text[:end].endswith(right) and end - start > len(left):
            start, end = start + len(left), end - len(right)
    return _Tex(source).run(start, end)


def refuse_left_division(source: OneLine) -> None:
    r"""Raise ParseError at the backslash of A\\b, which is a solution to MATLAB and no command of LaTeX.

    `\\ ` is a blank of LaTeX and `\\(` opens one of its formulas, where other marks of LaTeX or `\\)` say so.
    """
    for found in DIVIDED.finditer(source.text):
        sign = found.start(1)
        letter = source.text[sign + 1].isalpha()
        if letter or not MARKS.search(source.text.replace("\\(", "") if "\\)" not in source.text else source.text):
            source.refuse(sign, "\\ is no left division here; write solve(A, b) for A\\b")


class _Tex:
    def __init__(self, source: OneLine) -> None:
        self.source, self.text = source, source.text
        self.environments: list[str] = []

    def run(self, place: int, end: int) -> tuple[Lexeme, ...]:
        found: list[Lexeme] = []
        space = False
        while place < end:
            char = self.text[place]
            if char in " ~\t":
                place, space = place + 1, True
                continue
            made, place, blank = self.piece(place, end, space)
            found += made
            space = blank
        return tuple(found)

    def piece(self, place: int, end: int, space: bool) -> tuple[list[Lexeme], int, bool]:
        """The tokens of the next piece, where it ends, and whether a blank follows it."""
        text, char = self.text, self.text[place]
        if char == "\\":
            return self.command(place, end, space)
        if char in "^_":
            token, after = self.script(place, end, space)
            return [token], after, False
        if char == "{":
            close = self.group(place, end)
            inner = self.run(place + 1, close)
            return self.bracketed(inner, place, space), close + 1, False
        if char == "&":
            return self._sign(ENVIRONMENTS[self.environments[-1]][3] if self.environments else "", place), place + 1, True
        if text.startswith(RANGE, place):
            return [Lexeme("sign", "..", place)], place + len(RANGE), False
        if match := NUMBER.match(text, place):
            return [Lexeme("number", match[0], place, space)], match.end(), False
        if char.isalpha() or unicodedata.combining(char):
            last = place + 1
            while last < end and unicodedata.combining(text[last]):
                last += 1
            return [Lexeme("word", unicodedata.normalize("NFC", text[place:last]), place, space)], last, False
        if match := SIGN.match(text, place):
            return [Lexeme("sign", LIKE.get(match[0], match[0]), place, space)], match.end(), False
        refuse_character(self.source, place)

    def command(self, place: int, end: int, space: bool) -> tuple[list[Lexeme], int, bool]:
        match = COMMAND.match(self.text, place)
        if match is None:
            self.source.refuse(place, r"\ is the beginning of a command; none follows")
        name, after = match[1], match.end()
        if name == "\\":
            row = ENVIRONMENTS[self.environments[-1]][1] if self.environments else ""
            if row == ";" and CONTINUES.match(self.text, after):  # a line that goes on
                row = ""
            return self._sign(row[:1], place), after, True
        if name in SKIPPED:
            return [], after, True if name not in ("left", "right") else space
        if name in ("frac", "tfrac", "dfrac"):
            above, after = self.argument(place, after, end)
            below, after = self.argument(place, after, end)
            over = [*self.bracketed(above, place, False), Lexeme("sign", "/", place), *self.bracketed(below, place, False)]
            return self.bracketed(tuple(over), place, space), after, False
        if name == "sqrt":
            inner, after = self.argument(place, after, end)
            return [Lexeme("sign", "√", place, space), *self.bracketed(inner, place, False)], after, False
        if name in TEXTS:
            return self.words(place, after, end, space)
        if name in STYLES:
            inner, after = self.argument(place, after, end)
            if name == "mathbf" and [token.text for token in inner] == ["1"]:
                return [Lexeme("word", "𝟏", place, space)], after, False
            return [Lexeme(t.kind, t.text, t.column, space, t.inside) for t in inner], after, False
        if name in ACCENTED:
            inner, after = self.argument(place, after, end)
            text = unicodedata.normalize("NFC", "".join(token.text for token in inner) + ACCENTED[name])
            return [Lexeme("word", text, place, space)], after, False
        if name in ("begin", "end"):
            return self.environment(name, place, after, end)
        if name == "top" or name == "intercal":
            return [Lexeme("word", "T", place, space)], after, False
        if name in COMMANDS:
            sign = COMMANDS[name]
            return [Lexeme("sign", sign, place, space)], after, False
        if name in GREEK_LETTERS:
            return [Lexeme("word", GREEK_LETTERS[name], place, space)], after, False
        if name in ("_", "%", "#", "&", "$"):
            return [Lexeme("word", name, place, space)], after, False
        return [Lexeme("word", name, place, space)], after, False

    def words(self, place: int, after: int, end: int, space: bool) -> tuple[list[Lexeme], int, bool]:
        r"""A word of \mathrm{...}; \text{if } is that word too."""
        if self.text[after:after + 1] != "{":
            inner, after = self.argument(place, after, end)
            return list(inner), after, False
        close = self.group(after, end)
        said = re.sub(r"\\([A-Za-z]+) ?", lambda m: GREEK_LETTERS.get(m[1], m[1]), self.text[after + 1:close])
        said = said.replace("\\_", "_").replace("\\", "").strip(" ,.;:")
        if not said:
            return [], close + 1, True
        return [Lexeme("word", said, place, space)], close + 1, True if self.text[close - 1] == " " else False

    def environment(self, name: str, place: int, after: int, end: int) -> tuple[list[Lexeme], int, bool]:
        close = self.group(after, end) if self.text[after:after + 1] == "{" else -1
        which = self.text[after + 1:close].strip()
        if close < 0 or which not in ENVIRONMENTS:
            known = ", ".join(ENVIRONMENTS)
            self.source.refuse(place, f"the environment {which!r} is not read; {known} are")
        if name == "begin":
            self.environments.append(which)
        elif not self.environments or self.environments.pop() != which:
            self.source.refuse(place, f"\\end{{{which}}} closes nothing")
        return self._sign(ENVIRONMENTS[which][0 if name == "begin" else 2], place), close + 1, name == "begin"

    def script(self, place: int, end: int, space: bool) -> tuple[Lexeme, int]:
        kind = "sup" if self.text[place] == "^" else "sub"
        inside, after = self.argument(place, place + 1, end)
        entrywise = bool(inside) and inside[0].text == "⊙"
        inside = inside[1:] if entrywise else inside
        said = "".join(_said(token) for token in inside)
        return Lexeme(kind, "⊙" * entrywise + said, place, space, inside), after

    def argument(self, place: int, start: int, end: int) -> tuple[tuple[Lexeme, ...], int]:
        """The tokens of the argument behind `start`, and where it ends."""
        while start < end and self.text[start] == " ":
            start += 1
        if start >= end:
            self.source.refuse(place, "an argument in braces is missing")
        if self.text[start] == "{":
            close = self.group(start, end)
            return self.run(start + 1, close), close + 1
        if self.text[start] != "\\":
            return self.run(start, start + 1), start + 1
        made, after, _ = self.command(start, end, False)
        return tuple(made), after

    def group(self, start: int, end: int) -> int:
        """The place of the brace that closes the one at `start`."""
        depth, place = 0, start
        while place < end:
            if self.text[place] == "\\":
                place += 2
                continue
            depth += (self.text[place] == "{") - (self.text[place] == "}")
            if not depth:
                return place
            place += 1
        self.source.refuse(start, "{ is not closed; write }")

    def bracketed(self, inner: tuple[Lexeme, ...], place: int, space: bool) -> list[Lexeme]:
        """A group as a piece of its own; one of a single token, or of none, needs no bracket."""
        if len(inner) <= 1 or (len(inner) == 2 and inner[1].kind in ("sub", "sup") and inner[0].kind == "word"):
            return [Lexeme(t.kind, t.text, t.column, space, t.inside) if i == 0 else t for i, t in enumerate(inner)]
        return [Lexeme("sign", "(", place, space), *inner, Lexeme("sign", ")", place)]

    def _sign(self, text: str, place: int) -> list[Lexeme]:
        return [Lexeme("sign", text, place, True)] if text else []


def _said(token: Lexeme) -> str:
    """The text of a token within a script."""
    if token.kind in ("sub", "sup"):
        return ("_" if token.kind == "sub" else "^") + "{" + token.text + "}"
    return token.text
