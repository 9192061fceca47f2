"""The text of functions: signature, docstring, named sizes, one statement for each step, results.

`emit_function` writes one function into a `Module`, which holds what several functions share: the dtype,
helper functions that NumPy lacks, constant arrays. `module_text` puts the parts together. The result imports
the array module only and passes ruff.
"""

from __future__ import annotations

import textwrap
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import sympy as sp

from symgrad.codegen.plan.plan import Mark, Plan, Step
from symgrad.codegen.python.identifiers import identifier
from symgrad.codegen.python.planner import WIDTH, Planner, aliased
from symgrad.codegen.python.shared import INDENT, Comment, Module, setting
from symgrad.codegen.python.spell import Spelling
from symgrad.codegen.python.texts import ATOM
from symgrad.codegen.python.wrapping import wrap_line
from symgrad.codegen.quoting import docstring, in_comment, literal
from symgrad.graphs.node import REAL, Node
from symgrad.graphs.sizes import Shape

GLUE = "\0"  # a blank at which a docstring is not broken
Form = Any  # a nest of lists, tuples and dicts whose leaves are positions in the outputs


@dataclass(frozen=True)
class Emitted:
    """One function: its text, and the plan that the text follows."""

    name: str
    lines: tuple[str, ...]
    plan: Plan
    free_sizes: tuple[sp.Symbol, ...]  # sizes that no input shows: keyword arguments of the function
    marks: tuple[Mark, ...] = ()  # which of the lines write which step


def emit_function(
    module: Module,
    name: str,
    inputs: Sequence[tuple[str, Node]],
    outputs: Sequence[tuple[str, Node]],
    *,
    form: Form = None,
    sizes: Mapping[sp.Symbol, int] | None = None,
    names: Mapping[Node, str] | None = None,
    comment: Comment | None = None,
    doc: str | None = None,
    copy: bool = True,
) -> Emitted:
    """One function `name(inputs)` that computes `outputs`, all common subexpressions once.

    `form` nests the positions of the outputs in what is returned (default: a tuple, or the one output).
    `sizes` fixes sizes; others are read off the inputs, and what no input shows becomes a keyword argument.
    `names` gives variables for nodes beside those that are `named`; `comment` a formula for a node, written
    beside its line. `copy`: results share no memory with inputs, constants or each other.
    """
    given = setting(module, name, inputs, outputs, sizes, names, comment)
    arguments, size_names, roots = given.arguments, given.sizes, given.roots
    planner = Planner(Spelling(module.backend, module.dtype, size_names), given.scope, given.given, given.wishes)
    results = planner.run(roots, [identifier(wish) for wish, _ in outputs])
    texts = tuple(f"{code.at(ATOM)}.copy()" if copy and alias else code.text
                  for code, alias in zip(results, aliased(roots), strict=True))
    module.helpers.update(planner.helpers())
    used = given.used()
    free = tuple(s for s in size_names if s in used and s not in given.known)
    plan = given.plan(planner.steps, texts)
    lines = []
    if module.backend.quiet and any(step.work for step in plan.steps):
        lines.append(module.backend.quiet)
    parameters = ", ".join([*arguments, *(["*"] if free else []), *(size_names[s] for s in free)])
    lines += wrap_line(f"def {name}({parameters}):", "")
    lines += documented(doc, inputs, arguments, outputs, plan)
    lines += given.size_lines(used)
    marks = write_steps(lines, plan.steps)
    lines += wrap_line(f"return {', '.join(texts) if form is None else returned(form, texts)}", INDENT)
    return Emitted(name, tuple(lines), plan, free, marks)


def returned(form: Form, texts: Sequence[str]) -> str:
    """The outputs as Python writes their form."""
    if isinstance(form, int):
        return texts[form]
    if isinstance(form, dict):
        return "{" + ", ".join(f"{literal(key)}: {returned(part, texts)}" for key, part in form.items()) + "}"
    parts = [returned(part, texts) for part in form]
    inner = ", ".join(parts) + ("," if isinstance(form, tuple) and len(parts) == 1 else "")
    return f"[{inner}]" if isinstance(form, list) else f"({inner})"


def documented(doc: str | None, inputs: Sequence[tuple[str, Node]], arguments: Sequence[str],
               outputs: Sequence[tuple[str, Node]], plan: Plan) -> list[str]:
    def described(name: str, node: Node) -> str:
        kind = "" if node.dtype == REAL else f" {node.dtype}"
        return f"{name}{GLUE}{_shape(node.shape)}{kind}"

    first = doc or f"{', '.join(described(wish, node) for wish, node in outputs)}."
    given = "; ".join(described(a, node) for a, (_, node) in zip(arguments, inputs, strict=True)) or "nothing"
    work = f"{plan.flops:,}" if isinstance(plan.flops, int) else str(plan.flops).replace("**", "^").replace("*", " ")
    lines: list[str] = []
    for text in (f"Computes {first}" if doc is None else first, "", f"From {given}.", f"{work} operations."):
        lines += textwrap.wrap(text, WIDTH - 8, break_long_words=False, break_on_hyphens=False) or [""]
    return docstring([line.replace(GLUE, " ") for line in lines], INDENT)


def _shape(shape: Shape) -> str:
    if not shape:
        return "(scalar)"
    inner = f",{GLUE}".join(map(str, shape))
    return f"({inner},)" if len(shape) == 1 else f"({inner})"


def commented(statements: Sequence[str], formula: str | None) -> list[str]:
    lines = [line for statement in statements for line in wrap_line(statement, INDENT)]
    if not formula:
        return lines
    told = in_comment(formula)
    if len(lines) == 1 and len(lines[0]) + len(told) + 4 <= WIDTH:
        return [f"{lines[0]}  # {told}"]
    return [*(f"{INDENT}# {part}" for part in textwrap.wrap(told, WIDTH - 6)), *lines]


def write_steps(lines: list[str], steps: Sequence[Step]) -> tuple[Mark, ...]:
    """Steps behind the `lines` of a function, each beside its formula, and where they stand."""
    marks = []
    for step in steps:
        written = commented(step.lines, step.comment)
        marks.append(Mark(len(lines) + 1, len(lines) + len(written), step))
        lines += written
    return tuple(marks)


def marks_in(text: str, lines: Sequence[str], marks: Sequence[Mark]) -> tuple[Mark, ...]:
    """The marks of a function of these lines within the text of its module."""
    before = text[:text.index("\n".join(lines))].count("\n")
    return tuple(mark.moved(before) for mark in marks)


def module_text(module: Module, functions: Sequence[Emitted], doc: str | None = None, lines: Sequence[str] = (),
                further: Sequence[str] = ()) -> str:
    """The text of a module with `functions`, in order; `lines` stand before them, `further` blocks of text after them."""
    parts = ["\n".join([*docstring([doc]), ""])] if doc else []
    constants = "\n".join([*lines, *module.constant_lines()])
    blocks = [module.backend.helpers[row].rstrip() for row in module.helpers]
    blocks += ["\n".join(f.lines) for f in functions]
    blocks += [block.strip("\n") for block in further]
    parts.append(module.backend.import_lines("\n".join([constants, *blocks])) + "\n")
    if constants:
        parts.append(constants + "\n")
    return "\n".join(parts) + "\n\n" + "\n\n\n".join(blocks) + "\n"
