"""Sentences about formulas and symbols: the words of a tensor, what a symbol is, lines of a width.

`words(tensor)` is for everyone who needs a formula in words: captions, alt texts, explanations.
"""

from __future__ import annotations

import textwrap
from collections.abc import Mapping
from typing import Any

from symgrad.formulas.notation.coefficients import expression
from symgrad.formulas.notation.lexicon import Lexicon, lexicon
from symgrad.formulas.notation.writer import SAMPLE
from symgrad.formulas.rendering import presentation
from symgrad.formulas.spelling.glyphs import parse_name
from symgrad.formulas.spelling.tree import name as tree_name
from symgrad.formulas.spelling.unicode import unicode
from symgrad.formulas.words.heads import HEADS
from symgrad.formulas.words.speech import Speech
from symgrad.graphs import ops
from symgrad.graphs.node import Node, Symbol, in_order_of_use, topological
from symgrad.graphs.phases import MASK
from symgrad.graphs.pieces.boxes import LEAF
from symgrad.graphs.sizes import Size
from symgrad.language.align import as_tensor


def words(t: Any, names: Mapping[Node, str] | None = None) -> str:
    """The formula of a tensor in words, on one line: for captions, and for what is read aloud.

    `names` are display names of symbols, where the text that it stands in has them.

    >>> import symgrad as sg
    >>> X, w, y = sg.data("X", (5, 3)), sg.parameter("w", 3), sg.data("y", 5)
    >>> words(sg.gradient(sg.sum((X @ w - y) ** 2), w))
    'twice X transposed times the difference X times w minus y'
    """
    tensor = as_tensor(t, "words")
    return spoken(tensor.node, over=tensor.over, names=names)


def spoken(node: Node, roles: Mapping[str, str] | None = None, over: Size | None = None,
           names: Mapping[Node, str] | Lexicon | None = None) -> str:
    """The formula of a node in words; `roles` are words that go with names: {"x^1": "the input"}."""
    known = names if isinstance(names, Lexicon) else lexicon([node], names)
    writer, main, definitions, more = presentation(node, SAMPLE, known, over=over is not None)
    orders = {name: len(each.shape) - (each in writer.axes) for each, name in writer.names.items()}
    kinds = {parse_name(name): role for name, role in (roles or {}).items()}
    counts = [each.shape[axis] for each, axis in writer.axes.items() if axis < len(each.shape)]
    speech = Speech(HEADS, orders, kinds, frozenset(writer.sample_letters), expression(counts[0]) if counts else None,
                    frozenset(map(tree_name, writer.recurrences.steps.values())))
    parts = [f"{unicode(left)} is {speech.read(right)}" for left, right in definitions]
    parts += ["further values are left out here"] * more
    text = speech.read(main)
    return f"{text}, where {'; '.join(parts)}" if parts else text


def symbol_sentences(root: Node, names: Mapping[Node, str] | None = None) -> tuple[str, ...]:
    """One sentence for each symbol: data, then parameters; `names` are those of a text that has more than `root`."""
    nodes = [node for node in topological([root]) if node.op is ops.INPUT and node.attrs[0].owner != LEAF]
    nodes, texts = in_order_of_use(topological([root]), nodes), lexicon([root], names).texts
    nodes.sort(key=lambda node: node.attrs[0].kind == "parameter")
    return tuple(sentence(f"{unicode_text(texts[node])} is {_described(node)}") for node in nodes)


def _described(node: Node) -> str:
    symbol: Symbol = node.attrs[0]
    shape = node.shape if symbol.over is None else node.shape[1:]
    word = {"integer": "whole number", "boolean": "truth value"}.get(node.dtype, "number")
    if symbol.classes is not None:
        word = "class label"
    signs = ("positive", "nonnegative")
    facts = " ".join(fact.replace("_", " ") for fact in symbol.facts if len(shape) == 2 or fact in signs)
    facts = f"{facts} " if facts else ""
    if not shape:
        text = f"a {facts}{word}"
    elif len(shape) == 1:
        text = f"a vector of {_size(shape[0])} {facts}{word}s"
    elif len(shape) == 2:
        rows, columns = (f"{_size(size)} {what}{'' if size == 1 else 's'}" for size, what in
                         zip(shape, ("row", "column"), strict=True))
        text = f"a {facts}matrix with {rows} and {columns}" + ("" if word == "number" else f" of {word}s")
    else:
        text = f"an array of the shape {' × '.join(map(_size, shape))}" + ("" if word == "number" else f" of {word}s")
    text = text.replace("a orthogonal", "an orthogonal")
    if symbol.classes is not None and not shape:
        text += f" from 0 to {_size(symbol.classes - 1)}"
    if symbol.over is not None:
        text += f", one for each of the {_size(symbol.over)} samples"
    if symbol.kind == MASK:
        kept = "" if symbol.init == 1 else f", else {1 / (1 - symbol.init):.4g}"
        return f"{text}, drawn anew in every step of a training: 0 with the probability {symbol.init:g}{kept}"
    return f"{text}; it is to be fitted" if symbol.kind == "parameter" else text


def _size(size: Any) -> str:
    return unicode(expression(size))


def sentence(text: str) -> str:
    """Text as a sentence: a capital letter for a word of English, a full stop.

    >>> sentence("the norm of x")
    'The norm of x.'
    """
    text = text.rstrip(",. ")
    return (text[0].upper() + text[1:] if text.startswith(("the ", "this ")) else text) + "."


def unicode_text(name: str) -> str:
    """A display name as formulas show it."""
    return unicode(tree_name(name))


def wrapped(sentence: str, width: int, indent: str = "") -> str:
    """A sentence in lines of `width` columns."""
    return textwrap.fill(sentence, max(width, 24), initial_indent=indent, subsequent_indent=indent,
                         break_long_words=False, break_on_hyphens=False)
