"""Letters that mathematics has of its own: the numbers π and e, unit vectors e_k, δ_ij, the identity I, the function σ.

Where one of them is a name in a formula or in the text around it, what it meant is written otherwise, everywhere there:
σ(x) as sigmoid(x), e_k as onehot(k), δ_ij as [i = j]. A square is told from a superscript too: beside x² the square
of x is (x)².
"""

from __future__ import annotations

from collections.abc import Callable
from collections.abc import Set as AbstractSet
from typing import Any

from symgrad.formulas.spelling.glyphs import Name
from symgrad.formulas.spelling.tree import ONES, UNIT, Tree, call

OWN = frozenset("πeδI")
GLYPHS = {"sigmoid": "σ"}  # functions that are called by a letter


def _own(letter: str, *subs: Tree) -> Tree:
    return Tree("name", (Name(letter, own=True), subs, False))


PI, EULER, PLAIN_PI = map(_own, ("π", "e", "pi"))


def unit(place: Tree) -> Tree:
    """The unit vector with its 1 at a place."""
    return _own("e", place)


def kronecker(a: Tree, b: Tree) -> Tree:
    """Kronecker's delta."""
    return _own("δ", a, b)


def function_text(row: str, used: AbstractSet[str]) -> str:
    """How a function is called where some letters are `used`.

    >>> function_text("sigmoid", {"W"}), function_text("sigmoid", {"σ"}), function_text("tanh", set())
    ('σ', 'sigmoid', 'tanh')
    """
    glyph = GLYPHS.get(row, row)
    return row if glyph in used else glyph


def cleared(tree: Tree, used: AbstractSet[str], raised: AbstractSet[str]) -> Tree:
    """A formula in which no letter in `used` has a second meaning, and no power reads as a name with a superscript.

    `raised` are the letters of names with superscripts.
    """
    if not (raised or OWN & used):
        return tree
    tree = mapped(tree, lambda part: cleared(part, used, raised))
    if tree.head == "name" and tree.args[0].own and tree.args[0].base in used:
        return _otherwise(*tree.args[:2])
    if tree.head == "eye" and "I" in used:
        return call("diag", ONES)
    if tree.head == "power" and _reads_as_name(tree, raised):
        return Tree("power", (Tree("sum", ((1, tree.args[0]),)), *tree.args[1:]))  # in parentheses
    return tree


def _otherwise(letter: Name, subs: tuple[Tree, ...]) -> Tree:
    if letter.base == "π":
        return PLAIN_PI
    if letter.base == "δ":
        return Tree("bracket", (Tree("relation", ("=", *subs)),))
    return call("onehot", *subs) if subs else call("exp", UNIT)


def _reads_as_name(power: Tree, raised: AbstractSet[str]) -> bool:
    """Is it x² of a number x, where x² could be a name?"""
    base, exponent, entrywise = power.args
    return not entrywise and base.head == "name" and not base.args[0].own and (
        base.args[0].sup is None and base.args[0].base in raised and exponent.head in ("num", "name"))


def mapped(tree: Tree, change: Callable[[Tree], Tree]) -> Tree:
    """The tree with the trees directly below changed."""
    def inside(arg: Any) -> Any:
        return change(arg) if isinstance(arg, Tree) else tuple(map(inside, arg)) if isinstance(arg, tuple) else arg

    return Tree(tree.head, inside(tree.args))
