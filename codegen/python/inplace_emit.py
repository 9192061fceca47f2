"""A function whose intermediate arrays lie in a workspace that is made once for each batch size.

Its results go into arrays that are given, as in a training step, or into new ones that it returns (`form`). A result
that is a product in another shape is computed where it is returned, not copied there.
"""

from __future__ import annotations

import textwrap
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import prod

import sympy as sp

from symgrad.codegen.lowering import acts
from symgrad.codegen.lowering.arrays import Expr, base_of
from symgrad.codegen.lowering.order import typical
from symgrad.codegen.plan.plan import Mark, Plan, Step, work_of
from symgrad.codegen.plan.storage import Storage, by_memory, every_operation, largest, last_reads, reads, slots
from symgrad.codegen.python.emit import Form, returned, write_steps
from symgrad.codegen.python.identifiers import identifier
from symgrad.codegen.python.inplace import InPlace, first_only
from symgrad.codegen.python.planner import WIDTH, Wish, aliased
from symgrad.codegen.python.shared import INDENT, Comment, Module, closure, setting
from symgrad.codegen.python.spell import Spelling
from symgrad.codegen.python.texts import ATOM, shape_text, size_text
from symgrad.codegen.python.workspace import SLOT, filled
from symgrad.codegen.python.wrapping import wrap_line
from symgrad.codegen.quoting import docstring
from symgrad.graphs.node import Node


@dataclass(frozen=True)
class InPlaceFunction:
    """The text of the function and of what makes its workspace, and the plan of both."""

    name: str
    lines: tuple[str, ...]
    workspace: tuple[str, ...]
    plan: Plan
    marks: tuple[Mark, ...] = ()


