"""Emitted text to functions: compiled under a name that tracebacks and debuggers can look up."""

from __future__ import annotations

import linecache
from collections.abc import Mapping
from hashlib import blake2b
from threading import RLock
from types import ModuleType
from typing import Any
from weakref import finalize

import numpy as np

_alive: dict[str, list[None]] = {}  # an entry for each module that lives
_lock = RLock()  # of threads; one that collects garbage may come to `_forget` amid its own `load`


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
    with _lock:
        entries = _alive.setdefault(filename, [])
        entries.append(None)
        _alive[filename] = entries  # again: had the last module before just been forgotten, it would be gone
        linecache.cache[filename] = (len(text), None, text.splitlines(keepends=True), filename)
    finalize(module, _forget, filename)
    return module


def _forget(filename: str) -> None:
    with _lock:
        entries = _alive[filename]
        entries.pop()
        if not entries:
            _alive.pop(filename, None)
            linecache.cache.pop(filename, None)
