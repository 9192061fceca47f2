"""Lists and dicts of tensors as they come out of a call: a list, a dict, and in a notebook the formulas in them.

They are made like what was asked for, and remember it: each formula stands behind its key or the name of its variable.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from html import escape
from typing import Any

from symgrad.formulas.rendering import spelled
from symgrad.formulas.shown import Shown
from symgrad.formulas.spelling.letters import for_tex
from symgrad.formulas.spelling.mathml import mathml_of
from symgrad.formulas.spelling.tree import name as named
from symgrad.language.printing import tensor_shape
from symgrad.language.tensor import Tensor

CELL = "text-align:left;padding:.3em 1.2em .3em 0;border:0"


class _Rows(Shown):
    """Results one below the other."""

    __slots__ = ()

    def latex(self) -> str:
        """The formulas in LaTeX, one below the other."""
        return for_tex(self._notation())

    def _notation(self) -> str:
        return _in_lines(self)

    def _repr_html_(self) -> str:
        return _in_rows(self)


class TensorList(_Rows, list[Any]):
    """A list of results, one for each variable of the list `of`."""

    def __init__(self, values: Iterable[Any] = (), of: Sequence[Any] = ()) -> None:
        super().__init__(values)
        self.of = of


class TensorDict(_Rows, dict[Any, Any]):
    """A dict of results by the keys of what was asked for."""


def _rows(results: Any, label: str = "") -> Iterator[tuple[str, Any]]:
    """Labels in LaTeX, and what they stand for: nests are walked."""
    if isinstance(results, Mapping):
        for key, value in results.items():
            yield from _rows(value, _joined(label, spelled(named(str(key)), [], False, "latex")))
    elif isinstance(results, (list, tuple)):
        of = getattr(results, "of", ())
        for place, value in enumerate(results):
            known = of[place] if place < len(of) else None
            own = known._notation() if isinstance(known, Tensor) and known.name else str(place)
            yield from _rows(value, _joined(label, own))
    else:
        yield label, results


def _joined(label: str, own: str) -> str:
    return rf"{label}, \, {own}" if label else own


def _in_lines(results: Any) -> str:
    rows = " \\\\\n".join(rf"{label} &: \quad {_formula(value)}" for label, value in _rows(results))
    return f"\\begin{{aligned}}\n{rows}\n\\end{{aligned}}"


def _in_rows(results: Any) -> str:
    rows = [f'<tr><td style="{CELL}">{mathml_of(label)}</td>'
            f'<td style="{CELL}">{mathml_of(_formula(value), large=True)}</td>'
            f'<td style="{CELL};opacity:.65">{escape(tensor_shape(value)) if isinstance(value, Tensor) else ""}</td></tr>'
            for label, value in _rows(results)]
    return '<table style="border-collapse:collapse">\n' + "\n".join(rows) + "\n</table>"


def _formula(value: Any) -> str:
    return value._notation() if isinstance(value, Tensor) else rf"\text{{{value}}}"
