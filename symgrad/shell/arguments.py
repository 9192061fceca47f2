"""How arguments of the command line are read, where click alone reads them otherwise."""

from __future__ import annotations

import click


def shapes_of(ctx: click.Context, option: click.Parameter, values: tuple[str, ...]) -> dict[str, str]:
    """The shapes of names, NAME=SIZES once for each."""
    shapes: dict[str, str] = {}
    for value in values:
        name, sign, sizes = value.partition("=")
        if not sign or not name.strip():
            raise click.BadParameter(f"{value!r} is not NAME=SIZES, such as X=n,d or c= for a scalar", ctx, option)
        if name.strip() in shapes:
            raise click.BadParameter(f"{name.strip()} is declared twice", ctx, option)
        shapes[name.strip()] = sizes
    return shapes


def names_of(ctx: click.Context, option: click.Parameter, values: tuple[str, ...]) -> tuple[str, ...]:
    """Names, one by one or with commas."""
    names = [name.strip() for value in values for name in value.split(",")]
    if not all(names):
        raise click.BadParameter("a name is missing", ctx, option)
    return tuple(dict.fromkeys(names))


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
