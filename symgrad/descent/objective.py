"""A loss as a function of one vector of numbers: what every method goes down on.

The variables lie in the vector one after the other, in float64; data are bound once, so that an evaluation is one call of
generated code. Derivatives are derived, and compiled when a method first asks for them. Evaluations are counted, since a
budget is one of evaluations: whoever drives a method sets it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from typing import Any

import numpy as np

from symgrad.calculus.derivatives import gradient, hvp
from symgrad.computing.functions import Function, function
from symgrad.computing.points import number
from symgrad.computing.populations import Population
from symgrad.computing.threads import Alone, Together, Way, threads_for
from symgrad.descent.whole import whole_hessian, whole_jacobians
from symgrad.graphs.algebra.primitives import input_node
from symgrad.graphs.errors import DataError
from symgrad.graphs.facts import POSITIVE, facts_of
from symgrad.graphs.node import REAL, Node, Symbol
from symgrad.language.tensor import Tensor, wrap

LARGE = 500  # entries from which on a method's own matrices are worth several threads


class Spent(Exception):
    """The budget of evaluations is used up."""


class Objective:
    """A scalar `loss` of `variables` (symbols), with the value of every other symbol below it, and all sizes.

    `residuals` are tensors with loss = ∑ |r|² up to a constant, where it is such a sum. What has no value at a point (a
    singular matrix, an index out of range) is NaN there, or infinite, as `value` says. Points are float64 vectors of
    length `size`; results are new arrays.

    >>> import symgrad as sg
    >>> p = sg.parameter("p", 2)
    >>> f = Objective((p[0] - 1) ** 2 + p[1] ** 4, [p], {}, {})
    >>> f.slope(np.array([3.0, 1.0]))
    (5.0, array([4., 4.]))
    >>> f.evaluations
    1
    """

    def __init__(self, loss: Tensor, variables: Sequence[Tensor], data: Mapping[Node, Any], sizes: Mapping[Any, int],
                 residuals: Sequence[Tensor] = ()) -> None:
        self.loss, self.variables, self.residuals = loss, list(variables), list(residuals)
        self.data, self.sizes = dict(data), dict(sizes)
        self.shapes = [tuple(number(s, self.sizes) for s in x.node.shape) for x in variables]
        widths = [int(np.prod(shape)) for shape in self.shapes]
        ends = np.cumsum([0, *widths]).tolist()
        self._cuts = [(a, b, shape) for a, b, shape in zip(ends, ends[1:], self.shapes, strict=False)]
        self._whole = len(self._cuts) == 1 and len(self.shapes[0]) == 1
        self.size: int = ends[-1]
        self.evaluations = 0
        self.budget: int | None = None
        signs = [np.full(width, POSITIVE in facts_of(x.node)) for x, width in zip(self.variables, widths, strict=True)]
        self._positive = np.flatnonzero(np.concatenate([np.zeros(0, bool), *signs]))  # entries declared to be that
        self.ways: set[type[Way]] = set()  # in how many threads what was compiled is best computed

    @property
    def way(self) -> type[Way]:
        """In how many threads a method is best run: one, unless the loss itself has large products."""
        self._slope  # noqa: B018 - compiled, so that it is known
        return Together if Together in self.ways or self.size > LARGE else Alone

    # points -------------------------------------------------------------------------------------------

    def pieces(self, x: np.ndarray) -> list[np.ndarray]:
        """The variables within a vector, as views."""
        return [x] if self._whole else [x[a:b].reshape(shape) for a, b, shape in self._cuts]

    def joined(self, arrays: Sequence[Any]) -> np.ndarray:
        """One vector of an array for each variable."""
        if self._whole:
            return np.array(arrays[0], float)
        return np.concatenate([np.zeros(0), *(np.ravel(a) for a in arrays)])

    # what a method asks -------------------------------------------------------------------------------

    def value(self, x: np.ndarray) -> float:
        """The loss; NaN where it has no value."""
        self._count(1)
        if self._outside(x):
            return float("nan")
        try:
            return float(self._value(*self.pieces(x)))
        except DataError:
            return float("nan")

    def slope(self, x: np.ndarray) -> tuple[float, np.ndarray]:
        """The loss and its gradient."""
        self._count(1)
        if self._outside(x):
            return float("nan"), np.full(self.size, np.nan)
        try:
            loss, *parts = self._slope(*self.pieces(x))
        except DataError:
            return float("nan"), np.full(self.size, np.nan)
        return float(loss), self.joined(parts)

    def hessian(self, x: np.ndarray) -> np.ndarray:
        """The matrix of second derivatives, symmetric. Raises DataError where it has no value."""
        blocks = self._hessian(*self.pieces(x))
        if len(blocks) == 1:
            h = np.reshape(blocks[0][0], (self.size, self.size))
        else:
            widths = [b - a for a, b, _ in self._cuts]
            h = np.block([[np.reshape(block, (r, c)) for block, c in zip(row, widths, strict=True)]
                          for row, r in zip(blocks, widths, strict=True)])
        return (h + h.T) / 2

    def product(self, x: np.ndarray, v: np.ndarray) -> np.ndarray:
        """The Hessian at `x` times `v`, without the Hessian."""
        return self.joined(self._product(*self.pieces(x), *self.pieces(v)))

    def residual(self, x: np.ndarray) -> np.ndarray:
        """All residuals as one vector; |r|² is the loss up to a constant."""
        self._count(1)
        if self._outside(x):
            return np.full(1, np.nan)
        try:
            return np.concatenate([np.ravel(r) for r in self._residual(*self.pieces(x))])
        except DataError:
            return np.full(1, np.nan)

    def jacobian(self, x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """The residuals and their Jacobian, one column for each entry of `x`. Raises DataError where they have no value."""
        self._count(1)
        found, rows = self._jacobian(*self.pieces(x))
        widths = [b - a for a, b, _ in self._cuts]
        r = [np.ravel(each) for each in found]
        j = [np.hstack([np.reshape(block, (len(each), c)) for block, c in zip(row, widths, strict=True)])
             for each, row in zip(r, rows, strict=True)]
        return np.concatenate(r), np.vstack(j)

    def values(self, points: np.ndarray) -> np.ndarray:
        """The losses of many points, one in each row, by one call of generated code; NaN where there is none."""
        self._count(len(points))
        return self._population(*(points[:, a:b].reshape(len(points), *shape) for a, b, shape in self._cuts))

    # compiled when first asked for ----------------------------------------------------------------------

    @cached_property
    def _value(self) -> Callable[..., Any]:
        return self.compiled(self.loss)

    @cached_property
    def _population(self) -> Population:
        return Population(self.loss, self.variables, self.data, self.sizes)

    @property
    def work(self) -> int:
        """The arithmetic operations of one evaluation of the loss."""
        return self._population.work

    @cached_property
    def _slope(self) -> Callable[..., Any]:
        return self.compiled([self.loss, *gradient(self.loss, self.variables)])

    @cached_property
    def _hessian(self) -> Callable[..., Any]:
        return self.compiled(whole_hessian(self.loss, self.variables))

    @cached_property
    def _product(self) -> Callable[..., Any]:
        ways = [wrap(input_node(Symbol("data", f"{x.name} direction {i}", x.over), x.node.shape, REAL), x.over)
                for i, x in enumerate(self.variables)]  # weights of several layers have one name
        return self.compiled(hvp(self.loss, self.variables, ways), ways)

    @cached_property
    def _residual(self) -> Callable[..., Any]:
        return self.compiled(self.residuals)

    @cached_property
    def _jacobian(self) -> Callable[..., Any]:
        return self.compiled([self.residuals, [whole_jacobians(r, self.variables) for r in self.residuals]])

    def compiled(self, outputs: Any, more: Sequence[Tensor] = ()) -> Callable[..., Any]:
        """Any tensors as a function of the variables and of `more` symbols, with the data bound; nothing is counted."""
        known = [wrap(node, node.attrs[0].over) for node in self.data]
        f: Function[Any] = function([*self.variables, *more, *known], outputs, sizes=self.sizes)
        self.ways.add(threads_for(f.plan, self.sizes))
        return bound(f, [*self.shapes, *(tuple(number(s, self.sizes) for s in t.node.shape) for t in more)],
                     list(self.data.values()))

    def _outside(self, x: np.ndarray) -> bool:
        """Is an entry not positive that is declared to be that? The loss has no value there."""
        return len(self._positive) > 0 and not (x[self._positive] > 0).all()

    def _count(self, points: int) -> None:
        if self.budget is not None and self.evaluations + points > self.budget:
            raise Spent
        self.evaluations += points


def bound(f: Function[Any], shapes: Sequence[tuple[int, ...]], data: Sequence[Any]) -> Callable[..., Any]:
    """`f` of its first arguments, arrays of these shapes that are not checked again; the others stay `data`.

    Facts are not asked of the first arguments: a method may leave them on its way.
    """
    arrays = [f.feed.convert(len(shapes) + i, value) for i, value in enumerate(data)]
    sizes = f.feed.bind([*shapes, *(a.shape for a in arrays)])
    for i in range(len(shapes), len(f.feed.wanted)):
        f.feed.inspect(i, arrays[i - len(shapes)], sizes)
    call = f._call(sizes)

    def bound_call(*first: np.ndarray) -> Any:
        try:
            return call(*first, *arrays)
        except np.linalg.LinAlgError as error:
            raise DataError(f"a matrix cannot be inverted or factored: {error}") from None

    return bound_call

