"""Tensors written again from their recipes, with other operands, or as people read them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from symgrad.language.tensor import Tensor


def replaced(value: Any, by: dict[int, Tensor]) -> Any:
    if isinstance(value, Tensor):
        return by[id(value)] if id(value) in by else value
    if isinstance(value, (list, tuple)) and type(value) in (list, tuple):
        return type(value)(replaced(each, by) for each in value)
    return {key: replaced(each, by) for key, each in value.items()} if isinstance(value, dict) else value


def history(tensor: Tensor, enter: Callable[[Tensor], bool] = lambda t: True) -> Iterator[Tensor]:
    """`tensor` and the tensors it was written with, each object once; not through those that `enter` refuses."""
    seen: set[int] = set()
    stack = [tensor]
    while stack:
        t = stack.pop()
        if id(t) in seen:
            continue
        seen.add(id(t))
        yield t
        if t.recipe is not None and enter(t):
            stack += t.recipe.operands


@dataclass(eq=False, slots=True)
class ReadOnce:
    """The derivatives of one call as people read them, each read once however often it is shown.

    The first that is asked for is read alone, all of them for the second: each is what it is alone; what they share is
    read once.
    """

    read: Callable[..., Any]  # of y, a variable or a list of such, and what else there is
    variables: Sequence[Tensor] = ()  # where there are several
    known: list[tuple[tuple[Any, ...], Tensor]] = field(default_factory=list)  # arguments of one y, and what was read

    def __call__(self, *args: Any) -> Tensor:
        if self.known and self.known[0][0][0] is not args[0]:
            self.known.clear()  # another y
        for asked, found in self.known:
            if _same(asked, args):
                return found
        y, *rest = args
        if self.known and len(rest) == 1 and any(rest[0] is x for x in self.variables):
            together = self.read(y, list(self.variables))
            self.known = [((y, x), found) for x, found in zip(self.variables, together, strict=True)]
            return self(*args)
        self.known.append((args, self.read(*args)))
        return self.known[-1][1]


def _same(one: Any, other: Any) -> bool:
    """Are these the same objects, in the same lists?"""
    if isinstance(one, (list, tuple)):
        return type(one) is type(other) and len(one) == len(other) and all(map(_same, one, other))
    if isinstance(one, dict):
        return type(one) is type(other) and list(one) == list(other) and all(_same(one[key], other[key]) for key in one)
    return one is other


def again(t: Tensor, done: dict[int, Tensor]) -> Tensor:
    """`t`, written again with other operands where they are others."""
    assert t.recipe is not None
    made = t.recipe
    moved = any(done[id(each)] is not each for each in made.operands)
    return made.function(*replaced(made.args, done), **replaced(made.kwargs, done)) if moved else t


def shown(t: Tensor) -> Tensor:
    """`t` as people read it: every derivative in it the formula of a textbook, not the one that programs compute."""
    if not any(each.recipe is not None and each.recipe.reading is not None for each in history(t)):
        return t
    return written_again([t], lambda each: each if each.recipe is None else None, read)[0]


def read(t: Tensor, done: dict[int, Tensor]) -> Tensor:
    """`t` as people read it, of operands that are written so."""
    assert t.recipe is not None
    return again(t, done) if t.recipe.reading is None else t.recipe.reading(*replaced(t.recipe.args, done))


def written_again(tensors: Sequence[Tensor], given: Callable[[Tensor], Tensor | None],
                  make: Callable[[Tensor, dict[int, Tensor]], Tensor] = again) -> list[Tensor]:
    """The tensors as they were written, with what is `given` for some of those that they were written with.

    `make(t, done)` writes `t` of operands that are done, by identity: equal tensors may be written differently. What has
    no recipe must be given.
    """
    done: dict[int, Tensor] = {}
    stack = [(t, False) for t in tensors]
    while stack:
        t, expanded = stack.pop()
        if id(t) in done:
            continue
        if expanded:
            done[id(t)] = make(t, done)
        elif (found := given(t)) is not None:
            done[id(t)] = found
        else:
            assert t.recipe is not None
            stack.append((t, True))
            stack.extend((each, False) for each in t.recipe.operands if id(each) not in done)
    return [done[id(t)] for t in tensors]
