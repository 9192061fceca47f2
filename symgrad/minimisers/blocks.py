"""Alternating minimisation: one block of variables after the other, the others held, until no block changes the loss.

A block is minimised by the closed form that `solve_stationary` derives for it, compiled once; where there is none, by
Newton's method. A block kept in a set in which the loss is linear goes to the point of the set where that is least, a
vertex; k-means is that beside means. A block kept in a set otherwise goes by projected gradient steps, from the nearest
point to its closed form where that is lower. No step makes the loss larger (Bertsekas, Nonlinear programming, 1999,
section 2.7).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from symgrad.descent.endings import LOST
from symgrad.descent.iterate import Course, Ending, Iterate
from symgrad.descent.newton import newton
from symgrad.descent.quasi import lbfgs
from symgrad.graphs.errors import DataError, NoClosedForm, SymgradError
from symgrad.graphs.stationary.affine import degrees
from symgrad.language.recipes import stable
from symgrad.language.tensor import Tensor
from symgrad.minimisers.declared import in_own_names, on_simplexes
from symgrad.minimisers.lifting import corners_in
from symgrad.minimisers.problem import Problem
from symgrad.minimisers.projected import projected_descent
from symgrad.minimisers.sets import Region, nearest, regions_of
from symgrad.minimisers.within import Within
from symgrad.minimising.stationary import solve_stationary

DENSE = 1000  # entries of a block up to which its Hessian is kept
INNER = 15  # steps within one block, where it has no closed form
LONG = 70  # characters of a formula in a sentence
ROUNDED = 1e-12  # relative: a loss larger by so little is the same


@dataclass(eq=False)
class VariableBlock:
    """Some of the variables, how they are minimised given the others, and that in words."""

    names: tuple[str, ...]
    f: Within
    regions: list[Region | None]
    told: str
    formula: Callable[..., Sequence[Any]] | None = None
    linear: bool = False
    formulas: Sequence[Tensor] = field(default_factory=list)


def alternating(problem: Problem) -> Course:
    """Alternating minimisation over the blocks of a problem; without blocks, each variable is one.

    One entry for each block that is minimised.
    """
    blocks = blocks_of(problem)
    f, tol = problem.objective, problem.tolerance(1e-11)
    x = nearest(f, regions_of(problem), problem.x0)
    loss, g = f.slope(x)
    largest, bent = _size(g), _bent(problem, blocks)
    yield Iterate(x, loss, largest, 0.0)
    found = {"reason": "; ".join(block.told for block in blocks)}
    first = loss
    while True:
        before, moved = loss, 0.0
        for block in blocks:
            new = minimised(block, x, loss)
            value, g = f.slope(new)
            if loss < value <= loss + ROUNDED * abs(loss):
                value, new = (loss, x) if not block.linear else (loss, new)
            length = _size(new - x)
            moved = max(moved, length)
            yield Iterate(new, value, _size(g), length)
            x, loss, largest = new, value, max(largest, _size(g))
        done = moved == 0 or before - loss <= tol * max(abs(before), 1e-12 * abs(first), 1e-300)
        if done and bent.any():  # at a corner no block alone may lead down, though all together do
            slope = _size(g[bent])
            if slope > LOST * largest and slope * _size(x) > LOST * abs(loss):
                return Ending(False, "no block alone makes the loss smaller: it may have a corner here", found)
        if moved == 0:
            return Ending(True, "no block changes any more", found)
        if done:
            return Ending(True, f"a turn through all blocks makes the loss smaller by {before - loss:.3g} only", found)


def _bent(problem: Problem, blocks: Sequence[VariableBlock]) -> np.ndarray:
    """Which numbers are in blocks without sets, where the loss has corners; at the others a slope says nothing."""
    free = [np.zeros(np.shape(v), bool) for v in problem.objective.pieces(problem.x0)]
    if corners_in([problem.loss.node], [x.node for x in problem.variables.values()]):
        for block in blocks:
            for place, region in zip(block.f.places, block.regions, strict=True):
                free[place][...] = region is None
    return np.concatenate([v.ravel() for v in free])


def blocks_of(problem: Problem) -> list[VariableBlock]:
    """The blocks of a problem, each with its way to be minimised."""
    order = list(problem.variables)
    regions = regions_of(problem)
    return [_block(problem, tuple(names), [order.index(name) for name in names], regions)
            for names in problem.blocks or [(name,) for name in order]]


def _block(problem: Problem, names: tuple[str, ...], places: list[int], regions: list[Region | None]) -> VariableBlock:
    f = Within(problem.objective, places)
    mine = [regions[i] for i in places]
    called = ", ".join(names)
    nodes = [x.node for x in f.variables]
    (root,) = stable([problem.loss])
    kept = any(mine)
    if all(mine) and degrees([root], nodes)[root] <= 1:
        kinds = " and ".join(dict.fromkeys(r.text for r in mine if r is not None))
        told = f"the loss is linear in {called}, which goes to a vertex ({kinds})"
        return VariableBlock(names, f, mine, told, linear=True)
    try:
        loss, inner = on_simplexes(problem, problem.loss)
        formulas = in_own_names(solve_stationary(loss, [inner[i] for i in places]), inner, list(problem.variables.values()))
    except NoClosedForm as why:
        how = "projected gradient steps" if kept else "Newton's method"
        return VariableBlock(names, f, mine, f"{called} by {how}: {str(why).removeprefix('solve_stationary: ')}")
    text = "; ".join(f"{name} = {_cut(str(t))}" for name, t in zip(names, formulas, strict=True))
    more = ", then projected gradient steps within its set" if kept else ""
    return VariableBlock(names, f, mine, f"{text}{more}", f.compiled(list(formulas)), formulas=formulas)


def minimised(block: VariableBlock, x: np.ndarray, loss: float) -> np.ndarray:
    """All variables with the block at its minimum given the others, or lower than it was."""
    f, whole = block.f, block.f.whole
    f.now = whole.pieces(x)
    old = f.joined([f.now[i] for i in f.places])
    if block.linear:
        (_, g), found = f.slope(old), []
        for name, r, slope, piece in zip(block.names, block.regions, f.pieces(g), f.pieces(old), strict=True):
            best = None if r is None else r.least(slope, piece)
            if best is None:
                raise SymgradError(f"minimize: alternating: the loss is linear in {name} and unbounded below in its set")
            found.append(best)
        return _put(block, x, f.joined(found))
    start = old
    if block.formula is not None:
        exact = _value(block, old)
        candidate = nearest(f, block.regions, exact)
        value = f.value(candidate)
        if value <= loss + ROUNDED * abs(loss):
            if not any(block.regions) or np.array_equal(candidate, exact):
                return _put(block, x, candidate)
            start = candidate if value < loss else old
    course = projected_descent(f, start, lambda z: nearest(f, block.regions, z), 1e-6, INNER) if any(block.regions) else (
        newton(f, start, 1e-10) if f.size <= DENSE else lbfgs(f, start, 1e-8))
    best, least = old, loss
    for step, it in enumerate(_points(course)):
        if it.accepted and it.loss <= least:
            best, least = it.x, it.loss
        if step >= 2 * INNER:
            break
    return _put(block, x, best)


def _points(course: Course) -> Iterator[Iterate]:
    """The points of a course, without its end."""
    yield from course


def _value(block: VariableBlock, old: np.ndarray) -> np.ndarray:
    """The closed form of a block; entries that it does not fix (0/0: a class without members) stay."""
    assert block.formula is not None
    try:
        exact = block.f.joined(block.formula(*block.f.pieces(old)))
    except DataError:
        return old
    return np.where(np.isfinite(exact), exact, old)


def _put(block: VariableBlock, x: np.ndarray, mine: np.ndarray) -> np.ndarray:
    pieces = list(block.f.whole.pieces(x))
    for place, piece in zip(block.f.places, block.f.pieces(mine), strict=True):
        pieces[place] = piece
    return block.f.whole.joined(pieces)


def _cut(text: str) -> str:
    text = " ".join(text.split())
    return text if len(text) <= LONG else text[:LONG - 1] + "…"


def _size(v: np.ndarray) -> float:
    return math.sqrt(v @ v)
