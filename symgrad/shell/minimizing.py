"""The command `symgrad minimize`: its options. What it does stands in `minimum.py`, imported when it is asked for."""

from __future__ import annotations

import click

from symgrad.drawing.pictures.charts import checked_chart
from symgrad.shell.arguments import Claim, names_of


@click.command(cls=Claim)
@click.argument("target", metavar="FORMULA|MODEL.py")
@click.argument("rest", nargs=-1, metavar="")
@click.option("--data", "data", multiple=True, metavar="FILE|NAME=NUMBER",
              help="Columns of a CSV file, arrays of an .npz file, or one number; may be given again.")
@click.option("--start", "start", multiple=True, metavar="NAME=NUMBER ...",
              help="Where to start, and what to minimise over: b1=500 b2=0.0001, or w=[1,2].")
@click.option("--wrt", multiple=True, callback=names_of, metavar="NAMES",
              help="Minimise over these; otherwise over every name that is no data.")
@click.option("--method", default="auto", show_default=True, help="How; auto chooses by the formula and says why.")
@click.option("--budget", type=int, help="The most evaluations of the loss.")
@click.option("--seed", type=int, default=0, help="Of the starts that are drawn.")
@click.option("-o", "--output", metavar="FILE", help="Draw the fit (.svg .png), where there is one input.")
def minimize(target: str, rest: tuple[str, ...], data: tuple[str, ...], start: tuple[str, ...], wrt: tuple[str, ...],
             method: str, budget: int | None, seed: int, output: str | None) -> None:
    """Minimise a formula over its parameters.

    \b
      symgrad minimize "sum((y - b1*(1 - exp(-b2*x)))**2)" --data data.csv --start b1=500 b2=0.0001

    Prints the parameters, with standard errors where the formula is a sum of squares, and why the method was chosen.
    Ctrl-C keeps the best."""
    from symgrad.shell import minimum

    if output:
        checked_chart(output)
    done = minimum.run(minimum.task(target, rest, data, start, wrt, method, budget, seed), output)
    click.get_current_context().exit(0 if done else 1)
