"""The command line: `symgrad gradient|jacobian|hessian|derive|explain|draw|generate|train|check|report|minimize|serve|
info`.

Each works on a model file or a formula as text. Commands here read options and print; what they do stands in `commands.py`,
`at_once.py` and `train.py`. Whatever goes wrong
is one message on standard error. Exit status: 0 done, 1 a check failed, 2 bad usage or input, 130 interrupted.
"""

from __future__ import annotations

import sys

import click
from click.shell_completion import get_completion_class

import symgrad
from symgrad.computing.backends import BACKENDS
from symgrad.derivations.proof import prove
from symgrad.drawing.pictures.render import checked_path
from symgrad.files import check_place
from symgrad.reports.symbol_rows import SYMBOL_HEADER, symbol_rows
from symgrad.shell import at_once, commands, minimizing, terminal
from symgrad.shell.arguments import FORMATS, SHAPE, WRT, Claim, asked, form_of, on_target, write_out
from symgrad.shell.group import Commands


def completed(context: click.Context, shell: str | None) -> None:
    """Print the completion for a shell, which asks this program itself what fits."""
    found = get_completion_class(shell) if shell else None
    if found is not None:
        click.echo(found(context.command, {}, "symgrad", "_SYMGRAD_COMPLETE").source())
        context.exit()


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(symgrad.__version__, prog_name="symgrad")
@click.option("--completion", type=click.Choice(["bash", "zsh", "fish"]), expose_value=False, is_eager=True,
              callback=lambda context, option, shell: completed(context, shell),
              help="Print what completes commands and options in this shell, and exit.")
def cli() -> None:
    """Networks and losses as formulas: derive their gradients, draw them, generate code, train.

    A command works on a model file (Python that defines `loss`) or on a formula:

    \b
      symgrad train examples/digits.py
      symgrad derive "sum((X @ w - y)**2)" --shape "X=n,d w=d y=n" --wrt w
      symgrad gradient "sum((X @ w - y)**2)" --wrt w

    Exit status: 0 done, 1 a check failed, 2 bad usage or input.
    """


for _command in at_once.COMMANDS:
    cli.add_command(_command)


@cli.command(cls=Claim)
@on_target
@click.option("--format", "form", type=click.Choice(["unicode", "latex", "markdown", "html"]),
              help="What to write; otherwise by the suffix of -o, or unicode.")
@click.option("-o", "--output", metavar="FILE", help="Write to this file (.txt .tex .md .html).")
def derive(target: str, shapes: dict[str, str], wrt: tuple[str, ...], form: str | None, output: str | None) -> None:
    """Derive the gradient, step by step."""
    if output:
        check_place(output)
        form = form or form_of(output, FORMATS)
    width = 100 if output else min(100, terminal.console().width)
    text = commands.derivation_text(asked(target, shapes, wrt, True), form or "unicode", bool(output), width)
    write_out(output, text)


@cli.command(cls=Claim)
@on_target
@click.option("--format", "form", type=click.Choice(["text", "markdown"]),
              help="What to write; otherwise by the suffix of -o, or text.")
@click.option("-o", "--output", metavar="FILE", help="Write to this file (.txt .md).")
def explain(target: str, shapes: dict[str, str], wrt: tuple[str, ...], form: str | None, output: str | None) -> None:
    """Explain a formula, or its gradient, in words.

    \b
      symgrad explain "sum((X @ w - y)**2)" --shape X=n,d --shape w=d --shape y=n --wrt w
      symgrad explain examples/lecture_backprop.py --wrt W^2

    A formula that is not a number is read as it stands; with --wrt its Jacobian too."""
    if output:
        check_place(output)
        form = form or form_of(output, {".md": "markdown", ".txt": "text"})
    width = commands.WIDTH if output else min(terminal.console().width, commands.WIDTH)
    write_out(output, commands.explanation(asked(target, shapes, wrt), form or "text", width, bool(wrt)))


@cli.command(cls=Claim)
@on_target
@click.option("-o", "--output", metavar="FILE", required=True,
              help="graph.svg, graph.png, graph.pdf, graph.dot or graph.tex (TikZ).")
