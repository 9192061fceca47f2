"""The parts of an answer that are computed with numbers: programs, verdicts, convexity, minima. They open NumPy."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import sympy as sp

from symgrad.calculus.derivatives import gradient, hessian, jacobian
from symgrad.codegen.python.job import Job
from symgrad.computing.backends import backend_of
from symgrad.graphs.errors import SymgradError
from symgrad.language.recipes import stable
from symgrad.language.tensor import Tensor
from symgrad.minimising.convexity import certified, convexity
from symgrad.minimising.stationary import solve_stationary
from symgrad.page.faults import said_here
from symgrad.page.question import Question
from symgrad.page.shown import Curvature, Judgement, Listings
from symgrad.reading.asking import AskedFormula, asked_text, shapes_in
from symgrad.training.source import derivative_source
from symgrad.verifying.claims import joined, vocabulary
from symgrad.verifying.verdict import array_text
from symgrad.verifying.verification import judge

OF: Mapping[str, Callable[..., Any]] = {"gradient": gradient, "jacobian": jacobian, "hessian": hessian}


def judged(asked: AskedFormula, question: Question) -> Judgement:
    """Is the claim the derivative? Raises SymgradError for a claim that cannot be read."""
    if len(asked.wrt) != 1:
        raise SymgradError("an answer is compared with the derivative by one variable; choose one")
    (x,) = asked.wrt
    right = OF[question.of or ("jacobian" if asked.tensor.ndim else "gradient")](asked.tensor, x)
    verdict = judge(question.claim, right, joined(vocabulary(x) | vocabulary(asked.tensor), {}))
    rows = () if verdict.counterexample is None else tuple(verdict.counterexample.rows())
    return Judgement(verdict.equal, str(verdict), rows)


def programs(asked: AskedFormula) -> Listings:
    """The derivatives as functions in NumPy and in C."""
    if asked.tensor.ndim:
        return Listings(_jacobians(asked, "numpy"), _jacobians(asked, "c"))
    found = derivative_source(asked.tensor, asked.wrt, in_c=True)
    if isinstance(found.c, str):
        return Listings(found.text, "", found.c)
    return Listings(found.text, found.c.source("gradient.h"))


def _jacobians(asked: AskedFormula, backend: str) -> str:
    """A function of all names that gives the Jacobians."""
    row = backend_of(backend)
    symbols = list(asked.symbols.values())
    nodes = stable([jacobian(asked.tensor, x) for x in asked.wrt])
    names = list(asked.symbols)
    outputs = [(f"J_{x.name}", node) for x, node in zip(asked.wrt, nodes, strict=True)]
    job = Job(row.module(), "jacobian", list(zip(names, (s.node for s in symbols), strict=True)), outputs,
              form=0 if len(outputs) == 1 else list(range(len(outputs))))
    if row.alone is None:
        return row.text(job.module, [row.function(job)], None)
    return row.alone([job], f"The Jacobian of {asked.tensor}.").source("jacobian.h")


def in_sympy(question: Question) -> str:
    """The derivatives as Python that makes them with SymPy; where it has no words for one, a comment says why."""
    try:
        asked = asked_text(question.text, shapes_in(question.shapes), question.names)
    except SymgradError as error:
        return _comment(said_here(error))
    found = []
    for x in asked.wrt:
        try:
            e = (jacobian(asked.tensor, x) if asked.tensor.ndim else gradient(asked.tensor, x)).to_sympy()
            found.append(sympy_text(e) if isinstance(e, sp.Basic) else f"from sympy import *\n\n{e}")
        except SymgradError as error:
            found.append(_comment(said_here(error)))
    return "\n\n".join(found) + "\n"


def _comment(text: str) -> str:
    return "\n".join(f"# {line}" for line in text.split("\n"))


def sympy_text(e: sp.Basic) -> str:
    """An expression with the names in it, as Python.

    >>> print(sympy_text(sp.MatrixSymbol("X", sp.Symbol("n", positive=True), 2).T))
    from sympy import *
    <BLANKLINE>
    n = Symbol("n", positive=True)
    X = MatrixSymbol("X", n, 2)
    X.T
    """
    matrices = sorted(e.atoms(sp.MatrixSymbol), key=str)
    sizes = [size for m in matrices for size in m.shape]
    plain = sorted({s for part in (e, *sizes) for s in part.free_symbols if isinstance(s, sp.Symbol)}, key=str)
    lines = [f"{s} = {_declared(s)}" for s in plain]
    lines += [f'{m} = MatrixSymbol("{m}", {", ".join(map(str, m.shape))})' for m in matrices]
    text = str(e)
    if ".(" in text:  # a function applied to every entry, which SymPy prints as no Python
        text = sp.srepr(e)
    return "\n".join(["from sympy import *", "", *lines, text])


def _declared(s: sp.Symbol) -> str:
    facts = "".join(f", {name}=True" for name in ("integer", "positive", "real") if s._assumptions_orig.get(name))
    return f'Symbol("{s}"{facts})'


def minimum(asked: AskedFormula) -> list[tuple[Tensor, Tensor]]:
    """The zero of the gradient as formulas. Raises NoClosedForm."""
    variables = list(asked.wrt)
    return list(zip(variables, solve_stationary(asked.tensor, variables), strict=True))


def extremum(asked: AskedFormula) -> str:
    """What a zero of the gradient is, where rules alone know it."""
    variables = list(asked.wrt)
    if certified(asked.tensor, variables) is not None:
        return "minimum"
    return "maximum" if certified(-asked.tensor, variables) is not None else "stationary point"


def curvature(asked: AskedFormula) -> Curvature:
    """Is the function convex in all its variables together?"""
    found = convexity(asked.tensor, list(asked.wrt))
    rows = []
    if found.witness is not None:
        rows = [(name, array_text(value)) for name, value in found.witness.values.items()]
        rows += [(f"direction of {name}", array_text(value)) for name, value in found.witness.direction.items()]
        rows.append(("curvature", f"{found.witness.curvature:.4g}"))
    return Curvature(found.verdict, tuple(found.reason.split("; ")), tuple(rows))
