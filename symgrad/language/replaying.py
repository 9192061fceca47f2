"""Tensors written again from their recipes, with other operands, or as people read them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
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
class ReadTogether:
    """The derivatives of one call as people read them: the first that is asked for alone, all of them for the second.

    Each is what it is alone; what they share is read once.
    """

    read: Callable[..., Any]  # of y and a variable, or a list of such
    variables: Sequence[Tensor]
    asked: Tensor | None = None  # the y of which one derivative has been read
    known: Sequence[Tensor] | None = None  # all derivatives of that

    def __call__(self, y: Tensor, wrt: Tensor) -> Tensor:
        place = next((i for i, x in enumerate(self.variables) if x is wrt), None)
        if place is None or self.asked is not y:
            self.asked, self.known = y, None
            found: Tensor = self.read(y, wrt)
            return found
        if self.known is None:
            self.known = self.read(y, list(self.variables))
        return self.known[place]


def shown(t: Tensor) -> Tensor:
    """`t` as people read it: every derivative in it the formula of a textbook, not the one that programs compute."""
    if not any(each.recipe is not None and each.recipe.reading is not None for each in history(t)):
        return t
    done: dict[int, Tensor] = {}
    stack = [(t, False)]
    while stack:
        each, expanded = stack.pop()
        if id(each) in done:
            continue
        if each.recipe is None:
            done[id(each)] = each
        elif not expanded:
            stack.append((each, True))
            stack.extend((o, False) for o in each.recipe.operands if id(o) not in done)
        elif each.recipe.reading is not None:
            done[id(each)] = each.recipe.reading(*replaced(each.recipe.args, done))
        else:
            done[id(each)] = again(each, done)
    return done[id(t)]


def again(t: Tensor, done: dict[int, Tensor]) -> Tensor:
    """`t`, written again with other operands where they are others."""
    assert t.recipe is not None
    made = t.recipe
    moved = any(done[id(each)] is not each for each in made.operands)
    return made.function(*replaced(made.args, done), **replaced(made.kwargs, done)) if moved else t
