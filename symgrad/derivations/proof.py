"""The proof of a derivation by numbers: every step at random values, in float64, with random unequal sizes.

A forward step must give the value that the whole graph has, and the last one the value of what the user wrote. A
gradient must equal central differences (fourth order: Fornberg 1988, table 1), and what its inner steps give: those of
the uses of that one value, weighted with gradients that are proved already, and at the end those of the whole loss along
one direction. So the work is that of a few passes, however many steps there are. At the end `sg.gradient` and the
programs are compared with it (`views.py`). The points lie on both sides of every condition (`places.py`); what stops a
gradient is a constant for the differences as well; where they have no digits, a step is not checked (`checked.py`).
"""

from __future__ import annotations

from collections import ChainMap
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import sympy as sp

from symgrad.computing.functions import function
from symgrad.computing.points import BLUR, BLURS, Point, blurred, blurred_values
from symgrad.derivations import views
from symgrad.derivations.checked import TOLERANCE, Check, CheckedStep, Finding, all_of, compared, found, together
from symgrad.derivations.differences import NEAR, OTHERS, ROUNDING, STEPS, Estimate, by_differences, slope
from symgrad.derivations.moving import undeclared, without_stops
from symgrad.derivations.places import inputs_of, places
from symgrad.derivations.steps import Step
from symgrad.derivations.transcript import Transcript
from symgrad.graphs import ops
from symgrad.graphs.algebra.primitives import input_node
from symgrad.graphs.errors import SymgradError
from symgrad.graphs.node import REAL, Node, Symbol, topological
from symgrad.graphs.pieces.boxes import Box, cotangent_leaf
from symgrad.graphs.weights import Weight, to_expr
from symgrad.language.tensor import wrap

ENTRIES = 12  # entries of a gradient that are tried
BLURRED = 1e-2  # of what blurring moves, the most that rounding does


def check(derivation: Transcript, seed: int = 0) -> Check:
    """Confirm every step at random values; see `Derivation.check`."""
    rng = np.random.default_rng(seed)
    points = places(derivation, rng)
    compiled: dict[Any, Any] = {}
    findings: list[list[Finding]] = [[] for _ in derivation.steps]
    worlds = []
    with np.errstate(all="ignore"):
        for point in points:
            try:
                world = _World(derivation, point, compiled)
            except SymgradError as error:
                for each in findings:
                    each.append(Finding(float("nan"), None, str(error)))
                continue
            if not np.isfinite(world.values[world.root.leaf]).all():
                for each in findings:
                    each.append(Finding(float("nan"), None, "the loss has no finite value at the random points"))
                continue
            worlds.append(world)
            new = [_step(step, world, rng) for step in derivation.steps]
            new[-1] = all_of([new[-1], *_joint(world, rng)])
            for each, one in zip(findings, new, strict=True):
                each.append(one)
        summed = [together(each) for each in findings]
        proved = all(one.holds for one in summed)
        seen = views.views(derivation, [(w.point, w.asked()) for w in worlds], proved)
    rows = [CheckedStep(step.number, step.name, step.formula, one.error, one.holds, one.reason)
            for step, one in zip(derivation.steps, summed, strict=True)]
    return Check(tuple(rows), {s.name: n for s, n in points[0].sizes.items()}, tuple(seen))


