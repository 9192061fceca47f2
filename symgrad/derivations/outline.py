"""A derivation as an outline: what every document of it says, in this order, before it has a form.

`outline(d, style)` gives the blocks, with formulas in "unicode" or "latex". A form (`terminal.py`, `markdown.py`,
`latex.py`, `html.py`) says how each kind of block looks, and nothing else: `told` folds the outline with it, as
`spell` folds a formula with an alphabet. What a form does not show of a step is never written.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Protocol

from symgrad.derivations import text
from symgrad.derivations.answers import Answers, answered
from symgrad.derivations.batch import over_batch
from symgrad.derivations.functions import functions, nodes_of
from symgrad.derivations.glossary import Explained, terms, words_in_laws
from symgrad.derivations.kinds import is_mask, mask_meaning
from symgrad.derivations.laws import Law, general, laws
from symgrad.derivations.pieces import Math, Sentence, joined
from symgrad.derivations.reasons import reason, references
from symgrad.derivations.steps import Step
from symgrad.derivations.transcript import Transcript
from symgrad.formulas.notation.lexicon import name_of
from symgrad.formulas.rendering import spelled
from symgrad.formulas.spelling.tree import name as tree_name
from symgrad.graphs.algebra.einsum import transpose
from symgrad.graphs.pieces.boxes import local_jacobian, named_leaf, steady
from symgrad.language.checkpoints import segments_of

TITLES = {"forward": "Forward", "backward": "Backward", "mean": "All samples"}
CHAIN = "The whole chain, read from the right"
STABLE = "the form derived here is the same, and stable"
JACOBIANS = "Jacobians are in numerator layout."
LONGEST = 200  # characters of a loss as it was written


@dataclass(frozen=True)
class Opening:
    """What is derived and by what, where G_v belongs to `loss`; `total` is L as a sum of the losses of samples."""

    what: str
    by: tuple[str, ...]
    loss: str
    name: str  # of the loss, as it was given
    total: str  # empty, where the loss itself is derived


@dataclass(frozen=True)
class Written:
    """The loss as the user wrote it, where another form of it is derived."""

    formula: str


@dataclass(frozen=True)
class Remark:
    """A sentence."""

    text: Sentence


@dataclass(frozen=True)
class Laws:
    """The laws that the steps use."""

    laws: tuple[Law, ...]


@dataclass(frozen=True, eq=False)
class Item:
    """One step, and what can be said of it; `batch` is its formula over the whole batch, where there is one."""

    step: Step
    style: str
    batch: str = ""
    heard: set[Any] = field(default_factory=set)  # the words of all that the document writes

    @property
    def formula(self) -> str:
        """The formula of one sample: G_a = (1 - x^2) G_x."""
        return text.formula(self.step, self.style, text.of_one(self.step))

    @cached_property
    def short(self) -> str:
        """The formula; where a slope says more, with it: G_a = tanh'(a) G_x = ..."""
        with self.step.world.listening(self.heard):
            return text.short(self.step, self.style)

    @cached_property
    def full(self) -> str:
        """The law for the values of this step, and what it gives."""
        with self.step.world.listening(self.heard):
            return text.full(self.step, self.style)

    def written(self) -> str:
        """The formula that every form shows."""
        return self.short if self.style == "unicode" else self.full

    @property
    def general(self) -> str:
        """The general law."""
        return general(self.step, self.style)

    @cached_property
    def derived(self) -> str:
        """What SymPy derived; may be empty."""
        return text.derived(self.step, self.style)

    @cached_property
    def reason(self) -> Sentence:
        """Why the step holds, and by which others."""
        by = references(self.step)
        return (*reason(self.step, self.style), *(", ", *by) * bool(by))

    @cached_property
    def inner(self) -> tuple[Item, ...]:
        """The inner steps that a document writes."""
        steps = () if self.step.kind in ("mean", "forward") else self.step.steps
        return tuple(Item(step, self.style) for step in steps)


