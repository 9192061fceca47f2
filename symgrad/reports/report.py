"""`Model.report`: one HTML page about a model, from its formula to what it learnt. No network and no script.

The page is read from one derivation: its boxes are the rows of tables, the boxes of the drawing and, by `Source.lines`,
lines of the program, so each formula leads to the line that computes it, and back. Equal models give equal bytes.
"""

from __future__ import annotations

import math
import os
import platform
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from importlib import metadata
from typing import TYPE_CHECKING, Any

import sympy as sp

from symgrad.computing.backends import backend_of
from symgrad.derivations.derivation import Derivation, Step, derive
from symgrad.derivations.outline import total
from symgrad.derivations.proof import Proof, prove
from symgrad.derivations.text import formula, show
from symgrad.drawing.drawing import draw
from symgrad.files import check_place, write_whole
from symgrad.formulas.spelling.letters import latex_size
from symgrad.formulas.spelling.mathml import mathml_of
from symgrad.graphs import ops
from symgrad.graphs.node import Node, topological
from symgrad.graphs.pieces.boxes import Box
from symgrad.graphs.sizes import Shape, dim
from symgrad.language.symbols import symbols_of
from symgrad.language.tensor import Tensor, wrap
from symgrad.optim import Adam, Descent, Optimizer
from symgrad.optim.scalars import latex
from symgrad.reports.alike import alike
from symgrad.reports.highlighting import Link, highlighted
from symgrad.reports.measures import Trained, trained
from symgrad.reports.page import day, described, embedded, rendered, with_notes
from symgrad.reports.symbol_rows import symbol_rows
from symgrad.training.dataset import Dataset
from symgrad.training.fitting import AnyOptimizer
from symgrad.training.source import ProgramLine, Source, derivative_source, rule_of, written
from symgrad.version import __version__

if TYPE_CHECKING:
    from symgrad.training.model import Model

WIDE = 5000  # points: a wider drawing is shown with its layers folded
FUNCTIONS = ("forward", "backward", "gradients", "predict")  # in the order in which a step names its lines
Key = tuple[str, Node | None]  # what is computed: "forward", "loss" or "backward", and of which value
Links = dict[int, list[tuple[str, str, int]]]  # by number of a step: function, address, line


@dataclass(frozen=True)
class Subject:
    """What a report is about: a loss and the variables of its derivation; its model, and what that is measured on."""

    loss: Tensor
    wrt: tuple[Tensor, ...] = ()
    title: str = ""
    model: Model | None = None
    why: str = ""  # there is no model
    measured: tuple[str, Dataset] | None = None  # what the data are, and the data
    date: str = ""


def of_model(model: Model, data: Mapping[str, Any] | None = None, title: str = "", date: bool | str = False) -> Subject:
    """A model as a subject. Raises DataError for `data` that do not fit it."""
    measured = None
    if data is not None:
        measured = "the data given", model.checked(data, metrics=model.fitted.metrics if model.fitted else None)
    elif model.fitted is not None and model.fitted.held is not None:
        measured = "the validation data", model.fitted.held
    elif model.fitted is not None:
        measured = "what it was trained on", model.fitted.train
    varied = set(topological([model.loss.node], enter=lambda n: n.op is not ops.STOP))  # what is frozen has no gradient
    parameters = tuple(wrap(node, None) for _, node in model.network.parameters if node in varied)
    return Subject(model.loss, parameters, title, model, "", measured,
                   day() if date is True else date or "")


def _title(model: Model, derivation: Derivation) -> str:
    """What a model is called that nobody gave a title: its parameters as formulas show them."""
    leaves = {box.node: box.leaf for box in derivation.graph}
    names = [show(leaves[node], "unicode") if node in leaves else name for name, node in model.network.parameters]
    return f"A model with the parameters {', '.join(names)}" if len(names) <= 8 else (
        f"A model with {len(names)} arrays of parameters")


def write_report(subject: Subject, path: str | os.PathLike[str]) -> Proof:
    """Write the page, whole or not at all; gives the proof of its derivation. Raises SymgradError where it cannot."""
    check_place(path)
    text, proof = page(subject)
    write_whole(path, text)
    return proof


