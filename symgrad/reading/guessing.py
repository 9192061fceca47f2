"""Shapes that nobody declared: what letters and operations leave open, if they leave one choice.

A capital is a matrix, a small letter a vector, a Greek letter a number, unless the formula says otherwise. Each way of
giving them axes is read with open sizes, which meet in products and sums (`values.py`); of the ways that fit, the one
nearest to the custom is taken, if it is alone there.
"""

from __future__ import annotations

import itertools
import keyword
import re
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from typing import Any, NamedTuple

from symgrad.formulas.names import shape_text
from symgrad.formulas.spelling.glyphs import GREEK, LETTERS
from symgrad.graphs.errors import ParseError, SymgradError
from symgrad.graphs.sizes import dim
from symgrad.reading import calls
from symgrad.reading import vocabulary as words
from symgrad.reading.formula import RULES, unlabelled
from symgrad.reading.grammar import OneLine
from symgrad.reading.meaning import Meaning
from symgrad.reading.openings import OPENINGS
from symgrad.reading.pratt import SUMS, Piece, Pratt
from symgrad.reading.spellings import Spellings
from symgrad.reading.stars import Ambiguous
from symgrad.reading.tex import is_tex, tex_tokens
from symgrad.reading.tokens import Lexeme, tokens_of
from symgrad.reading.touching import apart, called, is_python
from symgrad.reading.values import OpenSize, Worth, settled

SIZES = "n d k m p q r h l j".split()
NUMBERS = frozenset(("n", "m", "N", "T"))  # undeclared, they are sizes
VECTORS = frozenset(("mu", "μ", "beta", "β", "theta", "θ"))
TURNS = frozenset(("T", "⊤", "-T", "'"))  # superscripts that transpose
DATA = frozenset(("x", "y", "z", "t"))  # letters of data, which are vectors before others are
MOST = 7  # names whose shapes are guessed
NOT_NAMES = frozenset("I π pi 𝟏 ∇ ∂ True False None T axis keepdims if otherwise where".split())


class Known(NamedTuple):
    """A formula, what is declared of its names, and whether it must be a number."""

    source: OneLine
    symbols: Mapping[str, Any]
    sizes: Mapping[str, Any]
    tree: Piece
    scalar: bool


def guessed_shapes(text: str, declared: Mapping[str, Any], scalar: bool = False) -> dict[str, str]:
    """Shapes, as `sg.parse` takes them, for the names of a text that are not in `declared`.

    `scalar` says that the formula must be a number. Raises ParseError where names may have several shapes, or none.

    >>> guessed_shapes("sum((X @ w - y)**2) + lam * w @ w", {})
    {'X': 'n,d', 'w': 'd', 'y': 'n', 'lam': ''}
    """
    source = OneLine(unlabelled(re.sub(r"[\t\r\n]", " ", text)))
    functions = words.public_functions()
    callables = calls.callables(functions)
    tokens = tex_tokens(source) if is_tex(text) else tokens_of(source, callables)
    symbols = words.parse_shapes(declared)
    places = dict.fromkeys(_places(tokens, {*symbols, *map(str, words.sizes_of(symbols.values()))}), ": integer")
    symbols = words.parse_shapes({**declared, **places})
    sizes = words.sizes_of(symbols.values())
    spelled = Spellings([*symbols, *sizes], symbols)
    whole = {*NOT_NAMES, *words.MODULES, *keyword.kwlist} - {"lambda"}
    tokens = apart(source, tokens, callables, lambda word: word in whole or spelled.knows(word),
                   is_tex(text) or is_python(source.text))
    found_names = _names(tokens, {*symbols, *sizes}, callables)
    numbers = [name for name in found_names if name in NUMBERS]
    names = [name for name in found_names if name not in NUMBERS]
    if not names or any(map(keyword.iskeyword, names)):  # what is no formula is refused by who reads it
        return places
    if len(names) > MOST:
        raise ParseError(f"{len(names)} names have no shape: {', '.join(names)}; declare them with --shape")
    tree = Pratt(source, Spellings([*symbols, *sizes, *names, *numbers], symbols), callables, OPENINGS).read(tokens)
    known, turned = Known(source, symbols, sizes, tree, scalar), _turned(tokens)
    ways, faults = _ways(known, names, numbers, turned)
    for letters in _chosen(numbers) if not ways and any(isinstance(each, NoSize) for each in faults) else ():
        every = [name for name in found_names if name in names or name in letters]
        rest = [name for name in numbers if name not in letters]
        if len(every) <= MOST and (more := _ways(known, every, rest, turned | set(letters))[0]):
            ways, names = more, every  # x - m: a vector; but m of sum(x)/m is a number that nobody knows
            break
    fault = faults[0] if faults else None
    custom = [_custom(name) for name in names]
    if not ways:
        if isinstance(fault, NoNumber):  # its shapes are no question
            raise fault
        tried = ", ".join(f"{name} {WORDS[rank]}" for name, rank in zip(names, custom, strict=True))
        if isinstance(fault, ParseError) and str(fault).startswith("column "):
            raise ParseError(f"{fault}\nIt was read with {tried}; --shape says otherwise.")
        raise ParseError(f"the shapes of {', '.join(names)} cannot be guessed; with {tried}: {fault}\n"
                         f"Declare them, with sizes of your own: --shape \"{_example(names, custom)}\"")
    found = ways[min(ways)]
    if len(found) > 1:  # (x w - y)²: x are the data, w is the number
        found = [each for each in found if all(each[name] for name in names if name in DATA)] or found
    if len(found) > 1:
        first, second = (_said(each) for each in found[:2])
        one, other = (" ".join(f"{name}={shape}" for name, shape in each.items()) for each in found[:2])
        raise ParseError(f"the formula does not say whether {first}, or {second}; declare one with --shape: "
                         f"--shape \"{one}\" or --shape \"{other}\"")
    return {**found[0], **places}


