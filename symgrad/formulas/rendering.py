"""How tensors print: `str`, error messages, LaTeX, MathML, several lines of Unicode.

All of them write the presentation tree of `notation.py`; large formulas name their intermediates and
define them behind a "where".
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from typing import TYPE_CHECKING

from symgrad.formulas.abbreviations import abbreviations
from symgrad.formulas.notation.writer import SAMPLE, Lexicon, Writer, lexicon, symbol_names
from symgrad.formulas.spelling.latex import latex as to_latex
from symgrad.formulas.spelling.tree import Tree, name, walk
from symgrad.formulas.spelling.unicode import unicode
from symgrad.graphs.algebra.einsum import contract
from symgrad.graphs.algebra.samples import sample_axes
from symgrad.graphs.node import Node, topological

if TYPE_CHECKING:
    from symgrad.language.tensor import Tensor

WIDTH = 40  # characters of a formula in an error message
GLANCE = 20  # nodes that an error message looks at
DEFINITIONS = 12  # definitions behind one formula
TERMS = 16  # terms of a sum that `str` shows
ALONE = 100  # pieces of a formula that a caller has cut to size
Lines = list[tuple[Tree, Tree]]


def render(node: Node, *, mode: str = SAMPLE, names: Mapping[Node, str] | Lexicon | None = None,
           stop: AbstractSet[Node] = frozenset(), style: str = "unicode") -> str:
    """The formula of `node`, as "unicode" (one line) or "latex".

    Nodes in `names` other than the root print as that name, `named` nodes as theirs, nodes in `stop` as
    dots. Where many formulas of one graph are written, `names` is their common lexicon: then the time of
    each is that of its own nodes. `mode` "sample" writes the formula of one sample, "batch" that of all
    samples as rows of upper-case matrices. Formulas beyond any line name intermediates and define them
    after "where".
    """
    words = names if isinstance(names, Lexicon) else lexicon([node], names)
    main, definitions, more = _written(node, mode, words, stop, ALONE, False)
    return _spelled(main, definitions, more, style)


def _written(node: Node, mode: str, words: Lexicon, stop: AbstractSet[Node], most: int | None,
             over: bool) -> tuple[Tree, Lines, bool]:
    """The main formula, the definitions it needs, and whether there are more of them."""
    return presentation(node, mode, words, stop, most, over)[1:]


def presentation(node: Node, mode: str, words: Lexicon, stop: AbstractSet[Node] = frozenset(),
                 most: int | None = None, over: bool = False) -> tuple[Writer, Tree, Lines, bool]:
    """The writer of a formula, its main part, the definitions it needs, and whether there are more of them."""
    inside = node
    while inside.op == "named":
        inside = inside.operands[0]
    short = abbreviations(inside, words.texts, *([] if most is None else [most]))
    writer = Writer([node], words.extended(short), mode, stop, TERMS if most is None else None)
    return writer, *_defined(writer, short, writer.formula(inside, over))


def composed(parts: Sequence[Node], build: Callable[[Writer], Tree], names: Mapping[Node, str],
             style: str = "unicode") -> str:
    """A formula that `build` writes over the nodes `parts`, in which those in `names` print as their names.

    Large ones name their intermediates as those of `text` do.
    """
    words = Lexicon({**names, **symbol_names(topological(parts))}, sample_axes(parts))
    whole = contract(parts, [[(i, axis) for axis in range(len(node.shape))] for i, node in enumerate(parts)], ())
    short = {node: text for node, text in abbreviations(whole, words.texts).items() if node not in parts}
    writer = Writer(parts, words.extended(short))
    return _spelled(*_defined(writer, short, build(writer)), style)


def _defined(writer: Writer, short: Mapping[Node, str], main: Tree) -> tuple[Tree, Lines, bool]:
    """A formula with the definitions of the names that it uses."""
    if not short:
        return main, [], False
    named = {writer.names[each]: each for each in short}
    wanted: dict[Node, Tree] = {}
    queue = [main]
    more = False
    while queue:
        for part in walk(queue.pop(0)):
            each = named.get(part.args[0]) if part.head == "name" else None
            if each is not None and each not in wanted:
                more = len(wanted) == DEFINITIONS
                if more:
                    queue.clear()
                    break
                wanted[each] = writer.formula(each)
                queue.append(wanted[each])
    order = [each for each in short if each in wanted]
    return main, [(name(writer.names[each]), wanted[each]) for each in order], more


def _spelled(main: Tree, definitions: Lines, more: bool, style: str) -> str:
    if style not in ("unicode", "latex"):
        raise ValueError(f"the style of a formula is 'unicode' or 'latex', not {style!r}")
    spell = unicode if style == "unicode" else to_latex
    text = spell(main)
    if not definitions:
        return text
    parts = [f"{spell(left)} = {spell(right)}" for left, right in definitions]
    if style == "unicode":
        return f"{text}, where {'; '.join([*parts, *['…'] * more])}"
    return text + r",\quad \text{where } " + r";\; ".join([*parts, *[r"\ldots"] * more])


def _tree_of(t: Tensor) -> tuple[Tree, Lines, bool]:
    if t.node.op == "named":
        return name(t.node.attrs[0]), [], False
    return _written(t.node, SAMPLE, lexicon([t.node]), frozenset(), None, t.over is not None)


def text(t: Tensor) -> str:
    """The formula on one line of Unicode; a named tensor prints as its name.

    >>> import symgrad as sg
    >>> X, w, y = sg.data("X", (5, 3)), sg.parameter("w", 3), sg.data("y", 5)
    >>> print(sg.gradient(sg.sum((X @ w - y) ** 2), w))
    2 Xᵀ (X w - y)
    """
    return _spelled(*_tree_of(t), "unicode")


def short(t: Tensor) -> str:
    """At most 40 characters, for error messages: never fails, and looks at a few nodes only."""
    node = t.node
    try:
        if node.op == "named":
            return _cut(unicode(name(node.attrs[0])))
        near: dict[Node, None] = {node: None}
        queue = [node]
        while queue:
            for operand in queue.pop(0).operands:
                if operand not in near and len(near) < GLANCE:
                    near[operand] = None
                    queue.append(operand)
        stop = {o for each in near for o in each.operands if o not in near and o.operands}
        words = Lexicon(symbol_names(near), sample_axes([node]))
        return _cut(unicode(Writer([node], words, SAMPLE, stop).formula(node, t.over is not None)))
    except Exception:  # an error message must not be lost to an error in it
        return node.op


def _cut(line: str) -> str:
    return line if len(line) <= WIDTH else line[:WIDTH - 1].rstrip() + "…"


def shape_text(t: Tensor) -> str:
    """The shape as Python writes it, with the sample axis where there is one."""
    shape = t.shape
    inner = "(" + ", ".join(map(str, shape)) + ("," if len(shape) == 1 else "") + ")"
    return inner if t.over is None else f"{inner} over {t.over}"


def latex(t: Tensor) -> str:
    """The formula in LaTeX."""
    return _spelled(*_tree_of(t), "latex")


def mathml(t: Tensor) -> str:
    """The formula as presentation MathML, with its LaTeX in an annotation."""
    from symgrad.formulas.spelling.mathml import mathml_of

    return mathml_of(latex(t))


def pretty(t: Tensor) -> str:
    """The formula as Unicode over several lines; definitions follow, one below the other."""
    from symgrad.formulas.spelling.pretty import pretty as to_pretty

    main, definitions, more = _tree_of(t)
    blocks = [to_pretty(main), *(to_pretty(right, left) for left, right in definitions), *["…"] * more]
    return ("\n\n" if definitions else "").join(blocks) if len(blocks) > 1 else blocks[0]