def page(subject: Subject) -> tuple[str, Proof]:
    """The text of the page, and the proof of its derivation."""
    derivation = derive(subject.loss, list(subject.wrt) or None)
    if subject.model is not None and not subject.title:
        subject = replace(subject, title=_title(subject.model, derivation))
    proof = prove(derivation)
    layers, listings, drawing = layers_of(derivation), _listings(subject, derivation), _drawing(derivation)
    same = alike(derivation, [line.node for each in listings for line in each.source.lines if line.node is not None])
    links = _links(derivation, listings, same)
    model, optimizer, symbols = subject.model, _optimizer(subject), _symbols(subject, derivation)
    return rendered(
        "report.html.j2", title=subject.title, date=subject.date, math=mathml_of, model=model, why=subject.why,
        loss=_loss(derivation), symbols=symbols, texts={row["name"]: row["latex"] for row in symbols if row["latex"]},
        layers=layers, facts=_facts(subject, derivation),
        drawing=drawing, derivation=with_notes(derivation.html(), _notes(links, drawing["boxes"]), "sg-rule"), proof=proof,
        steps=len(derivation.steps), over=derivation.over is not None,
        unlinked=[step for step in derivation.steps if not links[step.number]],
        listings=[_listing(each, derivation, same) for each in listings],
        update=_update(optimizer, listings[0].source) if model is not None else None, optimizer=optimizer,
        trained=_trained(subject, layers), versions=_versions(subject)), proof


# formulas, shapes -------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Layer:
    """An affine map with its activations: the steps that compute it, its parameters by name."""

    title: str
    steps: tuple[Step, ...]
    shape: str
    parameters: tuple[str, ...]
    count: int | None

    @property
    def formulas(self) -> list[tuple[int, str]]:
        """The number and the LaTeX of each step."""
        return [(step.number, formula(step, "latex", "sample")) for step in self.steps]


def layers_of(derivation: Derivation) -> list[Layer]:
    """The layers of a net, as its boxes are numbered; parameters count where they are used first."""
    rows: dict[int, list[Step]] = {}
    for step in derivation.steps:
        if step.kind == "forward" and step.box.kind in ("affine", "activation"):
            rows.setdefault(step.box.layer, []).append(step)
    seen: set[Box] = set()
    layers = []
    for number, steps in sorted(rows.items()):
        used = [o for s in steps for o in s.box.operands if o.kind == "parameter" and o not in seen]
        seen.update(used)
        layers.append(Layer(str(number), tuple(steps), _shape(steps[-1].box.leaf.shape), tuple(dict.fromkeys(
            o.name for o in used)), _entries(o.node for o in used)))
    return layers


def _shape(shape: Shape) -> str:
    """A shape in LaTeX; numbers alone need no formula."""
    if all(isinstance(size, int) for size in shape):
        return " × ".join(map(str, shape)) or "scalar"
    return "$" + r" \times ".join(map(latex_size, shape))


def _entries(nodes: Iterable[Node]) -> int | None:
    """The numbers in all of `nodes` together; None where one has a symbolic size."""
    sizes = [size for node in dict.fromkeys(nodes) for size in (math.prod(node.shape),)]
    return sum(sizes) if all(isinstance(s, int) for s in sizes) else None


def _loss(derivation: Derivation) -> list[str]:
    """The loss as LaTeX: of one sample, and how samples come together."""
    last = [s for s in derivation.steps if s.kind == "forward"][-1:]
    texts = [formula(step, "latex", "sample") for step in last]
    if derivation.weight is not None and last:
        texts.append(total(derivation, "latex"))
    return texts