def emit_inplace(
    module: Module,
    name: str,
    inputs: Sequence[tuple[str, Node]],
    outputs: Sequence[tuple[str, Node]],
    *,
    over: Mapping[str, str] | None = None,
    sizes: Mapping[sp.Symbol, int] | None = None,
    names: Mapping[Node, str] | None = None,
    comment: Comment | None = None,
    form: Form = None,
    doc: str,
) -> InPlaceFunction:
    """`name(inputs, outputs, rooms)`: outputs are arrays to be filled; `over` names outputs that overwrite an input.

    With a `form`, which nests the positions of the outputs, it is `name(inputs, rooms)` and returns new arrays.
    """
    begun = setting(module, name, inputs, outputs, sizes, names, comment, ["rooms", "slot", f"{name}_workspace"])
    arguments, scope, arrays, wishes, roots = begun.arguments, begun.scope, begun.given, begun.wishes, begun.roots
    size_names = begun.sizes
    called = {wish: a for (wish, _), a in zip(inputs, arguments, strict=True)}
    over = {new: called[old] for new, old in (over or {}).items()}
    wanted = roots if form is None else [base_of(root) for root in roots]  # of new arrays, views are returned
    kept = every_operation([e for e in dict.fromkeys(wanted) if e not in arrays])
    if not over:  # else the order of the formulas, in which a state is read before it is overwritten
        kept.stored = by_memory(kept)
    taken = _overwritten(kept, roots, [wish for wish, _ in outputs], over, arrays)
    results: dict[Expr, str] = {}
    given: list[str] = []
    copies = []
    for e, root, (wish, _) in zip(wanted, roots, outputs, strict=True):
        if form is not None:
            if e not in arrays and e not in results:
                name_of = identifier(wish) if e is root else wishes[e].name if e in wishes else None
                results[e] = scope.fresh(name_of) if name_of else scope.numbered("v")
            continue
        if wish in over:
            target = over[wish]
        else:
            target = scope.fresh(identifier(wish))
            given.append(target)
        if root in arrays or root in results or (root not in taken and wish in over):
            copies.append((target, root))
        else:
            results[root] = target
    constant = [e for e in kept.stored if e.op in acts.FILLS and e not in results]
    lent = {root.args[0]: root for root in results if root.op is acts.RESHAPE and root not in taken
            and root.args[0] in kept.keep and root.args[0] not in {*results, *constant, *arrays}}
    found, home = slots(kept, {*results, *constant, *lent, *taken}, first_only)
    heirs = _heirs(kept, home)
    for e in reversed(kept.stored):
        wanted_name: str | None = wishes[e].name if e in wishes else None
        if e in results:
            arrays[e] = results[e]
        elif e in taken:
            arrays[e] = arrays[taken[e]]
        elif wanted_name is None and e in heirs and heirs[e] in arrays:
            arrays[e] = arrays[heirs[e]]
        elif wanted_name:
            arrays[e] = scope.fresh(wanted_name)
    for e in kept.stored:
        chain = [e]
        while chain[-1] not in arrays and chain[-1] in heirs:
            chain.append(heirs[chain[-1]])
        if chain[-1] not in arrays:
            arrays[chain[-1]] = scope.numbered("v")
        arrays.update(dict.fromkeys(chain, arrays[chain[-1]]))
    memory: dict[Expr, object] = {**home, **{e: arrays[b] for e, b in taken.items()}}
    memory.update({e: arrays[e] for e in arrays if e.op is acts.INPUT})

    def shares(e: Expr, b: Expr) -> bool:
        return e in memory and b in memory and memory[e] == memory[b]

    spelling = Spelling(module.backend, module.dtype, size_names)
    writer = InPlace(kept, spelling, arrays, shares)
    itemsize = {"real": 4 if module.dtype == "float32" else 8, "integer": 8}
    steps: list[Step] = []
    seen: set[object] = set()
    views = []
    for base, root in lent.items():
        shape = ", ".join(size_text(size, size_names).text for size in base.shape) or "()"
        views.append(f"{INDENT}{arrays[base]} = {arrays[root]}.reshape({shape})")
    for e in kept.stored:
        if e in constant or e.args and lent.get(e.args[0]) is e:
            continue
        lines = writer.lines(e)
        if form is not None and e in results:
            lines = _made(lines, results[e], f"{spelling.np}.empty({shape_text(e.shape, size_names)}, "
                                             f"{spelling.dtype_text(e.kind)})")
        asked = wishes.get(e, Wish(None))
        size = 0 if memory.get(e, e) in seen or e in results or e in taken else itemsize.get(e.kind, 1)
        seen.add(memory.get(e, e))
        operands = tuple(arrays[b] for b in reads(e, kept))
        steps.append(Step(arrays[e], e.op, operands, tuple(lines), asked.comment, e.shape, e.kind, size, work_of(e),
                          asked.nodes))
    body = [f"{INDENT}{spelling.np}.copyto({target}, {writer.text(root).text})" for target, root in copies]
    if form is not None:
        codes = zip(map(writer.text, roots), roots, aliased(roots), strict=True)
        texts = [f"{code.at(ATOM)}.copy()" if alias else code.text if root.shape else f"{code.at(ATOM)}[()]"
                 for code, root, alias in codes]
        body += wrap_line(f"return {returned(form, texts)}", INDENT)
    tenants = list({arrays[e]: (arrays[e], e) for e in kept.stored if e in home}.values())
    tenants.sort(key=lambda tenant: -prod(map(typical, tenant[1].shape)))  # a slot is made in its full size
    ones = list(writer.ones)
    inside = [name for name, _ in tenants] + [arrays[e] for e in constant] + [writer.one_name(s) for s in ones]
    module.helpers.update(writer.helpers)
    room = _workspace(name, spelling, tenants, home, constant, ones)
    used = {s for s in size_names if s in closure({**size_names.used, **_free(kept)}, begun.known)}
    keys = [size_names[s] for s in size_names if s in used]
    key = f'("{name}", {", ".join(keys)})' if keys else f'"{name}"'
    lines = [module.backend.quiet] if form is not None and module.backend.quiet else []
    lines += wrap_line(f"def {name}({', '.join([*arguments, *given, *(['rooms'] if inside else [])])}):", "")
    lines += documented(doc)
    lines += begun.size_lines(used)
    if inside:
        unpacked = ", ".join(inside) if len(inside) > 1 else f"({inside[0]},)"
        found_or_made = f"rooms.get({key}) or {name}_workspace({', '.join(['rooms', *keys])})"
        if len(unpacked) > WIDTH - 12:
            names_of = textwrap.wrap(f"{unpacked},", WIDTH - 8, break_long_words=False, break_on_hyphens=False)
            lines += [f"{INDENT}(", *(INDENT * 2 + part for part in names_of), f"{INDENT}) = {found_or_made}"]
        else:
            lines += wrap_line(f"{unpacked} = {found_or_made}", INDENT)
        room = [f"def {name}_workspace({', '.join(['rooms', *keys])}):", *room]
        room.append(f"{INDENT}return rooms.setdefault({key}, arrays)")
    rooms = tuple((itemsize.get(e.kind, 1), e.shape) for e in (*map(largest, found), *constant))
    lines += views
    plan = begun.plan(steps, [name for name, _ in outputs], rooms)
    marks = write_steps(lines, steps)
    return InPlaceFunction(name, (*lines, *body), tuple(room) if inside else (), plan, marks)


