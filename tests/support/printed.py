"""Every formula that the suite can print, in LaTeX: what a converter to MathML or to pictures must accept.

`formulas()` gives pairs (where it comes from, LaTeX): values, gradients and Hessians of all operations, all
identities, the gallery, all derivations. Each text comes once, the first place it is met.
"""

from functools import cache

import derived
import gallery
import identities
import operation_table as operations

import symgrad as sg
from symgrad.derivations.text import jacobians, law


def of_operations():
    """Rows of the table of operations: in their plain setting, and over samples."""
    for row in operations.ROWS:
        for setting in ("concrete", "samples"):
            if setting in row.skip.split():
                continue
            at = operations.operands(row, setting)
            y = row.make(*at)
            yield f"{row} {setting}", y
            reals = [x for x in at if x.dtype == "real"]
            if not row.smooth or not reals:
                continue
            scalar = sg.sum(y * y)
            yield f"{row} {setting}, gradient", sg.gradient(scalar, reals[0])
            yield f"{row} {setting}, Hessian", sg.hessian(scalar, reals[0])


def of_identities():
    """Both sides of each identity, and what it is about."""
    for number, row in enumerate(identities.rows(), 1):
        made = identities.build(row)
        for what, t in (("expression", made.y), ("derived", made.derived), ("claim", made.claim)):
            yield f"identity {number}, {what}", t


def of_derivations():
    """All formulas of all steps: laws, instances, Jacobians, of one sample and over the batch."""
    for name in derived.MODELS:
        queue = list(derived.derivation(name).steps)
        while queue:
            step = queue.pop(0)
            queue += [inner for inner in step.steps if inner.kind != "mean" and step.kind != "mean"]
            for what, text in (("formula", step.latex()), ("batch", step.latex("batch")), ("law", law(step, "latex")),
                               ("Jacobians", jacobians(step, "latex"))):
                if text:
                    yield f"{name}, step {step.number}, {what}", text


def tensors():
    """All tensors that are printed, with their places."""
    yield from of_operations()
    yield from of_identities()
    yield from gallery.models()
    yield from gallery.operations()


@cache
def formulas():
    """A tuple of pairs (place, LaTeX), each LaTeX text once."""
    found = {}
    for place, t in tensors():
        found.setdefault(t.latex(), place)
    for place, text in of_derivations():
        found.setdefault(text, place)
    return tuple((place, text) for text, place in found.items())
