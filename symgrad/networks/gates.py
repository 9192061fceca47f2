"""Gates by their letters: a recurrent layer of ONNX holds their weights in one stack, whose pieces get names to be read."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any

from symgrad.graphs.node import Node, transform
from symgrad.graphs.table import rebuild
from symgrad.language.symbols import parameter
from symgrad.language.tensor import Tensor
from symgrad.networks.network import ReadStep

LETTERS: Mapping[str, str] = MappingProxyType({"RNN": "h", "GRU": "zrh", "LSTM": "iofc"})  # in the order of ONNX's stacks


def gate_symbols(step: ReadStep) -> dict[Node, Node]:
    """The pieces of a layer's stacks as symbols: W_z for the inputs, R_z for the state, b_z and c_z the biases of both.

    None for other layers, and for those of two directions.
    """
    letters = LETTERS.get(step.operator, "")
    given = [value if isinstance(value, Tensor) else None for value in step.operands[1:4]]
    if not letters or len(given) < 2 or given[0] is None or given[0].ndim != 3 or given[0].shape[0] != 1:
        return {}
    found: dict[Node, Node] = {}
    for names, stack in zip((("W",), ("R",), ("b", "c")), given, strict=False):
        if stack is None:
            continue
        kinds = [f"{name}_{letter}" for name in names for letter in letters]
        size = stack.shape[1] // len(kinds)
        for i, name in enumerate(kinds):
            piece = stack[0][i * size:(i + 1) * size]
            found[piece.node] = parameter(name, piece.shape).node
    return found


def with_gates(nodes: Sequence[Node], symbols: Mapping[Node, Node]) -> list[Node]:
    """The nodes with symbols for the pieces of stacks."""
    return transform(nodes, rebuild, dict(symbols)) if symbols else list(nodes)


def pieces_of(step: ReadStep) -> str:
    """What the letters of gates are: rows of the parameters that the layer reads."""
    letters = LETTERS[step.operator]
    first, last = letters[0], letters[-1]
    told = [f"{one}_{first} to {two}_{last}" if one != two or first != last else f"{one}_{first}"
            for one, two in (("W", "W"), ("R", "R"), ("b", "c"))]
    stacks: list[Any] = [name for name in step.reads[1:4] if name]
    return ", ".join(f"{letter}: the rows of {name}" for letter, name in zip(told, stacks, strict=False))
