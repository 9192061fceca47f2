"""Optimisers are rows of formulas: how `theta` follows from its gradient `g`, and what is remembered.

An update rule is a few lines of scalar formulas, read in order as assignments. `theta` is one parameter
and `g` its derivative; `lr` is the learning rate and `t` the number of the step, from 1. A name that is read
before it is assigned is a state, remembered from step to step; a name assigned first is an abbreviation;
all others are hyperparameters. From these lines follow the print, the LaTeX and, by the generator that
also emits the model, the code: one pass over all parameters at once. Arguments are those of `torch.optim`.
"""

from __future__ import annotations

import keyword
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from numbers import Real
from typing import Any
from unicodedata import combining

import sympy as sp

from symgrad.codegen.module import FRAME
from symgrad.graphs.einsum import broadcast
from symgrad.graphs.errors import SymgradError
from symgrad.graphs.formulas import lower
from symgrad.graphs.node import REAL, Node, Symbol
from symgrad.graphs.primitives import input_node, named
from symgrad.graphs.sizes import Shape
from symgrad.scalars import SYMBOL, decimal, floats, latex, line, scalar
from symgrad.stopping import EarlyStopping as EarlyStopping

GIVEN = ("theta", "g", "lr", "t")
TAKEN = ("state", "batch", "params", "loss", "gradients", "np", "P")  # variables of the emitted step


@dataclass(frozen=True)
class Formulas:
    """The equations of an optimiser, for people: `str` is Unicode, `.latex()` an aligned block."""

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

    def latex(self) -> str:
        """The equations in LaTeX, one per line, aligned at the arrows."""
        rows = [rf"{latex(left)} &\leftarrow {latex(right)}" for left, right in self.equations]
        return "\\begin{aligned}\n" + " \\\\\n".join(rows) + "\n\\end{aligned}"

    def _repr_latex_(self) -> str:
        return f"$\\displaystyle {self.latex()}$"


@dataclass(frozen=True)
class Update:
    """An update rule as nodes; inputs (theta, g, states, rates) and outputs by name."""

    inputs: tuple[tuple[str, Node], ...]
    outputs: tuple[tuple[str, Node], ...]
    rates: tuple[tuple[str, sp.Expr], ...]
    values: tuple[Node | None, ...]


@dataclass(frozen=True)
class Optimizer:
    """An update rule with its numbers. Made by `SGD`, `Adam`, ... or, from your own formulas, by `rule`."""

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
    def states(self) -> dict[str, float]:
        """What is remembered from step to step, of the parameters' shapes, with its value at the start."""
        return dict(self.start)

    def formulas(self) -> Formulas:
        """The update rule to read.

        >>> print(SGD(0.1, momentum=0.9).formulas())
        SGD: gradient descent with momentum (Polyak 1964)
          v ← μ v + g
          θ ← θ - η v
          with η = 0.1, μ = 0.9
        """
        return Formulas(self.name, self.equations, dict(self.values), self.about)

    def update(self, shape: Shape) -> Update:
        """The rule lowered to nodes, for parameters of `shape` (a symbolic size serves all of them).

        What depends on `lr` and `t` only is a rate: a Python number, computed once a step in double
        precision, since 1 - 0.999**t has no digits to lose.
        """
        numbers = {sp.Symbol(k): decimal(float(v)) for k, v in self.values.items() if k != "lr"}
        rates: dict[str, sp.Expr] = {}
        leaves: dict[str, Node] = {name: _leaf(name, shape) for name in ("theta", "g", *self.start)}
        env: dict[Any, Node] = {sp.Symbol(name): node for name, node in leaves.items()}
        values: list[Node | None] = []
        for left, right in self.equations:
            formula = right.doit().subs(numbers)
            if formula.free_symbols and formula.free_symbols <= {LR, T, *map(sp.Symbol, rates)}:
                rates[left.name] = formula.subs({sp.Symbol(k): v for k, v in rates.items()})
                env[left] = broadcast(_leaf(left.name, ()), (), shape)
                values.append(None)
                continue
            formula = _take_rates(formula, rates, {s.name for s, _ in self.equations} | set(self.start))
            for symbol in sorted(formula.free_symbols, key=str):
                if symbol not in env:
                    env[symbol] = broadcast(_leaf(symbol.name, ()), (), shape)
                    rates.setdefault(symbol.name, symbol)
            kept = f"new_{left.name}" if left.name in leaves else left.name
            env[left] = named(lower(floats(formula), env, shape), kept)
            values.append(env[left])
        outputs = tuple((name, env[sp.Symbol(name)]) for name in ("theta", *self.start))
        scalars = tuple((name, _leaf(name, ())) for name in rates)
        return Update((*leaves.items(), *scalars), outputs, tuple(rates.items()), tuple(values))

    def __repr__(self) -> str:
        return f"{self.name}({', '.join(f'{k}={v:g}' for k, v in self.values.items())})"


