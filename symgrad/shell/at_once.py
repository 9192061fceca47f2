"""`symgrad gradient|jacobian|hessian`: one formula, at once, with shapes guessed where nobody gives them."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import click

import symgrad as sg
from symgrad.files import check_place
from symgrad.formulas.names import shape_text
from symgrad.graphs.errors import DifferentiationError, SymgradError
from symgrad.language.symbols import symbols_of
from symgrad.shell.arguments import GUESSES, Claim, asked, form_of, on_target, write_out
from symgrad.shell.target import Target

SUFFIXES = {".txt": "unicode", ".tex": "latex", ".mml": "mathml"}
FORMS: Mapping[str, Callable[[sg.Tensor], str]] = {
    "unicode": str, "latex": lambda t: t.latex(), "pretty": lambda t: t.pretty(), "mathml": lambda t: t.mathml()}
LABELS = {"gradient": ("∇_{0} {value}", r"\nabla_{{{0}}} {value}"),
          "jacobian": ("∂{value}/∂{0}", r"\frac{{\partial {value}}}{{\partial {0}}}"),
          "hessian": ("∂²{value}/∂{0}∂{1}", r"\frac{{\partial^2 {value}}}{{\partial {0}\, \partial {1}}}")}
LETTERS = ("LJEfgh", "yfzFgh")  # for the value of a formula: of a number, of any other


def derivatives(what: str, on: Target) -> list[tuple[tuple[str, ...], sg.Tensor]]:
    """Derivatives by the variables of a target, with the names of those; a Hessian has a block for each pair."""
    variables = list(on.wrt)
    if not variables:
        raise SymgradError("there is nothing to differentiate by; name a variable with --wrt")
    names = [str(v.name) for v in variables]
    if what != "hessian":
        derive = sg.gradient if what == "gradient" else sg.jacobian
        return [((name,), derive(on.loss, v)) for name, v in zip(names, variables, strict=True)]
    if on.loss.ndim:
        raise DifferentiationError(f"a Hessian is that of a number; the formula has shape {shape_text(on.loss.shape)}")
    return [((a, b), sg.hessian(on.loss, x, y)) for i, (a, x) in enumerate(zip(names, variables, strict=True))
            for b, y in list(zip(names, variables, strict=True))[i:]]


def value_name(tensor: sg.Tensor, *wrt: sg.Tensor) -> str:
    """A letter for the value of a formula that is no name in it: L for a number, y for any other.

    >>> value_name(sg.sum(sg.data("L", 3))), value_name(sg.exp(sg.data("y", 3)))
    ('J', 'f')
    """
    named = (*symbols_of(tensor), *wrt)
    taken = {str(each.name)[:1] for each in named} | {str(size) for each in named for size in each.shape}
    return next((letter for letter in LETTERS[tensor.ndim > 0] if letter not in taken), "f(…)")


def lines(what: str, on: Target, form: str) -> str:
    """The formula of a derivative, or one line for each variable, with its name in front."""
    made = derivatives(what, on)
    if len(made) == 1 or form == "mathml":
        return "\n".join(FORMS[form](t) for _, t in made)
    tex = form == "latex"
    shown = {str(v.name): v.latex() if tex else str(v) for v in on.wrt}
    label, value = LABELS[what][tex], value_name(on.loss, *on.wrt)
    gap = "\n" if form == "pretty" else " "
    lefts = [label.format(*(shown[name] for name in names), value=value) for names, _ in made]
    return "\n".join(f"{left} ={gap}{FORMS[form](t)}" for left, (_, t) in zip(lefts, made, strict=True))


def _command(what: str, helped: str) -> click.Command:
    def run(target: str, shapes: dict[str, str], wrt: tuple[str, ...], form: str | None, output: str | None) -> None:
        if output:
            check_place(output)
            form = form or form_of(output, SUFFIXES)
        write_out(output, lines(what, asked(target, shapes, wrt, what != "jacobian"), form or "unicode"))

    run.__doc__ = helped
    form = click.option("--format", "form", type=click.Choice(list(FORMS)),
                        help="How to write it; otherwise by the suffix of -o, or unicode.")
    out = click.option("-o", "--output", metavar="FILE", help="Write to this file (.txt .tex .mml).")
    return click.command(what, cls=Claim)(on_target(form(out(run))))


COMMANDS = (
    _command("gradient", f"""Print a gradient, at once.

    \b
      symgrad gradient "sum((X @ w - y)**2)" --wrt w
      symgrad gradient "‖X w - y‖² + λ ‖w‖²" --wrt w --format latex

    {GUESSES}"""),
    _command("jacobian", f"""Print a Jacobian, in numerator layout: the shape of the formula, then that of the variable.

    \b
      symgrad jacobian "softmax(z)"

    {GUESSES}"""),
    _command("hessian", f"""Print a Hessian; of several variables, the block of each pair.

    \b
      symgrad hessian "sum(log(1 + exp(X @ w)))" --wrt w

    {GUESSES}"""),
)
