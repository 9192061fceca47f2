"""The presentation tree: what a formula looks like, before it is spelled in LaTeX or Unicode.

A `Tree` is a head and arguments. The functions below build trees the way a mathematician writes: nested
products flatten, transposes move inwards where that saves a prime, equal Hadamard factors become a power,
reciprocals a fraction. Trees know nothing of graphs; they are small, and compared by content.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from math import prod
from types import MappingProxyType
from typing import Any

from symgrad.formulas.spelling.glyphs import Name, parse_name


@dataclass(frozen=True, slots=True)
class Tree:
    """One piece of a formula; `args` are trees, texts and tuples of those, by the head."""

    head: str
    args: tuple[Any, ...] = ()


# The heads of a tree and the arguments of each. Folds are tables with these keys: spelling (`spell.py`), kinds
# (`words/kinds.py`), words (`words/heads.py`).
HEADS = MappingProxyType({
    "num": "the text of a number that is not negative", "name": "a Name, indices, whether it is a symmetric matrix",
    "ones": "a vector of ones", "eye": "the identity matrix", "sum": "pairs of a sign and a term",
    "product": "numbers in front, and factors in order", "hadamard": "factors", "kron": "factors",
    "star": "a kernel, the image that it slides over, and notes: s=2",
    "fraction": "above, below", "transpose": "what is transposed", "inverse": "what is inverted",
    "power": "base, exponent, whether it is taken entry by entry", "call": "a function, its arguments, indices",
    "norm": "what it is of, and an index such as F", "bars": "an absolute value's argument", "floor": "its argument",
    "ceil": "its argument",
    "root": "its argument", "big": "the kind (sum), letters, a body", "at": "what, and its indices",
    "item": "what, and the places", "colon": "a whole axis", "range": "low, high and step, or None",
    "matrix": "rows of entries or blocks", "entries": "one entry, and its letters", "bracket": "a condition as a number",
    "relation": "a sign, left, right", "logic": "a sign, and conditions", "not": "a condition",
    "cases": "pairs of a value and a condition, and the value otherwise", "tuple": "sizes or places",
    "keyword": "a word, and its value", "count": "the size of a range of whole numbers", "dots": "what is left out",
    "hidden": "the index of the sample that a formula is about",
})
UNIT, ZERO = Tree("num", ("1",)), Tree("num", ("0",))
ONES, EYE, DOTS = Tree("ones"), Tree("eye"), Tree("dots")
GATES = frozenset("ifozr")  # of a long short-term memory and of a gated recurrent unit
HIDDEN = Tree("hidden")  # the index of the sample that a formula is about


def num(value: Any) -> Tree:
    """A number that is not negative (or a negative one, as a negated sum)."""
    if value < 0:
        return sum_of([(-1, num(-value))])
    if value != value or value in (float("inf"), float("-inf")):
        return Tree("num", ("∞" if value == value else "nan",))
    mantissa, _, exponent = repr(value).partition("e")
    return Tree("num", (f"{mantissa}e{int(exponent)}" if exponent else mantissa,))


def name(text: str | Name, subs: Sequence[Tree] = (), symmetric: bool = False) -> Tree:
    """A symbol, with the indices `subs`."""
    return Tree("name", (text if isinstance(text, Name) else parse_name(text), tuple(subs), symmetric))


def call(function: str, *args: Tree, subs: Sequence[Tree] = ()) -> Tree:
    """A function of arguments, such as tanh(a) or max_j(z_j)."""
    return Tree("call", (function, tuple(args), tuple(subs)))


def power(base: Tree, exponent: Tree, entrywise: bool) -> Tree:
    """base to the exponent, of a scalar or entry by entry; the square of a norm to a power is a power of the norm."""
    if base.head == "power" and base.args[0].head == "norm" and is_whole(base.args[1]) and is_whole(exponent):
        return power(base.args[0], num(int(base.args[1].args[0]) * int(exponent.args[0])), entrywise)
    if base.head == "root" and is_whole(exponent) and int(exponent.args[0]) % 2 == 0:  # √x to an even power
        return power(base.args[0], num(int(exponent.args[0]) // 2), entrywise)
    return base if exponent == UNIT else Tree("power", (base, exponent, entrywise))


def fraction(above: Tree, below: Tree) -> Tree:
    """above / below; a fraction below turns over."""
    if below == UNIT:
        return above
    if below.head == "fraction":
        return fraction(product([above, below.args[1]]), below.args[0])
    return Tree("fraction", (above, below))


def big(letters: Sequence[Tree], body: Tree, symbol: str = "sum") -> Tree:
    """The sum of body over letters; nested sums are one, and scalars without the letters stand in front."""
    if not letters:
        return body
    if body.head == "product":
        outside = [tree for tree in body.args[0] if not any(part in letters for part in walk(tree))]
        if outside:
            inside = [tree for tree in body.args[0] if tree not in outside]
            return product(outside, [big(letters, product(inside, body.args[1]), symbol)])
    if body.head == "big" and body.args[0] == symbol:
        return Tree("big", (symbol, (*letters, *body.args[1]), body.args[2]))
    return Tree("big", (symbol, tuple(letters), body))


def product(scalars: Iterable[Tree], factors: Iterable[Tree] = ()) -> Tree:
    """Numbers and scalars in front, then matrices and vectors in order; nested products flatten, signs go in front."""
    scalars, factors = list(scalars), list(factors)
    signs = [tree for tree in (*scalars, *factors) if tree.head == "sum" and len(tree.args) == 1]
    if signs:
        plain = product(map(_unsigned, scalars), map(_unsigned, factors))
        return plain if len(signs) % 2 == 0 else negative(plain)
    front: list[Tree] = []
    for tree in scalars:
        if tree.head == "product" and not tree.args[1]:
            front += tree.args[0]
        elif tree != UNIT:
            front.append(tree)
    rest: list[Tree] = []
    for tree in factors:
        if tree.head == "product":
            front += tree.args[0]
            rest += tree.args[1]
        else:
            rest.append(tree)
    whole = [tree for tree in front if is_whole(tree)]
    if whole and (len(whole) > 1 or front[0] is not whole[0]):
        front = [num(prod(int(tree.args[0]) for tree in whole)), *(tree for tree in front if not is_whole(tree))]
    if not front and len(rest) == 1:
        return rest[0]
    if len(rest) == 1 and rest[0].head == "fraction" and rest[0].args[0] == UNIT:
        return fraction(product(front), rest[0].args[1])
    if not rest and len(front) <= 1:
        return front[0] if front else UNIT
    return Tree("product", (tuple(front), tuple(rest)))


def _unsigned(tree: Tree) -> Tree:
    """A single negative term without its sign."""
    inner: Tree = tree.args[0][1] if tree.head == "sum" and len(tree.args) == 1 else tree
    return inner


def is_whole(tree: Tree) -> bool:
    """Is it a number without fraction or sign?"""
    return tree.head == "num" and tree.args[0].isdigit()


def scaled(by: Tree, tree: Tree) -> Tree:
    """A weight in front of anything."""
    if by == UNIT:
        return tree
    if tree == UNIT:
        return by
    if is_whole(by) and is_whole(tree):
        return num(int(by.args[0]) * int(tree.args[0]))
    if by.head == "product" and not by.args[1] and tree.head != "fraction":  # 2 π s
        front, rest = tree.args if tree.head == "product" else ((), (tree,))
        return product([*by.args[0], *front], rest)
    if tree.head == "fraction":
        above, below = by.args if by.head == "fraction" else (by, UNIT)
        return fraction(scaled(above, tree.args[0]), scaled(below, tree.args[1]))
    if tree.head == "product":
        front, rest = tree.args
        if front and front[0].head == "fraction":
            by, front = scaled(by, front[0]), front[1:]
        elif front and is_whole(by) and is_whole(front[0]):
            by, front = num(int(by.args[0]) * int(front[0].args[0])), front[1:]
        return Tree("product", ((by, *front), rest))
    return Tree("product", ((by,), (tree,)))


def sum_of(terms: Sequence[tuple[int, Tree]]) -> Tree:
    """Signed terms in order; sums with a plus flatten, and a positive term comes first where there is one."""
    flat: list[tuple[int, Tree]] = []
    for sign, tree in terms:
        if tree.head == "sum" and (sign > 0 or len(tree.args) == 1):
            flat += [(sign * inner, part) for inner, part in tree.args]
        else:
            flat.append((sign, tree))
    flat = _folded(flat)
    if not flat:
        return ZERO
    if flat[0][0] < 0:
        first = next((i for i, (sign, _) in enumerate(flat) if sign > 0), None)
        if first is not None:
            flat.insert(0, flat.pop(first))
    if len(flat) == 1 and flat[0][0] > 0:
        return flat[0][1]
    return Tree("sum", tuple(flat))


def _folded(terms: list[tuple[int, Tree]]) -> list[tuple[int, Tree]]:
    """Several whole numbers in a sum become one."""
    whole = [i for i, (_, tree) in enumerate(terms) if is_whole(tree)]
    if len(whole) < 2:
        return terms
    total = sum(terms[i][0] * int(terms[i][1].args[0]) for i in whole)
    rest = [term for i, term in enumerate(terms) if i not in whole]
    return [*rest, (1 if total > 0 else -1, num(abs(total)))] if total else rest


def negative(tree: Tree) -> Tree:
    """-tree."""
    return sum_of([(-1, tree)])


def hadamard(trees: Sequence[Tree], order: int, ordered: bool = False) -> Tree:
    """The entrywise product of trees of one shape; `order` 0 is the product of scalars.

    Factors are sorted, the simple ones first, unless they are `ordered` already.
    """
    front: list[Tree] = []
    above: list[Tree] = []
    below: list[Tree] = []
    for tree in trees:
        if tree.head == "product" and len(tree.args[1]) <= (order > 0):
            front += tree.args[0]
            tree = product((), tree.args[1])
        for part in tree.args if tree.head == "hadamard" else (tree,):
            if part.head == "fraction" and part.args[0] == UNIT and part.args[1].head != "num":
                below.append(part.args[1])
            elif part != UNIT:
                above.append(part)
    if not order:
        above, front = [*front, *above], []
    body = _entrywise(above, order, ordered)
    if below:
        tests = [part.args[0] for part in above if part.head == "bracket"]
        body = fraction(body, _entrywise([_unguarded(part, tests) for part in below], order, ordered))
    return product(front, [body] if above or below else [])


def _unguarded(tree: Tree, tests: Sequence[Tree]) -> Tree:
    """Of [i ≠ j]/{1 if i = j, x otherwise} the denominator x: a condition that fails is zero whatever stands below it."""
    if tree.head == "cases" and len(tree.args[0]) == 1:
        ((_, test),) = tree.args[0]
        opposite = Tree("relation", ("≠", *test.args[1:])) if test.head == "relation" and test.args[0] == "=" else None
        return tree.args[1] if opposite in tests else tree
    return tree


def _entrywise(trees: Sequence[Tree], order: int, ordered: bool) -> Tree:
    counts: dict[Tree, int] = {}
    for tree in trees:
        counts[tree] = counts.get(tree, 0) + 1
    distinct = list(counts) if ordered else sorted(counts, key=_place if order else weight_of)
    factors = []
    for tree in distinct:
        if order and counts[tree] == 2 and tree.head == "name" and tree.args[0].sup is not None:
            factors += [tree, tree]  # x¹ ⊙ x¹: a power of a raised name is hard to read
        else:
            factors.append(power(tree, num(counts[tree]), order > 0))
    if not order:
        return product(factors)
    return factors[0] if len(factors) == 1 else Tree("hadamard", tuple(factors)) if factors else UNIT


def transpose(tree: Tree) -> Tree:
    """The transpose of a matrix, or a column vector as a row; the form with the fewest primes."""
    head, args = tree.head, tree.args
    if head == "transpose":
        return args[0]
    if head in ("eye", "num") or (head == "name" and args[2]):
        return tree
    if head == "call" and args[0] == "diag":
        return tree
    if head == "call" and args[0] == "cof" and transpose(args[1][0]).head != "transpose":
        return Tree("call", ("cof", (transpose(args[1][0]),), args[2]))
    if head == "product":
        return product(args[0], [transpose(part) for part in reversed(args[1])])
    if head == "inverse":
        inner = transpose(args[0])
        return Tree("inverse", (inner,)) if inner.head != "transpose" else Tree("transpose", (tree,))
    if head == "fraction" and args[0] == UNIT:
        return fraction(UNIT, transpose(args[1]))
    plain = Tree("transpose", (tree,))
    inward = power(transpose(args[0]), args[1], True) if head == "power" and args[2] else None
    if head == "sum":
        inward = Tree("sum", tuple((sign, transpose(part)) for sign, part in args))
    elif head == "hadamard":
        inward = Tree("hadamard", tuple(transpose(part) for part in args))
    elif head == "big":
        inward = big(args[1], transpose(args[2]), args[0])
    return inward if inward is not None and primes(inward) < primes(plain) else plain


def is_symmetric(tree: Tree) -> bool:
    """Is the transpose written alike, but for the order of terms?"""
    turned = transpose(tree)
    if tree.head == turned.head == "sum":
        return set(tree.args) == set(turned.args)
    return tree == turned and not contains(tree, "dots")


def children(tree: Tree) -> Iterable[Tree]:
    """The trees directly below."""
    stack = list(reversed(tree.args))
    while stack:
        arg = stack.pop()
        if isinstance(arg, Tree):
            yield arg
        elif isinstance(arg, tuple):
            stack.extend(reversed(arg))


def walk(tree: Tree) -> Iterable[Tree]:
    """The tree and all below, parents first."""
    stack = [tree]
    while stack:
        top = stack.pop()
        yield top
        stack.extend(reversed(list(children(top))))


def primes(tree: Tree) -> int:
    """The number of transposes that a formula shows."""
    return sum(part.head == "transpose" for part in walk(tree))


def contains(tree: Tree, head: str) -> bool:
    """Is there a part with this head?"""
    return any(part.head == head for part in walk(tree))


def _place(tree: Tree) -> tuple[float, int, str]:
    """Where papers put a factor: masks and the gates of a step first, m ⊙ x, f_t ⊙ c_{t - 1}, and noise last, σ ⊙ ε."""
    rank, text = weight_of(tree)
    if tree.head == "name" and tree.args[0].base == "m":
        return -3.0, rank, text
    gate = tree.args[1][1] if tree.head == "sum" and len(tree.args) == 2 and tree.args[0] == (1, UNIT) else tree
    if gate.head == "name" and gate.args[0].base.lower() in GATES and (gate.args[1] or gate.args[0].sub == "t"):
        return (-2.0 if gate is tree else -1.0), rank, text  # z_t, then 1 - z_t
    return (0.5 if tree.head == "name" and tree.args[0].base == "ε" and not tree.args[1] else rank), rank, text


@lru_cache(maxsize=4096)
def weight_of(tree: Tree) -> tuple[int, str]:
    """A sorting key: simple factors first, then by what they look like."""
    parts = list(walk(tree))
    rank = 0 if tree.head in ("num", "name") else len(parts)
    return rank, " ".join(_leaf(part) for part in parts)


def _leaf(part: Tree) -> str:
    if part.head == "name":
        base = part.args[0]
        return f"{base.base}_{base.sub or ''}^{base.sup or ''}"
    return str(part.args[0]) if part.args and isinstance(part.args[0], str) else part.head