def _made(lines: list[str], name: str, empty: str) -> list[str]:
    """The statements that fill an array, which they make first."""
    put = f"{name}[...] = "
    if lines[0].startswith(put):
        return [f"{name} = {lines[0].removeprefix(put)}", *lines[1:]]
    return [f"{name} = {empty}", *lines]


def documented(doc: str) -> list[str]:
    """A docstring of one sentence."""
    first, *rest = textwrap.wrap(doc, WIDTH - 8, initial_indent="   ", break_long_words=False, break_on_hyphens=False)
    return docstring([first.lstrip(), *rest], INDENT)


def _heirs(kept: Storage, home: Mapping[Expr, int]) -> dict[Expr, Expr]:
    """For arrays whose place is taken by the step that reads them last: who takes it, in the same shape."""
    heirs: dict[Expr, Expr] = {}
    last = last_reads(kept)
    for step, e in enumerate(kept.stored):
        for b in e.args:
            same = b in home and e in home and home[b] == home[e] and (b.shape, b.kind) == (e.shape, e.kind)
            if same and last[b] == step:
                heirs[b] = e
    return heirs


def _free(kept: Storage) -> dict[object, None]:
    return dict.fromkeys(s for e in kept.stored for size in e.shape if not isinstance(size, int) for s in size.free_symbols)


def _overwritten(kept: Storage, roots: Sequence[Expr], wishes: Sequence[str],
                 over: Mapping[str, str], arrays: Mapping[Expr, str]) -> dict[Expr, Expr]:
    """The results that can be written over an input: nothing reads that input at a later step."""
    last, place = last_reads(kept), {e: i for i, e in enumerate(kept.stored)}
    by_name = {name: e for e, name in arrays.items()}
    taken: dict[Expr, Expr] = {}
    for root, wish in zip(roots, wishes, strict=True):
        if wish not in over or root not in place:
            continue
        old = by_name[over[wish]]
        when = last.get(old, -1)
        if when < place[root] or (when == place[root] and first_only(root, old, kept)):
            taken[root] = old
            for e in root.args:  # what only this result is computed from may be there before
                if e in place and last[e] == place[root] and place[e] == when and e not in roots and (
                        first_only(root, e, kept) and first_only(e, old, kept)):
                    taken[e] = old
    return taken


def _workspace(name: str, spelling: Spelling, tenants: Sequence[tuple[str, Expr]], home: Mapping[Expr, int],
               constant: Sequence[Expr], ones: Sequence[object]) -> list[str]:
    """Slots that grow, views of them by shape, and what is the same for all batches of one size."""
    sizes = spelling.sizes
    doc = f'{INDENT}"""The arrays of `{name}`: views of slots, which several share one after the other."""'
    lines = [doc, f"{INDENT}arrays = ("]
    for variable, e in tenants:
        shape = shape_text(e.shape, sizes)
        lines.append(f"{INDENT * 2}slot(rooms, {home[e]}, {shape}, {spelling.dtype_text(e.kind)}),"
                     f"  # {variable}")
    for e in constant:
        lines.append(f"{INDENT * 2}{spelling.text(e, []).text},")
    for size in ones:
        lines.append(f"{INDENT * 2}{spelling.np}.ones({size_text(size, sizes).text}, {spelling.dtype_text('real')}),")
    return [*lines, f"{INDENT})"]


def inplace_text(module: Module, function: InPlaceFunction) -> str:
    """The text of a module with one function and what makes its workspace."""
    blocks = ["\n".join(module.constant_lines()), *(module.backend.helpers[row].rstrip() for row in module.helpers)]
    blocks += [filled(SLOT, np=module.backend.np).rstrip(), "\n".join(function.lines), "\n".join(function.workspace)]
    body = "\n\n\n".join(filter(None, blocks))
    return f"import math\n\n{module.backend.import_lines(body)}\n\n\n{body}\n"