LR, T = sp.symbols("lr t")


def _leaf(name: str, shape: Shape) -> Node:
    return input_node(Symbol("parameter" if name == "theta" else "data", name), shape, REAL)


def _take_rates(formula: sp.Expr, rates: dict[str, sp.Expr], taken: set[str]) -> sp.Expr:
    """`formula` with its largest parts in `lr` and `t` alone as symbols, which join `rates`."""
    known = {LR, T, *map(sp.Symbol, rates)}

    def symbol(part: sp.Expr) -> sp.Expr:
        if part.is_Symbol or not part.free_symbols:
            return part
        for name, value in rates.items():
            if value == part:
                return sp.Symbol(name)
        number = next(i for i in range(1, len(rates) + len(taken) + 2) if f"c{i}" not in {*rates, *taken})
        rates[f"c{number}"] = part.subs({sp.Symbol(k): v for k, v in rates.items()})
        return sp.Symbol(f"c{number}")

    def walk(e: sp.Expr) -> sp.Expr:
        if e.free_symbols and e.free_symbols <= known:
            return symbol(e)
        if e.is_Mul or e.is_Add:
            own = [a for a in e.args if a.free_symbols and a.free_symbols <= known]
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

    >>> lion = rule("Lion", '''
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
    equations = tuple(_equations(name, formulas))
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
        if keyword.iskeyword(other) or other in FRAME or other in TAKEN:
            raise SymgradError(f"{name}: {other!r} has a meaning in the generated code; give it another name")
    for taken in sorted(made & {"lr", "t", *values}):
        raise SymgradError(f"{name}: {taken} is given and cannot be assigned")
    for other in sorted(set(start or {}) - set(states)):
        raise SymgradError(f"{name}: start gives {other} a value, but the states are {', '.join(states) or 'none'}")
    for key, value in values.items():
        _number(name, key, value)
    values = {"lr": values.pop("lr"), **values}
    return Optimizer(name, equations, values, {s: float((start or {}).get(s, 0)) for s in states}, about)


def _equations(name: str, formulas: str | Mapping[str, Any]) -> list[tuple[sp.Symbol, sp.Expr]]:
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
    return [(sp.Symbol(left), scalar(right) if isinstance(right, str) else right) for left, right in pairs]


def _number(name: str, key: str, value: Any, low: float = -math.inf, high: float = math.inf) -> float:
    """A finite hyperparameter in [low, high); a SymgradError otherwise."""
    if isinstance(value, bool) or not isinstance(value, Real) or not math.isfinite(value):
        raise SymgradError(f"{name}: {key} must be a finite number, not {value!r}")
    if not low <= float(value) < high:
        span = f"at least {low:g}" + (f" and below {high:g}" if high < math.inf else "")
        raise SymgradError(f"{name}: {key} is {value:g}; it must be {span}")
    return float(value)


# The rows -------------------------------------------------------------------------------------------------

DECAY = "g = g + weight_decay*theta\n"  # L2 weight decay, as torch.optim adds it to the gradient


def SGD(lr: float = 1e-3, momentum: float = 0, nesterov: bool = False, weight_decay: float = 0) -> Optimizer:
    """Gradient descent, with momentum (Polyak 1964) or Nesterov's (Sutskever et al. 2013).

    >>> print(SGD(0.01, momentum=0.9, nesterov=True).formulas())
    SGD: gradient descent with Nesterov's momentum (Sutskever et al. 2013)
      v ← μ v + g
      θ ← θ - η (g + μ v)
      with η = 0.01, μ = 0.9
    """
    values = {"lr": lr, "momentum": momentum, "weight_decay": weight_decay}
    values = {key: _number("SGD", key, value, 0) for key, value in values.items()}
    if nesterov and not momentum:
        raise SymgradError("SGD: nesterov=True needs a momentum above 0")
    text = DECAY if weight_decay else ""
    about = "gradient descent"
    if not momentum:
        text += "theta = theta - lr*g"
    elif nesterov:
        text += "v = momentum*v + g\ntheta = theta - lr*(g + momentum*v)"
        about += " with Nesterov's momentum (Sutskever et al. 2013)"
    else:
        text += "v = momentum*v + g\ntheta = theta - lr*v"
        about += " with momentum (Polyak 1964)"
    return _row("SGD", text, values, about)


def Adam(lr: float = 1e-3, betas: tuple[float, float] = (0.9, 0.999), eps: float = 1e-8,
         weight_decay: float = 0, amsgrad: bool = False) -> Optimizer:
    """Adam (Kingma and Ba 2015, algorithm 1); `amsgrad` (Reddi et al. 2018) keeps the largest v.

    >>> print(Adam().formulas())
    Adam: Kingma and Ba 2015, algorithm 1
      m ← β₁ m + (1 - β₁) g
      v ← β₂ v + (1 - β₂) g²
      m̂ ← m / (1 - β₁ᵗ)
      v̂ ← v / (1 - β₂ᵗ)
      θ ← θ - η m̂ / (√v̂ + ε)
      with η = 0.001, β₁ = 0.9, β₂ = 0.999, ε = 1e-08
    """
    values = _moments("Adam", lr, betas, eps, weight_decay)
    return _row("Adam", (DECAY if weight_decay else "") + _adam(amsgrad), values,
                "Kingma and Ba 2015, algorithm 1")


def AdamW(lr: float = 1e-3, betas: tuple[float, float] = (0.9, 0.999), eps: float = 1e-8,
          weight_decay: float = 1e-2, amsgrad: bool = False) -> Optimizer:
    """Adam with weight decay apart from the gradient (Loshchilov and Hutter 2019, algorithm 2)."""
    values = _moments("AdamW", lr, betas, eps, weight_decay)
    return _row("AdamW", ("theta = theta - lr*weight_decay*theta\n" if weight_decay else "") + _adam(amsgrad), values,
                "Loshchilov and Hutter 2019, algorithm 2")


def _adam(amsgrad: bool) -> str:
    top = "vmax = max(vmax, v)\n" if amsgrad else ""
    return ("m = beta1*m + (1 - beta1)*g\nv = beta2*v + (1 - beta2)*g**2\n" + top + "mhat = m / (1 - beta1**t)\n"
            f"vhat = {'vmax' if amsgrad else 'v'} / (1 - beta2**t)\ntheta = theta - lr*mhat / (sqrt(vhat) + eps)")


def _moments(name: str, lr: float, betas: tuple[float, float], eps: float, weight_decay: float) -> dict[str, float]:
    if not isinstance(betas, (tuple, list)) or len(betas) != 2:
        raise SymgradError(f"{name}: betas must be two numbers, not {betas!r}")
    return {"lr": _number(name, "lr", lr, 0), "beta1": _number(name, "betas[0]", betas[0], 0, 1),
            "beta2": _number(name, "betas[1]", betas[1], 0, 1), "eps": _number(name, "eps", eps, 0),
            "weight_decay": _number(name, "weight_decay", weight_decay, 0)}


def RMSprop(lr: float = 0.01, alpha: float = 0.99, eps: float = 1e-8, weight_decay: float = 0,
            momentum: float = 0, centered: bool = False) -> Optimizer:
    """Steps divided by a running root mean square of the gradient (Tieleman and Hinton 2012).

    `centered` divides by the deviation instead (Graves 2013, eq. 38 to 41).
    """
    values = {"lr": lr, "alpha": alpha, "eps": eps, "momentum": momentum, "weight_decay": weight_decay}
    values = {key: _number("RMSprop", key, value, 0) for key, value in values.items()}
    text = (DECAY if weight_decay else "") + "v = alpha*v + (1 - alpha)*g**2\n"
    text += "a = alpha*a + (1 - alpha)*g\n" if centered else ""
    step = f"g / (sqrt({'v - a**2' if centered else 'v'}) + eps)"
    text += f"b = momentum*b + {step}\ntheta = theta - lr*b" if momentum else f"theta = theta - lr*{step}"
    return _row("RMSprop", text, values, "Tieleman and Hinton 2012")


def Adagrad(lr: float = 0.01, lr_decay: float = 0, weight_decay: float = 0, initial_accumulator_value: float = 0,
            eps: float = 1e-10) -> Optimizer:
    """Steps divided by the root of the sum of all squared gradients (Duchi et al. 2011)."""
    given = {"lr": lr, "lr_decay": lr_decay, "weight_decay": weight_decay, "eps": eps}
    values = {key: _number("Adagrad", key, value, 0) for key, value in given.items()}
    first = _number("Adagrad", "initial_accumulator_value", initial_accumulator_value, 0)
    rate = "lr / (1 + lr_decay*(t - 1))" if lr_decay else "lr"
    text = (DECAY if weight_decay else "") + f"s = s + g**2\ntheta = theta - {rate}*g / (sqrt(s) + eps)"
    return _row("Adagrad", text, values, "Duchi et al. 2011", {"s": first})


def _row(name: str, text: str, values: dict[str, float], about: str,
         start: Mapping[str, float] | None = None) -> Optimizer:
    """A rule with those of `values` that its text mentions."""
    used = {s.name for _, right in _equations(name, text) for s in right.free_symbols}
    return rule(name, text, start=start, about=about, **{k: v for k, v in values.items() if k in used or k == "lr"})
