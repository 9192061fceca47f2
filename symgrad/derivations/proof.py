"""The proof of a derivation by numbers: every step at random values, in float64, with random unequal sizes.

A forward step must give the value that the whole graph has, and the last one the value of what the user wrote. A
gradient must equal central differences (fourth order: Fornberg 1988, table 1), and what its inner steps give: those of
the uses of that one value, weighted with gradients that are proved already, and at the end those of the whole loss along
one direction. So the work is that of a few passes, however many steps there are. Kinks are not met at random points.
"""

from __future__ import annotations

import math
from collections import ChainMap
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import sympy as sp

from symgrad.computing.functions import function
from symgrad.computing.points import random_sizes, random_value
from symgrad.derivations.steps import Step
from symgrad.derivations.transcript import Transcript
from symgrad.graphs import ops
from symgrad.graphs.node import Node, topological
from symgrad.graphs.pieces.boxes import Box, cotangent_leaf
from symgrad.graphs.weights import Weight, to_expr
from symgrad.language.tensor import Tensor, wrap

TOLERANCE = 1e-6
ENTRIES = 12  # entries of a gradient that are tried
STEPS = (1e-3, 1e-4, 1e-5)  # of the differences: the next where a loss bends too much for the one before
NEAR = 1e-6  # one more for many values at once, of which one may be near a kink


@dataclass(frozen=True)
class CheckedStep:
    """One step of the proof: the largest difference, relative to the size of the values."""

    number: int
    name: str
    formula: str
    error: float
    holds: bool


@dataclass(frozen=True)
class Check:
    """The result of `Derivation.check`: true if every step holds; `str` says which fail."""

    rows: tuple[CheckedStep, ...]
    sizes: dict[str, int]

    def __bool__(self) -> bool:
        return all(row.holds for row in self.rows)

    @property
    def failed(self) -> tuple[CheckedStep, ...]:
        """The steps that do not hold."""
        return tuple(row for row in self.rows if not row.holds)

    def __str__(self) -> str:
        sizes = ", ".join(f"{k} = {v}" for k, v in self.sizes.items())
        at = f" at {sizes}" if sizes else ""
        if self:
            worst = max((row.error for row in self.rows), default=0.0)
            return f"all {len(self.rows)} steps hold{at}; largest relative difference {worst:.1e}"
        lines = [f"{len(self.failed)} of {len(self.rows)} steps fail{at}:"]
        lines += [f"  ({row.number}) {row.formula}   relative difference {row.error:.1e}" for row in self.failed]
        return "\n".join(lines)


def check(derivation: Transcript, seed: int = 0) -> Check:
    """Confirm every step at random values; see `Derivation.check`."""
    rng = np.random.default_rng(seed)
    inputs = [box.node for box in derivation.graph if box.node.op is ops.INPUT]
    inputs = list(dict.fromkeys([*inputs, *(n for n in topological([derivation.y.node]) if n.op is ops.INPUT)]))
    sizes = random_sizes([*inputs, derivation.loss], rng)
    for attempt in range(5):
        style = "positive" if attempt >= 2 else "normal"
        values = {node: _tame(node, random_value(node, sizes, rng, style)) for node in inputs}
        world = _World(derivation, inputs, values, sizes)
        if all(np.all(np.isfinite(v)) for v in world.values.values()):
            break
    pairs = [_step(step, world, rng) for step in derivation.steps]
    whole = _joint(world, rng)
    if whole is not None:
        pairs[-1] = [*pairs[-1], whole]
    rows = [_row(step, found) for step, found in zip(derivation.steps, pairs, strict=True)]
    return Check(tuple(rows), {s.name: n for s, n in sizes.items()})


def _tame(node: Node, value: Any) -> Any:
    """Matrices of parameters small enough that many layers one after the other are not chaotic."""
    symbol = node.attrs[0]
    wild = symbol.kind == "parameter" and len(node.shape) > 1 and not symbol.facts
    return value / np.sqrt(max(1, value.shape[-1])) if wild else value


def _row(step: Step, pairs: Sequence[tuple[Any, Any]]) -> CheckedStep:
    """The row of a step that says `got` where it should say `wanted`, in each of the pairs."""
    error = _error(pairs)
    return CheckedStep(step.number, step.name, step.formula, error, bool(error <= TOLERANCE))


def _error(pairs: Sequence[tuple[Any, Any]]) -> float:
    """The largest difference within the pairs, relative to the largest entry; NaN where there is one."""
    error = 0.0
    for got, wanted in pairs:
        got, wanted = np.asarray(got, float), np.asarray(wanted, float)
        scale = max(1.0, float(np.max(np.abs(wanted), initial=0.0)))
        error = float(np.maximum(error, np.max(np.abs(got - wanted), initial=0.0) / scale))  # NaN stays
    return error


