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

from symgrad.derivations import views
from symgrad.derivations.at_point import AtPoint, Evaluate, has_samples
from symgrad.derivations.checked import TOLERANCE, Check, CheckedStep, Finding, all_of, compared, found, together
from symgrad.derivations.differences import NEAR, OTHERS, ROUNDING, STEPS, Estimate, by_differences, slope, slopes
from symgrad.derivations.places import places
from symgrad.derivations.steps import Step
from symgrad.derivations.transcript import Transcript
from symgrad.graphs import ops
from symgrad.graphs.errors import SymgradError
from symgrad.graphs.node import Node, topological
from symgrad.graphs.pieces.boxes import cotangent_leaf

ENTRIES = 12  # entries of a gradient that are tried
ROUNDED = "rounding alone moves the values as far"


def check(derivation: Transcript, seed: int = 0) -> Check:
    """Confirm every step at random values; see `Derivation.check`."""
    rng = np.random.default_rng(seed)
    points, clear = places(derivation, rng)
    compiled: dict[Any, Any] = {}
    findings: list[list[Finding]] = [[] for _ in derivation.steps]
    worlds = []
    with np.errstate(all="ignore"):
        for point in points:
            try:
                world = AtPoint(derivation, point, compiled)
            except SymgradError as error:
                for each in findings:
                    each.append(Finding(float("nan"), None, str(error)))
                continue
            finite = bool(np.isfinite(world.values[world.root.leaf]).all())
            if not finite or not clear:
                reason = ROUNDED if finite else "the loss has no finite value at the random points"
                for each in findings:
                    each.append(Finding(float("nan"), None, reason))
                continue
            worlds.append(world)
            new = [_step(step, world, rng) for step in derivation.steps]
            new[-1] = all_of([new[-1], *_joint(world, rng)])
            for each, one in zip(findings, new, strict=True):
                each.append(one)
        summed = [together(each) for each in findings]
        proved = all(one.holds for one in summed)
        seen = views.views(derivation, [(w.point, w.asked()) for w in worlds], proved,
                           [w.remainder() for w in worlds])
    rows = [CheckedStep(step.number, step.name, step.formula, one.error, one.holds, one.reason)
            for step, one in zip(derivation.steps, summed, strict=True)]
    return Check(tuple(rows), {s.name: n for s, n in points[0].sizes.items()}, tuple(seen))


def _step(step: Step, world: AtPoint, rng: np.random.Generator) -> Finding:
    """What the step and the steps inside it say, against what the numbers say."""
    box = step.box
    if step.kind == "forward":
        own = _agree(world.evaluate([step.node], world.values)[0], world.values[box.leaf], world, [step.node], world.values)
        return all_of([own, _whole(world)]) if box.kind == "output" else own
    if step.kind == "mean":
        return found(compared(*_mean(step, world)))
    (got,) = world.evaluate([step.node], world.known)
    got = np.asarray(got)
    inner = _inside(step, world, world.evaluate) if step.steps else None
    world.gradients[cotangent_leaf(box, step.world.samples if step.world else None)] = got
    state = rng.bit_generator.state
    own = by_differences(got, _differences(world, step, rng))
    if own.holds is False:  # is it the rounding inside the boxes that use the value?
        rng.bit_generator.state = state
        own = by_differences(got, _differences(world, step, rng, inside=True))
    if inner is None:
        return own
    agreed = _agree(inner, got, world, [step.node], world.known)
    if agreed.holds is False:  # is it the rounding of the inner steps, as where uses cancel?
        floor = world.rounding(partial(_inside, step, world))
        if np.max(np.abs(np.asarray(inner) - got), initial=0.0) <= floor:
            nothing = np.max(np.abs(got), initial=0.0) <= floor
            agreed = Finding(compared(inner, got, floor), True if nothing else None, "" if nothing else ROUNDED)
    return all_of([own, agreed])


def _agree(got: Any, wanted: Any, world: AtPoint, nodes: Sequence[Node], at: Mapping[Node, Any]) -> Finding:
    """Two values of one thing; where they differ, is that more than rounding?"""
    error = compared(got, wanted)
    if error <= TOLERANCE:
        return found(error)
    needed = {n: at[n] for n in topological(nodes) if n.op is ops.INPUT}
    return found(error, world.noise(nodes, needed))


def _whole(world: AtPoint) -> Finding:
    """The loss that is derived, weighted and added up, and what the user wrote."""
    derivation = world.derivation
    nodes = [derivation.loss, derivation.y.node]
    loss, written = world.evaluate(nodes, world.inputs_at)
    if derivation.weight is not None:
        loss = world.number(derivation.weight) * np.sum(loss)
    return _agree(loss, written, world, nodes, world.inputs_at)


def _inside(step: Step, world: AtPoint, evaluate: Evaluate) -> Any:
    """The gradient as the inner steps find it, one after the other."""
    total, value = 0.0, None
    own: dict[Node, Any] = {}
    known = ChainMap(own, world.gradients, world.values)
    for inner in step.steps:
        (value,) = evaluate([inner.node], known)
        if inner.kind == "use":
            total = total + value
            value = total
        elif inner.kind == "forward":
            own[inner.box.leaf] = value
        else:
            own[cotangent_leaf(inner.box, inner.world.samples if inner.world else None)] = value
    return value


def _differences(world: AtPoint, step: Step, rng: np.random.Generator, inside: bool = False) -> Iterator[Estimate]:
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
    per_sample = has_samples(box) and world.rows is not None
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

    both: Sequence[np.ndarray] = ()
    for h in STEPS if count else ():
        coarse = both
        taken = [np.stack([np.atleast_1d(each) for each in slopes(partial(moved, entry), h)]) for entry in entries]
        middle, *both = np.stack(taken, axis=2)
        yield Estimate(entries, middle, ROUNDING * float(sizes) / h, inside, (both, coarse) if coarse else None)
    for h in OTHERS if count else ():  # relative to the value
        rates = [np.atleast_1d(slope(partial(moved, entry), h * scale(entry))) for entry in entries]
        least = min(map(scale, entries))
        yield Estimate(entries, np.stack(rates, axis=1), ROUNDING * float(sizes) / (h * least), True)


def _joint(world: AtPoint, rng: np.random.Generator) -> list[Finding]:
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


def _mean(step: Step, world: AtPoint) -> tuple[Any, Any]:
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
