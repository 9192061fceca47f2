"""The text of functions: signature, docstring, named sizes, one statement for each step, results.

`emit_function` writes a `Job` into its `EmittedModule`, which holds what several functions share: the dtype, helpers
that the library lacks, constant arrays. `module_text` puts the parts together. The result imports the array module only
and passes ruff.
"""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from dataclasses import dataclass

import sympy as sp

from symgrad.codegen.plan.plan import Mark, Plan, PlanStep
from symgrad.codegen.plan.tables import Tabled
from symgrad.codegen.python.job import EmittedModule, Job, ResultForm
from symgrad.codegen.python.loops import spelling_of
from symgrad.codegen.python.planner import INDENT, WIDTH, Planner, aliased
from symgrad.codegen.python.setting import Setting, setting
from symgrad.codegen.python.texts import ATOM
from symgrad.codegen.python.wrapping import wrap_line
from symgrad.codegen.quoting import docstring, in_comment, literal
from symgrad.graphs.node import REAL, Node
from symgrad.graphs.sizes import Shape

GLUE = "\0"  # a blank at which a docstring is not broken


@dataclass(frozen=True)
class Emitted:
    """One function: its text, and the plan that the text follows."""

    name: str
    lines: tuple[str, ...]
    plan: Plan
    free_sizes: tuple[sp.Symbol, ...]  # sizes that no input shows: keyword arguments of the function
    marks: tuple[Mark, ...] = ()  # which of the lines write which step
    phases: Tabled | None = None  # how it runs, where its backend has something to say of it


def emit_function(job: Job) -> Emitted:
    """A function that writes every step as a statement; what no input shows of its sizes becomes a keyword argument."""
    module, begun = job.module, setting(job)
    roots = begun.roots
    planner = Planner(spelling_of(module, begun.sizes), begun.scope, begun.given, begun.wishes)
    results = planner.run(roots, begun.result_names())
    texts = tuple(f"{code.at(ATOM)}.copy()" if job.copy and alias else code.text
                  for code, alias in zip(results, aliased(roots), strict=True))
    module.helpers.update(planner.helpers())
    plan = begun.plan(planner.steps, texts)
    lines = [module.library.quiet] if module.library.quiet and any(step.work for step in plan.steps) else []
    lines += [*begun.head(), *documented(begun, plan), *begun.size_lines(begun.used())]
    marks = write_steps(lines, plan.steps)
    lines += return_lines(job.form, texts)
    return Emitted(job.name, tuple(lines), plan, begun.free, marks)


def return_lines(form: ResultForm, texts: Sequence[str]) -> list[str]:
    """The statement that gives the outputs in their form."""
    return wrap_line(f"return {', '.join(texts) if form is None else returned(form, texts)}", INDENT)


def returned(form: ResultForm, texts: Sequence[str]) -> str:
    """The outputs as Python writes their form."""
    if isinstance(form, int):
        return texts[form]
    if isinstance(form, dict):
        return "{" + ", ".join(f"{literal(key)}: {returned(part, texts)}" for key, part in form.items()) + "}"
    parts = [returned(part, texts) for part in form]
    inner = ", ".join(parts) + ("," if isinstance(form, tuple) and len(parts) == 1 else "")
    return f"[{inner}]" if isinstance(form, list) else f"({inner})"


def documented(begun: Setting, plan: Plan) -> list[str]:
    """The docstring: what is computed from what, with shapes and costs."""
    job = begun.job

    def described(name: str, node: Node) -> str:
        kind = "" if node.dtype == REAL else f" {node.dtype}"
        return f"{name}{GLUE}{shape_of(node.shape)}{kind}"

    first = job.doc or f"{', '.join(described(wish, node) for wish, node in job.outputs)}."
    given = "; ".join(described(a, node) for a, (_, node) in zip(begun.arguments, job.inputs, strict=True)) or "nothing"
    work = f"{plan.flops:,}" if isinstance(plan.flops, int) else str(plan.flops).replace("**", "^").replace("*", " ")
    lines: list[str] = []
    for text in (f"Computes {first}" if job.doc is None else first, "", f"From {given}.", f"{work} operations."):
        lines += textwrap.wrap(text, WIDTH - 8, break_long_words=False, break_on_hyphens=False) or [""]
    return docstring([line.replace(GLUE, " ") for line in lines], INDENT)


def shape_of(shape: Shape) -> str:
    """A shape for people, in one piece."""
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


def write_steps(lines: list[str], steps: Sequence[PlanStep]) -> tuple[Mark, ...]:
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


def module_text(module: EmittedModule, functions: Sequence[Emitted], doc: str | None = None, lines: Sequence[str] = (),
                further: Sequence[str] = ()) -> str:
    """The text of a module with `functions`, in order; `lines` stand before them, `further` blocks of text after them."""
    parts = ["\n".join([*docstring([doc]), ""])] if doc else []
    constants = "\n".join([*lines, *module.constant_lines()])
    blocks = [*module.helper_texts(), *("\n".join(f.lines) for f in functions), *(block.strip("\n") for block in further)]
    parts.append(module.library.import_lines("\n".join([constants, *blocks])) + "\n")
    if constants:
        parts.append(constants + "\n")
    return "\n".join(parts) + "\n\n" + "\n\n\n".join(blocks) + "\n"
