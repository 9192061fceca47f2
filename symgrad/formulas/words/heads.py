"""The heads of a tree in words: what `Speech` reads by."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType

from symgrad.formulas.spelling.tree import Tree
from symgrad.formulas.spelling.unicode import unicode
from symgrad.formulas.words import clauses, products
from symgrad.formulas.words.phrases import Phrase
from symgrad.formulas.words.speech import Speech
from symgrad.formulas.words.spoken import DOTS

Words = Callable[..., Phrase]  # of the speech and the arguments of a head


def _always(text: str) -> Words:
    return lambda s, *args: Phrase(text, open=False)


def _of_every(word: str) -> Words:
    return lambda s, inner: s.of_every(word, inner)


def _range(s: Speech, *places: Tree | None) -> Phrase:
    return Phrase(unicode(Tree("range", places)), open=False)


def _tuple(s: Speech, *parts: Tree) -> Phrase:
    return Phrase(unicode(Tree("tuple", parts)).replace(",)", ")") if parts else "of a single number", open=False)


def _keyword(s: Speech, word: str, value: Tree) -> Phrase:
    return Phrase(f"{word} {s.noun(value)}")


def _count(s: Speech, size: Tree) -> Phrase:
    return Phrase(f"the numbers {unicode(Tree('count', (size,))).strip('()').replace('..', ' to ')}", open=False)


HEADS: Mapping[str, Words] = MappingProxyType({
    "num": lambda s, text: Phrase(text, open=False), "name": clauses.name,
    "ones": _always("a vector of ones"), "eye": _always("the identity matrix"), "dots": _always(DOTS),
    "hidden": _always("this sample"), "colon": _always("all"),
    "sum": products.sum_, "product": products.times, "hadamard": products.hadamard, "kron": products.kron,
    "star": products.star,
    "fraction": products.fraction, "transpose": products.transposed, "inverse": products.inverse,
    "power": products.powered, "norm": products.norm, "big": products.big, "root": _of_every("the square root"),
    "bars": _of_every("the absolute value"), "floor": _of_every("the integer part"),
    "ceil": _of_every("the rounding up"),
    "call": clauses.call, "at": clauses.at, "entries": clauses.entries, "item": clauses.item, "range": _range,
    "relation": clauses.relation, "logic": clauses.logic, "not": clauses.negated, "bracket": clauses.bracket,
    "cases": clauses.cases, "matrix": clauses.matrix, "tuple": _tuple, "keyword": _keyword, "count": _count,
})
