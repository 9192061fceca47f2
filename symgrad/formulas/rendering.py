"""The formula of a node: the presentation tree of `notation/writer.py`, spelled.

Large formulas name their intermediates and define them behind a "where".
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field, replace
from functools import partial

from symgrad.formulas.abbreviations import LONG, SHORT, abbreviations
from symgrad.formulas.names import symbol_names
from symgrad.formulas.notation.definitions import definition
from symgrad.formulas.notation.lexicon import Lexicon, lexicon
from symgrad.formulas.notation.loop_names import Recurrences
from symgrad.formulas.notation.operators import OPERATORS
from symgrad.formulas.notation.recurrences import recurrence_lines
from symgrad.formulas.notation.writer import SAMPLE, Writer
from symgrad.formulas.spelling.breaking import PAGE, aligned, latex_lines, latex_width
from symgrad.formulas.spelling.glyphs import Name
from symgrad.formulas.spelling.latex import latex as to_latex
from symgrad.formulas.spelling.tree import Tree, contains, walk
from symgrad.formulas.spelling.unicode import unicode
from symgrad.graphs import ops
from symgrad.graphs.algebra.einsum import contract
from symgrad.graphs.algebra.recurrence import Loop
from symgrad.graphs.node import Node, topological
from symgrad.graphs.samples import sample_axes

DEFINITIONS = 12  # definitions behind one formula
TERMS = 16  # terms of a sum that `str` shows
ALONE = 100  # pieces of a formula that a caller has cut to size
SHORTER = (20, 12, 8)  # pieces of a named intermediate where cases are wider than a page, most first
LEFT = 3.0  # em: "v_1 = "
Lines = list[tuple[Tree, Tree]]


@dataclass(frozen=True)
class Said:
    """What formulas in front have told of recurrences: how they call them, and the rows that define the names.

    `read` is what these rows define of each loop.
    """

    recurrences: Recurrences = field(default_factory=Recurrences)
    rows: tuple[tuple[Tree, Tree], ...] = ()
    read: Mapping[Loop, AbstractSet[Node]] = field(default_factory=dict)

    def left(self, rows: Lines) -> Lines:
        """The lines for which none of these has been said: a letter means one thing, in other words too."""
        known = {left for left, _ in self.rows}
        return [row for row in rows if row[0] not in known]


def render(node: Node, *, mode: str = SAMPLE, names: Mapping[Node, str] | Lexicon | None = None,
           stop: AbstractSet[Node] = frozenset(), style: str = "unicode",
           taken: AbstractSet[Name] = frozenset(), told: set[str] | None = None, said: Said | None = None,
           seen: list[Tree] | None = None) -> str:
    """The formula of `node`, as "unicode" (one line) or "latex".

    Nodes in `names` other than the root print as that name, `named` nodes as theirs, nodes in `stop` as
    dots. Where many formulas of one graph are written, `names` is their common lexicon: then the time of
    each is that of its own nodes. `mode` "sample" writes the formula of one sample, "batch" that of all
    samples as rows of upper-case matrices. Formulas beyond any line name intermediates and define them
    after "where". No index has a letter of the names in `taken`. Steps of loops that are `told` already are not told again,
    nor what has been `said` in front. What is written is `seen`: its trees are added.
    """
    words = names if isinstance(names, Lexicon) else lexicon([node], names, taken)
    words = words if said is None else replace(words, recurrences=said.recurrences.copy())
    writer, main, definitions, more = presentation(node, mode, words, stop, ALONE, read=None if said is None else said.read)
    if told is not None and writer.met:
        texts = {row: f"{unicode(row[0])} = {unicode(row[1])}" for row in definitions}
        definitions = [row for row in definitions if texts[row] not in told]
        told.update(texts.values())
    definitions = definitions if said is None else said.left(definitions)
    if seen is not None:
        seen += [main, *(tree for row in definitions for tree in row)]
    return spelled(main, definitions, more, style)


def parted(node: Node, mode: str, taken: AbstractSet[Name], said: Said) -> tuple[Tree, Lines]:
    """The formula of `node` and the lines behind it, without those that have been said."""
    words = replace(lexicon([node], None, taken), recurrences=said.recurrences.copy())
    _, main, definitions, _ = presentation(node, mode, words, most=ALONE, read=said.read)
    return main, said.left(definitions)


def heard(node: Node, mode: str, taken: AbstractSet[Name], said: Said) -> Said:
    """What is known of recurrences behind the formula of `node`, before which that is known which has been said."""
    words = replace(lexicon([node], None, taken), recurrences=said.recurrences.copy())
    writer, _, definitions, _ = presentation(node, mode, words, most=ALONE, read=said.read)
    read = {loop: {*said.read.get(loop, ()), *nodes} for loop, nodes in writer.met.items()}
    return Said(writer.recurrences, (*said.rows, *definitions), {**said.read, **read})


def presentation(node: Node, mode: str, words: Lexicon, stop: AbstractSet[Node] = frozenset(),
                 most: int | None = None, over: bool = False, whole: bool = False,
                 read: Mapping[Loop, AbstractSet[Node]] | None = None) -> tuple[Writer, Tree, Lines, bool]:
    """The writer of a formula, its main part, the definitions it needs, and whether there are more of them.

    A formula on one line has at most TERMS terms in a sum and DEFINITIONS behind it; a `whole` one leaves out nothing.
    What formulas in front have `read` of loops is defined there.
    """
    inside = node
    while inside.op is ops.NAMED:
        inside = inside.operands[0]
    tried = []
    for pieces in (LONG, *SHORTER):
        at_most = (SHORT if most is None else most) if pieces == LONG else 0
        short = abbreviations(inside, words.texts, at_most, pieces)
        writer = Writer(OPERATORS, [node], words.extended(short), mode, stop,
                        TERMS if most is None and not whole else None)
        limit = None if whole else DEFINITIONS
        written = (writer, *_defined(writer, short, writer.formula(inside, over), limit, read))
        tried.append((_width(*written[1:3]), written))
        if tried[-1][0] <= PAGE:
            break
    return min(tried, key=lambda each: each[0])[1]


def _width(main: Tree, definitions: Lines) -> float:
    """The width in em of the widest part with cases, which no line breaks, once broken where that can be."""
    parts = [tree for row in ((main,), *definitions) for tree in row if contains(tree, "cases")]
    lines = (line for tree in parts for line in latex_lines(to_latex(tree), PAGE - LEFT))
    return LEFT + max(map(latex_width, lines), default=0.0)


def composed(parts: Sequence[Node], build: Callable[[Writer], Tree], names: Mapping[Node, str],
             style: str = "unicode") -> str:
    """A formula that `build` writes over the nodes `parts`, in which those in `names` print as their names.

    Large ones name their intermediates as those of `text` do.
    """
    words = Lexicon({**names, **symbol_names(topological(parts))}, sample_axes(parts))
    whole = contract(parts, [[(i, axis) for axis in range(len(node.shape))] for i, node in enumerate(parts)], ())
    short = {node: text for node, text in abbreviations(whole, words.texts).items() if node not in parts}
    writer = Writer(OPERATORS, parts, words.extended(short))
    return spelled(*_defined(writer, short, build(writer)), style)


def _defined(writer: Writer, short: Mapping[Node, str], main: Tree,
             most: int | None = DEFINITIONS,
             read: Mapping[Loop, AbstractSet[Node]] | None = None) -> tuple[Tree, Lines, bool]:
    """A formula with the definitions of the names that it uses, at most `most` of them."""
    if not short and not writer.met:
        return writer.clear(main), [], False
    named = {writer.names[each]: each for each in short}
    wanted: dict[Node, Tree] = {}
    steps: Lines = []
    queue = [main]
    more = False
    while queue:
        for part in walk(queue.pop(0)):
            each = named.get(part.args[0]) if part.head == "name" else None
            if each is not None and each not in wanted:
                more = len(wanted) == most
                if more:
                    queue.clear()
                    break
                wanted[each] = definition(writer, each)
                queue.append(wanted[each])
        if not queue and writer.met:
            told = recurrence_lines(writer, read or {})
            queue += [right for line in told for right in line if line not in steps]
            steps = told
    order = [each for each in short if each in wanted]
    rows = [*((writer.left(each), wanted[each]) for each in order), *steps]
    return writer.clear(main), [(writer.clear(left), writer.clear(right)) for left, right in rows], more


def in_lines(main: Tree, definitions: Lines, width: float, axes: Mapping[Name, int] | None = None) -> str:
    """A formula as LaTeX of lines not wider than `width` em, its definitions below it."""
    rows = latex_lines(to_latex(main, axes), width)
    found = [f"& {rows[0]}", *(rf"&\quad {{}} {row}" for row in rows[1:])]
    if definitions:
        found[-1] += r",\quad \text{where}"
    for left, right in definitions:
        found += aligned(f"{to_latex(left, axes)} = {to_latex(right, axes)}", width)
    if len(found) == 1:
        return rows[0]
    return r"\begin{aligned} " + r" \\ ".join(found) + r" \end{aligned}"


def spelled(main: Tree, definitions: Lines, more: bool, style: str, axes: Mapping[Name, int] | None = None) -> str:
    """A formula with its definitions as text; with `axes` of names, vectors and matrices of LaTeX in bold type."""
    if style not in ("unicode", "latex"):
        raise ValueError(f"the style of a formula is 'unicode' or 'latex', not {style!r}")
    spell = unicode if style == "unicode" else partial(to_latex, axes=axes)
    text = spell(main)
    if not definitions:
        return text
    parts = [f"{spell(left)} = {spell(right)}" for left, right in definitions]
    if style == "unicode":
        return f"{text}, where {'; '.join([*parts, *['…'] * more])}"
    if len(parts) > DEFINITIONS:  # one below the other
        rows = [rf"& {text},\quad \text{{where}}", *(f"& {part}" for part in parts)]
        return r"\begin{aligned} " + r" \\ ".join(rows) + r" \end{aligned}"
    return text + r",\quad \text{where } " + r";\; ".join([*parts, *[r"\ldots"] * more])
