"""A formula as a question: its text, shapes where somebody gives them, names to differentiate by; the rest is guessed.

The command line asks so, and the page. Nothing is evaluated: `parser.py` reads the text.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from symgrad.graphs.errors import ParseError, SymgradError
from symgrad.graphs.node import REAL, topological
from symgrad.language.symbols import parameter
from symgrad.language.tensor import Tensor
from symgrad.reading.guessing import guessed_shapes
from symgrad.reading.parser import parse_with_symbols
from symgrad.reading.vocabulary import parse_shapes

BETWEEN = re.compile(r"[\s;]+(?=[^\W\d]\S*\s*=)")  # two shapes on one line


@dataclass(frozen=True)
class AskedFormula:
    """A formula as a tensor, the variables to differentiate by, all its names, and the shapes that nobody gave."""

    tensor: Tensor
    wrt: tuple[Tensor, ...]
    symbols: Mapping[str, Tensor]
    guessed: Mapping[str, str]


def shapes_in(text: str) -> dict[str, str]:
    """The shapes on one line, `X=n,d w=d c=`, with blanks or semicolons between them. Raises ParseError.

    >>> shapes_in("X=n,d  w=d; c=")
    {'X': 'n,d', 'w': 'd', 'c': ''}
    """
    shapes: dict[str, str] = {}
    for part in BETWEEN.split(text.strip(" ;\t\r\n")) if text.strip(" ;\t\r\n") else ():
        name, sign, sizes = part.partition("=")
        if not sign or not name.strip():
            raise ParseError(f"{part!r} is not NAME=SIZES, such as X=n,d or c= for a scalar")
        if name.strip() in shapes:
            raise ParseError(f"{name.strip()} is declared twice")
        shapes[name.strip()] = sizes.strip()
    return shapes


def asked_text(text: str, shapes: Mapping[str, str], wrt: Sequence[str] = (), number: bool | None = None) -> AskedFormula:
    """Read the formula; shapes that nobody gives are guessed. By no names means by all that are real.

    `number` says that the formula must be one, or may be anything; None, that a number is likelier. Raises SymgradError for
    a text that is no formula or leaves its shapes open, and for names in `wrt` that do not occur.
    """
    guessed = _guessed(text, shapes, number)
    declared = parse_shapes({**shapes, **guessed})
    for name in wrt:
        if name not in declared:
            known = ", ".join(declared) or "none"
            raise SymgradError(f"--wrt {name}: the formula has no name {name!r}; it has {known}")
        symbol = declared[name]
        if symbol.over is None and symbol.dtype == REAL:  # what it is differentiated by is to be fitted
            declared[name] = parameter(name, symbol.shape, None, None, **dict.fromkeys(declared_facts(symbol), True))
    loss, symbols = parse_with_symbols(text, declared)
    used = set(topological([loss.node]))
    variables = [symbols[name] for name in wrt]
    variables = variables or [s for s in symbols.values() if s.dtype == REAL and s.node in used]
    return AskedFormula(loss, tuple(variables), symbols, guessed)


def declared_facts(symbol: Tensor) -> tuple[str, ...]:
    """What was declared of a symbol."""
    found: tuple[str, ...] = symbol.node.attrs[0].facts
    return found


def _guessed(text: str, shapes: Mapping[str, str], number: bool | None) -> dict[str, str]:
    """The shapes of names that have none."""
    if number is not None:
        return guessed_shapes(text, shapes, number)
    try:
        return guessed_shapes(text, shapes, True)
    except SymgradError:
        return guessed_shapes(text, shapes, False)