class _World:
    """The values of all boxes and gradients at one point."""

    def __init__(self, derivation: Transcript, inputs: list[Node], values: dict[Node, Any],
                 sizes: dict[sp.Symbol, int]) -> None:
        self.derivation, self.inputs, self.inputs_at = derivation, inputs, values
        self.sizes = {s.name: n for s, n in sizes.items()}
        self.values: dict[Node, Any] = {}  # by leaf
        found = [box for box in derivation.graph if box.leaf.op is ops.INPUT]
        outputs = self.evaluate([box.node for box in found], values)
        for box, value in zip(found, outputs, strict=True):
            self.values[box.leaf] = value
        self.gradients: dict[Node, Any] = {}
        self.known: Mapping[Node, Any] = ChainMap(self.gradients, self.values)
        self.root = derivation.graph[-1]
        self.samples = next((s.world.samples for s in derivation.steps if s.world is not None), None)
        self.rows = len(self.values[self.root.leaf]) if derivation.loss.shape else None  # one loss for each sample
        self.users: dict[Box, list[Box]] = {box: [] for box in derivation.graph}
        for box in derivation.graph:
            for operand in box.operands:
                self.users[operand].append(box)

    def gradient(self, box: Box) -> Any:
        """G_v of a box, as its step gave it; that of the loss by itself is 1."""
        if box is self.root:
            return np.ones(np.shape(self.values[box.leaf]))
        return self.gradients[cotangent_leaf(box, self.samples)]

    def paired(self, box: Box, gradient: Any, value: Any) -> Any:
        """The inner product of a gradient with a value of the box; of each sample, where each has its loss."""
        if self.rows is None:
            return np.sum(np.asarray(gradient) * value)
        value = np.reshape(value, (self.rows if _sampled(box) else 1, -1))
        return np.sum(np.reshape(gradient, (self.rows, -1)) * value, axis=1)

    def evaluate(self, nodes: Sequence[Node], at: Mapping[Node, Any]) -> list[Any]:
        """The values of `nodes` at values of the inputs they need."""
        needed = [n for n in topological(nodes) if n.op is ops.INPUT]
        tensors: list[Tensor] = [wrap(n) for n in needed]
        result: list[Any] = function(tensors, [wrap(n) for n in nodes], sizes=self.unbound(needed))(
            *(at[n] for n in needed))
        return result

    def number(self, weight: Weight) -> float:
        """A weight at the sizes of this point."""
        return float(to_expr(weight).subs({s: self.sizes[s.name] for s in to_expr(weight).free_symbols}))

    def unbound(self, needed: Sequence[Node]) -> dict[str, int]:
        bound = {s.name for n in needed for s in n.shape if isinstance(s, sp.Symbol)}
        return {name: n for name, n in self.sizes.items() if name not in bound}


def _step(step: Step, world: _World, rng: np.random.Generator) -> list[tuple[Any, Any]]:
    """What the step and the steps inside it say, and what the numbers say."""
    box = step.box
    if step.kind == "forward":
        pairs = [(world.evaluate([step.node], world.values)[0], world.values[box.leaf])]
        return [*pairs, _whole(world)] if box.kind == "output" else pairs
    if step.kind == "mean":
        return [_mean(step, world)]
    (got,) = world.evaluate([step.node], world.known)
    got = np.asarray(got)
    inner = _inside(step, world)
    world.gradients[cotangent_leaf(box, step.world.samples if step.world else None)] = got
    compared: list[tuple[Any, Any]] = []
    for entries, wanted in _differences(world, step, rng):
        per_sample = np.ndim(wanted[0]) == 1  # a row of differences for each sample
        rows = got.reshape(got.shape[0] if per_sample else 1, -1)
        compared = [(rows[:, entries], np.stack([np.atleast_1d(w) for w in wanted], axis=1))]
        if _error(compared) <= TOLERANCE:
            break
    return compared if inner is None else [*compared, (inner, got)]


def _whole(world: _World) -> tuple[Any, Any]:
    """The loss that is derived, weighted and added up, and what the user wrote."""
    derivation = world.derivation
    loss, written = world.evaluate([derivation.loss, derivation.y.node], world.inputs_at)
    return (loss if derivation.weight is None else world.number(derivation.weight) * np.sum(loss)), written


def _inside(step: Step, world: _World) -> Any:
    """The gradient as the inner steps find it, one after the other; None where there are none."""
    total, value = 0.0, None
    own: dict[Node, Any] = {}
    known = ChainMap(own, world.gradients, world.values)
    for inner in step.steps:
        (value,) = world.evaluate([inner.node], known)
        if inner.kind == "use":
            total = total + value
            value = total
        elif inner.kind == "forward":
            own[inner.box.leaf] = value
        else:
            own[cotangent_leaf(inner.box, inner.world.samples if inner.world else None)] = value
    return value


