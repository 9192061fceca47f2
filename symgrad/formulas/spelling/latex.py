"""Formulas in LaTeX: 2 X^{\\top} (X w - y)."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from symgrad.formulas.spelling.glyphs import Name
from symgrad.formulas.spelling.letters import grouped, has_script, latex_name, latex_text
from symgrad.formulas.spelling.spell import spell
from symgrad.formulas.spelling.tree import Tree

GLYPHS = {
    "𝟏": r"\mathbf{1}", "ᵀ": r"\top", "-ᵀ": r"-\top", "⊙": r"\odot ", " ⊙ ": r" \odot ", " ⊗ ": r" \otimes ",
    "⋆": r"\star", " ⋆ ": r" \star ",
    "…": r"\ldots", "∞": r"\infty", "·": r"\cdot", "..": r",\ldots,", " ≤ ": r" \le ", " ≥ ": r" \ge ",
    " ≠ ": r" \ne ", " ∧ ": r" \land ", " ∨ ": r" \lor ", "¬": r"\lnot ", "nan": r"\mathrm{nan}",
    ", ": r",\, ", " · ": " ",
}
KNOWN = ("exp log sin cos tan arcsin arccos arctan sinh cosh tanh max min det").split()
FUNCTIONS = {"σ": r"\sigma", "log2": r"\log_2", "log10": r"\log_{10}", "diagonal": r"\operatorname{diag}"}
BRACKETS = {"(": ("(", ")"), "[": ("[", "]"), "‖": (r"\lVert ", r" \rVert"), "|": (r"\lvert ", r" \rvert"),
            "⌊": (r"\lfloor ", r" \rfloor"), "⌈": (r"\lceil ", r" \rceil")}
WORD_ENDS, WORD_BEGINS = re.compile(r"\\mathrm\{[^{}]{2,}\}$"), re.compile(r"\\mathrm\{[^{}]{2,}\}")
SAMPLE_LETTERS = "tsnz"
TALL = (r"\frac", r"\sum", r"\begin")


@dataclass
class LatexAlphabet:
    """The alphabet of LaTeX; `axes` says how many axes a name has where vectors and matrices are set in bold type."""

    flat: bool = False
    axes: Mapping[Name, int] = field(default_factory=dict)

    def text(self, glyphs: str) -> str:
        if glyphs in GLYPHS:
            return GLYPHS[glyphs]
        mantissa, exponent, power = glyphs.partition("e")
        if exponent and power.lstrip("+-").isdigit():
            ten = f"10^{{{int(power)}}}"
            return ten if mantissa in ("1", "1.0") else rf"{mantissa} \cdot {ten}"
        return glyphs

    def word(self, word: str) -> str:
        return rf"\mathrm{{{latex_text(word)}}}"

    def name(self, name: Name, subs: Sequence[str]) -> str:
        entry = sum(not _is_sample(each) for each in subs)
        return latex_name(name, _indices(subs), bold=self.axes.get(name, 0) > entry)

    def has_exponent(self, name: Name) -> bool:
        return name.sup is not None if name.latex is None else has_script(name.latex, "^")

    def function(self, name: str, subs: Sequence[str]) -> str:
        known = f"\\{name}" if name in KNOWN else rf"\operatorname{{{latex_text(name)}}}"
        glyphs = FUNCTIONS.get(name, known)
        return self.lowered(glyphs, subs) if subs else glyphs

    def row(self, parts: Sequence[str]) -> str:
        return "".join(_spaced(part, parts[i - 1:i + 2]) if part == " " and i else part for i, part in enumerate(parts))

    def enclosed(self, left: str, inner: str, right: str) -> str:
        before, after = BRACKETS[left]
        if left == "‖" or any(mark in inner for mark in TALL):
            return rf"\left{before.strip()} {inner} \right{after.strip()}"
        return f"{before}{inner}{after}"

    def raised(self, base: str, exponent: str) -> str:
        closed = base.endswith((")", "]", r"\rVert", r"\rVert_{F}", r"\rvert")) or "^" not in base
        closed = closed and not base.endswith(r"\end{bmatrix}")  # latex2mathml would raise the last bracket only
        return f"{base}^{{{exponent}}}" if closed else f"{grouped(base)}^{{{exponent}}}"

    def lowered(self, base: str, subs: Sequence[str]) -> str:
        return f"{base}_{{{_indices(subs)}}}"

    def fraction(self, above: str, below: str) -> str:
        return rf"\frac{{{above}}}{{{below}}}"

    def root(self, inner: str, tight: bool) -> str:
        return rf"\sqrt{{{inner}}}"

    def big(self, letters: Sequence[str], body: str) -> str:
        return rf"\sum_{{{_indices(letters)}}} {body}"

    def cases(self, rows: Sequence[tuple[str, str]], otherwise: str) -> str:
        lines = [*(rf"{guarded(value)} & \text{{if }} {test}" for value, test in rows),
                 rf"{guarded(otherwise)} & \text{{otherwise}}"]
        return r"\begin{cases} " + r" \\ ".join(lines) + r" \end{cases}"

    def matrix(self, rows: Sequence[Sequence[str]]) -> str:
        return r"\begin{bmatrix} " + r" \\ ".join(" & ".join(map(guarded, row)) for row in rows) + r" \end{bmatrix}"


def _spaced(blank: str, around: Sequence[str]) -> str:
    r"""The blank between factors; TeX sets none, so that \mathrm{Wxh} v would read Wxhv."""
    before, after = around[0], around[-1]
    return r"\, " if WORD_ENDS.search(before) or WORD_BEGINS.match(after) else blank


def guarded(cell: str) -> str:
    r"""A cell of a table; in front of one, and behind \\, LaTeX takes a bracket for an option."""
    return f"{{{cell}}}" if cell.startswith("[") else cell


def _indices(subs: Sequence[str]) -> str:
    together = all(len(each) == 1 and each.isalpha() for each in subs)
    return " ".join(subs) if together else ", ".join(subs)


def _is_sample(sub: str) -> bool:
    """Is an index the letter of a sample?"""
    return sub in SAMPLE_LETTERS or sub == r"\tau"


def latex(tree: Tree, axes: Mapping[Name, int] | None = None) -> str:
    """A tree as LaTeX; with `axes` of names, vectors and matrices in bold type."""
    text: str = spell(tree, LatexAlphabet(axes=axes or {}))
    return text
