r"""The letters of names in LaTeX: Greek and accents are commands, what LaTeX reads as markup is escaped.

A letter that mathematics has no command for (中, Ж, ß) stays as it is: MathML, notebooks and pages set it. Plain pdflatex
does not; for it `for_tex` writes what its text fonts have (\text{\ss}) and else the code point, U+4E2D.
"""

from __future__ import annotations

import re
import unicodedata
from itertools import accumulate
from typing import Any

import sympy as sp

from symgrad.formulas.spelling.glyphs import LETTERS, Name, greek, parse_name

# What LaTeX reads as markup, and < and ] in braces: there they begin no tag and end no link of Markdown.
ESCAPED = {"\\": r"\backslash", "~": r"\sim", "^": r"\hat{\ }", "`": r"\grave{\ }", "<": "{<}", "]": "{]}",
           **{c: f"\\{c}" for c in "_%#&${}"}}
COMMANDS = {**{glyph: f"\\{name}" for glyph, name in LETTERS.items()},
            **dict(zip("ΑΒΕΖΗΙΚΜΝΟΡΤΧο", "ABEZHIKMNOPTXo", strict=True)),
            "ϵ": r"\epsilon", "ϑ": r"\vartheta", "ϕ": r"\phi", "ϖ": r"\varpi", "ϱ": r"\varrho", "ς": r"\varsigma",
            "µ": r"\mu", "ħ": r"\hbar", "∞": r"\infty", "×": r"\times", "·": r"\cdot", "±": r"\pm", "→": r"\to",
            "←": r"\leftarrow",
            **{glyph: rf"\mathbb{{{letter}}}" for glyph, letter in zip("ℂℍℕℙℚℝℤ", "CHNPQRZ", strict=True)}}
ACCENTS = {"\u0300": "grave", "\u0301": "acute", "\u0302": "hat", "\u0303": "tilde", "\u0304": "bar", "\u0305": "bar",
           "\u0306": "breve", "\u0307": "dot", "\u0308": "ddot", "\u030a": "mathring", "\u030c": "check", "\u20d7": "vec",
           "\u0332": "underline"}
TEXT_ACCENTS = {"\u0323": "d", "\u0327": "c", "\u030b": "H", "\u0331": "b"}
TEXT = {**dict(zip("ßæœøåłÆŒØÅŁ", "ss ae oe o aa l AE OE O AA L".split(), strict=True)),
        **{glyph: rf"textsuperscript{{{digit}}}" for digit, glyph in enumerate("⁰¹²³⁴⁵⁶⁷⁸⁹")},
        **{glyph: rf"textsubscript{{{digit}}}" for digit, glyph in enumerate("₀₁₂₃₄₅₆₇₈₉")}}
COMMAND = re.compile(r"\\[A-Za-z]+$")


def clusters(text: str) -> list[str]:
    """Letters with the accents on them.

    >>> clusters("x̂y") == ["x̂", "y"]
    True
    """
    found: list[str] = []
    for c in unicodedata.normalize("NFD", text):
        if found and unicodedata.combining(c):
            found[-1] += c
        else:
            found.append(c)
    return found


def _letter(cluster: str) -> str:
    base, accents = ("", cluster) if unicodedata.combining(cluster[0]) else (cluster[0], cluster[1:])
    if any(c not in ACCENTS for c in accents):
        return unicodedata.normalize("NFC", cluster)
    text = COMMANDS.get(base) or ESCAPED.get(base) or base.strip() or r"\ "
    for accent in accents:
        text = f"\\{ACCENTS[accent]}{{{text}}}"
    return text


def latex_text(text: str) -> str:
    r"""A text in a formula, letter by letter.

    >>> print(latex_text("Δx"), latex_text("ŷ"), latex_text("a_b"), latex_text("Straße"))
    \Delta x \hat{y} a\_b Straße
    """
    parts: list[str] = []
    for cluster in clusters(text):
        part = _letter(cluster)
        parts += [" "] if parts and part[0].isalpha() and COMMAND.search(parts[-1]) else []
        parts.append(part)
    return "".join(parts)


