"""The answer to a question: everything that is said of a formula, as one pure function of the text.

`answer(Question(...))` gives it whole, `growing` part by part, in the order in which it is read: what is slow comes last.
Formulas, derivatives, derivation and explanation need no NumPy, so the same answer can be made where there is none; parts
that cannot be made say why in `missing`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import cache
from typing import Any, NamedTuple

from symgrad.calculus.derivatives import hessian, read_gradient, read_jacobian
from symgrad.calculus.structures import structure
from symgrad.derivations.derivation import Derivation, derive
from symgrad.derivations.explaining import explain
from symgrad.formulas.rendering import spelled
from symgrad.formulas.spelling.letters import for_tex, latex_size
from symgrad.graphs.errors import SymgradError
from symgrad.graphs.node import REAL
from symgrad.language.printing import tree_of
from symgrad.language.replaying import shown
from symgrad.language.tensor import Tensor
from symgrad.page.faults import fault_of, said_here
from symgrad.page.question import Question
from symgrad.page.shown import CopiedFormula, DerivedRow, NameRow, Reply, Understood
from symgrad.reading.asking import AskedFormula, asked_text, declared_facts, shapes_in

PAIRS = 3  # Hessian blocks that are shown: all of two variables
LETTERS = ("LJEfgh", "yfzFgh")  # for the value of a formula: of a number, of any other
KINDS = {"dense": "", "diagonal": "diagonal", "block_diagonal": "block diagonal", "kronecker": "a Kronecker product",
         "gram": "a Gram matrix, so positive semidefinite", "diagonal_plus_low_rank": "diagonal plus low rank",
         "sum": "a sum of structured matrices"}
NO_NUMPY = "this part is computed with numbers, and NumPy is not here"


def answer(question: Question) -> Reply:
    """The whole answer. A text that is no formula has an answer too: its `fault`.

    >>> found = answer(Question("sum((X @ w - y)**2)", wrt="w"))
    >>> found.derivatives[0].formula.unicode, found.reading.names[0].typed
    ('2 Xᵀ (X w - y)', 'n,d')
    >>> answer(Question("sum(x")).fault.message
    'column 4: ( is not closed; write )'
    """
    return list(growing(question))[-1][1]


class About(NamedTuple):
    """What is answered: the question, its formula, and the derivation that several parts tell."""

    question: Question
    asked: AskedFormula
    derivation: Callable[[], Derivation]


def growing(question: Question, parts: Sequence[str] | None = None) -> Iterator[tuple[str, Reply]]:
    """The answer after each part, with the name of that part; `parts` says which, all of them where it is None."""
    found = Reply(question)
    try:
        asked = asked_text(question.text, shapes_in(question.shapes), question.names)
        found = replace(found, reading=_reading(asked))
    except (SymgradError, RecursionError, OverflowError, MemoryError) as error:
        yield "fault", replace(found, fault=fault_of(error, question.text))
        return
    yield "reading", found
    about = About(question, asked, cache(lambda: derive(asked.tensor, list(asked.wrt))))
    for part in PARTS if parts is None else parts:
        if not asked.wrt and part != "derivatives":  # a formula without names: there is nothing to derive
            continue
        try:
            made = PARTS[part](about)
        except Exception as error:
            found = replace(found, missing={**found.missing, part: _why(error)})
            yield part, found
            continue
        if made:
            found = replace(found, **made)
            yield part, found


def _why(error: Exception) -> str:
    """Why a part is missing. A fault of symgrad is said to be one, and the other parts are shown."""
    if isinstance(error, ImportError) and (error.name or "").split(".")[0] in ("numpy", "scipy"):
        return NO_NUMPY
    if isinstance(error, (SymgradError, RecursionError, OverflowError, MemoryError)):
        return said_here(error)
    return f"This is a fault of symgrad, not of the formula: {type(error).__name__}: {' '.join(str(error).split())[:300]}"


def copied(t: Tensor) -> CopiedFormula:
    """A tensor in its spellings, all from one reading."""
    tree = tree_of(t)
    return CopiedFormula(spelled(*tree, "unicode"), for_tex(spelled(*tree, "latex")))


def _reading(asked: AskedFormula) -> Understood:
    chosen = {str(v.name) for v in asked.wrt}
    rows = tuple(NameRow(name, t.latex(), _shape(t), _typed(t), name in asked.guessed, name in chosen, t.dtype == REAL)
                 for name, t in asked.symbols.items())
    return Understood(copied(asked.tensor), _shape(asked.tensor), rows)


def _shape(t: Tensor) -> str:
    """A shape in LaTeX; nothing for a number."""
    return r" \times ".join(map(latex_size, t.shape))


def _typed(t: Tensor) -> str:
    """A shape as it is typed."""
    sizes = ",".join(map(str, t.shape)).replace(" ", "")
    over = f" over {t.over}" if t.over is not None else ""
    words = [*([] if t.dtype == REAL else [t.dtype]), *declared_facts(t)]
    return f"{sizes}{over}" + (f": {' '.join(words)}" if words else "")


def _value_letter(asked: AskedFormula) -> str:
    """A letter for the value of the formula that is no name in it."""
    taken = {name[:1] for name in asked.symbols} | {str(size) for t in asked.symbols.values() for size in t.shape}
    return next((letter for letter in LETTERS[asked.tensor.ndim > 0] if letter not in taken), "f")


def _derivatives(about: About) -> dict[str, Any]:
    """The gradient of a number, the Jacobian of anything else, by each variable."""
    value = _value_letter(about.asked)
    rows = []
    for x in about.asked.wrt:
        if about.asked.tensor.ndim:
            label = rf"\frac{{\partial {value}}}{{\partial {x.latex()}}}"
            rows.append(_row(label, read_jacobian(about.asked.tensor, x), True))
        else:
            rows.append(_row(rf"\nabla_{{{x.latex()}}} {value}", read_gradient(about.asked.tensor, x), False))
    if not rows:
        raise SymgradError("the formula has no name to differentiate by")
    return {"derivatives": tuple(rows)}


def _hessians(about: About) -> dict[str, Any]:
    """The block of each pair of variables, with its structure."""
    if about.asked.tensor.ndim:
        return {}
    variables = about.asked.wrt
    pairs = [(x, y) for i, x in enumerate(variables) for y in variables[i:]]
    if len(pairs) > PAIRS:
        raise SymgradError(f"a Hessian by {len(variables)} variables has {len(pairs)} blocks; choose one or two variables")
    value = _value_letter(about.asked)
    rows = []
    for x, y in pairs:
        below = rf"\partial {x.latex()}^2" if x is y else rf"\partial {x.latex()}\, \partial {y.latex()}"
        rows.append(_row(rf"\frac{{\partial^2 {value}}}{{{below}}}", shown(hessian(about.asked.tensor, x, y)), True))
    return {"hessians": tuple(rows)}


def _row(label: str, t: Tensor, matrix: bool) -> DerivedRow:
    """A derivative as people read it, which is cut in the middle where it is a matrix."""
    formula = copied(t)
    row = DerivedRow(label, formula, _shape(t))
    if not matrix or t.ndim < 2 or t.over is not None or t.ndim % 2:
        return row
    if formula.unicode == "0":
        return row
    found = structure(t, t.ndim // 2)
    text = found.latex()
    return replace(row, kind=KINDS.get(found.kind, found.kind), structured=text if text != formula.latex else "")


def _judgement(about: About) -> dict[str, Any]:
    if not about.question.claim:
        return {}
    from symgrad.page.numbers import judged

    return {"judgement": judged(about.asked, about.question)}


def _derivation(about: About) -> dict[str, Any]:
    if about.asked.tensor.ndim:
        return {}
    found = about.derivation()
    return {"derivation": found.html(), "steps": len(found.steps)}


def _explanation(about: About) -> dict[str, Any]:
    found = explain(about.asked.tensor, list(about.asked.wrt)) if about.asked.tensor.ndim else explain(about.derivation())
    return {"words": found.answer, "explanation": replace(found, title="Step by step", answer=()).html()}


def _programs(about: About) -> dict[str, Any]:
    from symgrad.page.numbers import programs

    return {"programs": programs(about.asked)}


def _picture(about: About) -> dict[str, Any]:
    from symgrad.drawing.drawing import draw

    return {"picture": draw(about.asked.tensor if about.asked.tensor.ndim else about.derivation()).svg}


def _minimum(about: About) -> dict[str, Any]:
    if about.asked.tensor.ndim:
        return {}
    from symgrad.page.numbers import extremum, minimum

    rows = minimum(about.asked)
    found = tuple(DerivedRow(rf"{x.latex()}^{{\star}}", copied(t), _shape(t)) for x, t in rows)
    return {"minimum": found, "extremum": extremum(about.asked)}


def _curvature(about: About) -> dict[str, Any]:
    if about.asked.tensor.ndim:
        return {}
    from symgrad.page.numbers import curvature

    return {"curvature": curvature(about.asked)}


PARTS: Mapping[str, Callable[[About], dict[str, Any]]] = {
    "derivatives": _derivatives, "judgement": _judgement, "hessians": _hessians, "minimum": _minimum,
    "derivation": _derivation, "explanation": _explanation, "picture": _picture, "programs": _programs,
    "curvature": _curvature}
HALVES = (tuple(PARTS)[:6], tuple(PARTS)[6:])  # that take about as long as each other: two workers answer together
