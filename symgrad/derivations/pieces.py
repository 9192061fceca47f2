"""Sentences with formulas in them, as data: a form sets the formulas as it sets all others."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True)
class Math:
    """A formula within a sentence, in the style of its outline."""

    text: str


@dataclass(frozen=True)
class Reference:
    """The number of another step."""

    number: int


MARKUP = re.compile(r"[\\\\`*$~]|\](?=[(\[:])|(?<!\w)_|_(?!\w)")

TAG = re.compile(r"<(?=[A-Za-z/!?])|&(?=#?\w+;)")  # not every dialect takes a backslash before these


def in_markdown(text: str) -> str:
    r"""A text as it may stand in Markdown: what would be read as markup is escaped.

    >>> print(in_markdown("<b> < G_a times [2](x)"))
    &lt;b> < G_a times [2\](x)
    """
    return TAG.sub(lambda match: {"<": "&lt;", "&": "&amp;"}[match.group()], MARKUP.sub(r"\\\g<0>", text))


Sentence = tuple[str | Math | Reference, ...]


def joined(pieces: Sentence) -> Sentence:
    """The pieces with commas between them.

    >>> joined((Reference(3), Reference(7)))
    (Reference(number=3), ', ', Reference(number=7))
    """
    return tuple(part for piece in pieces for part in (", ", piece))[1:]


def said(sentence: Sentence, math: Callable[[str], str], reference: Callable[[int], str] = "({})".format,
         plain: Callable[[str], str] = str) -> str:
    """A sentence as text.

    >>> said(("outer product by ", Math("x"), ", by ", Reference(3)), "${}$".format)
    'outer product by $x$, by (3)'
    """
    return "".join(math(piece.text) if isinstance(piece, Math) else reference(piece.number)
                   if isinstance(piece, Reference) else plain(piece) for piece in sentence)
