"""`sg.audit`: a network step by step, with shapes, parameters and formulas; and where another one differs from it."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from textwrap import wrap as in_lines
from typing import Any

import numpy as np

from symgrad.formulas.names import shape_text
from symgrad.graphs.errors import SymgradError
from symgrad.language.symbols import data
from symgrad.language.tensor import Tensor, wrap
from symgrad.networks.apart import outputs_apart
from symgrad.networks.comparing import Rewritten, as_it_is, differing_attributes, first_difference, rewritten
from symgrad.networks.gates import LETTERS, gate_symbols, pieces_of, with_gates
from symgrad.networks.network import ReadNetwork, ReadStep
from symgrad.networks.pinpointing import gate_moved, narrowed
from symgrad.networks.reading import from_onnx
from symgrad.verifying.verification import verify

WIDTH = 100
LONG, LOOP = 300, 900  # characters of a formula that are shown, and of a recurrence
DRAWN = 3
NEARBY = 4  # steps within which a gate and a product are looked for


@dataclass(frozen=True)
class AuditRow:
    """A step of a network: its operator and node, what it gives, its parameters, its formula of what it reads."""

    number: int
    operator: str
    node: str
    shape: tuple[Any, ...]
    parameters: tuple[str, ...]
    formula: str

    def __str__(self) -> str:
        own = ", ".join(self.parameters)
        head = f"{self.number:4}  {self.operator} {self.node!r}  {shape_text(self.shape)}{'  with ' if own else ''}{own}"
        body = in_lines(f"{_value(self.number)} = {self.formula}", WIDTH - 8) if self.formula else []
        return "\n".join([head, *(f"        {line}" for line in body)])


def _value(number: int) -> str:
    """What a step gives, as formulas name it: v₁."""
    return "v" + str(number).translate(str.maketrans("0123456789", "₀₁₂₃₄₅₆₇₈₉"))


@dataclass(frozen=True)
class Differing:
    """The first step at which two networks differ: its row in each, and what differs as formulas."""

    step: AuditRow | None
    other: AuditRow | None
    attributes: tuple[str, ...]
    formulas: tuple[str, str] | None
    reason: str

    def __str__(self) -> str:
        lines = [f"The networks differ first at step {_place(self.step)}; in the other network {_place(self.other)}."]
        lines += [f"    {each}" for each in self.attributes]
        if self.formulas is not None:
            for label, text in zip(("here: ", "there:"), self.formulas, strict=True):
                body = in_lines(text, WIDTH - 12)
                lines += [f"    {label} {body[0]}", *(f"           {line}" for line in body[1:])]
        return "\n".join([*lines, *(f"    {line}" for line in in_lines(self.reason, WIDTH - 4))])


def _place(row: AuditRow | None) -> str:
    return "there is no such step" if row is None else f"{row.number}, {row.operator} {row.node!r}"


@dataclass(frozen=True, repr=False)
class Audit:
    """What `sg.audit` found: `rows`, one a step; with `against`, `equal`, `difference` and the `weights` that differ."""

    title: str
    rows: tuple[AuditRow, ...]
    missing: tuple[str, ...]
    equal: bool | None = None  # None: there was nothing to compare with
    difference: Differing | None = None
    weights: tuple[str, ...] = ()
    outputs: tuple[str, ...] = ()  # where they differ: by how much, at inputs drawn by chance

    def __bool__(self) -> bool:
        return self.equal is not False

    def __str__(self) -> str:
        parts = [self.title, "\n".join(map(str, self.rows))]
        parts += ["Not read:\n" + "\n".join(f"    {each}" for each in self.missing)] if self.missing else []
        if self.equal:
            parts.append("Both networks compute the same formulas, with the same numbers.")
        if self.difference is not None:
            parts.append(str(self.difference))
        if self.weights:
            parts.append("Numbers that differ:\n" + "\n".join(f"    {each}" for each in self.weights))
        if self.outputs:
            lines = "\n".join(f"    {each}" for each in self.outputs)
            parts.append(f"Outputs at {DRAWN} inputs drawn by chance:\n{lines}")
        return "\n\n".join(part for part in parts if part)

    __repr__ = __str__


def audit(network: Any, against: Any = None) -> Audit:
    """A network step by step: layers, shapes, parameters, formulas; with `against`, where another one differs from it.

    Both are networks that were read, or paths of ONNX files. Two networks are equal where they compute the same formulas
    with the same numbers, whatever their names are. Where not, `.difference` is the first step at which they differ, as
    formulas, with the attributes of its operator and, in a sentence, what explains it; `.weights` names the parameters
    whose numbers differ, `.outputs` says by how much outputs do at random inputs. `str` of the result is for reading;
    `bool` is false where the networks differ.

    Raises SymgradError for what is no network, and for networks whose inputs do not fit.

    >>> import symgrad as sg
    >>> x, W = sg.data("x", 3), sg.parameter("W", (2, 3))
    >>> print(sg.audit(sg.networks.network.ReadNetwork({"x": x}, {"y": W @ x}, {"W": W}, {"W": np.eye(2, 3)})))
    x (3,) to y (2,): 6 numbers in 1 parameter
    """
    first = _network(network)
    audited = as_it_is(first)
    rows = tuple(_rows(first, audited))
    title, lost = repr(first)[len("<Network of "):-1], tuple(map(str, first.missing))
    if against is None:
        return Audit(title, rows, lost)
    second = _network(against)
    other = rewritten(second, first)
    here, there = first_difference(audited, other)
    if here is None and there is None:
        here, there = _by_outputs(first, audited, other)
    weights = _weights(first, second, other)
    difference = None
    if here is not None or there is not None:
        difference = _difference(first, audited, second, other, here, there, rows)
    elif weights:
        difference = _by_weights(first, second, rows, weights, other)
    return Audit(title, rows, (*lost, *(f"{each} (other network)" for each in second.missing)),
                 difference is None, difference, tuple(weights.values()),
                 () if difference is None else outputs_apart(first, second, DRAWN))


def _network(value: Any) -> ReadNetwork:
    if isinstance(value, ReadNetwork):
        return value
    if isinstance(value, (str, os.PathLike)):
        return from_onnx(value, partial=True)
    raise SymgradError(f"audit: give a network (sg.from_onnx, sg.from_torch) or the path of an ONNX file, not "
                       f"{type(value).__name__}")


# rows -----------------------------------------------------------------------------------------------------


def _rows(network: ReadNetwork, side: Rewritten) -> list[AuditRow]:
    return [_row(network, side.steps, i) for i in range(len(side.steps))]


def _row(network: ReadNetwork, steps: Sequence[ReadStep], i: int) -> AuditRow:
    step = steps[i]
    own = tuple(f"{name} {shape_text(network.parameters[name].shape)}" for name in dict.fromkeys(step.reads)
                if name in network.parameters)
    return AuditRow(i + 1, step.operator, step.node or step.gives[0], step.made[0].node.shape, own, _formula(steps, i))


def _formula(steps: Sequence[ReadStep], i: int) -> str:
    """The formula of a step, of what it reads: v1, v2, ... are what earlier steps give."""
    given: dict[int, str] = {}
    for k, step in enumerate(steps[:i]):
        for place, t in enumerate(step.made):
            given.setdefault(id(t), f"v{k + 1}" if place == 0 else f"v{k + 1}_{place + 1}")
    try:
        made = steps[i].again(*(_stand_in(value, given) for value in steps[i].operands))
        text = next(str(value) for value in made if isinstance(value, Tensor))
    except (SymgradError, StopIteration, IndexError):
        return ""
    most = LOOP if steps[i].operator in LETTERS else LONG
    return text if len(text) <= most else text[:most] + " …"


def _stand_in(value: Any, given: Mapping[int, str]) -> Any:
    """A symbol for what an earlier step gives."""
    if isinstance(value, list):
        return [_stand_in(each, given) for each in value]
    if not isinstance(value, Tensor) or id(value) not in given:
        return value
    return data(given[id(value)], value.shape, over=value.over, dtype=value.dtype)


# differences ------------------------------------------------------------------------------------------------


def _by_outputs(first: ReadNetwork, a: Rewritten, b: Rewritten) -> tuple[int | None, int | None]:
    """Steps are all the same, and outputs may be others of them."""
    mine, other = list(a.outputs.values()), list(b.outputs.values())
    if len(mine) == len(other) and all(x == y for x, y in zip(mine, other, strict=True)):
        return None, None
    if len(mine) == len(other) and len(a.steps) and all(x.shape == y.shape for x, y in zip(mine, other, strict=True)):
        if set(mine) == set(other):
            return None, None
        try:
            if all(x == y or verify(y, x) for x, y in zip(mine, other, strict=True)):
                return None, None
        except SymgradError:
            pass
    return (len(a.steps) - 1 if a.steps else None), (len(b.steps) - 1 if b.steps else None)


def _difference(first: ReadNetwork, a: Rewritten, second: ReadNetwork, b: Rewritten, here: int | None, there: int | None,
                rows: Sequence[AuditRow]) -> Differing:
    step = None if here is None else rows[here]
    other = None if there is None else _row(second, b.steps, there)
    if here is None or there is None:
        lone, side = (step, "this network") if there is None else (other, "the other network")
        assert lone is not None
        return Differing(step, other, (), None, f"Only {side} has {lone.operator} {lone.node!r}: {_value(lone.number)} = "
                                                f"{lone.formula}")
    attributes = _attributes(a.steps[here], b.steps[there])
    shown = narrowed(a.made[here][0].node, b.made[there][0].node).shown()
    around = None if gate_moved(*shown) else _gate_nearby(a, b, here, there)
    shown = shown if around is None else around
    symbols = gate_symbols(a.steps[here]) | gate_symbols(b.steps[there])
    named = with_gates(shown, symbols)
    formulas = (str(wrap(named[0])), str(wrap(named[1])))
    if gate_moved(*shown):
        gate = "the reset gate" if "GRU" in (a.steps[here].operator, b.steps[there].operator) else (
            "a gate (of a GRU: the reset gate)")
        reason = (f"In one of them {gate} multiplies what the matrix product gives, in the other what the matrix product "
                  "takes: σ stands on the other side of the product.")
    else:
        reason = _verdict(shown)
    if list(shown) != named:
        layer = a.steps[here] if a.steps[here].operator in LETTERS else b.steps[there]
        reason += f" ({pieces_of(layer)}.)"
    return Differing(step, other, attributes, formulas, reason)


def _gate_nearby(a: Rewritten, b: Rewritten, here: int, there: int) -> tuple[Any, Any] | None:
    """A product and a gate that were exchanged, where each is a step of its own: what they give together."""
    for one in a.made[here:here + NEARBY]:
        for two in b.made[there:there + NEARBY]:
            if one[0].node.shape == two[0].node.shape and gate_moved(one[0].node, two[0].node):
                found: tuple[Any, Any] = narrowed(one[0].node, two[0].node).shown()
                return found if gate_moved(*found) else None
    return None


def _verdict(shown: tuple[Any, Any]) -> str:
    if shown[0].shape != shown[1].shape:
        return (f"Here it has the shape {shape_text(shown[0].shape)}, there {shape_text(shown[1].shape)}: from here on the "
                "networks are made of other steps.")
    try:
        verdict = verify(wrap(shown[1]), wrap(shown[0]))
    except SymgradError as error:
        return f"They could not be compared at a point: {error}"
    return f"Beside the formula here, that of the other network is: {str(verdict)[:1].lower()}{str(verdict)[1:]}"


def _attributes(one: ReadStep, two: ReadStep) -> tuple[str, ...]:
    """Attributes of one operator with other values."""
    if one.operator != two.operator:
        return (f"operator {one.operator}, there {two.operator}",)
    return tuple(f"attribute {name}: {one.attributes.get(name)!r}, there {two.attributes.get(name)!r}"
                 for name in differing_attributes(one, two))


def _weights(first: ReadNetwork, second: ReadNetwork, other: Rewritten) -> dict[str, str]:
    """Parameters of the first network whose numbers are others in the second."""
    found = {}
    for name, partner in other.renamed.items():
        mine, value = first.values.get(partner), second.values.get(name)
        if mine is None or value is None:
            continue
        value = value.T if name in other.turned else value
        if not np.array_equal(mine, value, equal_nan=True):
            gap = np.abs(mine.astype(float) - value.astype(float))
            place = tuple(int(i) for i in np.unravel_index(int(np.nanargmax(gap)), gap.shape)) if gap.size else ()
            called = partner if name == partner else f"{partner} ({name})"
            found[partner] = (f"{called}: {np.count_nonzero(gap):,} of {gap.size:,}, at most by {gap.max():.3g}, at "
                              f"{place}: {mine[place]:.6g} and {value[place]:.6g}")
    return found


def _by_weights(first: ReadNetwork, second: ReadNetwork, rows: Sequence[AuditRow], weights: Mapping[str, str],
                other: Rewritten) -> Differing:
    """The formulas are equal, and numbers are not: the first step that reads such."""
    for i, step in enumerate(first.steps):
        read = [name for name in step.reads if name in weights]
        if read:
            partners = [name for name, partner in other.renamed.items() if partner in read]
            there = next((j for j, each in enumerate(second.steps) if set(partners) & set(each.reads)), None)
            return Differing(rows[i], None if there is None else _row(second, second.steps, there), (), None,
                             f"The formulas are equal; the numbers of {', '.join(read)} are not.")
    return Differing(None, None, (), None, f"The formulas are equal; the numbers of {', '.join(weights)} are not.")
