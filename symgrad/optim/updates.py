"""Update rules by their formulas: how a parameter `theta` follows from its gradient `g`, and what is remembered.

A rule is a few lines of scalar formulas, read in order as assignments. A name that is read before it is
assigned is a state, remembered from step to step; a name assigned first is an abbreviation; `lr` is the
learning rate and `t` the number of the step, from 1; all others are hyperparameters. From these lines follow
the print, the LaTeX and, by the generator that also emits the model, the code: one pass over all parameters.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping
from dataclasses import astuple, dataclass, field
from hashlib import blake2b
from numbers import Real
from typing import Any
from unicodedata import combining

import sympy as sp
from sympy.core.function import AppliedUndef

from symgrad.codegen.program.frame import FRAME
from symgrad.codegen.python.identifiers import identifier
from symgrad.formulas.shown import Shown
from symgrad.formulas.spelling.letters import for_tex
from symgrad.graphs.algebra.einsum import broadcast
from symgrad.graphs.algebra.formulas import lower
from symgrad.graphs.algebra.primitives import input_node, named
from symgrad.graphs.errors import SymgradError
from symgrad.graphs.node import REAL, Node, Symbol
from symgrad.graphs.sizes import Shape
from symgrad.language.align import as_name
from symgrad.optim.passes import LR, T, decimals, few_passes
from symgrad.optim.scalars import FUNCTIONS, SYMBOL, decimal, floats, latex, line, scalar

GIVEN = ("theta", "g", "lr", "t")
TAKEN = ("state", "batch", "params", "loss", "gradients", "rooms", "np", "P")  # variables of the emitted step


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
    values: Mapping[str, float]
    about: str = ""

    def __str__(self) -> str:
        shown = [(line(left), line(right)) for left, right in self.equations]
        rows = [self.name + (f": {self.about}" if self.about else "")]
        wide = {left: sum(not combining(c) for c in left) for left, _ in shown}
        width = max(wide.values())
        rows += [f"  {' ' * (width - wide[left])}{left} ← {right}" for left, right in shown]
        numbers = ", ".join(f"{line(sp.Symbol(k))} = {v:g}" for k, v in self.values.items())
        return "\n".join([*rows, f"  with {numbers}"])

    def __repr__(self) -> str:
        return str(self)

    def latex(self) -> str:
        """The equations in LaTeX, one per line, aligned at the arrows."""
        return for_tex(self._notation())

    def _notation(self) -> str:
        rows = [rf"{latex(left)} &\leftarrow {latex(right)}" for left, right in self.equations]
        return "\\begin{aligned}\n" + " \\\\\n".join(rows) + "\n\\end{aligned}"


@dataclass(frozen=True)
class Update:
    """An update rule as nodes; inputs (theta, g, states, rates) and outputs by name.

    `notes` are the formulas that a node computes, `places` where these stand in the rule, note by note; `start` the
    values of the states at the start, as they are kept; `meanings` the formulas of the rates, for people.
    """

    inputs: tuple[tuple[str, Node], ...]
    outputs: tuple[tuple[str, Node], ...]
    rates: tuple[tuple[str, sp.Expr], ...]
    notes: Mapping[Node, str]
    places: tuple[tuple[int, ...], ...]
    start: Mapping[str, float]
    meanings: Mapping[str, str]


@dataclass(frozen=True)
class Optimizer:
    """An update rule with its numbers. Made by `SGD`, `Adam`, ... or, from your own formulas, by `rule`.

    >>> sg.optim.SGD(0.1, momentum=0.9).states
    {'v': 0.0}
    """

    name: str
    equations: tuple[tuple[sp.Symbol, sp.Expr], ...]
    values: Mapping[str, float] = field(hash=False)
    start: Mapping[str, float] = field(hash=False)
    about: str = ""

    @property
    def lr(self) -> float:
        """The learning rate."""
        return self.values["lr"]

    @property
    def identity(self) -> str:
        """Its name, its numbers but for `lr`, a digest of its formulas: what tells whether it can go on with a training."""
        formulas = "; ".join(f"{left} = {right}" for left, right in self.equations) + f"; {sorted(self.start.items())}"
        numbers = ", ".join(f"{name}={float(value)!r}" for name, value in self.values.items() if name != "lr")
        return f"{self.name}({numbers}) {blake2b(formulas.encode(), digest_size=4).hexdigest()}"

    @property
    def states(self) -> dict[str, float]:
        """What is remembered from step to step, of the parameters' shapes, with its value at the start."""
        return dict(self.start)

    def formulas(self) -> Formulas:
        """The update rule to read.

        >>> import symgrad as sg
        >>> print(sg.optim.SGD(0.1, momentum=0.9).formulas())
        SGD: gradient descent with momentum (Polyak 1964)
          v ← μ v + g
          θ ← θ - η v
          with η = 0.1, μ = 0.9
        """
        return Formulas(self.name, self.equations, dict(self.values), self.about)

    def update(self, shape: Shape) -> Update:
        """The rule lowered to nodes, for parameters of `shape` (a symbolic size serves all of them).

        What depends on `lr` and `t` only is a rate: a Python number, computed once a step in double
        precision, since 1 - 0.999**t has no digits to lose. Scalars go together, for few passes over the vectors.
        """
        numbers = {sp.Symbol(k): decimal(float(v)) for k, v in self.values.items() if k != "lr"}
        gone = {symbol: value for symbol, value in numbers.items() if value in (0, 1)}  # what they scale is simpler
        numbers = {symbol: value for symbol, value in numbers.items() if symbol not in gone}

        def valued(e: sp.Expr) -> sp.Expr:
            return decimals(e.subs(numbers))

        rates: dict[str, sp.Expr] = {}
        leaves: dict[str, Node] = {name: _leaf(name, shape) for name in ("theta", "g", *self.start)}
        env: dict[Any, Node] = {sp.Symbol(name): node for name, node in leaves.items()}
        assignments, units = few_passes([(left, right.doit().subs(gone)) for left, right in self.equations],
                                        list(self.start), numbers)
        units = {name: unit.subs(numbers) for name, unit in units.items()}
        notes: dict[Node, str] = {}
        found: dict[Node, tuple[int, ...]] = {}
        for left, formula, places in map(astuple, assignments):
            varying = formula.free_symbols - set(numbers)
            if varying and varying <= {LR, T, *map(sp.Symbol, rates)}:
                rates[left.name] = formula.subs({sp.Symbol(k): v for k, v in rates.items()})
                env[left] = broadcast(_leaf(left.name, ()), (), shape)
                continue
            formula = valued(_take_rates(formula, rates, {s.name for s, _ in self.equations} | set(self.start), numbers))
            for symbol in sorted(formula.free_symbols, key=str):
                if symbol not in env:
                    env[symbol] = broadcast(_leaf(symbol.name, ()), (), shape)
                    rates.setdefault(symbol.name, symbol)
            kept = f"new_{left.name}" if left.name in leaves else left.name
            env[left] = named(lower(floats(formula), env, shape), kept)
            told = [f"{line(self.equations[i][0])} ← {line(self.equations[i][1])}" for i in places]
            told += [f"{line(left)} / {float(units[left.name]):g} is kept"] if left.name in units else []
            notes[env[left]], found[env[left]] = ", ".join(told), places
        outputs = tuple((name, env[sp.Symbol(name)]) for name in ("theta", *self.start))
        scalars = tuple((name, _leaf(name, ())) for name in rates)
        start = {name: value / float(units.get(name, 1)) for name, value in self.start.items()}
        meanings = {name: line(rate) for name, rate in rates.items() if str(rate) != name}
        return Update((*leaves.items(), *scalars), outputs, tuple((name, valued(rate)) for name, rate in rates.items()),
                      notes, tuple(found.values()), start, meanings)

    def __repr__(self) -> str:
        return f"{self.name}({', '.join(f'{k}={v:g}' for k, v in self.values.items())})"


