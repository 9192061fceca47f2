"""The steps of a derivation, and the two passes that make them: forward in the order of computation, then backward.

Each backward step applies the transposed Jacobian of the boxes that use a value to the gradients of those, and adds
up: G_v = sum of (du/dv)' G_u. Steps hold small graphs; text is made from them when it is asked for.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import cached_property
from heapq import heappop, heappush

from symgrad.derivations import laws, reasons, text
from symgrad.derivations.transcript import Stage, World
from symgrad.formulas.spelling.letters import for_tex
from symgrad.graphs import ops
from symgrad.graphs.algebra.einsum import contract, literal_value, ones, scale
from symgrad.graphs.algebra.flattening import joined
from symgrad.graphs.algebra.primitives import add
from symgrad.graphs.algebra.recurrence import loop_of
from symgrad.graphs.node import Node, depends, topological, transform
from symgrad.graphs.pieces.boxes import Box, boxes, cotangent_leaf, is_function, joint_cotangents, local_cotangents, row_of
from symgrad.graphs.pieces.recurring import of_each_sample, recurrence_of, recurs
from symgrad.graphs.pieces.statistics import role, through_standardised, without_deviations
from symgrad.graphs.pieces.uses import solid
from symgrad.graphs.samples import sample_axes
from symgrad.graphs.table import rebuild
from symgrad.graphs.textbook.length import Length
from symgrad.graphs.textbook.normal import textbook
from symgrad.graphs.weights import ONE, Weight, times


class Step(Stage):
    """One numbered step, and what it says."""

    @cached_property
    def steps(self) -> tuple[Step, ...]:
        """The steps inside: what is averaged, the terms of a sum over uses, or the box taken apart."""
        return self.parts or inside_of(self)

    @property
    def formula(self) -> str:
        """The formula of one sample, in Unicode."""
        return text.formula(self, "unicode", text.of_one(self))

    @property
    def batch_formula(self) -> str:
        """The formula over the whole batch, samples as rows, in Unicode."""
        return text.formula(self, "unicode", "batch")

    def latex(self, mode: str = "sample") -> str:
        """The formula in LaTeX, of one sample or over the "batch"."""
        return for_tex(text.formula(self, "latex", text.of_one(self) if mode == "sample" else mode))

    def _notation(self) -> str:
        return text.formula(self, "latex", text.of_one(self))

    @property
    def general(self) -> str:
        """The general law by which the step holds, in Unicode."""
        return laws.general(self, "unicode")

    @property
    def law(self) -> str:
        """That law for the values of this step, in Unicode."""
        return text.law(self, "unicode")

    @property
    def rule(self) -> str:
        """Why the step holds, in words."""
        return reasons.rule(self)

    @property
    def local_jacobian(self) -> str:
        """What SymPy derived: the Jacobian of each box that uses the value."""
        return text.jacobians(self, "unicode")

    def __str__(self) -> str:
        return f"({self.label}) {self.formula}"

    def __repr__(self) -> str:
        return f"<Step {self}>"


def _sampled(box: Box) -> bool:
    return box.leaf in sample_axes([box.leaf])


def forward(found: Sequence[Box], world: World, inside: str = "") -> list[Step]:
    """The forward steps: every box that is no symbol."""
    inner = [box for box in found if not box.is_given or box.kind == "output"]
    number = {box: i for i, box in enumerate(inner, start=1)}
    steps = [Step(number[box], "forward", box.name, box.local, box, loss=world.loss, inside=inside, world=world,
                  by=tuple(sorted(number[o] for o in box.operands if o in number))) for box in inner]
    world.line.update({step: i for i, step in enumerate(steps, start=len(world.line))})
    return steps


def backward(found: Sequence[Box], world: World, before: Sequence[Step], inside: str = "") -> list[Step]:
    """Steps in the lecture's order: from the loss backward; of one layer, the input, then b, then W."""
    root, live = found[-1], world.live
    users: dict[Box, list[Box]] = {box: [] for box in found}
    for box in found:
        for operand in box.operands:
            users[operand].append(box)
    order = {box: i for i, box in enumerate(found)}
    waiting = {box: len(users[box]) for box in found if box.node in live}
    steps: list[Step] = []
    defined = {s.box: s.number for s in before}
    derived: dict[Box, int] = {}
    ready = [-order[root]]
    while ready:
        box = found[-heappop(ready)]
        inputs = [o for o in box.operands if o.node in live]
        for operand in inputs:
            waiting[operand] -= 1
        free = [o for o in inputs if waiting[o] == 0]
        inner = sorted((o for o in free if o.kind != "parameter"), key=lambda o: -order[o])
        params = sorted((o for o in free if o.kind == "parameter"), key=lambda o: (len(o.node.shape), o.name))
        for operand in (*inner, *params):
            derived[operand] = len(before) + len(steps) + 1
            uses = users[operand]
            by = [derived[u] for u in uses if u in derived]
            by += [defined[u] for u in uses if u in defined and (len(uses) == 1 or u is root)]
            steps.append(_gradient_step(derived[operand], operand, users, world, tuple(sorted(by)), inside))
            world.line[steps[-1]] = len(world.line)
        for operand in inner:
            heappush(ready, -order[operand])
    return steps


