"""Functions on large arrays: where intermediate arrays lie, from one call to the next.

An array that is made anew in each call has to be given its memory page by page by the operating system, which may
take longer than the arithmetic (up to 19 times, for arrays of a megabyte). So a function whose intermediate arrays
are large computes as a training step does: the same plan, written with `out=` into a workspace that stays. Results
are new arrays. A call takes a workspace that no other call uses, so that several threads may call one function.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import sympy as sp

from symgrad.codegen.plan.plan import Plan
from symgrad.codegen.python.inplace_emit import inplace_text
from symgrad.codegen.python.job import Job
from symgrad.codegen.python.load import load
from symgrad.computing.backends import Backend

LARGE = 1 << 15  # entries of an array from which a workspace pays


def large(plan: Plan, sizes: Mapping[sp.Symbol, int]) -> bool:
    """Is one of the arrays that a plan makes and does not return large, at these sizes?"""
    return plan.largest_array(sizes) >= LARGE


def in_workspace(backend: Backend, job: Job) -> tuple[str, Callable[..., Any]]:
    """The text of a function that computes in a workspace, and the function of the arrays alone."""
    assert backend.workspace is not None
    job = replace(job, module=backend.module(job.module.dtype),
                  doc="As the plain function; what lies between arguments and results, in a workspace.")
    emitted = backend.workspace(job)
    text = inplace_text(job.module, emitted)
    run = load(text, job.module.data, "symgrad function").f
    if not emitted.workspace:
        return text, run
    idle: list[dict[Any, Any]] = []

    def call(*arrays: Any) -> Any:
        rooms = idle.pop() if idle else {}
        result = run(*arrays, rooms)
        idle.append(rooms)
        return result

    return text, call