@click.option("--forward", is_flag=True, help="Draw the computation alone, without its gradients.")
@click.option("--direction", type=click.Choice(["LR", "TB", "RL", "BT"]),
              help="Left to right (the default), top to bottom, ...")
@click.option("--depth", type=click.IntRange(min=0),
              help="2: every box; 1: a box for each layer; 0: for each run of alike layers. Default: what stays readable.")
@click.option("--formulas/--no-formulas", default=True, show_default=True, help="Formulas in the boxes, or names alone.")
@click.option("--aspect", type=click.FloatRange(min=0, min_open=True), metavar="RATIO",
              help="Wrap rows to this width over the height; 1.78 fits a slide.")
def draw(target: str, shapes: dict[str, str], wrt: tuple[str, ...], output: str, forward: bool, direction: str | None,
         depth: int | None, formulas: bool, aspect: float | None) -> None:
    """Draw the graph, forward and backward."""
    checked_path(output)
    on = asked(target, shapes, wrt, None if forward else True)
    path = commands.draw(on, output, forward, direction, depth, formulas, aspect)
    terminal.say(f"Wrote {path}")


@cli.command(cls=Claim)
@on_target
@click.option("-o", "--output", metavar="FILE.py", help="Write to this file; otherwise to standard output.")
@click.option("--backend", type=click.Choice(list(BACKENDS)), default="numpy", show_default=True,
              help="What the generated module computes with.")
@click.option("--dtype", type=click.Choice(["float32", "float64"]), default="float32", show_default=True,
              help="The type of its numbers.")
@click.option("--explain", is_flag=True, help="Show the plans: steps, operations, memory; write only with --output.")
def generate(target: str, shapes: dict[str, str], wrt: tuple[str, ...], output: str | None, backend: str,
             dtype: str, explain: bool) -> None:
    """Generate a module that stands alone.

    It computes the loss and all gradients, trains, and has its own --help; it needs NumPy, not symgrad. With --backend c
    and a FILE.c it is the formulas as C functions, with their header."""
    if output:
        check_place(output)
    source = commands.source(asked(target, shapes, wrt, True), backend, dtype)
    if explain:
        for name, plan in source.plans.items():
            terminal.say(name, "bold")
            terminal.show(plan)
            terminal.say()
        if not output:
            return
    if output:
        terminal.say(f"Wrote {source.save(output)}")
    else:
        click.echo(source.text)


@cli.command()
@click.argument("model", metavar="MODEL.py")
@click.option("--out", metavar="FOLDER", help="Where the results go; otherwise out/ and the name of the model file.")
@click.option("--epochs", type=click.IntRange(min=1), help="Passes over the training data; otherwise as the file says.")
@click.option("--batch-size", type=click.IntRange(min=1), help="Samples in one step; otherwise as the file says.")
@click.option("--seed", type=click.IntRange(min=0), help="Seed of the first weights and the order of the samples.")
@click.option("-q", "--quiet", is_flag=True, help="Print the measured results alone.")
def train(model: str, out: str | None, epochs: int | None, batch_size: int | None, seed: int | None,
          quiet: bool) -> None:
    """Train a model file.

    Formulas, picture, standalone code, curves and weights go to a folder; the accuracy is measured at the end.

    \b
    The model file defines
      loss          the tensor to minimise, a mean over the samples
      data          {symbol name: array}, the training data
    and may define
      predict       the tensor that the trained model answers with
      optimizer     such as sg.optim.Adam(1e-3), with epochs, batch_size, seed, callbacks
      validation    {symbol name: array}, or a fraction of data: chooses when to stop
      test_data     {symbol name: array}, never trained on, measured once, after training
      metrics       "accuracy", or {name: tensor}: measured beside the loss
      title         one line for the header; otherwise its docstring's first line
    """
    from symgrad.shell import train as training

    status = training.train(model, training.Options(out, epochs, batch_size, seed, quiet))
    click.get_current_context().exit(status)