def _sampled(box: Box) -> bool:
    return box.leaf.op is ops.INPUT and box.leaf.attrs[0].over is not None


def _differences(world: _World, step: Step, rng: np.random.Generator) -> Iterator[tuple[np.ndarray, list[Any]]]:
    """Central differences by entries of one value, with one distance after the other; none without entries.

    What is differentiated is the sum of G_u u over all uses u of the value, as the graph has them: the gradients of
    these are proved already, so by the chain rule this is the derivative of the loss. Where the value has samples,
    those of all samples at once.
    """
    box = step.box
    users = world.users[box]
    weights = [world.gradient(user) for user in users]
    needed = [n for n in topological([user.local for user in users]) if n.op is ops.INPUT]
    value = np.asarray(world.values[box.leaf], float)
    per_sample = _sampled(box) and world.rows is not None
    count = int(np.prod(value.shape[1:] if per_sample else value.shape))
    entries = np.sort(rng.permutation(count)[:ENTRIES])
    f = function([wrap(n) for n in needed], [wrap(user.local) for user in users], sizes=world.unbound(needed))
    place = needed.index(box.leaf)
    at = [world.values[n] for n in needed]

    def moved(entry: int, distance: float) -> Any:
        new = value.copy()
        new.reshape(value.shape[0] if per_sample else 1, -1)[:, entry] += distance
        at[place] = new
        return sum(world.paired(user, g, u) for user, g, u in zip(users, weights, f(*at), strict=True))

    for h in STEPS if count else ():
        yield entries, [_slope(partial(moved, entry), h) for entry in entries]


def _slope(f: Callable[[float], Any], h: float) -> Any:
    """The derivative of `f` at 0, to the fourth order in the distance h."""
    total: Any = 0.0
    for offset, factor in ((-2, 1), (-1, -8), (1, 8), (2, -1)):
        total = total + factor * np.asarray(f(offset * h))
    return total / (12 * h)


def _joint(world: _World, rng: np.random.Generator) -> tuple[Any, Any] | None:
    """All gradients at once along a random direction, against differences of the whole loss; None where no symbol is
    asked for: what each step takes for granted is proved here for all of them."""
    asked = [s for s in world.derivation.outputs if s.box.node.op is ops.INPUT]
    loss = world.derivation.loss
    if not asked:
        return None
    along = {s.box.node: rng.standard_normal(np.shape(world.values[s.box.leaf])) for s in asked}
    gradient = sum(world.paired(s.box, world.gradient(s.box), along[s.box.node]) for s in asked)
    needed = [n for n in topological([loss]) if n.op is ops.INPUT]
    f = function([wrap(n) for n in needed], wrap(loss), sizes=world.unbound(needed))

    def moved(distance: float) -> Any:
        return f(*(world.inputs_at[n] + distance * along[n] if n in along else world.inputs_at[n] for n in needed))

    pairs = [(gradient, _slope(moved, h)) for h in (*STEPS, NEAR)]
    return min(pairs, key=lambda pair: _error([pair]))


def _mean(step: Step, world: _World) -> tuple[Any, Any]:
    """The batch formulas, against the mean of the gradients of single samples."""
    got, wanted = [], []
    weight = step.weight
    assert weight is not None
    by = world.number(weight)
    known = world.known
    for inner in step.steps:
        (sample,) = world.evaluate([inner.node], known)
        if inner.batch is not None:
            (batch,) = world.evaluate([inner.batch], known)
            got.append(np.ravel(batch))
            wanted.append(np.ravel(by * sample.sum(axis=0)))
    if not got:
        return 0.0, 0.0
    return np.concatenate(got), np.concatenate(wanted)


@dataclass(frozen=True)
class Proof:
    """The numerical proof of a derivation: the rows of a table, one sentence, and whether all steps hold; None
    where that is not known, because the loss itself has no finite value at the random points."""

    rows: tuple[tuple[str, ...], ...]
    sentence: str
    good: bool | None


def prove(shown: Transcript, seed: int = 0) -> Proof:
    """Check every step of a derivation at random values."""
    checked = check(shown, seed)
    forward = {step.number for step in shown.steps if step.kind == "forward"}
    if any(row.number in forward and not math.isfinite(row.error) for row in checked.rows):
        rows = tuple((str(r.number), r.formula, "-", "?") for r in checked.rows)
        return Proof(rows, "not checked: the loss has no finite value at the random points; another --seed may have",
                     None)
    rows = tuple((str(r.number), r.formula, f"{r.error:.1e}", "ok" if r.holds else "FAILS") for r in checked.rows)
    return Proof(rows, str(checked).splitlines()[0].rstrip(":"), bool(checked))