def _gradient_step(number: int, box: Box, uses: Mapping[Box, Sequence[Box]], world: World, by: tuple[int, ...],
                   inside: str) -> Step:
    users = uses[box]
    name = f"G_{{{box.name}}}"
    flows = [flow(each, box, world, False) for each in together(users, world)]  # each has been read already
    applied = flows[0] if len(flows) == 1 and not world.means else _read(add(flows), world)
    compact = _through_norm(box, uses, flows, world) if world.means else None
    world.found[box] = sample = _cancelled(applied, users, world) if compact is None else compact
    if literal_value(sample) == ONE:
        world.units.add(box)  # what it is multiplied with stays alone
    batch = None
    if world.samples is not None and not _sampled(box):  # per sample for the formula, summed over the batch
        batch = add([flow(each, box, world, True) for each in together(users, world)])
        batch = _read(weighted(batch, world.weight or ONE), world)
    return Step(number, "backward", name, sample, box, tuple(users), batch, world.loss,
                applied if sample is not applied else None, by=by, inside=inside, world=world)


def _through_norm(box: Box, uses: Mapping[Box, Sequence[Box]], flows: Sequence[Node], world: World) -> Node | None:
    """The gradient of what is normalised, by that of x_hat alone; None where mean or variance have other uses."""
    users = uses[box]
    for hat in users:
        if role(hat.local, world.means) != "standardised" or hat.leaf.shape != box.leaf.shape:
            continue
        inner = [o for o in hat.operands if o in users]
        mean = next((o for o in inner if o.leaf in world.means and world.means[o.leaf][0] is box.leaf), None)
        variance = next((o for o in inner if o is not mean), None)
        if mean is None or variance is None or len(hat.operands) != 3 or set(variance.operands) != {box, mean} or (
                role(variance.local, world.means) != "variance"):
            continue
        if not set(uses[mean]) <= {variance, hat} or set(uses[variance]) != {hat}:
            continue
        straight = through_standardised(hat.local, hat.leaf, cotangent_leaf(hat, world.samples), world.means[mean.leaf][1])
        if straight is None:
            continue
        rest = [part for user, part in zip(users, flows, strict=True) if user not in (hat, mean, variance)]
        return _read(add([straight, *rest]), world)
    return None


def _cancelled(node: Node, users: Sequence[Box], world: World) -> Node:
    """A gradient with that of the value behind a function put in, where they cancel: p - y for G_p p (1 - p)."""
    behind = world.found.get(users[0]) if len(users) == 1 and is_function(users[0]) else None
    if behind is None or users[0].leaf not in topological([behind]):  # what could cancel is not there
        return node
    whole = _read(transform([node], rebuild, {cotangent_leaf(users[0], world.samples): behind})[0], world)
    length = Length()
    return whole if length(whole) < length(node) and length(whole) <= length(behind) else node


def _read(node: Node, world: World) -> Node:
    """A gradient as a textbook prints it; deviations from a mean add up to zero."""
    shown = textbook(node)
    short = without_deviations(shown, world.means)
    return shown if short is shown else textbook(short)


def weighted(node: Node, by: Weight) -> Node:
    """A node times a weight, a sum term by term: `1/(2 T) (T A - B)` is `1/2 A - 1/(2 T) B`."""
    if node.op is not ops.ADD or len(node.operands) < 2:
        return scale(node, by)
    return joined([(term, times(inner, by)) for term, inner in zip(node.operands, node.attrs[0], strict=True)])


