"""A derivation at one point: the values of its boxes, of its gradients as the steps give them, and their rounding.

Functions are compiled once for what they compute. How much of a value rounding has made is told by blurring: every
operation and every input moved by a little (`computing/points.py`).
"""

from __future__ import annotations

from collections import ChainMap
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import sympy as sp

from symgrad.computing.functions import function
from symgrad.computing.points import BLUR, BLURS, Point, blurred, blurred_values
from symgrad.derivations.checked import compared
from symgrad.derivations.differences import ROUNDING
from symgrad.derivations.moving import undeclared, without_stops
from symgrad.derivations.places import inputs_of
from symgrad.derivations.transcript import Transcript
from symgrad.graphs import ops
from symgrad.graphs.algebra.primitives import input_node
from symgrad.graphs.node import REAL, Node, Symbol, topological
from symgrad.graphs.pieces.boxes import Box, cotangent_leaf
from symgrad.graphs.weights import Weight, to_expr
from symgrad.language.tensor import wrap

ROUNDED = 1e-12  # of the largest gradient
BLURRED = 1e-2  # of what blurring moves, the most that rounding does
DRAWN = 3  # ways of blurring

Evaluate = Callable[[Sequence[Node], Mapping[Node, Any]], list[Any]]


class AtPoint:
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
        value = np.reshape(value, (self.rows if has_samples(box) else 1, -1))
        gradient = np.reshape(gradient, (self.rows, -1))
        return np.sum(np.where(gradient == 0, 0.0, gradient * value), axis=1)

    def asked(self) -> dict[Node, Any]:
        """The gradients of what was written by the variables asked for, as the steps give them."""
        weight = self.derivation.weight
        result = {}
        for step in self.derivation.outputs:
            value = self.gradient(step.box)
            if weight is not None:
                value = self.number(weight) * (value if has_samples(step.box) else np.sum(value, axis=0))
            result[step.box.node] = value
        return result

    def remainder(self) -> float:
        """What rounding may leave of a gradient that cancels: that of a bias in front of a batch norm is zero."""
        sizes = [np.abs(g[np.isfinite(g)]).max(initial=0.0) for g in map(np.asarray, self.gradients.values())]
        return ROUNDED * float(max(sizes, default=0.0))

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
        moved = self._evaluate_blurred(nodes, at, np.random.default_rng(0))
        return [np.abs(now - was) / BLUR for now, was in zip(moved, self.evaluate(nodes, at), strict=True)]

    def _evaluate_blurred(self, nodes: Sequence[Node], at: Mapping[Node, Any], rng: np.random.Generator) -> list[Any]:
        factors = [input_node(Symbol("data", f"blur_{i}"), (), REAL) for i in range(BLURS)]
        near = {f: np.asarray(1 + BLUR * rng.standard_normal()) for f in factors}
        return self.evaluate(blurred(nodes, factors), ChainMap(near, dict(at)))

    def rounding(self, steps: Callable[[Evaluate], Any]) -> float:
        """How far rounding may move what `steps` compute, one value from another, with the function it is given."""
        wanted, largest = np.asarray(steps(self.evaluate)), 0.0
        for seed in range(DRAWN):
            rng = np.random.default_rng(seed)

            def moved(nodes: Sequence[Node], at: Mapping[Node, Any], rng: np.random.Generator = rng) -> list[Any]:
                needed = {n: at[n] for n in topological(nodes) if n.op is ops.INPUT}
                return self._evaluate_blurred(nodes, blurred_values(needed, rng), rng)

            largest = max(largest, float(np.max(np.abs(np.asarray(steps(moved)) - wanted), initial=0.0)))
        return BLURRED * largest

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


def has_samples(box: Box) -> bool:
    """Is it a symbol with an entry for each sample?"""
    return box.leaf.op is ops.INPUT and box.leaf.attrs[0].over is not None
