"""A function whose intermediate arrays lie in a workspace that is made once for each batch size.

`inplace_plan.py` says where everything lies; here the steps are written, then the head that finds or makes the
workspace, and what the function gives.
"""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from dataclasses import dataclass
from math import prod

from symgrad.codegen.lowering.arrays import Expr
from symgrad.codegen.lowering.order import typical
from symgrad.codegen.plan.plan import Mark, Plan, PlanStep, work_of
from symgrad.codegen.plan.slots import largest
from symgrad.codegen.plan.storage import reads
from symgrad.codegen.python.emit import return_lines, write_steps
from symgrad.codegen.python.inplace import InPlace, first_only
from symgrad.codegen.python.inplace_plan import Places, places, steps_of
from symgrad.codegen.python.job import EmittedModule, Job
from symgrad.codegen.python.loops import spelling_of
from symgrad.codegen.python.planner import INDENT, WIDTH, Wish, aliased
from symgrad.codegen.python.setting import Setting, closure, setting, with_less_kept
from symgrad.codegen.python.spell import Spelling
from symgrad.codegen.python.texts import ATOM, shape_text, size_text
from symgrad.codegen.python.workspace import SLOT, filled
from symgrad.codegen.python.wrapping import wrap_line
from symgrad.codegen.quoting import docstring
from symgrad.graphs.node import INTEGER, REAL


@dataclass(frozen=True)
class InPlaceFunction:
    """The text of the function and of what makes its workspace, and the plan of both."""

    name: str
    lines: tuple[str, ...]
    workspace: tuple[str, ...]
    plan: Plan
    marks: tuple[Mark, ...] = ()


def emit_inplace(job: Job) -> InPlaceFunction:
    """`name(inputs, outputs, rooms)`: outputs are arrays to be filled; those that overwrite an input are not given.

    With a `form`, which nests the positions of the outputs, it is `name(inputs, rooms)` and returns new arrays.
    """
    module, begun = job.module, setting(job, ["rooms", "slot", f"{job.name}_workspace"])
    if job.quick:
        begun = with_less_kept(begun, steps_of, first_only)
    at = places(begun)
    spelling = spelling_of(module, begun.sizes)
    writer = InPlace(at.kept, spelling, at.names, at.shares)
    views = _lent(at, spelling)
    steps = _steps(begun, at, writer)
    last = _results(begun, at, writer)
    module.helpers.update(writer.helpers)
    found, made = _rooms(begun, at, writer)
    lines = [module.library.quiet] if job.form is not None and module.library.quiet else []
    arguments = [*begun.arguments, *at.results.given, *(["rooms"] if made else [])]
    lines += wrap_line(f"def {job.name}({', '.join(arguments)}):", "")
    lines += [*documented(job.doc or ""), *begun.size_lines(_used(begun, at)), *found, *views]
    rooms = tuple((_bytes(module, e), e.shape) for e in (*map(largest, at.slots), *at.constant))
    plan = begun.plan(steps, [name for name, _ in job.outputs], rooms)
    marks = write_steps(lines, steps)
    return InPlaceFunction(job.name, (*lines, *last), tuple(made), plan, marks)


def documented(doc: str) -> list[str]:
    """A docstring of one sentence."""
    first, *rest = textwrap.wrap(doc, WIDTH - 8, initial_indent="   ", break_long_words=False, break_on_hyphens=False)
    return docstring([first.lstrip(), *rest], INDENT)


def _bytes(module: EmittedModule, e: Expr) -> int:
    """The bytes of an entry."""
    return {REAL: 4 if module.single else 8, INTEGER: 8}.get(e.kind, 1)


# the steps --------------------------------------------------------------------------------------------------


def _lent(at: Places, spelling: Spelling) -> list[str]:
    """Results in the shape in which they are computed."""
    lines = []
    for base, root in at.lent.items():
        shape = ", ".join(size_text(size, spelling.sizes).text for size in base.shape) or "()"
        lines.append(f"{INDENT}{at.names[base]} = {at.names[root]}.reshape({shape})")
    return lines


def _steps(begun: Setting, at: Places, writer: InPlace) -> list[PlanStep]:
    """One step for each array; memory that several share counts once, that of results and inputs not at all."""
    module, spelling, results = begun.job.module, writer.spelling, at.results.named
    steps: list[PlanStep] = []
    seen: set[object] = set()
    for e in at.kept.stored:
        if e in at.constant or e.args and at.lent.get(e.args[0]) is e:
            continue
        lines = writer.lines(e)
        if begun.job.form is not None and e in results:
            lines = _made(lines, results[e], f"{spelling.np}.empty({shape_text(e.shape, spelling.sizes)}, "
                                             f"{spelling.dtype_text(e.kind)})")
        asked = begun.wishes.get(e, Wish(None))
        size = 0 if at.memory.get(e, e) in seen or e in results or e in at.taken else _bytes(module, e)
        seen.add(at.memory.get(e, e))
        operands = tuple(at.names[b] for b in reads(e, at.kept))
        steps.append(PlanStep(at.names[e], e.op, operands, tuple(lines), asked.comment, e.shape, e.kind, size, work_of(e),
                              asked.nodes))
    return steps


