"""Recurrences in segments, as programs compute them, read as the recurrence that was written.

What is kept of a recurrence and what is computed again changes no value, so no formula tells it.
"""

from __future__ import annotations

from typing import Any

from symgrad.graphs import ops
from symgrad.graphs.node import Node, topological
from symgrad.language.recipes import as_written, recipe_of
from symgrad.language.replaying import shown
from symgrad.language.tensor import Tensor


def in_segments(computed: Tensor, read: Tensor) -> Tensor:
    """A result of a recurrence in segments; people read `read`, the same without them."""
    return as_written(computed.node, computed.over, recipe_of(in_segments, (computed, read))._replace(reading=_whole))


def _whole(computed: Tensor, read: Tensor) -> Tensor:
    return read


def plain(t: Tensor) -> Tensor:
    """`t` as people read it, where it has recurrences in segments."""
    return shown(t) if segments_of(t.node) else t


def segments_of(root: Node) -> dict[Any, None]:
    """After how many steps a recurrence is kept, of all in segments below `root`."""
    outer = [node.attrs[0] for node in topological([root]) if node.op is ops.SCAN and node.attrs[4]]
    return {n.attrs[2]: None for body in outer for n in topological(body.after) if n.op is ops.SCAN}