def latex_letter(text: str) -> str:
    r"""One word of a name: a letter as mathematics sets it, a number, or else upright.

    >>> print(latex_letter("σ"), latex_letter("x'"), latex_letter("Δx"), latex_letter("12"))
    \sigma x' \mathrm{\Delta x} 12
    """
    body = text.rstrip("'")
    alone = len(clusters(body)) == 1
    if alone and not body.isalnum() and COMMANDS.get(body) is None and len(body) == 1:
        return f"{{{latex_text(body)}}}{text[len(body):]}"
    if alone or text.isdecimal() and text.isascii():
        return latex_text(body) + text[len(body):]
    return rf"\mathrm{{{latex_text(text)}}}" if body else f"{{}}{text}"


def latex_name(name: Name, indices: str = "", bold: bool = False) -> str:
    """A name in LaTeX: W_{1}, a^{1}, x_{\\mathrm{train}}; `bold` as vectors and matrices in papers.

    What a user said how to set stays as given.
    """
    if name.latex is not None:
        text = grouped(name.latex) if indices and has_script(name.latex, "_") else name.latex
        return f"{text}_{{{indices}}}" if indices else text
    text = latex_letter(name.base)
    if bold:
        text = rf"\mathbf{{{text}}}" if text.isascii() and text.isalpha() else rf"\boldsymbol{{{text}}}"
    text = f"{{{text}}}" if text.endswith("''") else text  # latex2mathml reads no further superscript behind two primes
    below = ""
    if isinstance(name.sub, Name):
        below, indices = latex_name(name.sub, indices if name.deep else ""), "" if name.deep else indices
    elif name.sub is not None:
        words = [latex_letter(greek(part)) for part in name.sub.split("_") if part]
        below = ",".join(words)
    below = ",".join(part for part in (below, indices) if part)
    if name.sup is not None:
        text += "^{" + latex_letter(name.sup) + "}"
    return text + "_{" + below + "}" if below else text


def grouped(latex: str) -> str:
    r"""LaTeX as one piece, which takes further scripts. TeX takes the braces off a group that is one accented letter.

    >>> print(grouped("x_{1}"), grouped(r"\hat{x}_{1}"))
    {x_{1}} {{}\hat{x}_{1}}
    """
    accented = any(latex.startswith(f"\\{accent}{{") for accent in ACCENTS.values())
    return f"{{{'{}' if accented else ''}{latex}}}"


def has_script(latex: str, sign: str) -> bool:
    r"""Has LaTeX a subscript (`sign` "_") or a superscript ("^") of its own, outside of all braces?

    >>> has_script(r"x_{1}", "_"), has_script(r"\vec{x_1}", "_")
    (True, False)
    """
    text = re.sub(r"\\[{}_^]", "", latex)
    depths = accumulate((c == "{") - (c == "}") for c in text)
    return any(c == sign and not depth for c, depth in zip(text, depths, strict=True))


def latex_size(size: Any) -> str:
    r"""A size, or an expression in sizes, with their names as those of symbols are set.

    >>> from symgrad.graphs.sizes import dim
    >>> print(latex_size(2 * dim("n_hid") + 1))
    2 n_{\mathrm{hid}} + 1
    """
    names = {symbol: latex_name(parse_name(symbol.name)) for symbol in getattr(size, "free_symbols", ())}
    return str(sp.latex(size, symbol_names=names))


def for_tex(latex: str) -> str:
    r"""LaTeX that plain pdflatex sets: of ASCII alone.

    >>> print(for_tex(r"\mathrm{Straße}"), for_tex("中"))
    \mathrm{Stra\text{\ss}e} \mathrm{U{+}4E2D}
    """
    return latex if latex.isascii() else "".join(map(_ascii, clusters(latex)))


def _ascii(cluster: str) -> str:
    if cluster.isascii():
        return cluster
    whole = TEXT.get(unicodedata.normalize("NFC", cluster))
    if whole is not None:
        return rf"\text{{\{whole}}}"
    base, accents = cluster[0], cluster[1:]
    if base.isascii() and all(c in TEXT_ACCENTS or c in ACCENTS for c in accents):
        for c in accents:
            base = rf"\text{{\{TEXT_ACCENTS[c]}{{{base}}}}}" if c in TEXT_ACCENTS else rf"\{ACCENTS[c]}{{{base}}}"
        return base
    code = "".join(f"U{{+}}{ord(c):04X}" for c in unicodedata.normalize("NFC", cluster))
    return rf"\mathrm{{{code}}}"
