"""What is said of rows and columns, slices, function calls and conditions: parts of `speech.py`'s fold.

Each function gets the speech (`Speech` of `speech.py`) and the arguments of one head of a tree, and gives a phrase.
"""

from __future__ import annotations

from collections.abc import Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from typing import Protocol

from symgrad.formulas.spelling.tree import UNIT, Tree, num
from symgrad.formulas.spelling.unicode import unicode
from symgrad.formulas.words.kinds import COLUMN, MATRIX, SCALAR
from symgrad.formulas.words.spoken import ENTRYWISE, FORMS, REDUCTIONS, RELATIONS, ordinal

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


class Speech(Protocol):
    """What the functions below ask of the speech they are parts of."""

    @property
    def letters(self) -> AbstractSet[Tree]: ...
    def read(self, tree: Tree) -> str: ...
    def kind(self, tree: Tree) -> str: ...
    def noun(self, tree: Tree) -> Phrase: ...
    def phrase(self, tree: Tree) -> Phrase: ...
    def listed(self, parts: Sequence[Tree]) -> str: ...
    def entry(self, parts: Sequence[Tree], word: str = "") -> str: ...
    def of_every(self, what: str, tree: Tree) -> Phrase: ...


def item(s: Speech, base: Tree, parts: Sequence[Tree]) -> Phrase:
    """Rows, columns and slices."""
    of = s.noun(base).text
    ranges = [part.head in ("colon", "range") for part in parts]
    if s.kind(base) == MATRIX and not ranges[-1] and all(part.head == "colon" for part in parts[:-1]):
        line, lone = "column" if len(parts) == 2 else "row", s.kind(parts[-1]) == SCALAR
        return Phrase(f"{line} {unicode(parts[-1])} of {of}" if lone else
                      f"the {line}s of {of} numbered {s.noun(parts[-1])}")
    if not any(ranges) and all(s.kind(part) == SCALAR for part in parts):
        return Phrase(f"{s.entry(parts, 'part')} of {of}")
    lone = s.kind(base) == COLUMN and len(parts) == 1
    places = [_place(s, part) + ("" if lone else f" along axis {axis}") for axis, part in enumerate(parts)
              if part.head != "colon"]
    return Phrase(f"the part of {of} {listed(places)}".rstrip())


def _place(s: Speech, part: Tree) -> str:
    if part.head != "range":
        return f"at {unicode(part) if s.kind(part) == SCALAR else s.noun(part)}"
    low, high, step = part.args
    if low is None and high is None and step is not None and unicode(step) == "-1":
        return "in reverse order"
    words = [f"from place {unicode(low)} on" if low is not None and high is None else
             f"from place {unicode(low)} to before place {unicode(high)}" if low is not None and high is not None else
             f"before place {unicode(high)}" if high is not None else ""]
    if step is not None:
        text = unicode(step)
        each = "each place" if text in ("1", "-1") else f"every {ordinal(text.lstrip('-'))} place"
        words.append(f"backward, {each}" if text.startswith("-") else f"at {each}")
    return " ".join(word for word in words if word)


def matrix(s: Speech, rows: Sequence[Sequence[Tree]]) -> Phrase:
    if all(part.head in ("num", "fraction") or (part.head == "sum" and len(part.args) == 1)
           for row in rows for part in row):
        what = "the constant column" if len(rows[0]) == 1 else "the constant matrix with the rows"
        return Phrase(f"{what} ({'; '.join(', '.join(map(unicode, row)) for row in rows)})", open=False)
    if len(rows) == 1:
        return Phrase(f"the matrix of {s.listed(rows[0])} side by side")
    if all(len(row) == 1 for row in rows):
        return Phrase(f"the stack of {s.listed([row[0] for row in rows])}, one below the other,", open=False)
    return Phrase(f"the matrix with the rows {listed([s.listed(row) for row in rows])}")


