"""A formula as mathematicians write it, as a tensor: Unicode or LaTeX, with or without `g = ` and "where v₁ = ...".

Tokens (`tokens.py`, `tex.py`) become a tree (`pratt.py`), the tree a value (`meaning.py`). A definition behind "where" is a
further name.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any

from symgrad.reading import calls, choices, indices, meaning
from symgrad.reading.folding import is_number
from symgrad.reading.grammar import OneLine
from symgrad.reading.meaning import Meaning
from symgrad.reading.openings import OPENINGS
from symgrad.reading.pratt import Pratt
from symgrad.reading.spellings import Spellings, is_name
from symgrad.reading.tex import is_tex, tex_tokens
from symgrad.reading.tokens import Lexeme, split, tokens_of
from symgrad.reading.values import OpenSize, Worth, meet, settled
from symgrad.reading.vocabulary import Functions

RULES = MappingProxyType({**meaning.RULES, **choices.RULES, **indices.RULES, **calls.RULES})
LEFT = re.compile(r"[\s$]*(?:(?!where)[\w∇∂/(){}\\^,.′' ]){0,80}?[\w∇∂})′']\s*&?=(?!=)")


def unlabelled(text: str) -> str:
    """A formula without the `g =` in front of it; blanks take its place, so that columns stay.

    >>> unlabelled("g = 2 w"), unlabelled("a == b"), unlabelled("f(x, axis=1)")
    ('    2 w', 'a == b', 'f(x, axis=1)')
    """
    found = LEFT.match(text)
    if found is None or any(found[0].count(a) != found[0].count(b) for a, b in ("()", "[]", "{}")):
        return text
    dollars = "".join("$" if c == "$" else " " for c in found[0])
    return dollars + text[found.end():] if text[found.end():].strip() else text


def read_formula(source: OneLine, symbols: Mapping[str, Any], sizes: Mapping[str, Any], functions: Functions,
                 wanted: Sequence[Any] | None = None) -> Any:
    """The tensor of a formula; `wanted` is the shape that it is expected to have, which settles what is left open."""
    words = calls.callables(functions)
    tokens = tex_tokens(source) if is_tex(source.text) else tokens_of(source, words)
    spellings = Spellings([*symbols, *sizes], symbols)
    main, *where = _clauses(tokens)
    pratt = Pratt(source, spellings, words, OPENINGS)
    m = Meaning(source, symbols, sizes, functions, RULES)
    definitions = [_definition(source, clause) for clause in where]
    for number, (left, _) in enumerate(definitions):
        spellings.add(left, f"where {number}")
    for number, (_, right) in enumerate(definitions):
        m.symbols[f"where {number}"] = m.value(pratt.read(right))
    value = m.value(pratt.read(main))
    if is_number(value):
        return functions["constant"](value)
    return fitted(m, value, wanted)


def fitted(m: Meaning, value: Worth, wanted: Sequence[Any] | None) -> Any:
    """The tensor of a value, whose open sizes are those of the shape `wanted`; a column may be a matrix of one column."""
    flat = [size for size in wanted or () if size != 1]
    own = [size for size in value.shape if settled(size) != 1]
    if wanted is not None and len(wanted) == value.ndim:
        flat, own = list(wanted), list(value.shape)
    for size, right in zip(own, flat, strict=False):
        if isinstance(settled(size), OpenSize):
            meet(size, right)
    tensor = value.tensor()
    if wanted is not None and tensor.shape != tuple(wanted) and tensor.ndim and len(wanted) > 0 and (
            [s for s in tensor.shape if s != 1] == [s for s in wanted if s != 1]):
        return tensor.reshape(tuple(wanted))
    return tensor


def _clauses(tokens: Sequence[Lexeme]) -> list[Sequence[Lexeme]]:
    """The formula, then its definitions behind "where"."""
    place = next((i for i, t in enumerate(tokens) if t.kind == "word" and t.text == "where" and not (
        i + 1 < len(tokens) and tokens[i + 1].text == "(")), None)
    if place is None:
        return [tokens]
    main = tokens[:place]
    while main and main[-1].kind == "sign" and main[-1].text in ",;":
        main = main[:-1]
    return [main, *(clause for clause in split(tokens[place + 1:], ";") if clause)]


def _definition(source: OneLine, clause: Sequence[Lexeme]) -> tuple[Sequence[Lexeme], Sequence[Lexeme]]:
    """The name and the formula of v₁ = ...."""
    left, *right = split(clause, "=")
    if not right or not is_name(left):
        source.refuse(clause[0].column, "behind 'where' stand definitions: v₁ = ...; v₂ = ...")
    return left, clause[len(left) + 1:]


