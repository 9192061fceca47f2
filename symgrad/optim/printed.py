"""How update rules and schedules are shown: an equation a line, and the numbers they were given."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from unicodedata import combining

import sympy as sp

from symgrad.formulas.shown import Shown
from symgrad.formulas.spelling.letters import for_tex
from symgrad.optim.scalars import latex, line


@dataclass(frozen=True)
class Spelled:
    """An equation in matrices as it is shown: left and right in Unicode, and in LaTeX."""

    left: str
    right: str
    left_latex: str
    right_latex: str


@dataclass(frozen=True)
class Formulas(Shown):
    """The equations of an optimiser, for people: `str` is Unicode, `.latex()` an aligned block.

    >>> print(sg.optim.SGD(0.1).formulas())
    SGD: gradient descent
      θ ← θ - η g
      with η = 0.1
    """

    name: str
    equations: tuple[tuple[sp.Symbol, sp.Expr], ...]
    values: Mapping[str, Any]
    about: str = ""
    spelled: tuple[Spelled, ...] = ()

    def __str__(self) -> str:
        shown = [(line(left), line(right)) for left, right in self.equations]
        shown += [(each.left, each.right) for each in self.spelled]
        rows = [self.name + (f": {self.about}" if self.about else "")]
        wide = {left: sum(not combining(c) for c in left) for left, _ in shown}
        width = max(wide.values())
        rows += [f"  {' ' * (width - wide[left])}{left} ← {right}" for left, right in shown]
        named = [(line(sp.Symbol(name)), told(value)) for name, value in self.values.items()]
        numbers = ", ".join(f"{name} = {value}" for name, value in named if value != name)
        return "\n".join([*rows, *([f"  with {numbers}"] if numbers else [])])

    def __repr__(self) -> str:
        return str(self)

    def latex(self) -> str:
        """The equations in LaTeX, one per line, aligned at the arrows."""
        return for_tex(self._notation())

    def latex_rows(self, arrow: str = r"\leftarrow") -> list[str]:
        """The equations in LaTeX one by one, with any letters."""
        pairs = [(latex(left), latex(right)) for left, right in self.equations]
        pairs += [(each.left_latex, each.right_latex) for each in self.spelled]
        return [f"{left} {arrow} {right}" for left, right in pairs]

    def _notation(self) -> str:
        rows = self.latex_rows(r"&\leftarrow")
        return "\\begin{aligned}\n" + " \\\\\n".join(rows) + "\n\\end{aligned}"


def told(value: Any) -> str:
    """A hyperparameter as text: a number, or the formula that stands for one."""
    return line(value) if isinstance(value, sp.Expr) and value.free_symbols else f"{float(value):g}"


def listed(values: Mapping[str, Any]) -> str:
    """Hyperparameters as arguments are written."""
    return ", ".join(f"{name}={told(value)}" for name, value in values.items())