class _World:
    """The values of all boxes and gradients at one point."""

    def __init__(self, derivation: Transcript, point: Point, compiled: dict[Any, Any]) -> None:
        self.derivation, self.point, self.inputs_at = derivation, point, point.values
        self.inputs = inputs_of(derivation)
        self.compiled = compiled  # functions by what they compute: points of the same sizes share them
        self.sizes = {s.name: n for s, n in point.sizes.items()}
        self.values: dict[Node, Any] = {}  # by leaf
        found = [box for box in derivation.graph if box.leaf.op is ops.INPUT]
        outputs = self.evaluate([box.node for box in found], self.inputs_at)
        for box, value in zip(found, outputs, strict=True):
            self.values[box.leaf] = value
        self.gradients: dict[Node, Any] = {}
        self.known: Mapping[Node, Any] = ChainMap(self.gradients, self.values)
        self.root = derivation.graph[-1]
        self.samples = next((s.world.samples for s in derivation.steps if s.world is not None), None)
        self.rows = len(self.values[self.root.leaf]) if derivation.loss.shape else None  # one loss for each sample
        self.users: dict[Node, list[Box]] = {box.leaf: [] for box in derivation.graph}
        for box in derivation.graph:
            for operand in box.operands:
                self.users[operand.leaf].append(box)

    def gradient(self, box: Box) -> Any:
        """G_v of a box, as its step gave it; that of the loss by itself is 1."""
        if box.leaf is self.root.leaf:
            return np.ones(np.shape(self.values[box.leaf]))
        return self.gradients[cotangent_leaf(box, self.samples)]

    def has_gradient(self, box: Box) -> bool:
        """Does the loss depend on the box other than through what stops a gradient?"""
        return box.leaf is self.root.leaf or cotangent_leaf(box, self.samples) in self.gradients

    def paired(self, box: Box, gradient: Any, value: Any) -> Any:
        """The inner product of a gradient with a value of the box; of each sample, where each has its loss.

        What has no gradient adds nothing, whatever its value: minus infinity in a mask.
        """
        gradient = np.asarray(gradient)
        if self.rows is None:
            return np.sum(np.where(gradient == 0, 0.0, gradient * value))
        value = np.reshape(value, (self.rows if _sampled(box) else 1, -1))
        gradient = np.reshape(gradient, (self.rows, -1))
        return np.sum(np.where(gradient == 0, 0.0, gradient * value), axis=1)

    def asked(self) -> dict[Node, Any]:
        """The gradients of what was written by the variables asked for, as the steps give them."""
        weight = self.derivation.weight
        result = {}
        for step in self.derivation.outputs:
            value = self.gradient(step.box)
            if weight is not None:
                value = self.number(weight) * (value if _sampled(step.box) else np.sum(value, axis=0))
            result[step.box.node] = value
        return result

    def evaluate(self, nodes: Sequence[Node], at: Mapping[Node, Any]) -> list[Any]:
        """The values of `nodes` at values of the inputs they need."""
        f, needed = self.function(nodes)
        result: list[Any] = f(*(at[n] for n in needed))
        return result

    def function(self, nodes: Sequence[Node]) -> tuple[Any, list[Node]]:
        """What computes `nodes`, and the inputs it takes."""
        needed = [n for n in topological(nodes) if n.op is ops.INPUT]
        unbound = self.unbound(needed)
        key = (*nodes, *sorted(unbound.items()))
        if key not in self.compiled:
            plain = [wrap(n) for n in undeclared([*needed, *nodes])]
            self.compiled[key] = function(plain[:len(needed)], plain[len(needed):], sizes=unbound)
        return self.compiled[key], needed

    def held(self, nodes: Sequence[Node], at: Mapping[Node, Any]) -> tuple[list[Node], dict[Node, Any]]:
        """The nodes with what stops a gradient as symbols, and the values of these: they do not move."""
        plain, fixed = without_stops(nodes)
        values = self.evaluate(list(fixed), at) if fixed else []
        return plain, dict(zip(fixed.values(), values, strict=True))

    def blurred_gaps(self, nodes: Sequence[Node], at: Mapping[Node, Any]) -> list[Any]:
        """How large the numbers are whose rounding the values of `nodes` have: in a sum of 1e16 and c, 1e16."""
        factors = [input_node(Symbol("data", f"blur_{i}"), (), REAL) for i in range(BLURS)]
        rng = np.random.default_rng(0)
        near = {f: np.asarray(1 + BLUR * rng.standard_normal()) for f in factors}
        moved = self.evaluate(blurred(nodes, factors), ChainMap(near, dict(at)))
        return [np.abs(now - was) / BLUR for now, was in zip(moved, self.evaluate(nodes, at), strict=True)]

    def noise(self, nodes: Sequence[Node], at: Mapping[Node, Any]) -> float:
        """How much of the values of `nodes` rounding may have made, as a relative error."""
        rng = np.random.default_rng(0)
        moved = self.evaluate(nodes, blurred_values(at, rng))
        values = self.evaluate(nodes, at)
        by_inputs = BLURRED * max(compared(now, was) for now, was in zip(moved, values, strict=True))
        gaps = self.blurred_gaps(nodes, at)  # (c + 1e16) - 1e16 has lost c whatever its inputs are
        by_rounding = max(compared(was + ROUNDING * gap, was) for was, gap in zip(values, gaps, strict=True))
        return max(by_inputs, by_rounding)

    def number(self, weight: Weight) -> float:
        """A weight at the sizes of this point."""
        return float(to_expr(weight).subs({s: self.sizes[s.name] for s in to_expr(weight).free_symbols}))

    def unbound(self, needed: Sequence[Node]) -> dict[str, int]:
        bound = {s.name for n in needed for s in n.shape if isinstance(s, sp.Symbol)}
        return {name: n for name, n in self.sizes.items() if name not in bound}


