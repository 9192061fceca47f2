"""What is inside a backward step: one term for each use of the value, or the box that uses it taken apart.

A box is taken apart as the whole graph was, but into single operations: u_1 = x - y, r = ||u_1||^2, then
G_{u_1} = 2 u_1, G_x = G_{u_1}. The last inner step is the outer one, derived by smaller steps.
"""

from __future__ import annotations

from dataclasses import replace

from symgrad.derivations.steps import Step, World, backward, flow, forward
from symgrad.graphs.algebra.samples import sample_axes
from symgrad.graphs.node import depends, topological
from symgrad.graphs.pieces.boxes import boxes, cotangent_leaf, row_of
from symgrad.graphs.pieces.choosing import solid
from symgrad.language.tensor import wrap


def inside(step: Step) -> tuple[Step, ...]:
    """The inner steps of a backward step; none where the rule says all there is to say."""
    if step.kind != "backward" or step.world is None:
        return ()
    if len(step.consumers) > 1:
        return tuple(
            Step(i, "use", step.name, flow(user, step.box, step.world, False), step.box, (user,), loss=step.loss,
                 inside=step.label, world=step.world)
            for i, user in enumerate(step.consumers, start=1))
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
    world = World(found[-1], seed, step.loss, None, step.world.samples)
    first = [s for s in forward(found, world, step.label) if s.box.node in live]
    first = [replace(s, number=i, by=()) for i, s in enumerate(first, start=1)]
    return (*first, *backward(found, [wrap(leaf)], world, first, step.label))
