"""What a piece of a formula is, as a student sees it: a number, a column, a row, a matrix, or an array beyond.

Trees are written without shapes; words need them: `u v'` is an outer product of columns and a product of
matrices. The orders of names decide, and the rules of matrix products carry them upwards.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

from symgrad.formulas.spelling.glyphs import Name
from symgrad.formulas.spelling.tree import Tree

SCALAR, COLUMN, ROW, MATRIX, ARRAY = "scalar", "column", "row", "matrix", "array"
BY_ORDER = {0: SCALAR, 1: COLUMN, 2: MATRIX}
TURNED = {COLUMN: ROW, ROW: COLUMN}
LAYOUT = {SCALAR: (False, False), COLUMN: (True, False), ROW: (False, True), MATRIX: (True, True)}
NUMBERS = "tr sum det logdet logsumexp argmax argmin".split()  # one number for all entries
FORMS = {"diag": MATRIX, "diagonal": COLUMN, "onehot": MATRIX, "chol": MATRIX, "cof": MATRIX}


def kind_of(tree: Tree, orders: Mapping[Name, int]) -> str:
    """The kind of a tree; `orders` are the numbers of axes of its names, of one sample.

    >>> from symgrad.formulas.spelling.tree import name, product, transpose
    >>> from symgrad.formulas.spelling.glyphs import parse_name
    >>> u, v = name("u"), name("v")
    >>> kind_of(product((), [u, transpose(v)]), {parse_name("u"): 1, parse_name("v"): 1})
    'matrix'
    """
    head, args = tree.head, tree.args

    def of(part: Tree) -> str:
        return kind_of(part, orders)

    if head == "name":
        base, subs, _ = args
        if base not in orders:
            return COLUMN if base.base == "e" and len(subs) == 1 else SCALAR
        return BY_ORDER.get(max(orders[base] - len(subs), 0), ARRAY)
    if head in ("ones", "count"):
        return COLUMN
    if head in ("eye", "kron", "inverse"):
        return MATRIX
    if head == "sum":
        return _largest(of(part) for _, part in args)
    if head == "product":
        return _chain([of(part) for part in args[1]]) if args[1] else SCALAR
    if head in ("hadamard", "relation"):
        return _largest(of(part) for part in args if isinstance(part, Tree))
    if head == "fraction":
        return _largest(map(of, args))
    if head == "transpose":
        return TURNED.get(of(args[0]), of(args[0]))
    if head in ("power", "bars", "floor", "root", "bracket", "not"):
        return of(args[0])
    if head == "logic":
        return _largest(of(part) for part in args[1:])
    if head == "cases":
        return _largest([of(args[1]), *(of(value) for value, _ in args[0])])
    if head == "big":
        return of(args[2])
    if head == "entries":
        return BY_ORDER.get(len(args[1]), ARRAY)
    if head == "item":
        left = sum(part.head in ("colon", "range") for part in args[1])
        base = sum(LAYOUT.get(of(args[0]), (True, True)))
        return BY_ORDER.get(max(left, base - len(args[1]) + left), ARRAY)
    if head == "call":
        return _call(args[0], args[1], args[2], of)
    if head == "matrix":
        return COLUMN if all(len(row) == 1 and of(row[0]) in (SCALAR, COLUMN) for row in args) else MATRIX
    return SCALAR


def _call(function: str, arguments: tuple[Tree, ...], subs: tuple[Tree, ...],
          of: Callable[[Tree], str]) -> str:
    values = [of(part) for part in arguments if part.head not in ("keyword", "tuple")]
    if function in FORMS:
        return FORMS[function]
    if function == "reshape":
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
