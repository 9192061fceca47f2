"""What is said of sums, products and powers: a function for each head of a tree.

What a product *is* (an inner product, an outer product, sums of rows) follows from the kinds of its factors.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import reduce

from symgrad.formulas.spelling.tree import ONES, UNIT, Tree, num, power, product, transpose
from symgrad.formulas.spelling.unicode import unicode
from symgrad.formulas.words.kinds import COLUMN, MATRIX, ROW, SCALAR
from symgrad.formulas.words.phrases import PRODUCT, SUM, Phrase, closed, hide, listed
from symgrad.formulas.words.speech import Speech
from symgrad.formulas.words.spoken import GEOMETRY, TIMES


def sum_(s: Speech, *terms: tuple[int, Tree]) -> Phrase:
    if len(terms) == 1:
        found = s.noun(terms[0][1])
        return Phrase(f"minus {found}", PRODUCT, found.open, found.each)
    text, before = "", Phrase("", open=False)
    for place, (sign, part) in enumerate(terms):
        found = s.noun(part) if part.head == "sum" else s.phrase(part)
        found = found if found.level < SUM else s.noun(part)
        word = ("" if sign > 0 else "minus ") if not place else " plus " if sign > 0 else " minus "
        text += closed(before, word) + found.text
        before = found
    return Phrase(text, SUM, before.open)


def times(s: Speech, scalars: Sequence[Tree], factors: Sequence[Tree]) -> Phrase:
    front = list(scalars)
    body = _factors(s, factors) if factors else None
    if factors and len(factors) == 1 and factors[0].head == "big" and front:
        front, body = _averaged(s, front, factors[0])
    for part in reversed(front):
        body = _scaled(s, part, body)
    assert body is not None
    return body


def _averaged(s: Speech, front: list[Tree], body: Tree) -> tuple[list[Tree], Phrase]:
    """1/T ∑_t over samples is the mean; other weights stay in front."""
    first = front[0]
    if first.head == "fraction" and first.args[1] == s.samples and _over_samples(s, body):
        rest = front[1:] if first.args[0] == UNIT else [first.args[0], *front[1:]]
        return rest, _mean(s, body)
    return front, s.phrase(body)


def _over_samples(s: Speech, body: Tree) -> bool:
    return body.args[0] == "sum" and len(body.args[1]) == 1 and body.args[1][0] in s.letters


def _mean(s: Speech, body: Tree) -> Phrase:
    return Phrase(f"the mean over the samples of {s.noun(hide(body))}")


def _scaled(s: Speech, by: Tree, body: Phrase | None) -> Phrase:
    """A number in front: twice, half, 3 times."""
    if body is None:
        return s.noun(by)
    text = unicode(by)
    if text in TIMES:
        return Phrase(f"{TIMES[text]} {body}", PRODUCT, body.open)
    if by.head == "fraction" and by.args[1].head != "num":
        above = body if by.args[0] == UNIT else _scaled(s, by.args[0], body)
        return Phrase(above.text + closed(above, " divided by ") + _below(s, by.args[1]), PRODUCT)
    found = s.noun(by)
    return Phrase(found.text + closed(found, " times ") + body.text, PRODUCT, body.open)


def _factors(s: Speech, factors: Sequence[Tree]) -> Phrase:
    kinds = [s.kind(part) for part in factors]
    if len(factors) == 1:
        return s.noun(factors[0])
    for place in range(1, len(factors)):  # a column before a row: their outer product
        if kinds[place] == ROW and s.kind(product((), factors[:place])) == COLUMN:
            return _outer(s, product((), factors[:place]), transpose(product((), factors[place:])))
    if kinds[0] == ROW and kinds[-1] == COLUMN:
        return _inner(s, transpose(factors[0]), factors[1:])
    if factors[-1] == transpose(ONES):
        return Phrase(f"the matrix with {s.noun(product((), factors[:-1]))} as every column")
    if factors[-1] == ONES and kinds[-2] == MATRIX:
        inner = product((), factors[:-1])
        if inner.head == "transpose":
            return Phrase(f"the sums of the columns of {s.noun(inner.args[0])}")
        return Phrase(f"the sums of the rows of {s.noun(inner)}")
    if factors[0] == transpose(ONES) and kinds[1] == MATRIX:
        return Phrase(f"the sums of the columns of {s.noun(product((), factors[1:]))}, as a row,", open=False)
    phrases = [s.noun(part) for part in factors]
    first = phrases[0]
    text = reduce(lambda done, pair: done + closed(pair[0], " times ") + pair[1].text,
                  zip(phrases, phrases[1:], strict=False), first.text)
    return Phrase(text, PRODUCT, phrases[-1].open)


def _outer(s: Speech, u: Tree, v: Tree) -> Phrase:
    if u == ONES or v == ONES:
        other, lines = (v, "row") if u == ONES else (u, "column")
        if other == ONES:
            return Phrase("the matrix of ones", open=False)
        return Phrase(f"the matrix with {s.noun(other)} as every {lines}")
    if u == v:
        found = s.noun(u)
        return Phrase(f"the outer product of {found}{closed(found, ' with itself')}", open=False)
    return Phrase(f"the outer product of {s.listed([u, v])}")


def _inner(s: Speech, u: Tree, rest: Sequence[Tree]) -> Phrase:
    v = product((), rest)
    if u == ONES:
        return Phrase(f"the sum of the entries of {s.noun(v)}")
    if len(rest) == 2 and rest[1] == u:
        return Phrase(f"the quadratic form of {s.noun(u)} with {s.noun(rest[0])}")
    return Phrase(f"the inner product of {s.listed([u, v])}")


def fraction(s: Speech, above: Tree, below: Tree) -> Phrase:
    if above.head == "num" and below.head == "num":
        text = f"{above.args[0]}/{below.args[0]}"
        return Phrase("one half" if text == "1/2" else text, open=False)
    if above.head == "big" and below == s.samples and _over_samples(s, above):
        return _mean(s, above)
    if above == UNIT and s.kind(below) != SCALAR:
        return s.of_every("the reciprocal", below)
    found = s.noun(above)
    word = " divided by " if s.kind(below) == SCALAR else " divided entry by entry by "
    return Phrase(found.text + closed(found, word) + _below(s, below), PRODUCT)


def _below(s: Speech, tree: Tree) -> str:
    """A denominator: a product of numbers is one."""
    if tree.head == "product" and not tree.args[1]:
        return f"the product of {s.listed(tree.args[0])}"
    return s.noun(tree).text


def transposed(s: Speech, inner: Tree) -> Phrase:
    found = s.noun(inner)
    if inner == ONES:
        return Phrase("a row of ones", open=False)
    if inner.head == "name" and inner.args[0] in s.roles:
        return Phrase(found.text.replace("the ", "the transposed ", 1), open=False)
    if inner.head == "name":
        return Phrase(f"{found.text} transposed", open=False)
    if inner.head == "inverse":
        return Phrase(f"the transposed inverse of {s.noun(inner.args[0])}", open=inner.args[0].head != "name")
    return Phrase(f"the transpose of {found}")


def powered(s: Speech, base: Tree, exponent: Tree, entrywise: bool) -> Phrase:
    if base.head == "norm" and exponent == num(2):
        return Phrase(f"the squared {s.phrase(base).text.removeprefix('the ')}")
    word = {"2": "square", "3": "cube"}.get(unicode(exponent))
    if word:
        return s.of_every(f"the {word}", base)
    found = s.noun(exponent)
    if s.kind(exponent) != SCALAR:
        same = "every entry" if s.kind(base) == SCALAR else "the same entry"
        return Phrase(f"{s.every(base)} to the power of {same} of {found}", PRODUCT)
    return Phrase(f"{s.every(base)} to the power {found}", PRODUCT, found.open)


def big(s: Speech, symbol: str, letters: Sequence[Tree], body: Tree) -> Phrase:
    if symbol == "sum" and len(letters) == 1 and letters[0] in s.letters:
        return Phrase(f"the sum over the samples of {s.noun(hide(Tree('big', (symbol, letters, body))))}")
    return Phrase(f"the {symbol} over {listed([unicode(x) for x in letters])} of {s.noun(body)}")


def hadamard(s: Speech, *factors: Tree) -> Phrase:
    again = [part for part in dict.fromkeys(factors) if factors.count(part) == 2]
    if not again:
        return Phrase(f"the entrywise product of {s.listed(factors)}")
    rest = [power(part, num(2), True) if part in again else part for part in dict.fromkeys(factors)]
    return s.phrase(rest[0] if len(rest) == 1 else Tree("hadamard", tuple(rest)))  # x ⊙ x, where a power reads badly


def kron(s: Speech, *factors: Tree) -> Phrase:
    return Phrase(f"the Kronecker product of {s.listed(factors)}")


def star(s: Speech, kernel: Tree, image: Tree, notes: Sequence[Tree]) -> Phrase:
    words = geometry(notes)
    with_ = f" at {listed(words)}" if words else ""
    if kernel.head == "transpose":
        return Phrase(f"the transposed convolution of {s.noun(image)} with {s.noun(kernel.args[0])}{with_}")
    return Phrase(f"the convolution of {s.noun(image)} with {s.noun(kernel)}{with_}")


def geometry(notes: Sequence[Tree]) -> list[str]:
    """What of a convolution is not the default: stride 2, padding 0 before and 1 behind, 2 groups.

    >>> from symgrad.formulas.spelling.tree import num
    >>> geometry([Tree("keyword", ("s", num(2))), Tree("keyword", ("g", num(4)))])
    ['stride 2', '4 groups']
    """
    def told(note: Tree) -> str:
        word, value = note.args
        if word == "g":
            return f"{unicode(value)} groups"
        if value.head == "range":
            return f"{GEOMETRY[word]} {unicode(value.args[0])} before and {unicode(value.args[1])} behind"
        return f"{GEOMETRY[word]} {unicode(value)}"

    return [told(note) for note in notes]


def inverse(s: Speech, inner: Tree) -> Phrase:
    found = s.noun(inner)
    return Phrase(f"{found} inverse", open=False) if inner.head == "name" else Phrase(f"the inverse of {found}")


def norm(s: Speech, inner: Tree, index: str) -> Phrase:
    return Phrase(f"the {'Frobenius ' if index else ''}norm of {s.noun(inner)}")
