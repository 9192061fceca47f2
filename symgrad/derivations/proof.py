"""The proof of a derivation by numbers: every step at random values, in float64, with random unequal sizes.

A forward step must give the value that the whole graph has, and the last one the value of what the user wrote. A
gradient must equal central differences of the loss as a function of that one value, everything above it computed anew
(fourth order: Fornberg 1988, table 1), and what its inner steps give. Kinks are not met at random points.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import sympy as sp

from symgrad.computing.functions import function
from symgrad.computing.points import random_sizes, random_value
from symgrad.derivations.steps import Step
from symgrad.derivations.transcript import Transcript
from symgrad.graphs import ops
from symgrad.graphs.algebra.primitives import rebuild
from symgrad.graphs.node import Node, topological, transform
from symgrad.graphs.pieces.boxes import Box, cotangent_leaf
from symgrad.graphs.weights import Weight, to_expr
from symgrad.language.tensor import Tensor, wrap

TOLERANCE = 1e-6
ENTRIES = 12  # entries of a gradient that are tried
STEPS = (1e-3, 1e-4, 1e-5)  # of the differences: the next where a loss bends too much for the one before


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
    inputs += [n for n in topological([derivation.y.node]) if n.op is ops.INPUT and n not in set(inputs)]
    sizes = random_sizes([*inputs, derivation.loss], rng)
    for attempt in range(5):
        style = "positive" if attempt >= 2 else "normal"
        values = {node: _tame(node, random_value(node, sizes, rng, style)) for node in inputs}
        world = _World(derivation, inputs, values, sizes)
        if all(np.all(np.isfinite(v)) for v in world.values.values()):
            break
    rows = [_row(step, _step(step, world, rng)) for step in derivation.steps]
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

    def evaluate(self, nodes: Sequence[Node], at: dict[Node, Any]) -> list[Any]:
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
    known = {**world.values, **world.gradients}
    (got,) = world.evaluate([step.node], known)
    got = np.asarray(got)
    inner = _inside(step, world, known)
    world.gradients[cotangent_leaf(box, step.world.samples if step.world else None)] = got
    compared: list[tuple[Any, Any]] = []
    for entries, wanted in _differences(world, box, rng):
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


def _inside(step: Step, world: _World, known: dict[Node, Any]) -> Any:
    """The gradient as the inner steps find it, one after the other; None where there are none."""
    known, total, value = dict(known), 0.0, None
    for inner in step.steps:
        (value,) = world.evaluate([inner.node], known)
        if inner.kind == "use":
            total = total + value
            value = total
        elif inner.kind == "forward":
            known[inner.box.leaf] = value
        else:
            known[cotangent_leaf(inner.box, inner.world.samples if inner.world else None)] = value
    return value


def _sampled(box: Box) -> bool:
    return box.leaf.op is ops.INPUT and box.leaf.attrs[0].over is not None


def _differences(world: _World, box: Box, rng: np.random.Generator) -> Iterator[tuple[np.ndarray, list[Any]]]:
    """Central differences of the loss by entries of one value, with one step after the other; none without entries.

    Where the value has samples, those of all samples at once.
    """
    loss = world.derivation.loss
    memo = {box.node: box.leaf}
    (tail,) = transform([loss], rebuild, memo)
    value = np.asarray(world.values[box.leaf], float)
    per_sample = _sampled(box) and len(loss.shape) == 1
    count = int(np.prod(value.shape[1:] if per_sample else value.shape))
    entries = np.sort(rng.permutation(count)[:ENTRIES])
    needed = [n for n in topological([tail]) if n.op is ops.INPUT]
    f = function([wrap(n) for n in needed], wrap(tail),
                 sizes=world.unbound(needed))
    place = needed.index(box.leaf) if box.leaf in needed else None
    at = [world.values[n] if n in world.values else world.inputs_at[n] for n in needed]
    for step in STEPS if count else ():
        wanted = []
        for entry in entries:
            total: Any = 0.0
            for offset, factor in ((-2, 1), (-1, -8), (1, 8), (2, -1)):
                moved = value.copy()
                flat = moved.reshape(value.shape[0], -1) if per_sample else moved.reshape(1, -1)
                flat[:, entry] += offset * step
                if place is not None:
                    at[place] = moved
                total = total + factor * np.asarray(f(*at))
            wanted.append(total / (12 * step))
        yield entries, wanted


def _mean(step: Step, world: _World) -> tuple[Any, Any]:
    """The batch formulas, against the mean of the gradients of single samples."""
    got, wanted = [], []
    weight = step.weight
    assert weight is not None
    by = world.number(weight)
    known = {**world.values, **world.gradients}
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