def _symbols(subject: Subject, derivation: Derivation) -> list[dict[str, Any]]:
    """A row for each symbol; sizes are those of the model where it has any."""
    known = {box.node: box for box in derivation.graph}
    shapes: Mapping[Node, tuple[int, ...]] = {} if subject.model is None else subject.model.shapes
    rows = []
    symbols = symbols_of(subject.loss, subject.wrt)
    for tensor, row in zip(symbols, symbol_rows(symbols), strict=True):
        shape = shapes.get(tensor.node)
        box = known.get(tensor.node)
        numbers = row[4] if shape is None else str(math.prod(shape))
        rows.append({"name": row[0] if box is None else box.name, "latex": None if box is None else show(box.leaf, "latex"),
                     "kind": row[1], "shape": _shape(tensor.shape if shape is None else shape),
                     "over": "" if tensor.over is None else latex_size(tensor.over),
                     "numbers": f"{int(numbers):,}" if numbers.isdigit() else numbers, "facts": row[5]})
    return rows


def _facts(subject: Subject, derivation: Derivation) -> list[tuple[str, str]]:
    """The model in a few numbers: what a reader wants to know first."""
    facts = []
    model = subject.model
    if model is not None and model.shapes:
        facts.append((f"{sum(map(math.prod, model.shapes.values())):,}", "parameters"))
    if layers := len(layers_of(derivation)):
        facts.append((str(layers), "layer" if layers == 1 else "layers"))
    facts.append((str(len(derivation.steps)), "steps of the derivation"))
    if model is not None and model.fitted is not None:
        count = len(model.fitted.history)
        facts.append((str(count), "epoch" if count == 1 else "epochs"))
    return facts


def _drawing(derivation: Derivation) -> dict[str, Any]:
    """The drawing; where it is too wide, one with folded layers in front of it."""
    whole = draw(derivation)
    pictures = [("whole", whole)]
    if whole.scene.width > WIDE:
        pictures.insert(0, ("folded", draw(derivation, depth=1)))
    boxes = {step: f"#whole-{box}" for step, box in whole.anchors.items()}
    return {"words": described(whole.svg), "boxes": boxes, "pictures": [
        {"name": name, "svg": embedded(each.svg, f"{name}-"), "width": each.scene.width} for name, each in pictures]}


# formulas and lines -----------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Listing:
    """A program of the page; its lines are called `line-1`, ... by their prefix."""

    source: Source
    about: str
    prefix: str


def _listings(subject: Subject, derivation: Derivation) -> list[Listing]:
    """The program that trains; what it does not compute of the derivation, or all where there is none, as a function."""
    model, optimizer = subject.model, _optimizer(subject)
    if model is None or isinstance(optimizer, Descent):
        told = subject.why if model is None else f"the model was fitted by {optimizer.name}, which no program carries out"
        why = f" There is no program that trains: {told}." if told else ""
        return [Listing(derivative_source(subject.loss, derivation.wrt),
                        f"This function computes the loss and its gradients.{why}", "line")]
    rule = rule_of(optimizer)
    title = subject.title if len(subject.title) < 90 else ""
    main = Listing(written(replace(model.network, title=title), rule, model.backend, model.dtype),
                   f"The program that the model runs; it stands alone, with {backend_of(model.backend).needs}.", "line")
    parameters = {node for _, node in model.network.parameters}
    if all(x.node in parameters for x in derivation.wrt):
        return [main]
    more = Listing(derivative_source(subject.loss, derivation.wrt, "numpy", model.dtype),
                   "All gradients of the derivation, those that training does not need among them.", "more-line")
    return [main, more]


def _of_line(line: ProgramLine, same: Mapping[Node, Node]) -> Key:
    """What a line computes; there is one loss, whose node is another where samples are taken apart."""
    return line.kind, None if line.kind == "loss" or line.node is None else same.get(line.node, line.node)


def _of_step(step: Step) -> list[Key]:
    """What lines compute that compute this step."""
    if step.kind == "mean":
        return [("backward", each.box.node) for each in step.steps]
    if step.kind == "forward" and step.box.kind == "output":
        return [("loss", None)]
    return [(step.kind, step.box.node)]


