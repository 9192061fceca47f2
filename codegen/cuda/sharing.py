"""Units that are the same up to the names of their arrays, as one function: what equal layers of a deep network do.

As the C back-end shares its nests (`codegen/c/nests.py`): two functions are one where their texts agree up to the names of
what they take and of their own variables. A shared one is compiled once and called, so that the time of the compiler grows
with what is different in a network and not with its depth. Few units stay where they are, for a call costs some cycles.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from symgrad.codegen.cuda.words import CALLED_FUNCTION, DEVICE_FUNCTION

DEEP = 40  # units from which equal ones are shared
WORD = re.compile(r"[^\W\d]\w*")
OWN = re.compile(r"\w+_|at\d+")  # variables of a unit


@dataclass(frozen=True)
class UnitFunction:
    """A unit for one lane, or one task: what it takes (type and name) and what is handed over, its lines, its formulas; for
    so many lanes."""

    name: str
    counted: str  # "lane" or "task"
    taken: tuple[tuple[str, str], ...]
    passed: tuple[str, ...]
    lines: tuple[str, ...]
    told: tuple[str, ...]
    count: str

    @property
    def key(self) -> tuple[object, ...]:
        """What equal ones have in common."""
        names = {name: f"@{k}" for k, (_, name) in enumerate(self.taken)}

        def unnamed(match: re.Match[str]) -> str:
            word = match[0]
            return names.setdefault(word, f"@{len(names)}") if word in names or OWN.fullmatch(word) else word

        text = WORD.sub(unnamed, "\n".join(self.lines))
        return self.counted, self.count, tuple(kind for kind, _ in self.taken), text

    def text(self, uses: int) -> str:
        """The function, for so many uses."""
        given = ", ".join([f"const int {self.counted}", *(f"{kind} *const {name}" for kind, name in self.taken)])
        head = f"{CALLED_FUNCTION if uses > 1 else DEVICE_FUNCTION} {self.name}({given}) {{"
        often = [f"// needed {uses} times, first for {self.name.partition('_')[2]}"] if uses > 1 else []
        return "\n".join([*often, *(self.told if uses == 1 else ()), head, *(f"  {line}" for line in self.lines), "}"])

    def call(self, name: str) -> str:
        """The line that calls it under a name."""
        return f"{name}({', '.join([self.counted, *self.passed])});"


def shared(functions: Sequence[UnitFunction]) -> dict[UnitFunction, tuple[str, int]]:
    """For each function, the name of the one that is called for it, and for how many it stands."""
    if len(functions) < DEEP:
        return {f: (f.name, 1) for f in functions}
    alike: dict[tuple[object, ...], list[UnitFunction]] = {}
    for f in functions:
        alike.setdefault(f.key, []).append(f)
    return {f: (same[0].name, len(same)) for same in alike.values() for f in same}