@cli.command(cls=Claim)
@click.argument("target", metavar="MODEL.py|FORMULA|CLAIM", required=False)
@SHAPE
@WRT
@click.option("--gradient-of", metavar="EXPR", help="Is CLAIM the gradient of this formula or model file?")
@click.option("--jacobian-of", metavar="EXPR", help="Is CLAIM its Jacobian?")
@click.option("--hessian-of", metavar="EXPR", help="Is CLAIM its Hessian?")
@click.option("--answers", metavar="FILE.csv", help="Judge a file of claims, in place of CLAIM: columns name and formula.")
@click.option("--seed", type=click.IntRange(min=0), default=0, show_default=True, help="Seed of the random values.")
def check(target: str | None, shapes: dict[str, str], wrt: tuple[str, ...], gradient_of: str | None,
          jacobian_of: str | None, hessian_of: str | None, answers: str | None, seed: int) -> None:
    """Check every step numerically, or a formula of your own.

    Of a model or a formula: random values in float64, random sizes; gradients against differences.

    \b
    Of a claimed derivative: is it right, and if not, what is wrong with it?
      symgrad check "X.T @ (X @ w - y)" --gradient-of "sum((X @ w - y)**2)" --wrt w
          --shape "X=n,d w=d y=n"

    \b
    Of the answers of a class, a table with a header: name,formula
      symgrad check --answers class.csv --gradient-of "sum((X @ w - y)**2)" --wrt w
          --shape "X=n,d w=d y=n"

    Exit status 1 if a step fails, or a claim is wrong."""
    asked = [(name, of) for name, of in (("gradient", gradient_of), ("jacobian", jacobian_of),
                                         ("hessian", hessian_of)) if of is not None]
    if len(asked) > 1:
        raise click.UsageError("give one of --gradient-of, --jacobian-of and --hessian-of")
    if (target is None) == (answers is None):
        raise click.UsageError("give a model, a formula or a claim, or --answers FILE.csv" + " alone" * bool(answers))
    if answers is not None and not asked:
        raise click.UsageError("--answers needs the question: --gradient-of, --jacobian-of or --hessian-of, and --wrt")
    if answers is not None:
        good = _check_answers(answers, *asked[0], shapes, wrt, seed)
    else:
        assert target is not None
        good = _check_one(target, asked, shapes, wrt, seed)
    if not good:
        click.get_current_context().exit(1)


def _check_one(target: str, asked: list[tuple[str, str]], shapes: dict[str, str], wrt: tuple[str, ...], seed: int) -> bool:
    return _check_claim(target, *asked[0], shapes, wrt, seed) if asked else _check_steps(target, shapes, wrt, seed)


def _check_answers(path: str, derivative: str, of: str, shapes: dict[str, str], wrt: tuple[str, ...], seed: int) -> bool:
    from symgrad.shell.answers import answers

    question = commands.question(derivative, asked(of, shapes, wrt, derivative != "jacobian"), shapes)
    rows = answers(path, *question, seed)
    terminal.table(("name", "answer", "verdict"), [(a.name, a.formula, a.said) for a in rows], fold=("answer", "verdict"))
    right = sum(a.right for a in rows)
    terminal.say(f"{right} of {len(rows)} answers right", "" if right == len(rows) else "bold red")
    return right == len(rows)


def _check_steps(target: str, shapes: dict[str, str], wrt: tuple[str, ...], seed: int) -> bool:
    proof = prove(commands.derivation(asked(target, shapes, wrt, True)), seed)
    terminal.table(("step", "formula", "error", ""), proof.rows, right=("step", "error"), fold=("formula",))
    terminal.say(proof.sentence, "" if proof.good else "bold red")
    return bool(proof.good)


def _check_claim(claim: str, derivative: str, of: str, shapes: dict[str, str], wrt: tuple[str, ...],
                 seed: int) -> bool:
    verdict = commands.judged(claim, derivative, asked(of, shapes, wrt, derivative != "jacobian"), shapes, seed)
    terminal.say(str(verdict), "" if verdict else "bold red")
    if verdict.counterexample is not None:
        rows = commands.diagnosis_rows(verdict)
        if rows:
            terminal.say()
            terminal.table(("diagnosis", "value"), rows, fold=("value",))
        terminal.say()
        terminal.table(("counterexample", "value"), verdict.counterexample.rows(), fold=("value",))
    return verdict.equal


