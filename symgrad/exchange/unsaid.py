"""What SymPy has no function for: derivatives of sinc, spelled out, and operations that symbols do not determine."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NoReturn

import sympy as sp

from symgrad.graphs.errors import DataError


def of_sinc(order: Any, x: Any) -> Any:
    """A derivative of sin(pi x)/(pi x), and its value at 0."""
    z, n = sp.Dummy("z", real=True), int(order)
    at_zero = sp.S.Zero if n % 2 else sp.Integer(-1) ** (n // 2) * sp.pi**n / (n + 1)
    return sp.Piecewise((sp.diff(sp.sin(sp.pi * z) / (sp.pi * z), z, n).subs(z, x), sp.Ne(x, 0)), (at_zero, True))


def unsaid(what: str) -> Callable[..., NoReturn]:
    """The rule of an operation that symbols do not determine. It raises DataError."""
    def rule(*operands: Any) -> NoReturn:
        raise DataError(f"to_sympy: {what}")

    return rule
