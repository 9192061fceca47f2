"""Recurrences in a picture: a loop is one cluster, `for t = 1, …, n`, and inside it stand the values of one step.

The body of a loop is an ordinary graph, cut into boxes like any other. What a step takes from outside comes by arrows:
slices by their names x_t, constants as they are. A carry enters as h_{t-1} and leaves as h_t; the dashed arrow back is
the picture's alone, the graph has no cycle. The letters are those of the printed formula. All that is read from one
loop is read from one cluster.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from symgrad.derivations.text import show
from symgrad.drawing.clusters import Homes
from symgrad.drawing.gates import MEMORY, gate_letters
from symgrad.drawing.outputs import sizes_text
from symgrad.drawing.pictures.picture import Arrow, Cluster, DrawnBox
from symgrad.formulas.notation.loop_names import VALUES, Recurrences, Told
from symgrad.graphs import ops
from symgrad.graphs.algebra.einsum import literal_value
from symgrad.graphs.algebra.primitives import input_node, named
from symgrad.graphs.algebra.recurrence import Loop, loop_of, substituted
from symgrad.graphs.algebra.scanning import body_axes
from symgrad.graphs.node import Node, Symbol, topological, transform
from symgrad.graphs.pieces.boxes import LEAF, Box, joint_boxes
from symgrad.graphs.samples import sample_axes
from symgrad.graphs.sizes import Size
from symgrad.graphs.table import PRIMITIVES, rebuild

MANY = 3                # values of a step from which on a folded cell says no more than its name
OPERANDS = "uvw"      # what a loop takes, where it has no name


@dataclass
class OpenedLoops:
    """The loops of a picture, opened: what is drawn of them, and where each value comes from."""

    found: Sequence[Box]
    homes: Homes
    formulas: bool
    boxes: list[DrawnBox] = field(default_factory=list)
    arrows: list[Arrow] = field(default_factory=list)
    clusters: list[Cluster] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._met = Recurrences(letters=True)
        self._bases = {part for box in self.found if box.kind != "output" for part in (box.name, *[
            box.name.partition("^")[0].partition("_")[0]] * (box.node.op in ops.GIVEN))}  # as the printed formula: a_t, a^1
        self._reads: dict[Loop, dict[int | Node, None]] = {}
        for box in self.found:
            for node in _scans(box.local):
                self._reads.setdefault(loop_of(node), {})[node.attrs[1]] = None
        self._told = {loop: self._met.told(self._bases, loop) for loop in self._reads}
        self._ends: dict[tuple[Loop, int | Node], tuple[str, str]] = {}     # the box and the name of what is read
        self._drawn = 0
        self._results: dict[Node, str] = {}     # leaves that stand for it, and its box
        self._begun: dict[Node, str] = {}

    def opened(self, value: Box) -> Node | None:
        """The formula of a box in terms of what its loops give; draws these, and the arrows to it. None without loops."""
        scans = _scans(value.local)
        for node in scans:
            if (loop_of(node), node.attrs[1]) not in self._ends:
                self._draw(loop_of(node), value)
        if not scans:
            return None
        local = self._read(value.local)
        self._lead(local, self.homes.key(value), value)
        return local

    def taken(self) -> list[DrawnBox]:
        """The boxes that have been drawn since this was asked last."""
        drawn, self.boxes = self.boxes, []
        return drawn

    def _read(self, node: Node) -> Node:
        """A formula with the names of what is read from loops."""
        new = {}
        for scan in _scans(node):
            name = self._ends[loop_of(scan), scan.attrs[1]][1]
            new[scan] = _leaf(name, scan, sample_axes([scan]))
            self._results[new[scan]] = self._ends[loop_of(scan), scan.attrs[1]][0]
        return substituted(PRIMITIVES, [node], new)[0]

    def _lead(self, node: Node, key: str, value: Box, text: Node | None = None) -> None:
        """Arrows to a box from the leaves of its formula: other boxes, and results of loops."""
        leaves = set(topological([node]))
        for operand in value.operands:
            if operand.leaf in leaves:
                self.arrows.append(_arrow(self.homes.key(operand, value), key, operand.leaf, text))
        for leaf, end in self._results.items():
            if leaf in leaves and end:
                self.arrows.append(_arrow(end, key, leaf, text))

    def _draw(self, loop: Loop, value: Box) -> None:
        told, t, body = self._told[loop], self._step_of(loop), loop.body
        self._drawn += 1
        key = f"cell {self._drawn}"
        first, last = (_size(loop.length), "1") if loop.reverse else ("1", _size(loop.length))
        names, sources = self._symbols(loop, told)
        inside, after, read = self._step(loop, told, names)
        where = {box.leaf: f"{key} {box.name}" for box in inside if box.node.op not in ops.GIVEN}
        used = {operand.leaf for box in inside for operand in box.operands}
        for symbol, begin in loop.begins.items():
            if names[symbol] in used or names[symbol] in read.values():
                where[names[symbol]] = self._carry(key, names[symbol], begin, value, loop)
        for box in inside:
            if box.node.op in ops.GIVEN:
                continue
            self.boxes.append(self._drawn_box(where[box.leaf], box.leaf, box.local, key, ", in each step"))
            for operand in box.operands:
                leaf = operand.leaf
                if leaf in where:
                    self.arrows.append(_arrow(where[leaf], where[box.leaf], leaf))
                else:
                    sliced = leaf if sources[leaf] in loop.stacks.values() else None
                    self._from_outside(sources[leaf], leaf, where[box.leaf], value, sliced)
        self.clusters.append(self._cluster(key, f"for {t} = {first}, …, {last}", loop, inside, names))
        ends = {box.node: where.get(box.leaf, "") for box in inside}
        for place, (symbol, node) in enumerate(zip(body.carries, after, strict=True)):
            end, begin_key = ends.get(node, ""), where.get(names[symbol], "")
            if end and begin_key and end != begin_key:
                self.arrows.append(Arrow(end, begin_key, returns=True))
            self._ends[loop, place] = end, f"{told.carries[place]}_{last}"
        for what, node in read.items():
            letter = told.others.get(what, "")
            letter = told.carries[body.after.index(what)] if what in body.after else told.repeated.get(what, letter)
            self._ends[loop, what] = ends.get(node) or where.get(node, ""), str(letter)

    def _step_of(self, loop: Loop) -> str:
        """The letter of the steps of a loop."""
        return self._met.step_of(self._bases, loop.length)

    def _symbols(self, loop: Loop, told: Told) -> tuple[dict[Node, Node], dict[Node, Node]]:
        """The leaves that stand for the bound symbols of a step, and what slices and constants are outside."""
        t, body = self._step_of(loop), loop.body
        before = f"{t} {'+' if loop.reverse else '-'} 1"
        axes = body_axes(PRIMITIVES, loop, sample_axes(loop.operands)) or {}
        names: dict[Node, Node] = {}
        sources: dict[Node, Node] = {}
        for symbol, letter in zip(body.carries, told.carries, strict=True):
            names[symbol] = _leaf(f"{letter}_({before})", symbol, axes, f"{letter}_{{{before}}}")
        for symbol, operand in loop.stacks.items():
            seen = _seen(operand)
            base = self._met.fresh(self._bases, OPERANDS) if seen is None else self._ends[
                loop_of(seen), seen.attrs[1]][1] if seen.op is ops.SCAN else seen.attrs[0].name
            names[symbol] = _leaf(f"{base}_{t}", symbol, axes)
            sources[names[symbol]] = operand
        for symbol, operand in loop.given.items():
            named_so = operand.op is ops.INPUT or literal_value(operand) is not None
            names[symbol] = operand if named_so else _leaf(self._met.fresh(self._bases, OPERANDS), symbol, axes)
            sources[names[symbol]] = operand
        return names, sources

    def _cluster(self, key: str, title: str, loop: Loop, inside: list[Box], names: dict[Node, Node]) -> Cluster:
        """The cluster of a cell; folded, a cell of many values says what goes in and what comes out."""
        computed = [box for box in inside if box.node.op not in ops.GIVEN]
        if len(computed) < MANY or not self.formulas:
            return Cluster(key, title)
        letters = set(gate_letters(loop.body).values())
        name = "LSTM" if letters == MEMORY else "GRU" if letters else "step"
        told, t = self._told[loop], self._step_of(loop)
        shown = [names[symbol] for symbol in (*loop.body.slices, *loop.body.carries)]
        texts = []
        for style in ("unicode", "latex"):
            out = ", ".join(f"{letter}_{t}" for letter in told.carries)
            called = name if style == "unicode" else rf"\operatorname{{{name}}}"
            texts.append(f"{out} = {called}({', '.join(show(leaf, style) for leaf in shown)})")
        return Cluster(key, title, label=_plain(texts[0]), latex=texts[1])

    def _step(self, loop: Loop, told: Told, names: dict[Node, Node]) -> tuple[list[Box], list[Node], dict[Node, Node]]:
        """The values of one step as boxes, the carries after it, and what else is read."""
        t, body = self._step_of(loop), loop.body
        whats = [what for what in self._reads[loop] if not isinstance(what, int)]
        for what in whats:
            if what not in (*body.after, *told.repeated, *told.others):
                told.others[what] = self._met.fresh(self._bases, VALUES)
        gates = self._gates(told, loop)
        inner = Recurrences()
        letters = map(str, (*told.carries, *told.repeated.values(), *told.others.values()))
        bases = {*self._bases, *gates.values(), *letters, t}
        known = {**told.repeated, **gates}
        results = len(body.after) + len(whats)
        made = substituted(PRIMITIVES, [*body.after, *whats, *known], names)
        roots = list(dict.fromkeys(made[:results]))
        words = dict(zip(made[results:], known.values(), strict=True))
        for box in joint_boxes(dict.fromkeys(roots, "r"), {}, keep=[*roots, *words]):
            if box.node.op not in ops.GIVEN and box.node not in roots and box.node not in words:
                words[box.node] = inner.fresh(bases, VALUES)
        made = made[:results]
        spoken = {node: f"{letter}_{t}" for node, letter in words.items() if node not in roots}
        again = transform(made, lambda node, operands: named(rebuild(node, operands), spoken[node]) if node in spoken
                          else rebuild(node, operands), {})
        outputs: dict[Node, str] = {}
        for node, letter in zip(again, [*told.carries, *(told.repeated.get(w, told.others.get(w, "")) for w in whats)],
                                strict=False):
            outputs.setdefault(node, f"{letter}_{t}")
        inside = joint_boxes(outputs, {}, keep=list(outputs))
        return inside, again[:len(body.after)], dict(zip(whats, again[len(body.after):], strict=False))

    def _gates(self, told: Told, loop: Loop) -> dict[Node, str]:
        """What has a name, and gates by the letters of the literature, where these mean nothing else."""
        own = {node: str(told.repeated.get(node, node.attrs[0]))
               for node in topological(loop.body.after) if node.op is ops.NAMED}
        gates = {node: letter for node, letter in gate_letters(loop.body).items() if node not in own}
        taken = {*self._bases, *told.carries, self._step_of(loop), _size(loop.length)}
        found = {node: name for node, name in own.items() if node in told.repeated or name not in taken}
        return found if taken & {*gates.values()} else {**found, **gates}

    def _carry(self, key: str, leaf: Node, begin: Node, value: Box, loop: Loop) -> str:
        """The box by which a carry enters; what it begins as is said, where it is a number."""
        found = f"{key} {leaf.attrs[0].name}"
        letter = leaf.attrs[0].name.partition("_(")[0]
        first = f"{letter}_{{{_size(loop.length)} + 1}}" if loop.reverse else f"{letter}_0"
        number = literal_value(begin)
        label, latex = _plain(show(leaf, "unicode")), show(leaf, "latex")
        tip = f"{label}, the carry before the step; it begins as {first}"
        if number is not None and self.formulas:
            text = show(begin, "unicode")
            label, latex = f"{label}\n{first} = {text}", f"{latex}\n{first} = {text}"
        self.boxes.append(DrawnBox(found, label, "operation", tip, key, latex, noun="carry",
                                   shape=sizes_text(leaf.shape, "unicode")))
        if number is None:
            start = _leaf(first.replace("{", "(").replace("}", ")"), begin, sample_axes([begin]), first)
            self._from_outside(begin, start, found, value, start)
        return found

    def _from_outside(self, operand: Node, leaf: Node, key: str, value: Box, text: Node | None) -> None:
        """Arrows from what a step takes: one box or one result of a loop as it is, else a box with its formula."""
        seen = _seen(operand)
        if seen is not None:
            self._lead(self._read(seen), key, value, text)
            return
        if operand not in self._begun:
            name = str(leaf.attrs[0].name)
            for letter in self._met.steps.values():
                name = name.removesuffix(f"_{letter}")
            self._begun[operand] = found = f"v {name} before {value.name}"
            local = self._read(operand)
            shown = _leaf(name, operand, sample_axes([operand]))
            self.boxes.append(self._drawn_box(found, shown, local, None, ""))
            self._lead(local, found, value)
        self.arrows.append(_arrow(self._begun[operand], key, operand, text))

    def _drawn_box(self, key: str, leaf: Node, local: Node, cluster: str | None, told: str) -> DrawnBox:
        """The box of a value with its formula."""
        shape = sizes_text(leaf.shape, "unicode")
        whole = _plain(f"{show(leaf, 'unicode')} = {show(local, 'unicode')}")
        label, latex = show(leaf, "unicode"), show(leaf, "latex")
        if self.formulas:
            label, latex = whole, f"{latex} = {show(local, 'latex')}"
        tip = f"{whole}\n{f'shape {shape}' if shape else 'a scalar'}{told}"
        return DrawnBox(key, label, "operation", tip, cluster, latex, shape=shape)


def _scans(node: Node) -> list[Node]:
    return [each for each in topological([node]) if each.op is ops.SCAN]


def _leaf(name: str, node: Node, axes: Mapping[Node, int], latex: str | None = None) -> Node:
    """A leaf of the shape of a node, over samples where this is."""
    over = node.shape[0] if axes.get(node) == 0 else None
    return input_node(Symbol("data", name, over, owner=LEAF, latex=latex), node.shape, node.dtype)


def _seen(operand: Node) -> Node | None:
    """The symbol, or the result of a loop, that an operand is, if only its sample axis stands elsewhere."""
    if operand.op in (ops.INPUT, ops.SCAN):
        return operand
    if operand.op is not ops.VIEW or len(operand.operands) != 1 or operand.operands[0].op not in (ops.INPUT, ops.SCAN):
        return None
    (symbol,) = operand.operands
    (labels,), out = operand.attrs
    axis = sample_axes([symbol]).get(symbol)
    samples = None if axis is None else labels[axis]
    order = [x for x in out if x != samples]
    return symbol if sorted(out) == sorted(labels) and order == [x for x in labels if x != samples] else None


def _arrow(tail: str, head: str, node: Node, text: Node | None = None) -> Arrow:
    """An arrow with the shape of what it carries, or with its name."""
    if text is not None:
        return Arrow(tail, head, _plain(show(text, "unicode")), latex=show(text, "latex"))
    return Arrow(tail, head, sizes_text(node.shape, "unicode"), latex=sizes_text(node.shape, "latex"))


def _plain(text: str) -> str:
    """Indices such as t - 1 as formulas write them."""
    return re.sub(r"_\((\w [-+] 1)\)", r"_{\1}", text)


def _size(size: Size) -> str:
    return sizes_text((size,), "unicode")
