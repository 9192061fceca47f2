"""The functions of numbers in a derivation that not everybody knows, each defined once, by its row of the one table.

`graphs/algebra/rows.py` has the formulas; what has none but itself, the error function, is told by its name in words.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from collections.abc import Set as AbstractSet

from symgrad.derivations.laws import functions_of
from symgrad.derivations.pieces import Math, Sentence
from symgrad.derivations.sentences import sentence, spoken
from symgrad.derivations.text import function_name, show, slope_node
from symgrad.derivations.transcript import Stage
from symgrad.formulas.spelling.glyphs import Name
from symgrad.formulas.words.spoken import ENTRYWISE
from symgrad.graphs import ops
from symgrad.graphs.algebra.formulas import lower
from symgrad.graphs.algebra.primitives import elementwise, input_node
from symgrad.graphs.algebra.recurrence import loop_of
from symgrad.graphs.algebra.rows import ROWS
from symgrad.graphs.errors import SymgradError
from symgrad.graphs.node import REAL, Node, Symbol, topological
from symgrad.graphs.pieces.boxes import LEAF

# What everybody knows, and what is written in other signs: |x|, 1/x, cases, conditions.
KNOWN = frozenset("""
    real exp log log1p log2 log10 expm1 sqrt reciprocal sin cos tan arcsin arccos arctan sinh cosh tanh arcsinh arccosh
    arctanh log_cosh power times_power log_or_zero log_abs times_exp abs sign floor ceil maximum minimum where zeroed
    defined taken less less_equal greater greater_equal equal not_equal logical_and logical_or logical_not
    isnan isfinite isinf""".split())
PRIMED = {"sinc_derivative": "sinc"}  # derivatives that are written with a prime
IN_WORDS = ("round", "digamma")  # whose formulas say less than their names


def rows_in(nodes: Iterable[Node]) -> list[str]:
    """The functions that formulas use, and those in their definitions, as far as they need one; each once."""
    found: dict[str, None] = {}
    queue = list(nodes)
    while queue:
        order = topological(queue)
        new = [PRIMED.get(n.attrs[0], n.attrs[0]) for n in order if n.op is ops.ELEMENTWISE and n.attrs[0] not in KNOWN]
        queue = [node for n in order if n.op is ops.SCAN for node in loop_of(n).body.after]
        queue += [node for row in dict.fromkeys(new) if row not in found and (node := definition(row)[1]) is not None]
        found.update(dict.fromkeys(new))
    return list(found)


def definition(row: str) -> tuple[Node, Node | None]:
    """A function at letters, and its formula there; None where the table has none but itself."""
    letters = [input_node(Symbol("data", name, owner=LEAF), (), REAL) for name in _letters(row)]
    whole = elementwise(row, letters)
    if row in IN_WORDS:
        return whole, None
    try:
        formula = lower(ROWS[row].formula, dict(zip(ROWS[row].symbols, letters, strict=True)), ())
    except SymgradError:  # of a function that has no row
        return whole, None
    return whole, None if formula is whole else formula


def _letters(row: str) -> str:
    return "xab" if row == "clip" else "xs"[:ROWS[row].arity]


def nodes_of(steps: Sequence[Stage]) -> list[Node]:
    """The formulas of steps, and the slopes in their laws."""
    found = [node for step in steps for node in (step.node, step.applied, step.batch) if node is not None]
    return found + [slope_node(node) for node in functions_of(steps)]


def functions(nodes: Iterable[Node], style: str, taken: AbstractSet[Name]) -> tuple[tuple[str, ...], Sentence]:
    """The definitions of the functions in formulas, and how it goes on about those that have none; both may be empty."""
    plain = frozenset(Name(name.base) for name in taken)
    pairs = [(row, *definition(row)) for row in rows_in(nodes)]
    defined = tuple(f"{show(whole, style, taken=plain)} = {show(formula, style, taken=plain)}"
                    for _, whole, formula in pairs if formula is not None)
    letters = {name.base for name in plain}
    named = [(Math(function_name(row, style, letters)), f" is {ENTRYWISE.get(row, row)}")
             for row, _, formula in pairs if formula is None]
    told = tuple(piece for part in named for piece in ("; ", *part))
    return (defined, told) if defined or not told else ((named[0][0].text,), told[2:])


def sentences_of(steps: Sequence[Stage], taken: AbstractSet[Name]) -> tuple[str, ...]:
    """The same in words: one sentence for each function that steps use."""
    letters = {name.base for name in taken}
    found = []
    for row in rows_in(nodes_of(steps)):
        whole, formula = definition(row)
        name = function_name(row, "unicode", letters)
        found.append(sentence(f"{name} is {ENTRYWISE.get(row, row)}" if formula is None else
                              f"{show(whole, 'unicode', taken=frozenset(map(Name, letters)))} is {spoken(formula)}"))
    return tuple(found)


def slope_in_words(row: str, width: int) -> str:
    """'tanh of a is the difference 1 minus ...': what SymPy derived for a row, where it is short."""
    a = input_node(Symbol("data", "a", owner=LEAF), (), REAL)
    value = elementwise(row, [a])
    text = f"{spoken(value)} is {spoken(slope_node(value))}"
    return text if len(text) <= width else ""
