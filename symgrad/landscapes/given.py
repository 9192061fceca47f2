"""What a user may give as a history, by what it has: minimisers are a room beside this one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol, runtime_checkable


@runtime_checkable
class Walked(Protocol):
    """Curves by name: a `History`."""

    curves: Mapping[str, Sequence[float]]


@runtime_checkable
class Travelled(Protocol):
    """Iterates: the `History` of a minimiser."""

    @property
    def x(self) -> Sequence[Any]: ...


@runtime_checkable
class Finished(Protocol):
    """What `sg.minimize` gives: a history, and the method that made it."""

    @property
    def history(self) -> Any: ...

    @property
    def method(self) -> str: ...


def is_named(given: Any) -> bool:
    """Are these pairs of a name and a history?"""
    return isinstance(given, (list, tuple)) and bool(given) and all(
        isinstance(pair, tuple) and len(pair) == 2 and isinstance(pair[0], str) for pair in given)
