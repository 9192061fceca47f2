"""How arguments of the command line are read, where click alone reads them otherwise."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import click

from symgrad.files import write_whole
from symgrad.graphs.errors import ParseError
from symgrad.reading.asking import shapes_in
from symgrad.shell import terminal
from symgrad.shell.target import Target, target

FORMATS = {".md": "markdown", ".tex": "latex", ".html": "html", ".htm": "html", ".txt": "unicode"}


def shapes_of(ctx: click.Context, option: click.Parameter, values: tuple[str, ...]) -> dict[str, str]:
    """The shapes of names: NAME=SIZES, one in an option or several with blanks between them."""
    found: dict[str, str] = {}
    for value in values:
        try:
            shapes = shapes_in(value)
        except ParseError as error:
            raise click.BadParameter(str(error), ctx, option) from None
        if twice := next((name for name in shapes if name in found), None):
            raise click.BadParameter(f"{twice} is declared twice", ctx, option)
        found |= shapes
    return found


def names_of(ctx: click.Context, option: click.Parameter, values: tuple[str, ...]) -> tuple[str, ...]:
    """Names, one by one or with commas."""
    names = [name.strip() for value in values for name in value.split(",")]
    if not all(names):
        raise click.BadParameter("a name is missing", ctx, option)
    return tuple(dict.fromkeys(names))


def form_of(output: str, known: dict[str, str]) -> str | None:
    """What a file holds, by its suffix; None where it has none."""
    suffix = Path(output).suffix.lower()
    if suffix and suffix not in known:
        raise Refused(f"cannot write {output!r}: {suffix} is no format of this command; known: {' '.join(known)}, "
                      "or choose one with --format")
    return known.get(suffix)


class Refused(click.ClickException):
    """Bad input: `Error: message` on standard error, exit status 2."""

    exit_code = 2


SHAPE = click.option("--shape", "shapes", metavar="NAME=SIZES", multiple=True, callback=shapes_of,
                     help="Shape of a name in a formula: X=n,d or y=3, c= for a scalar, 'x=d over T' for one "
                          "sample of T, 'y=n: integer' for whole numbers. Once for each name, or several in "
                          "quotes: 'X=n,d w=d y=n'.")
GUESSES = """Shapes that nobody gives are guessed, where letters and operations leave one choice: capitals are matrices,
    small letters vectors, Greek letters numbers; what was guessed is told on standard error."""
WRT = click.option("--wrt", metavar="NAMES", multiple=True, callback=names_of,
                   help="Differentiate with respect to these; otherwise all parameters.")


def on_target(command: Callable[..., Any]) -> Callable[..., Any]:
    """The argument and the options of a command that works on a model file or a formula."""
    return click.argument("target", metavar="MODEL.py|FORMULA")(SHAPE(WRT(command)))


def asked(argument: str, shapes: Mapping[str, str], wrt: Sequence[str], number: bool | None = None) -> Target:
    """What a command works on; shapes that were guessed are told on standard error."""
    found = target(argument, shapes, wrt, number)
    if found.told:
        click.echo(found.told, err=True)
    return found


def quotes_for(error: click.UsageError) -> str:
    """Where quotes are missing, if a command got more arguments than it takes; may be empty."""
    stray = re.fullmatch(r"Got unexpected extra arguments? \((.*)\)", error.message, re.DOTALL)
    if not stray:
        return ""
    given = error.ctx.params if error.ctx else {}
    if all(re.match(r"\w+=", each) for each in stray[1].split()):
        known = "".join(f"{name}={sizes} " for name, sizes in (given.get("shapes") or {}).items())
        return f"several shapes stand in quotes: --shape \"{known}{stray[1]}\""
    names = stray[1].split()
    if "against" in given:
        return f"two networks are compared by --against {names[-1]}"
    if all(re.search(rf"(?<!\w){re.escape(name)}(?!\w)", str(given.get("target"))) for name in names):
        return f"names to differentiate by are --wrt {','.join(names)}"
    return f"a formula with blanks stands in quotes: \"{given.get('target') or '...'} {stray[1]}\""


def write_out(output: str | None, text: str) -> None:
    """A text, to a file or to standard output."""
    if output is None:
        click.echo(text)
        return
    terminal.say(f"Wrote {write_whole(output, text.rstrip() + chr(10))}")


class Claim(click.Command):
    """A command whose argument may begin with a minus: `-X.T @ y` is a formula and no option."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        options = {name: p for p in self.get_params(ctx) if isinstance(p, click.Option) for name in p.opts}
        rest, formulas = list(args), []
        kept: list[str] = []
        while rest:
            arg = rest.pop(0)
            if arg == "--":
                formulas += rest
                break
            if arg.startswith("-") and not arg.startswith("--") and arg not in options:
                formulas.append(arg)
                continue
            kept.append(arg)
            if arg in options and not options[arg].is_flag and rest:
                kept.append(rest.pop(0))
        return super().parse_args(ctx, [*kept, "--", *formulas] if formulas else kept)
