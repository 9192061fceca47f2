"""`sg.explain`: a formula, or a derivative step by step, in the words of a teacher.

The sentences are read from the same steps that `sg.derive` prints: the right-hand side of a step is spoken by
`sentences.py`, its reason follows from the boxes that use the value. Nothing here knows a model by name.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from typing import Any

from symgrad.calculus.derivatives import gradient, jacobian, variables_of
from symgrad.derivations.derivation import Derivation, Step, derive
from symgrad.derivations.functions import sentences_of, slope_in_words
from symgrad.derivations.kinds import is_masked
from symgrad.derivations.laws import cited
from symgrad.derivations.pieces import in_markdown
from symgrad.derivations.reasons import is_shared, rule
from symgrad.derivations.sentences import sentence, spoken, symbol_sentences, words, wrapped
from symgrad.derivations.text import formula, gradient_name, of_one, show
from symgrad.derivations.through_time import one_loop
from symgrad.formulas.names import symbol_names
from symgrad.formulas.spelling.mathml import mathml_of
from symgrad.formulas.words.phrases import listed
from symgrad.formulas.words.spoken import ENTRYWISE
from symgrad.graphs import ops
from symgrad.graphs.node import REAL, topological
from symgrad.graphs.pieces.boxes import Box, named_leaf, passes_on, row_of
from symgrad.graphs.pieces.images import is_convolution, is_pooled
from symgrad.graphs.sizes import Size
from symgrad.graphs.weights import Weight, to_expr
from symgrad.language.align import as_tensor
from symgrad.language.naming import layer_names
from symgrad.language.tensor import Tensor

WIDTH, INDENT = 88, 6  # columns of a text that nobody has asked to be narrower, and before what belongs to a step
SMALL = 30  # nodes of a graph whose derivative is a formula to be read at once
CALLED = {"mean": "The mean", "variance": "The variance", "standard deviation": "The standard deviation",
          "standardised": "The standardised value", "residual": "The residual"}
HEADS = {"symbols": "What the names mean", "forward": "Forward", "backward": "Backward", "mean": "All samples"}


@dataclass(frozen=True)
class ToldStep:
    """One numbered step: its formula in Unicode and in LaTeX, and the sentences about it."""

    kind: str
    number: int
    formula: str
    latex: str
    sentences: tuple[str, ...]


@dataclass(frozen=True)
class Explanation:
    """A formula in words; made by `sg.explain`. `answer` is the short form, `lines` the way there, step by step."""

    title: str
    answer: tuple[str, ...]
    symbols: tuple[str, ...] = ()
    lines: tuple[ToldStep, ...] = ()

    def text(self, width: int = WIDTH) -> str:
        """Plain text, in lines of at most `width` columns (formulas are never broken)."""
        parts = [wrapped(self.title, width), "", *(wrapped(each, width) for each in self.answer)]
        if self.symbols:
            parts += ["", HEADS["symbols"], *(wrapped(each, width, "  ") for each in self.symbols)]
        for kind in ("forward", "backward", "mean"):
            found = [line for line in self.lines if line.kind == kind]
            parts += ["", HEADS[kind]] if found else []
            for line in found:
                parts.append(f"{f'({line.number})':>{INDENT - 1}} {line.formula}")
                parts.append(wrapped(" ".join(line.sentences), width, " " * INDENT))
        return "\n".join(parts) + "\n"

    def markdown(self) -> str:
        """Markdown with formulas in LaTeX."""
        parts = [f"## {in_markdown(self.title)}", *map(in_markdown, self.answer)]
        if self.symbols:
            parts += [f"### {HEADS['symbols']}", "\n".join(f"- {in_markdown(each)}" for each in self.symbols)]
        for kind in ("forward", "backward", "mean"):
            found = [line for line in self.lines if line.kind == kind]
            parts += [f"### {HEADS[kind]}"] if found else []
            parts += [f"**({line.number})** ${line.latex}$\n\n{in_markdown(' '.join(line.sentences))}" for line in found]
        return "\n\n".join(parts) + "\n"

    def __str__(self) -> str:
        return self.text()

    def __repr__(self) -> str:
        return f"<Explanation: {self.title}>"

    def html(self) -> str:
        """HTML with formulas in MathML."""
        parts = [f"<h3>{escape(self.title)}</h3>", *(f"<p>{escape(each)}</p>" for each in self.answer)]
        if self.symbols:
            items = "".join(f"<li>{escape(each)}</li>" for each in self.symbols)
            parts += [f"<h4>{HEADS['symbols']}</h4>", f"<ul>{items}</ul>"]
        for kind in ("forward", "backward", "mean"):
            found = [line for line in self.lines if line.kind == kind]
            parts += [f"<h4>{HEADS[kind]}</h4>"] if found else []
            parts += [f"<p><b>({line.number})</b> {mathml_of(line.latex, large=True)}<br>"
                      f"{escape(' '.join(line.sentences))}</p>" for line in found]
        return "\n".join(parts) + "\n"

    def _repr_markdown_(self) -> str:
        return self.markdown()

    def _repr_html_(self) -> str:
        return self.html()

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, str]:
        return {"text/plain": self.text(), "text/markdown": self.markdown(), "text/html": self.html()}


def explain(t: Any, wrt: Any = None) -> Explanation:
    """A formula in words; of a scalar with parameters, its gradient too, step by step as in `sg.derive`.

    `wrt` is a tensor, list or dict; None means all parameters. Of a tensor that is no scalar, `wrt` asks for its
    Jacobian. A derivation is told as it is. Raises DifferentiationError where `sg.gradient` would.

    >>> import symgrad as sg
    >>> X, w, y = sg.data("X", (5, 3)), sg.parameter("w", 3), sg.data("y", 5)
    >>> for sentence in sg.explain(sg.sum((X @ w - y) ** 2)).answer[1:]:
    ...     print(sentence)
    The gradient of L with respect to w is the transposed input X times the error G_a¹.
    Written out, that is twice X transposed times the difference X times w minus y.
    """
    if isinstance(t, Derivation):
        return _derivative(t)
    target = as_tensor(t, "explain")
    order = topological([target.node])
    if target.ndim or target.dtype != REAL:
        return _formula(target, [] if wrt is None else variables_of(wrt, "explain"))
    if wrt is None and not any(n.op is ops.INPUT and n.attrs[0].kind == "parameter" for n in order):
        return _formula(target, [])
    return _derivative(derive(target, wrt))


def _formula(t: Tensor, variables: Sequence[Tensor]) -> Explanation:
    """One formula, and its Jacobians."""
    line = str(t)
    names = symbol_names(topological([t.node, *(x.node for x in variables)]), layer_names([t, *variables]))
    over = f", for each of the {t.over} samples" if t.over is not None else ""
    inside = t.node.operands[0] if t.node.op is ops.NAMED else t.node
    answer = [sentence(f"{line} is {spoken(inside, over=t.over)}{over}" if t.node.op is ops.NAMED else
                       f"This is {spoken(inside, over=t.over)}{over}")]
    for x in variables:
        by = show(named_leaf(x.node, names), "unicode")
        answer.append(sentence(f"Its Jacobian with respect to {by} is {words(jacobian(t, x), names)}"))
    if any(word in f" {text}" for text in answer for word in (" place ", " axis ", " axes ")):
        answer.append("Places and axes are counted from 0.")
    title = line if len(line) <= WIDTH else "A formula in words"
    return Explanation(title, tuple(answer), symbol_sentences(t.node))


# a derivative ---------------------------------------------------------------------------------------------


def _derivative(d: Derivation) -> Explanation:
    loss = show(d.graph[-1].leaf, "unicode")
    total = d.steps[0].world.total if d.weight is not None else loss
    names = ", ".join(show(step.box.leaf, "unicode") for step in d.asked)
    title = f"The gradient of {total} with respect to {names}, in words" if names else f"{total} in words"
    answer = [] if d.weight is None else [sentence(f"The loss {total} is the loss {loss} of one sample, "
                                                   f"{_gathered(d.weight, d.over)}")]
    if d.weight is None:
        answer.append(sentence(f"{total} is {_value(d.steps, d)}"))
    for step in d.asked:
        answer.append(sentence(f"The gradient of {'the loss ' + total if d.weight is not None else total} with respect "
                               f"to {show(step.box.leaf, 'unicode')} is {_right(step)}{_mean(step, d)}"))
        if (whole := _whole(step, d)):
            answer.append(sentence(f"Written out, that is {whole}"))
    for x in d.wrt:
        if x.node not in {step.box.node for step in d.asked}:
            by = show(named_leaf(x.node, d.names), "unicode")
            answer.append(f"{total} does not depend on {by}, so that gradient is zero.")
    given: dict[str, int] = {}
    lines = [ToldStep(s.kind, s.number, s.formula, formula(s, "latex", of_one(s)), tuple(_sentences(s, d, given)))
             for s in d.steps]
    symbols = symbol_sentences(d.graph[-1].node, d.names) + sentences_of(d.steps, d.steps[0].world.taken)
    return Explanation(title, tuple(answer), symbols, tuple(lines))


def _value(steps: Sequence[Step], d: Derivation) -> str:
    """The loss itself, in words: whole where that can be read, else over the values before it."""
    last = [step for step in steps if step.kind == "forward"][-1]
    whole = spoken(d.loss, over=d.over, names=d.names) if len(topological([d.loss])) < SMALL else ""
    return whole if 0 < len(whole) <= WIDTH and " where " not in whole else spoken(last.node, _roles(last.box), d.over)


def _whole(step: Step, d: Derivation) -> str:
    """A gradient over symbols alone, where that is one short formula and says more than the step."""
    (x,) = (x for x in d.wrt if x.node is step.box.node)
    if len(topological([d.loss])) >= SMALL or step.consumers[0].kind == "output" and len(step.consumers) == 1:
        return ""
    whole = words(gradient(d.y, x), d.names)
    return whole if len(whole) <= WIDTH and " where " not in whole else ""


def _mean(step: Step, d: Derivation) -> str:
    """How the gradients of the samples come together."""
    if d.over is None:
        return ""
    if d.weight is None or step.batch is None:
        return ", for each sample" if d.weight is None else ", for the loss of each sample"
    return f", {_gathered(d.weight, d.over)}"


def _gathered(weight: Weight, over: Size | None) -> str:
    by = to_expr(weight)
    if by * over in (1, -1):
        return "averaged over the samples" + ", with the opposite sign" * int(by * over == -1)
    text = str(by).replace("*", " ")
    return "summed over the samples" if by == 1 else f"summed over the samples and multiplied by {text}"


def _sentences(step: Step, d: Derivation, given: dict[str, int]) -> list[str]:
    """What the step says, and why it holds; `given` are the reasons given before, by the number of their step."""
    v, box = show(step.box.leaf, "unicode"), step.box
    if step.kind == "mean":
        return [f"The gradient of a sum is the sum of the gradients, so what was found for one sample is "
                f"{_gathered(d.weight, d.over) if d.weight else 'summed over the samples'}."]
    if step.kind == "forward":
        kind = CALLED.get(rule(step)) or {
            "affine": "The convolution" if is_convolution(box.local) else "The affine layer",
            "activation": "The activation"}.get(box.kind) or ("The pool" if is_pooled(box.local) else None)
        if kind is None:
            kind = "The value" if box.kind != "output" else "The result" if d.weight is None else "The loss of one sample,"
        comma = "," if kind.endswith(",") else ""
        return [sentence(f"{kind} {v}{comma} is {spoken(step.node, _roles(box), box_over(box))}")]
    loss = show(d.graph[-1].leaf, "unicode")
    called = f", called the error of {v}," if box.kind == "affine" else ""
    found = sentence(f"The gradient of {loss} with respect to {v}{called} is {_right(step)}")
    key, reason = _reason(step)
    if not key:
        return [found]
    first = given.setdefault(key, step.number)
    told = [found, f"{reason}." if first == step.number else f"The reason is that of ({first})."]
    if step.applied is not None and len(step.consumers) > 1:
        told.append("With the gradients of mean and variance in their places, it is what papers print.")
    elif step.applied is not None:
        put = gradient_name(step.consumers[0], "unicode")
        told.append(f"With the formula of {put} in its place, what both have in common cancels.")
    return told


def _right(step: Step) -> str:
    """The right-hand side of a backward step; gradients by affine layers are called errors."""
    roles: dict[str, str] = {}
    for user in step.consumers:
        if user.kind == "affine":
            roles |= _roles(user)
        if user.kind != "output":
            roles[f"G_{{{user.name}}}"] = "the error" if user.kind == "affine" else "the gradient"
    text = spoken(step.node, roles, box_over(step.box))
    return f"{text} in every entry" if text == "1" and _order(step.box) else text


def _roles(box: Box) -> dict[str, str]:
    """What the operands of an affine layer with one input are to it."""
    if (entering := _input(box)) is None:
        return {}
    roles = {entering.name: "the input"}
    for operand in box.operands:
        if operand.kind == "parameter":
            matrix = "the weight matrix" if len(operand.node.shape) == 2 else "the weights"
            if is_convolution(box.local):
                matrix = "the bias" if len(operand.node.shape) == 1 else "the kernel"
            roles[operand.name] = "the bias" if passes_on(box, operand) else matrix
    return roles


def _input(box: Box) -> Box | None:
    """The one operand of an affine layer that its weights are multiplied by."""
    found = [operand for operand in box.operands if operand.kind != "parameter" and not passes_on(box, operand)]
    return found[0] if box.kind == "affine" and len(found) == 1 else None


def _order(box: Box) -> int:
    """The axes of a value, of one sample."""
    return len(box.leaf.shape) - (box_over(box) is not None)


def _reason(step: Step) -> tuple[str, str]:
    """Why a backward step holds: the kind of reason, and one sentence; empty where the step says it itself."""
    users, v = step.consumers, show(step.box.leaf, "unicode")
    if one_loop(users) is not None:
        return rule(step), f"This is {rule(step)}"
    if len(users) > 1:
        by = listed([show(user.leaf, "unicode") for user in users])
        return f"uses of {v}", f"{v} is used {len(users)} times, by {by}: what comes back through each use is added"
    (user,) = users
    w, row = show(user.leaf, "unicode"), row_of(user)
    if user.kind == "output":
        return "", ""
    if row is not None:
        slope = slope_in_words(row, WIDTH)
        acts = ENTRYWISE.get(row, row.replace("_", " "))
        if not _order(step.box):
            return f"{row} of a number", (f"{acts.replace('the ', 'The ', 1)} is a function of one number: the gradient is "
                                          f"multiplied by its derivative{f'; the derivative of {slope}' if slope else ''}")
        return row, (f"{acts.replace('the ', 'The ', 1)} acts on every entry by itself, so its Jacobian is diagonal and "
                     f"the product is entry by entry{f'; the derivative of {slope}' if slope else ''}")
    if is_masked(user.local):
        return f"mask of {w}", "What the mask has dropped gets nothing back, and the rest is scaled as on the way forward"
    if is_pooled(user.local):
        return f"pool {w}", ("Every window passes what it gets back to its largest entry; equal ones share it, the others "
                             "get nothing"
                             if user.local.op is ops.MAX else "Every entry of a window has the same part in its mean")
    if is_convolution(user.local) and _order(step.box) == 1:
        return "places", f"{v} is added at every place, so what comes back from all places is added up"
    if is_convolution(user.local) and step.box.kind == "parameter":
        return "kernel", (f"The kernel {v} meets the input at every place: each of its entries gets the error of every "
                          "place times what it met there")
    if is_convolution(user.local):
        return "flipped", (f"Every entry of {v} has been met by each entry of the kernel once: the errors go back "
                           "through the same entries: the kernel flipped, over errors that lie a stride apart")
    if user.kind == "affine" and passes_on(user, step.box) and is_shared(step, user):
        return "shared", f"{v} is added everywhere alike, so what comes back from all these places is added up"
    if user.kind == "affine" and passes_on(user, step.box):
        return "shift", "Adding a vector does not change the gradient: the Jacobian of a shift is the identity"
    entering = _input(user)
    known = entering is not None and entering is not step.box and _order(entering) == 1
    if known and (_order(user), _order(step.box)) == (1, 2):
        return "outer", (f"Every entry of {v} joins one input to one output, so its gradient is the error of that output "
                         "times that input")
    if user.kind == "affine" and _order(user) == _order(step.box) == 1:
        return "linear", (f"The layer {w} is linear in {v}: its Jacobian is a matrix, and the gradient goes back through "
                          "the transpose of that matrix")
    if user.kind == "affine":
        return "bilinear", f"The layer {w} is linear in {v}, so its Jacobian does not depend on {v}"
    laws = cited(user, step.box, step.world)
    if len(laws) == 1 and rule(step) == laws[0].why:
        return laws[0].title, f"{laws[0].why[0].upper()}{laws[0].why[1:]}"
    return f"through {w}", f"This is the chain rule through {w}, the only use of {v}"


def box_over(box: Box) -> Size | None:
    """The sample axis of a box's value."""
    return box.leaf.attrs[0].over if box.leaf.op is ops.INPUT else None
