"""Emitted text to functions: compiled under a name that tracebacks and debuggers can look up."""

from __future__ import annotations

import linecache
from collections.abc import Mapping
from hashlib import blake2b
from types import ModuleType
from typing import Any
from weakref import finalize

import numpy as np

_alive: dict[str, int] = {}


def load(text: str, data: Mapping[str, np.ndarray] | None = None, name: str = "symgrad",
         file: str | None = None) -> ModuleType:
    """A module from emitted `text`; `data` are the constant arrays that are not in it, `file` is where it
    believes to be.

    Its lines show in tracebacks and step in a debugger for as long as the module lives.
    """
    filename = f"<{name} {blake2b(text.encode(), digest_size=6).hexdigest()}>"
    module = ModuleType(name)
    space: dict[str, Any] = module.__dict__
    space["__file__"] = file or filename
    exec(compile(text, filename, "exec"), space)
    space.update(data or {})
    linecache.cache[filename] = (len(text), None, text.splitlines(keepends=True), filename)
    _alive[filename] = _alive.get(filename, 0) + 1
    finalize(module, _forget, filename)
    return module


def _forget(filename: str) -> None:
    _alive[filename] -= 1
    if not _alive[filename]:
        del _alive[filename]
        linecache.cache.pop(filename, None)