def _made(lines: list[str], name: str, empty: str) -> list[str]:
    """The statements that fill an array, which they make first."""
    put = f"{name}[...] = "
    if lines[0].startswith(put):
        return [f"{name} = {lines[0].removeprefix(put)}", *lines[1:]]
    return [f"{name} = {empty}", *lines]


def _results(begun: Setting, at: Places, writer: InPlace) -> list[str]:
    """What follows the steps: outputs that are copies, and what is returned."""
    lines = [f"{INDENT}{writer.np}.copyto({target}, {writer.text(root).text})" for target, root in at.results.copies]
    if begun.job.form is None:
        return lines
    codes = zip(map(writer.text, begun.roots), begun.roots, aliased(begun.roots), strict=True)
    texts = [f"{code.at(ATOM)}.copy()" if alias else code.text if root.shape else f"{code.at(ATOM)}[()]"
             for code, root, alias in codes]
    return lines + return_lines(begun.job.form, texts)


# the workspace ----------------------------------------------------------------------------------------------


def _used(begun: Setting, at: Places) -> set[object]:
    """The sizes that the text names, and those of all that is stored."""
    stored = dict.fromkeys(s for e in at.kept.stored for size in e.shape if not isinstance(size, int)
                           for s in size.free_symbols)
    needed = closure({**begun.sizes.used, **stored}, begun.known)
    return {s for s in begun.sizes if s in needed}


def _rooms(begun: Setting, at: Places, writer: InPlace) -> tuple[list[str], list[str]]:
    """The lines that find or make the workspace, and the function that makes it; none where there is nothing in it."""
    name = begun.job.name
    tenants = sorted(at.rooms(), key=lambda tenant: -prod(map(typical, tenant[1].shape)))
    ones = list(writer.ones)
    inside = [tenant for tenant, _ in tenants] + [at.names[e] for e in at.constant] + [writer.one_name(s) for s in ones]
    made = _workspace(name, writer.spelling, tenants, at, ones)
    if not inside:
        return [], []
    used = _used(begun, at)
    keys = [begun.sizes[s] for s in begun.sizes if s in used]
    key = f'("{name}", {", ".join(keys)})' if keys else f'"{name}"'
    unpacked = ", ".join(inside) if len(inside) > 1 else f"({inside[0]},)"
    found_or_made = f"rooms.get({key}) or {name}_workspace({', '.join(['rooms', *keys])})"
    if len(unpacked) > WIDTH - 12:
        names_of = textwrap.wrap(f"{unpacked},", WIDTH - 8, break_long_words=False, break_on_hyphens=False)
        lines = [f"{INDENT}(", *(INDENT * 2 + part for part in names_of), f"{INDENT}) = {found_or_made}"]
    else:
        lines = wrap_line(f"{unpacked} = {found_or_made}", INDENT)
    return lines, [f"def {name}_workspace({', '.join(['rooms', *keys])}):", *made,
                   f"{INDENT}return rooms.setdefault({key}, arrays)"]


def _workspace(name: str, spelling: Spelling, tenants: Sequence[tuple[str, Expr]], at: Places,
               ones: Sequence[object]) -> list[str]:
    """Slots that grow, views of them by shape, and what is the same for all batches of one size."""
    sizes = spelling.sizes
    doc = f'{INDENT}"""The arrays of `{name}`: views of slots, which several share one after the other."""'
    lines = [doc, f"{INDENT}arrays = ("]
    for variable, e in tenants:
        shape = shape_text(e.shape, sizes)
        lines.append(f"{INDENT * 2}slot(rooms, {at.home[e]}, {shape}, {spelling.dtype_text(e.kind)}),"
                     f"  # {variable}")
    for e in at.constant:
        lines.append(f"{INDENT * 2}{spelling.text(e, []).text},")
    for size in ones:
        lines.append(f"{INDENT * 2}{spelling.np}.ones({size_text(size, sizes).text}, {spelling.dtype_text('real')}),")
    return [*lines, f"{INDENT})"]


def inplace_text(module: EmittedModule, function: InPlaceFunction) -> str:
    """The text of a module with one function and what makes its workspace."""
    blocks = ["\n".join(module.constant_lines()), *module.helper_texts()]
    blocks += [filled(SLOT, np=module.library.np).rstrip(), "\n".join(function.lines), "\n".join(function.workspace)]
    body = "\n\n\n".join(filter(None, blocks))
    return f"import math\n\n{module.library.import_lines(body)}\n\n\n{body}\n"