def _chosen(letters: Sequence[str]) -> Iterator[tuple[str, ...]]:
    """Some of the letters, few before many."""
    return itertools.chain.from_iterable(itertools.combinations(letters, k) for k in range(1, len(letters) + 1))


def _ways(known: Known, names: Sequence[str], numbers: Sequence[str], turned: set[str],
          ) -> tuple[dict[int, list[dict[str, str]]], list[SymgradError]]:
    """The shapes nearest to the custom with which a formula can be read, by what they cost, and the faults of others."""
    ways: dict[int, list[dict[str, str]]] = {}
    faults: list[SymgradError] = []
    custom = [_custom(name) for name in names]
    for ranks in sorted(itertools.product((0, 1, 2), repeat=len(names)), key=lambda each: _cost(each, custom)):
        cost = _cost(ranks, custom)
        if 0 in (rank for rank, usual, name in zip(ranks, custom, names, strict=True) if usual == 2 or name in turned):
            continue  # a capital is no number, nor is what has a transpose
        if ways and cost > min(ways):
            break
        attempt = _Attempt(known.source, known.symbols, known.sizes, dict(zip(names, ranks, strict=True)), numbers)
        try:
            shapes = attempt.shapes(known.tree, known.scalar)
            ways.setdefault(cost, []).append(shapes)
        except Ambiguous:  # other shapes would hide it
            raise
        except (SymgradError, TypeError, ValueError, LookupError, ArithmeticError) as error:
            if isinstance(error, SymgradError):
                faults.append(error)
    return ways, faults


def _example(names: Sequence[str], ranks: Sequence[int]) -> str:
    """Shapes with so many axes, each of a size of its own."""
    free = itertools.chain(SIZES, (f"n{i}" for i in itertools.count(1)))
    return " ".join(f"{name}={','.join(next(free) for _ in range(rank))}" for name, rank in zip(names, ranks, strict=True))


class NoSize(ParseError):
    """A letter that is a size by custom, and is the size of nothing."""


class NoNumber(ParseError):
    """A formula whose value is a vector or a matrix, where a number was asked for."""


WORDS = ("a number", "a vector", "a matrix")


def _said(shapes: Mapping[str, str]) -> str:
    return ", ".join(f"{name} is {WORDS[len(shape.split(',')) if shape else 0]}" for name, shape in shapes.items())


def _names(tokens: Sequence[Lexeme], known: set[str], callables: frozenset[str]) -> list[str]:
    """The names of a text that nobody declared, in order."""
    spelled = Spellings(known)
    found: dict[str, None] = {}
    tokens = tuple(_level(tokens))
    bound = _bound(tokens)
    for place, token in enumerate(tokens):
        before = tokens[place - 1] if place else None
        if token.kind != "word" or (before and before.kind == "sign" and before.text == "."):
            continue
        after = [*tokens[place + 1:place + 2], Lexeme("end", "", 0)][0]
        function = token.text in callables and (len(token.text) > 1 or called(tokens, place))
        function |= called(tokens, place) and GREEK.get(token.text) in callables  # sigma(x)
        euler = token.text == "e" and after.kind == "sup" and after.text not in TURNS
        keyword = after.kind == "sign" and after.text == "="
        module = token.text in words.MODULES and after.text == "."
        if function or euler or keyword or module or token.text in NOT_NAMES or spelled.find(tokens, place):
            continue
        if token.text in bound and not (after.kind == "sub"):
            continue
        sub = after.text if after.kind == "sub" and re.fullmatch(r"\w+", after.text) else ""
        if sub and set(sub) <= bound:  # x_i under ∑_i is an entry of x
            sub = ""
        word = "λ" if token.text == "lambda" else token.text  # no name to Python
        found[f"{word}_{sub}" if sub else word] = None
    return list(found)


