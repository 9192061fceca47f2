"""The words and signs of a formula as mathematicians write it on a line: 2/n Xᵀ (X w - y), ‖v‖², ∑_t x_t.

One list of tokens serves every writing: this file makes it of Unicode, `tex.py` of LaTeX, and `pratt.py` reads it.
A subscript or superscript is one token that holds the tokens within it.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NoReturn

from symgrad.formulas.spelling.glyphs import GREEK
from symgrad.reading.grammar import OneLine

LOWERED = dict(zip("₀₁₂₃₄₅₆₇₈₉₊₋", "0123456789+-", strict=True))
RAISED = dict(zip("⁰¹²³⁴⁵⁶⁷⁸⁹⁺⁻ⁿᵀ", "0123456789+-nT", strict=True))
LIKE = {"−": "-", "–": "-", "⋅": "·", "×": "·", "∘": "⊙", "÷": "/", "<=": "≤", ">=": "≥", "’": "'",
        "′": "'", "Σ": "∑", "∗": "*", "⟨": "(", "⟩": ")", "∥": "‖", "||": "‖", "⋯": "…", "...": "…", ".*": "⊙", "./": "/"}
LETTER = r"[^\W\d_⁰¹²³⁴-⁹⁺⁻ⁿᵀ₀-₎∑√∂∇𝟏½¼¾]"
PARTS = {"½": "0.5", "¼": "0.25", "¾": "0.75"}
GREEK_WORD = "|".join(sorted((*filter(str.isascii, GREEK), "lam"), key=len, reverse=True))
# As in TeX, what is raised without braces is one letter: X^TX w is Xᵀ X w. What is lowered is a word.
RAISED_BARE = re.compile(rf"-?(?:\d+(?:\.\d+)?|(?:{GREEK_WORD})(?!{LETTER})|{LETTER}[\u0300-\u036f]*|[⊤'′*])")
LOWERED_BARE = re.compile(rf"\d+(?:\.\d+)?|{LETTER}(?:{LETTER}|[0-9\u0300-\u036f])*|[⊤'′*]")
WORD = re.compile(rf"{LETTER}(?:{LETTER}|[0-9\u0300-\u036f])*|𝟏|∇|∂")
NUMBER = re.compile(r"(?:\d+(?:\.(?![.*/^])\d*)?|\.\d+)(?:[eE][+-]?\d+)?")
RAISES = re.compile(r"⁻ᵀ|ᵀ|[⁺⁻]?[⁰¹²³⁴-⁹ⁿ]+")
SIGN = re.compile(r"\.[*/]|\*\*|<=|>=|!=|==|\.\.\.|\.\.|\|\||[-+*/@⊙⊗⊘()\[\]{}‖∥|,;:.<>≤≥=≠∧∨¬√∑Σ⌊⌋⌈⌉'’′…·−–⋅×∘÷∞⟨⟩∗⋯]")
BRACKETS = {"(": ")", "{": "}", "[": "]"}


@dataclass(frozen=True, slots=True)
class Lexeme:
    """A piece of a formula: `kind` is number, word, sign, sub, sup or end; `space` says that a blank stands before it.

    `text` of a script is all that it says, without blanks; `inside` are its tokens.
    """

    kind: str
    text: str
    column: int
    space: bool = False
    inside: tuple[Lexeme, ...] = ()


def key(text: str) -> str:
    """A subscript or superscript up to how it is written: train_1, {train,1} and train₁ are one.

    >>> key("train_1") == key("{train,1}") == key("train₁")
    True
    """
    text = re.sub(r"([₀-₉]+)", r",\1", unicodedata.normalize("NFC", text))
    text = "".join(LOWERED.get(c, RAISED.get(c, c)) for c in text)
    text = re.sub(r"[{}\s^\\]|\*", "", text.replace("_", ","))
    return ",".join(GREEK.get(part, part) for part in text.split(",") if part)


def refuse_character(source: OneLine, place: int) -> NoReturn:
    """Raise ParseError at a character that means nothing."""
    char = source.text[place]
    source.refuse(place, f"{char} has no meaning in a formula" if char.isprintable() else
                  f"the character U+{ord(char):04X} cannot stand in a formula")


def tokens_of(source: OneLine, whole: frozenset[str] = frozenset()) -> tuple[Lexeme, ...]:
    """The tokens of a text; words in `whole`, such as log_softmax, keep their underscores."""
    return _Scanner(source, whole).run(0, len(source.text))


class _Scanner:
    """Reads one text from left to right."""

    def __init__(self, source: OneLine, whole: frozenset[str]) -> None:
        self.source, self.text, self.whole = source, source.text, whole

    def run(self, place: int, end: int) -> tuple[Lexeme, ...]:
        found: list[Lexeme] = []
        space = False
        while place < end:
            if self.text[place] in " \t\u2009\u202f\xa0":
                place, space = place + 1, True
                continue
            token, place = self.token(place, end, space, found[-1] if found else None)
            found.append(token)
            space = False
        return tuple(found)

    def token(self, place: int, end: int, space: bool, before: Lexeme | None) -> tuple[Lexeme, int]:
        text = self.text
        char = text[place]
        if char in RAISED:
            run = RAISES.match(text, place)
            if run is None:
                self.source.refuse(place, f"{char} raises nothing here")
            said = "".join(RAISED[c] for c in run[0])
            return Lexeme("sup", said, place, space, _plain(said, place)), run.end()
        if char in LOWERED:
            last = place
            while last < end and text[last] in LOWERED:
                last += 1
            said = "".join(LOWERED[c] for c in text[place:last])
            return Lexeme("sub", said, place, space, _plain(said, place)), last
        if char == "^" or (char == "_" and before is not None):
            return self.script(place, end, space)
        if text.startswith(".^", place):  # MATLAB's, entry by entry
            return self.script(place + 1, end, space, "⊙")
        if char in PARTS:
            return Lexeme("number", PARTS[char], place, space), place + 1
        if (match := NUMBER.match(text, place)) and match.end() <= end:
            return Lexeme("number", match[0], place, space), match.end()
        if match := re.compile(r"\w+(?![\u0300-\u036f])").match(text, place, end):
            if match[0] in self.whole:
                return Lexeme("word", match[0], place, space), match.end()
        if match := WORD.match(text, place, end):
            return Lexeme("word", unicodedata.normalize("NFC", match[0]), place, space), match.end()
        if match := SIGN.match(text, place):
            return Lexeme("sign", LIKE.get(match[0], match[0]), place, space), match.end()
        refuse_character(self.source, place)

    def script(self, place: int, end: int, space: bool, sign: str = "") -> tuple[Lexeme, int]:
        """What ^ or _ raises or lowers: a group in braces, a group in parentheses, or the next word or number."""
        kind = "sup" if self.text[place] == "^" else "sub"
        start = place + 1
        while kind == "sup" and self.text[start:start + 1] == " ":
            start += 1
        entrywise = "⊙" if kind == "sup" and self.text[start:start + 1] in ("⊙", "∘") else ""
        start += len(entrywise)
        entrywise = entrywise or sign
        char = self.text[start:start + 1]
        if char == "{" or (char == "(" and kind == "sup"):
            close = closing(self.source, start, end)
            inner = (start + 1, close) if char == "{" else (start, close + 1)
            inside, last = self.run(*inner), close + 1
        else:
            match = (RAISED_BARE if kind == "sup" else LOWERED_BARE).match(self.text, start, end)
            if kind == "sup" and (word := re.compile(rf"-?([a-z]{{3,}})(?!{LETTER})").match(self.text, start, end)) and (
                    word[1] not in GREEK and word[1] != "lam"):
                self.source.refuse(place, f"^ raises one letter; write ^({word[1]}) to raise more")
            if match is None:
                self.source.refuse(place, f"{self.text[place]} has nothing to {'raise' if kind == 'sup' else 'lower'}")
            inside = self.run(match.start(), match.end()) if match[0] not in ("⊤", "*") else ()
            if kind == "sub" and re.fullmatch(r"\d+[^\W\d].*", match[0]):
                inside = ()
            inner, last = (match.start(), match.end()), match.end()
        if inside and inside[0].text == "⊙":
            inside, entrywise = inside[1:], "⊙"
        said = self.text[inner[0]:inner[1]].replace("⊤", "T").strip()
        return Lexeme(kind, entrywise + said.removeprefix("⊙").strip(), place, space, inside), last


def closing(source: OneLine, start: int, end: int) -> int:
    """The place of the bracket that closes the one at `start`."""
    depth, left = 0, source.text[start]
    for place in range(start, end):
        depth += (source.text[place] == left) - (source.text[place] == BRACKETS[left])
        if not depth:
            return place
    source.refuse(start, f"{left} is not closed; write {BRACKETS[left]}")


def _plain(text: str, column: int) -> tuple[Lexeme, ...]:
    """The tokens of a script of small digits."""
    found = [Lexeme("sign", text[0], column)] if text[0] in "+-" else []
    rest = text.lstrip("+-")
    kind = "number" if rest.isdigit() else "word"
    return (*found, Lexeme(kind, rest, column)) if rest else tuple(found)


def split(tokens: Sequence[Lexeme], sign: str) -> list[list[Lexeme]]:
    """Tokens between the signs `sign` that stand in no brackets."""
    parts: list[list[Lexeme]] = [[]]
    depth = 0
    for token in tokens:
        if token.kind == "sign":
            depth += (token.text in "([{") - (token.text in ")]}")
        if token.kind == "sign" and token.text == sign and depth == 0:
            parts.append([])
        else:
            parts[-1].append(token)
    return parts