def _links(derivation: Derivation, listings: Sequence[Listing], same: Mapping[Node, Node]) -> Links:
    """Where each step is computed."""
    found: dict[Key, list[tuple[str, str, int]]] = {}
    for listing in listings:
        for line in sorted(listing.source.lines, key=lambda each: (_rank(each.function), each.first)):
            place = line.function, f"#{listing.prefix}-{line.first}", line.first
            found.setdefault(_of_line(line, same), []).append(place)
    links: Links = {}
    for step in derivation.steps:
        places = [found.get(key, []) for key in _of_step(step)]
        links[step.number] = [place for each in places for place in (each if len(places) == 1 else each[:1])]
    return links


def _rank(function: str) -> int:
    return FUNCTIONS.index(function) if function in FUNCTIONS else len(FUNCTIONS)


def _notes(links: Links, boxes: Mapping[str, str]) -> dict[str, str]:
    """The links of each step to its lines and to its box in the drawing, as HTML, by the id of the step."""
    steps = {f"step-{number}": places for number, places in links.items()}
    return {step: rendered("lines.html.j2", places=places, box=boxes.get(step)) for step, places in steps.items()
            if places or step in boxes}


def _listing(listing: Listing, derivation: Derivation, same: Mapping[Node, Node]) -> dict[str, Any]:
    """A program for the page, its formulas linked to the steps."""
    steps = {_of_step(step)[0]: step for step in derivation.steps if step.kind != "mean"}
    links = []
    for line in listing.source.lines:
        if line.kind == "update":
            links.append(Link(line.first, line.last, f"#update-{line.number + 1}", "the rule of the update", "update"))
        elif (found := steps.get(_of_line(line, same))) is not None:
            links.append(Link(line.first, line.last, f"#step-{found.number}", f"step {found}", f"({found.number})"))
    return {"html": highlighted(listing.source.text, links, listing.prefix), "about": listing.about,
            "backend": listing.source.backend, "lines": listing.source.text.count("\n")}


def _optimizer(subject: Subject) -> AnyOptimizer:
    fitted = None if subject.model is None else subject.model.fitted
    return Adam() if fitted is None else fitted.optimizer


def _update(optimizer: AnyOptimizer, source: Source) -> dict[str, Any]:
    """The formulas of the optimiser, each with its lines; what is a number of a step has none."""
    lines: dict[int, ProgramLine] = {each.number: each for each in source.lines if each.kind == "update"}
    rows: list[dict[str, Any]] = []
    shown, paces = optimizer.formulas(), 0
    notes: Sequence[tuple[int, ...]] = ()
    if isinstance(optimizer, Optimizer):
        notes = optimizer.update((dim("P"),)).places
        paces = len(shown.equations) - len(optimizer.equations)  # formulas for the learning rate stand first
    for at, row_latex in enumerate(shown.latex_rows(), start=-paces):
        row: dict[str, Any] = {"latex": row_latex, "line": None, "id": None}
        for number, places in enumerate(notes):  # what is computed together leads to one line, that to its first
            if at in places:
                row["line"] = lines[number].first if number in lines else None
                row["id"] = f"update-{number + 1}" if at == places[0] else None
        rows.append(row)
    numbers = [(latex(sp.Symbol(name)), f"{value:g}") for name, value in shown.values.items()]
    return {"rows": rows, "numbers": numbers, "name": optimizer.name, "about": optimizer.about}


def _trained(subject: Subject, layers: Sequence[Layer]) -> Trained | None:
    """What the last fit did, where there was one."""
    if subject.model is None or subject.measured is None or subject.model.fitted is None:
        return None
    return trained(subject.model, subject.model.fitted, *subject.measured,
                   [(f"layer {layer.title}", layer.parameters) for layer in layers])


def _versions(subject: Subject) -> list[tuple[str, str]]:
    """What a reader needs to get the same page again."""
    rows = [("symgrad", __version__), ("Python", platform.python_version())]
    rows += [(name, metadata.version(name)) for name in ("numpy", "sympy")]
    if subject.model is not None:
        rows += [("backend", subject.model.backend), ("numbers", subject.model.dtype),
                 ("seed", str(subject.model.seed))]
    return rows + ([("date", subject.date)] if subject.date else [])


