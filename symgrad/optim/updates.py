"""Update rules by their formulas: how a parameter `theta` follows from its gradient `g`, and what is remembered.

A rule is a few lines of scalar formulas, read in order as assignments. A name that is read before it is
assigned is a state, remembered from step to step; a name assigned first is an abbreviation; `lr` is the
learning rate and `t` the number of the step, from 1; all others are hyperparameters. From these lines follow
the print, the LaTeX and, by the generator that also emits the model, the code: one pass over all parameters.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import astuple, dataclass, field, replace
from hashlib import blake2b
from typing import Any

import sympy as sp

from symgrad.graphs.algebra.einsum import broadcast
from symgrad.graphs.algebra.formulas import lower
from symgrad.graphs.algebra.primitives import input_node, named
from symgrad.graphs.errors import SymgradError
from symgrad.graphs.node import REAL, Node, Symbol
from symgrad.graphs.sizes import Shape
from symgrad.optim.linear import contraction
from symgrad.optim.pace import AnySchedule, Plateau, Schedule, check_pace, named_apart
from symgrad.optim.passes import LR, T, decimals, few_passes
from symgrad.optim.printed import Formulas, listed, told
from symgrad.optim.scalars import VectorNorm, decimal, floats, line, put

GIVEN = ("theta", "g", "lr", "t")


@dataclass(frozen=True)
class Update:
    """An update rule as nodes; inputs (theta, g, states, rates) and outputs by name.

    `lengths` says of which vector a number of that name is the length, which a step finds before all else.
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
    lengths: Mapping[str, str]


