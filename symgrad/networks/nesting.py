"""Operators that hold graphs: a choice, a recurrence, and loops whose number of turns is known."""

from __future__ import annotations

from typing import Any

import numpy as np

from symgrad.language.arrays import moveaxis
from symgrad.language.composed import flip
from symgrad.language.pointwise import where
from symgrad.language.rearrange import concatenate, reshape, stack
from symgrad.language.scanning import scan
from symgrad.language.tensor import Tensor
from symgrad.networks.call import Call, Reads, tensor

MOST = 1000  # turns of a loop that is written out


def _if(c: Call, condition: Any) -> Any:
    if not isinstance(condition, Tensor):
        return tuple(c.reader.graph(c["then_branch"] if np.all(condition) else c["else_branch"], ()))
    both = [c.reader.graph(c[branch], ()) for branch in ("then_branch", "else_branch")]
    found = []
    for a, b in zip(*both, strict=True):
        one, two = tensor(a), tensor(b)
        if one.shape != two.shape:
            c.refuse(f"its branches give the shapes {one.shape} and {two.shape}, and which is taken is known at run time")
        found.append(where(reshape(condition, ()), one, two))
    return tuple(found)


def _loop(c: Call, count: Any, condition: Any, *carried: Any) -> Any:
    if count is None or isinstance(count, Tensor) or isinstance(condition, Tensor):
        c.refuse("how often it turns is known at run time only")
    turns = c.sizes(count, "number of turns")[0]
    if not isinstance(turns, int) or turns > MOST:
        c.refuse(f"it turns {turns} times; up to {MOST} turns are written out")
    going = True if condition is None else bool(np.all(condition))
    state = list(carried)
    rows: list[Any] = []
    body = c["body"]
    for i in range(turns):
        if not going:
            break
        goes, *given = c.reader.graph(body, [np.asarray(i), np.asarray(True), *state])
        if isinstance(goes, Tensor):
            c.refuse("when it ends is known at run time only")
        going, state = bool(np.all(goes)), given[: len(state)]
        rows.append(given[len(state):])
    if not rows and c.results > len(state):
        c.refuse("it does not turn once, so what it collects has no shape")
    return (*state, *(stack([tensor(row[i]) for row in rows]) for i in range(len(rows[0]) if rows else 0)))


def _scan(c: Call, *values: Any) -> Any:
    """One recurrence. What runs backwards is turned before, and what is collected backwards after."""
    if c.version < 9:
        c.refuse("Scan of version 8 has a batch axis of its own; later ones are read")
    count = c["num_scan_inputs"]
    if not isinstance(count, int) or not 0 < count <= len(values):
        c.refuse(f"num_scan_inputs is {count} of {len(values)} inputs")
    state, sequences = [tensor(v) for v in values[: len(values) - count]], []
    axes, back = c["scan_input_axes"] or [0] * count, c["scan_input_directions"] or [0] * count
    for value, axis, turned in zip(values[len(values) - count:], axes, back, strict=True):
        t = moveaxis(tensor(value), axis, 0)
        sequences.append(flip(t, 0) if turned else t)

    def step(carry: list[Tensor], x: list[Tensor]) -> Any:
        given = [tensor(value) for value in c.reader.graph(c["body"], [*carry, *x])]
        return given[: len(state)], given[len(state):]

    last, collected = scan(step, state, sequences)
    places, turns = (c[name] or [0] * len(collected) for name in ("scan_output_axes", "scan_output_directions"))
    return (*last, *(moveaxis(flip(t, 0) if turned else t, 0, axis)
                     for t, axis, turned in zip(collected, places, turns, strict=True)))


def _concat_sequence(c: Call, parts: list[Any]) -> Tensor:
    tensors = [tensor(part) for part in parts]
    return stack(tensors, c["axis"]) if c["new_axis"] else concatenate(tensors, c["axis"])


def _split_to_sequence(c: Call, x: Tensor, sizes: Any = None) -> list[Any]:
    place = c.axis(c["axis"], x)
    n, front = x.shape[place], (slice(None),) * place
    if not isinstance(n, int):
        c.refuse(f"how many pieces an axis of {n} entries gives is known at run time only")
    if sizes is None:
        return [x[(*front, i if not c["keepdims"] else slice(i, i + 1))] for i in range(n)]
    lengths = c.sizes(sizes, "sizes of the pieces")
    if np.ndim(sizes) == 0:
        lengths = [min(lengths[0], n - start) for start in range(0, n, lengths[0])]
    ends = np.cumsum([0, *lengths])
    return [x[(*front, slice(int(a), int(b)))] for a, b in zip(ends[:-1], ends[1:], strict=True)]


def _sequence(c: Call, *parts: Any) -> list[Any]:
    return list(parts)


def _at(c: Call, parts: list[Any], place: Any) -> Any:
    return parts[c.sizes(place, "place")[0]]


def _insert(c: Call, parts: list[Any], part: Any, place: Any = None) -> list[Any]:
    at = len(parts) if place is None else c.sizes(place, "place")[0]
    return [*parts[:at], part, *parts[at:]]


def _erase(c: Call, parts: list[Any], place: Any = None) -> list[Any]:
    at = c.sizes(place, "place")[0] % len(parts) if place is not None else len(parts) - 1
    return [*parts[:at], *parts[at + 1:]]


def _length(c: Call, parts: list[Any]) -> Any:
    return np.asarray(len(parts))


ROWS = (
    Reads("If", _if, (0,), inside=True), Reads("Loop", _loop, tuple(range(100)), inside=True),
    Reads("Scan", _scan, tuple(range(100)), inside=True), Reads("SequenceConstruct", _sequence, tuple(range(1000))),
    Reads("SequenceEmpty", _sequence), Reads("SequenceAt", _at, (1,)), Reads("SequenceInsert", _insert, (1, 2)),
    Reads("SequenceErase", _erase, (1,)), Reads("SequenceLength", _length),
    Reads("ConcatFromSequence", _concat_sequence), Reads("SplitToSequence", _split_to_sequence, (1,)),
)
