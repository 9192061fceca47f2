"""Tensors as files hold them: nodes and recipes in flat lists, so that nothing recurses, however deep the graph.

A tensor comes back as it was written: the same object in the same session, and in another one a tensor with the same
derivatives, drawings and code. An operation with a function that has no name to be found by (a lambda given to
`sg.elementwise`) comes back as what it gave, without how it was written.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from types import FunctionType
from typing import Any, NamedTuple

from symgrad.graphs.node import Node, revived, rows_of
from symgrad.language.recipes import as_written
from symgrad.language.replaying import ReadOnce
from symgrad.language.tensor import Recipe, Tensor, wrap


class Place(NamedTuple):
    """A tensor within an argument: its number in the list."""
    number: int


def reduced(tensor: Tensor) -> tuple[Callable[..., Tensor], tuple[Any, ...]]:
    """How `pickle` makes `tensor` again."""
    order = _older_first(tensor)
    place = {id(t): Place(i) for i, t in enumerate(order)}
    nodes, rows = rows_of([t.node for t in order])
    return _made_again, (rows, [(nodes[t.node], t.over, _packed(t, place)) for t in order])


def _older_first(tensor: Tensor) -> list[Tensor]:
    """`tensor` and all it was written with, operands before results."""
    done: dict[int, Tensor] = {}
    stack = [(tensor, False)]
    while stack:
        t, expanded = stack.pop()
        if expanded:
            done[id(t)] = t
        elif id(t) not in done:
            stack.append((t, True))
            stack += [(each, False) for each in _parts(t) if id(each) not in done]
    return list(done.values())


def _parts(t: Tensor) -> list[Tensor]:
    if t.recipe is None or _name(t.recipe.function) is None or not _portable((t.recipe.args, t.recipe.kwargs)):
        return []
    found: list[Tensor] = []
    _each(found.append, (t.recipe.args, t.recipe.kwargs))
    return found if t.recipe.ambient is None else [*found, t.recipe.ambient]


class FunctionName(NamedTuple):
    """Where a function is found: its module, its name there, and how many wrappers lie around it."""
    module: str
    name: str
    depth: int

    def function(self) -> Any:
        """The function; None where there is none of that name."""
        found = vars(sys.modules[self.module]).get(self.name)
        for _ in range(self.depth):
            found = getattr(found, "__wrapped__", None)
        return found


def _name(function: Any) -> FunctionName | None:
    """The name of `function`; None for one that no name leads to."""
    name = FunctionName(function.__module__, function.__qualname__, 0)
    while (found := name.function()) is not None:
        if found is function:
            return name
        name = name._replace(depth=name.depth + 1)
    return None


def _portable(value: Any) -> bool:
    """Can every function in `value` be found by its name alone?"""
    if isinstance(value, dict):
        return all(map(_portable, value.values()))
    if isinstance(value, (list, tuple)):
        return all(map(_portable, value))
    return not isinstance(value, FunctionType) or (name := _name(value)) is not None and not name.depth


def _each(change: Callable[[Tensor], Any], value: Any) -> Any:
    """`value` with `change` of each tensor in it."""
    if isinstance(value, Tensor):
        return change(value)
    if isinstance(value, dict):
        return {key: _each(change, each) for key, each in value.items()}
    if isinstance(value, (list, tuple)) and type(value) in (list, tuple):
        return type(value)(_each(change, each) for each in value)
    return value


def _packed(t: Tensor, place: dict[int, Place]) -> tuple[Any, ...] | None:
    if not _parts(t):
        return None
    made = t.recipe
    assert made is not None
    args, kwargs, operands = (_each(lambda each: place[id(each)], value) for value in made[1:4])
    read = made.reading.read if isinstance(made.reading, ReadOnce) else made.reading
    reading = None if read is None else _name(read)
    return (_name(made.function), args, kwargs, operands, made.ambient and place[id(made.ambient)], made.settled, reading)


def _filled(value: Any, made: list[Tensor]) -> Any:
    if isinstance(value, Place):
        return made[value.number]
    if isinstance(value, dict):
        return {key: _filled(each, made) for key, each in value.items()}
    return type(value)(_filled(each, made) for each in value) if type(value) in (list, tuple) else value


def _made_again(rows: list[tuple[Any, ...]], tensors: list[tuple[int, Any, Any]]) -> Tensor:
    nodes: list[Node] = revived(rows)
    made: list[Tensor] = []
    for place, over, packed in tensors:
        if packed is None:
            made.append(wrap(nodes[place], over))
        else:
            name, *rest, reading = packed
            args, kwargs, operands, ambient, settled = _filled(tuple(rest), made)
            read = reading and ReadOnce(reading.function())
            recipe = Recipe(name.function(), args, kwargs, operands, ambient, settled, read)
            made.append(as_written(nodes[place], over, recipe))
    return made[-1]
