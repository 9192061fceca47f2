"""Formulas in words: a presentation tree read as a teacher reads it, `2 Xᵀ (X w - y)` as "twice X transposed
times the difference X times w minus y".

One fold over the heads of a tree, as `spelling/spell.py` is one, by the table of `heads.py`. English has no parentheses: a
sum inside something larger is "the sum ..." or "the difference ...", and a comma closes what is open to the right.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field

from symgrad.formulas.spelling.glyphs import Name
from symgrad.formulas.spelling.tree import Tree, product, walk
from symgrad.formulas.spelling.unicode import unicode
from symgrad.formulas.words.kinds import SCALAR, kind_of
from symgrad.formulas.words.phrases import PRODUCT, SUM, Phrase, listed

PLAIN = ("name", "num", "sum", "product")  # indices that are written as they are


@dataclass(frozen=True)
class Speech:
    """What words need beside a tree: a function for each head, axes of the names, their roles ("the error"), letters
    and number of samples, the letter of steps."""

    heads: Mapping[str, Callable[..., Phrase]]
    orders: Mapping[Name, int] = field(default_factory=dict)
    roles: Mapping[Name, str] = field(default_factory=dict)
    letters: AbstractSet[Tree] = frozenset()
    samples: Tree | None = None
    steps: AbstractSet[Tree] = frozenset()  # the indices of steps, where recurrences are spoken of

    def read(self, tree: Tree) -> str:
        """A tree in words."""
        return self.phrase(tree).text.rstrip(",")

    def kind(self, tree: Tree) -> str:
        """Number, column, row, matrix or array."""
        return kind_of(tree, self.orders)

    def noun(self, tree: Tree) -> Phrase:
        """A phrase that can stand behind "of" and "times": a sum becomes "the sum a plus b"."""
        found = self.phrase(tree)
        if found.level < SUM:
            return found
        signs = {sign for sign, _ in tree.args[1:]} if tree.head == "sum" else set()
        kind = "the sum" if signs == {1} else "the difference" if signs == {-1} else "the value"
        if found.text.startswith("the ") or kind == "the value":  # "the sum the square of a, plus 1" cannot be read
            if kind != "the value" and len(tree.args) == 2:
                return Phrase(f"{kind} of {self.listed([part for _, part in tree.args])}")
            return Phrase(f"the value of {found.text}")
        return Phrase(f"{kind} {found.text}")

    def phrase(self, tree: Tree) -> Phrase:
        """A tree as a phrase."""
        return self.heads[tree.head](self, *tree.args)

    def listed(self, parts: Sequence[Tree]) -> str:
        """a, b and c"""
        found = [self.noun(part) for part in parts]
        return listed([each.text for each in found], any(each.level == PRODUCT for each in found[:-1]))

    def entry(self, index: Sequence[Tree], noun: str = "entry") -> str:
        where = ", ".join(unicode(i) if all(p.head in PLAIN for p in walk(i)) else self.noun(i).text for i in index)
        return f"{noun} {where}" if len(index) == 1 else f"{noun} ({where})"

    def every(self, tree: Tree) -> str:
        """What a function of numbers is applied to."""
        found = self.noun(tree)
        if found.level == PRODUCT and "," in found.text and tree.head == "product":  # its end could not be heard
            front, rest = tree.args
            found = Phrase(f"the product of {self.listed([*front, *([product((), rest)] if rest else [])])}")
        return found.text if found.each or self.kind(tree) == SCALAR else f"every entry of {found}"

    def of_every(self, word: str, tree: Tree) -> Phrase:
        """A function of numbers, applied to every entry; functions of functions say so once."""
        return Phrase(f"{word} of {self.every(tree)}", each=self.kind(tree) != SCALAR)