@cli.command(cls=Claim)
@on_target
@click.option("-o", "--output", metavar="PAGE.html", help="Where the page goes; otherwise the name of the model and .html.")
@click.option("--epochs", type=click.IntRange(min=1), help="Passes over the training data; otherwise as the file says.")
@click.option("--batch-size", type=click.IntRange(min=1), help="Samples in one step; otherwise as the file says.")
@click.option("--seed", type=click.IntRange(min=0), help="Seed of the first weights and the order of the samples.")
@click.option("--train/--no-train", "fit", default=True, show_default=True, help="Train a model file that has data first.")
@click.option("--date", is_flag=True, help="Write the day on the page (that of SOURCE_DATE_EPOCH, where it is set).")
@click.option("-q", "--quiet", is_flag=True, help="Say nothing of the training.")
def report(target: str, shapes: dict[str, str], wrt: tuple[str, ...], output: str | None, epochs: int | None,
           batch_size: int | None, seed: int | None, fit: bool, date: bool, quiet: bool) -> None:
    """Write one page about a model.

    Shapes, drawing, derivation and program, in which each formula leads to the line that computes it, and back; what a
    training brought: curves, confusion matrix, norms of gradients. One HTML file that needs no network and no script;
    equal models give equal bytes. A formula, or a model file without `data`, gives the page without a training."""
    from symgrad.shell import train as training

    plan = training.Options(None, epochs, batch_size, seed, quiet)
    click.get_current_context().exit(training.report(target, shapes, wrt, output, plan, fit, date))


cli.add_command(minimizing.minimize)


@cli.command()
@click.argument("network", metavar="FILE.onnx")
@click.option("--against", metavar="OTHER.onnx", help="Where do these two differ first?")
def audit(network: str, against: str | None) -> None:
    """Tell what a network of an ONNX file computes.

    Step by step: layers, shapes, parameters, formulas. With --against: are both the same, whatever their names are, and
    if not, the first step at which they differ, as formulas.

    Exit status 1 if the networks differ."""
    from symgrad.networks.auditing import audit as audited

    found = audited(network, against)
    click.echo(str(found))
    if not found:
        click.get_current_context().exit(1)


@cli.command()
@click.option("--port", type=click.IntRange(0, 65535), default=8765, show_default=True, help="0 takes a free one.")
@click.option("--host", default="127.0.0.1", show_default=True, help="The address to serve; by default this machine alone.")
@click.option("--no-browser", is_flag=True, help="Open no browser.")
def serve(port: int, host: str, no_browser: bool) -> None:
    """Serve a page on which formulas are answered.

    Type a formula and see how it was read, its gradient, Hessian, derivation, picture, programs and minimum. The page runs
    on this machine alone: texts are parsed, never run, and no request leaves. Ctrl-C ends it."""
    from symgrad.page.serving import serve as served

    served(host, port, click.echo, not no_browser)


@cli.command(cls=Claim)
@click.argument("target", metavar="[MODEL.py|FORMULA]", required=False)
@SHAPE
def info(target: str | None, shapes: dict[str, str]) -> None:
    """Show a model, or this installation.

    Of a model: its loss, symbols and shapes. Without one: versions, backends and what is missing."""
    if target is None:
        if shapes:
            raise click.UsageError("--shape needs a formula")
        terminal.table(("what", "version", "where or why"), commands.environment(), fold=("where or why",))
        return
    found = asked(target, shapes, ())
    for line in commands.overview(found):
        terminal.say(line)
    terminal.table(SYMBOL_HEADER, symbol_rows(commands.symbols(found)), right=("numbers",), fold=("facts",))


def main() -> None:
    """The program `symgrad`."""
    for stream in (sys.stdout, sys.stderr):  # a terminal without Unicode shows ? and does not stop the work
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="replace")
    cli.main(prog_name="symgrad")


if __name__ == "__main__":
    main()