def _step(step: Step, world: _World, rng: np.random.Generator) -> Finding:
    """What the step and the steps inside it say, against what the numbers say."""
    box = step.box
    if step.kind == "forward":
        own = _agree(world.evaluate([step.node], world.values)[0], world.values[box.leaf], world, [step.node], world.values)
        return all_of([own, _whole(world)]) if box.kind == "output" else own
    if step.kind == "mean":
        return found(compared(*_mean(step, world)))
    (got,) = world.evaluate([step.node], world.known)
    got = np.asarray(got)
    inner = _inside(step, world)
    world.gradients[cotangent_leaf(box, step.world.samples if step.world else None)] = got
    state = rng.bit_generator.state
    own = by_differences(got, _differences(world, step, rng))
    if own.holds is False:  # is it the rounding inside the boxes that use the value?
        rng.bit_generator.state = state
        own = by_differences(got, _differences(world, step, rng, inside=True))
    return own if inner is None else all_of([own, _agree(inner, got, world, [step.node], world.known)])


def _agree(got: Any, wanted: Any, world: _World, nodes: Sequence[Node], at: Mapping[Node, Any]) -> Finding:
    """Two values of one thing; where they differ, is that more than rounding?"""
    error = compared(got, wanted)
    if error <= TOLERANCE:
        return found(error)
    needed = {n: at[n] for n in topological(nodes) if n.op is ops.INPUT}
    return found(error, world.noise(nodes, needed))


def _whole(world: _World) -> Finding:
    """The loss that is derived, weighted and added up, and what the user wrote."""
    derivation = world.derivation
    nodes = [derivation.loss, derivation.y.node]
    loss, written = world.evaluate(nodes, world.inputs_at)
    if derivation.weight is not None:
        loss = world.number(derivation.weight) * np.sum(loss)
    return _agree(loss, written, world, nodes, world.inputs_at)


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