def call(s: Speech, function: str, arguments: Sequence[Tree], subs: Sequence[Tree]) -> Phrase:
    function, rank = function.rstrip("'"), len(function) - len(function.rstrip("'"))
    plain = [part for part in arguments if part.head not in ("keyword", "tuple")]
    more = "".join(f" {_option(part)}" for part in arguments if part.head == "keyword")
    sizes = [part for part in arguments if part.head == "tuple"]
    derivative = f"the {ordinal(str(rank)) + ' ' if rank > 1 else ''}derivative of " if rank else ""
    pairs = len(plain) > 1
    if function == "sg":
        return Phrase(f"the constant value of {s.noun(plain[0])}")
    if function in ("max", "min") and pairs:
        word = "larger" if function == "max" else "smaller"
        entrywise = " at every entry" if any(s.kind(part) != SCALAR for part in plain) else ""
        return Phrase(f"{derivative}the {word} of {s.listed(plain)}{entrywise}")
    if function in REDUCTIONS:
        lone, along = REDUCTIONS[function]
        samples = len(subs) == 1 and subs[0] in s.letters
        over = " over the samples" if samples else f" over {listed([unicode(x) for x in subs])}" if subs else ""
        body = s.noun(hide_letters(plain[0], frozenset(subs)) if samples else plain[0])
        return Phrase(f"{derivative}{along if over or more else lone}{over}{more} of {body}")
    if function == "reshape":
        return Phrase(f"the entries of {s.noun(plain[0])} arranged in the shape {s.read(sizes[0])}", open=False)
    if function == "pad":
        return Phrase(f"{s.noun(plain[0])} with {_padding(sizes)}", PRODUCT)
    if function in FORMS:
        rows = "every row of " if function == "softmax" and not more and s.kind(plain[0]) == MATRIX else ""
        order = f" of order {listed([unicode(x) for x in subs])}" if subs else ""
        return Phrase(f"{derivative}{FORMS[function]}{order}{more} of {rows}{s.listed(plain)}")
    word = ENTRYWISE.get(function, function.replace("_", " "))
    if len(plain) == 1:
        return s.of_every(derivative + word, plain[0])
    entrywise = ", entry by entry," if any(s.kind(part) != SCALAR for part in plain) else ""
    return Phrase(f"{derivative}{word} of {s.listed(plain)}{more}{entrywise}", open=not entrywise)


def _option(part: Tree) -> str:
    key, value = part.args
    if key == "axis":
        if value.head != "tuple":
            return f"along axis {unicode(value)}"
        return f"along the axes {listed([unicode(each) for each in value.args])}"
    return {"step": f"with step {unicode(value)}", "width": f"of width {unicode(value)}",
            "reverse": "from the end"}.get(key, f"with {key} {unicode(value)}")


def _padding(sizes: Sequence[Tree]) -> str:
    found = []
    for axis, part in enumerate(sizes):
        before, after, *step = part.args
        along = f" along axis {axis}" if len(sizes) > 1 else ""
        found += [f"{unicode(count)} zero{'' if count == UNIT else 's'} {where} it{along}" for count, where in
                  ((before, "before"), (after, "after")) if count != num(0)]
        found += [f"zeros between its entries, at a step of {unicode(each.args[1])}{along}" for each in step]
    return listed(found) or "no zeros around it"


def condition(s: Speech, tree: Tree) -> Phrase:
    head, args = tree.head, tree.args
    if head == "relation":
        left = s.noun(args[1])
        return Phrase(f"{left}{',' if left.text.endswith(' entry') else ''} {RELATIONS[args[0]]} {s.noun(args[2])}",
                      SUM)
    if head == "not":
        return Phrase(f"it does not hold that {truth(s, args[0])}", SUM)
    word = " and " if args[0] == "∧" else " or "
    return Phrase(word.join(truth(s, part) for part in args[1:]), SUM)


def truth(s: Speech, tree: Tree) -> str:
    """A condition, without the bracket that makes it a number."""
    inner = tree.args[0] if tree.head == "bracket" else tree
    if inner.head in ("relation", "logic", "not"):
        return s.read(inner)
    return f"{s.noun(inner)} is true"


def listed(words: Sequence[str], nested: bool = False) -> str:
    """a, b and c; a comma before "and", where the parts are `nested` or have "and" in them.

    >>> listed(["a", "b", "c"])
    'a, b and c'
    """
    if len(words) < 2:
        return "".join(words)
    nested = nested or any(" and " in each or "," in each for each in words[:-1])
    return f"{', '.join(words[:-1])}{',' if nested else ''} and {words[-1]}"


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