@dataclass(frozen=True)
class Optimizer:
    """An update rule with its numbers. Made by `SGD`, `Adam`, ... or, from your own formulas, by `rule`.

    >>> sg.optim.SGD(0.1, momentum=0.9).states
    {'v': 0.0}
    """

    name: str
    equations: tuple[tuple[sp.Symbol, sp.Expr], ...]
    values: Mapping[str, Any] = field(hash=False)
    start: Mapping[str, float] = field(hash=False)
    about: str = ""
    schedules: tuple[AnySchedule, ...] = ()

    @property
    def lr(self) -> float:
        """The learning rate, from which schedules go on."""
        return self.numbers["lr"]

    @property
    def numbers(self) -> dict[str, float]:
        """Its numbers. Raises SymgradError for one that is a symbol: a formula has it, a training cannot."""
        for name, value in self.values.items():
            if isinstance(value, sp.Expr) and value.free_symbols:
                raise SymgradError(f"{self.name}: {name} is {told(value)}, a symbol; it needs a number to train with")
        return {name: float(value) for name, value in self.values.items()}

    def scheduled(self, *schedules: AnySchedule) -> Optimizer:
        """The same with a learning rate that changes, by one schedule after the other.

        >>> print(sg.optim.SGD(0.1).scheduled(sg.optim.Warmup(5), sg.optim.CosineLR(50)).formulas())
        SGD: gradient descent
          η ← η₀ min(1, epoch / n)
          η ← η (1 + cos(π (epoch - 1) / T)) / 2
          θ ← θ - η g
          with η₀ = 0.1, n = 5, T = 50
        """
        return replace(self, schedules=(*self.schedules, *map(check_pace, schedules)))

    @property
    def by_epoch(self) -> tuple[Schedule, ...]:
        """Its schedules that are formulas in the number of the epoch."""
        return tuple(each for each in self.schedules if isinstance(each, Schedule) and each.per == "epoch")

    @property
    def by_step(self) -> tuple[Schedule, ...]:
        """Its schedules that are formulas in the number of the step; they are part of a step."""
        return tuple(each for each in self.schedules if isinstance(each, Schedule) and each.per == "step")

    @property
    def by_losses(self) -> tuple[Plateau, ...]:
        """Its schedules that the losses of a fit decide."""
        return tuple(each for each in self.schedules if isinstance(each, Plateau))

    def rate(self, curvature: Any) -> Any:
        """The factor by which one step, in the long run, shrinks the error on a quadratic with this curvature.

        It is the spectral radius of the linear map that the formulas are then, of the parameters and of what is kept:
        above 1, they diverge. `curvature` is a number, or the eigenvalues of a Hessian, of which the slowest decides:
        the largest factor; with SymPy symbols in it, or in the rule, a formula comes. Raises SymgradError for a rule that
        is not linear (Adam), and for one that changes from step to step.

        >>> round(sg.optim.SGD(0.1).rate(4.0), 12), round(sg.optim.SGD(0.1, momentum=0.9).rate([0.1, 10]), 12)
        (0.6, 0.948683298051)
        >>> import sympy as sp
        >>> eta, h = sp.symbols("eta h")
        >>> sg.optim.SGD(eta).rate(h)
        Abs(eta*h - 1)
        """
        if self.schedules:
            paced = ", ".join(each.name for each in self.schedules)
            raise SymgradError(f"{self.name}: the learning rate changes as it trains ({paced}), so that no one factor "
                               "holds; ask an optimiser without schedules, at the rate in question")
        return contraction(self.name, self.equations, self.values, tuple(self.start), curvature)

    @property
    def identity(self) -> str:
        """Its name, its numbers but for `lr`, a digest of its formulas: what tells whether it can go on with a training."""
        formulas = "; ".join(f"{left} = {right}" for left, right in self.equations) + f"; {sorted(self.start.items())}"
        formulas += "".join(f"; {each.computed}" for each in (*self.by_epoch, *self.by_step))
        numbers = ", ".join(f"{name}={value!r}" for name, value in self.numbers.items() if name != "lr")
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
        rows, values = list(self.equations), dict(self.values)
        if self.schedules:
            values = {"lr0": values.pop("lr"), **values}
        paces, first = [], {LR: sp.Symbol("lr0")}
        for each in self.schedules:
            formula, more = named_apart(values, each.formula, each.values)
            paces.append((LR, put(formula, first)))
            values |= more
            first = {}
        return Formulas(self.name, (*paces, *rows), values, self.about)

    def update(self, shape: Shape) -> Update:
        """The rule lowered to nodes, for parameters of `shape` (a symbolic size serves all of them).

        What depends on `lr` and `t` only is a rate: a Python number, computed once a step in double
        precision, since 1 - 0.999**t has no digits to lose. Scalars go together, for few passes over the vectors.
        """
        numbers = {sp.Symbol(k): decimal(v) for k, v in self.numbers.items() if k != "lr"}
        gone = {symbol: value for symbol, value in numbers.items() if value in (0, 1)}  # what they scale is simpler
        numbers = {symbol: value for symbol, value in numbers.items() if symbol not in gone}

        def valued(e: sp.Expr) -> sp.Expr:
            return decimals(e.subs(numbers))

        equations, lengths = self._lengths()
        known = frozenset({LR, T, *map(sp.Symbol, lengths)})
        taken = {left.name for left, _ in equations} | set(self.start)
        rates: dict[str, sp.Expr] = {}
        leaves: dict[str, Node] = {name: _leaf(name, shape) for name in ("theta", "g", *self.start)}
        env: dict[Any, Node] = {sp.Symbol(name): node for name, node in leaves.items()}
        assignments, units = few_passes([(left, right.doit().subs(gone)) for left, right in equations],
                                        list(self.start), numbers, known)
        units = {name: unit.subs(numbers) for name, unit in units.items()}
        notes: dict[Node, str] = {}
        found: dict[Node, tuple[int, ...]] = {}
        for left, formula, places in map(astuple, assignments):
            varying = formula.free_symbols - set(numbers)
            if varying and varying <= {*known, *map(sp.Symbol, rates)}:
                rates[left.name] = formula.subs({sp.Symbol(k): v for k, v in rates.items()})
                env[left] = broadcast(_leaf(left.name, ()), (), shape)
                continue
            formula = valued(_take_rates(formula, rates, taken, numbers, known))
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
        norms = {sp.Symbol(name): VectorNorm(sp.Symbol(vector)) for name, vector in lengths.items()}
        meanings = {name: line(rate.xreplace(norms)) for name, rate in rates.items() if str(rate) != name}
        return Update((*leaves.items(), *scalars), outputs, tuple((name, valued(rate)) for name, rate in rates.items()),
                      notes, tuple(found.values()), start, meanings, lengths)

    def _lengths(self) -> tuple[list[tuple[sp.Symbol, sp.Expr]], dict[str, str]]:
        """The formulas with a name for each ‖v‖, and of which vector that is the length: one number a step."""
        taken = {*self.values, *self.start, *(left.name for left, _ in self.equations)}
        norms = [norm for _, right in self.equations for norm in sorted(right.atoms(VectorNorm), key=str)]
        found = {norm: norm.args[0].name for norm in norms}
        names = {norm: next(name for k in range(len(taken) + 1) if (name := f"norm_{vector}" + "_" * k) not in taken)
                 for norm, vector in found.items()}
        symbols = {norm: sp.Symbol(name) for norm, name in names.items()}
        return ([(left, right.xreplace(symbols)) for left, right in self.equations],
                {name: found[norm] for norm, name in names.items()})

    def __repr__(self) -> str:
        more = "".join(f".scheduled({each!r})" for each in self.schedules)
        return f"{self.name}({listed(self.values)}){more}"


def _leaf(name: str, shape: Shape) -> Node:
    return input_node(Symbol("parameter" if name == "theta" else "data", name), shape, REAL)


def _take_rates(formula: sp.Expr, rates: dict[str, sp.Expr], taken: set[str], numbers: Collection[sp.Symbol],
                given: Collection[sp.Symbol]) -> sp.Expr:
    """`formula` with its largest parts in what is `given` a step and `numbers` alone as symbols, which join `rates`."""
    known = {*given, *numbers, *map(sp.Symbol, rates)}

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