def _differences(world: _World, step: Step, rng: np.random.Generator, inside: bool = False) -> Iterator[Estimate]:
    """Central differences by entries of one value, with one distance after the other; none without entries.

    What is differentiated is the sum of G_u u over all uses u of the value, as the graph has them: the gradients of
    these are proved already, so by the chain rule this is the derivative of the loss. Where the value has samples,
    those of all samples at once. `inside`: rounding is that of every operation, not of the uses alone.
    """
    box = step.box
    users = [user for user in world.users[box.leaf] if world.has_gradient(user)]
    weights = [world.gradient(user) for user in users]
    locals_, fixed = world.held([user.local for user in users], world.values)
    known = ChainMap(fixed, world.values)
    f, needed = world.function(locals_)
    value = np.asarray(world.values[box.leaf], float)
    per_sample = _sampled(box) and world.rows is not None
    count = int(np.prod(value.shape[1:] if per_sample else value.shape))
    entries = np.sort(rng.permutation(count)[:ENTRIES])
    at = {n: known[n] for n in needed}
    sizes = sum(np.max(np.abs(world.paired(user, np.abs(g), np.abs(known_value))), initial=0.0)
                for user, g, known_value in zip(users, weights, f(*at.values()), strict=True))

    if inside:
        gaps = world.blurred_gaps(locals_, known)
        sizes = sizes + sum(np.max(np.abs(world.paired(user, np.abs(g), gap)), initial=0.0)
                            for user, g, gap in zip(users, weights, gaps, strict=True))

    def moved(entry: int, distance: float) -> Any:
        new = value.copy()
        new.reshape(value.shape[0] if per_sample else 1, -1)[:, entry] += distance
        if box.leaf in at:
            at[box.leaf] = new
        return sum(world.paired(user, g, u) for user, g, u in zip(users, weights, f(*at.values()), strict=True))

    def scale(entry: int) -> float:
        sizes_here = np.abs(value.reshape(value.shape[0] if per_sample else 1, -1)[:, entry])
        return float(np.max(sizes_here[np.isfinite(sizes_here)], initial=0.0)) or 1.0

    for h in STEPS if count else ():
        slopes = [np.atleast_1d(slope(partial(moved, entry), h)) for entry in entries]
        yield Estimate(entries, np.stack(slopes, axis=1), ROUNDING * float(sizes) / h, inside)
    for h in OTHERS if count else ():  # relative to the value
        slopes = [np.atleast_1d(slope(partial(moved, entry), h * scale(entry))) for entry in entries]
        least = min(map(scale, entries))
        yield Estimate(entries, np.stack(slopes, axis=1), ROUNDING * float(sizes) / (h * least), True)


def _joint(world: _World, rng: np.random.Generator) -> list[Finding]:
    """All gradients at once along a random direction, against differences of the whole loss; none where no symbol is
    asked for: what each step takes for granted is proved here for all of them."""
    if not (asked := [s for s in world.derivation.outputs if s.box.node.op is ops.INPUT]):
        return []
    along = {s.box.node: rng.standard_normal(np.shape(world.values[s.box.leaf])) for s in asked}
    gradient = np.atleast_1d(sum(world.paired(s.box, world.gradient(s.box), along[s.box.node]) for s in asked))
    (loss,), fixed = world.held([world.derivation.loss], world.inputs_at)
    f, needed = world.function([loss])
    known = ChainMap(fixed, dict(world.inputs_at))

    def moved(distance: float) -> Any:
        return f(*(known[n] + distance * along[n] if n in along else known[n] for n in needed))[0]

    def estimates(size: float, strict: bool) -> Iterator[Estimate]:
        for h in (*STEPS, NEAR, *OTHERS):
            slopes = np.atleast_1d(slope(moved, h)).reshape(-1, 1)
            yield Estimate(np.zeros(1, int), slopes, ROUNDING * size / h, strict or h not in STEPS)

    size = float(np.max(np.abs(moved(0.0)), initial=0.0))
    result = by_differences(gradient.reshape(-1, 1), estimates(size, False))
    if result.holds is False:
        size += float(np.max(world.blurred_gaps([loss], known)[0], initial=0.0))
        result = by_differences(gradient.reshape(-1, 1), estimates(size, True))
    return [result]


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
    words = {True: "ok", False: "FAILS", None: "?"}
    rows = tuple((str(r.number), r.formula, "-" if r.holds is None else f"{r.error:.1e}", words[r.holds])
                 for r in checked.rows)
    if checked.rows and all(row.holds is None for row in checked.rows):
        return Proof(rows, f"{checked}; another --seed may have", None)
    return Proof(rows, str(checked).splitlines()[0].rstrip(":"), bool(checked))