def _places(tokens: Sequence[Lexeme], known: set[str]) -> list[str]:
    """Letters that are an index of what is in parentheses, softmax(z)_k, and nothing else; none beside a sum."""
    level = list(_level(tokens))
    if any(token.text in SUMS or token.text == "∑" for token in level):
        return []
    behind = [sub for sign, sub in zip(level, level[1:], strict=False) if sub.kind == "sub" and sign.text == ")"]
    letters = [x for sub in behind if re.fullmatch(r"[a-z]{1,2}", sub.text) for x in sub.text]
    others = {each.text for each in level if each.kind == "word"} | {
        x for each in level if each.kind == "sub" and each not in behind for x in each.text}
    return [x for x in dict.fromkeys(letters) if x not in known | others | _bound(level)]


def _turned(tokens: Sequence[Lexeme]) -> set[str]:
    """The words that carry a transpose."""
    pairs = zip(tokens, tokens[1:], strict=False)
    return {word.text for word, after in pairs if word.kind == "word" and (
        after.kind == "sup" and after.text in TURNS or after.kind == "sign" and after.text == "'")}


def _level(tokens: Sequence[Lexeme]) -> Iterator[Lexeme]:
    """Tokens, and those of superscripts behind them."""
    for token in tokens:
        yield token
        if token.kind == "sup" and token.text not in TURNS:
            yield from _level(token.inside)


def _bound(tokens: Sequence[Lexeme]) -> set[str]:
    """The letters that a sum, or a bracket such as [...]_ij, counts."""
    pairs = zip(tokens, tokens[1:], strict=False)
    lowered = [after.text.partition("=")[0] for sign, after in pairs if after.kind == "sub" and (
        sign.text in SUMS if sign.kind == "word" else sign.kind == "sign" and sign.text in "∑]")]
    return {letter for text in lowered for letter in text if letter.isalpha()}


def _custom(name: str) -> int:
    """The number of axes that a letter has by custom."""
    base = re.split(r"[_^\d]", name)[0]
    if base in VECTORS:
        return 1
    if base in GREEK or base == "lam" or base in LETTERS:
        return 2 if GREEK.get(base, base).isupper() else 0
    return 2 if base[:1].isupper() else 1


def _cost(ranks: Sequence[int], custom: Sequence[int]) -> int:
    """How far from the custom: a letter that is a number after all is nearer than one that is a matrix."""
    away = [rank - usual for rank, usual in zip(ranks, custom, strict=True)]
    return sum(-2 * each if each < 0 else 3 * each for each in away)


class _Attempt:
    """Names with so many axes each, of open sizes."""

    def __init__(self, source: OneLine, symbols: Mapping[str, Any], sizes: Mapping[str, Any], ranks: Mapping[str, int],
                 numbers: Sequence[str]) -> None:
        self.functions = words.public_functions()
        self.free = [x for x in SIZES if x not in sizes and x not in ranks and x not in symbols]
        self.axes = {name: tuple(OpenSize(name, 0) for _ in range(rank)) for name, rank in ranks.items()}
        self.m = Meaning(source, symbols, sizes, self.functions, RULES)
        self.numbers = numbers
        for name, axes in self.axes.items():
            self.m.symbols[name] = Worth(axes, partial(self.built, name))
        for name in numbers:
            self.m.symbols[name] = dim(name)

    def built(self, name: str) -> Any:
        return self.functions["data"](name, self.closed(name))

    def closed(self, name: str) -> tuple[Any, ...]:
        """The sizes of a name; those still open get letters."""
        for axis in self.axes[name]:
            size = settled(axis)
            if isinstance(size, OpenSize):
                size.is_ = dim(self.free.pop(0))
        return tuple(settled(axis) for axis in self.axes[name])

    def shapes(self, tree: Piece, scalar: bool) -> dict[str, str]:
        value = self.m.whole(tree)
        met = {str(size) for axes in self.axes.values() for axis in axes if not isinstance(size := settled(axis), OpenSize)}
        self.free = [letter for letter in self.free if letter not in met]
        for name in self.axes:
            self.closed(name)
        tensor = value.tensor()
        if scalar and tensor.shape:
            given = ", ".join(f"{name} = {' × '.join(map(str, self.closed(name))) or 'a number'}" for name in self.axes)
            raise NoNumber(f"{given}: the formula has shape {shape_text(tensor.shape)}; a gradient is that of a number: "
                           "close it, as in sum(...), or ask its Jacobian")
        found = {name: self.closed(name) for name in self.axes}
        if any(size == 1 for shape in found.values() for size in shape):
            raise ParseError("a vector of one entry is no guess")
        used = {str(size) for shape in found.values() for size in shape}
        if not set(self.numbers) <= used | {str(s) for t in self.m.symbols.values() if hasattr(t, "over") for s in t.shape}:
            raise NoSize(f"{', '.join(self.numbers)}: a size that no name has; declare it with --shape")
        return {name: ",".join(map(str, shape)) for name, shape in found.items()}
