"""Constraints read off comparisons: `sg.sum(p) <= 1` is left - right <= 0, `sg.equal(A @ x, b)` is left - right = 0.

Each is compiled with the data, with its derived Jacobian and the Hessian of its share in the Lagrangian. A strict
comparison is read as one that may be equal: a minimum at the border is none without it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from types import MappingProxyType
from typing import Any

import numpy as np

from symgrad.computing.points import number
from symgrad.descent.whole import whole_hessian, whole_jacobians
from symgrad.graphs import ops
from symgrad.graphs.algebra.einsum import contract
from symgrad.graphs.algebra.primitives import add, input_node
from symgrad.graphs.errors import SymgradError
from symgrad.graphs.node import BOOLEAN, REAL, Node, Symbol, topological, transform
from symgrad.graphs.stationary.affine import degrees
from symgrad.graphs.table import rebuild
from symgrad.graphs.weights import MINUS, ONE
from symgrad.language.recipes import stable
from symgrad.language.tensor import Tensor, wrap
from symgrad.minimisers.problem import Problem

LESS, GREATER, EQUAL = "<=", ">=", "=="
KINDS: Mapping[str, str] = MappingProxyType({"less": LESS, "less_equal": LESS, "greater": GREATER, "greater_equal": GREATER,
                                             "equal": EQUAL})


@dataclass(frozen=True, eq=False)
class Relation:
    """A constraint: `difference` is left - right, all axes shown, which is held <=, >= or == 0; `text` is how it reads."""

    text: str
    kind: str
    difference: Tensor
    affine: bool


def comparisons_of(problem: Problem) -> list[Relation]:
    """The constraints of a problem. Raises SymgradError for what is no comparison, or holds no variable."""
    return [_comparison(i, c, problem) for i, c in enumerate(problem.constraints)]


def _comparison(i: int, c: Tensor, problem: Problem) -> Relation:
    text = " ".join(str(c).split()).removeprefix("[").removesuffix("]")
    (root,) = transform([c.node], lambda n, new: new[0] if n.op is ops.NAMED else rebuild(n, new), {})
    found = [n for n in topological([root], enter=lambda n: not _compares(n)) if _compares(n)]
    between = {n.op for n in topological([root], enter=lambda n: not _compares(n)) if n not in found}
    if len(found) != 1 or between - ops.PICKED - {ops.EINSUM, ops.PAD}:
        joined = any(n.op is ops.ELEMENTWISE and n.attrs[0] == "logical_and" for n in topological([root]))
        hint = "give what it joins one by one" if joined else "write left <= right, left >= right or sg.equal"
        raise SymgradError(f"minimize: constraint {i}, {text}, is not one comparison: {hint}")
    left, right = found[0].operands
    (difference,) = transform([root], rebuild, {found[0]: add([left, right], [ONE, MINUS])})
    variables = [x.node for x in problem.variables.values()]
    (node,) = stable([wrap(difference, None)])
    degree = degrees([node], variables)[node]
    if not set(variables) & set(topological([difference])):
        raise SymgradError(f"minimize: constraint {i}, {text}, does not depend on {problem.names}")
    if not set(variables) & set(topological([difference], enter=lambda n: n.dtype != BOOLEAN)):
        raise SymgradError(f"minimize: constraint {i}, {text}, compares what another comparison says: give that one, "
                           "without all() or any(); it may have many entries")
    return Relation(text, KINDS[found[0].attrs[0]], wrap(difference, None), degree <= 1)


def _compares(node: Node) -> bool:
    return node.op is ops.ELEMENTWISE and node.attrs[0] in KINDS


class Constraints:
    """The constraints of a problem as functions of a vector: rows g(x), those of `equal` zero and all others <= 0.

    Rows are all entries of all constraints. `sign` turns a row's multiplier into that of left - right, -g for `>=`.
    """

    def __init__(self, problem: Problem) -> None:
        self.problem, self.parts = problem, comparisons_of(problem)
        self.f = problem.objective
        shapes = [tuple(number(s, problem.sizes) for s in c.difference.shape) for c in self.parts]
        self.shapes = shapes
        counts = [int(np.prod(shape)) for shape in shapes]
        self.count = sum(counts)
        self.owner = np.repeat(np.arange(len(counts)), counts)
        self.sign = np.repeat([-1.0 if c.kind == GREATER else 1.0 for c in self.parts], counts)
        self.equal = np.repeat([c.kind == EQUAL for c in self.parts], counts).astype(bool)

    @property
    def affine(self) -> bool:
        """Are all of them?"""
        return all(c.affine for c in self.parts)

    def values(self, x: np.ndarray) -> np.ndarray:
        """g at a point."""
        return self.sign * self._flat(self._values(*self.f.pieces(x)))

    def jacobian(self, x: np.ndarray) -> np.ndarray:
        """One row for each row of g."""
        rows = self._jacobian(*self.f.pieces(x))
        j = np.vstack([np.zeros((0, self.f.size)),
                       *(np.hstack([np.reshape(b, (n, -1)) for b in row])
                         for row, n in zip(rows, map(_count, self.shapes), strict=True))])
        return np.asarray(self.sign[:, None] * j)

    def hessian(self, x: np.ndarray, multipliers: np.ndarray) -> np.ndarray:
        """The Hessian of ∑ multiplier g."""
        size = self.f.size
        if self.affine:
            return np.zeros((size, size))
        weights = self.split(self.sign * multipliers)
        blocks = self._hessian(*self.f.pieces(x), *weights)
        widths = [_count(shape) for shape in self.f.shapes]
        h = np.block([[np.reshape(b, (r, c)) for b, c in zip(row, widths, strict=True)]
                      for row, r in zip(blocks, widths, strict=True)])
        return np.asarray((h + h.T) / 2)

    def split(self, rows: np.ndarray) -> list[np.ndarray]:
        """Numbers for all rows as one array for each constraint, of its shape."""
        ends = np.cumsum([0, *map(_count, self.shapes)])
        return [np.array(rows[a:b]).reshape(shape) for a, b, shape in zip(ends, ends[1:], self.shapes, strict=False)]

    def broken(self, x: np.ndarray) -> np.ndarray:
        """By how much each row is broken."""
        g = self.values(x)
        return np.where(self.equal, np.abs(g), np.maximum(g, 0.0))

    def worst(self, x: np.ndarray) -> str:
        """What is broken most, in words, and what nearly as much."""
        broken = np.nan_to_num(self.broken(x), nan=np.inf)
        most = [float(broken[self.owner == i].max(initial=0.0)) for i in range(len(self.parts))]
        parts = []
        for i in [i for i, by in enumerate(most) if by and by >= 0.1 * max(most)][:3]:
            at = np.unravel_index(int(broken[self.owner == i].argmax()), self.shapes[i]) if self.shapes[i] else ()
            place = f" at {tuple(map(int, at))}" if at else ""
            parts.append(f"constraint {i}, {self.parts[i].text}, is broken{place} by {most[i]:.4g}")
        return ", and ".join(parts)

    # compiled when first asked for ----------------------------------------------------------------------

    @cached_property
    def _values(self) -> Callable[..., Any]:
        return self.f.compiled([c.difference for c in self.parts])

    @cached_property
    def _jacobian(self) -> Callable[..., Any]:
        return self.f.compiled([whole_jacobians(c.difference, self.f.variables) for c in self.parts])

    @cached_property
    def _hessian(self) -> Callable[..., Any]:
        weights = [input_node(Symbol("data", f"multiplier {i}"), c.difference.node.shape, REAL)
                   for i, c in enumerate(self.parts)]
        parts = []
        for w, c in zip(weights, self.parts, strict=True):
            axes = range(len(c.difference.node.shape))
            parts.append(contract([w, c.difference.node], [axes, axes], ()))
        asked = [wrap(w, None) for w in weights]
        return self.f.compiled(whole_hessian(wrap(add(parts), None), self.f.variables), asked)

    @staticmethod
    def _flat(arrays: Sequence[Any]) -> np.ndarray:
        return np.concatenate([np.zeros(0), *(np.ravel(a) for a in arrays)])


def _count(shape: Sequence[int]) -> int:
    return int(np.prod(shape))