def _leaf(name: str, shape: Shape) -> Node:
    return input_node(Symbol("parameter" if name == "theta" else "data", name), shape, REAL)


def _take_rates(formula: sp.Expr, rates: dict[str, sp.Expr], taken: set[str], numbers: Collection[sp.Symbol]) -> sp.Expr:
    """`formula` with its largest parts in `lr`, `t` and `numbers` alone as symbols, which join `rates`."""
    known = {LR, T, *numbers, *map(sp.Symbol, rates)}

    def varies(e: sp.Expr) -> bool:
        return not e.free_symbols <= set(numbers)

    def symbol(part: sp.Expr) -> sp.Expr:
        if part.is_Symbol or not varies(part):
            return part
        for name, value in rates.items():
            if value == part:
                return sp.Symbol(name)
        number = next(i for i in range(1, len(rates) + len(taken) + 2) if f"c{i}" not in {*rates, *taken})
        rates[f"c{number}"] = part.subs({sp.Symbol(k): v for k, v in rates.items()})
        return sp.Symbol(f"c{number}")

    def walk(e: sp.Expr) -> sp.Expr:
        if not varies(e):
            return e
        if e.free_symbols <= known:
            return symbol(e)
        if e.is_Mul and e.could_extract_minus_sign():
            return -walk(-e)
        if e.is_Mul or e.is_Add:
            own = [a for a in e.args if a.free_symbols <= known]
            own = own if any(map(varies, own)) else []  # numbers alone are no rate
            rest = [walk(a) for a in e.args if a not in own]
            return e.func(*rest, *([symbol(e.func(*own))] if own else []))
        return e.func(*map(walk, e.args)) if e.args else e

    return walk(formula)


def rule(name: str, formulas: str | Mapping[str, Any], *, start: Mapping[str, float] | None = None,
         about: str = "", **values: float) -> Optimizer:
    """An optimiser by its own formulas: lines `name = formula`, or a dict of texts or SymPy expressions.

    `theta` (assigned last or before), its gradient `g`, the learning rate `lr` and the step number `t` are
    given; `values` are the hyperparameters, `lr` among them. States start at zero, or at `start[name]`.
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
    for other in sorted(set(start or {}) - set(states)):
        raise SymgradError(f"{name}: start gives {other} a value, but the states are {', '.join(states) or 'none'}")
    numbers = {"lr": values.pop("lr"), **values}
    numbers = {key: number(name, key, value) for key, value in numbers.items()}
    return Optimizer(name, equations, numbers, {s: number(name, f"start[{s!r}]", (start or {}).get(s, 0)) for s in states},
                     about)


def equations_of(name: str, formulas: str | Mapping[str, Any]) -> list[tuple[sp.Symbol, sp.Expr]]:
    if isinstance(formulas, str):
        lines = [each.strip() for each in formulas.replace(";", "\n").splitlines()]
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


def number(name: str, key: str, value: Any, low: float = -math.inf, high: float = math.inf) -> float:
    """A finite hyperparameter in [low, high), of any kind of real numbers, as a float; a SymgradError otherwise."""
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
