"""What is asked of `sg.minimize`, checked: names to symbols, arrays to sizes, a start, bounds, sets, constraints.

Everything goes by the names of symbols. Nothing is computed before all of it fits; each thing that does not fit has a
message of its own.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import numpy as np

from symgrad.calculus.derivatives import variables_of
from symgrad.computing.feeding import Feed, evaluate_size
from symgrad.computing.functions import given_sizes
from symgrad.computing.points import size_symbols
from symgrad.descent.objective import Objective
from symgrad.formulas.names import describe_symbol, display_names
from symgrad.graphs import ops
from symgrad.graphs.errors import DataError, SymgradError
from symgrad.graphs.node import BOOLEAN, Node, topological
from symgrad.language.align import as_tensor, describe
from symgrad.language.naming import layer_names
from symgrad.language.phases import in_evaluation
from symgrad.language.tensor import Tensor, wrap
from symgrad.minimisers.numbers import number_between, whole_number
from symgrad.minimisers.starts import declared_start, other_starts
from symgrad.training.network import closed

ENOUGH = 100_000  # evaluations, where no budget is given
TRIES = 40  # starts that are drawn until the loss has a value


@dataclass(frozen=True, eq=False)
class Problem:
    """A loss to be minimised, all that goes with it checked.

    `variables` and `start` go by name, in the order of `wrt`; `low` and `high` are vectors like `x0` or None; `sets` are
    what users said, by name; `constraints` are comparisons. `chosen` says whether the start was given.
    """

    loss: Tensor
    variables: Mapping[str, Tensor]
    data: Mapping[Node, Any]
    sizes: Mapping[Any, int]
    start: Mapping[str, np.ndarray]
    chosen: bool
    low: np.ndarray | None = None
    high: np.ndarray | None = None
    sets: Mapping[str, Any] = field(default_factory=dict)
    constraints: Sequence[Tensor] = ()
    blocks: Sequence[Sequence[str]] | None = None
    tol: float | None = None
    budget: int | None = None
    seed: int = 0
    population: int | None = None

    @cached_property
    def objective(self) -> Objective:
        """The loss as a function of a vector."""
        f = Objective(self.loss, list(self.variables.values()), self.data, self.sizes)
        f.budget = self.budget or ENOUGH
        return f

    @cached_property
    def x0(self) -> np.ndarray:
        """The start as a vector."""
        return self.objective.joined(list(self.start.values()))

    def named(self, x: np.ndarray) -> dict[str, np.ndarray]:
        """The variables of a vector by name, as arrays of their own."""
        return {name: np.array(piece) for name, piece in zip(self.variables, self.objective.pieces(x), strict=True)}

    def held(self, sets: Mapping[str, Any], low: np.ndarray | None, high: np.ndarray | None) -> Problem:
        """The same problem, its variables kept in these sets and bounds; it starts inside."""
        new = replace(self, sets=sets, low=low, high=high)
        x = self.x0 if low is None or high is None else np.clip(self.x0, low, high)
        new.__dict__.update(objective=self.objective, x0=x)
        return new

    def tolerance(self, default: float) -> float:
        """`tol`, or what a method takes where none is given."""
        return default if self.tol is None else self.tol

    @property
    def names(self) -> str:
        """The names of the variables, for messages."""
        return ", ".join(self.variables)


def posed(loss: Any, wrt: Any, data: Any, start: Any, bounds: Any, constraints: Any, tol: Any, budget: Any, seed: Any,
          blocks: Any, population: Any = None) -> Problem:
    """The arguments of `sg.minimize` as a problem. Raises SymgradError and its kin for what does not fit."""
    target = in_evaluation(closed(loss))
    asked = [] if constraints is None or isinstance(constraints, Mapping) else _comparisons(constraints)
    names = display_names([t.node for t in (target, *asked)], layer_names([target, *asked]))
    variables = _variables(wrt, names)
    values, sizes = _values(data or {}, {n: node for node, n in names.items()}, variables)
    given = _by_name(start or {}, variables, "start")
    arrays, sizes = _bound(values, given, variables, names, [target, *asked], sizes)
    shapes = {name: _shape(name, x.node, sizes) for name, x in variables.items()}
    sets = _by_name(constraints, variables, "constraints") if isinstance(constraints, Mapping) else {}
    low, high = _bounds(_by_name(bounds or {}, variables, "bounds"), shapes)
    problem = Problem(target, variables, {node: arrays[name] for name, node in values.items()}, sizes,
                      {}, bool(given), low, high, sets, tuple(asked), _blocks(blocks, variables),
                      number_between("tol", tol), whole_number("budget", budget, 1), whole_number("seed", seed, 0) or 0,
                      whole_number("population", population, 1))
    return _started(problem, {name: arrays[name] for name in given}, shapes)


# names ------------------------------------------------------------------------------------------------------


def _comparisons(constraints: Any) -> list[Tensor]:
    if not isinstance(constraints, (list, tuple)):
        constraints = [constraints]
    found = []
    for i, c in enumerate(constraints):
        if isinstance(c, (bool, np.bool_)):
            raise SymgradError(f"minimize: constraint {i} is {c}, the value of a comparison of numbers; write one of "
                               "tensors, as sg.sum(p) <= 1 or sg.equal(A @ x, b) (== compares formulas, once)")
        if isinstance(c, str):
            raise SymgradError(f"minimize: constraint {i} is the text {c!r}; write a comparison of tensors, as "
                               "sg.sum(p) <= 1 or sg.equal(A @ x, b)")
        t = as_tensor(c, "minimize")
        if t.dtype != BOOLEAN:
            raise SymgradError(f"minimize: constraint {i}, {describe(t)}, is no comparison; write sg.sum(p) <= 1 or "
                               "sg.equal(A @ x, b)")
        found.append(t)
    return found


def _variables(wrt: Any, names: Mapping[Node, str]) -> dict[str, Tensor]:
    found: dict[str, Tensor] = {}
    for x in variables_of(wrt, "minimize"):
        if x.node.op is not ops.INPUT:
            raise SymgradError(f"minimize: the variable {describe(x)} is no symbol (sg.parameter, sg.data); give the "
                               "symbols it is computed from")
        if x.node not in names:
            inside = ", ".join(names.values())
            raise SymgradError(f"minimize: {x.name!r} does not occur in the loss, whose symbols are {inside or 'none'}")
        found[names[x.node]] = x
    if not found:
        raise SymgradError("minimize: wrt is empty; give the tensors over which to minimise")
    return found


def _values(data: Any, nodes: Mapping[str, Node],
            variables: Mapping[str, Tensor]) -> tuple[dict[str, Node], dict[Any, Any]]:
    """The symbols that need data, by name, and all that was given by name. Raises DataError for what is missing."""
    if not isinstance(data, Mapping):
        raise DataError(f"minimize: data must be a dict from names to arrays, not {type(data).__name__}")
    named = {node: name for name, node in nodes.items()}
    given = {named.get(key.node, key.name) if isinstance(key, Tensor) else key: value for key, value in data.items()}
    for name in variables:
        if name in given:
            raise DataError(f"minimize: {name!r} is a variable, so its value in data has no meaning; to start there, "
                            f"give start={{{name!r}: ...}}")
    needed = {name: node for name, node in nodes.items() if name not in variables}
    missing = [f"{name}, a {describe_symbol(node)}" for name, node in needed.items() if name not in given]
    if missing:
        spare = [repr(key) for key in given if key not in needed and isinstance(key, str)]
        hint = f" (not in the loss: {', '.join(spare)})" if spare else ""
        raise DataError(f"minimize: no value for {'; '.join(missing)}: give data, or add it to wrt{hint}")
    return needed, given


def _by_name(given: Any, variables: Mapping[str, Tensor], what: str) -> dict[str, Any]:
    if not isinstance(given, Mapping):
        shown = ", ".join(f"{name!r}: {'(low, high)' if what == 'bounds' else '...'}" for name in variables)
        raise DataError(f"minimize: {what} must be a dict from names, {{{shown}}}, not {type(given).__name__}")
    nodes = {x.node: name for name, x in variables.items()}
    found = {str(nodes.get(key.node, key.name) if isinstance(key, Tensor) else key): value for key, value in given.items()}
    for name in found:
        if name not in variables:
            raise SymgradError(f"minimize: {what} names {name!r}, which is no variable; those are {', '.join(variables)}")
    return found


def _blocks(blocks: Any, variables: Mapping[str, Tensor]) -> tuple[tuple[str, ...], ...] | None:
    """Blocks as names: each variable in one of them; those that are named in none are one block more, the last."""
    if blocks is None:
        return None
    nodes = {x.node: name for name, x in variables.items()}
    found: list[tuple[str, ...]] = []
    for block in blocks:
        members = block if isinstance(block, (list, tuple)) else [block]
        found.append(tuple(str(nodes.get(m.node, m.name) if isinstance(m, Tensor) else m) for m in members))
    for name in (every := [name for block in found for name in block]):
        if name not in variables:
            raise SymgradError(f"minimize: the block with {name!r} does not occur: the variables are "
                               + ", ".join(variables))
        if every.count(name) > 1:
            raise SymgradError(f"minimize: {name!r} stands in blocks {every.count(name)} times; once is what fits")
    rest = tuple(name for name in variables if name not in every)
    return (*found, *([rest] if rest else []))


# arrays -----------------------------------------------------------------------------------------------------


def _bound(values: Mapping[str, Node], given: Mapping[str, Any], variables: Mapping[str, Tensor], names: Mapping[Node, str],
           roots: Sequence[Tensor], data: Mapping[Any, Any]) -> tuple[dict[str, np.ndarray], dict[Any, int]]:
    """Data and starts as arrays, and the sizes that they show. Raises DataError for what does not fit."""
    inputs = {**values, **{name: variables[name].node for name in given}}
    symbols = size_symbols([t.node for t in roots])
    sized = given_sizes({key: size for key, size in data.items() if any(str(key) == s.name for s in symbols)
                         and str(key) not in inputs})
    feed = Feed(list(inputs.items()), [t.node for t in roots], "float64", sized)
    arrays = [feed.convert(i, data[name] if name in values else given[name]) for i, name in enumerate(inputs)]
    for name, array in zip(inputs, arrays, strict=True):
        if array.dtype.kind == "f" and not np.isfinite(array).all():
            at = tuple(map(int, np.argwhere(~np.isfinite(array))[0]))
            where = f" at {at}" if array.ndim else ""
            what = "the start of " if name in given else ""
            raise DataError(f"minimize: {what}{name} has the value {array[at]}{where}")
    sizes = feed.bind([array.shape for array in arrays])
    for i, node in enumerate(inputs.values()):
        if node not in {x.node for x in variables.values()}:
            feed.inspect(i, arrays[i], sizes)
    return dict(zip(inputs, arrays, strict=True)), {**sized, **sizes}


def _shape(name: str, node: Node, sizes: Mapping[Any, int]) -> tuple[int, ...]:
    found = [evaluate_size(size, sizes) for size in node.shape]
    unknown = [str(size) for size, n in zip(node.shape, found, strict=True) if n is None]
    if unknown:
        raise DataError(f"minimize: no data show the size {', '.join(unknown)} of {name}: give start={{{name!r}: array}}, "
                        f"or data={{{unknown[0]!r}: number}}")
    return tuple(n for n in found if n is not None)


def _bounds(given: Mapping[str, Any], shapes: Mapping[str, tuple[int, ...]]) -> tuple[np.ndarray | None, np.ndarray | None]:
    if not given:
        return None, None
    lows, highs = [], []
    for name, shape in shapes.items():
        pair = given.get(name, (-np.inf, np.inf))
        if not isinstance(pair, (list, tuple, np.ndarray)) or len(pair) != 2:
            raise DataError(f"minimize: the bounds of {name} are a pair (low, high), not {pair!r:.60}")
        ends = []
        for side, end in zip(("lower", "upper"), pair, strict=True):
            end = (-np.inf if side == "lower" else np.inf) if end is None else end
            try:
                ends.append(np.broadcast_to(np.asarray(end, float), shape))
            except (TypeError, ValueError):
                raise DataError(f"minimize: the {side} bound of {name} has shape {np.shape(end)}, which does not fit "
                                f"{name} of shape {shape}: give one number, or an array of that shape") from None
        low, high = ends
        if (wrong := np.argwhere(~(low <= high))).size:
            at = tuple(map(int, wrong[0]))
            swapped = "; are they swapped?" if (high <= low).all() else ""
            raise DataError(f"minimize: the bounds of {name} leave no value{f' at {at}' if at else ''}: the lower one is "
                            f"{low[at]:g}, the upper one {high[at]:g}{swapped}")
        lows.append(low.ravel())
        highs.append(high.ravel())
    return np.concatenate(lows), np.concatenate(highs)


# the start --------------------------------------------------------------------------------------------------


def _started(problem: Problem, given: Mapping[str, np.ndarray], shapes: Mapping[str, tuple[int, ...]]) -> Problem:
    """The problem with its start: what is given, else what is declared; drawn until the loss has a value there."""
    rng = np.random.default_rng(problem.seed)
    first = {name: given[name].astype(float) if name in given else declared_start(x.node, shapes[name], rng)
             for name, x in problem.variables.items()}
    for name, array in first.items():
        if array.shape != shapes[name]:
            raise DataError(f"minimize: the start of {name} has shape {array.shape}; the data ask for {shapes[name]}")
    object.__setattr__(problem, "start", first)
    f, x = problem.objective, problem.x0
    low, high = problem.low, problem.high
    if low is not None and high is not None:
        inside = np.clip(x, low, high)
        fixed = f.joined([np.full(shapes[name], name in given) for name in first]).astype(bool)
        if (out := fixed & (inside != x)).any():
            at = int(np.flatnonzero(out)[0])
            name, index = _place(problem, at)
            raise DataError(f"minimize: the start of {name} is {x[at]:g}{index}, outside of its bounds "
                            f"{low[at]:g} to {high[at]:g}")
        x = inside
    if not np.isfinite(_quietly(problem, x)):
        if problem.chosen:
            raise DataError(f"minimize: at the start the loss is {_quietly(problem, x)}: {_culprit(problem, x)}")
        tries = [np.ones(len(x)), *other_starts(x, rng, TRIES), *map(np.abs, other_starts(x, rng, TRIES))]
        for trial in tries:
            trial = trial if low is None else np.clip(trial, low, high)
            if np.isfinite(_quietly(problem, trial)):
                x = trial
                break
        else:
            raise DataError(f"minimize: the loss has no value at {len(tries) + 1} starts: {_culprit(problem, x)}; give "
                            f"start={{{next(iter(shapes))!r}: ...}} where it has one")
    f.evaluations = 0
    problem.__dict__["x0"] = x
    object.__setattr__(problem, "start", problem.named(x))
    return problem


def _quietly(problem: Problem, x: np.ndarray) -> float:
    """The loss at a point, outside of the budget."""
    f = problem.objective
    budget, f.budget = f.budget, None
    try:
        return f.value(x)
    finally:
        f.budget = budget


def _culprit(problem: Problem, x: np.ndarray) -> str:
    """The first term below the loss that is not finite, in words."""
    f = problem.objective
    from_symbols = [n for n in topological([problem.loss.node]) if n.op not in ops.GIVEN and n.dtype == "real"]
    for node in from_symbols:
        t = wrap(node, None)
        try:
            value = np.asarray(f.compiled(t)(*f.pieces(x)))
        except DataError as error:
            return str(error)
        if not np.isfinite(value).all():
            bad = value[~np.isfinite(value)].flat[0]
            return f"{t} is {bad}"
    return "one of its terms is not finite"


def _place(problem: Problem, at: int) -> tuple[str, str]:
    """The variable and the place within it of an entry of the vector."""
    for name, array in problem.start.items():
        if at < array.size:
            index = tuple(map(int, np.unravel_index(at, array.shape)))
            return name, f" at {index}" if index else ""
        at -= array.size
    raise IndexError(at)