def together(users: Sequence[Box], world: World) -> list[tuple[Box, ...]]:
    """Users that are results of one loop: what comes back through them comes in one loop."""
    found: dict[object, list[Box]] = {}
    for user in users:
        read = recurrence_of(user.local)
        alone = read is None or world.samples is not None and not _sampled(user)
        found.setdefault(user if alone or read is None else loop_of(read), []).append(user)
    return [tuple(each) for each in found.values()]


def flow(users: tuple[Box, ...], box: Box, world: World, summed: bool) -> Node:
    """The part of G_v that comes through boxes that use v: one, or results of one recurrence."""
    user = users[0]
    if len(users) > 1:
        found = world.joint.get((users, box))
        if found is None:
            inputs = list(dict.fromkeys(o for each in users for o in each.operands if o.node in world.live))
            parts = joint_cotangents(users, [_seed(each, world) for each in users], [o.leaf for o in inputs])
            world.joint.update({(users, o): part for o, part in zip(inputs, parts, strict=True)})
            found = world.joint[users, box]
        if world.samples is None or summed or _sampled(box):
            return found
        each = of_each_sample(found)
        return add([flow((one,), box, world, False) for one in users]) if each is None else each
    u = _seed(user, world)
    if world.samples is not None and not summed and _sampled(user) and not _sampled(box) and recurs(user.local):
        each = of_each_sample(flow(users, box, world, True))
        if each is not None:
            return each
    if world.samples is not None and not _sampled(box):  # one gradient for each sample, of a value that all share
        labels = tuple(range(len(u.shape)))
        sizes = dict(zip(labels, u.shape, strict=True))
        if _sampled(user) and not summed:
            u = contract([u], [labels], (0, *labels), sizes)
        elif not _sampled(user) and summed:
            u = contract([u], [labels], labels[1:], sizes)
    if box not in world.parts.get((user, u), ()):  # all operands alike in one pass: a concatenation has many
        whole = recurs(user.local) and u is _seed(user, world)
        alike = [o for o in user.operands if o.node in world.live and (whole or _sampled(o) == _sampled(box))]
        parts = local_cotangents(user, u, [o.leaf for o in alike])
        world.parts[user, u] = world.parts.get((user, u), {}) | dict(zip(alike, parts, strict=True))
    return world.parts[user, u][box]


def _seed(user: Box, world: World) -> Node:
    """G_u of a box that uses a value."""
    u = world.seed if user is world.root else cotangent_leaf(user, world.samples)
    return ones(u.shape) if user in world.units else u


def inside_of(step: Step) -> tuple[Step, ...]:
    """The inner steps of a backward step; none where the rule says all there is to say."""
    if step.kind != "backward":
        return ()
    if len(step.consumers) > 1:
        ways = together(step.consumers, step.world)
        return tuple(
            Step(i, "use", step.name, flow(users, step.box, step.world, False), step.box, users, loss=step.loss,
                 inside=step.label, world=step.world)
            for i, users in enumerate(ways, start=1)) if len(ways) > 1 else ()
    (user,) = step.consumers
    if user.kind == "affine" or row_of(user) is not None:
        return ()
    leaf = step.box.leaf
    live = depends([user.local], {leaf})
    samples = sample_axes([user.local])
    between = [n for n in topological([user.local]) if n in live and n not in (leaf, user.local) and solid(n)
               and samples.get(n, 0) == 0]  # a value with its samples elsewhere is not one a user wrote
    if not between:
        return ()
    found = boxes(user.local, {}, user.name, keep=between, letter="u")
    seed = step.world.seed if user is step.world.root else cotangent_leaf(user, step.world.samples)
    found[-1] = replace(found[-1], kind=user.kind if user.kind == "output" else "operation")
    world = World(found[-1], seed, step.loss, None, step.world.samples, live, step.world.taken,
                  meets=step.world.meets)
    first = [s for s in forward(found, world, step.label) if s.box.node in live]
    first = [replace(s, number=i, by=()) for i, s in enumerate(first, start=1)]
    return (*first, *backward(found, world, first, step.label))
