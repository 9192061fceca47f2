"""What a piece of a formula is, as a student sees it: a number, a column, a row, a matrix, or an array beyond.

Trees are written without shapes; words need them: `u v'` is an outer product of columns and a product of
matrices. The orders of names decide, and the rules of matrix products carry them upwards.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from types import MappingProxyType
from typing import Any

from symgrad.formulas.spelling.glyphs import Name
from symgrad.formulas.spelling.tree import Tree

SCALAR, COLUMN, ROW, MATRIX, ARRAY = "scalar", "column", "row", "matrix", "array"
BY_ORDER = {0: SCALAR, 1: COLUMN, 2: MATRIX}
TURNED = {COLUMN: ROW, ROW: COLUMN}
LAYOUT = {SCALAR: (False, False), COLUMN: (True, False), ROW: (False, True), MATRIX: (True, True)}
NUMBERS = "tr sum det logdet logsumexp argmax argmin".split()  # one number for all entries
FORMS = {"diag": MATRIX, "diagonal": COLUMN, "onehot": MATRIX, "chol": MATRIX, "cof": MATRIX}

Of = Callable[[Tree], str]  # the kind of a part
Orders = Mapping[Name, int]


def kind_of(tree: Tree, orders: Orders) -> str:
    """The kind of a tree; `orders` are the numbers of axes of its names, of one sample.

    >>> from symgrad.formulas.spelling.tree import name, product, transpose
    >>> from symgrad.formulas.spelling.glyphs import parse_name
    >>> u, v = name("u"), name("v")
    >>> kind_of(product((), [u, transpose(v)]), {parse_name("u"): 1, parse_name("v"): 1})
    'matrix'
    """
    rule = KINDS[tree.head]
    return rule if isinstance(rule, str) else rule(lambda part: kind_of(part, orders), orders, *tree.args)


def _name(of: Of, orders: Orders, base: Name, subs: Sequence[Tree], symmetric: bool) -> str:
    if base not in orders:
        return COLUMN if base.base == "e" and len(subs) == 1 else SCALAR
    return BY_ORDER.get(max(orders[base] - len(subs), 0), ARRAY)


def _sum(of: Of, orders: Orders, *terms: tuple[int, Tree]) -> str:
    return _largest(of(part) for _, part in terms)


def _product(of: Of, orders: Orders, scalars: Sequence[Tree], factors: Sequence[Tree]) -> str:
    return _chain([of(part) for part in factors]) if factors else SCALAR


def _alike(of: Of, orders: Orders, *args: Any) -> str:
    """Of parts that are combined entry by entry."""
    return _largest(of(part) for part in args if isinstance(part, Tree))


def _transpose(of: Of, orders: Orders, inner: Tree) -> str:
    kind = of(inner)
    return TURNED.get(kind, kind)


def _inner(of: Of, orders: Orders, inner: Tree, *more: Any) -> str:
    return of(inner)


def _cases(of: Of, orders: Orders, rows: Sequence[tuple[Tree, Tree]], otherwise: Tree) -> str:
    return _largest([of(otherwise), *(of(value) for value, _ in rows)])


def _big(of: Of, orders: Orders, symbol: str, letters: Sequence[Tree], body: Tree) -> str:
    return of(body)


def _entries(of: Of, orders: Orders, entry: Tree, letters: Sequence[Tree]) -> str:
    return BY_ORDER.get(len(letters), ARRAY)


def _item(of: Of, orders: Orders, base: Tree, places: Sequence[Tree]) -> str:
    left = sum(part.head in ("colon", "range") for part in places)
    axes = sum(LAYOUT.get(of(base), (True, True)))
    return BY_ORDER.get(max(left, axes - len(places) + left), ARRAY)


def _matrix(of: Of, orders: Orders, *rows: Sequence[Tree]) -> str:
    return COLUMN if all(len(row) == 1 and of(row[0]) in (SCALAR, COLUMN) for row in rows) else MATRIX


def _call(of: Of, orders: Orders, function: str, arguments: Sequence[Tree], subs: Sequence[Tree]) -> str:
    values = [of(part) for part in arguments if part.head not in ("keyword", "tuple")]
    if function in FORMS:
        return FORMS[function]
    if function in ("vec", "flatten"):
        return COLUMN
    if function in ("groups", "ungroup"):
        return ARRAY
    if function in ("reshape", "unflatten"):
        return BY_ORDER.get(len(arguments[1].args), ARRAY)
    reduced = function in NUMBERS or (function in ("max", "min", "prod") and len(values) == 1)
    if reduced and not any(part.head == "keyword" for part in arguments):
        return values[0] if subs else SCALAR
    if reduced:
        return COLUMN if values[0] == MATRIX else ARRAY
    return _largest(values) if values else SCALAR


def _chain(kinds: list[str]) -> str:
    if any(kind not in LAYOUT for kind in kinds):
        return ARRAY
    solid = [kind for kind in kinds if kind != SCALAR] or [SCALAR]
    pair = LAYOUT[solid[0]][0], LAYOUT[solid[-1]][1]
    return next(kind for kind, layout in LAYOUT.items() if layout == pair)


def _largest(kinds: Iterable[str]) -> str:
    found = list(kinds)
    order = (SCALAR, COLUMN, ROW, MATRIX, ARRAY)
    return max(found, key=order.index) if found else SCALAR


KINDS: Mapping[str, str | Callable[..., str]] = MappingProxyType({
    "name": _name, "ones": COLUMN, "count": COLUMN, "eye": MATRIX, "kron": MATRIX, "star": ARRAY, "inverse": MATRIX,
    "sum": _sum, "product": _product, "hadamard": _alike, "relation": _alike, "logic": _alike, "fraction": _alike,
    "transpose": _transpose, "power": _inner, "bars": _inner, "floor": _inner, "ceil": _inner, "root": _inner,
    "bracket": _inner,
    "not": _inner, "cases": _cases, "big": _big, "entries": _entries, "item": _item, "call": _call, "matrix": _matrix,
    "num": SCALAR, "norm": SCALAR, "at": SCALAR,
    # What is no value: places, sizes, options, what is left out.
    "colon": SCALAR, "range": SCALAR, "tuple": SCALAR, "keyword": SCALAR, "dots": SCALAR, "hidden": SCALAR,
})
