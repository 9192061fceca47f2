"""The steps of a derivation over the whole batch, and the words that say what its letters mean there.

A vector of each sample is a row of a matrix, whose letter is a capital where one is free. What is a matrix for each
sample already stays as it is; where such are added up over samples, each has the index of its sample.
"""

from __future__ import annotations

from collections.abc import Iterable

from symgrad.derivations import text
from symgrad.derivations.pieces import Math, Sentence, joined
from symgrad.derivations.transcript import Stage, Transcript
from symgrad.formulas.notation.lexicon import name_of
from symgrad.formulas.rendering import spelled
from symgrad.formulas.spelling.tree import name as tree_name
from symgrad.graphs import ops
from symgrad.graphs.algebra.einsum import contract, scale
from symgrad.graphs.node import Node, topological
from symgrad.graphs.pieces.boxes import cotangent_leaf
from symgrad.graphs.pieces.recurring import recurs
from symgrad.graphs.textbook.normal import textbook

BATCH, SAMPLE = "batch", "sample"
Rows = list[tuple[int, str]]


def over_batch(d: Transcript, style: str) -> tuple[str, Sentence, Rows]:
    """A title, what its letters mean, and the steps over the whole batch, each with its number; empty without samples."""
    if d.over is None:
        return "", (), []
    rows: Rows = []
    met: dict[Node, str] = {}  # the leaves of samples, and how they are written
    picks: dict[Node, None] = {}  # one entry for each sample
    stay = False
    for step in d.steps:
        if step.kind not in ("forward", "backward"):
            continue
        if step.box.kind == "output":
            formula, mode, node = _loss(d, step, style)
        else:
            formula, mode, node = _of_step(step, style)
        rows.append((step.number, formula))
        own = [cotangent_leaf(step.box) if step.kind == "backward" else step.box.leaf]
        if step.batch is not None or step.box.kind == "output" and d.weight is not None:  # a sum over samples
            own = []
        if mode == BATCH:
            picks.update(dict.fromkeys(n for n in topological([node]) if n.op is ops.GATHER and len(n.shape) == 1))
        if not recurs(node) or step.batch is None:
            met |= {leaf: mode for leaf in (*text.of_samples(node), *own) if met.get(leaf) != BATCH}
        stay |= mode == SAMPLE
    title = "Over the batch" + ("; matrices of one sample stay as they are" if stay else ", one sample a row")
    return title, _note(d, met, picks, style), rows


def _of_step(step: Stage, style: str) -> tuple[str, str, Node]:
    """The formula of a step, whether it is that of the batch or of one sample, and the node that it writes."""
    if step.batch is not None:
        formula = text.formula(step, style, BATCH)
        with step.world.listening(set()):  # what is tried is not printed
            summed = not recurs(step.batch) and ("∑" in formula or r"\sum" in formula) and bool(
                text.stacks(step.batch) or text.by_indices(text.written(step, step.batch, style, BATCH)))
        return formula, SAMPLE if summed else BATCH, step.batch
    matrix = step.box.leaf.attrs[0].over is not None and len(step.box.leaf.shape) > 2
    if matrix or text.stacks(step.node) and not recurs(step.node):
        return text.formula(step, style, SAMPLE), SAMPLE, step.node
    with step.world.listening(set()) as heard:
        formula = text.formula(step, style, BATCH)
    if text.by_indices(formula.partition(" = ")[2]):
        return text.formula(step, style, SAMPLE), SAMPLE, step.node
    step.world.hear(heard)
    return formula, BATCH, step.node


def _loss(d: Transcript, step: Stage, style: str) -> tuple[str, str, Node]:
    """The loss over the whole batch: of all samples together, or a vector of one for each."""
    if d.weight is None:
        return _of_step(step, style)
    total = textbook(scale(contract([step.node], [[0]], []), d.weight))
    mode = SAMPLE if text.stacks(total) and not recurs(total) else BATCH
    return f"{text.loss_of_all(d, style)} = {text.written(step, total, style, mode)}", mode, total


def _note(d: Transcript, met: dict[Node, str], picks: Iterable[Node], style: str) -> Sentence:
    """What a capital is, which matrices and vectors keep their letters, and what an index of a sample is."""
    taken, t = d.steps[0].world.taken, Math(text.letter(d.sample, style))
    rows = [leaf for leaf, mode in met.items() if mode == BATCH and len(leaf.shape) == 2]
    both = {leaf: (text.show(leaf, style, BATCH, taken), text.show(leaf, style)) for leaf in rows}
    numbers = [leaf for leaf, mode in met.items() if mode == BATCH and len(leaf.shape) == 1]
    parts: list[Sentence] = []
    if capitals := [pair for pair in both.values() if pair[0] != pair[1]]:
        examples = [pair for pair in (capitals[0], next((p for p in capitals if "G" in p[0]), None)) if pair]
        pairs = [piece for high, low in dict.fromkeys(examples) for piece in (", ", Math(low), " in ", Math(high))]
        parts.append(("row ", t, " of a capital is the vector of sample ", t, ": ", *pairs[1:]))
    if same := [Math(low) for high, low in both.values() if high == low and "G" not in low]:
        parts.append((*joined(tuple(same)), " are such matrices under their own letters" if len(same) > 1 else
                      " is such a matrix under its own letter"))
    if single := [Math(text.show(leaf, style)) for leaf in numbers if not text.show(leaf, style).startswith("G")]:
        parts.append((*joined(tuple(single)), f" hold{'s' * (len(single) == 1)} one number of each sample"))
    for stack in (leaf for leaf, mode in met.items() if mode == BATCH and len(leaf.shape) > 2):
        everywhere, one = text.show(stack, style, BATCH, taken), text.show(stack, style)
        parts.append((Math(everywhere), " stacks ", Math(one), " of all samples"))
    for pick in picks:
        everywhere, one = text.show(pick, style, BATCH, taken), text.show(pick, style)
        if not text.by_indices(everywhere) and everywhere != one:
            parts.append((Math(everywhere), " holds ", Math(one), " of each sample"))
    if apart := next((leaf for leaf, mode in met.items() if mode == SAMPLE), None):
        shown = spelled(tree_name(name_of(apart, apart.attrs[0].name), [tree_name(d.sample)]), [], False, style)
        parts.append((Math(shown), " is ", Math(text.show(apart, style)), " of sample ", t))
    return _sentence(parts)


def _sentence(parts: list[Sentence]) -> Sentence:
    """Clauses as one sentence."""
    if not parts:
        return ()
    pieces = [piece for part in parts for piece in ("; ", *part)][1:]
    first = pieces[0]
    return (first[:1].upper() + first[1:] if isinstance(first, str) else first, *pieces[1:], ".")
