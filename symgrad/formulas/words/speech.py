"""Formulas in words: a presentation tree read as a teacher reads it, `2 Xᵀ (X w - y)` as "twice X transposed
times the difference X times w minus y".

One fold over the heads of a tree, as `spelling/spell.py` is one; what a product *is* (an inner product, an outer
product, sums of rows) follows from the kinds of its factors (`kinds.py`). English has no parentheses: a sum
inside something larger is "the sum ..." or "the difference ...", and a comma closes what is open to the right.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from functools import reduce

from symgrad.formulas.spelling.glyphs import Name
from symgrad.formulas.spelling.tree import ONES, UNIT, Tree, num, power, product, transpose, walk
from symgrad.formulas.spelling.unicode import unicode
from symgrad.formulas.words.kinds import COLUMN, MATRIX, ROW, SCALAR, kind_of
from symgrad.formulas.words.phrases import (
    PRODUCT,
    SUM,
    Phrase,
    call,
    closed,
    condition,
    hide,
    item,
    listed,
    matrix,
    truth,
)
from symgrad.formulas.words.spoken import DOTS, TIMES


@dataclass(frozen=True)
class Speech:
    """What words need beside a tree: axes of the names, their roles ("the error"), letters and number of samples."""

    orders: Mapping[Name, int] = field(default_factory=dict)
    roles: Mapping[Name, str] = field(default_factory=dict)
    letters: AbstractSet[Tree] = frozenset()
    samples: Tree | None = None

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
        head, args = tree.head, tree.args
        if head in SIMPLE:
            return Phrase(SIMPLE[head], open=False)
        if head == "num":
            return Phrase(args[0], open=False)
        if head == "name":
            return self._name(args[0], args[1])
        if head == "sum":
            return self._sum(args)
        if head == "product":
            return self._product(args[0], args[1])
        if head == "hadamard" and any(args.count(part) == 2 for part in args):  # x ⊙ x, where a power reads badly
            again = [part for part in dict.fromkeys(args) if args.count(part) == 2]
            rest = [power(part, num(2), True) if part in again else part for part in dict.fromkeys(args)]
            return self.phrase(rest[0] if len(rest) == 1 else Tree("hadamard", tuple(rest)))
        if head in ("hadamard", "kron"):
            what = "the entrywise product" if head == "hadamard" else "the Kronecker product"
            return Phrase(f"{what} of {self.listed(args)}")
        if head == "fraction":
            return self._fraction(*args)
        if head == "transpose":
            return self._transposed(args[0])
        if head == "inverse":
            found = self.noun(args[0])
            return Phrase(f"{found} inverse", open=False) if args[0].head == "name" else Phrase(f"the inverse of {found}")
        if head == "power":
            return self._power(*args)
        if head == "call":
            return call(self, args[0], args[1], args[2])
        if head == "norm":
            return Phrase(f"the {'Frobenius ' if args[1] else ''}norm of {self.noun(args[0])}")
        if head in ("bars", "floor", "root"):
            return self.of_every(NOUNS[head], args[0])
        if head == "bracket":
            where = "the case that" if self.kind(args[0]) == SCALAR else "the entries where"
            return Phrase(f"the indicator (1 or 0) of {where} {truth(self, args[0])}")
        if head == "big":
            return self._big(*args)
        if head == "at":
            return Phrase(f"{self.entry(args[1])} of {self.noun(args[0])}")
        if head == "entries":
            return Phrase(f"the array whose {self.entry(args[1], 'entry')} is {self.phrase(args[0])}")
        if head == "item":
            return item(self, args[0], args[1])
        if head in ("relation", "logic", "not"):
            return condition(self, tree)
        if head == "cases":
            rows = [f"{self.noun(value)} where {truth(self, test)}" for value, test in args[0]]
            return Phrase(", ".join([f"the choice of {rows[0]}", *rows[1:]]) + f", and {self.noun(args[1])} elsewhere")
        if head == "matrix":
            return matrix(self, args)
        if head == "tuple":
            return Phrase(unicode(tree).replace(",)", ")") if args else "of a single number", open=False)
        if head == "keyword":
            return Phrase(f"{args[0]} {self.noun(args[1])}")
        if head == "count":
            return Phrase(f"the numbers {unicode(tree).strip('()').replace('..', ' to ')}", open=False)
        return Phrase(unicode(tree), open=False)

    def listed(self, parts: Sequence[Tree]) -> str:
        """a, b and c"""
        found = [self.noun(part) for part in parts]
        return listed([each.text for each in found], any(each.level == PRODUCT for each in found[:-1]))

    # names and places -----------------------------------------------------------------------------------

    def _name(self, base: Name, subs: Sequence[Tree]) -> Phrase:
        text = unicode(Tree("name", (base, (), False)))
        if base not in self.orders and base.base == "δ" and len(subs) == 2:
            a, b = subs
            return Phrase(f"the Kronecker delta of {self.listed([a, b])}")
        if base not in self.orders and base.base == "e" and len(subs) == 1:
            return Phrase(f"the unit vector with its 1 at {self.noun(subs[0])}")
        if base in self.roles:
            text = f"{self.roles[base]} {text}"
        outer = [i for i in subs if i in self.letters]
        inner = [i for i in subs if i not in self.letters]
        if outer:
            text += " of sample " + " and ".join(unicode(i) for i in outer)
        return Phrase(f"{self.entry(inner)} of {text}" if inner else text, open=False)

    def entry(self, index: Sequence[Tree], noun: str = "entry") -> str:
        where = ", ".join(unicode(i) if all(p.head in PLAIN for p in walk(i)) else self.noun(i).text for i in index)
        return f"{noun} {where}" if len(index) == 1 else f"{noun} ({where})"

    # sums and products ----------------------------------------------------------------------------------

    def _sum(self, terms: Sequence[tuple[int, Tree]]) -> Phrase:
        if len(terms) == 1:
            found = self.noun(terms[0][1])
            return Phrase(f"minus {found}", PRODUCT, found.open, found.each)
        text, before = "", Phrase("", open=False)
        for place, (sign, part) in enumerate(terms):
            found = self.noun(part) if part.head == "sum" else self.phrase(part)
            found = found if found.level < SUM else self.noun(part)
            word = ("" if sign > 0 else "minus ") if not place else " plus " if sign > 0 else " minus "
            text += closed(before, word) + found.text
            before = found
        return Phrase(text, SUM, before.open)

    def _product(self, scalars: Sequence[Tree], factors: Sequence[Tree]) -> Phrase:
        front = list(scalars)
        body = self._factors(factors) if factors else None
        if factors and len(factors) == 1 and factors[0].head == "big" and front:
            front, body = self._averaged(front, factors[0])
        for part in reversed(front):
            body = self._scaled(part, body)
        assert body is not None
        return body

    def _averaged(self, front: list[Tree], body: Tree) -> tuple[list[Tree], Phrase]:
        """1/T Σ_t over samples is the mean; other weights stay in front."""
        first = front[0]
        if first.head == "fraction" and first.args[1] == self.samples and self._over_samples(body):
            rest = front[1:] if first.args[0] == UNIT else [first.args[0], *front[1:]]
            return rest, self._mean(body)
        return front, self.phrase(body)

    def _over_samples(self, body: Tree) -> bool:
        return body.args[0] == "sum" and len(body.args[1]) == 1 and body.args[1][0] in self.letters

    def _mean(self, body: Tree) -> Phrase:
        return Phrase(f"the mean over the samples of {self.noun(hide(body))}")

    def _scaled(self, by: Tree, body: Phrase | None) -> Phrase:
        """A number in front: twice, half, 3 times."""
        if body is None:
            return self.noun(by)
        text = unicode(by)
        if text in TIMES:
            return Phrase(f"{TIMES[text]} {body}", PRODUCT, body.open)
        if by.head == "fraction" and by.args[1].head != "num":
            above = body if by.args[0] == UNIT else self._scaled(by.args[0], body)
            return Phrase(above.text + closed(above, " divided by ") + self._below(by.args[1]), PRODUCT)
        found = self.noun(by)
        return Phrase(found.text + closed(found, " times ") + body.text, PRODUCT, body.open)

    def _factors(self, factors: Sequence[Tree]) -> Phrase:
        kinds = [self.kind(part) for part in factors]
        if len(factors) == 1:
            return self.noun(factors[0])
        for place in range(1, len(factors)):  # a column before a row: their outer product
            if kinds[place] == ROW and self.kind(product((), factors[:place])) == COLUMN:
                return self._outer(product((), factors[:place]), transpose(product((), factors[place:])))
        if kinds[0] == ROW and kinds[-1] == COLUMN:
            return self._inner(transpose(factors[0]), factors[1:])
        if factors[-1] == transpose(ONES):
            return Phrase(f"the matrix with {self.noun(product((), factors[:-1]))} as every column")
        if factors[-1] == ONES and kinds[-2] == MATRIX:
            inner = product((), factors[:-1])
            if inner.head == "transpose":
                return Phrase(f"the sums of the columns of {self.noun(inner.args[0])}")
            return Phrase(f"the sums of the rows of {self.noun(inner)}")
        if factors[0] == transpose(ONES) and kinds[1] == MATRIX:
            return Phrase(f"the sums of the columns of {self.noun(product((), factors[1:]))}, as a row,", open=False)
        phrases = [self.noun(part) for part in factors]
        first = phrases[0]
        text = reduce(lambda done, pair: done + closed(pair[0], " times ") + pair[1].text,
                      zip(phrases, phrases[1:], strict=False), first.text)
        return Phrase(text, PRODUCT, phrases[-1].open)

    def _outer(self, u: Tree, v: Tree) -> Phrase:
        if u == ONES or v == ONES:
            other, lines = (v, "row") if u == ONES else (u, "column")
            if other == ONES:
                return Phrase("the matrix of ones", open=False)
            return Phrase(f"the matrix with {self.noun(other)} as every {lines}")
        if u == v:
            found = self.noun(u)
            return Phrase(f"the outer product of {found}{closed(found, ' with itself')}", open=False)
        return Phrase(f"the outer product of {self.listed([u, v])}")

    def _inner(self, u: Tree, rest: Sequence[Tree]) -> Phrase:
        v = product((), rest)
        if u == ONES:
            return Phrase(f"the sum of the entries of {self.noun(v)}")
        if len(rest) == 2 and rest[1] == u:
            return Phrase(f"the quadratic form of {self.noun(u)} with {self.noun(rest[0])}")
        return Phrase(f"the inner product of {self.listed([u, v])}")

    def _fraction(self, above: Tree, below: Tree) -> Phrase:
        if above.head == "num" and below.head == "num":
            text = f"{above.args[0]}/{below.args[0]}"
            return Phrase("one half" if text == "1/2" else text, open=False)
        if above.head == "big" and below == self.samples and self._over_samples(above):
            return self._mean(above)
        if above == UNIT and self.kind(below) != SCALAR:
            return self.of_every("the reciprocal", below)
        found = self.noun(above)
        word = " divided by " if self.kind(below) == SCALAR else " divided entry by entry by "
        return Phrase(found.text + closed(found, word) + self._below(below), PRODUCT)

    def _below(self, tree: Tree) -> str:
        """A denominator: a product of numbers is one."""
        if tree.head == "product" and not tree.args[1]:
            return f"the product of {self.listed(tree.args[0])}"
        return self.noun(tree).text

    def _transposed(self, inner: Tree) -> Phrase:
        found = self.noun(inner)
        if inner == ONES:
            return Phrase("a row of ones", open=False)
        if inner.head == "name" and inner.args[0] in self.roles:
            return Phrase(found.text.replace("the ", "the transposed ", 1), open=False)
        if inner.head == "name":
            return Phrase(f"{found.text} transposed", open=False)
        if inner.head == "inverse":
            return Phrase(f"the transposed inverse of {self.noun(inner.args[0])}", open=inner.args[0].head != "name")
        return Phrase(f"the transpose of {found}")

    def _power(self, base: Tree, exponent: Tree, entrywise: bool) -> Phrase:
        if base.head == "norm" and exponent == num(2):
            return Phrase(f"the squared {self.phrase(base).text.removeprefix('the ')}")
        word = {"2": "square", "3": "cube"}.get(unicode(exponent))
        if word:
            return self.of_every(f"the {word}", base)
        found = self.noun(exponent)
        if self.kind(exponent) != SCALAR:
            same = "every entry" if self.kind(base) == SCALAR else "the same entry"
            return Phrase(f"{self.every(base)} to the power of {same} of {found}", PRODUCT)
        return Phrase(f"{self.every(base)} to the power {found}", PRODUCT, found.open)

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

    def _big(self, symbol: str, letters: Sequence[Tree], body: Tree) -> Phrase:
        if symbol == "sum" and len(letters) == 1 and letters[0] in self.letters:
            return Phrase(f"the sum over the samples of {self.noun(hide(Tree('big', (symbol, letters, body))))}")
        return Phrase(f"the {symbol} over {listed([unicode(x) for x in letters])} of {self.noun(body)}")


SIMPLE = {"ones": "a vector of ones", "eye": "the identity matrix", "dots": DOTS,
          "hidden": "this sample", "colon": "all"}
PLAIN = ("name", "num", "sum", "product")  # indices that are written as they are
NOUNS = {"bars": "the absolute value", "floor": "the integer part", "root": "the square root"}
