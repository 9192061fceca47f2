"""`symgrad train`: from a model file to a folder with formulas, picture, code, curves and weights; `symgrad report`.

What follows from the formulas alone is written before the training, what it learnt afterwards; each file is whole or
not there. The test data are checked at the start and measured once, at the very end.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from symgrad.derivations.derivation import Derivation
from symgrad.derivations.pieces import in_markdown
from symgrad.derivations.proof import prove
from symgrad.drawing.drawing import draw
from symgrad.files import check_place, make_folder, write_whole
from symgrad.graphs.errors import DivergenceError, SymgradError
from symgrad.optim import Adam, Descent, Optimizer
from symgrad.reports.page import day
from symgrad.reports.report import Subject, of_model, write_report
from symgrad.shell import commands, terminal
from symgrad.shell.arguments import asked
from symgrad.shell.modelfile import ModelFile, ModelFileError, told
from symgrad.shell.target import Target, from_file
from symgrad.training.fitting import OF_CALLBACK
from symgrad.training.history import History
from symgrad.training.model import Model
from symgrad.training.source import unwritten

FIT = ("optimizer", "epochs", "batch_size", "validation", "metrics", "callbacks")  # handed to Model.fit as they are
INTERRUPTED = 130
PERCENT = ("accuracy",)  # metrics that are told as a share


@dataclass(frozen=True)
class Options:
    """The options of `symgrad train`; None leaves it to the model file."""

    out: str | None = None
    epochs: int | None = None
    batch_size: int | None = None
    seed: int | None = None
    quiet: bool = False


@dataclass
class RunFolder:
    """The folder of a run, and what was written there: (file, what it is)."""

    folder: Path
    written: list[tuple[str, str]] = field(default_factory=list)

    def write(self, name: str, about: str, save: Callable[[Path], object]) -> None:
        """`save(path)` writes the file; then it counts as written."""
        save(self.folder / name)
        self.written.append((name, about))


def train(path: str, plan: Options) -> int:
    """Train the model file at `path`, print and write the results; the exit status: 0 done, 1 a step of the
    derivation does not hold, 130 ended by Ctrl-C, which keeps what was learnt.

    Raises SymgradError for a file that does not train, data with NaN, a place that cannot be written.
    """
    folder = Path(plan.out or Path("out", Path(path).stem)).absolute()  # before the model file can move us
    on = from_file(path)
    assert on.file is not None
    file, say = on.file, _nothing if plan.quiet else terminal.say
    model, options = _model(on, file, plan)
    results = RunFolder(make_folder(folder))
    check_place(folder / "model.npz")
    derivation = commands.derivation(on)
    proof = prove(derivation)
    say(on.title, "bold")
    for line in _numbers(on, file, options):
        say(line)
    say()
    if not plan.quiet:
        terminal.derivation(derivation.unicode(min(100, terminal.console().width)).rstrip())
        say(f"\nChecked by numbers: {proof.sentence}.\n", "" if proof.good else "bold red")
    _write_formulas(results, on, derivation, proof.sentence, say)
    history = _fit(model, file, options, results, not plan.quiet)
    if len(history):
        results.write("history.csv", "loss and metrics after each epoch", history.to_csv)
        results.write("curve.svg", "the same as curves", history.plot)
    results.write("model.npz", "the parameters, as arrays under their names", lambda path: model.save(path, training=False))
    _report(model, file, history, results, say)
    if proof.good is False:
        terminal.say(f"The derivation does not hold: {proof.sentence}; see symgrad check {path}", "bold red")
    return INTERRUPTED if history.interrupted else 1 if proof.good is False else 0


def report(argument: str, shapes: Mapping[str, str], wrt: Sequence[str], output: str | None, plan: Options, fit: bool,
           date: bool) -> int:
    """Write the page about a model file, which is trained first where it has data and `fit` is true, or a formula;
    the exit status is that of `train`.

    Raises SymgradError as `train` does, and for what is neither a model file nor a formula.
    """
    here = Path.cwd()  # before the model file can move us
    if output:
        check_place(output)
    on = asked(argument, shapes, wrt, True)
    place = check_place(here / (output or f"{on.name}.html"))
    subject, interrupted = _subject(on, plan, fit)
    proof = write_report(replace(subject, title=on.title, date=day() if date else ""), place)
    terminal.say(f"Wrote {output or place.name}")
    if proof.good is False:
        terminal.say(f"The derivation does not hold: {proof.sentence}", "bold red")
    return INTERRUPTED if interrupted else 1 if proof.good is False else 0


def _subject(on: Target, plan: Options, fit: bool) -> tuple[Subject, bool]:
    """What a page is to be about, after the training; whether Ctrl-C ended that."""
    file = on.file
    if not fit or file is None or "data" not in file.given:
        seed = plan.seed if plan.seed is not None else file.get("seed", 0) if file else 0
        try:
            model = Model(on.loss, predict=file.get("predict") if file else None, seed=seed)
        except SymgradError as error:  # a formula without parameters, or with sizes that no data show
            return Subject(on.loss, on.wrt, why=str(error)), False
        return replace(of_model(model), wrt=on.wrt), False
    model, options = _model(on, file, plan)
    try:
        history = model.fit(file.given["data"], progress=not plan.quiet, **options)
    except DivergenceError as error:
        error.args = (f"{file.path}: {error}",)
        raise
    found = replace(of_model(model, file.get("test_data")), wrt=on.wrt)
    if found.measured is not None and file.get("test_data") is not None:
        found = replace(found, measured=("the test data", found.measured[1]))
    return found, history.interrupted


def _nothing(text: str = "", style: str = "") -> None:
    """`terminal.say` of a quiet run."""


def _model(on: Target, file: ModelFile, plan: Options) -> tuple[Model, dict[str, Any]]:
    """The model and the arguments of its fit, with everything checked that can be before the work."""
    if "data" not in file.given:
        raise ModelFileError(f"{file.path} defines no `data`; to train, it sets data = {{symbol name: array}}")
    options = {name: file.given[name] for name in FIT if name in file.given}
    given = {"epochs": plan.epochs, "batch_size": plan.batch_size}
    options |= {name: value for name, value in given.items() if value is not None}
    seed = plan.seed if plan.seed is not None else file.get("seed", 0)
    if not isinstance(options.get("optimizer", Adam()), (Optimizer, Descent)):
        raise ModelFileError(f"{file.path}: optimizer is {options['optimizer']!r}, not one such as sg.optim.Adam(1e-3)")
    try:
        model = Model(on.loss, predict=file.get("predict"), seed=seed)
        metrics = model.chosen(options.get("metrics"))
        for name in ("data", "validation", "test_data"):
            if isinstance(file.get(name), dict):
                model.checked(file.get(name), name, metrics=metrics)
    except SymgradError as error:
        raise type(error)(f"{file.path}: {error}") from None
    return model, options


def _numbers(on: Target, file: ModelFile, options: dict[str, Any]) -> list[str]:
    """How many samples, parameters, epochs: the head of a run."""
    counts = [(_samples(on, file.get(name)), what) for name, what in
              (("data", "to train on"), ("validation", "to validate"), ("test_data", "held out for the test"))]
    validation = options.get("validation")
    if isinstance(validation, float) and counts[0][0]:
        counts[0] = (counts[0][0], f"to train on, of which {validation:.0%} to validate")
    lines = [", ".join(f"{n} {what}" for n, what in counts if n)]
    lines += [line[0].upper() + line[1:] for line in commands.overview(on)[1:]]
    optimizer = options.get("optimizer", "Adam(lr=0.001), as the file names none")
    lines.append(f"Optimizer {optimizer}")
    return [line for line in lines if line]


def _samples(on: Target, data: Any) -> int | None:
    """The number of samples in a dict of arrays: the length of what has a sample axis."""
    sampled = [s.name for s in commands.symbols(on) if s.over is not None]
    return next((len(data[name]) for name in sampled if name in data), None) if isinstance(data, dict) else None


def _write_formulas(results: RunFolder, on: Target, derivation: Derivation, proof: str, say: Callable[..., None]) -> None:
    rule = commands.optimizer(on)
    name = on.name.replace("--", "- -")  # two of them end a comment
    text = "\n\n".join([
        f"<!-- Written by symgrad train {name}.py -->", in_markdown(on.title), derivation.markdown().rstrip(),
        f"Checked by numbers: {proof}.", f"## How a parameter is updated: {in_markdown(rule.name)}",
        f"$$\n{rule.formulas().latex()}\n$$\n"])
    results.write("formulas.md", "the gradient, step by step", lambda path: write_whole(path, text))
    drawing = draw(derivation)
    results.write("graph.svg", "forward and backward in one picture", drawing.save)
    results.write("graph.png", "the same, in pixels", drawing.save)
    if why := unwritten(rule):
        say(f"No program is written: {why}.\n")
        return
    source = commands.source(on, "numpy", "float32")
    results.write(f"train_{on.name}.py", "the same network as a program of its own (NumPy alone)", source.save)


def _fit(model: Model, file: ModelFile, options: dict[str, Any], results: RunFolder, progress: bool) -> History:
    try:
        return model.fit(file.given["data"], progress=progress, **options)
    except DivergenceError as error:
        results.write("model.npz", "the last good parameters", lambda path: model.save(path, training=False))
        error.args = (f"{file.path}: {error} They are in {_shown(results.folder)}model.npz.",)
        raise
    except Exception as error:
        results.write("model.npz", "what was learnt until then", lambda path: model.save(path, training=False))
        note = next((n for n in getattr(error, "__notes__", ()) if n.startswith(OF_CALLBACK)), None)
        if note is None or isinstance(error, SymgradError):
            raise
        raise ModelFileError(f"{told(file.path, error)}\n{note}, in {_shown(results.folder)}model.npz.") from error


def _report(model: Model, file: ModelFile, history: History, results: RunFolder, say: Callable[..., None]) -> None:
    say()
    say(f"Written to {_shown(results.folder)}")
    width = max(len(name) for name, _ in results.written)
    for name, about in results.written:
        say(f"  {name:<{width}}  {about}")
    say()
    if history.interrupted:
        terminal.say("Interrupted: the files hold what was learnt until then.")
    if file.get("test_data") is not None:
        measured = model.evaluate(file.given["test_data"], file.get("metrics"))
        for name, value in measured.items():
            terminal.say(f"test {name}: {100 * value:.1f} %" if name in PERCENT else f"test {name}: {value:.4g}",
                         "bold" if name in PERCENT else "")


def _shown(folder: Path) -> str:
    """A folder as people write it: from here, if it lies below."""
    try:
        return f"{folder.relative_to(Path.cwd())}/"
    except ValueError:
        return f"{folder}/"
