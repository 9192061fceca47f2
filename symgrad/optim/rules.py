"""What makes an optimiser of formulas: they are read, their states found, names and numbers checked.

Every optimiser by the gradient comes this way, a user's own and those that bear a name.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence
from numbers import Real
from typing import Any

import sympy as sp
from sympy.core.function import AppliedUndef

from symgrad.codegen.program.frame import FRAME
from symgrad.codegen.python.identifiers import identifier
from symgrad.graphs.errors import SymgradError
from symgrad.language.align import as_name
from symgrad.optim.pace import Plateau, Schedule
from symgrad.optim.scalars import FUNCTIONS, SYMBOL, VectorNorm, line, scalar
from symgrad.optim.updates import GIVEN, Optimizer

TAKEN = ("state", "batch", "params", "loss", "gradients", "rooms", "np", "P")  # variables of the emitted step


def rule(name: str, formulas: str | Mapping[str, Any], *, start: Mapping[str, float] | None = None,
         about: str = "", **values: float) -> Optimizer:
    """An optimiser by its own formulas: lines `name = formula  # remark`, or a dict of texts or SymPy expressions.

    `theta` (assigned last or before), its gradient `g`, the learning rate `lr` and the step number `t` are
    given; `values` are the hyperparameters, `lr` among them. States start at zero, or at `start[name]`. Functions act
    on each entry, `norm(g)` is the length of the whole gradient (as are norms of `theta` and of states).
    Raises ParseError for a formula that cannot be read, SymgradError for a name without a value.

    >>> lion = sg.optim.rule("Lion", '''
    ...     c = beta1*m + (1 - beta1)*g
    ...     theta = theta - lr*sign(c)
    ...     m = beta2*m + (1 - beta2)*g
    ... ''', lr=1e-4, beta1=0.9, beta2=0.99)
    >>> print(lion.formulas())
    Lion
      c ← β₁ m + (1 - β₁) g
      θ ← θ - η sign(c)
      m ← β₂ m + (1 - β₂) g
      with η = 0.0001, β₁ = 0.9, β₂ = 0.99
    """
    as_name(name, "an optimiser")
    about = " ".join(about.split())
    if about:
        as_name(about, f"{name}, about")
    equations = tuple(equations_of(name, formulas))
    if "lr" not in values:
        raise SymgradError(f"{name}: give the learning rate a value, lr=...")
    assigned: set[str] = set()
    states: list[str] = []
    made = {left.name for left, _ in equations}
    for left, right in equations:
        for symbol in sorted(right.free_symbols, key=str):
            read = symbol.name
            if read in (*GIVEN, *values) or read in assigned or read in states:
                continue
            if read not in made:
                raise SymgradError(f"{name}: {read} has no value in {left} = {right}: make it a "
                                   f"hyperparameter ({read}=...), or assign it in a formula")
            states.append(read)
        assigned.add(left.name)
    if "theta" not in made:
        raise SymgradError(f"{name}: no formula assigns theta, so nothing would be learnt")
    for other in sorted(made | set(values)):
        if not SYMBOL.fullmatch(other) or not other.isidentifier():
            raise SymgradError(f"{name}: {other!r} is no name of a number; a name is letters, digits and _")
        if identifier(other) != other or other in FRAME or other in TAKEN:
            raise SymgradError(f"{name}: {other!r} has a meaning in the generated code; give it another name")
    for taken in sorted(made & {"lr", "t", *values}):
        raise SymgradError(f"{name}: {taken} is given and cannot be assigned")
    for taken in sorted(set(values) - {"lr"} - {s.name for _, right in equations for s in right.free_symbols}):
        raise SymgradError(f"{name}: {taken} is given a value, but no formula reads it")
    _check_lengths(name, equations, {"theta", "g", *states})
    for other in sorted(set(start or {}) - set(states)):
        raise SymgradError(f"{name}: start gives {other} a value, but the states are {', '.join(states) or 'none'}")
    numbers = {"lr": values.pop("lr"), **values}
    numbers = {key: number(name, key, value) for key, value in numbers.items()}
    return Optimizer(name, equations, numbers, {s: _start(name, s, (start or {}).get(s, 0)) for s in states},
                     about)


def _start(name: str, state: str, value: Any) -> float:
    """Where a state begins: a number."""
    found = number(name, f"start[{state!r}]", value)
    if not isinstance(found, float):
        raise SymgradError(f"{name}: start[{state!r}] must be a finite number, not {value!r}")
    return found


def _check_lengths(name: str, equations: Sequence[tuple[sp.Symbol, sp.Expr]], vectors: Collection[str]) -> None:
    """A length is a number that is there before a step begins to change vectors, piece by piece."""
    assigned: set[str] = set()
    for left, right in equations:
        for norm in sorted(right.atoms(VectorNorm), key=str):
            of = norm.args[0]
            if not of.is_Symbol or of.name not in vectors or of.name in assigned:
                why = ", which an earlier formula has changed" if of.is_Symbol and of.name in assigned else ""
                raise SymgradError(f"{name}: {line(norm)} in the formula of {left}{why}: a length is taken of what a "
                                   f"step begins with: {', '.join(sorted(vectors))}")
        assigned.add(left.name)


def equations_of(name: str, formulas: str | Mapping[str, Any]) -> list[tuple[sp.Symbol, sp.Expr]]:
    if isinstance(formulas, str):
        lines = [part.strip() for each in formulas.splitlines() for part in each.partition("#")[0].split(";")]
        pairs: list[tuple[str, Any]] = []
        for each in filter(None, lines):
            left, equals, right = each.partition("=")
            if not equals:
                raise SymgradError(f"{name}: {each!r} is no assignment; write name = formula")
            pairs.append((left.strip(), right.strip()))
    else:
        pairs = [(str(left), right) for left, right in formulas.items()]
    for left, right in pairs:
        if not SYMBOL.fullmatch(left) or not isinstance(right, (str, sp.Expr)):
            raise SymgradError(f"{name}: {left!r} = {right!r} is no assignment of a formula to a name")
        for unknown in [] if isinstance(right, str) else sorted(right.atoms(AppliedUndef), key=str):
            raise SymgradError(f"{name}: {unknown} in the formula of {left} is a function that is not known; known are "
                               f"{', '.join(FUNCTIONS)}")
    return [(sp.Symbol(left), scalar(right) if isinstance(right, str) else right) for left, right in pairs]


def number(name: str, key: str, value: Any, low: float = -math.inf, high: float = math.inf) -> Any:
    """A finite hyperparameter in [low, high), of any kind of real numbers, as a float; a SymgradError otherwise.

    One with a SymPy symbol in it stays what it is: formulas may have it, and `Optimizer.rate`.
    """
    if isinstance(value, sp.Expr) and value.free_symbols:
        return value
    if isinstance(value, (Schedule, Plateau)):
        raise SymgradError(f"{name}: {key} is the schedule {value!r}, which changes a rate and has none: give the rate at "
                           f"the start, {name}(0.1).scheduled({value!r}), or the schedule among the callbacks of fit")
    try:
        real = isinstance(value, Real) or isinstance(value, sp.Expr) and value.is_real
        found = float(value) if real and not isinstance(value, bool) else math.nan
    except (OverflowError, TypeError, ValueError):
        found = math.nan
    if not math.isfinite(found):
        raise SymgradError(f"{name}: {key} must be a finite number, not {value!r}")
    if not low <= found < high:
        span = f"at least {low:g}" + (f" and below {high:g}" if high < math.inf else "")
        raise SymgradError(f"{name}: {key} is {found:g}; it must be {span}")
    return found