@dataclass(frozen=True, eq=False)
class Glossary:
    """The signs that the formulas of these steps use, and what they mean."""

    items: tuple[Item, ...]
    laws: tuple[Law, ...]

    @cached_property
    def terms(self) -> tuple[Explained, ...]:
        """What is said of them."""
        style, masks = self.items[0].style, [box.leaf for item in self.items for box in item.step.box.operands
                                             if is_mask(box.leaf)]
        for item in self.items:
            item.written()
        found = self.items[0].heard
        known = {word for word, _ in found}  # a sign of a step says more than that of a law
        general = words_in_laws(sign for law in self.laws for sign in law.signs)
        found = found | {(word, sign) for word, sign in general if word not in known}
        drawn = [Explained(text.show(mask, style), mask_meaning(mask)) for mask in dict.fromkeys(masks)]
        return (*drawn, *terms(found, style))


@dataclass(frozen=True)
class Steps:
    """Numbered steps under a title."""

    title: str
    items: tuple[Item, ...]


@dataclass(frozen=True)
class Formula:
    """A formula under a title."""

    title: str
    formula: str


@dataclass(frozen=True)
class Batch:
    """The steps over the whole batch, samples as rows: the number of each step, and its formula; what capitals are."""

    title: str
    note: Sentence
    rows: tuple[tuple[int, str], ...]


Block = Opening | Answers | Written | Remark | Laws | Glossary | Steps | Formula | Batch


class Form(Protocol):
    """How the blocks look: each method gives the parts that a block adds to the text."""

    def opening(self, block: Opening) -> list[str]: ...
    def answers(self, block: Answers) -> list[str]: ...
    def written(self, block: Written) -> list[str]: ...
    def remark(self, block: Remark) -> list[str]: ...
    def laws(self, block: Laws) -> list[str]: ...
    def glossary(self, block: Glossary) -> list[str]: ...
    def steps(self, block: Steps) -> list[str]: ...
    def formula(self, block: Formula) -> list[str]: ...
    def batch(self, block: Batch) -> list[str]: ...


def told(blocks: Sequence[Block], form: Form) -> list[str]:
    """The parts of a text: the outline in a form."""
    tell: Mapping[type, Callable[[Any], list[str]]] = {
        Opening: form.opening, Answers: form.answers, Written: form.written, Remark: form.remark, Laws: form.laws,
        Glossary: form.glossary, Steps: form.steps, Formula: form.formula, Batch: form.batch}
    return [part for block in blocks for part in tell[type(block)](block)]


def outline(d: Transcript, style: str) -> tuple[Block, ...]:
    """The blocks of a derivation, with formulas in "unicode" or "latex"."""
    last = d.graph[-1]
    of_all = "" if d.weight is None else total(d, style)
    blocks: list[Block] = [Opening(*subject(d, style), text.show(last.leaf, style), last.name, of_all)]
    blocks += [answers for answers in [answered(d, *subject(d, style), style)] if answers]
    blocks += [Written(formula) for formula in [_written(d, style)] if formula]
    blocks += [Remark(sentence) for sentence in [_constant(d, style)] if sentence]
    blocks += [Remark(sentence) for sentence in [_checkpoints(d), _meeting(d, style)] if sentence]
    told_laws = (*laws(d.steps, style), *_functions(d, blocks, style))
    blocks.append(Laws(told_laws))
    with d.steps[0].world.listening(set()) as heard:
        title, note, rows = over_batch(d, style)
    of_batch = dict(rows)
    items = tuple(Item(step, style, of_batch.get(step.number, ""), heard) for step in d.steps)
    blocks.append(Glossary(items, told_laws))
    for kind, heading in TITLES.items():
        found = tuple(item for item in items if item.step.kind == kind)
        blocks += [Steps(heading, found)] if found else []
    blocks += [Formula(CHAIN, formula) for formula in [_chain(d, style)] if formula]
    return (*blocks, Batch(title, note, tuple(rows))) if rows else tuple(blocks)


