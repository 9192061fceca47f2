"""Formulas on one line of Unicode: 2 Xᵀ (X w - y)."""

from __future__ import annotations

from collections.abc import Sequence

from symgrad.formulas.spelling.glyphs import SUPERSCRIPTS, Name, unicode_name
from symgrad.formulas.spelling.spell import spell
from symgrad.formulas.spelling.tree import Tree

FUNCTIONS = {"diagonal": "diag", "log2": "log₂", "log10": "log₁₀"}


class UnicodeAlphabet:
    """The alphabet of one line of text."""

    flat = True

    def text(self, glyphs: str) -> str:
        return "1" if glyphs == "𝟏" else glyphs

    def word(self, word: str) -> str:
        return word

    def name(self, name: Name, subs: Sequence[str]) -> str:
        return unicode_name(name, indices(subs))

    def has_exponent(self, name: Name) -> bool:
        return name.sup is not None

    def function(self, name: str, subs: Sequence[str]) -> str:
        glyphs = FUNCTIONS.get(name, name)
        return self.lowered(glyphs, subs) if subs else glyphs

    def row(self, parts: Sequence[str]) -> str:
        return "".join(parts)

    def enclosed(self, left: str, inner: str, right: str) -> str:
        return f"{left}{inner}{right}"

    def raised(self, base: str, exponent: str) -> str:
        if exponent == "ᵀ":
            return base + exponent
        if exponent == "-ᵀ":
            return base + "⁻ᵀ"
        if all(char in SUPERSCRIPTS for char in exponent):
            return base + "".join(SUPERSCRIPTS[char] for char in exponent)
        return f"{base}^{exponent}"

    def lowered(self, base: str, subs: Sequence[str]) -> str:
        below = indices(subs)
        return f"{base}_{below}" if below.isalnum() else f"{base}_{{{below}}}"

    def fraction(self, above: str, below: str) -> str:
        return f"{above}/{below}"

    def root(self, inner: str, tight: bool) -> str:
        return f"√{inner}" if tight else f"√({inner})"

    def big(self, letters: Sequence[str], body: str) -> str:
        return f"{self.lowered('∑', letters)} {body}"

    def cases(self, rows: Sequence[tuple[str, str]], otherwise: str) -> str:
        return "{" + ", ".join([*(f"{value} if {test}" for value, test in rows), f"{otherwise} otherwise"]) + "}"

    def matrix(self, rows: Sequence[Sequence[str]]) -> str:
        return f"[{'; '.join(', '.join(row) for row in rows)}]"


def indices(subs: Sequence[str]) -> str:
    """Indices of one letter stand together, others are separated."""
    together = all(len(each) == 1 and each.isalpha() for each in subs)
    return "".join(subs) if together else ",".join(subs)


def unicode(tree: Tree) -> str:
    """A tree as one line of Unicode."""
    text: str = spell(tree, UnicodeAlphabet())
    return text
