"""How tensors print: `str`, error messages, LaTeX, MathML, several lines of Unicode."""

from __future__ import annotations

from symgrad.formulas.names import shape_text, symbol_names
from symgrad.formulas.notation.lexicon import Lexicon, lexicon
from symgrad.formulas.notation.operators import OPERATORS
from symgrad.formulas.notation.writer import SAMPLE, Writer
from symgrad.formulas.rendering import Lines, in_lines, presentation, spelled
from symgrad.formulas.spelling.glyphs import Name
from symgrad.formulas.spelling.letters import for_tex
from symgrad.formulas.spelling.tree import Tree, name
from symgrad.formulas.spelling.unicode import unicode
from symgrad.graphs import ops
from symgrad.graphs.node import Node
from symgrad.graphs.samples import sample_axes
from symgrad.language.naming import layer_names
from symgrad.language.phases import in_training
from symgrad.language.replaying import shown
from symgrad.language.tensor import Tensor

WIDTH = 40  # characters of a formula in an error message
GLANCE, PIECES = 20, 60  # nodes that an error message looks at, and pieces it may have


def tree_of(t: Tensor, whole: bool = True) -> tuple[Tree, Lines, bool]:
    """The formula as a presentation tree, the definitions that it needs, and whether there are more of them.

    On one line, where it is not `whole`, some are left out.
    """
    if t.node.op is ops.NAMED:
        return name(t.node.attrs[0]), [], False
    return _written(t, whole)[1:]


def _written(t: Tensor, whole: bool = True) -> tuple[Writer, Tree, Lines, bool]:
    node = shown(in_training(t)).node
    return presentation(node, SAMPLE, lexicon([node], layer_names([t])), over=t.over is not None, whole=whole)


def text(t: Tensor) -> str:
    """The formula on one line of Unicode; a named tensor prints as its name.

    >>> import symgrad as sg
    >>> X, w, y = sg.data("X", (5, 3)), sg.parameter("w", 3), sg.data("y", 5)
    >>> print(sg.gradient(sg.sum((X @ w - y) ** 2), w))
    2 Xᵀ (X w - y)
    """
    return spelled(*tree_of(t, whole=False), "unicode")


def short(t: Tensor) -> str:
    """At most 40 characters, for error messages: never fails, and looks at a few nodes only."""
    node = t.node
    try:
        if node.op is ops.NAMED:
            return _cut(unicode(name(node.attrs[0])))
        near: dict[Node, None] = {node: None}
        queue = [node]
        for each in queue:  # every time that a node is written: x^x nested has two bases on each level
            for operand in each.operands if len(queue) < PIECES else ():
                if operand in near or len(near) < GLANCE:
                    near[operand] = None
                    queue.append(operand)
        far = {o: None for each in near for o in each.operands if o not in near}
        words = Lexicon(symbol_names([*near, *(o for o in far if not o.operands)]), sample_axes([node]))
        stop = {o for o in far if o.operands}
        writer = Writer(OPERATORS, [node], words, SAMPLE, stop)
        return _cut(unicode(writer.clear(writer.formula(node, t.over is not None))))
    except Exception:  # an error message must not be lost to an error in it
        return node.op


def _cut(line: str) -> str:
    return line if len(line) <= WIDTH else line[:WIDTH - 1].rstrip() + "…"


def tensor_shape(t: Tensor) -> str:
    """The shape as Python writes it, with the sample axis where there is one."""
    shape = shape_text(t.shape)
    return shape if t.over is None else f"{shape} over {t.over}"


def latex(t: Tensor, style: str = "plain", width: float | None = None) -> str:
    r"""The formula in LaTeX; a letter that plain pdflatex does not have is its code point, U+4E2D.

    `style` "bold" sets vectors and matrices in bold type (\boldsymbol needs amsmath). `width`, in em, breaks a longer
    formula into lines of an `aligned`: a column of two is about 21 em wide.

    >>> import symgrad as sg
    >>> X, w, y = sg.data("X", (5, 3)), sg.parameter("w", 3), sg.data("y", 5)
    >>> print(sg.gradient(sg.sum((X @ w - y) ** 2), w).latex(style="bold"))
    2 \mathbf{X}^{\top} (\mathbf{X} \mathbf{w} - \mathbf{y})
    """
    if style not in ("plain", "bold"):
        raise ValueError(f"the style of LaTeX is 'plain' or 'bold', not {style!r}")
    if width is not None and not width > 0:
        raise ValueError(f"a width is a positive number of em, not {width!r}")
    main, definitions, more = tree_of(t)
    axes = _axes(_written(t)[0]) if style == "bold" else None
    if width is not None:
        return for_tex(in_lines(main, definitions, width, axes))
    return for_tex(spelled(main, definitions, more, "latex", axes))


def _axes(writer: Writer) -> dict[Name, int]:
    """The axes of each name, without that of the samples."""
    found = {each: len(node.shape) - (node in writer.axes) for node, each in writer.names.items()}
    return {**found, Name("e", own=True): 2}  # the unit vector e_i has an index and is one


def notation(t: Tensor) -> str:
    """The formula in LaTeX as pages and notebooks set it, with all letters."""
    return spelled(*tree_of(t), "latex")


def mathml(t: Tensor) -> str:
    """The formula as presentation MathML, with its LaTeX in an annotation."""
    from symgrad.formulas.spelling.mathml import mathml_of

    return mathml_of(notation(t))


def pretty(t: Tensor) -> str:
    """The formula as Unicode over several lines; definitions follow, one below the other."""
    from symgrad.formulas.spelling.pretty import pretty as to_pretty

    main, definitions, _ = tree_of(t)
    blocks = [to_pretty(main), *(to_pretty(right, left) for left, right in definitions)]
    return ("\n\n" if definitions else "").join(blocks) if len(blocks) > 1 else blocks[0]
