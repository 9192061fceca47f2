"""Phrases: words, and how loosely they hold together. English has no parentheses; commas and "and" do their work."""

from __future__ import annotations

from collections.abc import Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass

from symgrad.formulas.spelling.tree import Tree

ATOM, PRODUCT, SUM = 0, 1, 2  # how loosely a phrase holds together


@dataclass(frozen=True)
class Phrase:
    """Words; how loosely they hold together, whether what follows would be read as part of them, and whether they
    end in "every entry of ..." already."""

    text: str
    level: int = ATOM
    open: bool = True
    each: bool = False

    def __str__(self) -> str:
        return self.text


def listed(words: Sequence[str], nested: bool = False) -> str:
    """a, b and c; a comma before "and", where the parts are `nested` or have "and" in them.

    >>> listed(["a", "b", "c"])
    'a, b and c'
    """
    if len(words) < 2:
        return "".join(words)
    nested = nested or any(" and " in each or "," in each for each in words[:-1])
    first = ", ".join(each.removesuffix(",") for each in words[:-1])  # a part may end with a comma of its own
    return f"{first}{',' if nested else ''} and {words[-1]}"


def closed(before: Phrase, word: str) -> str:
    """A comma, where what comes before would go on."""
    return f",{word}" if before.open and word.startswith(" ") and not before.text.endswith(",") else word


def hide(body: Tree) -> Tree:
    """The body of a sum over samples, without the letter of the sample: it is "of every sample" anyway."""
    letters = frozenset(body.args[1])
    return hide_letters(body.args[2], letters)


def hide_letters(tree: Tree, letters: AbstractSet[Tree]) -> Tree:
    """A tree whose names have no index among `letters`."""
    if not letters:
        return tree
    if tree.head == "name":
        base, subs, symmetric = tree.args
        return Tree("name", (base, tuple(i for i in subs if i not in letters), symmetric))
    return Tree(tree.head, tuple(_hidden(arg, letters) for arg in tree.args))


def _hidden(arg: object, letters: AbstractSet[Tree]) -> object:
    if isinstance(arg, Tree):
        return hide_letters(arg, letters)
    if isinstance(arg, tuple):
        return tuple(_hidden(each, letters) for each in arg)
    return arg