def _functions(d: Transcript, blocks: Sequence[Block], style: str) -> tuple[Law, ...]:
    """What the functions are that not everybody knows."""
    nodes = [*nodes_of(d.steps), *([d.written] if d.written is not None else [])]
    if any(isinstance(block, Answers) for block in blocks):
        nodes += [*d.gradients, *d.nameless]
    defined, more = functions(nodes, style, d.steps[0].world.taken)
    return (Law("Where", "", defined, more),) if defined or more else ()


def subject(d: Transcript, style: str) -> tuple[str, tuple[str, ...]]:
    """What is derived, and by what."""
    leaf = {box.node: box.leaf for box in d.graph}
    return text.loss_of_all(d, style), tuple(
        text.show(leaf.get(x.node) or named_leaf(x.node, d.names), style) for x in d.wrt)




def total(d: Transcript, style: str) -> str:
    """L as the weighted sum over samples."""
    leaf = d.graph[-1].leaf
    one = spelled(tree_name(name_of(leaf, leaf.attrs[0].name), [tree_name(d.sample)]), [], False, style)
    return f"{text.loss_of_all(d, style)} = {text.weight_text(d.weight, style)}{text.over_samples(d.sample, style)} {one}"


def _written(d: Transcript, style: str) -> str:
    """The loss as it was written; empty where that says nothing else, or more than one reads."""
    if d.written is None:
        return ""
    formula = text.show(d.written, style)
    if formula == text.show(d.graph[-1].local, style):  # another graph, the same formula
        return ""
    return f"{text.show(d.graph[-1].leaf, style)} = {formula}" if len(formula) < LONGEST else ""


def _constant(d: Transcript, style: str) -> Sentence:
    """What the loss does not depend on."""
    found = {d.graph[-1].node, *(s.box.node for s in d.outputs)}
    names = tuple(Math(text.show(named_leaf(x.node, d.names), style)) for x in d.wrt if x.node not in found)
    return ("It does not depend on ", *joined(names), ": that gradient is zero.") if names else ()


def _meeting(d: Transcript, style: str) -> Sentence:
    """What the index of the lines is where samples meet in a statistic."""
    t = Math(text.letter(d.sample, style))
    return ("Values with the index ", t, " are those of sample ", t, ".") if d.steps[0].world.meets else ()


def _checkpoints(d: Transcript) -> Sentence:
    """What programs keep of a recurrence: formulas are the same."""
    found = segments_of(d.y.node)
    each = ", ".join(str(size) for size in found)
    return (f"Programs keep the state of every {each} steps, and compute those between again on the way back; the "
            "formulas are the same.",) if found else ()


def _chain(derivation: Transcript, style: str) -> str:
    """The whole chain for data at the bottom of a straight net, as the lecture writes it; else an empty text."""
    had = r"\odot" if style == "latex" else "⊙"
    for step in derivation.outputs:
        if step.box.kind != "data" or len(derivation.steps) < 6:
            continue
        factors: list[tuple[str, str]] = []  # each with the sign behind it
        current = step
        by_box = {s.box: s for s in derivation.steps if s.kind == "backward"}
        while len(current.consumers) == 1 and current.consumers[0].kind != "output":
            user = current.consumers[0]
            derivative = text.slope(current, style)
            if derivative:
                factors.append((derivative, f" {had} "))
            else:
                j = local_jacobian(user, current.box)
                j = None if j is None else steady(j)
                if j is None or len(j.shape) != 2:
                    break
                factors.append((text.show(transpose(j, [1, 0]), style), " "))
            current = by_box[user]
        else:
            if len(current.consumers) == 1:
                v = text.show(current.box.leaf, style)
                last = text.show(current.consumers[0].leaf, style)
                g = text.gradient_name(step.box, style)
                whole = text.nabla(v, last, style)
                for factor, sign in reversed(factors):  # a product binds closer than ⊙
                    whole = f"{factor}{sign}{f'({whole})' if sign == ' ' and had in whole else whole}"
                return f"{g} = {whole}"
    return ""
