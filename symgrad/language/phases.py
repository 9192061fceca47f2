"""Tensors in training and outside of it: written again from their recipes, with masks and modes as they are there.

What people read is the network in training; what is evaluated, unless somebody asks, is the network outside of it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from symgrad.graphs.node import Node
from symgrad.graphs.phases import in_phase, is_hidden, is_open, literal_of
from symgrad.language.replaying import history, written_again
from symgrad.language.tensor import Tensor, wrap


def in_training(t: Tensor) -> Tensor:
    """`t` as a training computes it: masks are symbols, statistics are those of the batch."""
    return phased([t], True)[0]


def in_evaluation(t: Tensor) -> Tensor:
    """`t` outside of training: masks are one, statistics are those that the model keeps."""
    return phased([t], False)[0]


def phased(tensors: Sequence[Tensor], training: bool) -> list[Tensor]:
    """The tensors in training or outside of it, all in one graph; those without random operations as they are."""
    if not any(t.node.owned for t in tensors) or not is_open(_nodes(tensors)):
        return list(tensors)
    return written_again(tensors, lambda t: _leaf(t, training) if t.recipe is None else None)


def _nodes(tensors: Iterable[Tensor]) -> list[Node]:
    """The nodes of all that the tensors were written with."""
    return [each.node for t in tensors for each in history(t)]


def _leaf(t: Tensor, training: bool) -> Tensor:
    if not is_hidden(t.node):
        (node,) = in_phase([t.node], training)
        return t if node is t.node else wrap(node, t.over)
    number = literal_of(t.node, training)
    return t if number is None else wrap(number, t.over)
