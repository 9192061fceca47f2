"""Display names taken apart: base, subscript and superscript, as a textbook writes them.

A name is what a user types: `W1`, `a^1`, `x_train`, `sigma`, `G_{a^1}`. Digits at the end are a
subscript, `_` opens a subscript and `^` a superscript (in braces, if longer than a word), and Greek
letters are known by name. Both renderers read the same `Name`.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field, replace
from functools import lru_cache

GREEK = {
    "alpha": "α", "beta": "β", "gamma": "γ", "delta": "δ", "epsilon": "ε", "zeta": "ζ", "eta": "η",
    "theta": "θ", "iota": "ι", "kappa": "κ", "lambda": "λ", "mu": "μ", "nu": "ν", "xi": "ξ", "pi": "π",
    "rho": "ρ", "sigma": "σ", "tau": "τ", "upsilon": "υ", "phi": "φ", "chi": "χ", "psi": "ψ", "omega": "ω",
    "Gamma": "Γ", "Delta": "Δ", "Theta": "Θ", "Lambda": "Λ", "Xi": "Ξ", "Pi": "Π", "Sigma": "Σ",
    "Upsilon": "Υ", "Phi": "Φ", "Psi": "Ψ", "Omega": "Ω", "ell": "ℓ", "nabla": "∇", "partial": "∂",
}
LETTERS = {glyph: name for name, glyph in GREEK.items()}
SUPERSCRIPTS = dict(zip("0123456789+-−n", "⁰¹²³⁴⁵⁶⁷⁸⁹⁺⁻⁻ⁿ", strict=True))
SUBSCRIPTS = dict(zip("0123456789+-−", "₀₁₂₃₄₅₆₇₈₉₊₋₋", strict=True))
ACCENTED = {"hat": "\u0302", "bar": "\u0304", "tilde": "\u0303"}
WORDS = frozenset("that what chat hbar".split())  # end in hat or bar and have none
ALONE = re.compile(r"(?<![\\A-Za-z])[a-z](?![A-Za-z])")  # a letter of LaTeX that is no part of a command or a word
RECURRENT = re.compile(r"(weight|bias)_(ih|hh|hr)_l(\d*)(_reverse)?(?:_(\d+))?")  # PyTorch's names
LETTER = re.compile(rf"([^\W\d_]|{'|'.join(GREEK)})\d+")  # with a number
_DIGITS = {**{v: k for k, v in SUPERSCRIPTS.items() if k.isdigit()}, **{v: k for k, v in SUBSCRIPTS.items()}}


@dataclass(frozen=True, slots=True)
class Name:
    """A base (Greek as a glyph) with what stands below and above it; `latex` is how a user wants it set.

    `own` are letters of mathematics and no names of anybody: the number π, a unit vector e_k. `deep`: indices are those
    of the name below, G_{h_t}.
    """

    base: str
    sub: Name | str | None = None
    sup: str | None = None
    latex: str | None = field(default=None, compare=False, repr=False)
    own: bool = field(default=False, repr=False)
    deep: bool = field(default=False, repr=False)


@lru_cache(maxsize=4096)
def parse_name(text: str) -> Name:
    """A display name as a user types it, taken apart.

    >>> parse_name("W1")
    Name(base='W', sub='1', sup=None)
    >>> parse_name("x_hat").base == parse_name("xhat").base == "x̂"
    True
    >>> parse_name("G_{a^1}").sub
    Name(base='a', sub=None, sup='1')
    """
    text = text.strip()
    match = RECURRENT.fullmatch(text)
    if match:
        return _recurrent(match)
    match = re.fullmatch(r"(.+?)([⁰¹²³⁴⁵⁶⁷⁸⁹]+)", text)
    if match and not re.search(r"[_^]", text):
        text = f"{match[1]}^{''.join(_DIGITS[c] for c in match[2])}"
    match = re.fullmatch(r"(.+?)([₀₁₂₃₄₅₆₇₈₉]+)", text)
    if match and not re.search(r"[_^]", text):
        text = f"{match[1]}_{''.join(_DIGITS[c] for c in match[2])}"
    base, sub, sup = _split(text)
    if sub is None and not sup:
        match = re.fullmatch(r"(.*\D)(\d+)", base)
        if match:
            base, sub = match[1], match[2]
    elif sub is None:
        match = re.fullmatch(r"([A-Za-z]|[a-z]{3,})(\d+)", base)
        if match:
            base, sub = match[1], match[2]
    base, sub = _accented(base, sub)
    below: Name | str | None = None
    if sub is not None:
        inner = _bare(sub)
        braced = inner != sub and ("_" in inner or "^" in inner)
        nested = braced or inner in GREEK or LETTER.fullmatch(inner) or RECURRENT.fullmatch(inner)
        below = parse_name(inner) if nested else inner
    above = _bare(sup) if sup else None
    return Name(greek(base), below, None if above is None else greek(above))


def _recurrent(match: re.Match[str]) -> Name:
    """A parameter of a recurrent network as papers write it: W_ih, of the second layer with (2) above."""
    kind, which, layer, backward, number = match.groups()
    deep = f"({int(layer) + 1})" if layer and int(layer) else ""
    above = deep + "←" * (backward is not None)
    return Name("W" if kind == "weight" else "b", which if number is None else f"{which}_{number}", above or None)


def _accented(base: str, sub: str | None) -> tuple[str, str | None]:
    """A letter with the accent that its name tells, x̂ for x_hat and xhat, and what is left of the subscript."""
    match = re.fullmatch(r"(.+)(hat|bar|tilde)", base)
    if match and base not in WORDS and (len(match[1]) == 1 or match[1] in GREEK):
        return unicodedata.normalize("NFC", greek(match[1]) + ACCENTED[match[2]]), sub
    first, _, rest = (sub or "").partition("_")
    if first in ACCENTED and (len(base) == 1 or base in GREEK):
        return unicodedata.normalize("NFC", greek(base) + ACCENTED[first]), rest or None
    return base, sub


def _split(text: str) -> tuple[str, str | None, str | None]:
    """Base, subscript and superscript of `base_sub^sup` or `base^sup_sub`; braces group."""
    marks = _marks(text)
    if not marks:
        return text, None, None
    first = marks[0]
    base = text[:first]
    if not base:
        return text, None, None
    other = "^" if text[first] == "_" else "_"
    second = next((m for m in marks[1:] if text[m] == other), None)
    inner = text[first + 1:second] if second is not None else text[first + 1:]
    outer = text[second + 1:] if second is not None else None
    return (base, inner, outer) if text[first] == "_" else (base, outer, inner)


def _marks(text: str) -> list[int]:
    depth, found = 0, []
    for place, char in enumerate(text):
        if char == "{":
            depth += 1
        elif char == "}":
            depth -= 1
        elif char in "_^" and depth == 0:
            found.append(place)
    return found


def _bare(text: str) -> str:
    return text[1:-1] if text.startswith("{") and text.endswith("}") else text


def greek(text: str) -> str:
    """A word, or the Greek letter that it names."""
    if text == "lam":
        return "λ"
    return GREEK.get(text, text)


def upper(name: Name) -> Name:
    """The name of all samples together: x -> X, a^1 -> A^1, G_{a} -> G_{A}; Greek letters stay."""
    if name.latex is not None:
        latex = ALONE.sub(lambda letter: letter[0].upper(), name.latex, count=1)
        return replace(upper(replace(name, latex=None)), latex=latex)
    base = name.base
    if base == "G" and isinstance(name.sub, Name):
        return replace(name, sub=upper(name.sub))
    if base == "G" and isinstance(name.sub, str) and len(name.sub) == 1 and name.sub.isascii():
        return Name(base, name.sub.upper(), name.sup)
    if len(base) == 1 and base.isascii():
        return Name(base.upper(), name.sub, name.sup)
    if base.isascii() and base[:1].isalpha():
        return Name(base[0].upper() + base[1:], name.sub, name.sup)
    return name


def has_capital(name: Name, used: AbstractSet[str]) -> bool:
    """Is there an upper-case letter for a name that is none of those `used`? Greek capitals read as sums and as Latin.

    >>> [has_capital(parse_name(name), {"a", "A"}) for name in ("x", "x^1", "a^1", "G_x", "mu")]
    [True, True, False, True, False]
    """
    if name.base == "G" and name.sub is not None:  # the gradient by what stands below
        return has_capital(name.sub if isinstance(name.sub, Name) else Name(name.sub), used)
    letter = upper(name).base
    return letter != name.base and letter not in used


def unicode_name(name: Name, indices: str = "") -> str:
    """A name on one line: x₁, a¹, x_train; `indices` join the subscript."""
    text = name.base
    sub = name.sub
    if sub is not None:
        below = unicode_name(sub, indices if name.deep else "") if isinstance(sub, Name) else sub
        below, indices = (f"{{{below}}}" if indices else below, "") if name.deep else (below, indices)
        small = isinstance(sub, str) and all(c in SUBSCRIPTS for c in below)
        if small:
            text += "".join(SUBSCRIPTS[c] for c in below)
        elif indices:
            below, indices = f"{below},{indices}", ""
            text += "_{" + below + "}"
        else:
            text += f"_{below}"
    if name.sup is not None:
        high = all(c in SUPERSCRIPTS for c in name.sup)
        text += "".join(SUPERSCRIPTS[c] for c in name.sup) if high else f"^{name.sup}"
    if indices:
        text += f"_{indices}" if len(indices) <= 1 or indices.isalnum() else "_{" + indices + "}"
    return text
