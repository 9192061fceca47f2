"""A plane in the space of all parameters: two entries that vary, or two directions from a point.

All of them are one thing: the parameters are `base + a u + b v`. For entries `a` and `b` are the values themselves, since
their places in `base` are zero; for directions they count from the point given.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from symgrad.calculus.derivatives import gradient
from symgrad.calculus.parts import part_of
from symgrad.computing.feeding import Feed
from symgrad.computing.functions import evaluate
from symgrad.descent.objective import Objective
from symgrad.formulas.names import display_names, shape_text
from symgrad.graphs import ops
from symgrad.graphs.errors import DataError, ShapeError, SymgradError
from symgrad.graphs.facts import facts_of
from symgrad.graphs.node import REAL, Node
from symgrad.language.naming import layer_names
from symgrad.language.printing import short
from symgrad.language.tensor import Tensor, wrap

DENSE = 40  # entries of all parameters up to which a Hessian is formed whole
PAIR = ("give two scalar parameters (p, q), two entries (w[0], w[1]) or two directions, each a dict from the names of "
        "parameters to arrays")


@dataclass(frozen=True, eq=False)
class Plane:
    """The loss over two coordinates; `names` and `latex` are those of the coordinates."""

    objective: Objective
    base: np.ndarray
    ways: np.ndarray  # two columns, u and v
    names: tuple[str, str]
    latex: tuple[str, str]
    about: bool  # coordinates count from `base`
    lowest: tuple[float, float]  # what coordinates must exceed, by declared facts
    centre: tuple[float | None, float | None]  # the coordinates of the values of entries, as far as they are given

    def losses(self, points: np.ndarray) -> np.ndarray:
        """The loss at rows (a, b); NaN where there is none."""
        found = self.objective.values(self.base + points @ self.ways.T)
        return np.where((points > self.lowest).all(axis=1) & np.isfinite(found), found, np.nan)

    def loss(self, point: np.ndarray) -> float:
        """The loss at one point."""
        return float(self.losses(point[None])[0])

    def slope(self, point: np.ndarray) -> np.ndarray:
        """The gradient of the loss in the coordinates."""
        return self.ways.T @ self.objective.slope(self.base + self.ways @ point)[1]

    def jet(self, point: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """The gradient and the Hessian of the loss in the coordinates."""
        x = self.base + self.ways @ point
        if self.objective.size <= DENSE:
            across = self.objective.hessian(x) @ self.ways
        else:
            across = np.stack([self.objective.product(x, way) for way in self.ways.T], axis=1)
        hessian = self.ways.T @ across
        return self.slope(point), (hessian + hessian.T) / 2

    def values(self, point: np.ndarray) -> dict[str, np.ndarray]:
        """The parameters at a point, by name."""
        parts = self.objective.pieces(self.base + self.ways @ point)
        return {str(x.name): part.copy() for x, part in zip(self.objective.variables, parts, strict=True)}

    def coordinates(self, x: np.ndarray) -> np.ndarray:
        """The coordinates of rows of all parameters: those of the nearest point of the plane."""
        return np.linalg.lstsq(self.ways, (x - self.base).T, rcond=None)[0].T


def plane(loss: Tensor, axes: Any, values: Mapping[Any, Any]) -> Plane:
    """The plane of two axes, with `values` for all that does not vary on it. Raises SymgradError."""
    if not isinstance(axes, (tuple, list)) or len(axes) != 2:
        raise SymgradError(f"landscape: the axes are a pair: {PAIR}")
    given = {(key.node if isinstance(key, Tensor) else key): value for key, value in values.items()}
    names = display_names([loss.node], layer_names([loss]))
    if all(isinstance(axis, Mapping) for axis in axes):
        return _directed(loss, axes, given, names)
    if any(isinstance(axis, Mapping) for axis in axes):
        raise SymgradError(f"landscape: one axis is a direction and the other a tensor; {PAIR}")
    axes = [_named(axis, names) for axis in axes]
    entries = [_entry(loss, axis, names) for axis in axes]
    if axes[0] == axes[1]:
        raise SymgradError(f"landscape: both axes are {short(axes[0])}; give two different ones")
    symbols = list(dict.fromkeys(symbol for _, symbol in entries))
    found = {}
    for symbol in symbols:
        value = _given(symbol, names, given)
        if not symbol.shape:
            found[symbol] = np.zeros(())  # its own value is one of those it takes
        elif value is not None:
            found[symbol] = np.asarray(value, float)
        elif all(isinstance(s, int) for s in symbol.shape) and int(np.prod(symbol.shape)) == len(entries):
            found[symbol] = np.zeros(symbol.shape)
        else:
            raise DataError(f"landscape: values must hold {names[symbol]!r} of shape {shape_text(symbol.shape)}: its other "
                            "entries stay what they are")
    objective = _objective(loss, found, names, given)
    ways = np.stack([_unit(t, symbol, found) for t, symbol in entries], axis=1)
    if np.array_equal(ways[:, 0], ways[:, 1]):
        raise SymgradError(f"landscape: both axes are the same entry, {short(axes[0])}; give two different ones")
    at = objective.joined([found[s] for s in symbols])
    centre = [float(way @ at) if symbol.shape and _given(symbol, names, given) is not None else None
              for way, (_, symbol) in zip(ways.T, entries, strict=True)]
    base = at * (1 - ways.sum(axis=1))
    labels = [str(t.name or t) for t in axes]
    floors = [_floor(symbol) for _, symbol in entries]
    return Plane(objective, base, ways, (labels[0], labels[1]), (axes[0].latex(), axes[1].latex()), False,
                 (floors[0], floors[1]), (centre[0], centre[1]))


def _named(axis: Any, names: Mapping[Node, str]) -> Any:
    """An axis by its name, as a tensor."""
    found = [node for node, name in names.items() if name == axis] if isinstance(axis, str) else []
    if isinstance(axis, str) and not found:
        raise SymgradError(f"landscape: the loss has no symbol {axis!r}; its symbols are {', '.join(names.values())}")
    return wrap(found[0], found[0].attrs[0].over) if found else axis


def _entry(loss: Tensor, axis: Any, names: Mapping[Node, str]) -> tuple[Tensor, Node]:
    """A scalar that may vary by itself, and the symbol that holds it."""
    if not isinstance(axis, Tensor):
        raise SymgradError(f"landscape: the axis {axis!r:.60} is no tensor; {PAIR}")
    part = part_of(axis.node)
    symbol = axis.node if axis.node.op is ops.INPUT else part.symbol if part is not None else None
    if symbol is None or symbol.dtype != REAL or axis.over is not None:
        raise SymgradError(f"landscape: the axis {short(axis)} is neither a real symbol nor an entry of one; {PAIR}")
    if axis.shape:
        example = f"{axis.name or 'w'}[{', '.join('0' * axis.ndim)}]"
        raise ShapeError(f"landscape: the axis {short(axis)} has shape {shape_text(axis.shape)}, not one entry; take "
                         f"one, such as {example}, or give two directions as dicts of arrays")
    if symbol not in names:
        others = ", ".join(names.values()) or "nothing"
        raise SymgradError(f"landscape: the loss does not depend on {short(axis)}; it depends on {others}")
    return axis, symbol


def _unit(t: Tensor, symbol: Node, found: Mapping[Node, np.ndarray]) -> np.ndarray:
    """One at the entry of `t` in all parameters, zero elsewhere."""
    whole = wrap(symbol, symbol.attrs[0].over)
    one = {s: np.zeros(a.shape) for s, a in found.items()}
    one[symbol] = np.asarray(1.0) if t.node is symbol else np.asarray(
        evaluate(gradient(t, whole), {symbol.attrs[0].name: found[symbol]}))
    return np.concatenate([np.ravel(a) for a in one.values()])


def _floor(symbol: Node) -> float:
    facts = facts_of(symbol)
    return 0.0 if "positive" in facts else -5e-324 if "nonnegative" in facts else -np.inf


def _directed(loss: Tensor, axes: Sequence[Mapping[Any, Any]], given: Mapping[Any, Any],
              names: Mapping[Node, str]) -> Plane:
    """The plane through the given point along two directions."""
    nodes = {name: node for node, name in names.items()}
    symbols: dict[Node, None] = {}
    for number, axis in enumerate(axes, 1):
        for key in axis:
            node = key.node if isinstance(key, Tensor) else nodes.get(key)
            if node is None or node not in names:
                name = short(key) if isinstance(key, Tensor) else key
                raise SymgradError(f"landscape: direction {number} names {name!r}, which is no symbol of the loss; its "
                                   f"symbols are {', '.join(nodes)}")
            if node.dtype != REAL:
                raise SymgradError(f"landscape: direction {number} moves {names[node]!r}, which is {node.dtype}, not real")
            symbols[node] = None
    found = {}
    for node in symbols:
        value = _given(node, names, given)
        if value is None:
            raise DataError(f"landscape: values must hold {names[node]!r}: the point from which the directions count")
        found[node] = np.asarray(value, float)
    objective = _objective(loss, found, names, given)
    columns = []
    for number, axis in enumerate(axes, 1):
        way = {node: np.zeros(a.shape) for node, a in found.items()}
        for key, value in axis.items():
            node = key.node if isinstance(key, Tensor) else nodes[key]
            array = np.asarray(value, float)
            if array.shape != way[node].shape:
                raise ShapeError(f"landscape: direction {number} has shape {array.shape} for {names[node]!r}, whose value "
                                 f"has shape {way[node].shape}")
            way[node] = array
        columns.append(np.concatenate([np.zeros(0), *(np.ravel(a) for a in way.values())]))
    ways = np.stack(columns, axis=1)
    sizes = np.linalg.norm(ways, axis=0)
    for number, size in enumerate(sizes, 1):
        if not (np.isfinite(size) and size > 0):
            raise SymgradError(f"landscape: direction {number} is {'zero' if size == 0 else 'not finite'}")
    if np.linalg.matrix_rank(ways / sizes, tol=1e-9) < 2:
        raise SymgradError("landscape: the two directions are parallel, so they span no plane")
    return Plane(objective, objective.joined(list(found.values())), ways, ("first direction", "second direction"), ("", ""),
                 True, (-np.inf, -np.inf), (None, None))


def _objective(loss: Tensor, found: Mapping[Node, np.ndarray], names: Mapping[Node, str],
               given: Mapping[Any, Any]) -> Objective:
    """The loss as a function of the symbols in `found`, with a value for every other one."""
    rest: dict[Node, Any] = {}
    missing = []
    for node, name in names.items():
        if node not in found:
            value = _given(node, names, given)
            if value is None:
                missing.append(name)
            rest[node] = value
    if missing:
        raise DataError(f"landscape: no value for {', '.join(map(repr, missing))}; values and data must hold all symbols "
                        f"of the loss but those that vary: {', '.join(names[n] for n in rest)}")
    nodes = [*found, *rest]
    feed = Feed([(names[n], n) for n in nodes], [loss.node], "float64", {})
    arrays = [feed.convert(i, value) for i, value in enumerate((*found.values(), *rest.values()))]
    sizes = feed.bind([a.shape for a in arrays])
    data = dict(zip(rest, arrays[len(found):], strict=True))
    return Objective(loss, [wrap(n, n.attrs[0].over) for n in found], data, sizes)


def _given(node: Node, names: Mapping[Node, str], given: Mapping[Any, Any]) -> Any:
    return given[node] if node in given else given.get(names[node])
